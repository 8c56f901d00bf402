"""Formulas between delimiters in a text, and the dollars that are something else."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stages.extract.math.raw_tex import delimited, find_formulas, math_spans, with_dollars
from tests.cpu_time import within_cpu_seconds

FORMULAS = {
    "parentheses": (r"Let \(x^2\) be.", "Let $x^2$ be.", 1),
    "blanks inside parentheses": (r"Let \( x^2 \) be.", "Let $x^2$ be.", 1),
    "brackets": ("So\n\\[\nx^2\n\\]\nholds.", "So\n$$x^2$$\nholds.", 1),
    "two dollars": ("So $$ x^2 $$ holds.", "So $$x^2$$ holds.", 1),
    "blank lines inside": ("$$\nx\n\n= y\n$$", "$$x\n= y$$", 1),
    "a dollar": ("Let $x$, $x^2$ and $f(x)$ be.", "Let $x$, $x^2$ and $f(x)$ be.", 3),
    "a dollar, over a line end": ("Let $x\n= y$ be.", "Let $x\n= y$ be.", 1),
    "numbers": ("between $0$ and $1.5$", "between $0$ and $1.5$", 2),
    "ordinals": ("the $n$th and $k$-th, $2$D", "the $n$th and $k$-th, $2$D", 3),
    "no blanks around": ("设$x$为$y$的", "设$x$为$y$的", 2),
    "punctuation around": ("($x$,$y$)", "($x$,$y$)", 2),
    "text inside": (r"$x \text{ if the price is below } y$", r"$x \text{ if the price is below } y$", 1),
    "dollars inside": (r"$x \text{ if $y$ or $z$}$ and $w$", r"\(x \text{ if $y$ or $z$}\) and $w$", 2),
    "escaped dollars inside": (r"$x = \$5$", r"$x = \$5$", 1),
    "environment": (r"\begin{align} a &= b \end{align}", r"$$\begin{align} a &= b \end{align}$$", 1),
    "environment that only says display": (r"\begin{equation*} a = b \end{equation*}", "$$a = b$$", 1),
    "environment in dollars": (r"$$\begin{cases} a \\ b \end{cases}$$", r"$$\begin{cases} a \\ b \end{cases}$$", 1),
    "environment with a star": (r"\begin{align*} a \end{align*}", r"$$\begin{align*} a \end{align*}$$", 1),
    "line end of TeX at the end": ("$$ a \\\\ $$", "$$a \\\\ $$", 1),
    "a bracket of a line end": (r"$$ a \\[2pt] b $$", r"$$a \\[2pt] b$$", 1),
    "a word beside a formula": ("the $loss$ of $x^2$", "the $loss$ of $x^2$", 2),
    "sets": (r"$D = {(q, a)}$ and ${R_1, \dots}$", r"$D = {(q, a)}$ and ${R_1, \dots}$", 2),
    "WordPress' shortcode": ("$latex x^2$", "$x^2$", 1),
    "forum tags": ("[tex]x^2[/tex] and [math]y[/math]", "$$x^2$$ and $$y$$", 2),
    "Physics Forums": ("Let ##x^2## be.", "Let $x^2$ be.", 1),
    "inner formulas of a text": (r"\[ a \text{ for } \(b\) \]", r"$$a \text{ for } \(b\)$$", 1),
}
OTHERS = {
    "prices": "it was $40 and $55 per sack",
    "prices with a dash": "$1,000–$2,000 or $5-$10",
    "prices in parentheses": "costs ($5) or ($6), up to $100 (or 100$)",
    "prices behind": "5$ or 6$ each, 7$/month or 8$/year",
    "price of words": "$5 per unit, and 7$",
    "millions": "$1.5 million, then $2m/$3m",
    "other dollars": "US$5 and US$7, R$10, A$AP and Ke$ha",
    "escaped": r"the \$5 and \$6",
    "price classes": "a $$ - $$$ place, $$–$$$, $$$$",
    "a word with dollars": "a$$hole in the $$ sense",
    "shell": "export PATH=$HOME/bin:$PATH; echo $USER/$HOST",
    "shell with braces": "${HOME}/bin:${PATH}/x",
    "PHP": "$a=$b; if ($a < $b && $c > $d) { $this->x = $y; }",
    "arrays": "$_GET['a'].$_POST['b']",
    "Perl": "$_ = <$fh>; @$x{$y}",
    "jQuery": "$('#a').hide(); $('#b').show(); $(this).on($(that))",
    "templates": "{{ $x }} and {{$y}} and ${user.name} or $user$name$",
    "RCS": "$Id: file.c,v 1.2 2001/01/01 me Exp $",
    "replacement": "s/(a)(b)/$2,$1/",
    "variables beside words": "$a$b and $x$yz",
    "tickers": "$AAPL and $TSLA, $AAPL/$TSLA",
    "a lone word": "the $variable$ of a template",
    "citations": r"\[citation needed\] and \[edit\]",
    "escaped brackets": r"foo\\(bar\\) and \\[x\\]",
    "grep": r"use \(, and \)",
    "other environments": r"\begin{itemize} \item a \end{itemize} \begin{document}x\end{document}",
    "no end": r"\( x and \[ y and $$ z and \begin{align} w",
    "blank line": "$x\n\ny$ and \\(x\n\ny\\)",
    "unbalanced": "$x}$ and ${x$",
    "empty": r"\(\) \[ \] $$ $$ $ $",
    "dates": "on 5/6/2020 and $5 on 7/8",
    "headings": "## Getting started ## and ### more ###",
    "paths": r"C:\(x86)\new and \\server\share",
    "numbered dollars": "win $100$200$300",
}


@pytest.mark.parametrize(("text", "expected", "count"), FORMULAS.values(), ids=FORMULAS)
def test_formula(text, expected, count):
    assert with_dollars(text) == (expected, count)


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_no_formula(text):
    assert with_dollars(text) == (text, 0)


@pytest.mark.parametrize(
    "text", ["it was $40 and $55", "costs $100 (or 100$)", "$HOME/bin:$PATH", "$$ - $$$", r"\[citation needed\]", "{{ $x }} {{ $y }}"]
)
def test_no_formula_on_a_page_that_has_some_either(text):
    assert with_dollars(text, sure=True) == (text, 0)


def test_prices_beside_formulas():
    assert [f.tex for f in find_formulas(r"was $5, then $x_1$ for $6 and $\alpha$-$\beta$ at $7.")] == ["x_1", r"\alpha", r"\beta"]


def test_a_lone_word_is_a_formula_where_the_page_is_sure():
    assert find_formulas("the $loss$") == []
    assert [f.tex for f in find_formulas("the $loss$", sure=True)] == ["loss"]


def test_nothing_is_found_in_or_over_what_is_skipped():
    text = "use $x$ and $y$"
    assert [f.tex for f in find_formulas(text, [(4, 7)])] == ["y"]
    assert find_formulas("costs $5, `a`, b$", [(9, 12)]) == []
    assert find_formulas(r"\( a `b` c^2 \)", [(5, 8)]) == []


def test_a_line_end_of_tex_before_the_delimiter():
    assert delimited(r"a \\", False) == r"$a \\$"
    assert delimited(r"a \\", True) == r"$$a \\ $$"


def test_spans_cover_the_delimiters():
    text = r"Let $x_1$ and $$y_1$$ and \(z_1\) be."
    assert [text[a:b] for a, b in math_spans(text)] == ["$x_1$", "$$y_1$$", r"\(z_1\)"]


DELIMITERS = re.compile(r"[$#]|\\[()\[\]]|\[/?tex\]|\\(?:begin|end)")


@given(st.lists(st.sampled_from(["$", "$$", "\\(", "\\)", "\\[", "\\]", "{", "}", "a", "5", " ", "\n", "\\alpha", "^", "\\\\",
                                 "\\begin{align}", "\\end{align}", "[tex]", "[/tex]", "##"]), max_size=40).map("".join))  # fmt: skip
@example("[tex]$[/tex]")
def test_what_is_delimited_is_found_again(text):
    _, count = with_dollars(text)
    found = find_formulas(text)
    assert len(found) == count
    assert all(a.end <= b.start for a, b in pairwise(found))
    for formula in found:
        if DELIMITERS.search(formula.tex):  # what holds delimiters itself may be read in two ways
            continue
        again = find_formulas(f"x = {delimited(formula.tex, formula.display)} .", sure=True)
        assert [(f.tex, f.display) for f in again] == [(formula.tex, formula.display)]


HOSTILE = {
    "dollars": "$a " * 100_000, "pairs": "$$a " * 100_000, "openings": "\\(" * 100_000, "closings": "\\( a" * 50_000 + "\\)" * 50_000,
    "environments": "\\begin{align}" * 50_000 + "\\end{align}" * 50_000, "braces": "$" + "{$" * 50_000, "more braces": "${" * 50_000 + "}$",
    "blank lines": "\\[" + " \n " * 100_000 + "\\]", "a long word": "\\[" + "a" * 300_000 + "\\]", "words": "\\[" + "a " * 300_000 + "\\]",
    "tags": "[tex]" * 50_000, "hashes": "## a " * 50_000,
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_linear(text):
    within_cpu_seconds(2, find_formulas, text, sure=True)
