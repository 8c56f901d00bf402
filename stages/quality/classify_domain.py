"""Tell code and reasoning pages from other pages, by one classifier for each kind.

Source:  Llama 3 (section 3.1.1, code and reasoning data): DistilRoBERTa classifiers trained on labels of a chat model, tuned to find
         deduction, reasoning in STEM areas, and code among prose.
Units:   content_domain = the kind whose score is highest of those that reach their threshold, `other` where none does. <kind>_score = score
         of its model after calibration, a multiple of 0.001; null for a text without a token.
Params:  models -- {kind: model folder} with a positive label; kinds are words of yours: code, reasoning. thresholds -- {kind:
         threshold}, as `keep` of score_quality: a name, a number or a map by `lang`; a kind without one needs 0.5. into -- the column.
         other -- its value where no kind is found. device -- as of score_quality.
Drops:   none: `split` or `keep` by the column.
Errors:  ValueError before the run, as score_quality; if a model has no positive label, or `other` is a kind.

The name is not `domain`, which is a page's registered domain.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.stage import Batch, Columns, StageParams, Types, stage
from stages.quality.models.fasttext_scorer import warm_up as warm_up
from stages.quality.models.scorer import NO_SCORE, Device, facts, loaded, ready
from stages.quality.score_quality import Folder, Threshold, thresholds

EVEN = 0.5


class Params(StageParams):
    """Parameters of classify_domain; see the file's docstring."""

    models: Annotated[dict[str, Folder], Field(min_length=1, examples=[{"code": "models/code"}])]
    thresholds: dict[str, Threshold] = {}
    into: str = "content_domain"
    other: str = "other"
    device: Device = "cpu"


def _bounds(params: Params) -> dict[str, float | dict[str, float]]:
    return dict.fromkeys(params.models, EVEN) | thresholds(params.models, params.thresholds)


def _reads(params: Params) -> list[str]:
    return ["text", *(["lang"] if any(isinstance(v, dict) for v in _bounds(params).values()) else [])]


def _writes(params: Params) -> Types:
    scores = {f"{kind}_score": pa.field(f"{kind}_score", pa.float32(), nullable=True) for kind in params.models}
    return {params.into: pa.string(), **scores}


def check(params: Params, schema: pa.Schema) -> None:
    """Refuse a model without a positive label, and a kind called as what is none.

    Raises: ValueError.
    """
    ready(params.models.values(), params.device)
    for kind, folder in params.models.items():
        if facts(folder).positive is None:
            raise ValueError(f"models: {kind}: the model in {folder} has no positive label; classify_topic takes models of several classes")
    if params.other in params.models:
        raise ValueError(f"other: {params.other!r} is a kind")


@stage(reads=_reads, writes=_writes, costly=True, check=check)
def classify_domain(batch: Batch, params: Params) -> Columns:
    """Return the column of `into` (string) and a score (float32) for each kind, one value per document."""
    kinds, bounds = list(params.models), _bounds(params)
    scores = np.stack([loaded(params.models[kind], params.device).stored(batch["text"]) for kind in kinds])
    batch.count(NO_SCORE, np.isnan(scores).any(axis=0).sum())
    reached = scores >= np.stack([np.broadcast_to(batch.per_row(bounds[kind]), len(batch)) for kind in kinds])  # NaN reaches none
    best = np.where(reached, scores, -np.inf).argmax(axis=0)
    best[~reached.any(axis=0)] = len(kinds)
    columns = {f"{kind}_score": pa.array(scores[k].astype(np.float32), mask=np.isnan(scores[k])) for k, kind in enumerate(kinds)}
    return {params.into: pa.array([*kinds, params.other], pa.string()).take(pa.array(best)), **columns}
