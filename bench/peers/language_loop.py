"""The loop of every peer of `bench language`; standard library alone, so that it runs in any peer's environment.

`SCRIPT TEXTS MODEL`: TEXTS holds a JSON string a line. It says, as JSON, the CPU-seconds of all of them, texts read and a few run
before the clock, and the label and score of each.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

WARM = 20


def main(start: Callable[[str], Callable[[str], tuple[str, float]]]) -> None:
    """Run `start(MODEL)` on each text."""
    path, model = sys.argv[-2:]
    with open(path, encoding="utf-8") as f:
        texts: list[Any] = [json.loads(line) for line in f]
    identify = start(model)
    for text in texts[:WARM]:
        identify(text)
    started = time.process_time()
    found = [identify(text) for text in texts]
    print(json.dumps({"cpu_seconds": time.process_time() - started, "found": found}))
