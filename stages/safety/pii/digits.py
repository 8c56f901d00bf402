"""Digits of other scripts as ASCII ones, so that a number is looked for in one form whatever it is written in.

Few documents have such digits: those are copied with each of them as one byte, and what is found there is moved back to where it
stands in the text as it was.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from curation.text import Utf8, char_class, decode
from stages.heuristics.sentences import ZEROS, char_table

_VALUES = {chr(zero + k): k + 1 for zero in ZEROS for k in range(10) if zero > 0x7F}
LEADS = sorted({digit.encode()[0] for digit in _VALUES})
"""Bytes that digits beyond ASCII begin with."""


@cache
def digit_table() -> tuple[Any, Any, Any]:
    """Decimal digits beyond ASCII.

    Returns: by a byte of LEADS and the lower six bits of the next byte, which lower six bits of the third may follow, as the bits of
        a uint64 (leads, 64), all of them where a digit has two bytes or four; (index, blocks) for `char_class`: 1 + the value of a digit,
        0 of all else.
    """
    third = np.zeros((len(LEADS), 64), np.uint64)
    for lead, second, *more in map(str.encode, _VALUES):
        third[LEADS.index(lead), second & 63] |= np.uint64(1 << (more[0] & 63) if len(more) == 1 else 2**64 - 1)
    return third, *char_table(_VALUES)


def with_ascii_digits(text: Utf8, rows: Any) -> Utf8:
    """Some documents, rows int64 (k,), with every decimal digit in ASCII."""
    data, offsets = _rewritten(text.data, text.offsets, rows, digit_table())
    data.flags.writeable = False  # as all text is, so that kernels are compiled once
    return Utf8(data, offsets)


def moved_back(text: Utf8, rows: Any, found_in: Utf8, starts: Any, ends: Any, offsets: Any) -> tuple[Any, Any]:
    """Where spans of `with_ascii_digits(text, rows)`, ordered and without overlap, stand in `text`: starts and ends, int64 (m,) each.

    Args:
        offsets: int64 (k + 1,), those of the spans of each of the rows.
    """
    new_starts, new_ends = _moved_back(text.data, text.offsets, rows, found_in.offsets, starts, ends, offsets, digit_table())
    return new_starts, new_ends


@njit(cache=True)
def _rewritten(data: Any, offsets: Any, rows: Any, table: Any) -> Any:
    _, index, blocks = table
    size = 0
    for row in rows:
        size += offsets[row + 1] - offsets[row]
    out, bounds = np.empty(size, np.uint8), np.zeros(len(rows) + 1, np.int64)
    at = 0
    for k in range(len(rows)):
        i, end = offsets[rows[k]], offsets[rows[k] + 1]
        while i < end:
            code, width = decode(data, i, end)
            digit = char_class(code, index, blocks)
            if digit != 0:
                out[at] = 47 + digit
                at += 1
            else:
                for j in range(width):
                    out[at + j] = data[i + j]
                at += width
            i += width
        bounds[k + 1] = at
    return out[:at].copy(), bounds


@njit(cache=True)
def _moved_back(data: Any, offsets: Any, rows: Any, short: Any, starts: Any, ends: Any, span_offsets: Any, table: Any) -> Any:
    _, index, blocks = table
    new_starts, new_ends = np.empty(len(starts), np.int64), np.empty(len(ends), np.int64)
    for k in range(len(rows)):
        i, at, end = offsets[rows[k]], short[k], offsets[rows[k] + 1]
        for span in range(span_offsets[k], span_offsets[k + 1]):
            while at < ends[span]:
                if at == starts[span]:
                    new_starts[span] = i
                code, width = decode(data, i, end)
                at += 1 if char_class(code, index, blocks) != 0 else width
                i += width
            new_ends[span] = i
    return new_starts, new_ends
