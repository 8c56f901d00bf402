"""A stage puts its output in an order of its own: nothing lost on the way, shards equally large, the same bytes whoever does it."""

import itertools
import json
import shutil
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from engine_kit import Stop, Stopper, documents, ids, parquet, ran, recipe, rows, run, steps, tree

from curation import cli, shuffle, tasks
from curation import run as run_module
from curation.errors import AccountError, RecipeError, TaskError
from curation.gc import collect
from curation.plan import Plan
from curation.recipe import load
from curation.run import Run
from curation.shards import LazyShard
from curation.shuffle import place_bits
from curation.text import Utf8

DEAL = 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {mix: {use: dealt, limit: 9_000}}\n'
SMALL = {"settings.shuffle.partition_bytes": 32_000, "settings.shuffle.reduce_bytes": 240_000, "settings.shuffle.spill_bytes": 120_000}
MASK = (1 << 64) - 1


@pytest.fixture(scope="module")
def dealt(tmp_path_factory):
    """A recipe, and a run of it in which nothing is small."""
    folder = tmp_path_factory.mktemp("dealt")
    for i in range(5):
        parquet(folder / "crawl" / f"{i}.parquet", documents(120, seed=i))
    file = recipe(folder, DEAL)
    run(file, folder / "calm")
    return file, folder / "calm"


def shards(out):
    """Rows of each shard of the output, by its part."""
    found = {}
    for path in sorted((out / "outputs" / "mix").glob("*.parquet")):
        part, number, key = path.stem.rsplit("-", 2)
        assert len(key) == 32
        assert int(number) == len(found.setdefault(part, []))
        found[part].append(pq.read_table(path).to_pylist())
    return found


def contents(out):
    """Hash of each shard of the output, by its name without its task's key, which knows how large partitions are."""
    return {name.rpartition("-")[0]: found for name, found in tree(out, "outputs").items()}


def expected(out):
    """What the stage says of every document, worked out from their ids alone: part -> [(place, id, copy)] in order."""
    wanted = {"validation": [], "train": []}
    names = sorted({*ids(out, "outputs"), *ids(out, "dropped")})
    for given, lot in zip(names, Utf8.of(pa.array(names)).hash().tolist(), strict=True):
        for copy in range((0, 1, 1, 1, 1, 1, 2, 3)[lot % 8]):
            place = (lot + copy) * 0x9E3779B97F4A7C15 & MASK
            wanted["train" if (lot >> 40) % 8 else "validation"].append((place, given, copy))
    return {part: sorted(found) for part, found in wanted.items()}


def test_every_document_lies_where_its_stage_wants_it(dealt):
    out = dealt[1]
    found, wanted = shards(out), expected(out)
    assert {part: [(r["id"], r["copy"]) for s in of for r in s] for part, of in found.items()} == {
        part: [place[1:] for place in of] for part, of in wanted.items()
    }
    assert len(found["train"]) > 5
    account = steps(out)["mix"]
    copies = sum(copy > 0 for of in wanted.values() for _, _, copy in of)
    assert account["created"] == copies > 50
    assert account["documents_in"] == 600
    assert account["kept"] == steps(out)["outputs.mix"]["documents_in"] == sum(map(len, wanted.values()))
    assert account["dropped"]["not_dealt"] == 600 + copies - account["kept"] > 0


def test_rows_carry_what_they_had(dealt):
    """Text from where it stands, the place of their record, and copies the id of their document."""
    out = dealt[1]
    given = {(f"{i}.parquet", n): d for i in range(5) for n, d in enumerate(documents(120, seed=i))}
    for row in rows(out, "outputs"):
        document = given[row["record_file"].rpartition("/")[2], row["record_offset"]]
        assert {k: row[k] for k in ("url", "text", "date")} == {k: document[k] for k in ("url", "text", "date")}
    assert max(Counter(ids(out, "outputs")).values()) == 3


@pytest.mark.parametrize("limit", [700, 3_000, 20_000, 10**9])
def test_shards_are_equally_large(dealt, tmp_path, limit):
    out = tmp_path / "out"
    run(dealt[0], out, overrides={**SMALL, "mix.limit": limit})
    for of in shards(out).values():
        sizes = [[len(r["text"].encode()) for r in s] for s in of]
        whole, largest = sum(map(sum, sizes)), max(map(max, sizes))
        assert len(sizes) == -(-whole // limit)
        assert all(abs(sum(s) - whole / len(sizes)) <= largest for s in sizes)


def test_the_same_bytes_however_it_is_done(dealt, tmp_path, monkeypatch):
    """Small partitions, slots of them, runs of a few documents, an exchange, workers."""
    file, calm = dealt
    wanted = contents(calm)
    few = run(file, tmp_path / "small", overrides=SMALL)
    assert few.tasks["mix gather"][0] == len(wanted)
    slots = {**SMALL, "settings.shuffle.partition_bytes": 1 << 30, "settings.shuffle.reduce_bytes": 80_000}
    monkeypatch.setattr(shuffle, "DOCUMENT_BLOCK_BYTES", 2_000)
    run(file, tmp_path / "slots", overrides=slots)
    monkeypatch.setattr(shuffle, "GROUP_MAPPERS", 2)
    read, real = set(), tasks.GatherTask.run
    monkeypatch.setattr(tasks.GatherTask, "run", lambda self: (read.add(self.task["blocks"]), real(self)))
    moved = run(file, tmp_path / "moved", overrides={**SMALL, "settings.shuffle.range_reads": 1})
    assert moved.tasks["mix exchange"][0] >= 3
    assert all(place.endswith("scattered-exchanged.files") for place in read)
    assert read
    run(file, tmp_path / "workers", 2, overrides=SMALL)
    for how in ("small", "slots", "moved", "workers"):
        assert contents(tmp_path / how) == wanted, how
    assert tree(tmp_path / "workers") == tree(tmp_path / "small")


def test_partitions_and_slots_are_read_as_meant(dealt, tmp_path, monkeypatch):
    """What the test above stands on: partitions by part, and tasks that read slots alone."""
    seen, real = [], Run._do

    def watched(self, label, folder, todo):
        seen.extend(t for t in todo if "ranges" in t)
        return real(self, label, folder, todo)

    monkeypatch.setattr(Run, "_do", watched)
    run(dealt[0], tmp_path / "a", overrides=SMALL)
    assert max(len(t["ranges"]) for t in seen) <= 2
    assert len({tuple(t["ranges"][0][:2]) for t in seen}) > 10
    seen.clear()
    run(dealt[0], tmp_path / "b", overrides={**SMALL, "settings.shuffle.partition_bytes": 1 << 30, "settings.shuffle.reduce_bytes": 80_000})
    assert max(len(t["ranges"]) for t in seen) > 10
    assert any(place % shuffle.SLOTS for t in seen for low, high, _ in t["ranges"] for place in (low, high))


def test_another_size_of_shards_scatters_nothing_anew(dealt, tmp_path):
    out = tmp_path / "out"
    sizes = {"mix.limit": 0, "settings.output_bytes": 30_000}
    run(dealt[0], out, overrides=sizes)
    first = tree(out, "outputs")
    assert len(first) > 4
    assert ran(run(dealt[0], out, overrides=sizes)) == {}
    again = run(dealt[0], out, overrides={**sizes, "settings.output_bytes": 60_000})
    assert ran(again) == {"mix gather": again.tasks["mix gather"][0]}
    fewer = tree(out, "outputs")
    assert 2 < len(fewer) < len(first)


@pytest.mark.parametrize(("before", "after"), [(1_000_000, 400_000), (400_000, 1_000_000)])
def test_other_partitions_scatter_anew(dealt, tmp_path, monkeypatch, before, after):
    """A run that ended between scatter and gather, and goes on with partitions of another size, reads no block as what it is not."""
    file, calm = dealt
    out, bits = tmp_path / "out", []
    real = Run._gather_tasks

    def stop(self, *arguments):
        bits.append(arguments[-1][0])
        raise Stop

    monkeypatch.setattr(Run, "_gather_tasks", stop)
    with pytest.raises(Stop):
        run(file, out, overrides={"settings.shuffle.partition_bytes": before})
    monkeypatch.setattr(Run, "_gather_tasks", lambda self, *a: bits.append(a[-1][0]) or real(self, *a))
    run(file, out, overrides={"settings.shuffle.partition_bytes": after})
    assert bits[0] != bits[1]
    assert contents(out) == contents(calm)


def test_rows_in_the_wrong_partition_are_found(dealt, tmp_path, monkeypatch):
    real = tasks.GatherTask.run

    def run_(self):
        self.task["bits"] += 1
        real(self)

    monkeypatch.setattr(tasks.GatherTask, "run", run_)
    with pytest.raises(AccountError, match="have such a place"):
        run(dealt[0], tmp_path / "out", overrides=SMALL)


def test_plan_stats_explain_and_gc(dealt, tmp_path, capsys):
    file, out = dealt[0], tmp_path / "out"

    def curate(*arguments):
        capsys.readouterr()
        cli.app([*map(str, arguments), "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out)

    assert [s["reuse"] for s in curate("plan", file, "--out", out)["steps"]] == [False, False, False]
    run(file, out)
    found = tree(out)
    assert all(s["reuse"] for s in curate("plan", file, "--out", out)["steps"])
    mix = next(s for s in curate("stats", out)["steps"] if s["name"] == "mix")
    assert mix["documents_in"] + mix["created"] == mix["kept"] + mix["dropped"]["not_dealt"]
    [three] = [given for given, n in Counter(ids(out, "outputs")).items() if n == 3][:1]
    [document] = curate("explain", out, three)["documents"]
    assert [f["fate"] for f in document["fates"]] == ["kept"] * 3
    assert sorted(f["steps"][-1]["metrics"]["copy"] for f in document["fates"]) == [0, 1, 2]
    run(file, out, overrides={"mix.limit": 5_000})
    for removed in (True, False):
        assert (collect(out, dry_run=False)["files"] > 10) == removed
        assert ran(run(file, out, overrides={"mix.limit": 5_000})) == {}
    run(file, out)
    assert tree(out) == found


def test_stats_count_copies(dealt, tmp_path):
    found = json.loads((dealt[1] / "run.json").read_text())
    folder = next(f for f in found["folders"] if f.startswith("mix-"))
    total = {"documents": 0, "bytes": 0}
    by = Counter()
    for record in (dealt[1] / "work" / folder / "records").glob("*.json"):
        kept = json.loads(record.read_text().split("\n")[1])[1]["mix"]["verdicts"]["kept"]
        total = {k: n + kept[k] for k, n in total.items()}
        by.update({d: n for d, (n, _, _) in kept["by"]["domain"].items()})
    out = rows(dealt[1], "outputs")
    assert total == {"documents": len(out), "bytes": sum(len(r["text"].encode()) for r in out)}
    assert by == Counter(r["domain"] for r in out)


def test_copies_come_in_the_order_they_were_made_in(tmp_path):
    """Those that go to one place, and of a document met twice the one of the earlier shard first."""
    for i in range(3):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(60, seed=i % 2))
    text = DEAL.replace("use: dealt", "use: dealt_to_one_place").replace('paths: "crawl/*"', 'paths: "crawl/*", date: null')
    file = recipe(tmp_path, text)
    run(file, tmp_path / "out")
    for of in shards(tmp_path / "out").values():
        copies = {}
        for row in (r for s in of for r in s):
            copies.setdefault((row["id"], row["record_file"]), []).append(row["copy"])
        assert any(len(found) > 1 for found in copies.values())
        assert all(found == sorted(found) for found in copies.values())


def test_partitions_are_small_beside_shards_until_blocks_would_be(dealt):
    sizes = {1 << 20: 0, 1 << 30: 7, 100 << 30: 11, 1000 << 30: 14, 100_000 << 30: 16}
    assert {size: place_bits(size, 64 << 20, 1) for size in sizes} == sizes
    assert [place_bits(100_000 << 30, 64 << 20, parts) for parts in (1, 2, 3, 256)] == [16, 15, 14, 8]


# -- what may go wrong ----------------------------------------------------------------------------------


@pytest.mark.parametrize("says", ["loses one", "no such row", "no such part", "below nothing", "too few", "nothing", "undeclared"])
def test_a_stage_that_says_what_cannot_be(tmp_path, says):
    parquet(tmp_path / "crawl" / "0.parquet", documents(50))
    file = recipe(tmp_path, DEAL.replace("use: dealt", f"use: dealt_badly, trigger: {says}"))
    with pytest.raises(TaskError, match="mix: stage dealt_badly"):
        run(file, tmp_path / "out")


def test_a_stage_that_lies_about_nothing(tmp_path):
    """The one above without its lie."""
    parquet(tmp_path / "crawl" / "0.parquet", documents(50))
    run(recipe(tmp_path, DEAL.replace("use: dealt", "use: dealt_badly")), tmp_path / "out")
    assert rows(tmp_path / "out", "outputs")


@pytest.mark.parametrize(("text", "says"), [
    ("steps: {mix: {use: dealt_badly, trigger: no name}}", r"part '\.\./up', of which no file's name can be made"),
    ("steps: {mix: {use: dealt_badly, trigger: twice}}", "part 'a', twice"),
    ("steps: {mix: {use: dealt_badly, trigger: many}}", "257 parts; 256 are the most"),
    ("steps: {mix: {use: dealt_badly, trigger: there already}}", "column 'text', which is there already"),
    ("steps: {mix: {use: dealt}, len: {use: measure}}", "len needs 'mix', whose dealt puts documents into the order"),
    ("steps: {mix: {use: dealt}, len: {use: measure, needs: more}}\noutputs: {both: {use: shards, needs: [mix, len]}}", "both needs 'mix'"),
    ("steps: {mix: {use: dealt}}\noutputs: {len: {use: measure, needs: mix}}", "len needs 'mix'"),
])  # fmt: skip
def test_recipes_that_cannot_be(tmp_path, text, says):
    parquet(tmp_path / "crawl" / "0.parquet", documents(5))
    more = ', more: {use: parquet, paths: "crawl/*"}' if "more" in text else ""
    text = text.replace("use: dealt", "needs: docs, use: dealt")
    with pytest.raises(RecipeError, match=says):
        Plan(load(recipe(tmp_path, f'inputs: {{docs: {{use: parquet, paths: "crawl/*"}}{more}}}\n{text}'), {}))


def test_places_that_are_not_spread(tmp_path):
    for i in range(4):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(100, seed=i))
    file = recipe(tmp_path, DEAL.replace("use: dealt", "use: dealt_to_one_place"))
    run(file, tmp_path / "fits")
    for of in shards(tmp_path / "fits").values():
        assert [r["id"] for s in of for r in s] == sorted(r["id"] for s in of for r in s)
    with pytest.raises(TaskError, match="nearly one place"):
        run(file, tmp_path / "out", overrides={"settings.shuffle.reduce_bytes": 4_000})


def test_a_document_larger_than_everything(tmp_path):
    given = documents(60)
    given[7]["text"] = "all of it " * 40_000  # more than reduce_bytes
    parquet(tmp_path / "crawl" / "0.parquet", given)
    file = recipe(tmp_path, DEAL)
    run(file, tmp_path / "calm")
    out = tmp_path / "out"
    run(file, out, overrides=SMALL)
    assert contents(out) == contents(tmp_path / "calm")
    wanted = expected(out)
    assert sorted(ids(out, "outputs")) == sorted(given for of in wanted.values() for _, given, _ in of)


def test_documents_of_no_size(tmp_path):
    given = documents(60)
    for d in given[::2]:
        d["text"] = ""
    parquet(tmp_path / "crawl" / "0.parquet", given)
    file, out = recipe(tmp_path, DEAL), tmp_path / "out"
    run(file, out, overrides={**SMALL, "mix.limit": 1_000})
    found, wanted = shards(out), expected(out)
    assert {part: [(r["id"], r["copy"]) for s in of for r in s] for part, of in found.items()} == {
        part: [place[1:] for place in of] for part, of in wanted.items()
    }
    for d in given:
        d["text"] = ""
    parquet(tmp_path / "crawl" / "0.parquet", given)
    run(file, out)
    assert {part: len(of) for part, of in shards(out).items()} == {"train": 1, "validation": 1}


def test_nothing_to_scatter(tmp_path):
    parquet(tmp_path / "crawl" / "0.parquet", documents(20))
    text = DEAL.replace("steps: {", 'steps: {none: {use: keep, where: "len(text) > 1000000"}, ')
    it = run(recipe(tmp_path, text), tmp_path / "out")
    assert it.tasks["mix gather"] == (0, 0)
    assert steps(tmp_path / "out")["outputs.mix"]["kept"] == 0
    assert not rows(tmp_path / "out", "outputs")


def missing(monkeypatch, tmp_path, owner, name, before, match):
    """A run in which `before(run folder)` happens at the first call of a method ends in an error that says so."""
    for i in range(2):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(100, seed=i))
    real, done = getattr(owner, name), []

    def call(self, *arguments, **keywords):
        if not done:
            done.append(before(self.out))
        return real(self, *arguments, **keywords)

    monkeypatch.setattr(owner, name, call)
    with pytest.raises(AccountError, match=match):
        run(recipe(tmp_path, DEAL), tmp_path / "out", overrides=SMALL)
    assert done
    assert not (tmp_path / "out" / "outputs").exists()


def test_a_lost_spill_stops_the_run(tmp_path, monkeypatch):
    gone = lambda out: next(out.glob("work/mix-*/scattered/*.spill")).unlink()  # noqa: E731
    missing(monkeypatch, tmp_path, tasks.GatherTask, "run", gone, "is gone: rows are lost")


def test_a_lost_index_stops_the_run(tmp_path, monkeypatch):
    gone = lambda out: next(out.glob("work/mix-*/scattered/*.index")).unlink()  # noqa: E731
    missing(monkeypatch, tmp_path, Run, "_gather_tasks", gone, "is gone: rows are lost")


def test_blocks_the_index_does_not_name(tmp_path, monkeypatch):
    def short(out):
        [group] = out.glob("work/mix.gather-*/scattered-*.group")
        group.write_bytes(group.read_bytes()[: -shuffle.BLOCK.itemsize])

    missing(monkeypatch, tmp_path, tasks.GatherTask, "run", short, "rows came|is gone")


def test_the_merged_index_is_short_before_shards_are_planned(tmp_path, monkeypatch):
    real = run_module.write_groups

    def short(out, folder, stem, *arguments):
        place = real(out, folder, stem, *arguments)
        if stem == "scattered":
            path = out / folder / f"{stem}-000000.group"
            path.write_bytes(path.read_bytes()[: -shuffle.BLOCK.itemsize])
        return place

    monkeypatch.setattr(run_module, "write_groups", short)
    parquet(tmp_path / "crawl" / "0.parquet", documents(100))
    with pytest.raises(AccountError, match="rows indexed"):
        run(recipe(tmp_path, DEAL), tmp_path / "out", overrides=SMALL)


def test_a_size_that_changes_on_the_way(tmp_path, monkeypatch):
    real = shuffle.BlockFile.write

    def other(self, batch, first, last, size=0):
        real(self, batch, first, last, size + 1 if size and not self._entries else size)

    monkeypatch.setattr(shuffle.BlockFile, "write", other)
    parquet(tmp_path / "crawl" / "0.parquet", documents(100))
    with pytest.raises(AccountError, match="sizes of rows in order"):
        run(recipe(tmp_path, DEAL), tmp_path / "out", overrides=SMALL)


def test_a_row_lost_as_it_is_gathered(tmp_path, monkeypatch):
    """One of a shard that no bound names, and one that two neighbours leave to each other."""
    parquet(tmp_path / "crawl" / "0.parquet", documents(100))
    file, real, lost = recipe(tmp_path, DEAL), LazyShard.write, []

    def short(self, table):
        cut = self.path.parent.name == "shards" and not lost
        lost.extend([1] if cut else [])
        real(self, table.slice(1) if cut else table)

    with monkeypatch.context() as patch:
        patch.setattr(LazyShard, "write", short)
        with pytest.raises(AccountError):
            run(file, tmp_path / "a", overrides=SMALL)
    assert lost
    plan = run_module.plan_shards

    def apart(*arguments):
        for n, shard in enumerate(plan(*arguments)):
            low, high = shard.bounds
            yield shuffle.OutputShard(shard.range, (low + 200 * (n == 1), high), shard.before, shard.after)

    monkeypatch.setattr(run_module, "plan_shards", apart)
    with pytest.raises(AccountError, match="of what was gathered"):
        run(file, tmp_path / "b", overrides=SMALL)


@pytest.fixture(scope="module")
def settled(dealt, tmp_path_factory):
    """A run that has come as far as its verdicts."""
    out, real = tmp_path_factory.mktemp("settled") / "out", Run._applied_tasks

    def stop(self, p):
        real(self, p)
        raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "_applied_tasks", stop)
        with pytest.raises(Stop):
            run(dealt[0], out, overrides=SMALL)
    assert list(out.glob("work/mix.reduce-*/settled.json"))
    return out


@pytest.mark.parametrize("before", [True, False])
def test_stopped_at_many_writes(dealt, settled, tmp_path, monkeypatch, before):
    """The driver and its tasks end before, or after, one write or another, from the first that scatters to the last in an output."""
    file, calm = dealt
    from curation import ledger, storage

    stopper = Stopper()
    monkeypatch.setattr(ledger.Ledger, "commit", staticmethod(stopper.around(ledger.Ledger.commit)))
    for owner, name in ((storage.HashedFile, "close"), (shuffle, "replace"), (run_module, "write_sealed"), (run_module, "write_json")):
        monkeypatch.setattr(owner, name, stopper.around(getattr(owner, name)))
    out, stops = tmp_path / "out", 0
    shutil.copytree(settled, out)
    stopper.before = before
    for after in itertools.count(1, 3):
        stopper.left = after
        try:
            run(file, out, overrides=SMALL)
        except Stop:
            stops += 1
            continue
        break
    assert stops > 5
    monkeypatch.undo()
    run(file, tmp_path / "calm", overrides=SMALL)
    assert tree(out) == tree(tmp_path / "calm")
    assert contents(out) == contents(calm)
