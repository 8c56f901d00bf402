"""The published recipes: valid by themselves, run together on one crawl, do what their papers say; docs/recipes.md tells that run."""

import json
import re
import shlex
import shutil

import pyarrow.parquet as pq
import pytest
import yaml

from bench.recipes import FOLDER, PAGE, PUBLISHED, WEB, funnels, page, sources, together
from curation.plan import Plan
from curation.recipe import load
from stages.dedup.line_forms import form_of
from tests.conftest import REAL, REAL_FILES, ROOT, _made_once, _untouched


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """All of them on the sample crawl, in one run."""
    whole, paths = together()
    for out in _untouched(_made_once(tmp_path_factory, "published", text=yaml.safe_dump(whole, sort_keys=False))):
        yield out, paths


def texts(ran, name, *columns):
    return pq.read_table(ran[0] / "outputs" / name, columns=["text", *columns]).to_pylist()


def kept(ran, name):
    return {step: documents for funnel in funnels(*ran) if funnel.name == name for step, _, documents, _ in funnel.rows}


def test_there_is_what_was_published_of_each():
    assert set(PUBLISHED) == set(WEB) <= {path.stem for path in FOLDER.glob("*.yaml")}


@pytest.mark.parametrize("name", WEB)
def test_a_recipe_is_valid_by_itself_and_says_what_is_not_the_same(name):
    file = FOLDER / f"{name}.yaml"
    assert Plan(load(file), fingerprints=False).steps
    assert re.match(r"# .*arXiv:\d{4}\.\d{5}", file.read_text("utf-8"))
    assert "# Not the same here:" in file.read_text("utf-8")


def test_the_command_of_the_page_finds_files_of_ones_own(tmp_path):
    """Run in a folder that has them: a path of `--set` is relative to the recipe, as one in it is."""
    (tmp_path / "my").mkdir()
    shutil.copy(ROOT / "examples/crawl/CURATE-2023-10-00000.warc.gz", tmp_path / "my")
    name, changed = re.search(r"curate run (\S+) --set (.*)", PAGE.read_text("utf-8")).groups()
    key, _, value = shlex.split(changed.replace("$PWD", str(tmp_path)))[0].partition("=")
    assert Plan(load(ROOT / name, {key: value}), fingerprints=False).steps


def test_steps_that_are_the_same_run_once_and_others_do_not():
    whole, paths = together()
    real = {name: dict(path) for name, path in paths.items()}
    assert real["ccnet"]["text"] == real["c4"]["text"]
    assert real["refinedweb"]["blocked"] == real["dclm"]["blocked"] != real["fineweb"]["blocked"]
    assert real["refinedweb"]["text"] != real["dclm"]["text"]  # another engine
    assert real["refinedweb"]["english"] != real["dclm"]["english"]  # the same step, behind another one
    assert sum(entry["use"] == "extract_html" for entry in whole["steps"].values()) == 5


def test_files_of_a_benchmark_are_those_of_the_folder_one_is_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the recipe of the run lies somewhere else
    paths = together(crawl=["my/*.warc.gz", "s3://bucket/*.warc.gz"])[0]["inputs"]["crawl"]["paths"]
    assert paths == [str(tmp_path / "my/*.warc.gz"), "s3://bucket/*.warc.gz"]


def test_the_page_tells_this_run(ran, llama1_run):
    assert PAGE.read_text("utf-8") == page(funnels(*ran), sources(llama1_run)), "stale: run python -m bench.recipes"


def test_documents_and_tokens_of_a_funnel_are_those_of_the_output(ran):
    for funnel in funnels(*ran):
        rows = pq.read_table(ran[0] / "outputs" / funnel.name, columns=["n_tokens"])
        assert funnel.rows[-1][2:] == (rows.num_rows, sum(rows["n_tokens"].to_pylist()))
        assert rows.num_rows > 10
        for (_, _, before, tokens_before), (step, _, behind, tokens) in zip(funnel.rows, funnel.rows[1:], strict=False):
            assert before >= behind, step
            assert tokens_before is None or tokens_before >= tokens, step


def test_a_recipe_alone_keeps_what_it_keeps_among_the_others(ran, tmp_path_factory):
    text = (FOLDER / "ccnet.yaml").read_text("utf-8").replace("../", f"{FOLDER.parent}/")
    alone = _made_once(tmp_path_factory, "ccnet_alone", "-x", "inline", text=text)
    steps = json.loads((alone / "run.json").read_text("utf-8"))["steps"]
    assert {s["name"]: s["kept"] for s in steps}.items() >= kept(ran, "ccnet").items()
    ids = [sorted(pq.read_table(folder, columns=["id"])["id"].to_pylist()) for folder in (alone / "outputs/web", ran[0] / "outputs/ccnet")]
    assert ids[0] == ids[1]


def test_ccnet_has_no_line_twice(ran):
    lines = [form_of(line, "ccnet/code") for row in texts(ran, "ccnet") for line in row["text"].splitlines()]
    assert len(set(lines) - {""}) == len([line for line in lines if line])


def test_c4_has_sentences_without_brackets(ran):
    for row in texts(ran, "c4", "lang", "dirty_words", "sentences_removed"):
        assert "{" not in row["text"]
        assert "lorem ipsum" not in row["text"].lower()
        assert row["lang"] == "en"
        assert row["dirty_words"] == 0
        assert row["sentences_removed"] or all(line.endswith((".", "!", "?", '"', "”")) for line in row["text"].splitlines())


@pytest.mark.parametrize("name", ["refinedweb", "fineweb", "dclm"])
def test_english_pages_stay(ran, name):
    rows = texts(ran, name, "lang", "lang_score", "word_count")
    assert {row["lang"] for row in rows} == {"en"}
    assert min(row["lang_score"] for row in rows) >= 0.65


def test_refinedweb_has_a_url_once_and_fineweb_once_a_snapshot(ran):
    urls = {name: [row["url"] for row in texts(ran, name, "url")] for name in ("refinedweb", "fineweb")}
    assert len(set(urls["refinedweb"])) == len(urls["refinedweb"])
    assert len(set(urls["fineweb"])) < len(urls["fineweb"])


def test_fineweb_has_no_addresses(ran):
    assert not any(re.search(r"[\w.]+@(?!example\.com)[\w-]+\.\w+", row["text"]) for row in texts(ran, "fineweb"))
    assert any("name@example.com" in row["text"] for row in texts(ran, "fineweb"))


def test_dclm_keeps_a_tenth_of_what_it_scored(ran):
    counts = kept(ran, "dclm")
    assert 0.05 < counts["best"] / counts["scored"] <= 0.1


def test_llama3_is_pipeline_yaml_with_less_of_ours():
    """Steps of one name do the same in both, so that neither goes its own way unseen."""
    default = yaml.safe_load((ROOT / "pipeline.yaml").read_text("utf-8").replace("examples/", "../"))["steps"]
    ours = yaml.safe_load((FOLDER / "llama3.yaml").read_text("utf-8"))["steps"]
    assert len(set(ours) & set(default)) >= 13
    for name in set(ours) & set(default) - {"lines"}:
        assert {k: v for k, v in ours[name].items() if k != "needs"} == {k: v for k, v in default[name].items() if k != "needs"}, name
    assert default["lines"] == {**ours["lines"], "min_words_left": 20}


def test_they_run_on_the_real_web(tmp_path_factory):
    if not REAL.is_dir():
        pytest.skip("../shared is not here: no real WARC files")
    whole, paths = together(crawl=[str(REAL / name) for name in REAL_FILES])
    out = _made_once(tmp_path_factory, "published_real", "-x", "inline", text=yaml.safe_dump(whole, sort_keys=False))
    found = {funnel.name: funnel for funnel in funnels(out, paths)}
    assert set(found) == set(WEB)
    for name, funnel in found.items():
        documents = [kept for _, _, kept, _ in funnel.rows]
        assert funnel.came > documents[0] > 0, name
        assert documents == sorted(documents, reverse=True), name
        assert documents[-1] == len(pq.read_table(out / "outputs" / name, columns=["id"])), name
    assert found["ccnet"].rows[-1][2] > 0
    assert found["llama3"].rows[-1][2] > 0
