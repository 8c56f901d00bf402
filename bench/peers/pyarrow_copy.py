"""The floor: row groups read and written with bare pyarrow, zstd level 1: `pyarrow_copy.py IN OUT`."""

import glob
import os
import sys

import pyarrow.parquet as pq

if __name__ == "__main__":
    source, out = sys.argv[1:3]
    os.makedirs(f"{out}/written")
    for path in sorted(glob.glob(f"{source}/part-*.parquet")):
        with pq.ParquetFile(path) as file:
            target = f"{out}/written/{os.path.basename(path)}"
            with pq.ParquetWriter(target, file.schema_arrow, compression="zstd", compression_level=1) as writer:
                for i in range(file.metadata.num_row_groups):
                    writer.write_table(file.read_row_group(i, use_threads=False))
