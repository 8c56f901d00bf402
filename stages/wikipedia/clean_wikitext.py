"""Turn wikitext into text: articles without templates, tables, references and links' targets, with formulas, code, lists and headings.

Three passes: comments, extension tags and templates (templates.py, rendered.py); links, tables and tags (links.py); lines (lines.py).
Each is linear in the text, whatever is left open. Nothing is expanded: a template goes, unless it is one of some hundred whose words
belong to the sentence (lang, convert, quote ...).

Source:  Llama 1, section 2.1 (links, comments and formatting boilerplate removed); forms, lists of words and rendered templates are ours.
Units:   text in UTF-8: paragraphs apart by a blank line, items with `- ` or their number, formulas as TeX between dollars, code as
         it stands. n_sections, n_formulas, n_code_blocks count what is left in it.
Params:  tables -- drop, or rows (a line a row, cells apart by tabs; default drop). namespaces -- numbers of those whose pages are
         articles (default 0).
Drops:   redirect, not_article (another namespace, or no wikitext), disambiguation (by its template, in the wikis of 24 languages), empty.
Errors:  none of its own.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import pyarrow as pa

from curation.stage import Batch, Columns, StageParams, stage
from stages.wikipedia.kept import Kept, text_of
from stages.wikipedia.lines import written
from stages.wikipedia.links import without_links
from stages.wikipedia.templates import without_templates
from stages.wikipedia.words import DISAMBIGUATION, REDIRECT

_REDIRECT = re.compile(rf"\s{{0,100}}#\s?(?:{'|'.join(map(re.escape, REDIRECT))})\s?:?\s{{0,10}}\[\[", re.IGNORECASE)
WRITES = {"text": pa.large_string(), "n_sections": pa.int32(), "n_formulas": pa.int32(), "n_code_blocks": pa.int32()}
_NOTHING = {"text": "", "n_sections": 0, "n_formulas": 0, "n_code_blocks": 0}


class Params(StageParams):
    """Parameters of clean_wikitext; see the file's docstring."""

    tables: Literal["drop", "rows"] = "drop"
    namespaces: list[int] = [0]


def clean(content: bytes, tables: bool = False) -> dict[str, Any]:
    """The stage's columns for the wikitext of one article, drop_reason among them."""
    wikitext = text_of(content)
    if _REDIRECT.match(wikitext):
        return _NOTHING | {"drop_reason": "redirect"}
    kept = Kept()
    without, names = without_templates(wikitext, kept)
    if "__DISAMBIG__" in without or any(map(_is_disambiguation, names)):
        return _NOTHING | {"drop_reason": "disambiguation"}
    text, sections = written(without_links(without, tables), kept)
    kept.counted.clear()
    text = kept.restored(text).strip("\n")
    return {
        "text": text, "n_sections": sections, "n_formulas": kept.counted["formula"], "n_code_blocks": kept.counted["code"],
        "drop_reason": None if text.strip() else "empty",
    }  # fmt: skip


def _is_disambiguation(name: str) -> bool:
    return name in DISAMBIGUATION or (name.startswith("disambig") and "needed" not in name)


@stage(
    reads=["content", "namespace", "redirect", "content_model"], writes=WRITES,
    drops=["redirect", "not_article", "disambiguation", "empty"], costly=True,
)  # fmt: skip
def clean_wikitext(batch: Batch, params: Params) -> Columns:
    """Return the columns of WRITES and drop_reason, one value per document."""
    rows = []
    for _, content, namespace, redirect, model in batch.documents("content", "namespace", "redirect", "content_model"):
        if namespace not in (None, *params.namespaces) or model not in (None, "wikitext"):
            rows.append(_NOTHING | {"drop_reason": "not_article"})
        elif redirect is not None:
            rows.append(_NOTHING | {"drop_reason": "redirect"})
        else:
            rows.append(clean(content or b"", params.tables == "rows"))
    types = WRITES | {"drop_reason": pa.string()}
    return {name: pa.array([row[name] for row in rows], kind) for name, kind in types.items()}
