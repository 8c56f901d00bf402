"""Line and span dedup, Parquet in to Parquet out, beside dolma's Bloom filter and datatrove; the form's kernel; what a skewed line costs.

Documents are those of `bench/corpus.py` with a sentence or two a line, and around them lines their site repeats (12 a site, 2,000 sites,
few of them large) and lines everybody has (200). Two jobs: Llama 3's (our defaults), and *keep the first copy* of equal lines, which is
what the peers do. Judged by what was written: ours by an exact count, the peers by the distinct lines they lost.
Spans (C4's three sentences): a fifth of the documents has a paragraph of three to eight sentences of a stock of 1,000, some of which end
otherwise. Ours must leave each document as a count of all spans says.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import (
    STARTUP_DOCUMENTS,
    CommandFailedError,
    Contender,
    NotInstalledError,
    cache,
    compare,
    corpus,
    curate,
    expect_rows,
    peer_script,
    peer_version,
    run,
    scratch,
    versions,
    write_recipe,
)
from bench.shuffle import MILLIONS, SHARD_ROWS, TEXT, costs, heads, slope_of

DOCUMENTS, MEAN_BYTES, SITES, SITE_LINES, COMMON_LINES = 30_000, 3_000, 2_000, 12, 200
SKEWED = 0.3
"""Share of documents that have the skewed line."""
RECIPE = """
name: %s
inputs: {docs: {use: parquet, paths: %s/*.parquet}}
steps: {lines: {use: dedup_lines%s}}
outputs: {written: {use: shards}}
settings: {shuffle: {reduce_bytes: 4194304}}
"""
FIRST = ", more_than: 1, keep_first: true, form: raw, skip_code: false, min_words_left: null"
JOBS = {"ours": "", "ours, first kept": FIRST, "ours, first kept, paper's form": FIRST.replace("raw", "ccnet/paper")}
PEERS = {"dolma Bloom filter": "dolma", "dolma Bloom filter, lines cut": "dolma", "datatrove": "datatrove"}
ENVIRONMENTS = {"dolma": "dolma_filters", "datatrove": "datatrove_lines"}
SPANS_RECIPE = RECIPE.replace("dedup_lines", "dedup_spans")
SPANS = ", skip_code: false, min_words_left: null"
STOCK, STOCKED = 1_000, 0.2
"""Paragraphs that several documents have, and the share of documents that have one."""
FLOOR = "nothing done (pyarrow copy)"
TARGET, KERNEL = 12_000, 80


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: whole, kernel, skew, scale, spans."""
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    missing: list[str] = []
    documents = max(1_000, int(DOCUMENTS * scale))
    if not only or "whole" in only:
        parts["whole"] = _whole(documents, pairs, missing)
        rate = parts["whole"]["ours"]["documents_per_cpu_second"] * parts["whole"]["corpus"]["mean_bytes"] / MEAN_BYTES
        targets["documents of 3 kB a CPU-second, end to end"] = (round(rate), f">= {TARGET}", rate >= TARGET)
        for peer, ratio in parts["whole"]["ratios"].items():
            if peer in PEERS:
                targets[f"first copy kept: ours ÷ {peer}"] = (ratio, "> 1", ratio > 1)
    if not only or "kernel" in only:
        parts["kernel"] = _child("kernel", str(documents))
        slowest = min(parts["kernel"]["mb_per_cpu_second"].values())
        targets["forms hashed, MB a CPU-second, the slowest form"] = (slowest, f">= {KERNEL}", slowest >= KERNEL)
    if not only or "skew" in only:
        parts["skew"] = _skew(documents)
        worst = parts["skew"]["slowest_reducer_ratio"]
        targets["slowest reducer with a line in 30 % of documents, times that without"] = (worst, "<= 3", worst <= 3)
    if not only or "scale" in only:
        parts["scale"], more = _scale(scale)
        targets |= more
    if not only or "spans" in only:
        parts["spans"] = _spans(documents, pairs, missing)
        for peer, ratio in parts["spans"]["ratios"].items():
            targets[f"three-sentence spans: ours ÷ {peer}"] = (ratio, "> 1", ratio > 1)
    return {"name": "lines", "parts": parts, "targets": targets, "missing": missing, "versions": versions("pyarrow", "numpy", "numba")}


def _child(*arguments: str) -> Any:
    """What this file prints in a process of its own."""
    return json.loads(run([sys.executable, "-m", "bench.lines", *arguments])[1])


def _scale(scale: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Emit, reduce and verdicts of documents of one short line, a fifth of them equal to another: a million, three, ten."""
    rows = [int(m * 1_000_000 * scale) for m in MILLIONS]
    parts: dict[str, Any] = {}
    for n in rows:
        folder, _ = corpus(documents=n, files=max(1, n // SHARD_ROWS), **TEXT)
        with scratch() as here:
            file = write_recipe(here, "scale", RECIPE % ("scale", folder, FIRST))
            used, _ = run(curate("run", file, "-x", "inline", "--json", "--out", f"{here}/out"))
            cost = costs(here / "out" / "work")
            step = next(s for s in json.loads((here / "out" / "run.json").read_text(encoding="utf-8"))["steps"] if s["name"] == "lines")
        parts[f"{n} documents"] = {
            "emit_us": round(cost["emit_cpu_seconds"] / n * 1e6, 2), "reduce_us": round(cost["reduce_cpu_seconds"] / n * 1e6, 2),
            "step_us": round(step["cpu_seconds"] / n * 1e6, 2), "spilled_bytes": round(cost["spilled"] / n, 1),
            "verdict_bytes": round(cost["verdicts"] / n, 1), "reducers": cost["reducers"], "peak_mb": round(used.peak_bytes / 1e6),
        }  # fmt: skip
    slope = slope_of(rows, [p["step_us"] * n for p, n in zip(parts.values(), rows, strict=True)])
    peak = max(p["peak_mb"] for p in parts.values())
    return parts, {
        f"slope of CPU, {rows[0]:,} to {rows[-1]:,} documents": (slope, "<= 1.05", slope <= 1.05),
        "peak memory of a process, MB": (peak, "< 2000", peak < 2_000),
    }  # fmt: skip


def _corpus(documents: int, kind: str = "plain") -> tuple[Path, dict[str, Any]]:
    """Folder (parquet/, documents/ of JSON lines) and facts of a corpus, made once: plain, skew or spans."""
    folder = cache() / "bench-corpora" / f"lines-{documents}{'' if kind == 'plain' else f'-{kind}'}"
    facts = folder / "facts.json"
    if not facts.exists():
        facts.parent.mkdir(parents=True, exist_ok=True)
        facts.write_text(json.dumps(_child("write", str(folder), str(documents), kind)))
    return folder, json.loads(facts.read_text())


def _whole(documents: int, pairs: int, missing: list[str]) -> dict[str, Any]:
    folder, facts = _corpus(documents)
    tiny, _ = _corpus(STARTUP_DOCUMENTS)
    checks: dict[str, Any] = {}
    with scratch() as here:
        contenders = {}
        for side, values in JOBS.items():
            files = [write_recipe(here, f"{side}-{where.name}".replace(" ", "-"), RECIPE % ("lines", where / "parquet", values))
                     for where in (folder, tiny)]  # fmt: skip
            commands = [curate("run", file, "-x", "inline", "--json", "--out", "OUT/run") for file in files]
            contenders[side] = Contender(*commands, _judge(side, folder, "run/outputs/written", documents, checks))
        for side, peer in PEERS.items():
            try:
                script = peer_script(ENVIRONMENTS[peer], f"{peer}_lines")
            except NotInstalledError as e:
                missing.append(f"{side} not installed: {e}")
                continue
            how = "mark" if side == "dolma Bloom filter" else "cut"
            judge = None if how == "mark" else _judge(side, folder, "written", documents, checks)
            commands = [[*script, how, str(where), "OUT", str(count)] for where, count in ((folder, facts["lines"]), (tiny, 2_000))]
            contenders[side] = Contender(*commands, judge)
        script = peer_script("pyarrow", "pyarrow_copy")
        contenders[FLOOR] = Contender(*([*script, str(where / "parquet"), "OUT"] for where in (folder, tiny)))
        results = compare(contenders, pairs)
    rates = {name: r.rates(documents, facts["mean_bytes"] * documents) for name, r in results.items()}
    for name, row in rates.items():
        if name in PEERS:
            row["version"] = peer_version(ENVIRONMENTS[PEERS[name]], PEERS[name])
    first = rates["ours, first kept"]["documents_per_cpu_second"]
    same_form = rates["ours, first kept, paper's form"]["documents_per_cpu_second"]
    ratios = {
        name: round((same_form if name == "datatrove" else first) / row["documents_per_cpu_second"], 2)
        for name, row in rates.items() if name in PEERS
    }  # fmt: skip
    return {"corpus": facts, "ours": rates.pop("ours"), "peers": rates, "ratios": ratios, "what was written": checks}


def _spans(documents: int, pairs: int, missing: list[str]) -> dict[str, Any]:
    """dedup_spans beside datatrove's sentence dedup: three sentences, the first copy stays."""
    folder, facts = _corpus(documents, "spans")
    tiny, _ = _corpus(STARTUP_DOCUMENTS, "spans")
    checks: dict[str, Any] = {}

    def check(side: str, written: str) -> Any:
        def judged(out: Path) -> None:
            if side not in checks:
                checks[side] = _child("spans", str(folder), str(out / written))
                if side == "ours" and checks[side]["other_documents"]:
                    raise CommandFailedError(f"{side}: {checks[side]}")

        return judged

    with scratch() as here:
        files = [write_recipe(here, f"spans-{where.name}", SPANS_RECIPE % ("spans", where / "parquet", SPANS)) for where in (folder, tiny)]
        commands = [curate("run", file, "-x", "inline", "--json", "--out", "OUT/run") for file in files]
        contenders = {"ours": Contender(*commands, check("ours", "run/outputs/written"))}
        try:
            script = peer_script(ENVIRONMENTS["datatrove"], "datatrove_lines")
            commands = [[*script, "spans", str(where), "OUT", "-"] for where in (folder, tiny)]
            contenders["datatrove"] = Contender(*commands, check("datatrove", "written"))
        except NotInstalledError as e:
            missing.append(f"datatrove not installed: {e}")
        results = compare(contenders, pairs)
    rates = {name: r.rates(documents, facts["mean_bytes"] * documents) for name, r in results.items()}
    ours = rates["ours"]["documents_per_cpu_second"]
    ratios = {name: round(ours / row["documents_per_cpu_second"], 2) for name, row in rates.items() if name != "ours"}
    return {"corpus": facts, "rates": rates, "ratios": ratios, "what was written": checks}


def _judge(side: str, folder: Path, written: str, documents: int, checks: dict[str, Any]) -> Any:
    """A check of what a side wrote; its findings go to `checks`. Raises CommandFailedError where ours is not exact."""

    def check(out: Path) -> None:
        if side in JOBS:
            expect_rows(documents, f"{written}/*.parquet")(out)
        if side in checks:
            return
        checks[side] = found = _child("judge", str(folder), str(out / written), side)
        if side in JOBS and found["wrong_lines"]:
            raise CommandFailedError(f"{side}: {found}")

    return check


def _skew(documents: int) -> dict[str, Any]:
    """CPU-seconds of the reducers with and without a line in 30 % of documents, medians of three runs."""
    slowest: dict[str, float] = {}
    rows: dict[str, int] = {}
    for name, skew in (("without", False), ("with", True)):
        folder, _ = _corpus(documents, "skew" if skew else "plain")
        runs = []
        with scratch() as here:
            file = write_recipe(here, name, RECIPE % (name, folder / "parquet", ""))
            for number in range(4):  # the first one compiles
                run(curate("run", file, "-x", "inline", "--json", "--out", str(here / str(number))))
                tasks = [h for h in heads(here / str(number) / "work") if h["kind"] == "reduce"]
                runs.append(max(h["cpu_seconds"] for h in tasks))
                rows[name] = sum(h["spill"]["rows"] for h in heads(here / str(number) / "work") if h["kind"] == "emit")
        slowest[name] = median(runs[1:])
    return {
        "slowest_reducer_seconds": {k: round(v, 4) for k, v in slowest.items()}, "rows_sent": rows,
        "slowest_reducer_ratio": round(slowest["with"] / slowest["without"], 2),
    }  # fmt: skip


# In a process of their own


def _texts(documents: int, skew: bool) -> Any:
    """(id, text) of each document."""
    from bench.corpus import Spec, tables

    rng = random.Random(1)

    def sentence(words: int) -> str:
        return " ".join(rng.choice(stock) for _ in range(words)).capitalize()

    spec = Spec(documents=documents, mean_bytes=2_400, columns=("id",))
    stock = [w for t in tables(spec, 0, 64) for text in t["text"].to_pylist() for w in text.split()][:4_000]
    sites = [[sentence(rng.randint(1, 12)) for _ in range(SITE_LINES)] for _ in range(SITES)]
    common = [sentence(rng.randint(1, 10)) for _ in range(COMMON_LINES)]
    for table in tables(spec, 0, documents):
        for name, text in zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True):
            site = sites[int(SITES * rng.random() ** 3)]
            body = []
            for part in re.split(r"(?<=[.。।؟]) ?", text):
                if body and rng.random() < 0.3:
                    body[-1] += f" {part}"
                elif part:
                    body.append(part)
            head, tail = rng.sample(site, 6), rng.sample(site, 4)
            more = [common[int(COMMON_LINES * rng.random() ** 2)] for _ in range(3)]
            skewed = ["The line that a third of the corpus has"] if skew and rng.random() < SKEWED else []
            yield name, "\n".join([*head, *more, *body, *skewed, *tail])


def _span_texts(documents: int) -> Any:
    """(id, text) of each document."""
    from bench.corpus import Spec, tables

    rng = random.Random(2)
    spec = Spec(documents=documents, mean_bytes=2_800, columns=("id",))
    stock = [w for t in tables(spec, 0, 64) for text in t["text"].to_pylist() for w in text.split() if w.isalpha()][:4_000]

    def sentence() -> str:
        return " ".join(rng.choice(stock) for _ in range(rng.randint(3, 12))).capitalize() + "."

    paragraphs = [[sentence() for _ in range(rng.randint(3, 8))] for _ in range(STOCK)]
    for table in tables(spec, 0, documents):
        for name, text in zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True):
            if rng.random() < STOCKED:
                chosen = paragraphs[int(STOCK * rng.random() ** 2)]
                chosen = [*chosen[:-1], sentence()] if rng.random() < 0.3 else chosen
                text = f"{text.rstrip()}\n\n{' '.join(chosen)}\n\n{sentence()}"
            yield name, text


def _spans_judged(folder: Path, out: Path) -> dict[str, Any]:
    """By a count of all three-sentence spans: copies of spans a side left beside the first, and documents that are not as ours must be.

    White space is no matter: it is what a cut leaves of it that differs.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from curation.text import Utf8
    from stages.heuristics.sentences import sentences

    def spans_of(texts: list[str]) -> list[list[bytes]]:
        """Sentences of each text."""
        parts = sentences(Utf8.of(pa.array(texts, pa.large_string()))).trimmed()
        data, starts, ends = parts.text.data.tobytes(), parts.starts.tolist(), parts.ends.tolist()
        return [[data[a:b] for a, b in zip(starts[i:j], ends[i:j], strict=True)] for i, j in pairwise(parts.offsets.tolist())]

    def triples(row: list[bytes]) -> Any:
        return zip(row, row[1:], row[2:], strict=False)

    table = pa.concat_tables([pq.read_table(file) for file in sorted((folder / "parquet").glob("*.parquet"))])
    before, written = spans_of(table["text"].to_pylist()), _written(out)
    counts = Counter(span for row in before for span in triples(row))
    first: dict[Any, int] = {}
    hashes = Utf8.of(table["id"]).hash().tolist()
    for key, row in zip(hashes, before, strict=True):
        for span in triples(row):
            first[span] = min(first.get(span, key), key)
    expected, kept = [], set()
    for key, row in zip(hashes, before, strict=True):
        gone = set()
        for k, span in enumerate(triples(row)):
            if counts[span] > 1 and (first[span] != key or span in kept):
                gone |= {k, k + 1, k + 2}
            elif counts[span] > 1:
                kept.add(span)
        expected.append(b"".join(part for k, part in enumerate(row) if k not in gone))
    given, wanted = Counter(b"".join(t.encode().split()) for t in written), Counter(b"".join(t.split()) for t in expected)
    after = Counter(span for row in spans_of(written) for span in triples(row))
    return {
        "sentences": sum(map(len, before)), "repeated_spans": sum(n > 1 for n in counts.values()),
        "copies_left": sum(n - 1 for span, n in after.items() if counts[span] > 1), "other_documents": (wanted - given).total(),
    }  # fmt: skip


def _write(folder: Path, documents: int, kind: str) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for part in ("parquet", "documents"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rows = list(_span_texts(documents) if kind == "spans" else _texts(documents, kind == "skew"))
    size = sum(len(text.encode()) for _, text in rows)
    lines = sum(text.count("\n") + 1 for _, text in rows)
    each = -(-documents // 4)
    for n in range(0, documents, each):
        part = rows[n : n + each]
        table = pa.table({"id": [name for name, _ in part], "text": pa.array([text for _, text in part], pa.large_string())})
        pq.write_table(table, folder / "parquet" / f"part-{n // each}.parquet", compression="zstd", row_group_size=8_192)
        with gzip.open(folder / "documents" / f"part-{n // each}.json.gz", "wt", encoding="utf-8", compresslevel=1) as file:
            for name, text in part:
                file.write(json.dumps({"id": name, "text": text, "source": "made up"}, ensure_ascii=False) + "\n")
    return {"documents": documents, "mean_bytes": round(size / documents, 1), "lines": lines, "mean_lines": round(lines / documents, 1)}


def _written(folder: Path) -> list[str]:
    """Texts a side wrote."""
    import pyarrow.parquet as pq

    texts: list[str] = []
    for file in sorted(folder.rglob("*.parquet")):
        texts += pq.read_table(file, columns=["text"])["text"].to_pylist()
    for file in sorted(folder.rglob("*.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            texts += [json.loads(line)["text"] for line in lines]
    return texts


def _judged(folder: Path, out: Path, side: str) -> dict[str, Any]:
    """How many lines a side removed, and how many it should not have or should have too, by a count of all lines."""
    import pyarrow as pa

    from curation.text import Utf8
    from stages.dedup.line_forms import form_of
    from stages.heuristics.code_lines import code_lines

    form: Any = "raw" if side.startswith("dolma") or side == "ours, first kept" else "ccnet/paper"
    forms: dict[str, str] = {}

    def counted(texts: list[str], code: bool) -> tuple[Counter[str], Counter[str]]:
        """Lines that take part, and those of code."""
        counts: tuple[Counter[str], Counter[str]] = Counter(), Counter()
        lines = Utf8.of(pa.array(texts, pa.large_string())).lines()
        flags = code_lines(lines) if code else [False] * len(lines)
        for line, of_code in zip((line for text in texts for line in text.splitlines()), flags, strict=True):
            if line not in forms:
                forms[line] = form_of(line, form)
            counts[int(of_code)][forms[line]] += 1
        for one in counts:
            one.pop("", None)
        return counts

    before, code = counted(_written(folder / "parquet"), side == "ours")
    after, _ = counted(_written(out), False)
    stays = {one: n for one, n in before.items() if n <= 6} if side == "ours" else dict.fromkeys(before, 1)
    expected = Counter(stays) + code
    return {
        "lines": before.total() + code.total(), "removed": before.total() + code.total() - after.total(), "distinct": len(before),
        "distinct_lost": sum(one not in after for one in expected), "wrong_lines": (expected - after).total() + (after - expected).total(),
    }  # fmt: skip


def _kernel(documents: int) -> dict[str, Any]:
    """MB a CPU-second of hashing the forms of all lines, the best of five."""
    import pyarrow as pa

    from curation.text import Spans, Utf8
    from stages.dedup.line_forms import form_hashes

    text = Utf8.of(pa.array([text for _, text in _texts(min(documents, 8_192), False)], pa.large_string()))
    lines = text.lines()
    best: dict[str, float] = {}
    for form in ("ccnet/paper", "ccnet/code", "raw") * 6:
        fresh = Spans(text, lines.starts, lines.ends, lines.offsets)
        started = time.process_time()
        form_hashes(fresh, form)
        best[form] = min(best.get(form, 9e9), time.process_time() - started)
    return {"mb": round(len(text.data) / 1e6, 1), "mb_per_cpu_second": {form: round(len(text.data) / s / 1e6) for form, s in best.items()}}


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "write":
        print(json.dumps(_write(Path(rest[0]), int(rest[1]), rest[2])))
    elif verb == "judge":
        print(json.dumps(_judged(Path(rest[0]), Path(rest[1]), rest[2])))
    elif verb == "spans":
        print(json.dumps(_spans_judged(Path(rest[0]), Path(rest[1]))))
    elif verb == "kernel":
        print(json.dumps(_kernel(int(rest[0]))))
