"""dolma's Gopher and C4 taggers on JSON lines {text}: `dolma_filters.py HOW IN OUT`; HOW is not used.

Writes one line: {"seconds": {tagger: CPU-seconds}, "documents": how many}, the first document left out.
"""

import json
import sys
import time
from pathlib import Path

import nltk

if __name__ == "__main__":
    source, out = sys.argv[2:]
    # On import it downloads NLTK data, unless folders of their names are there: these taggers use none.
    for name in ("tokenizers/punkt", "tokenizers/punkt_tab"):
        (Path(out).parent / name).mkdir(parents=True)
    nltk.data.path.insert(0, str(Path(out).parent))
    from dolma.core.data_types import Document
    from dolma.taggers.c4 import FasterC4Tagger
    from dolma.taggers.gopher import GopherTaggerV2

    taggers = {"gopher_v2": GopherTaggerV2(), "c4_v2": FasterC4Tagger()}
    with open(source, encoding="utf-8") as lines:
        documents = [Document(source="", id="0", text=json.loads(line)["text"]) for line in lines]
    seconds = dict.fromkeys(taggers, 0.0)
    for number, document in enumerate(documents):
        for name, tagger in taggers.items():
            started = time.process_time()
            tagger.predict(document)
            seconds[name] += time.process_time() - started if number else 0.0
    with open(out, "w", encoding="utf-8") as file:
        file.write(json.dumps({"seconds": seconds, "documents": len(documents) - 1}) + "\n")
