"""Duplicates, repeated text, personal data, and the mix against its target."""

from __future__ import annotations

from curation.inspect.report import pictures
from curation.inspect.report.facts import Facts
from curation.inspect.report.html import Markup, Section, aligned, crawled, drawn, el, number, percent, section, step_link, table
from curation.ledger import NULL_BIN

EXAMPLES = 400
"""In all (ours)."""
EACH = 20
"""Of a kind, at most."""
EXAMPLE_CHARS = 300


def duplicates(facts: Facts) -> Section | None:
    parts: list[Markup] = []
    for name, clusters in facts.clusters.items():
        most = max((n * (low + high) / 2 for low, high, n in clusters.sizes), default=0)
        rows = []
        for low, high, n in clusters.sizes:
            label = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            documents = f"{n * low:,}" if low == high else f"{n * low:,} to {n * high:,}"
            picture = pictures.bar([("k", n), ("d", n * ((low + high) / 2 - 1))], most, f"{n} survivors")
            rows.append(
                el("tr", el("th", label, scope="row"), number(n, data_fact=f"{name}/clusters/{low}"), aligned(documents),
                   drawn(picture))
            )  # fmt: skip
        heads = ("size", "#clusters", "#documents", "survivors, dropped")
        shown = table(heads, rows, f"Clusters of {name} by size", "slim") if rows else None
        parts.append(el("div", el("h3", step_link(name)), shown, el("p", clusters.note, class_="note")))
    kinds = sum(len(step["examples"]) for step in facts.steps)
    for step in facts.steps:
        for kind, found in step["examples"].items():
            ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
            most = ordered[0][1] if ordered else 0
            rows = [
                el("tr", number(n), el("td", crawled(line, EXAMPLE_CHARS)), drawn(pictures.bar([("d", n)], most, f"{n:,}")),
                   data_find="line")
                for line, n in ordered[: min(EACH, max(1, EXAMPLES // kinds))]
            ]  # fmt: skip
            title = el("h3", kind[:1].upper() + kind[1:], " ", el("small", step["name"]))
            parts.append(el("div", title, table(("#times", kind, "of the most"), rows, f"{kind} of {step['name']}", "lines")))
    if not parts:
        return None
    lead = "Clusters by the number of documents they have, of which one stays; and what was found most often."
    return section("duplicates", "Duplicates", "Duplicates and repeated text", lead, parts)


def personal(facts: Facts) -> Section | None:
    rows = []
    for step in facts.steps:
        metrics = facts.metrics.get(step["name"], {})
        if "pii_count" not in metrics:
            continue
        kinds = sorted(c for c in metrics if c.endswith("_count") and c != "pii_count")
        counts = {c: sum(sum(n) for b, n in metrics[c].items() if b not in (0, NULL_BIN)) for c in (*kinds, "pii_count")}
        total = sum(sum(n) for n in metrics["pii_count"].values())
        most = max(counts.values(), default=0)
        for c in sorted(counts, key=lambda c: (c == "pii_count", -counts[c], c)):
            name = "any" if c == "pii_count" else c.removesuffix("_count")
            rows.append(
                el("tr", el("th", name, scope="row"), number(counts[c], data_fact=f"{step['name']}/{c}/documents"),
                   aligned(percent(counts[c], total)),
                   drawn(pictures.bar([("k", counts[c])], most, f"{counts[c]} documents")),
                   class_="total" if c == "pii_count" else None, data_find="personal data")
            )  # fmt: skip
    if not rows:
        return None
    heads = ("kind", "#documents that have it", "#of all", "of any")
    lead = "Documents in which each kind of personal data was found, among those that reached the step."
    return section("personal", "Personal data", "Personal data", lead, table(heads, rows, "Documents by kind of personal data", "slim"))


def mix(facts: Facts) -> Section | None:
    parts = []
    for step in facts.steps:
        entries = step.get("report", {}).get("entries")
        if not entries:
            continue
        used, wanted = (sum(e[key] for e in entries.values()) for key in ("used_tokens", "wanted_tokens"))
        scale = max([max(e["used_tokens"] / (used or 1), e["wanted_tokens"] / (wanted or 1)) for e in entries.values()])
        rows = []
        for name, e in sorted(entries.items(), key=lambda item: (-item[1]["wanted_tokens"], item[0])):
            share, target = e["used_tokens"] / (used or 1), e["wanted_tokens"] / (wanted or 1)
            fact = f"{step['name']}/{name}"
            rows.append(
                el(
                    "tr",
                    el("th", name, scope="row"),
                    aligned(percent(target, 1)),
                    aligned(percent(share, 1)),
                    drawn(pictures.bar([("k", share)], scale, f"{percent(share, 1)}, target {percent(target, 1)}", target)),
                    number(e["wanted_tokens"], data_fact=f"{fact}/wanted_tokens"),
                    number(e["used_tokens"], data_fact=f"{fact}/used_tokens"),
                    number(e["tokens"], data_fact=f"{fact}/tokens"),
                    aligned(f"{e['epochs']:.2f}"),
                    number(e["short_tokens"], data_fact=f"{fact}/short_tokens", class_="n short" if e["short_tokens"] else "n"),
                    data_find="mix",
                )
            )
        heads = ("entry", "#target", "#given", "given, | target", "#wanted tokens", "#given", "#it has", "#epochs", "#short by")
        parts.append(el("div", el("h3", step_link(step["name"])), table(heads, rows, f"Entries of {step['name']}", "mix")))
    if not parts:
        return None
    lead = "Tokens each entry was to give, gave and has. The mark on a bar is the target's share."
    return section("mix", "Mix", "Mix against target", lead, parts)
