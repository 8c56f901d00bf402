"""Posts dropped by score, joined to threads, and threads that are none; the whole way as a run."""

import collections
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from stage_checks import reasons

from curation.stage import Batch
from stages.stackexchange.join_answers import join_answers
from stages.stackexchange.post_score import post_score
from stages.stackexchange.thread_quality import thread_quality
from tests.engine import engine_kit as kit

SHARED = Path(__file__).parents[3] / "shared" / "data" / "stackexchange"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the repository")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "kdkdkk"), ({"min_question_score": None}, "kkkdkk"), ({"min_answer_score": None}, "kdkkkk"),
        ({"min_question_score": 1}, "ddkdkk"),
    ],
)  # fmt: skip
def test_scores(values, expected):
    rows = [("question", 0), ("question", -1), ("answer", 0), ("answer", -1), ("answer", None), ("question", None)]
    kinds, scores = zip(*rows, strict=True)
    found = reasons(post_score, pa.table({"post_type": pa.array(kinds), "score": pa.array(scores, pa.int64())}), **values)
    assert found == [{"k": None, "d": "low_score"}[c] for c in expected]


@pytest.mark.parametrize(("values", "expected"), [({}, "kkq"), ({"min_answers": 1}, "ukq"), ({"orphans": True}, "kkk")])
def test_threads_that_are_none(values, expected):
    table = pa.table({"has_question": [True, True, False], "n_answers": pa.array([0, 1, 1], pa.int32())})
    found = reasons(thread_quality, table, **values)
    assert found == [{"k": None, "q": "no_question", "u": "unanswered"}[c] for c in expected]


def post(post_id, parent=None, score=0, text=None, **more):
    """A row; `parent` makes it an answer."""
    kind = "question" if parent is None else "answer"
    return {
        "id": f"{post_id:032x}", "site": "a.example", "post_id": post_id, "post_type": kind, "parent_id": parent,
        "accepted_answer_id": None, "score": score, "title": f"T{post_id}" if parent is None else None, "licence": "CC-BY-SA-3.0",
        "date": None, "text": text or f"t{post_id}", "url": f"https://a.example/{post_id}", "tags": ["x"], "source": "se", **more,
    }  # fmt: skip


SCHEMA = pa.schema({
    "id": pa.string(), "site": pa.string(), "post_id": pa.int64(), "post_type": pa.string(), "parent_id": pa.int64(),
    "accepted_answer_id": pa.int64(), "score": pa.int64(), "title": pa.string(), "licence": pa.string(), "date": pa.timestamp("us", "UTC"),
    "text": pa.large_string(), "url": pa.string(), "tags": pa.list_(pa.string()), "source": pa.string(),
})  # fmt: skip


def joined(rows, one_key=False, **values):
    params = join_answers.params(**values)
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    keyed = join_answers.emit(Batch(table), params)
    keys = [7] * len(rows) if one_key else keyed.key
    rows = table.append_column("key", pa.array(keys, pa.uint64())).sort_by("key")
    made = join_answers.merge(rows, params)
    parents = [parent for parents in made["parent_ids"].to_pylist() for parent in parents]
    assert sorted(parents) == sorted(table["id"].to_pylist()), "each post is in one thread"
    return {thread["post_id"]: thread for thread in made.to_pylist()}


def test_answers_by_score():
    day = datetime(2020, 1, 1, tzinfo=UTC)
    rows = [
        post(1, accepted_answer_id=4, licence="CC-BY-SA-2.5"), post(2, 1, 5), post(3, 1, 9), post(4, 1, 1, licence="CC-BY-SA-4.0"),
        post(9, 1, 5, date=day), post(8, 1, 5, date=day), post(6, 1, None), post(5, 1, -2),
    ]  # fmt: skip
    for order in (rows, rows[::-1]):
        thread = joined(order)[1]
        assert thread["text"] == "T1\n\nt1\n\nt3\n\nt8\n\nt9\n\nt2\n\nt4\n\nt5\n\nt6"
        assert (thread["n_answers"], thread["n_left_out"], thread["has_question"], thread["has_accepted"]) == (7, 0, True, True)
        assert thread["licence"] == "CC-BY-SA-2.5 AND CC-BY-SA-3.0 AND CC-BY-SA-4.0"
        assert (thread["url"], thread["title"], thread["tags"], thread["source"]) == ("https://a.example/1", "T1", ["x"], "se")
    thread = joined(rows, accepted_first=True, max_answers=2, question_label="Q: ", answer_label="A: ")[1]
    assert thread["text"] == "Q: T1\n\nt1\n\nA: t4\n\nA: t3"
    assert (thread["n_answers"], thread["n_left_out"], thread["licence"]) == (7, 5, "CC-BY-SA-2.5 AND CC-BY-SA-3.0 AND CC-BY-SA-4.0")


@pytest.mark.parametrize("one_key", [False, True], ids=["keys", "all keys equal"])
def test_threads_are_kept_apart(one_key):
    rows = [post(1), post(2, 1), post(3), post(4, 99), post(5, 99, 3), post(7), {**post(6, 8), "parent_id": None}]
    threads = joined(rows, one_key)
    assert {name: thread["text"] for name, thread in threads.items()} == {
        1: "T1\n\nt1\n\nt2", 3: "T3\n\nt3", 5: "t5\n\nt4", 7: "T7\n\nt7", 6: "t6",
    }  # fmt: skip
    assert {name for name, thread in threads.items() if not thread["has_question"]} == {5, 6}


@pytest.mark.parametrize("one_key", [False, True], ids=["keys", "all keys equal"])
def test_one_number_on_two_sites_and_twice_on_one(one_key):
    rows = [post(1), {**post(1), "site": "b.example", "id": "a" * 32}, {**post(2, 1), "site": "b.example"}, {**post(1), "id": "b" * 32}]
    params = join_answers.params()
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    keys = [7] * len(rows) if one_key else join_answers.emit(Batch(table), params).key
    made = join_answers.merge(table.append_column("key", pa.array(keys, pa.uint64())).sort_by("key"), params)
    assert sorted((t["site"], t["text"]) for t in made.to_pylist()) == [
        ("a.example", "T1\n\nt1"), ("a.example", "T1\n\nt1"), ("b.example", "T1\n\nt1\n\nt2"),
    ]  # fmt: skip


RECIPE = """
inputs:
  posts: {{use: stackexchange, paths: "{paths}"}}
steps:
  scored:  {{use: post_score}}
  text:    {{use: post_text}}
  threads: {{use: join_answers}}
  good:    {{use: thread_quality, min_answers: 1}}
outputs:
  final:   {{use: shards}}
"""


def test_a_run(tmp_path):
    """Question 1 stays with its answers; 4 has none, 5 has a low score, so that 6 is alone; 7 is a tag's wiki; a row is broken."""
    folder = tmp_path / "a.stackexchange.com"
    folder.mkdir()
    rows = [(1, 1, "", 3), (2, 2, 'ParentId="1"', 1), (3, 2, 'ParentId="1"', 7), (4, 1, "", 0), (5, 1, "", -1), (6, 2, 'ParentId="5"', 0)]
    body = "".join(
        f'<row Id="{i}" PostTypeId="{kind}" Score="{score}" Title="T{i}" Body="&lt;p&gt;t{i}&lt;/p&gt;" {more} />\n'
        for i, kind, more, score in [*rows, (7, 5, "", 0)]
    )
    (folder / "Posts.xml").write_text(f"<posts>\n{body}<row />\n</posts>")
    kit.run(kit.recipe(tmp_path, RECIPE.format(paths="*/Posts.xml")), tmp_path / "out")
    (thread,) = kit.rows(tmp_path / "out", "outputs")
    assert thread["text"] == "T1\n\nt1\n\nt3\n\nt2"
    assert (thread["post_type"], thread["parent_id"], thread["source"]) == (None, None, "posts")
    dropped = collections.Counter(row["drop_reason"] for row in kit.rows(tmp_path / "out", "dropped"))
    assert dropped == {"broken_record": 1, "other_post_type": 1, "low_score": 1, "unanswered": 1, "no_question": 1}


@needs_shared
def test_real_threads(tmp_path):
    kit.run(kit.recipe(tmp_path, RECIPE.format(paths=f"{SHARED}/coffee*/Posts.xml.gz")), tmp_path / "out")
    threads = kit.rows(tmp_path / "out", "outputs")
    assert 200 < len(threads) < 225
    assert all(thread["has_question"] and thread["n_answers"] and thread["text"].startswith(thread["title"]) for thread in threads)
    assert sum(thread["n_answers"] for thread in threads) + len(threads) > 500
