"""One document of each key stays: the base of dedup_urls and dedup_exact.

Rows with one key (and one `check`, the other half of a 128-bit key, so that a collision of 64 bits
deletes nothing) compete in a total order: the stage's own columns first, then id, shard, and row. The
first stays; each of the others gets a verdict. Verdicts depend on the documents alone, not on the
order in which they were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.stage import GlobalStage, Reduced, Types

CHECK = "check"


class KeepOne(GlobalStage):
    """Base class; a subclass has `id` and `check` (uint64) in its payload and says `order` and `reason`."""

    reason: ClassVar[str]
    """Drop reason of a document whose survivor is another record."""
    same_record: ClassVar[str] = "duplicate_record"
    """Drop reason of a document whose survivor has the same id."""

    def order(self, params: Any) -> list[tuple[str, str]]:
        """Payload columns and "ascending" or "descending", best first; nulls are last in both."""
        raise NotImplementedError

    def writes(self, params: Any) -> Types:
        return {}

    def ranked(self, rows: pa.Table, params: Any) -> pa.Table:
        """Rows sorted by key and check, within them best first."""
        by = [("key", "ascending"), (CHECK, "ascending"), *self.order(params)]
        by += [("id", "ascending"), ("shard", "ascending"), ("row", "ascending")]
        return rows.take(pc.sort_indices(rows, sort_keys=by))

    def lost(self, losers: pa.Table, survivor_ids: Any, params: Any) -> pa.Table:
        """Verdicts on documents that did not survive.

        Args:
            losers: their rows. survivor_ids: string array of as many ids.
        """
        same = pc.fill_null(pc.equal(losers.column("id"), survivor_ids), False)
        values: dict[str, Any] = {"drop_reason": pc.if_else(same, self.same_record, self.reason)}
        if "duplicate_of" in self.verdict(params):
            values["duplicate_of"] = survivor_ids
        return pa.table({"shard": losers.column("shard"), "row": losers.column("row"), **values})

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced:
        key = rows.column("key").to_numpy()
        equal = np.zeros(len(key) + 1, dtype=bool)
        equal[1:-1] = key[1:] == key[:-1]
        crowded = np.flatnonzero(equal[1:] | equal[:-1])  # most keys have one row and need no order
        if not len(crowded):
            return Reduced()
        ranked = self.ranked(rows.take(pa.array(crowded)), params)
        first = _first_of_each(ranked)
        survivor = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
        lost = np.flatnonzero(~first)
        if not len(lost):
            return Reduced()
        ids = ranked.column("id").combine_chunks().take(pa.array(survivor[lost]))
        return Reduced(verdicts=self.lost(ranked.take(pa.array(lost)), ids, params))

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        best: pa.Table | None = None
        for chunk in chunks():
            rows = chunk if best is None else pa.concat_tables([best, chunk])
            ranked = self.ranked(rows, params)
            best = ranked.take(pa.array(np.flatnonzero(_first_of_each(ranked))))
        if best is None:
            return
        checks = best.column(CHECK).to_numpy()
        shards, places = best.column("shard").to_numpy(), best.column("row").to_numpy()
        ids = best.column("id").combine_chunks()
        for chunk in chunks():
            survivor = np.searchsorted(checks, chunk.column(CHECK).to_numpy())
            won = (chunk.column("shard").to_numpy() == shards[survivor]) & (chunk.column("row").to_numpy() == places[survivor])
            lost = np.flatnonzero(~won)
            if len(lost):
                theirs = ids.take(pa.array(survivor[lost]))
                yield Reduced(verdicts=self.lost(chunk.take(pa.array(lost)), theirs, params))


def _first_of_each(ranked: pa.Table) -> Any:
    """Which rows of a ranked table begin a group of equal (key, check): bool (n,)."""
    key, check = ranked.column("key").to_numpy(), ranked.column(CHECK).to_numpy()
    first = np.ones(len(key), dtype=bool)
    first[1:] = (key[1:] != key[:-1]) | (check[1:] != check[:-1])
    return first
