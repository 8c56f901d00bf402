"""Markdown of reports and cards: what was crawled stands in it so that it stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

VALUE_CHARS = 80


def code(text: str, most: int = VALUE_CHARS) -> str:
    """Any text as a code span of one line that may stand in a table: what could end it, and what is not printable, becomes `?`."""
    safe = "".join(c if c.isprintable() and c not in "`|" else "?" for c in text[:most].strip())
    return f"`{safe}{'…' if len(text) > most else ''}`" if safe else "(none)"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text, the others numbers; a name that ends in a space is text too."""
    lines = [list(columns), ["---" if n == 0 or name.endswith(" ") else "---:" for n, name in enumerate(columns)], *map(list, rows)]
    return "\n".join(f"| {' | '.join(cell.strip() for cell in line)} |" for line in lines)
