"""`curate stats` over 10,000 tasks, and what it costs the driver to write what that reads; the same for 10^6 tasks with small records."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import HERE, curate, run, scratch, versions, write_recipe

TASKS = {"realistic": 10_000, "small": 1_000_000}
DOCUMENTS = {"realistic": 25_000, "small": 2}
"""Of a task."""
FILES = 100
STEPS = 18
METRICS = 40
DOMAINS = 1_000_000
TEMPLATES = 256
"""Different records: as many as a group has."""


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Records of a pass of 18 rules, as tasks of 25,000 documents leave them (1,000 domains a verdict), or of 2."""
    parts, targets = {}, {}
    for kind in only or TASKS:
        tasks = int(TASKS[kind] * scale)
        with scratch() as here:
            folder = here / "files"
            folder.mkdir()
            for i in range(FILES):
                (folder / f"{i:03d}.parts").write_text(f"{i}\n")
            rules = ", ".join(f'k{i}: {{use: keep, where: "len(text) > {i}"}}' for i in range(STEPS))
            file = write_recipe(here, "stats", "\n".join([
                "name: stats", f"plugins: [{HERE / 'stages_for_bench.py'}]",
                f'inputs: {{docs: {{use: many_parts, paths: "{folder}/*.parts", parts: {tasks // FILES}}}}}',
                f"steps: {{{rules}}}", "outputs: {written: {use: shards}}", "settings: {pack_bytes: 0}",
            ]))  # fmt: skip
            out = here / "out"
            made, said = run([sys.executable, "-m", "bench.stats", "fake", file, str(out), kind])
            part = {"tasks": tasks, **json.loads(said), "driver_peak_mb": round(made.peak_bytes / 1e6)}
            asked = {"stats": [], "stats --by domain": ["--by", "domain"], "stats --against itself": ["--against", str(out)]}
            for name, options in asked.items():
                used = [run(curate("stats", str(out), *options))[0] for _ in range(max(3, pairs))]
                part[f"{name}, seconds"] = round(median(u.wall_seconds for u in used), 2)
                part[f"{name}, CPU-seconds"] = round(median(u.cpu_seconds for u in used), 2)
            accounts = json.loads(run(curate("stats", str(out), "--by", "reason", "--json"))[1])
            if sum(row["counts"][0] for row in accounts["rows"]) != sum(sum(s["dropped"].values()) for s in accounts["steps"]):
                raise AssertionError("what was dropped by reason is not what the accounts say")
            parts[kind] = part
            targets[f"curate stats, {tasks:,} tasks, process start included, seconds"] = (
                part["stats, seconds"], "< 2", part["stats, seconds"] < 2,
            )  # fmt: skip
    return {"name": "stats", "parts": parts, "targets": targets, "versions": versions("pyarrow", "pydantic")}


def record(seed: int, documents: int, verdicts: dict[str, str]) -> tuple[dict[str, int], dict[str, Any]]:
    """Stats of a task, and how many documents each step drops: domains and languages follow a power law.

    verdicts: step -> drop reason.
    """
    import numpy as np

    from curation.ledger import OTHERS, TOP_VALUES

    rng = np.random.default_rng(seed)
    domains = rng.zipf(1.4, documents) % DOMAINS
    langs, months = np.minimum(rng.zipf(1.7, documents), 200), rng.integers(0, 12, documents)
    ends = rng.choice(STEPS + 2, documents, p=[0.03] * STEPS + [0.23, 0.23])  # two thirds of what is left is kept

    def entry(mask: Any) -> dict[str, Any]:
        by = {}
        named = {"domain": (domains, "site{}.example"), "lang": (langs, "l{}"), "date": (months, "2024-{:02d}"), "source": (langs * 0, "s")}
        for dimension, (values, form) in named.items():
            found, counts = np.unique(values[mask], return_counts=True)
            order = np.argsort(-counts, kind="stable")
            top = {form.format(v): [n, 3_000 * n, 700 * n] for v, n in zip(found[order].tolist(), counts[order].tolist(), strict=True)}
            rest = list(top.items())[TOP_VALUES:]
            by[dimension] = dict(list(top.items())[:TOP_VALUES])
            if rest:
                by[dimension][OTHERS] = [sum(counts[i] for _, counts in rest) for i in (0, 1, 2)]
        n = int(mask.sum())
        return {"documents": n, "bytes": 3_000 * n, "tokens": 700 * n, "by": by}

    stats: dict[str, Any] = {"docs": {"verdicts": {"in": entry(ends >= 0)}}}
    dropped = {}
    for i, (step, reason) in enumerate(verdicts.items()):
        if n := int((ends == i).sum()):
            dropped[step] = n
            stats[step] = {"verdicts": {reason: entry(ends == i)}}
    last = stats.setdefault(list(verdicts)[-1], {})
    last.setdefault("verdicts", {})["kept"] = entry(ends >= STEPS)
    bins = rng.integers(300, 700, (METRICS, 60))
    metrics = METRICS if documents > 100 else 2
    last["metrics"] = {f"metric_{i}": {str(b): [b % 97, b % 13] for b in bins[i].tolist()} for i in range(metrics)}
    return dropped, stats


def fake(file: str, out: str, kind: str) -> None:
    """Walk a plan with an executor that writes records and does no work, but for adding them up; prints seconds."""
    from curation import ledger, tasks
    from curation.plan import Plan
    from curation.recipe import load
    from curation.run import Run
    from curation.storage import seal
    from curation.sums import STATS_FILE
    from curation.tasks.base import Context

    plan, folder = Plan(load(file)), Path(out)
    (only,) = plan.passes.values()
    documents = DOCUMENTS[kind]
    templates = []
    for seed in range(TEMPLATES):
        dropped, stats = record(seed, documents, {s.name: "where_false" for s in only.steps[1:]})
        steps, left = {}, documents
        for step in only.steps:
            gone = dropped.get(step.name, 0)
            account = ledger.Account(left, kept=left - gone, cpu_seconds=0.1)
            account.dropped.update({"where_false": gone} if gone else {})
            left -= gone
            steps[step.name] = account.plain()
        templates.append((steps, left, seal(stats)))
    port, seconds = only.exits[0], {"executor": 0.0, "sum": 0.0}

    class Fake:
        """Finishes every task at once; really adds up."""

        def map(self, work: Any, quarantine: Any) -> Any:
            for task in work:
                started = time.process_time()
                if task["kind"] == "sum":
                    tasks.run(Context(plan, folder), task)
                    seconds["sum"] += time.process_time() - started
                else:
                    self.record(task)
                    seconds["executor"] += time.process_time() - started
                yield task

        def record(self, task: Any) -> None:
            name = {"file": f"{task['key']}.0123456789abcdef.parquet", "bytes": 2_000, "xxh3": "0" * 32, "footer": 0}
            head, line = {"key": task["key"], "kind": task["kind"]}, seal({})
            if task["kind"] == "rows":
                steps, left, line = templates[int(task["key"][:8], 16) % TEMPLATES]
                head |= {"steps": steps, "outputs": {port: {**name, "rows": left, "text_bytes": 400}} if left else {}, "shadow": {}}
            else:
                head |= {"steps": {}, "outputs": {"shards": {**name, "rows": sum(s["rows"] for s in task["shards"])}}}
                path = folder / "work" / task["folder"] / "shards" / name["file"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            path = folder / "work" / task["folder"] / "records" / f"{task['key']}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(seal(head) + b"\n" + line + b"\n")

        def close(self) -> None: ...

    walk: Any = Run(plan, folder, Fake())
    whole, real = time.process_time(), walk._sum

    def timed(*arguments: Any) -> None:
        started = time.process_time()
        real(*arguments)
        seconds["driver's sums"] = time.process_time() - started - seconds["sum"]

    walk._sum = timed
    walk.walk()
    total = time.process_time() - whole
    groups = sum(n for label, (n, _) in walk.tasks.items() if label.endswith(" sum"))
    print(json.dumps({
        "bytes of stats a record": round(sum(len(line) for _, _, line in templates) / TEMPLATES),
        "sum tasks": groups, "CPU-seconds of them together": round(seconds["sum"], 1),
        "driver, CPU-seconds to place and add up the groups": round(seconds["driver's sums"], 2),
        "driver, CPU-seconds in all but for the sums": round(total - sum(seconds.values()), 1),
        "stats.json, MB": round((folder / STATS_FILE).stat().st_size / 1e6, 2),
    }))  # fmt: skip


if __name__ == "__main__" and sys.argv[1:2] == ["fake"]:
    fake(*sys.argv[2:5])
    os._exit(0)
