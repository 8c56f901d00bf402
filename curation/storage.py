"""Files of a run, and the commit protocol.

A task writes outputs that carry the attempt in their name, then its record, once: the record names
the winning files with size and xxh3, and that record is what 'done' means. Readers take files from
records, never from a listing. A second attempt at the same task that finishes later finds the
record there and its files are losers, which `curate gc` removes.

A run's folder is a `Path`, or an `ObjectPath` (curation/objects.py), which has the methods of one that the engine uses. What
differs stands here, one case beside the other.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import xxhash

from curation.errors import AccountError, LockedError

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def location(name: str) -> Any:
    """The folder or file of this name: a `Path`, or an `ObjectPath` where the name is a URL.

    Raises: RecipeError if nothing is installed for such a URL.
    """
    if "://" not in name:
        return Path(name)
    from curation.objects import ObjectPath

    return ObjectPath.of(name)


def file_of(out: Path, name: str) -> Any:
    """A file of a run as its records name it: below the run's folder, or of another run, by its whole path or URL."""
    return location(name) if "://" in name else out / name


def remote(path: Path) -> Any:
    """The path if it is an `ObjectPath`, else None."""
    return None if isinstance(path, Path) else path


def attempt_name() -> str:
    """A fresh name for one attempt at a task."""
    return secrets.token_hex(4)


def _let_go(file: Any) -> None:
    """Close a file nobody wants; what its buffer holds may not fit the storage."""
    with contextlib.suppress(OSError):
        file.close()


class HashedFile:
    """A binary file that is hashed as it is written and is on disk, or in its store, when closed.

    Readers need `write`, `tell` and `close` only, so pyarrow can write to it. `local` is where its bytes lie on this machine.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.closed = path, 0, False
        self._file: IO[bytes]
        self.local: Path | str
        if remote(path):  # it goes up when it is whole, so that what fails leaves nothing; the local one has no name to be left behind
            self._file = tempfile.TemporaryFile(prefix="curate-", buffering=1 << 20)  # noqa: SIM115 - until this object goes
            self.local = f"/dev/fd/{self._file.fileno()}"
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file, self.local = open(path, "wb", buffering=1 << 20), path  # noqa: SIM115 - closed by close()
        self._hash = xxhash.xxh3_128()
        weakref.finalize(self, _let_go, self._file)  # of a task that failed: a loser nobody reads

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
                if far := remote(self.path):
                    far.store.upload(self.local, far.key)
                    return  # `local` may be read until this object goes
                sync(self._file)
                self._file.close()

    def facts(self) -> dict[str, Any]:
        """What a record says of this file: name, size in bytes, xxh3-128."""
        return {"file": self.path.name, "bytes": self.size, "xxh3": self._hash.hexdigest()}


def sync(file: IO[bytes]) -> None:
    """Have what was written to a file of this machine on disk."""
    file.flush()
    os.fsync(file.fileno())


def _on_disk(path: Path, data: bytes) -> Path:
    """A temporary file beside `path` with this content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{attempt_name()}")
    with open(temporary, "wb") as f:
        f.write(data)
        sync(f)
    return temporary


def write_once(path: Path, data: bytes) -> bool:
    """Create a file with this content, all or nothing; False if the name was taken already."""
    if far := remote(path):
        _may_write(far)
        return bool(far.store.create(far.key, data))
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
    if far := remote(path):
        _may_write(far)
        far.store.put(far.key, data)
        return
    os.replace(_on_disk(path, data), path)


def append(path: Path, line: bytes) -> None:
    """Add a line to a file that one process writes; it is on disk, or in the store, then."""
    if remote(path):
        replace(path, (path.read_bytes() if path.exists() else b"") + line)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as f:
        f.write(line)
        sync(f)


def remove(paths: Iterable[Path]) -> None:
    """Remove files of one run."""
    paths = list(paths)
    if far := paths and remote(paths[0]):
        _may_write(far)
        far.store.remove(p.key for p in cast("list[Any]", paths))
        return
    for path in paths:
        path.unlink()


def entries(folder: Path) -> list[Path]:
    """What lies in a folder; nothing if there is none."""
    return sorted(folder.iterdir()) if remote(folder) or folder.exists() else []


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder and all in it, that a listing named."""
    if remote(path):
        remove([*path.rglob("*")] if path.is_dir() else [path])
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def stand(folder: Path, files: dict[str, Path]) -> None:
    """Make a folder hold exactly these files under these names: as links, or copies within the store.

    Raises: AccountError if one is gone.
    """
    if far := remote(folder):
        _may_write(far)
        far.hold(files)
        return
    folder.mkdir(parents=True, exist_ok=True)
    for entry in list(folder.iterdir()):
        if entry.name not in files:
            remove_tree(entry)
    for name, source in files.items():
        target = folder / name
        if target.exists() and source.exists() and os.path.samefile(target, source):
            continue
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except FileNotFoundError as e:
            raise AccountError(f"{source} is gone: rows are lost") from e
        except OSError:
            shutil.copyfile(source, target)


def ahead(call: Callable[[Any], Any], items: Iterable[Any], folder: Path) -> Iterator[Any]:
    """`map`; of a run in an object store, with some calls under way at a time."""
    if not remote(folder):
        return map(call, items)
    from curation.objects import ahead

    return ahead(call, items)


def _may_write(path: Any) -> None:
    """Raises: LockedError if this process held the run and another has taken it over."""
    if path.store.lease is not None:
        path.store.lease.check()


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
    """Hold the run folder: a lock on a file, or a lease in an object store.

    Raises: LockedError naming the holder's process id if another run holds it; RecipeError if a store does not let it be held.
    """
    if far := remote(out):
        from curation.objects import Lease

        lease = Lease(far)
        lease.take()
        try:
            yield
        finally:
            lease.release()
        return
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
