"""A piece of HTML that is all content, as text."""

import time

import pytest

from stages.extract import fragment as module
from stages.extract.fragment import FragmentError, fragment, fragment_text

POST = (
    b"<p>How do I use <code>foo_bar</code> and *this*?</p>\n<pre class='lang-py'><code>def f(x):\n    return x &lt; 3\n</code></pre>\n"
    b"<p>Let $x_1 &lt; y$, \\(z\\) and $$a=b$$; it costs $5 and $6.</p><ul><li>one</li><li>two</li></ul><blockquote>said</blockquote>"
    b"<table><tr><td>a</td><td>b</td></tr></table><p><img src=a alt='a picture'> <a href=x>link</a><br>line</p>"
)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (POST, "How do I use foo_bar and *this*?\n\ndef f(x):\n    return x < 3\n\nLet $x_1 < y$, $z$ and $$a=b$$; it costs $5 and $6.\n\n"
               "- one\n- two\n\nsaid\n\na\tb\n\nlink\nline\n\na picture"),
        (b"", ""), (b"no markup", "no markup"), ("é 漢字".encode(), "é 漢字"), (b"\xff a", "\ufffd a"),
        (b"<nav>links</nav><footer>foot</footer><p hidden>note", "links\n\nfoot\n\nnote"),
        (b"<html><head><title>T</title></head><body><p>chapter</body></html>", "chapter"),
        (b"<frameset></frameset><p>text", "text"),
        (b"<script>s</script><style>t</style>a", "a"),
        (b"<ul><li><p>Code:<pre>x = 1</pre></ul>", "- Code:\n\nx = 1"), (b"<div><button>Copy</button><pre>x</pre></div>", "Copy\n\nx"),
        (b"<blockquote><p>Python<pre class=lang-python>x = 1</pre></blockquote>", "Python\n\nx = 1"),
    ],
)  # fmt: skip
def test_all_blocks_are_kept(html, text):
    assert fragment_text(html) == text


def test_it_tells_what_it_holds():
    found = fragment(POST)
    assert (found.n_code_blocks, found.n_formulas) == (1, 3)
    assert fragment_text(b"<p>*this*", strip_markdown=True) == "this"


def test_bytes_and_nodes_are_bounded(monkeypatch):
    assert fragment_text(b"<p>a", max_bytes=4) == "a"
    with pytest.raises(FragmentError, match="5 bytes are more than 4"):
        fragment_text(b"<p>ab", max_bytes=4)
    monkeypatch.setattr("stages.extract.page.MAX_NODES", 20)
    with pytest.raises(FragmentError, match="nodes"):
        fragment_text(b"<b>a</b>" * 100)


@pytest.mark.parametrize("unit", [b"<div>", b"<p>a", b"<b>", b"<table><td>", b"</div>", b"<", b"&", b"<pre>", b"<ul><li>", b"a $", b"<!--"])
def test_hostile_pieces_cost_their_bytes(unit):
    fragment_text(unit * 100)
    started = time.process_time()
    fragment_text(unit * (400_000 // len(unit)))
    assert time.process_time() - started < 10


def test_what_no_tree_can_be_made_of_is_refused(monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("lexbor")

    monkeypatch.setattr(module, "read", fails)
    with pytest.raises(FragmentError, match="lexbor"):
        fragment_text(b"a")
