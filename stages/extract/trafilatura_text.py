"""The text of a page by trafilatura, for comparison: the other engine of `extract_html`.

Source:  trafilatura (Barbaresi 2021), default settings, comments and tables kept.
Units:   text in, text out.
"""

from __future__ import annotations

import re

_REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,7})|([0-9]{1,8}));?")


def trafilatura_text(page: str, url: str | None) -> str:
    """Text of a page, "" where trafilatura finds none or gives up."""
    import trafilatura

    try:
        return trafilatura.extract(_REFERENCE.sub(_legal, page), url=url, include_comments=True, include_tables=True) or ""
    except (ValueError, TypeError, AttributeError, AssertionError, RecursionError):
        return ""


def _legal(match: re.Match[str]) -> str:
    """A numeric character reference, or nothing for a character XML cannot hold: lxml would give the page up."""
    code = int(match.group(1), 16) if match.group(1) else int(match.group(2))
    legal = code in (9, 10, 13) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000
    return match.group() if legal or code == 0 else ""
