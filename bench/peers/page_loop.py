"""The loop of every extractor of `bench extract`; standard library alone, so that it runs in any peer's environment.

Pages are JSON lines `{"id", "url", "html"}` (bytes in base64). `serve` says "ready", then answers one JSON line a page, at
once, so that whoever reads them sees which page ended the process, and allows a page 20 CPU-seconds; `time` goes through
all pages as often as told and says what that cost.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

Page = tuple[str, "str | None", bytes]
"""id, URL, bytes."""
PAGE_CPU_SECONDS = 20
"""The kernel ends the process (SIGXCPU) that spends more on one page."""
WARM = 5
"""Pages at the head of a file that are run before the clock and not answered: they load what is loaded on first use."""


def pages(path: str, first: int, last: int | None = None) -> Iterator[Page]:
    """The pages of lines `first` to `last - 1` of a file."""
    with open(path, encoding="utf-8") as f:
        for line in islice(f, first, last):
            row = json.loads(line)
            yield row["id"], row["url"], base64.b64decode(row["html"])


def cpu_seconds() -> float:
    """CPU-seconds of this process; `time.process_time` falls to ticks of 4 ms where the kernel watches a limit."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(extract: Callable[[Page], str], batch: Callable[[Sequence[Page]], Any] | None = None, batch_pages: int = 1) -> None:
    """`SCRIPT serve PAGES FIRST` or `SCRIPT time PAGES REPEATS`.

    Args:
        extract: text of one page. batch: the same on many at once, where the tool works that way.
        batch_pages: how many that is.
    """
    verb, path, number = sys.argv[-3:]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    warm = list(pages(path, 0, WARM))
    if verb == "serve":
        _serve(extract, path, int(number), warm, answers)
    else:
        many = batch or (lambda few: [extract(page) for page in few])
        many(warm)
        print(json.dumps(_time(many, batch_pages, list(pages(path, WARM)), int(number))), file=answers, flush=True)


def _serve(extract: Callable[[Page], str], path: str, first: int, warm: list[Page], answers: IO[str]) -> None:
    for page in warm:
        extract(page)
    print("ready", file=answers, flush=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    for page in pages(path, WARM + first):
        started = cpu_seconds()
        resource.setrlimit(resource.RLIMIT_CPU, (int(started) + PAGE_CPU_SECONDS + 1, hard))
        answer: dict[str, Any] = {"id": page[0]}
        try:
            answer["text"] = extract(page)
        except Exception as e:  # noqa: BLE001 - whatever a peer raises is its failure on this page
            answer |= {"text": "", "error": f"{type(e).__name__}: {e}"[:300]}
        answer["seconds"] = cpu_seconds() - started
        print(json.dumps(answer), file=answers, flush=True)


def _time(many: Callable[[Sequence[Page]], Any], size: int, loaded: list[Page], repeats: int) -> dict[str, Any]:
    """Pages and their bytes, CPU-seconds, peak memory after each tenth of the work."""
    peaks: list[int] = []
    started = cpu_seconds()
    total = len(loaded) * repeats
    done = 0
    for _ in range(repeats):
        for at in range(0, len(loaded), size):
            few = loaded[at : at + size]
            many(few)
            done += len(few)
            while done * 10 >= total * (len(peaks) + 1):
                peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10)
    seconds = cpu_seconds() - started
    return {"pages": total, "bytes": repeats * sum(len(page[2]) for page in loaded), "cpu_seconds": seconds, "peak_bytes": peaks}
