"""Posts as text: the kernel for the editor's own markup, and that it says what the reader of pages says."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage_checks import run

from stages.extract.fragment import fragment_text
from stages.sources.stackexchange import stackexchange
from stages.stackexchange.markup import post_texts
from stages.stackexchange.post_text import post_text

SHARED = Path(__file__).parents[3] / "shared" / "data" / "stackexchange"


def quick(*posts):
    """Texts of the kernel, None where it gives up."""
    raw = [p.encode() if isinstance(p, str) else p for p in posts]
    ends = np.cumsum([0, *map(len, raw)])
    out, at, done = post_texts(np.frombuffer(b"".join(raw), np.uint8), ends)
    data = out.tobytes()
    return [data[a:b].decode() if read else None for a, b, read in zip(at[:-1], at[1:], done, strict=True)]


def image(alt, src="https://i.stack.imgur.com/a", more=""):
    return f'<img src="{src}" alt="{alt}"{more}>'


def formula(text, named="math-container"):
    return f'<p><span class="{named}">{text}</span></p>'


def align(tex, end="\\end{align}"):
    return f"\\begin{{align}}{tex}{end}"


READ = [
    ("<p>a <em>b</em>\n c</p>\n\n<p>d</p>\n", "a b c\n\nd"),
    ("plain", "plain"), ("", ""), ("<p></p>", ""), ("<p>é 漢字 &lt;b&gt; &amp;amp; &quot;&#39;&nbsp;x</p>", "é 漢字 <b> &amp; \"' x"),
    ("<h1>T</h1><p>a</p><hr /><p>b</p>", "T\n\na\n\nb"),
    ("<p>a<br>\nb<br><br>c<br/></p>", "a\nb\n\nc"),
    ("<p><a href=\"x\" rel=\"nofollow\" title=\"t\">a</a><a href='y'>b</a></p>".replace("'", '"'), "a b"),
    ('<p>[<a href="x" class="post-tag">tag</a>]</p>', "[tag]"),
    ("<ul>\n<li>a</li>\n<li><p>b</p>\n<p>c</p></li>\n</ul>\n<p>d</p>", "- a\n- b\n\nc\n\nd"),
    ('<ol start="9"><li>a</li><li>b<ul><li>c</li><li>d</li></ul>e</li></ol>', "9. a\n10. b\n    - c\n    - d\n\ne"),
    ("<blockquote>\n  <p>q</p>\n</blockquote>", "q"),
    ("<pre><code>\n\n  if a &lt; b:\n\tc\n\n</code></pre>", "  if a < b:\n\tc"),
    ('<pre class="lang-py prettyprint-override"><code>x = 1\n</code></pre>', "x = 1"),
    ("<ol><li><pre><code>x</code></pre></li><li><h2>t</h2></li></ol>", "1.\nx\n\n2. t"),
    ("<p>Let $x_1 &lt; y$, cost $5</p>", "Let $x_1 < y$, cost $5"),
    ("<p>$$\\begin{align} a\\\\[2pt] b\\end{align}$$</p>", "$$\\begin{align} a\\\\[2pt] b\\end{align}$$"),
    ('<p>on <span class="math-container">$a &lt; b$</span> <span class="math-container">$$c\n d$$</span> so</p>',
     "on $a < b$\n\n$$c\n d$$\n\nso"),
    ('<p>see <img src="https://i.stack.imgur.com/a.png" alt="enter image description here"> it</p>', "see it"),
    ('<p>see <img src="https://i.stack.imgur.com/a.png" alt="a graph"> it</p>', "see it\n\na graph"),
    ('<ul><li><img src="http://i.stack.imgur.com/a.png" alt="a"> b</li></ul>', "- b\n\na"),
    ("<p>a &mdash; &eacute;&pi;&#8212;&#x1F600;&hellip;</p>", "a — éπ—\U0001f600…"),
    ("<p>my_var **not bold**</p>", "my_var **not bold**"),
    ("<ul><li><p>Code:</p><pre><code>x = 1</code></pre></li></ul>", "- Code:\n\nx = 1"),
    ("<p>a</p><pre>\nb $x$ &lt;\n  c\n</pre>", "a\n\nb $x$ <\n  c"),
    ("<p>a<hr />\nb</p>c", "a\n\nb\n\nc"), ("a</p>b", "a\n\nb"),
    ("<p><p>a</p></p>", "a"), ("<p>x<ul><li>a</li></ul>y</p>", "x\n\n- a\n\ny"), ("<ul><li><p>a<hr></p>b</li></ul>", "- a\n\nb"),
    ("<p>x<em><strong>a</em>b</strong> c</p>", "xab c"),
    ('<p>x<a href="u"></a><a href="v">y</a></p>', "xy"), ("<p><br>a</p>", "a"), ("<p>a <br> b<br></p><p>c</p>", "a\nb\n\nc"),
    ("<ul><li><code>a</code></li><li><code>b</code></li></ul>", "- a\n- b"), ("<p></p><p></p><p>a</p>", "a"),
    ("<h1>T</h1><ul><li>a</li><li>b</li></ul>", "T\n\n- a\n- b"), ("<p>a <code>\\(x\\) ##</code> b</p>", "a \\(x\\) ## b"),
    ("<ul><li>" * 11 + "a" + "</li></ul>" * 11, " " * 32 + "- a"), ('<ol start="123456"><li>a</li></ol>', "123456. a"),
    ('<blockquote class="spoiler"><p>a</p></blockquote>', "a"),
    ('<pre class="default prettyprint"><code class="lang-py">a</code>\n</pre>', "a"),
    ("<pre>a\xa0b\u200bc</pre>", "a bc"), ("<pre>A</pre>", "A"), ("<ul><li><pre>x</pre>y</li></ul>", "-\nx\n\ny"),
    ("<p>a & b, C# is #1 \\beta</p>", "a & b, C# is #1 \\beta"), ("<p>a\xa0b\tc\r\nd</p>", "a b c d"),
    ("<p>a\\</p><p>(b)</p>", "a\\\n\n(b)"),
    ("<p>$a \\(b\\)$</p>", "$a \\(b\\)$"), ("<p>$$a \\text{\\(b\\)}$$</p>", "$$a \\text{\\(b\\)}$$"),
    ("<p>$$a $ \\[x\\] $$</p>", "$$a $ \\[x\\] $$"),
    ("<p>a" + image("") + "b</p>", "a b"), ("<p>" + image("a") * 16 + "</p>", "\n\n".join("a" * 16)),
    ("<p>" + image("enter image description here too") + "</p>", "enter image description here too"),
    ("<ul><li>" + image("a") + image("b &amp;  c") + "</li></ul>", "- a\n\nb & c"),
    ("<ul><li><p>" + image("a") + "</p><p>b</p></li></ul>", "- a\nb"), ("<p>a<br></p><p>" + image("x") + "<br>b</p>", "a\n\nb\n\nx"),
    (image("b", "https://e.org/a.png", ' width="10" height="5" /'), "b"), (image("b", ""), "b"),
    ("<ul><li>x</li><li><h2>b</h2>c</li><li>d</li></ul>", "- x\n\n- b\n\nc\n\n- d"),
    ('<ul><li>x</li><li><h2><span class="math-container">$b$</span></h2></li></ul>', "- x\n\n- $b$"),
    ("<ul><li><ul><li><pre>x</pre>y</li></ul></li></ul>", "-\nx\n\ny"),
    ('<ul><li><ul><li><span class="math-container">$$a$$</span>b</li></ul></li></ul>', "- $$a$$\n\nb"),
    (formula("$$ a\n$$"), "$$a$$"), (formula("$$\na $$"), "$$a$$"),
    *((image("b", f"https://{host}/math.png"), "b") for host in ("i.stack.imgur.com", "i.sstatic.net", "i.imgur.com")),
    (formula("$a$") + formula("$b$"), "$a$\n\n$b$"), (f"<ul><li>{formula('$$a$$')}<p>b</p></li></ul>", "- $$a$$\n\nb"),
    ('<ul><li><span class="math-container">$$a$$</span>b</li></ul>', "- $$a$$\n\nb"),
    ('<ul><li><h2><span class="math-container">$a$</span></h2></li></ul>', "- $a$"),
    ('<p>a<br><span class="math-container">$x$</span><br>b <span class="math-container">$y$</span>c</p>', "a\n$x$\nb $y$c"),
    ('<p><a href="u">a</a><span class="math-container">$x$</span><a href="u">b</a></p>', "a$x$b"),
    ("<p>so\n" + align("\na &amp;= \\frac{b}{c}\\\\\nd\n") + "\nis</p>", "so $$\\begin{align} a &= \\frac{b}{c}\\\\ d \\end{align}$$ is"),
    ("\\begin{align*}é\\end{align*}", "$$\\begin{align*}é\\end{align*}$$"),
    *((f"<ul><li>x\\begin{{{e}}}a\\end{{{e}}}.</li></ul>", f"- x$$\\begin{{{e}}}a\\end{{{e}}}$$.") for e in ("gather", "matrix", "CD")),
    *((f"<h2>{align(a)}</h2>", f"$${align(a)}$$") for a in ("a\\begin{array}{c}b\\end{array}", "a\\end{align*}", "a\\\\[2pt] \\{\\$")),
    ("<p>" + align("&lt; x &amp; y \\&amp;") + "</p>", "$$" + align("< x & y \\&") + "$$"),
    (f"<p>{align('a') * 2} $c$</p>", f"$${align('a')}$$$${align('a')}$$ $c$"),
    (f"<p>\\\\{align('a')}</p>", f"\\\\$${align('a')}$$"), (f"<p>\\{align('a')}</p>", f"\\{align('a')}"),
    (f"<p>\\ {align('a')}</p>", f"\\ $${align('a')}$$"), (f"<p>\\<br>{align('a')}</p>", f"\\\n$${align('a')}$$"),
    (f"<p><code>{align('a')}</code> b</p>", f"{align('a')} b"),
    ("<pre>1</pre>", "1"), ("<pre><code>1\n2</code></pre>", "1\n2"), ("<p>a</p><pre><code>\n+--+\n</code></pre>", "a\n\n+--+"),
    ("<p>a\xadb&shy;c\ufeffd&#65279;e</p>", "abcde"), ("<p>a \xad b</p>", "a b"), ("<p>\xad</p><ul><li>&shy;</li><li>b</li></ul>", "- b"),
    ('<p><a href="u">a</a>\xad<a href="v">b</a></p>', "a b"), ("<p>a<br>\ufeff<br>b</p>", "a\n\nb"), ("&#8203;a\u200b", "\u200ba\u200b"),
]  # fmt: skip


@pytest.mark.parametrize(("html", "text"), READ)
def test_markup_of_the_editor(html, text):
    assert quick(html) == [text]
    assert dollars_aside(fragment_text(html.replace('enter image description here"', '"').encode())) == dollars_aside(text)


LEFT = [
    '<p>a', '<p><em>a</p></em>', '<p><sub><em>a</sub></em></p>', '<ul><li><p>a<li>b</ul>', '<ul><p>a</p></ul>', '<ul>a</ul>',
    '<li>a</li>', '<em><p>a</p></em>', '<table><tr><td>a</td></tr></table>', '<div>a</div>', '<p style="x">a</p>',
    '<p class="x">a</p>',
    '<p>a &mdash b</p>', '<p>&#128;</p>', '<p>&nosuch;</p>', '<p>&copy</p>', '<!-- c --><p>a</p>',
    '<P>a</P>', '<p>\x01</p>', '<pre>a<b>c</b></pre>', '<h1>a</p></h1>', '<ul></p></ul>',
    '<pre class="lang-x">1</pre>', '<pre><code class="lang-x">1\n2</code></pre>', "<pre>\n</pre>", "<pre><code>\u200b </code></pre>",
    '<pre><code>a<b>c</b></code></pre>', '<p><code>a\nb</code></p>',
    '<p><code>a</code></p><p><code>b</code></p>', '<p><code>a<em>b</em></code></p>', '<p>\\(x\\)</p>', '<p>\\[x\\]</p>',
    *("\\begin{foo}x\\end{foo}", "\\begin{equation}x\\end{equation}", "\\begin{align", "\\begin", "\\begin {align}x\\end{align}"),
    *(align("x", end) for end in ("", "\\", "\\end", "\\end{align", "\\end {align}", "}{\\end{align}", "\\<br>\\end{align}")),
    *(align(f"\\{delimiter}") for delimiter in ("(", ")", "[", "]", "&#40;")),
    *map(align, ("$x$", "&#36;", "&#123;", "&nosuch;", "{", "<em>x</em>", align("x"), "\\begin {align}x", "##", "[/tex]")),
    align("{" + align("", "}") + "\\end{align}"),
    '<p>##x##</p>', '<p>[/tex]</p>', '<p><a href="x">a <a href="y">b</a></a></p>',
    '<p><span>a</span></p>', '<p><span class="math-container">x</span></p>',
    '<p><img src="https://latex.codecogs.com/x" alt="x"></p>',
    '<p><img src="https://i.stack.imgur.com/a" alt="$x$"></p>', '<ol start="-1"><li>a</li></ol>', '<ol reversed><li>a</li></ol>', '<',
    '<p', '&', '<p a=>x</p>', '<p title="x>a</p>',
    "<b>" * 70 + "a" + "</b>" * 70,
    "<p>a</p", "a</b>c", "<em>a</p>b</em>", "<p><em><sub>a</em></sub></p>", "<b><i><s>x</b>y</i>z</s>", "<h1><ul><li>a</li></ul></h1>",
    "<p><code>a</code><hr><p><code>b</code></p>", "<p>a</p><p><code>b</code></p><p><code>c</code></p>", "<ul><br></ul>", "<p><hr>a</p></p",
    '<p><a href "x">y</a></p>', '<p><a href=x">y</a></p>', "<p>\t<b\t>a</b></p>", "<p/>a</p>", '<p src="x">a</p>', '<p alt="x">a</p>',
    '<p start="3">a</p>', '<ul start="3"><li>a</li></ul>', *(f'<ol start="{n}"><li>a</li></ol>' for n in ("", "1234567", "2a", "2/")),
    '<blockquote class="spoilers">a</blockquote>', '<pre class="x"><code>a</code></pre>', '<pre class="lang-py x"><code>a</code></pre>',
    "&#1;", "a&#10;b", formula("$$a$b"),
    "&#;", "&#159;", "&#xD800;", "&#xDFFF;", "&#x110000;", "<p>a &copy b; c</p>",
    "a\\(x\\)", "a##x##", "a[/tex]", "<p>cost $5</p><p>\\(x\\)</p>", "$$a$$ \\(x\\)", "$a$ \\(x\\)", "$$a $ b$$ \\(x\\)",
    "<pre>a &mdash; b</pre>", "<pre>a &nosuch; b</pre>", "<pre>a\1</pre>", "<pre>a\rb</pre>", "<pre><code>a</span></pre>", "<pre>a</div>",
    '<pre><code style="x">a</code></pre>', image("a") * 17, image("&mdash;"), image("&nosuch;"), image("£"), image("\ufb01"), image("a\1b"),
    *(image(f"a{sign}b") for sign in "$\\^_{"), '<img alt="a">', '<img class="x" src="https://i.stack.imgur.com/a" alt="a">',
    *(
        image("a", f"https://e.org/{sign}")
        for sign in ("tex", "TEX", "math", "cht=", "quat", "rmul", "cogs", "hurm", "eeim", "xpr=", "\\")
    ),
    *(formula(f"$a{c}b$") for c in ("$", "\r", "\n\n", " &nosuch; ", " &mdash; ")), formula("$a$", "x"), formula("$a$", "math-container x"),
    *(formula(f) for f in ("$ a$", "$a $", "$$\ta$$", "$$a\t$$", "$a\\$")),
    *(formula(f) for f in ("", "$", "$$", "$$$", "$$$$", "$$ $$", "a$", "ab$", "$ab", "$$ab$")),
    *(formula(f"${name}$") for name in ("\\begin{equation}", "\\begin{displaymath}", "\\begin{math}", "latex a")),
    '<p><span class="math-container">$a$</code></p>', '<p><em><span class="math-container">$$a$$</span></em></p>',
    "<p><span>$a$</span></p>",
    "<ul><li>" * 9 + "</li><li>a" * 100 + "</li></ul>" * 9,
    *(
        "<ul><li>" * 9 + "</li><li>a" * n + f"</li><li>{image('a', '')}" * 20 + "</li></ul>" * 9 + behind
        for n, behind in ((112, ""), (132, f"<pre>{'a' * 300}</pre>"), (134, formula(f"${'a' * 300}$")[3:-4]))
    ),
]  # fmt: skip
"""What is none of the editor's, or needs more room."""


@pytest.mark.parametrize("html", LEFT)
def test_what_the_kernel_leaves_to_the_reader_of_pages(html):
    found = quick("<p>before</p>", html, "<p>after</p>")
    assert (found[0], found[2]) == ("before", "after")
    assert found[1] is None or (html == "&" and found[1] == "&")


def test_a_line_begins_without_a_blank():
    """Where the reader of pages has one, before a formula."""
    assert quick('<p>a<br> <span class="math-container">$x$</span></p>') == ["a\n$x$"]


IN_PYTHON = """
import test_post_text as t
posts = [html for html, _ in t.READ] + [html for html in t.LEFT if len(html) < 500]
for post in posts:
    data = post.encode()
    for stop in range(len(data)):
        t.quick(data[:stop].decode(errors="ignore"))
print(t.quick(*posts))
"""


def test_no_byte_outside_of_a_post_is_touched():
    """Without its compiler numba's code is Python, which does not read on behind an array; and it says the same."""
    folders = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": folders}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", IN_PYTHON], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(quick(*(html for html, _ in READ), *(html for html in LEFT if len(html) < 500)))


def dollars_aside(text):
    """The text without white space beside two dollars, which the reader of pages takes away."""
    return re.sub(r"\s*\$\$\s*", "$$", text)


INLINE = st.recursive(
    st.one_of(
        st.sampled_from(["word", " ", "a b", "\n", "é", "漢", "&lt;", "&amp;", "&nbsp;", "&mdash;", "&#233;", "*", "_x_", "1", "<br>"]),
        st.sampled_from(['<img src="https://i.stack.imgur.com/x.png" alt="alt &amp; text">', '<img src="//i.sstatic.net/x" alt="">']),
    ),
    lambda inner: st.tuples(
        st.sampled_from(["em", "strong", "b", "i", "s", "sup", 'a href="u"', "kbd"]), st.lists(inner, max_size=3)
    ).map(lambda p: f"<{p[0]}>{''.join(p[1])}</{p[0].split()[0]}>"),
    max_leaves=6,
)  # fmt: skip
NESTED = re.compile("<a[^>]*>((?!</a>).)*<a|<kbd>((?!</kbd>).)*<", re.S)
PROSE = st.lists(INLINE, max_size=5).map("".join).filter(lambda html: not NESTED.search(html))
BLOCK = st.recursive(
    st.one_of(
        PROSE.map(lambda p: f"<p>{p}</p>"), st.sampled_from([1, 2, 6]).flatmap(lambda n: PROSE.map(lambda p: f"<h{n}>{p}</h{n}>")),
        st.sampled_from(["<hr>", "\n", "</p>", "<p>x<hr>", "<pre><code>a b\n  c &lt; d\n</code></pre>", "<pre>\na b\n</pre>"]),
        st.sampled_from(["<p>x <code>y_z</code></p>", "<em><b>m</em> n</b>", "<p>o <i><strong>p</i></strong></p>", align("y &amp;\n z")]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda b: f"<blockquote>\n{''.join(b)}</blockquote>"),
        st.tuples(st.sampled_from(["ul", "ol", 'ol start="7"']), st.lists(st.one_of(PROSE, inner), max_size=3)).map(
            lambda p: f"<{p[0]}>" + "".join(f"\n<li>{item}</li>" for item in p[1]) + f"\n</{p[0].split()[0]}>"
        ),
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(BLOCK, max_size=4).map("".join))
def test_both_ways_give_one_text(html):
    (text,) = quick(html)
    if text is not None:
        assert text == fragment_text(html.encode())


SOUP = [
    "\\begin{CD}", "\\end{CD}", "{", "}",
    "<p>", "</p>", "<", ">", "<li>", "</li>", "<ul>", "</ul>", "a", " ", "&", "&lt;", '"', "<a ", 'href="', "<pre>", "<code>", "</code>",
    "</pre>", "$", "\\", '<span class="math-container">', "</span>", "<img ", "é", "\n",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(SOUP)))
def test_soup_breaks_nothing(pieces):
    html = "".join(pieces)
    first, _, last = quick("<p>a</p>", html, "<ul><li>b</li></ul>")
    assert (first, last) == ("a", "- b")


UNITS = [
    "<p>", "<b>", "<p>a</p>", "<ul><li>", "&lt;", "<", "$", "\\", '<a href="', "<ol><li>x</li></ol>", "<br>", "\\begin{", "\\begin{CD}",
    "\\begin{CD}\\end{CD}", "\\begin{CD}\\begin{array}",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_time_is_linear(unit):
    quick(unit * 10)
    started = time.process_time()
    quick(unit * (4_000_000 // len(unit)))
    assert time.process_time() - started < 2


def table(*posts, title=None):
    content = pa.array([p if p is None else p.encode() if isinstance(p, str) else p for p in posts], pa.large_binary())
    return pa.table({"content": content, "title": pa.array([title] * len(posts), pa.string())})


def test_stage():
    posts = [
        "<p>a <em>b</em></p>", "<table><tr><td>a</td><td>b</td></tr></table>", "<p>\\(x\\)</p>", "", None, "<p>" + "x" * 100 + "</p>",
        b"<p>\xff</p>",
        '<p><img src="https://i.stack.imgur.com/a.png" alt="enter image description here"></p>',
        '<div><img src="a" alt="enter image description here">b</div>', "<p>[a,b\n]</p>",
    ]  # fmt: skip
    out = run(post_text, table(*posts), max_bytes=100)
    assert out["text"] == ["a b", "a\tb", "$x$", "", "", "", "\ufffd", "", "b", "[a,b ]"]
    assert out["drop_reason"] == [None, None, None, "empty", "empty", "too_large", None, "empty", None, None]


def test_a_question_that_is_an_image_stays_for_its_title():
    image = '<p><img src="https://i.stack.imgur.com/a.png" alt="enter image description here"></p>'
    for title, reason in (("What is this?", None), (" ", "empty"), ("", "empty"), (None, "empty")):
        assert run(post_text, table(image, "", title=title)) == {"text": ["", ""], "drop_reason": [reason, reason]}


def test_too_many_nodes(monkeypatch):
    monkeypatch.setattr("stages.extract.page.MAX_NODES", 50)
    assert run(post_text, table("<div>" + "<b>a</b>" * 200 + "</div>"))["drop_reason"] == ["too_large"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the repository")
def test_real_posts():
    """The kernel reads nearly all; its texts are those of the reader of pages but where dollars stand in a formula, or before \\begin."""
    posts = []
    for path in sorted(SHARED.glob("*/Posts.xml.gz")):
        for rows in stackexchange.read(str(path), path.name, "", stackexchange.params(paths=str(path))):
            posts += [post for post in rows["content"].to_pylist()[::4] if post]
    texts = quick(*posts)
    assert sum(text is not None for text in texts) > 0.95 * len(posts)
    plain = [post.replace(b'alt="enter image description here"', b'alt=""') for post in posts]
    both = [(text, fragment_text(post)) for text, post in zip(texts, plain, strict=True) if text is not None]
    odd = [(a, b) for a, b in both if dollars_aside(a) != dollars_aside(b)]
    assert len(odd) <= 3
    assert all(re.sub(r"\\\(|\\\)|[\s$]", "", a) == re.sub(r"\\\(|\\\)|[\s$]", "", b) for a, b in odd)
