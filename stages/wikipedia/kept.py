"""Pieces of a page that are no wikitext (formulas, code, nowiki), put aside while the rest is cleaned.

In their place stand two control characters around a number, which wikitext cannot hold once `text_of` has read it.
"""

from __future__ import annotations

import html
import re
from collections import Counter

_CONTROL = bytes({*range(0x20), 0x7F} - {*b"\t\n"})
_PLACE = re.compile("\x02([0-9]+)\x03")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")


def text_of(content: bytes) -> str:
    """Wikitext as characters: control characters but tabs and line ends are gone, what is no UTF-8 is U+FFFD."""
    return content.translate(None, _CONTROL).decode("utf-8", "replace")


def entities(text: str) -> str:
    """The text with HTML's entities as characters, once; they end with a semicolon."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


class Kept:
    """What is put aside of one page; `restored` counts what is left of it by kind."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, str]] = []
        self.counted: Counter[str] = Counter()

    def place(self, kind: str, text: str) -> str:
        """Put a text aside; returns what stands for it."""
        self.pieces.append((kind, text))
        return f"\x02{len(self.pieces) - 1}\x03"

    def restored(self, text: str) -> str:
        """The text with every piece in its place."""
        return _PLACE.sub(self._piece, text)

    def _piece(self, found: re.Match[str]) -> str:
        kind, text = self.pieces[int(found[1])]
        self.counted[kind] += 1
        return text
