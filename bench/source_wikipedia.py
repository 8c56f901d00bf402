"""Wikitext to text beside mwparserfromhell and wikiextractor: listed cases, speed; memory of reading and cleaning a dump of 1 GB.

Articles are those of shared/data/wiki beside the project (English but for some), over and over until they are 30 MB of wikitext;
redirects and pages that are no articles or disambiguate are left out, so that every side cleans the same. Ours is the stage
`clean_wikitext`, called in process.
"""

from __future__ import annotations

import bz2
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import ROOT, peak_mb, peer_sides, run, scratch, versions

DATA = ROOT.parent / "shared" / "data" / "wiki"
PEERS = ("mwparserfromhell", "wikiextractor")
BYTES = 30_000_000
DUMP_BYTES = 1_000_000_000
WANTED = 2


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: cases, speed, memory (the last only where it is named)."""
    if not DATA.is_dir():
        return {"name": "source_wikipedia", "skipped": f"no pages in {DATA}"}
    theirs, told, missing = peer_sides({peer: peer for peer in PEERS}, "clean")
    sides = {"ours": [sys.executable, "-m", "bench.source_wikipedia", "ours"], **theirs}
    figures: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    with scratch() as here:
        if not only or "cases" in only:
            figures["grids"], judged = cases(here, sides)
            targets |= judged
        if not only or "speed" in only:
            rates, judged = speed(here, sides, round(BYTES * scale), pairs)
            figures |= rates
            targets |= judged
        if "memory" in only:
            figures["memory"], judged = memory(here, round(DUMP_BYTES * scale))
            targets |= judged
    return {
        "name": "source_wikipedia", "parts": {"cases": figures}, **figures, "missing": missing, "targets": targets,
        "versions": {**versions("pyarrow"), **told},
    }  # fmt: skip


def cases(here: Path, sides: dict[str, list[str]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The listed cases: whether each side has what any good text has, and lacks what it should lack."""
    listed = _python("listed")
    file = here / "cases.jsonl"
    file.write_text("".join(json.dumps({"title": c["name"], "wikitext": c["wikitext"]}) + "\n" for c in listed), encoding="utf-8")
    right: dict[str, list[bool]] = {}
    for side, command in sides.items():
        texts = [json.loads(line) for line in run([*command, "text", str(file)])[1].splitlines()]
        right[side] = [
            all(s in text for s in case["has"]) and not any(s in text for s in case["lacks"])
            for case, text in zip(listed, texts, strict=True)
        ]  # fmt: skip
    rows = [[case["name"], *("right" if right[side][k] else "wrong" for side in sides)] for k, case in enumerate(listed)]
    rows.append(["right of all", *(sum(right[side]) for side in sides)])
    best = max((sum(r) for side, r in right.items() if side != "ours"), default=0)
    ours = sum(right["ours"])
    grid = {"title": "listed cases (tests/stages/wikitext_cases.py)", "columns": ["case", *sides], "rows": rows}
    return [grid], {"cases right, ours / best peer": (f"{ours} / {best} of {len(listed)}", ">= best peer", ours >= best)}


def speed(here: Path, sides: dict[str, list[str]], size: int, pairs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """All sides in turn on the same articles, one process each."""
    file = here / "pages.jsonl"
    _python("articles", str(size), str(file))
    rounds: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for _ in range(pairs):
        for side, command in sides.items():
            rounds[side].append(json.loads(run([*command, "time", str(file)])[1]))
    rates = {}
    for side, results in rounds.items():
        seconds = [r["cpu_seconds"] for r in results]
        rates[side] = {
            "documents_per_cpu_second": round(results[0]["pages"] / median(seconds), 1),
            "mb_per_cpu_second": round(results[0]["bytes"] / median(seconds) / 1e6, 2), "cpu_seconds": round(median(seconds), 3),
            "peak_mb": round(max(r["peak_bytes"] for r in results) / 1e6, 1), "characters": results[0]["characters"], "runs": pairs,
            "spread": round((max(seconds) - min(seconds)) / median(seconds), 3),
        }  # fmt: skip
    ours = rates.pop("ours")
    ratios = {side: round(ours["mb_per_cpu_second"] / rate["mb_per_cpu_second"], 2) for side, rate in rates.items()}
    one = rounds["ours"][0]
    corpus = {"documents": one["pages"], "mean_bytes": round(one["bytes"] / one["pages"])}
    return {"corpus": corpus, "ours": ours, "peers": rates, "ratios": ratios}, {
        f"speed / {side}": (ratio, f">= {WANTED}", ratio >= WANTED) for side, ratio in ratios.items()
    }


def memory(here: Path, size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A multistream dump read and cleaned by one process: peak memory by tenths of it."""
    file = here / "enwiki-bench.xml.bz2"
    told = _python("dump", str(size), str(file))
    figures = {**told, **_python("read", str(file), str(told["pages"] // 10))}
    growth = round(figures["peak_mb"] / figures["peak_mb_by_tenths"][0], 3)
    return figures, {f"peak memory after {size:,} bytes of XML / after a tenth": (growth, "flat (<= 1.1)", growth <= 1.1)}


# What needs the project's modules, in processes of its own (see bench.measure on memory)


def _python(verb: str, *arguments: str) -> Any:
    return json.loads(run([sys.executable, "-m", "bench.source_wikipedia", verb, *arguments])[1])


def _listed() -> Any:
    from tests.stages.wikitext_cases import CASES

    return [case._asdict() for case in CASES]


def _articles(size: str, path: str) -> Any:
    """Write articles as JSON lines until their wikitext has so many bytes."""
    from stages.wikipedia.clean_wikitext import clean

    articles = [
        {"title": row["title"], "wikitext": row["content"].decode()}
        for row in _rows() if row["namespace"] == 0 and row["redirect"] is None and clean(row["content"])["drop_reason"] is None
    ]  # fmt: skip
    written = k = 0
    with open(path, "w", encoding="utf-8") as out:
        while written < int(size):
            out.write(json.dumps(articles[k % len(articles)]) + "\n")
            written += len(articles[k % len(articles)]["wikitext"].encode())
            k += 1
    return {"bytes": written}


def _rows() -> Any:
    """The pages of the dumps in UTF-8, in order."""
    from stages.sources.wikipedia import wikipedia

    for path in sorted(DATA.glob("**/*.xml*")):
        if "utf16" not in path.name:
            for table in wikipedia.read(str(path), path.name, "", wikipedia.params(paths=str(path))):
                yield from table.to_pylist()


def _dump(size: str, path: str) -> Any:
    """Write a multistream dump of so many bytes of XML: the English pages over and over, some 100 a stream."""
    from xml.sax.saxutils import escape

    streams = []
    rows = [row for row in _rows() if row["declared_lang"] == "en"]
    for k in range(0, len(rows), 100):
        pages = "".join(
            f"<page><title>{escape(row['title'])}</title><ns>{row['namespace']}</ns><id>{row['page_id']}</id><revision><timestamp>"
            f"{row['date']:%Y-%m-%dT%H:%M:%SZ}</timestamp><text>{escape(row['content'].decode())}</text></revision></page>\n"
            for row in rows[k : k + 100]
        ).encode()
        streams.append((len(pages), len(rows[k : k + 100]), bz2.compress(pages)))
    written = pages_written = k = 0
    with open(path, "wb") as out:
        out.write(bz2.compress(b'<mediawiki xml:lang="en">'))
        while written < int(size):
            xml, number, packed = streams[k % len(streams)]
            out.write(packed)
            written, pages_written, k = written + xml, pages_written + number, k + 1
        out.write(bz2.compress(b"</mediawiki>"))
    return {"xml_bytes": written, "pages": pages_written}


def _read(path: str, tenth: str) -> Any:
    """Read and clean a dump."""
    import time

    from stages.sources.wikipedia import wikipedia
    from stages.wikipedia.clean_wikitext import clean_wikitext

    started, done, peaks = time.process_time(), 0, []
    for table in wikipedia.read(path, "dump", "", wikipedia.params(paths=path)):
        clean_wikitext(table)
        done += len(table)
        while len(peaks) < done // int(tenth):
            peaks.append(peak_mb())
    return {"read_pages": done, "cpu_seconds": round(time.process_time() - started, 1), "peak_mb_by_tenths": peaks, "peak_mb": peak_mb()}


def _ours() -> None:
    """The stage in wikitext_loop."""
    import pyarrow as pa

    from bench.peers.wikitext_loop import main
    from stages.wikipedia.clean_wikitext import clean_wikitext

    def clean(pages: Any) -> list[str]:
        n = len(pages)
        table = pa.table({
            "content": pa.array([text.encode() for _, text in pages], pa.large_binary()), "namespace": pa.array([0] * n, pa.int32()),
            "redirect": pa.nulls(n, pa.string()), "content_model": pa.array(["wikitext"] * n, pa.string()),
        })  # fmt: skip
        texts: list[str] = clean_wikitext(table)["text"].to_pylist()
        return texts

    main(clean)


_VERBS: dict[str, Callable[..., Any]] = {"listed": _listed, "articles": _articles, "dump": _dump, "read": _read}
if __name__ == "__main__":
    if sys.argv[1] == "ours":
        _ours()
    else:
        print(json.dumps(_VERBS[sys.argv[1]](*sys.argv[2:])))
