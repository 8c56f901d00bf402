"""Is the difference between two sides more than chance? Intervals and verdicts from what models of equal blocks make of targets.

Model k of A and model k of B were trained on block k of each side. Two things are left to chance: which documents the blocks are of, and
which ones a target is of.

- Training. The difference of the two models of a block, d_k, is one number for each of K blocks that share no document. So their mean has
  the standard error s / sqrt(K), and Student's t of K - 1 degrees of freedom. Differences of a block are paired: what both sides have in
  common stands in the same block of both and cancels out.
- Targets. Documents of a target are drawn anew, with replacement, SAMPLES times (paired: one draw for both sides).

A replicate is the difference of one draw of documents, plus a draw of t times the standard error: a sum of both chances. Part of the noise
of training is in the spread over documents too, so intervals are somewhat wide rather than narrow. A bootstrap of the target's documents
alone takes two halves of one corpus for different more often than not (`bench ablate`): all documents were judged by the same models.

*Over all* is the mean of the targets' differences, each target weighing the same: one test at LEVEL. The verdicts by target are Holm's, so
that the chance of any false one among them is LEVEL at most.

Source:  the bootstrap: Efron and Tibshirani 1993, chapter 13 (percentile intervals); Holm 1979. Blocks as the unit of training are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SAMPLES = 10_000
LEVEL = 0.05
CHUNK = 1 << 22
OVER_ALL = "over all"


@dataclass(frozen=True)
class Result:
    """What is said of a target, or of all of them.

    a, b: bits per byte, means over the models. difference: a - b, below 0 where A is better; low, high: its interval at 1 - LEVEL.
    p: chance of a difference so large if there is none. adjusted: p by Holm. verdict: a sentence.
    """

    name: str
    documents: int
    bytes: int
    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float
    adjusted: float
    verdict: str


def compare(bits: Sequence[Sequence[Any]], sizes: Sequence[Any], names: Sequence[str], seed: int = 0) -> list[Result]:
    """Judge each target, then all together.

    Args:
        bits: of A and of B, of each target, what its documents cost each model: float64 (models, documents); two models at least.
        sizes: of each target, bytes of its documents: int64 (documents,).
    """
    rng, (a, b) = np.random.default_rng(seed), bits
    rates = [np.stack([side.sum(axis=1) / size.sum() for side in (x, y)]) for x, y, size in zip(a, b, sizes, strict=True)]
    draws = [resampled((x - y).mean(axis=0), size, rng) for x, y, size in zip(a, b, sizes, strict=True)]
    rates.append(np.mean(rates, axis=0))
    draws.append(np.mean(draws, axis=0))
    counts = [(len(size), int(size.sum())) for size in sizes]
    counts.append((sum(n for n, _ in counts), sum(n for _, n in counts)))
    found = []
    for (of_a, of_b), drawn in zip(rates, draws, strict=True):
        differences = of_a - of_b
        models = len(differences)
        error = float(differences.std(ddof=1)) / np.sqrt(models)
        replicates = drawn + error * rng.standard_t(models - 1, SAMPLES)
        low, high = np.quantile(replicates, [LEVEL / 2, 1 - LEVEL / 2])
        beyond = min((replicates <= 0).sum(), (replicates >= 0).sum())
        found.append((float(of_a.mean()), float(of_b.mean()), float(low), float(high), min(1.0, 2 * (beyond + 1) / (SAMPLES + 1))))
    adjusted = [*holm([p for *_, p in found[:-1]]), found[-1][-1]]
    return [
        Result(name, *count, one, other, one - other, low, high, p, q, verdict(one - other, q))
        for name, count, (one, other, low, high, p), q in zip([*names, OVER_ALL], counts, found, adjusted, strict=True)
    ]


def verdict(difference: float, p: float) -> str:
    if p >= LEVEL:
        return f"no difference seen at {100 * LEVEL:g} %"
    return "A is better" if difference < 0 else "B is better"


def holm(chances: Sequence[float]) -> list[float]:
    """Adjusted chances: of the i-th smallest of m, (m - i) times it, and no less than those before."""
    adjusted, before = [0.0] * len(chances), 0.0
    for i, which in enumerate(np.argsort(chances, kind="stable")):
        before = max(before, min(1.0, (len(chances) - i) * chances[which]))
        adjusted[which] = before
    return adjusted


def resampled(bits: Any, sizes: Any, rng: Any) -> Any:
    """Bits per byte of SAMPLES draws of documents: float64 (SAMPLES,)."""
    found = []
    rows = max(1, CHUNK // len(sizes))
    for first in range(0, SAMPLES, rows):
        chosen = rng.integers(0, len(sizes), (min(rows, SAMPLES - first), len(sizes)))
        found.append(bits[chosen].sum(axis=1) / sizes[chosen].sum(axis=1))
    return np.concatenate(found)
