"""One record per finished task, and accounts that must balance.

A record has two lines: the head (files, and the counts of each step) and the stats (by language,
source, crawl, date and domain; a histogram of each metric), so that looking at a run never reads
text. The driver folds records into segments; the head alone is read to resume. A segment's line of a
head ends with the length of the stats, so that those of some tasks are found without a look at the others.

The identity of every step: in + created = kept + dropped + merged + failed.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic_core import from_json

from curation.errors import AccountError
from curation.shards import value_bytes
from curation.storage import ahead, checked, remote, remove, replace, seal, write_once

DIMENSIONS = ("lang", "source", "crawl", "date", "domain", "license", "licence")
TOP_VALUES = 1_000
"""Values of a dimension (domains, above all) a record names per step and reason; the rest are one sum."""
OTHERS = "*"
"""Stands for those values."""
VALUE_CHARS = 256
"""Characters of a value that are kept (ours): a column `license` may hold whole licences."""
SEGMENT_RECORDS = 256
"""Records of the smallest segments (ours)."""
SEGMENT_SHARE = 32
"""A segment has at least one in so many of all records: a million tasks leave some 200 segments (ours)."""
OPEN_SEGMENTS = 512
"""Segments held open at a time (ours)."""
LENGTH = b" 0123456789\n"
"""What a segment's line of a head has behind the head; that of an older one, nothing."""


@dataclass
class Account:
    """Documents of one step in one task."""

    documents_in: int = 0
    created: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    merged: int = 0
    failed: int = 0
    bytes_in: int = 0
    cpu_seconds: float = 0.0
    branches: Counter[str] = field(default_factory=Counter)

    def check(self, step: str) -> None:
        """Raises: AccountError if the documents do not add up."""
        left = self.documents_in + self.created
        right = self.kept + sum(self.dropped.values()) + self.merged + self.failed
        if left != right:
            raise AccountError(
                f"{step}: {self.documents_in} in + {self.created} created != {self.kept} kept + "
                f"{sum(self.dropped.values())} dropped + {self.merged} merged + {self.failed} failed"
            )
        if self.branches and sum(self.branches.values()) != self.kept:
            raise AccountError(f"{step}: branches got {sum(self.branches.values())} documents, {self.kept} were kept")

    def add(self, other: dict[str, Any]) -> None:
        """Add an account as a record holds it."""
        self.documents_in += other["documents_in"]
        self.created += other["created"]
        self.kept += other["kept"]
        for reason, n in other["dropped"].items():  # mostly none: `Counter.update` of nothing costs more than all the rest
            self.dropped[reason] += n
        self.merged += other["merged"]
        self.failed += other["failed"]
        self.bytes_in += other["bytes_in"]
        self.cpu_seconds += other["cpu_seconds"]
        for branch, n in other["branches"].items():
            self.branches[branch] += n

    def plain(self) -> dict[str, Any]:
        return {
            "documents_in": self.documents_in, "created": self.created, "kept": self.kept,
            "dropped": dict(sorted(self.dropped.items())), "merged": self.merged, "failed": self.failed,
            "bytes_in": self.bytes_in, "cpu_seconds": round(self.cpu_seconds, 6), "branches": dict(self.branches),
        }  # fmt: skip


def document_bytes(table: pa.Table) -> Any:
    """Bytes of each document: of its text, else of the page: int64 (n,)."""
    for name in ("text", "content"):
        if name in table.column_names:
            return value_bytes(table.column(name))
    if "body_bytes" in table.column_names:
        return pc.fill_null(table.column("body_bytes"), 0).to_numpy().astype(np.int64, copy=False)
    return np.zeros(table.num_rows, dtype=np.int64)


def document_tokens(table: pa.Table) -> Any:
    """Tokens of each document, 0 where they were not counted: int64 (n,)."""
    if "n_tokens" not in table.column_names or not pa.types.is_integer(table.schema.field("n_tokens").type):
        return np.zeros(table.num_rows, dtype=np.int64)
    return pc.fill_null(table.column("n_tokens"), 0).to_numpy().astype(np.int64, copy=False)


COUNTED = ["documents", "bytes", "tokens"]
"""What is counted of the documents with a value; tokens are 0 where they were not counted."""


def counted(values: Any, sizes: Any, tokens: Any) -> pa.Table:
    """Documents, bytes and tokens by value of a column (n,) of documents of these sizes (n,) and tokens (n,): value, COUNTED."""
    grouped = pa.table({"value": values, "bytes": sizes, "tokens": tokens}).group_by("value", use_threads=False)
    return grouped.aggregate([("bytes", "count"), ("bytes", "sum"), ("tokens", "sum")]).rename_columns(["value", *COUNTED])


class Counts:
    """Documents, bytes and tokens by value of one column; gathered as Arrow tables and folded when they grow."""

    FOLD_ROWS = 1 << 17

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Add the counts of a batch, as `counted` gives them."""
        self._tables.append(table)
        self._rows += table.num_rows
        if self._rows > self.FOLD_ROWS:
            self._fold()

    def _fold(self) -> pa.Table:
        grouped = pa.concat_tables(self._tables).group_by("value", use_threads=False)
        folded = grouped.aggregate([(name, "sum") for name in COUNTED]).rename_columns(["value", *COUNTED])
        self._tables, self._rows = [folded], folded.num_rows
        return folded

    def plain(self) -> dict[str, list[int]]:
        """value -> [documents, bytes, tokens], most documents first; all behind the TOP_VALUES-th as OTHERS."""
        table = self._fold()
        values = table["value"]
        text = pc.strftime(values, format="%Y-%m") if pa.types.is_timestamp(values.type) else values.cast(pa.string())
        table = table.set_column(0, "value", pc.fill_null(text, "")).sort_by([("documents", "descending"), ("value", "ascending")])
        top = table.slice(0, TOP_VALUES).to_pydict()
        result: dict[str, list[int]] = {}
        named = list(zip(*(top[name] for name in ("value", *COUNTED)), strict=True))
        rest = table.slice(TOP_VALUES)
        if rest.num_rows:
            named.append((OTHERS, *(pc.sum(rest[name]).as_py() for name in COUNTED)))
        for value, *counts in named:  # null and the empty string are one value
            result[value] = [a + b for a, b in zip(result.get(value, (0, 0, 0)), counts, strict=True)]
        return result


def _is_value(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_timestamp(kind))


class Stats:
    """Counts by dimension and histograms of metrics, per step and verdict."""

    def __init__(self) -> None:
        self.by: dict[tuple[str, str], dict[str, Counts]] = {}
        self.totals: dict[tuple[str, str], list[int]] = {}
        self.metrics: dict[tuple[str, str], dict[int, list[int]]] = {}
        self._last: dict[str, tuple[Any, Any, Any, pa.Table]] = {}
        """Column -> values, sizes, tokens and counts of the last batch: often a step drops nothing, and the next counts the same."""

    def count(self, step: str, verdict: str, table: pa.Table, rows: Any = None) -> None:
        """Count documents under `in`, `kept` or a drop reason; `rows`: which ones, some perhaps more than once (None: each)."""
        sizes, tokens = document_bytes(table), document_tokens(table)
        table = table.select([name for name in DIMENSIONS if name in table.column_names])
        if rows is not None:
            sizes, tokens, table = sizes[rows], tokens[rows], table.take(pa.array(rows))
        n = len(sizes)
        if n == 0:
            return
        total = self.totals.setdefault((step, verdict), [0, 0, 0])
        total[0] += n
        total[1] += int(sizes.sum())
        total[2] += int(tokens.sum())
        for name in DIMENSIONS:
            if name in table.column_names and _is_value(table.schema.field(name).type):
                counts = self._counted(name, table.column(name), sizes, tokens)
                self.by.setdefault((step, verdict), {}).setdefault(name, Counts()).add(counts)

    def _counted(self, name: str, column: Any, sizes: Any, tokens: Any) -> pa.Table:
        last = self._last.get(name)
        if last is None or not (last[0].equals(column) and np.array_equal(last[1], sizes) and np.array_equal(last[2], tokens)):
            values = pc.floor_temporal(column, unit="month") if name == "date" else column
            found = counted(values, sizes, tokens)
            value = found["value"]
            if not pa.types.is_timestamp(value.type) and (pc.max(pc.binary_length(value)).as_py() or 0) > VALUE_CHARS:
                found = found.set_column(0, "value", pc.utf8_slice_codeunits(value, 0, VALUE_CHARS))  # a licence may be a whole text
            last = self._last[name] = (column, sizes, tokens, found)
        return last[3]

    def measure(self, step: str, name: str, values: Any, kept: Any) -> None:
        """Add a metric's values to its histogram, kept and not kept apart.

        Args:
            values: numeric Arrow array (n,). kept: bool (n,).
        """
        bins = histogram_bins(values)
        known = self.metrics.setdefault((step, name), {})
        for side, mask in ((0, kept), (1, ~kept)):
            present, counts = np.unique(bins[mask], return_counts=True)
            for b, c in zip(present.tolist(), counts.tolist(), strict=True):
                known.setdefault(b, [0, 0])[side] += c

    def plain(self) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for (step, verdict), (docs, size, tokens) in sorted(self.totals.items()):
            groups = {name: counts.plain() for name, counts in self.by.get((step, verdict), {}).items()}
            entry = {"documents": docs, "bytes": size, "by": groups}
            if tokens:
                entry["tokens"] = tokens
            result.setdefault(step, {}).setdefault("verdicts", {})[verdict] = entry
        for (step, name), hist in sorted(self.metrics.items()):
            bins = {str(b): hist[b] for b in sorted(hist)}
            result.setdefault(step, {}).setdefault("metrics", {})[name] = bins
        return result


NULL_BIN = -(1 << 20)


def histogram_bins(values: Any) -> Any:
    """Bin of each value: 8 linear bins per power of two, sign kept, 0 its own bin: int64 (n,).

    `bin_edges` gives a bin's interval. Null and NaN fall into NULL_BIN.
    """
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    x = values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    bad = ~np.isfinite(x)
    x = np.where(bad, 0.0, x)
    mantissa, exponent = np.frexp(np.abs(x))  # |x| = mantissa * 2**exponent, mantissa in [0.5, 1)
    exponent = np.clip(exponent, -60, 64)
    fine = ((mantissa - 0.5) * 16).astype(np.int64)
    index = np.where(x == 0, 0, (exponent.astype(np.int64) + 61) * 8 + fine + 1)
    index = np.where(x < 0, -index, index)
    return np.where(bad, NULL_BIN, index)


def bin_edges(index: int) -> tuple[float, float]:
    """Interval [low, high) of magnitudes a histogram bin stands for (negative: mirrored)."""
    if index == 0:
        return 0.0, 0.0
    exponent, fine = divmod(abs(index) - 1, 8)
    low, high = ((0.5 + f / 16) * 2.0 ** (exponent - 61) for f in (fine, fine + 1))
    return (low, high) if index > 0 else (-high, -low)


class Heads(Mapping[str, dict[str, Any]]):
    """Heads of some tasks, read and parsed when asked for: a driver of 10^5 tasks stays small."""

    def __init__(self, ledger: Ledger, keys: Iterable[str]) -> None:
        known = ledger.heads()
        self.ledger, self._keys = ledger, {key: None for key in keys if key in known}

    def __getitem__(self, key: str) -> dict[str, Any]:
        head = self.ledger.get(key) if key in self._keys else None
        if head is None:
            raise KeyError(key)
        return head

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class Ledger:
    """Records of the tasks of one folder (a pass, or a global step).

    Of a folder in an object store each segment and record is fetched once: heads are then read from a copy on this machine.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._heads: dict[str, tuple[str, int, int]] | None = None
        self._descriptors: dict[str, int] = {}
        self._loose: set[str] = set()
        """Keys with a record of their own."""
        self._segments: list[str] = []
        """Files of the heads in segments, in order."""
        self._copy = tempfile.TemporaryFile(prefix="curate-") if remote(folder) else None  # noqa: SIM115 - until this object goes
        if self._copy is not None:
            weakref.finalize(self, self._copy.close)
        self._copied: dict[str, tuple[int, int]] = {}
        """File -> (offset, length) in the copy."""

    @staticmethod
    def commit(folder: Path, key: str, head: dict[str, Any], stats: dict[str, Any]) -> bool:
        """Write a task's record, once; False if another attempt was first."""
        return write_once(folder / "records" / f"{key}.json", seal(head) + b"\n" + seal(stats) + b"\n")

    def heads(self) -> dict[str, tuple[str, int, int]]:
        """Where the head of each finished task stands: key -> (file, offset, length; 0 = the first line)."""
        if self._heads is None:
            heads: dict[str, tuple[str, int, int]] = {}
            segments = sorted((self.folder / "segments").glob("*.heads"))
            for segment, data in zip(segments, ahead(_bytes, segments, self.folder), strict=True):
                self._keep(f"segments/{segment.name}", data)
                offset = 0
                for line in data.splitlines(keepends=True):
                    blank = line.find(b" ")
                    key = line[:blank].decode(errors="replace")
                    heads.setdefault(key, (f"segments/{segment.name}", offset + blank + 1, max(1, len(line.rstrip(LENGTH)) - blank - 1)))
                    offset += len(line)
            self._segments = [f"segments/{segment.name}" for segment in segments]
            loose = _names(self.folder / "records")
            for name in loose:
                heads.setdefault(name[:-5], (f"records/{name}", 0, 0))  # a late attempt never wins
            self._loose = {name[:-5] for name in loose}
            if self._copy is not None:
                records = [self.folder / "records" / name for name in loose]
                for name, data in zip(loose, ahead(_bytes, records, self.folder), strict=True):
                    self._keep(f"records/{name}", data)
            self._heads = heads
        return self._heads

    def get(self, key: str) -> dict[str, Any] | None:
        """Head of a finished task, or None."""
        place = self.heads().get(key)
        if place is None:
            return None
        file, offset, length = place
        path = f"{self.folder}/{file}"
        if length and self._copy is not None:
            raw = os.pread(self._copy.fileno(), length, self._copied[file][0] + offset)
        elif length:
            raw = os.pread(self._descriptor(file), length, offset)
        elif self._copy is not None:
            raw = self._record(file).partition(b"\n")[0]
        else:
            with open(path, "rb") as f:
                raw = f.readline()[:-1]
        head: dict[str, Any] = from_json(checked(raw, path))
        return head

    def _record(self, file: str) -> bytes:
        """A loose record."""
        if self._copy is None:
            return (self.folder / file).read_bytes()
        if file not in self._copied:
            self._keep(file, (self.folder / file).read_bytes())
        return self._fetched(file)

    def _fetched(self, file: str) -> bytes:
        """A file of an object store, from the copy."""
        assert self._copy is not None
        offset, length = self._copied[file]
        return os.pread(self._copy.fileno(), length, offset)

    def _keep(self, file: str, data: bytes) -> None:
        """Put what was fetched from an object store into the copy."""
        if self._copy is not None:
            self._copied[file] = (self._copy.seek(0, os.SEEK_END), len(data))
            self._copy.write(data)
            self._copy.flush()

    def _descriptor(self, file: str) -> int:
        if file not in self._descriptors:
            if len(self._descriptors) >= OPEN_SEGMENTS:
                self.close()
            self._descriptors[file] = os.open(self.folder / file, os.O_RDONLY)
        return self._descriptors[file]

    def close(self) -> None:
        """Close the segments that were read."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors = {}

    def __del__(self) -> None:
        self.close()

    def note(self, key: str) -> dict[str, Any]:
        """Read the record a task has just written; compact now and then."""
        self.heads()[key] = (f"records/{key}.json", 0, 0)
        self._loose.add(key)
        head = self.get(key)
        assert head is not None
        self.compact()
        return head

    def compact(self) -> None:
        """Fold loose records, if they are worth it, into a segment: stats first, then heads, then the records go.

        Of those found at first, and noted. With more tasks segments are larger, so that few hundred files hold a million.
        """
        known = self.heads()
        if len(self._loose) < max(SEGMENT_RECORDS, len(known) // SEGMENT_SHARE):
            return
        keys = sorted(self._loose)
        heads, stats = [], []
        for key in keys:
            head, tail = self._lines(key)
            heads.append(b"%s %s %d" % (key.encode(), head, len(tail)))
            stats.append(key.encode() + b" " + tail)
        stem = f"segments/{len(self._segments):06d}"
        replace(self.folder / f"{stem}.stats", b"\n".join(stats) + b"\n")
        replace(self.folder / f"{stem}.heads", b"\n".join(heads) + b"\n")
        self._keep(f"{stem}.heads", b"\n".join(heads) + b"\n")
        offset = 0
        for key, line in zip(keys, heads, strict=True):
            if known.get(key, ("records/",))[0].startswith("records/"):
                known[key] = (f"{stem}.heads", offset + len(key) + 1, len(line.rstrip(LENGTH)) - len(key) - 1)
            offset += len(line) + 1
            self._copied.pop(f"records/{key}.json", None)
        remove(self.folder / "records" / f"{key}.json" for key in keys)
        self._segments.append(f"{stem}.heads")
        self._loose = set()

    def _lines(self, key: str) -> tuple[bytes, bytes]:
        """Head and stats of a loose record, still sealed."""
        head, tail = [*self._record(f"records/{key}.json").split(b"\n"), b""][:2]
        for line in (head, tail):
            checked(line, f"{self.folder}/records/{key}.json")
        return head, tail

    def places(self, keys: Sequence[str]) -> list[tuple[str, int, int]]:
        """Where the stats of finished tasks stand, in the order of the keys: (file, offset, length; 0 = the second line)."""
        found = dict.fromkeys(keys) if self.heads() else {}
        for file in self._segments:
            stats, offset = f"{file.removesuffix('heads')}stats", 0
            lines = (self._fetched(file) if self._copy is not None else _bytes(self.folder / file)).splitlines()
            if any(line.endswith(b"]") for line in lines):  # an older segment
                parts = [line.partition(b" ") for line in _bytes(self.folder / stats).splitlines()]
                lines = [b"%s %d" % (key, len(said)) for key, _, said in parts]
            for line in lines:
                blank, length = line.find(b" "), line.rpartition(b" ")[2]
                if not length.isdigit():
                    raise AccountError(f"{self.folder}/{file} is damaged")
                if (key := line[:blank].decode(errors="replace")) in found and found[key] is None:
                    found[key] = (stats, offset + blank + 1, int(length))
                offset += blank + int(length) + 2
        return [found.get(key) or (f"records/{key}.json", 0, 0) for key in keys]

    def said(self, places: Iterable[tuple[str, int, int]]) -> Iterator[dict[str, Any]]:
        """Stats of finished tasks, in the order of their places.

        Raises: AccountError if one is gone or damaged.
        """
        return ahead(self._stats_at, places, self.folder)

    def _stats_at(self, place: tuple[str, int, int]) -> dict[str, Any]:
        file, offset, length = place
        path = self.folder / file
        try:
            if not length:
                raw = [*(self._fetched(file) if file in self._copied else _bytes(path)).split(b"\n"), b""][1]
            elif far := remote(path):
                raw = far.read_range(offset, length)
            else:
                raw = os.pread(self._descriptor(file), length, offset)
        except FileNotFoundError as e:
            raise AccountError(f"{path} is gone: what its task counted is lost") from e
        stats: dict[str, Any] = from_json(checked(raw, path))
        return stats


def _names(folder: Path) -> list[str]:
    try:
        names = [e.name for e in (folder.iterdir() if remote(folder) else os.scandir(folder))]
    except FileNotFoundError:
        return []
    return sorted(name for name in names if name.endswith(".json") and not name.startswith("."))


def _bytes(path: Path) -> bytes:
    return path.read_bytes()
