"""What files of hosts, pages and words say, line by line.

Hosts: one or more a line; hosts-file lines (`0.0.0.0 host`), `*.` and `.` in front and comments after # are understood, `.gz` too.
A word of another form or a single label is *broken*; a public suffix (`co.uk`, `github.io`) is *refused*, since it would block
strangers. Both are counted, and `check` says so before a run. Names that hosts files give the machine
itself (`127.0.0.1 localhost`) are neither.
Pages (UT1's `urls`): host and path a line, scheme optional; a comment begins with # behind white space. URL words: a word a
line, and its weight if it has one.
"""

from __future__ import annotations

import contextlib
import gzip
import ipaddress
import json
import re
import zlib
from dataclasses import dataclass
from importlib import metadata
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from curation import assets
from curation.domains import host_of, public_suffixes
from curation.text import Utf8

ALWAYS = np.iinfo(np.int32).min
"""Day of an entry without a date."""
WEIGHT_UNIT = 1_000
READ_BY = f"3-{metadata.version('publicsuffixlist')}"
"""What entries depend on beside the file: raise the number when files are read in another way."""
EXAMPLES = 3
_IN_HOSTS_FILES = ("0.0.0.0", "127.0.0.1", "::1", "::", "fe80::1%lo0", "255.255.255.255", "ff02::1", "ff02::2")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})|([\x00-\x20\x7f-\xff])")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_IN_NAME = np.zeros(256, np.uint8)
_IN_NAME[list(b"abcdefghijklmnopqrstuvwxyz0123456789-_.")] = 1
_IN_NAME[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")] = 2
_PLAIN, _ODD, _LOCAL = range(3)


@dataclass(frozen=True)
class Entries:
    """Usable entries of a list, in order.

    names: normalised. values: int32, the day from which a host applies (days since 1970, or ALWAYS), or a word's weight in
    thousandths. broken, refused: words that are none; examples: the first broken ones, with their lines.
    """

    names: Utf8
    values: Any
    broken: int = 0
    refused: int = 0
    examples: tuple[str, ...] = ()


def contents(path: Path) -> bytes:
    """Bytes of a file, unpacked, without a byte order mark.

    Raises: ValueError if it is damaged.
    """
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as e:
            raise ValueError(f"block list {path} is damaged: {e}") from e
    return data.removeprefix(b"\xef\xbb\xbf")


def read_hosts(path: Path, dated: bool = False) -> Entries:
    """Hosts and domains of a file.

    Args:
        dated: a date (YYYY-MM-DD) in a line says from when on its hosts apply; else a date is broken.
    Raises: ValueError if the file is damaged.
    """
    return parse_hosts(contents(path), dated)


def parse_hosts(content: bytes, dated: bool) -> Entries:
    """`read_hosts` of a file's bytes."""
    data = np.frombuffer(content, np.uint8)
    local = Utf8.of_strings(list(_IN_HOSTS_FILES))
    starts, sizes, kinds, days, lines = _words_of_lines(data, local.data, local.offsets, dated, _IN_NAME)
    keep = kinds != _LOCAL
    starts, sizes, kinds, days, lines = (column[keep] for column in (starts, sizes, kinds, days, lines))
    odd = np.flatnonzero(kinds == _ODD)
    words = [bytes(data[a : a + n]).decode("utf-8", "replace") for a, n in zip(starts[odd], sizes[odd], strict=True)]
    hosts = [host_entry(word) for word in words]
    bad = np.array([host is None for host in hosts], bool)
    names = Utf8(*_lowered(data, starts, np.where(kinds == _PLAIN, sizes, 0))).to_arrow()
    if len(odd):
        names = pc.replace_with_mask(names, pa.array(kinds == _ODD), pa.array(hosts, pa.large_string()))
    good = np.ones(len(names), bool)
    good[odd[bad]] = False
    refused = good & public_suffixes(Utf8.of(names))
    examples = [f"line {lines[k]}: {words[n][:60]!r}" for n, k in enumerate(odd) if bad[n]][:EXAMPLES]
    good &= ~refused
    return Entries(Utf8.of(names.filter(pa.array(good))), days[good], int(bad.sum()), int(refused.sum()), tuple(examples))


@njit(cache=True)
def _words_of_lines(data: Any, local: Any, local_offsets: Any, dated: bool, in_name: Any) -> Any:
    """Words of a file of hosts before the comment of each line.

    Returns: start int64, bytes int32, kind uint8 (_PLAIN: a host in ASCII as it stands; _ODD: to be looked at; _LOCAL: no entry),
        day int32, line int64, each (words,).
    """
    most = len(data) // 2 + 1
    starts, sizes, kinds = np.empty(most, np.int64), np.empty(most, np.int32), np.empty(most, np.uint8)
    days, lines = np.empty(most, np.int32), np.empty(most, np.int64)
    m, line, i, n = 0, 0, 0, len(data)
    while i < n:
        line += 1
        first, day, redirected, comment = m, np.int32(ALWAYS), False, False
        while i < n and data[i] != 10 and data[i] != 13:
            if data[i] == 35:
                comment = True
            if comment or data[i] <= 32:
                i += 1
                continue
            begin = i
            while i < n and data[i] > 32 and data[i] != 35:
                i += 1
            known = _is_one_of(data, begin, i, local, local_offsets)
            if known and m == first and not redirected:
                redirected = True
                continue
            if dated:
                found = _day_of(data, begin, i)
                if found != ALWAYS:
                    day = found
                    continue
            word, stop = begin, i
            begin += data[begin] == 42
            while begin < i and data[begin] == 46:
                begin += 1
            while stop > begin and data[stop - 1] == 46:
                stop -= 1
            starts[m], sizes[m], lines[m] = begin, stop - begin, line
            dots, whole = 0, begin < stop <= begin + 253
            for k in range(begin, stop):
                whole = whole and in_name[data[k]] != 0 and not (data[k] == 46 and data[k - 1] == 46)
                dots += data[k] == 46
            whole = whole and dots > 0
            kinds[m] = _LOCAL if known or (redirected and dots == 0) else _PLAIN if whole else _ODD
            if not whole:
                starts[m], sizes[m] = word, i - word
            m += 1
        for k in range(first, m):
            days[k] = day
        if i < n:
            i += 2 if data[i] == 13 and i + 1 < n and data[i + 1] == 10 else 1
    return starts[:m], sizes[:m], kinds[:m], days[:m], lines[:m]


@njit(cache=True)
def _is_one_of(data: Any, start: Any, end: Any, names: Any, offsets: Any) -> bool:
    """Whether data[start:end] is one of some names."""
    for k in range(len(offsets) - 1):
        if offsets[k + 1] - offsets[k] == end - start:
            j = 0
            while start + j < end and data[start + j] == names[offsets[k] + j]:
                j += 1
            if start + j == end:
                return True
    return False


@njit(cache=True)
def _day_of(data: Any, start: Any, end: Any) -> Any:
    """Days from 1970-01-01 to the date YYYY-MM-DD in data[start:end]: int32, ALWAYS if it is none."""
    none = np.int32(ALWAYS)
    if end - start != 10 or data[start + 4] != 45 or data[start + 7] != 45:
        return none
    parts = np.zeros(3, np.int64)
    part = 0
    for i in range(start, end):
        if i == start + 4 or i == start + 7:
            part += 1
            continue
        if not 48 <= data[i] <= 57:
            return none
        parts[part] = parts[part] * 10 + data[i] - 48
    year, month, day = parts
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    length = 30 + (month + month // 8) % 2 if month != 2 else 28 + leap
    if not (1 <= month <= 12 and 1 <= day <= length):
        return none
    # Days of the civil calendar, with years that begin in March.
    y = year - 1 if month <= 2 else year
    in_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return np.int32(365 * y + y // 4 - y // 100 + y // 400 + in_year - 719_468)


@njit(cache=True)
def _lowered(data: Any, starts: Any, sizes: Any) -> Any:
    """ASCII names data[start : start + size] in lower case, as bytes and offsets."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    for k in range(len(starts)):
        offsets[k + 1] = offsets[k] + sizes[k]
    out = np.empty(offsets[-1], np.uint8)
    for k in range(len(starts)):
        for j in range(sizes[k]):
            b = data[starts[k] + j]
            out[offsets[k] + j] = b + 32 if 65 <= b <= 90 else b
    return out, offsets


def host_entry(word: str) -> str | None:
    """One word of a list as a normalised host of two labels or an address; None where it is none. Public suffixes are hosts here.

    An IPv6 address may stand without the brackets it has in URLs. An e-mail address is not the host of its provider.
    """
    if "@" in word:
        return None
    if ":" in word and "%" not in word:
        with contextlib.suppress(ValueError):
            return f"[{ipaddress.IPv6Address(word)}]"
    host = host_of(word.removeprefix("*").lstrip("."))
    if host is None or host in _IN_HOSTS_FILES:
        return None
    return host if "." in host or host.startswith("[") else None


def read_pages(path: Path) -> Entries:
    """Pages of a file: normalised host, escaped path and query; what lies beneath a page belongs to it.

    Raises: ValueError if the file is damaged.
    """
    names: list[str | None] = []
    broken, examples = 0, list[str]()
    for number, line in enumerate(contents(path).decode("utf-8", "replace").splitlines(), 1):
        page = " ".join(takewhile(lambda word: not word.startswith("#"), line.split()))
        if not page:
            continue
        authority, slash, rest = re.sub(r"^[A-Za-z][A-Za-z0-9+.\-]*://", "", page).partition("/")
        host = host_of(authority)
        if host is None or not slash or "." not in host:
            broken += 1
            examples += [f"line {number}: {page[:60]!r}"] if len(examples) < EXAMPLES else []
            continue
        names.append(f"{host}/{escaped(rest)}".rstrip("/") if rest.strip("/") else host)
    text = Utf8.of_strings(names)
    refused = public_suffixes(text)
    kept = Utf8.of(text.to_arrow().filter(pa.array(~refused)))
    return Entries(kept, np.full(len(kept), ALWAYS, np.int32), broken, int(refused.sum()), tuple(examples))


def escaped(path: str) -> str:
    """Path and query with what RFC 3986 (section 6.2.2) calls equal written in one way.

    Letters, digits and `-._~` stand as they are, other bytes that are escaped, are no printing ASCII or white space as `%` and two
    digits in upper case.
    """

    def one(found: re.Match[bytes]) -> bytes:
        byte = int(found[1], 16) if found[1] else found[2][0]
        return bytes([byte]) if byte in _UNRESERVED else b"%%%02X" % byte

    return _ESCAPE.sub(one, path.encode("utf-8", "replace")).decode("ascii")


def read_words(path: Path) -> Entries:
    """Words of a file in simple lower case, with their weights (1 where none is given).

    Raises: ValueError if the file is damaged.
    """
    names: list[str | None] = []
    weights, broken, examples = list[int](), 0, list[str]()
    for number, line in enumerate(contents(path).decode("utf-8", "replace").splitlines(), 1):
        word, *weight = line.partition("#")[0].split() or [""]
        if not word:
            continue
        value = _weight(weight)
        if value is None or not re.fullmatch(r"[A-Za-z0-9\x80-\U0010ffff]+", word):
            broken += 1
            examples += [f"line {number}: {line.strip()[:60]!r}"] if len(examples) < EXAMPLES else []
            continue
        names.append(word)
        weights.append(value)
    return Entries(Utf8.of_strings(names).lower(), np.array(weights, np.int32), broken, 0, tuple(examples))


def _weight(words: list[str]) -> int | None:
    """A weight in thousandths; None if it is none."""
    if not words:
        return WEIGHT_UNIT
    try:
        value = float(words[0])
    except ValueError:
        return None
    return round(value * WEIGHT_UNIT) if len(words) == 1 and 0 < value <= 1_000_000 else None


READERS = {"hosts": read_hosts, "dated": lambda path: read_hosts(path, dated=True), "pages": read_pages, "words": read_words}
"""What a list can hold, and who reads it."""


def unusable(path: Path, broken: int, refused: int, examples: list[str]) -> str:
    """What is wrong with a list without a usable entry."""
    parts = [f"{refused:,} refused as public suffixes, which would block strangers"] if refused else []
    parts += [f"{broken:,} broken: {'; '.join(examples)}"] if broken else []
    return f"block list {path} has no usable entry ({'; '.join(parts) or 'it is empty'})"


def check(kind: str, path: Path) -> str | None:
    """Look a list through before any work; what it says is kept in the cache by the file's content.

    Returns: a sentence about lines that are broken and entries that are refused, if there are any.
    Raises: ValueError if the file is damaged or has no usable entry.
    """
    known = assets.cache_folder() / "lists" / f"{kind}-{assets.identify_asset(path)}-{READ_BY}.json"
    try:
        facts = json.loads(known.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        entries = READERS[kind](path)
        facts = {
            "usable": len(entries.names), "broken": entries.broken, "refused": entries.refused, "examples": list(entries.examples),
        }  # fmt: skip
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
            known.parent.mkdir(parents=True, exist_ok=True)
            known.write_text(json.dumps(facts), encoding="utf-8")
    if not facts["usable"]:
        raise ValueError(unusable(path, facts["broken"], facts["refused"], facts["examples"]))
    parts = [f"{facts['broken']:,} broken ({'; '.join(facts['examples'])})"] if facts["broken"] else []
    parts += [f"{facts['refused']:,} refused as public suffixes"] if facts["refused"] else []
    return f"{path}: {facts['usable']:,} usable entries, {', '.join(parts)}" if parts else None
