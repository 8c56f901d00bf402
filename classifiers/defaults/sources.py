"""The texts the default models are fitted on: what each source is, where it is from, under which licence, and what of it is read.

Sources are of two kinds, both of which anyone can fetch again: the folder of test data (its README names repositories, commits and
licences; what is not to be republished is left out), and documentation and code of Python packages (PACKAGES), as their sdists on PyPI
have them. Of the sites that `bench quality` judges by (Wikipedia, httpd.apache.org, www.w3.org) nothing is read, and of the folder
`quality` neither; papers, posts and books stand there too, in part.
"""

from __future__ import annotations

import csv
import gzip
import html
import io
import json
import re
import tarfile
import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
from fastwarc.warc import ArchiveIterator, WarcRecordType
from selectolax.lexbor import LexborHTMLParser

from curation.stage import Batch
from stages.extract.extract_html import extract_html

PACKAGES = {
    "celery": ("5.7.0", "BSD-3-Clause, docs CC BY-SA 4.0"), "django": ("5.2.19", "BSD-3-Clause"),
    "docutils": ("0.23", "public domain, in parts BSD and Python"),
    "flask": ("3.1.3", "BSD-3-Clause"), "jinja2": ("3.1.6", "BSD-3-Clause"), "mpmath": ("1.4.1", "BSD-3-Clause"),
    "networkx": ("3.6.1", "BSD-3-Clause"), "nltk": ("3.10.4", "Apache-2.0"), "pyramid": ("2.1", "BSD-derived (Repoze)"),
    "pytest": ("9.2.0", "MIT"), "scrapy": ("2.19.0", "BSD-3-Clause"), "sphinx": ("9.0.4", "BSD-2-Clause"),
    "sympy": ("1.14.0", "BSD-3-Clause"), "twisted": ("26.10.0", "MIT"), "werkzeug": ("3.1.9", "BSD-3-Clause"),
}  # fmt: skip
"""sdists that are read: name -> (version, licence)."""
HOSTS = {"gobyexample.com": "CC BY 3.0", "creativecommons.org": "legal text without copyright, pages MIT"}
BOOKS_LEFT_OUT = ("pg1342-2008", "-with-pg-header", "genesis", "frankenstein")
"""Two carry Project Gutenberg's notice; the others stand in the folder `quality`."""
LEAST_CHARS = 300


class Text(NamedTuple):
    """A text as its source has it: paragraphs apart by blank lines, formulas between dollars.

    what: prose, code (English with code, or code alone), math, or boilerplate. domain: what a split keeps together.
    """

    text: str
    what: str
    source: str
    domain: str
    lang: str = "en"


def texts(data: Path, packages: Path) -> Iterator[Text]:
    """Every text, in a fixed order.

    Args:
        data: the folder of test data. packages: a folder with the sdists of PACKAGES.
    """
    yield from books(data / "books")
    yield from posts(data / "stackexchange")
    yield from papers(data / "arxiv")
    yield from sentences(data / "multilingual")
    yield from pages(data / "warc" / "built")
    for name, (version, _) in PACKAGES.items():
        yield from package(packages / f"{name}-{version}.tar.gz")


def books(folder: Path) -> Iterator[Text]:
    """Novels, plays and a few old texts: public domain."""
    for file in sorted(folder.glob("*.txt.gz")):
        if not any(mark in file.name for mark in BOOKS_LEFT_OUT):
            text = gzip.decompress(file.read_bytes()).decode("utf-8", "replace").replace("\r\n", "\n")
            lines = "\n\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))
            yield Text(lines, "prose", "book", file.name.removesuffix(".txt.gz"))


def posts(folder: Path) -> Iterator[Text]:
    """Questions with their answers from Stack Exchange: CC BY-SA 3.0. Answers below a score of 1 are left out."""
    for site in sorted(path for path in folder.iterdir() if path.is_dir()):
        questions: dict[str, list[str]] = {}
        for row in ET.fromstring(gzip.decompress((site / "Posts.xml.gz").read_bytes()).decode("utf-8-sig")):
            question = row.get("Id" if row.get("PostTypeId") == "1" else "ParentId") or ""
            if row.get("PostTypeId") in ("1", "2") and (row.get("PostTypeId") == "1" or int(row.get("Score") or 0) >= 1):
                questions.setdefault(question, []).append(_html_text(row.get("Body") or ""))
        for said in questions.values():
            text = "\n\n".join(said)
            yield Text(text, _what(text), "stackexchange", site.name)


def papers(folder: Path) -> Iterator[Text]:
    """LaTeX sources of papers: BSD-3-Clause, Apache-2.0 or MIT."""
    for paper in map(json.loads, (folder / "papers.jsonl").read_text("utf-8").splitlines()):
        for name in sorted(paper["files"]):
            if name.endswith(".tex"):
                text = _tex_text((folder / paper["id"] / name).read_text("utf-8", "replace"))
                if len(text) >= LEAST_CHARS:
                    yield Text(text, _what(text), "paper", "paper " + paper["id"].split("-")[0])


def sentences(folder: Path) -> Iterator[Text]:
    """The Universal Declaration of Human Rights (a text of the United Nations) in many languages, and sentences of Tatoeba (CC BY 2.0 FR).

    The latter stand in a row and say nothing together, but each is whole.
    """
    said: dict[tuple[str, str], list[str]] = {}
    rows = [json.loads(line) for line in gzip.decompress((folder / "text.jsonl.gz").read_bytes()).strip().split(b"\n")]
    short = {row["lang"]: row["bcp47"].split("-")[0] for row in rows if row["bcp47"]}
    for row in rows:
        said.setdefault((row["source"], short.get(row["lang"], row["lang"])), []).append(row["text"])
    for (source, lang), parts in sorted(said.items()):
        if source == "udhr":
            yield Text("\n\n".join(parts), "prose", "declaration", "declaration", lang)
        else:
            spaceless = lang in ("ja", "zh", "cmn", "th")
            five = [("" if spaceless else " ").join(parts[i : i + 5]) for i in range(0, len(parts), 5)]
            for i in range(0, len(five), 10):
                yield Text("\n\n".join(five[i : i + 10]), "prose", "sentences", "sentences", lang)


def pages(folder: Path) -> Iterator[Text]:
    """Pages of HOSTS and of made-up sites: their main text, and beside it what the extractor leaves out of them."""
    known = {
        row["record_id"]: row for row in csv.DictReader(io.StringIO((folder / "pages.tsv").read_text("utf-8")), delimiter="\t", quoting=3)
    }
    seen: set[str] = set()
    for file in sorted(folder.glob("*.warc.gz")):
        with open(file, "rb") as f:
            for record in ArchiveIterator(f, WarcRecordType.response):
                facts = known.get(record.record_id or "")
                host = urlsplit(record.headers["WARC-Target-URI"]).netloc
                if facts is None or facts["status"] != "200" or facts["language"] == "mul" or facts["planted"] or host not in HOSTS:
                    continue
                body = record.reader.read()
                page = {
                    "content": [body],
                    "mime": ["text/html"],
                    "http_charset": [record.http_charset],
                    "url": [record.headers["WARC-Target-URI"]],
                }
                found = extract_html(Batch(pa.table(page)))
                text, profile = found["text"][0].as_py() or "", found["profile"][0].as_py()
                if text in seen or found["drop_reason"][0].as_py():
                    continue
                seen.add(text)
                yield Text(text, "code" if profile == "code" else "prose", "page", host, facts["language"])
                kept = {line.strip() for line in text.split("\n")}
                around = "\n".join(line for line in all_lines(body) if line not in kept and len(line) < 200)
                if around not in seen:
                    seen.add(around)
                    yield Text(around, "boilerplate", "page", host, facts["language"])


def package(sdist: Path) -> Iterator[Text]:
    """Documentation (.rst, .txt, .md) and code of a Python package, by PACKAGES' licence."""
    name = sdist.name.rsplit("-", 1)[0]
    with tarfile.open(sdist) as archive:
        for member in sorted((m for m in archive if m.isfile() and 2_000 < m.size < 400_000), key=lambda m: m.name):
            parts = member.name.lower().split("/")[1:]
            docs, end = any(p in ("doc", "docs") for p in parts[:-1]), parts[-1].rsplit(".", 1)[-1]
            log = any(
                mark in member.name.lower()
                for mark in ("changelog", "changes", "release", "authors", "news", "licen", "/test", "locale", "vendor")
            )
            if log or end not in ("rst", "txt", "md", "py", "c", "h", "js", "pyx"):
                continue
            file = archive.extractfile(member)
            raw = file.read().decode("utf-8", "replace") if file else ""
            if docs and end in ("rst", "txt"):
                text = _rst_text(raw)
                yield Text(text, _what(text), "documentation", name)
            elif end in ("py", "c", "h", "js", "pyx") and ".min." not in parts[-1]:
                yield Text(raw, "code", "code file", name)
                for said in _DOCSTRING.findall(raw):
                    if len(said) > 1_000 and len(re.findall(r":math:`|\.\. math ?::|`[^`\n]*[\\^_=][^`\n]*`", said)) > 3:
                        text = _rst_text(textwrap.dedent(said))
                        yield Text(text, _what(text), "docstring", name)


# -- from markup to text ------------------------------------------------------------------------------

_FORMULA = re.compile(r"(?<![\\$])\$[^$\n]{1,200}\$|\$\$[^$]{1,2000}\$\$|\\begin\{(?:equation|align|eqnarray)")
_DOCSTRING = re.compile(r'"""(.{200,20000}?)"""', re.DOTALL)
_CODE_LINE = re.compile(r"^(?: {4,}\S|\t\S|>>> |\.\.\. |\$ )", re.MULTILINE)


def shares(text: str) -> tuple[float, float]:
    """Formulas for 1,000 characters, and the share of lines that look like code."""
    return 1_000 * len(_FORMULA.findall(text)) / max(1, len(text)), len(_CODE_LINE.findall(text)) / max(
        1, len(re.findall(r"^.*\S", text, re.MULTILINE))
    )


def _what(text: str) -> str:
    """Math where formulas are many, code where many lines look so, else prose."""
    formulas, code = shares(text)
    return "math" if formulas > 1.5 else "code" if code > 0.33 else "prose"


def _html_text(body: str) -> str:
    """Text of a post: a paragraph, item or block of code each on its own."""
    body = re.sub(r"</(p|li|h\d|pre|blockquote)>", "\n\n", body)
    return html.unescape(re.sub(r"<[^>]{1,2000}>", "", body)).strip()


def all_lines(body: bytes) -> list[str]:
    """All text of a page, a line a node."""
    tree = LexborHTMLParser(body)
    tree.strip_tags(["script", "style", "noscript", "template"])
    root = tree.body
    return [line.strip() for line in (root.text(separator="\n") if root else "").split("\n") if line.strip()]


def _tex_text(tex: str) -> str:
    """Paragraphs of a LaTeX file, formulas as they are, without comments, preamble and the commands around words."""
    tex = re.sub(r"(?<!\\)%.*", "", tex)
    tex = tex.split(r"\begin{document}")[-1].split(r"\begin{thebibliography}")[0]
    tex = re.sub(r"\\(?:begin|end)\{(?:itemize|enumerate|figure|center|abstract|document|table)\*?\}(?:\[[^]]{0,40}\])?", "\n\n", tex)
    tex = re.sub(
        r"\\(?:label|cite\w?|ref|vspace|hspace|input|include|bibliography\w*|includegraphics)\*?(?:\[[^]]{0,99}\])?\{[^}]{0,99}\}", "", tex
    )
    tex = re.sub(r"\\(?:sub)*section\*?\{([^}]{0,200})\}", r"\n\n\1\n\n", tex)
    tex = re.sub(r"\\(?:emph|textbf|textit|texttt|underline|footnote|textsc)\{([^}]{0,500})\}", r"\1", tex)
    paragraphs = (" ".join(p.split()) for p in re.split(r"\n\s*\n", tex.replace("\\item", "\n\n")))
    return "\n\n".join(p for p in paragraphs if len(p) > 20)


def _rst_text(rst: str) -> str:
    """Text of a reStructuredText file as a page of it would read: no directives, targets or underlines."""
    rst = re.sub(
        r"^\s*\.\. math ?::\s*\n((?:[ \t]+.*\n|\n)+)", lambda m: "\n$$" + " ".join(m[1].split()) + "$$\n\n", rst, flags=re.MULTILINE
    )
    rst = re.sub(r":math:`([^`]{1,500})`|(?<![:`\w])`([^`\n]{0,200}[\\^_=][^`\n]{0,200})`(?!`|_)", lambda m: f"${m[1] or m[2]}$", rst)
    rst = re.sub(r":[a-z:+-]{1,30}:`~?([^`<]{1,200}?)\s*(?:<[^`>]{0,200}>)?`", r"\1", rst)
    rst = re.sub(r"``([^`\n]{1,200})``", r"\1", rst)
    rst = re.sub(r"`([^`<]{1,200}?)\s*<[^`>]{1,300}>`__?", r"\1", rst)
    rst = re.sub(r"^\.\. .*$|^\s+:[a-z-]+:.*$|^[=\-~^\"'+*#.]{3,}\s*$", "", rst, flags=re.MULTILINE)
    rst = re.sub(r"\*\*?([^*\n]{1,200})\*\*?", r"\1", rst).replace("::\n", ":\n")
    return re.sub(r"\n{3,}", "\n\n", rst).strip()
