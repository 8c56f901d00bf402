"""Make one document of a question and its answers: title, question, then the answers, those with the highest score first.

Ties go by date, then by number, so that the order is the same on every machine. Nothing is dropped here: an answer whose question is not
there stays, with the others of its question, as a document with has_question false (thread_quality drops those).

Source:  Llama 1, section 2.1: answers sorted by score, from highest to lowest. Forms and options are ours.
Units:   score, url, date, title and tags are the question's; n_answers counts all answers, n_left_out those max_answers left out of the
         text. licence is an SPDX expression of all posts in it.
Params:  accepted_first -- put the answer that the asker accepted first (default false).
         max_answers -- answers that are written at most, the best (default null: all).
         question_label, answer_label -- what stands before a question and each answer ("Q: "; default nothing).
Drops:   none.
Errors:  a question's posts must fit in settings.shuffle.reduce_bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.documents import CORE, plain
from curation.stage import Batch, Keyed, RegroupStage, StageParams, Types
from curation.text import Utf8

_OF_LEAD = (*(name for name in CORE if name != "id"), "site", "post_id", "score", "title", "tags", "lang")
"""Columns a thread has from its question or, without one, from its best answer."""


class Params(StageParams):
    """Parameters of join_answers; see the file's docstring."""

    accepted_first: bool = False
    max_answers: int | None = Field(None, ge=1)
    question_label: str = ""
    answer_label: str = ""


class JoinAnswers(RegroupStage):
    """Stage `join_answers`."""

    name = "join_answers"
    Params = Params

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("site", "post_id", "post_type", "parent_id", "accepted_answer_id", "score", "title", "licence", "date", "text")

    def writes(self, params: Any) -> Types:
        return {
            "text": pa.large_string(), "licence": pa.field("licence", pa.string(), nullable=True), "has_question": pa.bool_(),
            "has_accepted": pa.bool_(), "n_answers": pa.int32(), "n_left_out": pa.int32(),
        }  # fmt: skip

    def emit(self, batch: Batch, params: Any) -> Keyed:
        alone = pc.or_kleene(pc.not_equal(batch["post_type"], "answer"), batch["parent_id"].is_null())
        thread = pc.if_else(alone.fill_null(True), batch["post_id"], batch["parent_id"])
        names = pc.binary_join_element_wise(batch["site"], pc.cast(thread, pa.string()), "/")
        return Keyed(Utf8.of(plain(names)).hash(), np.arange(len(batch)))

    def merge(self, rows: pa.Table, params: Any) -> pa.Table:
        posts = rows.select(list(self.reads(params))).to_pylist()
        ids = rows["id"].to_pylist()
        threads = list(_threads(rows["key"].to_pylist(), posts))
        made = [_written(posts, question, answers, params) for question, answers in threads]
        lead = rows.select([name for name in _OF_LEAD if name in rows.column_names]).take(
            pa.array([answers[0] if question is None else question for question, answers in threads], pa.int64())
        )
        parents = [[ids[k] for k in ((() if question is None else (question,)) + tuple(answers))] for question, answers in threads]
        columns = {"parent_ids": pa.array(parents, pa.list_(pa.string())), **{name: lead[name] for name in lead.column_names}}
        types = {name: getattr(kind, "type", kind) for name, kind in self.writes(params).items()}
        return pa.table(columns | {name: pa.array([row[name] for row in made], kind) for name, kind in types.items()})


def _threads(keys: list[int], posts: list[dict[str, Any]]) -> Iterator[tuple[int | None, list[int]]]:
    """(row of the question or None, rows of the answers, best first) of each thread; rows are sorted by key."""
    at = 0
    while at < len(keys):
        first, threads = at, dict[tuple[str, int], tuple[list[int], list[int]]]()
        while at < len(keys) and keys[at] == keys[first]:  # one thread, or several with one hash
            post = posts[at]
            answers = post["post_type"] == "answer"
            name = post["site"], post["parent_id"] if answers and post["parent_id"] is not None else post["post_id"]
            threads.setdefault(name, ([], []))[answers].append(at)
            at += 1
        for questions, answered in threads.values():
            answered.sort(key=lambda k: _rank(posts[k]))
            yield questions[0] if questions else None, answered
            for question in questions[1:]:  # a second one of that number
                yield question, []


def _rank(post: dict[str, Any]) -> tuple[Any, ...]:
    score, date = post["score"], post["date"]
    return score is None, -(score or 0), date is None, date, post["post_id"]


def _written(posts: list[dict[str, Any]], question: int | None, answers: list[int], params: Params) -> dict[str, Any]:
    """The columns of `writes` of one thread."""
    asked = {} if question is None else posts[question]
    accepted = [k for k in answers if posts[k]["post_id"] == asked.get("accepted_answer_id")]
    if params.accepted_first:
        answers = accepted + [k for k in answers if k not in accepted]
    written = answers[: params.max_answers]
    pieces = [] if question is None else [params.question_label + "\n\n".join(filter(None, (asked["title"], asked["text"])))]
    pieces += [params.answer_label + (posts[k]["text"] or "") for k in written]
    licences = sorted({posts[k]["licence"] for k in ([] if question is None else [question]) + written} - {None})
    return {
        "text": "\n\n".join(pieces), "licence": " AND ".join(licences) or None, "has_question": question is not None,
        "has_accepted": bool(accepted), "n_answers": len(answers), "n_left_out": len(answers) - len(written),
    }  # fmt: skip


join_answers = JoinAnswers()
