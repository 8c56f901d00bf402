"""Score documents of all languages with one classifier, and give each its quantile among those of its language.

Source:  Llama 3 (section 3.1.1, multilingual data): a multilingual classifier ranks documents, so that the best of each language come
         first.
Units:   <column> = score after calibration, a multiple of 0.001; <column>_quantile = share of the language's documents with a lower
         score, 0 to 1. Both null for a text without a token, which counts for nobody.
Params:  model -- a model folder. column -- name of the score. by -- columns that name the group. weight -- as of `rank`.
         device -- as of score_quality.
Drops:   none: `keep` by the quantile, as of `rank`.
Errors:  ValueError before the run, as score_quality and rank.

A classifier's scores are not on one scale in all languages: it may have seen little of one, so that its best pages score below the middle
of another. Quantiles within a language do not mind. This is `rank` (its groups, histogram and error) behind a score that is found once,
while documents are counted, and kept for when they are ranked; several scores are score_quality and rank.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.stage import Batch, Columns, Keyed, StageParams, Types, Verdicts
from stages.quality.models.fasttext_scorer import warm_up as warm_up
from stages.quality.models.scorer import NO_SCORE, Device, loaded, ready
from stages.quality.rank import Params as RankParams
from stages.quality.rank import Rank
from stages.quality.score_quality import Folder


class Params(StageParams):
    """Parameters of rank_multilingual; see the file's docstring."""

    model: Folder = Field(examples=["models/multilingual"])
    column: str = "quality"
    by: tuple[str, ...] = ("lang",)
    weight: str | None = None
    device: Device = "cpu"

    @property
    def ranking(self) -> RankParams:
        """The parameters of `rank`."""
        return RankParams(columns=(self.column,), by=self.by, weight=self.weight)


class RankMultilingual(Rank):
    """Global stage `rank_multilingual`."""

    name = "rank_multilingual"
    version = "1"
    Params = Params
    costly = True
    applies_kept = True

    def check(self, params: Any, schema: pa.Schema) -> None:
        """Refuse a model the device cannot run, and what `rank` refuses.

        Raises: ValueError.
        """
        ready([params.model], params.device)
        others = [field for field in schema if field.name != params.column]
        super().check(params.ranking, pa.schema([*others, pa.field(params.column, pa.float32())]))

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("text", *(name for name in super().reads(params.ranking) if name != params.column))

    def writes(self, params: Any) -> Types:
        return {**self.keeps(params), **super().writes(params.ranking)}

    def keeps(self, params: Any) -> Types:
        return {params.column: pa.field(params.column, pa.float32(), nullable=True)}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        scores = loaded(params.model, params.device).stored(batch["text"])
        scores = pa.array(scores.astype(np.float32), mask=np.isnan(scores))
        batch.count(NO_SCORE, scores.null_count)
        keyed = super().emit(_with(batch, params.column, scores), params.ranking)
        return Keyed(keyed.key, keyed.row, keyed.columns, {params.column: scores})

    def apply(self, batch: Batch, verdicts: Verdicts, params: Any) -> Columns:
        """The score and quantile of each document."""
        assert verdicts.kept is not None
        scores = verdicts.kept[params.column].combine_chunks()
        return {params.column: scores, **super().apply(_with(batch, params.column, scores), verdicts, params.ranking)}


def _with(batch: Batch, name: str, values: Any) -> Batch:
    """A batch with one more column, or another one in its place."""
    table = batch.table
    at = table.schema.get_field_index(name)
    return Batch(table.append_column(name, values) if at < 0 else table.set_column(at, name, values))


rank_multilingual = RankMultilingual()
