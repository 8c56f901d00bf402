"""Turn a page's HTML into text: content without boilerplate, with its formulas, code, tables and lists.

Bytes become text by the page's charset (charset.py); one scan bounds nesting, attributes and size (scan.py); lexbor
parses; formulas and code are found where the page has some (math/, code/); the page is cut into blocks
(blocks.py), a small trained model tells content from boilerplate (block_model.py), and what is kept is written
(render.py). Text that is no HTML but says so (text/plain) passes as it is.

Source:  Llama 3, section 3.1.1 (own parser, code and math extracted apart, alt text kept, Markdown markers removed);
         features, model and limits are ours.
Units:   text in UTF-8; extract_confidence is the word F1 the model expects; link_density a share of bytes, 0 to 1.
Params:  engine -- curate, or trafilatura (Barbaresi 2021) for comparison. format -- text, markdown, or structured (a JSON
         object a block). strip_markdown -- take Markdown markers out of prose. model -- file of the block model.
         max_bytes -- longer pages are dropped. min_formulas, min_code_share -- formulas, and share of the text in code
         blocks, that make a page `math` or `code`.
Drops:   empty (no content found), too_large (bytes or nodes), not_html, parse_failed.
Errors:  a model file that is none is an error of the recipe.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import field_validator

from curation.assets import resolve
from curation.stage import AssetMark, Batch, Columns, StageParams, stage
from stages.extract.block_model import Forest, judge, load
from stages.extract.charset import decoded, utf8
from stages.extract.metadata import metadata
from stages.extract.page import TooManyNodesError, read
from stages.extract.render import render
from stages.extract.trafilatura_text import trafilatura_text

_OTHER_FORMAT = re.compile(rb"%PDF-|%!PS|\x1f\x8b|PK\x03\x04|\x89PNG|GIF8|\xff\xd8\xff|RIFF|OggS|ID3|\x00\x00\x00.ftyp|[\[{]\s*[\"\[{\]}]")
"""How PDF, PostScript, archives, images, sound, film and JSON begin."""
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")


class Params(StageParams):
    """Parameters of extract_html; see the file's docstring."""

    engine: Literal["curate", "trafilatura"] = "curate"
    format: Literal["text", "markdown", "structured"] = "text"
    strip_markdown: bool = True
    model: Annotated[str, AssetMark(load)] = "extract/blocks.npz"
    max_bytes: int = 4 << 20
    min_formulas: int = 2
    min_code_share: float = 0.1

    @field_validator("engine")
    @classmethod
    def _installed(cls, engine: str) -> str:
        if engine != "curate" and importlib.util.find_spec(engine) is None:
            raise ValueError(f"engine {engine} needs: pip install 'curate-pretraining[{engine}]'")
        return engine


LEXBOR = ".".join(importlib.metadata.version("selectolax").split(".")[:2])
"""Minor version of the package that carries lexbor: another one may build other trees."""
WRITES = {
    "text": pa.large_string(), "profile": pa.string(),
    **{name: pa.field(name, pa.string(), nullable=True) for name in ("title", "published", "author", "declared_lang")},
    "extract_confidence": pa.float32(), "n_blocks": pa.int32(), "n_formulas": pa.int32(), "n_code_blocks": pa.int32(),
    "link_density": pa.float32(),
}  # fmt: skip
_NOTHING = {
    "text": "", "profile": "web", "title": None, "published": None, "author": None, "declared_lang": None,
    "extract_confidence": 0.0, "n_blocks": 0, "n_formulas": 0, "n_code_blocks": 0, "link_density": 0.0, "drop_reason": None,
}  # fmt: skip


def is_html(content: bytes) -> bool:
    """Whether bytes may be a page: not the start of another format, not binary (more than a twentieth control bytes)."""
    head = content[:4096].lstrip()
    if _OTHER_FORMAT.match(head):
        return False
    return 20 * len(_CONTROL.findall(head)) <= len(head)


def extract(content: bytes, mime: str | None, charset: str | None, url: str | None, params: Params) -> dict[str, Any]:
    """The stage's columns for one page, drop_reason among them.

    Args:
        content: the page's bytes. mime, charset: what the server said. url: its address.
    """
    if len(content) > params.max_bytes:
        return _NOTHING | {"drop_reason": "too_large"}
    if mime == "text/plain":
        text = decoded(content, charset)
        return _NOTHING | {"text": text, "extract_confidence": 1.0, "drop_reason": None if text.strip() else "empty"}
    if not is_html(content):
        return _NOTHING | {"drop_reason": "not_html"}
    content = utf8(content, charset)
    try:
        page = read(content)
    except TooManyNodesError:
        return _NOTHING | {"drop_reason": "too_large"}
    except (ValueError, RuntimeError):
        return _NOTHING | {"drop_reason": "parse_failed"}
    found = metadata(page.tree, url)._asdict()
    if params.engine == "trafilatura":
        text = trafilatura_text(content.decode(), url)
        return _NOTHING | found | {"text": text, "drop_reason": None if text.strip() else "empty"}
    judged = judge(page.tree, page.blocks, page.title, url, _model(params.model))
    written = render(page, judged.keep, params.format, strip=params.strip_markdown)
    profile = "math" if written.n_formulas >= params.min_formulas else "code" if written.code_share >= params.min_code_share else "web"
    return _NOTHING | found | {
        "text": written.text, "profile": profile, "extract_confidence": judged.confidence, "n_blocks": written.n_blocks,
        "n_formulas": written.n_formulas, "n_code_blocks": written.n_code_blocks, "link_density": written.link_density,
        "drop_reason": None if written.text.strip() else "empty",
    }  # fmt: skip


@cache
def _model(path: str) -> Forest:
    return load(resolve(path, Path.cwd()))


@stage(
    reads=["content", "mime", "http_charset", "url"], writes=WRITES, drops=["empty", "too_large", "not_html", "parse_failed"],
    version=f"2:selectolax-{LEXBOR}", costly=True,
)  # fmt: skip
def extract_html(batch: Batch, params: Params) -> Columns:
    """Return the columns of WRITES and drop_reason, one value per document."""
    rows = [
        extract(content or b"", mime, charset, url, params)
        for _, content, mime, charset, url in batch.documents("content", "mime", "http_charset", "url")
    ]
    types = {name: getattr(kind, "type", kind) for name, kind in WRITES.items()} | {"drop_reason": pa.string()}
    return {name: pa.array([row[name] for row in rows], kind) for name, kind in types.items()}


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this folder."""
    for page in (b"<title>a</title><p>a <a href=b>b</a>, $x$ <code>c</code><pre>d</pre><math><mi>x</mi></math>", b"\xe9\xa0 caf\xe9"):
        extract(page * 20, None, None, None, Params())
