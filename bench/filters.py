"""Document filters alone, without I/O: our stages on batches in memory, beside the filters of datatrove, dolma and NeMo Curator.

Ours are timed in one process over batches of 1,024 documents of 3 kB: the views all stages share (words, hashes ...) first,
then each stage on a batch that has them; the sum is what a pass costs. The fastest of the repetitions counts, of every side: the others
go through their documents as often, in a process each time, the first document, which loads what they need, left out.
Compilation is timed apart, in a process with an empty cache. c4_quality stands last: it edits the text, and stages behind it need
the words of the new one. datatrove is timed with our words given and as shipped (its English splitter), the others as shipped.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.measure import ROOT, NotInstalledError, peer_script, peer_version, run, scratch, versions

DOCUMENTS, BATCH, MEAN_BYTES = 8_192, 1_024, 3_000
HEURISTICS: tuple[tuple[str, dict[str, Any]], ...] = (("gopher_quality", {}), ("gopher_repetition", {}), ("fineweb_quality", {}))
WORD_LISTS = ROOT.parent / "shared" / "data" / "lists" / "ldnoobw"
LISTS = {"en": str(ROOT / "examples/lists/dirty_words.en.txt")}
"""Of count_dirty_words: the folder of real lists where there is one, else the example."""
OTHERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("repeated_lines", {}), ("count_dirty_words", {"lists": str(WORD_LISTS) if WORD_LISTS.is_dir() else LISTS}),
    ("nsfw", {"lists": {"default": str(ROOT / "examples/lists/adult_terms.en.txt")}}), ("find_pii", {}),
)  # fmt: skip
LAST: tuple[tuple[str, dict[str, Any]], ...] = (("c4_quality", {}),)
SETS = {
    "all": (*HEURISTICS, *OTHERS, *LAST),
    "heuristics": (*HEURISTICS, *LAST),
    "code and math": (("code_page_quality", {}), ("math_page_quality", {})),
    "datatrove": tuple((name, {"variant": "datatrove"}) for name, _ in (*HEURISTICS, *LAST)),
}
"""The stages timed together: what a page of the web goes through, parts of that, and the rules for pages of code and of mathematics.

Stages this version of the project has not are named as missing.
"""
PEERS = {
    "datatrove, our words": ("datatrove_filters", "given:gopher_repetition,gopher_quality,fineweb_quality,c4_quality", "datatrove", 2_000),
    "datatrove as shipped": ("datatrove_filters", "own:gopher_repetition,gopher_quality,fineweb_quality,c4_quality", "datatrove", 300),
    "dolma (gopher_v2, c4_v2)": ("dolma_filters", "", "dolma", 1_000),
    "NeMo Curator (English heuristics)": ("nemo_filters", "", "nemo-curator", 1_000),
}
"""Side -> environment and script, how, package, documents."""


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: stages, real, compile, peers."""
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    missing: list[str] = []
    documents = max(BATCH, int(DOCUMENTS * scale))
    ours = {name: _child("time", name, str(documents), str(pairs)) for name in SETS}
    found = ours["all"]
    parts["stages"] = {
        "documents": documents, "mean_bytes": found["mean_bytes"], "mean_words": found["mean_words"],
        "grids": [_grid(f"stages together: {name}", one) for name, one in ours.items()],
    }  # fmt: skip
    missing += [f"not timed, this version has no stage {name}" for one in ours.values() for name in one["missing"]]
    rate = found["documents_per_cpu_second"]
    met = None if found["missing"] else rate >= 10_000
    targets["heuristics, dirty words, PII together: documents of 3 kB a CPU-second"] = (rate, ">= 10000", met)
    if not only or "real" in only:
        with scratch() as here:
            if _child("real", str(here)):
                pages = _child("time", "all", str(documents), str(pairs), str(here / "real.parquet"))
                title = f"all, on real pages: mean {pages['mean_bytes']} bytes, {pages['mean_words']} words"
                parts["real"] = {"documents": pages["documents"], "grids": [_grid(title, pages)]}
                rate = round(1e6 / sum(pages["microseconds"].values()) * pages["mean_bytes"] / MEAN_BYTES)
                targets["the same on real pages, in documents of 3 kB"] = (rate, ">= 10000", rate >= 10_000)
            else:
                missing.append("no real pages beside the project")
    if not only or "compile" in only:
        parts["compile"] = {"cpu_seconds": _child("compile", cold=True)}
    if not only or "peers" in only:
        rows = []
        for side, (name, how, package, few) in PEERS.items():
            try:
                seconds = _peer(name, how, min(documents, int(few * scale) or 100), pairs)
            except NotInstalledError as e:
                missing.append(f"{side} not installed: {e}")
                continue
            beside = ours["datatrove" if package == "datatrove" else "heuristics"]
            theirs = 1 / seconds
            ratio = beside["documents_per_cpu_second"] / theirs
            megabytes = theirs * found["mean_bytes"] / 1e6
            rows.append([f"{side} {peer_version(name, package)}", round(theirs, 1), round(megabytes, 2), round(ratio, 1)])
            if side != "datatrove as shipped":
                targets[f"ours ÷ {side}"] = (round(ratio, 1), ">= 10", ratio >= 10)
        title = "peers; ours are Gopher, FineWeb and C4 with their shared views, for datatrove in the variants of that name"
        parts["peers"] = {"grids": [{"title": title, "columns": ["side", "documents/CPU-s", "MB/CPU-s", "ours ÷ it"], "rows": rows}]}
    return {"name": "filters", "parts": parts, "targets": targets, "missing": missing, "versions": versions("numba", "numpy", "pyarrow")}


def _grid(title: str, found: dict[str, Any]) -> dict[str, Any]:
    rows = [[name, round(us, 2), round(1e6 / us)] for name, us in found["microseconds"].items() if us]
    total = sum(found["microseconds"].values())
    rows.append(["together", round(total, 2), round(1e6 / total)])
    rows.append([f"together, MB/CPU-s: {found['mean_bytes'] / total:.1f}", None, None])
    return {"title": title, "columns": ["view or stage", "us a document", "documents/CPU-s"], "rows": rows}


def _child(*arguments: str, cold: bool = False) -> Any:
    """What this file prints in a process of its own."""
    with tempfile.TemporaryDirectory() as empty:
        return json.loads(run([sys.executable, "-m", "bench.filters", *arguments], {"NUMBA_CACHE_DIR": empty} if cold else None)[1])


def _peer(name: str, how: str, documents: int, pairs: int) -> float:
    """CPU-seconds a document of a peer's filters on the first documents of the corpus; the fastest of 2 * pairs + 1 repetitions."""
    script = peer_script(name, name)
    with scratch() as here:
        source = here / "documents.jsonl"
        words = "words" if how.startswith("given") else "-"
        run([sys.executable, "-m", "bench.filters", "write", str(source), str(documents), words])
        best = float("inf")
        for repetition in range(2 * pairs + 1):
            answers = here / str(repetition) / "answers.jsonl"
            answers.parent.mkdir()
            run([*script, how, str(source), str(answers)])
            told = json.loads(answers.read_text(encoding="utf-8").splitlines()[-1])
            best = min(best, sum(told["seconds"].values()) / told["documents"])
    return best


# In a process of their own


def _texts(documents: int) -> Any:
    import pyarrow as pa

    from bench.corpus import Spec, tables

    table = pa.concat_tables(list(tables(Spec(documents=documents, mean_bytes=MEAN_BYTES, columns=("id", "url", "lang")), 0, documents)))
    return table.append_column("profile", pa.array(["web"] * documents)).combine_chunks()


def _real(here: str) -> bool:
    """Write the pages of `bench.oracle`, with their languages, to real.parquet. Returns: whether there are any."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bench.oracle import DATA, archives, pages
    from curation import registry

    if not DATA.is_dir():
        return False
    texts = [*archives(DATA, Path(here)), *pages(DATA)]
    same = {"profile": ["web"] * len(texts), "url": ["http://a.example/"] * len(texts)}
    table = pa.table({"text": pa.array(texts, pa.large_string()), **same})
    stage: Any = registry.lookup("identify_language")
    pq.write_table(table.append_column("lang", stage(table)["lang"]), f"{here}/real.parquet")
    return True


def _time(name: str, documents: int, pairs: int, file: str | None = None) -> dict[str, Any]:
    """Microseconds a document of each shared view and each stage of a set; the fastest of 2 * pairs + 1 repetitions."""
    import pyarrow.parquet as pq

    from curation import registry
    from curation.stage import Batch

    known = [(stage, values) for stage, values in SETS[name] if stage in registry.names()]
    stages: list[tuple[Any, Any]] = [(registry.lookup(stage), values) for stage, values in known]
    made = [(stage, stage.params(**values)) for stage, values in stages]
    table = _texts(documents) if file is None else pq.read_table(file).combine_chunks()
    documents = len(table)
    best: dict[str, float] = defaultdict(lambda: float("inf"))
    words = 0
    for _ in range(2 * pairs + 2):  # the first one compiles
        spent: dict[str, float] = defaultdict(float)
        for at in range(0, documents, BATCH):
            batch = Batch(table.slice(at, BATCH))
            views: dict[str, Callable[[], Any]] = {
                "words": batch.words, "hashes": lambda b=batch: b.words().hashes(),
                "lower-case hashes": lambda b=batch: b.words().hashes(lower=True),
                "characters": lambda b=batch: b.words().chars(), "lines": lambda b=batch: b.utf8().lines().trimmed(),
            }  # fmt: skip
            for view, make in views.items():
                started = time.process_time()
                make()
                spent[view] += time.process_time() - started
            words += len(batch.words())
            for stage, params in made:
                started = time.process_time()
                stage(batch, params)
                spent[stage.name] += time.process_time() - started
        if words > 0:
            for key, seconds in spent.items():
                best[key] = min(best[key], seconds)
    microseconds = {key: seconds / documents * 1e6 for key, seconds in best.items()}
    return {
        "microseconds": microseconds, "documents_per_cpu_second": round(1e6 / sum(microseconds.values())),
        "mean_bytes": round(table["text"].nbytes / documents, 1), "mean_words": round(words / documents / (2 * pairs + 2), 1),
        "missing": [stage for stage, _ in SETS[name] if stage not in registry.names()], "documents": documents,
    }  # fmt: skip


def _compile() -> dict[str, float]:
    """CPU-seconds until each stage's kernels are compiled, the shared ones first."""
    from curation import registry, text

    spent = {}
    started = time.process_time()
    text.warm_up()
    spent["curation/text.py"] = round(time.process_time() - started, 1)
    for name, _ in SETS["all"]:
        if name in registry.names():
            started = time.process_time()
            if warm_up := registry.beside(registry.lookup(name), "warm_up"):
                warm_up()
            spent[name] = round(time.process_time() - started, 1)
    return {**spent, "together": round(sum(spent.values()), 1)}


def _write(path: str, documents: int, given: bool) -> None:
    """The first documents as JSON lines, with our words and sentences where they are to be given."""
    from bench.oracle import given_words

    texts = _texts(DOCUMENTS)["text"].to_pylist()[:documents]
    with Path(path).open("w", encoding="utf-8") as out:
        for row in given_words(texts) if given else ({"text": text} for text in texts):
            out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "time":
        print(json.dumps(_time(rest[0], int(rest[1]), int(rest[2]), *rest[3:])))
    elif verb == "real":
        print(json.dumps(_real(rest[0])))
    elif verb == "compile":
        print(json.dumps(_compile()))
    elif verb == "write":
        _write(rest[0], int(rest[1]), rest[2] == "words")
