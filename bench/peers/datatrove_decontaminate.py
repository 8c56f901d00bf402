"""datatrove's n-gram decontamination: `datatrove_decontaminate.py IN OUT`; 10 words, its form and its splitter of English; one task.

Its indexer wants lighteval's tasks even where items are given; so its own hashes of the items are written as its filter reads them.
"""

import json
import os
import sys

import numpy as np
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter

if __name__ == "__main__":
    source, out = sys.argv[1:3]
    config = NGramsDecontConfig(n_grams=10, find_query_ngrams=False, find_overlap_ngrams=False)
    NGramsDecontIndexer._requires_dependencies = []
    indexer = NGramsDecontIndexer(f"{out}/index", config=config)
    hashes = set()
    with open(f"{source}/items.jsonl", encoding="utf-8") as items:
        for line in items:
            hashes.update(indexer.compute_hashes(json.loads(line)["question"]))
    os.makedirs(f"{out}/index", exist_ok=True)
    np.array(list(hashes), dtype=config.hash_config.np_descr).tofile(f"{out}/index/made_up.index.hashes")
    LocalPipelineExecutor(
        pipeline=[
            ParquetReader(source, glob_pattern="part-*.parquet"), NGramsDecontFilter(f"{out}/index", config=config),
            ParquetWriter(f"{out}/written", compression="zstd"),
        ],
        tasks=1, workers=1, logging_dir=f"{out}/logs",
    ).run()  # fmt: skip
