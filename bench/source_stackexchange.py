"""Posts of Stack Exchange dumps read and made text, beside plain lxml (iterparse, then lxml.html's text_content), on 30 MB of real posts.

The posts are test data that is not part of the project: a folder with SITE/Posts.xml.gz, whose rows are repeated until the file has its
size. The peer's text has neither lists nor paragraphs nor formulas of their own; which text is better is judged by the cases of
tests/stages/test_post_text.py. Both sides do one post after another in one process and write nothing. Memory is that of a dump of 1 GB,
plain and in a 7z archive.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measure import (
    ROOT,
    STARTUP_DOCUMENTS,
    CommandFailedError,
    Contender,
    compare,
    peak_mb,
    peer_script,
    peer_version,
    run,
    scratch,
    versions,
)

OPTIONS = {"dumps": "folder with SITE/Posts.xml.gz (default ../shared/data/stackexchange beside the repository)"}
BYTES = 30_000_000
DUMP_BYTES = 1_000_000_000
WANTED = 2.0


def measure(scale: float, pairs: int, only: list[str], dumps: str | None = None) -> dict[str, Any]:
    """Run the parts: speed (source and `post_text` against lxml), memory (only where it is named)."""
    folder = Path(dumps or ROOT.parent / "shared" / "data" / "stackexchange")
    files = sorted(folder.glob("*/Posts.xml.gz"))
    if not files:
        return {"name": "source_stackexchange", "skipped": f"{folder} has no SITE/Posts.xml.gz"}
    rows = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines() if line.lstrip().startswith(b"<row ")]
    report: dict[str, Any] = {"name": "source_stackexchange", "sites": [file.parent.name for file in files], "targets": {}}
    with scratch() as here:
        if not only or "speed" in only:
            report["speed"], judged = speed(here, rows, int(BYTES * scale), pairs)
            report["targets"] |= judged
        if "memory" in only:
            report["memory"], judged = memory(here, rows, int(DUMP_BYTES * scale))
            report["targets"] |= judged
    told = {**versions("numba", "pyarrow", "selectolax", "py7zr"), "lxml": peer_version("lxml", "lxml")}
    return report | {"parts": {part: report[part] for part in ("speed", "memory") if part in report}, "versions": told}


def speed(here: Path, rows: list[bytes], size: int, pairs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both sides in turn on the same file."""
    mine, peer = [*_OURS, "read"], peer_script("lxml", "lxml_posts")
    small, whole = here / "small.xml", here / "whole.xml"
    _write(small, rows[:STARTUP_DOCUMENTS], 0)
    _write(whole, rows, size)
    (posts, ours), (others, theirs) = (run([*command, str(whole)])[1].split() for command in (mine, peer))
    if posts != others:
        raise CommandFailedError(f"lxml has {others} posts, we {posts}")
    results = compare({
        "curate": Contender([*mine, str(whole)], [*mine, str(small)]), "lxml": Contender([*peer, str(whole)], [*peer, str(small)]),
    }, pairs)  # fmt: skip
    size = whole.stat().st_size
    seconds = {name: result.cpu_seconds for name, result in results.items()}
    ratio = seconds["lxml"] / seconds["curate"]
    return {
        "bytes": size, "posts": int(posts), "characters": {"curate": int(ours), "lxml": int(theirs)},
        "cpu_seconds": {name: round(s, 3) for name, s in seconds.items()},
        "mb_per_cpu_second": {name: round(size / s / 1e6, 1) for name, s in seconds.items()},
    }, {"speed / lxml's": (ratio, f">= {WANTED}", ratio >= WANTED)}  # fmt: skip


def memory(here: Path, rows: list[bytes], size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A dump read by one process, plain and packed: peak memory after a tenth of it and after all."""
    import py7zr

    plain, packed = here / "posts.xml", here / "posts.7z"
    _write(plain, rows, size)
    with py7zr.SevenZipFile(packed, "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": 1}]) as archive:
        archive.write(plain, "Posts.xml")
    figures, judged = {}, {}
    for file in (plain, packed):
        told = figures[file.name] = json.loads(run([*_OURS, "memory", str(file), str(size // 10)])[1])
        growth = told["peak_mb"] / told["peak_mb_after_a_tenth"]
        judged[f"peak memory after {size:,} bytes, {file.suffix} / after a tenth"] = (growth, "flat (<= 1.1)", growth <= 1.1)
    return figures, judged


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


def _texts(path: str) -> Iterator[tuple[Any, int]]:
    """(texts, the last one's byte in the dump) of posts, as the source and post_text have them, a table at a time."""
    from stages.sources import stackexchange as source
    from stages.stackexchange import post_text as text

    source.warm_up()
    text.warm_up()  # loads the kernels: start-up, as in a run
    params = source.stackexchange.params(paths=path, site="a.stackexchange.com")
    for table in source.stackexchange.read(path, Path(path).name, "", params):
        kept = table.filter(table["drop_reason"].is_null())
        yield text.post_text(kept)["text"], table["record_offset"][-1].as_py()


def _read(path: str) -> str:
    """Posts of a dump, and characters of their texts."""
    import pyarrow.compute as pc

    posts = size = 0
    for texts, _ in _texts(path):
        posts += len(texts)
        size += pc.sum(pc.utf8_length(texts)).as_py()
    return f"{posts} {size}"


def _memory(path: str, tenth: str) -> str:
    """Peak memory after a tenth of a dump's bytes, and after all."""
    early, posts = None, 0
    for texts, at in _texts(path):
        posts += len(texts)
        early = early or (peak_mb() if at >= int(tenth) else None)
    return json.dumps({"posts": posts, "peak_mb_after_a_tenth": early, "peak_mb": peak_mb()})


_OURS = [sys.executable, "-m", "bench.source_stackexchange"]

if __name__ == "__main__":
    print({"read": _read, "memory": _memory}[sys.argv[1]](*sys.argv[2:]))
