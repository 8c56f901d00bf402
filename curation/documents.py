"""What every document has: the core columns and its id; and which ids were seen.

An id names the *record*, not the text: 128-bit xxh3 of (source kind, WARC-Record-ID | URL + date |
path inside the input's root + offset), written as 32 lower-case hex digits, the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from curation.text import Utf8, mix64

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


def _kernel(function: Kernel) -> Kernel:
    return cast(Kernel, numba.njit(cache=True, nogil=True)(function))


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
    strings = Utf8.of(ids)
    digits = _hex_digits(strings.data, strings.offsets)
    lower = (digits == _LOWER) | ids.is_null().to_numpy(zero_copy_only=False)
    if lower.all():
        return ids
    upper = digits == _UPPER
    if upper.any():
        ids = pc.if_else(pa.array(upper), pc.utf8_lower(ids), ids)
    foreign = ~(lower | upper)
    if not foreign.any():
        return ids
    return pc.if_else(pa.array(foreign), record_ids(kind, ids), ids)


_LOWER, _UPPER = 3, 1  # bits: a digit of either case, of lower case
_HEX = np.zeros(256, np.uint8)
_HEX[list(b"0123456789abcdef")], _HEX[list(b"ABCDEF")] = _LOWER, _UPPER


@_kernel
def _hex_digits(data: Any, offsets: Any) -> Any:
    """_LOWER where a string is 32 lower-case hex digits, _UPPER where it is so but for its case, else 0: uint8 (n,)."""
    found = np.zeros(len(offsets) - 1, np.uint8)
    for i in range(len(found)):
        if offsets[i + 1] - offsets[i] == ID_DIGITS:
            found[i] = _LOWER
            for j in range(offsets[i], offsets[i + 1]):
                found[i] &= _HEX[data[j]]
    return found


@_kernel
def _parse_hex(data: Any, offsets: Any) -> Any:
    """uint64 (n, 2) of n ids, and whether each is 32 hex digits."""
    n = len(offsets) - 1
    pairs = np.zeros((n, 2), np.uint64)
    for i in range(n):
        start = offsets[i]
        if offsets[i + 1] - start != ID_DIGITS:
            return pairs, False
        legal = np.uint8(_UPPER)
        for half in range(2):
            value = np.uint64(0)
            for j in range(start + half * 16, start + half * 16 + 16):
                c = data[j]
                legal &= _HEX[c]
                digit = c - 48 if c < 58 else (c & 0xDF) - 55
                value = (value << np.uint64(4)) | np.uint64(digit)
            pairs[i, half] = value
        if not legal:
            return pairs, False
    return pairs, True


@_kernel
def _write_hex(pairs: Any) -> Any:
    """Hex digits of ids, one after the other: uint8 (32 n,)."""
    digits = np.empty(len(pairs) * ID_DIGITS, np.uint8)
    for i in range(len(digits)):
        half, place = i // 16, i % 16
        digit = (pairs[half // 2, half % 2] >> np.uint64(60 - 4 * place)) & np.uint64(15)
        digits[i] = digit + (48 if digit < 10 else 87)
    return digits


def id_pairs(ids: pa.Array) -> Any:
    """Ids as numbers.

    Args:
        ids: string array (n,) of 32 hex digits, without nulls.
    Returns: uint64 (n, 2), the high and the low half; in the order of the strings.
    Raises: ValueError if a value is null or not 32 hex digits.
    """
    strings = Utf8.of(ids)
    pairs, legal = _parse_hex(strings.data, strings.offsets)
    if not legal:
        raise ValueError("an id is not a string of 32 hex digits")
    return pairs


def id_strings(pairs: Any) -> pa.Array:
    """Ids of `id_pairs` as they were: string array (n,) of 32 lower-case hex digits."""
    offsets = np.arange(0, (len(pairs) + 1) * ID_DIGITS, ID_DIGITS, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(pairs), [None, pa.py_buffer(offsets), pa.py_buffer(_write_hex(pairs))])


# Seen ids


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
        pairs = id_pairs(ids)
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
def _slot(high: Any, low: Any, slots: int) -> Any:
    """First slot to try: the top bits of a hash, so that a table of twice the size has ids in the same order."""
    return np.int64((mix64(high, low) >> np.uint64(32)) * np.uint64(slots) >> np.uint64(32))


@_kernel
def _insert(pairs: Any, table: Any, seen: Any) -> Any:
    """Put ids into the table, marking those already there. Returns: how many were all zeros (skipped)."""
    zeros = 0
    for i in range(len(pairs)):
        high, low = pairs[i, 0], pairs[i, 1]
        if high == 0 and low == 0:
            zeros += 1
            continue
        slot = _slot(high, low, len(table))
        while table[slot, 0] != 0 or table[slot, 1] != 0:
            if table[slot, 0] == high and table[slot, 1] == low:
                seen[i] = True
                break
            slot = (slot + 1) & (len(table) - 1)
        if not seen[i]:
            table[slot, 0], table[slot, 1] = high, low
    return zeros


@_kernel
def _move(table: Any, grown: Any) -> None:
    """Copy every id of a table into an empty, larger one."""
    for i in range(len(table)):
        high, low = table[i, 0], table[i, 1]
        if high == 0 and low == 0:
            continue
        slot = _slot(high, low, len(grown))
        while grown[slot, 0] != 0 or grown[slot, 1] != 0:
            slot = (slot + 1) & (len(grown) - 1)
        grown[slot, 0], grown[slot, 1] = high, low


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    _hex_or_hashed("warm-up", pa.array(["0"]))
    ids = record_ids("warm-up", ["0", "0"])
    IdSet().add(ids)
    id_strings(id_pairs(ids))
