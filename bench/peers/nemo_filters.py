"""NeMo Curator's English heuristic filters, those of the pipeline it ships, on JSON lines {text}: `nemo_filters.py HOW IN OUT`.

HOW is not used. Called in this process: every filter scores every document, as ours do. Writes one line:
{"seconds": {filter: CPU-seconds}, "documents": how many}, the first document left out.
"""

import importlib
import json
import sys
import time
from pathlib import Path

import nemo_curator
import yaml

if __name__ == "__main__":
    source, out = sys.argv[2:]
    config = Path(nemo_curator.__file__).parent / "config" / "text" / "heuristic_filter_english_pipeline.yaml"
    filters = []
    for stage in yaml.safe_load(config.read_text(encoding="utf-8"))["stages"]:
        if arguments := stage.get("filter_obj"):
            module, _, name = arguments.pop("_target_").rpartition(".")
            filters.append((f"{len(filters)} {name}", getattr(importlib.import_module(module), name)(**arguments)))
    assert len(filters) == 28, f"{len(filters)} filters in {config}"
    with open(source, encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    seconds = {name: 0.0 for name, _ in filters}
    for number, text in enumerate(texts):
        for name, one in filters:
            started = time.process_time()
            one.keep_document(one.score_document(text))
            seconds[name] += time.process_time() - started if number else 0.0
    with open(out, "w", encoding="utf-8") as file:
        file.write(json.dumps({"seconds": seconds, "documents": len(texts) - 1}) + "\n")
