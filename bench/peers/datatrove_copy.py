"""Parquet in, nothing done, Parquet out with datatrove: `datatrove_copy.py IN OUT`; one task, no workers."""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter

if __name__ == "__main__":
    source, out = sys.argv[1:3]
    LocalPipelineExecutor(
        pipeline=[ParquetReader(source, glob_pattern="part-*.parquet"), ParquetWriter(f"{out}/written", compression="zstd")],
        tasks=1, workers=1, logging_dir=f"{out}/logs",
    ).run()  # fmt: skip
