"""Rows of a Stack Exchange dump, <row Id="1" Body="…" />, found in a stream of bytes by one linear scan.

XML allows no < in a value, so each < of a file begins a tag: a row that is broken costs itself, and the next one is found whatever
came before it. Only a comment may hold a <: dumps have none, and since a part may begin inside one, a row in it is a row like others.
Nothing is expanded but references (xml_text.py says which): entities that a file declares do nothing.

Source:  schema of the dump, https://meta.stackexchange.com/q/2677; the scan and its bounds are ours.
Units:   bytes; offsets are those of the decompressed stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit

CHUNK_BYTES = 4 << 20
SCANNED_ROWS = 1024
"""Rows found at a time."""
BROKEN, TOO_LARGE = "broken_record", "too_large"
REASONS = (None, BROKEN, TOO_LARGE)
"""Why a row cannot be read."""
_I: Any = np.int64
_ONES, _TOPS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)


class Rows(NamedTuple):
    """Some rows of a stream.

    data: the bytes they stand in. offsets: int64 (n,), of each row, in the stream. reasons: int64 (n,), its number in REASONS.
    values: int64 (n, names, 2), where the value of each wanted attribute stands in data, references and all; -1 where there is none.
    """

    data: bytes
    offsets: Any
    reasons: Any
    values: Any


def rows_of(stream: Any, names: tuple[str, ...], max_row_bytes: int, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Yield the rows of a stream, in order; bytes between rows that are no XML of a dump are a broken one.

    Of a part, those whose < is one of the bytes `start` ... `end` - 1: parts that meet have each row once.

    Args:
        stream: stands at byte `start`. An OSError of its `read` is a broken row, and the end; so is an end without </posts>.
        names: the attributes wanted.
    """
    letters = np.frombuffer("".join(names).encode(), np.uint8)
    ends = np.cumsum([0, *map(len, names)])
    state = np.array([start > 0, 0, 0], np.int64)  # _SKIPS, _CLOSED, _DONE
    held, base, ended = b"", start, False
    while not ended:
        damaged = False
        try:
            fresh = stream.read(CHUNK_BYTES)
        except OSError:
            fresh, damaged = b"", True
        ended = not fresh
        data = held + fresh
        array, words, at = np.frombuffer(data, np.uint8), np.frombuffer(data, np.uint64, len(data) // 8), 0
        limit = len(data) if end is None else end - base
        while True:
            places, kinds, values, at = _scan(array, words, at, limit, ended, max_row_bytes, letters, ends, state)
            if len(places):
                yield Rows(data, places + base, kinds, values)
            if len(places) < SCANNED_ROWS - 1:
                break
        if state[_DONE]:
            return
        if ended and not state[_SKIPS] and (damaged or not state[_CLOSED]):
            yield Rows(b"", np.array([base + len(data)]), np.array([1]), np.full((1, len(names), 2), -1))
        held, base = data[at:], base + at


_SKIPS, _CLOSED, _DONE = range(3)
"""Whether what comes is on record up to the next row, or another part's; whether the root element was closed; whether the part ends."""


@njit(cache=True)
def _scan(data: Any, words: Any, at: Any, limit: Any, ended: Any, max_row_bytes: Any, letters: Any, ends: Any, state: Any) -> Any:
    """Rows from data[at] on, at most SCANNED_ROWS: (where each begins, its number in REASONS, its values, where to go on)."""
    n, count = len(data), 0
    places, kinds = np.zeros(SCANNED_ROWS, np.int64), np.zeros(SCANNED_ROWS, np.int64)
    values = np.full((SCANNED_ROWS, len(ends) - 1, 2), -1, np.int64)
    while at < n and count < SCANNED_ROWS - 1:  # a tag and the text behind it are two at most
        stop = _find(data, words, at + 1, n, 60)
        whole = ended or stop < n
        if not whole and stop - at <= max_row_bytes:
            break
        row = _is_row(data, at, stop)
        if row and at >= limit:
            state[_DONE] = 1
            break
        if row:
            state[_SKIPS] = 0
        if stop - at > max_row_bytes:
            if not state[_SKIPS]:
                places[count], kinds[count] = at, 2 if row else 1
                count += 1
            state[_SKIPS] = 1  # what of it comes with later bytes is on record, too
            at = stop
            continue
        if row:
            tail = _attributes(data, words, at + 4, stop, letters, ends, values[count])
            places[count], kinds[count] = at, tail < 0
            if tail < 0:
                values[count, :, :] = -1
                state[_SKIPS] = 1
            count += 1
        else:
            tail = _other(data, at, stop, state)
            if tail < 0 and not state[_SKIPS]:
                places[count], kinds[count] = at, 1
                count += 1
                state[_SKIPS] = 1
        if tail >= 0 and not state[_SKIPS]:
            while tail < stop and _is_space(data[tail]):
                tail += 1
            if tail < stop:
                places[count], kinds[count] = tail, 1
                count += 1
                state[_SKIPS] = 1
        at = stop
    return places[:count], kinds[:count], values[:count], at


@njit(cache=True)
def _find(data: Any, words: Any, at: Any, stop: Any, byte: Any) -> Any:
    """The first place of a byte in data[at:stop], `stop` where there is none; words: data, eight bytes a number."""
    pattern = _ONES * np.uint64(byte)
    while at < stop and at & 7 and data[at] != byte:
        at += 1
    if not at & 7:
        while at + 8 <= stop:
            differs = words[at >> 3] ^ pattern
            if (differs - _ONES) & ~differs & _TOPS:  # a byte of it is 0 (Mycroft 1987)
                break
            at += 8
    while at < stop and data[at] != byte:
        at += 1
    return at


@njit(cache=True)
def _is_space(byte: Any) -> Any:
    return byte == 32 or byte == 10 or byte == 13 or byte == 9


@njit(cache=True)
def starts(data: Any, at: Any, stop: Any, word: Any) -> Any:
    """Whether data[at:stop] begins with a word."""
    if at + len(word) > stop:
        return False
    for k in range(len(word)):  # noqa: SIM110
        if data[at + k] != word[k]:
            return False
    return True


_ROW_TAG, _ROOT, _ROOT_END, _ROW_END = (np.frombuffer(tag, np.uint8) for tag in (b"<row", b"<posts", b"</posts", b"</row"))
_BOM = np.frombuffer(b"\xef\xbb\xbf", np.uint8)


@njit(cache=True)
def _is_row(data: Any, at: Any, stop: Any) -> Any:
    """Whether a row's tag begins at data[at]; one that is cut may not be told."""
    return starts(data, at, stop, _ROW_TAG) and at + 4 < stop and _is_space(data[at + 4])


@njit(cache=True)
def _other(data: Any, at: Any, stop: Any, state: Any) -> Any:
    """Where the text behind what is no row begins, -1 if it is nothing a dump has."""
    if data[at] != 60:  # the file's first bytes
        return at + 3 if starts(data, at, stop, _BOM) else at
    closes = starts(data, at, stop, _ROOT_END)
    if at + 1 < stop and data[at + 1] == 33:  # a comment, or a declaration and what follows it
        return stop
    if not (closes or starts(data, at, stop, _ROOT) or starts(data, at, stop, _ROW_END) or (at + 1 < stop and data[at + 1] == 63)):
        return -1
    while at < stop and data[at] != 62:
        at += 1
    if at == stop:
        return -1
    state[_CLOSED] |= closes
    return at + 1


@njit(cache=True)
def _attributes(data: Any, words: Any, i: Any, stop: Any, letters: Any, ends: Any, values: Any) -> Any:
    """Find the attributes of a tag, from behind its name; returns where the text behind it begins, -1 if it is broken."""
    while True:
        spaced = i < stop and _is_space(data[i])
        while i < stop and _is_space(data[i]):
            i += 1
        if i < stop and data[i] == 62:
            return i + 1
        if i + 1 < stop and data[i] == 47 and data[i + 1] == 62:
            return i + 2
        name = i
        while i < stop and data[i] != 61 and data[i] != 62 and data[i] != 34 and data[i] != 39 and not _is_space(data[i]):
            i += 1
        length = i - name
        while i < stop and _is_space(data[i]):
            i += 1
        if not spaced or length == 0 or i >= stop or data[i] != 61:
            return -1
        i += 1
        while i < stop and _is_space(data[i]):
            i += 1
        if i >= stop or (data[i] != 34 and data[i] != 39):
            return -1
        quote = data[i]
        i += 1
        first = i
        i = _find(data, words, first, stop, quote)
        if i >= stop:
            return -1
        for k in range(len(ends) - 1):
            if ends[k + 1] - ends[k] == length and starts(data, name, name + length, letters[ends[k] : ends[k + 1]]):
                if values[k, 0] >= 0:
                    return -1
                values[k, 0], values[k, 1] = first, i
        i += 1


def resolved(data: bytes, spans: Any) -> tuple[Any, Any]:
    """`xml_text(..., attribute=True)` of many values at once, but for what is no UTF-8, which stays.

    Args:
        spans: int64 (n, 2), where they stand in data; (-1, -1) is empty.
    Returns: their bytes one behind another, uint8, and where they begin and end: int64 (n + 1,).
    """
    out = np.empty(int((spans[:, 1] - spans[:, 0]).sum()), np.uint8)
    ends = _resolve(np.frombuffer(data, np.uint8), np.ascontiguousarray(spans), out)
    return out[: ends[-1]], ends


MAX_DIGITS = 20


@njit(cache=True)
def _named(data: Any, i: Any, stop: Any) -> Any:
    """The character a reference names, and the bytes behind its &; & itself and 0 where it is none of the five."""
    if i + 2 < stop and data[i + 1] == 116 and data[i + 2] == 59:  # lt; gt;
        if data[i] == 108:
            return 60, 3
        if data[i] == 103:
            return 62, 3
    if i + 3 < stop and data[i] == 97 and data[i + 1] == 109 and data[i + 2] == 112 and data[i + 3] == 59:  # amp;
        return 38, 4
    if i + 4 < stop and data[i + 2] == 111 and data[i + 4] == 59:  # quot; apos;
        if data[i] == 113 and data[i + 1] == 117 and data[i + 3] == 116:
            return 34, 5
        if data[i] == 97 and data[i + 1] == 112 and data[i + 3] == 115:
            return 39, 5
    return 38, 0


@njit(cache=True)
def _resolve(data: Any, spans: Any, out: Any) -> Any:
    """Write the values to out; returns where each begins and ends."""
    ends, at = np.zeros(len(spans) + 1, np.int64), 0
    for row in range(len(spans)):
        i, stop = spans[row, 0], spans[row, 1]
        while i < stop:
            byte = data[i]
            i += 1
            if byte == 38:
                if i < stop and data[i] == 35:
                    number, length = numeric_reference(data, i + 1, stop)
                    if length > 0:
                        i += length + 1
                        at = write_utf8(number, out, at)
                        continue
                byte, length = _named(data, i, stop)
                i += length
            elif byte < 32:
                if byte != 9 and byte != 10 and byte != 13:
                    continue
                byte = 32
            out[at] = byte
            at += 1
        ends[row + 1] = at
    return ends


ABSENT, NO_NUMBER = -(1 << 63), -(1 << 63) + 1
MAX_LENGTH = 18


def integers(data: bytes, spans: Any) -> Any:
    """Decimal numbers, int64 (n, k); ABSENT where there is none, NO_NUMBER where something else stands.

    Args:
        spans: int64 (n, k, 2), where they stand in data; (-1, -1) is absent.
    """
    return _integers(np.frombuffer(data, np.uint8), spans)


@njit(cache=True)
def _integers(data: Any, spans: Any) -> Any:
    out = np.full(spans.shape[:2], ABSENT, np.int64)
    for row in range(spans.shape[0]):
        for k in range(spans.shape[1]):
            i, stop = spans[row, k, 0], spans[row, k, 1]
            if i < 0:
                continue
            minus = i < stop and data[i] == 45
            i += minus
            number, good = _I(0), 0 < stop - i <= MAX_LENGTH
            while good and i < stop:
                good = 48 <= data[i] <= 57
                number = number * 10 + (data[i] - 48)
                i += 1
            out[row, k] = NO_NUMBER if not good else -number if minus else number
    return out


@njit(cache=True)
def numeric_reference(data: Any, i: Any, stop: Any) -> Any:
    """The number of a character reference, from behind its &#, and its length with the semicolon; a length of 0 where it is none."""
    first = i
    base = 10
    if i < stop and data[i] == 120:
        base = 16
        i += 1
    number, digits = _I(0), 0
    while i < stop and digits <= MAX_DIGITS:
        byte = data[i]
        if 48 <= byte <= 57:
            digit = byte - 48
        elif base == 16 and (97 <= byte <= 102 or 65 <= byte <= 70):
            digit = (byte & 0xDF) - 55
        else:
            break
        number = min(number * base + digit, _I(0x110000))
        digits += 1
        i += 1
    if 0 < digits <= MAX_DIGITS and i < stop and data[i] == 59:
        return number, i + 1 - first
    return _I(0), 0


@njit(cache=True)
def write_utf8(number: Any, out: Any, at: Any) -> Any:
    """Write a character as UTF-8; one that XML does not allow is left out."""
    if (number < 32 and number != 9 and number != 10 and number != 13) or 0xD800 <= number < 0xE000 or number > 0x10FFFF:
        return at
    if number < 0x80:
        out[at] = number
        return at + 1
    if number < 0x800:
        out[at], out[at + 1] = 0xC0 | number >> 6, 0x80 | number & 63
        return at + 2
    if number < 0x10000:
        out[at], out[at + 1], out[at + 2] = 0xE0 | number >> 12, 0x80 | number >> 6 & 63, 0x80 | number & 63
        return at + 3
    out[at], out[at + 1] = 0xF0 | number >> 18, 0x80 | number >> 12 & 63
    out[at + 2], out[at + 3] = 0x80 | number >> 6 & 63, 0x80 | number & 63
    return at + 4
