"""How good a score is, and whether it learned more than where a text is from: one report, as Markdown and as JSON.

`evaluate` is told the scores of rows no model was fitted on, their labels, and what else is known of them. A score can look good because
the labels follow the sources and the sources are easy to tell. Three figures show that: the area among rows of one source, the area once
the words that tell the source are taken out, and the area of the source alone.

Source:  metrics.py, source_words.py; bounds and sentences are ours.
Units:   scores float (n,), labels bool (n,): one report a class where there are several. length in characters.
Errors:  ValueError; see metrics.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from classifiers.metrics import LEAST_EACH, Curve, Pairs, Thresholds, auc, calibration, checked, curve
from classifiers.source_words import typical, without
from curation.inspect.markdown import code, table
from curation.storage import canonical

RECALLS = (0.5, 0.8, 0.9, 0.95)
LENGTHS = (500, 2_000, 8_000)
"""Bounds of the bins of length, in characters (ours)."""
SHOWN = 30
"""Languages and sources that are listed, those with most rows (ours)."""
MISTAKES, EXCERPT_CHARS = 10, 160
TYPICAL = 100
LEAST_GAIN = 0.5
"""Share of (area - 0.5) that must be left within a source, or without its words; of less, the report says so (ours)."""
POINTS = 101
"""Points of a curve in the JSON."""


@dataclass(frozen=True)
class Report:
    """What `evaluate` found: `figures`, plain values with shares from 0 to 1; see `json` for the whole, `markdown` for people."""

    figures: dict[str, Any]

    @property
    def auc(self) -> float:
        """Area under the ROC curve, over all rows."""
        return float(self.figures["auc"])

    @property
    def notes(self) -> list[str]:
        """What a reader must know, a sentence each."""
        return list(self.figures["notes"])

    def json(self) -> str:
        """All figures; numbers with six digits, excerpts cut as in the Markdown."""
        return canonical(_rounded(self.figures)).decode()

    def markdown(self, title: str = "Evaluation", level: int = 2) -> str:
        """The report for people; text of documents and names of sources are cut and cannot become markup."""
        f, mark = self.figures, "#" * level
        by, interval = f["grouped_by"], f["auc_interval"]
        sure = f"95 % interval {interval[0]:.3f} to {interval[1]:.3f}, by {by}" if interval else f"no interval: too few {by}s of each label"
        about = (
            f"{f['rows']:,} rows, {f['positives']:,} of them positive. **AUC {f['auc']:.3f}** ({sure}); average precision "
            f"{f['average_precision']:.3f} (by chance {f['positives'] / f['rows']:.3f})."
        )
        parts = [f"{mark} {title}", about, "\n".join(f"- {note}" for note in f["notes"])]
        points = ([f"{p['wanted']:g}", *(f"{p[key]:.3f}" for key in ("precision", "threshold", "kept"))] for p in f["at_recall"])
        parts.append(table(["recall", "precision", "threshold", "kept"], points))
        if f["thresholds"]:
            rows = ([name, code(lang), f"{t:.3f}"] for name, values in f["thresholds"].items() for lang, t in values.items())
            parts.append(f"{mark}# Thresholds\n\n" + table(["name", "language ", "score at least"], rows))
        if f["calibration"]:
            rows = ([f"{b['low']:.1f} to {b['high']:.1f}", f"{b['rows']:,}", f"{b['score']:.3f}", f"{b['positive']:.3f}"]
                    for b in f["calibration"]["bins"])  # fmt: skip
            about = f"Expected calibration error {f['calibration']['ece']:.3f}."
            parts.append(f"{mark}# Calibration\n\n{about}\n\n" + table(["score", "rows", "mean score", "positive"], rows))
        for key, name in (("languages", "language"), ("lengths", "characters"), ("sources", "source")):
            if f[key]:
                parts.append(f"{mark}# By {name}\n\n" + table([name, "rows", "positive", "AUC", "mean score"], map(_part_cells, f[key])))
        if f["source_words"]:
            parts.append(f"{mark}# Words that tell the source\n\n" + " ".join(code(word, 40) for word in f["source_words"]["words"]))
        if f["mistakes"]:
            rows = ([m["label"], f"{m['score']:.3f}", *map(code, (m["lang"], m["source"])), code(m["text"], EXCERPT_CHARS)]
                    for m in f["mistakes"])  # fmt: skip
            parts.append(f"{mark}# Worst mistakes\n\n" + table(["label", "score", "language ", "source ", "text "], rows))
        return "\n\n".join(part for part in parts if part) + "\n"


def evaluate(
    scores: Any,
    labels: Any,
    *,
    lang: Sequence[str | None] | None = None,
    length: Sequence[int] | None = None,
    source: Sequence[str | None] | None = None,
    domain: Sequence[str | None] | None = None,
    texts: pa.Array | Sequence[str] | None = None,
    rescore: Callable[[pa.Array], Any] | None = None,
    thresholds: Thresholds | None = None,
    seed: int = 0,
) -> Report:
    """A report of scores against labels.

    Args:
        lang, source, domain: of each row. domain groups the rows of the interval; if it is not given, source does.
        length: characters; those of `texts` if not given. texts: for excerpts and words.
        rescore: gives the scores of the same texts without some of their words, by the same model. Without it these are not looked at.
        thresholds: to be shown. seed: of the interval.
    """
    scores, labels = checked(scores, labels)
    columns = {"lang": lang, "source": source, "domain": domain, "length": length, "texts": texts}
    for name, values in columns.items():
        if values is not None and len(values) != len(scores):
            raise ValueError(f"{name} has {len(values)} values for {len(scores)} scores")
    lang, source, domain = map(_names, (lang, source, domain))
    if texts is not None and not isinstance(texts, pa.Array | pa.ChunkedArray):
        texts = pa.array(texts, pa.large_string())
    if length is None and texts is not None:
        length = pa.compute.utf8_length(texts).to_numpy(zero_copy_only=False)
    found, every = curve(scores, labels), Pairs(scores, labels)
    groups = domain if domain is not None else source
    figures: dict[str, Any] = {
        "format": 1, "rows": found.rows, "positives": found.positives,
        "auc": found.auc(), "auc_interval": every.interval(groups, seed=seed),
        "grouped_by": "domain" if domain is not None else "source" if source is not None else "row",
        "average_precision": found.average_precision(),
        "at_recall": [{"wanted": r, **found.at_recall(r)._asdict()} for r in RECALLS],
        "roc": _thinned(found.roc()), "precision_recall": _thinned(np.column_stack([found.recall, found.precision])),
        "thresholds": thresholds.values if thresholds else {}, "calibration": _calibration(scores, labels),
        "languages": [] if lang is None else _parts(scores, labels, lang),
        "lengths": [] if length is None else _by_length(scores, labels, length),
        "sources": [] if source is None else _parts(scores, labels, source),
        "within_source": None, "source_alone": None, "source_words": None,
        "mistakes": [] if texts is None else _mistakes(scores, labels, texts, lang, source),
    }  # fmt: skip
    if source is not None:
        figures["within_source"] = _within(scores, labels, source, groups, seed)
        figures["source_alone"] = auc(_source_scores(labels, source), labels)
        if texts is not None and rescore is not None:
            words, hashes = typical(texts, source, TYPICAL)
            figures["source_words"] = {"words": words, "auc_without": auc(rescore(without(texts, hashes)), labels)}
    figures["notes"] = _notes(figures, found, thresholds)
    return Report(figures)


def _names(values: Sequence[str | None] | None) -> Any:
    """Strings as an array, null as the empty one."""
    return None if values is None else np.array(["" if value is None else str(value) for value in values], object)


def _within(scores: Any, labels: Any, source: Any, groups: Any, seed: int) -> dict[str, Any] | None:
    """Area among rows of one source, over those that have both labels; None if there is none."""
    _, of_row = np.unique(source, return_inverse=True)
    both = (np.bincount(of_row, labels) > 0) & (np.bincount(of_row, ~labels) > 0)
    rows = both[of_row]
    if not rows.any():
        return None
    pairs = Pairs(scores[rows], labels[rows], of_row[rows])
    interval = pairs.interval(groups[rows], seed=seed)
    return {"sources": int(both.sum()), "rows": int(rows.sum()), "auc": pairs.auc(), "auc_interval": interval}


def _source_scores(labels: Any, source: Any) -> Any:
    """What the source alone says of a row: the share of yes among the other rows of its source; of all, where it is the only one."""
    _, of_row = np.unique(source, return_inverse=True)
    rows, yes = np.bincount(of_row)[of_row], np.bincount(of_row, labels)[of_row]
    return np.where(rows > 1, (yes - labels) / np.maximum(rows - 1, 1), labels.mean())


def _notes(figures: dict[str, Any], found: Curve, thresholds: Thresholds | None) -> list[str]:
    """The sentences of a report."""
    said, gain = [], figures["auc"] - 0.5
    if gain <= 0.02:
        said.append("The score does not tell the labels apart.")
    within = figures["within_source"]
    if figures["source_alone"] is None:
        said.append("Sources are not known: whether the score follows the source more than the text was not looked at.")
    elif within is None:
        said.append("Each source has one label only: a score that had learned nothing but the source would have the same figures.")
    else:
        where = f"within a source ({within['rows']:,} rows of {within['sources']:,} sources)"
        about = f"AUC is {figures['auc']:.3f} over all rows and {within['auc']:.3f} {where}; "
        about += f"the source alone gives {figures['source_alone']:.3f}"
        mostly = gain > 0.02 and within["auc"] - 0.5 < LEAST_GAIN * gain
        said.append(f"**It mostly learned the source**: {about}." if mostly else f"It tells labels apart within a source: {about}.")
    if (words := figures["source_words"]) is not None:
        told = f"without the {len(words['words'])} words that tell most of the source, AUC is {words['auc_without']:.3f}"
        if gain > 0.02 and words["auc_without"] - 0.5 < LEAST_GAIN * gain:
            said.append(f"**It leans on words of the sources**: {told}, with them {figures['auc']:.3f}.")
        else:
            said.append(f"It does not stand on words of the sources: {told}.")
    if min(found.positives, found.rows - found.positives) < LEAST_EACH:
        said.append(f"Fewer than {LEAST_EACH} rows have one of the labels: the figures may be chance.")
    unreached = [(name, lang) for name, lang in thresholds.unreached if lang == "*" or name in thresholds.values] if thresholds else []
    for name, lang in unreached:
        said.append(f"No threshold reaches {name}{'' if lang == '*' else f' in {code(lang)}: the one over all is used there'}.")
    return said


def _calibration(scores: Any, labels: Any) -> dict[str, Any] | None:
    """Bins and error, or None where scores are no probabilities."""
    if scores.min() < 0 or scores.max() > 1:
        return None
    bins, ece = calibration(scores, labels)
    return {"bins": [b._asdict() for b in bins], "ece": ece}


def _part(name: str, scores: Any, labels: Any) -> dict[str, Any]:
    """Figures of some of the rows; no area where a label has fewer than LEAST_EACH."""
    enough = min(labels.sum(), (~labels).sum()) >= LEAST_EACH
    return {"name": name, "rows": len(scores), "positives": int(labels.sum()), "auc": auc(scores, labels) if enough else None,
            "score": float(scores.mean())}  # fmt: skip


def _parts(scores: Any, labels: Any, names: Any) -> list[dict[str, Any]]:
    """Figures by name, those with most rows first; what is behind the first SHOWN is one part."""
    values, of_row, many = np.unique(names, return_inverse=True, return_counts=True)
    ranks = np.empty(len(values), np.int64)
    order = np.lexsort((values, -many))
    ranks[order] = np.arange(len(values))
    rank = ranks[of_row]
    parts = [_part(str(values[order[i]]), scores[rank == i], labels[rank == i]) for i in range(min(SHOWN, len(values)))]
    if (others := rank >= SHOWN).any():
        parts.append(_part(f"{len(values) - SHOWN} others", scores[others], labels[others]))
    return parts


def _by_length(scores: Any, labels: Any, length: Any) -> list[dict[str, Any]]:
    """Figures of each bin of length that has rows."""
    place, edges = np.searchsorted(LENGTHS, np.asarray(length), side="right"), [0, *LENGTHS]
    names = [f"{low:,} to {high - 1:,}" for low, high in zip(edges, LENGTHS, strict=False)] + [f"{LENGTHS[-1]:,} and more"]
    return [_part(names[i], scores[place == i], labels[place == i]) for i in range(len(names)) if (place == i).any()]


def _mistakes(scores: Any, labels: Any, texts: Any, lang: Any, source: Any) -> list[dict[str, Any]]:
    """The yes with the lowest scores, then the no with the highest; not those that rank better than the best of the other label."""
    ranked = np.argsort(scores, kind="stable")
    low = [i for i in ranked if labels[i] and scores[i] < scores[~labels].max()][:MISTAKES]
    high = [i for i in ranked[::-1] if not labels[i] and scores[i] > scores[labels].min()][:MISTAKES]
    return [
        {"row": int(i), "label": "positive" if labels[i] else "negative", "score": float(scores[i]),
         "lang": "" if lang is None else lang[i], "source": "" if source is None else source[i],
         "text": excerpt(texts[int(i)].as_py() or "")}
        for i in [*low, *high]
    ]  # fmt: skip


def excerpt(text: str) -> str:
    """The beginning of a text: one line, what is not printable as `?`, cut behind EXCERPT_CHARS."""
    line = " ".join(text[: 4 * EXCERPT_CHARS].split())
    return "".join(c if c.isprintable() else "?" for c in line[: EXCERPT_CHARS + 1])


def _part_cells(part: dict[str, Any]) -> list[str]:
    area = "–" if part["auc"] is None else f"{part['auc']:.3f}"
    return [code(part["name"]), f"{part['rows']:,}", f"{part['positives']:,}", area, f"{part['score']:.3f}"]


def _thinned(points: Any) -> list[list[float]]:
    """At most POINTS of a curve, its ends among them."""
    chosen = np.unique(np.linspace(0, len(points) - 1, min(POINTS, len(points))).round().astype(np.int64))
    return [[float(x), float(y)] for x, y in points[chosen]]


def _rounded(value: Any) -> Any:
    """The same with numbers of six digits."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(v) for key, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else value
