"""The shuffle: cost of emit, reduce and verdicts a document, bytes spilled; 1, 3 and 10 million rows."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import HERE, STARTUP_DOCUMENTS, Usage, corpus, curate, rows_of, run, scratch, versions, write_recipe

MILLIONS = (1, 3, 10)
SHARD_ROWS = 250_000
TEXT: dict[str, Any] = {"mean_bytes": 60, "max_bytes": 90, "sigma": 0.2, "exact": 0.2, "columns": ["id"]}
RECIPE = """
name: shuffle
plugins: [%s]
inputs: {docs: {use: parquet, paths: "%s/part-*.parquet"}}
steps: {twins: {use: first_text}}
outputs: {written: {use: shards}}
settings: {shuffle: {reduce_bytes: 8388608}}
"""
"""Rows of a few bytes stand for documents of kilobytes: reducers are made smaller in proportion,
so that every run, the smallest too, has several reducers of the same size."""


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """One recipe with a global step that finds exact twins by a 64-bit key and 8 bytes of payload."""
    rows = [int(m * 1_000_000 * scale) for m in MILLIONS if not only or str(m) in only]
    parts: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for n in rows:
        repeats = pairs if n <= 3_000_000 * scale else 1
        folder, facts = corpus(documents=n, files=max(1, n // SHARD_ROWS), **TEXT)
        parts[f"{n} rows"] = _run(folder, n, repeats)
    figures = list(parts.values())
    targets: dict[str, Any] = {}
    if len(figures) > 1:
        for label, key in (("slope of the shuffle's CPU", "shuffle_cpu_seconds"), ("slope of the whole run's CPU", "cpu_seconds")):
            slope = slope_of(rows, [f[key] for f in figures])
            targets[f"{label} (log-log)"] = (slope, "<= 1.05", slope <= 1.05)
        growth = round(figures[-1]["peak_mb"] / figures[0]["peak_mb"], 2)
        targets[f"peak memory, {rows[-1]} rows / {rows[0]} rows"] = (growth, "flat (<= 1.25)", growth <= 1.25)
    last = figures[-1]
    n = rows[-1]
    return {
        "name": "shuffle", "corpus": {**facts, "documents": n},
        "ours": {
            "documents_per_cpu_second": round(n / last["shuffle_cpu_seconds"], 1),
            "mb_per_cpu_second": round(n * facts["mean_bytes"] / last["shuffle_cpu_seconds"] / 1e6, 2),
            "cpu_seconds": last["shuffle_cpu_seconds"], "peak_mb": last["peak_mb"],
        },
        "peers": {}, "ratios": {}, "parts": parts, "targets": targets, "versions": versions("pyarrow", "numpy"),
    }  # fmt: skip


def _run(folder: Path, n: int, pairs: int) -> dict[str, Any]:
    tiny, _ = corpus(documents=STARTUP_DOCUMENTS, **TEXT)
    with scratch() as here:
        file, small = (
            write_recipe(here, name, RECIPE % (HERE / "stages_for_bench.py", where))
            for name, where in (("shuffle", folder), ("tiny", tiny))
        )
        whole: list[Usage] = []
        starts: list[Usage] = []
        for _ in range(pairs):
            shutil.rmtree(here / "out", ignore_errors=True)
            shutil.rmtree(here / "small", ignore_errors=True)
            starts.append(run(curate("run", small, "-x", "inline", "--json", "--out", str(here / "small")))[0])
            whole.append(run(curate("run", file, "-x", "inline", "--json", "--out", str(here / "out")))[0])
        steps = {s["name"]: s for s in json.loads((here / "out" / "run.json").read_text(encoding="utf-8"))["steps"]}
        written = rows_of(here / "out" / "outputs" / "written", "*.parquet")
        twins = steps["twins"]
        dropped = sum(twins["dropped"].values())
        if written + dropped != n or not dropped:
            raise AssertionError(f"{n} rows in, {written} written, {dropped} dropped")
        cost = costs(here / "out" / "work")
    cpu = median(u.cpu_seconds for u in whole) - median(u.cpu_seconds for u in starts)
    emit, reduce = cost["emit_cpu_seconds"], cost["reduce_cpu_seconds"]
    verdict = twins["cpu_seconds"] - emit - reduce
    shuffle = emit + reduce + verdict
    return {
        "cpu_seconds": round(cpu, 2), "shuffle_cpu_seconds": round(shuffle, 3),
        "emit_us": round(emit / n * 1e6, 3), "reduce_us": round(reduce / n * 1e6, 3), "verdict_us": round(verdict / n * 1e6, 3),
        "spilled_bytes": round(cost["spilled"] / n, 2), "verdict_bytes": round(cost["verdicts"] / n, 2), "reducers": cost["reducers"],
        "dropped": dropped, "peak_mb": round(max(u.peak_bytes for u in whole) / 1e6, 1), "runs": pairs,
    }  # fmt: skip


def heads(work: Path) -> list[Any]:
    """First lines of the records of a run's tasks."""
    found = [p.read_text(encoding="utf-8").split("\n", 1)[0] for p in work.glob("*/records/*.json")]
    lines = [line for p in work.glob("*/segments/*.heads") for line in p.read_text(encoding="utf-8").splitlines()]
    found += [line.partition(" ")[2].rpartition(" ")[0] for line in lines]
    return [head for _, head in map(json.loads, found)]


def costs(work: Path) -> dict[str, Any]:
    """Sums over the records of a run: CPU-seconds of emit and reduce tasks, bytes of spills and verdicts."""
    total: dict[str, Any] = {"emit_cpu_seconds": 0.0, "reduce_cpu_seconds": 0.0, "spilled": 0, "verdicts": 0, "reducers": 0}
    for head in heads(work):
        if head["kind"] == "emit":
            total["emit_cpu_seconds"] += head["cpu_seconds"]
            total["spilled"] += head["spill"]["bytes"]
        elif head["kind"] == "reduce":
            total["reduce_cpu_seconds"] += head["cpu_seconds"]
            total["verdicts"] += head["verdicts"]["bytes"]
            total["spilled"] += sum(spill["bytes"] for spill in head["again"].values())
            total["reducers"] += 1
    return total


def slope_of(x: list[int], y: list[float]) -> float:
    """Least-squares slope of log y over log x."""
    a, b = [math.log(v) for v in x], [math.log(v) for v in y]
    ma, mb = sum(a) / len(a), sum(b) / len(b)
    return round(sum((p - ma) * (q - mb) for p, q in zip(a, b, strict=True)) / sum((p - ma) ** 2 for p in a), 3)
