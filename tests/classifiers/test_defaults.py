"""The default proxy models: what is shipped is whole and says what it is; label sets whose source does not tell; damage that damages."""

import json
import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import yaml

from classifiers.defaults import damage, sets, sources
from classifiers.defaults.__main__ import MODELS
from classifiers.train import spec
from curation.assets import HOME
from stages.quality.models.model_folder import ModelFolder
from stages.quality.models.scorer import load_scorer

DEFAULTS = HOME / "stages" / "quality" / "models" / "defaults"
SHIPPED = sorted(p.name for p in DEFAULTS.iterdir() if p.is_dir())
PROSE = (
    "The river rises in the hills to the north and flows for some sixty miles through farmland before it meets the sea. Its valley was "
    "settled early, because the soil is deep and the water never fails, and the remains of mills can still be seen where the slope is "
    "steepest. In the last century most of them were given up when steam became cheaper than the upkeep of a wheel.\n\n"
    "Floods are rare, but the one of 1872 is remembered: it took two bridges and changed the course of the stream below the town."
)


def text(n, domain, lang="en", source="book", what="prose"):
    """A long text of its own words."""
    r = random.Random(n)
    said = [" ".join(r.choice(PROSE.split()) for _ in range(14)).capitalize() + "." for _ in range(120)]
    return sources.Text("\n\n".join(" ".join(said[i : i + 4]) for i in range(0, 120, 4)), what, source, domain, lang)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_is_a_proxy_that_says_so(name):
    folder = ModelFolder.read(DEFAULTS / name)
    card = (DEFAULTS / name / "CARD.md").read_text("utf-8")
    assert folder.proxy
    assert "This is a proxy model" in card
    assert "AUC" in card
    assert folder.positive in ("good", "code", "math")
    assert not list((DEFAULTS / name).glob("report*")), "the report quotes texts"
    kind = MODELS[name][0]
    own = spec.load(kind, str(HOME / "classifiers" / "defaults" / f"{name}.yaml"), {}).spec
    assert folder.name == own.name
    assert folder.trained["preset"] == f"{name}.yaml", "no place on the machine of whoever trained it"
    assert json.loads(json.dumps(folder.trained["spec"]))["about"] == own.about, "the card is of this spec"


def test_what_is_shipped_is_small_and_all_of_it_is_named():
    files = [p for p in DEFAULTS.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 8_000_000
    assert set(SHIPPED) <= set(MODELS)
    told = (DEFAULTS / "README.md").read_text("utf-8")
    for name in SHIPPED:
        assert f"`{name}`" in told
    for package, (version, licence) in sources.PACKAGES.items():
        assert f"{package} {version}" in told.replace("\n", " ")
        assert licence.split(",")[0] in told


@pytest.mark.parametrize("name", ["quality", "quality_encoder"])
def test_a_quality_proxy_prefers_text_to_what_stands_around_it(name):
    scorer = load_scorer(DEFAULTS / name)
    worse = [
        "Home About us Contact Login Register Cart (0) Wishlist Search\nFollow us Facebook Twitter RSS\nPrivacy policy Terms of use",
        "cheap watches, watches sale, buy watches online, best watches, discount watches, watches near me, luxury watches, top watches",
        "valve | turbine | harvest | meadow | lantern | granite | harbour | orchard | copper | sparrow | thistle | marble",
    ]
    scores = scorer.stored(pa.array([PROSE, *worse]))
    assert scores[0] > max(scores[1:]), scores


def test_the_pipeline_ranks_by_it_and_drops_nothing():
    steps = yaml.safe_load((HOME / "pipeline.yaml").read_text("utf-8"))["steps"]
    assert steps["scored"] == {"use": "score_quality", "models": {"quality": "quality/models/defaults/quality"}}
    assert (steps["ranked"]["columns"], steps["ranked"]["by"]) == (["quality"], ["lang", "profile"])


def test_code_and_mathematics_are_told_from_prose():
    code = "def total(rows):\n    count = 0\n    for row in rows:\n        if row is not None:\n            count += len(row)\n"
    math = "Let $f(x) = x^2 + 1$ and $g(x) = \\sum_{i=1}^n x_i$. Then $f \\circ g$ has a minimum at $x_1 = 0$, for all $x > 1$."
    texts = pa.array([code * 4, math * 3, PROSE])
    assert np.argmax(load_scorer(DEFAULTS / "code").stored(texts)) == 0
    assert np.argmax(load_scorer(DEFAULTS / "math").stored(texts)) == 1


@pytest.mark.parametrize("name", list(damage.COPIES))
def test_damage_changes_the_text_and_is_the_same_each_time(name):
    own, others = text(1, "a").text[:2_000], [text(n, "a").text for n in range(2, 8)]
    broken = damage.COPIES[name](own, random.Random("s"), others)
    assert broken == damage.COPIES[name](own, random.Random("s"), others)
    assert broken != damage.COPIES[name](own, random.Random("t"), others) or name == "twice_encoded"
    same = {"shuffled_words": sorted(broken.split()) == sorted(own.split()), "shouted": broken.isupper(), "keywords": "." not in broken}
    assert same.get(name, True)
    if name != "twice_encoded":  # of ASCII only quotes and dashes change
        assert broken != own
    if name not in ("keywords", "thread"):
        assert 0.5 * len(own) < len(broken) < 2 * len(own), "about as long"


@pytest.mark.parametrize("name", list(damage.PAGES))
def test_pages_of_any_length_are_made(name):
    for chars in (300, 3_000):
        page = damage.made(damage.PAGES[name], random.Random(3), chars)
        assert chars <= len(page) < chars + 700


def test_each_domain_has_both_labels_and_is_in_one_part():
    found = [text(n, f"book {n}") for n in range(9)] + [text(50, "flask"), text(51, "celery"), text(52, "book fr", lang="fr")]
    found += [text(60 + n, "celery") for n in range(30)] + [sources.Text("Home\nLogin\n" * 60, "boilerplate", "page", "celery")]
    rows = list(sets.quality(found))
    assert rows == list(sets.quality(found))
    parts, labels, new = {}, {}, Counter()
    for row in rows:
        parts.setdefault(row["domain"], set()).add(row["split"])
        labels.setdefault(row["domain"], set()).add(row["label"])
        if row["reason"] in sets.NEW_KINDS:
            new[row["split"]] += 1
    assert all(len(p) == 1 for p in parts.values())
    assert all(own == {"good", "bad"} for name, own in labels.items() if not name.startswith("made "))
    assert new.keys() == {"test"}
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    assert max(len(row["text"]) for row in rows if row["label"] == "good") <= sets.CHARS[1]


def test_pieces_are_so_many_of_a_domain_each_once_and_none_is_short(monkeypatch):
    monkeypatch.setattr(sets, "OTHERS", 5)
    few = sources.Text("\n\n".join([PROSE] * 3), "prose", "page", "few")
    short = sources.Text("Too short to say.", "prose", "page", "short")
    same = sources.Text("\n\n".join([PROSE.partition("\n")[0]] * 100), "prose", "page", "same")
    found = [text(n, "many", source="page") for n in range(9)] + [few, short, same]
    cut = sets.pieces(found)
    assert Counter(t.domain for t in cut)["many"] == 5
    assert len({(t.domain, t.text) for t in cut}) == len(cut)
    assert {t.domain for t in cut} == {"many", "few", "same"}
    assert min(len(t.text) for t in cut) >= sources.LEAST_CHARS
    assert cut == sets.pieces(found) != sets.pieces(found, seed=2)


def test_a_label_set_has_a_text_once_and_only_whole_damage(tmp_path, monkeypatch):
    monkeypatch.setitem(damage.COPIES, "shouted", lambda text, r, others: "OH")
    found = [text(n, f"book {n}") for n in range(30)] + [sources.Text("Home\nLogin\n" * 60, "boilerplate", "page", "celery")]
    rows = list(sets.quality(found))
    assert {row["label"] for row in rows if row["reason"] == "left out by the extractor"} == {"bad"}
    assert min(len(row["text"]) for row in rows) >= sources.LEAST_CHARS // 3
    pages = [row for row in rows if row["domain"].startswith("made ")]
    assert {row["reason"] for row in pages if row["split"] == "train"} == set(damage.PAGES) - set(sets.NEW_KINDS)
    sets.write(iter(rows + rows), tmp_path / "rows.jsonl")
    written = [json.loads(line)["text"] for line in (tmp_path / "rows.jsonl").read_text("utf-8").splitlines()]
    assert len(written) == len(set(written)) == len({row["text"] for row in rows})


def test_kinds_of_content_leave_out_what_stands_between():
    formulas = "We see that $x_1 = 2$ and $y < 3$ hold here.\n\n" * 20
    half = "Then run it:\n\n    import os\n\nand that is all of it, more or less.\n\n" * 20
    code = "Run:\n\n" + "    import os\n    os.remove(path)\n    return os.path\n\n" * 20
    cases = ((formulas, "math", "m"), (half, "prose", "h"), (code, "code", "c"))
    found = [text(1, "book"), *(sources.Text(said, what, "documentation", domain) for said, what, domain in cases)]
    for positive, domain in (("math", "m"), ("code", "c")):
        rows = list(sets.kind(found, positive))
        assert {row["domain"] for row in rows if row["label"] == positive} == {domain}
        assert "h" not in {row["domain"] for row in rows}, "a third of its lines look like code"
        assert {row["label"] for row in rows} == {positive, "other"}


def test_markup_becomes_text():
    rst = "Title\n=====\n\n.. note:: x\n\nCall :func:`~a.b` with ``n`` as in :math:`n^2`, see `the page <http://x>`_::\n\n    run(n)\n\n"
    rst += ".. math:: \n\n   x = y\n   + z\n"
    found = sources._rst_text(rst)
    assert found == "Title\n\nCall a.b with n as in $n^2$, see the page:\n\n    run(n)\n\n$$x = y + z$$"
    tex = "\\documentclass{a}\\begin{document}\\section{Intro}\nWe \\emph{show} that $a_1$ is \\cite{x} large % no\nenough for all."
    assert sources._tex_text(tex) == "We show that $a_1$ is large enough for all."
    assert sources._html_text("<p>One &amp; two</p><pre><code>x &lt; 1\n</code></pre>") == "One & two\n\nx < 1"
