"""Features of blocks: some checked by hand, and finite for any page."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.extract.features import FAR, NAMES, features
from stages.extract.page import read
from stages.extract.page_kind import NAMES as PAGE_KIND
from stages.extract.page_kind import page_kind
from stages.extract.tree import parse

MENU = "<nav><ul><li><a href=/>Home page</a><li><a href=/b>About</a></ul></nav>"
PAGE = (
    f"<title>The old garden</title><body>{MENU}<div class='entry-content'><h1>The old garden</h1>"
    "<p>Nobody knew it, not even 3 of us. <b>Why</b> was it so?</p><p>In 1984 it grew.</p></div><div class=footer>© 2024 | all rights</div>"
)


def of(html, url=None):
    page = read(html.encode())
    values = features(page.tree, page.blocks, page.title, url)
    return {page.blocks.text_of(k)[:9]: dict(zip(NAMES, values[k].tolist(), strict=True)) for k in range(len(page.blocks))}


@pytest.mark.parametrize(
    ("block", "name", "value"),
    [
        pytest.param("Home page", "link_share", 1, id="a link"),
        pytest.param("Home page", "in_nav", 1, id="in a nav"),
        pytest.param("Home page", "alike0", 2, id="two items alike"),
        pytest.param("Nobody kn", "link_share", 0, id="no link"),
        pytest.param("Nobody kn", "log_words", np.log1p(12), id="words"),
        pytest.param("Nobody kn", "ends", 2, id="sentences"),
        pytest.param("Nobody kn", "end_mark", 1, id="ends as a sentence"),
        pytest.param("Nobody kn", "commas", 1 / 12, id="commas a word"),
        pytest.param("Nobody kn", "hint_content", 1, id="content is named one level up"),
        pytest.param("Home page", "hint_content", FAR, id="and nowhere above the menu"),
        pytest.param("Nobody kn", "h1_joint", 1, id="one level up it meets the heading"),
        pytest.param("Nobody kn", "h1_distance", 1, id="one block behind it"),
        pytest.param("Home page", "h1_joint", 2, id="the menu meets it at the page's top"),
        pytest.param("The old g", "title_cover", 1, id="says the whole title"),
        pytest.param("The old g", "level", 1, id="a heading of level one"),
        pytest.param("In 1984 i", "years", 1, id="a year"),
        pytest.param("© 2024 | ", "symbols", 2, id="symbols"),
        pytest.param("© 2024 | ", "hint_footer", 0, id="its own name"),
        pytest.param("In 1984 i", "up1_log_blocks", np.log1p(3), id="blocks of level one"),
        pytest.param("In 1984 i", "page_log_blocks", np.log1p(6), id="blocks of the page"),
    ],
)
def test_by_hand(block, name, value):
    assert of(PAGE)[block][name] == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("one two-three", 3, id="Latin"),
        pytest.param("日本語の文", 3, id="two ideographs or kana are a word"),
        pytest.param("ภาษาไทยง่าย", 2, id="four letters of Thai are a word"),
        pytest.param("слово и слово", 3, id="Cyrillic"),
        pytest.param("한국어 문장", 2, id="Hangul has blanks"),
    ],
)
def test_words_of_any_script(text, words):
    (row,) = of(f"<p>{text}").values()
    assert np.expm1(row["log_words"]) == pytest.approx(words, abs=1.01)


LD = "<script type='application/ld+json'>"


@pytest.mark.parametrize(
    ("head", "url", "said"),
    [
        pytest.param("", "http://a.example/shop/product/1", {"url_product": 1, "url_depth": 3, "url_digits": 1}, id="an address"),
        pytest.param("", None, {"url_depth": -1}, id="no address"),
        pytest.param('<meta property="og:type" content="article">', "http://a.example/", {"typed_article": 1}, id="Open Graph"),
        pytest.param(f"{LD}{{'@type': ['QAPage']}}</script>".replace("'", '"'), "http://a.example/", {"typed_thread": 1}, id="JSON-LD"),
        pytest.param('<p>"@type": "QAPage"</p>', "http://a.example/", {}, id="text says nothing"),
    ],
)
def test_page_kind(head, url, said):
    values = dict(zip(PAGE_KIND, page_kind(parse(f"<html><head>{head}"), url).tolist(), strict=True))
    assert {name: value for name, value in values.items() if value} == said


PIECES = st.sampled_from([
    "<p>", "</p>", "<div class='post nav'>", "</div>", "<table><tr><td>", "</table>", "<ul><li>", "</ul>", "<h1>", "</h1>", "a, b. ",
    "中文。", "<a href=x>", "</a>", "<pre>", "</pre>", "$x$", "<img alt=y>", "\u0e44\u0e17\u0e22", "\U0001f600", "©|>",
    "<br>", "<nav>", "</nav>",
])  # fmt: skip


@given(st.lists(PIECES, max_size=60).map("".join))
def test_finite_for_any_page(html):
    page = read(html.encode())
    values = features(page.tree, page.blocks, page.title, "http://a.example/x")
    assert values.shape == (len(page.blocks), len(NAMES))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
