"""Write small samples of every other source to examples/sources/: what examples/recipes/llama1.yaml reads beside the sample crawl.

    python examples/make_sources.py            write the files
    python examples/make_sources.py --check    exit with 1 if the files on disk are not what would be written

    wikipedia/      dumps of an English and a German wiki in bz2 streams: articles, redirects, a disambiguation page, a template, a category
    books/          plain text (one a scan: page numbers, words divided at line ends), HTML, EPUB; one book in two editions
    arxiv/          a bulk tar: papers of one file and of several (\\input, a style file of macros), one that is a PDF
    stackexchange/  a site's Posts.xml: questions, answers with scores, one of a negative score, the wiki page of a tag
    github/         repositories as .tar.gz and .zip: MIT, Apache-2.0, no licence; minified, generated and vendored files, data
    c4/             C4's JSON Lines
    subtitles/      SRT and WebVTT

Words are those of the sample crawl (crawl_text.py, crawl_langs.py) dealt anew, and code of source_code.py; everything is invented. Seeded
generators and fixed times only, and no compressor whose output its version could change: stored gzip blocks, stored zip members, bzip2.
"""

from __future__ import annotations

import argparse
import bz2
import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from crawl_langs import LANGUAGES
from crawl_text import CODE, CODE_PROSE, ENGLISH, FORUM, MATH, MATH_REMARKS
from crawl_warc import gzip_member, pdf
from make_crawl import Deck, Dice, fill, write_or_check
from source_code import GO, JAVASCRIPT, MIT, PYTHON

HERE = Path(__file__).resolve().parent
TIME = 1711929600  # 2024-04-01
WORDS = {"code": CODE_PROSE, "math": MATH_REMARKS, **ENGLISH}


class Writer:
    """Sentences of some subjects in an order of chance, each with its choices made."""

    def __init__(self, seed: str, *subjects: str, text: str = "") -> None:
        self.dice = Dice(seed)
        self._deck = Deck(text or "\n".join(WORDS[s].strip() for s in subjects or ENGLISH), self.dice)

    def sentences(self, n: int) -> list[str]:
        """n sentences, none twice as long as there are others."""
        out: list[str] = []
        while len(out) < n:
            out += self._deck.deal(n - len(out), set())
        return [fill(line, self.dice) for line in out]

    def paragraph(self, low: int = 3, high: int = 5) -> str:
        """Some sentences."""
        return " ".join(self.sentences(self.dice.between(low, high)))

    def title(self) -> str:
        """Four words or so of a sentence."""
        words = re.findall(r"[\w'’-]+", self.sentences(1)[0])
        start = self.dice.below(max(1, len(words) - 4))
        return " ".join(words[start : start + 4]).capitalize()


# --- Wikipedia -------------------------------------------------------------------------------------------------

WIKI_WORDS = {
    "en": ("Category", "File", "Template", "#REDIRECT", "disambiguation", "History", "See also", "References", "thumb"),
    "de": ("Kategorie", "Datei", "Vorlage", "#WEITERLEITUNG", "Begriffsklärung", "Geschichte", "Siehe auch", "Einzelnachweise", "mini"),
}


def wikitext(lang: str, number: int, titles: list[str]) -> str:
    """An article with what articles have."""
    category, file, _, _, _, history, also, references, thumb = WIKI_WORDS[lang]
    writer = Writer(f"wiki {lang} {number}", text="\n".join((ENGLISH if lang == "en" else LANGUAGES[lang]).values()))
    title, other = titles[number], titles[number - 1]
    lead, *more = (writer.paragraph() for _ in range(5))
    parts = [
        f"{{{{Infobox thing\n| name = {title}\n| image = Thing {number}.jpg\n| year = {1800 + 7 * number}\n}}}}",
        f"[[{file}:Thing {number}.jpg|{thumb}|{writer.title()}]]",
        f"'''{title}''' [[{other}|({other.lower()})]]. {lead}<ref>{{{{cite book|title={writer.title()}|year=19{10 + number}}}}}</ref>",
        f"== {history} ==\n{more[0]}<ref name=\"a\">{writer.title()}.</ref> {more[1]}<!-- {writer.title()} -->",
        f"=== {writer.title()} ===\n* {writer.sentences(1)[0]}\n* ''{writer.sentences(1)[0]}''\n# [[{other}]]",
        more[2],
    ]
    if number % 3 == 0:
        parts.append(f"{{| class=\"wikitable\"\n! {writer.title()} !! m\n|-\n| {writer.title()} || {number}\n|}}")
    if number % 4 == 1:
        parts.append("<math>h(t) = A \\cos\\left(\\frac{2 \\pi t}{T}\\right)</math> " + more[3])
    if number % 5 == 2:
        parts.append(f'<syntaxhighlight lang="python">\n{PYTHON[number]}</syntaxhighlight>')
    parts += [f"== {also} ==\n* [[{other}]]", f"== {references} ==\n<references />"]
    return "\n\n".join([*parts, f"{{{{Navbox}}}}\n[[{category}:{titles[0]}]]\n[[{category}:19{10 + number}]]"])


def wiki_pages(lang: str, articles: int) -> Iterator[tuple[str, int, str | None, str]]:
    """Title, namespace, target of a redirect, wikitext."""
    category, _, template, redirect, disambiguation, *_ = WIKI_WORDS[lang]
    namer = Writer(f"titles {lang}", text="\n".join((ENGLISH if lang == "en" else LANGUAGES[lang]).values()))
    titles = list(dict.fromkeys(namer.title() for _ in range(2 * articles)))[:articles]
    for number, title in enumerate(titles):
        yield title, 0, None, wikitext(lang, number, titles)
    yield titles[0].lower() + " 2", 0, titles[0], f"{redirect} [[{titles[0]}]]"
    listed = "\n".join(f"* [[{title}]]" for title in titles[1:4])
    yield f"{titles[1]} ({disambiguation})", 0, None, f"'''{titles[1]}''':\n{listed}\n{{{{{disambiguation}}}}}"
    yield f"{template}:Infobox thing", 10, None, "<includeonly>{| class=\"infobox\"\n| {{{name}}} || {{{year|}}}\n|}</includeonly>"
    yield f"{category}:{titles[0]}", 14, None, f"[[{category}:{titles[2]}]]"


def wiki_dump(lang: str, articles: int, pages_a_stream: int = 5) -> bytes:
    """A multistream dump: the head, streams of pages, the end."""
    category, file, template, *_ = WIKI_WORDS[lang]
    spaces = {-2: "Media", 0: "", 1: "Talk", 6: file, 10: template, 14: category}
    head = (
        f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="{lang}">\n  <siteinfo>\n'
        f"    <sitename>Wikipedia</sitename>\n    <dbname>{lang}wiki</dbname>\n    <base>https://{lang}.wikipedia.org/wiki/Example</base>\n"
        "    <generator>MediaWiki 1.42.0</generator>\n    <case>first-letter</case>\n    <namespaces>\n"
        + "".join(f'      <namespace key="{key}" case="first-letter">{name}</namespace>\n' for key, name in spaces.items())
        + "    </namespaces>\n  </siteinfo>\n"
    )
    pages = []
    for number, (title, space, redirect, text) in enumerate(wiki_pages(lang, articles), 1):
        moved = f"    <redirect title={quoteattr(redirect)} />\n" if redirect else ""
        pages.append(
            f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{space}</ns>\n    <id>{number}</id>\n{moved}    <revision>\n"
            f"      <id>{1000 + number}</id>\n      <timestamp>2024-03-{1 + number % 28:02d}T12:00:00Z</timestamp>\n"
            "      <contributor><username>Someone</username><id>7</id></contributor>\n"
            "      <model>wikitext</model>\n      <format>text/x-wiki</format>\n"
            f'      <text bytes="{len(text.encode())}" xml:space="preserve">{escape(text)}</text>\n    </revision>\n  </page>\n'
        )
    streams = ["".join(pages[i : i + pages_a_stream]) for i in range(0, len(pages), pages_a_stream)]
    return b"".join(bz2.compress(part.encode()) for part in [head, *streams, "</mediawiki>\n"])


# --- books -----------------------------------------------------------------------------------------------------


def book(number: int, chapters: int = 6) -> tuple[str, str, list[tuple[str, list[str]]]]:
    """Title, author, and chapters of a title and paragraphs."""
    writer = Writer(f"book {number}")
    author = ("Ada Whitcombe", "Jonas Feld", "Maren Holt", "Peter Ashdown")[number % 4]
    return writer.title(), author, [(writer.title(), [writer.paragraph(4, 6) for _ in range(4)]) for _ in range(chapters)]


def wrapped(text: str, width: int, divide: bool = False) -> list[str]:
    """Lines of a paragraph; with `divide` long words at their ends are divided."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            room = width - len(line) - 2
            if divide and word.isalpha() and len(word) > 8 and 4 <= room < len(word) - 3:
                line, word = f"{line} {word[:room]}-", word[room:]
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return [*lines, line]


def plain_book(number: int, width: int = 72, pages: bool = False) -> bytes:
    """A book as plain text; `pages`: a scan, with page numbers, running heads and divided words."""
    title, author, chapters = book(number)
    lines = [title.upper(), "", f"by {author}", "", f"{1890 + number}", "", ""]
    for place, (name, paragraphs) in enumerate(chapters, 1):
        lines += [f"CHAPTER {place}", "", name, ""]
        for text in paragraphs:
            lines += [*wrapped(text, width, pages), ""]
            if pages:
                lines += [f"{10 * place + len(lines) % 10}", "", title.upper(), ""]
    return ("\n".join(lines) + "\n").encode()


def html_book(number: int) -> bytes:
    """A book as one page of HTML."""
    title, author, chapters = book(number)
    body = "".join(f"<h2>{escape(name)}</h2>\n" + "".join(f"<p>{escape(text)}</p>\n" for text in texts) for name, texts in chapters)
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><meta name="author" content="{author}">'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body><h1>{escape(title)}</h1>\n{body}</body></html>\n'.encode()


def epub(number: int) -> bytes:
    """A book as EPUB: a zip of XHTML."""
    title, author, chapters = book(number)
    names = [f"c{place}.xhtml" for place in range(len(chapters))]
    items = "".join(f'<item id="c{i}" href="{name}" media-type="application/xhtml+xml"/>' for i, name in enumerate(names))
    spine = "".join(f'<itemref idref="c{i}"/>' for i in range(len(names)))
    package = (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="u">'
        '<metadata '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="u">sample-{number}</dc:identifier>'
        f"<dc:title>{escape(title)}</dc:title><dc:creator>{author}</dc:creator><dc:language>en</dc:language>"
        f"<dc:date>{1890 + number}</dc:date><dc:rights>Public domain</dc:rights>"
        f"</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = (
        '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    files = {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "OEBPS/book.opf": package}
    for name, (heading, texts) in zip(names, chapters, strict=True):
        body = f"<h1>{escape(heading)}</h1>" + "".join(f"<p>{escape(text)}</p>" for text in texts)
        files[f"OEBPS/{name}"] = (
            '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
            f"<head><title>{escape(heading)}</title></head><body>{body}</body></html>"
        )
    return zipped({name: text.encode() for name, text in files.items()})


# --- arXiv -----------------------------------------------------------------------------------------------------


def tex(text: str) -> str:
    """A text of crawl_text.MATH as TeX."""
    text = re.sub(r"⟦⟦(.*?)⟧⟧", r"\\[ \1 \\]", text)
    return re.sub(r"⟦(.*?)⟧", r"$\1$", text)


def paper(number: int) -> dict[str, str]:
    """The files of a paper: everything in main.tex, or (every third) a section and the macros in files of their own."""
    writer = Writer(f"paper {number}", "math")
    chosen = [MATH[(number + step) % len(MATH)] for step in (0, 5)]
    macros = (
        "\\newcommand{\\R}{\\mathbb{R}}\n\\newcommand{\\norm}[1]{\\left\\lVert #1 \\right\\rVert}\n"
        "\\newcommand{\\set}[2][x]{\\{ #1 : #2 \\}}\n"
        "\\DeclareMathOperator{\\vol}{vol}\n\\def\\half{\\tfrac{1}{2}}\n"
    )
    sections = []
    for title, texts in chosen:
        body = "\n\n".join(tex(text) for text in texts)
        sections.append(
            f"\\section{{{title}}} % {writer.title()}\n{body}\n\n{writer.paragraph()}\n"
            f"For $x \\in \\R$ with $\\norm{{x}} \\le \\half$ the set $\\set{{x > {number}}}$ has "
            f"$\\vol(\\set[y]{{y < {number}}}) = 0$~\\cite{{one}}.\n% {writer.sentences(1)[0]}\n"
        )
    split = number % 3 == 2
    front = f"\\title{{{chosen[0][0]}}}\n\\author{{A. Nobody}}\n\\begin{{document}}\n\\maketitle\n"
    abstract = f"\\begin{{abstract}}\n{writer.paragraph()}\n\\end{{abstract}}\n"
    end = "\\begin{thebibliography}{9}\n\\bibitem{one} A. Nobody, \\emph{On nothing}, 2020.\n\\end{thebibliography}\n\\end{document}\n"
    shown = "\\input{sections/second}\n" if split else sections[1]
    defined = "\\usepackage{ours}\n" if split else macros
    main = f"\\documentclass{{article}}\n{defined}{front}{abstract}{sections[0]}{shown}{end}"
    return {"main.tex": main} | ({"sections/second.tex": sections[1], "ours.sty": macros} if split else {})


def arxiv_tar(papers: int) -> bytes:
    """A bulk tar of a month."""
    files = {}
    for number in range(1, papers + 1):
        parts = {name: text.encode() for name, text in paper(number).items()}
        files[f"2404/2404.{number:05d}.gz"] = gzip_member(tarred(parts) if len(parts) > 1 else parts["main.tex"])
    files[f"2404/2404.{papers + 1:05d}.pdf"] = pdf("A paper of which there is no source")
    return tarred(files)


# --- Stack Exchange --------------------------------------------------------------------------------------------


def posts(more: int) -> Iterator[dict[str, str | int]]:
    """The rows of Posts.xml."""
    number = 0

    def post(**fields: str | int) -> dict[str, str | int]:
        nonlocal number
        number += 1
        written = f"2023-{1 + number % 12:02d}-11T09:{number % 60:02d}:00.000"
        return {"Id": number, "CreationDate": written, "ContentLicense": "CC BY-SA 4.0", **fields}

    def html(text: str) -> str:
        return f"<p>{escape(text)}</p>"

    asked = [(title, html(text), [html(answer) for answer in answers]) for title, text, answers in FORUM]
    for n in range(more):
        writer = Writer(f"question {n}", "code", "math", "workshop", "bike")
        name, language, code = CODE[n % len(CODE)]
        body = f"{html(writer.paragraph())}<pre><code class=\"lang-{language}\">{escape(code)}</code></pre>"
        answers = [
            html(writer.paragraph() + " The sum is $\\sum_{k=1}^{n} k = \\frac{n(n+1)}{2}$.")
            + f"<ul><li>{html(writer.sentences(1)[0])}</li></ul>",
            f"<blockquote>{html(writer.sentences(1)[0])}</blockquote>{html(writer.paragraph())}",
        ]
        asked.append((f"{name}: is there a better way?", body, answers))
    for place, (title, body, answers) in enumerate(asked):
        question = post(PostTypeId=1, Score=3 + place % 5, Title=title, Body=body, Tags="<tools><method>", AnswerCount=len(answers))
        if answers:
            question["AcceptedAnswerId"] = number + 1
        yield question
        asked_by = question["Id"]
        for rank, answer in enumerate(answers):
            yield post(PostTypeId=2, ParentId=asked_by, Score=(rank * 3) % 8 - (2 if rank == 3 else 0), Body=answer)
    yield post(PostTypeId=2, ParentId=1, Score=-4, Body="<p>Buy a new one.</p>")
    yield post(PostTypeId=5, Score=0, Body="<p>Questions about tools and how they are kept.</p>")


def posts_xml(more: int) -> bytes:
    """Posts.xml of a site."""
    rows = "".join("  <row " + " ".join(f"{k}={quoteattr(str(v))}" for k, v in row.items()) + " />\n" for row in posts(more))
    return ("\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<posts>\n" + rows + "</posts>\n").encode()


# --- code ------------------------------------------------------------------------------------------------------


def repository(number: int, licence: str | None) -> dict[str, bytes]:
    """The files of a repository, without its own folder."""
    writer = Writer(f"repository {number}", "code")
    dice = writer.dice
    holder = f"the authors of sample {number}"
    apache = f"# Copyright 2024 {holder}\n#\n# Licensed under the Apache License, Version 2.0.\n"
    head = {"MIT": "# SPDX-License-Identifier: MIT\n", "Apache-2.0": apache, None: ""}[licence]
    files = {"README.md": f"# sample {number}\n\n{writer.paragraph()}\n\n{writer.paragraph()}\n"}
    for place, start in enumerate(range(0, len(PYTHON), 2)):
        first, second = PYTHON[(start + number) % len(PYTHON)], PYTHON[(start + 5 * number + 3) % len(PYTHON)]
        imports = "\n".join(f"import {m}" for m in ("bisect", "math", "time") if f"{m}." in first + second)
        units = 'UNITS = {"h": 3600, "m": 60, "s": 1}'
        files[f"src/part_{place}.py"] = f'{head}"""{writer.paragraph(2, 3)}"""\n\n{imports}\n\n{units}\n\n\n{first}\n\n{second}'
    for place, code in enumerate(JAVASCRIPT[number % 2 :]):
        files[f"web/part_{place}.js"] = f"// {writer.sentences(1)[0]}\n{code}"
    for place, code in enumerate(GO):
        files[f"cmd/part_{place}.go"] = f"// Package main: {writer.sentences(1)[0]}\npackage main\n\n{code}"
    for place, (name, language, code) in enumerate(CODE[number::3]):
        ending = {"python": "py", "javascript": "js", "rust": "rs", "bash": "sh", "yaml": "yml"}.get(language, language)
        mark = {"c": "//", "javascript": "//", "rust": "//", "go": "//", "java": "//", "sql": "--"}.get(language, "#")
        told = "" if language == "css" else f"{mark} {name}. {writer.sentences(1)[0]}\n"
        files[f"examples/example_{place}.{ending}"] = told + code
    files["web/all.min.js"] = "".join(re.sub(r"\s+", " ", code) for code in JAVASCRIPT) * 4
    generated = "# Generated by the protocol buffer compiler.  DO NOT EDIT!\n"
    files["src/schema_pb2.py"] = generated + "".join(f"FIELD_{i} = {i}\n" for i in range(40))
    files["vendor/other/slug.py"] = PYTHON[3]
    files["data/points.csv"] = "".join(f"{dice.below(1000)},{dice.below(1000)}\n" for _ in range(60))
    if licence == "MIT":
        files["LICENSE"] = MIT.format(holder=holder)
    out = {name: text.encode() for name, text in files.items()}
    if licence == "Apache-2.0":
        out["LICENSE"] = (HERE.parent / "LICENSE").read_bytes()
    return {**out, "web/picture.png": b"\x89PNG\r\n\x1a\n" + dice.noise(200)}


# --- C4, subtitles ---------------------------------------------------------------------------------------------


def c4_lines(pages: int) -> bytes:
    """C4's lines: text, timestamp, url."""
    lines = []
    for number in range(pages):
        writer = Writer(f"c4 {number}")
        text = "\n".join(writer.paragraph() for _ in range(writer.dice.between(2, 6)))
        stamp = f"2019-04-{18 + number % 10:02d}T{number % 24:02d}:30:00Z"
        lines.append(json.dumps({"text": text, "timestamp": stamp, "url": f"https://site-{number % 17}.example/page/{number}"}) + "\n")
    return "".join(lines).encode()


def clock(seconds: float, mark: str) -> str:
    """A time of a cue."""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{mark}{round(seconds % 1 * 1000):03d}"


def cues(number: int) -> Iterator[tuple[float, float, list[str]]]:
    """Begin, end and lines of cues."""
    writer, at = Writer(f"talk {number}", "harbour", "weather"), 1.0
    for sentence in writer.sentences(40):
        lines = wrapped(sentence, 37)
        for start in range(0, len(lines), 2):
            yield at, at + 2.5, lines[start : start + 2]
            at += 2.5
        at += 0.25 if writer.dice.chance(0.8) else 4


def srt(number: int) -> bytes:
    """A talk as SubRip."""
    blocks = [f"{n}\n{clock(a, ',')} --> {clock(b, ',')}\n" + "\n".join(lines) + "\n" for n, (a, b, lines) in enumerate(cues(number), 1)]
    music = "1\n00:00:00,000 --> 00:00:00,900\n[music]\n"
    return ("\ufeff" + "\n".join([music, *blocks])).encode()


def vtt(number: int) -> bytes:
    """A talk as WebVTT."""
    blocks = [f"{clock(a, '.')} --> {clock(b, '.')} align:start\n<v Ann>" + "\n".join(lines) + "\n" for a, b, lines in cues(number)]
    return "\n".join(["WEBVTT - a talk\n", "NOTE made for this project\n", *blocks]).encode()


# --- files -----------------------------------------------------------------------------------------------------


def tarred(files: dict[str, bytes]) -> bytes:
    """A tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), TIME
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of stored members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (2024, 4, 1, 0, 0, 0))
            entry.create_system = 3
            archive.writestr(entry, data)
    return out.getvalue()


def under(folder: str, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files in a folder, as archives of repositories have them."""
    return {f"{folder}/{name}": data for name, data in files.items()}


def outputs() -> dict[Path, bytes]:
    """What the files should contain."""
    files: Iterable[tuple[str, bytes]] = [
        ("wikipedia/enwiki-20240401-pages-articles-multistream.xml.bz2", wiki_dump("en", 16)),
        ("wikipedia/dewiki-20240401-pages-articles-multistream.xml.bz2", wiki_dump("de", 6)),
        ("books/one.txt", plain_book(1)),
        ("books/one-second-edition.txt", plain_book(1, width=60).replace(b"1891", b"1904")),
        ("books/scan.txt", plain_book(2, width=58, pages=True)),
        ("books/three.txt", plain_book(3)),
        ("books/four.html", html_book(4)),
        ("books/five.epub", epub(5)),
        ("books/six.epub", epub(6)),
        ("arxiv/arXiv_src_2404_001.tar", arxiv_tar(8)),
        ("stackexchange/tinkering.stackexchange.com/Posts.xml", posts_xml(12)),
        ("github/tidewater-1.2.0.tar.gz", gzip_member(tarred(under("tidewater-1.2.0", repository(1, "MIT"))))),
        ("github/kelp-main.zip", zipped(under("kelp-main", repository(2, "Apache-2.0")))),
        ("github/flotsam-main.zip", zipped(under("flotsam-main", repository(0, None)))),
        ("c4/c4-train.00000-of-00001.json.gz", gzip_member(c4_lines(80))),
        ("subtitles/harbour-talk.en.srt", srt(1)),
        ("subtitles/weather-talk.en.vtt", vtt(2)),
    ]
    return {HERE / "sources" / name: data for name, data in files}


def main(argv: list[str] | None = None) -> int:
    """Write or check the samples."""
    parser = argparse.ArgumentParser(description="Write samples of the other sources.")
    parser.add_argument("--check", action="store_true", help="exit with 1 if the files on disk differ")
    options = parser.parse_args(argv)
    return write_or_check(outputs(), (HERE / "sources").rglob("*"), options.check)


if __name__ == "__main__":
    sys.exit(main())
