"""A part of a dump as pieces of decompressed bytes: of a plain file by bytes, of a .bz2 by the streams it is made of.

A multistream dump is many bz2 streams one behind another, each beginning at a byte of its own, so that reading can begin at any of them.
A part is a range of the file's bytes: its own pieces come from what begins in the range; pieces behind it follow, so that a page that
begins in the part can be read to its end, wherever streams are cut.

What a damaged bz2 block decodes to is not passed on: bytes are held back until the block's checksum was found right. Reading goes on at the
next stream, which a dump that is one stream does not have.
"""

from __future__ import annotations

import bz2
import codecs
import io
import re
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from stages.sources.opening import open_decompressed, open_input

STREAM = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
"""How a bz2 stream begins: its head, and a block or the end."""
MAGIC_BYTES = 10
STEP_BYTES = 16 << 10
PIECE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 20
"""More than a bz2 block of 900 kB is when compressed."""
HELD_BYTES = 64 << 20
"""More than a bz2 block is when decompressed, some 46 MB."""


class Piece(NamedTuple):
    """Some bytes of a dump.

    data: decompressed; None where bytes are lost. at: the first byte's place in the decompressed file or bz2 stream. stream: where that
    stream begins in the file; None where places in the file are meant. own: whether pages that begin here are the part's.
    """

    data: bytes | None
    at: int
    stream: int | None
    own: bool


def pieces(path: str, start: int, stop: int) -> Iterator[Piece]:
    """The pieces of the bytes start to stop, and those behind.

    A .gz or .zst is read as a whole, from 0 on.
    """
    if path.lower().endswith(".bz2"):
        return _streams(path, start, stop)
    if path.lower().endswith((".gz", ".zst", ".zstd")):
        return _decompressed(path)
    return _plain(path, start, stop)


def utf8_pieces(wide: Iterator[Piece], encoding: str) -> Iterator[Piece]:
    """Pieces of another encoding in UTF-8; places stay those of the bytes that were read."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for piece in wide:
        if piece.data is None:
            decoder.reset()
            yield piece
        else:
            yield piece._replace(data=decoder.decode(piece.data).encode("utf-8", "replace"))


def _plain(path: str, start: int, stop: int) -> Iterator[Piece]:
    with open_input(path) as file:
        file.seek(start)
        at = start
        while data := file.read(PIECE_BYTES if at >= stop else min(PIECE_BYTES, stop - at)):
            yield Piece(data, at, None, at < stop)
            at += len(data)


def _decompressed(path: str) -> Iterator[Piece]:
    at = 0
    with open_decompressed(path) as file:
        try:
            while data := file.read(STEP_BYTES):
                yield Piece(data, at, None, True)
                at += len(data)
        except OSError:
            yield Piece(None, at, None, True)


def _streams(path: str, start: int, stop: int) -> Iterator[Piece]:
    with io.BufferedReader(open_input(path), 1 << 20) as file:
        at, follows, reading = start, start == 0, False
        while True:
            offset, foreign = _next_stream(file, at, None if reading else stop)
            if foreign and follows:  # neither a stream nor the zeros some writers pad with
                yield Piece(None, at, at, at < stop)
            if offset is None:
                return
            reading = True
            yield Piece(b"", 0, offset, offset < stop)  # whoever needs no further stream stops here, before one is decompressed
            at, follows = yield from _stream(file, offset, offset < stop)


def _next_stream(file: Any, at: int, stop: int | None) -> tuple[int | None, bool]:
    """Where the first stream from `at` on begins (None: none, or none before `stop`), and whether anything but zeros stands before it."""
    file.seek(at)
    held, foreign = b"", False
    while stop is None or at < stop:
        more = file.read(STEP_BYTES)
        held += more
        found = STREAM.search(held)
        skipped = found.start() if found else len(held) if not more else max(0, len(held) - MAGIC_BYTES + 1)
        foreign = foreign or bool(held[:skipped].strip(b"\0"))
        at += skipped
        if found:
            return (at if stop is None or at < stop else None), foreign
        held = held[skipped:]
        if not more:
            break
    return None, foreign


def _stream(file: Any, offset: int, own: bool) -> Generator[Piece, None, tuple[int, bool]]:
    """The pieces of one stream; returns where to look for the next one, and whether it must begin there, since this one was whole."""
    file.seek(offset)
    decompressor = bz2.BZ2Decompressor()
    read, at = offset, 0
    unchecked: list[bytes] = []
    while not decompressor.eof:
        data = file.read(STEP_BYTES) if decompressor.needs_input else b""
        try:
            if decompressor.needs_input and not data:
                raise EOFError("the stream has no end")
            out = decompressor.decompress(data, PIECE_BYTES)
        except (OSError, EOFError):
            yield Piece(None, at, offset, own)
            return max(offset + MAGIC_BYTES, read - BLOCK_BYTES), False
        read += len(data)
        unchecked.append(out)
        # The decompressor asks for more only when the block it has put out has the checksum it should have.
        if decompressor.needs_input or decompressor.eof or sum(map(len, unchecked)) > HELD_BYTES:
            for checked in unchecked:
                if checked:
                    yield Piece(checked, at, offset, own)
                    at += len(checked)
            unchecked = []
    return read - len(decompressor.unused_data), True
