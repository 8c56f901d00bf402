"""Remove spans of three sentences that another document, or the same one, has too: one copy stays.

Source:  C4, Raffel et al. 2020, section 2.2: all but one of any three-sentence span occurring more than once in the data set are
         discarded. Sentences are those of stages/heuristics/sentences.py; the paper says no more, the rest is ours.
Units:   a span is any `sentences` sentences in a row. A sentence goes if it is in a span that goes. The copy that stays is the first
         one in the document whose id has the smallest hash, so each sentence that
         goes has a copy elsewhere, unless too little is left of that document. Of the
         white space around a gap the longer part stays. sentences_removed = sentences removed; sentence_chars_removed = their
         characters; sentence_words_left = words of a document that lost a sentence, null of others. Documents with fewer
         sentences have no span; they are counted and stay as they are.
Params:  sentences -- sentences in a span: 3 [C4].
         by -- spans are compared within documents of the same value of this column, such as lang; null = among all.
         form -- sentences of one form are one: raw (all but white space at the ends), ccnet/paper or ccnet/code
         (stages/dedup/line_forms.py). Ours: raw.
         skip_code -- spans that touch lines of code (stages/heuristics/code_lines.py), and documents whose `profile` is code, where
         there is such a column, are left alone. Ours: true.
         min_words_left -- a document that loses a sentence and has fewer words left is dropped; null = none is. Ours: 1.
Drops:   too_little_left.
Errors:  none of its own. Text that loses no sentence stays as it is, byte by byte; null becomes empty.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from pydantic import Field

from curation.stage import Batch, StageParams
from curation.text import UNICODE_VERSION, Spans, mix64
from stages.dedup.line_forms import EMPTY, Form, form_hashes
from stages.dedup.repeated_units import RepeatedUnits, lines_at
from stages.heuristics.code_lines import in_code
from stages.heuristics.sentences import sentences


class Params(StageParams):
    """Parameters of dedup_spans; see the file's docstring."""

    sentences: int = Field(3, ge=1, le=100)
    by: str | None = Field(None, min_length=1)
    form: Form = "raw"
    skip_code: bool = True
    min_words_left: int | None = Field(1, ge=0)


class DedupSpans(RepeatedUnits):
    """Global stage `dedup_spans`."""

    name = "dedup_spans"
    version = f"3 unicode {UNICODE_VERSION}"
    Params = Params
    part = "sentence"

    def most(self, params: Any) -> int:
        return 1

    def keeps_first(self, params: Any) -> bool:
        return True

    def span(self, params: Any) -> int:
        return int(params.sentences)

    def parts_of(self, batch: Batch, params: Any) -> Spans:
        return sentences(batch.utf8()).trimmed()

    def hashes(self, batch: Batch, parts: Spans, params: Any) -> Any:
        alone = np.zeros(len(parts), bool)
        if params.skip_code and len(parts):
            code = np.concatenate(([0], np.cumsum(in_code(batch))))
            alone = code[lines_at(batch, parts.starts)] < code[lines_at(batch, parts.ends - 1) + 1]
        return _span_hashes(form_hashes(parts, params.form), alone, parts.offsets, params.sentences)


@njit(cache=True)
def _span_hashes(hashes: Any, alone: Any, offsets: Any, span: Any) -> Any:
    """Hash of the span that begins with each sentence; EMPTY where there is none, it is empty, or one of it is to be left alone."""
    out = np.full(len(hashes), EMPTY, np.uint64)
    for row in range(len(offsets) - 1):
        for k in range(offsets[row], offsets[row + 1] - span + 1):
            value, left_alone, empty = np.uint64(0), False, True
            for j in range(k, k + span):
                value = mix64(value, hashes[j])
                left_alone |= alone[j]
                empty &= hashes[j] == EMPTY
            if not left_alone and not empty:
                out[k] = max(value, np.uint64(1))
    return out


dedup_spans = DedupSpans()


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this stage."""
    table = pa.table({"id": ["a"], "text": pa.array(["One. Two. Three. One. Two. Three."], pa.large_string())})
    for form in ("raw", "ccnet/paper"):
        dedup_spans.warm_up(table, Params.model_validate({"form": form}))
