"""Read documents from Parquet files.

Source:  any table with one document a row: FineWeb and the like, or curate's own shards. Values ours.
Units:   record_offset = number of the row in the file, from 0.
Params:  paths -- files or glob patterns, local or URLs.
         text -- column of the text (default text).
         id, url, date -- columns of these, used where the file has them (defaults id, url, date;
         null = none). An id that is not 32 hex digits is hashed; without one it is made of URL and
         date or, where one of them is missing, of file and row. A date is a timestamp, a day or ISO
         text; other text gives null.
         carry -- further columns to keep, in the type the first file has them; null where another file
         lacks them. `lang`, `source` or `domain` of a file travel only if named here.
         superseded -- folders `superseded` of later runs (or their files): documents listed there are left out.
Drops:   no_text (text is null); broken_record (text is not UTF-8); superseded (its id is on such a list);
         duplicate_record (by the engine).
Errors:  ValueError before the run if a file is not Parquet or lacks a named column. TaskError if the
         data is damaged: Parquet has no way to go on behind it.

Files over 1 GB are read in parts of whole row groups. Memory is flat: pages are decoded batch by batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from curation.documents import document_ids, id_pairs
from curation.errors import TaskError
from curation.stage import Source, Types
from stages.sources.batches import cut_by_bytes
from stages.sources.dates import is_date_like, utc_dates
from stages.sources.named_columns import NamedColumns
from stages.sources.opening import is_remote, open_binary
from stages.sources.superseded import SupersededList, listed, superseded_ids

PART_BYTES = 512 << 20
SPLIT_BYTES = 1 << 30
BATCH_ROWS = 8192
BATCH_BYTES = 8 << 20
READ_BYTES = 2 << 20


class Params(NamedColumns):
    """Parameters of the Parquet source; see the file's docstring."""

    carry: list[str] = Field(default=[])
    superseded: tuple[SupersededList, ...] = ()


class Parquet(Source):
    """Source `parquet`."""

    name = "parquet"
    Params = Params
    drops = ("no_text", "broken_record", "superseded", "duplicate_record")
    gives_text_again = True

    def columns(self, params: Any, example: str | None) -> Types:
        """`text` and the carried columns; their types are those of the example.

        Raises: ValueError if there are columns to carry and no example, or the example lacks one.
        """
        columns: dict[str, Any] = {"text": pa.large_string()}
        if not params.carry:
            return columns
        if example is None:
            raise ValueError("the types of carried columns are read from a file, and there is none")
        schema = _schema(example)
        for name in params.carry:
            _require(schema, name, example, "carry")
            columns[name] = pa.field(name, _carried_type(schema.field(name).type))
        return columns

    def check(self, path: str, params: Any) -> None:
        """Refuse what is not Parquet or lacks a column; a URL is looked into only when it is read.

        Raises: ValueError naming the columns there are.
        """
        if is_remote(path):
            return
        schema = _schema(path)
        _check_columns(schema, params, path)
        for key in ("id", "url", "date"):
            name = getattr(params, key)
            if name is not None and key in params.model_fields_set:
                _require(schema, name, path, key)

    def parts(self, path: str, size_bytes: int, params: Any) -> list[str]:
        """Runs of row groups of about 512 MB where the file is over 1 GB: `row_groups=0-7`."""
        if size_bytes <= SPLIT_BYTES:
            return [""]
        with open_binary(path) as file:
            footer = pq.ParquetFile(file).metadata
            sizes = [_stored_bytes(footer.row_group(i)) for i in range(footer.num_row_groups)]
        parts, first, total = [], 0, 0
        for i, size in enumerate(sizes):
            total += size
            if total >= PART_BYTES or i == len(sizes) - 1:
                parts.append(f"row_groups={first}-{i}")
                first, total = i + 1, 0
        return parts or [""]

    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        """Yield one part. A batch is decoded as a whole: `progress` is called with its first row.

        Raises: TaskError if the file is damaged or lacks the text column.
        """
        try:
            with open_binary(path) as file:
                stored = pq.ParquetFile(file, buffer_size=READ_BYTES, pre_buffer=False)
                _check_columns(stored.schema_arrow, params, path)
                gone = superseded_ids(params.superseded) if params.superseded else None
                yield from _read(stored, relative, part, params, gone, want, progress)
        except (pa.ArrowException, OSError, ValueError) as e:
            raise TaskError(f"{path}: {e}") from e

    def texts(self, path: str, part: str, params: Any) -> Iterator[tuple[int, Any]]:
        """Yield the text column of one part, a batch at a time."""
        with open_binary(path) as file:
            stored = pq.ParquetFile(file, buffer_size=READ_BYTES, pre_buffer=False, page_checksum_verification=True)
            first, last, _ = _row_groups(stored.metadata, part)
            row = 0
            for i in range(first, last + 1):
                rows = _batch_rows(stored.metadata.row_group(i))
                for batch in stored.iter_batches(rows, row_groups=[i], columns=[params.text], use_threads=False):
                    yield row, _utf8(batch.column(0), pa.large_string())[0]
                    row += batch.num_rows


def _row_groups(footer: Any, part: str) -> tuple[int, int, int]:
    """First and last row group of a part, and the rows of the file before it."""
    first, last = (int(i) for i in part.removeprefix("row_groups=").split("-")) if part else (0, footer.num_row_groups - 1)
    return first, last, sum(footer.row_group(i).num_rows for i in range(first))


def _batch_rows(group: Any) -> int:
    """Rows of a row group to decode at a time."""
    return int(max(1, min(BATCH_ROWS, BATCH_BYTES * group.num_rows // max(1, group.total_byte_size))))


def _read(
    stored: Any, relative: str, part: str, params: Params, gone: Any, want: Any, progress: Callable[[int], None] | None
) -> Iterator[pa.Table]:
    footer = stored.metadata
    first, last, offset = _row_groups(footer, part)
    there = set(stored.schema_arrow.names)
    wanted_columns = [params.text, params.id, params.url, params.date, *params.carry]
    names = [name for name in dict.fromkeys(wanted_columns) if name in there]
    row = 0
    for i in range(first, last + 1):
        group = footer.row_group(i)
        end = row + group.num_rows
        if want is None or _any_between(want, row, end):
            at = row
            for batch in stored.iter_batches(_batch_rows(group), row_groups=[i], columns=names, use_threads=False):
                count = batch.num_rows
                index = np.arange(at, at + count)
                if want is not None:
                    picked = want[np.searchsorted(want, at) : np.searchsorted(want, at + count)]
                    batch, index = batch.take(pa.array(picked - at)), picked
                if len(index):
                    if progress is not None:
                        progress(int(index[0]))
                    yield from _tables(batch, relative, index, offset, params, gone)
                at += count
        row = end


def _tables(batch: pa.RecordBatch, relative: str, rows: Any, offset: int, params: Params, gone: Any) -> Iterator[pa.Table]:
    """Core and carried columns of one batch, in pieces of at most 64 MB of text; `gone` as of `superseded_ids`, or None."""
    n = batch.num_rows
    offsets = pa.array(rows + offset, pa.int64())
    text, broken = _utf8(_column(batch, params.text), pa.large_string())
    url, _ = _utf8(_column(batch, params.url), pa.string())
    given, _ = _utf8(_column(batch, params.id), pa.string())
    dates = _column(batch, params.date)
    date = utc_dates(_utf8(dates, pa.string())[0] if _is_text(dates.type) else dates)
    reason = pa.nulls(n, pa.string())
    if text.null_count:
        reason = pc.if_else(text.is_null(), "no_text", reason)
    if broken is not None:
        reason = pc.if_else(pa.array(broken), "broken_record", reason)
    ids = document_ids(Parquet.name, given, url=url, date=date, relative=relative, offset=offsets)
    if gone is not None:
        reason = pc.if_else(pc.and_(reason.is_null(), pa.array(listed(id_pairs(ids), gone))), "superseded", reason)
    columns = {
        "id": ids,
        "url": url,
        "date": date,
        "record_file": pa.repeat(pa.scalar(relative, pa.string()), n),
        "record_offset": offsets,
        "text": text,
    }
    for name in params.carry:
        column = _column(batch, name)
        kind = _carried_type(column.type)
        columns[name] = _utf8(column, kind)[0] if _is_text(kind) else column.cast(kind)
    columns["_row"] = pa.array(rows, pa.int64())
    columns["drop_reason"] = reason
    table = pa.table(columns)
    sizes = pc.fill_null(pc.binary_length(text), 0).to_numpy(zero_copy_only=False)
    yield from cut_by_bytes(table, sizes, BATCH_BYTES)


def _column(batch: pa.RecordBatch, name: str | None) -> pa.Array:
    """One column of a batch, nulls if the file has none of that name."""
    if name is None or name not in batch.schema.names:
        return pa.nulls(batch.num_rows, pa.string())
    return batch.column(batch.schema.names.index(name))


def _utf8(column: pa.Array, kind: pa.DataType) -> tuple[pa.Array, Any]:
    """A column as strings whose bytes are UTF-8, and which rows were not (bool (n,), or None for none).

    Parquet readers do not check it; a row that is not UTF-8 gets U+FFFD for the wrong bytes.
    """
    column = column.cast(kind)
    try:
        column.validate(full=True)
        return column, None
    except pa.ArrowInvalid:
        raw = column.cast(pa.large_binary()).to_pylist()
        values = [None if value is None else value.decode("utf-8", "replace") for value in raw]
        same = [value is None or value.encode() == was for was, value in zip(raw, values, strict=True)]
        return pa.array(values, kind), ~np.array(same)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _carried_type(kind: pa.DataType) -> pa.DataType:
    """The plain type a carried column has in shards: no dictionaries, no views, no null type."""
    if pa.types.is_dictionary(kind):
        return _carried_type(kind.value_type)
    if pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(kind) else kind


def _schema(path: str) -> pa.Schema:
    """Schema in the footer of a Parquet file.

    Raises: ValueError if it is not one.
    """
    try:
        with open_binary(path) as file:
            return pq.ParquetFile(file).schema_arrow
    except (pa.ArrowException, OSError) as e:
        raise ValueError(f"{path} is not a readable Parquet file: {e}") from e


def _check_columns(schema: pa.Schema, params: Params, path: str) -> None:
    """Raise ValueError unless the text column is there and text and dates have a usable type."""
    _require(schema, params.text, path, "text")
    kind = schema.field(params.text).type
    if not _is_text(_carried_type(kind)):
        raise ValueError(f"{path}: the text column {params.text!r} holds {kind}, not strings")
    if params.date in schema.names and not is_date_like(_carried_type(schema.field(params.date).type)):
        kind = schema.field(params.date).type
        raise ValueError(
            f"{path}: the date column {params.date!r} holds {kind}; use a timestamp, a date or ISO 8601 text, or say `date: null`"
        )


def _require(schema: pa.Schema, name: str, path: str, parameter: str) -> None:
    if name not in schema.names:
        there = ", ".join(schema.names)
        raise ValueError(f"{path} has no column {name!r} ({parameter}: {name}); its columns are: {there}")


def _stored_bytes(group: Any) -> int:
    return sum(group.column(i).total_compressed_size for i in range(group.num_columns))


def _any_between(want: Any, start: int, stop: int) -> bool:
    """Whether any wanted row lies in [start, stop)."""
    return bool(np.searchsorted(want, start) < np.searchsorted(want, stop))


parquet = Parquet()
