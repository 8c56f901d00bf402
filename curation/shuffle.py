"""emit -> partition -> reduce -> verdicts, used by every global stage; scatter -> gather, by those that order an output.

A mapper writes one *spill*: runs of rows sorted by key, cut into Arrow IPC blocks. The *place* of a row is the first bits of its key;
a block knows that of its first and its last row, and is small beside what a reducer reads of a mapper. The offsets of a group of
mappers stand in one index, so a reducer finds the blocks of a range of places, and reads little else. Verdicts go back the same way:
a reducer writes blocks per shard, and `apply` is told how many verdicts to expect, so that a lost file can never read as 'keep'. Whole
documents that are scattered to the shards of an output lie in such blocks too, by part of the output and place in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as replace_fields
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
    ("first", "<u4"), ("last", "<u4"), ("mapper", "<u4"), ("file", "<u4"),
    ("offset", "<i8"), ("length", "<i8"), ("rows", "<i8"), ("size", "<i8"), ("sum", "<u8"),
])  # fmt: skip
"""One block of a spill: `first` and `last` are the places of its rows; `sum` is the xxh3-64 of its bytes, seeded with both, and in a
group file changed by `_signed`, so that its mapper and size count too. `size` is that of scattered documents, by their stage; else 0.

Of verdicts, the place is the shard, `mapper` the reducer. `file` is where a block lies now: after an exchange the blocks of a group of
mappers lie together by place. Every field lies on its own size: numpy copies a column that does not, all of it, to look one up.
"""
SPILLS = 4
"""Version of the files of a shuffle."""
PLACE_BITS = 24
"""First bits of a key that are a row's place."""
SLOT_BITS = 8
SLOTS = 1 << SLOT_BITS
PARTITIONS = 1 << (PLACE_BITS - SLOT_BITS)
"""Reducers are planned by the sizes of as many equal ranges of places, *partitions*; one too large for a reducer by those of its slots."""
WIDE = 18
"""No block of keys crosses a multiple of that power of two, so that those which have a place are near it in the index (ours)."""
BLOCK_BYTES = 64 << 10
LEAST_BLOCK_BYTES = 1 << 10
"""A mapper's block of keys has from the one to the other: see `block_bytes` (ours)."""
BLOCKS_A_READER = 8
"""Blocks a reducer should read of a mapper, so that the two at the ends, which its neighbours read too, are few of them (ours)."""
PIECE_BYTES = 8 << 20
"""Text of documents that are sorted at a time: what takes no more is soon memory to be used again (ours)."""
DOCUMENT_BLOCK_BYTES = 1 << 20
"""Bytes of a block of whole documents, which does not cross a partition (ours)."""
PLACES = 1 << 10
"""Partitions of scattered documents up to which they are smaller than others (ours)."""
READ_BYTES = 8 << 20
"""Blocks that lie side by side are read and handed on together up to that: with many partitions one has a few rows (ours)."""
DOCUMENTS_SHARE = 4
"""Whole documents are gathered in so many times less memory than a reducer may use: they are held twice as they are sorted (ours)."""
STATE_BYTES = 256 << 20


def block_bytes(reduce_bytes: int, mappers: int) -> int:
    """Bytes of a block of keys of so many mappers: a reducer's share of one has BLOCKS_A_READER of them, within bounds."""
    return min(max(reduce_bytes // (BLOCKS_A_READER * max(1, mappers)), LEAST_BLOCK_BYTES), BLOCK_BYTES)


def place_bits(shard_bytes: int, partition_bytes: int, parts: int) -> int:
    """Bits of a place that name a partition of the documents scattered to some parts.

    Down to an eighth of partition_bytes, so that the shards of an output share little of one; not more than PLACES of that size, since
    their blocks would get small.
    """
    fine = max(1, min(max(shard_bytes // PLACES, partition_bytes // 8), partition_bytes))
    wanted = max(1, -(-shard_bytes // fine))
    return min(PLACE_BITS - SLOT_BITS - (parts - 1).bit_length(), (wanted - 1).bit_length())


def _u64(column: Any) -> Any:
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    return values.astype(np.uint64, copy=False)


class BlockFile:
    """Writes blocks of rows one after the other and remembers where each begins."""

    def __init__(self, path: Path) -> None:
        self._sink = HashedFile(path)
        self._entries: list[tuple[int, ...]] = []

    def write(self, batch: pa.RecordBatch, first: int, last: int, size: int = 0) -> None:
        data = batch.serialize()
        total = xxhash.xxh3_64_intdigest(data, seed=first | last << 32)
        self._entries.append((first, last, 0, 0, self._sink.tell(), data.size, batch.num_rows, size, total))
        self._sink.write(data)

    def copy(self, entries: Any, blocks: Sequence[Any]) -> None:
        """Append blocks of another file as they are."""
        moved = entries.copy()
        moved["offset"] = self._sink.tell() + np.cumsum(moved["length"]) - moved["length"]
        self._entries.extend(moved.tolist())
        for data in blocks:
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


def _seeds(entries: Any) -> Any:
    """What the checksums of blocks are seeded with: uint64 (n,)."""
    return entries["first"] | entries["last"].astype(np.uint64) << np.uint64(32)


def _signed(entries: Any) -> Any:
    """Checksums of blocks with their mappers and sizes in them; twice gives them back: uint64 (n,)."""
    both = entries["mapper"].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + entries["size"].astype(np.uint64)
    return entries["sum"] ^ (both * np.uint64(0xC2B2AE3D27D4EB4F))


class SpillWriter:
    """A mapper's rows, in runs sorted by key; `followers`, if a list, gathers what `combine` says of rows it leaves out.

    Args:
        path: the attempt's file.
        schema: {key: uint64, [shard: uint32,] row: uint32, **payload}.
        block_bytes: of a block, about. limit_bytes: memory of a run. combine: map-side combine, or None.
    """

    def __init__(self, path: Path, schema: pa.Schema, block_bytes: int, limit_bytes: int, combine: Any = None) -> None:
        self._file = BlockFile(path)
        self.schema, self._block, self._limit, self._combine = schema, block_bytes, limit_bytes, combine
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
        table = _sorted(self._pending, lambda rows: _by_key(rows["key"]))
        self._bytes = 0
        if self._combine is not None:
            table = self._combine(table)
            if isinstance(table, Combined):
                if self.followers is None:
                    raise TaskError("followers may be named where documents are emitted, not in a later round: they would be lost")
                self.followers.append(table.followers)
                table = table.rows
            table = table.take(pa.array(_by_key(table["key"])))  # a stage may return its rows in any order
        batch = _one_batch(table.select(self.schema.names).cast(self.schema))
        places = _places(batch.column("key"), PLACE_BITS)
        starts = _block_starts(places, batch.nbytes, self._block, WIDE)
        for start, stop in pairwise([*starts.tolist(), len(places)]):
            self._file.write(batch.slice(start, stop - start), int(places[start]), int(places[stop - 1]))

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
            bits = SLOT_BITS + self._bits
            places = (piece["_part"].to_numpy() << bits) | _places(piece["_place"], bits)
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
        starts = _block_starts(places, self._bytes, DOCUMENT_BLOCK_BYTES, SLOT_BITS)
        cuts = [[*np.searchsorted(of_piece, places[starts]).tolist(), len(of_piece)] for of_piece, _ in self._held]
        for n, (start, stop) in enumerate(pairwise([*starts.tolist(), len(places)])):
            pieces = zip(self._held, cuts, strict=True)
            block = _one_batch(pa.Table.from_batches([rows.slice(cut[n], cut[n + 1] - cut[n]) for (_, rows), cut in pieces]))
            self._file.write(block, int(places[start]), int(places[stop - 1]), int(pc.sum(block["_size"]).as_py()))
        self._held, self._bytes = [], 0

    def close(self) -> dict[str, Any]:
        self._run()
        return self._file.close()


def _places(keys: Any, bits: int) -> Any:
    """The first bits of keys: int64 (n,)."""
    return (_u64(keys) >> np.uint64(64 - bits)).astype(np.int64)


def _block_starts(places: Any, run_bytes: int, block_bytes: int, edge: int) -> Any:
    """Where the blocks of a run begin: where the place changes, so that about block_bytes are in each.

    Args:
        places: of its rows, sorted. run_bytes: of all of them, taken to be of one size. edge: no block crosses a multiple of 1 << edge.
    """
    if not len(places):
        return np.empty(0, np.int64)
    rows = max(1, int(len(places) * block_bytes / max(1, run_bytes)))
    left, right = (np.searchsorted(places, places[::rows], side) for side in ("left", "right"))
    edges = np.arange(places[0] >> edge, (places[-1] >> edge) + 1) << edge
    starts = np.concatenate([np.searchsorted(places, edges), left, right[right - left > rows]])
    return np.unique(starts[starts < len(places)])


def _sorted(tables: list[pa.Table], order: Callable[[pa.Table], Any]) -> pa.Table:
    """Some tables as one, in an order; the list is emptied, so that rows are in memory twice at most (`take` alone: three times)."""
    table = pa.concat_tables(tables).combine_chunks()
    tables.clear()
    pa.default_memory_pool().release_unused()
    table = table.take(pa.array(order(table)))
    pa.default_memory_pool().release_unused()
    return table


def _by_place(table: pa.Table) -> Any:
    return _by_key(table["key"], table["row"].to_numpy(), table["shard"].to_numpy())


def _by_key(column: Any, *ties: Any) -> Any:
    """Indexes by key; of one key by `ties`, the last one first, then as they stand: int64 (n,).

    Few keys are alike as a rule: a sort that keeps no order, but uses vector instructions, and another one of those that are.
    """
    keys = _u64(column)
    order = np.argsort(keys)
    equal = np.zeros(len(keys) + 1, dtype=bool)
    equal[1:-1] = keys[order[1:]] == keys[order[:-1]]
    crowded = np.flatnonzero(equal[1:] | equal[:-1])
    some = order[crowded]
    order[crowded] = some[np.lexsort((some, *(tie[some] for tie in ties), keys[some]))]
    return order


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
    groups, widest = [], 0
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
        merged = merged[np.lexsort((merged["offset"], merged["mapper"], merged["first"]))]
        widest = max(widest, int((merged["last"] - merged["first"]).max(initial=0)))
        groups.append(f"{folder}/{stem}-{start // GROUP_MAPPERS:06d}.group")
        replace(out / groups[-1], merged.tobytes())
    place = f"{folder}/{stem}.files"
    write_sealed(out / place, {"files": list(names), "groups": groups, "widest": widest})
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

    files: the spills, or what an exchange made of them. groups: index files. widest: places between the first and the last of a block, at
    most. Rows that do not carry their shard are of that with their mapper's number.
    """

    files: Sequence[Path]
    groups: Sequence[Path]
    widest: int
    schema: pa.Schema

    @staticmethod
    def of(out: Path, place: str, schema: pa.Schema) -> Blocks:
        """The blocks that `write_groups` has put into groups, by the place it returned."""
        try:
            listed = read_sealed(out / place)
        except FileNotFoundError as e:
            raise AccountError(f"{out / place} is gone: rows are lost") from e
        return Blocks([out / name for name in listed["files"]], [out / name for name in listed["groups"]], listed["widest"], schema)

    def of_group(self, group: int) -> Blocks:
        """The blocks of one group of mappers."""
        return replace_fields(self, groups=[self.groups[group]])

    def entries(self, low: int = 0, high: int = 1 << 32) -> Iterator[Any]:
        """Index entries of blocks that may have rows at places low <= place < high, by group."""
        for path in self.groups:
            try:
                size = path.stat().st_size
                if size == 0:
                    continue
                near = max(0, low - self.widest)
                index = _near(path, size, near, high) if remote(path) else np.memmap(path, dtype=BLOCK, mode="r")
            except (FileNotFoundError, ValueError) as e:
                raise AccountError(f"{path} is gone or cut short: rows are lost") from e
            start, stop = np.searchsorted(index["first"], [near, high])
            entries = np.array(index[start:stop])
            if (entries["first"] > entries["last"]).any() or (entries["last"] - entries["first"] > self.widest).any():
                raise AccountError(f"{path} is damaged: a block ends before it begins, or is wider than any")
            yield entries[entries["last"] >= low]

    def rows(self, ranges: Sequence[tuple[int, int]]) -> Any:
        """Rows of the blocks that `entries` has of each of some ranges: int64 (n,)."""
        low, high = np.array(ranges, np.int64).reshape(-1, 2).T
        lows, highs = np.sort(low), np.sort(high)
        begun, ended = np.zeros(len(ranges) + 1, np.int64), np.zeros(len(ranges) + 1, np.int64)
        for entries in self.entries():  # a range has what begins before its end, but for what ends before it
            np.add.at(begun, np.searchsorted(highs, entries["first"], side="right"), entries["rows"])
            np.add.at(ended, np.searchsorted(lows, entries["last"], side="right"), entries["rows"])
        return np.cumsum(begun)[np.searchsorted(highs, high)] - np.cumsum(ended)[np.searchsorted(lows, low)]

    def read(self, wanted: Iterable[Any]) -> Iterator[pa.Table]:
        """Rows of the blocks of entries of each group, file by file, with column `shard`."""
        for entries, path, blocks in self.pieces(wanted):
            try:
                batches = [pa.ipc.read_record_batch(data, self.schema) for data in blocks]
            except (pa.ArrowException, OSError) as error:
                raise AccountError(f"{path} is damaged, rows are lost: {error}") from error
            for batch, rows in zip(batches, entries["rows"].tolist(), strict=True):
                if batch.num_rows != rows:
                    raise AccountError(f"{path}: a block has {batch.num_rows} rows, its index says {rows}")
            table = pa.Table.from_batches(batches)
            if "shard" not in table.column_names:
                table = table.append_column("shard", pa.array(np.repeat(entries["mapper"], entries["rows"])))
            yield table

    def pieces(self, wanted: Iterable[Any]) -> Iterator[tuple[Any, Path, list[Any]]]:
        """The blocks of entries of each group, some neighbours at a time: (their entries, file, bytes of each), file by file in the
        order they lie there."""
        for entries in wanted:
            numbers = np.unique(entries["file"]).tolist()
            if numbers and numbers[-1] >= len(self.files):
                raise AccountError(f"a block of file {numbers[-1]}, and there are {len(self.files)}: an index is damaged")
            for number, found in zip(numbers, self._of_files(numbers, entries), strict=True):
                for neighbours, blocks in found:
                    yield neighbours, self.files[number], blocks

    def _of_files(self, numbers: list[int], entries: Any) -> Iterator[Iterable[tuple[Any, list[Any]]]]:
        """Entries and bytes of the blocks of each file; of an object store, some files at a time."""

        def read(number: int) -> Iterator[tuple[Any, list[Any]]]:
            mine = entries[entries["file"] == number]
            return _read_entries(self.files[number], mine[np.argsort(mine["offset"])])

        if numbers and remote(self.files[0]):
            return ahead(lambda number: list(read(number)), numbers, self.files[0])
        return map(read, numbers)

    @cached_property
    def totals(self) -> dict[str, Any]:
        """Bytes (`length`), `rows` and `size` of every partition: int64 (PARTITIONS,) each; a block's are shared out among its own."""
        found = {name: np.zeros(PARTITIONS, np.int64) for name in ("length", "rows", "size")}
        for entries in self.entries():
            first, last = entries["first"] >> SLOT_BITS, entries["last"] >> SLOT_BITS
            if (last >= PARTITIONS).any():
                raise AccountError("a block at a place that does not exist: an index is damaged")
            for name in ("rows", "size"):
                found[name] += _shared_out(first, last, entries[name], 0, PARTITIONS)
            found["length"] += _shared_out(first, last, _seen(entries["length"], first, last), 0, PARTITIONS)
        return found

    def slots(self, partition: int) -> Any:
        """Bytes of every slot of a partition, a block's shared out among its places: int64 (SLOTS,), 0 where there is no row."""
        low, found = partition << SLOT_BITS, np.zeros(SLOTS, np.int64)
        for entries in self.entries(low, low + SLOTS):
            first, last = entries["first"], entries["last"]
            found += _shared_out(first, last, _seen(entries["length"], first, last), low, SLOTS)
        return found


def _seen(amounts: Any, first: Any, last: Any) -> Any:
    """Amounts of at least one for each place: no reducer looks where there is 0."""
    return np.maximum(amounts, last.astype(np.int64) - first + 1)


def _shared_out(first: Any, last: Any, amounts: Any, low: int, count: int) -> Any:
    """Whole amounts, each shared out evenly among `first` to `last`, the rest to the first: int64 (count,), of the places from `low` on."""
    begin, after = first.astype(np.int64) - low, last.astype(np.int64) + 1 - low
    share, rest = np.divmod(amounts, after - begin)
    steps = np.zeros(count + 1, np.int64)
    np.add.at(steps, np.clip(begin, 0, count), share)
    np.subtract.at(steps, np.clip(after, 0, count), share)
    found = np.cumsum(steps[:-1])
    inside = (begin >= 0) & (begin < count)
    np.add.at(found, begin[inside], rest[inside])
    return found


WHOLE_ENTRIES = 1 << 15
"""Entries of an index in an object store that are read at once; more are searched by halves (ours)."""


def _near(path: Any, size: int, low: int, high: int) -> Any:
    """Entries of an index that has those with low <= first < high, and few others: what a memory map gives for nothing."""
    if size % BLOCK.itemsize:
        raise ValueError(size)
    ends = []
    for place in (low, high):
        first, last = 0, size // BLOCK.itemsize  # the first entry of `place` or a later one is not before the one, and not behind the other
        while last - first > WHOLE_ENTRIES:
            middle = (first + last) // 2
            at = np.frombuffer(path.read_range(middle * BLOCK.itemsize, BLOCK.itemsize), BLOCK)["first"][0]
            first, last = (middle + 1, last) if at < place else (first, middle)
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


def _read_entries(path: Path, entries: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Blocks, sorted by offset, as many neighbours at a time as come to READ_BYTES: (their entries, the bytes of each)."""
    begins, ends = entries["offset"], entries["offset"] + entries["length"]
    apart = np.diff(np.cumsum(entries["length"]) // READ_BYTES, prepend=0) > 0
    apart[1:] |= begins[1:] != ends[:-1]
    apart[:1] = True
    try:
        with _ranges(path, entries) as read:
            for start, stop in pairwise([*np.flatnonzero(apart).tolist(), len(entries)]):
                base, length = int(begins[start]), int(ends[stop - 1] - begins[start])
                buffer = pa.py_buffer(read(base, length))
                if buffer.size < length:
                    raise AccountError(f"{path} is shorter than its index says: rows are lost")
                some = entries[start:stop]
                places = zip((begins[start:stop] - base).tolist(), some["length"].tolist(), strict=True)
                blocks = [buffer.slice(at, size) for at, size in places]
                for block, seed, total in zip(blocks, _seeds(some).tolist(), _signed(some).tolist(), strict=True):
                    if xxhash.xxh3_64_intdigest(block, seed=seed) != total:
                        raise AccountError(f"{path} is damaged, rows are lost: a block is not the one that was written")
                yield some, blocks
    except FileNotFoundError as e:
        raise AccountError(f"{path} is gone: rows are lost") from e


def plan_reducers(blocks: Blocks, budget_bytes: int, begin: int = 0, end: int = PARTITIONS) -> list[tuple[int, int]]:
    """Join adjacent partitions up to the memory budget; of one over it, adjacent slots.

    Args:
        begin, end: partitions begin <= p < end alone.
    Returns: (low, high): places low <= place < high.
    """
    size = blocks.totals["length"]
    tasks = []
    for low, high in _joined(size[begin:end], budget_bytes):
        low, high = low + begin, high + begin
        if size[low:high].sum() <= budget_bytes:
            tasks.append((low << SLOT_BITS, high << SLOT_BITS))
        else:  # one partition
            base = low << SLOT_BITS
            tasks += [(base + first, base + after) for first, after in _joined(blocks.slots(low), budget_bytes)]
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


def plan_exchange(index: Any, budget_bytes: int) -> Iterator[tuple[int, int]]:
    """Ranges low <= first < high of the blocks of a group of mappers, each of which fits the memory budget or has one first place."""
    places, at = np.unique(index["first"], return_inverse=True)
    sizes = np.bincount(at, weights=index["length"]).astype(np.int64)
    for low, high in _joined(sizes, budget_bytes):
        yield int(places[low]), int(places[high - 1]) + 1


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


def rows_of(
    blocks: Blocks, low: int, high: int, rows: int, key: str = "key", bits: int = PLACE_BITS, base: int = 0
) -> Iterator[pa.Table]:
    """The rows at places low <= place < high, some blocks at a time.

    Args:
        rows: how many there are in the blocks that have such places. key: their column, `bits` of which, and base, are a place.
    Raises: AccountError if there are more or fewer, or rows are not where their index says.
    """
    found = least = kept = 0
    indexed = list(blocks.entries(low, high))
    for entries in indexed:
        found += int(entries["rows"].sum())
        least += int(entries["rows"][(entries["first"] >= low) & (entries["last"] < high)].sum())
    if found != rows:
        raise AccountError(f"places {low} to {high}: {found} rows came, {rows} were sent")
    for table in blocks.read(indexed):
        places = _places(table[key], bits) + base
        mine = (places >= low) & (places < high)
        if not mine.all():
            table = table.filter(pa.array(mine))
        kept += table.num_rows
        if table.num_rows:
            yield table
    if kept < least:
        raise AccountError(f"places {low} to {high}: {least} rows are indexed, {kept} have such a place")


class Range:
    """The rows of one reduce task.

    Args:
        blocks: the shuffle. low, high: places low <= place < high. budget_bytes: memory for the rows. rows: as for `rows_of`.
    Raises, where rows are read: AccountError if there are more or fewer.
    """

    def __init__(self, blocks: Blocks, low: int, high: int, budget_bytes: int, rows: int) -> None:
        self.blocks, self.low, self.high, self.budget, self.expected = blocks, low, high, budget_bytes, rows
        self._held: list[pa.Table] | None = None
        self.taken = 0
        """How many it has; known once `heavy` is."""

    def _tables(self) -> Iterator[pa.Table]:
        return rows_of(self.blocks, self.low, self.high, self.expected)

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
            self.taken = sum(table.num_rows for table in self._held)
            return np.empty(0, np.uint64)
        self._held = None
        keys, sizes = np.empty(0, np.uint64), np.empty(0, np.int64)
        for table in self._tables():
            self.taken += table.num_rows
            here, counts = np.unique(_u64(table["key"]), return_counts=True)
            row_bytes = max(1, table.nbytes // table.num_rows)
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
        return _sorted(tables, _by_place) if tables else None

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
            self._file.write(batch.slice(start, stop - start), int(s), int(s))

    def close(self) -> dict[str, Any]:
        return self._file.close()


def read_verdicts(blocks: Blocks, shard: int, expected: int, many: bool) -> pa.Table:
    """All verdicts of one shard, sorted by row.

    Raises: AccountError if their number differs from what the reducers wrote, or a document has two
        where it may have one.
    """
    tables = list(blocks.read(blocks.entries(shard, shard + 1)))
    table = pa.concat_tables(tables) if tables else blocks.schema.empty_table()
    if table.num_rows != expected:
        raise AccountError(f"shard {shard}: {table.num_rows} verdicts came back, {expected} were sent")
    row = table["row"].to_numpy()
    order = np.argsort(row, kind="stable")
    if not many and len(np.unique(row)) != len(row):
        raise AccountError(f"shard {shard}: a document got two verdicts")
    return table.take(pa.array(order))
