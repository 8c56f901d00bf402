"""Words of MediaWiki in the languages of the wikis: of files, categories, redirects and disambiguation pages.

Source:  MediaWiki's own names and aliases for bg ca cs da de en es fr hr hu it nl pl pt ro ru sl sr sv uk, ar hi ja zh; of
         disambiguation the templates these wikis use. One wiki's words hold for all: none of them is an ordinary prefix elsewhere.
Units:   lower case, blanks for underscores.
"""

from __future__ import annotations

FILE = frozenset([
    "file", "image", "media", "файл", "картинка", "изображение", "медия", "медиа", "fitxer", "imatge", "soubor", "obrázek",
    "média", "fil", "billede", "datei", "bild", "medium", "archivo", "imagen", "medio", "fichier", "slika", "datoteka", "mediji",
    "fájl", "kép", "immagine", "afbeelding", "bestand", "plik", "grafika", "ficheiro", "arquivo", "imagem", "fișier", "fişier",
    "imagine", "зображення", "датотека", "слика", "медији", "мултимедия", "мультимедіа", "medij", "ملف", "صورة", "وسائط", "चित्र",
    "मीडिया", "ファイル", "画像", "メディア", "文件", "檔案", "档案", "图像", "圖像", "媒体", "媒體",
])  # fmt: skip
CATEGORY = frozenset([
    "category", "категория", "categoria", "kategorie", "kategori", "categoría", "catégorie", "kategorija", "kategória",
    "categorie", "kategoria", "категорія", "категорија", "تصنيف", "श्रेणी", "カテゴリ", "分类", "分類",
])  # fmt: skip
REDIRECT = (
    "redirect", "пренасочване", "виж", "redirecció", "přesměruj", "omdirigering", "weiterleitung", "redirección", "redirection",
    "preusmjeri", "átirányítás", "rinvia", "rinvio", "doorverwijzing", "patrz", "przekieruj", "tam", "redirecionamento",
    "redirecteaza", "перенаправление", "перенапр", "preusmeritev", "преусмери", "preusmeri", "перенаправлення", "تحويل",
    "पुनर्प्रेषित", "अनुप्रेषित", "転送", "リダイレクト", "重定向",
)  # fmt: skip
DISAMBIGUATION = frozenset({
    "dab", "hndis", "geodis", "hospital disambiguation", "mil-unit-dis", "roaddis", "school disambiguation", "letter-number combdisambig",
    "begriffsklärung", "bks", "homonymie", "patronymie", "toponymie", "desambiguación", "desambiguació", "desambiguação", "des",
    "disambigua", "dp", "doorverwijspagina", "ujednoznacznienie", "неоднозначность", "многозначность", "неоднозначність", "багатозначність",
    "förgrening", "gren", "betydelselista", "rozcestník", "flertydig", "egyért", "egyértelműsítő lap", "dezambiguizare", "razločitev",
    "вишезначна одредница", "višeznačna odrednica", "razdvojba", "пояснение", "توضيح", "बहुविकल्पी", "बहुविकल्पी शब्द", "aimai",
    "曖昧さ回避", "人名の曖昧さ回避", "地名の曖昧さ回避", "同名の作品の曖昧さ回避", "消歧义", "消歧義", "消歧义页", "消歧義頁",
})  # fmt: skip
"""Templates of disambiguation pages, beside those whose name begins with `disambig`."""
