"""Read fastText classifiers and run them over UTF-8 bytes.

Source:  the file format, hashing and prediction of fastText 0.9 (Joulin et al. 2016 and 2016b; `.ftz`: product
         quantisation and pruned features). A model is read from its file alone; the library is not needed.

A token is what fastText reads as one: bytes without white space (space, LF, CR, tab, VT, FF, NUL). Its features are the
row of the word, where the model knows it, and the rows its character n-grams (of `<token>`) are hashed to; several tokens in
a row give the rows of word n-grams. The mean of the rows is the text's vector, from which a softmax, or a walk down a
Huffman tree of the labels (hierarchical softmax), makes probabilities.

All sums are taken in one order and the exponential is made of IEEE operations alone, so that a text has the same
probabilities on every machine. Bounds on what a file may claim are ours, and stand at the top.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from curation.text import Utf8

MAGIC, VERSION = 793712314, 12
MAX_DIM, MAX_NGRAM = 4096, 64
"""Longest vectors, and longest n-grams of words or of characters."""
MAX_TABLE_BYTES = 4 << 30
"""Largest table of rows made of a compressed model."""
SUPERVISED = 3
HIERARCHICAL_SOFTMAX, SOFTMAX = 1, 3
CENTROIDS = 256

_I: Any = np.int64
_U: Any = np.uint64
_LOW32 = _U(0xFFFFFFFF)
_FNV_BASE, _FNV_PRIME = _U(2166136261), _U(16777619)
_SIGN, _SIGN_BIT, _HIGH32 = _U(0xFFFFFF00), _U(1 << 31), _U(0xFFFFFFFF << 32)
_WORD_NGRAM_PRIME = _U(116049371)
_BOW, _EOW = _U(ord("<")), _U(ord(">"))
_EOS, _LABEL = np.frombuffer(b"</s>", np.uint8), np.frombuffer(b"__label__", np.uint8)


class Arrays(NamedTuple):
    """What the kernels need of a model.

    rows: float32 (m, dim), words first, then buckets of n-grams. words: int64 (2^k,), an open-addressing table of the words'
    numbers by hash, -1 = free; labels have numbers from `known_words` on. word_data, word_offsets: the words' bytes.
    kept: uint64, a bit for each bucket that was not pruned; their rows are in the order of the buckets; empty = none was
    pruned. ranks: int32, kept buckets before each 64. output: float32 (dim, labels). left, right: int64 (labels - 1,), the
    Huffman tree: children of node labels + i; empty for softmax. known_words, buckets, min_n, max_n, word_ngrams: as in the file.
    """

    rows: Any
    words: Any
    word_data: Any
    word_offsets: Any
    kept: Any
    ranks: Any
    output: Any
    left: Any
    right: Any
    known_words: int
    buckets: int
    min_n: int
    max_n: int
    word_ngrams: int


class Model(NamedTuple):
    """A fastText classifier. labels: without `__label__`, in the order of every array of probabilities."""

    labels: tuple[str, ...]
    arrays: Arrays

    def probabilities(self, text: Utf8, max_chars: int | None = None) -> Any:
        """Probability of each label for documents, or the first `max_chars` characters of each, line ends read as blanks.

        As the library gives them, with its 1e-5 added along each branch of a Huffman tree (they may sum to a little over 1).

        Returns: float64 (documents, labels); all 0 for a document without a feature.
        """
        return _probabilities(self.arrays, text.data, text.offsets, len(text.data) if max_chars is None else max_chars)


# The file


class _Bytes:
    """A cursor over the mapped file that never leaves it."""

    def __init__(self, data: Any) -> None:
        self.data, self.at = data, 0

    def numbers(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize("<" + form)
        self._ask(size)
        self.at += size
        return struct.unpack_from("<" + form, self.data, self.at - size)

    def array(self, kind: Any, count: int) -> Any:
        size = int(count) * np.dtype(kind).itemsize
        self._ask(size)
        self.at += size
        return np.frombuffer(self.data, kind, count, self.at - size)

    def word(self) -> bytes:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise ValueError("it ends within a word")
        found, self.at = self.data[self.at : end], end + 1
        return bytes(found)

    def _ask(self, size: int) -> None:
        if size < 0 or self.at + size > len(self.data):
            raise ValueError("it is cut short, or its sizes are wrong")


def read_model(path: Path) -> Model:
    """Read a supervised fastText model, `.bin` (its matrix stays mapped) or `.ftz`.

    Raises: ValueError naming the file, if it is not such a model, is cut short, or contradicts itself.
        OSError if it cannot be read.
    """
    with open(path, "rb") as f:
        try:
            data: Any = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            data = b""
    try:
        return _model(_Bytes(data))
    except ValueError as e:
        raise ValueError(f"{path} is not a fastText model that can be used: {e}") from e


def _must(holds: Any, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def _model(file: _Bytes) -> Model:
    _must(len(file.data) >= 8 and file.numbers("i") == (MAGIC,), "it does not begin as one")
    (version,) = file.numbers("i")
    _must(11 <= version <= VERSION, f"its version is {version}, not 11 or 12")
    dim, _, _, _, _, word_ngrams, loss, kind, buckets, min_n, max_n, _ = file.numbers("12i")
    file.numbers("d")
    _must(kind == SUPERVISED, "it holds word vectors, not a classifier")
    _must(loss in (HIERARCHICAL_SOFTMAX, SOFTMAX), f"its loss is number {loss}; softmax and hierarchical softmax are known")
    if version == 11:
        max_n = 0  # such models were made without character n-grams, whatever they say
    _must(1 <= dim <= MAX_DIM, f"vectors of {dim} numbers")
    _must(buckets >= 0 and max_n <= MAX_NGRAM and word_ngrams <= MAX_NGRAM, "n-grams out of bounds")
    hashed = max_n > 0 or word_ngrams > 1
    _must(not hashed or buckets > 0, "it has n-grams but no buckets")

    size, known_words, label_count, _, pruned = file.numbers("3i2q")
    _must(known_words >= 0 and label_count >= 1 and size == known_words + label_count, "its dictionary's sizes disagree")
    words, counts = _dictionary(file, known_words, size)
    pairs = file.array("<i4", 2 * pruned).reshape(-1, 2).astype(np.int64) if pruned >= 0 else None

    (quantised,) = file.numbers("?")
    _must(quantised or pruned < 0, "it is pruned but not quantised: an old file, which the library refuses too")
    rows = _quantised(file, dim) if quantised else _dense(file, dim)
    _must(not rows.size or np.isfinite([rows.min(), rows.max()]).all(), "its rows have numbers that are not finite")
    _must(len(rows) >= known_words + (buckets if hashed and pairs is None else 0), "too few rows for its features")
    kept, ranks = np.zeros(0, np.uint64), np.zeros(0, np.int32)
    if pairs is not None:
        _must(((pairs >= 0) & (pairs < [buckets, len(rows) - known_words])).all(), "its kept features are out of bounds")
        kept, ranks, order = _kept(pairs[:, 0], buckets)
        rows = np.concatenate([rows[:known_words], rows[known_words + pairs[order, 1]]])
    (quantised_output,) = file.numbers("?")
    output = _quantised(file, dim) if quantised and quantised_output else _dense(file, dim)
    _must(len(output) == label_count, "rows of its output are not its labels")
    _must(np.isfinite(output).all(), "its output has numbers that are not finite")
    left, right = _tree(counts[known_words:]) if loss == HIERARCHICAL_SOFTMAX else (np.zeros(0, np.int64),) * 2

    word_offsets = np.zeros(size + 1, np.int64)
    word_offsets[1:] = np.cumsum([len(w) for w in words])
    word_data = np.frombuffer(b"".join(words), np.uint8)
    hashes = _word_hashes(word_data, word_offsets).astype(np.int64)
    places = _table(hashes)
    labels = [w.decode("utf-8", "replace").removeprefix("__label__") for w in words[known_words:]]
    _must(len(set(labels)) == label_count, "a label twice")
    arrays = Arrays(
        _frozen(rows), _frozen(places), _frozen(word_data), _frozen(word_offsets), _frozen(kept), _frozen(ranks),
        _frozen(np.ascontiguousarray(output.T)), _frozen(left), _frozen(right), known_words, buckets, max(min_n, 1), max_n, word_ngrams,
    )  # fmt: skip
    return Model(tuple(labels), arrays)


def _dictionary(file: _Bytes, known_words: int, size: int) -> tuple[list[bytes], list[int]]:
    """Words, then labels, and how often each was seen."""
    _must(size <= len(file.data) - file.at, "its dictionary is larger than the file")
    words, counts = [], []
    for number in range(size):
        words.append(file.word())
        count, kind = file.numbers("qb")
        _must(kind == (number >= known_words), "words and labels are out of order")
        _must(0 <= count <= 10**15, f"a word seen {count} times")
        counts.append(count)
    _must(len(set(words)) == size, "a word twice")
    return words, counts


def _kept(buckets: Any, size: int) -> tuple[Any, Any, Any]:
    """(bits of the buckets that were kept uint64, kept ones before each 64 int32, order of the buckets)"""
    order = np.argsort(buckets, kind="stable")
    _must((np.diff(buckets[order]) > 0).all(), "a feature is kept twice")
    bits = np.zeros(size // 64 + 1, np.uint64)
    np.bitwise_or.at(bits, buckets >> 6, np.uint64(1) << (buckets & 63).astype(np.uint64))
    ranks = np.searchsorted(buckets[order], np.arange(len(bits)) * 64).astype(np.int32)
    return bits, ranks, order


def _dense(file: _Bytes, dim: int) -> Any:
    """A matrix float32 (m, dim), still in the mapped file."""
    m, n = file.numbers("2q")
    _must(m >= 0 and n == dim, f"a matrix of {m} rows of {n}, where vectors have {dim} numbers")
    return file.array("<f4", m * n).reshape(m, n)


def _quantised(file: _Bytes, dim: int) -> Any:
    """A product-quantised matrix (Jégou et al. 2011), float32 (m, dim): each part of a row is one of 256 centroids."""
    with_norms, m, n, code_size = file.numbers("?2qi")
    _must(m >= 0 and n == dim, f"a matrix of {m} rows of {n}, where vectors have {dim} numbers")
    _must(m * n * 4 <= MAX_TABLE_BYTES, f"a table of {m * n * 4 >> 30} GB; use the model that is not compressed")
    codes = file.array(np.uint8, code_size)
    centroids, part_sizes = _centroids(file, dim)
    _must(code_size == m * len(part_sizes), "its codes are not one a part of a row")
    codes = codes.reshape(m, len(part_sizes))
    table = np.empty((m, dim), np.float32)
    at = 0
    for part, width in enumerate(part_sizes):
        part_centroids = centroids[at * CENTROIDS : (at + width) * CENTROIDS].reshape(CENTROIDS, width)
        table[:, at : at + width] = part_centroids[codes[:, part]]
        at += width
    if with_norms:
        norm_codes = file.array(np.uint8, m)
        norms, _ = _centroids(file, 1)
        with np.errstate(over="ignore", invalid="ignore"):
            table *= norms[norm_codes][:, None]
    return table


def _centroids(file: _Bytes, dim: int) -> tuple[Any, list[int]]:
    """(centroids float32 (256 * dim,), width of each part of a vector)."""
    n, parts, width, last = file.numbers("4i")
    _must(n == dim and width > 0 and parts == -(-dim // width) and last == dim - (parts - 1) * width, "its quantiser's sizes disagree")
    return file.array("<f4", dim * CENTROIDS), [width] * (parts - 1) + [last]


def _tree(counts: list[int]) -> tuple[Any, Any]:
    """Children of the inner nodes of the Huffman tree of the labels, which the file orders by falling count."""
    n = len(counts)
    weight = [*counts, *[10**15] * n]  # one more than there are nodes, which counts that make no tree look at
    leaf, node = n - 1, n
    children = []
    for inner in range(n, 2 * n - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and weight[leaf] < weight[node]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(node)
                node += 1
        _must(max(pair) < inner, "counts of its labels make no tree")
        weight[inner] = weight[pair[0]] + weight[pair[1]]
        children.append(pair)
    both = np.array(children, np.int64).reshape(-1, 2)
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])


def _frozen(array: Any) -> Any:
    """The array marked read-only, so that kernels are compiled for one type (two, where a mapped matrix is not aligned)."""
    array = array.view()
    array.flags.writeable = False
    return array


# Kernels


def _count_bits(typing_context: Any, bits: Any) -> Any:
    """How many bits of a uint64 are set."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), codegen


_ones: Any = intrinsic(_count_bits)


@njit(cache=True)
def _fnv(h: Any, byte: Any) -> Any:
    """One step of FNV-1a, 32 bits in a uint64; fastText takes bytes as signed, so those from 128 on flip the upper bits too."""
    byte = _U(byte)
    if byte >= _U(128):
        byte |= _SIGN
    return ((h ^ byte) * _FNV_PRIME) & _LOW32


@njit(cache=True)
def _word_hashes(data: Any, offsets: Any) -> Any:
    out = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(out)):
        h = _FNV_BASE
        for j in range(offsets[k], offsets[k + 1]):
            h = _fnv(h, data[j])
        out[k] = h
    return out


@njit(cache=True)
def _table(hashes: Any) -> Any:
    """Open-addressing table of numbers by hash, at most a quarter full."""
    size = 16
    while size < 4 * len(hashes):
        size *= 2
    slots = np.full(size, -1, np.int64)
    for k in range(len(hashes)):
        at = _I(hashes[k]) & (size - 1)
        while slots[at] != -1:
            at = (at + 1) & (size - 1)
        slots[at] = k
    return slots


@njit(cache=True)
def _number(words: Any, word_data: Any, word_offsets: Any, data: Any, start: Any, end: Any, h: Any) -> Any:
    """Number of a word or label in the dictionary, -1 if it is not there."""
    at = _I(h) & (len(words) - 1)
    while words[at] != -1:
        first, last = word_offsets[words[at]], word_offsets[words[at] + 1]
        if last - first == end - start:
            j = _I(0)
            while first + j < last and word_data[first + j] == data[start + j]:
                j += 1
            if first + j == last:
                return words[at]
        at = (at + 1) & (len(words) - 1)
    return _I(-1)


@njit(cache=True, inline="always")  # a call, with its arrays, costs as much as all the rest of an n-gram
def _row(kept: Any, ranks: Any, bucket: Any) -> Any:
    """Row of a bucket, counted from the first one's; -1 for one that was pruned."""
    row = _I(bucket)
    if len(kept) > 0:
        block = _I(bucket >> _U(6))
        bits, bit = kept[block], _U(1) << (bucket & _U(63))
        row = _I(ranks[block]) + _I(_ones(bits & (bit - _U(1)))) if bits & bit else _I(-1)
    return row


@njit(cache=True)
def _add_ngrams(
    rows: Any, kept: Any, ranks: Any, known_words: Any, buckets: Any, min_n: Any, max_n: Any, data: Any, start: Any, end: Any, total: Any
) -> Any:
    """Add the rows of the character n-grams of `<token>`. Returns: rows added."""
    added = 0
    for i in range(start - 1, end + 1):  # at start - 1 and at end stand < and >
        if start <= i < end and (data[i] & 0xC0) == 0x80:
            continue
        h = _FNV_BASE
        j, n = i, 1
        while j <= end and n <= max_n:
            h = _fnv(h, _BOW if j < start else _EOW if j == end else _U(data[j]))
            j += 1
            while start <= j < end and (data[j] & 0xC0) == 0x80:
                h = _fnv(h, _U(data[j]))
                j += 1
            if n >= min_n and not (n == 1 and (i < start or j > end)):
                row = _row(kept, ranks, h % buckets)
                if row >= 0:
                    for d in range(len(total)):
                        total[d] += rows[known_words + row, d]
                    added += 1
            n += 1
    return added


@njit(cache=True)
def add_tokens(model: Any, data: Any, starts: Any, ends: Any, count: Any, total: Any, recent: Any) -> Any:
    """Add the rows of some tokens of a text to a sum of rows.

    Args:
        model: `Model.arrays`. starts, ends: int64, spans of the first `count` tokens. total: float32 (dim,).
        recent: uint64 (max(word_ngrams, 1) + 1,), zeros before a text's first token: the hashes word n-grams go on from.
    Returns: rows added.
    """
    # Taken out of the tuple once: each time costs more than a row does.
    rows, kept, ranks, known_words = model.rows, model.kept, model.ranks, model.known_words
    words, word_data, word_offsets = model.words, model.word_data, model.word_offsets
    buckets, min_n, max_n, size = _U(model.buckets), model.min_n, model.max_n, model.word_ngrams
    added = 0
    for k in range(count):
        start, end = starts[k], ends[k]
        h = _FNV_BASE
        for j in range(start, end):
            h = _fnv(h, _U(data[j]))
        word = _number(words, word_data, word_offsets, data, start, end, h)
        if word >= known_words or (word < 0 and _begins(data, start, end, _LABEL)):
            continue
        if word >= 0:
            for d in range(len(total)):
                total[d] += rows[word, d]
            added += 1
        if not _is_end(data, start, end):
            added += _add_ngrams(rows, kept, ranks, known_words, buckets, min_n, max_n, data, start, end, total)
        if size > 1:
            signed = h | _HIGH32 if h & _SIGN_BIT else h  # the library keeps hashes as int32
            seen = _I(recent[size])
            for back in range(1, min(seen, size - 1) + 1):
                slot = (seen - back) % size
                recent[slot] = recent[slot] * _WORD_NGRAM_PRIME + signed
                row = _row(kept, ranks, recent[slot] % buckets)
                if row >= 0:
                    for d in range(len(total)):
                        total[d] += rows[known_words + row, d]
                    added += 1
            recent[seen % size] = signed
            recent[size] = _U(seen + 1)
    return added


_TOKENS_AT_ONCE = 64


@njit(cache=True)
def _begins(data: Any, start: Any, end: Any, word: Any) -> bool:
    if end - start < len(word):
        return False
    j = 0
    while j < len(word) and data[start + j] == word[j]:
        j += 1
    return j == len(word)


@njit(cache=True)
def _is_end(data: Any, start: Any, end: Any) -> bool:
    """Whether a token is the one that ends a text."""
    return end - start == len(_EOS) and _begins(data, start, end, _EOS)


@njit(cache=True)
def add_end(model: Any, total: Any, recent: Any) -> Any:
    """Add the token that ends every text, as `add_tokens` does."""
    return add_tokens(model, _EOS, np.zeros(1, np.int64), np.full(1, len(_EOS)), 1, total, recent)


@njit(cache=True)
def is_blank(byte: Any) -> bool:
    """Whether a byte stands between tokens."""
    return bool(byte == 32 or 9 <= byte <= 13 or byte == 0)


@njit(cache=True)
def cut_chars(data: Any, start: Any, end: Any, chars: Any) -> Any:
    """Where the first so many characters of a text end."""
    if end - start <= chars:
        return end
    i = start
    while i < end:
        if (data[i] & 0xC0) != 0x80:
            if chars == 0:
                return i
            chars -= 1
        i += 1
    return i


@njit(cache=True)
def _exp(x: Any) -> Any:
    """Exponential of a float64 clipped at 80 either way, to 3e-8: the C library's differs from machine to machine."""
    x = x if x > -80.0 else -80.0  # so written, NaN becomes -80
    r = (x if x < 80.0 else 80.0) / 256
    p = 1.0 + r * (1.0 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r * (1 / 5040 + r / 40320)))))))
    for _ in range(8):
        p *= p
    return p


@njit(cache=True, error_model="numpy")  # a check for division by zero would keep the loops from being vectorised
def to_probabilities(model: Any, total: Any, count: Any, logits: Any, out: Any) -> Any:
    """Write the probability of each label, of the mean of `count` rows, to out.

    Args:
        total: float32 (dim,), the sum of the rows. logits: float32 (labels,), scratch. out: float64 (2 * labels - 1,), the labels first.
    """
    labels, output, left, right = len(logits), model.output, model.left, model.right
    scale = np.float32(1.0 / count)
    logits[:] = 0
    for d in range(len(total)):
        x = total[d] * scale
        for k in range(labels):
            logits[k] += x * output[d, k]
    if len(left) == labels - 1:
        for i in range(labels - 1):
            logits[i] = 1.0 / (1.0 + _exp(-np.float64(logits[i])))
        out[2 * labels - 2] = 1.0
        for i in range(labels - 2, -1, -1):
            reached, turn = out[labels + i], np.float64(logits[i])
            out[left[i]] = reached * (1.0 - turn + 1e-5)
            out[right[i]] = reached * (turn + 1e-5)
        return
    top = logits[0]
    for k in range(labels):
        top = max(top, logits[k])
    z = 0.0
    for k in range(labels):
        out[k] = _exp(np.float64(logits[k] - top))
        z += out[k]
    for k in range(labels):
        out[k] = out[k] / z + 1e-5


@njit(cache=True)
def _probabilities(model: Any, data: Any, offsets: Any, max_chars: Any) -> Any:
    rows, labels = len(offsets) - 1, model.output.shape[1]
    found = np.zeros((rows, labels), np.float64)
    total, logits = np.empty(model.output.shape[0], np.float32), np.empty(labels, np.float32)
    nodes = np.empty(2 * labels - 1, np.float64)
    recent = np.empty(max(model.word_ngrams, 1) + 1, np.uint64)
    starts, ends = np.empty(_TOKENS_AT_ONCE, np.int64), np.empty(_TOKENS_AT_ONCE, np.int64)
    for row in range(rows):
        total[:] = 0
        recent[:] = 0
        count, tokens = 0, 0
        i, end = offsets[row], cut_chars(data, offsets[row], offsets[row + 1], max_chars)
        while i < end:
            start = i
            while i < end and not is_blank(data[i]):
                i += 1
            if _is_end(data, start, i):
                break
            if i > start:
                starts[tokens], ends[tokens] = start, i
                tokens += 1
                if tokens == len(starts):
                    count += add_tokens(model, data, starts, ends, tokens, total, recent)
                    tokens = 0
            i += 1
        count += add_tokens(model, data, starts, ends, tokens, total, recent)
        count += add_end(model, total, recent)
        if count > 0:
            to_probabilities(model, total, count, logits, nodes)
            found[row] = nodes[:labels]
    return found
