"""Tell the topic of each document, one of a classifier's classes, so that a mix can take less of some.

Source:  Llama 3 (section 3.1.2, knowledge classification): categories that are over-represented on the web, such as arts and entertainment,
         are down-sampled in the mix.
Units:   topic = the likeliest class. topic_score = its probability after calibration, a multiple of 0.001. Both null for a text without a
         token; topic, where the score is below min_score.
Params:  model -- a model folder of several classes, without a positive label. min_score -- lowest score of a topic. into -- the column, and
         with `_score` behind it that of the score. device -- as of score_quality.
Drops:   none. The mix takes its share by the column: `rates: {topic: {arts: 0.3}}` of an entry.
Errors:  ValueError before the run, as score_quality; if the model is a regression or has a positive label.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.stage import Batch, Columns, StageParams, Types, stage
from stages.quality.models.base import DECIMALS
from stages.quality.models.fasttext_scorer import warm_up as warm_up
from stages.quality.models.scorer import NO_SCORE, Device, facts, loaded, ready
from stages.quality.score_quality import Folder


class Params(StageParams):
    """Parameters of classify_topic; see the file's docstring."""

    model: Folder = Field(examples=["models/topics"])
    min_score: float = 0.0
    into: str = "topic"
    device: Device = "cpu"


def _writes(params: Params) -> Types:
    score = f"{params.into}_score"
    return {params.into: pa.field(params.into, pa.string(), nullable=True), score: pa.field(score, pa.float32(), nullable=True)}


def check(params: Params, schema: pa.Schema) -> None:
    """Refuse a model that does not tell classes apart.

    Raises: ValueError.
    """
    ready([params.model], params.device)
    folder = facts(params.model)
    if folder.task != "classes" or folder.positive is not None:
        raise ValueError(f"model: {params.model} gives one score; classify_topic takes a model of classes, none of them positive")


@stage(reads=["text"], writes=_writes, costly=True, check=check)
def classify_topic(batch: Batch, params: Params) -> Columns:
    """Return the column of `into` (string) and its score (float32), one value per document."""
    model = loaded(params.model, params.device)
    outputs = model.scores(batch["text"])
    score = np.round(model.calibrated(outputs), DECIMALS)
    unknown = np.isnan(score)
    batch.count(NO_SCORE, unknown.sum())
    best = np.where(np.isnan(outputs), -np.inf, outputs).argmax(axis=1)
    labels = pa.array(model.folder.labels, pa.string()).take(pa.array(best, mask=unknown | (score < params.min_score)))
    return {params.into: labels, f"{params.into}_score": pa.array(score.astype(np.float32), mask=unknown)}
