"""The only reader and writer of shards.

A shard is one Parquet file. The same rows give the same bytes on any machine and with any number
of workers: rows are rebuffered into row groups by a rule on data alone (at most 8,192 rows and
64 MB of variable-width data), columns are contiguous, the writer's options are fixed and nothing
about time, host or path is stored.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from curation.errors import AccountError, TaskError
from curation.storage import HashedFile

ROW_GROUP_ROWS = 8_192
ROW_GROUP_BYTES = 64 << 20
NO_DICTIONARY = frozenset({"id", "url", "text", "title", "duplicate_of", "record_offset"})


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with exactly these columns, in this order and these types; absent ones are null."""
    columns = []
    for field in schema:
        if field.name in table.column_names:
            column = table.column(field.name)
            columns.append(column if column.type == field.type else column.cast(field.type))
        else:
            columns.append(pa.nulls(table.num_rows, field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def variable_bytes(table: pa.Table) -> Any:
    """Bytes of string and binary values of each row: int64 (n,)."""
    total = np.zeros(table.num_rows, dtype=np.int64)
    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        if pa.types.is_large_string(kind) or pa.types.is_string(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary(kind):
            total += value_bytes(table.column(name))
    return total


def value_bytes(column: Any) -> Any:
    """Bytes of each value of a string or binary column (null = 0): int64 (n,)."""
    return pc.fill_null(pc.binary_length(column), 0).to_numpy().astype(np.int64, copy=False)


class ShardWriter:
    """Writes one shard, row group by row group, in flat memory.

    Args:
        path: the attempt's file name.
        schema: columns in order.
        packed: compress pages and look for repeated values; hashes are not worth the time.
    """

    def __init__(self, path: Path, schema: pa.Schema, packed: bool = True) -> None:
        self.schema, self.rows = schema, 0
        self._sink = HashedFile(path)
        plain = [f.name for f in schema if packed and _dictionary_pays(f)]
        self._writer = pq.ParquetWriter(
            self._sink, schema, compression="zstd" if packed else "none", compression_level=1 if packed else None, use_dictionary=plain,
            write_statistics=[f.name for f in schema if packed and not _is_long(f)], store_schema=True, version="2.6",
            data_page_version="1.0", write_page_index=False, write_page_checksum=True,
        )  # fmt: skip
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._pending_bytes = 0

    def write(self, table: pa.Table) -> None:
        """Append rows; the columns must be the schema's."""
        if table.num_rows == 0:
            return
        table = conform(table, self.schema)
        sizes = variable_bytes(table)
        start = 0
        ends = np.cumsum(sizes)
        while start < table.num_rows:
            base = ends[start - 1] if start else 0
            room_rows = ROW_GROUP_ROWS - self._pending_rows
            room_bytes = ROW_GROUP_BYTES - self._pending_bytes
            stop = min(start + room_rows, int(np.searchsorted(ends, base + room_bytes, side="right")))
            if stop == start and self._pending_rows:
                self._flush()
                continue
            stop = max(stop, start + 1)
            self._pending.append(table.slice(start, stop - start))
            self._pending_rows += stop - start
            self._pending_bytes += int(ends[stop - 1] - base)
            start = stop
            if self._pending_rows >= ROW_GROUP_ROWS or self._pending_bytes >= ROW_GROUP_BYTES:
                self._flush()

    def _flush(self) -> None:
        if not self._pending_rows:
            return
        table = pa.concat_tables(self._pending)
        if not (len(self._pending) == 1 and all(c.num_chunks == 1 for c in table.columns)):
            table = table.combine_chunks()
        self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        self.rows += table.num_rows
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0

    def close(self) -> dict[str, Any]:
        """Finish the file; returns its facts: file, bytes, xxh3, footer (see `footer_hash`), rows."""
        self._flush()
        self._writer.close()
        self._sink.close()
        return {**self._sink.facts(), "footer": footer_hash(self._sink.local), "rows": self.rows}


def _is_long(field: pa.Field) -> bool:
    return field.name in ("text", "title") or pa.types.is_nested(field.type)


def _dictionary_pays(field: pa.Field) -> bool:
    return (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)) and field.name not in NO_DICTIONARY


class LazyShard:
    """A shard whose file exists only if a row was written to it."""

    def __init__(self, path: Path, schema: pa.Schema, packed: bool = True) -> None:
        self.path, self.schema, self.packed = path, schema, packed
        self._writer: ShardWriter | None = None

    def write(self, table: pa.Table) -> None:
        if table.num_rows:
            if self._writer is None:
                self._writer = ShardWriter(self.path, self.schema, self.packed)
            self._writer.write(table)

    def close(self) -> dict[str, Any] | None:
        return self._writer.close() if self._writer else None


def footer_hash(path: str | Path) -> int:
    """xxh3-64 of a Parquet file's footer, which says where columns lie and what they are; pages have checksums of their own."""
    with open(path, "rb") if isinstance(path, str | Path) else path.open() as file:
        return _footer_hash(file)


def _footer_hash(file: Any) -> int:
    size = file.seek(-8, os.SEEK_END) + 8
    length = int.from_bytes(file.read(4), "little")
    file.seek(max(0, size - 8 - length))
    return xxhash.xxh3_64_intdigest(file.read())


@contextmanager
def opened(path: str | Path, footer: int | None = None) -> Iterator[Any]:
    """A shard as pyarrow's ParquetFile; `footer` as for `read_batches`. Of an object, what a read wants is fetched in ranges.

    Raises: AccountError if the file is gone or damaged, here or while it is read.
    """
    local = isinstance(path, str | Path)
    try:
        source = path if local else path.open()  # type: ignore[union-attr]
        if footer is not None and (footer_hash(path) if local else _footer_hash(source)) != footer:
            raise AccountError(f"{path} is damaged, rows are lost: its footer is not the one that was written")
        with pq.ParquetFile(source, pre_buffer=not local, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError as e:
        raise AccountError(f"{path} is gone: rows are lost") from e
    except (pa.ArrowException, OSError) as e:
        raise AccountError(f"{path} is damaged, rows are lost: {e}") from e


def count_rows(path: str | Path, columns: Sequence[str]) -> tuple[int, int]:
    """Rows of a shard of an earlier run, and the hash of its footer.

    Raises: AccountError if it cannot be read; TaskError if it lacks one of the columns.
    """
    with opened(path) as file:
        if absent := [c for c in columns if c not in file.schema_arrow.names]:
            raise TaskError(f"{path} has no column {absent[0]!r}; its columns are: {', '.join(file.schema_arrow.names)}")
        return file.metadata.num_rows, footer_hash(path)


def column_names(path: str | Path, footer: int | None = None) -> list[str]:
    """Columns of a shard; `footer` as for `read_batches`."""
    with opened(path, footer) as file:
        names: list[str] = file.schema_arrow.names
        return names


def read_batches(path: str | Path, columns: Sequence[str] | None = None, footer: int | None = None) -> Iterator[pa.Table]:
    """The row groups of a shard, one table each.

    Args:
        footer: what `footer_hash` must give, as the shard's record says; None does not check it.
    Raises: AccountError if the file is gone or damaged.
    """
    with opened(path, footer) as file:
        for index in range(file.metadata.num_row_groups):
            yield file.read_row_group(index, columns=list(columns) if columns is not None else None, use_threads=False)


def read_rows(
    path: str | Path, rows: Any, footer: int | None, numbered: bool = True, columns: Sequence[str] | None = None
) -> Iterator[Any]:  # fmt: skip
    """Some documents of a file.

    Args:
        rows: int64, non-decreasing: which are wanted, some perhaps more than once.
        footer: as for `read_batches`.
        numbered: rows are values of the file's column `row`, increasing; else they are counted from 0.
        columns: which columns; None = all.
    Yields: (low, high, table): the table has a row for each of rows[low:high], of ROW_GROUP_BYTES or one row; groups
        without any are not read.
    Raises: AccountError if the file is gone or damaged, or a row is not in it.
    """
    low = base = 0
    with opened(path, footer) as file:
        for index in range(file.metadata.num_row_groups):
            if low == len(rows):
                return
            if numbered:
                here = file.read_row_group(index, columns=["row"], use_threads=False)["row"].to_numpy()
            else:
                here = np.arange(base, base + file.metadata.row_group(index).num_rows)
            base += len(here)
            high = int(np.searchsorted(rows, here[-1], side="right"))
            if high == low:
                continue
            place = np.searchsorted(here, rows[low:high])
            if (here[place] != rows[low:high]).any():
                raise AccountError(f"{path}: a document that is asked for is not in it")
            group = file.read_row_group(index, columns=columns, use_threads=False)
            ends = np.cumsum(variable_bytes(group)[place])
            start = 0
            while start < len(place):  # one document may be asked for by a hundred thousand
                stop = max(start + 1, int(np.searchsorted(ends, (ends[start - 1] if start else 0) + ROW_GROUP_BYTES, side="right")))
                yield low + start, low + stop, group.take(pa.array(place[start:stop]))
                start = stop
            low = high
    if low != len(rows):
        raise AccountError(f"{path}: a document that is asked for is not in it")
