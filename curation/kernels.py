"""Where compiled kernels are kept: in a folder for each state of the sources they are made of.

numba looks at the file of a kernel alone: one that calls a kernel of another file would go on calling it as it was.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import xxhash

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("classifiers", "curation", "mixes", "stages")
"""Those beside this one that have kernels."""
CONSTANTS = frozenset({"unicode_tables.py"})
"""Files without a kernel whose constants are compiled into those of others."""
KEPT = 4
"""Folders that stay, the last used ones: a machine may have several versions (ours)."""


def folder(cache: Path, root: Path = ROOT) -> Path:
    """Folder for the kernels of the packages under `root`, as they are now; it is made, and the oldest others go, if it is not there."""
    own = cache / "numba" / sources(root)
    try:
        if not own.is_dir():
            own.mkdir(parents=True)
            others = sorted((e for e in os.scandir(own.parent) if e.name != own.name), key=lambda e: -e.stat().st_mtime)
            for old in others[KEPT - 1 :]:
                shutil.rmtree(old.path, ignore_errors=True)
        os.utime(own)
    except OSError:
        pass  # what cannot be written, numba speaks of; what another process removed is gone
    return own


def sources(root: Path) -> str:
    """Hash of the files with kernels, and of their names: 16 hex digits."""
    total = xxhash.xxh3_64()
    for path in sorted(_files(root)):
        with open(path, "rb", buffering=0) as file:
            data = file.read()
        if b"njit" in data or os.path.basename(path) in CONSTANTS:
            total.update(f"{path[len(str(root)) :]} {len(data)}\n".encode())
            total.update(data)
    return total.hexdigest()


def newest(root: Path) -> float:
    """When the last of all files changed: some versions of numba compile again what one file has if that is later."""
    return max(os.stat(path).st_mtime for path in _files(root))


def _files(root: Path) -> list[str]:
    return [path for package in PACKAGES for path in _modules(f"{root}/{package}")]


def _modules(folder: str) -> list[str]:
    """The Python files under a folder, which need not be there."""
    found, open_ = [], [folder]
    while open_:
        try:
            with os.scandir(open_.pop()) as entries:
                for entry in entries:
                    if entry.is_dir():
                        open_.append(entry.path)
                    elif entry.name.endswith(".py"):
                        found.append(entry.path)
        except FileNotFoundError:
            continue
    return found
