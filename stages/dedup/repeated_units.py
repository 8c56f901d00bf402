"""Cut out what many documents repeat: the base of dedup_lines and dedup_spans.

A *part* is what is cut (a line, a paragraph, a sentence), a *unit* is what is counted: `span` parts in a row. A document's parts and
the hashes of its units' forms come from the subclass. Units are compared within a *pool*: their bucket and group. Mappers
send how often each unit of a pool occurs, and keep its key, 8 bytes a part; reducers add up, exactly, and tell each shard that has
a unit found too often; `apply` looks the keys up and cuts their parts. So a unit of half the corpus is one row a mapper and one
verdict a shard.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numba import njit

from curation.rules import Bound, judge
from curation.stage import Batch, Columns, GlobalStage, Keyed, Reduced, Types, Verdicts
from curation.text import CLASS_BLOCKS, CLASS_INDEX, Spans, Utf8, load64, mix64, store64, words_of
from stages.dedup.groups import groups_of
from stages.dedup.line_forms import EMPTY, Form, form_of
from stages.heuristics.duplicates import slots_for

EXAMPLES = 10
"""Examples a batch offers; so many are shown of a whole run."""
_I: Any = np.int64
_U: Any = np.uint64


class RepeatedUnits(GlobalStage):
    """Base class; the parameters of a subclass have `form`, `by`, `skip_code` and `min_words_left`."""

    many = True
    of_shard = True
    applies_kept = True
    drops = ("too_little_left",)
    part: ClassVar[str]
    """What a part is called; its plural and `_removed` name a column."""

    @abstractmethod
    def parts_of(self, batch: Batch, params: Any) -> Spans:
        """What can be cut, in order; what stands between two parts separates them."""

    @abstractmethod
    def hashes(self, batch: Batch, parts: Spans, params: Any) -> Any:
        """Hash of the unit that begins with each part, EMPTY where none does or it is to be left alone: uint64 (parts,)."""

    def span(self, params: Any) -> int:
        """Parts in a unit."""
        return 1

    @abstractmethod
    def most(self, params: Any) -> int:
        """How many occurrences a unit may have in a pool; with more it goes."""

    def keeps_first(self, params: Any) -> bool:
        """Whether one copy stays: the first one of the document whose id has the smallest hash."""
        return False

    def bucket(self, batch: Batch, params: Any) -> Any:
        """Bucket of each document: uint64 (n,)."""
        return np.zeros(len(batch), np.uint64)

    def reads(self, params: Any) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("text", "id", *((params.by,) if params.by else ()))))

    def reads_if_there(self, params: Any) -> tuple[str, ...]:
        return ("profile",) if params.skip_code else ()

    def check(self, params: Any, schema: pa.Schema) -> None:
        """Refuse a column that makes no groups.

        Raises: ValueError.
        """
        if params.by and pa.types.is_nested(schema.field(params.by).type):
            raise ValueError(f"by: {params.by} is a {schema.field(params.by).type}; a group is one value")

    def payload(self, params: Any) -> Types:
        return {"count": pa.uint32(), **({"first": pa.uint64()} if self.keeps_first(params) else {})}

    def keeps(self, params: Any) -> Types:
        return {"units": pa.large_binary()}

    def verdict(self, params: Any) -> Types:
        return {"unit": pa.uint64(), "count": pa.int64(), **({"first": pa.uint64()} if self.keeps_first(params) else {})}

    def writes(self, params: Any) -> Types:
        left = pa.field(f"{self.part}_words_left", pa.int32(), nullable=True)
        return {"text": pa.large_string(), f"{self.part}s_removed": pa.int32(), f"{self.part}_chars_removed": pa.int64(), left.name: left}

    def rules(self, params: Any) -> tuple[Bound, ...]:
        return (Bound("too_little_left", f"{self.part}_words_left", least="min_words_left"),)

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """One row per distinct unit and pool of the batch: how often it occurs, and the smallest hash of an id that has it."""
        parts, span = self.parts_of(batch, params), self.span(params)
        sizes = parts.counts()
        batch.count(f"documents of fewer than {span} {self.part}s", ((sizes > 0) & (sizes < span)).sum())
        units = _keys(self.hashes(batch, parts, params), self._pools(batch, params), parts.offsets)
        keys, rows, counts, firsts = _distinct(units, batch.utf8("id").hash(), parts.offsets)
        kept = pa.Array.from_buffers(pa.large_binary(), len(batch), [None, pa.py_buffer(8 * parts.offsets), pa.py_buffer(units)])
        return Keyed(keys, rows, {"count": counts, "first": firsts} if self.keeps_first(params) else {"count": counts}, {"units": kept})

    def combine(self, rows: pa.Table, params: Any, round_: int) -> pa.Table:
        starts = _starts(rows["key"].to_numpy())
        one = rows.take(pa.array(starts))
        if len(one) == len(rows):
            return rows
        columns = {"count": np.add.reduceat(rows["count"].to_numpy(), starts, dtype=np.uint32)}
        if self.keeps_first(params):
            columns["first"] = np.minimum.reduceat(rows["first"].to_numpy(), starts)
        return pa.table({n: columns.get(n, one[n]) for n in rows.column_names})

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced:
        if not rows.num_rows:
            return Reduced()
        keys = rows["key"].to_numpy()
        starts = _starts(keys)
        counts = np.add.reduceat(rows["count"].to_numpy(), starts, dtype=np.int64)
        often = counts > self.most(params)
        sizes = np.diff(starts, append=len(keys))
        told = np.repeat(often, sizes) & _first_of_shard(keys, rows["shard"].to_numpy())
        columns = {"count": np.repeat(counts, sizes)[told]}
        if self.keeps_first(params):
            columns["first"] = np.repeat(np.minimum.reduceat(rows["first"].to_numpy(), starts), sizes)[told]
        return Reduced(verdicts=_verdicts(rows.filter(pa.array(told)), **columns), counted=self._counted(often.sum()))

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        count, first = 0, None
        for rows in chunks():
            count += int(rows["count"].to_numpy().sum(dtype=np.int64))
            if self.keeps_first(params):
                least = rows["first"].to_numpy().min()
                first = least if first is None else min(first, least)
        if count <= self.most(params):
            return
        yield Reduced(counted=self._counted(1))
        columns = {"count": np.int64(count), **({} if first is None else {"first": first})}
        before = -1
        for rows in chunks():
            shards = rows["shard"].to_numpy()
            told = _first_of_shard(rows["key"].to_numpy(), shards) & (shards != before)
            before = int(shards[-1])
            yield Reduced(verdicts=_verdicts(rows.filter(pa.array(told)), **{n: np.repeat(v, told.sum()) for n, v in columns.items()}))

    def _counted(self, units: Any) -> dict[str, int]:
        return {f"distinct {self.part}s found too often": int(units)} if units else {}

    def apply(self, batch: Batch, verdicts: Verdicts, params: Any) -> Columns:
        parts, span, text = self.parts_of(batch, params), self.span(params), batch.utf8()
        units = _kept_keys(verdicts.kept)
        if len(units) != len(parts):
            raise ValueError(f"{len(units)} units were kept of a text of {len(parts)} {self.part}s")
        gone, found = _gone(units, batch.utf8("id").hash(), parts.offsets, span, *self._index(verdicts.table))
        lost = parts.where(gone)
        left, removed, chars, words = text, lost.counts(), np.zeros(len(batch), np.int64), np.zeros(len(batch), np.int64)
        if len(lost):
            left = Utf8(*_without(text.data, text.offsets, parts.starts, parts.ends, parts.offsets, gone))
            chars = lost.sums(lost.chars())
            words = _words_left(left.data, left.offsets, removed, CLASS_INDEX, CLASS_BLOCKS)
            batch.count(f"{self.part}s removed", removed.sum())
            self._show(batch, parts, span, found, np.array(verdicts.table["count"].to_numpy()), params.form)
        columns = {
            "text": left.to_arrow(),
            f"{self.part}s_removed": removed.astype(np.int32),
            f"{self.part}_chars_removed": chars,
            f"{self.part}_words_left": pa.array(words.astype(np.int32), mask=removed == 0),
        }
        return {**columns, "drop_reason": judge(self.rules(params), batch.having(columns, self.writes(params)), params)}

    def warm_up(self, table: pa.Table, params: Any) -> None:
        """Compile the kernels on a small table in which a unit goes."""
        keyed = self.emit(Batch(table), params)
        rows = pa.table({"key": keyed.key, "shard": np.zeros(len(keyed.key), np.uint32), "row": keyed.row, **keyed.columns})
        verdicts = self.reduce(rows.sort_by("key"), params, 0).verdicts
        self.apply(Batch(table), Verdicts(np.full(len(verdicts), -1), verdicts, kept=pa.table(dict(keyed.kept))), params)

    def _pools(self, batch: Batch, params: Any) -> Any:
        """Hash of each document's bucket and group: uint64 (n,)."""
        return _mixed(self.bucket(batch, params), groups_of(batch, params.by))

    _last: tuple[pa.Table, tuple[Any, Any, Any]] | None = None
    """The verdicts of a shard, which all its batches see, and their index."""

    def _index(self, verdicts: pa.Table) -> tuple[Any, Any, Any]:
        """(slots, keys, firsts): a hash table of the units that go; `firsts` is empty where no copy stays."""
        if self._last is None or self._last[0] is not verdicts:
            keys = np.array(verdicts["unit"].to_numpy())  # copied: kernels are compiled for arrays one may write to
            firsts = np.array(verdicts["first"].to_numpy()) if "first" in verdicts.column_names else np.zeros(0, np.uint64)
            self._last = verdicts, (_placed(keys), keys, firsts)
        return self._last[1]

    def _show(self, batch: Batch, parts: Spans, span: int, found: Any, counts: Any, form: Form) -> None:
        """Offer the units that went with the most copies as examples, in their normal form, so that each is shown once."""
        for k in _heaviest(found, counts, EXAMPLES).tolist():
            whole = bytes(parts.text.data[parts.starts[k] : parts.ends[k + span - 1]])
            batch.example(f"removed {self.part}s", int(counts[found[k]]), form_of(whole.decode("utf-8", "replace"), form))


def lines_at(batch: Batch, places: Any) -> Any:
    """The line (`Utf8.lines()`) each place in the text is in: int64 (k,)."""
    return np.searchsorted(batch.utf8().lines().starts, places, "right") - 1


def _starts(keys: Any) -> Any:
    """Where each run of equal keys begins: int64 (k,)."""
    first = np.ones(len(keys), bool)
    first[1:] = keys[1:] != keys[:-1]
    return np.flatnonzero(first)


def _first_of_shard(keys: Any, shards: Any) -> Any:
    """Which of rows sorted by key and shard are the first of both: bool (n,)."""
    first = np.ones(len(keys), bool)
    first[1:] = (keys[1:] != keys[:-1]) | (shards[1:] != shards[:-1])
    return first


def _verdicts(rows: pa.Table, **columns: Any) -> pa.Table:
    return pa.table({"shard": rows["shard"], "row": rows["row"], "unit": rows["key"], **columns})


def _kept_keys(kept: Any) -> Any:
    """Key of each unit, from what was kept of a batch: uint64 (parts,)."""
    keys = Utf8.of(kept["units"])
    return keys.data[keys.offsets[0] : keys.offsets[-1]].view(np.uint64)


@njit(cache=True)
def _keys(hashes: Any, pools: Any, offsets: Any) -> Any:
    """Key of each unit in its pool, EMPTY where there is none: uint64 (parts,)."""
    keys = np.empty(len(hashes), np.uint64)
    for row in range(len(offsets) - 1):
        for k in range(offsets[row], offsets[row + 1]):
            keys[k] = EMPTY if hashes[k] == EMPTY else max(mix64(hashes[k], pools[row]), _U(1))
    return keys


@njit(cache=True)
def _mixed(a: Any, b: Any) -> Any:
    out = np.empty(len(a), np.uint64)
    for k in range(len(a)):
        out[k] = mix64(a[k], b[k])
    return out


@njit(cache=True)
def _slot(key: Any, slots: Any, keys: Any) -> Any:
    """Slot of a key in a hash table whose slots hold 1 + which of `keys`: its own, or the free one where it belongs."""
    mask = _U(len(slots) - 1)
    slot = key & mask
    while slots[_I(slot)] > 0 and keys[slots[_I(slot)] - 1] != key:
        slot = (slot + _U(1)) & mask
    return _I(slot)


@njit(cache=True)
def _distinct(units: Any, ids: Any, offsets: Any) -> Any:
    """Distinct units: keys uint64, a row that has each int64, occurrences uint32, smallest id uint64."""
    slots = np.zeros(slots_for(len(units)), np.int32)
    keys, rows = np.empty(len(units), np.uint64), np.empty(len(units), np.int64)
    counts, firsts = np.zeros(len(units), np.uint32), np.empty(len(units), np.uint64)
    m = 0
    for row in range(len(offsets) - 1):
        for k in range(offsets[row], offsets[row + 1]):
            if units[k] == EMPTY:
                continue
            slot = _slot(units[k], slots, keys)
            at = slots[slot] - 1
            if at < 0:
                slots[slot] = m + 1
                at = m
                keys[m], rows[m], firsts[m] = units[k], row, ids[row]
                m += 1
            counts[at] += 1
            firsts[at] = min(firsts[at], ids[row])
    return keys[:m].copy(), rows[:m].copy(), counts[:m].copy(), firsts[:m].copy()


@njit(cache=True)
def _placed(keys: Any) -> Any:
    """A hash table of distinct keys: in each slot 1 + which key, 0 where it is free."""
    slots = np.zeros(slots_for(len(keys)), np.int32)
    for k in range(len(keys)):
        slots[_slot(keys[k], slots, keys)] = k + 1
    return slots


@njit(cache=True)
def _gone(units: Any, ids: Any, offsets: Any, span: Any, slots: Any, keys: Any, firsts: Any) -> Any:
    """Which parts go, bool (parts,); of each part which key the unit that begins there and goes has, -1 for none, int64 (parts,)."""
    gone, found = np.zeros(len(units), np.bool_), np.full(len(units), -1, np.int64)
    met = np.full(len(firsts), -1, np.int64)  # the row in which the copy that stays was met
    for row in range(len(offsets) - 1):
        for k in range(offsets[row], offsets[row + 1]):
            if units[k] == EMPTY:
                continue
            at = _I(slots[_slot(units[k], slots, keys)]) - 1
            if at < 0:
                continue
            if len(firsts) > 0 and firsts[at] == ids[row] and met[at] != row:
                met[at] = row
                continue
            found[k] = at
            gone[k : k + span] = True
    return gone, found


@njit(cache=True)
def _heaviest(found: Any, counts: Any, most: int) -> Any:
    """Where the `most` distinct units with the greatest counts are found first, the heaviest first: int64 (k,)."""
    places = np.empty(most, np.int64)
    m = 0
    for k in range(len(found)):
        unit = found[k]
        if unit < 0 or (m == most and counts[unit] <= counts[found[places[m - 1]]]):
            continue
        known = False
        for j in range(m):
            known |= found[places[j]] == unit
        if known:
            continue
        m += m < most
        j = m - 1
        while j > 0 and counts[found[places[j - 1]]] < counts[unit]:
            places[j] = places[j - 1]
            j -= 1
        places[j] = k
    return places[:m].copy()


@njit(cache=True, forceinline=True)
def _also(runs: Any, m: Any, start: Any, end: Any) -> Any:
    """Add data[start:end] to the runs of bytes that stay, to the last one if it follows on that. Returns: how many there are."""
    if m > 0 and runs[m - 1, 1] == start:
        runs[m - 1, 1] = end
        return m
    runs[m, 0], runs[m, 1] = start, end
    return m + 1


@njit(cache=True)
def _separated(data: Any, start: Any, end: Any, start2: Any, end2: Any, runs: Any, m: Any) -> Any:
    """Add what separates two parts where some went between them: the longer of the separators at both sides of the gap.

    A lone CR and LF both: the one could run together with what stands before it, the other with what follows.
    """
    if end - start == 1 and end2 - start2 == 1 and data[start] == 13 and data[start2] == 10:
        m = _also(runs, m, start, end)
    elif end - start > end2 - start2:
        return _also(runs, m, start, end)
    return _also(runs, m, start2, end2)


@njit(cache=True)
def _without(data: Any, offsets: Any, starts: Any, ends: Any, part_offsets: Any, gone: Any) -> Any:
    """The text without the parts that go. Returns: bytes and offsets as of `Utf8`.

    What stays is byte for byte the other parts, what stood before the first part and behind the last one, and what separated
    two parts. Nothing is left of a text whose parts all go.
    """
    rows = len(offsets) - 1
    runs = np.empty((2 * rows + 3 * gone.sum(), 2), np.int64)  # a gap makes three of one at most: two separators, and what follows
    new_offsets = np.zeros(rows + 1, np.int64)
    m, whole, size = _I(0), _I(0), _I(0)  # bytes of the first `whole` runs, which grow no more
    for row in range(rows):
        start, end = offsets[row], offsets[row + 1]
        first, last = part_offsets[row], part_offsets[row + 1]
        before = first - 1  # the part that stayed last
        for k in range(first, last):
            if gone[k]:
                continue
            if before == k - 1:
                m = _also(runs, m, start if k == first else ends[before], ends[k])
            else:
                if before < first:
                    m = _also(runs, m, start, starts[first])
                else:
                    m = _separated(data, ends[before], starts[before + 1], ends[k - 1], starts[k], runs, m)
                m = _also(runs, m, starts[k], ends[k])
            before = k
        if before == last - 1:
            m = _also(runs, m, start if first == last else ends[before], end)
        elif before >= first and (ends[last - 1] < end or starts[before] == ends[before]):
            # A blank line is one by its line end alone.
            m = _separated(data, ends[before], starts[before + 1], ends[last - 1], end, runs, m)
        while whole < m - 1:
            size += runs[whole, 1] - runs[whole, 0]
            whole += 1
        new_offsets[row + 1] = size + (runs[whole, 1] - runs[whole, 0] if m > 0 else 0)
    out = np.empty(new_offsets[rows], np.uint8)
    at = _I(0)
    for k in range(m):
        i, end = runs[k, 0], runs[k, 1]
        while i + 8 <= end:
            store64(out, at, load64(data, i))
            i += 8
            at += 8
        while i < end:
            out[at] = data[i]
            i += 1
            at += 1
    return out, new_offsets


@njit(cache=True)
def _words_left(data: Any, offsets: Any, removed: Any, index: Any, blocks: Any) -> Any:
    """Words of the documents that lost a part, 0 of the others: int64 (n,)."""
    words = np.zeros(len(removed), np.int64)
    longest = 0
    for row in range(len(removed)):
        if removed[row] > 0:
            longest = max(longest, offsets[row + 1] - offsets[row])
    starts, ends = np.empty(longest // 2 + 1, np.int64), np.empty(longest // 2 + 1, np.int64)
    for row in range(len(removed)):
        if removed[row] > 0:
            words[row] = words_of(data, offsets[row], offsets[row + 1], starts, ends, _I(0), index, blocks)
    return words
