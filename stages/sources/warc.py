"""Read pages from WARC files (WARC/1.0 and 1.1; plain, .gz, .zst, .lz4).

Source:  ISO 28500, with fastwarc; limits ours. Response and conversion records are documents; others
         (request, metadata, revisit, resource, warcinfo) are not and are not counted.
Units:   content = body of the page in bytes, chunks joined and content-encodings (gzip, deflate, br,
         zstd, also stacked) undone; body_bytes = its length. record_offset = start of the record's gzip
         member (zstd or lz4 frame), in a plain file of the record. truncated = WARC-Truncated, or
         "decode" where the encoded body is cut or damaged and content is what came before. mime and
         http_charset = HTTP Content-Type in lower case; a record without HTTP head has the record's own
         media type and no http_status. crawl = snapshot.
Params:  paths -- files or glob patterns, local or URLs.
         crawl -- snapshot name; null (default) = CC-MAIN-2024-10 and the like where the path has it.
         max_record_bytes -- a longer record is passed over (default 64 MiB).
         max_body_bytes -- bound on the body after each decoding (default 32 MiB), against bombs.
Drops:   broken_record (a damaged region, one each, with file and offset; reading goes on behind it: at
         the next gzip member or the next WARC/1. line; or a body of which nothing can be decoded);
         too_large (over max_record_bytes or max_body_bytes); duplicate_record (by the engine).
Errors:  ValueError before the run for ARC, CDX and WAT files, saying what to use. TaskError if a file
         cannot be read. A WARC-Date that is no date gives null. Digests are not checked.

The id is made of WARC-Record-ID; without one of URL and date, or of file and offset. A body declared
encoded that is not is taken as it is; HTML that is gzip without a declaration is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from curation.stage import Source, StageParams, Types
from stages.sources.batches import RowsToTables
from stages.sources.files import PathList, path_list
from stages.sources.http_body import content_type, parse_response
from stages.sources.warc_names import refuse_other_formats, snapshot_in
from stages.sources.warc_records import BROKEN, TOO_LARGE, Record, read_records

KIND = "warc"
"""Source kind of the ids, shared by all sources of WARC records: one record has one id."""
COLUMNS: dict[str, Any] = {
    "content": pa.large_binary(),
    "http_status": pa.field("http_status", pa.int16()),
    "mime": pa.field("mime", pa.string()),
    "http_charset": pa.field("http_charset", pa.string()),
    "warc_type": pa.string(),
    "truncated": pa.field("truncated", pa.string()),
    "body_bytes": pa.int64(),
    "crawl": pa.field("crawl", pa.string()),
}
TYPES = {name: kind.type if isinstance(kind, pa.Field) else kind for name, kind in COLUMNS.items() if name != "content"}


class Limits(StageParams):
    """Parameters all sources of WARC pages share."""

    max_record_bytes: int = 64 << 20
    max_body_bytes: int = 32 << 20


class Params(Limits):
    """Parameters of the WARC source; see the file's docstring."""

    paths: PathList
    crawl: str | None = None


class Warc(Source):
    """Source `warc`."""

    name = "warc"
    Params = Params
    transient = frozenset({"content"})
    drops = ("broken_record", "too_large", "duplicate_record")

    def paths(self, params: Any) -> list[str]:
        return path_list(params.paths)

    def columns(self, params: Any, example: str | None) -> Types:
        return COLUMNS

    def check(self, path: str, params: Any) -> None:
        """Refuse ARC, CDX and WAT files, by name and (local files) by their first bytes.

        Raises: ValueError saying what the file is and what to use.
        """
        refuse_other_formats(path)

    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        """Yield the pages of a file.

        Raises: TaskError if the file cannot be read.
        """
        yield from read_pages(path, relative, params, params.crawl or snapshot_in(path), want, progress)


def read_pages(
    path: str, relative: str, limits: Limits, crawl: str | None,
    want: Any = None, progress: Callable[[int], None] | None = None,
) -> Iterator[pa.Table]:  # fmt: skip
    """Yield the pages of one WARC file as tables; see `Source.read`."""
    tables = RowsToTables(KIND, relative, ("content", pa.large_binary()), TYPES)
    kinds = ("response", "conversion")
    for record in read_records(path, kinds, limits.max_record_bytes, want, progress):
        if tables.add(*_row(record, relative, limits.max_body_bytes, crawl)):
            yield tables.take()
    if tables.rows:
        yield tables.take()


def _row(record: Record, relative: str, max_body_bytes: int, crawl: str | None) -> tuple[tuple[Any, ...], bytes | memoryview | None]:
    """A record as a row of `RowsToTables`, and its content."""
    row, offset, _, kind, url, date, _, truncated, media, block, reason = record
    status = mime = charset = content = None
    if block is not None:
        status, mime, charset, content, problem = parse_response(block, max_body_bytes)
        if media is not None and status is None:
            mime, charset = content_type(media.encode())
        if problem == "cut":
            truncated = truncated or "decode"
        elif problem is not None:
            content, reason = None, TOO_LARGE if problem == "too_large" else BROKEN
    size = None if content is None else len(content)
    head = (row, record_key(record, relative), without_brackets(url), date, offset, reason)
    return (*head, status, mime, charset, kind, truncated, size, crawl), content


def record_key(record: Record, relative: str) -> str | None:
    """What the id is made of, or None where URL and date or file and offset are to serve."""
    if record.record_id:
        return record.record_id.strip("<> ")
    if record.inner and not (record.url and record.date):
        return f"{relative}:{record.offset}:{record.inner}"
    return None


def without_brackets(url: str | None) -> str | None:
    """The URL without the <> old wget put around it."""
    if url is not None and url[:1] == "<" and url[-1:] == ">":
        return url[1:-1]
    return url


warc = Warc()
