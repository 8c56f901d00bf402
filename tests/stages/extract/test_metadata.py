"""metadata: where each value is read, which source is believed first, what is no value, hostile pages."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.extract.metadata import MAX_AUTHOR_CHARS, MAX_TITLE_CHARS, metadata
from stages.extract.tree import parse
from tests.cpu_time import within_cpu_seconds


def read(html, url=None):
    return metadata(parse(html), url)


def page(head="", body="", attributes=""):
    return f"<html {attributes}><head>{head}</head><body>{body}</body></html>"


def meta(key, content, attribute="name"):
    return f'<meta {attribute}="{key}" content="{content}">'


def og(key, content):
    return meta(f"og:{key}", content, "property")


def ld(value):
    return f'<script type="application/ld+json">{json.dumps(value)}</script>'


@pytest.mark.parametrize(
    ("html", "title"),
    [
        pytest.param("<title> A\n walk &amp; a talk </title>", "A walk & a talk", id="title element"),
        pytest.param("<title>A walk | The Site</title>", "A walk | The Site", id="nothing says what the site is"),
        pytest.param("<title>A walk | The Site</title>" + og("title", "A walk"), "A walk", id="Open Graph repeats a part"),
        pytest.param("<title>The Site: A walk</title>" + og("title", "A walk"), "A walk", id="the last part"),
        pytest.param("<title>A - walk - The - Site</title>" + og("title", "A - walk"), "A - walk", id="separators inside"),
        pytest.param("<title>A walk | The Site</title>" + og("title", "Another walk"), "A walk | The Site", id="another title"),
        pytest.param("<title>A walk | The Site</title>" + og("site_name", "The site"), "A walk", id="site's name at the end"),
        pytest.param("<title>The Site » A walk</title>" + og("site_name", "The Site"), "A walk", id="at the beginning"),
        pytest.param("<title>The Site</title>" + og("site_name", "The Site"), "The Site", id="the site's name alone"),
        pytest.param("<title>Site</title>", "Site", id="no separator"),
        pytest.param("<title>A longer walk - Site</title><h1>A longer walk</h1>", "A longer walk", id="a heading repeats it"),
        pytest.param("<title>A walk - Some Site</title><h1>Some Site</h1>", "A walk - Some Site", id="a heading that is the shorter part"),
        pytest.param("<title>Walks - Some Site Of Ours</title><h1>Some Site Of Ours</h1>" + og("site_name", "Some site of ours"), "Walks",
                     id="a heading that is the site's name"),
        pytest.param(og("title", "A walk") + "<h1>Other</h1>", "A walk", id="no title element: Open Graph"),
        pytest.param("<h1>A <i>walk</i></h1>", "A walk", id="no title element: heading"),
        pytest.param("<title></title>", None, id="empty"),
        pytest.param("<p>x", None, id="none"),
        pytest.param(f"<title>{'a' * 5000}</title>", "a" * MAX_TITLE_CHARS, id="bounded"),
    ],
)  # fmt: skip
def test_title(html, title):
    assert read(html).title == title


@pytest.mark.parametrize(
    ("html", "day"),
    [
        pytest.param(meta("article:published_time", "2021-03-04T23:30:00-05:00", "property"), "2021-03-04", id="as written, no time zone"),
        pytest.param(meta("DC.date.issued", "2021-03-04"), "2021-03-04", id="Dublin Core, any case"),
        pytest.param(meta("citation_publication_date", "2021/3/4"), "2021-03-04", id="Highwire"),
        pytest.param('<meta content="2021-03-04" name="pubdate">', "2021-03-04", id="content first"),
        pytest.param(meta("pubdate", "20210304"), "2021-03-04", id="no separators"),
        pytest.param(meta("pubdate", "Thu, 04 Mar 2021 10:00:00 GMT"), "2021-03-04", id="RFC 2822"),
        pytest.param(meta("pubdate", "March 4th, 2021"), "2021-03-04", id="month first"),
        pytest.param(meta("pubdate", "4 march 2021"), "2021-03-04", id="day first"),
        pytest.param(meta("pubdate", "03/04/2021"), None, id="may be read in two ways"),
        pytest.param(meta("pubdate", "2021-02-30"), None, id="no day of the calendar"),
        pytest.param(meta("pubdate", "2021-13-01"), None, id="no month"),
        pytest.param(meta("pubdate", "1021-03-04"), None, id="no year of the web"),
        pytest.param(meta("pubdate", "2021-03"), None, id="a month alone"),
        pytest.param(meta("pubdate", "2021-03-041"), None, id="another number"),
        pytest.param(meta("pubdate", "4 foo 2021"), None, id="no month's name"),
        pytest.param(meta("pubdate", "x") + meta("publishdate", "2021-03-04"), "2021-03-04", id="the next that is a day"),
        pytest.param(meta("pubdate", "2020-01-01") + meta("article:published_time", "2021-03-04"), "2021-03-04", id="most believed first"),
        pytest.param(ld({"@type": "Article", "datePublished": "2021-03-04"}), "2021-03-04", id="JSON-LD"),
        pytest.param(ld([{"@graph": [{"@type": "WebPage", "datePublished": "2021-03-04"}]}]), "2021-03-04", id="in a graph"),
        pytest.param(ld({"review": {"datePublished": "2021-03-04"}}), None, id="not a review's"),
        pytest.param(ld({"datePublished": 5}), None, id="not a text"),
        pytest.param(ld({"date": "x" * 40_000}) * 2 + ld({"datePublished": "2021-03-04"}), None, id="beyond the limit"),
        pytest.param(ld({"dateCreated": "2021-03-04"}), "2021-03-04", id="of creation"),
        pytest.param('<script type="application/ld+json">{"a": "b\n", "datePublished": "2021-03-04"}</script>', "2021-03-04", id="lines"),
        pytest.param('<script type="application/ld+json">{"datePublished": "2021-03-04",}</script>', None, id="broken JSON"),
        pytest.param(meta("date", "2020-01-01") + ld({"datePublished": "2021-03-04"}), "2021-03-04", id="JSON-LD before what may be it"),
        pytest.param(meta("date", "2020-01-01"), "2020-01-01", id="what may be it"),
        pytest.param('<p><span itemprop="datePublished" content="2021-03-04">x</span>', "2021-03-04", id="microdata"),
        pytest.param('<p><time itemprop="datePublished" datetime="2021-03-04"></time><time>', "2021-03-04", id="time"),
        pytest.param('<p><span itemprop="datePublished">4 March 2021</span>', "2021-03-04", id="its text"),
        pytest.param('<p>itemprop="datePublished" content="2021-03-04"', None, id="not in text"),
        pytest.param('<p><time datetime="2021-03-04">March</time>', "2021-03-04", id="the only time"),
        pytest.param('<p><time>4 March 2021</time>', "2021-03-04", id="its text, too"),
        pytest.param('<p>Last updated <time datetime="2021-03-04">March</time>', None, id="the only time, of a change"),
        pytest.param('<p><time datetime="2021-03-04">a</time><time datetime="2020-01-01">b</time>', None, id="one of two"),
        pytest.param('<p><time datetime="2020-01-01">a</time><time class="entry-date" datetime="2021-03-04">b</time>', "2021-03-04",
                     id="one that says so"),
        pytest.param("<p>4 March 2021", None, id="none"),
    ],
)  # fmt: skip
def test_published(html, day):
    assert read(html).published == day


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://a.example/2021/03/04/a-walk", "2021-03-04"), ("https://a.example/2021-3-4-a-walk", "2021-03-04"),
        ("https://a.example/2021/03/a-walk", None), ("https://a.example/2021/03/45/", None), ("https://a.example/12021/03/04/", None),
        ("https://a.example/web/20210304101010/x", None), (None, None), ("not a url", None),
    ],
)  # fmt: skip
def test_day_of_the_address(url, day):
    assert read("<p>x", url).published == day
    assert read(meta("pubdate", "2020-01-01"), url).published == "2020-01-01"


@pytest.mark.parametrize(
    ("html", "author"),
    [
        pytest.param(meta("author", "  Ada\n Byron "), "Ada Byron", id="meta"),
        pytest.param(meta("author", "By Ada Byron"), "Ada Byron", id="by"),
        pytest.param(meta("author", "Byron"), "Byron", id="by in a name"),
        pytest.param("".join(meta("citation_author", name) for name in ("Ada", "Ben", "Ada")), "Ada; Ben", id="several"),
        pytest.param(meta("article:author", "https://social.example/ada", "property"), None, id="an address"),
        pytest.param(meta("author", "ada@a.example"), None, id="mail"),
        pytest.param(meta("author", "admin"), None, id="nobody"),
        pytest.param(meta("author", "..."), None, id="no letter"),
        pytest.param(meta("author", "The Site") + og("site_name", "the site"), None, id="the site"),
        pytest.param(meta("author", "The Site") + og("site_name", "the site") + ld({"author": "Ada"}), "Ada", id="then the next"),
        pytest.param(meta("author", "a" * (MAX_AUTHOR_CHARS + 1)), None, id="too long"),
        pytest.param("".join(meta("author", "a" * 90 + b) for b in "xyz"), "a" * 90 + "x; " + "a" * 90 + "y", id="bounded together"),
        pytest.param(meta("author", "Ada") + ld({"author": {"name": "Ben"}}), "Ada", id="the head before JSON-LD"),
        pytest.param(ld({"author": {"@type": "Person", "name": "Ada &amp; Ben"}}), "Ada & Ben", id="JSON-LD person"),
        pytest.param(ld({"author": [{"name": "Ada"}, "Ben", {"name": ["Cy"]}, {"name": 5}, None]}), "Ada; Ben; Cy", id="JSON-LD list"),
        pytest.param(ld({"@graph": [{"comment": {"author": "Ben"}}, {"author": "Ada"}]}), "Ada", id="not a comment's"),
        pytest.param('<p>by <span itemprop="author">Ada</span>', "Ada", id="microdata"),
        pytest.param('<p><span itemprop="author" itemscope><img alt=x><b itemprop="name">Ada</b>, editor</span>', "Ada", id="its name"),
        pytest.param('<p itemprop="author">' + "<i></i>" * 9 + '<b itemprop="name">Ada</b></p><b itemprop="name">Ben', "Ada", id="deep"),
        pytest.param('<p itemprop="author">Ada</p><b itemprop="name">Ben</b>', "Ada", id="not the name of what follows"),
        pytest.param('<p itemprop="author">Ada itemprop="name"</p>', 'Ada itemprop="name"', id="text that looks like a name's mark"),
        pytest.param('<p><a href="/ada" rel="author">Ada</a>', "Ada", id="rel"),
        pytest.param('<p class="author">Ben</p><a rel="author">Ada</a><a rel="author">Cy</a>', "Ada", id="the first so marked"),
        pytest.param('<p>see rel="author" <a rel="author">Ada</a>', "Ada", id="behind text that looks like it"),
        pytest.param('<div itemprop="author">' + "<p>x</p>" * 30 + "</div>", None, id="not a large part of the page"),
        pytest.param("<p>by Ada", None, id="none"),
    ],
)  # fmt: skip
def test_author(html, author):
    assert read(html).author == author


@pytest.mark.parametrize(
    ("html", "language"),
    [
        pytest.param(page(attributes='lang="de-AT"'), "de-at", id="html"),
        pytest.param(page(attributes='lang="pt_BR"'), "pt-br", id="underscore"),
        pytest.param(page(attributes='xml:lang="fr"'), "fr", id="XML"),
        pytest.param(page(attributes='lang=""') + "", None, id="empty"),
        pytest.param(page(attributes='lang="{{lang}}"'), None, id="a template's gap"),
        pytest.param(page(attributes='lang="english"'), None, id="no tag"),
        pytest.param(page(meta("content-language", "de, en", "http-equiv")), "de", id="content-language"),
        pytest.param(page(og("locale", "sv_SE")), "sv-se", id="Open Graph"),
        pytest.param(page(og("locale", "sv_SE"), attributes="lang=de"), "de", id="html first"),
    ],
)
def test_declared_lang(html, language):
    assert read(html).declared_lang == language


HOSTILE = {
    "deep JSON": '<script type="application/ld+json">{"author":' + "[" * 20_000 + "]" * 20_000 + "}</script>",
    "deep objects": '<script type="application/ld+json">' + '{"author":1,"@graph":' * 3_000 + "1" + "}" * 3_000 + "</script>",
    "long number": '<script type="application/ld+json">{"author":' + "9" * 60_000 + "}</script>",
    "wide graph": '<script type="application/ld+json">{"author":"@","@graph":[' + '{"author":1},' * 4_000 + "{}]}</script>",
    "many scripts": '<script type="application/ld+json">{"author":1}</script>' * 20_000,
    "many metas": meta("author", "@") * 150_000,
    "many headings": "<title>a - b</title>" + "<h1>x</h1>" * 50_000,
    "many separators": "<title>" + "a - " * 50_000 + "</title><h1>x</h1>",
    "many times": '<time datetime="x">y</time>' * 50_000,
    "many marks": '<p class="author">x</p>' * 50_000,
    "marks in text": ' rel="author' * 200_000,
    "large author": '<p itemprop="author">' + "<i>x</i>" * 50_000,
    "white space": meta("pubdate", " " * 50_000 + "x") + f"<title>{' ' * 100_000}</title>",
    "one word": meta("pubdate", "a" * 50_000) + meta("author", "by" * 50_000),
}


@pytest.mark.parametrize("html", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_pages_cost_little(html):
    within_cpu_seconds(0.25, metadata, parse(html), "https://a.example/" + "2021/" * 10_000)


PIECES = st.sampled_from([
    "<title>", "</title>", "<h1>", "</h1>", " - ", "Site", '<meta name="author" content="', '<meta property="og:title" content="', '">',
    '<script type="application/ld+json">', "</script>", '{"author":', '{"datePublished":"2021-03-04"', "}", "[", "]", "<time>", "</time>",
    ' itemprop="author"', ' rel="author"', "<p", ">", "4 March 2021", "2021-03-04", "&#0;", "&amp;", "\ud7ff", "é", "<html lang=", "<svg>",
])  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join))
def test_any_page_gives_values_that_hold(html):
    found = read(html.encode("utf-8", "replace"))
    assert found.title is None or 0 < len(found.title) <= MAX_TITLE_CHARS
    assert found.author is None or 0 < len(found.author) <= MAX_AUTHOR_CHARS
    assert found.published is None or re.fullmatch(r"\d{4}-\d\d-\d\d", found.published)
    assert found.declared_lang is None or re.fullmatch(r"[a-z0-9-]{2,30}", found.declared_lang)
