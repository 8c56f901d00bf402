"""Samples of stages/quality."""

import io
import tempfile
from functools import cache
from pathlib import Path

import pytest

from tests.samples.documents import ENGLISH, texts

PLACES = ["river", "garden", "mill", "hill", "valley", "village", "stone", "wheel", "spring", "summer", "morning", "weather", "branch",
          "water", "people", "book"]  # fmt: skip


def ordinary(n):
    """Documents of one kind and several lengths: sentences that share most of their words."""
    places = [[PLACES[i * k % 16] for k in (1, 7, 11)] for i in range(48)]
    parts = ["In the {} by the {} they saw what the {} had brought. ".format(*three) for three in places]
    return ["".join(parts[(i * 5 + k * (i % 7 + 1)) % 48] for k in range(3 + i % 9)) + ENGLISH[: 40 * (i % 5)] for i in range(n)]


def kl_outlier():
    dump = " ".join(f"q{i * 7919 % 100_003:x}zx{i * 104_729 % 65_521:x}" for i in range(150))
    stuffed = "cheap watches online buy cheap watches " * 40
    table = texts(*ordinary(80), dump, stuffed, lang=lambda n: [None if i % 23 == 5 else "en" for i in range(n)])
    yield {}, table
    yield {"max_score": {"default": None, "en": 8.0}, "bits": 12, "min_tokens": 5, "words": 3}, table
    yield {"by": None, "sample": 0.5}, table


def rank():
    def scores(n):
        return [None if i % 11 == 3 else float("nan") if i % 11 == 7 else ((i * 37) % 101 - 40) * 0.25 for i in range(n)]

    table = texts(
        *[str(i) for i in range(150)], score=scores, other=lambda n: [float(i * i % 57) for i in range(n)],
        word_count=lambda n: [i % 40 for i in range(n)], lang=lambda n: [("en", "de", None)[i % 3] for i in range(n)],
    )  # fmt: skip
    yield {"columns": ["score"]}, table
    yield {"columns": ["score", "other"], "by": ["lang", "word_count"], "weight": "word_count", "combine": "max"}, table
    yield {"columns": ["other", "score"], "combine": "mean", "into": "both"}, table


def perplexity():
    pytest.importorskip("kenlm")
    model, cutoffs = _model()
    table = texts(*ordinary(30), "qx zq " * 30, lang=lambda n: ["xx" if i % 9 == 4 else "en" for i in range(n)])
    yield {"models": {"en": model}}, table
    yield {"models": {"en": model}, "variant": "paper", "min_perplexity": 3.0, "max_perplexity": 60.0}, table
    yield {"models": {"en": model}, "cutoffs": cutoffs, "keep": ["head", "middle"]}, table


@cache
def _model():
    """A trigram model of ordinary documents, and cutoffs."""
    from classifiers.ngram_lm import train, write_arpa
    from stages.quality.ccnet_text import Pieces

    folder = Path(tempfile.mkdtemp(prefix="curate-samples-"))
    arpa = io.StringIO()
    write_arpa(*train(Pieces("code", None).of_lines(ordinary(40)), 3), arpa)
    (folder / "en.arpa").write_text(arpa.getvalue(), "utf-8")
    (folder / "cutoffs.json").write_text('{"en": ' + str([2 + k / 4 for k in range(101)]) + "}", "utf-8")
    return str(folder / "en.arpa"), str(folder / "cutoffs.json")


def embed():
    pytest.importorskip("onnx")
    yield {"model": _embedder(), "max_tokens": 64}, texts(*ordinary(12), "qx zq")


@cache
def _embedder():
    """A folder with a model that looks words up, in numbers whose sums are exact on any machine."""
    import numpy as np
    import onnx
    import tokenizers

    folder = Path(tempfile.mkdtemp(prefix="curate-samples-"))
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({w: i for i, w in enumerate(["?", "[", *PLACES])}, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.post_processor = tokenizers.processors.TemplateProcessing(single="[ $A", special_tokens=[("[", 1)])
    words.save(str(folder / "tokenizer.json"))
    table = np.random.default_rng(5).integers(-64, 64, (len(PLACES) + 2, 8)).astype(np.float32)
    ids = onnx.helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["n", "tokens"])
    out = onnx.helper.make_tensor_value_info("last_hidden_state", onnx.TensorProto.FLOAT, ["n", "tokens", 8])
    node = onnx.helper.make_node("Gather", ["words", "input_ids"], ["last_hidden_state"])
    graph = onnx.helper.make_graph([node], "words", [ids], [out], [onnx.numpy_helper.from_array(table, "words")])
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(made, str(folder / "model.onnx"))
    return str(folder)


@cache
def _classifiers():
    """Folders of small models: fastText, two encoders, one of three topics."""
    pytest.importorskip("onnx")
    import small_models as small

    at = Path(tempfile.mkdtemp(prefix="curate-samples-"))
    topics = {"labels": ["arts", "science", "sports"], "positive": None, "calibration": None}
    made = {
        "fast": small.fasttext(at / "fast", word_ngrams=2), "one": small.counter(at / "one"), "two": small.counter(at / "two", seed=4),
        "windows": small.counter(at / "windows", max_tokens=8, windows=3, pool="max"), "topics": small.counter(at / "topics", 3, **topics),
    }  # fmt: skip
    return {name: str(folder.path) for name, folder in made.items()}


def _classified():
    words = [f"the {PLACES[i % 16]} and the {PLACES[i * 5 % 16]} " * (1 + i % 5) for i in range(30)]
    return texts(*words, "stone " * 30, "nobody knows", lang=lambda n: [("en", "de", None)[i % 3] for i in range(n)])


def score_quality():
    of, table = _classifiers(), _classified()
    yield {"models": {"quality": of["one"], "fast": of["fast"]}, "keep": {"quality": "half"}}, table
    yield {"models": {"quality": of["two"]}, "first": {"quality": of["one"]}, "undecided": {"quality": (0.3, 0.6)}}, table
    yield {"models": {"quality": of["windows"]}}, table


def classify_domain():
    of = _classifiers()
    yield {"models": {"code": of["one"], "reasoning": of["two"]}, "thresholds": {"reasoning": 0.8}}, _classified()


def classify_topic():
    yield {"model": _classifiers()["topics"], "min_score": 0.4}, _classified()


def rank_multilingual():
    yield {"model": _classifiers()["two"]}, _classified()
