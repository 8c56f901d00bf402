"""Centroids of embeddings for the stage `dedup_semantic`: spherical k-means on a sample.

    python -m classifiers.centroids centroids.npy --embeddings runs/NAME/outputs/web/*.parquet --clusters 10000

Reads `id` and the column of Parquet files. The sample is the documents with the smallest hashes of their ids, so the same documents give
the same file, byte for byte, in any order, in any files and on any machine; memory is that of two samples (float32), whatever is read.

The method is Lloyd's with centroids at length 1 (Dhillon and Modha 2001). It begins with vectors of the sample, and an empty cluster
begins anew at the vector least similar to its centroid. SemDeDup has 50,000 clusters for 440 million images and 11,000 for C4, and says
that results hardly hang on their number; a document is compared with its cluster alone, so that number divides the work. Defaults of
--sample and --iterations are those of faiss: 256 vectors a cluster, 25 times.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from curation.text import Utf8
from stages.dedup.unit_vectors import MAX_DIMENSIONS, column_vectors, is_embedding, nearest, unit_vectors

BATCH_ROWS = 8_192
PER_CLUSTER = 256
ITERATIONS = 25


def _batches(file: str, column: str) -> Iterator[Any]:
    """Batches of {id, column}.

    Raises: ValueError if the file is no Parquet with such columns.
    """
    try:
        parquet = pq.ParquetFile(file)
        kind = parquet.schema_arrow.field(column).type
        if not is_embedding(kind):
            raise ValueError(f"{file}: column {column!r} is {kind}, no list of floating-point numbers")
        for batch in parquet.iter_batches(BATCH_ROWS, columns=["id", column]):
            yield batch.select(["id", column])  # refuses a file that lacks one
    except (pa.ArrowException, KeyError, OSError) as e:
        raise ValueError(f"{file} is no Parquet with columns `id` and `{column}`: {e}") from e


def sampled(files: Iterable[str], column: str, sample: int, seed: int) -> Any:
    """The unit vectors of the documents with the smallest hashes of their ids, in that order: float32 (m, d), m <= sample.

    Nulls, empty lists and vectors without a direction are left out.

    Raises: ValueError if a file is no Parquet with the columns, embeddings differ in length, or there are none.
    """
    salt = np.uint64(xxhash.xxh3_64_intdigest(seed.to_bytes(8, "little")))
    dimensions = 0
    held: list[tuple[Any, Any, Any]] = []

    def smallest() -> tuple[Any, Any, Any]:
        hashes, units = np.concatenate([h for h, _, _ in held]), np.concatenate([u for _, _, u in held])
        ids = pa.concat_arrays([i for _, i, _ in held])
        order = pc.sort_indices(pa.table({"hash": hashes, "id": ids}), sort_keys=[("hash", "ascending"), ("id", "ascending")])
        chosen = order.to_numpy()[:sample]
        return hashes[chosen], ids.take(pa.array(chosen)), units[chosen]

    for file in files:
        for batch in _batches(file, column):
            vectors = batch.column(1)
            lengths = {dimensions, *pc.unique(pc.fill_null(pc.list_value_length(vectors), 0)).to_pylist()} - {0}
            if len(lengths) > 1 or max(lengths, default=0) > MAX_DIMENSIONS:
                known = " and of ".join(f"{n:,}" for n in sorted(lengths))
                raise ValueError(f"{file} has embeddings of {known} numbers; all must have one length, of at most {MAX_DIMENSIONS:,}")
            if not lengths:
                continue
            (dimensions,) = lengths
            units, rows, _ = column_vectors(vectors, dimensions)
            ids = batch.column(0).cast(pa.string()).take(pa.array(rows))
            held.append((Utf8.of(ids).hash() ^ salt, ids, units))
            if sum(len(units) for _, _, units in held) >= 2 * sample:
                held[:] = [smallest()]
    if not held or not len(found := smallest()[2]):
        raise ValueError(f"no embeddings in column {column!r}")
    return found


def spherical_kmeans(units: Any, clusters: int, iterations: int) -> Any:
    """Centroids at length 1 that vectors are similar to.

    Args:
        units: float32 (n, d) of `unit_vectors`, of which the first `clusters` are the first centroids.
        iterations: at most; it ends where no vector changes its cluster.
    Returns: float32 (clusters, d).
    Raises: ValueError if there are fewer vectors than clusters.
    """
    if len(units) < clusters:
        raise ValueError(f"{len(units):,} embeddings are too few for {clusters:,} clusters")
    centroids, before = units[:clusters], np.full(len(units), -1)
    for _ in range(iterations):
        cluster, cosine = nearest(units, centroids)
        if (cluster == before).all():
            break
        before = cluster
        order = np.argsort(cluster, kind="stable")
        sizes = np.bincount(cluster, minlength=clusters)
        sums = np.zeros((clusters, units.shape[1]))
        begins = np.concatenate([[0], np.cumsum(sizes)])
        for which in np.flatnonzero(sizes).tolist():
            sums[which] = units[order[begins[which] : begins[which + 1]]].sum(axis=0, dtype=np.float64)  # exact: see unit_vectors.py
        moved, full = unit_vectors(sums)
        empty = np.setdiff1d(np.arange(clusters), full)
        centroids = np.empty_like(units[:clusters])
        centroids[full], centroids[empty] = moved, units[np.argsort(cosine, kind="stable")[: len(empty)]]
    return centroids


def main() -> int:
    """Write a file of centroids; see the head of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m classifiers.centroids",
        description="Centroids of embeddings. Example: python -m classifiers.centroids c.npy --embeddings run/*.parquet --clusters 9000",
    )
    parser.add_argument("out", type=Path, help="file to write, .npy")
    parser.add_argument("--embeddings", nargs="+", required=True, help="Parquet files with ids and embeddings")
    parser.add_argument("--column", default="embedding", help="lists of floating-point numbers")
    parser.add_argument("--clusters", type=int, required=True)
    parser.add_argument("--sample", type=int, help=f"embeddings to learn from ({PER_CLUSTER} a cluster)")
    parser.add_argument("--iterations", type=int, default=ITERATIONS)
    parser.add_argument("--seed", type=int, default=1, help="draws the sample, and with it the first centroids")
    options = parser.parse_args()
    sample = PER_CLUSTER * options.clusters if options.sample is None else options.sample
    try:
        if min(options.clusters, options.iterations, sample) < 1 or not 0 <= options.seed < 1 << 64:
            raise ValueError("--clusters, --iterations and --sample are 1 or more, --seed is from 0 to 2**64 - 1")
        units = sampled(options.embeddings, options.column, sample, options.seed)
        centroids = spherical_kmeans(units, options.clusters, options.iterations)
        with open(options.out, "wb") as file:
            np.save(file, centroids, allow_pickle=False)
    except (OSError, ValueError) as e:
        sys.stderr.write(f"{e}\n")
        return 2
    sys.stderr.write(f"{options.clusters:,} centroids of {len(units):,} embeddings\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
