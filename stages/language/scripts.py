"""Which scripts a language is written in.

Source:  the blocks and script names (ISO 15924) of the Unicode Standard; of languages the scripts in use today or in their
         Wikipedia, after Unicode's CLDR. Languages are named by the labels of lid.176; labels like `srp_Cyrl` name their script.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SCRIPTS = (
    "Zzzz", "Latn", "Grek", "Cyrl", "Armn", "Hebr", "Arab", "Thaa", "Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda",
    "Mlym", "Sinh", "Thai", "Laoo", "Tibt", "Mymr", "Geor", "Ethi", "Khmr", "Mong", "Hang", "Kana", "Hani", "Syrc", "Nkoo", "Cher",
    "Cans", "Olck", "Tfng", "Java", "Yiii", "Mtei",
)  # fmt: skip
"""Scripts told apart; the first is every other."""

_RANGES = (
    ("Latn", 0x0040, 0x02AF), ("Grek", 0x0370, 0x03FF), ("Cyrl", 0x0400, 0x052F), ("Armn", 0x0530, 0x058F), ("Hebr", 0x0590, 0x05FF),
    ("Arab", 0x0600, 0x06FF), ("Syrc", 0x0700, 0x074F), ("Arab", 0x0750, 0x077F), ("Thaa", 0x0780, 0x07BF), ("Nkoo", 0x07C0, 0x07FF),
    ("Arab", 0x0870, 0x08FF), ("Deva", 0x0900, 0x097F), ("Beng", 0x0980, 0x09FF), ("Guru", 0x0A00, 0x0A7F), ("Gujr", 0x0A80, 0x0AFF),
    ("Orya", 0x0B00, 0x0B7F), ("Taml", 0x0B80, 0x0BFF), ("Telu", 0x0C00, 0x0C7F), ("Knda", 0x0C80, 0x0CFF), ("Mlym", 0x0D00, 0x0D7F),
    ("Sinh", 0x0D80, 0x0DFF), ("Thai", 0x0E00, 0x0E7F), ("Laoo", 0x0E80, 0x0EFF), ("Tibt", 0x0F00, 0x0FFF), ("Mymr", 0x1000, 0x109F),
    ("Geor", 0x10A0, 0x10FF), ("Hang", 0x1100, 0x11FF), ("Ethi", 0x1200, 0x139F), ("Cher", 0x13A0, 0x13FF), ("Cans", 0x1400, 0x167F),
    ("Khmr", 0x1780, 0x17FF), ("Mong", 0x1800, 0x18AF), ("Cans", 0x18B0, 0x18FF), ("Olck", 0x1C50, 0x1C7F), ("Cyrl", 0x1C80, 0x1C8F),
    ("Geor", 0x1C90, 0x1CBF), ("Latn", 0x1E00, 0x1EFF), ("Grek", 0x1F00, 0x1FFF), ("Geor", 0x2D00, 0x2D2F), ("Tfng", 0x2D30, 0x2D7F),
    ("Ethi", 0x2D80, 0x2DDF), ("Cyrl", 0x2DE0, 0x2DFF), ("Hani", 0x2E80, 0x2FDF), ("Hani", 0x3000, 0x303F), ("Kana", 0x3040, 0x30FF),
    ("Hani", 0x3100, 0x312F), ("Hang", 0x3130, 0x318F), ("Hani", 0x31A0, 0x31BF), ("Kana", 0x31F0, 0x31FF), ("Hani", 0x3400, 0x4DBF),
    ("Hani", 0x4E00, 0x9FFF), ("Yiii", 0xA000, 0xA4CF), ("Cyrl", 0xA640, 0xA69F), ("Latn", 0xA720, 0xA7FF), ("Deva", 0xA8E0, 0xA8FF),
    ("Hang", 0xA960, 0xA97F), ("Java", 0xA980, 0xA9DF), ("Mymr", 0xA9E0, 0xA9FF), ("Mymr", 0xAA60, 0xAA7F), ("Mtei", 0xAAE0, 0xAAFF),
    ("Ethi", 0xAB00, 0xAB2F), ("Latn", 0xAB30, 0xAB6F), ("Cher", 0xAB70, 0xABBF), ("Mtei", 0xABC0, 0xABFF), ("Hang", 0xAC00, 0xD7FF),
    ("Hani", 0xF900, 0xFAFF), ("Arab", 0xFB50, 0xFDFF), ("Arab", 0xFE70, 0xFEFF), ("Latn", 0xFF20, 0xFF5F), ("Kana", 0xFF60, 0xFF9F),
    ("Hang", 0xFFA0, 0xFFDF), ("Kana", 0x1AFF0, 0x1B16F), ("Hani", 0x20000, 0x323AF),
)  # fmt: skip
"""Script, first and last code point: whole sixteens. What is no letter is not asked for its script."""

_LANGUAGES = {
    "Latn": "af als an ast az bar bcl br bs ca cbk ceb co cs cy da de diq dsb eml en eo es et eu fi fr frr fy ga gd gl gn gom gv hif hr "
    "hsb ht hu ia id ie ilo io is it jbo jv kk ku kw la lb li lmo lt lv mg min ms mt mwl nah nap nds nl nn no oc pam pfl pl pms pt "
    "qu rm ro sc scn sco sh sk sl so sq sr su sv sw tk tl tr tt ug uz vec vep vi vls vo wa war yo",
    "Cyrl": "av az ba be bg bs bxr ce cv kk krc ku kv ky lez mhr mk mn mrj myv os ru rue sah sh sr tg tk tt tyv ug uk uz xal",
    "Arab": "ar arz az azb ckb fa kk ku ky lrc ms mzn pa pnb ps sd tg tt ug ur uz",
    "Deva": "bh dty gom hi hif mai mr ne new sa sd", "Beng": "as bn bpy", "Guru": "pa", "Gujr": "gu", "Orya": "or", "Taml": "ta",
    "Telu": "te", "Knda": "kn", "Mlym": "ml", "Sinh": "si", "Thai": "th", "Laoo": "lo", "Tibt": "bo", "Mymr": "my", "Khmr": "km",
    "Ethi": "am", "Hang": "ko", "Kana": "ja", "Hani": "ja ko wuu yue zh", "Thaa": "dv", "Grek": "el", "Hebr": "he yi", "Armn": "hy",
    "Geor": "ka xmf", "Mong": "bxr mn xal", "Java": "jv",
}  # fmt: skip
_SEVERAL = {"Hans": ("Hani",), "Hant": ("Hani",), "Jpan": ("Kana", "Hani"), "Hira": ("Kana",), "Kore": ("Hang", "Hani"), "Hrkt": ("Kana",)}
"""ISO 15924 codes that stand for other scripts, or for several."""


def _script_blocks() -> Any:
    table = np.zeros(0x323B0 >> 4, np.uint8)
    for script, first, last in _RANGES:
        table[first >> 4 : (last >> 4) + 1] = SCRIPTS.index(script)
    table.flags.writeable = False
    return table


SCRIPT_BLOCKS = _script_blocks()
"""Number in SCRIPTS of each sixteen code points: uint8."""


def possible_scripts(labels: tuple[str, ...]) -> Any:
    """Which labels may be found in text of which script: bool (scripts, labels); a label not known here in every one."""
    possible = np.ones((len(SCRIPTS), len(labels)), dtype=bool)
    for k, label in enumerate(labels):
        tail = label.rpartition("_")[2]
        scripts = [s for s, names in _LANGUAGES.items() if label in names.split()] or list(_SEVERAL.get(tail, (tail,)))
        if set(scripts) <= set(SCRIPTS):
            possible[:, k] = [s in scripts for s in SCRIPTS]
    possible.flags.writeable = False
    return possible
