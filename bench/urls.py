"""URL deduplication: the canonical form of a column, emit, 1, 3 and 10 million URLs, one URL in 30 % of them, beside daft and datatrove."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import (
    ROOT,
    STARTUP_DOCUMENTS,
    Contender,
    NotInstalledError,
    cache,
    compare,
    curate,
    expect_rows,
    peer_script,
    peer_version,
    rows_of,
    run,
    scratch,
    versions,
    write_recipe,
)
from bench.shuffle import MILLIONS, costs, slope_of

REAL = ROOT.parent / "shared" / "data" / "warc" / "built"
KERNEL_URLS = 500_000
PYTHON_URLS = 50_000
SHARD_ROWS = 50_000
"""Documents of a file and so of a mapper: few copies meet in one, as in a crawl of many."""
PEER_DOCUMENTS = {4: 300_000, 3_000: 60_000}
"""Bytes of a text -> documents."""
SKEWED_DOCUMENTS = 3_000_000
REPEATED = 0.3
"""Share of the skewed corpus that is one URL."""
WORDS = (
    "about", "archive", "article", "blog", "category", "contact", "forum", "gallery", "help", "index",
    "item", "news", "page", "photo", "post", "product", "search", "shop", "topic", "user",
)  # fmt: skip
SUFFIXES = ("com", "net", "org", "de", "ru", "co.uk", "com.br", "info")
SPELLINGS: tuple[tuple[str, str], ...] = (
    ("https://", ""), ("https://", ""), ("https://", ""), ("http://", ""), ("http://www.", ""), ("https://", "#top"),
    ("HTTPS://", "&utm_source=feed&utm_medium=rss"), ("https://www.", "&fbclid=IwAR0x7Yp3"),
)  # fmt: skip
"""How one page is written: what comes before its host and after its query (ours)."""
PEERS = (("daft", "daft", "daft_urls"), ("datatrove", "datatrove_url_dedup", "datatrove_url_dedup"))
"""Name, environment and script of each."""
RECIPE = """
name: urls
inputs: {docs: {use: parquet, paths: "%s/part-*.parquet"}}
steps: {urls: {use: dedup_urls}}
outputs: {written: {use: shards}}
settings: {shuffle: {reduce_bytes: 33554432}}
"""
"""Smaller reducers than by default, so that every run has several of the same size."""


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: kernel, growth, skew, peers."""
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    missing: list[str] = []
    with scratch() as here:
        if not only or "kernel" in only:
            parts["kernel"] = json.loads(run([sys.executable, "-c", "from bench.urls import ours; ours()", str(scale)])[1])
            x = parts["kernel"]["emit, URLs/CPU-s"]
            targets["canonical form, hash, date and id through emit, URLs a CPU-second"] = (x, ">= 1,000,000", x >= 1_000_000)
        if not only or "growth" in only:
            rows = [int(m * 1_000_000 * scale) for m in MILLIONS]
            figures = [_run(here, _corpus(n), n, pairs if n < 10_000_000 else 1) for n in rows]
            parts |= {f"{n} URLs": f for n, f in zip(rows, figures, strict=True)}
            for label in ("emit", "reduce", "verdict"):
                slope = slope_of(rows, [f[f"{label}_us"] * n for n, f in zip(rows, figures, strict=True)])
                targets[f"slope of {label} (log-log)"] = (slope, "<= 1.05", slope <= 1.05)
            x = round(1 / figures[-1]["emit_us"] * 1e6)
            targets["emit tasks in the engine (columns read, spill written), URLs a CPU-second"] = (x, ">= 1,000,000", x >= 1_000_000)
            x = figures[-1]["peak_mb"]
            targets["peak memory of the largest run, MB"] = (x, "< 2,000", x < 2_000)
        if not only or "skew" in only:
            n = int(SKEWED_DOCUMENTS * scale)
            parts["skew"] = _run(here, _corpus(n, REPEATED), n, 1)
            x = parts["skew"]["slowest / median reducer"]
            targets["one URL in 30 %: slowest reducer beside the median"] = (x, "<= 3", x <= 3)
        if not only or "peers" in only:
            for size, n in PEER_DOCUMENTS.items():
                parts[f"peers, texts of {size} bytes"] = _peers(
                    here, _corpus(int(n * scale), text_bytes=size), int(n * scale), pairs, missing
                )
    return {"name": "urls", "parts": parts, "targets": targets, "missing": missing, "versions": versions("pyarrow", "numba", "xxhash")}


def _run(here: Path, folder: Path, n: int, pairs: int) -> dict[str, Any]:
    """One recipe whose only step is dedup_urls; costs of its parts from the records of its tasks."""
    file = write_recipe(here, "urls", RECIPE % folder)
    runs = []
    for _ in range(pairs):
        out = here / "out"
        shutil.rmtree(out, ignore_errors=True)
        used = run(curate("run", file, "-x", "inline", "--json", "--out", str(out)))[0]
        step = {s["name"]: s for s in json.loads((out / "run.json").read_text(encoding="utf-8"))["steps"]}["urls"]
        dropped = sum(step["dropped"].values())
        if rows_of(out / "outputs" / "written", "*.parquet") + dropped != n or not dropped:
            raise AssertionError(f"{n} rows in, {dropped} dropped, and the rest was not written")
        cost = costs(out / "work")
        reducers = sorted(_seconds(out / "work"))
        verdict = step["cpu_seconds"] - cost["emit_cpu_seconds"] - cost["reduce_cpu_seconds"]
        runs.append({
            "emit_us": cost["emit_cpu_seconds"] / n * 1e6, "reduce_us": cost["reduce_cpu_seconds"] / n * 1e6,
            "verdict_us": verdict / n * 1e6,
            "spilled_bytes": cost["spilled"] / n, "verdict_bytes": cost["verdicts"] / n, "reducers": len(reducers),
            "slowest / median reducer": reducers[-1] / median(reducers), "dropped": dropped, "cpu_seconds": used.cpu_seconds,
            "peak_mb": used.peak_bytes / 1e6,
        })  # fmt: skip
    return {key: round(median(r[key] for r in runs), 3) for key in runs[0]}


def _seconds(work: Path) -> Iterator[float]:
    """CPU-seconds of each reduce task of a run."""
    heads = [p.read_text(encoding="utf-8").split("\n", 1)[0] for p in work.glob("*/records/*.json")]
    lines = [line for p in work.glob("*/segments/*.heads") for line in p.read_text(encoding="utf-8").splitlines()]
    heads += [line.partition(" ")[2].rpartition(" ")[0] for line in lines]
    yield from (head["cpu_seconds"] for _, head in map(json.loads, heads) if head["kind"] == "reduce")


def _peers(here: Path, folder: Path, n: int, pairs: int, missing: list[str]) -> dict[str, Any]:
    """Parquet in, one document a URL out: the whole of each side's run, texts and all."""
    tiny = _corpus(STARTUP_DOCUMENTS)
    recipes = [write_recipe(here, name, RECIPE % where) for name, where in (("full", folder), ("tiny", tiny))]
    ours = [curate("run", r, "-x", "inline", "--json", "--out", "OUT/run") for r in recipes]
    canonical, written = map(len, _distinct(n))
    contenders = {"ours": Contender(ours[0], ours[1], expect_rows(canonical, "run/outputs/written/*.parquet"))}
    for peer, env, script in PEERS:
        try:
            side = peer_script(env, script)
            contenders[peer] = Contender(
                [*side, str(folder), "OUT"], [*side, str(tiny), "OUT"], expect_rows(written, "written/**/*.parquet")
            )
        except NotInstalledError as e:
            missing.append(f"{peer}: {e}")
    results = compare(contenders, pairs)
    rates = {name: r.rates(n, 0) for name, r in results.items()}
    mine = rates["ours"]["documents_per_cpu_second"]
    return {
        "documents": n, "pages (ours keeps)": canonical, "spellings (peers keep)": written,
        **{f"{name}, documents/CPU-s": r["documents_per_cpu_second"] for name, r in rates.items()},
        **{f"{name}, peak MB": r["peak_mb"] for name, r in rates.items()},
        **{f"ours / {p}": round(mine / r["documents_per_cpu_second"], 2) for p, r in rates.items() if p != "ours"},
        **{f"{peer} version": peer_version(env, peer) for peer, env, _ in PEERS if peer in rates},
    }  # fmt: skip


def _pages(n: int, repeated: float = 0.0) -> Iterator[tuple[int, int]]:
    """Page and spelling of each document: some pages come once, some a few times, page 0 in a share of all."""
    rng = random.Random(n)
    for _ in range(n):
        yield 0 if rng.random() < repeated else rng.randrange(n), rng.randrange(len(SPELLINGS))


def url_of(page: int, spelling: int) -> str:
    """A made-up URL: a page has a host, a path of words and, two times in three, a query."""
    before, after = SPELLINGS[spelling]
    mixed = page * 0x9E3779B97F4A7C15 >> 7
    a, b, c = WORDS[mixed % 20], WORDS[mixed // 20 % 20], WORDS[mixed // 400 % 20]
    query = ("?", f"?id={page}&page={mixed % 9}", f"?page={mixed % 9}&id={page}&lang=en")[mixed // 8_000 % 3]
    if query == "?":
        query, after = "", after.replace("&", "?", 1)
    return f"{before}{a}{mixed % 60_000}.{SUFFIXES[mixed // 24_000 % 8]}/{b}/{c}-{b}-{page}.html{query}{after}"


def _distinct(n: int) -> tuple[set[int], set[str]]:
    """The pages and the spellings of a corpus."""
    made = list(_pages(n))
    return {page for page, _ in made}, {url_of(page, spelling) for page, spelling in made}


def _corpus(n: int, repeated: float = 0.0, text_bytes: int = 4) -> Path:
    """Folder of Parquet files {id, url, date, text}, made once and kept in the cache."""
    folder = cache() / "bench-corpora" / f"urls-{n}-{int(repeated * 100)}-{text_bytes}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run([sys.executable, "-c", "from bench.urls import write; write()", str(folder), str(n), str(repeated), str(text_bytes)])
        (folder / "done").touch()
    return folder


def write() -> None:
    """Write a corpus, in a process of its own: folder, documents, share of page 0, bytes of a text, from the command line."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder, n, repeated, size = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    rng = random.Random(1)
    prose = " ".join(rng.choice(WORDS) + rng.choice(WORDS)[:3] for _ in range(200_000))
    made = _pages(n, repeated)
    for start in range(0, n, SHARD_ROWS):
        count = min(SHARD_ROWS, n - start)
        table = pa.table({
            "id": [f"{rng.getrandbits(128):032x}" for _ in range(count)],
            "url": [url_of(*next(made)) for _ in range(count)],
            "date": pa.array([rng.getrandbits(50) for _ in range(count)], pa.timestamp("us", "UTC")),
            "text": [prose[at : at + size] for at in (rng.randrange(len(prose) - size) for _ in range(count))],
        })  # fmt: skip
        pq.write_table(table, folder / f"part-{start // SHARD_ROWS:04}.parquet", row_group_size=50_000, compression="zstd")


def ours() -> None:
    """Rates of our functions, in a process of its own: scale, from the command line."""
    import gzip
    import re
    import time

    import pyarrow as pa

    from curation.stage import Batch
    from curation.text import Utf8
    from stages.dedup.canonical_url import canonical_url, canonical_urls
    from stages.dedup.dedup_urls import dedup_urls, warm_up

    warm_up()
    n = int(KERNEL_URLS * float(sys.argv[1]))
    rng = random.Random(5)
    table = pa.table({
        "url": [url_of(page, spelling) for page, spelling in _pages(n)], "id": [f"{rng.getrandbits(128):032x}" for _ in range(n)],
        "date": pa.array([rng.getrandbits(50) for _ in range(n)], pa.timestamp("us", "UTC")),
    })  # fmt: skip
    urls = table["url"].combine_chunks()

    def best(work: Any, count: int) -> int:
        seconds = []
        for _ in range(5):
            started = time.process_time()
            work()
            seconds.append(time.process_time() - started)
        return round(count / median(seconds))

    facts: dict[str, Any] = {"URLs": n, "mean bytes": round(urls.nbytes / n - 4, 1)}
    for rows in (1_024, 8_192):
        columns = [Utf8.of(urls[at : at + rows]) for at in range(0, n, rows)]
        tables = [table[at : at + rows].combine_chunks() for at in range(0, n, rows)]
        label = "" if rows == 8_192 else f" in batches of {rows}"
        facts[f"canonical form, URLs/CPU-s{label}"] = best(lambda columns=columns: [canonical_urls(c) for c in columns], n)
        facts[f"emit, URLs/CPU-s{label}"] = best(lambda tables=tables: [dedup_urls.emit(Batch(t), dedup_urls.params()) for t in tables], n)
    few = urls[:PYTHON_URLS].to_pylist()
    facts["the definition in Python, URLs/CPU-s"] = best(lambda: [canonical_url(url) for url in few], len(few))
    if canonical_urls(Utf8.of(urls[:PYTHON_URLS])).to_arrow().to_pylist() != [canonical_url(url) for url in few]:
        raise AssertionError("the kernel and the definition disagree")
    found: set[bytes] = set()
    for path in REAL.glob("*.gz") if REAL.exists() else ():
        found.update(re.findall(rb"https?://[^\s\"<>']{1,300}", gzip.decompress(path.read_bytes())))
    if found:
        real = Utf8.of_strings([url.decode("utf-8", "replace") for url in sorted(found)] * 20)
        facts["real URLs"], facts["canonical form of real URLs, URLs/CPU-s"] = len(found), best(lambda: canonical_urls(real), len(real))
    sys.stdout.write(json.dumps(facts))
