"""fastText's own trainer: fasttext_train TRAIN HELD OURS SETTINGS.

TRAIN has a document a line behind `__label__`, HELD is a list of [text, label], OURS a model of ours, SETTINGS a map of its parameters.
Run it with MALLOC_MMAP_THRESHOLD_=1, else its losses may be NaN. Prints {cpu_seconds, found, ours}: chances of each document's label.
"""

import json
import sys
import time

import fasttext


def chances(model, held):
    found = []
    for text, label in held:
        told = {name: chance for chance, name in model.f.predict(text + "\n", -1, 0.0, "strict")}
        found.append(told.get("__label__" + label, 0.0))
    return found


if __name__ == "__main__":
    train, held_file, ours, settings = sys.argv[1:]
    with open(held_file, encoding="utf-8") as f:
        held = json.load(f)
    started = time.process_time()
    model = fasttext.train_supervised(train, thread=1, verbose=0, minCount=1, **json.loads(settings))
    used = time.process_time() - started
    print(json.dumps({"cpu_seconds": used, "found": chances(model, held), "ours": chances(fasttext.load_model(ours), held)}))
