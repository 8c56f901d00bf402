"""Lists of documents that a later run replaced, by id: what a run writes to `superseded/` for those who read the earlier outputs.

A list is a folder of Parquet files with a column `id`, or one such file. All lists of a source are made one sorted
array of 16-byte ids in the cache, which every worker maps: 16 bytes an id on disk, no memory of their own. Making it
takes 40 bytes an id, once; another process that needs it at the same moment makes the same file again.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numba import njit

from curation import assets
from curation.documents import id_pairs
from curation.stage import AssetMark

FORMAT = "1"


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path]


def check(path: Path) -> str:
    """How many ids a list has, in words.

    Raises: ValueError if it is not a list of ids.
    """
    rows = 0
    for file in _files(path):
        try:
            stored = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as e:
            raise ValueError(f"{file} is not a readable Parquet file: {e}") from e
        with stored:
            if "id" not in stored.schema_arrow.names:
                raise ValueError(f"{file} has no column 'id'; its columns are: {', '.join(stored.schema_arrow.names)}")
            rows += stored.metadata.num_rows
    if path.is_dir() and not _files(path) and any(path.iterdir()):
        raise ValueError(f"{path} holds other things than Parquet files; name the folder `superseded` of a run")
    return f"{path} supersedes {rows:,} documents"


SupersededList = Annotated[str, AssetMark(read=check, folder=True)]


@cache
def superseded_ids(paths: tuple[str, ...]) -> Any:
    """The ids on some lists: uint64 (n, 2), sorted, mapped from the cache where that can be written.

    Raises: ValueError if a list holds what is not an id.
    """
    facts = [FORMAT, *(assets.identify_asset(Path(path)) for path in paths)]
    target = assets.cache_folder() / "superseded" / f"{xxhash.xxh3_128_hexdigest(chr(10).join(facts).encode())}.npy"
    if not target.exists():
        ids = _sorted_ids(paths)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, fresh = tempfile.mkstemp(dir=target.parent)
            with os.fdopen(handle, "wb") as file:
                np.save(file, ids)
            os.replace(fresh, target)
        except OSError:  # a cache that cannot be written costs time and memory, nothing else
            return ids
    mapped = np.load(target, mmap_mode="r")
    return np.asarray(mapped)


def _sorted_ids(paths: tuple[str, ...]) -> Any:
    found = [np.zeros((0, 2), np.uint64)]
    for path in paths:
        for file in _files(Path(path)):
            for batch in pq.ParquetFile(file).iter_batches(columns=["id"], use_threads=False):
                try:
                    found.append(id_pairs(batch.column(0)))
                except ValueError as e:
                    raise ValueError(f"{file}: {e}") from e
    ids = np.concatenate(found)
    ids = ids[np.lexsort((ids[:, 1], ids[:, 0]))]
    new = np.ones(len(ids), dtype=bool)
    new[1:] = (ids[1:] != ids[:-1]).any(axis=1)
    ids = np.ascontiguousarray(ids[new])
    ids.flags.writeable = False  # as a mapped one is
    return ids


@njit(cache=True)
def listed(pairs: Any, ids: Any) -> Any:
    """Which of some ids, uint64 (n, 2), are among sorted ones: bool (n,)."""
    out = np.zeros(len(pairs), np.bool_)
    for i in range(len(pairs)):
        high, low = pairs[i, 0], pairs[i, 1]
        first, end = 0, len(ids)
        while first < end:
            middle = (first + end) // 2
            if ids[middle, 0] < high or (ids[middle, 0] == high and ids[middle, 1] < low):
                first = middle + 1
            else:
                end = middle
        out[i] = first < len(ids) and ids[first, 0] == high and ids[first, 1] == low
    return out
