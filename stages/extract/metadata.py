"""What a page says of itself: title, day of publication, author, language.

Read are meta elements (Open Graph, Dublin Core, Highwire's citation_*, what publishing systems add), JSON-LD, microdata,
`time` and `rel=author`; JSON-LD and the body only where the head has not said it. A value that cannot be sure is none:
a day that may be read in two ways, one of several `time` elements, an author that is the site.

A title loses its site's name only where the page itself shows what is the title and what the name: the part between two
separators that Open Graph or a heading repeats, or all but the part that is `og:site_name`.

Source:  ogp.me; schema.org (Article); Dublin Core; Google Scholar's inclusion guidelines (citation_*). Order ours.
Units:   lengths are characters.
"""

from __future__ import annotations

import html as html_references
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from stages.extract.tree import TAG, TAGS, TEXT, Node, Tree

MAX_TITLE_CHARS, MAX_AUTHOR_CHARS, MAX_AUTHORS = 500, 200, 20
MAX_JSON_BYTES = 64 << 10
"""Of all JSON-LD of a page; ours, as all limits here."""
MAX_METAS, MAX_HEADINGS, MAX_TIMES, MAX_PROPERTIES, MAX_INNER_NODES = 1000, 5, 20, 1000, 20
FIRST_YEAR, LAST_YEAR = 1900, 2100

TITLE = ("og:title", "citation_title", "dc.title", "dcterms.title", "twitter:title", "headline", "parsely-title", "sailthru.title")
SITE = ("og:site_name", "application-name")
PUBLISHED = (
    "article:published_time", "datepublished", "citation_publication_date", "citation_online_date", "citation_date", "dcterms.issued",
    "dc.date.issued", "dcterms.created", "dc.date.created", "parsely-pub-date", "sailthru.date", "article.published", "pubdate",
    "publish-date", "publish_date", "publishdate", "published_at", "publication_date", "og:published_time",
)  # fmt: skip
MAYBE_PUBLISHED = ("dc.date", "dcterms.date", "date", "datecreated", "uploaddate")
"""Some sites put the day of the last change or of the visit here."""
AUTHOR = (
    "citation_author", "author", "parsely-author", "dc.creator", "dcterms.creator", "sailthru.author", "article:author", "article.author",
    "byl", "og:author",
)  # fmt: skip
LANGUAGE = ("content-language", "og:locale", "dc.language", "dcterms.language")
KEYS = {
    key.encode(): (field, rank)
    for field, keys in {
        "title": TITLE, "site": SITE, "published": PUBLISHED, "maybe": MAYBE_PUBLISHED, "author": AUTHOR, "language": LANGUAGE,
    }.items()
    for rank, key in enumerate(keys)
}  # fmt: skip
"""Key of a meta element in lower case -> what it tells, and how much it is believed (less is more)."""
_KEY_ATTRIBUTES = (b" property=", b" name=", b" itemprop=", b" http-equiv=")
_SEPARATOR = re.compile(r"\s+[|\-–—·•:»«/~⋅]+\s+|\s*[|｜]\s*|\s+::\s+|:\s+")
_DAY = re.compile(r"\s{0,9}(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?!\d)")
_DAY_MONTH = re.compile(r"\s{0,9}(?:[A-Za-z]{3,9},?\s)?\s{0,9}(\d{1,2})(?:st|nd|rd|th)?\s{1,9}([A-Za-z]{3,9})\.?,?\s{1,9}(\d{4})(?!\d)")
_MONTH_DAY = re.compile(r"\s{0,9}(?:[A-Za-z]{3,9},\s)?\s{0,9}([A-Za-z]{3,9})\.?\s{1,9}(\d{1,2})(?:st|nd|rd|th)?,?\s{1,9}(\d{4})(?!\d)")
_DAY_OF_URL = re.compile(r"[/=-]((?:19|20)\d\d)([/-])(\d{1,2})\2(\d{1,2})(?![0-9])")
_MONTHS = {m: n for n, m in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)}
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{1,8}){0,3}")
_BY = re.compile(r"(?:more |written |posted )?by[:\s]\s*", re.I)
_NOBODY = ("", "admin", "administrator", "anonymous", "guest", "unknown", "null", "none", "undefined")
_CHANGED = re.compile("updat|modif|chang|aktualis|actuali[sz]|aggiorn|bijgewerkt|обновл|измен|更新", re.I)
_PUBLISHED_CLASS = re.compile(r"publish|entry-date|post-date|dt-published|pubdate", re.I)
_PART_OF = ("@graph", "mainEntity", "mainEntityOfPage")
"""Members of JSON-LD under which a page's own description stands; below others stand comments, reviews, other pages."""
_WANTED = np.isin(np.arange(len(TAGS)), [TAG[name] for name in ("html", "meta", "title", "script", "h1", "time")])


class Metadata(NamedTuple):
    """What a page says of itself; None where it does not.

    title: at most MAX_TITLE_CHARS. published: YYYY-MM-DD, as the page writes it (no time zone is applied). author: names,
    "; " between them. declared_lang: a language tag in lower case.
    """

    title: str | None
    published: str | None
    author: str | None
    declared_lang: str | None


def metadata(tree: Tree, url: str | None) -> Metadata:
    """Read a page's metadata.

    Args:
        tree: the page. url: its address, which may hold the day.
    """
    found = np.flatnonzero(_WANTED[tree.tag])
    places: dict[str, list[int]] = {}
    for index, number in zip(found.tolist(), tree.tag[found].tolist(), strict=True):
        places.setdefault(TAGS[number], []).append(index)
    said = _said(tree, places.get("meta", [])[:MAX_METAS])
    site = said["site"][0] if said.get("site") else ""
    published = _first_day(said.get("published", ()))
    author = _names(said.get("author", ()), site)
    wanting = published is None or author is None
    described = _json_ld(tree, places.get("script", [])) if wanting else {}
    properties = _properties(tree) if wanting else []
    if published is None:
        published = (
            _first_day(described.get("datePublished", ())) or _day_of_url(url)
            or _day(_marked(tree, properties, b' itemprop="datePublished'))
            or _day_of_time(tree, places.get("time", [])) or _first_day(said.get("maybe", ()))
            or _first_day(described.get("dateCreated", ())) or _first_day(described.get("uploadDate", ()))
        )  # fmt: skip
    if author is None:
        author = _names(described.get("author", ()), site)
    if author is None:
        author = _names([_marked(tree, properties, b' itemprop="author', b' rel="author')], site)
    language = _language(tree, places.get("html", []), said.get("language", []))
    return Metadata(_title(tree, places, said, site), published, author, language)


def _said(tree: Tree, metas: list[int]) -> dict[str, list[str]]:
    """Values of the meta elements that KEYS names, the most believed first."""
    values: dict[str, list[tuple[int, str]]] = {}
    at = np.asarray(metas, np.int64)
    for start, stop in zip(tree.start[at].tolist(), tree.stop[at].tolist(), strict=True):
        # Names and values of attributes in turn, since no value holds a quote; all of them are told apart only where they matter.
        pieces = tree.source[start + len("meta") : stop].split(b'"')
        if pieces[0] in _KEY_ATTRIBUTES and pieces[1].lower() not in KEYS:
            continue
        attributes = dict(zip(pieces[::2], pieces[1::2], strict=False))
        keys = [attributes[name].lower() for name in _KEY_ATTRIBUTES if name in attributes]
        place = next((KEYS[key] for key in keys if key in KEYS), None)
        if place is not None and (text := _text(attributes.get(b" content=", b""))):
            values.setdefault(place[0], []).append((place[1], text))
    return {field: [text for _, text in sorted(ranked, key=lambda item: item[0])] for field, ranked in values.items()}


def _text(raw: bytes) -> str:
    """A value of the serialisation: references resolved, white space collapsed, bounded."""
    text = raw[: 4 * MAX_TITLE_CHARS].decode("utf-8", "ignore")
    return " ".join((html_references.unescape(text) if "&" in text else text).split())


def _content(tree: Tree, index: int) -> str:
    """Text of an element that mostly holds nothing else, white space collapsed, bounded."""
    if tree.end[index] == index + 2 and tree.tag[index + 1] == TEXT:
        return _text(tree.source[int(tree.start[index + 1]) : int(tree.stop[index + 1])])
    return " ".join(Node(tree, index).text()[: 4 * MAX_TITLE_CHARS].split())


# Title


def _title(tree: Tree, places: dict[str, list[int]], said: dict[str, list[str]], site: str) -> str | None:
    title = next((_content(tree, index) for index in places.get("title", ())), "")
    cuts = [(match.start(), match.end()) for match in _SEPARATOR.finditer(title)]
    if title and not cuts:
        return title[:MAX_TITLE_CHARS].rstrip()
    named = said.get("title", [])
    headings = [_content(tree, index) for index in places.get("h1", [])[:MAX_HEADINGS]]
    title = _without_site(title, cuts, named, headings, site) if title else next(filter(None, (*named, *headings)), "")
    return title[:MAX_TITLE_CHARS].rstrip() or None


def _without_site(title: str, cuts: list[tuple[int, int]], named: list[str], headings: list[str], site: str) -> str:
    """A title without its site's name, where the page tells them apart.

    Args:
        title: not empty. cuts: where its separators begin and end. named: titles of meta elements. headings: h1, of which
            one may be the site's name: only the longer part of the title is believed. site: its name, or "".
    """
    name = site.casefold()
    parts: dict[str, str] = {}
    for start, stop in cuts:
        parts |= {title[stop:].casefold(): title[stop:], title[:start].casefold(): title[:start]}
    for known in (*named, *(text for text in headings if 2 * len(text) > len(title))):
        part = parts.get(known.casefold())
        if part and known.casefold() != name:
            return part
    if name and title[cuts[-1][1] :].casefold() == name:
        return title[: cuts[-1][0]]
    if name and title[: cuts[0][0]].casefold() == name:
        return title[cuts[0][1] :]
    return title


# Day


def _day(text: str) -> str | None:
    """The day a text begins with, as YYYY-MM-DD; None where it may be read in two ways or is none."""
    if match := _DAY.match(text):
        year, month, day = match.group(1), match.group(3), match.group(4)
    elif match := _DAY_MONTH.match(text):
        day, month, year = match.groups()
    elif match := _MONTH_DAY.match(text):
        month, day, year = match.groups()
    else:
        return None
    number = int(month) if month.isdigit() else _MONTHS.get(month[:3].lower(), 0)
    return _valid(int(year), number, int(day))


def _valid(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat() if FIRST_YEAR <= year <= LAST_YEAR else None
    except ValueError:
        return None


def _first_day(texts: Iterable[str]) -> str | None:
    return next(filter(None, map(_day, texts)), None)


def _day_of_url(url: str | None) -> str | None:
    match = _DAY_OF_URL.search(url or "")
    return _valid(int(match.group(1)), int(match.group(3)), int(match.group(4))) if match else None


def _day_of_time(tree: Tree, times: list[int]) -> str | None:
    """The day of the `time` element that says it is the publication's, or of the only one that does not say it is a change's."""
    for index in times[:MAX_TIMES]:
        node = Node(tree, index)
        attributes = node.attributes()
        marked = "pubdate" in attributes or _PUBLISHED_CLASS.search(attributes.get("class", ""))
        if marked or (len(times) == 1 and not _CHANGED.search(_short_text(node.parent or node))):
            return _day(attributes.get("datetime") or _short_text(node))
    return None


def _short_text(node: Node) -> str:
    """Text of an element that holds little; else nothing."""
    return node.text()[: 4 * MAX_TITLE_CHARS] if node.end - node.index <= MAX_INNER_NODES else ""


# Author, language


def _names(texts: Iterable[str], site: str) -> str | None:
    """Names of authors; None where none of the texts is one."""
    kept: dict[str, None] = {}
    for text in texts:
        name = " ".join(text.split())
        by = _BY.match(name)
        name = name[by.end() if by else 0 :].strip(" ,;|·-")
        good = len(name) <= MAX_AUTHOR_CHARS and any(map(str.isalpha, name)) and name.casefold() not in (*_NOBODY, site.casefold())
        if good and "://" not in name and "@" not in name and not name.startswith("www."):
            kept[name] = None
    joined = ""
    for name in list(kept)[:MAX_AUTHORS]:
        if len(joined) + len(name) + 2 <= MAX_AUTHOR_CHARS:
            joined += f"; {name}" if joined else name
    return joined or None


def _language(tree: Tree, roots: list[int], texts: list[str]) -> str | None:
    attributes = Node(tree, roots[0]).attributes() if roots else {}
    for text in (attributes.get("lang"), attributes.get("xml:lang"), *texts):
        match = _LANGUAGE.fullmatch((text or "").split(",")[0].strip().lower().replace("_", "-"))
        if match:
            return match.group()
    return None


# JSON-LD and microdata


def _json_ld(tree: Tree, scripts: list[int]) -> dict[str, list[str]]:
    """datePublished, dateCreated, uploadDate and author of the objects that describe the page itself."""
    left = MAX_JSON_BYTES
    found: dict[str, list[str]] = {}
    for index in scripts:
        text = Node(tree, index).text()
        left -= len(text)
        if left < 0 or not any(key in text for key in ("date", "Date", "author")):
            continue
        try:
            todo = deque([json.loads(text, strict=False)])
        except (ValueError, RecursionError):
            continue
        while todo:
            value = todo.popleft()
            if isinstance(value, list):
                todo.extend(value)
            elif isinstance(value, dict):
                todo.extend(value[key] for key in _PART_OF if key in value)
                for key in ("datePublished", "dateCreated", "uploadDate"):
                    if isinstance(value.get(key), str):
                        found.setdefault(key, []).append(value[key])
                if "author" in value and "author" not in found:
                    found["author"] = list(_agents(value["author"]))
    return found


def _agents(value: Any) -> Iterator[str]:
    """Names in the value of `author`: a name, a person or organisation, or a list of them."""
    for agent in value[:MAX_AUTHORS] if isinstance(value, list) else [value]:
        name = agent.get("name") if isinstance(agent, dict) else agent
        for text in name[:MAX_AUTHORS] if isinstance(name, list) else [name]:
            if isinstance(text, str):
                yield html_references.unescape(text[: 4 * MAX_AUTHOR_CHARS])


def _properties(tree: Tree) -> list[tuple[int, bytes]]:
    """The page's first elements with an itemprop, or a rel that begins with author: node, name and attributes."""
    at = tree.properties[:MAX_PROPERTIES]
    spans = zip(at.tolist(), tree.start[at].tolist(), tree.stop[at].tolist(), strict=True)
    return [(index, tree.source[start:stop]) for index, start, stop in spans]


def _marked(tree: Tree, properties: list[tuple[int, bytes]], *marks: bytes) -> str:
    """Name, time or text of the first element that has one of these marks, "" if none has."""
    for place, (index, markup) in enumerate(properties):
        if any(mark in markup for mark in marks):
            end = tree.end[index]
            below = (inner for inner, markup in properties[place + 1 :] if inner < end and b' itemprop="name"' in markup)
            node = Node(tree, next(below, index))
            return node.get("content") or node.get("datetime") or _short_text(node)
    return ""
