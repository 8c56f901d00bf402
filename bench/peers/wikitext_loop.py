"""The loop of every cleaner of `bench source_wikipedia`; standard library alone, so that it runs in any peer's environment.

Pages are JSON lines `{"title", "wikitext"}`. `time FILE` cleans them all, 64 at a time, and says what that cost, reading apart; `text
FILE` writes what they become, a JSON string a line.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence

BATCH_PAGES = 64
Page = tuple[str, str]
"""Title, wikitext."""


def main(clean: Callable[[Sequence[Page]], list[str]]) -> None:
    """`SCRIPT time FILE` or `SCRIPT text FILE`.

    Args:
        clean: texts of some pages.
    """
    verb, path = sys.argv[-2:]
    pages = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            row = json.loads(line)
            pages.append((row["title"], row["wikitext"]))
    if verb == "text":
        for page in pages:
            sys.stdout.write(json.dumps(clean([page])[0]) + "\n")
        return
    clean(pages[:4])
    started = time.process_time()
    size = sum(len("".join(clean(pages[k : k + BATCH_PAGES]))) for k in range(0, len(pages), BATCH_PAGES))
    told = {"cpu_seconds": time.process_time() - started, "pages": len(pages), "characters": size}
    told |= {"bytes": sum(len(text.encode()) for _, text in pages), "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10}
    sys.stdout.write(json.dumps(told))
