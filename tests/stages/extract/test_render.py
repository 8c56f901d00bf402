"""How kept blocks are written, in each format."""

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.extract.page import read
from stages.extract.render import render


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
        {"kind": "cell", "text": "c", "row": 1}, {"kind": "cell", "text": "d", "row": 1}, {"kind": "cell", "text": "e", "row": 2},
        {"kind": "cell", "text": "f", "row": 2}, {"kind": "code", "text": "g", "language": "c"},
    ]  # fmt: skip


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
    assert seconds(40_000) < 40 * max(0.02, seconds(4_000))


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
