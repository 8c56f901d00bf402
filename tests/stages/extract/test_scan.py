"""The scan bounds a page and leaves the tree of what is read as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.extract.scan import MAX_ATTRIBUTES, MAX_DEPTH, scan
from stages.extract.tree import parse
from tests.cpu_time import within_cpu_seconds


def left(page):
    return scan(page.encode()).page.decode()


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param("<p>a &lt; b<br/>é</p>", "<p>a &lt; b<br>é</p>", id="a page as it is"),
        pytest.param("a<!-- <p> -->b<!---->c<!-->d<!--x--!>e", "abcde", id="comments"),
        pytest.param("a<!-- never closed", "a", id="a comment without end"),
        pytest.param("a</ x>b<?php x ?>c", "abc", id="bogus comments"),
        pytest.param("<!DOCTYPE html><p>", "<!DOCTYPE html><p>", id="the doctype stays: tables in paragraphs depend on it"),
        pytest.param("<script>if (a<b) '</p>'</script>x", "x", id="a script"),
        pytest.param("<script><!-- <script></script> --></script>x", "x", id="a script in a script"),
        pytest.param("<SCRIPT SRC=x></Script >x", "x", id="capitals"),
        pytest.param("<script type='math/tex; mode=display'>a<b</script>", "<script type='math/tex; mode=display'>a<b</script>",
                     id="a formula"),
        pytest.param('<script type="application/ld+json">{}</script>', '<script type="application/ld+json">{}</script>', id="metadata"),
        pytest.param("<style>p{}</style><iframe>x</iframe>y", "y", id="styles and frames"),
        pytest.param("<title>a<b></title>", "<title>a<b></title>", id="a title's text"),
        pytest.param("<p onclick='x' style='display:none' class=a>", "<p style='display:none' class=a>", id="handlers"),
        pytest.param("<img srcset='a 1x' alt='b'><path d='m0'>", "<img alt='b'><path>", id="what nobody reads"),
        pytest.param("a < b <3 <", "a < b <3 <", id="no tags"),
        pytest.param("x<p class='never closed", "x", id="a tag without end"),
        pytest.param("<a href=x>y</a", "<a href=x>y", id="an end tag without end"),
        pytest.param("<svg><![CDATA[ <p> ]]></svg>", "<svg><![CDATA[ <p> ]]></svg>", id="CDATA in a drawing"),
        pytest.param("<![CDATA[ <p> ]]>x", " ]]>x", id="CDATA elsewhere is a comment"),
        pytest.param("<p data-a='<!--' b>c", "<p data-a='<!--' b>c", id="a comment in an attribute is none"),
    ],
)  # fmt: skip
def test_what_is_left(page, expected):
    assert left(page) == expected


def depth_of(page):
    tree = parse(scan(page.encode()).page)
    depth = [0] * len(tree)
    for index in range(1, len(tree)):
        depth[index] = depth[tree.parent[index]] + 1
    return max(depth)


UNCLOSED = [
    pytest.param("<p>x", id="p"), pytest.param("<li>x", id="li"), pytest.param("<dt>x<dd>y", id="dt and dd"),
    pytest.param("<p><li>x", id="p and li"), pytest.param("<h1>x<h2>y", id="headings"), pytest.param("<a name=x>y", id="anchors"),
]  # fmt: skip


@pytest.mark.parametrize("piece", UNCLOSED)
def test_unclosed_elements_are_flat_as_in_a_browser(piece):
    page = piece * 2_000
    assert scan(page.encode()).flattened == 0
    assert parse(scan(page.encode()).page).root.text() == parse(page).root.text()


def test_rows_and_cells_end_each_other():
    page = "<table>" + "<tr><td>a<td>b" * 2_000
    assert scan(page.encode()).flattened == 0
    assert depth_of(page) < 10


HOSTILE = [
    pytest.param("<div>" * 50_000, id="div"), pytest.param("<table><tr><td>" * 20_000, id="tables"),
    pytest.param("<li><ul>" * 20_000, id="lists"), pytest.param("<b><i>" * 50_000, id="formatting"),
    pytest.param("<p><b>x</p>" * 50_000, id="formatting in paragraphs"),
    pytest.param("<span>" * 50_000 + "</span>" * 50_000, id="closed spans"), pytest.param("<svg>" * 50_000, id="svg"),
    pytest.param("<x-y></z>" * 50_000, id="end tags of nothing"), pytest.param("<button><p>" * 20_000, id="buttons"),
    pytest.param("<span><div></span>" * 50_000, id="end tags that do not reach"),
    pytest.param("<a><div></a>" * 20_000, id="links around blocks"), pytest.param("<table>" * 50_000, id="tables in tables"),
    pytest.param("<select><option>" * 20_000, id="options"),
]  # fmt: skip


@pytest.mark.parametrize("page", HOSTILE)
def test_depth_and_time_are_bounded(page):
    assert depth_of(page + "end") <= 2 * MAX_DEPTH
    within_cpu_seconds(5, depth_of, page + "end")


def test_flattened_content_stays():
    page = "<div>" * 600 + "deep" + "</div>" * 600 + "after"
    scanned = scan(page.encode())
    assert scanned.flattened == 600 - MAX_DEPTH
    body = next(parse(scanned.page).elements("body"))
    assert [c.name or c.text() for c in body.children()] == ["div", "after"]
    assert body.text() == "deepafter"


def test_attributes_are_bounded():
    page = "<p " + " ".join(f"a{i}=1" for i in range(50_000)) + ">x"
    assert len(next(parse(scan(page.encode()).page).elements("p")).attributes()) == MAX_ATTRIBUTES
    assert left(f"<img src='data:{'x' * 20_000}' alt=a>") == "<img alt=a>"


def test_nodes_are_estimated_from_above():
    page = b"<font a=1><b c=2>" * 10 + b"<p>x" * 1_000
    scanned = scan(page)
    assert len(parse(scanned.page)) <= scanned.nodes < 50_000


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("<plaintext>" + "<div>" * 20_000, id="plaintext"),
        pytest.param("<svg><title>" + "<div>" * 20_000, id="a title in a drawing"),
        pytest.param("<math><textarea>" + "<div>" * 20_000, id="a field in a formula"),
        pytest.param(("<svg><script type=math/tex>" + "<div>" * 10_000 + "</script>") * 4, id="scripts in drawings"),
        pytest.param("<svg><p><![CDATA[>" + "<div>" * 20_000, id="CDATA behind a drawing that was broken off"),
    ],
)  # fmt: skip
def test_tags_in_what_the_parser_does_not_take_for_raw_text_are_bounded(page):
    scanned = scan(page.encode())
    assert len(parse(scanned.page)) <= scanned.nodes
    assert depth_of(page) <= 2 * MAX_DEPTH


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param("<table><font a={}></table>x<p>", id="in tables"), pytest.param("<p><font a={}></i></p>x", id="an end tag of another"),
        pytest.param("<p><font a={}></p><table><td></font></table>", id="an end tag within a cell"),
    ],
)  # fmt: skip
def test_formatting_elements_that_are_opened_again_are_bounded(piece):
    scanned = scan("".join(piece.format(i) for i in range(1_500)).encode())
    assert len(parse(scanned.page)) <= min(scanned.nodes, 100_000)


PIECES = st.sampled_from([
    "<p>", "</p>", "<div>", "</div>", "<b>", "</b>", "<table>", "<tr>", "<td>", "</td>", "</tr>", "</table>", "text", " ", "&lt;", "<", ">",
    "<ul>", "<li>", "</li>", "</ul>", "<a href='x'>", "</a>", "<select>", "<option>", "</select>", "<br>", "<br/>", "<h1>", "</h2>", "<h3>",
    "<dl><dt>", "<dd>", "<span>", "</span>", "<form>", "</form>", "<button>", "</button>", "<tbody>", "<th>", "<caption>",
    "<pre>\n", "</pre>",
])  # fmt: skip


@given(st.lists(PIECES, max_size=60).map("".join))
def test_the_tree_is_that_of_the_page(page):
    """Nothing here is left out, so the parser must build the same tree from what is left."""
    before, after = parse(page), parse(scan(page.encode()).page)
    assert after.source == before.source


ODD = st.one_of(PIECES, st.sampled_from([
    "<table><td>", "<font a=1>", "<font a=2>", "</font>", "<i>", "</i>", "<svg>", "<title>", "</title>", "<script type=math/tex>",
    "</script>", "<template>", "<marquee>", "<plaintext>", "<![CDATA[", "]]>", "</br>", "<col>",
    "<textarea>", "</a>", "<math>", "<xmp>", "<frameset>",
]))  # fmt: skip


@given(st.lists(ODD, max_size=80).map("".join))
def test_the_estimate_is_never_below_the_nodes(page):
    scanned = scan(page.encode())
    assert len(parse(scanned.page)) <= scanned.nodes


@given(st.binary(max_size=400))
def test_any_bytes(page):
    scanned = scan(page)
    assert scan(scanned.page).page is not None
    parse(scanned.page).root.text().encode()
