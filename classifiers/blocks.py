"""Train the block classifier of `extract_html`: which blocks of a page are content.

    python -m classifiers.blocks PAGES [--out FOLDER] [--folds]

PAGES is a folder of `pages-*.jsonl.gz`, a page a line: id, url, source, html (or html_b64), gold (the page's content as
text). Only sources named in SOURCES are read. Written are `blocks.npz`, fitted on all of them, and with `--folds` also
`fold-0.npz` … `fold-4.npz`, each fitted without the pages of its fold, from which figures are read that are not about
pages the model has seen. A page's fold follows from its registrable domain.

A block's label is the share of its words that the best alignment of page and gold finds in the gold.

Source:  gradient boosting on soft labels (boosting.py); the alignment is ours (longest common subsequence in which a
         run of words counts more than the same words scattered).
Units:   words as curation/text.py has them, in lower case.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import xxhash
from numba import njit

from classifiers.boosting import fit
from curation.domains import registrable_domain
from curation.text import Utf8
from stages.extract import block_model
from stages.extract.block_model import Forest, save, words_of
from stages.extract.charset import utf8
from stages.extract.features import features
from stages.extract.page import read

SOURCES = {"wcxb-dev": 1.0, "built-math": 0.3, "built-code": 0.3, "cases": 0.3}
"""Source -> weight of a page (ours: the built pages are a few templates many times over)."""
FOLDS = 5
ROUNDS = 300
MAX_WORD_PAIRS = 1_500_000_000
SETTINGS: dict[str, Any] = {"depth": 6, "rate": 0.08, "l2": 20.0, "rows": 0.4, "columns": 0.3}


def fold(url: str | None, name: str) -> int:
    """Fold of a page: by its registrable domain, by its id where it has no address."""
    domain = registrable_domain(urlsplit(url).netloc) if url else None
    return int(xxhash.xxh3_64_intdigest((domain or name).encode()) % FOLDS)


@dataclass(frozen=True)
class Sample:
    """A page with labels: own as `features` gives it; label, weight float64 (m,)."""

    own: Any
    label: Any
    weight: Any
    fold: int


def pages(folder: Path) -> Iterator[dict[str, Any]]:
    """Rows of the pages that may be trained on.

    Raises: FileNotFoundError if the folder has none.
    """
    files = sorted(folder.glob("pages*.jsonl.gz"))
    if not files:
        raise FileNotFoundError(f"no pages*.jsonl.gz in {folder}")
    for file in files:
        with gzip.open(file, "rb") as lines:
            for line in lines:
                row = json.loads(line)
                if row["source"] in SOURCES and row["gold"] is not None:
                    yield row


def sample(row: dict[str, Any]) -> Sample | None:
    """A page's features and labels; None for one without blocks."""
    content = base64.b64decode(row["html_b64"]) if "html_b64" in row else row["html"].encode("utf-8", "surrogatepass")
    page = read(utf8(content, None))
    if not len(page.blocks):
        return None
    own = features(page.tree, page.blocks, page.title, row["url"])
    texts = Utf8.of_strings([page.blocks.text_of(k) for k in range(len(page.blocks))]).words()
    gold = Utf8.of_strings([row["gold"]]).words()
    found = aligned(texts.hashes(lower=True), gold.hashes(lower=True))
    words = texts.counts()
    matched = np.add.reduceat(np.append(found, False).astype(np.float64), texts.offsets[:-1]) * (words > 0)
    weight = words.astype(np.float64) ** 0.8
    weight *= 100 * SOURCES[row["source"]] / max(1e-9, weight.sum())
    return Sample(own, matched / np.maximum(1, words), weight, fold(row["url"], row["id"]))


def aligned(page: Any, gold: Any) -> Any:
    """Which words of a page are in its gold text, in order: bool (n,).

    Args:
        page, gold: uint64, hashes of the words. The product of their lengths is bounded; longer pages are cut.
    """
    cut = min(len(page), MAX_WORD_PAIRS // max(1, len(gold)))
    return np.append(_align(page[:cut], gold), np.zeros(len(page) - cut, np.bool_))


@njit(cache=True)
def _align(page: Any, gold: Any) -> Any:
    n, m = len(page), len(gold)
    best, run = np.zeros(m + 1, np.int32), np.zeros(m + 1, np.int32)  # of the row above; `run` ends in a match
    steps = np.zeros((n + 1, m + 1), np.uint8)  # 1: skip a page word, 2: skip a gold word, 4: match; 8: the match goes on a run
    for i in range(1, n + 1):
        best_before, run_before = best[0], run[0]
        for j in range(1, m + 1):
            step, score = 0, 0
            if page[i - 1] == gold[j - 1]:
                score = best_before + 1
                if run_before > 0 and run_before + 3 >= score:
                    score, step = run_before + 3, 8
            best_before, run_before = best[j], run[j]
            run[j] = score
            if score > best[j] and score > best[j - 1]:
                best[j], step = score, step | 4
            elif best[j - 1] > best[j]:
                best[j], step = best[j - 1], step | 2
            else:
                step |= 1
            steps[i, j] = step
    found = np.zeros(n, np.bool_)
    i, j, in_run = n, m, False
    while i > 0 and j > 0:
        step = steps[i, j]
        if in_run or step & 4:
            found[i - 1] = True
            in_run = (step & 8) != 0
            i, j = i - 1, j - 1
        elif step & 1:
            i -= 1
        else:
            j -= 1
    return found


def train(samples: list[Sample], seed: int = 1, rounds: int = ROUNDS) -> Forest:
    """A forest fitted on some pages."""
    x = np.concatenate([s.own for s in samples])
    label, weight = np.concatenate([s.label for s in samples]), np.concatenate([s.weight for s in samples])
    return fit(x, label, weight, **SETTINGS, seed=seed, rounds=rounds)


def main() -> None:
    """The command described at the head of this file."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.blocks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pages", type=Path, help="folder of pages-*.jsonl.gz")
    parser.add_argument("--out", type=Path, default=block_model.DEFAULT.parent, help="folder the models are written to")
    parser.add_argument("--folds", action="store_true", help="write fold-0.npz … fold-4.npz instead of blocks.npz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="trees in a forest")
    chosen = parser.parse_args()
    samples = [s for row in pages(chosen.pages) if (s := sample(row)) is not None]
    words = sum(int(words_of(s.own).sum()) for s in samples)
    sys.stderr.write(f"{len(samples)} pages, {sum(len(s.own) for s in samples)} blocks, {words} words\n")
    chosen.out.mkdir(parents=True, exist_ok=True)
    if not chosen.folds:
        save(train(samples, chosen.seed, chosen.rounds), chosen.out / block_model.DEFAULT.name)
        return
    for k in range(FOLDS):
        save(train([s for s in samples if s.fold != k], chosen.seed, chosen.rounds), chosen.out / f"fold-{k}.npz")


if __name__ == "__main__":
    main()
