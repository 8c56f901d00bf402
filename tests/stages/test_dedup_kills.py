"""Every stage of stages/dedup, decontaminate and mix: stopped in each phase, by exception and by kill -9, it goes on to the same bytes."""

import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "engine"))
from engine_kit import command, environment, recipe, run, steps, tree

from curation import ledger

LABELS = ("outputs", "dropped", "failed", "superseded", "states")
D, FILES = 8, 4
INPUTS = 'inputs: {docs: {use: parquet, paths: "docs/*", carry: [embedding, n_tokens]}}\n'
SMALL = "settings: {shuffle: {reduce_bytes: 8000, spill_bytes: 20000}}\n"
MIX = """
entries: {short: {where: 'n_tokens is not null and n_tokens < 230', weight: 1}, rest: {where: 'true', weight: 2}}
validation: {share: 0.1}
"""
STAGES = {
    "dedup_urls": "", "dedup_exact": "", "dedup_minhash": "", "dedup_lines": "more_than: 3", "dedup_spans": "",
    "dedup_semantic": "centroids: centroids.npy", "decontaminate": "benchmarks: {b: items.txt}, n: 5, max_docs: 20, max_share: null",
    "mix": "recipe: shares.yaml, tokens: 4000, seed: 1, shard_tokens: 700",
}  # fmt: skip
PHASES = {"dedup_minhash": {"emit", "reduce", "recall", "rows", "state"}, "mix": {"emit", "reduce", "rows", "gather"}}
"""Kinds of a stage's tasks, where it has more than most."""


def step(use):
    return f"{{use: {', '.join([use, *([STAGES[use]] if STAGES[use] else [])])}}}"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Documents of which some share a URL, a text, most of a text, lines, sentences, or a direction."""
    folder, rng, numbers = tmp_path_factory.mktemp("dedup"), random.Random(0), np.random.default_rng(0)
    words = [f"word{i}" for i in range(500)]
    sentence = lambda n: " ".join(rng.choice(words) for _ in range(n)).capitalize() + "."  # noqa: E731
    lines, spans, texts, topics = [sentence(6) for _ in range(4)], [" ".join(sentence(5) for _ in range(3)) for _ in range(3)], [], []
    made = []
    for i in range(150):
        text = "\n".join([*rng.sample(lines, 2), sentence(30), rng.choice(spans) + " " + sentence(20), sentence(40)])
        if i > 30 and rng.random() < 0.4:
            given = rng.choice(texts).split(" ")
            given[rng.randrange(len(given))] = rng.choice(words)
            text = " ".join(given) if rng.random() < 0.6 else rng.choice(texts)
        texts.append(text)
        topics.append(numbers.normal(size=D) if i < 60 or rng.random() < 0.5 else topics[rng.randrange(60)] + 0.01 * numbers.normal(size=D))
        made.append({
            "url": f"https://site{i % 9}.example/{rng.randrange(100)}", "date": datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=i % 40),
            "text": text, "embedding": topics[-1].astype(np.float32).tolist(), "n_tokens": len(text) // 4,
        })  # fmt: skip
    schema = pa.schema({
        "url": pa.string(), "date": pa.timestamp("us", "UTC"), "text": pa.large_string(), "embedding": pa.list_(pa.float32()),
        "n_tokens": pa.int64(),
    })  # fmt: skip
    (folder / "docs").mkdir()
    for n in range(FILES):
        pq.write_table(pa.Table.from_pylist(made[n::FILES], schema=schema), folder / "docs" / f"{n}.parquet")
    (folder / "items.txt").write_text("\n".join([lines[0], *(made[n]["text"].replace("\n", " ") for n in range(0, 150, 10))]))
    (folder / "shares.yaml").write_text(MIX)
    np.save(folder / "centroids.npy", numbers.normal(size=(3, D)).astype(np.float32))
    return folder


class Stop(BaseException):
    """The driver ends."""


@pytest.mark.parametrize("use", STAGES)
def test_stopped_before_and_after_a_record_of_each_phase(corpus, tmp_path, monkeypatch, use):
    file = recipe(corpus, f"{INPUTS}steps: {{it: {step(use)}}}\n{SMALL}", name=use)
    seen, at, real = [], None, ledger.Ledger.commit

    def commit(folder, key, head, stats):
        kind = f"{head['kind']}" if folder.name.startswith("it") else "other"
        seen.append(kind)
        stops = at is not None and kind == at[0] and seen.count(kind) == 2
        if stops and at[1]:
            raise Stop
        real(folder, key, head, stats)
        if stops:
            raise Stop

    monkeypatch.setattr(ledger.Ledger, "commit", staticmethod(commit))
    run(file, tmp_path / "calm")
    wanted, phases = tree(tmp_path / "calm", *LABELS), set(seen) - {"other"}
    done = steps(tmp_path / "calm")["it"]
    assert sum(done["dropped"].values()) or any(note.startswith(("lines removed", "sentences removed")) for note in done["notes"])
    assert phases >= PHASES.get(use, {"emit", "reduce", "rows"})
    for kind in sorted(k for k in phases if seen.count(k) >= FILES):
        out = tmp_path / kind
        for at in ((kind, True), (kind, False)):  # noqa: B007 - read by `commit`
            seen.clear()
            with pytest.raises(Stop):
                run(file, out)
        at = None
        seen.clear()
        run(file, out)
        assert seen, "something was left to do"
        assert tree(out, *LABELS) == wanted


KILLER = """
import os, signal
from curation import ledger
from curation.stage import stage

NOTES, real = {notes!r}, ledger.Ledger.commit

def commit(folder, key, head, stats):
    for note in os.listdir(NOTES):
        step, kind, when, who = note.split()
        if not folder.name.startswith((step + ".", step + "-")) or head["kind"] != kind:
            continue
        try:
            os.unlink(f"{{NOTES}}/{{note}}")
        except FileNotFoundError:
            continue  # the other worker was faster
        if when == "after":
            real(folder, key, head, stats)
        os.kill(0 if who == "all" else os.getpid(), signal.SIGKILL)
    real(folder, key, head, stats)

ledger.Ledger.commit = staticmethod(commit)

@stage(reads=["text"], writes={{}})
def killer(batch, params):
    return {{}}
"""
"""A plug-in, so that every worker loads it: at the first record of a step and kind it ends that worker, or all processes, once a note."""
KILLS = [
    ["dedup_urls emit before all"],
    ["dedup_exact reduce before worker", "dedup_minhash emit after worker", "dedup_minhash recall before all"],
    ["dedup_minhash state after worker", "dedup_lines emit before worker", "dedup_lines reduce after all"],
    ["dedup_spans rows before worker", "dedup_semantic reduce after worker", "dedup_semantic rows before all"],
    ["decontaminate emit before worker", "decontaminate reduce after worker", "decontaminate rows before worker",
     "mix emit after worker", "mix reduce before worker", "mix rows before worker", "mix gather before all"],
    [],
]  # fmt: skip
"""Notes of one start each."""


@pytest.mark.slow
def test_kill_workers_and_driver_in_a_chain_of_all_stages(corpus, tmp_path):
    notes, plugin = tmp_path / "notes", tmp_path / "killer.py"
    notes.mkdir()
    plugin.write_text(KILLER.format(notes=str(notes)))
    chain = "".join(f"  {use}: {step(use)}\n" for use in STAGES)
    file = recipe(corpus, f"{INPUTS}steps:\n{chain}{SMALL}", name="chain")
    run(file, tmp_path / "calm")
    wanted, out = tree(tmp_path / "calm", *LABELS), tmp_path / "out"
    file.write_text(file.read_text().replace("plugins: [", f"plugins: [{plugin}, "))
    for mine in KILLS:
        for note in mine:
            (notes / note).touch()
        process = subprocess.Popen(
            command("run", file, "--out", out, "-j", 2), env=environment(), start_new_session=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        _, said = process.communicate()
        assert not os.listdir(notes), said.decode()
        assert process.returncode == (-signal.SIGKILL if mine else 0), said.decode()
    assert tree(out, *LABELS) == wanted
    assert os.listdir(out / "states") == ["dedup_minhash"]
