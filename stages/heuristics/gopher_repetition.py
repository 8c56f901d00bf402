"""Drop documents that repeat themselves: Gopher's repetition rules.

Source:  Gopher, Rae et al. 2021, appendix A.1.1, "Repetition Removal", table A1: the bounds. How to count is ours where
         they are silent. A line, paragraph or n-gram is a duplicate if the document had it before: the first copy
         is none. The top n-gram is the most frequent one, of equals the longest, of equals the first; it must
         occur twice. A character in several (overlapping) n-grams counts once, so that no share is above 1.
         Lines and paragraphs are compared without white space at their ends, blank lines are none; n-grams are
         of the words of curation/text.py; nothing is put in lower case.
Units:   all are shares, 0 to 1, 0 where there is nothing to share. dup_lines_fraction, dup_paragraphs_fraction = of
         the lines and of the paragraphs. dup_line_chars_fraction, dup_para_chars_fraction = of their characters.
         top_2gram_fraction ... top_4gram_fraction, dup_5gram_fraction ... dup_10gram_fraction = of the characters
         of all words (no marks, no spaces).
Params:  max_dup_lines, max_dup_paragraphs, max_dup_line_chars, max_dup_para_chars; max_top_2gram, max_top_3gram,
         max_top_4gram; max_dup_5gram, max_dup_6gram, max_dup_7gram, max_dup_8gram, max_dup_9gram, max_dup_10gram --
         largest share kept; null = no bound; each may be a map by `lang` or `profile`.
         cjk_word_chars, sea_word_chars -- in a document most of whose words are single characters of Chinese or
         Japanese, or of Thai, Lao, Khmer or Myanmar, an n-gram has n times as many of them: five letters of Thai
         are about one word, and any text repeats that (ours; 1 = an n-gram has n characters).
Drops:   dup_lines, dup_paragraphs, dup_line_chars, dup_para_chars; top_2gram, top_3gram, top_4gram; dup_5gram,
         dup_6gram, dup_7gram, dup_8gram, dup_9gram, dup_10gram.
Errors:  none of its own; an empty text repeats nothing.

What is equal is told by 64-bit hashes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from pydantic import Field

from curation.stage import Batch, Columns, PerGroup, StageParams, above, first_true, stage
from curation.text import CLASS_BLOCKS, CLASS_INDEX, UNICODE_VERSION, Spans, Words, char_class, decode
from curation.unicode_tables import CJK, SEA

TOP, DUP = range(2, 5), range(5, 11)
RULES = (
    "dup_lines", "dup_paragraphs", "dup_line_chars", "dup_para_chars",
    *(f"top_{n}gram" for n in TOP), *(f"dup_{n}gram" for n in DUP),
)  # fmt: skip


class Params(StageParams):
    """Parameters of gopher_repetition; see the file's docstring."""

    max_dup_lines: PerGroup[float | None] = 0.30
    max_dup_paragraphs: PerGroup[float | None] = 0.30
    max_dup_line_chars: PerGroup[float | None] = 0.20
    max_dup_para_chars: PerGroup[float | None] = 0.20
    max_top_2gram: PerGroup[float | None] = 0.20
    max_top_3gram: PerGroup[float | None] = 0.18
    max_top_4gram: PerGroup[float | None] = 0.16
    max_dup_5gram: PerGroup[float | None] = 0.15
    max_dup_6gram: PerGroup[float | None] = 0.14
    max_dup_7gram: PerGroup[float | None] = 0.13
    max_dup_8gram: PerGroup[float | None] = 0.12
    max_dup_9gram: PerGroup[float | None] = 0.11
    max_dup_10gram: PerGroup[float | None] = 0.10
    cjk_word_chars: int = Field(2, ge=1)
    sea_word_chars: int = Field(4, ge=1)


# One hash table serves all documents of a batch and is never cleared: a slot holds 1 + the number of a
# hash within the batch, and these only grow, so a slot left by an earlier document is known by its number.


@njit(cache=True)
def _size(offsets: Any) -> Any:
    """Slots for the longest document: a power of two, at least half of them free."""
    size, most = 16, 0
    for row in range(len(offsets) - 1):
        most = max(most, offsets[row + 1] - offsets[row])
    while size < 2 * most:
        size *= 2
    return size


@njit(cache=True)
def _small(count: Any) -> Any:
    """Mask of the part of the table that a document with `count` hashes uses."""
    size = 16
    while size < 2 * count:
        size *= 2
    return size - 1


@njit(cache=True)
def _slot(hashes: Any, k: Any, first: Any, slots: Any, mask: Any) -> Any:
    """Slot that holds hash k of the document whose hashes begin at `first`, or a free one."""
    at = np.int64(hashes[k] & np.uint64(mask))
    while slots[at] > first and hashes[slots[at] - 1] != hashes[k]:
        at = (at + 1) & mask
    return at


@njit(cache=True)
def _duplicates(hashes: Any, weights: Any, offsets: Any) -> Any:
    """Of each document: parts, parts seen before; weight of the parts, of those seen before."""
    n = len(offsets) - 1
    out = np.zeros((4, n), np.int64)
    slots = np.zeros(_size(offsets), np.int64)
    for row in range(n):
        first, end = offsets[row], offsets[row + 1]
        mask = _small(end - first)
        for k in range(first, end):
            at = _slot(hashes, k, first, slots, mask)
            out[0, row] += 1
            out[2, row] += weights[k]
            if slots[at] > first:
                out[1, row] += 1
                out[3, row] += weights[k]
            else:
                slots[at] = k + 1
    return out


@njit(cache=True)
def _top(hashes: Any, offsets: Any, words: Any, ends: Any, n: Any) -> Any:
    """Characters in the top n-gram of each document.

    hashes, offsets: of the n-grams. words: int64 (documents + 1,), offsets of the words.
    ends: int64 (all words + 1,), characters before each word.
    """
    rows = len(offsets) - 1
    out = np.zeros(rows, np.int64)
    slots = np.zeros(_size(offsets), np.int64)
    counts = np.zeros(len(slots), np.int64)
    for row in range(rows):
        first, end = offsets[row], offsets[row + 1]
        mask, shift = _small(end - first), words[row] - first
        most = 1
        for k in range(first, end):
            at = _slot(hashes, k, first, slots, mask)
            if slots[at] <= first:
                slots[at] = k + 1
                counts[at] = 0
            counts[at] += 1
            most = max(most, counts[at])
        if most == 1:
            continue
        best, longest = first, np.int64(-1)
        for k in range(first, end):
            at = _slot(hashes, k, first, slots, mask)
            size = ends[k + shift + n] - ends[k + shift]
            if counts[at] == most and size > longest:
                best, longest = k, size
        covered = np.int64(0)  # words before it are counted
        for k in range(best, end):
            if hashes[k] == hashes[best]:
                word = k + shift
                out[row] += ends[word + n] - ends[max(word, covered)]
                covered = word + n
    return out


@njit(cache=True)
def _repeated(hashes: Any, offsets: Any, words: Any, ends: Any, n: Any) -> Any:
    """Characters in n-grams seen before, of each document; arguments as for `_top`."""
    rows = len(offsets) - 1
    out = np.zeros(rows, np.int64)
    slots = np.zeros(_size(offsets), np.int64)
    for row in range(rows):
        first, end = offsets[row], offsets[row + 1]
        mask, shift = _small(end - first), words[row] - first
        covered = np.int64(0)
        for k in range(first, end):
            at = _slot(hashes, k, first, slots, mask)
            if slots[at] > first:
                word = k + shift
                out[row] += ends[word + n] - ends[max(word, covered)]
                covered = word + n
            else:
                slots[at] = k + 1
    return out


@njit(cache=True)
def _unspaced(data: Any, starts: Any, ends: Any, offsets: Any, index: Any, blocks: Any) -> Any:
    """Of each document: words that are a character of Chinese or Japanese; of Thai, Lao, Khmer or Myanmar."""
    n = len(offsets) - 1
    cjk, sea = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for row in range(n):
        for k in range(offsets[row], offsets[row + 1]):
            if data[starts[k]] >= 0xE0:  # all these scripts lie beyond two bytes
                kind = char_class(decode(data, starts[k], ends[k])[0], index, blocks)
                cjk[row] += kind == CJK
                sea[row] += kind == SEA
    return cjk, sea


def _by_script(words: Words, params: Params) -> Iterator[tuple[Spans, int]]:
    """Words of the documents of each kind of script, with the number of them that makes a word of the language."""
    cjk, sea = _unspaced(words.text.data, words.starts, words.ends, words.offsets, CLASS_INDEX, CLASS_BLOCKS)
    half = words.counts() / 2
    times = np.where(cjk > half, params.cjk_word_chars, np.where(sea > half, params.sea_word_chars, 1))
    for one in np.unique(times).tolist():
        of_kind = times == one
        yield words if of_kind.all() else words.where(np.repeat(of_kind, words.counts())), one


def _shares(parts: Spans) -> tuple[Any, Any]:
    """Shares of parts, and of characters in parts, that the document had before: float64 (n,) each."""
    all_, again, chars, chars_again = _duplicates(parts.hashes(), parts.chars(), parts.offsets)
    return again / np.maximum(all_, 1), chars_again / np.maximum(chars, 1)


@stage(
    reads=["text"], writes={f"{rule}_fraction": pa.float32() for rule in RULES}, drops=RULES,
    version=f"1:unicode-{UNICODE_VERSION}",
)  # fmt: skip
def gopher_repetition(batch: Batch, params: Params) -> Columns:
    """Return a share (float32) for each rule and drop_reason, one value per document."""
    text = batch.utf8()
    lines = text.lines().trimmed()
    share = {rule: np.zeros(len(batch)) for rule in RULES}
    share["dup_lines"], share["dup_line_chars"] = _shares(lines.where(lines.ends > lines.starts))
    share["dup_paragraphs"], share["dup_para_chars"] = _shares(text.paragraphs())
    for words, times in _by_script(batch.words(), params):
        ends = np.concatenate(([0], np.cumsum(words.chars(), dtype=np.int64)))
        chars = np.maximum(np.diff(ends[words.offsets]), 1)
        for n in (*TOP, *DUP):
            hashes, offsets = words.ngram_hashes(n * times)
            rule, measure = (f"top_{n}gram", _top) if n in TOP else (f"dup_{n}gram", _repeated)
            share[rule] += measure(hashes, offsets, words.offsets, ends, n * times) / chars
    over = {rule: above(share[rule], batch.per_row(getattr(params, f"max_{rule}"))) for rule in RULES}
    columns: dict[str, Any] = {f"{rule}_fraction": share[rule].astype(np.float32) for rule in RULES}
    return columns | {"drop_reason": first_true(**over)}


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    gopher_repetition(pa.table({"text": pa.array(["a b a b\n\nc"], pa.large_string())}))
