"""Near duplicates past one machine's memory: 1, 3 and 10 million documents' shingles through all rounds, and one page everywhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bench.measure import STARTUP_DOCUMENTS, corpus, curate, run, scratch, versions, write_recipe
from bench.shuffle import heads, slope_of

MILLIONS = (1, 3, 10)
PHASES = ("emit", "reduce", "recall")
SKEW, SKEWED = 0.3, 1_000_000
"""Share of one page, and of how many documents."""
GO = 0.2
"""Share of the generated documents that are a duplicate: two of ten (bench/kept_shingles.py)."""
RECIPE = """
name: scale
inputs: {docs: {use: parquet, paths: "%s/part-*.parquet"}}
steps: {near: {use: dedup_minhash, max_drop_share: 1, against: ["%s"]}}
outputs: {written: {use: shards}}
settings: {shuffle: {reduce_bytes: 67108864}}
"""
"""The input is a few documents; what competes is the generated state. Reducers are small, so that there are many."""


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """The run's CPU by phase, its memory, and how unequal its reducers are."""
    sizes = [int(m * 1_000_000 * scale) for m in MILLIONS if not only or str(m) in only]
    parts = {f"{n:,} documents": _run(n, 0.0) for n in sizes}
    figures = list(parts.values())
    targets: dict[str, Any] = {}
    if len(figures) > 1:
        steepness = slope_of(sizes, [n * sum(f[f"{kind}_us"] for kind in PHASES) for n, f in zip(sizes, figures, strict=True)])
        targets["slope of CPU-seconds of emit, reduce and recall (log-log)"] = (steepness, "<= 1.05", steepness <= 1.05)
    if not only or "skew" in only:
        n = int(SKEWED * scale)
        plain, skewed = _run(n, 0.0), _run(n, SKEW)
        parts |= {f"{n:,} documents again": plain, f"{n:,} documents, one page {SKEW:.0%} of them": skewed}
        for phase in ("reduce", "recall"):
            ratio = round(skewed[f"slowest_{phase}_seconds"] / plain[f"slowest_{phase}_seconds"], 2)
            targets[f"slowest {phase} task, skewed / plain"] = (ratio, "<= 3", ratio <= 3)
    peak = max(f["peak_mb"] for f in parts.values())
    targets["peak memory of a process, MB"] = (peak, "< 2,000", peak < 2_000)
    return {"name": "minhash_scale", "parts": parts, "targets": targets, "versions": versions("pyarrow", "numpy", "numba")}


def _run(n: int, skew: float) -> dict[str, Any]:
    tiny, _ = corpus(documents=STARTUP_DOCUMENTS)
    with scratch() as here:
        run([sys.executable, "-m", "bench.kept_shingles", str(here / "state"), str(n), str(skew)])
        out = here / "out"
        used, _ = run(
            curate("run", write_recipe(here, "scale", RECIPE % (tiny, here / "state")), "-x", "inline", "--json", "--out", str(out))
        )
        found = heads(out / "work")
        manifest = json.loads((out / "run.json").read_text(encoding="utf-8"))
        gone = sum(h["rows"] for h in found if h["kind"] == "supersede")
        expected = GO * n * (1 - skew) + skew * n
        if abs(gone - expected) > 0.01 * n:
            raise AssertionError(f"{gone} of {n} documents went, about {expected:.0f} were planted")
        seconds = {kind: [h["cpu_seconds"] for h in found if h["kind"] == kind] for kind in PHASES}
        spilled = sum(h["spill"]["bytes"] for h in found if h["kind"] == "emit")
        spilled += sum(s["bytes"] for h in found for s in (h.get("again") or {}).values())
        return {
            "cpu_seconds": round(used.cpu_seconds, 1), "peak_mb": round(used.peak_bytes / 1e6, 1),
            **{f"{kind}_us": round(sum(values) / n * 1e6, 2) for kind, values in seconds.items()},
            **{f"slowest_{kind}_seconds": max(values, default=0.0) for kind, values in seconds.items()},
            **{f"{kind}_tasks": len(values) for kind, values in seconds.items()},
            "spilled_bytes": round(spilled / n, 1), "state_bytes": round(_size(here / "state") / n, 1), "superseded": gone,
            "notes": next(s["notes"] for s in manifest["steps"] if s["name"] == "near"),
        }  # fmt: skip


def _size(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.glob("*.parquet"))
