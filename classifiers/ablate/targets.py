"""Held-out targets: the texts that models of both sides are judged by, and what of them stands in training texts.

A target is a file (Parquet, JSON Lines; text, whose documents are what stands between blank lines), a folder of Parquet files, a pattern or
a run. Of a long document the first CUT_BYTES are read, so that no book outweighs the others; of a large target as many documents as
MOST_BYTES hold, those with the smallest hashes of their text: the same ones always. Equal texts are one document.

Source:  n-grams of 13 words as evidence that a text was seen: GPT-3 (Brown et al. 2020, arXiv:2005.14165), appendix C; what a word is and
         how n-grams are found: stages/benchmarks. Sizes are ours.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from classifiers.documents import files as files_of
from classifiers.documents import tables
from classifiers.label.sample import hashes
from classifiers.ngram_lm import numbered
from curation.errors import Place, RecipeError
from curation.text import Utf8
from stages.benchmarks.items import Items
from stages.benchmarks.ngrams import Index
from stages.sources.lines import bounded_lines
from stages.sources.opening import CODECS, open_decompressed
from stages.tokens.tokenizer_file import Tokenizer

N = 13
"""Words in a row that a training text may not share with a target."""
CUT_BYTES = 16 << 10
MOST_BYTES = 1_000_000
LEAST_DOCUMENTS = 10
"""Fewer say too little of what other documents of the kind would."""
MAX_LINE_BYTES = 64 << 20
HELD_WORDS = HELD_DOCUMENTS = 0.5
"""A document stands in a side if so much of its words does; a target, if so many of its documents do."""


@dataclass(frozen=True)
class Target:
    """The documents of one target.

    texts: as they are scored. words: int64 (n,) of all of them, as `ngram_lm.fit` has words. bytes: int64 (documents,), of UTF-8.
    """

    name: str
    texts: list[str]
    words: Any
    bytes: Any

    def sums(self, values: Any) -> Any:
        """Sums over each document of values of its words: float64 (documents,)."""
        return np.add.reduceat(values, np.flatnonzero(self.words == 1))


def read(named: Mapping[str, Sequence[str]], tokenizer: Tokenizer) -> list[Target]:
    """The targets: name -> files.

    Raises: RecipeError for what cannot be read, and for a target of fewer than LEAST_DOCUMENTS.
    """
    found = []
    for name, files in named.items():
        texts = _smallest(files)
        if len(texts) < LEAST_DOCUMENTS:
            few = f"{len(texts)} documents with text in {', '.join(files)}; {LEAST_DOCUMENTS} at least are wanted"
            raise RecipeError(f"--target {name}: {few}")
        words = np.concatenate([numbered(tokenizer.ids(text)) for text in texts])
        found.append(Target(name, texts, words, np.array([len(text.encode()) for text in texts], np.int64)))
    return found


def _smallest(files: Sequence[str]) -> list[str]:
    """Texts with the smallest hashes that together have MOST_BYTES, in the order of hashes."""
    heap: list[tuple[int, str]] = []  # the largest hash first
    held = 0
    known: set[int] = set()
    for file in files:
        for texts in _texts(file):
            for order, text in zip(hashes(pa.array(texts, pa.large_string()), 0).tolist(), texts, strict=True):
                if order in known or (held >= MOST_BYTES and -heap[0][0] < order):
                    continue
                known.add(order)
                heapq.heappush(heap, (-order, text))
                held += len(text.encode())
                while held - len(heap[0][1].encode()) >= MOST_BYTES:
                    gone, dropped = heapq.heappop(heap)
                    known.remove(-gone)
                    held -= len(dropped.encode())
    return [text for _, text in sorted(heap, reverse=True)]


def _texts(given: str) -> Iterator[list[str]]:
    """Texts of a target that have a letter or more, cut."""
    stem = given.lower()
    for suffix in CODECS:
        stem = stem.removesuffix(suffix)
    if stem.endswith(".txt"):
        yield from ([_cut(text)] for text in _paragraphs(given) if text.strip())
        return
    for file in files_of([given]):
        for table in tables(file, ["text"]):
            yield [_cut(text) for text in table["text"].to_pylist() if text and text.strip()]


def _cut(text: str) -> str:
    return text if len(text) * 4 <= CUT_BYTES else text.encode()[:CUT_BYTES].decode("utf-8", "ignore")


def _paragraphs(file: str) -> Iterator[str]:
    held: list[str] = []
    try:
        with open_decompressed(file) as stream:
            for number, (_, line) in enumerate(bounded_lines(stream, MAX_LINE_BYTES), 1):
                if line is None:
                    raise RecipeError(f"a line of more than {MAX_LINE_BYTES >> 20} MiB", Place(file, number, 1))
                text = line.decode("utf-8", "replace")
                if text.strip():
                    held.append(text.rstrip("\r\n"))
                elif held:
                    yield "\n".join(held)
                    held = []
    except (OSError, pa.ArrowException) as e:
        raise RecipeError(f"cannot be read: {getattr(e, 'strerror', None) or e}", Place(file, 0, 0)) from e
    if held:
        yield "\n".join(held)


class HeldOut:
    """The targets' n-grams, looked for in training texts."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = targets
        texts = [text.encode() for target in targets for text in target.texts]
        documents = np.arange(len(texts) + 1)
        self._firsts = np.cumsum([0, *(len(target.texts) for target in targets)])
        items = Items(
            tuple(target.name for target in targets), self._firsts, pa.array(map(str, range(len(texts))), pa.large_string()),
            documents, np.frombuffer(b"".join(texts), np.uint8), np.cumsum([0, *map(len, texts)]), np.zeros(len(texts), bool),
        )  # fmt: skip
        self._index = Index.of(items, N, N, 1)

    def find(self, texts: pa.Array) -> tuple[Any, Any]:
        """Which texts share an n-gram with a target, bool (n,), and the n-grams that are shared, uint32 (k,)."""
        found = self._index.find(Utf8.of(texts))
        return np.diff(found.offsets) > 0, np.unique(found.grams)

    def refuse(self, grams: Any, side: str) -> None:
        """Refuse a target that stands in a side.

        Args:
            grams: of the targets, found in the side.
        Raises: RecipeError.
        """
        held = self._index.covered(grams) > HELD_WORDS * np.maximum(np.diff(self._index.parts), 1)
        for target, (first, last) in zip(self.targets, pairwise(self._firsts.tolist()), strict=True):
            if (stand := int(held[first:last].sum())) > HELD_DOCUMENTS * (last - first):
                raise RecipeError(
                    f"--target {target.name}: {stand} of its {last - first} documents stand in the training texts of {side}",
                    hint="a target must be held out: of other documents than A and B have",
                )
