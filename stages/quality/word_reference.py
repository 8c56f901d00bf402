"""The words of each language's documents, and how far ordinary documents of each length are from them.

A reference is a table of *rows* {lang, bucket, count, text}, in which
- bucket < 2**bits: `count` tokens of the language fell into this bucket (see word_bags.py);
- the 2**LETTER_BITS buckets behind those: counts of letters (see spelling.py), where tokens are words;
- bucket = 2**bits + 2**LETTER_BITS + b: a sampled document of 2**b to 2**(b + 1) - 1 tokens; `count` is the hash of its `text`.
Rows of two references add up: counts are summed, and of the documents of a language and length the `SAMPLE` with the smallest
hashes stay. So the same documents give the same reference in any order and any division.

A `Language` is what rows of one language come to: its counts, and medians and spreads of the parts of the divergence over the
sampled documents, by length.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from curation.stage import Batch
from curation.text import LOWER_BLOCKS, LOWER_INDEX, Utf8
from stages.quality.spelling import LETTER_BITS, letter_totals, surprisal
from stages.quality.word_bags import Bags, bags_of, token_kind

FORMAT = 1
SAMPLE = 128
"""Documents of a language and length that stand for all (ours): the median is then off by a tenth of a spread."""
LENGTHS = 13
"""Documents of 2**LENGTHS tokens and more are judged like the longest below that, and not sampled (ours)."""
LEAST = 16
"""Sampled documents a length needs to be fitted by itself; a language with fewer in all judges nobody (ours)."""
LEAST_SPREAD = 0.05
"""Nats: no spread is smaller, for where all documents are alike every other one would be infinitely far (ours)."""
REPEATED = 5
"""Times a document has a word that it uses again and again (ours)."""
PARTS = ("once", "few", "repeated")
"""What the divergence is divided into, by how often a document uses a word: once, less than REPEATED times, that or more."""
UNSEEN = 0.05
"""Mass of words that were never seen, shared out by their spelling (ours)."""
MOST_NATS = 60.0
"""Nats: no spelling is less likely; some 15 letters of chance (ours)."""
ROWS = pa.schema(
    [pa.field("lang", pa.string()), pa.field("bucket", pa.uint32()), pa.field("count", pa.int64()), pa.field("text", pa.large_string())]
)
ABOUT = b"curate word reference"


@dataclass(frozen=True)
class Counting:
    """How tokens are counted: references of the same `bits` and tokens can be added and used together.

    bits: of a bucket. tokenizer: path of a tokenizer.json file, None for words. smoothing: mass spread evenly over all buckets.
    sample: share of the documents that may be sampled.
    """

    bits: int
    tokenizer: str | None = None
    smoothing: float = 0.2
    sample: float = 1.0

    @property
    def counts(self) -> int:
        """Buckets that hold counts: behind them are sampled documents."""
        return (1 << self.bits) + (1 << LETTER_BITS)


# -- rows -----------------------------------------------------------------------------------------


def rows_of(batch: Batch, languages: Any, how: Counting) -> tuple[Any, pa.Table]:
    """The documents of a batch as rows.

    Args:
        languages: string array (n,).
    Returns: int64 (m,), a document each row belongs to (one of the language, for counts), and the table.
    """
    bags = bags_of(batch, how.bits, how.tokenizer)
    code = languages.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.argsort(code, kind="stable")
    parts = [_totals(code, order, bags.buckets, bags.times, bags.offsets, np.int64(1 << how.bits))]
    if bags.words is not None:
        document, slot, count = letter_totals(code, order, bags.words)
        parts.append((document, slot + (1 << how.bits), count))
    hashes = batch.utf8().hash() >> np.uint64(1)
    length = np.frexp(bags.tokens.astype(np.float64))[1] - 1
    able = np.flatnonzero((bags.tokens > 0) & (length < LENGTHS) & (hashes <= np.uint64(how.sample * (2.0**63 - 1024))))
    kept = able[_smallest(code[able] * LENGTHS + length[able], hashes[able])]
    parts.append((kept, how.counts + length[kept], hashes[kept].astype(np.int64)))
    row, bucket, count = (np.concatenate(part) for part in zip(*parts, strict=True))
    texts = batch["text"].cast(pa.large_string()).take(pa.array(kept))
    texts = pa.concat_arrays([pa.nulls(len(row) - len(kept), pa.large_string()), texts])
    return row, pa.table([languages.take(pa.array(row)), bucket.astype(np.uint32), count, texts], schema=ROWS)


@njit(cache=True)
def _totals(code: Any, order: Any, buckets: Any, times: Any, offsets: Any, size: Any) -> Any:
    """Counts of each language's buckets: (a document of the language, bucket, count), languages in order of code."""
    held = np.zeros(size, np.int64)
    document, bucket, count = np.empty(len(buckets), np.int64), np.empty(len(buckets), np.int64), np.empty(len(buckets), np.int64)
    m, at = 0, 0
    while at < len(order):
        begin, first = at, m
        while at < len(order) and code[order[at]] == code[order[begin]]:
            for k in range(offsets[order[at]], offsets[order[at] + 1]):
                if held[buckets[k]] == 0:
                    document[m], bucket[m] = order[begin], buckets[k]
                    m += 1
                held[buckets[k]] += np.int64(times[k])
            at += 1
        for j in range(first, m):
            count[j] = held[bucket[j]]
            held[bucket[j]] = 0
    return document[:m].copy(), bucket[:m].copy(), count[:m].copy()


def _smallest(group: Any, hashes: Any) -> Any:
    """Indexes of the SAMPLE smallest hashes of each group, increasing."""
    order = np.lexsort((hashes, group))
    ordered = group[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return np.sort(order[rank < SAMPLE])


def combined(rows: pa.Table, how: Counting) -> pa.Table:
    """Rows added up; a column beside those of a reference (a key, say) is that of the first row.

    Keys first seen first: rows sorted by a key stay so.
    """
    more = [name for name in rows.column_names if name not in ROWS.names]
    rows = rows.append_column("_at", pa.array(np.arange(rows.num_rows)))
    counted = pc.less(rows["bucket"], how.counts)
    sums = rows.filter(counted).group_by(["lang", "bucket"], use_threads=False)
    sums = sums.aggregate([("count", "sum"), ("_at", "min"), *((name, "first") for name in more)])
    sums = sums.rename_columns(["lang", "bucket", "count", "_at", *more])
    sums = sums.append_column("text", pa.nulls(sums.num_rows, pa.large_string()))
    documents = rows.filter(pc.invert(counted))
    names = documents["lang"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    group = (names << 32) | documents["bucket"].to_numpy().astype(np.int64)
    documents = documents.take(pa.array(_smallest(group, documents["count"].to_numpy())))
    whole = pa.concat_tables([sums.select(documents.column_names), documents])
    return whole.take(pa.array(np.argsort(whole["_at"].to_numpy(), kind="stable"))).drop_columns(["_at"])


# -- a language -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Language:
    """What rows of one language come to.

    counts: float32 (2**bits,), tokens in each bucket; total: of all. letters: float32 (2**LETTER_BITS,), as in spelling.py. background:
    the count that three quarters of the buckets do not pass; 0 in a small corpus, and in a crawl what rare words heap up in any bucket,
    so that a count up to it says nothing of the word. fit: float64 (lengths, 7): log2 of the length in tokens, then median and spread
    of each of the PARTS.
    """

    counts: Any
    total: int
    letters: Any
    background: float
    fit: Any

    def parts(self, bags: Bags, rows: Any, how: Counting, own: bool) -> tuple[Any, Any]:
        """How documents diverge from the language, in nats.

        Args:
            rows: int64 (k,), which documents. own: whether the counts hold these documents; each is then compared with all others.
        Returns: KL(document || language) with the evenly smoothed language, float64 (k,); and the PARTS, float64 (3, k): what words used
            once come to, with those never seen smoothed by their spelling; what words used a few times, and REPEATED times or more,
            contribute to the KL.
        """
        words = bags.words
        none = np.empty(0, np.int64)
        data, starts, ends, offsets = (words.text.data, words.starts, words.ends, words.offsets) if words else (_NO_DATA, none, none, none)
        kl, parts = _parts(
            rows, bags.buckets, bags.times, bags.first, bags.offsets, bags.tokens, data, starts, ends, offsets, LOWER_INDEX, LOWER_BLOCKS,
            self.counts, self.total, self.letters, self.background, how.smoothing, own,
        )  # fmt: skip
        return kl, parts

    def scores(self, parts: Any, tokens: Any) -> Any:
        """How far out documents are: the largest distance of a part from its median at the document's length, in spreads."""
        at = np.log2(np.maximum(tokens, 1))
        length, *facts = self.fit.T
        median, spread = np.array([np.interp(at, length, fact) for fact in facts]).reshape(len(PARTS), 2, -1).swapaxes(0, 1)
        return ((parts - median) / spread).max(axis=0)

    @staticmethod
    def of(rows: pa.Table, how: Counting) -> Language:
        """The language of its combined rows."""
        counted = pc.less(rows["bucket"], how.counts)
        sums, words = np.zeros(how.counts, np.int64), rows.filter(counted)
        sums[words["bucket"].to_numpy()] = words["count"].to_numpy()
        counts, letters = np.split(sums, [1 << how.bits])
        background = float(np.partition(counts, 3 * len(counts) // 4)[3 * len(counts) // 4])
        found = Language(counts.astype(np.float32), int(counts.sum()), letters.astype(np.float32), background, np.empty((0, 7)))
        documents = rows.filter(pc.invert(counted)).sort_by([("bucket", "ascending"), ("count", "ascending")])
        if documents.num_rows < LEAST:
            return found
        bags = bags_of(Batch(documents), how.bits, how.tokenizer)
        _, parts = found.parts(bags, np.arange(documents.num_rows), how, own=True)
        length, at = documents["bucket"].to_numpy(), np.log2(bags.tokens)
        groups = [length == b for b in np.unique(length) if (length == b).sum() >= LEAST] or [np.ones(len(length), dtype=bool)]
        return replace(found, fit=np.array([[at[g].mean(), *(x for part in parts for x in _centre(part[g]))] for g in groups]))


_NO_DATA = Utf8.of_strings([""]).data


def _centre(values: Any) -> tuple[float, float]:
    """Median, and how far the 84th percentile is above it: of a normal distribution, mean and standard deviation."""
    median, above = np.quantile(values, [0.5, 0.8413])
    return float(median), max(LEAST_SPREAD, float(above - median))


@njit(cache=True)
def _parts(
    rows: Any, buckets: Any, times: Any, first: Any, offsets: Any, tokens: Any, data: Any, starts: Any, ends: Any, word_offsets: Any,
    index: Any, blocks: Any, counts: Any, total: Any, letters: Any, background: float, smoothing: float, own: bool,
) -> Any:  # fmt: skip
    kl, parts = np.zeros(len(rows)), np.zeros((3, len(rows)))
    even = smoothing / len(counts)
    for i in range(len(rows)):
        row = rows[i]
        others = np.float64(total) - (np.float64(tokens[row]) if own else 0.0)
        each = 1.0 / others if others > 0 else 0.0
        log_share = -np.log(max(np.float64(tokens[row]), 1.0))  # of a word used once
        for k in range(offsets[row], offsets[row + 1]):
            n = np.float64(times[k])
            share = n / np.float64(tokens[row])
            count = max(np.float64(counts[buckets[k]]) - (n if own else 0.0), 0.0)
            term = share * np.log(share / ((1.0 - smoothing) * count * each + even))
            kl[i] += term
            if times[k] > 1:
                parts[2 if times[k] >= REPEATED else 1, i] += term
                continue
            if count > background:
                nats = -np.log((1.0 - UNSEEN) * (count - background) * each)
            elif len(starts) > 0:
                at = word_offsets[row] + np.int64(first[k])
                nats = min(surprisal(data, starts[at], ends[at], letters, index, blocks), MOST_NATS) - np.log(UNSEEN)
            else:
                nats = -np.log(UNSEEN / len(counts))
            parts[0, i] += share * (log_share + nats)
    return kl, parts


# -- files ----------------------------------------------------------------------------------------


def save(path: Path, rows: pa.Table, how: Counting) -> None:
    """Write a reference."""
    about = json.dumps({"format": FORMAT, "bits": how.bits, "tokens": token_kind(how.tokenizer)})
    rows = combined(rows.select(ROWS.names), how).sort_by([(c, "ascending") for c in ("lang", "bucket", "count", "text")])
    rows = rows.select(ROWS.names).cast(ROWS).combine_chunks().replace_schema_metadata({ABOUT: about.encode()})
    with pa.ipc.new_file(str(path), rows.schema) as f:
        f.write_table(rows, max_chunksize=1 << 20)


def load(path: Path) -> tuple[pa.Table, int, str]:
    """Rows of a reference, its bits, and what its tokens are.

    Raises: ValueError if the file is none, or of another format.
    """
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        about = json.loads((table.schema.metadata or {})[ABOUT])
    except (pa.ArrowException, KeyError, OSError) as e:
        raise ValueError(f"{path} is no word reference (python -m classifiers.word_reference makes one)") from e
    if about["format"] != FORMAT:
        raise ValueError(f"{path} is a word reference of format {about['format']}, this program reads {FORMAT}")
    return table, about["bits"], about["tokens"]
