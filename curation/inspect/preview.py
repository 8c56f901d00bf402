"""`curate plan`: what a run would do, what it would reuse and why not, and what it would cost."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from curation.plan import Plan, Step
from curation.run import Run, describe_params

GUESS_SECONDS_PER_MB = {"source": 0.02, "extract_html": 1.5, "row": 0.05, "global": 0.03}
"""CPU-seconds per MB that enters a step, used until a run has measured them (ours, one core)."""
WORKER_BYTES = 600 << 20
"""Memory of one worker beside the shuffle's budgets (measured on the default pipeline, rounded up)."""


def preview(plan: Plan, out: Path) -> dict[str, Any]:
    """Steps with what would be reused, why not, tasks, CPU time and memory."""
    run = Run(plan, out, None)
    run.walk()
    earlier = {s["name"]: s for s in run.manifest.get("steps", [])}
    rows = []
    bytes_at: dict[str, float] = {}
    fresh: set[str] = set()
    for step in plan.steps.values():
        label = plan.pass_of.get(step.name, step.name)
        total, done = run.tasks.get(label, (0, 0))
        if step.kind in ("global", "regroup"):
            parts = [run.tasks.get(f"{step.name} {part}", (0, 0)) for part in ("emit", "reduce", "gather")]
            extra, extra_done = (sum(p[i] for p in parts) for i in (0, 1))
            total, done = total + extra, done + extra_done
        virtual = any(plan.owner.get(n, n) in fresh for n in step.needs)
        reuse = total == done and not virtual and (step.name in earlier or total > 0)
        if not reuse:
            fresh.add(step.name)
        seconds, guess = _cost(plan, run, step, earlier, bytes_at)
        left = 1.0 if total == 0 else (total - done) / total
        rows.append({
            "name": step.name, "use": step.use, "fingerprint": step.fingerprint, "reuse": reuse,
            "why": _why(plan, run, step, earlier, reuse, done, fresh), "tasks": 0 if reuse else total - done,
            "cpu_seconds": 0.0 if reuse else round(seconds * left, 3), "guess": guess, "memory_bytes": _memory(plan, step),
            "writes_text": any(not p.endswith(".shadow") for p in _exits(plan, step)),
        })  # fmt: skip
    return {"run": str(out), "recipe": plan.recipe.name, "input_bytes": run.input_bytes, "steps": rows}


def _exits(plan: Plan, step: Step) -> list[str]:
    home = plan.passes.get(plan.pass_of.get(step.name, ""))
    return [e for e in (home.exits if home else []) if plan.owner[e] == step.name]


def _memory(plan: Plan, step: Step) -> int:
    shuffle = plan.recipe.settings.shuffle
    if step.kind in ("global", "regroup"):
        return WORKER_BYTES + 2 * max(shuffle.reduce_bytes, shuffle.spill_bytes)
    return WORKER_BYTES


def _cost(plan: Plan, run: Run, step: Step, earlier: dict[str, Any], bytes_at: dict[str, float]) -> tuple[float, bool]:
    """(CPU-seconds for the whole step, whether that is a guess): earlier runs scaled by input bytes."""
    scale = run.input_bytes / (run.manifest.get("input_bytes") or run.input_bytes or 1) * plan.sample
    known = earlier.get(step.name)
    if known and known["use"] == step.use:
        bytes_at[step.name] = known["bytes_in"] * scale
        return float(known["cpu_seconds"]) * scale, False
    if step.kind == "source":
        incoming = float(sum(f.bytes for f in run.files[step.name])) * plan.sample
    else:
        incoming = sum(bytes_at.get(plan.owner[n], 0.0) for n in step.needs)
    bytes_at[step.name] = incoming
    rate = GUESS_SECONDS_PER_MB.get(step.use) or GUESS_SECONDS_PER_MB.get(step.kind, GUESS_SECONDS_PER_MB["row"])
    return incoming / 1e6 * rate, True


def _why(plan: Plan, run: Run, step: Step, earlier: dict[str, Any], reuse: bool, done: int, fresh: set[str]) -> str:
    if reuse:
        return "every task is recorded"
    known = earlier.get(step.name)
    if not earlier:
        return "no earlier run in this folder" if not done else "an earlier run stopped before it was done"
    if known is None:
        return "new step"
    if known["fingerprint"] == step.fingerprint:
        if step.kind == "source":
            return _inputs_changed(run, step)
        parents = [plan.owner[n] for n in step.needs if plan.owner[n] in fresh]
        if parents:
            return f"{', '.join(parents)} gives other rows"
        home = plan.passes.get(plan.pass_of.get(step.name, ""))
        others = (
            [s.name for s in home.steps if s is not step and earlier.get(s.name, {}).get("fingerprint") != s.fingerprint] if home else []
        )
        return f"runs again with {', '.join(others)}, from the rows written before" if others else "its results are gone"
    if known["use"] != step.use:
        return f"was {known['use']}"
    params = describe_params(step)
    changed = [
        f"{k}: {known['params'].get(k)!r} -> {params.get(k)!r}"
        for k in {**known["params"], **params}
        if known["params"].get(k) != params.get(k)
    ]
    if changed:
        return "changed " + "; ".join(changed)
    if list(step.needs) != known["needs"]:
        return f"needs {', '.join(step.needs)} instead of {', '.join(known['needs'])}"
    behind = [
        plan.owner[n] for n in step.needs if earlier.get(plan.owner[n], {}).get("fingerprint") != plan.steps[plan.owner[n]].fingerprint
    ]
    if behind:
        return f"{', '.join(behind)} changed"
    return "its version, a list or a model changed"


def _inputs_changed(run: Run, step: Step) -> str:
    known = run.manifest.get("inputs", {}).get(step.name, {})
    files = len(run.files[step.name])
    if known.get("files") != files:
        return f"{files} input files, {known.get('files', 0)} before"
    return "input files changed" if run.tasks[step.name][1] < run.tasks[step.name][0] else "its results are gone"


def table(report: dict[str, Any]) -> str:
    """The preview as text."""
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name, side in (
        ("step", "left"),
        ("use", "left"),
        ("tasks", "right"),
        ("cpu s", "right"),
        ("memory", "right"),
        ("writes", "left"),
        ("why", "left"),
    ):
        grid.add_column(name, justify=side)  # type: ignore[arg-type]
    for s in report["steps"]:
        cost = "" if s["reuse"] else f"{s['cpu_seconds']:,.1f}" + (" guess" if s["guess"] else "")
        grid.add_row(
            s["name"], s["use"], "reused" if s["reuse"] else f"{s['tasks']:,}", cost, f"{s['memory_bytes'] >> 20} MiB",
            "rows" if s["writes_text"] else "", s["why"],
        )  # fmt: skip
    buffer = io.StringIO()
    Console(file=buffer, width=None if sys.stdout.isatty() else 160, force_terminal=sys.stdout.isatty()).print(grid)
    total = sum(s["cpu_seconds"] for s in report["steps"])
    body = "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())
    return f"{body}\n{report['input_bytes'] / 1e6:,.1f} MB of input, about {total:,.0f} CPU-seconds to run"
