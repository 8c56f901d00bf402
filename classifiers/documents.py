"""Documents as they are labelled, learnt from and recalled: rows of a run's shards, or of any Parquet and JSONL files."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from classifiers.records import records
from curation.documents import record_ids
from curation.domains import registrable_domains
from curation.errors import Place, RecipeError
from curation.survey import SOURCES, files_named

TYPES = {"id": pa.string(), "text": pa.large_string(), **dict.fromkeys(("url", "domain", "lang", "source"), pa.string())}
"""Columns every document may have; a file without `text` is refused, others it lacks are null."""
BATCH_ROWS = 2_048
BATCH_BYTES = 32 << 20


def files(inputs: Sequence[str]) -> list[str]:
    """The files of runs (their one output), of folders (Parquet), of patterns, and those named; sorted, each once.

    Raises: RecipeError for what is none of these, and for a pattern no file fits.
    """
    found: set[str] = set()
    for given in inputs:
        pattern = files_named(given)
        if not pattern.endswith(tuple(SOURCES)):
            raise RecipeError(f"{given} is no run, no folder of Parquet files, and no file of {', '.join(SOURCES)}")
        fitting = glob.glob(pattern, recursive=True) if glob.has_magic(pattern) else [pattern]
        if not fitting or not all(Path(file).is_file() for file in fitting):
            raise RecipeError(f"{given}: no such file")
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
    try:
        column = pa.nulls(table.num_rows, kind) if not there else table[name] if kind is None else table[name].cast(kind)
    except pa.ArrowException as e:
        raise RecipeError(f"the column {name!r} holds {table[name].type}, not {kind}", Place(file, 0, 0)) from e
    if name == "id" and column.null_count:
        made = [record_ids(key, table[key].cast(TYPES[key])) for key in ("url", "text") if key in table.column_names]
        column = pc.coalesce(column, *made)
    if name == "domain" and column.null_count and "url" in table.column_names:
        column = pc.coalesce(column, registrable_domains(table["url"].cast(pa.string())))
    return column


def _wanted(columns: Sequence[str], there: Sequence[str], file: str) -> list[str]:
    """Columns to read for those that are asked for: a `domain` needs the URL, an `id` that is not there URL and text."""
    more = ["url"] * ("domain" in columns) + ["url", "text"] * ("id" in columns and "id" not in there)
    for name in columns:
        if name not in there and (name not in TYPES or name == "text"):
            raise RecipeError(f"no column {name!r}; its columns are: {', '.join(there)}", Place(file, 0, 0))
    return [name for name in dict.fromkeys([*columns, *more]) if name in there]


def _parquet(file: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(file) as stored:
            names = _wanted(columns, stored.schema_arrow.names, file)
            for i in range(stored.metadata.num_row_groups):
                group = stored.metadata.row_group(i)
                rows = max(1, min(BATCH_ROWS, BATCH_BYTES * group.num_rows // max(1, group.total_byte_size)))
                for batch in stored.iter_batches(rows, row_groups=[i], columns=names, use_threads=False):
                    table = pa.Table.from_batches([batch])
                    table.validate(full=True)  # Parquet readers do not look whether strings are UTF-8
                    yield table
    except (OSError, pa.ArrowException) as e:
        raise RecipeError(f"cannot be read: {e}", Place(file, 0, 0)) from e


def _jsonl(file: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    chars = 0
    for line, record in records(file):
        if "text" in columns and not isinstance(record.get("text"), str):
            raise RecipeError("no text", Place(file, line, 1, "text"))
        rows.append(record)
        seen.update(record)
        chars += len(record.get("text") or "")
        if len(rows) == BATCH_ROWS or chars >= BATCH_BYTES:
            yield _table(rows, columns, file)
            rows, chars = [], 0
    if rows:
        yield _table(rows, columns, file)
    if seen:
        _wanted(columns, sorted(seen), file)


def _table(rows: list[dict[str, Any]], columns: Sequence[str], file: str) -> pa.Table:
    """Rows of JSON as a table: numbers as float64, all else as text."""
    made = {}
    for name in dict.fromkeys([*columns, "id", "url", "text"]):
        values = [row.get(name) for row in rows]
        if name not in TYPES and all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values):
            known = any(v is not None for v in values)
            made[name] = pa.array([None if v is None else float(v) for v in values], pa.float64() if known else pa.null())
        else:
            texts = [v if v is None else str(v).encode("utf-8", "replace").decode() for v in values]
            made[name] = pa.array(texts, TYPES.get(name, pa.string()))
    return pa.table(made)
