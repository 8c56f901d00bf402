"""`curation.open_run`: rows as batches and tables, samples, and what is refused; `curate sample`; the lookup."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

sys.path.append(str(Path(__file__).parent / "engine"))
from engine_kit import documents, parquet, recipe, run

import curation
from curation import registry, shards
from curation.cli import app
from curation.errors import RecipeError
from curation.inspect import lookup, rows
from curation.inspect.explain import explain
from curation.inspect.judged import judged
from curation.inspect.rows import KINDS, id_order
from curation.storage import write_sealed
from curation.tasks.fates import TEXT_SHARE, id_hashes

STEPS = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet", carry: [score]}}
steps:
  len:   {use: measure, limit: 30}
  words: {use: count_words}
  risky: {use: poison}
  parts: {use: paragraphs}
outputs: {out: {use: shards, needs: parts}}
settings: {shadow: 0.5, max_failed: {least: 10}}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A run with documents of every fate, its files in row groups of seven."""
    folder = tmp_path_factory.mktemp("small")
    for i in range(3):
        parquet(folder / "crawl" / f"{i}.parquet", documents(60, seed=i, poison={1: {5, 9}}.get(i, ())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "ROW_GROUP_ROWS", 7)
        run(recipe(folder, STEPS), folder / "out")
    return folder / "out"


def stored(out, what):
    """Every row of a kind as pyarrow alone reads it, with where it stands."""
    found = []
    for path in sorted((out / what).rglob("*.parquet")):
        for number, row in enumerate(pq.read_table(path).to_pylist()):
            found.append({**row, "_file": str(path.relative_to(out)), "_row": number})
    return found


def test_steps_as_the_recipe_and_the_run_have_them(sample_run):
    it = curation.open_run(sample_run)
    assert (it.name, it.status, it.outputs) == ("llama3-web", "done", ("web", "mix", "anneal"))
    quality = it.steps["quality"]
    assert (quality.use, quality.kind, quality.needs) == ("gopher_quality", "row", ("logs",))
    assert quality.params["min_words"] == quality.values.min_words == 50
    left = quality.account["kept"] + sum(quality.account["dropped"].values()) + quality.account["failed"]
    assert quality.account["documents_in"] == left
    assert ("too_short", "word_count", "least", 50) in [(t.reason, t.column, t.side, t.value) for t in quality.thresholds]
    (language,) = it.steps["language"].thresholds
    assert (language.by, language.value) == ("lang", {"default": 0.5, "sw": 0.4})
    assert it.step("gopher_quality") is quality
    with pytest.raises(RecipeError, match="shards is the stage of several steps: name one of "):
        it.step("shards")


def test_a_stage_of_another_version_judges_nothing(sample_run):
    facts = next(s for s in curation.open_run(sample_run).manifest["steps"] if s["name"] == "quality")
    assert rows.OpenStep.of(facts).thresholds
    assert rows.OpenStep.of({**facts, "version": "0"}).thresholds == []


def test_bounds_of_a_model_that_is_gone_are_not_known(sample_run):
    scored = next(s for s in curation.open_run(sample_run).manifest["steps"] if s["name"] == "scored")
    params = {**scored["params"], "keep": {"quality": "kept_0.5"}}
    assert rows.OpenStep.of({**scored, "params": params}).thresholds
    gone = rows.OpenStep.of({**scored, "params": {**params, "models": {"quality": "/gone"}}})
    assert gone.thresholds == judged(gone, pa.table({"quality": pa.array([0], pa.float32())})) == []


def test_parameters_that_a_stage_does_not_know_judge_nothing(sample_run):
    facts = next(s for s in curation.open_run(sample_run).manifest["steps"] if s["name"] == "quality")
    assert rows.OpenStep.of({**facts, "params": {**facts["params"], "gone": 1}}).thresholds == []


def test_a_way_of_many_joins_is_found_at_once(sample_run, tmp_path):
    """Forty joins of two branches each: 2^40 ways."""
    manifest = json.loads((sample_run / "run.json").read_text())
    source, row = (next(s for s in manifest["steps"] if s["kind"] == kind) for kind in ("source", "row"))
    steps = [source]
    for n in range(40):
        needs = [steps[-1]["name"]] if n == 0 else [f"l{n - 1}", f"r{n - 1}"]
        steps += [{**row, "name": f"s{n}", "needs": needs, "kind": "split"}]
        steps += [{**row, "name": f"{side}{n}", "needs": [f"s{n}.{side}"]} for side in "lr"]
    (tmp_path / "run.json").write_text(json.dumps({**manifest, "steps": steps}))
    it = curation.open_run(tmp_path)
    took = [f"s{n}.{'lr'[n % 3 == 0]}" for n in range(40)]
    way = it.way(took[-1].replace("s39.", "")  + "39", "/".join(took), source["name"])
    assert way == (source["name"], *(name for n in range(40) for name in (f"s{n}", f"{'lr'[n % 3 == 0]}{n}")))
    assert it.way("l39", "/".join(took[:-2]), source["name"]) is None
    assert len(it.first_way("l39")) == len(way)


@pytest.mark.parametrize("what", ["outputs", "dropped", "failed", "shadows"])
def test_rows_are_those_that_stand_there(small, what):
    it, wanted = curation.open_run(small), stored(small, what)
    assert wanted
    table = it.table(what, ["_row", "id", "_file"])
    assert table.to_pylist() == [{c: row[c] for c in ("_row", "id", "_file")} for row in wanted]
    assert it.table(what).to_pylist() == [{c: row[c] for c in it.schema(what).names} for row in wanted]
    assert max(b.num_rows for b in it.batches(what)) <= 7
    assert it.table(what, ["id"], limit=5).num_rows == min(5, len(wanted))
    places = table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows)))
    assert it.rows(what, places)["id"].to_pylist() == places["id"].to_pylist()


def test_a_column_that_some_files_lack_is_null_there(sample_run):
    it = curation.open_run(sample_run)
    table = it.table("dropped", ["step", "word_count", "lang", "_file"])
    by_step = dict(zip(table["step"].to_pylist(), table["word_count"].to_pylist(), strict=True))
    assert by_step["blocked"] is None
    assert by_step["quality"] is not None
    assert table.num_rows == sum(sum(s.account["dropped"].values()) for s in it.steps.values())


def test_where_step_and_reason_choose_rows(sample_run):
    it, wanted = curation.open_run(sample_run), stored(sample_run, "dropped")
    mine = [r["id"] for r in wanted if r["step"] == "quality" and (r["word_count"] or 0) >= 100 and r["lang"] == "en"]
    assert mine
    found = it.table("dropped", ["id"], "word_count >= 100 and lang = 'en'", step="gopher_quality")
    assert found["id"].to_pylist() == mine
    short = it.table("dropped", ["id", "drop_reason"], step="quality", reason="symbol_ratio")
    assert short.num_rows == it.steps["quality"].account["dropped"]["symbol_ratio"]
    assert set(short["drop_reason"].to_pylist()) == {"symbol_ratio"}
    of_any = it.table("dropped", ["step"], reason="empty")["step"].to_pylist()
    assert sorted(set(of_any)) == ["text", "valid"]
    in_french = sum(r["lang"] == "fr" for r in stored(sample_run, "outputs/web"))
    assert it.table("outputs", ["id"], "lang = 'fr'", output="web").num_rows == in_french > 0
    assert len(it.files("dropped", "quality")) < len(it.files("dropped"))


def test_a_rule_without_a_column_holds_for_all_rows_or_none(small):
    it = curation.open_run(small)
    assert it.table("outputs", ["id"], "1 > 2").num_rows == it.table("dropped", ["id"], "false", step="len").num_rows == 0
    assert it.table("outputs", ["id"], "true").num_rows == it.table("outputs", ["id"]).num_rows > 0


def test_no_more_is_read_than_a_limit_asks_for(small, monkeypatch):
    it, read = curation.open_run(small), []
    real = rows._group
    monkeypatch.setattr(rows, "_group", lambda file, group, schema: read.append(group) or real(file, group, schema))
    assert it.table("outputs", ["id"], limit=7).num_rows == 7
    assert read == [0]


def test_only_what_matches_is_read_whole(small, monkeypatch):
    it, read = curation.open_run(small), []
    real = rows._group
    monkeypatch.setattr(rows, "_group", lambda file, group, schema: read.append(schema.names) or real(file, group, schema))
    table = it.table("outputs", ["text"], "part = 2")
    groups = sum(pq.ParquetFile(p).num_row_groups for p in it.files("outputs"))
    assert table.num_rows > 0
    assert read.count(["part"]) == groups
    assert 0 < read.count(["text"]) < groups


def test_tables_of_pandas_and_duckdb(sample_run):
    it = curation.open_run(sample_run)
    frame = it.table("dropped", ["lang", "word_count"], step="quality", as_="pandas")
    assert list(frame.columns) == ["lang", "word_count"]
    relation = it.table("dropped", ["lang"], step="quality", as_="duckdb")
    assert relation.aggregate("count(*)").fetchall() == relation.aggregate("count(*)").fetchall() == [(len(frame),)]


def test_a_table_that_nothing_is_installed_for(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(RecipeError, match="duckdb is not installed"):
        curation.open_run(small).table("outputs", as_="duckdb")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"what": "droped"}, "did you mean 'dropped'"),
        ({"what": "dropped", "step": "qualty"}, "no step 'qualty' (did you mean 'quality'?)"),
        ({"what": "dropped", "step": "quality", "reason": "to_short"}, "for 'to_short' at quality (did you mean 'too_short'?)"),
        ({"what": "dropped", "step": "mentions", "reason": "x"}, "none was dropped at mentions"),
        ({"what": "dropped", "columns": ["langg"]}, "no column 'langg' (did you mean 'lang'?)"),
        ({"what": "dropped", "where": "lang = 3"}, "where: "),
        ({"what": "dropped", "output": "web"}, "not in an output"),
        ({"what": "outputs", "output": "wb"}, "no output 'wb' (did you mean 'web'?)"),
        ({"what": "outputs", "step": "quality"}, "name an output"),
        ({"what": "outputs", "reason": "empty"}, "have no reason"),
        ({"what": "outputs", "as_": "polars"}, "arrow, pandas or duckdb"),
        ({"what": "outputs", "columns": ["id", "url", "id"]}, "column 'id' is named twice"),
        ({"what": "outputs", "limit": -1}, "limit=-1"),
    ],
)
def test_what_is_not_there_is_one_error(sample_run, arguments, said):
    with pytest.raises(RecipeError) as e:
        curation.open_run(sample_run).table(**arguments)
    assert said in str(e.value)


def test_a_run_that_is_not_done_has_no_rows(tmp_path):
    with pytest.raises(RecipeError, match="is not the folder of a run"):
        curation.open_run(tmp_path)
    manifest = {"name": "x", "status": "running", "steps": [], "folders": []}
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    it = curation.open_run(tmp_path)
    for call in (lambda: it.table("dropped"), lambda: it.sample(), lambda: it.explain("x"), lambda: lookup.build(it)):
        with pytest.raises(RecipeError, match="is running: finish it"):
            call()


# -- samples ----------------------------------------------------------------------------------------


def test_a_sample_is_the_same_always_and_of_stored_texts_first(sample_run):
    it = curation.open_run(sample_run)
    first, again, other = (it.sample("repetition", n=8, seed=seed) for seed in (0, 0, 1))
    assert first.equals(again)
    assert first["id"].to_pylist() != other["id"].to_pylist()
    dropped = it.table("dropped", ["id", "text", "_file", "_row"], step="repetition")
    ranked = np.lexsort((id_order(dropped["id"], 0), pc.is_null(dropped["text"]).to_numpy()))
    assert first["id"].to_pylist() == dropped["id"].take(pa.array(ranked[:8])).to_pylist()
    everything = it.sample("repetition", n=1000)
    texts = [t is not None for t in everything["text"].to_pylist()]
    assert texts == sorted(texts, reverse=True)
    assert 0 < sum(texts) < len(texts) == dropped.num_rows
    assert it.sample(output="web", n=3)["text"].null_count == 0
    assert set(it.sample("quality", "symbol_ratio")["drop_reason"].to_pylist()) == {"symbol_ratio"}


def test_a_document_of_several_rows_is_in_a_sample_once(sample_run):
    it = curation.open_run(sample_run)
    ids = it.table("outputs", ["id"], output="anneal")["id"].to_pylist()
    assert len(set(ids)) < len(ids)
    found = it.sample(output="anneal", n=len(ids))["id"].to_pylist()
    assert sorted(found) == sorted(set(ids))


def test_the_order_of_a_sample_has_nothing_to_do_with_which_texts_are_stored():
    ids = pa.array([f"{i:032x}" for i in range(20_000)])
    stored_ones = id_hashes(ids) < np.uint64(2**64 // 20)
    half = id_order(ids, 0) < np.uint64(1 << 63)
    assert TEXT_SHARE == 1000
    assert 0.4 < half[stored_ones].mean() < 0.6


def test_no_text_that_a_safety_step_drops_is_stored_or_shown(sample_run, tmp_path):
    it = curation.open_run(sample_run)
    safety = [s.name for s in it.steps.values() if registry.is_safety(s.use) and s.account["dropped"]]
    assert {"blocked", "private", "dirty", "adult"} <= set(safety)
    for name in safety:
        table = it.table("dropped", ["text"], step=name)
        assert table["text"].null_count == table.num_rows > 0, name
    copy = shutil.copytree(sample_run / "dropped", tmp_path / "dropped").parent  # as an earlier version of this program left it
    for path in (copy / "dropped").glob("*.parquet"):
        table = pq.read_table(path)
        texts = pa.array(["not shown"] * table.num_rows, pa.large_string())
        pq.write_table(table.set_column(table.column_names.index("text"), "text", texts), path)
    shutil.copy(sample_run / "run.json", copy / "run.json")
    said = CliRunner().invoke(app, ["sample", str(copy), "--step", "private", "-n", "5"]).output
    assert "what a safety step drops never is" in said
    assert "not shown" not in said
    assert "not shown" in CliRunner().invoke(app, ["sample", str(copy), "--step", "quality", "-n", "5"]).output


def test_the_command_shows_documents_with_the_rule_they_broke(sample_run):
    done = CliRunner().invoke(app, ["sample", str(sample_run), "--step", "gopher_quality", "--reason", "symbol_ratio", "-n", "3", "--json"])
    report = json.loads(done.output)
    assert (report["step"], report["reason"], len(report["documents"])) == ("quality", "symbol_ratio", 3)
    for d in report["documents"]:
        row = next(r for r in stored(sample_run, "dropped") if (r["_file"], r["_row"]) == (d["file"], d["row"]))
        assert (d["id"], d["url"], d["text"]) == (row["id"], row["url"], row["text"])
        (rule,) = d["rules"]
        assert rule["broken"]
        assert rule["column"] in ("hash_ratio", "ellipsis_ratio")
        assert rule["value"] == pytest.approx(row[rule["column"]], abs=1e-6)
        assert rule["value"] > rule["bound"] == 0.1
    options = ["--step", "quality", "--reason", "symbol_ratio", "-n", "3", "--chars", "50"]
    said = CliRunner().invoke(app, ["sample", str(sample_run), *options]).output
    assert "(max_symbol_ratio)" in said
    assert "  | ... (" in said
    assert CliRunner().invoke(app, ["sample", str(sample_run), "--output", "mix", "-n", "1"]).output.count("\n  | ") >= 1
    assert "no such document" in CliRunner().invoke(app, ["sample", str(sample_run), "--failed"]).output


def test_a_run_without_documents_has_empty_tables_and_samples(tmp_path):
    parquet(tmp_path / "crawl" / "0.parquet", [])
    text = STEPS[: STEPS.index("  words:")] + "outputs: {out: {use: shards, needs: len}}"
    run(recipe(tmp_path, text), tmp_path / "out")
    it = curation.open_run(tmp_path / "out")
    for what in KINDS:
        assert it.table(what, ["id", "url", *(["text"] if what in ("outputs", "dropped") else [])], "id = 'x'").num_rows == 0
        assert it.table(what, ["length"], "length > 3", as_="pandas").shape == (0, 1)
    with pytest.raises(RecipeError, match=r"no column 'lenght' .did you mean 'length'"):
        it.table("dropped", ["lenght"], step="len")
    assert it.sample().num_rows == it.sample(output="out").num_rows == 0
    assert lookup.build(it)["entries"] == 0
    assert it.explain("x")["documents"] == []
    assert "no such document" in CliRunner().invoke(app, ["sample", str(it.folder)]).output


# -- the lookup -------------------------------------------------------------------------------------


@pytest.fixture
def writable(small, tmp_path):
    return shutil.copytree(small, tmp_path / "out")


def test_a_lookup_finds_what_a_look_through_all_files_does(writable, monkeypatch):
    monkeypatch.setattr(lookup, "PART_ENTRIES", 100)
    monkeypatch.setattr(lookup, "SORTED_ENTRIES", 64)
    monkeypatch.setattr(shards, "ROW_GROUP_ROWS", 16)
    it = curation.open_run(writable)
    rows = [row for what in KINDS for row in stored(writable, what)]
    names = sorted({row["id"] for row in rows} | {row["url"] for row in rows} | {p for row in rows for p in row.get("parent_ids") or ()})
    asked = [[name] for name in names[::7]] + [names[::31], ["never met"]]
    scanned = [places(lookup.find(it, values)) for values in asked]
    assert all(scanned[:-1])
    assert any(len(found) > 1 for found in scanned)
    whole = [explain(it, name) for name in names[:5]]
    made = lookup.build(it)
    assert made["rows"] == len(rows)
    assert made["entries"] == sum(1 + (row["url"] is not None) + len(row.get("parent_ids") or ()) for row in rows)
    assert made["files"] > 5
    monkeypatch.setattr(lookup, "_scanned", None)
    assert [places(lookup.find(it, values)) for values in asked] == scanned
    assert [explain(it, name) for name in names[:5]] == whole
    assert lookup.build(it) == made


def places(table):
    return sorted(zip(*(table[name].to_pylist() for name in ("what", "_file", "_row")), strict=True))


def test_a_lookup_of_an_earlier_state_is_not_asked(writable, monkeypatch):
    it = curation.open_run(writable)
    lookup.build(it)
    assert lookup.built(it)
    row = stored(writable, "dropped")[0]
    assert places(lookup.find(it, [row["id"]]))
    manifest = {**it.manifest, "input_bytes": 1}
    (writable / "run.json").write_text(json.dumps(manifest))
    assert not lookup.built(changed := curation.open_run(writable))
    monkeypatch.setattr(lookup, "_looked_up", None)
    assert places(lookup.find(changed, [row["id"]]))


def test_two_values_of_one_hash_are_told_apart(writable, monkeypatch):
    monkeypatch.setattr(lookup.Utf8, "hash", lambda self: np.zeros(len(self.offsets) - 1, np.uint64) + np.uint64(2**64 - 1))
    it = curation.open_run(writable)
    lookup.build(it)
    row = stored(writable, "dropped")[0]
    assert [d["id"] for d in explain(it, row["id"])["documents"]] == [row["id"]]
    assert explain(it, "never met")["documents"] == []


def test_a_damaged_lookup_is_named(writable):
    it = curation.open_run(writable)
    lookup.build(it)
    head = writable / "lookup" / lookup.HEAD
    head.write_bytes(head.read_bytes().replace(b'"bits":0', b'"bits":1'))
    with pytest.raises(curation.errors.AccountError, match=r"lookup\.json is damaged"):
        lookup.find(it, ["x"])
    write_sealed(head, {"run": "", "bits": 0})
    assert not lookup.built(it)
