"""What every document has: the core columns, its id, its registrable domain; and which ids were seen.

An id names the *record*, not the text: 128-bit xxh3 of (source kind, WARC-Record-ID | URL + date |
path inside the input's root + offset), written as 32 lower-case hex digits, the same on every machine.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar, cast
from urllib.parse import unquote

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from publicsuffixlist import PublicSuffixList

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

CORE: dict[str, pa.DataType] = {
    "id": pa.string(),
    "url": pa.string(),
    "domain": pa.string(),
    "source": pa.string(),
    "date": pa.timestamp("us", tz="UTC"),
    "record_file": pa.string(),
    "record_offset": pa.int64(),
}
"""Columns of every document beside `text`. `domain` and `source` are added by the engine."""

ID_DIGITS = 32


def plain(values: Any) -> pa.Array:
    """One contiguous Arrow array of an array, a chunked array or a sequence."""
    if isinstance(values, pa.ChunkedArray):
        return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    return values if isinstance(values, pa.Array) else pa.array(values)


# Ids


def record_ids(kind: str, keys: Sequence[str] | pa.Array) -> pa.Array:
    """Ids of records: 128-bit xxh3 of (kind, key), about 0.3 µs each.

    Args:
        kind: what the key names, so that equal keys of two kinds differ ("warc", "parquet" ...).
        keys: one string per record; null gives null.
    Returns: string array (n,) of 32 hex digits.
    """
    digest, prefix = xxhash.xxh3_128_hexdigest, f"{kind}\0".encode()
    if isinstance(keys, pa.Array | pa.ChunkedArray):
        values = plain(keys)
        raw = values.cast(pa.large_binary()).to_pylist()
        if values.null_count:
            return pa.array([None if key is None else digest(prefix + key) for key in raw], pa.string())
        return pa.array([digest(prefix + key) for key in raw], pa.string())
    return pa.array([digest(prefix + key.encode("utf-8", "surrogateescape")) for key in keys], pa.string())


def document_ids(kind: str, given: pa.Array | None, *, url: pa.Array, date: pa.Array, relative: str, offset: pa.Array) -> pa.Array:
    """Ids of documents that may bring one of their own.

    Args:
        kind: source kind.
        given: the ids the records bring, or None. 32 hex digits stay (lower-cased), another value is
            hashed, null is made of URL and date or, where one of them is null, of file and offset.
        url, date, offset: columns of the same records; offset is never null.
        relative: path of the file inside the input's root.
    Returns: string array (n,) of 32 hex digits, no nulls.
    """
    if given is None:
        given = pa.nulls(len(offset), pa.string())
    ids = _hex_or_hashed(kind, given)
    if not ids.null_count:
        return ids
    empty = np.flatnonzero(ids.is_null().to_numpy(zero_copy_only=False))
    rows = pa.array(empty)
    place = pc.binary_join_element_wise(pa.scalar(relative), offset.take(rows).cast(pa.string()), ":")
    microseconds = date.take(rows).cast(pa.int64()).cast(pa.string())
    seen_at = pc.binary_join_element_wise(url.take(rows).cast(pa.string()), microseconds, " ")
    made = record_ids(kind, pc.coalesce(seen_at, place))
    if len(empty) == len(ids):
        return made
    index = np.arange(len(ids))
    index[empty] = len(ids) + np.arange(len(empty))
    return pa.concat_arrays([ids, made]).take(pa.array(index))


def _hex_or_hashed(kind: str, given: pa.Array) -> pa.Array:
    """Ids as they came where they are 32 hex digits, hashed where not, null where null."""
    ids = plain(given)
    if not pa.types.is_string(ids.type):
        ids = ids.cast(pa.string())
    if ids.null_count == len(ids):
        return ids
    lower, upper = _hex_rows(ids)
    if lower.all():
        return ids
    if upper.any():
        ids = pc.if_else(pa.array(upper), pc.utf8_lower(ids), ids)
    foreign = ~(lower | upper)
    if not foreign.any():
        return ids
    return pc.if_else(pa.array(foreign), record_ids(kind, ids), ids)


_LOWER_HEX, _ANY_HEX = np.zeros(256, bool), np.zeros(256, bool)
_LOWER_HEX[list(b"0123456789abcdef")] = _ANY_HEX[list(b"0123456789abcdefABCDEF")] = True


def _hex_rows(ids: pa.Array) -> tuple[Any, Any]:
    """Which ids are 32 lower-case hex digits (or null), and which are so but for their case."""
    valid = ids.is_valid().to_numpy(zero_copy_only=False)
    lengths = pc.fill_null(pc.binary_length(ids), 0).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(lengths == ID_DIGITS)
    digits = _bytes_of(ids if len(rows) == len(ids) else ids.take(pa.array(rows))).reshape(-1, ID_DIGITS)
    lower, upper = ~valid, np.zeros(len(ids), bool)
    is_lower = _LOWER_HEX[digits].all(axis=1)
    lower[rows] = is_lower
    if not is_lower.all():
        upper[rows] = ~is_lower & _ANY_HEX[digits].all(axis=1)
    return lower, upper


def _bytes_of(strings: pa.Array) -> Any:
    """The bytes of all strings of a `string` array, one after the other: uint8 (n,)."""
    _, ends, data = strings.buffers()
    if data is None or not len(strings):
        return np.empty(0, np.uint8)
    offsets = np.frombuffer(ends, np.int32)
    return np.frombuffer(data, np.uint8)[offsets[strings.offset] : offsets[strings.offset + len(strings)]]


# Registrable domains

_AUTHORITY = r"^\s*(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//(?P<authority>[^/?#\\]*)"
_HOST_CACHE_SIZE = 1 << 18
_hosts: dict[str, str | None] = {}
_NOT_IN_HOST = re.compile(r"[\x00-\x20\x7f<>\[\]^|%\\/?#@:\"]")


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def registrable_domains(urls: pa.Array) -> pa.Array:
    """Registrable domain of each URL: the public suffix and one label more.

    Private suffixes count (`user.github.io` is a domain of its own). A host that is a public suffix or
    a single label stands for itself, an IP address too (IPv6 in brackets). Userinfo, port and the final
    dot go; names are lower case, non-ASCII labels in punycode.

    Args:
        urls: string array (n,); null, relative and hostless URLs and illegal hosts give null.
    Returns: string array (n,).
    """
    urls = plain(urls)
    authorities = pc.struct_field(pc.extract_regex(urls, _AUTHORITY), 0).dictionary_encode()
    found = []
    for authority in authorities.dictionary.to_pylist():
        if authority in _hosts:
            found.append(_hosts[authority])
            continue
        if len(_hosts) >= _HOST_CACHE_SIZE:
            _hosts.clear()
        domain = _hosts[authority] = registrable_domain(authority)
        found.append(domain)
    return pa.array(found, pa.string()).take(authorities.indices)


_PLAIN_HOST = re.compile(r"(?:[a-z0-9_-]+\.)*([a-z0-9_-]+\.([a-z][a-z0-9-]*))")


@cache
def _deep_names() -> frozenset[str] | None:
    """Names of two labels for which, or beneath which, the list has a rule, and top labels with a wildcard.

    None if the list does not show its rules: then every host takes the long way.
    """
    names = set()
    rules = getattr(_suffixes(), "_publicsuffix", None)
    if rules is None:
        return None
    for rule in rules:
        labels = rule.lstrip("!").split(".")
        if len(labels) > 1:
            names.add(labels[-1] if labels[-2] == "*" else ".".join(labels[-2:]))
    return frozenset(names)


def registrable_domain(authority: str) -> str | None:
    """Registrable domain of one `userinfo@host:port`; see `registrable_domains`."""
    plain_host = _PLAIN_HOST.fullmatch(authority)
    if plain_host is not None and len(authority) <= 253:  # nothing to decode, no rule deeper than the top label
        name, top = plain_host.groups()
        deep = _deep_names()
        if deep is not None and name not in deep and top not in deep:
            return name
    host = host_of(authority)
    if host is None or host.startswith("["):
        return host
    last = host.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        return host
    return _suffixes().privatesuffix(host) or host


def host_of(authority: str) -> str | None:
    """Host of one `userinfo@host:port`: lower case, punycode, without final dot; None if illegal."""
    host = authority.rpartition("@")[2].strip()
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host[1 : host.index(']')])}]"
        except ValueError:
            return None
    host = unquote(host.partition(":")[0]).lower()
    if not host.isascii():
        host = unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower()
    host = host.rstrip(".")
    labels = [_punycode(label) for label in host.split(".")]
    host = ".".join(labels)
    if not all(labels) or len(host) > 253 or _NOT_IN_HOST.search(host):
        return None
    return host


def _punycode(label: str) -> str:
    # Not Python's "idna" codec: its IDNA 2003 writes ß as ss and refuses names that are in use.
    return label if label.isascii() else "xn--" + label.encode("punycode", "replace").decode("ascii")


# Seen ids


def _kernel(function: Kernel) -> Kernel:
    return cast(Kernel, numba.njit(cache=True, nogil=True)(function))


class IdSet:
    """Exact set of 128-bit ids: an open-addressing table of two uint64 columns that doubles at 3/4 full."""

    def __init__(self, capacity: int = 1 << 12) -> None:
        slots = 1 << max(4, (int(capacity * 4 / 3)).bit_length())
        self._table = np.zeros((slots, 2), np.uint64)
        self._zero = False  # the id of all zeros, since a slot of zeros is an empty one
        self._used = 0

    def __len__(self) -> int:
        return self._used + self._zero

    @property
    def nbytes(self) -> int:
        return int(self._table.nbytes)

    def add(self, ids: pa.Array) -> Any:
        """Add ids and say which were there before, earlier ones of the same call included.

        Args:
            ids: string array (n,) of 32 hex digits, without nulls.
        Returns: bool (n,).
        Raises: ValueError if a value is null or not 32 hex digits.
        """
        ids = plain(ids)
        ids = ids if pa.types.is_string(ids.type) else ids.cast(pa.string())
        digits = _bytes_of(ids)
        if ids.null_count or len(digits) != len(ids) * ID_DIGITS or not _ANY_HEX[digits].all():
            raise ValueError("an id is not a string of 32 hex digits")
        pairs = _parse_hex(digits)
        while (self._used + len(pairs)) * 4 > len(self._table) * 3:
            grown = np.zeros((len(self._table) * 2, 2), np.uint64)
            _move(self._table, grown)
            self._table = grown
        seen = np.zeros(len(pairs), np.bool_)
        zeros = _insert(pairs, self._table, seen)
        self._used += int(len(pairs) - seen.sum() - zeros)
        if zeros:
            which = np.flatnonzero((pairs == 0).all(axis=1))
            seen[which[0]], seen[which[1:]] = self._zero, True
            self._zero = True
        return seen


@_kernel
def _parse_hex(digits: Any) -> Any:
    """uint64 (n, 2) of n ids of 32 hex digits each."""
    n = len(digits) // 32
    pairs = np.empty((n, 2), np.uint64)
    for i in range(n):
        for half in range(2):
            value = np.uint64(0)
            for j in range(16):
                c = digits[i * 32 + half * 16 + j]
                digit = c - 48 if c < 58 else (c & 0xDF) - 55
                value = (value << np.uint64(4)) | np.uint64(digit)
            pairs[i, half] = value
    return pairs


@_kernel
def _slot(high: Any, low: Any, mask: Any) -> Any:
    mixed = (high ^ (low << np.uint64(1)) ^ (low >> np.uint64(63))) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed ^ (mixed >> np.uint64(32))) & mask


@_kernel
def _insert(pairs: Any, table: Any, seen: Any) -> Any:
    """Put ids into the table, marking those already there. Returns: how many were all zeros (skipped)."""
    mask = np.uint64(len(table) - 1)
    zeros = 0
    for i in range(len(pairs)):
        high, low = pairs[i, 0], pairs[i, 1]
        if high == 0 and low == 0:
            zeros += 1
            continue
        slot = _slot(high, low, mask)
        while table[slot, 0] != 0 or table[slot, 1] != 0:
            if table[slot, 0] == high and table[slot, 1] == low:
                seen[i] = True
                break
            slot = (slot + np.uint64(1)) & mask
        if not seen[i]:
            table[slot, 0], table[slot, 1] = high, low
    return zeros


@_kernel
def _move(table: Any, grown: Any) -> None:
    """Copy every id of a table into an empty, larger one."""
    mask = np.uint64(len(grown) - 1)
    for i in range(len(table)):
        high, low = table[i, 0], table[i, 1]
        if high == 0 and low == 0:
            continue
        slot = _slot(high, low, mask)
        while grown[slot, 0] != 0 or grown[slot, 1] != 0:
            slot = (slot + np.uint64(1)) & mask
        grown[slot, 0], grown[slot, 1] = high, low


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    IdSet().add(record_ids("warm-up", ["0", "0"]))
