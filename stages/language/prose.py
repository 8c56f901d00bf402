"""Which parts of a text are prose, and which are code, formulas, addresses or markup.

Source:  ours.
A token (bytes without ASCII white space) is prose if it has letters and none of what words do not have: signs of programs and
markup, points or brackets between letters (`example.com`, `f(x)`), a capital after a small letter, digits, great length. The rule
asks tokens of ASCII alone: others are prose wherever they have a letter. A formula between dollars is skipped whole. A line is
code if a quarter of its tokens look so, or it ends like a statement. Fenced code blocks are skipped unread.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from curation.text import char_class, decode
from curation.unicode_tables import LETTER
from stages.language.fasttext_model import is_blank

LONGEST_TOKEN = 96
"""Bytes after which a token is cut before a character that is not ASCII: a text without blanks is one token else."""
LONGEST_WORD = 40
"""Longest ASCII token that may be a word."""
LONGEST_FORMULA = 400
"""Bytes between a dollar and the one that closes the formula."""
NEUTRAL, PROSE, CODE = range(3)
"""Kinds of tokens: numbers and marks say nothing."""
LATIN = 1
"""Number of the Latin script in `stages/language/scripts.py`."""

_I: Any = np.int64
_LF, _DOLLAR, _QUOTE, _HYPHEN, _TICK = (ord(c) for c in "\n$'-`")
# Kinds of ASCII characters.
_MARK, _OPEN, _SIGN, _LOWER, _UPPER, _DIGIT = range(6)
_ASCII = np.full(128, _MARK, np.uint8)
_ASCII[[ord(c) for c in "(["]] = _OPEN
_ASCII[[ord(c) for c in "\\{}<>=_^~|@#$%&+/`"]] = _SIGN
_ASCII[ord("a") : ord("z") + 1] = _LOWER
_ASCII[ord("A") : ord("Z") + 1] = _UPPER
_ASCII[ord("0") : ord("9") + 1] = _DIGIT


@njit(cache=True)
def read_token(data: Any, i: Any, end: Any, index: Any, blocks: Any, script_blocks: Any, scripts: Any) -> Any:
    """Read the token at i.

    Args:
        index, blocks: CLASS_INDEX and CLASS_BLOCKS of curation/text.py. script_blocks: of stages/language/scripts.py.
        scripts: int64 (scripts,), gets the letters of prose, in bytes, by script.
    Returns: (its end, its kind, letters of prose, their bytes).
    """
    start = i
    letters, narrow, wide = 0, 0, 0
    sign, digit, formula = False, False, False
    before = _I(_MARK)
    while i < end:
        b0 = _I(data[i])
        if b0 < 0x80:
            if is_blank(b0):
                break
            kind = _I(_ASCII[b0])
            if _LOWER <= kind <= _UPPER:
                narrow += 1
                sign |= kind == _UPPER and before == _LOWER
            elif kind == _DIGIT:
                digit = True
            elif kind == _SIGN:
                stop = _formula_end(data, i, end) if b0 == _DOLLAR else _I(0)
                if stop > 0:
                    formula = True
                    i = stop
                    before = _I(_MARK)
                    continue
                sign = True
            elif _LOWER <= before <= _UPPER and b0 != _QUOTE and b0 != _HYPHEN and i + 1 < end and data[i + 1] < 0x80:
                sign |= kind == _OPEN or _LOWER <= _ASCII[data[i + 1]] <= _UPPER
            before = kind
            i += 1
        elif i - start >= LONGEST_TOKEN:
            break
        else:
            char, width = decode(data, i, end)
            if char_class(char, index, blocks) >= LETTER:
                letters += 1
                wide += width
                block = char >> 4
                scripts[_I(script_blocks[block]) if block < len(script_blocks) else _I(0)] += width
            before = _I(_MARK)
            i += width
    if wide == 0:
        if sign or i - start > LONGEST_WORD:
            return i, _I(CODE), _I(0), _I(0)
        if digit or formula or narrow == 0:
            return i, _I(NEUTRAL), _I(0), _I(0)
    scripts[LATIN] += narrow
    return i, _I(PROSE), _I(letters + narrow), _I(wide + narrow)


@njit(cache=True)
def _formula_end(data: Any, i: Any, end: Any) -> Any:
    """End of the formula whose dollar stands at i; 0 if there is none: a price, or no second dollar near."""
    double = i + 1 < end and data[i + 1] == _DOLLAR
    width = 2 if double else 1
    signs = False
    for j in range(i + width, min(end, i + LONGEST_FORMULA)):
        b = data[j]
        if b == _DOLLAR and not double:
            return j + 1 if signs or j - i <= 3 else 0
        if b == _DOLLAR and j + 1 < end and data[j + 1] == _DOLLAR:
            return j + 2
        if b == _LF and not double:
            return 0
        signs |= b < 0x80 and _ASCII[b] == _SIGN
    return 0


@njit(cache=True)
def is_code(data: Any, start: Any, end: Any, prose: Any, code: Any) -> bool:
    """Whether a line, or the part that was read of it, with so many tokens of prose and of code, is one of a program."""
    if code > 0 and 3 * code >= prose:
        return True
    while end > start and data[end - 1] <= 32:
        end -= 1
    if end == start:
        return False
    last = data[end - 1]
    if last == ord("{") or last == ord("}"):
        return True
    if last == ord(";"):  # a clause of a list may end so too
        return bool(code > 0 or prose <= 3)
    if last == ord(":"):
        return bool(end - 1 > start and data[end - 2] == ord(")"))
    return bool(last == ord(")") and code > 0)


@njit(cache=True)
def fenced_blocks(data: Any, start: Any, end: Any) -> Any:
    """Code blocks between lines of three backticks: int64 (k, 2), with both lines; one that is never closed is none."""
    ticks = 0
    for b in data[start:end]:
        ticks += b == _TICK
    found = np.empty((ticks // 6, 2), np.int64)
    if ticks < 6:
        return found
    count, opened = 0, _I(-1)
    i = start
    while i < end:
        line = i
        while i < end and data[i] == ord(" "):
            i += 1
        fence = i + 2 < end and data[i] == _TICK and data[i + 1] == _TICK and data[i + 2] == _TICK
        while i < end and data[i] != _LF:
            i += 1
        i += 1
        if fence and opened < 0:
            opened = line
        elif fence:
            found[count, 0], found[count, 1] = opened, min(i, end)
            count += 1
            opened = _I(-1)
    return found[:count]


@njit(cache=True)
def nearest_start(data: Any, start: Any, i: Any, end: Any) -> Any:
    """Where in a text data[start:end] to begin reading from i on: at a line or, if none begins near, at a token, or a character.

    What is left of the last token belongs to what came before.
    """
    if i == start:
        return i
    near = min(end, i + LONGEST_TOKEN)
    for j in range(i, near):
        if data[j - 1] == _LF:
            return j
    for j in range(i, near):
        if is_blank(data[j - 1]):
            return j
    if near == end:
        return end
    while i < end and (data[i] & 0xC0) == 0x80:
        i += 1
    return i
