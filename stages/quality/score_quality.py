"""Score documents with classifiers of quality, any number of them in one pass, and drop by threshold.

Source:  Llama 3 (section 3.1.1) scores every document with fastText and DistilRoBERTa classifiers; a threshold as in DCLM (Li et al. 2024),
         FineWeb-Edu (Penedo et al. 2024). Cascade: Viola and Jones 2001, a cheap model first.
Units:   <column> = score of its model after calibration, a multiple of 0.001: a probability, or the number a regression gives; null for a
         text without a token (null, empty, white space alone), which no threshold drops. <column>_by = model or first, the one whose score
         it is; null as the score is.
Params:  models -- {column: model folder} (stages/quality/models/model_folder.py): fastText or an encoder. keep -- {column: threshold}: the
         name of one of the model's own (precision_0.9, recall_0.9, kept_0.1: they may differ by `lang`), a number, or a map by `lang`
         with a `default`; documents under it go. first -- {column: model folder} asked before the model of that column: fastText, say.
         undecided -- {column: [low, high]}: between those scores of the first one, both excluded, the model is asked; elsewhere the
         first one's is the score. device -- cpu, or cuda: encoders by torch (extra `train`) on a GPU, with `resources: {gpus: 1}` of
         the executor ray.
Drops:   low_quality.
Errors:  ValueError before the run, if a folder holds no such model, a file differs from its hash, or a tokenizer or labels do not fit;
         for a threshold no model has, or without its column, or outside the undecided band; for a cascade of scores that were not
         calibrated. TaskError, which stops the run, for cuda where torch finds no GPU.

A score depends on its text alone. How a text is read (first tokens or windows, characters at most) stands in the folder. A cascade costs
quality where the first model is sure and wrong: `bench score` shows how to measure it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.rules import Bound
from curation.stage import AssetMark, Batch, Columns, StageParams, Types, stage
from stages.quality.models.base import DECIMALS
from stages.quality.models.fasttext_scorer import warm_up as warm_up
from stages.quality.models.scorer import NO_SCORE, Device, checked, facts, loaded, ready

Number = Annotated[float, Field(allow_inf_nan=False)]
Threshold = str | Number | dict[str, Number]
Folder = Annotated[str, AssetMark(checked, folder=True)]
OTHER_LANGUAGES = "*"


class Params(StageParams):
    """Parameters of score_quality; see the file's docstring."""

    models: Annotated[dict[str, Folder], Field(min_length=1, examples=[{"quality": "models/reference"}])]
    keep: dict[str, Threshold] = {}
    first: dict[str, Folder] = {}
    undecided: dict[str, tuple[Number, Number]] = {}
    device: Device = "cpu"


def thresholds(models: dict[str, str], keep: dict[str, Threshold]) -> dict[str, float | dict[str, float]]:
    """Each column's threshold: a number, or by language with a `default`.

    Args:
        models: column -> model folder. keep: column -> threshold, as a stage's parameters have them.
    Raises: ValueError for a column without a model, a name the model does not know, or a map without a default.
    """
    found: dict[str, float | dict[str, float]] = {}
    for column, value in keep.items():
        if column not in models:
            raise ValueError(f"keep: there is no model for {column!r}; there are {', '.join(models)}")
        if isinstance(value, str):
            own = facts(models[column]).threshold(value)
            value = {"default" if lang == OTHER_LANGUAGES else lang: bound for lang, bound in own.items()}
        if isinstance(value, dict):
            if "default" not in value:
                raise ValueError(f'keep: {column}: a map by language needs a "default"')
            value = value["default"] if len(value) == 1 else value
        found[column] = value
    return found


def reads(params: Params) -> list[str]:
    """Columns of the parameters: `lang` where a threshold differs by it."""
    return ["text", *(["lang"] if any(isinstance(v, dict) for v in thresholds(params.models, params.keep).values()) else [])]


def _writes(params: Params) -> Types:
    names = {name: pa.field(name, pa.float32(), nullable=True) for name in params.models}
    return names | {f"{name}_by": pa.field(f"{name}_by", pa.string(), nullable=True) for name in params.first}


def check(params: Params, schema: pa.Schema) -> None:
    """Refuse a cascade that cannot work, and models the device cannot run.

    Raises: ValueError.
    """
    ready([*params.models.values(), *params.first.values()], params.device)
    bounds = thresholds(params.models, params.keep)
    if set(params.first) != set(params.undecided) or not set(params.first) <= set(params.models):
        raise ValueError("first and undecided name the same columns, each with a model of its own in models")
    for column, (low, high) in params.undecided.items():
        if f"{column}_by" in params.models:
            raise ValueError(f"models: {column}_by is the column that says whose score {column} is")
        if not low < high:
            raise ValueError(f"undecided: {column}: {low} is not below {high}")
        for folder in (params.first[column], params.models[column]):
            if facts(folder).calibration is None:
                raise ValueError(f"first: {column}: scores of two models compare where both are calibrated, and {folder} is not")
        bound = bounds.get(column, (low + high) / 2)
        for value in bound.values() if isinstance(bound, dict) else [bound]:
            if not low < value <= high:
                raise ValueError(f"undecided: {column}: the threshold {value} is not between {low} and {high}")


def rules(params: Params) -> tuple[Bound, ...]:
    """A bound for each threshold: the parameter may name one that the model's folder has."""

    def of(column: str) -> Callable[[Params, str], Any]:
        return lambda params, _: thresholds(params.models, params.keep)[column]

    return tuple(Bound("low_quality", column, least="keep", value=of(column)) for column in params.keep)


@stage(reads=reads, writes=_writes, drops=["low_quality"], rules=rules, costly=True, check=check)
def score_quality(batch: Batch, params: Params) -> Columns:
    """Return a score (float32) for each model and <column>_by (string) for each cascade, one value per document."""
    columns: dict[str, Any] = {}
    for column, folder in params.models.items():
        model = loaded(folder, params.device)
        if column in params.first:
            scores, asked = cascade(batch["text"], loaded(params.first[column], params.device), model, params.undecided[column])
            columns[f"{column}_by"] = pa.array(np.where(asked, "model", "first"), pa.string(), mask=np.isnan(scores))
        else:
            scores = model.stored(batch["text"])
        batch.count(f"{column}: {NO_SCORE}", np.isnan(scores).sum())
        columns[column] = pa.array(scores.astype(np.float32), mask=np.isnan(scores))
    return columns


def cascade(texts: Any, first: Any, model: Any, undecided: tuple[float, float]) -> tuple[Any, Any]:
    """Scores (float64 (n,)) as they are stored, and which are the model's (bool (n,)): those the first one is undecided about."""
    scores = first.stored(texts)
    asked = (scores > undecided[0]) & (scores < undecided[1])
    if asked.any():
        scores[asked] = model.stored(pc.filter(texts, pa.array(asked)))
    return np.round(scores, DECIMALS), asked
