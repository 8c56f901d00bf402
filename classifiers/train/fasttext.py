"""Train a fastText classifier and write it as fastText does.

Source:  Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification"; features, hashing, initial values, update and file format
         are those of fastText 0.9 with softmax. Ours: the order of documents is drawn anew in each epoch, the learning rate falls with
         documents instead of tokens, documents are weighted, and the epoch with the least validation loss is the one that stays.
Units:   texts are UTF-8 bytes, read as `stages/language/fasttext_model.py` reads them. Losses are nats a document.
Errors:  TaskError if numbers are not finite any more.

With one thread the same texts and seed give the same file on one machine. Threads write into the same matrices without locks, as the
library's do (Hogwild, Niu et al. 2011): then two runs differ.

Memory: the texts, the dictionary of their words, and twice the matrix where epochs are compared.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from curation.errors import TaskError
from curation.text import Utf8
from stages.language.fasttext_model import MAGIC, SOFTMAX, SUPERVISED, VERSION, is_blank

_I: Any = np.int64
_U: Any = np.uint64
_LOW32, _HIGH32, _SIGN_BIT, _SIGN = _U(0xFFFFFFFF), _U(0xFFFFFFFF << 32), _U(1 << 31), _U(0xFFFFFF00)
_FNV_BASE, _FNV_PRIME, _WORD_NGRAM_PRIME = _U(2166136261), _U(16777619), _U(116049371)
_EOS, _LABEL = np.frombuffer(b"</s>", np.uint8), np.frombuffer(b"__label__", np.uint8)


class Words(NamedTuple):
    """The dictionary: word k + 1 is data[starts[k] : ends[k]], row 0 is that of the end of a text.

    slots: int64 (2^m,), an open-addressing table of words by hash, -1 = free. counts: int64, of the words.
    """

    data: Any
    starts: Any
    ends: Any
    slots: Any
    counts: Any


class Features(NamedTuple):
    """What rows a text has beside those of its words. rows: of the dictionary, the first of an n-gram."""

    rows: int
    buckets: int
    word_ngrams: int
    min_n: int
    max_n: int


@dataclass(frozen=True)
class Trained:
    """A trained model.

    rows: float32 (words + 1 + buckets, dim). output: float32 (labels, dim). losses: (training, validation) of each epoch, NaN where
    there is no validation set. epoch: the one whose numbers these are, from 1.
    """

    words: Words
    features: Features
    rows: Any
    output: Any
    labels: tuple[str, ...]
    label_counts: tuple[int, ...]
    documents: int
    losses: list[tuple[float, float]]
    epoch: int


def train(
    texts: Utf8, labels: Any, names: tuple[str, ...], *, dim: int, rate: float, epochs: int, word_ngrams: int, min_n: int, max_n: int,
    min_count: int, max_words: int, buckets: int, weights: Any, seed: int, threads: int = 1, validation: tuple[Utf8, Any] | None = None,
    patience: int | None = None, say: Callable[[str], None] = lambda text: None,
) -> Trained:  # fmt: skip
    """Train on texts.

    Args:
        labels: int (n,), places in `names`. rate: the first learning rate; it falls to 0. min_count: times a word must occur.
        max_words: the most frequent that are kept. buckets: rows n-grams are hashed to. weights: float (labels,), of a label's documents.
        validation: texts and labels; the epoch with the least loss on them stays, and `patience` epochs without a lesser one end the
            training. say: gets a line an epoch.
    Raises: TaskError if the loss or a row is no finite number: the rate is too high.
    """
    labels, weights = np.asarray(labels, np.int64), np.asarray(weights, np.float32)
    words = _dictionary(texts, min_count, max_words)
    hashed = word_ngrams > 1 or max_n > 0
    features = Features(len(words.counts) + 1, buckets if hashed else 0, word_ngrams, max(min_n, 1), max_n)
    rng = np.random.default_rng(seed)
    rows = rng.random((features.rows + features.buckets, dim), np.float32)
    rows -= np.float32(0.5)
    rows *= np.float32(2 / dim)
    output = np.zeros((len(names), dim), np.float32)
    losses: list[tuple[float, float]] = []
    best, best_epoch, kept = np.inf, 0, (rows, output)
    for epoch in range(epochs):
        order = rng.permutation(len(texts))
        begin, end = (np.float32(rate * (1 - e / epochs)) for e in (epoch, epoch + 1))
        with ThreadPoolExecutor(threads) as pool:
            parts = pool.map(
                lambda part, begin=begin, end=end: _pass(
                    words, features, texts.data, texts.offsets, part, labels, weights, rows, output, begin, end
                ),
                np.array_split(order, threads),
            )  # fmt: skip
            loss = float(sum(parts) / weights[labels].sum(dtype=np.float64))
        if not (np.isfinite(loss) and np.isfinite(output).all() and np.isfinite([rows.min(), rows.max()]).all()):
            raise TaskError(f"epoch {epoch + 1}: the loss or the weights are no finite numbers: lower the learning rate ({rate:g})")
        held = float("nan") if validation is None else loss_of(words, features, rows, output, *validation, weights)
        losses.append((loss, held))
        say(f"epoch {epoch + 1} of {epochs}: loss {loss:.4f}" + ("" if validation is None else f", on validation {held:.4f}"))
        if validation is None or held < best:
            best, best_epoch = held, epoch + 1
            if validation is None or epoch + 1 == epochs:
                kept = rows, output
            elif kept[0] is rows:
                kept = rows.copy(), output.copy()
            else:
                np.copyto(kept[0], rows)
                np.copyto(kept[1], output)
        elif patience is not None and epoch + 1 - best_epoch >= patience:
            break
    counts = np.bincount(labels, minlength=len(names))
    return Trained(words, features, *kept, names, tuple(counts.tolist()), len(texts), losses, best_epoch)


def loss_of(words: Words, features: Features, rows: Any, output: Any, texts: Utf8, labels: Any, weights: Any) -> float:
    """Mean loss of texts that are not trained on."""
    labels, weights = np.asarray(labels, np.int64), np.asarray(weights, np.float32)
    zero = np.float32(0)
    total = _pass(words, features, texts.data, texts.offsets, np.arange(len(texts)), labels, weights, rows, output, zero, zero)
    return float(total / weights[labels].sum(dtype=np.float64))


def seen_rows(model: Trained, texts: Utf8) -> Any:
    """Which rows have a feature of some texts: bool (rows,)."""
    seen = np.zeros(len(model.rows), np.bool_)
    _mark(model.words, model.features, texts.data, texts.offsets, seen)
    return seen


def save(model: Trained, path: Path) -> None:
    """Write a model as a `.bin` of fastText's version 12."""
    words, features = model.words, model.features
    with open(path, "wb") as f:
        f.write(head(model, features.buckets, len(words.counts), -1) + entry(b"</s>", model.documents))
        for start, end, count in zip(words.starts.tolist(), words.ends.tolist(), words.counts.tolist(), strict=True):
            f.write(entry(bytes(words.data[start:end]), count))
        f.write(label_entries(model))
        f.write(struct.pack("<?2q", False, *model.rows.shape))
        f.write(np.ascontiguousarray(model.rows, "<f4").data)
        f.write(struct.pack("<?2q", False, *model.output.shape))
        f.write(np.ascontiguousarray(model.output, "<f4").data)


def head(model: Trained, buckets: int, words: int, pruned: int) -> bytes:
    """What a file begins with. words: of the dictionary, without the end of a text. pruned: buckets kept, -1 = all."""
    f, labels = model.features, len(model.labels)
    settings = (model.rows.shape[1], 5, len(model.losses), 1, 5, f.word_ngrams, SOFTMAX, SUPERVISED, buckets, f.min_n, f.max_n, 100)
    tokens = int(model.words.counts.sum()) + model.documents
    sizes = (words + 1 + labels, words + 1, labels, tokens, pruned)
    return struct.pack("<2i", MAGIC, VERSION) + struct.pack("<12id", *settings, 1e-4) + struct.pack("<3i2q", *sizes)


def entry(word: bytes, count: int) -> bytes:
    """A word of the dictionary."""
    return word + b"\0" + struct.pack("<qb", count, 0)


def label_entries(model: Trained) -> bytes:
    """The dictionary's labels."""
    pairs = zip(model.labels, model.label_counts, strict=True)
    return b"".join(b"__label__" + name.encode() + b"\0" + struct.pack("<qb", count, 1) for name, count in pairs)


def _dictionary(texts: Utf8, min_count: int, max_words: int) -> Words:
    """Words by count, the first seen first where counts are equal."""
    starts, ends, counts = _count(texts.data, texts.offsets)
    enough = np.flatnonzero(counts >= min_count)
    order = enough[np.lexsort((starts[enough], -counts[enough]))][:max_words]
    starts, ends = starts[order], ends[order]
    return Words(texts.data, starts, ends, _slots(texts.data, starts, ends, len(order)), counts[order])


# Kernels


@njit(cache=True)
def _hash(data: Any, start: Any, end: Any) -> Any:
    """FNV-1a of bytes, 32 bits in a uint64; bytes from 128 on flip the upper bits too, as signed ones do."""
    h = _FNV_BASE
    for j in range(start, end):
        byte = _U(data[j])
        h = ((h ^ (byte | _SIGN if byte >= _U(128) else byte)) * _FNV_PRIME) & _LOW32
    return h


@njit(cache=True)
def _same(a: Any, start: Any, end: Any, b: Any, first: Any, last: Any) -> bool:
    if last - first != end - start:
        return False
    j = 0
    while start + j < end and a[start + j] == b[first + j]:
        j += 1
    return bool(start + j == end)


@njit(cache=True)
def _slot(slots: Any, vocabulary: Any, starts: Any, ends: Any, data: Any, start: Any, end: Any, h: Any) -> Any:
    """Place in the table of a word, or of the free slot where it would be."""
    at = _I(h) & (len(slots) - 1)
    while slots[at] >= 0 and not _same(data, start, end, vocabulary, starts[slots[at]], ends[slots[at]]):
        at = (at + 1) & (len(slots) - 1)
    return at


@njit(cache=True)
def _slots(data: Any, starts: Any, ends: Any, used: Any) -> Any:
    """A table of the first `used` spans, which differ, at most a quarter full."""
    size = 16
    while size < 4 * used:
        size *= 2
    slots = np.full(size, -1, np.int64)
    for k in range(used):
        slots[_slot(slots, data, starts, ends, data, starts[k], ends[k], _hash(data, starts[k], ends[k]))] = k
    return slots


@njit(cache=True)
def _next(data: Any, i: Any, end: Any) -> Any:
    """Span of the token at or behind i, (end, end) if there is none: the text is over, or says so with `</s>`."""
    while i < end and is_blank(data[i]):
        i += 1
    start = i
    while i < end and not is_blank(data[i]):
        i += 1
    return (end, end) if _same(data, start, i, _EOS, 0, len(_EOS)) else (start, i)


@njit(cache=True)
def _is_label(data: Any, start: Any, end: Any) -> bool:
    return end - start >= len(_LABEL) and _same(data, start, start + len(_LABEL), _LABEL, 0, len(_LABEL))


@njit(cache=True)
def _count(data: Any, offsets: Any) -> Any:
    """(starts, ends, counts) of the different words of all texts, in the order in which they are first seen."""
    used = 0
    starts, ends, counts = np.empty(4096, np.int64), np.empty(4096, np.int64), np.empty(4096, np.int64)
    slots = _slots(data, starts, ends, used)
    for row in range(len(offsets) - 1):
        start, end = _next(data, offsets[row], offsets[row + 1])
        while start < end:
            if not _is_label(data, start, end):
                at = _slot(slots, data, starts, ends, data, start, end, _hash(data, start, end))
                if slots[at] < 0:
                    if used == len(starts):
                        starts, ends, counts = np.append(starts, starts), np.append(ends, ends), np.append(counts, counts)
                    slots[at], starts[used], ends[used], counts[used] = used, start, end, 0
                    used += 1
                counts[slots[at]] += 1
                if 2 * used >= len(slots):
                    slots = _slots(data, starts, ends, used)
            start, end = _next(data, end, offsets[row + 1])
    return starts[:used], ends[:used], counts[:used]


@njit(cache=True)
def _ngrams(data: Any, start: Any, end: Any, features: Any, out: Any, n: Any) -> Any:
    """Write the rows of the character n-grams of `<token>` behind the first n. Returns: how many there are then."""
    for i in range(start - 1, end + 1):  # at start - 1 and at end stand < and >
        if start <= i < end and (data[i] & 0xC0) == 0x80:
            continue
        h, j, length = _FNV_BASE, i, 1
        while j <= end and length <= features.max_n:
            byte = _U(ord("<")) if j < start else _U(ord(">")) if j == end else _U(data[j])
            h = ((h ^ (byte | _SIGN if byte >= _U(128) else byte)) * _FNV_PRIME) & _LOW32
            j += 1
            while start <= j < end and (data[j] & 0xC0) == 0x80:
                h = ((h ^ (_U(data[j]) | _SIGN)) * _FNV_PRIME) & _LOW32
                j += 1
            if length >= features.min_n and not (length == 1 and (i < start or j > end)):
                out[n] = features.rows + _I(h % _U(features.buckets))
                n += 1
            length += 1
    return n


@njit(cache=True)
def _rows_of(words: Any, features: Any, data: Any, begin: Any, stop: Any, out: Any, hashes: Any) -> Any:
    """Write the rows of a text's features, a row as often as it occurs. Returns: how many there are.

    Args:
        out, hashes: int64 and uint64 of enough room; see `_room`.
    """
    n, tokens = 0, 0
    start, end = _next(data, begin, stop)
    while start < end:
        h = _hash(data, start, end)
        word = words.slots[_slot(words.slots, words.data, words.starts, words.ends, data, start, end, h)]
        if word >= 0:
            out[n] = word + 1
            n += 1
        if word >= 0 or not _is_label(data, start, end):
            if features.max_n > 0:
                n = _ngrams(data, start, end, features, out, n)
            hashes[tokens] = h | _HIGH32 if h & _SIGN_BIT else h  # the library keeps hashes as int32
            tokens += 1
        start, end = _next(data, end, stop)
    out[n] = 0
    n += 1
    h = _hash(_EOS, 0, len(_EOS))
    hashes[tokens] = h | _HIGH32 if h & _SIGN_BIT else h
    tokens += 1
    for i in range(tokens):
        h = hashes[i]
        for j in range(i + 1, min(tokens, i + features.word_ngrams)):
            h = h * _WORD_NGRAM_PRIME + hashes[j]
            out[n] = features.rows + _I(h % _U(features.buckets))
            n += 1
    return n


@njit(cache=True)
def _room(features: Any, size: Any) -> Any:
    """(rows, tokens) that a text of `size` bytes has at most."""
    tokens = size // 2 + 2
    lengths = max(0, features.max_n - features.min_n + 1)
    return tokens * features.word_ngrams + (size + 2 * tokens) * lengths, tokens


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _pass(
    words: Any, features: Any, data: Any, offsets: Any, order: Any, labels: Any, weights: Any, rows: Any, output: Any, first: Any, last: Any
) -> Any:
    """Go through documents in an order, learning at a rate from `first` to `last`; nothing is written where both are 0.

    Returns: the sum of the losses, each times its label's weight.
    """
    dim, known = rows.shape[1], len(output)
    hidden, slope, chances = np.empty(dim, np.float32), np.empty(dim, np.float32), np.empty(known, np.float32)
    out, hashes = np.empty(0, np.int64), np.empty(0, np.uint64)
    total = 0.0
    for place in range(len(order)):
        row = order[place]
        room, tokens = _room(features, offsets[row + 1] - offsets[row])
        if room > len(out):
            out, hashes = np.empty(room, np.int64), np.empty(max(tokens, len(hashes)), np.uint64)
        count = _rows_of(words, features, data, offsets[row], offsets[row + 1], out, hashes)
        hidden[:] = 0
        for k in range(count):
            of_feature = rows[out[k]]
            for d in range(dim):
                hidden[d] += of_feature[d]
        for d in range(dim):
            hidden[d] /= count
        top = np.float32(-np.inf)
        for label in range(known):
            x = np.float32(0)
            for d in range(dim):
                x += hidden[d] * output[label, d]
            chances[label] = x
            top = max(top, x)
        z = np.float32(0)
        for label in range(known):
            chances[label] = np.exp(chances[label] - top)
            z += chances[label]
        target = labels[row]
        total -= weights[target] * np.log(max(chances[target] / z, np.float32(1e-30)))
        rate = weights[target] * (first + (last - first) * np.float32(place) / np.float32(len(order)))
        if rate > 0:
            slope[:] = 0
            for label in range(known):
                step = rate * (np.float32(label == target) - chances[label] / z)
                for d in range(dim):
                    slope[d] += step * output[label, d]
                    output[label, d] += step * hidden[d]
            for d in range(dim):
                slope[d] /= count
            for k in range(count):
                of_feature = rows[out[k]]
                for d in range(dim):
                    of_feature[d] += slope[d]
    return total


@njit(cache=True)
def _mark(words: Any, features: Any, data: Any, offsets: Any, seen: Any) -> None:
    """Set what stands for a row that a text has."""
    out, hashes = np.empty(0, np.int64), np.empty(0, np.uint64)
    for row in range(len(offsets) - 1):
        room, tokens = _room(features, offsets[row + 1] - offsets[row])
        if room > len(out):
            out, hashes = np.empty(room, np.int64), np.empty(max(tokens, len(hashes)), np.uint64)
        for k in range(_rows_of(words, features, data, offsets[row], offsets[row + 1], out, hashes)):
            seen[out[k]] = True


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    train(
        Utf8.of_strings(["a", "b"]), [0, 1], ("a", "b"), dim=2, rate=0.1, epochs=1, word_ngrams=1, min_n=0, max_n=0, min_count=1,
        max_words=9, buckets=1, weights=[1, 1], seed=0,
    )  # fmt: skip
