"""Samples of what was dropped, with the reason marked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from curation.inspect.report.facts import Facts, Sample
from curation.inspect.report.html import Child, Markup, Section, crawled, cut, el, ident, join, section, step_link, table, value
from curation.rules import Threshold

SAMPLES = 400
"""In all (ours)."""
TEXT_CHARS = 600
VALUE_CHARS = 80
URL_CHARS = 300
TERMS = 20


def samples(facts: Facts) -> Section | None:
    left = SAMPLES
    most = max(1, SAMPLES // max(1, sum(len(reasons) for reasons in facts.samples.values())))
    blocks = []
    for step in facts.steps:
        reasons = facts.samples.get(step["name"], {})
        cards = []
        for reason, found in sorted(reasons.items(), key=lambda item: (-step["dropped"].get(item[0], 0), item[0])):
            for sample in found[: min(most, left)]:
                cards.append(_sample(facts.thresholds.get(step["name"], ()), reason, sample))
                left -= 1
        if any(reasons.values()):
            n = sum(step["dropped"].values())
            title = el("summary", step["name"], " ", el("small", f"{len(cards)} of {n:,} dropped"))
            blocks.append(el("details", title, el("div", cards, class_="cards"), id=ident("samples", step["name"])))
    if not blocks and not facts.failures:
        return None
    files_, of = facts.sampled
    lead = (
        "Dropped documents, with what they were dropped for. One in a thousand keeps its text, and at least one for each reason and task; "
        "of steps that are there for safety, none does." + ("" if files_ == of else f" From {files_:,} of {of:,} files.")
    )
    return section("samples", "Samples", "Samples of what was dropped", lead, blocks, _failures(facts))


def _failures(facts: Facts) -> Markup | None:
    """Documents that a step could not take."""
    rows = [
        el("tr", el("th", row["reason"], scope="row"), el("td", step_link(row["step"])), el("td", crawled(row["detail"] or "", URL_CHARS)),
           el("td", crawled(row["url"] or row["id"] or "", URL_CHARS)), data_find="failed")
        for row in facts.failures
    ]  # fmt: skip
    count = sum(step["failed"] for step in facts.steps)
    title = el("h3", f"Failed ({len(rows):,} of {count:,})")
    return el("div", title, table(("reason", "step", "what happened", "document"), rows, "Documents that failed")) if rows else None


def _sample(limits: Sequence[Threshold], reason: str, sample: Sample) -> Markup:
    row = sample.row
    broken = {limit.column: bound for limit in limits if limit.reason == reason for bound in [_broken(limit, row)] if bound}
    shown = []
    for column, x in sorted(sample.metrics.items(), key=lambda item: (item[0] not in broken, item[0])):
        written = value(float(x)) if isinstance(x, (int, float)) and math.isfinite(x) else None
        if column in broken:
            param, against = broken[column]
            shown.append(el("li", el("mark", el("code", column), f" {written} {against}"), " ", el("small", param)))
        else:
            shown.append(el("li", el("code", column), " ", written if written is not None else crawled(str(x), VALUE_CHARS)))
    about = [crawled(str(row[k]), VALUE_CHARS) for k in ("lang", "domain") if row.get(k)]
    return el(
        "article",
        el("h4", el("mark", reason), [join(" ", a) for a in about]),
        el("p", crawled(str(row.get("url") or ""), URL_CHARS), class_="url"),
        el("ul", shown, class_="measured") if shown else None,
        _text(row["text"], sample.terms, sample.chars) if row.get("text") else None,
        el("p", el("code", str(row.get("id"))), "" if row.get("text") else " text not stored", class_="id"),
        class_="sample", data_find="sample",
    )  # fmt: skip


def _broken(limit: Threshold, row: Mapping[str, Any]) -> tuple[str, str] | None:
    """(parameter, `< bound`) if a document is on the side of a threshold that goes; compared as rules do: 1 / 10 is not over 0.1."""
    bound = limit.value
    if isinstance(bound, Mapping):
        bound = bound.get(str(row.get(limit.by or "")), bound.get("default"))
    x = row.get(limit.column)
    if bound is None or not isinstance(x, (int, float)):
        return None
    x32, bound32 = np.float32(x), np.float32(bound)
    beyond = x32 < bound32 if limit.side == "least" else x32 > bound32
    if not (beyond or (limit.drop_at and x32 == bound32)):
        return None
    return limit.param, f"{'<>'[limit.side == 'most'] if beyond else '='} {value(float(bound))}"


def _text(body: str, terms: Sequence[str], chars: int) -> Markup:
    """The beginning of a text, or where the first of the terms is; terms marked."""
    words = sorted({t for t in terms if t}, key=len, reverse=True)[:TERMS]
    pattern = re.compile("|".join(re.escape(w[:VALUE_CHARS]) for w in words), re.I) if words else None
    first = pattern.search(body) if pattern else None
    start = max(0, first.start() - TEXT_CHARS // 4) if first and first.start() > TEXT_CHARS * 3 // 4 else 0
    piece = cut(body[start:], TEXT_CHARS)
    parts: list[Child] = ["…" if start else ""]
    at = 0
    for hit in pattern.finditer(piece) if pattern else ():
        parts += [piece[at : hit.start()], el("mark", hit[0])]
        at = hit.end()
    parts.append(piece[at:])
    left = chars - start - len(piece)
    if left > 0:
        parts.append(el("span", f" … {left:,} more characters", class_="more"))
    return el("blockquote", parts, dir="auto", class_="crawled")
