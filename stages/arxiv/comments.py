"""Comments out of a file of TeX, and what is set as it stands (verbatim, listings, addresses) out of the way of all that follows.

TeX reads nothing from a `%` to the start of the next line's text, so a comment behind text joins two lines, and one on a line of its
own leaves nothing. What is verbatim is put aside: in its place stand NUL, its number, NUL, which no text has (charset.py takes NULs
out), so that neither its `%` nor its braces and backslashes mean anything later.

Source:  The TeXbook, chapter 8 (states of the reader).
Units:   characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from stages.arxiv.macros import Work

VERBATIM = (
    "verbatim", "Verbatim", "BVerbatim", "LVerbatim", "SaveVerbatim", "spverbatim", "verbatimtab", "verbbox", "lstlisting", "minted",
    "Highlighting", "listing",
)  # fmt: skip
DROPPED = ("comment", "filecontents", "filecontents*")
"""Environments that are never set where they stand."""
MAX_INLINE = 2000
"""A longer `\\verb` or address is none (ours)."""
MAX_OWN = 100
"""Environments of its own that a submission may have; the rest are text (ours)."""
_NEW_VERBATIM = re.compile(
    r"\\(?:lstnewenvironment|DefineVerbatimEnvironment|newverbatim|tcbnewlisting|newtcblisting)\s{0,9}\{\s{0,9}([A-Za-z]{1,40}\*?)\s{0,9}\}"
)
_NEW_COMMENT = re.compile(r"\\excludecomment\s{0,9}\{\s{0,9}([A-Za-z]{1,40})\s{0,9}\}")
_INLINE = r"(?P<inline>verb|lstinline|mintinline|Verb|url|path|nolinkurl|href)(?![A-Za-z@])"
_BEFORE = re.compile(r"\*?(?:\[[^\]\n]{0,200}\])?")
_LANGUAGE = re.compile(r"(?:\[[^\]\n]{0,200}\])?\{[^{}\n]{0,40}\}")
_ADDRESS = re.compile(rf"\s{{0,9}}(?:\[[^\]\n]{{0,200}}\])?\s{{0,9}}\{{[^{{}}\\\n]{{0,{MAX_INLINE}}}\}}")
_COMMANDS = re.compile(r"\[[^\]]{0,400}commandchars")
"""The option of Verbatim that lets commands in it work."""
_BLANKS = re.compile(r"[ \t]*")
_BEGIN_SPACED = re.compile(r"\\(begin|end)[ \t]{1,9}\{")
_ASIDE = re.compile("\0([0-9]+)\0")
_WORD_AT_END = re.compile(r"(?<!\\)(?:\\\\)*\\[A-Za-z@]+\Z")


def ends_in_word(text: str) -> bool:
    """Whether a text ends in a control word, so that a letter behind it would be read as part of its name."""
    return text[-1:].isalpha() and _WORD_AT_END.search(text[-64:]) is not None


class Comments:
    """What one submission has for verbatim text and for comments.

    Args:
        sources: its files of TeX, where environments of its own are looked for.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        own: dict[str, bool] = {}
        for source in sources:
            if "nvironment" in source or "omment" in source or "listing" in source or "newverbatim" in source:
                own |= dict.fromkeys(_NEW_VERBATIM.findall(source), False) | dict.fromkeys(_NEW_COMMENT.findall(source), True)
        verbatim, dropped = set(VERBATIM), set(DROPPED)
        for name in list(own)[:MAX_OWN]:
            (dropped if own[name] else verbatim).add(name)
        self.dropped = dropped
        names = "|".join(map(re.escape, sorted(verbatim | dropped)))
        self.token = re.compile(rf"%|\\(?:{_INLINE}|begin\{{(?P<environment>(?:{names})\*?)\}}|.)", re.S)
        self.aside: list[str] = []

    def without(self, text: str) -> str:
        """A file without comments, and with what is verbatim put aside."""
        text = _BEGIN_SPACED.sub(r"\\\1{", text.replace("\r\n", "\n").replace("\r", "\n"))
        out: list[str] = []
        at, fresh, ends = 0, True, {}
        """Where the text goes on; whether that is the start of a line; ends of environments that are not to be found any more."""
        for match in self.token.finditer(text):
            start = match.start()
            if start < at:
                continue
            if text[start] == "%":
                before = text[at:start].rstrip(" \t") if fresh or "\n" in text[at:start] else text[at:start]
                alone = before.endswith("\n") or (fresh and not before)
                end = text.find("\n", start)
                out.append(before if alone else text[at:start])
                if end < 0:
                    at = len(text)
                    break
                at = _BLANKS.match(text, end + 1).end()  # type: ignore[union-attr]
                if text[at : at + 1] == "\n" and not _at_line_start(out):
                    out.append("\n")
                elif text[at : at + 1].isalpha() and ends_in_word(_tail(out)):
                    out.append(" ")
                fresh = True
                continue
            if match["environment"]:
                name = match["environment"]
                if _COMMANDS.match(text, match.end()):
                    continue
                close = f"\\end{{{name}}}"
                end = -1 if close in ends else text.find(close, match.end())
                if end < 0:
                    ends[close] = True
                    continue
                end += len(close)
                out.append(text[at:start])
                if name in self.dropped:
                    if text[end : end + 1] == "\n" and _at_line_start(out):
                        end += 1
                else:
                    out.append(self.put_aside(text[start:end]))
            elif match["inline"]:
                end = _inline_end(text, match["inline"], match.end())
                if end < 0:
                    continue
                out += text[at:start], self.put_aside(text[start:end])
            else:
                continue
            at, fresh = end, False
        out.append(text[at:])
        return "".join(out)

    def put_aside(self, text: str) -> str:
        """The mark that stands for a verbatim text."""
        self.aside.append(text)
        return f"\0{len(self.aside) - 1}\0"

    def restored(self, text: str, work: Work) -> str:
        """A text with what was put aside back in its place, which costs its length: a macro may have copied the mark.

        Raises: BombError.
        """

        def put_back(match: re.Match[str]) -> str:
            aside = self.aside[int(match[1])]
            work.spend(len(aside))
            return aside

        return _ASIDE.sub(put_back, text) if "\0" in text else text


def _inline_end(text: str, name: str, at: int) -> int:
    """Where an inline verbatim text or an address that starts behind its name ends; -1 where it is none."""
    if name in ("url", "nolinkurl", "href") or (name == "path" and text[at : at + 1] in "{ "):
        match = _ADDRESS.match(text, at)
        return match.end() if match else -1
    if name == "mintinline" and (language := _LANGUAGE.match(text, at)):
        at = language.end()
    at = _BEFORE.match(text, at).end()  # type: ignore[union-attr]
    mark = text[at : at + 1]
    if not mark or mark.isspace() or mark.isalpha():
        return -1
    limit = text.find("\n", at, at + MAX_INLINE)
    end = text.find("}" if mark == "{" else mark, at + 1, at + MAX_INLINE if limit < 0 else limit)
    return end + 1 if end >= 0 else -1


def _tail(out: list[str]) -> str:
    """The last text that is not empty."""
    return next((text for text in reversed(out[-4:]) if text), "")


def _at_line_start(out: list[str]) -> bool:
    tail = _tail(out)
    return not tail or tail.endswith("\n")
