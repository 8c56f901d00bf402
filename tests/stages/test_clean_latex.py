"""From a submission to one text: every way in, main files, inputs, comments, macros, the body; bombs, damage, odd TeX; real papers."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import string
import time
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.source_arxiv import CASES, between
from bench.source_arxiv import paper as paper_of_case
from stages.arxiv.body import without_bibliography
from stages.arxiv.clean_latex import Params, clean, clean_latex
from stages.arxiv.comments import Comments
from stages.arxiv.macros import Work
from stages.arxiv.submission import MAX_FILES
from tests.samples.arxiv import paper, submission, submissions
from tests.stages.stage_checks import run

SHARED = Path(__file__).parents[3] / "shared" / "data" / "arxiv"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the repository")


def cleaned(content, **params):
    return clean(content if isinstance(content, bytes) else submission(content), Params(**params))


def text_of(body, definitions="", **files):
    """The text of a paper behind its heading."""
    row = cleaned({"p.tex": paper(body, definitions), **{name.replace("_", "."): text for name, text in files.items()}})
    assert row["drop_reason"] is None
    return row["text"].removeprefix("\\section{S}").strip("\n")


# The list of cases that every side of the benchmark is judged by, to the letter


@pytest.mark.parametrize(("name", "definitions", "body", "wanted"), CASES, ids=[case[0] for case in CASES])
def test_case(name, definitions, body, wanted):
    row = cleaned(paper_of_case(definitions, body).encode())
    assert between(row["text"]).strip() == wanted


# Macros


@pytest.mark.parametrize(
    ("definitions", "body", "wanted"),
    [
        pytest.param(r"\newcommand{\x}[2]{#2}", r"\x{a", r"\x{a", id="argument that does not end"),
        pytest.param(r"\newcommand{\x}[2]{#2}", r"{\x}b", r"{\x}b", id="argument that is not there"),
        pytest.param(r"\def\x#1.{<#1>}", r"\x ab", r"\x ab", id="delimiter that is not there"),
        pytest.param(r"\def\x#1.{<#1>}", r"\x a{.}b.", "<a{.}b>", id="delimiter in a group"),
        pytest.param(r"\def\x#1\end{<#1>}", r"\x a\endx b\end", r"<a\endx b>", id="delimiter that is a word"),
        pytest.param(r"\def\y{\x}\newcommand{\x}[1]{<#1>}", r"\y{a}", "<a>", id="argument from behind the body that asks"),
        pytest.param(r"\newcommand{\x}[1]{##}", r"\x{a}", "#", id="doubled hash"),
        pytest.param(r"\newcommand{\x}{\verb|\x|}", r"\x", r"\verb|\x|", id="verbatim in a body"),
        pytest.param(r"\newenvironment{q}[1]{\begin{z}{#1}}{\end{z}}", r"\begin{q}{a}b\end{q}", r"\begin{z}{a}b\end{z}", id="environment"),
        pytest.param(r"\def\up{\uppercase}", r"\up a", r"\uppercase a", id="letter behind a body that ends in a word"),
        pytest.param(r"\newcommand\be{\begin{align}}", "\\be\nx", "\\begin{align}\nx", id="line end behind a macro that opens"),
        pytest.param(r"\newcommand\a{b}", "\\a\n\nc", "b\n\nc", id="empty line behind a macro"),
        pytest.param(r"\newcommand{\x}{a}", "t\n\\renewcommand{\\x}{b}\nu\\x", "t\nub", id="line of a definition leaves no empty line"),
        pytest.param(r"\makeatletter\def\x@y{z}\def\w{\x@y}\makeatother", r"\w", "z", id="internal names"),
        pytest.param(r"\def\w{\not@there}", r"\w", r"\w", id="internal name that is not in the paper"),
        pytest.param(
            r"\DeclarePairedDelimiter\abs{|}{|}", r"\abs*{x}\abs[\big]{y}", r"\left| x \right|\big| y \big|", id="sizes of delimiters",
        ),
        pytest.param(r"\NewDocumentCommand\x{s m}{\IfBooleanTF{#1}{A}{B}#2}", r"\x*{c}\x{d}", "AcBd", id="star"),
        pytest.param(r"\NewDocumentCommand\x{o m}{\IfNoValueTF{#1}{-}{#1}#2}", r"\x{a}\x[b]{c}", "-abc", id="no value"),
        pytest.param(r"\NewDocumentCommand\x{r() m}{#1#2}", r"\x(a){b}", r"\x(a){b}", id="specification that is not simple"),
        pytest.param(r"\let\iflong\iftrue", r"\iflong a\else b\fi", "a", id="switch by let"),
        pytest.param("", r"a\ifx\b\c d\else e\fi", r"a\ifx\b\c d\else e\fi", id="conditional that only TeX can decide"),
        pytest.param("", r"a\iffalse b", r"a\iffalse b", id="conditional that does not end"),
        pytest.param(r"\renewcommand{\section}[1]{X}\def\begin{Y}", r"\begin{z}", r"\begin{z}", id="structure keeps its meaning"),
    ],
)  # fmt: skip
def test_macro(definitions, body, wanted):
    assert text_of(body, definitions) == wanted


@pytest.mark.parametrize(
    "definition",
    [
        r"\def\x{\x}", r"\newcommand{\x}{\csname a\endcsname}", r"\def\x{\ifmmode a\else b\fi}",
        r"\newcommand{\x}{\@ifnextchar[{\a}{\b}}", r"\def\x#2#1{}", r"\newcommand{\x}{#1}",
    ],
)  # fmt: skip
def test_macros_that_are_no_text_stay(definition):
    row = cleaned(paper(r"a \x{} b", definition).encode())
    assert row["text"].endswith(r"a \x{} b")
    assert (row["n_opaque_macros"], row["drop_reason"]) == (1, None)


def test_counts_and_title():
    row = cleaned({"p.tex": paper("\\input{gone}\\R", "\\title[short]{On \\R}\\newcommand\\R{\\mathbb{R}}\\def\\x{\\x}\\input{epsf}")})
    assert {key: row[key] for key in ("title", "tex_main", "n_tex_files", "n_missing_inputs", "n_macros", "n_opaque_macros")} == {
        "title": r"On \mathbb{R}", "tex_main": "p.tex", "n_tex_files": 1, "n_missing_inputs": 1, "n_macros": 1, "n_opaque_macros": 1,
    }  # fmt: skip


def test_style_of_the_paper_is_read_for_its_definitions():
    style = "\\ProvidesPackage{own}\n\\def\\R{\\mathbb{R}}\n\\RequirePackage{deeper}\nnot text \\section{not a heading}\n"
    deeper = "\\newcommand{\\C}{\\mathbb{C}}"
    row = cleaned({"p.tex": paper("$\\R\\C$", "\\usepackage{amsmath, own}"), "own.sty": style, "deeper.sty": deeper})
    assert row["text"] == "\\section{S}\n$\\mathbb{R}\\mathbb{C}$"


# Files


FILES = {
    "input": ({"p.tex": paper("a\\input{b}c"), "b.tex": "B"}, "aBc"),
    "input without braces": ({"p.tex": paper("a \\input b c"), "b.tex": "B"}, "a Bc"),
    "include": ({"p.tex": paper("\\include{s/b}"), "s/b.tex": "B"}, "B"),
    "nested": ({"p.tex": paper("\\input{s/b}"), "s/b.tex": "B\\input{s/c}", "s/c.tex": "C"}, "BC"),
    "beside the file that reads": ({"p.tex": paper("\\import{s/}{b}"), "s/b.tex": "B\\input{c}", "s/c.tex": "C", "c.tex": "X"}, "BC"),
    "subfile": ({"p.tex": paper("\\subfile{b}"), "b.tex": "\\documentclass[p]{subfiles}\n\\begin{document}B\\end{document}x"}, "B"),
    "folder above": ({"d/p.tex": paper("\\input{../b}"), "b.tex": "B"}, "B"),
    "above all folders": ({"p.tex": paper("a\\input{../../../etc/passwd}")}, "a"),
    "other case": ({"p.tex": paper("\\input{Sec/B}"), "sec/b.TEX": "B"}, "B"),
    "itself": ({"p.tex": paper("a\\input{b}"), "b.tex": "B\\input{b}\\input{p}"}, "aB"),
    "endinput": ({"p.tex": paper("\\input{b}c"), "b.tex": "B\\endinput x"}, "Bc"),
    "commented out": ({"p.tex": paper("%\\input{b}\na"), "b.tex": "B"}, "a"),
    "macros of an input": ({"p.tex": paper("\\R", "\\input{defs}"), "defs.tex": "\\def\\R{r}"}, "r"),
    "name by a macro": ({"p.tex": paper("\\input{\\dir/b}a", "\\def\\dir{s}"), "s/b.tex": "B"}, "Ba"),
    "figure that is TeX": ({"p.tex": paper("a\\input{f.pgf}b"), "f.pgf": "\\pgfpath 1 2 3"}, "ab"),
    "behind the end": ({"p.tex": paper("a") + "\\input{b}", "b.tex": "B"}, "a"),
}


@pytest.mark.parametrize("name", FILES)
def test_files(name):
    files, wanted = FILES[name]
    row = cleaned(files)
    assert (row["text"].removeprefix("\\section{S}").strip(), row["drop_reason"]) == (wanted, None)
    assert row["n_missing_inputs"] == (name == "above all folders")


DOCUMENT = paper("text " * 20)
README = '{"sources": [{"filename": "a.tex", "usage": "toplevel"}]}'
MAIN = {
    "the one": {"a.tex": DOCUMENT},
    "the one that begins a document": {"b.tex": "\\section{B}" + "x" * 999, "a.tex": DOCUMENT},
    "the one that nobody reads": {"b.tex": paper("x" * 999), "a.tex": DOCUMENT + "\\input{b}"},
    "the longer one": {"b.tex": paper("x"), "a.tex": DOCUMENT},
    "the longer one with what it reads": {"b.tex": paper("x" * 200), "a.tex": paper("\\input{c}"), "c.tex": "y" * 300},
    "as 00README says": {"b.tex": paper("x" * 999), "a.tex": DOCUMENT, "00README.XXX": "nohypertex\na.tex toplevelfile\nb.tex ignore\n"},
    "as 00README.json says": {"b.tex": paper("x" * 999), "a.tex": DOCUMENT, "00README.json": README},
    "not the supplement": {"a-supp.tex": paper("x" * 999), "a.tex": DOCUMENT},
    "not a figure": {"fig.tex": "\\documentclass[tikz]{standalone}\\begin{document}" + "x" * 999, "a.tex": DOCUMENT},
    "class in another file": {"pre.tex": "\\documentclass{article}", "a.tex": "\\input{pre}\\begin{document}a", "c.tex": "\\section{x}"},
    "plain TeX": {"m.tex": "\\def\\x{y}", "a.tex": "\\magnification=1200\n\\x\\bye"},
    "00README that is none": {"a.tex": DOCUMENT, "b.tex": paper("x"), "00README.json": "[[[["},
}  # fmt: skip


@pytest.mark.parametrize("name", MAIN)
def test_main_file(name):
    assert cleaned(MAIN[name])["tex_main"] == "a.tex"


WAYS_IN = {
    "TeX": (paper("Text").encode(), None),
    "TeX in gzip": (gzip.compress(paper("Text").encode()), None),
    "tar": (submission({"p.tex": paper("Text")}, pack=False), None),
    "tar in gzip": (submission({"p.tex": paper("Text")}), None),
    "nothing": (b"", "no_tex"),
    "PDF": (b"%PDF-1.5\n\\alpha", "no_tex"),
    "PostScript in gzip": (gzip.compress(b"%!PS-Adobe\n\\alpha"), "no_tex"),
    "HTML": (b"<html>\\alpha", "no_tex"),
    "a tar of a PDF": (submission({"a.pdf": b"%PDF-1.5"}), "no_tex"),
    "withdrawn": (b"%auto-ignore\nThis paper has been withdrawn \\dots", "no_tex"),
    "words": (b"no TeX at all", "no_tex"),
    "two fragments": (submission({"a.tex": "\\alpha aa", "b.tex": "\\beta bb"}), "no_main_file"),
    "gzip that is cut": (gzip.compress(paper("Text").encode())[:-20], "broken_record"),
    "gzip that is none": (gzip.compress(b"x")[:10] + b"\xff" * 99, "broken_record"),
}


@pytest.mark.parametrize("name", WAYS_IN)
def test_way_in(name):
    content, reason = WAYS_IN[name]
    row = cleaned(content)
    assert row["drop_reason"] == reason
    assert reason or row["text"] == "\\section{S}\nText"


def test_damage_that_costs_no_text_costs_nothing():
    """A tar that is cut in a figure still has its paper; one cut in a file that is read has not."""
    whole = submission({"p.tex": paper("\\input{a}"), "a.tex": "A" * 600, "f.eps": "x" * 5000}, pack=False)
    assert cleaned(whole[:-8000])["drop_reason"] is None
    assert cleaned(whole[: whole.index(b"AAAA") + 99])["drop_reason"] == "broken_record"


@pytest.mark.parametrize(
    ("text", "charset"),
    [("Schrödinger", "latin1"), ("Łódź", "latin2"), ("Достоевский", "koi8-r"), ("Schrödinger", "applemac"), ("naïve 数学", "utf8")],
)
def test_charset(text, charset):
    codec = {"applemac": "mac-roman"}.get(charset, charset)
    assert text in cleaned(paper(text, f"\\usepackage[{charset}]{{inputenc}}").encode(codec))["text"]


# The body


def document(*parts, begin="\\begin{document}\n"):
    return ("\\documentclass{article}\n" + begin + "\n".join(parts) + "\n\\end{document}").encode()


ABSTRACT = "\\begin{abstract}\nabstract\n\\end{abstract}"
BODIES = {
    "first section": (document("\\maketitle", ABSTRACT, "front", "\\section{A}", "text " * 9), "section", "\\section{A}\ntext"),
    "starred, with an option": (document("front", "\\section*[a]{A}", "text " * 9), "section", "\\section*[a]{A}\ntext"),
    "chapter": (document("front", "\\chapter{A}", "\\section{B}", "text " * 9), "section", "\\chapter{A}\n\\section{B}\ntext"),
    "section by a macro": (document("\\def\\s{\\section}", "front", "\\s{A}", "text " * 9), "section", "\\section{A}\ntext"),
    "lesser heading": (document("front", "\\subsection{A}", "text " * 9), "section", "\\subsection{A}\ntext"),
    "no section, abstract": (document("\\maketitle", ABSTRACT, "text " * 9), "front_matter", "text text"),
    "no section, title": (document("\\author{A}", "\\maketitle", "text " * 9), "front_matter", "text text"),
    "no section, nothing": (document("text " * 9), "document", "text text"),
    "only thanks have a section": (document(ABSTRACT, "text " * 99, "\\section*{Thanks}", "all"), "front_matter", "text text"),
    "section in the preamble": (
        document("\\section{A}", "text", begin="\\titleformat{\\section}{}\\begin{document}"), "section", "\\section{A}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_start_of_body(name):
    content, starts_at, beginning = BODIES[name]
    row = cleaned(content)
    assert row["starts_at"] == starts_at
    assert row["text"].startswith(beginning)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\n\\begin{thebibliography}{9}\n\\bibitem{x} B\n\\end{thebibliography}\n", "a\n"),
        ("a\n\\begin{thebibliography}{9}\nB\n\\end{thebibliography}\naddress\n", "a\n"),
        ("a\n\\begin{thebibliography}{9}\nB\n\\end{thebibliography}\nx\n\\appendix\n\\section{C}", "a\n\\appendix\n\\section{C}"),
        ("a\\begin{thebibliography}{9}B \\section{C} c", "a\\section{C} c"),
        ("a\n\\bibliographystyle{plain}\n\\bibliography{refs}\n", "a\n"),
        ("a\n\\section*{References}\n[1] B\n\\section{C}", "a\n\\section{C}"),
        ("a\\section*{References}\\begin{thebibliography}{}B\\end{thebibliography}\\section{C}", "a\\section{C}"),
        ("a\\section{References to art} b", "a\\section{References to art} b"),
        ("a\\printbibliography[title=x]\\section{B}b\\bibliography{c}", "a\\section{B}b"),
        ("a\\bibliographyx b", "a\\bibliographyx b"),
        ("a\\nocite{*}b\n\\addcontentsline{toc}{section}{References}\nc", "ab\nc"),
    ],
)
def test_bibliography(text, left):
    assert without_bibliography(text) == left


# Comments


def test_verbatim_comes_back_as_it_was():
    inline = "\\verb|%| \\verb*+a%+ \\lstinline{%} \\lstinline[language=C]!%! \\mintinline{c}{%} \\href{http://a/%}{b} "
    source = inline + "\\verb|" + "x" * 5000
    comments = Comments([source])
    assert comments.restored(comments.without(source), Work(10_000)) == source
    assert len(comments.aside) == 6


def test_environments_of_the_paper():
    own = "\\lstnewenvironment{code}{}{}\\excludecomment{note}"
    code = "\\begin{code}\n% \\x\n\\end{code}"
    assert text_of(code + "\\begin{note}a\\end{note}b", own + "\\def\\x{y}") == code + "b"


def test_verbatim_with_commands_is_text():
    body = "\\begin{Verbatim}[commandchars=\\\\\\{\\}]\n\\x\n\\end{Verbatim}"
    assert text_of(body, "\\def\\x{y}") == body.replace("\n\\x\n", "\ny")


# Bombs and odd TeX


LETTERS = "bcdefghijklmnopqrstuvw"
BOMBS = {
    "doubles itself by name": "".join(f"\\def\\{x}{{\\{y}\\{y}}}" for x, y in itertools.pairwise(LETTERS)) + "\\b",
    "doubles its argument": "".join(f"\\def\\{x}#1{{\\{y}{{#1#1}}}}" for x, y in itertools.pairwise(LETTERS)) + "\\b{xx}",
    "calls itself by its argument": "\\def\\a#1{#1#1}\\a{\\a}",
    "copies what is verbatim": "\\def\\a{\\begin{verbatim}" + "x" * 50_000 + "\\end{verbatim}}" + "\\a " * 10_000,
    "has nothing, often": "\\def\\a#1{" + "#1" * 50_000 + "}" + "\\a{}" * 10_000,
    "grows by delimiters": "\\def\\a#1.{\\c#1#1..}\\let\\c\\relax\\def\\b#1{#1#1}\\b{\\b}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_macro_bomb(name):
    started = time.process_time()
    row = cleaned(paper(BOMBS[name]).encode())
    assert (row["drop_reason"], row["text"]) == ("macro_bomb", "")
    assert time.process_time() - started < 5


def test_a_bomb_is_seen_before_it_is_written():
    bomb = paper("\\def\\a#1{" + "#1" * 10_000 + "}\\a{" + "x" * 10_000 + "}").encode()
    tracemalloc.start()
    try:
        assert cleaned(bomb)["drop_reason"] == "macro_bomb"
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_a_file_read_a_thousand_times_is_a_bomb():
    files = {"p.tex": paper("\\input{a}" * 1000), "a.tex": "x" * 100_000}
    assert cleaned(files)["drop_reason"] == "macro_bomb"
    assert cleaned(files | {"p.tex": paper("\\input{a}" * 10)})["drop_reason"] is None


def test_what_comes_out_of_a_submission_is_bounded():
    bomb = submission({"p.tex": paper("\\input{a}"), "a.tex": b"x" * 20_000_000})
    assert len(bomb) < 100_000
    assert cleaned(bomb)["drop_reason"] == "too_large"
    assert cleaned(bomb, max_tex_bytes=30_000_000)["drop_reason"] is None
    assert cleaned(bomb, max_tex_bytes=30_000_000, max_unpacked_bytes=1_000_000)["drop_reason"] == "too_large"


def test_files_behind_the_limit_are_lost():
    files = {"p.tex": paper("\\input{z}"), **{f"{n}.tex": "" for n in range(MAX_FILES)}, "z.tex": "Z"}
    assert cleaned(files)["drop_reason"] == "too_large"
    assert cleaned({"z.tex": "Z", **files})["drop_reason"] is None


HOSTILE = [
    "{", "}", "\\", "%", "%\n", "a%\n", "$", "[", " ", "\n", "\\verb|", "\\verb!a", "\\begin{verbatim}", "\\begin{comment}",
    "\\url{a", "\\lstinline[",
    "\\iffalse ", "\\fi", "\\newif\\ifa", "\\newcommand", "\\newcommand{\\a}[", "\\newcommand{\\a}{", "\\def\\a#1",
    "\\def\\a{x}\\a ", "\\let\\a\\b",
    "\\section", "\\section{References}", "\\begin{thebibliography}", "\\begin{biblist}\\section{a}", "\\maketitle ", "\\input{",
    "\\input a ", "\\title{",
    "\\usepackage[", "\\documentclass[", "\\begin   ", "\\xspace", "\\endinput ", "\\IfNoValueTF{", "\\DeclarePairedDelimiter\\a",
    "\\newenvironment{a}{",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_costs_no_more_than_its_length(piece):
    """Four times the text takes about four times as long; sixteen, on a quadratic path."""

    def seconds(size):
        content = paper("").encode().replace(b"\\end{document}", b"") + (piece * (size // len(piece))).encode()
        started = time.process_time()
        clean(content, Params(max_expansion=2.0))
        return time.process_time() - started

    seconds(10_000)
    assert seconds(200_000) < max(10 * seconds(50_000), 0.5)


def words(number):
    return ["".join(letters) for letters in itertools.islice(itertools.product(string.ascii_lowercase, repeat=4), number)]


def marked(name):
    return "".join(f"#{number}{name}" for number in range(1, 10))


ATTACKS = {
    "many arguments": lambda n: "\\NewDocumentCommand\\x{" + "s" * n + "}{y}" + "\\x " * (n // 3),
    "blanks before a package": lambda n: "\\usepackage" + " " * n + "x",
    "own environments that do not end": lambda n: "".join(f"\\newverbatim{{{w}}}\\begin{{{w}}}" for w in words(n // 15)),
    "names of files by long macros": lambda n: "\\def\\a{" + "y" * n + "}" + ("\\input{" + "\\a" * 90 + "}") * (n // 100),
    "inputs deep in macros": lambda n: (
        "".join(f"\\def\\{a}{{\\{b}}}" for a, b in itertools.pairwise([*words(n // 20), "zzzz"]))
        + "\\def\\zzzz{" + "\\input p " * (n // 10) + "}\\aaaa"
    ),
    "macros that call the same": lambda n: (
        "".join(f"\\def\\A{w}{{" + "".join("\\" + v for v in words(int(n**0.5) // 3)) + "}" for w in words(int(n**0.5) // 3))
        + "\\def\\Z{" + "".join(f"\\A{w}" for w in words(int(n**0.5) // 3)) + "}"
        + "".join(f"\\def\\Y{w}{{\\Z}}" for w in words(n // 20))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_costs_no_more_than_its_length(name):
    """Four times the text takes about four times as long; sixteen, on a quadratic path."""

    def seconds(size):
        files = {"p.tex": paper(ATTACKS[name](size))}
        started = time.process_time()
        cleaned(files)
        return time.process_time() - started

    seconds(1_000)
    assert seconds(120_000) < max(9 * seconds(30_000), 1.0)


def test_marks_of_arguments_are_compiled_once():
    """Calls of more macros than a cache of patterns holds cost no more than calls of one."""

    def seconds(names):
        definitions = "".join(f"\\def\\{name}{marked(name)}{{y}}" for name in names)
        call = "".join(f"\\{name} " + name * 9 for name in names)
        content = paper(definitions + call * (2000 // len(names)), "x" * 500_000).encode()
        started = time.process_time()
        assert cleaned(content)["drop_reason"] is None
        return time.process_time() - started

    assert seconds(words(100)) < 3 * seconds(words(1)) + 0.5


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([
    "\\newcommand", "\\def", "\\a", "\\b", "{", "}", "[", "]", "#1", "#2", "%", "\n", "\n\n", " ", "x", "\\\\", "\\%", "\\begin{a}",
    "\\end{a}", "\\let",
    "\\input{b}", "\\iffalse", "\\iftrue", "\\else", "\\fi", "\\newif\\ifq", "\\ifq", "\\qtrue", "\\verb|", "|", "\\section{t}",
    "\\xspace", "\\newenvironment{a}",
    "\\begin{document}", "\\end{document}", "\\begin{verbatim}", "\\end{verbatim}", "\0", "\\bibliography{x}", "\\endinput",
    "\\usepackage{c}", "é", "\\@x",
]), max_size=60).map("".join))  # fmt: skip
def test_any_tex_gives_columns_or_a_reason(text):
    row = cleaned({"p.tex": paper(text), "b.tex": text, "c.sty": text})
    assert row["drop_reason"] in (None, "macro_bomb", "empty", "no_tex")
    assert "\0" not in row["text"].replace("\\verb|\0", "")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([
    "word", " ", "\n", "{", "}", "\\alpha", "\\frac{1}{2}", "\\\\", "$", "\\%", "~", "\\begin{eq}", "\\end{eq}", "é",
]), max_size=40))  # fmt: skip
def test_text_without_macros_and_comments_stays(pieces):
    """But for white space at the ends of lines."""
    body = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", "x" + "".join(pieces) + "x"))
    assert text_of(body) == body


# The stage


def test_batches_agree():
    row = run(clean_latex, submissions(), max_tex_bytes=100_000)
    assert row["text"][0] == "\\section{S}\nText of a part, \\mathbb R."
    assert row["drop_reason"][:4] == [None] * 4


def test_alone():
    out = clean_latex(pa.table({"content": pa.array([paper("a").encode()], pa.large_binary())}))
    assert out["text"].to_pylist() == ["\\section{S}\na"]


# Real papers


def real_papers():
    if not SHARED.is_dir():
        return []
    return [json.loads(line) for line in (SHARED / "papers.jsonl").read_text(encoding="utf-8").splitlines()]


WITHOUT_SECTIONS = ("plutus-deep-isorecursive", "monero-MRL-R001")


@needs_shared
@pytest.mark.parametrize("entry", real_papers(), ids=lambda entry: entry["id"])
def test_real_paper(entry):
    folder = SHARED / entry["id"]
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    row = cleaned(files)
    text = row["text"]
    assert (row["drop_reason"], row["tex_main"]) == (None, entry["main"])
    assert row["starts_at"] == ("front_matter" if entry["id"] in WITHOUT_SECTIONS else "section")
    assert row["n_missing_inputs"] >= len(entry["missing_inputs"])
    plain = re.sub(r"\\begin\{(verbatim|lstlisting)\}.*?\\end\{\1\}", "", text, flags=re.S)
    assert not re.search(r"(?<!\\)%", plain)
    gone = r"\\(?:newcommand|renewcommand|def|input|include|usepackage|bibliography|bibitem|end\{document\})(?![A-Za-z@])"
    assert not re.search(gone, plain)
    balance = re.sub(r"\\.", "", text)
    assert balance.count("{") == balance.count("}")
    sections = sum(len(re.findall(rb"(?m)^[^%\n]*?\\section\*?\{", data)) for name, data in files.items() if name.endswith(".tex"))
    assert text.count("\\section") <= sections or entry["n_macros"]
    defined = set(re.findall(rb"\\(?:newcommand|def)\*?\s*\{?\\([A-Za-z]{2,})\}?[\[{#]", files[entry["main"]]))
    called = {name.encode() for name in re.findall(r"\\([A-Za-z]+)", plain)}
    assert len(defined & called) <= max(2, row["n_opaque_macros"], len(defined) // 20)
