"""Remove lines that many documents have, counted exactly in buckets of documents; drop a document where too little is left.

Source:  Llama 3, section 3.1.1: line-level deduplication, lines that appeared more than 6 times in each bucket of 30M documents are
         removed. The forms are those of CCNet (Wenzek et al. 2020): stages/dedup/line_forms.py. How buckets are made, and all
         that is called ours.
Units:   occurrences are counted, those within one document too; every copy goes, the first one too. Lines end as in
         curation/text.py; one whose form is empty (blank, or punctuation alone) is neither counted nor removed. What stays
         are exactly the other lines, blank ones too. lines_removed = lines (or paragraphs) removed; line_chars_removed = their
         characters, without what ends the lines; line_words_left = words of a document that lost a line, null of others. What went
         most is shown beside the step, in its form, with its occurrences.
Params:  more_than -- lines of more occurrences in a bucket go: 6 [Llama 3].
         bucket_docs -- documents of a bucket, on average: 30,000,000 [Llama 3]; there are as many buckets as that needs, so one for
         fewer documents.
         bucket_by -- documents get to a bucket by a hash of their id, or of their domain (then all of a site are in one; a document
         without a domain goes by its id). Never by arrival. Ours: id.
         by -- lines are counted apart for each value of this column, such as lang; null = for all together.
         form -- lines of one form are one line: ccnet/paper, ccnet/code, or raw (all but white space at the ends).
         unit -- line, or paragraph (lines between blank lines).
         keep_first -- one copy stays: the first one in the document whose id has the smallest hash (and goes with it if too little
         is left of that). Ours: false.
         skip_code -- lines that are code (stages/heuristics/code_lines.py), and documents whose `profile` is code, where there is
         such a column, are neither counted nor cut. Ours: true.
         min_words_left -- a document that loses a line and has fewer words left is dropped; null = none is. Ours: 1.
Drops:   too_little_left.
Errors:  none of its own. Text that loses no line stays as it is, byte by byte; null becomes empty.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.stage import Batch, StageParams
from curation.text import UNICODE_VERSION, Spans
from stages.dedup.line_forms import EMPTY, Form, form_hashes
from stages.dedup.repeated_units import RepeatedUnits, lines_at
from stages.heuristics.code_lines import in_code


class Params(StageParams):
    """Parameters of dedup_lines; see the file's docstring."""

    more_than: int = Field(6, ge=1)
    bucket_docs: int = Field(30_000_000, ge=1)
    bucket_by: Literal["id", "domain"] = "id"
    by: str | None = Field(None, min_length=1)
    form: Form = "ccnet/paper"
    unit: Literal["line", "paragraph"] = "line"
    keep_first: bool = False
    skip_code: bool = True
    min_words_left: int | None = Field(1, ge=0)


class DedupLines(RepeatedUnits):
    """Global stage `dedup_lines`."""

    name = "dedup_lines"
    version = f"3 unicode {UNICODE_VERSION}"
    Params = Params
    part = "line"

    def reads(self, params: Any) -> tuple[str, ...]:
        return (*super().reads(params), *(("domain",) if params.bucket_by == "domain" and params.by != "domain" else ()))

    def most(self, params: Any) -> int:
        return int(params.more_than)

    def keeps_first(self, params: Any) -> bool:
        return bool(params.keep_first)

    def buckets(self, documents: int, params: Any) -> int:
        return max(1, -(-documents // int(params.bucket_docs)))

    def bucket(self, batch: Batch, params: Any) -> Any:
        hashes = batch.utf8("id").hash()
        if params.bucket_by == "domain":
            known = pc.is_valid(batch["domain"]).to_numpy(zero_copy_only=False)
            hashes = np.where(known, batch.utf8("domain").hash(), hashes)
        return hashes % np.uint64(batch.buckets)

    def parts_of(self, batch: Batch, params: Any) -> Spans:
        text = batch.utf8()
        if params.unit == "line":
            return text.lines()
        paragraphs = text.paragraphs()
        # From where its first line begins: what indents it goes and stays with it.
        return Spans(text, text.lines().starts[lines_at(batch, paragraphs.starts)], paragraphs.ends, paragraphs.offsets)

    def hashes(self, batch: Batch, parts: Spans, params: Any) -> Any:
        hashes = form_hashes(parts, params.form)
        if not params.skip_code:
            return hashes
        code = in_code(batch)
        return np.where(code if params.unit == "line" else code[lines_at(batch, parts.starts)], EMPTY, hashes)


dedup_lines = DedupLines()


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this stage."""
    texts = ["One line of prose, and no code.\n\nAnother one.\nOne line of prose, and no code."] * 2
    table = pa.table({"id": ["a", "b"], "text": pa.array(texts, pa.large_string())})
    for values in ({}, {"keep_first": True}, {"keep_first": True, "unit": "paragraph", "form": "raw"}):
        dedup_lines.warm_up(table, Params.model_validate({"more_than": 1, **values}))
