"""Near-duplicate removal with rensa's signatures: `rensa_minhash.py IN OUT`; 112 hashes of 5-grams between blanks, keeps the first."""

import glob
import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from clusters import first_of_clusters
from rensa import RMinHash

if __name__ == "__main__":
    source, out = sys.argv[1:3]
    table = pa.concat_tables([pq.read_table(f) for f in sorted(glob.glob(f"{source}/part-*.parquet"))])
    signatures = np.empty((len(table), 112), np.uint32)
    for row, text in enumerate(table["text"].to_pylist()):
        tokens = text.lower().split()
        one = RMinHash(num_perm=112, seed=1)
        one.update([" ".join(tokens[i : i + 5]) for i in range(max(1, len(tokens) - 4))])
        signatures[row] = one.digest()
    os.makedirs(f"{out}/written")
    pq.write_table(table.take(pa.array(first_of_clusters(signatures))), f"{out}/written/part.parquet", compression="zstd")
