"""The block classifier: a small forest, and which blocks to keep.

The forest gives each block a probability from its features; a share of it gives way to the mean of the
blocks that stand in like places, which smooths the verdicts over a page. A page keeps the blocks that
make the expected word F1 of its text largest (Lewis 1995; Ye et al. 2012): where the model is unsure
of a page, more is kept.

The model's file is an .npz of plain arrays, read without pickle; `python -m classifiers.blocks` makes
it. Its trees are oblivious (classifiers/boosting.py), so a page of 250 blocks takes a tenth of a millisecond.

Units:   probabilities 0 to 1.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numba import njit
from numpy.lib.npyio import NpzFile

from curation.text import hash_bytes
from stages.extract.blocks import CODE, KIND, MATH, NODE, SPAN_FORMULA, START, STOP, Blocks
from stages.extract.features import NAMES, features, kin
from stages.extract.tree import Tree

DEFAULT = Path(__file__).with_name("blocks.npz")
LOWEST, HIGHEST = 0.2, 0.5
"""A block above HIGHEST is kept and one below LOWEST is not, whatever the rest of the page is (ours)."""


KIN_SHARE = 0.6
"""Share of a block's probability that its kin have (ours)."""


MIN_SURE_WORDS, MIN_EXPECTED_WORDS = 8, 25
"""A page without one likely block of 8 words, and with fewer than 25 words expected in all, has no content (ours)."""


COPIED_BYTES = 60
"""A shorter block that stands in the page twice is no copy (ours)."""


class Forest(NamedTuple):
    """Oblivious trees: every node of a level asks the same question.

    feature: int32 (trees, depth). threshold: float32 (trees, depth); a greater value goes right.
    leaves: float32 (trees, 2 ** depth). base: float32, added to the sum.
    """

    feature: Any
    threshold: Any
    leaves: Any
    base: Any


@njit(cache=True)
def _odds(x: Any, feature: Any, threshold: Any, leaves: Any, base: Any) -> Any:
    """Sum of the trees for each column of x (features, m): float32 (m,). Each level is one pass without branches."""
    m = x.shape[1]
    out, leaf = np.full(m, base), np.zeros(m, np.int32)
    for tree in range(len(feature)):
        leaf[:] = 0
        for level in range(feature.shape[1]):
            row, bound = x[feature[tree, level]], threshold[tree, level]
            for k in range(m):
                leaf[k] = 2 * leaf[k] + (row[k] > bound)
        for k in range(m):
            out[k] += leaves[tree, leaf[k]]
    return out


AT_ONCE = 4096
"""Blocks judged together, so that their columns fit a processor's cache."""


def probability(x: Any, forest: Forest) -> Any:
    """Probability of each row of features: float64 (m,)."""
    odds = np.empty(len(x), np.float32)
    for at in range(0, len(x), AT_ONCE):
        some = np.ascontiguousarray(x[at : at + AT_ONCE].T)
        odds[at : at + AT_ONCE] = _odds(some, forest.feature, forest.threshold, forest.leaves, np.float32(forest.base))
    return 1 / (1 + np.exp(-odds.astype(np.float64)))


def save(forest: Forest, path: Path) -> None:
    """Write a model, with the names of the features it was fitted on."""
    with open(path, "wb") as f:
        np.savez_compressed(f, names=np.array(NAMES), **forest._asdict())


@cache
def load(path: Path = DEFAULT) -> Forest:
    """Read a model.

    Raises: ValueError if the file is no model for the features of this version.
    """
    try:
        with open(path, "rb") as opened, NpzFile(opened, allow_pickle=False) as file:
            if tuple(file["names"].tolist()) != NAMES:
                raise ValueError("it was fitted on other features")
            return Forest(*(file[name] for name in Forest._fields))
    except (ValueError, KeyError, TypeError, OSError, EOFError, BadZipFile) as e:
        raise ValueError(f"{path} is no block model: {e}") from e


class Judged(NamedTuple):
    """Which blocks are content.

    keep: bool (m,). p: float64 (m,). confidence: the word F1 that the text is expected to have.
    """

    keep: Any
    p: Any
    confidence: float


@njit(cache=True)
def _choose(p: Any, words: Any, lowest: Any, highest: Any) -> Any:
    """The threshold within its bounds that makes the expected F1 largest, and that F1.

    With the blocks at or above it kept, F1 = 2 · Σ kept p·words / (Σ kept words + Σ p·words).
    """
    order = np.argsort(-p, kind="mergesort")
    total = (p * words).sum()
    best, threshold, right, kept = -1.0, highest, 0.0, 0.0
    for i in range(len(order)):
        k = order[i]
        right += p[k] * words[k]
        kept += words[k]
        if i + 1 == len(order) or p[order[i + 1]] < p[k]:
            f1 = 2 * right / max(1e-9, kept + total)
            if f1 > best:
                best, threshold = f1, p[k]
    threshold = min(highest, max(lowest, threshold))
    right, kept = 0.0, 0.0
    for k in range(len(p)):
        if p[k] >= threshold:
            right += p[k] * words[k]
            kept += words[k]
    return threshold, 2 * right / max(1e-9, kept + total)


def judge(tree: Tree, blocks: Blocks, title: str, url: str | None, model: Forest) -> Judged:
    """Tell content from boilerplate.

    Args:
        title: the page's title, or "". url: its address, or None.
    """
    own = features(tree, blocks, title, url)
    words = words_of(own)
    p = smoothed(probability(own, model), words, kin(tree, blocks))
    judged = decide(_lifted(p, blocks.table, blocks.spans), words)
    return judged._replace(keep=_without_copies(judged.keep, blocks.text, blocks.table, blocks.signature, tree.parent))


@njit(cache=True)
def _without_copies(keep: Any, text: Any, table: Any, signature: Any, parent: Any) -> Any:
    """`keep` without long blocks that stood in another place before: copies a template makes for phones or for print.

    What stands twice in like places, by tag and class of the element and its parent, was written twice, and stays.
    """
    long = np.flatnonzero(keep & (table[:, STOP] - table[:, START] > COPIED_BYTES) & (table[:, KIND] != MATH))
    hashes = np.zeros(len(long), np.uint64)
    for i in range(len(long)):
        hashes[i] = hash_bytes(text, table[long[i], START], table[long[i], STOP])
    out, first = keep.copy(), 0
    order = np.argsort(hashes, kind="mergesort")
    for i in range(len(order)):
        a, b = table[long[order[first]], NODE], table[long[order[i]], NODE]
        if hashes[order[i]] != hashes[order[first]]:
            first = i
        elif signature[a] != signature[b] or signature[parent[a]] != signature[parent[b]]:
            out[long[order[i]]] = False
    return out


def smoothed(p: Any, words: Any, like: Any) -> Any:
    """Each probability, KIN_SHARE of it replaced by the mean of all blocks of its kind, by words: float64 (m,).

    What a template repeats, the items of a list, the parts of a post, is content or not as one.
    """
    _, group = np.unique(like, return_inverse=True)
    weight = words + 1
    mean = (np.bincount(group, p * weight) / np.bincount(group, weight))[group]
    return (1 - KIN_SHARE) * p + KIN_SHARE * mean


@njit(cache=True)
def _lifted(p: Any, table: Any, spans: Any) -> Any:
    """Probabilities in which code and formulas are at least as likely as the prose before or behind them, and as HIGHEST.

    Boilerplate has none, and half an explanation is worth less than none.
    """
    m = len(p)
    out = p.copy()
    for forward in (True, False):
        near = 0.0
        for i in range(m):
            k = i if forward else m - 1 - i
            if table[k, 1] == CODE or table[k, 1] == MATH:
                out[k] = max(out[k], near, HIGHEST)
            else:
                near = p[k]
    k = 0
    for i in range(len(spans)):
        while k < m and table[k, 6] <= spans[i, 0]:
            k += 1
        if k < m and spans[i, 2] == SPAN_FORMULA:
            out[k] = max(out[k], HIGHEST)
    return out


def words_of(own: Any) -> Any:
    """Words of each block, from its features: float64 (m,)."""
    return np.round(np.expm1(own[:, _LOG_WORDS].astype(np.float64)))


def decide(p: Any, words: Any) -> Judged:
    """The blocks to keep, given their probabilities and words."""
    if (p * words).sum() < MIN_EXPECTED_WORDS and not ((p >= HIGHEST) & (words >= MIN_SURE_WORDS)).any():
        return Judged(np.zeros(len(p), np.bool_), p, 0.0)
    threshold, confidence = _choose(p, words, LOWEST, HIGHEST)
    return Judged(p >= threshold, p, float(confidence))


_LOG_WORDS = NAMES.index("log_words")
