"""Files of a run, and the commit protocol.

A task writes outputs that carry the attempt in their name, then its record, once: the record names
the winning files with size and xxh3, and that record is what 'done' means. Readers take files from
records, never from a listing. A second attempt at the same task that finishes later finds the
record there and its files are losers, which `curate gc` removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import xxhash

from curation.errors import AccountError, LockedError

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def attempt_name() -> str:
    """A fresh name for one attempt at a task."""
    return secrets.token_hex(4)


class HashedFile:
    """A binary file that is hashed as it is written and is on disk when closed.

    Readers need `write`, `tell` and `close` only, so pyarrow can write to it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.size, self.closed = path, 0, False
        self._file = open(path, "wb", buffering=1 << 20)  # noqa: SIM115 - closed by close()
        self._hash = xxhash.xxh3_128()
        weakref.finalize(self, self._file.close)  # of a task that failed: a loser nobody reads

    def write(self, data: Any) -> int:
        view = memoryview(data)
        if self._file.closed:  # pyarrow ends the file of a failed task when it is collected
            return view.nbytes
        self._hash.update(view)
        self._file.write(view)
        self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """pyarrow flushes after each row group; the bytes are flushed once, on close."""

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            if not self._file.closed:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()

    def facts(self) -> dict[str, Any]:
        """What a record says of this file: name, size in bytes, xxh3-128."""
        return {"file": self.path.name, "bytes": self.size, "xxh3": self._hash.hexdigest()}


def _on_disk(path: Path, data: bytes) -> Path:
    """A temporary file beside `path` with this content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{attempt_name()}")
    with open(temporary, "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    return temporary


def write_once(path: Path, data: bytes) -> bool:
    """Create a file with this content, all or nothing; False if the name was taken already."""
    temporary = _on_disk(path, data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def replace(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part."""
    os.replace(_on_disk(path, data), path)


def write_json(path: Path, value: Any) -> None:
    """`replace` with canonical JSON."""
    replace(path, canonical(value))


def canonical(value: Any) -> bytes:
    """JSON bytes that are the same for equal values: sorted keys, no blanks, no NaN.

    Raises: TypeError or ValueError for what cannot be written the same way twice.
    """
    return _ENCODER.encode(value).encode()


def seal(value: Any) -> bytes:
    """One line of JSON behind its own checksum: ["xxh3-64", value]."""
    data = canonical(value)
    return b'["%s",%s]' % (xxhash.xxh3_64_hexdigest(data).encode(), data)


def checked(line: bytes, path: Path | str) -> bytes:
    """The JSON of a sealed line of a file.

    Raises: AccountError if the line is not as it was written.
    """
    data = line[20:-1]
    if line != b'["%s",%s]' % (xxhash.xxh3_64_hexdigest(data).encode(), data):
        raise AccountError(f"{path} is damaged; remove it and run again: what it said is worked out anew")
    return data


def unseal(line: bytes, path: Path | str) -> Any:
    """The value of a sealed line of a file; raises what `checked` raises."""
    return json.loads(checked(line, path))


def write_sealed(path: Path, value: Any) -> None:
    """`replace` with a sealed value, for a file that the engine itself reads again."""
    replace(path, seal(value))


def read_sealed(path: Path) -> Any:
    """The value of a sealed file.

    Raises: AccountError if it is not as it was written; FileNotFoundError.
    """
    return unseal(path.read_bytes(), path)


def digest(*parts: Any) -> str:
    """xxh3-128 of the canonical JSON of the parts, as 32 hex digits."""
    return xxhash.xxh3_128_hexdigest(canonical(parts))


@contextlib.contextmanager
def run_lock(out: Path) -> Iterator[None]:
    """Hold the run folder.

    Raises: LockedError naming the holder's process id if another run holds it.
    """
    out.mkdir(parents=True, exist_ok=True)
    lock: IO[str]
    with open(out / ".lock", "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            lock.seek(0)
            raise LockedError(
                f"another run (process {lock.read().strip() or 'unknown'}) works in {out}; wait for it, or give this one its own --out"
            ) from e
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield
