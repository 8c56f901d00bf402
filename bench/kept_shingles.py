"""Made-up states of `dedup_minhash`: what an earlier run would have kept of N documents, without their texts.

Each document has SET distinct 32-bit shingles. Documents come in families of PERIOD: of each, one in FAMILY is the
next's near duplicate (CHANGED shingles differ, Jaccard about 0.9), and one an exact twin of it; with `skew`, a share of all
documents is one and the same page. Document i depends on i alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation.plan import STATE_FILE, Step, state_of
from curation.shards import ShardWriter
from curation.storage import write_sealed
from stages.dedup.dedup_minhash import dedup_minhash
from stages.dedup.shingles import Shingles

SET, CHANGED = 40, 2
FAMILY = 10
"""Of ten documents two go: the second is near the first, the third is its twin."""
SHARD_ROWS = 250_000
CHUNK = 25_000


def main() -> None:
    """`python -m bench.kept_shingles FOLDER DOCUMENTS SKEW`."""
    folder, documents, skew = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    params = dedup_minhash.params(verify="jaccard")
    names = dedup_minhash.keeps(params)
    schema = pa.schema([("row", pa.uint32()), *names.items()])
    for first in range(0, documents, SHARD_ROWS):
        writer = ShardWriter(folder / f"{first:09d}.parquet", schema, packed=False)
        for start in range(first, min(first + SHARD_ROWS, documents), CHUNK):
            i = np.arange(start, min(start + CHUNK, first + SHARD_ROWS, documents))
            writer.write(_rows(i, first, skew).select(schema.names).cast(schema))
        writer.close()
    write_sealed(folder / STATE_FILE, state_of(Step("near", "dedup_minhash", "global", (), dedup_minhash, params)))


def _rows(i: np.ndarray, first: int, skew: float) -> pa.Table:
    place = i % FAMILY
    own = np.where((place == 1) | (place == 2), i - place, i).astype(np.uint64)
    page = (_mixed((i // FAMILY).astype(np.uint64)) >> np.uint64(40)) < np.uint64(skew * (1 << 24))
    own[page] = 1 << 40
    values = _mixed(own[:, None] * np.uint64(SET) + np.arange(SET, dtype=np.uint64))
    near = (place == 1) & ~page
    values[near, :CHANGED] = _mixed(
        i[near, None].astype(np.uint64) * np.uint64(977) + np.arange(CHANGED, dtype=np.uint64) + np.uint64(1 << 50)
    )
    sets = Shingles(values.astype(np.uint32).ravel(), np.arange(len(i) + 1) * SET)
    ids = pa.array([f"{n:032x}" for n in i.tolist()])
    size = pa.array(np.full(len(i), -SET))
    return pa.table({
        "row": i - first, "set": sets.to_arrow(), "group": np.zeros(len(i), np.uint64), "key": sets.hash(),
        "id": ids, "order_0": size, "order_1": pa.array(i),
    })  # fmt: skip


def _mixed(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


if __name__ == "__main__":
    main()
