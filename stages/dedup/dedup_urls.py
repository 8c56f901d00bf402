"""Keep one version of each URL, over the whole data set.

Source:  Llama 3, section 3.1.1: "URL-level de-duplication across the entire dataset. We keep the most
         recent version". The canonical form is ours: stages/dedup/canonical_url.py, case by case.
Units:   duplicate_of = id of the document that stays, for a dropped one; else null.
Params:  keep -- which version stays: newest (default), oldest, or longest (most `body_bytes`, then
             newest). A version without a date comes after all dated ones; ties go to the smallest id.
         against -- folders of Parquet that earlier runs put out, whose documents compete too; those of
             them that lose are listed in the run's `superseded/`, for the parameter of that name of sources.
         max_drop_share -- share of dropped documents that stops the run, of 1,000 documents or more
             (default 0.9, ours; more than half is noted).
Drops:   duplicate_url; duplicate_record where the survivor is the same record (the same id) met again.
Errors:  none of its own. Documents without a URL, or with an empty one, are compared by id alone.

URLs are compared by a 128-bit hash of their canonical form. Run it after valid_records, so that an
error page cannot win, and before extraction: it needs no page's content.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from curation.stage import Batch, Keyed
from stages.dedup import canonical_url, keep_one
from stages.dedup.canonical_url import canonical_urls
from stages.dedup.keep_one import KeepOne, KeepOneParams


class Params(KeepOneParams):
    """Parameters of dedup_urls; see the file's docstring."""

    keep: Literal["newest", "oldest", "longest"] = "newest"


class DedupUrls(KeepOne):
    """Global stage `dedup_urls`."""

    name = "dedup_urls"
    version = "3"
    Params = Params
    drops = ("duplicate_url", "duplicate_record")
    reason = "duplicate_url"

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("url", *self.ranking(params), "id")

    def ranking(self, params: Any) -> Mapping[str, bool]:
        return {"body_bytes": True, "date": True} if params.keep == "longest" else {"date": params.keep == "newest"}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """One row per document: key and check are the halves of the hash of its canonical URL."""
        urls = canonical_urls(batch.utf8("url"))
        key, check = urls.hash128()
        return self.keyed(batch, key, check, urls.bytes_per_row() == 0, params)


def warm_up() -> None:
    """Compile (or load from the cache) the kernels this stage calls."""
    canonical_url.warm_up()
    keep_one.warm_up()


dedup_urls = DedupUrls()
