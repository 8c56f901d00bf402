"""What a library that only has signatures needs to be a deduplicator: buckets of bands, clusters, the first of each."""

import numpy as np


def first_of_clusters(signatures, bands=14):
    """Rows of the first document of each cluster of documents that share a band: int64, ascending.

    Args:
        signatures: unsigned integers (n, hashes).
    """
    n = len(signatures)
    root = np.arange(n)

    def find(i):
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    width = signatures.shape[1] // bands
    for band in range(bands):
        values = np.ascontiguousarray(signatures[:, band * width : (band + 1) * width])
        keys = values.view(np.dtype((np.void, values.dtype.itemsize * width))).ravel()
        order = np.argsort(keys, kind="stable")
        same = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
        for a, b in zip(order[same].tolist(), order[same + 1].tolist(), strict=True):
            a, b = find(a), find(b)
            root[max(a, b)] = min(a, b)
    return np.flatnonzero(root == np.arange(n))
