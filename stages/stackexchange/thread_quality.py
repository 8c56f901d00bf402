"""Drop threads that are none: answers without their question, and questions without enough answers.

Source:  ours.
Units:   n_answers counts all answers of a thread, also those that were left out of its text.
Params:  min_answers -- the least number of answers (default 0: a question alone stays, as in Llama 1, section 2.1, which drops none).
         orphans -- keep answers whose question is not there (default false).
Drops:   no_question, unanswered.
Errors:  none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from curation.rules import Bound, Rule
from curation.stage import Batch, Columns, StageParams, stage


class Params(StageParams):
    """Parameters of thread_quality; see the file's docstring."""

    min_answers: int = 0
    orphans: bool = False


def _orphaned(batch: Batch, params: Params) -> Any:
    asked = batch["has_question"].fill_null(False).to_numpy(zero_copy_only=False)
    return ~asked if not params.orphans else np.zeros(len(batch), bool)


RULES = (
    Rule("no_question", ("has_question",), _orphaned, "has_question is false, unless orphans", ("orphans",)),
    Bound("unanswered", "n_answers", least="min_answers"),
)


@stage(reads=["has_question", "n_answers"], writes={}, rules=RULES)
def thread_quality(batch: Batch, params: Params) -> Columns:
    """Measure nothing: the columns of join_answers are judged."""
    return {}
