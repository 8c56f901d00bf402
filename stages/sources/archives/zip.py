"""Entries of a zip, by its directory; by their own headers where the directory is missing, damaged or too long.

Where both are there, the directory decides. Entries that overlap, one stretch of bytes under many names, are paid for each time by
what the directory says of them, so that the account does not depend on what is taken.
"""

from __future__ import annotations

import bz2
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from stages.sources.archives.entries import BROKEN, TOO_LARGE, Entry, Only, Read, clean_name, damage, utc_text
from stages.sources.archives.inflate import CHUNK_BYTES, DAMAGES, Budget, Gzip

MAX_DIRECTORY_BYTES = 256 << 20
"""Ours; about 3 million entries. A longer one counts as damaged."""
_END = struct.Struct("<4s8xLLH")
_END_64 = struct.Struct("<4s36xQQ")
LOCATOR_64_BYTES = 20
_IN_DIRECTORY = struct.Struct("<4s4xHHHHLLLHHH4xLL")
_LOCAL = struct.Struct("<4s2xHHHHLLLHH")
_SIGNATURE = re.compile(rb"PK(?:\x03\x04|\x01\x02|\x05\x06|\x06\x06)")
MAX_COMMENT_BYTES = 0xFFFF
IS_ENCRYPTED, HAS_DESCRIPTOR = 0x1, 0x8
STORED = 0
DECODERS: dict[int, Any] = {8: lambda: Gzip(-15), 12: bz2.BZ2Decompressor}
EXTRA_64, EXTRA_TIME = 0x0001, 0x5455
DESCRIPTOR_BYTES = 24
"""At most; sizes and checksum behind an entry."""
IN_EXTRA = 0xFFFFFFFF


class Header(NamedTuple):
    """What is said of an entry: its offset, its bytes in the file (`packed`) and inflated (`size`), its Unix mode or 0."""

    offset: int
    name: bytes
    flags: int
    method: int
    modified: str | None
    crc: int
    packed: int
    size: int
    mode: int

    @property
    def is_readable(self) -> bool:
        return not self.flags & IS_ENCRYPTED and (self.method in DECODERS or (self.method == STORED and self.packed == self.size))

    @property
    def clean_name(self) -> str:
        return clean_name(self.name, "cp437")

    def is_file(self, only: Only) -> bool:
        """Whether it is a file whose name `only` takes."""
        return not self.name.endswith((b"/", b"\\")) and stat.S_IFMT(self.mode) in (0, stat.S_IFREG) and only(self.clean_name)


class _BadDirectoryError(Exception):
    """The directory of a zip is not what it should be."""


def zip_entries(file: Any, size: int, max_member_bytes: int, budget: Budget, only: Only) -> Iterator[Entry]:
    """Entries of the files whose names `only` takes.

    Args:
        file: what has read and seek. size: its bytes. budget: pays for what is inflated.
    Raises: TooMuchError.
    """
    try:
        data, shift = _directory(file, size)
        for _ in _headers(data, shift):
            """All of it is looked at before any of it is believed."""
    except _BadDirectoryError:
        yield from _entries_alone(file, size, max_member_bytes, budget, only)
        return
    for header in _headers(data, shift):
        if header.is_file(only):
            yield _entry(header, size, max_member_bytes, budget, partial(_read, file, header))


def _entry(header: Header, size: int, max_member_bytes: int, budget: Budget, read: Read) -> Entry:
    """An entry of a file of `size` bytes."""
    is_whole = header.is_readable and header.offset + header.packed <= size
    reason = TOO_LARGE if header.size > max_member_bytes else None if is_whole else BROKEN
    if reason is None:
        budget.spend(max(header.packed, header.size))
    return Entry(min(header.offset, size), header.clean_name, header.size, header.modified, reason, read)


def _directory(file: Any, size: int) -> tuple[bytes, int]:
    """The directory, and how far the offsets in it lie from where things are (behind a program that unpacks itself, say).

    Raises: _BadDirectoryError.
    """
    base = max(0, size - _END.size - MAX_COMMENT_BYTES)
    file.seek(base)
    tail = file.read(size - base)
    at = tail.rfind(b"PK\5\6")
    while at >= 0:
        if at + _END.size <= len(tail):
            _, length, offset, comment = _END.unpack_from(tail, at)
            if at + _END.size + comment <= len(tail):
                break
        at = tail.rfind(b"PK\5\6", 0, at)
    else:
        raise _BadDirectoryError
    end = base + at
    file.seek(max(0, end - LOCATOR_64_BYTES - _END_64.size))
    longer = file.read(_END_64.size + 4)
    if longer.startswith(b"PK\6\6") and longer.endswith(b"PK\6\7"):
        end -= LOCATOR_64_BYTES + _END_64.size
        _, length, offset = _END_64.unpack_from(longer)
    start = end - length
    if offset > start or length > MAX_DIRECTORY_BYTES:
        raise _BadDirectoryError
    file.seek(start)
    return file.read(length), start - offset


def _headers(data: bytes, shift: int) -> Iterator[Header]:
    """Raises: _BadDirectoryError."""
    at = 0
    while at < len(data):
        if not data.startswith(b"PK\1\2", at) or at + _IN_DIRECTORY.size > len(data):
            raise _BadDirectoryError
        _, flags, method, time, date, crc, packed, size, n_name, n_extra, n_comment, mode, offset = _IN_DIRECTORY.unpack_from(data, at)
        at += _IN_DIRECTORY.size
        name, extra = data[at : at + n_name], data[at + n_name : at + n_name + n_extra]
        at += n_name + n_extra + n_comment
        if at > len(data):
            raise _BadDirectoryError
        size, packed, offset, modified = _with_extra(extra, size, packed, offset, _dos_time(date, time))
        yield Header(offset + shift, name, flags, method, modified, crc, packed, size, mode >> 16)


def _with_extra(extra: bytes, size: int, packed: int, offset: int, modified: str | None) -> tuple[int, int, int, str | None]:
    """Numbers and date of an entry, after what its extra field says of them."""
    numbers = [size, packed, offset]
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + length]
        at += 4 + length
        if kind == EXTRA_64:
            for n, number in enumerate(numbers):
                if number == IN_EXTRA and len(field) >= 8:
                    numbers[n], field = int.from_bytes(field[:8], "little"), field[8:]
        elif kind == EXTRA_TIME and len(field) >= 5 and field[0] & 1:
            modified = utc_text(int.from_bytes(field[1:5], "little", signed=True))
    return numbers[0], numbers[1], numbers[2], modified


def _dos_time(date: int, time: int) -> str | None:
    """A date without a time zone, taken for UTC; the first that can be written is what archivers write who do not know."""
    try:
        told = datetime(1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, 2 * (time & 31), tzinfo=UTC)
    except ValueError:
        return None
    return None if (date, time) == (0x21, 0) else told.isoformat()


def _read(file: Any, header: Header) -> bytes | None:
    """Content of an entry of the directory; None unless it has the size and the checksum it should have."""
    file.seek(header.offset)
    local = file.read(_LOCAL.size)
    if len(local) < _LOCAL.size or not local.startswith(b"PK\3\4"):
        return None
    *_, n_name, n_extra = _LOCAL.unpack(local)
    return _content(file, header, header.offset + _LOCAL.size + n_name + n_extra)


def _content(file: Any, header: Header, start: int) -> bytes | None:
    file.seek(start)
    if header.method == STORED:
        content = file.read(header.size)
    else:
        pieces, size = [], 0
        try:
            for piece, _ in _inflated(file, header.method, header.packed):
                pieces.append(piece)
                size += len(piece)
                if size > header.size:
                    return None
        except DAMAGES:
            return None
        content = b"".join(pieces)
    return content if len(content) == header.size and zlib.crc32(content) == header.crc else None


def _inflated(file: Any, method: int, packed: int) -> Iterator[tuple[bytes, int]]:
    """Inflated pieces from where the file stands, and how many bytes had been used up at each.

    Raises: DAMAGES.
    """
    decoder, read = DECODERS[method](), 0
    while not decoder.eof:
        data = file.read(min(CHUNK_BYTES, packed - read)) if decoder.needs_input else b""
        read += len(data)
        if decoder.needs_input and not data:
            raise EOFError
        piece = decoder.decompress(data, CHUNK_BYTES)
        yield piece, read - len(decoder.unused_data)


def _entries_alone(file: Any, size: int, max_member_bytes: int, budget: Budget, only: Only) -> Iterator[Entry]:
    """Entries by their own headers, in the order they stand in, and one damage for the directory that is not there.

    The length a header gives is believed where something of a zip stands behind it, so that each byte is looked at but once or twice.
    """
    at = 0
    while (at := _find(file, at, size)) < size:
        file.seek(at)
        local = file.read(_LOCAL.size)
        if len(local) < _LOCAL.size:
            break
        _, flags, method, time, date, crc, packed, inflated, n_name, n_extra = _LOCAL.unpack(local)
        name, extra = file.read(n_name), file.read(n_extra)
        start = at + _LOCAL.size + n_name + n_extra
        if start > size:
            break
        inflated, packed, _, modified = _with_extra(extra, inflated, packed, 0, _dos_time(date, time))
        header = Header(at, name, flags, method, modified, crc, packed, inflated, 0)
        if flags & HAS_DESCRIPTOR and not packed:
            end, entry = _to_its_end(file, header, start, size, max_member_bytes, budget)
        elif start + packed > size:
            end, entry = size, _broken(header)
        else:
            end = start + packed
            file.seek(end)
            behind = file.read(DESCRIPTOR_BYTES + 4)
            if not behind or _SIGNATURE.search(behind):
                entry = _entry(header, size, max_member_bytes, budget, partial(_content, file, header, start))
            else:
                end, entry = start, _broken(header)
        if header.is_file(only):
            yield entry
        at = end
    yield damage(at)


def _broken(header: Header) -> Entry:
    return Entry(header.offset, header.clean_name, None, header.modified, BROKEN)


def _to_its_end(file: Any, header: Header, start: int, size: int, max_member_bytes: int, budget: Budget) -> tuple[int, Entry]:
    """Read an entry whose sizes stand behind it. Returns: where it ends, or where to look for the next one."""
    if header.method not in DECODERS or header.flags & IS_ENCRYPTED:
        return start, _broken(header)
    file.seek(start)
    pieces, inflated, crc, used = [], 0, 0, 0
    try:
        for piece, used in _inflated(file, header.method, size - start):  # noqa: B007
            budget.spend(len(piece))
            inflated += len(piece)
            crc = zlib.crc32(piece, crc)
            if inflated <= max_member_bytes:
                pieces.append(piece)
            else:
                pieces.clear()
    except DAMAGES:
        return start + used, _broken(header)
    file.seek(start + used)
    behind = file.read(DESCRIPTOR_BYTES).removeprefix(b"PK\7\x08")
    if int.from_bytes(behind[:4], "little") != crc or len(behind) < 4:
        return start + used, _broken(header)
    content = b"".join(pieces)
    reason = TOO_LARGE if inflated > max_member_bytes else None
    return start + used, Entry(header.offset, header.clean_name, inflated, header.modified, reason, lambda: content)


def _find(file: Any, at: int, size: int) -> int:
    """Offset of the next entry's header at or behind an offset; `size` where there is none."""
    step = DESCRIPTOR_BYTES + 4
    while at < size:
        file.seek(at)
        data: bytes = file.read(step)
        found = data.find(b"PK\3\4")
        if found >= 0:
            return at + found
        if len(data) < step:
            break
        at += step - 3
        step = min(4 * step, CHUNK_BYTES)
    return size
