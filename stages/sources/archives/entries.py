"""What tar.py and zip.py find in an archive: entries, with names and dates made harmless."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

BROKEN, TOO_LARGE = "broken_record", "too_large"
MAX_NAME_CHARS = 1024
"""Of a longer name the end is kept, where its suffix stands; ours."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ROOT = re.compile(r"(?:[A-Za-z]:|/|\.\.?/)*")

Read = Callable[[], bytes | None]
Only = Callable[[str], bool]


class Entry(NamedTuple):
    """A file in an archive, or a damage.

    offset: of its header. name: cleaned, "" for a damage. size: as the archive says. modified: ISO 8601. reason: why it cannot be
    read. read: gives its content, or None where that turns out to be broken; to be called before the next entry is asked for.
    alone: whether it is the whole file, in no archive.
    """

    offset: int
    name: str
    size: int | None
    modified: str | None
    reason: str | None
    read: Read = lambda: None
    alone: bool = False


def damage(offset: int) -> Entry:
    """An entry that stands for whatever was lost from an offset on."""
    return Entry(offset, "", None, None, BROKEN)


def clean_name(name: bytes | str, fallback: str = "latin-1") -> str:
    """A name as a relative path: no drive, no root, no `.` or `..`, no control characters, `/` between its parts; never empty.

    Args:
        fallback: encoding of bytes that are not UTF-8.
    """
    if isinstance(name, bytes):
        try:
            text = name.decode()
        except UnicodeDecodeError:
            text = name.decode(fallback, "replace")
    else:
        text = name
    text = _ROOT.sub("", _CONTROL.sub("\ufffd", text.replace("\\", "/"))[-MAX_NAME_CHARS:], count=1)
    return "/".join(part for part in text.split("/") if part not in ("", ".", "..")) or "unnamed"


def utc_text(seconds: float) -> str | None:
    """A Unix time as ISO 8601; None for what is none, and for 0, which archivers write where they do not know."""
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))).isoformat() if seconds > 0 else None
    except (OverflowError, ValueError):
        return None
