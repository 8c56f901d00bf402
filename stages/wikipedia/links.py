"""The second pass over wikitext: links, tables and HTML tags.

A link leaves the words readers see; files, categories and links to other languages go. A table goes or becomes a line a row. A tag goes
and its content stays; what is no tag of HTML (a < b) stays, too. What is not closed leaves its content. One pass with a stack.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from stages.wikipedia.words import CATEGORY, FILE

MAX_LINK_CHARS = 10_000
"""What is longer is no link: nobody closed it; nested ones are copied once a level. Ours."""
MAX_DEPTH = 40
"""Tables deeper than this go: each is copied once a level. Ours."""
_PLAIN_LINK = re.compile(r"\[\[([^\[\]|\n:]++)(?:\|([^\[\]|\n]++))?\]\]")
"""To a page of no other namespace, without markup: most links; the loop is left with the others."""
_TOKEN = re.compile(
    r"\[\[|\]\]|\[(?:https?://|ftp://|mailto:|//)[^\s\[\]<>\"]*+|\]|"
    r"\n[ :]*+\{\||\n[ \t]*+\|\}|<(/?)([a-zA-Z][a-zA-Z0-9]*+)[^<>]*+>"
)
_LANGUAGE = re.compile(r"(?:[a-z]{2,3}(?:-[a-z]{2,10}){0,2}|simple)\Z")
_BREAKS = {
    "br": "\n", "hr": "\n\n", "p": "\n\n", "blockquote": "\n\n", "div": "\n", "center": "\n", "poem": "\n", "dl": "\n", "dt": "\n",
    "dd": "\n", "ul": "\n", "ol": "\n", "li": "\n", "caption": "\n", "h1": "\n\n", "h2": "\n\n", "h3": "\n\n", "h4": "\n\n",
}  # fmt: skip
"""What stands for a tag that begins or ends a line."""
_CELLS = {"tr": "\n|-\n", "td": "\n|", "th": "\n!", "table": "", "tbody": "", "thead": ""}
_INLINE = frozenset([
    "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "noinclude",
    "nowiki", "onlyinclude", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp", "section", "small", "span", "strike", "strong", "sub",
    "sup", "time", "translate", "tt", "tvar", "u", "var", "wbr", "ref", "references",
])  # fmt: skip
_CELL_BREAK = re.compile(r"\|\||!!")

LINK, ADDRESS, TABLE, HTML_TABLE = range(4)


class _Open(NamedTuple):
    """What waits for its end: its kind, its place in the output and in the text."""

    kind: int
    first: int
    start: int


def without_links(text: str, tables: bool) -> str:
    """The text without links, tables and tags.

    Args:
        tables: whether tables become lines, a row each with its cells apart by tabs; else they go.
    """
    text = "\n" + _PLAIN_LINK.sub(lambda link: link[2] or link[1], text)
    out: list[str] = []
    open_: list[_Open] = []
    n_tables = at = 0
    for token in _TOKEN.finditer(text):
        start, found = token.start(), token[0]
        if start > at:
            out.append(text[at:start])
        at = token.end()
        if found == "[[":
            open_.append(_Open(LINK, len(out), start))
        elif found == "]]":
            while open_ and (open_[-1].kind == ADDRESS or (open_[-1].kind == LINK and start - open_[-1].start > MAX_LINK_CHARS)):
                open_.pop()
            if open_ and open_[-1].kind == LINK:
                _, first, _ = open_.pop()
                words = _words("".join(out[first:]))
                del out[first:]
                out.append(words)
        elif found == "]":
            if open_ and open_[-1].kind == ADDRESS:
                _, first, begun = open_.pop()
                if start - begun <= MAX_LINK_CHARS and first < len(out):
                    out[first] = out[first].lstrip()
            else:
                out.append(found)
        elif found[0] == "[":
            open_.append(_Open(ADDRESS, len(out), start))
        elif found[0] == "\n":
            if found[-1] == "|":
                out.append("\n")
                open_.append(_Open(TABLE, len(out), start))
                n_tables += 1
            elif n_tables:
                n_tables -= _close_table(TABLE, out, open_, tables)
                out.append("\n")
        else:
            name = token[2].lower()
            if name == "table":
                if not token[1]:
                    out.append("\n")
                    open_.append(_Open(HTML_TABLE, len(out), start))
                    n_tables += 1
                elif n_tables:
                    n_tables -= _close_table(HTML_TABLE, out, open_, tables)
                    out.append("\n")
            elif name in _CELLS:
                out.append("" if token[1] else _CELLS[name])
            elif name in _BREAKS:
                out.append("\n* " if name == "li" and not token[1] else _BREAKS[name])
            elif name not in _INLINE:
                out.append(found)
    out.append(text[at:])
    return "".join(out)


def _close_table(kind: int, out: list[str], open_: list[_Open], tables: bool) -> int:
    """Close the innermost table if it is of a kind, and all that is open in it; returns how many tables were closed."""
    place = next((k for k in range(len(open_) - 1, -1, -1) if open_[k].kind in (TABLE, HTML_TABLE)), None)
    if place is None or open_[place].kind != kind:
        return 0
    first = open_[place].first
    rows = _rows("".join(out[first:])) if tables and place < MAX_DEPTH else ""
    del out[first:], open_[place:]
    out.append(rows)
    return 1


def _words(content: str) -> str:
    """What readers see of a link: its words, or the name of the page it leads to."""
    target, bar, label = content.partition("|")
    target = target.strip()
    if target.startswith(":"):
        target = target[1:]
    else:
        prefix, colon, _ = target.partition(":")
        if colon:
            space = prefix.strip().replace("_", " ").lower()
            if space in FILE or space in CATEGORY or (not bar and _LANGUAGE.match(prefix)):
                return ""
    return label or target


def _rows(table: str) -> str:
    """A line a row, its cells apart by tabs; cells without text at the end of a row are left out."""
    rows: list[list[str]] = [[]]
    caption = ""
    _, _, body = table.partition("\n")  # the first line holds attributes
    for line in body.split("\n"):
        stripped = line.strip()
        if stripped.startswith("|+"):
            caption = _cell(stripped[2:])
        elif stripped.startswith("|-"):
            rows.append([])
        elif stripped[:1] in ("|", "!"):
            rows[-1] += map(_cell, _CELL_BREAK.split(stripped[1:]) if stripped[0] == "!" else stripped[1:].split("||"))
        elif stripped and rows[-1]:
            rows[-1][-1] = f"{rows[-1][-1]} {stripped}".strip()
    lines = ["\t".join(row).rstrip() for row in rows]
    return "\n".join(f"\x04{line}" for line in [caption, *lines] if line)


def _cell(cell: str) -> str:
    """A cell's text behind its attributes."""
    attributes, bar, text = cell.partition("|")
    return (text if bar and "=" in attributes else cell).strip().replace("\t", " ")
