"""extract_html: text and profile, charsets, deterministic limits, hostile bytes."""

import pyarrow as pa
import pytest

from stages.extract.extract_html import Params, decoded, depth, extract_html

WORDS = "The garden behind the old house was full of flowers in spring, and the children played there. " * 4
PAGE = f"<html lang='en'><head><title>A  garden</title></head><body><nav>Home About</nav><article><p>{WORDS}</p></article></body></html>"


def run(content, mime="text/html", charset=None, **values):
    content = content.encode() if isinstance(content, str) else content
    table = pa.table({
        "content": pa.array([content], pa.large_binary()), "mime": [mime],
        "http_charset": pa.array([charset], pa.string()), "url": ["http://a.example/"],
    })  # fmt: skip
    columns = extract_html(table, Params(**values))
    return {name: value[0].as_py() for name, value in columns.items()}


def test_article():
    row = run(PAGE)
    assert row["text"].startswith("The garden behind")
    assert "Home About" not in row["text"]
    assert (row["title"], row["declared_lang"], row["profile"], row["drop_reason"]) == ("A garden", "en", "web", None)


def test_tex_in_scripts_stays():
    row = run(PAGE.replace("</p>", ' where <script type="math/tex">e = mc^2</script> holds for every body at rest.</p>'))
    assert "$e = mc^2$" in row["text"]


@pytest.mark.parametrize(
    ("extra", "profile"),
    [
        pytest.param(r"\(a\)", "web", id="one formula"),
        pytest.param(r"\(a\) \(b\)", "math", id="two formulas"),
        pytest.param("<p>code</p>", "web", id="no code block"),
        pytest.param("<pre>x</pre>", "code", id="a code block"),
        pytest.param("<td class='n blob-code'>x</td>", "code", id="highlighter's markup"),
    ],
)
def test_profile(extra, profile):
    assert run(PAGE.replace("</article>", f"{extra}</article>"))["profile"] == profile


@pytest.mark.parametrize(
    ("content", "values", "reason"),
    [
        pytest.param(b"", {}, "empty", id="no bytes"),
        pytest.param("<html><body></body></html>", {}, "empty", id="no text"),
        pytest.param(PAGE, {"max_bytes": len(PAGE) - 1}, "too_large", id="one byte over"),
        pytest.param(PAGE, {"max_bytes": len(PAGE)}, None, id="the bound is kept"),
        pytest.param("<div>" * 513 + "x" + "</div>" * 513, {}, "too_deep", id="one element too deep"),
        pytest.param("<div>" * 50_000, {}, "too_deep", id="50,000 elements deep"),
    ],
)
def test_limits(content, values, reason):
    assert run(content, **values)["drop_reason"] == reason


def test_parse_failed_is_a_reason_not_a_crash(monkeypatch):
    import stages.extract.extract_html as module

    def fail(page, url):
        raise ValueError("no")

    monkeypatch.setattr(module, "_extracted", fail)
    assert run(PAGE)["drop_reason"] == "parse_failed"


@pytest.mark.parametrize(
    ("content", "declared", "text"),
    [
        pytest.param("日本語".encode("shift_jis"), "shift_jis", "日本語", id="HTTP header"),
        pytest.param(b"<meta charset=koi8-r>" + "Сад".encode("koi8-r"), None, "Сад", id="meta"),
        pytest.param("é".encode(), None, "é", id="UTF-8 undeclared"),
        pytest.param("é".encode(), "no-such-charset", "é", id="bogus charset"),
        pytest.param(b"\x93a\x94", "iso-8859-1", "“a”", id="latin-1 is windows-1252"),
        pytest.param(b"abc", "punycode", "abc", id="no charset of the web"),
        pytest.param(b"\xff\xfe" + "é".encode("utf-16-le"), "latin-1", "é", id="BOM wins"),
    ],
)
def test_charset(content, declared, text):
    assert decoded(content, declared).endswith(text)


def test_plain_text_passes():
    assert run("a < b\n\nc", mime="text/plain")["text"] == "a < b\n\nc"


@pytest.mark.parametrize("content", [bytes(range(256)) * 40, b"\x00" * 5_000, b"<" * 100_000, b"<a" * 50_000, b"\x1f\x8b" * 500])
def test_any_bytes(content):
    row = run(content)
    (row["text"] or "").encode("utf-8")
    assert row["drop_reason"] in (None, "empty", "too_deep", "parse_failed")


@pytest.mark.parametrize("reference", ["&#x1f;", "&#xFFFF;", "&#31", "&#9999999;", "&#xD800;", "&#0;"])
def test_an_illegal_character_reference_costs_itself_only(reference):
    row = run(PAGE.replace("</p>", f" and {reference} more</p>"))
    assert row["drop_reason"] is None
    assert row["text"].startswith("The garden behind")


def test_depth_counts_open_elements():
    assert depth(b"<div><br><p>x</p><img/></div><div></div>") == 2
