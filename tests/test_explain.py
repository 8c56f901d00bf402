"""`curate explain`: the record a document was read from, what it was made of, every row it has in an output."""

import json
import re
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

sys.path.append(str(Path(__file__).parent / "engine"))
from engine_kit import PLUGIN, documents, parquet, recipe, rows, run

from curation import open_run, registry, shards
from curation.cli import app
from curation.errors import RecipeError
from curation.inspect import explain as explain_file
from curation.inspect import reread
from curation.inspect.explain import explain, page
from curation.inspect.judged import judged
from curation.inspect.reread import Rereader

PARTS = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}}
steps:
  words: {use: count_words}
  parts: {use: paragraphs}
outputs: {out: {use: shards, needs: parts}}
"""
MIX = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}}
steps: {words: {use: count_words}}
outputs: {mix: {use: mix, needs: words, recipe: mix.yaml, short: repeat, tokens: 12_000, shard_tokens: 5_000}}
"""
ENTRIES = """
entries:
  rich: {where: "score is not null and score > 0.5", weight: 1, max_epochs: 3}
  rest: {where: "true", weight: 1, max_epochs: 3}
schedule:
  - {name: main, tokens: 8_000}
  - {name: late, tokens: 4_000}
validation: {share: 0.1}
"""


@pytest.fixture
def crawl(tmp_path):
    for i in range(3):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(60, seed=i))
    return tmp_path


def test_a_keep_and_a_split_show_what_they_asked_for(crawl):
    steps = """
steps:
  len:   {use: measure}
  route: {use: split, to: {small: "length < 150"}, else: rest}
  first: {use: keep, needs: [route.small, route.rest], where: "length >= 60"}
"""
    run(recipe(crawl, PARTS[: PARTS.index("steps:")] + steps + "outputs: {out: {use: shards, needs: first}}"), crawl / "out")
    row = rows(crawl / "out", "dropped")[0]
    (document,) = explain(open_run(crawl / "out"), row["id"])["documents"]
    (fate,) = document["fates"]
    route, first = fate["steps"][-2:]
    assert (fate["branch"], route["metrics"], first["metrics"]) == ("route.small", {"length": row["length"]}, {"length": row["length"]})
    assert (first["reason"], first["rules"][0]["when"], first["rules"][0]["broken"]) == ("where_false", "not (length >= 60)", True)
    assert "breaks where_false: not (length >= 60)" in page({"query": "", "documents": [document]})


def test_every_row_of_a_document_is_named(crawl, monkeypatch):
    monkeypatch.setattr(shards, "ROW_GROUP_ROWS", 7)
    (crawl / "mix.yaml").write_text(ENTRIES)
    text = MIX.replace('crawl/*.parquet"', 'crawl/*.parquet", carry: [score]')
    run(recipe(crawl, text), crawl / "out")
    stands = {}
    for file in sorted((crawl / "out" / "outputs" / "mix").glob("*.parquet")):
        assert pq.ParquetFile(file).num_row_groups > 1
        for number, row in enumerate(pq.read_table(file).to_pylist()):
            stands.setdefault(row["id"], []).append((f"outputs/mix/{file.name}", number, row))
    thrice = [found for found in stands.values() if len(found) == 3]
    assert {row["mix_phase"] for _, _, row in thrice[0]} <= {"main", "late"}
    held = [found for found in stands.values() if found[0][2]["mix_phase"] == "validation"]
    for found in [*thrice[:3], *held[:2]]:
        row = found[0][2]
        (document,) = explain(open_run(crawl / "out"), row["id"])["documents"]
        assert document["record"] == {"source": "docs", "file": row["record_file"], "offset": row["record_offset"]}
        assert sorted((f["output"], f["row"]) for f in document["fates"]) == sorted(place[:2] for place in found)
        for fate in document["fates"]:
            (here,) = [r for output, number, r in found if (output, number) == (fate["output"], fate["row"])]
            told = fate["steps"][-1]["metrics"]
            assert {name: told[name] for name in ("mix_entry", "mix_phase", "mix_copy")} == {n: here[n] for n in told if n != "mix_uses"}
        source = pq.read_table(crawl / "crawl" / row["record_file"]).to_pylist()[row["record_offset"]]
        assert source["text"] == row["text"]


def test_a_created_document_has_the_place_of_the_one_it_was_made_of(crawl):
    run(recipe(crawl, PARTS), crawl / "out")
    made = rows(crawl / "out", "outputs")
    row = next(r for r in made if r["part"] == 1)
    (document,) = explain(open_run(crawl / "out"), row["id"])["documents"]
    assert document["parents"] == row["parent_ids"]
    assert document["record"] == {"source": "docs", "file": row["record_file"], "offset": row["record_offset"]}
    source = pq.read_table(crawl / "crawl" / row["record_file"]).to_pylist()[row["record_offset"]]
    assert row["text"] in source["text"]
    (parent,) = explain(open_run(crawl / "out"), row["parent_ids"][0])["documents"]
    parts = {r["id"] for r in made if r["parent_ids"] == row["parent_ids"]}
    assert {f["output"].partition(" as ")[2] for f in parent["fates"]} == parts
    assert f"made of {row['parent_ids'][0]}" in page(explain(open_run(crawl / "out"), row["id"]))


def test_a_dropped_document_has_its_record(crawl):
    text = PARTS.replace("  words:", "  len: {use: measure, limit: 60}\n  words:")
    run(recipe(crawl, text), crawl / "out")
    row = rows(crawl / "out", "dropped")[0]
    it = open_run(crawl / "out")
    (document,) = it.explain(row["id"])["documents"]
    assert document["record"] == {"source": "docs", "file": row["record_file"], "offset": row["record_offset"]}
    assert [f["row"] for f in document["fates"]] == [None]
    assert f"read from docs: {row['record_file']} at {row['record_offset']}\n  dropped\n" in page(it.explain(row["id"]))


def test_the_way_of_a_row_is_that_of_its_source_and_of_all_its_branches(crawl):
    """Two sources meet; of the branches of a branch the second comes first where they meet again."""
    for i in range(2):
        parquet(crawl / "more" / f"{i}.parquet", documents(60, seed=9 + i))
    text = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}, more: {use: parquet, paths: "more/*.parquet"}}
steps:
  len:   {use: measure, needs: [docs, more]}
  size:  {use: split, to: {small: "length < 100"}, else: large}
  tiny:  {use: split, needs: size.small, to: {least: "length < 30"}, else: rest}
  a:     {use: count_words, needs: tiny.least}
  b:     {use: count_words, needs: tiny.rest}
  meet:  {use: keep, needs: [b, a, size.large], where: "length >= 20"}
outputs: {out: {use: shards, needs: meet}}
"""
    run(recipe(crawl, text), crawl / "out")
    it, seen = open_run(crawl / "out"), set()
    for row in [*rows(it.folder, "outputs"), *rows(it.folder, "dropped")]:
        (fate,) = told(it, row["id"])["fates"]
        branch = {"size.large": [], "size.small/tiny.least": ["tiny", "a"], "size.small/tiny.rest": ["tiny", "b"]}[row["branch"]]
        assert [s["name"] for s in fate["steps"]] == [row["source"], "len", "size", *branch, "meet"]
        seen.add((row["source"], row["branch"], fate["fate"]))
    assert len(seen) == 6  # what is least is short as well


def test_branches_may_call_two_things_the_same(crawl):
    """A number in one output is a text in the other."""
    text = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}}
steps:
  len:   {use: measure}
  size:  {use: split, to: {small: "length < 100"}, else: large}
  a:     {use: other_length, needs: size.small, checkpoint: true}
  a_few: {use: keep, where: "length >= 20"}
  b:     {use: other_words, needs: size.large, checkpoint: true}
  b_few: {use: keep, where: "length < 300"}
outputs: {of_a: {use: shards, needs: a_few}, of_b: {use: shards, needs: b_few}}
"""
    run(recipe(crawl, text), crawl / "out")
    it, dropped = open_run(crawl / "out"), rows(crawl / "out", "dropped")
    for what, step in ((dropped, "a_few"), (dropped, "b_few"), (rows(crawl / "out", "outputs/of_a"), "a_few")):
        row = next(r for r in what if r.get("step") in (None, step))
        (fate,) = told(it, row["id"])["fates"]
        assert next(s for s in fate["steps"] if s["name"] == step[0])["metrics"] == {"other": row["other"]}
    assert it.table("dropped", ["id", "length"], "length < 20").num_rows == it.steps["a_few"].account["dropped"]["where_false"]
    assert it.sample("a_few", n=3).num_rows == 3
    for ask in ({"columns": ["other"]}, {"where": "other = 1", "columns": ["id"]}, {}):
        with pytest.raises(RecipeError, match=r"column 'other' is .* they cannot be read as one"):
            it.table("outputs", **ask)


def test_nothing_that_was_crawled_writes_to_the_terminal():
    bad = "a\x1b[31mb\r\u202e\n"
    step = {"name": "s", "verdict": "dropped", "reason": bad, "metrics": {"title": bad}, "rules": [], "replaced": {}}
    reread = {"says": bad, "texts": [{"step": "s", "before": 1, "after": 1, "diff": [bad]}]}
    fate = {
        "branch": bad, "fate": "merged", "output": f"outputs/web/x.parquet as {bad}", "row": 3, "steps": [step], "nearest": None,
        "later": [step], "reread": reread,
    }  # fmt: skip
    survivor = {"id": bad, "url": bad, "of": bad, "step": "s", "fates": [{"fate": "dropped", "output": None, "step": "s", "reason": bad}]}
    document = {
        "id": bad, "url": bad, "record": {"source": "s", "file": bad, "offset": 0}, "parents": ["c", bad], "fates": [fate],
        "survivors": [survivor], "uses": {"mix": {bad: 2}},
    }  # fmt: skip
    shown = page({"query": bad, "documents": [document]})
    assert "made of c, a?[31mb ? " in shown
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert len(shown.splitlines()) == len(page({"query": "q", "documents": [clean(document, bad)]}).splitlines())
    assert all(c.isprintable() for c in page({"query": bad, "documents": []}))


def clean(value, bad):
    """The same report with another text in place of a bad one."""
    if isinstance(value, dict):
        return {clean(k, bad): clean(v, bad) for k, v in value.items()}
    if isinstance(value, list):
        return [clean(v, bad) for v in value]
    return value.replace(bad, "x") if isinstance(value, str) else value


# -- on the sample crawl ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample(sample_run):
    return open_run(sample_run)


def told(it, name, **options):
    """The report of one document, which goes through JSON as it is."""
    (document,) = explain(it, name, **options)["documents"]
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    return document


def step_of(fate, name):
    return next(s for s in fate["steps"] if s["name"] == name)


def test_the_first_broken_rule_is_the_reason_of_every_drop(sample):
    """Judged again by the stored row, for each step that has rules."""
    table, judged_steps = sample.table("dropped"), set()
    for i, row in enumerate(table.select(["step", "drop_reason"]).to_pylist()):
        rules = judged(sample.steps[row["step"]], table.slice(i, 1))
        if rules:
            assert next(rule["reason"] for rule in rules if rule["broken"]) == row["drop_reason"]
            judged_steps.add(row["step"])
    assert judged_steps >= {"quality", "repetition", "language"}


def test_no_rule_is_broken_by_what_was_kept(sample):
    for row in sample.sample(output="web", n=4)["id"].to_pylist():
        for fate in told(sample, row)["fates"]:
            assert [rule for s in fate["steps"] if s["verdict"] == "kept" for rule in s["rules"] if rule["broken"]] == []


@pytest.mark.parametrize(
    ("lang", "score", "bound", "group", "broken"),
    [("sw", 0.45, 0.4, "sw", False), ("sw", 0.35, 0.4, "sw", True), ("fr", 0.45, 0.5, "default", True)],
)
def test_the_bound_of_a_document_is_that_of_its_language(sample, lang, score, bound, group, broken):
    row = pa.table({"lang": [lang], "lang_score": pa.array([score], pa.float32()), "profile": ["web"]})
    rule = next(r for r in judged(sample.steps["language"], row) if r["column"])
    assert (rule["column"], rule["side"], rule["param"], rule["reason"]) == ("lang_score", "least", "min_score", "low_language_score")
    assert (rule["bound"], rule["group"], rule["broken"]) == (bound, group, broken)
    assert rule["distance"] == pytest.approx(abs(score - bound) / bound, abs=1e-5)
    exempt = row.set_column(2, "profile", pa.array(["math"]))
    assert not any(r["column"] for r in judged(sample.steps["language"], exempt))  # math and code are not asked


@pytest.mark.parametrize(("ratio", "broken"), [(np.float32(0.1), False), (np.nextafter(np.float32(0.1), np.float32(1)), True)])
def test_a_hair_beyond_a_bound_is_beyond_it(sample, ratio, broken):
    """float32's 0.1 is not above 0.1, the next number is; to six places both are 0.1."""
    row = sample.table("outputs", where="hash_ratio is not null", output="web", limit=1)
    row = row.set_column(row.column_names.index("hash_ratio"), "hash_ratio", pa.array([ratio], pa.float32()))
    rule = next(r for r in judged(sample.steps["quality"], row) if r["column"] == "hash_ratio")
    assert (rule["broken"], rule["value"], rule["bound"]) == (broken, 0.1, 0.1)
    endless = row.set_column(row.column_names.index("hash_ratio"), "hash_ratio", pa.array([float("inf")], pa.float32()))
    assert "hash_ratio" not in [r["column"] for r in judged(sample.steps["quality"], endless)]


def test_bounds_stand_beside_the_metrics_of_each_step(sample):
    row = sample.table("outputs", where="lang = 'fr'", output="web").to_pylist()[0]
    document = told(sample, row["id"])
    fate = next(f for f in document["fates"] if f["fate"] == "kept")
    rule = next(r for r in step_of(fate, "language")["rules"] if r["column"])
    assert rule["value"] == pytest.approx(row["lang_score"], abs=1e-6)
    assert f"lang_score {rule['value']} [least 0.5, default]" in page({"query": "", "documents": [document]})
    kept = [(rule["distance"], s["name"], rule["column"]) for s in fate["steps"] for rule in s["rules"] if rule["column"]]
    assert len(kept) > 20
    assert (fate["nearest"]["distance"], fate["nearest"]["step"], fate["nearest"]["column"]) == min(kept, key=lambda k: k[0])


def test_a_bound_that_was_broken_is_told_with_its_distance(sample):
    row = sample.table("dropped", step="quality", reason="too_short").to_pylist()[0]
    fate = next(f for f in told(sample, row["id"])["fates"] if f["fate"] == "dropped")
    rule = next(r for r in fate["steps"][-1]["rules"] if r["reason"] == "too_short")
    assert (rule["value"], rule["bound"], rule["broken"], rule["param"]) == (row["word_count"], 50, True, "min_words")
    assert rule["distance"] == pytest.approx((50 - row["word_count"]) / 50, abs=1e-5)
    assert fate["nearest"]["step"] != "quality" or not any(r["broken"] for r in fate["steps"][-1]["rules"] if r == fate["nearest"])
    assert (fate["output"], fate["row"]) == (None, None)
    stands = pq.read_table(sample.folder / fate["file"]).to_pylist()[fate["file_row"]]
    assert stands["id"] == row["id"]


def test_a_duplicate_leads_to_its_survivor_and_on(sample):
    dropped = {r["id"]: r for r in sample.table("dropped", ["id", "step", "duplicate_of"], "duplicate_of is not null").to_pylist()}
    chains = [name for name, row in dropped.items() if row["duplicate_of"] in dropped]
    assert chains  # a page of which the newer copy goes as a near duplicate
    one, more = told(sample, chains[0]), told(sample, chains[0], follow=True)
    first = dropped[chains[0]]
    assert [(s["id"], s["of"], s["step"]) for s in one["survivors"]] == [(first["duplicate_of"], chains[0], first["step"])]
    (fate,) = one["fates"]
    assert [s["name"] for s in fate["steps"] if "duplicate_of" in s["metrics"]] == [first["step"]]  # which dedup_urls writes too
    way, name = [], chains[0]
    while name in dropped:
        name = dropped[name]["duplicate_of"]
        way.append(name)
    assert [s["id"] for s in more["survivors"]] == way
    assert len(way) > 1
    direct = [(f["fate"], f["output"], f["row"]) for f in told(sample, way[-1])["fates"]]
    assert sorted(map(str, direct)) == sorted(str((f["fate"], f["output"], f["row"])) for f in more["survivors"][-1]["fates"])
    shown = page({"query": "", "documents": [more]})
    assert all(f"a duplicate of {name}" in shown for name in way)


def test_a_circle_of_duplicates_ends(sample, monkeypatch):
    names = sample.table("dropped", ["id"], step="near")["id"].to_pylist()[:2]
    real = explain_file._rows

    def circle(run, values):
        found = real(run, values)
        for f in found:
            f.values["duplicate_of"] = names[1 - names.index(f.values["id"])] if f.values["id"] in names else None
        return found

    monkeypatch.setattr(explain_file, "_rows", circle)
    assert [s["id"] for s in told(sample, names[0], follow=True)["survivors"]] == [names[1]]


def test_what_redaction_replaced_is_counted_by_kind(sample):
    rows = sample.table("outputs", ["id", "pii_redactions", "email_count", "phone_count"], "pii_redactions >= 2", output="web").to_pylist()
    kinds = set()
    for row in rows[:5]:
        document = told(sample, row["id"])
        fate = next(f for f in document["fates"] if f["fate"] == "kept")
        replaced = step_of(fate, "redacted")["replaced"]
        assert sum(replaced.values()) == row["pii_redactions"]
        assert replaced.get("email", 0) == row["email_count"]
        assert "replaced: " in page({"query": "", "documents": [document]})
        kinds |= set(replaced)
    assert len(kinds) > 1


def test_uses_in_outputs_by_phase(sample):
    rows_of = sample.table("outputs", ["id", "mix_phase"], output="anneal").to_pylist()
    row = rows_of[0]
    document = told(sample, row["id"])
    wanted = {}
    for r in rows_of:
        if r["id"] == row["id"]:
            wanted[r["mix_phase"]] = wanted.get(r["mix_phase"], 0) + 1
    assert document["uses"]["anneal"] == wanted
    assert document["uses"]["web"] == {"": 1}
    shown = page({"query": "", "documents": [document]})
    assert f"used in anneal: {row['mix_phase']} {wanted[row['mix_phase']]} x" in shown
    assert shown.count("    quality ") == 1  # the way they share is told once


def test_what_a_shadow_met_behind_the_drop_is_told(annotated_run):
    it = open_run(annotated_run)
    shadows = it.table("shadows", ["id", "shadow_step", "shadow_later", "word_count", "branch"]).to_pylist()
    row = next(r for r in shadows if r["shadow_step"] == "adult" and any(e.startswith("repetition:") for e in r["shadow_later"]))
    (fate,) = told(it, row["id"])["fates"]
    assert (fate["fate"], fate["steps"][-1]["name"]) == ("dropped", "adult")
    later = {s["name"]: s for s in fate["later"]}
    assert later["repetition"]["verdict"] == "would drop"
    assert f"repetition:{later['repetition']['reason']}" in row["shadow_later"]
    assert later["repetition"]["metrics"]["dup_lines_fraction"] is not None
    assert next(r["reason"] for r in later["repetition"]["rules"] if r["broken"]) == later["repetition"]["reason"]
    assert "text" not in later
    assert "formulas" not in later
    early = next(r for r in shadows if r["shadow_step"] == "language" and r["branch"] == "route.web" and r["word_count"] is not None)
    fate = next(f for f in told(it, early["id"])["fates"] if f["fate"] == "dropped")
    assert {"pii", "dirty", "quality"} <= {s["name"] for s in fate["later"]}
    assert not {"formulas", "programs", "language"} & {s["name"] for s in fate["later"]}
    assert "behind its drop, as a shadow:" in page({"query": "", "documents": [told(it, early["id"])]})


def test_a_shadow_tells_of_its_own_branch_alone(crawl):
    """Two branches write one column."""
    steps = """
steps:
  len:   {use: measure, limit: 60}
  route: {use: split, to: {small: "length < 30"}, else: rest}
  a:     {use: count_words, needs: route.small}
  b:     {use: count_words, needs: route.rest}
"""
    text = PARTS[: PARTS.index("steps:")] + steps + "outputs: {of_a: {use: shards, needs: a}, of_b: {use: shards, needs: b}}"
    run(recipe(crawl, text), crawl / "out", annotate=True)
    shadows = rows(crawl / "out", "shadows")
    assert {row["branch"] for row in shadows} == {"route.small", "route.rest"}
    for branch, step in (("route.small", "a"), ("route.rest", "b")):
        row = next(row for row in shadows if row["branch"] == branch)
        (fate,) = explain(open_run(crawl / "out"), row["id"])["documents"][0]["fates"]
        assert [(s["name"], s["metrics"]) for s in fate["later"]] == [(step, {"n_tokens": row["n_tokens"]})]


def test_copies_of_a_document_have_shadows_of_their_own(crawl):
    """Both are dropped at one step; only one of them would meet another behind it."""
    steps = """
steps:
  len:   {use: measure}
  both:  {use: split, to: {b: "length > 0", c: "length > 0"}, else: rest, copy: true}
  first: {use: keep, needs: [both.b, both.c, both.rest], where: "length >= 60"}
  ways:  {use: split, to: {mine: "branch is not null and branch = 'both.b'"}, else: others}
  tell:  {use: other_length, needs: ways.mine}
outputs: {of_b: {use: shards, needs: tell}, others: {use: shards, needs: ways.others}}
"""
    text = PARTS[: PARTS.index("steps:")] + steps
    run(recipe(crawl, text), crawl / "out", annotate=True)
    row = next(r for r in rows(crawl / "out", "dropped") if r["length"] < 60)
    fates = {fate["branch"]: [s["name"] for s in fate["later"]] for fate in told(open_run(crawl / "out"), row["id"])["fates"]}
    assert fates == {"both.b": ["tell"], "both.c": []}


# -- texts read again ---------------------------------------------------------------------------------


def again(it, name, **options):
    """What --reread says of a document's fates."""
    look = Rereader(it)
    for key, value in options.items():
        setattr(look, key, value)
    return [f["reread"] for f in told(it, name, look=look)["fates"]]


@pytest.mark.parametrize("where", ["lines_removed > 0", "pii_redactions > 0 and lines_removed = 0", "profile = 'math'"])
def test_texts_read_again_end_in_the_text_of_the_output(sample, where):
    row = sample.table("outputs", None, where, output="web").to_pylist()[0]
    for found in again(sample, row["id"]):
        assert found["agrees"], found
        assert found["says"] == "the same verdicts"
        assert (found["texts"][0]["step"], found["texts"][0]["before"]) == ("text", 0)
        assert found["texts"][-1]["after"] == len(row["text"])
        sizes = [(change["before"], change["after"]) for change in found["texts"]]
        assert all(a[1] == b[0] for a, b in pairwise(sizes))
        steps = [change["step"] for change in found["texts"]]
        assert ("lines" in steps, "redacted" in steps) == (row["lines_removed"] > 0, row["pii_redactions"] > 0)
        for change in found["texts"]:
            if change["step"] == "lines":
                gone = [line[1:] for line in change["diff"] if line.startswith("-")]
                assert len([line for line in gone if line.strip()]) >= row["lines_removed"]
                assert not any(line in row["text"].split("\n") for line in gone if line.strip())


@pytest.mark.parametrize("step", ["language", "logs", "quality", "repetition", "near"])
def test_a_dropped_document_is_dropped_again(sample, step):
    name = sample.table("dropped", ["id"], step=step)["id"][0].as_py()
    found = next(f["reread"] for f in told(sample, name, look=Rereader(sample))["fates"] if f["steps"][-1]["name"] == step)
    assert found["agrees"]
    assert found["texts"]


def test_records_of_the_real_web(real_run):
    """Documents of every step that dropped some, and of the output: told by their columns, and the same when they are read again."""
    it = open_run(real_run)
    look, seen = Rereader(it), set()
    drops = it.table("dropped", ["id", "step"]).to_pylist()
    names = {row["step"]: row["id"] for row in drops} | {"web": it.table("outputs", ["id"], output="web")["id"][0].as_py()}
    for name in names.values():
        for fate in told(it, name, look=look)["fates"]:
            assert fate["reread"]["agrees"] in (True, None), fate["reread"]
            seen.add((fate["fate"], fate["reread"]["agrees"]))
            if fate["steps"][-1]["rules"] and fate["fate"] == "dropped":
                assert next(r["reason"] for r in fate["steps"][-1]["rules"] if r["broken"]) == fate["steps"][-1]["reason"]
    assert seen >= {("kept", True), ("dropped", True)}


def test_another_verdict_is_said(sample, monkeypatch):
    name = sample.table("dropped", ["id"], step="quality")["id"][0].as_py()
    look = Rereader(sample)
    monkeypatch.setitem(look.plan.steps, "quality", replace(look.plan.steps["quality"], params=sample.steps["quality"].values.model_copy(
        update=dict.fromkeys(("min_words", "max_words", "min_mean_word_length", "max_mean_word_length", "max_symbol_ratio",
                              "max_bullet_line_fraction", "max_ellipsis_line_fraction", "min_alpha_word_fraction", "min_stop_words")),
    )))  # fmt: skip
    (found,) = [f["reread"] for f in told(sample, name, look=look)["fates"]]
    assert not found["agrees"]
    assert found["says"] == "another verdict than the run's: quality: kept"


def test_personal_data_that_the_run_replaces_is_not_shown(sample):
    row = sample.table("outputs", None, "email_count > 0 and pii_redactions > 0", output="web").to_pylist()[0]
    shown = json.dumps(again(sample, row["id"]))
    bare = json.dumps(again(sample, row["id"], masks={}))
    emails = set(re.findall(r"[\w.+-]+@[\w-]+\.[\w.]+", bare)) - {"name@example.com"}
    assert emails
    assert not any(email in shown for email in emails)
    assert "<EMAIL>" in shown
    assert "name@example.com" in shown


@pytest.mark.parametrize("step", ["dirty", "adult", "private"])
def test_no_text_that_a_safety_step_dropped_is_shown(sample, step):
    name = sample.table("dropped", ["id"], step=step)["id"][0].as_py()
    (found,) = again(sample, name)
    assert found == {"says": f"no text is shown: the safety step {step} dropped the document", "agrees": None, "texts": []}


AGAIN = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}}
steps:
  banned: {use: banned_words, words: words.txt}
  loud:   {use: shout}
  risky:  {use: poison}
  parts:  {use: paragraphs}
outputs: {out: {use: shards, needs: parts}}
settings: {max_failed: {least: 10}}
"""


@pytest.fixture
def kept_recipe(tmp_path):
    parquet(tmp_path / "crawl" / "0.parquet", documents(40, poison={3}))
    (tmp_path / "words.txt").write_text("nothing-has-this")
    run(recipe(tmp_path, AGAIN), tmp_path / "out")
    return tmp_path


def test_each_change_of_a_text_is_a_diff(kept_recipe):
    it = open_run(kept_recipe / "out")
    row = next(r for r in rows(it.folder, "outputs") if r["part"] == 2)
    (found,) = again(it, row["id"])
    loud, parts = found["texts"]
    source = pq.read_table(kept_recipe / "crawl" / "0.parquet").to_pylist()[row["record_offset"]]["text"]
    for sign, text in (("-", source), ("+", source.upper())):
        assert [line[1:] for line in loud["diff"] if line[0] == sign] == [line for line in text.split("\n") if line]
    assert (parts["step"], parts["before"], parts["after"]) == ("parts", len(source), len(row["text"]))
    assert f" {row['text']}" in parts["diff"]
    assert found["agrees"]


def test_a_part_of_a_part_is_read_again_from_the_record(tmp_path):
    """Its row names the part it was made of, which is no record."""
    plugin = tmp_path / "lines_of.py"
    plugin.write_text("""
import numpy as np, pyarrow as pa
from curation.stage import Batch, Expanded, StageParams, expand

@expand(reads=["text"], writes={"text": pa.large_string(), "word": pa.int32()})
def words_of(batch: Batch, params: StageParams):
    found = [(n, i, w) for n, t in enumerate(batch["text"].to_pylist()) for i, w in enumerate((t or "").split()[:2])]
    numbers, words, texts = zip(*found)
    columns = {"text": pa.array(texts, pa.large_string()), "word": pa.array(words, pa.int32())}
    return Expanded(np.array(numbers), columns, pa.nulls(len(batch), pa.string()))
""")
    parquet(tmp_path / "crawl" / "0.parquet", documents(20))
    steps = 'inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}}\nsteps: {parts: {use: paragraphs}, words: {use: words_of}}\n'
    file = recipe(tmp_path, steps + "outputs: {out: {use: shards, needs: words}}")
    file.write_text(file.read_text().replace("plugins: [", f"plugins: [{plugin}, "))
    run(file, tmp_path / "out")
    it = open_run(tmp_path / "out")
    row = next(r for r in rows(it.folder, "outputs") if r["word"] == 1)
    (found,) = again(it, row["id"])
    assert found["agrees"]
    assert found["texts"][-1]["step"] == "words"
    assert found["texts"][-1]["after"] == len(row["text"])


def test_a_document_that_failed_is_not_read_again(kept_recipe):
    it = open_run(kept_recipe / "out")
    (bad,) = rows(it.folder, "failed")
    (fate,) = told(it, bad["id"], look=Rereader(it))["fates"]
    assert (fate["fate"], fate["steps"][-1]["name"]) == ("failed", "risky")
    assert fate["reread"] == {"says": "the row does not say which record it was read from", "agrees": None, "texts": []}


def test_a_control_character_of_a_text_does_not_reach_the_terminal(kept_recipe):
    it = open_run(kept_recipe / "out")
    look = Rereader(it)
    change = look._change("s", "a\nb", "a\n\x1b[2Jb\u202e")
    fate = {"branch": None, "fate": "kept", "output": None, "row": None, "steps": [], "nearest": None, "later": []}
    fate["reread"] = {"says": "", "texts": [change]}
    document = {"id": "i", "url": None, "record": None, "parents": None, "fates": [fate], "uses": {}, "survivors": []}
    assert "+?[2Jb?" in page({"query": "", "documents": [document]})


def test_long_texts_are_not_compared(kept_recipe, monkeypatch):
    look = Rereader(open_run(kept_recipe / "out"))
    monkeypatch.setattr(reread, "DIFF_LINES", 10)
    assert look._change("s", "", "\n".join(map(str, range(100))))["diff"][10:] == ["... 92 more lines"]
    monkeypatch.setattr(reread, "MOST_LINES", 50)
    assert look._change("s", "", "\n" * 60)["diff"] == ["(too long to be compared)"]
    monkeypatch.setattr(reread, "MOST_CHARS", 10)
    assert look._change("s", "", "a" * 20)["diff"] == ["(too long to be compared)"]


@pytest.mark.parametrize("what", ["file", "gone", "list", "recipe", "record"])
def test_what_is_not_as_it_was_is_refused(kept_recipe, what):
    name = rows(kept_recipe / "out", "outputs")[0]["id"]
    file = kept_recipe / "crawl" / "0.parquet"
    if what == "file":
        parquet(file, documents(40, seed=1))
    elif what == "gone":
        file.rename(kept_recipe / "crawl" / "1.parquet")
    elif what == "list":
        (kept_recipe / "words.txt").write_text("another-word")
    elif what == "recipe":
        (kept_recipe / "out" / json.loads((kept_recipe / "out" / "run.json").read_text())["plan"]).unlink()
    else:
        (kept_recipe / "words.txt").unlink()
    said = {
        "file": "is not the file that the run read", "gone": "0.parquet is not among the files of the input docs any more",
        "list": "banned is not what it was", "recipe": "has not kept its recipe", "record": "does not hold any more",
    }[what]  # fmt: skip
    with pytest.raises(RecipeError, match=said):
        again(open_run(kept_recipe / "out"), name)


def test_no_plug_in_is_loaded_because_a_run_names_it(kept_recipe, monkeypatch):
    it = open_run(kept_recipe / "out")
    name = rows(it.folder, "outputs")[0]["id"]
    monkeypatch.setattr(registry, "plug_in", None)
    assert again(it, name)[0]["agrees"]
    monkeypatch.setattr(registry, "_plugins", {})
    with pytest.raises(RecipeError, match=r"there is no stage 'banned_words'[\s\S]*named with --plugin: .*plugin_stages.py"):
        again(open_run(kept_recipe / "out"), name)
    monkeypatch.undo()
    done = CliRunner().invoke(app, ["explain", str(it.folder), name, "--reread", "--plugin", str(PLUGIN)])
    assert "the same verdicts" in done.stdout


def test_the_command_builds_a_lookup_and_reads_again(kept_recipe):
    out = str(kept_recipe / "out")
    name = rows(kept_recipe / "out", "outputs")[0]["id"]
    command = CliRunner()
    built = command.invoke(app, ["explain", out, "--index", "--json"])
    assert json.loads(built.stdout)["rows"] > 40
    assert "entries for" in built.stderr
    done = command.invoke(app, ["explain", out, name, "--reread"])
    assert "read again: the same verdicts" in done.stdout
    assert "--- text at loud" in done.stdout
    assert command.invoke(app, ["explain", out, "never met"]).exit_code == 1
