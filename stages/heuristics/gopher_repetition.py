"""Drop documents that repeat themselves: Gopher's repetition rules.

Source:  Gopher, Rae et al. 2021, appendix A.1.1, "Repetition Removal", table A1: the bounds. A line, paragraph or n-gram
         is a duplicate if the document had it before: the first copy is none. The top n-gram is the most frequent one.
         `paper`: where it is silent, ours. Of equally frequent n-grams the longest is the top one, of equals the first; it must
         occur twice. A character in several (overlapping) n-grams counts once, so that no share is above 1.
         Lines and paragraphs are compared without white space at their ends, blank lines are none; n-grams are
         of the words of curation/text.py; nothing is put in lower case.
         `datatrove`: GopherRepetitionFilter of datatrove 0.10 (FineWeb). All shares are of the characters of the text, marks and
         white space included; only line feeds end lines, and two paragraphs; a text that begins and ends with one has two equal
         empty lines. The top n-gram is the first of the most frequent, spaces between its words and overlaps count,
         and it need not occur twice: a text of few words fails by its length. In 5- to 10-grams the search goes on
         behind a duplicate, and words are compared run together. Paragraphs are judged before lines; an empty text is dropped.
Units:   all are shares, 0 to 1 (in datatrove, the top n-gram may pass 1), 0 where there is nothing to share.
         dup_lines_fraction, dup_paragraphs_fraction = of the lines and of the paragraphs. dup_line_chars_fraction,
         dup_para_chars_fraction = of their characters. top_2gram_fraction ... top_4gram_fraction, dup_5gram_fraction ...
         dup_10gram_fraction = of the characters of all words (no marks, no spaces). In datatrove an empty text has none: null.
Params:  variant -- paper or datatrove: how things are counted (see Source); the bounds are the same.
         max_dup_lines, max_dup_paragraphs, max_dup_line_chars, max_dup_para_chars; max_top_2gram, max_top_3gram,
         max_top_4gram; max_dup_5gram, max_dup_6gram, max_dup_7gram, max_dup_8gram, max_dup_9gram, max_dup_10gram --
         largest share kept; null = no bound; each may be a map by `lang` or `profile`.
         cjk_word_chars, sea_word_chars -- in a document most of whose words are single characters of Chinese or
         Japanese, or of Thai, Lao, Khmer or Myanmar, an n-gram has n times as many of them: five letters of Thai
         are about one word, and any text repeats that (ours; 1 = an n-gram has n characters, as always in datatrove).
Drops:   dup_lines, dup_paragraphs, dup_line_chars, dup_para_chars; top_2gram, top_3gram, top_4gram; dup_5gram,
         dup_6gram, dup_7gram, dup_8gram, dup_9gram, dup_10gram; empty (datatrove).
Errors:  none of its own; in paper an empty text repeats nothing.

What is equal is told by 64-bit hashes.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numba import njit
from pydantic import Field

from curation.rules import AnyRule, Bound, Rule
from curation.stage import Batch, Columns, PerGroup, StageParams, stage
from curation.text import CLASS_BLOCKS, CLASS_INDEX, UNICODE_VERSION, Spans, Utf8, Words, char_class, decode, hash_bytes, load64
from curation.unicode_tables import CJK, SEA
from stages.heuristics.duplicates import duplicates, slots_for

TOP, DUP = range(2, 5), range(5, 11)
PARTS = ("dup_lines", "dup_paragraphs", "dup_line_chars", "dup_para_chars")
GRAMS = (*(f"top_{n}gram" for n in TOP), *(f"dup_{n}gram" for n in DUP))
SHARES = (*PARTS, *GRAMS)
DATATROVE_ORDER = ("dup_paragraphs", "dup_para_chars", "dup_lines", "dup_line_chars", *GRAMS)
EMPTY = Rule("empty", ("dup_lines_fraction",), lambda batch, params: batch["dup_lines_fraction"].is_null(), "dup_lines_fraction is null")
BOUNDS = {share: Bound(share, f"{share}_fraction", most=f"max_{share}") for share in SHARES}
RULES: dict[str, tuple[AnyRule, ...]] = {
    "paper": tuple(BOUNDS.values()), "datatrove": (EMPTY, *(BOUNDS[share] for share in DATATROVE_ORDER)),
}  # fmt: skip


class Params(StageParams):
    """Parameters of gopher_repetition; see the file's docstring."""

    variant: Literal["paper", "datatrove"] = "paper"
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


# An n-gram can only occur twice if its shorter n-grams do. So all 2-grams of a document are looked up, and from
# then on only the places whose n-gram occurs twice: of ordinary text a fifth, and soon none. At such a place `name`
# holds where that n-gram occurs first, at all others -1; a longer n-gram is known by the names of two that it consists of.
# The slots of the hash table are never cleared: they hold numbers above `base` only if they are of this document and this n.

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True)
def _place(key: Any, k: Any, base: Any, keys: Any, slots: Any, mask: Any) -> Any:
    """Where this key occurs first, k if nowhere before."""
    keys[k] = key
    at = np.int64((key * _SPREAD) >> np.uint64(32)) & mask
    while slots[at] > base:
        first = slots[at] - base - 1
        if keys[first] == key:
            return first
        at = (at + 1) & mask
    slots[at] = base + k + 1
    return k


@njit(cache=True)
def _twice(places: Any, m: Any, name: Any, count: Any) -> Any:
    """Keep those of places[:m] whose name is that of two. Returns: how many."""
    kept = 0
    for j in range(m):
        k = places[j]
        places[kept] = k
        if count[name[k]] > 1:
            kept += 1
        else:
            name[k] = -1
    return kept


@njit(cache=True)
def _two_grams(hashes: Any, first: Any, n: Any, base: Any, room: Any) -> Any:
    """Fill places and names for the 2-grams of hashes[first : first + n]. Returns: how many places."""
    places, name, count, keys, slots = room
    mask = slots_for(n) - 1
    for k in range(n - 1):
        one = _place(hashes[first + k] * _SPREAD + hashes[first + k + 1], k, base, keys, slots, mask)
        name[k] = one
        if one == k:
            count[k] = 1
        else:
            count[one] += 1
        places[k] = k
    name[n - 1] = -1
    return _twice(places, n - 1, name, count)


@njit(cache=True)
def _longer(m: Any, size: Any, longer: Any, n: Any, base: Any, room: Any) -> Any:
    """From the n-grams of `size` words to those of `longer`, at most twice as many. Returns: how many places."""
    places, name, count, keys, slots = room
    mask, more, kept = slots_for(m) - 1, longer - size, 0
    for j in range(m):
        k = places[j]
        if k + longer <= n and name[k + more] >= 0:
            one = _place(np.uint64(name[k]) << np.uint64(32) | np.uint64(name[k + more]), k, base, keys, slots, mask)
            name[k] = one
            if one == k:
                count[k] = 1
            else:
                count[one] += 1
            places[kept] = k
            kept += 1
        else:
            name[k] = -1
    return _twice(places, kept, name, count)


@njit(cache=True)
def _room(offsets: Any) -> Any:
    """Arrays for the document with most words: places, name, count, keys, slots."""
    most = np.int64(1)
    for row in range(len(offsets) - 1):
        most = max(most, offsets[row + 1] - offsets[row])
    ints = np.empty(most, np.int64)
    return ints, np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.uint64), np.zeros(slots_for(most), np.int64)


@njit(cache=True)
def _top(m: Any, size: Any, before: Any, room: Any) -> Any:
    """Characters in the top n-gram: most frequent, then longest, then first."""
    places, name, count = room[0], room[1], room[2]
    best, most, longest = np.int64(-1), np.int64(0), np.int64(0)
    for j in range(m):
        k = places[j]
        if name[k] == k:
            chars = before[k + size] - before[k]
            if count[k] > most or (count[k] == most and chars > longest):
                best, most, longest = k, count[k], chars
    chars, covered = np.int64(0), np.int64(0)  # words before `covered` are counted
    for j in range(m):
        k = places[j]
        if name[k] == best:
            chars += before[k + size] - before[max(k, covered)]
            covered = k + size
    return chars


@njit(cache=True)
def _repeated(m: Any, size: Any, before: Any, room: Any) -> Any:
    """Characters in n-grams that were there before."""
    places, name = room[0], room[1]
    chars, covered = np.int64(0), np.int64(0)
    for j in range(m):
        k = places[j]
        if name[k] != k:
            chars += before[k + size] - before[max(k, covered)]
            covered = k + size
    return chars


@njit(cache=True)
def _paper_grams(hashes: Any, chars: Any, offsets: Any, times: Any) -> Any:
    """Characters of each document in the top n-gram (n = 2, 3, 4) and in repeated ones (5 to 10), and of all its words.

    hashes, chars: of the words. times: int64 (rows,), words of the text that make one of an n-gram. Returns int64 (10, rows).
    """
    rows = len(offsets) - 1
    out = np.zeros((10, rows), np.int64)
    room = _room(offsets)
    before = np.zeros(len(room[0]) + 1, np.int64)  # characters before each word
    base = np.int64(0)
    for row in range(rows):
        first, n = offsets[row], offsets[row + 1] - offsets[row]
        for k in range(n):
            before[k + 1] = before[k] + chars[first + k]
        out[9, row] = before[n]
        if n < 3:
            continue
        m, size = _two_grams(hashes, first, n, base, room), 2
        base += n
        for gram in range(2, 11):
            while size < gram * times[row] and m > 0:
                longer = min(2 * size, gram * times[row])
                m, size = _longer(m, size, longer, n, base, room), longer
                base += n
            if m == 0:
                break
            out[gram - 2, row] = _top(m, size, before, room) if gram < 5 else _repeated(m, size, before, room)
    return out


@njit(cache=True)
def _run_together(data: Any, starts: Any, ends: Any, joined: Any, at: Any) -> Any:
    """Write words one behind the other, and where each begins to at[0 ...]."""
    size = np.int64(0)
    for k in range(len(starts)):
        at[k] = size
        for i in range(starts[k], ends[k]):
            joined[size] = data[i]
            size += 1
    at[len(starts)] = size
    joined[size : size + 8] = 0


@njit(cache=True)
def _datatrove_top(m: Any, size: Any, n: Any, before: Any, room: Any) -> Any:
    """Characters of the first of the most frequent n-grams with spaces between its words, times how often it occurs."""
    places, name, count = room[0], room[1], room[2]
    best, most = np.int64(0), np.int64(1)
    for j in range(m):
        k = places[j]
        if name[k] == k and count[k] > most:
            best, most = k, count[k]
    return (before[best + size] - before[best] + size - 1) * most if n >= size else np.int64(0)


@njit(cache=True)
def _datatrove_grams(data: Any, starts: Any, ends: Any, hashes: Any, chars: Any, offsets: Any) -> Any:
    """As `_paper_grams` in the first nine rows.

    Words run together may be equal where the words are not, so that 5-grams are not found among 4-grams. But equal
    ones begin with the same eight bytes, unless they have fewer: only such places are looked up.
    """
    rows = len(offsets) - 1
    out = np.zeros((9, rows), np.int64)
    room = _room(offsets)
    places, name, count, keys, slots = room
    most_bytes = np.int64(0)
    for row in range(rows):
        if offsets[row + 1] > offsets[row]:
            most_bytes = max(most_bytes, ends[offsets[row + 1] - 1] - starts[offsets[row]])
    joined = np.zeros(most_bytes + 8, np.uint8)
    before, at = np.zeros(len(places) + 1, np.int64), np.zeros(len(places) + 1, np.int64)
    base = np.int64(0)
    for row in range(rows):
        first, n = offsets[row], offsets[row + 1] - offsets[row]
        for k in range(n):
            before[k + 1] = before[k] + chars[first + k]
        if n < 2:
            continue
        m = _two_grams(hashes, first, n, base, room)
        base += n
        for size in range(2, 5):
            if size > 2 and m > 0:
                m = _longer(m, size - 1, size, n, base, room)
                base += n
            out[size - 2, row] = _datatrove_top(m, size, n, before, room)
        if n < 5:
            continue
        _run_together(data, starts[first : first + n], ends[first : first + n], joined, at)
        mask = slots_for(n) - 1
        for k in range(n - 4):
            one = _place(load64(joined, at[k]), k, base, keys, slots, mask)
            name[k] = one
            if one == k:
                count[k] = 1
            else:
                count[one] += 1
        base += n
        m = 0
        for k in range(n - 4):
            if count[name[k]] > 1 or at[k + 5] - at[k] < 8:
                places[m] = k
                m += 1
        for size in range(5, 11):
            free = 0  # where the search goes on
            for j in range(m):
                k = places[j]
                if k < free or k + size > n:
                    continue
                if _place(hash_bytes(joined, at[k], at[k + size]), k, base, keys, slots, mask) != k:
                    out[size - 2, row] += before[k + size] - before[k]
                    free = k + size
            base += n
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


@njit(cache=True)
def _lf_paragraphs(data: Any, starts: Any, ends: Any) -> Any:
    """What two or more line feeds part each of the texts data[starts:ends] into: starts, ends, offsets."""
    rows = len(starts)
    counts = np.zeros(rows + 1, np.int64)
    total = np.int64(0)
    for row in range(rows):
        total += (ends[row] - starts[row]) // 3 + 1
    new_starts, new_ends = np.empty(total, np.int64), np.empty(total, np.int64)
    m = np.int64(0)
    for row in range(rows):
        i, end, begin = starts[row], ends[row], starts[row]
        while i < end:
            if data[i] != 10 or data[i + 1] != 10:  # a text without white space at its ends does not end in a line feed
                i += 1
                continue
            new_starts[m], new_ends[m] = begin, i
            m += 1
            while data[i] == 10:
                i += 1
            begin = i
        new_starts[m], new_ends[m] = begin, end
        m += 1
        counts[row + 1] = m
    return new_starts[:m], new_ends[:m], counts


def _paper(batch: Batch, params: Params) -> dict[str, Any]:
    """Share of each rule: float64 (n,)."""
    text, words = batch.utf8(), batch.words()
    lines = text.lines().trimmed()
    share = _parts(duplicates(lines.where(lines.ends > lines.starts)), duplicates(text.paragraphs()))
    grams = _paper_grams(words.hashes(), words.chars(), words.offsets, _times(words, params))
    return share | dict(zip(GRAMS, grams[:9] / np.maximum(grams[9], 1), strict=True))


def _parts(lines: Any, paragraphs: Any) -> dict[str, Any]:
    shares = [counts[k + 1] / np.maximum(counts[k], 1) for k in (0, 2) for counts in (lines, paragraphs)]
    return dict(zip(PARTS, shares, strict=True))


def _times(words: Words, params: Params) -> Any:
    """How many words of each document make one word of its language: int64 (n,)."""
    cjk, sea = _unspaced(words.text.data, words.starts, words.ends, words.offsets, CLASS_INDEX, CLASS_BLOCKS)
    half = words.counts() / 2
    return np.where(cjk > half, params.cjk_word_chars, np.where(sea > half, params.sea_word_chars, 1))


def _datatrove(batch: Batch) -> dict[str, Any]:
    """Share of each rule: float64 (n,)."""
    text, words = batch.utf8(), batch.words()
    data, chars = text.data, text.chars_per_row()
    lines = text.lines("lf")
    line_counts = duplicates(lines.where(lines.ends > lines.starts))
    empty = [_is_lf(text, text.offsets[:-1]), _is_lf(text, text.offsets[1:] - 1)]  # a line before the first, behind the last
    line_counts[0] += empty[0].astype(np.int64) + empty[1]
    line_counts[1] += empty[0] & empty[1]
    whole = Spans(text, text.offsets[:-1], text.offsets[1:], np.arange(len(text) + 1)).trimmed()
    paragraph_counts = duplicates(Spans(text, *_lf_paragraphs(data, whole.starts, whole.ends)))
    line_counts[2] = paragraph_counts[2] = chars
    grams = _datatrove_grams(data, words.starts, words.ends, words.hashes(), words.chars(), words.offsets)
    return _parts(line_counts, paragraph_counts) | dict(zip(GRAMS, grams / np.maximum(chars, 1), strict=True))


def _is_lf(text: Utf8, at: Any) -> Any:
    """Whether a byte of each document is a line feed: bool (n,); of an empty one none is."""
    out = np.zeros(len(text), dtype=bool)
    some = text.bytes_per_row() > 0
    out[some] = text.data[at[some]] == 10
    return out


@stage(
    reads=["text"], writes={f"{share}_fraction": pa.float32() for share in SHARES}, drops=(*SHARES, "empty"),
    rules=lambda params: RULES[params.variant], version=f"3:unicode-{UNICODE_VERSION}",
)  # fmt: skip
def gopher_repetition(batch: Batch, params: Params) -> Columns:
    """Return a share (float32) for each bound, one value per document."""
    if params.variant == "paper":
        return {f"{name}_fraction": share.astype(np.float32) for name, share in _paper(batch, params).items()}
    empty = batch.utf8().bytes_per_row() == 0
    return {f"{name}_fraction": pa.array(share.astype(np.float32), mask=empty) for name, share in _datatrove(batch).items()}


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    table = pa.table({"text": pa.array(["a b a b\n\nc"], pa.large_string())})
    gopher_repetition(table)
    gopher_repetition(table, variant="datatrove")
