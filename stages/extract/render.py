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
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from stages.extract import blocks as b
from stages.extract.markdown import strip_markdown
from stages.extract.math.raw_tex import Formula, delimited, find_formulas
from stages.extract.page import Page
from stages.extract.tree import Tree

MAX_PROSE_BYTES = 128 << 10
"""A longer block is no paragraph: neither raw formulas nor Markdown markers are looked for in it. Ours."""
MAX_INDENT = 8
"""Levels a list is indented by at most: what is deeper is no list. Ours."""
CELL_CHARS = 300
"""A row with a longer cell is layout: its blocks are written as paragraphs. Ours."""
MAX_COLUMNS = 64
"""A wider table is written without its empty cells, also of a head: they could be more than its text. Ours."""

_READ = (b.KIND, b.LEVEL, b.NUMBER, b.ROW, b.COLUMN, b.START, b.STOP, b.LINK_BYTES, b.ATOM, b.LIST)
_TICKS = re.compile(r"`+")
_ENDS_LINES = {ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}
"""What JSON leaves as it is though many readers of lines end one there."""


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
    table: int
    row: int
    column: int
    opens_item: bool
    text: str
    language: str | None


class _Row(NamedTuple):
    """A row of a table that is written as one line: the text of each cell, "" where it has none."""

    table: int
    cells: list[str]


def render(page: Page, keep: Any, form: str, *, strip: bool) -> Rendered:
    """Write the blocks where bool (m,) `keep` holds.

    Args:
        form: text, markdown or structured.
        strip: take Markdown markers out of prose.
    """
    blocks, source = page.blocks, page.blocks.text.tobytes()
    chosen = np.flatnonzero(keep)
    marked = marks_of(blocks.text, blocks.table)[chosen].tolist()
    sure = any(atom.kind in ("inline_math", "display_math") for atom in page.atoms)
    spans = _spans_by_block(page)
    kept: list[_Block] = []
    opened: set[int] = set()
    formulas = code_chars = link_bytes = all_bytes = 0
    tables = {row: _table(page.tree, row) for row in np.unique(blocks.table[chosen, b.ROW]).tolist()}
    columns = blocks.table[chosen][:, _READ].tolist()
    for k, marks, (kind, level, number, row, column, start, stop, links, atom, item) in zip(chosen.tolist(), marked, columns, strict=True):
        text = source[start:stop].decode("utf-8", "replace")
        if kind == b.MATH:
            formulas += 1
        elif kind != b.CODE and (marks or k in spans):
            text, found = _prose(text, spans.get(k, ()), marks if stop - start <= MAX_PROSE_BYTES else 0, sure, strip)
            formulas += found
            if not text.strip():
                continue
        language = page.atoms[atom].language if kind == b.CODE else None
        kept.append(_Block(kind, level, number, tables[row], row, column, item >= 0 and item not in opened, text, language))
        opened.add(item)
        code_chars += len(text) if kind == b.CODE else 0
        link_bytes += links
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


RAW_TEX, MARKDOWN = 1, 2


@njit(cache=True)
def marks_of(text: Any, table: Any) -> Any:
    """For each block: RAW_TEX if it may hold raw TeX, MARKDOWN if it may hold Markdown, or both: int8 (m,).

    Wrong only in saying yes: what find_formulas and strip_markdown would change has its marks here.
    """
    out = np.zeros(len(table), np.int8)
    for k in range(len(table)):
        start, stop = table[k, 5], table[k, 6]
        opened, fresh = False, True  # a dollar that may open a formula was seen; at the start of a line
        for i in range(start, stop):
            byte = text[i]
            if (byte >= 97 and byte < 126) or (48 <= byte <= 61) or byte > 126:
                fresh = False
                continue
            before, after = text[i - 1] if i > start else 32, text[i + 1] if i + 1 < stop else 32
            if byte == 36:  # $: two in a row, or one before a character and one behind a character and before no digit
                if after == 36 or (opened and before > 32 and not 48 <= after <= 57):
                    out[k] |= RAW_TEX
                opened = opened or after > 32
            elif (byte == 92 and after in (40, 91, 98, 66)) or (byte == 91 and after == 47) or (byte == 35 and after == 35):
                out[k] |= RAW_TEX  # \( \[ \begin [/tex] ##
            if byte in (95, 42):  # _ and *: at the edge of a word
                inside = _in_word(before) and _in_word(after)
                if fresh or not (inside or (before <= 32 and after <= 32)):
                    out[k] |= MARKDOWN
            elif byte == 96 or (byte == 126 and after == 126) or (byte == 93 and after == 40) or (fresh and byte in (35, 45, 62)):
                out[k] |= MARKDOWN  # ` ~~ ]( and # - > where a line starts
            fresh = byte == 10 or (fresh and byte <= 32)
    return out


@njit(cache=True)
def _in_word(byte: Any) -> Any:
    """A letter or digit of ASCII, or an underscore."""
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte == 95


def _prose(text: str, spans: Any, marked: int, sure: bool, strip: bool) -> tuple[str, int]:
    """A block's text with its formulas between dollars and, if `strip`, without Markdown markers; and its formulas."""
    formulas = sum(which == b.SPAN_FORMULA for _, _, which in spans)
    raw, strip = bool(marked & RAW_TEX), strip and bool(marked & MARKDOWN)
    if not raw and not strip:
        return text, formulas
    fixed = _in_chars(text.encode("utf-8", "replace"), spans) if spans else []
    if raw:
        found = find_formulas(text, fixed, sure=sure)
        formulas += len(found)
        if found:
            text, fixed = _rewritten(text, fixed, found)
    return (strip_markdown(text, fixed) if strip else text), formulas


def _in_chars(data: bytes, spans: Any) -> list[tuple[int, int]]:
    """Spans of bytes, in order and apart, as spans of characters."""
    found: list[tuple[int, int]] = []
    at = chars = 0
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


def _table(tree: Tree, row: int) -> int:
    """The table of a row; -1 where there is none."""
    while row >= 0 and tree.tag[row] != b.T_TABLE:
        row = int(tree.parent[row])
    return row


def _lines(blocks: list[_Block]) -> list[_Block | _Row]:
    """Blocks as lines: a row whose cells are short is one line; every other block is alone.

    A single cell is a row where its whole table is written in rows. Columns without any text are left out.
    """
    rows = [list(row) for _, row in groupby(blocks, key=lambda block: block.row)]
    found = [_cells(row) for row in rows]
    wide, broken, seen = set(), set(), set()
    for row, cells in zip(rows, found, strict=True):
        if cells is None or row[0].row in seen:
            broken.add(row[0].table)
        elif len(cells) > 1:
            wide.add(row[0].table)
        seen.add(row[0].row)
    whole = wide - broken
    found = [cells if cells and (len(cells) > 1 or row[0].table in whole) else None for row, cells in zip(rows, found, strict=True)]
    columns: dict[int, set[int]] = {}
    for row, cells in zip(rows, found, strict=True):
        if cells:
            columns.setdefault(row[0].table, set()).update(cells)
    places = {table: {column: k for k, column in enumerate(sorted(used))} for table, used in columns.items() if len(used) <= MAX_COLUMNS}
    lines: list[_Block | _Row] = []
    for row, cells in zip(rows, found, strict=True):
        if cells is None:
            lines += row
            continue
        table, texts = row[0].table, list(cells.values())
        if table in places:
            texts = [""] * (1 + places[table][max(cells)])
            for column, text in cells.items():
                texts[places[table][column]] = text
        lines.append(_Row(table, texts))
    return lines


def _cells(row: list[_Block]) -> dict[int, str] | None:
    """Column -> text of the cells of a row; None where it is no row of a table, or too long to be one line."""
    if row[0].column < 0:
        return None
    found: dict[int, str] = {}
    for block in row:
        text = _marker(block) + _flat(block.text)
        found[block.column] = f"{found[block.column]} {text}" if block.column in found else text
        if block.kind in (b.CODE, b.MATH) or len(found[block.column]) > CELL_CHARS:
            return None
    return found


def _flat(text: str) -> str:
    return " ".join(text.split())


def _gap(above: _Block | _Row, below: _Block | _Row) -> str:
    """What stands between two lines: a blank line, or none within a list, a table, or below a term."""
    if isinstance(above, _Row):
        tight = isinstance(below, _Row) and above.table == below.table
    else:
        tight = above.kind == b.TERM or (_in_list(above) and isinstance(below, _Block) and _in_list(below))
    return "\n" if tight else "\n\n"


def _in_list(block: _Block) -> bool:
    return block.kind == b.ITEM or (block.opens_item and block.kind == b.IMAGE)


def _joined(lines: list[_Block | _Row], written: list[str]) -> str:
    pieces = written[:1]
    for k in range(1, len(lines)):
        pieces += (_gap(lines[k - 1], lines[k]), written[k])
    return "".join(pieces)


def _marker(block: _Block) -> str:
    return "" if not block.opens_item else "- " if block.number == b.UNNUMBERED else f"{block.number}. "


def _indent(block: _Block) -> str:
    """Blanks before a block in a list."""
    return "    " * min(MAX_INDENT, max(0, block.level - 1)) if _in_list(block) else ""


def _text(blocks: list[_Block]) -> str:
    lines = _lines(blocks)
    return _joined(lines, ["\t".join(line.cells) if isinstance(line, _Row) else _as_text(line) for line in lines])


def _as_text(block: _Block) -> str:
    """A block with the marker of the item it opens; above code, which stands as it is, on a line of its own."""
    if block.kind == b.CODE and block.opens_item:
        return f"{_marker(block).rstrip()}\n{block.text}"
    return _indent(block) + _marker(block) + block.text


def _markdown(blocks: list[_Block]) -> str:
    lines = _lines(blocks)
    widths: dict[int, int] = {}
    for line in lines:
        if isinstance(line, _Row):
            widths[line.table] = min(MAX_COLUMNS, max(widths.get(line.table, 0), len(line.cells)))
    written, above = [], -1
    for line in lines:
        if isinstance(line, _Row):
            head = line.table != above
            cells = line.cells + [""] * (widths[line.table] - len(line.cells) if head else 0)
            written.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" + head * ("\n|" + " --- |" * len(cells)))
        else:
            written.append(_as_markdown(line))
        above = line.table if isinstance(line, _Row) else -1
    return _joined(lines, written)


def _as_markdown(block: _Block) -> str:
    marker = _marker(block)
    if block.kind == b.HEADING:
        return f"{marker}{'#' * block.level} {_flat(block.text)}"
    if block.kind == b.CODE:
        fence = "`" * max(3, 1 + max(map(len, _TICKS.findall(block.text)), default=0))
        code = block.text.strip("\n")
        return marker + f"{fence}{block.language or ''}\n{code}\n{fence}".replace("\n", "\n" + " " * len(marker))
    return _indent(block) + marker + block.text


def _structured(blocks: list[_Block]) -> str:
    """One JSON object a line: kind, text, and what applies of level, number, row and column (from 1), language."""
    lines = []
    rows: dict[int, int] = {}
    for block in blocks:
        row = rows.setdefault(block.row, len(rows) + 1) if block.row >= 0 else None
        more = {
            "level": block.level or None, "number": None if block.number == b.UNNUMBERED else block.number,
            "row": row, "column": block.column + 1 if row else None, "language": block.language,
        }  # fmt: skip
        told = {"kind": b.KINDS[block.kind], "text": block.text} | {k: v for k, v in more.items() if v is not None}
        lines.append(json.dumps(told, ensure_ascii=False).translate(_ENDS_LINES))
    return "\n".join(lines)


_FORMS = {"text": _text, "markdown": _markdown, "structured": _structured}
