"""What runs a model folder: texts in, outputs and scores out, whatever kind of model it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from stages.quality.models.model_folder import ModelFolder

DECIMALS = 3
"""Scores are stored so, which is coarser than what another batch, thread or processor may change (ours)."""


class Scorer(ABC):
    """A loaded model. folder: what it was loaded from."""

    def __init__(self, folder: ModelFolder) -> None:
        self.folder = folder

    @abstractmethod
    def scores(self, texts: Any) -> Any:
        """Outputs for an Arrow string array: float64 (n, outputs): probabilities of the labels, or one number.

        NaN for a text without a token (null, empty, white space) and where the model gives a number that is not finite. The outputs of a
        text do not depend on the other texts.
        """

    def raw(self, outputs: Any) -> Any:
        """The raw score of each row of outputs: the positive label's probability, that of the likeliest label, or the number."""
        positive = self.folder.positive
        return outputs[:, self.folder.labels.index(positive)] if positive is not None else outputs.max(axis=1)

    def calibrated(self, outputs: Any) -> Any:
        """The score of each row of outputs, after calibration: float64 (n,)."""
        return self.folder.calibrated(self.raw(outputs))

    def stored(self, texts: Any) -> Any:
        """Calibrated scores as they are stored: float64 (n,), rounded to DECIMALS."""
        return np.round(self.calibrated(self.scores(texts)), DECIMALS)
