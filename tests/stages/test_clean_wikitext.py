"""Wikitext to text: listed cases, drop reasons, tables, hostile input, real pages."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage_checks import run
from wikitext_cases import CASES

from stages.sources.wikipedia import wikipedia
from stages.wikipedia.clean_wikitext import clean, clean_wikitext

SHARED = Path(__file__).parents[3] / "shared" / "data" / "wiki"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the repository")


def table(*pages):
    """Pages given as wikitext, or as (wikitext, namespace, redirect, content model)."""
    rows = [page if isinstance(page, tuple) else (page, 0, None, "wikitext") for page in pages]
    contents, namespaces, redirects, models = zip(*rows, strict=True)
    return pa.table({
        "content": pa.array([c.encode() if isinstance(c, str) else c for c in contents], pa.large_binary()),
        "namespace": pa.array(namespaces, pa.int32()), "redirect": pa.array(redirects, pa.string()),
        "content_model": pa.array(models, pa.string()),
    })  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_listed_case(case):
    text = clean(case.wikitext.encode())["text"]
    assert text == case.text
    assert all(string in text for string in case.has)
    assert not any(string in text for string in case.lacks)


def test_columns_and_drop_reasons():
    columns = run(clean_wikitext, table(
        "== A ==\n<math>x</math> and <math>y</math>\n<pre>z</pre>\n== B ==\n{|\n|<math>gone</math>\n|}",
        "#REDIRECT [[A]]", "  # umleitung [[A]]", "#WEITERLEITUNG [[A]]", "#تحويل [[ا]]", "#重定向 [[甲]]", ("a", 0, "A", "wikitext"),
        ("a", 10, None, "wikitext"), ("{}", 0, None, "json"), ("a", None, None, None),
        "{{disambig}}\n* [[A]]", "{{Begriffsklärung}}", "a {{disambiguation needed}} b", "{{неоднозначность}} x", "__DISAMBIG__ x",
        "{{infobox}}\n[[Category:A]]", "", None, b"caf\xe9 \x00",
    ))  # fmt: skip
    dropped = {
        1: "redirect", 3: "redirect", 4: "redirect", 5: "redirect", 6: "redirect", 7: "not_article", 8: "not_article",
        10: "disambiguation", 11: "disambiguation", 13: "disambiguation", 14: "disambiguation", 15: "empty", 16: "empty", 17: "empty",
    }  # fmt: skip
    assert columns["drop_reason"] == [dropped.get(row) for row in range(19)]
    assert [columns[c][0] for c in ("text", "n_sections", "n_formulas", "n_code_blocks")] == ["A\n\n$x$ and $y$\n\nz", 1, 2, 1]
    assert columns["text"][18] == "caf\ufffd"


def test_namespaces_are_a_parameter():
    assert run(clean_wikitext, table(("a", 4, None, "wikitext"), "b"), namespaces=[4])["drop_reason"] == [None, "not_article"]


def test_tables_as_rows():
    wikitext = (
        "a\n{| class=\"wikitable\"\n|+ The ''caption''\n! Name !! style=\"x\" | [[Size]]\n|-\n"
        '| style="width:1%" | b || {{nowrap|1 m}}<ref>x</ref>\n'
        "|-\n| two\nlines\n| ||\n|}\nc\n<table><tr><th>d</th></tr><tr><td>e</td><td align=left>f</td></tr></table>"
    )
    text = run(clean_wikitext, table(wikitext), tables="rows")["text"][0]
    assert text == "a\n\nThe caption\nName\tSize\nb\t1 m\ntwo lines\n\nc\n\nd\ne\tf"


# Hostile input


@given(st.lists(st.sampled_from([
    "{{", "}}", "{{{", "}}}", "[[", "]]", "|", "{|", "|}", "\n", "<ref>", "</ref>", "<math>", "</math>", "<nowiki>", "</nowiki>",
    "<!--", "-->", "'''", "''", "==", "* ", "#", " ", "a", "é", "File:", ":", "=", "<table>", "</table>", "<br>", "[http://x ", "]",
    "-{", "}-", "lang", "(", ")", "\x02", "\x03", "0", "\x04", "&lt;", "__NOTOC__", "|-", "!!",
]), max_size=60))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_anything_is_cleaned(pieces):
    for tables in (False, True):
        found = clean("".join(pieces).encode(), tables)
        assert not re.search("[\x00-\x08\x0b-\x1f]", found["text"])
        assert (found["drop_reason"] is None) == bool(found["text"].strip())


HOSTILE = [
    "{{", "}}", "{{{", "[[", "[[a|", "]]", "<ref>", "<ref ", "<math>", "<a", "<", "<!--", "'''", "''a", "\n{|", "\n|}", "\n{|\n|",
    "[http://a ", "]", "{{lang|", "{{lang|en|", "[[File:", "(", "( ,", ", ", " ", "\n ", "\n*", "#", "=", "\n= a", "&", "&#1", "__A",
    "_", "-{", "-{a:", "\xa0", "（", ";", "<table>", "<pre", "|", "||", "!!", "\n", "''' l'", "[[a|''b'' ", "{{lang|en|{{lang|en|",
    "<nowiki/>", "{{!}}", "<div>", "a" * 50 + "'''",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE, ids=repr)
def test_hostile_wikitext_is_cleaned_in_linear_time(piece):
    """Open, and closed again as often."""
    closers = {"{": "}}", "[": "]]", "(": ")", "<": "</ref></math></table>"}
    half = piece * (40_000 // len(piece))
    closed = half + closers.get(piece.strip()[:1], "")[:2] * (40_000 // len(piece))
    started = time.process_time()
    for text in (half, closed):
        clean(text.encode(), tables=True)
    assert time.process_time() - started < 4  # a quadratic path takes minutes


TOWERS = [("{{lang|en|", "}}"), ("[[a|''b'' ", "]]"), ("\n{|\n|x", "\n|}\n"), ("<math>", ""), ("<pre>", "")]


@pytest.mark.parametrize(("opener", "closer"), TOWERS)
def test_towers_are_cleaned_in_linear_time(opener, closer):
    """So high that copying a level's text for the level above, or looking for an end that is not there, would take minutes."""
    started = time.process_time()
    clean((opener * 80_000 + "x" * 100_000 + closer * 80_000).encode(), tables=True)
    assert time.process_time() - started < 6


def test_a_link_that_is_closed_a_page_later_costs_no_text():
    """Whoever forgot to close a file's caption loses the brackets alone."""
    text = clean(("[[File:A.jpg|thumb|a\n" + "A paragraph.\n\n" * 1000 + "[[b]]]] c").encode())["text"]
    assert text.count("A paragraph.") == 1000


def test_nesting_takes_no_recursion():
    depth = sys.getrecursionlimit() * 2
    for opener, closer in (("{{lang|en|", "}}"), ("[[a|", "]]"), ("\n{|\n|", "\n|}\n"), ("<table><tr><td>", "</td></tr></table>")):
        assert clean(f"before\n{opener * depth}x{closer * depth}\nafter".encode(), tables=True)["text"].startswith("before")


# Real pages


@needs_shared
def test_real_articles_have_no_markup_left():
    path = SHARED / "enwiki-pages-articles-shortened.xml.bz2"
    pages = pa.concat_tables(wikipedia.read(str(path), "x", "", wikipedia.params(paths=str(path))))
    columns = clean_wikitext(pages)
    kept = [text for text, reason in zip(columns["text"].to_pylist(), columns["drop_reason"].to_pylist(), strict=True) if reason is None]
    assert len(kept) > 90
    prose = "\n".join(line for line in "\n".join(kept).split("\n") if "\\" not in line)  # formulas have braces of their own
    for mark in ("{{", "}}", "[[", "]]", "''", "==", "__", "<ref", "</", "thumb|", "Category:", "()", "{|", "|}"):
        assert mark not in prose, mark
    assert sum(columns["n_formulas"].to_pylist()) > 100


@needs_shared
@pytest.mark.parametrize("lang", ["ar", "de", "fr", "hi", "ja", "ru", "zh"])
def test_built_dumps_in_other_languages(lang):
    path = SHARED / "built" / f"{lang}wiki-built.xml"
    pages = pa.concat_tables(wikipedia.read(str(path), "x", "", wikipedia.params(paths=str(path))))
    columns = {name: values.to_pylist() for name, values in clean_wikitext(pages).items()}
    assert columns["drop_reason"] == [None, "redirect", "not_article", "not_article", "not_article", "disambiguation", None]
    text = columns["text"][0]
    assert "$\\int_0^1 x^2\\,dx = \\tfrac13$" in text
    assert "print([[1]])" in text
    for mark in ("[[A", "]]\n", "{{", "''", "A.svg", "B.jpg", "NOTOC", "example.org", "<!--", "wikitable", "1234"):
        assert mark not in text, mark
