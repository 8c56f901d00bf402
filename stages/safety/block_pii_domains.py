"""Drop all documents of domains where many documents hold much personal data.

Source:  Llama 3, section 3.1.1: domains that contain high amounts of personal data are removed. Every number is ours.
Units:   pii_domain_documents, pii_domain_share = documents of the registrable domain, and which share of them has much personal data;
         null for documents of domains that stay, and of no domain.
Params:  max_pii_count, max_pii_per_1000_words -- a document has much personal data where it is above both.
         max_share -- a domain stays while its share of such documents is no larger (default 20 %).
         min_documents -- domains with fewer documents stay whatever their share, for it says little.
Drops:   pii_domain.
Errors:  none of its own. It needs find_pii before it, and sees the documents that got so far: run it before document-level filters.

Domains are public suffix and one label more (curation/domains.py), compared by a 128-bit hash. A mapper sends one row a domain, not one
a document, so that no domain is too large. Blocked domains return as one table to every worker: 40 bytes each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.domains import registrable_domains
from curation.stage import Batch, Columns, GlobalStage, Keyed, Reduced, StageParams, Types, Verdicts
from curation.text import Utf8

CHECK = "check"
COUNTS = ("documents", "with_pii")


class Params(StageParams):
    """Parameters of block_pii_domains; see the file's docstring."""

    max_pii_count: int = 4
    max_pii_per_1000_words: float = 10
    max_share: float = Field(default=0.2, ge=0, le=1)
    min_documents: int = Field(default=20, ge=1)


class BlockPiiDomains(GlobalStage):
    """Global stage `block_pii_domains`."""

    name = "block_pii_domains"
    Params = Params
    drops = ("pii_domain",)
    _state: ClassVar[dict[str, Any]] = {"key": pa.uint64(), CHECK: pa.uint64(), **dict.fromkeys(COUNTS, pa.int64())}
    _last: tuple[pa.Table | None, pa.Table] | None = None

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("url", "pii_count", "pii_per_1000_words")

    def writes(self, params: Any) -> Types:
        return {
            "pii_domain_documents": pa.field("pii_domain_documents", pa.int64(), nullable=True),
            "pii_domain_share": pa.field("pii_domain_share", pa.float32(), nullable=True),
        }

    def payload(self, params: Any) -> Types:
        return {name: kind for name, kind in self._state.items() if name != "key"}

    def verdict(self, params: Any) -> Types:
        return {}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """One row per document of a domain: the halves of its hash, and counts of one."""
        rows, key, check = _domains(batch)
        count, density = (np.asarray(batch[name])[rows] for name in ("pii_count", "pii_per_1000_words"))
        much = (count > params.max_pii_count) & (density > params.max_pii_per_1000_words)
        return Keyed(key, rows, {CHECK: check, "documents": np.ones(len(rows), np.int64), "with_pii": much.astype(np.int64)})

    def combine(self, rows: pa.Table, params: Any, round_: int) -> pa.Table:
        """One row per domain, with the sums of the counts and the first of the other columns."""
        if not rows.num_rows:
            return rows
        key, check = rows.column("key").to_numpy(), rows.column(CHECK).to_numpy()
        order = np.lexsort((check, key))
        first = np.ones(len(order), bool)
        first[1:] = (key[order][1:] != key[order][:-1]) | (check[order][1:] != check[order][:-1])
        begins = np.flatnonzero(first)
        merged = rows.take(pa.array(order[begins]))
        for name in COUNTS:
            sums = np.add.reduceat(rows.column(name).to_numpy()[order], begins)
            merged = merged.set_column(merged.column_names.index(name), name, pa.array(sums, pa.int64()))
        return merged

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced:
        domains = self.combine(rows, params, round_)
        documents, with_pii = (domains.column(name).to_numpy() for name in COUNTS)
        blocked = (documents >= params.min_documents) & (with_pii / np.maximum(documents, 1) > params.max_share)
        return Reduced(state=domains.select(list(self._state)).filter(pa.array(blocked)))

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        counted: pa.Table | None = None
        for chunk in chunks():
            counted = self.combine(chunk if counted is None else pa.concat_tables([counted, chunk]), params, round_)
        if counted is not None:
            yield self.reduce(counted, params, round_)

    def apply(self, batch: Batch, verdicts: Verdicts, params: Any) -> Columns:
        """Drop reason and figures of the documents whose domain is among the blocked."""
        blocked = self._sorted(verdicts.state)
        rows, key, check = _domains(batch)
        keys, checks = blocked.column("key").to_numpy(), blocked.column(CHECK).to_numpy()
        found = np.full(len(batch), -1, np.int64)
        if len(keys):
            at = np.searchsorted(keys, key)
            while True:  # domains with equal keys stand side by side
                here = np.minimum(at, len(keys) - 1)
                alike = (keys[here] == key) & (at < len(keys))
                same = alike & (checks[here] == check)
                found[rows[same]] = here[same]
                if not (alike & ~same).any():
                    break
                at += 1
        documents, with_pii = (blocked.column(name).to_numpy() for name in COUNTS)
        index = pa.array(found, mask=found < 0)
        return {
            "pii_domain_documents": pa.array(documents, pa.int64()).take(index),
            "pii_domain_share": pa.array(with_pii / documents, pa.float32()).take(index),
            "drop_reason": pa.array(["pii_domain"] * len(documents), pa.string()).take(index),
        }

    def _sorted(self, state: pa.Table | None) -> pa.Table:
        """The blocked domains by key; sorted once for all batches of a shard."""
        if self._last is None or self._last[0] is not state:
            table = state if state is not None else pa.table({name: pa.array([], kind) for name, kind in self._state.items()})
            self._last = state, table.sort_by("key")
        return self._last[1]


def _domains(batch: Batch) -> tuple[Any, Any, Any]:
    """Documents that have a domain (rows int64 (m,)), and both halves of its hash: uint64 (m,) each."""
    domains = registrable_domains(batch["url"])
    rows = np.flatnonzero(domains.is_valid().to_numpy(zero_copy_only=False))
    high, low = Utf8.of(domains).hash128()
    return rows, high[rows], low[rows]


block_pii_domains = BlockPiiDomains()
