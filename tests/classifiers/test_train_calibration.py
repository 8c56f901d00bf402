"""Calibration: curves that are known are found, order is kept, and what cannot be calibrated is said."""

import numpy as np
import pytest

from classifiers.metrics import calibration as judged
from classifiers.train.calibration import isotonic, platt
from stages.quality.models.model_folder import Calibration


def drawn(count, slope, shift, seed=0):
    """Raw probabilities, and labels that are yes as often as a logistic curve of them says."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, count)
    return 1 / (1 + np.exp(-z)), (rng.random(count) < 1 / (1 + np.exp(-(slope * z + shift)))).astype(float)


@pytest.mark.parametrize("fit", [platt, lambda raw, labels: isotonic(raw, labels, True)])
def test_scores_become_as_likely_as_they_say(fit):
    raw, labels = drawn(4_000, 0.5, -1)
    points = Calibration(x=fit(raw, labels)[0], y=fit(raw, labels)[1])  # which refuses points out of order
    other, wanted = drawn(4_000, 0.5, -1, seed=1)
    assert judged(other, wanted)[1] > 0.15
    assert judged(np.interp(other, points.x, points.y), wanted)[1] < 0.03


def test_platt_finds_the_curve():
    x, y = platt(*drawn(20_000, 0.5, -1))
    z = np.linspace(-4, 4, 9)
    found = np.interp(1 / (1 + np.exp(-z)), x, y)
    np.testing.assert_allclose(np.log(found / (1 - found)), 0.5 * z - 1, atol=0.15)


@pytest.mark.parametrize("bounded", [True, False])
def test_isotonic_scores_keep_their_order(bounded):
    raw, labels = drawn(2_000, 1, 0)
    raw, labels = (raw, labels) if bounded else (30 * raw - 9, 5 * labels)
    x, y = isotonic(raw, labels, bounded)
    values = np.sort(np.append(raw, [raw.min() - 1, raw.max() + 1] if not bounded else [0, 1]))
    assert (np.diff(np.interp(values, x, y)) > 0).mean() > 0.99


def test_a_score_that_tells_nothing_is_not_calibrated():
    raw, labels = drawn(500, -1, 0)
    assert platt(raw, labels) is None
    assert isotonic(raw, labels, True) is None


def test_labels_that_a_score_tells_apart_for_sure_have_a_finite_curve():
    raw = np.array([0.0] * 20 + [1.0] * 20)
    x, y = platt(raw, raw)
    assert np.isfinite(y).all()
    assert y[0] < 0.1 < 0.9 < y[-1]
    assert x[0] == 0
    assert x[-1] == 1
