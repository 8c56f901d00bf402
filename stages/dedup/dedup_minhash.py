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

Rounds, beside those of stages/dedup/verified_pairs.py: 1 documents meet in the buckets of their bands and make pairs; 2 the same
for buckets over max_bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from curation.stage import Batch, Keyed, Reduced, Types
from curation.text import UNICODE_VERSION, Utf8
from stages.dedup import buckets, greedy
from stages.dedup.addresses import addresses_of, keys_of
from stages.dedup.groups import groups_of
from stages.dedup.preference import order_of
from stages.dedup.shingles import NO_SHINGLE, Shingles, agreement, band_keys, jaccard, minhash, shingles
from stages.dedup.verified_pairs import MIN_FOUND, PairsParams, VerifiedPairs, identities

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fineweb": {},
    "refinedweb": {"bands": 450, "rows_per_band": 20, "min_jaccard": 0.8},
    "gopher": {"shingle": 13, "min_jaccard": 0.8},
}


class Params(PairsParams):
    """Parameters of dedup_minhash; see the file's docstring."""

    preset: Literal["fineweb", "refinedweb", "gopher"] = Field("fineweb", examples=["fineweb"])
    unit: Literal["word", "char"] = "word"
    shingle: int = Field(5, ge=1)
    bands: int = Field(14, ge=1)
    rows_per_band: int = Field(8, ge=1)
    min_jaccard: float = Field(0.7, gt=0, le=1)
    verify: Literal["jaccard", "signature", "none"] = "jaccard"
    short: Literal["keep", "exact"] = "keep"

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


def found_share(similarity: float, bands: int, rows_per_band: int) -> float:
    """Probability that documents so similar share a band: 1 - (1 - s ** rows) ** bands."""
    return float(-np.expm1(bands * np.log1p(-(min(similarity, 1 - 1e-12) ** rows_per_band))))


class DedupMinhash(VerifiedPairs):
    """Global stage `dedup_minhash`."""

    name = "dedup_minhash"
    version = f"1 unicode {UNICODE_VERSION}"
    Params = Params
    near = greedy.NEAR
    drops = (greedy.NEAR, greedy.EXACT, greedy.SAME)

    def payload(self, params: Any) -> Types:
        return {"bands": pa.binary(8 * params.bands), **self.twin_types(params)}

    def keeps(self, params: Any) -> Types:
        return {"set": pa.large_binary(), "group": pa.uint64(), "key": pa.uint64(), **self.identity(params)}

    def state(self, params: Any) -> Mapping[str, Any] | None:
        if params.verify == "none":
            return None
        alike = ("unit", "shingle", "bands", "rows_per_band", "verify", "short", "by", "seed")
        return {**{name: getattr(params, name) for name in alike}, "prefer": list(params.prefer)}

    def message(self, params: Any, round_: int) -> Types:
        if round_ == 1:
            return {}
        return self.identity(params) if round_ == 2 else super().message(params, round_)

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """One row per document with a shingle: key is the hash of its shingles, the keys of its bands travel along."""
        sets = shingles(batch.utf8(), params.unit, params.shingle, params.short == "exact")
        groups = groups_of(batch, params.by)
        signatures = minhash(sets, params.bands * params.rows_per_band, params.seed)
        batch.count("too short for a shingle", int((sets.counts() == 0).sum()))
        identity = identities(batch, params)
        if params.verify == "jaccard":
            kept = sets.to_arrow()
        elif params.verify == "signature":
            kept = Shingles(signatures.ravel(), np.arange(len(batch) + 1) * signatures.shape[1]).to_arrow()
        else:
            kept = pa.array([b""] * len(batch), pa.large_binary())
        key = sets.hash()  # twins of two groups differ in their bands
        bands = _binary(band_keys(signatures, params.bands, groups))
        keyed = self.keyed(key, sets.counts() > 0, {"bands": bands, **identity})
        return replace(keyed, kept={"set": kept, "group": groups, "key": key, **identity})

    def emit_kept(self, kept: pa.Table, params: Any) -> Keyed:
        sets = Shingles.of_arrow(kept["set"])
        num_hashes = params.bands * params.rows_per_band
        if params.verify == "jaccard":
            signatures, there = minhash(sets, num_hashes, params.seed), sets.counts() > 0
        else:
            signatures = sets.values.reshape(-1, num_hashes)
            there = (signatures != NO_SHINGLE).any(axis=1)
        bands = _binary(band_keys(signatures, params.bands, kept["group"].to_numpy()))
        identity = {name: kept[name].combine_chunks() for name in self.identity(params)}
        return self.keyed(kept["key"].to_numpy(), there, {"bands": bands, **identity})

    def checks(self, rows: pa.Table) -> Any:
        """The key of the first band."""
        return np.ascontiguousarray(_bands_of(rows)[:, 0])

    def key_rows(self, leaders: pa.Table) -> Iterator[pa.Table]:
        """A row per document and band."""
        bands = _bands_of(leaders)
        shard, row = (np.repeat(leaders[name].to_numpy(), bands.shape[1]) for name in ("shard", "row"))
        yield pa.table({"key": bands.ravel(), "shard": shard, "row": row})

    def candidates(self, rows: pa.Table, params: Any, round_: int) -> Reduced | Iterator[Reduced]:
        return self._buckets(rows, params) if round_ == 1 else self._hubs(rows, params)

    def stream_candidates(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        yield from (self._full_bucket if round_ == 1 else self._hubs_of_parts)(chunks, params)

    def similarity(self, column: Any, left: Any, right: Any, params: Any) -> Any:
        if params.verify == "none":
            return np.full(len(left), np.nan)
        return (jaccard if params.verify == "jaccard" else agreement)(Shingles.of_arrow(column), left, right)

    def similar(self, similarity: Any, params: Any) -> Any:
        return ~(similarity < params.min_jaccard)

    # Round 1: buckets

    def _buckets(self, rows: pa.Table, params: Any) -> Iterator[Reduced]:
        starts, sizes = buckets.runs_of(rows["key"].to_numpy())
        full = sizes > params.max_bucket
        if full.any():
            ask = rows.filter(pa.array(np.repeat(full, sizes))).select(["key", "shard", "row"])
            yield Reduced(ask=ask, counted={"buckets over max_bucket": int(full.sum()), "documents in them": ask.num_rows})
        small = (sizes > 1) & ~full
        for left, right in buckets.all_pairs(starts[small], sizes[small]):
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
        _, sizes = buckets.runs_of(rows["key"].to_numpy())
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
        member, hub = buckets.pairs_with_hubs(rows, hubs)
        better = hubs.take(pa.array(hub))
        own = keys_of(rows["shard"].to_numpy(), rows["row"].to_numpy())
        again = pa.table({"key": own[member], "shard": better["shard"], "row": better["row"]})
        return Reduced(again={1: again}, counted={"pairs not compared": pairs - len(member)})


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


def _owned(left: pa.Table, right: pa.Table) -> pa.Table:
    """A row per pair, at the key of one of both, which a bit of a hash of the pair chooses: so no document owns all its pairs."""
    keys = [keys_of(side["shard"].to_numpy(), side["row"].to_numpy()) for side in (left, right)]
    low, high = np.minimum(*keys), np.maximum(*keys)
    owner = np.where(((low ^ high) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(63) == 1, low, high)
    shard, row = addresses_of(low ^ high ^ owner)
    return pa.table({"key": owner, "shard": shard, "row": row})


def _parts(rows: pa.Table, sizes: Any) -> Any:
    """Part of its bucket, of `sizes` documents, each row falls to: uint64 (n,)."""
    return buckets.parts_of(Utf8.of(rows["id"]).hash(), sizes)


def _best_of_parts(rows: pa.Table, params: Any) -> pa.Table:
    """The best documents of every bucket and part, sorted by those and preference."""
    return buckets.hubs_of(rows.take(pa.array(order_of(rows, ["key", "part"], params.order))))


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this stage."""
    text = Utf8.of_strings(["one two three", None])
    for unit in ("word", "char"):
        sets = shingles(text, unit, 2, False)
    band_keys(minhash(sets, 4, 1), 2, np.zeros(2, np.uint64))
    sets.hash()
    pair = np.zeros(1, np.int64)
    jaccard(Shingles.of_arrow(sets.to_arrow()), pair, pair)
    buckets.warm_up()
    greedy.settle(np.zeros(2, np.int64), pair[:0], pair[:0], pair.copy(), pair.copy())


dedup_minhash = DedupMinhash()
