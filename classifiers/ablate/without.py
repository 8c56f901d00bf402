"""The recipe of a run with one of its steps taken out, beside the run: what the step dropped is back, and all behind it runs again.

Dropped texts are stored of a sample only, and a step may change what later ones see, so what would have been is found by running it. The
new run stands in RUN-without-STEP. Of a run on disk it begins with links to all the run has worked out, so that it goes on from the rows
written before the step and reads no WARC; in an object store it begins anew.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from curation.errors import RecipeError, did_you_mean
from curation.inspect.show import require_run
from curation.plan import Plan, plan_of
from curation.recipe import build
from curation.storage import entries, location, read_sealed, remote
from curation.yaml_file import YamlFile


def run_of(given: str) -> tuple[str, str | None]:
    """The run and the output that RUN or RUN/outputs/NAME names."""
    run, inside, output = given.rstrip("/").rpartition("/outputs/")
    return (run, output) if inside and "/" not in output else (given.rstrip("/"), None)


def plan_without(given: str, step: str) -> tuple[Plan, Any, str]:
    """What to run: the plan, the folder to run it in, and the output to look at, as `files_named` takes it.

    Args:
        given: RUN or RUN/outputs/NAME. step: its own name, or that of its stage where one step alone uses it.
    Raises: RecipeError if the run is not done, has no such step, or cannot be without it.
    """
    run, output = run_of(given)
    folder = location(run)
    manifest = require_run(folder)
    if manifest["status"] != "done":
        raise RecipeError(f"the run in {run} is {manifest['status']}: finish it")
    saved = _snapshot(folder, manifest)
    raw = json.loads(saved["recipe"])
    outputs = raw["outputs"] or {}
    if output is None and len(outputs) > 1:
        raise RecipeError(f"{run} is a run with outputs {', '.join(outputs)}: name one, {run}/outputs/{next(iter(outputs))}")
    name = _named(raw["steps"], step, run)
    gone = raw["steps"].pop(name)
    for section in ("steps", "outputs"):
        for entry in (raw[section] or {}).values():
            needs = [parent for need in entry["needs"] for parent in (gone["needs"] if need == name else [need])]
            entry["needs"] = list(dict.fromkeys(needs))
    options = {**saved["options"], "until": None}
    one = {key: entry for key, entry in outputs.items() if output in (None, key)}
    for kept in (one, outputs):  # the others cost time, but a branch may go nowhere else
        try:
            plan = Plan(build(YamlFile(Path(saved["file"]), {**raw, "outputs": kept or raw["outputs"]}), {}), **options)
            break
        except RecipeError as e:
            refused = RecipeError(f"--without {step}: without it the recipe of {run} cannot run: {e}")
    else:
        raise refused
    beside = f"{run}-without-{name}"
    return plan, location(beside), beside if output is None else f"{beside}/outputs/{output}"


def begin_with(run: str, folder: Any) -> None:
    """Let a run begin with what another one has worked out, by links: files of `work/` are never written again, only replaced."""
    work = location(run) / "work"
    if remote(work) or (folder / "work").exists():
        return
    for path in sorted(work.rglob("*")):
        target = folder / path.relative_to(work.parent)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif path.name.startswith("quarantine"):  # lines are appended to it
            shutil.copyfile(path, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)


def _snapshot(folder: Any, manifest: dict[str, Any]) -> dict[str, Any]:
    """What the run was made from: that of its plans whose steps have the fingerprints of its manifest."""
    wanted = {step["name"]: step["fingerprint"] for step in manifest["steps"]}
    for file in entries(folder / "work"):
        if file.name.startswith("plan-"):
            saved: dict[str, Any] = read_sealed(file)
            plan = Plan(plan_of(saved).recipe, **saved["options"])
            if {name: step.fingerprint for name, step in plan.steps.items() if name in wanted} == wanted:
                return saved
    raise RecipeError(f"{folder} has no plan that its stages, lists and models would give today: run its recipe again")


def _named(steps: dict[str, Any], step: str, run: str) -> str:
    """A step by its own name or by that of its stage."""
    if step in steps:
        return step
    using = [name for name, entry in steps.items() if entry["use"] == step]
    if len(using) != 1:
        several = f"steps {', '.join(using)} use it: name one" if using else f"it has {', '.join(steps)}"
        raise RecipeError(f"--without {step}: {run} has no step of this name{did_you_mean(step, steps)}; {several}")
    return using[0]
