"""Gradient boosting with oblivious trees, for small models that must be fast to run.

An oblivious tree asks the same question everywhere on a level, so a tree of depth d is d comparisons and one look-up,
without a branch; it is also hard to overfit with, which suits noisy labels. Labels may lie between 0 and 1.

Source:  Friedman 2001, "Greedy Function Approximation"; second-order gain and leaves as in XGBoost (Chen and Guestrin
         2016); oblivious trees as in CatBoost (Prokhorenkova et al. 2018). Row and column sampling per tree and level.
Units:   features float32, labels 0 to 1, weights of mean 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from stages.extract.block_model import Forest

BINS = 64
SAMPLED_ROWS = 50_000
"""Rows the bounds of the bins are read off."""


def bounds(x: Any, rng: np.random.Generator) -> Any:
    """Upper bounds of each feature's bins, from quantiles: float32 (features, BINS - 1), padded with infinity."""
    rows = x[rng.choice(len(x), min(len(x), SAMPLED_ROWS), replace=False)]
    out = np.full((x.shape[1], BINS - 1), np.inf, np.float32)
    for feature in range(x.shape[1]):
        values = np.unique(rows[:, feature])
        if len(values) > BINS:
            values = np.unique(np.quantile(rows[:, feature], np.linspace(0, 1, BINS), method="nearest"))
        middle = (values[:-1] + values[1:]) / 2
        out[feature, : len(middle)] = middle
    return out


def fit(
    x: Any, label: Any, weight: Any, *, rounds: int, depth: int, rate: float, l2: float, rows: float, columns: float, seed: int
) -> Forest:
    """Fit a forest that gives the logarithm of a label's odds.

    Args:
        x: float32 (n, features). label: float64 (n,), 0 to 1. weight: float64 (n,), zero leaves a row out.
        rounds, depth: number of trees, and of questions in each. rate: learning rate. l2: added to a leaf's curvature.
        rows, columns: share of the rows a tree is grown on, and of the features looked at on each level.
    """
    rng = np.random.default_rng(seed)
    used = weight > 0
    x, label, weight = x[used], label[used], weight[used] / weight[used].mean()
    upper = bounds(x, rng)
    bins = np.empty((x.shape[1], len(x)), np.uint8)
    for column in range(x.shape[1]):
        bins[column] = np.searchsorted(upper[column], x[:, column], side="left")
    mean = float((label * weight).sum() / weight.sum())
    base = np.log(mean / (1 - mean))
    score = np.full(len(x), base)
    feature, threshold = np.zeros((rounds, depth), np.int32), np.zeros((rounds, depth), np.float32)
    leaves = np.zeros((rounds, 1 << depth), np.float32)
    for tree in range(rounds):
        p = 1 / (1 + np.exp(-score))
        slopes = np.stack([weight * (p - label), weight * p * (1 - p)], axis=1).astype(np.float32)
        sample = np.flatnonzero(rng.random(len(x)) < rows)
        sample_bins, sample_slopes = np.take(bins, sample, axis=1), slopes[sample]
        leaf, cuts = np.zeros(len(sample), np.int32), [0] * depth
        for level in range(depth):
            looked_at = rng.choice(x.shape[1], max(1, round(columns * x.shape[1])), replace=False)
            best, cut = _question(sample_bins, looked_at, leaf, sample_slopes, 1 << level, l2)
            feature[tree, level], threshold[tree, level], cuts[level] = best, upper[best, cut], cut
            leaf = 2 * leaf + (sample_bins[best] > cut)
        slope, curve = (np.bincount(leaf, sample_slopes[:, k], 1 << depth) for k in (0, 1))
        leaves[tree] = -rate * slope / (curve + l2)
        score += leaves[tree, _leaf(bins, feature[tree], cuts)]
    return Forest(feature, threshold, leaves, np.float32(base))


def _leaf(bins: Any, features: Any, cuts: list[int]) -> Any:
    """Leaf of every row in a tree."""
    leaf = np.zeros(bins.shape[1], np.int32)
    for feature, cut in zip(features, cuts, strict=True):
        leaf = 2 * leaf + (bins[feature] > cut)
    return leaf


@njit(cache=True)
def _question(bins: Any, columns: Any, leaf: Any, slopes: Any, n_leaves: Any, l2: Any) -> Any:
    """The feature and bin whose question gains most over all leaves of a level: (feature, bin; greater goes right)."""
    sums, gain = np.zeros((n_leaves * BINS, 2), np.float32), np.zeros(BINS)
    best, best_feature, best_cut = -1.0, columns[0], 0
    for feature in columns:
        sums[:] = 0
        column = bins[feature]
        for i in range(len(leaf)):
            at = leaf[i] * BINS + column[i]
            sums[at, 0] += slopes[i, 0]
            sums[at, 1] += slopes[i, 1]
        gain[:] = 0
        for k in range(n_leaves):
            slope_all, curve_all, slope_left, curve_left = 0.0, 0.0, 0.0, 0.0
            for cut in range(BINS):
                slope_all += sums[k * BINS + cut, 0]
                curve_all += sums[k * BINS + cut, 1]
            for cut in range(BINS - 1):
                slope_left += sums[k * BINS + cut, 0]
                curve_left += sums[k * BINS + cut, 1]
                gain[cut] += slope_left**2 / (curve_left + l2) + (slope_all - slope_left) ** 2 / (curve_all - curve_left + l2)
        for cut in range(BINS - 1):
            if gain[cut] > best:
                best, best_feature, best_cut = gain[cut], feature, cut
    return best_feature, best_cut
