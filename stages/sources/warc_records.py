"""Records of WARC files: fastwarc while all is well, `warc_recovery.py` around what is damaged.

A record is handed out once the next one has been found where it should be, so that a record with a
wrong length is not taken for a good one. From the last record on, every file is read with care, which
tells a whole last record from a cut one. The same records get the same numbers whatever is wanted.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from typing import Any, NamedTuple

from fastwarc.warc import ArchiveIterator, WarcHeader, WarcRecordType

from curation.errors import TaskError
from stages.sources.opening import Input, open_input
from stages.sources.warc_recovery import (
    DAMAGE,
    START,
    Container,
    Found,
    careful_records,
    gzip_chunks,
    lz4_chunks,
    plain_chunks,
    zstd_chunks,
)

GOOD_RECORDS = 16
"""So many good records in a row behind a damage, and fastwarc takes over again."""
PEEK_BYTES = 256 << 10
TOO_LARGE, BROKEN = "too_large", "broken_record"
DAMAGED, END, WHOLE = "damaged", "end", "whole"


class Record(NamedTuple):
    """One record.

    row: its number among the records of the wanted types. offset: of its gzip member or zstd or lz4
    frame, in a plain file its own. inner: its position in that member if it is not the first there, else 0.
    media: the record's own Content-Type, only if the block is not HTTP. block: None with a problem.
    problem: None, "too_large", or "broken_record" (then all but row, offset and inner is null).
    """

    row: int
    offset: int
    inner: int
    kind: str | None
    url: str | None
    date: str | None
    record_id: str | None
    truncated: str | None
    media: str | None
    block: bytes | None
    problem: str | None


def read_records(
    path: str, kinds: tuple[str, ...], max_record_bytes: int,
    want: Any = None, progress: Callable[[int], None] | None = None,
) -> Iterator[Record]:  # fmt: skip
    """Go through the records of some types, in file order.

    Args:
        path: local path or URL of a WARC, plain, .gz, .zst or .lz4.
        kinds: WARC types to count and yield ("response", "conversion" ...).
        max_record_bytes: a longer record is passed over without being held in memory.
        want: rows to yield (increasing); others are counted and passed over.
        progress: called with a row before its block is read.
    Raises: TaskError if the file cannot be read, or is an ARC file.
    """
    with open_input(path) as file:
        container, shares_members = _container(file, path)
        if container is not None:
            reader = _Reader(file, kinds, container, max_record_bytes, want, progress or _no_progress)
            yield from reader.records(careful_only=shares_members)


def _no_progress(row: int) -> None:
    """What is called where nobody asks for progress."""


def _container(file: Input, path: str) -> tuple[Container | None, bool]:
    """How the file is packed (None: it is empty), and whether several records share a gzip member."""
    first = file.read(64)
    if not first:
        return None, False
    if first.startswith(b"filedesc://"):
        raise TaskError(f"{path} is an ARC file; convert it to WARC first (`warcio recompress`)")
    if first[:4] == b"\x28\xb5\x2f\xfd" or (first[1:4] == b"\x2a\x4d\x18" and first[0] & 0xF0 == 0x50):
        return zstd_chunks, False
    if first[:4] == b"\x04\x22\x4d\x18":
        return lz4_chunks, False
    if first[:2] == b"\x1f\x8b" or (path.endswith(".gz") and first[:5] != b"WARC/"):
        return gzip_chunks, _shares_members(file)
    return plain_chunks, False


def _shares_members(file: Input) -> bool:
    """Whether one of the first two members of a gzip file is more or less than one record."""
    members: list[bytes] = []
    for kind, _, data in gzip_chunks(file, 0):
        if kind == DAMAGE or (kind == START and len(members) == 2):
            break
        if kind == START:
            members.append(b"")
        else:
            members[-1] += data
            if len(members[-1]) > PEEK_BYTES:
                break
    return any(_is_not_one_record(data) for data in members)


def _is_not_one_record(data: bytes) -> bool:
    records = islice(careful_records(io.BytesIO(data), 0, plain_chunks, len(data)), 2)
    return not data.startswith(b"WARC/") or len(list(records)) != 1


class _Reader:
    """One pass over one file: see `read_records`."""

    def __init__(
        self, file: Input, kinds: tuple[str, ...], container: Container, max_record_bytes: int,
        want: Any, progress: Callable[[int], None],
    ) -> None:  # fmt: skip
        self.file, self.kinds, self.container, self.progress = file, kinds, container, progress
        self.max_record_bytes = max_record_bytes
        self.wanted = None if want is None else {int(row) for row in want}
        self.last_wanted = None if self.wanted is None else max(self.wanted, default=-1)
        self.mask = WarcRecordType.no_type
        for kind in kinds:
            self.mask |= getattr(WarcRecordType, kind)

    def records(self, careful_only: bool) -> Iterator[Record]:
        """All wanted records: with fastwarc up to a damage, with care past it, and so on."""
        offset, row, good_records = 0, 0, GOOD_RECORDS
        while not self.is_over(row):
            if careful_only:
                yield from self.careful(offset, row)
                return
            last_offset, last_row, state = yield from self.fast(offset, row)
            if state == WHOLE or self.is_over(last_row):
                return
            if not self.begins_at(last_offset):
                # Records share gzip members after all: offsets from fastwarc lead nowhere.
                seen = last_row
                yield from (record for record in self.careful(offset, row) if record.row >= seen)
                return
            resume = yield from self.careful(last_offset, last_row, None if state == END else good_records)
            if resume is None:
                return
            offset, row = resume
            good_records *= 2

    def is_over(self, row: int) -> bool:
        """Whether no row from this one on is wanted."""
        return self.last_wanted is not None and row > self.last_wanted

    def begins_at(self, offset: int) -> bool:
        """Whether a gzip member begins at an offset (for other containers: yes)."""
        if self.container is not gzip_chunks or offset == 0:
            return True
        self.file.seek(offset)
        return self.file.read(2) == b"\x1f\x8b"

    def fast(self, offset: int, row: int) -> Generator[Record, None, tuple[int, int, str]]:
        """Records up to the end or the first difficulty, but for the last one.

        Returns: offset and row of the last one (or where it began), and what stopped it.
        """
        wanted, limit, progress = self.wanted, self.max_record_bytes, self.progress
        pending: Record | None = None
        row -= 1
        state, first = DAMAGED, True
        self.file.seek(offset)
        try:
            for record in ArchiveIterator(self.file, record_types=self.mask, parse_http=False):
                at = record.stream_pos
                if at <= offset and not first:
                    break  # records share a gzip member
                if pending is not None:
                    yield pending
                    pending = None
                offset, first = at, False
                row += 1
                if wanted is not None and row not in wanted:
                    if self.is_over(row):
                        return offset, row, WHOLE
                    continue
                progress(row)
                length = record.content_length
                block, problem, media = None, None, None
                if length > limit:
                    problem = TOO_LARGE
                else:
                    block = record.reader.read()
                    if len(block) != length:
                        break
                get = record.headers.get
                if block is None or block[:5] != b"HTTP/":
                    media = get(WarcHeader.CONTENT_TYPE)
                pending = Record(
                    row, offset, 0, get(WarcHeader.WARC_TYPE), get(WarcHeader.WARC_TARGET_URI),
                    get(WarcHeader.WARC_DATE), get(WarcHeader.WARC_RECORD_ID),
                    get(WarcHeader.WARC_TRUNCATED), media, block, problem,
                )  # fmt: skip
            else:
                state = END
        except OSError:
            pass
        if state == END and self.container in (zstd_chunks, lz4_chunks):
            if pending is not None:
                yield pending
            state = WHOLE
        return offset, max(row, 0), state

    def careful(self, offset: int, row: int, good_records: int | None = None) -> Generator[Record, None, tuple[int, int] | None]:
        """Records from an offset on, until so many good ones came in a row (None: to the end).

        Returns: offset and row to go on with, or None at the end.
        """
        good = 0
        for found in careful_records(self.file, offset, self.container, self.max_record_bytes):
            fields = found.fields
            if fields is None:
                good = 0
            else:
                if good == good_records and found.inner == 0 and found.sound:
                    return found.offset, row
                good = good + 1 if found.sound and good != good_records else good
                if fields.get("warc-type", "").lower() not in self.kinds:
                    continue
            if self.is_over(row):
                return None
            if self.wanted is None or row in self.wanted:
                self.progress(row)
                yield _record(row, found)
            row += 1
        return None


def _record(row: int, found: Found) -> Record:
    fields, block = found.fields, found.block
    if fields is None:
        return Record(row, found.offset, found.inner, None, None, None, None, None, None, None, BROKEN)
    is_http = block is not None and block[:5] == b"HTTP/"
    return Record(
        row, found.offset, found.inner, fields["warc-type"].lower(), fields.get("warc-target-uri"),
        fields.get("warc-date"), fields.get("warc-record-id"), fields.get("warc-truncated"),
        None if is_http else fields.get("content-type"), block, TOO_LARGE if block is None else None,
    )  # fmt: skip
