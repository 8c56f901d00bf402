"""Replace personal data in documents, or mark where it was.

Source:  Llama 3, section 3.1.1, removes domains with much personal data; what to do in the documents that stay is ours.
Units:   pii_redactions = finds replaced in `text`, of all kinds. Finds are those of find_pii.
Params:  email, phone, ip, card, iban, ssn -- what becomes of a find of that kind:
             redact (default) -- a filler of the same form that belongs to nobody: name@example.com; 555-0100; 192.0.2.1, or
                 2001:db8::1 for IPv6; 0000-0000-0000-0000; XX00 0000 0000 0000; 000-00-0000 (RFC 2606, 5737 and 3849 reserve the
                 addresses, the North American plan the number; the others fail their checks);
             tag -- a mark: <EMAIL>, <PHONE>, <IP>, <CARD>, <IBAN>, <SSN>;
             keep -- it stays.
Drops:   nothing.
Errors:  none of its own. Texts without a find keep their bytes; null becomes an empty text.

Counts of find_pii are of the text it saw: run it before this stage, for fillers are found like anything else of their form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numba import njit

from curation.stage import Batch, Columns, StageParams, stage
from curation.text import UNICODE_VERSION, Utf8
from stages.safety.pii.scan import KINDS, find

FILLERS = {
    "email": "name@example.com", "phone": "555-0100", "ip": "192.0.2.1", "card": "0000-0000-0000-0000", "iban": "XX00 0000 0000 0000",
    "ssn": "000-00-0000",
}  # fmt: skip
IPV6_FILLER = "2001:db8::1"
Treatment = Literal["redact", "tag", "keep"]


class Params(StageParams):
    """Parameters of redact_pii; see the file's docstring."""

    email: Treatment = "redact"
    phone: Treatment = "redact"
    ip: Treatment = "redact"
    card: Treatment = "redact"
    iban: Treatment = "redact"
    ssn: Treatment = "redact"


@njit(cache=True)
def _has_colon(data: Any, starts: Any, ends: Any) -> Any:
    """Whether each span has a colon: bool (m,)."""
    out = np.zeros(len(starts), np.bool_)
    for k in range(len(starts)):
        for i in range(starts[k], ends[k]):
            out[k] |= data[i] == 58
    return out


@njit(cache=True)
def _replaced(data: Any, offsets: Any, starts: Any, ends: Any, span_offsets: Any, which: Any, new: Any, new_offsets: Any) -> Any:
    """The text with each span replaced by the string `which` names. Returns: bytes and offsets (n + 1,)."""
    n = len(offsets) - 1
    size = offsets[n] - offsets[0]
    for k in range(len(starts)):
        size += new_offsets[which[k] + 1] - new_offsets[which[k]] - (ends[k] - starts[k])
    out, bounds = np.empty(size, np.uint8), np.zeros(n + 1, np.int64)
    at = 0
    for row in range(n):
        i = offsets[row]
        for k in range(span_offsets[row], span_offsets[row + 1]):
            kept = starts[k] - i
            out[at : at + kept] = data[i : starts[k]]
            at += kept
            string = new[new_offsets[which[k]] : new_offsets[which[k] + 1]]
            out[at : at + len(string)] = string
            at += len(string)
            i = ends[k]
        kept = offsets[row + 1] - i
        out[at : at + kept] = data[i : offsets[row + 1]]
        at += kept
        bounds[row + 1] = at
    return out, bounds


@stage(reads=["text"], writes={"text": pa.large_string(), "pii_redactions": pa.int32()}, version=f"2:unicode-{UNICODE_VERSION}")
def redact_pii(batch: Batch, params: Params) -> Columns:
    """Return text (large_string) without the personal data that is not kept, and pii_redactions (int32), one value per document."""
    text = batch.utf8()
    found = find(text)
    treatments = [getattr(params, kind) for kind in KINDS]
    changed = np.array([treatment != "keep" for treatment in treatments])[found.kinds]
    kinds, finds = found.kinds[changed].astype(np.int64), found.where(changed)
    redactions = finds.counts().astype(np.int32)
    if not len(finds):
        return {"text": text.to_arrow(), "pii_redactions": redactions}
    strings = [FILLERS[kind] if treatment == "redact" else f"<{kind.upper()}>" for kind, treatment in zip(KINDS, treatments, strict=True)]
    if params.ip == "redact":
        kinds[(kinds == KINDS.index("ip")) & _has_colon(text.data, finds.starts, finds.ends)] = len(KINDS)
    new = Utf8.of_strings([*strings, IPV6_FILLER])
    data, bounds = _replaced(text.data, text.offsets, finds.starts, finds.ends, finds.offsets, kinds, new.data, new.offsets)
    return {"text": Utf8(data, bounds).to_arrow(), "pii_redactions": redactions}


def replaced(row: Mapping[str, Any], params: Params) -> dict[str, int]:
    """Finds replaced in a document, by kind, for who looks at it; of the counts of find_pii, so nothing where that did not run."""
    if not row.get("pii_redactions"):
        return {}
    return {kind: row[f"{kind}_count"] for kind in KINDS if row.get(f"{kind}_count") and getattr(params, kind) != "keep"}


def masked(texts: pa.Array, params: Params) -> pa.Array:
    """Texts with marks in place of what this stage replaces, for who looks at what they were before it."""
    marks = params.model_copy(update={kind: "tag" for kind in KINDS if getattr(params, kind) == "redact"})
    return redact_pii(pa.table({"text": texts}), marks)["text"]


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file and of those it uses."""
    redact_pii(pa.table({"text": pa.array(["a@b.example \u0663"], pa.large_string())}))
