"""code_page_quality, and code_lines.py that tells which lines are code."""

import base64
import random
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_lines import (
    c_code,
    dialogue,
    glossary,
    ident,
    ingredients,
    number,
    numbered,
    paragraph,
    settings_file,
    table,
    test_code,
    verse,
)
from stage_checks import reasons, run

from curation.stage import Batch
from curation.text import Utf8
from stages.heuristics.code_lines import code_lines
from stages.heuristics.code_page_quality import code_page_quality

test_code.__test__ = False


def texts(*values):
    return pa.table({"text": pa.array(values, pa.large_string())})


def facts(text, **values):
    return {name: column[0] for name, column in run(code_page_quality, texts(text), **values).items()}


CODE = [
    pytest.param("x = [1, 2];", id="signs"),
    pytest.param("    return x", id="indented"),
    pytest.param("\treturn x", id="indented by a tab"),
    pytest.param("call(me, now) {", id="ends in a brace"),
    pytest.param("for k in range(9):\n    print k", id="a run"),
    pytest.param("import thing\nx = thing.make({1: 2})", id="a line without a sign beside one with"),
    pytest.param("client.get(url)", id="a call"),
    pytest.param("<b>bold</b>", id="markup"),
    pytest.param("$ make -j2 && ./run", id="a shell"),
]
PROSE = [
    pytest.param("The keeper of the garden (who was old) walked along the river; nobody saw her.", id="prose"),
    pytest.param("- x = [1, 2];", id="an item"),
    pytest.param("    - x = [1, 2];", id="an item, indented"),
    pytest.param("12. call(me) {", id="a numbered item"),
    pytest.param("\t12. call(me) {", id="a numbered item behind a tab"),
    pytest.param("    -", id="an item without text"),
    pytest.param("f(x)\t{a}\t[b]", id="a row of a table"),
    pytest.param("$$x_1 = {a}^{b}$$", id="a formula"),
    pytest.param("the sun goes down;\nthe moon comes up;", id="verse"),
    pytest.param("A heading", id="a heading"),
    pytest.param("See https://example.com/a/b?c=d for all of what was said about it at the time.", id="an address in prose"),
    pytest.param(" \t", id="blank"),
]


def is_code(text):
    lines = Utf8.of_strings([text]).lines()
    return code_lines(lines).tolist()


@pytest.mark.parametrize("text", CODE)
def test_code_lines(text):
    assert is_code(text) == [True] * len(text.split("\n"))
    assert is_code(f"Some words.\n\n{text}\n\nMore of them.")[2:-2] == [True] * len(text.split("\n"))


@pytest.mark.parametrize("text", PROSE)
def test_lines_that_are_no_code(text):
    assert not any(is_code(text))


def test_a_run_is_code_from_a_third():
    assert is_code("aaaaaaaa\nx = [1];") == [True] * 2
    assert is_code("a" * 17 + "\nx = [1];") == [False] * 2
    assert is_code("a" * 17 + "\n\nx = [1];") == [False, False, True]


WORDS = "the keeper of the garden walked along the river and"  # ten words
BOUNDS = [
    pytest.param(WORDS, {}, None, id="just enough prose"),
    pytest.param(WORDS.removesuffix(" and"), {}, "too_little_prose", id="a word too few"),
    pytest.param("x = f(y);\n" * 50, {}, "too_little_prose", id="nothing but code"),
    pytest.param("", {}, "too_little_prose", id="empty"),
    pytest.param(None, {}, "too_little_prose", id="null"),
    pytest.param("", {"min_prose_words": None}, None, id="no bound on prose"),
    pytest.param("a" * 8 + "\n\n[x = 1;]", {"min_prose_words": None, "max_code_fraction": 0.5}, None, id="code at the bound"),
    pytest.param("a" * 7 + "\n\n[x = 1;]", {"min_prose_words": None, "max_code_fraction": 0.5}, "code_fraction", id="more code"),
    pytest.param("a" * 8 + "\n\n[x = 1;]", {"min_prose_words": None, "min_code_fraction": 0.5}, None, id="least code"),
    pytest.param("a" * 9 + "\n\n[x = 1;]", {"min_prose_words": None, "min_code_fraction": 0.5}, "code_fraction", id="less code"),
    pytest.param(WORDS + "\n\nf" + "(" * 15 + ")" * 5 + ";", {}, None, id="half the brackets alone"),
    pytest.param(WORDS + "\n\nf" + "(" * 16 + ")" * 4 + ";", {}, "unbalanced", id="more"),
    pytest.param(WORDS + "\n\nf" + "(" * 19 + ";", {}, None, id="too few brackets to judge"),
    pytest.param(WORDS + "\n\n" + "([{}])" * 40, {}, None, id="pairs"),
    pytest.param(WORDS + "\n\n" + ")(" * 40 + ";", {"min_brackets": 80, "max_unbalanced_fraction": 0.02}, "unbalanced", id="out of order"),
    pytest.param(WORDS + "\n\n" + "a=b;" * 250 + "\n\n" + "a=b;" * 251, {"max_data_fraction": None}, "packed_code", id="packed: half"),
    pytest.param(WORDS + "\n\n" + ("a=b;" * 250 + "\n\n") * 2, {"max_data_fraction": None}, None, id="lines of 1,000"),
    pytest.param(WORDS + "\n\n" + "a=b;" * 900, {"max_packed_fraction": None}, None, id="no bound on packed code"),
    pytest.param("a" * 51 + " b" * 10 + "\n" + "1 2 3 4 5 6 7 8 " * 4 + "1234567", {}, None, id="numbers: half"),
    pytest.param("a" * 50 + " b" * 10 + "\n" + "1 2 3 4 5 6 7 8 " * 4 + "1234567", {}, "data_dump", id="numbers: more"),
    pytest.param(WORDS + "\n" + "12.5, " * 30 + "seen again" * 2, {}, "data_dump", id="a few words beside numbers"),
    pytest.param(WORDS + "\n" + "12 seen again, " * 30, {}, None, id="numbers beside words"),
    pytest.param(WORDS + "\n" + "k12 q7 " * 30, {}, None, id="names with digits"),
    pytest.param(WORDS + "\n" + "zx9" * 90, {}, None, id="a run in lower case that is not hexadecimal"),
    pytest.param(WORDS + "\n" + "Zx9" * 90, {}, "data_dump", id="a run in both cases"),
    pytest.param(WORDS + "\n" + "0a 4f " * 30 + "|........|", {}, "data_dump", id="hexadecimal"),
    pytest.param(WORDS[:9] + " b" * 9 + "\n" + "12.5 " * 7, {}, None, id="a short line of numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values", "reason"), BOUNDS)
def test_bounds(text, values, reason):
    assert reasons(code_page_quality, texts(text), **values) == [reason]


def hex_dump(rng):
    return "\n".join(f"{16 * k:08x}  " + " ".join(f"{rng.randrange(256):02x}" for _ in range(16)) for k in range(60))


def base64_dump(rng):
    return base64.encodebytes(rng.randbytes(6000)).decode()


def packed(rng):
    return "".join(
        f"function {ident(rng)}(a,b){{return a.{ident(rng)}(b)+{number(rng)}}}var {ident(rng)}=[{number(rng)}];" for _ in range(200)
    )


def csv_dump(rng):
    return "\n".join(",".join(f"{rng.random() * 100:.2f}" for _ in range(12)) for _ in range(80))


def hex_string(rng):
    return "\n".join(rng.randbytes(40).hex() for _ in range(60))


def cut_code(rng):
    return "\n".join(line for line in c_code(rng, 200) if rng.random() < 0.3 or "(" in line).replace(")", "").replace("}", "")


def code_alone(rng):
    return "\n".join(c_code(rng, 100))


JUNK = {
    hex_dump: "data_dump", base64_dump: "data_dump", csv_dump: "data_dump", hex_string: "data_dump", packed: "packed_code",
    cut_code: "unbalanced", code_alone: "too_little_prose",
}  # fmt: skip


@pytest.mark.parametrize("kind", JUNK, ids=lambda kind: kind.__name__)
def test_junk_goes(kind):
    rng = random.Random(3)
    little = " ".join(["See what we found in the old archive of the site, with all of its parts."])
    made = [kind(rng) if kind is code_alone else f"{little}\n\n{kind(rng)}\n\n{little}" for _ in range(20)]
    assert reasons(code_page_quality, texts(*made)) == [JUNK[kind]] * 20


@pytest.mark.parametrize("kind", [c_code, test_code, settings_file])
def test_ordinary_pages_stay(kind):
    rng = random.Random(4)
    made = []
    for _ in range(20):
        parts = [x for _ in range(4) for x in (paragraph(rng), "\n".join(kind(rng, rng.randint(3, 30))))]
        made.append("\n\n".join([*parts, paragraph(rng)]))
    found = run(code_page_quality, texts(*made))
    assert found["drop_reason"] == [None] * 20
    assert min(found["code_fraction"]) > 0.1
    assert all(p > 100 for p in found["prose_words"])


@pytest.mark.parametrize("kind", [verse, table, ingredients, numbered, glossary, dialogue])
def test_pages_without_code_have_none(kind):
    rng = random.Random(5)
    made = ["\n\n".join([paragraph(rng), "\n".join(kind(rng, 30)), paragraph(rng)]) for _ in range(20)]
    assert max(run(code_page_quality, texts(*made))["code_fraction"]) < 0.02


def test_columns():
    found = facts(WORDS + "\n\nf(x)[1;")
    assert found["code_fraction"] == pytest.approx(7 / (len(WORDS) + 7))
    assert found["prose_words"] == 10
    assert found["unbalanced_fraction"] == pytest.approx(1 / 3)
    assert found["data_fraction"] == found["packed_fraction"] == 0
    words = "word = " + "QUJD" * 20 + "Zz9=" + " " + "a" * 80 + "z " + "z" * 80 + " " + "0123abcd" * 8
    assert facts(words)["data_fraction"] == pytest.approx((84 + len(words.split()[-1])) / len(words))


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(st.lists(st.text(max_size=60) | st.text("([{}])ab 1\n;\t-", max_size=60), min_size=1, max_size=5))
def test_shares_are_shares(values):
    found = run(code_page_quality, texts(*values))
    for name in ("code_fraction", "unbalanced_fraction", "packed_fraction", "data_fraction"):
        assert all(0 <= v <= 1 for v in found[name]), name


@pytest.mark.parametrize(
    "text", ["(" * 2_000_000, "\n" * 1_000_000, " " * 2_000_000, "a1" * 1_000_000, "1 " * 1_000_000, "中" * 500_000, "- \n" * 500_000]
)
def test_large_odd_documents_take_linear_time(text):
    def seconds(size):
        batch = Batch(texts(text[:size]))
        batch.words(), batch.utf8().lines()
        started = time.process_time()
        code_page_quality(batch)
        return time.process_time() - started

    seconds(1000)
    small, large = max(1e-3, min(seconds(len(text) // 8) for _ in range(3))), min(seconds(len(text)) for _ in range(2))
    assert large < 8 * 4 * small + 0.05
