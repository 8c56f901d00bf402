"""What global stages may do beside one round: name followers, ask documents back, wait, decide about shards, count, judge."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from engine_kit import documents, parquet, ran, recipe, rows, run, steps, tree

from curation import registry, shards, tasks
from curation.errors import AccountError, RecipeError, TaskError
from curation.recipe import load
from curation.shards import LazyShard, ShardWriter
from curation.stage import Batch, Utf8
from curation.tasks.reading import Kept

LIKE = 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {like: {use: same_opening}}'
COMMON = 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {common: {use: common_words, limit: 5}}'
SMALL = {"settings.shuffle.reduce_bytes": 2_000, "settings.shuffle.spill_bytes": 20_000}


def corpus(folder, n, files=3):
    made = []
    for i in range(files):
        made += documents(n, seed=i)
        parquet(folder / "crawl" / f"{i}.parquet", made[-n:])
    return made


@pytest.mark.parametrize("sizes", [{}, SMALL])
def test_asked_documents_come_back_and_followers_share_their_leaders_fate(tmp_path, sizes):
    corpus(tmp_path, 200)
    run(recipe(tmp_path, LIKE), tmp_path / "out", overrides=sizes)
    kept, dropped = rows(tmp_path / "out", "outputs"), rows(tmp_path / "out", "dropped")
    run(recipe(tmp_path, LIKE.partition("\nsteps")[0], name="all"), tmp_path / "all")
    groups = {}
    for row in rows(tmp_path / "all", "outputs"):
        words = Batch(pa.table({"text": pa.array([row["text"]], pa.large_string())})).words().to_list(0)
        groups.setdefault((words[0] if words else "", len(words)), []).append(row["id"])
    best = {given: min(group) for group in groups.values() for given in group}
    assert sorted(r["id"] for r in kept) == sorted(set(best.values()))
    assert {r["id"]: r["like"] for r in dropped} == {given: b for given, b in best.items() if given != b}
    assert 100 < len(dropped) < 600
    facts = steps(tmp_path / "out")["like"]
    assert facts["notes"][-1] == f"{len(dropped)} alike"
    assert f"words seen: {sum(n * len(g) for (_, n), g in groups.items()):,}" in facts["notes"]
    longest = max(n for _, n in groups)
    assert max(facts["examples"]["long text"].values()) == longest
    assert len(facts["examples"]["long text"]) == 10


def test_a_judge_can_stop_the_run(tmp_path):
    corpus(tmp_path, 50, files=1)
    with pytest.raises(TaskError, match=r"like: \d+ of 50 are alike"):
        run(recipe(tmp_path, LIKE), tmp_path / "out", overrides={"like.limit": 1})


def test_what_is_recalled_comes_in_pieces(tmp_path, monkeypatch):
    """A shard may be asked for more than a process holds."""
    corpus(tmp_path, 200, files=1)
    file, pieces = recipe(tmp_path, LIKE), []
    load(file)
    stage, recalls = type(registry.lookup("same_opening")), tasks.RecallTask.run
    real = stage.recall

    def small(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shards, "ROW_GROUP_BYTES", 320)
            recalls(self)

    monkeypatch.setattr(tasks.RecallTask, "run", small)
    monkeypatch.setattr(stage, "recall", lambda self, kept, asks, *more: pieces.append(kept.num_rows) or real(self, kept, asks, *more))
    run(file, tmp_path / "out")
    assert sum(pieces) > 50
    assert max(pieces) == 10, "ids of 32 bytes"


def test_one_text_everywhere_is_sent_once_a_mapper(tmp_path):
    for i in range(3):
        parquet(tmp_path / "crawl" / f"{i}.parquet", [{**d, "text": "one and the same"} for d in documents(100, seed=i)])
    it = run(recipe(tmp_path, LIKE), tmp_path / "out")
    assert it.accounts["like"].dropped == {"alike": 299}
    notes = steps(tmp_path / "out")["like"]["notes"]
    assert "asked: 3" in notes


def lost(out):
    return {r["id"] for folder in ("dropped", "superseded") for r in rows(out, folder)}


@pytest.mark.parametrize("use", ["same_opening", "first_of_text"])
def test_a_new_crawl_against_an_old_one_is_one_run_over_both(tmp_path, use):
    kept = "states/like" if use == "same_opening" else "outputs/like"
    for i in range(4):
        for home in ("all", "old" if i < 2 else "new"):
            parquet(tmp_path / home / "crawl" / f"{i}.parquet", documents(80, seed=i))
    file = {home: recipe(tmp_path / home, LIKE.replace("same_opening", use)) for home in ("all", "old", "new")}
    run(file["all"], tmp_path / "all" / "out")
    run(file["old"], tmp_path / "old" / "out")
    before = tree(tmp_path / "old" / "out")
    out, settings = tmp_path / "new" / "out", {"like.against": [f"../old/out/{kept}"]}
    it = run(file["new"], out, overrides=settings, workers=2)
    assert lost(tmp_path / "all" / "out") == lost(tmp_path / "old" / "out") | lost(out)
    superseded = rows(out, "superseded")
    assert superseded
    assert {r["step"] for r in superseded} == {"like"}
    assert {r["id"] for r in superseded} <= {r["id"] for r in rows(tmp_path / "old" / "out", "outputs")} | lost(tmp_path / "old" / "out")
    assert it.accounts["like"].documents_in == 160
    assert ran(run(file["new"], out, overrides=settings)) == {}
    assert tree(tmp_path / "old" / "out") == before


def test_what_was_kept_under_other_parameters_is_refused(tmp_path):
    corpus(tmp_path, 30, files=1)
    run(recipe(tmp_path, LIKE, name="old"), tmp_path / "out")
    with pytest.raises(RecipeError, match=r"out/states/like was kept with limit 0, this step has 70") as e:
        run(recipe(tmp_path, LIKE), tmp_path / "new", overrides={"like.against": ["out/states/like"], "like.limit": 70})
    assert "like.against" in str(e.value)
    for folder in ("out/states", "nowhere"):
        with pytest.raises(RecipeError, match=f"{folder} holds no state of an earlier run"):
            run(recipe(tmp_path, LIKE), tmp_path / "new", overrides={"like.against": [folder]})


@pytest.mark.parametrize("sizes", [{}, SMALL])
def test_verdicts_about_a_shard_reach_all_its_documents(tmp_path, sizes):
    corpus(tmp_path, 150)
    run(recipe(tmp_path, COMMON), tmp_path / "out", overrides=sizes)
    found = rows(tmp_path / "out", "outputs")
    buckets = 450 // 100 + 1
    of = {r["id"]: int(Utf8.of_strings([r["id"]]).hash()[0] % np.uint64(buckets)) for r in found}
    words = {r["id"]: Batch(pa.table({"text": pa.array([r["text"]], pa.large_string())})).words().to_list(0) for r in found}
    counted = Counter((of[given], word) for given, listed in words.items() for word in set(listed))
    expected = {given: sum(counted[of[given], word] > 5 for word in listed) for given, listed in words.items()}
    assert {r["id"]: r["common"] for r in found} == expected
    assert len(set(expected.values())) > 5


@pytest.mark.parametrize("rows_a_group", [8_192, 7])
def test_what_was_kept_comes_back_to_apply_past_rows_that_fail(tmp_path, monkeypatch, rows_a_group):
    monkeypatch.setattr("curation.shards.ROW_GROUP_ROWS", rows_a_group)
    made = corpus(tmp_path, 40, files=2)
    hurt = {0: "POISON", 5: "poison", 6: "POISON", 39: "POISON", 40: "poison", 79: "poison"}
    for n, word in hurt.items():
        made[n] = {**made[n], "text": f"{made[n]['text']} {word}"}
    for i in range(2):
        parquet(tmp_path / "crawl" / f"{i}.parquet", made[40 * i : 40 * i + 40])
    run(recipe(tmp_path, COMMON), tmp_path / "out", overrides={"settings.max_failed.share": 1.0})
    found, failed = rows(tmp_path / "out", "outputs"), rows(tmp_path / "out", "failed")
    assert Counter(r["detail"] for r in failed) == {"ValueError: POISON": 3, "ValueError: poison": 3}
    assert sorted(r["text"] for r in found) == sorted(d["text"] for n, d in enumerate(made) if n not in hurt)
    words = [Batch(pa.table({"text": pa.array([d["text"]], pa.large_string())})).words().to_list(0) for d in made]
    counted = Counter(word for n, listed in enumerate(words) for word in set(listed) if hurt.get(n) != "POISON")
    expected = [(d["text"], sum(counted[w] > 5 for w in words[n])) for n, d in enumerate(made) if n not in hurt]
    assert sorted((r["text"], r["common"]) for r in found) == sorted(expected)
    assert len({n for _, n in expected}) > 5


def test_what_was_kept_of_any_rows_is_found_reading_on(tmp_path, monkeypatch):
    monkeypatch.setattr("curation.shards.ROW_GROUP_ROWS", 7)
    there = np.setdiff1d(np.arange(100), [0, 13, 14, 50, 99])
    writer = ShardWriter(tmp_path / "kept", pa.schema([("row", pa.uint32()), ("n", pa.int64())]), packed=False)
    writer.write(pa.table({"row": there.astype(np.uint32), "n": 3 * there}))
    facts = writer.close()
    held = Kept(tmp_path, facts)
    for low, high in ((1, 12), (13, 13), (15, 40), (41, 41), (70, 98)):  # a careful task leaves rows out
        held.reach(low, high)
        mine = there[(there >= low) & (there <= high)]
        for at in filter(len, (mine, mine[:3], mine[3:], mine[::2], mine[-1:])):
            assert held.of(at).to_pydict() == {"n": (3 * at).tolist()}
    with pytest.raises(AccountError, match="kept of a document is lost"):
        held.of(np.array([98, 99]))


@pytest.mark.parametrize("lost", ["a row", "all"])
def test_what_was_kept_is_missed_where_it_is_lost(tmp_path, monkeypatch, lost):
    corpus(tmp_path, 40, files=1)
    write = LazyShard.write

    def less(self, table):
        if self.path.parent.name != "kept":
            return write(self, table)
        return write(self, table.slice(1)) if lost == "a row" else None

    monkeypatch.setattr(LazyShard, "write", less)
    with pytest.raises(AccountError, match="kept of a document is lost"):
        run(recipe(tmp_path, COMMON), tmp_path / "out")


def test_a_finished_step_is_not_asked_again_and_more_documents_change_the_buckets(tmp_path):
    corpus(tmp_path, 60)
    for text in (LIKE, COMMON):
        file = recipe(tmp_path, text, name="like" if text is LIKE else "common")
        out = tmp_path / file.stem
        run(file, out)
        before = tree(out)
        assert ran(run(file, out)) == {}
        assert tree(out) == before
    parquet(tmp_path / "crawl" / "9.parquet", documents(120, seed=9))
    again = ran(run(file, out))
    assert again["common emit"] == 4, "with other buckets every shard is emitted again"
