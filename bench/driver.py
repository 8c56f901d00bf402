"""The driver alone, for 10^6 tasks: an executor that writes records and does no work, then a resume that finds them all done."""

from __future__ import annotations

import json
import sys
from typing import Any

from bench.measure import HERE, curate, run, scratch, versions, write_recipe

TASKS = 1_000_000
FILES = 100


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Tasks of a source whose files have many parts, three row steps behind it, and an output that joins the shards."""
    tasks = int(TASKS * scale)
    with scratch() as here:
        folder = here / "files"
        folder.mkdir()
        for i in range(FILES):
            (folder / f"{i:03d}.parts").write_text(f"{i}\n")
        file = write_recipe(here, "driver", "\n".join([
            "name: driver", f"plugins: [{HERE / 'stages_for_bench.py'}]",
            f'inputs: {{docs: {{use: many_parts, paths: "{folder}/*.parts", parts: {tasks // FILES}}}}}',
            'steps: {k1: {use: keep, where: "len(text) > 1"}, work: {use: busy}, k2: {use: keep, where: "len(text) > 2"}}',
            "outputs: {written: {use: shards}}", "settings: {pack_bytes: 0}",
        ]))  # fmt: skip
        out = here / "out"
        first, said = run([sys.executable, "-m", "bench.plan", "fake", file, str(out), "segments"])
        resume, _ = run(curate("run", file, "--json", "--out", str(out)))
        manifest = json.loads((out / "run.json").read_bytes())
        done = next(s["documents_in"] for s in manifest["steps"] if s["name"] == "docs")
        if manifest["status"] != "done" or done != 2 * tasks:
            raise AssertionError(f"{done} documents, {manifest['status']}")
    spent = json.loads(said)["first_run_driver_seconds"]
    peak = round(max(first.peak_bytes, resume.peak_bytes) / 1e6)
    part = {
        "tasks": tasks, "driver_seconds": spent, "with_the_executor_seconds": round(first.wall_seconds, 1),
        "first_run_peak_mb": round(first.peak_bytes / 1e6), "resume_seconds": round(resume.wall_seconds, 1),
        "resume_peak_mb": round(resume.peak_bytes / 1e6),
    }  # fmt: skip
    rate = round(tasks / spent)
    targets = {
        "tasks scheduled a second of the driver": (rate, "> 1000", rate > 1000),
        "peak memory of the driver, MB": (peak, "< 2000", peak < 2000),
        "resume with nothing to do, seconds": (part["resume_seconds"], "< 60", resume.wall_seconds < 60),
    }
    return {"name": "driver", "parts": {f"{tasks:,} tasks": part}, "targets": targets, "versions": versions("pyarrow", "pydantic")}
