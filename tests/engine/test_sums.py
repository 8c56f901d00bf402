"""What records say of their documents, added up: every one once, bounded, the same bytes whoever adds up; stats.json of a run."""

import json
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from engine_kit import Stop, Stopper, documents, parquet, ran, recipe, run

from curation import ledger, storage, sums
from curation import run as run_module
from curation.errors import AccountError
from curation.gc import collect
from curation.inspect.summary import read_summary
from curation.ledger import OTHERS, Ledger
from curation.storage import location, read_sealed, seal
from curation.sums import STATS_FILE, Sums, add_up, groups

STEPS = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}}
steps:
  words: {use: count_words}
  len:   {use: measure, limit: 30}
  twins: {use: first_of_text, checkpoint: true}
  first: {use: keep, where: "len(text) < 300"}
  sites: {use: by_domain}
outputs: {some: {use: shards, needs: first}, joined: {use: shards}}
"""
"""Row steps, a global one, one that joins documents: three passes that count documents."""


def naive(out):
    """step -> verdict -> documents, bytes, tokens, dimension, value -> the same; and histograms: of all records of a finished run."""
    counts, bins = Counter(), Counter()
    for folder in json.loads((out / "run.json").read_bytes())["folders"]:
        for key in read_sealed(out / "work" / folder / "current.json"):
            _, stats = (out / "work" / folder / "records" / f"{key}.json").read_text().splitlines()
            flatten(json.loads(stats)[1], counts, bins)
    return counts, bins


def flatten(stats, counts, bins):
    for step, said in stats.items():
        for verdict, entry in said.get("verdicts", {}).items():
            for n, what in enumerate(("documents", "bytes", "tokens")):
                counts[step, verdict, n] += entry.get(what, 0)
                for dimension, values in entry["by"].items():
                    for value, of in values.items():
                        counts[step, verdict, dimension, value, n] += of[n]
        for column, found in said.get("metrics", {}).items():
            for b, sides in found.items():
                for side in (0, 1):
                    bins[step, column, b, side] += sides[side]


def flat(steps):
    counts, bins = Counter(), Counter()
    flatten(steps, counts, bins)
    return counts, bins


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    """A recipe, and a run of it none of whose passes has many tasks."""
    folder = tmp_path_factory.mktemp("sums")
    for i in range(7):
        parquet(folder / "crawl" / f"{i}.parquet", documents(30, seed=i))
    file = recipe(folder, STEPS)
    run(file, folder / "out")
    return file, folder / "out"


@pytest.fixture
def mine(crawl, tmp_path):
    """A copy of the run for a test that writes to it, and its recipe."""
    shutil.copytree(crawl[1], tmp_path / "out")
    return recipe(tmp_path, STEPS.replace("crawl/", f"{crawl[0].parent}/crawl/")), tmp_path / "out"


def test_every_record_is_in_it_once(crawl):
    out = crawl[1]
    wanted = naive(out)
    summary = read_summary(out)
    assert flat(summary.steps) == wanted
    assert len(wanted[0]) > 200
    assert len(wanted[1]) > 10
    for step in summary.manifest["steps"]:
        said = summary.verdicts(step["name"])
        assert step["dropped"] == {reason: counts[0] for reason, counts in said.items() if reason in step["dropped"]}
        if kept := summary.kept(step["name"]):
            assert kept[0] == step["kept"]
    assert {step for step in summary.steps if summary.kept(step)} == {"len", "twins", "first", "sites"}
    assert sum(summary.dropped(step)[2] for step in summary.steps) > 0


def test_the_same_bytes_in_groups_from_segments_in_a_store(crawl, monkeypatch):
    monkeypatch.setattr(sums, "GROUP_RECORDS", 2)
    monkeypatch.setattr(ledger, "SEGMENT_RECORDS", 4)
    file, out = crawl
    there = location("memory://sums-of-a-store")
    it = run(file, there)
    assert {label: n for label, (n, _) in it.tasks.items() if "sum" in label} == {"docs sum": 4, "twins sum": 4, "first sum": 4}
    assert list((there / "work" / it.plan.passes["docs"].folder / "segments").glob("*.stats"))
    assert (there / STATS_FILE).read_bytes() == (out / STATS_FILE).read_bytes()
    assert read_summary(there).steps == read_summary(out).steps
    (there / STATS_FILE).unlink()
    assert read_summary(there).steps == read_summary(out).steps  # added up on the way, the sums of groups left alone


def test_an_unchanged_pass_is_not_added_up_again(mine, tmp_path, monkeypatch):
    (file, out), added = mine, []
    whole = (out / STATS_FILE).read_bytes()
    monkeypatch.setattr(run_module, "add_up", lambda records: added.append(1) or add_up(records))
    run(file, out)
    assert added == []
    assert (out / STATS_FILE).read_bytes() == whole
    file.write_text(file.read_text().replace("< 300", "< 200"))
    run(file, out)
    assert len(added) == 2
    assert flat(read_summary(out).steps) == naive(out)
    parquet(tmp_path / "more" / "x.parquet", documents(30, seed=77))
    (old,) = [line for line in file.read_text().splitlines() if "paths" in line]
    file.write_text(file.read_text().replace(old, old.replace("paths: ", "paths: [").replace("}}", ', "more/*.parquet"]}}')))
    run(file, out)
    assert len(added) == 6
    assert flat(read_summary(out).steps) == naive(out)
    (out / STATS_FILE).write_bytes((out / STATS_FILE).read_bytes().replace(b'"documents":', b'"documents": ', 1))
    run(file, out)  # what it said is worked out anew
    assert len(added) == 10
    assert flat(read_summary(out).steps) == naive(out)


def test_gc_keeps_it_and_the_sums_of_groups(mine, monkeypatch):
    monkeypatch.setattr(sums, "GROUP_RECORDS", 2)
    file, out = mine
    before = (out / STATS_FILE).read_bytes()
    (out / STATS_FILE).unlink()
    assert ran(run(file, out)) == {"docs sum": 4, "twins sum": 4, "first sum": 4}
    collect(out, dry_run=False)
    assert (out / STATS_FILE).read_bytes() == before
    (out / STATS_FILE).unlink()
    assert ran(run(file, out)) == {}  # not even a group
    assert (out / STATS_FILE).read_bytes() == before


def test_a_driver_that_ends_at_a_write_leaves_no_wrong_one(mine, tmp_path, monkeypatch):
    """Of a run over the folder of an earlier one: what can be read is that one's or nothing, and in the end the clean run's."""
    file, old = mine
    wanted = {"old": read_summary(old).steps}
    file.write_text(file.read_text().replace("< 300", "< 200"))
    run(file, tmp_path / "clean")
    wanted["new"] = read_summary(tmp_path / "clean").steps
    assert wanted["old"] != wanted["new"]
    stopper, seen = Stopper(), Counter()
    for name in ("write_sealed", "write_json"):
        monkeypatch.setattr(run_module, name, stopper.around(getattr(storage, name)))
    shutil.copytree(old, tmp_path / "counted")
    run(file, tmp_path / "counted")
    writes = -stopper.left
    for left, before in [(left, True) for left in (1, 2, *range(writes - 3, writes + 1))] + [(writes, False)]:
        out = tmp_path / f"{left}-{before}"
        shutil.copytree(old, out)
        stopper.left, stopper.before = left, before
        with pytest.raises(Stop):
            run(file, out)
        summary = read_summary(out)
        done = summary.manifest["status"] == "done"
        which = "new" if "< 200" in str(summary.manifest["steps"]) else "old"
        seen[done, which] += 1
        assert summary.steps == (wanted[which] if done else {})
        stopper.left = 0
        run(file, out)
        assert read_summary(out).steps == wanted["new"]
        assert (out / STATS_FILE).read_bytes() == (tmp_path / "clean" / STATS_FILE).read_bytes()
    assert set(seen) == {(True, "old"), (False, "old"), (False, "new"), (True, "new")}


def test_it_is_held_against_the_accounts(mine, tmp_path, monkeypatch):
    """A record's second line says of one document less than its first."""
    real = Ledger.commit

    def short(folder, key, head, stats):
        for said in stats.values():
            if "short" in said.get("verdicts", {}):
                said["verdicts"]["short"]["documents"] -= 1
        return real(folder, key, head, stats)

    monkeypatch.setattr(Ledger, "commit", staticmethod(short))
    with pytest.raises(AccountError, match=r"len: \d+ documents dropped for short, \d+ by language"):
        run(mine[0], tmp_path / "wrong")


def test_a_sum_of_another_run_is_not_read(mine, crawl):
    """stats.json of other documents than run.json speaks of, all of which were kept; or of none."""
    out = mine[1]
    file = read_sealed(out / STATS_FILE)
    (part,) = [part for part in file["parts"].values() if "len" in part["steps"]]
    part["steps"]["len"]["verdicts"]["kept"]["documents"] -= 1
    part["keys"] = "of other tasks"
    for wrong in (seal(file), b"[]", seal({"parts": {}})):
        (out / STATS_FILE).write_bytes(wrong)
        assert read_summary(out).steps == read_summary(crawl[1]).steps
    (out / STATS_FILE).write_bytes((crawl[1] / STATS_FILE).read_bytes())
    manifest = json.loads((out / "run.json").read_bytes())
    del manifest["sums"]  # an older version ran on here: it leaves stats.json alone, and its run.json does not speak of it
    (out / "run.json").write_text(json.dumps(manifest))
    (out / STATS_FILE).write_bytes(seal(file))
    assert read_summary(out).steps == read_summary(crawl[1]).steps
    shutil.rmtree(out / "work")
    with pytest.raises(AccountError, match=r"has no stats.json of this run, and .*current.json, of which it could be made, is gone"):
        read_summary(out)


# -- records and sums alone -------------------------------------------------------------------------


def record(rng, domains=30):
    """Stats of a task, as a record has them: two verdicts and a metric."""
    found = {}
    for verdict in ("kept", "too_short"):
        values = {f"d{int(rng.paretovariate(0.3)) % 5_000}.example": rng.randrange(1, 20) for _ in range(domains)}
        total = sum(values.values())
        by = {"domain": {v: [n, 100 * n, 20 * n] for v, n in values.items()}}
        by["lang"] = {"en": [total - 30, 100 * total - 210, 20 * total], **{f"l{i}": [1, 7, 0] for i in range(30)}}
        by |= {few: {"one": [total, 100 * total, 20 * total]} for few in ("source", "crawl", "date")}
        found[verdict] = {"documents": total, "bytes": 100 * total, "tokens": 20 * total, "by": by}
    return {"words": {"verdicts": found, "metrics": {"n": {str(rng.randrange(-3, 9)): [1, 2]}}}}


def written(folder, records, order, segment, monkeypatch):
    """A ledger of these records, which came in that order."""
    monkeypatch.setattr(ledger, "SEGMENT_RECORDS", segment)
    book = Ledger(folder)
    for n in order:
        Ledger.commit(folder, f"{n:04d}", {"key": f"{n:04d}"}, records[n])
        book.note(f"{n:04d}")
    return book


def test_a_sum_is_bounded_and_does_not_depend_on_the_order_of_records(tmp_path, monkeypatch):
    monkeypatch.setattr(sums, "HELD_VALUES", 600)
    monkeypatch.setattr(sums, "GIVEN_VALUES", 200)
    rng = random.Random(4)
    records = {n: record(rng) for n in range(40)}
    keys = [f"{n:04d}" for n in records]
    orders = list(records), rng.sample(list(records), 40), list(records)
    found = []
    for i, (order, segment) in enumerate(zip(orders, (16, 7, 1 << 60), strict=True)):
        book = written(tmp_path / str(i), records, order, segment, monkeypatch)
        found.append(add_up(book.said(book.places(keys))))
    assert seal(found[0]) == seal(found[1]) == seal(found[2])
    exact = Counter()
    for of in records.values():
        flatten(of, exact, Counter())
    total = 0
    for verdict, entry in found[0]["words"]["verdicts"].items():
        for n, what in enumerate(("documents", "bytes", "tokens")):
            assert entry[what] == exact["words", verdict, n]
            for values in entry["by"].values():
                assert sum(of[n] for of in values.values()) == entry[what]
        total += sum(map(len, entry["by"].values()))
        domains = entry["by"]["domain"]
        langs = {v: [exact["words", verdict, "lang", v, n] for n in (0, 1, 2)] for v in ("en", *(f"l{i}" for i in range(30)))}
        assert entry["by"]["lang"] == langs
        assert domains[OTHERS][0] > 0
        assert all(of[0] <= exact["words", verdict, "domain", value, 0] for value, of in domains.items() if value != OTHERS)
        largest = sorted((-exact[k], k[3]) for k in exact if k[:3] == ("words", verdict, "domain") and k[-1] == 0)[:5]
        assert {name for _, name in largest} <= set(domains)
    assert total <= 200


def test_what_is_held_does_not_grow_with_the_records(monkeypatch):
    monkeypatch.setattr(sums, "HELD_VALUES", 1_000)
    held, added = [], Sums()
    for n in range(300):
        by = {"domain": {f"{n}-{i}": [1, 0, 0] for i in range(50)}}
        added.add({"s": {"verdicts": {"kept": {"documents": 50, "bytes": 0, "by": by}}}})
        held.append(sum(len(v) for v in added._steps["s"]["verdicts"]["kept"]["by"].values()))
    assert max(held) <= 1_050
    assert added.plain()["s"]["verdicts"]["kept"]["documents"] == 15_000


def test_groups_hold_every_task_once():
    for tasks in (0, 1, 255, 256, 257, 10_000, 70_000, 1_000_000):
        found = groups(tasks)
        assert sum(len(range(tasks)[of]) for of in found) == tasks
        assert len(found) <= 256
        assert len(found) <= 1 or len(range(tasks)[found[0]]) >= 256


def test_segments_of_an_older_version(tmp_path, monkeypatch):
    """Lines of heads that do not say how long the stats are."""
    rng = random.Random(6)
    records = {n: record(rng) for n in range(20)}
    book = written(tmp_path, records, list(records), 6, monkeypatch)
    places = book.places([f"{n:04d}" for n in records])
    for heads in (tmp_path / "segments").glob("*.heads"):
        heads.write_bytes(b"".join(line.rstrip(b" 0123456789\n") + b"\n" for line in heads.read_bytes().splitlines()))
    older = Ledger(tmp_path)
    assert older.places([f"{n:04d}" for n in records]) == places
    assert len({file for file, _, _ in places}) > 3
    assert [older.get(f"{n:04d}") for n in records] == [{"key": f"{n:04d}"} for n in records]
    assert [of["words"] for of in older.said(places)] == [of["words"] for of in records.values()]


def test_damage_and_loss_are_said(tmp_path, monkeypatch):
    rng = random.Random(7)
    book = written(tmp_path, {n: record(rng) for n in range(9)}, range(9), 4, monkeypatch)
    places = book.places([f"{n:04d}" for n in range(9)])
    heads, stats = tmp_path / "segments" / "000000.heads", tmp_path / "segments" / "000000.stats"
    whole = heads.read_bytes()
    for wrong in (b"x", b"-", b"7"):
        heads.write_bytes(whole[:-2] + (wrong if whole[-2:-1] != wrong else b"8") + b"\n")
        with pytest.raises(AccountError, match="damaged"):
            list(Ledger(tmp_path).said(Ledger(tmp_path).places(["0003"])))
    heads.write_bytes(whole)
    data = stats.read_bytes()
    stats.write_bytes(data.replace(b'"documents":', b'"documentz":', 1))
    with pytest.raises(AccountError, match="damaged"):
        list(book.said(places))
    stats.write_bytes(data)
    Path(tmp_path / "records" / "0008.json").unlink()
    with pytest.raises(AccountError, match="gone"):
        list(Ledger(tmp_path).said(places))
