"""Near-duplicate removal with daft's MinHash: `daft_minhash.py IN OUT`; 14 bands of 8 of 5-grams, keeps the first of each cluster.

daft has the signatures; bands and clusters (union-find) are numpy here, in the cheapest way we know.
"""

import glob
import os
import sys

import daft
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from clusters import first_of_clusters

if __name__ == "__main__":
    source, out = sys.argv[1:3]
    files = sorted(glob.glob(f"{source}/part-*.parquet"))
    table = daft.read_parquet(files).with_column("signature", daft.col("text").minhash(num_hashes=112, ngram_size=5, seed=1)).to_arrow()
    table = table.combine_chunks()
    signatures = np.asarray(table["signature"].chunk(0).flatten()).reshape(-1, 112) if len(table) else np.zeros((0, 112), np.uint32)
    os.makedirs(f"{out}/written")
    kept = table.drop_columns(["signature"]).take(pa.array(first_of_clusters(signatures)))
    pq.write_table(kept, f"{out}/written/part.parquet", compression="zstd")
