"""Turn a page's HTML into text.

Source:  trafilatura (Barbaresi 2021) for now; profile gate and limits are ours.
Units:   text in UTF-8, one block a line; profile = web, code or math by what the page's bytes hold.
Params:  engine -- `trafilatura`. max_bytes -- larger pages are dropped. max_depth -- deeper nesting
         is dropped (parsers are worse than linear in depth). min_math, min_code -- formulas and
         code blocks that make a page `math` or `code`.
Drops:   empty (no text found), too_large, too_deep, parse_failed.
Errors:  none of its own; text/plain passes through as it is.
"""

from __future__ import annotations

import codecs
import re
from typing import Any, Literal

import pyarrow as pa

from curation.stage import Batch, Columns, StageParams, stage

MATH = re.compile(rb"<math[\s>]|math/tex|class=[\"']?katex|\\\(|\\begin\{(?:equation|align)|\$\$", re.I)
CODE = re.compile(rb"<pre[\s>]|class=[\"'][^\"']{0,60}\b(?:highlight|blob-code|prettyprint|linenums)\b", re.I)
META = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.I)
LANG = re.compile(rb"<html[^>]{0,500}?\slang\s*=\s*[\"']?([A-Za-z0-9-]{1,20})", re.I)
VOID = frozenset(b"area base br col embed hr img input link meta param source track wbr".split())
REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,7})|([0-9]{1,8}));?")
TAG = re.compile(rb"<(/?)([A-Za-z][A-Za-z0-9]{0,20})([^<>]{0,4096})>")
BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))

WIDER = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949",
    "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874", "big5": "big5hkscs",
}  # fmt: skip
"""Labels that stand for a wider charset on the web."""
CHARSETS = frozenset(
    [
        *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "big5hkscs", "euc_jp", "iso2022_jp", "cp932", "cp949"),
        *("koi8-r", "koi8-u", "cp866", "cp874", "mac-roman", "mac-cyrillic"),
        *(f"cp{n}" for n in range(1250, 1259)),
        *(f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
    ]
)
"""Codecs a page may name: all are linear (Python's punycode is not)."""


class Params(StageParams):
    """Parameters of extract_html; see the file's docstring."""

    engine: Literal["trafilatura"] = "trafilatura"
    max_bytes: int = 4 << 20
    max_depth: int = 512
    min_math: int = 2
    min_code: int = 1


def _codec(label: str) -> str | None:
    """The codec a browser takes for a charset label (WHATWG Encoding); None for one no page may name."""
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    name = WIDER.get(name, name)
    return name if name in CHARSETS else None


def decoded(content: bytes, declared: str | None) -> str:
    """Text of a page: charset by BOM, HTTP header, meta, then UTF-8 if it fits, then detection."""
    for bom, encoding in BOMS:
        if content.startswith(bom):
            return content[len(bom) :].decode(encoding, "replace")
    meta = META.search(content[:4096])
    names: tuple[str | None, ...] = (declared, meta.group(1).decode("ascii", "replace") if meta else None, "utf-8")
    for charset in names:
        codec = _codec(charset) if charset else None
        if codec:
            try:
                return content.decode(codec)
            except UnicodeDecodeError:
                continue
    from charset_normalizer import from_bytes

    best = from_bytes(content[: 64 << 10]).best()
    return content.decode(best.encoding if best else "utf-8", "replace")


def depth(content: bytes) -> int:
    """Deepest nesting of elements, by one linear scan that closes nothing but what is open."""
    deepest = here = 0
    for match in TAG.finditer(content):
        if match.group(1):
            here = max(0, here - 1)
        elif match.group(2).lower() not in VOID and not match.group(3).endswith(b"/"):
            here += 1
            deepest = max(deepest, here)
    return deepest


def profile_of(content: bytes, params: Params) -> str:
    """web, code or math, by counting markup in the bytes."""
    if sum(1 for _ in MATH.finditer(content)) >= params.min_math:
        return "math"
    if sum(1 for _ in CODE.finditer(content)) >= params.min_code:
        return "code"
    return "web"


def _legal(match: re.Match[str]) -> str:
    """A numeric character reference, or nothing for a character XML cannot hold: lxml would give the page up."""
    code = int(match.group(1), 16) if match.group(1) else int(match.group(2))
    legal = code in (9, 10, 13) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000
    return match.group() if legal or code == 0 else ""


def _extracted(page: str, url: str | None) -> tuple[str, str | None]:
    """Text and title by trafilatura. Raises whatever it raises."""
    import trafilatura
    from lxml import etree

    tree = trafilatura.load_html(REFERENCE.sub(_legal, page))
    if tree is None:
        return "", None
    for script in tree.xpath('//script[starts-with(@type, "math/tex")]'):
        mark = "$$" if "display" in script.get("type", "") else "$"
        span = etree.Element("span")
        span.text = f"{mark}{(script.text or '').strip()}{mark}"
        span.tail = script.tail
        parent = script.getparent()
        if parent is not None:
            parent.replace(script, span)
    title = tree.findtext(".//title")
    text = trafilatura.extract(tree, url=url, include_comments=True, include_tables=True, deduplicate=False)
    return text or "", " ".join(title.split()) if title else None


@stage(
    reads=["content", "mime", "http_charset", "url"],
    writes={
        "text": pa.large_string(), "profile": pa.string(),
        "title": pa.field("title", pa.string(), nullable=True), "declared_lang": pa.field("declared_lang", pa.string(), nullable=True),
    },
    drops=["empty", "too_large", "too_deep", "parse_failed"], version="1:trafilatura", costly=True,
)  # fmt: skip
def extract_html(batch: Batch, params: Params) -> Columns:
    """Return text, profile, title, declared_lang and drop_reason, one value per document."""
    columns: dict[str, list[Any]] = {name: [] for name in ("text", "profile", "title", "declared_lang", "drop_reason")}
    for _, content, mime, charset, url in batch.documents("content", "mime", "http_charset", "url"):
        text, profile, title, reason = "", "web", None, None
        content = content or b""
        lang = LANG.search(content[:8192])
        if len(content) > params.max_bytes:
            reason = "too_large"
        elif mime == "text/plain":
            text = decoded(content, charset)
        elif depth(content) > params.max_depth:
            reason = "too_deep"
        else:
            profile = profile_of(content, params)
            try:
                text, title = _extracted(decoded(content, charset), url)
            except (ValueError, TypeError, AttributeError, AssertionError, RecursionError):
                reason = "parse_failed"
        if reason is None and not text.strip():
            reason = "empty"
        values = (text.encode("utf-8", "replace").decode(), profile, title, lang.group(1).decode().lower() if lang else None, reason)
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
    types = {"text": pa.large_string()}
    return {name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()}
