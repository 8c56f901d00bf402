"""A classifier in one folder: `model.json` says what its outputs are and how they are read; its files lie beside it.

- fastText: `model.bin` or `model.ftz`.
- encoder (a transformer such as RoBERTa): `model.onnx` and `tokenizer.json`; for a GPU also `model.safetensors` and `config.json`.
- `CARD.md` for people.

`model.json` is one object:

    format       1
    kind         fasttext or encoder
    name         what a recipe's author calls it
    proxy        true for a stand-in made of little data, which the card says what it is not good for
    task         classes: an output is the probability of a label; regression: the one output is a number
    labels       the classes, in the order of the outputs; [] for regression
    positive     the class whose probability is the score; null: the score is that of the likeliest class (or the number)
    input        how a text is read, below
    calibration  {x, y}: raw score -> score, straight lines between the points, flat beyond them; null: the raw score is the score
    thresholds   {name: {"*": t, language: t}}: scores, after calibration, from which on a document is kept; "*" is for all other languages
    files        {name: sha256}: the model's files, which are checked whenever it is read
    trained      facts about the training, free

Nothing in a folder is run: no pickle, no code of a model's author.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

FACTS, CARD = "model.json", "CARD.md"
FASTTEXT = ("model.bin", "model.ftz")
ONNX, TOKENIZER, SAFETENSORS, CONFIG = "model.onnx", "tokenizer.json", "model.safetensors", "config.json"
MOST_FACTS_BYTES = 16 << 20
"""Longest model.json that is read (ours)."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1)]


class _Facts(BaseModel):
    """Base of what model.json holds: an unknown key, a NaN or a number in quotes is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Input(_Facts):
    """How a text is read.

    max_chars: characters that are looked at, from the beginning. max_tokens: tokens of a window, special ones included; null for
    fastText, which reads all words. windows, pool: an encoder reads the first max_tokens tokens (first, 1 window), or pieces of
    max_tokens one behind the other, of more than `windows` evenly spread ones, of which it takes the mean by tokens or the one of the
    highest score (mean, max).
    """

    max_tokens: Annotated[int, Field(ge=3, le=1 << 20)] | None = None
    windows: Annotated[int, Field(ge=1, le=4096)] = 1
    pool: Literal["first", "mean", "max"] = "first"
    max_chars: Annotated[int, Field(ge=1, le=1 << 40)] = 100_000

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.pool == "first") != (self.windows == 1):
            raise ValueError("pool first reads one window, mean and max read several")
        return self


class Calibration(_Facts):
    """Points from raw scores (x, increasing) to scores (y, never falling)."""

    x: Annotated[list[float], Field(min_length=1)]
    y: list[float]

    @model_validator(mode="after")
    def _monotone(self) -> Self:
        if len(self.x) != len(self.y):
            raise ValueError("x and y are not of one length")
        if (np.diff(self.x) <= 0).any() or (np.diff(self.y) < 0).any():
            raise ValueError("x must increase, and y never fall")
        return self


class ModelFolder(_Facts):
    """A model folder whose facts and files were checked; see the file's docstring. path: where it is."""

    format: Literal[1] = 1
    kind: Literal["fasttext", "encoder"]
    name: Text
    proxy: bool
    task: Literal["classes", "regression"]
    labels: list[Text]
    positive: str | None
    input: Input
    calibration: Calibration | None = None
    thresholds: dict[Text, dict[Text, float]] = {}
    files: dict[Text, Sha256]
    trained: dict[str, Any] = {}
    _path: Path = PrivateAttr(default=Path())

    @property
    def path(self) -> Path:
        return self._path

    @property
    def outputs(self) -> int:
        """Numbers the model gives for a text: one a label, or one."""
        return len(self.labels) or 1

    def file(self, name: str) -> Path:
        """Path of one of its files, such as ONNX."""
        return self._path / name

    @model_validator(mode="after")
    def _agree(self) -> Self:
        regression = self.task == "regression"
        _must(not regression or not self.labels, "labels: a regression has none, []")
        _must(regression or len(self.labels) >= 2, f"labels: {len(self.labels)} of them; a classifier has two or more")
        _must(len(set(self.labels)) == len(self.labels), "labels: one is named twice")
        _must(self.positive is None or self.positive in self.labels, f"positive: {self.positive!r} is none of the labels")
        for name, bounds in self.thresholds.items():
            _must("*" in bounds, f'thresholds: {name} has none for "*", all other languages')
        names = set(self.files)
        if self.kind == "fasttext":
            _must(len(names) == 1 and names <= set(FASTTEXT), f"files: a fastText model is one of {' and '.join(FASTTEXT)}")
            _must(not regression, "task: fastText gives classes")
            _must(
                self.input.max_tokens is None and self.input.windows == 1,
                "input: fastText reads all words, in one window; max_tokens: null",
            )
        else:
            allowed = {ONNX, TOKENIZER, SAFETENSORS, CONFIG}
            _must({ONNX, TOKENIZER} <= names <= allowed, f"files: an encoder has {ONNX} and {TOKENIZER}, and {SAFETENSORS} with {CONFIG}")
            _must((SAFETENSORS in names) == (CONFIG in names), f"files: {SAFETENSORS} and {CONFIG} come together")
            _must(self.input.max_tokens is not None, "input: an encoder needs max_tokens")
        return self

    @classmethod
    def read(cls, path: str | Path) -> ModelFolder:
        """Read and check a folder: its facts, and that its files are those it names.

        Raises: ValueError naming the file and the key. Whether the files hold a model of that kind, `load_scorer` says.
        """
        path = Path(path)
        facts = path / FACTS
        try:
            if facts.stat().st_size > MOST_FACTS_BYTES:
                raise ValueError(f"{facts} is longer than {MOST_FACTS_BYTES >> 20} MB")
            folder = cls.model_validate(json.loads(facts.read_bytes()))
        except OSError as e:
            raise ValueError(f"{path} is no model folder: {facts.name} cannot be read: {e.strerror}") from e
        except ValidationError as e:
            raise ValueError(f"{facts}: {_problems(e)}") from e
        except (RecursionError, ValueError) as e:
            raise ValueError(f"{facts} cannot be read: {e}") from e
        folder._path = path.resolve()
        for name, expected in folder.files.items():
            found = _sha256(folder.file(name))
            if found != expected:
                raise ValueError(f"{folder.file(name)} is not the file {FACTS} names: its sha256 is {found}, not {expected}")
        return folder

    @classmethod
    def write(cls, path: str | Path, *, files: Mapping[str, Path | bytes], card: str, **facts: Any) -> ModelFolder:
        """Write a model folder, facts last, and read it again.

        Args:
            path: the folder; made if it is not there.
            files: name -> content, or a path it is copied from (one that lies there already stays). card: the text of CARD.md.
            facts: the keys of model.json but format and files.
        Raises: ValueError as `read` does, before anything of a folder that was there is touched, where the facts are at fault.
        """
        path = Path(path)
        try:
            cls.model_validate({**facts, "files": dict.fromkeys(files, "0" * 64)})
        except ValidationError as e:
            raise ValueError(f"{path / FACTS}: {_problems(e)}") from e
        path.mkdir(parents=True, exist_ok=True)
        (path / FACTS).unlink(missing_ok=True)  # what is half written is no model
        for name, content in files.items():
            if isinstance(content, bytes):
                (path / name).write_bytes(content)
            elif not ((path / name).exists() and os.path.samefile(content, path / name)):
                shutil.copyfile(content, path / name)
        (path / CARD).write_text(card, encoding="utf-8")
        folder = cls.model_validate({**facts, "files": {name: _sha256(path / name) for name in sorted(files)}})
        made = path / (FACTS + ".new")
        made.write_text(json.dumps(folder.model_dump(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        made.replace(path / FACTS)
        return cls.read(path)

    def calibrated(self, raw: Any) -> Any:
        """Scores of raw ones: float64 (n,), NaN where the raw one is."""
        if self.calibration is None:
            return np.asarray(raw, np.float64)
        return np.interp(raw, self.calibration.x, self.calibration.y)  # NaN stays NaN

    def threshold(self, name: str) -> dict[str, float]:
        """A threshold by language, "*" for all others.

        Raises: ValueError naming those it has.
        """
        if name not in self.thresholds:
            raise ValueError(f"the model {self.name} has no threshold {name!r}; it has {', '.join(sorted(self.thresholds)) or 'none'}")
        return self.thresholds[name]


def _must(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def _problems(error: ValidationError) -> str:
    """A message a line: where in the file, and what."""
    found = error.errors(include_url=False)
    return "; ".join(": ".join(filter(None, [".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, ")])) for e in found)


def _sha256(path: Path) -> str:
    try:
        with open(path, "rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest()
    except OSError as e:
        raise ValueError(f"{path} cannot be read: {e.strerror}") from e
