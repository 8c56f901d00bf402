"""Keep one document of each group of near duplicates.

Source:  MinHash (Broder 1997) as Llama 3, section 3.1.1, names it, "global MinHash". Presets: fineweb = 14 bands x
         8 rows of 5-word shingles (FineWeb); refinedweb = 450 x 20 of 5 words (RefinedWeb); gopher = 13-word
         shingles at Jaccard 0.8 (Gopher; bands and rows ours). Llama 3 gives no numbers. Verification and the
         greedy rule are ours.
Units:   similarity = Jaccard similarity of a dropped document's shingle set to its survivor's (1 for exact
         twins; with `verify: none` null); duplicate_of = id of the survivor; cluster_id = id of the survivor, of a kept
         document its own; cluster_size = documents a kept one stands for, itself included, null for a dropped one.
         See stages/dedup/shingles.py for what a shingle is.
Params:  preset -- fineweb (default), refinedweb or gopher: shingle, bands, rows_per_band and min_jaccard.
         unit -- word (default) or char. shingle -- units in a shingle.
         bands, rows_per_band -- documents that agree in all rows of a band are compared.
         min_jaccard -- similarity from which a document goes (ours).
         verify -- jaccard (default: of the shingle sets), signature (share of equal hash values), none (all
             documents compared are taken to be similar).
         short -- what of a document of fewer words than a shingle: keep (default; counted), exact (all its words
             are its one shingle).
         prefer -- which of two documents survives: columns in order, `-` for larger first; text_bytes is
             computed; nulls come last, a column that is not there is left out. Ties go to the smallest id.
         by -- column (lang, crawl ...) within whose values documents are compared; null = all.
         max_bucket -- documents sharing a band of which all pairs are compared; of more, each with the best few of
             its part of the bucket (ours).
         max_drop_share -- the run stops if more than that goes, of at least 1,000 documents; above 0.5 it says so (ours).
         large_cluster -- a cluster from that size on is shown as an example (ours).
         seed -- draws the hash functions.
         against -- folders `states/STEP` of earlier runs with the same parameters: the documents these left compete
             without their text being read, and those that lose are listed in `superseded/`. So it is one run over
             what was left of the old crawl and the new one.
Drops:   near_duplicate; exact_duplicate: the same shingles in the same order as its survivor, or duplicate_record
         where that is the same record (the same id) met again.
Errors:  parameters that find less than half of the pairs at min_jaccard are refused.

Among the pairs compared and found similar the best document survives, its neighbours go, and so on
(stages/dedup/greedy.py): each dropped document is similar to its survivor, which stays.

Rounds: 0 exact twins meet, the best leads; 1 documents meet in the buckets of their bands and make pairs;
2 the same for buckets over max_bucket; 3 a pair's owner asks for the shingles of both; 4 they are
compared; from 5 on survivors are chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from pydantic import Field, model_validator

from curation.stage import Batch, Columns, Combined, GlobalStage, Keyed, Reduced, StageParams, Types, Verdicts
from curation.text import UNICODE_VERSION, Utf8
from stages.dedup import drop_share, greedy
from stages.dedup.addresses import addresses_of, keys_of
from stages.dedup.drop_share import DropShare
from stages.dedup.groups import groups_of
from stages.dedup.preference import order_of, rank_column
from stages.dedup.shingles import NO_SHINGLE, Shingles, agreement, band_keys, jaccard, minhash, shingles

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fineweb": {},
    "refinedweb": {"bands": 450, "rows_per_band": 20, "min_jaccard": 0.8},
    "gopher": {"shingle": 13, "min_jaccard": 0.8},
}
HUBS = 8
"""Documents of an overfull bucket with which every other one of its part is compared: the best (ours)."""
PART_DOCUMENTS = 100_000
"""Documents of such a part, about: what one hub can be asked to be compared with (ours)."""
PAIRS = 1 << 20
"""Pairs made at once: a reducer's buckets may hold a thousand times as many bytes of pairs as of rows."""
MIN_FOUND = 0.5


class Params(StageParams):
    """Parameters of dedup_minhash; see the file's docstring."""

    preset: Literal["fineweb", "refinedweb", "gopher"] = "fineweb"
    unit: Literal["word", "char"] = "word"
    shingle: int = Field(5, ge=1)
    bands: int = Field(14, ge=1)
    rows_per_band: int = Field(8, ge=1)
    min_jaccard: float = Field(0.7, gt=0, le=1)
    verify: Literal["jaccard", "signature", "none"] = "jaccard"
    short: Literal["keep", "exact"] = "keep"
    prefer: tuple[str, ...] = ("-text_bytes", "-date")
    by: str | None = None
    max_bucket: int = Field(50, ge=2, le=1_000)
    max_drop_share: DropShare = 0.9
    large_cluster: int = Field(1_000, ge=2)
    seed: int = Field(1, ge=0)
    against: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_preset(cls, values: Any) -> Any:
        return {**PRESETS.get(values.get("preset", "fineweb"), {}), **values}

    @model_validator(mode="after")
    def _pairs_can_be_found(self) -> Params:
        found = found_share(self.min_jaccard, self.bands, self.rows_per_band)
        if found < MIN_FOUND:
            raise ValueError(
                f"{self.bands} bands x {self.rows_per_band} rows find {found:.1%} of the pairs at min_jaccard {self.min_jaccard:g}: "
                "take more bands or fewer rows_per_band"
            )
        return self

    @model_validator(mode="after")
    def _earlier_runs_kept_enough(self) -> Params:
        if self.against and self.verify == "none":
            raise ValueError("against needs verify: jaccard or signature; with none nothing of a document is kept")
        return self

    @property
    def order(self) -> list[str]:
        """Columns that carry the order of `prefer`."""
        return [f"order_{i}" for i in range(len(self.prefer))]


def found_share(similarity: float, bands: int, rows_per_band: int) -> float:
    """Probability that documents so similar share a band: 1 - (1 - s ** rows) ** bands."""
    return float(-np.expm1(bands * np.log1p(-(min(similarity, 1 - 1e-12) ** rows_per_band))))


class DedupMinhash(GlobalStage):
    """Global stage `dedup_minhash`."""

    name = "dedup_minhash"
    version = f"1 unicode {UNICODE_VERSION}"
    Params = Params
    many = True
    drops = (greedy.NEAR, greedy.EXACT, greedy.SAME)

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

    def payload(self, params: Any) -> Types:
        return {"bands": pa.binary(8 * params.bands), "weight": pa.uint32(), **self._identity(params)}

    def keeps(self, params: Any) -> Types:
        return {"set": pa.large_binary(), "group": pa.uint64(), "key": pa.uint64(), **self._identity(params)}

    def against(self, params: Any) -> tuple[str, ...]:
        return tuple(params.against)

    def state(self, params: Any) -> Mapping[str, Any] | None:
        if params.verify == "none":
            return None
        alike = ("unit", "shingle", "bands", "rows_per_band", "verify", "short", "by", "seed")
        return {**{name: getattr(params, name) for name in alike}, "prefer": list(params.prefer)}

    def follower(self, params: Any) -> Types:
        return {"id": pa.string(), "leader_id": pa.string()}

    def message(self, params: Any, round_: int) -> Types:
        if round_ in (1, 3):
            return {}
        if round_ == 2:
            return self._identity(params)
        if round_ == 4:
            return {"set": pa.large_binary(), **self._identity(params)}
        return greedy.edge_types(params.order)

    def _identity(self, params: Any) -> Types:
        return {"id": pa.string(), **dict.fromkeys(params.order, pa.int64())}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """One row per document with a shingle: key is the hash of its shingles, the keys of its bands travel along."""
        sets = shingles(batch.utf8(), params.unit, params.shingle, params.short == "exact")
        groups = groups_of(batch, params.by)
        signatures = minhash(sets, params.bands * params.rows_per_band, params.seed)
        batch.count("too short for a shingle", int((sets.counts() == 0).sum()))
        identity = {"id": batch["id"].cast(pa.string()), **_order(batch, params)}
        if params.verify == "jaccard":
            kept = sets.to_arrow()
        elif params.verify == "signature":
            kept = Shingles(signatures.ravel(), np.arange(len(batch) + 1) * signatures.shape[1]).to_arrow()
        else:
            kept = pa.array([b""] * len(batch), pa.large_binary())
        key = sets.hash()  # twins of two groups differ in their bands
        keyed = self._keyed(key, groups, signatures, sets.counts() > 0, identity, params)
        return replace(keyed, kept={"set": kept, "group": groups, "key": key, **identity})

    def emit_kept(self, kept: pa.Table, params: Any) -> Keyed:
        sets = Shingles.of_arrow(kept["set"])
        num_hashes = params.bands * params.rows_per_band
        if params.verify == "jaccard":
            signatures, there = minhash(sets, num_hashes, params.seed), sets.counts() > 0
        else:
            signatures = sets.values.reshape(-1, num_hashes)
            there = (signatures != NO_SHINGLE).any(axis=1)
        identity = {name: kept[name].combine_chunks() for name in self._identity(params)}
        return self._keyed(kept["key"].to_numpy(), kept["group"].to_numpy(), signatures, there, identity, params)

    def _keyed(self, key: Any, groups: Any, signatures: Any, there: Any, identity: dict[str, Any], params: Any) -> Keyed:
        """Rows of the documents that are `there`: those with a shingle."""
        columns = {
            "bands": _binary(band_keys(signatures, params.bands, groups)),
            "weight": pa.array(np.ones(len(key), np.uint32)),
            **identity,
        }
        rows = np.flatnonzero(there)
        if len(rows) == len(key):
            return Keyed(key, rows, columns)
        return Keyed(key[rows], rows, {name: column.take(pa.array(rows)) for name, column in columns.items()})

    def combine(self, rows: pa.Table, params: Any, round_: int) -> pa.Table | Combined:
        """Twins of one shard: the best in the order leads, the others follow it."""
        if round_ > 0:
            return rows
        leader = _leaders(rows, params)
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
        near = pc.fill_null(pc.equal(leaders["drop_reason"], greedy.NEAR), False)
        goes = pc.is_valid(leaders["drop_reason"])
        survivors = pc.if_else(goes, leaders["duplicate_of"], followers["leader_id"])
        reasons = pc.if_else(near, greedy.NEAR, greedy.twin_reasons(followers["id"], survivors))
        similarity = pc.if_else(goes, leaders["similarity"], pa.scalar(1, pa.float32()))
        add = pa.array(np.zeros(followers.num_rows, np.int64))
        return pa.table({"row": followers["row"], "drop_reason": reasons, "duplicate_of": survivors, "similarity": similarity, "add": add})

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced | Iterator[Reduced]:
        if round_ == 0:
            return self._twins(rows, params)
        if round_ == 1:
            return self._buckets(rows, params)
        if round_ == 2:
            return self._hubs(rows, params)
        if round_ == 3:
            return self._ask(rows)
        return self._verify(rows, params) if round_ == 4 else greedy.resolve(rows, params.order)

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        if round_ == 0:
            yield from self._many_twins(chunks, params)
        elif round_ == 1:
            yield from self._full_bucket(chunks, params)
        elif round_ == 2:
            yield from self._hubs_of_parts(chunks, params)
        elif round_ == 3:  # at most `bands` times `max_bucket` pairs
            yield self._ask(pa.concat_tables(list(chunks())))
        elif round_ == 4:
            yield from self._verify_owner(chunks, params)
        else:
            yield from greedy.resolve_one(chunks, params.order)

    # Round 0: exact twins

    def _twins(self, rows: pa.Table, params: Any) -> Reduced:
        leader = _leaders(rows, params)
        weight = np.bincount(leader, weights=rows["weight"].to_numpy(), minlength=len(leader))
        crowd = pa.array(np.flatnonzero(weight[leader] > 1))
        members = greedy.members(rows.take(crowd), rows.take(pa.array(leader)).take(crowd), params.order)
        return Reduced(again={1: _band_rows(rows.take(pa.array(np.flatnonzero(leader == np.arange(len(leader)))))), 5: members})

    def _many_twins(self, chunks: Callable[[], Iterator[pa.Table]], params: Any) -> Iterator[Reduced]:
        best: pa.Table | None = None
        for chunk in chunks():
            rows = chunk if best is None else pa.concat_tables([best, chunk])
            best = rows.take(pa.array(np.unique(_leaders(rows, params))))
        if best is None:
            return
        checks = _first_bands(best)
        order = np.argsort(checks)
        yield Reduced(again={1: _band_rows(best)})
        for chunk in chunks():
            leader = order[np.searchsorted(checks[order], _first_bands(chunk))]
            yield Reduced(again={5: greedy.members(chunk, best.take(pa.array(leader)), params.order)})

    # Round 1: buckets

    def _buckets(self, rows: pa.Table, params: Any) -> Iterator[Reduced]:
        key = rows["key"].to_numpy()
        starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
        sizes = np.diff(np.r_[starts, len(key)])
        full = sizes > params.max_bucket
        if full.any():
            ask = rows.filter(pa.array(np.repeat(full, sizes))).select(["key", "shard", "row"])
            yield Reduced(ask=ask, counted={"buckets over max_bucket": int(full.sum()), "documents in them": ask.num_rows})
        small = np.flatnonzero((sizes > 1) & ~full)
        pieces = np.cumsum(sizes[small] * (sizes[small] - 1) // 2) // PAIRS
        for piece in np.split(small, np.flatnonzero(np.diff(pieces)) + 1):
            left, right = _pairs(starts[piece], sizes[piece])
            yield Reduced(again={2: _owned(rows.take(pa.array(left)), rows.take(pa.array(right)))})

    def _full_bucket(self, chunks: Callable[[], Iterator[pa.Table]], params: Any) -> Iterator[Reduced]:
        n = sum(chunk.num_rows for chunk in chunks())
        if n <= params.max_bucket:
            yield from self._buckets(pa.concat_tables(list(chunks())), params)
            return
        yield Reduced(counted={"buckets over max_bucket": 1, "documents in them": n})
        for chunk in chunks():
            yield Reduced(ask=chunk.select(["key", "shard", "row"]))

    # Round 2: buckets over max_bucket

    def _hubs(self, rows: pa.Table, params: Any) -> Reduced:
        key = rows["key"].to_numpy()
        starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
        sizes = np.diff(np.r_[starts, len(key)])
        parted = rows.append_column("part", pa.array(_parts(rows, np.repeat(sizes, sizes))))
        return self._to_hubs(parted, _best_of_parts(parted, params), int((sizes * (sizes - 1) // 2).sum()))

    def _hubs_of_parts(self, chunks: Callable[[], Iterator[pa.Table]], params: Any) -> Iterator[Reduced]:
        n = sum(chunk.num_rows for chunk in chunks())

        def parted() -> Iterator[pa.Table]:
            for chunk in chunks():
                yield chunk.append_column("part", pa.array(_parts(chunk, np.full(chunk.num_rows, n))))

        hubs: pa.Table | None = None
        for chunk in parted():
            hubs = _best_of_parts(chunk if hubs is None else pa.concat_tables([hubs, chunk]), params)
        if hubs is None:
            return
        yield Reduced(counted={"pairs not compared": n * (n - 1) // 2})
        for chunk in parted():
            yield self._to_hubs(chunk, hubs, 0)

    def _to_hubs(self, rows: pa.Table, hubs: pa.Table, pairs: int) -> Reduced:
        """Pair each document with the hubs of its bucket and part that are better than it, as their owner.

        Args:
            rows: {key, shard, row, part}. hubs: the same, sorted by key, part and preference. pairs: those of the buckets.
        """
        groups = [_group_keys(table) for table in (hubs, rows)]
        starts = np.flatnonzero(np.r_[True, groups[0][1:] != groups[0][:-1]])
        by_group = np.argsort(groups[0][starts])
        found = starts[by_group][np.searchsorted(groups[0][starts][by_group], groups[1])]
        places = [keys_of(table["shard"].to_numpy(), table["row"].to_numpy()) for table in (hubs, rows)]
        member, hub = _hub_pairs(groups[0], places[0], found, places[1], HUBS)
        better = hubs.take(pa.array(hub))
        again = pa.table({"key": places[1][member], "shard": better["shard"], "row": better["row"]})
        return Reduced(again={1: again}, counted={"pairs not compared": pairs - len(member)})

    # Rounds 3 and 4: pairs

    def _ask(self, rows: pa.Table) -> Reduced:
        """A pair found in several bands is one; the owner's own set is asked for too."""
        key = rows["key"].to_numpy()
        both = np.stack([key, keys_of(rows["shard"].to_numpy(), rows["row"].to_numpy())], axis=1)
        pairs = np.unique(both, axis=0)
        owners = np.unique(key)
        keys, wanted = np.r_[pairs[:, 0], owners], np.r_[pairs[:, 1], owners]
        shard, row = addresses_of(wanted)
        return Reduced(ask=pa.table({"key": keys, "shard": shard, "row": row}), counted={"pairs compared": len(pairs)})

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
        similarity = _similarity(rows["set"], left, right, params.verify)
        near = np.flatnonzero(~(similarity < params.min_jaccard))
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
        for chunk in chunks():
            others = chunk.filter(pc.invert(owns(chunk)))
            if others.num_rows:
                yield self._verify(pa.concat_tables([owner, others]), params)

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


def _order(batch: Batch, params: Any) -> dict[str, Any]:
    columns = {}
    for name, wish in zip(params.order, params.prefer, strict=True):
        column = wish.removeprefix("-")
        if column == "text_bytes":
            values = pa.array(batch.utf8().bytes_per_row())
        else:
            values = batch[column] if column in batch else pa.nulls(len(batch))
        columns[name] = pa.array(rank_column(values, wish.startswith("-")))
    return columns


def _binary(bands: Any) -> Any:
    """The keys of each document's bands as bytes."""
    values = np.ascontiguousarray(bands, "<u8")
    return pa.Array.from_buffers(pa.binary(8 * bands.shape[1]), len(bands), [None, pa.py_buffer(values)])


def _bands_of(rows: pa.Table) -> Any:
    """What `_binary` made: uint64 (n, bands)."""
    column = rows["bands"].combine_chunks()
    width = column.type.byte_width // 8
    values = np.frombuffer(column.buffers()[1] or b"", "<u8")
    return values[column.offset * width : (column.offset + len(column)) * width].reshape(-1, width)


def _first_bands(rows: pa.Table) -> Any:
    """The other half of a twin's key: the key of its first band, uint64 (n,)."""
    return np.ascontiguousarray(_bands_of(rows)[:, 0])


def _leaders(rows: pa.Table, params: Any) -> Any:
    """Index of the first in the order among the twins of each row, itself if there are none: int64 (n,); rows are sorted by key."""
    key = rows["key"].to_numpy()
    leader = np.arange(len(key))
    equal = np.zeros(len(key) + 1, dtype=bool)
    equal[1:-1] = key[1:] == key[:-1]
    crowded = np.flatnonzero(equal[1:] | equal[:-1])
    if len(crowded):
        some = rows.take(pa.array(crowded))
        some = some.append_column("check", pa.array(_first_bands(some)))
        ranked = order_of(some, ["key", "check"], params.order)
        keys, checks = some["key"].to_numpy()[ranked], some["check"].to_numpy()[ranked]
        first = np.r_[True, (keys[1:] != keys[:-1]) | (checks[1:] != checks[:-1])]
        leader[crowded[ranked]] = crowded[ranked[np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))]]
    return leader


def _band_rows(leaders: pa.Table) -> pa.Table:
    """A row per document and band."""
    bands = _bands_of(leaders)
    shard, row = (np.repeat(leaders[name].to_numpy(), bands.shape[1]) for name in ("shard", "row"))
    return pa.table({"key": bands.ravel(), "shard": shard, "row": row})


def _owned(left: pa.Table, right: pa.Table) -> pa.Table:
    """A row per pair, at the key of one of both, which a bit of a hash of the pair chooses: so no document owns all its pairs."""
    keys = [keys_of(side["shard"].to_numpy(), side["row"].to_numpy()) for side in (left, right)]
    low, high = np.minimum(*keys), np.maximum(*keys)
    owner = np.where(((low ^ high) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(63) == 1, low, high)
    shard, row = addresses_of(low ^ high ^ owner)
    return pa.table({"key": owner, "shard": shard, "row": row})


def _parts(rows: pa.Table, sizes: Any) -> Any:
    """Part of its bucket, of `sizes` documents, each row falls to: uint64 (n,)."""
    parts = (-(-sizes // PART_DOCUMENTS)).astype(np.uint64)
    return Utf8.of(rows["id"]).hash() % parts


def _best_of_parts(rows: pa.Table, params: Any) -> pa.Table:
    """The HUBS best documents of every bucket and part, sorted by those and preference."""
    ranked = rows.take(pa.array(order_of(rows, ["key", "part"], params.order)))
    group = _group_keys(ranked)
    first = np.r_[True, group[1:] != group[:-1]]
    place = np.arange(len(group)) - np.maximum.accumulate(np.where(first, np.arange(len(group)), 0))
    return ranked.filter(pa.array(place < HUBS))


def _group_keys(rows: pa.Table) -> Any:
    """Bucket and part as one number: uint64 (n,)."""
    return rows["key"].to_numpy() + rows["part"].to_numpy() * np.uint64(0x9E3779B97F4A7C15)


def _similarity(column: Any, left: Any, right: Any, verify: str) -> Any:
    """Similarity of pairs of rows: float64 (pairs,), NaN where it is not looked at."""
    if verify == "none":
        return np.full(len(left), np.nan)
    return (jaccard if verify == "jaccard" else agreement)(Shingles.of_arrow(column), left, right)


@njit(cache=True)
def _pairs(starts: Any, sizes: Any) -> Any:
    """All pairs of each run of rows: two int64 arrays."""
    total = 0
    for size in sizes:
        total += size * (size - 1) // 2
    left, right = np.empty(total, np.int64), np.empty(total, np.int64)
    at = 0
    for run in range(len(starts)):
        for i in range(starts[run], starts[run] + sizes[run]):
            for j in range(i + 1, starts[run] + sizes[run]):
                left[at], right[at] = i, j
                at += 1
    return left, right


@njit(cache=True)
def _hub_pairs(groups: Any, hubs: Any, found: Any, members: Any, most: int) -> Any:
    """Pairs (member, hub) of each member with the hubs before it, at most `most`, all if it is none; `found` is its group's first hub."""
    member, hub = np.empty(len(members) * most, np.int64), np.empty(len(members) * most, np.int64)
    at = 0
    for i in range(len(members)):
        k = found[i]
        group = groups[k]
        while k < len(groups) and groups[k] == group and hubs[k] != members[i]:
            member[at], hub[at] = i, k
            at += 1
            k += 1
    return member[:at].copy(), hub[:at].copy()


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this stage."""
    text = Utf8.of_strings(["one two three", None])
    for unit in ("word", "char"):
        sets = shingles(text, unit, 2, False)
    band_keys(minhash(sets, 4, 1), 2, np.zeros(2, np.uint64))
    sets.hash()
    pair = np.zeros(1, np.int64)
    jaccard(Shingles.of_arrow(sets.to_arrow()), pair, pair)
    _pairs(pair, pair)
    _hub_pairs(np.zeros(1, np.uint64), np.zeros(1, np.uint64), pair, np.zeros(1, np.uint64), HUBS)
    greedy.settle(np.zeros(2, np.int64), pair[:0], pair[:0], pair.copy(), pair.copy())


dedup_minhash = DedupMinhash()
