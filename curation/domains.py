"""Registrable domain of a URL: the public suffix and one label more (publicsuffix.org).

Nearly every URL of a crawl has a plain host under a plain top label: there it is the last two labels,
found by one kernel. All others are looked up in the list.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import cache
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from publicsuffixlist import PublicSuffixList

from curation.documents import plain
from curation.text import Utf8, hash_bytes

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
    strings, deep = Utf8.of(urls), _deep_names()
    if deep is None:
        return _looked_up(urls)
    data, offsets, hard = _last_two_labels(strings.data, strings.offsets, deep)
    easy = pa.Array.from_buffers(pa.string(), len(urls), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    if not hard.any():
        return easy
    mask = pa.array(hard)
    return pc.replace_with_mask(easy, mask, _looked_up(urls.filter(mask)))


def _looked_up(urls: pa.Array) -> pa.Array:
    """`registrable_domains` by the list itself, each host once."""
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


@cache
def _deep_names() -> Any:
    """Hashes of names for which two labels may not be the answer: a table for `_has`, uint64 (2**k,).

    Those are names of two labels for which, or beneath which, the list has a rule, and top labels with
    a wildcard. None if the list does not show its rules: then every host is looked up.
    """
    rules = getattr(_suffixes(), "_publicsuffix", None)
    if rules is None:
        return None
    names = set()
    for rule in rules:
        labels = rule.lstrip("!").split(".")
        if len(labels) > 1:
            names.add(labels[-1] if labels[-2] == "*" else ".".join(labels[-2:]))
    return _hash_table(Utf8.of_strings(sorted(names)).hash())


@njit(cache=True)
def _hash_table(hashes: Any) -> Any:
    """Open-addressing table of hashes, at most half full; 0 marks an empty slot."""
    size = 16
    while size < 2 * len(hashes):
        size *= 2
    table = np.zeros(size, np.uint64)
    mask = np.uint64(size - 1)
    for value in hashes:
        slot = value & mask
        while table[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = value
    return table


@njit(cache=True)
def _has(table: Any, value: Any) -> Any:
    """Whether a table of `_hash_table` may hold a hash; never no if it does."""
    mask = np.uint64(len(table) - 1)
    slot = value & mask
    while table[slot] != 0 and table[slot] != value:
        slot = (slot + np.uint64(1)) & mask
    return value == 0 or table[slot] == value


_IN_HOST, _AFTER_HOST = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
_IN_HOST[list(b"abcdefghijklmnopqrstuvwxyz0123456789-.")] = _AFTER_HOST[list(b"/?#\\")] = True


@njit(cache=True)
def _host_start(data: Any, i: Any, end: Any) -> Any:
    """Where the authority of a URL with a lower-case scheme begins; `end` if it has none."""
    begin = i
    while i < end and 97 <= data[i] <= 122:
        i += 1
    there = begin < i < end - 2 and data[i] == ord(":") and data[i + 1] == ord("/") and data[i + 2] == ord("/")
    return i + 3 if there else end


@njit(cache=True)
def _last_two_labels(data: Any, offsets: Any, deep: Any) -> Any:
    """The registrable domains of URLs whose host needs no decoding and no rule deeper than its top label.

    Args:
        data, offsets: the URLs, as in `Utf8`. deep: `_deep_names()`.
    Returns: the domains as bytes and int32 offsets (n + 1,), and which URLs are not like that: bool (n,).
    """
    n = len(offsets) - 1
    domains, used = np.empty(offsets[n] - offsets[0], np.uint8), 0
    ends = np.zeros(n + 1, np.int32)
    hard = np.ones(n, np.bool_)
    for row in range(n):
        end = offsets[row + 1]
        start = stop = name = top = _host_start(data, offsets[row], end)
        empty = False
        while stop < end and _IN_HOST[data[stop]]:
            if data[stop] == ord("."):
                empty |= stop == top
                name, top = top, stop + 1  # the last two labels
            stop += 1
        whole = not empty and start < top < stop <= start + 253 and (stop == end or _AFTER_HOST[data[stop]])
        if whole and 97 <= data[top] <= 122 and not (_has(deep, hash_bytes(data, name, stop)) or _has(deep, hash_bytes(data, top, stop))):
            hard[row] = False
            for i in range(name, stop):
                domains[used] = data[i]
                used += 1
        ends[row + 1] = used
    return domains[:used].copy(), ends, hard


def registrable_domain(authority: str) -> str | None:
    """Registrable domain of one `userinfo@host:port`, by the list; see `registrable_domains`."""
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
    if len(host) > 253:  # punycode is no shorter, and takes time quadratic in a label's length
        return None
    labels = [_punycode(label) for label in host.split(".")]
    host = ".".join(labels)
    if not all(labels) or len(host) > 253 or _NOT_IN_HOST.search(host):
        return None
    return host


def _punycode(label: str) -> str:
    # Not Python's "idna" codec: its IDNA 2003 writes ß as ss and refuses names that are in use.
    return label if label.isascii() else "xn--" + label.encode("punycode", "replace").decode("ascii")


def public_suffixes(names: Utf8) -> Any:
    """Which names are public suffixes, private ones (`github.io`) too: bool (n,).

    Args:
        names: hosts as `host_of` writes them.
    """
    rules = getattr(_suffixes(), "_publicsuffix", None)
    if rules is None:
        maybe = np.arange(len(names))
    else:
        exact, bases = _rule_hashes()
        maybe = np.flatnonzero(_like_rules(names.data, names.offsets, exact, bases))
    out = np.zeros(len(names), bool)
    for row in maybe:
        name = bytes(names.data[names.offsets[row] : names.offsets[row + 1]]).decode("utf-8", "replace")
        out[row] = _suffixes().is_public(name)
    return out


@cache
def _rule_hashes() -> tuple[Any, Any]:
    """Hashes of the names that are rules, and of those all whose children are: two tables for `_has`."""
    rules = [rule for rule in _suffixes()._publicsuffix if not rule.startswith("!")]
    bases = sorted(rule.removeprefix("*.") for rule in rules if rule.startswith("*."))
    exact = sorted(rule for rule in rules if not rule.startswith("*."))
    return _hash_table(Utf8.of_strings([*exact]).hash()), _hash_table(Utf8.of_strings([*bases]).hash())


@njit(cache=True)
def _like_rules(data: Any, offsets: Any, exact: Any, bases: Any) -> Any:
    """Which names may be public suffixes: rules, children of a wildcard's base, and single labels."""
    out = np.zeros(len(offsets) - 1, np.bool_)
    for row in range(len(out)):
        start, end = offsets[row], offsets[row + 1]
        dot = start
        while dot < end and data[dot] != ord("."):
            dot += 1
        if start < end and data[start] != ord("["):  # an IPv6 address has one label
            out[row] = dot == end or _has(exact, hash_bytes(data, start, end)) or _has(bases, hash_bytes(data, dot + 1, end))
    return out


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    registrable_domains(pa.array(["http://www.example.com/"]))
    public_suffixes(Utf8.of_strings(["example.com"]))
