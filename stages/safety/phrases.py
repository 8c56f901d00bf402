"""Lists of words and phrases, and where documents hold them.

A list is a file (UTF-8 text, or .gz) with one word or phrase a line; blank lines and lines that begin
with `#` are skipped. A phrase is compared in simple lower case, in NFC and in NFD, as a run of the words of
curation/text.py with exactly its own marks between them, any white space for a space. So a word
never matches inside a longer one, but for the parts of a compound (`a-b`, `a's`); in Chinese,
Japanese, Thai, Lao, Khmer and Myanmar, where a character is a word, a phrase matches wherever its
characters stand, but a single character only where none stands beside it (it is a part of many
words), and katakana only where no katakana goes on. The longest phrase from the left wins, and
matches do not overlap.

Words are looked up by their hashes; a match is then compared character by character.
"""

from __future__ import annotations

import gzip
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numba import njit

from curation.stage import AssetMark, Batch
from curation.text import CLASS_BLOCKS, CLASS_INDEX, LOWER_BLOCKS, LOWER_INDEX, Utf8, Words, char_class, decode, mix64
from curation.unicode_tables import CJK, SPACE

MAX_PHRASE_WORDS = 32
"""A longer line is no phrase (ours): it bounds what one word of a text can cost."""
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9-]+)?(?:\.(?:txt|gz))*")
_I: Any = np.int64
_U: Any = np.uint64


@dataclass(frozen=True)
class Phrase:
    """A phrase in its normal form.

    chars: characters, those of scripts written without spaces counted three times (a Chinese word of two
    characters says as much as one of six letters). words: words apart by white space, 1 for a single one.
    """

    text: str
    chars: int
    words: int


def read_list(path: Path) -> tuple[list[Phrase], list[tuple[int, str]]]:
    """Phrases of a file without repetition, in order; and its broken lines: (line from 1, what is wrong).

    Raises: ValueError for a file without one usable line.
    """
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    phrases: dict[str, Phrase] = {}
    broken = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if not raw.strip() or raw.startswith(b"#"):
            continue
        try:
            phrase = phrase_of(raw.decode())
            phrases.setdefault(phrase.text, phrase)
        except UnicodeDecodeError:
            broken.append((number, "not UTF-8"))
        except ValueError as e:
            broken.append((number, str(e)))
    if not phrases:
        raise ValueError(f"{path} has no usable word or phrase")
    return list(phrases.values()), broken


def phrase_of(line: str) -> Phrase:
    """The phrase a line holds.

    Raises: ValueError saying why it holds none.
    """
    folded = Utf8.of_strings([unicodedata.normalize("NFC", line)]).folded()
    text = bytes(folded.data).decode()
    words = folded.words()
    if len(words) == 0:
        raise ValueError("no word")
    if words.starts[0] > 0 or words.ends[-1] < len(folded.data):
        raise ValueError("begins or ends with a mark")
    if len(words) > MAX_PHRASE_WORDS:
        raise ValueError(f"more than {MAX_PHRASE_WORDS} words")
    chars = sum(3 if _kind(char) >= CJK else 1 for char in text if char != " ")
    return Phrase(text, chars, len(text.split()))


def _kind(char: str) -> int:
    return int(char_class(_I(ord(char)), CLASS_INDEX, CLASS_BLOCKS))


def files_of(path: Path) -> dict[str, Path]:
    """Lists of a folder by language: files named for it (`en`, `pt-BR.txt`)."""
    return {p.name.partition(".")[0]: p for p in sorted(path.iterdir()) if p.is_file() and _LANGUAGE.fullmatch(p.name)}


def _check(path: Path) -> str | None:
    """Read a list, or the lists of a folder. Returns: what in it is of no use.

    Raises: ValueError where a list, or the folder, has nothing to use.
    """
    files = list(files_of(path).values()) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path} has no file named for a language, such as en.txt")
    said = []
    if path.is_dir() and (others := sorted({p.name for p in path.iterdir()} - {p.name for p in files})):
        said.append(f"not named for a language, ignored: {', '.join(others)}")
    for file in files:
        if broken := read_list(file)[1]:
            shown = ", ".join(f"{number} ({why})" for number, why in broken[:5]) + (", ..." if len(broken) > 5 else "")
            said.append(f"{file}: {len(broken)} broken line{'s' if len(broken) > 1 else ''} ignored: {shown}")
    return "; ".join(said) or None


PhraseFile = Annotated[str, AssetMark(read=_check, folder=True)]
Lists = PhraseFile | dict[str, PhraseFile]
"""Parameter: a list for each language, {en: path}, or a folder of files named for their languages."""


@dataclass(frozen=True)
class Lexicon:
    """All phrases of some lists, as a trie over hashes of words.

    languages: the lists. phrases: p of them, each once. member: bool (languages, p).
    first: 65,536 bits, set at the low bits of each first word's hash.
    keys, next: open addressing: mix64(state, hash of a word) -> state, 0 in an empty slot.
    accepts: int64 (states,), the phrase that ends in a state or -1. chars, offsets: the phrases' code points.
    """

    languages: tuple[str, ...]
    phrases: tuple[Phrase, ...]
    member: Any
    first: Any
    keys: Any
    next: Any
    accepts: Any
    chars: Any
    offsets: Any

    @staticmethod
    def of(lists: Mapping[str, Iterable[Phrase]]) -> Lexicon:
        """The lexicon of phrases by language."""
        numbers: dict[str, int] = {}
        phrases: list[Phrase] = []
        pairs = []
        for row, of_language in enumerate(lists.values()):
            for phrase in of_language:
                for text in dict.fromkeys((phrase.text, unicodedata.normalize("NFD", phrase.text))):
                    if text not in numbers:
                        numbers[text] = len(phrases)
                        phrases.append(phrase)
                    pairs.append((row, numbers[text]))
        member = np.zeros((len(lists), len(phrases)), dtype=bool)
        member[tuple(np.array(pairs, np.int64).T)] = True
        words = Utf8.of_strings(list(numbers)).words()
        hashes = words.hashes(lower=True)
        first = np.zeros(1 << 10, np.uint64)
        size = 1 << int(2 * len(hashes) + 16).bit_length()
        keys, following = np.zeros(size, np.uint64), np.zeros(size, np.int64)
        accepts = np.full(len(hashes) + 1, -1, np.int64)
        _build(hashes, words.offsets, first, keys, following, accepts)
        points = [np.frombuffer(text.encode("utf-32-le"), np.int32) for text in numbers]
        offsets = np.concatenate(([0], np.cumsum([len(p) for p in points], dtype=np.int64)))
        return Lexicon(tuple(lists), tuple(phrases), member, first, keys, following, accepts, np.concatenate(points), offsets)

    def find(self, words: Words, member: Any, group: Any, weights: Any) -> Any:
        """What each document holds.

        Args:
            member: bool (groups, p), phrases looked for in documents of a group. group: int64 (n,), -1 = none.
            weights: float64 (p,), of the phrases, or (p, k) of k kinds.
        Returns: float64 (2 + k, n): matches, their weights of each kind together, different phrases.
        """
        inner, weights = words.parts(), weights.reshape(len(weights), -1)
        return _find(
            words.text.data, words.starts, words.ends, words.hashes(lower=True), words.offsets, inner.starts, inner.ends,
            inner.hashes(lower=True), inner.offsets, member, group, weights, self.first, self.keys, self.next, self.accepts,
            self.chars, self.offsets, LOWER_INDEX, LOWER_BLOCKS, CLASS_INDEX, CLASS_BLOCKS,
        )  # fmt: skip


def lexicon(lists: str | Mapping[str, str]) -> Lexicon:
    """The lexicon of a `Lists` parameter, loaded once per process and content size."""
    files = files_of(Path(lists)) if isinstance(lists, str) else {language: Path(path) for language, path in lists.items()}
    return _loaded(tuple((language, str(path), path.stat().st_size) for language, path in files.items()))


@cache
def _loaded(files: tuple[tuple[str, str, int], ...]) -> Lexicon:
    return Lexicon.of({language: read_list(Path(path))[0] for language, path, _ in files})


def found(batch: Batch, words: Lexicon, always: tuple[str, ...], weights: Any) -> Any:
    """Phrases of each document: those of its language's list, of the lists `always` names, and of `default` for other languages.

    Returns: float64 (3, n), as `Lexicon.find`. A language without any list is noted.
    """
    row = {language: k for k, language in enumerate(words.languages)}
    langs = batch["lang"].to_pylist()
    group_of: dict[str | None, int] = {}
    groups: list[Any] = []
    for lang in sorted(set(langs), key=str):
        own = lang if lang in row else "default" if "default" in row else None
        chosen = sorted({row[name] for name in ([own] if own else []) + [a for a in always if a in row]})
        if own != lang and lang is not None:
            instead = own or ", ".join(always) or "none"
            batch.note(f"no list (used: {instead})", {lang})
        group_of[lang] = len(groups) if chosen else -1
        if chosen:
            groups.append(words.member[chosen].any(axis=0))
    member = np.array(groups, dtype=bool).reshape(len(groups), len(words.phrases))
    return words.find(batch.words(), member, np.array([group_of[lang] for lang in langs], np.int64), weights)


@njit(cache=True)
def _step(state: Any, word: Any, keys: Any, following: Any) -> Any:
    """The state after one more word, 0 where no phrase goes on so."""
    mask = len(keys) - 1
    key = mix64(_U(state), word)
    at = _I(key & _U(mask))
    while following[at] != 0 and keys[at] != key:
        at = (at + 1) & mask
    return following[at]


@njit(cache=True)
def _build(hashes: Any, offsets: Any, first: Any, keys: Any, following: Any, accepts: Any) -> None:
    """Fill a lexicon's arrays with phrases of some words each."""
    states, mask = 1, len(keys) - 1
    for phrase in range(len(offsets) - 1):
        state = _I(0)
        low = hashes[offsets[phrase]] & _U(0xFFFF)
        first[_I(low >> _U(6))] |= _U(1) << (low & _U(63))
        for k in range(offsets[phrase], offsets[phrase + 1]):
            key = mix64(_U(state), hashes[k])
            at = _I(key & _U(mask))
            while following[at] != 0 and keys[at] != key:
                at = (at + 1) & mask
            if following[at] == 0:
                keys[at], following[at] = key, states
                states += 1
            state = following[at]
        accepts[state] = phrase


@njit(cache=True)
def _same(data: Any, i: Any, end: Any, chars: Any, at: Any, stop: Any, lower: Any, lower_blocks: Any, index: Any, blocks: Any) -> bool:
    """Whether data[i:end] in lower case, its white space folded, is chars[at:stop]."""
    while i < end and at < stop:
        code, width = decode(data, i, end)
        if char_class(code, index, blocks) == SPACE:
            while i < end and char_class(code, index, blocks) == SPACE:
                i += width
                code, width = decode(data, i, end)
            code = _I(32)
        else:
            code += _I(lower_blocks[(_I(lower[code >> 8]) << 8) | (code & 255)])
            i += width
        if chars[at] != code:
            return False
        at += 1
    return bool(i >= end and at == stop)


@njit(cache=True)
def _katakana(data: Any, i: Any, end: Any) -> bool:
    code = decode(data, i, end)[0]
    return bool(0x30A0 <= code <= 0x30FF or 0xFF66 <= code <= 0xFF9F)


@njit(cache=True)
def _is_cut(data: Any, starts: Any, ends: Any, k: Any, j: Any, first: Any, last: Any, index: Any, blocks: Any) -> bool:
    """Whether words k to j of a document's words [first, last), of a script without spaces, are a part of a longer word."""
    if data[starts[k]] < 0xE0 and data[starts[j - 1]] < 0xE0:
        return False
    before = k > first and ends[k - 1] == starts[k]
    behind = j < last and starts[j] == ends[j - 1]
    if j == k + 1 and (before or behind):
        return bool(char_class(decode(data, starts[k], ends[k])[0], index, blocks) >= CJK)
    if before and _katakana(data, starts[k], ends[k]) and _katakana(data, starts[k - 1], ends[k - 1]):
        return True
    return bool(behind and _katakana(data, starts[j - 1], ends[j - 1]) and _katakana(data, starts[j], ends[j]))


@njit(cache=True)
def _count(phrase: Any, row: Any, out: Any, weights: Any, seen: Any) -> None:
    out[0, row] += 1
    for kind in range(weights.shape[1]):
        out[1 + kind, row] += weights[phrase, kind]
    out[-1, row] += seen[phrase] != row
    seen[phrase] = row


@njit(cache=True)
def _find(
    data: Any, starts: Any, ends: Any, hashes: Any, offsets: Any, part_starts: Any, part_ends: Any, part_hashes: Any, part_offsets: Any,
    member: Any, group: Any, weights: Any, first: Any, keys: Any, following: Any, accepts: Any, chars: Any, chars_at: Any,
    lower: Any, lower_blocks: Any, index: Any, blocks: Any,
) -> Any:  # fmt: skip
    """Matches of each document, their weights, different phrases; see `Lexicon.find`."""
    n = len(offsets) - 1
    out = np.zeros((2 + weights.shape[1], n))
    seen = np.full(len(weights), -1, np.int64)
    for row in range(n):
        if group[row] < 0:
            continue
        wanted = member[group[row]]
        part, last_part = part_offsets[row], part_offsets[row + 1]
        k, end = offsets[row], offsets[row + 1]
        while k < end:
            best, after = _I(-1), k + 1
            low = hashes[k] & _U(0xFFFF)
            if (first[_I(low >> _U(6))] >> (low & _U(63))) & _U(1):
                state, j = _I(0), k
                while j < end:
                    state = _step(state, hashes[j], keys, following)
                    if state == 0:
                        break
                    j += 1
                    p = accepts[state]
                    if p < 0 or not wanted[p] or _is_cut(data, starts, ends, k, j, offsets[row], end, index, blocks):
                        continue
                    if _same(data, starts[k], ends[j - 1], chars, chars_at[p], chars_at[p + 1], lower, lower_blocks, index, blocks):
                        best, after = p, j
            if best >= 0:
                _count(best, row, out, weights, seen)
            while part < last_part and part_starts[part] < ends[after - 1]:
                low = part_hashes[part] & _U(0xFFFF)
                if best < 0 and (first[_I(low >> _U(6))] >> (low & _U(63))) & _U(1):
                    p = accepts[_step(_I(0), part_hashes[part], keys, following)]
                    i, stop = part_starts[part], part_ends[part]
                    if (
                        p >= 0
                        and wanted[p]
                        and _same(data, i, stop, chars, chars_at[p], chars_at[p + 1], lower, lower_blocks, index, blocks)
                    ):
                        _count(p, row, out, weights, seen)
                part += 1
            k = after
    return out


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    some = Lexicon.of({"en": [Phrase("some words", 9, 2)]})
    some.find(Utf8.of_strings(["a-b some words"]).words(), some.member, np.zeros(1, np.int64), np.ones(1))
