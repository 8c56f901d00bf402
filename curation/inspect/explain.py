"""`curate explain`: a document's way through the DAG, from the run's own columns."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation import registry
from curation.inspect.judged import entry, judged, nearest
from curation.inspect.lookup import find
from curation.inspect.rows import OpenStep, RunRows
from curation.inspect.show import plain, safe
from curation.where import columns_of

IDENTITY = frozenset({
    "id", "url", "domain", "source", "date", "record_file", "record_offset", "text", "step", "drop_reason", "branch", "parent_ids",
})  # fmt: skip
MOST_SURVIVORS = 100
"""Documents of a chain of duplicates that are followed (ours)."""
MOST_PARENTS = 20
"""Documents that one was made of which the terminal names (ours)."""
WIDTH, VALUE_CHARS = 140, 300
"""Of a line of the terminal, and characters of a value that are shown (ours)."""


@dataclass
class Found:
    """One row that tells of a document: what it is (outputs, dropped ...), where it stands, its values, and itself (one row, no text)."""

    what: str
    file: str
    number: int
    values: dict[str, Any]
    row: pa.Table

    @property
    def name(self) -> str:
        """Output or label."""
        return self.file.split("/")[1] if self.what == "outputs" else self.what


@dataclass
class Way:
    """A fate being gathered: the steps from a source to where the document ended, and the row that tells of it."""

    fate: str
    found: Found
    steps: list[OpenStep]
    last: str | None = None
    """The step that dropped it, or at which it failed."""
    reason: str | None = None
    report: dict[str, Any] = field(default_factory=dict)


def explain(
    run: RunRows, query: str, follow: bool = False, look: Callable[[RunRows, dict[str, Any], list[Way]], None] | None = None
) -> dict[str, Any]:
    """Find a document by URL or id.

    Args:
        follow: go on from survivor to survivor until one is no duplicate.
        look: called with the run, the report of each document and its ways, to add to them.
    Returns: {"query", "documents": [{"id", "url", "record": {"source", "file", "offset"}, "parents", "fates": [{"branch", "fate",
        "output", "row", "file", "file_row", "steps": [{"name", "verdict", "reason", "metrics", "rules", "replaced"}], "nearest",
        "later"}], "uses",
        "survivors": [{"id", "url", "of", "step", "fates": [{"branch", "fate", "step", "reason", "output", "row"}]}]}]}; the list is empty
        if the run never met it. record = the input, the file in it and the place there that the document was read from; row = number in
        the output's file, from 0, once for each time a document stands there; file, file_row = the row that tells so; rules, nearest: see
        `judged`; replaced = what a redaction put something else for, by kind; later = what a shadow of a dropped document shows: {"step",
        "verdict", "reason", "metrics", "rules"} of the row steps behind its drop; uses = {output: {part of it, such as a phase: times}};
        survivors = whose duplicate it is, and whose that one is.
    Raises: RecipeError if the run is unfinished.
    """
    run.require_done()
    rows = _rows(run, {query})
    ids = {query, *(f.values["id"] for f in rows if query in (f.values["id"], f.values.get("url")))}
    if len(ids) > 1 and any(step.kind in ("expand", "regroup") for step in run.steps.values()):
        rows = _rows(run, ids)  # a URL leads to ids, and ids to documents made of them
    documents: dict[str, dict[str, Any]] = {}
    ways: dict[str, list[Way]] = {}
    for found in (f for f in rows if f.what != "shadows" and (f.values["id"] in ids or f.values.get("url") == query)):
        document = _document(documents, found.values["id"], found.values)
        ways.setdefault(document["id"], []).append(way := _way(run, found))
        way.report = _fate(run, way)
        document["fates"].append(way.report)
    for found in rows:
        for parent in found.values.get("parent_ids") or ():
            if found.what == "outputs" and parent in ids:
                made = Way("merged", found, _path(run, f"outputs.{found.name}", found.values))
                document = _document(documents, parent, {"url": query if "://" in query else None})
                document["fates"].append({**_fate(run, made, told=False), "output": f"{found.file} as {found.values['id']}"})
    for document in documents.values():
        _shadows(run, document, [f for f in rows if f.what == "shadows" and f.values["id"] == document["id"]])
        document["uses"] = _uses(document["fates"])
    _survivors(run, documents, ways, follow)
    if look is not None:
        for name, document in documents.items():
            look(run, document, ways.get(name, []))
    return {"query": query, "documents": list(documents.values())}


def _rows(run: RunRows, values: Iterable[str]) -> list[Found]:
    """Every row that tells of one of these ids or URLs, without its text: outputs last."""
    places, found = find(run, sorted(values)), []
    for what in ("dropped", "failed", "shadows", "outputs"):
        here = places.filter(pc.equal(places["what"], what)).sort_by([("_file", "ascending"), ("_row", "ascending")])
        for file in pc.unique(here["_file"]):  # each file has columns of its own
            table = run.rows(what, here.filter(pc.equal(here["_file"], file)), without=("text", "traceback"))
            for number, row in enumerate(table.to_pylist()):
                found.append(Found(what, row.pop("_file"), row.pop("_row"), row, table.slice(number, 1)))
    return found


def _document(documents: dict[str, dict[str, Any]], name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    document = documents.setdefault(
        name, {"id": name, "url": None, "record": None, "parents": None, "fates": [], "uses": {}, "survivors": []}
    )
    document["url"] = document["url"] or row.get("url")
    if row.get("record_file") is not None:
        document["record"] = {"source": row["source"], "file": row["record_file"], "offset": row["record_offset"]}
    document["parents"] = document["parents"] or row.get("parent_ids")
    return document


def _way(run: RunRows, found: Found) -> Way:
    row = found.values
    if found.what == "dropped":
        return Way("dropped", found, _path(run, row["step"], row), row["step"], row["drop_reason"])
    if found.what == "failed":
        return Way("failed", found, _path(run, row["step"], row), row["step"], f"{row['reason']}: {row['detail']}")
    return Way("kept", found, _path(run, f"outputs.{found.name}", row))


def _fate(run: RunRows, way: Way, told: bool = True) -> dict[str, Any]:
    """A way as the report has it; `told`: with what the row says of its steps."""
    writer = {column: step.name for step in way.steps for column in step.writes}  # a column written twice tells of the last
    steps = []
    for n, step in enumerate(way.steps):
        stop = step.name == way.last
        behind = {column for later in way.steps[n + 1 :] for column in later.writes}
        mine = [c for c in step.writes if writer[c] == step.name] or [c for c in _asked(step) if c not in behind]
        steps.append({
            "name": step.name, "verdict": way.fate if stop else "kept", "reason": way.reason if stop else None,
            **_told(step, way.found, mine if told and way.found.what != "failed" else [], stop),
        })  # fmt: skip
    output = way.found.file if way.found.what == "outputs" else None
    return {
        "branch": way.found.values.get("branch"), "fate": way.fate, "output": output, "row": None if output is None else way.found.number,
        "file": way.found.file, "file_row": way.found.number, "steps": steps, "nearest": nearest(steps), "later": [],
    }  # fmt: skip


def _asked(step: OpenStep) -> list[str]:
    """Columns that the rules of a keep or a split ask for."""
    rules = step.params["rules"].values() if step.kind in ("keep", "split") else ()
    return sorted({column for rule in rules for column in columns_of(rule)})


def _told(step: OpenStep, found: Found, mine: list[str], stop: bool) -> dict[str, Any]:
    """What a row says of a step: the columns that are the step's, its rules beside them, what it replaced."""
    metrics = {c: plain(found.values[c]) for c in mine if c not in IDENTITY and found.values.get(c) is not None}
    replaced = None if step.stage is None or step.values is None else registry.beside(step.stage, "replaced")
    if step.kind == "keep":
        rules = [entry("where_false", stop, when=f"not ({step.params['rules']['where']})")]
    else:
        rules = judged(step, found.row, mine) if mine else []
    return {"metrics": metrics, "rules": rules, "replaced": replaced(found.values, step.values) if replaced and metrics else {}}


def _path(run: RunRows, last: str, row: Mapping[str, Any]) -> list[OpenStep]:
    """Steps from a source to `last`, as the row's branches and source say; where they do not, the first way."""
    source = row.get("source")
    names = run.way(last, row.get("branch"), source) or run.first_way(last, source)
    while run.steps[names[0]].kind == "regroup":
        names = run.first_way(run.steps[names[0]].needs[0], source) + names
    return [step for step in map(run.steps.__getitem__, names) if step.kind != "shards"]


def _shadows(run: RunRows, document: dict[str, Any], shadows: list[Found]) -> None:
    """Add to dropped fates what their shadows met behind the drop."""
    for shadow in shadows:
        row = shadow.values
        would = dict(said.split(":", 1) for said in row["shadow_later"] or ())
        behind = [step for step in run.steps.values() if step.kind in ("row", "keep") and _behind(run, step, row)]
        writer = {column: step.name for step in behind for column in step.writes}
        later = []
        for step in behind:
            reason = would.get(step.name)
            told = _told(step, shadow, [c for c in step.writes if writer[c] == step.name], reason is not None)
            if told["metrics"] or reason:
                later.append({"name": step.name, "verdict": "would drop" if reason else "would keep", "reason": reason, **told})
        for fate in document["fates"]:
            here = f"{row.get('branch') or ''}/".startswith(f"{fate['branch']}/" if fate["branch"] else "")  # a copy goes a way of its own
            if here and fate["fate"] == "dropped" and fate["steps"][-1]["name"] == row["shadow_step"]:
                fate["later"] = later


def _behind(run: RunRows, step: OpenStep, row: Mapping[str, Any]) -> bool:
    """Whether a shadow's way from its drop passes a step: behind the first few of its branches."""
    branches = row["branch"].split("/") if row.get("branch") else []
    ways = (run.way(step.name, "/".join(branches[:n]), row["source"]) for n in range(len(branches) + 1))
    return any(row["shadow_step"] in way[:-1] for way in ways if way is not None)


def _uses(fates: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """How often the document stands in each part of each output; files of a part are PART-NUMBER-KEY."""
    uses: dict[str, dict[str, int]] = {}
    for fate in fates:
        if fate["fate"] == "kept":
            _, output, file = fate["output"].split("/")
            part = "-".join(file.split("-")[:-2])
            of = uses.setdefault(output, {})
            of[part] = of.get(part, 0) + 1
    return uses


def _survivors(run: RunRows, documents: dict[str, dict[str, Any]], ways: Mapping[str, list[Way]], follow: bool) -> None:
    """Add whose duplicates documents are, and where these are: `duplicate_of` of the step that dropped them, and so on."""
    open_ = {name: _twins(w.found for w in ways.get(name, ())) for name in documents}
    for _ in range(MOST_SURVIVORS if follow else 1):
        wanted = {twin for twins in open_.values() for _, _, twin in twins}
        rows = [f for f in _rows(run, wanted) if f.what != "shadows"] if wanted else []
        for name, twins in open_.items():
            survivors, open_[name] = documents[name]["survivors"], []
            for of, step, twin in twins:
                if twin not in {name, *(s["id"] for s in survivors)}:
                    mine = [f for f in rows if f.values["id"] == twin]
                    url = next((f.values.get("url") for f in mine), None)
                    survivors.append({"id": twin, "url": url, "of": of, "step": step, "fates": [_short(_way(run, f)) for f in mine[::-1]]})
                    open_[name] += _twins(mine)


def _twins(rows: Iterable[Found]) -> list[tuple[str, str, str]]:
    """(document, step that dropped it as a duplicate, the one it is a duplicate of) of some rows."""
    found = [f.values for f in rows if f.what == "dropped" and f.values.get("duplicate_of")]
    return [(row["id"], row["step"], row["duplicate_of"]) for row in found]


def _short(way: Way) -> dict[str, Any]:
    output = way.found.file if way.found.what == "outputs" else None
    return {
        "branch": way.found.values.get("branch"), "fate": way.fate, "step": way.last, "reason": way.reason, "output": output,
        "row": None if output is None else way.found.number,
    }  # fmt: skip


# -- the report as text -----------------------------------------------------------------------------


def page(report: dict[str, Any]) -> str:
    """The report as text."""
    if not report["documents"]:
        return f"{safe(report['query'])}: this run never met a document with that URL or id"
    return "\n".join(line for document in report["documents"] for line in _of_document(document))


def _of_document(d: dict[str, Any]) -> list[str]:
    lines = [f"{safe(d['id'])}  {safe(d['url'] or '')}"]
    if d["record"]:
        lines.append(f"  read from {safe('{source}: {file} at {offset}'.format(**d['record']))}")
    if d["parents"]:
        more = f" and {len(d['parents']) - MOST_PARENTS:,} more" if len(d["parents"]) > MOST_PARENTS else ""
        lines.append(f"  made of {safe(', '.join(d['parents'][:MOST_PARENTS]))}{more}")
    shown: set[str] = set()
    for f in d["fates"]:
        place = "" if f["output"] is None else f" in {safe(f['output'])} row {f['row']}"
        lines.append(f"  {f['fate']}{place}" + (f" (branch {safe(f['branch'])})" if f["branch"] else ""))
        for n, s in enumerate(f["steps"]):
            told = "\n".join(_of_step(s))
            if told in shown and n + 1 < len(f["steps"]) and "\n".join(_of_step(f["steps"][n + 1])) in shown:
                continue  # another row of the same document went the same way
            lines.append(f"    {s['name']:<16} as above" if told in shown else told)
            shown.add(told)
        near = f"    nearest bound it kept: {f['nearest']['step']}: {of_rule(f['nearest'])}" if f["nearest"] else ""
        later = ["    behind its drop, as a shadow:", *(line for s in f["later"] for line in _of_step(s))] if f["later"] else []
        for part in (near, "\n".join(later), "\n".join(_of_texts(f))):
            if part and part not in shown:
                lines.append(part)
                shown.add(part)
    for s in d["survivors"]:
        lines.append(f"  {safe(s['of'])} is at {s['step']} a duplicate of {safe(s['id'])}  {safe(s['url'] or '')}")
        for f in s["fates"]:
            where = f" in {safe(f['output'])} row {f['row']}" if f["output"] else f" at {f['step']}: {safe(f['reason'] or '')}"
            lines.append(f"    {f['fate']}{where}")
        if not s["fates"]:
            lines.append("    which stands in another run")
    for output, parts in d["uses"].items():
        times = [f"{safe(part)} {n} x".strip() for part, n in sorted(parts.items())]
        lines.append(f"  used in {output}: {', '.join(times)}")
    return lines


def _of_step(s: Mapping[str, Any]) -> list[str]:
    bounds: dict[str, list[str]] = {}
    for rule in s["rules"]:
        if rule["side"] is not None:
            bounds.setdefault(rule["column"], []).append(_of_bound(rule))
    told = s["metrics"].items()
    metrics = [" ".join([name, safe(str(value)[:VALUE_CHARS]), *(f"[{bound}]" for bound in bounds.get(name, ()))]) for name, value in told]
    others = [rule for rule in s["rules"] if rule["column"] and rule["column"] not in s["metrics"]]
    metrics += [f"{rule['column']} {rule['value']} [{_of_bound(rule)}]" for rule in others]
    first = f"    {s['name']:<16} {s['verdict']}" + (f": {safe(s['reason'])}" if s["reason"] else "")
    lines = textwrap.wrap(", ".join(metrics), WIDTH, initial_indent=f"{first}   ", subsequent_indent=" " * 21) or [first]
    broken = [rule for rule in s["rules"] if rule["broken"]]
    lines += [f"{' ' * 21}breaks {rule['reason']}: {of_rule(rule)}" for rule in broken]
    if s["replaced"]:
        lines.append(f"{' ' * 21}replaced: " + ", ".join(f"{kind} {n}" for kind, n in s["replaced"].items()))
    return lines


def _of_bound(rule: Mapping[str, Any]) -> str:
    group = f", {safe(rule['group'])}" if rule["group"] else ""
    return f"{rule['side']} {rule['bound']:g}{group}"


def of_rule(rule: Mapping[str, Any]) -> str:
    """A rule of `judged` in a line."""
    if rule["side"] is None:
        return str(rule["when"])
    return f"{rule['column']} {rule['value']:g}, {_of_bound(rule)} ({rule['param']}), {100 * rule['distance']:.3g} % away"


def _of_texts(fate: Mapping[str, Any]) -> list[str]:
    """What `--reread` found of a fate."""
    again = fate.get("reread")
    if again is None:
        return []
    lines = [f"    read again: {safe(again['says'])}"]
    for change in again["texts"]:
        lines.append(f"    --- text at {change['step']}: {change['before']:,} characters before, {change['after']:,} after")
        lines += [f"    {safe(line)}" for line in change["diff"]]
    return lines
