"""Unicode characters of mathematics as TeX.

Source:  the commands are those of plain TeX, LaTeX and amssymb; styled letters follow the names of
         Unicode's block "Mathematical Alphanumeric Symbols".
Units:   one character -> one command, for use inside a formula.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache


def _table(pairs: str) -> dict[str, str]:
    """Characters and what stands for them, by turns."""
    words = pairs.split()
    return dict(zip(words[::2], words[1::2], strict=True))


GREEK = _table(r"""
    α \alpha  β \beta  γ \gamma  δ \delta  ε \varepsilon  ϵ \epsilon  ζ \zeta  η \eta  θ \theta  ϑ \vartheta  ι \iota  κ \kappa
    ϰ \varkappa  λ \lambda  μ \mu  µ \mu  ν \nu  ξ \xi  ο o  π \pi  ϖ \varpi  ρ \rho  ϱ \varrho  σ \sigma  ς \varsigma  τ \tau
    υ \upsilon  φ \varphi  ϕ \phi  χ \chi  ψ \psi  ω \omega  ϝ \digamma  Γ \Gamma  Δ \Delta  Θ \Theta  Λ \Lambda  Ξ \Xi  Π \Pi
    Σ \Sigma  Υ \Upsilon  ϒ \Upsilon  Φ \Phi  Ψ \Psi  Ω \Omega  Α A  Β B  Ε E  Ζ Z  Η H  Ι I  Κ K  Μ M  Ν N  Ο O  Ρ P  Τ T  Χ X
""")

RELATIONS = _table(r"""
    = =  < <  > >  ≠ \neq  ≤ \leq  ≥ \geq  ≦ \leqq  ≧ \geqq  ⩽ \leqslant  ⩾ \geqslant  ≪ \ll  ≫ \gg  ≺ \prec  ≻ \succ  ⪯ \preceq
    ⪰ \succeq  ≼ \preccurlyeq  ≽ \succcurlyeq  ∼ \sim  ≃ \simeq  ≈ \approx  ≅ \cong  ≡ \equiv  ≢ \not\equiv  ≐ \doteq  ≜ \triangleq
    ≔ :=  ≕ =:  ∝ \propto  ∈ \in  ∉ \notin  ∋ \ni  ∌ \not\ni  ⊂ \subset  ⊃ \supset  ⊆ \subseteq  ⊇ \supseteq  ⊊ \subsetneq
    ⊋ \supsetneq  ⊄ \not\subset  ⊈ \nsubseteq  ⊏ \sqsubset  ⊐ \sqsupset  ⊑ \sqsubseteq  ⊒ \sqsupseteq  ⊢ \vdash  ⊣ \dashv  ⊨ \models
    ⊩ \Vdash  ∣ \mid  ∤ \nmid  ∥ \parallel  ∦ \nparallel  ⊥ \perp  ⟂ \perp  ≍ \asymp  ⋈ \bowtie  ≲ \lesssim  ≳ \gtrsim  ≶ \lessgtr
    ≁ \nsim  ≉ \not\approx  ≇ \ncong  ≮ \nless  ≯ \ngtr  ≰ \nleq  ≱ \ngeq  ⊲ \vartriangleleft  ⊳ \vartriangleright  ⊴ \trianglelefteq
    ⊵ \trianglerighteq  : :  ∷ ::  ⌢ \frown  ⌣ \smile  ← \leftarrow  → \to  ↔ \leftrightarrow  ⇐ \Leftarrow  ⇒ \Rightarrow
    ⇔ \Leftrightarrow  ↑ \uparrow  ↓ \downarrow  ↕ \updownarrow  ⇑ \Uparrow  ⇓ \Downarrow  ⇕ \Updownarrow  ↦ \mapsto
    ↪ \hookrightarrow  ↩ \hookleftarrow  ⟵ \longleftarrow  ⟶ \longrightarrow  ⟷ \longleftrightarrow  ⟸ \Longleftarrow  ⟹ \implies
    ⟺ \iff  ⟼ \longmapsto  ↗ \nearrow  ↘ \searrow  ↙ \swarrow  ↖ \nwarrow  ⇀ \rightharpoonup  ⇁ \rightharpoondown  ↼ \leftharpoonup
    ↽ \leftharpoondown  ⇌ \rightleftharpoons  ⇋ \leftrightharpoons  ⇝ \rightsquigarrow  ↠ \twoheadrightarrow  ↣ \rightarrowtail
    ↛ \nrightarrow  ↚ \nleftarrow  ⇏ \nRightarrow  ⇎ \nLeftrightarrow  ↮ \nleftrightarrow  ↾ \upharpoonright  ⇉ \rightrightarrows
    ⇄ \rightleftarrows  ⇆ \leftrightarrows  ⊸ \multimap
""")

BINARY = _table(r"""
    + +  - -  − -  ± \pm  ∓ \mp  × \times  ÷ \div  ∗ *  * *  ⋆ \star  ★ \bigstar  ∘ \circ  ∙ \bullet  • \bullet  ⋅ \cdot  · \cdot
    ∩ \cap  ∪ \cup  ⊎ \uplus  ⊓ \sqcap  ⊔ \sqcup  ∨ \vee  ∧ \wedge  ⊻ \veebar  ∖ \setminus  ⧵ \setminus  ≀ \wr  ⊕ \oplus  ⊖ \ominus
    ⊗ \otimes  ⊘ \oslash  ⊙ \odot  ⊚ \circledcirc  ⊛ \circledast  ⊞ \boxplus  ⊟ \boxminus  ⊠ \boxtimes  ⊡ \boxdot  † \dagger
    ‡ \ddagger  ⋄ \diamond  ⋉ \ltimes  ⋊ \rtimes  ⨿ \amalg  ⋓ \Cup  ⋒ \Cap  ⊺ \intercal  ▵ \triangle  ∔ \dotplus
""")

BIG_OPERATORS = _table(r"""
    ∑ \sum  ∏ \prod  ∐ \coprod  ∫ \int  ∬ \iint  ∭ \iiint  ⨌ \iiiint  ∮ \oint  ∯ \oiint  ∰ \oiiint  ⋂ \bigcap  ⋃ \bigcup  ⋁ \bigvee
    ⋀ \bigwedge  ⨁ \bigoplus  ⨂ \bigotimes  ⨀ \bigodot  ⨄ \biguplus  ⨆ \bigsqcup  ⨅ \bigsqcap
""")

PLAIN = _table(r"""
    ∞ \infty  ∂ \partial  ∇ \nabla  ∀ \forall  ∃ \exists  ∄ \nexists  ∅ \emptyset  ⌀ \varnothing  ¬ \neg  ⊤ \top  √ \surd  ∠ \angle
    ∡ \measuredangle  △ \triangle  □ \square  ◻ \square  ■ \blacksquare  ▪ \blacksquare  ◊ \lozenge  ♢ \diamondsuit  ♡ \heartsuit
    ♠ \spadesuit  ♣ \clubsuit  ♭ \flat  ♮ \natural  ♯ \sharp  ✓ \checkmark  ℵ \aleph  ℶ \beth  ℷ \gimel  ℸ \daleth  ⅆ d  ⅅ D  ⅇ e  ⅈ i
    ⅉ j  ℏ \hbar  ħ \hbar  ı \imath  ȷ \jmath  ℓ \ell  ℘ \wp  ℜ \Re  ℑ \Im  ℧ \mho  ð \eth  … \ldots  ⋯ \cdots  ⋮ \vdots  ⋱ \ddots
    ⋰ \iddots  ′ \prime  ″ \prime\prime  ‴ \prime\prime\prime  ‵ \backprime  ∴ \therefore  ∵ \because  ° ^{\circ}  § \S  ¶ \P
    £ \pounds  ¥ \yen  € \text{€}  © \copyright  ▹ \triangleright  ◃ \triangleleft  ▽ \triangledown  ▲ \blacktriangle
    ▼ \blacktriangledown  ○ \bigcirc  ● \bullet  ∎ \blacksquare  ‰ \text{‰}  ∁ \complement  Å \mathring{A}  ½ \frac{1}{2}
    ¼ \frac{1}{4}  ¾ \frac{3}{4}  ² ^{2}  ³ ^{3}  ¹ ^{1}  ⁄ /  ∕ /  – -  — \text{—}  ‐ -  ‑ -  \ \backslash  { \{  } \}  # \#  $ \$
    % \%  & \&  _ \_  ^ \wedge  ~ \sim  ` \text{`}  “ \text{“}  ” \text{”}  ’ '  ʼ '  ⁎ *  ∶ :  ⏐ |  │ |
""")

OPEN = _table(r"""
    ( (  [ [  { \{  ⟨ \langle  〈 \langle  ⌊ \lfloor  ⌈ \lceil  ⟦ \llbracket  ⟮ \lgroup  ⎰ \lmoustache  ⌜ \ulcorner  ⟪ \langle\!\langle
    ⦃ \{\!\{  〈 \langle
""")
CLOSE = _table(r"""
    ) )  ] ]  } \}  ⟩ \rangle  〉 \rangle  ⌋ \rfloor  ⌉ \rceil  ⟧ \rrbracket  ⟯ \rgroup  ⎱ \rmoustache  ⌝ \urcorner  ⟫ \rangle\!\rangle
    ⦄ \}\!\}  〉 \rangle
""")
EITHER = _table(r"""
    | |  ‖ \|  ∥ \|  ∣ |  ❘ |  / /  \ \backslash  ↑ \uparrow  ↓ \downarrow
""")
"""Delimiters. Of EITHER, the form or the place says whether one opens or closes."""

SPACES = {
    "\u2061": "", "\u2062": "", "\u2063": "", "\u2064": "", "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "",
    "\u200a": "", "\u2009": r"\,", "\u2006": r"\,", "\u2005": r"\:", "\u205f": r"\:", "\u2004": r"\;", "\u2003": r"\quad",
    "\u2002": r"\enspace", "\u00a0": "~", "\u202f": r"\,", "\ufe0e": "", "\ufe0f": "", "\u00ad": "", "\u2028": " ",
}  # fmt: skip
"""Invisible operators and spaces."""

SYMBOLS = {**EITHER, **OPEN, **CLOSE, **PLAIN, **BIG_OPERATORS, **BINARY, **RELATIONS, **GREEK, **SPACES}

ACCENTS = _table(r"""
    ^ hat  ˆ hat  ̂ hat  ~ tilde  ˜ tilde  ∼ tilde  ̃ tilde  ¯ bar  ‾ bar  ˉ bar  ̄ bar  ̅ bar  − bar  - bar  – bar  ― bar  _ bar
    → vec  ⃗ vec  ⇀ vec  ˙ dot  ̇ dot  . dot  ⋅ dot  · dot  ¨ ddot  ̈ ddot  .. ddot  ⃛ dddot  ... dddot  ⃜ ddddot  ˇ check  ̌ check
    ˘ breve  ̆ breve  ´ acute  ́ acute  ` grave  ̀ grave  ˚ mathring  ̊ mathring  ° mathring  ∘ mathring
""")
WIDE_OVER = _table(r"""
    hat widehat  tilde widetilde  bar overline  vec overrightarrow  ← overleftarrow  ↔ overleftrightarrow  ⏞ overbrace  ︷ overbrace
    ⏜ overparen  ⎴ overbracket  ⟵ overleftarrow  ⃖ overleftarrow
""")
UNDER = _table(r"""
    _ underline  ̲ underline  ¯ underline  ‾ underline  ˍ underline  − underline  ― underline  – underline  ⏟ underbrace  ︸ underbrace
    → underrightarrow  ← underleftarrow  ⏝ underparen  ⎵ underbracket  ~ utilde  ˜ utilde
""")
"""Accents above and lines below, by the character MathML writes them with."""

FUNCTIONS = frozenset([
    "arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "csc", "deg", "det", "dim", "exp", "gcd", "hom", "inf", "ker", "lg",
    "lim", "liminf", "limsup", "ln", "log", "max", "min", "Pr", "sec", "sin", "sinh", "sup", "tan", "tanh",
])  # fmt: skip
"""Functions LaTeX has a command for."""
WITH_LIMITS = frozenset(["det", "gcd", "inf", "lim", "liminf", "limsup", "max", "min", "Pr", "sup", "lim inf", "lim sup"])

VARIANTS = {
    "bold": "mathbf", "double-struck": "mathbb", "script": "mathcal", "fraktur": "mathfrak", "sans-serif": "mathsf", "monospace": "mathtt",
    "bold-italic": "boldsymbol", "bold-fraktur": "mathfrak", "bold-script": "mathcal", "bold-sans-serif": "mathsf", "normal": "mathrm",
    "sans-serif-italic": "mathsf", "sans-serif-bold-italic": "mathsf", "italic": "mathit",
}  # fmt: skip
"""Values of the attribute mathvariant."""

_STYLED = re.compile(
    r"MATHEMATICAL (BOLD ITALIC|BOLD SCRIPT|BOLD FRAKTUR|BOLD|ITALIC|SCRIPT|FRAKTUR|DOUBLE-STRUCK|SANS-SERIF BOLD ITALIC|SANS-SERIF BOLD"
    r"|SANS-SERIF ITALIC|SANS-SERIF|MONOSPACE) |(DOUBLE-STRUCK|SCRIPT|BLACK-LETTER) "
)
_STYLES = {
    "BOLD ITALIC": "boldsymbol", "BOLD SCRIPT": "mathcal", "BOLD FRAKTUR": "mathfrak", "BOLD": "mathbf", "ITALIC": "", "SCRIPT": "mathcal",
    "FRAKTUR": "mathfrak", "DOUBLE-STRUCK": "mathbb", "MONOSPACE": "mathtt", "BLACK-LETTER": "mathfrak",
}  # fmt: skip
_TEXT = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "#": r"\#", "%": r"\%", "&": r"\&", "_": r"\_",
    "^": r"\^{}", "~": r"\~{}", "\u00a0": " ", "\u2061": "", "\u2062": "", "\u200b": "",
}  # fmt: skip


@lru_cache(4096)
def styled(character: str) -> tuple[str, str]:
    """A styled letter or digit as (plain character, TeX command without backslash); ("", "") for any other.

    >>> styled("𝔸"), styled("𝑥"), styled("x")
    (('A', 'mathbb'), ('x', ''), ('', ''))
    """
    match = _STYLED.match(unicodedata.name(character, "")) if character > "\u2100" else None
    if not match or character in SYMBOLS:
        return "", ""
    plain = unicodedata.normalize("NFKC", character)
    style = match.group(1) or match.group(2)
    return (plain, _STYLES.get(style, "mathsf")) if plain != character else ("", "")


@lru_cache(4096)
def symbol(character: str) -> str:
    """TeX of one character; what TeX has no command for stays as it is."""
    if character in SYMBOLS:
        return SYMBOLS[character]
    plain, style = styled(character)
    if plain:
        inner = GREEK.get(plain, plain)
        return f"\\{style}{{{inner}}}" if style else inner
    composed = unicodedata.decomposition(character).split() if character > "\u00bf" else []
    if len(composed) == 2 and not composed[0].startswith("<"):
        base, mark = chr(int(composed[0], 16)), chr(int(composed[1], 16))
        if base in RELATIONS and mark == "\u0338":
            return r"\not" + RELATIONS[base]
        if mark in ACCENTS and base.isascii() and base.isalpha():
            return f"\\{ACCENTS[mark]}{{{base}}}"
    return character


def escaped_text(text: str) -> str:
    """Text for the inside of \\text{}."""
    return "".join(_TEXT.get(c, c) for c in text)
