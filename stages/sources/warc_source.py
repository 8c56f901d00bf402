"""What the sources of WARC records share: warc, common_crawl and wet differ in the rows they make of a record."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pyarrow as pa

from curation.stage import Source
from stages.sources.batches import RowsToTables
from stages.sources.warc_names import refuse_other_formats, snapshot_in
from stages.sources.warc_records import Record, read_records

KIND = "warc"
"""Source kind of the ids, shared by all sources of WARC records: one record has one id."""


class WarcSource(Source):
    """A source of WARC records; `columns` names the document's column first."""

    drops = ("broken_record", "too_large", "duplicate_record")
    records: ClassVar[tuple[str, ...]]
    """Types of records that are documents."""

    @abstractmethod
    def row(self, record: Record, relative: str, params: Any, crawl: str | None) -> tuple[tuple[Any, ...], bytes | memoryview | None]:
        """A record as a row of `RowsToTables`, and its document."""

    def crawl(self, path: str, params: Any) -> str | None:
        """Snapshot of a file: as the recipe says, or as its path does."""
        named: str | None = params.crawl
        return named or snapshot_in(path)

    def check(self, path: str, params: Any) -> None:
        """Refuse ARC, CDX and WAT files, by name and (local files) by their first bytes.

        Raises: ValueError saying what the file is and what to use.
        """
        refuse_other_formats(path)

    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        """Yield the documents of a file.

        Raises: TaskError if the file cannot be read.
        """
        types = {n: t.type if isinstance(t, pa.Field) else t for n, t in self.columns(params, None).items()}
        document = next(iter(types.items()))
        tables = RowsToTables(KIND, relative, document, {n: t for n, t in types.items() if n != document[0]})
        crawl = self.crawl(path, params)
        for record in read_records(path, self.records, params.max_record_bytes, want, progress):
            if tables.add(*self.row(record, relative, params, crawl)):
                yield tables.take()
        if tables.rows:
            yield tables.take()


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
