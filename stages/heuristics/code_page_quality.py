"""Drop pages about code that explain nothing, or whose code is broken, packed or a dump of data.

Source:  Llama 3, section 3.1.1, "Code and reasoning data": pages with code interleaved with language have heuristics of their own;
         the paper gives none. Rules and numbers are ours; a longest line of 1,000 characters is a bound of The Stack, Kocetkov
         et al. 2022, section 3.
Units:   which lines are code is told by stages/heuristics/code_lines.py. code_fraction = bytes of code lines, of all lines.
         prose_words = words of the other lines. bracket_count = brackets ( [ { ) ] } of the code;
         unbalanced_fraction = those without their counterpart, of all. packed_fraction = bytes of code in lines of more
         than 1,000 bytes, of all code.
         data_fraction = bytes in dumps, of all lines: lines with 30 or more bytes but space, of which 0.4 are digits and all
         but 0.25 are digits, letters a to f and marks of numbers; and runs of 60 or more bytes of base64 or hexadecimal
         (digits, and letters of both cases or of hexadecimal alone).
Params:  min_prose_words -- least number of them. min_code_fraction, max_code_fraction. max_unbalanced_fraction -- asked of code
         with at least min_brackets brackets. max_packed_fraction. max_data_fraction. null = no bound; each may be a map by
         `lang` or `profile`.
Drops:   too_little_prose, code_fraction, data_dump, packed_code, unbalanced.
Errors:  none of its own; an empty text has no prose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from pydantic import Field

from curation.rules import Bound
from curation.stage import Batch, Columns, PerGroup, StageParams, stage
from curation.text import UNICODE_VERSION
from stages.heuristics.code_lines import code_lines
from stages.heuristics.data_lines import encoded, is_dump

PACKED_BYTES = 1000


class Params(StageParams):
    """Parameters of code_page_quality; see the file's docstring."""

    min_prose_words: PerGroup[int | None] = 10
    min_code_fraction: PerGroup[float | None] = None
    max_code_fraction: PerGroup[float | None] = None
    max_unbalanced_fraction: PerGroup[float | None] = 0.5
    min_brackets: int = Field(20, ge=1)
    max_packed_fraction: PerGroup[float | None] = 0.5
    max_data_fraction: PerGroup[float | None] = 0.5


RULES = (
    Bound("too_little_prose", "prose_words", least="min_prose_words"),
    Bound("code_fraction", "code_fraction", least="min_code_fraction", most="max_code_fraction"),
    Bound("data_dump", "data_fraction", most="max_data_fraction"),
    Bound("packed_code", "packed_fraction", most="max_packed_fraction"),
    Bound(
        "unbalanced", "unbalanced_fraction", most="max_unbalanced_fraction",
        unless=Bound("few_brackets", "bracket_count", least="min_brackets"),
    ),
)  # fmt: skip


@njit(cache=True)
def _facts(data: Any, line_starts: Any, line_ends: Any, line_offsets: Any, is_code: Any, starts: Any, offsets: Any) -> Any:
    """Of each document, int64 (7, n): bytes of all lines, of code, of packed code, of dumps; words of prose; brackets, those alone."""
    rows = len(offsets) - 1
    out = np.zeros((7, rows), np.int64)
    for row in range(rows):
        k, last = offsets[row], offsets[row + 1]
        round_, square, curly = 0, 0, 0
        for line in range(line_offsets[row], line_offsets[row + 1]):
            start, end = line_starts[line], line_ends[line]
            size = end - start
            begin = k
            while k < last and starts[k] < end:
                k += 1
            out[0, row] += size
            out[3, row] += size if is_dump(data, start, end) else encoded(data, start, end)
            if not is_code[line]:
                out[4, row] += k - begin
                continue
            out[1, row] += size
            out[2, row] += size if size > PACKED_BYTES else 0
            for i in range(start, end):
                b0 = data[i]
                if b0 == 40 or b0 == 91 or b0 == 123:
                    out[5, row] += 1
                    round_ += b0 == 40
                    square += b0 == 91
                    curly += b0 == 123
                elif b0 == 41 or b0 == 93 or b0 == 125:
                    out[5, row] += 1
                    opened = round_ if b0 == 41 else square if b0 == 93 else curly
                    if opened == 0:
                        out[6, row] += 1
                    elif b0 == 41:
                        round_ -= 1
                    elif b0 == 93:
                        square -= 1
                    else:
                        curly -= 1
        out[6, row] += round_ + square + curly
    return out


@stage(
    reads=["text"],
    writes={
        "code_fraction": pa.float32(), "prose_words": pa.int32(), "bracket_count": pa.int32(), "unbalanced_fraction": pa.float32(),
        "packed_fraction": pa.float32(), "data_fraction": pa.float32(),
    },
    rules=RULES, version=f"2:unicode-{UNICODE_VERSION}",
)  # fmt: skip
def code_page_quality(batch: Batch, params: Params) -> Columns:
    """Return the columns of the docstring, one value per document."""
    lines, words = batch.utf8().lines(), batch.words()
    all_, code, packed, data, prose, brackets, alone = _facts(
        lines.text.data, lines.starts, lines.ends, lines.offsets, code_lines(lines), words.starts, words.offsets
    )
    return {
        "code_fraction": (code / np.maximum(all_, 1)).astype(np.float32),
        "prose_words": prose.astype(np.int32),
        "bracket_count": brackets.astype(np.int32),
        "unbalanced_fraction": (alone / np.maximum(brackets, 1)).astype(np.float32),
        "packed_fraction": (packed / np.maximum(code, 1)).astype(np.float32),
        "data_fraction": (data / np.maximum(all_, 1)).astype(np.float32),
    }


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file and of code_lines.py."""
    code_page_quality(pa.table({"text": pa.array(["Words.\n\n  f(x) = [0x1];"], pa.large_string())}))
