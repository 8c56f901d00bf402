"""A stratified sample of documents: the same strata, evenly filled, for one seed, however the documents lie in files.

A document has a hash of its id and the seed, and a rank: its place among the documents of its stratum in the order of that hash. The
sample is the documents with the smallest (rank, hash): of each stratum the first, then of each the second, and so on until it is full. So a
stratum that is small gives all it has and the others share the rest; and of more strata than documents some are left out by chance.

Memory is that of some 200 bytes for each of twice the documents sampled, whatever is read and however many strata there are: documents
beyond the sample are forgotten. What the first N of them decide stands: ranks only grow as documents come, so what was out stays out, and a
later document of its stratum has its true rank as long as it may still come in.

Source:  the method is that of bottom-k samples (Cohen and Kaplan 2007) by stratum; the order by rank is ours.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from classifiers.documents import tables
from curation.documents import plain
from curation.errors import RecipeError
from curation.shards import ShardWriter
from curation.storage import attempt_name
from curation.text import Utf8

VALUES = 1 << 16
"""Documents a column's quantiles are taken from: they are right to about a 500th (ours)."""
MAX_PARTS = 1_000
COLUMNS = ("id", "text", "url", "lang", "domain", "source")
SCHEMA = pa.schema([*((name, pa.large_string() if name == "text" else pa.string()) for name in COLUMNS), ("stratum", pa.string())])


@dataclass(frozen=True)
class Stratum:
    """A column whose values are strata, or (`parts` > 0) a column of numbers cut at its quantiles into so many parts."""

    column: str
    parts: int = 0

    @classmethod
    def of(cls, text: str) -> Stratum:
        """`lang`, or `quality:10`.

        Raises: RecipeError.
        """
        column, colon, parts = text.partition(":")
        if not column or (colon and not (parts.isdigit() and 2 <= int(parts) <= MAX_PARTS)):
            raise RecipeError(f"--by {text}: write COLUMN, or COLUMN:PARTS for parts of equal size, 2 to {MAX_PARTS:,}")
        return cls(column, int(parts) if colon else 0)


def take(files: Sequence[str], out: Path, documents: int, by: Sequence[Stratum], seed: int) -> dict[str, Any]:
    """Write a sample: .jsonl or .parquet with the columns of SCHEMA.

    Returns: {documents: of the files, sampled, strata: of the sample, smallest, largest: documents of a stratum in it}.
    Raises: RecipeError for a file that cannot be read, lacks a column, or has no document.
    """
    if out.suffix not in (".jsonl", ".parquet"):
        raise RecipeError(f"--out {out}: a sample is written as .jsonl or .parquet")
    if out.exists() and any(out.samefile(file) for file in files):
        raise RecipeError(f"--out {out} is one of the files to sample")
    edges = {s.column: _edges(files, s, seed) for s in by if s.parts}
    chosen = Chosen(documents)
    columns = list(dict.fromkeys(["id", *(s.column for s in by)]))
    total = 0
    for file in files:
        for table in tables(file, columns):
            chosen.offer(hashes(table["id"], seed), plain(table["id"]), _strata(table, by, edges, file), total)
            total += table.num_rows
    found = chosen.rows()
    if not found:
        raise RecipeError("no document in the files: nothing to sample")
    _write(files, out, found)
    sizes = [len(rows) for rows in chosen.strata.values()]
    return {"documents": total, "sampled": len(found), "strata": len(sizes), "smallest": min(sizes), "largest": max(sizes), "out": str(out)}


def hashes(ids: Any, seed: int) -> Any:
    """The order of sampling: uint64 (n,).

    Not the hash itself but a mix of it (splitmix64's, Steele et al. 2014): what is drawn by small numbers here must not lie on one side of
    a split that goes by the same hash.
    """
    mixed = Utf8.of(ids).hash() ^ np.uint64(xxhash.xxh3_64_intdigest(f"sample {seed}".encode()))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


Entry = tuple[int, str, int]
"""Hash, id, and row among all documents that were read."""


class Chosen:
    """The documents of a sample while others come."""

    def __init__(self, size: int) -> None:
        self.size, self.held = size, 0
        self.strata: dict[str, list[Entry]] = {}
        """Sorted and each once as `_prune` left them, those that came since behind."""
        self.kept: dict[str, tuple[int, int]] = {}
        """How many `_prune` left of a stratum, and the largest hash of them."""
        self.last: tuple[int, int, str] | None = None
        """(rank, hash, id) of the last document of the sample; None while all fit."""

    def offer(self, order: Any, ids: pa.Array, strata: pa.Array, row: int) -> None:
        """Take those of some documents that may be in it.

        Args:
            order: uint64 (n,) of `hashes`. strata: string array (n,), no null. row: of the first one.
        """
        names = strata.dictionary_encode()
        least = np.array([self._limit(name) for name in names.dictionary.to_pylist()], np.uint64)
        for i in np.flatnonzero(order <= least[names.indices.to_numpy()]).tolist():
            self.strata.setdefault(strata[i].as_py(), []).append((int(order[i]), ids[i].as_py(), row + i))
            self.held += 1
        if self.held >= 2 * self.size:
            self._prune()

    def _limit(self, stratum: str) -> int:
        """Largest hash a document of a stratum may have to come in."""
        if self.last is None:
            return (1 << 64) - 1
        rank, order, _ = self.last
        rows, largest = self.kept.get(stratum, (0, 0))
        return (1 << 64) - 1 if rows < rank else max(order, largest)

    def _prune(self) -> None:
        """Forget all but the sample."""
        ranked = []
        for name, rows in self.strata.items():
            rows.sort()
            each = [entry for n, entry in enumerate(rows) if not n or entry[:2] != rows[n - 1][:2]]
            ranked += [(rank, *entry, name) for rank, entry in enumerate(each)]  # a document may lie in several shards: the first counts
        if len(ranked) > self.size:
            ranked = sorted(ranked)[: self.size]
            self.last = ranked[-1][:3]
        self.strata = {}
        for _, order, called, row, name in ranked:
            self.strata.setdefault(name, []).append((order, called, row))
        self.kept = {name: (len(rows), rows[-1][0]) for name, rows in self.strata.items()}
        self.held = len(ranked)

    def rows(self) -> dict[int, str]:
        """Row -> stratum of each document of the sample, by row."""
        self._prune()
        return dict(sorted((row, name) for name, rows in self.strata.items() for _, _, row in rows))


def _edges(files: Sequence[str], stratum: Stratum, seed: int) -> Any:
    """Where a column is cut: float64 (parts - 1,), from the documents with the smallest hashes."""
    held: list[tuple[Any, Any]] = []

    def smallest() -> tuple[Any, Any]:
        order, values = (np.concatenate(parts) for parts in zip(*held, strict=True))
        kept = np.lexsort((values, order))[:VALUES]
        return order[kept], values[kept]

    for file in files:
        for table in tables(file, ["id", stratum.column]):
            column = table[stratum.column]
            if column.null_count == len(column):
                continue
            if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
                raise RecipeError(f"--by {stratum.column}:{stratum.parts}: the column holds {column.type} in {file}, no numbers")
            values = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()
            known = np.isfinite(values)
            held.append((hashes(table["id"], seed)[known], values[known]))
            if sum(len(v) for _, v in held) > 4 * VALUES:
                held[:] = [smallest()]
    values = smallest()[1] if held else np.empty(0)
    if not len(values):
        raise RecipeError(f"--by {stratum.column}:{stratum.parts}: the column has no number")
    return np.quantile(values, np.arange(1, stratum.parts) / stratum.parts)


def _strata(table: pa.Table, by: Sequence[Stratum], edges: dict[str, Any], file: str) -> pa.Array:
    """Name of each document's stratum: `lang=en, quality=3/10`."""
    names = [pa.array([""] * table.num_rows)]
    for s in by:
        column = plain(table[s.column])
        if s.parts:
            values = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()
            part = np.searchsorted(edges[s.column], values, "right") + 1
            named = zip(part.tolist(), np.isfinite(values), strict=True)
            shown = pa.array([f"{p}/{s.parts}" if known else None for p, known in named], pa.string())
        elif pa.types.is_floating(column.type):
            raise RecipeError(f"--by {s.column}: the column holds numbers in {file}: write {s.column}:PARTS")
        else:
            shown = column.cast(pa.string())
        names.append(pc.binary_join_element_wise(s.column, pc.fill_null(shown, "none"), "="))
    return plain(names[0] if len(names) == 1 else pc.binary_join_element_wise(*names[1:], ", "))


def _write(files: Sequence[str], out: Path, found: dict[int, str]) -> None:
    part = out.with_name(f".{out.name}.{attempt_name()}")
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".parquet":
        shard = ShardWriter(part, SCHEMA)
        for table in _picked(files, found):
            shard.write(table)
        shard.close()
    else:
        with open(part, "w", encoding="utf-8") as lines:
            for table in _picked(files, found):
                for row in table.to_pylist():
                    lines.write(json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False) + "\n")
    os.replace(part, out)


def _picked(files: Sequence[str], found: dict[int, str]) -> Iterator[pa.Table]:
    """The documents of the sample, in the order of the files."""
    wanted = np.fromiter(found, np.int64, len(found))
    first = 0
    for file in files:
        for table in tables(file, COLUMNS):
            end = first + table.num_rows
            here = wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, end)]
            if len(here):
                strata = pa.array([found[row] for row in here.tolist()], pa.string())
                yield pa.table([*table.take(pa.array(here - first)).columns, strata], schema=SCHEMA)
            first = end
