"""Encoders in ONNX form, run by ONNX Runtime on one thread of the CPU.

A model whose activations are quantised by the range of the whole batch (*dynamic* int8) gives a text another score beside other texts.
That is found out when it is loaded, and its windows then run one by one, so that a score depends on its text alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

from stages.quality.models.encoder import Encoder
from stages.quality.models.model_folder import ONNX, ModelFolder

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
SAME = 1e-5
"""Logits of a window that differ by more, alone and beside others, are another result and not another order of sums (ours)."""
TOKENS_AT_ONCE = 512
"""Enough for the matrix products, little enough for the cache (measured)."""


class OnnxEncoder(Encoder):
    """An encoder in ONNX form; see `Scorer`."""

    def __init__(self, folder: ModelFolder) -> None:
        super().__init__(folder)
        path = folder.file(ONNX)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a worker has one core
        options.use_deterministic_compute = True
        options.log_severity_level = 4
        try:  # from bytes: what lies beside the file, unchecked, is not read
            self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        except Exception as e:
            raise ValueError(f"{path} is no ONNX model: {e}") from e
        self._inputs = {value.name: np.int32 if value.type == "tensor(int32)" else np.int64 for value in self._session.get_inputs()}
        if unknown := set(self._inputs) - set(INPUTS):
            raise ValueError(f"{path} wants {', '.join(sorted(unknown))}; inputs are {', '.join(INPUTS)}")
        if "input_ids" not in self._inputs:
            raise ValueError(f"{path} reads no input_ids")
        self._output = self._session.get_outputs()[0].name
        self.tokens_at_once = TOKENS_AT_ONCE
        self.check()
        if self._sees_others():
            self.tokens_at_once = 1

    def logits(self, ids: Any, mask: Any) -> Any:
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return self._session.run([self._output], {name: given[name].astype(kind, copy=False) for name, kind in self._inputs.items()})[0]

    def _sees_others(self) -> bool:
        """Whether windows run together have other outputs than each alone."""
        length = min(self._room, 32) + len(self._before) + len(self._behind)
        ids = np.random.default_rng(0).integers(0, self.tokens, (8, length))
        mask = np.ones_like(ids)
        together = self.logits(ids, mask)
        alone = np.concatenate([self.logits(ids[k : k + 1], mask[k : k + 1]) for k in range(len(ids))])
        return not np.allclose(together, alone, rtol=0, atol=SAME, equal_nan=True)
