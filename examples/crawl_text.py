# ruff: noqa: E501
"""English text for the sample crawl (see make_crawl.py), written for this project.

One sentence a line. ``{a|b|c}`` picks one of the alternatives, ``{3-9}`` a number in that range, and
``{name}``, ``{town}``, ``{month}`` a word from the language's list. Every sentence can stand anywhere in a
page on its topic, so that pages can be put together from a shuffled deck of them.
"""

ENGLISH: dict[str, str] = {
    "garden": """
The {first|early|outdoor} tomatoes went in {late this year|a week behind schedule|after the last frost}, because the soil was still cold enough to numb {my fingers|a bare hand|your fingertips}.
A {thick|generous|loose} layer of leaf mould keeps the moisture in and gives the {worms|beetles|fungi} something to work on through the winter.
{Broad beans|Field peas|Winter lentils} are forgiving plants, and they will put up with {heavy clay|a windy corner|careless watering} as long as the drainage is reasonable.
When the {blackbirds|sparrows|thrushes} start turning over the mulch, it usually means that the {slug eggs|beetle larvae|leatherjackets} are close to the surface.
I {divided|lifted and split|moved} the old rhubarb crown in {March|November|February} and gave half of it to {a neighbour|my sister|the school} who had asked for it twice.
Nobody in {town|this village|our street} remembers who planted the {pear tree|medlar|walnut} behind the chapel, yet everybody takes a basket home in autumn.
The trick with {leeks|celery|parsnips} is patience, since nothing much seems to happen for {six|eight|ten} weeks and then everything happens at once.
We save {rainwater|water from the roof} in {three|four|two} old barrels, and in a dry {June|August|May} they last for about {9-16} days.
A {sharp|clean|well oiled} pair of secateurs makes a cut that heals, while a blunt pair {crushes|tears|bruises} the stem and invites disease.
{Nasturtiums|Marigolds|Borage flowers} look pleasant between the cabbages, although I have never been sure that they {keep anything away|confuse the butterflies|help the crop}.
After {7-15} years on the same plot, the soil has turned from {yellow clay|builders' rubble|grey sand} into something that crumbles in the hand.
The seed catalogue promised {purple|striped|golden} carrots, and to our {surprise|delight} that is exactly what came out of the ground.
Compost needs {air|space} as much as it needs scraps, so we turn the heap every {second|third} weekend with a {borrowed|broken|long} fork.
There is a quiet hour before {breakfast|sunrise|work} when watering feels less like a {chore|duty|job} and more like a conversation with the beds.
{Snails|Slugs|Earwigs} ate the whole row of lettuce in one {wet|mild} night and left the {weeds|dandelions|thistles} beside it untouched.
My {grandfather|aunt|old teacher} kept a notebook of sowing dates that goes back to {1951-1988}, and the entries are still {useful|accurate|worth reading}.
The greenhouse is only {two|three} metres long, but it gives us {basil|peppers|cucumbers} from May until the first {hard|sharp|real} frost.
If the leaves turn {yellow|pale} between the veins, a lack of {magnesium|iron} is a more likely cause than a lack of water.
The allotment committee met on {Tuesday|Thursday} and agreed that the {shared|old} water pump would be repaired before {Easter|the summer|the next meeting}.
Pruning an apple tree is mostly the art of {stopping|leaving well alone}, because every cut asks the tree a question that it will answer with {new wood|more shoots}.
A strip of {clover|phacelia|wild flowers} along the fence has brought more {bumblebees|hoverflies|bees} than any box we have ever put up.
""",
    "bike": """
The {old|green|borrowed} bicycle had stood in the {barn|cellar|shed} for {6-19} years before anyone thought to pump up its tyres.
A loose {bottom bracket|headset|hub} can be heard long before it can be felt, usually as a {faint|dull|steady} click on the climb.
We left {town|the station|the campsite} before the {heat|traffic|rain} arrived and had the whole valley road to ourselves until {nine|ten}.
Cleaning a chain takes {ten|fifteen|twenty} minutes, and it adds {hundreds|thousands} of kilometres to the life of the {sprockets|drivetrain}.
The {climb|pass|hill} is only {3-8} kilometres long, but the last bend hides a {ramp|wall} that has made better riders than me get off and walk.
If the rear wheel {rubs|drags} against the brake on every turn, check whether it is {true|straight in the frame} before you buy anything new.
{Steel|Titanium|Aluminium} frames are not magic, although people who ride them tend to {talk|write} as if they were.
At the {ferry|bridge|crossing} we met a retired {baker|nurse|surveyor} who had ridden the length of the river {four|three|five} times.
A dynamo light is a {modest|small} luxury, and on dark {winter|November} evenings it feels like a {large|great} one.
Wider tyres at a {lower|softer} pressure turned out to be {faster|kinder} on the broken lanes around {town}.
The {council|city} has promised a protected lane along the {canal|ring road|harbour}, with work to begin in {month}.
I patched the tube with {cold|stiff} fingers under a {bus shelter|motorway bridge|lime tree} while the others ate all the sandwiches.
Panniers should be packed so that the {heaviest|densest} things sit low and close to the {axle|wheel}.
Our {club|group} rides at the pace of the slowest member, and so far nobody has been {left behind|dropped|lost}.
The {mechanic|shop owner} looked at the worn rim, shook {her|his} head and reached for a {calliper|ruler} without a word.
{Children|Beginners} learn to balance more quickly on a bicycle whose pedals have been {taken off|removed}.
Between the two villages the route follows an old {railway|tram} line, so it is {nearly flat|gentle} the whole way.
A good saddle is one that you {forget|stop noticing} after an hour, and finding it may take {several|two or three} mistakes.
On the third day the wind {turned|swung round}, and we covered {80-140} kilometres almost without {effort|pedalling}.
Spare spokes, a {chain link|short strap} and a few {zip ties|bolts} weigh next to nothing and have rescued {many|more than one} of our tours.
The {map|guidebook} showed a track through the {forest|marsh}, but what we found was a {stream|hedge} and a very surprised goat.
""",
    "sky": """
On a {clear|moonless} night in {month}, about {two|three} thousand stars can be seen without any instrument at all.
The {small|borrowed|home-made} telescope showed the rings of Saturn as a {tiny|crisp|pale} oval, and nobody at the eyepiece said anything for a while.
Light from the {Andromeda|neighbouring} galaxy has travelled for about two and a half million years before it reaches a {cold|tired} observer in a field.
{Dark adaptation|Night vision} takes at least {twenty|thirty} minutes, and a single glance at a {phone|torch} is enough to ruin it.
The Moon looks {larger|bigger} near the horizon, but a {coin|pea} held at arm's length proves that the effect is in the mind.
A meteor shower is best watched from a {deck chair|blanket|folding bed}, with a flask of {tea|soup} and no equipment at all.
Jupiter's {four|brightest} moons change their places from one evening to the next, as anyone with {steady|good} binoculars can confirm.
Variable stars reward {patient|regular} observers, since a single {estimate|measurement} says little and a {hundred|thousand} of them draw a curve.
The {observatory|dome} on the hill opens to visitors on {Friday|Saturday} evenings whenever the sky allows it.
{Planets|Bright planets} shine with a calm light, while stars near the horizon {twinkle|flicker} because the air above us is never still.
Our {club|society} owns {three|five} telescopes, and every one of them was {built|rebuilt} by a member in a {garage|kitchen}.
During the {partial|last} eclipse the light in the {schoolyard|garden} turned {thin|silvery}, and the pigeons went to roost.
A comet rarely looks like its photographs, for the {eye|naked eye} gathers light for a fraction of a second and the camera for {minutes|several minutes}.
The first thing to learn is the {Plough|Big Dipper}, because two of its stars point the way to the {Pole Star|north}.
Street lamps that shine {sideways|upwards} waste energy, and they hide the {Milky Way|faint stars} from the people who pay for them.
We recorded the {sunspots|prominences} for {11-30} days in a row and watched a {large|ragged} group cross the disc.
An equatorial mount follows the sky by turning around {one|a single} axis, provided that the axis points {precisely|close} to the pole.
The space between the stars is not {empty|a perfect vacuum}, for it holds a thin gas and {grains|specks} of dust smaller than smoke.
Old star charts put {sea monsters|mythical birds} in the southern sky, where the {sailors|navigators} who drew them had only just begun to look.
Each {dawn|morning} in late {August|September} the winter constellations can already be seen rising over the {roofs|eastern hills}.
A {logbook|notebook} with the date, the weather and a rough {sketch|drawing} is worth more to a beginner than a second eyepiece.
""",
    "kitchen": """
Soak the {beans|chickpeas|lentils} overnight in plenty of {cold|fresh} water, and throw away any that float in the morning.
The {dough|bread dough} should feel {soft|lively} under the palm and spring back {slowly|a little} when it is pressed with a finger.
My {mother|neighbour|uncle} never measured the {salt|flour|stock}, and when I asked how much she used, the answer was always {enough|until it looks right}.
A {heavy|cast-iron} pan holds its heat, so the {onions|mushrooms|potatoes} brown instead of stewing in their own juice.
Let the soup {simmer|cook} gently for {25-50} minutes, and stir it from time to time so that nothing {catches|sticks} at the bottom.
{Lemon|Vinegar|Sour cream} added at the very end wakes up a dish that tastes {flat|dull}, often better than more salt would.
The best {cake|pie} of the village fair was baked by a {bus driver|postman} who had started only {last|the previous} winter.
Rice {steamed|rested} under a cloth for {ten|twelve} minutes after cooking comes out {dry|loose}, with every grain separate.
Keep the {rind|crust} of a hard cheese, since it gives body to a {broth|minestrone} and costs nothing.
We picked {elderflowers|blackberries|sloes} along the lane and turned them into {5-12} bottles of {syrup|cordial}.
A sharp knife is {safer|kinder} than a blunt one, because it goes where it is {sent|pointed} and does not slip.
The {pickles|cucumbers} are ready when the brine turns {cloudy|sour}, which takes about {two|three} weeks in a cool cellar.
Roast the {squash|beetroot|carrots} in their skins until a {skewer|fork} slides in without resistance, then {peel|halve} them while they are warm.
{Garlic|Ginger} burns quickly, so it goes into the oil {last|after the onions} and stays there for {less than a minute|thirty seconds}.
On {Sundays|market days} the whole {family|house} makes dumplings together, and the {smallest|clumsiest} ones are eaten first.
Stale bread is not {waste|rubbish} but an ingredient, and at least {four|five} dishes in this book {depend on|begin with} it.
Taste the {sauce|stew} before serving, and then {taste|try} it again after a minute, because heat hides {sweetness|salt}.
The oven in our first {flat|kitchen} ran {thirty|forty} degrees too hot, which taught us to trust {smell|the nose} more than the dial.
Fold the egg whites in with a {large|metal} spoon and as few {strokes|movements} as possible, or the air will {escape|be lost}.
A pot of {parsley|chives|thyme} on the windowsill survives nearly {anything|any treatment} except too much {water|kindness}.
Serve it {warm|at room temperature} with {rye bread|a green salad|boiled potatoes}, and keep a portion for the {next day|cook}.
""",
    "history": """
The {mill|market hall|bridge} was built in {1720-1880} by a {family|guild} whose name survives only on a stone above the door.
Until the railway came, the {journey|trip} to the {coast|capital} took {two|three} days and was rarely made in winter.
The parish {register|book} lists {11-46} families, and more than half of them {shared|carried} the same {four|five} surnames.
In the flood of {1784-1872} the water stood {two|nearly three} metres high in the {square|church}, as a mark on the wall still shows.
{Wool|Salt|Tin} made the town {rich|famous} for a century, and then a cheaper source {overseas|further north} made it poor again.
A {charter|letter} from the archive grants the {fishermen|weavers} the right to hold a {fair|market} on the first Monday of {month}.
The {school|town hall} burned down twice, and each time it was rebuilt with the {stones|timbers} of the one before.
Historians {disagree|argue} about the date of the wall, but the {mortar|brickwork} suggests that it is {older|younger} than the tower.
During the {long|hard} winter the river froze, and {wagons|carts} loaded with {firewood|grain} crossed it as if it were a road.
The {museum|local society} has collected {300-900} photographs, most of them donated by {people|families} who could not name the faces in them.
What is now a {car park|playground} was once the {tannery|rope walk}, and on {damp|warm} days older residents claim that they can still smell it.
A young {clockmaker|printer} called {name} arrived in {1790-1860} with a single trunk and {left|died} the owner of half the street.
The {last|final} steam tram ran on a {Sunday|Wednesday}, and the driver let {children|passengers} ring the bell all the way to the depot.
Excavations {behind|below} the {inn|church} turned up {coins|pottery}, a child's shoe and the {handle|blade} of a bronze knife.
The {census|tax roll} of {1801-1891} mentions a {midwife|ferryman} who was paid in {candles|barley}.
Much of what we know comes from the {diary|letters} of a {clerk|schoolmistress} who wrote down the price of everything.
The two {villages|parishes} quarrelled over a {meadow|spring} for {40-90} years, and the court papers fill {a whole|an entire} shelf.
After the war the {factory|brickworks} never opened again, and its {chimney|gate} was left standing as a landmark.
Street names are a {kind|form} of memory, and {Dyers' Lane|Rope Street|Gallows Hill} tells more than the guidebook does.
The {bell|clock} in the tower was cast from {melted|old} cannon, or so the {story|inscription} says.
Every {generation|mayor} has promised to restore the {gatehouse|old well}, and the {plans|drawings} in the archive are a history in themselves.
""",
    "weather": """
The {barometer|pressure} fell all {afternoon|morning}, and by {four|five} o'clock the swallows were flying just above the grass.
Fog forms in the {valley|hollow} when the night is {still|calm}, since cold air is {heavier|denser} than warm air and flows downhill like water.
A {halo|ring} around the moon often comes {a day|twelve hours} before rain, because it is made by ice crystals in {high|thin} cloud.
Our rain gauge has been {read|emptied} every morning at {seven|eight} since {1962-1999}, even on the day of the {wedding|flood}.
{Last|This} {month} brought only {6-31} millimetres of rain, which is {less than half|about a third} of the usual amount.
Thunder can be heard for about {fifteen|twenty} kilometres, so a storm that is {silent|only seen} is still some way off.
The wind blew from the {east|north-east} for {5-11} days without a break and dried the {fields|paths} as hard as brick.
Snow is a good {blanket|insulator}, and the ground under a {deep|thick} layer may not freeze at all.
{Forecasts|Predictions} for tomorrow are now as good as those for {a few hours|the same evening} were when I began to keep records.
The sea breeze sets in {around|before} noon, when the land has {warmed|heated up} enough to lift the air above it.
A {single|sudden} hailstorm lasting {four|seven} minutes broke {40-95} panes in the nursery and flattened the {barley|rye}.
In {mountain|upland} areas the temperature {drops|falls} by roughly six degrees for every thousand metres of {height|climb}.
The {dew|frost} lay so {thick|heavy} on the meadow that the {sheep|hares} left green tracks behind them.
Clouds shaped like {lenses|almonds} stand still above the ridge while the wind {rushes|streams} right through them.
The warmest {night|morning} of the year was {oddly|strangely} silent, and even the {owls|frogs} seemed to be waiting for something.
Instruments must be kept in the shade and {two|about two} metres above {grass|the ground}, otherwise they measure the {wall|sunshine} instead of the air.
An {early|unexpected} thaw filled the {ditches|streams}, and for {two|three} days the lower road was closed.
People remember {storms|extremes} and forget the {ordinary|average} days, which is why a written record is so {useful|valuable}.
The {smell|scent} before rain comes partly from the {soil|ground} itself, where bacteria make a compound that we can notice in tiny amounts.
After the {front|storm} had passed, the air was so {clear|clean} that we could {count|see} the windmills on the far shore.
A year has {no|hardly any} normal days in it, only an average that {nobody|no one} ever lives through.
""",
    "harbour": """
The {first|early} boats come in around {five|six}, and by {seven|eight} the whole quay smells of {diesel|tar} and fresh fish.
A {new|second} crane was delivered to the {north|inner} dock on {Monday|Wednesday}, in {14-28} crates and with the wrong {bolts|manual}.
The {ferry|mail boat} to the islands runs {twice|three times} a day in summer, but only when the {skipper|captain} likes the look of the sky.
{Residents|Neighbours} of the old quarter have asked for a {quieter|slower} night schedule, and the {port office|council} has agreed to a trial.
The lighthouse was {automated|electrified} in {1960-1989}, yet somebody still {climbs|walks up} the {112-198} steps every week to clean the glass.
Seals have {returned|come back} to the sandbank, where {visitors|walkers} are asked to keep a distance of {at least|about} a hundred metres.
A {volunteer|student} crew spent {three|four} winters restoring the {cutter|schooner}, plank by plank, in a tent behind the {cannery|boathouse}.
The tide here rises by {nearly|more than} {4-7} metres, so a careless mooring can leave a boat hanging from its {ropes|bollard}.
The {fish market|auction} has moved into a {smaller|brighter} hall, and the {buyers|traders} complain about everything except the coffee.
Divers found an {anchor|old ship's bell} of {unknown|uncertain} age near the breakwater and left it {where it was|in place} for the museum.
The {harbour master|pilot}, {name}, said that the channel would be {dredged|surveyed} again before the {autumn|spring} gales.
{Salt|Sea air} gets into every {lock|hinge}, and a door that is not {oiled|opened} for a month will not open at all.
On {calm|grey} mornings the far shore seems to {float|hang} a little above the water, with a strip of {light|sky} beneath it.
A container of {oranges|tea|bicycles} was found {open|damaged} on the beach, and by noon the whole {village|town} had heard about it.
The {sailing school|rowing club} expects {60-140} pupils this {season|year}, more than {ever|at any time} before.
Nets are still {mended|repaired} by hand on the {south|sunny} wall, although only {two|three} people know the old knots.
Work on the {sea wall|breakwater} will continue until {month}, and the {path|promenade} remains closed on weekdays.
The regatta was {won|decided} by {seconds|a boat's length}, after {six|five} hours of sailing in almost no wind.
An exhibition in the {customs house|net loft} shows {charts|photographs} of the coast made over {two|three} centuries.
The {price|cost} of a berth has {risen|gone up} by {4-9} per cent, which the smallest boats {feel|notice} the most.
""",
    "workshop": """
Measure the {board|panel} twice, mark it with a {knife|sharp pencil}, and only then reach for the {saw|plane}.
The {drawer|door} stuck because the wood had {swollen|moved} in the damp, not because the {joint|hinge} was badly made.
{Ash|Beech|Oak} bends well after {40-60} minutes in the steam box, but you have about {a minute|ninety seconds} to get it onto the form.
A {cheap|second-hand} vice that is bolted down firmly is better than an {expensive|elegant} one that moves.
Every {tool|chisel} on this wall was bought {used|at a flea market}, and most of them had only been waiting for a {clean edge|bit of oil}.
Glue sets {slowly|badly} in a cold room, so we bring the clamps and the {parts|boards} inside the night before.
The {radio|kettle} had failed because of a single {dry|cracked} solder joint that was {hard|almost impossible} to see without a lens.
Sanding {across|against} the grain leaves scratches that show up only after the {varnish|oil} has gone on.
Our repair café opens on the {first|second} Saturday of the month, and last time {18-39} of {41-60} objects went home {working|fixed}.
A box of {odd|unsorted} screws is a treasure on the day when a {machine|clock} from {1930-1975} needs exactly one of them.
Dust from {plywood|walnut} is unpleasant, so wear a mask even for {short|small} jobs and open the {window|big door}.
The {lamp|stool} took {three|four} evenings to make and has already outlived {two|several} that we had bought.
If a screw will not move, apply {heat|penetrating oil}, wait for {an hour|half a day}, and try to {tighten|turn} it slightly before loosening.
{name} taught me to sharpen by {sound|ear}, since the stone {sings|hisses} differently when the angle is right.
Plans are useful until the first {mistake|cut}, and after that it is the {mistake|piece of wood} that makes the plan.
A thin {shaving|wedge} under one foot cured the {wobble|rattle} that had annoyed the {family|office} for years.
The {lathe|band saw} came from a {school|shipyard} that was closing, and moving it required {six|five} people and a {tractor|piano trolley}.
Wood should be {stacked|stored} with sticks between the layers, so that air can {reach|pass over} every face of it.
We photograph each {step|part} before taking an appliance {apart|to pieces}, because memory is {short|unreliable} and screws are many.
The finish is only {linseed oil|wax} rubbed in with a {rag|cloth}, {three|four} thin coats with a day between them.
""",
    "music": """
The {choir|ensemble} rehearses in the old {fire station|laundry}, where the {tiles|high ceiling} make even a cough sound important.
A {cello|violin} left near a radiator will {crack|open at the seams} sooner or later, and always before a {concert|lesson}.
{Scales|Slow exercises} played for {ten|fifteen} minutes every day did more for my {left hand|tone} than any clever method.
The {piano|harmonium} in the station hall is {slightly|always} out of tune, and still there is a {queue|small crowd} around it most evenings.
Our {conductor|teacher} asked us to {sing|play} the phrase once more, as if we were telling a {secret|joke} to somebody at the back.
The {festival|concert series} begins on {month} {2-27} with a {programme|performance} of music written by people under twenty.
A melody that {climbs|rises} by small steps and then {falls|leaps} down stays in the ear for {days|a long time}.
Nobody {claps|moves} between the movements, apart from one {enthusiastic|small} child in the {second|third} row.
The {drummer|bass player} had learned {everything|most of it} from records, lifting the needle {again and again|a hundred times} over the same bar.
Old {strings|reeds} sound dull, but new ones need a {day|few hours} before they {hold|keep} their pitch.
The hall was {designed|built} for {speeches|trade fairs}, so the architects hung {wooden|felt} panels to tame the echo.
In the {slow|middle} movement the {oboe|clarinet} takes over the theme, and the rest of the orchestra {listens|breathes} with it.
{name} copied the {missing|lost} parts by hand from a score kept in a {monastery|library} for {200-320} years.
A metronome is a {strict|patient} friend, and most of us {lie|are wrong} about how steady we are without it.
Street musicians know which {corner|arch} carries the sound and at what {hour|time} the bakery throws out yesterday's rolls.
The {brass band|accordion club} has {23-48} members between the ages of {9-12} and {78-91}.
When the {lights|power} failed, the quartet went on {playing|from memory} in the dark until the end of the piece.
Writing down a {song|tune} changes it, because the page keeps the {notes|order} and loses the {hesitation|breath}.
The recording was made in a {single|long} afternoon with {two|three} microphones and no {corrections|editing}.
""",
    "trains": """
The {night|slow} train leaves at {21-23}:{10-55}, and the restaurant car closes as soon as the {soup|last guest} is finished.
Our carriage was {almost empty|half full}, apart from a {student|priest} asleep over a {thick|borrowed} book.
The line {climbs|winds} through {14-38} tunnels, and in between them there are views that last {four|six} seconds each.
A ticket {bought|stamped} at the village station still comes as a {small|stiff} piece of card with a hole in it.
We missed the connection at {town} by {two|three} minutes and gained an {afternoon|evening} in a town that we would never have visited.
The timetable has {not|hardly} changed since {1974-1998}, although the {junction|dining room} it mentions is long gone.
Between the {border|pass} and the lake the conductor {announces|names} every halt in {two|three} languages, including those where nobody gets on.
Freight has {priority|the right of way} here, so the {local|passenger} train waits patiently beside a field of {sunflowers|cabbages}.
The {engine driver|stationmaster} let the {children|twins} sound the whistle before the long bridge.
{Seats|Window seats} on the left side are better in the morning, because the {sun|light} comes from behind the hills.
Old {viaducts|embankments} carry a cycle path now, and the {signal box|waiting room} sells ice cream.
A {journey|trip} of {600-1400} kilometres by rail asks for a {sandwich|picnic}, a book and some {tolerance|curiosity}.
The platform was {crowded|lively} with people who had {skis|baskets of mushrooms}, and nobody seemed to be in a hurry.
Because of {leaves|repairs} on the line, a bus took us through {three|four} villages that the {railway|map} ignores.
The new {trams|units} are quieter, cleaner and {colder|harder} to love than the ones they replaced.
I wrote {most|half} of this in the {vestibule|corridor}, standing, with the notebook against the {window|door}.
{name} has collected {40-210} station stamps and can describe the {clock|roof} of every one of them.
Somewhere after midnight the {rhythm|sound} of the rails changed, and half of the {passengers|sleepers} woke up to listen.
""",
    "books": """
The {library|reading room} stays open until {nine|ten} on {Thursdays|Mondays}, and the {last|final} hour is the quietest of the week.
A {novel|story} that begins with the weather must {earn|deserve} the reader's trust in the second paragraph.
She {borrowed|took home} the same {atlas|book of fables} so often that the librarian finally {gave|sold} it to her.
Marginal notes in {pencil|brown ink} show that an earlier reader {disagreed|lost patience} on page {40-210}.
The {translator|editor} explains in a short preface why {one|a single} word was left as it stood.
Our reading group {chose|picked} a {long|difficult} book for the winter, and {7-14} of us reached the end.
{Short|Plain} sentences are not always {clear|honest}, and long ones are not always {deep|confused}.
The bookshop under the {arches|stairs} sorts its shelves by {colour|mood}, which is {maddening|charming} if you are looking for something.
An {index|appendix} made by a careful person is a {pleasure|map} in itself, full of unexpected neighbours.
The {author|poet} spent {five|eight} years on the {manuscript|first draft} and then cut a third of it in one week.
Paper made before {1840-1850} often survives {better|longer} than what came after, because it was made from {rags|linen}.
Children {asked|wanted} to hear the {chapter|passage} about the bear again, and the bear grew {larger|kinder} every time.
The {mobile|village} library stops beside the {pump|bakery} every second {Friday|Tuesday} for {thirty|forty} minutes.
Reading aloud {slows|calms} everybody down, the {reader|speaker} most of all.
A good dictionary {admits|shows} doubt, and the best ones {quote|cite} people who used the word {wrongly|for the first time}.
The plot is {simple|slight}, but the {voice|narrator} has a way of noticing {hands|kitchens} that stays with you.
{name} repairs {bindings|spines} with paste and thin paper, and {refuses|never agrees} to use tape.
Of the {60-190} letters in the collection only {four|nine} had been {opened|published} before.
I have {kept|made} a list of everything I read since {1985-2010}, and the {gaps|blank weeks} are the most telling part.
""",
    "birds": """
The {swifts|swallows} arrived on {month} {2-29}, {three|four} days earlier than in the year before.
A {robin|wren} weighs about as much as a {coin|letter}, yet its song carries across {two|three} gardens.
Nest boxes should face {away from|north of} the midday sun and hang at least {two|three} metres above the {ground|path}.
We counted {120-480} {geese|lapwings} on the flooded meadow before a {hawk|dog} put all of them into the air.
{Owls|Barn owls} hunt by {sound|ear}, and their feathers are edged with a soft {comb|fringe} that keeps the wings silent.
The {heron|stork} stood in the same {ditch|shallow water} for {forty|fifty} minutes and moved only once.
Young {starlings|sparrows} learn the calls of {phones|other birds} as readily as those of their parents.
A hedge that is cut in {late|high} summer may still hide a {second|late} brood, so we wait until {September|October}.
Ringing has shown that the {same|very same} pair came back from {Africa|the south} to this barn {four|five} times.
The {reed bed|marsh} looks empty until you stand {still|quietly} for as long as it takes to {drink|finish} a cup of tea.
{Magpies|Jays} bury more acorns than they find again, and in this way they have {planted|sown} half of the wood.
Binoculars with a {wide|generous} field of view are easier for {beginners|children} than those that magnify {more|strongly}.
The dawn chorus starts with the {blackbird|redstart}, about {forty|fifty} minutes before the sun is up.
In {hard|snowy} winters {waxwings|bramblings} come from the north and strip the {rowans|hawthorns} in a single day.
A feather found on the {path|beach} told us that a {buzzard|tern} had passed, although nobody had seen it.
The survey {relies|depends} on {250-700} volunteers, each of whom walks the same {two|three} kilometres every spring.
{name} can tell {eleven|fourteen} kinds of gull apart, including the ones that are {brown|moulting} and look like all the others.
Feeding is {helpful|welcome} in frost, but the table must be {cleaned|scrubbed} every week to keep disease away.
Cranes fly in {long|uneven} lines and call all the time, so that {nobody|none of them} gets lost in the cloud.
""",
}

ENGLISH_TITLES: dict[str, list[str]] = {
    "garden": [
        "What grew and what did not in {month}",
        "A year on the plot, part {2-30}",
        "Notes on {soil|seed|slugs} and patience",
        "The {leek|bean|rhubarb} question",
        "Rain barrels, worms and other helpers",
        "Sowing diary for {month}",
    ],
    "bike": [
        "{3-9} days along the river",
        "Fixing the {hub|chain|brake} in the rain",
        "The slow road to {town}",
        "On {tyres|saddles|lights}, again",
        "A Sunday climb near {town}",
        "Commuting through {month}",
    ],
    "sky": [
        "The sky above {town} in {month}",
        "First light with a {small|borrowed} telescope",
        "How to watch {meteors|sunspots|Jupiter}",
        "Observing log number {12-480}",
        "Dark skies and street lamps",
        "Stars for {beginners|patient people}",
    ],
    "kitchen": [
        "Soup for {four|six|ten} people",
        "Bread on a {Sunday|Tuesday}",
        "What to do with {beetroot|stale bread|lentils}",
        "A cellar full of {pickles|cordial}",
        "Notes from a small kitchen, no. {3-90}",
        "Cooking for a {fair|crowd}",
    ],
    "history": [
        "The {mill|bridge|market} at {town}",
        "A walk through Rope Street",
        "From the archive: the year {1790-1890}",
        "Who built the {gatehouse|tower|well}?",
        "Letters of a {clerk|midwife}",
        "The last tram to {town}",
    ],
    "weather": [
        "Weather diary: {month}",
        "Why fog stays in the valley",
        "The {storm|drought|frost} of {1955-2019}",
        "Reading clouds above {town}",
        "Rain gauge notes, volume {2-40}",
        "An ordinary week of weather",
    ],
    "harbour": [
        "{Crane|Ferry|Sea wall} work starts at {town}",
        "Harbour notes for {month}",
        "Cutter restored after {3-9} winters",
        "Regatta decided in light wind",
        "Port office agrees to night trial",
        "Lighthouse keeper of {town} looks back",
    ],
    "workshop": [
        "Mending a {radio|stool|drawer}",
        "Steam, ash and a {broken|new} form",
        "The repair café in {month}",
        "Sharpening by ear",
        "A lathe comes to {town}",
    ],
    "music": ["Rehearsal notes: {month}", "A piano in the station", "The {choir|brass band} of {town}", "Practising slowly"],
    "trains": ["Night train to {town}", "{14-60} tunnels and a lake", "Waiting at {town} junction", "A timetable from {1974-1998}"],
    "books": ["The {mobile|village} library", "What we read in {month}", "On indexes and margins", "A binder at work in {town}"],
    "birds": ["{Swifts|Cranes|Owls} over {town}", "Counting geese in {month}", "The hedge survey", "Nest boxes, year {2-19}"],
}

NAMES: dict[str, list[str]] = {
    "name": ["Ada Fenwick", "Tomas Hale", "Ruth Okoro", "Ivor Pell", "Greta Lindqvist", "Samir Dane", "Nell Harrow", "Otis Marsh"],
    "town": ["Lanternhill", "Ashbourne Mills", "Copperford", "Millbrook", "Saltmarsh", "Hollow Pines", "Quarry Bay", "Winterby"],
    "month": ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"],
}

# Mathematics: ⟦tex⟧ is an inline formula, a paragraph that is one ⟦⟦tex⟧⟧ is a displayed one.
MATH: list[tuple[str, list[str]]] = [
    (
        "The sum of the first n squares",
        [
            "Let us write ⟦S_n⟧ for the sum of the first ⟦n⟧ squares, so that ⟦S_1 = 1⟧ and ⟦S_2 = 5⟧. We want a formula that does not need ⟦n⟧ additions.",
            "⟦⟦S_n = \\sum_{k=1}^{n} k^2 = \\frac{n(n+1)(2n+1)}{6}⟧⟧",
            "The claim is easy to check for ⟦n = 1⟧, because both sides are equal to one. Suppose that it holds for some ⟦n \\ge 1⟧. Adding the next square to both sides gives an expression in which ⟦n+1⟧ can be taken out as a factor.",
            "⟦⟦\\frac{n(n+1)(2n+1)}{6} + (n+1)^2 = \\frac{(n+1)(n+2)(2n+3)}{6}⟧⟧",
            "This is the same formula with ⟦n+1⟧ in the place of ⟦n⟧, and so the proof by induction is complete. Induction convinces us that the formula is true, yet it does not tell us where the formula came from.",
            "A telescoping sum is more helpful. The difference ⟦(k+1)^3 - k^3 = 3k^2 + 3k + 1⟧ is summed from ⟦k=1⟧ to ⟦k=n⟧, and everything on the left cancels except for the two ends.",
            "⟦⟦(n+1)^3 - 1 = 3 S_n + \\frac{3n(n+1)}{2} + n⟧⟧",
            "Solving for ⟦S_n⟧ gives the formula again. The same method works for cubes and for every higher power, although the algebra becomes longer with each step.",
        ],
    ),
    (
        "A first look at the quadratic formula",
        [
            "Every quadratic equation with real coefficients can be brought into the form ⟦ax^2 + bx + c = 0⟧ with ⟦a \\ne 0⟧. Completing the square is the only idea that is needed to solve it.",
            "Divide by ⟦a⟧ and move the constant to the right, then add ⟦\\left(\\frac{b}{2a}\\right)^2⟧ to both sides. The left side is now a perfect square.",
            "⟦⟦\\left(x + \\frac{b}{2a}\\right)^2 = \\frac{b^2 - 4ac}{4a^2}⟧⟧",
            "The number ⟦D = b^2 - 4ac⟧ is called the discriminant. If ⟦D > 0⟧ there are two real solutions, if ⟦D = 0⟧ there is one, and if ⟦D < 0⟧ the solutions are complex.",
            "⟦⟦x_{1,2} = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}⟧⟧",
            "As an example, take ⟦x^2 - 5x + 6 = 0⟧. Here ⟦D = 25 - 24 = 1⟧, and the two solutions are ⟦x_1 = 3⟧ and ⟦x_2 = 2⟧. Their sum is ⟦5⟧ and their product is ⟦6⟧, which is no accident.",
            "On a computer the formula should be used with care. When ⟦b^2⟧ is much larger than ⟦4ac⟧, the subtraction loses digits, and it is better to find the larger root first and the other one from the product ⟦x_1 x_2 = c/a⟧.",
        ],
    ),
    (
        "Why the harmonic series diverges",
        [
            "The terms of the harmonic series become as small as we like, since ⟦\\lim_{n \\to \\infty} 1/n = 0⟧. It is tempting to conclude that the sum stays bounded, but it does not.",
            "⟦⟦H = 1 + \\frac{1}{2} + \\frac{1}{3} + \\frac{1}{4} + \\cdots⟧⟧",
            "Group the terms in blocks whose lengths are powers of two. In the block that ends with ⟦1/2^k⟧ there are ⟦2^{k-1}⟧ terms, and none of them is smaller than the last one.",
            "⟦⟦\\sum_{j=2^{k-1}+1}^{2^k} \\frac{1}{j} \\ge 2^{k-1} \\cdot \\frac{1}{2^k} = \\frac{1}{2}⟧⟧",
            "Each block contributes at least one half, and there are infinitely many blocks. The partial sums therefore pass every bound, although they do so very slowly.",
            "How slowly can be seen from the estimate ⟦H_n \\approx \\ln n + \\gamma⟧, where ⟦\\gamma \\approx 0.5772⟧. To reach the value ⟦20⟧ one needs more than two hundred million terms.",
            "The alternating series ⟦1 - \\frac12 + \\frac13 - \\cdots⟧ behaves differently: it converges to ⟦\\ln 2⟧, but only as long as nobody changes the order of its terms.",
        ],
    ),
    (
        "Eigenvalues of a two by two matrix",
        [
            "An eigenvector of a matrix ⟦A⟧ is a vector ⟦v \\ne 0⟧ that keeps its direction when the matrix is applied. The factor by which it is stretched is called the eigenvalue ⟦\\lambda⟧.",
            "⟦⟦A v = \\lambda v⟧⟧",
            "Rewriting the condition as ⟦(A - \\lambda I) v = 0⟧ shows that the matrix ⟦A - \\lambda I⟧ must be singular, and hence that its determinant vanishes.",
            "⟦⟦\\det \\begin{pmatrix} a - \\lambda & b \\\\ c & d - \\lambda \\end{pmatrix} = \\lambda^2 - (a+d)\\lambda + (ad - bc) = 0⟧⟧",
            "The coefficients are familiar: ⟦a + d⟧ is the trace and ⟦ad - bc⟧ is the determinant. The sum of the eigenvalues is equal to the trace, and their product is equal to the determinant.",
            "For the matrix with ⟦a = d = 2⟧ and ⟦b = c = 1⟧ the equation is ⟦\\lambda^2 - 4\\lambda + 3 = 0⟧, and so ⟦\\lambda_1 = 3⟧ and ⟦\\lambda_2 = 1⟧. The eigenvectors are ⟦(1, 1)⟧ and ⟦(1, -1)⟧.",
            "It is not a coincidence that these two vectors are perpendicular. A symmetric matrix with real entries always has an orthogonal basis of eigenvectors, and this fact is the heart of many methods in statistics.",
        ],
    ),
    (
        "Counting with the inclusion and exclusion principle",
        [
            "How many numbers from ⟦1⟧ to ⟦100⟧ are divisible by ⟦2⟧, by ⟦3⟧ or by ⟦5⟧? Adding the three counts gives too much, because some numbers are counted more than once.",
            "⟦⟦|A \\cup B| = |A| + |B| - |A \\cap B|⟧⟧",
            "For three sets we subtract the pairs and then put back the numbers that lie in all of them. The pattern continues with alternating signs for any number of sets.",
            "⟦⟦|A \\cup B \\cup C| = |A| + |B| + |C| - |A \\cap B| - |A \\cap C| - |B \\cap C| + |A \\cap B \\cap C|⟧⟧",
            "In our example the three sets have ⟦50⟧, ⟦33⟧ and ⟦20⟧ elements, the pairs have ⟦16⟧, ⟦10⟧ and ⟦6⟧, and the triple has ⟦3⟧. The answer is ⟦103 - 32 + 3 = 74⟧.",
            "A more surprising use of the same idea concerns letters that are put into envelopes at random. The probability that no letter reaches its own envelope is close to ⟦1/e⟧, whatever the number of letters may be.",
            "⟦⟦\\frac{D_n}{n!} = \\sum_{k=0}^{n} \\frac{(-1)^k}{k!}⟧⟧",
            "The series converges so fast that for ⟦n = 7⟧ the value agrees with ⟦e^{-1}⟧ to four decimal places.",
        ],
    ),
    (
        "The derivative as a limit of slopes",
        [
            "Take a curve ⟦y = f(x)⟧ and two points on it. The line through both has the slope that we learned about at school, the rise divided by the run.",
            "⟦⟦m = \\frac{f(x+h) - f(x)}{h}⟧⟧",
            "If we let ⟦h⟧ become smaller, the line turns a little, and for a smooth curve it settles on the tangent. The slope of the tangent is the derivative ⟦f'(x)⟧.",
            "⟦⟦f'(x) = \\lim_{h \\to 0} \\frac{f(x+h) - f(x)}{h}⟧⟧",
            "For ⟦f(x) = x^2⟧ the quotient is ⟦2x + h⟧, and its limit is ⟦2x⟧. Nothing is divided by zero here: we simplify first and only then let ⟦h⟧ go to zero.",
            "The rules for sums, products and compositions follow from this definition. The product rule ⟦(fg)' = f'g + fg'⟧ is best remembered with the picture of a rectangle whose two sides grow at the same time.",
            "Not every function has a derivative everywhere. The function ⟦|x|⟧ has a corner at ⟦x = 0⟧, where the slopes from the left and from the right are ⟦-1⟧ and ⟦1⟧.",
        ],
    ),
    (
        "Modular arithmetic and the clock",
        [
            "A clock does arithmetic with remainders. Five hours after nine it shows two, because ⟦9 + 5 = 14⟧ and ⟦14 \\equiv 2 \\pmod{12}⟧.",
            "We say that ⟦a⟧ and ⟦b⟧ are congruent modulo ⟦m⟧ if ⟦m⟧ divides their difference. Sums and products respect this relation, and so we may replace a number by its remainder at any time.",
            "⟦⟦a \\equiv b \\pmod{m} \\iff m \\mid (a - b)⟧⟧",
            "This makes it easy to find the last digit of ⟦7^{100}⟧. The powers of seven end in ⟦7, 9, 3, 1⟧ and then start again, and since ⟦100⟧ is divisible by four the last digit is ⟦1⟧.",
            "If ⟦p⟧ is a prime number and ⟦a⟧ is not a multiple of it, a theorem of Fermat states that the power with the exponent ⟦p - 1⟧ always has the remainder one.",
            "⟦⟦a^{p-1} \\equiv 1 \\pmod{p}⟧⟧",
            "The converse is false, as the number ⟦561 = 3 \\cdot 11 \\cdot 17⟧ shows. It passes the test for every base that has no factor in common with it, and it is not prime.",
        ],
    ),
    (
        "Expected value and the patient gambler",
        [
            "A random variable ⟦X⟧ that takes the values ⟦x_1, \\dots, x_n⟧ with probabilities ⟦p_1, \\dots, p_n⟧ has an average in the long run. This average is called the expected value.",
            "⟦⟦\\mathrm{E}[X] = \\sum_{i=1}^{n} p_i x_i⟧⟧",
            "For a fair die it is ⟦3.5⟧, a number that no die has ever shown. The expected value is a property of many throws and says little about the next one.",
            "Its most useful property is that it is linear: ⟦\\mathrm{E}[X + Y] = \\mathrm{E}[X] + \\mathrm{E}[Y]⟧ holds even when the two variables depend on each other.",
            "How long must we wait for the first six? If ⟦T⟧ is the number of throws, the first throw either ends the game or leaves us where we started, one throw older.",
            "⟦⟦\\mathrm{E}[T] = 1 + \\tfrac{5}{6} \\, \\mathrm{E}[T] \\quad \\Rightarrow \\quad \\mathrm{E}[T] = 6⟧⟧",
            "The spread around the average is measured by the variance ⟦\\mathrm{Var}(X) = \\mathrm{E}[X^2] - \\mathrm{E}[X]^2⟧. For the waiting time it equals ⟦30⟧, so long waits are nothing unusual.",
        ],
    ),
    (
        "Integration by parts in three examples",
        [
            "Integration by parts is the product rule read backwards. It moves the derivative from one factor to the other, and it is useful whenever that makes the integral simpler.",
            "⟦⟦\\int u \\, dv = uv - \\int v \\, du⟧⟧",
            "First example: to integrate ⟦x e^x⟧ choose ⟦u = x⟧ and ⟦dv = e^x dx⟧. The remaining integral contains only ⟦e^x⟧, and the result is ⟦(x - 1)e^x + C⟧.",
            "Second example: the logarithm has no obvious partner, so we take ⟦u = \\ln x⟧ and ⟦dv = dx⟧. The derivative ⟦1/x⟧ cancels against ⟦v = x⟧.",
            "⟦⟦\\int \\ln x \\, dx = x \\ln x - x + C⟧⟧",
            "Third example: for ⟦e^x \\sin x⟧ nothing becomes simpler, but after two steps the original integral returns with the opposite sign, and we can solve for it.",
            "⟦⟦\\int e^x \\sin x \\, dx = \\tfrac{1}{2} e^x (\\sin x - \\cos x) + C⟧⟧",
            "A common mistake is to choose ⟦u⟧ and ⟦dv⟧ the other way round in the second step, which only undoes the first one and proves that ⟦0 = 0⟧.",
        ],
    ),
    (
        "Euler's formula for polyhedra",
        [
            "Count the corners, edges and faces of a cube: ⟦V = 8⟧, ⟦E = 12⟧ and ⟦F = 6⟧. For a tetrahedron the numbers are ⟦4⟧, ⟦6⟧ and ⟦4⟧. In both cases the same combination gives two.",
            "⟦⟦V - E + F = 2⟧⟧",
            "To see why, remove one face and flatten the rest onto the table. We now have a drawing in the plane, and we must show that ⟦V - E + F = 1⟧ when the outside is not counted.",
            "Cut every face into triangles by drawing diagonals. Each diagonal adds one edge and one face, and so the value of ⟦V - E + F⟧ does not change.",
            "Now remove triangles from the border, one at a time. Either an edge and a face disappear, or two edges, one corner and one face. In both cases the sum stays as it was.",
            "At the end a single triangle is left, with ⟦3 - 3 + 1 = 1⟧. Putting back the face that we removed first gives the formula.",
            "For a surface with ⟦g⟧ holes the right side becomes ⟦2 - 2g⟧, and so the formula can tell a sphere from a ring without looking at it.",
        ],
    ),
    (
        "The binomial theorem and Pascal's triangle",
        [
            "When we expand ⟦(a+b)^3⟧ we choose ⟦a⟧ or ⟦b⟧ from each of three brackets. The coefficient of ⟦a^2 b⟧ is the number of ways to choose ⟦b⟧ exactly once, which is three.",
            "⟦⟦(a+b)^n = \\sum_{k=0}^{n} \\binom{n}{k} a^{n-k} b^k⟧⟧",
            "The coefficients can be read from a triangle in which every number is the sum of the two above it. This rule says that a chosen set either contains the last element or does not.",
            "⟦⟦\\binom{n}{k} = \\binom{n-1}{k-1} + \\binom{n-1}{k}⟧⟧",
            "Setting ⟦a = b = 1⟧ shows that the numbers in row ⟦n⟧ add up to ⟦2^n⟧. Setting ⟦a = 1⟧ and ⟦b = -1⟧ shows that their alternating sum is zero.",
            "For small ⟦x⟧ the first terms are often enough: ⟦(1+x)^n \\approx 1 + nx⟧. With ⟦x = 0.01⟧ and ⟦n = 10⟧ the estimate is ⟦1.1⟧ and the true value is about ⟦1.1046⟧.",
        ],
    ),
    (
        "Distances on a sphere",
        [
            "Two places on the Earth are given by latitude ⟦\\varphi⟧ and longitude ⟦\\theta⟧. A straight line on the map is usually not the shortest way between them.",
            "The shortest way follows a great circle, and its length is the radius ⟦R⟧ times the angle ⟦\\alpha⟧ between the two directions seen from the centre.",
            "⟦⟦\\cos\\alpha = \\sin\\varphi_1 \\sin\\varphi_2 + \\cos\\varphi_1 \\cos\\varphi_2 \\cos(\\theta_1 - \\theta_2)⟧⟧",
            "For nearby places the cosine is almost one, and the formula loses precision. The older form with half angles is then the better choice.",
            "⟦⟦\\sin^2\\frac{\\alpha}{2} = \\sin^2\\frac{\\varphi_1-\\varphi_2}{2} + \\cos\\varphi_1\\cos\\varphi_2\\sin^2\\frac{\\theta_1-\\theta_2}{2}⟧⟧",
            "With ⟦R \\approx 6371⟧ kilometres, one degree of latitude corresponds to about ⟦111⟧ kilometres everywhere. One degree of longitude shrinks with ⟦\\cos\\varphi⟧ and vanishes at the poles.",
            "The angles of a triangle on the sphere add up to more than ⟦\\pi⟧, and the excess is equal to the area divided by ⟦R^2⟧. A traveller can therefore measure the curvature of the world without leaving it.",
        ],
    ),
]

MATH_REMARKS = """
Readers who {prefer|like} pictures may {draw|sketch} the situation for a {small|simple} case before going on.
As an exercise, {repeat|write out} the argument with {different|other} numbers and see where it {breaks|could fail}.
The {idea|trick} is much older than the notation, and it was first written down {entirely in words|without any symbols}.
A {calculator|computer} can confirm the {result|value}, but it cannot tell us why it must be {true|so}.
It is worth {stopping|pausing} here for a moment, because the {same|very same} step will return in a later {chapter|lecture}.
Students often ask whether the {condition|assumption} is {necessary|really needed}, and the next {example|paragraph} gives an answer.
There are {several|at least three} other proofs, some of them {shorter|more elegant} and most of them {harder|less direct} to find.
We shall {use|need} this fact {again|once more} when we speak about {approximation|error bounds|symmetry}.
In {practice|applications} one hardly ever meets such {clean|tidy} numbers, yet the method {stays|remains} the same.
The {notes|slides} for this lecture were {revised|corrected} after a {careful|sharp-eyed} reader found {a missing sign|an error in line {3-9}}.
"""

# Code: (topic, language, code). The prose around it comes from CODE_PROSE.
CODE: list[tuple[str, str, str]] = [
    (
        "Reading a large file line by line",
        "python",
        '''def count_words(path):
    """Return how often each word occurs in the file."""
    counts = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            for word in line.lower().split():
                counts[word] = counts.get(word, 0) + 1
    return counts


for word, n in sorted(count_words("notes.txt").items()):
    print(f"{n:6d}  {word}")
''',
    ),
    (
        "Caching an expensive function",
        "python",
        """import functools
import time


@functools.lru_cache(maxsize=256)
def slow_square(x: int) -> int:
    time.sleep(0.1)  # pretend that this is a database
    return x * x


print(slow_square(12))  # slow
print(slow_square(12))  # fast, from the cache
print(slow_square.cache_info())
""",
    ),
    (
        "A queue between two threads",
        "python",
        """import queue
import threading

jobs: queue.Queue[str | None] = queue.Queue(maxsize=8)


def worker() -> None:
    while (job := jobs.get()) is not None:
        print("working on", job)
        jobs.task_done()


thread = threading.Thread(target=worker)
thread.start()
for name in ("sort", "merge", "report"):
    jobs.put(name)
jobs.put(None)
thread.join()
""",
    ),
    (
        "Debouncing user input",
        "javascript",
        """function debounce(fn, delay) {
  let timer = null;
  return function (...args) {
    clearTimeout(timer);
    timer = setTimeout(() => fn.apply(this, args), delay);
  };
}

const search = debounce((text) => {
  console.log("searching for", text);
}, 250);

document.querySelector("#query").addEventListener("input", (event) => {
  search(event.target.value);
});
""",
    ),
    (
        "Fetching a list with retries",
        "javascript",
        """async function fetchWithRetry(url, attempts = 3) {
  for (let i = 1; i <= attempts; i++) {
    try {
      const reply = await fetch(url);
      if (reply.ok) return await reply.json();
      if (reply.status < 500) throw new Error(`bad request: ${reply.status}`);
    } catch (error) {
      if (i === attempts) throw error;
    }
    await new Promise((done) => setTimeout(done, 200 * 2 ** i));
  }
}
""",
    ),
    (
        "A growing array in C",
        "c",
        """#include <stdlib.h>

struct list {
    int *items;
    size_t used, room;
};

/* Returns 0, or -1 when there is no memory left. */
int list_push(struct list *l, int value) {
    if (l->used == l->room) {
        size_t room = l->room ? 2 * l->room : 8;
        int *items = realloc(l->items, room * sizeof *items);
        if (items == NULL) return -1;
        l->items = items;
        l->room = room;
    }
    l->items[l->used++] = value;
    return 0;
}
""",
    ),
    (
        "Splitting text without copying",
        "rust",
        """/// Returns the words of `text` that are longer than `min` characters.
fn long_words(text: &str, min: usize) -> Vec<&str> {
    text.split_whitespace()
        .filter(|word| word.chars().count() > min)
        .collect()
}

fn main() {
    let text = String::from("a lantern on the hill above the harbour");
    for word in long_words(&text, 4) {
        println!("{word}");
    }
}
""",
    ),
    (
        "Closing a worker pool cleanly",
        "go",
        """package main

import (
	"fmt"
	"sync"
)

func main() {
	jobs := make(chan int)
	var wg sync.WaitGroup
	for w := 0; w < 3; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range jobs {
				fmt.Println("square of", j, "is", j*j)
			}
		}()
	}
	for j := 1; j <= 9; j++ {
		jobs <- j
	}
	close(jobs)
	wg.Wait()
}
""",
    ),
    (
        "Finding gaps in a sequence",
        "sql",
        """-- Which order numbers are missing?
SELECT prev + 1 AS first_missing,
       id - 1   AS last_missing
FROM (
    SELECT id, LAG(id) OVER (ORDER BY id) AS prev
    FROM orders
) AS pairs
WHERE id - prev > 1
ORDER BY first_missing;
""",
    ),
    (
        "A backup script that checks itself",
        "bash",
        """#!/bin/sh
set -eu

src=${1:?usage: backup SRC DEST}
dest=${2:?usage: backup SRC DEST}
name=$(basename "$src").tar.gz

tar -czf "$dest/$name.part" -C "$src" .
gzip -t "$dest/$name.part"        # refuse to keep a broken archive
mv "$dest/$name.part" "$dest/$name"
echo "wrote $dest/$name"
""",
    ),
    (
        "Binary search without off-by-one errors",
        "python",
        '''def first_at_least(items: list[int], target: int) -> int:
    """Index of the first item that is >= target, or len(items)."""
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if items[middle] < target:
            low = middle + 1
        else:
            high = middle
    return low


assert first_at_least([1, 4, 4, 9], 4) == 1
assert first_at_least([1, 4, 4, 9], 10) == 4
''',
    ),
    (
        "Parsing command line options",
        "python",
        """import argparse
import sys


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Shrink pictures.")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--width", type=int, default=800)
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args(argv)
    for name in options.files:
        print(f"{name}: {options.width} pixels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
""",
    ),
    (
        "Layout with a simple grid",
        "css",
        """.page {
  display: grid;
  grid-template-columns: minmax(12rem, 1fr) 3fr;
  gap: 1.5rem;
}

@media (max-width: 40rem) {
  .page {
    grid-template-columns: 1fr;
  }
}
""",
    ),
    (
        "A state machine with an enum",
        "rust",
        """#[derive(Debug, Clone, Copy, PartialEq)]
enum Light {
    Red,
    Green,
    Amber,
}

impl Light {
    fn next(self) -> Light {
        match self {
            Light::Red => Light::Green,
            Light::Green => Light::Amber,
            Light::Amber => Light::Red,
        }
    }
}
""",
    ),
    (
        "Describing a service in a container file",
        "yaml",
        """services:
  web:
    image: registry.example/pebble/web:2.4
    ports:
      - "8080:80"
    environment:
      PEBBLE_MODE: production
    depends_on:
      - store
  store:
    image: registry.example/pebble/store:1.1
    volumes:
      - data:/var/lib/store
volumes:
  data: {}
""",
    ),
    (
        "Comparing objects in Java",
        "java",
        """public record Version(int major, int minor) implements Comparable<Version> {
    @Override
    public int compareTo(Version other) {
        int byMajor = Integer.compare(major, other.major);
        return byMajor != 0 ? byMajor : Integer.compare(minor, other.minor);
    }

    public static Version parse(String text) {
        String[] parts = text.split("\\\\.");
        return new Version(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
    }
}
""",
    ),
]

CODE_PROSE = """
The {function|example} below does one thing only, which makes it easy to {test|replace} and hard to {misuse|get wrong}.
Keep in mind that the {input|argument} may be empty, and that an empty {input|value} is not the same as a missing one.
The {error|warning} appears only when the {program|service} is under load, because two {requests|threads} then reach the same line at once.
We {measured|timed} this version on a {small|laptop} machine, and it needed {12-95} milliseconds for {ten|twenty} thousand entries.
{Naming|Choosing names} is the cheapest form of documentation, so spend a minute on it before you {write|add} a comment.
A {test|unit test} that fails for the wrong reason is worse than no test at all, since it {teaches|trains} people to ignore red lights.
The {default|default value} was chosen for {safety|small installations}, and large {sites|deployments} should raise it to at least {100-900}.
If you {need|want} to support older versions, wrap the {call|import} in a helper and keep the special case in {one|a single} place.
{Logging|Writing a log line} inside the loop is tempting, but it made the whole {run|job} {three|four} times slower in our case.
The return value tells the {caller|user} whether anything was {changed|written}, so there is no need to look at the {file|table} afterwards.
Read the {message|traceback} from the bottom up: the last line says {what|which thing} went wrong and the lines above it say where.
This {pattern|approach} works well until the {list|table} no longer fits into memory, and then a {generator|cursor} is the natural next step.
Version {2-4}.{1-9} renamed the option, and the old {name|spelling} will {print|give} a warning until the next major release.
Resources are {closed|released} in the reverse order of their creation, even when an {exception|error} interrupts the block.
We decided against a {framework|library} here, because {forty|thirty} lines of plain code are easier to {read|own} than a dependency.
Do not {parse|take apart} such strings with regular expressions, as the format allows {comments|nested quotes} in surprising places.
The {second|last} parameter is optional, and most {users|callers} will never have to {set|touch} it.
Type hints do not {change|affect} what the program does, although they {catch|reveal} a surprising number of {mistakes|typos} before it runs.
On a {slow|shared} network the first {attempt|request} may time out, so the client {waits|sleeps} a little longer before each new attempt.
A short {note|comment} about why something is done {ages|lasts} better than a long one about how it is done.
The {cache|buffer} is limited on purpose, since a limit that you {know|choose} is better than one that you {discover|meet by accident}.
Before you {open|file} a bug report, please try the {latest|current} release and include the {smallest|shortest} program that shows the problem.
"""

FORUM: list[tuple[str, str, list[str]]] = [
    (
        "Why does my rear derailleur skip under load?",
        "The chain jumps on the two smallest sprockets when I stand up on the pedals, but it is quiet on the work stand. I have replaced the cable and cleaned everything. The chain has done about 4,000 km.",
        [
            "That is almost always wear. Measure twelve links of the chain: if they are more than about half a percent longer than they should be, replace the chain, and probably the two sprockets that you use most.",
            "Before you buy parts, check the hanger. A bent hanger shifts fine on the stand and skips under load, because the frame flexes just enough to move the cage out of line.",
            "I had the same thing and it was a stiff link. Turn the cranks backwards slowly and watch the lower pulley: a stiff link makes the cage jump once per turn of the chain.",
            "Thank you all. The chain was badly stretched, and after replacing it together with the cassette the skipping is gone. I should have measured it a year ago.",
        ],
    ),
    (
        "Sourdough is dense although the starter is active",
        "My starter doubles in four hours, yet the loaves come out like bricks with one large hole under the crust. I use 75 percent water and proof overnight in the fridge.",
        [
            "A big hole under the crust with a dense crumb below it usually means that the dough was not fermented enough before you shaped it. Give it two more hours at room temperature and look for bubbles at the sides.",
            "How cold is your fridge? At three degrees nothing happens for the whole night. Mine sits at seven and the difference is large.",
            "Strong flour helps too. With a soft flour, 75 percent water is a lot, and I would start at 68 and go up once the loaf stands on its own.",
            "Follow-up from me: I let it rise until it had grown by half, and the crumb is open and even now. The fridge was at two degrees, so that was part of it.",
        ],
    ),
    (
        "How do I undo the last commit without losing my changes?",
        "I committed to the wrong branch and have not pushed yet. I would like to keep the edited files and make the commit again on the right branch. What is the safest way?",
        [
            "Move the branch pointer back by one and leave the files alone. The soft variant keeps the changes staged, so you can switch the branch and commit again right away.",
            "Write down the identifier of the commit first. As long as you know it, nothing is lost, and you can always come back to it.",
            "An alternative is to create the right branch where you are now, since it will contain the commit, and then to move the wrong branch back. That way you never have to commit twice.",
            "I made a new branch as suggested and reset the old one. It took ten seconds, and the files are all there.",
        ],
    ),
    (
        "Which eyepiece should a beginner buy first?",
        "I was given a 130 mm reflector with a focal length of 650 mm. It came with a 10 mm eyepiece that is hard to look through. My budget is small and I mostly want to see planets and the Moon.",
        [
            "Get a plain 25 mm or 32 mm one first. You will find things with it, and finding things is what beginners give up on. The planets can wait for a week.",
            "A decent six millimetre eyepiece gives a magnification of about 108 in your telescope, which the air allows on most nights. More than 200 is hardly ever useful.",
            "Whatever you buy, learn how to align the mirrors. A badly aligned reflector shows mush with any eyepiece, and it costs nothing to fix.",
            "Join a local club for one evening and try theirs. People love to lend eyepieces, and you will know after an hour what suits your eyes.",
        ],
    ),
    (
        "Blight on tomatoes every August, what can I do?",
        "Three years in a row the leaves went brown within days and the fruit followed. The plants stand close together against a wall and I water them in the evening with a hose.",
        [
            "Water the soil and not the leaves, and do it in the morning. Blight needs wet leaves for several hours, and an evening shower gives it a whole night.",
            "Space and air help more than any spray. I leave seventy centimetres between the plants and take off everything below the first fruit.",
            "A simple roof made of an old window keeps the rain off. Since I put one up I have had tomatoes until October.",
            "Do not compost the sick plants unless your heap gets really hot. I put mine in the council bin, and I grow potatoes at the other end of the plot.",
        ],
    ),
    (
        "Python script uses more and more memory",
        "My script reads log files in a loop and appends matching lines to a list. After an hour it uses several gigabytes and the machine starts to swap. I call the garbage collector, but it does not help.",
        [
            "The collector can only free what nothing refers to. Your list refers to every line, so the memory is in use as far as Python is concerned. Write the matches to a file, or count them instead of keeping them.",
            "Also note that a short slice of a line is a new string, but a list of a hundred million small strings still costs about fifty bytes each before you store a single letter.",
            "Turn the function into a generator and let the caller decide. It is usually a change of two lines: replace the append with a yield and loop over the result.",
            "The generator did it. Memory stays at forty megabytes now, and it is even a bit faster than before.",
        ],
    ),
    (
        "Squeaking floorboards under carpet",
        "One spot near the door squeaks loudly with every step. I do not want to take up the carpet if I can avoid it. The house is from the thirties and the boards are nailed to joists.",
        [
            "There are screws made for this which snap off below the surface, so that you can drive them through the carpet. You have to find the joist first, and a magnet that catches on the old nails will show you the line.",
            "If you can reach the floor from below, a thin wedge with a little glue between the joist and the board is quiet, cheap and invisible.",
            "Talcum powder worked for me for about a year, which is not a repair but bought us some time.",
            "I used four of the special screws on Saturday. There is no squeak any more, and one cannot see a thing.",
        ],
    ),
    (
        "Is it worth learning to read music as an adult?",
        "I have played the guitar by ear for twenty years and would like to join a community orchestra on the double bass. Everybody there reads. I am 46 and afraid that it is too late.",
        [
            "I learned at fifty-two. Ten minutes a day, always with the instrument in hand, and after three months I could follow a simple part without panic.",
            "Bass parts are kind to beginners: one note at a time and plenty of rests. Count the rests aloud at home, as they are harder than the notes.",
            "Your ear is an advantage, so do not let anyone tell you otherwise. You will hear that a note is wrong before the others can see it.",
            "I went to the first rehearsal yesterday and got lost twice, and the whole section helped me back in. I am going again.",
        ],
    ),
]

PRODUCTS: list[tuple[str, str, str]] = [
    (
        "Long-handled dibber",
        "14.50",
        "A turned ash handle and a point of forged steel, made for planting leeks and bulbs without kneeling. The marks on the shaft show the depth in centimetres, and the grip is thick enough for cold hands. It should be wiped dry after use and oiled once a year.",
    ),
    (
        "Enamel watering can, six litres",
        "32.00",
        "The can is made of heavy sheet steel with two coats of enamel, and it balances well when it is full. The brass rose can be turned upwards for seedlings or taken off for watering at the root. Small chips in the enamel do no harm, but they should be touched up before winter.",
    ),
    (
        "Canvas handlebar bag",
        "48.90",
        "A waxed canvas bag that fits most bars without a rack and holds a jacket, a lunch and a map. The buckles can be worked with gloves. The seams are sewn twice, and the base is stiffened with a thin board that can be taken out for washing.",
    ),
    (
        "Bench hook with two fences",
        "19.75",
        "A simple bench hook made of beech, with a square fence on one side and a mitre fence on the other. It protects the table and holds small parts firmly while you saw. When the surface is worn out, turn it over and use the other side.",
    ),
    (
        "Pocket planisphere for 50 degrees north",
        "9.80",
        "Turn the disc to the date and the hour, and the window shows the sky above you. Printed on washable plastic with letters that can be read under a red lamp. A short guide on the back explains how to find the planets, which cannot be printed on a chart because they move.",
    ),
]

BOILERPLATE: dict[str, dict[str, object]] = {
    "en": {
        "nav": ["Home", "About", "Archive", "Contact", "Log in"],
        "cookie": "We use cookies to improve your visit. By continuing to use this site you accept our cookie policy.",
        "accept": "Accept all",
        "footer": "All rights reserved. Terms of use and privacy policy.",
        "related": "You may also like",
        "more": "Read more",
        "posted": "Posted on",
        "sub": "Subscribe to our newsletter",
        "share": "Share this page",
        "search": "Search",
    },
    "de": {
        "nav": ["Startseite", "Über uns", "Archiv", "Kontakt", "Anmelden"],
        "cookie": "Diese Website verwendet Cookies. Mit der weiteren Nutzung stimmen Sie der Verwendung zu.",
        "accept": "Alle akzeptieren",
        "footer": "Alle Rechte vorbehalten. Impressum und Datenschutz.",
        "related": "Das könnte Sie auch interessieren",
        "more": "Weiterlesen",
        "posted": "Veröffentlicht am",
        "sub": "Newsletter abonnieren",
        "share": "Seite teilen",
        "search": "Suche",
    },
    "fr": {
        "nav": ["Accueil", "À propos", "Archives", "Contact", "Connexion"],
        "cookie": "Ce site utilise des cookies. En poursuivant votre visite, vous acceptez leur utilisation.",
        "accept": "Tout accepter",
        "footer": "Tous droits réservés. Mentions légales.",
        "related": "À lire aussi",
        "more": "Lire la suite",
        "posted": "Publié le",
        "sub": "S'abonner à la lettre",
        "share": "Partager",
        "search": "Recherche",
    },
    "es": {
        "nav": ["Inicio", "Acerca de", "Archivo", "Contacto", "Entrar"],
        "cookie": "Este sitio utiliza cookies. Si continúa navegando, acepta su uso.",
        "accept": "Aceptar todo",
        "footer": "Todos los derechos reservados. Aviso legal.",
        "related": "También le puede interesar",
        "more": "Seguir leyendo",
        "posted": "Publicado el",
        "sub": "Suscribirse al boletín",
        "share": "Compartir",
        "search": "Buscar",
    },
    "it": {
        "nav": ["Home", "Chi siamo", "Archivio", "Contatti", "Accedi"],
        "cookie": "Questo sito utilizza i cookie. Continuando la navigazione ne accetti l'uso.",
        "accept": "Accetta tutti",
        "footer": "Tutti i diritti riservati. Note legali.",
        "related": "Potrebbe interessarti",
        "more": "Continua a leggere",
        "posted": "Pubblicato il",
        "sub": "Iscriviti alla newsletter",
        "share": "Condividi",
        "search": "Cerca",
    },
    "pt": {
        "nav": ["Início", "Sobre", "Arquivo", "Contato", "Entrar"],
        "cookie": "Este site utiliza cookies. Ao continuar, você concorda com o seu uso.",
        "accept": "Aceitar todos",
        "footer": "Todos os direitos reservados. Termos de uso.",
        "related": "Leia também",
        "more": "Continuar lendo",
        "posted": "Publicado em",
        "sub": "Assine o boletim",
        "share": "Compartilhar",
        "search": "Buscar",
    },
    "ru": {
        "nav": ["Главная", "О сайте", "Архив", "Контакты", "Войти"],
        "cookie": "Сайт использует файлы cookie. Продолжая просмотр, вы соглашаетесь с этим.",
        "accept": "Принять",
        "footer": "Все права защищены. Условия использования.",
        "related": "Читайте также",
        "more": "Читать дальше",
        "posted": "Опубликовано",
        "sub": "Подписаться на рассылку",
        "share": "Поделиться",
        "search": "Поиск",
    },
    "pl": {
        "nav": ["Strona główna", "O nas", "Archiwum", "Kontakt", "Zaloguj"],
        "cookie": "Ta strona używa plików cookie. Korzystając z niej, wyrażasz na to zgodę.",
        "accept": "Akceptuję",
        "footer": "Wszelkie prawa zastrzeżone. Regulamin.",
        "related": "Zobacz także",
        "more": "Czytaj dalej",
        "posted": "Opublikowano",
        "sub": "Zapisz się do newslettera",
        "share": "Udostępnij",
        "search": "Szukaj",
    },
    "tr": {
        "nav": ["Ana sayfa", "Hakkımızda", "Arşiv", "İletişim", "Giriş"],
        "cookie": "Bu site çerez kullanmaktadır. Devam ederek bunu kabul etmiş olursunuz.",
        "accept": "Tümünü kabul et",
        "footer": "Tüm hakları saklıdır. Kullanım koşulları.",
        "related": "Bunlar da ilginizi çekebilir",
        "more": "Devamını oku",
        "posted": "Yayın tarihi",
        "sub": "Bültene abone ol",
        "share": "Paylaş",
        "search": "Ara",
    },
    "vi": {
        "nav": ["Trang chủ", "Giới thiệu", "Lưu trữ", "Liên hệ", "Đăng nhập"],
        "cookie": "Trang web này sử dụng cookie. Khi tiếp tục, bạn đồng ý với việc đó.",
        "accept": "Chấp nhận",
        "footer": "Bảo lưu mọi quyền. Điều khoản sử dụng.",
        "related": "Có thể bạn quan tâm",
        "more": "Đọc tiếp",
        "posted": "Đăng ngày",
        "sub": "Đăng ký nhận tin",
        "share": "Chia sẻ",
        "search": "Tìm kiếm",
    },
    "zh": {
        "nav": ["首页", "关于", "归档", "联系", "登录"],
        "cookie": "本网站使用 Cookie。继续浏览即表示您同意使用。",
        "accept": "全部接受",
        "footer": "版权所有。使用条款。",
        "related": "相关文章",
        "more": "阅读全文",
        "posted": "发布于",
        "sub": "订阅通讯",
        "share": "分享",
        "search": "搜索",
    },
    "ja": {
        "nav": ["ホーム", "このサイトについて", "アーカイブ", "お問い合わせ", "ログイン"],
        "cookie": "当サイトではクッキーを使用しています。閲覧を続けると同意したものとみなします。",
        "accept": "すべて許可",
        "footer": "無断転載を禁じます。利用規約。",
        "related": "関連記事",
        "more": "続きを読む",
        "posted": "投稿日",
        "sub": "メールマガジン登録",
        "share": "共有",
        "search": "検索",
    },
    "ar": {
        "nav": ["الرئيسية", "من نحن", "الأرشيف", "اتصل بنا", "دخول"],
        "cookie": "يستخدم هذا الموقع ملفات تعريف الارتباط، ومتابعة التصفح تعني موافقتك.",
        "accept": "قبول الكل",
        "footer": "جميع الحقوق محفوظة. شروط الاستخدام.",
        "related": "اقرأ أيضا",
        "more": "المزيد",
        "posted": "نشر في",
        "sub": "اشترك في النشرة",
        "share": "شارك",
        "search": "بحث",
    },
    "hi": {
        "nav": ["मुखपृष्ठ", "परिचय", "पुरालेख", "संपर्क", "प्रवेश"],
        "cookie": "यह वेबसाइट कुकी का उपयोग करती है। आगे बढ़ने पर आप इससे सहमत होते हैं।",
        "accept": "स्वीकार करें",
        "footer": "सर्वाधिकार सुरक्षित। उपयोग की शर्तें।",
        "related": "यह भी पढ़ें",
        "more": "आगे पढ़ें",
        "posted": "प्रकाशित",
        "sub": "समाचार पत्र की सदस्यता लें",
        "share": "साझा करें",
        "search": "खोजें",
    },
}

PROBLEMS: list[tuple[str, str]] = [
    (
        "A ferry takes 14 bicycles on each crossing and makes 9 crossings a day. On Sunday two crossings are cancelled because of fog. "
        "How many bicycles can it take in the whole week?",
        "It makes 9 * 7 - 2 = 61 crossings, so it can take 61 * 14 = 854 bicycles.",
    ),
    (
        "Marta bakes loaves of 750 grams from dough that loses an eighth of its weight in the oven. How many whole loaves does she get "
        "from 30 kilograms of dough?",
        "After baking, 30 * 7 / 8 = 26.25 kilograms are left, which is 35 loaves of 0.75 kilograms.",
    ),
    (
        "A rope of 23 metres is cut into pieces so that each is twice as long as the one before. The first piece is 1 metre long. How many "
        "whole pieces of this kind can be cut, and how much rope is left?",
        "1 + 2 + 4 + 8 = 15, and the next piece of 16 metres is too long: four pieces, and 8 metres are left.",
    ),
    (
        "In a choir every third singer is an alto and every fourth one a bass. Of the 48 singers, how many are neither alto nor bass if "
        "nobody is both?",
        "There are 16 altos and 12 basses, so 48 - 28 = 20 singers are neither.",
    ),
    (
        "A lighthouse shows its lamp every 12 seconds and a buoy every 20 seconds. They have just flashed together. After how many seconds "
        "will they flash together for the fifth time from now?",
        "They meet every 60 seconds, so the fifth time is after 300 seconds.",
    ),
    (
        "Three gardeners plant 270 bulbs in 6 hours. At the same pace, how long do five gardeners need for 600 bulbs?",
        "One gardener plants 15 bulbs an hour, five plant 75, so they need 8 hours.",
    ),
    ("What is the next prime number after 89?", "97"),
    ("If $\\frac{x + 4}{3} = 7$, what is the value of $x$?", "17"),
]
"""Questions and answers of the made-up benchmark examples/benchmarks/word_problems.jsonl."""
