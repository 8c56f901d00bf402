"""The stages that classify documents, with small models whose scores are known."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_models as small
from stage_checks import run

from curation.errors import RecipeError, TaskError
from curation.stage import Batch
from stages.quality.classify_domain import classify_domain
from stages.quality.classify_topic import classify_topic
from stages.quality.models.model_folder import FACTS, ONNX
from stages.quality.models.scorer import load_scorer
from stages.quality.rank_multilingual import rank_multilingual
from stages.quality.score_quality import score_quality
from tests.engine.engine_kit import recipe, rows
from tests.engine.engine_kit import run as run_recipe
from tests.test_every_stage import apply_global

pytest.importorskip("onnx")
TEXTS = ["the river", "the garden mill water book", "a", "nobody knows", "stone " * 40, None, "", " \n", "book summer", "people people"]
LANGS = ["en", "de", "en", "de", None, "en", "de", "en", "de", "fr"]


def table(texts=TEXTS, langs=LANGS):
    return pa.table({"text": pa.array(texts, pa.large_string()), "lang": pa.array(langs, pa.string())})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Paths of folders: two encoders of other rows, fastText, three topics, a regression."""
    at = tmp_path_factory.mktemp("models")
    topics = ("arts", "science", "sports")
    folders = {
        "one": small.counter(at / "one"), "two": small.counter(at / "two", seed=4), "plain": small.counter(at / "plain", calibration=None),
        "fast": small.fasttext(at / "fast", word_ngrams=2), "proxy": small.fasttext(at / "proxy", changed={"proxy": True}),
        "topics": small.counter(at / "topics", 3, labels=list(topics), positive=None, calibration=None),
    }  # fmt: skip
    return {name: str(folder.path) for name, folder in folders.items()}


def stored(path, texts=TEXTS):
    return [None if np.isnan(s) else float(s) for s in load_scorer(path).stored(pa.array(texts, pa.large_string()))]


def three(values):
    """Values of a float32 column as the multiples of 0.001 they are."""
    rounded = [None if v is None else round(v, 3) for v in values]
    assert values == [None if v is None else float(np.float32(v)) for v in rounded]
    return rounded


def test_any_number_of_scorers_in_one_pass(made):
    found = run(score_quality, table(), models={"quality": made["one"], "fast": made["fast"], "third": made["two"]})
    assert three(found["quality"]) == stored(made["one"])
    assert three(found["fast"]) == stored(made["fast"])
    assert three(found["third"]) == stored(made["two"])
    assert [v is None for v in found["quality"]] == [not (t and t.strip()) for t in TEXTS]
    assert found["drop_reason"] == [None] * len(TEXTS)
    batch = Batch(table())
    score_quality(batch, models={"quality": made["one"]})
    assert batch.counted == {"quality: without a score": 3}


@pytest.mark.parametrize(
    ("keep", "bounds"),
    [
        (0.5, dict.fromkeys(("en", "de", "fr", None), 0.5)),
        ("half", {"en": 0.5, "de": 0.3, "fr": 0.5, None: 0.5}),
        ("even", dict.fromkeys(("en", "de", "fr", None), 0.5)),
        ({"default": 0.6, "de": 0.2}, {"en": 0.6, "de": 0.2, "fr": 0.6, None: 0.6}),
    ],
)
def test_thresholds_by_name_number_and_language(made, keep, bounds):
    found = run(score_quality, table(), models={"quality": made["one"]}, keep={"quality": keep})
    wanted = [None if s is None or s >= bounds[lang] else "low_quality" for s, lang in zip(stored(made["one"]), LANGS, strict=True)]
    assert found["drop_reason"] == wanted
    assert {None, "low_quality"} <= set(wanted)


def test_a_score_equal_to_the_threshold_is_kept(made):
    score = load_scorer(made["one"]).stored(pa.array(["the river"], pa.large_string()))[0]
    for bound, reason in ((score, None), (score + 0.001, "low_quality")):
        assert run(score_quality, table(["the river"], ["en"]), models={"q": made["one"]}, keep={"q": bound})["drop_reason"] == [reason]


def test_a_threshold_that_no_language_needs_reads_no_language(made):
    params = score_quality.params(models={"q": made["one"]}, keep={"q": "even"})
    assert score_quality.reads(params) == ("text",)
    assert score_quality.reads(params.model_copy(update={"keep": {"q": "half"}})) == ("text", "lang")


def test_a_cascade_asks_the_model_where_the_first_is_undecided(made, monkeypatch):
    first, model = stored(made["fast"]), stored(made["one"])
    low, high = sorted(s for s in first if s is not None)[2], sorted(s for s in first if s is not None)[-2]
    asked = [s is not None and low < s < high for s in first]
    assert 0 < sum(asked) < 6
    scorer, read = load_scorer(made["one"]), []
    scorer.stored = lambda texts, of=scorer.stored: (read.extend(texts.to_pylist()), of(texts))[1]
    monkeypatch.setattr("stages.quality.score_quality.loaded", lambda path, device: scorer if path == made["one"] else load_scorer(path))
    values = {"models": {"q": made["one"]}, "first": {"q": made["fast"]}, "undecided": {"q": (low, high)}}
    found = score_quality(table(), **values)
    assert read == [text for text, a in zip(TEXTS, asked, strict=True) if a]
    assert three(found["q"].to_pylist()) == [m if a else f for m, f, a in zip(model, first, asked, strict=True)]
    assert found["q_by"].to_pylist() == [None if f is None else "model" if a else "first" for f, a in zip(first, asked, strict=True)]
    run(score_quality, table(), **values)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"keep": {"q": "best"}}, "no threshold 'best'; it has even, half"),
        ({"keep": {"other": 0.5}}, "keep: there is no model for 'other'"),
        ({"keep": {"q": {"de": 0.5}}}, 'keep: q: a map by language needs a "default"'),
        ({"first": {"q": "fast"}}, "first and undecided name the same columns"),
        ({"first": {"x": "fast"}, "undecided": {"x": (0.1, 0.9)}}, "first and undecided name the same columns"),
        ({"first": {"q": "fast"}, "undecided": {"q": (0.9, 0.1)}}, "undecided: q: 0.9 is not below 0.1"),
        ({"first": {"q": "plain"}, "undecided": {"q": (0.1, 0.9)}}, "scores of two models compare where both are calibrated"),
        ({"first": {"q": "fast"}, "undecided": {"q": (0.6, 0.9)}, "keep": {"q": 0.5}}, "the threshold 0.5 is not between 0.6 and 0.9"),
        ({"models": {"q": "one", "q_by": "one"}, "first": {"q": "fast"}, "undecided": {"q": (0.1, 0.9)}}, "q_by is the column that says"),
        ({"device": "cuda"}, "has no model.safetensors, which cuda needs"),
    ],
)
def test_parameters_that_cannot_work(made, values, problem):
    values = {"models": {"q": "one"}, **values}
    values |= {k: {c: made[f] for c, f in values[k].items()} for k in ("models", "first") if k in values}
    params = score_quality.params(**values)
    with pytest.raises(ValueError, match=problem):
        score_quality.check(params, pa.schema([]))


def test_no_gpu_stops_the_run_and_fails_no_document(made, monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    folder = str(small.roberta(made["one"] + "-both").path)
    score_quality.check(score_quality.params(models={"q": folder}, device="cuda"), pa.schema([]))
    with pytest.raises(TaskError, match="torch finds no GPU"):
        score_quality(table(), models={"q": folder}, device="cuda")
    cascade = {"first": {"q": made["one"]}, "undecided": {"q": (0.1, 0.9)}}
    with pytest.raises(ValueError, match=f"{made['one']} has no model.safetensors, which cuda needs"):
        score_quality.check(score_quality.params(models={"q": folder}, **cascade, device="cuda"), pa.schema([]))


def test_a_model_that_changes_under_a_run_stops_it_and_fails_no_document(tmp_path):
    folder = small.counter(tmp_path)
    folder.file(ONNX).write_bytes(b"other")
    with pytest.raises(TaskError, match=r"model\.onnx is not the file model\.json names"):
        score_quality(table(), models={"q": str(tmp_path)})


def test_the_kind_of_a_page_is_the_one_whose_score_is_highest(made):
    code, reasoning = stored(made["one"]), stored(made["two"])
    found = run(
        classify_domain, table(), models={"code": made["one"], "reasoning": made["two"]}, thresholds={"code": 0.55, "reasoning": 0.8}
    )
    assert (three(found["code_score"]), three(found["reasoning_score"])) == (code, reasoning)
    wanted = []
    for c, r in zip(code, reasoning, strict=True):
        reached = {k: s for k, s, b in (("code", c, 0.55), ("reasoning", r, 0.8)) if s is not None and s >= b}
        wanted.append(max(reached, key=reached.get) if reached else "other")
    assert found["content_domain"] == wanted
    assert {"code", "reasoning", "other"} == set(wanted)
    renamed = run(classify_domain, table(), models={"code": made["one"]}, into="page_kind", other="web", thresholds={"code": "half"})
    assert set(renamed["page_kind"]) == {"code", "web"}


def test_the_topic_is_the_likeliest_class(made):
    scorer = load_scorer(made["topics"])
    outputs = scorer.scores(pa.array(TEXTS, pa.large_string()))
    found = run(classify_topic, table(), model=made["topics"])
    assert found["topic"] == [None if np.isnan(o[0]) else scorer.folder.labels[o.argmax()] for o in outputs]
    assert three(found["topic_score"]) == stored(made["topics"])
    bound = sorted(three([s for s in found["topic_score"] if s is not None]))[3]
    sure = run(classify_topic, table(), model=made["topics"], min_score=bound, into="about")
    assert sure["about"] == [
        t if s is not None and round(s, 3) >= bound else None for t, s in zip(found["topic"], found["topic_score"], strict=True)
    ]


@pytest.mark.parametrize(
    ("stage", "values", "problem"),
    [
        (classify_domain, {"models": {"code": "topics"}}, "has no positive label"),
        (classify_domain, {"models": {"other": "one"}}, "other: 'other' is a kind"),
        (classify_topic, {"model": "one"}, "classify_topic takes a model of classes, none of them positive"),
    ],
)
def test_models_that_are_for_another_stage(made, stage, values, problem):
    values = {k: {c: made[f] for c, f in v.items()} if isinstance(v, dict) else made[v] for k, v in values.items()}
    with pytest.raises(ValueError, match=problem):
        stage.check(stage.params(**values), pa.schema([]))


def test_quantiles_within_a_language(made):
    rng = np.random.default_rng(2)
    texts = [" ".join(rng.choice(small.WORDS[4:], rng.integers(1, 6))) for _ in range(90)] + [None, ""]
    langs = [("en", "de", None)[i % 3] for i in range(92)]
    params = rank_multilingual.Params(model=made["one"])
    found = {name: column.to_pylist() for name, column in apply_global(rank_multilingual, params, table(texts, langs), 7).items()}
    scores = stored(made["one"], texts)
    assert three(found["quality"]) == scores
    for lang in ("en", "de", None):
        mine = [s for s, known in zip(scores, langs, strict=True) if known == lang and s is not None]
        for s, quantile, known in zip(scores, found["quality_quantile"], langs, strict=True):
            if known == lang:
                assert quantile == (None if s is None else pytest.approx(sum(other < s for other in mine) / len(mine), abs=1e-3 + 1e-6))


def test_a_text_is_scored_once_for_its_rank(made, monkeypatch):
    read = []

    class Counting:
        folder = None

        def stored(self, texts):
            read.extend(texts.to_pylist())
            return load_scorer(made["one"]).stored(texts)

    monkeypatch.setattr("stages.quality.rank_multilingual.loaded", lambda path, device: Counting())
    apply_global(rank_multilingual, rank_multilingual.Params(model=made["one"]), table(), 3)
    assert read == TEXTS


RECIPE = """
inputs: {docs: {use: parquet, paths: docs.parquet, carry: [lang]}}
steps:
  scored: {use: score_quality, models: {quality: one, fast: proxy}, keep: {quality: half}}
  kind:   {use: classify_domain, models: {code: two}}
  about:  {use: classify_topic, model: topics}
  ranked: {use: rank_multilingual, model: fast, column: multi}
  best:   {use: keep, where: "multi_quantile is null or multi_quantile >= 0.2"}
"""


@pytest.fixture
def corpus(tmp_path, made):
    for name, path in made.items():
        (tmp_path / name).symlink_to(path)
    pq.write_table(table(TEXTS[:5] * 3, LANGS[:5] * 3), tmp_path / "docs.parquet")
    return tmp_path


def test_all_of_them_in_a_recipe(corpus):
    run_recipe(recipe(corpus, RECIPE), corpus / "out")
    found = rows(corpus / "out", "outputs")
    assert 0 < len(found) < 15
    assert {"quality", "fast", "content_domain", "code_score", "topic", "topic_score", "multi", "multi_quantile"} <= set(found[0])


def test_two_steps_for_one_column_are_an_error_of_the_recipe(corpus):
    twice = RECIPE.replace("column: multi", "column: quality").replace("multi_quantile", "quality_quantile")
    with pytest.raises(RecipeError, match="creates column 'quality', which"):
        run_recipe(recipe(corpus, twice), corpus / "out")


def test_a_changed_model_is_another_step_and_a_damaged_one_an_error_before_work(corpus):
    from curation.plan import Plan
    from curation.recipe import load

    def fingerprints():
        return {step.name: step.fingerprint for step in Plan(load(recipe(corpus, RECIPE))).steps.values()}

    before = fingerprints()
    (corpus / "topics").unlink()
    small.counter(corpus / "topics", 3, seed=9, labels=["arts", "science", "sports"], positive=None, calibration=None)
    after = fingerprints()
    assert [before[n] == after[n] for n in ("scored", "kind", "about")] == [True, True, False]
    facts = corpus / "topics" / FACTS
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "positive": "music"}))
    with pytest.raises(RecipeError, match="'music' is none of the labels"):
        run_recipe(recipe(corpus, RECIPE), corpus / "other")
    assert not (corpus / "other").exists() or not any((corpus / "other").rglob("*.parquet"))
