"""Records gathered row by row into Arrow tables of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curation.documents import document_ids
from stages.sources.dates import utc_dates

BATCH_ROWS = 1024
BATCH_BYTES = 16 << 20
"""A table is cut when its documents pass this; the largest document may come on top of it."""


class RowsToTables:
    """Collects records and makes tables of them.

    The documents themselves are gathered in one buffer that becomes the Arrow column without another
    copy: for pages of 100 kB copying, not parsing, is what reading costs.

    Args:
        kind: source kind for the ids.
        relative: path of the file inside the input's root.
        document: name and type of the documents' column, large_binary or large_string.
        columns: the further columns and their types.
    """

    def __init__(self, kind: str, relative: str, document: tuple[str, pa.DataType], columns: Mapping[str, pa.DataType]) -> None:
        self.kind, self.relative, self.document, self.columns = kind, relative, document, columns
        self._clear()

    def _clear(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.ends = [0]
        self.nulls: list[int] = []
        self.buffer: Any = None
        self._grow(BATCH_BYTES + BATCH_BYTES // 8)

    def _grow(self, size: int) -> None:
        """Have a buffer of `size` bytes, of which only those written to take memory."""
        buffer: Any = np.empty(size, np.uint8)
        if self.ends[-1]:
            buffer[: self.ends[-1]] = self.buffer[: self.ends[-1]]
        self.buffer, self.view = buffer, memoryview(buffer)

    def add(self, row: tuple[Any, ...], document: bytes | memoryview | None) -> bool:
        """Take one record.

        Args:
            row: `_row`, given id or None, URL, date as text, offset, drop reason, then one value for each
                of the further columns.
            document: the document; UTF-8 for large_string.
        Returns: whether the table is full and to be taken out.
        """
        rows, end = self.rows, self.ends[-1]
        if document is None:
            self.nulls.append(len(rows))
        else:
            start, end = end, end + len(document)
            if end > len(self.view):
                self._grow(end)
            self.view[start:end] = document
        rows.append(row)
        self.ends.append(end)
        return len(rows) >= BATCH_ROWS or end >= BATCH_BYTES

    def take(self) -> pa.Table:
        """The table of the records taken since the last call."""
        rows, given, urls, dates, offsets, reasons, *others = zip(*self.rows, strict=True)
        url, date = strings(urls), utc_dates(strings(dates))
        offset = pa.array(offsets, pa.int64())
        ids = document_ids(self.kind, strings(given), url=url, date=date, relative=self.relative, offset=offset)
        name, kind = self.document
        table = {
            "id": ids,
            "url": url,
            "date": date,
            "record_file": pa.repeat(pa.scalar(self.relative, pa.string()), len(rows)),
            "record_offset": offset,
            name: self._documents(kind),
        }
        for (name, kind), column in zip(self.columns.items(), others, strict=True):
            table[name] = strings(column) if pa.types.is_string(kind) else pa.array(column, kind)
        table["_row"] = pa.array(rows, pa.int64())
        table["drop_reason"] = pa.array(reasons, pa.string())
        self._clear()
        return pa.table(table)

    def _documents(self, kind: pa.DataType) -> pa.Array:
        valid = None
        if self.nulls:
            bits = np.ones(len(self.rows), bool)
            bits[self.nulls] = False
            valid = pa.py_buffer(np.packbits(bits, bitorder="little"))
        ends = pa.py_buffer(np.array(self.ends, np.int64))
        data = pa.py_buffer(self.buffer[: self.ends[-1]])
        return pa.Array.from_buffers(kind, len(self.rows), [valid, ends, data], len(self.nulls))


def strings(values: Sequence[str | None]) -> pa.Array:
    """String array of str or None; a lone surrogate, which UTF-8 cannot hold, becomes U+FFFD."""
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([None if v is None else without_surrogates(v) for v in values], pa.string())


def utf8(text: str) -> bytes:
    """A string as UTF-8, lone surrogates as U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return without_surrogates(text).encode()


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
