"""A small transformer of BERT's form, run by the stage and by numpy."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stage_checks import run

from curation.stage import Batch
from tests.engine.engine_kit import recipe, rows
from tests.engine.engine_kit import run as run_recipe

onnx = pytest.importorskip("onnx")
tokenizers = pytest.importorskip("tokenizers")

from stages.quality.embed import INPUTS, embed, load_model  # noqa: E402 - behind what it needs

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "the", "a", "river", "garden", "mill", "stone", "water", "book"]
RECIPE = """
inputs: {docs: {use: parquet, paths: docs.parquet}}
steps:
  vectors: {use: embed, model: model, max_tokens: 16}
  same:    {use: dedup_semantic, centroids: centroids.npy, epsilon: 0.0001}
"""
HEADS, HEAD, D, POSITIONS = 2, 4, 8, 16


def weights():
    rng = np.random.default_rng(0)

    def drawn(*shape):
        return (rng.normal(size=shape) * 0.5).astype(np.float32)

    matrices = {name: drawn(D, D) for name in ("query", "key", "value", "mixed")}
    biases = {f"{name}_bias": drawn(D) for name in matrices}
    norms = {f"{name}_{part}": drawn(D) + (part == "scale") for name in ("first", "second", "third") for part in ("scale", "shift")}
    rest = {"words": drawn(len(WORDS), D), "places": drawn(POSITIONS, D), "types": drawn(2, D)}
    wide = {"up": drawn(D, 4 * D), "up_bias": drawn(4 * D), "down": drawn(4 * D, D), "down_bias": drawn(D)}
    return {**matrices, **biases, **norms, **rest, **wide}


def write_tokenizer(folder):
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    model.normalizer = tokenizers.normalizers.Replace("~", "")
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    model.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    model.enable_padding(length=POSITIONS)  # as in many a file; the stage must switch it off
    model.save(str(folder / "tokenizer.json"))


def write_model(folder, kind=None, pooled=False, extra=()):
    """model.onnx: embeddings, one layer of attention with a mask, one feed-forward layer, norms behind each."""
    h, tensor = onnx.helper, onnx.TensorProto
    kind = kind or tensor.INT64
    constants = {
        **weights(), "split": np.array([0, 0, HEADS, HEAD], np.int64),
        "joined": np.array([0, 0, D], np.int64), "root": np.float32(HEAD**-0.5), "one": np.float32(1), "far": np.float32(-1e9),
        "axes": np.array([1, 2], np.int64),
        "half": np.float32(0.5), "root2": np.float32(2**-0.5), "start": np.int64(0), "step": np.int64(1), "at": np.int64(1),
    }  # fmt: skip
    nodes = []

    def node(operator, *inputs, **attributes):
        name = f"{operator}{len(nodes)}"
        nodes.append(h.make_node(operator, inputs, [name], **attributes))
        return name

    def dense(x, name):
        return node("Add", node("MatMul", x, name), f"{name}_bias")

    def heads(x, name):
        return node("Transpose", node("Reshape", dense(x, name), "split"), perm=[0, 2, 1, 3])

    def norm(x, name):
        return node("LayerNormalization", x, f"{name}_scale", f"{name}_shift", epsilon=1e-12)

    tokens = node("Gather", node("Shape", "input_ids"), "at")
    places = node("Gather", "places", node("Range", "start", tokens, "step"))
    x = node("Add", node("Add", node("Gather", "words", "input_ids"), node("Gather", "types", "token_type_ids")), places)
    x = norm(x, "first")
    scores = node("Mul", node("MatMul", heads(x, "query"), node("Transpose", heads(x, "key"), perm=[0, 1, 3, 2])), "root")
    mask = node("Mul", node("Sub", "one", node("Cast", "attention_mask", to=tensor.FLOAT)), "far")
    attended = node("MatMul", node("Softmax", node("Add", scores, node("Unsqueeze", mask, "axes")), axis=-1), heads(x, "value"))
    attended = node("Reshape", node("Transpose", attended, perm=[0, 2, 1, 3]), "joined")
    x = norm(node("Add", x, dense(attended, "mixed")), "second")
    wide = dense(x, "up")
    wide = node("Mul", node("Mul", wide, "half"), node("Add", "one", node("Erf", node("Mul", wide, "root2"))))
    x = norm(node("Add", x, dense(wide, "down")), "third")
    shape = ["n", "tokens", D]
    if pooled:
        x, shape = node("ReduceMax", x, "at1", keepdims=0), ["n", D]
        constants["at1"] = np.array([1], np.int64)
    nodes.append(h.make_node("Identity", [x], ["last_hidden_state"]))
    inputs = [h.make_tensor_value_info(name, kind, ["n", "tokens"]) for name in (*INPUTS, *extra)]
    output = h.make_tensor_value_info("last_hidden_state", tensor.FLOAT, shape)
    held = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = h.make_graph(nodes, "small", inputs, [output], held)
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=9), str(folder / "model.onnx"))
    return str(folder)


def by_numpy(ids):
    """The last layer of the model, (tokens, D), in float64."""
    from math import erf

    w = {name: value.astype(np.float64) for name, value in weights().items()}

    def norm(x, name):
        spread = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-12)
        return (x - x.mean(axis=-1, keepdims=True)) / spread * w[f"{name}_scale"] + w[f"{name}_shift"]

    def dense(x, name):
        return x @ w[name] + w[f"{name}_bias"]

    x = norm(w["words"][ids] + w["places"][: len(ids)] + w["types"][0], "first")
    found = []
    for head in range(HEADS):
        query, key, value = (dense(x, name)[:, head * HEAD : (head + 1) * HEAD] for name in ("query", "key", "value"))
        scores = np.exp(query @ key.T / np.sqrt(HEAD))
        found.append(scores / scores.sum(axis=1, keepdims=True) @ value)
    x = norm(x + dense(np.concatenate(found, axis=1), "mixed"), "second")
    wide = dense(x, "up")
    wide = wide * 0.5 * (1 + np.vectorize(erf)(wide / np.sqrt(2)))
    return norm(x + dense(wide, "down"), "third")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    write_tokenizer(folder)
    return write_model(folder)


TEXTS = ["the river", "the garden mill water book", "a", "nobody knows", "the river " * 40, None, "", " \n\u3000", "~~", "book"]


def embedded(model, *texts, **values):
    return run(embed, pa.table({"text": pa.array(texts, pa.large_string())}), model=model, **values)["embedding"]


@pytest.mark.parametrize("max_tokens", [512, 7])
def test_it_is_the_mean_of_the_last_layer(model, max_tokens):
    max_tokens = min(max_tokens, POSITIONS)
    for text, found in zip(TEXTS, embedded(model, *TEXTS, max_tokens=max_tokens), strict=True):
        if text is None or not text.strip(" \n\u3000~"):
            assert found is None
            continue
        ids = [WORDS.index(word) if word in WORDS else 3 for word in text.split()][: max_tokens - 2]
        mean = by_numpy([1, *ids, 2]).mean(axis=0)
        assert found == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


def test_inputs_of_32_bits_and_outputs_of_documents_are_taken(tmp_path):
    write_tokenizer(tmp_path)
    write_model(tmp_path, kind=onnx.TensorProto.INT32, pooled=True)
    (found,) = embedded(str(tmp_path), "the river")
    most = by_numpy([1, 4, 6, 2]).max(axis=0)
    assert found == pytest.approx(most / np.linalg.norm(most), abs=1e-5)


def test_a_prefix_stands_before_the_text(model):
    assert embedded(model, "river", prefix="the ") == embedded(model, "the river")
    assert embedded(model, "", prefix="the ") == [None]


def test_a_text_is_read_as_far_as_tokens_go(model):
    long = "the " * 14 + "river " * 1_000_000
    assert embedded(model, long, max_tokens=16) == embedded(model, "the " * 14, max_tokens=16)
    far = "the" + " " * 32 * 16 + "river"
    assert embedded(model, far, max_tokens=16) == embedded(model, "the")


@pytest.mark.parametrize("max_tokens", [1, 2])
def test_tokens_that_special_ones_fill_are_refused(model, max_tokens):
    with pytest.raises(ValueError, match="leaves no room for text, the tokenizer adds 2"):
        embed.check(embed.params(model=model, max_tokens=max_tokens), pa.schema([]))
    embed.check(embed.params(model=model, max_tokens=3), pa.schema([]))


def test_an_embedding_without_a_direction_is_counted(tmp_path, monkeypatch, model):
    _, tokenizer, inputs = load_model(model)

    class Zeros:
        def run(self, _, given):
            return [np.zeros((1, given["input_ids"].shape[1], D), np.float32)]

    monkeypatch.setattr("stages.quality.embed.load_model", lambda _: (Zeros(), tokenizer, inputs))
    batch = Batch(pa.table({"text": ["the river", "", "~"]}))
    assert embed(batch, model=model)["embedding"].to_pylist() == [None, None, None]
    assert batch.counted == {"embedding of zeros or not finite": 1, "text without tokens": 2}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda folder: (folder / "tokenizer.json").unlink(), "holds no tokenizer.json", id="no tokenizer"),
        pytest.param(lambda folder: (folder / "model.onnx").unlink(), "holds no model.onnx", id="no model"),
        pytest.param(lambda folder: (folder / "model.onnx").write_bytes(b"x"), "holds no model.onnx", id="damaged"),
        pytest.param(lambda folder: write_model(folder, extra=["pixel_values"]), "wants pixel_values; inputs are input_ids", id="inputs"),
    ],
)
def test_a_folder_is_checked_before_any_work(tmp_path, spoil, said):
    write_tokenizer(tmp_path)
    write_model(tmp_path)
    spoil(tmp_path)
    with pytest.raises(ValueError, match=said):
        load_model(str(tmp_path))


def test_copies_meet_by_their_embeddings(tmp_path):
    (tmp_path / "model").mkdir()
    write_tokenizer(tmp_path / "model")
    write_model(tmp_path / "model")
    np.save(tmp_path / "centroids.npy", np.eye(D, dtype=np.float32))
    texts = ["the river garden", "the river garden", "The the the", "mill mill mill mill", "book", ""]
    pq.write_table(pa.table({"id": [f"{i:032x}" for i in range(len(texts))], "text": texts}), tmp_path / "docs.parquet")
    it = run_recipe(recipe(tmp_path, RECIPE), tmp_path / "out")
    assert [int(row["duplicate_of"], 16) for row in rows(tmp_path / "out", "dropped")] == [0]
    assert it.accounts["same"].documents_in == len(texts)
