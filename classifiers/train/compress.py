"""Write a fastText model as `.ftz`: rows that matter, their vectors as codes.

Source:  Joulin et al. 2016b, "FastText.zip": product quantisation of unit vectors in parts of two numbers, 256 centroids each, norms
         by 256 of their own; rows of the longest vectors stay. Rows that no training text has are left out first: they are noise (ours).
Units:   a row takes dim / 2 + 1 bytes, and its word.

The same model and seed give the same file on one machine. The rows are not trained again once some are gone.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from classifiers.train.fasttext import Trained, entry, head, label_entries, seen_rows
from curation.text import Utf8

PART = 2
CENTROIDS = 256
ROUNDS = 25
SAMPLED_ROWS = CENTROIDS * CENTROIDS


def save_compressed(model: Trained, texts: Utf8, path: Path, keep: int | None, seed: int) -> int:
    """Write a model.

    Args:
        texts: those it was trained on. keep: rows that stay at most, words and n-grams.
    Returns: rows that stay.
    """
    norms = np.sqrt(np.einsum("ij,ij->i", model.rows, model.rows))
    used = seen_rows(model, texts)
    used[0] = False
    kept = np.flatnonzero(used)
    if keep is not None and len(kept) >= keep:
        kept = np.sort(kept[np.argsort(-norms[kept], kind="stable")[: keep - 1]])
    kept = np.concatenate([[0], kept])  # the end of a text always stays: every text has it
    words, grams = kept[kept < model.features.rows][1:] - 1, kept[kept >= model.features.rows] - model.features.rows
    rng = np.random.default_rng(seed)
    rows, size = model.rows[kept], norms[kept]
    size[size == 0] = 1
    with open(path, "wb") as f:
        f.write(head(model, model.features.buckets, len(words), len(grams)) + entry(b"</s>", model.documents))
        for word in words.tolist():
            start, end = model.words.starts[word], model.words.ends[word]
            f.write(entry(bytes(model.words.data[start:end]), int(model.words.counts[word])))
        f.write(label_entries(model))
        f.write(np.column_stack([grams, np.arange(len(grams))]).astype("<i4").tobytes())
        codes, centroids = _coded(rows / size[:, None], rng)
        f.write(struct.pack("<?", True) + struct.pack("<?2qi", True, *rows.shape, codes.size) + codes.tobytes() + centroids)
        codes, centroids = _coded(size[:, None], rng)
        f.write(codes.tobytes() + centroids)
        f.write(struct.pack("<?2q", False, *model.output.shape) + np.ascontiguousarray(model.output, "<f4").tobytes())
    return len(kept)


def _coded(rows: Any, rng: np.random.Generator) -> tuple[Any, bytes]:
    """(codes uint8 (m, parts), bytes of a quantiser) of rows float32 (m, dim)."""
    dim = rows.shape[1]
    width = min(PART, dim)
    parts = -(-dim // width)
    codes, centroids = np.empty((len(rows), parts), np.uint8), []
    for part in range(parts):
        points = np.ascontiguousarray(rows[:, part * width : (part + 1) * width])
        sample = points[rng.permutation(len(points))[:SAMPLED_ROWS]]
        found = np.resize(sample, (CENTROIDS, points.shape[1]))
        for _ in range(ROUNDS):
            found = _means(sample, _nearest(sample, found), found)
        codes[:, part] = _nearest(points, found)
        centroids.append(found.astype("<f4").tobytes())
    return codes, struct.pack("<4i", dim, parts, width, dim - (parts - 1) * width) + b"".join(centroids)


@njit(cache=True)
def _nearest(points: Any, centroids: Any) -> Any:
    """Nearest centroid of each point: uint8 (n,)."""
    out = np.empty(len(points), np.uint8)
    for i in range(len(points)):
        best, place = np.inf, 0
        for k in range(len(centroids)):
            distance = 0.0
            for d in range(points.shape[1]):
                difference = points[i, d] - centroids[k, d]
                distance += difference * difference
            if distance < best:
                best, place = distance, k
        out[i] = place
    return out


@njit(cache=True)
def _means(points: Any, places: Any, centroids: Any) -> Any:
    """Mean of the points of each centroid; where there is none, it stays."""
    totals, counts = np.zeros(centroids.shape, np.float64), np.zeros(len(centroids), np.int64)
    for i in range(len(points)):
        counts[places[i]] += 1
        for d in range(points.shape[1]):
            totals[places[i], d] += points[i, d]
    out = centroids.copy()
    for k in range(len(centroids)):
        if counts[k] > 0:
            for d in range(points.shape[1]):
                out[k, d] = totals[k, d] / counts[k]
    return out
