"""Where a document stands in a run: by a look through its files, or in a lookup that was built once.

The lookup is beside the run's rows, in `lookup/`: {hash of an id, URL or parent's id, file, row}, sorted by hash and cut by its first
bits into files of some 2^21 entries, whose footers say which hashes each row group of 8,192 holds. So a query reads one footer and one
group, whatever the run has. It is built from the columns id, url and parent_ids alone, in flat memory: sorted runs of 2^22 entries go to
a temporary file (beside it; of a run in an object store, on this machine), 16 bytes an entry.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import RecipeError
from curation.inspect.rows import KINDS, PLACE, RunRows
from curation.shards import ShardWriter, opened
from curation.storage import digest, read_sealed, remote, remove_tree, write_sealed
from curation.text import Utf8

FOLDER, HEAD, NAMES = "lookup", "lookup.json", "files.parquet"
PART_ENTRIES = 1 << 21
"""Entries of a file of the lookup, about (ours): its footer is some 40 kB."""
SORTED_ENTRIES = 1 << 22
"""Entries that are sorted in memory at a time (ours)."""
ENTRY = np.dtype([("hash", np.uint64), ("file", np.uint32), ("row", np.uint32)])
FOUND = {"what": pa.string(), **PLACE}


def find(run: RunRows, values: Sequence[str]) -> pa.Table:
    """Where rows stand whose id or URL, or the id of a document they were made of, is one of these: {what, _file, _row}.

    From the lookup, if there is one of this state of the run; else by a look through the columns id and url of all its files.
    """
    return _looked_up(run, values) if built(run) else _scanned(run, values)


def built(run: RunRows) -> bool:
    """Whether the run has a lookup of its present state."""
    try:
        head: dict[str, Any] = read_sealed(run.folder / FOLDER / HEAD)
    except FileNotFoundError:
        return False
    return bool(head["run"] == digest(run.manifest))


def _columns(run: RunRows, what: str) -> list[str]:
    """Columns that name a document; those it was made of only where a step makes documents of others."""
    wanted = ("id", "url", "parent_ids")
    names = run.schema(what, columns=wanted).names
    return [name for name in wanted if name in names]


def _scanned(run: RunRows, values: Sequence[str]) -> pa.Table:
    wanted, parts = pa.array(list(values), pa.string()), [_none()]
    for what in KINDS:
        names = _columns(run, what)
        for batch in run.batches(what, [*names, *PLACE]):
            hit = np.zeros(batch.num_rows, bool)
            for name in names:
                column = batch.column(name)
                if name == "parent_ids":
                    among = pc.is_in(pc.list_flatten(column), wanted).to_numpy(zero_copy_only=False)
                    hit[pc.list_parent_indices(column).to_numpy()[among]] = True
                else:
                    hit |= pc.is_in(column, wanted).to_numpy(zero_copy_only=False)
            if hit.any():
                here = batch.filter(pa.array(hit))
                parts.append(_places(what, here.column("_file"), here.column("_row")))
    return pa.concat_tables(parts)


def _none() -> pa.Table:
    return pa.schema([pa.field(n, t) for n, t in FOUND.items()]).empty_table()


def _places(what: str, files: Any, rows: Any) -> pa.Table:
    return pa.table([pa.repeat(pa.scalar(what), len(rows)), files, rows], names=list(FOUND))


# -- the lookup -----------------------------------------------------------------------------------


def build(run: RunRows) -> dict[str, Any]:
    """Build the lookup of a run.

    Returns: {"rows", "entries", "files", "bytes"}: rows of the run, entries and files of the lookup, its size.
    Raises: RecipeError if the run is not done, or its folder cannot be written.
    """
    run.require_done()
    folder = run.folder / FOLDER
    if not remote(folder):
        try:
            folder.mkdir(exist_ok=True)
        except OSError as e:
            raise RecipeError(f"{folder} cannot be made: {e}") from e
    for old in sorted(folder.iterdir(), key=lambda path: path.name != HEAD):  # the head first: without it, there is no lookup
        remove_tree(old)
    names: list[str] = []
    with tempfile.TemporaryFile(dir=None if remote(folder) else folder, prefix="sorting-") as spill:
        rows, runs = _spilled(run, spill, names)
        entries = sum(runs)
        bits = max(0, (-(-entries // PART_ENTRIES) - 1).bit_length())
        size = sum(_written(folder, part, bits, spill, runs) for part in range(1 << bits))
    writer = ShardWriter(folder / NAMES, pa.schema([("name", pa.string())]))
    writer.write(pa.table({"name": names}))
    size += writer.close()["bytes"]
    write_sealed(folder / HEAD, {"run": digest(run.manifest), "bits": bits, "entries": entries})
    return {"rows": rows, "entries": entries, "files": (1 << bits) + 1, "bytes": size}


def _spilled(run: RunRows, spill: Any, names: list[str]) -> tuple[int, list[int]]:
    """Write sorted runs of entries, one behind the other, and gather names of files; returns rows of the run, and entries of each run."""
    held, count, rows, runs = [], 0, 0, []
    for entries, n in _entries(run, names):
        rows += n
        held.append(entries)
        count += len(entries)
        if count >= SORTED_ENTRIES:
            runs.append(_spill(held, spill))
            held, count = [], 0
    runs.append(_spill(held, spill))
    return rows, runs


def _spill(held: list[Any], spill: Any) -> int:
    entries = np.concatenate([np.empty(0, ENTRY), *held])
    spill.write(entries[np.argsort(entries["hash"], kind="stable")].tobytes())
    return len(entries)


def _entries(run: RunRows, names: list[str]) -> Iterator[tuple[Any, int]]:
    """Entries of each batch of the run's rows, and how many rows these are."""
    for what in KINDS:
        for batch in run.batches(what, [*_columns(run, what), *PLACE]):
            name = f"{what} {batch.column('_file')[0].as_py()}"
            if not names or names[-1] != name:
                names.append(name)
            at = batch.column("_row").to_numpy()
            for column in _columns(run, what):
                values, rows = batch.column(column), at
                if column == "parent_ids":
                    rows, values = at[pc.list_parent_indices(values).to_numpy()], pc.list_flatten(values)
                present = pc.is_valid(values).to_numpy(zero_copy_only=False)
                entries = np.empty(int(present.sum()), ENTRY)
                entries["hash"], entries["file"] = Utf8.of(values).hash()[present], len(names) - 1
                entries["row"] = rows[present]
                yield entries, batch.num_rows if column == "id" else 0


def _written(folder: Any, part: int, bits: int, spill: Any, runs: list[int]) -> int:
    """One file of the lookup, of every run's entries in its range of hashes; returns its bytes."""
    low, high = part << (64 - bits), (part + 1) << (64 - bits)
    found, start = [np.empty(0, ENTRY)], 0
    whole = np.memmap(spill, ENTRY, "r") if sum(runs) else np.empty(0, ENTRY)
    for n in runs:
        hashes = whole[start : start + n]["hash"]
        first = int(np.searchsorted(hashes, np.uint64(low)))
        last = n if high == 1 << 64 else int(np.searchsorted(hashes, np.uint64(high)))
        found.append(whole[start + first : start + last])
        start += n
    entries = np.concatenate(found)
    entries = entries[np.lexsort((entries["row"], entries["file"], entries["hash"]))]
    writer = ShardWriter(folder / f"{part:06d}.parquet", pa.schema([("hash", pa.uint64()), ("file", pa.uint32()), ("row", pa.uint32())]))
    writer.write(pa.table({name: np.ascontiguousarray(entries[name]) for name in ENTRY.names or ()}))
    return int(writer.close()["bytes"])


def _looked_up(run: RunRows, values: Sequence[str]) -> pa.Table:
    bits = read_sealed(run.folder / FOLDER / HEAD)["bits"]
    hashes = np.unique(Utf8.of(pa.array(list(values), pa.string())).hash())
    numbers, rows = [], []
    for value in hashes.tolist():
        with opened(run.folder / FOLDER / f"{value >> (64 - bits) if bits else 0:06d}.parquet") as file:
            for group in range(file.metadata.num_row_groups):
                kept = file.metadata.row_group(group).column(0).statistics
                if kept.min <= value <= kept.max:
                    table = file.read_row_group(group, use_threads=False)
                    low, high = (np.searchsorted(table["hash"].to_numpy(), np.uint64(value), side) for side in ("left", "right"))
                    numbers += table["file"].slice(low, high - low).to_pylist()
                    rows += table["row"].slice(low, high - low).to_pylist()
    parts = [_none()]
    names = _names(run, sorted(set(numbers)))
    for number, row in dict.fromkeys(zip(numbers, rows, strict=True)):
        what, _, file_name = names[number].partition(" ")
        parts.append(_places(what, pa.array([file_name]), pa.array([row], pa.int64())))
    return pa.concat_tables(parts)


def _names(run: RunRows, numbers: list[int]) -> dict[int, str]:
    """Names of some files of the run, by their numbers."""
    found: dict[int, str] = {}
    end = 0
    with opened(run.folder / FOLDER / NAMES) as file:
        for group in range(file.metadata.num_row_groups):
            base, end = end, end + file.metadata.row_group(group).num_rows
            if here := [n for n in numbers if base <= n < end]:
                column = file.read_row_group(group, use_threads=False)["name"]
                found |= {n: column[n - base].as_py() for n in here}
    return found
