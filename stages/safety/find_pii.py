"""Count personal data in documents: e-mail addresses, phone numbers, IP addresses, card numbers, IBANs, social security numbers.

Source:  Llama 3, section 3.1.1 (domains with much personal data are removed). What counts is ours: stages/safety/pii.
Units:   email_count, phone_count, ip_count (IPv4 and IPv6), card_count (Luhn's check digit holds), iban_count (remainder 97 is 1),
         ssn_count = finds of each kind in `text`; no byte belongs to two finds. pii_count = all of them; pii_per_1000_words = the same
         per 1,000 words of curation/text.py (a text without words counts as one word).
         pii_spans = the finds in order, {kind, start, end}; positions are characters (code points) of `text`, end not included.
Params:  spans -- write pii_spans too (default false).
Drops:   nothing.
Errors:  none of its own; bytes that are not UTF-8 are in no find, and count as one character each in positions.

Digits of every script count. A number without a check digit, a valid range or a form of its own counts only beside a word that says
what it is (stages/safety/pii/context.txt). Masked forms such as `name [at] example` are not looked for; who logs in to a URL or to
a repository (`https://user@host/`, `git@host`) is no e-mail address.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from curation.stage import Batch, Columns, StageParams, Types, stage
from curation.text import UNICODE_VERSION
from stages.safety.pii.scan import KINDS, Finds, char_positions, find

SPAN = pa.struct([pa.field("kind", pa.string(), False), pa.field("start", pa.int32(), False), pa.field("end", pa.int32(), False)])
SPAN_ITEM = pa.field("item", SPAN, False)


class Params(StageParams):
    """Parameters of find_pii; see the file's docstring."""

    spans: bool = False


def _writes(params: Params) -> Types:
    counts = {f"{kind}_count": pa.int32() for kind in KINDS}
    spans = {"pii_spans": pa.list_(SPAN_ITEM)} if params.spans else {}
    return {**counts, "pii_count": pa.int32(), "pii_per_1000_words": pa.float32(), **spans}


@stage(reads=["text"], writes=_writes, version=f"2:unicode-{UNICODE_VERSION}")
def find_pii(batch: Batch, params: Params) -> Columns:
    """Return a count of each kind and of all (int32), pii_per_1000_words (float32), and pii_spans if asked for, one value per document."""
    n = len(batch)
    finds = find(batch.utf8())
    by_kind = np.zeros((n, len(KINDS)), np.int32)
    np.add.at(by_kind, (finds.documents(), finds.kinds), 1)
    count = finds.counts()
    per_1000_words = 1000 * count / np.maximum(batch.words().counts(), 1)
    columns = {f"{kind}_count": by_kind[:, k].copy() for k, kind in enumerate(KINDS)}
    columns["pii_count"] = count.astype(np.int32)
    columns["pii_per_1000_words"] = per_1000_words.astype(np.float32)
    if params.spans:
        columns["pii_spans"] = _span_lists(finds)
    return columns


def _span_lists(finds: Finds) -> pa.Array:
    """Kind and bounds in characters of each find, a list per document."""
    starts, ends = char_positions(finds)
    names = pa.DictionaryArray.from_arrays(pa.array(finds.kinds), pa.array(KINDS)).cast(pa.string())
    values = pa.StructArray.from_arrays([names, pa.array(starts.astype(np.int32)), pa.array(ends.astype(np.int32))], fields=list(SPAN))
    return pa.ListArray.from_arrays(pa.array(finds.offsets.astype(np.int32)), values, type=pa.list_(SPAN_ITEM))


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file and of those it uses."""
    find_pii(pa.table({"text": pa.array(["a@b.example \u0663"], pa.large_string())}), spans=True)
