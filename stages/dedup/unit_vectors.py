"""Vectors of length 1 whose inner products are exact.

Which of two centroids is nearer, or on which side of a threshold a cosine lies, must not hang on the order in which a matrix product
adds up: that differs with the shape of a block and with the machine. So coordinates are rounded to multiples of 2**-24. A float32 holds
them, products of two are multiples of 2**-48, and no partial sum passes 1 by more than a little (Cauchy-Schwarz): a float64 holds every
one, and so the product is the same in any order. The rounding moves a cosine by at most ROUNDING * sqrt(d), 2e-6 for d = 1,024.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ROUNDING = 2.0**-24
MAX_DIMENSIONS = 16_384
"""Numbers of an embedding (ours)."""
BLOCK = 2_048
"""Rows and columns of a block of a matrix product (ours): 32 MiB."""
NO_EMBEDDING = "no embedding"
WRONG_LENGTH = "embedding of another length than the centroids"
NO_DIRECTION = "embedding of zeros or not finite"


def unit_vectors(vectors: Any) -> tuple[Any, Any]:
    """Vectors at length 1, rounded.

    Args:
        vectors: float (n, d).
    Returns: float32 (m, d), and int64 (m,) the rows they are of: those of zeros, or with a number that is not finite, are left out.
    """
    units, kept = [], []
    for low in range(0, len(vectors), BLOCK):
        block = np.asarray(vectors[low : low + BLOCK], np.float32).astype(np.float64)
        length = np.sqrt((block * block).sum(axis=1))
        good = np.isfinite(length) & (length > 0)
        units.append((np.rint(block[good] / length[good, None] / ROUNDING) * ROUNDING).astype(np.float32))
        kept.append(low + np.flatnonzero(good))
    if not units:
        return np.empty((0, vectors.shape[1]), np.float32), np.empty(0, np.int64)
    return np.concatenate(units), np.concatenate(kept)


def is_embedding(kind: Any) -> bool:
    """Whether an Arrow type is a list, of any form, of floating-point numbers."""
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(listed and pa.types.is_floating(kind.value_type))


def column_vectors(column: Any, dimensions: int) -> tuple[Any, Any, dict[str, int]]:
    """The embeddings of a column.

    Args:
        column: Arrow array (n,) of lists of numbers. dimensions: of an embedding.
    Returns: `unit_vectors` of those that can be used, int64 (m,) their rows, and how many cannot be, by what is wrong.
    """
    lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy(zero_copy_only=False)
    whole = np.flatnonzero(lengths == dimensions)
    numbers = pc.list_flatten(column.take(pa.array(whole))).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):  # of a float64 that no float32 holds, infinity is told below
        units, usable = unit_vectors(numbers.astype(np.float32).reshape(-1, dimensions))
    absent = int((lengths < 0).sum())
    wrong = {NO_EMBEDDING: absent, WRONG_LENGTH: len(lengths) - absent - len(whole), NO_DIRECTION: len(whole) - len(usable)}
    return units, whole[usable], wrong


@cache
def load_centroids(path: str) -> Any:
    """Centroids of a .npy file at length 1: float32 (k, d).

    Raises: ValueError if the file is no such thing.
    """
    try:
        found = np.load(path, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError, EOFError) as e:
        raise ValueError(f"{path} is no .npy file of numbers") from e
    if not isinstance(found, np.ndarray) or found.ndim != 2 or found.dtype.kind != "f":
        raise ValueError(f"{path} holds no matrix of floating-point numbers, one centroid a row")
    if not (len(found) and 1 <= found.shape[1] <= MAX_DIMENSIONS):
        raise ValueError(f"{path} holds {found.shape[0]:,} centroids of {found.shape[1]:,} numbers; a centroid has 1 to {MAX_DIMENSIONS:,}")
    units, _ = unit_vectors(found)
    if len(units) < len(found):
        raise ValueError(f"{path}: {len(found) - len(units):,} centroids are zeros or not finite")
    return units


def check_centroids(path: Path) -> None:
    """Read the file before any work; raises what `load_centroids` does."""
    load_centroids(str(path))


def nearest(units: Any, centroids: Any) -> tuple[Any, Any]:
    """The centroid each vector is most similar to, the first of equals.

    Args:
        units: float32 (n, d), centroids: float32 (k, d), both of `unit_vectors`.
    Returns: int64 (n,) numbers of centroids, float64 (n,) cosines.
    """
    which, cosine = np.zeros(len(units), np.int64), np.full(len(units), -np.inf)
    for low in range(0, len(units), BLOCK):
        rows = units[low : low + BLOCK].astype(np.float64)
        best, found = which[low : low + BLOCK], cosine[low : low + BLOCK]
        for start in range(0, len(centroids), BLOCK):
            products = rows @ centroids[start : start + BLOCK].astype(np.float64).T
            here = products.argmax(axis=1)
            value = products[np.arange(len(rows)), here]
            better = value > found
            best[better], found[better] = start + here[better], value[better]
    return which, cosine


def first_similar(units: Any, others: Any, threshold: float) -> tuple[Any, Any]:
    """The first of some vectors that each of others has a cosine above a threshold to.

    Args:
        units: float32 (n, d), others: float32 (m, d), both of `unit_vectors`.
    Returns: int64 (n,) index into `others`, -1 where there is none; float64 (n,) that cosine, or 0.
    """
    which, cosine = np.full(len(units), -1, np.int64), np.zeros(len(units))
    for low in range(0, len(units), BLOCK):
        rows = units[low : low + BLOCK].astype(np.float64)
        left = np.arange(len(rows))
        for start in range(0, len(others), BLOCK):
            products = rows[left] @ others[start : start + BLOCK].astype(np.float64).T
            similar = products > threshold
            first = similar.argmax(axis=1)
            found = similar[np.arange(len(left)), first]
            which[low + left[found]] = start + first[found]
            cosine[low + left[found]] = products[found, first[found]]
            left = left[~found]
    return which, cosine
