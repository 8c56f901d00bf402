"""decontaminate against a search by brute force, its words by hand, its edges, and planted items of real benchmarks."""

import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from brute_force_ngrams import documents, expected_grams, few_words, held_grams, plain_words, write
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from curation.errors import TaskError
from curation.stage import Batch
from curation.text import Utf8
from stages.benchmarks.decontaminate import Params, decontaminate
from stages.benchmarks.items import Items
from stages.benchmarks.ngrams import Index
from stages.benchmarks.words import GREEK, tables, words_of
from tests.cpu_time import within_cpu_seconds
from tests.engine.engine_kit import recipe, rows, steps
from tests.engine.engine_kit import run as run_recipe
from tests.test_every_stage import apply_global

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "benchmarks"
FILES = {
    "gsm8k": "gsm8k_test.jsonl", "humaneval": "HumanEval.jsonl.gz", "aqua": "agieval_aqua-rat.jsonl",
    "cloze": "agieval_gaokao-mathcloze.jsonl", "math": "agieval_math.jsonl", "sat": "agieval_sat-math.jsonl",
}  # fmt: skip
NAMED = ("contamination_benchmark", "contamination_item", "contamination_ngram")
QUESTION = "A miller fills 12 sacks of flour in an hour. How many sacks does he fill in a day of 8 hours?"


# Words


def found_words(text):
    """Words as the kernel finds them, as strings."""
    data = np.frombuffer(text.encode() or b"\0", np.uint8)
    starts, ends, sums = np.empty(len(data) + 1, np.int64), np.empty(len(data) + 1, np.int64), np.zeros(len(data) + 2, np.uint64)
    weights = np.empty(len(data) + 1, np.uint8)
    m = words_of(data, np.int64(0), np.int64(len(text.encode())), starts, ends, sums, weights, np.int64(0), *tables())
    return [bytes(data[i:j]).decode() for i, j in zip(starts[:m], ends[:m], strict=True)], sums[: m + 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("How  MANY\n\tsacks?", "how many sacks", id="case, white space, punctuation"),
        pytest.param("Janet\u2019s well-known e.g. 3.14", "Janet's well known e g 3 14", id="apostrophes, hyphens, dots"),
        pytest.param(r"\frac{1}{2}", "1/2", id="a fraction"),
        pytest.param(r"$\dfrac{x_1}{x_2}$", r"\(\frac{x_{1}}{x_{2}}\)", id="ways to write a formula"),
        pytest.param("x₁ + y² = 𝑧", "x_1+y^2=z", id="subscripts, superscripts, mathematical letters"),
        pytest.param(r"\left( \pi r^{2} \right)\quad \Delta", "(π r^2) Δ", id="Greek letters by command"),
        pytest.param(r"\varphi \ne \Phi", "ϕ φ", id="variants of Greek letters"),
        pytest.param(r"\$80,000 and 5\%", "$80{,}000 and 5 %", id="escaped dollars, thousands"),
        pytest.param(r"\\frac{a}{b}", r"\frac{a}{b}", id="escaped twice"),
        pytest.param("con\u00adta\u200dmina\u2060tion", "contamination", id="what is not seen"),
        pytest.param("Café, e\u0301te\u0301, Ёлка", "cafe ete елка", id="accents"),
        pytest.param("ＡＢＣ１２３", "abc123", id="full width"),
        pytest.param("磨坊主，每小时", "磨 坊 主 每 小 时", id="ideographs are words"),
        pytest.param("ไม่มี", "ไ ม่ มี", id="Thai letters with their marks"),
        pytest.param("x1y2", "x 1 y 2", id="letters and digits part"),
        pytest.param(r"x+y=3\\x-y=1", "x y 3 x y 1", id="a letter behind the end of a row"),
    ],
)
def test_these_are_the_same_words(one, other):
    assert found_words(one)[1].tolist() == found_words(other)[1].tolist()
    assert len(found_words(one)[0]) > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [("a b", "ab"), ("a b", "b a"), ("80,000", "80000"), ("½", "1/2"), ("12", "21"), (r"\pi", r"\rho"), ("cat", "cut"), ("न", "नि")],
)
def test_these_are_not(one, other):
    assert found_words(one)[1].tolist() != found_words(other)[1].tolist()


PIECES = [
    "The", "mill", "12", "don't", "x_1", "\\frac", "\\pi", "\\\\", "{", "}", "$", "é", "e\u0301", "ß", "İ", "ﬁ", "½", "中文", "かな",
    "ไม่", "हिन्दी", "\u00ad", "\u200b", "\ufeff", "²", "₁", "𝒙", "Ω", "ς", "\u0301", " ", "\n", "-", ".", ",", "\U0001f600", "a1b2",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30))
@settings(max_examples=300, deadline=None)
def test_words_are_those_of_the_standard_library(pieces):
    text = "".join(pieces)
    found, sums = found_words(text)
    expected = plain_words(text)
    assert len(found) == len(expected)
    assert (
        sums.tolist()
        == found_words(" ".join(f"\\{name} " if (name := {v: k for k, v in GREEK.items()}.get(w)) else w for w in expected))[1].tolist()
    )


# Hits by brute force


@given(st.lists(few_words, min_size=1, max_size=6), st.lists(few_words, min_size=1, max_size=4), st.integers(1, 6), st.data())
@settings(max_examples=150, deadline=None)
def test_hits_are_those_of_a_search_by_brute_force(tmp_path_factory, texts, items, n, data):
    least = data.draw(st.integers(1, n))
    file = write(tmp_path_factory.mktemp("items") / "b.jsonl", *items)
    params = Params(benchmarks={"b": file}, n=n, min_words=least, min_proper=0, max_docs=None, max_share=None)
    found = apply_global(decontaminate, params, documents(*texts), data.draw(st.integers(1, 6)))
    expected = [len(expected_grams(text, items, n, least)) for text in texts]
    assert found["contamination_ngrams"].to_pylist() == expected
    assert found["drop_reason"].to_pylist() == ["contaminated" if k else None for k in expected]


@given(st.lists(st.lists(st.sampled_from("ab"), min_size=3, max_size=12), min_size=1, max_size=12), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_common_ngrams_are_those_of_a_count_by_brute_force(tmp_path_factory, texts, most):
    texts, items = [" ".join(t) for t in texts], ["a b a b a", "b b b a", "a a a"]
    file = write(tmp_path_factory.mktemp("items") / "b.jsonl", *items)
    params = Params(benchmarks={"b": file}, n=3, min_proper=0, max_docs=most, max_share=None)
    times = Counter(g for text in texts for g in held_grams(text, items, 3, 3))
    common = {gram for gram, n in times.items() if n > most}
    expected = [len(expected_grams(text, items, 3, 3, common)) for text in texts]
    for size in (1, 3, 100):
        assert apply_global(decontaminate, params, documents(*texts), size)["contamination_ngrams"].to_pylist() == expected


def test_ngrams_of_one_hash_are_told_apart_by_their_words():
    """A table in which every hash leads to the first n-gram gives that one alone, where it stands."""
    texts = ["the mill by the river turns", "the mill by the river stands", "a wheel by the river turns now", "nothing"]
    items = Items(
        ("b",), np.array([0, 1]), pa.array(["1"], pa.large_string()), np.array([0, 1]),
        np.frombuffer(b"the mill by the river turns", np.uint8), np.array([0, 27]), np.array([True]),
    )  # fmt: skip
    index, text = Index.of(items, 3, 3, 0), Utf8.of_strings(texts)
    assert index.find(text).grams.tolist() == [0, 1, 2, 3, 0, 1, 2, 2, 3]
    tags = index.slots >> np.uint64(32) << np.uint64(32)
    slots = np.where(index.slots != 0, tags | np.uint64(1), np.uint64(0))
    assert replace(index, slots=slots).find(text).grams.tolist() == [0, 0]


# Rules by example


def run_on(tmp_path, texts, *items, size=2, **values):
    file = write(tmp_path / "b.jsonl", *items)
    return apply_global(decontaminate, Params(benchmarks={"b": file}, **values), documents(*texts), size)


def dropped(tmp_path, texts, *items, **values):
    return [k for k, reason in enumerate(run_on(tmp_path, texts, *items, **values)["drop_reason"].to_pylist()) if reason]


def test_ten_words_are_a_hit_and_nine_are_not(tmp_path):
    words = QUESTION.split()
    texts = [f"so {' '.join(words[3 : 3 + n])} it is" for n in (9, 10, 12, 13)]
    assert dropped(tmp_path, texts, QUESTION) == [1, 2, 3]
    assert dropped(tmp_path, texts, QUESTION, n=13) == [3]


def test_thai_letters_count_for_a_quarter(tmp_path):
    text = "นักท่องเที่ยวมากกว่าสองล้านคนมาเยี่ยมชมสวนสาธารณะแห่งนี้ทุกปีตั้งแต่เปิด"
    letters = found_words(text)[0]
    texts = [f"ฮ {''.join(letters[2 : 2 + n])} ฮ" for n in (38, 39, 40, 41)]
    assert dropped(tmp_path, texts, text, max_share=None) == [2, 3]
    assert dropped(tmp_path, [text[:-3], f"ฮ{text[:30]}ฮ", f"ฮ {text[:20]}"], text[:30], max_share=None) == [0, 1]


def test_an_ideograph_counts_for_half(tmp_path):
    text = "一个磨坊主每小时装十二袋面粉他一天工作八小时一共能装多少袋面粉"
    texts = [f"我{text[2 : 2 + n]}我" for n in (18, 19, 20, 21)]
    assert dropped(tmp_path, texts, text) == [2, 3]
    stock = [
        "第三章：已知函数f(x)的定义域为R，证明其连续。",
        "则实数a的取值范围是",
        "この機能を使うと編集することができるでしょうか、と聞かれた。",
    ]
    items = ("已知函数$f(x)$的定义域为$[0,1]$，求$a$的取值范围。", "彼は何個のりんごを買うことができるでしょうか。")
    assert dropped(tmp_path, stock, *items) == []


def test_a_short_question_counts_with_its_choices_only(tmp_path):
    stem, choices = "Which of the following is true?", ["Cats bark at night", "Dogs meow at noon", "Fish fly"]
    texts = [f"A handbook. {stem} (a) all crows are black", f"Exam: {stem} {' '.join(choices)}.", f"Say: {stem} Yes. No."]
    assert dropped(tmp_path, texts, {"question": stem, "choices": choices, "answer": 1}) == [1]
    short = {"question": stem, "options": ["Yes", "No"], "answer": "Yes"}
    assert dropped(tmp_path, texts, short) == [2], "the joined text is shorter than n"
    assert dropped(tmp_path, texts, {"question": stem, "answer": "It is the second of these"}) == [0, 1, 2], "an answer is not asked"
    item = {"passage": "The long passage of a novel. " * 3, "question": stem, "answer": "b"}
    assert dropped(tmp_path, texts, item) == [], "nor is a passage that is not looked for"
    file = write(tmp_path / "b.jsonl", item)
    params = Params(benchmarks={"b": file}, fields={"b": {"question": ["passage", "question"]}})
    assert apply_global(decontaminate, params, documents(*texts), 2)["contamination_ngrams"].to_pylist() == [0, 0, 0]


def test_an_ngram_of_several_items_is_a_hit_with_half_of_one(tmp_path):
    stock = "Choice A is incorrect and may be the result of"
    answer = f"{stock} %s in haste, and of nothing else at all."
    items = [{"question": f"{QUESTION} ({what})", "answer": answer % what} for what in ("adding", "ice")]
    whole = items[0]["answer"]
    texts = [f"He wrote: {stock} an error.", whole, f"So {QUESTION} they asked.", f"So {' '.join(QUESTION.split()[:11])}."]
    assert dropped(tmp_path, texts, *items) == [1, 2]
    assert dropped(tmp_path, texts, items[0]) == [0, 1, 2, 3], "of one item they are hits"
    assert dropped(tmp_path, texts, items[0], items[0]) == [0, 1, 2, 3], "an item that is there twice is one"
    params = Params(benchmarks={"b": write(tmp_path / "b.jsonl", *items)})
    grams = np.unique(decontaminate.index(params).find(Utf8.of_strings(texts[:1])).grams)
    assert decontaminate.concluded(grams, np.ones(len(grams), np.int64), 4, params).counted == {
        "n-grams of several items of a benchmark, hits only with half of a text": 1, "b: items found by such n-grams alone": 2,
    }  # fmt: skip


def test_an_ngram_of_many_items_is_looked_up_once(tmp_path):
    """A document with n-grams that 20,000 items have costs what others do; items are found by their own."""
    opening = " ".join(f"word{c}" for c in "abcdefghijklmnopqrst")
    file = write(tmp_path / "b.jsonl", *[f"{opening} number {i} is the last of all these items, is it?" for i in range(20_000)])
    params = Params(benchmarks={"b": file}, max_share=None)
    texts = [opening] * 2_000 + [f"number {i} is the last of all these items, is it?" for i in (77, 12345)]
    decontaminate.index(params).copies  # noqa: B018
    assert len(decontaminate.index(params).copies.grams) < 100 * 20
    within_cpu_seconds(4, lambda: apply_global(decontaminate, params, documents(*texts), 3_000))
    found = apply_global(decontaminate, params, documents(*texts), 3_000)["drop_reason"].to_pylist()
    assert [k for k, reason in enumerate(found) if reason][-2:] == [2000, 2001]


def test_a_whole_item_that_many_pages_have_is_a_hit(tmp_path):
    """Its n-grams are common by their number, but a page that has half of them has the item and no phrase."""
    solution = " ".join(f"step{chr(97 + k // 26)}{chr(97 + k % 26)}" for k in range(80))
    item = {"question": QUESTION, "answer": solution}
    texts = [f"page {i}: {QUESTION}" for i in range(11)] + [f"page {i}: {' '.join(QUESTION.split()[:11])}" for i in range(20)]
    texts += [f"page {i}: {' '.join(solution.split()[: 36 + 9 * (i == 0)])}" for i in range(12)]
    assert dropped(tmp_path, texts, item, size=7) == [*range(11), 31]
    assert dropped(tmp_path, ["so who owns the old mill then"] * 11, "Who owns the old mill?") == [], "a short one is a phrase"


def test_short_items_are_hits_as_a_whole_only(tmp_path):
    texts = ["so who owns the old mill then", "who owns the old barn", "Who owns, the OLD mill", "who owns the mill", "it was the mill"]
    assert dropped(tmp_path, texts, "Who owns the old mill?") == [0, 2]
    assert dropped(tmp_path, texts, "Who owns the old mill?", min_words=6) == []
    assert dropped(tmp_path, texts, "the mill") == []
    assert dropped(tmp_path, texts, "the mill", min_words=2, min_proper=2) == [3, 4]


def test_a_short_answer_is_not_looked_for_and_a_long_one_is(tmp_path):
    texts = ["he fills eighty four sacks", f"they said {' '.join(f'word{c}' for c in 'abcdefghij')} then"]
    item = {"question": QUESTION, "answer": "eighty four sacks"}
    assert dropped(tmp_path, texts, item) == []
    assert dropped(tmp_path, texts, {**item, "answer": " ".join(f"word{c}" for c in "abcdefghijkl")}) == [1]


def test_ngrams_of_numbers_and_letters_are_no_hits(tmp_path):
    texts = ["1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11", "x_1, x_2, x_3, x_4, x_5, x_6", "tell me: 1 2 3 4 5 6 7 are the first"]
    items = ("1 2 3 4 5 6 7 8 9 10", "Let x_1, x_2, x_3, x_4, x_5, x_6 be", "tell me 1 2 3 4 5 6 7 are")
    assert dropped(tmp_path, texts, *items) == [2]
    assert dropped(tmp_path, texts, *items, min_proper=0) == [0, 1, 2]


def test_the_item_with_most_ngrams_is_named(tmp_path):
    other = "Where the river bends there stands a mill whose wheel has not turned for a hundred years"
    text = f"{' '.join(QUESTION.split()[:10])}. {other}"
    found = run_on(tmp_path, [text, "clean"], {"id": "q", "question": QUESTION}, {"id": "r", "question": other})
    assert [found[name][0].as_py() for name in NAMED] == ["b", "r", " ".join(other.split()[:10])]
    assert found["contamination_ngrams"].to_pylist() == [9, 0]
    assert [found[name][1].as_py() for name in NAMED] == [None, None, None]


def test_spans_go_with_their_margin_and_the_rest_stays(tmp_path):
    text = f"  First line.\n\nIt is known: {QUESTION} Nobody knows.\nLast line. "
    kept = run_on(tmp_path, [text, "clean text ", None], QUESTION, action="span")
    assert kept["text"].to_pylist() == ["First line.\n\nIt is known:\n? Nobody knows.\nLast line.", "clean text ", ""]
    assert kept["drop_reason"].null_count == 3
    kept = run_on(tmp_path, [text], QUESTION, action="span", margin=2)
    assert kept["text"].to_pylist() == ["First line.\n\nIt\n.\nLast line."]
    assert run_on(tmp_path, [f" {QUESTION} ", text], QUESTION, action="span", margin=50)["drop_reason"].to_pylist() == ["contaminated"] * 2


def test_a_span_is_of_whole_words(tmp_path):
    item = "t one two three four five six seven eight nine"
    assert run_on(tmp_path, [f"I don't one two three four five six seven eight nine-fold care {item}"], item, action="span")[
        "text"
    ].to_pylist() == ["I\ncare"]


def test_spans_that_overlap_or_repeat(tmp_path):
    text = f"start {QUESTION} mid {QUESTION} {QUESTION} end"
    assert run_on(tmp_path, [text], QUESTION, action="span")["text"].to_pylist() == ["start\n? mid\n?\n? end"]
    assert run_on(tmp_path, [text], QUESTION, action="span", margin=1)["text"].to_pylist() == [""]
    inside = run_on(tmp_path, [f"start {QUESTION} end"], QUESTION, "in a day of", "of flour in", action="span")
    assert inside["text"].to_pylist() == ["start\n? end"], "what a short item ends within a longer span stays cut"


def test_an_ngram_that_many_documents_have_is_no_hit_and_is_said(tmp_path):
    phrase = "this page was last changed by a robot on Monday at noon"
    file = write(tmp_path / "b.jsonl", f"{phrase}. {QUESTION}", {"question": "Why?"})
    (tmp_path / "docs").mkdir()
    texts = [f"Page {i} of the book. {phrase}." for i in range(40)] + [f"{QUESTION} {phrase}"]
    for n in range(3):
        pq.write_table(
            pa.table({"id": [f"{i:032x}" for i in range(len(texts))][n::3], "text": texts[n::3]}), tmp_path / "docs" / f"{n}.parquet"
        )
    text = f"inputs: {{d: {{use: parquet, paths: docs/*}}}}\nsteps: {{it: {{use: decontaminate, benchmarks: {{b: '{file}'}}}}}}\n"
    text += "settings: {shuffle: {reduce_bytes: 60, spill_bytes: 2000}}\n"
    run_recipe(recipe(tmp_path, text), tmp_path / "out")
    step = steps(tmp_path / "out")["it"]
    assert (step["kept"], step["dropped"]) == (40, {"contaminated": 1})
    assert step["notes"] == [
        "b: documents removed: 1", "b: items found: 1", "b: items too short to be looked for: 1",
        "n-grams in more than 10 documents, hits only with half of a text: 3",
    ]  # fmt: skip
    assert step["examples"]["common n-grams, no hits"] == {" ".join(phrase.split()[k : k + 10]): 41 for k in range(3)}
    assert step["examples"]["documents that hold items"] == {f"b 1: {' '.join(phrase.split()[:10])}": 16}
    run_recipe(recipe(tmp_path, text.replace("benchmarks", "max_share: null, benchmarks")), tmp_path / "all")
    assert steps(tmp_path / "all")["it"]["dropped"] == {"contaminated": 41}
    gone = rows(tmp_path / "out", "dropped")[0]
    assert gone["contamination_ngrams"] == 16  # of the question and, as the page has half of the item, the phrase
    assert gone["drop_reason"] == "contaminated"


def test_an_item_that_too_many_pages_have_is_said(tmp_path):
    params = Params(
        benchmarks={"b": write(tmp_path / "b.jsonl", QUESTION, "Another item that no page has at all, or so it seems.")}, max_docs=3
    )
    found = decontaminate.concluded(np.arange(len(decontaminate.index(params).sizes))[:12], np.array([5] * 11 + [2]), 50, params)
    assert found.state["documents"].to_pylist() == [5] * 11
    assert found.counted == {"n-grams in more than 3 documents, hits only with half of a text": 11, "b: items found": 1}
    found = decontaminate.concluded(np.arange(12), np.full(12, 5), 50, params)
    assert found.counted == {
        "n-grams in more than 3 documents, hits only with half of a text": 12,
        "b: items found by such n-grams alone": 1,
    }


def test_a_benchmark_that_goes_during_a_run_stops_it(tmp_path):
    params = Params(benchmarks={"b": write(tmp_path / "b.jsonl", QUESTION)})
    Path(params.benchmarks["b"]).unlink()
    with pytest.raises(TaskError, match=r"b\.jsonl"):
        decontaminate.emit(Batch(documents(QUESTION)), params)


def test_an_ngram_of_two_benchmarks_counts_for_both(tmp_path):
    files = {name: write(tmp_path / f"{name}.jsonl", "Another item that is not here at all", QUESTION) for name in ("one", "two")}
    (tmp_path / "docs").mkdir()
    pq.write_table(pa.table({"id": ["0" * 32], "text": [QUESTION]}), tmp_path / "docs" / "0.parquet")
    listed = ", ".join(f"{name}: '{file}'" for name, file in files.items())
    text = f"inputs: {{d: {{use: parquet, paths: docs/*}}}}\nsteps: {{it: {{use: decontaminate, benchmarks: {{{listed}}}}}}}\n"
    run_recipe(recipe(tmp_path, text), tmp_path / "out")
    assert steps(tmp_path / "out")["it"]["notes"] == [
        "one: documents removed: 1", "one: items found: 1", "two: documents removed: 1", "two: items found: 1",
    ]  # fmt: skip


def test_the_content_of_a_benchmark_is_in_the_fingerprint(tmp_path):
    from curation.plan import Plan
    from curation.recipe import load

    file = write(tmp_path / "b.jsonl", QUESTION)
    (tmp_path / "docs").mkdir()
    pq.write_table(pa.table({"id": ["0" * 32], "text": [QUESTION]}), tmp_path / "docs" / "0.parquet")
    recipe_file = recipe(
        tmp_path, f"inputs: {{d: {{use: parquet, paths: docs/*}}}}\nsteps: {{it: {{use: decontaminate, benchmarks: {{b: '{file}'}}}}}}\n"
    )
    before = Plan(load(recipe_file, {})).steps["it"].fingerprint
    write(tmp_path / "b.jsonl", QUESTION, "And one more item of six words")
    assert Plan(load(recipe_file, {})).steps["it"].fingerprint != before


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"min_words": 11}, "min_words"), ({"margin": 3}, "margin"), ({"n": 61}, "n"), ({"max_share": 0}, "max_share"),
        ({"fields": {"c": {"question": ["q"]}}}, "no benchmark 'c'"), ({"fields": {"b": {"answer": ["a"]}}}, "needs `question"),
        ({"fields": {"b": {"question": ["a"], "hint": ["h"]}}}, "needs `question"), ({"benchmarks": {}}, "benchmarks"),
    ],
)  # fmt: skip
def test_parameters_that_cannot_work_are_refused(values, said):
    with pytest.raises(ValidationError, match=said):
        Params(**{"benchmarks": {"b": "b.jsonl"}, **values})


# Size and cost


def test_items_that_begin_alike_cost_no_more():
    """A million items that share their first words: building and finding stay linear, memory is that of their words."""
    n = 200_000
    texts = [f"what is the sum of {i}".encode() for i in range(n)]
    offsets = np.concatenate(([0], np.cumsum([len(t) for t in texts])))
    items = Items(
        ("b",), np.array([0, n]), pa.array([str(i) for i in range(n)], pa.large_string()), np.arange(n + 1),
        np.frombuffer(b"".join(texts), np.uint8), offsets, np.ones(n, bool),
    )  # fmt: skip
    index = Index.of(items, 10, 3, 3)
    size = sum(a.nbytes for a in (index.starts, index.ends, index.sizes, index.first, index.slots, index.filter, index.openings))
    assert size <= 35 * len(index.sizes)
    text = "what is the sum of money " * 2_000
    found = index.find(Utf8.of_strings([text, "so what is the sum of 77777, then?"]))
    assert [index.text(int(g)) for g in found.grams] == ["what is the sum of 77777"]


def test_one_item_a_hundred_thousand_times(tmp_path):
    n = 100_000
    data = QUESTION.encode()
    items = Items(
        ("b",), np.array([0, n]), pa.array([str(i) for i in range(n)], pa.large_string()), np.arange(n + 1),
        np.frombuffer(data * n, np.uint8), np.arange(n + 1) * len(data), np.ones(n, bool),
    )  # fmt: skip
    index = Index.of(items, 10, 3, 3)
    found = index.find(Utf8.of_strings([QUESTION] * 50))
    assert np.count_nonzero(index.slots) == len(set(found.grams.tolist())) == len(QUESTION.split()) - 9
    assert len(index.items_with(np.unique(found.grams))) == n


def test_odd_documents(tmp_path):
    texts = ["", None, "\\", "\\\\\\", "\\alpha", "a" * 100_000, "a1" * 50_000, "\u0301" * 1_000, "1 " * 100_000, "\x00", QUESTION[:30]]
    file = write(tmp_path / "b.jsonl", QUESTION, "1 1 1 1 1 1 1 1 1 1 1", "\\alpha \\beta \\gamma")
    params = Params(benchmarks={"b": file}, min_proper=0, max_share=None)
    assert [k for k, r in enumerate(apply_global(decontaminate, params, documents(*texts), 3)["drop_reason"].to_pylist()) if r] == [8]
    broken = pa.array([b"\xff\xfe " + QUESTION.encode() + b" \xc3", b"\xe4\xb8", b"\\\xff"], pa.large_binary()).view(pa.large_string())
    assert apply_global(decontaminate, params, pa.table({"text": broken}), 1)["contamination_ngrams"].to_pylist()[0] > 5
    cut = apply_global(decontaminate, params.model_copy(update={"action": "span"}), pa.table({"text": broken}), 3)
    assert cut["text"].cast(pa.large_binary()).to_pylist() == ["\ufffd\ufffd\n? \ufffd".encode(), b"\xe4\xb8", b"\\\xff"]


def test_apply_costs_the_length_of_a_document(tmp_path):
    """A text of which all n-grams are common, or hits: each is looked at a few times whatever their number."""
    rng = np.random.default_rng(0)
    text = " ".join(f"w{x:x}q" for x in rng.integers(0, 1 << 30, 40_000).tolist())
    file = write(tmp_path / "b.jsonl", f"{text} {' '.join(f'more{x:x}' for x in range(60_000))}")
    for most in (1, None):
        params = Params(benchmarks={"b": file}, max_docs=most, max_share=None)
        decontaminate.index(params)
        within_cpu_seconds(3, lambda params=params: apply_global(decontaminate, params, documents(text, text), 2))


# Real benchmarks, planted


def real_files():
    if not SHARED.is_dir():
        pytest.skip(f"no benchmarks at {SHARED}")
    return {name: str(SHARED / file) for name, file in FILES.items()}


VARIANTS = {
    "verbatim": lambda t: t,
    "upper case": str.upper,
    "white space": lambda t: re.sub(r"\s+", " \n ", t),
    "no punctuation": lambda t: re.sub(r"[^\w\s\\]|_", " ", t),
    "other dollars": lambda t: t.replace("$", "\\$"),
    "displayed fractions": lambda t: t.replace("\\frac", "\\dfrac").replace("\\left", "").replace("\\right", ""),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_planted_items_of_real_benchmarks_are_found(variant):
    params = Params(benchmarks=real_files(), max_docs=None, max_share=None)
    index = decontaminate.index(params)
    items, rng = index.items, random.Random(3)
    chosen = sorted(rng.sample(np.flatnonzero(index.looked_for()).tolist(), 300))
    asked = [[p for p in range(items.parts[i], items.parts[i + 1]) if items.asked[p]] for i in chosen]
    texts = [" ".join(bytes(items.data[items.offsets[p] : items.offsets[p + 1]]).decode() for p in parts) for parts in asked]
    filler = " ".join(f"filler{c}" for c in "abcdefghijklmnop")
    found = index.find(Utf8.of_strings([f"{filler} {VARIANTS[variant](text)} {filler}" for text in texts]))
    missed = np.flatnonzero(np.diff(found.offsets) == 0)
    assert len(missed) <= 3, [texts[k] for k in missed]


def test_the_table_is_made_once(tmp_path):
    params = Params(benchmarks={"b": write(tmp_path / "b.jsonl", QUESTION)})
    assert decontaminate.index(params) is decontaminate.index(params.model_copy(update={"max_docs": 3}))
