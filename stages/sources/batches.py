"""Records gathered row by row into Arrow tables of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curation.documents import document_ids
from stages.sources.dates import utc_dates

BATCH_ROWS = 1024
BATCH_BYTES = 32 << 20
"""A table is cut when its documents pass this; the largest document may come on top of it."""

TableColumns = Mapping[str, pa.DataType]


class RowsToTables:
    """Collects records as tuples and makes tables of them.

    A tuple holds: `_row`, given id or None, URL, date as text, offset, drop reason, then one value for
    each of the `columns`.

    Args:
        kind: source kind for the ids.
        relative: path of the file inside the input's root.
        columns: the further columns and their types.
    """

    def __init__(self, kind: str, relative: str, columns: TableColumns) -> None:
        self.kind, self.relative, self.columns = kind, relative, columns
        self.rows: list[tuple[Any, ...]] = []
        self.bytes = 0

    def add(self, row: tuple[Any, ...], size_bytes: int) -> bool:
        """Take one record. Returns: whether the table is full and to be taken out."""
        self.rows.append(row)
        self.bytes += size_bytes
        return len(self.rows) >= BATCH_ROWS or self.bytes >= BATCH_BYTES

    def take(self) -> pa.Table:
        """The table of the records taken since the last call."""
        values = list(zip(*self.rows, strict=True)) or [()] * (6 + len(self.columns))
        rows, given, urls, dates, offsets, reasons = values[:6]
        url, date = strings(urls), utc_dates(strings(dates))
        offset = pa.array(offsets, pa.int64())
        ids = document_ids(
            self.kind, strings(given), url=url, date=date, relative=self.relative, offset=offset
        )
        table = {
            "id": ids,
            "url": url,
            "date": date,
            "record_file": pa.repeat(pa.scalar(self.relative, pa.string()), len(offset)),
            "record_offset": offset,
        }
        for (name, kind), column in zip(self.columns.items(), values[6:], strict=True):
            text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
            table[name] = strings(column, kind) if text else pa.array(column, kind)
        table["_row"] = pa.array(rows, pa.int64())
        table["drop_reason"] = pa.array(reasons, pa.string())
        self.rows, self.bytes = [], 0
        return pa.table(table)


def strings(values: Sequence[Any], kind: pa.DataType | None = None) -> pa.Array:
    """String array of str or None; a lone surrogate, which UTF-8 cannot hold, becomes U+FFFD."""
    kind = kind or pa.string()
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([None if v is None else without_surrogates(v) for v in values], kind)


def without_surrogates(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def cut_by_bytes(table: pa.Table, sizes: Any, limit: int) -> Iterator[pa.Table]:
    """Cut a table so that each piece holds at most `limit` bytes, or one row.

    Args:
        table: n rows.
        sizes: bytes of each row, int (n,).
    """
    ends = np.cumsum(sizes, dtype=np.int64)
    start = 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + limit, side="right")))
        yield table.slice(start, stop - start)
        start = stop
