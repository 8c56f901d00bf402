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

from typing import Any

import pyarrow as pa

from curation.stage import StageParams, Types
from stages.sources.opening import PathList
from stages.sources.warc_records import Record
from stages.sources.warc_source import WarcSource, record_key, without_brackets


class Params(StageParams):
    """Parameters of the WET source; see the file's docstring."""

    paths: PathList
    crawl: str | None = None
    max_record_bytes: int = 64 << 20


class Wet(WarcSource):
    """Source `wet`."""

    name = "wet"
    Params = Params
    records = ("conversion",)

    def columns(self, params: Any, example: str | None) -> Types:
        return {"text": pa.large_string(), "truncated": pa.field("truncated", pa.string()), "crawl": pa.field("crawl", pa.string())}

    def row(self, record: Record, relative: str, params: Any, crawl: str | None) -> tuple[tuple[Any, ...], bytes | memoryview | None]:
        key, url = record_key(record, relative), without_brackets(record.url)
        text = None if record.block is None else valid_utf8(record.block)
        return (record.row, key, url, record.date, record.offset, record.problem, record.truncated, crawl), text


def valid_utf8(data: bytes) -> bytes:
    """The bytes with what is not UTF-8 replaced by U+FFFD."""
    try:
        data.decode()
        return data
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()


wet = Wet()
