"""Drop documents with many outlier tokens: whose words are distributed unlike those of their language's documents.

Source:  Llama 3, section 3.1.1: "token-distribution Kullback-Leibler divergence to filter out documents containing excessive
         numbers of outlier tokens compared to the training corpus distribution". The paper says no more; what follows is ours.
Units:   kl = KL(document || language) in nats, of the shares of words. kl_once, kl_few, kl_repeated = what words used once, two to
         four times, and five times or more, come to (see below). kl_score = spreads above the median of documents of this language
         and length, of the part where that is most; null where nothing can be said. outlier_words = of a dropped document, the words
         that contribute most to kl, as they stand in it, the first 200 bytes of each.
Params:  max_score -- highest kl_score kept; null = no bound; may be a map by `lang` or `profile`. 8 drops 0.4 % of the ordinary documents
             of the half of `bench kl` it was chosen on, 0.7 % of the other: look at a crawl's own scores before going lower.
         reference -- a file of `python -m classifiers.word_reference`, from earlier crawls; null = count this corpus.
         tokenizer -- a tokenizer.json file; its tokens are counted in place of words in lower case.
         by -- column of the language; null = all documents are of one.
         bits -- words are hashed to 2**bits buckets. smoothing -- mass of the language's distribution that is spread evenly.
         sample -- share of the documents that may be sampled; lower it for crawls of many millions, which have 128 of each length anyway.
         min_tokens -- documents of fewer are not judged. words -- how many outlier_words.
Drops:   outlier_tokens.
Errors:  ValueError before the run, if the reference has other tokens or bits or the tokenizer does not fit. Documents of a language
         of which fewer than 16 documents could be sampled are not judged.

Why not a bound on the divergence itself. It falls with a document's length and rises with whatever sets it apart: of the
documents over a bound many are merely about something else (a table of names, a dialect). Two things make it large, and rubbish
is extreme in one where good documents are moderate in both: words used *once* that nobody else uses, and words *repeated* that
others use seldom. So the sum is divided by how often a document uses a word: once, a few times, again and again. Of words used
once, those never seen are smoothed by how the language spells (stages/quality/spelling.py): a rare name costs less than letters
out of order, base64, or a broken charset. Of repeated words (keyword stuffing), one never seen counts like one seldom seen. Each
part is set against that of sampled documents of about the same length, and the largest excess counts. How this was chosen, what
it gains and where it does not: bench/RESULTS.md (`bench kl`).

Two passes: `emit` counts buckets and samples documents, reducers sum the counts by key and fit each language; `apply` compares.
A document of the counted corpus is compared with all *others*. State is 4 bytes a bucket and language: 1.3 MB at 18 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.rules import Bound, judge
from curation.stage import (
    AssetFile,
    AssetMark,
    Batch,
    Columns,
    GlobalStage,
    Keyed,
    PerGroup,
    Reduced,
    StageParams,
    Types,
    Verdicts,
)
from curation.text import Utf8
from stages.quality.word_bags import Bags, bags_of, token_kind
from stages.quality.word_reference import PARTS, ROWS, Counting, Language, combined, load, rows_of
from stages.tokens.tokenizer_file import load_json

BLOCK_BITS = 10
"""Buckets of one key: 2**BLOCK_BITS neighbours, so that a language is summed by many reducers."""
STATE = pa.schema([
    ("lang", pa.string()), ("counts", pa.large_binary()), ("total", pa.int64()), ("letters", pa.large_binary()),
    ("background", pa.float64()), ("fit", pa.list_(pa.float64())),
])  # fmt: skip


class Params(StageParams):
    """Parameters of kl_outlier; see the file's docstring."""

    max_score: PerGroup[float | None] = 8.0
    reference: Annotated[str, AssetMark(load)] | None = None
    tokenizer: AssetFile | None = None
    by: str | None = "lang"
    bits: Annotated[int, Field(ge=BLOCK_BITS, le=24)] = 18
    smoothing: Annotated[float, Field(gt=0, lt=1)] = 0.2
    sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    min_tokens: Annotated[int, Field(ge=1)] = 20
    words: Annotated[int, Field(ge=1)] = 8

    @property
    def how(self) -> Counting:
        """What of the parameters says how tokens are counted."""
        return Counting(self.bits, self.tokenizer, self.smoothing, self.sample)


class KlOutlier(GlobalStage):
    """Global stage `kl_outlier`."""

    name = "kl_outlier"
    version = "1"
    Params = Params
    drops = ("outlier_tokens",)

    def check(self, params: Any, schema: pa.Schema) -> None:
        """Refuse a tokenizer or a reference that does not fit.

        Raises: ValueError.
        """
        if params.tokenizer is not None:
            largest = max(load_json(params.tokenizer).get_vocab().values(), default=0)
            if largest >= 1 << params.bits:
                raise ValueError(f"the tokenizer numbers tokens up to {largest:,}, `bits: {params.bits}` holds {1 << params.bits:,}")
        if params.reference is not None:
            _, bits, tokens = load(Path(params.reference))
            if (bits, tokens) != (params.bits, token_kind(params.tokenizer)):
                raise ValueError(
                    f"{params.reference} counts {tokens} in 2**{bits} buckets, the step {token_kind(params.tokenizer)} in 2**{params.bits}"
                )

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("text", *([params.by] if params.by else []))

    def writes(self, params: Any) -> Types:
        score, words = pa.field("kl_score", pa.float32(), nullable=True), pa.field("outlier_words", pa.list_(pa.string()), nullable=True)
        return {"kl": pa.float32(), **{f"kl_{part}": pa.float32() for part in PARTS}, "kl_score": score, "outlier_words": words}

    def rules(self, params: Any) -> tuple[Bound, ...]:
        return (Bound("outlier_tokens", "kl_score", most="max_score"),)

    def payload(self, params: Any) -> Types:
        return {f.name: f for f in ROWS}

    def verdict(self, params: Any) -> Types:
        return {}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """Counts of the batch and its sampled documents, keyed by language and block of buckets; none where a file has them."""
        if params.reference is not None or not len(batch):
            return Keyed(np.empty(0, np.uint64), np.empty(0, np.int64), {f.name: pa.nulls(0, f.type) for f in ROWS})
        languages = _languages(batch, params)
        row, rows = rows_of(batch, languages, params.how)
        return Keyed(_keys(rows["lang"], rows["bucket"].to_numpy() >> BLOCK_BITS), row, {name: rows[name] for name in ROWS.names})

    def combine(self, rows: pa.Table, params: Any, round_: int) -> pa.Table:
        return combined(rows, params.how)

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced:
        """Round 0 adds up and hands each language to one reducer, round 1 fits languages: their state."""
        rows = combined(rows, params.how)
        if round_ == 0:
            place = rows.column_names.index("key")
            return Reduced(again={1: rows.set_column(place, "key", pa.array(_keys(rows["lang"], np.zeros(rows.num_rows, np.uint32))))})
        names = pc.unique(rows["lang"]).to_pylist()
        states = [
            {"lang": name, "counts": one.counts.tobytes(), "total": one.total, "letters": one.letters.tobytes(),
             "background": one.background, "fit": one.fit.ravel().tolist()}
            for name in names
            for one in [Language.of(rows.filter(pc.equal(rows["lang"], name)), params.how)]
        ]  # fmt: skip
        return Reduced(state=pa.Table.from_pylist(states, schema=STATE))

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        held: pa.Table | None = None
        for chunk in chunks():
            held = combined(chunk if held is None else pa.concat_tables([held, chunk.select(held.column_names)]), params.how)
        if held is not None:
            yield self.reduce(held, params, round_)

    def apply(self, batch: Batch, verdicts: Verdicts, params: Any) -> Columns:
        """The columns of the docstring and drop_reason, one value per document."""
        n, bags = len(batch), bags_of(batch, params.bits, params.tokenizer)
        kl, parts, score = np.zeros(n), np.zeros((len(PARTS), n)), np.full(n, np.nan)
        known = _of_file(params.reference, params.how) if params.reference is not None else _of_state(verdicts.state)
        languages = _languages(batch, params).dictionary_encode()
        code = languages.indices.to_numpy(zero_copy_only=False)
        for number, name in enumerate(languages.dictionary.to_pylist()):
            language = known(name)
            if language is None:
                continue
            rows = np.flatnonzero(code == number)
            kl[rows], parts[:, rows] = language.parts(bags, rows, params.how, own=params.reference is None)
            if len(language.fit):
                score[rows] = language.scores(parts[:, rows], bags.tokens[rows])
        score[bags.tokens < params.min_tokens] = np.nan
        scores = {"kl_score": pa.array(score.astype(np.float32), mask=np.isnan(score))}
        reasons = judge(self.rules(params), batch.having(scores, {"kl_score": pa.float32()}), params)
        goes = reasons.is_valid().to_pylist()
        named = [(_worst(bags, row, known(languages[row].as_py()), params) if drop else None) for row, drop in enumerate(goes)]
        return {
            "kl": kl.astype(np.float32),
            **{f"kl_{name}": part.astype(np.float32) for name, part in zip(PARTS, parts, strict=True)},
            **scores,
            "outlier_words": pa.array(named, pa.list_(pa.string())),
            "drop_reason": reasons,
        }


def _languages(batch: Batch, params: Any) -> Any:
    """Language of each document, `und` where it has none."""
    if params.by is None:
        return pa.array(["all"] * len(batch), pa.string())
    return pc.fill_null(batch[params.by].cast(pa.string()), "und")


def _keys(languages: Any, blocks: Any) -> Any:
    names = languages.combine_chunks() if isinstance(languages, pa.ChunkedArray) else languages
    names = names.dictionary_encode()
    hashes = Utf8.of(names.dictionary).hash()[names.indices.to_numpy(zero_copy_only=False)]
    return hashes ^ (blocks.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))


def _worst(bags: Bags, row: int, language: Language | None, params: Any) -> list[str]:
    """The words of a document that contribute most to its divergence."""
    assert language is not None
    mine = slice(bags.offsets[row], bags.offsets[row + 1])
    times, own = bags.times[mine].astype(np.float64), params.reference is None
    share, others = times / times.sum(), language.total - times.sum() * own
    counts = np.maximum(language.counts[bags.buckets[mine]] - times * own, 0)
    part = share * np.log(share / ((1 - params.smoothing) * counts / max(1, others) + params.smoothing / len(language.counts)))
    order = np.argsort(-part, kind="stable")[: params.words]
    return [bags.name(row, int(number)) for number in bags.first[mine][order].tolist()]


Known = Callable[[str], Language | None]


@cache
def _of_file(path: str, how: Counting) -> Known:
    rows, _, _ = load(Path(path))

    @cache
    def language(name: str) -> Language | None:
        mine = rows.filter(pc.equal(rows["lang"], name))
        return Language.of(mine, how) if mine.num_rows else None

    return language


def _of_state(state: pa.Table | None) -> Known:
    names = {} if state is None else {name: row for row, name in enumerate(state["lang"].to_pylist())}

    def language(name: str) -> Language | None:
        if state is None or name not in names:
            return None
        row = names[name]
        counts, letters = (np.frombuffer(state[c][row].as_buffer(), np.float32) for c in ("counts", "letters"))
        fit = np.array(state["fit"][row].as_py(), np.float64).reshape(-1, 1 + 2 * len(PARTS))
        return Language(counts, state["total"][row].as_py(), letters, state["background"][row].as_py(), fit)

    return language


kl_outlier = KlOutlier()


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    batch, params = Batch(pa.table({"text": pa.array(["one two two"], pa.large_string())})), Params(by=None)
    _, rows = rows_of(batch, _languages(batch, params), params.how)
    language = Language.of(combined(rows, params.how), params.how)
    language.parts(bags_of(batch, params.bits, None), np.arange(1), params.how, own=True)
