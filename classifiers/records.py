"""Rows of JSON Lines, CSV and Parquet files as maps, each with its line, so that a mistake in one can be named."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.csv_file import MAX_LINE_BYTES, CsvFile
from curation.errors import Place, RecipeError
from stages.sources.lines import bounded_lines
from stages.sources.opening import CODECS, open_decompressed

BATCH_BYTES = 32 << 20
"""Of rows of Parquet that are held at a time."""
FORMATS = ".jsonl, .csv, .tsv (each also .gz, .zst, .bz2), .parquet"
_TABLES = {".csv": ",", ".tsv": "\t"}
_KINDS = {bool: "true or false", dict: "map", list: "list", int: "number", float: "number", str: "text"}


def records(file: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line (row of Parquet) from 1, and keys with values, of each row of a file.

    Raises: RecipeError naming file and line.
    """
    path = str(file)
    suffix = _suffix(path)
    reader = _csv_records if suffix in _TABLES else {".jsonl": _json_records, ".parquet": _parquet_records}.get(suffix)
    if reader is None or (reader is _parquet_records and not path.lower().endswith(suffix)):
        raise RecipeError(f"the suffix names the format: {FORMATS}", Place(path, 0, 0))
    try:
        yield from reader(path)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as e:
        raise RecipeError(f"cannot be read: {getattr(e, 'strerror', None) or e}", Place(path, 0, 0)) from e


def is_table(path: str | Path) -> bool:
    """Whether all values of a file are texts, whatever they mean: it is CSV or TSV."""
    return _suffix(str(path)) in _TABLES


def kind_of(value: Any) -> str:
    """What an error calls a value."""
    return _KINDS.get(type(value), type(value).__name__)


def _suffix(path: str) -> str:
    """The suffix of a file before that of its compression."""
    stem = path.lower()
    for suffix in CODECS:
        stem = stem.removesuffix(suffix)
    return Path(stem).suffix


def _json_records(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_decompressed(path) as stream:
        for number, (_, line) in enumerate(bounded_lines(stream, MAX_LINE_BYTES), 1):
            place = Place(path, number, 1)
            if line is None:
                raise RecipeError(f"a line of more than {MAX_LINE_BYTES >> 20} MiB", place)
            if not line or line.isspace():
                continue
            try:
                record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as e:
                raise RecipeError(f"not UTF-8: {e}", place) from e
            except (ValueError, RecursionError) as e:
                raise RecipeError(f"not JSON: {e}", place) from e
            if not isinstance(record, dict):
                raise RecipeError(f"a JSON object a line is wanted, not a {kind_of(record)}", place)
            yield number, record


def _csv_records(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of a table, all cells texts; empty ones are no values."""
    with open_decompressed(path) as raw, io.TextIOWrapper(io.BufferedReader(raw), "utf-8-sig", "surrogateescape", "") as text:
        for row in CsvFile(text, path, _TABLES[_suffix(path)]):
            yield row.line, {name: cell for name, cell in row.cells.items() if cell}


def parquet_batches(file: pq.ParquetFile, most: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Batches of at most so many rows, and of about BATCH_BYTES."""
    for i in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(i)
        rows = max(1, min(most, BATCH_BYTES * group.num_rows // max(1, group.total_byte_size)))
        yield from file.iter_batches(rows, row_groups=[i], columns=columns, use_threads=False)


def _parquet_records(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    row = 0
    with pq.ParquetFile(path) as file:
        for batch in parquet_batches(file, 1_024):
            for record in batch.to_pylist():
                row += 1
                yield row, record
