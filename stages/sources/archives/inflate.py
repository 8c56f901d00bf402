"""The bytes of a file behind its compression (gzip, bzip2, xz, zstd), as a stream that bounds what comes out.

Several compressed streams in a row are one, as the tools have it; what follows them and is none is no part of them. Damage, or an
end that comes too early, ends the stream and is marked; what was inflated before it is given, but for the step in which it is met.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa

CHUNK_BYTES, PIECE_BYTES = 64 << 10, 16 << 10
"""Read, and inflated, at a time."""
XZ_MEMORY_BYTES = 256 << 20
"""xz -9 asks for 65 MiB; a file that asks for more than this counts as damaged."""
MAGICS = {
    "gzip": rb"\x1f\x8b\x08",
    "bzip2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",
    "xz": rb"\xfd7zXZ\0",
    "zstd": rb"(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)",
}
_CODEC = re.compile(b"|".join(b"(?P<%s>%s)" % (name.encode(), magic) for name, magic in MAGICS.items()), re.DOTALL)


class TooMuchError(Exception):
    """More came out of a file than it may hold."""


class Budget:
    """What may still come out of a file."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def spend(self, size: int) -> None:
        """Raises: TooMuchError."""
        self.left -= size
        if self.left < 0:
            raise TooMuchError


class DamagedError(OSError):
    """Compressed bytes are damaged or end early."""


class Gzip:
    """A zlib decompressor with the face of bz2's and lzma's.

    Args:
        wbits: 31 for gzip, -15 for bare deflate.
    """

    def __init__(self, wbits: int = 31) -> None:
        self.decoder, self.tail, self.needs_input = zlib.decompressobj(wbits), b"", True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self.decoder.decompress(self.tail + data if self.tail else data, max_length)
        self.tail = self.decoder.unconsumed_tail
        self.needs_input = len(out) < max_length
        return out

    @property
    def eof(self) -> bool:
        return self.decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self.decoder.unused_data


DECODERS: dict[str, Callable[[], Any]] = {
    "gzip": Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY_BYTES),
}
DAMAGES = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)
"""What decompressors raise."""


def codec_of(first: bytes) -> str | None:
    """The compression that the first ten bytes of a file show."""
    match = _CODEC.match(first)
    return match and match.lastgroup


class Stream:
    """Bytes of a file from its start, inflated.

    at: how many have been read or skipped. damaged: whether the file was damaged or cut where the bytes ended.

    Args:
        file: at its start. codec: of MAGICS; None for a plain file. size: bytes of the file. budget: pays for what is inflated.
    """

    def __init__(self, file: Any, codec: str | None, size: int, budget: Budget) -> None:
        self.file, self.size, self.budget = file, size, budget
        self.pieces = None if codec is None else inflated(file, codec, strict=False)
        self.held, self.start = b"", 0
        self.at = 0
        self.damaged = False

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer only at the end or a damage.

        Raises: TooMuchError.
        """
        pieces, missing = [], size
        while missing and (self.start < len(self.held) or self._more()):
            piece = self.held[self.start : self.start + missing]
            self.start += len(piece)
            missing -= len(piece)
            pieces.append(piece)
        self.at += size - missing
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def peek(self, size: int) -> bytes:
        """What `read` would give, to be read again."""
        data = self.read(size)
        self.held, self.start = data + self.held[self.start :], 0
        self.at -= len(data)
        return data

    def skip(self, size: int) -> bool:
        """Pass over the next `size` bytes. Returns: whether there were so many.

        Raises: TooMuchError.
        """
        if self.pieces is None and size > len(self.held) - self.start:
            there = min(size, self.size - self.at)
            self.at += there
            self.held, self.start = b"", 0
            self.file.seek(self.at)
            return there == size
        missing = size
        while missing and (self.start < len(self.held) or self._more()):
            step = min(missing, len(self.held) - self.start)
            self.start += step
            missing -= step
        self.at += size - missing
        return not missing

    def _more(self) -> bool:
        """Have other bytes in `held`. Returns: False at the end."""
        self.held, self.start = b"", 0
        if self.pieces is None:
            self.held = self.file.read(CHUNK_BYTES)
        elif not self.damaged:
            try:
                self.held = next(self.pieces, b"")
            except DamagedError:
                self.damaged = True
            self.budget.spend(len(self.held))
        return bool(self.held)


def inflated(file: Any, codec: str, *, strict: bool) -> Iterator[bytes]:
    """Bytes behind a compression, at most PIECE_BYTES at a time: so much is lost where a step fails, of zstd what pyarrow inflates at once.

    Several streams that follow each other, zeros between them, are one; so are none, in a file without a byte.

    Args:
        strict: whether other bytes behind a stream are a damage; else they are no part of it.
    Raises: DamagedError where the bytes are damaged or end early.
    """
    if codec == "zstd":
        stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")
        while out := _step(lambda: stream.read(PIECE_BYTES)):
            yield out
        return
    magic = re.compile(MAGICS[codec], re.DOTALL)
    decoder, data, met = DECODERS[codec](), b"", False  # met: whether the first stream has begun
    while True:
        if decoder.eof:
            data = decoder.unused_data.lstrip(b"\0")
            while len(data) < 10 and (more := file.read(CHUNK_BYTES)):
                data = (data + more).lstrip(b"\0")
            if not magic.match(data):
                if strict and data:
                    raise DamagedError(f"no {codec} stream behind another one")
                return
            decoder = DECODERS[codec]()
        elif decoder.needs_input:
            data = file.read(CHUNK_BYTES)
            if not data and met:
                raise DamagedError("compressed stream is truncated")
            if not data:
                return
        else:
            data = b""
        met = True
        if out := _step(partial(decoder.decompress, data, PIECE_BYTES)):
            yield out


def _step(read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except DAMAGES as e:
        raise DamagedError(str(e)) from e
