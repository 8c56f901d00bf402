"""fastText classifiers of a model folder, run by the kernels of stages/language/fasttext_model.py.

A text is read as one line: its line ends are blanks. As the library does, it ends at a token `</s>`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from curation.text import Utf8
from stages.language.fasttext_model import cut_chars, is_blank, read_model
from stages.quality.models.base import Scorer
from stages.quality.models.model_folder import ModelFolder

DEFAULTS = [Path(__file__).parent / "defaults" / name for name in ("quality", "code", "math")]


class FastTextScorer(Scorer):
    """A fastText model; see `Scorer`. NaN, too, for a text of which the model knows no feature."""

    def __init__(self, folder: ModelFolder) -> None:
        super().__init__(folder)
        (name,) = folder.files
        self._model = read_model(folder.file(name))
        if set(self._model.labels) != set(folder.labels):
            raise ValueError(f"{folder.file(name)} has the labels {sorted(self._model.labels)}, model.json {sorted(folder.labels)}")
        self._order = [self._model.labels.index(label) for label in folder.labels]

    def scores(self, texts: Any) -> Any:
        text = Utf8.of(texts)
        most = self.folder.input.max_chars
        outputs = np.minimum(self._model.probabilities(text, most)[:, self._order], 1.0)
        outputs[~(outputs.any(axis=1) & _has_token(text.data, text.offsets, most))] = np.nan
        return outputs


@njit(cache=True)
def _has_token(data: Any, offsets: Any, max_chars: Any) -> Any:
    """Whether there is anything but blanks in the first characters of each text: bool (n,)."""
    found = np.zeros(len(offsets) - 1, np.bool_)
    for row in range(len(found)):
        i, end = offsets[row], cut_chars(data, offsets[row], offsets[row + 1], max_chars)
        while i < end and is_blank(data[i]):
            i += 1
        found[row] = i < end
    return found


def warm_up() -> None:
    """Compile (or load from the cache) the kernels, for mapped matrices; for compressed ones identify_language does."""
    for folder in DEFAULTS:
        FastTextScorer(ModelFolder.read(folder)).scores(pa.array(["a few words"], pa.large_string()))
