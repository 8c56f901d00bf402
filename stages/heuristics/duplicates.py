"""Which lines, paragraphs or other parts a document has had before: the first copy is no duplicate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from curation.text import Spans

# One hash table serves all documents of a batch and is never cleared: a slot holds 1 + the number of a
# hash within the batch, and these only grow, so a slot left by an earlier document is known by its number.


@njit(cache=True)
def slots_for(count: Any) -> Any:
    """Slots for `count` hashes: a power of two, at least half of them free."""
    size = 16
    while size < 2 * count:
        size *= 2
    return size


@njit(cache=True)
def _duplicates(hashes: Any, weights: Any, offsets: Any) -> Any:
    n = len(offsets) - 1
    out = np.zeros((4, n), np.int64)
    slots = np.zeros(slots_for(np.diff(offsets).max() if n else 0), np.int64)
    for row in range(n):
        first, end = offsets[row], offsets[row + 1]
        mask = slots_for(end - first) - 1
        for k in range(first, end):
            at = np.int64(hashes[k] & np.uint64(mask))
            while slots[at] > first and hashes[slots[at] - 1] != hashes[k]:
                at = (at + 1) & mask
            out[2, row] += weights[k]
            if slots[at] > first:
                out[1, row] += 1
                out[3, row] += weights[k]
            else:
                slots[at] = k + 1
        out[0, row] = end - first
    return out


def duplicates(parts: Spans) -> Any:
    """Of each document: parts, duplicates, characters of the parts, of the duplicates. Returns int64 (4, n).

    What is equal is told by 64-bit hashes.
    """
    return _duplicates(parts.hashes(), parts.chars(), parts.offsets)
