"""Find personal data in the text of a batch: one scan over its bytes.

Most bytes can begin nothing; `@`, a colon and a digit are looked at more closely, within bounds that do not depend on the
text (64 bytes of a local part, 16 groups of digits, 56 bytes of words before them), so the scan is linear on any input.
Finds never overlap: each is looked for behind the end of the one before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from curation.text import CLASS_BLOCKS, CLASS_INDEX, Spans, Utf8, char_class, decode
from stages.safety.pii.addresses import email_at, ipv6_at
from stages.safety.pii.context import CARD, IP, SSN, is_letter, trie
from stages.safety.pii.digits import LEADS, digit_table, moved_back, with_ascii_digits
from stages.safety.pii.numbers import END, MAX_GROUPS, OPEN, SEPARATOR, SPACE, START, WIDE_DASH, iban_end, number_at, read_sequence
from stages.safety.pii.tables import iban_lengths, national_digits

KINDS = ("email", "phone", "ip", "card", "iban", "ssn")
_EMAIL, _PHONE, _IP, _CARD, _IBAN, _SSN = range(6)
SHORTEST = 5
"""Bytes of the shortest find: ::123."""
_FEWEST_DIGITS = 4  # of 8.8.8.8
_I: Any = np.int64
_NOTHING, _AT, _COLON, _DIGIT, _LEAD = range(5)  # and _LEAD + 1, 2 ..., for each of LEADS
_TRIGGER = np.zeros(256, np.uint8)
_JOINS = np.zeros(256, np.bool_)  # bytes that separators begin with
_JOINS[list(b" -./()\xc2\xe2")] = True
_STARTS = np.zeros(8, np.bool_)  # separators behind which a number may begin
_STARTS[[SPACE, OPEN, WIDE_DASH]] = True
_TRIGGER[64], _TRIGGER[58], _TRIGGER[48:58] = _AT, _COLON, _DIGIT
_TRIGGER[LEADS] = _LEAD + np.arange(len(LEADS))


@njit(cache=True)
def _scan(data: Any, offsets: Any, trigger: Any, digits: Any, index: Any, blocks: Any, words: Any, lengths: Any, national: Any) -> Any:
    """Starts, ends and kinds of all finds, their offsets by document, and which documents have digits beyond ASCII: no find is in those."""
    n = len(offsets) - 1
    other = np.zeros(n, np.bool_)
    third, digit_index, digit_blocks = digits
    most = (offsets[n] - offsets[0]) // SHORTEST + 1
    starts, ends, kinds = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int8)
    counts = np.zeros(n + 1, np.int64)
    groups = np.empty((MAX_GROUPS, 3), np.int64)
    m = _I(0)
    for row in range(n):
        i, end = offsets[row], offsets[row + 1]
        done = i  # end of the last find
        while i < end:
            what = trigger[data[i]]
            if what == _NOTHING:
                i += 1
                continue
            if what >= _LEAD:
                if i + 2 <= end and (third[what - _LEAD, data[i + 1] & 63] >> (data[min(i + 2, end - 1)] & 63)) & 1:
                    code, _ = decode(data, i, end)
                    if char_class(code, digit_index, digit_blocks) != 0:
                        other[row], m = True, counts[row]
                        break
                i += 1
                continue
            if what == _DIGIT:
                stop = i + 1
                while stop < end and trigger[data[stop]] == _DIGIT:
                    stop += 1
                if stop - i >= 2 and i - 2 >= done and is_letter(data[i - 1]) and is_letter(data[i - 2]):
                    found = iban_end(data, done, i, end, lengths)
                    if found > 0:
                        starts[m], ends[m], kinds[m] = i - 2, found, _IBAN
                        m += 1
                        i = done = found
                        continue
                    if found < 0:  # what follows is an account number with a slip, not a number of its own
                        i = groups[read_sequence(data, i, end, groups) - 1, END]
                        continue
                alone = stop >= end or not _JOINS[data[stop]]
                if alone and stop - i < 7:
                    i = stop
                    continue
                i, done, m = _numbers(data, i, end, done, groups, words, national, starts, ends, kinds, m)
                continue
            found, begin, kind = _I(0), _I(0), _EMAIL
            if what == _AT:
                begin, found = email_at(data, done, i, end, index, blocks)
            elif i + 1 < end:
                begin, found = ipv6_at(data, done, i, end)
                kind = _IP
            if found > 0:
                starts[m], ends[m], kinds[m] = begin, found, kind
                m += 1
                i = done = found
            else:
                i += 1
        counts[row + 1] = m
    return starts[:m].copy(), ends[:m].copy(), kinds[:m].copy(), counts, other


@njit(cache=True)
def _numbers(
    data: Any, i: Any, end: Any, done: Any, groups: Any, words: Any, national: Any, starts: Any, ends: Any, kinds: Any, m: Any
) -> Any:
    """Look through the sequence that starts with the digit at i. Returns: where to go on, end of the last find, finds."""
    n = read_sequence(data, i, end, groups)
    total = 0
    for k in range(n):
        total += groups[k, END] - groups[k, START]
    g = _I(0)
    if total >= _FEWEST_DIGITS:
        while g < n:
            if g > 0 and not _STARTS[groups[g - 1, SEPARATOR]]:
                g += 1
                continue
            kind, begin, stop, last = number_at(data, done, groups, g, n, end, words, national)
            if kind != 0:
                starts[m], ends[m] = begin, stop
                kinds[m] = _IP if kind == IP else _CARD if kind == CARD else _SSN if kind == SSN else _PHONE
                m += 1
                done = stop
                g = last
            g += 1
    return max(groups[n - 1, END], done), done, m


class Finds(Spans):
    """Personal data in a batch's text, in order and without overlap."""

    @property
    def kinds(self) -> Any:
        """Kind of each: int8 (m,), an index into KINDS."""
        return self._seen["kinds"]


def find(text: Utf8) -> Finds:
    """Personal data of a batch's text; looked for once, whoever asks."""
    finds = text.spans("personal data", lambda: _found(text))
    assert isinstance(finds, Finds)
    return finds


def _found(text: Utf8) -> Finds:
    starts, ends, kinds, offsets, other = _scanned(text)
    finds = Finds(text, starts, ends, offsets, {"kinds": kinds})
    rows = np.flatnonzero(other)
    if not len(rows):
        return finds
    again = with_ascii_digits(text, rows)
    starts, ends, kinds, offsets, _ = _scanned(again)
    starts, ends = moved_back(text, rows, again, starts, ends, offsets)
    document = np.concatenate([finds.documents(), np.repeat(rows, np.diff(offsets))])
    order = np.argsort(document, kind="stable")
    starts, ends, kinds = (np.concatenate(both)[order] for both in ((finds.starts, starts), (finds.ends, ends), (finds.kinds, kinds)))
    return Finds(text, starts, ends, np.searchsorted(document[order], np.arange(len(text) + 1)), {"kinds": kinds})


def _scanned(text: Utf8) -> Any:
    tables = (_TRIGGER, digit_table(), CLASS_INDEX, CLASS_BLOCKS, trie(), iban_lengths(), national_digits())
    return _scan(text.data, text.offsets, *tables)


def char_positions(finds: Spans) -> tuple[Any, Any]:
    """Starts and ends of ordered spans in characters from the start of their document: int64 (m,) each."""
    starts, ends = _char_positions(finds.text.data, finds.text.offsets, finds.starts, finds.ends, finds.offsets)
    return starts, ends


@njit(cache=True)
def _char_positions(data: Any, offsets: Any, starts: Any, ends: Any, span_offsets: Any) -> Any:
    new_starts, new_ends = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    for row in range(len(offsets) - 1):
        i, chars = offsets[row], 0
        for k in range(span_offsets[row], span_offsets[row + 1]):
            while i < ends[k]:
                if i == starts[k]:
                    new_starts[k] = chars
                chars += (data[i] & 0xC0) != 0x80
                i += 1
            new_ends[k] = chars
    return new_starts, new_ends
