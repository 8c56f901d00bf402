"""Near-duplicate removal with datasketch: `datasketch_minhash.py IN OUT`; xxh32, 14 bands of 8, keeps what meets nothing before it."""

import glob
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from datasketch import MinHash, MinHashLSH

if __name__ == "__main__":
    source, out = sys.argv[1:3]
    table = pa.concat_tables([pq.read_table(f) for f in sorted(glob.glob(f"{source}/part-*.parquet"))])
    index = MinHashLSH(num_perm=112, params=(14, 8))
    kept = []
    for row, text in enumerate(table["text"].to_pylist()):
        tokens = text.lower().split()
        one = MinHash(num_perm=112, seed=1, hashfunc=xxhash.xxh32_intdigest)  # its default, SHA-1, is three times slower
        one.update_batch([" ".join(tokens[i : i + 5]).encode() for i in range(max(1, len(tokens) - 4))])
        if not index.query(one):
            index.insert(row, one)
            kept.append(row)
    os.makedirs(f"{out}/written")
    pq.write_table(table.take(pa.array(kept)), f"{out}/written/part.parquet", compression="zstd")
