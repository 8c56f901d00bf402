"""Write an encoder as ONNX whose matrix products are of 8-bit integers, and hold it against the model it is of.

Source:  LLM.int8 (Dettmers et al. 2022, section 2.1): a scale for each token of the activations and each column of the weights, symmetric;
         outliers have no path of their own here. Tables of embeddings have a scale a row (ours).
Units:   scores of classes are probabilities; Spearman's correlation of scores as they are stored, to 1e-3: what lies closer is one score.
Errors:  RecipeError if the model cannot be exported or the export is another model; TaskError if the export falls short of what is asked.

A score must not depend on what else is in the batch. ONNX Runtime's own dynamic quantisation has one scale for a whole batch. Here a
token's scale comes from that token alone, so no calibration texts are needed either. The head and attention's products of activations stay
in 32-bit floats. The model has no attention_mask: it reads rows of one length, as the stages run them.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from classifiers.metrics import DIGITS, spearman
from classifiers.train import graph
from classifiers.train.encoder import Trained, libraries, tokens_of
from classifiers.train.spec import Encoder
from curation.errors import RecipeError, TaskError

OPSET = 17
MICROSOFT = "com.microsoft"
"""Domain of ONNX Runtime's own operators."""
SAME = 1e-3
"""Largest difference of an output, before quantisation, from torch's (ours); it is some 1e-6."""
BATCH, MOST_CHANGE = 64, 1e-4
"""Rows of the batch that is held against rows alone, and how much a score may differ."""
ROWS = 2_000
"""Rows the export is judged on at most (ours)."""
INPUT = "input_ids"
ONE_NODE = "one_node"
"""Name of the attention that is exported, among transformers' own."""


def export(trained: Trained, spec: Encoder, folder: Path, texts: pa.Array) -> dict[str, Any]:
    """Write model.onnx.

    Args:
        texts: that the model was not trained on, in any order; the first ROWS are used.
    Returns: {"quantise", "rows", "spearman": the least of any output, "change_in_batch": the most}.
    Raises: TaskError if the agreement is below `min_agreement` or a score depends on its batch.
    """
    exact = of_torch(trained.model)
    ids = tokens_of(trained.tokenizer, texts.slice(0, ROWS), spec)
    same_as_torch(exact, trained.model, ids)
    model = quantised(exact) if spec.quantise == "int8" else exact
    (folder / "model.onnx").write_bytes(model)
    before, after = (np.round(scores(session(m), ids, spec.batch), DIGITS) for m in (exact, model))
    if min(np.ptp(found, axis=0).min() for found in (before, after)) == 0:
        raise TaskError(f"the model gives all {len(ids)} texts it was not trained on the same score: it has learnt nothing")
    agreement = 1.0 if model is exact else min(spearman(a, b) for a, b in zip(before.T, after.T, strict=True))
    change = change_in_batch(model, ids)
    if not agreement >= spec.min_agreement:  # so NaN is refused
        raise TaskError(
            f"the quantised model agrees with the one it is of by {agreement:.4f} (Spearman, {len(ids)} texts), and min_agreement is "
            f"{spec.min_agreement:g}: set quantise to none, or train a model that tells more apart"
        )  # fmt: skip
    if not change <= MOST_CHANGE:
        raise TaskError(f"a score of the exported model differs by {change:.1e} with what else is in its batch; {MOST_CHANGE:g} is allowed")
    return {"quantise": spec.quantise, "rows": len(ids), "spearman": round(agreement, 5), "change_in_batch": float(f"{change:.1e}")}


def of_torch(model: Any) -> bytes:
    """The model as ONNX, from tokens to logits, of any number of rows of one length, whichever.

    Raises: RecipeError if torch cannot write it.
    """
    torch, _ = libraries()

    class Logits(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any) -> Any:
            return self.model(input_ids=input_ids).logits

    tokens = torch.arange(34).reshape(2, 17) % (model.config.vocab_size - 5) + 5
    written, before = io.BytesIO(), model.config._attn_implementation
    _know_one_node(torch)
    try:
        model.set_attn_implementation(ONE_NODE)  # models that cannot have another keep theirs
        with warnings.catch_warnings():  # that the trace holds for other shapes is what same_as_torch looks at
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Logits().eval(), (tokens,), written, input_names=[INPUT], output_names=["logits"],
                dynamic_axes={INPUT: {0: "rows", 1: "tokens"}, "logits": {0: "rows"}}, opset_version=OPSET, dynamo=False,
            )  # fmt: skip
    except Exception as e:
        raise RecipeError(f"model: torch cannot write {type(model).__name__} as ONNX: {str(e).strip().splitlines()[0]}") from e
    finally:
        model.set_attn_implementation(before)
    return graph.cut(written.getvalue())


def _know_one_node(torch: Any) -> None:
    """Tell transformers of an attention that is one node in ONNX; where it is masked or grouped, it is the model's own."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    class Node(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(_: Any, query: Any, key: Any, value: Any, heads: int, scale: float) -> Any:
            parts = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key, value))
            return torch.nn.functional.scaled_dot_product_attention(*parts, scale=scale).transpose(1, 2).flatten(2)

        @staticmethod
        def symbolic(g: Any, query: Any, key: Any, value: Any, heads: int, scale: float) -> Any:
            made = g.op(f"{MICROSOFT}::{graph.ATTENTION}", query, key, value, num_heads_i=heads, scale_f=scale)
            return made.setType(query.type())

    def attention(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **more: Any) -> tuple[Any, None]:
        heads, size = int(query.shape[1]), int(query.shape[3])
        if attention_mask is not None or int(key.shape[1]) != heads:
            own = sys.modules[type(module).__module__].eager_attention_forward
            return own(module, query, key, value, attention_mask, **more)[0], None
        flat = (x.transpose(1, 2).flatten(2) for x in (query, key, value))
        return Node.apply(*flat, heads, float(more.get("scaling") or size**-0.5)).unflatten(2, (heads, -1)), None

    def mask(*args: Any, allow_is_bidirectional_skip: bool = False, **more: Any) -> Any:
        if allow_is_bidirectional_skip and more.get("local_size") is None:
            return None  # local attention has a mask even where the text that is traced is shorter
        return eager_mask(*args, **more)

    AttentionInterface.register(ONE_NODE, attention)
    AttentionMaskInterface.register(ONE_NODE, mask)


def session(model: bytes) -> Any:
    """A session with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def logits(run: Any, rows: list[Any]) -> Any:
    """Outputs of rows of one length, as one batch: float64 (rows, outputs)."""
    return np.asarray(run.run(None, {INPUT: np.array(rows, np.int64)})[0], np.float64)


def probabilities(found: Any) -> Any:
    """Softmax of logits; of one output, the output."""
    if found.shape[1] == 1:
        return found
    raised = np.exp(found - found.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def alike(ids: list[Any], size: int) -> Iterator[Any]:
    """Which rows go together: int64 (rows,), of one length."""
    lengths = np.array([len(row) for row in ids])
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        yield from (rows[at : at + size] for at in range(0, len(rows), size))


def scores(run: Any, ids: list[Any], size: int) -> Any:
    """Scores of all rows: float64 (rows, outputs)."""
    found = [(rows, probabilities(logits(run, [ids[row] for row in rows]))) for rows in alike(ids, size)]
    out = np.empty((len(ids), found[0][1].shape[1]))
    for rows, values in found:
        out[rows] = values
    return out


def same_as_torch(exported: bytes, model: Any, ids: list[Any]) -> None:
    """Refuse an export that gives other numbers, at other shapes than it was traced at.

    Raises: RecipeError.
    """
    torch, _ = libraries()
    run = session(exported)
    by_length = sorted(ids, key=len)
    middle = len(by_length[len(ids) // 2])
    for rows in (by_length[:1], by_length[-1:], [row[:middle] for row in by_length[len(ids) // 2 :][:3]]):
        with torch.no_grad():
            wanted = model(input_ids=torch.from_numpy(np.array(rows, np.int64))).logits.double().numpy()
        difference = float(np.abs(logits(run, rows) - wanted).max())
        if not difference <= SAME * max(1.0, float(np.abs(wanted).max())):
            raise RecipeError(f"model: as ONNX, {type(model).__name__} gives numbers that differ by {difference:.1e} from torch's")


def change_in_batch(model: bytes, ids: list[Any]) -> float:
    """Largest difference between scores of rows alone and of the same rows shuffled into one batch; they are cut to one length."""
    run, length = session(model), int(np.median([len(row) for row in ids]))
    rows = [row[:length] for row in ids if len(row) >= length]
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:BATCH]]
    together = probabilities(logits(run, rows))
    alone = np.concatenate([probabilities(logits(run, [row])) for row in rows])
    return float(np.abs(together - alone).max())


def quantised(exact: bytes) -> bytes:
    """The model with matrix products of 8-bit integers and 8-bit tables; what it computes is in the head of this file."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_model_from_string(exact)
    graph = model.graph
    tables = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 2}
    nodes: list[Any] = []
    levels: dict[str, tuple[str, str]] = {}

    def constant(name: str, value: Any) -> str:
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    top, least, one = constant("q/127", np.float32(127)), constant("q/least", np.float32(1e-20)), constant("q/1", np.float32(1))
    zero, flat = constant("q/128", np.uint8(128)), constant("q/flat", np.array([-1]))
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in tables:
            x, name, out = node.input[0], f"q/{len(nodes)}", node.output[0]
            weights, scale = _rounded(numpy_helper.to_array(tables[node.input[1]]), axis=0)
            if x not in levels:  # 8-bit levels of each token, and its scale
                high = add("ReduceMax", [x], f"{name}/high", axes=[-1], keepdims=0)
                low = add("Neg", [add("ReduceMin", [x], f"{name}/low", axes=[-1], keepdims=0)], f"{name}/depth")
                size = add("Div", [add("Max", [high, low, least], f"{name}/size"), top], f"{name}/scale")
                one_each = add("Reshape", [size, flat], f"{name}/scales")
                zeros = add(
                    "ConstantOfShape", [add("Shape", [one_each], f"{name}/tokens")], f"{name}/zeros",
                    value=helper.make_tensor("value", TensorProto.UINT8, [1], [128]),
                )  # fmt: skip
                rows = add("Reshape", [x, constant(f"{name}/width", np.array([-1, len(weights)]))], f"{name}/rows")
                eight = add("QuantizeLinear", [rows, one_each, zeros], f"{name}/levels", axis=0)
                back = add("Reshape", [eight, add("Shape", [x], f"{name}/shape")], f"{name}/x")
                levels[x] = back, add("Unsqueeze", [size, flat], f"{name}/each")
            eight, each = levels[x]
            columns = [constant(f"{name}/w", weights), one, constant(f"{name}/columns", scale), zero]
            product = add("MatMulIntegerToFloat", [eight, *columns], f"{name}/product", domain=MICROSOFT)
            add("Mul", [product, each], out)
        elif node.op_type == "Gather" and node.input[0] in tables and not any(a.name == "axis" and a.i for a in node.attribute):
            name, place, out = f"q/{len(nodes)}", node.input[1], node.output[0]
            table, scale = _rounded(numpy_helper.to_array(tables[node.input[0]]), axis=1)
            eight = add("Gather", [constant(f"{name}/table", table), place], f"{name}/levels")
            rows = add("Cast", [eight], f"{name}/x", to=TensorProto.FLOAT)
            add("Mul", [rows, add("Gather", [constant(f"{name}/rows", scale[:, None]), place], f"{name}/scale")], out)
        else:
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    kept = [t for t in graph.initializer if t.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    if all(of.domain != MICROSOFT for of in model.opset_import):
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    written: bytes = model.SerializeToString()
    return written


def _rounded(weights: Any, axis: int) -> tuple[Any, Any]:
    """(int8 levels, float32 scales): of each column (axis 0) or row (axis 1)."""
    scale = np.abs(weights).max(axis=axis, keepdims=True) / 127
    scale[scale == 0] = 1
    return np.rint(weights / scale).astype(np.int8), scale.ravel().astype(np.float32)
