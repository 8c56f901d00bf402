"""The pages of a MediaWiki dump, found by their tags: in its XML a < is markup wherever it stands, so no parser is needed.

Source:  the schema export-0.11 of MediaWiki and its predecessors.
Units:   bytes of UTF-8.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote

from stages.sources.dumps.wiki_pieces import Piece, pieces
from stages.sources.dumps.xml_text import xml_attributes, xml_text

HEAD_BYTES = 64 << 10
BARREN_BYTES = 1 << 30
"""So much in which no page ends is a bomb; what follows is given up. Ours."""
_PAGE = re.compile(rb"<page[\s>]")
_PAGE_BEGUN = re.compile(rb"<(?:p(?:a(?:ge?)?)?)?\Z")
_PAGE_OR_END = re.compile(rb"<(?:/page>|page[\s>])")
_TAIL = len(b"</page>") - 1
"""So many bytes of a tag may stand in one piece and the rest in the next."""
_ROOT = re.compile(rb"<mediawiki\b[^<>]{0,2000}>")
_BASE = re.compile(rb"<base>([^<]{1,2000})</base>")
_FILE_NAME = re.compile(
    r"(?:^|/)([a-z]{2,3}(?:_[a-z_]{1,20})?)(wiki|wiktionary|wikibooks|wikinews|wikiquote|wikisource|wikiversity|wikivoyage)[-.]"
)
_TITLE = re.compile(rb"<title>([^<]*)</title>")
_NAMESPACE = re.compile(rb"<ns>(-?[0-9]{1,9})</ns>")
_ID = re.compile(rb"<id>([0-9]{1,18})</id>")
_REDIRECT = re.compile(rb"<redirect\b[^<>]*>")
_TIME = re.compile(rb"<timestamp>([^<]*)</timestamp>")
_MODEL = re.compile(rb"<model>([^<]*)</model>")
_TEXT = re.compile(rb"<text\b[^<>]*>")
_CDATA = b"<![CDATA["


class Site(NamedTuple):
    """What a dump says of all its pages.

    language: of the wiki. base: what a page's name is put behind to make its address. encoding: of the file. has_dtd: whether it declares
    entities.
    """

    language: str | None
    base: str | None
    encoding: str
    has_dtd: bool


class Found(NamedTuple):
    """A page of a dump.

    raw: from its first tag to its last; None where `reason` says why there is none. offset: of its bz2 stream in the file, or of its first
    byte in the decompressed file. at: where its first byte stands in either.
    """

    raw: bytes | None
    reason: str | None
    offset: int
    at: int


class Page(NamedTuple):
    """What a dump says of a page, and its newest text."""

    title: str
    page_id: int | None
    namespace: int
    redirect: str | None
    content_model: str
    date: str | None
    content: bytes


def head_of(path: str) -> bytes:
    """The first bytes of a dump up to its first page, 64 kB at most, decompressed as far as they can be."""
    head = b""
    for piece in pieces(path, 0, HEAD_BYTES):
        if piece.data is None or len(head) >= HEAD_BYTES or b"</siteinfo>" in head or b"<page>" in head:
            break
        head += piece.data
    return head[:HEAD_BYTES]


def encoding_of(head: bytes) -> str:
    """UTF-8, or UTF-16 by its mark or by the zeros of ASCII."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-16-le" if head[:4:2] and head[1:4:2] == b"\0\0" else "utf-16-be" if head[:4:2] == b"\0\0" else "utf-8"


def site_of(head: bytes, path: str) -> Site:
    """What the first bytes of a dump say of it; where they do not, its file name (enwiki-...) does."""
    encoding = encoding_of(head)
    text = head.decode(encoding, "replace").encode()
    root, base = _ROOT.search(text), _BASE.search(text)
    named = _FILE_NAME.search(path)
    language = None
    if root:
        with suppress(ValueError):
            language = xml_attributes(root[0]).get("xml:lang", b"").decode() or None
    address = None
    if base:
        address = xml_text(base[1]).decode().rpartition("/")[0] + "/"
        if address.count("/") == 3:  # no page but the host's root
            address += "wiki/"
    elif named:
        project = "wikipedia" if named[2] == "wiki" else named[2]
        address = f"https://{named[1].replace('_', '-')}.{project}.org/wiki/"
    if language is None and named:
        language = named[1].replace("_", "-")
    return Site(language, address, encoding, b"<!DOCTYPE" in text or b"<!ENTITY" in text)


def address_of(title: str, site: Site) -> str | None:
    """The address of a page."""
    return None if site.base is None else site.base + quote(title.replace(" ", "_"), safe="/:;@$!*(),~'")


def pages(read: Iterator[Piece], max_page_bytes: int) -> Iterator[Found]:
    """Find the pages that begin in a part's own pieces, in order.

    Damage is `broken_record`: of the page it falls into, or between pages. So is a page without an end; the next one is found nevertheless.
    """
    buffer = bytearray()  # from the first byte of the open page on, or the last bytes read
    base = 0  # bytes that stood before it
    above: deque[tuple[int, Piece]] = deque()  # where the last pieces begin, counted from the same first byte
    opened: Found | None = None  # without its bytes
    large, searched, barren = False, 0, 0

    def cut(size: int) -> None:
        nonlocal base
        del buffer[:size]
        base += size

    for piece in read:
        if piece.data is None:
            if opened or piece.own:
                yield opened or _at(piece, 0)
            opened, large, searched, barren = None, False, 0, 0
            cut(len(buffer))
            above.clear()
            continue
        if not piece.own and opened is None and not _PAGE_BEGUN.search(buffer):
            return
        if not piece.data:
            continue
        above.append((base + len(buffer), piece))
        buffer += piece.data
        barren += len(piece.data)
        while True:
            if opened is None:
                found = _PAGE.search(buffer)
                if found is None:
                    break
                cut(found.start())
                start, of = next((start, of) for start, of in reversed(above) if start <= base)  # its first byte stands in this piece
                if not of.own:
                    return
                opened, searched = _at(of, base - start), 1
            tag = _PAGE_OR_END.search(buffer, searched)
            size = tag.end() if tag else len(buffer)
            large = large or size > max_page_bytes
            if tag is None:
                break
            if not tag[0].startswith(b"</"):  # the open page has no end
                yield opened
                size = tag.start()
            else:
                yield opened._replace(reason="too_large") if large else opened._replace(raw=bytes(buffer[:size]), reason=None)
                barren = 0
            cut(size)
            opened, large = None, False
        if opened is None or large:
            cut(max(0, len(buffer) - _TAIL))
        searched = max(1 if opened and not large else 0, len(buffer) - _TAIL)  # behind the first byte of an open page
        while len(above) > 1 and above[1][0] <= base + searched:
            above.popleft()
        if barren > BARREN_BYTES:
            yield opened or _at(piece, 0)
            return
    if opened:
        yield opened


def _at(piece: Piece, byte: int) -> Found:
    """What is broken unless it is found to be whole, at a byte of a piece."""
    at = piece.at + byte
    return Found(None, "broken_record", at if piece.stream is None else piece.stream, at)


def parse(raw: bytes) -> Page | None:
    """What is written of a page, of its last revision where there are several; None if it is no page."""
    begins = raw.rfind(b"<revision>")
    head, revision = raw[: raw.find(b"<revision>")], raw[begins:]
    title, text = _TITLE.search(head), _TEXT.search(revision)
    if begins < 0 or title is None or text is None:
        return None
    content = _content(revision, text)
    if content is None:
        return None
    number, namespace, redirect = _ID.search(head), _NAMESPACE.search(head), _REDIRECT.search(head)
    time, model = _TIME.search(revision), _MODEL.search(revision)
    target = None
    if redirect:
        try:
            target = xml_attributes(redirect[0]).get("title", b"").decode()
        except ValueError:
            return None
    return Page(
        title=xml_text(title[1]).decode(), page_id=int(number[1]) if number else None, namespace=int(namespace[1]) if namespace else 0,
        redirect=target, content_model=xml_text(model[1]).decode() if model else "wikitext",
        date=xml_text(time[1]).decode() if time else None, content=content,
    )  # fmt: skip


def _content(revision: bytes, tag: re.Match[bytes]) -> bytes | None:
    """The text behind its start tag; None where it has no end or holds other elements."""
    if tag[0].endswith(b"/>"):
        return b""
    end = revision.find(b"</text>", tag.end())
    if end < 0:
        return None
    raw = revision[tag.end() : end]
    if b"<" not in raw:
        return xml_text(raw)
    text: list[bytes] = []
    at, end = 0, 0
    while end >= 0:
        start = raw.find(_CDATA, at)
        end = raw.find(b"]]>", start + len(_CDATA)) if start >= 0 else -1
        outside = raw[at:start] if end >= 0 else raw[at:]
        if b"<" in outside:
            return None
        text.append(xml_text(outside))
        if end >= 0:
            text.append(xml_text(raw[start + len(_CDATA) : end].replace(b"&", b"&amp;")))
            at = end + len(b"]]>")
    return b"".join(text)
