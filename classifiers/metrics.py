"""Figures of a score against yes/no labels: curves, areas, intervals, calibration, thresholds.

Source:  ROC and its area: Fawcett 2006; average precision as scikit-learn has it; expected calibration error: Guo et al. 2017, ten bins of
         equal width. The cluster bootstrap (whole groups drawn with replacement, percentiles): Efron and Tibshirani 1993.
Units:   scores float (n,), labels bool (n,); the higher the score, the more likely yes. Equal scores are one threshold: half of
         their pairs count. Shares are 0 to 1.
Errors:  ValueError for arrays of different lengths, no rows, scores that are not finite numbers, labels of one kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

SAMPLES = 1_000
"""Samples of a bootstrap."""
LEAST_GROUPS = 5
"""Groups with a row of each label, or of both, that an interval asks for (ours)."""
DIGITS = 3
"""Digits a stored score has: thresholds are taken between scores that are rounded so."""
LEAST_ROWS, LEAST_EACH = 200, 20
"""Rows of a language, and of each label in it, for a threshold of its own (ours)."""


class Point(NamedTuple):
    """What is kept at `score >= threshold`: its precision, recall and share of all rows."""

    threshold: float
    precision: float
    recall: float
    kept: float


@dataclass(frozen=True)
class Curve:
    """Counts at each distinct score, from the highest down.

    thresholds: float64 (m,), falling. kept, hits: int64 (m,), rows with at least that score, and the yes among them.
    """

    thresholds: Any
    kept: Any
    hits: Any

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self.kept[-1])

    @property
    def positives(self) -> int:
        """All rows of label yes."""
        return int(self.hits[-1])

    @cached_property
    def precision(self) -> Any:
        """Float64 (m,)."""
        return self.hits / self.kept

    @cached_property
    def recall(self) -> Any:
        """The true positive rate: float64 (m,)."""
        return self.hits / self.positives

    @cached_property
    def false_positive_rate(self) -> Any:
        """Float64 (m,)."""
        return (self.kept - self.hits) / (self.rows - self.positives)

    def point(self, i: int) -> Point:
        """The point of a threshold's place."""
        return Point(float(self.thresholds[i]), float(self.precision[i]), float(self.recall[i]), float(self.kept[i] / self.rows))

    def roc(self) -> Any:
        """(false positive rate, true positive rate) from (0, 0) to (1, 1): float64 (m + 1, 2)."""
        return np.concatenate([[(0.0, 0.0)], np.column_stack([self.false_positive_rate, self.recall])])

    def auc(self) -> float:
        """Area under the ROC curve: the share of (yes, no) pairs in which yes scores higher, ties counting half."""
        hits, misses = np.diff(self.hits, prepend=0), np.diff(self.kept - self.hits, prepend=0)
        below = (self.rows - self.positives) - np.cumsum(misses)
        return float((hits * (below + misses / 2)).sum() / self.positives / (self.rows - self.positives))

    def average_precision(self) -> float:
        """Mean precision over steps of recall."""
        return float((np.diff(self.recall, prepend=0.0) * self.precision).sum())

    def at_recall(self, recall: float) -> Point:
        """The highest threshold with at least that recall."""
        wanted = recall * self.positives
        return self.point(int(np.searchsorted(self.hits, wanted - 1e-9 * wanted)))

    def at_precision(self, precision: float, least: int = 1) -> Point | None:
        """The lowest threshold with at least that precision, None if none that keeps `least` rows has it."""
        reached = np.flatnonzero((self.precision >= precision) & (self.kept >= least))
        return self.point(int(reached[-1])) if len(reached) else None

    def at_kept(self, share: float) -> Point:
        """The lowest threshold that keeps at most that share; the highest score, if more than that have it."""
        return self.point(max(0, int(np.searchsorted(self.kept, share * self.rows * (1 + 1e-9), side="right")) - 1))


def checked(scores: Any, labels: Any) -> tuple[Any, Any]:
    """Scores as float64 and labels as bool. Raises: ValueError; see the head of this file."""
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels)
    if scores.shape != labels.shape or scores.ndim != 1:
        raise ValueError(f"scores and labels are one value a row each, not {scores.shape} and {labels.shape}")
    if not len(scores):
        raise ValueError("no rows to evaluate")
    if labels.dtype != np.bool_:
        if not np.isin(labels, (0, 1)).all():
            raise ValueError("labels are true or false")
        labels = labels.astype(np.bool_)
    if bad := int((~np.isfinite(scores)).sum()):
        raise ValueError(f"{bad} of {len(scores)} scores are not finite numbers")
    if labels.all() or not labels.any():
        raise ValueError(f"all {len(labels)} rows have label {bool(labels[0])}: nothing to tell apart")
    return scores, labels


def curve(scores: Any, labels: Any) -> Curve:
    """Counts at each distinct score."""
    scores, labels = checked(scores, labels)
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    return Curve(ordered[last], last + 1, np.cumsum(labels[order])[last])


def auc(scores: Any, labels: Any) -> float:
    """Area under the ROC curve."""
    return curve(scores, labels).auc()


class Pairs:
    """Pairs of a yes and a no of one stratum, laid out so that the area can be found again and again for other weights of the rows."""

    def __init__(self, scores: Any, labels: Any, strata: Any | None = None) -> None:
        """Lay out the rows.

        Args:
            strata: any (n,); pairs are counted within one. None: all rows are one stratum.
        """
        scores, labels = checked(scores, labels)
        _, stratum = np.unique(np.zeros(len(scores)) if strata is None else np.asarray(strata), return_inverse=True)
        self.order = np.lexsort((scores, stratum))
        scores, stratum = scores[self.order], stratum[self.order]
        new = np.diff(stratum, prepend=-1) != 0
        self.labels = labels[self.order]
        self.ties = np.flatnonzero(new | (np.diff(scores, prepend=0.0) != 0))
        self.strata = np.flatnonzero(new)
        self.first = np.searchsorted(self.ties, self.strata)
        self.stratum_of_tie = stratum[self.ties]

    def auc(self, weights: Any | None = None) -> float:
        """Area over all pairs of equal stratum, a pair weighing the product of its rows' weights; NaN if there is none."""
        w = np.ones(len(self.order)) if weights is None else np.asarray(weights, np.float64)[self.order]
        yes, no = w * self.labels, w * ~self.labels
        hits, misses = np.add.reduceat(yes, self.ties), np.add.reduceat(no, self.ties)
        before = np.cumsum(misses) - misses
        before -= before[self.first][self.stratum_of_tie]
        pairs = float((np.add.reduceat(yes, self.strata) * np.add.reduceat(no, self.strata)).sum())
        return float((hits * (before + misses / 2)).sum() / pairs) if pairs else float("nan")

    def interval(self, groups: Any | None = None, samples: int = SAMPLES, seed: int = 0, share: float = 0.95) -> tuple[float, float] | None:
        """The middle `share` of the areas of samples of whole groups.

        Args:
            groups: any (n,), such as domains, whose rows are alike; None: each row is its own.
        Returns: None if fewer than LEAST_GROUPS groups have a yes, or a no.
        """
        n = len(self.order)
        _, group = np.unique(np.arange(n) if groups is None else np.asarray(groups), return_inverse=True)
        labels = np.empty(n, np.bool_)
        labels[self.order] = self.labels
        if min(len(np.unique(group[labels])), len(np.unique(group[~labels]))) < LEAST_GROUPS:
            return None
        random, many = np.random.default_rng(seed), int(group.max()) + 1
        drawn = (np.bincount(random.integers(0, many, many), minlength=many)[group] for _ in range(samples))
        areas = [area for area in map(self.auc, drawn) if area == area]
        low, high = np.quantile(areas, [(1 - share) / 2, (1 + share) / 2])
        return float(low), float(high)


class Bin(NamedTuple):
    """Rows with a score from `low` to `high`: how many, their mean score, the share of yes."""

    low: float
    high: float
    rows: int
    score: float
    positive: float


def calibration(scores: Any, labels: Any, bins: int = 10) -> tuple[list[Bin], float]:
    """Bins that have rows, and the expected calibration error.

    Raises: ValueError if a score is not from 0 to 1.
    """
    scores, labels = checked(scores, labels)
    if scores.min() < 0 or scores.max() > 1:
        raise ValueError("scores beyond 0 and 1 are no probabilities")
    place = np.minimum((scores * bins).astype(np.int64), bins - 1)
    rows, score, yes = (np.bincount(place, w, minlength=bins) for w in (None, scores, labels))
    filled = np.flatnonzero(rows).tolist()
    found = [Bin(i / bins, (i + 1) / bins, int(rows[i]), float(score[i] / rows[i]), float(yes[i] / rows[i])) for i in filled]
    return found, sum(b.rows * abs(b.score - b.positive) for b in found) / len(scores)


class Thresholds(NamedTuple):
    """values: {name: {"*": t, language: t}}, kept is `score >= t`. unreached: (name, "*" or language) where no threshold does it."""

    values: dict[str, dict[str, float]]
    unreached: list[tuple[str, str]]


def thresholds(
    scores: Any,
    labels: Any,
    lang: Sequence[str | None] | None = None,
    *,
    precision: Sequence[float] = (),
    recall: Sequence[float] = (),
    kept: Sequence[float] = (),
    least_rows: int = LEAST_ROWS,
) -> Thresholds:
    """Thresholds that reach a precision, a recall or a kept share on these rows; over all, and of each language with enough rows.

    A language of fewer than `least_rows` rows, or fewer than LEAST_EACH of a label, has none of its own: the one over all ("*") is its.
    So it is with one where the wish is out of reach; that stands in `unreached`, and so does a wish out of reach over all, which has no
    entry then. Fewer than LEAST_EACH rows show no precision: of the best few by any score all may be yes. Scores are rounded to DIGITS
    first, as they are stored. Precisions and kept shares are those of these rows: where yes is rarer than here, so is the precision lower.

    Raises: ValueError for a wish that is not above 0 and at most 1.
    """
    scores, labels = checked(scores, labels)
    scores = np.round(scores, DIGITS)
    wishes: dict[str, tuple[Callable[[Curve, float], Point | None], float]] = {
        **{f"precision_{p:g}": (partial(Curve.at_precision, least=LEAST_EACH), p) for p in precision},
        **{f"recall_{r:g}": (Curve.at_recall, r) for r in recall}, **{f"kept_{k:g}": (Curve.at_kept, k) for k in kept},
    }  # fmt: skip
    for name, (_, wish) in wishes.items():
        if not 0 < wish <= 1:
            raise ValueError(f"{name}: a share is above 0 and at most 1")
    curves = {"*": curve(scores, labels)}
    languages = np.array(["" if value is None else value for value in lang] if lang is not None else [""] * len(scores), object)
    for value in sorted(set(languages.tolist()) - {"", "*"}):
        own = languages == value
        if own.sum() >= least_rows and min(labels[own].sum(), (~labels[own]).sum()) >= LEAST_EACH:
            curves[value] = curve(scores[own], labels[own])
    values: dict[str, dict[str, float]] = {}
    unreached = []
    for name, (at, wish) in wishes.items():
        for value, of in curves.items():
            point = at(of, wish)
            if point is None:
                unreached.append((name, value))
            elif value == "*" or "*" in values.get(name, {}):
                values.setdefault(name, {})[value] = round(point.threshold, DIGITS)
    return Thresholds(values, unreached)


def spearman(a: Any, b: Any) -> float:
    """Rank correlation of two scores of the same rows, ties at their mean rank; NaN where one of them is constant."""
    ranks = []
    for values in (a, b):
        _, place, many = np.unique(np.asarray(values, np.float64), return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(many) - (many - 1) / 2)[place])
    (x, y) = (rank - rank.mean() for rank in ranks)
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / scale) if scale else float("nan")
