"""dolma's Bloom filter over lines: `dolma_lines.py HOW IN OUT LINES`; IN/documents holds JSON lines, gzipped.

HOW is `mark` (the spans of lines seen before, as attributes) or `cut` (then its mixer takes them out, to OUT/written). LINES: what
the filter is made for, at one false positive in 100,000. One process.
"""

import os
import sys
from pathlib import Path

import nltk

if __name__ == "__main__":
    how, source, out, lines = sys.argv[1:]
    # On import it downloads NLTK data, unless folders of their names are there: line dedup uses none.
    for name in ("tokenizers/punkt", "tokenizers/punkt_tab"):
        (Path(out) / name).mkdir(parents=True)
    nltk.data.path.insert(0, out)
    import dolma

    # Attributes go beside the documents: a link to these keeps the input clean.
    documents = Path(out) / "in" / "documents"
    documents.mkdir(parents=True)
    for file in (Path(source) / "documents").iterdir():
        os.link(file, documents / file.name)
    work = {"input": f"{out}/work/in", "output": f"{out}/work/out"}
    plain = {"input": None, "output": None}
    dolma.deduper({
        "documents": [f"{documents}/*.gz"], "work_dir": work, "processes": 1, "compression": plain, "is_s3_volume": False,
        "dedupe": {
            "name": "lines", "paragraphs": {"attribute_name": "seen", "paragraph_separator": "\n"}, "skip_empty": True, "min_length": 0,
            "min_words": 0, "num_partitions": 1, "partition_index": 0, "file_partition": False, "document_dir": "documents",
        },
        "bloom_filter": {
            "file": f"{out}/filter", "read_only": False, "size_in_bytes": 0, "estimated_doc_count": int(lines),
            "desired_false_positive_rate": 1e-5,
        },
    })  # fmt: skip
    if how == "cut":
        dolma.mixer({
            "work_dir": work, "processes": 1, "shuffle": False,
            "streams": [{
                "name": "cut", "documents": [f"{documents}/*.gz"], "attributes": ["lines"], "compression": plain,
                "output": {"path": f"{out}/written", "max_size_in_bytes": 1 << 31},
                "span_replacement": [{"span": "$.attributes.seen", "min_score": 0.5, "replacement": "", "syntax": "jsonpath"}],
            }],
        })  # fmt: skip
