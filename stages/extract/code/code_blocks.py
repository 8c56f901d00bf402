"""Find the code blocks of a page and read them line by line, as a browser shows them.

A highlighter may wrap each token, each line or a whole column in elements, put numbers beside the
lines and buttons above them. What is common to all: a line ends at a newline, at a `br`, or where an
element that holds a line ends; a line number is an element that holds digits and says so (by its
class, by a `data-` attribute, by being hidden from selection, or by counting up line after line).
So one reader does for all generators; markup.csv only names their parts. Where nothing but its
type face (`font`, inline styles) or a text area says that a text is code, its lines are asked:
`looks_like_code`.

Source:  markup of the generators listed in tests/stages/extract/code/generators.tsv; the rules are ours.
Units:   nodes of a Tree. No-break spaces become spaces and zero-width spaces go: in code both are layout.
"""

from __future__ import annotations

import html as html_references
import itertools
from collections.abc import Iterator

from stages.extract.code.language import LANGUAGES, declared_language, looks_like_code
from stages.extract.code.markup import (
    ADDED,
    AREA,
    AREAS,
    BLOCK,
    BREAK,
    BUTTON,
    CELL,
    CHROME,
    DROP,
    FAINT,
    FRAME,
    GUTTER,
    INNER,
    LINE,
    LINED,
    MONO,
    NAMED,
    PRE,
    PROMPT,
    REMOVED,
    SOURCE,
    SPACED,
    WIDGET,
    Page,
    may_have_code,
)
from stages.extract.tree import RAW, TAG, TAGS, TEXT, Atom, Node, Tree

__all__ = ["code_blocks", "looks_like_code", "may_have_code"]


class _Lines:
    """Lines under construction: text, and the breaks that elements owe."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.owed = 0
        self.fresh = True  # nothing stands on the current line

    def text(self, text: str) -> None:
        """Text with its newlines; one at its start is the break that a line's element or a `br` before it owes."""
        if self.owed:
            text = text[1:] if text[:1] == "\n" else text
            self.pay()
        if text:
            self.parts.append(text)
            self.fresh = text[-1] == "\n"

    def pay(self) -> None:
        """Write the break that is owed."""
        if self.owed:
            self.parts.append("\n")
            self.owed, self.fresh = 0, True

    def open(self) -> None:
        """A line's element begins; a lone mark of a diff is followed by its line."""
        self.pay()
        mark = self.parts and self.parts[-1] in ("+", "-", " ") and (len(self.parts) == 1 or self.parts[-2][-1] == "\n")
        if not self.fresh and not mark:
            self.parts.append("\n")
            self.fresh = True

    def close(self, owed: int, *, blank: bool) -> None:
        """A line's element ends; `blank`: it held nothing, and shows as an empty line."""
        if not self.fresh or blank:
            self.owed = self.owed or owed

    def line_break(self) -> None:
        """A `br`; that behind an inline line's element is the break which that one owes."""
        if self.owed in (_AT_BREAK, _AT_BLOCK):
            self.pay()
        self.owed = _AT_BREAK

    def result(self) -> str:
        """The lines, without empty ones at either end."""
        text = "".join(self.parts)
        return text[text.rfind("\n", 0, len(text) - len(text.lstrip())) + 1 :].rstrip()


_AT_LINE, _AT_BREAK, _AT_BLOCK = 1, 2, 3
_CODE = PRE | MONO | LINE | AREA | WIDGET | INNER
_SHORT_BYTES = 80
"""Longer texts are no toolbar's (ours)."""
_COPY_WORDS = frozenset([
    "copy", "copied", "copied!", "code", "select", "all", "[select]", "expand", "collapse", "view", "raw", "wrap", "download", "print",
    "toggle", "clipboard", "to", "plain", "text", "edit", "run", "open", "in", "html", "php", "复制", "复制代码", "代码", "コピー",
    "kopieren", "copier", "copiar", "копировать",
])  # fmt: skip


def _toolbars(page: Page, first: int, last: int) -> set[int]:
    """Elements of a block that hold buttons, labels or line numbers known by counting."""
    found: set[int] = set()
    whole = page.ink[last] - page.ink[first]
    for button in page.marked(BUTTON, first, last):
        at = page.parent[button]
        while at >= first and page.inked(at) <= _SHORT_BYTES and not page.marks[at] & _CODE and not page.below(_CODE, at):
            if page.inked(at) == whole or at in found:
                break
            found.add(at)
            at = page.parent[at]
    for bar in page.marked(CHROME, first, last):
        small = page.inked(bar) <= min(_SHORT_BYTES, whole - 1) and not page.marks[bar] & _CODE and not page.below(_CODE, bar)
        if small and (page.marks[bar] & (BLOCK | CELL) or _COPY_WORDS.issuperset(page.words(bar))):
            found.add(bar)
    counts: dict[int, list[int]] = {}
    for row in page.marked(BLOCK, first, last):
        number = row + 1
        if _is_small_number(page, number, page.end[row]):
            line = page.end[number]
            if line < page.end[row] and page.marks[line] & BLOCK:
                counts.setdefault(page.parent[row], []).append(number)
    for numbers in counts.values():
        values = [_integer(page.words(number)) for number in numbers]
        if len(values) > 1 and values == list(range(values[0], values[0] + len(values))):
            found.update(numbers)
    return found


def _is_small_number(page: Page, index: int, last: int) -> bool:
    return index < last and page.tag[index] != TEXT and page.is_number(index) and 0 < page.inked(index) < 8 >= page.end[index] - index


def _integer(words: list[str]) -> int:
    return int(words[0]) if len(words) == 1 and words[0].isascii() and words[0].isdigit() else -1


def _is_gutter(page: Page, index: int) -> bool:
    """Whether an element in a block of code is a line number, or a column of them."""
    marks = page.marks[index]
    if not page.is_number(index):
        return bool(marks & GUTTER) and page.tag[index] == TAG["th"]
    if marks & GUTTER and not marks & MONO:
        return True
    if marks & CELL and page.below(PRE, index) == 1 and _counts_lines(page, index):
        return True
    if not page.inked(index) or not (marks & FAINT or page.tag[index] == TAG["a"]):
        return False
    number = Node(page.tree, index).text().strip(" .:|\n\xa0")
    if marks & FAINT or not number.isdigit():
        return number.isdigit()
    names = Node(page.tree, index).attributes()
    return any(names.get(name, "").endswith(number) for name in ("name", "id", "href"))


def _counts_lines(page: Page, cell: int) -> bool:
    """Whether a cell of numbers counts the lines of the cell behind it; other numbers (a sample's input) are data."""
    numbers = Node(page.tree, cell).text().split()
    beside = page.end[cell]
    while beside < page.end[page.parent[cell]] and page.tag[beside] == TEXT:
        beside += 1
    if len(numbers) < 2 or beside >= page.end[page.parent[cell]] or page.below(CELL, beside):
        return False
    if not all(number.isdigit() for number in numbers):
        return False
    lines = Node(page.tree, beside).text().strip("\n").count("\n") + 1
    return lines == len(numbers) and all(int(b[-9:]) == int(a[-9:]) + 1 for a, b in itertools.pairwise(numbers))


def _read(page: Page, first: int, last: int, *, folded: bool = False) -> str:
    """Text of the nodes first ... last - 1, line by line.

    folded: a newline that stands behind no `br` is a blank, as where `white-space` is not `pre`.
    """
    inner = next((k for k in page.marked(INNER, first, last) if page.inked(k)), None)
    if inner is not None:
        first, last = inner + 1, page.end[inner]
    skip = _toolbars(page, first, last)
    marks, tag, end, parent = page.marks, page.tag, page.end, page.parent
    diff = any(marks[k] & SOURCE and marks[k] & CELL for k in page.marked(ADDED | REMOVED, first, last))
    starts, stops, source = page.tree.start[first:last].tolist(), page.tree.stop[first:last].tolist(), page.tree.source
    out = _Lines()
    open_elements: list[tuple[int, int, int]] = []  # end, parts written before, marks
    row_parts, row_text = 0, ""
    at = first
    while at < last:
        while open_elements and open_elements[-1][0] <= at:
            _close(out, open_elements.pop())
        mark = marks[at]
        if tag[at] == TEXT:
            text = source[starts[at - first] : stops[at - first]].decode("utf-8", "replace")
            if "&" in text and TAGS[tag[parent[at]]] not in RAW:
                text = html_references.unescape(text)
            text = text.replace("\xa0", " ").replace("\u200b", "")
            if not text.strip() and "\n" in text:
                last_child = at + 1 >= end[parent[at]]
                before_block = not last_child and marks[at + 1] & (BLOCK | CELL)
                if marks[parent[at]] & FRAME or before_block or (last_child and out.owed == _AT_BLOCK):
                    at += 1
                    continue
            if folded:
                text = text[1:].replace("\n", " ") if out.owed and text[:1] == "\n" else text.replace("\n", " ")
            out.text(text)
        elif mark & (DROP | AREA) or at in skip or _is_gutter(page, at):
            at = end[at]
            continue
        elif mark & BREAK:
            out.line_break()
        elif mark & CELL:
            if len(out.parts) > row_parts:  # not the first cell of its row
                if mark & SOURCE and not page.below(CELL, at) and Node(page.tree, at).text() == row_text:
                    at = end[at]  # context, on both sides of a split view
                    continue
                if mark & SOURCE:
                    out.open()
                elif page.inked(at) and not out.owed:
                    out.text("\t")
            if mark & SOURCE and not page.below(CELL, at):
                row_text = Node(page.tree, at).text()
                if diff and not row_text.startswith("@@"):
                    out.text("+" if mark & ADDED else "-" if mark & REMOVED else " ")
            if mark & LINE:
                open_elements.append((end[at], len(out.parts), mark))
        elif mark & (BLOCK | LINE):
            out.open()
            open_elements.append((end[at], len(out.parts), mark))
            if tag[at] == TAG["tr"]:
                row_parts, row_text = len(out.parts), ""
        at += 1
    while open_elements:
        _close(out, open_elements.pop())
    return out.result()


def _close(out: _Lines, element: tuple[int, int, int]) -> None:
    _, parts, marks = element
    out.close(_AT_BLOCK if marks & (BLOCK | CELL) else _AT_LINE, blank=bool(marks & LINE) and len(out.parts) == parts)


def _language(page: Page, index: int) -> str | None:
    """Declared language of a block: on the code in it, on it, or on an element around it that holds little else."""
    inside = page.marked(PRE | MONO | INNER, index + 1, page.end[index])[:4]
    for at in (*inside, index):
        name = declared_language(Node(page.tree, at))
        if name:
            return name
    for at in _wrappers(page, index):
        name = declared_language(Node(page.tree, at), around=True)
        if name:
            return name
    return None


_HEADINGS = {TAG[f"h{level}"] for level in range(1, 7)}


def _wrappers(page: Page, index: int) -> Iterator[int]:
    """Elements around a block that hold little else, the nearest first."""
    at = page.parent[index]
    for _ in range(5):
        if at <= 0 or page.inked(at) - page.inked(index) > _SHORT_BYTES or page.tag[at] in (TAG["body"], TAG["html"]):
            return
        yield at
        at = page.parent[at]


def _furniture(page: Page, index: int, language: str | None) -> Iterator[Atom]:
    """Copy buttons, toolbars, labels and line numbers that stand beside a block, as atoms of nothing."""
    child = index
    for wrapper in _wrappers(page, index):
        if page.end[wrapper] - wrapper - (page.end[index] - index) > 4 * _SHORT_BYTES:
            return
        for at in page.children(wrapper):
            if at == child or page.tag[at] == TEXT or page.tag[at] in _HEADINGS or not page.inked(at):
                continue
            if page.marks[at] & _CODE & ~LINE or page.below(_CODE & ~LINE, at):
                continue
            words = page.words(at)
            tool = page.marks[at] & (BUTTON | CHROME) or page.below(BUTTON | CHROME, at) or "copy" in words or "code" in words
            label = all(word in _COPY_WORDS or word == language or word in LANGUAGES for word in words)
            if (label and (tool or words == [language])) or (page.marks[at] & GUTTER and page.is_number(at)):
                yield Atom(at, page.end[at], "nothing", "")
        child = wrapper


def code_blocks(tree: Tree, furniture: bool = True) -> list[Atom]:
    """Code blocks of a page, and what stands beside them and is no content (atoms of kind `nothing`), unless `furniture` is false.

    Every `pre` with text is a block, verse and mail as well as code: `language` and `looks_like_code`
    tell them apart. Atoms are sorted and disjoint. Linear in the page.
    """
    page = Page(tree)
    atoms: list[Atom] = []
    done = 0
    for seed in page.marked(PRE | MONO | AREA | WIDGET | LINED | SOURCE | PROMPT | GUTTER | NAMED, 0, len(tree)):
        if seed < done:
            continue
        atom = _block(page, seed, done)
        if atom is None:
            continue
        done = atom.last
        atoms.append(atom)
        if furniture and atom.kind == "code_block":
            atoms.extend(_furniture(page, atom.first, atom.language))
    return _disjoint(atoms)


def _disjoint(atoms: list[Atom]) -> list[Atom]:
    """Atoms in order; a `nothing` that overlaps a block, or stands there twice, goes."""
    blocks = sorted(atoms, key=lambda atom: (atom.first, atom.kind, -atom.last))
    kept: list[Atom] = []
    for atom in blocks:
        if kept and atom.first < kept[-1].last:
            if atom.kind == "nothing" or kept[-1].kind != "nothing":
                continue
            kept.pop()
        kept.append(atom)
    return kept


def _atom(page: Page, first: int, last: int, text: str, declared_at: int | None = None) -> Atom:
    return Atom(first, last, "code_block", text, _language(page, first if declared_at is None else declared_at))


def _block(page: Page, seed: int, done: int) -> Atom | None:
    """The atom that a node gives rise to, if any; nodes before `done` are taken."""
    marks = page.marks[seed]
    if not page.inked(seed) and not marks & GUTTER:
        return None
    if marks & PROMPT and page.inked(seed) < 20:
        words = page.words(seed)
        if words and words[0].startswith(("in", "out")) and "[" in "".join(words[:2]):
            return Atom(seed, page.end[seed], "nothing", "")
    if marks & CELL and (marks & SOURCE or (marks & GUTTER and _is_gutter(page, seed) and page.inked(seed))):
        return _table_of(page, seed, done)
    if marks & PRE:
        if page.is_number(seed):
            cell = _cell_of(page, seed)
            table = _table_of(page, cell, done) if cell is not None and _counts_lines(page, cell) else None
            if table is not None:
                return table
            if marks & GUTTER:
                return Atom(seed, page.end[seed], "nothing", "")
        return _whole(page, seed)
    if marks & WIDGET and (page.below(PRE, seed) != 1 or page.below(GUTTER | INNER | LINE, seed)):
        return _whole(page, seed) if page.below(LINE | BREAK | CELL | INNER | FRAME, seed) or page.marks[seed] & FRAME else None
    if marks & LINED and all(page.marks[k] & LINE or not page.inked(k) for k in page.children(seed)):
        return _whole(page, seed)
    if marks & AREA:
        return _area(page, seed)
    if marks & MONO:
        return _typed(page, seed)
    if marks & NAMED and not page.below(PRE | MONO | BLOCK | CELL | AREA, seed):
        text = _read(page, seed + 1, page.end[seed], folded=page.below(BREAK, seed) > 0)
        if "\n" in text and (looks_like_code(text) or declared_language(Node(page.tree, seed))):
            return _atom(page, seed, page.end[seed], text)
    return None


def _whole(page: Page, index: int) -> Atom:
    text = _read(page, index + 1, page.end[index])
    if not text:
        return Atom(index, page.end[index], "nothing", "")
    if page.area and page.marks[index] & WIDGET and "".join(text.split()) in page.area:
        return Atom(index, page.end[index], "nothing", "")
    return _atom(page, index, page.end[index], text)


def _cell_of(page: Page, index: int) -> int | None:
    for _ in range(3):
        index = page.parent[index]
        if index < 0 or page.marks[index] & CELL:
            break
    return index if index > 0 and page.marks[index] & CELL else None


def _table_of(page: Page, cell: int, done: int) -> Atom | None:
    """The table of a cell of line numbers, as a block, if it holds more than that."""
    at = page.parent[cell]
    while at > 0 and page.tag[at] in (TAG["tr"], TAG["tbody"], TAG["thead"], TAG["tfoot"]):
        at = page.parent[at]
    if at < max(done, 1) or page.tag[at] != TAG["table"] or (page.inked(at) == page.inked(cell) and not page.marks[cell] & SOURCE):
        return None
    return _whole(page, at)


def _area(page: Page, index: int) -> Atom | None:
    """A text area that shows code: one that says so and looks it. GitHub's holds a file whole, its lines stand beside it."""
    node = Node(page.tree, index)
    names = node.attributes()
    named = any(area in f"{names.get('id')} {names.get('class')}".lower() for area in AREAS)
    text = node.text().replace("\xa0", " ")
    if not named or "\n" not in text.strip() or not looks_like_code(text):
        return None
    page.area = "".join(text.split())
    return _atom(page, index, page.end[index], text.strip("\n"))


_IN_RUN = (TAG["p"], TAG["div"])


def _is_typed(page: Page, block: int) -> bool:
    """Whether all text of a block stands in type of one width, and no block in it; each block is asked once."""
    if block not in page.typed:
        typed = bool(page.inked(block)) and not page.below(BLOCK | CELL, block)
        if typed and not page.marks[block] & MONO:
            at = block + 1
            while typed and at < page.end[block]:
                mono = page.marks[at] & MONO
                typed = bool(mono) or page.tag[at] != TEXT or not page.inked(at)
                at = page.end[at] if mono else at + 1
        page.typed[block] = typed
    return page.typed[block]


def _typed(page: Page, seed: int) -> Atom | None:
    """Code outside `pre`: in `code`, `tt`, `font face=Courier` or by an inline style, over several lines."""
    marks, end = page.marks, page.end
    block = page.block_of(seed)
    by_tag = page.tag[seed] == TAG["code"]  # `tt` and the like are type faces too
    broken = page.below(BREAK, seed) > 0
    if seed < page.refused or page.tag[block] in _HEADINGS or (marks[block] & CELL and page.inked(page.parent[block]) > page.inked(block)):
        return None  # no code, a heading, or one cell of several
    if by_tag and block > 0 and _stands_alone(page, seed) and (language := declared_language(Node(page.tree, seed))):
        return Atom(seed, end[seed], "code_block", _read(page, seed + 1, end[seed], folded=broken), language)
    spaced = bool(marks[seed] & SPACED) and not page.below(BLOCK, seed)
    if spaced or (seed == block and _holds_lines(page, seed)):
        text = _read(page, seed + 1, end[seed], folded=not marks[seed] & SPACED)
        if "\n" in text and (by_tag or looks_like_code(text)):
            return _atom(page, seed, end[seed], text)
        page.refused = end[seed]
        return None
    if not _is_typed(page, block):
        text = _read(page, seed + 1, end[seed], folded=True) if broken else ""
        if "\n" in text and (by_tag or looks_like_code(text)):
            return _atom(page, seed, end[seed], text)
        page.refused = end[seed]
        return None
    last = end[block]
    if page.tag[block] in _IN_RUN:
        limit, at = end[page.parent[block]], last
        while at < limit and page.tag[at] in (TEXT, *_IN_RUN) and (not page.inked(at) or _is_typed(page, at)):
            at, last = end[at], end[at] if page.inked(at) else last
    alone = last == end[block]
    first, last = (block + 1, last) if alone else (block, last)
    text = _read(page, first, last, folded=page.count(BREAK, first, last) > 0 or not alone or not by_tag)
    if "\n" in text and ((by_tag and broken and alone) or looks_like_code(text)):
        return _atom(page, first, last, text, seed)
    page.refused = last
    return None


def _stands_alone(page: Page, index: int) -> bool:
    """Whether an element stands among blocks, without text beside it."""
    before, after = index - 1, page.end[index]
    if before >= 0 and page.tag[before] == TEXT and not page.inked(before):
        before -= 1
    limit = page.end[page.parent[index]]
    if after < limit and page.tag[after] == TEXT and not page.inked(after):
        after += 1
    while before > page.parent[index] and page.parent[before] != page.parent[index]:
        before = page.parent[before]
    beside = [page.marks[k] for k in (before, after) if page.parent[index] < k < limit]
    return page.below(BLOCK, page.parent[index]) > 0 and all(marks & (BLOCK | MONO) for marks in beside)


def _holds_lines(page: Page, block: int) -> bool:
    """Whether the blocks in a block are lines: they hold no blocks themselves."""
    if not page.below(BLOCK, block) or page.below(CELL | PRE | WIDGET, block):
        return False
    at = block + 1
    while at < page.end[block]:
        inner = page.marks[at] & BLOCK
        if inner and page.below(BLOCK, at):
            return False
        at = page.end[at] if inner else at + 1
    return True
