"""Models, lists and input files: found, identified by content, hashed once.

A path in a recipe is relative to the recipe's file, then to the packages' data; `package:NAME/PATH`
names a file an installed package ships. Identity is never mtime alone: it is the content's hash,
remembered by (path, size, mtime, ctime, inode) in `$CURATE_CACHE`.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import importlib.util
import os
import re
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import xxhash

LIST_FROM = 8
"""Remote files wanted of one folder from which on the folder is listed, rather than each file asked for (ours)."""
ASK_AT_ONCE = 16
"""Remote files asked for at a time (ours)."""
_ESCAPED = re.compile(r"\[([*?[])\]")
HOME = Path(__file__).resolve().parent.parent


def cache_folder() -> Path:
    """$CURATE_CACHE, or ~/.cache/curate."""
    return Path(os.environ.get("CURATE_CACHE") or Path.home() / ".cache" / "curate")


def resolve(text: str, folder: Path, *, folders: bool = False) -> Path:
    """Absolute path of a model or list named in a recipe; with `folders`, of a folder of them too.

    Raises: FileNotFoundError saying where it was looked for.
    """
    if text.startswith("package:"):
        package, _, inner = text.removeprefix("package:").partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise FileNotFoundError(f"the package {package!r} is not installed")
        candidates = [Path(spec.submodule_search_locations[0]) / inner]
    else:
        candidates = [folder / text, *(HOME / root / text for root in ("", "stages", "mixes", "classifiers"))]
    for path in candidates:
        if path.is_file() or (folders and path.is_dir()):
            return path.resolve()
    raise FileNotFoundError(f"no file {text!r}; looked in {', '.join(str(p.parent) for p in candidates[:2])}")


def content_hash(path: Path) -> str:
    """xxh3-128 of a file's bytes, 32 hex digits."""
    state = xxhash.xxh3_128()
    with open(path, "rb", buffering=0) as f:
        while block := f.read(1 << 22):
            state.update(block)
    return state.hexdigest()


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of an input: where it is, its path inside the input's root, and what it contains."""

    path: str
    relative: str
    bytes: int
    identity: str


def find(patterns: Iterable[str], folder: Path, *, leave_root: bool = True) -> list[tuple[str, str]]:
    """(absolute path, path relative to the pattern's fixed part, its root) of every match, sorted.

    Where two local files would have one relative path, which ids are made of, all are relative to the root of all.

    Args:
        leave_root: whether links may lead out of the root, and `**` into linked folders.
    Raises: FileNotFoundError naming the pattern that matches nothing.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        if "://" in pattern:
            found.update(_find_remote(pattern))
            continue
        full = pattern if os.path.isabs(pattern) else os.path.normpath(os.path.join(folder.resolve(), pattern))
        hint = "it is a folder; name its files" if os.path.isdir(full) else "no such file"
        if glob.has_magic(full):
            root = _root(full)
            matches = [m for m in (glob.glob(full, recursive=True) if leave_root else _glob_unlinked(full)) if os.path.isfile(m)]
            if matches and not leave_root:
                matches, hint = _inside(matches, root), f"all its files are links out of {root}"
        else:
            root = os.path.dirname(full)
            matches = [full] if os.path.isfile(full) else []
        if not matches:
            raise FileNotFoundError(f"{pattern!r} matches nothing ({hint})")
        found.update((m, os.path.relpath(m, root) if not m.startswith(root + "/") else m[len(root) + 1 :]) for m in matches)
    local = [path for path in found if "://" not in path]
    if len({found[path] for path in local}) < len(local):
        root = os.path.commonpath(local)
        found.update((path, os.path.relpath(path, root)) for path in local)
    return sorted(found.items())


def _root(pattern: str) -> str:
    """The folders a pattern begins with, up to the first that is no plain name; what `glob.escape` wrote is one."""
    plain = list(takewhile(lambda part: not glob.has_magic(_ESCAPED.sub("", part)), pattern.split("/")[:-1]))
    return _ESCAPED.sub(r"\1", "/".join(plain))


def _glob_unlinked(pattern: str) -> list[str]:
    """The files that match a pattern; `**` goes into no linked folder, which may be one it lies in."""
    head, stars, tail = f"{pattern}/*".partition("/**/") if pattern.endswith("/**") else pattern.partition("/**/")
    if not stars:
        return glob.glob(pattern)
    found: dict[str, None] = {}
    folders = glob.glob(f"{head}/")
    while folders:
        folder = folders.pop().rstrip("/")
        found |= dict.fromkeys(_glob_unlinked(f"{glob.escape(folder)}/{tail}"))
        with os.scandir(folder or "/") as entries:
            folders += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")]
    return list(found)


def _inside(paths: list[str], root: str) -> list[str]:
    """The paths that, links followed, are below a folder."""
    real = functools.cache(os.path.realpath)
    below = f"{real(root or '/').rstrip('/')}/"
    return [
        path for path in paths
        if (os.path.realpath(path) if os.path.islink(path) else f"{real(os.path.dirname(path)).rstrip('/')}/").startswith(below)
    ]  # fmt: skip


def _find_remote(pattern: str) -> dict[str, str]:
    import fsspec

    fs, inner = fsspec.core.url_to_fs(pattern)
    matches = fs.glob(inner) if glob.has_magic(inner) else [inner]
    if not matches:
        raise FileNotFoundError(f"{pattern!r} matches nothing")
    scheme = pattern.partition("://")[0]
    root = inner.split("*")[0].rpartition("/")[0]
    return {f"{scheme}://{m}": m[len(root) + 1 :] for m in matches}


def identify(files: list[tuple[str, str]]) -> list[InputFile]:
    """Identity of each file: relative path + size + content hash (an object store's etag).

    Raises: OSError for a file that cannot be read.
    """
    known = _Hashes()
    remote = _remote_facts([path for path, _ in files if "://" in path])
    result = []
    for path, relative in files:
        if path in remote:
            size, tag = remote[path]
            result.append(InputFile(path, relative, size, f"{relative}|{size}|{tag}"))
            continue
        stat = os.stat(path)
        result.append(InputFile(path, relative, stat.st_size, f"{relative}|{stat.st_size}|{known.of(path, stat)}"))
    known.save()
    return result


def _remote_facts(paths: list[str]) -> dict[str, tuple[int, str]]:
    """Size and tag of remote files, from listings of their folders where they are many and the store allows it.

    Raises: OSError for a file that is not there.
    """
    if not paths:
        return {}
    import fsspec

    folders: dict[tuple[Any, str], list[tuple[str, str]]] = {}
    for path in paths:
        fs, inner = fsspec.core.url_to_fs(path)
        folders.setdefault((fs, inner.rpartition("/")[0]), []).append((path, inner))
    found: dict[str, tuple[int, str]] = {}
    alone: list[tuple[str, Any, str]] = []
    for (fs, folder), wanted in folders.items():
        listed: dict[str, Any] = {}
        if len(wanted) >= LIST_FROM:
            fs.invalidate_cache(folder)
            with contextlib.suppress(OSError, NotImplementedError):  # reading may be allowed where listing is not
                listed = {entry["name"]: entry for entry in fs.ls(folder, detail=True)}
        for path, inner in wanted:
            entry = listed.get(inner, {})
            if _tag(entry) and entry.get("size") is not None:
                found[path] = int(entry["size"]), _tag(entry)
            else:
                alone.append((path, fs, inner))
    with ThreadPoolExecutor(ASK_AT_ONCE) as pool:
        for (path, _, _), info in zip(alone, pool.map(lambda file: file[1].info(file[2]), alone), strict=True):
            found[path] = int(info["size"]), _tag(info)
    return found


def _tag(info: dict[str, Any]) -> str:
    """What an object store calls the content of a file, or nothing."""
    return str(info.get("ETag") or info.get("etag") or info.get("md5Hash") or info.get("checksum") or "")


class _Hashes:
    """Content hashes by (path, size, mtime, ctime, inode), kept in one SQLite file."""

    def __init__(self) -> None:
        self.file = cache_folder() / "hashes.sqlite"
        self.new: list[tuple[str, str, str]] = []
        self.known: dict[str, tuple[str, str]] = {}
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=30)) as db, db:
                db.execute("CREATE TABLE IF NOT EXISTS hashes (path TEXT PRIMARY KEY, stat TEXT, hash TEXT)")
                self.known = {p: (s, h) for p, s, h in db.execute("SELECT path, stat, hash FROM hashes")}
        except sqlite3.Error:
            self.known = {}  # a cache that cannot be read costs time, nothing else

    def of(self, path: str, stat: os.stat_result) -> str:
        facts = f"{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}|{stat.st_ino}"
        entry = self.known.get(path)
        if entry and entry[0] == facts:
            return entry[1]
        value = content_hash(Path(path))
        self.new.append((path, facts, value))
        return value

    def save(self) -> None:
        if not self.new:
            return
        try:
            with closing(sqlite3.connect(self.file, timeout=30)) as db, db:
                db.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?)", self.new)
        except sqlite3.Error:
            return


def identify_asset(path: Path) -> str:
    """Content hash of a model or list, from the cache where the file has not changed; of a folder, one of its files' names and hashes."""
    known = _Hashes()
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file())
        value = xxhash.xxh3_128_hexdigest(
            "".join(f"{p.name}\0{known.of(str(p), os.stat(p))}\0" for p in files).encode("utf-8", "surrogateescape")
        )
    else:
        value = known.of(str(path), os.stat(path))
    known.save()
    return value
