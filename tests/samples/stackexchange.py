"""Samples of stages/stackexchange."""

import pyarrow as pa

from tests.samples.documents import ENGLISH, ODD


def post_score():
    questions, answers = [("question", 0), ("question", -1), ("question", 9)], [("answer", 0), ("answer", -3), ("answer", None)]
    rows = [*questions, *answers, (None, None), (None, -1)] * 3
    kinds, scores = zip(*rows, strict=True)
    table = pa.table({"post_type": pa.array(kinds, pa.string()), "score": pa.array(scores, pa.int64())})
    yield {}, table
    yield {"min_question_score": None, "min_answer_score": 3}, table


def post_text():
    posts = [
        f"<p>{ENGLISH}</p>", "<p>Let $x_1$ be <code>a_b</code>:</p><pre><code>int a;\n  b = *p;</code></pre><ul><li>one</li></ul>",
        "<div><table><tr><td>a</td><td>b</td></tr></table></div>", "<p>\\(x\\)</p>", "<b>" * 99 + "x", "<p>" + "y" * 5_000 + "</p>",
        *ODD, None,
    ]  # fmt: skip
    titles = [None if k % 2 else f"Title {k}" for k in range(len(posts))]
    yield {"max_bytes": 4_000}, pa.table({"content": pa.array([p and p.encode() for p in posts], pa.large_binary()), "title": titles})


def thread_quality():
    rows = [(True, 0), (True, 1), (False, 2), (None, 1), (True, 5), (False, 0), (True, 2), (True, 3), (True, 0)]
    asked, answers = zip(*rows, strict=True)
    table = pa.table({"has_question": pa.array(asked, pa.bool_()), "n_answers": pa.array(answers, pa.int32())})
    yield {"min_answers": 1}, table
    yield {"orphans": True}, table
