"""How likely the letters of a language make up a word: what a word that was never seen is smoothed by.

P(word) is a product over its characters and its end, in lower case, each given the two before it: trigram counts, backed off to
bigrams and single characters by a prior of `PRIOR` counts at each step. So over all words it sums to 1. Counts of all orders share
one table of 2**LETTER_BITS slots by hash, of every `EVERY`-th word of each document.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from curation.text import LOWER_BLOCKS, LOWER_INDEX, Words, decode

LETTER_BITS = 16
EVERY = 16
"""Letters of one word in so many are counted: the table says the same in a sixteenth of the time (ours)."""
PRIOR = 5.0
ALPHABET = 2_000
"""Characters a language may have; one never seen has half a count (ours)."""
MOST_LETTERS = 40
"""Characters of a word that are looked at."""
_ANY, _BEGIN, _END = 0, 1, 2
"""Stand for no character, and what is before and after a word: no letter has these code points."""
_I: Any = np.int64
_U: Any = np.uint64


def letter_totals(code: Any, order: Any, words: Words) -> tuple[Any, Any, Any]:
    """Letter counts of each language of a batch.

    Args:
        code: int64 (n,), language of each document; order: int64 (n,), documents in the order of it.
    Returns: (a document of the language, slot, count), int64 (m,) each.
    """
    data, spans = words.text.data, (words.starts, words.ends, words.offsets)
    document, slot, count = _letter_totals(code, order, data, *spans, LOWER_INDEX, LOWER_BLOCKS)
    return document, slot, count


@njit(cache=True)
def _slot(a: Any, b: Any, c: Any) -> Any:
    mixed = (_U(a) * _U(0x9E3779B97F4A7C15)) ^ (_U(b) * _U(0xC2B2AE3D27D4EB4F)) ^ (_U(c) * _U(0x165667B19E3779F9))
    mixed = (mixed ^ (mixed >> _U(29))) * _U(0xBF58476D1CE4E5B9)
    return _I(mixed >> _U(64 - LETTER_BITS))


@njit(cache=True)
def _letter_totals(code: Any, order: Any, data: Any, starts: Any, ends: Any, offsets: Any, index: Any, blocks: Any) -> Any:
    held = np.zeros(1 << LETTER_BITS, np.int64)
    used = np.empty(1 << LETTER_BITS, np.int64)
    most = 0
    for row in range(len(offsets) - 1):
        most += min(_I(1 << LETTER_BITS), 3 * (MOST_LETTERS + 1) * ((offsets[row + 1] - offsets[row]) // EVERY + 1)) + 1
    document, slot, count = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    m, at = 0, 0
    while at < len(order):
        begin, n, characters = at, 0, 0
        while at < len(order) and code[order[at]] == code[order[begin]]:
            row = order[at]
            for k in range(offsets[row], offsets[row + 1], EVERY):
                a, b, i, letters = _I(_BEGIN), _I(_BEGIN), starts[k], 0
                while True:
                    if i < ends[k] and letters < MOST_LETTERS:
                        c, width = decode(data, i, ends[k])
                        c += _I(blocks[(_I(index[c >> 8]) << 8) | (c & 255)])
                        i += width
                        letters += 1
                    else:
                        c = _I(_END)
                    characters += 1
                    for s in (_slot(a, b, c), _slot(_ANY, b, c), _slot(_ANY, _ANY, c)):
                        if held[s] == 0:
                            used[n] = s
                            n += 1
                        held[s] += 1
                    if c == _END:
                        break
                    a, b = b, c
            at += 1
        if characters > 0:
            document[m], slot[m], count[m] = order[begin], _slot(_ANY, _ANY, _ANY), characters
            m += 1
        for j in range(n):
            document[m], slot[m], count[m] = order[begin], used[j], held[used[j]]
            held[used[j]] = 0
            m += 1
    return document[:m].copy(), slot[:m].copy(), count[:m].copy()


@njit(cache=True)
def surprisal(data: Any, i: Any, end: Any, letters: Any, index: Any, blocks: Any) -> Any:
    """-log P of the word data[i:end], in nats.

    Args:
        letters: float32 (2**LETTER_BITS,), counts by slot. index, blocks: LOWER_INDEX and LOWER_BLOCKS of curation/text.py.
    """
    a, b, seen, total = _I(_BEGIN), _I(_BEGIN), 0, 0.0
    words, characters = np.float64(letters[_slot(_ANY, _ANY, _END)]), np.float64(letters[_slot(_ANY, _ANY, _ANY)])
    while True:
        if i < end and seen < MOST_LETTERS:
            c, width = decode(data, i, end)
            c += _I(blocks[(_I(index[c >> 8]) << 8) | (c & 255)])
            i += width
            seen += 1
        else:
            c = _I(_END)
        after_b = words if b == _BEGIN else np.float64(letters[_slot(_ANY, _ANY, b)])
        after_ab = words if b == _BEGIN else np.float64(letters[_slot(_ANY, a, b)])
        chance = (np.float64(letters[_slot(_ANY, _ANY, c)]) + 0.5) / (characters + 0.5 * ALPHABET)
        chance = (np.float64(letters[_slot(_ANY, b, c)]) + PRIOR * chance) / (after_b + PRIOR)
        chance = (np.float64(letters[_slot(a, b, c)]) + PRIOR * chance) / (after_ab + PRIOR)
        total -= np.log(chance)
        if c == _END:
            return total
        a, b = b, c
