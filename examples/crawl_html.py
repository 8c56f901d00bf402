"""HTML for the sample crawl (see make_crawl.py): page layouts, formulas and highlighted code."""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Callable

from crawl_text import BOILERPLATE

esc = html.escape

SCRIPT = "<script>window.dataLayer=window.dataLayer||[];function gtag(){dataLayer.push(arguments);}gtag('js',1);</script>"
STYLE = "<style>body{font-family:serif;margin:0}.banner{position:fixed;bottom:0}nav li{display:inline}</style>"


# --- text blocks ---------------------------------------------------------------------------------------------


def paragraphs(texts: list[str]) -> str:
    """One <p> for each text."""
    return "\n".join(f"<p>{esc(text, quote=False)}</p>" for text in texts)


def lines(texts: list[str]) -> str:
    """One <p> with a line for each text."""
    return "<p>" + "<br>\n".join(esc(text, quote=False) for text in texts) + "</p>"


def bullets(items: list[str]) -> str:
    """An unordered list."""
    return "<ul>\n" + "\n".join(f"<li>{esc(item, quote=False)}</li>" for item in items) + "\n</ul>"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table with a header row."""
    lines = ["<table>", "<tr>" + "".join(f"<th>{esc(cell)}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{esc(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return "\n".join([*lines, "</table>"])


# --- formulas ------------------------------------------------------------------------------------------------

SYMBOLS = {
    "sum": "∑", "int": "∫", "lambda": "λ", "gamma": "γ", "alpha": "α", "theta": "θ", "varphi": "φ", "pi": "π", "pm": "±",
    "approx": "≈", "ge": "≥", "ne": "≠", "equiv": "≡", "iff": "⟺", "mid": "∣", "cdot": "⋅", "cdots": "⋯", "dots": "…",
    "infty": "∞", "to": "→", "cup": "∪", "cap": "∩", "Rightarrow": "⇒",
}  # fmt: skip
TOKEN = re.compile(r"\\begin\{\w+\}|\\end\{\w+\}|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|[A-Za-z]|\S", re.DOTALL)


def mathml(tex: str) -> str:
    """Presentation MathML for the TeX used in the sample pages (a small subset of TeX)."""
    tokens = TOKEN.findall(tex)
    out, _ = _row(tokens, 0)
    return out


def _row(tokens: list[str], at: int) -> tuple[str, int]:
    parts: list[str] = []
    while at < len(tokens) and tokens[at] != "}":
        if tokens[at] in "^_" and parts:
            arg, after = _atom(tokens, at + 1)
            tag = "msup" if tokens[at] == "^" else "msub"
            parts[-1] = f"<{tag}>{parts[-1]}{arg}</{tag}>"
            at = after
        else:
            part, at = _atom(tokens, at)
            parts.append(part)
    return "<mrow>" + "".join(parts) + "</mrow>", at


def _atom(tokens: list[str], at: int) -> tuple[str, int]:
    token = tokens[at]
    if token == "{":
        row, at = _row(tokens, at + 1)
        return row, at + 1
    if token in ("\\frac", "\\tfrac", "\\binom"):
        top, at = _atom(tokens, at + 1)
        bottom, at = _atom(tokens, at)
        return f"<mfrac>{top}{bottom}</mfrac>", at
    if token == "\\sqrt":
        arg, at = _atom(tokens, at + 1)
        return f"<msqrt>{arg}</msqrt>", at
    if token[0].isdigit():
        return f"<mn>{token}</mn>", at + 1
    if token.isalpha():
        return f"<mi>{token}</mi>", at + 1
    if token.startswith(("\\begin", "\\end", "\\left", "\\right")) or token in ("\\,", "\\\\", "\\quad"):
        return "<mspace/>", at + 1
    if token.startswith("\\"):
        name = token[1:]
        return (f"<mo>{SYMBOLS[name]}</mo>" if name in SYMBOLS else f"<mi>{esc(name)}</mi>"), at + 1
    return f"<mo>{esc(token)}</mo>", at + 1


def _mathjax(tex: str, block: bool) -> str:
    return f"$${esc(tex, quote=False)}$$" if block else f"\\({esc(tex, quote=False)}\\)"


def _dollar(tex: str, block: bool) -> str:
    return f"\\[{esc(tex, quote=False)}\\]" if block else f"${esc(tex, quote=False)}$"


def _script(tex: str, block: bool) -> str:
    mode = "; mode=display" if block else ""
    return f'<span class="MathJax_Preview"></span><script type="math/tex{mode}">{tex}</script>'


def _annotated(tex: str, block: bool) -> str:
    display = ' display="block"' if block else ""
    note = f'<annotation encoding="application/x-tex">{esc(tex, quote=False)}</annotation>'
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{display}><semantics>{mathml(tex)}{note}</semantics></math>'


def _katex(tex: str, block: bool) -> str:
    visible = "".join(f'<span class="mord">{esc(t)}</span>' for t in TOKEN.findall(tex) if t not in "{}")
    inner = (
        f'<span class="katex"><span class="katex-mathml">{_annotated(tex, block)}</span>'
        f'<span class="katex-html" aria-hidden="true"><span class="base">{visible}</span></span></span>'
    )
    return f'<span class="katex-display">{inner}</span>' if block else inner


def _wiki(tex: str, block: bool) -> str:
    alt = esc("{\\displaystyle " + tex + "}")
    kind = "display" if block else "inline"
    return (
        f'<span class="mwe-math-element"><span class="mwe-math-mathml-{kind}" style="display: none;">'
        f'<math alttext="{alt}">{_annotated(tex, block)[6:].split(">", 1)[1]}</span>'
        f'<img src="/math/render/{zlib.crc32(tex.encode()):08x}.svg" class="mwe-math-fallback-image-{kind}" alt="{alt}"></span>'
    )


def _image(tex: str, block: bool) -> str:
    source = f"/latex/{zlib.crc32(tex.encode()):08x}.png"
    image = f'<img class="latex" src="{source}" alt="{esc(tex)}" title="{esc(tex)}">'
    return f'<div class="eq">{image}</div>' if block else image


MATH_STYLES: dict[str, Callable[[str, bool], str]] = {
    "mathjax": _mathjax, "dollar": _dollar, "script": _script, "katex": _katex, "mathml": _annotated, "wiki": _wiki,
    "image": _image,
}  # fmt: skip


def math_paragraphs(texts: list[str], style: str) -> str:
    """Paragraphs in which ⟦tex⟧ and ⟦⟦tex⟧⟧ become formulas written in one of MATH_STYLES."""
    write = MATH_STYLES[style]
    out = []
    for text in texts:
        if text.startswith("⟦⟦"):
            out.append(f"<p>{write(text.strip('⟦⟧'), True)}</p>")
            continue
        pieces = re.split(r"⟦(.*?)⟧", text)
        body = "".join(write(p, False) if i % 2 else esc(p, quote=False) for i, p in enumerate(pieces))
        out.append(f"<p>{body}</p>")
    return "\n".join(out)


# --- code ----------------------------------------------------------------------------------------------------

KEYWORDS = (
    "and as assert async await break case catch class const continue def defer do done elif else enum except export "
    "false finally fn for from func function go if impl import in int is let match mv new none not null or package "
    "pub public record return select set size_t static struct switch then throw true try var void where while with yield "
    "AS BY FROM LAG ORDER OVER SELECT WHERE None True False self tar echo"
)
LEXEMES = re.compile(
    r"""(?P<com>//[^\n]*|/\*.*?\*/|\#(?![a-z]+\b[^\n]*;|include)[^\n]*|--\s[^\n]*)|(?P<str>"[^"\n]*"|'[^'\n]*'|`[^`]*`)"""
    r"""|(?P<num>\b\d[\d_.]*\b)|(?P<word>[A-Za-z_]\w*)|(?P<rest>.)""",
    re.DOTALL,
)
PYGMENTS = {"com": "c1", "str": "s2", "num": "mi", "key": "k", "name": "n"}
HLJS = {"com": "hljs-comment", "str": "hljs-string", "num": "hljs-number", "key": "hljs-keyword"}


def spans(code: str, classes: dict[str, str]) -> str:
    """The code with its tokens wrapped in <span class=...>, as syntax highlighters do."""
    out = []
    keywords = set(KEYWORDS.split())
    for match in LEXEMES.finditer(code):
        kind = str(match.lastgroup)
        if kind == "word":
            kind = "key" if match[0] in keywords else "name"
        name = classes.get(kind)
        text = esc(match[0], quote=False)
        out.append(f'<span class="{name}">{text}</span>' if name else text)
    return "".join(out)


def code_block(code: str, language: str, style: str) -> str:
    """A code listing in one of CODE_STYLES."""
    lines = code.rstrip("\n").split("\n")
    if style == "plain":
        return f'<pre><code class="language-{language}">{esc(code, quote=False)}</code></pre>'
    if style == "pygments":
        inner = f'<div class="highlight"><pre><span></span>{spans(code, PYGMENTS)}</pre></div>'
        return f'<div class="highlight-{language} notranslate">{inner}</div>'
    if style == "hljs":
        return f'<pre><code class="hljs {language}">{spans(code, HLJS)}</code></pre><button class="copy">Copy</button>'
    if style == "linenos":
        numbers = "\n".join(str(i + 1) for i in range(len(lines)))
        return (
            f'<table class="highlighttable"><tr><td class="linenos"><div class="linenodiv"><pre>{numbers}</pre></div></td>'
            f'<td class="code"><div class="highlight"><pre>{spans(code, PYGMENTS)}</pre></div></td></tr></table>'
        )
    if style == "blob":
        rows = "\n".join(
            f'<tr><td class="blob-num" data-line-number="{i}"></td><td class="blob-code">{esc(line, quote=False)}</td></tr>'
            for i, line in enumerate(lines, 1)
        )
        return f'<table class="highlight tab-size" data-tab-size="4">{rows}</table>'
    return f'<pre class="prettyprint lang-{language}">{"<br>".join(esc(line, quote=False) for line in lines)}</pre>'


CODE_STYLES = ["plain", "pygments", "hljs", "linenos", "blob", "prettyprint"]


# --- whole pages ---------------------------------------------------------------------------------------------


def page(
    main: str,
    title: str,
    host: str,
    lang: str = "en",
    layout: str = "blog",
    charset: str | None = "utf-8",
    html_lang: str | None = None,
    day: str = "2023-09-12",
    related: list[str] | None = None,
) -> str:
    """A whole page: the main text with the navigation, banners and footers of one of LAYOUTS.

    `charset` is what the page declares (None: nothing), `html_lang` what its lang attribute says (None: `lang`,
    "": no attribute).
    """
    words = {key: value if isinstance(value, str) else "" for key, value in BOILERPLATE[lang].items()}
    nav = [str(item) for item in BOILERPLATE[lang]["nav"]]  # type: ignore[attr-defined]
    says = lang if html_lang is None else html_lang
    attribute = f' lang="{says}"' if says else ""
    if lang == "ar":
        attribute += ' dir="rtl"'
    meta = f'<meta charset="{charset}">' if charset else ""
    if charset and layout == "old":
        meta = f'<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset={charset}">'
    links = [f'<a href="/{i}.html">{esc(text)}</a>' for i, text in enumerate(related or [], 1)]
    return LAYOUTS[layout](main, esc(title, quote=False), host, attribute, meta, words, nav, links, day)


def _head(title: str, host: str, meta: str) -> str:
    return (
        f"<head>\n{meta}\n<title>{title} | {host}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta property="og:site_name" content="{host}">\n<link rel="stylesheet" href="/style.css">\n{STYLE}\n{SCRIPT}\n</head>'
    )


def _blog(
    main: str, title: str, host: str, attribute: str, meta: str, words: dict[str, str], nav: list[str], links: list[str], day: str
) -> str:
    menu = "".join(f'<li><a href="/{i}/">{esc(item)}</a></li>' for i, item in enumerate(nav))
    side = "".join(f"<li>{link}</li>" for link in links)
    return f"""<!DOCTYPE html>
<html{attribute}>
{_head(title, host, meta)}
<body>
<header><a class="logo" href="/">{host}</a><nav><ul>{menu}</ul></nav></header>
<main><article class="post">
<h1>{title}</h1>
<p class="meta"><time datetime="{day}">{words["posted"]} {day}</time></p>
{main}
</article></main>
<aside class="sidebar"><h3>{words["related"]}</h3><ul>{side}</ul>
<form action="/search"><input name="q" placeholder="{words["search"]}"></form></aside>
<footer><p>&copy; {day[:4]} {host}. {words["footer"]}</p></footer>
<div class="cookie-banner"><p>{words["cookie"]}</p><button>{words["accept"]}</button></div>
</body>
</html>
"""


def _news(
    main: str, title: str, host: str, attribute: str, meta: str, words: dict[str, str], nav: list[str], links: list[str], day: str
) -> str:
    menu = " | ".join(f'<a href="/{i}/">{esc(item)}</a>' for i, item in enumerate(nav))
    teasers = "".join(
        f'<div class="teaser"><h4>{link}</h4><a class="more" href="/more">{words["more"]} &raquo;</a></div>' for link in links
    )
    return f"""<!DOCTYPE html>
<html{attribute}>
{_head(title, host, meta)}
<body class="single">
<div id="consent" class="overlay"><div class="box">{words["cookie"]} <a href="#" class="btn">{words["accept"]}</a></div></div>
<div id="top"><div class="brand">{host}</div><div class="menu">{menu}</div></div>
<div class="breadcrumb"><a href="/">{nav[0]}</a> &rsaquo; <a href="/news/">{nav[2]}</a> &rsaquo; {title}</div>
<div class="wrap"><div class="content" id="content">
<h1 class="headline">{title}</h1>
<div class="byline">{words["posted"]} {day}</div>
<div class="share"><a href="#">{words["share"]}</a> <a href="#">Mail</a> <a href="#">RSS</a></div>
<div class="entry-content">
{main}
</div>
<div class="newsletter"><b>{words["sub"]}</b><input type="email"><button>OK</button></div>
</div>
<div class="rail">{teasers}</div></div>
<div class="footer"><div>{menu}</div><div>{words["footer"]}</div></div>
<script src="/js/app.min.js" async></script>
<noscript>Please enable JavaScript to see all features of this page.</noscript>
</body>
</html>
"""


def _old(
    main: str, title: str, host: str, attribute: str, meta: str, words: dict[str, str], nav: list[str], links: list[str], day: str
) -> str:
    menu = "<BR>\n".join(f'<A HREF="{i}.htm"><FONT SIZE="2">{esc(item)}</FONT></A>' for i, item in enumerate(nav))
    more = " - ".join(links)
    return f"""<HTML{attribute}>
<HEAD>
{meta}
<TITLE>{title}</TITLE>
</HEAD>
<BODY BGCOLOR="#FFFFFF" TEXT="#000000">
<TABLE WIDTH="100%" BORDER="0"><TR><TD BGCOLOR="#DDDDEE">
{menu}
</TD></TR></TABLE>
<H1>{title}</H1>
{main}
<HR>
<FONT SIZE="1">{words["posted"]} {day} - {more}<BR>{host} - {words["footer"]}</FONT>
</BODY>
</HTML>
"""


def _attic(
    main: str, title: str, host: str, attribute: str, meta: str, words: dict[str, str], nav: list[str], links: list[str], day: str
) -> str:
    menu = "<BR>\n".join(f'<A HREF="{i}.htm"><FONT SIZE="2">{esc(item)}</FONT></A>' for i, item in enumerate(nav))
    more = " - ".join(links)
    return f"""<HTML{attribute}>
<HEAD>
{meta}
<TITLE>{title}</TITLE>
</HEAD>
<BODY BGCOLOR="#FFFFFF" TEXT="#000000">
<TABLE WIDTH="100%" BORDER="0"><TR><TD WIDTH="160" VALIGN="top" BGCOLOR="#DDDDEE">
{menu}
</TD><TD VALIGN="top">
<H1>{title}</H1>
{main}
<HR>
<FONT SIZE="1">{words["posted"]} {day} - {more}<BR>{host} - {words["footer"]}</FONT>
</TD></TR></TABLE>
</BODY>
</HTML>
"""


def _docs(
    main: str, title: str, host: str, attribute: str, meta: str, words: dict[str, str], nav: list[str], links: list[str], day: str
) -> str:
    toc = "".join(f'<li class="toctree-l1">{link}</li>' for link in links)
    return f"""<!DOCTYPE html>
<html{attribute}>
{_head(title, host, meta)}
<body>
<div class="related" role="navigation"><a href="genindex.html">Index</a> <a href="next.html">Next</a> <a href="prev.html">Previous</a></div>
<div class="document"><div class="sphinxsidebar" role="navigation"><h3><a href="index.html">{nav[0]}</a></h3>
<ul>{toc}</ul><form class="search"><input name="q"><input type="submit" value="{words["search"]}"></form></div>
<div class="documentwrapper"><div class="body" role="main">
<section>
<h1>{title}<a class="headerlink" href="#top" title="Permalink to this headline">¶</a></h1>
{main}
</section>
</div></div></div>
<div class="footer" role="contentinfo">&#169; Copyright {day[:4]}, the {host} authors. Last updated on {day}.</div>
</body>
</html>
"""


LAYOUTS: dict[str, Callable[..., str]] = {"blog": _blog, "news": _news, "old": _old, "attic": _attic, "docs": _docs}
