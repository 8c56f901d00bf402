"""What the engine's tests share: small corpora, recipes, runs in this process, hashes of a run's files."""

import json
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from curation.executors.inline import Inline
from curation.executors.processes import Processes
from curation.plan import Plan, snapshot
from curation.recipe import load
from curation.run import Run
from curation.storage import digest, location, run_lock, write_sealed
from curation.tasks.base import Context

ROOT = Path(__file__).resolve().parent.parent.parent
PLUGIN = ROOT / "tests" / "plugin_stages.py"
WORDS = [
    "the", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs",
    "while", "seven", "wizards", "brew", "bitter", "tea", "under", "pale", "stars",
]  # fmt: skip

FULL = """
inputs:
  crawl: {use: parquet, paths: "crawl/*.parquet", carry: [score]}
  extra: {use: jsonl, paths: "extra/*.jsonl"}
steps:
  len:    {use: measure, needs: [crawl, extra], limit: 30}
  route:  {use: split, to: {small: "length < 150", rich: "score is not null and score >= 0.5"}, else: rest}
  loud:   {use: shout, needs: route.small}
  risky:  {use: poison, needs: route.rich}
  twins:  {use: first_of_text, needs: [loud, risky, route.rest]}
  rare:   {use: rare_domains, limit: 2}
  like:   {use: same_opening}
  common: {use: common_words, limit: 5}
  parts:  {use: paragraphs}
  first:  {use: keep, where: "part < 2"}
  sites:  {use: by_domain}
outputs:
  final:  {use: shards, needs: sites}
  docs:   {use: shards, needs: common}
  dealt:  {use: dealt, needs: common, limit: 3_000}
settings: {shadow: 0.2}
"""
"""Every kind of step: two inputs, fan-in, split, row, global (in rounds with state, asking, about shards), expand, keep, regroup, and
one that deals documents to the shards of an output."""


PHASES = """
inputs:
  docs:  {use: parquet, paths: "crawl/*.parquet"}
steps:
  len:   {use: measure, limit: 30}
  words: {use: count_words}
  risky: {use: poison, how: exit}
  twins: {use: first_of_text}
  model: {use: stand_in_model, resources: {gpus: 0.5}}
outputs:
  mix:   {use: mix, needs: model, recipe: mix.yaml}
settings: {shadow: 0.2}
"""
"""Row, emit, reduce and apply tasks, a model, a mix; beside it `phases` writes documents of which three end their worker."""
EVERY_PHASE = ("rows docs", "emit twins", "reduce twins", "rows twins", "rows model", "emit mix", "reduce mix", "rows mix", "gather mix")


def phases(folder, n=120):
    """The recipe PHASES, which knows `node_killer` too, with its documents and its mix."""
    for i in range(4):
        parquet(folder / "crawl" / f"{i}.parquet", documents(n, seed=i, poison={0: {7, 90}, 2: {33}}.get(i, ())), row_group_size=30)
    (folder / "mix.yaml").write_text('entries:\n  short: {where: "length < 150", weight: 1}\n  long: {where: "true", weight: 2}\n')
    file = folder / "recipe.yaml"
    file.write_text(f"name: phases\nplugins: [{PLUGIN}, {Path(__file__).with_name('node_killer.py')}]\n{PHASES}")
    return file


def documents(n, seed=0, poison=(), urls=60):
    """n documents: some equal texts, some short, some of several paragraphs; `poison` rows hold the trigger."""
    rng = random.Random(seed)
    rows = []
    for i in range(n):
        text = " ".join(rng.choice(WORDS) for _ in range(rng.choice([3, 12, 30, 60])))
        if rng.random() < 0.3:
            text += "\n\n" + " ".join(rng.choice(WORDS) for _ in range(10)) + "\n\nlast part"
        if rng.random() < 0.15:
            text = f"the same boilerplate text number {rng.randrange(5)} appears again and again in this corpus"
        if i in poison:
            text = f"POISON {i} " + text
        rows.append({
            "url": f"https://site{rng.randrange(urls)}.example{rng.randrange(3)}.com/",
            "date": datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seed * 1_000_000 + i),
            "text": text,
            "score": rng.random() if rng.random() < 0.9 else None,
        })  # fmt: skip
    return rows


SCHEMA = pa.schema({"url": pa.string(), "date": pa.timestamp("us", tz="UTC"), "text": pa.large_string(), "score": pa.float64()})


def parquet(path, rows, row_group_size=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path, row_group_size=row_group_size)
    return path


def jsonl(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({**r, "date": r["date"].isoformat()}) + "\n" for r in rows))
    return path


def corpus(folder, files=3, n=250, seed=0):
    """crawl/*.parquet and extra/*.jsonl under a folder."""
    for i in range(files):
        parquet(folder / "crawl" / f"{i}.parquet", documents(n, seed=seed * 100 + i))
    for i in range(2):
        jsonl(folder / "extra" / f"{i}.jsonl", documents(n // 2, seed=seed * 100 + 50 + i))
    return folder


def recipe(folder, text, name="recipe"):
    """Write a recipe that knows the test stages."""
    file = folder / f"{name}.yaml"
    file.write_text(f"name: {name}\nplugins: [{PLUGIN}]\n{text}")
    return file


def run(file, out, workers=0, overrides=None, start=None, **options):
    """Run a recipe in this process (workers=0), in worker processes, or by `start(plan, out, plan_file)`; returns the finished Run."""
    plan = Plan(load(file, overrides or {}), **options)
    plan.check_files()
    out = location(str(out))
    with run_lock(out):
        saved = snapshot(plan)
        plan_file = out / "work" / f"plan-{digest(saved)[:12]}.json"
        write_sealed(plan_file, saved)
        if start:
            executor = start(plan, out, plan_file)
        else:
            executor = Processes(plan_file, workers, plan.recipe.settings.limits) if workers else Inline(Context(plan, out))
        it = Run(plan, out, executor)
        try:
            it.walk()
        finally:
            executor.close()
    return it


class Stop(BaseException):
    """The driver ends here."""


class Stopper:
    """Ends the driver at a write: `before` or after the call that is the `left`-th from now, of all functions it was put around."""

    def __init__(self):
        self.left, self.before = 0, None

    def around(self, real):
        def call(*arguments, **keywords):
            self.left -= 1
            if self.left == 0 and self.before:
                raise Stop
            result = real(*arguments, **keywords)
            if self.left == 0:
                raise Stop
            return result

        return call


def tree(out, *folders):
    """Name -> hash of every file under folders of a run."""
    found = {}
    for folder in folders or ("outputs", "dropped", "failed"):
        for path in sorted((Path(out) / folder).rglob("*")):
            if path.is_file():
                found[str(path.relative_to(out))] = xxhash.xxh3_128_hexdigest(path.read_bytes())
    return found


def rows(out, *parts):
    """All rows of the Parquet files under a folder of a run."""
    tables = [pq.read_table(p) for p in sorted(Path(out).joinpath(*parts).rglob("*.parquet"))]
    return [row for table in tables for row in table.to_pylist()]


def ids(out, *parts):
    return sorted(row["id"] for row in rows(out, *parts))


def steps(out):
    """Step name -> what the manifest says of it."""
    return {s["name"]: s for s in json.loads((Path(out) / "run.json").read_text())["steps"]}


def ran(it):
    """Task group -> tasks that were not reused."""
    return {name: total - known for name, (total, known) in it.tasks.items() if total > known}


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def command(*arguments):
    import sys

    return [sys.executable, "-m", "curation.cli", *map(str, arguments)]
