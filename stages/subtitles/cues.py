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
_TIMES = re.compile(rf"^[ \t]{{0,9}}{_STAMP}[ \t]{{0,9}}-{{1,2}}>[ \t]{{0,9}}{_STAMP}(?!\d).*", re.MULTILINE)
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)")
_READING = re.compile(r"<rt[^<>\n]{0,100}>[^<>\n]{0,200}</rt>", re.IGNORECASE)
_BREAK = re.compile(r"<br ?/?>|\\[Nn]", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:(?:[bcisup]|ruby|r[tp])(?:\.[^<>\n]{0,300}|[ \t][^<>=\n]{0,100}=[^<>\n]{0,300})?"
    r"|(?:v|font|lang|span)(?:[. \t][^<>\n]{0,300})?)[ \t]{0,3}/?>|<\d{1,4}:[\d:.]{2,16}>"
    r"|\{\\[^{}\n]{0,300}\}|\{[cfhopsy]:[^{} \t\n][^{}\n]{0,100}\}", re.IGNORECASE,
)  # fmt: skip
"""Tags of WebVTT and of HTML (which `a <b and c> d` has none of), times of words, overrides of SubStation Alpha and MicroDVD, which SRT
files hold too."""
_UNSEEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
"""What sets the direction of writing, and spaces of no width."""


class Cue(NamedTuple):
    """start, end: seconds. lines: not empty, markup and white space around them gone."""

    start: float
    end: float
    lines: tuple[str, ...]


def cues(text: str) -> list[Cue]:
    """The cues of a file, in its order; those without text too."""
    text = _LINE_ENDS.sub("\n", _without_markup(text))
    is_webvtt = text.lstrip().startswith("WEBVTT")
    times = list(_TIMES.finditer(text))
    ends = [*(after.start() for after in times[1:]), len(text)]
    return [
        Cue(_seconds(*at.groups()[:4]), _seconds(*at.groups()[4:]), _lines(text[at.end() : end], is_webvtt, is_last=end == len(text)))
        for at, end in zip(times, ends, strict=False)
    ]


def _without_markup(text: str) -> str:
    if "<" in text or "{" in text or "\\" in text:
        text = _TAG.sub("", _BREAK.sub("\n", _READING.sub("", text))).replace("\\h", " ")
    if "&" in text:
        text = html.unescape(text)
    return text if text.isascii() else _UNSEEN.sub("", text)


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")


def _lines(body: str, is_webvtt: bool, is_last: bool) -> tuple[str, ...]:
    """Lines of a cue, given all from behind its times to the next ones: without their number or name, and without blocks."""
    lines = body[1:].split("\n")
    if not is_last and len(lines) > 1:
        name = lines[-2].strip()
        if name.isdigit() or (is_webvtt and lines[-3:-2] == [""]):
            del lines[-2:]
    if is_webvtt:
        lines = _without_blocks(lines)
    return tuple([" ".join(words) for line in lines if (words := line.split())])


def _without_blocks(lines: list[str]) -> list[str]:
    kept, is_block, after_blank = [], False, False
    for line in lines:
        is_block = bool(line) and (is_block or (after_blank and _BLOCK.match(line) is not None))
        after_blank = not line.strip()
        if not is_block:
            kept.append(line)
    return kept
