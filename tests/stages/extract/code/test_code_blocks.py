import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.extract.code.code_blocks import code_blocks, looks_like_code, may_have_code
from stages.extract.tree import TAG, parse
from tests.cpu_time import within_cpu_seconds

CODE = "def f(x):\n    if x:\n        return 1\n\n    return a < b"
"""What the cases below show, wrapped by one generator after another."""


def atoms_of(html):
    tree = parse(html)
    atoms = code_blocks(tree)
    assert not atoms or may_have_code(tree.source), "the gate lets through what has blocks"
    return tree, atoms


def blocks(html):
    """(language, text) of each block."""
    return [(atom.language, atom.text) for atom in atoms_of(html)[1] if atom.kind == "code_block"]


def shown(html):
    """Text of the page with its blocks in place, blanks squeezed outside of them."""
    tree, atoms = atoms_of(f"<main>{html}</main>")
    source, at, parts = {atom.first: atom for atom in atoms}, 0, []
    while at < len(tree):
        atom = source.get(at)
        if atom is not None:
            parts.append(f"\n{atom.text}\n" if atom.kind == "code_block" else "")
            at = atom.last
            continue
        if tree.tag[at] == TAG["svg"]:
            at = int(tree.end[at])
            continue
        if tree.tag[at] == TAG["#text"]:
            node = tree.source[int(tree.start[at]) : int(tree.stop[at])].decode()
            parts.append(" ".join(node.split()))
        at += 1
    return "".join(parts)


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


LINES = [escaped(line) for line in CODE.split("\n")]
PARTS = {
    "@text": escaped(CODE),
    "@br": "<br>".join(LINES),
    "@column": "\n".join(str(n) for n in range(1, len(LINES) + 1)),
    "@tokens": '<span class="k">def</span><span class="w"> </span><span class="nf">f</span><span class="p">(</span><span class="n">x</span>'
    '<span class="p">):</span>\n    <span class="k">if</span> <span class="n">x</span><span class="p">:</span>\n'
    '        <span class="k">return</span> <span class="mi">1</span>\n\n    <span class="k">return</span> <span class="n">a</span> '
    '<span class="o">&lt;</span> <span class="n">b</span>',
}


def filled(template):
    """HTML of a template: @text and so on are the code; {{...}} stands once a line: @n its number, @s the line, @_ with no-break spaces."""
    template = template.replace("\\n", "\n")
    for name, part in PARTS.items():
        template = template.replace(name, part)

    def each(match):
        return "".join(
            match[1].replace("@n", str(n)).replace("@s", line).replace("@_", "&nbsp;" * (len(line) - len(line.lstrip())) + line.lstrip())
            for n, line in enumerate(LINES, 1)
        )

    return re.sub(r"\{\{(.*?)\}\}", each, template, flags=re.S)


GENERATORS = [line.split("\t") for line in (Path(__file__).parent / "generators.tsv").read_text(encoding="utf-8").splitlines()[1:]]
"""(generator, declared language, template with \\n for a newline) of the markup that is known in the wild."""


def lines(text):
    """Lines without trailing blanks and empty lines: where a generator leaves nothing of a blank line, none is lost."""
    return [line.rstrip() for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize(("language", "template"), [pytest.param(language, template, id=name) for name, language, template in GENERATORS])
def test_every_generator(language, template):
    page = f"<main><h1>Title</h1><p>Before it.</p>{filled(template)}<p>After it.</p></main>"
    found = blocks(page)
    assert [lines(text) for _, text in found] == [lines(CODE)]
    assert found[0][0] == (language or None)
    assert shown(page).replace(found[0][1], "").replace("\n", "") == "TitleBefore it.After it."


DIFF = "@@ -1,2 +1,2 @@\n def f(x):\n-    return 1\n+    return 2"
UNIFIED = (
    '<table class="diff-table"><tr><td class="blob-num blob-num-hunk" data-line-number="..."></td><td class="blob-num blob-num-hunk"></td>'
    '<td class="blob-code blob-code-inner blob-code-hunk">@@ -1,2 +1,2 @@</td></tr>'
    '<tr><td class="blob-num" data-line-number="1"></td><td class="blob-num" data-line-number="1"></td>'
    '<td class="blob-code blob-code-context">'
    '<span class="blob-code-inner blob-code-marker" data-code-marker=" ">def f(x):</span></td></tr>'
    '<tr><td class="blob-num blob-num-deletion" data-line-number="2"></td><td class="blob-num"></td>'
    '<td class="blob-code blob-code-deletion">'
    '<span class="blob-code-inner blob-code-marker" data-code-marker="-">    return 1</span></td></tr>'
    '<tr><td class="blob-num"></td><td class="blob-num blob-num-addition" data-line-number="2"></td>'
    '<td class="blob-code blob-code-addition">'
    '<span class="blob-code-inner blob-code-marker" data-code-marker="+">    return 2</span></td></tr></table>'
)
SPLIT = (
    '<table class="diff-table"><tr><td class="blob-num blob-num-hunk"></td>'
    '<td class="blob-code blob-code-hunk" colspan="3">@@ -1,2 +1,2 @@</td></tr>'
    '<tr><td class="blob-num" data-line-number="1"></td><td class="blob-code">def f(x):</td><td class="blob-num" data-line-number="1"></td>'
    '<td class="blob-code">def f(x):</td></tr><tr><td class="blob-num" data-line-number="2"></td>'
    '<td class="blob-code blob-code-deletion">    return 1</td>'
    '<td class="blob-num" data-line-number="2"></td><td class="blob-code blob-code-addition">    return 2</td></tr></table>'
)
REACT = (
    '<table class="diff-table"><tr><td class="new-diff-line-number" data-line-number="1">1</td><td class="diff-text-cell">'
    '<code class="diff-text"><span class="diff-text-marker">+</span><div class="diff-text-inner">def f(x):</div></code></td></tr></table>'
)
GITLAB = (
    '<table class="code diff-table"><tr class="line_holder"><td class="old_line diff-line-num">'
    '<a data-linenumber="1" href="#a_1_1"></a></td>'
    '<td class="new_line diff-line-num"><a data-linenumber="1" href="#a_1_1"></a></td><td class="line_content">'
    '<span class="line">def f(x):</span></td></tr>'
    '<tr class="line_holder old"><td class="old_line diff-line-num">2</td><td class="new_line diff-line-num"></td>'
    '<td class="line_content old">'
    '<span class="line">    return 1</span></td></tr><tr class="line_holder new"><td class="old_line diff-line-num"></td>'
    '<td class="new_line diff-line-num">2</td>'
    '<td class="line_content new"><span class="line">    return 2</span></td></tr></table>'
)
DIFF2HTML = (
    '<table class="d2h-diff-table"><tbody class="d2h-diff-tbody"><tr><td class="d2h-code-linenumber d2h-cntx">'
    '<div class="line-num1">1</div><div class="line-num2">1</div></td>'
    '<td class="d2h-cntx"><div class="d2h-code-line"><span class="d2h-code-line-prefix">&nbsp;</span>'
    '<span class="d2h-code-line-ctn">def f(x):</span></div></td></tr>'
    '<tr><td class="d2h-code-linenumber d2h-del"><div class="line-num1">2</div><div class="line-num2"></div></td>'
    '<td class="d2h-del"><div class="d2h-code-line">'
    '<span class="d2h-code-line-prefix">-</span><span class="d2h-code-line-ctn">    return 1</span></div></td></tr></tbody></table>'
)


@pytest.mark.parametrize(("html", "text"), [
    pytest.param(UNIFIED, DIFF, id="GitHub, unified"),
    pytest.param(SPLIT, DIFF, id="GitHub, split"),
    pytest.param(REACT, "+def f(x):", id="GitHub 2024: the mark before a block"),
    pytest.param(GITLAB, DIFF.partition("\n")[2], id="GitLab"),
    pytest.param(DIFF2HTML, " def f(x):\n-    return 1", id="diff2html"),
    pytest.param(f'<pre class="diff">{DIFF}</pre>', DIFF, id="in a pre"),
])  # fmt: skip
def test_diffs_keep_their_marks(html, text):
    assert [block for _, block in blocks(html)] == [text]


@pytest.mark.parametrize(("html", "texts"), [
    pytest.param("<pre></pre><pre> \n </pre><pre><span></span></pre>", [], id="empty"),
    pytest.param("<pre>a</pre><pre>b</pre>", ["a", "b"], id="two blocks"),
    pytest.param("<pre>a\n\n\n  b\n</pre>", ["a\n\n\n  b"], id="blank lines within stay"),
    pytest.param("<pre>    a\n  b</pre>", ["    a\n  b"], id="indentation of the first line"),
    pytest.param("<pre>\n\n   a</pre>", ["   a"], id="blank lines before go, the indentation stays"),
    pytest.param("<pre>a\tb\t</pre>", ["a\tb"], id="tabs"),
    pytest.param("<pre>&lt;p&gt; &amp;amp; &quot;</pre>", ['<p> &amp; "'], id="references once"),
    pytest.param("<pre>a&nbsp;&nbsp;b</pre>", ["a  b"], id="no-break spaces are spaces"),
    pytest.param("<pre>a(&#8203;b)</pre>", ["a(b)"], id="zero-width spaces go"),
    pytest.param("<pre>a<wbr>b</pre>", ["ab"], id="wbr"),
    pytest.param("<pre>a<br><br>b</pre>", ["a\n\nb"], id="two br"),
    pytest.param("<pre>a<br>\nb</pre>", ["a\nb"], id="a br and the newline behind it"),
    pytest.param('<pre><i class="line">a</i><br><i class="line"></i><br><i class="line">b</i><br></pre>', ["a\n\nb"], id="lines and br"),
    pytest.param('<pre><i class="line">a</i>\n<i class="line">b</i>\n\nc</pre>', ["a\nb\n\nc"], id="lines and newlines"),
    pytest.param('<pre><div>a</div><div><i class="ln">2</i>\n <div>b</div></div></pre>', ["a\nb"], id="blanks before a block"),
    pytest.param("<pre><div><div>a</div>\n  </div><div>b</div></pre>", ["a\nb"], id="blanks behind a block"),
    pytest.param("<pre><div>a</div>\n  <b>b</b></pre>", ["a\n  b"], id="indentation behind a block"),
    pytest.param(
        '<table class="hljs-ln"><tr><td class="line">a</td></tr><tr><td class="line"></td></tr><tr><td class="line">b</td></tr></table>',
        ["a\n\nb"],
        id="an empty line's cell",
    ),
    pytest.param(
        '<table class="hljs-ln"><tr>\n <td class="blob-code">a</td>\n </tr>\n <tr>\n <td class="blob-code"> b</td>\n </tr></table>',
        ["a\n b"],
        id="blanks between cells",
    ),
    pytest.param("<p><code>a = 1<br>b =\n2</code></p>", ["a = 1\nb = 2"], id="a newline in code that is no pre"),
    pytest.param("<pre>a<p>b</p><p>c</p></pre>", ["a\nb\nc"], id="paragraphs"),
    pytest.param(
        '<pre><code><div class="line">a</div>\n<div class="line"></div>\n<div class="line">b</div></code></pre>', ["a\n\nb"],
        id="an empty line's element",
    ),
    pytest.param(
        '<pre><span class="lineno">1</span> a = 1\n<span class="lineno">2</span> b = 2</pre>', [" a = 1\n b = 2"],
        id="numbers in a line",
    ),
    pytest.param('<pre><i class="lineno">1&#8203;</i>a\n<i class="lineno">2.</i>b\n<i class="ln">3 |</i>c</pre>', ["a\nb\nc"], id="dots"),
    pytest.param('<pre><span class="lineno">one</span> a</pre>', ["one a"], id="a line number is of digits"),
    pytest.param('<pre><span class="mi">1</span>\n<span class="mi">2</span></pre>', ["1\n2"], id="numbers that are the code"),
    pytest.param('<pre>1\n2\n3</pre>', ["1\n2\n3"], id="numbers alone are no gutter"),
    pytest.param('<pre><a href="#x">12</a> + <a href="#y">13</a></pre>', ["12 + 13"], id="links on numbers"),
    pytest.param('<pre><span class="n">copy</span>(a)</pre>', ["copy(a)"], id="a name that is a toolbar's word"),
    pytest.param("<pre>npm i x<button>Copy</button></pre>", ["npm i x"], id="a button in the line"),
    pytest.param('<pre><div class="head"><span>bash</span><button>Copy</button></div>ls -l</pre>', ["ls -l"], id="a toolbar in the pre"),
    pytest.param(
        "<table><tr><td>a<td>b</table><pre><table><tr><td>a<td>b<tr><td>c<td>d</table></pre>", ["a\tb\nc\td"],
        id="a table in a pre",
    ),
    pytest.param("<xmp><b>a</b>\n&amp;</xmp>", ["<b>a</b>\n&amp;"], id="xmp is raw"),
    pytest.param("<p>Use <code>a_b</code> and <code>c\nd</code> here.</p>", [], id="code in a sentence"),
    pytest.param("<p><code>pip install x</code></p>", [], id="a line of code stays in its paragraph"),
    pytest.param("<ul><li><code>a_b()</code></li><li><code>c_d()</code></li></ul>", [], id="a list of names"),
    pytest.param("<table><tr><td><code>int<br>long</code></td><td>a type</td></tr></table>", [], id="a cell among others"),
    pytest.param("<p>See <code>a = 1<br>b = 2</code> there</p>", ["a = 1\nb = 2"], id="code with breaks in a sentence"),
    pytest.param('<p><font face="courier">Dear all,<br>we will meet on Monday<br>in the old hall</font></p>', [], id="prose in Courier"),
    pytest.param("<p><tt>We met on Monday<br>in the old hall</tt></p>", [], id="prose in tt"),
    pytest.param("<p>So: <tt>a = 1<br>b = 2</tt></p>", ["a = 1\nb = 2"], id="code in tt in a sentence"),
    pytest.param('<div style="font-family:monospace"><div>We met</div><div>on Monday</div></div>', [], id="a page in type of one width"),
    pytest.param('<table><tr><td class="gutter">&nbsp;</td><td>News of the day</td></tr></table>', [], id="a gutter of the layout"),
    pytest.param('<form><textarea name="comment" class="input">a = 1;\nb = 2;</textarea></form>', [], id="a form"),
    pytest.param('<textarea id="textareaCode">&lt;p&gt;\n&lt;/p&gt;</textarea>', ["<p>\n</p>"], id="a text area of code"),
    pytest.param('<div class="fragment">/content/fragments/one</div>', [], id="another fragment"),
    pytest.param('<div class="fragment"><p>Some<br>prose</p><ul><li>a</li></ul></div>', [], id="a fragment of prose"),
    pytest.param('<pre>a<a href="#x">::</a>b<i aria-hidden="true">|</i></pre>', ["a::b|"], id="marks that are no numbers"),
    pytest.param("<table><tr><td><pre>2\n3 4</pre></td><td><pre>7</pre></td></tr></table>", ["2\n3 4", "7"], id="a sample's numbers"),
    pytest.param("<table><tr><td><pre>1\n2\n3</pre></td><td><pre>6</pre></td></tr></table>", ["1\n2\n3", "6"], id="numbers that count up"),
    pytest.param("<h3><code>f(a,<br>b)</code></h3>", [], id="a heading"),
    pytest.param(
        '<textarea id="read-only-cursor-text-area">a = 1;\nb = 2;</textarea><pre>a = 1;</pre>',
        ["a = 1;\nb = 2;", "a = 1;"],
        id="what a text area holds stays elsewhere",
    ),
    pytest.param('<div class="codeblock">Promotion code of the week</div>', [], id="another code block"),
    pytest.param('<div class="CodeMirror"><pre></pre></div>', [], id="an empty editor"),
    pytest.param("<pre>" + "<table><tr><td>" * 3 + "x = 1" + "</table>" * 3 + "</pre>", ["x = 1"], id="nested tables"),
])  # fmt: skip
def test_what_is_a_block_and_what_it_holds(html, texts):
    assert [text for _, text in blocks(html)] == texts


@pytest.mark.parametrize(("html", "language"), [
    pytest.param('<pre class="BASH">a</pre>', "bash", id="lower case"),
    pytest.param('<pre class="brush:cpp">a</pre>', "cpp", id="brush without a blank"),
    pytest.param('<pre class="brush: c++; title: x">a</pre>', "c++", id="brush with a title"),
    pytest.param('<pre><code class="language-objective-c++">a</code></pre>', "objective-c++", id="signs"),
    pytest.param('<pre class="language-text">a</pre>', None, id="text is no language"),
    pytest.param('<pre class="highlight"><code class="nohighlight">a</code></pre>', None, id="nohighlight"),
    pytest.param('<pre class="text-sm c">a</pre>', None, id="a letter alone"),
    pytest.param('<pre class="hljs c">a</pre>', "c", id="a letter beside a highlighter's class"),
    pytest.param('<pre lang="en">a</pre>', None, id="a human language"),
    pytest.param('<div class="lang-en"><pre>a</pre></div>', None, id="a human language around it"),
    pytest.param('<div class="go"><pre>a</pre></div>', None, id="a word around it"),
    pytest.param('<div class="highlight go"><pre>a</pre></div>', "go", id="a word beside a highlighter's class"),
    pytest.param(f'<div class="language-python"><p>{"Much text. " * 20}</p><pre>a</pre></div>', None, id="around much else"),
    pytest.param(f'<div class="language-go"><style>{"p {} " * 30}</style><pre>a</pre></div>', "go", id="a style sheet is no text"),
    pytest.param('<pre data-lang="">a</pre>', None, id="empty"),
    pytest.param(f'<pre data-lang="{"x" * 5000}">a</pre>', None, id="no name"),
])  # fmt: skip
def test_declared_languages(html, language):
    assert blocks(html) == [(language, "a")]


@pytest.mark.parametrize(("html", "text"), [
    pytest.param('<h4>Code</h4><pre>a</pre>', "Code\na\n", id="a heading stays"),
    pytest.param(
        '<p>Code:</p><div><button>Copy</button><pre>a</pre></div>' + "<p>text</p>" * 40, "Code:\na\n" + "text" * 40,
        id="a label in the flow stays",
    ),
    pytest.param('<figure><figcaption>main.py</figcaption><pre>a</pre></figure>', "main.py\na\n", id="a file name stays"),
    pytest.param('<div><p>Copy the file:</p><pre>a</pre></div>', "Copy the file:\na\n", id="a sentence stays"),
    pytest.param(
        '<div class="jp-OutputArea-child"><div class="jp-OutputPrompt">Out[2]:</div><div><pre>4</pre></div></div>', "\n4\n",
        id="an output's prompt",
    ),
    pytest.param('<div class="prompt output_prompt">Out[2]:</div><table><tr><td>4</td></tr></table>', "4", id="the prompt of a table"),
    pytest.param('<div class="input_prompt">Inputs are read first</div>', "Inputs are read first", id="no prompt"),
    pytest.param(
        '<pre>a</pre><button>Copy</button>' + "<p>text</p>" * 40, "\na\nCopy" + "text" * 40,
        id="a button in the flow of the page is not asked",
    ),
])  # fmt: skip
def test_what_stands_beside_a_block(html, text):
    assert shown(html) == text


@pytest.mark.parametrize(("text", "code"), [
    pytest.param(CODE, True, id="Python"),
    pytest.param("#include <stdio.h>\nint main(void)\n{\n    puts(\"a\");\n}", True, id="C"),
    pytest.param("SELECT a, b\nFROM t\nWHERE a = 1;", True, id="SQL"),
    pytest.param("$ make\n$ sudo make install", True, id="shell"),
    pytest.param("<p>\n  <b>x</b>\n</p>", True, id="HTML"),
    pytest.param('{\n  "a": 1,\n  "b": [2]\n}', True, id="JSON"),
    pytest.param(">>> f(1)\n1", True, id="a session"),
    pytest.param("", False, id="empty"),
    pytest.param("The sea was grey,\nThe ships were gone,\nAnd nobody came.", False, id="verse"),
    pytest.param(
        "From: a@b.example\nSubject: hello\n\nDear all,\nwe will meet on Monday in the hall.\nBring the book.\nYours\nAnn", False,
        id="mail",
    ),
    pytest.param("Name     Age\n----     ---\nAnn       31\nBob       40", False, id="a table"),
    pytest.param("海は灰色で\n船はもうない", False, id="Japanese verse"),
])  # fmt: skip
def test_looks_like_code(text, code):
    assert looks_like_code(text) is code


TAG_NAMES = "pre code div span table tr td p br li ol font button textarea a tt xmp svg"
ATTRIBUTES = [
    "",
    *(f' class="{name}"' for name in ("line", "gutter", "lineno", "CodeMirror", "cm-content")),
    *(f' class="{name}"' for name in ("code-block", "copy", "fragment", "input_prompt")),
    ' class="blob-code blob-code-addition"', ' style="font-family:Courier"', ' style="white-space:pre"', ' data-line-number="1"',
    ' id="read-only-cursor-text-area"', ' data-lang="c"', ' onclick="x"', ' aria-hidden="true"',
]  # fmt: skip
PIECES = st.one_of(
    st.tuples(st.sampled_from(TAG_NAMES.split()), st.sampled_from(ATTRIBUTES)).map(lambda part: f"<{part[0]}{part[1]}>"),
    st.sampled_from(TAG_NAMES.split()).map(lambda name: f"</{name}>"),
    st.sampled_from(["1", "2\n", " ", "\n", "a = b;\n", "In [1]:", "&nbsp;", "&lt;", "Copy", "  x", "@@", "+"]),
    st.text(max_size=5),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_tree_gives_sorted_and_disjoint_atoms_of_whole_nodes(html):
    tree, atoms = atoms_of(html)
    for atom, following in itertools.zip_longest(atoms, atoms[1:]):
        assert 0 < atom.first < atom.last <= (following.first if following else len(tree))
        siblings, at = tree.parent[atom.first], atom.first
        while at < atom.last:
            assert tree.parent[at] == siblings
            at = int(tree.end[at])
        assert at == atom.last
        assert atom.kind in ("code_block", "nothing")
        assert bool(atom.text.strip()) is (atom.kind == "code_block")
        atom.text.encode()


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("\n\t <&>"), min_size=1))
def test_every_character_of_a_plain_pre_survives(text):
    found = blocks(f"<pre>{escaped(text)}</pre>")
    kept = found[0][1] if found else ""
    assert "".join(kept.split()) == "".join(text.replace("\u200b", "").split())


N = 50_000


@pytest.mark.parametrize("html", [
    pytest.param("<pre>" + "<span>" * 400 + "a" + "</span>" * 400 + "<span>x</span>" * N + "</pre>", id="tokens"),
    pytest.param("<pre>" + '<span class="line"><span class="lineno">1</span>a</span>' * N + "</pre>", id="lines"),
    pytest.param("<pre>" + '<div class="lineno">' * 400 + "a" + "<b>1</b>" * N + "</pre>", id="nested gutters that are none"),
    pytest.param("<pre>a</pre>" * N, id="blocks"),
    pytest.param("<pre><button>a</button></pre>" * N, id="blocks with buttons"),
    pytest.param("<div><pre>a</pre><button>Copy</button></div>" * (N // 2), id="copy buttons"),
    pytest.param("<p>" + "<code>a</code>" * N + "b</p>", id="code in one paragraph"),
    pytest.param('<p style="font-family:courier">We met on Monday</p>' * N, id="paragraphs in Courier"),
    pytest.param('<div style="font-family:courier">' * 400 + "a<br>" * N, id="nested blocks in Courier"),
    pytest.param("<code>" + "a<br>" * N + "</code>", id="breaks"),
    pytest.param(
        '<table class="diff-table">' + '<tr><td class="blob-code">a</td><td class="blob-code blob-code-addition">b</td></tr>' * (N // 2),
        id="a split diff",
    ),
    pytest.param('<table><tr><td class="blob-code">' * 150 + "a" + '<td class="blob-code">b' * (N // 4), id="nested tables"),
    pytest.param('<div class="CodeMirror"><div class="cm-content">' * 100 + "a<br>" * N, id="nested editors"),
    pytest.param("<pre>" + "<button>" + "<a onclick=x>a</a>" * N + "</pre>", id="tools"),
    pytest.param('<pre><div><span>1</span><div>' * 130 + "a" * N, id="nested rows"),
    pytest.param('<div class="input_prompt">In [1]:</div>' * N, id="prompts"),
    pytest.param('<td class="lineno">1</td>' * N + '<table><tr>' + '<td class="lineno">1</td>' * N, id="cells of numbers"),
    pytest.param("<span>" * 400 + "<code>a</code>x" * N, id="code deep in inline elements"),
    pytest.param('<code style="white-space:pre">' * 400 + "<span>a</span>" * N, id="nested code of one line"),
    pytest.param(
        '<div class="CodeMirror"><i class="cm-content"></i>' * 400 + '<b class="lineno">1</b>' * N,
        id="nested editors of numbers",
    ),
    pytest.param("<pre>" + "a" * 5_000_000 + "</pre>", id="one long line"),
    pytest.param("<pre>" + "\n" * 1_000_000 + "</pre>", id="empty lines"),
    pytest.param(f'<pre class="{"language-x " * 100_000}">a</pre>', id="classes"),
])  # fmt: skip
def test_cost_is_linear(html):
    tree = parse(html)
    within_cpu_seconds(1.5, code_blocks, tree)
