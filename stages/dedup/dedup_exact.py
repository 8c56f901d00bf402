"""Keep one document of each text.

Source:  ours; the cheap first step of document deduplication (Llama 3, section 3.1.1).
Units:   duplicate_of = id of the document that stays, for a dropped one; else null.
Params:  normalize -- what counts as equal: raw (default; the same bytes) or folded (equal after NFC,
             lower case, runs of white space as one space, none at the ends).
         keep -- newest (default) or oldest stays; documents without a date after all dated ones; ties
             go to the smallest id.
Drops:   exact_duplicate; duplicate_record where the survivor is the same record (the same id) met again.
Errors:  none of its own. Texts that are empty after normalising are compared by id alone.

Texts are compared by a 128-bit hash (XXH3), of which 64 bits are the key and 64 travel along.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.stage import Batch, Keyed, StageParams, Types
from curation.text import UNICODE_VERSION, Utf8
from stages.dedup.dedup_urls import hash_pairs, microseconds
from stages.dedup.keep_one import CHECK, KeepOne


class Params(StageParams):
    """Parameters of dedup_exact; see the file's docstring."""

    normalize: Literal["raw", "folded"] = "raw"
    keep: Literal["newest", "oldest"] = "newest"


class DedupExact(KeepOne):
    """Global stage `dedup_exact`."""

    name = "dedup_exact"
    version = f"1 unicode {UNICODE_VERSION}"
    Params = Params
    drops = ("exact_duplicate", "duplicate_record")
    reason = "exact_duplicate"

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("text", "id", "date")

    def writes(self, params: Any) -> Types:
        return {"duplicate_of": pa.field("duplicate_of", pa.string(), nullable=True)}

    def verdict(self, params: Any) -> Types:
        return {"drop_reason": pa.string(), **self.writes(params)}

    def payload(self, params: Any) -> Types:
        return {CHECK: pa.uint64(), "id": pa.string(), "date": pa.field("date", pa.int64(), nullable=True)}

    def order(self, params: Any) -> list[tuple[str, str]]:
        return [("date", "descending" if params.keep == "newest" else "ascending")]

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """One row per document: key and check are the halves of the hash of its text."""
        text, ids = batch.utf8(), batch["id"]
        if params.normalize == "folded":
            text = folded(batch["text"])
        key, check = text.hash128()
        empty = np.flatnonzero(text.bytes_per_row() == 0)
        own = (f"id {given}" for given in ids.take(pa.array(empty)).to_pylist())
        key[empty], check[empty] = hash_pairs(own)
        columns = {CHECK: check, "id": ids.cast(pa.string()), "date": microseconds(batch["date"])}
        return Keyed(key, np.arange(len(batch), dtype=np.int64), columns)


def folded(text: Any) -> Utf8:
    """Text of an Arrow string array in NFC, lower case, with white space folded."""
    wide = pc.greater(pc.binary_length(text), pc.utf8_length(text))  # holds more than ASCII
    if pc.any(wide).as_py():
        text = pc.if_else(wide, pc.utf8_normalize(text, "NFC"), text)
    return Utf8.of(text).folded()


dedup_exact = DedupExact()
