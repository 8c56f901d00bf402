"""The words that tell the source of a text, and texts without them: what is left of a score that had only learned the source.

Source:  mutual information of "the word is in the text" and the text's source (Manning, Raghavan and Schütze 2008, § 13.5.1).
Units:   words are those of curation/text.py, in lower case; a character of Chinese or Japanese is one. Counted are the first
         MOST_BYTES of a text.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from curation.text import Spans, Utf8

MOST_BYTES = 20_000
"""Bytes of a text whose words are counted (ours)."""
LEAST_TEXTS = 3
"""Texts a word is in, for it to be told apart from chance (ours)."""


def typical(texts: pa.Array, source: Any, most: int = 100) -> tuple[list[str], Any]:
    """The words that tell most of the source, the most telling first.

    Args:
        texts: string (n,). source: any (n,).
    Returns: the words, and their hashes: uint64 (k,).
    """
    text = Utf8.of(texts)
    words: Spans = text.words()
    words = words.where(words.ends - text.offsets[:-1][words.documents()] <= MOST_BYTES)
    hashes, places, word = np.unique(words.hashes(lower=True), return_index=True, return_inverse=True)
    sources, of_text = np.unique(np.asarray(source), return_inverse=True)
    n, k = len(text), len(sources)
    seen = np.unique(words.documents() * len(hashes) + word)  # (text, word) pairs, each once
    in_text, seen_word = np.divmod(seen, max(1, len(hashes)))
    with_word = np.bincount(seen_word, minlength=len(hashes))
    pairs, both = np.unique(seen_word * k + of_text[in_text], return_counts=True)
    pair_word, pair_source = np.divmod(pairs, k)
    of_source, t = np.bincount(of_text, minlength=k)[pair_source], with_word[pair_word]
    # sum over sources of p(word, source) log(p(word, source) / p(word) p(source)), and the same where the word is not in the text:
    # all sources as if none had it, then those that have it put right
    rest = of_source - both
    without = np.maximum(n - t, 1)
    told = both * np.log(both * n / (t * of_source)) - of_source * np.log(n / without)
    told += np.where(rest > 0, rest * np.log(np.maximum(rest, 1) * n / (without * of_source)), 0)
    information = n * np.log(n / np.maximum(n - with_word, 1)) + np.bincount(pair_word, told, minlength=len(hashes))
    information[with_word < LEAST_TEXTS] = 0
    best = np.lexsort((hashes, -information))[:most]
    best = best[information[best] > 1e-9 * n]
    starts, ends = words.starts[places[best]], words.ends[places[best]]
    return [bytes(text.data[a:b]).decode().lower() for a, b in zip(starts, ends, strict=True)], hashes[best]


def without(texts: pa.Array, hashes: Any) -> pa.Array:
    """The texts with each of these words taken out, and nothing in its place."""
    text = Utf8.of(texts)
    words = text.words()
    out = words.where(np.isin(words.hashes(lower=True), hashes))
    steps = np.zeros(len(text.data) + 1, np.int8)
    np.add.at(steps, out.starts, 1)
    np.add.at(steps, out.ends, -1)
    stays = np.cumsum(steps[:-1], dtype=np.int8) == 0
    before = np.concatenate(([0], np.cumsum(stays, dtype=np.int64)))
    return Utf8(text.data[stays], before[text.offsets]).to_arrow()
