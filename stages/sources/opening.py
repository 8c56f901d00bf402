"""Opening input files by path or URL, plain or as a decompressed stream, and looking at their first bytes."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Annotated, Any

from pydantic import Field

from curation.errors import TaskError
from stages.sources.archives.inflate import inflated

PathList = Annotated[str | list[str], Field(examples=["crawl/*.gz"])]
"""A parameter that is one file or glob pattern, or several."""

HEAD_BYTES = 1024
CODECS = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bzip2"}


class Input(io.RawIOBase):
    """A file whose failing reads end the task, so that a broken connection never passes for a broken file."""

    def __init__(self, file: Any, path: str) -> None:
        self.file, self.path = file, path

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Raises: TaskError."""
        try:
            data: bytes = self.file.read(size)
            return data
        except Exception as e:
            raise TaskError(f"{self.path} cannot be read: {e}") from e

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self.file.seek(offset, whence))

    def tell(self) -> int:
        return int(self.file.tell())

    def close(self) -> None:
        self.file.close()
        super().close()


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


def open_input(path: str) -> Input:
    """Open a file for reading bytes.

    Raises: TaskError if it cannot be opened or, later, read.
    """
    try:
        return Input(open_binary(path), path)
    except OSError as e:
        raise TaskError(f"{path} cannot be opened: {e}") from e


def open_decompressed(path: str) -> Any:
    """Open a file as a byte stream, decompressed as its suffix says (.gz, .zst, .bz2).

    `read(n)` returns at most n bytes whatever the compression ratio. Where the compressed data is damaged or ends early it returns what
    stands before that, and then raises OSError; TaskError where the file cannot be read.

    Raises: OSError if it cannot be opened.
    """
    raw = Input(open_binary(path), path)
    codec = next((codec for suffix, codec in CODECS.items() if path.lower().endswith(suffix)), None)
    return raw if codec is None else _Inflated(raw, codec)


class _Inflated(io.RawIOBase):
    """The bytes of compressed streams in a row."""

    def __init__(self, file: Input, codec: str) -> None:
        self.file, self.pieces = file, inflated(file, codec, strict=True)
        self.held = b""
        self.error: OSError | TaskError | None = None
        """What ended them too early."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises: OSError where the data is damaged or ends early, TaskError."""
        at = 0
        while at < len(buffer) and (self.held or self._more()):
            piece = self.held[: len(buffer) - at]
            buffer[at : at + len(piece)] = piece
            at, self.held = at + len(piece), self.held[len(piece) :]
        if self.error is not None and not at:
            raise self.error
        return at

    def _more(self) -> bool:
        try:
            self.held = next(self.pieces, b"")  # none any more behind an error
        except (OSError, TaskError) as e:
            self.error = e
        return bool(self.held)

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
