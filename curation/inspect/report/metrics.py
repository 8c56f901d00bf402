"""Histograms of metrics, with their thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curation.inspect.report import pictures
from curation.inspect.report.facts import Facts, sign
from curation.inspect.report.html import DASH, Markup, Section, el, ident, join, number, section, step_link, table, value
from curation.rules import Threshold

HISTOGRAMS = 120
"""Drawn at most (ours): those with a threshold first."""
GROUPS = 8
"""Languages or profiles of a threshold that are named."""


def metrics(facts: Facts) -> Section | None:
    """Histograms of what has a threshold, by step; then of the others, folded."""
    judged, others = [], []
    left = HISTOGRAMS
    for step in facts.steps:
        here, limits = facts.metrics.get(step["name"], {}), facts.thresholds.get(step["name"], ())
        columns = [c for c in dict.fromkeys(limit.column for limit in limits) if c in here]
        drawn = [_metric(step, c, here[c], [limit for limit in limits if limit.column == c]) for c in columns[:left]]
        left -= len(drawn)
        if drawn:
            title = el("h3", step_link(step["name"]), " ", el("small", step["use"]))
            judged.append(el("section", title, el("div", drawn, class_="grid"), class_=f"charts{min(3, len(drawn))}"))
        others += [(step, c) for c in sorted(here) if c not in columns[: len(drawn)]]
    folded = []
    for step in facts.steps:
        drawn = [_metric(s, c, facts.metrics[s["name"]][c], []) for s, c in others[: max(0, left)] if s is step]
        if drawn:
            title = el("summary", step["name"], " ", el("small", f"{step['use']}, {len(drawn):,}"))
            folded.append(el("details", title, el("div", drawn, class_="grid")))
    if not judged and not folded:
        return None
    lost = len(others) - max(0, left)
    lead = join(
        "Every metric a step computed, of the documents that reached it: ", el("b", "kept", class_="keepword"), " and ",
        el("b", "dropped by that step", class_="dropword"), ", for whichever reason. Areas are documents; the line is the threshold, "
        "the side it drops is shaded. Bins are those of the ledger, eight for each power of two.",
    )  # fmt: skip
    return section(
        "metrics", "Metrics", "Metrics and thresholds", lead, el("div", judged, class_="judged") if judged else None,
        [el("h3", "Metrics without a threshold"), folded] if folded else None,
        el("p", f"{lost:,} more metrics are not drawn.", class_="note") if lost > 0 else None,
    )  # fmt: skip


def _metric(step: Mapping[str, Any], column: str, bins: Mapping[int, Sequence[int]], limits: Sequence[Threshold]) -> Markup:
    marks = list(dict.fromkeys(mark for limit in limits for mark in _marks(limit)))
    h = pictures.histogram(bins, [x for _, x in marks])
    total = h.kept + h.dropped
    label = f"{column} of {total:,} documents, of which {h.dropped:,} were dropped"
    fact = f"{step['name']}/{column}"
    rows = [
        el("tr", el("th", pictures.span(b, h.whole), scope="row"), number(b.kept), number(b.dropped)) for b in h.bars
    ]  # fmt: skip
    missing = sum(h.missing)
    if missing:
        rows.append(el("tr", el("th", "no value", scope="row"), number(h.missing[0]), number(h.missing[1]), class_="missing"))
    said = [el("li", _limit(limit)) for limit in limits]
    return el(
        "figure",
        el("figcaption", el("code", column), el("span", f"{total:,}" + (f" (+{missing:,} without)" if missing else ""))),
        pictures.draw(h, marks, label) if h.bars else el("p", "no document has a value", class_="note"),
        el("ul", said, class_="limits") if said else None,
        el("details", el("summary", "table"), table(("value", "#kept", "#dropped"), rows, label)),
        class_="metric", id=ident("metric", step["name"], column), data_find="metric", data_fact=fact,
    )  # fmt: skip


def _marks(limit: Threshold) -> Iterator[tuple[str, float]]:
    """(sign of what is kept, value) of each value a threshold has, the one for most documents first."""
    values = limit.value if isinstance(limit.value, Mapping) else {"default": limit.value}
    for group in sorted(values, key=lambda group: (group != "default", group)):
        bound = values[group]
        if bound is not None:
            yield sign(limit), float(bound)


def _limit(limit: Threshold) -> Markup:
    if isinstance(limit.value, Mapping):
        groups = sorted(limit.value.items(), key=lambda item: (item[0] != "default", item[0]))
        shown = ", ".join(f"{k} {DASH if v is None else value(float(v))}" for k, v in groups[:GROUPS])
        bound = f"{shown}{f' and {len(groups) - GROUPS} more' if len(groups) > GROUPS else ''}"
    else:
        bound = DASH if limit.value is None else value(float(limit.value))
    return join(el("code", limit.param), f" {sign(limit)} {bound}", el("span", f" else {limit.reason}"))
