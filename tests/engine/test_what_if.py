"""`curate what-if` against what a run with the changed parameters really gives."""

import json
import shutil
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from engine_kit import command, environment, steps
from engine_kit import run as engine_run

from bench.what_if import documents, kept, run, total
from curation.errors import RecipeError
from curation.inspect.opened import open_run
from curation.inspect.what_if import WhatIf, interval, page, what_if
from tests.conftest import REAL, REAL_FILES


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs over the same 600 documents: made(changes, share of shadows, more steps) -> folder."""
    home = tmp_path_factory.mktemp("what_if")
    documents(home, 600)
    return lambda changes=None, shadow=1, more="": run(home, changes or {}, shadow, more)


def alone(value):
    """An exact number."""
    assert value["low"] == value["high"] == value["estimate"]
    return value["estimate"]


CHANGES = [
    {"third.least": 35},
    {"third.least": 20, "third.most": 70},
    {"third.most": None},
    {"of_c.least": {"default": 30, "zh": 10, "de": None}},
    {"third.least.en": 60},
    {"third.most": {"default": 80, "code": 60}},
    {"first.least": 30},
    {"first.least": 60, "first.most": 70},
    {"third.most": 90, "second.least": None, "first.least": 30},
    {"first.least": 45, "second.least": 30, "third.least": 25},
    {"second.least": 20},
    {"best.where": "c is not null and c >= 10 and (lang is null or lang != 'de')", "first.least": 35, "third.least": 5},
]


def overridden(changes):
    """The same changes as overrides of a run: steps by their own names, maps whole."""
    defaults = {"third.least": 30}
    result = {}
    for key, value in changes.items():
        step, param, *lang = key.replace("of_c", "third").split(".")
        result[f"{step}.{param}"] = {"default": defaults[f"{step}.{param}"], lang[0]: value} if lang else value
    return result


@pytest.mark.parametrize("changes", CHANGES, ids=json.dumps)
def test_an_annotated_run_knows_what_another_run_gives(made, changes):
    """Documents, bytes and tokens, lost and won, in all and by language; other bounds, stricter and looser, several at once."""
    report = what_if(open_run(made()), changes)
    before, after = kept(made()), kept(made(overridden(changes)))
    lost, won = [before[i] for i in before.keys() - after.keys()], [after[i] for i in after.keys() - before.keys()]
    assert report["documents"] == len(before)
    assert lost or won
    assert report["lost"] == total(lost)
    assert {what: alone(value) for what, value in report["won"].items()} == total(won)
    by_lang = {e["lang"]: e for e in report["by_lang"] if e["lost"]["documents"] or alone(e["won"]["documents"])}
    assert set(by_lang) == {r["lang"] for r in (*lost, *won)}
    for lang, entry in by_lang.items():
        assert entry["lost"] == total([r for r in lost if r["lang"] == lang])
        assert {what: alone(value) for what, value in entry["won"].items()} == total([r for r in won if r["lang"] == lang])
    assert report["differs"] == {}
    assert {e["id"] for e in report["examples"]["lost"]} <= {r["id"] for r in lost}
    assert len(report["examples"]["lost"]) == min(5, len(lost))
    page(report)


@pytest.mark.parametrize("changes", [c for c in CHANGES if len({k.split(".")[0] for k in c}) == 1], ids=json.dumps)
def test_verdicts_of_a_step_are_those_of_a_run(made, changes):
    report = what_if(open_run(made(shadow=0)), changes)
    name = next(iter(report["verdicts"]))
    account = steps(made(overridden(changes)))[name]["dropped"]
    old = steps(made())[name]["dropped"]
    expected = {r: {"old": old.get(r, 0), "new": account.get(r, 0)} for r in {*old, *account}}
    assert report["verdicts"][name] == expected


@pytest.mark.parametrize("changes", [c for c in CHANGES if {k.split(".")[0] for k in c} <= {"third", "of_c"}], ids=json.dumps)
def test_behind_the_last_filter_no_sample_is_needed(made, changes):
    with_sample, without = what_if(open_run(made()), changes), what_if(open_run(made(shadow=0)), changes)
    assert without["exact"]
    assert without["won"]["documents"] == with_sample["won"]["documents"]
    assert without["won"]["bytes"] == with_sample["won"]["bytes"]
    assert without["lost"] == with_sample["lost"]


def test_a_sample_gives_an_interval(made):
    changes = {"first.least": 20}
    truth = alone(what_if(open_run(made()), changes)["won"]["documents"])
    report = what_if(open_run(made(shadow=0.3)), changes)
    won = report["won"]["documents"]
    assert not report["exact"]
    assert won["low"] < won["estimate"] < won["high"]
    assert won["low"] <= truth <= won["high"]
    assert report["won_at_step"] > won["high"]
    assert "(" in page(report)


def test_without_a_sample_nothing_is_guessed(made):
    report = what_if(open_run(made(shadow=0)), {"first.least": 20})
    assert report["won"]["documents"] == {"estimate": None, "low": 0, "high": report["won_at_step"]}
    assert any("shadow" in note for note in report["notes"])
    assert "? (0 to" in page(report)


def test_the_way_of_a_row_is_told_by_its_branches(made):
    asked = WhatIf(open_run(made()), {"second.least": 1}, 0, 0)
    assert asked.ways("third", ("route.code",), "docs") == {("docs", "first", "route", "best", "third")}
    assert asked.ways("third", ("route.web",), "docs") == {("docs", "first", "route", "second", "best", "third")}
    assert asked.ways("second", ("route.code",), "docs") == asked.ways("third", (), "docs") == set()


ROUTED = 'route: {use: split, to: {code: "profile is not null and profile = \'code\'"}, else: web}'
GRAPHS = {
    "an output above another one": (
        "steps: {first: {use: of_a}, third: {use: of_c}}\noutputs: {early: {use: shards, needs: first}, o: {use: shards, needs: third}}",
        {"first.least": 30},
    ),
    "an output of each branch": (
        f"steps:\n  first: {{use: of_a}}\n  {ROUTED}\n  third: {{use: of_c, needs: route.web}}\n"
        "outputs: {o: {use: shards, needs: third}, code: {use: shards, needs: route.code}}",
        {"first.least": 20},
    ),
    "a branch of which there is a mix alone": (
        f"steps:\n  first: {{use: of_a}}\n  {ROUTED}\n  third: {{use: of_c, needs: route.web}}\n"
        "outputs: {o: {use: shards, needs: third}, m: {use: mix, recipe: mix.yaml, needs: route.code}}",
        {"first.least": 55},
    ),
    "branches that are copies": (
        f"steps:\n  {ROUTED.replace('split,', 'split, copy: true,')}\n  first: {{use: of_a, needs: [route.code, route.web]}}\n"
        "  third: {use: of_c}\noutputs: {o: {use: shards, needs: third}}",
        {"first.least": 20},
    ),
    "a rule over truths in one branch": (
        f"steps:\n  {ROUTED}\n  c4: {{use: c4_quality, min_line_words: 1, min_sentences: 1, needs: route.web}}\n"
        "  third: {use: of_c, needs: [c4, route.code]}\noutputs: {o: {use: shards, needs: third}}",
        {"c4.min_sentences": 2, "c4.curly_brackets": False},
    ),
    "a filter that writes the text its followers see": (
        "steps: {c4: {use: c4_quality, min_line_words: 1, min_sentences: 3, end_marks: [.]}, "
        "quality: {use: gopher_quality, min_words: 9, max_mean_word_length: null, min_alpha_word_fraction: null, min_stop_words: null}}\n"
        "outputs: {o: {use: shards}}",
        {"c4.min_sentences": 1},
    ),
    "nothing was dropped": (
        "steps: {first: {use: of_a, least: null, most: null}, best: {use: keep, where: a_measure >= 0}}\noutputs: {o: {use: shards}}",
        {"best.where": "a_measure >= 50"},
    ),
    "all was dropped": (
        "steps: {first: {use: of_a, least: 101}, third: {use: of_c}}\noutputs: {o: {use: shards}}",
        {"first.least": 30, "third.least": 40},
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_odd_graphs(tmp_path, name):
    """Each document is counted once, and as a run with the change has it."""
    graph, changes = GRAPHS[name]
    documents(tmp_path, 300)
    (tmp_path / "mix.yaml").write_text('entries: {all: {where: "true", weight: 1}}\n')
    if "c4" in graph:
        _lines(tmp_path / "docs")
    before_run, after_run = run(tmp_path, {}, graph=graph), run(tmp_path, changes, graph=graph)
    report = what_if(open_run(before_run), changes)
    before, after = (
        {(row["id"], row.get("branch")): row for o in open_run(out).outputs if o != "early" for row in _rows(out, o)}
        for out in (before_run, after_run)
    )
    lost, won = [before[i] for i in before.keys() - after.keys()], [after[i] for i in after.keys() - before.keys()]
    assert report["documents"] == len(before)
    assert report["lost"] == total(lost)
    assert {what: alone(value) for what, value in report["won"].items()} == total(won)
    assert report["exact"]
    assert report["differs"] == {}
    assert ("early" in str(report["notes"])) == ("above" in name)


def test_rows_of_an_earlier_run_bring_its_sources_and_branches(tmp_path):
    """Of one input that is nothing to ask; of two they do not say by which a row came."""
    documents(tmp_path, 50)
    split = f"steps:\n  {ROUTED}\n  all: {{use: keep, where: 'true', needs: [route.code, route.web]}}\noutputs: {{o: {{use: shards}}}}"
    old = run(tmp_path, {}, graph=split) / "outputs/o/*.parquet"
    inputs = f"inputs: {{old: {{use: rows, paths: '{old}'}}, docs: {{use: parquet, paths: 'docs/*.parquet', carry: [a]}}}}"
    graphs = {
        "steps: {first: {use: of_a, needs: [old, docs]}}\noutputs: {o: {use: shards}}": None,
        "steps: {first: {use: of_a, needs: old}, all: {use: keep, where: 'true', needs: [first, docs]}}\noutputs: {o: {use: shards}}":
            "first: which rows of source 'docs' came by it is not told",
    }  # fmt: skip
    for graph, message in graphs.items():
        out = run(tmp_path, {}, graph=graph, inputs=inputs)
        if message is not None:
            with pytest.raises(RecipeError, match=message):
                what_if(open_run(out), {"first.least": 60})
            continue
        known = open_run(out).table("outputs", ["a_measure"])["a_measure"].to_numpy()
        assert 0 < what_if(open_run(out), {"first.least": 60})["lost"]["documents"] == (known < 60).sum() < len(known)


def _rows(out, output):
    names = open_run(out).schema("outputs", output).names
    return open_run(out).table("outputs", [n for n in ("id", "text", "n_tokens", "branch") if n in names], output=output).to_pylist()


def _lines(folder):
    """Texts of lines of which some end in a mark."""
    rng = np.random.default_rng(0)
    for file in folder.glob("*.parquet"):
        table = pq.read_table(file)
        texts = ["\n".join("tea " * int(k) + "." * int(k % 2) for k in rng.integers(1, 9, rng.integers(1, 9))) for _ in range(len(table))]
        pq.write_table(table.set_column(table.column_names.index("text"), "text", pa.array(texts)), file)


def test_steps_that_look_at_all_documents_are_named(made):
    more = '  twins: {use: dedup_exact}\n  ranked: {use: rank, columns: [c_measure], by: [lang]}'
    report = what_if(open_run(made(more=more)), {"third.least": 20})
    assert [(a["step"], a["use"]) for a in report["again"]] == [("twins", "dedup_exact"), ("ranked", "rank")]
    assert "twins (dedup_exact)" in page(report)
    assert {a["step"]: "dropped there" in a["why"] for a in report["again"]} == {"twins": True, "ranked": False}
    assert what_if(open_run(made()), {"third.least": 20})["again"] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"thirt.least": 1}, "no step 'thirt' (did you mean 'third'?)"),
        ({"third": 1}, "write STEP.PARAM=VALUE"),
        ({"third.last": 1}, "no parameter 'last' (did you mean 'least'?)"),
        ({"third.least": "many"}, "third.least: Input should be a valid number"),
        ({"third.least": {"default": 1, "de": "x"}}, "third.least: Input should be a valid number"),
        ({"third.least": {"de": 1}}, "third.least: Value error, a map"),
        ({"third.unit": 2}, "only a run tells its effect; its rules use least, most"),
        ({"docs.paths": "x"}, "a run is needed"),
        ({"route.else": "x"}, "a run is needed"),
        ({"best.wher": "a > 1"}, "keep has one parameter, where"),
        ({"best.where": "z > 1"}, 'best.where: unknown column "z"'),
        ({"best.where": "len(text) > 1"}, 'best.where: unknown column "text"'),
        ({"best.where": "c_measure > 1"}, "third, behind it, writes 'c_measure'"),
        ({"at_last.where": "branch is not null and branch = 'route.code'"}, "again, behind it, writes 'branch'"),
        ({}, "name a change"),
    ],
)
def test_what_only_a_run_can_tell_is_refused(made, changes, message):
    more = """
  at_last: {use: keep, where: branch is not null}
  again: {use: split, to: {de: "lang is not null and lang = 'de'"}, else: others}
  all: {use: keep, where: "true", needs: [again.de, again.others]}"""
    with pytest.raises(RecipeError) as error:
        what_if(open_run(made(more=more)), changes)
    assert message in str(error.value)


def test_the_command(made):
    """A stage of one's own is named by its file; the run's files run no code."""
    out = made()
    asked = [*command("what-if", out, "third.least=20", "third.most={default: 80, code: 60}"), "-n", "1"]
    stranger = subprocess.run(asked, env=environment(), capture_output=True, text=True)
    assert stranger.returncode == 2
    assert "there is no stage 'of_c'" in stranger.stderr
    assert "--plugin" in stranger.stderr
    found = subprocess.run([*asked, "--plugin", out.parent / "of_c.py", "--json"], env=environment(), capture_output=True, text=True)
    assert json.loads(found.stdout)["lost"] == what_if(open_run(out), {"third.least": 20, "third.most.code": 60})["lost"]


def test_verdicts_that_are_not_todays_are_said(made, tmp_path):
    """The run says other parameters than it had: what its files hold does not follow from them."""
    folder = shutil.copytree(made(), tmp_path / "run")
    manifest = json.loads((folder / "run.json").read_text())
    third = next(s for s in manifest["steps"] if s["name"] == "third")
    third["params"]["least"], third["version"] = 40, "0"
    (folder / "run.json").write_text(json.dumps(manifest))
    report = what_if(open_run(folder), {"third.most": 70})
    known = open_run(made()).table("outputs", ["c_measure"])["c_measure"].to_numpy()
    assert report["differs"]["third"] == (known < 40).sum()
    assert "the run was made by 0" in report["notes"][0]
    assert "do not follow" in report["notes"][1]
    assert what_if(open_run(made()), {"third.most": 70})["notes"] == []


@pytest.mark.parametrize(("total_", "passing", "sampled"), [(40, 0.5, 10), (1000, 0.1, 100), (1000, 0.9, 30), (500, 0.4, 400)])
def test_interval_covers_at_its_level(total_, passing, sampled):
    """Simple random samples of a finite total: the interval covers the truth in about 95 of 100."""
    rng = np.random.default_rng(0)
    truth = int(total_ * passing)
    found = [interval(int(k), sampled, total_) for k in rng.hypergeometric(truth, total_ - truth, sampled, 4000)]
    assert 0.93 <= np.mean([low <= truth <= high for low, high in found]) <= 0.99


def test_interval_at_its_ends():
    assert interval(3, 10, 10) == (3, 3)
    assert interval(0, 0, 10) == (0, 10)
    low, high = interval(0, 5, 100)
    assert low == 0
    assert 30 < high < 60


def test_the_sample_crawl_with_a_stricter_bound(sample_run, stricter_run):
    report = what_if(open_run(sample_run), {"gopher_quality.min_words": 80})
    before, after = (steps(out)["quality"]["dropped"] for out in (sample_run, stricter_run))
    assert report["verdicts"]["quality"] == {r: {"old": before.get(r, 0), "new": after.get(r, 0)} for r in {*before, *after}}
    assert after != before
    assert [a["step"] for a in report["again"]] == ["outliers", "exact", "near", "lines", "benchmarks", "ranked", "mix", "anneal"]
    assert report["documents"] == open_run(sample_run).table("outputs", ["id"], output="web").num_rows


def test_the_sample_crawl_annotated(sample_run, annotated_run):
    """What is won is known of all; of a plain run the interval holds it."""
    parts = [f"max_dup_{part}" for part in ("lines", "paragraphs", "line_chars", "para_chars")]
    changes = {"quality.min_words": 10, "quality.max_symbol_ratio": None, "formulas.max_plain_fraction": None, "language.min_score": 0.2}
    changes |= dict.fromkeys([f"repetition.{part}" for part in parts])
    known, estimated = (what_if(open_run(out), changes) for out in (annotated_run, sample_run))
    assert known["exact"]
    assert known["lost"] == estimated["lost"]
    assert known["won_at_step"] == estimated["won_at_step"] > alone(known["won"]["documents"]) > 0
    for what in ("documents", "bytes", "tokens"):
        low, high = estimated["won"][what]["low"], estimated["won"][what]["high"]
        assert low <= alone(known["won"][what]) <= (high if high is not None else np.inf)


PAGES = """
name: pages
inputs: {{crawl: {{use: warc, paths: {paths}}}}}
steps:
  text:       {{use: extract_html}}
  language:   {{use: identify_language}}
  quality:    {{use: gopher_quality}}
  repetition: {{use: gopher_repetition}}
  lines:      {{use: fineweb_quality}}
  tokens:     {{use: count_tokens}}
outputs: {{web: {{use: shards}}}}
"""


def test_pages_of_the_real_web(tmp_path):
    """An annotated run of real pages, and what a run with other bounds gives."""
    if not REAL.is_dir():
        pytest.skip("../shared is not here: no real WARC files")
    files = [str(REAL / name) for name in REAL_FILES]
    (tmp_path / "pages.yaml").write_text(PAGES.format(paths=json.dumps(files)))
    changes = {"language.min_score": 0.2, "quality.min_words": 120, "repetition.max_dup_5gram": None, "lines.min_punctuated_lines": 0.05}
    engine_run(tmp_path / "pages.yaml", tmp_path / "run", annotate=True)
    shutil.copytree(tmp_path / "run", tmp_path / "changed")
    engine_run(tmp_path / "pages.yaml", tmp_path / "changed", overrides=changes, annotate=True)
    report = what_if(open_run(tmp_path / "run"), changes)
    before, after = kept(tmp_path / "run"), kept(tmp_path / "changed")
    lost, won = ([a[i] for i in a.keys() - b.keys()] for a, b in ((before, after), (after, before)))
    assert lost
    assert won
    assert report["lost"] == total(lost)
    assert {what: alone(value) for what, value in report["won"].items()} == total(won)
    assert report["differs"] == {}
