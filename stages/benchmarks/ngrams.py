"""The n-grams of benchmark items, and where documents have them.

Every n words in a row of a part (what an item asks, or an answer) are an n-gram; what is asked in `least` to n - 1 words is one as a
whole. Equal ones are one, called by where its first copy begins (a word of the items' text). A part that is shorter, and an n-gram with
too few proper words (of two letters or more; a character that is a word is one), are not looked for.

A document's n-grams are looked up by a rolling hash: in a filter of FILTER_BITS bits an n-gram, of which one word of 64 bits is
read and most n-grams of most documents are not in; then in a table of slots. What has the hash there is compared word by word,
character by character, so that a hit is no accident. Questions shorter than n are looked up behind a filter of their first `least`
words. So a word of a document costs the same whatever it is, and no benchmark, however its items begin, makes it cost more than n -
least look-ups more.

Memory: of a word of the items some 25 to 35 bytes, and their text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from curation.text import Utf8, mix64
from stages.benchmarks.items import Items
from stages.benchmarks.words import ALONE, BASE, LETTER, QUARTER, WHOLE, made_of, room, same_word, tables, words_of

MAX_N = 60
"""Words in an n-gram at most: what a look-up may compare."""
FILTER_BITS = 16
"""Bits of the filter an n-gram, three of them set: some 4 in 1,000 of other n-grams pass."""
NO_GRAM = (1 << 32) - 1
MOST_HOLDERS = 100
"""Parts that an n-gram is counted for; of one that more have, only the first."""
_I: Any = np.int64
_U: Any = np.uint64


@dataclass(frozen=True)
class Copies:
    """N-grams that further parts have; parts of a benchmark with the same n-grams are one, the first.

    grams: int64 (k,), ascending; parts: int64 (k,), a further part that has each. shared: int64, ascending, n-grams of two or more items
    of a benchmark. counts: int64 (parts,), n-grams of each part.
    """

    grams: Any
    parts: Any
    shared: Any
    counts: Any


@dataclass(frozen=True)
class Found:
    """N-grams of benchmarks in documents: k hits, document by document in the order they stand.

    offsets: int64 (documents + 1,). grams: uint32 (k,). starts, ends: int64 (k,), bytes of the document's text, from its beginning.
    """

    offsets: Any
    grams: Any
    starts: Any
    ends: Any


@dataclass(frozen=True)
class Index:
    """The n-grams of some items.

    n, least: see above. starts, ends: uint32 (words,), of the words of the items' text. parts: int64 (parts + 1,), words of each part.
    sizes: uint8 (words,), words of the n-gram that begins at a word, 0 for none; first: uint32 (words,), the word its first copy begins at.
    slots: uint64, 1 + the word, and above it the upper half of the hash; 0 in a free one. filter, openings: uint64, see `_passes`.
    """

    items: Items
    n: int
    least: int
    starts: Any
    ends: Any
    parts: Any
    sizes: Any
    first: Any
    slots: Any
    filter: Any
    openings: Any

    @staticmethod
    def of(items: Items, n: int, least: int, proper: int) -> Index:
        """The index of n-grams with at least `proper` proper words.

        Args:
            least: words of the shortest question that is looked for as a whole; n: none is.
        Raises: ValueError if the items are too much text.
        """
        if items.offsets[-1] >= NO_GRAM:
            raise ValueError(f"the benchmarks have {items.offsets[-1]:,} bytes of text; {NO_GRAM:,} are too much")
        starts, ends, sums, weights, parts = _words(items.data, items.offsets, *tables())
        good = _proper(items.data, starts, ends, *tables())
        sizes, shorter = _sizes(parts, good, weights, items.asked, n, least, proper)
        grams, short = int(np.count_nonzero(sizes)), int(np.count_nonzero(shorter))
        slots = np.zeros(_power(4 * grams // 3 + 2), np.uint64)
        filter_ = np.zeros(_power(FILTER_BITS * grams // 64 + 1), np.uint64)
        openings = np.zeros(_power(FILTER_BITS * short // 64 + 1) if short else 0, np.uint64)
        first = _fill(items.data, starts, ends, sums, sizes, shorter, n, least, slots, filter_, openings, *tables())
        return Index(items, n, least, starts, ends, parts, sizes, first, slots, filter_, openings)

    def find(self, text: Utf8) -> Found:
        """The n-grams that documents have."""
        return Found(*_find(
            text.data, text.offsets, self.items.data, self.starts, self.ends, self.sizes, self.n, self.least,
            self.slots, self.filter, self.openings, *tables(),
        ))  # fmt: skip

    def items_of(self, words: Any) -> Any:
        """Item of each word of the items' text: int64 (k,)."""
        return np.searchsorted(self.items.parts, self.parts_of(words), "right") - 1

    def parts_of(self, words: Any) -> Any:
        """Part of each word of the items' text: int64 (k,)."""
        return np.searchsorted(self.parts, words, "right") - 1

    @cached_property
    def long_enough(self) -> Any:
        """Whether a part has any n-gram: bool (parts,)."""
        has = np.zeros(len(self.parts) - 1, bool)
        has[self.parts_of(np.flatnonzero(self.sizes))] = True
        return has

    @cached_property
    def words_per_item(self) -> tuple[Any, Any]:
        """Words of each item in parts that have an n-gram, and in the others: int64 (items,) each."""
        words = np.diff(self.parts)
        totals = (np.concatenate(([0], np.cumsum(np.where(kept, words, 0)))) for kept in (self.long_enough, ~self.long_enough))
        long, short = (np.diff(total[self.items.parts]) for total in totals)
        return long, short

    @cached_property
    def copies(self) -> Copies:
        """See Copies."""
        hashes, counts = _of_parts(self.parts, self.sizes, self.first)
        held = np.flatnonzero(self.long_enough)
        item_of = np.searchsorted(self.items.parts, np.arange(len(counts)), "right") - 1
        keys = hashes[held] + self.items.benchmark_of(item_of[held]).astype(np.uint64) * BASE
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        one = np.arange(len(counts))
        one[held] = held[first[inverse]]
        words = np.flatnonzero((self.sizes > 0) & (self.first != np.arange(len(self.first), dtype=np.uint32)))
        pairs = np.unique((self.first[words].astype(np.int64) << 32) | one[self.parts_of(words)])
        grams, parts = pairs >> 32, pairs & NO_GRAM
        further = parts != self.parts_of(grams)
        grams, parts = grams[further], parts[further]
        each, times = np.unique(grams, return_counts=True)
        items = item_of[np.concatenate((self.parts_of(each), parts))]
        pairs = np.unique((np.concatenate((each, grams)) << 32) | items)
        of, benchmarks = pairs >> 32, self.items.benchmark_of(pairs & NO_GRAM)
        shared = np.unique(of[1:][(of[1:] == of[:-1]) & (benchmarks[1:] == benchmarks[:-1])])
        few = np.repeat(times < MOST_HOLDERS, times)
        grams, parts = grams[few], parts[few]
        return Copies(grams, parts, shared, counts + np.bincount(parts, minlength=len(counts)))

    def holders(self, grams: Any) -> tuple[Any, Any]:
        """Parts that have some n-grams: (ordinal of the n-gram, part), int64 (m,) each."""
        first, last = (np.searchsorted(self.copies.grams, grams, side) for side in ("left", "right"))
        more = last - first
        at = np.repeat(np.arange(len(grams)), more)
        further = np.arange(more.sum()) + np.repeat(first - np.cumsum(more) + more, more)
        return np.concatenate((np.arange(len(grams)), at)), np.concatenate((self.parts_of(grams), self.copies.parts[further]))

    def shared(self, grams: Any) -> Any:
        """Whether two or more items of a benchmark have an n-gram: bool (k,)."""
        return within(self.copies.shared, grams)

    def items_with(self, grams: Any) -> Any:
        """Items that have any of some n-grams, in order: int64 (k,)."""
        seen = np.zeros(len(self.sizes), bool)
        seen[grams] = True
        words = np.flatnonzero(self.sizes)
        return np.unique(self.items_of(words[seen[self.first[words]]]))

    def covered(self, grams: Any) -> Any:
        """Words of each item that are in any of some n-grams: int64 (items,)."""
        seen = np.zeros(len(self.sizes), bool)
        seen[grams] = True
        words = np.flatnonzero(self.sizes)
        words = words[seen[self.first[words]]]
        steps = np.zeros(len(self.sizes) + 1, np.int64)
        np.add.at(steps, words, 1)
        np.add.at(steps, words + self.sizes[words], -1)
        total = np.concatenate(([0], np.cumsum(np.cumsum(steps[:-1]) > 0)))
        return np.diff(total[self.parts[self.items.parts]])

    def looked_for(self) -> Any:
        """Whether an item has any n-gram: bool (items,)."""
        has = np.zeros(len(self.items.ids), bool)
        has[self.items_of(np.flatnonzero(self.sizes))] = True
        return has

    def text(self, gram: int) -> str:
        """An n-gram as its item has it, white space as one space."""
        last = gram + int(self.sizes[gram]) - 1
        return " ".join(bytes(self.items.data[self.starts[gram] : self.ends[last]]).decode("utf-8", "replace").split())


def within(known: Any, values: Any) -> Any:
    """Whether values are among some that ascend: bool (k,)."""
    if not len(known):
        return np.zeros(len(values), bool)
    return known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values


def _power(least: int) -> int:
    """The power of two that is at least so much."""
    return 1 << max(0, least - 1).bit_length()


@njit(cache=True, nogil=True)
def _words(data: Any, offsets: Any, index: Any, blocks: Any, keys: Any, letters: Any) -> Any:
    """Words of the parts: starts and ends uint32, the polynomial uint64 (words + 1,), weights uint8; and the words of each part."""
    parts = np.zeros(len(offsets), np.int64)
    size = offsets[-1] // 4 + 16
    starts, ends, sums, weights = np.empty(size, np.uint32), np.empty(size, np.uint32), np.zeros(size, np.uint64), np.empty(size, np.uint8)
    m = _I(0)
    for part in range(len(offsets) - 1):
        i, end = offsets[part], offsets[part + 1]
        starts, ends = room(starts, m, end - i), room(ends, m, end - i)
        sums, weights = room(sums, m + 1, end - i), room(weights, m, end - i)
        m = _I(words_of(data, i, end, starts, ends, sums, weights, m, index, blocks, keys, letters))
        parts[part + 1] = m
    return starts[:m].copy(), ends[:m].copy(), sums[: m + 1].copy(), weights[:m].copy(), parts


@njit(cache=True, nogil=True)
def _proper(data: Any, starts: Any, ends: Any, index: Any, blocks: Any, keys: Any, letters: Any) -> Any:
    """Which words are proper: bool (words,)."""
    proper = np.zeros(len(starts), np.bool_)
    for k in range(len(starts)):
        kind, chars = made_of(data, _I(starts[k]), _I(ends[k]), index, blocks, keys, letters)
        proper[k] = kind == QUARTER or (kind == ALONE and data[starts[k]] != 92) or (kind == LETTER and chars >= 2)
    return proper


@njit(cache=True, nogil=True)
def _sizes(parts: Any, proper: Any, weights: Any, asked: Any, n: Any, least: Any, most_proper: Any) -> Any:
    """Words of the n-gram that begins at each word and is looked for, uint8 (words,), and whether it is a whole question, bool (words,)."""
    sizes, shorter = np.zeros(parts[-1], np.uint8), np.zeros(parts[-1], np.bool_)
    for part in range(len(parts) - 1):
        first, last = parts[part], parts[part + 1]
        end, weight, held = first, _I(0), _I(0)  # of the n-gram from `begin` on
        for begin in range(first, last):
            while end < last and weight < n * WHOLE:
                weight += weights[end]
                held += proper[end]
                end += 1
            whole = begin == first and asked[part] and least * WHOLE <= weight < n * WHOLE
            if (weight >= n * WHOLE or whole) and held >= min(most_proper, end - begin):
                sizes[begin], shorter[begin] = end - begin, whole
            if weight < n * WHOLE:
                break
            weight -= weights[begin]
            held -= proper[begin]
    return sizes, shorter


@njit(cache=True, nogil=True)
def _of_parts(parts: Any, sizes: Any, first: Any) -> Any:
    """Of each part: a hash of its n-grams uint64, and how many of them are the first copies int64."""
    hashes, counts = np.zeros(len(parts) - 1, np.uint64), np.zeros(len(parts) - 1, np.int64)
    for part in range(len(parts) - 1):
        for k in range(parts[part], parts[part + 1]):
            if sizes[k] > 0:
                hashes[part] = mix64(hashes[part], _U(first[k]))
                counts[part] += _I(first[k]) == k
    return hashes, counts


@njit(cache=True, nogil=True, inline="always")
def _hash(sums: Any, k: Any, length: Any, power: Any) -> Any:
    """Hash of the `length` words from k on; power: BASE ** length."""
    return mix64(sums[k + length] - sums[k] * power, _U(length))


@njit(cache=True, nogil=True, inline="always")
def _bits(hash_: Any) -> Any:
    one = _U(1)
    return (one << (hash_ & _U(63))) | (one << ((hash_ >> _U(6)) & _U(63))) | (one << ((hash_ >> _U(12)) & _U(63)))


@njit(cache=True, nogil=True, inline="always")
def _block(hash_: Any, filter_: Any) -> Any:
    return _I((hash_ >> _U(18)) & _U(len(filter_) - 1))


@njit(cache=True, nogil=True, inline="always")
def _passes(hash_: Any, filter_: Any) -> Any:
    """Whether the three bits of a hash are set in its word of a filter."""
    bits = _bits(hash_)
    return filter_[_block(hash_, filter_)] & bits == bits


@njit(cache=True, nogil=True)
def _slot(
    hash_: Any, length: Any, data: Any, starts: Any, ends: Any, k: Any, item_data: Any, item_starts: Any, item_ends: Any, sizes: Any,
    slots: Any, index: Any, blocks: Any, keys: Any, letters: Any,
) -> Any:  # fmt: skip
    """The slot of the `length` words from k on: that of the same words, or the free one where they belong."""
    mask = _U(len(slots) - 1)
    at = hash_ & mask
    while slots[_I(at)] != 0:
        held = slots[_I(at)]
        if held >> _U(32) == hash_ >> _U(32):
            first = _I(held & _U(0xFFFFFFFF)) - 1
            same = _I(sizes[first]) == length
            j = _I(0)
            while same and j < length:
                same = same_word(
                    data, _I(starts[k + j]), _I(ends[k + j]), item_data, _I(item_starts[first + j]), _I(item_ends[first + j]),
                    index, blocks, keys, letters,
                )  # fmt: skip
                j += 1
            if same:
                break
        at = (at + _U(1)) & mask
    return _I(at)


@njit(cache=True, nogil=True)
def _powers(most: Any) -> Any:
    powers = np.ones(most + 1, np.uint64)
    for k in range(most):
        powers[k + 1] = powers[k] * BASE
    return powers


@njit(cache=True, nogil=True)
def _fill(
    data: Any, starts: Any, ends: Any, sums: Any, sizes: Any, shorter: Any, n: Any, least: Any, slots: Any, filter_: Any, openings: Any,
    index: Any, blocks: Any, keys: Any, letters: Any,
) -> Any:  # fmt: skip
    """Put the n-grams into the slots and filters. Returns: where the first copy of each begins, uint32 (words,)."""
    first = np.full(len(sizes), NO_GRAM, np.uint32)
    powers = _powers(n * WHOLE)
    for k in range(len(sizes)):
        length = _I(sizes[k])
        if length == 0:
            continue
        hash_ = _hash(sums, k, length, powers[length])
        at = _slot(hash_, length, data, starts, ends, k, data, starts, ends, sizes, slots, index, blocks, keys, letters)
        if slots[at] == 0:
            slots[at] = ((hash_ >> _U(32)) << _U(32)) | _U(k + 1)
            filter_[_block(hash_, filter_)] |= _bits(hash_)
            if shorter[k]:
                opening = _hash(sums, k, least, powers[least])
                openings[_block(opening, openings)] |= _bits(opening)
        first[k] = (slots[at] & _U(0xFFFFFFFF)) - _U(1)
    return first


@njit(cache=True, nogil=True)
def _find(
    data: Any, offsets: Any, item_data: Any, item_starts: Any, item_ends: Any, sizes: Any, n: Any, least: Any, slots: Any, filter_: Any,
    openings: Any, index: Any, blocks: Any, keys: Any, letters: Any,
) -> Any:  # fmt: skip
    rows = len(offsets) - 1
    counts = np.zeros(rows + 1, np.int64)
    grams, begins, stops = np.empty(16, np.uint32), np.empty(16, np.int64), np.empty(16, np.int64)
    starts, ends, sums = np.empty(1 << 10, np.int64), np.empty(1 << 10, np.int64), np.zeros(1 << 10, np.uint64)
    weights = np.empty(1 << 10, np.uint8)
    powers = _powers(n * WHOLE)
    found = _I(0)
    for row in range(rows):
        i, end = offsets[row], offsets[row + 1]
        starts, ends = room(starts, 0, end - i), room(ends, 0, end - i)
        sums, weights = room(sums, 1, end - i), room(weights, 0, end - i)
        m = _I(words_of(data, i, end, starts, ends, sums, weights, _I(0), index, blocks, keys, letters))
        last, weight = _I(0), _I(0)  # of the n-gram from k on
        for k in range(m - least + 1):
            while last < m and weight < n * WHOLE:
                weight += weights[last]
                last += 1
            longest = last - k
            shortest = longest + (weight < n * WHOLE)
            weight -= weights[k]
            if len(openings) > 0 and _passes(_hash(sums, k, least, powers[least]), openings):
                shortest = least
            for length in range(shortest, longest + 1):
                hash_ = _hash(sums, k, length, powers[length])
                if not _passes(hash_, filter_):
                    continue
                at = _slot(
                    hash_, length, data, starts, ends, k, item_data, item_starts, item_ends, sizes, slots, index, blocks, keys, letters
                )  # fmt: skip
                if slots[at] == 0:
                    continue
                if found == len(grams):
                    grams, begins, stops = room(grams, found, 1), room(begins, found, 1), room(stops, found, 1)
                grams[found] = (slots[at] & _U(0xFFFFFFFF)) - _U(1)
                begins[found], stops[found] = starts[k] - offsets[row], ends[k + length - 1] - offsets[row]
                found += 1
        counts[row + 1] = found
    return counts, grams[:found].copy(), begins[:found].copy(), stops[:found].copy()


def warm_up_index() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    items = Items(
        ("a",), np.array([0, 1]), pa.array(["1"], pa.large_string()), np.array([0, 2]),
        np.frombuffer(b"a few words of an item, and a question of six", np.uint8), np.array([0, 23, 45]), np.array([True, True]),
    )  # fmt: skip
    index = Index.of(items, 6, 2, 1)
    index.find(Utf8.of_strings(["And a few words of an item"]))
    assert len(index.copies.counts) == 2
