"""Boosting finds what is there, weighs rows, is the same twice, and leaves label noise alone."""

import numpy as np
import pytest

from classifiers.boosting import BINS, bounds, fit
from stages.extract.block_model import probability

SETTINGS = {"rounds": 60, "depth": 3, "rate": 0.2, "l2": 1.0, "rows": 0.8, "columns": 1.0, "seed": 1}


def data(n=4_000, features=6):
    rng = np.random.default_rng(7)
    return rng.random((n, features)).astype(np.float32), np.ones(n)


def test_it_learns_an_interaction():
    x, weight = data()
    label = ((x[:, 0] > 0.5) ^ (x[:, 3] > 0.3)).astype(float)
    p = probability(x, fit(x, label, weight, **SETTINGS))
    assert ((p > 0.5) == (label > 0.5)).mean() > 0.97


def test_soft_labels_come_back_as_probabilities():
    x, weight = data()
    label = np.where(x[:, 1] > 0.5, 0.8, 0.3)
    p = probability(x, fit(x, label, weight, **SETTINGS))
    assert np.abs(p - label).mean() < 0.02


def test_rows_without_weight_say_nothing():
    x, _ = data()
    label = (x[:, 0] > 0.5).astype(float)
    wrong = np.arange(len(x)) % 2 == 0
    p = probability(x, fit(x, np.where(wrong, 1 - label, label), np.where(wrong, 0.0, 1.0), **SETTINGS))
    assert ((p > 0.5) == (label > 0.5)).mean() > 0.99


def test_twice_the_same_and_another_seed_is_another_forest():
    x, weight = data(1_000)
    label = (x[:, 0] > 0.5).astype(float)
    first, again = fit(x, label, weight, **SETTINGS), fit(x, label, weight, **SETTINGS)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.leaves, fit(x, label, weight, **SETTINGS | {"seed": 2}).leaves)


def test_a_forest_is_its_trees():
    x, weight = data(500)
    forest = fit(x, x[:, 2].astype(float), weight, **SETTINGS | {"rounds": 5})
    odds = np.full(len(x), forest.base, np.float64)
    for feature, threshold, leaves in zip(forest.feature, forest.threshold, forest.leaves, strict=True):
        for i, row in enumerate(x):
            leaf = 0
            for f, t in zip(feature, threshold, strict=True):
                leaf = 2 * leaf + (row[f] > t)
            odds[i] += leaves[leaf]
    assert probability(x, forest) == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-6)


@pytest.mark.parametrize(
    ("values", "cuts"),
    [
        pytest.param([1, 1, 1], [], id="a constant"),
        pytest.param([0, 1, 0, 1], [0.5], id="two values"),
        pytest.param([1, 2, 4], [1.5, 3.0], id="three"),
    ],
)
def test_bounds(values, cuts):
    found = bounds(np.array(values, np.float32)[:, None], np.random.default_rng(0))[0]
    assert found[np.isfinite(found)].tolist() == cuts
    assert len(found) == BINS - 1
