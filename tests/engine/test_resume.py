"""What runs again after a change: exactly what depends on it."""

import os
import shutil
from pathlib import Path

import pytest
from engine_kit import documents, parquet, ran, recipe, rows, run, steps, tree

from curation.errors import LockedError
from curation.storage import run_lock

TEXT = """
inputs:
  docs: {{use: parquet, paths: "crawl/*.parquet"}}
steps:
  loud:  {{use: shout, checkpoint: true}}
  len:   {{use: measure, limit: {limit}}}
  twins: {{use: first_of_text}}
outputs:
  out: {{use: shards, needs: twins}}
"""


@pytest.fixture
def opens(monkeypatch):
    """Relative paths of the input files that were read."""
    from stages.sources.parquet import Parquet

    seen = []
    read = Parquet.read

    def counting(self, path, relative, *arguments, **keywords):
        seen.append(relative)
        return read(self, path, relative, *arguments, **keywords)

    monkeypatch.setattr(Parquet, "read", counting)
    return seen


@pytest.fixture
def done(tmp_path):
    """A finished run over three files."""
    for i in range(3):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(60, seed=i))
    file = recipe(tmp_path, TEXT.format(limit=50))
    return file, tmp_path / "out", run(file, tmp_path / "out")


def test_nothing_changed_nothing_runs(done, opens):
    file, out, _ = done
    before = tree(out)
    assert ran(run(file, out)) == {}
    assert opens == []
    assert tree(out) == before


def test_a_changed_rule_reads_materialised_rows(done, opens, tmp_path):
    file, out, first = done
    recipe(tmp_path, TEXT.format(limit=120))
    again = run(file, out)
    assert opens == []
    assert "docs" not in ran(again)
    assert ran(again)["len"] == 3
    fresh = run(file, tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")
    assert steps(out)["len"]["dropped"] != {n: a.plain()["dropped"] for n, a in first.accounts.items()}["len"]
    assert fresh.accounts["len"].plain()["kept"] == again.accounts["len"].plain()["kept"]


def test_going_back_reuses_the_old_results(done, opens, tmp_path):
    file, out, _ = done
    before = tree(out)
    recipe(tmp_path, TEXT.format(limit=120))
    run(file, out)
    assert tree(out) != before
    recipe(tmp_path, TEXT.format(limit=50))
    assert ran(run(file, out)) == {}
    assert tree(out) == before
    assert opens == []


def same_as_fresh(file, out, fresh):
    run(file, fresh)
    return tree(out) == tree(fresh)


def test_an_added_file_costs_its_own_tasks_and_the_global_step(done, opens, tmp_path):
    file, out, _ = done
    parquet(tmp_path / "crawl" / "new.parquet", documents(60, seed=9))
    again = run(file, out)
    assert opens == ["new.parquet"]
    assert ran(again)["docs"] == 1
    assert ran(again)["len"] == 1
    assert ran(again)["twins emit"] == 1
    assert ran(again)["twins"] == 4
    assert same_as_fresh(file, out, tmp_path / "fresh")


def test_a_removed_file(done, opens, tmp_path):
    file, out, _ = done
    (tmp_path / "crawl" / "1.parquet").unlink()
    again = run(file, out)
    assert opens == []
    assert set(ran(again)) <= {"twins reduce", "twins", "outputs.out"}
    assert ran(again)["twins"] == 2
    assert same_as_fresh(file, out, tmp_path / "fresh")


def test_a_changed_file_with_the_same_size_and_time(done, opens, tmp_path):
    file, out, _ = done
    path = tmp_path / "crawl" / "1.parquet"
    stat = path.stat()
    other = documents(60, seed=1)
    other[7]["text"] = other[7]["text"][::-1]
    for _ in range(3):
        parquet(tmp_path / "other.parquet", other)
    data = (tmp_path / "other.parquet").read_bytes()
    old = path.read_bytes()
    assert data != old
    data = data if len(data) == len(old) else _flipped(old)
    with open(path, "r+b") as f:
        f.write(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ino) == (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    again = run(file, out)
    assert opens == ["1.parquet"]
    assert ran(again)["docs"] == 1
    assert ran(again)["len"] == 1
    assert same_as_fresh(file, out, tmp_path / "fresh")


def _flipped(data):
    """The same file but for one byte of its created-by text, which no reader looks at."""
    at = data.rindex(b"parquet-cpp-arrow")
    return data[:at] + b"P" + data[at + 1 :]


def test_a_renamed_or_moved_run_keeps_its_results(done, opens, tmp_path):
    file, out, _ = done
    moved = tmp_path / "moved"
    shutil.move(out, moved)
    assert ran(run(file, moved)) == {}


def test_a_crawl_that_moved_is_read_where_it_is_now(tmp_path):
    """Its identity is what it holds: header rows are reused, and pages are read again at the new place."""
    text = """
inputs:
  pages: {{use: warc, paths: "{folder}/*.warc.gz"}}
steps:
  urls:  {{use: first_of_url}}
  words: {{use: decode, limit: {limit}}}
outputs:
  out: {{use: shards, needs: words}}
"""
    shutil.copytree(Path(__file__).parents[2] / "examples" / "crawl", tmp_path / "old")
    file = recipe(tmp_path, text.format(folder="old", limit=0))
    run(file, tmp_path / "out")
    (tmp_path / "old").rename(tmp_path / "new")
    file = recipe(tmp_path, text.format(folder="new", limit=1))
    assert ran(run(file, tmp_path / "out")).keys() == {"urls", "outputs.out"}
    run(file, tmp_path / "fresh")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_an_output_that_is_no_longer_wanted_disappears(done, tmp_path):
    file, out, _ = done
    recipe(tmp_path, TEXT.format(limit=50).replace("  out: {use: shards, needs: twins}", "  other: {use: shards, needs: twins}"))
    run(file, out)
    assert [p.name for p in (out / "outputs").iterdir()] == ["other"]
    assert all((out / "outputs" / "other").glob("*.parquet"))


def test_files_of_older_configurations_do_not_stand_in_dropped(done, tmp_path):
    file, out, _ = done
    recipe(tmp_path, TEXT.format(limit=2))
    run(file, out)
    assert {r["step"] for r in rows(out, "dropped")} == {"twins"}


ASSET = """
inputs:
  docs: {use: parquet, paths: "crawl/*.parquet"}
steps:
  loud:   {use: shout, checkpoint: true}
  listed: {use: banned_words, words: words.txt}
"""


def test_a_changed_list(tmp_path, opens):
    for i in range(2):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(60, seed=i))
    words = tmp_path / "words.txt"
    words.write_text("WIZARDS\n")
    file = recipe(tmp_path, ASSET)
    run(file, tmp_path / "out")
    first = steps(tmp_path / "out")["listed"]["dropped"]
    opens.clear()
    words.write_text("BOILERS\n")
    again = run(file, tmp_path / "out")
    assert ran(again)["listed"] == 2
    assert "docs" not in ran(again)
    assert opens == []
    assert steps(tmp_path / "out")["listed"]["dropped"] != first
    words.rename(tmp_path / "renamed.txt")
    file.write_text(file.read_text().replace("words.txt", "renamed.txt"))
    assert ran(run(file, tmp_path / "out")) == {}


def test_a_changed_plug_in_is_another_version(tmp_path):
    from engine_kit import PLUGIN

    parquet(tmp_path / "crawl" / "0.parquet", documents(60))
    mine = tmp_path / "mine.py"
    mine.write_text(PLUGIN.read_text())
    file = recipe(tmp_path, TEXT.format(limit=50))
    file.write_text(file.read_text().replace(str(PLUGIN), str(mine)))
    run(file, tmp_path / "out")
    assert ran(run(file, tmp_path / "out")) == {}
    mine.write_text(PLUGIN.read_text() + "\nNEW = 1\n")
    assert set(ran(run(file, tmp_path / "out"))) >= {"len", "twins"}


def test_two_runs_at_once(done):
    file, out, _ = done
    with run_lock(out), pytest.raises(LockedError, match=f"process {os.getpid()}"):
        run(file, out)
    run(file, out)
