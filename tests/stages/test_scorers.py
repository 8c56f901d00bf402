"""Scorers of model folders: fastText as the library, encoders as torch, and scores that depend on nothing but their text."""

import random

import fasttext as library
import numpy as np
import pyarrow as pa
import pytest
import small_models as small

from curation import registry
from curation.errors import TaskError
from stages.quality.models import encoder, onnx_encoder
from stages.quality.models.fasttext_scorer import FastTextScorer
from stages.quality.models.model_folder import ONNX, SAFETENSORS, TOKENIZER
from stages.quality.models.scorer import checked, facts, load_scorer, loaded, ready

onnx = pytest.importorskip("onnx")

BLANK = [None, "", " ", "\n\t\r "]


def strings(*texts):
    return pa.array(texts, pa.large_string())


def documents(n=80, longest=40):
    rng = random.Random(5)
    return [" ".join(rng.choices([*small.WORDS[4:], "xyz"], k=rng.randint(1, longest))) for _ in range(n)]


def agree_in_any_batch(scorer, texts, most=0.0):
    """Outputs of texts together, alone, in 64s and shuffled: they differ by `most`."""
    whole = scorer.scores(strings(*texts))
    order = np.random.default_rng(1).permutation(len(texts))
    shuffled = scorer.scores(strings(*[texts[i] for i in order]))
    assert np.nanmax(np.abs(shuffled - whole[order])) <= most
    alone = np.concatenate([scorer.scores(strings(text)) for text in texts])
    assert np.nanmax(np.abs(alone - whole)) <= most
    parts = np.concatenate([scorer.scores(strings(*texts[i : i + 64])) for i in range(0, len(texts), 64)])
    assert np.nanmax(np.abs(parts - whole)) <= most
    return whole


@pytest.mark.parametrize(
    "model",
    [
        {}, {"word_ngrams": 2, "max_n": 0, "min_n": 0}, {"loss": "hs", "word_ngrams": 3}, {"quantised": True},
        {"quantised": True, "pruned": 200, "word_ngrams": 2},
    ],
    ids=["softmax", "word bigrams and buckets", "hierarchical softmax", "quantised", "pruned"],
)  # fmt: skip
def test_fasttext_models_score_as_the_library(tmp_path, model):
    folder = small.fasttext(tmp_path, ("good", "other", "third"), {"labels": ["third", "other", "good"]}, **model)
    scorer, theirs = load_scorer(folder), library.load_model(str(folder.file(*folder.files)))
    texts = ["the house", "der Haus le", "the the the 中文", *documents()]
    ours = agree_in_any_batch(scorer, texts)
    for text, row in zip(texts, ours, strict=True):
        found = {label.removeprefix("__label__"): p for label, p in zip(*theirs.predict(text, k=-1), strict=True)}
        assert row == pytest.approx([found.get(label, 0) for label in ("third", "other", "good")], abs=1e-4)
    assert scorer.raw(ours).tolist() == ours[:, 2].tolist()
    assert scorer.stored(strings(texts[0]))[0] == round(float(folder.calibrated(ours[0, 2])), 3)


def test_fasttext_reads_so_many_characters_and_lines_as_one(tmp_path):
    scorer = load_scorer(small.fasttext(tmp_path, changed={"max_chars": 9}))
    one, other = scorer.scores(strings("the hous\u00e9 der Haus", "the\nhous\u00e9"))
    assert one.tolist() == other.tolist()
    assert scorer.scores(strings("the house", "the housf"))[0].tolist() != scorer.scores(strings("the housf"))[0].tolist()
    assert np.isnan(scorer.scores(strings(*BLANK, "         the"))).all()
    assert scorer.scores(strings()).shape == (0, 2)


def test_a_text_of_which_a_fasttext_model_knows_nothing_has_no_score(tmp_path):
    scorer = load_scorer(small.fasttext(tmp_path, words=["the", "house"], min_n=0, max_n=0, buckets=0))
    assert np.isnan(scorer.scores(strings("the garden", "garden"))[:, 0]).tolist() == [False, True]


@pytest.mark.parametrize("use", ["score_quality", "classify_domain", "classify_topic", "rank_multilingual"])
def test_kernels_are_compiled_before_workers_start(monkeypatch, use):
    scored, real = [], FastTextScorer.scores
    monkeypatch.setattr(FastTextScorer, "scores", lambda self, texts: scored.append(self) or real(self, texts))
    registry.beside(registry.lookup(use), "warm_up")()
    assert scored


def test_a_fasttext_model_of_other_labels_or_another_loss_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"model\.bin has the labels \['a', 'b'\], model\.json \['a', 'c'\]"):
        load_scorer(small.fasttext(tmp_path / "a", ("a", "b"), {"labels": ["a", "c"], "positive": None}))
    with pytest.raises(ValueError, match="its loss is number 4"):
        load_scorer(small.fasttext(tmp_path / "b", loss="ova"))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    pytest.importorskip("safetensors")
    return small.roberta(tmp_path_factory.mktemp("roberta"))


def test_an_encoders_scores_do_not_depend_on_the_batch(both):
    found = agree_in_any_batch(load_scorer(both), documents())
    assert found.sum(axis=1) == pytest.approx(1)
    assert len(set(found[:, 0].round(4).tolist())) > 40


def test_onnx_and_torch_score_alike(both):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from stages.quality.models.torch_encoder import TorchEncoder

    by_torch, texts = TorchEncoder(both, "cpu"), documents()
    assert np.abs(agree_in_any_batch(by_torch, texts, 1e-4) - load_scorer(both).scores(strings(*texts))).max() < 1e-4
    ready([str(both.path)], "cuda")
    with pytest.raises(TaskError, match="torch finds no GPU"):
        load_scorer(both, "cuda")


def test_a_gpu_is_not_shown_tokens_out_of_bounds(both):
    """One makes it fail all that follows. `meta` is a device on which nothing can be computed."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from stages.quality.models.torch_encoder import TorchEncoder

    assert TorchEncoder(both, "meta")._model.device.type == "meta"


def test_weights_that_are_not_in_the_file_are_not_made_up(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    tensors = pytest.importorskip("safetensors.numpy")
    from stages.quality.models.torch_encoder import TorchEncoder

    weights = {name: w for name, w in small.roberta_weights().items() if name != "classifier.dense.weight"}
    folder = small.roberta(tmp_path, files={SAFETENSORS: tensors.save(weights, {"format": "pt"})})
    with pytest.raises(ValueError, match=r"model\.safetensors lacks 1 weights of the model, classifier\.dense\.weight first"):
        TorchEncoder(folder, "cpu")


def dynamic(folder):
    """The model of a scale for the whole batch, which lets each text see the others."""
    graph = small.Graph()
    tokens = graph.node("Gather", graph.constant(np.random.default_rng(0).normal(size=(len(small.WORDS), 2)) * 3, np.float32), "input_ids")
    largest = graph.node("ReduceMax", graph.node("Abs", tokens), keepdims=1)
    rough = graph.node("Mul", graph.node("Round", graph.node("Div", tokens, largest)), largest)
    return small.counter(
        folder, files={ONNX: graph.bytes(graph.node("ReduceMean", rough, graph.constant([1], np.int64), keepdims=0), ("input_ids",))}
    )


def test_a_model_that_sees_other_texts_runs_on_each_alone(tmp_path, monkeypatch):
    agree_in_any_batch(load_scorer(dynamic(tmp_path)), documents(longest=8))
    monkeypatch.setattr(onnx_encoder.OnnxEncoder, "_sees_others", lambda self: False)
    with pytest.raises(AssertionError):
        agree_in_any_batch(load_scorer(dynamic(tmp_path)), documents(longest=8))


def test_windows_of_one_length_run_together_without_padding(tmp_path):
    scorer, shapes = load_scorer(small.counter(tmp_path)), []
    run = scorer.logits
    scorer.logits = lambda ids, mask: (shapes.append((*ids.shape, int(mask.sum()))), run(ids, mask))[1]
    scorer.tokens_at_once = 20
    scorer.scores(strings("the", "a book the", "a", "the", "the mill a", "water", "book", *BLANK))
    assert shapes == [(5, 3, 15), (2, 5, 10)]
    scorer.tokens_at_once = 8
    shapes.clear()
    scorer.scores(strings("the", "a", "the book", "water"))
    assert shapes == [(2, 3, 6), (1, 3, 3), (1, 4, 4)]


def logits_of(words):
    rows = np.random.default_rng(3).integers(-32, 33, (len(small.WORDS), 2)) / 8
    ids = [small.WORDS.index(w) if w in small.WORDS else 3 for w in ["<s>", *words, "</s>"]]
    return rows[ids].mean(axis=0)


def probability(logits):
    return np.exp(logits) / np.exp(logits).sum()


def test_the_first_tokens_or_windows_with_pooling(tmp_path):
    words = (small.WORDS[4:] + small.WORDS[8:12]) * 4
    text = " ".join(words)
    first = load_scorer(small.counter(tmp_path / "first", max_tokens=7))
    assert first.scores(strings(text))[0] == pytest.approx(probability(logits_of(words[:5])))

    pieces = [words[i : min(i + 5, 13)] for i in (0, 5, 10)]
    each = np.array([probability(logits_of(p)) for p in pieces])
    short = " ".join(words[:13])
    mean = load_scorer(small.counter(tmp_path / "mean", max_tokens=7, windows=4, pool="mean"))
    assert mean.scores(strings("the", short, None))[1] == pytest.approx(np.average(each, axis=0, weights=[7, 7, 5]))
    best = load_scorer(small.counter(tmp_path / "max", max_tokens=7, windows=4, pool="max"))
    assert best.scores(strings("the", short, None))[1] == pytest.approx(each[each[:, 1].argmax()])

    last = -(-len(words) // 5) - 1
    spread = [words[5 * k : 5 * k + 5] for k in (0, last // 3, last * 2 // 3, last)]
    found = np.average([probability(logits_of(p)) for p in spread], axis=0, weights=[len(p) + 2 for p in spread])
    assert mean.scores(strings(text))[0] == pytest.approx(found)
    agree_in_any_batch(best, documents())


def test_a_text_that_spells_special_tokens_has_the_tokens_of_its_characters(tmp_path):
    scorer = load_scorer(small.counter(tmp_path))
    assert dict(scorer._encoded(strings("<s> the")))[0].tolist() == [3, 3, 3, 4]


def test_texts_without_tokens_and_hostile_ones(tmp_path):
    scorer = load_scorer(small.counter(tmp_path, max_tokens=8))
    found = scorer.scores(strings(*BLANK, "~~~", "the", "\0"))
    assert np.isnan(found).all(axis=1).tolist() == [True, True, True, True, True, False, False]  # a NUL is a token to this tokenizer
    bad = pa.array([b"\xff\xfe the", b"the"], pa.large_binary()).view(pa.large_string())
    assert np.isfinite(scorer.scores(bad)).all()
    read = []
    encode = scorer._tokenizer.encode_batch_fast
    scorer._tokenizer = type("Tokenizer", (), {"encode_batch_fast": lambda self, t, **k: (read.extend(map(len, t)), encode(t, **k))[1]})()
    scorer.scores(strings("x" * 5_000_000, "the " * 1_000_000))
    assert read == [32 * 6, 32 * 6]


def test_the_tokens_of_few_texts_are_held_at_once(tmp_path, monkeypatch):
    scorer, texts = load_scorer(small.counter(tmp_path)), documents(30)
    wanted, encode, held = scorer.scores(strings(*texts)), scorer._tokenizer.encode_batch_fast, []
    monkeypatch.setattr(encoder, "CHARS_AT_ONCE", 200)
    scorer._tokenizer = type("Tokenizer", (), {"encode_batch_fast": lambda self, t, **k: (held.append(t), encode(t, **k))[1]})()
    assert scorer.scores(strings(*texts)).tolist() == wanted.tolist()
    assert [t for part in held for t in part] == texts
    assert all(sum(map(len, part[1:])) <= 200 for part in held)
    assert len(held) >= sum(map(len, texts)) // 400


def test_a_regression_gives_its_number(tmp_path):
    scorer = load_scorer(small.counter(tmp_path, 1, task="regression", labels=[], positive=None, calibration=None))
    found = scorer.scores(strings("the river", None))
    assert found.shape == (2, 1)
    assert scorer.stored(strings("the river", None))[0] == round(float(found[0, 0]), 3)
    assert np.isnan(found[1, 0])


def test_numbers_that_are_not_finite_are_no_score(tmp_path):
    graph = small.Graph()
    table = np.zeros((len(small.WORDS), 2), np.float32)
    table[small.WORDS.index("mill")] = np.inf
    mean = graph.node("ReduceMean", graph.node("Gather", graph.constant(table), "input_ids"), graph.constant([1], np.int64), keepdims=0)
    scorer = load_scorer(small.counter(tmp_path, files={ONNX: graph.bytes(mean, ("input_ids",))}))
    assert np.isnan(scorer.scores(strings("the mill", "the"))[:, 0]).tolist() == [True, False]


def odd_input():
    graph = small.Graph()
    return graph.bytes(graph.node("Cast", "pixels", to=1), ("pixels",))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda f: small.counter(f, files={ONNX: b"no model"}), r"model\.onnx is no ONNX model"),
        (lambda f: small.counter(f, files={ONNX: odd_input()}), r"model\.onnx wants pixels; inputs are input_ids"),
        (lambda f: small.counter(f, files={TOKENIZER: b"{}"}), r"tokenizer\.json is no tokenizer\.json file"),
        (lambda f: small.counter(f, files={TOKENIZER: small.tokenizer([*small.WORDS, "more"])}), "does not know token 15"),
        (lambda f: small.counter(f, files={ONNX: small.counter_onnx(rows=1_100)}), "trained with another one"),
        (lambda f: small.counter(f, 3), r"gives outputs of shape \(3,\), model\.json has 2"),
        (lambda f: small.counter(f, files={ONNX: small.roberta_onnx(small.roberta_weights())}, max_tokens=20), "max_tokens, 20"),
    ],
    ids=["no model", "other inputs", "no tokenizer", "too many tokens", "too few tokens", "other outputs", "too few positions"],
)  # fmt: skip
def test_folders_whose_files_do_not_fit(tmp_path, make, problem):
    folder = make(tmp_path)
    with pytest.raises(ValueError, match=problem) as e:
        load_scorer(folder)
    assert str(tmp_path) in str(e.value)


def test_a_folder_is_loaded_once_and_again_when_it_was_written_anew(tmp_path):
    path = str(small.counter(tmp_path).path)
    first = loaded(path, "cpu")
    assert loaded(path, "cpu") is first
    small.counter(tmp_path, seed=9, name="other")
    assert facts(path).name == "other"
    assert loaded(path, "cpu").scores(strings("the")).tolist() != first.scores(strings("the")).tolist()


def test_what_is_said_before_a_run(tmp_path):
    assert checked(small.counter(tmp_path / "a").path) is None
    assert "is a proxy model" in checked(small.counter(tmp_path / "b", proxy=True).path)
    with pytest.raises(ValueError, match=f"has no {SAFETENSORS}, which cuda needs"):
        ready([str(tmp_path / "a")], "cuda")
