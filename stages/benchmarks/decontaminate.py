"""Remove documents that hold items of benchmarks, or cut the items out.

Source:  DeepSeekMath (Shao et al. 2024, arXiv:2402.03300), section 2.1: a text with a run of 10 words that a benchmark has is
         removed; items of 3 to 9 words by an exact match. What a word is, common and shared n-grams, proper words and spans are ours.
Units:   an n-gram is a run of n words as stages/benchmarks/words.py has them: white space, case, punctuation and how a formula
         is written do not count. contamination_ngrams = different n-grams of benchmarks in the document that are hits;
         contamination_benchmark, contamination_item, contamination_ngram = of the item that has most of them (the first one of
         those that share an n-gram): benchmark, id or line, and one n-gram as the item has it; null where there is none.
Params:  benchmarks -- {NAME: FILE}; formats, fields and ids: stages/benchmarks/items.py.
         fields -- {NAME: {question: [FIELD, ...], choices: [...], answer: [...]}} where the fields of a file are not those it knows.
         n -- words in a row that make a hit: 10 [DeepSeekMath]; 13 is GPT-3's.
         min_words -- an item that asks in so many words to n - 1, choices and all, is a hit where this stands as a whole: 3
         [DeepSeekMath]. An answer so short is not looked for; nor is what asks in fewer words, which is counted.
         min_proper -- an n-gram of fewer words of two letters or more (characters that are words count) is not looked for, so that
         "1, 2, 3 ..." and "x_1, x_2, ..." are no hits. Ours: 1, chosen by `bench decontaminate`; 0 = all are looked for.
         max_docs, max_share -- an n-gram that more documents have, or more than this share of all and more than 10, is a
         common phrase: a hit only in a document that has half of the n-grams (and two) of what the item asks, or of an answer.
         Ours: 1000 and 0.001; null = no bound. These are counted and the most common shown. An n-gram that two or more items of
         a benchmark have, such as "choice A is incorrect and may be the result of", is a hit on the same terms, by itself if it is all.
         action -- drop the document, or cut out the spans. Ours: drop.
         margin -- words that go with a span on either side. Ours: 0.
Drops:   contaminated: there is a hit; with `action: span`, no word is left.
Errors:  ValueError before the run naming file, line and field: a benchmark that is broken, has no item, or lacks a field.
         What is left of a text that is cut is as it was (bytes that are not UTF-8 as U+FFFD), its pieces without white space at
         their ends and a line break between.

Items that were found and documents that went are counted by benchmark. Memory: the benchmarks, some 30 bytes a word of them, in
each process. Texts are looked through once: the hits are kept from `emit` to `apply`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from curation.rules import first_true
from curation.stage import Batch, Columns, Reduced, Types, Verdicts
from curation.text import Utf8
from stages.benchmarks.matches import BenchmarkMatches, BenchmarkParams
from stages.benchmarks.ngrams import MAX_N, NO_GRAM, Found, Index, warm_up_index, within

LEAST_COMMON = 10
"""Documents that may have an n-gram however small the corpus is (ours)."""
SHOWN = 10
"""Common n-grams that a batch shows at most."""
NAMED = ("benchmark", "item", "ngram")
HIT = np.dtype([("gram", "<u4"), ("start", "<i8"), ("end", "<i8")])
"""What is kept of a hit: the n-gram, and where it stands in the document, in bytes."""


class Params(BenchmarkParams):
    """Parameters of decontaminate; see the file's docstring."""

    n: int = Field(10, ge=1, le=MAX_N)
    min_words: int = Field(3, ge=1)
    min_proper: int = Field(1, ge=0)
    max_docs: int | None = Field(1_000, ge=1)
    max_share: Annotated[float, Field(gt=0, le=1)] | None = 0.001
    action: Literal["drop", "span"] = "drop"
    margin: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> Params:
        if self.min_words > self.n:
            raise ValueError(f"min_words: {self.min_words} is more than n: {self.n}")
        if self.margin and self.action == "drop":
            raise ValueError("margin: only a span has one; say `action: span`")
        return self


class Decontaminate(BenchmarkMatches):
    """Global stage `decontaminate`."""

    name = "decontaminate"
    Params = Params
    drops = ("contaminated",)
    applies_kept = True

    def shape(self, params: Any) -> tuple[int, int, int]:
        return params.n, params.min_words, params.min_proper

    def keeps(self, params: Any) -> Types:
        return {"hits": pa.large_binary()}

    def writes(self, params: Any) -> Types:
        words = {f"contamination_{name}": pa.field(f"contamination_{name}", pa.string(), nullable=True) for name in NAMED}
        return {**({"text": pa.large_string()} if params.action == "span" else {}), "contamination_ngrams": pa.int32(), **words}

    def kept(self, found: Found, params: Any) -> Mapping[str, Any]:
        hits = np.empty(len(found.grams), HIT)
        hits["gram"], hits["start"], hits["end"] = found.grams, found.starts, found.ends
        buffers = [None, pa.py_buffer(HIT.itemsize * found.offsets), pa.py_buffer(hits)]
        return {"hits": pa.Array.from_buffers(pa.large_binary(), len(found.offsets) - 1, buffers)}

    def concluded(self, grams: Any, documents: Any, total: int, params: Any) -> Reduced:
        """State: the common n-grams. Counts: items of each benchmark that were found, and those not looked for."""
        index = self.index(params)
        most = min(
            params.max_docs or total, total if params.max_share is None else max(LEAST_COMMON, int(params.max_share * total))
        )  # fmt: skip
        common, shared = documents > most, index.shared(grams)
        hit = index.items_with(grams[~common & ~shared])
        found, passed = _by_benchmark(index, hit), _by_benchmark(index, np.setdiff1d(index.items_with(grams), hit))
        missed = _by_benchmark(index, np.flatnonzero(~index.looked_for()))
        counted = {f"n-grams in more than {most:,} documents, hits only with half of a text": int(common.sum())}
        counted |= {"n-grams of several items of a benchmark, hits only with half of a text": int(shared.sum())}
        counted |= {f"{name}: items found": n for name, n in found.items()}
        counted |= {f"{name}: items found by such n-grams alone": n for name, n in passed.items()}
        counted |= {f"{name}: items too short to be looked for": n for name, n in missed.items()}
        state = pa.table({"gram": grams[common].astype(np.uint32), "documents": documents[common]})
        return Reduced(state=state, counted={what: n for what, n in counted.items() if n})

    def apply(self, batch: Batch, verdicts: Verdicts, params: Any) -> Columns:
        index, (hits, rows) = self.index(params), _hits(verdicts.kept)
        pairs, back = np.unique((rows << 32) | hits["gram"], return_inverse=True)  # an n-gram of a document once
        of, grams = pairs >> 32, pairs & NO_GRAM
        documents = _documents_with(grams, verdicts.state)
        real = _real(index, of, grams, documents > 0)
        common, first = np.unique(grams[~real & (documents > 0)], return_index=True)
        times = documents[~real & (documents > 0)][first]
        for k in np.argsort(-times, kind="stable")[:SHOWN].tolist():
            batch.example("common n-grams, no hits", int(times[k]), index.text(int(common[k])))
        hits, rows, of, grams = hits[real[back]], rows[real[back]], of[real], grams[real]
        ngrams = np.bincount(of, minlength=len(batch)).astype(np.int32)
        named, items = np.full((3, len(batch)), None, object), index.items_of(grams)
        for begin, end in pairwise(np.flatnonzero(np.diff(of, prepend=-1, append=len(batch))).tolist()):
            row, most = of[begin], begin + int(_most(items[begin:end]))
            named[:, row] = *index.items.label(int(items[most])), index.text(int(grams[most]))
            batch.example("documents that hold items", end - begin, f"{named[0, row]} {named[1, row]}: {named[2, row]}")
        at, parts = index.holders(grams)
        benchmarks = np.unique((of[at] << 32) | index.items.benchmark_of(np.searchsorted(index.items.parts, parts, "right") - 1))
        for name, n in zip(index.items.names, np.bincount(benchmarks & NO_GRAM, minlength=len(index.items.names)).tolist(), strict=True):
            batch.count(f"{name}: documents {'removed' if params.action == 'drop' else 'cut'}", n)
        columns = {"contamination_ngrams": ngrams}
        columns |= {f"contamination_{what}": pa.array(named[k], pa.string()) for k, what in enumerate(NAMED)}
        if params.action == "drop":
            return {**columns, "drop_reason": first_true(contaminated=ngrams > 0)}
        text, chars, empty = _cut(batch.utf8(), hits, rows, params.margin)
        batch.count("characters cut out", chars)
        return {**columns, "text": text, "drop_reason": first_true(contaminated=empty)}


def _by_benchmark(index: Index, items: Any) -> dict[str, int]:
    """How many of some items each benchmark has."""
    counts = np.bincount(index.items.benchmark_of(items), minlength=len(index.items.names))
    return dict(zip(index.items.names, counts.tolist(), strict=True))


def _hits(kept: Any) -> tuple[Any, Any]:
    """(what was found in the documents of a batch: HIT (k,), the document of each: int64 (k,), ascending)."""
    held = Utf8.of(kept["hits"])
    hits = np.ascontiguousarray(held.data[held.offsets[0] : held.offsets[-1]]).view(HIT)
    return hits, np.repeat(np.arange(len(held)), held.bytes_per_row() // HIT.itemsize)


def _documents_with(grams: Any, state: pa.Table | None) -> Any:
    """Documents of the corpus that have each n-gram, if it is a common one, else 0: int64 (k,)."""
    if state is None or not len(state):
        return np.zeros(len(grams), np.int64)
    common, documents = state["gram"].to_numpy(), state["documents"].to_numpy()
    at = np.minimum(np.searchsorted(common, grams), len(common) - 1)
    return np.where(common[at] == grams, documents[at], 0)


def _real(index: Index, rows: Any, grams: Any, common: Any) -> Any:
    """Which n-grams of documents are hits: bool (k,); rows and grams are distinct pairs, sorted.

    One that is common, or of several items, is if the document has half of the n-grams of a part that it is in; of a common one it
    has two of them at least, as one alone is a phrase whoever asked it.
    """
    weak = common | index.shared(grams)
    if not weak.any():
        return ~weak
    looked_at = np.flatnonzero(within(np.unique(rows[weak]), rows))
    at, parts = index.holders(grams[looked_at])
    pairs, back, counts = np.unique((rows[looked_at][at] << 32) | parts, return_inverse=True, return_counts=True)
    half = 2 * counts >= index.copies.counts[pairs & NO_GRAM]
    real = ~weak
    for stands, these in ((half, ~common), (half & (counts > 1), common)):
        held = np.zeros(len(rows), bool)
        held[looked_at[at[stands[back]]]] = True
        real |= held & these
    return real


def _most(items: Any) -> Any:
    """Where the first of the most frequent item stands."""
    _, first, counts = np.unique(items, return_index=True, return_counts=True)
    return first[np.argmax(counts)]


def _cut(text: Utf8, hits: Any, rows: Any, margin: int) -> tuple[Any, int, Any]:
    """The texts without the hits and the words around them; characters that went; which texts were cut to nothing, bool (n,)."""
    column, empty = text.to_arrow(), np.zeros(len(text), bool)
    cut = np.unique(rows)
    if not len(cut):
        return column, 0, empty
    bounds = np.append(np.searchsorted(rows, cut), len(rows))
    whole = Utf8.of(column.take(pa.array(cut)))
    words, left = whole.words(), []
    for k in range(len(cut)):
        data = bytes(whole.data[whole.offsets[k] : whole.offsets[k + 1]])
        mine = slice(words.offsets[k], words.offsets[k + 1])
        starts, ends = words.starts[mine] - whole.offsets[k], words.ends[mine] - whole.offsets[k]
        here = hits[bounds[k] : bounds[k + 1]]
        first = np.maximum(np.searchsorted(ends, here["start"], "right") - margin, 0)
        last = np.minimum(np.searchsorted(starts, here["end"], "left") - 1 + margin, len(starts) - 1)
        pieces, at = [], 0
        for begin, end in zip(np.minimum(starts[first], here["start"]).tolist(), np.maximum(ends[last], here["end"]).tolist(), strict=True):
            pieces.append(data[at : max(at, begin)].strip())
            at = max(at, end)
        pieces.append(data[at:].strip())
        left.append(b"\n".join(p for p in pieces if p).decode("utf-8", "replace"))
    pieces_left = pa.array(left, pa.large_string())
    mask = np.zeros(len(text), bool)
    mask[cut] = True
    rest = Utf8.of(pieces_left)
    empty[cut] = rest.words().counts() == 0
    return pc.replace_with_mask(column, mask, pieces_left), int(whole.chars_per_row().sum() - rest.chars_per_row().sum()), empty


decontaminate = Decontaminate()


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    warm_up_index()
    Utf8.of_strings(["a word"]).words()
