"""HTML to text beside the peers: quality by page type, formulas, code, speed; hostile pages; memory.

The pages and the scorer are test data that is not part of the project: a folder with `pages-*.jsonl.gz` and `score.py`,
which is run from there. Every extractor gets a page's bytes and its address, has a process of its own, and may spend 20
CPU-seconds on a page; one that needs more, raises or ends its process has an empty text there. Ours is the stage
`extract_html`, called in process.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import ROOT, THREADS, CommandFailedError, peer_sides, run, scratch, versions
from bench.peers.page_loop import WARM, Page, main

PEERS = {"trafilatura": "trafilatura", "resiliparse": "resiliparse", "magic_html": "magic-html", "rs_trafilatura": "rs-trafilatura"}
"""Peer -> the package whose version is told."""
DATA = ROOT.parent / "shared" / "data" / "extraction"
OPTIONS = {
    "data": "folder of the pages and of score.py (default: shared/data/extraction beside the project)",
    "models": "folder of the block models of classifiers.blocks --folds: a page is judged by the one fitted without its domain",
    "peers": "peers to run beside ours, comma-separated (default: all)",
    "keep": "folder that keeps each side's answers, one JSON line a page, as score.py reads them",
}
BATCH_PAGES = 64
"""Pages in a batch of our stage where speed and memory are measured."""
MEMORY_PAGES = 100_000
SLOWEST = 10
"""Hostile pages that are shown."""
TITLES = {
    "shD": "4-gram shingle F1, every page weighing the same (shD)", "wF1": "word F1, mean over pages (wF1)", "segF": "segments (segF)",
    "math": "formulas kept inside delimiters (math)", "code": "code blocks kept verbatim (code)", "d/s": "pages per CPU-second",
}  # fmt: skip
"""Column of score.py -> what it is. All but the last are shares, shown in percent."""
OVER_BEST = {"article": 0, "forum": 6, "documentation": 2, "service": 6, "listing": 6, "collection": 6, "product": 6}
"""Page types of wcxb-dev -> points of word and shingle F1 wanted over the best peer."""
MEAN, MEAN_OVER_BEST = "wcxb-dev, mean of types", 5


@dataclass(frozen=True)
class Setting:
    """What every part gets: a folder to work in, the data, command of each side, size, repeats, where answers are kept."""

    here: Path
    data: Path
    sides: dict[str, list[str]]
    scale: float
    pairs: int
    keep: Path | None


def measure(
    scale: float, pairs: int, only: list[str], data: str | None, models: str | None, peers: str | None, keep: str | None
) -> dict[str, Any]:
    """Run the parts: quality, adversarial, speed, memory (the last only where it is named)."""
    folder = Path(data).resolve() if data else DATA
    if not (folder / "score.py").is_file():
        return {"name": "extract", "skipped": f"no score.py in {folder}; name the folder with --data"}
    sides = {"ours": [sys.executable, "-m", "bench.extract", "ours", str(Path(models).resolve()) if models else "-"]}
    wanted = {peer: package for peer, package in PEERS.items() if peers is None or peer in peers.split(",")}
    theirs, told, missing = peer_sides(wanted, "extract")
    sides |= theirs
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    with scratch() as here:
        setting = Setting(here, folder, sides, scale, pairs, Path(keep).resolve() if keep else None)
        for name, part in PARTS.items():
            if name in (only or ["quality", "adversarial", "speed"]):
                parts[name], judged = part(setting)
                targets |= judged
    return {
        "name": "extract", **parts.get("speed", {}), "missing": missing, "parts": parts, "targets": targets,
        "versions": {**versions("numba", "numpy", "pyarrow"), **told},
    }  # fmt: skip


# The parts: each gives its figures and its targets


def quality(s: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    """All pages, scored by group: every subset, every page type of a subset."""
    file = pages(s)
    groups = {}
    for side, command in s.sides.items():
        answers = s.here / f"{side}.jsonl"
        serve(command, file, answers)
        if s.keep:
            s.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(answers, s.keep)
        scored = json.loads(run([sys.executable, str(s.data / "score.py"), "--pages", str(s.data), "--pred", str(answers), "--json"])[1])
        types = [scored[f"wcxb-dev/{t}"] for t in OVER_BEST]
        mean = {column: sum(t[column] for t in types) / len(types) for column in ("shD", "wF1", "segF")}
        groups[side] = {**scored, MEAN: {"pages": sum(t["pages"] for t in types), **mean}}
    figures = {
        "pages": groups["ours"]["ALL"]["pages"],
        "failed": {side: g["ALL"]["crash"] for side, g in groups.items()},
        "empty": {side: g["ALL"]["empty"] for side, g in groups.items()},
        "grids": [_grid(column, groups) for column in TITLES],
    }  # fmt: skip
    return figures, _goals(groups)


def _grid(column: str, groups: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One measure: a row a group, a column a side, then the best peer and our difference to it (for speeds the ratio)."""
    speed = column == "d/s"
    rows = []
    for group, ours in groups["ours"].items():
        if column not in ours or group.startswith("type:"):
            continue
        values = {side: g[group][column] * (1 if speed else 100) for side, g in groups.items() if column in g.get(group, {})}
        peers = {side: v for side, v in values.items() if side != "ours"}
        best = max(peers, key=lambda side: peers[side]) if peers else None
        difference = None if best is None else round(values["ours"] / peers[best], 2) if speed else round(values["ours"] - peers[best], 1)
        rows.append([group, ours["pages"], *(round(values[side], 1) if side in values else None for side in groups), best, difference])
    return {"title": TITLES[column], "columns": ["group", "pages", *groups, "best peer", "ratio" if speed else "difference"], "rows": rows}


def _goals(groups: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The targets of quality."""
    targets: dict[str, Any] = {}

    def judge(column: str, group: str, over: float | None = None, floor: float | None = None) -> None:
        """Ours is at least `over` points above the best peer, at least `floor` percent."""
        if column not in groups["ours"].get(group, {}):
            return
        ours = round(100 * groups["ours"][group][column], 1)
        best = max((round(100 * g[group][column], 1) for side, g in groups.items() if side != "ours"), default=None)
        wanted = floor if over is None else None if best is None else round(best + over, 1)
        if wanted is not None:
            targets[f"{column} {group}"] = (ours, f">= {wanted}" + (f", best peer {best}" if best is not None else ""), ours >= wanted)

    for column in ("wF1", "shD"):
        for kind, over in OVER_BEST.items():
            judge(column, f"wcxb-dev/{kind}", over)
        judge(column, MEAN, MEAN_OVER_BEST)
    judge("segF", "traf", 0)
    judge("segF", "wcxb-dev", 4)
    subsets = [group for group in groups["ours"] if "/" not in group and ":" not in group and group not in ("ALL", MEAN)]
    for group in subsets:
        judge("math", group, floor={"built-math": 95, "defuddle": 90}.get(group, 99))
        judge("code", group, floor={"wcxb-dev": 96}.get(group, 95))
    return targets


def adversarial(s: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    """Hostile pages one by one: CPU-seconds, what fails."""
    file = pages(s, "adversarial")
    seconds: dict[str, dict[str, float]] = {}
    failed = {}
    for side, command in s.sides.items():
        answers = s.here / f"{side}-adversarial.jsonl"
        serve(command, file, answers)
        rows = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
        seconds[side] = {row["id"]: row["seconds"] for row in rows}
        failed[side] = [f"{row['id']}: {row['error']}" for row in rows if row.get("error")]
    ours = seconds["ours"]
    shown = {page: [round(of[page], 3) for of in seconds.values()] for page in sorted(ours, key=lambda page: -ours[page])[:SLOWEST]}
    grid = {
        "title": "CPU-seconds; the worst page of each, all pages, then the pages we are slowest on", "columns": ["page", *seconds],
        "rows": [["worst", *(round(max(of.values()), 3) for of in seconds.values())],
                 ["all", *(round(sum(of.values()), 3) for of in seconds.values())], *([page, *row] for page, row in shown.items())],
    }  # fmt: skip
    page, worst = max(ours.items(), key=lambda item: item[1])
    return {"pages": len(ours), "failed": failed, "grids": [grid]}, {
        "worst hostile page, CPU-seconds": (round(worst, 3), f"<= 1 ({page})", worst <= 1),
        "hostile pages that fail": (len(failed["ours"]), "0", not failed["ours"]),
    }


def speed(s: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ordinary pages, sides in turn."""
    file = pages(s, "wcxb-dev", scale=s.scale)
    rounds: dict[str, list[dict[str, Any]]] = {side: [] for side in s.sides}
    for _ in range(s.pairs):
        for side, command in s.sides.items():
            rounds[side].append(json.loads(run([*command, "time", str(file), "1"])[1]))
    rates = {}
    for side, results in rounds.items():
        seconds = [r["cpu_seconds"] for r in results]
        rates[side] = {
            "documents_per_cpu_second": round(results[0]["pages"] / median(seconds), 1),
            "mb_per_cpu_second": round(results[0]["bytes"] / median(seconds) / 1e6, 2), "cpu_seconds": round(median(seconds), 3),
            "peak_mb": round(max(r["peak_bytes"][-1] for r in results) / 1e6, 1), "runs": s.pairs,
            "spread": round((max(seconds) - min(seconds)) / median(seconds), 3),
        }  # fmt: skip
    ours = rates.pop("ours")
    ratios = {side: round(ours["documents_per_cpu_second"] / r["documents_per_cpu_second"], 3) for side, r in rates.items()}
    one = rounds["ours"][0]
    corpus = {"documents": one["pages"], "mean_bytes": round(one["bytes"] / one["pages"])}
    figures = {"corpus": corpus, "ours": ours, "peers": rates, "ratios": ratios}
    wanted = {"trafilatura": 8, "resiliparse": 0.5}
    return figures, {f"speed / {side}": (ratios[side], f">= {x}", ratios[side] >= x) for side, x in wanted.items() if side in ratios}


def memory(s: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ordinary pages over and over through ours: peak memory after a tenth of them and after all."""
    file = pages(s, "wcxb-dev")
    with file.open(encoding="utf-8") as f:
        each = sum(1 for _ in f) - WARM
    repeats = max(10, round(MEMORY_PAGES * s.scale / each))
    told = json.loads(run([*s.sides["ours"], "time", str(file), str(repeats)])[1])
    tenth, whole = told["peak_bytes"][0], told["peak_bytes"][-1]
    growth = round(whole / tenth, 3)
    figures = {"pages": told["pages"], "peak_mb_after_a_tenth": round(tenth / 1e6, 1), "peak_mb": round(whole / 1e6, 1)}
    return figures, {f"peak memory after {told['pages']:,} pages / after a tenth": (growth, "flat (<= 1.1)", growth <= 1.1)}


PARTS: dict[str, Callable[[Setting], tuple[dict[str, Any], dict[str, Any]]]] = {
    "memory": memory, "quality": quality, "adversarial": adversarial, "speed": speed,
}  # fmt: skip


# Pages and answers


def pages(s: Setting, source: str = "", scale: float = 1) -> Path:
    """File for page_loop: pages to warm up on, then those of a subset ("" = all), of which a share of `scale`."""
    file = s.here / f"pages-{source or 'all'}-{scale}.jsonl"
    run([sys.executable, "-m", "bench.extract", "pages", str(s.data), source, str(scale), str(file)])
    return file


def rows_of_pages(data: str) -> Iterator[dict[str, Any]]:
    """The pages of a folder as its score.py reads them, `raw` their bytes."""
    sys.path.insert(0, data)
    sys.dont_write_bytecode = True
    import score  # type: ignore[import-not-found]

    yield from score.iter_pages(data)


def write_pages(data: str, source: str, scale: str, file: str) -> None:
    """`pages`, in a process of its own (see bench.measure on memory)."""
    warm = islice((row for row in rows_of_pages(data) if row["source"] == "wcxb-dev"), WARM)
    wanted = (row for row in rows_of_pages(data) if row["source"] == source or not source)
    with open(file, "w", encoding="utf-8") as out:
        for rows in (warm, islice(wanted, 0, None, max(1, round(1 / float(scale))))):
            for row in rows:
                out.write(json.dumps({"id": row["id"], "url": row["url"], "html": base64.b64encode(row["raw"]).decode()}) + "\n")


def serve(command: Sequence[str], file: Path, answers: Path) -> None:
    """One side's answers to the pages of a file. A page that ends the process is an error; a new process goes on behind it.

    Raises: CommandFailedError if a process ends before its first page.
    """
    with file.open(encoding="utf-8") as f:
        ids = [json.loads(line)["id"] for line in islice(f, WARM, None)]
    env = {**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": str(ROOT)}
    done = 0
    with answers.open("w", encoding="utf-8") as out:
        while done < len(ids):
            with tempfile.TemporaryFile() as err:
                process = subprocess.Popen(
                    [*command, "serve", str(file), str(done)],
                    stdout=subprocess.PIPE, stderr=err, stdin=subprocess.DEVNULL, env=env, cwd=ROOT,
                )  # fmt: skip
                assert process.stdout is not None
                ready = process.stdout.readline()
                for line in process.stdout:
                    out.write(line.decode("utf-8"))
                    done += 1
                status = process.wait()
                err.seek(0)
                said = err.read().decode("utf-8", "replace")[-2000:]
            if not ready or (not status and done < len(ids)):
                raise CommandFailedError(f"exit {status}: {' '.join(command)}\n{said}")
            if done < len(ids):
                out.write(json.dumps({"id": ids[done], "text": "", "error": f"process ended with {status}", "seconds": 20.0}) + "\n")
                done += 1


# Ours


def ours(models: str) -> None:
    """The stage in page_loop.

    Args:
        models: folder of the models of the folds, or "-" for the shipped one.
    """
    import pyarrow as pa

    from classifiers.blocks import FOLDS, fold
    from stages.extract.extract_html import Params, extract_html

    chosen = [Params()] * FOLDS
    if models != "-":
        chosen = [Params(model=str(Path(models) / f"fold-{k}.npz")) for k in range(FOLDS)]

    def texts(batch: Sequence[Page], params: Params) -> list[str | None]:
        table = pa.table({
            "content": pa.array([html for _, _, html in batch], pa.large_binary()), "mime": ["text/html"] * len(batch),
            "http_charset": pa.nulls(len(batch), pa.string()), "url": pa.array([url for _, url, _ in batch], pa.string()),
        })  # fmt: skip
        kept: list[str | None] = extract_html(table, params)["text"].to_pylist()
        return kept

    if models != "-":
        main(lambda page: texts([page], chosen[fold(page[1], page[0])])[0] or "")
    else:
        main(lambda page: texts([page], chosen[0])[0] or "", lambda few: texts(few, chosen[0]), BATCH_PAGES)


if __name__ == "__main__" and sys.argv[1:2] == ["pages"]:
    write_pages(*sys.argv[2:6])
if __name__ == "__main__" and sys.argv[1:2] == ["ours"]:
    ours(sys.argv[2])
