"""`curate report` of a run of 10,000 tasks: time, memory and the size of the page."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import HERE, curate, run, scratch, versions

TASKS = 10_000


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """The sample crawl, annotated, run once; its files of dropped and shadow rows then stand there under as many names as tasks have."""
    tasks, parts = int(TASKS * scale), {}
    with scratch() as here:
        out = here / "run"
        run(curate("run", str(HERE.parent / "pipeline.yaml"), "--annotate", "--out", str(out)))
        for name in ("as it was", f"{tasks:,} tasks"):
            spread = 0 if name == "as it was" else tasks
            files = {what: _spread(out / what, spread) for what in ("dropped", "shadows")}
            page = here / "report.html"
            used = [run(curate("report", str(out), "-o", str(page)))[0] for _ in range(pairs)]
            parts[name] = {
                **{f"files of {what} rows": n for what, n in files.items()},
                "seconds": round(median(u.wall_seconds for u in used), 2), "CPU-seconds": round(median(u.cpu_seconds for u in used), 2),
                "peak MB": round(max(u.peak_bytes for u in used) / 1e6), "page bytes": page.stat().st_size,
            }  # fmt: skip
    largest = max(part["page bytes"] for part in parts.values())
    targets = {"page, bytes": (largest, "< 5,000,000", largest < 5_000_000)}
    return {"name": "report", "parts": parts, "targets": targets, "versions": versions("pyarrow")}


def _spread(folder: Path, tasks: int) -> int:
    """Give each file of a folder so many names that there are as many as tasks; returns how many there are."""
    files = sorted(os.listdir(folder))
    for file in files:
        group, _, key = file.rpartition("-")
        for i in range(1, tasks // len(files)):
            os.link(folder / file, folder / f"{group}-{i:06x}{key[6:]}")
    return len(os.listdir(folder))
