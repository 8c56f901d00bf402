"""contamination against coverage by brute force, its report and scores, and the command over files and runs."""

import csv
import json
import random
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from brute_force_ngrams import documents, few_words, plain_words, windows, write
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from curation.cli import app
from curation.errors import RecipeError
from stages.benchmarks.contamination import LEAST_ITEMS, LEVEL, Params, gains, markdown, read_scores, report
from tests.engine.engine_kit import recipe
from tests.engine.engine_kit import run as run_recipe
from tests.test_every_stage import emitted, judged

ITEM = "A miller fills twelve sacks of flour in an hour. How many does he fill in a day?"


def expected_cover(texts, parts, n):
    """(words of parts with an n-gram, of the others, covered words) of an item of several parts."""
    seen = {tuple(w[a:b]) for w in map(plain_words, texts) for a, b in windows(w, n)}
    total = covered = short = 0
    for part in parts:
        words = plain_words(part)
        mark = [False] * len(words)
        if not [*windows(words, n)]:
            short += len(words)
            continue
        for a, b in windows(words, n):
            if tuple(words[a:b]) in seen:
                mark[a:b] = [True] * (b - a)
        total, covered = total + len(words), covered + sum(mark)
    return total, short, covered


@given(
    st.lists(few_words, min_size=1, max_size=6),
    st.lists(st.tuples(few_words, few_words), min_size=1, max_size=4),
    st.integers(1, 6),
    st.integers(1, 4),
)
@settings(max_examples=150, deadline=None)
def test_coverage_is_that_of_a_search_by_brute_force(tmp_path_factory, texts, items, n, size):
    from stages.benchmarks.contamination import contamination

    folder = tmp_path_factory.mktemp("items")
    params = Params(benchmarks={"b": write(folder / "b.jsonl", *({"question": q, "answer": a} for q, a in items))}, n=n)
    table = documents(*texts)
    sent = [emitted(contamination, params, table.slice(s, size), k, 1) for k, s in enumerate(range(0, len(table), size))]
    _, state = judged(contamination, params, [rows for rows, _, _ in sent], [])
    report(state, len(texts), params, None, folder)
    with open(folder / "items.csv") as file:
        found = [(int(r["words"]), int(r["words_too_short"]), int(r["covered"])) for r in csv.DictReader(file)]
    assert found == [expected_cover(texts, parts, n) for parts in items]


def curate(*arguments):
    result = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=True)
    return result


def corpus(folder, texts, name="docs"):
    pq.write_table(pa.table({"id": [f"{i:032x}" for i in range(len(texts))], "text": texts}), folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


def test_an_item_that_is_there_whole_is_covered_whole(tmp_path):
    """A short answer, of which no n-gram is looked for, takes nothing off the share."""
    from stages.benchmarks.contamination import contamination

    params = Params(benchmarks={"b": write(tmp_path / "b.jsonl", {"question": ITEM, "answer": "He fills 84 sacks"})})
    rows, _, _ = emitted(contamination, params, documents(f"{ITEM}\nHe fills 84 sacks"), 0, 1)
    b = report(judged(contamination, params, [rows], [])[1], 1, params, None, tmp_path)["benchmarks"]["b"]
    assert (b["words"], b["words_too_short"], b["covered"], b["at"]["1.0"]["items"]) == (18, 4, 18, 1)


def test_the_command_counts_a_corpus_and_uses_it_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    half = " ".join(ITEM.split()[:8])
    corpus(tmp_path, [f"so {ITEM} it is", "clean", f"and {half} stop"])
    (tmp_path / "more.jsonl").write_text(json.dumps({"text": "clean too"}) + "\n")
    write(
        tmp_path / "b.jsonl",
        ITEM,
        "Where the river bends there stands a mill whose wheel has not turned",
        "Why not?",
        f"{half} z x c v b n m a",
    )
    asked = ("contamination", "docs.parquet", "more.jsonl", "--benchmarks", "b.jsonl", "-x", "inline")
    first = curate(*asked, "--json")
    assert first.exit_code == 0, first.output
    found = json.loads(first.stdout)
    b = found["benchmarks"]["b"]
    assert (found["documents"], b["items"], b["too_short"], b["covered"]) == (4, 4, 1, 18 + 8)
    assert {t: x["items"] for t, x in b["at"].items()} == {f"{t / 10:.1f}": 2 if t <= 5 else 1 for t in range(1, 11)}
    assert b["at"]["1.0"]["share"] == round(1 / 3, 4)
    assert "no effect is claimed" in found["note"]
    shown = curate(*asked).output
    assert "| b | 4 | 1 | " in shown
    assert "no effect is claimed" in shown
    assert not list((tmp_path / "runs/contamination").glob("outputs/*")), "documents were written"
    records = sorted(p.name for p in (tmp_path / "runs/contamination/work").rglob("*.json"))
    assert json.loads(curate(*asked, "--json").stdout) == found
    assert sorted(p.name for p in (tmp_path / "runs/contamination/work").rglob("*.json")) == records, "counted again"
    other = json.loads(curate(*asked[:-1], "processes", "-j", "2", "--out", "two", "--json").stdout)
    assert other == {**found, "items_file": "two/items.csv"}


def test_a_run_is_read_by_its_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus(tmp_path, [f"so {ITEM}", "clean"])
    write(tmp_path / "b.jsonl", ITEM)
    text = 'inputs: {d: {use: parquet, paths: docs.parquet}}\nsteps: {k: {use: keep, where: "true"}}\noutputs: {one: {use: shards}%s}\n'
    run_recipe(recipe(tmp_path, text % ""), tmp_path / "run")
    run_recipe(recipe(tmp_path, text % ", two: {use: shards}", name="two"), tmp_path / "both")
    for given_ in ("run", "run/outputs/one", "both/outputs/two"):
        found = curate("contamination", given_, "--benchmarks", "x=b.jsonl", "-x", "inline", "--json", "--out", f"of-{given_}")
        assert json.loads(found.stdout)["benchmarks"]["x"]["at"]["1.0"]["items"] == 1
    from curation.errors import RecipeError

    refused = curate("contamination", "both", "--benchmarks", "x=b.jsonl", "-x", "inline")
    assert isinstance(refused.exception, RecipeError)
    assert "outputs one, two: name one" in str(refused.exception)
    refused = curate("contamination", "b.warc.gz", "--benchmarks", "x=b.jsonl")
    assert "b.warc.gz is no run" in str(refused.exception)
    refused = curate("contamination", "run", "--benchmarks", "x=b.jsonl", "--fields", "x={question: [frage]}")
    assert "b.jsonl:1: no field 'frage'" in str(refused.exception)
    assert "contamination.yaml" not in str(refused.exception)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--benchmarks", "b.jsonl", "--benchmarks", "other/b.jsonl"),
         "--benchmarks other/b.jsonl: b.jsonl is called 'b', too: write NAME=FILE"),
        (("--benchmarks", "b=b.jsonl", "--benchmarks", "b=c.jsonl"), "write NAME=FILE"), (("--benchmarks", "=b.jsonl"), "write NAME=FILE"),
        (("--benchmarks", "b="), "write NAME=FILE"), (("--benchmarks", "b.jsonl", "--fields", "b"), "--fields b: write NAME="),
        (("--benchmarks", "b.jsonl", "--fields", "b={question: [a"), "--fields: cannot read"),
        (("--benchmarks", "b.jsonl", "--fields", "c={question: [a]}"), "fields: there is no benchmark 'c'"),
        (("--benchmarks", "b.jsonl", "--fields", "b={question: a}"), "--fields: "),
        (("--benchmarks", "no.jsonl"), "no.jsonl"), (("--benchmarks", "b.jsonl", "--scores", "no.csv"), "no.csv: cannot be read"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named(tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    corpus(tmp_path, ["clean"])
    write(tmp_path / "b.jsonl", ITEM)
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "b.jsonl", ITEM)
    refused = str(curate("contamination", "docs.parquet", *options, "-x", "inline").exception)
    assert said in refused
    assert "contamination.yaml" not in refused
    assert "--set" not in refused


def test_a_path_may_have_an_equals_sign(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus(tmp_path, ["clean"])
    (tmp_path / "year=2024").mkdir()
    write(tmp_path / "year=2024" / "b.jsonl", ITEM)
    for given_ in ("year=2024/b.jsonl", "./year=2024/b.jsonl"):
        named = given_ if given_.startswith(".") else f"b={given_}"
        found = curate("contamination", "docs.parquet", "--benchmarks", named, "-x", "inline", "--json")
        assert [*json.loads(found.stdout)["benchmarks"]] == ["b"]


def scores(folder, *rows, head="benchmark,item,score"):
    (folder / "scores.csv").write_text("\n".join([head, *rows]) + "\n")
    return str(folder / "scores.csv")


@pytest.mark.parametrize(
    ("rows", "head", "said"),
    [
        (["b,1,1"], "benchmark,item,points", "scores.csv:1:1: the column 'score' is missing"),
        (["b,9,1"], None, "scores.csv:2:2: item: the benchmark 'b' has no item '9'"), (["c,1,1"], None, "'c' has no item '1'"),
        (["b,1,1", "b,1,0"], None, "scores.csv:3:2: item: a second score of item '1'"),
        (["b,1"], None, "scores.csv:2:3: 2 fields, the header has 3"),
        (["b,1,1,7"], None, "scores.csv:2:4: 4 fields, the header has 3"),
        (["b,1,1,0"], "benchmark,item,score,score", "scores.csv:1:4: score: this column is given twice"),
        (["", '"b,1,1'], None, "scores.csv:3:1: not valid CSV"), (["b,1,"], None, "score: '' is no number"),
        (["b,1,yes"], None, "scores.csv:2:3: score: 'yes' is no number"), (["b,1,nan"], None, "score: nan is no number"),
        (["b,twin,1"], None, "several items 'twin'"),
    ],
)  # fmt: skip
def test_wrong_scores_are_refused(tmp_path, rows, head, said):
    file = write(tmp_path / "b.jsonl", ITEM, {"id": "twin", "question": ITEM}, {"id": "twin", "question": "x"})
    with pytest.raises(RecipeError, match=said.replace(".", r"\.")):
        read_scores(scores(tmp_path, *rows, head=head or "benchmark,item,score"), Params(benchmarks={"b": file}))


def test_gains_are_those_of_the_means():
    rng = random.Random(1)
    share = np.array([rng.random() for _ in range(400)])
    score = np.array([float(rng.random() < (0.9 if s >= 0.7 else 0.5)) for s in share])
    score[:10] = np.nan
    share[10:20] = np.nan
    found = gains(share, score)
    known = ~(np.isnan(share) | np.isnan(score))
    row = next(r for r in found["thresholds"] if r["threshold"] == 0.7)
    dirty, clean = score[known & (share >= 0.7)], score[known & (share < 0.7)]
    assert (row["contaminated"], row["clean"], found["items_with_scores"]) == (len(dirty), len(clean), 380)
    assert row["gain"] == round(score[known].mean() - clean.mean(), 4)
    error = len(dirty) / 380 * np.sqrt(score[known].var(ddof=1) * (1 / len(dirty) + 1 / len(clean)))
    assert row["standard_error"] == round(error, 4)
    assert row["p"] == 1 / 2_000
    assert row["significant"]
    assert found["best_threshold"] == max((r["gain"], r["threshold"]) for r in found["thresholds"] if r.get("significant"))[1]


def test_the_standard_error_of_a_gain_is_its_spread(monkeypatch):
    """Over many draws of scores the gain spreads as far as its standard error says."""
    rng, share = np.random.default_rng(2), np.repeat([0.0, 0.9], [300, 100])
    monkeypatch.setattr(sys.modules[gains.__module__], "SHUFFLES", 1)
    found = [
        next(r for r in gains(share, (rng.random(400) < 0.5).astype(float))["thresholds"] if r["threshold"] == 0.5) for _ in range(400)
    ]
    assert np.std([r["gain"] for r in found]) == pytest.approx(np.mean([r["standard_error"] for r in found]), rel=0.12)


@pytest.mark.parametrize("right", [0.95, 0.05])
@pytest.mark.parametrize("nested", [False, True])
def test_chance_is_no_gain(right, nested, monkeypatch):
    """Of models that gain nothing about LEVEL are said to, however few items are wrong and however many thresholds are compared."""
    monkeypatch.setattr(sys.modules[gains.__module__], "SHUFFLES", 199)
    rng = np.random.default_rng(5)
    share = np.concatenate([rng.random(300) if nested else np.ones(30), np.zeros(1_000)])
    found = [gains(share, (rng.random(len(share)) < right).astype(float))["best_threshold"] is not None for _ in range(200)]
    assert np.mean(found) <= LEVEL + 3 * (LEVEL * (1 - LEVEL) / 200) ** 0.5
    raised = [gains(share, (rng.random(len(share)) < np.where(share > 0, 0.5 + right / 4, right / 4)).astype(float)) for _ in range(20)]
    assert all(r["best_threshold"] is not None for r in raised)


def test_small_sets_are_not_compared(tmp_path):
    share, score = np.repeat([0.0, 1.0], [200, LEAST_ITEMS - 1]), np.ones(200 + LEAST_ITEMS - 1)
    found = gains(share, score)
    assert all("fewer than" in r["why_not"] for r in found["thresholds"])
    assert found["best_threshold"] is None
    file = write(tmp_path / "b.jsonl", *[f"{ITEM} {i}" for i in range(40)])
    params = Params(benchmarks={"b": file})
    scored = read_scores(scores(tmp_path, *[f"b,{i + 1},{i % 2},m" for i in range(40)], head="benchmark,item,score,model"), params)
    text = markdown(report(None, 3, params, scored, tmp_path))
    assert "## b, m: no significant gain (40 items with scores)" in text
    assert f"fewer than {LEAST_ITEMS} contaminated items" in text
    assert "not cause" in text


def test_an_empty_corpus_covers_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs.jsonl").write_text("")
    write(tmp_path / "b.jsonl", ITEM)
    found = curate("contamination", "docs.jsonl", "--benchmarks", "b.jsonl", "-x", "inline", "--json")
    assert json.loads(found.stdout)["benchmarks"]["b"]["at"]["0.1"]["items"] == 0
