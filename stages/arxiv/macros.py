"""What a user's macro is, and how arguments are read: by TeX's rules, from text, without executing anything.

A macro is left as it stands, opaque, where inlining it would be wrong or no gain: its body is a program of TeX's (conditionals,
\\csname, registers), it calls itself, or it stands for part of the document's structure.

Source:  The TeXbook, chapter 20; LaTeX's \\newcommand and \\NewDocumentCommand. What is opaque, and the limits, are ours.
Units:   characters.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MAX_PARAMETERS = 200
"""Characters of the parameter text of a \\def."""
MAX_ARGUMENTS = 9
"""TeX's."""
MARK_COST = 1000
"""Characters that a mark which ends an argument counts for when it is defined (ours)."""
_STRUCTURE = (
    "part chapter section subsection subsubsection paragraph subparagraph appendix begin end item label ref eqref pageref cite citet "
    "citep bibitem bibliography bibliographystyle caption footnote title author date maketitle abstract documentclass documentstyle "
    "usepackage input include newcommand renewcommand providecommand def let newenvironment renewenvironment newtheorem "
    "DeclareMathOperator left right frac sqrt sum int par relax include includegraphics tableofcontents textbf textit emph text "
    "mathrm mathbf mathbb mathcal mathit mathsf hline over above atop"
)
_ENVIRONMENTS = "document abstract thebibliography figure table equation align itemize enumerate description tabular array verbatim"
_SIGNS = "\\{}[]() $&%#_^~'`\"-"
PROTECTED = frozenset(
    ["\\" + name for name in (*_STRUCTURE.split(), *_SIGNS)]
    + [f"\\{edge}{{{name}}}" for name in _ENVIRONMENTS.split() for edge in ("begin", "end")]
)
"""Names that keep their meaning whatever a paper or its style says."""
_PROGRAM = re.compile(
    r"\\(?:expandafter|csname|endcsname|futurelet|afterassignment|aftergroup|catcode|lccode|noexpand|meaning|string|advance|multiply|divide"
    r"|count|dimen|skip|toks|setbox|newbox|newcount|newdimen|write|openout|read|halign|valign|loop|repeat|detokenize|scantokens"
    r"|the|number|romannumeral|@ifnextchar|@ifstar|@startsection|@for|@whilenum)(?![A-Za-z@])"
)
_NO_FI = "iff ifthenelse ifblank ifstrequal ifstrempty ifdef ifundef ifcsdef ifbool iftoggle"
NO_FI = frozenset("\\" + name for name in _NO_FI.split())
"""Names in `if` that open nothing that \\fi closes."""
KNOWN_IF = NO_FI | {"\\iffalse", "\\iftrue"}
SPACE = re.compile(r"\s*")
ENVIRONMENT = r"(?:begin|end)\{[A-Za-z@]{1,40}\*?\}"
TOKEN = re.compile(r"\\(?:[A-Za-z@]+|.)", re.S)
NAMES = re.compile(rf"\\(?:{ENVIRONMENT}|[A-Za-z@]+|.)", re.S)
_TOKEN_OR_BRACE = re.compile(r"\\.|[{}]", re.S)
_SIMPLE_GROUP = re.compile(r"\{([^{}\\]*)\}")
_ASIDE = re.compile("\0[0-9]+\0")
_PARAMETER = re.compile(r"#([1-9])")
_HASH = re.compile(r"(?:(?<!\\)|(?<=\\\\))#([1-9#])")


class BombError(Exception):
    """The work that inlining may cost is used up."""


class Work:
    """How many characters may still be gone through or written."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def spend(self, amount: int) -> None:
        """Raises: BombError."""
        self.left -= amount
        if self.left < 0:
            raise BombError


class Parameter(NamedTuple):
    """One argument of a macro.

    kind: "mandatory", "optional" (in brackets, else `value`), "star" or "delimited" (up to `value`, which `searcher` finds).
    """

    kind: str
    value: str = ""
    searcher: re.Pattern[str] | None = None


class Macro(NamedTuple):
    """What a name of the user's stands for.

    prefix: text that must stand before the arguments. pieces: of the body, int for an argument. names: control sequences in it.
    final: the body is a control sequence in the meaning it had before the paper (\\let): it is not expanded again.
    """

    prefix: str
    parameters: tuple[Parameter, ...]
    pieces: tuple[str | int, ...]
    names: frozenset[str]
    final: bool = False


def macro(body: str, parameters: tuple[Parameter, ...] = (), prefix: str = "") -> Macro | None:
    """A macro of its body; None where that is a program, or not in order."""
    if _PROGRAM.search(body):
        return None
    pieces: list[str | int] = []
    for index, piece in enumerate(_HASH.split(body)):
        if index % 2 == 0:
            if piece:
                pieces.append(piece)
        elif piece == "#":
            pieces.append("#")
        elif int(piece) > len(parameters):
            return None
        else:
            pieces.append(int(piece) - 1)
    return Macro(prefix, parameters, tuple(pieces), frozenset(NAMES.findall(body)))


def def_parameters(text: str, work: Work) -> tuple[str, tuple[Parameter, ...]] | None:
    """What the parameter text of a \\def says: what stands before the arguments, and these; None where it is not in order."""
    prefix, *rest = _PARAMETER.split(text)
    if "#" in prefix or any("#" in part for part in rest[1::2]) or rest[::2] != [str(n + 1) for n in range(len(rest) // 2)]:
        return None
    marks = rest[1::2]
    work.spend(MARK_COST * sum(map(bool, marks)))
    return prefix, tuple(Parameter("delimited", mark, _searcher(mark)) if mark else Parameter("mandatory") for mark in marks)


def document_parameters(spec: str, work: Work) -> tuple[Parameter, ...] | None:
    """What an argument specification of \\NewDocumentCommand says; None where it has a form that is not simple."""
    found: list[Parameter] = []
    at = 0
    while at < len(spec) and len(found) <= MAX_ARGUMENTS:
        letter = spec[at]
        at += 1
        if letter.isspace() or letter in "+!":
            continue
        if letter == "m":
            found.append(Parameter("mandatory"))
        elif letter == "o":
            found.append(Parameter("optional", NO_VALUE))
        elif letter == "s":
            found.append(Parameter("star"))
        elif letter == "O" and (default := argument(spec, at, work)):
            found.append(Parameter("optional", default[0]))
            at = default[1]
        else:
            return None
    return tuple(found) if len(found) <= MAX_ARGUMENTS else None


NO_VALUE, STAR, NO_STAR = "-NoValue-", "\\BooleanTrue", "\\BooleanFalse"


def group_end(text: str, at: int, work: Work) -> int:
    """Where the group that opens at `at` ends; -1 where it does not."""
    depth = 0
    for match in _TOKEN_OR_BRACE.finditer(text, at):
        sign = match.group()
        if sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth == 0:
                work.spend(match.end() - at)
                return match.end()
    work.spend(len(text) - at)
    return -1


def argument(text: str, at: int, work: Work) -> tuple[str, int] | None:
    """An undelimited argument, without its braces, and where it ends; None where none stands there."""
    at = SPACE.match(text, at).end()  # type: ignore[union-attr]
    first = text[at : at + 1]
    if first == "{":
        if match := _SIMPLE_GROUP.match(text, at):
            work.spend(match.end() - at)
            return match[1], match.end()
        end = group_end(text, at, work)
        return None if end < 0 else (text[at + 1 : end - 1], end)
    if first == "\\":
        token = TOKEN.match(text, at)
        return None if token is None else (token.group(), token.end())
    if first == "\0" and (aside := _ASIDE.match(text, at)):
        return aside.group(), aside.end()
    return None if first in ("", "}") else (first, at + 1)


def until(text: str, at: int, mark: str, work: Work, searcher: re.Pattern[str] | None = None) -> tuple[str, int] | None:
    """The text up to a mark that stands in no group, and where the mark ends; None where there is none."""
    depth = 0
    for match in (searcher or _searcher(mark)).finditer(text, at):
        sign = match.group()
        if depth == 0 and sign == mark:
            work.spend(match.end() - at)
            return text[at : match.start()], match.end()
        if sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth < 0:
                work.spend(match.end() - at)
                return None
    work.spend(len(text) - at)
    return None


@lru_cache(16)
def _searcher(mark: str) -> re.Pattern[str]:
    word = r"(?![A-Za-z@])" if mark[:1] == "\\" and mark[-1].isalpha() else ""
    return re.compile(rf"{re.escape(mark)}{word}|\\.|[{{}}]", re.S)


def read(parameter: Parameter, text: str, at: int, work: Work) -> tuple[str, int] | None:
    """The argument for one parameter, and where it ends; None where it is not there."""
    if parameter.kind == "delimited":
        found = until(text, at, parameter.value, work, parameter.searcher)
        return found and (_without_braces(found[0], work), found[1])
    if parameter.kind == "mandatory":
        return argument(text, at, work)
    start = SPACE.match(text, at).end()  # type: ignore[union-attr]
    if parameter.kind == "star":
        return (STAR, start + 1) if text[start : start + 1] == "*" else (NO_STAR, at)
    if text[start : start + 1] != "[":
        return parameter.value, at
    return until(text, start + 1, "]", work)


def _without_braces(text: str, work: Work) -> str:
    """A delimited argument that is one group, without its braces."""
    return text[1:-1] if text[:1] == "{" and group_end(text, 0, work) == len(text) else text
