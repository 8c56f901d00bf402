"""SubRip (SRT) and WebVTT to cues: when, and which lines of text without their markup.

A cue is a line of two times and what follows it up to the next one; so blank lines in it, missing ones between two, missing numbers and
a missing header do no harm. In front of a time goes its number or, in WebVTT, its name; blocks that begin with NOTE, STYLE or REGION go.
Each pattern is anchored or bounded, so that a file costs its length.

Source:  WebVTT: Web Video Text Tracks Format, W3C Candidate Recommendation (4 April 2019); SRT has no standard.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

_STAMP = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[,.:] ?(\d{1,3}))?"
_TIMES = re.compile(rf"\s{{0,9}}{_STAMP}\s{{0,9}}-{{1,2}}>\s{{0,9}}{_STAMP}(?!\d)")
_LINE_ENDS = re.compile(r"\r\n?|\x0c|\x85|\u2028|\u2029")
_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)")
_READING = re.compile(r"<rt[^<>]{0,100}>[^<>]{0,200}</rt>", re.IGNORECASE)
_BREAK = re.compile(r"<br\s{0,9}/?>|\\[Nn]", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:[bcisuvp]|font|ruby|r[tp]|lang|span)(?:[.\s][^<>]{0,300})?/?>|<\d{1,4}:[\d:.]{2,16}>"
    r"|\{\\[^{}]{0,300}\}|\{[A-Za-z]:[^{}]{0,100}\}", re.IGNORECASE,
)  # fmt: skip
"""Tags of WebVTT and of HTML, times of words, overrides of SubStation Alpha and MicroDVD, which SRT files hold too."""
_DIRECTIONS = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")


class Cue(NamedTuple):
    """start, end: seconds. lines: not empty, markup and white space around them gone."""

    start: float
    end: float
    lines: tuple[str, ...]


def cues(text: str) -> list[Cue]:
    """The cues of a file, in its order; those without text too."""
    lines = _DIRECTIONS.sub("", _LINE_ENDS.sub("\n", text)).split("\n")
    is_webvtt = next((line for line in lines if line.strip()), "").startswith("WEBVTT")
    found: list[tuple[float, float, int, int]] = []  # start, end, first and last line of the body
    for at, line in enumerate(lines):
        if ("->" in line or "-&gt;" in line) and (times := _TIMES.match(line.replace("--&gt;", "-->"))):
            if found:
                found[-1] = (*found[-1][:3], _before(lines, found[-1][2], at, is_webvtt))
            stamps = times.groups()
            found.append((_seconds(*stamps[:4]), _seconds(*stamps[4:]), at + 1, len(lines)))
    return [Cue(start, end, tuple(_body(lines[first:last], is_webvtt))) for start, end, first, last in found]


def _before(lines: list[str], first: int, at: int, is_webvtt: bool) -> int:
    """Where a cue's body ends that is followed by times in line `at`: in front of their number or name."""
    name = lines[at - 1].strip() if at > first else ""
    is_name = name.isdigit() or (is_webvtt and name and at - 1 > first and not lines[at - 2].strip())
    return at - 1 if is_name else at


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")


def _body(lines: list[str], is_webvtt: bool) -> list[str]:
    """Lines of a cue without markup, and without the blocks behind it."""
    kept, is_block, after_blank = [], False, False
    for line in lines:
        if not line.strip():
            is_block, after_blank = is_block and bool(line), True
            continue
        is_block = is_block or (is_webvtt and after_blank and _BLOCK.match(line) is not None)
        after_blank = False
        if not is_block:
            kept += _without_markup(line)
    return kept


def _without_markup(line: str) -> list[str]:
    if "<" in line or "{" in line or "\\" in line:
        line = _TAG.sub("", _BREAK.sub("\n", _READING.sub("", line))).replace("\\h", " ")
    if "&" in line:
        line = _DIRECTIONS.sub("", html.unescape(line))
    parts = (" ".join(part.split()) for part in line.split("\n"))
    return [part for part in parts if part]
