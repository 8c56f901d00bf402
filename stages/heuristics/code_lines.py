"""Which lines of a page's text are code.

The text of a page (stages/extract/render.py) has code as it stands, without marks around it. A line is
code by its signs, its indentation and how it ends; then each run of lines without a blank one is all
code or not at all, as most of its characters say. Items of lists, rows of tables (a tab between
cells) and displayed formulas are never code. One pass over the bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.compute as pc
from numba import njit

from curation.stage import Batch
from curation.text import TOPS, Spans, between, equal, load64, ones, zeros_below

MIN_SIGN_FRACTION = 0.1
"""Of a line's characters without space so many are signs of code (a bracket of prose counts half), from which it is code. Ours."""
MIN_CODE_FRACTION = 1 / 3
"""Share of the characters of a run of lines in such lines, from which the run is code: `return x` bears no sign. Ours."""
_SMALL = np.uint64(0x2020202020202020)
_SIGNS = np.zeros(256, np.uint8)
_SIGNS[list(b"{}[]<>=_\\|&*+@$^~#;")] = 2
_SIGNS[list(b"()/:%\"'`")] = 1


@njit(cache=True, forceinline=True)
def is_item(data: Any, start: Any, end: Any) -> bool:
    """Whether a line is an item of a list, as stages/extract/render.py writes them: `- ` or `12. `, indented or not."""
    i = start
    while i < end and (data[i] == 32 or data[i] == 9):
        i += 1
    if i < end and data[i] == 45 and (i + 1 == end or data[i + 1] == 32):
        return True
    begin = i
    while i < end and 48 <= data[i] <= 57:
        i += 1
    return bool(begin < i < end - 1 and data[i] == 46 and data[i + 1] == 32)


@njit(cache=True, forceinline=True)
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
    final = data[end - 1]
    if is_item(data, i, end) or (data[i] == 36 and i + 1 < end and data[i + 1] == 36):  # a formula
        return False
    weight, all_ = 0, 0
    j = i
    while j < end:
        if j + 8 <= end:
            # Up to eight letters, commas and spaces at once: most of most lines.
            word = load64(data, j)
            spaces = equal(word, 32)
            others = ~(between(word | _SMALL, 97, 122) | spaces | equal(word, 44) | word) & TOPS
            if others == 0:
                all_ += 8 - ones(spaces)
                j += 8
                continue
            plain = zeros_below(others) >> 3
            all_ += plain - ones(spaces & ((np.uint64(1) << np.uint64(8 * plain)) - np.uint64(1)))
            j += plain
        b0 = data[j]
        j += 1
        if b0 == 9:
            return False
        all_ += b0 > 32
        weight += signs[b0]
        if b0 == 40 or b0 == 46:  # f(x) and a.b, where prose has a space
            weight += i < j - 1 < end - 1 and data[j] > 32 and 65 <= (data[j - 2] & 0xDF) <= 90
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


def in_code(batch: Batch) -> Any:
    """Whether each line (`Utf8.lines()`) is code, or in a document of the profile `code`: bool (lines,)."""
    lines = batch.utf8().lines()
    code = code_lines(lines)
    if "profile" in batch:
        of_code = pc.fill_null(pc.equal(batch["profile"], "code"), False).to_numpy(zero_copy_only=False)
        code |= of_code[lines.documents()]
    return code
