"""One file of a 7z archive as a stream, in flat memory; nothing is written to disk.

py7zr hands out a file's bytes by calling a writer, so it works in a thread of its own, which waits where a few blocks are not read yet.

Source:  https://py7zr.readthedocs.io; the bounds are ours.
Units:   bytes.
Errors:  SevenZipError before anything is inflated: encrypted, no such file, a bomb. OSError where the archive is damaged.
"""

from __future__ import annotations

import importlib.util
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, cast

from curation.errors import TaskError
from stages.sources.opening import open_input

MAX_RATIO = 1000
"""What inflates to more times the archive's size is a bomb; posts inflate to some 5 times."""
MAX_DICTIONARY_BYTES = 256 << 20
"""The memory a decoder may ask for; 7-Zip's own levels end here."""
BLOCK_BYTES = 64 << 10
"""Bytes inflated at a time, and handed on at a time. py7zr takes 1 MiB, and makes 128 MB of it if they inflate so far."""
WAITING_BLOCKS = 16

_LZMA, _LZMA2, _AES = b"\x03\x01\x01", b"\x21", b"\x06\xf1\x07\x01"
_FRUGAL = frozenset([b"\x00", b"\x04\x02\x02", b"\x04\x01\x08", b"\x03", b"\x03\x03\x01\x03"])
"""Methods whose memory no archive decides: copy, bzip2, deflate; the filters delta and x86."""


class SevenZipError(ValueError):
    """An archive that is not read; the message says why."""


def open_member(path: str, wanted: Callable[[str], bool]) -> Member:
    """Open the one file of an archive whose name is wanted.

    Raises: SevenZipError; OSError if the archive is damaged; TaskError if the file cannot be opened or read.
    """
    if importlib.util.find_spec("py7zr") is None:
        raise SevenZipError(f"{path}: a 7z archive needs: pip install 'curate-pretraining[archives]'")
    import py7zr

    file = open_input(path)
    try:
        size = file.seek(0, 2)
        file.seek(0)
        try:
            archive = py7zr.SevenZipFile(cast(IO[bytes], file), "r")
            names = [entry.filename for entry in archive.files if not entry.is_directory and wanted(entry.filename)]
            streams = archive.header.main_streams
            folders = [] if streams is None else streams.unpackinfo.folders
            coders = [(coder["method"], coder.get("properties") or b"") for folder in folders for coder in folder.coders]
            inflated = sum(max(folder.unpacksizes, default=0) for folder in folders)
        except py7zr.PasswordRequired as e:
            raise SevenZipError(f"{path} is encrypted") from e
        except TaskError:
            raise
        except Exception as e:  # what it raises on hostile bytes is no closed list
            raise OSError(f"{path}: no readable 7z archive: {e}") from e
        for method, properties in coders:
            if method == _AES:
                raise SevenZipError(f"{path} is encrypted")
            if (memory := _memory(method, properties)) is None:
                raise SevenZipError(f"{path} is compressed by method {method.hex()}; LZMA, LZMA2, bzip2 and deflate are read")
            if memory > MAX_DICTIONARY_BYTES:
                raise SevenZipError(f"{path}: its decoder would ask for {memory:,} bytes")
        if len(names) != 1:
            raise SevenZipError(f"{path} has {len(names)} such files, not one; it may be of another table")
        if inflated > MAX_RATIO * size:
            raise SevenZipError(f"{path} would inflate to {inflated:,} bytes, {inflated // max(1, size):,} times its size")
    except BaseException:
        file.close()
        raise
    return Member(archive, file, names[0])


def _memory(method: bytes, properties: bytes) -> int | None:
    """Bytes a decoder may ask for, as the archive has it; None for a method that is not read."""
    if method in _FRUGAL:
        return 0
    if method == _LZMA and len(properties) >= 5:
        return int.from_bytes(properties[1:5], "little")
    if method == _LZMA2 and len(properties) >= 1:
        return (2 | properties[0] & 1) << (properties[0] // 2 + 11)
    return None


class _Stopped(Exception):
    """Nobody reads on."""


class Member:
    """A file of an archive, read once, from its beginning."""

    def __init__(self, archive: Any, file: Any, name: str) -> None:
        self._file = file
        self._blocks: queue.Queue[bytes] = queue.Queue(WAITING_BLOCKS)
        self._stop = threading.Event()
        self._rest = b""
        self._pool = ThreadPoolExecutor(1, "7z")
        self._work = self._pool.submit(self._inflate, archive, name)

    def _inflate(self, archive: Any, name: str) -> None:
        try:
            streams = archive.header.main_streams
            for folder, packed in [] if streams is None else zip(streams.unpackinfo.folders, streams.packinfo.packsizes, strict=True):
                if any(entry.folder is folder for entry in archive.files if entry.filename == name):
                    folder.get_decompressor(packed).block_size = BLOCK_BYTES  # what an archive's `blocksize` is not for
            archive.extract(targets=[name], factory=self)
        finally:
            self._put(b"")

    def create(self, filename: str, mode: str = "wb") -> Any:
        """The writer py7zr asks for; see `_Writer`."""
        return _Writer(self._put)

    def _put(self, block: bytes) -> None:
        while not self._stop.is_set():
            try:
                return self._blocks.put(block, timeout=0.1)
            except queue.Full:
                continue
        if block:
            raise _Stopped

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end.

        Raises: OSError where the archive is damaged, TaskError where the file cannot be read.
        """
        if not self._rest:
            self._rest = self._blocks.get()
            if not self._rest:
                self._blocks.put(b"")  # for whoever reads on
                try:
                    self._work.result()
                except TaskError:
                    raise
                except Exception as e:
                    raise OSError(f"7z archive: {e}") from e
                return b""
        block, self._rest = self._rest[:size], self._rest[size:]
        return block

    def close(self) -> None:
        """Stop inflating."""
        self._stop.set()
        self._pool.shutdown()
        self._file.close()


class _Writer:
    """What py7zr writes a file to."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put, self._size = put, 0

    def write(self, block: bytes | bytearray) -> int:
        """Pass bytes on, waiting until there is room."""
        for at in range(0, len(block), BLOCK_BYTES):
            self._put(bytes(block[at : at + BLOCK_BYTES]))
        self._size += len(block)
        return len(block)

    def size(self) -> int:
        """Bytes written."""
        return self._size

    def read(self, size: int | None = None) -> bytes:
        """Part of py7zr's interface."""
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Part of py7zr's interface."""
        return 0

    def flush(self) -> None:
        """Part of py7zr's interface."""

    def close(self) -> None:
        """Part of py7zr's interface."""
