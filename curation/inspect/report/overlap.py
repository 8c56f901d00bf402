"""What each filter removes that no other would, and who else would have dropped a document, told by shadows."""

from __future__ import annotations

from collections import Counter

from curation.inspect.report import pictures
from curation.inspect.report.facts import Facts
from curation.inspect.report.html import DASH, Markup, Section, aligned, drawn, el, number, percent, section, step_link, table
from curation.intervals import Z_95, wilson

CROSSED = 24
"""Steps in the table of pairs (ours)."""


def interval(hits: int, n: int) -> tuple[float, float]:
    """Wilson's interval of a share, at 95 %."""
    return wilson(hits, n, Z_95) if n else (0.0, 1.0)


def overlap(facts: Facts) -> Section | None:
    shadows = facts.shadows
    filters = [step for step in facts.steps if step["dropped"]]
    if not filters:
        return None
    if not shadows.documents:
        lead = "No dropped document is in the sample of those that run on through the filters behind their drop; with --annotate, all are."
        return section("overlap", "Overlap", "Overlap of filters", lead)
    exact = shadows.share >= 1 and shadows.files == shadows.of_files
    documents = f"{shadows.documents:,} dropped document{'s' if shadows.documents != 1 else ''}"
    what = (
        f"All {documents} ran on through the filters behind their drop (--annotate), so the shares are exact."
        if exact
        else f"A sample of {documents} ran on through the filters behind their drop"
        + ("" if shadows.files == shadows.of_files else f" ({shadows.files:,} of {shadows.of_files:,} files were read)")
        + "; shares come with their 95 % interval (Wilson)."
    )
    lead = f"{what} Filters ahead of a step had let them pass; steps that compare documents are not asked."
    seen: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for (name, _), n in shadows.seen.items():
        seen[name] += n
    for (name, _), n in shadows.alone.items():
        alone[name] += n
    rows = []
    judging = {step["name"] for step in filters if step["kind"] in ("row", "keep")} | {second for _, second in shadows.both}
    above = {step["name"]: facts.above(step["name"]) for step in facts.steps if step["name"] in judging}
    last = []
    for step in sorted(filters, key=lambda s: (-sum(s["dropped"].values()), s["name"])):
        name, dropped, n = step["name"], sum(step["dropped"].values()), seen[step["name"]]
        if not any(name in way for other, way in above.items() if other != name):
            last.append(name)
            continue
        low, high = interval(alone[name], n)
        others = sorted(((k[1], m) for k, m in shadows.both.items() if k[0] == name), key=lambda item: (-item[1], item[0]))
        also = ", ".join(f"{other} {percent(m, n)}" for other, m in others[:3])
        rows.append(
            el(
                "tr",
                el("th", step_link(name), scope="row"),
                number(dropped),
                number(n, data_fact=f"{name}/shadows"),
                aligned(percent(alone[name], n)),
                aligned(DASH if not n else "exact" if exact else f"{100 * low:.0f}{DASH}{100 * high:.0f}\N{NO-BREAK SPACE}%"),
                aligned(f"{'' if exact else '≈ '}{round(dropped * alone[name] / n):,}" if n else DASH),
                drawn(pictures.bar([("d", alone[name]), ("o", n - alone[name])], n, f"{alone[name]} of {n} by it alone")),
                el("td", also or DASH),
            )
        )
    if last:
        lead += f" No filter of single documents is behind {', '.join(last)}."
    heads = ("step", "#dropped", "#sampled", "#by it alone", "#interval", "#documents", "alone, others too", "others")
    shown = table(heads, rows, "Unique contribution of each filter") if rows else None
    return section("overlap", "Overlap", "Overlap of filters", lead, shown, _crossed(facts, seen))


def _crossed(facts: Facts, seen: Counter[str]) -> Markup | None:
    """How much of what a step dropped each filter behind it would have dropped as well."""
    both = facts.shadows.both
    order = {step["name"]: i for i, step in enumerate(facts.steps)}
    weight: Counter[str] = Counter()
    for (first, second), n in both.items():
        weight[first] += n
        weight[second] += n
    shown = {name for name, _ in sorted(weight.items(), key=lambda item: (-item[1], item[0]))[:CROSSED]}
    firsts = sorted({a for a, b in both if a in shown and b in shown}, key=lambda name: order.get(name, 0))
    seconds_ = sorted({b for a, b in both if a in shown and b in shown}, key=lambda name: order.get(name, 0))
    if not firsts:
        return None
    rows = []
    for a in firsts:
        cells = []
        for b in seconds_:
            n = both.get((a, b), 0)
            share = n / seen[a] if seen[a] else 0.0
            shade = f"q{min(9, int(10 * share))}" if n else "q"
            cells.append(el("td", percent(n, seen[a]) if n else "", class_=f"n heat {shade}", title=f"{n:,} of {seen[a]:,}" if n else None))
        rows.append(el("tr", el("th", step_link(a), scope="row"), cells))
    caption = "Of the documents a step dropped (row), the share a filter behind it would have dropped too (column)"
    return el("div", el("h3", "Who else"), table(["dropped by", *(f"#{b}" for b in seconds_)], rows, caption, "crossed"))
