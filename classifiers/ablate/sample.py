"""Equal samples of a side: blocks of the same number of tokens, each of documents of its own, on which models are trained.

A document's hash (of its key and the seed) says which block it may come into and in which order; a block is filled up to its number of
tokens, its last document cut. So a sample does not depend on how documents lie in files, a smaller one of as many blocks is part of a
larger one, and what A and B have in common comes into the same block of both.

The key is the document's id, so that a text which a step has changed is held against itself. Where a side repeats itself it is the text:
then copies, which have ids of their own, are drawn together or not at all and no two blocks share one, so that a sample repeats itself as
its side does, and blocks are independent of each other. Texts that differ by a word are different ones.

A first pass adds up bytes by block and hash; the next ones read and count what lies under a bound that follows from them, the first bound
a low one, the second by the tokens that were counted. What is held: 1 MB a block, and 4 bytes for each token of the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from classifiers.ablate.targets import HeldOut, N
from classifiers.documents import tables
from classifiers.label.sample import hashes
from classifiers.ngram_lm import numbered
from curation.documents import plain
from curation.errors import RecipeError
from curation.text import Utf8
from stages.tokens.tokenizer_file import Tokenizer

BINS = 1 << 16
KEYS = ("id", "text")
SKETCH = 1 << 14
"""Texts, those with the smallest hashes, of which copies are counted."""
MOST_REPEATED = 0.01
"""Share of a side's documents that may be further copies of a text while ids are the key (ours)."""
MAX_CHARS = 1 << 20
"""Of a document, in a sample (ours)."""
BYTES_PER_TOKEN = 2.0
"""The first guess, a low one, so that no more is counted than needed (ours)."""
SPARE, MORE = 1.05, 1.25
"""What is read beyond what should do, and how much more each time it did not (ours)."""


@dataclass(frozen=True)
class Sample:
    """A side's sample.

    blocks: of each the words as `ngram_lm.fit` has them, int32. documents: drawn. side_documents, side_bytes, repeated: of the whole side,
    as the survey has them. looked_at, left_out: documents held against the targets, and those that share an n-gram with one.
    """

    blocks: list[Any]
    documents: int
    side_documents: int
    side_bytes: int
    repeated: float
    looked_at: int
    left_out: int


class Block:
    """Documents of a block while they come."""

    def __init__(self) -> None:
        self.order: list[int] = []
        self.words: list[Any] = []
        self.tokens = 0

    def add(self, order: int, words: Any) -> None:
        self.order.append(order)
        self.words.append(words)
        self.tokens += len(words) - 2

    def filled(self, tokens: int) -> tuple[Any, int]:
        """Words of so many tokens, without those of ends, and the number of documents they are of."""
        chosen, left = [], tokens
        for i in np.argsort(np.array(self.order, np.uint64), kind="stable"):
            words = self.words[i]
            whole = len(words) - 2 <= left
            chosen.append(words if whole else words[: 1 + left])
            left -= min(left, len(words) - 2)
            if not left:
                break
        return np.concatenate(chosen), len(chosen)


@dataclass(frozen=True)
class Survey:
    """What is in a side.

    sizes: by key, bytes of text by block and the first 16 bits of the hash, int64 (blocks, BINS). repeated: share of its documents that
    are further copies of a text.
    """

    sizes: dict[str, Any]
    documents: int
    bytes: int
    repeated: float


def survey(files: Sequence[str], blocks: int, seed: int) -> Survey:
    """Look through a side once."""
    sizes = {key: np.zeros((blocks, BINS), np.int64) for key in KEYS}
    documents = total = 0
    texts, counts = np.empty(0, np.uint64), np.empty(0, np.int64)
    for file in files:
        for table in tables(file, KEYS):
            size = np.minimum(Utf8.of(table["text"]).bytes_per_row(), MAX_CHARS)
            documents, total = documents + table.num_rows, total + int(size.sum())
            orders = {key: hashes(table[key], seed) for key in KEYS}
            for key, order in orders.items():
                np.add.at(sizes[key], ((order % np.uint64(blocks)).astype(np.int64), (order >> np.uint64(48)).astype(np.int64)), size)
            new = orders["text"][size > 0]  # without text, documents are no copies of each other
            texts, place = np.unique(np.concatenate((texts, new)), return_inverse=True)
            counts = np.bincount(place, np.concatenate((counts, np.ones(len(new), np.int64)))).astype(np.int64)
            texts, counts = texts[:SKETCH], counts[:SKETCH]
    return Survey(sizes, documents, total, 1 - len(counts) / max(1, int(counts.sum())))


def key_of(surveys: Sequence[Survey]) -> str:
    """The key both sides are drawn by."""
    return "text" if max(side.repeated for side in surveys) > MOST_REPEATED else "id"


def draw(
    files: Sequence[str], side: str, seen: Survey, key: str, tokenizer: Tokenizer, held_out: HeldOut, *, tokens: int, seed: int,
    say: Callable[[str], None],
) -> Sample:  # fmt: skip
    """Draw a sample: of each block of the survey `tokens` tokens.

    Args:
        side: what errors call it.
    Raises: RecipeError if the side has too few tokens, or a target stands in it.
    """
    reach = np.cumsum(seen.sizes[key], axis=1)
    blocks = len(reach)
    drawn = [Block() for _ in range(blocks)]
    grams = np.empty(0, np.uint32)
    low = looked_at = left_out = 0
    rate, spare = BYTES_PER_TOKEN, 1.0
    while low < BINS and min(block.tokens for block in drawn) < tokens:
        wanted = spare * rate * tokens
        high = BINS if reach[:, -1].min() < wanted else max(low, int(np.argmax(reach >= wanted, axis=1).max())) + 1
        say(f"{side}: reading a share of {high / BINS:.2g} of {seen.documents:,} documents")
        for file in files:
            for table in tables(file, KEYS):
                order = hashes(table[key], seed)
                place = order >> np.uint64(48)
                rows = np.flatnonzero((place >= low) & (place < high))
                texts = plain(table["text"].take(pa.array(rows)))
                known, shared = held_out.find(texts)
                grams = np.union1d(grams, shared)
                looked_at, left_out = looked_at + len(rows), left_out + int(known.sum())
                for i in np.flatnonzero(~known).tolist():
                    if text := texts[i].as_py():
                        which = int(order[rows[i]])
                        drawn[which % blocks].add(which, numbered(tokenizer.ids(text[:MAX_CHARS])))
        counted = sum(block.tokens for block in drawn)
        rate, spare = float(reach[:, high - 1].sum()) / max(1, counted), SPARE if low == 0 else spare * MORE
        low = high
    held_out.refuse(grams, side)
    least = min(block.tokens for block in drawn)
    if least < tokens:
        raise RecipeError(
            f"{side} has too few tokens: {sum(block.tokens for block in drawn):,} in {seen.documents:,} documents, {left_out:,} of them "
            f"left out since they share {N} words in a row with a target; {tokens:,} are wanted in each of {blocks} blocks, the smallest "
            f"has {least:,}",
            hint=f"--tokens times --seeds may be {least * blocks:,} at most" if least else "",
        )
    filled = [block.filled(tokens) for block in drawn]
    return Sample([words for words, _ in filled], sum(n for _, n in filled), seen.documents, seen.bytes, seen.repeated, looked_at, left_out)
