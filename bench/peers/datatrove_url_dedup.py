"""One document a URL (as written, the first of them) with datatrove, in its three steps: `datatrove_url_dedup.py IN OUT`."""

import sys

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import ExactDedupConfig, ExactDedupFilter, ExactDedupSignature, ExactFindDedups
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter


def url(document: Document) -> bytes:
    """What is compared."""
    return document.metadata["url"].encode()


if __name__ == "__main__":
    source, out = sys.argv[1:3]
    config = ExactDedupConfig(content_getter=url)
    steps = [
        [ParquetReader(source, glob_pattern="part-*.parquet"), ExactDedupSignature(f"{out}/signatures", config)],
        [ExactFindDedups(f"{out}/signatures", f"{out}/duplicates", config)],
        [
            ParquetReader(source, glob_pattern="part-*.parquet"), ExactDedupFilter(f"{out}/duplicates", config),
            ParquetWriter(f"{out}/written", compression="zstd"),
        ],
    ]  # fmt: skip
    for number, pipeline in enumerate(steps):
        LocalPipelineExecutor(pipeline=pipeline, tasks=1, workers=1, logging_dir=f"{out}/logs-{number}").run()
