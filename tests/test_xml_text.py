"""The text of XML: references, forbidden characters, attributes, hostile input."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from contextlib import suppress
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.sources.dumps.xml_text import xml_attributes, xml_text

CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n&<>\"'#;")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a &lt;b&gt; &quot;c&quot; &apos;d&apos; &amp; e", "a <b> \"c\" 'd' & e"),
        (b"&amp;lt; &amp;amp; &amp;#65;", "&lt; &amp; &#65;"),  # once, not twice
        (b"&#38;amp; &#38;#38; &amp;lt;", "&amp; &#38; &lt;"),
        (b"&#65;&#x41;&#x1F600;&#0000065;", "AA\U0001f600A"),
        (b"&nbsp; &lol9; & &; &#; &#x; &#xg; &amp", "&nbsp; &lol9; & &; &#; &#x; &#xg; &amp"),
        (b"a&#0;b&#xD800;c&#x110000;d&#11;e&#99999999999999999999;f", "abcdef"),
        (b"a\x00b\x08c\x1fd\te\nf", "abcd\te\nf"),
        (b"a\r\nb\rc&#13;d", "a\nb\nc\rd"),
        ("é \u0905 \xff".encode(), "é \u0905 \xff"),
        (b"caf\xe9 &amp; \xed\xa0\x80", "caf\ufffd & \ufffd\ufffd\ufffd"),
        (b"", ""),
    ],
)  # fmt: skip
def test_text(raw: bytes, text: str) -> None:
    assert xml_text(raw).decode() == text


def test_attribute_values_are_one_line_but_for_references() -> None:
    assert xml_text(b"a\n\tb\r\nc&#xA;d&#9;e", attribute=True) == b"a  b  c\nd\te"


@given(st.text(CHARACTERS))
def test_what_a_parser_reads(text: str) -> None:
    assert xml_text(escape(text).encode()).decode() == ET.fromstring(f"<a>{escape(text)}</a>").text or text == ""
    quoted = quoteattr(text)
    tag = f"<row a={quoted} b='1'\n c = \"2\" />"
    assert {k: v.decode() for k, v in xml_attributes(tag.encode()).items()} == ET.fromstring(tag).attrib


@pytest.mark.parametrize(
    "tag",
    [
        b"", b"<", b"< a='1'>", b"<a", b"<a b>", b"<a b=1>", b"<a b='1>", b"<a b='1'c='2'>", b"<a b='<'>", b"<a b='1' b='2'>",
        b"<a b='1'>x", b"</a>",
    ],
)  # fmt: skip
def test_broken_tags(tag: bytes) -> None:
    with pytest.raises(ValueError, match=r"no start tag|twice|broken tag"):
        xml_attributes(tag)


def test_tags_without_attributes() -> None:
    assert xml_attributes(b"<a>") == xml_attributes(b"<a/>") == xml_attributes(b"<a \n/>") == {}


@pytest.mark.parametrize(
    "raw", [b"&", b"&#", b"&#1", b"&amp", b"&#x", b"\r", b"\x00", b"\xff", b"<a", b" a", b" a=", b" a='", b' a="\'', b"=", b" ", b" a='1'"]
)  # fmt: skip
def test_hostile_input_is_read_in_linear_time(raw: bytes) -> None:
    long = raw * (1_000_000 // len(raw))
    start = time.process_time()
    xml_text(long)
    xml_text(long, attribute=True)
    for tag in (b"<a" + long + b">", b"<a b='" + long, b"<a b" + long):
        with suppress(ValueError):
            xml_attributes(tag)
    assert time.process_time() - start < 4
