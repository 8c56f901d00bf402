"""Reading damaged or oddly packed WARC files, slowly and carefully.

`warc_records.py` reads with fastwarc and comes here where that fails. Two layers: a *container* (plain
bytes, gzip members, zstd or lz4 frames) gives decompressed chunks and finds the next member behind a
damage; `careful_records` finds the records in them and the next record behind a wrong length.
"""

from __future__ import annotations

import io
import re
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

from fastwarc.stream_io import Lz4Reader, ZstdReader

CHUNK_BYTES = 64 << 10
MAX_HEADER_BYTES = 64 << 10
START, DATA, DAMAGE = "start", "data", "damage"
Event = tuple[str, int, bytes]
"""(START, offset of a member in the file, b""), (DATA, -1, decompressed bytes) or (DAMAGE, offset, b"")."""
Container = Callable[[Any, int], Iterator[Event]]

_RECORD_LINE = re.compile(rb"\nWARC/[01]\.")
_NEWLINES = re.compile(rb"[\r\n]*")
_HEADER_END = re.compile(rb"\r*\n\r*\n")


def plain_chunks(file: Any, offset: int) -> Iterator[Event]:
    """The bytes of an uncompressed file from an offset on."""
    file.seek(offset)
    yield START, offset, b""
    while chunk := file.read(CHUNK_BYTES):
        yield DATA, -1, chunk


def gzip_chunks(file: Any, offset: int) -> Iterator[Event]:
    """The members of a gzip file from an offset on; behind a damage, from the next WARC member on."""
    while True:
        offset, damaged = yield from _gzip_members(file, offset)
        if not damaged:
            return
        found = _next_member(file, offset + 1, b"\x1f\x8b\x08", _starts_warc_gzip)
        if found is None:
            return
        offset = found


def _gzip_members(file: Any, offset: int) -> Generator[Event, None, tuple[int, bool]]:
    """Members up to the end of the file or a damage. Returns: (offset of the damage, True) or (_, False)."""
    file.seek(offset)
    data = b""
    while True:
        if len(data) < 3:
            data += file.read(CHUNK_BYTES)
        if not data:
            return offset, False
        if data[:3] != b"\x1f\x8b\x08":
            yield DAMAGE, offset, b""
            return offset, True
        yield START, offset, b""
        member, used, decoder = offset, 0, zlib.decompressobj(31)
        while not decoder.eof:
            data = data or file.read(CHUNK_BYTES)
            if not data:
                yield DAMAGE, member, b""
                return member, True
            try:
                out = decoder.decompress(data, CHUNK_BYTES * 4)
            except zlib.error:
                yield DAMAGE, member, b""
                return member, True
            rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
            used += len(data) - len(rest)
            data = rest
            if out:
                yield DATA, -1, out
        offset = member + used


def _starts_warc_gzip(piece: bytes) -> bool:
    try:
        return zlib.decompressobj(31).decompress(piece, 5) == b"WARC/"
    except zlib.error:
        return False


def _starts_warc_by(reader: Any) -> Callable[[bytes], bool]:
    def starts_warc(piece: bytes) -> bool:
        try:
            return bool(reader(io.BytesIO(piece)).read(5) == b"WARC/")
        except OSError:
            return False

    return starts_warc


def frame_chunks(reader: Any, magic: bytes) -> Container:
    """A container of zstd or lz4 frames; only the frame it begins with has a START of its own."""

    def chunks(file: Any, offset: int) -> Iterator[Event]:
        while True:
            file.seek(offset)
            stream = reader(file)
            yield START, offset, b""
            try:
                while data := stream.read(CHUNK_BYTES):
                    yield DATA, -1, data
                return
            except OSError:
                pass
            damaged = max(offset, stream.frame_start_position() or offset)
            yield DAMAGE, damaged, b""
            found = _next_member(file, damaged + 1, magic, _starts_warc_by(reader))
            if found is None:
                return
            offset = found

    return chunks


zstd_chunks = frame_chunks(ZstdReader, b"\x28\xb5\x2f\xfd")
lz4_chunks = frame_chunks(Lz4Reader, b"\x04\x22\x4d\x18")


def _next_member(file: Any, offset: int, magic: bytes, starts_warc: Callable[[bytes], bool]) -> int | None:
    """Offset of the next member, at or behind an offset, that holds the start of a WARC record."""
    probe_bytes = 64 << 10  # enough for any codec to give five bytes
    file.seek(offset)
    data, base = b"", offset
    while True:
        chunk: bytes = file.read(CHUNK_BYTES)
        data += chunk
        at = data.find(magic)
        while at >= 0 and (not chunk or at + probe_bytes <= len(data)):
            if starts_warc(data[at : at + probe_bytes]):
                return base + at
            at = data.find(magic, at + 1)
        if not chunk:
            return None
        keep = at if at >= 0 else max(0, len(data) - len(magic) + 1)
        data, base = data[keep:], base + keep


class Found(NamedTuple):
    """A record found by care, or a damaged region (`fields` is None).

    offset: of the member it is in (of itself in a plain file); inner: of itself in that member.
    fields: WARC header fields, names in lower case. block: None if longer than the limit. sound: ends
    its lines as the standard says, so that its lengths can be trusted.
    """

    offset: int
    inner: int
    fields: dict[str, str] | None
    block: bytes | None
    sound: bool


class _Window:
    """Decompressed bytes not consumed yet, and where in the file they come from."""

    def __init__(self, chunks: Iterator[Event], is_plain: bool) -> None:
        self.chunks, self.is_plain = chunks, is_plain
        self.data = bytearray()
        self.base = 0  # logical position of data[0]
        self.starts: deque[tuple[int, int]] = deque([(0, 0)])  # (logical position, offset in the file)
        self.damage: int | None = None

    def more(self) -> bool:
        """Append some bytes. Returns: False at the end or at a damage (then `damage` is set)."""
        while self.damage is None:
            kind, offset, data = next(self.chunks, (DATA, -1, b""))
            if kind == START:
                self.starts.append((self.base + len(self.data), offset))
            elif kind == DAMAGE:
                self.damage = offset
            elif data:
                self.data += data
                return True
            else:
                return False
        return False

    def fill(self, size: int) -> bool:
        """Have at least `size` bytes if there are so many."""
        while len(self.data) < size:
            if not self.more():
                return False
        return True

    def drop(self, size: int) -> None:
        del self.data[:size]
        self.base += size
        while len(self.starts) > 1 and self.starts[1][0] <= self.base:
            self.starts.popleft()

    def advance(self, size: int) -> None:
        """Drop as many bytes as they come, however many."""
        while size and (self.data or self.more()):
            step = min(size, len(self.data))
            self.drop(step)
            size -= step

    def place(self) -> tuple[int, int]:
        """(offset of the member, position in it) of the first byte."""
        logical, offset = self.starts[0]
        inner = self.base - logical
        return (offset + inner, 0) if self.is_plain else (offset, inner)

    def member_within(self, low: int, high: int) -> int | None:
        """Position in `data` of the first member that starts a record in (low, high)."""
        for logical, _ in list(self.starts):
            at = logical - self.base
            if low < at < high and self.fill(at + 5) and self.data.startswith(b"WARC/", at):
                return at
        return None

    def to_next_record(self) -> None:
        """Drop everything up to the next place where a record seems to begin, through damages."""
        while True:
            line = _RECORD_LINE.search(self.data, 0)
            member = self.member_within(-1, len(self.data))
            at = min((p for p in (line and line.start() + 1, member) if p is not None), default=None)
            if at is not None:
                return self.drop(at)
            self.drop(max(0, len(self.data) - 8))
            if not self.more():
                if self.damage is None:
                    return self.drop(len(self.data))
                self.drop(len(self.data))
                self.damage = None
                if not self.fill(5) or self.data.startswith(b"WARC/"):
                    return None


def careful_records(file: Any, offset: int, container: Container, max_record_bytes: int) -> Iterator[Found]:
    """All records from an offset on, of any type, and one item for each damaged region between them."""
    is_plain = container is plain_chunks
    window = _Window(container(file, offset), is_plain)
    while True:
        blank = _skip_newlines(window)
        if not blank:
            if window.damage is None:
                return
            yield Found(window.damage, 0, None, None, False)
            window.damage = None
            continue
        place = window.place()
        fields, header_bytes, crlf = _header(window)
        if fields is None:
            window.drop(1)
            window.to_next_record()
            yield Found(*place, None, None, False)
            continue
        length = _length(fields)
        if length is not None and length > max_record_bytes:
            window.drop(header_bytes)
            body = window.place()
            if _skip(window, length):
                yield Found(*place, fields, None, crlf)
                continue
            if not window.data:
                # The length ran past the end or into a damage: look for records in what it covered.
                window = _Window(container(file, body[0]), is_plain)
                window.advance(body[1])
                window.to_next_record()
            yield Found(*place, None, None, False)
            continue
        end, after = _end_of_body(window, header_bytes, length)
        block_end = end
        if end is None and not crlf and length is not None:
            # Line ends were changed, so the length counts CRs that are gone: the next record ends this one.
            end = _next_line(window, header_bytes, max_record_bytes)
            block_end = end and _before_blank_line(window.data, header_bytes, end)
        if end is None:
            window.drop(header_bytes)
            window.damage = window.damage if after else None
            window.to_next_record()
            yield Found(*place, None, None, False)
            continue
        block = bytes(window.data[header_bytes:block_end])
        window.drop(end)
        yield Found(*place, fields, block, crlf)


def _skip_newlines(window: _Window) -> bool:
    """Drop blank lines. Returns: whether anything is left before the end or a damage."""
    while True:
        window.drop(_NEWLINES.match(window.data).end())  # type: ignore[union-attr]
        if window.data:
            return True
        if not window.more():
            return False


def _header(window: _Window) -> tuple[dict[str, str] | None, int, bool]:
    """(fields, bytes of the header with its blank line, whether lines end in CRLF), or (None, 0, False)."""
    window.fill(5)
    if not window.data.startswith(b"WARC/"):
        return None, 0, False
    while True:
        end = _HEADER_END.search(window.data, 0, MAX_HEADER_BYTES)
        if end is not None or len(window.data) >= MAX_HEADER_BYTES or not window.more():
            break
    if end is None:
        return None, 0, False
    lines = bytes(window.data[: end.start()]).decode("utf-8", "replace").split("\n")
    fields: dict[str, str] = {}
    name = ""
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and name:
            fields[name] += " " + line.strip()
            continue
        name, _, value = line.partition(":")
        name = name.strip().lower()
        fields.setdefault(name, value.strip())
    return fields, end.end(), lines[0].endswith("\r") and not lines[0].endswith("\r\r")


def _length(fields: dict[str, str]) -> int | None:
    text = fields.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _skip(window: _Window, size: int) -> bool:
    """Drop `size` bytes in pieces. Returns: False if they are not there or another record begins in them."""
    while size:
        if not window.data and not window.more():
            return False
        member = window.member_within(-1, min(size, len(window.data)))
        if member is not None:
            window.drop(member)
            return False
        step = min(size, len(window.data))
        window.drop(step)
        size -= step
    return True


def _end_of_body(window: _Window, start: int, length: int | None) -> tuple[int | None, bool]:
    """(end of the block in `data` if its length is right, else None; whether a damage lies outside it)."""
    if length is None:
        return None, True
    end = start + length
    if not window.fill(end):
        return None, False
    if window.member_within(start, end) is not None:
        return None, True
    window.fill(end + 4)
    if window.data.startswith(b"\r\n\r\n", end):
        return end, True  # whatever comes then, this record ends as it should
    at = end
    while True:
        at = _NEWLINES.match(window.data, at).end()  # type: ignore[union-attr]
        if at < len(window.data):
            break
        if not window.more():
            return end, True
    window.fill(at + 5)
    if window.data.startswith(b"WARC/", at) or window.base + at in {logical for logical, _ in window.starts}:
        return end, True
    return None, True


def _next_line(window: _Window, start: int, max_bytes: int) -> int | None:
    """Position of the next record line, the end if there is none, None if it is too far or damaged."""
    at = start
    while True:
        line = _RECORD_LINE.search(window.data, max(start - 1, at - 8))
        if line is not None:
            return line.start() + 1
        at = len(window.data)
        if at - start > max_bytes:
            return None
        if not window.more():
            return None if window.damage is not None else len(window.data)


def _before_blank_line(data: bytearray, start: int, end: int) -> int:
    """`end` without the blank line that ends a record."""
    for _ in range(2):
        if end > start and data[end - 1] == 10:
            end -= 1
    return end
