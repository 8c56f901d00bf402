"""An EPUB opened in memory: its pages in reading order, and what its package document says of the book.

Nothing is written, and no more is inflated than the pages; names in the archive are keys of a table and nothing else.

Source:  EPUB 3.3 and OCF 3.3; Dublin Core. Limits are ours.
Units:   bytes.
"""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote
from xml.parsers import expat

from stages.books.gutenberg import MAX_FIELD_CHARS, YEAR, Told, clean, date_of

MAX_MEMBERS = 20_000
MAX_PACKAGE_BYTES, MAX_ELEMENTS = 8 << 20, 200_000
CONTAINER, ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Those that OCF allows; how much memory others take is for the file to say."""
PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, struct.error)
_MEMBER = b"PK\x01\x02"
_TEXTS = ("title", "creator", "language", "date", "rights")
_LICENCES = re.compile(
    r"creativecommons\.org/(?:publicdomain/(?P<free>zero|mark)|licenses/(?P<name>by(?:-nc)?(?:-sa|-nd)?)(?![a-z-]))", re.I,
)  # fmt: skip


class BadBookError(ValueError):
    """The file is damaged or no EPUB."""


class TooLargeError(ValueError):
    """The file has more members, or inflates to more bytes, than is allowed."""


class EncryptedError(ValueError):
    """The pages are encrypted."""


class Element(NamedTuple):
    """An element of an XML file: name without prefix, attributes, text (of those in _TEXTS)."""

    name: str
    attributes: dict[str, str]
    text: list[str]


def is_epub(content: bytes) -> bool:
    """Whether bytes are a ZIP archive that says it is an EPUB."""
    return content.startswith(b"PK\x03\x04") and (b"application/epub+zip" in content[:200] or CONTAINER.encode() in content)


def read_epub(content: bytes, max_bytes: int) -> tuple[list[bytes], int, Told]:
    """Pages in reading order, how many others are damaged or not there, and what is said of the book.

    Args:
        max_bytes: what all that is read may have inflated.
    Raises: BadBookError, TooLargeError, EncryptedError.
    """
    if content.count(_MEMBER) > MAX_MEMBERS:
        raise TooLargeError(f"more than {MAX_MEMBERS:,} members")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _read(_Members(archive, max_bytes))
    except (*_DAMAGE, expat.ExpatError, LookupError) as e:  # LookupError: no such member, no such encoding
        raise BadBookError(str(e)) from e


class _Members:
    """Members of an archive, of which so many bytes are inflated at most."""

    def __init__(self, archive: zipfile.ZipFile, left: int) -> None:
        self._archive, self._left = archive, left
        self._infos = {posixpath.normpath(info.filename): info for info in archive.infolist()}

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    def read(self, name: str) -> bytes:
        info = self._infos[name]
        if info.flag_bits & 1:
            raise EncryptedError(name)
        if info.compress_type not in METHODS:
            raise zipfile.BadZipFile(f"compression method {info.compress_type}")
        with self._archive.open(info) as file:
            data = file.read(self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise TooLargeError(name)
        return data


def _read(members: _Members) -> tuple[list[bytes], int, Told]:
    package = next((e.attributes.get("full-path", "") for e in _elements(members.read(CONTAINER)) if e.name == "rootfile"), "")
    package = posixpath.normpath(package)
    folder = posixpath.dirname(package)
    elements = list(_elements(members.read(package)))
    items = {e.attributes.get("id", ""): e.attributes for e in elements if e.name == "item"}
    encrypted = set()
    if ENCRYPTION in members:
        references = (e.attributes.get("URI", "") for e in _elements(members.read(ENCRYPTION)) if e.name == "CipherReference")
        encrypted = {posixpath.normpath(unquote(reference)) for reference in references}
    pages: list[bytes] = []
    seen: set[str] = set()
    for element in elements:
        item = items.get(element.attributes.get("idref", "")) if element.name == "itemref" else None
        if item is None or item.get("media-type") not in PAGES or "nav" in item.get("properties", "").split():
            continue
        name = posixpath.normpath(posixpath.join(folder, unquote(item.get("href", "").partition("#")[0])))
        if name in seen:
            continue
        seen.add(name)
        if name in encrypted:
            raise EncryptedError(name)
        try:
            pages.append(members.read(name))
        except (*_DAMAGE, KeyError):
            continue
    if seen and not pages:
        raise BadBookError("no page can be read")
    return pages, len(seen) - len(pages), _told(elements)


def _elements(data: bytes) -> Iterator[Element]:
    """Elements of an XML file in the order of their start tags; entities are not declared in these files, and none is expanded."""
    if len(data) > MAX_PACKAGE_BYTES:
        raise TooLargeError("package document")
    found: list[Element] = []
    text: list[str] | None = None

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal text
        if len(found) == MAX_ELEMENTS:
            raise TooLargeError("elements of the package document")
        found.append(Element(name.rpartition(":")[2], {k.rpartition(":")[2]: v for k, v in attributes.items()}, []))
        text = found[-1].text if found[-1].name in _TEXTS else None

    def end(name: str) -> None:
        nonlocal text
        text = None

    def characters(piece: str) -> None:
        if text is not None and len(text) < MAX_FIELD_CHARS:
            text.append(piece[:MAX_FIELD_CHARS])

    def declared(*_: object) -> None:
        raise BadBookError("declares an entity")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
    parser.EntityDeclHandler = declared
    parser.Parse(data.lstrip(), True)
    return iter(found)


def _told(elements: list[Element]) -> Told:
    said: dict[str, list[str]] = {}
    released = year = None
    for element in elements:
        value = clean("".join(element.text))
        if value is None or (element.name == "creator" and element.attributes.get("role", "aut") != "aut"):
            continue
        if element.name == "date":
            event = element.attributes.get("event", "")
            if event.startswith("original") and (match := YEAR.search(value)):
                year = int(match[0])
            elif event in ("", "publication", "conversion"):
                released = released or date_of(value) or (match[0] if (match := YEAR.match(value)) else None)
        said.setdefault(element.name, []).append(value)
    language = said.get("language", [""])[0].lower().replace("_", "-").partition("-")[0]
    title, authors = said.get("title", [None])[0], said.get("creator", [])
    return Told(
        title, clean("; ".join(authors[:20])), language if language.isalpha() and len(language) in (2, 3) and language != "und" else None,
        released, year, rights_of(" ".join(said.get("rights", []))),
    )  # fmt: skip


def rights_of(text: str) -> str | None:
    """What a statement of rights says: public_domain, a Creative Commons licence (cc-by-sa), copyrighted; None: none of these."""
    text = text[:MAX_FIELD_CHARS]
    if match := _LICENCES.search(text):
        return "public_domain" if match["free"] else f"cc-{match['name'].lower()}"
    if re.search(r"public domain|gemeinfrei|domaine public|dominio público|\bCC0\b", text, re.I):
        return "public_domain"
    return "copyrighted" if re.search(r"copyright|all rights reserved|©|\(c\)|alle rechte|tous droits", text, re.I) else None
