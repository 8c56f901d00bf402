"""E-mail addresses (RFC 5321 and 5322, with RFC 6531's letters beyond ASCII) and IPv6 addresses (RFC 4291)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from curation.text import char_class, decode
from curation.unicode_tables import CJK, MARK
from stages.safety.pii.context import is_digit, is_letter

_I: Any = np.int64
_LOCAL_BYTES, _HOST_BYTES, _LABEL_BYTES = 64, 253, 63
_IPV6_BYTES = 45
_LAST_ALPHABET = 0x530
"""Code point behind Latin, Greek and Cyrillic: letters that go on within a name as ASCII does, without white space only by mistake."""
_FILES = "png jpg jpeg gif svg webp avif bmp ico css js mjs ts json html htm php mp3 mp4 pdf"
NOT_TOP_LABELS = np.array(sorted({int.from_bytes(name.encode(), "big") for name in _FILES.split()}), np.int64)
"""Ends of file names such as `icon@2x.png`, as numbers in base 256."""
_IN_LOCAL = np.zeros(128, np.bool_)
_IN_LOCAL[list(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-'&~")] = True
_MAILTO = (109, 97, 105, 108, 116, 111)


@njit(cache=True)
def _local_start(data: Any, low: Any, at: Any) -> Any:
    """Where the local part before the `@` at `at` begins; `at` if there is none."""
    if at > low and data[at - 1] == 34:  # "quoted part"@
        k = at - 2
        while k >= low and at - k <= _LOCAL_BYTES and data[k] != 34 and data[k] >= 32:
            k -= 1
        return k if k >= low and k < at - 2 and data[k] == 34 else at
    k = at
    while k > low and at - k <= _LOCAL_BYTES:
        b = data[k - 1]
        if b < 0x80:
            if not _IN_LOCAL[b] or (b == 46 and (k == at or data[k] == 46)):
                break
            k -= 1
        elif k - 2 >= low and 0xC3 <= data[k - 2] <= 0xC9:  # Latin letters with marks
            k -= 2
        else:
            break
    if at - k > _LOCAL_BYTES:
        return at
    while k < at and data[k] < 0x80 and not (is_letter(data[k]) or is_digit(data[k]) or data[k] == 95):
        k += 1
    return at if k > low and data[k - 1] == 64 else k  # @user@host is a name on a social network


@njit(cache=True)
def _is_login(data: Any, low: Any, start: Any, at: Any) -> bool:
    """Whether data[start:at], before an `@`, is a login and no mailbox: `https://user@`, `ftp://user:password@`, `git@`."""
    if at - start == 3 and data[start] == 103 and data[start + 1] == 105 and data[start + 2] == 116:  # git
        return True
    k = start
    while k > low and at - k <= 2 * _LOCAL_BYTES and data[k - 1] < 0x80 and (_IN_LOCAL[data[k - 1]] or data[k - 1] == 58):
        k -= 1
    if k - 3 <= low or data[k - 1] != 47 or data[k - 2] != 47 or data[k - 3] != 58:
        return False
    mailto = k - 3 - len(_MAILTO) >= low  # mailto://jo@host is a slip for mailto:jo@host
    for j in range(len(_MAILTO)):
        mailto = mailto and (data[k - 3 - len(_MAILTO) + j] | 32) == _MAILTO[j]
    return not mailto


@njit(cache=True)
def _label_end(data: Any, i: Any, end: Any, index: Any, blocks: Any) -> Any:
    """End of the label of a host name at i: letters, digits and inner hyphens of one script without spaces, or of those with."""
    k = i
    ideographs = False
    while k < end and k - i <= _LABEL_BYTES:
        b = data[k]
        if b < 0x80:
            if not (is_letter(b) or is_digit(b) or (b == 45 and k > i)):
                break
            k += 1
            continue
        code, width = decode(data, k, end)
        kind = char_class(code, index, blocks)
        if kind < MARK:
            break
        if kind >= CJK or code >= _LAST_ALPHABET:
            if k > i and not ideographs:
                break
            ideographs = True
        k += width
    while k > i and data[k - 1] == 45:
        k -= 1
    return k


@njit(cache=True)
def email_at(data: Any, low: Any, at: Any, end: Any, index: Any, blocks: Any) -> Any:
    """Bounds of the e-mail address around the `@` at `at`, within data[low:end]; (0, 0) for none.

    index, blocks: CLASS_INDEX and CLASS_BLOCKS. The last label has two letters at least and is no ending of a file name.
    """
    start = _local_start(data, low, at)
    if start == at or _is_login(data, low, start, at):
        return 0, 0
    label = at + 1
    stop, best = label, 0
    while label < end and label - at < _HOST_BYTES:
        stop = _label_end(data, label, end, index, blocks)
        if stop == label or stop - label > _LABEL_BYTES:
            break
        if label > at + 1 and _is_top_label(data, label, stop, index, blocks):
            best = stop
        if stop + 1 >= end or data[stop] != 46:
            break
        label = stop + 1
    return (start, best) if best > 0 else (0, 0)


@njit(cache=True)
def _is_top_label(data: Any, start: Any, end: Any, index: Any, blocks: Any) -> bool:
    """Whether data[start:end] may be the last label of a host: letters alone, or punycode."""
    size = end - start
    if size > 4 and (data[start] | 32) == 120 and (data[start + 1] | 32) == 110 and data[start + 2] == 45 and data[start + 3] == 45:
        return True
    if data[start] >= 0x80:
        return True
    value = 0
    for i in range(start, end):
        if not is_letter(data[i]) and data[i] < 0x80:
            return False
        value = (value << 8 | _I(data[i] | 32)) if size <= 4 else 0
    if size < 2:
        return False
    return bool(np.all(value != NOT_TOP_LABELS))


@njit(cache=True)
def _is_hex(b: Any) -> bool:
    return bool(is_digit(b) or 97 <= b <= 102 or 65 <= b <= 70)


@njit(cache=True)
def ipv6_at(data: Any, low: Any, colon: Any, end: Any) -> Any:
    """Bounds of the IPv6 address around its first colon, within data[low:end]; (0, 0) for none.

    Short forms that times and C++ names share (`12:52::23`, `add::bad`) are left out: some group must have three digits,
    and one of them a decimal digit.
    """
    start = colon
    while start > low and colon - start < 4 and _is_hex(data[start - 1]):
        start -= 1
    if start > low and data[start - 1] == 58:  # the rest of something that is none
        return 0, 0
    if start > low and (is_letter(data[start - 1]) or is_digit(data[start - 1]) or data[start - 1] == 95):  # a name: `ns::f00`
        start = colon + 1
    if start == colon:
        if colon + 1 >= end or data[colon + 1] != 58:
            start = colon + 1
        elif start > low and (data[start - 1] == 62 or data[start - 1] == 41 or data[start - 1] == 93):  # array<int>::f00, f()::a12
            return 0, 0
    groups, gap, long_group, decimal = 0, False, False, False
    i = start
    while i < end and i - start <= _IPV6_BYTES and groups < 8:
        begin = i
        while i < end and i - begin < 5 and _is_hex(data[i]):
            decimal = decimal or is_digit(data[i])
            i += 1
        size = i - begin
        if size > 4:
            return 0, 0
        if size > 0 and i < end and data[i] == 46 and groups < 7:
            tail = _ipv4_tail(data, begin, end)
            if tail > 0 and (gap or groups == 6):
                return start, tail
        if size > 0:
            groups += 1
            long_group = long_group or size >= 3
            if i + 1 < end and data[i] == 58 and _is_hex(data[i + 1]) and groups < 8:
                i += 1
                continue
        if i + 1 < end and data[i] == 58 and data[i + 1] == 58 and not gap and groups < 8:
            gap = True
            i += 2
            if i < end and _is_hex(data[i]):
                continue
        break
    if i < end and (is_letter(data[i]) or is_digit(data[i]) or data[i] == 95):
        return 0, 0
    if i + 1 < end and data[i] == 58 and _is_hex(data[i + 1]):
        return 0, 0
    whole = groups == 8 or (gap and 0 < groups < 8)
    return (start, i) if whole and long_group and decimal else (0, 0)


@njit(cache=True)
def _ipv4_tail(data: Any, i: Any, end: Any) -> Any:
    """End of the IPv4 address at i, 0 for none."""
    for k in range(4):
        value, begin = 0, i
        while i < end and i - begin < 4 and is_digit(data[i]):
            value = value * 10 + _I(data[i]) - 48
            i += 1
        if i == begin or i - begin > 3 or value > 255:
            return 0
        if k < 3:
            if i >= end or data[i] != 46:
                return 0
            i += 1
    return i
