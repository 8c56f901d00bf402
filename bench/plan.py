"""The driver alone: `curate plan` over 100,000 shards, and the resume check over 100,000 finished tasks."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import HERE, Usage, cache, corpus, curate, run, scratch, versions, write_recipe

SHARDS = 100_000
PER_FOLDER = 1_000
KEEPS = [
    "len(text) > 1",
    "len(text) > 2",
    "len(text) > 3",
    "url is null or len(url) > 1",
    "len(text) > 4",
    "len(text) > 5",
    "len(text) > 6",
    "len(text) > 7",
]


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: plan, packed, segments, loose."""
    shards = int(SHARDS * scale)
    folder = shard_files(shards)
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    with scratch() as here:
        if not only or "plan" in only:
            parts["plan"] = _plan(here, recipe(here, "plan", folder, True, "pack_bytes: 0"), pairs)
            _judge(targets, parts["plan"], "plan, 10 steps, one task a shard", 5)
        if not only or "packed" in only:
            parts["packed"] = _plan(here, recipe(here, "packed", folder, True, "shadow: 0.001"), pairs)
            _judge(targets, parts["packed"], "plan, 10 steps, small shards packed (default)", 5)
        for kind in ("segments", "loose"):
            if not only or kind in only:
                parts[kind] = _resume(here, recipe(here, kind, folder, False, "pack_bytes: 0"), kind, shards, pairs)
                _judge(targets, parts[kind], f"resume check, records in {kind}", 10)
    corpus_facts = {"documents": 2 * shards, "mean_bytes": 200, "shards": shards}
    first = next(iter(parts.values()))
    per_second = round(shards / first["warm_cpu_seconds"], 1)
    return {
        "name": "plan", "corpus": corpus_facts,
        "ours": {"documents_per_cpu_second": per_second, "mb_per_cpu_second": 0.0, "unit": "shards"},
        "peers": {}, "ratios": {}, "parts": parts, "targets": targets, "versions": versions("pydantic", "pyyaml"),
    }  # fmt: skip


def _judge(targets: dict[str, Any], part: dict[str, Any], label: str, seconds: float) -> None:
    targets[f"{label}: warm, seconds"] = (part["warm_seconds"], f"< {seconds}", part["warm_seconds"] < seconds)
    targets[f"{label}: peak MB"] = (part["peak_mb"], "< 500", part["peak_mb"] < 500)


def shard_files(shards: int) -> Path:
    """Folder of that many small Parquet files (two documents each), 1,000 to a folder; made once."""
    folder = cache() / "bench-corpora" / f"shards-{shards}"
    done = folder / "done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        made, _ = corpus(documents=2, mean_bytes=200, columns=["id", "url"])
        data = (made / "part-00000.parquet").read_bytes()
        for i in range(shards):
            if i % PER_FOLDER == 0:
                inner = folder / f"{i // PER_FOLDER:05d}"
                inner.mkdir(parents=True)
            (inner / f"{i:06d}.parquet").write_bytes(data)
        done.touch()
    return folder


def recipe(here: Path, name: str, folder: Path, shuffle: bool, setting: str) -> str:
    """Ten steps: eight rules, a row stage, and a global or one more row stage."""
    steps = [f'  k{i}: {{use: keep, where: "{rule}"}}' for i, rule in enumerate(KEEPS)]
    steps.insert(4, "  work: {use: busy}")
    steps.insert(6, "  twins: {use: first_text}" if shuffle else '  k9: {use: keep, where: "len(text) > 8"}')
    text = "\n".join([
        f"name: {name}", f"plugins: [{HERE / 'stages_for_bench.py'}]", f'inputs: {{docs: {{use: parquet, paths: "{folder}/*/*.parquet"}}}}',
        "steps:", *steps, "outputs: {written: {use: shards}}", f"settings: {{{setting}}}",
    ])  # fmt: skip
    return write_recipe(here, name, text)


def _plan(here: Path, file: str, pairs: int) -> dict[str, Any]:
    """`curate plan` with an empty hash cache, then with a full one."""
    private = {"CURATE_CACHE": str(here / "cold-cache")}
    shutil.rmtree(here / "cold-cache", ignore_errors=True)
    command = curate("plan", file, "--json", "--out", str(here / "nothing"))
    cold, _ = run(command, private)
    warm = []
    for _ in range(pairs):
        used, out = run(command, private)
        warm.append(used)
    return {"tasks": sum(s["tasks"] for s in json.loads(out)["steps"]), "cold_seconds": round(cold.wall_seconds, 2), **_figures(warm)}


def _figures(warm: list[Usage]) -> dict[str, Any]:
    return {
        "warm_seconds": round(median(u.wall_seconds for u in warm), 2), "warm_cpu_seconds": round(median(u.cpu_seconds for u in warm), 2),
        "peak_mb": round(max(u.peak_bytes for u in warm) / 1e6),
    }  # fmt: skip


def _resume(here: Path, file: str, kind: str, shards: int, pairs: int) -> dict[str, Any]:
    """`curate plan` and a `curate run` that finds nothing to do, over records made by `fake`."""
    out = here / f"out-{kind}"
    made, said = run([sys.executable, "-m", "bench.plan", "fake", file, str(out), kind])
    plans = []
    for _ in range(pairs):
        used, text = run(curate("plan", file, "--json", "--out", str(out)))
        plans.append(used)
        todo = [s["name"] for s in json.loads(text)["steps"] if not s["reuse"]]
        if todo:
            raise AssertionError(f"steps {todo} would run again")
    again, _ = run(curate("run", file, "-x", "inline", "--json", "--out", str(out)))
    shutil.rmtree(out)
    return {
        "tasks": shards, **_figures(plans),
        "idle_run_seconds": round(again.wall_seconds, 2), "idle_run_peak_mb": round(again.peak_bytes / 1e6),
        **json.loads(said), "first_run_peak_mb": round(made.peak_bytes / 1e6),
    }  # fmt: skip


def fake(file: str, out: str, kind: str) -> None:
    """Walk a plan with an executor that writes records and does no work; prints the driver's seconds a task.

    The records are those of `Ledger.commit`, without its fsync. `loose` keeps the driver from folding
    them into segments.
    """
    from curation import ledger, storage
    from curation.plan import Plan, snapshot
    from curation.recipe import load
    from curation.run import Run

    def write(path: Path, data: bytes) -> bool:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return True

    vars(ledger)["write_once"] = write
    if kind == "loose":
        vars(ledger)["SEGMENT_RECORDS"] = 1 << 60
    plan, folder = Plan(load(file)), Path(out)
    steps = {p.name: [s.name for s in p.steps] for p in plan.passes.values()}
    account = ledger.Account(documents_in=2, kept=2, bytes_in=400, cpu_seconds=0.000123).plain()
    stats = {
        "verdicts": {"kept": {"bytes": 400, "documents": 2, "by": {"domain": {"the0.example": [2, 400]}, "source": {"docs": [2, 400]}}}}
    }
    facts = {"bytes": 2_000, "rows": 2, "xxh3": "0" * 32, "footer": 0}
    spent = 0.0

    class Fake:
        """Finishes every task at once."""

        def map(self, work: Any, quarantine: Any) -> Any:
            nonlocal spent
            for task in work:
                started = time.monotonic()
                head = {"key": task["key"], "kind": task["kind"]}
                name = {"file": f"{task['key']}.0123456789abcdef.parquet", **facts}
                if task["kind"] == "rows":
                    port = plan.passes[task["pass"]].exits[0]
                    head |= {
                        "steps": dict.fromkeys(steps[task["pass"]], account), "outputs": {port: {**name, "text_bytes": 400}},
                        "shadow": {},
                    }  # fmt: skip
                    told = dict.fromkeys(steps[task["pass"]], stats)
                else:
                    rows = sum(s["rows"] for s in task["shards"])
                    head |= {"steps": {}, "outputs": {"shards": {**name, "rows": rows}}}
                    path = folder / "work" / task["folder"] / "shards" / name["file"]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
                    told = {}
                ledger.Ledger.commit(folder / "work" / task["folder"], task["key"], head, told)
                spent += time.monotonic() - started
                yield task

        def close(self) -> None: ...

    storage.write_json(folder / "work" / "plan-bench.json", snapshot(plan))
    started = time.monotonic()
    Run(plan, folder, Fake()).walk()
    seconds = time.monotonic() - started
    print(json.dumps({"first_run_driver_seconds": round(seconds - spent, 1)}))


if __name__ == "__main__" and sys.argv[1:2] == ["fake"]:
    fake(*sys.argv[2:5])
    os._exit(0)
