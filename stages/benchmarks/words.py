r"""Words as benchmarks and documents are compared: case, white space, punctuation and ways to write a formula do not count.

A word is a maximal run of letters or of digits: `x_1`, `x1`, `x_{1}` and `x₁` are two words each, `don't` is two, `3.14` is two,
`80,000` is two. Letters, digits, marks, and scripts in which a character is a word (Chinese, Japanese) are those of curation/text.py.
A letter of Thai, Lao, Khmer, Myanmar or a Tai script is a word too, but counts for a quarter of one, and an ideograph or kana for half
of one: an n-gram of these is 4 n letters, or 2 n characters.
All else only parts words, but for what is not seen (soft hyphens, joiners of no width, direction marks), which does not.
Characters are compared in simple lower case, Latin, Greek and Cyrillic letters without accents, and full-width, superscript, subscript
and mathematical ones as the plain ones (NFKD, where that gives one character).

A LaTeX command (backslashes and ASCII letters behind them) is no word: `\dfrac{1}{2}`, `\frac{1}{2}`, `1/2` and
`$\left(1/2\right)$` are the same two words. But one that names a Greek letter is the word that letter is. A backslash before
anything else parts words: `\$5` is `5`. Behind two backslashes, which end a row, one letter alone is a word: `x+y=3\\y` ends in `y`.

Known gaps: `½` and `\frac12` are one word, `80000` is not `80,000`, and words that a mark alone separates in one place (`λx` for
`\lambda x`) are one in the other. `\\xy`, a row's end before two letters, is a command that was escaped twice, and so is the `\n` of
program code before letters: these letters are lost. Digits of other scripts are not those of ASCII.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from curation.text import CLASS_BLOCKS, CLASS_INDEX, LOWER_BLOCKS, LOWER_INDEX, decode, mix64
from curation.unicode_tables import CJK, DIGIT, FORMAT, MARK, SEA
from curation.unicode_tables import LETTER as ANY_LETTER

BREAK, LETTER, NUMBER, ALONE, QUARTER, ATTACHED, UNSEEN = range(7)
"""What a character does: parts words, makes a word with its like (two kinds), is one alone (two), goes with the word before it, or
is passed over."""
WHOLE, HALF = 4, 2
"""What a word counts; an ideograph or kana HALF, of a QUARTER 1."""
UNSEEN_CHARS = "\u00ad\u200c\u200d\u2060\ufeff"
ACCENTS = range(0x300, 0x370)
FOLDED = (range(0x80, 0x530), range(0x1D00, 0x2150), range(0xFF01, 0xFF5F), range(0x1D400, 0x1D800))
"""Characters that may be variants of plain ones; no version of Unicode changes what they are."""
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ", "iota": "ι",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "omicron": "ο", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "upsilon": "υ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "varepsilon": "ε", "vartheta": "θ", "varphi": "φ", "varpi": "π", "varrho": "ρ", "varsigma": "ς", "varkappa": "κ",
}  # fmt: skip
_BACKSLASH = 92
_BITS = 3  # a character's entry is what to add to its code point, times 8, and what it does
_I: Any = np.int64
_U: Any = np.uint64
BASE = _U(0x9E3779B97F4A7C15)
"""Of the polynomial of a run of words."""
_SEED, _PRIME = _U(0xCBF29CE484222325), _U(0x100000001B3)


@cache
def tables() -> tuple[Any, Any, Any, Any]:
    """What `words_of` and `same_words` look up: entries of characters by two levels, hashes and letters of the commands of GREEK."""
    classes = CLASS_BLOCKS.reshape(-1, 256)[CLASS_INDEX].reshape(-1)
    folded = np.arange(len(classes)) + LOWER_BLOCKS.reshape(-1, 256)[LOWER_INDEX].reshape(-1)
    for code in (c for block in FOLDED for c in block):
        parts = [c for c in unicodedata.normalize("NFKD", chr(folded[code])) if ord(c) not in ACCENTS]
        if len(parts) == 1 and len(parts[0].lower()) == 1:
            folded[code] = ord(parts[0].lower())
    kinds = np.zeros(16, np.int64)
    kinds[[ANY_LETTER, DIGIT, CJK, SEA, MARK, FORMAT]] = LETTER, NUMBER, ALONE, QUARTER, ATTACHED, UNSEEN
    kind = kinds[classes[folded]]
    kind[[*ACCENTS, *map(ord, UNSEEN_CHARS)]] = UNSEEN
    entries = ((folded - np.arange(len(classes))) << _BITS) | kind
    blocks, index = np.unique(entries.reshape(-1, 256), axis=0, return_inverse=True)
    keys, letters = np.zeros(1 << 8, np.uint64), np.zeros(1 << 8, np.int64)
    for name, letter in GREEK.items():
        hash_ = _name_hash(np.frombuffer(name.encode(), np.uint8), _I(0), _I(len(name)))
        at = int(hash_ & _U(0xFF))
        while keys[at]:
            at = (at + 1) & 0xFF
        keys[at], letters[at] = hash_, ord(letter)
    return index.reshape(-1).astype(np.uint16), np.ascontiguousarray(blocks, np.int32).reshape(-1), keys, letters


@njit(cache=True, nogil=True)
def _name_hash(data: Any, i: Any, end: Any) -> Any:
    """Hash of a command's name in lower case, never 0."""
    value = _SEED
    for k in range(i, end):
        value = (value ^ _U(data[k] | 32)) * _PRIME
    return value | _U(1)


@njit(cache=True, nogil=True)
def _letter(byte: Any) -> Any:
    return 97 <= (byte | 32) <= 122


@njit(cache=True, nogil=True)
def _command(data: Any, i: Any, end: Any, keys: Any, letters: Any) -> Any:
    """(the letter that the command at the backslash i names, 0 for none; where it ends)."""
    first = i
    while i < end and data[i] == _BACKSLASH:
        i += 1
    begin = i
    while i < end and _letter(data[i]):
        i += 1
    if i == begin or (i == begin + 1 and begin > first + 1):  # none, or a letter behind the end of a row
        return _I(0), begin
    name = _name_hash(data, begin, i)
    at = _I(name & _U(0xFF))
    while keys[at] != 0 and keys[at] != name:
        at = (at + 1) & 0xFF
    return _I(letters[at]), i


@njit(cache=True, nogil=True)
def words_of(
    data: Any, i: Any, end: Any, starts: Any, ends: Any, sums: Any, weights: Any, m: Any, index: Any, blocks: Any, keys: Any, letters: Any
) -> Any:  # fmt: skip
    """Write the words of data[i:end] to starts[m:] and ends[m:], what they count to weights[m:], and to sums[m + 1:] the polynomial of the
    hashes of all words so far.

    There must be room for a word a byte. Returns: the new m.
    """
    open_ = _I(BREAK)  # what the word we are in is made of
    stop, value = i, _SEED
    while i < end:
        byte, code, width = _I(data[i]), _I(data[i]), _I(1)
        if byte < 0x80:
            entry = _I(blocks[(_I(index[0]) << 8) | byte])
        else:
            code, width = decode(data, i, end)
            entry = _I(blocks[(_I(index[code >> 8]) << 8) | (code & 255)])
        kind, after = entry & 7, i + width
        if kind == UNSEEN:
            i = after
            continue
        code += entry >> _BITS
        goes_on = kind == open_ and kind <= NUMBER
        if byte == _BACKSLASH:
            letter, after = _command(data, i, end, keys, letters)
            if letter > 0:
                kind, code, goes_on = _I(ALONE), letter, False
        elif kind == ATTACHED:
            goes_on = open_ != BREAK
            kind = open_ if goes_on else _I(LETTER)
        if open_ != BREAK and not goes_on:
            ends[m - 1] = stop
            sums[m] = sums[m - 1] * BASE + mix64(value, _U(0))
        if kind != BREAK:
            if not goes_on:
                starts[m], weights[m] = i, 1 if kind == QUARTER else HALF if kind == ALONE and byte != _BACKSLASH else WHOLE
                m += 1
                value = _SEED
            value = (value ^ _U(code)) * _PRIME
            stop = after
        open_ = kind
        i = after
    if open_ != BREAK:
        ends[m - 1] = stop
        sums[m] = sums[m - 1] * BASE + mix64(value, _U(0))
    return m


@njit(cache=True, nogil=True)
def room(array: Any, used: Any, more: Any) -> Any:
    """The array itself if it has room for `more` values after `used`, else a longer copy."""
    if used + more <= len(array):
        return array
    longer = np.empty(max(2 * len(array), used + more), array.dtype)
    longer[:used] = array[:used]
    return longer


@njit(cache=True, nogil=True)
def _next(data: Any, i: Any, end: Any, index: Any, blocks: Any, keys: Any, letters: Any) -> Any:
    """(the character of a word at i, as it is compared, -1 at the word's end; where the next one is)."""
    while i < end:
        if data[i] == _BACKSLASH:
            return _command(data, i, end, keys, letters)
        code, width = decode(data, i, end)
        entry = _I(blocks[(_I(index[code >> 8]) << 8) | (code & 255)])
        i += width
        if entry & 7 != UNSEEN:
            return code + (entry >> _BITS), i
    return _I(-1), i


@njit(cache=True, nogil=True)
def same_word(
    data: Any, i: Any, end: Any, data2: Any, i2: Any, end2: Any, index: Any, blocks: Any, keys: Any, letters: Any
) -> bool:  # fmt: skip
    """Whether two words that `words_of` found are one, character by character."""
    while True:
        one, i = _next(data, i, end, index, blocks, keys, letters)
        other, i2 = _next(data2, i2, end2, index, blocks, keys, letters)
        if one != other:
            return False
        if one < 0:
            return True


@njit(cache=True, nogil=True)
def made_of(data: Any, i: Any, end: Any, index: Any, blocks: Any, keys: Any, letters: Any) -> Any:
    """(what a word that `words_of` found is made of, its characters)."""
    kind, chars = _I(LETTER), _I(0)
    if data[i] == _BACKSLASH:
        return _I(ALONE), _I(1)
    while i < end:
        code, width = decode(data, i, end)
        entry = _I(blocks[(_I(index[code >> 8]) << 8) | (code & 255)])
        if chars == 0 and entry & 7 != ATTACHED and entry & 7 != UNSEEN:
            kind = entry & 7
        chars += entry & 7 != UNSEEN
        i += width
    return kind, chars
