"""Documents as they are labelled, learnt from and recalled: rows of a run's shards, or of any Parquet and JSONL files."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from classifiers.records import BATCH_BYTES, parquet_batches, records
from curation.documents import record_ids
from curation.domains import registrable_domains
from curation.errors import Place, RecipeError
from curation.storage import location, remote
from curation.survey import SOURCES, files_named

TYPES = {"id": pa.string(), "text": pa.large_string(), **dict.fromkeys(("url", "domain", "lang", "source"), pa.string())}
"""Columns every document may have; a file without `text` is refused, others it lacks are null."""
BATCH_ROWS = 2_048


def files(inputs: Sequence[str]) -> list[str]:
    """The files of runs (their one output), of folders (Parquet), of patterns, and those named, or their URLs; sorted, each once.

    Raises: RecipeError for what is none of these, and for a pattern no file fits.
    """
    found: set[str] = set()
    for given in inputs:
        pattern = files_named(given)
        if not pattern.endswith(tuple(SOURCES)):
            raise RecipeError(f"{given} is no run, no folder of Parquet files, and no file of {', '.join(SOURCES)}")
        place = location(pattern)
        if remote(place):
            fitting = [str(file) for file in place.parent.glob(place.name)] if glob.has_magic(place.name) else [pattern]
        else:
            fitting = glob.glob(pattern, recursive=True) if glob.has_magic(pattern) else [pattern]
        if not fitting or not all(file.exists() if remote(file) else file.is_file() for file in map(location, fitting)):
            raise RecipeError(f"{given}: no file {pattern}" if pattern != given else f"{given}: no such file")
        found.update(fitting)
    return sorted(found)


def tables(file: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Go through the rows of a file: those columns, in order, types as TYPES has them or as they are.

    `id` is made of the URL where a row has none, or else of the text; `domain` is the registrable domain of the URL where it is null.

    Raises: RecipeError naming the file (and line) if it cannot be read or lacks a column that is not of TYPES.
    """
    raw = _parquet(file, columns) if file.endswith(".parquet") else _jsonl(file, columns)
    for table in raw:
        yield pa.table({name: _column(table, name, file) for name in columns})


def _column(table: pa.Table, name: str, file: str) -> Any:
    kind = TYPES.get(name)
    there = name in table.column_names
    if not there and (kind is None or name == "text"):
        raise RecipeError(f"no column {name!r}; its columns are: {', '.join(table.column_names)}", Place(file, 0, 0))
    column = pa.nulls(table.num_rows, kind) if not there else _cast(table, name, file)
    if name == "id" and column.null_count:
        made = [record_ids(key, _cast(table, key, file)) for key in ("url", "text") if key in table.column_names]
        column = pc.coalesce(column, *made)
    if name == "domain" and column.null_count and "url" in table.column_names:
        column = pc.coalesce(column, registrable_domains(_cast(table, "url", file)))
    return column


def _cast(table: pa.Table, name: str, file: str) -> Any:
    kind = TYPES.get(name)
    try:
        return table[name] if kind is None else table[name].cast(kind)
    except pa.ArrowException as e:
        raise RecipeError(f"the column {name!r} holds {table[name].type}, not {kind}", Place(file, 0, 0)) from e


def _needed(columns: Sequence[str], ids: bool) -> list[str]:
    """Columns to read for those that are asked for: a `domain` needs the URL, an `id` where rows may lack it (`ids`) URL and text."""
    return list(dict.fromkeys([*columns, *["url"] * ("domain" in columns), *["url", "text"] * ("id" in columns and ids)]))


def _refuse_missing(columns: Sequence[str], there: Sequence[str], file: str) -> None:
    for name in columns:
        if name not in there and (name not in TYPES or name == "text"):
            raise RecipeError(f"no column {name!r}; its columns are: {', '.join(there)}", Place(file, 0, 0))


def _parquet(file: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    try:
        place = location(file)
        with pq.ParquetFile(place.open() if remote(place) else file, pre_buffer=bool(remote(place))) as stored:
            there = stored.schema_arrow.names
            _refuse_missing(columns, there, file)
            names = [name for name in _needed(columns, _may_lack(stored, "id")) if name in there]
            for batch in parquet_batches(stored, BATCH_ROWS, names):
                table = pa.Table.from_batches([batch])
                table.validate(full=True)  # Parquet readers do not look whether strings are UTF-8
                yield table
    except (OSError, pa.ArrowException) as e:
        raise RecipeError(f"cannot be read: {e}", Place(file, 0, 0)) from e


def _may_lack(stored: pq.ParquetFile, name: str) -> bool:
    """Whether rows may have no value of a column, by the statistics of the file."""
    groups = [stored.metadata.row_group(i) for i in range(stored.metadata.num_row_groups)]
    for group in groups:
        found = [c.statistics for c in map(group.column, range(group.num_columns)) if c.path_in_schema == name]
        if not found or found[0] is None or not found[0].has_null_count or found[0].null_count:
            return True
    return False


def _jsonl(file: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    names = _needed(columns, True)
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    chars = 0
    for line, record in records(file):
        if "text" in columns and not isinstance(record.get("text"), str):
            raise RecipeError("no text", Place(file, line, 1, "text"))
        rows.append({name: record[name] for name in names if name in record})  # what else a line holds may be large
        seen.update(record)
        chars += sum(len(value) for value in rows[-1].values() if isinstance(value, str))
        if len(rows) == BATCH_ROWS or chars >= BATCH_BYTES:
            yield _table(rows, names)
            rows, chars = [], 0
    if rows:
        yield _table(rows, names)
    if seen:
        _refuse_missing(columns, sorted(seen), file)


def _table(rows: list[dict[str, Any]], names: Sequence[str]) -> pa.Table:
    """Rows of JSON as a table: numbers as float64, all else as text."""
    made = {}
    for name in names:
        values = [row.get(name) for row in rows]
        if name not in TYPES and all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values):
            known = any(v is not None for v in values)
            made[name] = pa.array([None if v is None else float(v) for v in values], pa.float64() if known else pa.null())
        else:
            texts = [v if v is None else str(v).encode("utf-8", "replace").decode() for v in values]
            made[name] = pa.array(texts, TYPES.get(name, pa.string()))
    return pa.table(made)
