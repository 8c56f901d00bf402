r"""Formulas that stand in a text as TeX between delimiters.

`\( \)`, `\[ \]`, `$$ $$`, the display environments of amsmath, and single dollars. A dollar is also a price, a variable
of a shell, a template or jQuery, so what stands between two of them must read as mathematics: signs of TeX are taken,
prose and code are not, and where nothing speaks for it a formula is left as the text it may be.

Source:  delimiters as MathJax and KaTeX know them; white space and digits beside a single dollar as in Pandoc's
         extension tex_math_dollars; the signs of prose, prices and code are ours.
Units:   text -> spans in characters; linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

DISPLAY_ENVIRONMENTS = frozenset([
    name + star
    for name in ("equation", "align", "gather", "multline", "eqnarray", "alignat", "flalign", "displaymath", "math", "dmath")
    for star in ("", "*")
])  # fmt: skip
INNER_ENVIRONMENTS = frozenset([
    "aligned", "alignedat", "gathered", "split", "cases", "array", "matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix",
    "smallmatrix", "subequations", "CD", "tikzcd",
])  # fmt: skip
"""Environments that stand inside a formula; bare in a text they are one, too."""
MAX_INLINE = 2_000
"""Characters of an inline formula; ours (the longest of 13,000 on real pages has 700)."""

MAX_NESTED = 8
"""Dollars inside a formula's braces; ours."""
INLINE = ("$", r"\(", "##")
NO, DOUBTFUL, LIKELY, CERTAIN = range(4)
"""Verdicts; a doubtful formula is one only beside a certain one."""

_DELIMITER = re.compile(r"\\\\|\\\$|\\[()\[\]]|\\(begin|end) ?\{([A-Za-z]{1,14}\*?)\}|\$+|#+|\[/?(?:tex|itex|math|latex)\]", re.I)
_INNER_DELIMITER = re.compile(r"(?<!\\)(?:\\\\)*(?:\\[()\[\]]|\$\$)")
"""`\\(`, `$$` and the like, but not the `\\[2pt]` that ends a row."""
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_BLANK_LINE = re.compile(r"\n[ \t\r\f]*(?:\n[ \t\r\f]*)+")
_COMMAND = re.compile(r"\\[A-Za-z]|\\[{}|,;!:%]")
_SCRIPT = re.compile(r"(?:^|[^A-Za-z0-9_])(?:[A-Za-z0-9]|[^\x00-\x7f])?[_^]|[)}\]|'][_^]|\^[{\\0-9A-Za-z*+-]|_\{")
_RELATION = re.compile(r"[=<>+*/≤≥≠∈→−×·±∞∑∫√|-]|[Α-Ωα-ω]")
_WORDS = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,}[,.;:!?]? +[A-Za-z]{2,}")
_WORD = re.compile(r"[A-Za-z]{4,}|[A-Za-z]+[ :/.][A-Za-z ]*")
_CODE = re.compile(r"[\"`;@#]|://|->|::|\.[A-Za-z]+\(|\[['\"]|^\(['\"]|&&|^\{[A-Za-z_.:$-]{2,}\}")
_PRICE = re.compile(r"[0-9][0-9.,]*[KkMmBb]?(?:[ –—-]|$| ?(?:million|billion|per|USD|a |an ))(?=.*[A-Za-z])")
_ORDINAL = re.compile(r"(?:th|st|nd|rd|s|D|d)\b")


class Formula(NamedTuple):
    """A formula in a text: text[start:end] with its delimiters, tex without them."""

    start: int
    end: int
    display: bool
    tex: str


def find_formulas(text: str, skip: Sequence[tuple[int, int]] = (), *, sure: bool = False) -> list[Formula]:
    """The formulas of a block of text, in order.

    Args:
        skip: spans nothing is looked for in and no formula reaches over (inline code, formulas found before), in order.
        sure: the page is known to hold formulas; then a lone word between delimiters is one, too.
    """
    if "$" not in text and "\\" not in text and "[/" not in text and "##" not in text:
        return []
    delimiters = _delimiters(text, skip)
    closing = _closing(delimiters)
    found: list[tuple[int, Formula]] = []
    i = 0
    while i < len(delimiters):
        start, after, kind = delimiters[i]
        j = closing[i]
        i += 1
        if j < 0:
            continue
        if kind == "$":
            j = _past_braces(text, after, delimiters, closing, j)
        stop, end, _ = delimiters[j]
        inner = text[start:end] if kind.startswith("begin ") else text[after:stop]
        verdict = _verdict(kind, inner, text[start - 1 : start], text[end : end + 3])
        if verdict:
            found.append((verdict, Formula(start, end, kind not in INLINE, _tidied(inner))))
            i = j + 1
    sure = sure or any(verdict == CERTAIN for verdict, _ in found)
    return [formula for verdict, formula in found if sure or verdict > DOUBTFUL]


def with_dollars(text: str, skip: Sequence[tuple[int, int]] = (), *, sure: bool = False) -> tuple[str, int]:
    r"""The text with its formulas written as $…$ and $$…$$, and their number. Arguments as for find_formulas.

    >>> with_dollars(r"Let \(x\) be \[ x^2 \] for $5 and $10.")
    ('Let $x$ be $$x^2$$ for $5 and $10.', 2)
    """
    found = find_formulas(text, skip, sure=sure)
    pieces: list[str] = []
    at = 0
    for formula in found:
        pieces += [text[at : formula.start], delimited(formula.tex, formula.display)]
        at = formula.end
    return ("".join([*pieces, text[at:]]), len(found)) if found else (text, 0)


def math_spans(text: str, *, sure: bool = True) -> list[tuple[int, int]]:
    """Spans of the formulas of a text, delimiters included: what nothing else may touch."""
    return [(formula.start, formula.end) for formula in find_formulas(text, sure=sure)]


def delimited(tex: str, display: bool) -> str:
    """A formula between dollars; one that holds dollars itself (in \\text) keeps the other delimiters."""
    backslashes = len(tex) - len(tex.rstrip("\\"))
    if backslashes and (display or backslashes % 2):  # which would hide the dollar behind it, to some readers if not to TeX
        tex += " "
    if display:
        return f"$${tex}$$" if "$$" not in tex and "$" not in (tex[:1], tex[-1:]) else f"\\[{tex}\\]"
    return f"${tex}$" if not re.search(r"(?<!\\)\$", tex) else f"\\({tex}\\)"


def _delimiters(text: str, skip: Sequence[tuple[int, int]]) -> list[tuple[int, int, str]]:
    """(start, end, kind) of all that may begin or end a formula; kind "skip" stands for a span nothing reaches over."""
    found: list[tuple[int, int, str]] = []
    spans = iter([*skip, (len(text) + 1, len(text) + 1)])
    first, last = next(spans)
    for match in _DELIMITER.finditer(text):
        while match.start() >= last:
            found.append((first, last, "skip"))
            first, last = next(spans)
        if match.end() > first:
            continue
        kind = match.group().lower()
        if match.group(1):
            kind = f"{match.group(1)} {match.group(2)}"
        found.append((match.start(), match.end(), kind))
    return found


def _closing(delimiters: list[tuple[int, int, str]]) -> list[int]:
    """For each delimiter the place of the one that closes it, -1 where none does; one pass from the end."""
    closing = [-1] * len(delimiters)
    nearest: dict[str, int] = {}
    for i in range(len(delimiters) - 1, -1, -1):
        kind = delimiters[i][2]
        if kind == "skip":
            nearest.clear()
        elif kind in (r"\(", r"\["):
            closing[i] = nearest.pop(r"\)" if kind == r"\(" else r"\]", -1)
        elif kind == "$$":
            closing[i] = nearest.get("$$", -1)
            nearest["$$"] = i
            nearest.pop("$", None)
        elif kind.startswith("$$$"):
            nearest.pop("$", None)
            nearest.pop("$$", None)
        elif kind in ("$", "##"):
            closing[i] = nearest.get(kind, -1)
            nearest[kind] = i
        elif kind[0] == "[" and kind[1] != "/":
            closing[i] = nearest.pop("[/" + kind[1:], -1)
        elif kind.startswith("begin "):
            name = kind[6:]
            closing[i] = nearest.pop("end " + name, -1) if name in DISPLAY_ENVIRONMENTS or name in INNER_ENVIRONMENTS else -1
        else:
            nearest[kind] = i
    return closing


def _past_braces(text: str, after: int, delimiters: list[tuple[int, int, str]], closing: list[int], j: int) -> int:
    """The dollar that closes a formula which holds others in its braces, as in $\\text{if $x$}$; j where there is none."""
    first = j
    for _ in range(MAX_NESTED):
        stop = delimiters[j][0]
        if stop - after > MAX_INLINE or _balanced(text[after:stop]):
            return j
        j = closing[j]
        if j < 0:
            break
    return first


def _verdict(kind: str, inner: str, before: str, behind: str) -> int:
    """Whether what two delimiters enclose is a formula."""
    tex = inner.strip()
    if not tex.strip("$\\{} \n") or not _balanced(tex) or (kind[0] in "[#b" and _INNER_DELIMITER.search(tex)):
        return NO
    if kind.startswith("begin "):
        return CERTAIN
    certain = _COMMAND.search(tex) is not None or _SCRIPT.search(tex) is not None
    if kind in INLINE and (len(tex) > MAX_INLINE or _BLANK_LINE.search(inner)):
        return NO
    if kind == "$":
        return _verdict_on_dollars(inner, before, behind)
    if certain:
        return CERTAIN
    if kind[0] == "[":
        return LIKELY
    if tex[0] in ",.;" or not any(c.isalnum() for c in tex) or _WORDS.search(tex) or '"' in tex or "`" in tex:
        return NO
    if kind == "$$" and (behind[:1] == "$" or (before.isascii() and before.isalnum())):
        return NO
    return DOUBTFUL if kind == "##" or _WORD.fullmatch(tex) else LIKELY


def _verdict_on_dollars(inner: str, before: str, behind: str) -> int:
    """The same for single dollars, the delimiter with most other uses."""
    following = behind[:1]
    if (
        inner[0].isspace()
        or inner[-1].isspace()
        or following.isdigit()
        or following in ("{", "$")
        or (before.isascii() and before.isalnum())
    ):
        return NO
    command = _COMMAND.search(inner) is not None
    certain = command or _SCRIPT.search(inner) is not None
    glued = following.isascii() and (following.isalnum() or following == "_")
    if glued and not certain and not (len(inner) < 3 and _ORDINAL.match(behind)):
        return NO
    if command:
        return CERTAIN
    if _CODE.search(inner) or _WORDS.search(inner) or _PRICE.match(inner) or inner[0] in "_.,:;/&!?" or inner[-1] in "&;":
        return NO
    if certain:
        return CERTAIN
    if not any(c.isalnum() for c in inner):
        return DOUBTFUL if _RELATION.search(inner) or not inner.isascii() else NO
    if inner[-1] in "=<>+-*/,:":
        return NO
    if _RELATION.search(inner) or len(inner) < 4:
        return LIKELY
    return DOUBTFUL if _WORD.fullmatch(inner) or " " in inner else LIKELY


def _balanced(tex: str) -> bool:
    if "{" not in tex and "}" not in tex:
        return True
    depth = 0
    for mark in _BRACES.findall(tex):
        if mark == "{":
            depth += 1
        elif mark == "}":
            depth -= 1
        if depth < 0:
            return False
    return depth == 0


def _tidied(inner: str) -> str:
    """A formula without white space around it, blank lines, and what only says that it is one."""
    tex = inner.strip().removeprefix("latex ")
    if "\n" in tex:
        tex = _BLANK_LINE.sub("\n", tex)
    if not tex.startswith("\\begin"):
        return tex
    for name in ("equation", "equation*", "displaymath", "math"):
        head, tail = f"\\begin{{{name}}}", f"\\end{{{name}}}"
        if tex.startswith(head) and tex.endswith(tail) and head not in tex[len(head) :]:
            return tex[len(head) : -len(tail)].strip()
    return tex
