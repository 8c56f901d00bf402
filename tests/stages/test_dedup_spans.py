"""Span dedup against brute force, and its edges."""

import random
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from repeated_checks import Shuffled, documents, run

from bench.odd_texts import odd_texts
from curation.stage import Batch
from stages.dedup.dedup_spans import Params, dedup_spans
from stages.heuristics.sentences import sentences

SPAN = "The mill stands by the river. Its wheel creaks. Rain will come."
A, B, C, D, E = "Ann sings.", "Bob hums.", "Cy plays.", "Di hears.", "Ed left."


def smallest(count):
    """Which of so many documents has the id of the smallest hash."""
    return int(np.argmin(Batch(documents([""] * count)).utf8("id").hash()))


def test_one_copy_stays_in_the_document_of_the_smallest_hash():
    texts = [f"Number {'abcdefgh'[i]} begins. {SPAN} And {'abcdefgh'[i]} ends." for i in range(6)]
    least = smallest(6)
    assert 0 < least < 5  # neither the first nor the last to come
    found = run(dedup_spans, documents(texts))
    assert found["text"] == [t if i == least else t.replace(f"{SPAN} ", "") for i, t in enumerate(texts)]
    assert found["sentences_removed"] == [0 if i == least else 3 for i in range(6)]
    assert found["sentence_chars_removed"] == [0 if i == least else len(SPAN) - 2 for i in range(6)]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param(f"{A} {B} {C} {D} {A} {B} {C}", f"{A} {B} {C} {D}", id="the later copy goes"),
        pytest.param(f"{A} {B} {A} {B} {E}", f"{A} {B} {A} {B} {E}", id="two sentences are no span"),
        pytest.param(f"{A} {B} {C} {D} {E} {A} {B} {C} {D} {B}", f"{A} {B} {C} {D} {E} {B}", id="spans that overlap"),
        pytest.param(" ".join([A] * 7), A, id="one sentence over and over"),
        pytest.param(f"{A} {B} {C}\n\n{D} {A} {B} {C}\n\n{E}", f"{A} {B} {C}\n\n{D}\n\n{E}", id="the longer white space stays"),
        pytest.param(f"{A} {B} {C} {D}\n\n{A} {B} {C} {E}", f"{A} {B} {C} {D}\n\n{E}", id="before the gap too"),
        pytest.param(f"{A} {B} {C} {D} {A}  {B}\n{C}\n", f"{A} {B} {C} {D}\n", id="white space around sentences is no matter"),
        pytest.param(f"{A} {B} {C} {D} {A} {B.lower()} {C}", f"{A} {B} {C} {D} {A} {B.lower()} {C}", id="raw: case matters"),
        pytest.param("。".join("甲乙丙丁甲乙丙戊") + "。", "甲。乙。丙。丁。戊。", id="Chinese"),
    ],
)
def test_within_a_document(text, left):
    assert run(dedup_spans, documents([text, "", None, E]))["text"] == [left, "", "", E]


def test_forms_and_lengths():
    text = f"{A} {B} {C} {D} {A.upper()} {B}"
    assert run(dedup_spans, documents([text]), form="ccnet/paper", sentences=2)["text"] == [f"{A} {B} {C} {D}"]
    assert run(dedup_spans, documents([text]), sentences=2)["text"] == [text]
    # Sentences of signs alone have an empty form, but a span of others with one of them does not.
    signs = "% & %. # @ #. % & %. # @ #. % & %."
    assert run(dedup_spans, documents([signs]), form="ccnet/paper")["text"] == [signs]


def test_documents_without_a_span_are_counted_and_stay():
    found = run(dedup_spans, documents([f"{A} {B}", f"{A} {B}", "", A, f"{A} {B} {C}"]))
    assert found["text"] == [f"{A} {B}", f"{A} {B}", "", A, f"{A} {B} {C}"]
    assert found.counted == {"documents of fewer than 3 sentences": 3}
    assert len(found.rows) == 1


def test_what_is_left_empty_is_dropped():
    found = run(dedup_spans, documents([SPAN, SPAN, f"{SPAN} More.", "", "..."]))
    least = smallest(3)
    assert least < 2  # or this tests less
    assert found["text"] == ["" if i != least else SPAN for i in range(2)] + ["More.", "", "..."]
    assert found["drop_reason"] == ["too_little_left" if i != least else None for i in range(2)] + [None, None, None]
    assert run(dedup_spans, documents([SPAN, SPAN]), min_words_left=None)["drop_reason"] == [None, None]


def test_code_and_groups_are_left_alone():
    code = "int a = b[1];\nint c = d[2];\nf(a, c);"
    text = f"{A} {B}\n\n{code}\n\n{C} {D}. Go. {A} {B}\n\n{code}\n\n{E}"
    assert run(dedup_spans, documents([text]), sentences=3)["text"] == [text]
    texts = [f"{SPAN} {A}", f"{SPAN} {B}"]
    assert run(dedup_spans, documents(texts, lang=["en", "de"]), by="lang")["text"] == texts
    assert run(dedup_spans, documents(texts, profile=["code", "web"]))["text"] == texts
    assert sum(SPAN in t for t in run(dedup_spans, documents(texts, lang=["en", "en"]), by="lang")["text"]) == 1


@pytest.mark.parametrize("values", [{"sentences": 0}, {"form": "folded"}, {"by": ""}, {"min_words_left": -1}])
def test_parameters_that_cannot_work_are_refused(values):
    with pytest.raises(ValidationError, match=next(iter(values))):
        Params(**values)


def test_made_up_documents_against_brute_force():
    rng = random.Random(4)
    stock = [s.strip() for t in odd_texts(120) for s in sentences_of(t) if s.strip()][:300]
    runs = [[rng.choice(stock) for _ in range(rng.randint(3, 6))] for _ in range(60)]
    texts = []
    for _ in range(600):
        parts = []
        for _ in range(rng.randint(0, 4)):
            run_ = rng.choice(runs)
            parts += rng.choice([run_, run_[:2], [rng.choice(stock)], run_[1:]])
        texts.append(" ".join(parts))
    table = documents(texts)
    found = Shuffled(dedup_spans, table, {"skip_code": False}, shards=4, size=90, reducers=3)
    ranks = Batch(table).utf8("id").hash().tolist()
    cut = [[s.strip() for s in sentences_of(t)] for t in texts]
    places = defaultdict(list)
    for row, parts in enumerate(cut):
        for k in range(len(parts) - 2):
            places[tuple(parts[k : k + 3])].append((ranks[row], k, row))
    gone = [set() for _ in texts]
    for spots in places.values():
        for _, k, row in sorted(spots)[1:]:
            gone[row] |= {k, k + 1, k + 2}
    assert found["sentences_removed"] == [len(g) for g in gone]
    assert sum(map(bool, gone)) > 100
    expected = [[s for k, s in enumerate(parts) if k not in g] for parts, g in zip(cut, gone, strict=True)]
    assert ["".join(t.split()) for t in found["text"]] == ["".join("".join(parts).split()) for parts in expected]
    # No sentence is lost: one that goes has a copy that stays.
    assert {s for parts in expected for s in parts} == {s for parts in cut for s in parts}


def sentences_of(text):
    return sentences(Batch(pa.table({"text": pa.array([text], pa.large_string())})).utf8()).to_list(0)
