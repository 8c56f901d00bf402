"""Documents by language, domain, source, crawl, month and licence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from curation.inspect.report import pictures
from curation.inspect.report.facts import Facts, ports
from curation.inspect.report.html import DASH, Child, Markup, Section, aligned, crawled, drawn, el, join, number, percent, section, table
from curation.inspect.summary import is_dropped
from curation.ledger import OTHERS

VALUES = {"lang": 200, "domain": 100, "source": 50, "crawl": 50, "date": 120, "license": 50, "licence": 50}
"""Shown of each dimension (ours); the others are one row."""
DIMENSIONS = {
    "lang": ("Languages", "language"), "domain": ("Domains", "domain"), "source": ("Sources", "source"), "crawl": ("Crawls", "crawl"),
    "date": ("Months", "month"), "license": ("Licences", "licence"), "licence": ("Licences", "licence"),
}  # fmt: skip
OUTPUTS = 4
"""With a column of their own."""
VALUE_CHARS = 80
LEAST = "Accounts name the values with most documents, for each step and reason; one may have more than it says, counted in the last row."


def values(facts: Facts) -> Section | None:
    tables = [part for name in DIMENSIONS for part in [_dimension(facts, name)] if part]
    if not tables:
        return None
    output = facts.outputs[0]["name"].removeprefix("outputs.")
    lead = f"Documents that stay in each output, and those dropped on the way to {output}, as far as the value was known at that step."
    return section("values", "Languages", "Languages and domains", lead, tables)


def _dimension(facts: Facts, name: str) -> Markup | None:
    ends = facts.outputs[:OUTPUTS]
    if not ends:
        return None
    kept: list[Counter[str]] = []
    for end in ends:
        counts: Counter[str] = Counter()
        for port, verdict in ports(end):
            for v, triple in facts.verdicts.get(port, {}).get(verdict, {}).get("by", {}).get(name, {}).items():
                counts[v] += triple[0]
        kept.append(counts)
    gone: Counter[str] = Counter()
    why: dict[str, tuple[int, str, str]] = {}
    for step in facts.above(ends[0]["name"]):
        for verdict, entry in facts.verdicts.get(step, {}).items():
            if not is_dropped(verdict):
                continue
            for v, triple in entry.get("by", {}).get(name, {}).items():
                gone[v] += triple[0]
                why[v] = max(why.get(v, (0, "", "")), (triple[0], step, verdict))
    values = sorted({*gone, *(v for c in kept for v in c)} - {OTHERS}, key=lambda v: (-(kept[0][v] + gone[v]), v))
    if not values or (len(values) == 1 and values[0] == ""):
        return None
    shown, rest = values[: VALUES[name]], values[VALUES[name] :]
    most = max((kept[0][v] + gone[v] for v in shown), default=0)
    rows = [
        _value_row(name, crawled(v, VALUE_CHARS) if v else el("i", "none"), v, [c[v] for c in kept], gone[v], most, why.get(v))
        for v in shown
    ]
    left = [*rest, *([OTHERS] if gone[OTHERS] or any(c[OTHERS] for c in kept) else [])]
    if left:
        named = [f"{len(rest):,} more"] * bool(rest) + ["what is not named"] * (OTHERS in left)
        others = el("i", " and ".join(named))
        rows.append(_value_row(name, others, OTHERS, [sum(c[v] for v in left) for c in kept], sum(gone[v] for v in left), 0, None))
    title, what = DIMENSIONS[name]
    note = el("p", LEAST, class_="note") if OTHERS in left else None
    heads = [what, *(f"#{end['name'].removeprefix('outputs.')}" for end in ends), "#dropped", "#stay", "kept, dropped", "mostly for"]
    return el("div", el("h3", title), table(heads, rows, f"Documents by {what}", "values"), note, id=f"by-{name}")


def _value_row(
    name: str, title: Child, v: str, kept: Sequence[int], gone: int, most: int, why: tuple[int, str, str] | None
) -> Markup:  # fmt: skip
    reason = join(why[2], " ", el("small", why[1])) if why else DASH
    picture = pictures.bar([("k", kept[0]), ("d", gone)], most, f"{kept[0]} kept, {gone} dropped") if most else None
    return el(
        "tr",
        el("th", title, scope="row"),
        [number(n) for n in kept],
        number(gone),
        aligned(percent(kept[0], kept[0] + gone)),
        drawn(picture),
        el("td", reason),
        data_find=DIMENSIONS[name][1], data_fact=f"{name}/{v}",
    )  # fmt: skip
