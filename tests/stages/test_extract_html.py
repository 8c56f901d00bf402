"""extract_html: what a page becomes, its columns, its limits, hostile bytes."""

import json
import random
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stages.extract.extract_html as module
from curation.errors import RecipeError
from curation.plan import Plan
from curation.recipe import load
from stages.extract.extract_html import Params, extract_html

WORDS = "The garden behind the old house was full of flowers in spring, and the children played there until the evening. "
SENTENCES = [
    WORDS,
    "Nobody knew who had planted the trees, but everyone in the village took care of them, each in turn. ",
    "In the winter the paths lay under the snow, and only the cat of the neighbours came to look after the birds. ",
]
BODY = "".join(f"<p>{s * 2}</p>" for s in SENTENCES)
NAV = "<nav class=menu><ul><li><a href=/>Home</a><li><a href=/a>About us</a><li><a href=/c>Contact</a></ul></nav>"
FOOTER = "<footer class=footer><p>© 2024 Example Ltd. <a href=/p>Privacy policy</a> <a href=/t>Terms of use</a></p></footer>"


MORE = "".join(
    f"<p>{s}</p>" for s in ("After that day nobody asked about the trees any more, and that was that. ", WORDS.replace("garden", "park"))
)


def page(inside="", head=""):
    return (
        f"<!doctype html><html lang='en-GB'><head><title>A  garden</title>{head}</head><body>{NAV}<main><article><h1>A garden</h1>"
        f"{BODY}{inside}{MORE if inside else ''}</article></main>{FOOTER}</body></html>"
    )


def run(content, mime="text/html", charset=None, **values):
    content = content.encode() if isinstance(content, str) else content
    table = pa.table({
        "content": pa.array([content], pa.large_binary()), "mime": pa.array([mime], pa.string()),
        "http_charset": pa.array([charset], pa.string()), "url": ["http://a.example/"],
    })  # fmt: skip
    columns = extract_html(table, Params(**values))
    return {name: value[0].as_py() for name, value in columns.items()}


def test_an_article():
    row = run(page())
    assert "The garden behind" in row["text"]
    assert "About us" not in row["text"]
    assert row["text"].endswith("look after the birds.")
    assert (row["title"], row["declared_lang"], row["profile"], row["drop_reason"]) == ("A garden", "en-gb", "web", None)
    assert row["n_blocks"] in (3, 4)  # a heading that says what the title says may stay or go
    assert row["extract_confidence"] > 0.9
    assert row["link_density"] == 0


@pytest.mark.parametrize(
    ("inside", "text", "column"),
    [
        pytest.param("<p>So <script type='math/tex'>e^2</script> and \\(x\\) hold.</p>", "So $e^2$ and $x$ hold.", "n_formulas", id="TeX"),
        pytest.param("<pre><code>int a;\n  a_b = *p;</code></pre>", "int a;\n  a_b = *p;", "n_code_blocks", id="code"),
        pytest.param("<ol start=3><li>One thing to do<li>Another</ol>", "3. One thing to do\n4. Another", "n_blocks", id="a list"),
        pytest.param("<table><tr><th>Day<th>Level<tr><td>Monday<td>3 m</table>", "Day\tLevel\nMonday\t3 m", "n_blocks", id="a table"),
        pytest.param("<p>It is **very** old, my_var, and 2*3*4.</p>", "It is very old, my_var, and 2*3*4.", "n_blocks", id="markers"),
    ],
)  # fmt: skip
def test_what_stands_in_an_article(inside, text, column):
    row = run(page(inside))
    assert text in row["text"]
    assert row[column] > 0


@pytest.mark.parametrize(
    ("inside", "values", "profile"),
    [
        pytest.param("<p>$x_1$ is one formula of this page.</p>", {}, "web", id="one formula"),
        pytest.param("<p>$x_1$ and $x_2$ are two formulas of this page.</p>", {}, "math", id="two formulas"),
        pytest.param("<p>$x_1$ is one formula of this page.</p>", {"min_formulas": 1}, "math", id="one is enough"),
        pytest.param("<pre>a = 1</pre>", {}, "web", id="a little code"),
        pytest.param("<pre>" + "value = call(argument)\n" * 20 + "</pre>", {}, "code", id="code"),
        pytest.param("<pre>a = 1</pre>", {"min_code_share": 0.001}, "code", id="a little is enough"),
    ],
)
def test_profile(inside, values, profile):
    assert run(page(inside), **values)["profile"] == profile


def test_formats():
    inside = "<h2>Tools for the garden</h2><p>One needs two things to begin with:</p><ul><li>A spade<li>A fork</ul>"
    inside += "<pre><code class=language-python>x = 1</code></pre>"
    markdown = run(page(inside), format="markdown")["text"]
    assert "## Tools for the garden\n\nOne needs two things to begin with:\n\n- A spade\n- A fork\n\n```python\nx = 1\n```" in markdown
    blocks = [json.loads(line) for line in run(page(inside), format="structured")["text"].splitlines()]
    assert {"kind": "heading", "level": 2, "text": "Tools for the garden"} in blocks
    assert {"kind": "code", "text": "x = 1", "language": "python"} in blocks
    assert {"kind": "paragraph", "text": (WORDS * 2).strip()} in blocks


def test_markers_stay_where_asked():
    assert "**very** old" in run(page("<p>It is **very** old.</p>"), strip_markdown=False)["text"]


def test_the_other_engine():
    row = run(page(), engine="trafilatura")
    assert "The garden behind" in row["text"]
    assert "About us" not in row["text"]


def test_an_engine_that_is_not_installed_is_an_error_that_names_the_extra(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert Params().engine == "curate"
    with pytest.raises(ValueError, match=r"pip install 'curate-pretraining\[trafilatura\]'"):
        Params(engine="trafilatura")


@pytest.mark.parametrize(
    ("content", "values", "reason"),
    [
        pytest.param(b"", {}, "empty", id="no bytes"),
        pytest.param("<html><body></body></html>", {}, "empty", id="no text"),
        pytest.param(f"<html><body>{NAV}{FOOTER}</body></html>", {}, "empty", id="boilerplate alone"),
        pytest.param(page(), {"max_bytes": len(page().encode()) - 1}, "too_large", id="one byte over"),
        pytest.param(page(), {"max_bytes": len(page().encode())}, None, id="the bound is kept"),
        pytest.param("<font a=1><b c=2>" * 40 + "<p>x" * 50_000, {}, "too_large", id="too many nodes"),
        pytest.param("<div>" * 50_000 + BODY, {}, None, id="50,000 elements deep"),
        pytest.param(b"%PDF-1.4 " + b"x" * 400, {}, "not_html", id="a PDF"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(200), {}, "not_html", id="an image"),
        pytest.param('{"title": "x", "body": ["y"]}', {}, "not_html", id="JSON"),
        pytest.param(random.Random(1).randbytes(5_000), {}, "not_html", id="noise"),
        pytest.param(page().replace("garden", "gar\0den"), {}, None, id="NULs in words"),
    ],
)
def test_limits(content, values, reason):
    assert run(content, **values)["drop_reason"] == reason


def test_parse_failed_is_a_reason_not_a_crash(monkeypatch):
    def fail(text):
        raise RuntimeError("the parser gives up")

    monkeypatch.setattr(module, "read", fail)
    assert run(page())["drop_reason"] == "parse_failed"


def test_a_model_that_is_none_is_an_error_of_the_recipe(tmp_path):
    (tmp_path / "blocks.npz").write_bytes(b"not a model")
    (tmp_path / "crawl.jsonl").write_text('{"url": "http://a.example/", "html": "<p>a"}\n')
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: a\ninputs:\n  crawl: {use: jsonl, paths: crawl.jsonl}\nsteps:\n  text: {use: extract_html, model: blocks.npz}\n"
    )
    with pytest.raises(RecipeError, match=r"recipe.yaml:5:36: steps.text.model: .* is no block model"):
        Plan(load(recipe, {}))


def test_plain_text_passes():
    assert run("a < b\n\nc", mime="text/plain")["text"] == "a < b\n\nc"
    assert run(" \n", mime="text/plain")["drop_reason"] == "empty"


def test_a_page_in_a_legacy_charset():
    content = page("<p>Größe und Maß</p>").encode("cp1252")
    assert "Größe und Maß" in run(content, charset="iso-8859-1")["text"]


def test_a_copy_for_phones_is_left_out_and_what_was_written_twice_stays():
    block = f"<p>{WORDS}Only here.</p>"
    copy = f"<section class=mobile><div class=mobile-text>{block}</div></section>"
    assert run(page(block + copy))["text"].count("Only here.") == 1
    assert run(page(block * 2))["text"].count("Only here.") == 2


@pytest.mark.parametrize("content", [bytes(range(256)) * 40, b"\x00" * 5_000, b"<" * 100_000, b"<a" * 50_000, b"\x1f\x8b" * 500])
def test_hostile_bytes(content):
    row = run(content)
    row["text"].encode("utf-8")
    assert row["drop_reason"] in (None, "empty", "not_html", "parse_failed")


HOSTILE = {
    "formulas": r"<p>the $x_1$ \(y\)", "prices": "<p>$5 and $6", "backticks": "<p>`a`", "links": "<p>[a](http://b.c/d)",
    "emphasis": "<p>**a** _b_ `c`", "inline code": "<p>x <code>a_b</code> y", "listings": "<pre>x</pre>",
    "rows": "<table><tr><td>1<td>2<td>3</table>", "wide rows": "<tr><td colspan=1000 rowspan=65534>a",
    "previews": '<span class="MathJax_Preview">x</span><script type="math/tex">x_1</script> ',
    "images": '<img alt="$x_1$" class=latex> ', "MathML": "<math><mfrac><mi>x</mi><mn>2</mn></mfrac></math> ", "breaks": "x<br><br>",
    "items": "<ol><li>x y z</ol>", "headings": "<h2>x</h2>", "environments": r"<p>\begin{align}x\end{align}",
    "terms": "<dl><dt>a<dd>b</dl>",
}  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_what_a_page_repeats_is_linear(piece):
    def seconds(n):
        start = time.process_time()
        run(piece * n)
        return time.process_time() - start

    seconds(100)
    assert min(seconds(16_000) for _ in range(2)) < 40 * max(0.02, seconds(2_000))


PIECES = st.sampled_from([
    "<p>", "<div class=content>", "</div>", "<pre>", "</pre>", "<math>", "<mi>x</mi>", "$x$", "\\(", "\\)", "**", "`", "<table>", "<td>",
    "<li>", "</ul>", "<code>", "</code>", "\x00", "é", "<script>", "</script>", "<noscript>", "&#x1f;", "<title>", "<b>", "$$", "\n",
    "[a](b)", "a b ",
])  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES, max_size=80))
def test_any_page(pieces):
    for form in ("text", "markdown", "structured"):
        row = run("".join(pieces), format=form)
        row["text"].encode("utf-8")
        assert row["drop_reason"] in (None, "empty", "not_html")
