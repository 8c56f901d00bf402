"""Make text of a file's bytes: its charset decoded, line ends as line feeds, no byte-order mark; what is no text goes.

Source:  Git takes a file for binary that has a NUL among its first 8,000 bytes; here all of it is looked at, and UTF-16 is text. Values
         ours.
Units:   text in UTF-8. The charset is told as for pages (stages/extract/charset.py).
Params:  max_bytes -- larger files go (1 MiB: ours). max_control_fraction -- control bytes (none of them tab, line end, form feed or
         escape) of all, above which a file is binary; of UTF-16 with its mark control characters, and what is no character.
Drops:   empty (nothing but white space), too_large, binary.
Errors:  none of its own.
"""

from __future__ import annotations

import re

import pyarrow as pa

from curation.stage import Batch, Columns, StageParams, stage
from stages.extract.charset import decoded

_CONTROL = bytes(b for b in range(32) if b not in b"\t\n\x0b\x0c\r\x1b") + b"\x7f"
_MAGIC = re.compile(
    rb"\x7fELF|MZ[\x00-\xff]{2}\x00|PK\x03\x04|\x1f\x8b|BZh[1-9]1AY|\xfd7zXZ|7z\xbc\xaf|\x28\xb5\x2f\xfd|%PDF-|\x89PNG|GIF8[79]a|\xff\xd8\xff|"
    rb"RIFF.{4}(?:WAVE|AVI |WEBP)|OggS\x00|\xca\xfe\xba\xbe|\xcf\xfa\xed\xfe|wOF[F2]|\x00asm|SQLite format 3\x00|\xd0\xcf\x11\xe0",
    re.S,
)
"""How programs, archives, images, sound, fonts and other files begin that may hold long stretches of text."""
_DECLARED = re.compile(rb"coding[:=][ \t]{0,9}([-\w.]{1,40})")  # Python, Ruby and Emacs, in the first lines
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd-\uffff]")


class Params(StageParams):
    """Parameters of decode_code; see the file's docstring."""

    max_bytes: int = 1 << 20
    max_control_fraction: float = 0.01


def is_binary(content: bytes, params: Params) -> bool:
    """Whether bytes are no text in any charset."""
    if content.startswith(_UTF16):
        text = content.decode("utf-16", "replace")
        return len(_NO_TEXT.findall(text)) > params.max_control_fraction * len(text)
    if _MAGIC.match(content):
        return True
    nuls = content.count(0)
    if nuls and not _is_utf16(content, nuls):
        return True
    controls = len(content) - len(content.translate(None, _CONTROL)) - nuls
    return controls > params.max_control_fraction * len(content)


def _is_utf16(content: bytes, nuls: int) -> bool:
    """Whether the NULs are those of UTF-16: nearly all at even, or nearly all at odd places, and at most of them."""
    even, odd = content[::2].count(0), content[1::2].count(0)
    return max(even, odd) > 0.99 * nuls and nuls > 0.4 * (len(content) // 2)


def _declared(content: bytes) -> str | None:
    found = _DECLARED.search(content[:200])
    return found[1].decode("ascii", "replace") if found else None


@stage(reads=["content"], writes={"text": pa.large_string()}, drops=["empty", "too_large", "binary"], costly=True)
def decode_code(batch: Batch, params: Params) -> Columns:
    """Return text (large_string, empty where the file goes) and drop_reason, one value per document."""
    texts, reasons = [], []
    for _, content in batch.documents("content"):
        content = content or b""
        reason = "too_large" if len(content) > params.max_bytes else "binary" if is_binary(content, params) else None
        text = "" if reason else decoded(content, _declared(content)).replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
        if not reason and not text.strip():
            reason = "empty"
        texts.append("" if reason else text)
        reasons.append(reason)
    return {"text": pa.array(texts, pa.large_string()), "drop_reason": pa.array(reasons, pa.string())}
