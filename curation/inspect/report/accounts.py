"""What the accounts of a run say: its flow, its funnel, the reasons, and time by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.inspect.report import pictures
from curation.inspect.report.facts import Facts, gone
from curation.inspect.report.html import (
    DASH,
    Markup,
    Section,
    aligned,
    bytes_cell,
    drawn,
    el,
    ident,
    join,
    number,
    percent,
    seconds,
    section,
    step_link,
    table,
)
from curation.inspect.summary import is_kept

REASONS = 15
"""Shown at once (ours)."""


def flow(facts: Facts) -> Section:
    strips = pictures.graph(facts.steps)
    heads = [el("p", a, class_=b) for a, b in (("step", "name"), ("dropped for", "reasons"), ("dropped", "gone"), ("kept", "kept"))]
    rows = [el("li", heads, class_="heads", aria_hidden="true")]
    for step, strip in zip(facts.steps, strips, strict=True):
        left = gone(step)
        reasons = sorted(step["dropped"].items(), key=lambda item: (-item[1], item[0]))
        reasons += [(word, step[word]) for word in ("merged", "failed") if step[word]]
        shown = [join(el("span", reason), " ", el("b", f"{n:,}")) for reason, n in reasons[:4]]
        more = el("span", f"and {len(reasons) - 4} more", class_="more") if len(reasons) > 4 else None
        out = [el("li", s) for s in shown] + ([el("li", more)] if more else [])
        branches = [el("li", f"{b} ", el("b", f"{n:,}")) for b, n in step["branches"].items()]
        rows.append(
            el(
                "li",
                strip,
                el("p", step_link(step["name"]), " ", el("small", step["use"]), class_="name"),
                el("ul", out, class_="reasons", aria_label="dropped for") if out else None,
                el("ul", branches, class_="branches", aria_label="branches") if branches else None,
                el("p", f"−{left:,}" if left else "", class_="gone", title="leave here"),
                el("p", f"{step['kept']:,}", class_="kept", title="go on"),
                class_=step["kind"],
                data_find="step",
                data_to=ident("step", step["name"]),
            )
        )
    lead = join(
        "Documents from the sources to the outputs. The band is as wide as its documents; ",
        el("b", "what a step drops", class_="dropword"),
        " leaves it to the right.",
    )
    return section("flow", "Flow", "Flow", lead, el("ol", rows, class_="flow"))


def funnel(facts: Facts) -> Section:
    rows = []
    source = max((step["documents_in"] for step in facts.steps), default=0)
    also = any(_others(step) for step in facts.steps)
    for step in facts.steps:
        left, stays = gone(step), step["documents_in"] - gone(step)
        dropped = sum(step["dropped"].values())
        label = f"{step['name']}: {step['kept']} kept, {left} gone"
        rows.append(
            el(
                "tr",
                el("th", step_link(step["name"]), scope="row"),
                number(step["documents_in"], data_fact=f"{step['name']}/documents_in"),
                number(step["kept"], data_fact=f"{step['name']}/kept"),
                number(dropped, data_fact=f"{step['name']}/dropped"),
                aligned(percent(dropped, step["documents_in"]) if dropped else DASH),
                drawn(pictures.bar([("k", max(0, stays)), ("d", left)], source, label)),
                bytes_cell(step["bytes_in"]) if step["kind"] != "shards" else aligned(DASH),
                _tokens(facts, step["name"]),
                el("td", _others(step)) if also else None,
            )
        )
    heads = ("step", "#in", "#kept", "#dropped", "#of in", "of the largest step", "#bytes in", "#tokens kept", *(("also",) if also else ()))
    lead = "What reached each step and what it kept. Bytes are of the text, before extraction of the page; tokens where rows were written."
    steps = table(heads, rows, "Documents in, kept and dropped, by step")
    return section("funnel", "Funnel", "Funnel", lead, steps, _reasons(facts))


def _tokens(facts: Facts, step: str) -> Markup:
    """Tokens a step kept, where its rows were written and they were counted."""
    tokens = sum(entry["tokens"] for verdict, entry in facts.verdicts.get(step, {}).items() if is_kept(verdict))
    return number(tokens, data_fact=f"{step}/tokens") if tokens else aligned(DASH)


def _others(step: Mapping[str, Any]) -> str:
    return ", ".join(f"{word} {step[word]:,}" for word in ("created", "merged", "failed") if step[word])


def _reasons(facts: Facts) -> Markup | None:
    """Every reason of every step, the largest first."""
    found = [(n, step, reason) for step in facts.steps for reason, n in step["dropped"].items()]
    found.sort(key=lambda item: (-item[0], item[1]["name"], item[2]))
    most = found[0][0] if found else 0
    rows = []
    for n, step, reason in found:
        entry = facts.verdicts.get(step["name"], {}).get(reason, {})
        rows.append(
            el(
                "tr",
                el("th", reason, scope="row"),
                el("td", step_link(step["name"])),
                number(n, data_fact=f"{step['name']}/dropped/{reason}"),
                aligned(percent(n, step["documents_in"])),
                bytes_cell(entry.get("bytes", 0)) if entry else aligned(DASH),
                number(entry["tokens"]) if entry.get("tokens") else aligned(DASH),
                drawn(pictures.bar([("d", n)], most, f"{reason}: {n}")),
                id=ident("reason", step["name"], reason), data_find="reason",
            )
        )
    heads = ("reason", "step", "#documents", "#of in", "#bytes", "#tokens", "of the largest")
    caption, more = "Why documents were dropped", rows[REASONS:]
    rest = el("details", el("summary", f"{len(more):,} more"), table(heads, more, f"{caption}, continued", "reasons")) if more else None
    return el("div", el("h3", "Reasons"), table(heads, rows[:REASONS], caption, "reasons"), rest) if rows else None


def time(facts: Facts) -> Section:
    steps = [s for s in facts.steps if s["cpu_seconds"]]
    total, most = sum(s["cpu_seconds"] for s in steps), max((s["cpu_seconds"] for s in steps), default=0.0)
    rows = []
    for step in sorted(steps, key=lambda s: -s["cpu_seconds"]):
        cpu, n = step["cpu_seconds"], step["documents_in"]
        rows.append(
            el(
                "tr",
                el("th", step_link(step["name"]), scope="row"),
                el("td", el("data", f"{cpu:,.2f}", value=repr(cpu)), class_="n", data_fact=f"{step['name']}/cpu_seconds"),
                aligned(percent(cpu, total)),
                aligned(f"{1e3 * cpu / n:,.3f}" if n else DASH),
                aligned(f"{step['bytes_in'] / cpu / 1e6:,.1f}" if step["bytes_in"] else DASH),
                drawn(pictures.bar([("t", cpu)], most, f"{cpu:.2f} s")),
            )
        )
    heads = ("step", "#CPU s", "#share", "#ms per document", "#MB/s", "of the largest")
    lead = f"{seconds(total)} of CPU time in all, over all workers. A pass is a step and those that run with it."
    return section("time", "Time", "Time", lead, table(heads, rows, "CPU time by step") if rows else None, _waits(facts))


def _waits(facts: Facts) -> Markup | None:
    """Tasks of each pass, and how long the driver waited for them; of a run that notes it."""
    tasks = facts.manifest.get("tasks", {})
    most = max((of["seconds"] for of in tasks.values()), default=0.0)
    rows = [
        el("tr", el("th", label, scope="row"), number(of["tasks"], data_fact=f"tasks/{label}/tasks"),
           number(of["reused"], data_fact=f"tasks/{label}/reused"),
           el("td", el("data", f"{of['seconds']:,.1f}", value=repr(of["seconds"])), class_="n", data_fact=f"tasks/{label}/seconds"),
           drawn(pictures.bar([("t", of["seconds"])], most, f"{of['seconds']:.1f} s")))
        for label, of in sorted(tasks.items(), key=lambda item: (-item[1]["seconds"], item[0]))
    ]  # fmt: skip
    heads = ("pass", "#tasks", "#reused", "#s waited", "of the largest")
    return el("div", el("h3", "Passes"), table(heads, rows, "Time by pass")) if rows else None
