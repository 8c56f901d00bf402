"""Loads the scorer of a model folder, once a process, and says before a run what stands against it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from curation.errors import TaskError
from stages.quality.models.base import Scorer
from stages.quality.models.model_folder import CARD, FACTS, SAFETENSORS, ModelFolder

Device = Literal["cpu", "cuda"]
NO_SCORE = "without a score"
"""What stages call documents that have none, in the run's accounts."""


def load_scorer(folder: ModelFolder | str | Path, device: Device = "cpu") -> Scorer:
    """Load a model: fastText and ONNX on the CPU, on one thread; an encoder on `cuda` by transformers.

    Raises: ValueError naming the file, if it holds no such model or one that does not fit the folder's facts. TaskError, for `cuda`, where
        there is no GPU.
    """
    folder = folder if isinstance(folder, ModelFolder) else ModelFolder.read(folder)
    if folder.kind == "fasttext":
        from stages.quality.models.fasttext_scorer import FastTextScorer

        return FastTextScorer(folder)
    if device == "cuda":
        from stages.quality.models.torch_encoder import TorchEncoder

        return TorchEncoder(folder, device)
    from stages.quality.models.onnx_encoder import OnnxEncoder

    return OnnxEncoder(folder)


def loaded(path: str, device: Device) -> Scorer:
    """The model of a folder, loaded once a process and again where the folder was written anew.

    Raises: TaskError, which stops the run and fails no document, as `load_scorer` and where that has a ValueError.
    """
    try:
        return _loaded(path, device, _state(path))
    except ValueError as e:
        raise TaskError(str(e)) from e


def facts(path: str) -> ModelFolder:
    """What a folder says, read as often as `loaded` does."""
    return _facts(path, _state(path))


@cache
def _loaded(path: str, device: Device, state: Any) -> Scorer:
    return load_scorer(_facts(path, state), device)


@cache
def _facts(path: str, state: Any) -> ModelFolder:
    return ModelFolder.read(path)


def _state(path: str) -> Any:
    """What changes when a model is written: its facts come last, and hold the hashes of its files."""
    try:
        stat = os.stat(Path(path, FACTS))
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def checked(path: Path) -> str | None:
    """Load a model on the CPU, before a run: what the user should know of it, or None.

    Raises: ValueError as `load_scorer`.
    """
    folder = _loaded(str(path), "cpu", _state(str(path))).folder
    return (
        f"{folder.name} is a proxy model, made of little data: {folder.path / CARD} says what it is not good for" if folder.proxy else None
    )


def ready(paths: Iterable[str], device: Device) -> None:
    """Refuse a device that models have no files or packages for. Whether there is a GPU, who runs the step finds out.

    Raises: ValueError.
    """
    for path in paths if device == "cuda" else ():
        folder = facts(path)
        if folder.kind == "encoder":
            if SAFETENSORS not in folder.files:
                raise ValueError(f"device: {path} has no {SAFETENSORS}, which cuda needs")
            for package in ("torch", "transformers"):
                if find_spec(package) is None:
                    raise ValueError(f"device: cuda needs the package {package}: pip install 'curate-pretraining[train]'")
