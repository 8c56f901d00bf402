"""Near-duplicate removal with datatrove: `datatrove_minhash.py IN OUT [SHINGLES.npz]`; 14 buckets of 8 of 5-grams, one task a stage.

With a third argument its own words and n-grams, most of its time, are replaced by shingles made before. Every step has a
logging_dir of its own: with one for all, the later ones count as done.
"""

import sys
from itertools import pairwise

import numpy as np
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter


def given(path):
    """A `get_shingles` that hands out the next document's shingles instead of looking at its text."""
    held = np.load(path)
    values, offsets = held["values"].astype(np.uint64)[:, None], held["offsets"]
    documents = pairwise(offsets)

    def get_shingles(self, text):
        start, end = next(documents)
        return values[start:end]

    return get_shingles


if __name__ == "__main__":
    source, out, *more = sys.argv[1:]
    if more:
        MinhashDedupSignature.get_shingles = given(more[0])
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    steps = [
        [ParquetReader(source, glob_pattern="part-*.parquet"), MinhashDedupSignature(f"{out}/signatures", config=config)],
        [MinhashDedupBuckets(f"{out}/signatures", f"{out}/buckets", config=config)],
        [MinhashDedupCluster(f"{out}/buckets", f"{out}/clusters", config=config)],
        [
            ParquetReader(source, glob_pattern="part-*.parquet"), MinhashDedupFilter(f"{out}/clusters"),
            ParquetWriter(f"{out}/written", compression="zstd"),
        ],
    ]  # fmt: skip
    for i, pipeline in enumerate(steps):
        tasks = config.num_buckets if i == 1 else 1
        LocalPipelineExecutor(pipeline=pipeline, tasks=tasks, workers=1, logging_dir=f"{out}/logs/{i}").run()
