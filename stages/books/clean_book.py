"""Turn a book's file into its text: plain text, HTML or EPUB, without what distributors and printers put around it.

What Project Gutenberg and others put before and behind a book, who produced it, and transcribers' notes go (gutenberg.py), and
are read for what they say of it. Of plain text running heads and page numbers go, words cut at line ends and paragraphs are
whole again, verse and tables stay line by line (layout.py). Pages of an EPUB come in reading order (epub.py), markup
becomes text as for web pages, every block of it (markup.py). Headings are found and named (chapters.py), for split_chapters.

Source:  Llama 1, section 2.1 (books of Project Gutenberg); how they are cleaned is ours.
Units:   text in UTF-8, a paragraph a line, blank lines between; n_chars in characters; year of the printed book, released as
         YYYY-MM(-DD) of the electronic text, each null where the file does not say; n_lost_pages of an EPUB, damaged or not in it.
Params:  read -- content: the file's bytes; text: what is text already. min_chars -- shorter books are dropped (ours). max_bytes -- larger
         files are dropped, and EPUBs whose pages inflate to more. keep_rights -- which values of `rights` are kept: public_domain,
         cc-by (and -sa, -nd, -nc, -nc-sa, -nc-nd), copyrighted, unknown; null: all. unwrap -- join the lines of
         paragraphs. strip_emphasis -- take the underscores of Project Gutenberg's _emphasis_ away.
Drops:   unknown_format (neither text nor one of these forms), too_large, parse_failed (damaged; no page of an EPUB can be read), encrypted,
         empty (no text left), too_short, wrong_rights.
Errors:  none.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.rules import Bound, Rule
from curation.stage import Batch, Columns, StageParams, stage
from stages.books import chapters, layout
from stages.books.epub import EncryptedError, TooLargeError, is_epub, read_epub, rights_of
from stages.books.gutenberg import HEADING, Told, cut
from stages.books.layout import PAGE_BREAK, roman
from stages.books.markup import as_html, lines_of
from stages.extract.charset import decoded, utf8
from stages.extract.extract_html import LEXBOR, is_html
from stages.extract.metadata import metadata
from stages.extract.page import TooManyNodesError
from stages.extract.tree import Tree

FORMATS = ("text", "html", "epub")
NO_BOOK = ("unknown_format", "too_large", "parse_failed", "encrypted")
Rights = Literal["public_domain", "cc-by", "cc-by-sa", "cc-by-nd", "cc-by-nc", "cc-by-nc-sa", "cc-by-nc-nd", "copyrighted", "unknown"]
FRONT_LINES = 150
"""Lines of a book in which the year it was printed in is looked for; ours."""
FIRST_YEAR, LAST_YEAR = 1450, 2100
_RIGHTS_META = ("dcterms.rights", "dc.rights", "rights")

_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s{0,100}(?:<\?xml[^>]{0,200}>\s{0,100})?(?:<!--[^>]{0,400}>\s{0,100})?<(?:!doctype html|html|head|body)\b", re.I,
)  # fmt: skip
_OTHER = re.compile(rb"\s{0,20}(?:\{\\rtf|TPZ|.{60}BOOKMOBI|AT&TFORM)", re.S)
"""How RTF, Kindle's formats and DjVu begin; of other formats is_html knows."""
_EMPHASIS = re.compile(r"(?<!\w)_([^_]{1,400})_(?!\w)|_(\W{1,3})_")
_NO_CAPTION = re.compile(r"\s{0,40}\[(?:Illustration|Blank Page|Decoration)s?[.:]?\]\s{0,40}", re.I)
_PRINTED = re.compile(r"(?:copyright|published|printed|edition|imprint|\(c\)|©|издание)\D{0,40}\b(1[4-9]\d\d|20\d\d)\b", re.I)
_YEAR_ALONE = re.compile(r"[\W_]{0,20}(?:(?P<year>1[4-9]\d\d|20\d\d)|(?P<roman>M[DCLXVI]{3,12}))[\W_]{0,5}")
_PUBLISHER_TITLE = re.compile(r"The Project Gutenberg e-?book of (.{1,400}?)(?:,? by .{1,200})?\.?", re.I)


class UnknownFormatError(ValueError):
    """Bytes that are neither text nor a book's format."""


class Params(StageParams):
    """Parameters of clean_book; see the file's docstring."""

    read: Literal["content", "text"] = "content"
    min_chars: int | None = Field(default=1_000, ge=0)
    max_bytes: int = Field(default=64 << 20, ge=1)
    keep_rights: tuple[Rights, ...] | None = None
    unwrap: bool = True
    strip_emphasis: bool = True


WRITES = {
    "text": pa.large_string(), "book_format": pa.string(), "n_chars": pa.int64(), "n_lost_pages": pa.int32(), "n_chapters": pa.int32(),
    "chapters": pa.list_(pa.string()), "rights": pa.string(),
    **{name: pa.field(name, pa.string(), nullable=True) for name in ("title", "author", "declared_lang", "released")},
    "year": pa.field("year", pa.int32(), nullable=True),
}  # fmt: skip


def _is(reason: str, batch: Batch, params: Params) -> Any:
    return pc.equal(batch["book_format"], reason).to_numpy(zero_copy_only=False)


def _not_kept(batch: Batch, params: Params) -> Any:
    if params.keep_rights is None:
        return np.zeros(len(batch), dtype=bool)
    return ~pc.is_in(batch["rights"], pa.array(params.keep_rights, pa.string())).to_numpy(zero_copy_only=False)


RULES = (
    *(Rule(reason, ("book_format",), partial(_is, reason), f"book_format is {reason}") for reason in NO_BOOK),
    Rule("empty", ("n_chars",), lambda batch, params: batch["n_chars"].to_numpy(zero_copy_only=False) == 0, "n_chars is 0"),
    Bound("too_short", "n_chars", least="min_chars"),
    Rule("wrong_rights", ("rights",), _not_kept, "rights is none of keep_rights", ("keep_rights",)),
)


def clean(content: bytes | str, params: Params) -> dict[str, Any]:
    """The stage's columns for one book."""
    if len(content) > params.max_bytes:
        return _NOTHING | {"book_format": "too_large"}
    try:
        form, lines, lost, told, typeset = _read(content, params)
    except TooManyNodesError:
        return _NOTHING | {"book_format": "too_large"}
    except (ValueError, RuntimeError) as e:
        return _NOTHING | {"book_format": next((reason for kind, reason in _REFUSED if isinstance(e, kind)), "parse_failed")}
    own, said = cut(lines)
    blocks = layout.blocks_of(line for line in own if not _NO_CAPTION.fullmatch(line[:80]))
    if typeset:
        blocks = layout.without_furniture(blocks)
    if sum(block.lines[0].startswith(HEADING) for block in blocks) < 2:
        chapters.mark(blocks)
    told = said._replace(**{name: value for name, value in told._asdict().items() if value is not None and getattr(said, name) is None})
    found = chapters.chapters_of(blocks, told.title)
    paragraphs = layout.paragraphs(blocks) if typeset and params.unwrap else ["\n".join(block.lines) for block in blocks]
    text = "\n\n".join(filter(None, (p.replace(HEADING, "").replace("\u00ad", "").strip("\n") for p in paragraphs)))
    if params.strip_emphasis:
        text = _EMPHASIS.sub(r"\1\2", text)
        found = [_EMPHASIS.sub(r"\1\2", line) for line in found]
    return {
        "text": text, "book_format": form, "n_chars": len(text), "n_lost_pages": lost, "n_chapters": len(found),
        "chapters": found, "title": told.title, "author": told.author, "declared_lang": told.lang, "released": told.released,
        "rights": told.rights or "unknown", "year": told.year or _printed_year(blocks),
    }  # fmt: skip


_NOTHING = {
    "text": "", "book_format": "unknown_format", "n_chars": 0, "n_lost_pages": 0, "n_chapters": 0, "chapters": [], "title": None,
    "author": None, "declared_lang": None, "released": None, "rights": "unknown", "year": None,
}  # fmt: skip
_REFUSED = ((TooLargeError, "too_large"), (EncryptedError, "encrypted"), (UnknownFormatError, "unknown_format"))


def _read(content: bytes | str, params: Params) -> tuple[str, list[str], int, Told, bool]:
    """Format, lines, pages that are lost, what the file says of the book, and whether the lines are a typesetter's."""
    if isinstance(content, bytes) and is_epub(content):
        pages, lost, told = read_epub(content, params.max_bytes)
        lines: list[str] = []
        for page in pages:
            lines += [*lines_of(as_html(utf8(page, None))).lines, ""]
        return "epub", lines, lost, told, False
    data = content if isinstance(content, bytes) else b""
    if _HTML.match(data[:2048]):
        read = lines_of(as_html(utf8(data, None)))
        return "html", read.lines, 0, _told_by_page(read.page.tree), read.preformatted
    if isinstance(content, bytes):
        if _OTHER.match(content) or not is_html(content):
            raise UnknownFormatError
        content = decoded(content, None)
    text = content.replace("\r\n", "\n").replace("\r", "\n").replace(HEADING, "").replace(PAGE_BREAK, f"\n{PAGE_BREAK}\n")
    return "text", [line if line == PAGE_BREAK else line.rstrip() for line in text.split("\n")], 0, Told(), True


def _told_by_page(tree: Tree) -> Told:
    said = metadata(tree, None)
    title = match[1] if said.title and (match := _PUBLISHER_TITLE.fullmatch(said.title)) else said.title
    rights = next((node.get("content") or "" for node in tree.elements("meta") if (node.get("name") or "").lower() in _RIGHTS_META), "")
    return Told(title, said.author, (said.declared_lang or "").partition("-")[0] or None, said.published, None, rights_of(rights))


def _printed_year(blocks: list[layout.Block]) -> int | None:
    """The earliest year that the pages before the first chapter say the book was printed in."""
    years: list[int] = []
    seen = 0
    for block in blocks:
        if block.lines[0].startswith(HEADING) or seen > FRONT_LINES:
            break
        for line in block.lines:
            seen += 1
            years += map(int, _PRINTED.findall(line[:300]))
            if alone := _YEAR_ALONE.fullmatch(line[:60]):
                years.append(int(alone["year"]) if alone["year"] else roman(alone["roman"].lower()))
    return min((year for year in years if FIRST_YEAR <= year <= LAST_YEAR), default=None)


@stage(
    reads=lambda params: (params.read,), writes=WRITES, rules=RULES, version=f"1:selectolax-{LEXBOR}", costly=True,
)  # fmt: skip
def clean_book(batch: Batch, params: Params) -> Columns:
    """Return the columns of WRITES, one value per document."""
    rows = [clean(content or b"", params) for _, content in batch.documents(params.read)]
    return {name: pa.array([row[name] for row in rows], getattr(kind, "type", kind)) for name, kind in WRITES.items()}


def warm_up() -> None:
    """Compile (or load from the cache) the kernels that HTML and legacy charsets need."""
    for content in (b"<html><h1>One</h1><p>a <b>b</b> <code>c</code></p>" * 9, b"caf\xe9 " * 99):
        clean(content, Params())
