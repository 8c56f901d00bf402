"""Keep one version of each URL, over the whole data set.

Source:  Llama 3, section 3.1.1: "URL-level de-duplication across the entire dataset. We keep the most
         recent version". The canonical form is ours: stages/dedup/canonical_url.py, case by case.
Units:   none.
Params:  keep -- which version stays: newest (default), oldest, or longest (most `body_bytes`, then
             newest). A version without a date comes after all dated ones; ties go to the smallest id.
Drops:   duplicate_url; duplicate_record where the survivor is the same record (the same id) met again.
Errors:  none of its own. Documents without a URL are compared by id alone.

URLs are compared by a 128-bit hash of their canonical form. Run it after valid_records, so that an
error page cannot win, and before extraction: it needs no page's content.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import xxhash

from curation.stage import Batch, Keyed, StageParams, Types
from stages.dedup.canonical_url import canonical_url
from stages.dedup.keep_one import CHECK, KeepOne


class Params(StageParams):
    """Parameters of dedup_urls; see the file's docstring."""

    keep: Literal["newest", "oldest", "longest"] = "newest"


class DedupUrls(KeepOne):
    """Global stage `dedup_urls`."""

    name = "dedup_urls"
    Params = Params
    drops = ("duplicate_url", "duplicate_record")
    reason = "duplicate_url"

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("url", "date", "id", *(("body_bytes",) if params.keep == "longest" else ()))

    def payload(self, params: Any) -> Types:
        types = {CHECK: pa.uint64(), "id": pa.string(), "date": pa.field("date", pa.int64(), nullable=True)}
        if params.keep == "longest":
            types["body_bytes"] = pa.field("body_bytes", pa.int64(), nullable=True)
        return types

    def order(self, params: Any) -> list[tuple[str, str]]:
        if params.keep == "longest":
            return [("body_bytes", "descending"), ("date", "descending")]
        return [("date", "descending" if params.keep == "newest" else "ascending")]

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """One row per document: key and check are the halves of the hash of its canonical URL."""
        ids = batch["id"]
        key, check = hash_pairs(
            f"id {given}" if url is None else canonical_url(url)
            for url, given in zip(batch["url"].to_pylist(), ids.to_pylist(), strict=True)
        )
        columns = {CHECK: check, "id": ids.cast(pa.string()), "date": microseconds(batch["date"])}
        if params.keep == "longest":
            columns["body_bytes"] = batch["body_bytes"].cast(pa.int64())
        return Keyed(key, np.arange(len(batch), dtype=np.int64), columns)


def hash_pairs(texts: Any) -> tuple[Any, Any]:
    """High and low half of the XXH3-128 of each string: two uint64 arrays."""
    digest = xxhash.xxh3_128_digest
    joined = b"".join([digest(text.encode("utf-8", "surrogatepass")) for text in texts])
    halves = np.frombuffer(joined, dtype=">u8").reshape(-1, 2).astype(np.uint64)
    return np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(halves[:, 1])


def microseconds(dates: Any) -> Any:
    """Dates (of any unit, or null) as int64 microseconds."""
    if pa.types.is_null(dates.type):
        return dates.cast(pa.int64())
    return dates.cast(pa.timestamp("us", getattr(dates.type, "tz", None)), safe=False).cast(pa.int64())


dedup_urls = DedupUrls()
