import random
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_lines import paragraph, prices
from stage_checks import reasons, run

from curation.stage import Batch
from stages.heuristics.math_page_quality import math_page_quality


def texts(*values):
    return pa.table({"text": pa.array(values, pa.large_string())})


def facts(text, name):
    return run(math_page_quality, texts(text))[name][0]


FORMULAS = [
    pytest.param("a $x$ b", 1, id="inline"),
    pytest.param("a $x$, $y$ and $z$.", 3, id="three"),
    pytest.param("$$x = 1$$", 1, id="displayed"),
    pytest.param("$$\nx = 1\n\\\\ y\n$$", 1, id="displayed, on several lines"),
    pytest.param("$$x$$$y$", 2, id="side by side"),
    pytest.param(r"$\$5 + \$6$", 1, id="dollars within"),
    pytest.param(r"it costs \$5 or \$6", 0, id="escaped"),
    pytest.param("from $5 to $7", 0, id="prices"),
    pytest.param("from $5 to $x$", 1, id="a price, then a formula"),
    pytest.param("$5-$10 a head", 0, id="a digit behind"),
    pytest.param("$a\nb$", 0, id="not across lines"),
    pytest.param("$x", 0, id="open"),
    pytest.param("$$x", 0, id="open, displayed"),
    pytest.param("$$$$", 0, id="empty"),
    pytest.param("$ x $", 0, id="space within"),
    pytest.param("$", 0, id="a dollar"),
    pytest.param("", 0, id="empty text"),
    pytest.param(None, 0, id="null"),
]


@pytest.mark.parametrize(("text", "count"), FORMULAS)
def test_formulas(text, count):
    assert facts(text, "formula_count") == count


PAIRS = [
    pytest.param("$x_{1}$", 0, id="braces"),
    pytest.param("$x_{1$", 1, id="an open brace"),
    pytest.param("$x_}1{$", 1, id="out of order"),
    pytest.param(r"$\{1, 2$", 0, id="braces that are shown"),
    pytest.param(r"$\left( a \right]$", 0, id="left and right"),
    pytest.param(r"$\left( a$", 1, id="left alone"),
    pytest.param(r"$a \leftarrow b \rightarrow c \leftrightarrow d$", 0, id="arrows"),
    pytest.param(r"$\left\langle a \right\rangle$", 0, id="a command behind"),
    pytest.param(r"$$\begin{matrix} a \\ b \end{matrix}$$", 0, id="begin and end"),
    pytest.param(r"$$\begin{matrix} a \\ b$$", 1, id="begin alone"),
    pytest.param("$x$ and $$y", 0.5, id="two dollars open"),
]


@pytest.mark.parametrize(("text", "share"), PAIRS)
def test_pairs(text, share):
    assert facts(text, "unbalanced_fraction") == share


PLAIN = [
    pytest.param("$cheap and best$", 1, id="words"),
    pytest.param("$cheap$", 0, id="one word is a name"),
    pytest.param(r"$\text{cheap and best}$", 0, id="words in TeX"),
    pytest.param("$cheap = best$", 0, id="an equation"),
    pytest.param("$ab cd ef$", 0, id="short words"),
    pytest.param("$cheap and best$ or $x$", 0.5, id="half of two"),
]


@pytest.mark.parametrize(("text", "share"), PLAIN)
def test_plain(text, share):
    assert facts(text, "plain_fraction") == share


WORDS = "the keeper of the garden walked along the river and"  # ten words
BOUNDS = [
    pytest.param(WORDS + " $x$", {}, None, id="just enough prose"),
    pytest.param(WORDS.removesuffix(" and") + " $x+y$", {}, "too_little_prose", id="a word too few"),
    pytest.param("", {}, "too_little_prose", id="empty"),
    pytest.param(None, {}, "too_little_prose", id="null"),
    pytest.param("", {"min_prose_words": None, "min_formulas_per_1000": None}, None, id="no bounds"),
    pytest.param("w " * 4000 + "$x$", {}, None, id="as few formulas as may be"),
    pytest.param("w " * 4001 + "$x$", {}, "formula_share", id="fewer"),
    pytest.param("w " * 20 + "$" + "x" * 38 + "$", {"max_formula_fraction": 0.5}, None, id="as much formula as may be"),
    pytest.param("w " * 20 + "$" + "x" * 39 + "$", {"max_formula_fraction": 0.5}, "formula_share", id="more"),
    pytest.param(WORDS + " $x$" * 7 + " ${$" * 3, {}, None, id="broken ones at the bound"),
    pytest.param(WORDS + " $x$" * 6 + " ${$" * 3, {}, "unbalanced", id="more broken ones"),
    pytest.param(WORDS + " $x$ $all the time$", {}, None, id="plain ones at the bound"),
    pytest.param(WORDS + " $x$ $all the time$ $and more still$", {}, "plain_formulas", id="more plain ones"),
]


@pytest.mark.parametrize(("text", "values", "reason"), BOUNDS)
def test_bounds(text, values, reason):
    assert reasons(math_page_quality, texts(text), **values) == [reason]


def test_columns():
    found = run(math_page_quality, texts("one two $x$ three $$y z$$ four", "é $é$"))
    assert found["formula_count"] == [2, 1]
    assert found["prose_words"] == [4, 1]
    assert found["formulas_per_1000"] == [500, 1000]
    assert found["formula_fraction"] == pytest.approx([10 / 30, 4 / 7])


def formula(rng):
    a, b = rng.choice("abcxyz"), rng.choice("nmkij")
    return rng.choice([rf"$\frac{{{a}}}{{{b}}}$", f"${a}_{{{b}}} = {rng.randint(1, 9)}$", f"${a}$", rf"$$\sum_{{{b}=1}}^n {a}_{b}$$"])


def page(rng, made):
    return "\n\n".join(paragraph(rng).replace(" the ", f" {made(rng)} ", 3) + f" Then {made(rng)} holds." for _ in range(5))


def cut(rng):
    return rng.choice([r"$\frac{a}{b$", r"$\left( x$", "$x_{1$", "$x$"])


def shop(rng):
    return rng.choice(["$cheap and very good$", "$cash only today$", "$x$"])


def test_ordinary_pages_stay_and_junk_goes():
    rng = random.Random(6)
    assert reasons(math_page_quality, texts(*[page(rng, formula) for _ in range(30)])) == [None] * 30
    assert reasons(math_page_quality, texts(*[page(rng, cut) for _ in range(30)])) == ["unbalanced"] * 30
    assert reasons(math_page_quality, texts(*[page(rng, shop) for _ in range(30)])).count("plain_formulas") >= 25
    assert reasons(math_page_quality, texts(*[" ".join(formula(rng) for _ in range(40)) for _ in range(30)])) == ["too_little_prose"] * 30
    found = run(math_page_quality, texts(*["\n".join(prices(rng, 40)) for _ in range(30)]))
    assert found["drop_reason"] == ["formula_share"] * 30


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(st.lists(st.text(max_size=60) | st.text("$\\{}ab 1\n", max_size=60), min_size=1, max_size=5))
def test_shares_are_shares(values):
    found = run(math_page_quality, texts(*values))
    for name in ("formula_fraction", "unbalanced_fraction", "plain_fraction"):
        assert all(0 <= v <= 1 for v in found[name]), name


@pytest.mark.parametrize(
    "text", ["$" * 2_000_000, "$a" * 1_000_000, "$$a\n" * 500_000, "$$$" * 700_000, "$ a\n" * 500_000, "\\$" * 1_000_000, "$ " * 999_999]
)
def test_large_odd_documents_take_linear_time(text):
    def seconds(size):
        batch = Batch(texts(text[:size]))
        batch.words()
        started = time.process_time()
        math_page_quality(batch)
        return time.process_time() - started

    seconds(1000)
    small, large = max(1e-3, min(seconds(len(text) // 8) for _ in range(3))), min(seconds(len(text)) for _ in range(2))
    assert large < 8 * 4 * small + 0.05
