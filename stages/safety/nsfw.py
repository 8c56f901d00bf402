"""Drop adult documents: by a weighted density of adult terms, by the score of a classifier, or both.

Source:  Llama 3 announces an NSFW filter and does not describe it (ai.meta.com/blog/meta-llama-3, "Training data"); score and
         bounds are ours. No list is built in; stages/safety/phrases.py says what a list is and what it matches.
Units:   nsfw_score = 1,000 * (weights of all terms met) / words * min(1, different terms / full_variety). The weight of a
         term is min(1, characters / full_length), times phrase_weight if it has several words: a short word often
         means something harmless, a long one or a phrase rarely does. A page about one subject repeats its few terms;
         what is written to be found for them has many: so the density counts in full from some variety on. Words
         and characters as in stages/safety/phrases.py.
Params:  lists -- {en: file, de: file ...}, or a folder of files named for their languages; null = no terms are looked for.
         always -- lists every document is searched for beside that of its `lang`.
         full_length, phrase_weight, full_variety -- see Units.
         max_score -- largest nsfw_score kept; null = no bound. With these four a page whose every twelfth word is on the
         list goes, and dense text on medicine, crime and sex education stays.
         score_column -- column of a classifier's scores, made by a step before this one; null = none. max_classifier_score
         -- largest value of it kept; a document without a score is kept.
Drops:   nsfw.
Errors:  neither lists nor score_column, a list that is missing or has no usable line, and a name in `always` without a list,
         are errors of the recipe; so is a score_column that no step writes. Broken lines of a list are counted and shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from curation.rules import Bound
from curation.stage import Batch, Columns, PerGroup, StageParams, stage
from curation.text import UNICODE_VERSION
from stages.safety import phrases
from stages.safety.phrases import Lists, Phrase, found, lexicon


class Params(StageParams):
    """Parameters of nsfw; see the file's docstring."""

    lists: Lists | None = Field(None, examples=[{"en": "examples/lists/adult_terms.en.txt"}])
    always: tuple[str, ...] = ()
    full_length: float = Field(12, gt=0)
    phrase_weight: float = Field(2, ge=0)
    full_variety: int = Field(12, ge=1)
    max_score: PerGroup[float | None] = 35
    score_column: str | None = None
    max_classifier_score: PerGroup[float | None] = 0.5

    @model_validator(mode="after")
    def _something_to_go_by(self) -> Params:
        if self.lists is None and self.score_column is None:
            raise ValueError("nsfw needs lists, a score_column, or both")
        if isinstance(self.lists, dict) and (lacking := set(self.always) - set(self.lists)):
            raise ValueError(f"always names {sorted(lacking)}, of which `lists` has no list")
        return self


def weight(phrase: Phrase, params: Params) -> float:
    """What one match of a phrase counts; see Units."""
    return min(1.0, phrase.chars / params.full_length) * (params.phrase_weight if phrase.words > 1 else 1.0)


def _reads(params: Params) -> tuple[str, ...]:
    return "text", "lang", *([params.score_column] if params.score_column else [])


def rules(params: Params) -> tuple[Bound, ...]:
    """The score's bound and, where there is a classifier's column, that of its score."""
    given = (Bound("nsfw", params.score_column, most="max_classifier_score"),) if params.score_column else ()
    return (Bound("nsfw", "nsfw_score", most="max_score"), *given)


@stage(reads=_reads, writes={"nsfw_score": pa.float32()}, drops=["nsfw"], rules=rules, version=f"2:unicode-{UNICODE_VERSION}")
def nsfw(batch: Batch, params: Params) -> Columns:
    """Return nsfw_score (float32), one value per document."""
    score: Any = np.zeros(len(batch))
    if params.lists is not None:
        words = lexicon(params.lists)
        weights = np.array([weight(phrase, params) for phrase in words.phrases])
        _, together, different = found(batch, words, params.always, weights)
        score = 1000 * together / np.maximum(batch.words().counts(), 1) * np.minimum(1, different / params.full_variety)
    return {"nsfw_score": score.astype(np.float32)}


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of phrases.py."""
    phrases.warm_up()
