"""emit -> partition -> reduce -> verdicts, used by every global stage.

A mapper writes one *spill*: runs of rows sorted by key, cut into one Arrow IPC block per partition
(the key's top bits). Blocks of adjacent partitions lie side by side, and the offsets of a group of
mappers stand in one index, so a reducer reads ranges and nothing else. Verdicts go back the same
way: a reducer writes blocks per shard, and `apply` is told how many verdicts to expect, so that a
lost file can never read as 'keep'.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from curation.errors import AccountError, TaskError
from curation.stage import Combined
from curation.storage import HashedFile, ahead, remote, replace

GROUP_MAPPERS = 256
"""Mappers whose offsets share one index file."""
BLOCK = np.dtype([("part", "<u4"), ("mapper", "<u4"), ("offset", "<i8"), ("length", "<i8"), ("rows", "<i8"), ("sum", "<u8")])
"""One block of a spill; `sum` is the xxh3-64 of its bytes, seeded with `part`. Of verdicts, `part` is the shard, `mapper` the reducer."""
STATE_BYTES = 256 << 20


def partition_bits(input_bytes: int, partition_bytes: int) -> int:
    """Bits of the key that name a partition: from the size of the input, never from workers."""
    wanted = max(1, -(-input_bytes // partition_bytes))
    return min(16, int(wanted - 1).bit_length())


def _u64(column: Any) -> Any:
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    return values.astype(np.uint64, copy=False)


class BlockFile:
    """Writes blocks of rows one after the other and remembers where each begins."""

    def __init__(self, path: Path) -> None:
        self._sink = HashedFile(path)
        self._entries: list[tuple[int, ...]] = []

    def write(self, part: int, batch: pa.RecordBatch) -> None:
        data = batch.serialize()
        self._entries.append((part, 0, self._sink.tell(), data.size, batch.num_rows, xxhash.xxh3_64_intdigest(data, seed=part)))
        self._sink.write(data)

    def close(self) -> dict[str, Any]:
        """Finish file and index; returns the facts a record keeps."""
        self._sink.close()
        index = np.array(self._entries, dtype=BLOCK)
        path = self._sink.path.with_suffix(".index")
        replace(path, index.tobytes())
        rows, index_xxh3 = int(index["rows"].sum()), xxhash.xxh3_64_hexdigest(index.tobytes())
        return {**self._sink.facts(), "index": path.name, "index_xxh3": index_xxh3, "rows": rows}


class SpillWriter:
    """A mapper's rows, in runs sorted by key; `followers`, if a list, gathers what `combine` says of rows it leaves out.

    Args:
        path: the attempt's file.
        schema: {key: uint64, [shard: uint32,] row: uint32, **payload}.
        bits: partition bits. limit_bytes: memory of a run. combine: map-side combine, or None.
    """

    def __init__(self, path: Path, schema: pa.Schema, bits: int, limit_bytes: int, combine: Any = None) -> None:
        self._file = BlockFile(path)
        self.schema, self._bits, self._limit, self._combine = schema, bits, limit_bytes, combine
        self._pending: list[pa.Table] = []
        self._bytes = 0
        self.followers: list[pa.Table] | None = None

    def add(self, table: pa.Table) -> None:
        if table.num_rows:
            self._pending.append(table)
            self._bytes += table.nbytes
            if self._bytes >= self._limit:
                self._run()

    def _run(self) -> None:
        if not self._pending:
            return
        table = pa.concat_tables(self._pending)
        self._pending, self._bytes = [], 0
        table = table.take(pa.array(np.argsort(_u64(table["key"]), kind="stable")))
        if self._combine is not None:
            table = self._combine(table)
            if isinstance(table, Combined):
                if self.followers is None:
                    raise TaskError("followers may be named where documents are emitted, not in a later round: they would be lost")
                self.followers.append(table.followers)
                table = table.rows
        batch = _one_batch(table.select(self.schema.names).cast(self.schema))
        keys = _u64(batch.column("key"))
        parts = (keys >> np.uint64(64 - self._bits)).astype(np.int64) if self._bits else np.zeros(len(keys), np.int64)
        present, starts = np.unique(parts, return_index=True)
        stops = [*starts[1:].tolist(), len(parts)]
        for part, start, stop in zip(present.tolist(), starts.tolist(), stops, strict=True):
            self._file.write(part, batch.slice(start, stop - start))

    def close(self) -> dict[str, Any]:
        self._run()
        return self._file.close()


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    if len(batches) == 1:
        return batches[0]
    if not batches:
        return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in table.schema], schema=table.schema)
    raise TaskError("a run of more than 2 GB of short strings; lower settings.shuffle.spill_bytes")


def write_groups(folder: Path, stem: str, files: Sequence[Path], facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Merge the mappers' indexes into one sorted index per group; returns the file names.

    Args:
        files: the mappers' spills. facts: what their records say of them.
    Raises: AccountError if an index is gone or not as its mapper wrote it.
    """
    names = []
    for start in range(0, max(1, len(files)), GROUP_MAPPERS):
        parts = []
        stop = start + GROUP_MAPPERS
        for mapper, entries in enumerate(read_indexes(files[start:stop], facts[start:stop]), start=start):
            entries["mapper"] = mapper
            parts.append(entries)
        merged = np.concatenate(parts) if parts else np.empty(0, BLOCK)
        merged = merged[np.lexsort((merged["offset"], merged["mapper"], merged["part"]))]
        name = f"{stem}-{start // GROUP_MAPPERS:06d}.group"
        replace(folder / name, merged.tobytes())
        names.append(name)
    return names


def read_index(file: Path, facts: Mapping[str, Any]) -> Any:
    """Entries of the index of a spill.

    Raises: AccountError if it is gone or not as its task's record says.
    """
    path = file.with_suffix(".index")
    try:
        data = path.read_bytes()
    except FileNotFoundError as e:
        raise AccountError(f"{path} is gone: rows are lost") from e
    if xxhash.xxh3_64_hexdigest(data) != facts["index_xxh3"]:
        raise AccountError(f"{path} is damaged, rows are lost: it is not the one that was written")
    return np.frombuffer(data, dtype=BLOCK).copy()


def read_indexes(files: Sequence[Path], facts: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """`read_index` of each spill."""
    return ahead(lambda one: read_index(*one), zip(files, facts, strict=True), files[0]) if files else iter(())


def read_state(path: Path, xxh3: str) -> pa.Table:
    """A table of state, as a reducer or the driver wrote it.

    Raises: AccountError if it is gone or damaged.
    """
    try:
        data = path.read_bytes() if remote(path) else pa.memory_map(str(path)).read_buffer()
    except FileNotFoundError as e:
        raise AccountError(f"{path} is gone: rows are lost") from e
    if xxhash.xxh3_128_hexdigest(data) != xxh3:
        raise AccountError(f"{path} is damaged, rows are lost: it is not the one that was written")
    return pa.ipc.open_file(pa.BufferReader(data)).read_all()


@dataclass(frozen=True)
class Blocks:
    """Where the rows of a shuffle lie.

    files: the spill of each mapper. groups: index files. shards: ordinal of each mapper's shard,
    or None if the rows carry their shard themselves.
    """

    files: Sequence[Path]
    groups: Sequence[Path]
    schema: pa.Schema

    def entries(self, low: int, high: int) -> Iterator[Any]:
        """Index entries of partitions low <= part < high, by group."""
        for path in self.groups:
            try:
                size = path.stat().st_size
                if size == 0:
                    continue
                index = _near(path, size, low, high) if remote(path) else np.memmap(path, dtype=BLOCK, mode="r")
            except (FileNotFoundError, ValueError) as e:
                raise AccountError(f"{path} is gone or cut short: rows are lost") from e
            start, stop = np.searchsorted(index["part"], [low, high])
            yield np.array(index[start:stop])

    def read(self, low: int, high: int) -> Iterator[pa.Table]:
        """Rows of the partitions, mapper by mapper, each table sorted by key, with column `shard`."""
        for entries in self.entries(low, high):
            mappers = np.unique(entries["mapper"]).tolist()
            if mappers and mappers[-1] >= len(self.files):
                raise AccountError(f"a block of mapper {mappers[-1]}, and there are {len(self.files)}: an index is damaged")
            for mapper, tables in zip(mappers, self._of_mappers(mappers, entries), strict=True):
                for table in tables:
                    if "shard" not in table.column_names:
                        shard = pa.array(np.full(table.num_rows, mapper, dtype=np.uint32))
                        table = table.append_column("shard", shard)
                    yield table

    def _of_mappers(self, mappers: list[int], entries: Any) -> Iterator[Iterable[pa.Table]]:
        """What `_read_entries` gives of each mapper."""

        def read(mapper: int) -> Iterator[pa.Table]:
            mine = entries[entries["mapper"] == mapper]
            return _read_entries(self.files[mapper], mine[np.argsort(mine["offset"])], self.schema)

        if mappers and remote(self.files[0]):
            return ahead(lambda mapper: list(read(mapper)), mappers, self.files[0])
        return map(read, mappers)

    @cached_property
    def totals(self) -> tuple[Any, Any]:
        """(bytes, rows) of every partition."""
        size, rows = np.zeros(1 << 16, np.int64), np.zeros(1 << 16, np.int64)
        for entries in self.entries(0, 1 << 32):
            if (entries["part"] >= len(size)).any():
                raise AccountError("a block of a partition that does not exist: an index is damaged")
            np.add.at(size, entries["part"], entries["length"])
            np.add.at(rows, entries["part"], entries["rows"])
        return size, rows


WHOLE_ENTRIES = 1 << 15
"""Entries of an index in an object store that are read at once; more are searched by halves (ours)."""


def _near(path: Any, size: int, low: int, high: int) -> Any:
    """Entries of an index that has those with low <= part < high, and few others: what a memory map gives for nothing."""
    if size % BLOCK.itemsize:
        raise ValueError(size)
    ends = []
    for part in (low, high):
        first, last = 0, size // BLOCK.itemsize  # the first entry of `part` or a later one is not before the one, and not behind the other
        while last - first > WHOLE_ENTRIES:
            middle = (first + last) // 2
            at = np.frombuffer(path.read_range(middle * BLOCK.itemsize, BLOCK.itemsize), BLOCK)["part"][0]
            first, last = (middle + 1, last) if at < part else (first, middle)
        ends.append((first, last))
    start, stop = ends[0][0], ends[1][1]
    return np.frombuffer(path.read_range(start * BLOCK.itemsize, (stop - start) * BLOCK.itemsize), BLOCK)


@contextmanager
def _ranges(path: Path, entries: Any) -> Iterator[Callable[[int, int], bytes]]:
    """A reader of ranges of a spill: (offset, length) -> bytes, fewer if it ends before."""
    start, length = entries["offset"], entries["length"]
    short = AccountError(f"{path} is shorter than its index says, or the index is damaged: rows are lost")
    if (start < 0).any() or (length < 0).any():
        raise short
    if far := remote(path):
        yield far.read_range
        return
    with open(path, "rb", buffering=0) as f:
        if (start > os.fstat(f.fileno()).st_size - length).any():
            raise short

        def read(base: int, length: int) -> bytes:
            f.seek(base)
            data = f.read(length)
            while len(data) < length and (more := f.read(length - len(data))):
                data += more
            return data

        yield read


def _read_entries(path: Path, entries: Any, schema: pa.Schema) -> Iterator[pa.Table]:
    """Read blocks, neighbours in one go."""
    try:
        with _ranges(path, entries) as read:
            at = 0
            while at < len(entries):
                end = at + 1
                while end < len(entries) and int(entries[end]["offset"]) == int(entries[end - 1]["offset"] + entries[end - 1]["length"]):
                    if int(entries[end]["offset"] + entries[end]["length"] - entries[at]["offset"]) > 64 << 20:
                        break
                    end += 1
                base = int(entries[at]["offset"])
                length = int(entries[end - 1]["offset"] + entries[end - 1]["length"]) - base
                buffer = pa.py_buffer(read(base, length))
                if buffer.size < length:
                    raise AccountError(f"{path} is shorter than its index says: rows are lost")
                for e in entries[at:end]:
                    piece = buffer.slice(int(e["offset"]) - base, int(e["length"]))
                    if xxhash.xxh3_64_intdigest(piece, seed=int(e["part"])) != int(e["sum"]):
                        raise AccountError(f"{path} is damaged, rows are lost: a block is not the one that was written")
                    try:
                        batch = pa.ipc.read_record_batch(piece, schema)
                    except (pa.ArrowException, OSError) as error:
                        raise AccountError(f"{path} is damaged, rows are lost: {error}") from error
                    if batch.num_rows != int(e["rows"]):
                        raise AccountError(f"{path}: a block has {batch.num_rows} rows, its index says {int(e['rows'])}")
                    yield pa.Table.from_batches([batch])
                at = end
    except FileNotFoundError as e:
        raise AccountError(f"{path} is gone: rows are lost") from e


def plan_reducers(totals: tuple[Any, Any], bits: int, budget_bytes: int) -> list[tuple[int, int, int, int]]:
    """Merge adjacent partitions up to the memory budget, split those over it by more key bits.

    Returns: (low, high, sub, sub_bits): partitions low <= p < high, of which the keys whose next
        `sub_bits` bits equal `sub`.
    """
    size = totals[0][: 1 << bits]
    tasks: list[tuple[int, int, int, int]] = []
    low = 0
    held = 0
    for part in range(1 << bits):
        here = int(size[part])
        if here > budget_bytes:
            if held:
                tasks.append((low, part, 0, 0))
            extra = min(8, (-(-here // budget_bytes) - 1).bit_length())
            tasks.extend((part, part + 1, sub, extra) for sub in range(1 << extra))
            low, held = part + 1, 0
        elif held + here > budget_bytes:
            tasks.append((low, part, 0, 0))
            low, held = part, here
        else:
            held += here
    if held:
        tasks.append((low, 1 << bits, 0, 0))
    return tasks


class Range:
    """The rows of one reduce task.

    Args:
        blocks: the shuffle. low, high, sub, sub_bits: as `plan_reducers` gives them.
        bits: partition bits. budget_bytes: memory for the rows. rows: how many there are in these partitions.
    Raises, where rows are read: AccountError if there are more or fewer.
    """

    def __init__(self, blocks: Blocks, low: int, high: int, sub: int, sub_bits: int, bits: int, budget_bytes: int, rows: int) -> None:
        self.blocks, self.low, self.high, self.budget, self.expected = blocks, low, high, budget_bytes, rows
        self.sub, self.sub_bits, self.bits = sub, sub_bits, bits

    def _rows(self) -> Iterator[pa.Table]:
        found = 0
        for table in self.blocks.read(self.low, self.high):
            found += table.num_rows
            if not self.sub_bits:
                yield table
                continue
            keys = _u64(table["key"])
            shift = np.uint64(64 - self.bits - self.sub_bits)
            mask = ((keys >> shift) & np.uint64((1 << self.sub_bits) - 1)) == np.uint64(self.sub)
            if mask.any():
                yield table.filter(pa.array(mask))
        if found != self.expected:
            raise AccountError(f"partitions {self.low} to {self.high}: {found} rows came, {self.expected} were sent")

    @cached_property
    def heavy(self) -> Any:
        """Keys whose rows alone pass half the budget: uint64, sorted."""
        if not self.sub_bits:
            return np.empty(0, np.uint64)
        keys, sizes = np.empty(0, np.uint64), np.empty(0, np.int64)
        for table in self._rows():
            here, counts = np.unique(_u64(table["key"]), return_counts=True)
            row_bytes = max(1, table.nbytes // max(1, table.num_rows))
            both = np.concatenate([keys, here])
            weights = np.concatenate([sizes, counts * row_bytes])
            keys, inverse = np.unique(both, return_inverse=True)
            sizes = np.bincount(inverse, weights=weights).astype(np.int64)
        return keys[sizes > self.budget // 2]

    def light(self) -> pa.Table | None:
        """Rows of all keys that fit, sorted by (key, shard, row)."""
        tables = []
        for table in self._rows():
            if len(self.heavy):
                table = table.filter(pa.array(~np.isin(_u64(table["key"]), self.heavy)))
            tables.append(table)
        if not tables:
            return None
        table = pa.concat_tables(tables)
        key = _u64(table["key"])
        if "shard" in self.blocks.schema.names:  # a later round: rows of one reducer come from many shards
            order = np.lexsort((table["row"].to_numpy(), table["shard"].to_numpy(), key))
        else:  # rows with one key were read in the order of shard and row
            order = np.argsort(key, kind="stable")
        return table.take(pa.array(order))

    def of_key(self, key: int) -> Iterator[pa.Table]:
        """Rows of one heavy key, in chunks, in (shard, row) order within each mapper."""
        for table in self._rows():
            mask = _u64(table["key"]) == np.uint64(key)
            if mask.any():
                yield table.filter(pa.array(mask))


class VerdictWriter:
    """Verdicts of one reduce task, in blocks per shard."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = BlockFile(path)
        self.schema = schema

    def add(self, table: pa.Table) -> None:
        if not table.num_rows:
            return
        shard, row = table["shard"].to_numpy(), table["row"].to_numpy()
        table = table.take(pa.array(np.lexsort((row, shard))))
        batch = _one_batch(table.select(self.schema.names).cast(self.schema))
        present, starts = np.unique(batch.column("shard").to_numpy(), return_index=True)
        stops = [*starts[1:].tolist(), batch.num_rows]
        for s, start, stop in zip(present.tolist(), starts.tolist(), stops, strict=True):
            self._file.write(int(s), batch.slice(start, stop - start))

    def close(self) -> dict[str, Any]:
        return self._file.close()


def read_verdicts(blocks: Blocks, shard: int, expected: int, many: bool) -> pa.Table:
    """All verdicts of one shard, sorted by row.

    Raises: AccountError if their number differs from what the reducers wrote, or a document has two
        where it may have one.
    """
    tables = list(blocks.read(shard, shard + 1))
    table = pa.concat_tables(tables) if tables else blocks.schema.empty_table()
    if table.num_rows != expected:
        raise AccountError(f"shard {shard}: {table.num_rows} verdicts came back, {expected} were sent")
    row = table["row"].to_numpy()
    order = np.argsort(row, kind="stable")
    if not many and len(np.unique(row)) != len(row):
        raise AccountError(f"shard {shard}: a document got two verdicts")
    return table.take(pa.array(order))
