"""emit -> partition -> reduce -> verdicts, used by every global stage; scatter -> gather, by those that order an output.

A mapper writes one *spill*: runs of rows sorted by key, cut into one Arrow IPC block per partition
(the key's top bits), a large one into several (its next bits). Blocks of adjacent partitions lie side
by side, and the offsets of a group of mappers stand in one index, so a reducer reads ranges and
nothing else. Verdicts go back the same way: a reducer writes blocks per shard, and `apply` is told how
many verdicts to expect, so that a lost file can never read as 'keep'. Whole documents that are scattered to the
shards of an output lie in such blocks too, by part of the output and place in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from curation.errors import AccountError, TaskError
from curation.shards import variable_bytes
from curation.stage import Combined
from curation.storage import HashedFile, ahead, read_sealed, remote, replace, write_sealed

GROUP_MAPPERS = 256
"""Mappers whose offsets share one index file."""
BLOCK = np.dtype([
    ("part", "<u4"), ("mapper", "<u4"), ("file", "<u4"), ("first", "<u2"), ("last", "<u2"),
    ("offset", "<i8"), ("length", "<i8"), ("rows", "<i8"), ("size", "<i8"), ("sum", "<u8"),
])  # fmt: skip
"""One block of a spill: slots `first` to `last` of a partition; `sum` is the xxh3-64 of its bytes, seeded with the three, and in a group
file changed by `_signed`, so that its mapper and size count too. `size` is that of scattered documents, by their stage; else 0.

Of verdicts, `part` is the shard, `mapper` the reducer, and a block has all slots. `file` is where it lies now: after an exchange the
blocks of a group of mappers lie together by partition. Every field lies on its own size: numpy copies a column that does not, all of it,
to look one partition up.
"""
SPILLS = 3
"""Version of the files of a shuffle."""
PARTITION_BITS = 16
"""Most bits that name a partition."""
SLOT_BITS = 8
SLOTS = 1 << SLOT_BITS
"""Equal ranges of a partition's keys: what is sent may outgrow the partitions, whose number is fixed before."""
BLOCK_BYTES = 64 << 10
"""A mapper's block over that is cut between slots, so that a reducer of some slots reads little else (ours)."""
PIECE_BYTES = 8 << 20
"""Text of documents that are sorted at a time: what takes no more is soon memory to be used again (ours)."""
DOCUMENT_BLOCK_BYTES = 1 << 20
"""The same of blocks of whole documents, whose partitions are seldom read by slots (ours)."""
PLACES = 1 << 10
"""Partitions of scattered documents up to which they are smaller than others (ours)."""
DOCUMENTS_SHARE = 4
"""Whole documents are gathered in so many times less memory than a reducer may use: they are held twice as they are sorted (ours)."""
STATE_BYTES = 256 << 20


def partition_bits(shard_bytes: int, partition_bytes: int) -> int:
    """Bits of the key that name a partition: from the size of the shards, never from workers."""
    wanted = max(1, -(-shard_bytes // partition_bytes))
    return min(PARTITION_BITS, int(wanted - 1).bit_length())


def place_bits(shard_bytes: int, partition_bytes: int, parts: int) -> int:
    """Bits of a place that name a partition of the documents scattered to some parts.

    Down to an eighth of partition_bytes, so that the shards of an output share little of one; not more than PLACES of that size, since
    their blocks would get small.
    """
    fine = min(max(shard_bytes // PLACES, partition_bytes // 8), partition_bytes)
    return min(PARTITION_BITS - (parts - 1).bit_length(), partition_bits(shard_bytes, max(1, fine)))


def _u64(column: Any) -> Any:
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    return values.astype(np.uint64, copy=False)


class BlockFile:
    """Writes blocks of rows one after the other and remembers where each begins."""

    def __init__(self, path: Path) -> None:
        self._sink = HashedFile(path)
        self._entries: list[tuple[int, ...]] = []

    def write(self, batch: pa.RecordBatch, part: int, first: int = 0, last: int = SLOTS - 1, size: int = 0) -> None:
        data = batch.serialize()
        total = xxhash.xxh3_64_intdigest(data, seed=_seed(part, first, last))
        self._entries.append((part, 0, 0, first, last, self._sink.tell(), data.size, batch.num_rows, size, total))
        self._sink.write(data)

    def copy(self, entry: Any, data: Any) -> None:
        """Append a block of another file as it is."""
        moved = entry.copy()
        moved["offset"] = self._sink.tell()
        self._entries.append(moved.item())
        self._sink.write(data)

    def close(self) -> dict[str, Any]:
        """Finish file and index; returns the facts a record keeps."""
        self._sink.close()
        index = np.array(self._entries, dtype=BLOCK)
        path = self._sink.path.with_suffix(".index")
        replace(path, index.tobytes())
        index_xxh3 = xxhash.xxh3_64_hexdigest(index.tobytes())
        totals = {name: int(index[name].sum()) for name in ("rows", "size")}
        return {**self._sink.facts(), "index": path.name, "index_xxh3": index_xxh3, **totals}


def _seed(part: int, first: int, last: int) -> int:
    return part | first << 32 | last << 48


def _signed(entries: Any) -> Any:
    """Checksums of blocks with their mappers and sizes in them; twice gives them back: uint64 (n,)."""
    both = entries["mapper"].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + entries["size"].astype(np.uint64)
    return entries["sum"] ^ (both * np.uint64(0xC2B2AE3D27D4EB4F))


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
        table = _sorted(self._pending, _by_key)
        self._bytes = 0
        if self._combine is not None:
            table = self._combine(table)
            if isinstance(table, Combined):
                if self.followers is None:
                    raise TaskError("followers may be named where documents are emitted, not in a later round: they would be lost")
                self.followers.append(table.followers)
                table = table.rows
        batch = _one_batch(table.select(self.schema.names).cast(self.schema))
        places = _places(batch.column("key"), self._bits)
        starts = _block_starts(places, batch.nbytes, BLOCK_BYTES)
        for start, stop in pairwise([*starts.tolist(), len(places)]):
            part, first = divmod(int(places[start]), SLOTS)
            self._file.write(batch.slice(start, stop - start), part, first, int(places[stop - 1]) % SLOTS)

    def close(self) -> dict[str, Any]:
        self._run()
        return self._file.close()


class ScatterWriter:
    """A mapper's documents, each as often as it goes out, in runs of blocks by partition: part << bits | first bits of the place.

    Pieces are sorted as they come, so that a block is a slice of each piece of the run.

    Args:
        path: the attempt's file. schema: {_place: uint64, _size: int64, **columns}.
        added: which of the columns the documents do not have yet; they differ from copy to copy.
        bits: of a place that name a partition. limit_bytes: memory of a run.
    """

    def __init__(self, path: Path, schema: pa.Schema, added: list[str], bits: int, limit_bytes: int) -> None:
        self._file = BlockFile(path)
        self.schema, self._bits, self._limit = schema, bits, limit_bytes
        self._documents = pa.schema([f for f in schema if f.name not in added])
        self._held: list[tuple[Any, pa.RecordBatch]] = []
        """(partition and slot of each row, sorted; the rows)."""
        self._bytes = 0

    def add(self, table: pa.Table, sent: pa.Table) -> None:
        """Take in some documents and where they go: {_row: int64, into `table`; _part: int64; **added}."""
        documents = table.select(self._documents.names).cast(self._documents)
        sizes = variable_bytes(documents)[sent["_row"].to_numpy()]
        cuts = np.flatnonzero(np.diff(np.cumsum(sizes) // PIECE_BYTES)) + 1  # a document may go out many times
        for low, high in pairwise([0, *cuts.tolist(), len(sizes)]):
            piece = sent.slice(low, high - low)
            places = (piece["_part"].to_numpy() << (SLOT_BITS + self._bits)) | _places(piece["_place"], self._bits)
            order = pa.array(np.argsort(places, kind="stable"))
            piece = piece.take(order)
            rows = documents.take(piece["_row"])
            columns = [(rows if name in self._documents.names else piece)[name] for name in self.schema.names]
            batch = _one_batch(pa.Table.from_arrays(columns, schema=self.schema))
            self._held.append((places[order.to_numpy()], batch))
            self._bytes += batch.nbytes
            if self._bytes >= self._limit:
                self._run()

    def _run(self) -> None:
        if not self._held:
            return
        places = np.sort(np.concatenate([of_piece for of_piece, _ in self._held]))
        starts = _block_starts(places, self._bytes, DOCUMENT_BLOCK_BYTES)
        cuts = [[*np.searchsorted(of_piece, places[starts]).tolist(), len(of_piece)] for of_piece, _ in self._held]
        for n, (start, stop) in enumerate(pairwise([*starts.tolist(), len(places)])):
            pieces = zip(self._held, cuts, strict=True)
            block = _one_batch(pa.Table.from_batches([rows.slice(cut[n], cut[n + 1] - cut[n]) for (_, rows), cut in pieces]))
            part, first = divmod(int(places[start]), SLOTS)
            self._file.write(block, part, first, int(places[stop - 1]) % SLOTS, int(pc.sum(block["_size"]).as_py()))
        self._held, self._bytes = [], 0

    def close(self) -> dict[str, Any]:
        self._run()
        return self._file.close()


def _places(keys: Any, bits: int) -> Any:
    """Partition and slot of keys as one number, part * SLOTS + slot: int64 (n,)."""
    return (_u64(keys) >> np.uint64(64 - SLOT_BITS - bits)).astype(np.int64)


def _block_starts(places: Any, run_bytes: int, block_bytes: int) -> Any:
    """Where the blocks of a run begin: at each partition, and between slots as many times as its size asks for.

    Args:
        places: of its rows, sorted. run_bytes: of all of them, taken to be of one size. block_bytes: of a block that is not cut.
    """
    part = places // SLOTS
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    rows = np.diff(starts, append=len(part))
    cuts = np.clip(np.ceil(np.log2(np.maximum(rows * (run_bytes / max(1, len(part))) / block_bytes, 1))), 0, SLOT_BITS).astype(np.int64)
    piece = places >> np.repeat(SLOT_BITS - cuts, rows)
    return np.union1d(starts, np.flatnonzero(np.diff(piece, prepend=-1)))


def _sorted(tables: list[pa.Table], order: Callable[[pa.Table], Any]) -> pa.Table:
    """Some tables as one, in an order; the list is emptied, so that rows are in memory twice at most (`take` alone: three times)."""
    table = pa.concat_tables(tables).combine_chunks()
    tables.clear()
    pa.default_memory_pool().release_unused()
    table = table.take(pa.array(order(table)))
    pa.default_memory_pool().release_unused()
    return table


def _by_key(table: pa.Table) -> Any:
    return np.argsort(_u64(table["key"]), kind="stable")


def _by_place(table: pa.Table) -> Any:
    return np.lexsort((table["row"].to_numpy(), table["shard"].to_numpy(), _u64(table["key"])))


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    if len(batches) == 1:
        return batches[0]
    if not batches:
        return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in table.schema], schema=table.schema)
    raise TaskError("a run of more than 2 GB of short strings; lower settings.shuffle.spill_bytes")


def write_groups(
    out: Path, folder: str, stem: str, names: Sequence[str], facts: Sequence[Mapping[str, Any]], exchanged: bool = False
) -> str:
    """Merge the indexes of spills into one sorted index per group; returns the place of the list of all these files.

    Args:
        out: the run's folder. folder: where in it the group files are put. names: the spills in it. facts: what their records say of them.
        exchanged: their blocks were written by other mappers, whose numbers they keep.
    Raises: AccountError if an index is gone or not as its mapper wrote it.
    """
    groups = []
    for start in range(0, max(1, len(names)), GROUP_MAPPERS):
        parts = []
        stop = start + GROUP_MAPPERS
        files = [out / name for name in names[start:stop]]
        for number, entries in enumerate(read_indexes(files, facts[start:stop]), start=start):
            entries["file"] = number
            if not exchanged:
                entries["mapper"] = number
                entries["sum"] = _signed(entries)
            parts.append(entries)
        merged = np.concatenate(parts) if parts else np.empty(0, BLOCK)
        merged = merged[np.lexsort((merged["offset"], merged["mapper"], merged["part"]))]
        groups.append(f"{folder}/{stem}-{start // GROUP_MAPPERS:06d}.group")
        replace(out / groups[-1], merged.tobytes())
    place = f"{folder}/{stem}.files"
    write_sealed(out / place, {"files": list(names), "groups": groups})
    return place


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

    files: the spills, or what an exchange made of them. groups: index files. Rows that do not carry their shard are of that with
    their mapper's number.
    """

    files: Sequence[Path]
    groups: Sequence[Path]
    schema: pa.Schema

    @staticmethod
    def of(out: Path, place: str, schema: pa.Schema) -> Blocks:
        """The blocks that `write_groups` has put into groups, by the place it returned."""
        try:
            listed = read_sealed(out / place)
        except FileNotFoundError as e:
            raise AccountError(f"{out / place} is gone: rows are lost") from e
        return Blocks([out / name for name in listed["files"]], [out / name for name in listed["groups"]], schema)

    def entries(self, low: int, high: int, first: int = 0, last: int = SLOTS - 1) -> Iterator[Any]:
        """Index entries of partitions low <= part < high that may have rows of slots `first` to `last`, by group."""
        for path in self.groups:
            try:
                size = path.stat().st_size
                if size == 0:
                    continue
                index = _near(path, size, low, high) if remote(path) else np.memmap(path, dtype=BLOCK, mode="r")
            except (FileNotFoundError, ValueError) as e:
                raise AccountError(f"{path} is gone or cut short: rows are lost") from e
            start, stop = np.searchsorted(index["part"], [low, high])
            entries = np.array(index[start:stop])
            if (entries["first"] > entries["last"]).any():
                raise AccountError(f"{path} is damaged: a block ends before it begins")
            yield entries[(entries["first"] <= last) & (entries["last"] >= first)]

    def read(self, low: int, high: int, first: int = 0, last: int = SLOTS - 1) -> Iterator[pa.Table]:
        """Rows of the partitions, mapper by mapper, each table sorted by key, with column `shard`.

        Args:
            first, last: slots that are wanted; rows of others may come with them.
        """
        for entry, path, data in self.pieces(low, high, first, last):
            try:
                batch = pa.ipc.read_record_batch(data, self.schema)
            except (pa.ArrowException, OSError) as error:
                raise AccountError(f"{path} is damaged, rows are lost: {error}") from error
            if batch.num_rows != int(entry["rows"]):
                raise AccountError(f"{path}: a block has {batch.num_rows} rows, its index says {int(entry['rows'])}")
            table = pa.Table.from_batches([batch])
            if "shard" not in table.column_names:
                table = table.append_column("shard", pa.array(np.full(table.num_rows, entry["mapper"], dtype=np.uint32)))
            yield table

    def pieces(self, low: int, high: int, first: int = 0, last: int = SLOTS - 1) -> Iterator[tuple[Any, Path, Any]]:
        """The blocks `read` reads: (entry of the index, file, bytes), file by file in the order they lie there."""
        for entries in self.entries(low, high, first, last):
            numbers = np.unique(entries["file"]).tolist()
            if numbers and numbers[-1] >= len(self.files):
                raise AccountError(f"a block of file {numbers[-1]}, and there are {len(self.files)}: an index is damaged")
            for number, found in zip(numbers, self._of_files(numbers, entries), strict=True):
                for entry, data in found:
                    yield entry, self.files[number], data

    def _of_files(self, numbers: list[int], entries: Any) -> Iterator[Iterable[tuple[Any, Any]]]:
        """Entries and bytes of the blocks of each file; of an object store, some files at a time."""

        def read(number: int) -> Iterator[tuple[Any, Any]]:
            mine = entries[entries["file"] == number]
            mine = mine[np.argsort(mine["offset"])]
            return zip(mine, _read_entries(self.files[number], mine), strict=True)

        if numbers and remote(self.files[0]):
            return ahead(lambda number: list(read(number)), numbers, self.files[0])
        return map(read, numbers)

    @cached_property
    def totals(self) -> dict[str, Any]:
        """Bytes (`length`), `rows` and `size` of every partition: int64 (1 << PARTITION_BITS,) each."""
        totals = {name: np.zeros(1 << PARTITION_BITS, np.int64) for name in ("length", "rows", "size")}
        for entries in self.entries(0, 1 << 32):
            if (entries["part"] >= 1 << PARTITION_BITS).any():
                raise AccountError("a block of a partition that does not exist: an index is damaged")
            for name, total in totals.items():
                np.add.at(total, entries["part"], entries[name])
        return totals

    def slots(self, part: int) -> Any:
        """Bytes of every slot of a partition, a block's shared out among its slots: int64 (SLOTS,), 0 where there is no row."""
        steps = np.zeros(SLOTS + 1, np.int64)
        for entries in self.entries(part, part + 1):
            first, after = entries["first"].astype(np.int64), entries["last"].astype(np.int64) + 1
            share = np.maximum(1, entries["length"] // (after - first))
            np.add.at(steps, first, share)
            np.subtract.at(steps, after, share)
        return np.cumsum(steps[:-1])


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

        def read(base: int, length: int) -> Any:
            f.seek(base)
            buffer, at = pa.allocate_buffer(length), 0  # Arrow's memory is used again, where Python's would be new each time
            with memoryview(buffer) as view:
                while at < length and (more := f.readinto(view[at:])):
                    at += more
            return buffer.slice(0, at)

        yield read


def _read_entries(path: Path, entries: Any) -> Iterator[Any]:
    """Bytes of blocks, neighbours read in one go."""
    sums = _signed(entries).tolist()
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
                for e, total in zip(entries[at:end], sums[at:end], strict=True):
                    piece = buffer.slice(int(e["offset"]) - base, int(e["length"]))
                    if xxhash.xxh3_64_intdigest(piece, seed=_seed(int(e["part"]), int(e["first"]), int(e["last"]))) != total:
                        raise AccountError(f"{path} is damaged, rows are lost: a block is not the one that was written")
                    yield piece
                at = end
    except FileNotFoundError as e:
        raise AccountError(f"{path} is gone: rows are lost") from e


def plan_reducers(blocks: Blocks, budget_bytes: int, begin: int = 0, end: int = 1 << PARTITION_BITS) -> list[tuple[int, int, int, int]]:
    """Join adjacent partitions up to the memory budget; of one over it, adjacent slots.

    Args:
        begin, end: partitions begin <= p < end alone.
    Returns: (low, high, first, last): partitions low <= p < high, of which the slots first to last.
    """
    size = blocks.totals["length"]
    tasks = []
    for low, high in _joined(size[begin:end], budget_bytes):
        low, high = low + begin, high + begin
        if size[low:high].sum() <= budget_bytes:
            tasks.append((low, high, 0, SLOTS - 1))
        else:  # one partition
            tasks += [(low, high, first, after - 1) for first, after in _joined(blocks.slots(low), budget_bytes)]
    return tasks


@dataclass(frozen=True)
class OutputShard:
    """What makes a shard of an output.

    range: partitions low <= p < high that have its rows. bounds: sizes of a part, added up in order, from which and below which its rows
    begin. before, after: where the partitions themselves begin and end.
    """

    range: tuple[int, int]
    bounds: tuple[int, int]
    before: int
    after: int


def plan_shards(blocks: Blocks, part: int, bits: int, size: int | None, size_bytes: int) -> Iterator[OutputShard]:
    """Cut a part of an output into shards that are equally large but for a document.

    Args:
        bits: of a place that name a partition. size: a shard has at most; None: size_bytes of rows as they lie in memory.
    """
    own = slice(part << bits, part + 1 << bits)
    if not blocks.totals["rows"][own].any():
        return
    ends = np.cumsum(blocks.totals["size"][own])
    starts = ends - blocks.totals["size"][own]
    total = int(ends[-1])
    count = max(1, -(-total // size) if size else -(-int(blocks.totals["length"][own].sum()) // size_bytes))
    for n in range(count):
        start, stop = total * n // count, total * (n + 1) // count + (n == count - 1)  # what has no size may begin at the very end
        low, high = int(np.searchsorted(ends, start)), int(np.searchsorted(starts, stop))
        if start < stop:
            yield OutputShard((own.start + low, own.start + high), (start, stop), int(starts[low]), int(ends[high - 1]))


def plan_exchange(index: Any, budget_bytes: int) -> list[tuple[int, int]]:
    """Ranges low <= part < high of the blocks of a group of mappers, each of which fits the memory budget or is one partition."""
    return list(_joined(np.bincount(index["part"], weights=index["length"]).astype(np.int64), budget_bytes))


def _joined(sizes: Any, most: int) -> Iterator[tuple[int, int]]:
    """Ranges low <= n < high of which the sizes come to at most `most`, or that have one; together they have all that is not 0."""
    low = high = held = 0
    for n in np.flatnonzero(sizes).tolist():
        if held and held + int(sizes[n]) > most:
            yield low, high
            held = 0
        low, high, held = n if not held else low, n + 1, held + int(sizes[n])
    if held:
        yield low, high


def rows_of(blocks: Blocks, low: int, high: int, first: int, last: int, bits: int, rows: int, key: str = "key") -> Iterator[pa.Table]:
    """The rows of slots `first` to `last` of partitions low <= p < high, block by block.

    Args:
        bits: of a key that name a partition. rows: how many there are in these partitions. key: its column.
    Raises: AccountError if there are more or fewer.
    """
    found = sum(int(entries["rows"].sum()) for entries in blocks.entries(low, high))
    if found != rows:
        raise AccountError(f"partitions {low} to {high}: {found} rows came, {rows} were sent")
    for table in blocks.read(low, high, first, last):
        if last - first < SLOTS - 1:
            slot = _places(table[key], bits) % SLOTS
            table = table.filter(pa.array((slot >= first) & (slot <= last)))
        if table.num_rows:
            yield table


class Range:
    """The rows of one reduce task.

    Args:
        blocks: the shuffle. low, high, first, last: as `plan_reducers` gives them.
        bits: partition bits. budget_bytes: memory for the rows. rows: how many there are in these partitions.
    Raises, where rows are read: AccountError if there are more or fewer.
    """

    def __init__(self, blocks: Blocks, low: int, high: int, first: int, last: int, bits: int, budget_bytes: int, rows: int) -> None:
        self.blocks, self.low, self.high, self.budget, self.expected = blocks, low, high, budget_bytes, rows
        self.first, self.last, self.bits = first, last, bits
        self._held: list[pa.Table] | None = None

    def _tables(self) -> Iterator[pa.Table]:
        return rows_of(self.blocks, self.low, self.high, self.first, self.last, self.bits, self.expected)

    @cached_property
    def heavy(self) -> Any:
        """Keys whose rows alone pass half the budget, where not all rows fit: uint64, sorted."""
        self._held, held = [], 0
        for table in self._tables():
            held += table.select(self.blocks.schema.names).nbytes
            if held > self.budget:
                break
            self._held.append(table)
        else:
            return np.empty(0, np.uint64)
        self._held = None
        keys, sizes = np.empty(0, np.uint64), np.empty(0, np.int64)
        for table in self._tables():
            here, counts = np.unique(_u64(table["key"]), return_counts=True)
            row_bytes = max(1, table.nbytes // max(1, table.num_rows))
            both = np.concatenate([keys, here])
            weights = np.concatenate([sizes, counts * row_bytes])
            keys, inverse = np.unique(both, return_inverse=True)
            sizes = np.bincount(inverse, weights=weights).astype(np.int64)
        return keys[sizes > self.budget // 2]

    def light(self) -> pa.Table | None:
        """Rows of all keys that fit, sorted by (key, shard, row)."""
        heavy = self.heavy
        tables, self._held = self._held, None
        if tables is None:
            tables = [table.filter(pa.array(~np.isin(_u64(table["key"]), heavy))) for table in self._tables()]
        if not tables:
            return None
        # In round 0 rows with one key are read in the order of shard and row; later rows of one reducer come from many shards.
        return _sorted(tables, _by_place if "shard" in self.blocks.schema.names else _by_key)

    def of_key(self, key: int) -> Iterator[pa.Table]:
        """Rows of one heavy key, in chunks, in (shard, row) order within each mapper."""
        for table in self._tables():
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
            self._file.write(batch.slice(start, stop - start), int(s))

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
