"""datatrove's quality filters on JSON lines {text, words, sentences}: `datatrove_filters.py HOW IN OUT`.

HOW is `given` (the words and the sentences of each line are those of the input) or `own` (its English splitters), with
`:NAME,NAME` for some filters only. Writes a JSON line a document: filter -> reason (null = kept), `error: ...` where it raises;
of the C4 filters [reason, CRC-32 of the text they leave]. Ends with what each filter cost: {"seconds", "documents", "version"}.
"""

import importlib
import json
import sys
import time
import zlib
from importlib.metadata import version

from datatrove.data import Document

FILTERS = {
    "gopher_repetition": ("gopher_repetition_filter", "GopherRepetitionFilter", {}),
    "gopher_quality": ("gopher_quality_filter", "GopherQualityFilter", {}),
    "fineweb_quality": ("fineweb_quality_filter", "FineWebQualityFilter", {"exclusion_writer": None}),
    "c4_quality": ("c4_filters", "C4QualityFilter", {}),
    "c4_quality_fineweb": ("c4_filters", "C4QualityFilter", {"filter_no_terminal_punct": False}),
}
GIVEN = {}


def filters(how, names):
    """The filters by name, with words and sentences as told."""
    made = {}
    for name in names or FILTERS:
        file, kind, arguments = FILTERS[name]
        module = importlib.import_module(f"datatrove.pipeline.filters.{file}")
        if how == "given":
            if hasattr(module, "split_into_words"):
                module.split_into_words = lambda *_: GIVEN["words"]
            if hasattr(module, "split_into_sentences"):
                module.split_into_sentences = lambda line, *_: [None] * GIVEN["sentences"][line]
        made[name] = getattr(module, kind)(**arguments)
    if how == "given" and version("datatrove").startswith("0.2"):
        import nltk

        nltk.word_tokenize = lambda text: GIVEN["words"]
    return made


def main():
    how, source, out = sys.argv[1:]
    how, _, names = how.partition(":")
    made = filters(how, names.split(",") if names else [])
    seconds = dict.fromkeys(made, 0.0)
    count = 0
    with open(source, encoding="utf-8") as lines, open(out, "w", encoding="utf-8") as answers:
        for line in lines:
            row = json.loads(line)
            GIVEN.clear()
            GIVEN.update(row)
            said = {}
            for name, one in made.items():
                document = Document(text=row["text"], id="0")
                started = time.process_time()
                try:
                    kept = one.filter(document)
                except Exception as e:  # noqa: BLE001 - whatever it raises is its answer
                    kept = False, f"error: {type(e).__name__}"
                seconds[name] += time.process_time() - started if count else 0.0  # the first one loads what is loaded on first use
                reason = kept[1] if isinstance(kept, tuple) else None if kept else "dropped"
                said[name] = [reason, zlib.crc32(document.text.encode())] if name.startswith("c4") else reason
            count += 1
            answers.write(json.dumps(said) + "\n")
        answers.write(json.dumps({"seconds": seconds, "documents": count - 1, "version": version("datatrove")}) + "\n")


if __name__ == "__main__":
    main()
