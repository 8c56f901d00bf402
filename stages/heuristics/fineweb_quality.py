"""Drop documents whose lines are those of lists, menus and cut-off text: FineWeb's three filters.

Source:  FineWeb, Penedo et al. 2024, section 3.6: drop where at most 12 % of the lines end in punctuation, at least 10 % of the
         characters are in duplicated lines, or at least 67 % of the lines have fewer than 30 characters.
         `paper`: those, a value at the bound dropped. Ours where it is silent: lines are those of curation/text.py that are not
         blank, without white space at their ends; the first copy of a line is no duplicate; shares are of the characters of lines.
         `datatrove`: FineWebQualityFilter of datatrove 0.10, which differs: 1 % of characters in duplicate lines, a line of 30
         characters is short, values at the bounds are kept, and more than 0.3 line feeds a word drop. Lines end at line feeds,
         white space at their ends counts, shares are of the text without its line feeds; end marks are the
         characters of Unicode's Sentence_Terminal, 16 rare ones less and three Khmer signs more.
         `datatrove_0_2`: that of version 0.2, which made FineWeb: blank lines are lines, the end marks are . ' " ! ? and values at the
         bounds are dropped.
Units:   punctuated_line_fraction, short_line_fraction = share of lines that end in a mark, that are short; line_dup_chars_fraction =
         share of characters in lines that were there before; newlines_per_word = line feeds a word, 0 where there are
         no words. The shares are null where there are no lines.
Params:  variant -- paper, datatrove or datatrove_0_2: how things are counted, and the defaults of the others.
         min_punctuated_lines -- least punctuated_line_fraction. max_short_lines -- largest short_line_fraction.
         max_line_dup_chars -- largest line_dup_chars_fraction. max_newlines_per_word -- largest newlines_per_word (null in paper).
         short_line_chars -- a line with fewer characters is short; in datatrove and datatrove_0_2 one with as many, too.
         end_marks -- what a punctuated line ends with; in paper the marks of Sentence_Terminal, quotation marks and the ellipsis (ours).
         null = no bound; each bound may be a map by `lang` or `profile`.
Drops:   empty; line_punctuation; short_lines; line_dup_chars; newlines.
Errors:  none of its own; a text of white space alone is dropped as empty.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from numba import njit
from pydantic import Field, model_validator

from curation.rules import AnyRule, Bound, Rule
from curation.stage import Batch, Columns, PerGroup, StageParams, stage
from curation.text import UNICODE_VERSION, char_class, decode, equal, load64, ones
from stages.heuristics.duplicates import duplicates
from stages.heuristics.sentences import TERMINALS, char_table

QUOTES_AND_ELLIPSIS = "'\"\u00ab\u00bb\u2018\u2019\u201c\u201d\u201e\u2026\u300d\u300f"
NOT_DATATROVE = "\u1b4e\u1b4f\u1b7f\u2024\u2cf9\u2cfa\u2cfb\u2e60\u2e61\ufe12\ufe15\ufe16\U000113d4\U000113d5\U00016d6e\U00016d6f"
DATATROVE_MARKS = "".join(c for c in TERMINALS if c not in NOT_DATATROVE) + "\u17d6\u17d9\u17da"
_DATATROVE = {"max_line_dup_chars": 0.01, "max_newlines_per_word": 0.3, "end_marks": tuple(DATATROVE_MARKS)}
DEFAULTS: dict[str, dict[str, Any]] = {"datatrove": _DATATROVE, "datatrove_0_2": {**_DATATROVE, "end_marks": tuple(".'\"!?")}}
"""Where a variant's defaults are not those of the paper."""


class Params(StageParams):
    """Parameters of fineweb_quality; see the file's docstring."""

    variant: Literal["paper", "datatrove", "datatrove_0_2"] = "paper"
    min_punctuated_lines: PerGroup[float | None] = 0.12
    max_short_lines: PerGroup[float | None] = 0.67
    max_line_dup_chars: PerGroup[float | None] = 0.10
    max_newlines_per_word: PerGroup[float | None] = None
    short_line_chars: int = Field(30, ge=0)
    end_marks: tuple[Annotated[str, Field(min_length=1, max_length=1)], ...] = Field(tuple(TERMINALS + QUOTES_AND_ELLIPSIS), min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_variant(cls, values: Any) -> Any:
        return {**DEFAULTS.get(values.get("variant", "paper"), {}), **values}


EMPTY = Rule("empty", ("short_line_fraction",), lambda batch, params: batch["short_line_fraction"].is_null(), "short_line_fraction is null")


def rules(params: Params) -> tuple[AnyRule, ...]:
    """The rules of a variant: of all but datatrove, a value at one of the three bounds is dropped."""
    at = params.variant != "datatrove"
    return (
        EMPTY,
        Bound("line_punctuation", "punctuated_line_fraction", least="min_punctuated_lines", drop_at=at),
        Bound("short_lines", "short_line_fraction", most="max_short_lines", drop_at=at),
        Bound("line_dup_chars", "line_dup_chars_fraction", most="max_line_dup_chars", drop_at=at),
        Bound("newlines", "newlines_per_word", most="max_newlines_per_word"),
    )


@njit(cache=True)
def _punctuated(data: Any, starts: Any, ends: Any, index: Any, blocks: Any) -> Any:
    """Which spans end in a marked character: bool (m,)."""
    out = np.zeros(len(starts), np.bool_)
    for k in range(len(starts)):
        start, end = starts[k], ends[k]
        i = end - 1
        while i > start and i > end - 4 and (data[i] & 0xC0) == 0x80:
            i -= 1
        if start < end:
            code, width = decode(data, i, end)
            out[k] = i + width == end and char_class(code, index, blocks) != 0
    return out


@njit(cache=True)
def _line_feeds(data: Any, offsets: Any) -> Any:
    """Line feeds of each document: int64 (n,)."""
    n = len(offsets) - 1
    out = np.zeros(n, np.int64)
    for row in range(n):
        i, end = offsets[row], offsets[row + 1]
        while i + 8 <= end:
            out[row] += ones(equal(load64(data, i), 10))
            i += 8
        while i < end:
            out[row] += data[i] == 10
            i += 1
    return out


@stage(
    reads=["text"],
    writes={
        "punctuated_line_fraction": pa.float32(), "short_line_fraction": pa.float32(), "line_dup_chars_fraction": pa.float32(),
        "newlines_per_word": pa.float32(),
    },
    drops=["empty", "line_punctuation", "short_lines", "line_dup_chars", "newlines"], rules=rules,
    version=f"2:unicode-{UNICODE_VERSION}",
)  # fmt: skip
def fineweb_quality(batch: Batch, params: Params) -> Columns:
    """Return a column for each measure of the docstring (float32), one value per document."""
    text, variant = batch.utf8(), params.variant
    every = text.lines("text" if variant == "paper" else "lf")
    trimmed = every.trimmed()
    filled = trimmed.ends > trimmed.starts
    lines = (trimmed if variant == "paper" else every).where(filled)
    punctuated = lines.sums(_punctuated(text.data, lines.starts, lines.ends, *char_table({"".join(params.end_marks): 1})))
    longest = params.short_line_chars - (variant == "paper")
    short = lines.sums(lines.chars() <= longest)
    line_feeds = _line_feeds(text.data, text.offsets)
    count, _, chars, dup_chars = duplicates(lines)
    empty = (count == 0) & (variant != "datatrove_0_2")
    if variant == "datatrove_0_2":
        blank = every.where(~filled)
        short += line_feeds + 1 - count - blank.sums(blank.chars() > longest)
        count = line_feeds + 1
    if variant != "paper":
        chars = text.chars_per_row() - line_feeds
    per_line = np.maximum(count, 1)
    shares = {
        "punctuated_line_fraction": punctuated / per_line, "short_line_fraction": short / per_line,
        "line_dup_chars_fraction": dup_chars / np.maximum(chars, 1),
    }  # fmt: skip
    columns: dict[str, Any] = {name: pa.array(share.astype(np.float32), mask=empty) for name, share in shares.items()}
    return columns | {"newlines_per_word": (line_feeds / np.maximum(batch.words().counts(), 1)).astype(np.float32)}


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    fineweb_quality(pa.table({"text": pa.array(["the end.\n"], pa.large_string())}))
