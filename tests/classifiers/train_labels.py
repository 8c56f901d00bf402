"""Label sets made up for tests of training."""

import json

import numpy as np


def rows(count=600, seed=0, numbers=False, share=0.2, domains=60):
    """Texts some words of which say how good they are; their domains do not."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        grade = int(rng.integers(0, 6)) if numbers else 5 * int(rng.integers(0, 2))
        words = [f"w{k}" for k in rng.integers(0, 200, rng.integers(15, 60))]
        for k in np.flatnonzero(rng.random(len(words)) < share):
            words[k] = f"{'good' if rng.random() < 0.1 + 0.16 * grade else 'bad'}{rng.integers(0, 12)}"
        label = float(grade) if numbers else ("good" if grade else "bad")
        url = f"http://site{rng.integers(0, domains)}.example/{i}"
        found.append({"id": f"d{i}", "text": " ".join(words), "label": label, "url": url, "lang": "de" if i % 3 else "en"})
    return found


def write(path, found):
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return path
