"""Specs of trainings: presets have the papers' figures, and a mistake names its place."""

import pytest

from classifiers.train import spec
from curation.errors import RecipeError

FIGURES = {
    ("fasttext", "deepseekmath"): {"dim": 256, "rate": 0.1, "word_ngrams": 3, "min_count": 3, "epochs": 3},
    ("fasttext", "dclm"): {"word_ngrams": 2, "kept": [0.1]},
    ("fasttext", "wiki_reference"): {},
    ("roberta", "distilroberta"): {"model": "distilbert/distilroberta-base"},
    ("roberta", "tiny"): {"model": None},
}


def test_presets_have_the_figures_of_the_papers():
    assert {(kind, name) for kind in ("fasttext", "roberta") for name in spec.names(kind)} == FIGURES.keys()
    for (kind, name), figures in FIGURES.items():
        found = spec.load(kind, name, {}).spec
        assert {key: getattr(found, key) for key in figures} == figures


def test_a_file_is_read_and_overridden(tmp_path):
    (tmp_path / "my.yaml").write_text("positive: good\nepochs: 7\n")
    found = spec.load("fasttext", str(tmp_path / "my.yaml"), {"epochs": 2}).spec
    assert (found.positive, found.epochs, found.dim) == ("good", 2, 100)


@pytest.mark.parametrize(
    ("kind", "text", "sets", "said"),
    [
        ("fasttext", "epoch: 3", {}, r"my.yaml:1:1: epoch: unknown key 'epoch' \(did you mean 'epochs'\?\)"),
        ("fasttext", "\ndim: 0", {}, "my.yaml:2:6: dim: input should be greater than or equal to 1, got 0"),
        ("fasttext", "rate: .nan", {}, "my.yaml:1:7: rate: .*finite"),
        ("fasttext", "dim: 3", {"rates": 1}, r"--set rates: unknown key \(did you mean 'rate'\?\)"),
        ("fasttext", "dim: 3", {"rate": "fast"}, "--set.*rate: input should be a valid number, got 'fast'"),
        ("fasttext", "keep: 10", {}, "my.yaml:1:7: keep: only a compressed model leaves rows out"),
        ("fasttext", "min_n: 3", {"max_n": 2}, "my.yaml:1:8: min_n: n-grams of 3 to 2 characters"),
        ("fasttext", "validation: 0.5", {"test": 0.5}, "--set test: validation and test are 1 of the domains: none is left to train on"),
        ("roberta", "windows: 4", {}, "pool: pool first reads one window, mean and max read several"),
        ("roberta", "hidden: 100", {"heads": 3}, "--set heads: 100 numbers are not shared by 3 heads evenly"),
        ("roberta", "revision: abc", {}, "my.yaml:1:11: revision: a revision is one of a hub id"),
        ("roberta", "word_ngrams: 2", {}, "unknown key 'word_ngrams'"),
        ("roberta", "[1]", {}, "a spec is a map"),
    ],
)
def test_a_mistake_names_its_place(tmp_path, kind, text, sets, said):
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(RecipeError, match=said):
        spec.load(kind, str(tmp_path / "my.yaml"), sets)


@pytest.mark.parametrize(
    ("preset", "said"), [("dcml", r"--preset dcml: there is dclm, .*did you mean 'dclm'"), ("none.yaml", "none.yaml: cannot read the spec")]
)
def test_a_preset_that_is_not_there(preset, said):
    with pytest.raises(RecipeError, match=said):
        spec.load("fasttext", preset, {})
