"""Drop posts that their readers voted down.

An answer whose question goes is left alone: thread_quality drops it behind join_answers.

Source:  the bounds are ours; Llama 1, section 2.1, sorts answers by score and drops none.
Units:   score = votes up less votes down.
Params:  min_question_score, min_answer_score -- the least scores that are kept; null: any (default 0 for both: votes that cancel out).
Drops:   low_score (of either; a post without a score stays).
Errors:  none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.compute as pc

from curation.rules import Rule, below
from curation.stage import Batch, Columns, StageParams, stage


class Params(StageParams):
    """Parameters of post_score; see the file's docstring."""

    min_question_score: int | None = 0
    min_answer_score: int | None = 0


def _low(batch: Batch, params: Params) -> Any:
    scores = batch["score"].to_numpy(zero_copy_only=False)
    answers = pc.equal(batch["post_type"], "answer").fill_null(False).to_numpy(zero_copy_only=False)
    return np.where(answers, below(scores, params.min_answer_score), below(scores, params.min_question_score))


RULES = (
    Rule(
        "low_score", ("score", "post_type"), _low, "score < min_answer_score of an answer, < min_question_score of a question",
        ("min_question_score", "min_answer_score"),
    ),
)  # fmt: skip


@stage(reads=["score", "post_type"], writes={}, rules=RULES)
def post_score(batch: Batch, params: Params) -> Columns:
    """Measure nothing: the source's columns are judged."""
    return {}
