"""One document of each group of similar ones stays: the base of dedup_minhash and dedup_books.

A subclass says which documents make a pair, and how similar the two of a pair are; the rest is this file's. Among
the pairs compared and found similar the best document survives, its neighbours go, and so on (stages/dedup/greedy.py):
each dropped document is similar to its survivor, which stays.

Rounds: 0 exact twins meet, the best leads; 1 and 2 are the subclass's, documents become pairs; 3 a pair's owner asks for what
was kept of both; 4 they are compared; from 5 on survivors are chosen.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.stage import Batch, Columns, Combined, GlobalStage, Keyed, Reduced, StageParams, Types, Verdicts
from stages.dedup import drop_share, greedy
from stages.dedup.addresses import addresses_of, keys_of
from stages.dedup.drop_share import DropShare
from stages.dedup.preference import order_of, rank_column

MIN_FOUND = 0.5
"""Share of the pairs just similar enough that must be found: parameters that find less are refused (ours)."""
OWNER_BYTES = 32 << 20
"""Sets that are compared with that of one owner at a time, at least (ours): it is not copied for a few of them."""
ASKS = 3
"""The round that asks; the rounds after it are the same for all."""


class PairsParams(StageParams):
    """Parameters that the stages share."""

    prefer: tuple[str, ...] = ("-text_bytes", "-date")
    by: str | None = None
    max_bucket: int = Field(50, ge=2, le=1_000)
    max_drop_share: DropShare = 0.9
    large_cluster: int = Field(1_000, ge=2)
    seed: int = Field(1, ge=0)
    against: tuple[str, ...] = ()

    @property
    def wished(self) -> list[str]:
        """Columns that carry the order of `prefer`."""
        return [f"order_{i}" for i in range(len(self.prefer))]

    @property
    def order(self) -> list[str]:
        """Columns that carry the order in which documents are preferred."""
        return self.wished


class VerifiedPairs(GlobalStage):
    """Base class; a subclass's `emit` calls `keyed`, and its payload has the columns of `twin_types`."""

    many = True
    near: ClassVar[str]
    """Drop reason of a document that goes for a similar one."""

    @abstractmethod
    def checks(self, rows: pa.Table) -> Any:
        """The other half of a twin's key, so that a collision of 64 bits deletes nothing: uint64 (n,)."""

    @abstractmethod
    def key_rows(self, leaders: pa.Table) -> Iterator[pa.Table]:
        """Rows of round 1, in pieces: {key, shard, row, **message} of each document and key it has.

        Args:
            leaders: {shard, row, **payload}.
        """

    @abstractmethod
    def candidates(self, rows: pa.Table, params: Any, round_: int) -> Reduced | Iterator[Reduced]:
        """`reduce` of rounds 1 and 2. What is sent to round 3 is {key: of a pair's owner, shard, row: of the other one}."""

    @abstractmethod
    def stream_candidates(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        """`stream` of rounds 1 and 2."""

    @abstractmethod
    def similarity(self, column: Any, left: Any, right: Any, params: Any) -> Any:
        """Similarity of pairs of rows of the column `set`: float64 (pairs,), NaN where it is not looked at."""

    @abstractmethod
    def similar(self, similarity: Any, params: Any) -> Any:
        """Whether the documents of a pair are so similar that one goes: bool (pairs,)."""

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("text", "id", *(() if params.by is None else (params.by,)))

    def reads_if_there(self, params: Any) -> tuple[str, ...]:
        wished = (name.removeprefix("-") for name in params.prefer)
        return (*(name for name in wished if name != "text_bytes"), *self.writes(params))

    def check(self, params: Any, schema: pa.Schema) -> None:
        """Refuse columns that have no order, or make no groups.

        Raises: ValueError.
        """
        if params.by and pa.types.is_nested(schema.field(params.by).type):
            raise ValueError(f"by: {params.by} is a {schema.field(params.by).type}; a group is one value")
        for name in (wish.removeprefix("-") for wish in params.prefer):
            if name in schema.names and name != "text_bytes":
                rank_column(pa.array([], schema.field(name).type), False)

    def writes(self, params: Any) -> Types:
        return {
            "cluster_id": pa.string(), "cluster_size": pa.field("cluster_size", pa.int64(), nullable=True),
            "duplicate_of": pa.field("duplicate_of", pa.string(), nullable=True),
            "similarity": pa.field("similarity", pa.float32(), nullable=True),
        }  # fmt: skip

    def verdict(self, params: Any) -> Types:
        return greedy.verdict_types()

    def against(self, params: Any) -> tuple[str, ...]:
        return tuple(params.against)

    def follower(self, params: Any) -> Types:
        return {"id": pa.string(), "leader_id": pa.string()}

    def identity(self, params: Any) -> Types:
        """Columns that say who a document is and how it is preferred."""
        return {"id": pa.string(), **dict.fromkeys(params.order, pa.int64())}

    def twin_types(self, params: Any) -> Types:
        """Columns of the payload that round 0 needs."""
        return {"weight": pa.uint32(), **self.identity(params)}

    def message(self, params: Any, round_: int) -> Types:
        if round_ == ASKS:
            return {}
        if round_ == ASKS + 1:
            return {"set": pa.large_binary(), **self.identity(params)}
        return greedy.edge_types(params.order)

    def keyed(self, key: Any, there: Any, columns: dict[str, Any]) -> Keyed:
        """Rows of the documents that are `there`: those with a shingle."""
        columns = {"weight": pa.array(np.ones(len(key), np.uint32)), **columns}
        rows = np.flatnonzero(there)
        if len(rows) == len(key):
            return Keyed(key, rows, columns)
        return Keyed(key[rows], rows, {name: column.take(pa.array(rows)) for name, column in columns.items()})

    def combine(self, rows: pa.Table, params: Any, round_: int) -> pa.Table | Combined:
        """Twins of one shard: the best in the order leads, the others follow it."""
        if round_ > 0:
            return rows
        leader = self._leaders(rows, params)
        first = np.flatnonzero(leader == np.arange(len(leader)))
        if len(first) == len(leader):
            return rows
        weight = np.bincount(leader, weights=rows["weight"].to_numpy(), minlength=len(leader)).astype(np.uint32)
        at = rows.column_names.index("weight")
        led = rows.set_column(at, "weight", pa.array(weight)).take(pa.array(first))
        behind = np.flatnonzero(leader != np.arange(len(leader)))
        followers, leaders = rows.take(pa.array(behind)), rows.take(pa.array(leader[behind]))
        named = {"row": followers["row"], "leader": leaders["row"], "id": followers["id"], "leader_id": leaders["id"]}
        return Combined(led, pa.table(named))

    def follow(self, followers: pa.Table, leaders: pa.Table, params: Any) -> pa.Table:
        near = pc.fill_null(pc.equal(leaders["drop_reason"], self.near), False)
        goes = pc.is_valid(leaders["drop_reason"])
        survivors = pc.if_else(goes, leaders["duplicate_of"], followers["leader_id"])
        reasons = pc.if_else(near, self.near, greedy.twin_reasons(followers["id"], survivors))
        similarity = pc.if_else(goes, leaders["similarity"], pa.scalar(1, pa.float32()))
        add = pa.array(np.zeros(followers.num_rows, np.int64))
        return pa.table({"row": followers["row"], "drop_reason": reasons, "duplicate_of": survivors, "similarity": similarity, "add": add})

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced | Iterator[Reduced]:
        if round_ == 0:
            return self._twins(rows, params)
        if round_ < ASKS:
            return self.candidates(rows, params, round_)
        if round_ == ASKS:
            return self._ask(rows)
        return self._verify(rows, params) if round_ == ASKS + 1 else greedy.resolve(rows, params.order, self.near)

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        if round_ == 0:
            yield from self._many_twins(chunks, params)
        elif round_ < ASKS:
            yield from self.stream_candidates(chunks, params, round_)
        elif round_ == ASKS:  # 16 bytes a pair
            rows = pa.concat_tables(list(chunks()))
            yield self._ask(rows.take(pa.array(np.argsort(keys_of(rows["shard"].to_numpy(), rows["row"].to_numpy())))))
        elif round_ == ASKS + 1:
            yield from self._verify_owner(chunks, params)
        else:
            yield from greedy.resolve_one(chunks, params.order, self.near)

    # Round 0: exact twins

    def _twins(self, rows: pa.Table, params: Any) -> Iterator[Reduced]:
        leader = self._leaders(rows, params)
        weight = np.bincount(leader, weights=rows["weight"].to_numpy(), minlength=len(leader))
        crowd = pa.array(np.flatnonzero(weight[leader] > 1))
        members = greedy.members(rows.take(crowd), rows.take(pa.array(leader)).take(crowd), params.order)
        yield Reduced(again={ASKS + 2: members})
        for keyed in self.key_rows(rows.take(pa.array(np.flatnonzero(leader == np.arange(len(leader)))))):
            yield Reduced(again={1: keyed})

    def _many_twins(self, chunks: Callable[[], Iterator[pa.Table]], params: Any) -> Iterator[Reduced]:
        best: pa.Table | None = None
        for chunk in chunks():
            rows = chunk if best is None else pa.concat_tables([best, chunk])
            best = rows.take(pa.array(np.unique(self._leaders(rows, params))))
        if best is None:
            return
        checks = self.checks(best)
        order = np.argsort(checks)
        for keyed in self.key_rows(best):
            yield Reduced(again={1: keyed})
        for chunk in chunks():
            leader = order[np.searchsorted(checks[order], self.checks(chunk))]
            yield Reduced(again={ASKS + 2: greedy.members(chunk, best.take(pa.array(leader)), params.order)})

    def _leaders(self, rows: pa.Table, params: Any) -> Any:
        """Index of the first in the order among the twins of each row, itself if there are none: int64 (n,); rows are sorted by key."""
        key = rows["key"].to_numpy()
        leader = np.arange(len(key))
        equal = np.zeros(len(key) + 1, dtype=bool)
        equal[1:-1] = key[1:] == key[:-1]
        crowded = np.flatnonzero(equal[1:] | equal[:-1])
        if len(crowded):
            some = rows.take(pa.array(crowded))
            some = some.append_column("_check", pa.array(self.checks(some)))
            ranked = order_of(some, ["key", "_check"], params.order)
            keys, checks = some["key"].to_numpy()[ranked], some["_check"].to_numpy()[ranked]
            first = np.r_[True, (keys[1:] != keys[:-1]) | (checks[1:] != checks[:-1])]
            leader[crowded[ranked]] = crowded[ranked[np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))]]
        return leader

    # Rounds 3 and 4: pairs

    def _ask(self, rows: pa.Table) -> Reduced:
        """A pair found in several bands is one; the owner's own set is asked for too.

        Args:
            rows: equal ones stand side by side, and those of one key.
        """
        key, other = rows["key"].to_numpy(), keys_of(rows["shard"].to_numpy(), rows["row"].to_numpy())
        first = np.r_[True, key[1:] != key[:-1]]
        pairs = np.flatnonzero(first | np.r_[True, other[1:] != other[:-1]])
        owners = key[first]
        shard, row = addresses_of(np.r_[other[pairs], owners])
        ask = pa.table({"key": np.r_[key[pairs], owners], "shard": shard, "row": row})
        return Reduced(ask=ask, counted={"pairs compared": len(pairs)})

    def recall(self, kept: pa.Table, asks: pa.Table, params: Any, round_: int) -> pa.Table:
        names = list(self.message(params, round_))
        columns = {name: kept[name] for name in names}
        return pa.table({"key": asks["key"], "shard": asks["shard"], "row": asks["row"], **columns})

    def _verify(self, rows: pa.Table, params: Any) -> Reduced:
        """Compare each owner with its partners: edges between those that are similar enough."""
        key, place = rows["key"].to_numpy(), keys_of(rows["shard"].to_numpy(), rows["row"].to_numpy())
        owns = place == key
        owners = np.flatnonzero(owns)
        right = np.flatnonzero(~owns)
        left = owners[np.searchsorted(key[owners], key[right])]
        similarity = self.similarity(rows["set"], left, right, params)
        near = np.flatnonzero(self.similar(similarity, params))
        left, right, similarity = left[near], right[near], similarity[near].astype(np.float32)
        rank = np.empty(len(key), np.int64)
        bare = rows.drop_columns(["set"])
        rank[order_of(bare, [], params.order)] = np.arange(len(key))
        first = rank[left] < rank[right]
        better, worse = (bare.take(pa.array(np.where(first, *sides))) for sides in ((left, right), (right, left)))
        edges = greedy.edges(better, worse, pa.array(similarity, mask=np.isnan(similarity)), params.order)
        return Reduced(again={1: edges}, counted={"pairs similar": len(near)})

    def _verify_owner(self, chunks: Callable[[], Iterator[pa.Table]], params: Any) -> Iterator[Reduced]:
        def owns(chunk: pa.Table) -> Any:
            return pa.array(keys_of(chunk["shard"].to_numpy(), chunk["row"].to_numpy()) == chunk["key"].to_numpy())

        owner = pa.concat_tables([chunk.filter(owns(chunk)) for chunk in chunks()])
        others: list[pa.Table] = []
        held, enough = 0, max(owner.nbytes, OWNER_BYTES)
        for chunk in chunks():
            others.append(chunk.filter(pc.invert(owns(chunk))))
            held += others[-1].nbytes
            if held > enough:
                yield self._verify(pa.concat_tables([owner, *others]), params)
                others, held = [], 0
        if any(table.num_rows for table in others):
            yield self._verify(pa.concat_tables([owner, *others]), params)

    def apply(self, batch: Batch, verdicts: Verdicts, params: Any) -> Columns:
        n, table = len(batch), verdicts.table
        goes = pc.is_valid(table["drop_reason"]).to_numpy(zero_copy_only=False)
        lost = Verdicts(verdicts.rows[goes], table.filter(pa.array(goes)))
        columns = {name: lost.aligned(name, n) for name in ("drop_reason", "duplicate_of", "similarity")}
        behind = np.bincount(verdicts.rows[~goes], weights=table["add"].to_numpy()[~goes], minlength=n)
        size = 1 + behind.astype(np.int64)
        kept = columns["drop_reason"].is_null().to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(kept & (size >= params.large_cluster)).tolist():
            url = batch["url"][row].as_py() if "url" in batch else None
            batch.example("large cluster", int(size[row]), url or batch["id"][row].as_py())
        ids = batch["id"].cast(pa.string())
        return {**columns, "cluster_id": pc.coalesce(columns["duplicate_of"], ids), "cluster_size": pa.array(size, mask=~kept)}

    def judge(self, documents: int, dropped: Mapping[str, int], params: Any) -> str | None:
        return drop_share.judge(documents, dropped, params.max_drop_share)


def identities(batch: Batch, params: Any) -> dict[str, Any]:
    """Columns `id` and those of `prefer`."""
    columns = {"id": batch["id"].cast(pa.string())}
    for name, wish in zip(params.wished, params.prefer, strict=True):
        column = wish.removeprefix("-")
        if column == "text_bytes":
            values = pa.array(batch.utf8().bytes_per_row())
        else:
            values = batch[column] if column in batch else pa.nulls(len(batch))
        columns[name] = pa.array(rank_column(values, wish.startswith("-")))
    return columns
