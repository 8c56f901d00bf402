# ruff: noqa: E501
"""Text in thirteen languages for the sample crawl (see make_crawl.py), written for this project.

The notation is that of crawl_text.py: one sentence a line, ``{a|b}`` for alternatives, ``{3-9}`` for a number.
"""

LANGUAGES: dict[str, dict[str, str]] = {
    "de": {
        "garden": """
Die Tomaten kamen in diesem Jahr {erst Mitte Mai|sehr spät|nach den Eisheiligen} ins Beet, weil der Boden lange kalt geblieben war.
Wer seinen Kompost {regelmäßig|zweimal im Jahr} umsetzt, bekommt nach einigen Monaten eine {lockere|dunkle} Erde, die nach Wald riecht.
Unter der alten Linde wächst fast nichts, denn ihre Wurzeln nehmen jeden Tropfen Wasser {auf|für sich}.
Im {Herbst|Oktober} haben wir die Himbeeren zurückgeschnitten und die Ruten mit {Schnur|weichem Draht} am Zaun befestigt.
Die Schnecken fraßen in einer einzigen Nacht {den ganzen Salat|zwei Reihen Kohlrabi} und ließen das Unkraut stehen.
Meine Großmutter säte die Möhren immer {bei abnehmendem Mond|nach dem Regen}, und ich habe nie gewagt, ihr zu widersprechen.
Regenwasser ist für {Rhododendren|Heidelbeeren} besser als Leitungswasser, weil es kaum Kalk enthält.
Ein kleines Gewächshaus von {4-9} Quadratmetern reicht aus, um eine Familie bis in den November mit {Gurken|Paprika} zu versorgen.
Der Nachbar lieh uns seine {Sense|Leiter} und erklärte geduldig, warum man das Gras am besten am frühen Morgen mäht.
Seit {5-18} Jahren führe ich ein Gartentagebuch, in dem auch die {Fehler|Misserfolge} stehen.
""",
        "bike": """
Das alte Fahrrad stand {jahrelang|seit dem Umzug} im Keller, bevor jemand auf die Idee kam, die Reifen aufzupumpen.
Der Radweg führt am Fluss entlang, und nur vor {der Brücke|dem Kloster} gibt es eine kurze Steigung.
Eine saubere Kette läuft {leiser|leichter} und hält mehrere tausend Kilometer länger.
Am dritten Tag drehte der Wind, und wir legten {80-130} Kilometer zurück, ohne müde zu werden.
Der Mechaniker schaute sich die Felge an, schüttelte den Kopf und griff {wortlos|seufzend} nach dem Messschieber.
Breite Reifen mit {weniger|geringem} Druck sind auf schlechten Wegen nicht nur bequemer, sondern oft auch schneller.
Die Stadt hat versprochen, bis zum {Frühjahr|nächsten Sommer} einen geschützten Radstreifen am Kanal zu bauen.
Kinder lernen das Gleichgewicht am schnellsten, wenn man zuerst die {Pedale|Stützräder} abschraubt.
An der Fähre trafen wir eine pensionierte {Lehrerin|Ärztin}, die den ganzen Fluss schon {drei|vier} Mal abgefahren war.
""",
        "sky": """
In einer klaren Nacht kann man ohne Fernrohr etwa {zwei|drei}tausend Sterne sehen, wenn kein Licht aus der Stadt stört.
Die Sternwarte auf dem Hügel ist jeden {Freitag|Samstag} geöffnet, sofern das Wetter mitspielt.
Das Auge braucht mindestens eine halbe Stunde, um sich an die Dunkelheit zu gewöhnen, und ein Blick auf das {Telefon|Display} macht alles zunichte.
Die Monde des Jupiter wechseln von Abend zu Abend ihren Platz, was man schon mit einem {guten|ruhig gehaltenen} Fernglas beobachten kann.
Als der Schatten über den {Schulhof|Marktplatz} zog, wurden sogar die Tauben still.
Sternschnuppen beobachtet man am besten {im Liegestuhl|auf einer Decke}, mit einer Kanne Tee und ohne jedes Gerät.
Ein Komet sieht selten so aus wie auf den Bildern, denn die Kamera sammelt {minutenlang|viel länger} Licht.
Planeten leuchten ruhig, während Sterne dicht über dem Horizont {flackern|funkeln}, weil die Luft niemals still steht.
Unser Verein besitzt {3-8} Teleskope, und jedes davon wurde von einem Mitglied {in der Garage|am Küchentisch} gebaut.
""",
        "kitchen": """
Der Teig soll sich {weich|elastisch} anfühlen und langsam zurückfedern, wenn man mit dem Finger hineindrückt.
Man lässt die Suppe bei kleiner Hitze {30-60} Minuten köcheln und rührt ab und zu um, damit nichts anbrennt.
Altes Brot ist kein Abfall, sondern die Grundlage für {Knödel|mindestens fünf gute Gerichte}.
Ein Spritzer {Zitrone|Essig} am Ende rettet ein Gericht, das flach schmeckt, oft besser als noch mehr Salz.
Meine Mutter hat das Mehl nie gewogen, und auf die Frage nach der Menge antwortete sie immer: {genug|bis es stimmt}.
Die Gurken sind fertig, sobald die Lake {trüb|sauer} wird, und das dauert im kühlen Keller etwa drei Wochen.
Ein scharfes Messer ist sicherer als ein stumpfes, weil es dort schneidet, wo man {will|es ansetzt}.
Am {Sonntag|Markttag} backen wir zusammen einen Kuchen mit {Zwetschgen|Kirschen}, und der erste Rand wird noch warm gegessen.
Zwiebeln bräunen nur, wenn sie in der Pfanne genug Platz haben, sonst {dünsten|schmoren} sie im eigenen Saft.
""",
        "town": """
Die Mühle wurde {1720-1850} von einer Familie gebaut, deren Name nur noch auf einem Stein über der Tür zu lesen ist.
Bei dem Hochwasser stand das Wasser fast zwei Meter hoch in der {Kirche|Gasse}, wie eine Marke an der Wand bis heute zeigt.
Früher dauerte die Reise in die Hauptstadt {zwei|drei} Tage und wurde im Winter nur selten gewagt.
Das Heimatmuseum hat über {300-900} Fotografien gesammelt, und auf vielen kennt niemand mehr die Gesichter.
Wo heute Autos parken, lag einst die {Gerberei|Seilerbahn}, deren Geruch die Alten noch zu kennen behaupten.
Aus den Briefen eines {Lehrers|Schreibers} wissen wir, was damals ein Pfund Butter und ein Paar Schuhe kosteten.
Die beiden Dörfer stritten {40-90} Jahre lang um eine Wiese, und die Akten füllen ein ganzes Regal.
Der letzte Dampfzug fuhr an einem {Sonntag|Mittwoch}, und der Heizer ließ die Kinder pfeifen.
Jeder Bürgermeister hat versprochen, das {Stadttor|Rathaus} zu sanieren, und die Pläne im Archiv sind inzwischen selbst Geschichte.
""",
    },
    "fr": {
        "garden": """
Les tomates ont été plantées {plus tard que d'habitude|à la mi-mai}, parce que la terre est restée froide longtemps.
Une bonne couche de feuilles mortes garde l'humidité et nourrit les {vers|champignons} pendant tout l'hiver.
Nous recueillons l'eau de pluie dans {trois|quatre} vieux tonneaux, et en été elle suffit pour {8-15} jours.
Le voisin nous a prêté sa {fourche|faux} en expliquant qu'il vaut mieux couper l'herbe quand elle est encore mouillée.
Dans la nuit, les limaces ont mangé {toutes les salades|deux rangs de choux} sans toucher aux mauvaises herbes.
Ma grand-mère notait la date de chaque semis dans un cahier {bleu|taché} que nous consultons encore.
Il faut tailler le pommier {en hiver|avant la montée de la sève}, mais sans lui enlever plus d'un tiers du bois.
Au fond du jardin, un {poirier|noyer} dont personne ne connaît l'âge donne encore des paniers entiers de fruits.
Les fleurs de {bourrache|phacélie} attirent tant d'abeilles qu'on les entend depuis la cuisine.
""",
        "bike": """
Le vieux vélo est resté {dix|vingt} ans dans la grange avant que quelqu'un ne pense à regonfler les pneus.
La route monte doucement jusqu'au col, puis descend vers une vallée où il n'y a {presque pas de voitures|qu'un seul café}.
Une chaîne propre fait moins de bruit et dure {deux fois|beaucoup} plus longtemps.
Le troisième jour, le vent a tourné et nous avons parcouru {80-130} kilomètres presque sans effort.
La ville a promis une piste cyclable le long du canal, et les travaux doivent commencer {au printemps|après les vacances}.
Le mécanicien a regardé la jante, a secoué la tête et a pris une règle {sans dire un mot|en soupirant}.
Des pneus larges, gonflés avec {modération|peu de pression}, sont souvent plus rapides sur les mauvais chemins.
Près du bac, nous avons rencontré une {infirmière|boulangère} à la retraite qui avait déjà longé le fleuve {trois|cinq} fois.
Dans notre club, on roule au rythme du plus lent, et jusqu'ici personne n'a été {oublié|abandonné} en route.
""",
        "sky": """
Par une nuit sans lune, on peut voir à l'œil nu {deux|trois} mille étoiles, à condition de s'éloigner de la ville.
L'œil met une demi-heure à s'habituer à l'obscurité, et un seul regard vers un {téléphone|écran} suffit pour tout recommencer.
L'observatoire ouvre ses portes {le vendredi|le samedi} soir, quand le ciel le permet.
Les lunes de Jupiter changent de place d'un soir à l'autre, comme on peut le vérifier avec de {bonnes|simples} jumelles.
Pendant l'éclipse, la lumière dans la cour est devenue {grise|argentée} et les pigeons se sont tus.
Pour regarder les étoiles filantes, il suffit d'une {couverture|chaise longue} et d'un thermos de thé.
Une comète ressemble rarement à ses photographies, car l'appareil accumule la lumière pendant {plusieurs|de longues} minutes.
Les planètes brillent d'un éclat calme, alors que les étoiles basses {scintillent|tremblent} à cause de l'air.
Notre association possède {3-8} télescopes, tous construits par ses membres dans un {garage|atelier}.
""",
        "kitchen": """
La pâte doit être {souple|vivante} sous la paume et reprendre lentement sa forme quand on la presse du doigt.
Laissez cuire la soupe à petit feu pendant {30-60} minutes en remuant de temps en temps, pour que rien n'attache.
Le pain rassis n'est pas un déchet, c'est le point de départ d'au moins {quatre|cinq} bonnes recettes.
Un filet de {citron|vinaigre} ajouté à la fin réveille un plat trop fade mieux qu'une pincée de sel.
Ma mère ne pesait jamais la farine, et quand je demandais la quantité, elle répondait : {assez|jusqu'à ce que ce soit bon}.
Au marché, on trouve en ce moment des {poireaux|navets} si frais qu'ils crissent quand on les coupe.
Un couteau bien aiguisé est moins dangereux qu'un mauvais, car il va là où on {l'envoie|le guide}.
Le dimanche, toute la famille prépare {la tarte aux prunes|le gratin}, et les enfants goûtent avant tout le monde.
Les oignons ne dorent que s'ils ont de la place dans la {poêle|cocotte}, sinon ils cuisent dans leur jus.
""",
        "town": """
Le moulin fut construit en {1720-1850} par une famille dont le nom n'apparaît plus que sur une pierre au-dessus de la porte.
Lors de la grande crue, l'eau est montée jusqu'à deux mètres dans {l'église|la halle}, comme l'indique encore une marque sur le mur.
Avant le chemin de fer, il fallait {deux|trois} jours pour gagner la capitale, et l'on voyageait rarement en hiver.
Le musée local a réuni {300-900} photographies dont les visages restent souvent sans nom.
Là où se trouve aujourd'hui un parking, il y avait autrefois une {tannerie|corderie}.
Les lettres d'un {instituteur|greffier} nous apprennent ce que coûtaient alors le beurre, les chaussures et le bois.
Les deux villages se sont disputé un pré pendant {40-90} ans, et le dossier occupe toute une étagère.
Le dernier tramway a circulé un {dimanche|mercredi}, et le conducteur a laissé les enfants sonner la cloche.
Chaque maire a promis de restaurer la {porte|fontaine}, si bien que les plans eux-mêmes font partie de l'histoire.
""",
    },
    "es": {
        "garden": """
Este año los tomates se plantaron {muy tarde|a mediados de mayo}, porque la tierra seguía fría y pesada.
Una capa gruesa de hojas secas conserva la humedad y da trabajo a las {lombrices|hormigas} durante el invierno.
Guardamos el agua de lluvia en {tres|cuatro} bidones, y en verano nos dura unos {8-15} días.
El vecino nos prestó su {azada|escalera} y nos explicó con paciencia cómo se poda una higuera.
Los caracoles se comieron en una noche {todas las lechugas|dos filas de coles} y no tocaron las malas hierbas.
Mi abuelo apuntaba las fechas de siembra en un cuaderno {viejo|azul} que todavía consultamos.
Las flores de {borraja|lavanda} atraen a tantas abejas que se oyen desde la ventana de la cocina.
Al fondo del huerto hay un {peral|nogal} que nadie recuerda haber plantado y que da fruta todos los otoños.
Conviene regar por la mañana, al pie de la planta, para que las hojas pasen la noche {secas|sin humedad}.
""",
        "bike": """
La bicicleta vieja estuvo {diez|veinte} años en el sótano antes de que alguien pensara en inflar las ruedas.
El camino sigue la antigua vía del tren, de modo que casi no hay {cuestas|pendientes} en todo el recorrido.
Una cadena limpia hace menos ruido y dura {el doble|mucho más}.
El tercer día cambió el viento y recorrimos {80-130} kilómetros casi sin pedalear.
El ayuntamiento ha prometido un carril protegido junto al canal, y las obras empezarán {en primavera|después del verano}.
El mecánico miró la llanta, movió la cabeza y buscó una regla {sin decir nada|con un suspiro}.
Las cubiertas anchas con poca presión son más {cómodas|rápidas} en los caminos rotos de lo que la gente cree.
En el puente conocimos a una {maestra|enfermera} jubilada que había recorrido el río entero {tres|cinco} veces.
En nuestro grupo se rueda al ritmo del más lento, y hasta ahora nadie se ha quedado {solo|atrás}.
""",
        "sky": """
En una noche sin luna se pueden ver unas {dos|tres} mil estrellas, siempre que la ciudad quede lejos.
El ojo tarda media hora en acostumbrarse a la oscuridad, y basta una mirada al {teléfono|reloj} para volver a empezar.
El observatorio abre al público los {viernes|sábados} por la noche, cuando el cielo lo permite.
Las lunas de Júpiter cambian de sitio de una noche a otra, como se comprueba con unos {buenos|simples} prismáticos.
Durante el eclipse, la luz del patio se volvió {gris|plateada} y las palomas dejaron de volar.
Para ver estrellas fugaces solo hacen falta una {manta|hamaca} y un poco de paciencia.
Un cometa rara vez se parece a sus fotografías, porque la cámara acumula luz durante {varios|muchos} minutos.
Los planetas brillan con calma, mientras que las estrellas bajas {tiemblan|parpadean} por culpa del aire.
Nuestra asociación tiene {3-8} telescopios, y todos los construyó algún socio en su {garaje|taller}.
""",
        "kitchen": """
La masa debe quedar {suave|elástica} y recuperar poco a poco su forma cuando se aprieta con el dedo.
Deje que la sopa hierva a fuego lento durante {30-60} minutos y remueva de vez en cuando para que no se pegue.
El pan duro no es basura, sino el comienzo de al menos {cuatro|cinco} platos muy buenos.
Un chorro de {limón|vinagre} al final despierta un guiso apagado mejor que otra pizca de sal.
Mi madre nunca pesaba la harina, y cuando le preguntaba cuánta ponía, contestaba: {la suficiente|hasta que esté bien}.
En el mercado hay ahora {alcachofas|habas} tan frescas que crujen al partirlas.
Un cuchillo afilado es más seguro que uno sin filo, porque va adonde se lo {manda|dirige}.
Los domingos toda la familia prepara {empanadas|croquetas}, y las más feas se comen primero.
La cebolla solo se dora si tiene sitio en la {sartén|cazuela}; de lo contrario se cuece en su propio jugo.
""",
        "town": """
El molino fue construido en {1720-1850} por una familia cuyo nombre solo se conserva en una piedra sobre la puerta.
En la gran crecida el agua llegó a dos metros dentro de la {iglesia|plaza}, como todavía indica una marca en la pared.
Antes del ferrocarril, el viaje a la capital duraba {dos|tres} días y casi nadie lo hacía en invierno.
El museo del pueblo ha reunido {300-900} fotografías, muchas de ellas con rostros que ya nadie reconoce.
Donde hoy hay un aparcamiento estuvo la {curtiduría|fábrica de jabón}, y algunos dicen que aún se nota el olor.
Por las cartas de un {maestro|escribano} sabemos lo que costaban entonces la manteca, los zapatos y la leña.
Los dos pueblos pelearon por un prado durante {40-90} años, y los papeles llenan un estante entero.
El último tranvía circuló un {domingo|miércoles}, y el conductor dejó que los niños tocaran la campana.
Cada alcalde ha prometido restaurar la {torre|fuente}, así que los planos ya forman parte de la historia.
""",
    },
    "it": {
        "garden": """
Quest'anno i pomodori sono stati piantati {tardi|a metà maggio}, perché la terra era ancora fredda.
Uno strato di foglie secche trattiene l'umidità e nutre i {lombrichi|funghi} per tutto l'inverno.
Raccogliamo l'acqua piovana in {tre|quattro} vecchie botti, e d'estate ci basta per {8-15} giorni.
Il vicino ci ha prestato la {scala|vanga} e ci ha spiegato con calma come si pota un fico.
In una sola notte le lumache hanno mangiato {tutta l'insalata|due file di cavoli} senza toccare le erbacce.
Mio nonno scriveva le date della semina su un quaderno {blu|consumato} che consultiamo ancora.
I fiori di {borragine|lavanda} attirano tante api che si sentono fino in cucina.
In fondo all'orto c'è un {pero|noce} che nessuno ricorda di aver piantato e che ogni autunno dà frutti.
È meglio annaffiare al mattino, vicino alle radici, così le foglie restano {asciutte|sane} durante la notte.
""",
        "bike": """
La vecchia bicicletta è rimasta {dieci anni|vent'anni} in cantina prima che qualcuno pensasse a gonfiare le gomme.
La strada sale piano fino al passo e poi scende in una valle dove {non passa quasi nessuno|c'è un solo bar}.
Una catena pulita fa meno rumore e dura {il doppio|molto di più}.
Il terzo giorno il vento è cambiato e abbiamo percorso {80-130} chilometri quasi senza fatica.
Il comune ha promesso una pista ciclabile lungo il canale, e i lavori inizieranno {in primavera|dopo l'estate}.
Il meccanico ha guardato il cerchio, ha scosso la testa e ha preso un righello {in silenzio|con un sospiro}.
Le gomme larghe con poca pressione sono più {comode|veloci} sulle strade rovinate di quanto si creda.
Vicino al traghetto abbiamo incontrato una {maestra|fornaia} in pensione che aveva già seguito il fiume {tre|cinque} volte.
Nel nostro gruppo si pedala al passo del più lento, e finora nessuno è rimasto {indietro|solo}.
""",
        "sky": """
In una notte senza luna si vedono circa {due|tre}mila stelle, purché la città sia lontana.
L'occhio impiega mezz'ora ad abituarsi al buio, e basta uno sguardo al {telefono|monitor} per ricominciare da capo.
L'osservatorio apre al pubblico il {venerdì|sabato} sera, quando il cielo lo permette.
Le lune di Giove cambiano posto da una sera all'altra, come si può vedere con un {buon|semplice} binocolo.
Durante l'eclissi la luce nel cortile è diventata {grigia|d'argento} e i piccioni hanno smesso di volare.
Per guardare le stelle cadenti bastano una {coperta|sdraio} e un po' di pazienza.
Una cometa assomiglia di rado alle sue fotografie, perché la macchina raccoglie luce per {molti|parecchi} minuti.
I pianeti brillano di una luce calma, mentre le stelle basse {tremano|scintillano} a causa dell'aria.
La nostra associazione possiede {3-8} telescopi, tutti costruiti dai soci in un {garage|laboratorio}.
""",
        "kitchen": """
L'impasto deve essere {morbido|elastico} e tornare lentamente alla sua forma quando lo si preme con un dito.
Lasciate cuocere la minestra a fuoco basso per {30-60} minuti, mescolando ogni tanto perché non si attacchi.
Il pane raffermo non è un rifiuto, ma l'inizio di almeno {quattro|cinque} buoni piatti.
Un po' di {limone|aceto} alla fine risveglia un sugo spento meglio di un altro pizzico di sale.
Mia madre non pesava mai la farina, e quando chiedevo quanta ne servisse rispondeva: {abbastanza|finché va bene}.
Al mercato ci sono adesso {carciofi|finocchi} così freschi che scricchiolano quando si tagliano.
Un coltello affilato è più sicuro di uno vecchio, perché va dove lo si {manda|guida}.
La domenica tutta la famiglia prepara {i ravioli|gli gnocchi}, e quelli venuti male si mangiano per primi.
Le cipolle diventano dorate solo se hanno spazio nella {padella|casseruola}, altrimenti cuociono nel loro liquido.
""",
        "town": """
Il mulino fu costruito nel {1720-1850} da una famiglia il cui nome resta soltanto su una pietra sopra la porta.
Durante la grande piena l'acqua arrivò a due metri dentro la {chiesa|piazza}, come mostra ancora un segno sul muro.
Prima della ferrovia il viaggio verso la capitale durava {due|tre} giorni e d'inverno si faceva di rado.
Il museo del paese ha raccolto {300-900} fotografie, molte con volti che nessuno sa più riconoscere.
Dove oggi c'è un parcheggio una volta c'era la {conceria|fornace}, e qualcuno dice di sentirne ancora l'odore.
Dalle lettere di un {maestro|notaio} sappiamo quanto costavano allora il burro, le scarpe e la legna.
I due paesi litigarono per un prato per {40-90} anni, e le carte riempiono uno scaffale intero.
L'ultimo tram passò di {domenica|mercoledì}, e il conducente lasciò che i bambini suonassero la campana.
Ogni sindaco ha promesso di restaurare la {torre|fontana}, e ormai anche i progetti fanno parte della storia.
""",
    },
    "pt": {
        "garden": """
Este ano os tomates foram plantados {mais tarde|no meio de maio}, porque a terra ainda estava fria e molhada.
Uma camada de folhas secas conserva a umidade e alimenta as {minhocas|raízes} durante todo o inverno.
Guardamos a água da chuva em {três|quatro} tambores velhos, e no verão ela dura uns {8-15} dias.
O vizinho emprestou a {enxada|escada} e explicou com calma como se poda uma figueira.
Numa só noite as lesmas comeram {toda a alface|duas fileiras de couve} e não tocaram no mato.
Meu avô anotava as datas de plantio num caderno {azul|antigo} que ainda consultamos.
As flores de {borragem|manjericão} atraem tantas abelhas que se ouve o zumbido da cozinha.
No fundo da horta há uma {pereira|nogueira} que ninguém lembra de ter plantado e que dá frutos todo outono.
É melhor regar de manhã, perto da raiz, para que as folhas passem a noite {secas|sem umidade}.
""",
        "bike": """
A bicicleta velha ficou {dez|vinte} anos no porão antes que alguém pensasse em encher os pneus.
O caminho segue a antiga linha do trem, e por isso quase não há {subidas|ladeiras} no percurso.
Uma corrente limpa faz menos barulho e dura {o dobro|muito mais}.
No terceiro dia o vento mudou e percorremos {80-130} quilômetros quase sem esforço.
A prefeitura prometeu uma ciclovia ao longo do canal, e as obras devem começar {na primavera|depois das férias}.
O mecânico olhou para o aro, balançou a cabeça e pegou uma régua {sem dizer nada|com um suspiro}.
Pneus largos com pouca pressão são mais {confortáveis|rápidos} nas estradas ruins do que as pessoas imaginam.
Perto da balsa encontramos uma {professora|enfermeira} aposentada que já tinha percorrido o rio {três|cinco} vezes.
No nosso grupo pedalamos no ritmo do mais lento, e até hoje ninguém ficou {sozinho|para trás}.
""",
        "sky": """
Numa noite sem lua é possível ver cerca de {duas|três} mil estrelas, desde que a cidade fique longe.
O olho leva meia hora para se acostumar à escuridão, e basta olhar para o {telefone|relógio} para começar tudo de novo.
O observatório abre ao público nas noites de {sexta-feira|sábado}, quando o céu permite.
As luas de Júpiter mudam de lugar de uma noite para outra, como se vê com um {bom|simples} binóculo.
Durante o eclipse a luz do pátio ficou {cinzenta|prateada} e os pombos pararam de voar.
Para ver estrelas cadentes bastam uma {manta|rede} e um pouco de paciência.
Um cometa raramente se parece com suas fotografias, porque a câmera acumula luz durante {vários|muitos} minutos.
Os planetas brilham com calma, enquanto as estrelas baixas {tremem|cintilam} por causa do ar.
Nossa associação tem {3-8} telescópios, todos construídos pelos sócios numa {garagem|oficina}.
""",
        "kitchen": """
A massa deve ficar {macia|elástica} e voltar devagar à sua forma quando é apertada com o dedo.
Deixe a sopa cozinhar em fogo baixo por {30-60} minutos e mexa de vez em quando para não grudar no fundo.
Pão velho não é lixo, mas o começo de pelo menos {quatro|cinco} pratos muito bons.
Um pouco de {limão|vinagre} no final desperta um ensopado sem graça melhor do que outra pitada de sal.
Minha mãe nunca pesava a farinha, e quando eu perguntava quanto usar ela dizia: {o suficiente|até ficar bom}.
Na feira há agora {quiabos|maxixes} tão frescos que estalam quando são cortados.
Uma faca afiada é mais segura do que uma cega, porque vai para onde a gente {manda|quer}.
Aos domingos a família inteira prepara {pastéis|bolinhos}, e os mais feios são comidos primeiro.
A cebola só doura quando tem espaço na {frigideira|panela}, senão cozinha no próprio caldo.
""",
        "town": """
O moinho foi construído em {1720-1850} por uma família cujo nome só aparece numa pedra sobre a porta.
Na grande cheia a água chegou a dois metros dentro da {igreja|praça}, como ainda mostra uma marca na parede.
Antes da ferrovia a viagem até a capital durava {dois|três} dias e quase ninguém a fazia no inverno.
O museu da cidade reuniu {300-900} fotografias, muitas com rostos que ninguém mais reconhece.
Onde hoje existe um estacionamento ficava o {curtume|engenho}, e alguns dizem que ainda sentem o cheiro.
Pelas cartas de um {professor|escrivão} sabemos quanto custavam naquela época a manteiga, os sapatos e a lenha.
Os dois povoados brigaram por um pasto durante {40-90} anos, e os papéis enchem uma prateleira inteira.
O último bonde passou num {domingo|sábado}, e o motorneiro deixou as crianças tocarem o sino.
Cada prefeito prometeu restaurar a {torre|fonte}, e os projetos já fazem parte da história.
""",
    },
    "ru": {
        "garden": """
В этом году помидоры высадили {поздно|только в конце мая}, потому что земля долго оставалась холодной.
Толстый слой опавших листьев сохраняет влагу и всю зиму кормит {дождевых червей|корни деревьев}.
Дождевую воду мы собираем в {три|четыре} старые бочки, и летом её хватает дней на {8-15}.
Сосед одолжил нам {лестницу|косу} и терпеливо объяснил, как правильно обрезать смородину.
За одну ночь слизни съели {весь салат|два ряда капусты} и не тронули ни одного сорняка.
Дед записывал сроки посева в {синюю|толстую} тетрадь, в которую мы заглядываем до сих пор.
Цветы {огуречной травы|клевера} привлекают столько пчёл, что их слышно даже из кухни.
За сараем растёт старая {груша|яблоня}, и никто не помнит, кто её посадил.
Поливать лучше утром и под корень, чтобы листья к ночи оставались {сухими|здоровыми}.
Теплица у нас маленькая, но {огурцы|перцы} в ней созревают до самых заморозков.
""",
        "bike": """
Старый велосипед простоял в подвале {десять|двадцать} лет, пока кто-то не догадался накачать шины.
Дорога идёт вдоль реки, и только перед {мостом|монастырём} есть короткий подъём.
Чистая цепь меньше шумит и служит {вдвое|намного} дольше.
На третий день ветер переменился, и мы проехали {80-130} километров почти без усилий.
Город обещал построить велодорожку вдоль канала, и работы начнутся {весной|после праздников}.
Мастер посмотрел на обод, покачал головой и {молча|со вздохом} достал линейку.
Широкие шины с небольшим давлением на плохой дороге оказываются не только удобнее, но и {быстрее|надёжнее}.
У переправы мы встретили пожилую {учительницу|медсестру}, которая проехала вдоль всей реки уже {три|четыре} раза.
В нашем клубе едут со скоростью самого медленного, и пока ещё никто не {отстал|потерялся}.
""",
        "sky": """
В безлунную ночь без телескопа можно увидеть около {двух|трёх} тысяч звёзд, если уехать подальше от города.
Глаз привыкает к темноте за полчаса, и одного взгляда на {телефон|экран} достаточно, чтобы всё испортить.
Обсерватория на холме открыта по {пятницам|субботам}, когда позволяет погода.
Спутники Юпитера каждый вечер меняются местами, и это видно даже в {хороший|обычный} бинокль.
Во время затмения свет во дворе стал {серым|серебристым}, и голуби замолчали.
Чтобы наблюдать падающие звёзды, нужны только {одеяло|шезлонг} и немного терпения.
Комета редко похожа на свои фотографии, потому что камера собирает свет {несколько|много} минут.
Планеты светят ровно, а звёзды у горизонта {мерцают|дрожат} из-за движения воздуха.
Наш кружок владеет несколькими телескопами, и каждый из них построен {в гараже|на кухне}.
""",
        "kitchen": """
Тесто должно быть {мягким|упругим} и медленно возвращать форму, если нажать на него пальцем.
Суп варят на слабом огне {30-50} минут и время от времени помешивают, чтобы ничего не пригорело.
Чёрствый хлеб — это не отходы, а начало по крайней мере {четырёх|пяти} хороших блюд.
Немного {лимона|уксуса} в самом конце оживляет пресное блюдо лучше, чем лишняя щепотка соли.
Мама никогда не взвешивала муку, а на вопрос, сколько её нужно, отвечала: {достаточно|пока не получится}.
Огурцы готовы, когда рассол {мутнеет|становится кислым}, а в прохладном погребе на это уходит недели три.
Острый нож безопаснее тупого, потому что он идёт туда, куда его {направили|ведут}.
По {воскресеньям|праздникам} вся семья лепит пельмени, и самые кривые съедают первыми.
Лук золотится только тогда, когда на сковороде {просторно|много места}, иначе он тушится в собственном соку.
""",
        "town": """
Мельницу построила в {1760-1850} году семья, имя которой сохранилось только на камне над дверью.
Во время наводнения вода в {церкви|лавке} поднялась почти на два метра, о чём напоминает отметка на стене.
До появления железной дороги путь в столицу занимал {два|три} дня, и зимой на него решались редко.
Музей собрал более {300-900} фотографий, и лиц на многих из них уже никто не узнаёт.
Там, где сейчас стоянка, когда-то была {кожевня|канатная мастерская}, и старики уверяют, что помнят её запах.
Из писем {учителя|писаря} мы знаем, сколько стоили тогда масло, сапоги и дрова.
Две деревни спорили из-за луга {40-90} лет, и бумаги по этому делу занимают целую полку.
Последний трамвай прошёл в {воскресенье|среду}, и вожатый позволил детям звонить в колокол.
Каждый градоначальник обещал восстановить {башню|ратушу}, и чертежи сами уже стали историей.
""",
    },
    "pl": {
        "garden": """
W tym roku pomidory posadziliśmy {późno|dopiero w maju}, bo ziemia długo była zimna i mokra.
Gruba warstwa liści zatrzymuje wilgoć i przez całą zimę karmi {dżdżownice|grzyby}.
Deszczówkę zbieramy w {trzech|czterech} starych beczkach, a latem wystarcza jej na {8-15} dni.
Sąsiad pożyczył nam {drabinę|kosę} i cierpliwie wytłumaczył, jak przycinać porzeczki.
W ciągu jednej nocy ślimaki zjadły {całą sałatę|dwa rzędy kapusty} i nie ruszyły chwastów.
Dziadek zapisywał daty siewu w {niebieskim|grubym} zeszycie, do którego wciąż zaglądamy.
Kwiaty {ogórecznika|facelii} przyciągają tyle pszczół, że słychać je nawet w kuchni.
Za szopą rośnie stara {grusza|śliwa}, której nikt nie pamięta sadzić, a która owocuje każdej jesieni.
Podlewać najlepiej rano i przy korzeniach, żeby liście w nocy były {suche|zdrowe}.
""",
        "bike": """
Stary rower stał w piwnicy {dziesięć|dwadzieścia} lat, zanim ktoś pomyślał o napompowaniu opon.
Droga biegnie wzdłuż rzeki i tylko przed {mostem|klasztorem} jest krótki podjazd.
Czysty łańcuch pracuje ciszej i służy {dwa razy|znacznie} dłużej.
Trzeciego dnia wiatr się odwrócił i przejechaliśmy {80-130} kilometrów prawie bez wysiłku.
Miasto obiecało ścieżkę rowerową nad kanałem, a prace mają ruszyć {wiosną|po wakacjach}.
Mechanik obejrzał obręcz, pokręcił głową i {bez słowa|z westchnieniem} sięgnął po linijkę.
Szerokie opony z małym ciśnieniem są na złych drogach nie tylko wygodniejsze, ale często też {szybsze|trwalsze}.
Przy promie spotkaliśmy emerytowaną {nauczycielkę|pielęgniarkę}, która przejechała całą rzekę już {trzy|cztery} razy.
W naszym klubie jedzie się tempem najwolniejszego i jak dotąd nikt się nie {zgubił|poddał}.
""",
        "sky": """
W bezksiężycową noc gołym okiem widać około {dwóch|trzech} tysięcy gwiazd, byle z dala od miasta.
Oko potrzebuje pół godziny, żeby przywyknąć do ciemności, a jedno spojrzenie na {telefon|ekran} wszystko psuje.
Obserwatorium na wzgórzu jest otwarte w {piątki|soboty}, jeśli pozwala na to pogoda.
Księżyce Jowisza co wieczór zmieniają miejsce, co widać nawet przez {dobrą|zwykłą} lornetkę.
Podczas zaćmienia światło na podwórku stało się {szare|srebrne}, a gołębie umilkły.
Do oglądania spadających gwiazd wystarczą {koc|leżak} i odrobina cierpliwości.
Kometa rzadko przypomina swoje zdjęcia, bo aparat zbiera światło przez {kilka|wiele} minut.
Planety świecą spokojnie, a gwiazdy nad horyzontem {migoczą|drżą} z powodu ruchu powietrza.
Nasze koło ma {5-8} teleskopów i każdy z nich powstał w {garażu|piwnicy} jednego z członków.
""",
        "kitchen": """
Ciasto powinno być {miękkie|sprężyste} i powoli wracać do kształtu po naciśnięciu palcem.
Zupę gotuje się na małym ogniu przez {30-50} minut i od czasu do czasu miesza, żeby nic się nie przypaliło.
Czerstwy chleb to nie odpad, lecz początek co najmniej {czterech|pięciu} dobrych potraw.
Odrobina {cytryny|octu} na końcu ożywia mdłe danie lepiej niż kolejna szczypta soli.
Mama nigdy nie ważyła mąki, a na pytanie o ilość odpowiadała: {tyle, ile trzeba|aż będzie dobrze}.
Ogórki są gotowe, gdy zalewa {zmętnieje|skwaśnieje}, co w chłodnej piwnicy trwa około trzech tygodni.
Ostry nóż jest bezpieczniejszy niż tępy, bo idzie tam, gdzie go {prowadzimy|skierujemy}.
W {niedzielę|święta} cała rodzina lepi pierogi, a te najbrzydsze zjada się pierwsze.
Cebula rumieni się tylko wtedy, gdy ma na patelni {dość|dużo} miejsca, inaczej dusi się we własnym sosie.
""",
        "town": """
Młyn zbudowała w roku {1720-1850} rodzina, której nazwisko przetrwało tylko na kamieniu nad drzwiami.
Podczas wielkiej powodzi woda w {kościele|ratuszu} sięgała dwóch metrów, o czym przypomina znak na ścianie.
Zanim powstała kolej, podróż do stolicy trwała {dwa|trzy} dni i zimą mało kto się na nią decydował.
Muzeum zebrało {305-900} fotografii, a na wielu z nich nikt już nie rozpoznaje twarzy.
Tam, gdzie dziś jest parking, stała kiedyś {garbarnia|cegielnia}, której zapach starsi podobno pamiętają.
Z listów pewnego {nauczyciela|pisarza} wiemy, ile kosztowały wtedy masło, buty i drewno.
Dwie wsie spierały się o łąkę przez {45-90} lat, a akta zajmują całą półkę.
Ostatni tramwaj przejechał w {niedzielę|środę}, a motorniczy pozwolił dzieciom dzwonić dzwonkiem.
Każdy burmistrz obiecywał odnowić {bramę|wieżę}, więc same plany stały się już historią.
""",
    },
    "tr": {
        "garden": """
Bu yıl domatesleri {geç|mayıs ortasında} diktik, çünkü toprak uzun süre soğuk kaldı.
Kalın bir yaprak tabakası nemi korur ve kış boyunca {solucanları|mantarları} besler.
Yağmur suyunu {üç|dört} eski fıçıda topluyoruz ve yazın bize {8-15} gün yetiyor.
Komşumuz bize {merdivenini|tırpanını} ödünç verdi ve incirin nasıl budanacağını sabırla anlattı.
Salyangozlar bir gecede {bütün marulları|iki sıra lahanayı} yedi ama yabani otlara dokunmadı.
Dedem ekim tarihlerini {mavi|kalın} bir deftere yazardı, ona hâlâ bakıyoruz.
{Hodan|Lavanta} çiçekleri o kadar çok arı çekiyor ki sesleri mutfaktan bile duyuluyor.
Bahçenin sonunda kimin diktiğini kimsenin hatırlamadığı yaşlı bir {armut|ceviz} ağacı var.
Sulamayı sabah ve kökten yapmak gerekir, böylece yapraklar geceyi {kuru|sağlıklı} geçirir.
""",
        "bike": """
Eski bisiklet, birinin aklına lastikleri şişirmek gelene kadar {on|yirmi} yıl bodrumda durdu.
Yol nehir boyunca uzanıyor ve yalnızca {köprüden|manastırdan} önce kısa bir yokuş var.
Temiz bir zincir daha az ses çıkarır ve {iki kat|çok} daha uzun dayanır.
Üçüncü gün rüzgâr döndü ve neredeyse hiç yorulmadan {80-130} kilometre yol aldık.
Belediye kanal boyunca bir bisiklet yolu yapacağına söz verdi, çalışmalar {ilkbaharda|bayramdan sonra} başlayacak.
Usta janta baktı, başını salladı ve {hiç konuşmadan|iç çekerek} cetveli aldı.
Az havalı geniş lastikler bozuk yollarda sanıldığından daha {rahat|hızlı} gider.
Vapurun orada, nehri baştan sona {üç|beş} kez gezmiş emekli bir {öğretmenle|hemşireyle} tanıştık.
Grubumuzda herkes en yavaş olana uyar ve bugüne kadar kimse {kaybolmadı|geride kalmadı}.
""",
        "sky": """
Aysız bir gecede, şehirden uzaktaysanız, çıplak gözle yaklaşık {iki|üç} bin yıldız görülebilir.
Göz karanlığa yarım saatte alışır ve {telefona|ekrana} tek bir bakış her şeyi bozar.
Tepedeki gözlemevi hava uygun olduğunda {cuma|cumartesi} akşamları halka açıktır.
Jüpiter'in uyduları her akşam yer değiştirir, bunu {iyi|sıradan} bir dürbünle bile görebilirsiniz.
Tutulma sırasında avludaki ışık {griye|gümüş rengine} döndü ve güvercinler sustu.
Kayan yıldızları izlemek için bir {battaniye|şezlong} ve biraz sabır yeterlidir.
Bir kuyruklu yıldız fotoğraflarına nadiren benzer, çünkü makine ışığı {dakikalarca|uzun süre} toplar.
Gezegenler sakin bir ışıkla parlar, ufka yakın yıldızlar ise hava yüzünden {titrer|kırpışır}.
Derneğimizin {3-8} teleskobu var ve hepsi üyelerimizin {garajında|atölyesinde} yapıldı.
""",
        "kitchen": """
Hamur {yumuşak|esnek} olmalı ve parmakla bastırınca yavaşça eski hâline dönmelidir.
Çorbayı kısık ateşte {30-60} dakika pişirin ve dibi tutmasın diye ara sıra karıştırın.
Bayat ekmek çöp değildir, en az {dört|beş} güzel yemeğin başlangıcıdır.
En sonda eklenen biraz {limon|sirke}, tatsız bir yemeği bir tutam tuzdan daha iyi canlandırır.
Annem unu hiç tartmazdı ve ne kadar gerektiğini sorduğumda {yeteri kadar|kıvama gelene kadar} derdi.
Pazarda şu sıralar kesince çıtırdayan taptaze {enginarlar|kabaklar} var.
Keskin bir bıçak körden daha güvenlidir, çünkü {istediğiniz|götürdüğünüz} yere gider.
{Pazar günleri|Bayramlarda} bütün aile birlikte mantı yapar ve en çirkin olanlar ilk önce yenir.
Soğan ancak {tavada|tencerede} yeterince yer varsa kızarır, yoksa kendi suyunda haşlanır.
""",
        "town": """
Değirmeni {1720-1850} yılında, adı bugün yalnızca kapının üstündeki taşta kalan bir aile yaptırdı.
Büyük selde {çarşıdaki|hamamdaki} su iki metreye ulaşmış, duvardaki iz bunu hâlâ gösteriyor.
Demiryolundan önce başkente yolculuk {iki|üç} gün sürerdi ve kışın pek kimse yola çıkmazdı.
Müze {300-900} fotoğraf topladı ve çoğundaki yüzleri artık kimse tanımıyor.
Bugün otopark olan yerde eskiden bir {tabakhane|yağhane} vardı, yaşlılar kokusunu hatırladıklarını söyler.
Bir {öğretmenin|kâtibin} mektuplarından o zaman yağın, ayakkabının ve odunun kaç para olduğunu biliyoruz.
İki köy bir çayır yüzünden {40-90} yıl çekişti ve dava kâğıtları koca bir rafı dolduruyor.
Son tramvay bir {pazar|çarşamba} günü geçti ve vatman çocukların çanı çalmasına izin verdi.
Her başkan {kuleyi|çeşmeyi} onarmaya söz verdi, artık projelerin kendisi de tarihin bir parçası.
""",
    },
    "vi": {
        "garden": """
Năm nay chúng tôi trồng cà chua {khá muộn|vào giữa tháng hai}, vì đất vẫn còn lạnh và ướt.
Một lớp lá khô dày giúp giữ ẩm và nuôi {giun đất|nấm có ích} suốt mùa khô.
Nước mưa được hứng vào {ba|bốn} cái chum cũ và đủ tưới trong khoảng {8-15} ngày.
Bác hàng xóm cho chúng tôi mượn cái {thang|cuốc} và kiên nhẫn chỉ cách tỉa cành cây bưởi.
Chỉ trong một đêm, ốc sên đã ăn hết {luống rau cải|hai hàng xà lách} mà không đụng đến cỏ dại.
Ông tôi ghi ngày gieo hạt vào một quyển vở {màu xanh|rất dày} mà đến nay cả nhà vẫn còn xem lại.
Hoa {mướp|húng quế} thu hút nhiều ong đến nỗi đứng trong bếp cũng nghe thấy tiếng.
Cuối vườn có một cây {khế|mít} già mà không ai nhớ người nào đã trồng.
Nên tưới vào buổi sáng và tưới ở gốc, để ban đêm lá được {khô ráo|khỏe mạnh}.
""",
        "bike": """
Chiếc xe đạp cũ nằm trong kho {mười|hai mươi} năm trước khi có người nghĩ đến chuyện bơm lại lốp.
Con đường chạy dọc bờ sông, chỉ có một đoạn dốc ngắn ở trước {cây cầu|ngôi chùa}.
Xích sạch thì kêu ít hơn và dùng được lâu {gấp đôi|hơn nhiều}.
Đến ngày thứ ba gió đổi chiều, và chúng tôi đi được {80-130} cây số mà hầu như không thấy mệt.
Thành phố hứa sẽ làm một làn đường riêng cho xe đạp dọc con kênh, khởi công {vào mùa xuân|sau Tết}.
Người thợ nhìn vành xe, lắc đầu rồi {lặng lẽ|thở dài} lấy cây thước ra đo.
Lốp rộng và bơm vừa phải đi trên đường xấu {êm hơn|nhanh hơn} nhiều người vẫn tưởng.
Ở bến phà chúng tôi gặp một cô {giáo|y tá} về hưu đã đạp xe dọc con sông này {ba|năm} lần.
Trong nhóm chúng tôi, mọi người đi theo tốc độ của người chậm nhất, và chưa ai bị {lạc|bỏ lại}.
""",
        "sky": """
Vào một đêm không trăng, nếu ở xa thành phố, mắt thường có thể thấy khoảng {hai|ba} nghìn ngôi sao.
Mắt cần nửa giờ để quen với bóng tối, và chỉ một lần nhìn vào {điện thoại|màn hình} là phải bắt đầu lại.
Đài quan sát trên đồi mở cửa vào tối {thứ sáu|thứ bảy} mỗi khi trời quang.
Các mặt trăng của Sao Mộc đổi chỗ từ tối này sang tối khác, dùng ống nhòm {tốt|bình thường} cũng thấy được.
Trong lúc nhật thực, ánh sáng ngoài sân trở nên {xám|nhạt} và đàn bồ câu im lặng.
Muốn ngắm sao băng chỉ cần một tấm {chăn|chiếu} và một chút kiên nhẫn.
Sao chổi ít khi giống trong ảnh, vì máy ảnh thu ánh sáng trong {nhiều|vài} phút liền.
Các hành tinh tỏa sáng đều đặn, còn những ngôi sao gần chân trời thì {nhấp nháy|lung linh} vì không khí luôn chuyển động.
Câu lạc bộ của chúng tôi có {3-8} kính thiên văn, chiếc nào cũng do thành viên tự làm ở {nhà|xưởng}.
""",
        "kitchen": """
Bột phải {mềm|dẻo} và từ từ trở lại như cũ khi ta ấn ngón tay vào.
Hãy nấu canh trên lửa nhỏ trong {30-60} phút và thỉnh thoảng khuấy đều để khỏi bị khê.
Cơm nguội không phải là đồ bỏ đi, mà là khởi đầu của ít nhất {bốn|năm} món ngon.
Một chút {chanh|giấm} cho vào sau cùng làm món ăn nhạt nhẽo ngon hơn là thêm muối.
Mẹ tôi không bao giờ cân gạo, và khi tôi hỏi bao nhiêu thì đủ, bà chỉ đáp: {vừa đủ|đến khi thấy được}.
Ngoài chợ bây giờ có {rau muống|măng} tươi đến mức bẻ nghe tiếng giòn tan.
Con dao sắc an toàn hơn con dao cùn, vì nó đi đúng chỗ ta {muốn|hướng tới}.
{Chủ nhật|Ngày giỗ} cả nhà cùng nhau gói bánh, và những chiếc xấu nhất được ăn trước.
Hành chỉ vàng đều khi trong {chảo|nồi} còn chỗ trống, nếu không nó sẽ chín trong nước của chính mình.
""",
        "town": """
Ngôi đình được dựng năm {1720-1850} nhờ một gia đình mà tên tuổi chỉ còn trên phiến đá ở cổng.
Trong trận lụt lớn, nước trong {chợ|đình} dâng cao gần hai mét, vết nước trên tường vẫn còn đến nay.
Trước khi có đường sắt, chuyến đi ra kinh đô mất {hai|ba} tuần và ít ai dám đi vào mùa mưa.
Bảo tàng đã sưu tầm {300-900} bức ảnh, và nhiều gương mặt trong đó không còn ai nhận ra.
Chỗ bãi đỗ xe hôm nay ngày xưa là một {lò gốm|xưởng dệt}, người già nói vẫn còn nhớ mùi khói.
Nhờ những lá thư của một {thầy giáo|viên thư lại} mà chúng ta biết giá gạo, giá vải và giá củi thời ấy.
Hai làng tranh nhau một cánh đồng suốt {40-90} năm, và giấy tờ kiện tụng chất đầy cả một ngăn tủ.
Chuyến tàu điện cuối cùng chạy vào một ngày {chủ nhật|thứ tư}, và người lái cho trẻ con rung chuông.
Ai làm xã trưởng cũng hứa sửa lại {cổng làng|giếng cổ}, nên các bản vẽ giờ cũng đã thành lịch sử.
""",
    },
    "zh": {
        "garden": """
今年的番茄种得{比较晚|有些迟}，因为开春以后土地一直又冷又湿，手伸进去都觉得冰凉。
铺上一层厚厚的落叶，既能保持水分，又能让{蚯蚓|蘑菇}在整个冬天都有东西可吃。
我们用{三|四}个旧木桶收集雨水，到了夏天大约可以用{8-15}天。
邻居把{梯子|锄头}借给我们，还耐心地讲解怎样给无花果树修剪枝条。
一夜之间，蜗牛吃光了{所有的生菜|两排白菜}，旁边的野草却一点也没有动。
爷爷把每年播种的日子都写在一本{蓝色的|很厚的}本子里，我们到现在还常常翻看。
{薄荷|向日葵}开花的时候，蜜蜂多得在厨房里都能听见它们的声音。
菜园尽头有一棵老{梨树|核桃树}，没有人记得是谁种的，可是每年秋天都结满果子。
浇水最好在早晨，而且要浇在根部，这样叶子到了晚上就是{干的|健康的}。
""",
        "bike": """
那辆旧自行车在地下室里放了{十|二十}年，才有人想起来给轮胎打气。
这条路沿着河边走，只有在{桥头|寺庙}前面有一段短短的上坡。
链条擦干净以后声音小了很多，使用的时间也能延长{一倍|不少}。
第三天风向变了，我们几乎没有费什么力气就骑了{80-130}公里。
市政府答应沿着运河修一条自行车专用道，据说{明年春天|假期以后}就要开工。
修车的师傅看了看车圈，摇了摇头，{一句话也没说|叹了一口气}就去拿尺子。
轮胎宽一点，气压低一点，在坏路上不但更舒服，有时候还{更快|更稳}。
在渡口我们遇到一位退休的{老师|护士}，她已经沿着这条河骑过{三|五}次了。
我们的队伍总是按照最慢的人的速度前进，到现在还没有一个人{掉队|迷路}。
""",
        "sky": """
在没有月亮的夜里，只要离城市远一些，不用望远镜也能看见{两|三}千颗左右的星星。
眼睛需要半个小时才能适应黑暗，只要看一眼{手机|屏幕}，就得从头再来。
山上的天文台每到{星期五|星期六}晚上就对外开放，当然还要看天气好不好。
木星的几颗卫星每天晚上都在变换位置，用一副{普通的|好一点的}双筒望远镜就能看清楚。
日食的时候，院子里的光线变成了{灰色|银色}，连鸽子也安静下来。
看流星不需要任何仪器，只要带上一张{毯子|躺椅}，再加上一点耐心就够了。
彗星很少像照片上那样漂亮，因为照相机可以把光线积累{好几|许多}分钟。
行星的光很平静，而地平线附近的恒星总在{闪烁|抖动}，那是空气流动的缘故。
我们的小组有{3-8}台望远镜，每一台都是会员在自己的{车库|厨房}里做出来的。
""",
        "kitchen": """
面团应该又{软|有弹性}又光滑，用手指按下去会慢慢地弹回来。
汤要用小火煮{30-60}分钟，中间不时搅拌一下，免得粘在锅底。
剩饭不是垃圾，而是至少{四|五}道好菜的开始。
最后加一点{柠檬汁|醋}，比多放盐更能让清淡的菜变得有味道。
母亲做面食从来不称面粉，每次问她要放多少，她总是说{够了就行|看着合适就好}。
这几天市场上的{竹笋|莲藕}非常新鲜，切下去的时候能听见清脆的声音。
锋利的刀比钝刀更安全，因为它会照着你{想要|指定}的方向走。
每到{星期天|过年}，全家人都要一起包饺子，包得最难看的总是最先被吃掉。
洋葱要在{平底锅|炒锅}里留出足够的地方才能煎成金黄色，不然就会在自己的汁水里煮软。
""",
        "town": """
这座磨坊是{1720-1850}年由一户人家建造的，他们的名字如今只留在门上的石头上。
发大水的那一年，{祠堂|街道}里的水有两米深，墙上的记号到今天还看得见。
没有铁路的时候，到省城去要走{两|三}天，冬天很少有人愿意出门。
镇上的博物馆收集了{300-900}张老照片，其中许多人的面孔已经没有人认得了。
现在的停车场从前是一家{染坊|酒厂}，老人们说至今还记得那里的气味。
从一位{教书先生|账房先生}留下的信里，我们知道了当时的米、布和木柴卖多少钱。
两个村子为了一块草地争了{40-90}年，打官司的文书堆满了整整一个书架。
最后一班电车是在一个{星期天|星期三}开走的，司机让孩子们一路摇着铃铛。
每一任镇长都答应重修{城门|钟楼}，那些图纸本身也已经成了历史。
""",
    },
    "ja": {
        "garden": """
今年のトマトは、土がなかなか暖まらなかったので、{五月の半ば|いつもより遅く}になってから植えました。
落ち葉を厚く敷いておくと、土の湿り気が保たれ、冬のあいだ{みみず|きのこ}の食べ物にもなります。
雨水は古い樽{三つ|四つ}にためていて、夏でも{8-15}日くらいは使うことができます。
隣の人が{はしご|くわ}を貸してくれて、いちじくの枝の切り方を丁寧に教えてくれました。
一晩のうちになめくじが{レタスを全部|キャベツを二列}食べてしまい、雑草には手をつけませんでした。
祖父は種をまいた日を{青い|分厚い}ノートに書いていて、私たちは今でもそれを読み返しています。
{ラベンダー|ひまわり}の花にはたくさんの蜂が集まり、台所にいても羽の音が聞こえるほどです。
畑の奥には、誰が植えたのかわからない古い{梨|くるみ}の木があり、秋になると実をつけます。
水やりは朝のうちに根元へするのがよく、そうすれば夜のあいだ葉が{乾いた|元気な}ままでいられます。
""",
        "bike": """
古い自転車は、誰かがタイヤに空気を入れようと思いつくまで、{十|二十}年も物置に置かれていました。
道は川に沿って続いていて、{橋|お寺}の手前にだけ短い坂があります。
きれいに掃除したチェーンは音が小さく、{二倍|ずっと}長く使えます。
三日目に風向きが変わり、ほとんど疲れずに{80-130}キロも走ることができました。
市は運河沿いに自転車専用の道を作ると約束し、工事は{春|連休のあと}に始まるそうです。
店の人は車輪を見て首を振り、{黙って|ため息をついて}物差しを取りに行きました。
幅の広いタイヤは、空気を少し抜いておくと、荒れた道では思ったより{楽に|速く}走れます。
渡し場で、この川を{三|五}回も旅したという元{教師|看護師}の女性に会いました。
私たちの会では一番ゆっくりな人に合わせて走るので、今まで誰も{遅れた|迷った}ことがありません。
""",
        "sky": """
月のない夜に町から離れた場所へ行けば、望遠鏡がなくても{二|三}千個ほどの星が見えます。
目が暗さに慣れるには三十分ほどかかり、一度でも{携帯電話|画面}を見ると最初からやり直しになります。
丘の上の天文台は、天気がよければ{金曜日|土曜日}の夜に一般の人にも開かれています。
木星の月は毎晩場所を変えていて、{普通の|少しよい}双眼鏡でもその様子を確かめることができます。
日食のとき、庭の光は{灰色|銀色}になり、鳩まで静かになりました。
流れ星を見るのに道具はいりませんが、{毛布|寝椅子}と少しの辛抱があると助かります。
彗星が写真のように見えることはめったになく、それはカメラが{何分も|長いあいだ}光を集めるからです。
惑星の光は落ち着いていますが、地平線に近い星は空気の動きのために{またたいて|揺れて}見えます。
私たちの会には望遠鏡が{3-8}台あり、どれも会員が自分の{車庫|台所}で作ったものです。
""",
        "kitchen": """
生地は{やわらかく|なめらかで}、指で押すとゆっくり元に戻るくらいがちょうどよいです。
スープは弱火で{30-60}分ほど煮て、鍋の底に焦げつかないようにときどきかき混ぜます。
古くなったパンはごみではなく、少なくとも{四つ|五つ}のおいしい料理の材料になります。
最後に{レモン|お酢}を少し加えると、塩を足すよりも味がはっきりします。
母は粉を量ったことがなく、どれくらい入れるのかと聞くと、いつも{ちょうどいいだけ|いい感じになるまで}と答えました。
今の季節の市場には、切ると音がするほど新鮮な{たけのこ|れんこん}が並んでいます。
よく切れる包丁は、{思った|決めた}ところへ進むので、切れない包丁よりも安全です。
{日曜日|お正月}には家族みんなで餃子を作り、形の悪いものから先に食べてしまいます。
玉ねぎは{フライパン|鍋}に余裕がないときつね色にならず、自分の水分で煮えてしまいます。
""",
        "town": """
この水車小屋は{1720-1850}年にある家族が建てたもので、その名前は入口の石にだけ残っています。
大水の年には{お寺|通り}の中で水が二メートル近くまで上がり、その跡が今も壁に残っています。
鉄道ができるまで、都までの旅は{十日|二週間}ほどかかり、冬に出かける人はほとんどいませんでした。
町の資料館は古い写真を{300-900}枚集めましたが、写っている人の名前はもうわからなくなっています。
今は駐車場になっている場所に、昔は{染物屋|酒蔵}があり、お年寄りはそのにおいを覚えていると言います。
ある{先生|役人}の手紙のおかげで、そのころの米や布や薪の値段を知ることができます。
二つの村は一つの草地をめぐって{40-90}年も争い、その書類は棚を一つ埋めるほどあります。
最後の路面電車は{日曜日|水曜日}に走り、運転士は子どもたちに鐘を鳴らさせてくれました。
町長は代わるたびに{門|時計台}を直すと約束し、その図面そのものがもう歴史になっています。
""",
    },
    "ar": {
        "garden": """
زرعنا الطماطم هذا العام {متأخرين قليلا|في منتصف الربيع} لأن التربة بقيت باردة ورطبة مدة طويلة.
تحفظ طبقة سميكة من أوراق الشجر رطوبة الأرض وتغذي {الديدان|الجذور} طوال فصل الشتاء.
نجمع ماء المطر في {ثلاثة|أربعة} براميل قديمة، ويكفينا في الصيف نحو {11-19} يوما.
أعارنا الجار {سلمه|فأسه} وشرح لنا بصبر كيف تقلم شجرة التين.
أكلت الحلزونات في ليلة واحدة {كل الخس|صفين من الملفوف} ولم تقترب من الأعشاب البرية.
كان جدي يكتب مواعيد البذر في دفتر {أزرق|سميك} ما زلنا نرجع إليه حتى اليوم.
تجذب أزهار {النعناع|الخزامى} عددا كبيرا من النحل حتى إننا نسمع صوته من المطبخ.
في آخر البستان شجرة {إجاص|جوز} قديمة لا يتذكر أحد من زرعها، وهي تثمر كل خريف.
من الأفضل أن نسقي النبات في الصباح وعند الجذور لكي تبقى الأوراق {جافة|سليمة} أثناء الليل.
""",
        "bike": """
بقيت الدراجة القديمة في القبو {عشر|تسع} سنوات قبل أن يفكر أحد في نفخ إطاراتها.
يمتد الطريق بمحاذاة النهر، ولا يوجد سوى مرتفع قصير قبل {الجسر|الدير}.
السلسلة النظيفة أقل ضجيجا وتعيش مدة {أطول بكثير|مضاعفة}.
تغير اتجاه الريح في اليوم الثالث فقطعنا {80-99} كيلومترا من غير تعب تقريبا.
وعدت البلدية بإنشاء مسار خاص للدراجات على طول القناة، وسيبدأ العمل {في الربيع|بعد العيد}.
نظر المصلح إلى العجلة ثم هز رأسه ومد يده إلى المسطرة {دون أن يتكلم|وهو يتنهد}.
الإطارات العريضة ذات الضغط القليل {أريح|أسرع} على الطرق الوعرة مما يظن الناس.
التقينا عند المعبر {معلمة|ممرضة} متقاعدة كانت قد قطعت طريق النهر كله {ثلاث|خمس} مرات.
نسير في مجموعتنا بسرعة أبطأ واحد منا، ولم {يتأخر|يضل} أحد حتى الآن.
""",
        "sky": """
في ليلة بلا قمر يمكن أن نرى نحو {ألفي|ثلاثة آلاف} نجم بالعين المجردة إذا ابتعدنا عن المدينة.
تحتاج العين إلى نصف ساعة لتعتاد الظلام، ونظرة واحدة إلى {الهاتف|الشاشة} تكفي لإفساد كل شيء.
يفتح المرصد أبوابه للزوار مساء {الخميس|الجمعة} عندما تسمح السماء بذلك.
تتبدل مواقع أقمار المشتري من ليلة إلى أخرى، ويمكن أن نلاحظ ذلك بمنظار {جيد|بسيط}.
أثناء الكسوف صار الضوء في الساحة {رماديا|فضيا} وسكت الحمام.
لا تحتاج مراقبة الشهب إلا إلى {بطانية|كرسي مريح} وشيء من الصبر.
نادرا ما يشبه المذنب صوره، لأن آلة التصوير تجمع الضوء {دقائق طويلة|عدة دقائق}.
تضيء الكواكب بهدوء، أما النجوم القريبة من الأفق فهي {ترتجف|تتلألأ} بسبب حركة الهواء.
يملك نادينا {5-9} مناظير فلكية صنعها الأعضاء كلها في {مرآب|ورشة} صغيرة.
""",
        "kitchen": """
ينبغي أن تكون العجينة {لينة|مرنة} وأن تعود ببطء إلى شكلها عندما نضغط عليها بالإصبع.
اترك الحساء على نار هادئة مدة {30-60} دقيقة وحركه من حين إلى آخر حتى لا يلتصق بالقدر.
الخبز القديم ليس نفاية، بل هو بداية {أربعة|خمسة} أطباق طيبة على الأقل.
قليل من {الليمون|الخل} في النهاية يوقظ الطبق الباهت أكثر من رشة ملح أخرى.
لم تكن أمي تزن الدقيق أبدا، وإذا سألتها عن المقدار قالت: {ما يكفي|حتى يصير مناسبا}.
في السوق هذه الأيام {باذنجان|خيار} طازج تسمع صوته عندما تقطعه.
السكين الحادة أكثر أمانا من غيرها لأنها تذهب إلى حيث {تريد|توجهها}.
في يوم {الجمعة|العيد} تجتمع العائلة كلها لتحضير الفطائر، وتؤكل القطع القبيحة أولا.
لا يصبح البصل ذهبي اللون إلا إذا كان في {المقلاة|القدر} مكان كاف، وإلا فإنه ينضج في مائه.
""",
        "town": """
بنت المطحنة سنة {1720-1850} عائلة لم يبق من اسمها إلا حجر منقوش فوق الباب.
في الفيضان الكبير بلغ الماء داخل {المسجد|السوق} مترين تقريبا، وما زالت العلامة ظاهرة على الجدار.
قبل السكة الحديدية كان السفر إلى العاصمة يستغرق {يومين|ثلاثة أيام}، وقلما سافر أحد في الشتاء.
جمع متحف البلدة {300-900} صورة، وكثير من الوجوه فيها لم يعد أحد يعرف أصحابها.
في مكان موقف السيارات اليوم كانت قديما {مدبغة|معصرة}، ويقول كبار السن إنهم يتذكرون رائحتها.
نعرف من رسائل أحد {المعلمين|الكتاب} كم كان ثمن الزبدة والأحذية والحطب في ذلك الزمان.
تنازعت القريتان على مرج مدة {40-90} سنة، وتملأ أوراق القضية رفا كاملا.
سار آخر ترام في يوم {أحد|أربعاء}، وسمح السائق للأطفال بأن يقرعوا الجرس.
وعد كل رئيس للبلدية بترميم {البرج|النبع}، حتى صارت المخططات نفسها جزءا من التاريخ.
""",
    },
    "hi": {
        "garden": """
इस साल टमाटर {देर से|फरवरी के अंत में} लगाए गए, क्योंकि मिट्टी बहुत दिनों तक ठंडी और गीली रही।
सूखे पत्तों की मोटी परत नमी को बनाए रखती है और पूरे मौसम {केंचुओं|जड़ों} को भोजन देती है।
हम बारिश का पानी {तीन|चार} पुराने ड्रमों में जमा करते हैं और गर्मी में वह लगभग {8-15} दिन चलता है।
पड़ोसी ने हमें अपनी {सीढ़ी|कुदाल} उधार दी और धैर्य से समझाया कि अमरूद की छँटाई कैसे की जाती है।
घोंघे एक ही रात में {सारी पालक|गोभी की दो कतारें} खा गए और घास को छुआ तक नहीं।
मेरे दादाजी बुवाई की तारीखें एक {नीली|मोटी} कॉपी में लिखते थे, जिसे हम आज भी देखते हैं।
{तुलसी|सरसों} के फूलों पर इतनी मधुमक्खियाँ आती हैं कि उनकी आवाज़ रसोई तक सुनाई देती है।
बगीचे के आखिर में {आम|जामुन} का एक पुराना पेड़ है और किसी को याद नहीं कि उसे किसने लगाया था।
पानी सुबह के समय जड़ों में देना चाहिए, ताकि रात को पत्तियाँ {सूखी|स्वस्थ} रहें।
""",
        "bike": """
पुरानी साइकिल {दस|बीस} साल तक गोदाम में खड़ी रही, फिर किसी को उसके पहियों में हवा भरने का ख्याल आया।
सड़क नदी के किनारे चलती है और केवल {पुल|मंदिर} से पहले एक छोटी चढ़ाई है।
साफ चेन कम आवाज़ करती है और {दुगुने|बहुत ज़्यादा} समय तक चलती है।
तीसरे दिन हवा की दिशा बदल गई और हमने बिना थके {80-130} किलोमीटर की दूरी तय कर ली।
नगर निगम ने नहर के साथ साइकिल के लिए अलग रास्ता बनाने का वादा किया है और काम {बसंत में|त्योहार के बाद} शुरू होगा।
मिस्त्री ने पहिए को देखा, सिर हिलाया और {चुपचाप|आह भरकर} नापने का फीता उठा लिया।
कम हवा वाले चौड़े टायर खराब रास्तों पर लोगों की सोच से ज़्यादा {आरामदायक|तेज़} होते हैं।
घाट पर हमें एक सेवानिवृत्त {शिक्षिका|नर्स} मिलीं, जो नदी का पूरा रास्ता {तीन|पाँच} बार तय कर चुकी थीं।
हमारे समूह में सब लोग सबसे धीमे साथी की गति से चलते हैं और अब तक कोई {पीछे नहीं छूटा|रास्ता नहीं भूला}।
""",
        "sky": """
बिना चाँद की रात में, अगर शहर दूर हो, तो लगभग {दो|तीन} हज़ार तारे नंगी आँखों से देखे जा सकते हैं।
आँखों को अँधेरे की आदत पड़ने में आधा घंटा लगता है और {फ़ोन|स्क्रीन} पर एक नज़र सब कुछ बिगाड़ देती है।
पहाड़ी पर बनी वेधशाला {शुक्रवार|शनिवार} की शाम को लोगों के लिए खुलती है, जब आसमान साफ होता है।
बृहस्पति के चंद्रमा हर शाम अपनी जगह बदलते हैं और यह {अच्छी|साधारण} दूरबीन से भी देखा जा सकता है।
ग्रहण के समय आँगन की रोशनी {धुँधली|चाँदी जैसी} हो गई और कबूतर चुप हो गए।
टूटते तारे देखने के लिए बस एक {कंबल|चारपाई} और थोड़ा धैर्य चाहिए।
धूमकेतु अपनी तस्वीरों जैसा कम ही दिखता है, क्योंकि कैमरा {कई|बहुत से} मिनट तक प्रकाश जमा करता है।
ग्रह शांत रोशनी से चमकते हैं, जबकि क्षितिज के पास के तारे हवा के कारण {टिमटिमाते|काँपते} हैं।
हमारी संस्था के पास {3-8} दूरबीनें हैं और हर एक किसी सदस्य ने अपने {घर|कारखाने} में बनाई है।
""",
        "kitchen": """
आटा {नरम|लचीला} होना चाहिए और उँगली से दबाने पर धीरे-धीरे अपने आकार में लौट आना चाहिए।
दाल को धीमी आँच पर {30-60} मिनट तक पकाइए और बीच-बीच में चलाते रहिए, ताकि वह तले में न लगे।
बासी रोटी बेकार नहीं होती, उससे कम से कम {चार|पाँच} अच्छे पकवान बन सकते हैं।
आखिर में थोड़ा सा {नींबू|सिरका} डालने से फीका खाना नमक के बिना भी स्वादिष्ट हो जाता है।
मेरी माँ कभी आटा नहीं तौलती थीं और पूछने पर कहती थीं कि {जितना ठीक लगे|जितना चाहिए} उतना डालो।
इन दिनों बाज़ार में इतनी ताज़ी {भिंडी|मूली} मिलती है कि काटने पर आवाज़ आती है।
तेज़ चाकू भोथरे चाकू से ज़्यादा सुरक्षित होता है, क्योंकि वह वहीं जाता है जहाँ हम {चाहते हैं|ले जाते हैं}।
{रविवार|त्योहार} को पूरा परिवार मिलकर समोसे बनाता है और सबसे टेढ़े समोसे पहले खाए जाते हैं।
प्याज तभी सुनहरा होता है जब {कड़ाही|तवे} में काफी जगह हो, नहीं तो वह अपने ही रस में पकता है।
""",
        "town": """
यह चक्की सन {1760-1850} में एक परिवार ने बनवाई थी, जिसका नाम अब केवल दरवाज़े के पत्थर पर बचा है।
बड़ी बाढ़ में {मंदिर|बाज़ार} के अंदर पानी दो मीटर तक पहुँच गया था और दीवार पर निशान आज भी दिखता है।
रेल आने से पहले राजधानी तक की यात्रा में {दो|तीन} हफ्ते लगते थे और बरसात में कम ही लोग निकलते थे।
कस्बे के संग्रहालय ने {300-900} तस्वीरें जमा की हैं और उनमें से कई चेहरों को अब कोई नहीं पहचानता।
जहाँ आज गाड़ियाँ खड़ी होती हैं, वहाँ पहले {रंगाई का कारखाना|तेल की घानी} थी और बुज़ुर्गों को उसकी गंध अब भी याद है।
एक {अध्यापक|मुंशी} की चिट्ठियों से हमें पता चलता है कि उस समय घी, जूते और लकड़ी के क्या दाम थे।
दोनों गाँव एक मैदान के लिए {40-90} साल तक लड़ते रहे और मुकदमे के कागज़ों से पूरी अलमारी भर गई है।
आखिरी ट्राम {रविवार|बुधवार} को चली थी और चालक ने बच्चों को घंटी बजाने दी।
हर मुखिया ने {मीनार|बावड़ी} की मरम्मत का वादा किया, इसलिए अब नक्शे भी इतिहास का हिस्सा बन गए हैं।
""",
    },
}

TITLES: dict[str, list[str]] = {
    "de": [
        "Notizen aus dem {Garten|Keller|Tal}, Nr. {2-90}",
        "Was der {Herbst|Frühling} gebracht hat",
        "Unterwegs am Fluss, {2-9}. Etappe",
        "Ein Abend unter Sternen",
        "Aus Küche und Archiv, Folge {3-60}",
    ],
    "fr": [
        "Carnet de {saison|campagne|route}, numéro {2-90}",
        "Ce que {l'automne|le printemps} nous a laissé",
        "Au bord du fleuve, étape {2-9}",
        "Une soirée sous les étoiles",
        "Recettes et vieux papiers, {3-60}",
    ],
    "es": [
        "Cuaderno de {campo|viaje|temporada}, número {2-90}",
        "Lo que nos dejó el {otoño|verano}",
        "Junto al río, etapa {2-9}",
        "Una noche bajo las estrellas",
        "Recetas y papeles viejos, {3-60}",
    ],
    "it": [
        "Quaderno di {campagna|viaggio|stagione}, numero {2-90}",
        "Quello che ci ha lasciato {l'autunno|l'estate}",
        "Lungo il fiume, tappa {2-9}",
        "Una sera sotto le stelle",
        "Ricette e vecchie carte, {3-60}",
    ],
    "pt": [
        "Caderno de {campo|viagem|estação}, número {2-90}",
        "O que o {outono|verão} nos deixou",
        "À beira do rio, etapa {2-9}",
        "Uma noite sob as estrelas",
        "Receitas e papéis antigos, {3-60}",
    ],
    "ru": [
        "Записки {садовода|путешественника}, выпуск {2-90}",
        "Что принесла нам {осень|весна}",
        "Вдоль реки, день {2-9}",
        "Вечер под звёздами",
        "Рецепты и старые письма, часть {3-60}",
    ],
    "pl": [
        "Zapiski z {ogrodu|podróży}, numer {2-90}",
        "Co przyniosła nam {jesień|wiosna}",
        "Wzdłuż rzeki, etap {2-9}",
        "Wieczór pod gwiazdami",
        "Przepisy i stare papiery, {3-60}",
    ],
    "tr": [
        "{Bahçe|Yol} notları, sayı {2-90}",
        "{Sonbahar|Yaz} bize ne bıraktı",
        "Nehir boyunca, gün {2-9}",
        "Yıldızların altında bir akşam",
        "Tarifler ve eski kâğıtlar, {3-60}",
    ],
    "vi": [
        "Ghi chép {làm vườn|trên đường}, số {2-90}",
        "Những gì {mùa thu|mùa hè} để lại",
        "Dọc theo dòng sông, ngày thứ {2-9}",
        "Một buổi tối dưới trời sao",
        "Món ăn và giấy tờ cũ, phần {3-60}",
    ],
    "zh": ["{菜园|路上}笔记之{2-90}", "{秋天|夏天}留给我们的东西", "沿着河边走，第{2-9}天", "星空下的一个晚上", "菜谱与旧信，第{3-60}期"],
    "ja": ["{畑|旅}の覚え書き その{2-90}", "{秋|夏}が残してくれたもの", "川に沿って {2-9}日目", "星の下の夜", "料理と古い手紙 第{3-60}回"],
    "ar": [
        "دفتر {البستان|الطريق}، العدد {2-90}",
        "ما تركه لنا {الخريف|الصيف}",
        "على ضفة النهر، اليوم {3-9}",
        "أمسية تحت النجوم",
        "وصفات وأوراق قديمة، الجزء {3-60}",
    ],
    "hi": [
        "{बगीचे|रास्ते} की डायरी, अंक {2-90}",
        "{शरद|गर्मी} ने हमें क्या दिया",
        "नदी के किनारे, दिन {2-9}",
        "तारों के नीचे एक शाम",
        "पकवान और पुराने कागज़, भाग {3-60}",
    ],
}
