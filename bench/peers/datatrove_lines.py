"""datatrove's sentence dedup: `datatrove_lines.py HOW IN OUT LINES`; LINES is not used; one task, no workers.

HOW is `cut`: lines, one a span; or `spans`: three of its sentences (spaCy's, of English), its default of C4. Its default form (lower
case, digits, punctuation, accents, white space), no bound on what is left.
"""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup.sentence_dedup import SentDedupConfig, SentenceDedupFilter, SentenceDedupSignature, SentenceFindDedups
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter

if __name__ == "__main__":
    how, source, out = sys.argv[1:4]
    spans = how == "spans"
    config = SentDedupConfig(
        n_sentences=3 if spans else 1, split_sentences=spans, only_dedup_in_index=False, min_doc_words=0, min_num_sentences=0
    )

    def reader():
        return ParquetReader(f"{source}/parquet", glob_pattern="part-*.parquet")

    steps = {
        "signatures": [reader(), SentenceDedupSignature(f"{out}/signatures", config=config)],
        "found": [SentenceFindDedups(f"{out}/signatures", f"{out}/found", config=config)],
        "cut": [reader(), SentenceDedupFilter(f"{out}/found", config=config), ParquetWriter(f"{out}/written", compression="zstd")],
    }
    for name, pipeline in steps.items():  # a folder of logs each, or the later ones count as done
        LocalPipelineExecutor(pipeline=pipeline, tasks=1, workers=1, logging_dir=f"{out}/logs-{name}").run()
