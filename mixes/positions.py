"""Where the copies of a document stand in the order of sampling, and how far along that order a number of tokens reaches.

A document has a *place* u in [0, 1), hashed of its id and a seed, and a rate w. Its copies k = 0, 1 ... stand at *positions*
(u + k) / w: one in each stretch of 1 / w. So up to position x, a number of epochs, it is used w x times, rounded up or down by
chance, and one with twice the rate twice as often. What is taken up to a *limit* is a subset of what a larger limit takes, new
documents move no old ones, and no count depends on the order in which documents come.

To find the limit that gives a number of tokens, copies are counted in *bins*: 1,024 to each power of two of the position, so
that a bin has about a thousandth of what lies below it, in large corpora and in small. Of a bin of at most EXACT copies each
position is kept, and the cut is made to the nearest document; in others it is interpolated. The error is under half a document
in the first 16,000 copies, then under 1/4,000 of the tokens for documents of one size, under 1/1,000 where their sizes vary by
four times their mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from curation.text import Utf8

BITS = 10
"""Bins of a power of two are 2**BITS."""
EXACT = 16
"""Copies up to which a bin keeps the position of each (ours)."""
MOST_CELLS = 1 << 20
"""Rows of the histogram a reducer holds; of more, as many groups make, two bins become one until they are fewer (ours)."""
ALL, IDLE = -1, -2
"""Stand for the bin of a row that counts whole documents rather than copies up to a position: those of a rate above 0, those of rate 0."""
HISTOGRAM = {
    "entry": pa.int16(), "group": pa.string(), "held": pa.int16(),
    "bin": pa.int32(), "position": pa.float64(), "tokens": pa.int64(), "copies": pa.int64(),
}  # fmt: skip
"""Columns of the histogram: `held` is the class `hold_class` gives; `position` holds in bins of at most EXACT copies."""
HOLD_BITS = 3
"""Classes of a power of two of the place that decides about validation are 2**HOLD_BITS."""
HOLD_END = 0x3FF << HOLD_BITS
"""Class that begins at 1: above those of all places."""

_MANTISSA = 52
_GOLDEN = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1


def draw(hashes: Any, seed: int, stream: Any = 0) -> Any:
    """A number for each hash of an id: uint64 (n,), independent for other seeds and streams, and of the hash that draws a run's samples.

    Args:
        hashes: uint64 (n,). stream: int, or uint64 (n,).
    """
    first = _scrambled(hashes + np.uint64(_GOLDEN * (seed + 1) & _WORD))
    return _scrambled(first + np.asarray(stream, dtype=np.uint64) * np.uint64(_GOLDEN))


def places(hashes: Any) -> Any:
    """Hashes as numbers in [0, 1): float64 (n,)."""
    return (hashes >> np.uint64(64 - 53)).astype(np.float64) * 2.0**-53


def positions(place: Any, rate: Any, copy: int) -> Any:
    """Position of one copy of each document: float64 (n,), infinite where the rate is 0."""
    return np.divide(place + copy, rate, out=np.full(len(place), np.inf), where=rate > 0)


def bin_of(position: Any, bits: int = BITS) -> Any:
    """Bin of each position: int32 (n,), in the order of positions; the bin of 0 is 0."""
    return (np.ascontiguousarray(position, dtype=np.float64).view(np.int64) >> (_MANTISSA - bits)).astype(np.int32)


def edge(bin_: Any, bits: int = BITS) -> Any:
    """Smallest position of a bin."""
    return (np.asarray(bin_, dtype=np.int64) << (_MANTISSA - bits)).view(np.float64)


def hold_class(place: Any) -> Any:
    """Class of each place, by which documents are held out: int16 (n,), under HOLD_END."""
    return bin_of(place, HOLD_BITS).astype(np.int16)


def keys_of(rows: pa.Table) -> Any:
    """Shuffle key of rows of the histogram: uint64 (n,), one of a cell."""
    group = rows["group"].combine_chunks().dictionary_encode()
    key = Utf8.of(group.dictionary).hash()[group.indices.to_numpy(zero_copy_only=False)]
    for name in ("entry", "held", "bin"):
        key = _scrambled(key + rows[name].to_numpy().astype(np.uint64))
    return key


def summed(rows: pa.Table) -> pa.Table:
    """Rows summed per cell (entry, group, held, bin), but those of cells of at most EXACT copies as they are.

    Args:
        rows: HISTOGRAM's columns and others, in an order that keeps a cell's rows in that of their positions or of their key.
    Returns: the same columns, rows in their order; a sum is the cell's first row. At most EXACT rows a cell, whatever came in.
    """
    cell = _cells(rows)
    _, first, group = np.unique(cell, return_index=True, return_inverse=True)
    sums = {name: np.zeros(len(first), dtype=np.int64) for name in ("tokens", "copies")}
    for name, total in sums.items():
        np.add.at(total, group, rows[name].to_numpy())
    many = (sums["copies"] > EXACT) | (rows["bin"].to_numpy()[first] < 0)
    left = ~many[group]
    left[first[many]] = True
    for name, total in sums.items():
        values = np.where(many[group], total[group], rows[name].to_numpy())
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(values))
    return rows.filter(pa.array(left))


def _cells(rows: pa.Table) -> Any:
    """A number for each cell of a table: int64 (n,)."""
    group = rows["group"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    held, bin_ = rows["held"].to_numpy().astype(np.int64), rows["bin"].to_numpy().astype(np.int64) - IDLE
    return ((group << 5 | rows["entry"].to_numpy()) << 14 | held) << 22 | bin_


def coarser(rows: pa.Table) -> pa.Table:
    """The histogram with two bins made one."""
    bin_ = rows["bin"].to_numpy()
    return summed(rows.set_column(rows.column_names.index("bin"), "bin", pa.array(np.where(bin_ < 0, bin_, bin_ >> 1))))


class Reach:
    """How far tokens reach in one group of an entry.

    Args:
        rows: the group's part of a histogram, copies alone, at any `held`. bits: of its bins. end: position all of its copies are below.
    """

    def __init__(self, rows: pa.Table, bits: int, end: float) -> None:
        self.bits, self.end = bits, end
        self.bin, inverse = np.unique(rows["bin"].to_numpy(), return_inverse=True)
        self.tokens, self.copies = (np.zeros(len(self.bin), dtype=np.int64) for _ in range(2))
        np.add.at(self.tokens, inverse, rows["tokens"].to_numpy())
        np.add.at(self.copies, inverse, rows["copies"].to_numpy())
        order = np.lexsort((rows["position"].to_numpy(), inverse))
        self._position, self._size = rows["position"].to_numpy()[order], rows["tokens"].to_numpy()[order]
        self._exact = np.bincount(inverse, minlength=len(self.bin)) == self.copies
        self._first = np.searchsorted(inverse[order], np.arange(len(self.bin) + 1))
        self._ends = np.cumsum(self.tokens)

    @property
    def whole(self) -> int:
        """Tokens of all copies."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def tokens_below(self, limit: float) -> int:
        """Tokens of the copies under a limit, about."""
        if limit >= self.end:
            return self.whole
        at = int(np.searchsorted(self.bin, bin_of([limit], self.bits)[0]))
        below = int(self._ends[at - 1]) if at else 0
        if at == len(self.bin) or limit <= edge(self.bin[at], self.bits):
            return below
        if self._exact[at]:
            inside = slice(self._first[at], self._first[at + 1])
            return below + int(self._size[inside][self._position[inside] < limit].sum())
        low, high = self._bounds(at)
        return below + int(self.tokens[at] * (limit - low) / (high - low))

    def limit(self, wanted: int) -> float:
        """Position under which copies are taken to give the wanted tokens; all are where there are no more. It grows with `wanted`."""
        if not wanted:
            return 0.0
        if wanted >= self.whole:
            return self.end
        at = int(np.searchsorted(self._ends, wanted, side="right"))
        more = wanted - int(self._ends[at] - self.tokens[at])
        low, high = self._bounds(at)
        if not self._exact[at]:  # positions within the bin are not known, but are uniform
            return low + (high - low) * (more / int(self.tokens[at]))
        size = self._size[self._first[at] : self._first[at + 1]]
        middle = 2 * np.cumsum(size) - size  # twice the tokens up to the middle of each copy
        taken = int(np.searchsorted(middle, 2 * more, side="right"))  # to the nearest copy
        return float(self._position[self._first[at] + taken]) if taken < len(size) else high

    def _bounds(self, at: int) -> tuple[float, float]:
        low, high = edge([self.bin[at], self.bin[at] + 1], self.bits).tolist()
        return low, min(high, self.end)


def by_group(rows: pa.Table) -> Iterator[tuple[int, str, pa.Table]]:
    """(entry, group, its rows) of a histogram, in order."""
    if not rows.num_rows:
        return
    entry, group = rows["entry"].to_numpy(), rows["group"].combine_chunks().dictionary_encode()
    code = group.indices.to_numpy(zero_copy_only=False)
    names = group.dictionary.to_pylist()
    pair = entry.astype(np.int64) * (len(names) + 1) + code
    order = np.argsort(pair, kind="stable")
    found, first = np.unique(pair[order], return_index=True)
    pieces = [(int(p) // (len(names) + 1), names[int(p) % (len(names) + 1)], order[a:b]) for p, a, b in
              zip(found, first, [*first[1:], len(order)], strict=True)]  # fmt: skip
    for e, name, index in sorted(pieces, key=lambda piece: piece[:2]):
        yield e, name, rows.take(pa.array(index))


def _scrambled(x: Any) -> Any:  # splitmix64's finish
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
