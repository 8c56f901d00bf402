"""Text as UTF-8 bytes and spans of bytes, with the kernels every stage shares.

A batch's text is one buffer and one offset per document (`Utf8`); words, lines, paragraphs and
tokens are spans of that buffer (`Spans`), found by one linear scan each. Bytes that are not UTF-8
count as one unknown character each; no kernel reads outside a document.

*Word* (`Utf8.words`): a maximal run of letters, digits and combining marks of any script, together
with single joiners between two of them (apostrophe, hyphen, underscore, middle dot, Hebrew geresh,
soft hyphen, zero-width joiner) and `.` or `,` between two digits: `don't`, `my_var`, `3.14` are one
word. Scripts written without spaces have no such runs, so there each ideograph and each kana
is a word, and in Thai, Lao, Khmer, Myanmar and the Tai scripts each letter with its marks.
*Token* (`Utf8.tokens`): a maximal run without white space, which is what Python's `split()` parts at.
*Line* (`Utf8.lines`): what LF, CR LF, a lone CR (some old forums never send LF), U+2028 or U+2029
ends; no line after a final line end. `Utf8.lines("python")` are those of Python's `splitlines()`,
`Utf8.lines("lf")` end at LF alone. *Paragraph*: lines between blank lines.

Hashes of bytes are wyhash (final version 4) with seed 0, 64 bits; `hash128` is XXH3-128.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from curation import unicode_tables
from curation.unicode_tables import CJK, DIGIT, JOIN, LETTER, MARK, NUMJOIN, SEA, SPACE

_TABLES = unicode_tables.load()
UNICODE_VERSION = str(_TABLES["version"])
"""Unicode version of word boundaries and lower case, for the version string of stages that use them."""
CLASS_INDEX, CLASS_BLOCKS = _TABLES["class_index"], _TABLES["class_blocks"]
LOWER_INDEX, LOWER_BLOCKS = _TABLES["lower_index"], _TABLES["lower_blocks"]

# Indexes are int64 and hashes uint64 throughout: numba makes a float of a mix of the two.
_I: Any = np.int64
_U: Any = np.uint64
_S0, _S1 = _U(0x2D358DCCAA6C78A5), _U(0x8BB84B93962EACC9)
_S2, _S3 = _U(0x4B33A62ED433D4A3), _U(0x4D5A2DA51DE1AA47)
_NGRAM_BASE = _U(0x9E3779B97F4A7C15)
_UNKNOWN = 0xFFFD


def _product(of_halves: Any) -> Any:
    """Make an intrinsic of two uint64: a function of the halves of their 128-bit product."""

    def multiply(typing_context: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            wide, narrow = ir.IntType(128), ir.IntType(64)
            product = builder.mul(builder.zext(args[0], wide), builder.zext(args[1], wide))
            high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), narrow)
            return of_halves(builder, builder.trunc(product, narrow), high)

        return types.uint64(types.uint64, types.uint64), codegen

    return intrinsic(multiply)


_mix = _product(lambda builder, low, high: builder.xor(low, high))
_mul_high = _product(lambda builder, low, high: high)


def _loader(bits: int) -> Any:
    """Make an intrinsic that reads `bits` unaligned bits of a byte array at an index, unchecked."""

    def load(typing_context: Any, data: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            word = ir.IntType(bits)
            pointer = builder.bitcast(builder.gep(array.data, [args[1]]), word.as_pointer())
            value = builder.load(pointer)
            value.align = 1
            return value if bits == 64 else builder.zext(value, ir.IntType(64))

        return types.uint64(data, types.int64), codegen

    return intrinsic(load)


load64, _load32 = _loader(64), _loader(32)


BLOCK = 64
"""Bytes that a mask speaks of: bit k is that of byte k."""


def _mask(of_bytes: Any) -> Any:
    """Make an intrinsic that reads BLOCK bytes of a byte array at an index, unchecked, and says of which `of_bytes` holds."""

    def mask(typing_context: Any, data: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            vector = ir.VectorType(ir.IntType(8), BLOCK)
            bytes_ = builder.load(builder.bitcast(builder.gep(array.data, [args[1]]), vector.as_pointer()))
            bytes_.align = 1
            return builder.bitcast(of_bytes(builder, bytes_), ir.IntType(BLOCK))

        return types.uint64(data, types.int64), codegen

    return intrinsic(mask)


def _all(value: int) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(8), BLOCK), [value] * BLOCK)


def _in(builder: Any, bytes_: Any, low: int, high: int) -> Any:
    return builder.icmp_unsigned("<=", builder.sub(bytes_, _all(low)), _all(high - low))


def _any(builder: Any, bytes_: Any, values: Iterable[int]) -> Any:
    return reduce(builder.or_, [builder.icmp_unsigned("==", bytes_, _all(v)) for v in values])


def _cased_pairs() -> Any:
    """First two bytes of characters beyond ASCII that lower case changes: bool (65536,)."""
    changed = np.flatnonzero(LOWER_BLOCKS.reshape(-1, 256)[LOWER_INDEX])
    encoded = [chr(code).encode() for code in changed[changed >= 0x80].tolist()]
    pairs = np.zeros(1 << 16, np.bool_)
    pairs[[(e[0] << 8) | e[1] for e in encoded]] = True
    return pairs


_CASED_PAIRS = _cased_pairs()
_CASED_LEADS = np.flatnonzero(_CASED_PAIRS.reshape(256, 256).any(axis=1)).tolist()
_not_ascii = _mask(lambda builder, bytes_: _in(builder, bytes_, 0x80, 0xFF))
_ascii_letters = _mask(lambda builder, bytes_: _in(builder, builder.or_(bytes_, _all(32)), ord("a"), ord("z")))
_ascii_digits = _mask(lambda builder, bytes_: _in(builder, bytes_, ord("0"), ord("9")))
_ascii_joins = _mask(lambda builder, bytes_: _any(builder, bytes_, b"'-_"))
_ascii_numjoins = _mask(lambda builder, bytes_: _any(builder, bytes_, b".,"))
_ascii_capitals = _mask(lambda builder, bytes_: _in(builder, bytes_, ord("A"), ord("Z")))
_cased_leads = _mask(lambda builder, bytes_: _any(builder, bytes_, _CASED_LEADS))


def _store(typing_context: Any, data: Any, index: Any, word: Any) -> Any:
    """Write a word to a byte array at an index, unaligned and unchecked."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = builder.bitcast(builder.gep(array.data, [args[1]]), ir.IntType(64).as_pointer())
        builder.store(args[2], pointer).align = 1
        return context.get_dummy_value()

    return types.void(data, types.int64, types.uint64), codegen


store64: Any = intrinsic(_store)


def _bits(of_word: Any) -> Any:
    """Make an intrinsic of one uint64."""

    def count(typing_context: Any, word: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return of_word(builder, args[0])

        return types.int64(types.uint64), codegen

    return intrinsic(count)


zeros_below = _bits(lambda builder, word: builder.cttz(word, ir.Constant(ir.IntType(1), 0)))
ones = _bits(lambda builder, word: builder.ctpop(word))

# Eight bytes at a time: a word of them, and results in the top bit of each byte.
TOPS, _LOWS = _U(0x8080808080808080), _U(0x7F7F7F7F7F7F7F7F)


@njit(cache=True)
def _each(value: Any) -> Any:
    """A byte eight times."""
    return _U(value) * _U(0x0101010101010101)


@njit(cache=True)
def between(word: Any, low: Any, high: Any) -> Any:
    """Top bits of the bytes from `low` to `high`, both below 128."""
    ascii_ = word & _LOWS
    return (ascii_ + _each(128 - low)) & ~(ascii_ + _each(127 - high)) & ~word & TOPS


@njit(cache=True)
def equal(word: Any, value: Any) -> Any:
    """Top bits of the bytes that are `value`."""
    rest = word ^ _each(value)
    return ~(((rest & _LOWS) + _LOWS) | rest) & TOPS


@njit(cache=True)
def _lower8(word: Any) -> Any:
    """Eight bytes with A to Z in lower case."""
    return word | (between(word, 65, 90) >> _U(2))


@njit(cache=True)
def _short(data: Any, start: Any, end: Any) -> Any:
    """The two words into which wyhash packs at most 16 bytes; no byte is left out."""
    n = end - start
    if n >= 4:
        half = (n >> 3) << 2
        a = (_load32(data, start) << _U(32)) | _load32(data, start + half)
        return a, (_load32(data, end - 4) << _U(32)) | _load32(data, end - 4 - half)
    if n > 0:
        return (_U(data[start]) << _U(16)) | (_U(data[start + (n >> 1)]) << _U(8)) | _U(data[end - 1]), _U(0)
    return _U(0), _U(0)


@njit(cache=True)
def _finish(a: Any, b: Any, seed: Any, n: Any) -> Any:
    """The end of wyhash: its last 16 bytes, the state before them, the length."""
    a ^= _S1
    b ^= seed
    low, high = a * b, _mul_high(a, b)
    return _mix(low ^ _S0 ^ _U(n), high ^ _S1)


@njit(cache=True)
def hash_bytes(data: Any, start: Any, end: Any) -> Any:
    """Hash data[start:end] with wyhash (final version 4), seed 0. Returns uint64."""
    n = end - start
    seed = _mix(_S0, _S1)
    if n <= 16:
        a, b = _short(data, start, end)
        return _finish(a, b, seed, n)
    i, p = n, start
    if i >= 48:
        see1, see2 = seed, seed
        while i >= 48:
            seed = _mix(load64(data, p) ^ _S1, load64(data, p + 8) ^ seed)
            see1 = _mix(load64(data, p + 16) ^ _S2, load64(data, p + 24) ^ see1)
            see2 = _mix(load64(data, p + 32) ^ _S3, load64(data, p + 40) ^ see2)
            p += 48
            i -= 48
        seed ^= see1 ^ see2
    while i > 16:
        seed = _mix(load64(data, p) ^ _S1, load64(data, p + 8) ^ seed)
        p += 16
        i -= 16
    return _finish(load64(data, end - 16), load64(data, end - 8), seed, n)


@njit(cache=True)
def mix64(a: Any, b: Any) -> Any:
    """Hash two uint64 into one, order matters."""
    return _mix(a ^ _S1, _mix(b ^ _S2, _S0))


@njit(cache=True)
def decode(data: Any, i: Any, end: Any) -> Any:
    """Read one character at i < end. Returns (code point, bytes); a byte that is not UTF-8 is (U+FFFD, 1)."""
    b0 = _I(data[i])
    if b0 < 0x80:
        return b0, _I(1)
    if b0 < 0xC2:
        return _I(_UNKNOWN), _I(1)
    if b0 < 0xE0:
        if i + 1 < end:
            b1 = _I(data[i + 1])
            if (b1 & 0xC0) == 0x80:
                return ((b0 & 0x1F) << 6) | (b1 & 0x3F), _I(2)
    elif b0 < 0xF0:
        if i + 2 < end:
            b1, b2 = _I(data[i + 1]), _I(data[i + 2])
            code = ((b0 & 0x0F) << 12) | ((b1 & 0x3F) << 6) | (b2 & 0x3F)
            surrogate = 0xD800 <= code < 0xE000
            if (b1 & 0xC0) == 0x80 and (b2 & 0xC0) == 0x80 and code >= 0x800 and not surrogate:
                return code, _I(3)
    elif b0 < 0xF5 and i + 3 < end:
        b1, b2, b3 = _I(data[i + 1]), _I(data[i + 2]), _I(data[i + 3])
        code = ((b0 & 0x07) << 18) | ((b1 & 0x3F) << 12) | ((b2 & 0x3F) << 6) | (b3 & 0x3F)
        continued = (b1 & 0xC0) == 0x80 and (b2 & 0xC0) == 0x80 and (b3 & 0xC0) == 0x80
        if continued and 0x10000 <= code < 0x110000:
            return code, _I(4)
    return _I(_UNKNOWN), _I(1)


@njit(cache=True)
def char_class(code: Any, index: Any, blocks: Any) -> Any:
    """Class of a code point (`unicode_tables`), from CLASS_INDEX and CLASS_BLOCKS."""
    return _I(blocks[(_I(index[code >> 8]) << 8) | (code & 255)])


@njit(cache=True)
def _room(array: Any, used: int, more: int) -> Any:
    """The array itself if it has room for `more` values after `used`, else a longer copy."""
    if used + more <= len(array):
        return array
    bigger = np.empty(max(len(array) * 2, used + more), array.dtype)
    bigger[:used] = array[:used]
    return bigger


@njit(cache=True)
def words_of(data: Any, i: Any, end: Any, starts: Any, ends: Any, m: Any, index: Any, blocks: Any) -> Any:
    """Write the words of data[i:end] to starts[m:], ends[m:]. Returns: the new m."""
    begin = _I(-1)  # start of the word we are in
    stop = _I(-1)  # end of its last word character
    before = _I(0)  # class of its last word character
    joiner = _I(0)  # class of the one joiner since then, 0 if there is none
    while i < end:
        # Behind a character that is a word, a joiner may stand, and a mark behind that.
        if joiner == 0 and i + BLOCK <= len(data) and (begin < 0 or before < CJK or load64(data, i) & TOPS == 0):
            if begin >= 0 and before >= CJK:
                starts[m], ends[m] = begin, stop
                m += 1
                begin = _I(-1)
            i, m, begin, before = _plain_words(data, i, end, starts, ends, m, begin, before, index, blocks)
            stop = i
            if i >= end:
                break
        code, width = decode(data, i, end)
        kind = char_class(code, index, blocks)
        if kind >= DIGIT:
            if begin >= 0 and kind != MARK:
                alone = kind >= CJK or before >= CJK
                if alone or (joiner == NUMJOIN and (before != DIGIT or kind != DIGIT)):
                    starts[m], ends[m] = begin, stop
                    m += 1
                    begin = _I(-1)
            if begin < 0 or kind != MARK:
                before = kind
            if begin < 0:
                begin = i
            i += width
            stop = i
            joiner = _I(0)
            continue
        if begin >= 0:
            if joiner == 0 and (kind == JOIN or (kind == NUMJOIN and before == DIGIT)):
                joiner = kind
            else:
                starts[m], ends[m] = begin, stop
                m += 1
                begin = _I(-1)
                joiner = _I(0)
        i += width
    if begin >= 0:
        starts[m], ends[m] = begin, stop
        m += 1
    return m


@njit(cache=True)
def _plain_words(
    data: Any, i: Any, end: Any, starts: Any, ends: Any, m: Any, begin: Any, before: Any, index: Any, blocks: Any
) -> Any:  # fmt: skip
    """The words of `words_of`, BLOCK bytes at a time, up to a character that needs a look by itself.

    Such are those that are a word each, joiners beyond ASCII, a mark on a digit or joiner, and a joiner before any of these.
    Returns: i, m, begin, before.
    """
    one = _U(1)
    opened = m  # words begun
    if begin >= 0:
        starts[opened] = begin
        opened += 1
    while i < end and i + BLOCK <= len(data):
        n = min(_I(BLOCK), end - i)
        inside, on_digit = _U(opened > m), _U(opened > m and before == DIGIT)
        digits = _ascii_digits(data, i)
        word = digits | _ascii_letters(data, i)
        joins, numjoins = _ascii_joins(data, i), _ascii_numjoins(data, i)
        others = _not_ascii(data, i)
        while others != 0:
            at = zeros_below(others)
            if at >= n:
                break
            code, width = decode(data, i + at, end)
            kind = char_class(code, index, blocks)
            bits = ((one << _U(width)) - one) << _U(at)
            if at + width > n or kind >= CJK or kind in (JOIN, NUMJOIN):
                n = at
                break
            if kind == MARK and (((digits | joins | numjoins) << one) | on_digit) >> _U(at) & one != 0:
                n = at
                break
            if kind == DIGIT:
                digits |= bits
            if kind >= DIGIT:
                word |= bits
            others &= ~bits
        if n > 0 and ((joins | numjoins) >> _U(n - 1)) & one != 0:
            n -= 1
        if n == 0:
            break
        here = ~_U(0) >> _U(BLOCK - n)
        digits, word = digits & here, word & here
        joined = joins & ((word << one) | inside) & (word >> one)
        joined |= numjoins & ((digits << one) | on_digit) & (digits >> one)
        word |= joined
        after = (word << one) | inside
        first, last = word & ~after, ~word & after & here
        while first != 0:
            starts[opened] = i + zeros_below(first)
            opened += 1
            first &= first - one
        while last != 0:
            ends[m] = i + zeros_below(last)
            m += 1
            last &= last - one
        before = _I(DIGIT if (digits >> _U(n - 1)) & one != 0 else LETTER)
        i += n
    return i, m, starts[m] if opened > m else _I(-1), before


@njit(cache=True)
def _words(data: Any, offsets: Any, index: Any, blocks: Any) -> Any:
    n = len(offsets) - 1
    size = (offsets[n] - offsets[0]) // 5 + 16
    starts, ends = np.empty(size, np.int64), np.empty(size, np.int64)
    counts = np.zeros(n + 1, np.int64)
    m = _I(0)
    for row in range(n):
        i, end = offsets[row], offsets[row + 1]
        # Two words have a byte between them, or are of three bytes each.
        most = (end - i) // 2 + 1
        starts, ends = _room(starts, m, most), _room(ends, m, most)
        m = _I(words_of(data, i, end, starts, ends, m, index, blocks))
        counts[row + 1] = m
    return starts[:m], ends[:m], counts


@njit(cache=True)
def space_width(data: Any, i: Any, end: Any) -> Any:
    """Bytes of the white-space character at i, 0 if there is none."""
    b0 = data[i]
    if b0 <= 32:
        return 1 if b0 == 32 or 9 <= b0 <= 13 or b0 >= 28 else 0
    if b0 == 0xC2 and i + 1 < end:
        return 2 if data[i + 1] == 0x85 or data[i + 1] == 0xA0 else 0
    if 0xE1 <= b0 <= 0xE3 and i + 2 < end:
        b1, b2 = data[i + 1], data[i + 2]
        if b0 == 0xE1:
            return 3 if b1 == 0x9A and b2 == 0x80 else 0
        if b0 == 0xE3:
            return 3 if b1 == 0x80 and b2 == 0x80 else 0
        if b1 == 0x80:
            return 3 if 0x80 <= b2 <= 0x8A or b2 == 0xA8 or b2 == 0xA9 or b2 == 0xAF else 0
        return 3 if b1 == 0x81 and b2 == 0x9F else 0
    return 0


@njit(cache=True)
def _tokens_of(data: Any, i: Any, end: Any, starts: Any, ends: Any, m: Any) -> Any:
    """Write the tokens of data[i:end] to starts[m:], ends[m:]. Returns: the new m."""
    while True:
        while i < end:
            width = _I(space_width(data, i, end))
            if width == 0:
                break
            i += width
        if i >= end:
            return m
        begin = i
        while i < end:
            b0 = data[i]
            if (b0 <= 32 or 0xC2 <= b0 <= 0xE3) and space_width(data, i, end) > 0:
                break
            i += 1
        starts[m], ends[m] = begin, i
        m += 1


@njit(cache=True)
def _tokens(data: Any, offsets: Any) -> Any:
    n = len(offsets) - 1
    size = (offsets[n] - offsets[0]) // 5 + 16
    starts, ends = np.empty(size, np.int64), np.empty(size, np.int64)
    counts = np.zeros(n + 1, np.int64)
    m = _I(0)
    for row in range(n):
        i, end = offsets[row], offsets[row + 1]
        most = (end - i) // 2 + 1
        starts, ends = _room(starts, m, most), _room(ends, m, most)
        m = _I(_tokens_of(data, i, end, starts, ends, m))
        counts[row + 1] = m
    return starts[:m], ends[:m], counts


BREAKS = {"text": 0, "python": 1, "lf": 2}
"""What ends a line, as kernels number it."""


@njit(cache=True)
def _break_width(data: Any, i: Any, end: Any, breaks: Any) -> Any:
    """Bytes of the line end at i, 0 if there is none."""
    b0 = data[i]
    if b0 == 10:
        return _I(1)
    if breaks == 2:
        return _I(0)
    if b0 == 13:
        return _I(2) if i + 1 < end and data[i + 1] == 10 else _I(1)
    if b0 == 0xE2:
        return _I(3) if i + 2 < end and data[i + 1] == 0x80 and (data[i + 2] | 1) == 0xA9 else _I(0)
    if breaks == 1:
        if b0 == 0xC2:
            return _I(2) if i + 1 < end and data[i + 1] == 0x85 else _I(0)
        return _I(1) if b0 == 11 or b0 == 12 or 28 <= b0 <= 30 else _I(0)
    return _I(0)


@njit(cache=True)
def _lines_of(data: Any, i: Any, end: Any, breaks: Any, starts: Any, ends: Any, m: Any) -> Any:
    """Write the lines of data[i:end] to starts[m:], ends[m:]. Returns: the new m."""
    begin = i
    while i < end:
        if i + 8 <= end:
            word = load64(data, i)
            marks = between(word, 0, 31) | equal(word, 0xC2) | equal(word, 0xE2)
            if marks == 0:
                i += 8
                continue
            i += zeros_below(marks) >> 3
        width = _break_width(data, i, end, breaks)
        if width == 0:
            i += 1
            continue
        starts[m], ends[m] = begin, i
        m += 1
        i += width
        begin = i
    if begin < end:
        starts[m], ends[m] = begin, end
        m += 1
    return m


@njit(cache=True)
def _lines(data: Any, offsets: Any, breaks: Any) -> Any:
    n = len(offsets) - 1
    size = (offsets[n] - offsets[0]) // 40 + n + 16
    starts, ends = np.empty(size, np.int64), np.empty(size, np.int64)
    counts = np.zeros(n + 1, np.int64)
    m = _I(0)
    for row in range(n):
        i, end = offsets[row], offsets[row + 1]
        most = end - i + 1
        starts, ends = _room(starts, m, most), _room(ends, m, most)
        m = _I(_lines_of(data, i, end, breaks, starts, ends, m))
        counts[row + 1] = m
    return starts[:m], ends[:m], counts


@njit(cache=True)
def trim(data: Any, i: Any, end: Any) -> Any:
    """(start, end) of data[i:end] without white space at its ends."""
    while i < end:
        width = _I(space_width(data, i, end))
        if width == 0:
            break
        i += width
    # Backwards: a white-space character of w bytes ends at `end` if one of w bytes starts at end - w.
    while end > i and not 32 < data[end - 1] < 0x80:
        width = _I(0)
        for w in range(1, 4):
            if end - w >= i and space_width(data, end - w, end) == w:
                width = _I(w)
                break
        if width == 0:
            break
        end -= width
    return i, end


@njit(cache=True)
def _trim(data: Any, starts: Any, ends: Any) -> Any:
    new_starts, new_ends = np.empty_like(starts), np.empty_like(ends)
    for k in range(len(starts)):
        new_starts[k], new_ends[k] = trim(data, starts[k], ends[k])
    return new_starts, new_ends


@njit(cache=True)
def _paragraphs(starts: Any, ends: Any, blank: Any, offsets: Any) -> Any:
    n = len(offsets) - 1
    new_starts, new_ends = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    counts = np.zeros(n + 1, np.int64)
    m = 0
    for row in range(n):
        open_ = False
        for k in range(offsets[row], offsets[row + 1]):
            if blank[k]:
                open_ = False
                continue
            if not open_:
                new_starts[m] = starts[k]
                m += 1
                open_ = True
            new_ends[m - 1] = ends[k]
        counts[row + 1] = m
    return new_starts[:m].copy(), new_ends[:m].copy(), counts


@njit(cache=True)
def _span_chars(data: Any, starts: Any, ends: Any) -> Any:
    """Characters of each span: bytes that do not continue a character."""
    out = np.empty(len(starts), np.int64)
    for k in range(len(starts)):
        i, end = starts[k], ends[k]
        chars = end - i
        while i < end:
            if i + 8 <= len(data):
                word = load64(data, i)
                if end - i < 8:
                    word &= (_U(1) << _U(8 * (end - i))) - _U(1)
                chars -= ones(word & ~(word << _U(1)) & TOPS)
                i += 8
            else:
                chars -= (data[i] & 0xC0) == 0x80
                i += 1
        out[k] = chars
    return out


@njit(cache=True)
def _hash_spans(data: Any, starts: Any, ends: Any) -> Any:
    out = np.empty(len(starts), np.uint64)
    for k in range(len(starts)):
        out[k] = hash_bytes(data, starts[k], ends[k])
    return out


@njit(cache=True)
def lower_into(data: Any, start: Any, end: Any, out: Any, at: Any, index: Any, blocks: Any) -> Any:
    """Write data[start:end] in simple lower case to out[at:]; bytes that are not UTF-8 as they are.

    A character grows by at most one byte for two: `out` needs 3/2 of the input and 4 more.
    Returns: where it stopped in `out`.
    """
    i = start
    while i < end:
        b0 = data[i]
        if b0 < 0x80:
            out[at] = b0 + 32 if 65 <= b0 <= 90 else b0
            at += 1
            i += 1
            continue
        code, width = decode(data, i, end)
        delta = _I(blocks[(_I(index[code >> 8]) << 8) | (code & 255)])
        if delta == 0 or width == 1:
            for j in range(width):
                out[at + j] = data[i + j]
            at += width
        else:
            at = _encode(code + delta, out, at)
        i += width
    return at


@njit(cache=True)
def _encode(code: Any, out: Any, at: Any) -> Any:
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | (code >> 6)
        out[at + 1] = 0x80 | (code & 0x3F)
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | (code >> 12)
        out[at + 1] = 0x80 | ((code >> 6) & 0x3F)
        out[at + 2] = 0x80 | (code & 0x3F)
        return at + 3
    out[at] = 0xF0 | (code >> 18)
    out[at + 1] = 0x80 | ((code >> 12) & 0x3F)
    out[at + 2] = 0x80 | ((code >> 6) & 0x3F)
    out[at + 3] = 0x80 | (code & 0x3F)
    return at + 4


@njit(cache=True)
def _cased_marks(data: Any, begin: Any, end: Any, pairs: Any) -> Any:
    """Where characters begin that lower case may change: bit k of out[j] is that of data[begin + BLOCK * j + k].

    Args:
        pairs: bool (65536,), which first two bytes such a character has; one of two bytes is known by them.
    """
    out = np.zeros((end - begin) // BLOCK + 2, np.uint64)
    one = _U(1)
    for j in range(len(out)):
        i = begin + BLOCK * j
        if i + BLOCK <= len(data):
            marks, leads = _ascii_capitals(data, i), _cased_leads(data, i)
        else:
            marks = leads = _U(0)
            for k in range(max(0, end - i)):
                marks |= _U(65 <= data[i + k] <= 90) << _U(k)
                leads |= _U(data[i + k] >= 0x80) << _U(k)
        while leads != 0:
            at = i + zeros_below(leads)
            if at + 1 < len(data) and pairs[(_I(data[at]) << 8) | data[at + 1]]:
                marks |= leads & (~leads + one)
            leads &= leads - one
        out[j] = marks
    return out


@njit(cache=True)
def _any_mark(marks: Any, at: Any, n: Any) -> Any:
    """Whether one of n >= 1 bits from bit `at` on is set."""
    while True:
        low = _U(at & (BLOCK - 1))
        bits = marks[at >> 6] >> low
        if low != 0:
            bits |= marks[(at >> 6) + 1] << (_U(BLOCK) - low)
        if n <= BLOCK:
            return bits << _U(BLOCK - n) != 0
        if bits != 0:
            return True
        at += BLOCK
        n -= BLOCK


@njit(cache=True)
def _hash_lower_spans(data: Any, starts: Any, ends: Any, index: Any, blocks: Any, pairs: Any) -> Any:
    out = np.empty(len(starts), np.uint64)
    if len(starts) == 0:
        return out
    scratch = np.empty(256, np.uint8)
    seed = _mix(_S0, _S1)
    begin = starts.min()
    marks = _cased_marks(data, begin, ends.max(), pairs)
    for k in range(len(starts)):
        n = ends[k] - starts[k]
        if n == 0 or not _any_mark(marks, starts[k] - begin, n):
            out[k] = hash_bytes(data, starts[k], ends[k])
            continue
        if n <= 16:
            # In ASCII, bytes go to lower case where they are, also when packed.
            a, b = _short(data, starts[k], ends[k])
            if (a | b) & TOPS == 0:
                out[k] = _finish(_lower8(a), _lower8(b), seed, n)
                continue
        need = n * 3 // 2 + 8
        if need > len(scratch):
            scratch = np.empty(need * 2, np.uint8)
        stop = lower_into(data, starts[k], ends[k], scratch, _I(0), index, blocks)
        out[k] = hash_bytes(scratch, _I(0), _I(stop))
    return out


@njit(cache=True)
def _lower(data: Any, offsets: Any, fold: bool, index: Any, blocks: Any) -> Any:
    """Lower case; with `fold`, runs of white space become one space and those at the ends go."""
    n = len(offsets) - 1
    out = np.empty((offsets[n] - offsets[0]) * 3 // 2 + 8, np.uint8)
    new_offsets = np.zeros(n + 1, np.int64)
    at = _I(0)
    for row in range(n):
        i, end = offsets[row], offsets[row + 1]
        first = at
        if not fold:
            at = _I(lower_into(data, i, end, out, at, index, blocks))
        else:
            while i < end:
                width = _I(space_width(data, i, end))
                if width > 0:
                    i += width
                    continue
                stop = i
                while stop < end:
                    b0 = data[stop]
                    if (b0 <= 32 or 0xC2 <= b0 <= 0xE3) and space_width(data, stop, end) > 0:
                        break
                    stop += 1
                if at > first:
                    out[at] = 32
                    at += 1
                at = _I(lower_into(data, i, stop, out, at, index, blocks))
                i = stop
        new_offsets[row + 1] = at
    return out[:at].copy(), new_offsets


@njit(cache=True)
def _ngram_hashes(hashes: Any, offsets: Any, n: int) -> Any:
    """Rolling polynomial hash of every n consecutive hashes: linear, whatever n is."""
    rows = len(offsets) - 1
    new_offsets = np.zeros(rows + 1, np.int64)
    for row in range(rows):
        new_offsets[row + 1] = new_offsets[row] + max(0, offsets[row + 1] - offsets[row] - n + 1)
    out = np.empty(new_offsets[rows], np.uint64)
    leading = _U(1)  # base ** (n - 1)
    for _ in range(n - 1):
        leading *= _NGRAM_BASE
    for row in range(rows):
        first, count = offsets[row], new_offsets[row + 1] - new_offsets[row]
        if count == 0:
            continue
        rolling = _U(0)
        for k in range(first, first + n):
            rolling = rolling * _NGRAM_BASE + hashes[k]
        at = new_offsets[row]
        out[at] = _mix(rolling ^ _S1, _S0)
        for k in range(first + 1, first + count):
            rolling = (rolling - hashes[k - 1] * leading) * _NGRAM_BASE + hashes[k + n - 1]
            at += 1
            out[at] = _mix(rolling ^ _S1, _S0)
    return out, new_offsets


@njit(cache=True)
def _kept_spans(starts: Any, ends: Any, offsets: Any, rows: Any, old: Any, new: Any) -> Any:
    """Spans of some documents, moved to where those stand now: starts, ends, offsets, and which spans they are."""
    counts = np.zeros(len(rows) + 1, np.int64)
    for j in range(len(rows)):
        counts[j + 1] = counts[j] + offsets[rows[j] + 1] - offsets[rows[j]]
    m = counts[len(rows)]
    new_starts, new_ends, index = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m, np.int64)
    at = 0
    for j in range(len(rows)):
        moved = new[j] - old[rows[j]]
        for k in range(offsets[rows[j]], offsets[rows[j] + 1]):
            new_starts[at], new_ends[at], index[at] = starts[k] + moved, ends[k] + moved, k
            at += 1
    return new_starts, new_ends, counts, index


@njit(cache=True)
def _is_joint(data: Any, i: Any, end: Any) -> Any:
    """Bytes of the hyphen or apostrophe at i, 0 if there is none."""
    if data[i] == 0x2D or data[i] == 0x27:
        return 1
    if data[i] == 0xE2 and i + 2 < end and data[i + 1] == 0x80:
        return 3 if data[i + 2] == 0x90 or data[i + 2] == 0x91 or data[i + 2] == 0x99 else 0
    return 0


@njit(cache=True)
def _parts(data: Any, starts: Any, ends: Any, offsets: Any) -> Any:
    """Parts of the words that hyphens or apostrophes join, as spans; offsets by document."""
    n = len(offsets) - 1
    joints = 0
    for i in range(starts[0] if len(starts) else 0, ends[-1] if len(starts) else 0):
        joints += data[i] == 0x2D or data[i] == 0x27 or data[i] == 0xE2
    new_starts, new_ends, counts = np.empty(2 * joints, np.int64), np.empty(2 * joints, np.int64), np.zeros(n + 1, np.int64)
    m = 0
    for row in range(n):
        k, last = offsets[row], offsets[row + 1]
        i = starts[k] if k < last else 0
        end = ends[last - 1] if k < last else 0
        while i < end:
            # Most bytes are none of these: no word is looked at before one is.
            if data[i] != 0x2D and data[i] != 0x27 and data[i] != 0xE2:
                i += 1
                continue
            while ends[k] <= i:
                k += 1
            if starts[k] > i or _is_joint(data, i, ends[k]) == 0:
                i += 1
                continue
            begin = starts[k]
            while i < ends[k]:
                width = _is_joint(data, i, ends[k])
                if width > 0:
                    new_starts[m], new_ends[m] = begin, i
                    m += 1
                    begin = i + width
                i += max(1, width)
            new_starts[m], new_ends[m] = begin, ends[k]
            m += 1
        counts[row + 1] = m
    return new_starts[:m].copy(), new_ends[:m].copy(), counts


@dataclass(frozen=True)
class Spans:
    """Parts of a batch's text, document by document.

    text: the text they are parts of. starts, ends: int64 (m,), byte offsets into text.data.
    offsets: int64 (n + 1,), the spans of document i are offsets[i] to offsets[i + 1].
    """

    text: Utf8
    starts: Any
    ends: Any
    offsets: Any
    _seen: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        """Spans of all documents together."""
        return len(self.starts)

    def counts(self) -> Any:
        """Spans of each document: int64 (n,)."""
        return np.diff(self.offsets)

    def sums(self, values: Any) -> Any:
        """Sum of each document's values, one value a span: int64 (n,)."""
        return np.diff(np.concatenate(([0], np.cumsum(values, dtype=np.int64)))[self.offsets])

    def documents(self) -> Any:
        """Document of each span: int64 (m,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.counts())

    def bytes(self) -> Any:
        """Bytes of each span: int64 (m,)."""
        return self.ends - self.starts

    def chars(self) -> Any:
        """Characters of each span: int64 (m,)."""
        if "chars" not in self._seen:
            self._seen["chars"] = _span_chars(self.text.data, self.starts, self.ends)
        return self._seen["chars"]

    def hashes(self, lower: bool = False) -> Any:
        """Hash of each span: uint64 (m,).

        Args:
            lower: hash the simple lower case instead of the bytes as they stand.
        """
        key = ("hashes", lower)
        if key not in self._seen:
            if lower:
                values = _hash_lower_spans(self.text.data, self.starts, self.ends, LOWER_INDEX, LOWER_BLOCKS, _CASED_PAIRS)
            else:
                values = _hash_spans(self.text.data, self.starts, self.ends)
            self._seen[key] = values
        return self._seen[key]

    def ngram_hashes(self, n: int, lower: bool = False) -> tuple[Any, Any]:
        """Hash of every n consecutive spans of one document, in order.

        Args:
            n: spans in an n-gram, at least 1; a document of fewer spans has none.
            lower: as for `hashes`.
        Returns: hashes uint64 (k,) and offsets int64 (documents + 1,).
        Raises: ValueError if n < 1.
        """
        if n < 1:
            raise ValueError(f"an n-gram has at least one word, not {n}")
        hashes, offsets = _ngram_hashes(self.hashes(lower), self.offsets, n)
        return hashes, offsets

    def trimmed(self) -> Spans:
        """The same spans without white space at their ends (a blank one becomes empty)."""
        if "trimmed" not in self._seen:
            starts, ends = _trim(self.text.data, self.starts, self.ends)
            self._seen["trimmed"] = type(self)(self.text, starts, ends, self.offsets)
        trimmed: Spans = self._seen["trimmed"]
        return trimmed

    def where(self, mask: Any) -> Spans:
        """Those spans where bool (m,) holds."""
        before = np.concatenate(([0], np.cumsum(mask, dtype=np.int64)))
        return type(self)(self.text, self.starts[mask], self.ends[mask], before[self.offsets])

    def of_rows(self, rows: Any, text: Utf8) -> Spans:
        """The spans of some documents, with what is known of each span.

        Args:
            rows: int64 (k,), which documents, ascending. text: those documents alone.
        """
        starts, ends, offsets, index = _kept_spans(self.starts, self.ends, self.offsets, rows, self.text.offsets, text.offsets)
        known = {key: one.of_rows(rows, text) if isinstance(one, Spans) else one[index] for key, one in self._seen.items()}
        return type(self)(text, starts, ends, offsets, known)

    def to_list(self, row: int) -> list[str]:
        """The spans of one document as strings (for tests and messages; slow)."""
        data = self.text.data
        return [
            bytes(data[self.starts[k] : self.ends[k]]).decode("utf-8", "replace") for k in range(self.offsets[row], self.offsets[row + 1])
        ]


class Words(Spans):
    """Words of a batch's text; see the head of this file for what a word is."""

    def parts(self) -> Spans:
        """Parts of the words that hyphens or apostrophes join (`well-known`, `don't`); a word without one has none here."""
        if "parts" not in self._seen:
            self._seen["parts"] = Spans(self.text, *_parts(self.text.data, self.starts, self.ends, self.offsets))
        parts: Spans = self._seen["parts"]
        return parts


@dataclass(frozen=True)
class Utf8:
    """The text of a batch.

    data: uint8, the bytes of all documents. offsets: int64 (n + 1,), document i is
    data[offsets[i] : offsets[i + 1]].
    """

    data: Any
    offsets: Any
    _seen: dict[str, Spans] = field(default_factory=dict, repr=False, compare=False)
    _before: dict[str, tuple[Spans, Any]] = field(default_factory=dict, repr=False, compare=False)
    """Spans of the batch these documents were taken from, with their rows there: cheaper to move than to find again."""

    @staticmethod
    def of(array: Any) -> Utf8:
        """View an Arrow string or binary array (null = empty); its bytes are not copied."""
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
        if pa.types.is_null(array.type):
            array = array.cast(pa.large_string())
        large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
        if not (large or pa.types.is_string(array.type) or pa.types.is_binary(array.type)):
            raise TypeError(f"text must be a string or binary column, not {array.type}")
        if array.null_count and _hidden_bytes(array, large):
            array = pc.fill_null(array, b"" if "binary" in str(array.type) else "")
        n = len(array)
        if n == 0:
            return Utf8(_frozen(np.zeros(0, np.uint8)), np.zeros(1, np.int64))
        offsets = _offsets(array, large)
        buffer = array.buffers()[2]
        data = np.zeros(0, np.uint8) if buffer is None else np.frombuffer(buffer, np.uint8)
        return Utf8(_frozen(data), offsets)

    @staticmethod
    def of_strings(texts: list[str | None]) -> Utf8:
        """The text of Python strings (for tests and notebooks)."""
        return Utf8.of(pa.array(texts, pa.large_string()))

    def __len__(self) -> int:
        """Documents."""
        return len(self.offsets) - 1

    def bytes_per_row(self) -> Any:
        """Bytes of each document: int64 (n,)."""
        return np.diff(self.offsets)

    def chars_per_row(self) -> Any:
        """Characters of each document: int64 (n,)."""
        return _span_chars(self.data, self.offsets[:-1], self.offsets[1:])

    def hash(self) -> Any:
        """wyhash of each document's bytes: uint64 (n,)."""
        return _hash_spans(self.data, self.offsets[:-1], self.offsets[1:])

    def hash128(self) -> tuple[Any, Any]:
        """XXH3-128 of each document's bytes: (high, low), each uint64 (n,)."""
        view, bounds = memoryview(self.data), self.offsets.tolist()
        digest = xxhash.xxh3_128_digest
        joined = b"".join([digest(view[a:b]) for a, b in pairwise(bounds)])
        halves = np.frombuffer(joined, dtype=">u8").reshape(-1, 2).astype(np.uint64)
        return np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(halves[:, 1])

    def lower(self) -> Utf8:
        """The text in simple lower case."""
        return self._lowered(False)

    def folded(self) -> Utf8:
        """The text in simple lower case, runs of white space as one space, none at the ends."""
        return self._lowered(True)

    def _lowered(self, fold: bool) -> Utf8:
        data, offsets = _lower(self.data, self.offsets, fold, LOWER_INDEX, LOWER_BLOCKS)
        return Utf8(_frozen(data), offsets)

    def words(self) -> Words:
        """Words, as defined at the head of this file."""
        words = self.spans("words", lambda: Words(self, *_words(self.data, self.offsets, CLASS_INDEX, CLASS_BLOCKS)))
        assert isinstance(words, Words)
        return words

    def tokens(self) -> Spans:
        """Maximal runs without Unicode white space."""
        return self.spans("tokens", lambda: Spans(self, *_tokens(self.data, self.offsets)))

    def lines(self, breaks: str = "text") -> Spans:
        """Lines without their line ends, blank ones too, white space kept.

        Args:
            breaks: what ends a line, one of BREAKS; see the head of this file.
        """
        return self.spans(f"lines {breaks}", lambda: Spans(self, *_lines(self.data, self.offsets, BREAKS[breaks])))

    def spans(self, name: str, find: Callable[[], Spans]) -> Spans:
        """Spans of a kind that one stage finds and others use: those called `name`, found by `find` the first time."""
        if name not in self._seen:
            before = self._before.pop(name, None)
            self._seen[name] = find() if before is None else before[0].of_rows(before[1], self)
        return self._seen[name]

    def forget(self) -> None:
        """Let go of the spans that were found: they know their text, so that else both would stay until a collection of cycles."""
        self._seen.clear()
        self._before.clear()

    def of_rows(self, rows: Any, array: Any) -> Utf8:
        """The text of some documents, whose spans need not be found again.

        Args:
            rows: int64 (k,), which documents, ascending. array: their text as an Arrow array.
        """
        text = Utf8.of(array)
        text._before.update({name: (spans, before[rows]) for name, (spans, before) in self._before.items()})
        text._before.update({name: (spans, rows) for name, spans in self._seen.items()})
        return text

    def paragraphs(self) -> Spans:
        """Runs of lines between blank lines, without white space at their ends."""
        lines = self.lines().trimmed()
        blank = lines.starts == lines.ends
        return Spans(self, *_paragraphs(lines.starts, lines.ends, blank, lines.offsets))

    def to_arrow(self) -> Any:
        """The text as a large_string array."""
        offsets, data = np.ascontiguousarray(self.offsets), np.ascontiguousarray(self.data)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.large_string(), len(self), buffers)


def _frozen(data: Any) -> Any:
    """The array marked read-only, so that every kernel is compiled for one type."""
    data = data.view()
    data.flags.writeable = False
    return data


def _offsets(array: Any, large: bool) -> Any:
    raw = np.frombuffer(array.buffers()[1], np.int64 if large else np.int32)
    return raw[array.offset : array.offset + len(array) + 1].astype(np.int64)


def _hidden_bytes(array: Any, large: bool) -> bool:
    """Whether a null of the array has bytes behind it."""
    null = array.is_null().to_numpy(zero_copy_only=False)
    return bool(np.diff(_offsets(array, large))[null].any())


@cache
def warm_up() -> None:
    """Compile (or load from the cache) every kernel of this file, for the types they are used with."""
    text = Utf8.of_strings(["Ein Bär, 3.14.\n\n中文 ÀÉ " + "x" * 60, None])
    for spans in (text.words(), text.tokens(), text.lines(), text.paragraphs()):
        spans.hashes(lower=True)
        spans.hashes()
        spans.chars()
        spans.trimmed()
        spans.ngram_hashes(2)
        spans.of_rows(np.zeros(1, np.int64), text)
    text.words().parts()
    text.hash()
    text.lower()
    text.folded().hash()
    text.chars_per_row()
    mix64(_U(1), _U(2))


assert max(DIGIT, MARK, LETTER, CJK, SEA) == SEA
assert min(DIGIT, MARK, LETTER, CJK, SEA) == DIGIT > max(JOIN, NUMJOIN, SPACE)
