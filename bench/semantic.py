"""Semantic deduplication end to end: documents a CPU-second, bytes spilled, what planted duplicates are found.

Embeddings of 384 numbers: topics of Zipf's frequencies, a document around one of them, and 20 % copies of another document with noise, at
cosines from 0.9 to 1. Centroids are made of the corpus by `classifiers.centroids`, CENTROIDS_EVERY documents to one. Emit costs documents
times centroids, reduce the pairs within clusters, which the largest few make up.
"""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.measure import Usage, curate, run, scratch, versions, write_recipe
from bench.shuffle import costs

DOCUMENTS = (20_000, 60_000, 200_000)
STARTUP = 1_000
SHARD_ROWS = 20_000
DIMENSIONS = 384
CENTROIDS_EVERY = 100
EPSILON = 0.05
COPIES = 0.2
RECIPE = """
name: semantic
inputs: {docs: {use: parquet, paths: "docs/*.parquet", carry: [embedding]}}
steps: {same: {use: dedup_semantic, centroids: centroids.npy, epsilon: %s}}
outputs: {written: {use: shards}}
"""


def planted(n: int) -> tuple[Any, Any]:
    """float32 (n, DIMENSIONS) of length 1, and int64 (n,) of which other one each is a copy, -1 for none; copies come last."""
    rng = np.random.default_rng(1)
    topics = rng.normal(size=(n // 50, DIMENSIONS))
    of = np.minimum(rng.zipf(1.3, n), n // 50) - 1
    vectors = topics[of] + rng.normal(size=(n, DIMENSIONS)) * rng.uniform(0.5, 1.5, (n, 1))
    copies = int(n * COPIES)
    source = np.full(n, -1)
    source[-copies:] = rng.integers(0, n - copies, copies)
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    noise = rng.normal(size=(copies, DIMENSIONS))
    tangents = np.tan(np.arccos(rng.uniform(0.9, 1, (copies, 1))))
    vectors[-copies:] = vectors[source[-copies:]] + noise / np.linalg.norm(noise, axis=1)[:, None] * tangents
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    return vectors.astype(np.float32), source


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Growing corpora; `--only 20000,60000` picks some."""
    sizes = [int(n * scale) for n in DOCUMENTS if not only or str(n) in only]
    _run(STARTUP, 1)  # compiles kernels
    start = _run(STARTUP, 1)["cpu_seconds"]
    parts = {f"{n} documents": _run(n, pairs if n < DOCUMENTS[-1] else 1) for n in sizes}
    for n, part in zip(sizes, parts.values(), strict=True):
        part["documents_per_cpu_second"] = round(n / (part["cpu_seconds"] - start))
    wrong = sum(f["dropped_below_the_threshold"] for f in parts.values())
    targets = {"documents dropped below the threshold": (wrong, "0", wrong == 0)}
    return {"name": "semantic", "parts": parts, "targets": targets, "versions": versions("numpy", "pyarrow")}


def write(folder: Path, n: int) -> None:
    """The corpus as Parquet files, in no order."""
    vectors, _ = planted(n)
    order = np.random.default_rng(2).permutation(n)
    for low in range(0, n, SHARD_ROWS):
        mine = order[low : low + SHARD_ROWS]
        numbers = pa.FixedSizeListArray.from_arrays(pa.array(vectors[mine].ravel()), DIMENSIONS)
        table = pa.table({"id": [f"{i:032x}" for i in mine], "text": [f"document {i}" for i in mine], "embedding": numbers})
        pq.write_table(table, folder / f"{low:09d}.parquet")


def _apart(function: Any, *arguments: Any) -> Any:
    """Call a function in a process of its own: what this one ever held would count as the peak of every process it starts."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _run(n: int, pairs: int) -> dict[str, Any]:
    with scratch() as here:
        (here / "docs").mkdir()
        _apart(write, here / "docs", n)
        files = [str(p) for p in sorted((here / "docs").iterdir())]
        train = [sys.executable, "-m", "classifiers.centroids", str(here / "centroids.npy"), "--clusters", str(n // CENTROIDS_EVERY)]
        trained, _ = run([*train, "--sample", str(min(n, 50_000)), "--iterations", "10", "--embeddings", *files])
        file = write_recipe(here, "semantic", RECIPE % EPSILON)
        whole: list[Usage] = []
        for _ in range(pairs):
            shutil.rmtree(here / "out", ignore_errors=True)
            whole.append(run(curate("run", file, "-x", "inline", "--json", "--out", str(here / "out")))[0])
        cost = costs(here / "out" / "work")
        found = _apart(found_in, here / "out", n)
    emit, reduce = cost["emit_cpu_seconds"], cost["reduce_cpu_seconds"]
    return {
        "centroids": n // CENTROIDS_EVERY, "training_cpu_seconds": round(trained.cpu_seconds, 1),
        "cpu_seconds": round(median(u.cpu_seconds for u in whole), 2),
        "emit_cpu_seconds": round(emit, 2), "reduce_cpu_seconds": round(reduce, 2),
        "spilled_bytes": round(cost["spilled"] / n), "verdict_bytes": round(cost["verdicts"] / n), **found,
        "peak_mb": round(max(u.peak_bytes for u in whole) / 1e6), "runs": pairs,
    }  # fmt: skip


def found_in(out: Path, n: int) -> dict[str, Any]:
    """What became of the planted pairs over the threshold, whether anything went that is under it, and the pairs within clusters."""
    vectors, source = planted(n)
    columns = ["id", "duplicate_of"]
    dropped = pa.concat_tables([pq.read_table(p, columns=columns) for p in sorted((out / "dropped").rglob("*.parquet"))])
    kept = sum(pq.read_metadata(p).num_rows for p in (out / "outputs").rglob("*.parquet"))
    if kept + dropped.num_rows != len(vectors):
        raise AssertionError(f"{len(vectors)} documents in, {kept} written, {dropped.num_rows} dropped")
    which, survivor = (np.array([int(i, 16) for i in dropped[name].to_pylist()], np.int64) for name in columns)
    wide = vectors.astype(np.float64)
    cosine = (wide[which] * wide[survivor]).sum(axis=1)
    copies = np.flatnonzero(source >= 0)
    near = copies[(wide[copies] * wide[source[copies]]).sum(axis=1) > 1 - EPSILON]
    gone = np.zeros(len(vectors), bool)
    gone[which] = True
    together = gone[near] | gone[source[near]]
    files = [p for folder in ("dropped", "outputs") for p in sorted((out / folder).rglob("*.parquet"))]
    clusters = np.concatenate([pq.read_table(p, columns=["semantic_cluster"])["semantic_cluster"].to_numpy() for p in files])
    sizes = np.bincount(clusters)
    return {
        "largest_cluster": int(sizes.max()), "pairs_a_document": round(float((sizes * (sizes - 1) / 2).sum() / n)),
        "dropped": len(which), "dropped_below_the_threshold": int((cosine < 1 - EPSILON - 1e-6).sum()),
        "planted_pairs": len(near), "planted_pairs_that_lost_one": round(float(together.mean()), 4),
    }  # fmt: skip
