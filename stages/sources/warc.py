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

from typing import Any, ClassVar

import pyarrow as pa

from curation.stage import StageParams, Types
from stages.sources.http_body import content_type, parse_response
from stages.sources.opening import PathList
from stages.sources.warc_records import BROKEN, TOO_LARGE, Record
from stages.sources.warc_source import WarcSource, record_key, without_brackets

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


class Limits(StageParams):
    """Parameters all sources of WARC pages share."""

    max_record_bytes: int = 64 << 20
    max_body_bytes: int = 32 << 20


class Params(Limits):
    """Parameters of the WARC source; see the file's docstring."""

    paths: PathList
    crawl: str | None = None


class Warc(WarcSource):
    """Source `warc`."""

    name = "warc"
    Params: ClassVar[type[StageParams]] = Params
    transient = frozenset({"content"})
    records = ("response", "conversion")

    def columns(self, params: Any, example: str | None) -> Types:
        return COLUMNS

    def row(self, record: Record, relative: str, params: Any, crawl: str | None) -> tuple[tuple[Any, ...], bytes | memoryview | None]:
        number, offset, _, kind, url, date, _, truncated, media, block, reason = record
        status = mime = charset = content = None
        if block is not None:
            status, mime, charset, content, problem = parse_response(block, params.max_body_bytes)
            if media is not None and status is None:
                mime, charset = content_type(media.encode())
            if problem == "cut":
                truncated = truncated or "decode"
            elif problem is not None:
                content, reason = None, TOO_LARGE if problem == "too_large" else BROKEN
        size = None if content is None else len(content)
        head = (number, record_key(record, relative), without_brackets(url), date, offset, reason)
        return (*head, status, mime, charset, kind, truncated, size, crawl), content


warc = Warc()
