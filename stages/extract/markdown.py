"""Take Markdown's marks out of prose that shows them: pages whose source was never rendered.

A mark goes only where it can be nothing else: its partner is there, and both stand at the edge of
words. Names, powers, products, globs, footnotes, censored words and blanks to fill in keep theirs.

Source:  CommonMark 0.31 (flanking of delimiter runs, code spans, links), made stricter; the stricter rules are ours.
Units:   offsets are characters of one block of prose.

What goes: `**bold**` `__bold__` `*em*` `_em_` `~~struck~~`, backticks around code, `[text](address)` and `![alt](address)` but for
text and alt, `# ` before a heading, `> ` before a quotation, lines that are a rule, fences around code.
What stays: markers of lists (`* item` as well: it may be a footnote), reference links, escapes, tables.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

Span = tuple[int, int]

_ANY = re.compile(r"[*_~`\[#>]|---|- - -")
_LINE_MARK = re.compile(r"^[^\S\n]*(?:[#>*_-]|```)", re.MULTILINE)
_LINE = re.compile(r"[^\n]*\n?")
_RUN = re.compile(r"\*+|_+|~+")
_ADDRESS = re.compile(r"://\S*")
_TICKS = re.compile(r"`+")
_BRACKET = re.compile(r"[\[\]]")
_QUOTED = re.compile(r"[ \t]{0,3}(?:>[ \t]?)+")
_HEADING = re.compile(r"[ \t]{0,3}(#{1,6})[ \t]+")
_LAST_OF_ADDRESS = "*_~)]>.,;:!?\"'"
_BEFORE = " \t\n\u00a0([{\"'“‘«„—–-:;,.|>!/¿¡"
_AFTER = " \t\n\u00a0)]}\"'”’»“—–-:;,.!?…|</"
_MARKS = "*_~"
_MAX_ADDRESS, _MAX_CODE = 2000, 1000
_DUNDERS = frozenset([
    "abs", "add", "aenter", "aexit", "aiter", "all", "and", "anext", "annotations", "await", "bool", "builtins", "bytes", "call", "class",
    "class_getitem", "closure", "code", "complex", "contains", "copy", "debug", "deepcopy", "defaults", "del", "delattr", "delete",
    "delitem", "dict", "dir", "divmod", "doc", "enter", "eq", "exit", "file", "float", "floordiv", "format", "future", "ge", "get",
    "getattr", "getattribute", "getitem", "getnewargs", "getstate", "globals", "gt", "hash", "iadd", "import", "index", "init",
    "init_subclass", "instancecheck", "int", "invert", "isub", "iter", "kwdefaults", "le", "len", "length_hint", "loader", "lshift", "lt",
    "main", "match_args", "matmul", "missing", "mod", "module", "mro", "mul", "name", "ne", "neg", "new", "next", "or", "package", "path",
    "pos", "post_init", "pow", "proto", "qualname", "radd", "reduce", "reduce_ex", "repr", "reversed", "rmul", "round", "rshift", "rsub",
    "self", "set", "setattr", "set_name", "setitem", "setstate", "sizeof", "slots", "spec", "str", "sub", "subclasscheck", "subclasses",
    "subclasshook", "truediv", "version", "weakref", "wrapped", "xor", "asm", "attribute", "extension", "inline", "restrict", "func",
    "function", "construct", "destruct", "invoke", "tostring", "typename", "dirname", "filename", "FILE", "LINE", "DATE", "TIME",
    "FUNCTION", "COUNTER", "GNUC", "DIR", "CLASS", "METHOD", "NAMESPACE", "TRAIT",
])  # fmt: skip
"""Names that stand between two underscores in Python, C and PHP; `__note__` is bold."""


def strip_markdown(text: str, protected: Sequence[Span] = ()) -> str:
    """One block of prose without the Markdown marks that stand in it.

    Args:
        text: one paragraph, heading or list item; it may have several lines.
        protected: (start, end) of what is not prose, as formulas and inline code; nothing in it is touched.

    Returns: the text with marks cut out; a subsequence of it. Linear in it.
    """
    if not _ANY.search(text):
        return text
    shields = _Shields(protected)
    cuts = list(_line_marks(text, shields)) if _LINE_MARK.search(text) else []
    cuts += _code_spans(text, shields)
    shields.add(_addresses(text))
    cuts += _links(text, shields)
    cuts += _emphasis(text, shields)
    return _without(text, cuts)


class _Shields:
    """Spans in which no mark is looked for."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.add(spans)

    def add(self, spans: Sequence[Span]) -> None:
        """Take more spans; they may overlap."""
        if not spans:
            return
        starts: list[int] = []
        ends: list[int] = []
        for start, end in sorted([*zip(self.starts, self.ends, strict=True), *spans]):
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            elif start < end:
                starts.append(start)
                ends.append(end)
        self.starts, self.ends = starts, ends

    def holds(self, at: int) -> bool:
        """Whether a character stands in one of them."""
        k = bisect_right(self.starts, at) - 1
        return k >= 0 and at < self.ends[k]


def _line_marks(text: str, shields: _Shields) -> Iterator[Span]:
    """Marks at the start of lines; what stands between fences is shielded."""
    lines = [match.span() for match in _LINE.finditer(text)][:-1]
    fences = []
    if "```" in text:
        fences = [k for k, (start, end) in enumerate(lines) if text[start:end].lstrip().startswith("```") and not shields.holds(start)]
        fences = [k for k in fences if "`" not in text[lines[k][0] : lines[k][1]].strip().lstrip("`")]
    fenced = list(zip(fences[::2], fences[1::2], strict=False))
    for first, last in fenced:
        yield lines[first]
        yield lines[last]
    shields.add([(lines[first][0], lines[last][1]) for first, last in fenced])
    in_quotation = False
    for start, end in lines:
        if shields.holds(start):
            continue
        if in_quotation and text[start:end].strip() == ">":
            yield start, start + text[start:end].index(">") + 1
            continue
        if _is_rule(text[start:end]):
            yield start, end
            continue
        quoted = _QUOTED.match(text, start, end)
        in_quotation = quoted is not None and text[quoted.end() - 1] != ">" and _starts_words(text[quoted.end() : quoted.end() + 1])
        in_quotation = in_quotation and not text.startswith(">>>", start)
        if quoted and in_quotation:
            yield quoted.span()
            start = quoted.end()
        heading = _HEADING.match(text, start, end)
        if heading and _is_heading(text[heading.end() : end], len(heading[1])):
            yield heading.span()
            line = text[heading.end() : end].rstrip()
            bare = line.rstrip("#")
            if bare.endswith((" ", "\t")) and bare.strip():
                yield heading.end() + len(bare.rstrip()), heading.end() + len(line)


def _is_rule(line: str) -> bool:
    """`---` or longer, `***`, `* * *`, `___`. Longer rows of underscores are blanks to fill in, of asterisks a number of stars."""
    marks = line.replace(" ", "").replace("\t", "").strip("\r\n")
    return len(marks) >= 3 and (marks == "-" * len(marks) or marks in ("***", "___"))


def _starts_words(character: str) -> bool:
    return character.isalpha() or character in "\"'“‘«*_[!`#("


def _is_heading(rest: str, level: int) -> bool:
    """Whether `# ` stands before a heading: after a single one it is no comment, no directive and no number."""
    if level > 1:
        return bool(rest.strip(" \t\n#"))
    first = rest[:1]
    number = rest.split(" ", 1)[0]
    return (
        (first.isalpha() and not first.islower())
        or first in '*_`["“'
        or (first.isdigit() and number.endswith(".") and number != rest.strip())
    )


def _code_spans(text: str, shields: _Shields) -> list[Span]:
    """Backticks around code; the code itself is shielded."""
    if "`" not in text:
        return []
    runs = [match.span() for match in _TICKS.finditer(text) if not shields.holds(match.start())]
    partner: dict[int, int] = {}
    latest: dict[int, int] = {}
    for k in reversed(range(len(runs))):
        width = runs[k][1] - runs[k][0]
        partner[k] = latest.get(width, -1)
        latest[width] = k
    cuts, spans = [], []
    k = 0
    while k < len(runs):
        other = partner[k]
        if other < 0 or not _is_code(text, runs[k], runs[other]):
            k += 1
            continue
        (start, inner), (outer, end) = runs[k], runs[other]
        padded = text[inner] == " " == text[outer - 1] and outer - inner > 2
        cuts += [(start, inner + padded), (outer - padded, end)]
        spans.append((start, end))
        k = other + 1
    shields.add(spans)
    return cuts


def _is_code(text: str, left: Span, right: Span) -> bool:
    (start, inner), (outer, end) = left, right
    if outer - inner > _MAX_CODE or not text[inner:outer].strip() or "\n\n" in text[inner:outer]:
        return False
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    return before != "\\" and not (inner - start == 1 and (before.isalnum() or after.isalnum()))


def _addresses(text: str) -> list[Span]:
    """Addresses (`https://...`): underscores and asterisks in them are theirs, but for those at the end."""
    found: list[Span] = []
    if "://" not in text:
        return found
    for match in _ADDRESS.finditer(text):
        last = match.start() + len(match[0].rstrip(_LAST_OF_ADDRESS))
        bracket = text.find("](", match.start(), last)
        found.append((match.start(), last if bracket < 0 else bracket))
    return found


def _links(text: str, shields: _Shields) -> list[Span]:
    """Brackets and address of links and images; the address is shielded."""
    cuts: list[Span] = []
    spans: list[Span] = []
    opened: list[int] = []
    if "](" not in text:
        return cuts
    for match in _BRACKET.finditer(text):
        at = match.start()
        if shields.holds(at):
            continue
        if match[0] == "[":
            opened.append(at)
            continue
        if not opened:
            continue
        start = opened.pop()
        end = _end_of_address(text, at + 1)
        image = start > 0 and text[start - 1] == "!"
        edge = text[start - 1 - image : start - image] if start > image else ""
        if end < 0 or edge == "\\" or (edge.isascii() and (edge.isalnum() or edge in ("_", ")", "]"))):
            continue
        if text[start + 1 : at].strip():
            cuts += [(start - image, start + 1), (at, end)]
        else:
            cuts.append((start - image, end))
        spans.append((at, end))
    shields.add(spans)
    return cuts


def _end_of_address(text: str, at: int) -> int:
    """End of `(address)` or `(address "title")` at a place; -1 where there is none."""
    if text[at : at + 1] != "(":
        return -1
    close = text.find(")", at, at + _MAX_ADDRESS)
    for _ in range(4):  # an address may hold brackets of its own
        if close < 0 or text.count("(", at, close) == text.count(")", at, close) + 1:
            break
        close = text.find(")", close + 1, at + _MAX_ADDRESS)
    if close < 0:
        return -1
    address, _, title = text[at + 1 : close].strip().partition(" ")
    title = title.strip()
    quoted = not title or (len(title) > 1 and title[0] in "\"'(" and title[-1] in "\"')")
    named = address.startswith(("#", "/", "<", "mailto:")) or "://" in address or "/" in address or "." in address.strip(".")
    return close + 1 if named and quoted and "\n" not in address else -1


def _emphasis(text: str, shields: _Shields) -> list[Span]:
    """Runs of `*`, `_` and `~~` that open and close something: each closing run takes the nearest that is open."""
    cuts: list[Span] = []
    opened: dict[str, list[list[int]]] = {mark: [] for mark in _MARKS}  # [start, end] of what is left of each run
    done = 0
    for match in _RUN.finditer(text):
        start, end = match.span()
        mark = text[start]
        if text.find("\n\n", done, start) >= 0:
            opened = {each: [] for each in _MARKS}
        done = end
        if end - start > 3 or (mark == "~" and end - start != 2) or (mark == "_" and end - start == 3) or shields.holds(start):
            continue
        stack = opened[mark]
        if _closes(text, start, end):
            while stack and start < end:
                left = stack[-1]
                width = min(left[1] - left[0], end - start)
                if not _is_emphasis(text, left, start, end, width):
                    break
                cuts += [(left[1] - width, left[1]), (start, start + width)]
                left[1] -= width
                start += width
                for others in opened.values():  # what was opened since would cross it
                    while others and others[-1][0] > left[0]:
                        others.pop()
                if left[0] == left[1]:
                    stack.pop()
        if start < end and _opens(text, start, end):
            stack.append([start, end])
    return cuts


def _opens(text: str, start: int, end: int) -> bool:
    """Whether a run can open: behind an edge of words and right before one."""
    before, after = text[start - 1 : start] if start else " ", text[end : end + 1]
    if not after or after.isspace() or not (after.isalnum() or after in "\"'“‘«„([{$#@`<&+-—–¿¡…" or after in _MARKS):
        return False
    return _is_edge(before, text[start - 2 : start - 1] if start > 1 else "", text[start], _BEFORE)


def _closes(text: str, start: int, end: int) -> bool:
    """Whether a run can close: right behind a word and before an edge of words."""
    before, after = text[start - 1 : start], text[end : end + 1] or " "
    return bool(before) and not before.isspace() and _is_edge(after, text[end + 1 : end + 2], text[start], _AFTER)


def _is_edge(beside: str, beyond: str, mark: str, edges: str) -> bool:
    """Whether what stands outside of a run is no part of a word.

    Asterisks may touch words that are not ASCII: Chinese has no blanks. A dot, dash or slash beside an underscore is
    an edge where no word follows: file names and addresses hold them.
    """
    if mark == "_" and beside in "/.-":
        return not beyond.isalnum() and beyond not in ("_", "/", ".", "-")
    return beside in edges or (beside in _MARKS and beside != mark) or (mark != "_" and not beside.isascii() and beside.isalnum())


def _is_emphasis(text: str, left: list[int], start: int, end: int, width: int) -> bool:
    """Whether a pair of runs has words between, and is no name with underscores."""
    inner = text[left[1] : left[1] + 64] if start - left[1] > 64 else text[left[1] : start]
    if not any(character.isalnum() for character in inner):
        return False
    name = text[left[1] : start] if text[left[0]] == "_" and width == 2 and start - left[1] < 40 else ""
    return not (
        name in _DUNDERS or "_" in name or (name.isidentifier() and text[end : end + 1] in ("(", ".", "[") and text[end : end + 2] != ". ")
    )


def _without(text: str, cuts: list[Span]) -> str:
    if not cuts:
        return text
    parts, done = [], 0
    for start, end in sorted(cuts):
        parts.append(text[done:start])
        done = max(done, end)
    parts.append(text[done:])
    return "".join(parts)
