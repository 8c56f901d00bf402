"""Which documents of a bucket are compared: all with all in a small one, in a full one each with the best few of its part.

A *bucket* is the rows with one key of the shuffle, which stand side by side. A *part* is some of a full bucket's rows,
dealt by a hash of their id, so that no document is asked to be compared with millions; its *hubs* are its best documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from stages.dedup.addresses import keys_of

HUBS = 8
"""Documents of a full bucket with which every other one of its part is compared: the best (ours)."""
PART_DOCUMENTS = 100_000
"""Documents of such a part, about: what one hub can be asked to be compared with (ours)."""
PAIRS = 1 << 20
"""Pairs made at once: a reducer's buckets may hold a thousand times as many bytes of pairs as of rows."""


def runs_of(key: Any) -> tuple[Any, Any]:
    """First row and number of rows of each bucket: two int64 arrays.

    Args:
        key: uint64 (n,), sorted.
    """
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    return starts, np.diff(np.r_[starts, len(key)])


def all_pairs(starts: Any, sizes: Any) -> Iterator[tuple[Any, Any]]:
    """All pairs of rows of each bucket, about PAIRS at a time: two int64 arrays, at least once."""
    pieces = np.cumsum(sizes * (sizes - 1) // 2) // PAIRS
    for piece in np.split(np.arange(len(starts)), np.flatnonzero(np.diff(pieces)) + 1):
        yield _pairs(starts[piece], sizes[piece])


def parts_of(hashes: Any, sizes: Any) -> Any:
    """Part of its bucket, of `sizes` documents, each row falls to: uint64 (n,).

    Args:
        hashes: uint64 (n,), of the rows' ids.
    """
    return hashes % (-(-sizes // PART_DOCUMENTS)).astype(np.uint64)


def hubs_of(ranked: pa.Table) -> pa.Table:
    """The HUBS best documents of every bucket and part.

    Args:
        ranked: {key, part}, sorted by those, then best first.
    """
    group = _group_keys(ranked)
    first = np.r_[True, group[1:] != group[:-1]]
    place = np.arange(len(group)) - np.maximum.accumulate(np.where(first, np.arange(len(group)), 0))
    return ranked.filter(pa.array(place < HUBS))


def pairs_with_hubs(rows: pa.Table, hubs: pa.Table) -> tuple[Any, Any]:
    """Pairs of each document with the hubs of its bucket and part that are better than it: indexes into rows and into hubs.

    Args:
        rows: {key, shard, row, part}. hubs: the same, of `hubs_of`.
    """
    groups = [_group_keys(table) for table in (hubs, rows)]
    starts = np.flatnonzero(np.r_[True, groups[0][1:] != groups[0][:-1]])
    by_group = np.argsort(groups[0][starts])
    found = starts[by_group][np.searchsorted(groups[0][starts][by_group], groups[1])]
    places = [keys_of(table["shard"].to_numpy(), table["row"].to_numpy()) for table in (hubs, rows)]
    return _hub_pairs(groups[0], places[0], found, places[1], HUBS)  # type: ignore[no-any-return]


def _group_keys(rows: pa.Table) -> Any:
    """Bucket and part as one number: uint64 (n,)."""
    return rows["key"].to_numpy() + rows["part"].to_numpy() * np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True)
def _pairs(starts: Any, sizes: Any) -> Any:
    """All pairs of each run of rows: two int64 arrays."""
    total = 0
    for size in sizes:
        total += size * (size - 1) // 2
    left, right = np.empty(total, np.int64), np.empty(total, np.int64)
    at = 0
    for run in range(len(starts)):
        for i in range(starts[run], starts[run] + sizes[run]):
            for j in range(i + 1, starts[run] + sizes[run]):
                left[at], right[at] = i, j
                at += 1
    return left, right


@njit(cache=True)
def _hub_pairs(groups: Any, hubs: Any, found: Any, members: Any, most: int) -> Any:
    """Pairs (member, hub) of each member with the hubs before it, at most `most`, all if it is none; `found` is its group's first hub."""
    member, hub = np.empty(len(members) * most, np.int64), np.empty(len(members) * most, np.int64)
    at = 0
    for i in range(len(members)):
        k = found[i]
        group = groups[k]
        while k < len(groups) and groups[k] == group and hubs[k] != members[i]:
            member[at], hub[at] = i, k
            at += 1
            k += 1
    return member[:at].copy(), hub[:at].copy()


def warm_up() -> None:
    """Compile (or load from the cache) the kernels."""
    pair = np.zeros(1, np.int64)
    _pairs(pair, pair)
    _hub_pairs(np.zeros(1, np.uint64), np.zeros(1, np.uint64), pair, np.zeros(1, np.uint64), HUBS)
