"""Read the text of Common Crawl's WET files: conversion records of a WARC.

Source:  ISO 28500; https://commoncrawl.org/get-started; limits ours. Other records are not counted.
Units:   text = the record's block, wrong UTF-8 replaced by U+FFFD; record_offset = start of its gzip
         member, in a plain file of the record; truncated = WARC-Truncated; crawl = snapshot.
Params:  paths -- files or glob patterns, local or URLs.
         crawl -- snapshot name; null (default) = CC-MAIN-2024-10 and the like where the path has it.
         max_record_bytes -- a longer record is passed over (default 64 MiB).
Drops:   broken_record (a damaged region, one each; reading goes on behind it); too_large (over
         max_record_bytes); duplicate_record (by the engine).
Errors:  ValueError before the run for ARC, CDX and WAT files. TaskError if a file cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from curation.stage import Source, StageParams, Types
from stages.sources.batches import RowsToTables
from stages.sources.files import PathList, path_list
from stages.sources.warc import KIND, record_key, without_brackets
from stages.sources.warc_names import refuse_other_formats, snapshot_in
from stages.sources.warc_records import read_records


class Params(StageParams):
    """Parameters of the WET source; see the file's docstring."""

    paths: PathList
    crawl: str | None = None
    max_record_bytes: int = 64 << 20


class Wet(Source):
    """Source `wet`."""

    name = "wet"
    Params = Params
    drops = ("broken_record", "too_large", "duplicate_record")

    def paths(self, params: Any) -> list[str]:
        return path_list(params.paths)

    def columns(self, params: Any, example: str | None) -> Types:
        truncated, crawl = pa.field("truncated", pa.string()), pa.field("crawl", pa.string())
        return {"text": pa.large_string(), "truncated": truncated, "crawl": crawl}

    def check(self, path: str, params: Any) -> None:
        """Refuse ARC, CDX and WAT files.

        Raises: ValueError saying what the file is and what to use.
        """
        refuse_other_formats(path)

    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        """Yield the texts of a file.

        Raises: TaskError if the file cannot be read.
        """
        crawl = params.crawl or snapshot_in(path)
        columns = {"truncated": pa.string(), "crawl": pa.string()}
        tables = RowsToTables(KIND, relative, ("text", pa.large_string()), columns)
        for record in read_records(path, ("conversion",), params.max_record_bytes, want, progress):
            key, url = record_key(record, relative), without_brackets(record.url)
            row = (record.row, key, url, record.date, record.offset, record.problem, record.truncated, crawl)
            if tables.add(row, None if record.block is None else valid_utf8(record.block)):
                yield tables.take()
        if tables.rows:
            yield tables.take()


def valid_utf8(data: bytes) -> bytes:
    """The bytes with what is not UTF-8 replaced by U+FFFD."""
    try:
        data.decode()
        return data
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()


wet = Wet()
