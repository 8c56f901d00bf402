"""Keep one document of each text.

Source:  ours; the cheap first step of document deduplication (Llama 3, section 3.1.1).
Units:   duplicate_of = id of the document that stays, for a dropped one; else null.
Params:  normalize -- what counts as equal: raw (default; the same bytes) or folded (equal after NFC,
             lower case, runs of white space as one space, none at the ends).
         keep -- newest (default) or oldest stays; documents without a date after all dated ones; ties
             go to the smallest id.
         against -- folders of Parquet that earlier runs put out, whose documents compete too; those of
             them that lose are listed in the run's `superseded/`, for the parameter of that name of sources.
         max_drop_share -- share of dropped documents that stops the run, of 1,000 documents or more
             (default 0.9, ours; more than half is noted).
Drops:   exact_duplicate; duplicate_record where the survivor is the same record (the same id) met again.
Errors:  with `normalize: folded` text that is not UTF-8 fails. Texts that are empty after normalising are compared by id alone.

Texts are compared by a 128-bit hash (XXH3), of which 64 bits are the key and 64 travel along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pyarrow.compute as pc

from curation import text as kernels
from curation.stage import Batch, Keyed
from curation.text import UNICODE_VERSION, Utf8
from stages.dedup import keep_one
from stages.dedup.keep_one import KeepOne, KeepOneParams


class Params(KeepOneParams):
    """Parameters of dedup_exact; see the file's docstring."""

    normalize: Literal["raw", "folded"] = "raw"
    keep: Literal["newest", "oldest"] = "newest"


class DedupExact(KeepOne):
    """Global stage `dedup_exact`."""

    name = "dedup_exact"
    version = f"3 unicode {UNICODE_VERSION}"
    Params = Params
    drops = ("exact_duplicate", "duplicate_record")
    reason = "exact_duplicate"

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("text", "date", "id")

    def ranking(self, params: Any) -> Mapping[str, bool]:
        return {"date": params.keep == "newest"}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """One row per document: key and check are the halves of the hash of its text."""
        text = folded(batch["text"]) if params.normalize == "folded" else batch.utf8()
        key, check = text.hash128()
        return self.keyed(batch, key, check, text.bytes_per_row() == 0, params)


def warm_up() -> None:
    """Compile (or load from the cache) the kernels this stage calls."""
    kernels.warm_up()
    keep_one.warm_up()


def folded(text: Any) -> Utf8:
    """Text of an Arrow string array in NFC, lower case, with white space folded."""
    wide = pc.greater(pc.binary_length(text), pc.utf8_length(text))  # holds more than ASCII
    if pc.any(wide).as_py():
        text = pc.if_else(wide, pc.utf8_normalize(text, "NFC"), text)
    return Utf8.of(text).folded()


dedup_exact = DedupExact()
