"""Score documents by the perplexity of an n-gram language model, as CCNet does, and drop by it.

Source:  CCNet, Wenzek et al. 2020: a 5-gram model per language, trained with KenLM on Wikipedia in sentencepiece pieces; kenlm reads
         the models (extra `lm`). The normal form of a line: stages/quality/ccnet_text.py.
Units:   perplexity = 10 ** (-sum of log10 p / sum of (pieces + 1)) over the lines that are not blank, each a sentence with its end;
         null for a language without a model and for texts without a line. perplexity_bucket = head, middle or tail of its language, from
         the cutoffs; null where perplexity is, or where the language has no cutoffs.
Params:  models -- {language: ARPA or KenLM binary file}; `default` is for all others. pieces -- {language: sentencepiece model}; words
         without one. variant -- of the normal form, and of the buckets' bounds: code (percentiles 30 and 60, the published program) or
         paper (terciles). cutoffs -- a file of `python -m classifiers.perplexity_cutoffs`; null = no buckets.
         min_perplexity, max_perplexity -- bounds, may be maps by `lang`; null = none. keep -- the buckets kept; a document without one is.
Drops:   low_perplexity, high_perplexity; bucket.
Errors:  ValueError before the run, if a package is missing or a model or the cutoffs cannot be read.

Shares of what a run itself holds need no cutoffs: `rank` the column by `lang`, then `keep` with a `where`. Models: CCNet's own, or
`python -m classifiers.ngram_lm`, which also says how to train large ones.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.rules import Bound, Rule
from curation.stage import AssetMark, Batch, Columns, PerGroup, StageParams, stage
from curation.text import UNICODE_VERSION
from stages.quality.ccnet_text import Pieces, load_sentencepiece

BOUNDS = {"code": (30.0, 60.0), "paper": (100 / 3, 200 / 3)}
"""Percentiles of perplexity under which a document is of the head, and of the middle."""
Bucket = Literal["head", "middle", "tail"]
BUCKETS: tuple[Bucket, ...] = ("head", "middle", "tail")


@cache
def load_model(path: str) -> Any:
    """A KenLM model.

    Raises: ValueError if the package is not installed or the file is no model.
    """
    try:
        import kenlm
    except ImportError as e:
        raise ValueError("perplexity needs the package kenlm: pip install 'curate-pretraining[lm]'") from e
    config = kenlm.Config()
    config.show_progress = False
    try:
        return kenlm.Model(path, config)
    except (OSError, RuntimeError) as e:
        raise ValueError(f"{path} is no ARPA or KenLM file: {e}") from e


def load_cutoffs(path: Path) -> dict[str, list[float]]:
    """Percentiles 0 to 100 of each language's perplexity.

    Raises: ValueError if the file holds no such thing.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        good = isinstance(found, dict) and all(len(v) == 101 and sorted(map(float, v)) == list(map(float, v)) for v in found.values())
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(f"{path} is no file of cutoffs: JSON {{language: [percentiles 0 to 100]}}")
    cutoffs: dict[str, list[float]] = found
    return cutoffs


class Params(StageParams):
    """Parameters of perplexity; see the file's docstring."""

    models: dict[str, Annotated[str, AssetMark(lambda path: load_model(str(path)))]] = Field(examples=[{"en": "models/en.arpa"}])
    pieces: dict[str, Annotated[str, AssetMark(lambda path: load_sentencepiece(str(path)))]] = {}
    variant: Literal["code", "paper"] = "code"
    cutoffs: Annotated[str, AssetMark(load_cutoffs)] | None = None
    min_perplexity: PerGroup[float | None] = None
    max_perplexity: PerGroup[float | None] = None
    keep: tuple[Bucket, ...] = BUCKETS


def _other_bucket(batch: Batch, params: Params) -> Any:
    bucket = batch["perplexity_bucket"]
    return pc.and_not(pc.is_valid(bucket), pc.is_in(bucket, pa.array(params.keep, pa.string())))


RULES = (
    Bound("low_perplexity", "perplexity", least="min_perplexity"),
    Bound("high_perplexity", "perplexity", most="max_perplexity"),
    Rule("bucket", ("perplexity_bucket",), _other_bucket, "perplexity_bucket is none of keep", ("keep",)),
)


def _perplexity(text: str, model: Any, pieces: Pieces) -> float:
    lines = [line for line in text.split("\n") if line.strip()]
    score, length = 0.0, 0
    for words in pieces.of_lines(lines):
        score += model.score(" ".join(words).replace("\0", " "))
        length += len(words) + 1
    return float(min(10.0 ** min(-score / length, 300.0), np.finfo(np.float32).max)) if length else np.nan


@stage(
    reads=["text", "lang"],
    writes={
        "perplexity": pa.field("perplexity", pa.float32(), nullable=True),
        "perplexity_bucket": pa.field("perplexity_bucket", pa.string(), nullable=True),
    },
    rules=RULES,
    version=f"1:unicode-{UNICODE_VERSION}",
)
def perplexity(batch: Batch, params: Params) -> Columns:
    """Return perplexity (float32) and perplexity_bucket (string), one value per document."""
    values = np.full(len(batch), np.nan)
    cutoffs = {} if params.cutoffs is None else _cutoffs(params.cutoffs)
    buckets: list[str | None] = []
    for row, text, lang in batch.documents("text", "lang"):
        model = params.models.get(lang, params.models.get("default"))
        if model is not None and text:
            pieces = _pieces(params.variant, params.pieces.get(lang, params.pieces.get("default")))
            values[row] = np.float32(_perplexity(text, load_model(model), pieces))
        bounds = cutoffs.get(lang)
        known = bounds is not None and not np.isnan(values[row])
        buckets.append(_bucket(values[row], bounds, params.variant) if known else None)
    return {
        "perplexity": pa.array(values.astype(np.float32), mask=np.isnan(values)),
        "perplexity_bucket": pa.array(buckets, pa.string()),
    }


def _bucket(value: float, percentiles: Any, variant: str) -> str:
    head, middle = np.interp(BOUNDS[variant], np.arange(101), percentiles)
    return BUCKETS[int(value >= head) + int(value >= middle)]


@cache
def _cutoffs(path: str) -> dict[str, list[float]]:
    return load_cutoffs(Path(path))


@cache
def _pieces(variant: Literal["code", "paper"], model: str | None) -> Pieces:
    return Pieces(variant, model)
