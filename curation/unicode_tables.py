"""The character table behind curation/text.py: class and lower case of every code point.

It is stored (`unicode_tables.npz`), not computed at import, so that every Python gives the same
words. `python3.13 -m curation.unicode_tables` writes it again, from the Unicode version of that
Python (this module needs nothing but numpy to do so).
"""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).with_name("unicode_tables.npz")
CODE_POINTS = 0x110000

# Classes. Everything from DIGIT on is part of a word.
OTHER, SPACE, PUNCT, SYMBOL, FORMAT, JOIN, NUMJOIN, DIGIT, MARK, LETTER, CJK, SEA = range(12)

JOINS = "'\u2019-\u2010\u2011_\u00b7\u05f3\u05f4\u200c\u200d\u00ad\u2060\ufeff"
"""Joins two word characters into one word: apostrophes, hyphens, underscore, Catalan middle dot,
Hebrew geresh and gershayim, and the invisible joiners and soft hyphen."""
NUMJOINS = ".,"
"""Joins two digits into one word: 3.14, 1,000."""
SPACES = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""The Unicode property White_Space and the four information separators of ASCII: what Python's `str.split()` parts at."""
SEA_SCRIPTS = ("THAI", "LAO", "KHMER", "MYANMAR", "NEW TAI LUE", "TAI LE", "TAI THAM", "TAI VIET")
CJK_NAMES = (
    "CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "BOPOMOFO",
    "IDEOGRAPHIC", "TANGUT", "NUSHU", "KHITAN", "HENTAIGANA", "VERTICAL KANA",
)  # fmt: skip


def char_class(char: str) -> int:
    """Class of one character, from the `unicodedata` of this Python."""
    if char in SPACES:
        return SPACE
    if char in JOINS:
        return JOIN
    if char in NUMJOINS:
        return NUMJOIN
    category = unicodedata.category(char)
    if category in ("Lo", "Lm", "Nl"):
        name = unicodedata.name(char, "")
        if name.startswith(CJK_NAMES):
            return CJK
        if name.startswith(SEA_SCRIPTS):
            return SEA
    if category[0] == "L":
        return LETTER
    if category[0] == "N":
        return DIGIT
    if category[0] == "M":
        return MARK
    if category[0] == "P":
        return PUNCT
    if category[0] == "S":
        return SYMBOL
    return FORMAT if category == "Cf" and char != "\u200b" else OTHER


def lower_delta(char: str) -> int:
    """What to add to a code point for its simple lower case (one character to one)."""
    lower = "i" if char == "\u0130" else char.lower()
    return ord(lower) - ord(char) if len(lower) == 1 else 0


def _two_level(values: Any) -> tuple[Any, Any]:
    blocks, index = np.unique(values.reshape(-1, 256), axis=0, return_inverse=True)
    return index.reshape(-1).astype(np.uint16), blocks.reshape(-1)


def build() -> dict[str, Any]:
    """Compute the tables with this Python's Unicode version."""
    chars = [chr(c) for c in range(CODE_POINTS)]
    class_index, class_blocks = _two_level(np.array([char_class(c) for c in chars], dtype=np.uint8))
    lower_index, lower_blocks = _two_level(np.array([lower_delta(c) for c in chars], dtype=np.int32))
    return {
        "version": np.array(unicodedata.unidata_version),
        "class_index": class_index,
        "class_blocks": class_blocks,
        "lower_index": lower_index,
        "lower_blocks": lower_blocks,
    }


def load() -> dict[str, Any]:
    """Read the stored tables."""
    with np.load(PATH) as stored:
        return dict(stored)


if __name__ == "__main__":
    np.savez_compressed(PATH, **build())
    sys.stderr.write(f"wrote {PATH}: Unicode {unicodedata.unidata_version}\n")
