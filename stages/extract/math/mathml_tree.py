"""Formulas as pages write them -> one small tree.

Reads three writings: MathML itself (any prefix), and what MathJax 3 and 4 leave in a page whose TeX is
gone, CommonHTML (`mjx-mfrac` ...) and SVG (`data-mml-node`). The elements are copied with bounded
depth, so that whoever reads the copy may recurse.

Source:  MathML 3 (W3C 2014), chapter 3; MathJax's output as pages hold it.
Units:   Node -> Element; linear in the nodes below it. Nothing raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape

from stages.extract.math.tex_symbols import BIG_OPERATORS
from stages.extract.tree import TEXT, Node

MAX_DEPTH = 60
"""Deeper elements are read as if their tags were not there; ours (real formulas nest about 25 deep)."""
TOKENS = frozenset(["mi", "mn", "mo", "mtext", "ms"])
LEAVES = frozenset(["mspace", "none", "mprescripts", "maligngroup", "malignmark", "sep"])
"""Empty elements: what a parser that does not know `<mml:none/>` puts into one belongs behind it."""
SKIPPED = frozenset([
    "annotation", "annotation-xml", "assistive-mml", "script", "style", "title", "desc", "defs", "nstrut", "dstrut", "line", "surd",
    "spacer", "tstrut", "strut", "mark", "rect", "labels", "speech", "html",
])  # fmt: skip
WRAPPERS = frozenset(["g", "svg", "use", "path", "text", "span", "div", "math", "nobr", "br", "p"])
TALL = frozenset(["mfrac", "msqrt", "mroot", "mtable", "munder", "munderover", "msup", "msubsup", "mmultiscripts", "longdiv"])
SPACE = re.compile(r"[ \t\n\r\f]+")
_HEX = re.compile(r"mjx-c([0-9A-F]{2,6})(?![0-9A-F])")
_USED = re.compile(r"-([0-9A-F]{2,6})$")


@dataclass(slots=True, eq=False)
class Element:
    """An element of MathML; text is that of a token."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list[Element] = field(default_factory=list)
    tall: bool = False

    def get(self, name: str) -> str:
        """Value of an attribute, "" where it is not there."""
        return self.attributes.get(name, "")


def read(node: Node) -> Element:
    """Copy the elements below a node, at most MAX_DEPTH deep."""
    tree = node.tree
    first, last = node.index + 1, node.end
    tags, ends, starts, stops = (a[first:last].tolist() for a in (tree.tag, tree.end, tree.start, tree.stop))
    root = Element("mrow")
    everything = [root]
    open_elements: list[tuple[int, Element]] = [(last, root)]
    at = first
    while at < last:
        while at >= open_elements[-1][0]:
            open_elements.pop()
        parent, here = open_elements[-1][1], at - first
        markup = tree.source[starts[here] : stops[here]].decode("utf-8", "replace")
        at += 1
        if tags[here] == TEXT:
            text = squeezed(unescape(markup))
            if text:
                parent.children.append(Element("#text", text=text))
            continue
        name, _, more = markup.partition(" ")
        attributes = Node(tree, at - 1).attributes() if more else {}
        name = _name(name.lower(), attributes)
        if (name in SKIPPED and not markup.startswith("mjx-script")) or "MJX_Assistive_MathML" in attributes.get("class", ""):
            at = ends[here]
            continue
        element = Element(name, attributes)
        if name in TOKENS:
            plain = ends[here] == at + 1 and tags[here + 1] == TEXT
            if plain:
                text = unescape(tree.source[starts[here + 1] : stops[here + 1]].decode("utf-8", "replace"))
            else:
                text = _token_text(Node(tree, at - 1))
            # By the letter of MathML blanks at the ends of a text go; nearly all who write them mean them.
            element.text = SPACE.sub(" ", text) if name == "mtext" and "\n" not in text else squeezed(text)
            at = ends[here]
        if name:
            parent.children.append(element)
            everything.append(element)
            if name not in TOKENS and name not in LEAVES and len(open_elements) < MAX_DEPTH:
                open_elements.append((ends[here], element))
    for element in reversed(everything):
        if element.children:
            _straighten(element)
        element.tall = element.name in TALL or element.text in BIG_OPERATORS or any(child.tall for child in element.children)
    return root


def _name(name: str, attributes: dict[str, str]) -> str:
    """Name of an element without prefix, as MathML calls it; "" for a wrapper."""
    if name.startswith("mjx-"):
        return name[4:]
    if "data-mml-node" in attributes:
        return attributes["data-mml-node"].lower()
    name = name.rpartition(":")[2]
    return "" if name in WRAPPERS else name


def squeezed(text: str) -> str:
    return SPACE.sub(" ", text).strip(" ")


def _token_text(node: Node) -> str:
    """Text of a token that holds elements; MathJax may keep characters as code points in classes and attributes."""
    found = []
    for inner in [node, *node.descendants()]:
        if inner.is_text:
            continue
        part, attributes = inner.name, inner.attributes()
        code = ""
        if part == "mglyph":
            found.append(attributes.get("alt", ""))
        elif part == "mjx-c" or part.startswith("mjx-stretchy"):
            match = _HEX.search(attributes.get("class", ""))
            code = match.group(1) if match else ""
        elif part in ("use", "path"):
            match = _USED.search(attributes.get("xlink:href", attributes.get("href", "")))
            code = attributes.get("data-c", match.group(1) if match else "")
        if code:
            try:
                found.append(chr(int(code.partition("-")[0], 16)))
            except (ValueError, OverflowError):
                continue
            if part.startswith("mjx-stretchy"):
                break
    return "".join(found) or node.text()


def _named(element: Element, *names: str) -> list[Element]:
    """The nearest elements of these names below one, in document order."""
    found: list[Element] = []
    waiting = element.children[::-1]
    while waiting:
        child = waiting.pop()
        if child.name in names:
            found.append(child)
        else:
            waiting.extend(reversed(child.children))
    return found


def _straighten(element: Element) -> None:
    """Give an element of MathJax's CommonHTML the children MathML asks for; those of its parts are straight already."""
    name, children = element.name, element.children
    if name == "mrow" and len(children) == 1 and children[0].name == "mo" and element.get("data-mjx-texclass") in ("OPEN", "CLOSE"):
        fence = children[0]
        element.name, element.text, element.children = "mo", fence.text, []
        element.attributes = {**fence.attributes, **element.attributes}
        return
    parts = {child.name: child for child in children}
    if name == "mfrac" and "frac" in parts:
        element.children = _named(element, "num", "den")
    elif name in ("msub", "msup", "msubsup", "munderover", "munder", "mover") and "script" in parts:
        base = [child for child in children if child.name != "script"]
        scripts = parts["script"].children
        element.children = [Element("mrow", children=base, tall=any(b.tall for b in base)), *reversed(scripts)]
        element.name = {"munderover": "msubsup", "munder": "msub", "mover": "msup"}.get(name, name)
    elif name in ("munder", "mover", "munderover") and (parts.keys() & {"row", "over", "box", "base", "under"}):
        inner = _named(element, "base", "under", "over", "munder") if name == "munderover" else _named(element, "base", "under", "over")
        inner = [part for child in inner for part in (child.children if child.name == "munder" else [child])]
        order = {"base": 0, "under": 1, "over": 2}
        element.children = sorted(inner, key=lambda part: order.get(part.name, 0))
    elif name in ("msqrt", "mroot") and "sqrt" in parts:
        root = [child for child in children if child.name == "root"] or _named(element, "root")[:1]
        element.children = [*_named(parts["sqrt"], "box")[:1], *root]
    elif name == "msqrt" and children and children[-1].text == "√":
        children.pop()
    elif name == "mtable" and parts.keys() & {"table", "itable"}:
        element.children = _named(element, "mtr", "mlabeledtr")
    elif name == "menclose" and "box" in parts:
        element.children = parts["box"].children
