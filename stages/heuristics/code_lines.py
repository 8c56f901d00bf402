"""Which lines of a page's text are code.

The text of a page (stages/extract/render.py) has code as it stands, without marks around it. A line is
code by its signs, its indentation and how it ends; then each run of lines without a blank one is all
code or not at all, as most of its characters say. Items of lists, rows of tables (a tab between
cells) and displayed formulas are never code. One pass over the bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from curation.text import Spans

MIN_SIGN_FRACTION = 0.1
"""Of a line's characters without space so many are signs of code (a bracket of prose counts half), from which it is code. Ours."""
MIN_CODE_FRACTION = 1 / 3
"""Share of the characters of a run of lines in such lines, from which the run is code: `return x` bears no sign. Ours."""
_SIGNS = np.zeros(256, np.uint8)
_SIGNS[list(b"{}[]<>=_\\|&*+@$^~#;")] = 2
_SIGNS[list(b"()/:%\"'`")] = 1


@njit(cache=True)
def _looks_like_code(data: Any, start: Any, end: Any, signs: Any) -> bool:
    """Whether a line is code, by itself."""
    i = start
    while i < end and (data[i] == 32 or data[i] == 9):
        i += 1
    while end > i and data[end - 1] <= 32:
        end -= 1
    if i == end:
        return False
    indent = i - start
    first, final = data[i], data[end - 1]
    second = data[i + 1] if i + 1 < end else 32
    if first == 45 and second == 32:  # an item
        return False
    if first == 36 and second == 36:  # a formula
        return False
    j = i
    while j < end and 48 <= data[j] <= 57:
        j += 1
    if i < j < end - 1 and data[j] == 46 and data[j + 1] == 32:  # a numbered item
        return False
    weight, all_ = 0, 0
    for j in range(i, end):
        b0 = data[j]
        if b0 == 9:
            return False
        all_ += b0 > 32
        weight += signs[b0]
        if b0 == 40 or b0 == 46:  # f(x) and a.b, where prose has a space
            weight += i < j < end - 1 and data[j + 1] > 32 and 65 <= (data[j - 1] & 0xDF) <= 90
    if indent >= 2 or data[start] == 9:
        return True
    if weight > 2 and (final == 59 or final == 123 or final == 125):  # ; { }
        return True
    return bool(weight >= 2 * MIN_SIGN_FRACTION * all_)


@njit(cache=True)
def _code_lines(data: Any, starts: Any, ends: Any, offsets: Any, signs: Any) -> Any:
    out = np.zeros(len(starts), np.bool_)
    for row in range(len(offsets) - 1):
        begin, code, all_ = offsets[row], 0, 0
        for line in range(offsets[row], offsets[row + 1] + 1):
            blank = True
            if line < offsets[row + 1]:
                for i in range(starts[line], ends[line]):
                    if data[i] > 32:
                        blank = False
                        break
            if not blank:
                size = ends[line] - starts[line]
                all_ += size
                if _looks_like_code(data, starts[line], ends[line], signs):
                    code += size
                continue
            out[begin:line] = code > MIN_CODE_FRACTION * all_
            begin, code, all_ = line + 1, 0, 0
    return out


def code_lines(lines: Spans) -> Any:
    """Whether each line of `Utf8.lines()` is code: bool (lines,)."""
    return _code_lines(lines.text.data, lines.starts, lines.ends, lines.offsets, _SIGNS)
