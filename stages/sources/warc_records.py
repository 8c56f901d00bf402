"""Records of WARC files: fastwarc while all is well, `warc_recovery.py` around what is damaged.

A record is handed out once the next one has been found where it should be, so that a record with a
wrong length is not taken for a good one. From the last record on, every file is read with care, which
tells a whole last record from a cut one. The same records get the same numbers whatever is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

from fastwarc.warc import ArchiveIterator, WarcHeader, WarcRecordType

from curation.errors import TaskError
from stages.sources.files import open_binary
from stages.sources.warc_recovery import (
    DAMAGE,
    DATA,
    START,
    Container,
    careful_records,
    gzip_chunks,
    lz4_chunks,
    plain_chunks,
    zstd_chunks,
)

GOOD_RECORDS = 16
"""So many good records in a row behind a damage, and fastwarc takes over again."""
PEEK_BYTES = 256 << 10


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


class _Input:
    """A file whose failing reads end the task, so that a broken connection never passes for a broken file."""

    def __init__(self, file: Any, path: str) -> None:
        self.file, self.path = file, path

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes = self.file.read(size)
            return data
        except Exception as e:
            raise TaskError(f"{self.path} cannot be read: {e}") from e

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self.file.seek(offset, whence))

    def tell(self) -> int:
        return int(self.file.tell())

    def close(self) -> None:
        """Left to the `with` that opened the file."""


class _Wanted:
    """Which rows to read: all, or those of a set up to the last of them."""

    def __init__(self, want: Any) -> None:
        self.rows = None if want is None else set(map(int, want))
        self.last = None if want is None else max(self.rows, default=-1) if self.rows else -1

    def __contains__(self, row: int) -> bool:
        return self.rows is None or row in self.rows

    def is_over(self, row: int) -> bool:
        """Whether no row from this one on is wanted."""
        return self.last is not None and row > self.last


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
    wanted = _Wanted(want)
    with open_binary(path) as raw:
        file = _Input(raw, path)
        container, careful_only = _container(file, path)
        if container is None:
            return
        mask = WarcRecordType.no_type
        for kind in kinds:
            mask |= WarcRecordType[kind]
        offset, row, good_records = 0, 0, GOOD_RECORDS
        while not wanted.is_over(row):
            whole = False
            if not careful_only:
                offset, row, whole = yield from _fast(
                    file, offset, row, mask, container, max_record_bytes, wanted, progress
                )
            if whole or wanted.is_over(row):
                return
            resume = yield from _careful(
                file, offset, row, kinds, container, max_record_bytes, wanted, progress,
                None if careful_only else good_records,
            )  # fmt: skip
            if resume is None:
                return
            offset, row = resume
            good_records *= 2


def _container(file: _Input, path: str) -> tuple[Container | None, bool]:
    """How the file is packed (None: it is empty), and whether records share members, so that care is due."""
    file.seek(0)
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
        return gzip_chunks, not _one_record_a_member(file)
    return plain_chunks, False


def _one_record_a_member(file: _Input) -> bool:
    """Whether the first two members of a gzip file look like one record each (if damaged: yes)."""
    members, data = 0, b""
    for kind, _, piece in gzip_chunks(file, 0):
        if kind == DATA:
            data += piece
        if kind != DATA or len(data) > PEEK_BYTES:
            if data and not _is_one_record(data, whole=kind != DATA):
                return False
            if members == 2 or kind == DAMAGE or len(data) > PEEK_BYTES:
                return True
        if kind == START:
            members, data = members + 1, b""
    return not data or _is_one_record(data, whole=True)


def _is_one_record(data: bytes, whole: bool) -> bool:
    """Whether a member's bytes (or the first of them) are one record, as its length says, or not WARC."""
    found = next(careful_records(_Bytes(data), 0, plain_chunks, len(data)), None)
    if not data.startswith(b"WARC/") or (found is None or found.fields is None or found.block is None):
        return data.startswith(b"WARC/")
    return not data.rstrip(b"\r\n").partition(found.block)[2].strip(b"\r\n") if whole else True
