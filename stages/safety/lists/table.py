"""Lists compiled to arrays that all workers map into memory.

Entries are sorted by a 64-bit hash of their name. `index` has a place for each value of the hash's leading bits, about
four entries each; `marks` are the 32 bits that follow, and a name is compared byte by byte before it counts, so a collision
costs time and never a verdict. A look-up touches one line of `index` and one of `marks`: 6 bytes an entry, 60 MB for ten
million; names (some 20 bytes each) and the rest stay on disk until something matches.

A table is kept in the cache under the content of its lists, and made once, by the first process that needs it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numba import njit

from curation import assets
from curation.text import Utf8
from stages.safety.lists.read import READ_BY, READERS, unusable

FORMAT = "1"
_U: Any = np.uint64
_I: Any = np.int64
_ENTRIES_A_PLACE = 4


@dataclass(frozen=True)
class Table:
    """Entries of lists, mapped from files or in memory.

    index: uint32 (2**k + 1,). marks: uint32 (n,). offsets: int64 (n + 1,), of names: uint8. lists: uint16 (n,), the ordinal of the list
    an entry is from. values: int32 (n,), see `Entries`. Entries of one name stand in the order of their lists.
    """

    index: Any
    marks: Any
    offsets: Any
    names: Any
    lists: Any
    values: Any

    def __post_init__(self) -> None:
        """Mark every array read-only, as mapped ones are, so that kernels are compiled once."""
        for f in fields(self):
            array = getattr(self, f.name).view()
            array.flags.writeable = False
            object.__setattr__(self, f.name, array)

    def __len__(self) -> int:
        return len(self.marks)

    def arrays(self) -> tuple[Any, ...]:
        """What `first_entry` takes: how far a hash is shifted to tell its place, and the arrays."""
        shift = 64 - (len(self.index) - 1).bit_length() + 1
        return (_U(shift), *(getattr(self, f.name) for f in fields(self)))


def table_of(lists: tuple[tuple[str, str], ...]) -> Table:
    """The table of some lists, from the cache where it is there.

    Args:
        lists: (kind, path) of each; the kind says what the file holds (`READERS`).
    Raises: ValueError for a list without a usable entry.
    """
    if not lists:
        return compile_lists(lists)
    facts = [FORMAT, READ_BY, *(f"{kind} {assets.identify_asset(Path(path))}" for kind, path in lists)]
    folder = assets.cache_folder() / "lists" / xxhash.xxh3_128_hexdigest("\n".join(facts).encode())
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_suffix(".lock")):
            if not folder.exists():
                _write(compile_lists(lists), folder)
    except OSError:  # a cache that cannot be written costs time and memory, nothing else
        if not folder.exists():
            return compile_lists(lists)
    return Table(*(np.asarray(np.load(folder / f"{f.name}.npy", mmap_mode="r")) for f in fields(Table)))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(table: Table, folder: Path) -> None:
    """Write the arrays to a folder that appears whole or not at all."""
    fresh = Path(tempfile.mkdtemp(prefix="new-", dir=folder.parent))
    try:
        for f in fields(Table):
            np.save(fresh / f"{f.name}.npy", getattr(table, f.name))
        os.rename(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def compile_lists(lists: tuple[tuple[str, str], ...]) -> Table:
    """Read lists and sort their entries; one that can never decide, because an earlier list has it, goes.

    Raises: ValueError for a list without a usable entry.
    """
    names = []
    values, ordinals = [np.zeros(0, np.int32)], [np.zeros(0, np.uint16)]
    for ordinal, (kind, path) in enumerate(lists):
        entries = READERS[kind](Path(path))
        if not len(entries.names):
            raise ValueError(unusable(Path(path), entries.broken, entries.refused, list(entries.examples)))
        names.append(entries.names)
        values.append(entries.values)
        ordinals.append(np.full(len(entries.names), ordinal, np.uint16))
    return sorted_table(_joined(names), np.concatenate(values), np.concatenate(ordinals))


def _joined(texts: list[Utf8]) -> Utf8:
    """Several texts as one."""
    sizes = [np.zeros(1, np.int64), *(text.bytes_per_row() for text in texts)]
    data = [np.zeros(0, np.uint8), *(text.data[text.offsets[0] : text.offsets[-1]] for text in texts)]
    return Utf8(np.concatenate(data), np.cumsum(np.concatenate(sizes)))


def sorted_table(names: Utf8, values: Any, lists: Any) -> Table:
    """The table of entries in the order of their lists; arguments as in `Table`."""
    hashes = names.hash()
    order = np.argsort(hashes, kind="stable")
    bits = max(1, (max(1, len(order)) // _ENTRIES_A_PLACE).bit_length())
    keep = _deciding(names.data, names.offsets, hashes, values, order)
    order = order[keep]
    data, offsets = _gathered(names.data, names.offsets, order)
    ordered = hashes[order]
    index = np.searchsorted(ordered >> _U(64 - bits), np.arange((1 << bits) + 1, dtype=np.uint64)).astype(np.uint32)
    marks = (ordered >> _U(32 - bits)).astype(np.uint32)
    return Table(index, marks, offsets, data, lists[order], values[order])


@njit(cache=True)
def _same(data: Any, a: Any, a_end: Any, other: Any, b: Any, b_end: Any) -> bool:
    """Whether data[a:a_end] and other[b:b_end] are the same bytes."""
    if a_end - a != b_end - b:
        return False
    while a < a_end and data[a] == other[b]:
        a += 1
        b += 1
    return bool(a == a_end)


@njit(cache=True)
def _deciding(data: Any, offsets: Any, hashes: Any, values: Any, order: Any) -> Any:
    """Which of the sorted entries are not idle: those without an earlier one of the same name whose value is no larger."""
    keep = np.ones(len(order), np.bool_)
    for k in range(len(order)):
        j = k - 1
        while j >= 0 and hashes[order[j]] == hashes[order[k]] and k - j < 64:
            a, b = order[k], order[j]
            if keep[j] and values[b] <= values[a] and _same(data, offsets[a], offsets[a + 1], data, offsets[b], offsets[b + 1]):
                keep[k] = False
                break
            j -= 1
    return keep


@njit(cache=True)
def _gathered(data: Any, offsets: Any, order: Any) -> Any:
    """Strings in another order, as bytes and offsets."""
    bounds = np.zeros(len(order) + 1, np.int64)
    for k in range(len(order)):
        bounds[k + 1] = bounds[k] + offsets[order[k] + 1] - offsets[order[k]]
    out = np.empty(bounds[-1], np.uint8)
    for k in range(len(order)):
        out[bounds[k] : bounds[k + 1]] = data[offsets[order[k]] : offsets[order[k] + 1]]
    return out, bounds


@njit(cache=True)
def first_entry(table: Any, hashed: Any, data: Any, start: Any, end: Any, day: Any) -> Any:
    """Entry of the name data[start:end] whose day has come and whose list is the first; -1 for none.

    Args:
        table: `Table.arrays()`. hashed: wyhash of the name. day: of the capture, in days since 1970.
    """
    shift, index, marks, offsets, names, _, values = table
    place = _I(hashed >> shift)
    mark = np.uint32((hashed >> (shift - _U(32))) & _U(0xFFFFFFFF))
    for k in range(_I(index[place]), _I(index[place + 1])):
        if marks[k] == mark and values[k] <= day and _same(data, start, end, names, offsets[k], offsets[k + 1]):
            return _I(k)
    return _I(-1)
