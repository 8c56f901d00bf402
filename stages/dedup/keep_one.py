"""One document of each key stays: the base of dedup_urls and dedup_exact.

Rows with one key (and one `check`, the other half of a 128-bit key, so that a collision of 64 bits
deletes nothing) compete in a total order: the stage's own columns first, then id, shard, and row. The
first stays; each of the others gets a verdict. Verdicts depend on the documents alone, not on the
order in which they were read.

The competition is held twice: each mapper sends its best row of a key, and its others follow that one,
so that a page which fills a third of the corpus is a few rows a mapper to whoever reduces its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from curation import documents
from curation.documents import id_pairs, id_strings
from curation.stage import Batch, Combined, GlobalStage, Keyed, Reduced, StageParams, Types
from curation.text import mix64
from stages.dedup import drop_share
from stages.dedup.drop_share import DropShare
from stages.dedup.preference import rank_column

CHECK = "check"
ID = ("id_high", "id_low")
LEADER = ("leader_high", "leader_low")


class KeepOneParams(StageParams):
    """Parameters that the stages share."""

    against: tuple[str, ...] = ()
    max_drop_share: DropShare = 0.9


class KeepOne(GlobalStage):
    """Base class; a subclass says `reads`, `ranking` and `reason`, and its `emit` calls `keyed`."""

    reason: ClassVar[str]
    """Drop reason of a document whose survivor is another record."""
    same_record: ClassVar[str] = "duplicate_record"
    """Drop reason of a document whose survivor has the same id."""

    def ranking(self, params: Any) -> Mapping[str, bool]:
        """Columns that decide who stays, the first of them first: name -> whether larger is better. Nulls are last."""
        raise NotImplementedError

    def reads_if_there(self, params: Any) -> tuple[str, ...]:
        return tuple(self.writes(params))  # a document that is left has no twin yet

    def writes(self, params: Any) -> Types:
        return {"duplicate_of": pa.field("duplicate_of", pa.string(), nullable=True)}

    def verdict(self, params: Any) -> Types:
        return {"drop_reason": pa.string(), "duplicate_of": pa.string()}

    def against(self, params: Any) -> tuple[str, ...]:
        against: tuple[str, ...] = params.against
        return against

    def payload(self, params: Any) -> Types:
        return {CHECK: pa.uint64(), **dict.fromkeys(self.ranking(params), pa.int64()), **dict.fromkeys(ID, pa.uint64())}

    def follower(self, params: Any) -> Types:
        return dict.fromkeys((*ID, *LEADER), pa.uint64())

    def keyed(self, batch: Batch, key: Any, check: Any, alone: Any, params: Any) -> Keyed:
        """One row per document.

        Args:
            key, check: halves of a 128-bit hash of what makes documents equal, uint64 (n,); changed in place.
            alone: bool (n,), documents that have nothing to compare but their id.
        """
        ids = id_pairs(batch["id"])
        key[alone], check[alone] = _own_keys(ids[alone])
        ranks = {name: rank_column(batch[name], larger) for name, larger in self.ranking(params).items()}
        columns = {CHECK: check, **ranks, **dict(zip(ID, ids.T, strict=True))}
        return Keyed(key, np.arange(len(batch), dtype=np.int64), columns)

    def combine(self, rows: pa.Table, params: Any, round_: int) -> Combined:
        lost, survivors = self._lost(rows, params)
        mine, leaders = rows.select(["row", *ID]).take(pa.array(lost)), rows.select(["row", *ID]).take(pa.array(survivors))
        followers = pa.table([*mine.columns, *leaders.columns], names=["row", *ID, "leader", *LEADER])
        return Combined(_without(rows, lost), followers)

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced:
        lost, survivors = self._lost(rows, params)
        return Reduced(verdicts=self._verdicts(rows.take(pa.array(lost)), ("shard", "row"), _ids(rows.take(pa.array(survivors)))))

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        best: pa.Table | None = None
        for chunk in chunks():
            rows = chunk if best is None else pa.concat_tables([best, chunk])
            best = _without(rows, self._lost(rows, params)[0])
        if best is None:
            return
        best = best.sort_by(CHECK)
        checks, shards, places = (best[name].to_numpy() for name in (CHECK, "shard", "row"))
        ids = _ids(best)
        for chunk in chunks():
            survivors = np.searchsorted(checks, chunk[CHECK].to_numpy())
            lost = (chunk["shard"].to_numpy() != shards[survivors]) | (chunk["row"].to_numpy() != places[survivors])
            theirs = ids.take(pa.array(survivors[lost]))
            yield Reduced(verdicts=self._verdicts(chunk.filter(pa.array(lost)), ("shard", "row"), theirs))

    def follow(self, followers: pa.Table, leaders: pa.Table, params: Any) -> pa.Table:
        return self._verdicts(followers, ("row",), pc.coalesce(leaders["duplicate_of"], _ids(followers, LEADER)))

    def judge(self, documents: int, dropped: Mapping[str, int], params: Any) -> str | None:
        return drop_share.judge(documents, dropped, params.max_drop_share)

    def _lost(self, rows: pa.Table, params: Any) -> tuple[Any, Any]:
        """Which rows do not survive, and for each of them which one does: two int64 (k,).

        Args:
            rows: sorted by key, in the order of shard and row within it.
        """
        key = rows["key"].to_numpy()
        equal = np.zeros(len(key) + 1, dtype=bool)
        equal[1:-1] = key[1:] == key[:-1]
        crowded = np.flatnonzero(equal[1:] | equal[:-1])  # most keys have one row and need no order
        columns = [rows[name].to_numpy()[crowded] for name in ("key", CHECK, *self.ranking(params), *ID)]
        order = np.lexsort(columns[::-1])  # stable, so that the first shard and row win where ids are equal
        key, check = columns[0][order], columns[1][order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (key[1:] != key[:-1]) | (check[1:] != check[:-1])
        survivors = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
        return crowded[order[~first]], crowded[order[survivors[~first]]]

    def _verdicts(self, losers: pa.Table, places: tuple[str, ...], survivors: Any) -> pa.Table:
        """Verdicts on documents, given the ids of their survivors; `places` are the columns that say where they are."""
        reasons = pc.if_else(pc.equal(_ids(losers), survivors), self.same_record, self.reason)
        return pa.table({**{name: losers[name] for name in places}, "drop_reason": reasons, "duplicate_of": survivors})


def _ids(rows: pa.Table, halves: tuple[str, str] = ID) -> Any:
    """Ids as strings, of the columns that hold their halves."""
    return id_strings(np.stack([rows[name].to_numpy() for name in halves], axis=1))


def _without(rows: pa.Table, lost: Any) -> pa.Table:
    """The table without some of its rows."""
    kept = np.ones(rows.num_rows, dtype=bool)
    kept[lost] = False
    return rows if not len(lost) else rows.filter(pa.array(kept))


@njit(cache=True)
def _own_keys(ids: Any) -> Any:
    """Keys of documents that are compared by id alone: two uint64 (n,) of uint64 (n, 2)."""
    key, check = np.empty(len(ids), np.uint64), np.empty(len(ids), np.uint64)
    for i in range(len(ids)):
        key[i], check[i] = mix64(ids[i, 0], ids[i, 1]), mix64(ids[i, 1], ids[i, 0])
    return key, check


def warm_up() -> None:
    """Compile (or load from the cache) the kernel of this file and those it calls."""
    documents.warm_up()
    _own_keys(id_pairs(pa.array(["0" * 32])))
