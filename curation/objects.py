"""A run folder in an object store: paths, tries again, and a lease in place of a lock. Imported for a folder with `://` only.

A store is whatever fsspec has a file system for. What the engine needs of it: to create an object that is not there yet
(the record of a task, the lease), to overwrite one as a whole, to read a range, to copy, to list, to remove. There is no rename.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

from curation.errors import AccountError, LockedError, RecipeError, TaskError

TRIES = 10
"""Times an operation is tried: with the waits below this rides out some two minutes of a store that does not answer (ours)."""
FIRST_TRIES = 5
"""Times the first operation of a process is tried: a wrong address should be said within half a minute."""
WAIT_SECONDS = 0.25
"""Wait before the second try; it doubles with each further one, up to MAX_WAIT_SECONDS, times 0.5 to 1.5 by chance."""
MAX_WAIT_SECONDS = 30.0
REQUEST_TRIES = 4
"""Times botocore tries one request, such as a part of an upload, within an operation (its `standard` mode: backoff with jitter)."""
ANSWER_SECONDS = 60.0
"""Time without a byte after which a request is given up, and tried again (botocore's own)."""
PASSING = (408, 409, 425, 429)
"""HTTP statuses below 500 that say: try again."""
PASSING_CODES = ("BadDigest", "IncompleteBody", "RequestTimeout", "XAmzContentSHA256Mismatch")
"""S3's errors of status 400 that say so."""
LASTING = (FileExistsError, PermissionError, IsADirectoryError, NotImplementedError, ValueError, TypeError, LookupError, AttributeError)
"""Errors that come back the next time."""
TAIL_BYTES = 64 << 10
"""Read at once from the end of a shard: its footer, and all of a small one (ours)."""
AT_ONCE = 16
"""Requests under way at a time where many objects are wanted (ours)."""
BEAT_SECONDS = 15.0
"""How often the holder of a lease says that it lives."""
LAPSE_SECONDS = 90.0
"""Age, by the store's clock, at which a lease nobody renews is lost."""


class Store:
    """One object store. Each operation is tried again while its error may pass.

    Raises, all operations: FileNotFoundError; TaskError where the store refuses, or does not answer for long.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self.scheme = url.partition("://")[0]
        options: dict[str, Any] = {"use_listings_cache": False}
        if self.scheme in ("s3", "s3a"):
            options["config_kwargs"] = {
                "retries": {"mode": "standard", "total_max_attempts": REQUEST_TRIES}, "read_timeout": ANSWER_SECONDS,
            }  # fmt: skip
        try:
            self.fs, self.root = fsspec.core.url_to_fs(url, **options)
        except ImportError as e:
            hint = "pip install 'curate-pretraining[s3]'" if self.scheme in ("s3", "s3a") else ""
            raise RecipeError(f"{url}: what reads and writes {self.scheme}:// is not installed: {e}", hint=hint) from e
        except ValueError as e:
            raise RecipeError(f"{url}: {e}") from e
        if "config_kwargs" in options:
            self.fs.retries = 1  # s3fs's own loop has no jitter: botocore's is within, ours around
        self.lease: Lease | None = None
        self.answered = False

    def _try(self, key: str, call: Callable[[], Any]) -> Any:
        tries = TRIES if self.answered else FIRST_TRIES
        for number in range(1, tries + 1):
            try:
                result = call()
                self.answered = True
                return result
            except (FileNotFoundError, FileExistsError):
                self.answered = True
                raise
            except Exception as e:
                if isinstance(e, PermissionError) or _status(e) in (401, 403):
                    raise TaskError(f"{self.scheme}://{key}: the store refuses it: {e}") from e
                if not _passes(e):
                    raise
                if number == tries:
                    raise TaskError(f"{self.scheme}://{key}: {type(e).__name__}: {e} (tried {tries} times)") from e
                time.sleep(min(WAIT_SECONDS * 2 ** (number - 1), MAX_WAIT_SECONDS) * random.uniform(0.5, 1.5))

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes start <= i < end of an object, fewer if it ends before."""
        try:
            data: bytes = self._try(key, lambda: self.fs.cat_file(key, start=start, end=end))
        except OSError as e:
            if _status(e) == 416:  # nothing lies behind `start`
                return b""
            raise
        return data

    def put(self, key: str, data: bytes) -> None:
        """Write an object: readers see the old one or the new."""
        self._try(key, lambda: self.fs.pipe_file(key, data))

    def create(self, key: str, data: bytes) -> bool:
        """Write an object that is not there yet; False if it is."""
        try:
            self._try(key, lambda: self.fs.pipe_file(key, data, mode="create"))
        except OSError as e:
            if not isinstance(e, FileExistsError) and _status(e) != 412:
                raise
            return self.read(key) == data  # a try whose answer was lost may have written it
        return True

    def upload(self, file: str, key: str) -> None:
        """Write a local file as an object, in parts if it is large."""
        self._try(key, lambda: self.fs.put_file(file, key))

    def copy(self, source: str, key: str) -> None:
        """Copy an object within the store."""
        self._try(source, lambda: self.fs.cp_file(source, key))

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects, a thousand a request."""
        rest = iter(keys)
        while some := list(islice(rest, 1000)):
            with contextlib.suppress(FileNotFoundError):
                self._try(some[0], lambda some=some: self.fs.rm(some))  # type: ignore[misc]

    def info(self, key: str) -> dict[str, Any]:
        """What the store says of an object."""
        found: dict[str, Any] = self._try(key, lambda: self.fs.info(key))
        return found

    def age(self, key: str, than: str) -> float:
        """Seconds that an object was written before another one, by the store's clock."""
        return float((self._try(than, lambda: self.fs.modified(than)) - self._try(key, lambda: self.fs.modified(key))).total_seconds())

    def list(self, key: str, deep: bool = False) -> list[dict[str, Any]]:
        """What lies in a folder: its entries, or every object below it."""
        try:
            if deep:
                return list(self._try(key, lambda: self.fs.find(key, detail=True)).values())
            return list(self._try(key, lambda: self.fs.ls(key, detail=True)))
        except FileNotFoundError:
            return []


def _answer(error: BaseException | None) -> dict[str, Any]:
    """What S3 answered, as botocore parsed it; empty of other errors."""
    while error is not None:
        if isinstance(answer := getattr(error, "response", None), dict):
            return answer
        error = error.__cause__
    return {}


def _status(error: BaseException) -> int:
    """HTTP status behind an error, or 0."""
    status = getattr(error, "status", None) or getattr(error, "code", None)
    return status if isinstance(status, int) else int(_answer(error).get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def _passes(error: BaseException) -> bool:
    """Whether an error may be gone the next time."""
    status = _status(error)
    if status >= 500 or status in PASSING or _answer(error).get("Error", {}).get("Code") in PASSING_CODES:
        return True
    return not isinstance(error, LASTING) and not 400 <= status < 500


class ObjectPath:
    """Name of an object or folder of a store, with those of pathlib's methods that the engine uses."""

    __slots__ = ("key", "size", "store")

    def __init__(self, store: Store, key: str, size: int | None = None) -> None:
        self.store, self.key, self.size = store, key, size
        """`size` in bytes, where a listing has said it; -1 for a folder."""

    @classmethod
    def of(cls, url: str) -> ObjectPath:
        """Raises: RecipeError if nothing is installed for such a URL."""
        store = Store(url)
        return cls(store, store.root.rstrip("/"))

    def __str__(self) -> str:
        return f"{self.store.scheme}://{self.key.lstrip('/')}"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectPath) and str(self) == str(other)

    def __lt__(self, other: ObjectPath) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __truediv__(self, name: str) -> Any:
        if name.startswith("/"):  # as pathlib has it: a file of this machine
            return Path(name)
        return ObjectPath.of(name) if "://" in name else ObjectPath(self.store, f"{self.key}/{name}")

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> ObjectPath:
        return ObjectPath(self.store, self.key.rpartition("/")[0])

    def with_name(self, name: str) -> ObjectPath:
        return ObjectPath(self.store, f"{self.key.rpartition('/')[0]}/{name}")

    def with_suffix(self, suffix: str) -> ObjectPath:
        return self.with_name(PurePosixPath(self.name).with_suffix(suffix).name)

    def relative_to(self, folder: ObjectPath) -> PurePosixPath:
        return PurePosixPath(self.key).relative_to(folder.key)

    def read_bytes(self) -> bytes:
        return self.store.read(self.key)

    def read_range(self, start: int, length: int) -> bytes:
        """Bytes from `start`, fewer if the object ends before."""
        return self.store.read(self.key, start, start + length) if length else b""

    def open(self) -> RangeFile:
        return RangeFile(self)

    def exists(self) -> bool:
        try:
            self.read_range(0, 1)  # not asked for its size: many a file system lists the folder then
        except FileNotFoundError:
            return False
        return True

    def stat(self) -> Any:
        if self.size is None:
            self.size = int(self.store.info(self.key)["size"])
        return SimpleNamespace(st_size=self.size)

    def is_dir(self) -> bool:
        return self.size == -1

    def is_file(self) -> bool:
        return self.size is not None and self.size >= 0

    def mkdir(self, **options: bool) -> None:
        """There are no folders to make,"""

    def rmdir(self) -> None:
        """nor any to remove."""

    def unlink(self, missing_ok: bool = False) -> None:
        self.store.remove([self.key])

    def _found(self, deep: bool) -> Iterator[ObjectPath]:
        for entry in self.store.list(self.key, deep):
            key = str(entry["name"]).rstrip("/")
            if key != self.key:
                yield ObjectPath(self.store, key, -1 if entry["type"] == "directory" else int(entry["size"] or 0))

    def iterdir(self) -> Iterator[ObjectPath]:
        return self._found(deep=False)

    def rglob(self, pattern: str) -> Iterator[ObjectPath]:
        """Objects below the folder; folders are none."""
        return (p for p in self._found(deep=True) if PurePosixPath(p.name).match(pattern))

    def glob(self, pattern: str) -> Iterator[ObjectPath]:
        parts = pattern.count("/") + 1
        found = self._found(deep=parts > 1)
        return (p for p in found if len((relative := p.relative_to(self)).parts) == parts and relative.match(pattern))

    def hold(self, files: dict[str, ObjectPath]) -> None:
        """Make this folder hold exactly copies of these objects; a name stands for its content.

        Raises: AccountError if one of them is gone.
        """
        here = list(self.iterdir())
        doomed = [p for p in here if p.name not in files]
        self.store.remove([f.key for p in doomed for f in (p.rglob("*") if p.is_dir() else (p,))])
        known = {p.name for p in here}

        def copy(name: str) -> None:
            try:
                self.store.copy(files[name].key, f"{self.key}/{name}")
            except FileNotFoundError as e:
                raise AccountError(f"{files[name]} is gone: rows are lost") from e

        for _ in ahead(copy, [name for name in files if name not in known]):
            pass


class RangeFile(io.RawIOBase):
    """A reader of an object by ranges; the end of it is read at once."""

    def __init__(self, path: ObjectPath) -> None:
        self._path, self._at = path, 0
        self._size = path.stat().st_size
        self._low = max(0, self._size - TAIL_BYTES)
        self._tail: bytes | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        start, self._at = self._at, max(self._at, end)
        if start >= end:
            return b""
        if start < self._low:
            return self._path.read_range(start, end - start)
        if self._tail is None:
            self._tail = self._path.read_range(self._low, self._size - self._low)
        return self._tail[start - self._low : end - self._low]


def ahead(call: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """call(item) of each item, in order, AT_ONCE of them under way."""
    rest = iter(items)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        under_way = [pool.submit(call, item) for item in islice(rest, AT_ONCE)]
        try:
            while under_way:
                yield under_way.pop(0).result()
                under_way += [pool.submit(call, item) for item in islice(rest, 1)]
        finally:
            for future in under_way:
                future.cancel()


class Lease:
    """The newest object of `.lock/`, which are numbered. To take it is to create the next number, which one of many can.

    The holder writes its own again every BEAT_SECONDS, then looks for a newer one. Ages are differences of the store's own times.
    """

    def __init__(self, out: ObjectPath) -> None:
        self.out, self.store, self.folder = out, out.store, out / ".lock"
        self._me = {"host": socket.gethostname(), "process": os.getpid(), "token": secrets.token_hex(8)}
        self._number = self._beats = 0
        self._beaten = time.monotonic()
        self._lost = ""
        self._end = threading.Event()

    def take(self) -> None:
        """Raises: LockedError naming the holder if it lives; RecipeError if the store cannot be reached or does not allow it."""
        try:
            held = self._held()
            earlier = self._take_from(held)
        except (TaskError, FileNotFoundError) as e:
            raise RecipeError(f"{self.out} cannot hold a run: {e}") from e
        self.store.remove([f"{self.folder.key}/{n:08d}" for n in earlier])
        self.store.lease = self
        threading.Thread(target=self._live, daemon=True, name="lease").start()

    def _take_from(self, held: list[int]) -> list[int]:
        if held:
            self._number = held[-1] + 1
            said = json.loads(self.store.read(self._key(held[-1])))
            if not said.get("released"):
                probe = f"{self.folder.key}/now-{self._me['token']}"
                self.store.put(probe, b"")
                age = self.store.age(self._key(held[-1]), probe)
                self.store.remove([probe])
                if age < LAPSE_SECONDS:
                    raise LockedError(
                        f"another run (process {said['process']} on {said['host']}) holds {self.out}: its last sign of life came "
                        f"{age:.0f} s ago; wait for it, or give this one its own --out; "
                        f"if it is dead, run again in {LAPSE_SECONDS - age:.0f} s"
                    )
        if not self.store.create(self._key(self._number), self._said()):
            raise LockedError(f"another run has just taken {self.out}; wait for it, or give this one its own --out")
        if self.store.create(self._key(self._number), b"{}"):
            self.store.remove([self._key(self._number)])
            raise TaskError("it writes over an object that was to be created only (If-None-Match), so that no task could end just once")
        self._beaten = time.monotonic()
        return held

    def _key(self, number: int) -> str:
        return f"{self.folder.key}/{number:08d}"

    def _said(self, **more: Any) -> bytes:
        return json.dumps({**self._me, "beats": self._beats, **more}).encode()

    def _held(self) -> list[int]:
        return sorted(int(p.name) for p in self.folder.iterdir() if p.name.isdecimal())

    def _live(self) -> None:
        while not self._end.wait(BEAT_SECONDS):
            with contextlib.suppress(TaskError, OSError):  # `check` beats itself before anything is written
                self.beat()

    def beat(self) -> None:
        """Say that this run lives, and see whether another took over meanwhile."""
        self._beats += 1
        self.store.put(self._key(self._number), self._said())
        newest = max(self._held(), default=self._number)
        if newest > self._number:
            self._lost = f"another run took {self.out} over: this one gave no sign of life for {LAPSE_SECONDS:.0f} s"
        else:
            self._beaten = time.monotonic()

    def check(self) -> None:
        """Raises: LockedError if the lease is lost: called before the driver writes."""
        if not self._lost and time.monotonic() - self._beaten > LAPSE_SECONDS - BEAT_SECONDS:
            self.beat()
        if self._lost:
            raise LockedError(self._lost)

    def release(self) -> None:
        self._end.set()
        self.store.lease = None
        if not self._lost:
            with contextlib.suppress(TaskError):  # then it lapses
                self.store.put(self._key(self._number), self._said(released=True))
