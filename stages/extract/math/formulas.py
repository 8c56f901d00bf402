r"""Find the formulas of a page, whatever put them there.

Most generators leave the TeX a formula was written in somewhere near its rendering: in an annotation, an attribute, a
script, the `alt` or the address of an image. One table of places (below) covers them; where no TeX is left, MathML is
converted. A rendering that stands beside its source belongs to the same formula and goes with it.

    markup                                    generators
    ----------------------------------------  --------------------------------------------------------------------------
    math: annotation, alttext, content        MathML by hand, Pandoc, LaTeXML (arXiv, ar5iv, PlanetMath), itex2MML (nLab),
                                              TeX4ht, Temml, Word, PMC and Springer (mml:math), Wikipedia
    .katex, .katex-display, .katex-error      KaTeX: Docusaurus, Notion, Quarto, GitLab, Obsidian, Khan Academy, Brilliant
    script type="math/tex"                    MathJax 2: kramdown, Jekyll, Zhihu, ScienceDirect (math/mml)
    .MathJax*, .MJX*, .mjx-chtml              MathJax 2's renderings, previews, data-mathml
    mjx-container                             MathJax 3 and 4: data-latex, assistive MathML, CommonHTML, SVG
    .mwe-math-element                         Wikipedia and other MediaWikis: MathML and fallback image
    .ltx_equation, .ltx_equationgroup         LaTeXML: tables of aligned cells with equation numbers
    d-math, math-renderer, amp-mathml, ...    Distill, GitHub, AMP, PMC's tex-math: elements of their own
    .math, .arithmatex, .math-container, ...  Pandoc, Sphinx, nbsphinx, Stack Exchange, Discourse, MkDocs, CKEditor, R Markdown
    data-tex, data-latex, data-formula, ...   Zhihu, Quill (ql-formula), Hurmet, Gemini, editors' widgets
    data-mathml="«math..."                    WIRIS MathType in Moodle, TinyMCE, CKEditor
    img.latex, img.tex, img.math, ...: alt    WordPress, AoPS, old Wikipedia, Sphinx imgmath, QuickLaTeX, MathWorld, TeX4ht
    img: alt that is TeX                      LaTeX2HTML, XWiki, Confluence, Encyclopedia of Mathematics
    img: address that holds TeX               CodeCogs, mathTeX, mimeTeX, Google Chart, GitHub, Zhihu, Upmath, CSDN, s0.wp.com
    .texhtml, .math with sub and sup          MediaWiki's {{math}}, Pandoc without MathJax

Formulas that stand in the text itself between `$` or `\(` are found when the text is (raw_tex.py); here only what a
Markdown renderer broke them up with is mended: `<em>` made of underscores, `$$` in paragraphs of their own.

Source:  the markup of the generators named; which place is believed first is ours (written TeX before converted).
Units:   Tree -> atoms; linear in the page: bytes are searched once, elements are looked at where something was found.
"""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import unquote, unquote_plus

import numpy as np

from stages.extract.math.formula_marks import any_mark, find_marks
from stages.extract.math.katex_html import tex_of_katex_html
from stages.extract.math.mathml import tex_of
from stages.extract.math.raw_tex import DISPLAY_ENVIRONMENTS, find_formulas
from stages.extract.math.tex_symbols import symbol
from stages.extract.tree import TAG, TEXT, Atom, Node, Tree, parse

MAX_TEX = 20_000
"""Characters of a formula that stands in an attribute or an element; longer ones are left as text. Ours."""
MAX_DEPTH = 512
"""Nesting of MathML in an attribute; as scan.py has it for pages."""
MAX_LOOKS = 8
"""How often a node is looked at on average, for the elements around it, before only small elements are; ours."""
_SMALL = 200
MAX_TAG = 10_000
"""Bytes of a tag whose classes are read for the sake of what stands in it; ours."""

_TEX_ATTRIBUTES = (
    "data-latex", "data-tex", "data-math", "data-formula", "data-expr", "data-equation", "data-katex", "data-tex-source", "data-asciimath",
)  # fmt: skip
_TEX_ELEMENTS = frozenset(["d-math", "dt-math", "math-renderer", "la-tex", "tex-math", "amp-mathml", "math-field", "x-equation"])
_DELIMITED_CLASSES = frozenset([
    "math", "math-container", "tex", "latex", "arithmatex", "math-tex", "mathjax-inline", "mathjax-block", "mathjax-env", "mathjax-tex",
    "math-inline", "math-display", "math-block", "mathblock", "inline-math", "display-math", "js-inline-math", "js-display-math",
    "js-render-math", "ztext-math", "formula", "equation", "latex-inline", "latex-block", "tex-inline", "tex-display", "katex-inline",
    "katex-block", "math-node", "math-formula", "inline-formula", "display-formula",
])  # fmt: skip
"""Classes of elements whose text is one formula, if delimiters say so."""
_BARE_CLASSES = frozenset([
    "math", "math-inline", "math-display", "math-block", "mathblock", "inline-math", "display-math", "js-render-math", "arithmatex",
    "math-tex", "latex-inline", "latex-block", "katex-inline", "katex-block", "math-node", "math-formula", "tex-inline", "tex-display",
])  # fmt: skip
"""Those whose text is TeX without delimiters."""
_IMAGE_CLASSES = frozenset([
    "latex", "tex", "math", "mwe-math-fallback-image-inline", "mwe-math-fallback-image-display", "ql-img-inline-formula",
    "ql-img-displayed-equation", "latexcenter", "inlineformula", "numberedequation", "displayformula", "mathimg", "tex-image", "wp-latex",
    "Wirisformula", "formula", "equation", "xwiki-formula", "latexmath", "texrender", "eq", "math-image", "ee_img",
])  # fmt: skip
"""Classes of images whose alt is the formula."""
_STOCK_ALT = re.compile(r"(?:rendered by .*|latex|formula|equation|math|image|eq\.?|tex|\[.{0,20}\]|alt(?:ernative)? text|)", re.I)
_SERVICE = re.compile(
    r"[?&](?:amp;)?(?:latex|tex|chl|math|eq|formula|from|eqn|expr|equation)=([^&#]*)"
    r"|/(?:(?:svg|png|gif|jpe?g|pdf|emf|webp)\.(?:latex|image|download)|mathtex(?:\.cgi)?|mimetex(?:\.cgi)?|eq)\?((?:[^&#]|&[a-z]+;)*)"
    r"|/(?:svg|png|formula|math|latex|tex|render)/([^/?#]*%5[Cc][^/?#]*)"
)  # fmt: skip
_SERVICE_HOST = re.compile(r"latex|tex|math|equation|cht=tx|formula|chart\?|eqn|codecogs|/eq\?", re.I)
_SIZE = re.compile(
    r"^(?:\\(?:inline|displaystyle|textstyle|large|Large|LARGE|huge|Huge|small|normalsize|bg_\w+|fn_\w+|dpi\{\d+\}|bg\{\w+\}) ?)+"
)
_NEVER = [TAG[name] for name in ("html", "head", "body", "a", "link", "meta", "style", "title", "input", "button", "form", "textarea")]
"""Elements whose attributes name formulas without being one (addresses, settings)."""
_BLOCKS = frozenset(["p", "dd", "div", "center", "figure", "section", "article", "blockquote"])
_DISPLAY_BOXES = frozenset(["katex-display", "MathJax_Display", "MathJax_SVG_Display", "math-display"])
_INLINE_BOXES = frozenset(["span", "a", "em", "strong", "i", "b", "nobr"])
_MATHJAX2 = re.compile(r"MathJax(?:_\w+)?|mjx-chtml|MJXc-display|MJXp-\w+")
_CERTAIN = re.compile(r"\\[A-Za-z]+|[\^_]\{|[A-Za-z0-9)]\^|(?:^|[^A-Za-z])[A-Za-z]_[A-Za-z0-9]|^\$.+\$$|^\\[(\[]")
_PROSE = re.compile(r"(?<![A-Za-z])(?:[A-Za-z]{3,},? +[A-Za-z]{3,}|[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,})")
_SPACE = re.compile(r"\s+")
_DELIMITED = re.compile(r"\$\$.*\$\$|\$[^$]*\$|\\\(.*\\\)|\\\[.*\\\]|\[(?:tex|math|latex)\].*\[/(?:tex|math|latex)\]", re.S)
_WIRIS = str.maketrans({"«": "<", "»": ">", "¨": '"', "§": "&", "`": "'"})
_BROKEN_START = re.compile(rb">\s*(\$\$|\\\[|\\begin\{([a-z]+\*?)\})")


def may_have_formulas(data: bytes) -> bool:
    """Whether a serialised page holds one of the marks formula_atoms looks at; a linear pass, wrong only in saying yes."""
    return _may_be_split(data) or _may_be_emphasised(data) or any_mark(data)


def _may_be_split(data: bytes) -> bool:
    return (b"$" in data and b"$$" in data) or (b"\\" in data and (b"\\[" in data or b"\\begin" in data))


def _may_be_emphasised(data: bytes) -> bool:
    return (b"$" in data or (b"\\" in data and (b"\\(" in data or b"\\[" in data))) and b"<em>" in data


def formula_atoms(tree: Tree) -> list[Atom]:
    """Formulas of a page as atoms, in document order, none inside another.

    Beside inline_math and display_math: `text` for an element that stands for characters of a formula in the running
    text (`<em>` for two underscores), to be written as its text says.
    """
    atoms: list[Atom] = []
    done = looked_at = 0
    for index in _candidates(tree):
        size = int(tree.end[index]) - index
        if index < done or (size > _SMALL and looked_at > MAX_LOOKS * len(tree)):
            continue
        looked_at += size
        atom = _formula(Node(tree, index))
        if atom:
            atoms.append(atom)
            done = atom.last
    if _may_be_split(tree.source):
        atoms += _split_displays(tree)
    if _may_be_emphasised(tree.source):
        atoms += _emphasised(tree)
    atoms.sort(key=lambda atom: (atom.first, -atom.last))
    disjoint: list[Atom] = []
    for atom in atoms:
        if not disjoint or atom.first >= disjoint[-1].last:
            disjoint.append(atom)
    return disjoint


def _candidates(tree: Tree) -> list[int]:
    """Elements in whose tag something speaks for a formula."""
    marks = find_marks(tree.source)
    nodes = np.unique(np.searchsorted(tree.start, marks, "right") - 1) if len(marks) else np.zeros(0, np.int64)
    last_mark = np.searchsorted(marks, tree.stop[nodes]) - 1  # the last mark before the tag's end stands in the tag, or in none
    nodes = nodes[(last_mark >= 0) & (marks[last_mark] >= tree.start[nodes]) & (tree.tag[nodes] != TEXT)]
    nodes = nodes[~np.isin(tree.tag[nodes], _NEVER)]
    return [int(index) for index in nodes]


def _formula(node: Node) -> Atom | None:
    """The formula an element is, if it is one."""
    name, attributes = node.name, node.attributes()
    classes = (attributes.get("class") or "").split()
    if name == "math" or name.endswith(":math"):
        return _atom(node, _from_math(node), _is_display(node, attributes, classes) or _alone(node))
    if name == "script":
        return _from_script(node, attributes)
    if name == "img":
        return _from_image(node, attributes, classes)
    if name == "mjx-container":
        return _from_mathjax3(node, attributes)
    if name == "svg" and "MathJax" in (attributes.get("aria-labelledby") or ""):
        return _atom(node, _from_math(node), _alone(node))
    if any(_MATHJAX2.fullmatch(c) for c in classes):
        return _from_mathjax2(node, classes)
    if name in _TEX_ELEMENTS:
        tex = node.text() or attributes.get("data-formula") or ""
        atom = _atom(node, tex, "block" in attributes or _is_display(node, attributes, classes) or name == "x-equation")
        return atom._replace(kind="inline_math") if atom and "inline" in attributes else atom
    for attribute in _TEX_ATTRIBUTES:
        atom = _from_attribute(node, attribute, attributes, classes)
        if atom:
            return atom
    if "hurmet-tex" in classes or "ql-formula" in classes:
        tex = attributes.get("data-entry") or attributes.get("data-value") or ""
        return _atom(node, tex, _is_display(node, attributes, classes))
    if "katex" in classes or "katex-display" in classes or "katex-error" in classes:
        return _from_katex(node, attributes, classes)
    if "mwe-math-element" in classes:
        return _from_mediawiki(node)
    if name in ("table", "div", "span") and ("ltx_equation" in classes or "ltx_equationgroup" in classes):
        return _from_latexml_table(node)
    if "data-mathml" in attributes:
        return _atom(node, _from_mathml_text(attributes["data-mathml"]), _is_display(node, attributes, classes))
    if "texhtml" in classes or not _DELIMITED_CLASSES.isdisjoint(classes):
        return _from_element(node, attributes, classes)
    return None


def _atom(node: Node, tex: str, display: bool, last: int | None = None) -> Atom | None:
    """An atom for a formula whose TeX may still carry delimiters; None for an empty one."""
    if len(tex) > MAX_TEX:
        return None
    tex, said = _cleaned(tex)
    if not tex:
        return None
    display = display if said is None else said
    return Atom(node.index, last or node.end, "display_math" if display else "inline_math", tex)


def _cleaned(tex: str) -> tuple[str, bool | None]:
    """TeX without what only wraps it, and whether its delimiters say that it is displayed (None: they do not say)."""
    tex = tex.strip()
    display: bool | None = None
    if "CDATA[" in tex:  # kramdown and XHTML hide TeX from the parser in a comment of TeX
        tex = tex.replace("<![CDATA[", "").replace("]]>", "").strip()
        tex = tex.removeprefix("%").removeprefix("//").removesuffix("%").removesuffix("//").strip()
    if "&" in tex and re.search(r"&(?:amp|lt|gt|quot|#39);", tex):
        tex = unescape(tex)
    if tex.startswith("%"):
        tex = re.sub(r"^% latex2html id marker \d+\s*", "", tex)
    for _ in range(4 if tex.startswith(("$", "\\", "[", "{")) else 0):
        before = tex
        for opening, closing, shown in (("$$", "$$", True), ("\\[", "\\]", True), ("\\(", "\\)", False), ("$", "$", False),
                                        ("[math]", "[/math]", None), ("[tex]", "[/tex]", None), ("[latex]", "[/latex]", None)):  # fmt: skip
            if len(tex) >= len(opening) + len(closing) and tex.startswith(opening) and tex.endswith(closing):
                inner = tex[len(opening) : len(tex) - len(closing)]
                if opening not in inner and not inner.endswith("\\"):
                    tex, display = inner.strip(), shown if shown is not None else display
                    break
        for environment, shown in (("displaymath", True), ("equation", True), ("equation*", True), ("math", False)):
            head, tail = f"\\begin{{{environment}}}", f"\\end{{{environment}}}"
            if tex.startswith(head) and tex.endswith(tail) and head not in tex[len(head) :]:
                tex, display = tex[len(head) : -len(tail)].strip(), shown
        if tex.startswith("{\\displaystyle") and tex.endswith("}") and not tex[14:15].isalpha() and _wrapped(tex):
            tex = tex[14:-1].strip()
        if tex == before:
            break
    match = re.match(r"\\begin\{([a-z]+\*?)\}", tex)
    if match and display is None and match.group(1) in DISPLAY_ENVIRONMENTS:
        display = True
    if "%" in tex:
        tex = re.sub(r"(?<!\\)%[ \t]*\n", "", tex)  # LaTeXML breaks long lines so
    return (tex, display) if tex.strip("\\, ") else ("", None)


def _wrapped(tex: str) -> bool:
    """Whether the brace that opens a text closes at its very end."""
    depth = 0
    for match in re.finditer(r"\\.|[{}]", tex, re.S):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0 and match.group() == "}":
            return match.end() == len(tex)
    return False


def _tex_like(text: str) -> bool:
    """Whether a text of unknown make reads as a formula, and not as words about one."""
    return len(text) <= MAX_TEX and (bool(re.search(r"\\[A-Za-z]+", text)) or not _PROSE.search(text))


def _is_display(node: Node, attributes: dict[str, str], classes: list[str]) -> bool:
    for key in ("display", "mode", "data-display", "data-math-style", "data-type"):
        if attributes.get(key) in ("block", "true", "display", "block-math"):
            return True
        if attributes.get(key) in ("inline", "false"):
            return False
    for name in classes:
        if "inline" in name:
            return False
        if "display" in name.lower() or name.endswith(("block", "center")) or name in ("mathjax-env", "numberedequation"):
            return True
    tree, parent = node.tree, node.parent
    if parent is None or tree.stop[parent.index] - tree.start[parent.index] > MAX_TAG:
        return False
    if not _DISPLAY_BOXES.isdisjoint(parent.classes):
        return True
    return node.name in ("div", "pre", "p", "figure", "table")


def _blank(tree: Tree, index: int) -> bool:
    return bool(tree.tag[index] == TEXT) and not tree.source[int(tree.start[index]) : int(tree.stop[index])].replace(b"&nbsp;", b"").strip()


def _alone(node: Node) -> bool:
    """Whether a formula is all that its paragraph holds."""
    tree, first, last = node.tree, node.index, node.end
    for _ in range(8):
        parent = int(tree.parent[first])
        if parent <= 0:
            return False
        before = first == parent + 1 or (first == parent + 2 and _blank(tree, parent + 1))
        end = int(tree.end[parent])
        if not (before and (last == end or (last + 1 == end and _blank(tree, last)))):
            return False
        name = Node(tree, parent).name
        if name in _BLOCKS:
            return True
        if name not in _INLINE_BOXES:
            return False
        first, last = parent, end
    return False


# ------------------------------------------------------------------------------------- sources


def _from_math(node: Node) -> str:
    """TeX of a `math` element: as annotated, as its alttext says, else converted."""
    tree = node.tree
    start, stop = int(tree.start[node.index]), int(tree.stop[node.end - 1])
    source = tree.source[start:stop]
    if b"annotation" in source:
        for inner in node.descendants():
            if inner.name.rpartition(":")[2] == "annotation" and "tex" in (inner.get("encoding") or "").lower():
                tex = inner.text().strip()
                if tex:
                    return tex
    attributes = node.attributes()
    for key in ("data-latex", "alttext"):
        tex = attributes.get(key, "").strip()
        if tex and _tex_like(tex):
            return tex
    if node.name == "svg":
        titles = [child.text().strip() for child in node.children() if child.name == "title"]
        if titles and titles[0] and _CERTAIN.search(titles[0]):
            return titles[0]
    return tex_of(node) or (attributes.get("alttext", "") if node.name != "svg" else "")


def _from_mathml_text(text: str) -> str:
    """TeX of MathML that stands in an attribute or a script, plain or as WIRIS writes it."""
    text = text.translate(_WIRIS) if "«" in text else unescape(text) if text.lstrip().startswith("&lt;") else text
    if len(text) > 50 * MAX_TEX or _depth(text) > MAX_DEPTH:
        return ""
    inner = parse(text)
    for math in inner.elements("math"):
        return _from_math(math)
    return next((_from_math(n) for n in inner.root.descendants() if n.name.endswith(":math")), "")


def _depth(markup: str) -> int:
    """How deep elements nest; what an attribute holds was not bounded with the page."""
    deepest = here = 0
    for match in re.finditer(r"<(/?)[A-Za-z][^<>]*?(/?)>|<[A-Za-z]", markup):
        here += -1 if match.group(1) else 0 if match.group(2) else 1
        deepest = max(deepest, here)
    return deepest


def _from_script(node: Node, attributes: dict[str, str]) -> Atom | None:
    kind = (attributes.get("type") or "").lower()
    if not kind.startswith("math/"):
        return None
    text = node.text()
    tex = _from_mathml_text(text) if "mml" in kind or "mathml" in kind else text
    return _atom(node, tex, "display" in kind)


def _sibling(tree: Tree, index: int, parent: int) -> int:
    """The next sibling that is no white space, given where a node ends; -1 at the end."""
    end = int(tree.end[parent]) if parent >= 0 else 0
    while index < end and _blank(tree, index):
        index += 1
    return index if index < end else -1


def _script_behind(node: Node) -> Node | None:
    """MathJax's script that a rendering or a preview stands before."""
    tree, parent = node.tree, int(node.tree.parent[node.index])
    at = node.end
    between: list[Node] = []  # of MathJax too, or the script is another's; judged once there is a script
    for _ in range(4):
        at = _sibling(tree, at, parent)
        if at < 0:
            return None
        other = Node(tree, at)
        if other.name == "script":
            is_mine = all(any(_MATHJAX2.fullmatch(c) for c in one.classes) for one in between)
            return other if is_mine and (other.get("type") or "").startswith("math/") else None
        if other.is_text:
            return None
        between.append(other)
        at = other.end
    return None


def _from_mathjax2(node: Node, classes: list[str]) -> Atom | None:
    """MathJax 2's rendering: with the script behind it if there is one, else by the MathML it carries."""
    script = _script_behind(node)
    if script is not None:
        atom = _from_script(script, script.attributes())
        return atom and atom._replace(first=node.index)
    if "MathJax_Preview" in classes:
        return None
    tree = node.tree
    display = any("isplay" in c for c in classes) or _is_display(node, {}, [])
    source = tree.source[int(tree.start[node.index]) : int(tree.stop[node.end - 1])]
    if b"data-mathml=" in source:
        carrier = next((n for n in [node, *node.descendants()] if n.get("data-mathml")), None)
        if carrier:
            return _atom(node, _from_mathml_text(carrier.get("data-mathml") or ""), display)
    if b"<math" in source:
        math = next((n for n in node.descendants() if n.name == "math"), None)
        if math:
            return _atom(node, _from_math(math), display or _is_display(math, math.attributes(), []))
    return None


def _from_mathjax3(node: Node, attributes: dict[str, str]) -> Atom | None:
    display = attributes.get("display") in ("true", "block")
    script = _script_behind(node)
    if script is not None:
        atom = _from_script(script, script.attributes())
        if atom:
            return atom._replace(first=node.index)
    tree = node.tree
    tex = attributes.get("data-latex", "")
    math = rendering = None
    for index in range(node.index + 1, node.end):
        if tree.tag[index] == TAG["math"]:
            math = Node(tree, index)
            break
        if rendering is None and tree.tag[index] != TEXT:
            inner = Node(tree, index)
            if inner.name in ("mjx-math", "svg"):
                rendering = inner
    for source in (rendering, math):
        tex = tex or (source.get("data-latex") or "" if source else "")
    tex = tex or (_from_math(math) if math else "")
    if not tex and rendering is not None:
        tex = _from_math(rendering) if rendering.name == "svg" else tex_of(rendering)
    if not tex:
        label = attributes.get("aria-label") or attributes.get("title") or ""
        tex = label if _CERTAIN.search(label) else ""
    return _atom(node, tex, display)


def _from_katex(node: Node, attributes: dict[str, str], classes: list[str]) -> Atom | None:
    display = _is_display(node, attributes, classes) and node.name != "p"
    if "katex-error" in classes:
        return _atom(node, node.text(), display)
    tree = node.tree
    maths = np.flatnonzero(tree.tag[node.index : node.end] == TAG["math"])
    if len(maths) == 1:
        math = Node(tree, node.index + int(maths[0]))
        return _atom(node, _from_math(math), display or math.get("display") == "block")
    rendered = [inner for inner in node.descendants() if "katex-html" in inner.classes] if not len(maths) else []
    return _atom(node, tex_of_katex_html(rendered[0]), display) if len(rendered) == 1 else None


def _from_mediawiki(node: Node) -> Atom | None:
    """MediaWiki's pair of MathML and fallback image."""
    display = False
    best = ""
    for inner in node.descendants():
        name = inner.name
        if name == "math":
            best = _from_math(inner)
            display = display or inner.get("display") == "block"
        elif name == "img":
            best = best or inner.get("alt") or ""
            display = display or any("display" in c for c in inner.classes)
        elif name in ("span", "div"):
            display = display or any("mathml-display" in c for c in inner.classes)
    return _atom(node, best, display or _alone(node))


def _from_latexml_table(node: Node) -> Atom | None:
    """LaTeXML's equation tables: cells that were split at & joined again, numbers as \\tag."""
    tree = node.tree
    rows: list[tuple[list[str], str]] = []
    current: tuple[list[str], str] = ([], "")
    at = node.index + 1
    while at < node.end:
        inner = Node(tree, at)
        at += 1
        if inner.is_text:
            if inner.text().strip():
                return None
            continue
        name, classes = inner.name, inner.classes
        if name == "math":
            current[0].append(re.sub(r"^\\displaystyle(?![A-Za-z])\s*", "", _cleaned(_from_math(inner))[0]))
            at = inner.end
        elif "ltx_tag" in classes or any(c.startswith("ltx_tag_") for c in classes):
            current = (current[0], inner.text().strip())
            at = inner.end
        elif name == "tr" and (current[0] or current[1]):
            rows.append(current)
            current = ([], "")
    rows = [row for row in [*rows, current] if row[0]]
    if not rows:
        return None

    def tag(number: str) -> str:
        inside = number.strip("() ")
        return f" \\tag{{{inside}}}" if inside else ""

    if len(rows) == 1:
        return _atom(node, " ".join(rows[0][0]) + tag(rows[0][1]), True)
    body = " \\\\ ".join(" & ".join(cells) + tag(number) for cells, number in rows)
    environment = "align" if any(number for _, number in rows) else "aligned"
    return _atom(node, f"\\begin{{{environment}}} {body} \\end{{{environment}}}", True)


def _from_attribute(node: Node, attribute: str, attributes: dict[str, str], classes: list[str]) -> Atom | None:
    """A formula an attribute holds; the attributes have other uses, so a short value wants more evidence."""
    tex = (attributes.get(attribute) or "").strip()
    if not tex or tex[0] in "={[" or tex in ("true", "false", "1", "0", "inline", "block", "display") or not _tex_like(tex):
        return None
    evident = _CERTAIN.search(tex) or any("math" in c.lower() or "tex" in c or "formula" in c or "equation" in c for c in classes)
    if not evident:
        evident = any("katex" in c or "MathJax" in c for child in node.children() for c in child.classes)
    return _atom(node, tex, _is_display(node, attributes, classes)) if evident else None


def _from_element(node: Node, attributes: dict[str, str], classes: list[str]) -> Atom | None:
    """An element whose text is a formula, with delimiters or by its class alone; or HTML that looks like one."""
    tree = node.tree
    if _bytes(tree, node.index) > 4 * MAX_TEX:
        return None
    number = ""
    pieces: list[str] = []
    plain = True
    at = node.index + 1
    images: list[Node] = []
    while at < node.end:
        inner = Node(tree, at)
        at += 1
        if inner.is_text:
            pieces.append(inner.text())
            continue
        name, inner_classes = inner.name, inner.classes
        if any("eqno" in c or "equation-number" in c or c == "headerlink" for c in inner_classes):
            number, at = number or inner.text().strip("()¶# \n"), inner.end
        elif name == "br":
            pieces.append("\n")
        elif name == "img":
            images.append(inner)
        elif name in ("code", "span", "p", "nobr", "div") and not any("katex" in c or "MathJax" in c for c in inner_classes):
            continue
        else:
            plain = False
    text = "".join(pieces).strip()
    display = _is_display(node, attributes, classes)
    tag = f" \\tag{{{number}}}" if number and len(number) < 20 else ""
    if not text and len(images) == 1:
        atom = _from_image(images[0], images[0].attributes(), ["math"])
        return atom and _atom(node, atom.text + tag, display)
    delimited = _DELIMITED.fullmatch(text) is not None and len(find_formulas(text, sure=True)) == 1
    if not delimited:
        match = re.match(r"\\begin\{([a-z]+\*?)\}", text)
        delimited = match is not None and match.group(1) in DISPLAY_ENVIRONMENTS and text.endswith(f"\\end{{{match.group(1)}}}")
    if delimited and plain:
        tex, said = _cleaned(text)
        return _atom(node, tex + tag, display if said is None else said)
    if not plain or "texhtml" in classes:
        html = _html_formula(node) if "texhtml" in classes or "math" in classes else ""
        return _atom(node, html, display)
    if not _BARE_CLASSES.isdisjoint(classes) and text and _tex_like(text) and not find_formulas(text, sure=True):
        return _atom(node, text + tag, display)
    return _atom(node, text + tag, display) if {"tex", "latex"} & set(classes) and _CERTAIN.search(text) and _tex_like(text) else None


def _html_formula(node: Node) -> str:
    """TeX of a formula written with sub, sup and italics; "" if it holds anything else."""
    tree = node.tree
    out: list[str] = []
    closing: list[tuple[int, str]] = []
    for index in range(node.index + 1, node.end):
        while closing and index >= closing[-1][0]:
            out.append(closing.pop()[1])
        inner = Node(tree, index)
        if inner.is_text:
            text = _SPACE.sub(" ", inner.text())
            for piece in re.split(r"([A-Za-z]{2,})", text):
                if len(piece) > 1 and piece.isascii() and piece.isalpha():
                    italic = inner.parent is not None and inner.parent.name in ("i", "em", "var")
                    out.append(piece if italic else f"\\mathrm{{{piece}}}")
                else:
                    out += [s + " " if s[0] == "\\" and s[-1].isalpha() else s for s in map(symbol, piece) if s]
            continue
        name = inner.name
        if name in ("sub", "sup"):
            out.append("_{" if name == "sub" else "^{")
        elif name in ("b", "strong"):
            out.append(r"\mathbf{")
        elif name not in ("i", "em", "var", "span", "cite"):
            return ""
        closing.append((inner.end, "}" if name in ("sub", "sup", "b", "strong") else ""))
    return "".join([*out, *(mark for _, mark in reversed(closing))]).replace("~", " ").strip()


def _from_image(node: Node, attributes: dict[str, str], classes: list[str]) -> Atom | None:
    """A formula that was made an image: TeX in its address, else its alt or title."""
    source = attributes.get("src") or ""
    if source.startswith("data:") or len(source) > 4 * MAX_TEX:
        source = attributes.get("data-src") or attributes.get("data-lazy-src") or ""
    named = not _IMAGE_CLASSES.isdisjoint(classes) or "eeimg" in attributes or any(c.startswith("ltx_Math") for c in classes)
    tex = _from_mathml_text(attributes["data-mathml"]) if "data-mathml" in attributes else _tex_in_address(source)
    for key in ("alt", "title", "data-latex", "data-tex", "data-formula") if not tex else ():
        text = (attributes.get(key) or "").strip()
        if text and not _STOCK_ALT.fullmatch(text) and "\n\n" not in text and _tex_like(text) and (named or _certain_alt(text)):
            tex = text
            break
    if not tex:
        return None
    display = _is_display(node, attributes, classes) or (_alone(node) and not any("inline" in c for c in classes))
    atom = _atom(node, _SIZE.sub("", tex.strip()), display)
    return atom and atom._replace(last=_with_fallback(node, attributes))


def _certain_alt(text: str) -> bool:
    """Whether the alt of any image is TeX: no path, no file name, no words."""
    if re.match(r"[A-Za-z]:\\", text) or (not re.search(r"\\[A-Za-z]+|[\^_]\{", text) and not re.fullmatch(r"\$[^$]+\$", text)):
        return False
    return text.count("{") == text.count("}") and not re.search(r"\\[A-Za-z]+\\[A-Za-z]+\.[a-z]{2,4}$", text)


def _with_fallback(node: Node, attributes: dict[str, str]) -> int:
    """Where an image ends, with the copy that lazy loading puts in a noscript behind it."""
    tree = node.tree
    at = _sibling(tree, node.end, int(tree.parent[node.index]))
    if at >= 0 and tree.tag[at] == TAG["noscript"]:
        alt = attributes.get("alt") or ""
        images = [n for n in [Node(tree, at), *Node(tree, at).descendants()][:4] if n.name == "img" or (n.is_text and "<img" in n.text())]
        if images and alt and (images[0].get("alt") == alt or alt in unescape(images[0].text())):
            return int(tree.end[at])
    return node.end


def _tex_in_address(source: str) -> str:
    """TeX that a rendering service is given in an image's address."""
    if not _SERVICE_HOST.search(source):
        return ""
    match = _SERVICE.search(source)
    if not match:
        return ""
    query = match.group(1) if match.group(1) is not None else match.group(2)
    if query is None:
        tex = unquote(match.group(3))
        return tex if _CERTAIN.search(tex) else ""
    if match.group(1) is not None and match.group().lstrip("?&").startswith("chl=") and "cht=tx" not in source:
        return ""
    form = match.group(1) is not None and "%20" not in query  # in a form's field a plus is a blank, elsewhere it is a plus
    tex = re.sub(r"&(?:space|nbsp);", " ", unquote_plus(query) if form else unquote(query)).replace("&plus;", "+").replace("&hash;", "#")
    return tex.strip() if tex.strip() and _tex_like(tex) and not re.search(r"://|^\d+$", tex) else ""


# ------------------------------------------------------------------------------------- what Markdown broke


def _split_displays(tree: Tree) -> list[Atom]:
    """Displayed formulas whose delimiters stand in different paragraphs: one atom for all of them."""
    atoms: list[Atom] = []
    done, looks = 0, 2 * len(tree)
    for match in _BROKEN_START.finditer(tree.source):
        if looks <= 0:
            break
        index = int(np.searchsorted(tree.start, match.start(1), "right")) - 1
        first = int(tree.parent[index])
        if index < done or tree.tag[index] != TEXT or first <= 0 or index != first + 1 or tree.tag[first] not in (TAG["p"], TAG["div"]):
            continue
        opening = match.group(1).decode()
        closing = {"$$": "$$", "\\[": "\\]"}.get(opening) or f"\\end{{{(match.group(2) or b'').decode()}}}"
        if closing.startswith("\\end") and closing[5:-1] not in DISPLAY_ENVIRONMENTS:
            continue
        if _bytes(tree, first) > 4 * MAX_TEX:
            continue
        parts = [_lines(Node(tree, first))]
        looks -= int(tree.end[first]) - first
        if closing in parts[0].strip()[len(opening) :]:
            continue
        parent, at, size = int(tree.parent[first]), int(tree.end[first]), len(parts[0])
        for _ in range(40):
            at = _sibling(tree, at, parent)
            if at < 0 or tree.tag[at] not in (TAG["p"], TAG["div"], TEXT, TAG["br"]) or _bytes(tree, at) > 4 * MAX_TEX:
                break
            part = _lines(Node(tree, at))
            looks -= int(tree.end[at]) - at
            size += len(part)
            parts.append(part)
            at = int(tree.end[at])
            if closing in part:
                text = "\n".join(p.strip() for p in parts).strip()
                found = find_formulas(text) if size <= MAX_TEX else []
                if len(found) == 1 and (found[0].start, found[0].end) == (0, len(text)):
                    atoms.append(Atom(first, at, "display_math", found[0].tex))
                    done = at
                break
            if size > MAX_TEX:
                break
    return atoms


def _bytes(tree: Tree, index: int) -> int:
    """Length of a node with all below it."""
    return int(tree.stop[tree.end[index] - 1] - tree.start[index])


def _lines(node: Node) -> str:
    """Text of a paragraph, its br as line ends and its em as underscores."""
    if node.is_text:
        return node.text()
    tree = node.tree
    out: list[str] = []
    closing: list[int] = []
    for index in range(node.index + 1, node.end):
        while closing and index >= closing[-1]:
            closing.pop()
            out.append("_")
        if tree.tag[index] == TEXT:
            out.append(Node(tree, index).text())
        elif tree.tag[index] == TAG["br"]:
            out.append("\n")
        elif tree.tag[index] == TAG["em"]:
            out.append("_")
            closing.append(int(tree.end[index]))
    return "".join(out) + "_" * len(closing)


def _emphasised(tree: Tree) -> list[Atom]:
    """`em` elements whose both ends stand in formulas: they were underscores or asterisks once."""
    emphases = np.flatnonzero(tree.tag == TAG["em"])
    before = emphases - 1
    beside = (tree.tag[before] == TEXT) & (tree.parent[before] == tree.parent[emphases])
    atoms: list[Atom] = []
    done: set[int] = set()
    for emphasis in emphases[beside].tolist():
        parent = int(tree.parent[emphasis])
        text = tree.source[int(tree.start[emphasis - 1]) : int(tree.stop[emphasis - 1])]
        if parent in done or (b"$" not in text and b"\\(" not in text and b"\\[" not in text):
            continue
        done.add(parent)
        atoms += _emphases_of(Node(tree, parent))
    return atoms


def _emphases_of(block: Node) -> list[Atom]:
    """The text of a block with marks put back, and those of its em that lie in formulas."""
    tree = block.tree
    out: list[str] = []
    length = 0
    marks: list[tuple[int, int, int, str]] = []
    skip: list[tuple[int, int]] = []
    for child in block.children():
        text = child.text() if child.is_text else "\n" if child.name == "br" else ""
        if child.name == "em" and child.end == child.index + 2 and tree.tag[child.index + 1] == TEXT:
            mark = "*" if out and out[-1].endswith("^") else "_"
            text = f"{mark}{child.text()}{mark}"
            marks.append((child.index, length, length + len(text), text))
        elif not text:
            text = "\ufffc"
            skip.append((length, length + 1))
        out.append(text)
        length += len(text)
    formulas = find_formulas("".join(out), skip, sure=True)
    atoms: list[Atom] = []
    at = 0
    for index, start, end, text in marks:
        while at < len(formulas) and formulas[at].end <= start:
            at += 1
        inside_first = at < len(formulas) and formulas[at].start < start < formulas[at].end
        k = at
        while k < len(formulas) and formulas[k].end < end:
            k += 1
        if inside_first and k < len(formulas) and formulas[k].start < end - 1 < formulas[k].end - 1:
            atoms.append(Atom(index, int(tree.end[index]), "text", text))
    return atoms
