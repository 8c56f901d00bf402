"""Keep one document of each group whose embeddings are almost the same.

Source:  SemDeDup, Abbas et al. 2023, section 3: k-means on the embeddings, then pairs within a cluster. The paper drops a document that
         is similar to any one before it in order, even one that is dropped itself; ours drops it for a survivor alone, so that each
         dropped document is similar to what is kept for it, and a second run drops nothing.
Units:   similarity = cosine of a dropped document's embedding and its survivor's; duplicate_of = the survivor's id; both null for a kept
         one. semantic_cluster = number of the nearest centroid; null for a document whose embedding cannot be used.
Params:  column -- the embedding, a list of floating-point numbers (default embedding). centroids -- a .npy file of float32 (clusters,
             numbers); `python -m classifiers.centroids` makes one. Documents are compared within a cluster only.
         epsilon -- a cosine above 1 - epsilon makes two documents similar (ours: the paper sets it by the share it wants to keep).
         keep -- least_central (default, the paper's: the document least similar to the centroid survives) or most_central; ties go to the
             smallest id.
         max_drop_share -- the run stops if more than that goes, of at least 1,000 documents; above 0.5 it says so (ours).
Drops:   semantic_duplicate.
Errors:  ValueError before the run if the centroids cannot be read, or the column is no such list. TaskError for a cluster of more than
         MAX_CLUSTER documents: use more centroids.

Documents whose embedding is null, of another length, zero or not finite are counted and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.errors import TaskError
from curation.stage import AssetMark, Batch, Combined, GlobalStage, Keyed, Reduced, StageParams, Types
from stages.dedup import drop_share
from stages.dedup.drop_share import DropShare
from stages.dedup.unit_vectors import BLOCK, check_centroids, column_vectors, first_similar, is_embedding, load_centroids, nearest

SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that times it no two clusters have one key; 2**64 over the golden ratio, so that keys lie evenly."""
LEAST_EPSILON = 1e-5
"""Above what rounding takes from the cosine of a vector with itself; see unit_vectors.py."""
MAX_CLUSTER = 1_000_000
"""Documents of a cluster (ours): all pairs of so many take hours of a core."""
WINDOW_BYTES = 64 << 20
"""Embeddings of a streamed cluster held at a time (ours)."""


class Params(StageParams):
    """Parameters of dedup_semantic; see the file's docstring."""

    column: str = "embedding"
    centroids: Annotated[str, AssetMark(check_centroids)] = Field(examples=["centroids.npy"])
    epsilon: float = Field(0.05, ge=LEAST_EPSILON, lt=1)
    keep: Literal["least_central", "most_central"] = "least_central"
    max_drop_share: DropShare = 0.9


class DedupSemantic(GlobalStage):
    """Global stage `dedup_semantic`: one round, keyed by cluster."""

    name = "dedup_semantic"
    Params = Params
    drops = ("semantic_duplicate",)

    def check(self, params: Any, schema: pa.Schema) -> None:
        """Refuse a column that holds no embeddings, or of another length than the centroids.

        Raises: ValueError.
        """
        kind, dimensions = schema.field(params.column).type, load_centroids(params.centroids).shape[1]
        if not is_embedding(kind):
            raise ValueError(f"column {params.column!r} is {kind}, no list of floating-point numbers")
        if pa.types.is_fixed_size_list(kind) and kind.list_size != dimensions:
            raise ValueError(f"column {params.column!r} has {kind.list_size} numbers a document, the centroids have {dimensions}")

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("id", params.column)

    def reads_if_there(self, params: Any) -> tuple[str, ...]:
        return tuple(self.writes(params))

    def writes(self, params: Any) -> Types:
        return {
            "duplicate_of": pa.field("duplicate_of", pa.string(), nullable=True),
            "similarity": pa.field("similarity", pa.float32(), nullable=True),
            "semantic_cluster": pa.field("semantic_cluster", pa.int32(), nullable=True),
        }

    def verdict(self, params: Any) -> Types:
        return {"drop_reason": pa.field("drop_reason", pa.string(), nullable=True), **self.writes(params)}

    def payload(self, params: Any) -> Types:
        return {"id": pa.string(), "cluster": pa.int32(), "centrality": pa.float64(), "units": pa.large_binary()}

    def follower(self, params: Any) -> Types:
        return {"leader_id": pa.string(), "cluster": pa.int32(), "similarity": pa.float32()}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """One row per document that has an embedding: its cluster, and how similar to the centroid it is."""
        centroids = load_centroids(params.centroids)
        units, rows, wrong = column_vectors(batch[params.column], centroids.shape[1])
        for what, n in wrong.items():
            batch.count(what, n)
        cluster, centrality = nearest(units, centroids)
        columns = {
            "id": batch["id"].cast(pa.string()).take(pa.array(rows)), "cluster": cluster.astype(np.int32), "centrality": centrality,
            "units": _packed(units),
        }  # fmt: skip
        return Keyed((cluster.astype(np.uint64) + np.uint64(1)) * SPREAD, rows, columns)

    def combine(self, rows: pa.Table, params: Any, round_: int) -> Combined:
        """Of documents with one and the same embedding, which survive or go together, the one with the smallest id is sent."""
        same = rows["units"].combine_chunks().dictionary_encode()
        group = same.indices.to_numpy()
        order = pc.sort_indices(
            pa.table({"group": group, "id": rows["id"], "row": rows["row"]}), sort_keys=[(c, "ascending") for c in ("group", "id", "row")]
        ).to_numpy()
        first = np.ones(len(order), bool)
        first[1:] = np.diff(group[order]) != 0
        leader = np.empty(len(order), np.int64)
        leader[group[order[first]]] = order[first]
        leader = leader[group]
        follows = np.flatnonzero(leader != np.arange(len(leader)))
        sent, led = pa.array(np.flatnonzero(leader == np.arange(len(leader)))), rows.take(pa.array(leader[follows]))
        vectors = _unpacked(led["units"], params)
        self_cosine = np.concatenate([np.empty(0), *(_squares(vectors[low : low + BLOCK]) for low in range(0, len(vectors), BLOCK))])
        followers = {
            "row": rows["row"].take(pa.array(follows)), "leader": led["row"], "leader_id": led["id"], "cluster": led["cluster"],
            "similarity": _reported(self_cosine),
        }  # fmt: skip
        return Combined(rows.take(sent), pa.table(followers))

    def follow(self, followers: pa.Table, leaders: pa.Table, params: Any) -> pa.Table:
        return pa.table({
            "row": followers["row"], "drop_reason": pa.repeat(self.drops[0], followers.num_rows),
            "duplicate_of": pc.coalesce(leaders["duplicate_of"], followers["leader_id"]),
            "similarity": pc.coalesce(leaders["similarity"], followers["similarity"]), "semantic_cluster": followers["cluster"],
        })  # fmt: skip

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced:
        key = rows["key"].to_numpy()
        cuts = [0, *(np.flatnonzero(np.diff(key)) + 1).tolist(), len(key)]
        decided = []
        for low, high in pairwise(cuts):
            cluster = rows.slice(low, high - low).combine_chunks()
            units = _unpacked(cluster["units"], params)
            decided.append(_verdicts(cluster, lambda units=units: iter([units]), BLOCK, params))  # type: ignore[misc]
        return Reduced(verdicts=pa.concat_tables(decided))

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        """The same in windows of WINDOW_BYTES: of other documents of the cluster about 100 bytes each are held."""
        cluster = pa.concat_tables(chunk.drop_columns(["units"]) for chunk in chunks())
        width = 4 * load_centroids(params.centroids).shape[1]
        window = max(BLOCK, WINDOW_BYTES // width)
        verdicts = _verdicts(cluster, lambda: (_unpacked(chunk["units"], params) for chunk in chunks()), window, params)
        yield Reduced(verdicts=verdicts, counted={"documents in clusters too large for memory (use more centroids)": cluster.num_rows})

    def judge(self, documents: int, dropped: Mapping[str, int], params: Any) -> str | None:
        return drop_share.judge(documents, dropped, params.max_drop_share)


def _verdicts(cluster: pa.Table, walk: Callable[[], Iterator[Any]], window: int, params: Any) -> pa.Table:
    """Verdicts on all documents of one cluster.

    Args:
        cluster: {shard, row, id, cluster, centrality} (n,). walk: their unit vectors, float32 (m, d) at a time, the same each time.
    Raises: TaskError if the cluster is too large.
    """
    if cluster.num_rows > MAX_CLUSTER:
        raise TaskError(
            f"{DedupSemantic.name}: cluster {cluster['cluster'][0]} has {cluster.num_rows:,} documents, all pairs of which are compared; "
            f"make more centroids, for at most {MAX_CLUSTER:,} documents each"
        )
    central = "ascending" if params.keep == "least_central" else "descending"
    by = [("centrality", central), ("id", "ascending"), ("shard", "ascending"), ("row", "ascending")]
    order = pc.sort_indices(cluster, sort_keys=by).to_numpy().astype(np.int64)
    survivor, cosine = greedy(walk, order, 1 - params.epsilon, window)
    kept = survivor < 0
    return pa.table({
        "shard": cluster["shard"], "row": cluster["row"],
        "drop_reason": pc.if_else(pa.array(kept), pa.scalar(None, pa.string()), DedupSemantic.drops[0]),
        "duplicate_of": cluster["id"].combine_chunks().take(pa.array(survivor, mask=kept)),
        "similarity": pa.array(_reported(cosine), mask=kept), "semantic_cluster": cluster["cluster"],
    })  # fmt: skip


def greedy(walk: Callable[[], Iterator[Any]], order: Any, threshold: float, window: int) -> tuple[Any, Any]:
    """The first vector that is left survives, those with a cosine above the threshold to it go, and so on.

    Windows of the order are decided one after the other: first within, then what is left of the order meets the window's survivors.
    Memory: `window` vectors and a piece of the walk, which is made twice for every `window` vectors that stand when their turn comes.

    Args:
        walk: the vectors, float32 (m, d) at a time, the same each time. order: int64 (n,), their numbers in the walk, first to last.
        window: vectors.
    Returns: int64 (n,) the survivor by which each goes, -1 for a survivor; float64 (n,) the cosine to it.
    """
    survivor, cosine = np.full(len(order), -1, np.int64), np.zeros(len(order))
    left = order
    while len(left):
        here, left = left[:window], left[window:]
        units = _gathered(walk, here)
        within, alike = _greedy_within(units, threshold)
        goes = within >= 0
        survivor[here[goes]], cosine[here[goes]] = here[within[goes]], alike[goes]
        if not len(left):
            break
        here, units = here[~goes], units[~goes]
        for numbers, piece in _picked(walk, np.sort(left)):
            which, alike = first_similar(piece, units, threshold)
            goes = which >= 0
            survivor[numbers[goes]], cosine[numbers[goes]] = here[which[goes]], alike[goes]
        left = left[survivor[left] < 0]
    return survivor, cosine


def _greedy_within(units: Any, threshold: float) -> tuple[Any, Any]:
    """`greedy` over vectors in memory, float32 (n, d), in their order."""
    if len(units) > BLOCK:
        return greedy(lambda: iter([units]), np.arange(len(units)), threshold, BLOCK)
    wide = units.astype(np.float64)
    products = wide @ wide.T
    similar = np.triu(products > threshold, 1)
    survivor = np.full(len(units), -1, np.int64)
    for first in np.flatnonzero(similar.any(axis=1)).tolist():
        if survivor[first] < 0:
            survivor[similar[first] & (survivor < 0)] = first
    return survivor, products[np.arange(len(units)), survivor]


def _picked(walk: Callable[[], Iterator[Any]], numbers: Any) -> Iterator[tuple[Any, Any]]:
    """Some vectors of a walk, by their increasing numbers: pieces of (numbers, float32 (m, d))."""
    low = 0
    for piece in walk():
        start, stop = np.searchsorted(numbers, [low, low + len(piece)])
        if start < stop:
            yield numbers[start:stop], piece[numbers[start:stop] - low]
        low += len(piece)


def _gathered(walk: Callable[[], Iterator[Any]], numbers: Any) -> Any:
    """Vectors of a walk by their numbers, in the order of these: float32 (n, d)."""
    order = np.argsort(numbers)
    found = np.concatenate([piece for _, piece in _picked(walk, numbers[order])])
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return found[back]


def _packed(units: Any) -> Any:
    """Vectors as Arrow binary values, without a copy: float32 (n, d) -> (n,)."""
    n, dimensions = units.shape
    offsets = pa.py_buffer(np.arange(n + 1, dtype=np.int64) * 4 * dimensions)
    return pa.Array.from_buffers(pa.large_binary(), n, [None, offsets, pa.py_buffer(np.ascontiguousarray(units))])


def _unpacked(column: Any, params: Any) -> Any:
    """Vectors of `_packed` again, without a copy: float32 (n, d)."""
    dimensions = load_centroids(params.centroids).shape[1]
    column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    numbers = np.frombuffer(column.buffers()[2] or b"", np.float32) if len(column) else np.empty(0, np.float32)
    return numbers[column.offset * dimensions : (column.offset + len(column)) * dimensions].reshape(-1, dimensions)


def _squares(units: Any) -> Any:
    """Inner product of each vector with itself: float64 (n,)."""
    wide = units.astype(np.float64)
    return (wide * wide).sum(axis=1)


def _reported(cosine: Any) -> Any:
    """Cosines as they are written down: the rounding of the vectors may lift one above 1."""
    return np.minimum(cosine, 1.0).astype(np.float32)


dedup_semantic = DedupSemantic()
