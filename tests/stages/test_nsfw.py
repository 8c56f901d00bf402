"""nsfw: score, bounds, a classifier's column, and hard cases. Terms are made up; what matches is tested with count_dirty_words."""

import random
import re

import pyarrow as pa
import pytest
from stage_checks import reasons, run

from curation.errors import RecipeError
from curation.plan import Plan
from curation.recipe import load
from stages.safety.nsfw import Params, nsfw, weight
from stages.safety.phrases import Phrase

SHORT = ["flim", "grob", "tarn", "dask"]  # short terms that mean harmless things too, as real lists have them
LONG = [f"{a}{b}ish" for a in ("quim", "vorbel", "zandr", "plimsn", "hexatr") for b in ("ald", "ont", "iver", "umm", "esk", "oph")]
PHRASES = [f"{a} {b}" for a in SHORT for b in LONG[::3]]
BODY = ["corvula", "belpodex", "mordanth", "flim", "sarcuval", "isthmen"]  # what a doctor, a teacher and a court must name
TERMS = SHORT + LONG + PHRASES + BODY
PROSE = re.findall(
    r"\w+", "the a of and to in was who where people often say that it is with their for each other on which before after new old time"
)


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    path = tmp_path_factory.mktemp("lists") / "terms.txt"
    path.write_text("\n".join(TERMS))
    return {"en": str(path)}


def table(*texts, **columns):
    made = {"text": pa.array(texts, pa.large_string()), "lang": ["en"] * len(texts)}
    return pa.table({**made, **{name: pa.array(values, pa.float32()) for name, values in columns.items()}})


WEIGHTS = [
    pytest.param(Phrase("flim", 4, 1), 4 / 12, id="a short word counts little"),
    pytest.param(Phrase("x" * 12, 12, 1), 1, id="full length"),
    pytest.param(Phrase("x" * 40, 40, 1), 1, id="no more beyond it"),
    pytest.param(Phrase("aa bbbb", 6, 2), 1, id="a phrase twice"),
    pytest.param(Phrase("花瓶", 6, 1), 0.5, id="two characters of chinese as six letters"),
]


@pytest.mark.parametrize(("phrase", "expected"), WEIGHTS)
def test_weight(phrase, expected):
    assert weight(phrase, Params(lists={"en": "x"})) == expected


def test_score(lists):
    texts = ["flim " + "w " * 99, "flim flim " + "w " * 98, "flim grob " + "w " * 98, "w", "", None, " ".join(LONG)]
    found = run(nsfw, table(*texts), lists=lists)["nsfw_score"]
    one = 1000 / 100 * 4 / 12
    assert found[:6] == pytest.approx([one / 12, 2 * one / 12, 2 * one * 2 / 12, 0, 0, 0])
    assert found[6] == pytest.approx(1000 * sum(min(12, len(w)) for w in LONG) / 12 / len(LONG))


def at_bound(extra):
    """Three different terms of weight 1 in 100 words and some more: score 30 * 3 / 12 = 7.5 without them."""
    return " ".join([w for w in LONG if len(w) >= 12][:3]) + " w" * (97 + extra)


BOUNDS = [
    pytest.param({"max_score": 7.5}, 0, None, id="at the bound"),
    pytest.param({"max_score": 7.5}, -1, "nsfw", id="a word less, just over"),
    pytest.param({"max_score": None}, -97, None, id="no bound"),
    pytest.param({"max_score": {"default": 1, "en": 8}}, 0, None, id="bound per language"),
    pytest.param({"max_score": 29.9, "full_variety": 3}, 0, "nsfw", id="variety is a parameter"),
    pytest.param({"max_score": 30, "full_variety": 3}, 0, None, id="full variety"),
]


@pytest.mark.parametrize(("values", "extra", "reason"), BOUNDS)
def test_bounds(lists, values, extra, reason):
    assert reasons(nsfw, table(at_bound(extra)), lists=lists, **values) == [reason]


def test_a_classifier_decides(lists):
    scores = [0.5, 0.5001, 1.0, None, float("nan"), 0.0]
    rows = table(*["plain"] * 6, adult=scores)
    assert reasons(nsfw, rows, score_column="adult") == [None, "nsfw", "nsfw", None, None, None]
    assert reasons(nsfw, rows, score_column="adult", max_classifier_score=None) == [None] * 6
    assert run(nsfw, rows, score_column="adult")["nsfw_score"] == [0] * 6
    both = table(" ".join(LONG), "plain", "plain", adult=[0.0, 0.9, None])
    assert reasons(nsfw, both, lists=lists, score_column="adult") == ["nsfw", "nsfw", None]


def test_neither_list_nor_classifier_is_an_error():
    with pytest.raises(ValueError, match="needs lists, a score_column, or both"):
        Params()
    with pytest.raises(ValueError, match="always names"):
        Params(lists={"en": "x"}, always=("de",))


def test_a_column_that_no_step_writes_is_an_error_of_the_recipe(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"url": "http://a.example", "text": "x", "lang": "en"}\n')
    (tmp_path / "r.yaml").write_text(
        "name: r\ninputs: {in: {use: jsonl, paths: in.jsonl, carry: {lang: string}}}\nsteps: {a: {use: nsfw, score_column: missing}}\n"
    )
    with pytest.raises(RecipeError, match="missing"):
        Plan(load(tmp_path / "r.yaml", {}))


def mixed(rng, terms, share, words=400):
    """Prose with a share of terms, the first of them oftenest."""
    weights = [1 / (rank + 1) for rank in range(len(terms))]
    return " ".join(rng.choices(terms, weights)[0] if rng.random() < share else rng.choice(PROSE) for _ in range(words))


def test_hard_cases_stay_and_spam_goes(lists):
    """Dense text on one subject, with every tenth word on the list but few different ones, against pages stuffed with many."""
    rng = random.Random(5)
    medical = [mixed(rng, rng.sample(BODY, 4), 0.1) for _ in range(40)]
    news = [mixed(rng, ["mordanth", "flim"], 0.1) for _ in range(40)]
    names = [mixed(rng, [w.title() + rng.choice(("horpe", "istone", "sex", "ington")) for w in SHORT], 0.3) for _ in range(40)]
    birds = [mixed(rng, SHORT, 0.15) for _ in range(40)]
    spam = [mixed(rng, rng.sample(TERMS, 25), share) for share in (0.08, 0.15, 0.3) for _ in range(40)]
    kept = reasons(nsfw, table(*medical, *news, *names, *birds), lists=lists)
    assert sum(r == "nsfw" for r in kept) <= 1
    gone = reasons(nsfw, table(*spam), lists=lists)
    assert sum(r == "nsfw" for r in gone[:40]) >= 36
    assert sum(r == "nsfw" for r in gone[40:]) == 80
    # Without variety the same medical pages would go.
    assert sum(r == "nsfw" for r in reasons(nsfw, table(*medical), lists=lists, full_variety=1)) >= 36
