"""The third pass over wikitext: lines become headings, list items and paragraphs, without the marks of wikitext.

Text is written as extract_html writes it: paragraphs apart by a blank line, items with `- ` or their number, headings as lines of their
own. A heading with nothing under it goes with the references and tables that stood there.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from stages.wikipedia.kept import Kept, entities

MAX_INDENT = 8
"""Levels a list is indented by at most, as extract_html has it."""
HEADING, ITEM, TERM, PROSE, ROW = range(5)
_APOSTROPHES = re.compile(r"'{2,}+")
_SWITCH = re.compile(r"__[^\W\d_]{2,40}(?:_[^\W\d_]{2,40}){0,3}__")
_OPENING = re.compile(r"(?<![A-Za-z0-9_])\(\s*+\)|\((?:(?!\s*+\))[\s,;:.–—-]*+\)|[\s,;]++)|（(?:[\s、，,；;：:]*+）|[\s、，；]++)")
_INK = re.compile(r"[^\s!-/:-@\[-`{-~·•–—…]")
"""What is no blank and no mark: a line without any held nothing but templates."""
_BEFORE_STOP = re.compile(r" \.(?=[ )]|\Z)")


class _Line(NamedTuple):
    """kind; level of a heading or an item; whether a blank line stands above."""

    kind: int
    level: int
    text: str
    apart: bool


def written(text: str, kept: Kept) -> tuple[str, int]:
    """The text without marks, what was put aside still aside; and its headings."""
    if "__" in text:
        text = _SWITCH.sub(lambda found: "" if found[0] == found[0].upper() else found[0], text)
    lines: list[_Line] = []
    counts: list[int] = []  # numbers of the items of each level
    shown: list[str] = []  # lines that begin with a blank
    apart = False
    for raw in text.split("\n"):
        first = raw[:1]
        if first == " " and raw.strip():
            shown.append(raw[1:].rstrip())
            continue
        if shown:
            lines.append(_shown(shown, apart, kept))
            shown, apart = [], len(shown) > 1
        if first not in ("*", "#", ":", ";"):
            counts.clear()
        line = _line(raw, first, counts, apart) if raw else None
        if line is not None:
            lines.append(line)
        apart = line is None and (apart or not raw.strip() or first not in ("|", "_"))
    if shown:
        lines.append(_shown(shown, apart, kept))
    lines = _with_content(lines)
    pieces: list[str] = []
    for k, line in enumerate(lines):
        if k:
            above = lines[k - 1]
            close = (line.kind == above.kind and line.kind in (ITEM, ROW)) or above.kind == TERM
            close = close or (line.kind == above.kind == PROSE and not line.apart)
            pieces.append("\n" if close else "\n\n")
        pieces.append(line.text)
    return "".join(pieces), sum(line.kind == HEADING for line in lines)


def _line(raw: str, first: str, counts: list[int], apart: bool) -> _Line | None:
    """A line that does not begin with a blank; None where nothing is left of it."""
    if first == "=":
        line = raw.rstrip()
        level = min(len(line) - len(line.lstrip("=")), len(line) - len(line.rstrip("=")), 6)
        if 0 < 2 * level < len(line):
            text = prose(line[level:-level])
            return _Line(HEADING, level, text, True) if text else None
    elif first in ("*", "#", ":", ";"):
        rest = raw.lstrip("*#:;")
        marks = raw[: len(raw) - len(rest)]
        text = prose(rest)
        return _item(marks, text, counts, apart) if text else None
    elif first == "|" or (first == "!" and "!!" in raw):
        return None  # left of a table or template that nobody closed
    elif first == "\x04":
        text = "\t".join(prose(cell) for cell in raw[1:].split("\t"))
        return _Line(ROW, 0, text, apart) if text.strip() else None
    elif first == "-" and raw.startswith("----"):
        raw = raw.lstrip("-")
    text = prose(raw)
    return _Line(PROSE, 0, text, apart) if text else None


def _item(marks: str, text: str, counts: list[int], apart: bool) -> _Line:
    """A line of a list: `:` alone only indents."""
    level, last = len(marks), marks[-1]
    indent = "    " * min(MAX_INDENT, level - 1)
    del counts[level:]
    if last == "#":
        counts += [0] * (level - len(counts))
        counts[-1] += 1
        return _Line(ITEM, level, f"{indent}{counts[-1]}. {text}", apart)
    del counts[level - 1 :]
    if last == "*":
        return _Line(ITEM, level, f"{indent}- {text}", apart)
    if last == ";":
        return _Line(TERM, level, text, apart)
    return _Line(PROSE, level, text, apart)


def _shown(lines: list[str], apart: bool, kept: Kept) -> _Line:
    """Lines that begin with a blank: as they stand where there are several, else prose."""
    if len(lines) == 1:
        return _Line(PROSE, 0, prose(lines[0]), apart)
    return _Line(PROSE, 0, kept.place("code", kept.restored("\n".join(entities(_without_quotes(line)) for line in lines))), True)


def prose(line: str) -> str:
    """A line without marks of bold and italics, its entities as characters, its blanks one each; nothing where only marks are left."""
    if "''" in line:
        line = _without_quotes(line)
    line = entities(line)
    if not _INK.search(line):
        return ""
    if "(" in line or "（" in line:
        line = _without_empty(line)
    line = " ".join(line.split()) if "  " in line or "\xa0" in line or "\t" in line else line.strip()
    return _BEFORE_STOP.sub(".", line.replace(" ,", ",")) if " ." in line or " ," in line else line


def _without_empty(line: str) -> str:
    """A line without what templates and references leave of parentheses: empty ones, and commas at their ends."""
    line = _OPENING.sub(lambda found: "" if found[0][-1] in ")）" else found[0][0], line)
    *closed, rest = line.split(")")
    return "".join(f"{piece.rstrip(' ,;')})" for piece in closed) + rest


def _without_quotes(line: str) -> str:
    """Two apostrophes are italics, three bold, five both; of others the rest is text. Where both are odd in a line, one bold mark is an
    apostrophe and italics, as MediaWiki has it: behind a word of one letter first, else behind a longer one, else behind a blank."""
    no_fives = line.replace("'''''", "")
    no_threes = no_fives.replace("'''", "")
    both = line.count("'''''")
    if not ((both + no_fives.count("'''")) % 2 and (both + no_threes.count("''")) % 2):
        return no_threes.replace("''", "")
    runs = [(found.start(), found.end() - found.start()) for found in _APOSTROPHES.finditer(line)]
    threes = [at for at, size in runs if size in (3, 4)]
    behind = {at: line[max(0, at - 2) : at] for at in threes}
    one = [at for at in threes if behind[at][-1:] not in ("", " ") and (len(behind[at]) == 1 or behind[at][0] == " ")]
    word = [at for at in threes if behind[at][-1:] not in ("", " ")]
    apostrophe = [*one[:1], *word[:1], *threes[:1], -1][0]

    def text(found: re.Match[str]) -> str:
        size = found.end() - found.start()
        return "'" * (size - 5 if size > 5 else size == 4 or found.start() == apostrophe)

    return _APOSTROPHES.sub(text, line)


def _with_content(lines: list[_Line]) -> list[_Line]:
    """The lines without headings that have nothing under them."""
    kept: list[_Line] = []
    between = 0  # the highest level of heading between here and the nearest text below; 0: no text below
    for line in reversed(lines):
        if line.kind != HEADING:
            between = 7
        elif line.level < between:
            between = line.level
        else:
            continue
        kept.append(line)
    return kept[::-1]
