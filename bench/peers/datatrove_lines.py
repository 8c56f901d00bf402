"""datatrove's sentence dedup over lines: `datatrove_lines.py HOW IN OUT LINES`; HOW and LINES are not used; one task, no workers.

Its default form (lower case, digits, punctuation, accents, white space), one line a span, no bound on what is left.
"""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup.sentence_dedup import SentDedupConfig, SentenceDedupFilter, SentenceDedupSignature, SentenceFindDedups
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter

if __name__ == "__main__":
    source, out = sys.argv[2:4]
    config = SentDedupConfig(n_sentences=1, split_sentences=False, only_dedup_in_index=False, min_doc_words=0, min_num_sentences=0)

    def reader():
        return ParquetReader(f"{source}/parquet", glob_pattern="part-*.parquet")

    steps = {
        "signatures": [reader(), SentenceDedupSignature(f"{out}/signatures", config=config)],
        "found": [SentenceFindDedups(f"{out}/signatures", f"{out}/found", config=config)],
        "cut": [reader(), SentenceDedupFilter(f"{out}/found", config=config), ParquetWriter(f"{out}/written", compression="zstd")],
    }
    for name, pipeline in steps.items():  # a folder of logs each, or the later ones count as done
        LocalPipelineExecutor(pipeline=pipeline, tasks=1, workers=1, logging_dir=f"{out}/logs-{name}").run()
