"""`curate explain` on a run of four million documents: a look through its files, the lookup of `--index`, and what that costs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import curate, run, scratch, versions, write_recipe

DOCUMENTS = 4_000_000
FILES = 40
DROPPED = 0.5


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Documents of 60 bytes with a URL each, half of them dropped; `--pairs` documents of either fate are asked for, by id or by URL."""
    with scratch() as here:
        out = here / "out"
        child = [sys.executable, "-m", "bench.explain"]
        run([*child, "make", str(here / "crawl"), str(int(DOCUMENTS * scale) // FILES)])
        file = write_recipe(here, "explain", "\n".join([
            "name: explain", f'inputs: {{docs: {{use: parquet, paths: "{here}/crawl/*.parquet", carry: [score]}}}}',
            f'steps: {{half: {{use: keep, where: "score is not null and score > {DROPPED}"}}}}', "outputs: {written: {use: shards}}",
        ]))  # fmt: skip
        run(curate("run", file, "--json", "--out", str(out), "-x", "inline"))
        names = json.loads(run([*child, "choose", str(out), str(pairs)])[1])
        nothing, _ = run(curate("--help"))
        scanned = [run(curate("explain", str(out), name, "--json")) for name in names]
        build, said = run(curate("explain", str(out), "--index", "--json"))
        found = [run(curate("explain", str(out), name, "--json")) for name in names]
        if [json.loads(s[1]) for s in scanned] != [json.loads(s[1]) for s in found]:
            raise AssertionError("the lookup finds something else than a look through the files")
    made = json.loads(said)
    look, asked = (median(usage.wall_seconds for usage, _ in runs) for runs in (scanned, found))
    part = {
        "rows": made["rows"], "look_seconds": round(look, 2), "look_peak_mb": round(max(u.peak_bytes for u, _ in scanned) / 1e6),
        "build_seconds": round(build.wall_seconds, 1), "build_cpu_seconds": round(build.cpu_seconds, 1),
        "build_peak_mb": round(build.peak_bytes / 1e6), "lookup_bytes_a_row": round(made["bytes"] / made["rows"], 1),
        "lookup_seconds": round(asked, 2), "lookup_cpu_seconds": round(median(u.cpu_seconds for u, _ in found), 2),
        "look_cpu_seconds": round(median(u.cpu_seconds for u, _ in scanned), 2), "help_seconds": round(nothing.wall_seconds, 2),
    }  # fmt: skip
    return {"name": "explain", "parts": {f"{made['rows']:,} rows": part}, "targets": {}, "versions": versions("pyarrow", "numpy")}


def make(folder: Path, each: int) -> None:
    """Write the documents; in a process of its own, whose memory is not that of what is measured."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rng = np.random.default_rng(1)
    folder.mkdir()
    for i in range(FILES):
        names = pa.array(np.arange(i * each, (i + 1) * each)).cast(pa.string())
        urls = pc.binary_join_element_wise(f"https://site{i}.example/a/longer/path/of/some/page-", names, ".html", "")
        text = pc.binary_join_element_wise("a page of some sixty bytes, as short as they come, number ", names, "")
        pq.write_table(pa.table({"url": urls, "text": text, "score": rng.random(each)}), folder / f"{i:03d}.parquet")


def choose(out: Path, pairs: int) -> list[str]:
    """Ids and URLs of some documents, as many kept as dropped."""
    import numpy as np
    import pyarrow.parquet as pq

    rng, names = np.random.default_rng(2), []
    for kind in ("outputs/written", "dropped"):
        table = pq.read_table(rng.choice(sorted((out / kind).glob("*.parquet"))), columns=["id", "url"])
        names += [table["url" if n % 2 else "id"][n].as_py() for n in rng.integers(0, table.num_rows, pairs).tolist()]
    return names


if __name__ == "__main__":
    what, where, number = sys.argv[1:]
    if what == "make":
        make(Path(where), int(number))
    else:
        print(json.dumps(choose(Path(where), int(number))))
