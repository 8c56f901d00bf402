"""Train an n-gram language model by interpolated, modified Kneser-Ney smoothing and write it as an ARPA file.

    python -m classifiers.ngram_lm en.arpa text.txt more.txt.gz --order 5

Source: Chen and Goodman 1998, section 3.3 (three discounts for counts of 1, 2 and more, from counts of counts); as in Heafield et
al. 2013 (lmplz), unigrams are interpolated with the uniform distribution over the vocabulary, <unk> included, and n-grams that begin
with <s> are counted by occurrence, since nothing comes before them.

Input: text, one sentence or line each; lines are normalised and cut into pieces as the stage `perplexity` does, with the same options.
The same text gives the same file. For tests and small corpora: everything is in memory, about 200 bytes a token at order 5. For more, write
the normalised lines with `--lines` and train with KenLM, whose programs read and write the same formats:

    python -m classifiers.ngram_lm - text.txt --lines > lines.txt
    lmplz -o 5 -S 40% --prune 0 0 1 < lines.txt > en.arpa        # CCNet trained its models so, on pieces
    build_binary trie en.arpa en.bin                             # loads at once and takes a fifth of the memory
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from stages.quality.ccnet_text import Pieces

UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where counts of counts give none, as in lmplz: a text too small has no count of 3, say."""
LOWEST = -99.0
"""log10 of what never happens: <s> is never predicted."""


@dataclass(frozen=True)
class Grams:
    """The distinct n-grams of one order.

    last: int64 (k,), last word. prefix, suffix: int64 (k,), the (n-1)-grams without the last and without the first word.
    probability: float64 (k,), of the last word after the others. backoff: float64 (k,), the mass left for words not seen after it.
    """

    last: Any
    prefix: Any
    suffix: Any
    probability: Any
    backoff: Any


def train(sentences: Iterable[list[str]], order: int) -> tuple[list[str], list[Grams]]:
    """Fit a model.

    Args:
        sentences: words of each; <unk>, <s> and </s> among them are left out.
    Returns: the vocabulary, <unk>, <s> and </s> first, and the n-grams of each order, unigrams first.
    Raises: ValueError if there are no sentences or the order is less than 2, which KenLM cannot read.
    """
    vocabulary, words = _numbered(sentences)
    return vocabulary, fit(words, len(vocabulary), order)


def fit(words: Any, size: int, order: int) -> list[Grams]:
    """`train` on numbers.

    Args:
        words: int (n,): sentences one behind the other, each 1 (<s>), its words from 3 on, 2 (</s>); 0 is <unk>.
        size: of the vocabulary; words that are not in the text are part of it.
    Returns: the n-grams of each order, those of an order ascending by prefix and last word.
    Raises: as `train`.
    """
    if order < 2:
        raise ValueError(f"an n-gram model has an order of at least 2, not {order}")
    words = np.asarray(words, np.int64)
    begins = words == 1
    if not begins.any():
        raise ValueError("no sentence to learn from")
    # ids[n - 1][i] numbers the n-gram that begins at word i; -1 where a sentence ends before it does.
    ids = [words]
    found: list[tuple[Any, Any, Any, Any]] = [(np.arange(size), np.zeros(0, int), np.zeros(0, int), np.zeros(0, int))]
    counts = [np.bincount(words, minlength=size)]
    ends = np.cumsum(begins)
    for n in range(2, order + 1):
        at = np.arange(len(words) - n + 1)
        at = at[ends[at] == ends[at + n - 1]]
        if not len(at):
            break
        both = ids[-1][at] * size + words[at + n - 1]
        _, first, inverse, count = np.unique(both, return_index=True, return_inverse=True, return_counts=True)
        number = np.full(len(words), -1, np.int64)
        number[at] = inverse
        where = at[first]
        found.append((words[where + n - 1], ids[-1][where], ids[-1][where + 1], words[where] == 1))
        ids.append(number)
        counts.append(count)
    for n in range(len(counts) - 1, 0, -1):  # all but the highest order count what they continue
        suffix, opening = found[n][2], found[n - 1][3]
        continued = np.bincount(suffix, minlength=len(counts[n - 1]))
        counts[n - 1] = np.where(opening, counts[n - 1], continued) if n > 1 else continued
    return _smoothed(found, counts, size)


def numbered(ids: Any) -> Any:
    """A sentence as `fit` has words, of the ids of a tokenizer: int32 (n + 2,)."""
    return np.concatenate([[1], np.asarray(ids, np.int32) + 3, [2]]).astype(np.int32)


def bits(grams: list[Grams], words: Any) -> Any:
    """What each word costs after those before it in its sentence: -log2 of its probability, float64 (n,); 0 of <s>.

    Args:
        grams: of `fit`. words: as `fit` has them, any other text.
    """
    words = np.asarray(words, np.int64)
    size, ends = len(grams[0].last), np.cumsum(words == 1)
    chance = grams[0].probability[words]
    ids = words
    for n, (before, here) in enumerate(pairwise(grams), 2):
        at = np.arange(len(words) - n + 1)
        at = at[ends[at] == ends[at + n - 1]]
        context = ids[at]
        known = context >= 0
        wanted = context[known] * size + words[at[known] + n - 1]
        keys = here.prefix * size + here.last
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        seen = keys[place] == wanted
        last = at[known] + n - 1
        chance[last] = np.where(seen, here.probability[place], chance[last] * before.backoff[context[known]])
        ids = np.full(len(words), -1, np.int64)
        ids[at[known]] = np.where(seen, place, -1)
    chance[words == 1] = 1.0
    return -np.log2(chance)


def _numbered(sentences: Iterable[list[str]]) -> tuple[list[str], Any]:
    """(vocabulary, word numbers of all sentences with <s> and </s>)."""
    number = {UNKNOWN: 0, BEGIN: 1, END: 2}
    special = set(number)
    flat: list[int] = []
    for sentence in sentences:
        flat.append(1)
        flat.extend(number.setdefault(word, len(number)) for word in sentence if word not in special)
        flat.append(2)
    return list(number), np.array(flat, np.int64)


def _smoothed(found: list[tuple[Any, ...]], counts: list[Any], size: int) -> list[Grams]:
    grams: list[Grams] = []
    for n, ((last, prefix, suffix, _), count) in enumerate(zip(found, counts, strict=True)):
        if n == 0:
            count = np.where(np.arange(size) == 1, 0, count)
            context, contexts, lower = np.zeros(size, np.int64), 1, np.full(size, 1 / (size - 1))
        else:
            context, contexts, lower = prefix, len(counts[n - 1]), grams[-1].probability[suffix]
        discount = _discounts(count)[np.minimum(count, 3)]
        total = np.bincount(context, weights=count, minlength=contexts)
        left = np.bincount(context, weights=discount, minlength=contexts) / np.maximum(total, 1)
        left[total == 0] = 1.0
        probability = (count - discount) / np.maximum(total, 1)[context] + left[context] * lower
        if n == 0:
            probability[1] = 0.0
        else:
            before = grams[-1]
            grams[-1] = Grams(before.last, before.prefix, before.suffix, before.probability, left)
        grams.append(Grams(last, prefix, suffix, probability, np.ones(len(count))))
    return grams


def _discounts(count: Any) -> Any:
    """What is taken off counts of 0, 1, 2, and 3 or more: float64 (4,)."""
    n1, n2, n3, n4 = (float((count == k).sum()) for k in (1, 2, 3, 4))
    if not (n1 and n2 and n3):
        return np.array([0.0, *FALLBACK])
    y = n1 / (n1 + 2 * n2)
    found = np.array([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return found if (found[1:] > 0).all() and (found[1:] <= [1, 2, 3]).all() else np.array([0.0, *FALLBACK])


def write_arpa(vocabulary: list[str], grams: list[Grams], out: TextIO) -> None:
    """Write a model as an ARPA file: log10 of probabilities and back-off weights."""
    out.write("\\data\\\n" + "".join(f"ngram {n}={len(one.last)}\n" for n, one in enumerate(grams, 1)))
    names = vocabulary
    for n, one in enumerate(grams, 1):
        if n > 1:
            names = [f"{names[p]} {vocabulary[w]}" for p, w in zip(one.prefix.tolist(), one.last.tolist(), strict=True)]
        possible = one.probability > 0
        chance = np.where(possible, np.log10(np.where(possible, one.probability, 1)), LOWEST).tolist()
        out.write(f"\n\\{n}-grams:\n")
        if n == len(grams):
            out.writelines(f"{p:.7g}\t{name}\n" for p, name in zip(chance, names, strict=True))
        else:
            backoff = np.log10(one.backoff).tolist()
            out.writelines(f"{p:.7g}\t{name}\t{b:.7g}\n" for p, name, b in zip(chance, names, backoff, strict=True))
    out.write("\n\\end\\\n")


def _lines(paths: list[str]) -> Iterator[str]:
    for path in paths:
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rt", encoding="utf-8", errors="replace") as f:
            yield from (line for line in f if line.strip())


def main() -> int:
    """Train a model from the command line; see the head of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m classifiers.ngram_lm",
        description="Train an n-gram model. Example: python -m classifiers.ngram_lm en.arpa lines.txt",
    )
    parser.add_argument("out", help="ARPA file to write; with --lines: -")
    parser.add_argument("files", nargs="+", help="text files (.gz too), a sentence a line")
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--variant", choices=("code", "paper"), default="code", help="CCNet's normal form, as in the stage perplexity")
    parser.add_argument("--pieces", help="a sentencepiece model; without one, words")
    parser.add_argument("--lines", action="store_true", help="write the normalised lines to standard output and train nothing")
    options = parser.parse_args()
    try:
        pieces = Pieces(options.variant, options.pieces)
        sentences = (pieces.of_line(line) for line in _lines(options.files))
        if options.lines:
            sys.stdout.writelines(" ".join(sentence) + "\n" for sentence in sentences)
            return 0
        model = train(sentences, options.order)
        with Path(options.out).open("w", encoding="utf-8") as f:
            write_arpa(*model, f)
    except (OSError, ValueError) as e:
        sys.stderr.write(f"{e}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
