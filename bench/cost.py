"""What each step of pipeline.yaml costs on real pages: CPU-seconds a page, CPU-hours a TB of WARC; bytes written and spilled a page."""

from __future__ import annotations

import json
import shutil
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from bench.extract import DATA, rows_of_pages
from bench.measure import ROOT, cache, curate, run, scratch, versions
from bench.shuffle import heads

SOURCES = ("wcxb-dev", "traf", "readability")
"""Subsets of whole pages from the web."""
TB = 1e12
STARTUP_PAGES = 32


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Runs of pipeline.yaml over `scale` of the pages; the smallest of `pairs` runs, its start on a few pages subtracted."""
    if not DATA.exists():
        return {"name": "cost", "skipped": f"needs the pages in {DATA}"}
    folder = cache() / "bench-corpora" / f"cost-{scale}"
    if not (folder / "facts.json").exists():
        run([sys.executable, "-m", "bench.cost", str(DATA), str(scale), str(folder)])
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    with scratch() as here:
        _run(folder / "tiny", here)  # compiles what is not compiled yet
        tiny, full = (min((_run(folder / name, here) for _ in range(pairs)), key=lambda r: r["total"]) for name in ("tiny", "full"))
    hours = TB / facts["bytes"] / 3600
    seconds = {name: max(0.0, full["steps"][name]["cpu_seconds"] - tiny["steps"][name]["cpu_seconds"]) for name in full["steps"]}
    total = full["total"] - tiny["total"]
    seconds["all the rest: files read and written, accounts, driver"] = total - sum(seconds.values())
    rows = {
        name: {
            "documents": full["steps"].get(name, {}).get("documents_in", facts["pages"]), "us_a_page": round(s / facts["pages"] * 1e6, 1),
            "cpu_hours_a_tb": round(s * hours, 1),
        }
        for name, s in seconds.items()
    }  # fmt: skip
    whole = {"pages": facts["pages"], "warc_bytes_a_page": facts["bytes"] // facts["pages"], "cpu_hours_a_tb": round(total * hours, 1)}
    sizes = {f"{k} a page": round(full[k] / facts["pages"], 1) for k in ("work_bytes", "spilled_bytes", "records_bytes")}
    return {
        "name": "cost", "whole": {**whole, **sizes},
        "parts": rows, "targets": {}, "versions": versions("pyarrow", "numba"),
    }  # fmt: skip


def _run(folder: Path, here: Path) -> dict[str, Any]:
    """One run of pipeline.yaml over the WARC files of a folder: CPU-seconds of all and by step, the bytes it left."""
    out = here / "out"
    shutil.rmtree(out, ignore_errors=True)
    paths = f"crawl.paths={folder}/*.warc.gz"
    used, _ = run(curate("run", str(ROOT / "pipeline.yaml"), "--set", paths, "-x", "inline", "--json", "--out", str(out)))
    steps = {s["name"]: s for s in json.loads((out / "run.json").read_text(encoding="utf-8"))["steps"] if s["cpu_seconds"]}
    sizes = {p: p.stat().st_size for p in (out / "work").rglob("*") if p.is_file()}
    return {
        "total": used.cpu_seconds, "steps": steps, "work_bytes": sum(sizes.values()),
        "spilled_bytes": sum(size for p, size in sizes.items() if p.suffix == ".spill"),
        "records_bytes": sum(len(json.dumps(h)) for h in heads(out / "work")),
    }  # fmt: skip


def write(data: str, scale: float, folder: Path) -> None:
    """`tiny/` and `full/` of WARC files, one gzip member a page, in the order of the pages; in a process of its own."""
    from bench.corpus import Page

    wanted = [row["raw"] for row in rows_of_pages(data) if row["source"] in SOURCES]
    wanted = wanted[: max(STARTUP_PAGES, int(len(wanted) * scale))]
    for name, pages in (("tiny", list(islice(wanted, STARTUP_PAGES))), ("full", wanted)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        with open(folder / name / "pages.warc.gz", "wb") as f:
            for i, html in enumerate(pages):
                f.write(Page(html).member(i))
    facts = {"pages": len(wanted), "bytes": (folder / "full" / "pages.warc.gz").stat().st_size}
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    write(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
