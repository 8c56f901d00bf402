"""Look URLs up in tables: the longest host or page that covers one, then the words in it.

One kernel reads a URL's host as browsers do (scheme in any case, userinfo, port, final dot), hashes it and each parent, and
probes the table. Hosts with anything but ASCII letters, digits, `-`, `_` and dots (IDN, percent signs, IPv6) are normalised in Python
first and go through the same kernel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from curation.domains import host_of
from curation.text import LOWER_BLOCKS, LOWER_INDEX, Utf8, hash_bytes, lower_into
from stages.safety.lists.table import Table, first_entry

ANY_DAY = np.iinfo(np.int32).max
"""A day on which every entry applies."""
MAX_URL_BYTES = 4_096
"""What lies behind is not looked at (ours; servers refuse longer ones)."""
_MAX_PREFIXES, _MAX_WORDS = 64, 64
_ROOM = 3 * MAX_URL_BYTES + 512
"""Bytes of a URL whose every byte is escaped, and its host."""
_AUTHORITY = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//([^/?#\\]*)")
_PLAIN = np.zeros(256, np.bool_)
_PLAIN[list(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] = True
_IN_SCHEME = _PLAIN.copy()
_IN_SCHEME[ord("_")], _IN_SCHEME[ord("+")] = False, True
_UNRESERVED = _PLAIN.copy()
_UNRESERVED[ord("~")] = True
_I: Any = np.int64
NO_LIST = -1


@dataclass(frozen=True)
class Verdicts:
    """What the tables say of URLs.

    lists: int64 (n,), ordinal of the list that decides, NO_LIST for none. words: int64 (n,), ordinal of the word list with the
    heaviest words, NO_LIST where they are too light or a host or page decides.
    """

    lists: Any
    words: Any


def match(urls: pa.Array, days: Any, table: Table, pages: bool, words: Table, strict: int, min_weight: int) -> Verdicts:
    """Look URLs up.

    Args:
        urls: string array (n,); null and what has no host match nothing. days: int32 (n,), of the captures.
        table: hosts and pages; pages says whether there are any. words: URL words.
        strict: a word of one of that many first word lists is heavy enough alone.
        min_weight: of the distinct words of a URL together, in thousandths.
    """
    text = Utf8.of(urls)
    arguments = (table.arrays(), pages, words.arrays(), strict, min_weight, _UNRESERVED, LOWER_INDEX, LOWER_BLOCKS)
    lists, by_word, odd = _match(text.data, text.offsets, days, *arguments, False)
    rows = np.flatnonzero(odd)
    if len(rows):
        again = Utf8.of_strings([_normalised(url) for url in urls.take(pa.array(rows)).to_pylist()])
        lists[rows], by_word[rows], _ = _match(again.data, again.offsets, days[rows], *arguments, True)
    return Verdicts(lists, by_word)


def _normalised(url: str) -> str | None:
    """The URL with its host as `host_of` writes it; None where it has none."""
    found = _AUTHORITY.match(url)
    host = host_of(found[1]) if found else None
    return None if found is None or host is None else f"http://{host}{url[found.end() :]}"


@njit(cache=True)
def _authority(data: Any, i: Any, end: Any) -> Any:
    """Where the authority of a URL begins; -1 if it has none."""
    while i < end and data[i] <= 32:
        i += 1
    k = i
    while k < end and _IN_SCHEME[data[k]]:
        k += 1
    if k > i and k < end and data[k] == 58:
        i = k + 1
    return i + 2 if i + 1 < end and data[i] == 47 and data[i + 1] == 47 else -1


@njit(cache=True)
def _host(data: Any, i: Any, end: Any, normal: bool, out: Any) -> Any:
    """Write the host of the authority at i in lower case to `out`.

    normal: it has been normalised, and may be an IPv6 address in brackets.
    Returns: its bytes, 0 for none, -1 for one that needs to be normalised; and where the authority ends.
    """
    begin = i
    stop = i
    while stop < end and data[stop] != 47 and data[stop] != 63 and data[stop] != 35 and data[stop] != 92:
        if data[stop] == 64:
            begin = stop + 1
        stop += 1
    while begin < stop and data[begin] <= 32:
        begin += 1
    if begin < stop and data[begin] == 91:
        if not normal:
            return _I(-1), stop
        for k in range(begin, min(stop, begin + len(out))):
            out[k - begin] = data[k]
        return _I(min(stop - begin, len(out))), stop
    size = _I(0)
    k = begin
    while k < stop and data[k] != 58:
        b = data[k]
        if not _PLAIN[b]:
            return _I(0) if normal else _I(-1), stop
        if size == len(out):
            return _I(0), stop
        out[size] = b + 32 if 65 <= b <= 90 else b
        size += 1
        k += 1
    while size > 0 and out[size - 1] == 46:
        size -= 1
    return size, stop


@njit(cache=True)
def _is_address(host: Any, last: Any, size: Any) -> bool:
    """Whether a host whose last label begins at `last` is an IP address: digits, or hexadecimal behind 0x, or in brackets."""
    if host[0] == 91:
        return True
    i = last
    hexadecimal = size - last >= 2 and host[last] == 48 and host[last + 1] == 120
    if hexadecimal:
        i += 2
    while i < size and (48 <= host[i] <= 57 or (hexadecimal and 97 <= host[i] <= 102)):
        i += 1
    return bool(i == size)


@njit(cache=True)
def _hex_value(b: Any) -> Any:
    if 48 <= b <= 57:
        return b - 48
    lower = b | 32
    return lower - 87 if 97 <= lower <= 102 else -1


@njit(cache=True)
def _unescaped(data: Any, k: Any, end: Any) -> Any:
    """The byte at k, or the one that `%` and two digits there stand for, and how many bytes of the URL that is."""
    if data[k] == 37 and k < end - 2:
        high, low = _hex_value(_I(data[k + 1])), _hex_value(_I(data[k + 2]))
        if high >= 0 and low >= 0:
            return 16 * high + low, _I(3)
    return _I(data[k]), _I(1)


@njit(cache=True)
def _page(data: Any, rest: Any, end: Any, room: Any, size: Any, table: Any, day: Any, ends: Any, unreserved: Any) -> Any:
    """Entry of the longest page that covers a URL: its host is room[:size], path and query are data[rest:end]; -1 for none.

    A page without `www.` is meant with it, too. Path and query are escaped as those of lists are (`escaped` in read.py).
    """
    at = size
    m = 0
    k = rest
    while k < end:
        b, width = _unescaped(data, k, end)
        if width == 1 and (b == 47 or b == 63 or b == 38 or b == 35) and k > rest and m < _MAX_PREFIXES - 1:
            ends[m] = at
            m += 1
        if unreserved[b] or (width == 1 and 32 < b < 127):
            room[at] = b
            at += 1
        else:
            room[at] = 37
            for j in range(2):
                nibble = (b >> 4) if j == 0 else (b & 15)
                room[at + 1 + j] = nibble + (48 if nibble < 10 else 55)
            at += 3
        k += width
    ends[m] = at
    while m >= 0:
        stop = ends[m]
        if room[stop - 1] == 47:
            stop -= 1
        for start in (0, 4):
            if start == 4 and not (size > 4 and room[0] == 119 and room[1] == 119 and room[2] == 119 and room[3] == 46):
                continue
            if stop > size:
                entry = first_entry(table, hash_bytes(room, _I(start), _I(stop)), room, start, stop, day)
                if entry >= 0:
                    return entry
        m -= 1
    return _I(-1)


@njit(cache=True)
def _heavy(
    data: Any, rest: Any, end: Any, room: Any, size: Any, words: Any, strict: Any, min_weight: Any, seen: Any, word: Any, index: Any,
    blocks: Any,
) -> Any:  # fmt: skip
    """Ordinal of the list of the heaviest word, if the distinct words of host, path and query weigh enough; -1 if not.

    Words are runs of ASCII letters and digits and of all characters beyond ASCII, percent signs decoded, in simple lower case. The host
    is room[:size]. word: room for one in lower case. index, blocks: LOWER_INDEX and LOWER_BLOCKS.
    """
    total, m, heaviest, ordinal = _I(0), 0, _I(0), _I(-1)
    start = at = _I(0)  # the word so far is room[start:at]
    ascii_ = True
    k = rest - size  # the host comes first
    while k <= end:
        b, width = _I(47) if k == end else _I(room[k - rest + size]), _I(1)
        if rest <= k < end:
            b, width = _unescaped(data, k, end)
        k += width
        if 65 <= b <= 90:
            b += 32
        if 97 <= b <= 122 or 48 <= b <= 57 or b >= 128:
            room[at] = b
            at += 1
            ascii_ = ascii_ and b < 128
            continue
        if at > start:
            if ascii_:
                entry = first_entry(words, hash_bytes(room, start, at), room, start, at, ANY_DAY)
            else:
                stop = _I(lower_into(room, start, at, word, _I(0), index, blocks))
                entry = first_entry(words, hash_bytes(word, _I(0), stop), word, _I(0), stop, ANY_DAY)
                ascii_ = True
            new = entry >= 0 and m < _MAX_WORDS
            for j in range(m):
                new = new and seen[j] != entry
            if new:
                seen[m] = entry
                m += 1
                weight = min_weight if words[5][entry] < strict else _I(words[6][entry])
                total += weight
                if weight > heaviest:
                    heaviest, ordinal = weight, _I(words[5][entry])
        room[at] = 47
        at += 1
        start = at
    return ordinal if total >= min_weight else _I(-1)


@njit(cache=True)
def _match(
    data: Any, offsets: Any, days: Any, table: Any, pages: bool, words: Any, strict: int, min_weight: int, unreserved: Any, index: Any,
    blocks: Any, normal: bool,
) -> Any:  # fmt: skip
    """Ordinals of the deciding lists and of the word lists, int64 (n,) each, and URLs to normalise, bool (n,)."""
    n = len(offsets) - 1
    lists, by_word = np.full(n, NO_LIST, np.int64), np.full(n, NO_LIST, np.int64)
    odd = np.zeros(n, np.bool_)
    host, room, word = np.empty(256, np.uint8), np.empty(_ROOM, np.uint8), np.empty(2 * _ROOM, np.uint8)
    labels, ends, seen = np.empty(256, np.int64), np.empty(_MAX_PREFIXES, np.int64), np.empty(_MAX_WORDS, np.int64)
    for row in range(n):
        end = min(offsets[row + 1], offsets[row] + MAX_URL_BYTES)
        start = _I(_authority(data, offsets[row], end))
        if start < 0:
            continue
        size, rest = _host(data, start, end, normal, host)
        if size < 0:
            odd[row] = True
            continue
        if size == 0 or size > 253:
            continue
        m, legal = 0, True
        labels[0] = 0
        for k in range(size):
            if host[k] == 46:
                legal = legal and k > labels[m]
                m += 1
                labels[m] = k + 1
        if not legal:
            continue
        entry = _I(-1)
        if pages:
            room[:size] = host[:size]
            entry = _page(data, rest, end, room, size, table, days[row], ends, unreserved)
        last = 1 if _is_address(host, labels[m], size) else m  # an address has no parents, a single label is no entry
        k = 0
        while entry < 0 and k < last:
            entry = first_entry(table, hash_bytes(host, labels[k], size), host, labels[k], size, days[row])
            k += 1
        if entry >= 0:
            lists[row] = table[5][entry]
        elif len(words[2]) > 0:
            room[:size] = host[:size]
            by_word[row] = _heavy(data, rest, end, room, size, words, strict, min_weight, seen, word, index, blocks)
    return lists, by_word, odd
