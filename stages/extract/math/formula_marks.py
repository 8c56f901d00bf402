"""Where in the bytes of a page something speaks for a formula.

One pass over the bytes compares those in tags, four at a time, with the marks below; most pages are told from those
with formulas by it, and on the others only the elements it points at are looked at.

Source:  the marks are pieces of names that generators of formulas use (formulas.py lists them); the search is ours.
Units:   offsets in bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

MARKS = (
    "math", "Math", "MATH", "mjx-", "MJX-", "MJX_", "atex", "aTeX", "etex", 'tex"', "tex=", "tex ", "tex-", "texh", "cht=", "ltx_", "hurm",
    "ql-f", "ql-i", "rmul", "quat", "eeim", 't="$', "xpr=", "cogs",
)  # fmt: skip
"""Four characters of what the tag of an element with a formula holds in its name, a class, an attribute or an address
(`atex` of latex and katex, `rmul` of formula, `quat` of equation …); few of them stand in other pages' tags. In an image's
tag a backslash counts, too."""

_PASSED, _READ, _IMAGE = 0, 1, 2
_U: Any = np.uint64
_MULTIPLIER, _FOUR_BYTES = _U(0x85EBCA6B), _U(0xFFFFFFFF)


def _table() -> Any:
    """The marks as numbers of four bytes, each at its hash, uint64 (65536,); the rest 0."""
    table = np.zeros(1 << 16, np.uint64)
    for mark in MARKS:
        key = int.from_bytes(mark.encode(), "big")
        hashed = (key * int(_MULTIPLIER) & int(_FOUR_BYTES)) >> 16
        assert table[hashed] == 0, mark
        table[hashed] = key
    return table


_TABLE = _table()


@njit(cache=True)
def _scan(data: Any, table: Any, places: Any) -> Any:
    """Number of marks inside tags; where they stand is written to places as far as it is long enough."""
    count = 0
    key = _U(0)
    in_tag, in_value, kind = False, False, _PASSED
    for i in range(len(data)):
        byte = data[i]
        if not in_tag:
            if byte == 60:
                in_tag, in_value, key = True, False, _U(0)
                kind = _kind(data, i + 1)
            continue
        if byte == 34:
            in_value = not in_value
        elif byte == 62 and not in_value:
            in_tag = False
        if kind == _PASSED:
            continue
        key = ((key << _U(8)) | _U(byte)) & _FOUR_BYTES
        if (table[((key * _MULTIPLIER) & _FOUR_BYTES) >> _U(16)] == key and key != 0) or (byte == 92 and kind == _IMAGE):
            if count < len(places):
                places[count] = i - 3
            count += 1
    return count


@njit(cache=True)
def _kind(data: Any, at: Any) -> Any:
    """What a tag is by its name: links, metadata and end tags are passed over."""
    if at + 2 >= len(data) or data[at] == 47:
        return _PASSED
    a, b, c = data[at], data[at + 1], data[at + 2]
    if a == 105 and b == 109 and c == 103:
        return _IMAGE
    return _PASSED if (a == 97 and b == 32) or (a == 108 and b == 105 and c == 110) or (a == 109 and b == 101) else _READ


_NOWHERE = np.empty(0, np.int64)


def any_mark(data: bytes) -> bool:
    """Whether there is a mark in a page's tags."""
    return bool(_scan(np.frombuffer(data, np.uint8), _TABLE, _NOWHERE))


def find_marks(data: bytes) -> Any:
    """Offsets of the marks in a page's tags, int64."""
    page = np.frombuffer(data, np.uint8)
    places = np.empty(_scan(page, _TABLE, _NOWHERE), np.int64)
    _scan(page, _TABLE, places)
    return places
