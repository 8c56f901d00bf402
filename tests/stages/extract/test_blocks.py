"""Blocks: where they begin and end, their text, their kind, their place in lists and tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.extract import blocks as b
from stages.extract.blocks import blocks_of
from stages.extract.code.code_blocks import code_blocks
from stages.extract.tree import Atom, parse


def texts(page, atoms=()):
    found = blocks_of(parse("<body>" + page), atoms)
    return [found.text_of(k) for k in range(len(found))]


def rows(page, *fields):
    found = blocks_of(parse("<body>" + page))
    return [tuple(row[b.FIELDS.index(f)] if f != "kind" else b.KINDS[row[b.KIND]] for f in fields) for row in found.table.tolist()]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param("<p>a<p>b", ["a", "b"], id="paragraphs"),
        pytest.param("<div>a<p>b</p>c</div>d", ["a", "b", "c", "d"], id="text between blocks"),
        pytest.param("<p>a <b>b</b><i>c</i>", ["a bc"], id="inline elements"),
        pytest.param(" <p> \n a \t\n b  <b> </b> c </p> ", ["a b c"], id="white space"),
        pytest.param("<p>a&nbsp;&nbsp;b\u00a0c", ["a b c"], id="no-break spaces"),
        pytest.param("<p>so\u00adft\ufeff", ["soft"], id="soft hyphens and byte-order marks go"),
        pytest.param("<p>&lt;p&gt; &amp;amp; &quot;", ['<p> &amp; "'], id="references, once"),
        pytest.param("a<br>b", ["a\nb"], id="a line break"),
        pytest.param("a<br> <br>b<br><br><br>c<br>", ["a", "b", "c"], id="two end the block"),
        pytest.param("<a>a</a><a>b</a> c", ["a b c"], id="links side by side are apart"),
        pytest.param("<p>a<script>x</script><style>y</style>b<select><option>z</select>c", ["abc"], id="what is not text"),
        pytest.param("<p>word<wbr>break", ["wordbreak"], id="wbr"),
        pytest.param("<ruby>川<rp>(</rp><rt>kawa</rt><rp>)</rp></ruby>", ["川(kawa)"], id="ruby"),
        pytest.param("<p>a<img alt='c &amp; d'>b<p>e", ["a b", "c & d", "e"], id="alt text stands behind its block"),
        pytest.param("<p>a<img alt=c>b<img alt=d><img alt=e>", ["a b", "c", "d", "e"], id="several images"),
        pytest.param("<p>a<img alt=''>b", ["a b"], id="no alt"),
        pytest.param("<noscript><p>a</noscript>", ["a"], id="noscript"),
        pytest.param("<template>a</template><template shadowrootmode=open>b</template>", ["b"], id="templates, and shadow roots"),
        pytest.param("<button>a</button><label>b</label><input>c", ["a", "b c"], id="forms"),
        pytest.param("", [], id="nothing"),
    ],
)  # fmt: skip
def test_texts(page, expected):
    assert texts(page) == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param("<h2>a</h2><p>b<h6>c</h6>", [("heading", 2), ("paragraph", 0), ("heading", 6)], id="headings"),
        pytest.param("<ul><li>a<ol><li>b</ol><li><p>c<p>d</ul>", [("item", 1), ("item", 2), ("item", 1), ("paragraph", 0)], id="lists"),
        pytest.param("<table><caption>a<tr><th>b<td>c</table>", [("caption", 0), ("cell", 0), ("cell", 0)], id="a table"),
        pytest.param("<dl><dt>a<dd>b</dl><figure>c<figcaption>d</figure>",
                     [("term", 0), ("paragraph", 0), ("paragraph", 0), ("caption", 0)], id="terms"),
        pytest.param("<button>a</button><img alt=b>", [("button", 0), ("image", 0)], id="buttons and images"),
    ],
)  # fmt: skip
def test_kinds(page, expected):
    assert rows(page, "kind", "level") == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param("<ol><li>a<li>b</ol>", [1, 2], id="from one"),
        pytest.param("<ol start=7><li>a<li>b</ol>", [7, 8], id="start"),
        pytest.param("<ol><li>a<li value=9>b<li>c</ol>", [1, 9, 10], id="value"),
        pytest.param("<ol><li>a<ul><li>b</ul><li>c<ol><li>d</ol></ol>", [1, b.UNNUMBERED, 2, 1], id="nested"),
        pytest.param("<ol start=0><li>a<li>b<li value=0>c<li>d</ol>", [0, 1, 0, 1], id="from zero"),
        pytest.param("<ol reversed><li>a<li>b<ol><li>c</ol><li>d</ol>", [3, 2, 1, 1], id="reversed"),
        pytest.param("<ol reversed start=9><li>a<li value=4>b<li>c</ol>", [9, 4, 3], id="reversed from a number"),
        pytest.param("<ol start=-1><li>a<li>b<li>c<li value=-7>d</ol>", [-1, 0, 1, -7], id="below zero"),
        pytest.param("<ol start=--1><li>a</ol><ol start=-><li>b</ol>", [1, 1], id="signs alone"),
        pytest.param("<ol><div><li>a<li>b</div><li>c</ol><li>d", [1, 2, 3, b.UNNUMBERED], id="items in a wrapper"),
        pytest.param("<ul><ol><li>a</ol><div><li>b</div></ul>", [1, b.UNNUMBERED], id="the innermost list counts"),
        pytest.param("<ol start=x9><li>a</ol><ol start=12345678><li>b</ol>", [1, 1], id="no number"),
    ],
)
def test_numbers(page, expected):
    assert [n for (n,) in rows(page, "number")] == expected


def test_cells_of_a_row_share_it():
    row = rows("<table><tr><td>a<td>b<tr><td>c</table>d", "row")
    assert row[0] == row[1] != row[2]
    assert row[3] == (-1,)


def test_a_row_goes_on_behind_a_table_in_it():
    (a,), (b_,), (c,), (d,) = rows("<table><tr><td>a<td><table><tr><td>b</table>c<td>d</table>", "row")
    assert a == c == d != b_
    assert rows("<table><tr></table>a", "row") == [(-1,)]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param("<tr><td>a<th>b<td>c", [0, 1, 2], id="cells"),
        pytest.param("<tr><td><td>a<td><td>b", [1, 3], id="empty cells"),
        pytest.param("<tr><td>a<p>b<td>c<p>d", [0, 0, 1, 1], id="blocks of one cell"),
        pytest.param("<tr><td colspan=2>a<td>b<tr><td>c<td>d<td>e", [0, 2, 0, 1, 2], id="colspan"),
        pytest.param("<tr><td rowspan=2>a<td>b<tr><td>c<tr><td>d", [0, 1, 1, 0], id="rowspan"),
        pytest.param("<tr><td>a<td rowspan=2 colspan=2>b<td>c<tr><td>d<td>e", [0, 1, 3, 0, 3], id="both"),
        pytest.param("<tr><td rowspan=0>a<td>b<tr><td>c<tbody><tr><td>d", [0, 1, 1, 0], id="rowspan ends with its group"),
        pytest.param("<tr><td colspan=0>a<td colspan=x>b<td colspan=9999>c<td>d", [0, 1, 2, 1002], id="odd spans"),
        pytest.param("<tr><td>a<td><table><tr><td>b<td>c</table>d<td>e", [0, 0, 1, 1, 2], id="a table in a cell"),
        pytest.param("<caption>a<tr><td><img alt=b><td><pre>c</pre>", [-1, 0, 1], id="a caption, images, code"),
    ],
)
def test_columns(table, expected):
    tree = parse(f"<body><table>{table}</table>")
    found = blocks_of(tree, code_blocks(tree))
    assert found.table[:, b.COLUMN].tolist() == expected


def test_links_and_bold_are_counted():
    assert rows("<p>ab <a>cd</a> <b>ef</b><p>g", "links", "link_bytes", "bold_bytes") == [(1, 3, 3), (0, 0, 0)]


def test_atoms_stand_as_they_are():
    tree = parse("<body><p>a <x-f>drop</x-f> b<pre>old</pre>c<x-g></x-g><x-n>twice</x-n>d")
    f, pre, g, n = (next(e for e in tree.root.descendants() if e.name == name) for name in ("x-f", "pre", "x-g", "x-n"))
    atoms = [
        Atom(f.index, f.end, "inline_math", "x < 1"), Atom(pre.index, pre.end, "code_block", "l1\n  l2"),
        Atom(g.index, g.end, "display_math", "y"), Atom(n.index, n.end, "nothing", ""),
    ]  # fmt: skip
    found = blocks_of(tree, atoms)
    assert [found.text_of(k) for k in range(len(found))] == ["a $x < 1$ b", "l1\n  l2", "c", "$$y$$", "d"]
    assert [b.KINDS[k] for k in found.table[:, b.KIND]] == ["paragraph", "code", "paragraph", "math", "paragraph"]
    assert found.spans.tolist() == [[2, 9, b.SPAN_FORMULA]]


def test_inline_code_is_known():
    found = blocks_of(parse("<p>a <code>b_c</code> <kbd>d</kbd>"))
    assert [bytes(found.text[start:stop]) for start, stop, _ in found.spans.tolist()] == [b"b_c", b"d"]


@pytest.mark.parametrize(
    ("style", "hidden"),
    [
        ("display:none", True), ("display : none !important", True), ("color:red;visibility:hidden", True), ("display:block", False),
        ("border:none", False), ("overflow:hidden", False), ("", False),
    ],
)  # fmt: skip
def test_what_is_hidden_is_marked(style, hidden):
    found = blocks_of(parse(f"<div style='{style}'><p>a"))
    assert bool(found.marks[found.table[0, b.NODE]] & b.MARK["hidden"]) == hidden


def test_names_fall_into_groups():
    from stages.extract.hints import BIT

    found = blocks_of(parse("<body><div class='entry-content sideBar' id=comment_12 role=navigation><p>a"))
    div = found.table[0, b.NODE] - 1
    assert int(found.hints[div]) == BIT["content"] | BIT["aside"] | BIT["comment"] | BIT["nav"]
    assert found.marks[div] & b.MARK["nav"]


PIECES = st.sampled_from([
    "<p>", "</p>", "<div>", "</div>", "<b>", "</b>", "<table>", "<tr>", "<td>", "</table>", "text ", " ", "&amp;", "<ul>", "<li>", "</ul>",
    "<ol start=3>", "</ol>", "<a>", "</a>", "<br>", "<img alt=x>", "<h1>", "</h1>", "<dl><dt>", "<dd>", "<button>", "</button>", "é中",
])  # fmt: skip


@given(st.lists(PIECES, max_size=60).map("".join))
def test_no_text_is_lost_and_blocks_fill_their_elements(page):
    tree = parse("<body>" + page)
    found = blocks_of(tree)
    joined = "".join(found.text_of(k) for k in range(len(found)) if found.table[k, b.KIND] != b.IMAGE)
    assert "".join(joined.split()) == "".join(next(tree.elements("body")).text().split())
    assert found.first[0] == 0
    assert found.last[0] == len(found)
    for k in range(len(found)):
        node = found.table[k, b.NODE]
        while node > 0:
            assert found.first[node] <= k
            assert k < found.last[node] or tree.tag[node] not in b.FLOW_TAGS
            node = tree.parent[node]
