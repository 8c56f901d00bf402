"""`curate what-if` on small runs, held against the runs it stands for: how often its intervals cover what is really won.

A corpus has 600 documents with three measures that go together, as those of good and bad pages do, and a filter for each. A run keeps a
shadow sample; what-if is asked what looser bounds of the first filters win, the filters behind them being as they were or changed, too. The
truth is a run with those bounds. What is lost is exact and must be equal.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.measure import versions
from curation.executors.inline import Inline
from curation.inspect.opened import open_run
from curation.inspect.what_if import what_if
from curation.plan import Plan, snapshot
from curation.recipe import load
from curation.run import Run
from curation.storage import digest, run_lock, write_sealed
from curation.tasks.base import Context

OPTIONS = {"seeds": "FIRST:LAST of the corpora (0:100)"}
PLUGIN = """
import pyarrow as pa
import pyarrow.compute as pc
from curation.rules import Bound
from curation.stage import PerGroup, StageParams, stage


class Params(StageParams):
    least: PerGroup[float | None] = {least}
    most: PerGroup[float | None] = {most}
    unit: int = 1


@stage(
    reads=["{name}"], writes={{"{name}_measure": pa.float32()}},
    rules=(Bound("low", "{name}_measure", least="least"), Bound("high", "{name}_measure", most="most")),
)
def of_{name}(batch, params):
    return {{"{name}_measure": pc.cast(pc.divide(batch["{name}"], params.unit), pa.float32())}}
"""
"""Stages `of_a`, `of_b`, `of_c`: each judges a carried column."""
RECIPE = """
name: what_if
plugins: [of_a.py, of_b.py, of_c.py]
settings: {{shadow: {shadow}}}
"""
INPUTS = """
inputs: {docs: {use: parquet, paths: "docs/*.parquet", carry: [lang, profile, a, b, c, n_tokens]}}
"""
GRAPH = """
outputs: {o: {use: shards}}
steps:
  first: {use: of_a}
  route: {use: split, to: {code: "profile is not null and profile = 'code'"}, else: web}
  second: {use: of_b, needs: route.web}
  best: {use: keep, where: 'c is not null and c >= 20', needs: [second, route.code]}
  third: {use: of_c}
"""
ASKED: tuple[dict[str, Any], ...] = (
    {"first.least": 20}, {"first.least": 30, "second.least": 30}, {"first.least": 30, "third.least": 45, "third.most": 90},
)  # fmt: skip
SHADOWS = (0.05, 0.2, 0.5)


def documents(folder: Path, n: int, seed: int = 0) -> None:
    """Write documents with three measures that go together, half of them of code, in three languages, and the stages that judge them."""
    rng = np.random.default_rng(seed)
    common = rng.normal(50, 15, n)
    table: dict[str, Any] = {name: np.clip(common + rng.normal(0, 15, n), 0, 100).round(1) for name in "abc"}
    table["text"] = [f"{random.Random(f'{seed}/{k}').random()} " * (1 + k % 7) for k in range(n)]
    table |= {"id": [f"{seed}/{k}" for k in range(n)], "n_tokens": rng.integers(1, 500, n)}
    table |= {"lang": rng.choice(["en", "de", "zh"], n), "profile": rng.choice(["web", "code"], n)}
    (folder / "docs").mkdir(parents=True)
    for k in range(2):
        pq.write_table(pa.table(table).slice(k * n // 2, n // 2), folder / "docs" / f"{k}.parquet")
    for name, least, most in (("a", 40, 90), ("b", 45, None), ("c", 30, 80)):
        (folder / f"of_{name}.py").write_text(PLUGIN.format(name=name, least=least, most=most))


def run(
    folder: Path, changes: dict[str, Any], shadow: float = 1, more: str = "", graph: str = GRAPH, inputs: str = INPUTS
) -> Path:
    """A run over the folder's documents, in this process; returns where it is."""
    recipe = folder / "recipe.yaml"
    recipe.write_text(f"{RECIPE.format(shadow=shadow)}{inputs}\n{graph}{more}")
    plan = Plan(load(recipe, changes))
    out = folder / f"run-{digest(sorted(changes.items()), shadow, more, graph, inputs)[:12]}"
    with run_lock(out):
        write_sealed(out / "work" / "plan-0.json", snapshot(plan))
        Run(plan, out, Inline(Context(plan, out))).walk()
    return out


def kept(out: Path) -> dict[str, dict[str, Any]]:
    """Output rows by id."""
    return {row["id"]: row for row in open_run(out).table("outputs", ["id", "lang", "n_tokens", "text"]).to_pylist()}


def total(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Documents, bytes and tokens of output rows."""
    return {"documents": len(rows), "bytes": sum(len(r["text"].encode()) for r in rows), "tokens": sum(r["n_tokens"] for r in rows)}


def measure(scale: float, pairs: int, only: list[str], seeds: str | None) -> dict[str, Any]:
    """Share of intervals that cover, and their widths, by share of shadows."""
    first, last = map(int, (seeds or "0:100").split(":"))
    covered: dict[float, dict[str, list[bool]]] = {s: {w: [] for w in ("documents", "bytes", "tokens", "by language")} for s in SHADOWS}
    widths: dict[float, list[float]] = {s: [] for s in SHADOWS}
    wrong = asked = 0
    for seed in range(first, first + max(1, round((last - first) * scale))):
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            documents(folder, 600, seed)
            changes = ASKED[seed % len(ASKED)]
            after = kept(run(folder, changes, 0))
            for shadow in SHADOWS:
                out = run(folder, {}, shadow)
                before, report = kept(out), what_if(open_run(out), changes)
                won = [after[i] for i in after.keys() - before.keys()]
                wrong += report["lost"] != total([before[i] for i in before.keys() - after.keys()])
                asked += 1
                for what, truth in total(won).items():
                    covered[shadow][what].append(_covers(report["won"][what], truth))
                for entry in report["by_lang"]:
                    truth = sum(r["lang"] == entry["lang"] for r in won)
                    covered[shadow]["by language"].append(_covers(entry["won"]["documents"], truth))
                widths[shadow].append((report["won"]["documents"]["high"] - report["won"]["documents"]["low"]) / max(1, len(won)))
    parts = {
        f"shadow {shadow}": {
            **{what: f"{100 * np.mean(found):.1f} % of {len(found)} intervals cover" for what, found in covered[shadow].items()},
            "width": f"{np.median(widths[shadow]):.2f} of the documents won (median)",
        }
        for shadow in SHADOWS
    }
    level = [100 * float(np.mean(covered[shadow]["documents"])) for shadow in SHADOWS]
    targets = {
        "coverage of documents won, least": (f"{min(level):.1f} %", "at least 93 %", min(level) >= 93),
        "documents lost that differ from the run": (wrong, 0, wrong == 0),
    }
    return {"name": "what_if", "parts": parts, "targets": targets, "asked": asked, "versions": versions("pyarrow", "numpy")}


def _covers(value: dict[str, Any], truth: int) -> bool:
    return bool(value["low"] <= truth and (value["high"] is None or truth <= value["high"]))
