"""The engine alone: Parquet in, nothing done, Parquet out; start of the command; two workers for one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from statistics import median
from typing import Any

from bench.measure import (
    HERE,
    STARTUP_DOCUMENTS,
    Contender,
    compare,
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

SMALL: dict[str, Any] = {"documents": 600_000, "mean_bytes": 200, "max_bytes": 300, "sigma": 0.35, "columns": ["id", "url"]}
LARGE: dict[str, Any] = {"documents": 150_000, "mean_bytes": 3_000, "columns": ["id", "url"]}
RECIPE = "name: copy\ninputs: {docs: {use: parquet, paths: %s/part-*.parquet}}\noutputs: {written: {use: shards}}\n"
BUSY = """
name: busy
plugins: [%s]
inputs: {docs: {use: parquet, paths: %s/part-*.parquet}}
steps: {work: {use: busy, rounds: %d}}
outputs: {written: {use: shards}}
"""


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: small, small_text, large, large_text, help, workers."""
    parts: dict[str, Any] = {}
    for name, spec in (
        ("small", SMALL),
        ("small_text", {**SMALL, "columns": []}),
        ("large", LARGE),
        ("large_text", {**LARGE, "columns": []}),
    ):
        if not only or name in only:
            parts[name] = copy({**spec, "documents": int(spec["documents"] * scale)}, pairs, datatrove="text" not in name)
    targets: dict[str, Any] = {}
    if "small" in parts:
        x = parts["small"]["ratios"]["datatrove"]
        targets["documents <= 300 bytes: CPU of datatrove / ours"] = (x, ">= 10", x >= 10)
    if "large" in parts:
        x = parts["large"]["ratios"]["pyarrow"]
        targets["documents of 3 kB: speed beside a bare pyarrow copy"] = (x, ">= 0.6", x >= 0.6)
    if not only or "help" in only:
        parts["help"] = start_up()
        x = parts["help"]["wall_seconds"]
        targets["curate --help, seconds"] = (x, "< 0.3", x < 0.3)
    if not only or "workers" in only:
        parts["workers"] = speed_up(scale, pairs)
        x, allows = parts["workers"]["speed_up"], parts["workers"]["machine_allows"]
        met = x >= 1.8 if allows >= 1.8 else None  # a busy machine can show neither that it is met nor that it is not
        targets["speed-up of 2 workers over 1"] = (x, f">= 1.8 where two cores are free; two busy loops gain {allows} just now", met)
    first: dict[str, Any] = next((p for p in parts.values() if "ours" in p), {"corpus": {}, "ours": {}, "peers": {}, "ratios": {}})
    return {"name": "engine", **first, "parts": parts, "targets": targets, "versions": versions("pyarrow", "numpy", "numba")}


def copy(spec: dict[str, Any], pairs: int, datatrove: bool) -> dict[str, Any]:
    """A pass-through of one corpus on our side, in datatrove and in bare pyarrow."""
    folder, facts = corpus(**spec)
    tiny, _ = corpus(**{**spec, "documents": STARTUP_DOCUMENTS})
    n = facts["documents"]
    with scratch() as here:
        recipes = [write_recipe(here, name, RECIPE % where) for name, where in (("full", folder), ("tiny", tiny))]
        ours = [curate("run", r, "-x", "inline", "--json", "--out", "OUT/run") for r in recipes]
        contenders = {"ours": Contender(ours[0], ours[1], expect_rows(n, "run/outputs/written/*.parquet"))}
        written = expect_rows(n, "written/**/*.parquet")
        for peer in ("datatrove", "pyarrow") if datatrove else ("pyarrow",):
            script = peer_script(peer, f"{peer}_copy")
            contenders[peer] = Contender([*script, str(folder), "OUT"], [*script, str(tiny), "OUT"], written)
        results = compare(contenders, pairs)
    rates = {name: r.rates(n, facts["mean_bytes"] * n) for name, r in results.items()}
    for name in contenders:
        if name != "ours":
            rates[name]["version"] = peer_version(name, name)
    mine = rates.pop("ours")
    return {
        "corpus": facts, "ours": mine, "peers": rates,
        "ratios": {p: round(mine["documents_per_cpu_second"] / r["documents_per_cpu_second"], 3) for p, r in rates.items()},
    }  # fmt: skip


def start_up() -> dict[str, Any]:
    """`curate --help`, wall and CPU, after a first run that compiles bytecode; beside Python's own start."""
    helps = [run(curate("--help"))[0] for _ in range(8)][1:]
    bare = [run([sys.executable, "-c", "pass"])[0] for _ in range(8)][1:]
    return {
        "wall_seconds": round(median(u.wall_seconds for u in helps), 3), "cpu_seconds": round(median(u.cpu_seconds for u in helps), 3),
        "python_alone_seconds": round(median(u.wall_seconds for u in bare), 3),
    }  # fmt: skip


def speed_up(scale: float, pairs: int) -> dict[str, Any]:
    """Wall time of a CPU-bound recipe with one and with two workers, and what the machine allows just now."""
    folder, facts = corpus(documents=int(48_000 * scale), mean_bytes=3_000, files=8, columns=[])
    tiny, _ = corpus(documents=STARTUP_DOCUMENTS, mean_bytes=3_000, files=8, columns=[])
    walls: dict[str, list[float]] = {"1": [], "2": [], "start 1": [], "start 2": []}
    cpu: dict[str, list[float]] = {"1": [], "2": []}
    gains = []
    with scratch() as here:
        full, small = (write_recipe(here, n, BUSY % (HERE / "stages_for_bench.py", f, 12)) for n, f in (("full", folder), ("tiny", tiny)))
        check = expect_rows(facts["documents"], "outputs/written/*.parquet")
        for pair in range(pairs):
            for jobs in ("1", "2"):
                out = here / f"{jobs}-{pair}"
                used, _ = run(curate("run", full, "-x", "processes", "-j", jobs, "--json", "--out", str(out)))
                check(out)
                walls[jobs].append(used.wall_seconds)
                cpu[jobs].append(used.cpu_seconds)
                used, _ = run(curate("run", small, "-x", "processes", "-j", jobs, "--json", "--out", f"{out}s"))
                walls[f"start {jobs}"].append(used.wall_seconds)
            gains.append(_two_loops())
    net = {jobs: median(walls[jobs]) - median(walls[f"start {jobs}"]) for jobs in ("1", "2")}
    return {
        "speed_up": round(net["1"] / net["2"], 2), "with_start_up": round(median(walls["1"]) / median(walls["2"]), 2),
        "machine_allows": round(median(gains), 2), "wall_seconds": {k: round(median(v), 2) for k, v in walls.items()},
        "cpu_seconds": {k: round(median(v), 2) for k, v in cpu.items()},
        "cores": len(os.sched_getaffinity(0)), "documents": facts["documents"],
    }  # fmt: skip


def _two_loops() -> float:
    """Gain of two busy processes over one on this machine at this moment: 2 where two cores are free."""
    loop = [sys.executable, "-c", "s=0\nfor i in range(30_000_000): s+=i"]

    def wall(count: int) -> float:
        started = time.monotonic()
        for process in [subprocess.Popen(loop) for _ in range(count)]:
            process.wait()
        return time.monotonic() - started

    return 2 * wall(1) / wall(2)
