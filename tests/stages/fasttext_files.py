"""fastText models made up for tests: random matrices behind a dictionary, in the format of fastText's version 12."""

import struct

import numpy as np

WORDS = ["</s>", "the", "der", "die", "le", "и", "the.", "Haus", "maison", "house", "中文", "a"]
LABELS = ["__label__en", "__label__de", "__label__fr", "__label__ru", "__label__zh"]


def model_bytes(
    loss="softmax", quantised=False, pruned=None, norms=True, quantised_output=False, word_ngrams=1, min_n=2, max_n=4,
    dim=10, buckets=1_000, words=WORDS, labels=LABELS, seed=1, counts=None, version=12, kind=3,
):  # fmt: skip
    """Bytes of a model. pruned: how many buckets were kept, None = no pruning; quantiser parts are of 4 numbers."""
    rng = np.random.default_rng(seed)
    number = {"hs": 1, "ns": 2, "softmax": 3, "ova": 4}[loss]
    out = [struct.pack("<2i", 793712314, version)]
    out.append(struct.pack("<12id", dim, 5, 5, 1, 5, word_ngrams, number, kind, buckets, min_n, max_n, 100, 1e-4))
    size = len(words) + len(labels)
    out.append(struct.pack("<3i2q", size, len(words), len(labels), 1_000, -1 if pruned is None else pruned))
    counts = counts or [1_000 - 7 * i for i in range(size)]
    for i, word in enumerate([*words, *labels]):
        out.append(word.encode() + b"\0" + struct.pack("<qb", counts[i], i >= len(words)))
    if pruned is not None:
        kept = rng.permutation(buckets)[:pruned]
        out += [struct.pack("<2i", b, i) for i, b in enumerate(kept)]
    rows = len(words) + (buckets if pruned is None else pruned)
    out.append(struct.pack("<?", quantised))
    out.append(_quantised(rng, rows, dim, norms) if quantised else _dense(rng, rows, dim))
    out.append(struct.pack("<?", quantised_output))
    out.append(_quantised(rng, len(labels), dim, norms) if quantised_output else _dense(rng, len(labels), dim))
    return b"".join(out)


def _dense(rng, m, n):
    return struct.pack("<2q", m, n) + rng.normal(size=(m, n)).astype("<f4").tobytes()


def _quantised(rng, m, n, norms):
    width, parts = 4, -(-n // 4)
    out = struct.pack("<?2qi", norms, m, n, m * parts) + rng.integers(0, 256, m * parts, np.uint8).tobytes()
    out += struct.pack("<4i", n, parts, width, n - (parts - 1) * width) + rng.normal(size=n * 256).astype("<f4").tobytes()
    if norms:
        out += rng.integers(0, 256, m, np.uint8).tobytes() + struct.pack("<4i", 1, 1, 1, 1) + rng.random(256).astype("<f4").tobytes()
    return out
