"""Remove lines of repeated content, such as logs and error messages; drop a document where too little is left.

Source:  Llama 3, section 3.1.1: lines of repeated content such as logs and error messages, long and unique, so that line
         dedup does not see them, are removed by the coverage of duplicated n-grams (a measure of Gopher, Rae et al. 2021). The
         paper has no number and no more detail: n, coverage, lengths and all that follows are ours.
Units:   lines and words as in curation/text.py. A word with an ASCII digit (a number, a hash, an identifier) is alike to any
         other such, so lines made from one template are alike, whatever the time. An n-gram lies within a line, is not numbers
         alone, and is repeated if min_lines lines have it. The coverage of a line is the share of its words without a
         digit that are in repeated n-grams. repeated_lines = lines removed; removed_fraction = their share of the text's
         characters; repeated_coverage = coverage of the document, before; words_left = words of a document that lost a line,
         null of others.
Params:  n -- words in an n-gram; four times as many in a document whose words are characters (Chinese, Japanese, Thai, Lao,
         Khmer, Myanmar).
         min_lines -- see Units; and so many lines together must be removable for any of them to go (one other line may stand
         between two of them, a blank line ends them).
         max_coverage -- a line of larger coverage is removable if it has min_line_words words, n of them without a digit,
         and looks made by a machine, or stands directly behind one that does; null = none is.
         min_sign_fraction -- looks made by a machine: that share of its characters without space are ASCII digits and marks;
         twice the share if it ends like a sentence; that share of digits alone if it ends like code (; { } , ( or a
         backslash). An item of a list (- or 1. in front) and a row of a table (a tab between words) never does.
         max_own_coverage -- a line of min_own_words words goes, whatever it looks like, if a larger share of them is in
         n-grams that came before in the same line; null = none goes. A line that is a formula ($ in front) never does.
         min_words -- a document that loses a line and has fewer words left is dropped; null = none is.
         The two coverages and min_words may be maps by `lang` or `profile`; by default pages of the profiles code and math lose
         nothing, where there is a column `profile`.
Drops:   too_little_left.
Errors:  none of its own. Text that loses no line stays as it is, byte by byte; null becomes empty.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from pydantic import Field

from curation.rules import Bound
from curation.stage import Batch, Columns, PerGroup, StageParams, stage
from curation.text import UNICODE_VERSION, Utf8, mix64
from stages.heuristics.code_lines import is_item
from stages.heuristics.duplicates import slots_for

_I: Any = np.int64
_U: Any = np.uint64
_NUMBER = _U(0)
"""Stands for every word that is a number; no word's hash, but by a chance of 2**-64."""
_BASE = _U(0x9E3779B97F4A7C15)
OWN_TIMES = 4
"""Words of a script written without spaces that make one word of another (ours: between Chinese and Thai)."""


class Params(StageParams):
    """Parameters of repeated_lines; see the file's docstring."""

    n: int = Field(3, ge=1)
    min_lines: int = Field(5, ge=2)
    max_coverage: PerGroup[float | None] = {"default": 0.4, "code": None, "math": None}
    min_line_words: int = Field(7, ge=1)
    min_sign_fraction: float = 0.125
    max_own_coverage: PerGroup[float | None] = {"default": 0.8, "code": None, "math": None}
    min_own_words: int = Field(30, ge=1)
    min_words: PerGroup[int | None] = 50


RULES = (Bound("too_little_left", "words_left", least="min_words"),)


@njit(cache=True)
def _tokens(data: Any, starts: Any, ends: Any, hashes: Any, first: Any, last: Any, out: Any) -> None:
    """Write the hashes of words first to last, _NUMBER for those with a digit."""
    for k in range(first, last):
        out[k - first] = hashes[k]
    k = first
    # Digits are looked for in the bytes, not word by word: most text has few.
    for i in range(starts[first], ends[last - 1]):
        if 48 <= data[i] <= 57:
            while ends[k] <= i:
                k += 1
            out[k - first] = _NUMBER


@njit(cache=True)
def _is_machine_made(data: Any, start: Any, end: Any, first: Any, last: Any, min_sign_fraction: Any) -> bool:
    """Whether a line, whose words go from `first` to `last`, has the marks and digits of machine output.

    Prose that ends as a sentence needs more of them, what ends as code does as many digits; items of lists and rows of tables never have.
    """
    if is_item(data, start, end):
        return False
    signs, digits, all_ = 0, 0, 0
    final = 0
    for i in range(start, end):
        b0 = data[i]
        if b0 == 9 and first < i < last:
            return False
        if b0 > 32:
            final = b0
            all_ += 1
            digits += 48 <= b0 <= 57
            signs += b0 < 128 and not (65 <= (b0 & 0xDF) <= 90)
    if final == 46 or final == 33 or final == 63:  # . ! ?
        return bool(signs >= 2 * min_sign_fraction * all_)
    if final == 59 or final == 123 or final == 125 or final == 44 or final == 40 or final == 92:  # ; { } , ( \
        return bool(digits >= min_sign_fraction * all_)
    return bool(signs >= min_sign_fraction * all_)


@njit(cache=True)
def _keep_short_runs(alike: Any, line_words: Any, first: Any, last: Any, min_lines: Any) -> None:
    """Unmark runs of fewer than min_lines marked lines; one other line may stand within a run, a line without a word may not."""
    begin, count, behind = first, 0, 0
    for line in range(first, last + 1):
        if line < last and alike[line]:
            if count == 0:
                begin = line
            count += 1
            behind = 0
            continue
        behind += 1
        if line == last or behind > 1 or line_words[line] == 0:
            if 0 < count < min_lines:
                alike[begin:line] = False
            count = 0


@njit(cache=True)
def _meet(
    line_ends: Any, low: Any, high: Any, starts: Any, first: Any, last: Any, tokens: Any, n: Any,
    slots: Any, values: Any, met_first: Any, found_in: Any, last_line: Any, line_words: Any, own: Any,
) -> None:  # fmt: skip
    """Find the n-grams of one document, its lines low to high, its words first to last.

    Writes: of each word (from 0) where the n-gram it begins is met first (a word again, or -1 for none), and there the lines
    that have it; of each line its words, and how many of them are in n-grams that came before in it.
    values, last_line: room for as much. slots: a hash table; what earlier documents left in it is not above `first`.
    """
    mask = slots_for(last - first) - 1
    leading = _U(1)
    for _ in range(n - 1):
        leading *= _BASE
    k = first
    for line in range(low, high):
        begin, covered = k, k
        rolling, letters = _U(0), 0
        while k < last and starts[k] < line_ends[line]:
            at = k - first
            met_first[at] = -1
            rolling = rolling * _BASE + tokens[at]
            letters += tokens[at] != _NUMBER
            k += 1
            if k - begin < n:
                continue
            gram = at - n + 1
            if letters > 0:
                value = mix64(rolling, _U(n))
                slot = _I(value & _U(mask))
                while slots[slot] > first and values[slots[slot] - 1 - first] != value:
                    slot = (slot + 1) & mask
                if slots[slot] <= first:
                    slots[slot] = first + gram + 1
                    values[gram], found_in[gram], last_line[gram] = value, 1, line
                same = slots[slot] - 1 - first
                met_first[gram] = same
                if last_line[same] != line:
                    found_in[same] += 1
                    last_line[same] = line
                elif same != gram:
                    own[line] += k - max(first + gram, covered)
                    covered = k
            rolling -= tokens[gram] * leading
            letters -= tokens[gram] != _NUMBER
        line_words[line] = k - begin


@njit(cache=True)
def _judge(
    data: Any, line_starts: Any, line_ends: Any, line_offsets: Any, starts: Any, ends: Any, hashes: Any, offsets: Any, chars: Any,
    n: Any, min_lines: Any, max_coverage: Any, min_line_words: Any, min_sign_fraction: Any, max_own: Any, min_own_words: Any,
) -> Any:  # fmt: skip
    """Which lines go, bool (lines,); of each document, its coverage and the words of the lines that go.

    max_coverage, max_own: float64 (documents,), NaN for no bound. The other arguments are as the parameters, lines and words.
    """
    rows, all_lines = len(offsets) - 1, len(line_starts)
    gone, alike = np.zeros(all_lines, np.bool_), np.zeros(all_lines, np.bool_)
    line_words, own = np.zeros(all_lines, np.int64), np.zeros(all_lines, np.int64)
    coverage, gone_words = np.zeros(rows), np.zeros(rows, np.int64)
    most = 0
    for row in range(rows):
        most = max(most, offsets[row + 1] - offsets[row])
    slots = np.zeros(slots_for(most), np.int64)
    tokens, values = np.empty(most, np.uint64), np.empty(most, np.uint64)
    met_first, found_in, last_line = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    for row in range(rows):
        first, last = offsets[row], offsets[row + 1]
        low, high = line_offsets[row], line_offsets[row + 1]
        if last - first < n or (np.isnan(max_coverage[row]) and np.isnan(max_own[row])):
            continue
        length = _I(0)
        for k in range(first, last):
            length += chars[k]
        in_row = n * OWN_TIMES if length < 2 * (last - first) else n
        _tokens(data, starts, ends, hashes, first, last, tokens)
        _meet(line_ends, low, high, starts, first, last, tokens, in_row, slots, values, met_first, found_in, last_line, line_words, own)
        k, all_letters, all_inside = first, 0, 0
        for line in range(low, high):
            begin, covered, letters, inside = k, k, 0, 0
            for k in range(begin, begin + line_words[line]):
                same = met_first[k - first]
                if same >= 0 and found_in[same] >= min_lines:
                    covered = k + in_row
                if tokens[k - first] != _NUMBER:
                    letters += 1
                    inside += covered > k
            k = begin + line_words[line]
            all_letters += letters
            all_inside += inside
            formula = line_starts[line] < line_ends[line] and data[line_starts[line]] == 36  # $
            gone[line] = line_words[line] >= min_own_words and own[line] > max_own[row] * line_words[line] and not formula
            if line_words[line] >= min_line_words and letters >= n and inside > max_coverage[row] * letters:
                # Directly behind a line of a log, a line of its templates need not look like one.
                alike[line] = (line > low and alike[line - 1]) or _is_machine_made(
                    data, line_starts[line], line_ends[line], starts[begin], ends[k - 1], min_sign_fraction
                )
        _keep_short_runs(alike, line_words, low, high, min_lines)
        for line in range(low, high):
            gone[line] |= alike[line]
            gone_words[row] += line_words[line] if gone[line] else 0
        coverage[row] = all_inside / max(1, all_letters)
    return gone, coverage, gone_words


@njit(cache=True)
def _without(data: Any, offsets: Any, line_starts: Any, line_ends: Any, line_offsets: Any, gone: Any) -> Any:
    """The text without the lines that go, their line ends, and a blank line behind them where one stands before.

    Returns: bytes and offsets as of `Utf8`; lines removed and their characters, int64 (documents,) each.
    """
    rows = len(offsets) - 1
    out = np.empty(offsets[rows] - offsets[0], np.uint8)
    new_offsets = np.zeros(rows + 1, np.int64)
    lines, chars = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    at = _I(0)
    for row in range(rows):
        after_gap, blank_before = False, True
        for line in range(line_offsets[row], line_offsets[row + 1]):
            start = line_starts[line]
            stop = line_starts[line + 1] if line + 1 < line_offsets[row + 1] else offsets[row + 1]
            if gone[line]:
                lines[row] += 1
                for i in range(start, stop):
                    chars[row] += (data[i] & 0xC0) != 0x80
                after_gap = True
                continue
            blank = True
            for i in range(start, line_ends[line]):
                blank = blank and data[i] <= 32
            if not (blank and after_gap and blank_before):
                out[at : at + stop - start] = data[start:stop]
                at += stop - start
            after_gap = after_gap and blank
            blank_before = blank
        new_offsets[row + 1] = at
    return out[:at].copy(), new_offsets, lines, chars


def _bound(batch: Batch, value: Any) -> Any:
    """A coverage for each document, NaN for none: float64 (n,)."""
    bound = batch.per_row(value)
    return np.full(len(batch), np.nan if bound is None else bound, np.float64)


@stage(
    reads=["text"],
    writes={
        "text": pa.large_string(), "repeated_lines": pa.int32(), "removed_fraction": pa.float32(), "repeated_coverage": pa.float32(),
        "words_left": pa.field("words_left", pa.int32(), nullable=True),
    },
    rules=RULES, version=f"3:unicode-{UNICODE_VERSION}",
)  # fmt: skip
def repeated_lines(batch: Batch, params: Params) -> Columns:
    """Return text without the lines that go and the columns of the docstring, one value per document."""
    text, words = batch.utf8(), batch.words()
    lines = text.lines()
    gone, coverage, gone_words = _judge(
        text.data, lines.starts, lines.ends, lines.offsets, words.starts, words.ends, words.hashes(), words.offsets, words.chars(),
        params.n, params.min_lines, _bound(batch, params.max_coverage), params.min_line_words, params.min_sign_fraction,
        _bound(batch, params.max_own_coverage), params.min_own_words,
    )  # fmt: skip
    left, removed, fraction = text, np.zeros(len(batch), np.int64), np.zeros(len(batch))
    if gone.any():
        data, offsets, removed, chars = _without(text.data, text.offsets, lines.starts, lines.ends, lines.offsets, gone)
        left, fraction = Utf8(data, offsets), chars / np.maximum(text.chars_per_row(), 1)
    return {
        "text": left.to_arrow(),
        "repeated_lines": removed.astype(np.int32),
        "removed_fraction": fraction.astype(np.float32),
        "repeated_coverage": coverage.astype(np.float32),
        "words_left": pa.array((words.counts() - gone_words).astype(np.int32), mask=removed == 0),
    }


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    text = "\n".join(f"12:00:{i} [error] the same thing once more ({i})" for i in range(9))
    repeated_lines(pa.table({"text": pa.array([text], pa.large_string()), "profile": ["web"]}))
