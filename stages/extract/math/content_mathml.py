"""Content MathML -> TeX: what an expression means, written the usual way.

Source:  MathML 3 (W3C 2014), chapter 4; the common elements of kindergarten-to-college mathematics.
Units:   an element -> TeX; parentheses by the usual precedence of sums, products and powers.
"""

from __future__ import annotations

from collections.abc import Callable

from stages.extract.math.mathml_tree import Element
from stages.extract.math.tex_symbols import symbol

INFIX = {
    "plus": (" + ", 2), "eq": (" = ", 1), "neq": (r" \neq ", 1), "lt": (" < ", 1), "gt": (" > ", 1), "leq": (r" \leq ", 1),
    "geq": (r" \geq ", 1), "equivalent": (r" \equiv ", 1), "approx": (r" \approx ", 1), "factorof": (r" \mid ", 1), "in": (r" \in ", 1),
    "notin": (r" \notin ", 1), "subset": (r" \subseteq ", 1), "prsubset": (r" \subset ", 1), "notsubset": (r" \not\subseteq ", 1),
    "union": (r" \cup ", 2), "intersect": (r" \cap ", 2), "setdiff": (r" \setminus ", 2), "cartesianproduct": (r" \times ", 3),
    "and": (r" \wedge ", 1), "or": (r" \vee ", 1), "xor": (r" \oplus ", 1), "implies": (r" \implies ", 0), "tendsto": (r" \to ", 1),
    "compose": (r" \circ ", 3), "rem": (r" \bmod ", 3), "vectorproduct": (r" \times ", 3), "scalarproduct": (r" \cdot ", 3),
    "outerproduct": (r" \otimes ", 3), "times": (" ", 3),
}  # fmt: skip
"""Operators between their arguments, with how tightly they bind."""
NAMED = {
    **{
        name: f"\\{name}"
        for name in ("sin", "cos", "tan", "sec", "csc", "cot", "sinh", "cosh", "tanh", "coth", "arcsin", "arccos", "arctan",
                     "exp", "ln", "max", "min", "gcd", "det", "dim", "arg")
    },
    **{
        name: f"\\operatorname{{{name}}}"
        for name in ("lcm", "sech", "csch", "arcsinh", "arccosh", "arctanh", "domain", "codomain", "image", "median", "mode", "ident")
    },
    "real": r"\Re", "imaginary": r"\Im", "not": r"\neg", "determinant": r"\det", "grad": r"\nabla", "divergence": r"\nabla \cdot",
    "curl": r"\nabla \times", "laplacian": r"\nabla^{2}", "variance": r"\sigma^{2}", "sdev": r"\sigma",
}  # fmt: skip
CONSTANTS = {
    "pi": r"\pi", "exponentiale": "e", "imaginaryi": "i", "infinity": r"\infty", "eulergamma": r"\gamma", "emptyset": r"\emptyset",
    "true": r"\text{true}", "false": r"\text{false}", "notanumber": r"\text{NaN}", "reals": r"\mathbb{R}", "integers": r"\mathbb{Z}",
    "naturalnumbers": r"\mathbb{N}", "rationals": r"\mathbb{Q}", "complexes": r"\mathbb{C}", "primes": r"\mathbb{P}",
}  # fmt: skip
AROUND = {
    "abs": ("|", "|"), "card": ("|", "|"), "floor": (r"\lfloor ", r" \rfloor"), "ceiling": (r"\lceil ", r" \rceil"),
    "mean": (r"\overline{", "}"), "conjugate": (r"\overline{", "}"),
}  # fmt: skip
BRACKETS = {"open": ("(", ")"), "closed": ("[", "]"), "open-closed": ("(", "]"), "closed-open": ("[", ")")}
QUALIFIERS = frozenset(["bvar", "lowlimit", "uplimit", "condition", "degree", "logbase", "domainofapplication", "momentabout"])
CONTENT = frozenset([
    "apply", "bind", "reln", "ci", "cn", "csymbol", "lambda", "set", "list", "interval", "vector", "matrix", "matrixrow", "piecewise",
    "piece", "otherwise", "share", "cerror", "cs", "declare", "fn", *CONSTANTS, *QUALIFIERS,
])  # fmt: skip
_SUM, _PRODUCT, _POWER, _ATOM = 2, 3, 4, 9

Presentation = Callable[[Element], str]


def content_tex(element: Element, presentation: Presentation) -> str:
    """TeX of a content element; presentation writes the other kind, which may stand in it."""
    return _write(element, presentation)[0]


def _write(element: Element, presentation: Presentation) -> tuple[str, int]:
    """TeX of an element and how tightly its outermost operator binds."""
    name = element.name
    children = element.children
    if name in CONSTANTS and not children:
        return CONSTANTS[name], _ATOM
    if name in ("ci", "csymbol", "cs", "fn"):
        return _identifier(element, presentation), _ATOM
    if name == "cn":
        return _number(element, presentation)
    if name in ("apply", "bind", "reln"):
        return _applied(children, presentation) if children else ("", _ATOM)

    def tex(number: int) -> str:
        return _write(children[number], presentation)[0] if number < len(children) else ""

    if name in ("set", "list", "vector"):
        condition = _qualifier(children, "condition", presentation)
        inner = ", ".join(_write(c, presentation)[0] for c in children if c.name not in QUALIFIERS)
        inner += r" \mid " + condition if condition else ""
        fences = {"set": (r"\{", r"\}"), "list": ("[", "]"), "vector": ("(", ")")}[name]
        return f"{fences[0]}{inner}{fences[1]}", _ATOM
    if name == "interval":
        fences = BRACKETS.get(element.get("closure"), ("[", "]"))
        return f"{fences[0]}{tex(0)}, {tex(1)}{fences[1]}", _ATOM
    if name == "matrix":
        rows = r" \\ ".join(" & ".join(_write(c, presentation)[0] for c in row.children) for row in children)
        return f"\\begin{{pmatrix}} {rows} \\end{{pmatrix}}", _ATOM
    if name == "piecewise":
        cases = []
        for piece in children:
            value, *when = [_write(inner, presentation)[0] for inner in piece.children[:2]] or [""]
            cases.append(f"{value} & " + (r"\text{if } " + when[0] if when else r"\text{otherwise}"))
        return "\\begin{cases} " + r" \\ ".join(cases) + " \\end{cases}", _ATOM
    if name == "lambda":
        variables = ", ".join(_write(c, presentation)[0] for c in children if c.name == "bvar")
        return f"{variables} \\mapsto " + " ".join(_write(c, presentation)[0] for c in children if c.name not in QUALIFIERS), 0
    if name in CONTENT:
        return " ".join(_write(c, presentation)[0] for c in children), _ATOM
    return presentation(element), _ATOM


def _identifier(element: Element, presentation: Presentation) -> str:
    if len(element.children) == 1 and element.children[0].name == "#text":
        text = element.children[0].text
        return symbol(text) if len(text) == 1 else presentation(element.children[0])
    return "".join(_write(c, presentation)[0] for c in element.children)


def _number(element: Element, presentation: Presentation) -> tuple[str, int]:
    parts = [c.text for c in element.children if c.text] or [""]
    kind = element.get("type")
    if len(parts) > 1 and kind == "rational":
        return f"\\frac{{{parts[0]}}}{{{parts[1]}}}", _ATOM
    if len(parts) > 1 and kind == "complex-cartesian":
        return f"{parts[0]} + {parts[1]} i", _SUM
    if len(parts) > 1 and kind == "complex-polar":
        return f"{parts[0]} e^{{{parts[1]} i}}", _PRODUCT
    if len(parts) > 1 and kind == "e-notation":
        return f"{parts[0]} \\times 10^{{{parts[1]}}}", _PRODUCT
    text = "".join(symbol(c) for part in parts for c in part)
    return text, _SUM if text.startswith("-") else _ATOM


def _qualifier(children: list[Element], name: str, presentation: Presentation) -> str:
    return next((" ".join(_write(c, presentation)[0] for c in child.children) for child in children if child.name == name), "")


def _applied(children: list[Element], presentation: Presentation) -> tuple[str, int]:
    """An operator with its arguments."""
    head, rest = children[0], children[1:]
    arguments = [_write(c, presentation) for c in rest if c.name not in QUALIFIERS]

    def inside(number: int, least: int) -> str:
        tex, binds = arguments[number] if number < len(arguments) else ("", _ATOM)
        return tex if binds >= least else f"({tex})"

    def plain(number: int) -> str:
        return arguments[number][0] if number < len(arguments) else ""

    name = head.name
    if name == "minus":
        return (f"-{inside(0, _PRODUCT)}", _SUM) if len(arguments) == 1 else (f"{inside(0, _SUM)} - {inside(1, _PRODUCT)}", _SUM)
    if name in INFIX and len(arguments) > 1:
        mark, binds = INFIX[name]
        terms = [inside(i, binds + (binds == 1)) for i in range(len(arguments))]
        return (mark.join(terms) if name != "plus" else mark.join(terms).replace("+ -", "- ")), binds
    if name == "divide":
        return f"\\frac{{{plain(0)}}}{{{plain(1)}}}", _ATOM
    if name == "power":
        return f"{inside(0, _ATOM)}^{{{plain(1)}}}", _POWER
    if name == "root":
        degree = _qualifier(rest, "degree", presentation)
        return f"\\sqrt{f'[{degree}]' if degree not in ('', '2') else ''}{{{plain(0)}}}", _ATOM
    if name in AROUND:
        return f"{AROUND[name][0]}{plain(0)}{AROUND[name][1]}", _ATOM
    if name == "factorial":
        return f"{inside(0, _ATOM)}!", _POWER
    if name in ("inverse", "transpose"):
        return f"{inside(0, _ATOM)}^{{{'-1' if name == 'inverse' else 'T'}}}", _POWER
    if name == "log":
        base = _qualifier(rest, "logbase", presentation)
        return f"\\log{f'_{{{base}}}' if base else ''}({plain(0)})", _PRODUCT
    if name in ("sum", "product", "int", "limit", "forall", "exists", "diff", "partialdiff"):
        return _bound(name, rest, plain(0), inside(0, _PRODUCT), presentation)
    if name in ("selector", "moment"):
        return f"{inside(0, _ATOM)}_{{{', '.join(plain(i) for i in range(1, len(arguments)))}}}", _ATOM
    if name in NAMED or name in INFIX:
        function = NAMED.get(name) or INFIX[name][0].strip()
        return (f"{function} {plain(0)}" if name == "not" else f"{function}({', '.join(a for a, _ in arguments)})"), _PRODUCT
    function = _write(head, presentation)[0] if head.name in CONTENT or head.children or head.text else f"\\operatorname{{{head.name}}}"
    return f"{function}({', '.join(a for a, _ in arguments)})", _PRODUCT


def _bound(name: str, rest: list[Element], body: str, product: str, presentation: Presentation) -> tuple[str, int]:
    """Operators with a bound variable: sums, integrals, limits, quantifiers, derivatives."""
    variable = _qualifier(rest, "bvar", presentation)
    low, high, condition = (_qualifier(rest, q, presentation) for q in ("lowlimit", "uplimit", "condition"))
    condition = condition or _qualifier(rest, "domainofapplication", presentation)
    upper = f"^{{{high}}}" if high else ""
    if name in ("sum", "product"):
        under = f"{variable} = {low}" if low and variable else condition or variable
        return f"\\{name.replace('uct', '')}{f'_{{{under}}}' if under else ''}{upper} {product}", _PRODUCT
    if name == "int":
        under = low or condition
        return f"\\int{f'_{{{under}}}' if under else ''}{upper} {body}" + (f" \\, d{variable}" if variable else ""), _PRODUCT
    if name == "limit":
        under = f"{variable} \\to {low}" if low else condition or variable
        return f"\\lim{f'_{{{under}}}' if under else ''} {product}", _PRODUCT
    if name in ("forall", "exists"):
        return f"\\{name} {variable}" + (f", {condition}" if condition else "") + (f" : {body}" if body else ""), 0
    d = "d" if name == "diff" else r"\partial "
    bottom, order = [], 0
    for bvar in (c for c in rest if c.name == "bvar"):
        degree = _qualifier(bvar.children, "degree", presentation)
        inner = " ".join(_write(c, presentation)[0] for c in bvar.children if c.name != "degree")
        bottom.append(d + inner + (f"^{{{degree}}}" if degree else ""))
        order = order + (int(degree) if degree.isdecimal() and len(degree) < 4 else 1)
    if not bottom:
        return f"{product}'", _POWER
    top = d.strip() + (f"^{{{order}}}" if order > 1 else "")
    return f"\\frac{{{top}}}{{{' '.join(bottom)}}} {product}", _PRODUCT
