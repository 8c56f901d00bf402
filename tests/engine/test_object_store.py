"""A run in an object store: the bytes of a local one, whatever the store does meanwhile; records written once; one driver at a time."""

import json
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from engine_kit import FULL, Stop, Stopper, command, documents, environment, jsonl, parquet, ran, recipe, rows, run, tree
from store_kit import BUCKET, s3

from curation import cli, gc, ledger, objects, open_run, shuffle, storage, tasks
from curation.errors import AccountError, LockedError, RecipeError, TaskError
from curation.executors import Options, start
from curation.executors.inline import Inline
from curation.inspect import lookup
from curation.ledger import Ledger
from curation.plan import Plan
from curation.recipe import load
from curation.run import Run
from curation.shards import ShardWriter, count_rows, read_batches
from curation.shuffle import BLOCK, Blocks
from curation.storage import location, read_sealed, replace, run_lock, write_once, write_sealed

LABELS = ("outputs", "dropped", "failed", "shadows")
STEPS = """
inputs: {docs: {use: parquet, paths: "crawl/*"}}
steps:
  len:   {use: measure, limit: 30}
  twins: {use: first_of_text}
"""

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The full recipe, and the files of a run on this machine."""
    folder = tmp_path_factory.mktemp("local")
    parquet(folder / "crawl" / "0.parquet", documents(120))
    jsonl(folder / "extra" / "0.jsonl", documents(60, seed=50))
    file = recipe(folder, FULL)
    run(file, folder / "run")
    found = tree(folder / "run", *LABELS)
    assert {name.partition("/")[0] for name in found} == {"outputs", "dropped", "shadows"}
    return file, found


@pytest.fixture(scope="module")
def server():
    with s3() as (proxy, variables), pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield proxy


@pytest.fixture
def proxy(server):
    server.calm()
    yield server
    server.calm()


@pytest.fixture
def hasty(monkeypatch):
    """No time is lost between tries, and all of them are ours."""
    monkeypatch.setattr(objects, "WAIT_SECONDS", 0.001)
    monkeypatch.setattr(objects, "REQUEST_TRIES", 1)


def place(scheme="s3"):
    return f"s3://{BUCKET}/{uuid.uuid4().hex}" if scheme == "s3" else f"memory://{uuid.uuid4().hex}"


def fetched(url, folder, *labels):
    """`tree` of a run in a store."""
    out = location(url)
    for path in out.rglob("*"):
        target = folder / path.relative_to(out)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tree(folder, *labels or LABELS)


def names(url, *folders):
    return {str(p.relative_to(location(url))) for folder in folders for p in (location(url) / folder).rglob("*")}


# -- the same run, elsewhere --------------------------------------------------------------------------


def test_the_bytes_of_a_local_run(local, tmp_path):
    file, wanted = local
    url = place("memory")
    run(file, url)
    assert fetched(url, tmp_path) == wanted
    assert ran(run(file, url)) == {}


@pytest.mark.slow
def test_a_new_crawl_against_an_old_one_that_lies_there(tmp_path, proxy):
    """What an old run kept, or put out, in a store: the same documents go, whether the new run is there too or on this machine."""
    for home, numbers in {"old": (0, 1), "new": (2, 3)}.items():
        for i in numbers:
            parquet(tmp_path / home / "crawl" / f"{i}.parquet", documents(80, seed=i))
    for use, kept in (("same_opening", "states/like"), ("first_of_text", "outputs/like")):
        text = f'inputs: {{docs: {{use: parquet, paths: "crawl/*"}}}}\nsteps: {{like: {{use: {use}}}}}'
        url, found = place(), {}
        run(recipe(tmp_path / "old", text), url)
        run(recipe(tmp_path / "old", text), tmp_path / "old" / use)
        new = recipe(tmp_path / "new", text)
        for name, old, out in (
            ("local", tmp_path / "old" / use, tmp_path / "new" / use), ("from the store", url, tmp_path / "new" / f"{use}-store"),
            ("both there", url, place()),
        ):  # fmt: skip
            run(new, out, workers=2, overrides={"like.against": [f"{old}/{kept}"]})
            folder = out if isinstance(out, Path) else tmp_path / "fetched" / use
            if folder != out:
                fetched(out, folder)
            found[name] = {(r["id"], r.get("superseded_by")) for label in ("dropped", "superseded") for r in rows(folder, label)}
        assert found["local"]
        assert found["from the store"] == found["both there"] == found["local"]
        with pytest.raises(RecipeError, match=r"like.against: s3://.*nowhere holds no state of an earlier run"):
            run(new, tmp_path / "refused", overrides={"like.against": [f"{url}/nowhere"]})


def test_a_run_that_lies_there_is_opened_like_a_local_one(local, proxy):
    """Tables, samples and a document's way; with a lookup, a document is found by a few reads."""
    file, _ = local
    url = place()
    run(file, url)
    here, there = open_run(file.parent / "run"), open_run(url)
    for what in ("outputs", "dropped", "shadows"):
        assert there.table(what, ["_file", "_row", "id", "url"]).equals(here.table(what, ["_file", "_row", "id", "url"]))
    assert there.sample("rare", n=5).equals(here.sample("rare", n=5))
    names = [rows(here.folder, kind)[0]["id"] for kind in ("outputs", "dropped")]
    wanted = [here.explain(name) for name in names]
    proxy.seen.clear()
    assert [there.explain(name) for name in names] == wanted
    scanned = proxy.seen["GET"]
    lookup.build(there)
    proxy.seen.clear()
    assert [there.explain(name) for name in names] == wanted
    assert proxy.seen["GET"] < scanned / 2


def test_a_ray_cluster_of_its_own(local, tmp_path, proxy):
    """Its nodes know the store by their environment, and need nothing else in common."""
    pytest.importorskip("ray")
    file, wanted = local
    url = place()
    words = command("run", file, "-x", "ray", "-j", "2", "--json", "--out", url)
    done = subprocess.run(words, env={**environment(), "RAY_USAGE_STATS_ENABLED": "0"}, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    assert fetched(url, tmp_path) == wanted


@pytest.mark.parametrize("executor", ["workers", "slurm"])
def test_executors_that_need_a_folder_say_so(local, executor):
    url = place("memory")
    with pytest.raises(RecipeError, match="no folder they can mount"):
        start(executor, Plan(load(local[0], {})), location(url), location(url) / "plan.json", Options())


def test_two_workers_and_a_store_that_fails_now_and_then(local, tmp_path, proxy):
    file, wanted = local
    url, dice = place(), random.Random(1)
    faults = [503, 500, "cut", "lost", 0.2]
    proxy.fault = lambda kind, path, headers: dice.choice(faults) if dice.random() < 0.01 else None
    run(file, url, workers=2)
    assert sum(proxy.failed.values()) > 3
    proxy.calm()
    assert fetched(url, tmp_path) == wanted
    assert ran(run(file, url, workers=2)) == {}


def test_a_store_that_fails_all_the_time(local, tmp_path, proxy, hasty):
    file, wanted = local
    url, dice = place(), random.Random(2)
    faults = [503, 500, "cut", "lost", 0.01]
    proxy.fault = lambda kind, path, headers: dice.choice(faults) if dice.random() < 0.2 else None
    run(file, url)
    assert all(proxy.failed[str(f)] > 10 for f in faults)
    proxy.calm()
    assert fetched(url, tmp_path) == wanted
    assert ran(run(file, url)) == {}


def test_what_a_run_asks_of_the_store(tmp_path, proxy, monkeypatch):
    """A task costs some requests, however many there are; nothing is listed for it."""
    monkeypatch.setattr(ledger, "SEGMENT_RECORDS", 4)
    monkeypatch.setattr(objects, "BEAT_SECONDS", 3600)  # a beat lists too
    monkeypatch.setattr(objects, "LAPSE_SECONDS", 7200)
    seen = {}
    for files in (2, 8):
        for i in range(files):
            parquet(tmp_path / str(files) / "crawl" / f"{i}.parquet", documents(30, seed=i))
        proxy.calm()
        it = run(recipe(tmp_path / str(files), STEPS), place())
        seen[files] = dict(proxy.seen), sum(total for total, _ in it.tasks.values())
    (few, few_tasks), (many, many_tasks) = seen[2], seen[8]
    assert many_tasks >= few_tasks + 18
    assert few["LIST"] == many["LIST"]
    assert (sum(many.values()) - sum(few.values())) / (many_tasks - few_tasks) < 12


def test_the_command_line(tmp_path, proxy, capsys):
    parquet(tmp_path / "crawl" / "0.parquet", rows := documents(30))
    file, url = recipe(tmp_path, STEPS), place()

    def curate(*arguments):
        capsys.readouterr()
        cli.app([*map(str, arguments), "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out)

    done = subprocess.run(command("run", file, "--out", url, "-j", 1, "--json"), env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == url
    assert all(step["reuse"] for step in curate("plan", file, "--out", url)["steps"])
    assert curate("stats", url)["steps"][0]["documents_in"] == 30
    kept = curate("explain", url, rows[1]["url"])["documents"]
    assert kept
    assert all(d["fates"] for d in kept)
    assert curate("gc", url)["files"] == 0


def test_what_stands_in_the_folders_follows_the_recipe(tmp_path):
    parquet(tmp_path / "crawl" / "0.parquet", documents(60))
    url = place("memory")
    run(recipe(tmp_path, STEPS + "outputs: {a: {use: shards, needs: twins}}"), url)
    first = names(url, "outputs", "dropped")
    assert {n.split("/")[1] for n in first if n.startswith("outputs")} == {"a"}
    run(recipe(tmp_path, STEPS.replace("limit: 30", "limit: 40") + "outputs: {b: {use: shards, needs: twins}}"), url)
    second = names(url, "outputs", "dropped")
    assert {n.split("/")[1] for n in second if n.startswith("outputs")} == {"b"}
    assert not first & second


def test_segments_are_read_once_and_records_go(tmp_path, monkeypatch, proxy):
    monkeypatch.setattr(ledger, "SEGMENT_RECORDS", 4)
    for i in range(9):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(30, seed=i))
    file, url = recipe(tmp_path, STEPS), place()
    it = run(file, url)
    folder = location(url) / "work" / next(f for f in it.keys if f.startswith("docs-"))
    assert sorted(p.name for p in (folder / "segments").iterdir()) == [f"00000{n}.{kind}" for n in range(2) for kind in ("heads", "stats")]
    assert len(list((folder / "records").iterdir())) == 1
    keys = sorted(Ledger(folder).heads())
    assert len(list((found := Ledger(folder)).said(found.places(keys)))) == len(keys) == 9
    proxy.calm()
    again = Ledger(folder)
    assert [again.get(k)["key"] for k in keys] == keys
    assert [again.get(k)["key"] for k in keys] == keys
    assert proxy.seen["GET"] == 3  # two segments, one record
    late = keys[0] if keys[0] in (folder / "segments" / "000000.heads").read_bytes().decode() else keys[1]
    assert Ledger.commit(folder, late, {"key": late, "kind": "late"}, {})  # the record went into a segment, which wins
    assert Ledger(folder).get(late)["kind"] == "rows"
    assert ran(run(file, url)) == {}


# -- commits --------------------------------------------------------------------------------------------


def test_zombies_lose(local, tmp_path, monkeypatch):
    """Each task is done by two attempts; the one that began first ends last, and finds the record there."""
    file, wanted = local
    url, real, won = place("memory"), Ledger.commit, {}

    def late(folder, key, head, stats):
        if (folder, key) not in won:
            won[folder, key] = []
            tasks.run(now[0], {**now[1]})
        won[folder, key].append(real(folder, key, head, stats))
        return won[folder, key][-1]

    now = []

    class Twice(Inline):
        def map(self, work, quarantine):
            for task in work:
                now[:] = [self.context, {**task, "quarantine": []}]
                tasks.run(*now)
                yield task

    monkeypatch.setattr(Ledger, "commit", staticmethod(late))
    monkeypatch.setattr("engine_kit.Inline", Twice)
    run(file, url)
    monkeypatch.undo()
    assert len(won) > 30
    assert all(results == [True, False] for results in won.values())
    assert fetched(url, tmp_path / "a") == wanted
    before = names(url, "work")
    report = gc.collect(location(url), dry_run=False)
    assert report["files"] >= len(won) / 2
    assert before - names(url, "work") == set(report["removed"])
    assert ran(run(file, url)) == {}
    assert fetched(url, tmp_path / "b") == wanted
    stray = [p for p in names(url, "work") if p.count(".") > 1 and p.endswith((".parquet", ".spill", ".verdicts"))]
    assert len({p.rsplit(".", 2)[0] for p in stray}) == len(stray)  # one attempt of each is left
    assert gc.collect(location(url), dry_run=True)["files"] == 0


def test_stopped_at_any_write(local, tmp_path, monkeypatch):
    """The driver ends before, or after, some write of any kind; the next one goes on."""
    file, wanted = local
    url, dice, stopper = place("memory"), random.Random(3), Stopper()
    for name in ("put", "create", "upload", "copy", "remove"):
        monkeypatch.setattr(objects.Store, name, stopper.around(getattr(objects.Store, name)))
    stops = 0
    for stopper.before in (True, False, True, False, True, False, None):
        stopper.left = dice.randrange(10, 150) if stopper.before is not None else 1 << 60
        try:
            run(file, url)
        except Stop:
            stops += 1
    assert stops >= 5
    assert fetched(url, tmp_path) == wanted
    assert ran(run(file, url)) == {}


def test_a_record_is_written_once_even_if_the_answer_is_lost(proxy, hasty):
    out, answers = location(place()), iter(["lost", 500, 503])
    proxy.fault = lambda kind, path, headers: next(answers, None) if kind == "PUT" else None
    assert write_once(out / "a", b"mine")
    assert proxy.failed == {"lost": 1, "500": 1, "503": 1}
    assert not write_once(out / "a", b"another's")
    assert (out / "a").read_bytes() == b"mine"
    assert write_once(out / "a", b"mine")  # said again: it is this one


def test_of_many_attempts_at_once_one_wins(proxy):
    out, won = location(place()), []
    threads = [threading.Thread(target=lambda n=n: won.append(write_once(out / "a", b"%d" % n))) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_task_that_fails_leaves_nothing(proxy):
    url = place()
    writer = ShardWriter(location(url) / "x.parquet", pa.schema([("n", pa.int64())]))
    writer.write(pa.table({"n": [1, 2]}))
    del writer
    assert names(url, "") == set()


def test_a_large_file_goes_up_in_parts(proxy, hasty, monkeypatch):
    import s3fs.core

    monkeypatch.setattr(s3fs.core, "calculate_chunksize", lambda size, chunksize=None: 5 << 20)
    parts = []

    def fault(kind, path, headers):
        if "partNumber" in path:
            parts.append(path)
            return 503 if len(parts) == 2 else None
        return None

    proxy.fault = fault
    sink = storage.HashedFile(location(place()) / "large")
    block = os.urandom(1 << 20)
    for _ in range(11):
        sink.write(block)
    sink.close()
    assert len(parts) >= 4
    assert sink.path.read_bytes() == block * 11
    assert sink.facts()["bytes"] == 11 << 20


# -- errors ---------------------------------------------------------------------------------------------


def test_what_lasts_is_said_at_once(proxy, hasty):
    out = location(place())
    with pytest.raises(FileNotFoundError):
        (out / "nothing").read_bytes()
    assert proxy.seen == {"GET": 1}
    proxy.calm()
    proxy.fault = lambda kind, path, headers: 403
    with pytest.raises(TaskError, match=r"the store refuses it: as the test wants it"):
        (out / "a").read_bytes()
    assert proxy.seen == {"GET": 1}
    proxy.calm()
    (proxy_file := out / "a").store.put(proxy_file.key, b"x")
    proxy.fault = lambda kind, path, headers: 503
    with pytest.raises(TaskError, match=rf"{out}/a.*tried {objects.TRIES} times"):
        (out / "a").read_bytes()
    assert proxy.failed["503"] == objects.TRIES


def test_a_store_that_does_not_answer_is_asked_again(proxy, hasty, monkeypatch):
    monkeypatch.setattr(objects, "ANSWER_SECONDS", 0.3)
    out, answers = location(place()), iter([2.0, 2.0])
    write_once(out / "a", b"x")
    proxy.fault = lambda kind, path, headers: next(answers, None)
    started = time.monotonic()
    assert (out / "a").read_bytes() == b"x"
    assert time.monotonic() - started < 1.9
    assert proxy.failed == {"2.0": 2}


def test_the_wait_grows_and_is_never_the_same(monkeypatch):
    waits = []
    monkeypatch.setattr(objects.time, "sleep", waits.append)
    out = location(place("memory"))
    out.store.answered = True

    def fails():
        raise ConnectionResetError("cut")

    with pytest.raises(TaskError, match="ConnectionResetError: cut"):
        out.store._try("x", fails)
    assert len(waits) == objects.TRIES - 1
    assert 30 < sum(waits) < 240
    bounds = [min(objects.WAIT_SECONDS * 2**n, objects.MAX_WAIT_SECONDS) for n in range(len(waits))]
    assert all(0.5 * b <= w <= 1.5 * b for w, b in zip(waits, bounds, strict=True))
    assert len({w / b for w, b in zip(waits, bounds, strict=True)}) == len(waits)


def said(call, *arguments):
    with pytest.raises(RecipeError) as e:
        call(*arguments)
    return str(e.value)


def test_what_is_wrong_is_said_before_work_starts(local, proxy, hasty, monkeypatch):
    file, _ = local
    assert "bucket does not exist" in said(run, file, "s3://no-such-bucket-anywhere/run")
    proxy.fault = lambda kind, path, headers: 403 if kind == "PUT" else None
    assert "cannot hold a run" in (words := said(run, file, place()))
    assert "the store refuses it" in words
    proxy.fault = lambda kind, path, headers: 503
    assert f"tried {objects.FIRST_TRIES} times" in said(run, file, place())
    proxy.calm()
    proxy.careless = True
    assert "If-None-Match" in said(run, file, url := place())
    assert not names(url, "")
    assert "nosuch" in said(location, "nosuch://a/b")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3")
    assert "pip install 'curate-pretraining[s3]'" in said(location, place())


# -- the lease --------------------------------------------------------------------------------------------


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(objects, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(objects, "LAPSE_SECONDS", 3.5)  # S3 tells time in whole seconds


def test_one_driver_at_a_time(proxy, short):
    url = place()
    with run_lock(location(url)):
        time.sleep(5)  # longer than a dead one's would hold
        with pytest.raises(LockedError, match=rf"process {os.getpid()} on .* holds {url}: its last sign of life"), run_lock(location(url)):
            pass
        write_sealed(location(url) / "a", 1)
    with run_lock(location(url)):  # given back, it is free at once
        pass
    assert len(names(url, ".lock")) == 1


def test_a_dead_drivers_lease_is_taken_over_by_one_and_the_living_dead_write_nothing(proxy, short, monkeypatch):
    url = place()
    stalled = objects.Lease(location(url))
    monkeypatch.setattr(stalled, "_live", lambda: None)  # its process stands still
    stalled.take()
    day = time.time() + 86_400
    monkeypatch.setattr(objects.time, "time", lambda: day)  # this machine's clock is of no account
    with pytest.raises(LockedError, match="if it is dead, run again in"):
        objects.Lease(location(url)).take()
    time.sleep(5)
    every, real, refused = threading.Barrier(6), objects.Store.create, []

    def together(self, key, data):
        if data != b"{}":
            every.wait()  # all have seen the dead one's
        return real(self, key, data)

    def take(lease):
        try:
            lease.take()
        except LockedError:
            refused.append(lease)

    leases = [objects.Lease(location(url)) for _ in range(6)]
    threads = [threading.Thread(target=take, args=(lease,)) for lease in leases]
    with monkeypatch.context() as patch:
        patch.setattr(objects.Store, "create", together)
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert len(refused) == 5
    late = stalled.out / "late"
    for write, more in ((replace, b"x"), (write_once, b"x"), (storage.stand, {}), (lambda p, _: storage.remove([p]), None)):
        with pytest.raises(LockedError, match=r"took .* over"):
            write(late, more)
    assert not late.exists()
    stalled.release()
    with pytest.raises(LockedError), run_lock(location(url)):
        pass
    next(lease for lease in leases if lease not in refused).release()


# -- reading ------------------------------------------------------------------------------------------------


def test_a_shard_is_read_by_ranges(proxy):
    out = location(place())
    schema = pa.schema([("n", pa.int64()), ("text", pa.large_string())])
    writer = ShardWriter(out / "x.parquet", schema)
    dice = np.random.default_rng(0)
    for _ in range(4):
        writer.write(pa.table({"n": np.arange(8192), "text": [dice.bytes(40).hex() for _ in range(8192)]}, schema=schema))
    facts = writer.close()
    path = out / facts["file"]
    assert count_rows(path, ["n"]) == (4 * 8192, facts["footer"])
    proxy.calm()
    tables = list(read_batches(out / facts["file"], ["n"], facts["footer"]))
    assert [t.num_rows for t in tables] == [8192] * 4
    assert proxy.seen["HEAD"] == 1
    assert proxy.seen["GET"] <= 5
    assert proxy.sizes["GET"] < facts["bytes"] / 3
    proxy.calm()
    assert pa.concat_tables(read_batches(path, None, facts["footer"])).num_rows == 4 * 8192
    assert proxy.seen["GET"] <= 6
    with pytest.raises(AccountError, match="is gone: rows are lost"):
        list(read_batches(out / "y.parquet"))


def test_a_large_index_is_searched(tmp_path, monkeypatch):
    monkeypatch.setattr(shuffle, "WHOLE_ENTRIES", 4)
    dice = random.Random(0)
    index = np.zeros(500, BLOCK)
    index["first"] = index["last"] = sorted(dice.choice([3, 7, 8, 40, 41, 200]) for _ in range(500))
    index["offset"] = range(500)
    far = location(place("memory")) / "i.group"
    near = tmp_path / "i.group"
    replace(near, index.tobytes())
    replace(far, index.tobytes())
    for low, high in [(0, 1), (0, 3), (3, 4), (7, 9), (8, 41), (41, 1 << 16), (201, 300), (0, 1 << 32)]:
        asked = [np.concatenate([*Blocks([], [f], 0, pa.schema([])).entries(low, high)]) for f in (near, far)]
        assert (asked[0] == asked[1]).all()
    assert len(shuffle._near(far, index.nbytes, 7, 8)) < 200


BEFORE = {
    "a shard": (tasks.RowTask, "_shard_batches", "docs-*/len/*.parquet"),
    "a spill": (Run, "_rounds", "twins.emit-*/spill/*.spill"),
    "the index of a spill": (Run, "_rounds", "twins.emit-*/spill/*.index"),
    "the merged index": (tasks.ReduceTask, "run", "twins.reduce-*/round-*.group"),
    "a file of verdicts": (tasks.RowTask, "_applied", "twins.reduce-*/verdicts/*.verdicts"),
    "a record": (Run, "_settled", "docs-*/records/*.json"),
}


@pytest.mark.parametrize("what", list(BEFORE))
def test_a_byte_of_an_object_changes(tmp_path, monkeypatch, what):
    for i in range(2):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(40, seed=i, urls=12))
    file = recipe(tmp_path, STEPS)
    owner, name, pattern = BEFORE[what]
    real, left = getattr(owner, name), [1]

    def late(self, *arguments, **keywords):
        found = [p for p in self.out.rglob("*") if p.relative_to(self.out).match(f"work/{pattern}") and p.size]
        if left and found:
            left.clear()
            path = max(found, key=lambda p: p.size)
            data = bytearray(path.read_bytes())
            data[len(data) // 3] ^= 8
            path.store.put(path.key, bytes(data))
            if what == "a record":
                raise KeyboardInterrupt
        return real(self, *arguments, **keywords)

    monkeypatch.setattr(owner, name, late)
    url = place("memory")
    if what == "a record":
        with pytest.raises(KeyboardInterrupt):
            run(file, url)
    with pytest.raises((AccountError, TaskError), match=r"memory://.* (is damaged|its index says)|rows came"):
        run(file, url)
    assert not left


def test_notes_of_the_driver(tmp_path):
    out = location(place("memory"))
    for line in (b"one\n", b"two\n"):
        storage.append(out / "q.jsonl", line)
    assert (out / "q.jsonl").read_bytes() == b"one\ntwo\n"
    write_sealed(out / "s", {"a": 1})
    assert read_sealed(out / "s") == {"a": 1}
    assert out / "/etc/hosts" == Path("/etc/hosts")
    assert str(out / "memory://x/y") == "memory://x/y"
    assert sorted(map(str, out.iterdir())) == [f"{out}/q.jsonl", f"{out}/s"]
