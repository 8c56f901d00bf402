"""Drop documents that another one contains: excerpts, volumes of a collection, other editions.

Source:  LLaMA 1, section 2: book-level deduplication, removing books with more than 90 % content overlap. Containment of
         shingle sets and its estimate from samples: Broder 1997, On the resemblance and containment of documents.
         LLaMA names no unit, sample or order: these are ours.
Units:   similarity = containment of a dropped document and its survivor: shingles both have, of those of the smaller one (1 for
         exact twins); duplicate_of = id of the survivor; cluster_id = id of the survivor, of a kept document its own;
         cluster_size = documents a kept one stands for, itself included, null for a dropped one.
         See stages/dedup/shingles.py for what a shingle is; repeated ones count once.
Params:  unit -- word (default) or char. shingle -- units in a shingle (ours).
         more_than -- of two documents with more containment the one with fewer shingles goes.
         sample_one_in -- of so many shingles one is sampled; documents meet by those (ours).
         min_shingles -- documents of fewer shingles meet exact twins only; they are counted (ours).
         prefer -- which of two documents with as many shingles survives: columns in order, `-` for larger first; text_bytes is
             computed; nulls come last, a column that is not there is left out. Ties go to the smallest id.
         by -- column (lang, source ...) within whose values documents are compared; null = all.
         max_bucket -- documents with one sampled shingle of which all pairs are looked at; of more, each with the largest few
             of its part of them (ours).
         max_drop_share -- the run stops if more than that goes, of at least 1,000 documents; above 0.5 it says so (ours).
         large_cluster -- a cluster from that size on is shown as an example (ours).
         seed -- draws which shingles are sampled.
         against -- folders `states/STEP` of earlier runs with the same parameters: the documents these left compete
             without their text being read, and those that lose are listed in `superseded/`.
Drops:   contained_book; exact_duplicate: the same shingles in the same order as its survivor, or duplicate_record
         where that is the same record (the same id) met again.
Errors:  parameters that find less than half of the excerpts of min_shingles shingles are refused.

The largest document survives, those it contains go, and so on (stages/dedup/greedy.py): each dropped document has its survivor,
which stays. Containment is exact, of all shingles; samples only say which pairs are compared.

What is missed: a document of a shingles, of which its survivor has the share c, has n of them in its sample, a / sample_one_in on
average, and x of these are in the survivor's. The pair is compared if x >= least_shared(n), three standard deviations under
more_than * n. With the defaults that fails 13 times in 10,000 at c = 0.9, however large a is; at c = 0.95 once in 10,000 for a
document of 1,000 shingles, 5 times in 10^8 for one of 10,000 (`found_share`). Of samples in buckets over max_bucket it is taken
that both may have them; of the pairs that are possible only so, a document is compared with the HUBS of which most is known to
be shared, and what was left out is counted.

Rounds, beside those of stages/dedup/verified_pairs.py: 1 documents meet by sampled shingles and make pairs; 2 the smaller one of each
counts how many samples they share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from curation.stage import Batch, Combined, Keyed, Reduced, Types
from curation.text import UNICODE_VERSION, Utf8
from stages.dedup import buckets, greedy
from stages.dedup.addresses import addresses_of, keys_of
from stages.dedup.groups import groups_of
from stages.dedup.preference import rank_column
from stages.dedup.shingles import Shingles, containment, sample, shingles
from stages.dedup.verified_pairs import MIN_FOUND, PairsParams, VerifiedPairs, identities

CONTAINED = "contained_book"
ROWS = 1 << 20
"""Rows of round 1 made at once, about (ours)."""
SAMPLES = 1_000
"""Samples from which on a document is found about as often, however many it has."""
DEVIATIONS = 3.0
"""Standard deviations by which a sample may fall short of what it is expected to share (ours)."""


class Params(PairsParams):
    """Parameters of dedup_books; see the file's docstring."""

    unit: Literal["word", "char"] = "word"
    shingle: int = Field(5, ge=1)
    more_than: float = Field(0.9, gt=0, lt=1, examples=[0.9])
    sample_one_in: int = Field(100, ge=1)
    min_shingles: int = Field(1_000, ge=1)

    @model_validator(mode="after")
    def _excerpts_can_be_found(self) -> Params:
        size = min(self.min_shingles, SAMPLES * self.sample_one_in)  # the sum over all samples of a library takes gigabytes
        found = found_share(size, self.more_than, self.more_than, self.sample_one_in)
        if found < MIN_FOUND:
            raise ValueError(
                f"samples of one shingle in {self.sample_one_in} find {found:.1%} of the documents of {self.min_shingles} shingles of "
                f"which another one has {self.more_than:g}: take a smaller sample_one_in or more min_shingles"
            )
        return self

    @property
    def order(self) -> list[str]:
        """The number of shingles comes first."""
        return ["order_size", *self.wished]


def least_shared(samples: Any, more_than: float) -> Any:
    """Samples a document of so many must share with another one to be compared with it: int64, like `samples`, at least 1."""
    expected = np.asarray(samples) * more_than
    return np.maximum(1, np.floor(expected - DEVIATIONS * np.sqrt(expected * (1 - more_than)))).astype(np.int64)


def found_share(size: int, contained: float, more_than: float, sample_one_in: int) -> float:
    """Probability that a document of `size` shingles is compared with one that has the share `contained` of them."""
    both = round(size * contained)
    shared, alone = _binomial(both, 1 / sample_one_in), _binomial(size - both, 1 / sample_one_in)
    x, y = np.arange(len(shared)), np.arange(len(alone))
    enough = x[:, None] >= least_shared(x[:, None] + y, more_than)
    return float(shared @ enough @ alone)


def _binomial(n: int, p: float) -> Any:
    """Probability of 0, 1, 2 ... of n, as far as it matters: float64 (k,)."""
    if p == 1:
        return np.r_[np.zeros(n), 1.0]
    k = np.arange(1, min(n, int(n * p + 12 * np.sqrt(n * p) + 40)) + 1)
    return np.exp(np.r_[0, np.cumsum(np.log((n - k + 1) / k * (p / (1 - p))))] + n * np.log1p(-p))


class DedupBooks(VerifiedPairs):
    """Global stage `dedup_books`."""

    name = "dedup_books"
    version = f"1 unicode {UNICODE_VERSION}"
    Params = Params
    near = CONTAINED
    drops = (CONTAINED, greedy.EXACT, greedy.SAME)

    def payload(self, params: Any) -> Types:
        return {"sample": pa.large_binary(), "check": pa.uint64(), "size": pa.uint32(), **self.twin_types(params)}

    def keeps(self, params: Any) -> Types:
        return {
            "set": pa.large_binary(), "sample": pa.large_binary(), "group": pa.uint64(), "key": pa.uint64(), **self.identity(params)
        }  # fmt: skip

    def state(self, params: Any) -> Mapping[str, Any] | None:
        alike = ("unit", "shingle", "sample_one_in", "min_shingles", "by", "seed")
        return {**{name: getattr(params, name) for name in alike}, "prefer": list(params.prefer)}

    def message(self, params: Any, round_: int) -> Types:
        """Round 1 has a row per document and sampled shingle, round 2 one per pair and shingle.

        size: shingles of the document. samples: size of its sample, in round 2 of the owner's. tie: hash of its id, in round 2 of
        the other one's. shared: sampled shingles that both have and few others. met: full buckets in which they are paired; of
        a row in which the owner is the other one too, all full buckets it is in.
        """
        if round_ == 1:
            return {"size": pa.uint32(), "samples": pa.uint32(), "tie": pa.uint32()}
        if round_ == 2:
            return dict.fromkeys(("samples", "tie", "shared", "met"), pa.uint32())
        return super().message(params, round_)

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """One row per document with a shingle: key is the hash of its shingles, its sample travels along."""
        text, groups = batch.utf8(), groups_of(batch, params.by)
        sets = shingles(text, params.unit, params.shingle, False)
        distinct = sets.distinct()
        long = distinct.counts() >= params.min_shingles
        batch.count("under min_shingles", int((~long).sum()))
        drawn = sample(text, params.unit, params.shingle, sets, params.sample_one_in, params.seed, groups, long)
        identity = identities(batch, params) | {"order_size": pa.array(rank_column(pa.array(distinct.counts()), True))}
        kept = {"set": distinct.to_arrow(), "sample": drawn.to_arrow(), "group": groups, "key": sets.hash(), **identity}
        return replace(self._sampled(distinct, kept), kept=kept)

    def emit_kept(self, kept: pa.Table, params: Any) -> Keyed:
        columns = {name: kept[name].combine_chunks() for name in ("sample", *self.identity(params))}
        numbers = {name: kept[name].to_numpy() for name in ("group", "key")}
        return self._sampled(Shingles.of_arrow(kept["set"]), {**columns, **numbers})

    def _sampled(self, sets: Shingles, kept: Mapping[str, Any]) -> Keyed:
        sizes = sets.counts()
        columns = {name: values for name, values in kept.items() if name not in ("set", "group", "key")}
        check = sets.hash() ^ kept["group"]  # twins of two groups are none
        columns |= {"check": pa.array(check), "size": pa.array(sizes.astype(np.uint32))}
        return self.keyed(kept["key"], sizes > 0, columns)

    def checks(self, rows: pa.Table) -> Any:
        """Hash of the sorted shingles and the group."""
        return rows["check"].to_numpy()

    def key_rows(self, leaders: pa.Table) -> Iterator[pa.Table]:
        """A row per document and sampled shingle: three times the bytes of its sample."""
        samples = np.diff(Utf8.of(leaders["sample"]).offsets) // 8
        columns = {name: leaders[name].to_numpy() for name in ("shard", "row", "size")}
        columns |= {"samples": samples.astype(np.uint32), "tie": Utf8.of(leaders["id"]).hash().astype(np.uint32)}
        pieces = np.cumsum(samples) // ROWS
        for some in np.split(np.arange(len(samples)), np.flatnonzero(np.diff(pieces)) + 1):
            drawn = Shingles.of_arrow(leaders["sample"].take(pa.array(some)), 8)
            repeated = {name: np.repeat(values[some], samples[some]) for name, values in columns.items()}
            yield pa.table({"key": drawn.values, **repeated})

    def combine(self, rows: pa.Table, params: Any, round_: int) -> pa.Table | Combined:
        """Rows of round 2 about one pair are added up."""
        return _summed(rows) if round_ == 2 else super().combine(rows, params, round_)

    def candidates(self, rows: pa.Table, params: Any, round_: int) -> Reduced | Iterator[Reduced]:
        return self._buckets(rows, params) if round_ == 1 else self._count(rows, params)

    def stream_candidates(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        if round_ == 2:  # a row for each of its samples and the max_bucket and HUBS it meets there, at most
            yield self._count(pa.concat_tables(list(chunks())), params)
            return
        n = sum(chunk.num_rows for chunk in chunks())
        if n <= params.max_bucket:
            yield from self._buckets(pa.concat_tables(list(chunks())), params)
        else:
            yield from self._full(chunks, np.array([n]))

    def similarity(self, column: Any, left: Any, right: Any, params: Any) -> Any:
        return containment(Shingles.of_arrow(column), left, right)

    def similar(self, similarity: Any, params: Any) -> Any:
        return similarity > params.more_than

    # Round 1: who shares a sampled shingle

    def _buckets(self, rows: pa.Table, params: Any) -> Iterator[Reduced]:
        starts, sizes = buckets.runs_of(rows["key"].to_numpy())
        small = (sizes > 1) & (sizes <= params.max_bucket)
        for left, right in buckets.all_pairs(starts[small], sizes[small]):
            yield Reduced(again={1: _owned(rows.take(pa.array(left)), rows.take(pa.array(right)), 1, 0)})
        full = sizes > params.max_bucket
        if full.any():
            crowded = rows.filter(pa.array(np.repeat(full, sizes)))
            yield from self._full(lambda: iter([crowded]), sizes[full])

    def _full(self, chunks: Callable[[], Iterator[pa.Table]], sizes: Any) -> Iterator[Reduced]:
        """Pairs with hubs, and a row that tells each document of a sample of its own in a full bucket.

        Args:
            chunks: rows of full buckets, all of them or some of one. sizes: documents of each bucket.
        """

        def parted() -> Iterator[pa.Table]:
            for chunk in chunks():
                of = np.repeat(sizes, sizes) if len(sizes) > 1 else np.full(chunk.num_rows, sizes[0])
                yield chunk.append_column("part", pa.array(buckets.parts_of(chunk["tie"].to_numpy().astype(np.uint64), of)))

        hubs: pa.Table | None = None
        for chunk in parted():
            hubs = _largest(chunk if hubs is None else pa.concat_tables([hubs, chunk]))
        assert hubs is not None
        pairs = int((sizes * (sizes - 1) // 2).sum())
        yield Reduced(counted={"buckets over max_bucket": len(sizes), "documents in them": int(sizes.sum()), "pairs not compared": pairs})
        for chunk in parted():
            for at in range(0, chunk.num_rows, buckets.PAIRS // buckets.HUBS):
                piece = chunk.slice(at, buckets.PAIRS // buckets.HUBS)
                member, hub = buckets.pairs_with_hubs(piece, hubs)
                met = _owned(piece.take(pa.array(member)), hubs.take(pa.array(hub)), 0, 1)
                alone = _owned(piece, piece, 0, 1)
                yield Reduced(again={1: pa.concat_tables([met, alone])}, counted={"pairs not compared": -len(member)})

    # Round 2: how many they share

    def _count(self, rows: pa.Table, params: Any) -> Reduced:
        """Which pairs share enough samples for their sets to be compared; they go to the larger one, so that its set is sent once."""
        rows = _summed(rows)
        key, place = rows["key"].to_numpy(), keys_of(rows["shard"].to_numpy(), rows["row"].to_numpy())
        shared, met, tie = (rows[name].to_numpy().astype(np.int64) for name in ("shared", "met", "tie"))
        owners, owner = np.unique(key, return_inverse=True)
        alone = key == place
        in_full = np.bincount(owner[alone], weights=met[alone], minlength=len(owners)).astype(np.int64)
        least = least_shared(rows["samples"].to_numpy(), params.more_than)
        enough = ~alone & (shared + met >= least)
        maybe = np.flatnonzero(~alone & ~enough & (shared + in_full[owner] >= least))
        maybe = maybe[np.lexsort((tie[maybe], -(shared + met)[maybe], owner[maybe]))]
        first = np.r_[True, owner[maybe][1:] != owner[maybe][:-1]][: len(maybe)]
        rank = np.arange(len(maybe)) - np.maximum.accumulate(np.where(first, np.arange(len(maybe)), 0))
        pairs = np.r_[np.flatnonzero(enough), maybe[rank < buckets.HUBS]]
        shard, row = addresses_of(key[pairs])
        again = pa.table({"key": place[pairs], "shard": shard, "row": row})
        return Reduced(again={1: again}, counted={"pairs that may share enough, not compared": int((rank >= buckets.HUBS).sum())})


def _owned(left: pa.Table, right: pa.Table, shared: int, met: int) -> pa.Table:
    """A row of round 2 per pair, at the key of the one with the smaller sample."""
    sides = [{name: side[name].to_numpy() for name in ("shard", "row", "samples", "tie")} for side in (left, right)]
    samples, ties = ([side[name] for side in sides] for name in ("samples", "tie"))
    larger = (samples[0] > samples[1]) | ((samples[0] == samples[1]) & (ties[0] > ties[1]))
    small = {name: np.where(larger, sides[1][name], sides[0][name]) for name in sides[0]}
    large = {name: np.where(larger, sides[0][name], sides[1][name]) for name in sides[0]}
    return pa.table({
        "key": keys_of(small["shard"], small["row"]), "shard": large["shard"], "row": large["row"],
        "samples": small["samples"], "tie": large["tie"],
        **{name: np.full(len(larger), n, np.uint32) for name, n in (("shared", shared), ("met", met))},
    })  # fmt: skip


def _summed(rows: pa.Table) -> pa.Table:
    """One row per pair, sorted by owner: `shared` and `met` are added up."""
    key, place = rows["key"].to_numpy(), keys_of(rows["shard"].to_numpy(), rows["row"].to_numpy())
    rows = rows.take(pa.array(np.lexsort((place, key))))
    key, place = rows["key"].to_numpy(), keys_of(rows["shard"].to_numpy(), rows["row"].to_numpy())
    first = np.flatnonzero(np.r_[True, (key[1:] != key[:-1]) | (place[1:] != place[:-1])][: len(key)])
    one = rows.take(pa.array(first))
    for name in ("shared", "met"):
        total = np.add.reduceat(rows[name].to_numpy(), first) if len(first) else np.zeros(0)
        one = one.set_column(one.column_names.index(name), name, pa.array(total.astype(np.uint32)))
    return one


def _largest(rows: pa.Table) -> pa.Table:
    """The hubs of every bucket and part: its largest documents."""
    keys = [("key", "ascending"), ("part", "ascending"), ("size", "descending"), ("tie", "ascending"), ("shard", "ascending")]
    return buckets.hubs_of(rows.sort_by([*keys, ("row", "ascending")]))


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this stage."""
    text, groups = Utf8.of_strings(["one two three", None]), np.zeros(2, np.uint64)
    for unit in ("word", "char"):
        sets = shingles(text, unit, 2, False)
        sample(text, unit, 2, sets, 1, 1, groups, groups == 0)
    sets.hash()
    pair = np.zeros(1, np.int64)
    containment(Shingles.of_arrow(sets.distinct().to_arrow()), pair, pair)
    buckets.warm_up()
    greedy.settle(np.zeros(2, np.int64), pair[:0], pair[:0], pair.copy(), pair.copy())


dedup_books = DedupBooks()
