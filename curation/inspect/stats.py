"""`curate stats`: what a run kept and dropped, by step and reason, and by what documents are; what differs most from another run."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from curation.errors import RecipeError, did_you_mean
from curation.inspect.show import safe, summary
from curation.inspect.summary import Counts, Summary, added, added_by, is_dropped
from curation.ledger import OTHERS

SHOWN = 20
"""Values and reasons a table names; --json has all that stats.json names."""
MOVERS = 10
"""Largest movers of a kind that are told (ours)."""
EXAMPLES = 3
"""Examples of a kind that the page names; the others are in run.json."""


def gather(
    summed: Summary, out: Any, step: str | None = None, by: str | None = None, against: Summary | None = None
) -> dict[str, Any]:  # fmt: skip
    """The figures of a run.

    Args:
        step: of this one alone. by: a dimension, or `reason`. against: another run.
    Returns: {"run", "status", "steps": accounts, and {"verdicts": {verdict: [documents, bytes, tokens]}}, "tasks": {pass or part
        of it: {"tasks", "reused", "seconds"}}, "outputs": {name: [documents, bytes, tokens]}}; "by", "rows" with `by`, as `rows_by` has
        them; "metrics" with `step`, as `quantiles` has them; "movers" with `against`, as `movers` has them.
    Raises: RecipeError if the run has no such step or dimension.
    """
    report = summary(dict(summed.manifest), out)
    report["tasks"] = summed.manifest.get("tasks", {})  # an older run has none
    report["outputs"] = {name: added(_output(summed, needs)) for name, needs in _outputs(summed).items()}
    for account in report["steps"]:
        account["verdicts"] = summed.verdicts(account["name"])
    names = [account["name"] for account in report["steps"]]
    if step is not None:
        if step not in names:
            raise RecipeError(f"--step {step}: the run has no such step{did_you_mean(step, names)}; it has {', '.join(names)}")
        report["steps"] = [account for account in report["steps"] if account["name"] == step]
        report["metrics"] = {column: quantiles(summed, step, column) for column in summed.metrics(step)}
    if by is not None:
        report |= {"by": by, "rows": rows_by(summed, _dimension(summed, by), step)}
    if against is not None:
        report["movers"] = movers(summed, against, step)
    return report


def _dimension(summed: Summary, by: str) -> str:
    known = ["reason", *summed.dimensions()]
    name = {"language": "lang", "month": "date"}.get(by, by)
    if name not in known:
        status = summed.manifest["status"]
        left = "" if status == "done" else f"; it is {status}, and counts are there when it is done"
        raise RecipeError(f"--by {by}: documents of the run were counted by {', '.join(known)}{did_you_mean(by, known)}{left}")
    return name


def _outputs(summed: Summary) -> dict[str, list[str]]:
    """Output -> the ports it is made of."""
    return {s["name"].removeprefix("outputs."): s["needs"] for s in summed.manifest["steps"] if s["kind"] == "shards"}


def _output(summed: Summary, needs: list[str]) -> list[Counts]:
    found = []
    for port in needs:
        step, _, branch = port.partition(".")
        found.append(summed.verdicts(step).get(f"kept.{branch}" if branch else "kept", [0, 0, 0]))
    return found


def _output_by(summed: Summary, needs: list[str], dimension: str) -> dict[str, Counts]:
    ports = (port.partition(".") for port in needs)
    return added_by(summed.by(step, f"kept.{branch}" if branch else "kept", dimension) for step, _, branch in ports)


def reached(summed: Summary, step: str, dimension: str) -> dict[str, Counts] | None:
    """Value -> documents, bytes and tokens that came to a step, as they were where they were counted.

    They are counted at the head of a pass; elsewhere they are those that the step and the ones behind it in its pass dropped or wrote. None
    where these are not they: branches meet, documents are copied or made of others, or the dimension's column was not there yet.
    """
    steps = {s["name"]: s for s in summed.manifest["steps"]}
    head = summed.by(step, "in", dimension)
    found = [head] if head else _went(summed, steps, step, dimension)
    total = added_by(found) if found is not None else {}
    documents = sum(counts[0] for counts in total.values())
    failed = sum(s["failed"] for s in steps.values() if s["pass"] == steps[step]["pass"])
    return total if 0 <= steps[step]["documents_in"] - documents <= failed else None


def _went(summed: Summary, steps: Mapping[str, Any], step: str, dimension: str) -> list[dict[str, Counts]] | None:
    """What a step dropped and where the others went, within its pass."""
    if steps[step]["created"]:
        return None
    found = []
    ends = {verdict: counts for verdict, counts in summed.verdicts(step).items() if verdict != "in"}
    for verdict, counts in ends.items():
        values = summed.by(step, verdict, dimension)
        if counts[0] and not values:
            return None
        found.append(values)
    for other in steps.values():
        owners = {need.partition(".")[0] for need in other["needs"]}
        if step in owners and other["pass"] == steps[step]["pass"]:
            behind = _went(summed, steps, other["name"], dimension) if len(owners) == 1 else None
            if behind is None:
                return None
            found += behind
    return found


def rows_by(summed: Summary, dimension: str, step: str | None = None) -> list[dict[str, Any]]:
    """What became of documents by a dimension, or by `reason`: most documents first.

    Returns: by reason, {"step", "reason", "counts", "share": of the documents that came to the step}. By a dimension, {"value", "dropped",
        "reasons": {"STEP reason": documents}}, and of a step "in", of the run "outputs": {name: counts}. Counts are documents, bytes,
        tokens; "in" is null where it is not known.
    """
    names = [step] if step is not None else list(summed.steps)
    if dimension == "reason":
        came = {s["name"]: s["documents_in"] for s in summed.manifest["steps"]}
        found = [
            {"step": name, "reason": verdict, "counts": counts, "share": round(counts[0] / came[name], 6)}
            for name in names
            for verdict, counts in summed.verdicts(name).items()
            if is_dropped(verdict)
        ]
        return sorted(found, key=lambda row: (-row["counts"][0], row["step"], row["reason"]))
    rows: dict[str, dict[str, Any]] = {}

    def row(value: str) -> dict[str, Any]:
        return rows.setdefault(value, {"value": value, "dropped": [0, 0, 0], "reasons": {}})

    for name in names:
        for verdict in summed.verdicts(name):
            for value, counts in summed.by(name, verdict, dimension).items() if is_dropped(verdict) else ():
                of = row(value)
                of["dropped"] = added([of["dropped"], counts])
                of["reasons"][f"{name} {verdict}"] = counts[0]
    if step is not None:
        came_by = reached(summed, step, dimension)
        for value in came_by or ():
            row(value)
        for value, of in rows.items():
            of["in"] = None if came_by is None else came_by.get(value, [0, 0, 0])
    else:
        outputs = {name: _output_by(summed, needs, dimension) for name, needs in _outputs(summed).items()}
        for values in outputs.values():
            for value in values:
                row(value)
        for value, of in rows.items():
            of["outputs"] = {name: values.get(value, [0, 0, 0]) for name, values in outputs.items()}

    def most(of: dict[str, Any]) -> int:
        found: list[Counts] = [of["dropped"], of.get("in") or [0, 0, 0], *of.get("outputs", {}).values()]
        return max(counts[0] for counts in found)

    return sorted(rows.values(), key=lambda of: (of["value"] == OTHERS, -most(of), of["value"]))


def quantiles(summed: Summary, step: str, column: str) -> dict[str, Any]:
    """A metric's values at a step, from its histogram: to an eighth of a power of two.

    Returns: {"kept", "dropped": {"documents", "none": documents without a value, "p1", "p10", "p50", "p90", "p99"}}.
    """
    bins, none = summed.histogram(step, column)
    result: dict[str, Any] = {}
    for side, name in enumerate(("kept", "dropped")):
        counts = [(low, high, (kept, dropped)[side]) for low, high, kept, dropped in bins]
        result[name] = {"documents": (total := sum(n for *_, n in counts)), "none": none[side]}
        for p in (1, 10, 50, 90, 99) if total else ():
            result[name][f"p{p}"] = _quantile(counts, p / 100 * total)
    return result


def _quantile(counts: list[tuple[float, float, int]], place: float) -> float:
    """The value below which so many documents lie, on a line within its bin."""
    below = 0
    for low, high, n in counts:
        if n and below + n >= place:
            return float(f"{low + (high - low) * (place - below) / n:.4g}")
        below += n
    return counts[-1][1]


def movers(summed: Summary, other: Summary, step: str | None = None) -> list[dict[str, Any]]:
    """What differs most from another run, in shares: the MOVERS largest of each kind.

    Returns: [{"kind", "step", "name", "share", "other", "difference", "documents", "other_documents"}]. kind = `step`: the share a step
        drops of what comes to it; `reason`: the same for one reason; a dimension: the share of a value among the documents an output
        keeps, `step` being the output. What only one of the runs has, or names, is left out.
    """
    found = []
    accounts, others = ({s["name"]: s for s in of.manifest["steps"] if s["kind"] != "shards"} for of in (summed, other))
    for name in accounts if step is None else [step]:
        if name in others and accounts[name]["documents_in"] and others[name]["documents_in"]:
            mine, theirs = accounts[name], others[name]
            sides = (sum(mine["dropped"].values()), mine["documents_in"]), (sum(theirs["dropped"].values()), theirs["documents_in"])
            found.append(_moved("step", name, name, *sides))
            for reason in {**mine["dropped"], **theirs["dropped"]}:
                sides = (mine["dropped"].get(reason, 0), mine["documents_in"]), (theirs["dropped"].get(reason, 0), theirs["documents_in"])
                found.append(_moved("reason", name, reason, *sides))
    outputs, theirs_of = _outputs(summed), _outputs(other)
    for output in outputs if step is None else ():
        for dimension in summed.dimensions() if output in theirs_of else ():
            a, b = _output_by(summed, outputs[output], dimension), _output_by(other, theirs_of[output], dimension)
            all_a, all_b = (sum(counts[0] for counts in values.values()) for values in (a, b))
            for value in ({**a, **b} if all_a and all_b else {}):
                if value != OTHERS and (value in a or OTHERS not in a) and (value in b or OTHERS not in b):
                    sides = (a.get(value, [0])[0], all_a), (b.get(value, [0])[0], all_b)
                    found.append(_moved(dimension, output, value, *sides))
    kinds: dict[str, list[dict[str, Any]]] = {}
    for of in sorted(found, key=lambda m: (-abs(m["difference"]), m["step"], m["name"])):
        if of["difference"] and len(kinds.setdefault(of["kind"], [])) < MOVERS:
            kinds[of["kind"]].append(of)
    return [of for kind in sorted(kinds, key=lambda k: (k != "step", k != "reason", k)) for of in kinds[kind]]


def _moved(kind: str, step: str, name: str, mine: tuple[int, int], theirs: tuple[int, int]) -> dict[str, Any]:
    share, other = mine[0] / mine[1], theirs[0] / theirs[1]
    return {
        "kind": kind, "step": step, "name": name, "share": round(share, 6), "other": round(other, 6),
        "difference": round(share - other, 6), "documents": mine[0], "other_documents": theirs[0],
    }  # fmt: skip


# -- for people -------------------------------------------------------------------------------------


def page(report: Mapping[str, Any]) -> str:
    """The figures as tables."""
    tables = [_funnel(report)] if "metrics" in report or not {"rows", "movers"} & {*report} else []
    if "metrics" in report:
        tables.append(_metrics(report["metrics"]))
    if "rows" in report:
        tables.append(_by(report))
    elif not {"metrics", "movers"} & {*report} and any(counts[0] for counts in report["outputs"].values()):
        kept = ([name, *_three(counts)] for name, counts in report["outputs"].items())
        tables.append((["output", "documents", "bytes", "tokens"], kept))
    if "movers" in report:
        tables.append(_movers(report["movers"]))
    text, notes = "\n\n".join(drawn(columns, rows) for columns, rows in tables), ""
    for s in report["steps"] if not {"rows", "movers"} & {*report} else ():
        notes += "".join(f"{s['name']}: {safe(note)}\n" for note in s["notes"])
        for kind, found in s["examples"].items():
            first = ", ".join(f"{text!r} ({weight:,})" for text, weight in list(found.items())[:EXAMPLES])
            notes += f"{s['name']}: {kind}: {first}\n"
    if any(row.get("value") == OTHERS for row in report.get("rows", ())):
        notes += f"{OTHERS}: what records did not name; of a {report['by']} beside it there are at least as many as told\n"
    return f"{text}\n{notes}{report['status']}: {report['run']}"


Table = tuple[list[str], Any]
"""Names of columns, those of text ending in a blank; rows."""


def drawn(columns: list[str], rows: Iterable[list[str]]) -> str:
    """A table as text: what was crawled stands in it as text alone."""
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    table = Drawn(box=None, pad_edge=False, header_style="bold")
    for n, name in enumerate(columns):
        table.add_column(name.strip(), justify="left" if n == 0 or name.endswith(" ") else "right")
    for row in rows:
        table.add_row(*(Text(safe(cell)) for cell in row))
    buffer = io.StringIO()
    Console(file=buffer, width=160 if not sys.stdout.isatty() else None, force_terminal=sys.stdout.isatty()).print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def _funnel(report: Mapping[str, Any]) -> Table:
    seconds: dict[str, float] = {}
    for label, of in report["tasks"].items():  # `step emit` and so on are of the step's pass
        seconds[label.partition(" ")[0]] = seconds.get(label.partition(" ")[0], 0) + of["seconds"]

    def rows() -> Iterator[list[str]]:
        for s in report["steps"]:
            gone, n = sum(s["dropped"].values()), s["documents_in"]
            lost = added(counts for verdict, counts in s["verdicts"].items() if is_dropped(verdict))
            reasons = [f"{r} {n:,}" for r, n in sorted(s["dropped"].items(), key=lambda i: -i[1])]
            reasons += [f"{word} {s[word]:,}" for word in ("created", "merged", "failed") if s[word]]
            reasons += [f"-> {b} {n:,}" for b, n in s.get("branches", {}).items()]
            yield [
                s["name"], f"{n:,}", f"{s['kept']:,}", f"{gone:,}", percent(gone, n), size(s["bytes_in"]), size(lost[1]), number(lost[2]),
                f"{s['cpu_seconds']:.1f}", f"{seconds[s['name']]:.1f}" if s["name"] in seconds else "", ", ".join(reasons),
            ]  # fmt: skip

    return ["step", "in", "kept", "dropped", "%", "bytes in", "bytes dropped", "tokens dropped", "cpu s", "s", "why "], rows()


def _metrics(metrics: Mapping[str, Any]) -> Table:
    def rows() -> Iterator[list[str]]:
        for column, sides in metrics.items():
            for side, of in sides.items():
                if of["documents"] or of["none"]:
                    yield [column, side, f"{of['documents']:,}", f"{of['none']:,}", *(f"{of[p]:g}" if p in of else "" for p in PERCENTILES)]

    return ["metric", "of ", "documents", "without", *PERCENTILES], rows()


PERCENTILES = ("p1", "p10", "p50", "p90", "p99")


def _by(report: Mapping[str, Any]) -> Table:
    shown = report["rows"][:SHOWN]
    if report["by"] == "reason":
        return ["step", "reason ", "documents", "%", "bytes", "tokens"], (
            [row["step"], row["reason"], f"{row['counts'][0]:,}", f"{100 * row['share']:.1f}", *_three(row["counts"])[1:]] for row in shown
        )

    def rows() -> Iterator[list[str]]:
        for row in shown:
            came = row.get("in")
            reached = [] if "outputs" in row else [f"{came[0]:,}" if came else "", percent(row["dropped"][0], came[0]) if came else ""]
            kept = [cell for counts in row.get("outputs", {}).values() for cell in _three(counts)]
            why = sorted(row["reasons"].items(), key=lambda item: -item[1])[:EXAMPLES]
            yield [row["value"] or "(none)", *reached, *_three(row["dropped"]), *kept, ", ".join(f"{name} {n:,}" for name, n in why)]

    first = shown[0] if shown else {"outputs": {}}
    outputs = [name for output in first.get("outputs", {}) for name in (f"{output}", "bytes", "tokens")]
    came = [] if "outputs" in first else ["in", "%"]
    return [report["by"], *came, "dropped", "bytes", "tokens", *outputs, "most for "], rows()


def _movers(found: list[dict[str, Any]]) -> Table:
    return ["kind", "where ", "what ", "documents", "against", "%", "against %", "difference"], (
        [m["kind"], m["step"], m["name"] or "(none)", f"{m['documents']:,}", f"{m['other_documents']:,}",
         f"{100 * m['share']:.2f}", f"{100 * m['other']:.2f}", f"{100 * m['difference']:+.2f}"]
        for m in found
    )  # fmt: skip


def percent(part: int, whole: int) -> str:
    """A share in percent, nothing of nothing."""
    return f"{100 * part / whole:.1f}" if whole else ""


def number(n: float) -> str:
    """A count for people, nothing for none."""
    return _scaled(n, (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3))) if n else ""


def size(n: float) -> str:
    """Bytes for people, nothing for none."""
    return _scaled(n, (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))) if n else ""


def _scaled(n: float, units: tuple[tuple[str, int], ...]) -> str:
    for unit, one in units:
        if n >= one:
            return f"{n / one:,.1f} {unit}"
    return f"{n:,.0f}"


def _three(counts: Counts) -> list[str]:
    return [f"{counts[0]:,}", size(counts[1]), number(counts[2])]
