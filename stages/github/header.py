"""Comments at the start of a file, and which of their paragraphs are about copyright and licence.

Comments count from the first line on, behind `#!`, a declaration of the charset, `<?php`, `<?xml ...?>` and blank lines, until
something else stands there. Only the first HEAD_CHARS are looked at, each a bounded number of times.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from stages.github.languages import Language
from stages.github.licence_texts import named, tagged

HEAD_CHARS = 32_768
"""A licence of 11 kB in a comment fits twice (ours)."""
MAX_BLOCKS = 20
_SKIPPED = re.compile(
    r"#!|[#%;/*\" \t]{0,4}(?:-\*-|coding[:=]|vim?:)|#.{0,40}coding[:=]|<\?php\s*$|<\?xml\b|<!doctype\b|['\"]use strict['\"]|%YAML|---$",
    re.I,
)
_EDGE = " \t*#/;%-+=~_!|<>{}().,:'\"\\"
_MARKS = re.compile(
    r"copyright[ \t]{0,9}(?:\(c\)|©|[0-9<\[]|by\b|notice|holder|owner|the\b|\w{1,30},? [0-9]{4})|"
    r"(?<!\w)c\)[ \t]{0,9}[0-9]{4}|©[ \t]{0,9}[0-9]{4}|"
    r"all rights reserved|spdx-license-identifier|spdx-filecopyrighttext|licen[cs]ed (?:under|to)|under the (?:terms|\w{1,20} licen[cs]e)|"
    r"permission is hereby granted|permission to use, copy|redistribution and use|redistributions? (?:of|in) (?:source|binary)|"
    r"general public licen[cs]e|apache licen[cs]e|mit licen[cs]e|bsd[ -](?:style )?licen[cs]e|mozilla public licen[cs]e|"
    r"(?:without|no) (?:any )?warrant(?:y|ies)|provided [\"'`]{0,2}as[ -]is|free software[;,:]|"
    r"see (?:the )?(?:accompanying )?(?:file )?licen[cs]e|"
    r"licen[cs]e(?:: | information| agreement|\.txt|\.md| file)|@licen[cs]e|in no event shall|"
    r"proprietary and confidential|confidential and proprietary|(?:strictly|company) (?:confidential|proprietary)|"
    r"(?:confidential|proprietary) (?:property|information|software) of"
)
"""What a paragraph about copyright and licence says, in lower case with single spaces and without its edge, "(" of "(c)", too. Ours."""
_TAG_LINE = re.compile(r"^[^\w\"'`\n]{0,20}SPDX-License-Identifier:[^\n]*", re.M)


class Block(NamedTuple):
    """A comment: where it starts and ends in the text, and whether marks stand around it (else one begins each line)."""

    start: int
    end: int
    closed: bool


def leading_comments(text: str, language: Language) -> list[Block]:
    """The comments at the start of a text, in order; lines of one kind are one block."""
    blocks: list[Block] = []
    at, limit = 0, min(len(text), HEAD_CHARS)
    while at < limit and len(blocks) < MAX_BLOCKS:
        after = _line_end(text, at)
        line = text[at : min(after, limit)].strip()
        marks = _marks_at(text, at, min(after, limit), language)
        if marks is not None:
            begin, close = marks
            end = text.find(close, begin, limit)
            if end < 0:
                break
            after = _line_end(text, end)
            if text[end + len(close) : after].strip():
                break  # code behind the comment, on its line
            blocks.append(Block(at, after, True))
        elif not line or _SKIPPED.match(line):
            pass
        elif language.line and line.lower().startswith(language.line):
            if blocks and not blocks[-1].closed and blocks[-1].end == at:
                blocks[-1] = Block(blocks[-1].start, after, False)
            else:
                blocks.append(Block(at, after, False))
        else:
            break
        at = after
    return [block for block in blocks if block.end <= limit]


def _line_end(text: str, at: int) -> int:
    return text.find("\n", at) + 1 or len(text)


def _marks_at(text: str, at: int, end: int, language: Language) -> tuple[int, str] | None:
    """Where the inside of a comment with marks around it begins, and what closes it."""
    while at < end and text[at] in " \t":
        at += 1
    openings = [(language.open, language.close)] if language.open else []
    if language.open == '"""':
        openings += [("'''", "'''"), ('r"""', '"""')]
    for opening, close in openings:
        if text.startswith(opening, at):
            return at + len(opening), close
    return None


def plain(text: str) -> str:
    """A comment's text in lower case, without the marks at its lines' edges, with single spaces."""
    return " ".join(" ".join(line.strip(_EDGE) for line in text.lower().split("\n")).split())


def notice(text: str, language: Language | None) -> str | None:
    """The licence that the comments at the start of a file name, or a tag behind nothing but marks of a comment; None where none is."""
    comments = "\n".join(text[b.start : b.end] for b in leading_comments(text, language)) if language is not None else ""
    tag = tagged(comments) or tagged("\n".join(_TAG_LINE.findall(text[:HEAD_CHARS])))
    said = plain(comments)
    return tag or (named(said) if _MARKS.search(said) else None)


def without_licence(text: str, language: Language) -> str:
    """The text without the paragraphs about copyright and licence of the comments at its start; a comment of which nothing is left goes."""
    parts, done = [], 0
    for block in leading_comments(text, language):
        lines = text[block.start : block.end].splitlines(keepends=True)
        words = [plain(line) for line in lines]
        marked = _licence_lines(words)
        if not any(marked):
            continue
        kept = [(line, word) for line, word, gone in zip(lines, words, marked, strict=True) if not gone]
        parts.append(text[done : block.start])
        done = block.end
        if any(word for _, word in kept):
            parts += _joined_lines(lines, marked, language if block.closed else None)
        else:
            while done < len(text) and text[done] == "\n" and (not parts[-1] or parts[-1].endswith("\n\n")):
                done += 1
    return "".join([*parts, text[done:]]) if done else text


def _licence_lines(words: list[str]) -> list[bool]:
    """Which lines of a comment stand in paragraphs from the first about the licence to the last; blank lines in between, too."""
    paragraphs: list[list[int]] = [[]]
    for number, word in enumerate(words):
        if word:
            paragraphs[-1].append(number)
        elif paragraphs[-1]:
            paragraphs.append([])
    about = [p for p in paragraphs if p and _MARKS.search(" ".join(words[n] for n in p))]
    gone = [False] * len(words)
    if about:
        gone[about[0][0] : about[-1][-1] + 1] = [True] * (about[-1][-1] + 1 - about[0][0])
    return gone


def _joined_lines(lines: list[str], marked: list[bool], language: Language | None) -> list[str]:
    """The lines of a comment that stay, with the marks that open and close it where they stood on a line that goes."""
    kept = [line for line, gone in zip(lines, marked, strict=True) if not gone]
    if language is not None:
        if marked[0]:
            first = lines[0].lstrip()
            opening = next(o for o in (language.open, "'''", f"r{language.open}") if first.startswith(o))
            kept.insert(0, f"{opening}\n")
        if marked[-1]:
            close = "'''" if kept[0].startswith("'''") else language.close
            kept.append(f"{close}\n")
    return kept
