"""Formulas in pages: every generator, what only looks like one, what Markdown broke, any page at all."""

import csv
import html
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.extract.math.formulas import formula_atoms, may_have_formulas
from stages.extract.page import read
from stages.extract.tree import Node, parse
from tests.cpu_time import within_cpu_seconds

TEX = r"\alpha_1 < \text{a \& b}"
MATHML, CONVERTED = "<mfrac><msup><mi>x</mi><mn>2</mn></msup><mn>2</mn></mfrac>", r"\frac{x^{2}}{2}"
CONVERTED_BY = {"MediaWiki {{math}}": "x^{2}", "Pandoc without MathJax": "x^{2}"}
"""Conversions of generators that have no fractions."""
FILLED = {
    "@mmlattr": html.escape(f"<math>{MATHML}</math>"), "@mml": MATHML, "@tex": html.escape(TEX, quote=False), "@attr": html.escape(TEX),
    "@raw": TEX, "@url": quote(TEX, safe=""), "@plus": quote_plus(TEX), "@seen": "<span>α</span><span>1</span><span>?</span>",
}  # fmt: skip

with (Path(__file__).parent / "generators.tsv").open(encoding="utf-8") as lines:
    GENERATORS = [*csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]


def atoms_of(page):
    """Kinds and texts of a page's atoms, and the text that is left beside them."""
    tree = parse(page)
    atoms = formula_atoms(tree)
    assert atoms == sorted(atoms)
    assert all(a.first < a.last <= b.first for a, b in pairwise(atoms))
    assert not atoms or may_have_formulas(tree.source)
    covered = {index for atom in atoms for index in range(atom.first, atom.last)}
    rest = [node for node in tree.root.descendants() if node.is_text and node.index not in covered]
    beside = "".join(node.text() for node in rest if node.parent.name not in ("script", "title"))
    return [(atom.kind, atom.text) for atom in atoms], " ".join(beside.split())


@pytest.mark.parametrize("generator", GENERATORS, ids=[g["generator"] for g in GENERATORS])
def test_generator(generator):
    markup = generator["markup"]
    for mark, text in FILLED.items():
        markup = markup.replace(mark, text)
    found, beside = atoms_of(f"<p>Let {markup} hold.</p>")
    kind = generator["kind"]
    if kind == "none":  # nothing but text between delimiters: raw_tex.py finds it there
        assert found == []
        assert TEX in beside
        return
    expected = CONVERTED_BY.get(generator["generator"], CONVERTED) if kind == "converted" else TEX
    assert found == [("display_math" if kind == "display" else "inline_math", expected)]
    assert beside == "Let hold."


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param('<p><img class="latex" alt="x^2"></p>', [("display_math", "x^2")], id="an image alone in its paragraph"),
        pytest.param('<dl><dd><span><img class="tex" alt="x^2"></span> </dd></dl>', [("display_math", "x^2")], id="alone in wrappers"),
        pytest.param('<p><img class="latex" alt="x^2">.</p>', [("inline_math", "x^2")], id="not alone"),
        pytest.param('<li><img class="latex" alt="x^2"></li>', [("inline_math", "x^2")], id="alone in a list item"),
        pytest.param(
            '<div class="math" id="eq1"><span class="eqno">(1)<a class="headerlink" href="#eq1">¶</a></span>\\[x^2\\]</div>',
            [("display_math", r"x^2 \tag{1}")], id="Sphinx's equation number"),
        pytest.param(
            '<table class="ltx_equation"><tr><td></td><td><math alttext="\\displaystyle a=b" display="block"></math></td>'
            '<td><span class="ltx_tag ltx_tag_equation">(3)</span></td></tr></table>',
            [("display_math", r"a=b \tag{3}")], id="LaTeXML's equation number"),
        pytest.param(
            '<table class="ltx_equationgroup"><tbody><tr><td><math alttext="\\displaystyle a"></math></td>'
            '<td><math alttext="=b"></math></td></tr>'
            '<tr><td><math alttext="c"></math></td><td><math alttext="=d"></math></td></tr></tbody></table>',
            [("display_math", r"\begin{aligned} a & =b \\ c & =d \end{aligned}")], id="LaTeXML's aligned cells"),
        pytest.param(
            '<table class="ltx_equationgroup"><tr><td><math alttext="a"></math></td></tr>'
            '<tr><td>and so</td><td><math alttext="b"></math></td></tr>'
            "</table>",
            [("inline_math", "a"), ("inline_math", "b")], id="words between LaTeXML's rows"),
        pytest.param('<math alttext="a%&#10;+b"></math>', [("inline_math", "a+b")], id="line breaks TeX does not see"),
        pytest.param("<d-math>{\\displaystyle x}</d-math><d-math>{a}{b}</d-math>", [("inline_math", "x"), ("inline_math", "{a}{b}")],
                     id="displaystyle around all"),
        pytest.param('<span class="math">\\begin{align} a &amp;= b \\end{align}</span>',
                     [("display_math", r"\begin{align} a &= b \end{align}")], id="an environment that is displayed"),
        pytest.param('<img src="https://latex.codecogs.com/svg.latex?a&plus;b">', [("inline_math", "a+b")], id="CodeCogs' plus"),
        pytest.param('<img src="https://latex.codecogs.com/svg.latex?a%20+b">', [("inline_math", "a +b")], id="a plus beside %20"),
        pytest.param('<img src="https://s0.wp.com/latex.php?latex=a+%2B+b">', [("inline_math", "a + b")], id="a plus for a blank"),
    ],
)  # fmt: skip
def test_form(page, expected):
    assert atoms_of(page)[0] == expected


@pytest.mark.parametrize(
    "page",
    [
        pytest.param('<img src="/img/latex-gloves.jpg" alt="Latex gloves, powder free">', id="latex gloves"),
        pytest.param('<img class="latex" src="a.png" alt="LaTeX">', id="the logo"),
        pytest.param('<img src="C:\\Users\\me\\photo.jpg" alt="C:\\Users\\me\\photo.jpg">', id="a path"),
        pytest.param('<img src="/formula-1/race.jpg" alt="Formula 1: the race_2024 photo">', id="formula one"),
        pytest.param('<img src="/image?url=http%3A%2F%2Fx.example%2Fmath.png&w=3" alt="Maths class of 2019">', id="an image service"),
        pytest.param('<img src="/chart?cht=p3&chl=Hello|World&chd=t:60,40">', id="a pie chart"),
        pytest.param('<div class="math">Mathematics is the science of quantity.</div>', id="class math on prose"),
        pytest.param('<a class="math" href="/math/tex">Math</a>', id="a link"),
        pytest.param('<li class="category-math equation">Equation of time</li>', id="a category"),
        pytest.param('<td data-formula="=SUM(A1:A3)">6</td>', id="a spreadsheet"),
        pytest.param('<div data-math="true" data-expr="1">x</div>', id="flags"),
        pytest.param('<span class="formula">H<sub>2</sub>O</span>', id="chemistry in HTML"),
        pytest.param('<script type="application/json">{"tex": "$x^2$"}</script>', id="a script"),
        pytest.param('<div class="latex">This document explains latex.</div>', id="class latex on prose"),
        pytest.param("<p>He paid $5 <em>and</em> then $10 more.</p>", id="prices around emphasis"),
        pytest.param("<p>$$</p><p>Cheap eats</p><p>$$$</p>", id="price classes"),
        pytest.param('<span class="katex"></span><math></math><mjx-container></mjx-container><d-math></d-math>', id="empty ones"),
        pytest.param('<span class="math">see <a href="/x">x</a> for more</span>', id="class math with a link"),
    ],
)
def test_no_formula(page):
    assert atoms_of(f"<p>Some words.</p>{page}")[0] == []


def text_of(page):
    """Texts of a page's blocks."""
    found = read(page.encode())
    return [found.blocks.text_of(k) for k in range(len(found.blocks))]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param("<p>$$</p>\n<p>a &amp;= b \\\\</p>\n<p>c &amp;= d</p>\n<p>$$</p><p>End.</p>", ["$$a &= b \\\\\nc &= d$$", "End."],
                     id="delimiters in paragraphs of their own"),
        pytest.param("<p>$$ a = b</p><p>c = d $$</p>", ["$$a = b\nc = d$$"], id="a blank line inside"),
        pytest.param("<p>\\[ a<br>= b</p><p>+ c \\]</p>", ["$$a\n= b\n+ c$$"], id="brackets and a line break"),
        pytest.param("<p>\\begin{align} a &amp;= b</p><p>&amp;= c \\end{align}</p>", ["$$\\begin{align} a &= b\n&= c \\end{align}$$"],
                     id="an environment"),
        pytest.param("<p>$$ a = b</p><p>no end</p>", ["$$ a = b", "no end"], id="no end"),
        pytest.param("<p>$$ a = b</p><p>words $$ more</p>", ["$$ a = b", "words $$ more"], id="an end amid words"),
        pytest.param("<p>$$ a</p><ul><li>b $$</li></ul>", ["$$ a", "b $$"], id="a list between"),
        pytest.param("<p>So $x<em>1 + y</em>2$ holds.</p>", ["So $x_1 + y_2$ holds."], id="underscores made emphasis"),
        pytest.param("<p>So $x<em>i$ and $y</em>i$ hold.</p>", ["So $x_i$ and $y_i$ hold."], id="over two formulas"),
        pytest.param("<p>\\(a^<em> b^</em>\\) is</p>", ["\\(a^* b^*\\) is"], id="asterisks made emphasis"),
        pytest.param("<p>It is $x$ and <em>very</em> good $y$.</p>", ["It is $x$ and very good $y$."], id="emphasis between formulas"),
        pytest.param("<p>$\\alpha<em>1 = \\beta</em>2$, <em>really</em></p>", ["$\\alpha_1 = \\beta_2$, really"], id="and another"),
        pytest.param("<p>It cost $5 <em>or</em> $6.</p>", ["It cost $5 or $6."], id="prices"),
        pytest.param("<p>$$x<em>1$$</em> and</p>", ["$$x1$$ and"], id="emphasis that ends outside"),
    ],
)  # fmt: skip
def test_broken_by_markdown(page, expected):
    assert text_of(page) == expected


def test_a_formula_that_holds_dollars_keeps_other_delimiters():
    assert text_of("<p>Let <d-math>x \\text{ if $y$}</d-math> be.</p>") == ["Let \\(x \\text{ if $y$}\\) be."]


pieces = st.sampled_from([
    '<span class="katex">', '<span class="katex-html">', '<span class="vlist">', '<span class="mfrac">', '<span class="msupsub">',
    "</span>", "<math>", "</math>", "<mi>", "<annotation encoding=tex>", "<mjx-container>", "<mjx-math>", "</script>", "<noscript>",
    '<span class="MathJax_Preview">', '<span class="MathJax">', '<script type="math/tex">', '<img class="latex" alt="x">', "</div>",
    '<div class="math">', '<img src="http://latex.codecogs.com/gif.latex?%">', '<div class="ltx_equation">',
    '<span class="mwe-math-element">', '<img data-mathml="«math»«mi»" class="Wirisformula">', '<span class="texhtml">', "<sub>",
    "<p>", "</p>", "<em>", "</em>", "<br>", "$$", "$", "\\[", "\\]", "\\begin{align}", "\\end{align}", "x", " ", "\0",
])  # fmt: skip


@given(st.lists(pieces, max_size=40).map("".join))
def test_any_page(page):
    atoms_of(page)


@given(st.binary(max_size=300))
def test_any_bytes(data):
    tree = parse(data + b'<span class="katex">' + data)
    formula_atoms(tree)
    assert may_have_formulas(tree.source)


NESTED = 450
HOSTILE = {
    "formulas": "<p>" + '<img class="latex" alt="x">' * 20_000,
    "tokens": "<math>" + "<mi>x</mi>" * 50_000,
    "KaTeX in KaTeX": '<span class="katex">' * NESTED + "<i></i>" * 50_000,
    "math in math": ('<div class="math">' + "<i>x</i>" * 100) * NESTED,
    "equation tables": '<div class="ltx_equation">' * NESTED + "<i></i>" * 50_000,
    "MathJax in MathJax": '<span class="MathJax">' * NESTED + "<i>x</i>" * 50_000,
    "KaTeX's operators": '<span class="katex"><span class="katex-html">' + '<span class="mop">' * NESTED + "<span>a</span>" * 50_000,
    "previews": '<span class="MathJax_Preview"></span>' * 50_000,
    "displays without an end": "<p>\\[ x</p>" * 30_000,
    "displays": "<p>$$ x</p>" * 30_000,
    "emphases": "<p>" + "$a<em>b</em> <b>$<em>c</em></b>" * 10_000,
    "a long attribute": '<div class="katex-display" data-latex="' + "x&amp;y" * 200_000 + '">' + '<span class="katex">x</span>' * 10_000,
    "nesting in an attribute": '<img class="Wirisformula" data-mathml="' + "«div»" * 100_000 + '">',
}


@pytest.mark.parametrize("page", HOSTILE.values(), ids=HOSTILE)
def test_linear(page):
    tree = parse(page)
    within_cpu_seconds(2, formula_atoms, tree)  # twice the promise: machines that run tests are shared


def test_pages_without_formulas_are_told_by_their_bytes():
    assert not may_have_formulas(b'<p class="text">An ordinary page of <b>words</b>, "late" forms and a price of $5.</p>' * 100)
    assert may_have_formulas(b"<p>" * 1000 + b"<math>")


def test_node_of_an_atom_is_the_element():
    tree = parse("<p>a <math><mi>x</mi></math> b</p>")
    (atom,) = formula_atoms(tree)
    assert Node(tree, atom.first).name == "math"
    assert Node(tree, atom.last).text() == " b"
