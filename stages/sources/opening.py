"""Opening input files by path or URL, plain or as a decompressed stream, and looking at their first bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from curation.errors import TaskError

PathList = Annotated[str | list[str], Field(examples=["crawl/*.gz"])]
"""A parameter that is one file or glob pattern, or several."""

HEAD_BYTES = 1024
CHUNK_BYTES = 64 << 10
CODECS = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2"}


class Input:
    """A file whose failing reads end the task, so that a broken connection never passes for a broken file."""

    closed = False

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


def is_remote(path: str) -> bool:
    """Whether a path is a URL (s3://…) rather than a local file."""
    return "://" in path


def open_binary(path: str) -> Any:
    """Open a file for reading bytes: a local path unbuffered, a URL through fsspec.

    Raises: OSError if it cannot be opened.
    """
    if is_remote(path):
        import fsspec

        return fsspec.open(path, "rb").open()
    return open(path, "rb", buffering=0)


def open_decompressed(path: str) -> Any:
    """Open a file as a byte stream, decompressed as its suffix says (.gz, .zst, .bz2).

    `read(n)` returns at most n bytes whatever the compression ratio, and raises OSError where the
    compressed data is damaged or ends early.
    """
    raw = open_binary(path)
    codec = next((codec for suffix, codec in CODECS.items() if path.lower().endswith(suffix)), None)
    if codec is None:
        return raw
    if codec == "bz2":
        return _Bzip2(raw)
    return pa.CompressedInputStream(pa.PythonFile(raw, "r"), codec)


class _Bzip2(io.RawIOBase):
    """Streams of bzip2 in a row. pyarrow's reader fails on one that is empty, as `cat` of parts may have it."""

    def __init__(self, file: Any) -> None:
        self.file, self.decoder = file, bz2.BZ2Decompressor()
        self.met = False
        """Whether the stream that is read has begun."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises: OSError where the data is damaged or ends early."""
        while True:
            data = b""
            if self.decoder.eof:
                data, self.decoder, self.met = self.decoder.unused_data, bz2.BZ2Decompressor(), False
            if not data and self.decoder.needs_input:
                data = self.file.read(CHUNK_BYTES)
                if not data and self.met:
                    raise OSError("Truncated compressed stream")
                if not data:
                    return 0
            self.met = True
            out = self.decoder.decompress(data, len(buffer))
            if out:
                buffer[: len(out)] = out
                return len(out)

    def close(self) -> None:
        self.file.close()
        super().close()


def head(path: str) -> bytes:
    """The first 1,024 bytes of a local file, inflated as far as they go if it is gzip.

    A URL gives b"": judging 100,000 of them by content before a run would take longer than reading.
    """
    if is_remote(path):
        return b""
    with open_binary(path) as file:
        first: bytes = file.read(HEAD_BYTES)
    if first[:2] == b"\x1f\x8b":
        try:
            return zlib.decompressobj(31).decompress(first, HEAD_BYTES)
        except zlib.error:
            return first
    return first


def read_lines(path: str) -> list[str]:
    """All lines of a small text file, .gz or plain, without blank ones."""
    with open_binary(path) as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return [line.strip() for line in data.decode("utf-8").splitlines() if line.strip()]
