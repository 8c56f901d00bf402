"""Read documents from JSON Lines: one JSON object a line; plain, .gz, .zst or .bz2.

Source:  the format of C4, Dolma and most published corpora. Values ours.
Units:   record_offset = byte of the line's start in the decompressed file; blank lines are no records.
Params:  paths -- files or glob patterns, local or URLs.
         text -- key of the text (default text).
         id, url, date -- keys of these, used where a line has them (defaults id, url, date; null =
         none). An id that is not 32 hex digits is hashed; without one it is made of URL and date or,
         where one of them is missing, of file and offset. A date that is not ISO 8601 gives null.
         carry -- further keys to keep: {key: string | int64 | float64 | bool | list<string>}; null
         where a line lacks them.
         max_line_bytes -- a longer line is not read into memory (default 64 MiB).
Drops:   broken_record (not JSON, not an object, not UTF-8, a text or carried value of another type,
         a line too long, compressed data damaged from here on); no_text (text missing or null);
         duplicate_record (by the engine).
Errors:  ValueError before the run if a file is a JSON array or Parquet. A lone surrogate escape in a
         string becomes U+FFFD.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from curation.stage import Source, Types
from stages.sources.batches import RowsToTables, utf8
from stages.sources.lines import bounded_lines
from stages.sources.named_columns import NamedColumns
from stages.sources.opening import head, open_decompressed

CarriedType = Literal["string", "int64", "float64", "bool", "list<string>"]
TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "list<string>": pa.list_(pa.string()),
}
BOM = b"\xef\xbb\xbf"


class Params(NamedColumns):
    """Parameters of the JSONL source; see the file's docstring."""

    carry: dict[str, CarriedType] = Field(default={})
    max_line_bytes: int = 64 << 20


class Jsonl(Source):
    """Source `jsonl`."""

    name = "jsonl"
    Params = Params
    drops = ("broken_record", "no_text", "duplicate_record")

    def columns(self, params: Any, example: str | None) -> Types:
        carried = {name: pa.field(name, TYPES[kind]) for name, kind in params.carry.items()}
        return {"text": pa.large_string(), **carried}

    def check(self, path: str, params: Any) -> None:
        """Refuse a JSON array and a Parquet file.

        Raises: ValueError saying what to do instead.
        """
        first = head(path)
        if first.startswith(b"PAR1"):
            raise ValueError(f"{path} is a Parquet file: say `use: parquet`")
        if first.removeprefix(BOM).lstrip()[:1] == b"[":
            raise ValueError(f"{path} is one JSON array, not an object a line: convert it, `jq -c '.[]'`")

    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        carried = [(name, _CHECKS[kind]) for name, kind in params.carry.items()]
        columns = {name: TYPES[kind] for name, kind in params.carry.items()}
        tables = RowsToTables(self.name, relative, ("text", pa.large_string()), columns)
        wanted = None if want is None else set(map(int, want))
        last_wanted = None if want is None else (int(want[-1]) if len(want) else -1)
        for row, (offset, line) in enumerate(_records(path, params.max_line_bytes)):
            if last_wanted is not None and row > last_wanted:
                break
            if wanted is not None and row not in wanted:
                continue
            if progress is not None:
                progress(row)
            fields = None if line is None else _fields(line, params, carried)
            if fields is None:
                fields = (None, None, None, "broken_record", None, *([None] * len(carried)))
            given, url, date, reason, text, *others = fields
            document = None if text is None else utf8(text)
            if tables.add((row, given, url, date, offset, reason, *others), document):
                yield tables.take()
        if tables.rows:
            yield tables.take()


def _records(path: str, max_line_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Offset and bytes of each line that is not blank; None for one too long or lost to damage."""
    end = 0
    with open_decompressed(path) as stream:
        try:
            for offset, line in bounded_lines(stream, max_line_bytes):
                if line is not None:
                    end = offset + len(line) + 1
                    if offset == 0:
                        line = line.removeprefix(BOM)
                    if not line or line.isspace():
                        continue
                yield offset, line
        except OSError:
            # The compressed stream is damaged or cut: nothing behind this point can be found again.
            yield end, None


def _fields(line: bytes, params: Params, carried: list[tuple[str, Any]]) -> tuple[Any, ...] | None:
    """(id, URL, date, drop reason, text, *carried) of one line; None if the line is broken."""
    try:
        record = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    text = record.get(params.text)
    if text is not None and not isinstance(text, str):
        return None
    others = []
    for name, has_type in carried:
        value = record.get(name)
        if value is not None and not has_type(value):
            return None
        others.append(value)
    return (
        _word(record.get(params.id)), _word(record.get(params.url)), _word(record.get(params.date)),
        "no_text" if text is None else None, text, *others,
    )  # fmt: skip


def _word(value: Any) -> str | None:
    """An id, URL or date as text; numbers too, since ids often are."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _is_int64(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "int64": _is_int64,
    "float64": lambda value: isinstance(value, float) or _is_int64(value),
    "bool": lambda value: isinstance(value, bool),
    "list<string>": lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
}


jsonl = Jsonl()
