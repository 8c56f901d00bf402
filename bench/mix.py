"""A mix with a global shuffle, shards in and shards out, beside a bare pyarrow copy of the same shards; memory at two sizes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bench.measure import (
    STARTUP_DOCUMENTS,
    Contender,
    cache,
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
)

SPEC: dict[str, Any] = {"mean_bytes": 3_000, "columns": ["id", "url", "lang"]}
SMALL, LARGE = 100_000, 400_000
SHARD_DOCUMENTS = 50_000
RECIPE = """
name: mix
inputs: {docs: {use: parquet, paths: "%s/part-*.parquet", carry: [lang, n_tokens]}}
outputs: {written: {use: mix, needs: docs, recipe: mix.yaml, shard_tokens: 20_000_000}}
"""
MIX = """
entries:
  english: {where: "lang is not null and lang = 'en'", epochs: 1}
  others:  {where: "true", epochs: 1}
"""
"""Every document once, so that both sides write the same."""


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """The whole command on two corpora, both beside the copy."""
    parts, peaks = {}, []
    for n in (int(SMALL * scale), int(LARGE * scale)):
        part = parts[f"{n} documents"] = _beside_copy(n, pairs if n == int(SMALL * scale) else max(1, pairs // 2))
        peaks.append(part["ours"]["peak_mb"])
    ratios = [part["ratios"]["pyarrow"] for part in parts.values()]
    growth = round(peaks[1] / peaks[0], 2)
    return {
        "name": "mix", "parts": parts, "versions": versions("pyarrow", "numpy", "numba"),
        "targets": {
            "speed beside a bare pyarrow copy": (min(ratios), ">= 0.35", min(ratios) >= 0.35),
            f"peak memory, {int(LARGE * scale)} documents / {int(SMALL * scale)}": (growth, "flat (<= 1.25)", growth <= 1.25),
        },
    }  # fmt: skip


def _beside_copy(n: int, pairs: int) -> dict[str, Any]:
    folder, facts = _with_tokens(n, max(1, n // SHARD_DOCUMENTS))
    tiny, _ = _with_tokens(STARTUP_DOCUMENTS, 1)
    script = peer_script("pyarrow", "pyarrow_copy")
    with scratch() as here:
        (here / "mix.yaml").write_text(MIX, encoding="utf-8")
        full, small = (write_recipe(here, name, RECIPE % where) for name, where in (("full", folder), ("tiny", tiny)))
        ours = [curate("run", r, "-x", "inline", "--json", "--out", "OUT/run") for r in (full, small)]
        results = compare({
            "ours": Contender(ours[0], ours[1], expect_rows(n, "run/outputs/written/*.parquet")),
            "pyarrow": Contender([*script, str(folder), "OUT"], [*script, str(tiny), "OUT"], expect_rows(n, "written/*.parquet")),
        }, pairs)  # fmt: skip
    rates = {name: r.rates(n, facts["mean_bytes"] * n) for name, r in results.items()}
    rates["pyarrow"]["version"] = peer_version("pyarrow", "pyarrow")
    mine = rates.pop("ours")
    ratio = round(mine["documents_per_cpu_second"] / rates["pyarrow"]["documents_per_cpu_second"], 3)
    return {"corpus": facts, "ours": mine, "peers": rates, "ratios": {"pyarrow": ratio}}


def _with_tokens(n: int, files: int) -> tuple[Path, dict[str, Any]]:
    """A corpus whose documents have a column `n_tokens`: a quarter of their bytes, which is as good as any here."""
    folder, facts = corpus(documents=n, files=files, **SPEC)
    target = cache() / "bench-corpora" / f"{folder.name}-tokens"
    if not target.with_suffix(".done").exists():
        run([sys.executable, "-m", "bench.mix", str(folder), str(target)])
        target.with_suffix(".done").touch()
    return target, facts


def _add_tokens(folder: Path, target: Path) -> None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("part-*.parquet")):
        with pq.ParquetFile(path) as file:
            writer = None
            for i in range(file.metadata.num_row_groups):
                table = file.read_row_group(i)
                table = table.append_column("n_tokens", pc.divide(pc.add(pc.binary_length(table["text"]), 3), 4).cast("int64"))
                writer = writer or pq.ParquetWriter(target / path.name, table.schema, compression="zstd", compression_level=1)
                writer.write_table(table)
            if writer:
                writer.close()


if __name__ == "__main__":
    _add_tokens(Path(sys.argv[1]), Path(sys.argv[2]))
