"""Normal forms of lines, hashed: lines of one form are one line to line dedup.

`raw`: the bytes as they stand, without white space at the ends.
`ccnet/code`: what the program published with CCNet (Wenzek et al. 2020) compares: lower case, every decimal digit 0, control
characters and the typographic and full-width punctuation it names removed. ASCII punctuation and accents stay.
`ccnet/paper`: what section 3.1 of the paper says: lower case, every decimal digit 0, all Unicode punctuation and all accents
(nonspacing marks, after canonical decomposition) removed. White space at the ends of what is left goes too (ours).
In both: lower case is the simple one, character by character; Hangul syllables are not decomposed; bytes that are not UTF-8 stay.

A form is written to a buffer that all lines of a call share, and hashed there: no line becomes a string.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any, Literal

import numpy as np
from numba import njit

from curation.text import (
    CLASS_BLOCKS,
    CLASS_INDEX,
    LOWER_BLOCKS,
    LOWER_INDEX,
    TOPS,
    Spans,
    between,
    decode,
    equal,
    hash_bytes,
    load64,
    store64,
    trim,
    zeros_below,
)  # fmt: skip
from curation.unicode_tables import JOINS, MARK, NUMJOINS, PUNCT
from stages.heuristics.sentences import ZEROS

Form = Literal["ccnet/paper", "ccnet/code", "raw"]
CODE_REMOVES = "，。、„”“«»」「《》´∶：？！（）；–—．～’…━〈〉【】％►" + "".join(map(chr, (*range(32), *range(127, 160))))
"""What `ccnet/code` removes beside lower case and digits."""
_JOINING_PUNCTUATION = [c for c in JOINS + NUMJOINS if unicodedata.category(c)[0] == "P"]
_SPACING = frozenset((0x0CF3, 0x11F03, 0x11F34, 0x11F35, 0x11F3E, 0x11F3F, 0x11F41))
"""Spacing marks that Unicode 15 added: Python 3.11 does not know them."""
_LAST_DECOMPOSED = 0x2FA1D
EMPTY = np.uint64(0)
"""Stands for the hash of a form that is empty; no other form has it."""
GROWTH, _LONGEST = 3, 16
"""Times its bytes a form may have, and bytes a character may become; notes of music become three signs."""
_U: Any = np.uint64
_SMALL = _U(0x2020202020202020)


def _forms(form: Form) -> dict[int, str]:
    """What becomes of each character that does not stay as it is."""
    classes = CLASS_BLOCKS.reshape(-1, 256)[CLASS_INDEX].reshape(-1)
    deltas = LOWER_BLOCKS.reshape(-1, 256)[LOWER_INDEX].reshape(-1)
    forms = {code: chr(code + int(deltas[code])) for code in np.flatnonzero(deltas).tolist()}
    forms |= {zero + k: "0" for zero in ZEROS for k in range(10)}
    if form == "ccnet/code":
        return forms | dict.fromkeys(map(ord, CODE_REMOVES), "")
    marks = np.flatnonzero(classes == MARK).tolist()
    accents = {code for code in marks if unicodedata.category(chr(code)) not in ("Mc", "Me") and code not in _SPACING}
    gone = accents | set(np.flatnonzero(classes == PUNCT).tolist()) | set(map(ord, _JOINING_PUNCTUATION))
    for code in [*range(128, 0xAC00), *range(0xD7A4, 0xD800), *range(0xE000, _LAST_DECOMPOSED + 1)]:
        lower = forms.get(code, chr(code))
        parts = unicodedata.normalize("NFD", lower)
        if parts != lower:
            forms[code] = "".join(c for c in parts if ord(c) not in gone)
    return forms | dict.fromkeys(gone, "")


@cache
def _table(form: Form) -> tuple[Any, Any, Any, Any]:
    """(ASCII, index, blocks, pool): what becomes of each ASCII character, 255 where it goes; of each other character, where in
    the pool the length and the bytes of what it becomes stand, 0 where it stays."""  # fmt: skip
    ascii_, pool = np.arange(256, dtype=np.uint8), bytearray(1)
    places: dict[str, int] = {}
    blocks: dict[int, Any] = {-1: np.zeros(256, np.int32)}
    for code, text in _forms(form).items():
        if code < 128:
            ascii_[code] = ord(text) if text else 255
            continue
        if text not in places:
            places[text] = len(pool)
            assert len(text.encode()) <= _LONGEST
            pool += bytes([len(text.encode())]) + text.encode()
        blocks.setdefault(code >> 8, np.zeros(256, np.int32))[code & 255] = places[text]
    index = np.zeros(0x1100, np.uint16)
    for number, block in enumerate(blocks):
        if block >= 0:
            index[block] = number
    return ascii_, index, np.concatenate(list(blocks.values())), np.frombuffer(bytes(pool + bytes(_LONGEST)), np.uint8)


@njit(cache=True, forceinline=True)
def _word(data: Any, i: Any) -> Any:
    """The eight bytes from i on; behind the end of the data they are 0."""
    if i + 8 <= len(data):
        return load64(data, i)
    word = _U(0)
    for k in range(len(data) - 1, i - 1, -1):
        word = (word << _U(8)) | _U(data[k])
    return word


@njit(cache=True, forceinline=True)
def _short_char(word: Any, room: Any) -> Any:
    """(code point, bytes) of the character of two or three bytes that a word begins with; (0, 0) if it is another or longer than `room`."""
    if word & _U(0xC0E0) == 0x80C0 and room >= 2:
        code = np.int64(((word & _U(0x1F)) << _U(6)) | ((word >> _U(8)) & _U(0x3F)))
        if code >= 0x80:
            return code, np.int64(2)
    elif word & _U(0xC0C0F0) == 0x8080E0 and room >= 3:
        code = np.int64(((word & _U(0x0F)) << _U(12)) | (((word >> _U(8)) & _U(0x3F)) << _U(6)) | ((word >> _U(16)) & _U(0x3F)))
        if code >= 0x800 and code >> 11 != 0x1B:
            return code, np.int64(3)
    return np.int64(0), np.int64(0)


@njit(cache=True, forceinline=True)
def _write_form(data: Any, i: Any, end: Any, out: Any, ascii_: Any, index: Any, blocks: Any, pool: Any) -> Any:
    """Write the form of data[i:end] to `out`, of GROWTH times its bytes and _LONGEST more. Returns: how many bytes it has."""
    at = np.int64(0)
    while i < end:
        # Up to eight letters, digits and spaces at once: most of most lines.
        word = _word(data, i)
        letters, digits = between(word | _SMALL, 97, 122), between(word, 48, 57)
        others = ~(letters | digits | equal(word, 32)) & TOPS
        store64(out, at, (word | (letters >> _U(2))) & ~((digits >> _U(3)) - (digits >> _U(7))))
        if others == 0 and i + 8 <= end:
            at += 8
            i += 8
            continue
        n = min(zeros_below(others) >> 3, end - i)
        at += n
        i += n
        if i < end and data[i] < 0x80:
            byte = ascii_[data[i]]
            out[at] = byte
            at += byte != 255
            i += 1
        while i < end and data[i] >= 0x80:
            word = _word(data, i)
            code, width = _short_char(word, end - i)
            if width == 0:
                code, width = decode(data, i, end)
            place = np.int64(0) if width == 1 else np.int64(blocks[(np.int64(index[code >> 8]) << 8) | (code & 255)])
            if place > 0:
                store64(out, at, load64(pool, place + 1))
                store64(out, at + 8, load64(pool, place + 9))
                at += np.int64(pool[place])
            else:
                store64(out, at, word)
                at += width
            i += width
    return at


@njit(cache=True, forceinline=True)
def _inked(data: Any, i: Any, end: Any) -> bool:
    """Whether data[i:end] surely has no white space at its ends: for most lines two bytes tell."""
    first, last = data[i], data[end - 1]
    return bool((32 < first < 0xC2 or first > 0xE3) and 32 < last < 0x80)


@njit(cache=True)
def _hash_forms(data: Any, starts: Any, ends: Any, trims: bool, ascii_: Any, index: Any, blocks: Any, pool: Any) -> Any:
    hashes = np.empty(len(starts), np.uint64)
    longest = np.int64(0)
    for k in range(len(starts)):
        longest = max(longest, ends[k] - starts[k])
    out = np.empty(GROWTH * longest + _LONGEST, np.uint8)
    for k in range(len(starts)):
        i, end = starts[k], ends[k]
        if i < end and not _inked(data, i, end):
            i, end = trim(data, i, end)
        start, stop = np.int64(0), _write_form(data, i, end, out, ascii_, index, blocks, pool)
        if trims and stop > 0 and not _inked(out, start, stop):
            start, stop = trim(out, start, stop)
        hashes[k] = max(hash_bytes(out, start, stop), np.uint64(1)) if stop > start else EMPTY
    return hashes


def form_hashes(lines: Spans, form: Form) -> Any:
    """Hash of the normal form of each span, EMPTY where that is empty: uint64 (m,)."""
    if form == "raw":
        trimmed = lines.trimmed()
        return np.where(trimmed.starts == trimmed.ends, EMPTY, np.maximum(trimmed.hashes(), np.uint64(1)))
    return _hash_forms(lines.text.data, lines.starts, lines.ends, form == "ccnet/paper", *_table(form))


def form_of(line: str, form: Form) -> str:
    """Normal form of one line, as it is hashed (for messages and tests)."""
    data = np.frombuffer(line.encode("utf-8", "surrogatepass"), np.uint8)
    i, end = trim(data, np.int64(0), np.int64(len(data)))
    if form == "raw":
        return bytes(data[i:end]).decode("utf-8", "replace")
    out = np.empty(GROWTH * len(data) + _LONGEST, np.uint8)
    start, stop = np.int64(0), _write_form(data, i, end, out, *_table(form))
    if form == "ccnet/paper":
        start, stop = trim(out, start, stop)
    return bytes(out[start:stop]).decode("utf-8", "replace")
