"""Which lines of a book head its chapters.

A heading stands alone: three lines at most, between blank lines. It is one by its words ("CHAPTER THE FIRST", "Zweites
Kapitel", "Глава 3", "第三章", "PREFACE"), by a number that goes on from the heading before it ("IV.", "12", "I. The Period"),
or since an HTML page says so.

Source:  ours; the words are those of the languages Project Gutenberg has most books in.
Units:   blocks.
"""

from __future__ import annotations

import re
from pathlib import Path

from stages.books.gutenberg import HEADING
from stages.books.layout import Block, roman

MAX_LINES, MAX_CHARS = 3, 160
MIN_IN_ORDER, IN_ORDER = 3, 0.7
"""Numbers there must be, and the share of them that must follow each other, for numbers to be headings; ours."""
MAX_RUN = 3
"""Headings that may stand above each other (of a part, a chapter, a title); of more the last one counts, the others are contents."""


def _words() -> dict[str, frozenset[str]]:
    """The words of headings.txt by kind."""
    found: dict[str, set[str]] = {}
    for line in (Path(__file__).parent / "headings.txt").read_text(encoding="utf-8").splitlines():
        kind, *named = line.split() if line and not line.startswith("#") else [""]
        found.setdefault(kind, set()).update(word.replace("_", " ") for word in named)
    return {kind: frozenset(words) for kind, words in found.items()}


_WORDS = _words()
PARTS, CARDINALS, ORDINALS, NAMED, CONTENTS = (_WORDS[kind] for kind in ("part", "cardinal", "ordinal", "named", "contents"))
_IDEOGRAPHS = re.compile(r"第 ?[0-9０-９一二三四五六七八九十百千零〇两兩]{1,8} ?[章回卷节節部篇集幕話话]|제 ?\d{1,4} ?[장부권막화편]")
_ROMAN = re.compile(r"(?=[ivxlcdm])m{0,3}(?:cm|cd|d?c{0,4})(?:xc|xl|l?x{0,4})(?:ix|iv|v?i{0,4})")
_NUMBERED = re.compile(r"(?P<number>\d{1,3}|[IVXLC]{1,8}|[ivxlc]{1,8})(?:[.:)]{0,2}|[.:)]?\s{0,3}[.:)—–-]{1,2}\s{1,3}(?P<title>\S.{0,80}))")
_AROUND = " *_=~#[]\t"


def mark(blocks: list[Block]) -> None:
    """Put HEADING in front of the headings, where no page has said which these are."""
    numbered: list[tuple[int, int]] = []
    for k, block in enumerate(blocks):
        if len(block.lines) > MAX_LINES or sum(map(len, block.lines)) > MAX_CHARS:
            continue
        line = block.lines[0].strip(_AROUND)
        if line and _by_words(line) and not block.lines[-1].rstrip().endswith((",", ";")):
            block.lines[0] = HEADING + block.lines[0].lstrip()
        elif value := _number(line):
            numbered.append((k, value))
    values = [0, *(value for _, value in numbered), 0]
    follows = [b == 1 or b == a + 1 or c == b + 1 for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    if len(numbered) >= MIN_IN_ORDER and sum(follows) >= IN_ORDER * len(numbered):
        for (k, _), right in zip(numbered, follows, strict=True):
            if right:
                blocks[k].lines[0] = HEADING + blocks[k].lines[0].lstrip()


def _by_words(line: str) -> bool:
    """Whether a line that stands alone is a heading by its words."""
    if _IDEOGRAPHS.match(line):
        return True
    words = line.split(maxsplit=4)
    plain = [word.strip(".,:;—–-_*").casefold() for word in words]
    if line.casefold().strip(" .:") in NAMED:
        return True
    if len(words) < 2:
        return False
    if plain[0] in PARTS:
        at = 2 if plain[1] == "the" and len(words) > 2 else 1
        number = plain[at]
    elif plain[1] in PARTS:
        at, number = 1, plain[0]
    else:
        return False
    words_for = ORDINALS if plain[0] is number else ORDINALS | CARDINALS
    if not (number.isdecimal() or any(part in words_for for part in number.split("-")) or _ROMAN.fullmatch(number)):
        return False
    rest = words[at + 1 :]
    return not rest or not words[at][-1].isalnum() or not rest[0][0].islower()


def _number(line: str) -> int:
    """The number of a line that is one, or one and a title; 0 where it is not."""
    match = _NUMBERED.fullmatch(line)
    if match is None:
        return 0
    title, number = match["title"], match["number"]
    if title and (title[0].islower() or title.endswith((".", ",", ";", ":")) or not number.isupper() * 1 + number.isdecimal()):
        return 0
    lower = number.lower()
    return int(number) if number.isdecimal() else roman(lower) if _ROMAN.fullmatch(lower) else 0


def chapters_of(blocks: list[Block], title: str | None) -> list[str]:
    """First line of the headings above each chapter: those that text stands below, but for the book's own title."""
    own = (title or "").casefold()
    found: list[tuple[str, bool]] = []  # the line, and whether it may be the last one of a table of contents
    run: list[str] = []
    for block in blocks:
        if block.lines[0].startswith(HEADING):
            line = block.lines[0].strip(HEADING + " \t")
            run = [*run, line][-MAX_RUN - 1 :] if line and line.casefold() != own else run
            continue
        if run and run[-1].casefold().strip(_AROUND + ".:") not in CONTENTS:
            found.append((run[-1], True) if len(run) > MAX_RUN else (run[0], False))
        run = []
    lines, again = [], set[str]()
    for line, listed in reversed(found):
        if not (listed and line in again):
            lines.append(line)
        again.add(line)
    return lines[::-1]
