"""What the block classifier sees of each block: structure and form, none of its words.

Besides the block itself a feature looks at its *levels*: walking up from the block's element, level 1
is the first ancestor that holds more than this block, level 2 the first that holds more than level 1,
and so on, wrappers around one thing counting as that thing. Everything is linear in the page: what a
level holds comes from sums over the blocks before it.

Source:  ours; link and text density after Kohlschütter et al. 2010, "Boilerplate Detection using
         Shallow Text Features".
Units:   words are runs of letters and digits; two ideographs or kana, four letters of Thai-like scripts
         are one; `log_x` is ln(1 + x); shares are 0 to 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from stages.extract import blocks as b
from stages.extract.blocks import Blocks
from stages.extract.hints import NAMES as GROUPS
from stages.extract.page_kind import NAMES as PAGE_KIND
from stages.extract.page_kind import page_kind
from stages.extract.tree import Tree

LEVELS, FAR = 4, 9
_OWN = (
    "kind", "level", "number", "log_words", "log_chars", "word_length", "links", "link_share", "bold_share", "breaks", "upper_share",
    "digit_share", "commas", "ends", "end_mark", "colon", "symbols", "first_upper", "title_share", "title_cover", "twins", "years",
)  # fmt: skip
_PLACE = ("index_share", "words_before_share", "words_before", "words_after", "heading_level", "heading_distance", "depth")
_LEVEL = ("log_blocks", "log_words", "words_share", "link_share", "block_words", "block_ends", "alike", "index_share", "heading_share")
_NEIGHBOUR = ("log_words", "link_share", "kind", "end_mark", "joint")
_ANCHORS = ("h1", "title", "longest", "densest")
_AROUND = ("words", "link_share", "ends")
_PAGE = ("log_words", "log_blocks", "link_share", "block_ends", "long_share", "item_share", "cell_share", "headings", "images")
OFFSETS = (-2, -1, 1, 2)
NAMES = (
    *_OWN, *_PLACE, *(f"in_{m}" for m in b.MARKS), *(f"hint_{g}" for g in GROUPS), "alike0",
    *(f"up{level}_{f}" for level in range(1, LEVELS + 1) for f in _LEVEL),
    *(f"{anchor}_{f}" for anchor in _ANCHORS for f in ("joint", "distance")),
    *(f"at{o:+d}_{f}" for o in OFFSETS for f in _NEIGHBOUR), *(f"around_{f}" for f in _AROUND),
    *(f"page_{f}" for f in _PAGE), *(f"page_hint_{g}" for g in GROUPS), *PAGE_KIND,
)  # fmt: skip
"""Columns of `features`. joint: how many levels up the block and another meet. hint_g: how many levels up group g is named, 9 = nowhere
(10 levels and more count as 9)."""

_S = 14
_WORDS, _CHARS, _LETTERS, _UPPER, _DIGITS, _COMMAS, _ENDS, _END_MARK, _COLON, _SYMBOLS, _FIRST_UPPER, _TITLE, _COVER, _YEARS = range(_S)
_N_MARKS, _N_GROUPS = len(b.MARKS), len(GROUPS)
_I: Any = np.int64
_U: Any = np.uint64


@njit(cache=True)
def _measure(text: Any, table: Any, title: Any) -> Any:
    """Counts of each block's text: float64 (m, 14); and a hash of it, uint64 (m,).

    title: uint64, sorted hashes of the words of the page's title.
    """
    m = len(table)
    out, hashes = np.zeros((m, _S), np.float64), np.zeros(m, np.uint64)
    seen = np.full(len(title), -1, np.int64)
    for k in range(m):
        i, stop = table[k, 5], table[k, 6]
        row = out[k]
        whole, h = _U(0xCBF29CE484222325), _U(0xCBF29CE484222325)
        length, spaceless, ideographs, in_title, digits = 0, 0, 0, 0, 0
        upper = False
        while i <= stop:
            byte = _I(text[i]) if i < stop else 32
            if i < stop:
                whole = (whole ^ _U(byte)) * _U(0x100000001B3)
            kind = 0  # of a character: 1 letter, 2 digit, 3 one that is a word
            width = 1
            if byte < 128:
                if 97 <= byte <= 122 or 65 <= byte <= 90:
                    kind = 1
                elif 48 <= byte <= 57:
                    kind = 2
            else:
                width = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
                second = _I(text[i + 1]) if i + 1 < stop else 0
                third = _I(text[i + 2]) if i + 2 < stop else 0
                kind = 1
                if byte == 0xC2 or (byte == 0xE2 and second < 0xB0):
                    kind = 0
                elif byte == 0xE3 and second == 0x80:
                    kind = 0
                    row[_ENDS] += third == 0x82
                    row[_COMMAS] += third == 0x81
                elif byte == 0xEF and (second == 0xBC or second == 0xBD):
                    kind = 0
                    row[_ENDS] += second == 0xBC and (third == 0x81 or third == 0x9F)
                    row[_COMMAS] += second == 0xBC and third == 0x8C
                elif byte == 0xE0 and second == 0xA5 and third == 0xA4:
                    kind = 0
                    row[_ENDS] += 1
                elif 0xE3 <= byte <= 0xE9:
                    kind = 3
                elif (byte == 0xE0 and 0xB8 <= second <= 0xBB) or (byte == 0xE1 and (second <= 0x82 or 0x9E <= second <= 0x9F)):
                    spaceless += 1
                if byte == 0xC2 and second == 0xA9:
                    row[_SYMBOLS] += 1
                if byte == 0xE2 and second == 0x80 and (third == 0xBA or third == 0xA2):
                    row[_SYMBOLS] += 1
            if kind == 1 or kind == 2:
                if length == 0:
                    upper = 65 <= byte <= 90 or (byte >= 0xC3 and byte <= 0xD0 and width == 2)
                    digits = 0
                for j in range(i, min(i + width, stop)):
                    c = _I(text[j])
                    h = (h ^ _U(c + 32 if 65 <= c <= 90 else c)) * _U(0x100000001B3)
                length += 1
                digits += kind == 2
                row[_LETTERS] += kind == 1
                row[_DIGITS] += kind == 2
            elif length > 0 or kind == 3:
                row[_WORDS] += length > 0
                ideographs += kind == 3
                if length > 0:
                    row[_UPPER] += upper
                    if row[_WORDS] == 1:
                        row[_FIRST_UPPER] = upper
                    row[_YEARS] += digits == 4 and length == 4
                    at = np.searchsorted(title, h)
                    if at < len(title) and title[at] == h:
                        in_title += 1
                        if seen[at] != k:
                            seen[at] = k
                            row[_COVER] += 1
                h, length = _U(0xCBF29CE484222325), 0
            row[_CHARS] += i < stop
            if byte == 44 or byte == 59:
                row[_COMMAS] += 1
            elif byte == 46 or byte == 33 or byte == 63:
                after = _I(text[i + 1]) if i + 1 < stop else 32
                row[_ENDS] += after <= 32 or after == 34 or after == 41
            elif byte == 124 or byte == 62 or byte == 36 or byte == 43 or byte == 47:
                row[_SYMBOLS] += 1
            i += width
        row[_WORDS] += spaceless // 4 + (ideographs + 1) // 2
        hashes[k] = whole
        row[_TITLE] = in_title / max(1.0, row[_WORDS])
        row[_COVER] = row[_COVER] / max(1, len(title))
        # how it ends: . ! ? … 。 ！ ？ । ؟ ۔, a closing quote or bracket behind them, a colon
        j = stop - 1
        while j > table[k, 5] and (text[j] == 34 or text[j] == 41 or text[j] == 39 or text[j] == 93):
            j -= 1
        if j >= table[k, 5]:
            byte = _I(text[j])
            third = _I(text[j - 2]) if j - 2 >= table[k, 5] else 0
            second = _I(text[j - 1]) if j - 1 >= table[k, 5] else 0
            row[_END_MARK] = (
                byte == 46 or byte == 33 or byte == 63
                or (third == 0xE2 and second == 0x80 and (byte == 0xA6 or byte == 0x9D or byte == 0x99))
                or (third == 0xE3 and second == 0x80 and (byte == 0x82 or byte == 0x8D))
                or (third == 0xEF and second == 0xBC and (byte == 0x81 or byte == 0x9F))
                or (third == 0xE0 and second == 0xA5 and byte == 0xA4)
                or (second == 0xD8 and byte == 0x9F) or (second == 0xDB and byte == 0x94)
            )  # fmt: skip
            row[_COLON] = byte == 58
    return out, hashes


@njit(cache=True)
def _alike(signature: Any, parent: Any, tag: Any) -> Any:
    """For each element, how many children of its parent have its signature: int32 (n,)."""
    n = len(tag)
    size = 16
    while size < 2 * n:
        size *= 2
    keys, counts, slot = np.zeros(size, np.uint64), np.zeros(size, np.int32), np.zeros(n, np.int64)
    mask = _U(size - 1)
    for index in range(1, n):
        if tag[index] == 0:
            continue
        key = (signature[index] ^ _U(parent[index])) * _U(0x9E3779B97F4A7C15)
        key ^= key >> _U(29)
        key |= _U(1)
        at = _I(key & mask)
        while counts[at] != 0 and keys[at] != key:
            at = (at + 1) & (size - 1)
        keys[at] = key
        counts[at] += 1
        slot[index] = at
    out = np.zeros(n, np.int32)
    for index in range(1, n):
        out[index] = counts[slot[index]] if tag[index] != 0 else 0
    return out


@njit(cache=True)
def _twins(hashes: Any) -> Any:
    """For each block, how many have its text: int32 (m,)."""
    order = np.argsort(hashes)
    out = np.zeros(len(hashes), np.int32)
    i = 0
    while i < len(order):
        j = i
        while j < len(order) and hashes[order[j]] == hashes[order[i]]:
            j += 1
        for k in range(i, j):
            out[order[k]] = j - i
        i = j
    return out


@njit(cache=True)
def _sums(table: Any, counts: Any) -> Any:
    """Of the blocks before each: words, bytes, link bytes, sentence ends, headings; float64 (m + 1, 5)."""
    m = len(table)
    out = np.zeros((m + 1, 5), np.float64)
    for k in range(m):
        out[k + 1, 0] = out[k, 0] + counts[k, _WORDS]
        out[k + 1, 1] = out[k, 1] + table[k, 6] - table[k, 5]
        out[k + 1, 2] = out[k, 2] + table[k, 8]
        out[k + 1, 3] = out[k, 3] + counts[k, _ENDS]
        out[k + 1, 4] = out[k, 4] + (table[k, 1] == 1)
    return out


@njit(cache=True)
def _anchors(table: Any, counts: Any, before: Any) -> Any:
    """Blocks that content tends to stand near: the first h1, the one that says most of the title, the longest that is not
    links, the middle of the densest eleven; -1 for none. int64 (4,)."""
    m = len(table)
    out = np.full(4, -1, np.int64)
    cover, longest, densest = 0.49, 0.0, 0.0
    for k in range(m):
        if out[0] < 0 and table[k, 1] == 1 and table[k, 2] == 1:
            out[0] = k
        if counts[k, _COVER] > cover:
            cover, out[1] = counts[k, _COVER], k
        if counts[k, _WORDS] > longest and 2 * table[k, 8] < table[k, 6] - table[k, 5]:
            longest, out[2] = counts[k, _WORDS], k
        a, z = max(0, k - 5), min(m, k + 6)
        links = (before[z, 2] - before[a, 2]) / max(1.0, before[z, 1] - before[a, 1])
        dense = (before[z, 0] - before[a, 0]) * (1 - links)
        if dense > densest:
            densest, out[3] = dense, k
    return out


@njit(cache=True)
def _own(row: Any, line: Any, c: Any, twins: Any) -> None:
    """Features of the block itself."""
    size, words = max(1, line[6] - line[5]), max(1.0, c[_WORDS])
    number = 0 if line[3] == b.UNNUMBERED else max(-1, min(line[3], 20))
    row[0], row[1], row[2], row[3], row[4] = line[1], line[2], number, np.log1p(c[_WORDS]), np.log1p(c[_CHARS])
    row[5], row[6], row[7] = (c[_LETTERS] + c[_DIGITS]) / words, min(line[7], 50), line[8] / size
    row[8], row[9], row[10], row[11] = line[9] / size, min(line[10], 20), c[_UPPER] / words, c[_DIGITS] / max(1.0, c[_CHARS])
    row[12], row[13], row[14], row[15] = c[_COMMAS] / words, c[_ENDS], c[_END_MARK], c[_COLON]
    row[16], row[17], row[18], row[19] = c[_SYMBOLS], c[_FIRST_UPPER], c[_TITLE], c[_COVER]
    row[20], row[21] = min(twins, 9), c[_YEARS]


@njit(cache=True)
def _climb(
    row: Any, k: Any, node: Any, words: Any, before: Any, anchors: Any, alike: Any, parent: Any, hints: Any, first: Any, last: Any,
    page_hints: Any,
) -> Any:  # fmt: skip
    """Features of the levels above a block, from its column of hints on: (element of level 1 … 4)."""
    total = max(1.0, before[len(before) - 1, 0])
    chain = np.zeros(LEVELS, np.int32)
    row[:_N_GROUPS] = FAR
    at, joint = _N_GROUPS, _N_GROUPS + 1 + LEVELS * _N_LEVEL
    for n in range(len(anchors)):
        row[joint + 2 * n] = 0 if anchors[n] == k else FAR
        row[joint + 2 * n + 1] = max(-60, min(60, k - anchors[n])) if anchors[n] >= 0 else 61
    level, a, z, most, up = 0, k, k + 1, 0, node
    while up > 0:
        if z - a < last[up] - first[up]:  # it holds more: the next level
            if level == 0:
                row[at] = min(most, 60)
            elif level <= LEVELS:
                _level(row, at + 1 + (level - 1) * _N_LEVEL, before, k, a, z, most, total)
            level += 1
            a, z, most = min(first[up], k), max(last[up], k + 1), 0
            for n in range(len(anchors)):
                if row[joint + 2 * n] == FAR and a <= anchors[n] < z:
                    row[joint + 2 * n] = min(level, FAR - 1)
        if 0 < level <= LEVELS:
            chain[level - 1] = up
        most = max(most, alike[up])
        bits, group = hints[up], 0
        while bits != _U(0):
            if bits & _U(1) and row[group] == FAR:
                row[group] = min(level, FAR - 1)
                page_hints[group] += words / total
            bits >>= _U(1)
            group += 1
        up = parent[up]
    if level == 0:
        row[at] = min(most, 60)
    while 0 < level <= LEVELS:  # the levels above the page's top repeat it
        _level(row, at + 1 + (level - 1) * _N_LEVEL, before, k, a, z, most, total)
        level += 1
    return chain


@njit(cache=True)
def _neighbours(row: Any, k: Any, out: Any, table: Any, counts: Any, before: Any, chain: Any, first: Any, last: Any) -> None:
    """Features of the blocks around a block."""
    m, at = len(table), 0
    for o in OFFSETS:
        j = k + o
        if 0 <= j < m:
            row[at], row[at + 1], row[at + 2], row[at + 3] = out[j, 3], out[j, 7], table[j, 1], counts[j, _END_MARK]
            joint = 0
            while joint < LEVELS and not (first[chain[k, joint]] <= j < last[chain[k, joint]]):
                joint += 1
            row[at + 4] = joint
        else:
            row[at : at + 5] = -1
        at += 5
    a, z = max(0, k - 5), min(m, k + 6)
    row[at] = np.log1p(before[z, 0] - before[a, 0])
    row[at + 1] = (before[z, 2] - before[a, 2]) / max(1.0, before[z, 1] - before[a, 1])
    row[at + 2] = before[z, 3] - before[a, 3]


@njit(cache=True)
def _page(table: Any, counts: Any, before: Any) -> Any:
    """Features all blocks of a page share: float64 (9,)."""
    m = len(table)
    total = max(1.0, before[m, 0])
    long_words, item_words, cell_words, images = 0.0, 0.0, 0.0, 0
    for k in range(m):
        words, kind = counts[k, _WORDS], table[k, 1]
        long_words += words if words >= 20 and 3 * table[k, 8] < table[k, 6] - table[k, 5] else 0
        item_words += words if kind == 2 else 0
        cell_words += words if kind == 3 else 0
        images += kind == 9
    return np.array([
        np.log1p(before[m, 0]), np.log1p(m), before[m, 2] / max(1.0, before[m, 1]), before[m, 3] / max(1, m), long_words / total,
        item_words / total, cell_words / total, np.log1p(before[m, 4]), np.log1p(images),
    ])  # fmt: skip


@njit(cache=True)
def _fill(table: Any, counts: Any, twins: Any, alike: Any, parent: Any, marks: Any, hints: Any, first: Any, last: Any, kind: Any) -> Any:
    """The feature matrix: float32 (m, len(NAMES))."""
    m = len(table)
    out, chain = np.zeros((m, _N), np.float32), np.zeros((m, LEVELS), np.int32)
    before = _sums(table, counts)
    anchors = _anchors(table, counts, before)
    total = max(1.0, before[m, 0])
    depth = np.zeros(len(parent), np.int32)
    for node in range(1, len(parent)):
        depth[node] = depth[parent[node]] + 1
    page_hints = np.zeros(_N_GROUPS, np.float64)
    heading, heading_level, at = -1, 0, 0
    for k in range(m):
        row, node = out[k], table[k, 0]
        _own(row, table[k], counts[k], twins[k])
        at = _N_OWN
        row[at], row[at + 1], row[at + 2] = k / m, before[k, 0] / total, np.log1p(before[k, 0])
        row[at + 3], row[at + 4] = np.log1p(before[m, 0] - before[k + 1, 0]), heading_level
        row[at + 5], row[at + 6] = min(k - heading, 30) if heading >= 0 else 31, depth[node]
        at += _N_PLACE
        if table[k, 1] == 1:
            heading, heading_level = k, table[k, 2]
        for bit in range(_N_MARKS):
            row[at + bit] = (marks[node] >> bit) & 1
        at += _N_MARKS
        chain[k] = _climb(row[at:], k, node, counts[k, _WORDS], before, anchors, alike, parent, hints, first, last, page_hints)
    at += _N_GROUPS + 1 + LEVELS * _N_LEVEL + 2 * len(anchors)
    page = _page(table, counts, before)
    shared = at + _N_AROUND
    for k in range(m):
        _neighbours(out[k, at:], k, out, table, counts, before, chain, first, last)
        out[k, shared : shared + len(page)] = page
        out[k, shared + len(page) : shared + len(page) + _N_GROUPS] = page_hints
        out[k, shared + len(page) + _N_GROUPS :] = kind
    return out


@njit(cache=True)
def _level(row: Any, at: Any, before: Any, k: Any, a: Any, z: Any, most: Any, total: Any) -> None:
    """Features of the level that holds blocks a … z - 1."""
    n, words = z - a, before[z, 0] - before[a, 0]
    row[at], row[at + 1], row[at + 2] = np.log1p(n), np.log1p(words), words / total
    row[at + 3] = (before[z, 2] - before[a, 2]) / max(1.0, before[z, 1] - before[a, 1])
    row[at + 4], row[at + 5] = words / n, (before[z, 3] - before[a, 3]) / n
    row[at + 6], row[at + 7], row[at + 8] = min(most, 60), (k - a) / n, (before[z, 4] - before[a, 4]) / n


_N, _N_OWN, _N_PLACE, _N_LEVEL = len(NAMES), len(_OWN), len(_PLACE), len(_LEVEL)
_N_AROUND = len(OFFSETS) * len(_NEIGHBOUR) + len(_AROUND)


@njit(cache=True)
def word_hashes(text: Any) -> Any:
    """Sorted, distinct hashes of the words of a short text, as `_measure` makes them: uint64."""
    out = np.zeros(len(text) + 1, np.uint64)
    n, length, h = 0, 0, _U(0xCBF29CE484222325)
    for i in range(len(text) + 1):
        c = _I(text[i]) if i < len(text) else 32
        if c >= 128 or 48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122:
            h = (h ^ _U(c + 32 if 65 <= c <= 90 else c)) * _U(0x100000001B3)
            length += 1
        elif length > 0:
            out[n] = h
            n += 1
            h, length = _U(0xCBF29CE484222325), 0
    return np.unique(out[:n])


def features(tree: Tree, blocks: Blocks, title: str, url: str | None) -> Any:
    """Features of each block.

    Args:
        title: the page's title, or "". url: its address, or None.
    Returns: float32 (m, len(NAMES)).
    """
    words = word_hashes(np.frombuffer(title[:1000].encode("utf-8", "replace"), np.uint8))
    counts, hashes = _measure(blocks.text, blocks.table, words)
    alike = _alike(blocks.signature, tree.parent, tree.tag)
    twins, kind = _twins(hashes), page_kind(tree, url)
    return _fill(blocks.table, counts, twins, alike, tree.parent, blocks.marks, blocks.hints, blocks.first, blocks.last, kind)


KIN_ELEMENTS = 3
"""Elements that are alike in kin: a block's own and the two around it; ours."""


@njit(cache=True)
def _kin(table: Any, parent: Any, signature: Any) -> Any:
    out = np.zeros(len(table), np.uint64)
    for k in range(len(table)):
        node = table[k, 0]
        for _ in range(KIN_ELEMENTS):
            if node > 0:
                out[k] = out[k] * _U(31) + signature[node]
                node = parent[node]
    return out


def kin(tree: Tree, blocks: Blocks) -> Any:
    """Equal for blocks that a template puts in like places: same tags and classes of KIN_ELEMENTS elements; uint64 (m,)."""
    return _kin(blocks.table, tree.parent, blocks.signature)
