"""Drop records that are no whole, successfully fetched HTML page.

Source:  Llama 3, section 3.1: HTML of non-truncated pages. Statuses, media types and signatures ours.
Units:   none; it reads what the WARC source says of a record, and the first 1,024 bytes of `content`.
Params:  statuses -- HTTP statuses kept (default 200); a record without HTTP head fails unless it is a
             conversion record (WET), which has none.
         mimes -- media types kept (default text/html and application/xhtml+xml). A page that names
             none is kept where it begins like HTML. A conversion record may also be text/plain.
         keep_truncated -- keep records cut by the crawler or by damage (default false).
Drops:   bad_status; truncated; empty (nothing, or white space alone); not_html (another media type, or
         bytes that are an image, PDF, archive, or other binary data, whatever is declared).
Errors:  none of its own; null columns count as not declared.

Should run before URL deduplication: a newer error page must not win over an older good one.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.rules import first_true
from curation.stage import Batch, Columns, StageParams, stage

HEAD_BYTES = 1024
_SIGNATURE = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|%PDF-|\x1f\x8b|PK\x03\x04|RIFF....(?:WEBP|AVI |WAVE)|Rar!\x1a|7z\xbc\xaf"
    rb"|\xfd7zXZ|BZh[1-9]1AY|\x28\xb5\x2f\xfd|\x7fELF|\xca\xfe\xba\xbe|wOF[F2]|OggS|ID3[\x02-\x04]|\xd0\xcf\x11\xe0"
    rb"|SQLite format 3|\x00\x00\x01\x00",
    re.DOTALL,
)
# Atomic groups: without them a run of comments would be tried in every way to split it.
_LIKE_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?(?>(?>\s+|<!--.*?-->|<\?xml.*?\?>)*)"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script|style|link|div|table|p|h1|a)[\s>/]",
    re.IGNORECASE | re.DOTALL,
)
_NOT_BLANK = re.compile(rb"[^\s\x00]")


class Params(StageParams):
    """Parameters of valid_records; see the file's docstring."""

    statuses: tuple[int, ...] = (200,)
    mimes: tuple[str, ...] = ("text/html", "application/xhtml+xml")
    keep_truncated: bool = False


@stage(
    reads=["content", "body_bytes", "http_status", "mime", "truncated", "warc_type"],
    writes={},
    drops=["bad_status", "truncated", "empty", "not_html"],
)
def valid_records(batch: Batch, params: Params) -> Columns:
    """Return drop_reason (null = keep), one value per document."""
    converted = _holds(pc.equal(batch["warc_type"], "conversion"))
    status, mime = batch["http_status"], batch["mime"]
    good_status = _holds(pc.is_in(status, pa.array(params.statuses, status.type)))
    good_status |= converted & ~_holds(pc.is_valid(status))
    good_mime = _holds(pc.is_in(mime, pa.array(params.mimes, mime.type)))
    good_mime |= converted & _holds(pc.equal(mime, "text/plain"))
    undeclared = ~_holds(pc.is_valid(mime)) | _holds(pc.equal(mime, ""))
    heads = pc.fill_null(pc.binary_slice(batch["content"], 0, HEAD_BYTES), b"").to_pylist()
    blank = np.array([_NOT_BLANK.search(head) is None for head in heads], dtype=bool)
    short = pc.fill_null(pc.binary_length(batch["content"]), 0).to_numpy(zero_copy_only=False) <= HEAD_BYTES
    # A page that starts with a screen of white space is rare: its rest is looked at one by one.
    for row in np.flatnonzero(blank & ~short):
        blank[row] = _NOT_BLANK.search(batch["content"][row].as_py()) is None
    binary = np.array([is_binary(head) for head in heads], dtype=bool)
    looks = np.array([u and _LIKE_HTML.match(h) is not None for u, h in zip(undeclared, heads, strict=True)], bool)
    return {
        "drop_reason": first_true(
            bad_status=~good_status,
            truncated=_holds(pc.is_valid(batch["truncated"])) & (not params.keep_truncated),
            empty=blank,
            not_html=~(good_mime | looks) | binary,
        )
    }


def is_binary(head: bytes) -> bool:
    """Whether the first bytes of a body are those of a binary file, not of text in any charset."""
    if _SIGNATURE.match(head):
        return True
    if b"\0" not in head or head[:2] in (b"\xff\xfe", b"\xfe\xff") or head[:4] == b"\0\0\xfe\xff":
        return False
    # UTF-16 markup without a byte order mark has its NULs on one side of each pair.
    zeros = [head[side::2].count(0) for side in (0, 1)]
    return min(zeros) > 0 or max(zeros) < len(head) // 8


def _holds(mask: Any) -> Any:
    """Arrow booleans as numpy, null as false."""
    return pc.fill_null(mask, False).to_numpy(zero_copy_only=False).astype(bool)
