"""Encoders as safetensors, run by transformers: on a GPU, in float32. No code of a model's author is run.

Windows are padded to the next multiple of 64 tokens, whatever they run with, so that there are few shapes and none depends on other texts.
"""

from __future__ import annotations

from typing import Any

from curation.errors import TaskError
from stages.quality.models.encoder import Encoder
from stages.quality.models.model_folder import CONFIG, SAFETENSORS, ModelFolder

TOKENS_AT_ONCE = 1 << 16


class TorchEncoder(Encoder):
    """An encoder run by torch; see `Scorer`. device: one of torch's."""

    rounded_to = 64

    def __init__(self, folder: ModelFolder, device: str = "cuda") -> None:
        super().__init__(folder)
        import torch
        import transformers

        logging: Any = transformers.logging
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        if device == "cuda" and not torch.cuda.is_available():
            raise TaskError("device: cuda, and torch finds no GPU here; with the executor ray give the step resources: {gpus: 1}")
        self._torch = torch
        self.tokens_at_once = TOKENS_AT_ONCE
        try:
            self._model, found = transformers.AutoModelForSequenceClassification.from_pretrained(
                str(folder.path), local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=torch.float32,
                output_loading_info=True,
            )  # fmt: skip
        except Exception as e:
            raise ValueError(f"{folder.file(CONFIG)} and the weights beside it are no model transformers has: {e}") from e
        if lacking := sorted(found["missing_keys"]):  # transformers would draw them at random
            raise ValueError(f"{folder.file(SAFETENSORS)} lacks {len(lacking)} weights of the model, {lacking[0]} first")
        positions = getattr(self._model.config, "max_position_embeddings", None)
        if positions is not None and positions < (folder.input.max_tokens or 0):
            raise ValueError(f"{folder.file(CONFIG)} has {positions} positions, and input.max_tokens is {folder.input.max_tokens}")
        self._model.eval()
        self._device = "cpu"
        self.check()  # before it goes to a GPU, which a token out of bounds leaves unusable for the whole process
        self._model.to(device)
        self._device = device

    def logits(self, ids: Any, mask: Any) -> Any:
        torch = self._torch
        longest = self._room + len(self._before) + len(self._behind)
        ids, mask = ids[:, :longest], mask[:, :longest]  # rounded up, but not beyond what the model has positions for
        with torch.inference_mode():
            given = {"input_ids": torch.from_numpy(ids).to(self._device), "attention_mask": torch.from_numpy(mask).to(self._device)}
            return self._model(**given).logits.float().cpu().numpy()
