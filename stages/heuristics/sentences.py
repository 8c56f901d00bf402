"""Where sentences end, in any script: what C4 counts.

A sentence ends behind a run of characters of the Unicode property Sentence_Terminal (`TERMINALS`)
and the closing quotes and brackets that follow it. After a full stop (the property ATerm) that is
so only before white space or the end, and not if a small letter comes next (Unicode Standard Annex
29, SB8): `3.14`, `e.g. this`, `a.example` are whole, `Mr. Brown` is parted, for no abbreviations
are known. What holds nothing but such marks and white space belongs to the sentence before it, and
what is left behind the last end is a sentence. Linear; a line end is white space like any other.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from curation.text import (
    LOWER_BLOCKS,
    LOWER_INDEX,
    TOPS,
    Spans,
    Utf8,
    char_class,
    decode,
    equal,
    load64,
    space_width,
    zeros_below,
)

TERMINALS = "!.?" + "".join(
    chr(code)
    for first, last in (
        (0x589, 0x589), (0x61D, 0x61F), (0x6D4, 0x6D4), (0x700, 0x702), (0x7F9, 0x7F9), (0x837, 0x837), (0x839, 0x839), (0x83D, 0x83E),
        (0x964, 0x965), (0x104A, 0x104B), (0x1362, 0x1362), (0x1367, 0x1368), (0x166E, 0x166E), (0x1735, 0x1736), (0x17D4, 0x17D5),
        (0x1803, 0x1803), (0x1809, 0x1809), (0x1944, 0x1945), (0x1AA8, 0x1AAB), (0x1B4E, 0x1B4F), (0x1B5A, 0x1B5B), (0x1B5E, 0x1B5F),
        (0x1B7D, 0x1B7F), (0x1C3B, 0x1C3C), (0x1C7E, 0x1C7F), (0x2024, 0x2024), (0x203C, 0x203D), (0x2047, 0x2049), (0x2CF9, 0x2CFB),
        (0x2E2E, 0x2E2E), (0x2E3C, 0x2E3C), (0x2E53, 0x2E54), (0x2E60, 0x2E61), (0x3002, 0x3002), (0xA4FF, 0xA4FF), (0xA60E, 0xA60F),
        (0xA6F3, 0xA6F3), (0xA6F7, 0xA6F7), (0xA876, 0xA877), (0xA8CE, 0xA8CF), (0xA92F, 0xA92F), (0xA9C8, 0xA9C9), (0xAA5D, 0xAA5F),
        (0xAAF0, 0xAAF1), (0xABEB, 0xABEB), (0xFE12, 0xFE12), (0xFE15, 0xFE16), (0xFE52, 0xFE52), (0xFE56, 0xFE57), (0xFF01, 0xFF01),
        (0xFF0E, 0xFF0E), (0xFF1F, 0xFF1F), (0xFF61, 0xFF61), (0x10A56, 0x10A57), (0x10F55, 0x10F59), (0x10F86, 0x10F89),
        (0x11047, 0x11048), (0x110BE, 0x110C1), (0x11141, 0x11143), (0x111C5, 0x111C6), (0x111CD, 0x111CD), (0x111DE, 0x111DF),
        (0x11238, 0x11239), (0x1123B, 0x1123C),
        (0x112A9, 0x112A9), (0x113D4, 0x113D5), (0x1144B, 0x1144C), (0x115C2, 0x115C3), (0x115C9, 0x115D7),
        (0x11641, 0x11642), (0x1173C, 0x1173E), (0x11944, 0x11944), (0x11946, 0x11946), (0x11A42, 0x11A43), (0x11A9B, 0x11A9C),
        (0x11C41, 0x11C42), (0x11EF7, 0x11EF8), (0x11F43, 0x11F44), (0x16A6E, 0x16A6F), (0x16AF5, 0x16AF5), (0x16B37, 0x16B38),
        (0x16B44, 0x16B44), (0x16D6E, 0x16D6F), (0x16E98, 0x16E98), (0x1BC9F, 0x1BC9F), (0x1DA88, 0x1DA88),
    )
    for code in range(first, last + 1)
)  # fmt: skip
"""Unicode 17, property Sentence_Terminal."""
STOPS = ".\u2024\ufe52\uff0e"
"""Those of them that also stand in numbers, names and abbreviations (ATerm)."""
CLOSERS = "\"')]}\u00bb\u2019\u201d\u203a\u300b\u300d\u300f\u3011\u3015\uff02\uff07\uff09\uff3d\uff5d\uff63"
"""Quotes and brackets that close."""
TERMINAL, STOP, CLOSER, SMALL = range(1, 5)
ZEROS = (
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20, 0x1040, 0x1090,
    0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950,
    0x11C50, 0x11D50, 0x11DA0, 0x11F50, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0,
    0x1E950, 0x1FBF0,
)  # fmt: skip
"""Zeros of the decimal digits of Unicode 15: nine more follow each."""


def char_table(kinds: dict[str, int]) -> tuple[Any, Any]:
    """(index, blocks) for `curation.text.char_class`: the number of the characters named, 0 of all others.

    Args:
        kinds: characters -> their number, 1 to 255; of a character in several, the last.
    """
    blocks: dict[int, Any] = {-1: np.zeros(256, np.uint8)}
    for chars, kind in kinds.items():
        for code in map(ord, chars):
            blocks.setdefault(code >> 8, np.zeros(256, np.uint8))[code & 255] = kind
    index = np.zeros(0x1100, np.uint16)
    for number, block in enumerate(blocks):
        if block >= 0:
            index[block] = number
    return index, np.concatenate(list(blocks.values()))


@cache
def sentence_table() -> tuple[Any, Any, Any]:
    """What the kernels below need to know: (index, blocks) of the kinds above, and which bytes a terminal may begin with, uint8 (256,)."""
    deltas = LOWER_BLOCKS.reshape(-1, 256)[LOWER_INDEX].reshape(-1)
    upper = np.flatnonzero(deltas)
    small = "".join(map(chr, np.unique(upper + deltas[upper]).tolist()))
    leads = np.zeros(256, np.uint8)
    leads[[char.encode()[0] for char in TERMINALS]] = 1
    return *char_table({small: SMALL, TERMINALS: TERMINAL, STOPS: STOP, CLOSERS: CLOSER}), leads


@njit(cache=True)
def _next_mark(data: Any, i: Any, end: Any, leads: Any) -> Any:
    """The next byte that a terminal may begin with."""
    while i < end:
        if i + 8 <= end:
            word = load64(data, i)
            marks = equal(word, 33) | equal(word, 46) | equal(word, 63) | (word & TOPS)
            if marks == 0:
                i += 8
                continue
            i += zeros_below(marks) >> 3
        while i < end and leads[data[i]] == 0 and data[i] >= 0x80:
            i += 1
        if i < end:
            if leads[data[i]] != 0:
                return i
            i += 1
    return i


@njit(cache=True)
def sentence_end(data: Any, i: Any, end: Any, index: Any, blocks: Any, leads: Any) -> Any:
    """End of the sentence that begins at i < end, `end` if nothing ends it before."""
    while True:
        i = _next_mark(data, i, end, leads)
        if i >= end:
            return end
        code, width = decode(data, i, end)
        kind = char_class(code, index, blocks)
        i += width
        if kind not in (TERMINAL, STOP):
            continue
        soft = True
        while kind in (TERMINAL, STOP):
            soft &= kind == STOP
            if i >= end:
                return end
            code, width = decode(data, i, end)
            kind = char_class(code, index, blocks)
            i += width
        while kind == CLOSER:
            if i >= end:
                return end
            code, width = decode(data, i, end)
            kind = char_class(code, index, blocks)
            i += width
        i -= width
        if not soft:
            return i
        stop = i
        while i < end:
            width = np.int64(space_width(data, i, end))
            if width == 0:
                break
            i += width
        if i >= end:
            return end
        if i > stop and char_class(decode(data, i, end)[0], index, blocks) != SMALL:
            return stop


@njit(cache=True)
def has_content(data: Any, i: Any, end: Any, index: Any, blocks: Any) -> bool:
    """Whether anything but white space, terminals and closing marks is in data[i:end]."""
    while i < end:
        width = np.int64(space_width(data, i, end))
        if width == 0:
            code, width = decode(data, i, end)
            kind = char_class(code, index, blocks)
            if kind == 0 or kind == SMALL:
                return True
        i += width
    return False


@njit(cache=True)
def count_sentences(data: Any, i: Any, end: Any, index: Any, blocks: Any, leads: Any) -> Any:
    """Sentences of data[i:end]."""
    count = 0
    while i < end:
        stop = sentence_end(data, i, end, index, blocks, leads)
        count += has_content(data, i, stop, index, blocks)
        i = stop
    return count


@njit(cache=True)
def _sentences(data: Any, offsets: Any, index: Any, blocks: Any, leads: Any) -> Any:
    n = len(offsets) - 1
    counts = np.zeros(n + 1, np.int64)
    starts, ends = np.empty(offsets[n] - offsets[0], np.int64), np.empty(offsets[n] - offsets[0], np.int64)
    m = 0
    for row in range(n):
        i, end, first = offsets[row], offsets[row + 1], m
        while i < end:
            stop = sentence_end(data, i, end, index, blocks, leads)
            if has_content(data, i, stop, index, blocks):
                starts[m], ends[m] = i, stop
                m += 1
            elif m > first:
                ends[m - 1] = stop
            i = stop
        counts[row + 1] = m
    return starts[:m].copy(), ends[:m].copy(), counts


def sentences(text: Utf8) -> Spans:
    """The sentences of each document, white space at their ends included."""
    return Spans(text, *_sentences(text.data, text.offsets, *sentence_table()))
