"""Read pages from dumps of Wikipedia and other MediaWikis (pages-articles; .xml plain, .bz2, multistream .bz2, .gz, .zst).

Source:  MediaWiki's XML dumps, schemas 0.3 to 0.11; limits ours. Every page is a document, redirects and templates too:
         clean_wikitext tells them apart. Of a page with several revisions the last one is read.
Units:   content = wikitext in UTF-8. namespace = 0 for articles. redirect = title a redirect leads to. date = of the revision.
         declared_lang = language of the wiki. url = address of the page. record_offset = start of the bz2 stream the page begins in,
         as in the index of a multistream dump; in another file the byte at which the page begins, decompressed.
Params:  paths -- files or glob patterns, local or URLs; leave out the index files.
         max_page_bytes -- a longer page is not read into memory (default 32 MiB of XML; MediaWiki allows 2 MiB of text).
         part_bytes -- plain and .bz2 files are read in parts of so many bytes, by any number of workers (default 64 MiB); a .bz2 of
         one stream by one worker all the same.
Drops:   broken_record (a page without an end, a title or a text, markup within its text; a damaged region, one each: reading goes on
         at the next page, in a .bz2 at the next stream; a DTD: its entities are not expanded); too_large (over max_page_bytes);
         duplicate_record (by the engine).
Errors:  ValueError before the run if a local file is no dump, such as the index of one. UTF-16 is read, by one worker.

The id is made of URL and date of the revision, so that a page that did not change between two dumps is one document; where one of
them is missing, of the file and the page's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pyarrow as pa
from pydantic import Field

from curation.stage import Source, StageParams, Types
from stages.sources.batches import RowsToTables
from stages.sources.dumps.wiki_dump import Found, Site, address_of, encoding_of, head_of, pages, parse, site_of
from stages.sources.dumps.wiki_pieces import pieces, utf8_pieces
from stages.sources.opening import PathList, is_remote

COLUMNS: dict[str, Any] = {
    "title": pa.field("title", pa.string()),
    "page_id": pa.field("page_id", pa.int64()),
    "namespace": pa.field("namespace", pa.int32()),
    "redirect": pa.field("redirect", pa.string()),
    "content_model": pa.field("content_model", pa.string()),
    "declared_lang": pa.field("declared_lang", pa.string()),
}
END = 1 << 62
"""Behind the end of any file."""


class Params(StageParams):
    """Parameters of the wikipedia source; see the file's docstring."""

    paths: PathList
    max_page_bytes: int = Field(32 << 20, ge=1)
    part_bytes: int = Field(64 << 20, ge=1)


class Wikipedia(Source):
    """Source `wikipedia`."""

    name = "wikipedia"
    Params = Params
    drops = ("broken_record", "too_large", "duplicate_record")
    transient = frozenset({"content"})

    def columns(self, params: Any, example: str | None) -> Types:
        return {"content": pa.large_binary(), **COLUMNS}

    def check(self, path: str, params: Any) -> None:
        """Refuse what is no dump, by its first bytes; what is too damaged to have any is left to `read`.

        Raises: ValueError saying what is wrong.
        """
        if is_remote(path):
            return
        head = head_of(path)
        if head and b"<mediawiki" not in head.decode(encoding_of(head), "replace").encode():
            index = " (it seems to be the index of one: leave it out of paths)" if "-index" in path else ""
            raise ValueError(f"{path} is no MediaWiki dump: no <mediawiki> at its start{index}")

    def parts(self, path: str, size_bytes: int, params: Any) -> list[str]:
        """Ranges of bytes, where a file can be read from any place."""
        whole = size_bytes <= params.part_bytes or path.lower().endswith((".gz", ".zst", ".zstd"))
        if whole:
            return [""]
        cuts = [*range(0, size_bytes, params.part_bytes), size_bytes]
        return [f"bytes={start}-{stop}" for start, stop in pairwise(cuts)]

    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        site = site_of(head_of(path), path)
        tables = RowsToTables(self.name, relative, ("content", pa.large_binary()), {name: field.type for name, field in COLUMNS.items()})
        wanted = None if want is None else set(map(int, want))
        last_wanted = None if want is None else (int(want[-1]) if len(want) else -1)
        for row, found in enumerate(_found(path, part, site, params)):
            if last_wanted is not None and row > last_wanted:
                break
            if wanted is not None and row not in wanted:
                continue
            if progress is not None:
                progress(row)
            if tables.add(*_row(row, found, site, relative)):
                yield tables.take()
        if tables.rows:
            yield tables.take()


def _found(path: str, part: str, site: Site, params: Any) -> Iterator[Found]:
    """The pages of a part; first, at the file's start, a DTD."""
    start, stop = (int(n) for n in part.removeprefix("bytes=").split("-")) if part else (0, END)
    if site.has_dtd and start == 0:
        yield Found(None, "broken_record", 0, -1)
    if site.encoding == "utf-8":
        yield from pages(pieces(path, start, stop), params.max_page_bytes)
    elif start == 0:
        yield from pages(utf8_pieces(pieces(path, 0, END), site.encoding), params.max_page_bytes)


def _row(row: int, found: Found, site: Site, relative: str) -> tuple[tuple[Any, ...], bytes | None]:
    """A page as a row of `RowsToTables`, and its text."""
    place = f"{relative}:{found.offset}:{found.at}"
    page = None if found.raw is None else parse(found.raw)
    if page is None:
        return (row, place, None, None, found.offset, found.reason or "broken_record", *(None for _ in COLUMNS)), None
    url = address_of(page.title, site)
    given = None if url and page.date else place
    told = (page.title, page.page_id, page.namespace, page.redirect, page.content_model, site.language)
    return (row, given, url, page.date, found.offset, None, *told), page.content


wikipedia = Wikipedia()
