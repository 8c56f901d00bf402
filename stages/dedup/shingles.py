"""Shingles of a text, their MinHash signatures and bands, samples of them, and how similar shingle sets are.

A *shingle* (Broder 1997) is the 32-bit hash of n consecutive words, as curation/text.py finds them, in
simple lower case, or of n consecutive characters of the text in lower case with white space folded.
Where text has no spaces between words, one ideograph or kana, or one letter with its marks, is a word
there, so a shingle of n words is one of n characters.

A *signature* is, for each of bands * rows_per_band hash functions, the smallest value any shingle of
the document has; two documents agree in one of them with the probability of their similarity s. The
functions are x -> a * x + b modulo 2^32 with odd a: bijections, one multiplication each, sound because
x is a hash already. A *band* is the hash of rows_per_band values, so two documents share one with
probability 1 - (1 - s ** rows_per_band) ** bands.

A *sample* has one shingle in so many, the same of every document: those whose hash falls below a bound (the shingles
"0 mod m" of Broder 1997). So what two documents share is found in both samples or in neither, and the share of a
document's sample that is in another one's says how much of it that one contains. A sampled shingle is a hash of 64 bits:
among the 10^10 of a library's samples two different ones of 32 would meet everywhere.

Of sets of 32-bit hashes, one of a shingles and one of b, about a * b / 2^32 seem shared and are not: 0.02 % of the smaller
one's where the larger has a million.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from curation.text import Utf8, decode, hash_bytes, mix64

_I: Any = np.int64
_U: Any = np.uint64
_U4: Any = np.uint32
_BASE = _U(0x9E3779B97F4A7C15)
_SPREAD = _U(0xD6E8FEB86659FD93)
NO_SHINGLE = _U4(0xFFFFFFFF)
"""Every value of the signature of a document without shingles."""
_LOPSIDED = 32
"""Sets of which one is so many times as large as the other are compared by looking up (ours)."""
_LANES = 64
"""Shingles are taken that many at a time: whole vectors, without a rest."""


@dataclass(frozen=True)
class Shingles:
    """Shingles of some documents, in the order of the text, repeated ones too; or what is made of them: sets, signatures, samples.

    values: uint32 (m,), of samples uint64. offsets: int64 (n + 1,), those of document i are values[offsets[i] : offsets[i + 1]].
    """

    values: Any
    offsets: Any

    def counts(self) -> Any:
        """Shingles of each document: int64 (n,)."""
        return np.diff(self.offsets)

    def hash(self) -> Any:
        """Hash of each document's shingles in their order: uint64 (n,)."""
        return _hash_runs(self.values.view(np.uint8), self.offsets * 4)

    def distinct(self) -> Shingles:
        """Each document's shingles sorted, once each."""
        return Shingles(*_distinct(self.values, self.offsets))

    def to_arrow(self) -> Any:
        """Each document's shingles as little-endian bytes: large_binary (n,)."""
        values = np.ascontiguousarray(self.values, self.values.dtype.newbyteorder("<"))
        buffers = [None, pa.py_buffer(self.offsets * values.itemsize), pa.py_buffer(values)]
        return pa.Array.from_buffers(pa.large_binary(), len(self.offsets) - 1, buffers)

    @staticmethod
    def of_arrow(column: Any, width: int = 4) -> Shingles:
        """What `to_arrow` made of values of so many bytes, after its travels."""
        bytes_ = Utf8.of(column)
        start, end = bytes_.offsets[0], bytes_.offsets[-1]
        return Shingles(bytes_.data[start:end].copy().view(f"<u{width}"), (bytes_.offsets - start) // width)


def shingles(text: Utf8, unit: str, n: int, whole_if_short: bool) -> Shingles:
    """Shingles of each document.

    Args:
        text: the documents. unit: "word" or "char". n: units in a shingle, at least 1.
        whole_if_short: a document of fewer units than n is one shingle; else it has none. One without any has none.
    """
    return Shingles(*_shingles(*_units(text, unit), n, whole_if_short))


def sample(text: Utf8, unit: str, n: int, sets: Shingles, one_in: int, seed: int, groups: Any, wanted: Any) -> Shingles:
    """A sample of each document's shingles, sorted, once each.

    Args:
        text, unit, n: as for `shingles`. sets: what that found, short documents left out. one_in: of so many one is sampled.
        seed: draws which. groups: uint64 (n,); the same shingle is another one in another group. wanted: bool (n,), of which documents.
    """
    hashes, offsets = _units(text, unit)
    below = np.uint64((2**64 - 1) // one_in)
    return Shingles(*_sample(hashes, offsets, sets.values, sets.offsets, n, below, np.uint64(seed), groups, wanted))


def _units(text: Utf8, unit: str) -> tuple[Any, Any]:
    """Hash of every word or character: uint64 (m,), and offsets by document."""
    if unit == "word":
        words = text.words()
        return words.hashes(lower=True), words.offsets
    folded = text.folded()
    return _characters(folded.data, folded.offsets)  # type: ignore[no-any-return]


def minhash(sets: Shingles, num_hashes: int, seed: int) -> Any:
    """Signature of each document: uint32 (n, num_hashes); of one without shingles 2^32 - 1 throughout."""
    drawn = np.array([mix64(_U(seed), _U(i)) for i in range(num_hashes)], np.uint64)
    a, b = (drawn >> _U(32)).astype(np.uint32) | _U4(1), drawn.astype(np.uint32)
    return _minhash(sets.values, sets.offsets, a, b)


def band_keys(signatures: Any, bands: int, groups: Any) -> Any:
    """Key of each band: uint64 (n, bands), different for the same values in another band or group.

    Args:
        signatures: uint32 (n, bands * rows_per_band). groups: uint64 (n,).
    """
    return _band_keys(signatures, bands, groups)


def jaccard(sets: Shingles, left: Any, right: Any) -> Any:
    """Jaccard similarity of pairs of sets, repeated shingles counted once: float64 (pairs,).

    Args:
        left, right: int64 (pairs,), the documents of each pair.
    """
    distinct = sets.distinct()
    sizes, shared = distinct.counts(), _shared(distinct.values, distinct.offsets, left, right)
    either = sizes[left] + sizes[right] - shared
    return np.where(either > 0, shared / np.maximum(either, 1), 0.0)


def containment(sets: Shingles, left: Any, right: Any) -> Any:
    """Share of the smaller set of each pair that is in the other one: float64 (pairs,).

    Args:
        sets: of `distinct`. left, right: int64 (pairs,), the documents of each pair.
    """
    sizes, shared = sets.counts(), _shared(sets.values, sets.offsets, left, right)
    smaller = np.minimum(sizes[left], sizes[right])
    return np.where(smaller > 0, shared / np.maximum(smaller, 1), 0.0)


def agreement(sets: Shingles, left: Any, right: Any) -> Any:
    """Share of values in which the signatures of each pair agree: float64 (pairs,). All signatures are of one length."""
    signatures = sets.values.reshape(len(sets.offsets) - 1, -1)
    return (signatures[left] == signatures[right]).mean(axis=1) if len(left) else np.zeros(0)


@njit(cache=True)
def _characters(data: Any, offsets: Any) -> Any:
    """Hash of every character: uint64, and offsets by document."""
    n = len(offsets) - 1
    out, counts = np.empty(offsets[n] - offsets[0], np.uint64), np.zeros(n + 1, np.int64)
    m = _I(0)
    for row in range(n):
        i, end = offsets[row], offsets[row + 1]
        while i < end:
            code, width = decode(data, i, end)
            out[m] = mix64(_U(code), _SPREAD)
            m += 1
            i += width
        counts[row + 1] = m
    return out[:m].copy(), counts


@njit(cache=True)
def _shingles(hashes: Any, offsets: Any, n: int, whole_if_short: bool) -> Any:
    """Rolling polynomial hash of every n consecutive hashes, spread to 32 bits: linear, whatever n is."""
    rows = len(offsets) - 1
    new_offsets = np.zeros(rows + 1, np.int64)
    for row in range(rows):
        count = offsets[row + 1] - offsets[row]
        own = count - n + 1 if count >= n else (1 if whole_if_short and count > 0 else 0)
        new_offsets[row + 1] = new_offsets[row] + own
    out = np.empty(new_offsets[rows], np.uint32)
    leading = _U(1)  # base ** (n - 1)
    for _ in range(n - 1):
        leading *= _BASE
    for row in range(rows):
        first, at, end = offsets[row], new_offsets[row], new_offsets[row + 1]
        if at == end:
            continue
        rolling = _U(0)
        for k in range(first, min(first + n, offsets[row + 1])):
            rolling = rolling * _BASE + hashes[k]
        out[at] = _U4(((rolling ^ (rolling >> _U(32))) * _SPREAD) >> _U(32))
        for k in range(first, first + end - at - 1):
            rolling = (rolling - hashes[k] * leading) * _BASE + hashes[k + n]
            out[at + k - first + 1] = _U4(((rolling ^ (rolling >> _U(32))) * _SPREAD) >> _U(32))
    return out, new_offsets


@njit(cache=True)
def _hash_runs(data: Any, offsets: Any) -> Any:
    out = np.empty(len(offsets) - 1, np.uint64)
    for row in range(len(out)):
        out[row] = hash_bytes(data, offsets[row], offsets[row + 1])
    return out


@njit(cache=True)
def _minhash(values: Any, offsets: Any, a: Any, b: Any) -> Any:
    """One hash function after the other over a document's shingles: the inner loop is plain vector code."""
    n = len(offsets) - 1
    out = np.empty((n, len(a)), np.uint32)
    most = _I(0)
    for row in range(n):
        most = max(most, offsets[row + 1] - offsets[row])
    padded = np.empty(most + _LANES, np.uint32)
    for row in range(n):
        count = offsets[row + 1] - offsets[row]
        if count == 0:
            out[row] = NO_SHINGLE
            continue
        whole = (count + _LANES - 1) // _LANES * _LANES
        padded[:count] = values[offsets[row] : offsets[row + 1]]
        padded[count:whole] = padded[0]  # a shingle twice changes no minimum
        for p in range(len(a)):
            factor, shift = a[p], b[p]
            best = NO_SHINGLE
            for k in range(whole):
                best = min(best, _U4(padded[k] * factor + shift))
            out[row, p] = best
    return out


@njit(cache=True)
def _band_keys(signatures: Any, bands: int, groups: Any) -> Any:
    n, rows = len(signatures), signatures.shape[1] // bands
    out = np.empty((n, bands), np.uint64)
    for row in range(n):
        for band in range(bands):
            state = mix64(groups[row], _U(band))
            for k in range(band * rows, (band + 1) * rows):
                state = (state ^ _U(signatures[row, k])) * _BASE
                state ^= state >> _U(29)
            out[row, band] = mix64(state, groups[row])
    return out


@njit(cache=True)
def _distinct(values: Any, offsets: Any) -> Any:
    """Each document's shingles sorted, once each: a radix sort by bytes, linear in any text."""
    n = len(offsets) - 1
    out, new_offsets = np.empty(len(values), np.uint32), np.zeros(n + 1, np.int64)
    most = _I(0)
    for row in range(n):
        most = max(most, offsets[row + 1] - offsets[row])
    one, other = np.empty(most, np.uint32), np.empty(most, np.uint32)
    places = np.empty(256, np.int64)
    m = _I(0)
    for row in range(n):
        count = offsets[row + 1] - offsets[row]
        one[:count] = values[offsets[row] : offsets[row + 1]]
        for digit in range(4):
            shift = _U4(8 * digit)
            places[:] = 0
            for k in range(count):
                places[(one[k] >> shift) & _U4(255)] += 1
            total = _I(0)
            for d in range(256):
                total, places[d] = total + places[d], total
            for k in range(count):
                d = (one[k] >> shift) & _U4(255)
                other[places[d]] = one[k]
                places[d] += 1
            one, other = other, one
        for k in range(count):
            if k == 0 or one[k] != one[k - 1]:
                out[m] = one[k]
                m += 1
        new_offsets[row + 1] = m
    return out, new_offsets


@njit(cache=True)
def _at_least(values: Any, low: Any, end: Any, value: Any) -> Any:
    """Where in values[low:end], which is sorted, the first that is not below `value` stands."""
    step = _I(1)
    while low + step < end and values[low + step] < value:
        low += step
        step *= 2
    high = min(low + step, end)
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _shared(values: Any, offsets: Any, left: Any, right: Any) -> Any:
    """How many values both sets of each pair have: int64 (pairs,); sets are sorted."""
    out = np.empty(len(left), np.int64)
    for pair in range(len(left)):
        i, j = offsets[left[pair]], offsets[right[pair]]
        last_i, last_j = offsets[left[pair] + 1], offsets[right[pair] + 1]
        if last_i - i > last_j - j:
            i, last_i, j, last_j = j, last_j, i, last_i
        both = _I(0)
        if last_j - j > _LOPSIDED * (last_i - i):
            for k in range(i, last_i):  # a page and a book: look each value of the page up, ahead of the last one
                j = _at_least(values, j, last_j, values[k])
                both += _I(j < last_j and values[j] == values[k])
            i = last_i
        while i < last_i and j < last_j:
            x, y = values[i], values[j]
            both += _I(x == y)
            i += _I(x <= y)
            j += _I(y <= x)
        out[pair] = both
    return out


@njit(cache=True)
def _sample(
    hashes: Any, unit_offsets: Any, values: Any, offsets: Any, n: int, below: Any, seed: Any, groups: Any, wanted: Any
) -> Any:  # fmt: skip
    """Of the shingles whose hash says so a hash of 64 bits, from the units they have: sorted, once each."""
    rows = len(offsets) - 1
    out, new_offsets = np.empty(len(values), np.uint64), np.zeros(rows + 1, np.int64)
    m = _I(0)
    for row in range(rows):
        first = m
        if wanted[row]:
            for k in range(offsets[row + 1] - offsets[row]):
                if mix64(_U(values[offsets[row] + k]), seed) > below:
                    continue
                state = _U(0)
                for unit in range(unit_offsets[row] + k, unit_offsets[row] + k + n):
                    state = (state ^ hashes[unit]) * _BASE
                    state ^= state >> _U(29)
                out[m] = mix64(state, groups[row])
                m += 1
            found = np.sort(out[first:m])
            m = first
            for k in range(len(found)):
                if k == 0 or found[k] != found[k - 1]:
                    out[m] = found[k]
                    m += 1
        new_offsets[row + 1] = m
    return out[:m].copy(), new_offsets
