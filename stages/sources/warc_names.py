"""What the name and the first bytes of a crawl file tell: its snapshot, and whether it is a WARC at all."""

from __future__ import annotations

import re

from stages.sources.opening import head

_SNAPSHOT = re.compile(r"CC-MAIN-\d{4}-\d{2}(?!\d)")
_SUFFIX = re.compile(r"\.(arc|cdxj?|idx|wat|wet)(?:\.(?:gz|zst|bz2|lz4))?$", re.IGNORECASE)
_CDX = re.compile(rb" CDX [a-zA-Z ]+\n|[^\s]+\)[^\s]* \d{14} ")
_WAT = re.compile(rb"^WARC-Filename:[^\r\n]*\.wat(\.gz)?\r?$", re.MULTILINE)

ARC = "is an ARC file, the format before WARC: convert it first (`warcio recompress in.arc.gz out.warc.gz`)"
CDX = "is a CDX index: it says where records lie and holds none; name the WARC files it points to"
WAT = "is a WAT file: it holds metadata of pages, no text; use the .warc.gz or the .wet.gz of the same name"
WET = "is a WET file, text already extracted: say `use: wet`"


def snapshot_in(path: str) -> str | None:
    """Common Crawl snapshot named in a path (`CC-MAIN-2024-10`), the last one if several."""
    found = _SNAPSHOT.findall(path)
    return found[-1] if found else None


def refuse_other_formats(path: str) -> None:
    """Refuse ARC, CDX and WAT files by name and, if local, by their first bytes.

    Raises: ValueError saying what the file is and what to use.
    """
    suffix = _SUFFIX.search(path)
    kind = suffix[1].lower() if suffix else ""
    why = {"arc": ARC, "cdx": CDX, "cdxj": CDX, "idx": CDX, "wat": WAT}.get(kind)
    if why is None:
        first = head(path)
        if first.startswith(b"filedesc://"):
            why = ARC
        elif _CDX.match(first):
            why = CDX
        elif first.startswith(b"WARC/") and _WAT.search(first):
            why = WAT
    if why is not None:
        raise ValueError(f"{path} {why}")
