"""A page as blocks: runs of inline content, in document order, each with its text and its place.

One walk over the tree's arrays. Text is white-space collapsed as a browser shows it, references
resolved; `br` ends a line, two of them end the block. Atoms (formulas, code blocks) stand as they
are. Nothing is judged here.

Units:   offsets are bytes of `text`; nodes are numbers of the tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from stages.extract.hints import MASKS, WORD_HASHES, WORD_NUMBERS
from stages.extract.math.raw_tex import delimited
from stages.extract.tree import TAG, TAGS, Atom, Tree, hash_of, look_up, name_hash

PARAGRAPH, HEADING, ITEM, CELL, TERM, CAPTION, BUTTON, CODE, MATH, IMAGE = range(10)
KINDS = ("paragraph", "heading", "item", "cell", "term", "caption", "button", "code", "math", "image")

FIELDS = ("node", "kind", "level", "number", "row", "start", "stop", "links", "link_bytes", "bold_bytes", "breaks", "atom", "list",
          "column")  # fmt: skip
"""Columns of a block: the element it stands in, its kind, level (of a heading, or depth of a list),
number in an ordered list (UNNUMBERED: none), row (the `tr` a cell stands in), where its text stands,
links in it, bytes in links and in bold, line breaks, atom (of a code block or formula, else -1), the list
item it opens (-1 for none; an image shares it with the text behind), and its cell's column in the table, from 0 (-1 outside of cells)."""
NODE, KIND, LEVEL, NUMBER, ROW, START, STOP, LINKS, LINK_BYTES, BOLD_BYTES, BREAKS, ATOM, LIST, COLUMN = range(len(FIELDS))
UNNUMBERED = -(1 << 30)

# What an element is, as bits that its descendants inherit.
MARKS = (
    "a", "bold", "p", "heading", "list", "table", "nav", "header", "footer", "aside", "main", "article", "section", "form", "figure",
    "blockquote", "button", "hidden", "noscript", "code", "details", "definition", "label", "dialog", "address",
)  # fmt: skip
MARK = {name: 1 << number for number, name in enumerate(MARKS)}
_MARKED = {
    "a": "a", "b": "bold", "strong": "bold", "p": "p", "ul": "list", "ol": "list", "menu": "list", "table": "table", "nav": "nav",
    "header": "header", "footer": "footer", "aside": "aside", "main": "main", "article": "article", "section": "section", "form": "form",
    "figure": "figure", "blockquote": "blockquote", "button": "button", "noscript": "noscript", "code": "code", "kbd": "code",
    "samp": "code", "tt": "code", "details": "details", "dl": "definition", "label": "label", "dialog": "dialog", "address": "address",
    **{f"h{n}": "heading" for n in range(1, 7)},
}  # fmt: skip
_ROLES = {
    "navigation": "nav", "banner": "header", "contentinfo": "footer", "complementary": "aside", "main": "main", "article": "article",
    "search": "form", "form": "form", "button": "button", "dialog": "dialog", "alertdialog": "dialog", "menu": "nav", "menubar": "nav",
    "toolbar": "nav", "tablist": "nav",
}  # fmt: skip

_BREAKS_LINES = frozenset([
    "address", "article", "aside", "blockquote", "body", "button", "caption", "center", "dd", "details", "dialog", "dir", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html",
    "legend", "li", "listing", "main", "menu", "nav", "noscript", "ol", "p", "plaintext", "pre", "search", "section", "summary", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "xmp",
])  # fmt: skip
_LEFT_OUT = frozenset([
    "head", "script", "style", "template", "svg", "math", "iframe", "object", "embed", "audio", "video", "canvas", "select", "datalist",
    "textarea", "map", "noembed", "noframes", "input", "progress", "area", "meta", "link", "title", "base",
])  # fmt: skip
FLOW_TAGS = frozenset(TAG[t] for t in _BREAKS_LINES)
"""Numbers of the elements that begin and end blocks."""
_FLOW = np.array([1 if t in _BREAKS_LINES else 2 if t in _LEFT_OUT else 0 for t in TAGS], np.int8)
_TAG_MARKS = np.array([MARK[_MARKED[t]] if t in _MARKED else 0 for t in TAGS], np.int64)

T_A, T_BR, T_IMG, T_INPUT, T_LI, T_OL, T_UL, T_TABLE, T_TBODY, T_THEAD, T_TFOOT, T_TR, T_TD, T_TH = (
    TAG[t] for t in ("a", "br", "img", "input", "li", "ol", "ul", "table", "tbody", "thead", "tfoot", "tr", "td", "th")
)
T_H1, T_H6, T_DT, T_BUTTON, T_FIGCAPTION, T_CAPTION, T_MENU = (
    TAG[t] for t in ("h1", "h6", "dt", "button", "figcaption", "caption", "menu")
)
_MASKS = np.array(MASKS, np.uint64)
_BOLD, _A, _IN_CODE, _HIDDEN, _NOSCRIPT = (MARK[name] for name in ("bold", "a", "code", "hidden", "noscript"))
ATOM_TEXT, ATOM_NOTHING, ATOM_INLINE = -2, -1, 0
SPAN_CODE, SPAN_FORMULA = 0, 1
_I: Any = np.int64
_U: Any = np.uint64


_CLASS, _ID, _ROLE, _ITEMPROP, _ITEMTYPE, _STYLE = (hash_of(n) for n in ("class", "id", "role", "itemprop", "itemtype", "style"))
_HIDDEN_NAME, _ALT, _BEGIN, _VALUE = (hash_of(n) for n in ("hidden", "alt", "start", "value"))
_SHADOW, _REVERSED, _COLSPAN, _ROWSPAN = (hash_of(n) for n in ("shadowrootmode", "reversed", "colspan", "rowspan"))
MAX_COLSPAN, MAX_ROWSPAN = 1000, 65534
"""As the standard has it."""
MAX_ROWSPAN_COLUMN = 256
"""Columns in which a cell reaches into the rows below; a bound of ours."""
_ROLE_HASHES = np.array([hash_of(role) for role in _ROLES], np.uint64)
_ROLE_MARKS = np.array([MARK[mark] for mark in _ROLES.values()], np.int64)


@njit(cache=True)
def _groups(data: Any, start: Any, stop: Any, hashes: Any, numbers: Any, masks: Any) -> Any:
    """Hint groups of the words in data[start:stop]: uint64 bits."""
    bits, h, length, before = _U(0), _U(0xCBF29CE484222325), 0, False
    for i in range(start, stop + 1):
        byte = data[i] if i < stop else 32
        upper = 65 <= byte <= 90
        letter = upper or 97 <= byte <= 122
        if length > 0 and (not letter or (upper and before)):
            bits |= masks[look_up(hashes, numbers, h)]
            h, length = _U(0xCBF29CE484222325), 0
        if letter:
            h = (h ^ _U(byte + 32 if upper else byte)) * _U(0x100000001B3)
            length += 1
        before = letter and not upper
    return bits


@njit(cache=True)
def _hides(data: Any, start: Any, stop: Any) -> Any:
    """Whether a style says display: none or visibility: hidden."""
    for i in range(start, stop - 3):
        # ":none" and ":hidden", blanks left out, behind d…y or v…y
        if data[i] == 58:
            k = i + 1
            while k < stop and data[k] == 32:
                k += 1
            none = k + 4 <= stop and data[k] == 110 and data[k + 1] == 111 and data[k + 2] == 110 and data[k + 3] == 101
            hidden = k + 6 <= stop and data[k] == 104 and data[k + 1] == 105 and data[k + 2] == 100 and data[k + 5] == 110
            j = i - 1
            while j > start and data[j] == 32:
                j -= 1
            display = j - 6 >= start and data[j] == 121 and data[j - 1] == 97 and data[j - 6] == 100
            visible = j - 9 >= start and data[j] == 121 and data[j - 1] == 116 and data[j - 9] == 118
            if (none and display) or (hidden and visible):
                return True
    return False


@njit(cache=True)
def _number(data: Any, start: Any, stop: Any) -> Any:
    """A decimal number of at most six digits at data[start:stop], else UNNUMBERED."""
    value, negative = 0, stop > start and data[start] == 45
    start += negative
    if stop == start or stop - start > 6:
        return UNNUMBERED
    for i in range(start, stop):
        if data[i] < 48 or data[i] > 57:
            return UNNUMBERED
        value = value * 10 + (data[i] - 48)
    return -value if negative else value


@njit(cache=True)
def _append(data: Any, i: Any, stop: Any, out: Any, at: Any, first: Any, space: Any) -> Any:
    """Append data[i:stop] to out[at:], white space collapsed, references resolved, soft hyphens left out.

    Args:
        first: where the block's text begins: no white space stands there.
        space: whether white space is owed before the next character.
    Returns: (new end of out, whether white space is owed).
    """
    while i < stop:
        byte = data[i]
        if byte <= 32 and (byte == 32 or 9 <= byte <= 13):
            space = True
            i += 1
            continue
        if byte == 38:  # &amp; &lt; &gt; &nbsp; (&quot; in attributes): all the serialisation writes
            if i + 5 < stop and data[i + 1] == 110:
                space = True
                i += 6
                continue
            if i + 3 < stop and data[i + 1] == 108:
                byte, i = 60, i + 4
            elif i + 3 < stop and data[i + 1] == 103:
                byte, i = 62, i + 4
            elif i + 4 < stop and data[i + 1] == 97:
                byte, i = 38, i + 5
            elif i + 5 < stop and data[i + 1] == 113:
                byte, i = 34, i + 6
            else:
                i += 1
        elif byte == 0xC2 and i + 1 < stop and data[i + 1] == 0xAD:
            i += 2
            continue
        elif byte == 0xC2 and i + 1 < stop and data[i + 1] == 0xA0:
            space = True
            i += 2
            continue
        elif byte == 0xEF and i + 2 < stop and data[i + 1] == 0xBB and data[i + 2] == 0xBF:
            i += 3
            continue
        else:
            i += 1
        if space and at > first and out[at - 1] != 10:
            out[at] = 32
            at += 1
        space = False
        out[at] = byte
        at += 1
    return at, space


# The open block, as slots of one array: how many blocks are written, where the open one's text begins and
# ends, whether white space is owed, whether its last thing is a line break or a link that was closed, ...
# how many images are owed behind it, and how many spans of inline code and formulas there are so far.
_M, _FIRST, _AT, _SPACE, _NEWLINE, _AFTER_LINK, _INSIDE, _ITEM, _ROW, _N_LINKS, _IN_LINKS, _IN_BOLD, _N_BREAKS = range(13)
_N_OWED, _N_SPANS, _CELL = 13, 14, 15


@njit(cache=True)
def _flush(
    s: Any, blocks: Any, data: Any, out: Any, spans: Any, owed: Any,
    tag: Any, parent: Any, flow: Any, marks: Any, depth: Any, counter: Any,
) -> None:  # fmt: skip
    """End the open block, and write the images owed behind it (rows of owed: node, where its alt begins and ends)."""
    while s[_AT] > s[_FIRST] and out[s[_AT] - 1] == 10:
        s[_AT] -= 1
    if s[_AT] > s[_FIRST] and out[s[_FIRST]] == 60 and marks[s[_INSIDE]] & _NOSCRIPT:
        s[_AT] = s[_FIRST]  # a page saved by a browser: the markup it did not read stands there as text
        while s[_N_SPANS] > 0 and spans[s[_N_SPANS] - 1, 0] >= s[_FIRST]:
            s[_N_SPANS] -= 1
    if s[_AT] > s[_FIRST]:
        node, item = s[_INSIDE], s[_ITEM]
        while node > 0 and flow[tag[node]] != 1:
            node = parent[node]
        name, level = tag[node], 0
        if T_H1 <= name <= T_H6:
            kind, level = HEADING, name - T_H1 + 1
        elif name in (T_TD, T_TH):
            kind = CELL
        elif name == T_DT:
            kind = TERM
        elif name in (T_FIGCAPTION, T_CAPTION):
            kind = CAPTION
        elif name == T_BUTTON:
            kind = BUTTON
        elif item >= 0:
            kind, level = ITEM, depth[item]
        else:
            kind = PARAGRAPH
        row = blocks[s[_M]]
        row[NODE], row[KIND], row[LEVEL], row[NUMBER] = node, kind, level, counter[item] if item >= 0 else UNNUMBERED
        row[ROW], row[START], row[STOP], row[ATOM], row[LIST], row[COLUMN] = s[_ROW], s[_FIRST], s[_AT], -1, item, s[_CELL]
        row[LINKS], row[LINK_BYTES], row[BOLD_BYTES], row[BREAKS] = s[_N_LINKS], s[_IN_LINKS], s[_IN_BOLD], s[_N_BREAKS]
        s[_M] += 1
        s[_FIRST], s[_ITEM] = s[_AT], -1
    for k in range(s[_N_OWED]):
        at, _ = _append(data, owed[k, 1], owed[k, 2], out, s[_AT], s[_FIRST], False)
        if at > s[_AT]:
            row, item = blocks[s[_M]], s[_ITEM]
            row[NODE], row[KIND], row[LEVEL] = owed[k, 0], IMAGE, depth[item] if item >= 0 else 0
            row[NUMBER] = counter[item] if item >= 0 else UNNUMBERED
            row[ROW], row[START], row[STOP], row[ATOM], row[LIST], row[COLUMN] = s[_ROW], s[_AT], at, -1, item, s[_CELL]
            s[_M] += 1
            s[_FIRST], s[_AT] = at, at
    s[_N_OWED] = 0
    s[_SPACE], s[_NEWLINE], s[_N_LINKS], s[_IN_LINKS], s[_IN_BOLD], s[_N_BREAKS] = 0, 0, 0, 0, 0, 0


@njit(cache=True)
def _break(s: Any, out: Any) -> bool:
    """A `br`: ends the line. Returns whether it is the second in a row, which ends the block."""
    s[_SPACE] = 0
    if s[_AT] == s[_FIRST]:
        return False
    if s[_NEWLINE]:
        return True
    out[s[_AT]] = 10
    s[_AT] += 1
    s[_NEWLINE] = 1
    s[_N_BREAKS] += 1
    return False


@njit(cache=True)
def _columns(tag: Any, end: Any, spans: Any) -> Any:
    """Column of each cell in its table, from 0: int32 (n,).

    Args:
        spans: int32 (n, 2), columns and rows a cell reaches over.
    """
    out = np.full(len(tag), -1, np.int32)
    taken = np.full(MAX_ROWSPAN_COLUMN, -1, np.int64)  # the last row a column is taken in from above
    row = 0
    for group in range(1, len(tag)):
        if tag[group] not in (T_TABLE, T_TBODY, T_THEAD, T_TFOOT):
            continue
        row += MAX_ROWSPAN  # cells do not reach out of a group of rows
        line = group + 1
        while line < end[group]:
            cell, column = line + 1, 0
            while tag[line] == T_TR and cell < end[line]:
                if tag[cell] == T_TD or tag[cell] == T_TH:
                    while column < MAX_ROWSPAN_COLUMN and taken[column] >= row:
                        column += 1
                    out[cell] = column
                    if spans[cell, 1] > 1:
                        taken[column : column + spans[cell, 0]] = row + spans[cell, 1] - 1
                    column += spans[cell, 0]
                cell = end[cell]
            row += tag[line] == T_TR
            line = end[line]
    return out


@njit(cache=True)
def _items(tag: Any, end: Any, element: Any) -> Any:
    """Items directly in a list."""
    count, child = 0, element + 1
    while child < end[element]:
        count += tag[child] == T_LI
        child = end[child]
    return count


@njit(cache=True)
def _flatten(
    data: Any, tag: Any, parent: Any, end: Any, start: Any, stop: Any,
    atom_first: Any, atom_last: Any, atom_kind: Any, atom_data: Any, atom_offsets: Any,
    flow: Any, tag_marks: Any, role_hashes: Any, role_marks: Any, hashes: Any, numbers: Any, masks: Any,
) -> Any:  # fmt: skip
    """Walk the tree once; returns the arrays of Blocks."""
    n = len(tag)
    marks, hints, signature = np.zeros(n, np.int64), np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    first_block, last_block = np.zeros(n, np.int32), np.zeros(n, np.int32)
    outer = np.full(n, -1, np.int32)  # of a row or cell, the row or cell its table stands in
    reach = np.ones((n, 2), np.int32)  # columns and rows of a cell
    counter, depth = np.zeros(n, np.int32), np.zeros(n, np.int32)  # number of an item, a list's last item; lists around an element
    within = np.zeros(n, np.int32)  # the innermost list around an element, or itself
    step = np.zeros(n, np.int8)  # from one number of a list to the next
    blocks = np.zeros((2 * n + 2, len(FIELDS)), np.int64)
    out = np.empty(len(data) + len(atom_data) + 2 * len(atom_first) + 16, np.uint8)
    spans = np.zeros((n + 1, 3), np.int64)  # inline code and formulas in out
    owed = np.empty((n, 3), np.int64)
    s = np.zeros(16, np.int64)
    s[_ITEM], s[_ROW], s[_CELL] = -1, -1, -1
    stack = np.zeros(n + 1, np.int64)
    top, index, atom = 0, 1, 0
    while True:
        while top > 0 and (index >= n or index >= end[stack[top]]):  # elements that end here
            element = stack[top]
            top -= 1
            if flow[tag[element]] == 1:
                _flush(s, blocks, data, out, spans, owed, tag, parent, flow, marks, depth, counter)
            if tag[element] == T_TR:
                s[_ROW] = outer[element]
            elif tag[element] == T_TD or tag[element] == T_TH:
                s[_CELL] = outer[element]
            s[_AFTER_LINK] = tag[element] == T_A
            last_block[element] = s[_M]
        if index >= n:
            break
        above = parent[index]
        if atom < len(atom_first) and atom_first[atom] <= index:
            kind = atom_kind[atom]
            marks[index], first_block[index] = marks[above], s[_M]
            if kind in (ATOM_INLINE, ATOM_TEXT):
                if s[_AT] == s[_FIRST]:
                    s[_INSIDE] = above
                elif s[_SPACE]:
                    out[s[_AT]] = 32
                    s[_AT] += 1
                s[_SPACE], s[_NEWLINE], s[_AFTER_LINK] = 0, 0, 0
            elif kind != ATOM_NOTHING:
                _flush(s, blocks, data, out, spans, owed, tag, parent, flow, marks, depth, counter)
            if kind == ATOM_INLINE:
                size = atom_offsets[atom + 1] - atom_offsets[atom]
                span = spans[s[_N_SPANS]]
                span[0], span[1], span[2] = s[_AT], s[_AT] + size, SPAN_FORMULA
                s[_N_SPANS] += 1
            if kind != ATOM_NOTHING:
                for k in range(atom_offsets[atom], atom_offsets[atom + 1]):
                    out[s[_AT]] = atom_data[k]
                    s[_AT] += 1
            if kind > ATOM_INLINE and s[_AT] > s[_FIRST]:
                block, item = blocks[s[_M]], s[_ITEM]
                block[NODE], block[KIND], block[ROW], block[START], block[STOP] = index, kind, s[_ROW], s[_FIRST], s[_AT]
                block[ATOM], block[LIST], block[NUMBER] = atom, item, counter[item] if item >= 0 else UNNUMBERED
                block[LEVEL], block[COLUMN] = depth[item] if item >= 0 else 0, s[_CELL]
                s[_M] += 1
                s[_FIRST], s[_ITEM] = s[_AT], -1
            last_block[index] = s[_M]
            index = max(index + 1, atom_last[atom])
            while atom < len(atom_first) and atom_first[atom] < index:
                atom += 1
            continue
        if tag[index] == 0:  # text
            before = s[_AT]
            if before == s[_FIRST]:
                s[_INSIDE] = above
            at, space = _append(data, start[index], stop[index], out, s[_AT], s[_FIRST], s[_SPACE] != 0)
            s[_AT], s[_SPACE] = at, space
            if at > before:
                s[_NEWLINE], s[_AFTER_LINK] = 0, 0
                s[_IN_LINKS] += at - before if marks[above] & _A else 0
                s[_IN_BOLD] += at - before if marks[above] & _BOLD else 0
                if marks[above] & _IN_CODE:
                    span = spans[s[_N_SPANS]]
                    span[0], span[1], span[2] = before + (out[before] == 32), at, SPAN_CODE
                    s[_N_SPANS] += 1
            index += 1
            continue
        name = tag[index]
        if flow[name] == 1:
            _flush(s, blocks, data, out, spans, owed, tag, parent, flow, marks, depth, counter)
        own, bits, look, alt_start, alt_stop, begin, columns, lines, shadow, backwards = _attributes(
            data, start[index], stop[index], role_hashes, role_marks, hashes, numbers, masks
        )
        marks[index], hints[index] = marks[above] | tag_marks[name] | own, bits
        signature[index] = (look ^ _U(name)) * _U(0x9E3779B97F4A7C15)
        depth[index], within[index] = depth[above], within[above]
        first_block[index], last_block[index] = s[_M], s[_M]
        if flow[name] == 2 and not shadow:
            s[_SPACE] |= name == T_INPUT
            index = end[index]
            continue
        if name == T_A:
            s[_N_LINKS] += 1
            s[_SPACE] |= s[_AFTER_LINK]
        elif name == T_BR:
            if _break(s, out):
                _flush(s, blocks, data, out, spans, owed, tag, parent, flow, marks, depth, counter)
        elif name == T_IMG:
            if alt_stop > alt_start:
                image = owed[s[_N_OWED]]
                image[0], image[1], image[2] = index, alt_start, alt_stop
                s[_N_OWED] += 1
            s[_SPACE] = 1
        elif name == T_LI:
            s[_ITEM], depth[index], counter[index] = index, max(1, depth[above]), UNNUMBERED
            around = within[above]
            if tag[around] == T_OL:
                counter[around] = begin if begin != UNNUMBERED else counter[around] + step[around]
                counter[index] = counter[around]
        elif name in (T_OL, T_UL, T_MENU):
            depth[index], within[index] = depth[above] + 1, index
            if name == T_OL:
                step[index] = -1 if backwards else 1
                if begin == UNNUMBERED:
                    begin = _items(tag, end, index) if backwards else 1
                counter[index] = begin - step[index]
        elif name == T_TR:
            outer[index], s[_ROW] = s[_ROW], index if end[index] > index + 1 else s[_ROW]
        elif name in (T_TD, T_TH):
            reach[index, 0], reach[index, 1] = columns, lines
            outer[index], s[_CELL] = s[_CELL], index if end[index] > index + 1 else s[_CELL]
        s[_AFTER_LINK] = 0
        if end[index] > index + 1:
            top += 1
            stack[top] = index
        index += 1
    _flush(s, blocks, data, out, spans, owed, tag, parent, flow, marks, depth, counter)
    last_block[0] = s[_M]
    m, at = s[_M], s[_AT]
    column = _columns(tag, end, reach)
    for k in range(m):
        blocks[k, COLUMN] = column[blocks[k, COLUMN]] if blocks[k, COLUMN] >= 0 else -1
    return blocks[:m].copy(), out[:at].copy(), spans[: s[_N_SPANS]].copy(), marks, hints, signature, first_block, last_block


@njit(cache=True)
def _attributes(data: Any, start: Any, stop: Any, role_hashes: Any, role_marks: Any, hashes: Any, numbers: Any, masks: Any) -> Any:
    """What an element's attributes say: (marks, hint groups, hash of its class, span of alt, number in start or value,
    columns and rows of a cell, whether a template is shown, whether a list is reversed)."""
    own, bits, look = _I(0), _U(0), _U(0)
    alt_start, alt_stop, begin, columns, lines, shadow, backwards = _I(-1), _I(-1), UNNUMBERED, 1, 1, False, False
    i = start
    while i < stop and data[i] != 32:
        i += 1
    while i < stop:
        i += 1  # the blank
        key = i
        i += 1
        while i + 1 < stop and not (data[i] == 61 and data[i + 1] == 34):  # a name may hold a quote
            i += 1
        h = name_hash(data, key, i)
        i += 2
        value = i
        while i < stop and data[i] != 34:
            i += 1
        if h in (_CLASS, _ID, _ITEMPROP, _ITEMTYPE, _ROLE):
            bits |= _groups(data, value, i, hashes, numbers, masks)
            if h == _CLASS:
                look = name_hash(data, value, i)
            elif h == _ROLE:
                role = name_hash(data, value, i)
                for k in range(len(role_hashes)):
                    if role_hashes[k] == role:
                        own |= role_marks[k]
        elif h == _HIDDEN_NAME or (h == _STYLE and _hides(data, value, i)):
            own |= _HIDDEN
        elif h == _ALT:
            alt_start, alt_stop = value, i
        elif h in (_BEGIN, _VALUE):
            begin = _number(data, value, i)
        elif h == _COLSPAN:
            columns = min(MAX_COLSPAN, max(1, _number(data, value, i)))
        elif h == _ROWSPAN:
            lines = _number(data, value, i)
            lines = MAX_ROWSPAN if lines == 0 else min(MAX_ROWSPAN, max(1, lines))
        elif h == _SHADOW:
            shadow = True
        elif h == _REVERSED:
            backwards = True
        i += 1
    return own, bits, look, alt_start, alt_stop, begin, columns, lines, shadow, backwards


_ATOMS = {"text": ATOM_TEXT, "nothing": ATOM_NOTHING, "inline_math": ATOM_INLINE, "display_math": MATH, "code_block": CODE}


@dataclass(frozen=True)
class Blocks:
    """The blocks of a page.

    table: int64 (m, 14), columns FIELDS. text: uint8, the blocks' texts one behind another.
    spans: int64 (k, 3), inline code and formulas: where they stand in text, and which of both.
    Of each node of the tree: marks, int64 MARK bits, inherited; hints, uint64 groups of its own names;
    signature, uint64, equal for elements of one tag and class; first, last: int32, its blocks.
    """

    table: Any
    text: Any
    spans: Any
    marks: Any
    hints: Any
    signature: Any
    first: Any
    last: Any

    def __len__(self) -> int:
        """Blocks."""
        return len(self.table)

    def text_of(self, block: int) -> str:
        """Text of one block."""
        return bytes(self.text[self.table[block, START] : self.table[block, STOP]]).decode("utf-8", "replace")


def blocks_of(tree: Tree, atoms: Sequence[Atom] = ()) -> Blocks:
    """Cut a page into blocks.

    Args:
        atoms: sorted by first node, disjoint. Inline formulas become `$…$` within their block, display
            formulas `$$…$$` and code blocks become blocks of their own.
    """
    pieces = [_written(a).encode("utf-8", "replace") for a in atoms]
    return Blocks(*_flatten(
        tree.data, tree.tag, tree.parent, tree.end, tree.start, tree.stop,
        np.array([a.first for a in atoms], np.int64), np.array([a.last for a in atoms], np.int64),
        np.array([_ATOMS[a.kind] for a in atoms], np.int64), np.frombuffer(b"".join(pieces), np.uint8),
        np.cumsum([0, *map(len, pieces)], dtype=np.int64),
        _FLOW, _TAG_MARKS, _ROLE_HASHES, _ROLE_MARKS, WORD_HASHES, WORD_NUMBERS, _MASKS,
    ))  # fmt: skip


def _written(atom: Atom) -> str:
    return delimited(atom.text, atom.kind == "display_math") if atom.kind in ("inline_math", "display_math") else atom.text
