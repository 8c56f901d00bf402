"""Block lists: URLs looked up a CPU-second, memory and start with 10 M entries, beside datatrove's URLFilter and a Python set."""

from __future__ import annotations

import gzip
import json
import random
import sys
from pathlib import Path
from typing import Any

from bench.measure import ROOT, NotInstalledError, cache, peer_script, peer_version, run, scratch, versions
from curation import kernels

REAL = ROOT.parent / "shared" / "data" / "lists" / "hosts"
ENTRIES = 10_000_000
URLS = 500_000
PEER_URLS = 50_000
LISTED = 0.05
"""Share of the URLs that are on or under a listed host (ours)."""
SUFFIXES = ("com", "net", "org", "de", "ru", "co.uk", "com.br", "info")
SET = """
import json, resource, sys, time
split = sys.argv.index("--")
started = time.monotonic()
hosts = {line.split()[-1] for file in sys.argv[1:split] for line in open(file, encoding="utf-8") if line.strip() and line[0] != "#"}
load = time.monotonic() - started
urls = open(sys.argv[split + 1], encoding="utf-8").read().splitlines()
cpu = time.process_time()
blocked = 0
for url in urls:
    host = url.split("/", 3)[2].partition(":")[0].lower()
    while host and host not in hosts:
        host = host.partition(".")[2]
    blocked += bool(host)
seconds = time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
print(json.dumps({"urls": len(urls), "blocked": blocked, "urls_per_cpu_second": round(len(urls) / seconds), "load_seconds": round(load, 2),
    "peak_mb": peak}))
"""
"""What one would write in a minute: no ports, no punycode, no public suffixes."""


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: real, large."""
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    missing: list[str] = []
    with scratch() as here:
        for name in ("real", "large"):
            if (only and name not in only) or (name == "real" and not REAL.exists()):
                continue
            files = _real(here) if name == "real" else [_large(here, int(ENTRIES * scale))]
            parts[name] = _part(here, name, files, pairs, missing)
            x = parts[name]["curate"]["urls_per_cpu_second"]
            targets[f"{name}: URLs a CPU-second, hosts alone"] = (x, ">= 1,000,000", x >= 1_000_000)
    return {"name": "domains", "parts": parts, "targets": targets, "missing": missing, "versions": versions("numba", "publicsuffixlist")}


def _part(here: Path, name: str, files: list[Path], pairs: int, missing: list[str]) -> dict[str, Any]:
    """Every side on the same lists and URLs; ours first without, then with the compiled table in the cache."""
    many, few = here / f"{name}-urls.txt", here / f"{name}-few.txt"
    _write_urls(files, many, URLS)
    _write_urls(files, few, PEER_URLS)
    command = [sys.executable, "-c", "from bench.domains import ours; ours()", *map(str, files), "--", str(many)]
    env = {"CURATE_CACHE": str(here / "cache"), "NUMBA_CACHE_DIR": str(kernels.folder(cache()))}
    first, out = run(command, env)
    compiled = json.loads(out)
    again = [json.loads(run(command, env)[1]) for _ in range(pairs)]
    best = sorted(again, key=lambda facts: facts["urls_per_cpu_second"])[len(again) // 2]
    part: dict[str, Any] = {
        "entries": compiled["entries"], "compile": {"seconds": compiled["load_seconds"], "peak_mb": first.peak_bytes // 1_000_000},
        "curate": best,
    }  # fmt: skip
    part["set"] = json.loads(run([sys.executable, "-c", SET, *map(str, files), "--", str(few)])[1])
    try:
        side = peer_script("datatrove_urls", "datatrove_urls")
        part["datatrove"] = json.loads(run([*side, *map(str, files), "--", str(few)])[1])
        part["datatrove"]["version"] = peer_version("datatrove_urls", "datatrove")
        part["ours / datatrove"] = round(best["urls_per_cpu_second"] / part["datatrove"]["urls_per_cpu_second"], 1)
    except NotInstalledError as e:
        missing.append(f"datatrove: {e}")
    return part


def ours() -> None:
    """Our side, in a process of its own: lists -- urls, from the command line."""
    import resource
    import time

    import numpy as np
    import pyarrow as pa

    from curation.stage import Batch
    from stages.safety import block_domains as stage
    from stages.safety.lists.table import table_of

    stage.warm_up()
    split = sys.argv.index("--")
    files = sys.argv[1:split]
    started = time.monotonic()
    table = table_of(tuple(("hosts", file) for file in files))
    load = time.monotonic() - started
    words = str(Path(files[0]).parent / "words.txt")
    Path(words).write_text("casino\nporn\nsex\nescort\npoker\nbets\nslots\nnude\n", encoding="utf-8")
    urls = pa.array(Path(sys.argv[split + 1]).read_text(encoding="utf-8").splitlines())
    rates = {}
    blocked = 0
    for name, values in (("urls_per_cpu_second", {}), ("with_words", {"words": {"w": words}})):
        params = stage.Params(lists={"listed": tuple(files)}, **values)
        batches = [pa.table({"url": urls[at : at + 1_024]}) for at in range(0, len(urls), 1_024)]
        for _ in range(2):  # the first time reads the table from the disk
            cpu = time.process_time()
            found = [stage.block_domains(Batch(batch), params)["drop_reason"] for batch in batches]
            rates[name] = round(len(urls) / (time.process_time() - cpu))
        if name == "urls_per_cpu_second":
            blocked = sum(len(column) - column.null_count for column in found)
    memory = dict(line.split(":") for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if line.startswith("Rss"))
    facts = {
        "entries": len(table), "urls": len(urls), "blocked": blocked, **rates, "load_seconds": round(load, 3),
        "table_mb": round(sum(np.asarray(a).nbytes for a in table.arrays()) / 1e6), "private_mb": int(memory["RssAnon"].split()[0]) // 1000,
        "mapped_mb": int(memory["RssFile"].split()[0]) // 1000, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
    }  # fmt: skip
    sys.stdout.write(json.dumps(facts))


def _real(here: Path) -> list[Path]:
    """The lists of ../shared, unpacked."""
    files = []
    for packed in sorted(REAL.glob("*.gz")):
        files.append(here / packed.stem)
        files[-1].write_bytes(gzip.decompress(packed.read_bytes()))
    return files


def _large(here: Path, entries: int) -> Path:
    """A list of made-up hosts, 14 bytes each on average."""
    rng = random.Random(7)
    file = here / "large.txt"
    with open(file, "w", encoding="utf-8") as f:
        for start in range(0, entries, 100_000):
            size = min(100_000, entries - start)
            f.write("".join(f"{rng.getrandbits(44):x}.{SUFFIXES[k % len(SUFFIXES)]}\n" for k in range(size)))
    return file


def _write_urls(files: list[Path], file: Path, count: int) -> None:
    """URLs of made-up hosts, and of listed ones now and then."""
    rng = random.Random(11)
    listed = []
    for path in files:
        with open(path, encoding="utf-8") as f:
            listed += [line.split()[-1] for _, line in zip(range(50_000), f, strict=False) if line.strip() and line[0] != "#"]
    heads = ("www.", "", "blog.", "m.shop.")
    with open(file, "w", encoding="utf-8") as f:
        for k in range(count):
            host = rng.choice(listed) if rng.random() < LISTED else f"site{rng.getrandbits(24)}.{rng.choice(SUFFIXES)}"
            f.write(f"https://{rng.choice(heads)}{host}/section/page-{k}.html?id={k}\n")
