"""Canonical form of a URL: what two addresses of one page have in common.

Ours, in this order:
 1. white space and control characters at the ends, tabs and line ends inside: removed;
 2. scheme: lower case; `http` becomes `https` (a page served by both is one page);
 3. user and password: removed;
 4. host: lower case, IDN in punycode, no final dot, no leading `www.` where a dot remains;
 5. port: without leading zeros; removed where it is 80 or 443 or empty;
 6. path: `\\` is `/`; `.` and `..` resolved; session ids (`;jsessionid=…`) removed; final `/` removed;
 7. percent-encoding: letters, digits, `-._~` unescaped, all else that needs it escaped as UTF-8 in
    upper-case hex; `+` in a query is a space;
 8. query: tracking parameters and session ids removed, the rest sorted by name (equal names keep their
    order), an empty query removed;
 9. fragment: removed, but for `#!…`, which names a page of its own on older script sites.
Case of paths, repeated slashes, `index.html`, and names without a value stay as they are. Names are
compared unescaped (7 before 6 and 8), so that the canonical form of a canonical form is itself.

`canonical_url` is the definition. `canonical_urls` does a column by one kernel, which leaves to the
definition what is rare: another scheme than http and https, users, IPv6 and IDN hosts, escapes in hosts,
backslashes before the query, tabs and line ends inside, more parameters out of order than `_MOST_PAIRS`.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from curation.domains import host_of
from curation.text import Utf8

TRACKING = frozenset(
    {
        "gclid", "gclsrc", "gbraid", "wbraid", "dclid", "fbclid", "msclkid", "yclid", "ysclid", "twclid",
        "ttclid", "igshid", "igsh", "mc_cid", "mc_eid", "_ga", "_gl", "_hsenc", "_hsmi", "__hstc", "__hssc",
        "__hsfp", "hsctatracking", "mkt_tok", "vero_id", "vero_conv", "oly_anon_id", "oly_enc_id",
        "wickedid", "s_cid", "icid", "ncid", "cmpid", "rb_clickid", "_openstat", "spm", "srsltid",
        "pk_campaign", "pk_kwd", "pk_keyword", "pk_source", "pk_medium", "pk_content", "pk_cid",
    }
)  # fmt: skip
"""Query parameters that only say where a visitor came from (lower case)."""
TRACKING_PREFIXES = ("utm_", "mtm_", "piwik_", "matomo_", "hsa_")
SESSIONS = frozenset({"jsessionid", "phpsessid", "sessionid", "session_id", "zenid", "oscsid", "cfid", "cftoken"})
SESSION_PREFIXES = ("aspsessionid",)

_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?//([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_PLAIN_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9\-._~!$&'()*+,:@=]*)*")
# `sid` names a session on forums, an article on other sites: a session if it looks like one.
_SESSION_VALUE = re.compile(r"[0-9A-Fa-f]{16,}|[0-9A-Za-z]{26,}")
_CONTROLS = "".join(map(chr, range(33))) + "\x7f"
_INNER = str.maketrans("", "", "\t\r\n")
_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid|sessionid)=[^/;]*", re.IGNORECASE)
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})|(.)", re.DOTALL)
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_IN_PATH = _UNRESERVED | frozenset(b"!$&'()*+,;:@=/")
_IN_QUERY = _UNRESERVED | frozenset(b"!$'()*,;:@/?=")


def canonical_url(url: str) -> str:
    """Canonical form of a URL, as described at the head of this file.

    What has no host comes back without white space at its ends. Linear in the URL's length.
    """
    url = url.strip(_CONTROLS).translate(_INNER)
    slashed = url if "\\" not in url else _slashes(url)
    parts = _URL.fullmatch(slashed)
    host = host_of(parts[2]) if parts else None
    if parts is None or host is None:
        return url
    scheme, authority, path, query, fragment = parts.groups("")
    scheme = (scheme or "https").lower()
    scheme = "https" if scheme == "http" else scheme
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    port = authority.rpartition("@")[2].rpartition("]")[2].rpartition(":")[2] if ":" in authority else ""
    port = port.lstrip("0") if port.isascii() and port.isdigit() else ""
    where = f"{scheme}://{host}" if port in ("", "80", "443") else f"{scheme}://{host}:{port}"
    if not _PLAIN_PATH.fullmatch(path):
        path = _path(path)
    path = path.rstrip("/") if path.endswith("/") else path
    if query:
        query = _query(query)
    shebang = f"#{_escape(fragment, _IN_QUERY)}" if fragment.startswith("!") else ""
    return f"{where}{path}?{query}{shebang}" if query else f"{where}{path}{shebang}"


def _slashes(url: str) -> str:
    """Backslashes before the query are slashes, as browsers read them."""
    cut = re.search(r"[?#]", url)
    at = cut.start() if cut else len(url)
    return url[:at].replace("\\", "/") + url[at:]


def _path(path: str) -> str:
    kept: list[str] = []
    segments = _PATH_SESSION.sub("", _escape(path, _IN_PATH)).split("/")
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "".join(f"/{segment}" for segment in kept)


def _query(query: str) -> str:
    pairs = []
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        name, value = (_escape(part.replace("+", "%20"), _IN_QUERY) for part in (name, value))
        low = name.lower()
        if not pair or low in TRACKING or low.startswith(TRACKING_PREFIXES):
            continue
        if low in SESSIONS or low.startswith(SESSION_PREFIXES):
            continue
        if low in ("sid", "s") and _SESSION_VALUE.fullmatch(value):
            continue
        pairs.append((name, f"{name}{equals}{value}"))
    pairs.sort(key=lambda pair: pair[0])
    return "&".join(text for _, text in pairs)


def _escape(text: str, legal: frozenset[int]) -> str:
    """Percent-encoding made uniform; a `%` that escapes nothing is itself escaped."""
    if "%" not in text and text.isascii() and legal.issuperset(text.encode()):
        return text

    def one(found: re.Match[bytes]) -> bytes:
        if found[1] is not None:
            byte = int(found[1], 16)
            return bytes([byte]) if byte in _UNRESERVED else b"%" + found[1].upper()
        return found[2] if found[2][0] in legal else b"%%%02X" % found[2][0]

    return _ESCAPED.sub(one, text.encode("utf-8", "replace")).decode("ascii")


# The kernel. Where it stops it says so by -1, and the definition takes over.

_COPY, _SLASH, _ESCAPE, _UNESCAPE, _PLUS, _EQUALS, _AND, _END, _STOP = range(9)
"""What to do with a byte: `_END` begins another component, `_STOP` is left to the definition."""
_DO_PATH, _DO_QUERY, _DO_FRAGMENT = (np.full(256, _ESCAPE, np.uint8) for _ in range(3))
for _table, _legal, _actions in (
    (_DO_PATH, _IN_PATH, {b"/": _SLASH, b"%": _UNESCAPE, b"?#": _END, b"\t\r\n\\": _STOP}),
    (_DO_QUERY, _IN_QUERY, {b"%": _UNESCAPE, b"+": _PLUS, b"=": _EQUALS, b"&": _AND, b"#": _END, b"\t\r\n": _STOP}),
    (_DO_FRAGMENT, _IN_QUERY, {b"%": _UNESCAPE, b"\t\r\n": _STOP}),
):
    _table[list(_legal)] = _COPY
    for _bytes, _action in _actions.items():
        _table[list(_bytes)] = _action
_HOST = np.zeros(256, np.uint8)  # lower case of what a plain host is made of, else 0
for _byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._":
    _HOST[_byte] = ord(chr(_byte).lower())
_HEX = np.full(256, 255, np.uint8)
for _byte in b"0123456789ABCDEFabcdef":
    _HEX[_byte] = int(chr(_byte), 16)
_DIGITS = np.frombuffer(b"0123456789ABCDEF", np.uint8)
_FREE = np.zeros(256, np.bool_)
_FREE[list(_UNRESERVED)] = True
_MOST_PAIRS = 64
"""Parameters that the kernel sorts, by insertion."""


def _packed(names: list[str]) -> tuple[Any, Any]:
    """Names one after the other, and where each begins: uint8 and int64 (n + 1,)."""
    return np.frombuffer("".join(names).encode(), np.uint8), np.cumsum([0, *map(len, names)], dtype=np.int64)


_KNOWN = sorted([*TRACKING, *SESSIONS, *TRACKING_PREFIXES, *SESSION_PREFIXES])
_NAMES, _NAME_STARTS = _packed(_KNOWN)
_IS_PREFIX = np.array([name in (*TRACKING_PREFIXES, *SESSION_PREFIXES) for name in _KNOWN])
_FIRST_KNOWN = np.searchsorted(_NAMES[_NAME_STARTS[:-1]], np.arange(257)).astype(np.int64)
"""Where the known names that begin with a byte begin."""
_SESSION_NAMES, _SESSION_STARTS = _packed(["jsessionid=", "phpsessid=", "sid=", "sessionid="])


def canonical_urls(urls: Utf8) -> Utf8:
    """`canonical_url` of each URL of a column."""
    data, offsets, hard = _canonical(urls.data, urls.offsets)
    if not hard.any():
        return Utf8(data, offsets)
    rows = pa.array(np.flatnonzero(hard))
    rest = [canonical_url(url) for url in urls.to_arrow().take(rows).to_pylist()]
    return Utf8.of(pc.replace_with_mask(Utf8(data, offsets).to_arrow(), pa.array(hard), pa.array(rest, pa.large_string())))


@njit(cache=True)
def _canonical(data: Any, offsets: Any) -> Any:
    """Canonical form of each URL, as bytes and offsets, and which are left to the definition (empty here): bool (n,)."""
    n = len(offsets) - 1
    out = np.empty(3 * (offsets[n] - offsets[0]) + 8 * n, np.uint8)  # an escape is three bytes, `https:` six
    ends, hard = np.zeros(n + 1, np.int64), np.zeros(n, np.bool_)
    pairs = np.empty((_MOST_PAIRS, 3), np.int64)
    at = 0
    for row in range(n):
        i, end = offsets[row], offsets[row + 1]
        while i < end and (data[i] <= 32 or data[i] == 127):
            i += 1
        while i < end and (data[end - 1] <= 32 or data[end - 1] == 127):
            end -= 1
        stop = at
        if i < end:
            i, stop = _site(data, i, end, out, at)
            if i >= 0:
                i, stop = _path_into(data, i, end, out, stop)
            if 0 <= i < end and data[i] == ord("?"):
                i, stop = _query_into(data, i + 1, end, out, stop, pairs)
            if 0 <= i < end:
                i, stop = _fragment_into(data, i + 1, end, out, stop)
        if i < 0:
            hard[row] = True
        else:
            at = stop
        ends[row + 1] = at
    return out[:at].copy(), ends, hard


@njit(cache=True)
def _lower(c: Any) -> Any:
    """A byte, in lower case if it is an ASCII letter."""
    return c + np.uint8(32) if 65 <= c <= 90 else c


@njit(cache=True)
def _site(data: Any, i: Any, end: Any, out: Any, at: Any) -> Any:
    """Write scheme, host and port to out[at:]. Returns: where the path begins (-1: not plain), and the new `at`."""
    slashes = i + 4
    if end - i < 7 or _lower(data[i]) != ord("h") or _lower(data[i + 1]) != ord("t") or _lower(data[i + 2]) != ord("t"):
        return -1, at
    if _lower(data[slashes]) == ord("s"):
        slashes += 1
    if _lower(data[i + 3]) != ord("p") or end - slashes < 3 or data[slashes] != ord(":"):
        return -1, at
    if data[slashes + 1] != ord("/") or data[slashes + 2] != ord("/"):
        return -1, at
    start = stop = slashes + 3
    label, dots = start, 0
    while stop < end and _HOST[data[stop]] != 0:
        if data[stop] == ord("."):
            if stop == label:
                return -1, at
            label, dots = stop + 1, dots + 1
        stop += 1
    i = stop
    if label == stop and dots:  # the final dot
        stop, dots = stop - 1, dots - 1
    if start == stop or stop - start > 253:
        return -1, at
    while dots >= 2 and data[start + 3] == ord("."):
        if not (_lower(data[start]) == _lower(data[start + 1]) == _lower(data[start + 2]) == ord("w")):
            break
        start, dots = start + 4, dots - 1
    for c in b"https://":
        out[at] = c
        at += 1
    for k in range(start, stop):
        out[at] = _HOST[data[k]]
        at += 1
    if i < end and data[i] == ord(":"):
        i += 1
        while i < end and data[i] == ord("0"):
            i += 1
        port = i
        while i < end and 48 <= data[i] <= 57:
            i += 1
        usual = i - port == 2 and data[port] == ord("8") and data[port + 1] == ord("0")
        usual |= i - port == 3 and data[port] == ord("4") and data[port + 1] == ord("4") and data[port + 2] == ord("3")
        if port < i and not usual:
            out[at] = ord(":")
            at += 1
            for k in range(port, i):
                out[at] = data[k]
                at += 1
    if i < end and data[i] != ord("/") and data[i] != ord("?") and data[i] != ord("#"):
        return -1, at
    return i, at


@njit(cache=True)
def _byte_into(data: Any, i: Any, end: Any, out: Any, at: Any) -> Any:
    """Write the escape at i in its one form, or the byte there escaped. Returns: the new i and `at`."""
    value, width = data[i], 1
    if value == ord("%") and i + 2 < end and _HEX[data[i + 1]] < 16 and _HEX[data[i + 2]] < 16:
        value, width = np.uint8(_HEX[data[i + 1]] << 4 | _HEX[data[i + 2]]), 3
        if _FREE[value]:
            out[at] = value
            return i + 3, at + 1
    out[at], out[at + 1], out[at + 2] = ord("%"), _DIGITS[value >> 4], _DIGITS[value & 15]
    return i + width, at + 3


@njit(cache=True)
def _path_into(data: Any, i: Any, end: Any, out: Any, at: Any) -> Any:
    """Write a path to out[at:]. Returns: where it ends in `data` (-1: not plain), and the new `at`."""
    first = slash = at  # of the path, of the segment
    while True:
        do = _END if i == end else _DO_PATH[data[i]]
        if do == _COPY:
            out[at] = data[i]
            at += 1
            i += 1
        elif do in (_SLASH, _END):
            if at > slash:
                at = _segment_end(out, first, slash, at)
            if do == _END:
                break
            slash = at
            out[at] = ord("/")
            at += 1
            i += 1
        elif do == _STOP:
            return -1, at
        else:
            i, at = _byte_into(data, i, end, out, at)
    while at > first and out[at - 1] == ord("/"):
        at -= 1
    return i, at


@njit(cache=True)
def _segment_end(out: Any, first: Any, slash: Any, at: Any) -> Any:
    """Finish the segment out[slash:at] of the path that begins at `first`. Returns: where the path ends now."""
    at = _without_sessions(out, slash, at)
    if at - slash == 2 and out[at - 1] == ord("."):
        return slash
    if at - slash == 3 and out[at - 1] == ord(".") and out[at - 2] == ord("."):
        while slash > first:  # over the segment before
            slash -= 1
            if out[slash] == ord("/"):
                break
        return slash
    return at


@njit(cache=True)
def _without_sessions(out: Any, slash: Any, at: Any) -> Any:
    """Take `;jsessionid=…` and its like out of the segment out[slash:at]. Returns: where it ends now."""
    kept = k = slash
    while k < at:
        gone = False
        if out[k] == ord(";"):
            for name in range(len(_SESSION_STARTS) - 1):
                size = _SESSION_STARTS[name + 1] - _SESSION_STARTS[name]
                gone = gone or (at - k > size and _reads(out, k + 1, _SESSION_NAMES, _SESSION_STARTS[name], size))
        if gone:
            k += 1
            while k < at and out[k] != ord(";"):
                k += 1
        else:
            out[kept] = out[k]
            kept += 1
            k += 1
    return kept


@njit(cache=True)
def _reads(out: Any, i: Any, names: Any, start: Any, size: Any) -> Any:
    """Whether out[i : i + size] is names[start : start + size], but for its case."""
    k = 0
    while k < size and _lower(out[i + k]) == names[start + k]:
        k += 1
    return k == size


@njit(cache=True)
def _query_into(data: Any, i: Any, end: Any, out: Any, at: Any, pairs: Any) -> Any:
    """Write a query and its `?` to out[at:]. Returns: where it ends in `data` (-1: not plain), and the new `at`.

    Args:
        pairs: scratch, int64 (_MOST_PAIRS, 3).
    """
    mark = at  # of the `?`
    begin = at + 1
    at, name_end = begin, -1
    count, ordered = 0, True
    before = before_end = begin  # name of the pair before
    while True:
        do = _END if i == end else _DO_QUERY[data[i]]
        if do == _COPY:
            out[at] = data[i]
            at += 1
            i += 1
        elif do == _EQUALS:
            if name_end < 0:
                name_end = at
            out[at] = ord("=")
            at += 1
            i += 1
        elif do in (_AND, _END):
            stop = at if name_end < 0 else name_end
            if at == begin or _says_nothing(out, begin, stop, at):
                at = begin
            else:
                ordered = ordered and (count == 0 or not _less(out, begin, stop, before, before_end))
                before, before_end = begin, stop
                if count < _MOST_PAIRS:
                    pairs[count, 0], pairs[count, 1], pairs[count, 2] = begin, stop, at
                count += 1
                out[at] = ord("&")
                at += 1
                begin = at
            name_end = -1
            if do == _END:
                break
            i += 1
        elif do == _PLUS:
            out[at], out[at + 1], out[at + 2] = ord("%"), ord("2"), ord("0")
            at += 3
            i += 1
        elif do == _STOP:
            return -1, at
        else:
            i, at = _byte_into(data, i, end, out, at)
    if count == 0:
        return i, mark
    if not ordered:
        if count > _MOST_PAIRS:
            return -1, at
        _sort_pairs(out, mark + 1, pairs[:count])
    out[mark] = ord("?")
    return i, at - 1  # less the last `&`


@njit(cache=True)
def _says_nothing(out: Any, begin: Any, stop: Any, end: Any) -> Any:
    """Whether a parameter, its name out[begin:stop], only says where a visitor came from or which visit this is."""
    if stop == begin:
        return False
    size, first = stop - begin, _lower(out[begin])
    for name in range(_FIRST_KNOWN[first], _FIRST_KNOWN[first + 1]):
        start = _NAME_STARTS[name]
        known = _NAME_STARTS[name + 1] - start
        if (size == known or (size > known and _IS_PREFIX[name])) and _reads(out, begin, _NAMES, start, known):
            return True
    if first == ord("s") and (size == 1 or (size == 3 and _lower(out[begin + 1]) == ord("i") and _lower(out[begin + 2]) == ord("d"))):
        return _like_session(out, stop + 1, end)
    return False


@njit(cache=True)
def _like_session(out: Any, begin: Any, end: Any) -> Any:
    """Whether a value looks like the id of a session: see `_SESSION_VALUE`."""
    hexadecimal = True
    for k in range(begin, end):
        c = _lower(out[k])
        if not (48 <= c <= 57 or 97 <= c <= 122):
            return False
        hexadecimal = hexadecimal and c <= 102
    return end - begin >= 26 or (hexadecimal and end - begin >= 16)


@njit(cache=True)
def _less(out: Any, a: Any, a_end: Any, b: Any, b_end: Any) -> Any:
    """Whether out[a:a_end] comes before out[b:b_end]."""
    while a < a_end and b < b_end:
        if out[a] != out[b]:
            return out[a] < out[b]
        a += 1
        b += 1
    return a == a_end and b < b_end


@njit(cache=True)
def _sort_pairs(out: Any, start: Any, pairs: Any) -> None:
    """Put the parameters from out[start] on, each followed by `&`, in the order of their names.

    Args:
        pairs: int64 (n, 3), where each begins, its name ends and it ends; reordered.
    """
    for k in range(1, len(pairs)):
        begin, stop, end = pairs[k, 0], pairs[k, 1], pairs[k, 2]
        j = k
        while j > 0 and _less(out, begin, stop, pairs[j - 1, 0], pairs[j - 1, 1]):
            pairs[j, 0], pairs[j, 1], pairs[j, 2] = pairs[j - 1, 0], pairs[j - 1, 1], pairs[j - 1, 2]
            j -= 1
        pairs[j, 0], pairs[j, 1], pairs[j, 2] = begin, stop, end
    size = len(pairs)
    for k in range(len(pairs)):
        size += pairs[k, 2] - pairs[k, 0]
    copied, at = out[start : start + size].copy(), start
    for k in range(len(pairs)):
        for i in range(pairs[k, 0], pairs[k, 2] + 1):
            out[at] = copied[i - start]
            at += 1


@njit(cache=True)
def _fragment_into(data: Any, i: Any, end: Any, out: Any, at: Any) -> Any:
    """Write `#!…` to out[at:]; another fragment goes. Returns: `end` (-1: not plain), and the new `at`."""
    if i == end or (data[i] != ord("!") and _DO_FRAGMENT[data[i]] != _STOP):
        return end, at
    out[at] = ord("#")
    at += 1
    while i < end:
        do = _DO_FRAGMENT[data[i]]
        if do == _COPY:
            out[at] = data[i]
            at += 1
            i += 1
        elif do == _STOP:
            return -1, at
        else:
            i, at = _byte_into(data, i, end, out, at)
    return i, at


def warm_up() -> None:
    """Compile (or load from the cache) the kernel."""
    canonical_urls(Utf8.of_strings(["http://www.example.com/a?b=1&a=2"]))
