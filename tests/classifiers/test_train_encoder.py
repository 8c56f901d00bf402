"""Encoders: a small one is trained, exported and scored; what cannot be trained, loaded or exported is refused."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from classifiers import metrics
from classifiers.train import commands, spec
from curation.errors import RecipeError, TaskError
from stages.quality.models.model_folder import ModelFolder
from stages.quality.models.scorer import load_scorer
from tests.classifiers.train_labels import rows, write

torch = pytest.importorskip("torch", reason="extra train")
transformers = pytest.importorskip("transformers", reason="extra train")
onnx = pytest.importorskip("onnx", reason="extra train")

from classifiers.train import encoder, export  # noqa: E402

SMALL = {"vocabulary": 500, "layers": 1, "hidden": 32, "heads": 2, "max_tokens": 64, "epochs": 4, "rate": 5e-3, "batch": 16}


def train(files, out, **sets):
    return commands.train("roberta", [files], out, "tiny", {**SMALL, **sets}, lambda text: None)


def texts_of(labels):
    return pa.array([row["text"] for row in labels], pa.large_string())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    labels = rows(500, domains=100, share=0.4)
    train(write(folder / "labels.jsonl", labels), folder / "model", positive="good")
    return folder / "model", labels


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    labels = rows(500, domains=100, share=0.4, numbers=True)
    train(write(folder / "labels.jsonl", labels), folder / "model", positive_from=3.0, calibration="none")
    return folder / "model", labels


def logits_of_torch(folder, texts):
    """What the model gives one text at a time, by transformers."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True).eval()
    ids = ids_of(folder, texts)
    with torch.no_grad():
        return np.concatenate([model(torch.from_numpy(row[None].astype(np.int64))).logits.numpy() for row in ids])


def ids_of(folder, texts):
    asked = spec.load("roberta", "tiny", SMALL).spec
    return encoder.tokens_of(Tokenizer.from_file(str(folder / "tokenizer.json")), texts, asked)


# -- classes --------------------------------------------------------------------------------------


def test_it_learns_and_its_folder_has_all_that_is_needed(trained):
    folder, labels = trained
    model = ModelFolder.read(folder)
    assert set(model.files) == {"model.onnx", "model.safetensors", "config.json", "tokenizer.json"}
    assert (model.kind, model.labels, model.input.max_tokens) == ("encoder", ["bad", "good"], 64)
    good = np.array([row["label"] == "good" for row in labels])
    assert metrics.auc(load_scorer(model).stored(texts_of(labels)), good) > 0.95
    assert f"{model.trained['export']['spearman']:.4f}" in (folder / "CARD.md").read_text()


def test_the_export_scores_like_the_model_it_is_of_whatever_is_in_the_batch(trained):
    folder, labels = trained
    texts = texts_of(labels[:128])
    exact = export.probabilities(logits_of_torch(folder, texts).astype(np.float64))[:, 1]
    scorer = load_scorer(folder)
    found = scorer.scores(texts)[:, 1]
    assert metrics.spearman(exact.round(3), found.round(3)) >= 0.99
    assert np.abs(exact - found).max() < 0.05
    order = np.random.default_rng(0).permutation(128)
    alone = np.concatenate([scorer.scores(texts.slice(i, 1)) for i in range(128)])[:, 1]
    assert np.abs(scorer.scores(texts.take(pa.array(order)))[:, 1] - found[order]).max() <= 1e-4
    assert np.abs(alone - found).max() <= 1e-4
    facts = ModelFolder.read(folder).trained["export"]
    assert facts["spearman"] >= 0.99
    assert facts["change_in_batch"] <= 1e-4


def test_its_products_are_of_8_bit_integers(trained):
    graph = onnx.load(trained[0] / "model.onnx").graph
    assert sum(node.op_type == "MatMulIntegerToFloat" for node in graph.node) == 6  # query, key, value, output, two of the feed-forward
    kinds = {t.data_type for t in graph.initializer if len(t.dims) == 2 and min(t.dims) > 2 and max(t.dims) > 32}
    assert kinds == {onnx.TensorProto.INT8}


def test_attention_is_one_node_and_the_last_layer_computes_the_first_token_alone(trained):
    """All tokens go into key and value, one into the rest; the model reads no mask."""
    model = onnx.load(trained[0] / "model.onnx")
    assert [value.name for value in model.graph.input] == ["input_ids"]
    assert [node.op_type for node in model.graph.node if node.op_type in ("MultiHeadAttention", "Softmax")] == ["MultiHeadAttention"]
    assert widths_of_products(model, tokens=9) == [1, 1, 1, 1, 9, 9]


def widths_of_products(model, tokens):
    """Tokens each product with weights is computed for, sorted."""
    import onnxruntime

    made = [node.output[0] for node in model.graph.node if node.op_type == "MatMulIntegerToFloat"]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in made)
    run = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return sorted(found.shape[1] for found in run.run(made, {"input_ids": np.arange(5, 5 + tokens)[None]}))


def of_random_weights(config, **more):
    torch.manual_seed(0)
    return of_wide_weights(transformers.AutoModelForSequenceClassification.from_config(config, attn_implementation="eager", **more).eval())


def of_wide_weights(model):
    with torch.no_grad():  # as wide as a trained one's, so that a wrong graph is seen
        for weights in model.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.2)
    return model


SHAPE = {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "num_labels": 3}
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
KINDS = {
    "bert": (lambda: transformers.BertConfig(**SHAPE, max_position_embeddings=64), 2),
    "roberta": (lambda: transformers.RobertaConfig(**SHAPE, max_position_embeddings=66, pad_token_id=1), 2),
    "distilbert": (lambda: transformers.DistilBertConfig(vocab_size=100, dim=32, n_layers=2, n_heads=4, hidden_dim=64, num_labels=3), 2),
    "rotary, local": (
        lambda: transformers.ModernBertConfig(
            **SHAPE, **TOKENS, max_position_embeddings=64, local_attention=40, global_attn_every_n_layers=2, cls_token_id=1, sep_token_id=2
        ), 1),
    "grouped": (lambda: transformers.EuroBertConfig(**SHAPE, num_key_value_heads=2, **TOKENS), 0),
    "causal": (lambda: transformers.LlamaConfig(**SHAPE, **TOKENS), 0),
    "no interface": (lambda: transformers.DebertaV2Config(**SHAPE, max_position_embeddings=64, relative_attention=False), 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_other_encoders_are_exported_as_they_are(kind):
    """Whatever fits goes into one node, and what does not is left; the numbers are torch's at any length."""
    config, nodes = KINDS[kind]
    model = of_random_weights(config())
    exact = export.of_torch(model)
    ids = [np.arange(5, 5 + n) for n in (3, 17, 18, 18, 18, 40)]
    export.same_as_torch(exact, model, ids)
    assert sum(node.op_type == "MultiHeadAttention" for node in onnx.load_model_from_string(exact).graph.node) == nodes
    assert model.config._attn_implementation == "eager"
    assert export.change_in_batch(export.quantised(exact), ids) <= 1e-4


def test_one_seed_is_one_model(trained, tmp_path):
    labels = rows(200, domains=60, share=0.4)
    weights = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(write(tmp_path / "l.jsonl", labels), tmp_path / name, positive="good", epochs=1, seed=seed, min_agreement=0.0)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


# -- numbers --------------------------------------------------------------------------------------


def test_a_regression_gives_numbers_of_the_labels_kind(numbers):
    folder, labels = numbers
    model = ModelFolder.read(folder)
    assert (model.task, model.labels) == ("regression", [])
    values = np.array([row["label"] for row in labels])
    found = load_scorer(model).stored(texts_of(labels))
    assert np.corrcoef(found, values)[0, 1] > 0.8
    assert abs(found.mean() - values.mean()) < 0.4
    assert np.abs(found - values).mean() < 1.2
    assert set(model.thresholds) == {"precision_0.9", "recall_0.9", "kept_0.1"}
    assert 1 < model.thresholds["recall_0.9"]["*"] < 4


# -- refusals -------------------------------------------------------------------------------------


def test_an_export_that_falls_short_is_refused(tmp_path):
    with pytest.raises(TaskError, match=r"agrees with the one it is of by 0\.\d+ \(Spearman, \d+ texts\), and min_agreement is 1"):
        train(write(tmp_path / "l.jsonl", rows(300, domains=60, numbers=True)), tmp_path / "m", positive_from=3.0, min_agreement=1.0)
    assert not (tmp_path / "m").exists()


def test_a_model_that_has_learnt_nothing_is_refused(tmp_path):
    with pytest.raises(TaskError, match=r"gives all \d+ texts it was not trained on the same score"):
        train(write(tmp_path / "l.jsonl", rows(100, domains=40)), tmp_path / "m", positive="good", epochs=1, rate=1e-9)


def test_one_scale_for_a_batch_is_found_out(numbers, tmp_path):
    """The check sees what ONNX Runtime's own dynamic quantisation does."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folder, labels = numbers
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    (tmp_path / "exact.onnx").write_bytes(export.of_torch(model))
    how = {"op_types_to_quantize": ["MatMul"], "extra_options": {"DefaultTensorType": onnx.TensorProto.FLOAT}}
    quantize_dynamic(tmp_path / "exact.onnx", tmp_path / "dynamic.onnx", weight_type=QuantType.QInt8, **how)
    ids = ids_of(folder, texts_of(labels[:64]))
    assert export.change_in_batch((tmp_path / "dynamic.onnx").read_bytes(), ids) > export.MOST_CHANGE
    assert export.change_in_batch((tmp_path / "exact.onnx").read_bytes(), ids) < 1e-5


def test_an_export_of_other_numbers_is_refused(trained, monkeypatch):
    folder, labels = trained
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    exact, ids = export.of_torch(model), ids_of(folder, texts_of(labels[:8]))
    export.same_as_torch(exact, model, ids)
    with torch.no_grad():
        model.classifier.out_proj.bias += 0.1
    with pytest.raises(RecipeError, match=r"gives numbers that differ by 1\.0e-01 from torch's"):
        export.same_as_torch(exact, model, ids)


def test_the_best_epoch_stays_and_patience_ends_the_training():
    labels = texts_of(rows(120, share=0.4))
    chance = np.random.default_rng(0).integers(0, 2, 120)  # nothing to learn but these rows
    asked = spec.load("roberta", "tiny", {**SMALL, "epochs": 30, "patience": 2}).spec
    made = encoder.train(asked, labels.slice(0, 80), chance[:80], 2, [1, 1], (labels.slice(80), chance[80:]))
    held = [b for _, b in made.losses]
    assert len(held) < 30
    assert made.epoch == 1 + int(np.argmin(held)) == len(held) - 2
    ids = [torch.from_numpy(row[None].astype(np.int64)) for row in encoder.tokens_of(made.tokenizer, labels.slice(80), asked)]
    with torch.no_grad():
        chances = torch.cat([made.model(row).logits for row in ids]).log_softmax(1).numpy()
    assert -chances[np.arange(40), chance[80:]].mean() == pytest.approx(min(held), abs=1e-4) != held[-1]


class Recorded(torch.optim.AdamW):
    """Notes each step: the rate, the length of the gradient, and how each parameter's matrix or vector decays."""

    def step(self, *args, **more):
        length = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(p.grad) for g in self.param_groups for p in g["params"]]))
        decays = {(p.ndim > 1, g["weight_decay"]) for g in self.param_groups for p in g["params"]}
        self.steps.append((self.param_groups[0]["lr"], float(length), decays))
        assert len({g["lr"] for g in self.param_groups}) == 1
        return super().step(*args, **more)


def test_the_rate_rises_and_falls_gradients_are_cut_and_matrices_decay(monkeypatch):
    Recorded.steps = []
    monkeypatch.setattr(torch.optim, "AdamW", Recorded)
    asked = spec.load("roberta", "tiny", {**SMALL, "epochs": 2, "batch": 8, "warmup": 0.2, "weight_decay": 0.3, "rate": 0.05}).spec
    labels = rows(80, share=0.4)
    classes = np.array([row["label"] == "good" for row in labels], np.int64)
    encoder.train(asked, texts_of(labels), classes, 2, [30, 30], (texts_of(labels[:8]), classes[:8]))
    rates, lengths, decays = zip(*Recorded.steps, strict=True)
    assert rates == pytest.approx([0.05 * r for r in (0.25, 0.5, 0.75, 1, *((20 - n) / 16 for n in range(4, 20)))])
    assert max(lengths) == pytest.approx(1.0, abs=1e-4), "some gradients are longer"
    assert {frozenset(d) for d in decays} == {frozenset({(True, 0.3), (False, 0.0)})}


def test_losses_are_of_each_row_alone_and_weighed_by_class():
    asked = spec.load("roberta", "tiny", SMALL).spec
    labels = rows(12, share=0.4)
    model, tokenizer = encoder.load(asked, 2, (row["text"] for row in labels))
    texts = pa.array([row["text"][: 10 + 30 * i] for i, row in enumerate(labels)], pa.large_string())
    ids, classes = encoder.tokens_of(tokenizer, texts, asked), np.arange(12) % 2
    assert len({len(row) for row in ids}) > 6
    loop = encoder._Loop(torch, of_wide_weights(model.eval()), "cpu", asked, np.array([1, 5], np.float32))
    with torch.no_grad():
        alone = [loop.losses(ids, classes, [i]) for i in range(12)]
        whole = loop.losses(ids, classes, np.arange(12))
    assert [float(w) for _, w in alone] == [1, 5] * 6
    assert float(whole[0]) == pytest.approx(sum(float(loss) for loss, _ in alone), rel=1e-4)
    logits = [model(torch.from_numpy(row[None].astype(np.int64))).logits.detach() for row in ids]
    each = [float(torch.nn.functional.cross_entropy(x, torch.tensor([c]))) for x, c in zip(logits, classes.tolist(), strict=True)]
    assert float(whole[0]) == pytest.approx(sum(x * (1 + 4 * c) for x, c in zip(each, classes.tolist(), strict=True)), rel=1e-4)
    assert loop.mean_loss(ids, classes) == pytest.approx(float(whole[0]) / 36, rel=1e-4)


def test_the_head_is_drawn_by_the_seed_and_gives_numbers_in_the_labels_units():
    drawn = []
    for seed in (0, 0, 1):
        model, _ = encoder.load(spec.load("roberta", "tiny", {**SMALL, "seed": seed}).spec, 1, iter(["a few words"]))
        drawn.append(model.classifier.out_proj.weight.detach().clone())
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    ids = torch.arange(5, 45).reshape(4, 10)
    with torch.no_grad():
        before = of_wide_weights(model.eval())(ids).logits
        encoder._fold(torch, model, 3.0, 2.0)
        assert torch.allclose(model(ids).logits, 2 * before + 3, atol=1e-4)
    assert before.std() > 0.01


def test_batches_are_of_like_lengths_in_an_order_of_their_own():
    ids = [np.zeros(n) for n in np.random.default_rng(0).integers(1, 500, 1_000)]
    of_epochs = [list(encoder.batches(ids, 10, np.random.default_rng(seed))) for seed in (1, 1, 2)]
    for found in of_epochs:
        assert sorted(np.concatenate(found).tolist()) == list(range(1_000))
    spread = [np.ptp([len(ids[row]) for row in batch]) for batch in of_epochs[0]]
    assert np.mean(spread) < 50
    means = [np.mean([len(ids[row]) for row in batch]) for batch in of_epochs[0]]
    assert abs(np.corrcoef(np.arange(50), means[:50])[0, 1]) < 0.5, "not the short ones first"
    assert [b.tolist() for b in of_epochs[0]] == [b.tolist() for b in of_epochs[1]] != [b.tolist() for b in of_epochs[2]]


def test_a_rate_that_is_too_high_is_an_error(tmp_path):
    with pytest.raises(TaskError, match=r"loss is no finite number: lower the learning rate \(1e\+20\)"):
        train(write(tmp_path / "l.jsonl", rows(200, domains=60)), tmp_path / "m", positive="good", rate=1e20, warmup=0.0)
    assert not (tmp_path / "m").exists()


def based_on(folder, tmp_path, **sets):
    """Train on the model of a folder, for no epoch worth the name."""
    sets |= {"positive": "good", "model": str(folder), "epochs": 1, "min_agreement": 0.0}
    train(write(tmp_path / "l.jsonl", rows(200, domains=60)), tmp_path / "m", **sets)


def copied(folder, tmp_path, *names):
    """A folder with some of a model's files."""
    target = tmp_path / "base"
    target.mkdir()
    for name in names:
        (target / name).write_bytes((folder / name).read_bytes())
    return target


ALL = ("config.json", "model.safetensors", "tokenizer.json")


def test_a_text_that_spells_special_tokens_is_learnt_as_its_characters(trained):
    for ids in ids_of(trained[0], pa.array(["<s> a <mask><pad>", "</s>"], pa.large_string())):
        assert min(ids[1:-1]) >= len(encoder.SPECIAL)


def test_weights_that_a_folder_lacks_are_not_drawn_at_random(trained, tmp_path):
    folder = copied(trained[0], tmp_path, "tokenizer.json", "model.safetensors")
    config = json.loads((trained[0] / "config.json").read_text())
    for changed in ({"num_hidden_layers": 2}, {"intermediate_size": 64}):
        (folder / "config.json").write_text(json.dumps({**config, **changed}))
        with pytest.raises(RecipeError, match=r"lacks \d+ weights of its config\.json, or has them in another size: roberta"):
            based_on(folder, tmp_path)


def test_a_folder_is_trained_further(trained, tmp_path):
    base = copied(trained[0], tmp_path, *ALL)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModelForSequenceClassification": "own.M"}}))
    based_on(base, tmp_path)
    assert "auto_map" not in (tmp_path / "m" / "config.json").read_text()
    model = ModelFolder.read(tmp_path / "m")
    assert model.trained["test"]["good"]["auc"] > 0.9  # it has seen such texts before
    assert model.trained["spec"]["model"].endswith("base")


def test_a_pickle_is_not_opened(trained, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "opened"), "w"))

    base = copied(trained[0], tmp_path, "config.json", "tokenizer.json")
    (base / "pytorch_model.bin").write_bytes(pickle.dumps({"weights": Bomb()}))
    with pytest.raises(RecipeError, match=r"base cannot be loaded: .*\n  a folder needs config.json, model.safetensors \(no pickle\)"):
        based_on(base, tmp_path)
    assert not (tmp_path / "opened").exists()


def test_code_of_a_model_is_not_run(trained, tmp_path):
    base = copied(trained[0], tmp_path, *ALL)
    config = json.loads((base / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.C", "AutoModelForSequenceClassification": "own.M"}}
    (base / "config.json").write_text(json.dumps(config))
    (base / "own.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    with pytest.raises(RecipeError, match="base cannot be loaded"):
        based_on(base, tmp_path)
    assert not (tmp_path / "run").exists()


def test_a_tokenizer_of_another_model_is_refused(trained, tmp_path):
    base = copied(trained[0], tmp_path, *ALL)
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] |= {f"more{i}": 10_000 + i for i in range(3)}
    (base / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(RecipeError, match=r"the tokenizer of .*base has a token 10,002, and the model knows"):
        based_on(base, tmp_path)


def test_windows_longer_than_the_model_has_positions_for_are_refused(trained, tmp_path):
    with pytest.raises(RecipeError, match=r"max_tokens: 65, and .*base has positions for 64"):
        based_on(copied(trained[0], tmp_path, *ALL), tmp_path, max_tokens=65)


def test_a_file_that_is_no_model_is_refused(trained, tmp_path):
    base = copied(trained[0], tmp_path, *ALL)
    (base / "model.safetensors").write_bytes(b"not a model")
    with pytest.raises(RecipeError, match="base cannot be loaded"):
        based_on(base, tmp_path)


@pytest.mark.parametrize(
    ("model", "said"),
    [("somebody/some-model", "somebody/some-model cannot be loaded: .*\n .*a hub id needs the network"), ("./none", "none is no folder")],
)  # fmt: skip
def test_a_model_that_cannot_be_had(tmp_path, monkeypatch, model, said):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RecipeError, match=said):
        based_on(model, tmp_path)
