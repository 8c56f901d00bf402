"""Entries of a tar (ustar, pax, GNU, V7), read from a stream one after another.

A header is a block with the right checksum. Where there should be one and is none, all up to the next header counts as one damage.
An end mark, two blocks of zeros, is none where another header follows, as in archives joined by `cat`; what else follows it is no part
of the tar.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from stages.sources.archives.entries import BROKEN, TOO_LARGE, Entry, Only, clean_name, damage, utc_text
from stages.sources.archives.inflate import Stream

BLOCK_BYTES = 512
MAX_EXTENDED_BYTES = 1 << 20
"""A longer extended header, made for long names, is passed over; ours."""
MAX_DIGITS = 18
_ASCII = bytes(range(128))
REGULAR, WITHOUT_DATA, EXTENDED, SPARSE = b"0\x007", b"123456", b"LKxXg", b"S"
"""Types: of files; of links, devices, folders and pipes, behind which nothing follows whatever their size says; of what belongs to the
next header (L and K GNU's long names of a file and of a link's target; x pax, X Solaris, g pax for all); of files with holes."""


def is_tar(block: bytes) -> bool:
    """Whether a file that begins with a block is a tar."""
    return len(block) == BLOCK_BYTES and _checksum_is_right(block)


def tar_entries(stream: Stream, max_member_bytes: int, only: Only) -> Iterator[Entry]:
    """Entries of the files whose names `only` takes.

    Args:
        stream: at its start; nobody else must read from it.
    Raises: TooMuchError.
    """
    told: dict[bytes, bytes] = {}  # by extended headers, of the next file
    zeros, lost, lost_behind_end = 0, False, -1
    while True:
        offset = stream.at
        block = stream.read(BLOCK_BYTES)
        if len(block) < BLOCK_BYTES:
            if stream.damaged or told or (block and zeros < 2 and not lost):
                yield damage(offset)
            return
        if block.count(0) == BLOCK_BYTES:
            zeros += 1
            continue
        size = _number(block[124:136])
        if size is None or not _checksum_is_right(block) or (lost and block[257:262] != b"ustar"):
            if not lost and zeros < 2:
                yield damage(offset)
            elif not lost:
                lost_behind_end = offset
            lost, told = True, {}
            continue
        if lost_behind_end >= 0:
            yield damage(lost_behind_end)
        zeros, lost, lost_behind_end = 0, False, -1
        kind = block[156:157]
        if kind in EXTENDED:
            data = stream.read(size) if size <= MAX_EXTENDED_BYTES else b""
            if not stream.skip(size - len(data) + -size % BLOCK_BYTES):
                yield damage(offset)
                return
            if kind == b"L":
                told[b"path"] = data.rstrip(b"\0")
            elif kind in b"xX":
                told |= _pax_records(data)
            continue
        is_sparse = kind == SPARSE or b"sparse" in told
        if kind == SPARSE and not _skip_sparse_map(stream, block):
            yield damage(offset)
            return
        size = 0 if kind in WITHOUT_DATA else _decimal(told.get(b"size"), size)
        path = told.get(b"path") or _path(block)
        seconds = _decimal(told.get(b"mtime", b"").partition(b".")[0], _number(block[136:148]) or 0)
        told = {}
        ends_at = stream.at + size
        end = ends_at + -size % BLOCK_BYTES
        name = clean_name(path)
        if kind not in REGULAR + SPARSE or path.endswith(b"/") or not only(name):
            if not stream.skip(end - stream.at):
                yield damage(stream.at)
                return
            continue
        reason = TOO_LARGE if size > max_member_bytes else BROKEN if is_sparse else None
        yield Entry(offset, name, size, utc_text(seconds), reason, partial(_read, stream, size))
        if not stream.skip(end - stream.at):
            if stream.at >= ends_at:
                yield damage(stream.at)
            return


def _read(stream: Stream, size: int) -> bytes | None:
    data = stream.read(size)
    return data if len(data) == size else None


def _checksum_is_right(block: bytes) -> bool:
    """Whether a header's checksum is its sum, with spaces for the checksum itself; old tars added signed bytes."""
    told = _number(block[148:156])
    rest = block[:148] + block[156:]
    total = sum(rest) + 8 * ord(" ")
    return told == total or told == total - 256 * len(rest.translate(None, _ASCII))


def _number(field: bytes) -> int | None:
    """A number in octal digits, or in base 256 where the first bit is set; None for what is neither, or negative."""
    if field[0] == 0x80:
        value = int.from_bytes(field[1:], "big")
        return value if value < 1 << 62 else None
    digits = field.partition(b"\0")[0].strip()
    if not digits:
        return 0
    return None if digits.strip(b"01234567") else int(digits, 8)


def _decimal(text: bytes | None, otherwise: int) -> int:
    return int(text) if text and text.isdigit() and len(text) <= MAX_DIGITS else otherwise


def _path(block: bytes) -> bytes:
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _pax_records(data: bytes) -> dict[bytes, bytes]:
    """The records `LENGTH KEY=VALUE\\n` of an extended header that count, up to the first that is none; `sparse` for a map of holes."""
    records: dict[bytes, bytes] = {}
    start = 0
    while start < len(data):
        space = data.find(b" ", start)
        end = start + _decimal(data[start:space], 0)
        if space < 0 or end <= space + 1 or data[end - 1 : end] != b"\n":
            break
        key, _, value = data[space + 1 : end - 1].partition(b"=")
        if key in (b"path", b"size", b"mtime"):
            records[key] = value
        elif key.startswith(b"GNU.sparse."):
            records[b"sparse"] = b""
        start = end
    return records


def _skip_sparse_map(stream: Stream, block: bytes) -> bool:
    """Pass over the blocks that go on with GNU's list of holes. Returns: whether they were whole."""
    more = block[482]
    while more:
        block = stream.read(BLOCK_BYTES)
        if len(block) < BLOCK_BYTES:
            return False
        more = block[504]
    return True
