"""MathML to TeX: each construct, what is malformed, what is hostile."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.extract.math.mathml import tex_of
from stages.extract.math.mathml_tree import MAX_DEPTH
from stages.extract.tree import parse
from tests.cpu_time import within_cpu_seconds


def tex(markup: str) -> str:
    return tex_of(next(parse(f"<math>{markup}</math>").elements("math")))


PAREN = '<mo stretchy="false">(</mo>', '<mo stretchy="false">)</mo>'
TABLE = "<mtable><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr><mtr><mtd><mi>c</mi></mtd><mtd><mi>d</mi></mtd></mtr></mtable>"
SUM = "<munderover><mo>∑</mo><mrow><mi>k</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>"

PRESENTATION = {
    # tokens
    "letters": ("<mi>x</mi><mi>y</mi>", "xy"),
    "Greek": ("<mi>α</mi><mi>x</mi><mi>Ω</mi>", r"\alpha x\Omega"),
    "blanks inside tokens": ("<mi>\n  x\n</mi><mo>\n + \n</mo><mn> 1 </mn>", "x + 1"),
    "function": ("<mi>sin</mi><mo>&#x2061;</mo><mi>x</mi>", r"\sin x"),
    "other function": ("<mi>erf</mi><mo>&#x2061;</mo><mrow><mo>(</mo><mi>x</mi><mo>)</mo></mrow>", r"\operatorname{erf}(x)"),
    "upright name": ("<msub><mi>x</mi><mi>max</mi></msub><mi>AB</mi>", r"x_{\max}\mathrm{AB}"),
    "styled by attribute": ('<mi mathvariant="double-struck">R</mi><mi mathvariant="bold">v</mi>', r"\mathbb{R}\mathbf{v}"),
    "upright d": ('<mi mathvariant="normal">d</mi><mi>x</mi>', r"\mathrm{d}x"),
    "upright symbol": ('<mi mathvariant="normal">∞</mi>', r"\infty"),
    "styled by character": ("<mi>𝔸</mi><mi>𝑥</mi><mi>𝐯</mi><mi>ℝ</mi><mi>𝛼</mi>", r"\mathbb{A}x\mathbf{v}\mathbb{R}\alpha"),
    "style inherited": ('<mstyle mathvariant="bold"><mi>x</mi></mstyle>', r"\mathbf{x}"),
    "number": ("<mn>3.14</mn>", "3.14"),
    "percent": ("<mn>50</mn><mo>%</mo>", r"50\%"),
    "reserved characters": ("<mo>{</mo><mi>x</mi><mo>}</mo><mo>#</mo><mo>_</mo>", r"\{x\}\#\_"),
    "text": ("<mi>x</mi><mtext>&nbsp;if&nbsp;</mtext><mi>y</mi>", r"x\text{ if }y"),
    "text with reserved characters": ("<mtext>50% of $x_1</mtext>", r"\text{50\% of \$x\_1}"),
    "string": ("<ms>a</ms>", r"\text{" + '"a"}'),
    "accented letter": ("<mi>é</mi>", r"\acute{e}"),
    "invisible operators": ("<mn>2</mn><mo>&#x2062;</mo><mi>x</mi><mo>&#x2063;</mo><mi>y</mi>", "2xy"),
    "negated relation": ("<mi>a</mi><mo>≠</mo><mi>b</mi><mo>∉</mo><mi>C</mi>", r"a \neq b \notin C"),
    "sign and operator": ("<mo>−</mo><mi>x</mi><mo>−</mo><mi>y</mi><mo>=</mo><mo>−</mo><mn>1</mn>", "-x - y = -1"),
    "comma": ("<mi>x</mi><mo>,</mo><mi>y</mi>", "x, y"),
    "logic": ("<mo>∀</mo><mi>x</mi><mo>∃</mo><mi>y</mi><mo>:</mo><mi>x</mi><mo>⇒</mo><mi>y</mi>", r"\forall x\exists y : x \Rightarrow y"),
    "dots": ("<mn>1</mn><mo>,</mo><mo>…</mo><mo>,</mo><mi>n</mi>", r"1, \ldots, n"),
    "degree": ("<msup><mn>90</mn><mo>°</mo></msup>", r"90^{\circ}"),
    # spaces
    "spaces": ('<mi>a</mi><mspace width="1em"/><mi>b</mi><mspace width="0.1667em"/><mi>c</mi>', r"a\quad b\,c"),
    "negative space": ('<mi>a</mi><mspace width="-0.1667em"/><mi>b</mi>', r"a\!b"),
    "phantom": ("<mphantom><mi>x</mi></mphantom>", r"\phantom{x}"),
    # fractions and roots
    "fraction": ("<mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac>", r"\frac{a}{b + 1}"),
    "binomial": ('<mo>(</mo><mfrac linethickness="0"><mi>n</mi><mi>k</mi></mfrac><mo>)</mo>', r"\binom{n}{k}"),
    "no line": ('<mfrac linethickness="0pt"><mi>n</mi><mi>k</mi></mfrac>', r"{n \atop k}"),
    "thick line": ('<mfrac linethickness="2px"><mi>n</mi><mi>k</mi></mfrac>', r"\frac{n}{k}"),
    "bevelled": ('<mfrac bevelled="true"><mn>1</mn><mn>2</mn></mfrac>', "{1}/{2}"),
    "square root of a row": ("<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>", r"\sqrt{x + 1}"),
    "cube root": ("<mroot><mi>x</mi><mn>3</mn></mroot>", r"\sqrt[3]{x}"),
    # scripts
    "scripts": ("<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>", "x_{i}^{2}"),
    "script of a row": ("<msup><mrow><mi>a</mi><mi>b</mi></mrow><mn>2</mn></msup>", "{ab}^{2}"),
    "script of a fence": (f"<msup><mrow>{PAREN[0]}<mi>a</mi><mi>b</mi>{PAREN[1]}</mrow><mn>2</mn></msup>", "(ab)^{2}"),
    "script of a closing fence": (f"{PAREN[0]}<mi>a</mi><msup>{PAREN[1]}<mn>2</mn></msup>", "(a)^{2}"),
    "script of a script": ("<msup><msup><mi>e</mi><mi>x</mi></msup><mi>y</mi></msup>", "{e^{x}}^{y}"),
    "script of nothing": ("<msub><mrow></mrow><mn>2</mn></msub><mi>F</mi>", "{}_{2}F"),
    "prime": ("<msup><mi>f</mi><mo>′</mo></msup><mo>+</mo><msup><mi>f</mi><mo>″</mo></msup>", "f' + f''"),
    "prime beside": ("<mi>f</mi><mo>′</mo><mo>(</mo><mi>x</mi><mo>)</mo>", "f'(x)"),
    "prime and index": ("<msubsup><mi>x</mi><mi>i</mi><mo>′</mo></msubsup>", "x_{i}'"),
    "prime among others": ("<msup><mi>f</mi><mrow><mo>′</mo><mn>2</mn></mrow></msup>", r"f^{\prime 2}"),
    "scripts before": (
        "<mmultiscripts><mi>C</mi><none/><mo>+</mo><mprescripts/><mn>6</mn><mn>14</mn></mmultiscripts>", "{}_{6}^{14}C^{+}"),
    "tensor": ("<mmultiscripts><mi>R</mi><mi>i</mi><none/><none/><mi>j</mi></mmultiscripts>", "R_{i}{}^{j}"),
    # limits, accents
    "sum": (SUM + "<msub><mi>x</mi><mi>k</mi></msub>", r"\sum_{k=1}^{n}x_{k}"),
    "limit": ("<munder><mi>lim</mi><mrow><mi>x</mi><mo>→</mo><mn>0</mn></mrow></munder><mi>f</mi>", r"\lim_{x\to 0}f"),
    "limit as operator": ("<munder><mo>max</mo><mi>x</mi></munder>", r"\max_{x}"),
    "operator with limits": ("<munder><mi>argmax</mi><mi>x</mi></munder>", r"\operatorname*{argmax}_{x}"),
    "operator of two words": ("<munder><mrow><mi>arg</mi><mi>min</mi></mrow><mi>x</mi></munder>", r"\operatorname*{arg\,min}_{x}"),
    "substack": (
        "<munder><mo>∑</mo><mtable><mtr><mtd><mi>i</mi></mtd></mtr><mtr><mtd><mi>j</mi></mtd></mtr></mtable></munder>",
        r"\sum_{\substack{i \\ j}}"),
    "accent": ('<mover accent="true"><mi>x</mi><mo>^</mo></mover><mover><mi>v</mi><mo>→</mo></mover>', r"\hat{x}\vec{v}"),
    "wide accent": ("<mover><mrow><mi>A</mi><mi>B</mi></mrow><mo>¯</mo></mover>", r"\overline{AB}"),
    "dots above": ("<mover><mi>x</mi><mo>˙</mo></mover><mover><mi>x</mi><mo>¨</mo></mover>", r"\dot{x}\ddot{x}"),
    "underline": ("<munder><mi>x</mi><mo>_</mo></munder>", r"\underline{x}"),
    "brace with text": ("<munder><munder><mi>x</mi><mo>⏟</mo></munder><mtext>why</mtext></munder>", r"\underbrace{x}_{\text{why}}"),
    "over": ("<mover><mo>=</mo><mtext>def</mtext></mover>", r"\overset{\text{def}}{=}"),
    "under": ("<munder><mi>x</mi><mi>y</mi></munder>", r"\underset{y}{x}"),
    "arrow with text": ("<mover><mo>→</mo><mtext>heat</mtext></mover>", r"\xrightarrow{\text{heat}}"),
    # fences
    "plain fence": ("<mi>f</mi><mo>(</mo><mi>x</mi><mo>)</mo>", "f(x)"),
    "tall fence": ("<mo>(</mo><mfrac><mi>a</mi><mi>b</mi></mfrac><mo>)</mo>", r"\left(\frac{a}{b}\right)"),
    "fence that does not stretch": (f"{PAREN[0]}<mfrac><mi>a</mi><mi>b</mi></mfrac>{PAREN[1]}", r"(\frac{a}{b})"),
    "fence of a size": ('<mo minsize="1.623em" maxsize="1.623em" stretchy="false">(</mo><mi>x</mi>', r"\Big(x"),
    "half open": ("<mo>[</mo><mn>0</mn><mo>,</mo><mn>1</mn><mo>)</mo>", "[0, 1)"),
    "absolute value": ("<mo>|</mo><mi>x</mi><mo>|</mo>", "|x|"),
    "tall absolute value": (
        '<mo fence="true" form="prefix">|</mo><mfrac><mi>a</mi><mi>b</mi></mfrac><mo fence="true" form="postfix">|</mo>',
        r"\left|\frac{a}{b}\right|"),
    "bars of KaTeX": ("<mi>p</mi><mo>(</mo><mi>x</mi><mo>∣</mo><mo>∣</mo><mi>D</mi><mo>∣</mo><mo>)</mo>", r"p(x \mid |D|)"),
    "colon and equals sign": ("<mi>x</mi><mo>:</mo><mo>=</mo><mi>y</mi>", "x := y"),
    "letters behind a command": ("<mo>→</mo><mi>v</mi><mi>a</mi><mi>r</mi>", r"\to var"),
    "styled text": ("<mtext>𝖡𝖾𝗍𝖺</mtext>", r"\textsf{Beta}"),
    "angles": ("<mo>⟨</mo><mi>x</mi><mo>,</mo><mi>y</mi><mo>⟩</mo>", r"\langle x, y\rangle"),
    "unbalanced": ("<mo>)</mo><mi>x</mi><mo>(</mo><mfrac><mi>a</mi><mi>b</mi></mfrac>", r")x(\frac{a}{b}"),
    "one side": ('<mo fence="true">{</mo><mfrac><mi>a</mi><mi>b</mi></mfrac>', r"\left\{\frac{a}{b}\right."),
    "mfenced": ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", "(a, b)"),
    "mfenced of a kind": ('<mfenced open="[" close="]" separators=";"><mi>a</mi><mfrac><mi>b</mi><mi>c</mi></mfrac></mfenced>',
                          r"\left[a; \frac{b}{c}\right]"),
    "mfenced with one side": ('<mfenced open="{" close=""><mfrac><mi>a</mi><mi>b</mi></mfrac></mfenced>', r"\left\{\frac{a}{b}\right."),
    # tables
    "pmatrix": (f"<mrow><mo>(</mo>{TABLE}<mo>)</mo></mrow>", r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}"),
    "vmatrix": (f"<mo>|</mo>{TABLE}<mo>|</mo>", r"\begin{vmatrix} a & b \\ c & d \end{vmatrix}"),
    "bmatrix in mfenced": (f'<mfenced open="[" close="]">{TABLE}</mfenced>', r"\begin{bmatrix} a & b \\ c & d \end{bmatrix}"),
    "matrix": (TABLE, r"\begin{matrix} a & b \\ c & d \end{matrix}"),
    "cases": (f"<mi>f</mi><mo>=</mo><mrow><mo>{{</mo>{TABLE}</mrow>", r"f = \begin{cases} a & b \\ c & d \end{cases}"),
    "cases with an empty fence": (f'<mo>{{</mo>{TABLE}<mo fence="true"></mo>', r"\begin{cases} a & b \\ c & d \end{cases}"),
    "aligned": (TABLE.replace("<mtable>", '<mtable columnalign="right left" displaystyle="true">'),
                r"\begin{aligned} a & b \\ c & d \end{aligned}"),
    "array with lines": (TABLE.replace("<mtable>", '<mtable columnlines="solid" rowlines="solid">'),
                         r"\begin{array}{c|c} a & b \\ \hline c & d \end{array}"),
    "left columns": (TABLE.replace("<mtable>", '<mtable columnalign="left">'), r"\begin{array}{ll} a & b \\ c & d \end{array}"),
    "one cell": ("<mtable><mtr><mtd><mi>a</mi></mtd></mtr></mtable>", "a"),
    "numbered row": ("<mtable><mlabeledtr><mtd><mtext>(2.1)</mtext></mtd><mtd><mi>a</mi></mtd></mlabeledtr></mtable>", r"a \tag{2.1}"),
    # the rest
    "enclosures": ('<menclose notation="box"><mi>x</mi></menclose><menclose notation="updiagonalstrike"><mi>y</mi></menclose>',
                   r"\boxed{x}\cancel{y}"),
    "action": ("<maction><mi>x</mi></maction>", "x"),
    "semantics": ('<semantics><mi>x</mi><annotation encoding="text/plain">ex</annotation></semantics>', "x"),
    "error": ("<merror><mtext>oops</mtext></merror>", r"\text{oops}"),
}  # fmt: skip

CONTENT = {
    "polynomial": (
        "<apply><plus/><apply><times/><ci>a</ci><apply><power/><ci>x</ci><cn>2</cn></apply></apply><apply><minus/><cn>1</cn></apply></apply>",
        "a x^{2} - 1"),
    "parentheses": ("<apply><times/><apply><plus/><ci>a</ci><ci>b</ci></apply><ci>c</ci></apply>", "(a + b) c"),
    "power of a sum": ("<apply><power/><apply><plus/><ci>a</ci><ci>b</ci></apply><cn>2</cn></apply>", "(a + b)^{2}"),
    "difference": ("<apply><minus/><ci>a</ci><apply><minus/><ci>b</ci><ci>c</ci></apply></apply>", "a - (b - c)"),
    "fraction, root": ("<apply><divide/><cn>1</cn><apply><root/><degree><cn>3</cn></degree><ci>x</ci></apply></apply>",
                       r"\frac{1}{\sqrt[3]{x}}"),
    "relation": ("<apply><leq/><apply><sin/><ci>x</ci></apply><cn>1</cn></apply>", r"\sin(x) \leq 1"),
    "integral": ("<apply><int/><bvar><ci>t</ci></bvar><lowlimit><cn>0</cn></lowlimit><uplimit><infinity/></uplimit><ci>f</ci></apply>",
                 r"\int_{0}^{\infty} f \, dt"),
    "sum": ("<apply><sum/><bvar><ci>i</ci></bvar><lowlimit><cn>1</cn></lowlimit><uplimit><ci>n</ci></uplimit><ci>i</ci></apply>",
            r"\sum_{i = 1}^{n} i"),
    "limit": ("<apply><limit/><bvar><ci>x</ci></bvar><lowlimit><cn>0</cn></lowlimit><ci>f</ci></apply>", r"\lim_{x \to 0} f"),
    "derivative": ("<apply><diff/><bvar><ci>x</ci><degree><cn>2</cn></degree></bvar><ci>f</ci></apply>", r"\frac{d^{2}}{dx^{2}} f"),
    "quantifier": ("<apply><forall/><bvar><ci>x</ci></bvar><apply><gt/><ci>x</ci><cn>0</cn></apply></apply>", r"\forall x : x > 0"),
    "set": ("<set><ci>a</ci><ci>b</ci></set>", r"\{a, b\}"),
    "interval": ('<interval closure="closed-open"><cn>0</cn><cn>1</cn></interval>', "[0, 1)"),
    "matrix": ("<matrix><matrixrow><cn>1</cn><cn>0</cn></matrixrow><matrixrow><cn>0</cn><cn>1</cn></matrixrow></matrix>",
               r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}"),
    "cases": ("<piecewise><piece><cn>1</cn><apply><gt/><ci>x</ci><cn>0</cn></apply></piece><otherwise><cn>0</cn></otherwise></piecewise>",
              r"\begin{cases} 1 & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}"),
    "rational": ('<cn type="rational">1<sep/>2</cn>', r"\frac{1}{2}"),
    "function": ("<apply><ci>f</ci><ci>x</ci><pi/></apply>", r"f(x, \pi)"),
    "presentation inside": ("<apply><plus/><ci><msub><mi>x</mi><mn>1</mn></msub></ci><cn>1</cn></apply>", "x_{1} + 1"),
    "floor": ("<apply><floor/><ci>x</ci></apply>", r"\lfloor x \rfloor"),
    "logarithm": ("<apply><log/><logbase><cn>2</cn></logbase><ci>x</ci></apply>", r"\log_{2}(x)"),
}  # fmt: skip

MALFORMED = {
    "nothing": ("", ""),
    "missing children": ("<mfrac/><msup></msup><msub><mi>x</mi></msub>", r"\frac{}{}{}x"),
    "too many children": ("<mfrac><mi>a</mi><mi>b</mi><mi>c</mi></mfrac>", r"\frac{a}{b}c"),
    "unclosed": ("<mfrac><mi>a</mi><mi>b", r"\frac{a}{b}"),
    "stray end": ("</mrow><mi>x</mi></mfrac>", "x"),
    "bare text": ("x + y", "x + y"),
    "empty table": ("<mtable></mtable>", ""),
    "cells without rows": ("<mtable><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtable>", r"\begin{gathered} a \\ b \end{gathered}"),
    "odd scripts": ("<mmultiscripts><mi>x</mi><mi>a</mi></mmultiscripts>", "x_{a}"),
    "unknown element": ("<mfoo><mi>x</mi></mfoo>", "x"),
    "odd lengths": ('<mspace width="99999999999999em"/><mspace width="x"/><mi>y</mi>', r"\qquad y"),
}


@pytest.mark.parametrize(("markup", "expected"), PRESENTATION.values(), ids=PRESENTATION)
def test_presentation(markup, expected):
    assert tex(markup) == expected


@pytest.mark.parametrize(("markup", "expected"), CONTENT.values(), ids=CONTENT)
def test_content(markup, expected):
    assert tex(markup) == expected


@pytest.mark.parametrize(("markup", "expected"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(markup, expected):
    assert tex(markup) == expected


def test_prefixed_elements_that_a_parser_does_not_know_as_empty():
    page = parse('<mml:math><mml:mi>a</mml:mi><mml:mspace width="1em"/><mml:mi>b</mml:mi></mml:math>')
    math = next(node for node in page.root.descendants() if node.name == "mml:math")
    assert tex_of(math) == r"a\quad b"


NAMES = [
    "mrow", "mi", "mo", "mn", "mtext", "mfrac", "msup", "msubsup", "munderover", "mtable", "mtr", "mtd", "mfenced", "mover", "msqrt",
    "mmultiscripts", "mprescripts", "menclose", "apply", "plus", "ci", "cn", "int", "piecewise", "mlabeledtr", "mjx-msup", "mjx-script",
]  # fmt: skip
pieces = st.sampled_from([*(f"<{n}>" for n in NAMES), *(f"</{n}>" for n in NAMES), *"()[]{}|xα1=+′^∑→ ", "\\", "&#0;", "\U0001d465", "lim"])


@given(st.lists(pieces, max_size=60))
def test_anything_becomes_something(parts):
    result = tex("".join(parts))
    depth = 0
    for character in result.replace(r"\\", "").replace(r"\{", "").replace(r"\}", ""):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert len(re.findall(r"\\left(?![a-z])", result)) == len(re.findall(r"\\right(?![a-z])", result))


@pytest.mark.parametrize(
    "markup",
    [
        pytest.param("<mi>x</mi>" * 50_000, id="siblings"),
        pytest.param("<mo>(</mo>" * 25_000 + "<mo>)</mo>" * 25_000, id="fences"),
        pytest.param("<mrow>" * 500 + "<mi>x</mi>" * 49_000, id="nested"),
        pytest.param("<mi>" + "α" * 200_000, id="long token"),
    ],
)
def test_linear(markup):
    page = next(parse(f"<math>{markup}</math>").elements("math"))
    assert tex_of(page)
    within_cpu_seconds(1, tex_of, page)


def test_nesting_is_bounded():
    deepest = depth = 0
    for character in tex("<mfrac><mi>a</mi>" * 400):
        depth += {"{": 1, "}": -1}.get(character, 0)
        deepest = max(deepest, depth)
    assert 20 < deepest <= MAX_DEPTH
