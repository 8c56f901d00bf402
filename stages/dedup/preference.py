"""Which of several documents is preferred: a total order that can travel between machines as integers.

Each column of the order becomes an int64 that is smaller the better the document is; null and NaN come
last. Then the smallest id, shard and row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LAST = np.iinfo(np.int64).max


def rank_column(column: Any, larger_first: bool) -> Any:
    """Values of an Arrow column (numbers, booleans, dates) as int64 (n,), smaller = preferred.

    Raises: ValueError if the column's values have no order as numbers.
    """
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), LAST)
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_floating(kind):
        values = column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False) + 0.0  # + 0.0: one zero
        missing = missing | np.isnan(values)
        bits = values.view(np.int64)
        ranked = np.where(bits < 0, bits ^ LAST, bits)
    elif pa.types.is_uint64(kind):
        ranked = (column.fill_null(0).to_numpy(zero_copy_only=False) ^ np.uint64(1 << 63)).view(np.int64)
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        ranked = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        stamps = column.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False)
        ranked = stamps.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    else:
        raise ValueError(f"documents cannot be preferred by a column of {kind}: numbers and dates have an order")
    ranked = ~ranked if larger_first else ranked
    return np.where(missing, LAST, np.minimum(ranked, LAST - 1))


def order_of(rows: pa.Table, before: list[str], columns: list[str]) -> Any:
    """Places of the rows sorted by some columns, then by preference, best first: int64 (n,).

    Args:
        rows: with `id`, `row`, and `shard` unless all are of one. before: columns that come first.
        columns: of `rank_column`.
    """
    names = [*before, *columns, "id", *(("shard",) if "shard" in rows.column_names else ()), "row"]
    return pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in names]).to_numpy()
