"""Remove lines that are a menu's, a counter's or a button's, and drop the documents that lose much by it: RefinedWeb's line corrections.

Source:  RefinedWeb, Penedo et al. 2023, section 3.2 and appendix G.2: lines mainly of capitals, of digits alone, counters (`3 likes`) and
         lines of one word go; of lines of at most 10 words `sign-in` at the start, `Read more...` at the end and `items in cart`
         anywhere go; a document of which that is more than 5 % of the words goes. What a counter counts, the ratio of capitals, what is
         done in which order: DCLM's program (Li et al. 2024; dclm_baseline_refinedweb.yaml and modifiers.py in mlfoundations/dclm).
         Other than there: a blank line that is not empty stays, as an empty one does; a line ends where curation/text.py says; capitals are
         the letters that have a small one (`isupper` there: title case is none, a mathematical A is one), digits all that is a
         number to Unicode (there no roman numerals or fractions); dots of `Read more...` are dots (there any three characters); code stays.
Units:   upper_lines, digit_lines, counter_lines, short_lines = lines removed, each for the first reason of this order. edited_lines =
         lines that lost a part, or all they had, to a pattern. words_lost = share of the text's words (curation/text.py) that are
         gone; of a text without words 1.
Params:  max_upper_ratio -- lines with a larger share of capitals among their characters go.
         digits -- whether lines of digits alone go.
         counters -- lines of a number (it begins with a digit; digits, `,` and `.`; k, m or b may follow) and one of these words, in any
         case, with no letter or digit around them, go.
         min_line_words -- lines with fewer words (between white space) go. Chinese, Japanese, Thai and the like have one a
         line: give them null.
         max_edited_words -- lines with more words lose no part. anywhere, ends, starts -- the parts, in any case, each with a white space
         before it (of `starts`, behind it), taken out in this order; of several that fit the longest.
         max_words_lost -- documents of a larger words_lost are dropped.
         skip_code -- lines that are code (stages/heuristics/code_lines.py), and documents whose `profile` is code, where there is
         such a column, stay as they are (ours: true).
         null = no bound or rule; all but the lists and skip_code may be maps by `lang` or `profile`.
Drops:   words_lost.
Errors:  none of its own. Text that loses nothing stays as it is, byte by byte; null becomes empty.

Of a text that loses something white space at the end goes, too, and blank lines behind lines that go where one stands before.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from numba import njit
from pydantic import Field

from curation.rules import Bound
from curation.stage import Batch, Columns, PerGroup, StageParams, stage
from curation.text import (
    CLASS_BLOCKS,
    CLASS_INDEX,
    LOWER_BLOCKS,
    LOWER_INDEX,
    TOPS,
    UNICODE_VERSION,
    Utf8,
    between,
    char_class,
    decode,
    load64,
    ones,
    space_width,
    trim,
    words_of,
)
from curation.unicode_tables import DIGIT, MARK
from stages.heuristics.code_lines import in_code

_I: Any = np.int64
Phrases = tuple[Annotated[str, Field(min_length=1, max_length=100)], ...]
COUNTED = (
    "likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes", "downvotes", "downloads", "views", "followers",
)  # fmt: skip
COUNTS = ("upper_lines", "digit_lines", "counter_lines", "short_lines", "edited_lines")
UPPER, DIGITS, COUNTER, SHORT, EDITED = range(len(COUNTS))
KEPT = -1


class Params(StageParams):
    """Parameters of line_corrections; see the file's docstring."""

    max_upper_ratio: PerGroup[float | None] = 0.5
    digits: PerGroup[bool] = True
    counters: Phrases = COUNTED
    min_line_words: PerGroup[int | None] = 2
    max_edited_words: PerGroup[int | None] = 10
    anywhere: Phrases = ("items in cart",)
    ends: Phrases = ("Read more...",)
    starts: Phrases = ("Sign-in",)
    max_words_lost: PerGroup[float | None] = 0.05
    skip_code: bool = True


BOUNDS = {"max_upper_ratio": np.inf, "digits": 0.0, "min_line_words": 0.0, "max_edited_words": np.inf}
"""Parameters of a document's lines (`digits`: yes above 0), and what null is."""
RULES = (Bound("words_lost", "words_lost", most="max_words_lost"),)


@njit(cache=True)
def _small(code: Any, index: Any, blocks: Any) -> Any:
    """A code point in simple lower case, from LOWER_INDEX and LOWER_BLOCKS."""
    return code + blocks[(_I(index[code >> 8]) << 8) | (code & 255)]


@njit(cache=True)
def _is_upper(data: Any, start: Any, end: Any, most: Any, index: Any, blocks: Any) -> bool:
    """Whether more than this share of the characters are capitals."""
    i, capitals, high, chars = start, _I(0), _I(0), end - start
    while i + 8 <= end:
        word = load64(data, i)
        capitals += ones(between(word, 65, 90))
        high += ones(word & TOPS)
        chars -= ones(word & ~(word << np.uint64(1)) & TOPS)
        i += 8
    while i < end:
        capitals += 65 <= data[i] <= 90
        high += data[i] >= 0x80
        chars -= (data[i] & 0xC0) == 0x80
        i += 1
    # No more can be capitals than begin a character: most lines are told by their bytes.
    begun = high - (end - start - chars)
    if chars > 0 and (begun == 0 or (capitals + begun) / chars <= most):
        return bool(capitals / chars > most)
    i, capitals, chars = start, _I(0), _I(0)
    while i < end:
        code, width = decode(data, i, end)
        capitals += _small(code, index, blocks) != code
        chars += 1
        i += width
    return bool(capitals / chars > most)


@njit(cache=True)
def _digits_end(data: Any, i: Any, end: Any, classes: Any, class_blocks: Any) -> Any:
    """Behind the digits that begin at i, i if there is none."""
    while i < end:
        code, width = decode(data, i, end)
        if char_class(code, classes, class_blocks) != DIGIT:
            break
        i += width
    return i


@njit(cache=True)
def _marks_end(data: Any, i: Any, end: Any, classes: Any, class_blocks: Any) -> Any:
    """Behind what is no letter, digit or underscore from i on."""
    while i < end:
        code, width = decode(data, i, end)
        kind = char_class(code, classes, class_blocks)
        if (kind >= DIGIT and kind != MARK) or code == 95:
            break
        i += width
    return i


@njit(cache=True)
def _phrase_end(data: Any, i: Any, end: Any, phrases: Any, offsets: Any, index: Any, blocks: Any) -> Any:
    """Behind the longest phrase that begins at i, -1 if none does; phrases: code points in lower case, one phrase behind the other."""
    found = _I(-1)
    for k in range(len(offsets) - 1):
        at, j = i, offsets[k]
        while at < end and j < offsets[k + 1]:
            code, width = decode(data, at, end)
            if _small(code, index, blocks) != phrases[j]:
                break
            at += width
            j += 1
        if j == offsets[k + 1]:
            found = max(found, at)
    return found


@njit(cache=True)
def _is_counter(
    data: Any, i: Any, end: Any, phrases: Any, offsets: Any, index: Any, blocks: Any, classes: Any, class_blocks: Any
) -> bool:  # fmt: skip
    """Whether a line is a number and what it counts."""
    i = _marks_end(data, i, end, classes, class_blocks)
    j = _digits_end(data, i, end, classes, class_blocks)
    if j == i:
        return False
    while j < end and (data[j] == 44 or data[j] == 46):  # , .
        j = _digits_end(data, j + 1, end, classes, class_blocks)
    if j < end:
        code, width = decode(data, j, end)
        code = _small(code, index, blocks)
        j += width if code == 107 or code == 109 or code == 98 else 0  # k m b
    i = j
    while j < end and space_width(data, j, end) > 0:
        j += _I(space_width(data, j, end))
    if j == i:
        return False
    for k in range(len(offsets) - 1):
        stop = _phrase_end(data, j, end, phrases, offsets[k : k + 2], index, blocks)
        if stop >= 0 and _marks_end(data, stop, end, classes, class_blocks) == end:
            return True
    return False


@njit(cache=True)
def _tokens(data: Any, i: Any, end: Any, enough: Any) -> Any:
    """How many words between white space data[i:end] has; counting ends at `enough`."""
    found, inside = _I(0), False
    while i < end and found < enough:
        width = _I(space_width(data, i, end)) if data[i] <= 32 or 0xC2 <= data[i] <= 0xE3 else _I(0)
        found += width == 0 and not inside
        inside = width == 0
        i += max(width, 1)
    return found


@njit(cache=True)
def _before_space(data: Any, start: Any, i: Any) -> Any:
    """Where the white-space character that ends at i begins, i if there is none."""
    for width in range(1, 4):
        if i - width >= start and space_width(data, i - width, i) == width:
            return i - width
    return i


@njit(cache=True)
def _copy_without(
    data: Any, i: Any, end: Any, out: Any, at: Any, phrases: Any, offsets: Any, firsts: Any, index: Any, blocks: Any
) -> Any:  # fmt: skip
    """Write data[i:end] to out[at:] without the phrases in it and a white space before each. Returns: where it stopped in `out`."""
    copied = i
    while i < end:
        stop = _phrase_end(data, i, end, phrases, offsets, index, blocks) if firsts[data[i]] else _I(-1)
        if stop < 0:
            i += 1
            continue
        before = _before_space(data, copied, i)
        out[at : at + before - copied] = data[copied:before]
        at += before - copied
        i = copied = stop
    out[at : at + end - copied] = data[copied:end]
    return at + end - copied


@njit(cache=True)
def _without_end(data: Any, start: Any, end: Any, phrases: Any, offsets: Any, index: Any, blocks: Any) -> Any:
    """The end of data[start:end] without the longest phrase that ends it and a white space before that."""
    found = end
    for k in range(len(offsets) - 1):
        i = end
        for _ in range(offsets[k + 1] - offsets[k]):
            i -= i > start
            while i > start and (data[i] & 0xC0) == 0x80:
                i -= 1
        if _phrase_end(data, i, end, phrases, offsets[k : k + 2], index, blocks) == end:
            found = min(found, i)
    return _before_space(data, start, found) if found < end else end


@njit(cache=True)
def _edited(
    data: Any, start: Any, end: Any, out: Any, at: Any, phrases: Any, offsets: Any, firsts: Any, index: Any, blocks: Any
) -> Any:  # fmt: skip
    """Write a line to out[at:] without the phrases anywhere in it, at its end, at its start. Returns: where it stopped in `out`."""
    stop = _copy_without(data, start, end, out, at, phrases[0], offsets[0], firsts, index, blocks)
    stop = _without_end(out, at, stop, phrases[1], offsets[1], index, blocks)
    begin = _phrase_end(out, at, stop, phrases[2], offsets[2], index, blocks)
    if begin >= 0:
        begin += _I(space_width(out, begin, stop)) if begin < stop else 0
        for j in range(begin, stop):
            out[at + j - begin] = out[j]
        stop -= begin - at
    return stop


@njit(cache=True)
def _correct(
    data: Any, text: Any, starts: Any, ends: Any, lines: Any, word_starts: Any, words: Any, code: Any, bounds: Any,
    counted: Any, counted_offsets: Any, phrases: Any, offsets: Any, firsts: Any, index: Any, blocks: Any, classes: Any, class_blocks: Any,
) -> Any:  # fmt: skip
    """The texts with their lines corrected.

    Args:
        text, lines, words: offsets of the documents in data, in starts and ends (their lines), in word_starts.
        code: lines that stay as they are. bounds: of BOUNDS. The others: phrases and tables.
    Returns: bytes and offsets as of `Utf8`; counts (COUNTS, documents); words left (documents,).
    """
    rows = len(text) - 1
    out, new = np.empty(text[rows] - text[0], np.uint8), np.zeros(rows + 1, np.int64)
    counts, left = np.zeros((len(COUNTS), rows), np.int32), np.zeros(rows, np.int64)
    word_room, word_room_ends = np.empty(16, np.int64), np.empty(16, np.int64)
    at = _I(0)
    for row in range(rows):
        max_upper, digits, min_words, max_edited = bounds[0, row], bounds[1, row] > 0, bounds[2, row], bounds[3, row]
        enough = max(min_words, min(max_edited, text[row + 1] - text[row]) + 1)
        first, word, left[row] = at, words[row], words[row + 1] - words[row]
        changed, gap, blank_before = False, False, True
        for line in range(lines[row], lines[row + 1]):
            start, end = starts[line], ends[line]
            behind = starts[line + 1] if line + 1 < lines[row + 1] else text[row + 1]
            word_of_line = word
            while word < words[row + 1] and word_starts[word] < end:
                word += 1
            tokens = _tokens(data, start, end, enough)
            if tokens == 0:
                if not (gap and blank_before):
                    out[at : at + behind - start] = data[start:behind]
                    at += behind - start
                    gap, blank_before = False, True
                continue
            why, stop = KEPT, at + end - start
            if not code[line]:
                if _is_upper(data, start, end, max_upper, index, blocks):
                    why = UPPER
                elif digits and _digits_end(data, start, end, classes, class_blocks) == end:
                    why = DIGITS
                elif _is_counter(data, start, end, counted, counted_offsets, index, blocks, classes, class_blocks):
                    why = COUNTER
                elif tokens < min_words:
                    why = SHORT
                elif tokens <= max_edited:
                    stop = _edited(data, start, end, out, at, phrases, offsets, firsts, index, blocks)
                    if stop < at + end - start:
                        why = EDITED
            if why != KEPT:
                counts[why, row] += 1
                changed = True
                left[row] -= word - word_of_line
                if why != EDITED or _tokens(out, at, stop, 1) == 0:
                    gap = True
                    continue
                if stop - at > 2 * len(word_room) - 2:
                    word_room, word_room_ends = np.empty(stop - at, np.int64), np.empty(stop - at, np.int64)
                left[row] += words_of(out, at, stop, word_room, word_room_ends, _I(0), classes, class_blocks)
            else:
                out[at:stop] = data[start:end]
            out[stop : stop + behind - end] = data[end:behind]
            at = stop + behind - end
            gap, blank_before = False, False
        if changed:
            begin, stop = trim(out, first, at)
            at = stop if begin < stop else first
        new[row + 1] = at
    return out[:at], new, counts, left


def _codes(phrases: Phrases) -> tuple[Any, Any]:
    """Code points of phrases in lower case, one phrase behind the other, and where each begins."""
    small = Utf8.of_strings(list(phrases)).lower()
    texts = [bytes(small.data[a:b]).decode() for a, b in zip(small.offsets[:-1], small.offsets[1:], strict=True)]
    return np.array([ord(c) for c in "".join(texts)], np.int64), np.cumsum([0, *map(len, texts)])


def _first_bytes(phrases: Any, offsets: Any) -> Any:
    """Which bytes may begin one of the phrases of `_codes`, in any case: bool (256,)."""
    begins = np.zeros(256, np.bool_)
    first = phrases[offsets[:-1]]
    for codes in (first, np.flatnonzero(np.isin(_all_small(), first))):
        begins[[chr(code).encode("utf-8", "surrogatepass")[0] for code in codes.tolist()]] = True
    return begins


@cache
def _all_small() -> Any:
    """Simple lower case of every code point: int64 (0x110000,)."""
    return np.arange(0x110000) + LOWER_BLOCKS.reshape(-1, 256)[LOWER_INDEX].reshape(-1)


@stage(
    reads=["text"],
    writes={"text": pa.large_string(), **dict.fromkeys(COUNTS, pa.int32()), "words_lost": pa.float32()},
    rules=RULES,
    version=f"1:unicode-{UNICODE_VERSION}",
)
def line_corrections(batch: Batch, params: Params) -> Columns:
    """Return text (large_string), the numbers of lines (int32) and words_lost (float32), one value per document."""
    text, words = batch.utf8(), batch.words()
    lines = text.lines()
    code = in_code(batch) if params.skip_code else np.zeros(len(lines), np.bool_)
    phrases, offsets = zip(*map(_codes, (params.anywhere, params.ends, params.starts)), strict=True)
    data, new, counts, left = _correct(
        text.data, text.offsets, lines.starts, lines.ends, lines.offsets, words.starts, words.offsets, code,
        batch.bounds_per_row(params, BOUNDS), *_codes(params.counters), phrases, offsets, _first_bytes(phrases[0], offsets[0]),
        LOWER_INDEX, LOWER_BLOCKS, CLASS_INDEX, CLASS_BLOCKS,
    )  # fmt: skip
    before = words.counts()
    lost = np.where(before > 0, (before - left) / np.maximum(before, 1), 1.0)
    columns: dict[str, Any] = {name: counts[k] for k, name in enumerate(COUNTS)}
    return columns | {"words_lost": lost.astype(np.float32), "text": Utf8(data, new).to_arrow()}


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    line_corrections(pa.table({"text": pa.array(["MENU\na line to read here\n3 likes"], pa.large_string())}))
