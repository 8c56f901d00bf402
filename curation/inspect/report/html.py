"""HTML in which all text is escaped unless it was made here: elements, numbers, tables.

What was crawled may hold anything. Characters that would write over their neighbours or cannot be seen (controls, bidi
overrides) are shown by their code point, and the text stands in an element of its own direction.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

VOID = frozenset({"br", "hr", "input", "link", "meta"})
ALLOWED = frozenset("\n\t\u00ad\u200c\u200d\ufe0e\ufe0f")
"""Format characters that scripts and emoji need, and white space."""
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
ODD = re.compile(r"[^\x20-\x7e\u00a1-\u036f\u0370-\u0600\u0620-\u06dc\u0900-\u17ff\u3040-\ud7ff]|[&<>\"']")
"""Characters that are looked at; the others stand for themselves."""
DASH = "–"


class Markup(str):
    """HTML that may stand in a page as it is."""

    __slots__ = ()


Child = str | int | Markup | None | Iterable["Child"]


@cache
def _shown(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    if character not in ALLOWED and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp"):
        return f'<i class="odd">U+{ord(character):04X}</i>'
    return character


def text(value: str) -> Markup:
    """Any text as HTML."""
    return Markup(ODD.sub(lambda found: _shown(found[0]), value))


def plain(value: str) -> str:
    """Any text as the value of an attribute: what cannot be seen becomes U+FFFD."""
    return re.sub(r"<i class=\"odd\">[^<]*</i>", "\ufffd", text(value))


def cut(value: str, most: int) -> str:
    """The beginning of a text: so many characters at most, and so many times three bytes of HTML, whatever they are."""
    room = 3 * most
    for n, character in enumerate(value[:most]):
        room -= max(3, len(_shown(character)))
        if room < 0:
            return value[:n]
    return value[:most]


def crawled(value: str, most: int, name: str = "bdi") -> Markup:
    """Text of the crawl, cut, in an element whose direction is its own."""
    piece = cut(value, most)
    return el(name, piece, "…" if len(piece) < len(value) else "", dir="auto", class_="crawled")


def join(*children: Child) -> Markup:
    """Children one after the other: Markup as it is, other strings escaped."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(text(child))
        elif isinstance(child, int):
            parts.append(f"{child:,}")
        elif child is not None:
            parts.append(join(*child))
    return Markup("".join(parts))


def el(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element; `class_` is class, `aria_label` is aria-label; None and False leave an attribute out."""
    written = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        if isinstance(value, float):
            value = f"{value:.2f}".rstrip("0").rstrip(".")
        written.append(f" {key}" if value is True else f' {key}="{plain(str(value))}"')
    opening = f"<{name}{''.join(written)}>"
    return Markup(opening if name in VOID else f"{opening}{join(*children)}</{name}>")


def ident(*names: str) -> str:
    """An id of names that may hold anything; other names, another id."""
    return "-".join(re.sub(r"[^A-Za-z0-9_.]", lambda found: f":{ord(found[0]):x}:", name) for name in names)


def number(n: int, class_: str = "n", **attributes: str) -> Markup:
    """A cell of a table with a whole number."""
    return el("td", f"{n:,}", class_=class_, **attributes)


def percent(part: float, whole: float) -> str:
    """A share in per cent, with two digits at least where it is small."""
    if not whole:
        return DASH
    value = 100 * part / whole
    return f"{value:.1f}\N{NO-BREAK SPACE}%" if value >= 1 or not value else f"{value:.2g}\N{NO-BREAK SPACE}%"


def size(n: float) -> str:
    """Bytes in the unit that fits."""
    for unit, one in (("PB", 10**15), ("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= one:
            return f"{n / one:,.1f}\N{NO-BREAK SPACE}{unit}"
    return f"{n:,}\N{NO-BREAK SPACE}B"


def aligned(child: Child) -> Markup:
    """A cell whose text is a number."""
    return el("td", child, class_="n")


def drawn(picture: Markup | None) -> Markup:
    """A cell with a bar."""
    return el("td", picture, class_="picture")


def bytes_cell(n: int) -> Markup:
    """A cell with bytes: readable, and exact as its value."""
    return el("td", el("data", size(n), value=str(n), title=f"{n:,} bytes"), class_="n")


def seconds(n: float) -> str:
    """CPU time in the unit that fits."""
    for unit, one in (("h", 3600), ("min", 60), ("s", 1)):
        if n >= one:
            return f"{n / one:,.1f}\N{NO-BREAK SPACE}{unit}"
    return f"{1000 * n:,.0f}\N{NO-BREAK SPACE}ms"


def value(x: float) -> str:
    """A metric's value."""
    if x == int(x) and abs(x) < 1e15:
        return f"{int(x):,}"
    return f"{x:.4g}" if 1e-4 <= abs(x) < 1e6 else f"{x:.3e}"


def table(heads: Sequence[Child], rows: Iterable[Child], caption: str, class_: str | None = None) -> Markup:
    """A table in a frame that scrolls by itself. A head that begins with `#` is of numbers; rows are elements `tr`."""
    named = [
        el("th", head[1:], scope="col", class_="n") if isinstance(head, str) and head.startswith("#") else el("th", head, scope="col")
        for head in heads
    ]
    body = el("tbody", rows)
    return el(
        "div",
        el("table", el("caption", caption), el("thead", el("tr", named)), body, class_=class_),
        class_="scroll", tabindex="0", role="region", aria_label=caption,
    )  # fmt: skip


Section = tuple[str, str, Markup]
"""Id, short title, element."""


def section(id_: str, short: str, title: str, lead: Child, *content: Child) -> Section:
    """A section of the page."""
    return id_, short, el("section", el("h2", title), el("p", lead, class_="lead") if lead else None, content, id=id_, aria_label=title)


def step_link(name: str) -> Markup:
    """A step's name that leads to what it was told."""
    return el("a", name, href=f"#{ident('step', name)}")
