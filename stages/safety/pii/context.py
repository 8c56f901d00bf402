"""Words near a number that say what it is (`context.txt`), found by walking a trie over a few bytes.

Only numbers that might be personal data get here, so the cost does not depend on ordinary text.
"""

from __future__ import annotations

import functools
import operator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

PHONE, CARD, IP, SSN, OTHER, AFTER_PHONE, AFTER_IP = (1 << k for k in range(7))
_BITS = {"phone": PHONE, "card": CARD, "ip": IP, "ssn": SSN, "other": OTHER, "after_phone": AFTER_PHONE, "after_ip": AFTER_IP}
_WHOLE = 1 << 7
WINDOW_BYTES = 56
"""How far before a number words are looked for (ours)."""
_LONG_WORD = 5
_STOPS = np.zeros(256, np.bool_)
_STOPS[list(b"0123456789=;{}|")] = True  # other numbers, and marks of program code


@cache
def trie() -> tuple[Any, Any, Any]:
    """The words of context.txt.

    Returns: column of each byte, int64 (256,), 0 for a byte in no word; next node by node and column, int16, 0 for none, where
        node 0 is the root; and the flags of the word that ends in a node, int64.
    """
    words: dict[bytes, int] = {}
    for line in (Path(__file__).parent / "context.txt").read_text(encoding="utf-8").splitlines():
        kind, *named = line.split() if line and not line.startswith("#") else [""]
        for name in named:
            whole = 0 if name.endswith("*") or not name.isascii() else _WHOLE
            key = name.removesuffix("*").replace("_", " ").encode()
            words[key] = words.get(key, 0) | _BITS[kind] | whole
    used = sorted({byte for word in words for byte in word})
    column = np.zeros(256, np.int64)
    column[used] = np.arange(1, len(used) + 1)
    for word in words:  # `mobile` is all that `mobil*` is
        starred = (words[word[:k]] for k in range(1, len(word)) if not words.get(word[:k], _WHOLE) & _WHOLE)
        words[word] |= functools.reduce(operator.or_, starred, 0)
    nodes: list[dict[int, int]] = [{}]
    flags = [0]
    for word, flag in words.items():
        at = 0
        for byte in word:
            if byte not in nodes[at]:
                nodes[at][byte] = len(nodes)
                nodes.append({})
                flags.append(0)
            at = nodes[at][byte]
        flags[at] = flag
    following = np.zeros((len(nodes), len(used) + 1), np.int16)
    for node, children in enumerate(nodes):
        for byte, child in children.items():
            following[node, column[byte]] = child
    return column, following, np.array(flags, np.int64)


@njit(cache=True)
def is_letter(b: Any) -> bool:
    """Whether a byte is an ASCII letter."""
    return bool(65 <= b <= 90 or 97 <= b <= 122)


@njit(cache=True)
def is_digit(b: Any) -> bool:
    """Whether a byte is an ASCII digit."""
    return bool(48 <= b <= 57)


@njit(cache=True)
def _word_at(data: Any, i: Any, end: Any, words: Any) -> Any:
    """Flags of the longest word that starts at i, and where it ends; (0, i) for none."""
    column, following, flags = words
    node, found, stop = 0, 0, i
    j = i
    while j < end:
        b = data[j]
        node = following[node, column[b + 32 if 65 <= b <= 90 else b]]
        j += 1
        if node == 0:
            break
        whole = flags[node] & _WHOLE
        if flags[node] != 0 and (whole == 0 or j == end or not (is_letter(data[j]) or is_digit(data[j]) or data[j] == 95)):
            found, stop = flags[node] & ~_WHOLE, j
    return found, stop


@njit(cache=True)
def words_before(data: Any, low: Any, i: Any, words: Any) -> Any:
    """Flags of the nearest word of `trie()` before i, 0 for none.

    The search ends at another number, at marks of program code, at an empty line, and at the full stop behind a word of five letters:
    `Tel. 030` goes on, `office hours. 030` does not.
    """
    begin = i
    while begin > low and i - begin < WINDOW_BYTES:
        b = data[begin - 1]
        if _STOPS[b] or (b == 10 and begin < i and data[begin] == 10):
            break
        if b == 0x82 and begin - 3 >= low and data[begin - 2] == 0x80 and data[begin - 3] == 0xE3:  # ideographic full stop
            break
        if b == 46 and begin < i and data[begin] <= 32:
            letters = 0
            while begin - 2 - letters >= low and letters < _LONG_WORD and is_letter(data[begin - 2 - letters]):
                letters += 1
            if letters == _LONG_WORD:
                break
        begin -= 1
    found = 0
    k = begin
    while k < i:
        b = data[k]
        inside = k > low and is_letter(b) and (is_letter(data[k - 1]) or data[k - 1] == 95)
        if not inside:
            flags, stop = _word_at(data, k, i, words)
            if flags & ~(AFTER_PHONE | AFTER_IP):
                found = flags
                k = stop
                continue
        k += 1
    return found


@njit(cache=True)
def word_after(data: Any, i: Any, end: Any, words: Any) -> Any:
    """Flags of the word of `trie()` that follows at i, behind at most two marks or spaces; 0 for none."""
    k = i
    while k < end and k < i + 2 and (data[k] == 32 or data[k] == 45 or data[k] == 44):
        k += 1
    flags, _ = _word_at(data, k, end, words)
    return flags
