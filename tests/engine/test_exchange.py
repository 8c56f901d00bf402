"""What many mappers wrote is put together by partition before as many reducers read it: the same documents, far fewer reads."""

import json
from collections import Counter

import numpy as np
import pytest
from engine_kit import FULL, corpus, documents, parquet, recipe, run, tree

from curation import run as run_module
from curation import shuffle, tasks
from curation.errors import AccountError
from curation.gc import collect

SMALL = {"settings.shuffle.reduce_bytes": 2_000, "settings.shuffle.spill_bytes": 20_000}
TWINS = 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {twins: {use: first_of_text}}'
LIKE = 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {like: {use: same_opening}}'


def exchanges(it):
    return {name.removesuffix(" exchange"): total for name, (total, _) in it.tasks.items() if name.endswith(" exchange")}


@pytest.fixture
def groups_of_four(monkeypatch):
    monkeypatch.setattr(shuffle, "GROUP_MAPPERS", 4)


def test_the_same_bytes_with_and_without(tmp_path, groups_of_four):
    """Every kind of step, rounds, asks and verdicts; twice, and kept by gc."""
    file = recipe(corpus(tmp_path, files=6, n=60), FULL)
    sizes = {**SMALL, "settings.shuffle.reduce_bytes": 60_000}
    straight = run(file, tmp_path / "straight", overrides=sizes)
    always = {**sizes, "settings.shuffle.range_reads": 1}
    moved = run(file, tmp_path / "moved", overrides=always)
    assert not exchanges(straight)
    assert set(exchanges(moved)) == {"twins", "rare", "like", "common", "sites", "dealt"}
    assert tree(tmp_path / "straight") == tree(tmp_path / "moved")
    collect(tmp_path / "moved", dry_run=False)
    again = run(file, tmp_path / "moved", overrides=always)
    assert all(total == known for total, known in again.tasks.values())
    assert tree(tmp_path / "straight") == tree(tmp_path / "moved")


def test_thousands_of_blocks(tmp_path, monkeypatch):
    """Each reducer reads each group of mappers once, not each mapper."""
    monkeypatch.setattr(shuffle, "GROUP_MAPPERS", 8)
    monkeypatch.setattr(shuffle, "LEAST_BLOCK_BYTES", 1)
    for i in range(24):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(100, seed=i))
    reads: dict[str, Counter] = {}
    real, kind = shuffle._read_entries, {}
    for name, task in (("reduce", tasks.ReduceTask), ("exchange", tasks.KINDS["exchange"])):
        whole = task.run
        monkeypatch.setattr(task, "run", lambda self, name=name, whole=whole: (kind.update(now=name), whole(self))[1])
    for label, limit in (("straight", 1_000_000), ("moved", 1)):
        reads[label] = Counter()

        def counted(path, entries, label=label):
            if path.suffix == ".blocks" or (path.suffix == ".spill" and "emit" in str(path)):
                starts, ends = entries["offset"], entries["offset"] + entries["length"]
                reads[label][kind["now"]] += 1 + int((starts[1:] != ends[:-1]).sum())
            return real(path, entries)

        monkeypatch.setattr(shuffle, "_read_entries", counted)
        sizes = {"settings.shuffle.reduce_bytes": 6_000, "settings.shuffle.range_reads": limit}
        it = run(recipe(tmp_path, TWINS), tmp_path / label, overrides=sizes)
        assert len(places(tmp_path / label)) > 1_000
        assert it.tasks["twins reduce"][0] > 20
    assert tree(tmp_path / "straight") == tree(tmp_path / "moved")
    assert reads["straight"]["exchange"] == 0
    assert reads["moved"]["reduce"] < reads["straight"]["reduce"] / 3


def places(out):
    """Where the blocks begin that a run's mappers wrote."""
    return {place for f in (out / "work").glob("twins.emit-*/spill/*.index") for place in np.fromfile(f, shuffle.BLOCK)["first"].tolist()}


def test_rows_that_do_not_arrive_stop_the_run(tmp_path, monkeypatch, groups_of_four):
    for i in range(6):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(50, seed=i))
    copy = shuffle.BlockFile.copy

    def lossy(self, entries, blocks):
        lost = 0 if self._entries or 1 not in entries["mapper"] else 1
        copy(self, entries[lost:], blocks[lost:])

    monkeypatch.setattr(shuffle.BlockFile, "copy", lossy)
    with pytest.raises(AccountError, match="rows exchanged"):
        run(recipe(tmp_path, LIKE), tmp_path / "out", overrides={**SMALL, "settings.shuffle.range_reads": 1})


def test_tasks_do_not_carry_the_names_of_all_files(tmp_path, monkeypatch):
    """A reducer of forty thousand mappers is told where their list is."""
    for i in range(6):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(20, seed=i))
    sizes = []
    do = run_module.Run._do

    def seen(self, label, folder, todo):
        sizes.extend(len(json.dumps(t)) for t in todo if t["kind"] in ("reduce", "recall", "exchange"))
        return do(self, label, folder, todo)

    monkeypatch.setattr(run_module.Run, "_do", seen)
    run(recipe(tmp_path, LIKE), tmp_path / "out", overrides=SMALL)
    few, sizes[:] = max(sizes), []
    for i in range(6, 30):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(20, seed=i))
    run(recipe(tmp_path, LIKE), tmp_path / "out", overrides=SMALL)
    assert max(sizes) < few + 50
