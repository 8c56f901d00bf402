"""KaTeX's HTML -> TeX, for pages that hold neither the source nor the MathML of a formula.

KaTeX sets a formula with nested spans: what is stacked (fractions, scripts, limits, accents, tables) stands in a
`vlist`, whose entries say in their style how high they are. Read so, a formula becomes the elements of MathML.

Source:  KaTeX's output, versions 0.10 to 0.16, as pages hold it; reading it back is ours.
Units:   Node -> TeX without delimiters, "" where there is nothing; linear in the nodes below it.
"""

from __future__ import annotations

import re

from stages.extract.math.mathml import tex_of_element
from stages.extract.math.mathml_tree import Element, squeezed
from stages.extract.math.tex_symbols import BIG_OPERATORS, FUNCTIONS
from stages.extract.tree import Node

MAX_DEPTH = 150
"""Deeper spans are left out; ours (a script of a script of a fraction is 40 deep)."""
MAX_NAME = 12
"""Nodes of a text or a function's name, which KaTeX cuts into spans where it moves letters; ours."""
_SKIPPED = frozenset([
    "strut", "pstrut", "mspace", "frac-line", "nulldelimiter", "hide-tail", "vlist-s", "katex-mathml", "rlap", "llap", "tag",
    "overline-line", "underline-line", "arraycolsep", "vertical-separator", "hline",
])  # fmt: skip
_OPERATORS = frozenset(["mbin", "mrel", "mopen", "mclose", "mpunct"])
_VARIANTS = {
    "mathbf": "bold", "boldsymbol": "bold-italic", "mathbb": "double-struck", "mathcal": "script", "mathscr": "script",
    "mathfrak": "fraktur", "mathsf": "sans-serif", "mathtt": "monospace", "mathrm": "normal", "amsrm": "double-struck",
}  # fmt: skip
_TOP = re.compile(r"top: *(-?[0-9]{0,4}\.?[0-9]{0,6})em")


def tex_of_katex_html(node: Node) -> str:
    """TeX of a `.katex` or `.katex-html` element."""
    return tex_of_element(_row(_elements(node, 0)))


def _row(items: list[Element]) -> Element:
    return items[0] if len(items) == 1 else Element("mrow", children=items, tall=any(item.tall for item in items))


def _tall(name: str, *children: Element) -> Element:
    return Element(name, children=list(children), tall=True)


def _elements(node: Node, depth: int) -> list[Element]:
    """What a span holds, as MathML would say it."""
    out: list[Element] = []
    if depth > MAX_DEPTH:
        return out
    own = node.classes
    for child in node.children():
        if child.is_text:
            out += _tokens(child.text(), own)
            continue
        classes = child.classes
        if not _SKIPPED.isdisjoint(classes) or child.name in ("svg", "math"):
            continue
        plain = child.end - child.index < MAX_NAME and not any("vlist-t" in inner.classes for inner in child.descendants())
        if plain and ("text" in classes or "mop" in classes):
            out += _tokens(child.text(), [c for c in classes if c != "mord"])
        elif "mfrac" in classes:
            stack = _stack(child, depth)
            out.append(_tall("mfrac", *(stack[:: len(stack) - 1] if len(stack) > 1 else stack)))
        elif "msupsub" in classes and out:
            out.append(_with_scripts(out.pop(), child, depth))
        elif "sqrt" in classes:
            index = next((inner for inner in child.children() if "root" in inner.classes), None)
            stack = _stack(next((inner for inner in child.children() if inner is not index and "vlist-t" in inner.classes), child), depth)
            inside = stack[-1] if stack else Element("mrow")
            out.append(_tall("mroot", inside, _row(_stack(index, depth))) if index is not None else _tall("msqrt", inside))
        elif "op-limits" in classes:
            out.append(_with_limits(_stack(child, depth)))
        elif "accent" in classes or "overline" in classes or "underline" in classes:
            out.append(_accented(child, classes, depth))
        elif "mtable" in classes:
            out.append(_table(child, depth))
        else:
            inner = _elements(child, depth + 1)
            out += inner if len(inner) < 2 or "mord" not in classes else [_row(inner)]
    return out


def _tokens(text: str, classes: list[str]) -> list[Element]:
    text = text.replace("\u200b", "") if "text" in classes else squeezed(text.replace("\u200b", ""))
    if not text:
        return []
    variant = next(({"mathvariant": _VARIANTS[c]} for c in classes if c in _VARIANTS), {})
    if "mopen" in classes or "mclose" in classes:
        text = text.replace("∣", "|")
    if not _OPERATORS.isdisjoint(classes) or text in BIG_OPERATORS:
        return [Element("mo", {"stretchy": "false"}, text, tall=text in BIG_OPERATORS)]
    if "text" in classes:
        return [Element("mtext", variant, text)]
    if text.replace(".", "").isdecimal():
        return [Element("mn", variant, text)]
    return [Element("mi", variant, text)] if text in FUNCTIONS or len(text) > 1 else [Element("mi", variant, c) for c in text]


def _stack(node: Node, depth: int) -> list[Element]:
    """The entries of the first vlist below a span, topmost first."""
    vlist = next((inner for inner in node.descendants() if "vlist" in inner.classes), None)
    entries: list[tuple[float, int, list[Element]]] = []
    for entry in vlist.children() if vlist is not None else ():
        top = _TOP.search(entry.get("style") or "")
        items = _elements(entry, depth + 1)
        if items:
            entries.append((float(top.group(1)) if top and top.group(1) not in ("", "-", ".", "-.") else 0.0, len(entries), items))
    return [_row(items) for _, _, items in sorted(entries, key=lambda entry: entry[:2])]


def _with_scripts(base: Element, node: Node, depth: int) -> Element:
    stack = _stack(node, depth)
    if len(stack) > 1:
        return _tall("msubsup", base, stack[-1], stack[0])
    below = any("vlist-t2" in child.classes for child in node.children())
    return _tall("msub" if below else "msup", base, *stack)


def _with_limits(stack: list[Element]) -> Element:
    """An operator between its limits: the largest sign of the stack, else its middle."""
    at = next((k for k, item in enumerate(stack) if item.text in BIG_OPERATORS or item.text in FUNCTIONS), len(stack) // 2)
    if not stack:
        return Element("mrow")
    above, below = stack[:at][-1:], stack[at + 1 :][:1]
    if above and below:
        return _tall("munderover", stack[at], below[0], above[0])
    return _tall("mover" if above else "munder", stack[at], *above, *below)


def _accented(node: Node, classes: list[str], depth: int) -> Element:
    stack = _stack(node, depth)
    if "overline" in classes:
        return Element("mover", children=[*stack[-1:], Element("mo", {"stretchy": "true"}, "‾")])
    if "underline" in classes:
        return Element("munder", children=[*stack[:1], Element("mo", {"stretchy": "true"}, "_")])
    mark = next((inner.text().strip() for inner in node.descendants() if "accent-body" in inner.classes), "")
    if len(stack) == 2 and mark:
        return Element("mover", children=[stack[0], Element("mo", {}, mark)])  # of one height, the accent behind what carries it
    return _row(stack)


def _table(node: Node, depth: int) -> Element:
    """A table, which KaTeX sets column by column."""
    columns = [_stack(child, depth) for child in node.children() if any(c.startswith("col-align") for c in child.classes)]
    rows = [
        Element("mtr", children=[Element("mtd", children=[column[k]] if k < len(column) else []) for column in columns])
        for k in range(max(map(len, columns), default=0))
    ]
    return Element("mtable", children=rows, tall=True)
