"""Reading WARC beside fastwarc's own bare loop (HTTP parsed, payload read): pages of 15 kB and of 100 kB."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bench.measure import (
    STARTUP_DOCUMENTS,
    CommandFailedError,
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

SIZES = {"pages of 15 kB": (15_000, 70_000, 0.6), "pages of 100 kB": (100_000, 14_000, 0.8)}
"""Mean bytes of a page, pages in the file (500 MB of disk and more), share of the bare loop's speed wanted."""
SIGMA = 0.25
RECIPE = """
name: headers
inputs: {pages: {use: warc, paths: "%s"}}
steps: {ok: {use: keep, where: "http_status is not null and http_status = 200"}}
outputs: {written: {use: shards}}
"""
"""Rows of headers alone are written: a page's bytes are never materialised."""


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: 15 (kB), 100; `source` is the reader alone, `engine` a whole `curate run` over it."""
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    for name, (size, pages, wanted) in SIZES.items():
        if only and str(size // 1000) not in only:
            continue
        parts[name] = _read(size, int(pages * scale), pairs)
        x = parts[name]["ratios"]["fastwarc"]
        targets[f"{name}: speed of the reader / of fastwarc's loop"] = (x, f">= {wanted}", x >= wanted)
        y = parts[name]["memory"]["growth"]
        targets[f"{name}: peak memory, whole file / a quarter of it"] = (y, "flat (<= 1.1)", y <= 1.1)
    first = next(iter(parts.values()))
    return {"name": "warc", **first, "parts": parts, "targets": targets, "versions": versions("fastwarc", "pyarrow")}


def _read(size: int, pages: int, pairs: int) -> dict[str, Any]:
    spec = {"documents": pages, "mean_bytes": size, "sigma": SIGMA}
    folder, facts = corpus("warc", **spec)
    tiny, _ = corpus("warc", **{**spec, "documents": STARTUP_DOCUMENTS})
    quarter, _ = corpus("warc", **{**spec, "documents": pages // 4})
    file, small = (str(f / "part-00000.warc.gz") for f in (folder, tiny))
    loop = [*peer_script("fastwarc", "fastwarc_loop")]
    mine = [sys.executable, "-m", "bench.warc", "read"]
    _, floor = run([*loop, file])
    _, ours = run([*mine, file])
    if floor.split() != ours.split():
        raise CommandFailedError(f"fastwarc's loop read (pages, bytes) {floor.split()}, our reader {ours.split()}")
    with scratch() as here:
        whole, start = (write_recipe(here, n, RECIPE % f) for n, f in (("whole", file), ("start", small)))
        results = compare({
            "source": Contender([*mine, file], [*mine, small]),
            "fastwarc": Contender([*loop, file], [*loop, small]),
            "engine": Contender(
                curate("run", whole, "-x", "inline", "--json", "--out", "OUT/run"),
                curate("run", start, "-x", "inline", "--json", "--out", "OUT/run"),
                expect_rows(pages, "run/outputs/written/*.parquet"),
            ),
        }, pairs)  # fmt: skip
    less, _ = run([*mine, str(quarter / "part-00000.warc.gz")])
    mean = int(floor.split()[1]) / pages
    rates = {
        name: r.rates(pages, mean * pages) | {"disk_mb_per_cpu_second": round(facts["file_bytes"] / r.cpu_seconds / 1e6, 1)}
        for name, r in results.items()
    }
    rates["fastwarc"]["version"] = peer_version("fastwarc", "fastwarc")
    source, engine = rates.pop("source"), rates.pop("engine")
    floor_rate = rates["fastwarc"]["documents_per_cpu_second"]
    return {
        "corpus": {**facts, "mean_bytes": round(mean, 1), "text_mean_bytes": facts["mean_bytes"]}, "ours": source, "peers": rates,
        "ratios": {"fastwarc": round(source["documents_per_cpu_second"] / floor_rate, 3)},
        "engine": {**engine, "ratio": round(engine["documents_per_cpu_second"] / floor_rate, 3)},
        "memory": {"quarter_mb": round(less.peak_bytes / 1e6, 1), "whole_mb": source["peak_mb"],
                   "growth": round(source["peak_mb"] * 1e6 / less.peak_bytes, 3)},
    }  # fmt: skip


def read(file: str) -> None:
    """Read a file with `stages.sources.warc` alone; prints pages and bytes of their bodies."""
    import pyarrow.compute as pc

    from stages.sources.warc import warc

    params = warc.Params(paths=file)
    pages = size = 0
    for table in warc.read(file, Path(file).name, "", params):
        bad = table.num_rows - table["drop_reason"].null_count
        if bad:
            raise CommandFailedError(f"{bad} broken records in a whole file")
        pages += table.num_rows
        size += pc.sum(table["body_bytes"]).as_py()
    print(pages, size)


if __name__ == "__main__" and sys.argv[1:2] == ["read"]:
    read(sys.argv[2])
