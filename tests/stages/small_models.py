"""Model folders made up for tests: fastText, an encoder that counts words, and a RoBERTa of two layers, as ONNX and as safetensors."""

import json

import fasttext_files
import numpy as np

from stages.quality.models.model_folder import CONFIG, ONNX, SAFETENSORS, TOKENIZER, ModelFolder

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "the", "a", "river", "garden", "mill", "stone", "water", "book", "summer", "people", "village"]
D, HEADS, LAYERS, POSITIONS = 16, 2, 2, 12


def facts(kind="encoder", max_tokens=POSITIONS, windows=1, pool="first", max_chars=10_000, **changed):
    limits = {"max_tokens": max_tokens if kind == "encoder" else None, "windows": windows, "pool": pool, "max_chars": max_chars}
    return {
        "kind": kind, "name": "made up", "proxy": False, "task": "classes", "labels": ["other", "good"], "positive": "good",
        "input": limits, "calibration": {"x": [0.0, 0.4, 1.0], "y": [0.0, 0.5, 1.0]},
        "thresholds": {"half": {"*": 0.5, "de": 0.3}, "even": {"*": 0.5}}, **changed,
    }  # fmt: skip


def fasttext(folder, labels=("other", "good"), changed=None, **model):
    """A fastText model of random rows."""
    content = fasttext_files.model_bytes(labels=[f"__label__{name}" for name in labels], **model)
    name = "model.ftz" if model.get("quantised") else "model.bin"
    return ModelFolder.write(folder, files={name: content}, card="", **facts("fasttext", **{"labels": list(labels), **(changed or {})}))


def tokenizer(words=WORDS):
    """Bytes of a tokenizer.json: a token for each word, <s> before and </s> behind."""
    import tokenizers

    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    made.normalizer = tokenizers.normalizers.Replace("~", "")
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    made.add_special_tokens(["<s>", "</s>"])
    made.enable_padding(length=POSITIONS)  # as in many a file; none is wanted
    return made.to_str().encode()


class Graph:
    """An ONNX graph that grows node by node."""

    def __init__(self):
        self.nodes, self.constants = [], {}

    def constant(self, value, kind=None):
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, kind)
        return name

    def node(self, operator, *inputs, **attributes):
        import onnx

        name = f"{operator}{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def bytes(self, output, inputs=("input_ids", "attention_mask")):
        import onnx

        h, tensor = onnx.helper, onnx.TensorProto
        self.nodes.append(h.make_node("Identity", [output], ["logits"]))
        given = [h.make_tensor_value_info(name, tensor.INT64, ["rows", "tokens"]) for name in inputs]
        held = [onnx.numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = h.make_graph(self.nodes, "small", given, [h.make_tensor_value_info("logits", tensor.FLOAT, None)], held)
        return h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=9).SerializeToString()


def counter_onnx(outputs=2, rows=None, seed=3):
    """A model whose logits are the mean of its tokens' rows, in numbers whose sums are exact on any machine."""
    graph = Graph()
    table = np.random.default_rng(seed).integers(-32, 33, (rows or len(WORDS), outputs)).astype(np.float32) / 8
    tokens = graph.node("Gather", graph.constant(table), "input_ids")
    return graph.bytes(graph.node("ReduceMean", tokens, graph.constant([1], np.int64), keepdims=0), ("input_ids",))


def counter(folder, outputs=2, files=None, seed=3, **changed):
    """A folder of that model."""
    files = {ONNX: counter_onnx(outputs, seed=seed), TOKENIZER: tokenizer(), **(files or {})}
    return ModelFolder.write(folder, files=files, card="", **facts(**changed))


def roberta_weights(outputs=2, scale=0.5):
    rng = np.random.default_rng(0)
    shapes = {"embeddings.word_embeddings.weight": (len(WORDS), D), "embeddings.position_embeddings.weight": (POSITIONS + 2, D),
              "embeddings.token_type_embeddings.weight": (1, D)}  # fmt: skip
    dense = {f"{p}.{n}": (D, D) for p in ("attention.self", "attention.output") for n in ("query", "key", "value", "dense") if
             (n == "dense") == (p == "attention.output")} | {"intermediate.dense": (4 * D, D), "output.dense": (D, 4 * D)}  # fmt: skip
    names = {f"roberta.encoder.layer.{k}.{n}": s for k in range(LAYERS) for n, s in dense.items()}
    names |= {"classifier.dense": (D, D), "classifier.out_proj": (outputs, D)}
    norms = [
        "roberta.embeddings.LayerNorm",
        *(f"roberta.encoder.layer.{k}.{p}.LayerNorm" for k in range(LAYERS) for p in ("attention.output", "output")),
    ]
    drawn = {f"roberta.{n}": rng.normal(size=s) for n, s in shapes.items()}
    drawn |= {f"{n}.weight": rng.normal(size=s) * scale for n, s in names.items()} | {
        f"{n}.bias": rng.normal(size=s[0]) for n, s in names.items()
    }
    drawn |= {f"{n}.weight": 1 + 0.1 * rng.normal(size=D) for n in norms} | {f"{n}.bias": 0.1 * rng.normal(size=D) for n in norms}
    return {n: v.astype(np.float32) for n, v in drawn.items()}


def roberta_onnx(w):
    """The graph of transformers' RobertaForSequenceClassification, for windows that may be padded behind."""
    g = Graph()

    def dense(x, name):
        return g.node("Add", g.node("MatMul", x, g.constant(w[f"{name}.weight"].T.copy())), g.constant(w[f"{name}.bias"]))

    def norm(x, name):
        return g.node("LayerNormalization", x, g.constant(w[f"{name}.weight"]), g.constant(w[f"{name}.bias"]), epsilon=1e-5)

    def heads(x):
        return g.node("Transpose", g.node("Reshape", x, g.constant([0, 0, HEADS, D // HEADS], np.int64)), perm=[0, 2, 1, 3])

    e = "roberta.embeddings."
    end = g.node("Add", g.node("Shape", "input_ids", start=1, end=2), g.constant([2], np.int64))
    places = g.node("Slice", g.constant(w[e + "position_embeddings.weight"]), g.constant([2], np.int64), end)
    tokens = g.node("Gather", g.constant(w[e + "word_embeddings.weight"] + w[e + "token_type_embeddings.weight"]), "input_ids")
    x = norm(g.node("Add", tokens, places), e + "LayerNorm")
    hidden = g.node("Sub", g.constant(1.0, np.float32), g.node("Cast", "attention_mask", to=1))
    hidden = g.node("Mul", g.node("Unsqueeze", hidden, g.constant([1, 2], np.int64)), g.constant(-1e9, np.float32))
    for k in range(LAYERS):
        p = f"roberta.encoder.layer.{k}."
        query, key, value = (heads(dense(x, f"{p}attention.self.{n}")) for n in ("query", "key", "value"))
        likeness = g.node("MatMul", query, g.node("Transpose", key, perm=[0, 1, 3, 2]))
        likeness = g.node("Add", g.node("Mul", likeness, g.constant((D // HEADS) ** -0.5, np.float32)), hidden)
        mixed = g.node("Transpose", g.node("MatMul", g.node("Softmax", likeness, axis=-1), value), perm=[0, 2, 1, 3])
        mixed = dense(g.node("Reshape", mixed, g.constant([0, 0, D], np.int64)), p + "attention.output.dense")
        x = norm(g.node("Add", x, mixed), p + "attention.output.LayerNorm")
        wide = dense(x, p + "intermediate.dense")
        bent = g.node("Add", g.node("Erf", g.node("Mul", wide, g.constant(2**-0.5, np.float32))), g.constant(1, np.float32))
        wide = g.node("Mul", g.node("Mul", wide, bent), g.constant(0.5, np.float32))
        x = norm(g.node("Add", x, dense(wide, p + "output.dense")), p + "output.LayerNorm")
    first = g.node("Gather", x, g.constant(0, np.int64), axis=1)
    return g.bytes(dense(g.node("Tanh", dense(first, "classifier.dense")), "classifier.out_proj"))


def roberta(folder, outputs=2, files=None, **changed):
    """A folder with both forms of the model."""
    import safetensors.numpy

    config = {
        "model_type": "roberta", "architectures": ["RobertaForSequenceClassification"], "vocab_size": len(WORDS), "hidden_size": D,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": 4 * D, "max_position_embeddings": POSITIONS + 2,
        "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "layer_norm_eps": 1e-5, "hidden_act": "gelu",
        "id2label": {str(k): str(k) for k in range(outputs)}, "label2id": {str(k): k for k in range(outputs)},
    }  # fmt: skip
    weights = roberta_weights(outputs)
    files = {
        ONNX: roberta_onnx(weights), TOKENIZER: tokenizer(), CONFIG: json.dumps(config).encode(),
        SAFETENSORS: safetensors.numpy.save(weights, {"format": "pt"}), **(files or {}),
    }  # fmt: skip
    return ModelFolder.write(folder, files=files, card="", **facts(**changed))
