"""A parsed page as flat arrays, and a view of it for the rare places that need one.

lexbor builds the tree as the HTML standard says and writes it out again; what it writes is well
formed (every element closed, every attribute in double quotes), so one linear kernel turns it into
arrays in document order. Walking lexbor's own nodes from Python costs ten times as much.

Source:  WHATWG HTML, "Serializing HTML fragments"; the detour over the serialisation is ours.
Units:   a node is an element or a run of text, numbered in document order; offsets are bytes.
"""

from __future__ import annotations

import html as html_references
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser

TEXT, OTHER = 0, 1
TAGS = (
    "#text", "#other",
    "a", "abbr", "address", "annotation", "annotation-xml", "area", "article", "aside", "audio", "b", "base", "bdi", "bdo", "big",
    "blink", "blockquote", "body", "br", "button", "canvas", "caption", "center", "cite", "code", "col", "colgroup", "data", "datalist",
    "dd", "del", "details", "dfn", "dialog", "dir", "div", "dl", "dt", "em", "embed", "fieldset", "figcaption", "figure", "font",
    "footer", "form", "frame", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hgroup", "hr", "html", "i", "iframe",
    "img", "input", "ins", "kbd", "label", "legend", "li", "link", "listing", "main", "map", "mark", "marquee", "math", "menu", "meta",
    "mjx-container", "nav", "nobr", "noembed", "noframes", "noscript", "object", "ol", "optgroup", "option", "output", "p", "param",
    "picture", "plaintext", "pre", "progress", "q", "rp", "rt", "ruby", "s", "samp", "script", "search", "section", "select", "semantics",
    "small", "source", "span", "strike", "strong", "style", "sub", "summary", "sup", "svg", "table", "tbody", "td", "template",
    "textarea", "tfoot", "th", "thead", "time", "title", "tr", "track", "tt", "u", "ul", "var", "video", "wbr", "xmp",
)  # fmt: skip
"""Elements with a number of their own; the others share OTHER (their name is in the bytes)."""
TAG = {name: number for number, name in enumerate(TAGS)}
VOID = frozenset([
    "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input", "keygen", "link", "meta", "param",
    "source", "track", "wbr",
])  # fmt: skip
RAW = frozenset([
    "iframe", "noembed", "noframes", "plaintext", "script", "style", "xmp",
])  # fmt: skip
"""Elements whose text the serialisation does not escape."""

_ATTRIBUTE = re.compile(r' ([^ >][^ =>]*)="([^"]*)"')
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_PLAIN, _VOID, _RAW = 0, 1, 2
_I: Any = np.int64


@njit(cache=True)
def name_hash(data: Any, start: Any, stop: Any) -> Any:
    """FNV-1a (64 bits) of data[start:stop]: names are short."""
    h = _FNV_START
    for i in range(start, stop):
        h = (h ^ np.uint64(data[i])) * _FNV_PRIME
    return h


def hash_of(name: str) -> Any:
    """`name_hash` of a name, for tables and kernels: uint64."""
    return np.uint64(name_hash(np.frombuffer(name.encode(), np.uint8), 0, len(name.encode())))


def name_table(numbers: dict[str, int]) -> tuple[Any, Any]:
    """An open-addressed table of names for kernels: (hash uint64 (size,), number int16 (size,), 0 = free)."""
    size = 1
    while size < 4 * len(numbers):
        size *= 2
    hashes, values = np.zeros(size, np.uint64), np.zeros(size, np.int16)
    for name, number in numbers.items():
        h = hash_of(name)
        at = int(h) & (size - 1)
        while values[at]:
            at = (at + 1) & (size - 1)
        hashes[at], values[at] = h, number
    return hashes, values


@njit(cache=True)
def look_up(hashes: Any, values: Any, h: Any) -> Any:
    """Number of a hashed name in a `name_table`; 0 where it is not there."""
    mask = len(hashes) - 1
    at = np.int64(h & np.uint64(mask))
    while values[at] != 0:
        if hashes[at] == h:
            return values[at]
        at = (at + 1) & mask
    return np.int16(0)


TAG_HASHES, TAG_NUMBERS = name_table({name: number for name, number in TAG.items() if number > OTHER})
_HOW = np.array([_RAW if n in RAW else _VOID if n in VOID else _PLAIN for n in TAGS], np.int8)
_ITEMPROP, _REL, _AUTHOR = (hash_of(n) for n in (" itemprop", " rel", "author"))


@njit(cache=True)
def _names_a_property(data: Any, quote: Any) -> Any:
    """Whether the value that begins at data[quote] is of itemprop, or of rel and begins with author."""
    if data[quote - 2] == 112:  # p
        return quote > 10 and name_hash(data, quote - 10, quote - 1) == _ITEMPROP
    if data[quote - 2] == 108 and data[quote + 1] == 97 and quote > 5 and quote + 7 <= len(data):  # l, a
        return name_hash(data, quote - 5, quote - 1) == _REL and name_hash(data, quote + 1, quote + 7) == _AUTHOR
    return False


@njit(cache=True)
def _read(data: Any, hashes: Any, numbers: Any, how: Any) -> Any:
    """Read a serialised tree; returns its arrays (see Tree)."""
    n = _I(len(data))
    most = _I(2)
    for i in range(n):
        most += 2 * (data[i] == 60)
    tag, parent, end = np.zeros(most, np.int16), np.full(most, -1, np.int32), np.zeros(most, np.int32)
    start, stop = np.zeros(most, np.int64), np.zeros(most, np.int64)
    name = np.zeros(most, np.uint64)
    properties = np.zeros(most, np.int32)
    tag[0] = OTHER
    count, n_properties, here, i = 1, 0, 0, _I(0)
    while i < n:
        if data[i] != 60:  # text up to the next tag
            first = i
            while i < n and data[i] != 60:
                i += 1
            parent[count], end[count], start[count], stop[count] = here, count + 1, first, i
            count += 1
            continue
        if i + 1 < n and data[i + 1] == 47:  # </name>
            first = i + 2
            i = first
            while i < n and data[i] != 62:
                i += 1
            if here > 0 and name_hash(data, first, i) == name[here]:
                end[here] = count
                here = parent[here]
            i += 1
            continue
        if i + 1 < n and (data[i + 1] == 33 or data[i + 1] == 63):  # <!-- -->, <!DOCTYPE>, <? ?>
            comment = i + 3 < n and data[i + 2] == 45 and data[i + 3] == 45
            i += 4 if comment else 2
            while i < n and not (data[i] == 62 and (not comment or (data[i - 1] == 45 and data[i - 2] == 45))):
                i += 1
            i += 1
            continue
        first = i + 1
        i = first
        while i < n and data[i] != 62 and data[i] != 32:
            i += 1
        h = name_hash(data, first, i)
        named = False
        while i < n and data[i] != 62:  # attributes: no > outside their values
            if data[i] == 34 and data[i - 1] == 61:  # a quote may also stand in a name: <a target=""_blank">
                named = named or _names_a_property(data, i)
                i += 1
                while i < n and data[i] != 34:
                    i += 1
            i += 1
        i = min(i, n)
        number = look_up(hashes, numbers, h)
        number = number if number != 0 else np.int16(OTHER)
        element = count
        tag[element], parent[element], name[element] = number, here, h
        start[element], stop[element], end[element] = first, i, element + 1
        count += 1
        if named:
            properties[n_properties] = element
            n_properties += 1
        i += 1
        if how[number] == _PLAIN:
            here = element
        elif how[number] == _RAW:
            text, width = i, _I(0)
            while first + width < n and data[first + width] != 62 and data[first + width] != 32:
                width += 1
            found = False
            while i < n and not found:
                if data[i] == 60 and i + 2 + width <= n and data[i + 1] == 47:
                    found = name_hash(data, i + 2, i + 2 + width) == h
                i += 0 if found else 1
            if i > text:
                parent[count], end[count], start[count], stop[count] = element, count + 1, text, i
                count += 1
            end[element] = count
            while i < n and data[i] != 62:
                i += 1
            i += 1
    while here > 0:
        end[here] = count
        here = parent[here]
    end[0] = count
    nodes = tag[:count].copy(), parent[:count].copy(), end[:count].copy(), start[:count].copy(), stop[:count].copy()
    return nodes, properties[:n_properties].copy()


class Tree:
    """A page.

    data: uint8, lexbor's serialisation (UTF-8). Of each node, n in all, the document itself first:
    tag: int16, number in TAGS (0 = text). parent: int32. end: int32, one past its last descendant.
    start, stop: int64, where its text stands in data; for an element its name and attributes.
    properties: int32 (k,), elements with an itemprop, or a rel that begins with author.
    """

    def __init__(self, serialised: str) -> None:
        self.source = serialised.encode("utf-8", "replace")
        self.data: Any = np.frombuffer(self.source, np.uint8)
        nodes, self.properties = _read(self.data, TAG_HASHES, TAG_NUMBERS, _HOW)
        self.tag, self.parent, self.end, self.start, self.stop = nodes

    def __len__(self) -> int:
        """Nodes."""
        return len(self.tag)

    @property
    def root(self) -> Node:
        """The document: parent of `html`."""
        return Node(self, 0)

    def elements(self, *names: str) -> Iterator[Node]:
        """Elements that have a number of their own in TAGS, by name, in document order.

        Raises: KeyError for a name that is not in TAGS.
        """
        wanted = np.zeros(len(TAGS), np.bool_)
        wanted[[TAG[name] for name in names]] = True
        for index in np.flatnonzero(wanted[self.tag]).tolist():
            yield Node(self, index)


def parse(page: str | bytes) -> Tree:
    """Parse HTML (bytes are UTF-8; what is not becomes U+FFFD). Any input gives a tree.

    The input's nesting should be bounded (scan.py does): lexbor is worse than quadratic in it.
    """
    return Tree(LexborHTMLParser(page, options=LexborDocumentOptions.WO_EVENTS.value).html or "")


class Node:
    """A view of one node."""

    __slots__ = ("index", "tree")

    def __init__(self, tree: Tree, index: int) -> None:
        self.tree, self.index = tree, index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.tree is other.tree and self.index == other.index

    def __hash__(self) -> int:
        return self.index

    def __repr__(self) -> str:
        return f"<Node {self.index} {self.name or self.text()[:40]!r}>"

    @property
    def name(self) -> str:
        """Lower-case name of an element, as in the source with its prefix; "" for text and for the document."""
        number = int(self.tree.tag[self.index])
        return TAGS[number] if number > OTHER else "" if number == TEXT else self._markup().partition(" ")[0].lower()

    @property
    def is_text(self) -> bool:
        """Whether it is a run of text."""
        return bool(self.tree.tag[self.index] == TEXT)

    @property
    def end(self) -> int:
        """One past the number of its last descendant."""
        return int(self.tree.end[self.index])

    @property
    def parent(self) -> Node | None:
        """The element it stands in; None for the document."""
        index = int(self.tree.parent[self.index])
        return Node(self.tree, index) if index >= 0 else None

    def children(self) -> Iterator[Node]:
        """Elements and runs of text directly below it."""
        at, end = self.index + 1, self.end
        while at < end:
            yield Node(self.tree, at)
            at = int(self.tree.end[at])

    def descendants(self) -> Iterator[Node]:
        """Everything below it, in document order."""
        for index in range(self.index + 1, self.end):
            yield Node(self.tree, index)

    def _markup(self) -> str:
        start, stop = int(self.tree.start[self.index]), int(self.tree.stop[self.index])
        return self.tree.source[start:stop].decode("utf-8", "replace")

    def attributes(self) -> dict[str, str]:
        """Attributes of an element, references resolved; the first of a name counts."""
        if self.is_text or '="' not in (markup := self._markup()):
            return {}
        return {key: _resolved(value) for key, value in reversed(_ATTRIBUTE.findall(markup))}

    def get(self, name: str, default: str | None = None) -> str | None:
        """Value of an attribute."""
        return self.attributes().get(name, default)

    @property
    def classes(self) -> list[str]:
        """Its classes."""
        return (self.get("class") or "").split()

    def text(self) -> str:
        """All text below it (or its own), white space as it stands."""
        tree = self.tree
        parts = []
        for index, tag in enumerate(tree.tag[self.index : self.end].tolist(), self.index):
            if tag != TEXT:
                continue
            part = tree.source[int(tree.start[index]) : int(tree.stop[index])].decode("utf-8", "replace")
            parts.append(part if TAGS[tree.tag[tree.parent[index]]] in RAW else _resolved(part))
        return "".join(parts)


def _resolved(escaped: str) -> str:
    return html_references.unescape(escaped) if "&" in escaped else escaped


class Atom(NamedTuple):
    """Nodes that are one thing: a formula, a code block, or a rendering that stands there twice.

    first, last: the nodes first ... last - 1, whole subtrees of one parent.
    kind: inline_math, display_math, code_block, text (characters of the running text), or nothing (left out).
    text: the formula without delimiters, the code line by line, or the characters.
    language: declared language of a code block.
    """

    first: int
    last: int
    kind: str
    text: str
    language: str | None = None
