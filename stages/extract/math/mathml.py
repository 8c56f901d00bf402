"""MathML -> TeX.

The tree of a formula (mathml_tree.py) becomes TeX element by element. Nothing raises: what an element
should hold and does not is empty, what it holds too much follows it.

Source:  MathML 3 (W3C 2014), chapter 3, and its operator dictionary (appendix C) for what stretches; how
         each construct is best written in TeX is ours. Scripts always stand in braces; fences get \\left
         and \\right only around what is tall.
Units:   Node -> TeX without delimiters; linear in the nodes below it.
"""

from __future__ import annotations

import re

from stages.extract.math.content_mathml import CONTENT, content_tex
from stages.extract.math.mathml_tree import SPACE, TOKENS, Element, read, squeezed
from stages.extract.math.tex_symbols import (
    ACCENTS,
    BIG_OPERATORS,
    BINARY,
    CLOSE,
    EITHER,
    FUNCTIONS,
    GREEK,
    OPEN,
    RELATIONS,
    UNDER,
    VARIANTS,
    WIDE_OVER,
    WITH_LIMITS,
    escaped_text,
    styled,
    symbol,
)  # fmt: skip
from stages.extract.tree import Node

ROWS = frozenset([
    "math", "mrow", "mstyle", "mpadded", "merror", "semantics", "mtd", "texatom", "inferredmrow", "maction", "mscarry",
    "base", "over", "under", "num", "den", "box", "root",
])  # fmt: skip
ARROWS = {
    "→": "xrightarrow", "⟶": "xrightarrow", "←": "xleftarrow", "⟵": "xleftarrow", "⇒": "xRightarrow", "⟹": "xRightarrow",
    "⇐": "xLeftarrow", "↔": "xleftrightarrow", "⇔": "xLeftrightarrow", "↦": "xmapsto", "⇌": "xrightleftharpoons", "↪": "xhookrightarrow",
}  # fmt: skip
ENCLOSURES = {
    "box": "boxed", "roundedbox": "boxed", "circle": "boxed", "radical": "sqrt", "top": "overline", "bottom": "underline",
    "actuarial": "overline", "updiagonalstrike": "cancel", "downdiagonalstrike": "bcancel", "horizontalstrike": "cancel",
    "phasorangle": "underline",
}  # fmt: skip
MATRICES = {"()": "pmatrix", "[]": "bmatrix", "{}": "Bmatrix", "||": "vmatrix", "‖‖": "Vmatrix", "∥∥": "Vmatrix"}
BRACES = frozenset("⏞⏟︷︸⎴⎵⏜⏝")
SIZES = ((1.4, r"\big"), (2.0, r"\Big"), (2.7, r"\bigg"), (9.0, r"\Bigg"))
"""Height of a fence in em, up to which a command is meant."""
_WORD_AT_END = re.compile(r"\\[A-Za-z]+$")
_ONE_THING = re.compile(r"\\?[A-Za-z]|[0-9]+|\\[A-Za-z]+|\\(?:math\w+|boldsymbol|operatorname\*?|text|bar|hat|vec|dot|tilde)\{[^{}\\]*\}")
_LENGTH = re.compile(r"(-?[0-9]*\.?[0-9]+) *(em|ex|px|pt|mu|rem)?")
_NAMED_SPACE = {
    "thinmathspace": r"\,", "mediummathspace": r"\:", "thickmathspace": r"\;", "verythinmathspace": "", "veryverythinmathspace": "",
    "verythickmathspace": r"\;", "veryverythickmathspace": r"\;",
}  # fmt: skip


def tex_of(node: Node) -> str:
    """TeX of a `math` element, or of an `mjx-math` or `svg` of MathJax; "" where it holds nothing."""
    return tex_of_element(read(node))


def tex_of_element(element: Element) -> str:
    """TeX of an element read before."""
    return SPACE.sub(" ", _tex(element, "", False)).strip()


def joined(pieces: list[str]) -> str:
    """Pieces of TeX behind each other, a blank where a command would run into a letter."""
    out: list[str] = []
    last = ""
    for piece in pieces:
        if not piece:
            continue
        if piece[0].isalnum() and _WORD_AT_END.search(last):
            piece = " " + piece
        out.append(piece)
        last = (last + piece)[-24:]
    return "".join(out)


def _tex(element: Element, variant: str, tight: bool) -> str:
    """TeX of one element; variant is the mathvariant it inherits, tight leaves out blanks around operators."""
    name = element.name
    variant = element.get("mathvariant") or variant
    if name in TOKENS or name == "#text":
        return _token(element, variant)
    if name in _WRITERS:
        return _WRITERS[name](element, variant, tight)
    if name in CONTENT:
        return content_tex(element, lambda inner: _tex(inner, variant, tight))
    if name in ("mprescripts", "none", "maligngroup", "malignmark"):
        return ""
    return _row(element.children, variant, tight)


def _token(element: Element, variant: str) -> str:
    name, text = element.name, element.text
    if name == "mtext":
        return _text(text, variant)
    if name == "ms":
        return _text(f"{element.get('lquote') or chr(34)}{text}{element.get('rquote') or chr(34)}", variant)
    if name == "mo":
        return _operator(text)
    if name in ("mi", "#text") and len(text) > 1:
        if text in FUNCTIONS:
            return "\\" + text
        if text.isalpha() and not styled(text[0])[0]:
            if text.isascii():
                return f"\\{VARIANTS.get(variant, 'mathrm')}{{{text}}}"
            if not any(c in GREEK for c in text):
                return f"\\text{{{escaped_text(text)}}}"
        elif " " in text or not text.isascii():
            words = text.replace("\u00a0", " ")
            if " " in words and words.replace(" ", "").isalpha():
                return f"\\operatorname{{{escaped_text(words)}}}" if name == "mi" else f"\\text{{{escaped_text(words)}}}"
    tex = joined(_characters(text))
    command = VARIANTS.get(variant, "")
    if not command or not text or (variant == "italic" and len(text) == 1) or not (text.isalnum() or command == "mathbf"):
        return tex
    if command == "mathrm" and not text.isascii():  # upright Greek and symbols have no command of their own
        return tex
    if command == "mathbf" and not text.isascii():
        command = "boldsymbol"
    return f"\\{command}{{{tex}}}" if not (name == "mn" and command == "mathrm") else tex


def _characters(text: str) -> list[str]:
    """TeX of each character, neighbours of one style under one command."""
    pieces: list[str] = []
    run, style_of_run = "", ""
    for character in text:
        plain, style = styled(character)
        if style and style == style_of_run:
            run += GREEK.get(plain, plain)
            continue
        if run:
            pieces.append(f"\\{style_of_run}{{{run}}}")
        run, style_of_run = (GREEK.get(plain, plain), style) if style else ("", "")
        if not style:
            pieces.append(symbol(character))
    return [*pieces, f"\\{style_of_run}{{{run}}}"] if run else pieces


def _text(text: str, variant: str) -> str:
    if not text:
        return ""
    if not text.strip("\u00a0 "):
        return r"\ "
    if not any(c.isalnum() for c in text) and all(symbol(c) != c or c in "()[]=<>+-*,.:;/|!'" for c in text) and len(text) <= 3:
        return joined([symbol(c) for c in text])
    plain, style = styled(text[0])
    if plain:
        text = "".join(styled(c)[0] or c for c in text)
    commands = {"bold": "textbf", "mathbf": "textbf", "italic": "textit", "monospace": "texttt", "mathtt": "texttt",
                "sans-serif": "textsf", "mathsf": "textsf"}  # fmt: skip
    return f"\\{commands.get(style or variant, 'text')}{{{escaped_text(text)}}}"


def _operator(text: str) -> str:
    if text in FUNCTIONS:
        return "\\" + text
    if text in WITH_LIMITS:
        return "\\" + text.replace(" ", "")
    if text == "mod":
        return r"\bmod"
    letters = text.replace("\u00a0", " ")
    if len(letters) > 1 and letters.replace(" ", "").isalpha() and not any(styled(c)[0] or c in GREEK for c in letters):
        return f"\\operatorname{{{letters}}}" if letters.isascii() and " " not in letters else f"\\text{{ {escaped_text(letters)} }}"
    return joined([symbol(c) for c in text])


def _core(element: Element) -> Element:
    """The one element inside rows that hold just one."""
    while element.name in ROWS and len(element.children) == 1:
        element = element.children[0]
    return element


def _stretchy(fence: Element) -> bool:
    return fence.get("stretchy") != "false" and fence.get("symmetric") != "false"


def _sized(fence: Element) -> str:
    """\\big and the like, where a fence has a size of its own."""
    least, most = _LENGTH.match(fence.get("minsize")), fence.get("maxsize")
    if not least or not most or least.group(2) not in ("em", None):
        return ""
    size = float(least.group(1)[:8])
    return next((command for bound, command in SIZES if 1 < size <= bound), "")


def _roles(items: list[Element]) -> dict[int, int]:
    """Which fences of a row belong together: {opening: closing} and {closing: opening}, as places."""
    pairs: dict[int, int] = {}
    waiting: list[int] = []
    bars: dict[str, int] = {}
    for i, item in enumerate(items):
        text = item.text
        if item.name != "mo" or (len(text) > 1 and text not in OPEN and text not in CLOSE):
            continue
        form = item.get("form") or {"OPEN": "prefix", "CLOSE": "postfix"}.get(item.get("data-mjx-texclass"), "")
        if text == "" and not form and (item.get("fence") == "true" or item.get("stretchy") == "true"):
            form = "postfix" if waiting else "prefix"
        is_bar = text in EITHER and text not in "/\\↑↓"
        if form == "" and is_bar:
            beside_table = (i + 1 < len(items) and _core(items[i + 1]).name == "mtable") or (i > 0 and _core(items[i - 1]).name == "mtable")
            outermost = len(items) > 2 and i in (0, len(items) - 1) and items[0].text == items[-1].text
            if item.get("fence") == "true" or beside_table or outermost:
                form = "postfix" if text in bars else "prefix"
        fence = text == "" or text in OPEN or text in CLOSE or text in EITHER
        if not fence or (text in EITHER and form == ""):
            continue
        if (form == "prefix") if form else text in OPEN:
            waiting.append(i)
            if is_bar:
                bars[text] = i
        elif ((form == "postfix") if form else text in CLOSE) and waiting:
            first = waiting.pop()
            bars.pop(items[first].text, None)
            pairs[first], pairs[i] = i, first
    return pairs


def _fence(text: str) -> str:
    return EITHER.get(text) or OPEN.get(text) or CLOSE.get(text) or symbol(text) or "."


def _row(items: list[Element], variant: str, tight: bool) -> str:
    """TeX of neighbours: fences that belong together, matrices and binomials between them, blanks around operators."""
    if len(items) == 1:
        return _tex(items[0], variant, tight)
    pairs = _roles(items)
    tall_before = [0]
    for item in items:
        tall_before.append(tall_before[-1] + item.tall)
    pieces: list[str] = []
    operand = False  # whether an operator here would stand behind an operand
    owed = ""  # \right. of a brace nothing closes
    bars = 0  # those that open and are not closed yet
    i = 0
    while i < len(items):
        item = items[i]
        i += 1
        if item.name != "mo":
            piece = _tex(item, variant, tight)
            if item.name == "mi" and i < len(items) and items[i].text == "\u2061" and piece.startswith(r"\mathrm{"):
                piece = r"\operatorname{" + piece[8:]
            pieces.append(piece)
            operand = operand or bool(piece)
            continue
        text, here = item.text, i - 1
        other = pairs.get(here)
        if other is not None and other > here:
            inner = _core(items[i]) if other == here + 2 else None
            environment = MATRICES.get(text + items[other].text) if inner and inner.name == "mtable" else None
            if text == "{" and items[other].text == "" and inner and inner.name == "mtable":
                environment = "cases"
            if inner and environment:
                pieces.append(_table(inner, variant, environment))
                operand, i = True, other + 1
                continue
            if inner and text == "(" and inner.name == "mfrac" and _without_line(inner):
                pieces.append(f"\\binom{{{_child(inner, 0, variant)}}}{{{_child(inner, 1, variant)}}}")
                operand, i = True, other + 1
                continue
            stretch = text == "" or items[other].text == "" or (
                tall_before[other] > tall_before[here] and _stretchy(item) and _stretchy(items[other]))  # fmt: skip
            item.attributes = {**item.attributes, "left": "1"} if stretch else item.attributes
            pieces.append(r"\left" + _fence(text) if stretch else _sized(item) + _fence(text))
            operand = False
        elif other is not None:
            pieces.append(r"\right" + _fence(text) if items[other].get("left") else _sized(item) + _fence(text))
            operand = True
        elif text == "{" and i < len(items) and _core(items[i]).name == "mtable":
            pieces.append(_table(_core(items[i]), variant, "cases"))
            operand, i = True, i + 1
        elif text in OPEN and item.get("fence") == "true" and _stretchy(item) and tall_before[-1] > tall_before[i] and not owed:
            pieces.append(r"\left" + _fence(text))
            operand, owed = False, r"\right."
        elif text == "∣" and (bars or not operand):  # KaTeX and MathJax write \mid and | alike
            pieces.append("|")
            operand, bars = bool(bars), bars + (-1 if bars else 1)
        elif text == ":" and i < len(items) and items[i].text == "=" and items[i].name == "mo":
            pieces.append(" := " if not tight else ":=")
            operand, i = False, i + 1
        elif text in ("′", "'", "″", "‴") and not tight:
            pieces.append({"″": "''", "‴": "'''"}.get(text, "'"))
        else:
            piece = _sized(item) + _operator(text)
            infix = item.get("form") in ("", "infix") and operand and i < len(items)
            if text in RELATIONS or text in (":=", "==", "<=", ">=", "=>", "->"):
                piece = piece if tight else f" {piece} " if operand else f"{piece} "
                operand = False
            elif text in BINARY:
                piece = piece if tight or not infix else f" {piece} "
                operand = False
            elif text in (",", ";"):
                piece = piece if tight or i == len(items) else piece + " "
                operand = False
            elif text in OPEN or text in BIG_OPERATORS:
                operand = False
            elif text:
                operand = True
            pieces.append(piece)
    return joined([*pieces, owed])


def _child(element: Element, number: int, variant: str, tight: bool = False) -> str:
    return _tex(element.children[number], variant, tight) if number < len(element.children) else ""


def _more(element: Element, number: int, variant: str, tight: bool) -> list[str]:
    """Children an element has too many."""
    return [_row(element.children[number:], variant, tight)] if len(element.children) > number else []


def _without_line(fraction: Element) -> bool:
    thickness = fraction.get("linethickness").strip()
    return thickness != "" and not thickness.strip("0.emptxr")


def _fraction(element: Element, variant: str, tight: bool) -> str:
    top, bottom = _child(element, 0, variant), _child(element, 1, variant)
    more = _more(element, 2, variant, tight)
    if _without_line(element):
        return joined([f"{{{top} \\atop {bottom}}}", *more])
    if element.get("bevelled") == "true":
        return joined([f"{{{top}}}/{{{bottom}}}", *more])
    return joined([f"\\frac{{{top}}}{{{bottom}}}", *more])


def _square_root(element: Element, variant: str, tight: bool) -> str:
    return f"\\sqrt{{{_row(element.children, variant, tight)}}}"


def _root(element: Element, variant: str, tight: bool) -> str:
    index = _child(element, 1, variant, True)
    if not index:
        return f"\\sqrt{{{_child(element, 0, variant)}}}"
    index = f"{{{index}}}" if "]" in index else index
    return joined([f"\\sqrt[{index}]{{{_child(element, 0, variant)}}}", *_more(element, 2, variant, tight)])


def _base(element: Element, variant: str, tight: bool) -> str:
    """What carries a script, in braces where TeX would misread it."""
    inner = _core(element)
    tex = _tex(inner, variant, tight)
    if inner.name in TOKENS or not tex or _ONE_THING.fullmatch(tex):
        return tex or "{}"
    in_fences = inner.name in ROWS and len(inner.children) > 1 and _roles(inner.children).get(0) == len(inner.children) - 1
    if in_fences or inner.name == "mfenced":
        return tex
    if inner.name in ("msqrt", "mover", "munder", "mtable") and tex.startswith("\\"):
        return tex
    return f"{{{tex}}}"


def _script(element: Element, variant: str) -> str:
    if _core(element).text == "°":
        return r"\circ"
    inner = _core(element)
    if inner.name == "mtable" and all(len(row.children) < 2 for row in inner.children):
        return "\\substack{" + r" \\ ".join(_row(row.children, variant, True) for row in inner.children) + "}"
    return _tex(element, variant, True)


def _primes(element: Element) -> str:
    """Apostrophes, where a superscript is nothing but primes."""
    inner = _core(element)
    text = inner.text if inner.name in TOKENS else "".join(child.text or "?" for child in inner.children)
    count = {"′": 1, "'": 1, "’": 1, "″": 2, "‴": 3, "⁗": 4}
    return "'" * sum(count[c] for c in text) if text and all(c in count for c in text) and len(text) < 8 else ""


def _scripts(element: Element, variant: str, tight: bool) -> str:
    children = element.children
    base = _base(children[0], variant, tight) if children else "{}"
    below = children[1] if element.name in ("msub", "msubsup") and len(children) > 1 else None
    above_at = 2 if element.name == "msubsup" else 1
    above = children[above_at] if element.name != "msub" and len(children) > above_at else None
    return joined([_with_scripts(base, below, above, variant), *_more(element, 2 if element.name != "msubsup" else 3, variant, tight)])


def _with_scripts(base: str, below: Element | None, above: Element | None, variant: str) -> str:
    low = _script(below, variant) if below else ""
    primes = _primes(above) if above else ""
    high = _script(above, variant) if above and not primes else ""
    return base + primes * (not low) + (f"_{{{low}}}" if low else "") + primes * bool(low) + (f"^{{{high}}}" if high else "")


def _limits(element: Element, variant: str, tight: bool) -> str:
    """munder, mover, munderover: limits, accents, braces, arrows, or just something above or below."""
    children = element.children
    if not children:
        return ""
    name = element.name
    below = children[1] if name != "mover" and len(children) > 1 else None
    above = children[1 if name == "mover" else 2] if name != "munder" and len(children) > (1 if name == "mover" else 2) else None
    more = _more(element, 3 if name == "munderover" else 2, variant, tight)
    base = _core(children[0])
    tex = _tex(children[0], variant, tight)
    lettered = base.name in ("mi", "mo", "mrow", "mtext", "texatom")
    words = [child.text for child in (base.children if base.name in ROWS else [base]) if child.text not in ("\u2061", "")]
    if base.text in BIG_OPERATORS or (len(words) == 1 and words[0].replace("\u00a0", " ") in WITH_LIMITS):
        return joined([_with_scripts(tex, below, above, variant), *more])
    if words and lettered and all(len(w) > 1 and w.isascii() and w.isalpha() for w in words):
        return joined([_with_scripts(r"\operatorname*{" + r"\,".join(words) + "}", below, above, variant), *more])
    if base.name in ("mover", "munder") and len(base.children) == 2 and _core(base.children[1]).text in BRACES:
        return joined([_with_scripts(tex, below, above, variant), *more])
    if base.name == "mo" and base.text in ARROWS and _accent(above) is None:
        low, high = (_script(part, variant) if part else "" for part in (below, above))
        return joined([f"\\{ARROWS[base.text]}{f'[{low}]' if low else ''}{{{high}}}", *more])
    if above:
        accent = _accent(above)
        if accent:
            wide = _core(above).get("stretchy") == "true" or (len(tex) > 1 and not _ONE_THING.fullmatch(tex))
            command = WIDE_OVER.get(accent, accent) if wide or (accent in WIDE_OVER and accent not in ACCENTS.values()) else accent
            tex = f"\\{command}{{{tex}}}"
        else:
            tex = f"\\overset{{{_script(above, variant)}}}{{{tex}}}"
    if below:
        line = UNDER.get(_core(below).text)
        tex = f"\\{line}{{{tex}}}" if line else f"\\underset{{{_script(below, variant)}}}{{{tex}}}"
    return joined([tex, *more])


def _accent(above: Element | None) -> str | None:
    """Name of the accent an element above another stands for."""
    inner = _core(above) if above else None
    if inner is None or inner.name not in ("mo", "mi", "mtext", "#text"):
        return None
    return ACCENTS.get(inner.text) or (inner.text if inner.text in WIDE_OVER else None)


def _multiscripts(element: Element, variant: str, tight: bool) -> str:
    """mmultiscripts: base, pairs of scripts, then mprescripts and pairs before the base."""
    if not element.children:
        return ""
    before: list[Element] = []
    behind: list[Element] = []
    side = behind
    for child in element.children[1:]:
        if child.name == "mprescripts":
            side = before
        else:
            side.append(child)

    def pairs(scripts: list[Element]) -> str:
        out = []
        for k in range(0, len(scripts), 2):
            low, high = (_script(s, variant) for s in (scripts[k], scripts[k + 1] if k + 1 < len(scripts) else Element("none")))
            out.append((f"_{{{low}}}" if low else "") + (f"^{{{high}}}" if high else ""))
        return "{}".join(out)

    left = pairs(before)
    return ("{}" + left if left else "") + _base(element.children[0], variant, tight) + pairs(behind)


def _fenced(element: Element, variant: str, tight: bool) -> str:
    """mfenced: its attributes are the fences and what separates the children."""
    opening, closing = (squeezed(element.attributes.get(key, default)) for key, default in (("open", "("), ("close", ")")))
    separators = "".join(element.attributes.get("separators", ",").split())
    items: list[Element] = [Element("mo", {"form": "prefix", "fence": "true"}, opening)]
    for i, child in enumerate(element.children):
        if i and separators:
            items.append(Element("mo", {}, separators[min(i, len(separators)) - 1]))
        items.append(child)
    items.append(Element("mo", {"form": "postfix", "fence": "true"}, closing))
    return _row(items, variant, tight) if opening or closing else _row(items[1:-1], variant, tight)


def _enclosed(element: Element, variant: str, tight: bool) -> str:
    notation = (element.get("notation") or "longdiv").split()
    inner = _row(element.children, variant, tight)
    if {"updiagonalstrike", "downdiagonalstrike"} <= set(notation):
        return f"\\xcancel{{{inner}}}"
    if "left" in notation or "right" in notation:
        sides = (r"\left" + ("|" if "left" in notation else "."), r"\right" + ("|" if "right" in notation else "."))
        return inner if {"top", "bottom"} & set(notation) else joined([sides[0], inner, sides[1]])
    for name in notation:
        if name in ENCLOSURES:
            return f"\\{ENCLOSURES[name]}{{{inner}}}"
    return inner


def _phantom(element: Element, variant: str, tight: bool) -> str:
    inner = _row(element.children, variant, tight)
    return f"\\phantom{{{inner}}}" if inner else ""


def _space(element: Element, variant: str, tight: bool) -> str:
    width = element.get("width").strip()
    if element.get("linebreak") == "newline":
        return r" \\ "
    if width in _NAMED_SPACE:
        return _NAMED_SPACE[width]
    match = _LENGTH.match(width)
    if not match:
        return ""
    em = float(match.group(1)[:8]) * {"ex": 0.45, "px": 1 / 16, "pt": 0.1, "mu": 1 / 18}.get(match.group(2) or "em", 1.0)
    steps = ((-0.05, r"\!"), (0.1, ""), (0.2, r"\,"), (0.25, r"\:"), (0.4, r"\;"), (0.8, r"\enspace"), (1.6, r"\quad"))
    return next((command for bound, command in steps if em < bound), r"\qquad")


def _cell_rows(table: Element) -> list[Element]:
    """Rows of a table; what stands outside rows is a row of its own."""
    return [row if row.name in ("mtr", "mlabeledtr") else Element("mtr", children=[row]) for row in table.children]


def _table(table: Element, variant: str, environment: str = "") -> str:
    """mtable, as the environment that its fences, alignment or place ask for."""
    lines, width, tagged = [], 0, False
    for row in _cell_rows(table):
        cells, tag = row.children, ""
        if row.name == "mlabeledtr" and cells:
            tag = _tag(cells[0], variant)
            cells, tagged = cells[1:], tagged or bool(tag)
        width = max(width, len(cells))
        lines.append(" & ".join(_row(c.children, variant, False) if c.name == "mtd" else _tex(c, variant, False) for c in cells) + tag)
    align = table.get("columnalign").split()
    if not lines:
        return ""
    if not environment:
        if len(lines) == 1 and width < 2:
            return lines[0]
        environment = "align" if tagged else _environment(table, align, width)
    if environment == "array":
        sides = [{"left": "l", "right": "r"}.get(align[min(i, len(align) - 1)] if align else "", "c") for i in range(width)]
        bars = table.get("columnlines").split()
        spec = "".join(
            side + ("|" if bars and i + 1 < width and bars[min(i, len(bars) - 1)] != "none" else "") for i, side in enumerate(sides)
        )
        rules = table.get("rowlines").split()
        for i in range(len(lines) - 1):
            if rules and rules[min(i, len(rules) - 1)] != "none":
                lines[i] += r" \\ \hline"
        body = "".join(line + (" " if line.endswith(r"\hline") else r" \\ ") for line in lines[:-1]) + lines[-1]
        return f"\\begin{{array}}{{{spec}}} {body} \\end{{array}}"
    return f"\\begin{{{environment}}} " + r" \\ ".join(lines) + f" \\end{{{environment}}}"


def _environment(table: Element, align: list[str], width: int) -> str:
    if any(line != "none" for key in ("columnlines", "rowlines") for line in table.get(key).split()):
        return "array"
    if (align and "right" in align and align[0] == "right") or "tml-jot" in table.get("class"):
        return "aligned"
    if width == 1:
        return "gathered" if table.get("displaystyle") == "true" or not align else "array"
    if table.get("displaystyle") == "true":
        return "aligned"
    return "array" if set(align) - {"center"} else "matrix"


def _tag(label: Element, variant: str) -> str:
    """\\tag of a row's label; amsmath puts the parentheses around it again."""
    tex = _row(label.children, variant, False).replace(r"\text{(}", "(").replace(r"\text{)}", ")")
    plain = re.fullmatch(r"\\text\{([^{}]*)\}", tex)
    tex = (plain.group(1) if plain else tex).strip()
    bare = tex[1:-1] if tex.startswith("(") and tex.endswith(")") else tex
    return f" \\tag{{{bare}}}" if bare else ""


def _writer_of_table(element: Element, variant: str, tight: bool) -> str:
    return _table(element, variant)


_WRITERS = {
    "mfrac": _fraction, "msqrt": _square_root, "mroot": _root, "msub": _scripts, "msup": _scripts, "msubsup": _scripts,
    "munder": _limits, "mover": _limits, "munderover": _limits, "mmultiscripts": _multiscripts, "mfenced": _fenced, "menclose": _enclosed,
    "mphantom": _phantom, "mspace": _space, "mtable": _writer_of_table,
}  # fmt: skip
