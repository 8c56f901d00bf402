"""Documents as bags: the distinct tokens of each, how often it has them, and where first.

A token is a word in lower case, or what a tokenizer file makes of the text. Tokens are hashed to 2**bits *buckets*, so
that what is counted over a crawl has one size whatever the crawl; two words in one bucket count as one word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from curation.assets import content_hash
from curation.stage import Batch
from curation.text import UNICODE_VERSION, Words
from stages.heuristics.duplicates import slots_for
from stages.tokens.tokenizer_file import load_json

NAME_BYTES = 200
"""Of a word, when it is named: a page may be one word of megabytes."""


@dataclass(frozen=True)
class Bags:
    """The bags of a batch.

    buckets: uint32 (k,), times: uint32 (k,), the distinct buckets of all documents, in order of first use, and how often each is used.
    first: uint32 (k,), which token of its document used it first. offsets: int64 (n + 1,), those of document i are offsets[i] to
    offsets[i + 1]. tokens: int64 (n,), tokens of each document. words: where words are the tokens, those of the batch. name: (document,
    number of a token in it) -> its text.
    """

    buckets: Any
    times: Any
    first: Any
    offsets: Any
    tokens: Any
    words: Words | None
    name: Callable[[int, int], str]


def bags_of(batch: Batch, bits: int, tokenizer: str | None) -> Bags:
    """Bags of a batch's texts.

    Args:
        bits: of a bucket. tokenizer: path of a tokenizer.json file, or None for words.
    """
    if tokenizer is None:
        words = batch.words()
        hashes = words.hashes(lower=True)

        def word(row: int, number: int) -> str:
            k = words.offsets[row] + number
            return bytes(words.text.data[words.starts[k] : min(words.ends[k], words.starts[k] + NAME_BYTES)]).decode("utf-8", "replace")

        buckets, times, first, offsets = _bags(hashes, np.uint64(64 - bits), words.offsets)
        return Bags(buckets, times, first, offsets, words.counts(), words, word)
    model = _model(tokenizer, token_kind(tokenizer))
    ids = [np.array(model.encode(text or "", add_special_tokens=False).ids, np.uint64) for _, text in batch.documents("text")]
    ends = np.cumsum([0, *map(len, ids)], dtype=np.int64)
    whole = np.concatenate([np.empty(0, np.uint64), *ids])
    buckets, times, first, offsets = _bags(whole, np.uint64(0), ends)
    return Bags(buckets, times, first, offsets, np.diff(ends), None, lambda row, number: str(model.id_to_token(int(ids[row][number]))))


def token_kind(tokenizer: str | None) -> str:
    """Name of what tokens are; references of other tokens cannot be used together."""
    return f"words in lower case, Unicode {UNICODE_VERSION}" if tokenizer is None else f"tokenizer {content_hash(Path(tokenizer))}"


@lru_cache(maxsize=2)
def _model(path: str, kind: str) -> Any:
    return load_json(path)


@njit(cache=True)
def _bags(hashes: Any, shift: Any, offsets: Any) -> Any:
    """Distinct values of hashes >> shift of each document, as in `Bags`."""
    n = len(offsets) - 1
    most = 1
    for row in range(n):
        most = max(most, offsets[row + 1] - offsets[row])
    # A slot holds the document (its number + 1) and the bucket in one value, so that it is empty for all others.
    slots, place = np.zeros(slots_for(most), np.int64), np.empty(slots_for(most), np.int64)
    out, times, first = np.empty(len(hashes), np.uint32), np.empty(len(hashes), np.uint32), np.empty(len(hashes), np.uint32)
    new_offsets = np.zeros(n + 1, np.int64)
    m = 0
    for row in range(n):
        # Few slots for a short document, so that they stay in the nearest cache.
        mask, mine = np.int64(slots_for(offsets[row + 1] - offsets[row]) - 1), np.int64(row + 1) << 32
        for k in range(offsets[row], offsets[row + 1]):
            bucket = np.int64(hashes[k] >> shift)
            wanted, at = mine | bucket, bucket & mask
            while slots[at] >= mine and slots[at] != wanted:
                at = (at + 1) & mask
            if slots[at] == wanted:
                times[place[at]] += 1
            else:
                slots[at], place[at] = wanted, m
                out[m], times[m], first[m] = bucket, 1, k - offsets[row]
                m += 1
        new_offsets[row + 1] = m
    return out[:m].copy(), times[:m].copy(), first[:m].copy(), new_offsets
