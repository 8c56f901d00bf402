"""`curate ablate`: equal samples that are what their definition says, held-out targets, intervals with all chances in them, verdicts."""

import json
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from classifiers.ablate import commands, sample, targets, transformer, without
from classifiers.ablate.compare import LEVEL, compare, holm, resampled
from classifiers.label.sample import hashes
from classifiers.ngram_lm import numbered
from curation.assets import resolve
from curation.cli import app
from curation.errors import RecipeError
from curation.run import read_manifest
from stages.tokens.tokenizer_file import load

ROOT = Path(__file__).resolve().parent.parent.parent
CRAWL = ROOT.parent / "shared" / "data" / "warc" / "built" / "crawl-2006-01.warc.gz"
BY = load(str(resolve("tokens/default.json", ROOT)))
WORDS = sorted({w for p in ("DESIGN.md", "README.md") for w in (ROOT / p).read_text().split() if w.isalpha()})


def text_of(rng, words=60, vocabulary=400):
    """Words in Zipf's proportions, every one followed by one of a few: something a model can learn."""
    said, at = [], 0
    for _ in range(words):
        at = (7 * at + int(rng.paretovariate(0.7))) % vocabulary
        said.append(WORDS[at])
    return " ".join(said)


def documents(n, seed, **options):
    rng = random.Random(seed)
    return [{"id": f"{seed}-{i}", "text": text_of(rng, **options)} for i in range(n)]


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A target of 30 documents."""
    return written(tmp_path_factory.mktemp("held") / "target.jsonl", documents(30, "target"))


@pytest.fixture(scope="module")
def nothing(held):
    """What is held out, of documents no side has."""
    return targets.HeldOut(targets.read({"held": [held]}, BY))


def drawn(files, held_out, blocks=4, tokens=300, seed=0, key=None):
    seen = sample.survey(files, blocks, seed)
    key = key or sample.key_of([seen])
    return sample.draw(files, "A", seen, key, BY, held_out, tokens=tokens, seed=seed, say=lambda text: None)


def parts(block):
    """The documents of a block, each without its ends, as tuples."""
    starts = [*np.flatnonzero(block == 1).tolist(), len(block)]
    return [tuple(w for w in block[a:b].tolist() if w > 2) for a, b in pairwise(starts)]


# -- the sample -----------------------------------------------------------------------------------


def test_blocks_are_what_their_definition_says_however_documents_lie(tmp_path, nothing):
    rows = documents(200, "a", words=40)
    one = [written(tmp_path / "one.jsonl", rows)]
    for k in range(3):
        pq.write_table(pa.Table.from_pylist(rows[::-1][k::3]), tmp_path / f"part{k}.parquet", row_group_size=11)
    many = [str(tmp_path / f"part{k}.parquet") for k in range(3)]
    found = drawn(one, nothing)
    assert [b.tolist() for b in found.blocks] == [b.tolist() for b in drawn(many, nothing).blocks]
    order = dict(zip((r["id"] for r in rows), hashes(pa.array([r["id"] for r in rows]), 0).tolist(), strict=True))
    for k, block in enumerate(found.blocks):
        mine = sorted((r for r in rows if order[r["id"]] % 4 == k), key=lambda r: order[r["id"]])
        wanted = np.concatenate([numbered(BY.ids(r["text"])) for r in mine])
        cut = np.searchsorted(np.cumsum(wanted > 2), 300) + 1
        assert block.tolist() in (wanted[:cut].tolist(), wanted[: cut + 1].tolist())  # the last document may end there
        assert (block > 2).sum() == 300
    assert found.side_documents == 200
    assert found.documents < 200


def test_blocks_share_no_document_and_a_smaller_sample_is_part_of_a_larger_one(tmp_path, nothing):
    file = [written(tmp_path / "a.jsonl", documents(300, "a", words=40))]
    large, small = drawn(file, nothing, tokens=500), drawn(file, nothing, tokens=200)
    seen = [doc for block in large.blocks for doc in parts(block)]
    assert len(set(seen)) == len(seen)
    for few, more in zip(small.blocks, large.blocks, strict=True):
        words = (few > 2).sum()
        assert few[few > 2].tolist() == more[more > 2][:words].tolist()
    other = drawn(file, nothing, tokens=200, seed=1)
    assert [b.tolist() for b in other.blocks] != [b.tolist() for b in small.blocks]


def test_a_document_comes_into_the_same_block_of_both_sides_though_a_step_changed_its_text(tmp_path, nothing):
    rows = documents(150, "a", words=40)
    changed = [{**row, "text": "zebra " + row["text"]} for row in rows]
    a = drawn([written(tmp_path / "a.jsonl", rows)], nothing)
    b = drawn([written(tmp_path / "b.jsonl", changed)], nothing)
    zebra = tuple(w for w in numbered(BY.ids("zebra")).tolist() if w > 2)
    for one, other in zip(a.blocks, b.blocks, strict=True):
        tails = {doc[-8:] for doc in parts(one)[:3]}
        assert {doc[-8:] for doc in parts(other)[:3]} == tails
        assert all(doc[: len(zebra)] == zebra for doc in parts(other))


def test_copies_are_drawn_together_and_into_one_block(tmp_path, nothing):
    rows = [{"id": f"{row['id']}-{k}", "text": row["text"]} for row in documents(100, "a", words=40) for k in range(5)]
    file = [written(tmp_path / "a.jsonl", rows)]
    seen = sample.survey(file, 4, 0)
    assert seen.repeated == pytest.approx(0.8)
    assert sample.key_of([seen]) == "text"
    assert sample.key_of([sample.survey([written(tmp_path / "b.jsonl", documents(100, "b"))], 4, 0)]) == "id"
    bare = [*documents(100, "b"), *({"id": f"e{k}", "text": ""} for k in range(9))]
    assert sample.survey([written(tmp_path / "c.jsonl", bare)], 4, 0).repeated == 0
    found = drawn(file, nothing, tokens=400)
    homes = {}
    for k, block in enumerate(found.blocks):
        for doc in parts(block)[:-1]:
            homes.setdefault(doc, []).append(k)
    assert all(len(set(where)) == 1 for where in homes.values())
    assert sorted({len(where) for where in homes.values()})[-1] == 5


def test_a_long_side_is_counted_in_part(tmp_path, nothing):
    """Only what lies under the bound is tokenised: the rest is read for its length."""

    class Counting:
        tokenised = 0

        def ids(self, text):
            Counting.tokenised += 1
            return BY.ids(text)

    file = [written(tmp_path / "a.jsonl", documents(1_500, "a", words=40))]
    seen = sample.survey(file, 4, 0)
    found = sample.draw(file, "A", seen, "id", Counting(), nothing, tokens=300, seed=0, say=lambda text: None)
    assert found.documents < Counting.tokenised < 3 * found.documents < 1_000


# -- held out -------------------------------------------------------------------------------------


def test_documents_that_share_a_long_ngram_with_a_target_are_left_out_of_both_sides(tmp_path, held, nothing):
    stolen = " ".join(json.loads(Path(held).read_text().splitlines()[3])["text"].split()[20:34])
    short = " ".join(stolen.split()[:12])
    rows = documents(200, "a", words=40)
    dirty = [{**row, "text": f"{row['text']} {stolen}"} if i % 10 == 0 else row for i, row in enumerate(rows)]
    almost = [{**row, "text": f"{row['text']} and {short} but"} if i % 10 == 0 else row for i, row in enumerate(rows)]
    taken = {tuple(w for w in numbered(BY.ids(row["text"])).tolist() if w > 2) for row in dirty[::10]}
    for name, some, out in (("a", dirty, True), ("b", almost, False)):
        found = drawn([written(tmp_path / f"{name}.jsonl", some)], nothing, tokens=900)
        assert (found.left_out > 0) == out
        assert out == (found.left_out == pytest.approx(found.looked_at / 10, rel=0.6))
        assert not any(doc in taken for block in found.blocks for doc in parts(block))


def test_a_target_that_stands_in_a_side_is_refused(tmp_path, held, nothing):
    rows = [*documents(200, "a", words=40), *map(json.loads, Path(held).read_text().splitlines())]
    with pytest.raises(RecipeError, match=r"--target held: \d+ of its 30 documents stand in the training texts of A"):
        drawn([written(tmp_path / "a.jsonl", rows)], nothing, tokens=10_000)


def test_targets_are_cut_bounded_and_the_same_in_any_order(tmp_path, monkeypatch):
    rows = [*documents(40, "t"), {"id": "long", "text": "word " * 20_000}, {"id": "none", "text": " "}]
    a = targets.read({"t": [written(tmp_path / "a.jsonl", rows)]}, BY)[0]
    b = targets.read({"t": [written(tmp_path / "b.jsonl", rows[::-1] + rows[:3])]}, BY)[0]
    assert a.texts == b.texts
    assert len(a.texts) == 41
    assert max(a.bytes) <= targets.CUT_BYTES
    assert a.sums(np.ones(len(a.words))).tolist() == [len(numbered(BY.ids(text))) for text in a.texts]
    monkeypatch.setattr(targets, "MOST_BYTES", 5_000)
    few = targets.read({"t": [str(tmp_path / "a.jsonl")]}, BY)[0]
    assert few.texts == a.texts[: len(few.texts)]
    assert sum(few.bytes[:-1]) < 5_000 <= sum(few.bytes)


def test_a_text_file_has_documents_between_blank_lines(tmp_path):
    (tmp_path / "t.txt").write_text("\n\n".join(f"one {i}\ntwo" for i in range(12)) + "\n\n\n\n  \n")
    assert sorted(targets.read({"t": [str(tmp_path / "t.txt")]}, BY)[0].texts)[0] == "one 0\ntwo"
    assert len(targets.read({"t": [str(tmp_path / "t.txt")]}, BY)[0].texts) == 12


# -- the comparison -------------------------------------------------------------------------------


def simulated(rng, difference=0.0, models=8, documents=60, training=0.03, own=0.05):
    """Bits of two sides: what a sample does to all documents of a target is common to them."""
    sizes = rng.integers(500, 2_000, documents)
    hard = 2 + 0.3 * rng.normal(size=documents)
    sides = []
    for shift in (0.0, difference):
        of_models = training * rng.normal(size=(models, 1)) + own * rng.normal(size=(models, documents))
        sides.append([(hard + shift + of_models) * sizes, (hard + shift + of_models + 0.01 * rng.normal(size=(models, 1))) * sizes])
    return sides, [sizes, sizes]


def test_equal_sides_are_called_different_no_more_often_than_said(monkeypatch):
    monkeypatch.setattr("classifiers.ablate.compare.SAMPLES", 1_000)
    rng, called, by_target, alone = np.random.default_rng(5), 0, 0, 0
    for repeat in range(200):
        sides, sizes = simulated(rng)
        *each, all_ = compare(sides, sizes, ["x", "y"], repeat)
        called += "better" in all_.verdict
        by_target += any("better" in r.verdict for r in each)
        draws = resampled((sides[0][0] - sides[1][0]).mean(axis=0), sizes[0], rng)
        alone += not np.quantile(draws, 0.025) < 0 < np.quantile(draws, 0.975)
    assert called <= 20  # 10 are expected; 21 or more have a chance of 1 in 1,000
    assert by_target <= 20
    assert alone > 60  # the documents alone would mislead


def test_documents_that_differ_both_ways_are_no_difference(monkeypatch):
    """Every model agrees that A is better at some documents of a target and B at others: other documents might say the opposite."""
    monkeypatch.setattr("classifiers.ablate.compare.SAMPLES", 1_000)
    rng, called = np.random.default_rng(2), 0
    for repeat in range(100):
        sizes = rng.integers(500, 2_000, 40)
        favours = 0.2 * rng.normal(size=40)
        sides = [[(2 + shift + 1e-4 * rng.normal(size=(8, 40))) * sizes] for shift in (0.0, favours)]
        called += "better" in compare(sides, [sizes], ["x"], repeat)[-1].verdict
    assert called <= 13


def test_a_difference_is_seen_and_signed():
    rng = np.random.default_rng(1)
    sides, sizes = simulated(rng, difference=0.15)
    results = compare(sides, sizes, ["x", "y"])
    assert [r.verdict for r in results] == ["A is better"] * 3
    assert all(r.low < r.difference < r.high < 0 for r in results)
    assert results[-1].difference == pytest.approx(np.mean([r.difference for r in results[:2]]))
    assert results[0].a == pytest.approx(sides[0][0].sum(axis=1).mean() / sizes[0].sum())
    assert [r.verdict for r in compare(sides[::-1], sizes, ["x", "y"])] == ["B is better"] * 3
    shared = [[x + 300 * rng.normal(size=(8, 1)) * sizes[0] / sizes[0].mean() for x in sides[0]]]
    shared.append([x + 0.15 * sizes[0] for x in shared[0]])  # what both sides' models of a block have in common cancels out
    assert compare(shared, sizes, ["x", "y"])[-1].p < 0.01


def test_adjusted_chances_are_holms():
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    rng = np.random.default_rng(0)
    sides, sizes = simulated(rng, difference=0.03)
    results = compare(sides, sizes, ["x", "y"])
    assert results[0].adjusted > results[0].p
    assert results[-1].adjusted == results[-1].p
    assert all((r.adjusted < LEVEL) == ("better" in r.verdict) for r in results)


# -- the command ----------------------------------------------------------------------------------


def shuffled(rows, seed=0):
    rng = random.Random(seed)
    return [{"id": row["id"], "text": " ".join(rng.sample(row["text"].split(), len(row["text"].split())))} for row in rows]


def test_the_command_says_which_side_is_better(tmp_path, held):
    rows = documents(400, "a")
    a, b = written(tmp_path / "a.jsonl", rows), written(tmp_path / "b.jsonl", shuffled(rows))
    (tmp_path / "notes.txt").write_text("\n\n".join(text_of(random.Random(f"n{i}")) for i in range(20)))
    given = ["--target", f"held={held}", "--target", f"notes={tmp_path / 'notes.txt'}"]
    options = [*given, "--tokens", "10k", "--seeds", "1", "--order", "3"]
    done = CliRunner().invoke(app, ["ablate", a, b, *options, "--out", str(tmp_path / "out"), "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found["verdict"] == "A is better"
    assert [r["name"] for r in found["results"]] == ["held", "notes", "over all"]
    assert all(r["verdict"] == "A is better" and r["high"] < 0 for r in found["results"])
    assert (found["models"], found["tokens_per_model"], found["drawn_by"]) == (8, 1_250, "id")
    assert len(found["model"]["ngrams"]["a"]) == 3
    assert found == json.loads((tmp_path / "out" / "report.json").read_text())
    assert "**A is better** over all targets." in (tmp_path / "out" / "report.md").read_text()
    again = CliRunner().invoke(app, ["ablate", b, a, *options], catch_exceptions=False)
    assert "**B is better** over all targets." in again.stdout
    assert "proxy" in again.stdout


def test_seeds_are_samples_of_other_documents(tmp_path, held):
    a, b = (written(tmp_path / f"{name}.jsonl", documents(600, name)) for name in "ab")
    made, sides = commands.drawn((a, b), [f"held={held}"], BY, commands.Settings(8_000, 2), commands.BLOCKS, lambda text: None)
    assert [len(side.sample.blocks) for side in sides] == [16, 16]
    seen = [doc for block in sides[0].sample.blocks for doc in parts(block)]
    assert len(set(seen)) == len(seen)
    assert len(made) == 1


def test_a_model_has_so_many_tokens_at_most(tmp_path, held, monkeypatch):
    monkeypatch.setattr(commands, "MODEL_TOKENS", 1_000)
    a, b = (written(tmp_path / f"{name}.jsonl", documents(500, name)) for name in "ab")
    found, _ = commands.ablate((a, b), [f"held={held}"], commands.Settings(12_000, 1, 2), None, None, lambda text: None)
    assert (found["models"], found["tokens_per_model"]) == (12, 1_000)


def a_run(folder, tokenizer):
    (folder / "outputs" / "web").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(documents(10, folder.name)), folder / "outputs" / "web" / "x.parquet")
    steps = [{"name": "tokens", "use": "count_tokens", "params": {"tokenizer": tokenizer}}]
    (folder / "run.json").write_text(json.dumps({"status": "done", "steps": steps}))
    return str(folder)


def test_what_is_wrong_is_one_error(tmp_path, held):
    a, b = (written(tmp_path / f"{name}.jsonl", documents(60, name)) for name in "ab")
    (tmp_path / "empty.jsonl").write_text('{"text": ""}\n')
    other = tmp_path / "other.json"
    other.write_text(Path(resolve("tokens/default.json", ROOT)).read_text() + "\n")
    runs = [a_run(tmp_path / "r1", str(resolve("tokens/default.json", ROOT))), a_run(tmp_path / "r2", str(other))]
    target = ["--target", f"held={held}"]
    nothing = a_run(tmp_path / "dropped", str(other))
    (tmp_path / "dropped" / "outputs" / "web" / "x.parquet").unlink()
    for arguments, message in (
        ([a, b, *target, "--tokens", "1M", "--seeds", "1"], r"a\.jsonl has too few tokens: [\d,]+ in 60 documents"),
        ([a, b, *target, "--tokens", "2k"], "--tokens 2,000: 250 for each of 8 models"),
        ([a, b, *target, "--tokens", "lots"], "--tokens lots: write a number"),
        ([a, b], "--target NAME=FILE is wanted"),
        ([a, b, "--target", held], "write NAME=FILE"),
        ([a, b, "--target", f"none={tmp_path / 'empty.jsonl'}"], "--target none: 0 documents with text"),
        ([a, b, "--target", "gone=nowhere.jsonl"], "nowhere.jsonl: no such file"),
        ([a, b, "--target", "gone=nowhere.txt"], "nowhere.txt: cannot be read"),
        ([a, a, *target], "A and B are the same files"),
        ([a, f"{tmp_path}/./a.jsonl", *target], "A and B are the same files"),
        ([a, nothing, *target], r"dropped: no file .*/dropped/outputs/web/\*\.parquet"),
        ([*runs, *target], f"different tokenizers, .*r1 by .*default.json and .*r2 by {other}"),
        ([a, b, *target, "--tokenizer", held], "--tokenizer"),
        ([a, *target], "two sides are wanted"),
        ([a, b, *target, "--without", "exact"], "two sides are wanted"),
        ([a, *target, "--without", "exact"], "is not the folder of a run"),
        ([a, b, *target, "--trainer", "torch"], "needs --out"),
        ([a, b, *target, "--trainer", "tree"], "ngram or torch"),
        ([a, b, *target, "--set", "layers=1"], "--set is of --trainer torch"),
        ([a, b, *target, "--trainer", "torch", "--out", str(tmp_path / "t"), "--seeds", "1"], "--seeds 1: a transformer"),
        ([a, b, *target, "--trainer", "torch", "--out", str(tmp_path / "t"), "--set", "depth=2"], "depth"),
        ([a, b, *target, "--trainer", "torch", "--out", str(tmp_path / "t"), "--set", "hidden=2048"], "parameters .* at most 60,000,000"),
    ):
        with pytest.raises(RecipeError, match=message):
            CliRunner().invoke(app, ["ablate", *arguments], catch_exceptions=False)


RECIPE = """
name: small
inputs: {docs: {use: jsonl, paths: "docs.jsonl"}}
steps:
  tokens: {use: count_tokens, checkpoint: true}
  exact: {use: dedup_exact}
  short: {use: keep, where: "n_tokens < 1000"}
outputs:
  web: {use: shards}
  other: {use: shards, needs: exact}
"""


def test_a_run_without_a_step_goes_on_from_what_was_written_before_it(tmp_path, held):
    rows = documents(200, "a")
    copies = [{"id": f"{row['id']}-{k}", "text": row["text"]} for row in rows[:100] for k in range(3)]
    written(tmp_path / "docs.jsonl", rows + copies)
    (tmp_path / "small.yaml").write_text(RECIPE)
    run = str(tmp_path / "run")
    invoke = CliRunner().invoke
    assert invoke(app, ["run", str(tmp_path / "small.yaml"), "-x", "inline", "--out", run], catch_exceptions=False).exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in Path(run).rglob("*") if path.is_file()}
    given = ["--target", f"held={held}", "--tokens", "8k", "--seeds", "1", "--without", "dedup_exact", "-j", "1"]
    done = invoke(app, ["ablate", f"{run}/outputs/web", *given, "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found["b"]["name"] == f"{run}-without-exact/outputs/web"
    assert (found["a"]["side_documents"], found["b"]["side_documents"]) == (200, 500)
    assert found["drawn_by"] == "text"
    manifest = read_manifest(Path(f"{run}-without-exact"))
    assert [s["name"] for s in manifest["steps"] if s["name"] != "docs"] == ["tokens", "short", "outputs.web"]
    first = Path(run) / "work", Path(f"{run}-without-exact") / "work"
    same = [p for p in first[0].rglob("records/*") if (first[1] / p.relative_to(first[0])).exists()]
    assert same
    assert all(p.samefile(first[1] / p.relative_to(first[0])) for p in same)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    for step, message in (("exactt", "did you mean 'exact'"), ("tokens", "cannot run")):
        with pytest.raises(RecipeError, match=message):
            without.plan_without(f"{run}/outputs/web", step)
    with pytest.raises(RecipeError, match="outputs web, other: name one"):
        without.plan_without(run, "exact")
    for wrong, message in (  # said before the run without it begins
        (["--target", "gone=nowhere.jsonl"], "nowhere.jsonl: no such file"), (["--tokens", "2k"], "250 for each of 8 models"),
        (["--tokenizer", held], "--tokenizer"), (["--trainer", "torch", "--out", run, "--seeds", "1"], "--seeds 1: a transformer"),
        (["--trainer", "torch", "--out", run, "--seeds", "2", "--tokens", "1k"], "--tokens 1,000: fewer than a window has"),
    ):  # fmt: skip
        with pytest.raises(RecipeError, match=message):
            invoke(app, ["ablate", f"{run}/outputs/web", *given, "--without", "short", *wrong], catch_exceptions=False)
    assert not Path(f"{run}-without-short").exists()


def test_a_run_without_a_step_keeps_outputs_whose_branches_go_nowhere_else(tmp_path):
    written(tmp_path / "docs.jsonl", documents(20, "a"))
    (tmp_path / "small.yaml").write_text("""
name: small
inputs: {docs: {use: jsonl, paths: "docs.jsonl"}}
steps:
  exact: {use: dedup_exact}
  route: {use: split, to: {a: "len(text) > 5"}, else: b}
outputs:
  web: {use: shards, needs: route.a}
  rest: {use: shards, needs: route.b}
""")
    run = str(tmp_path / "run")
    done = CliRunner().invoke(app, ["run", str(tmp_path / "small.yaml"), "-x", "inline", "--out", run], catch_exceptions=False)
    assert done.exit_code == 0
    plan, _, side = without.plan_without(f"{run}/outputs/web", "exact")
    assert list(plan.steps) == ["docs", "route", "outputs.web", "outputs.rest"]
    assert side == f"{run}-without-exact/outputs/web"


def test_two_runs_on_the_sample_crawl(sample_run, stricter_run, tmp_path):
    pages = (ROOT / "DESIGN.md").read_text() + "\n\n" + (ROOT / "CHANGELOG.md").read_text()
    (tmp_path / "design.txt").write_text(pages)
    sides = [f"{run}/outputs/web" for run in (sample_run, stricter_run)]
    given = ["--target", f"design={tmp_path / 'design.txt'}", "--tokens", "8k", "--seeds", "1", "--order", "3"]
    found = json.loads(CliRunner().invoke(app, ["ablate", *sides, *given, "--json"], catch_exceptions=False).stdout)
    kept = [s["kept"] for run in (sample_run, stricter_run) for s in read_manifest(run)["steps"] if s["name"] == "outputs.web"]
    assert [found[key]["side_documents"] for key in "ab"] == kept
    assert kept[0] != kept[1]
    assert all(1 < r["a"] < 8 and abs(r["difference"]) < 0.1 for r in found["results"])  # a few short pages more or less


def test_real_pages_are_better_than_their_words_in_disorder(tmp_path):
    if not CRAWL.exists():
        pytest.skip("../shared is not here: no real WARC files")
    pages = tmp_path / "a.parquet"
    done = CliRunner().invoke(app, ["stage", "extract_html", "--in", str(CRAWL), "--out", str(pages)], catch_exceptions=False)
    assert done.exit_code == 0
    table = pq.read_table(pages, columns=["id", "text"])
    rows = shuffled([row for row in table.to_pylist() if row["text"]])
    (tmp_path / "design.txt").write_text((ROOT / "DESIGN.md").read_text())
    given = ["--target", f"design={tmp_path / 'design.txt'}", "--tokens", "100k", "--seeds", "1", "--order", "3", "--json"]
    found = CliRunner().invoke(app, ["ablate", str(pages), written(tmp_path / "b.jsonl", rows), *given], catch_exceptions=False)
    assert json.loads(found.stdout)["verdict"] == "A is better"


def test_sides_and_targets_may_lie_in_a_store(tmp_path, held):
    import fsspec

    store = fsspec.filesystem("memory")
    sides = []
    for name in "ab":
        a_run(tmp_path / name, str(resolve("tokens/default.json", ROOT)))
        pq.write_table(pa.Table.from_pylist(documents(250, name)), tmp_path / name / "outputs" / "web" / "x.parquet")
        store.put(str(tmp_path / name), f"/bucket/{name}", recursive=True)
        sides.append(f"memory://bucket/{name}{'/outputs/web' * (name == 'b')}")
    store.put(held, "/bucket/held.jsonl")
    settings = commands.Settings(8_000, 1, 2)
    found, _ = commands.ablate((sides[0], sides[1]), ["held=memory://bucket/held.jsonl"], settings, None, None, lambda text: None)
    local = tuple(str(tmp_path / name) for name in "ab")
    assert found["results"] == commands.ablate(local, [f"held={held}"], settings, None, None, lambda text: None)[0]["results"]
    with pytest.raises(RecipeError, match=r"gone\.parquet: no such file"):
        commands.ablate((sides[0], "memory://bucket/gone.parquet"), [f"held={held}"], settings, None, None, lambda text: None)


# -- transformers ---------------------------------------------------------------------------------


def test_a_transformer_has_at_most_60_m_parameters():
    for vocabulary in (16_387, 32_003, 128_003):
        made = transformer.shape(transformer.Model(), vocabulary)
        assert 20_000_000 < made["parameters"] <= transformer.MOST_PARAMETERS
        assert made["layers"] >= transformer.LEAST_LAYERS
        assert made["hidden"] // made["heads"] == transformer.HEAD


def test_small_transformers_are_trained_by_the_script_and_compared(tmp_path, held):
    torch = pytest.importorskip("torch", reason="extra train")
    rows = documents(150, "a")
    a, b = written(tmp_path / "a.jsonl", rows), written(tmp_path / "b.jsonl", shuffled(rows))
    folder = tmp_path / "out"
    sets = ["hidden=16", "layers=1", "heads=2", "context=32", "batch=8", "steps=6", "rate=0.01"]
    options = ["--target", f"held={held}", "--tokens", "2k", "--seeds", "2", "--trainer", "torch", "--out", str(folder)]
    command = ["ablate", a, b, *options, *(part for one in sets for part in ("--set", one)), "--json"]
    said = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
    if not torch.cuda.is_available():
        assert said["to_train"] == 4
    spec = json.loads((folder / "spec.json").read_text())
    assert [s["name"] for s in spec["samples"]] == ["a-0", "a-1", "b-0", "b-1"]
    found = json.loads(CliRunner().invoke(app, [*command, "--device", "cpu"], catch_exceptions=False).stdout)
    assert [r["name"] for r in found["results"]] == ["held", "over all"]
    assert found["models"] == 2
    assert found["results"][0]["a"] < 14 * len(Path(held).read_text()) / 3  # bits of 16,387 tokens at chance
    if not torch.cuda.is_available():  # other samples, other models
        assert json.loads(CliRunner().invoke(app, [*command, "--seed", "1"], catch_exceptions=False).stdout)["to_train"] == 4
    script = pytest.importorskip("classifiers.ablate.train_transformer", reason="extra train")
    model = script.Transformer(spec)
    assert sum(p.numel() for p in model.parameters()) == spec["parameters"]
    words = np.load(folder / "targets.npy")
    with torch.no_grad():  # what a document costs is what its words cost one after the other, in windows of the context
        doc = words[: np.flatnonzero(words == 1)[1]]
        cost = 0.0
        for at in range(0, len(doc) - 1, spec["context"]):
            window = torch.tensor(doc[at : at + spec["context"] + 1].astype(np.int64))[None]
            logs = model(window[:, :-1]).double().log_softmax(-1)[0]
            cost -= float(logs[torch.arange(window.shape[1] - 1), window[0, 1:]].sum()) / np.log(2)
        assert script.score(spec, model, words, "cpu")[0] == pytest.approx(cost, rel=1e-4)
        for weights in model.parameters():  # fresh ones hardly look beyond a word
            weights.mul_(5 if weights.dim() > 1 else 1)
        window = torch.from_numpy(words[None, :20].astype(np.int64))
        other = window.clone()
        other[0, 10:] = 7
        same = (model(window) - model(other)).abs().amax(-1)[0]
        assert same[:10].max() < 1e-5 < same[10:].min()  # what comes later is not seen
        other = window.clone()
        other[0, [3, 4]] = window[0, [4, 3]]
        assert (model(window) - model(other)).abs().amax(-1)[0, 8] > 1e-5  # the order of what came before is
