"""From raw scores to scores that say how likely yes is: points that straight lines join.

Source:  Platt 1999, with his smoothed targets; isotonic regression by pooling adjacent violators (Zadrozny and Elkan 2002).
Units:   raw float64 (n,); labels 0 or 1, or any numbers for isotonic.

Isotonic regression is flat between its steps, and documents of different scores would become equal. So its points are the middles of the
steps, a step has rows enough, and the ends go on where no row was (ours).
"""

from __future__ import annotations

from typing import Any

import numpy as np

POINTS = 64
LEAST_ROWS = 20
"""Rows of a step (ours)."""
CLIP = 1e-6


def platt(raw: Any, labels: Any) -> tuple[list[float], list[float]] | None:
    """Points of a logistic curve over the log-odds of raw probabilities; None if higher scores are not likelier yes."""
    x, labels = _log_odds(np.asarray(raw, np.float64)), np.asarray(labels, np.float64)
    yes = labels.sum()
    target = np.where(labels > 0, (yes + 1) / (yes + 2), 1 / (len(labels) - yes + 2))
    design, w = np.column_stack([x, np.ones(len(x))]), np.zeros(2)
    loss = _loss(design @ w, target)
    for _ in range(100):
        p = _sigmoid(design @ w)
        curve = design.T @ (design * (p * (1 - p))[:, None]) + 1e-9 * np.eye(2)
        step, size = np.linalg.solve(curve, design.T @ (target - p)), 1.0
        while size > 1e-9 and _loss(design @ (w + size * step), target) > loss:
            size /= 2
        w = w + size * step
        before, loss = loss, _loss(design @ w, target)
        if before - loss < 1e-12:
            break
    if w[0] <= 0:
        return None
    z = np.linspace(_log_odds(np.array(0.0)), _log_odds(np.array(1.0)), POINTS)
    at = _sigmoid(z)
    at[0], at[-1] = 0, 1
    return at.tolist(), _sigmoid(w[0] * z + w[1]).tolist()


def isotonic(raw: Any, labels: Any, bounded: bool) -> tuple[list[float], list[float]] | None:
    """Points of an isotonic regression; None if it is flat.

    Args:
        bounded: raw scores and labels are from 0 to 1; else the line goes on beyond the last points at slope 1.
    """
    raw, labels = np.asarray(raw, np.float64), np.asarray(labels, np.float64)
    order = np.argsort(raw, kind="stable")
    cuts = np.arange(0, len(raw), LEAST_ROWS)
    if len(cuts) > 1 and len(raw) - cuts[-1] < LEAST_ROWS:
        cuts = cuts[:-1]
    rows = np.diff(np.append(cuts, len(raw))).astype(np.float64)
    steps: list[list[float]] = []
    for n, x, y in zip(rows, np.add.reduceat(raw[order], cuts), np.add.reduceat(labels[order], cuts), strict=True):
        steps.append([n, x, y])
        while len(steps) > 1 and any(steps[-2][k] / steps[-2][0] >= steps[-1][k] / steps[-1][0] for k in (1, 2)):
            last = steps.pop()
            steps[-1] = [a + b for a, b in zip(steps[-1], last, strict=True)]
    if len(steps) < 2:
        return None
    x, y = np.array([s[1] / s[0] for s in steps]), np.array([s[2] / s[0] for s in steps])
    if bounded:
        if y[0] == 0:  # no row of the step was yes: as likely as one more row of all would make it
            y[0] = min(labels.mean() / (steps[0][0] + 1), y[1] / 2)
        if y[-1] == 1:
            y[-1] = 1 - min((1 - labels.mean()) / (steps[-1][0] + 1), (1 - y[-2]) / 2)
        inside = (x > 0) & (x < 1)
        return [0.0, *x[inside].tolist(), 1.0], [0.0, *y[inside].tolist(), 1.0]
    far = 1e6
    return [float(x[0] - far), *x.tolist(), float(x[-1] + far)], [float(y[0] - far), *y.tolist(), float(y[-1] + far)]


def _log_odds(p: Any) -> Any:
    p = np.clip(p, CLIP, 1 - CLIP)
    return np.log(p / (1 - p))


def _sigmoid(z: Any) -> Any:
    return (1 + np.tanh(z / 2)) / 2


def _loss(z: Any, target: Any) -> float:
    return float((np.logaddexp(0, z) - target * z).sum())
