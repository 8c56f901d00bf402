"""The parts of code blocks by the names that generators give them, read off a page's elements at once.

Source:  markup.csv (classes, what they mark, and whose they are), the tags and attributes below.
Units:   nodes of a Tree; marks are bits; ink is bytes of text that are not blank.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from stages.extract.tree import TAGS, TEXT, Node, Tree, look_up, name_hash, name_table

PRE, MONO, AREA, BLOCK, CELL, FRAME, BREAK, BUTTON, DROP = (1 << k for k in range(9))
"""Elements that show text as it stands, in type of one width, in a text area; how the others are laid out; what is not shown."""
WIDGET, NAMED, INNER, GUTTER, FAINT, LINE = (1 << k for k in range(9, 15))
"""Containers of a block; those that hold nothing but code; the part of an editor that holds the lines; line numbers; what is hidden
from selection; elements that hold a whole line, inline though they may be."""
SOURCE, ADDED, REMOVED, CHROME, PROMPT, SPACED, LINED = (1 << k for k in range(15, 22))
"""Cells with a line of a file or a diff, and its mark; toolbars; prompts of notebooks; white space kept by a style; containers of
lines by a name that others use too."""
_OF_WORD = {
    "widget": WIDGET, "named": NAMED, "inner": INNER, "gutter": GUTTER, "faint": FAINT, "line": LINE, "source": SOURCE, "added": ADDED,
    "removed": REMOVED, "chrome": CHROME, "prompt": PROMPT, "drop": DROP, "lined": LINED,
}  # fmt: skip
"""Marks that markup.csv gives."""

_OF_TAG = {
    PRE: "pre xmp listing plaintext",
    MONO: "code tt samp kbd",
    AREA: "textarea",
    BREAK: "br",
    BUTTON: "button",
    DROP: "button script style template svg select input noscript textarea iframe title",
    CELL: "td th",
    FRAME: "table tbody thead tfoot tr colgroup ul ol dl",
    BLOCK: "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 "
    "header hr html li listing main menu nav ol p plaintext pre section summary table tbody tfoot thead tr ul xmp",
}
_OF_ATTRIBUTE = {
    GUTTER: "data-line-number data-linenumber data-lineno",
    LINE: "data-line",
    NAMED: "data-lang data-language",
    CHROME: "onclick",
}
AREAS = (
    "read-only-cursor-text-area", "textareacode", "code-area", "code-editor", "codeeditor", "code-input", "codemirror",
)  # fmt: skip
"""Text areas that show code, by a part of their id or class; GitHub's first."""


def _masks(names_of: dict[int, str]) -> dict[str, int]:
    masks: dict[str, int] = {}
    for mask, names in names_of.items():
        for name in names.split():
            masks[name] = masks.get(name, 0) | mask
    return masks


def _of_class() -> dict[str, int]:
    masks: dict[str, int] = {}
    with (Path(__file__).parent / "markup.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            masks[row["class"]] = masks.get(row["class"], 0) | _OF_WORD[row["mark"]]
    return masks


_OF_CLASS = _of_class()


def _table(masks: dict[str, int]) -> tuple[Any, Any, Any]:
    """(hashes, numbers) as look_up takes them, and the mask of each number."""
    hashes, numbers = name_table({name: 1 + k for k, name in enumerate(masks)})
    return hashes, numbers, np.array([0, *masks.values()], np.int32)


_CLASS, _STYLE, _FACE, _HIDDEN = 1, 2, 3, 4
_TAG_MASKS = np.array([_masks(_OF_TAG).get(name, 0) for name in TAGS], np.int32)
_CLASSES = _table(_OF_CLASS)
_ATTRIBUTES = _table({"class": 0, "style": 0, "face": 0, "aria-hidden": 0, **_masks(_OF_ATTRIBUTE)})
_STYLES = [
    (MONO, "courier"), (MONO, "monospace"), (MONO, "consolas"), (MONO, "menlo"), (SPACED, "white-space:pre"),
    (FAINT, "user-select:none"), (DROP, "display:none"),
]  # fmt: skip
_IN_CLASS = [(CHROME, "copy"), (CHROME, "clipboard"), (CHROME, "toolbar")]


def _words(marked: list[tuple[int, str]]) -> tuple[Any, Any, Any]:
    """(bytes of all words, end of each, mask of each), for `_find`."""
    return (
        np.frombuffer("".join(word for _, word in marked).encode(), np.uint8),
        np.cumsum([len(word) for _, word in marked]),
        np.array([mask for mask, _ in marked], np.int32),
    )


_STYLE_WORDS, _CLASS_WORDS = _words(_STYLES), _words(_IN_CLASS)


@njit(cache=True)
def _find(data: Any, start: Any, stop: Any, words: Any) -> Any:
    """Masks of the words that stand in data[start:stop]; case is folded, a blank may follow a colon."""
    letters, ends, masks = words
    found = np.int32(0)
    for i in range(start, stop):
        first = 0
        for w in range(len(ends)):
            if (data[i] | 32) == letters[first]:
                at, k = i, first
                while k < ends[w] and at < stop and (data[at] | 32 == letters[k] or data[at] == letters[k]):
                    at, k = at + 1, k + 1
                    if letters[k - 1] == 58 and at < stop and data[at] == 32:
                        at += 1
                if k == ends[w]:
                    found |= masks[w]
            first = ends[w]
    return found


@njit(cache=True)
def _folded_hash(data: Any, start: Any, stop: Any) -> Any:
    """`name_hash` of the name in lower case (ASCII)."""
    h = np.uint64(0xCBF29CE484222325)
    for i in range(start, stop):
        c = data[i]
        h = (h ^ np.uint64(c + 32 if 65 <= c <= 90 else c)) * np.uint64(0x100000001B3)
    return h


@njit(cache=True)
def _attribute_marks(data: Any, i: Any, stop: Any, attributes: Any, classes: Any, style_words: Any, class_words: Any) -> Any:
    """Marks that the attributes data[i:stop] of an element give it."""
    marks = np.int32(0)
    while i < stop:
        while i < stop and data[i] != 32:
            i += 1
        i += 1
        first = i
        while i < stop and data[i] != 61 and data[i] != 32:
            i += 1
        number = look_up(attributes[0], attributes[1], name_hash(data, first, i))
        marks |= attributes[2][number]
        if i + 1 >= stop or data[i] != 61 or data[i + 1] != 34:
            continue
        first = i + 2
        i = first
        while i < stop and data[i] != 34:
            i += 1
        if number == _CLASS:
            marks |= _find(data, first, i, class_words)
            token = first
            for k in range(first, i + 1):
                if k == i or data[k] == 32 or 9 <= data[k] <= 13:
                    if k > token:
                        marks |= classes[2][look_up(classes[0], classes[1], _folded_hash(data, token, k))]
                    token = k + 1
        elif number in (_STYLE, _FACE):
            marks |= _find(data, first, i, style_words)
        elif number == _HIDDEN and i == first + 4:  # true
            marks |= FAINT
        i += 1
    return marks


@njit(cache=True)
def _measure(data: Any, tag: Any, parent: Any, start: Any, stop: Any, of_tag: Any, attributes: Any, classes: Any, style_words: Any,
             class_words: Any) -> Any:  # fmt: skip
    """(marks int32 (n,); ink and alien int64 (n + 1,), sums over the nodes before).

    ink: bytes of text that are not blank; alien: those of them that no line number holds.
    """
    n = len(tag)
    marks, ink, alien = np.zeros(n, np.int32), np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    for node in range(n):
        ink[node + 1], alien[node + 1] = ink[node], alien[node]
        if tag[node] != TEXT:
            marks[node] = of_tag[tag[node]] | _attribute_marks(data, start[node], stop[node], attributes, classes, style_words, class_words)
            continue
        above = of_tag[tag[parent[node]]]
        if above & DROP and not above & (AREA | BUTTON):
            continue
        i = start[node]
        while i < stop[node]:
            c = data[i]
            if c == 38 and i + 5 < stop[node] and data[i + 1] == 110 and data[i + 2] == 98 and data[i + 3] == 115:  # &nbsp;
                i += 6
                continue
            if c == 0xE2 and i + 2 < stop[node] and data[i + 1] == 0x80 and data[i + 2] == 0x8B:  # zero-width space
                i += 3
                continue
            if c != 32 and not 9 <= c <= 13:
                ink[node + 1] += 1
                if not (48 <= c <= 57 or c == 46 or c == 58 or c == 124):  # digits . : |
                    alien[node + 1] += 1
            i += 1
    return marks, ink, alien


class Page:
    """A tree with what the reader needs to know of its nodes."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._marks, ink, alien = _measure(
            tree.data, tree.tag, tree.parent, tree.start, tree.stop, _TAG_MASKS, _ATTRIBUTES, _CLASSES, _STYLE_WORDS, _CLASS_WORDS
        )
        self.marks, self.ink, self.alien = self._marks.tolist(), ink.tolist(), alien.tolist()
        self.tag, self.parent, self.end = tree.tag.tolist(), tree.parent.tolist(), tree.end.tolist()
        self._sums: dict[int, Any] = {}
        self.typed: dict[int, bool] = {}  # see _is_typed
        self._block: dict[int, int] = {}
        self.refused = 0  # one past the last run of blocks found to be no code
        self.area = ""  # text of the last text area taken, without blanks

    def marked(self, mask: int, first: int, last: int) -> list[int]:
        """Nodes first ... last - 1 with one of the marks."""
        if not self.count(mask, first, last):
            return []
        found: list[int] = (first + np.flatnonzero(self._marks[first:last] & mask)).tolist()
        return found

    def count(self, mask: int, first: int, last: int) -> int:
        """How many of the nodes first ... last - 1 have one of the marks; constant time after the first call of a mask."""
        if mask not in self._sums:
            self._sums[mask] = np.concatenate(([0], np.cumsum((self._marks & mask) != 0)))
        return int(self._sums[mask][last] - self._sums[mask][first])

    def below(self, mask: int, index: int) -> int:
        """How many nodes below one have one of the marks."""
        return self.count(mask, index + 1, self.end[index])

    def inked(self, index: int) -> int:
        """Bytes of text in a node that are not blank."""
        return int(self.ink[self.end[index]] - self.ink[index])

    def is_number(self, index: int) -> bool:
        """Whether a node holds no text but digits, their marks and blanks."""
        return bool(self.alien[self.end[index]] == self.alien[index])

    def children(self, index: int) -> Iterator[int]:
        """Elements and texts directly below a node."""
        at = index + 1
        while at < self.end[index]:
            yield at
            at = self.end[at]

    def block_of(self, index: int) -> int:
        """The nearest block or cell that a node is or stands in; each way up is walked once."""
        way = []
        while index > 0 and not self.marks[index] & (BLOCK | CELL) and index not in self._block:
            way.append(index)
            index = self.parent[index]
        block = self._block.get(index, index)
        self._block.update(dict.fromkeys(way, block))
        return block

    def words(self, index: int) -> list[str]:
        """Words of a node's text in lower case, its runs of text apart; for small nodes."""
        texts = [Node(self.tree, k).text() for k in range(index, self.end[index]) if self.tag[k] == TEXT]
        return " ".join(texts).replace(":", " ").lower().split()


_COMMON = ("fragment", "gutter")
"""Classes that mean other things too; the generators meant here give no other beside them."""


def _hints() -> tuple[Any, Any]:
    """What the seeds of blocks are known by, as bytes: (words uint8 (n, widest) padded by zeros, first word of each _key)."""
    words = {f"<{name}" for name, mask in _masks(_OF_TAG).items() if mask & (PRE | MONO)} | {*AREAS}
    for name, mask in _OF_CLASS.items():
        if mask & (WIDGET | SOURCE | NAMED | LINED | PROMPT | GUTTER) and len(name) > 3:
            words.add(f'="{name}"' if name in _COMMON else name)
    words |= {f'{name}="' for name, mask in _masks(_OF_ATTRIBUTE).items() if mask & NAMED} | {name for mask, name in _STYLES if mask & MONO}
    ordered = sorted((word.encode() for word in words), key=lambda word: (_key(word[0], word[1], word[2]), word))
    table = np.zeros((len(ordered), max(map(len, ordered)) + 1), np.uint8)
    first = np.full(1 << 15, -1, np.int8)  # stays in the nearest cache
    for k in reversed(range(len(ordered))):
        table[k, : len(ordered[k])] = np.frombuffer(ordered[k], np.uint8)
        first[_key(*ordered[k][:3])] = k
    return table, first


@njit(cache=True)
def _key(a: Any, b: Any, c: Any) -> Any:
    """Number of three bytes below 2 ** 15; that of a letter is the same in both cases."""
    return (np.int64(a) & 31) << 10 | (np.int64(b) & 31) << 5 | np.int64(c) & 31


_HINTS = _hints()


@njit(cache=True)
def _holds_any(data: Any, words: Any, first: Any) -> Any:
    """Whether one of the words stands in data; ASCII letters match in both cases."""
    for i in range(len(data) - 2):
        w = np.int64(first[_key(data[i], data[i + 1], data[i + 2])])
        if w < 0:
            continue
        key = _key(words[w, 0], words[w, 1], words[w, 2])
        while w < len(words) and _key(words[w, 0], words[w, 1], words[w, 2]) == key:
            k = 0
            while words[w, k] != 0 and i + k < len(data) and (data[i + k] == words[w, k] or data[i + k] | 32 == words[w, k]):
                k += 1
            if words[w, k] == 0:
                return True
            w += 1
    return False


def may_have_code(data: bytes) -> bool:
    """Whether a serialised page can have code blocks; False saves `code_blocks` its walk. One pass, about a nanosecond a byte."""
    return bool(_holds_any(np.frombuffer(data, np.uint8), *_HINTS))
