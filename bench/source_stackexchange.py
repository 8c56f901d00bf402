"""Posts of Stack Exchange dumps read and made text, beside plain lxml (iterparse, then lxml.html's text_content), on 30 MB of real posts.

The posts are test data that is not part of the project: a folder with SITE/Posts.xml.gz, whose rows are repeated until the file has its
size. The peer's text has neither lists nor paragraphs nor formulas of their own; which text is better is judged by the cases of
tests/stages/test_post_text.py. Both sides do one post after another in one process and write nothing.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

from bench.measure import ROOT, STARTUP_DOCUMENTS, CommandFailedError, Contender, compare, peer_script, peer_version, run, scratch, versions

OPTIONS = {"dumps": "folder with SITE/Posts.xml.gz (default ../shared/data/stackexchange beside the repository)"}
BYTES = 30_000_000
WANTED = 2.0


def measure(scale: float, pairs: int, only: list[str], dumps: str | None = None) -> dict[str, Any]:
    """One part: `source` and `post_text` against lxml; and the memory of a file four times as large."""
    folder = Path(dumps or ROOT.parent / "shared" / "data" / "stackexchange")
    files = sorted(folder.glob("*/Posts.xml.gz"))
    if not files:
        return {"name": "source_stackexchange", "skipped": f"{folder} has no SITE/Posts.xml.gz"}
    rows = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines() if line.lstrip().startswith(b"<row ")]
    mine, peer = [sys.executable, "-m", "bench.source_stackexchange"], peer_script("lxml", "lxml_posts")
    with scratch() as here:
        small, quarter, whole = here / "small.xml", here / "quarter.xml", here / "whole.xml"
        _write(small, rows[:STARTUP_DOCUMENTS], 0)
        _write(quarter, rows, int(BYTES * scale / 4))
        _write(whole, rows, int(BYTES * scale))
        (posts, ours), (others, theirs) = (run([*command, str(whole)])[1].split() for command in (mine, peer))
        if posts != others:
            raise CommandFailedError(f"lxml has {others} posts, we {posts}")
        results = compare({
            "curate": Contender([*mine, str(whole)], [*mine, str(small)]), "lxml": Contender([*peer, str(whole)], [*peer, str(small)]),
        }, pairs)  # fmt: skip
        less = max(run([*mine, str(quarter)])[0].peak_bytes for _ in range(pairs))
        size = whole.stat().st_size
    seconds = {name: result.cpu_seconds for name, result in results.items()}
    ratio, growth = seconds["lxml"] / seconds["curate"], results["curate"].peak_bytes / less
    return {
        "name": "source_stackexchange",
        "corpus": {
            "sites": [file.parent.name for file in files], "bytes": size, "posts": int(posts),
            "characters": {"curate": int(ours), "lxml": int(theirs)},
        },
        "cpu_seconds": {name: round(s, 3) for name, s in seconds.items()},
        "mb_per_cpu_second": {name: round(size / s / 1e6, 1) for name, s in seconds.items()},
        "targets": {
            "speed / lxml's": (ratio, f">= {WANTED}", ratio >= WANTED),
            "peak memory, whole file / a quarter of it": (growth, "flat (<= 1.1)", growth <= 1.1),
        },
        "versions": {**versions("numba", "pyarrow", "selectolax"), "lxml": peer_version("lxml", "lxml")},
    }  # fmt: skip


def _write(path: Path, rows: list[bytes], size: int) -> None:
    """A dump of all rows, repeated until it has `size` bytes."""
    with path.open("wb") as file:
        file.write(b'<?xml version="1.0" encoding="utf-8"?>\n<posts>\n')
        while True:
            for row in rows:
                file.write(row + b"\n")
            if file.tell() >= size:
                break
        file.write(b"</posts>\n")


def _read(path: str) -> tuple[int, int]:
    """Posts of a dump, and characters of their texts, as the source and post_text have them."""
    import pyarrow.compute as pc

    from stages.sources import stackexchange as source
    from stages.stackexchange import post_text as text

    source.warm_up()
    text.warm_up()  # loads the kernels: start-up, as in a run
    stackexchange, post_text = source.stackexchange, text.post_text
    posts = size = 0
    params = stackexchange.params(paths=path, site="a.stackexchange.com")
    for table in stackexchange.read(path, Path(path).name, "", params):
        kept = table.filter(table["drop_reason"].is_null())
        texts = post_text(kept)["text"]
        posts += len(texts)
        size += pc.sum(pc.utf8_length(texts)).as_py()
    return posts, size


if __name__ == "__main__":
    print(*_read(sys.argv[1]))
