"""The page: sections of plain data as one HTML file that asks nothing of any server."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

from curation.inspect.report import pictures
from curation.inspect.report.accounts import flow, funnel, time
from curation.inspect.report.configuration import configuration
from curation.inspect.report.content import duplicates, mix, personal
from curation.inspect.report.facts import Facts, ports
from curation.inspect.report.html import DASH, Markup, cut, el, percent, seconds, size, text
from curation.inspect.report.metrics import metrics
from curation.inspect.report.overlap import overlap
from curation.inspect.report.samples import samples
from curation.inspect.report.values import values

SECTIONS = (flow, funnel, metrics, overlap, values, duplicates, personal, mix, time, samples, configuration)


def page(facts: Facts) -> str:
    """The report as one HTML file, in UTF-8."""
    style, script = (files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    sections = [made for make in SECTIONS if (made := make(facts))]
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


def _title(facts: Facts) -> Markup:
    run = facts.manifest
    read = sum(step["documents_in"] for step in facts.steps if step["kind"] == "source")
    cpu = sum(step["cpu_seconds"] for step in facts.steps)
    boxes = [("documents read", f"{read:,}", f"{size(run['input_bytes'])} of input")]
    for step in facts.outputs[:6]:
        tokens = sum(facts.verdicts.get(n, {}).get(v, {}).get("tokens", 0) for n, v in ports(step))
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
        el("h1", cut(str(run["name"]), 200)),
        el("p", cut(str(run["recipe"]), 300), class_="where"),
        said,
        el("dl", [el("div", el("dt", a), el("dd", el("b", b), el("span", c))) for a, b, c in boxes], class_="figures"),
        class_="title",
    )


def _end() -> Markup:
    return el("footer", el("p", "Written by curate from the accounts of the run. This page loads nothing and sends nothing."))
