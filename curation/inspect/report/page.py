"""The page: sections made of plain data, one function each; together one HTML file that asks nothing of any server."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from curation.inspect.report import pictures
from curation.inspect.report.facts import Facts, Limit, Sample
from curation.inspect.report.html import DASH, Child, Markup, bytes_cell, crawled, el, ident, join, number, percent, seconds, size, table, text, value
from curation.ledger import NULL_BIN, OTHERS

# How much is shown (ours): with these a page of 100 steps, 100 metrics and 200 languages stays under 5 MB.
VALUES = {"lang": 200, "domain": 100, "source": 50, "crawl": 50, "date": 120, "license": 50, "licence": 50}
DIMENSIONS = {
    "lang": ("Languages", "language"), "domain": ("Domains", "domain"), "source": ("Sources", "source"), "crawl": ("Crawls", "crawl"),
    "date": ("Months", "month"), "license": ("Licences", "licence"), "licence": ("Licences", "licence"),
}  # fmt: skip
REASONS = 15
HISTOGRAMS = 150
CROSSED = 24
SAMPLES = 600
TEXT_CHARS = 600
VALUE_CHARS = 80
NOTE_CHARS = 300
NOTES = 20
EXAMPLES = 20
PARAM_CHARS = 400
TERMS = 20
ALONE_Z = 1.96


def page(facts: Facts) -> str:
    """The report as one HTML file, in UTF-8."""
    style, script = (files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    sections = [
        section
        for section in (
            _flow(facts), _funnel(facts), _filters(facts), _overlap(facts), _values(facts), _duplicates(facts), _personal(facts), _mix(facts),
            _time(facts), _samples(facts), _configuration(facts),
        )  # fmt: skip
        if section
    ]
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src 'none'; base-uri 'none'; form-action 'none'"
    )
    name = str(facts.manifest["name"])
    head = el(
        "head",
        el("meta", charset="utf-8"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", _untagged(f"{name} · curate report")),
        Markup(f"<style>{style}</style>"),
    )
    links = [el("a", short, href=f"#{id_}") for id_, short, _ in sections]
    body = el(
        "body",
        el("a", "Skip to the report", href="#report", class_="skip"),
        pictures.key(),
        el(
            "header",
            el("p", el("b", "curate"), " report", class_="brand"),
            el(
                "div",
                el("label", "Search", for_="search", class_="hidden"),
                el("input", id="search", type="search", placeholder="Search the report   /", autocomplete="off",
                   role="combobox", aria_expanded="false", aria_controls="found", aria_autocomplete="list"),
                el("div", id="found", role="listbox", aria_label="Search results", hidden=True),
                class_="search", hidden=True,
            ),
            el("nav", links, aria_label="Sections"),
        ),
        el("main", _title(facts), [part for _, _, part in sections], _end(), id="report"),
        el("div", id="tip", role="status", aria_live="polite", hidden=True),
        Markup(f"<script>{script}</script>"),
    )  # fmt: skip
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _untagged(value: str) -> Markup:
    """Text where no element may stand."""
    return Markup(re.sub(r"<[^>]*>", "", text(value)))


Section = tuple[str, str, Markup]
"""Id, short title, element."""


def _section(id_: str, short: str, title: str, lead: Child, *content: Child) -> Section:
    return id_, short, el("section", el("h2", title), el("p", lead, class_="lead") if lead else None, content, id=id_)


def _gone(step: Mapping[str, Any]) -> int:
    return int(sum(step["dropped"].values()) + step["merged"] + step["failed"])


def _step_link(name: str) -> Markup:
    return el("a", name, href=f"#{ident('step', name)}")


def _ends(facts: Facts) -> list[Mapping[str, Any]]:
    return [step for step in facts.steps if step["kind"] == "shards"]


def _above(facts: Facts, names: Sequence[str]) -> set[str]:
    """Steps that rows of these steps or ports came through, themselves included."""
    steps = {step["name"]: step for step in facts.steps}
    found: set[str] = set()
    queue = list(names)
    while queue:
        port = queue.pop()
        name = port if port in steps else port.partition(".")[0]
        if name in steps and name not in found:
            found.add(name)
            queue += steps[name]["needs"]
    return found


def _title(facts: Facts) -> Markup:
    run = facts.manifest
    read = sum(step["documents_in"] for step in facts.steps if step["kind"] == "source")
    cpu = sum(step["cpu_seconds"] for step in facts.steps)
    boxes = [("documents read", f"{read:,}", f"{size(run['input_bytes'])} of input")]
    for step in _ends(facts)[:6]:
        tokens = sum(facts.verdicts.get(n.partition(".")[0], {}).get(v, {}).get("tokens", 0) for n, v in _ports(step))
        note = percent(step["kept"], read) + (f" · {tokens:,} tokens" if tokens else "")
        boxes.append((f"in {step['name'].removeprefix('outputs.')}", f"{step['kept']:,}", note))
    boxes.append(("CPU time", seconds(cpu), f"{1e3 * cpu / read:,.2f} ms per document" if read else DASH))
    said = []
    if run["status"] != "done":
        said.append(el("p", f"This run is {run['status']}: its accounts so far.", class_="warning"))
    if run["sample"] != 1:
        said.append(el("p", f"Of a sample of the input: {percent(run['sample'], 1)} of its shards.", class_="warning"))
    return el(
        "div",
        el("h1", text(str(run["name"]))),
        el("p", text(str(run["recipe"])), class_="where"),
        said,
        el("dl", [el("div", el("dt", a), el("dd", el("b", b), el("span", c))) for a, b, c in boxes], class_="figures"),
        class_="title",
    )


def _ports(output: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(port, its verdict) of what an output takes."""
    return [(port, f"kept.{branch}" if branch else "kept") for port in output["needs"] for branch in (port.partition(".")[2],)]


# -- flow and funnel ------------------------------------------------------------------------------


def _flow(facts: Facts) -> Section:
    strips = pictures.graph(facts.steps)
    heads = [el("p", a, class_=b) for a, b in (("step", "name"), ("dropped for", "reasons"), ("dropped", "gone"), ("kept", "kept"))]
    rows = [el("li", heads, class_="heads", aria_hidden="true")]
    for step, strip in zip(facts.steps, strips, strict=True):
        gone = _gone(step)
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
                el("p", _step_link(step["name"]), " ", el("small", step["use"]), class_="name"),
                el("ul", out, class_="reasons", aria_label="dropped for") if out else None,
                el("ul", branches, class_="branches", aria_label="branches") if branches else None,
                el("p", f"−{gone:,}" if gone else "", class_="gone", title="leave here"),
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
    return _section("flow", "Flow", "Flow", lead, el("ol", rows, class_="flow"))


def _funnel(facts: Facts) -> Section:
    rows = []
    source = max((step["documents_in"] for step in facts.steps), default=0)
    for step in facts.steps:
        gone, stays = _gone(step), step["documents_in"] - _gone(step)
        dropped = sum(step["dropped"].values())
        label = f"{step['name']}: {step['kept']} kept, {gone} gone"
        rows.append(
            el(
                "tr",
                el("th", _step_link(step["name"]), scope="row"),
                number(step["documents_in"], data_fact=f"{step['name']}/documents_in"),
                number(step["kept"], data_fact=f"{step['name']}/kept"),
                number(dropped, data_fact=f"{step['name']}/dropped"),
                el("td", percent(dropped, step["documents_in"]) if dropped else DASH, class_="n"),
                el("td", pictures.bar([("k", max(0, stays)), ("d", gone)], source, label), class_="picture"),
                bytes_cell(step["bytes_in"]) if step["kind"] != "shards" else el("td", DASH, class_="n"),
                el("td", _others(step)),
            )
        )
    heads = ("step", "#in", "#kept", "#dropped", "#of in", "of the largest step", "#bytes in", "also")
    lead = "What reached each step and what it kept. Bytes are of the text; before extraction, of the page."
    return _section("funnel", "Funnel", "Funnel", lead, table(heads, rows, "Documents in, kept and dropped, by step", "funnel"), _reasons(facts))


def _others(step: Mapping[str, Any]) -> str:
    return ", ".join(f"{word} {step[word]:,}" for word in ("created", "merged", "failed") if step[word])


def _reasons(facts: Facts) -> Markup:
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
                el("td", _step_link(step["name"])),
                number(n, data_fact=f"{step['name']}/dropped/{reason}"),
                el("td", percent(n, step["documents_in"]), class_="n"),
                bytes_cell(entry.get("bytes", 0)) if entry else el("td", DASH, class_="n"),
                number(entry["tokens"]) if entry.get("tokens") else el("td", DASH, class_="n"),
                el("td", pictures.bar([("d", n)], most, f"{reason}: {n}"), class_="picture"),
                id=ident("reason", step["name"], reason), data_find="reason",
            )  # fmt: skip
        )
    heads = ("reason", "step", "#documents", "#of in", "#bytes", "#tokens", "of the largest")
    caption, more = "Why documents were dropped", rows[REASONS:]
    rest = el("details", el("summary", f"{len(more):,} more"), table(heads, more, f"{caption}, continued", "reasons")) if more else None
    return el("div", el("h3", "Reasons"), table(heads, rows[:REASONS], caption, "reasons"), rest)


# -- metrics --------------------------------------------------------------------------------------


def _filters(facts: Facts) -> Section | None:
    """Histograms of what has a threshold, by step; then of the others, folded."""
    judged, others = [], []
    left = HISTOGRAMS
    for step in facts.steps:
        metrics, limits = facts.metrics.get(step["name"], {}), facts.limits.get(step["name"], ())
        columns = [c for c in dict.fromkeys(limit.column for limit in limits) if c in metrics]
        drawn = [_metric(step, c, metrics[c], [limit for limit in limits if limit.column == c]) for c in columns[:left]]
        left -= len(drawn)
        if drawn:
            judged.append(el("section", el("h3", _step_link(step["name"]), " ", el("small", step["use"])), el("div", drawn, class_="grid")))
        others += [(step, c) for c in sorted(metrics) if c not in columns[: len(drawn)]]
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
    return _section(
        "metrics", "Metrics", "Metrics and thresholds", lead, judged,
        [el("h3", "Metrics without a threshold"), folded] if folded else None,
        el("p", f"{lost:,} more metrics are not drawn.", class_="note") if lost > 0 else None,
    )  # fmt: skip


def _metric(step: Mapping[str, Any], column: str, bins: Mapping[int, Sequence[int]], limits: Sequence[Limit]) -> Markup:
    h = pictures.histogram(bins)
    marks = list(dict.fromkeys(mark for limit in limits for mark in _marks(limit)))
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


def _marks(limit: Limit) -> Iterator[tuple[str, float]]:
    if isinstance(limit.value, Mapping):
        values = [limit.value.get("default"), *(v for k, v in sorted(limit.value.items()) if k != "default")]
    else:
        values = [limit.value]
    for v in values:
        if v is not None:
            yield limit.side, float(v)


def _limit(limit: Limit) -> Markup:
    sign = "≥" if limit.side == "least" else "≤"
    if isinstance(limit.value, Mapping):
        groups = sorted(limit.value.items(), key=lambda item: (item[0] != "default", item[0]))
        shown = ", ".join(f"{k} {DASH if v is None else value(float(v))}" for k, v in groups[:8])
        bound = f"{shown}{f' and {len(groups) - 8} more' if len(groups) > 8 else ''}"
    else:
        bound = DASH if limit.value is None else value(float(limit.value))
    return join(el("code", limit.param), f" {sign} {bound}", el("span", f" else {limit.reason}"))


# -- overlap --------------------------------------------------------------------------------------


def _interval(hits: int, n: int) -> tuple[float, float]:
    """Wilson's interval of a share, at 95 %."""
    if not n:
        return 0.0, 1.0
    z, p = ALONE_Z, hits / n
    center, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (center - half) / (1 + z * z / n)), min(1.0, (center + half) / (1 + z * z / n))


def _overlap(facts: Facts) -> Section | None:
    shadows = facts.shadows
    filters = [step for step in facts.steps if step["dropped"]]
    if not filters:
        return None
    if not shadows.documents:
        lead = "No dropped document is in the sample of those that run on through the filters behind their drop. With --annotate all of them do."
        return _section("overlap", "Overlap", "Overlap of filters", lead)
    exact = shadows.share >= 1 and shadows.files == shadows.of_files
    what = (
        f"All {shadows.documents:,} dropped documents ran on through the filters behind their drop (--annotate), so the shares are exact."
        if exact
        else f"A sample of {shadows.documents:,} dropped documents ran on through the filters behind their drop"
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
    above = {step["name"]: _above(facts, [step["name"]]) for step in facts.steps if step["name"] in judging}
    last = []
    for step in sorted(filters, key=lambda s: (-sum(s["dropped"].values()), s["name"])):
        name, dropped, n = step["name"], sum(step["dropped"].values()), seen[step["name"]]
        if not any(name in way for other, way in above.items() if other != name):
            last.append(name)
            continue
        low, high = _interval(alone[name], n)
        others = sorted(((k[1], m) for k, m in shadows.both.items() if k[0] == name), key=lambda item: (-item[1], item[0]))
        also = ", ".join(f"{other} {percent(m, n)}" for other, m in others[:3])
        rows.append(
            el(
                "tr",
                el("th", _step_link(name), scope="row"),
                number(dropped),
                number(n, data_fact=f"{name}/shadows"),
                el("td", percent(alone[name], n), class_="n"),
                el("td", DASH if not n else "exact" if exact else f"{100 * low:.0f}{DASH}{100 * high:.0f}\N{NO-BREAK SPACE}%", class_="n"),
                el("td", f"{'' if exact else '≈ '}{round(dropped * alone[name] / n):,}" if n else DASH, class_="n"),
                el("td", pictures.bar([("d", alone[name]), ("o", n - alone[name])], n, f"{alone[name]} of {n} by it alone"), class_="picture"),
                el("td", also or DASH),
            )
        )
    if last:
        lead += f" No filter of single documents is behind {', '.join(last)}."
    heads = ("step", "#dropped", "#sampled", "#by it alone", "#interval", "#documents", "alone, others too", "others")
    return _section(
        "overlap", "Overlap", "Overlap of filters", lead, table(heads, rows, "Unique contribution of each filter", "overlap"), _crossed(facts, seen)
    )


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
        rows.append(el("tr", el("th", _step_link(a), scope="row"), cells))
    caption = "Of the documents a step dropped (row), the share a filter behind it would have dropped too (column)"
    return el("div", el("h3", "Who else"), table(["dropped by", *(f"#{b}" for b in seconds_)], rows, caption, "crossed"))


# -- languages, domains ... -----------------------------------------------------------------------


def _values(facts: Facts) -> Section | None:
    tables = [part for name in DIMENSIONS for part in [_dimension(facts, name)] if part]
    if not tables:
        return None
    output = _ends(facts)[0]["name"].removeprefix("outputs.") if _ends(facts) else None
    lead = f"Documents that stay in each output, and those dropped on the way to {output}, as far as the value was known at that step."
    return _section("values", "Languages", "Languages and domains", lead, tables)


def _dimension(facts: Facts, name: str) -> Markup | None:
    ends = _ends(facts)[:4]
    if not ends:
        return None
    kept: list[Counter[str]] = []
    for end in ends:
        counts: Counter[str] = Counter()
        for port, verdict in _ports(end):
            owner = port.partition(".")[0]
            for v, triple in facts.verdicts.get(owner, {}).get(verdict, {}).get("by", {}).get(name, {}).items():
                counts[v] += triple[0]
        kept.append(counts)
    gone: Counter[str] = Counter()
    why: dict[str, tuple[int, str, str]] = {}
    for step in _above(facts, [ends[0]["name"]]):
        for verdict, entry in facts.verdicts.get(step, {}).items():
            if verdict == "in" or verdict.partition(".")[0] == "kept":
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
        title = el("i", f"{len(rest):,} more" if rest else "", " and " if rest and OTHERS in left else "", "others" if OTHERS in left else "")
        rows.append(_value_row(name, title, OTHERS, [sum(c[v] for v in left) for c in kept], sum(gone[v] for v in left), 0, None))
    title, what = DIMENSIONS[name]
    heads = [what, *(f"#{end['name'].removeprefix('outputs.')}" for end in ends), "#dropped", "#stay", "kept, dropped", "mostly for"]
    return el("div", el("h3", title), table(heads, rows, f"Documents by {what}", "values"), id=f"by-{name}")


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
        el("td", percent(kept[0], kept[0] + gone), class_="n"),
        el("td", picture, class_="picture"),
        el("td", reason),
        data_find=DIMENSIONS[name][1], data_fact=f"{name}/{v}",
    )  # fmt: skip


# -- duplicates, personal data, the mix -----------------------------------------------------------


def _duplicates(facts: Facts) -> Section | None:
    parts: list[Markup] = []
    for name, clusters in facts.clusters.items():
        most = max((n * (low + high) / 2 for low, high, n in clusters.sizes), default=0)
        rows = []
        for low, high, n in clusters.sizes:
            label = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            documents = f"{n * low:,}" if low == high else f"{n * low:,} to {n * high:,}"
            picture = pictures.bar([("k", n), ("d", n * ((low + high) / 2 - 1))], most, f"{n} survivors")
            rows.append(
                el("tr", el("th", label, scope="row"), number(n, data_fact=f"{name}/clusters/{low}"), el("td", documents, class_="n"),
                   el("td", picture, class_="picture"))
            )  # fmt: skip
        heads = ("documents in the cluster", "#clusters", "#documents", "survivors, dropped")
        parts.append(el("div", el("h3", _step_link(name)), table(heads, rows, f"Clusters of {name} by size", "slim"), el("p", clusters.note, class_="note")))
    for step in facts.steps:
        for kind, found in step["examples"].items():
            ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
            most = ordered[0][1] if ordered else 0
            rows = [
                el("tr", number(n), el("td", crawled(line, NOTE_CHARS)), el("td", pictures.bar([("d", n)], most, f"{n:,}"), class_="picture"),
                   data_find="line")
                for line, n in ordered[:EXAMPLES]
            ]  # fmt: skip
            title = el("h3", kind[:1].upper() + kind[1:], " ", el("small", step["name"]))
            parts.append(el("div", title, table(("#times", kind, "of the most"), rows, f"{kind} of {step['name']}", "lines")))
    if not parts:
        return None
    lead = "Clusters by the number of documents they have, of which one stays; and what was found most often."
    return _section("duplicates", "Duplicates", "Duplicates and repeated text", lead, parts)


def _personal(facts: Facts) -> Section | None:
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
                   el("td", percent(counts[c], total), class_="n"),
                   el("td", pictures.bar([("k", counts[c])], most, f"{counts[c]} documents"), class_="picture"),
                   class_="total" if c == "pii_count" else None, data_find="personal data")
            )  # fmt: skip
    if not rows:
        return None
    heads = ("kind", "#documents that have it", "#of all", "of any")
    lead = "Documents in which each kind of personal data was found, among those that reached the step."
    return _section("personal", "Personal data", "Personal data", lead, table(heads, rows, "Documents by kind of personal data", "slim"))


def _mix(facts: Facts) -> Section | None:
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
                    el("td", percent(target, 1), class_="n"),
                    el("td", percent(share, 1), class_="n"),
                    el("td", pictures.bar([("k", share)], scale, f"{percent(share, 1)}, target {percent(target, 1)}", target), class_="picture"),
                    number(e["wanted_tokens"], data_fact=f"{fact}/wanted_tokens"),
                    number(e["used_tokens"], data_fact=f"{fact}/used_tokens"),
                    number(e["tokens"], data_fact=f"{fact}/tokens"),
                    el("td", f"{e['epochs']:.2f}", class_="n"),
                    number(e["short_tokens"], data_fact=f"{fact}/short_tokens", class_="n short" if e["short_tokens"] else "n"),
                    data_find="mix",
                )
            )
        heads = ("entry", "#target", "#given", "given, | target", "#tokens wanted", "#given tokens", "#tokens it has", "#epochs", "#short by")
        parts.append(el("div", el("h3", _step_link(step["name"])), table(heads, rows, f"Entries of {step['name']}", "mix")))
    if not parts:
        return None
    return _section("mix", "Mix", "Mix against target", "Tokens each entry was to give, gave and has. The mark on a bar is the target's share.", parts)


# -- time, samples, configuration -----------------------------------------------------------------


def _time(facts: Facts) -> Section:
    steps = [s for s in facts.steps if s["cpu_seconds"]]
    total, most = sum(s["cpu_seconds"] for s in steps), max((s["cpu_seconds"] for s in steps), default=0.0)
    rows = []
    for step in sorted(steps, key=lambda s: -s["cpu_seconds"]):
        cpu, n = step["cpu_seconds"], step["documents_in"]
        rows.append(
            el(
                "tr",
                el("th", _step_link(step["name"]), scope="row"),
                el("td", el("data", f"{cpu:,.2f}", value=repr(cpu)), class_="n", data_fact=f"{step['name']}/cpu_seconds"),
                el("td", percent(cpu, total), class_="n"),
                el("td", f"{1e3 * cpu / n:,.3f}" if n else DASH, class_="n"),
                el("td", f"{step['bytes_in'] / cpu / 1e6:,.1f}" if step["bytes_in"] else DASH, class_="n"),
                el("td", pictures.bar([("t", cpu)], most, f"{cpu:.2f} s"), class_="picture"),
            )
        )
    heads = ("step", "#CPU s", "#share", "#ms per document", "#MB/s", "of the largest")
    lead = f"{seconds(total)} of CPU time in all, over all workers."
    return _section("time", "Time", "Time", lead, table(heads, rows, "CPU time by step", "time"))


def _samples(facts: Facts) -> Section | None:
    left = SAMPLES
    most = max(1, SAMPLES // max(1, sum(len(reasons) for reasons in facts.samples.values())))
    blocks = []
    for step in facts.steps:
        reasons = facts.samples.get(step["name"], {})
        cards = []
        for reason, samples in sorted(reasons.items(), key=lambda item: (-step["dropped"].get(item[0], 0), item[0])):
            for sample in samples[: min(most, left)]:
                cards.append(_sample(facts.limits.get(step["name"], ()), reason, sample))
                left -= 1
        if cards:
            n = sum(step["dropped"].values())
            title = el("summary", step["name"], " ", el("small", f"{len(cards)} of {n:,} dropped"))
            blocks.append(el("details", title, el("div", cards, class_="cards"), id=ident("samples", step["name"])))
    if not blocks:
        return None
    files_, of = facts.sampled
    lead = (
        "Dropped documents, with what they were dropped for. One in a thousand keeps its text, and at least one for each reason and task; "
        "of steps that are there for safety, none does." + ("" if files_ == of else f" From {files_:,} of {of:,} files.")
    )
    return _section("samples", "Samples", "Samples of what was dropped", lead, blocks)


def _sample(limits: Sequence[Limit], reason: str, sample: Sample) -> Markup:
    row = sample.row
    broken = {limit.column: limit for limit in limits if limit.reason == reason and limit.broken(row)}
    shown = []
    for column, x in sorted(sample.metrics.items(), key=lambda item: (item[0] not in broken, item[0])):
        written = value(float(x)) if isinstance(x, (int, float)) and math.isfinite(x) else None
        limit = broken.get(column)
        bound = limit.of(row) if limit else None
        if limit and bound is not None:
            sign = "<" if limit.side == "least" else ">"
            shown.append(el("li", el("mark", el("code", column), f" {written} {sign} {value(float(bound))}"), " ", el("small", limit.param)))
        else:
            shown.append(el("li", el("code", column), " ", written if written is not None else crawled(str(x), VALUE_CHARS)))
    about = [crawled(str(row[k]), VALUE_CHARS) for k in ("lang", "domain") if row.get(k)]
    return el(
        "article",
        el("h4", el("mark", reason), [join(" ", a) for a in about]),
        el("p", crawled(str(row.get("url") or ""), 300), class_="url"),
        el("ul", shown, class_="measured") if shown else None,
        _text(row["text"], sample.terms, sample.chars) if row.get("text") else None,
        el("p", el("code", str(row.get("id"))), "" if row.get("text") else " text not stored", class_="id"),
        class_="sample", data_find="sample",
    )  # fmt: skip


def _text(body: str, terms: Sequence[str], chars: int) -> Markup:
    """The beginning of a text, or where the first of the terms is; terms marked."""
    words = sorted({t for t in terms if t}, key=len, reverse=True)[:TERMS]
    pattern = re.compile("|".join(re.escape(w[:VALUE_CHARS]) for w in words), re.I) if words else None
    first = pattern.search(body) if pattern else None
    start = max(0, first.start() - TEXT_CHARS // 4) if first and first.start() > TEXT_CHARS * 3 // 4 else 0
    piece = body[start : start + TEXT_CHARS]
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


def _configuration(facts: Facts) -> Section:
    blocks = []
    for step in facts.steps:
        params = [
            el("div", el("dt", el("code", name)), el("dd", el("code", _param(v)))) for name, v in sorted((step["params"] or {}).items())
        ]
        notes = [el("li", crawled(note, NOTE_CHARS)) for note in step["notes"][:NOTES]]
        facts_ = [f"needs {', '.join(step['needs'])}" if step["needs"] else "reads the input", step["kind"]]
        facts_ += [f"version {step['version']}"] if step["version"] else []
        facts_ += [f"fingerprint {step['fingerprint'][:12]}"]
        jumps = [el("a", "samples", href=f"#{ident('samples', step['name'])}")] if facts.samples.get(step["name"]) else []
        blocks.append(
            el(
                "details",
                el("summary", step["name"], " ", el("small", step["use"])),
                el("p", " · ".join(facts_), [join(" · ", j) for j in jumps], class_="note"),
                el("ul", notes, class_="notes") if notes else None,
                el("dl", params, class_="params") if params else None,
                id=ident("step", step["name"]), data_find="step",
            )  # fmt: skip
        )
    inputs = [
        el("tr", el("th", name, scope="row"), number(of["files"], data_fact=f"inputs/{name}/files"), el("td", el("code", of["identity"][:16])))
        for name, of in facts.manifest["inputs"].items()
    ]
    return _section(
        "configuration", "Steps", "Steps and parameters", "What each step was told, and what it noted.",
        table(("input", "#files", "content"), inputs, "Inputs", "slim"), blocks,
    )  # fmt: skip


def _param(v: Any) -> str:
    written = json.dumps(v, ensure_ascii=False)
    return written if len(written) <= PARAM_CHARS else f"{written[:PARAM_CHARS]}… ({len(written):,} characters)"


def _end() -> Markup:
    return el("footer", el("p", "Written by curate from the accounts of the run. This page loads nothing and sends nothing."))
