"""A page that raises, crashes, hangs or eats memory costs that page and nothing else."""

import json
import os
import signal
import threading
import time

import pytest
from engine_kit import PLUGIN, documents, ids, parquet, recipe, rows, run, steps, tree
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import FailedShareError, TaskError
from curation.executors import inline, processes
from curation.recipe import MaxFailed
from curation.workers import MAX_DEATHS, PLAIN_LOSSES, Job, Quarantine

POISON = {33, 41}
KILLERS = {
    "segfault": ("crashed", "SIGSEGV"),
    "exit": ("crashed", "status 3"),
    "hang": ("cpu_limit", "CPU time"),
    "sleep": ("idle_limit", "stood still"),
    "memory": ("memory_limit", "memory"),
}
LIMITS = {
    "hang": {"settings.limits.cpu_seconds": 1.5},
    "sleep": {"settings.limits.idle_seconds": 3},
    "memory": {"settings.limits.memory_bytes": 1_200_000_000},
}

ROW = """
inputs: {{docs: {{use: parquet, paths: "crawl/*"}}}}
steps:
  len: {{use: measure, limit: 25}}
  bad: {{use: {stage}, how: {how}}}
  keep: {{use: keep, where: "length > 40"}}
settings: {{shadow: 0}}
"""
GLOBAL = """
inputs: {{docs: {{use: parquet, paths: "crawl/*"}}}}
steps:
  len: {{use: measure, limit: 25}}
  bad: {{use: {stage}, how: {how}}}
settings: {{shadow: 0}}
"""


@pytest.fixture
def starts(monkeypatch):
    """One entry for each worker process started."""
    made = []

    class Counted(processes.Worker):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(processes, "Worker", Counted)
    return made


def setting(tmp_path, text, how, stage="poison", poison=frozenset(POISON), group=16):
    for i in range(2):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(120, seed=i, poison=poison if i == 0 else ()), row_group_size=group)
    return recipe(tmp_path, text.format(how=how, stage=stage))


def check(tmp_path, file, reason, detail, clean_overrides, poison=POISON):
    """The poison is in failed/, everything else is as in a run in which nothing misbehaves."""
    out = tmp_path / "out"
    run(file, tmp_path / "clean", overrides=clean_overrides)
    failed = rows(out, "failed")
    bad = {r["id"] for r in failed}
    wanted = [d for i, d in enumerate(documents(120, seed=0, poison=poison)) if i in poison]
    assert sorted(r["url"] for r in failed) == sorted(d["url"] for d in wanted)
    assert {r["step"] for r in failed} == {"bad"}
    assert {r["reason"] for r in failed} == {reason}
    assert all(detail in r["detail"] for r in failed)
    assert steps(out)["bad"]["failed"] == len(poison)
    for label in ("outputs", "dropped"):
        clean = [r for r in rows(tmp_path / "clean", label) if r["id"] not in bad]
        assert sorted(map(repr, rows(out, label))) == sorted(map(repr, clean))
    assert not set(ids(out, "outputs")) & bad
    return failed


@pytest.mark.parametrize("stage", ["poison", "poison_vector"])
def test_a_page_that_raises(tmp_path, stage):
    file = setting(tmp_path, ROW, "raise", stage)
    run(file, tmp_path / "out")
    for row in check(tmp_path, file, "error", "ValueError: this page is poison", {"bad.hurt": False}):
        assert "plugin_stages.py" in row["traceback"]
        assert row["traceback"].count("Traceback") == 1
    run(file, tmp_path / "workers", 2)
    assert tree(tmp_path / "workers") == tree(tmp_path / "out")


@pytest.mark.parametrize("raised", ["SystemExit", "KeyError", "MemoryError", "RecursionError", "DocumentError"])
def test_whatever_it_raises(tmp_path, raised):
    file = setting(tmp_path, ROW, raised)
    run(file, tmp_path / "out")
    check(tmp_path, file, "error", raised, {"bad.hurt": False})


@pytest.mark.parametrize("how", list(KILLERS))
@pytest.mark.parametrize("stage", ["poison", "poison_vector"])
def test_a_page_that_kills_its_worker(tmp_path, starts, how, stage):
    file = setting(tmp_path, ROW, how, stage, {33})
    run(file, tmp_path / "out", 1, overrides=LIMITS.get(how))
    reason, detail = KILLERS[how]
    if how == "memory" and rows(tmp_path / "out", "failed")[0]["reason"] == "error":
        reason, detail = "error", "MemoryError"  # the kernel said no before the driver looked
    if how != "memory":
        assert len(starts) == 3  # the death, the proof, the task itself
    check(tmp_path, file, reason, detail, {"bad.hurt": False}, {33})


def test_a_killer_in_several_batches_of_one_task(tmp_path):
    file = setting(tmp_path, ROW, "exit", "poison_vector", {3, 40, 41}, group=32)
    run(file, tmp_path / "out", 1)
    check(tmp_path, file, "crashed", "status 3", {"bad.hurt": False}, {3, 40, 41})


@given(
    n=st.integers(1, 300),
    batch=st.integers(1, 80),
    killers=st.sets(st.integers(0, 299), max_size=8),
    says=st.sampled_from(["row", "range", "last row"]),
)
def test_careful_mode_finds_every_killer_and_nobody_else(n, batch, killers, says):
    """A worker played by arithmetic: it goes through its batches and dies on the first killer."""
    killers = {k for k in killers if k < n}
    found = {}

    class Listed:
        def of(self, key):
            return list(found.values())

        def add(self, task, entry):
            assert entry["at"] not in found
            found[entry["at"]] = entry

    job, deaths = Job({"key": "k", "kind": "rows", "folder": "f"}, Listed()), 0
    while True:
        message, where = job.message(), None
        for start in range(0, n, batch):
            given_rows = range(start, min(start + batch, n))
            pieces = (
                [given_rows] if "only" not in message else [[r for r in given_rows if low <= r <= high] for low, high in message["only"]]
            )
            for piece in pieces:
                live = [r for r in piece if r not in found]
                bad = [r for r in live if r in killers]
                if bad:
                    row = {"row": bad[0], "range": None, "last row": live[-1]}[says]
                    where = where or {"step": "bad", "low": live[0], "high": live[-1], "row": row, "shadow": False}
        if where:
            deaths += 1
            assert job.died(where, "crashed", "it died") is None
            assert deaths < 50 * (len(killers) + 1)
        elif job.finished():
            break
    assert found.keys() == killers


def test_a_worker_that_dies_without_a_culprit():
    job = Job({"key": "k", "kind": "rows", "folder": "f"}, Quarantine(PLUGIN.parent / "nowhere"))
    where = {"step": "bad", "low": 0, "high": 99, "row": 5, "shadow": False}
    for _ in range(2):
        assert job.died(where, "crashed", "of old age") is None
        assert not job.finished()
    assert "no document is to blame: of old age" in job.died(where, "crashed", "of old age")


def test_a_job_whose_watchers_are_lost_is_run_again_then_watched_then_given_up():
    job = Job({"key": "k", "kind": "rows", "folder": "f"}, Quarantine(PLUGIN.parent / "nowhere"))
    for _ in range(PLAIN_LOSSES):
        assert "publish" not in job.message()
        assert job.lost(None, "the node died") is None
        assert job.again
    assert job.message()["publish"] == "work/f/places/k"
    where = {"step": "bad", "low": 0, "high": 9, "row": None, "shadow": False}
    assert job.lost(where, "gone") is None
    assert job.message()["only"] == [(n, n) for n in range(10)]
    assert not job.finished()  # none of them did harm: the task runs again as a whole
    assert "only" not in job.message()
    for _ in range(MAX_DEATHS - 2):
        assert job.lost(None, "gone") is None
    assert "died 3 times: gone" in job.lost(None, "gone")


@pytest.mark.parametrize("how", ["raise", "segfault", "hang"])
def test_poison_in_emit(tmp_path, how):
    poison = POISON if how == "raise" else {33}
    file = setting(tmp_path, GLOBAL, how, "first_of_text", poison)
    run(file, tmp_path / "out", 2, overrides=LIMITS.get(how))
    reason, detail = KILLERS.get(how, ("error", "this page is poison"))
    for row in check(tmp_path, file, reason, detail, {"bad.hurt": False}, poison):
        assert ("plugin_stages.py" in row["traceback"]) == (how == "raise")


@pytest.mark.parametrize("how", ["raise", "exit", "sleep"])
def test_poison_in_apply(tmp_path, how):
    poison = POISON if how == "raise" else {33}
    file = setting(tmp_path, GLOBAL, how, "hurts_in_apply", poison)
    run(file, tmp_path / "out", 2, overrides=LIMITS.get(how))
    reason, detail = KILLERS.get(how, ("error", "this page is poison"))
    check(tmp_path, file, reason, detail, {"bad.hurt": False}, poison)


@pytest.mark.parametrize("how", ["raise", "exit"])
def test_poison_in_scatter(tmp_path, how):
    poison = POISON if how == "raise" else {33}
    file = setting(tmp_path, GLOBAL, how, "dealt", poison)
    run(file, tmp_path / "out", 2)
    reason, detail = KILLERS.get(how, ("error", "this page is poison"))
    check(tmp_path, file, reason, detail, {"bad.hurt": False}, poison)
    at = steps(tmp_path / "out")["bad"]
    assert at["created"] > 0 < at["dropped"]["not_dealt"]


@pytest.mark.parametrize("how", ["raise", "exit"])
def test_poison_in_expand_and_regroup(tmp_path, how):
    text = ROW.replace("  keep:", "  parts: {{use: paragraphs}}\n  sites: {{use: by_domain}}\n  keep:").replace(
        "length > 40", "members > 0"
    )
    for stage in ("hurts_in_expand", "hurts_in_regroup"):
        changed = (
            text.replace("{use: paragraphs}", "{use: hurts_in_expand, how: {how}}")
            if "expand" in stage
            else text.replace("{use: by_domain}", "{use: hurts_in_regroup, how: {how}}")
        )
        changed = changed.replace("bad:", "fine:").replace("use: {stage}, how: {how}", "use: poison, hurt: false")
        folder = tmp_path / stage
        file = setting(folder, changed, how)
        run(file, folder / "out", 2, overrides=LIMITS.get(how))
        failed = rows(folder / "out", "failed")
        assert len(failed) == len(POISON)
        assert {r["reason"] for r in failed} == {"error" if how == "raise" else "crashed"}
        at = steps(folder / "out")["parts" if "expand" in stage else "sites"]
        assert at["failed"] == len(POISON)
        assert at["merged"] + len(POISON) + sum(at["dropped"].values()) == at["documents_in"]


def test_the_quarantine_is_obeyed_without_another_death(tmp_path, starts):
    file = setting(tmp_path, ROW, "segfault")
    run(file, tmp_path / "out", 1)
    first = tree(tmp_path / "out")
    for record in (tmp_path / "out" / "work").glob("docs-*/records/*.json"):
        record.unlink()
    starts.clear()
    run(file, tmp_path / "out", 1)
    assert len(starts) == 1
    assert tree(tmp_path / "out") == first


def test_the_same_quarantine_gives_the_same_bytes_inline(tmp_path):
    """Inline has no supervision, but obeys what workers found."""
    import shutil

    file = setting(tmp_path, ROW, "exit")
    run(file, tmp_path / "out", 2)
    [folder] = (tmp_path / "out" / "work").glob("docs-*")
    (tmp_path / "inline" / "work" / folder.name).mkdir(parents=True)
    shutil.copy(folder / "quarantine.jsonl", tmp_path / "inline" / "work" / folder.name)
    run(file, tmp_path / "inline")
    assert tree(tmp_path / "inline") == tree(tmp_path / "out")


@pytest.mark.slow
def test_a_quarantine_line_cut_by_a_kill(tmp_path):
    file = setting(tmp_path, ROW, "exit")
    run(file, tmp_path / "out", 1)
    first = tree(tmp_path / "out")
    for record in (tmp_path / "out" / "work").glob("docs-*/records/*.json"):
        record.unlink()
    [file_] = (tmp_path / "out" / "work").glob("docs-*/quarantine.jsonl")
    file_.write_text(file_.read_text()[:-20])
    run(file, tmp_path / "out", 1)
    assert tree(tmp_path / "out") == first


@pytest.mark.parametrize("how", ["raise", "exit"])
def test_poison_that_only_a_shadow_meets(tmp_path, how):
    text = ROW.replace("limit: 25", "limit: 100000").replace("shadow: 0", "shadow: 1")
    file = setting(tmp_path, text, how)
    run(file, tmp_path / "out", 2, overrides=LIMITS.get(how))
    out = steps(tmp_path / "out")
    assert out["len"]["dropped"] == {"short": 240}
    assert out["bad"]["documents_in"] == out["bad"]["failed"] == 0
    assert rows(tmp_path / "out", "failed") == []
    shadows = rows(tmp_path / "out", "shadows")
    assert len(shadows) == 240 - len(POISON)
    assert all(r["poisoned"] is False for r in shadows)
    for list_ in (tmp_path / "out").rglob("quarantine.jsonl"):
        assert [json.loads(line)[1]["shadow"] for line in list_.read_text().splitlines()] == [True] * len(POISON)


def test_a_document_blamed_wrongly_is_not_quarantined(tmp_path):
    """The stage goes through its documents, then dies on one of them without saying which."""
    file = setting(tmp_path, ROW, "exit", "hurts_after_its_loop", {33})
    run(file, tmp_path / "out", 1)
    check(tmp_path, file, "crashed", "status 3", {"bad.hurt": False}, {33})


def test_a_worker_killed_from_outside_costs_nobody(tmp_path, starts):
    file = setting(tmp_path, ROW, "raise", "slow")
    run(file, tmp_path / "calm", 2)
    starts.clear()

    def kill():
        for _ in range(2):
            busy = []
            while not busy:
                time.sleep(0.01)
                busy = [w for w in starts if w.ready and w.process.returncode is None and w.where()["step"] == "bad"]
            os.kill(busy[0].process.pid, signal.SIGKILL)
            while busy[0].process.returncode is None:
                time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    run(file, tmp_path / "out", 2)
    killer.join()
    assert len(starts) > 2
    assert tree(tmp_path / "out") == tree(tmp_path / "calm")
    assert not list((tmp_path / "out").rglob("quarantine.jsonl"))


def test_a_worker_killed_while_it_starts(tmp_path, monkeypatch):
    file = setting(tmp_path, ROW, "raise", poison=())
    left = [2]

    class Stillborn(processes.Worker):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            if left[0]:
                left[0] -= 1
                os.kill(self.process.pid, signal.SIGKILL)

    monkeypatch.setattr(processes, "Worker", Stillborn)
    run(file, tmp_path / "out", 1)
    left[0] = 100
    with pytest.raises(TaskError, match="could not start"):
        run(file, tmp_path / "never", 1)


def test_a_task_whose_worker_always_dies_stops_the_run(tmp_path):
    file = setting(tmp_path, GLOBAL, "exit", "hurts_in_reduce")
    with pytest.raises(TaskError, match="died 3 times: the worker exited with status 3"):
        run(file, tmp_path / "out", 1)


def many(tmp_path, how, n, stage="poison", text=ROW):
    for i in range(3):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(200, seed=i, poison=set(range(0, 200, 200 // n))), row_group_size=20)
    return recipe(tmp_path, text.format(how=how, stage=stage))


@pytest.mark.parametrize("text", [ROW, GLOBAL])
def test_more_failures_than_allowed(tmp_path, text):
    stage = "first_of_text" if text is GLOBAL else "poison"
    file = many(tmp_path, "raise", 5, stage, text)
    with pytest.raises(FailedShareError, match=r"bad: 15 of \d+ documents failed .* reasons are in"):
        run(file, tmp_path / "out")
    assert len(rows(tmp_path / "out", "failed")) == 15
    assert not (tmp_path / "out" / "dropped").exists()
    allowed = {"settings.max_failed.least": 15}
    run(file, tmp_path / "out", overrides=allowed)
    assert steps(tmp_path / "out")["bad"]["failed"] == 15
    run(file, tmp_path / "share", overrides={"settings.max_failed.least": 0, "settings.max_failed.share": 0.05})


def test_regroup_is_judged_too(tmp_path):
    file = many(tmp_path, "raise", 5, "hurts_in_regroup", GLOBAL)
    with pytest.raises(FailedShareError, match="bad: 15 of"):
        run(file, tmp_path / "out")
    assert len(rows(tmp_path / "out", "failed")) == 15


@pytest.mark.parametrize("text", [ROW, GLOBAL])
def test_ten_times_the_failures_allowed_stop_it_early(tmp_path, text, monkeypatch):
    stage = "first_of_text" if text is GLOBAL else "poison"
    file = many(tmp_path, "raise", 20, stage, text)
    done = []
    monkeypatch.setattr(inline.Inline, "map", _counting(inline.Inline.map, done))
    with pytest.raises(FailedShareError, match=r"so far|of one task"):
        run(file, tmp_path / "out", overrides={"settings.max_failed.least": 3})
    assert len([t for t in done if t["kind"] == ("rows" if text is ROW else "emit")]) <= 2


def _counting(real, done):
    def counted(self, work, quarantine):
        for task in real(self, work, quarantine):
            done.append(task)
            yield task

    return counted


def test_one_task_of_nothing_but_killers_stops_early(tmp_path):
    file = many(tmp_path, "exit", 100)
    with pytest.raises(FailedShareError, match="1 documents of one task ended their worker"):
        run(file, tmp_path / "out", 1, overrides={"settings.max_failed.least": 0})


def test_when_a_task_has_too_many_killers(tmp_path):
    list_ = Quarantine(tmp_path, MaxFailed(share=0.01, least=2))

    def add(at, rows):
        list_.add(
            {"key": "k", "shard": {"rows": rows}}, {"step": "bad", "at": at, "shadow": False, "reason": "crashed", "detail": "it died"}
        )

    for at in range(30):
        add(at, 300)
    with pytest.raises(FailedShareError, match="31 documents"):
        add(30, 300)
    add(31, 1000)
    assert len(Quarantine(tmp_path).of("k")) == 32


def test_a_source_that_dies_on_a_record(tmp_path):
    for how, n in (("exit", 2), ("hang", 1)):
        path = tmp_path / how / "records.txt"
        path.parent.mkdir()
        path.write_text("".join(f"{i} some words of text\n" if i not in (7, 57)[:n] else f"{i} POISON\n" for i in range(150)))
        file = recipe(tmp_path / how, f'inputs: {{docs: {{use: lines, paths: "*.txt", how: {how}}}}}\nsteps: {{len: {{use: measure}}}}')
        run(file, tmp_path / how / "out", 1, overrides=LIMITS.get(how))
        out = steps(tmp_path / how / "out")
        assert (out["docs"]["documents_in"], out["docs"]["failed"], out["len"]["kept"]) == (150, n, 150 - n)
        assert {r["reason"] for r in rows(tmp_path / how / "out", "failed")} == {KILLERS[how][0]}


def test_no_record_behind_a_quarantined_one_is_lost(tmp_path, monkeypatch):
    """However many records a file holds for its bytes."""
    import numpy as np

    from curation.tasks import reading

    path = tmp_path / "records.txt"
    path.write_text("".join("x\n" if i != 2 else "POISON\n" for i in range(500)))
    file = recipe(tmp_path, 'inputs: {docs: {use: lines, paths: "*.txt", how: exit}}\nsteps: {len: {use: measure}}')
    run(file, tmp_path / "out", 1)
    assert steps(tmp_path / "out")["len"]["kept"] == 499
    for record in (tmp_path / "out" / "work").glob("docs-*/records/*.json"):
        record.unlink()
    monkeypatch.setattr(reading, "WANT_ROWS", 100)
    before = tree(tmp_path / "out")
    run(file, tmp_path / "out")
    assert tree(tmp_path / "out") == before
    assert len(np.unique([r["record_offset"] for r in rows(tmp_path / "out", "outputs")])) == 499
