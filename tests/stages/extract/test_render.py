"""How kept blocks are written, in each format."""

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.extract import blocks as b
from stages.extract.markdown import strip_markdown
from stages.extract.math.raw_tex import find_formulas
from stages.extract.page import read
from stages.extract.render import MARKDOWN, RAW_TEX, marks_of, render


def written(html, form="text", *, strip=True, keep=None):
    page = read(f"<body>{html}".encode())
    return render(page, np.ones(len(page.blocks), bool) if keep is None else np.array(keep), form, strip=strip)


@pytest.mark.parametrize(
    ("html", "text", "markdown"),
    [
        pytest.param("<h2>A</h2><p>b<p>c", "A\n\nb\n\nc", "## A\n\nb\n\nc", id="headings and paragraphs"),
        pytest.param("<ul><li>a<li>b</ul>c", "- a\n- b\n\nc", "- a\n- b\n\nc", id="a list"),
        pytest.param("<ol start=9><li>a<li>b</ol>", "9. a\n10. b", "9. a\n10. b", id="numbers"),
        pytest.param("<ul><li>a<ol><li>b</ol></ul>", "- a\n    1. b", "- a\n    1. b", id="a list in a list"),
        pytest.param("<ul><li><p>a<p>b</ul>", "- a\n\nb", "- a\n\nb", id="paragraphs in an item"),
        pytest.param("<ul><li><h3>a</h3>b</ul>", "- a\n\nb", "- ### a\n\nb", id="a heading in an item"),
        pytest.param("<ul><li>" * 12 + "a", "    " * 8 + "- a", "    " * 8 + "- a", id="a list too deep to be one"),
        pytest.param("<dl><dt>a<dd>b<dd>c</dl>", "a\nb\n\nc", "a\nb\n\nc", id="terms"),
        pytest.param("<table><tr><th>a<th>b<tr><td>c<td>1</table>", "a\tb\nc\t1", "| a | b |\n| --- | --- |\n| c | 1 |", id="table"),
        pytest.param("<table><tr><td>a|b<td>c</table>", "a|b\tc", "| a\\|b | c |\n| --- | --- |", id="a pipe in a cell"),
        pytest.param("<table><tr><td>a<br>b<td>c</table>", "a b\tc", "| a b | c |\n| --- | --- |", id="lines in a cell"),
        pytest.param(f"<table><tr><td>a<td>{'b' * 301}</table>", f"a\n\n{'b' * 301}", f"a\n\n{'b' * 301}", id="a layout table"),
        pytest.param("<pre><code class=language-c>a\n  b</code></pre>", "a\n  b", "```c\na\n  b\n```", id="code"),
        pytest.param("<pre>```\na</pre>", "```\na", "````\n```\na\n````", id="a fence in code"),
        pytest.param(r"<p>\(x_1\) and $y^2$ for $5", "$x_1$ and $y^2$ for $5", "$x_1$ and $y^2$ for $5", id="raw formulas"),
        pytest.param("<p>é <code>a_b</code> **b** _c_ my_var", "é a_b b c my_var", "é a_b b c my_var", id="markers"),
        pytest.param("<pre>````\n~~~~~~~~</pre>", "````\n~~~~~~~~", "`````\n````\n~~~~~~~~\n`````", id="both fences in code"),
        pytest.param("<ol><li><h3>A</h3>b</ol>", "1. A\n\nb", "1. ### A\n\nb", id="a heading opens an item"),
        pytest.param("<ol><li><script type='math/tex; mode=display'>x</script></ol>", "1. $$x$$", "1. $$x$$", id="a formula opens an item"),
        pytest.param("<table><tr><td><th>a<th>b<tr><th>c<td>1<td>2</table>", "\ta\tb\nc\t1\t2",
                     "|  | a | b |\n| --- | --- | --- |\n| c | 1 | 2 |", id="an empty corner"),
        pytest.param("<table><tr><td>a<td>b<td>c<tr><td>d<td><td>e<tr><td>f<td>g</table>", "a\tb\tc\nd\t\te\nf\tg",
                     "| a | b | c |\n| --- | --- | --- |\n| d |  | e |\n| f | g |", id="empty cells"),
        pytest.param("<table><tr><th colspan=2>a<th>b<tr><td>c<td>d<td>e</table>", "a\t\tb\nc\td\te",
                     "| a |  | b |\n| --- | --- | --- |\n| c | d | e |", id="colspan"),
        pytest.param("<table><tr><td rowspan=2>a<td>b<tr><td>c</table>", "a\tb\n\tc", "| a | b |\n| --- | --- |\n|  | c |", id="rowspan"),
        pytest.param("<table><tr><td>a<td><td>b<tr><td>c<td><td>d</table>", "a\tb\nc\td", "| a | b |\n| --- | --- |\n| c | d |",
                     id="a column without text"),
        pytest.param("<table><tr><td>a<p>b<td>c</table>", "a b\tc", "| a b | c |\n| --- | --- |", id="a cell of two blocks"),
        pytest.param("<table><tr><td><h3>a</h3>b<td><ul><li>c<li>d</ul><tr><td>e<td><ol><li>f</ol></table>", "a b\t- c - d\ne\t1. f",
                     "| a b | - c - d |\n| --- | --- |\n| e | 1. f |", id="a heading and lists in cells"),
        pytest.param("<table><tr><td>a<td>b<tr><td>c<tr><td>d<td>e</table>", "a\tb\nc\nd\te", "| a | b |\n| --- | --- |\n| c |\n| d | e |",
                     id="a row of one cell"),
        pytest.param("<table><tr><th colspan=2>a<tr><td>b<td>c</table>", "a\nb\tc", "| a |  |\n| --- | --- |\n| b | c |", id="a title row"),
        pytest.param("<table><tr><td>a<tr><td>b</table>", "a\n\nb", "a\n\nb", id="a table of one column is layout"),
        pytest.param("<table><tr><td>a<td>b</table><table><tr><td>c<td>d</table>", "a\tb\n\nc\td",
                     "| a | b |\n| --- | --- |\n\n| c | d |\n| --- | --- |", id="two tables"),
        pytest.param("<table><tr><td>a<td>b<tr><td>c<td><pre>d\ne</pre></table>", "a\tb\n\nc\n\nd\ne",
                     "| a | b |\n| --- | --- |\n\nc\n\n```\nd\ne\n```", id="code in a cell"),
        pytest.param("<table><tr><td>a<td>b<tr><td>c<tr><td>d<td><pre>e</pre></table>", "a\tb\n\nc\n\nd\n\ne",
                     "| a | b |\n| --- | --- |\n\nc\n\nd\n\n```\ne\n```", id="a row of one cell in a table that is layout"),
        pytest.param("<table><tr><td>a<td><table><tr><td>b<td>c</table>d<td>e<tr><td>f</table>", "a\n\nb\tc\n\nd\te\n\nf",
                     "a\n\n| b | c |\n| --- | --- |\n\n| d | e |\n| --- | --- |\n\nf", id="a table in a table"),
        pytest.param("<ol start=-1><li>a<li>b</ol>", "-1. a\n0. b", "-1. a\n0. b", id="numbers from below zero"),
        pytest.param("<ol><li><pre>a\n b</pre><li>c</ol>", "1.\na\n b\n\n2. c", "1. ```\n   a\n    b\n   ```\n\n2. c",
                     id="code opens an item"),
        pytest.param("<ul><li><img alt=a><li><div><img alt=b></div><p>c</ul>", "- a\n- b\nc", "- a\n- b\nc", id="images open items"),
        pytest.param("<p>a<p> <p>b", "a\n\nb", "a\n\nb", id="nothing in between"),
        pytest.param("", "", "", id="nothing"),
    ],
)  # fmt: skip
def test_forms(html, text, markdown):
    assert written(html).text == text
    assert written(html, "markdown").text == markdown


def test_markers_stay_if_asked():
    assert written("<p>**b**", strip=False).text == "**b**"


def test_structured():
    html = "<h2>A</h2><ol><li>b</ol><table><tr><td>c<td>d<tr><td>e<td>f</table><pre><code class=language-c>g</code></pre>"
    assert [json.loads(line) for line in written(html, "structured").text.splitlines()] == [
        {"kind": "heading", "text": "A", "level": 2}, {"kind": "item", "text": "b", "level": 1, "number": 1},
        {"kind": "cell", "text": "c", "row": 1, "column": 1}, {"kind": "cell", "text": "d", "row": 1, "column": 2},
        {"kind": "cell", "text": "e", "row": 2, "column": 1}, {"kind": "cell", "text": "f", "row": 2, "column": 2},
        {"kind": "code", "text": "g", "language": "c"},
    ]  # fmt: skip


def test_structured_has_an_object_a_line_for_every_reader():
    made = written("<p>a\u2028b\u2029c\x85d", "structured").text
    assert [json.loads(line)["text"] for line in made.splitlines()] == ["a\u2028b\u2029c\x85d"]


def test_what_is_too_long_for_a_paragraph_is_written_as_it_stands():
    text = "a *b* " * 30_000
    made = written(f"<p>{text}<script type='math/tex'>x</script>")
    assert made.text == f"{text}$x$"
    assert made.n_formulas == 1


def test_deep_lists_are_indented_within_bounds():
    assert len(written("<ul><li>x" * 500).text) < 500 * 40


def test_formulas_in_markup_shown_as_text_are_forgotten_with_it():
    made = written("<noscript>&lt;p> <script type='math/tex'>x</script></noscript><p>y *z* <code>*a*</code>")
    assert made.text == "y z *a*"
    assert made.n_formulas == 0
    assert written("<div>y<noscript><div>&lt;i> <code>a</code></div></noscript>").text == "y"


def test_only_kept_blocks_are_written():
    assert written("<p>a<p>b<p>c", keep=[True, False, True]).text == "a\n\nc"
    assert written("<ul><li><div><img alt=a></div>b</ul>", keep=[False, True]).text == "- b"


def test_empty_cells_are_bounded():
    page = "<table><tr>" + "<td>a" * 100 + "<tr><td colspan=99><td>b" * 100
    assert len(written(page).text) < len(page) // 4
    page = "<table><tr>" + "<td rowspan=200>a" * 63 + "<td>b<tr><td>c" * 100
    assert len(written(page).text) < 64 * 102


def test_counts():
    html = "<p>$x_1$ <script type='math/tex'>y</script> <a href=u>link</a><script type='math/tex; mode=display'>z</script><pre>code()</pre>"
    made = written(html)
    assert (made.n_blocks, made.n_formulas, made.n_code_blocks) == (3, 3, 1)
    assert made.code_share == pytest.approx(6 / len(made.text))
    assert 0 < made.link_density < 0.5


@pytest.mark.parametrize("piece", ["<code>a_b</code> é ", "$x_1$ é ", "**a** _b_ "])
def test_many_spans_in_one_block_are_linear(piece):
    def seconds(n):
        page = read(("<p>" + piece * n).encode())
        start = time.process_time()
        render(page, np.ones(len(page.blocks), bool), "text", strip=True)
        return time.process_time() - start

    seconds(100)
    assert min(seconds(40_000) for _ in range(2)) < 40 * max(0.02, seconds(4_000))


MARKS = st.text(st.sampled_from("*_`~[]()#>-=$\\{}/!ab1 \n.é中|tex"), max_size=30)


@settings(max_examples=500, deadline=None)
@given(MARKS)
def test_a_block_that_is_not_searched_holds_nothing_to_find(text):
    data = text.encode()
    table = np.zeros((1, len(b.FIELDS)), np.int64)
    table[0, b.STOP] = len(data)
    marks = marks_of(np.frombuffer(data, np.uint8), table)[0]
    assert marks & RAW_TEX or not find_formulas(text, sure=True)
    assert marks & MARKDOWN or strip_markdown(text) == text


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("it costs $5 or $6", 0), ("$5", 0), ("$x$", 1), ("$$ x $$", 1), (r"C:\dir", 0), (r"\(x", 1), ("[/tex]", 1), ("my_var_name", 0),
        ("2 * 3 * 4", 0), ("2*3", 0), ("*a", 2), ("_a_", 2), ("a_ b", 2), ("a > b = c", 0), ("> b", 2), ("a\n- b", 2), ("a - b", 0),
        ("# a", 2), ("a #1", 0), ("a ## b", 1), ("`", 2), ("a~b", 0), ("~~a~~", 2), ("[a] (b)", 0), ("[a](b)", 2),
        ("US$ 5", 0), ("* * *", 2),
    ],
)  # fmt: skip
def test_what_is_searched(text, marks):
    table = np.zeros((1, len(b.FIELDS)), np.int64)
    table[0, b.STOP] = len(text)
    assert marks_of(np.frombuffer(text.encode(), np.uint8), table)[0] == marks


def test_a_wide_row_does_not_widen_every_head():
    """Rows of long cells part the table, and each part has a head of its own."""
    html = "<table><tr>" + "<td>a" * 5_000 + ("<tr><td>" + "long word " * 31 + "<tr><td>b<td>c") * 500
    assert len(written(html, "markdown").text) < 4 * len(html)


PIECES = st.sampled_from([
    "<p>", "<ul><li>", "</ul>", "<ol><li>", "</ol>", "<table><tr><td>", "<td>", "</table>", "<pre>", "</pre>", "<h3>", "</h3>", "word ",
    "<code>", "</code>", "$x$", "é", "<br>", "<dl><dt>", "<dd>", "<blockquote>", "</blockquote>", "<img alt='pic'>",
])  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join))
def test_every_kept_text_is_there(html):
    page = read(f"<body>{html}".encode())
    keep = np.ones(len(page.blocks), bool)
    flat = "".join(render(page, keep, "text", strip=False).text.split())
    at = 0
    for k in range(len(page.blocks)):
        piece = "".join(page.blocks.text_of(k).split())
        found = flat.find(piece, at)
        assert found >= 0
        at = found + len(piece)
    lines = render(page, keep, "structured", strip=False).text.splitlines()
    assert all(json.loads(line)["text"].strip() for line in lines)
