"""Drop documents that do not look like prose: Gopher's quality rules.

Source:  Gopher, Rae et al. 2021, appendix A.1.1, "Quality Filtering"; every bound is theirs but `exempt_short_scripts`.
         `paper`: where they are silent, ours: words are those of curation/text.py, so a mark alone is no word; lines
         of white space alone are no lines; stop words count once each, in any case; every usual bullet is one.
         `datatrove`: GopherQualityFilter of datatrove 0.10 (FineWeb). It takes blank lines for lines, splits them where
         Python's splitlines() does, knows the bullets `•` and `-` alone, asks every script for the mean length, looks for stop
         words in small letters only and in every language, and takes a word of `１` and marks for no word where it counts
         words and their length. (Version 0.2, which made FineWeb, counted every occurrence of a stop word.)
Units:   word_count. mean_word_length = characters a word. short_script_fraction = share of words in scripts where
         a word is one character (Chinese, Japanese, Thai, Lao, Khmer, Myanmar) or a few syllables of one character
         (Korean, Tibetan, Yi). hash_ratio, ellipsis_ratio = `#`, and `…` or three dots in a row, per word.
         bullet_line_fraction, ellipsis_line_fraction = share of lines that begin with a bullet, and that end with
         an ellipsis. alpha_word_fraction = share of words with a letter. stop_word_count = how many of the stop
         words occur, null where none is asked for. Without words or lines they are 0.
Params:  variant -- paper or datatrove: how things are counted (see Source), and the defaults of the others.
         min_words, max_words -- bounds of word_count.
         min_mean_word_length, max_mean_word_length -- bounds of mean_word_length.
         exempt_short_scripts -- documents with a larger short_script_fraction are not asked for min_mean_word_length,
             for a page of Chinese has a mean near 1 whatever its quality (ours; null = all are asked, as in datatrove).
         max_symbol_ratio -- of hash_ratio and of ellipsis_ratio, each.
         max_bullet_line_fraction, max_ellipsis_line_fraction, min_alpha_word_fraction, min_stop_words -- as named.
         bullets -- what a line with a bullet begins with.
         stop_words -- a list for English: asked of documents whose `lang` is en, of all where there is no such
             column (in datatrove of all); or a map {lang: list}, where a language without a list (nor `default`) is not asked.
         Both ends are kept; null = no bound; each bound may be a map by `lang` or `profile`.
Drops:   too_short, too_long; mean_word_length; symbol_ratio; bullet_lines; ellipsis_lines; alpha_words; stop_words.
Errors:  none of its own; bytes that are not UTF-8 are in no word.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from numba import njit
from pydantic import Field, model_validator

from curation.rules import Bound
from curation.stage import Batch, Columns, PerGroup, StageParams, stage
from curation.text import (
    CLASS_BLOCKS,
    CLASS_INDEX,
    UNICODE_VERSION,
    Spans,
    Utf8,
    char_class,
    decode,
    equal,
    load64,
    ones,
    zeros_below,
)
from curation.unicode_tables import CJK, LETTER

WordList = tuple[Annotated[str, Field(min_length=1)], ...]
DATATROVE: dict[str, Any] = {"bullets": ("•", "-"), "exempt_short_scripts": None}
"""Where its defaults are others."""


class Params(StageParams):
    """Parameters of gopher_quality; see the file's docstring."""

    variant: Literal["paper", "datatrove"] = "paper"
    min_words: PerGroup[int | None] = 50
    max_words: PerGroup[int | None] = 100_000
    min_mean_word_length: PerGroup[float | None] = 3
    max_mean_word_length: PerGroup[float | None] = 10
    exempt_short_scripts: PerGroup[float | None] = 0.5
    max_symbol_ratio: PerGroup[float | None] = 0.1
    max_bullet_line_fraction: PerGroup[float | None] = 0.9
    max_ellipsis_line_fraction: PerGroup[float | None] = 0.3
    min_alpha_word_fraction: PerGroup[float | None] = 0.8
    min_stop_words: PerGroup[int | None] = 2
    bullets: WordList = ("•", "‣", "⁃", "▪", "●", "◦", "*", "-")
    stop_words: WordList | dict[str, WordList] = ("the", "be", "to", "of", "and", "that", "have", "with")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_variant(cls, values: Any) -> Any:
        return {**DATATROVE, **values} if values.get("variant") == "datatrove" else values


RULES = (
    Bound("too_short", "word_count", least="min_words"),
    Bound("too_long", "word_count", most="max_words"),
    Bound(
        "mean_word_length", "mean_word_length", least="min_mean_word_length",
        unless=Bound("short_scripts", "short_script_fraction", most="exempt_short_scripts"),
    ),
    Bound("mean_word_length", "mean_word_length", most="max_mean_word_length"),
    Bound("symbol_ratio", "hash_ratio", most="max_symbol_ratio"),
    Bound("symbol_ratio", "ellipsis_ratio", most="max_symbol_ratio"),
    Bound("bullet_lines", "bullet_line_fraction", most="max_bullet_line_fraction"),
    Bound("ellipsis_lines", "ellipsis_line_fraction", most="max_ellipsis_line_fraction"),
    Bound("alpha_words", "alpha_word_fraction", least="min_alpha_word_fraction"),
    Bound("stop_words", "stop_word_count", least="min_stop_words"),
)  # fmt: skip


@njit(cache=True)
def _is_syllable(code: Any) -> bool:
    """Whether a letter is Tibetan, Yi, or a Hangul syllable."""
    return bool(code < 0x1000 or 0xA000 <= code <= 0xA48F or 0xAC00 <= code <= 0xD7A3)


@njit(cache=True)
def _word_facts(data: Any, starts: Any, ends: Any, offsets: Any, index: Any, blocks: Any) -> Any:
    """Of each document: words with a letter, words of short scripts."""
    n = len(offsets) - 1
    alpha, short = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for row in range(n):
        for k in range(offsets[row], offsets[row + 1]):
            i, end = starts[k], ends[k]
            if 97 <= data[i] | 32 <= 122:
                alpha[row] += 1
                continue
            code, width = decode(data, i, end)
            kind = char_class(code, index, blocks)
            short[row] += kind >= CJK or (kind == LETTER and code >= 0x0F00 and _is_syllable(code))
            while kind < LETTER and i + width < end:
                i += width
                code, width = decode(data, i, end)
                kind = char_class(code, index, blocks)
            alpha[row] += kind >= LETTER
    return alpha, short


@njit(cache=True)
def _fullwidth_ones(data: Any, starts: Any, ends: Any, offsets: Any, chars: Any) -> Any:
    """Of each document: words of fullwidth digits one and joiners alone, and their characters."""
    n = len(offsets) - 1
    words, letters = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for row in range(n):
        for k in range(offsets[row], offsets[row + 1]):
            i, end = starts[k], ends[k]
            while i < end:
                code, width = decode(data, i, end)
                if not (code == 0xFF11 or code == 0x2019 or code == 95 or code == 39 or 44 <= code <= 46):
                    break
                i += width
            if i >= end:
                words[row] += 1
                letters[row] += chars[k]
    return words, letters


@njit(cache=True)
def _symbols(data: Any, offsets: Any) -> Any:
    """Number signs and ellipses of each document."""
    n = len(offsets) - 1
    signs, ellipses = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for row in range(n):
        i, end, free = offsets[row], offsets[row + 1], offsets[row]  # bytes before `free` are in an ellipsis
        while i < end:
            if i + 8 <= end:
                word = load64(data, i)
                signs[row] += ones(equal(word, 35))
                marks = equal(word, 46) | equal(word, 0xE2)
                while marks != 0:
                    at = i + (zeros_below(marks) >> 3)
                    marks &= marks - np.uint64(1)
                    if at >= free and _is_ellipsis(data, at, end):
                        ellipses[row] += 1
                        free = at + 3
                i += 8
                continue
            signs[row] += data[i] == 35
            if i >= free and _is_ellipsis(data, i, end):
                ellipses[row] += 1
                free = i + 3
            i += 1
    return signs, ellipses


@njit(cache=True)
def _is_ellipsis(data: Any, i: Any, end: Any) -> bool:
    """Whether `...` or U+2026, three bytes each, starts at i."""
    if i + 3 > end:
        return False
    if data[i] == 46:
        return bool(data[i + 1] == 46 and data[i + 2] == 46)
    return bool(data[i] == 0xE2 and data[i + 1] == 0x80 and data[i + 2] == 0xA6)


@njit(cache=True)
def _line_facts(data: Any, starts: Any, ends: Any, offsets: Any, marks: Any, mark_offsets: Any) -> Any:
    """Of each document: lines that are not blank, those that begin with one of the marks, those that end in an ellipsis."""
    n = len(offsets) - 1
    lines, bullets, ellipses = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    for row in range(n):
        for k in range(offsets[row], offsets[row + 1]):
            start, end = starts[k], ends[k]
            if start == end:
                continue
            lines[row] += 1
            ellipses[row] += end - start >= 3 and _is_ellipsis(data, end - 3, end)
            for m in range(len(mark_offsets) - 1):
                first, size = mark_offsets[m], mark_offsets[m + 1] - mark_offsets[m]
                j = 0
                while j < size and start + j < end and data[start + j] == marks[first + j]:
                    j += 1
                if j == size:
                    bullets[row] += 1
                    break
    return lines, bullets, ellipses


@njit(cache=True)
def _distinct(hashes: Any, offsets: Any, group: Any, known: Any, member: Any) -> Any:
    """How many of the known hashes, among those of its group, each document has.

    group: int64 (n,), row of `member`, -1 for none. member: bool (groups, known).
    """
    n = len(offsets) - 1
    size = 64
    while size < 16 * len(known):
        size *= 2
    mask = np.uint64(size - 1)
    slots = np.zeros(size, np.int64)
    for k in range(len(known)):
        at = np.int64(known[k] & mask)
        while slots[at] > 0:
            at = (at + 1) & (size - 1)
        slots[at] = k + 1
    seen = np.full(len(known), -1, np.int64)
    out = np.zeros(n, np.int64)
    for row in range(n):
        if group[row] < 0:
            continue
        most = member[group[row]].sum()
        for k in range(offsets[row], offsets[row + 1]):
            at = np.int64(hashes[k] & mask)
            while slots[at] > 0:
                one = slots[at] - 1
                if known[one] == hashes[k]:
                    if seen[one] != row and member[group[row], one]:
                        seen[one] = row
                        out[row] += 1
                    break
                at = (at + 1) & (size - 1)
            if out[row] == most:
                break
    return out


def _stop_words(batch: Batch, words: Spans, params: Params) -> tuple[Any, Any]:
    """(stop words of each document int64 (n,), whether it is asked for any bool (n,))."""
    n, stop_words, paper = len(batch), params.stop_words, params.variant == "paper"
    if isinstance(stop_words, dict):
        lists = list(stop_words.values())
        number = {name: k for k, name in enumerate(stop_words)}
        groups = batch["lang"].to_pylist()
        group = np.array([number.get(g, number.get("default", -1)) for g in groups], dtype=np.int64)
        asked = group >= 0
    else:
        lists, group = [stop_words], np.zeros(n, dtype=np.int64)
        english = [lang == "en" for lang in batch["lang"].to_pylist()] if paper and "lang" in batch else [True] * n
        asked = np.array(english, dtype=bool)
    every = sorted({word for one in lists for word in one})
    text = Utf8.of_strings(list(every))
    known, index = np.unique((text.lower() if paper else text).hash(), return_inverse=True)
    place = dict(zip(every, index.tolist(), strict=True))
    member = np.zeros((len(lists), len(known)), dtype=bool)
    for k, one in enumerate(lists):
        member[k, [place[word] for word in one]] = True
    return _distinct(words.hashes(lower=paper), words.offsets, group, known, member), asked


def _reads(params: Params) -> tuple[str, ...]:
    return ("text", "lang") if isinstance(params.stop_words, dict) else ("text",)


@stage(
    reads=_reads,
    writes={
        "word_count": pa.int32(), "mean_word_length": pa.float32(), "short_script_fraction": pa.float32(), "hash_ratio": pa.float32(),
        "ellipsis_ratio": pa.float32(), "bullet_line_fraction": pa.float32(), "ellipsis_line_fraction": pa.float32(),
        "alpha_word_fraction": pa.float32(), "stop_word_count": pa.field("stop_word_count", pa.int32(), nullable=True),
    },
    rules=RULES, version=f"3:unicode-{UNICODE_VERSION}",
)  # fmt: skip
def gopher_quality(batch: Batch, params: Params) -> Columns:
    """Return a column for each measure of the docstring (int32 or float32), one value per document."""
    text, words, paper = batch.utf8(), batch.words(), params.variant == "paper"
    counted = count = words.counts()
    chars = words.sums(words.chars())
    alpha, short = _word_facts(text.data, words.starts, words.ends, words.offsets, CLASS_INDEX, CLASS_BLOCKS)
    if not paper:
        not_words, their_chars = _fullwidth_ones(text.data, words.starts, words.ends, words.offsets, words.chars())
        counted, chars = count - not_words, chars - their_chars
    signs, ellipses = _symbols(text.data, text.offsets)
    marks, lines = Utf8.of_strings(list(params.bullets)), text.lines("text" if paper else "python").trimmed()
    line_count, bullets, ends = _line_facts(text.data, lines.starts, lines.ends, lines.offsets, marks.data, marks.offsets)
    if not paper:
        line_count = lines.counts()
    stops, asked = _stop_words(batch, words, params)
    per_word, per_line = np.maximum(count, 1), np.maximum(line_count, 1)
    return {
        "word_count": counted.astype(np.int32),
        "mean_word_length": (chars / np.maximum(counted, 1)).astype(np.float32),
        "short_script_fraction": (short / per_word).astype(np.float32),
        "hash_ratio": (signs / per_word).astype(np.float32),
        "ellipsis_ratio": (ellipses / per_word).astype(np.float32),
        "bullet_line_fraction": (bullets / per_line).astype(np.float32),
        "ellipsis_line_fraction": (ends / per_line).astype(np.float32),
        "alpha_word_fraction": (alpha / per_word).astype(np.float32),
        "stop_word_count": pa.array(stops.astype(np.int32), mask=~asked),
    }


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    table = pa.table({"text": pa.array(["the end..."], pa.large_string())})
    gopher_quality(table)
    gopher_quality(table, variant="datatrove")
