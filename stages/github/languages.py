"""Which language a file is in, by its name and by what stands in it; and how comments are written in each.

Names are those of GitHub's Linguist, but that each begins with a capital. A name of the file, its extension, then `#!`, decide. Where
several languages have the extension (`.h`, `.m`, `.pl` ...), marks in the first HEAD_BYTES tell them apart, and what begins as XML or as an
HTML page is that, whatever its name (translations of Qt in `.ts`, error pages saved as `.js`).
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

HEAD_BYTES = 8192
"""Bytes of a file that are looked at (ours)."""


class Language(NamedTuple):
    """A row of languages.csv.

    kind: code, markup, data or prose. line: what begins a comment that ends with its line; open, close: what stands around other ones.
    """

    name: str
    kind: str
    extensions: tuple[str, ...]
    names: tuple[str, ...]
    interpreters: tuple[str, ...]
    line: str
    open: str
    close: str


@cache
def languages() -> dict[str, Language]:
    """All languages by name."""
    with (Path(__file__).parent / "languages.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {
            name: Language(name, kind, tuple(extensions.split()), tuple(names.split()), tuple(interpreters.split()), line, open_, close)
            for name, kind, extensions, names, interpreters, line, open_, close in rows
        }


@cache
def _by(field: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for language in languages().values():
        for word in getattr(language, field):
            found[word] = (*found.get(word, ()), language.name)
    return found


_MARKS: dict[str, tuple[tuple[str, re.Pattern[bytes]], ...]] = {
    "h": (
        ("Objective-C", re.compile(rb"^[ \t]*(?:@interface|@protocol|@class|@property|#import)\b", re.M)),
        ("C++", re.compile(
            rb"^[ \t]*(?:template[ \t]*<|namespace\b|class[ \t]+\w|using[ \t]+\w|(?:public|private|protected):|#include <[a-z_]+>)|\bstd::",
            re.M,
        )),
        ("C", re.compile(b"")),
    ),
    "m": (
        ("Objective-C", re.compile(rb"^[ \t]*(?:@interface|@implementation|@protocol|@end|@import|#import|#include|//|/\*)", re.M)),
        ("MATLAB", re.compile(b"")),
    ),
    "pl": (("Prolog", re.compile(rb"^[ \t]*:-|^[a-z]\w{0,60}\(.{0,200}\)[ \t]*(?::-|\.[ \t]*$)", re.M)), ("Perl", re.compile(b""))),
    "v": (("Verilog", re.compile(rb"^[ \t]*(?:module|endmodule|`\w|always|assign)\b", re.M)), ("Coq", re.compile(b""))),
    "pp": (("Pascal", re.compile(rb"^[ \t]*(?:unit|program|uses|interface|begin)\b", re.M | re.I)), ("Puppet", re.compile(b""))),
    "inc": (("PHP", re.compile(rb"<\?(?:php|=)", re.I)), ("Pascal", re.compile(rb"\b(?:begin|procedure|function|const)\b", re.I))),
    "ts": (("TypeScript", re.compile(b"")),),
    "rs": (("Rust", re.compile(b"")),),
    "cls": (
        ("TeX", re.compile(rb"\\(?:ProvidesClass|NeedsTeXFormat|def|newcommand)\b")),
        ("Visual Basic", re.compile(rb"^(?:VERSION|Attribute) ", re.M)),
    ),
    "mod": (("Go Module", re.compile(rb"^module[ \t]", re.M)),),
    "fs": (("F#", re.compile(rb"^[ \t]*(?:let|open|module|namespace|type)\b", re.M)), ("GLSL", re.compile(rb"#version|\bgl_|\bvoid main"))),
}  # fmt: skip
"""Extensions that more than one language has, or other things too: the first language of which a mark is found; none: no language."""
_SECTION = re.compile(rb"^(?:['.]\\\"|\.(?:TH|Dd|Sh|SH|so|de)\b)", re.M)
_XML = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,99}<\?xml[ \t]", re.I)
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,99}<(?:!doctype[ \t]{1,9}html|html)\b", re.I)
_SHEBANG = re.compile(rb"#![ \t]{0,9}(?:[^\s]{0,200}/)?(\w[\w.+-]{0,40})(?:[ \t]{1,9}(?:-\w{1,9}[ \t]{1,9})?([^\s]{0,200}))?")
_VERSION = re.compile(r"[0-9.]+$")
_NUMBERED = frozenset("123456789")


def language_of(path: str, head: bytes) -> str | None:
    """The language of a file, or None.

    Args:
        path: its name, with folders or without. head: its first HEAD_BYTES.
    """
    name = path.rpartition("/")[2][-255:].lower()
    stem, dot, extension = name.rpartition(".")
    named = _by("names").get(name)
    if named is None and dot and extension in ("in", "template", "tmpl", "dist", "example") and "." in stem:
        extension = stem.rpartition(".")[2]
    found = named or (_by("extensions").get(extension) if dot else None)
    if found is None:
        base = _by("names").get(re.split(r"[.\-_]", name, maxsplit=1)[0])
        found = base if base and languages()[base[0]].kind != "code" else None  # LICENSE-MIT, README.ja
    if found is None:
        shebang = _SHEBANG.match(head)
        if shebang:
            word = shebang[2] if shebang[1] == b"env" and shebang[2] else shebang[1]
            word_ = word.rpartition(b"/")[2].decode("ascii", "replace").lower()
            found = _by("interpreters").get(word_) or _by("interpreters").get(_VERSION.sub("", word_))
    language = found[0] if found else None
    if found and not named and extension in _MARKS:
        language = next((name for name, mark in _MARKS[extension] if mark.search(head)), None)
    if language == "Roff" and extension in _NUMBERED and not _SECTION.search(head):
        language = None
    kind = languages()[language].kind if language else None
    if kind in (None, "code", "data") and language not in ("XSLT", "SVG", "Diff", "PHP", "ASP") and head.lstrip()[:1] in (b"<", b"\xef"):
        language = "XML" if _XML.match(head) else "HTML" if _HTML.match(head) else language
    return language
