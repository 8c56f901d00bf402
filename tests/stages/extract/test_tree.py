"""The arrays hold the very tree lexbor built, whatever the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from stages.extract.tree import Tree, parse
from tests.cpu_time import within_cpu_seconds


def outline(page):
    """(depth, name or text) of every node of the body."""
    body = next(parse(page).elements("body"))
    depths = {body.index: 0}
    found = []
    for node in body.descendants():
        depths[node.index] = depths[node.parent.index] + 1
        found.append((depths[node.index], node.text() if node.is_text else node.name))
    return found


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param("<p>a<p>b", [(1, "p"), (2, "a"), (1, "p"), (2, "b")], id="implied end tags"),
        pytest.param("a<br>b<img>c", [(1, "a"), (1, "br"), (1, "b"), (1, "img"), (1, "c")], id="void elements"),
        pytest.param("<b>1<i>2</b>3</i>", [(1, "b"), (2, "1"), (2, "i"), (3, "2"), (1, "i"), (2, "3")], id="misnested formatting"),
        pytest.param("&lt;p&gt; &amp;amp; &nbsp;&eacute;", [(1, "<p> &amp; \xa0é")], id="references"),
        pytest.param("<script>a<b && '</p>'</script>x", [(1, "script"), (2, "a<b && '</p>'"), (1, "x")], id="raw text"),
        pytest.param("<textarea><b>&lt;</textarea>", [(1, "textarea"), (2, "<b><")], id="escapable raw text"),
        pytest.param("<!-- <p> -->a<!doctype x><?php x?>b", [(1, "a"), (1, "b")], id="comments and the like"),
        pytest.param("<x<y>z</x<y>w", [(1, "x<y"), (2, "z"), (1, "w")], id="odd names"),
        pytest.param("<mml:math>q</mml:math>", [(1, "mml:math"), (2, "q")], id="a prefix"),
        pytest.param("<svg><path d='m'/><linearGradient/></svg>t",
                     [(1, "svg"), (2, "path"), (2, "lineargradient"), (1, "t")], id="foreign"),
        pytest.param("<table><tr><td>1<td>2</table>",
                     [(1, "table"), (2, "tbody"), (3, "tr"), (4, "td"), (5, "1"), (4, "td"), (5, "2")], id="table"),
    ],
)  # fmt: skip
def test_outline(page, expected):
    assert outline("<body>" + page) == expected


@pytest.mark.parametrize(
    ("markup", "attributes"),
    [
        pytest.param("<p a='1' B=2 c>", {"a": "1", "b": "2", "c": ""}, id="quotes or none"),
        pytest.param('<p a="x&quot;<>&amp;y">', {"a": 'x"<>&y'}, id="references"),
        pytest.param('<p a=1 a=2>', {"a": "1"}, id="the first counts"),
        pytest.param('<p =b"="c" d="e">', {'=b"': "c", "d": "e"}, id="names that hold quotes"),
        pytest.param('<a target=""_blank" href="u">', {"target": "", '_blank"': "", "href": "u"}, id="a quote too many"),
    ],
)  # fmt: skip
def test_attributes(markup, attributes):
    page = parse(f"<body>{markup}<b>after</b>")
    node = next(next(page.elements("body")).children())
    assert node.attributes() == attributes
    assert [n.name for n in node.descendants()] == ["b", ""]
    assert all(node.get(name) == value for name, value in attributes.items())


def test_a_node_knows_its_place():
    page = parse("<div id=d class='x y'><p>one <b>two</b></p>three</div><p>four")
    div = next(page.elements("div"))
    assert [c.name or c.text() for c in div.children()] == ["p", "three"]
    assert div.text() == "one twothree"
    assert div.classes == ["x", "y"]
    assert next(page.elements("b")).parent.parent == div
    assert page.root.parent is None
    assert [n.text() for n in page.elements("p")] == ["one two", "four"]


def same_as_lexbor(page):
    parser = LexborHTMLParser(page)
    walked = [n.tag for n in parser.root.traverse(include_text=True) if n.tag not in ("-comment", "!doctype", "-undef")]
    mine = [n.name or "-text" for n in Tree(parser.html).root.descendants()]
    return mine, ["-text" if name == "-text" else name.lower() for name in walked]


PIECES = st.sampled_from([
    "<p>", "</p>", "<div class=a>", "</div>", "<b>", "</b>", "<table>", "<tr>", "<td>", "</table>", "text", " ", "&lt;", "&", "<", ">", '"',
    "<ul><li>", "</ul>", "<a href='x'>", "</a>", "<select><option>", "<svg><g>", "</svg>", "<math><mi>x</mi>", "<textarea>", "</textarea>",
    "<br>", "<img alt='q\"'>", "é", "\u2028", "<x-y>", "</x-y>", "<p a=\"b\"c'd>", "<button>", "<h1>", "</h2>",
    "<i itemprop=a>", "<a rel=author>", "<a x rel='authors b'>", "<a rel=nofollow>", "<a rel=auth>", "<b arel=author>", "<b xitemprop>",
    ' itemprop="a"', ' rel="author"', "<a class=author itemprop>",
])  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join))
def test_the_arrays_are_lexbors_tree(page):
    mine, walked = same_as_lexbor(page)
    assert mine == walked


@given(st.lists(PIECES, max_size=40).map("".join))
def test_properties_are_the_elements_with_itemprop_or_rel_author(page):
    tree = parse(page)
    named = [
        node.index for node in tree.root.descendants() if node.get("itemprop") is not None or (node.get("rel") or "").startswith("author")
    ]
    assert tree.properties.tolist() == named


@given(st.binary(max_size=300))
def test_any_bytes_give_a_tree(page):
    tree = parse(page)
    assert len(tree) >= 1
    for index in range(1, len(tree)):
        assert tree.parent[index] < index < tree.end[index] <= tree.end[tree.parent[index]]
    tree.root.text().encode()


def test_reading_is_linear():
    page = "<p class=x>y</p>" * 200_000
    assert len(parse(page)) > 400_000
    within_cpu_seconds(5, parse, page)
