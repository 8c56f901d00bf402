"""A page of HTML or XHTML that is all book, as lines: its headings are marked; page numbers and notes of transcribers are out.

Source:  classes of Project Gutenberg's and Distributed Proofreaders' files; EPUB 3 Structural Semantics Vocabulary.
Units:   bytes of UTF-8 in, lines out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stages.books.gutenberg import HEADING
from stages.extract import blocks as b
from stages.extract.blocks import Blocks
from stages.extract.page import Page, read
from stages.extract.render import render
from stages.extract.tree import TEXT, Atom, Tree

MAX_LEVEL = 3
"""Deeper headings are within a chapter; ours."""
ONLY_BY_TYPE = frozenset([
    b"toc", b"doc-toc", b"landmarks", b"page-list", b"loi", b"imprint", b"colophon", b"copyright-page", b"doc-colophon",
])  # fmt: skip
"""Words of epub:type and role whose elements are not of the book's text; a class alone makes no table of contents."""
LEFT_OUT = ONLY_BY_TYPE | frozenset([
    b"pagenum", b"pagenumber", b"page-number", b"page_number", b"pageno", b"pgnum", b"pagebreak", b"doc-pagebreak", b"pageref",
    b"transnote", b"transnotes", b"trans-note", b"trans_note", b"tnote", b"tnotes", b"tnbox", b"transcriber", b"transcribers-note",
])  # fmt: skip
"""Those, and words that a class may say too."""

_NAMING = re.compile(rb' (class|epub:type|role)="([^"<>]{1,300})"')
_SELF_CLOSED = re.compile(rb"<([A-Za-z][\w:.-]{0,40})(\s[^<>]*)?/>")
_VOID = frozenset(b"area base br col embed hr img input link meta param source track wbr".split())


class Lines(NamedTuple):
    """lines: of the page. page: as it was read. preformatted: whether most of it is, as in files that are plain text within `pre`."""

    lines: list[str]
    page: Page
    preformatted: bool


def lines_of(content: bytes) -> Lines:
    """Read a page.

    Args:
        content: HTML in UTF-8.
    Raises: TooManyNodesError; ValueError or RuntimeError where the parser gives up.
    """
    page = read(content, _left_out)
    marked = replace(page, blocks=_with_marks(page.blocks))
    written = render(marked, np.ones(len(marked.blocks.table), np.bool_), "text", strip=False)
    return Lines(written.text.split("\n"), page, written.code_share > 0.5)


def as_html(xhtml: bytes) -> bytes:
    """XHTML that an HTML parser reads alike: elements closed in their own tag have an end tag."""

    def closed(match: re.Match[bytes]) -> bytes:
        name, attributes = match[1], match[2] or b""
        return match[0] if name.lower() in _VOID else b"<%b%b></%b>" % (name, attributes, name)

    return _SELF_CLOSED.sub(closed, xhtml)


def _left_out(tree: Tree) -> list[Atom]:
    """Elements whose names say that they are not of the book."""
    found = []
    for match in _NAMING.finditer(tree.source):
        names = set(match[2].lower().split()) & LEFT_OUT
        if names - ONLY_BY_TYPE if match[1] == b"class" else names:
            node = int(np.searchsorted(tree.start, match.start(), side="right")) - 1
            if tree.tag[node] != TEXT:
                found.append(Atom(node, int(tree.end[node]), "nothing", ""))
    return found


def _with_marks(blocks: Blocks) -> Blocks:
    """The blocks with HEADING in front of those that are headings."""
    table = blocks.table
    places = table[(table[:, b.KIND] == b.HEADING) & (table[:, b.LEVEL] <= MAX_LEVEL), b.START]
    moved, spans = table.copy(), blocks.spans.copy()
    for column in (b.START, b.STOP):
        moved[:, column] += np.searchsorted(places, table[:, column], side="left")
    if len(spans):
        spans[:, :2] += np.searchsorted(places, spans[:, :2], side="right")
    return replace(blocks, text=np.insert(blocks.text, places, ord(HEADING)), table=moved, spans=spans)
