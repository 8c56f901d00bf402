"""Write the kept blocks of a page as text, as Markdown, or block by block as JSON.

Text (the default) has no markup but what reading needs: paragraphs apart by a blank line, list items
with `- ` or their number, a table's row on one line with its cells apart by tabs, formulas between
dollars, code as it stands. Markdown markers that stand in the page's own prose are taken out of it
(Llama 3 found them harmful to a model trained mostly on web text); code, formulas and identifiers are
left alone.

Source:  Llama 3, section 3.1.1, "Text extraction and cleaning"; the forms are ours.
Units:   characters.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from stages.extract import blocks as b
from stages.extract.markdown import strip_markdown
from stages.extract.math.raw_tex import Formula, delimited, find_formulas
from stages.extract.page import Page

MAX_PROSE_BYTES = 128 << 10
"""A longer block is no paragraph: neither raw formulas nor Markdown markers are looked for in it. Ours."""
MAX_INDENT = 8
"""Levels a list is indented by at most: what is deeper is no list. Ours."""
CELL_CHARS = 300
"""A table with a longer cell is layout: its cells are written as paragraphs. Ours."""


_TICKS = re.compile(r"`+")
_CELLS = (b.CELL, b.PARAGRAPH, b.IMAGE)


class Rendered(NamedTuple):
    """The text, and what it holds.

    code_share: characters in code blocks, link_density: bytes in links, both as a share of all.
    """

    text: str
    n_blocks: int
    n_formulas: int
    n_code_blocks: int
    code_share: float
    link_density: float


class _Block(NamedTuple):
    """A kept block, ready to be written."""

    kind: int
    level: int
    number: int
    row: int
    opens_item: bool
    text: str
    language: str | None


def render(page: Page, keep: Any, form: str, *, strip: bool) -> Rendered:
    """Write the blocks where bool (m,) `keep` holds.

    Args:
        form: text, markdown or structured.
        strip: take Markdown markers out of prose.
    """
    blocks, source = page.blocks, page.blocks.text.tobytes()
    chosen = np.flatnonzero(keep)
    marked = _marked(blocks.text, blocks.table)[chosen].tolist()
    sure = any(atom.kind in ("inline_math", "display_math") for atom in page.atoms)
    spans = _spans_by_block(page)
    kept: list[_Block] = []
    formulas = code_chars = link_bytes = all_bytes = 0
    for k, row, marks in zip(chosen.tolist(), blocks.table[chosen].tolist(), marked, strict=True):
        kind, start, stop = row[b.KIND], row[b.START], row[b.STOP]
        text = source[start:stop].decode("utf-8", "replace")
        if kind == b.MATH:
            formulas += 1
        elif kind != b.CODE and (marks or k in spans):
            text, found = _prose(text, spans.get(k, ()), marks if stop - start <= MAX_PROSE_BYTES else 0, sure, strip)
            formulas += found
            if not text.strip():
                continue
        language = page.atoms[row[b.ATOM]].language if kind == b.CODE else None
        kept.append(_Block(kind, row[b.LEVEL], row[b.NUMBER], row[b.ROW], row[b.LIST] >= 0, text, language))
        code_chars += len(text) if kind == b.CODE else 0
        link_bytes += row[b.LINK_BYTES]
        all_bytes += stop - start
    written = _FORMS[form](kept)
    n_code = sum(block.kind == b.CODE for block in kept)
    return Rendered(written, len(kept), formulas, n_code, code_chars / max(1, len(written)), link_bytes / max(1, all_bytes))


def _spans_by_block(page: Page) -> dict[int, list[tuple[int, int, int]]]:
    """Inline code and formulas of each block that has some: (start, stop, which), bytes from the block's start."""
    spans, table = page.blocks.spans, page.blocks.table
    found: dict[int, list[tuple[int, int, int]]] = {}
    if len(spans):
        places = np.searchsorted(table[:, b.STOP], spans[:, 0], side="right")
        for place, (start, stop, which) in zip(places.tolist(), spans.tolist(), strict=True):
            begin = int(table[place, b.START])
            found.setdefault(place, []).append((start - begin, stop - begin, which))
    return found


@njit(cache=True)
def _marked(text: Any, table: Any) -> Any:
    """For each block: 1 if it may hold raw TeX, 2 if it may hold Markdown, or both: int8 (m,)."""
    out = np.zeros(len(table), np.int8)
    for k in range(len(table)):
        for i in range(table[k, 5], table[k, 6]):
            byte = text[i]
            after = text[i + 1] if i + 1 < table[k, 6] else 0
            if byte == 36 or byte == 92 or (byte == 91 and after == 47) or (byte == 35 and after == 35):  # $ \ [/ ##
                out[k] |= 1
            if byte in (42, 95, 35, 96, 91, 126, 62, 61) or (byte == 45 and i == table[k, 5]):  # *_#`[~>= and - at its start
                out[k] |= 2
    return out


def _prose(text: str, spans: Any, marked: int, sure: bool, strip: bool) -> tuple[str, int]:
    """A block's text with its formulas between dollars and, if `strip`, without Markdown markers; and its formulas."""
    formulas = sum(which == b.SPAN_FORMULA for _, _, which in spans)
    raw, strip = bool(marked & 1), strip and marked != 0
    if not raw and not strip:
        return text, formulas
    fixed = _in_chars(text.encode("utf-8", "replace"), spans)
    if raw:
        found = find_formulas(text, fixed, sure=sure)
        formulas += len(found)
        text, fixed = _rewritten(text, fixed, found)
    return (strip_markdown(text, fixed) if strip else text), formulas


def _in_chars(data: bytes, spans: Any) -> list[tuple[int, int]]:
    """Spans of bytes, in order and apart, as spans of characters."""
    found, at, chars = [], 0, 0
    for start, stop, _ in spans:
        first = chars + len(data[at:start].decode("utf-8", "replace"))
        chars = first + len(data[start:stop].decode("utf-8", "replace"))
        found.append((first, chars))
        at = stop
    return found


def _rewritten(text: str, fixed: list[tuple[int, int]], formulas: list[Formula]) -> tuple[str, list[tuple[int, int]]]:
    """The text with its formulas between dollars, and the spans of them and of what was fixed before."""
    changes = [(start, stop, text[start:stop]) for start, stop in fixed]
    changes += [(f.start, f.end, delimited(f.tex, f.display)) for f in formulas]
    pieces, spans, at, size = [], [], 0, 0
    for start, stop, new in sorted(changes):
        pieces += [text[at:start], new]
        size += start - at
        spans.append((size, size + len(new)))
        size, at = size + len(new), stop
    return "".join([*pieces, text[at:]]), spans


def _rows(blocks: list[_Block]) -> list[list[_Block]]:
    """Blocks that share a line: the cells of a table's row; every other block is alone."""
    rows: list[list[_Block]] = []
    for block in blocks:
        if block.row >= 0 and rows and rows[-1][0].row == block.row:
            rows[-1].append(block)
        else:
            rows.append([block])
    lines: list[list[_Block]] = []
    for row in rows:
        if len(row) == 1 or all(block.kind in _CELLS and len(block.text) <= CELL_CHARS for block in row):
            lines.append(row)
        else:
            lines += [[block] for block in row]
    return lines


def _cell(block: _Block) -> str:
    return " ".join(block.text.split())


def _gap(above: list[_Block], below: list[_Block]) -> str:
    """What stands between two lines: a blank line, or none within a list, a table, or below a term."""
    a, z = above[-1], below[0]
    tight = (a.kind == z.kind == b.ITEM) or (a.row >= 0 and z.row >= 0 and len(above) > 1 and len(below) > 1) or a.kind == b.TERM
    return "\n" if tight else "\n\n"


def _joined(lines: list[tuple[list[_Block], str]]) -> str:
    pieces: list[str] = []
    for k, (row, written) in enumerate(lines):
        pieces += [_gap(lines[k - 1][0], row), written] if k else [written]
    return "".join(pieces)


def _marker(block: _Block) -> str:
    return "" if not block.opens_item else f"{block.number}. " if block.number else "- "


def _item(block: _Block) -> str:
    """A block with the marker of the item it opens, an item indented by its depth."""
    if block.kind == b.ITEM:
        return "    " * min(MAX_INDENT, max(0, block.level - 1)) + _marker(block) + block.text
    return _marker(block) + block.text if block.kind in (b.HEADING, b.MATH) else block.text


def _text(blocks: list[_Block]) -> str:
    return _joined([(row, "\t".join(map(_cell, row)) if len(row) > 1 else _item(row[0])) for row in _rows(blocks)])


def _markdown(blocks: list[_Block]) -> str:
    lines, before = [], 0
    for row in _rows(blocks):
        block = row[0]
        if len(row) > 1:
            written = "| " + " | ".join(_cell(one).replace("|", "\\|") for one in row) + " |"
            written += "" if before else "\n|" + " --- |" * len(row)
        elif block.kind == b.HEADING:
            written = _marker(block) + "#" * block.level + " " + _cell(block)
        elif block.kind == b.CODE:
            fence = "`" * max(3, 1 + max(map(len, _TICKS.findall(block.text)), default=0))
            written = f"{fence}{block.language or ''}\n{block.text.strip(chr(10))}\n{fence}"
        else:
            written = _item(block)
        before = len(row) > 1
        lines.append((row, written))
    return _joined(lines)


def _structured(blocks: list[_Block]) -> str:
    """One JSON object a line: kind, text, and what applies of level, number, row, language."""
    lines = []
    rows: dict[int, int] = {}
    for block in blocks:
        row = rows.setdefault(block.row, len(rows) + 1) if block.row >= 0 else 0
        more = {"level": block.level, "number": block.number, "row": row, "language": block.language}
        lines.append(
            json.dumps({"kind": b.KINDS[block.kind], "text": block.text} | {k: v for k, v in more.items() if v}, ensure_ascii=False)
        )
    return "\n".join(lines)


_FORMS = {"text": _text, "markdown": _markdown, "structured": _structured}
