"""Drop pages of mathematics with hardly a formula, no words between them, or formulas that are broken or none.

Source:  Llama 3, section 3.1.1, "Code and reasoning data": such pages have heuristics of their own; the paper gives none. Rules and
         numbers are ours.
Units:   a formula stands between `$` and `$` on one line, without a space inside next to either and no digit behind, or between
         `$$` and `$$`, as stages/extract/render.py writes them. formula_count; formulas_per_1000 = for 1,000 words of
         prose_words, the words outside of formulas; formula_fraction = bytes in formulas, of all.
         unbalanced_fraction = of formulas and dollar signs `$$` without a second: those whose braces, \\left and \\right
         or \\begin and \\end are not pairs. plain_fraction = formulas that are words, of all: two or more runs of three letters
         and no TeX (a backslash, ^, _, =, <, >), as between two prices.
Params:  min_prose_words. min_formulas_per_1000, max_formula_fraction. max_unbalanced_fraction. max_plain_fraction. null = no
         bound; each may be a map by `lang` or `profile`.
Drops:   too_little_prose, formula_share, unbalanced, plain_formulas.
Errors:  none of its own; an empty text has no prose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from curation.rules import Bound
from curation.stage import Batch, Columns, PerGroup, StageParams, stage
from curation.text import UNICODE_VERSION

_I: Any = np.int64


class Params(StageParams):
    """Parameters of math_page_quality; see the file's docstring."""

    min_prose_words: PerGroup[int | None] = 10
    min_formulas_per_1000: PerGroup[float | None] = 0.25
    max_formula_fraction: PerGroup[float | None] = None
    max_unbalanced_fraction: PerGroup[float | None] = 0.3
    max_plain_fraction: PerGroup[float | None] = 0.5


RULES = (
    Bound("too_little_prose", "prose_words", least="min_prose_words"),
    Bound("formula_share", "formulas_per_1000", least="min_formulas_per_1000"),
    Bound("formula_share", "formula_fraction", most="max_formula_fraction"),
    Bound("unbalanced", "unbalanced_fraction", most="max_unbalanced_fraction"),
    Bound("plain_formulas", "plain_fraction", most="max_plain_fraction"),
)


@njit(cache=True)
def _closing(data: Any, i: Any, end: Any, display: bool) -> Any:
    """Where the dollars that close a formula begin, -1 if none do: for an inline one on its line, for a displayed one before `end`."""
    while i < end:
        b0 = data[i]
        if b0 == 92:
            i += 2
            continue
        if b0 == 36 and (not display or (i + 1 < end and data[i + 1] == 36)):
            return i
        if b0 == 10 and not display:
            return _I(-1)
        i += 1
    return _I(-1)


_LEFT, _RIGHT, _BEGIN, _END = (int.from_bytes(name, "big") for name in (b"left", b"right", b"begin", b"end"))


@njit(cache=True)
def _verdict(data: Any, i: Any, end: Any) -> Any:
    """Of a formula's TeX: (whether its parts are pairs, whether it is plain words)."""
    braces, lowest, fences, environments = 0, 0, 0, 0
    tex, words, run = False, 0, 0
    while i < end:
        b0 = data[i]
        i += 1
        if b0 == 92:
            tex = True
            name, size = _I(0), 0  # of the command, its bytes as a number
            while i < end and 65 <= (data[i] & 0xDF) <= 90 and size < 6:
                name = (name << 8) | _I(data[i])
                size += 1
                i += 1
            fences += (name == _LEFT) - (name == _RIGHT)
            environments += (name == _BEGIN) - (name == _END)
            i += size == 0
            continue
        run = run + 1 if 65 <= (b0 & 0xDF) <= 90 else 0
        words += run == 3
        braces += (b0 == 123) - (b0 == 125)
        lowest = min(lowest, braces)
        tex = tex or b0 == 94 or b0 == 95 or 60 <= b0 <= 62
    return braces == 0 and lowest == 0 and fences == 0 and environments == 0, words >= 2 and not tex


@njit(cache=True)
def _facts(data: Any, starts: Any, ends: Any, offsets: Any, text_offsets: Any) -> Any:
    """Of each document, int64 (6, n): formulas, their bytes, those without pairs, plain ones, words outside, `$$` without a second."""
    rows = len(offsets) - 1
    out = np.zeros((6, rows), np.int64)
    for row in range(rows):
        i, end = text_offsets[row], text_offsets[row + 1]
        k, last = offsets[row], offsets[row + 1]
        while i < end:
            b0 = data[i]
            if b0 == 92:
                i += 2
                continue
            if b0 != 36:
                i += 1
                continue
            display = i + 1 < end and data[i + 1] == 36
            wide = 2 if display else 1
            close = _closing(data, i + wide, end, display)
            out[5, row] += display and close < 0  # at most one: any later `$$` would close it
            if close < 0 or close == i + wide:
                i += wide
                continue
            spaced = data[i + 1] <= 32 or data[close - 1] <= 32 or (close + 1 < end and 48 <= data[close + 1] <= 57)
            if not display and spaced:
                i = close  # it may open one itself
                continue
            pairs, plain = _verdict(data, i + wide, close)
            out[0, row] += 1
            out[1, row] += close + wide - i
            out[2, row] += not pairs
            out[3, row] += plain
            while k < last and starts[k] < i:
                out[4, row] += 1
                k += 1
            i = close + wide
            while k < last and starts[k] < i:
                k += 1
        out[4, row] += last - k
    return out


@stage(
    reads=["text"],
    writes={
        "formula_count": pa.int32(), "formulas_per_1000": pa.float32(), "formula_fraction": pa.float32(), "prose_words": pa.int32(),
        "unbalanced_fraction": pa.float32(), "plain_fraction": pa.float32(),
    },
    rules=RULES, version=f"1:unicode-{UNICODE_VERSION}",
)  # fmt: skip
def math_page_quality(batch: Batch, params: Params) -> Columns:
    """Return the columns of the docstring, one value per document."""
    text, words = batch.utf8(), batch.words()
    formulas, size, broken, plain, prose, single = _facts(text.data, words.starts, words.ends, words.offsets, text.offsets)
    return {
        "formula_count": formulas.astype(np.int32),
        "formulas_per_1000": (1000 * formulas / np.maximum(prose, 1)).astype(np.float32),
        "formula_fraction": (size / np.maximum(text.bytes_per_row(), 1)).astype(np.float32),
        "prose_words": prose.astype(np.int32),
        "unbalanced_fraction": ((broken + single) / np.maximum(formulas + single, 1)).astype(np.float32),
        "plain_fraction": (plain / np.maximum(formulas, 1)).astype(np.float32),
    }


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    math_page_quality(pa.table({"text": pa.array(["Words, $x^2$."], pa.large_string())}))
