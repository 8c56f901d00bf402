"""How many tokens each entry of a mix gets, and up to which place in its order documents are kept.

Every document has a *place*: 48 bits hashed of its id and a seed. An entry keeps the documents whose
place is under its limit, so a larger limit only adds documents, and new data moves none. To find the
limit that gives a number of tokens, documents and tokens are counted in 65,536 *bins*, the top 16 bits
of the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from curation.text import Utf8

PLACE_BITS = 48
BINS = 1 << 16
EXACT_DOCUMENTS = 4
"""Documents up to which a bin keeps the place of each (ours)."""
_WITHIN_BITS = 32  # of a place, below the bin
_ENTRY_BITS = 16  # of a key, below the place


def token_counts(text: Utf8) -> Any:
    """Tokens of each document, estimated as its UTF-8 bytes / 4, rounded up: int64 (n,)."""
    return (text.bytes_per_row() + 3) // 4


def places(ids: Utf8, seed: int) -> Any:
    """Place of each document in the sampling order: uint64 (n,), below 2**48.

    It is independent of the hash that draws samples of a run and shadows, and of other seeds.
    """
    x = ids.hash() + np.uint64(0x9E3779B97F4A7C15 * (seed + 1) & (1 << 64) - 1)  # splitmix64
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))) >> np.uint64(64 - PLACE_BITS)


def keys_of(place: Any, entry: Any) -> Any:
    """Shuffle key of documents: bin, rest of the place, entry; a bin is never cut over partitions."""
    return (place << np.uint64(_ENTRY_BITS)) | entry.astype(np.uint64)


def entry_of(keys: Any) -> Any:
    """Entry of each key: int64 (n,)."""
    return (keys & np.uint64((1 << _ENTRY_BITS) - 1)).astype(np.int64)


def bin_of(keys: Any) -> Any:
    """Bin of each key: int64 (n,)."""
    return (keys >> np.uint64(_ENTRY_BITS + _WITHIN_BITS)).astype(np.int64)


def summed(rows: pa.Table) -> pa.Table:
    """Rows summed per entry and bin, but those of bins of at most EXACT_DOCUMENTS documents as they are.

    Args:
        rows: {key: uint64, tokens: int64, documents: int64, ...}, sorted by key.
    Returns: the same columns, sorted by key; a sum stands at the key of its first row. At most
        EXACT_DOCUMENTS rows per entry and bin, whatever came in.
    """
    keys = rows["key"].to_numpy()
    _, first, group = np.unique(entry_of(keys) * BINS + bin_of(keys), return_index=True, return_inverse=True)
    sums = {name: np.zeros(len(first), dtype=np.int64) for name in ("tokens", "documents")}
    for name, total in sums.items():
        np.add.at(total, group, rows[name].to_numpy())
    many = sums["documents"] > EXACT_DOCUMENTS
    left = ~many[group]
    left[first[many]] = True
    for name, total in sums.items():
        values = np.where(many[group], total[group], rows[name].to_numpy())
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(values))
    return rows.filter(pa.array(left))


def available_tokens(histogram: pa.Table, entries: int) -> list[int]:
    """Tokens each entry has."""
    total = np.zeros(entries, dtype=np.int64)
    np.add.at(total, entry_of(histogram["key"].to_numpy()), histogram["tokens"].to_numpy())
    return [int(n) for n in total]


def affordable(available: Sequence[int], weights: Sequence[float]) -> int:
    """The largest budget the entries can fill at these weights, in tokens."""
    whole = sum(map(Fraction, weights))
    return int(min(n * whole / Fraction(w) for n, w in zip(available, weights, strict=True)))


def targets(budget: int, weights: Sequence[float]) -> list[int]:
    """Tokens of each entry, rounded down; exact, and never less for a larger budget."""
    whole = sum(map(Fraction, weights))
    return [int(budget * Fraction(w) / whole) for w in weights]


def limits(histogram: pa.Table, wanted: Sequence[int]) -> Any:
    """Place under which each entry's documents are kept to give the wanted tokens: uint64 (entries,).

    Args:
        histogram: {key, tokens, documents} as `summed` makes them, of all documents, in any order.
        wanted: tokens of each entry; as many as it has, or more, keeps all of its documents.
    """
    entry = entry_of(histogram["key"].to_numpy())
    return np.array([_limit(histogram.filter(pa.array(entry == i)), n) for i, n in enumerate(wanted)], dtype=np.uint64)


def _limit(histogram: pa.Table, wanted: int) -> int:
    keys, tokens, documents = (histogram[name].to_numpy() for name in ("key", "tokens", "documents"))
    per_bin = np.zeros(BINS, dtype=np.int64)
    np.add.at(per_bin, bin_of(keys), tokens)
    ends = np.cumsum(per_bin)
    if wanted >= ends[-1]:
        return 1 << PLACE_BITS
    at = int(np.searchsorted(ends, wanted, side="right"))
    inside = bin_of(keys) == at
    more = wanted - int(ends[at] - per_bin[at])
    if (documents[inside] > 1).any():  # places within the bin are not known, but are uniform
        return (at << _WITHIN_BITS) + (more << _WITHIN_BITS) // int(per_bin[at])
    order = np.argsort(keys[inside])
    place, size = keys[inside][order] >> np.uint64(_ENTRY_BITS), tokens[inside][order]
    middle = 2 * np.cumsum(size) - size  # twice the tokens up to the middle of each document
    kept = int(np.searchsorted(middle, 2 * more, side="right"))  # to the nearest document
    return int(place[kept]) if kept < len(place) else (at + 1) << _WITHIN_BITS
