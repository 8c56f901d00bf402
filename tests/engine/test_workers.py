"""`curate worker` on machines that share a folder: the same bytes, whoever dies."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter

import pytest
from engine_kit import EVERY_PHASE, ROOT, command, documents, environment, parquet, phases, recipe, run, tree

from curation.errors import TaskError
from curation.executors.queue import Beat, Listener, TaskList
from curation.executors.workers import Workers
from curation.workers import MAX_DEATHS, Quarantine, machine_memory_bytes

LABELS = ("outputs", "dropped", "failed", "shadows")
PATIENCE = 3.0


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A recipe with poison, and what `processes` makes of it."""
    folder = tmp_path_factory.mktemp("calm")
    file = phases(folder)
    run(file, folder / "calm", 2)
    return file, tree(folder / "calm", *LABELS)


def by_workers(said=None, patience=PATIENCE):
    return lambda plan, out, plan_file: Workers(out, plan_file, plan.recipe.plugins, patience, (said if said is not None else []).append)


class Fleet:
    """`curate worker` processes; those that end before the run does are started again."""

    def __init__(self, out, count=2, again=True, env=None, cwd=None):
        self.out, self.again, self.env, self.cwd = out, again, {**environment(), **(env or {})}, cwd
        self.processes = [self._start(i, count) for i in range(count)]
        self.started, self.over = count, threading.Event()
        self._watch = threading.Thread(target=self._tend, args=(count,))
        self._watch.start()

    def _start(self, rank, of):
        arguments = command("worker", self.out, "--rank", rank, "--of", of, "-j", 1, "--patience", 60, "--json")
        return subprocess.Popen(
            arguments, env=self.env, cwd=self.cwd, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )  # fmt: skip

    def _tend(self, count):
        while not self.over.wait(0.05):
            for rank, process in enumerate(self.processes):
                if self.again and process.poll() is not None:
                    process.communicate()
                    self.processes[rank] = self._start(rank, count)
                    self.started += 1

    def end(self):
        """Status, standard output and standard error of each, when all have left."""
        self.over.set()
        self._watch.join()
        ended = []
        for process in self.processes:
            try:
                out, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
            ended.append((process.returncode, out.decode(), err.decode()))
        return ended


LONGEST_RUN = 240
"""Seconds after which a run with a fleet is taken for one that hangs: what waits for the dead must not stop the tests."""


@contextlib.contextmanager
def fleet(out, *arguments, **options):
    def hangs(*_):
        raise TimeoutError(f"no end after {LONGEST_RUN} s")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(LONGEST_RUN)
    made = Fleet(out, *arguments, **options)
    try:
        yield made
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        made.end()


@pytest.mark.slow
def test_a_machine_dies_in_every_phase(calm, tmp_path):
    file, wanted = calm
    (tmp_path / "deaths").mkdir()
    said = []
    with fleet(tmp_path / "out", env={"NODE_DEATHS": str(tmp_path / "deaths"), "NODE_PHASES": ",".join(EVERY_PHASE)}) as machines:
        run(file, tmp_path / "out", start=by_workers(said))
    assert sorted(os.listdir(tmp_path / "deaths")) == sorted(EVERY_PHASE)
    assert machines.started >= 2 + len(EVERY_PHASE)
    assert tree(tmp_path / "out", *LABELS) == wanted
    assert any("has been silent for 3 s" in line for line in said)
    assert list((tmp_path / "out").rglob("quarantine-*.jsonl"))


@pytest.mark.slow
def test_the_driver_dies_and_another_goes_on_elsewhere(calm, tmp_path):
    file, wanted = calm
    out = tmp_path / "out"
    arguments = command("run", file, "--out", out, "-x", "workers", "--patience", PATIENCE)
    with fleet(out, again=False) as machines:
        for phase in ("docs", "twins"):
            place = tmp_path / phase
            place.mkdir()
            driver = subprocess.Popen(
                arguments, cwd=place, env={**environment(), "TMPDIR": str(place)}, start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            while not list(out.glob(f"work/{phase}-*/records/*.json")) and driver.poll() is None:
                time.sleep(0.01)
            assert driver.poll() is None
            os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()
        run(file, out, start=by_workers())
        assert [p.wait(60) for p in machines.processes] == [0, 0]
    assert tree(out, *LABELS) == wanted


CLOCK = """
import time, datetime
real, DAY = time.time, 86_400 * float(__import__("os").environ["DAYS"])
time.time = lambda: real() + DAY
time.time_ns = lambda: int((real() + DAY) * 1e9)
class shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(real() + DAY, tz)
datetime.datetime = shifted
"""


def test_machines_whose_clocks_differ_by_days(calm, tmp_path):
    """Nothing that is written depends on a clock, and none is compared with another's: the driver's, a day ahead's, ten years behind's."""
    file, wanted = calm
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    (tmp_path / "pandas.py").write_text("raise ImportError")  # pyarrow looks for it; its compiled code takes no other class for a datetime
    path = f"{tmp_path}:{environment()['PYTHONPATH']}"
    out = tmp_path / "out"
    fleets = [fleet(out, 1, again=False, env={"PYTHONPATH": path, "DAYS": days}) for days in ("1", "-3650")]
    with fleets[0] as ahead, fleets[1] as behind:
        run(file, out, start=by_workers(said := [], 30.0))
        assert [p.wait(60) for p in (*ahead.processes, *behind.processes)] == [0, 0]
    assert not any("silent" in line for line in said), said
    assert tree(out, *LABELS) == wanted


def test_a_worker_of_another_version_is_refused(tmp_path):
    file = phases(tmp_path, 30)
    copy = tmp_path / "copy"
    for package in ("curation", "stages", "mixes", "classifiers"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    with open(copy / "curation" / "ledger.py", "a") as f:
        f.write("# another version\n")
    made = Fleet(tmp_path / "out", 1, again=False, env={"PYTHONPATH": str(copy)}, cwd=copy)
    executor = []

    def start(plan, out, plan_file):
        executor.append(by_workers()(plan, out, plan_file))
        return executor[0]

    stopped = threading.Thread(target=lambda: (made.processes[0].wait(), executor[0].close()))
    stopped.start()

    class Refused(Exception):
        pass

    def until_refused(left):
        if made.processes[0].poll() is not None:
            raise Refused

    with pytest.raises(Refused):
        run(file, tmp_path / "out", start=lambda *a: _tending(start(*a), until_refused))
    stopped.join()
    [(status, _, said)] = made.end()
    assert status == 2
    assert "this machine would not write the run's bytes: curate's sources is " in said
    assert "numpy" not in said


def _tending(executor, tend):
    executor.tend = tend
    return executor


def test_the_error_of_a_worker_ends_the_run(tmp_path):
    parquet(tmp_path / "crawl" / "0.parquet", documents(50, poison={3}))
    file = recipe(tmp_path, 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {bad: {use: hurts_in_reduce, how: exit}}')
    made = Fleet(tmp_path / "out", 1, again=False)
    with pytest.raises(TaskError, match=r"died 3 times: the worker exited with status 3 \(worker 0-"):
        run(file, tmp_path / "out", start=by_workers())
    [(status, _, said)] = made.end()
    assert status == 3
    assert "died 3 times" in said


def test_a_worker_without_a_run(tmp_path):
    done = subprocess.run(command("worker", tmp_path, "--patience", 0.5), env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "nothing was heard of a run" in done.stderr
    done = subprocess.run(command("worker", tmp_path, "--rank", 2, "--of", 2), env=environment(), capture_output=True, text=True)
    assert done.returncode == 2
    assert "ranks are 0 to 1" in done.stderr
    done = subprocess.run(command("worker", "s3://bucket/run"), env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "s3://bucket/run: workers need a folder that all machines share" in done.stderr


def test_tasks_that_end_every_machine_stop_the_run(tmp_path, monkeypatch):
    """A worker that claims everything, does nothing and says that it is through."""
    executor = Workers(tmp_path, tmp_path / "plan.json", [], 0.6, print)
    over = threading.Event()

    def claims():
        beat = Beat(tmp_path / "work" / "queue" / "workers" / "0-x.json", run=executor._run, through=0)
        while not over.wait(0.02):
            said = Listener(tmp_path / "work" / "queue" / "driver.json").read()
            with contextlib.suppress(FileNotFoundError):
                list(TaskList(tmp_path / "work" / "queue" / f"{said['run']}-{said['list']}").claimed(0, 1))
            beat.say(through=said["list"])
        beat.end()

    thread = threading.Thread(target=claims)
    thread.start()
    with pytest.raises(TaskError, match=f"2 tasks were listed {MAX_DEATHS} times"):
        list(executor.map([{"key": k, "kind": "rows", "folder": "f"} for k in "ab"], None))
    over.set()
    thread.join()
    executor.close()


@pytest.mark.parametrize(("total", "of", "present"), [(100, 4, (0, 1, 2, 3)), (100, 4, (1,)), (37, 5, (0, 3)), (3, 8, (7,)), (0, 2, (0,))])
def test_every_task_is_claimed_once_whoever_is_there(tmp_path, total, of, present):
    made = TaskList(tmp_path / "list")
    made.write({"n": n} for n in range(total))
    found = {rank: [] for rank in present}

    def work(rank):
        for task in TaskList(tmp_path / "list").claimed(rank, of):
            found[rank].append(task["n"])
            time.sleep(0.001)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in present]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(n for done in found.values() for n in done) == list(range(total))
    for rank, done in found.items():
        assert done[: total // of // 2] == list(range(rank, total, of))[: total // of // 2]


def test_a_beat_is_judged_by_its_readers_clock(tmp_path, monkeypatch):
    beat = Beat(tmp_path / "beat.json", a=1)
    beat.stop()
    os.utime(tmp_path / "beat.json", (0, 0))  # the writer's clock stands in 1970
    listener = Listener(tmp_path / "beat.json")
    assert listener.read() == {"a": 1, "beat": 1}
    assert listener.silent_seconds() < 0.5
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 100)
    listener.read()
    assert listener.silent_seconds() > 99
    beat.say(a=2)
    assert listener.read() == {"a": 2, "beat": 2}
    assert listener.silent_seconds() == 0
    beat.end()
    assert listener.read() is None


def test_what_several_machines_quarantined_is_known_to_all(tmp_path):
    entry = {"step": "bad", "at": 3, "shadow": False, "reason": "crashed", "detail": "it died"}
    for writer in ("", "0-a", "1-b"):
        Quarantine(tmp_path, writer=writer).add({"key": "k"}, entry)
        Quarantine(tmp_path, writer=writer).add({"key": writer}, {**entry, "at": 4})
    known = Quarantine(tmp_path)
    assert known.of("k") == [entry]
    assert Counter(len(known.of(w)) for w in ("", "0-a", "1-b")) == {1: 3}


def test_memory_is_that_of_the_nearest_control_group_with_a_limit(tmp_path):
    inner = tmp_path / "groups" / "slurm" / "job_7" / "step"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (inner.parent / "memory.max").write_text("12345678\n")
    (tmp_path / "own").write_text("0::/slurm/job_7/step\n")
    assert machine_memory_bytes(tmp_path / "groups", tmp_path / "own") == 12345678
    assert machine_memory_bytes(tmp_path / "nowhere", tmp_path / "own") > 1 << 28
