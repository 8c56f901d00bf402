"""Embed documents with a transformer in ONNX form.

Source:  mean of the last layer over tokens, at length 1, as Sentence-BERT does (Reimers and Gurevych 2019, section 3).
Units:   embedding = float32 numbers of Euclidean length 1; null, and counted, for a text without tokens and where the model gives zeros
             or numbers that are not finite.
Params:  model -- a folder with model.onnx (its weights may lie beside it) and tokenizer.json. The model's inputs are among input_ids,
             attention_mask and token_type_ids; its first output is (1, tokens, d), or (1, d), which is taken as the document's.
         max_tokens -- of a document, special ones included; what follows is not read (512: what BERT and its kind have positions for),
             nor what follows CHARS_PER_TOKEN characters for each of them.
         prefix -- put before each text; some models were trained to want one ("passage: ").
Drops:   none.
Errors:  ValueError before the run if the folder holds no such model, or max_tokens leaves no room beside special ones.

Documents go through the model one by one: none is padded to the length of another, so that its embedding does not depend on its
neighbours. On another kind of processor a number may differ by some 1e-6.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
import pyarrow as pa
from pydantic import Field
from tokenizers import Tokenizer

from curation.stage import AssetMark, Batch, Columns, StageParams, stage

CHARS_PER_TOKEN = 32
"""Characters of a text that are tokenised for each token that is wanted (ours)."""
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
NO_TOKENS = "text without tokens"
NO_DIRECTION = "embedding of zeros or not finite"


@cache
def load_model(folder: str) -> tuple[Any, Any, tuple[tuple[str, Any], ...]]:
    """A session, a tokenizer, and the model's inputs with their number types.

    Raises: ValueError if the folder does not hold both, or a model of other inputs or outputs.
    """
    try:
        tokenizer = Tokenizer.from_file(str(Path(folder, "tokenizer.json")))
    except Exception as e:
        raise ValueError(f"{folder} holds no tokenizer.json file: {e}") from e
    tokenizer.no_padding()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # a worker has one core
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(Path(folder, "model.onnx")), options, providers=["CPUExecutionProvider"])
    except Exception as e:
        raise ValueError(f"{folder} holds no model.onnx file: {e}") from e
    inputs = tuple((value.name, np.int32 if value.type == "tensor(int32)" else np.int64) for value in session.get_inputs())
    if unknown := {name for name, _ in inputs} - set(INPUTS):
        raise ValueError(f"the model in {folder} wants {', '.join(sorted(unknown))}; inputs are {', '.join(INPUTS)}")
    output = session.get_outputs()[0]
    if len(output.shape or ()) not in (2, 3):
        raise ValueError(f"the first output of the model in {folder}, {output.name}, is neither (1, tokens, d) nor (1, d)")
    return session, tokenizer, inputs


class Params(StageParams):
    """Parameters of embed; see the file's docstring."""

    model: Annotated[str, AssetMark(lambda path: load_model(str(path)), folder=True)] = Field(examples=["models/minilm"])
    max_tokens: int = Field(512, ge=1)
    prefix: str = ""


def check(params: Params, schema: pa.Schema) -> None:
    """Refuse a number of tokens that special ones fill.

    Raises: ValueError.
    """
    special = load_model(params.model)[1].num_special_tokens_to_add(False)
    if params.max_tokens <= special:
        raise ValueError(f"max_tokens: {params.max_tokens} leaves no room for text, the tokenizer adds {special} of its own")


@stage(
    reads=["text"],
    writes={"embedding": pa.field("embedding", pa.list_(pa.float32()), nullable=True)},
    costly=True,
    check=check,
)
def embed(batch: Batch, params: Params) -> Columns:
    """Return embedding (list<float32>), one value per document."""
    session, tokenizer, inputs = load_model(params.model)
    tokenizer.enable_truncation(params.max_tokens)
    embeddings: list[Any] = []
    for _, text in batch.documents("text"):
        tokens = tokenizer.encode(params.prefix + text[: CHARS_PER_TOKEN * params.max_tokens]) if text and not text.isspace() else None
        if tokens is None or all(tokens.special_tokens_mask):
            batch.count(NO_TOKENS, 1)
            embeddings.append(None)
            continue
        given = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask, "token_type_ids": tokens.type_ids}
        output = session.run(None, {name: np.array([given[name]], kind) for name, kind in inputs})[0][0].astype(np.float64)
        vector = output.mean(axis=0) if output.ndim == 2 else output
        length = np.sqrt((vector * vector).sum())
        good = np.isfinite(length) and length > 0
        batch.count(NO_DIRECTION, not good)
        embeddings.append((vector / length).astype(np.float32) if good else None)
    return {"embedding": pa.array(embeddings, pa.list_(pa.float32()))}
