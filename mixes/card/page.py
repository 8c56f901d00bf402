"""The data card as Markdown: tables that a person reads, with what was crawled in code spans, where it cannot become markup.

The tables are those of GitHub's Markdown. Long lists are cut; the JSON beside it has more of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from curation.inspect.markdown import code, table
from curation.ledger import OTHERS

SHOWN = {"lang": 40, "source": 40, "crawl": 40, "date": 24, "domain": 30, "license": 30}
"""Values of a dimension that are shown (ours); of more months, years."""
TITLES = {
    "lang": ("Languages", "language"), "source": ("Sources", "source"), "crawl": ("Crawls", "crawl"), "date": ("Dates", "month"),
    "domain": ("Top domains", "domain"), "license": ("Licences", "licence"),
}  # fmt: skip
MOVERS = 15
"""Steps and groups that are shown (ours)."""
TOLD = ("decontamination", "mix")
"""Kinds of steps whose notes a section of their own tells."""
NOTE_CHARS = 300


def page(card: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    sections = [_head(card), _entries(card), _parts(card), *_dimensions(card), _steps(card), _decontamination(card), _safety(card),
                _mentions(card["mentions"], card["steps"]), _gaps(card), _lineage(card)]  # fmt: skip
    return "\n\n".join(section for section in sections if section) + "\n"


def percent(part: float, whole: float) -> str:
    """A share in per cent, with two digits at least where it is small; the blank does not break."""
    if not whole:
        return "–"
    value = 100 * part / whole
    return f"{value:.1f}\N{NO-BREAK SPACE}%" if value >= 1 or not value else f"{value:.2g}\N{NO-BREAK SPACE}%"


def size(n: int) -> str:
    """Bytes in the unit that fits."""
    for unit, one in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= one:
            return f"{n / one:,.1f} {unit}"
    return f"{n} B"


def many(n: int, noun: str) -> str:
    """A number and what it counts."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _head(card: Mapping[str, Any]) -> str:
    total = card["total"]
    again = total["rows"] - total["documents"]
    said = [
        f"# Data card of {code(card['output'])}",
        f"**{many(total['tokens'], 'token')}** in {many(total['documents'], 'document')}"
        + (f", of which some are used again ({many(total['rows'], 'row')})" if again else "")
        + f", in {many(total['shards'], 'shard')} of {size(total['bytes'])} together. "
        f"The run {code(card['run'])} made it of {many(total['read'], 'document')} that its sources read.",
        "Written by the program from the accounts of the run; no number here is typed. The fingerprint of what made it is "
        f"{code(card['fingerprint'])}: other data, settings, lists or models have another one.",
    ]
    files = [f"- {code(name)}: {many(of['files'], 'file')}, content {code(of['identity'][:16])}" for name, of in card["inputs"].items()]
    return "\n\n".join([*said, "Inputs:", "\n".join(files)])


def _entries(card: Mapping[str, Any]) -> str:
    entries = card["entries"]
    used = sum(e["used_tokens"] for e in entries.values())
    rows = [
        [code(name), f"{e['documents']:,}", f"{e['tokens']:,}", f"{e['wanted_tokens']:,}", f"{e['used_tokens']:,}",
         percent(e["used_tokens"], used), f"{e['epochs']:.2f}", f"{e['short_tokens']:,}" if e["short_tokens"] else ""]
        for name, e in entries.items()
    ]  # fmt: skip
    columns = ("entry", "documents it has", "tokens it has", "tokens wanted", "tokens in the mix", "share", "epochs", "short by")
    return (
        "## Entries\n\nWhat the recipe of the mix names, what there is of it, and how much of it is used. An epoch is all its tokens once; "
        f"what is held out for validation is not counted as used.\n\n{table(columns, rows)}"
    )


def _parts(card: Mapping[str, Any]) -> str:
    parts, entries = card["parts"], card["entries"]
    rows = [
        [code(name), f"{p['tokens']:,}", f"{p['documents']:,}", f"{p['uses']:,}", f"{p['shards']:,}", size(p["bytes"]),
         f"{size(p['smallest_bytes'])} to {size(p['largest_bytes'])}"] for name, p in parts.items()
    ]  # fmt: skip
    said = "## Phases and validation\n\nEach part has shards of its own, in an order by chance; documents are those first used in it. "
    if "validation" in parts:
        said += "What is in `validation` is trained on in no phase."
    else:
        said += "Nothing is held out for validation."
    said += "\n\n" + table(("part", "tokens", "documents", "rows", "shards", "size", "of a shard"), rows)
    shares = [[code(name), *(percent(e["parts"][p]["tokens"], parts[p]["tokens"]) for p in parts)] for name, e in entries.items()]
    return f"{said}\n\nShares of tokens in each:\n\n{table(('entry', *map(code, parts)), shares)}"


def _dimensions(card: Mapping[str, Any]) -> list[str]:
    sections = []
    for dimension, (title, column) in TITLES.items():
        values = card["by"].get(dimension)
        if values is None or all(v["value"] == "" for v in values):
            if dimension == "license":
                sections.append("## Licences\n\nNot recorded.")
            continue
        if dimension == "date" and len(values) > SHOWN["date"]:
            values, column = _years(values), "year"
        elif dimension == "date":
            values = sorted(values, key=lambda v: str(v["value"]))
        sections.append(f"## {title}\n\n{_values(values, column, SHOWN[dimension])}")
    return sections


def _values(values: Sequence[Mapping[str, Any]], column: str, most: int) -> str:
    """Rows and tokens by value; those behind the first ones together."""
    whole = {what: sum(v[what] for v in values) for what in ("tokens", "rows")}
    ranked = [v for v in values if v["value"] != OTHERS]
    rest = {what: whole[what] - sum(v[what] for v in ranked[:most]) for what in whole}
    rows = [[code(v["value"]) if v["value"] else "not known", *_counts(v, whole)] for v in ranked[:most]]
    if rest["rows"]:
        unnamed = len(ranked) - most
        rows.append([f"{unnamed:,} more" if unnamed > 0 and len(ranked) == len(values) else "all others", *_counts(rest, whole)])
    return table((column, "tokens", "share", "rows"), rows)


def _counts(value: Mapping[str, int], whole: Mapping[str, int]) -> list[str]:
    return [f"{value['tokens']:,}", percent(value["tokens"], whole["tokens"]), f"{value['rows']:,}"]


def _years(values: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    years: dict[str, dict[str, Any]] = {}
    for v in sorted(values, key=lambda v: str(v["value"])):
        label = v["value"] if v["value"] == OTHERS else v["value"][:4]
        year = years.setdefault(label, {"value": label, "rows": 0, "tokens": 0})
        year["rows"] += v["rows"]
        year["tokens"] += v["tokens"]
    return list(years.values())


def _steps(card: Mapping[str, Any]) -> str:
    rows, settings = [], []
    for step in card["steps"]:
        why = ", ".join(f"{reason} {n:,}" for reason, n in sorted(step["dropped"].items(), key=lambda d: (-d[1], d[0])))
        more = ", ".join(f"{n:,} {word}" for word in ("created", "merged", "failed") if (n := step[word]))
        gone = sum(step["dropped"].values())
        rows.append([code(step["name"]), code(step["use"]), f"{step['documents_in']:,}", f"{gone:,}", percent(gone, step["documents_in"]),
                     "; ".join(said for said in (why, more) if said)])  # fmt: skip
        given = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in step["given"].items())
        version = f" version {code(step['version'])}," if step["version"] else ""
        settings.append(f"- {code(step['name'])}:{version} fingerprint {code(step['fingerprint'][:16])}"
                        + (f", {code(given, NOTE_CHARS)}" if given else "") + ("" if step["kind"] in TOLD else _notes(step)))  # fmt: skip
    columns = ("step", "stage ", "documents in", "dropped", "share", "why ")
    return (
        f"## What was done\n\n{table(columns, rows)}\n\nParameters that are not the stages' defaults, and what was noted on the way "
        "(`curate stages NAME` says what a stage does; the JSON beside this file has all parameters):\n\n" + "\n".join(settings)
    )


def _notes(step: Mapping[str, Any]) -> str:
    return "".join(f"\n  - {code(note, NOTE_CHARS)}" for note in step["notes"])


def _decontamination(card: Mapping[str, Any]) -> str:
    steps = [step for step in card["steps"] if step["kind"] == "decontamination"]
    if not steps:
        return "## Decontamination\n\nNone: no benchmark was searched for."
    said = []
    for step in steps:
        names = ", ".join(code(name) for name in step["params"]["benchmarks"])
        gone = sum(step["dropped"].values())
        seen = many(step["documents_in"], "document")
        said.append(f"- {code(step['name'])} ({code(step['use'])}) looked for {names} in {seen} and dropped {gone:,}.{_notes(step)}")
    return "## Decontamination\n\n" + "\n".join(said)


def _safety(card: Mapping[str, Any]) -> str:
    steps = [step for step in card["steps"] if step["kind"] == "safety"]
    rows = [
        [code(step["name"]), code(step["use"]), f"{step['documents_in']:,}", f"{(gone := sum(step['dropped'].values())):,}",
         percent(gone, step["documents_in"])] for step in steps
    ]  # fmt: skip
    columns = ("step", "stage ", "documents in", "dropped", "share")
    return "## Personal data and safety\n\n" + (table(columns, rows) if rows else "No step looks for personal data or unsafe content.")


def _mentions(mentions: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> str:
    counting = [step["name"] for step in steps if step["use"] == "count_mentions"]
    if not counting:
        return "## Who is mentioned\n\nNot counted."
    rows = [
        [code(g["group"]), f"{g['known']:,}", f"{g['mention']:,}", percent(g["mention"], g["known"]),
         percent(g["kept_mention"], g["kept_known"]), f"{g['mentions']:,}"] for g in mentions["groups"] if g["mention"]
    ]  # fmt: skip
    never = ", ".join(code(g["group"]) for g in mentions["groups"] if not g["mention"])
    columns = ("group", "documents counted", "mention it", "share", "share in the mix", "times")
    said = [
        f"Documents that have a pronoun of a kind or a word for a group of people, as step {code(counting[0])} counts them in languages it "
        "has a list for: of all that reached the step, and of those the mix uses.",
        table(columns, rows) if rows else "None does.",
        *([f"Never mentioned: {never}."] if never else []),
        _moved(mentions),
    ]
    return "## Who is mentioned\n\n" + "\n\n".join(said)


def _moved(mentions: Mapping[str, Any]) -> str:
    moved = mentions["moved"]
    how = (
        f"Of {many(mentions['comparisons'], 'comparison')} of a step with a group, {len(moved):,} show a difference that chance does not "
        "explain (intervals hold for all of them together at 95 %)."
    )
    if not moved:
        return f"### Steps that change it\n\n{how}"
    rows = [
        [code(m["step"]), code(m["group"]), f"{m['dropped_mention']:,} of {m['mention']:,}",
         percent(m["dropped_mention"], m["mention"]), percent(m["dropped_known"] - m["dropped_mention"], m["known"] - m["mention"]),
         f"{100 * m['difference']:+.1f}", f"{100 * m['low']:+.1f} to {100 * m['high']:+.1f}"] for m in moved[:MOVERS]
    ]  # fmt: skip
    columns = ("step", "group ", "dropped", "share of those", "share of the others", "points", "interval")
    first = f" The first {MOVERS} are here." if len(moved) > MOVERS else ""
    return (
        f"### Steps that change it\n\n{how}{first} They are associations: a text about people is of another kind and length than one "
        "that is not, and documents of one site are alike, so that chance is somewhat larger than counted.\n\n" + table(columns, rows)
    )


def _gaps(card: Mapping[str, Any]) -> str:
    return "## Known gaps\n\n" + "\n".join(f"- {gap}" for gap in card["gaps"])


def _lineage(card: Mapping[str, Any]) -> str:
    return (
        "## From a row to its source\n\nEach row has `source` (the input), `record_file` and `record_offset` (the file and the place "
        "in it), `url` and `date`; `id` is made of the record's own id, and `parent_ids` names the documents a row was made of, if any. "
        "`mix_entry`, `mix_phase` and `mix_copy` say why it is here. `curate explain RUN ID` says all this of one document, step by step."
    )
