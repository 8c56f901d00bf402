"""The loop of every cleaner of `bench source_arxiv`; standard library alone, so that it runs in any peer's environment.

Papers are JSON lines `{"id", "tex"}`. `texts` answers what a cleaner makes of each; `time` says what each cost, in CPU-seconds over all
repeats. A paper that takes longer than PAPER_CPU_SECONDS, or raises, has failed and is not tried again.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

PAPER_CPU_SECONDS = 10


class _TooLongError(BaseException):
    pass


def _stop(*_: Any) -> None:
    raise _TooLongError


def main(clean: Callable[[str], str]) -> None:
    """`SCRIPT texts PAPERS` or `SCRIPT time PAPERS REPEATS`."""
    verb, path, *repeats = sys.argv[-3:] if "time" in sys.argv else sys.argv[-2:]
    logging.disable(logging.CRITICAL)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    signal.signal(signal.SIGVTALRM, _stop)
    with open(path, encoding="utf-8") as file:
        papers = [json.loads(line) for line in file]
    texts, seconds, failed = {}, {p["id"]: 0.0 for p in papers}, {}
    clean(papers[0]["tex"])
    for _ in range(int(repeats[0]) if repeats else 1):
        for paper in papers:
            if paper["id"] in failed:
                continue
            started = time.process_time()
            signal.setitimer(signal.ITIMER_VIRTUAL, PAPER_CPU_SECONDS)
            try:
                texts[paper["id"]] = clean(paper["tex"])
            except (Exception, _TooLongError) as e:  # noqa: BLE001 - whatever a peer raises is its failure on this paper
                failed[paper["id"]] = f"{type(e).__name__}: {e}"[:200]
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            seconds[paper["id"]] += time.process_time() - started
    print(json.dumps({"seconds": seconds, "failed": failed, "texts": texts if verb == "texts" else {}}), file=answers, flush=True)
