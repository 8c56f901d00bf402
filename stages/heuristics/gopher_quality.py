"""Drop documents that do not look like prose: Gopher's quality rules.

Source:  Gopher, Rae et al. 2021, appendix A.1.1, "Quality Filtering"; every bound is theirs but `exempt_short_scripts`.
         Where they are silent, ours: words are those of curation/text.py, so a mark alone is no word; lines
         of white space alone are no lines; stop words count once each, in any case.
Units:   word_count. mean_word_length = characters a word. short_script_fraction = share of words in scripts where
         a word is one character (Chinese, Japanese, Thai, Lao, Khmer, Myanmar) or a few syllables of one character
         (Korean, Tibetan, Yi). hash_ratio, ellipsis_ratio = `#`, and `…` or three dots in a row, per word.
         bullet_line_fraction, ellipsis_line_fraction = share of lines that begin with a bullet, and that end with
         an ellipsis. alpha_word_fraction = share of words with a letter. stop_word_count = how many of the stop
         words occur. Without words or lines they are 0.
Params:  min_words, max_words -- bounds of word_count.
         min_mean_word_length, max_mean_word_length -- bounds of mean_word_length.
         exempt_short_scripts -- documents with a larger short_script_fraction are not asked for min_mean_word_length,
             for a page of Chinese has a mean near 1 whatever its quality (ours; null = all are asked).
         max_symbol_ratio -- of hash_ratio and of ellipsis_ratio, each.
         max_bullet_line_fraction, max_ellipsis_line_fraction, min_alpha_word_fraction, min_stop_words -- as named.
         bullets -- what a line with a bullet begins with.
         stop_words -- a list for English: asked of documents whose `lang` is en, of all where there is no such
             column; or a map {lang: list}, where a language without a list (nor `default`) is not asked.
         Both ends are kept; null = no bound; each bound may be a map by `lang` or `profile`.
Drops:   too_short, too_long; mean_word_length; symbol_ratio; bullet_lines; ellipsis_lines; alpha_words; stop_words.
Errors:  none of its own; bytes that are not UTF-8 are in no word.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from numba import njit
from pydantic import Field

from curation.stage import Batch, Columns, PerGroup, StageParams, above, below, first_true, group_column, stage
from curation.text import CLASS_BLOCKS, CLASS_INDEX, UNICODE_VERSION, Spans, Utf8, char_class, decode
from curation.unicode_tables import CJK, LETTER

WordList = tuple[Annotated[str, Field(min_length=1)], ...]


class Params(StageParams):
    """Parameters of gopher_quality; see the file's docstring."""

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


@njit(cache=True)
def _is_syllable(code: Any) -> bool:
    """Whether a letter is Tibetan, Yi, or a Hangul syllable."""
    return bool(code < 0x1000 or 0xA000 <= code <= 0xA48F or 0xAC00 <= code <= 0xD7A3)


@njit(cache=True)
def _word_facts(data: Any, starts: Any, ends: Any, offsets: Any, index: Any, blocks: Any) -> Any:
    """Of each document: characters of its words, words with a letter, words of short scripts."""
    n = len(offsets) - 1
    chars, alpha, short = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    for row in range(n):
        for k in range(offsets[row], offsets[row + 1]):
            i, end = starts[k], ends[k]
            for j in range(i, end):
                chars[row] += (data[j] & 0xC0) != 0x80
            code, width = decode(data, i, end)
            kind = char_class(code, index, blocks)
            short[row] += kind >= CJK or (kind == LETTER and code >= 0x0F00 and _is_syllable(code))
            while kind < LETTER and i + width < end:
                i += width
                code, width = decode(data, i, end)
                kind = char_class(code, index, blocks)
            alpha[row] += kind >= LETTER
    return chars, alpha, short


@njit(cache=True)
def _symbols(data: Any, offsets: Any) -> Any:
    """Number signs and ellipses of each document."""
    n = len(offsets) - 1
    signs, ellipses = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for row in range(n):
        i, end = offsets[row], offsets[row + 1]
        while i < end:
            b0 = data[i]
            if (b0 == 46 or b0 == 0xE2) and _is_ellipsis(data, i, end):
                ellipses[row] += 1
                i += 3
                continue
            signs[row] += b0 == 35
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
    """Of each document: lines, lines that begin with one of the marks, lines that end in an ellipsis."""
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
    size = 16
    while size < 4 * len(known):
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
    return out


def _stop_words(batch: Batch, words: Spans, stop_words: WordList | dict[str, WordList]) -> tuple[Any, Any]:
    """(stop words of each document int64 (n,), whether it is asked for any bool (n,))."""
    n = len(batch)
    if isinstance(stop_words, dict):
        lists = list(stop_words.values())
        number = {name: k for k, name in enumerate(stop_words)}
        groups = batch[group_column(stop_words) or "lang"].to_pylist()
        group = np.array([number.get(g, number.get("default", -1)) for g in groups], dtype=np.int64)
        asked = group >= 0
    else:
        lists, group = [stop_words], np.zeros(n, dtype=np.int64)
        asked = np.array([lang == "en" for lang in batch["lang"].to_pylist()] if "lang" in batch else [True] * n, dtype=bool)
    every = sorted({word for one in lists for word in one})
    known = Utf8.of_strings(list(every)).lower().hash()
    known, index = np.unique(known, return_inverse=True)
    place = dict(zip(every, index.tolist(), strict=True))
    member = np.zeros((len(lists), len(known)), dtype=bool)
    for k, one in enumerate(lists):
        member[k, [place[word] for word in one]] = True
    return _distinct(words.hashes(lower=True), words.offsets, group, known, member), asked


@stage(
    reads=["text"],
    writes={
        "word_count": pa.int32(), "mean_word_length": pa.float32(), "short_script_fraction": pa.float32(), "hash_ratio": pa.float32(),
        "ellipsis_ratio": pa.float32(), "bullet_line_fraction": pa.float32(), "ellipsis_line_fraction": pa.float32(),
        "alpha_word_fraction": pa.float32(), "stop_word_count": pa.int32(),
    },
    drops=["too_short", "too_long", "mean_word_length", "symbol_ratio", "bullet_lines", "ellipsis_lines", "alpha_words", "stop_words"],
    version=f"1:unicode-{UNICODE_VERSION}",
)  # fmt: skip
def gopher_quality(batch: Batch, params: Params) -> Columns:
    """Return a column for each measure of the docstring (int32 or float32) and drop_reason, one value per document."""
    text, words = batch.utf8(), batch.words()
    count = words.counts()
    chars, alpha, short = _word_facts(text.data, words.starts, words.ends, words.offsets, CLASS_INDEX, CLASS_BLOCKS)
    signs, ellipses = _symbols(text.data, text.offsets)
    marks, lines = Utf8.of_strings(list(params.bullets)), text.lines().trimmed()
    line_count, bullets, ends = _line_facts(text.data, lines.starts, lines.ends, lines.offsets, marks.data, marks.offsets)
    stops, asked = _stop_words(batch, words, params.stop_words)
    # Bounds are compared in double precision: 1 / 10 is not above 0.1 there.
    per_word, per_line = np.maximum(count, 1), np.maximum(line_count, 1)
    length, short_script_fraction, alpha_fraction = chars / per_word, short / per_word, alpha / per_word
    hash_ratio, ellipsis_ratio = signs / per_word, ellipses / per_word
    bullet_fraction, ellipsis_fraction = bullets / per_line, ends / per_line
    bound = batch.per_row
    short_words = below(length, bound(params.min_mean_word_length)) & ~above(short_script_fraction, bound(params.exempt_short_scripts))
    symbols = bound(params.max_symbol_ratio)
    return {
        "word_count": count.astype(np.int32),
        "mean_word_length": length.astype(np.float32),
        "short_script_fraction": short_script_fraction.astype(np.float32),
        "hash_ratio": hash_ratio.astype(np.float32),
        "ellipsis_ratio": ellipsis_ratio.astype(np.float32),
        "bullet_line_fraction": bullet_fraction.astype(np.float32),
        "ellipsis_line_fraction": ellipsis_fraction.astype(np.float32),
        "alpha_word_fraction": alpha_fraction.astype(np.float32),
        "stop_word_count": stops.astype(np.int32),
        "drop_reason": first_true(
            too_short=below(count, bound(params.min_words)),
            too_long=above(count, bound(params.max_words)),
            mean_word_length=short_words | above(length, bound(params.max_mean_word_length)),
            symbol_ratio=above(hash_ratio, symbols) | above(ellipsis_ratio, symbols),
            bullet_lines=above(bullet_fraction, bound(params.max_bullet_line_fraction)),
            ellipsis_lines=above(ellipsis_fraction, bound(params.max_ellipsis_line_fraction)),
            alpha_words=below(alpha_fraction, bound(params.min_alpha_word_fraction)),
            stop_words=below(stops, bound(params.min_stop_words)) & asked,
        ),
    }


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    gopher_quality(pa.table({"text": pa.array(["the end..."], pa.large_string())}))
