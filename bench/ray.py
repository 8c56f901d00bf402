"""What Ray costs on one node: wall time of `-x ray` beside `-x processes` for tasks of ten seconds, and beside datatrove on Ray."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import (
    HERE,
    ROOT,
    STARTUP_DOCUMENTS,
    NotInstalledError,
    corpus,
    curate,
    expect_rows,
    peer_script,
    peer_version,
    run,
    scratch,
    versions,
    write_recipe,
)  # fmt: skip

CPUS = 2
TASKS = 4
TASK_SECONDS = 10
PIPELINE = """
name: scaled
plugins: [%s]
inputs: {docs: {use: parquet, paths: %s/part-*.parquet}}
steps:
  language: {use: identify_language}
  quality: {use: gopher_quality}
  repetition: {use: gopher_repetition}
  work: {use: busy, rounds: %d}
outputs: {written: {use: shards}}
settings: {max_failed: {share: 1.0}}
"""
COPY = "name: copy\ninputs: {docs: {use: parquet, paths: %s/part-*.parquet}}\noutputs: {written: {use: shards}}\n"


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: overhead, datatrove."""
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    missing: list[str] = []
    if not only or "overhead" in only:
        parts["overhead"] = part = overhead(scale, pairs)
        x, quiet = part["overhead"], part["load"] < CPUS
        wanted = f"<= 0.1 for tasks of {TASK_SECONDS} s and more, on a machine whose {CPUS} cores are free"
        judged = quiet and part["task_seconds"] >= TASK_SECONDS
        targets["ray over processes, wall less start-up"] = (x, wanted, x <= 0.1 if judged else None)
    if not only or "datatrove" in only:
        try:
            parts["datatrove"] = part = peer(scale, pairs)
            targets["datatrove on ray / ours on ray, wall"] = (part["ratio"], "> 1", part["ratio"] > 1)
        except NotInstalledError as e:
            missing.append(f"datatrove on Ray: {e}")
    return {"name": "ray", "parts": parts, "targets": targets, "missing": missing, "versions": versions("ray", "pyarrow")}


def overhead(scale: float, pairs: int) -> dict[str, Any]:
    """Filters and a CPU-bound step over TASKS files, by both executors in turn; start-up is the same recipe on few documents."""
    spec = {"mean_bytes": 3_000, "files": TASKS, "columns": ["id", "url"]}
    folders = [corpus(documents=n, **spec) for n in (int(40_000 * scale), STARTUP_DOCUMENTS)]
    walls: dict[str, list[float]] = {}
    load = os.getloadavg()[0]
    with scratch() as here:
        recipes = [write_recipe(here, f"r{i}", PIPELINE % (HERE / "stages_for_bench.py", f, 20)) for i, (f, _) in enumerate(folders)]
        for pair in range(-1, pairs):  # the first round compiles kernels and fills caches
            for how in ("processes", "ray"):
                for label, recipe in (("start", recipes[1]), ("run", recipes[0]))[: 1 if pair < 0 else 2]:
                    out = here / f"{how}-{label}-{pair}"
                    used, _ = run(curate("run", recipe, "-x", how, "-j", str(CPUS), "--json", "--out", str(out)))
                    if pair >= 0:
                        walls.setdefault(f"{how} {label}", []).append(round(used.wall_seconds, 2))
        same_files(here / f"processes-run-{pairs - 1}", here / f"ray-run-{pairs - 1}")
    net = {how: median(walls[f"{how} run"]) - median(walls[f"{how} start"]) for how in ("processes", "ray")}
    return {
        "overhead": round(net["ray"] / net["processes"] - 1, 3), "task_seconds": round(net["processes"] * CPUS / TASKS, 1),
        "wall_seconds": walls, "tasks": TASKS, "cpus": CPUS, "documents": folders[0][1]["documents"], "load": round(load, 2),
    }  # fmt: skip


def same_files(one: Path, other: Path) -> None:
    """Both runs wrote the same bytes under the same names."""
    for folder in ("outputs", "dropped"):
        files = [{p.relative_to(run): p.read_bytes() for p in sorted((run / folder).rglob("*.parquet"))} for run in (one, other)]
        if files[0] != files[1] or not files[0]:
            raise AssertionError(f"{folder} of {one} and {other} differ")


def peer(scale: float, pairs: int) -> dict[str, Any]:
    """Parquet in, Parquet out on a cluster of one node, start-up included, both sides in turn."""
    script = peer_script("datatrove_ray", "datatrove_ray")
    folder, facts = corpus(documents=int(80_000 * scale), mean_bytes=3_000, files=8, columns=["id", "url"])
    walls: dict[str, list[float]] = {"ours": [], "datatrove": []}
    with scratch() as here:
        recipe = write_recipe(here, "copy", COPY % folder)
        for pair in range(pairs):
            ours, theirs = here / f"ours-{pair}", here / f"datatrove-{pair}"
            used, _ = run(curate("run", recipe, "-x", "ray", "-j", str(CPUS), "--json", "--out", str(ours)))
            expect_rows(facts["documents"], "outputs/written/*.parquet")(ours)
            walls["ours"].append(round(used.wall_seconds, 2))
            used, _ = run([*script, str(folder), str(theirs), "8", str(CPUS)], cwd=ROOT / "bench" / "peers")
            expect_rows(facts["documents"], "written/**/*.parquet")(theirs)
            walls["datatrove"].append(round(used.wall_seconds, 2))
    return {
        "ratio": round(median(walls["datatrove"]) / median(walls["ours"]), 2), "wall_seconds": walls, "documents": facts["documents"],
        "datatrove": peer_version("datatrove_ray", "datatrove"),
    }  # fmt: skip
