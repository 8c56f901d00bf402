"""What each step was told, and what it noted."""

from __future__ import annotations

import json
from typing import Any

from curation.inspect.report.facts import Facts
from curation.inspect.report.html import Section, crawled, el, ident, join, number, section, table

NOTES = 10
"""Of a step (ours)."""
NOTE_CHARS = 300
PARAM_CHARS = 200


def configuration(facts: Facts) -> Section:
    blocks = []
    for step in facts.steps:
        params = [
            el("div", el("dt", el("code", name)), el("dd", el("code", _param(v)))) for name, v in sorted((step["params"] or {}).items())
        ]
        notes = [el("li", crawled(note, NOTE_CHARS)) for note in step["notes"][:NOTES]]
        facts_ = [f"needs {', '.join(step['needs'])}" if step["needs"] else "reads the input", step["kind"]]
        facts_ += [f"version {step['version']}"] if step["version"] else []
        facts_ += [f"fingerprint {step['fingerprint'][:12]}"]
        jumps = [el("a", "samples", href=f"#{ident('samples', step['name'])}")] if any(facts.samples.get(step["name"], {}).values()) else []
        blocks.append(
            el(
                "details",
                el("summary", step["name"], " ", el("small", step["use"])),
                el("p", " · ".join(facts_), [join(" · ", j) for j in jumps], class_="note"),
                el("ul", notes, class_="notes") if notes else None,
                el("dl", params, class_="params") if params else None,
                id=ident("step", step["name"]), data_find="step",
            )
        )
    inputs = [
        el("tr", el("th", name, scope="row"), number(of["files"], data_fact=f"inputs/{name}/files"),
           el("td", el("code", of["identity"][:16])))
        for name, of in facts.manifest["inputs"].items()
    ]  # fmt: skip
    return section(
        "configuration", "Steps", "Steps and parameters", "What each step was told, and what it noted.",
        table(("input", "#files", "content"), inputs, "Inputs", "slim"), blocks,
    )  # fmt: skip


def _param(v: Any) -> str:
    written = json.dumps(v, ensure_ascii=False)
    return written if len(written) <= PARAM_CHARS else f"{written[:PARAM_CHARS]}… ({len(written):,} characters)"
