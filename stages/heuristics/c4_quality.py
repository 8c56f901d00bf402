"""Remove lines that are no sentences and drop the documents they leave nothing of: C4's rules.

Source:  C4, Raffel et al. 2020, section 2.2; the longest word, the policy phrases and the citations are those of the code
         published with it (c4_utils.py of TensorFlow Datasets).
         `paper`: lines end in . ! ? or a quotation mark and have 5 words, pages 3 sentences; `lorem ipsum` or `{` anywhere
         drop the page. Of the code: an ellipsis ends no sentence, words are counted once citations are gone.
         `tfds`: that code; only lines not removed before can drop the page.
         `datatrove`: C4QualityFilter of datatrove 0.10, the code again but for 3 words a line, 5 sentences a page (an earlier
         state of the paper), `'` as an end, and words counted before citations are taken out.
         `fineweb`: the same without the rule about ends, as FineWeb used it.
         In all of them ours: the sentences (stages/heuristics/sentences.py; the codes use NLTK's English model).
         Not here: dirty words (count_dirty_words), English alone (identify_language), three-sentence spans seen before.
Units:   c4_lines = lines of the text. c4_long_word_lines, c4_unended_lines, c4_short_lines, c4_javascript_lines, c4_policy_lines =
         those removed, each for the first reason of this order. c4_citations = citations taken out of the lines that
         were not too long of word. c4_sentences = sentences in the lines kept. c4_lorem_ipsum_line, c4_curly_bracket_line = first
         line that has it and is asked for it (in paper 1: the page is), 0 for none; the first of both gives the reason.
         Lines end where Python's splitlines() ends them.
Params:  variant -- paper, tfds, datatrove or fineweb; also the defaults of the others.
         max_word_chars -- lines with a longer word go. end_marks -- lines that end otherwise, or in ..., go (null = no such rule).
         min_line_words -- lines with fewer words (between white space) go. min_sentences -- documents with fewer are dropped.
         javascript, policy -- whether lines with the word, and with phrases about cookies, privacy and terms of use, go.
         curly_brackets, lorem_ipsum -- whether documents with `{`, and with `lorem ipsum`, are dropped; code has brackets.
         citations -- whether `[1]`, `[edit]` and `[citation needed]` are taken out.
         null = no bound; each but end_marks may be a map by `lang` or `profile`.
Drops:   lorem_ipsum, curly_bracket, too_few_sentences. The text of a dropped document is the lines kept, too:
         so the steps behind see of its shadow what they would see.
Errors:  none of its own; an empty text has too few sentences.

`text` becomes the lines kept, without white space at their ends, each ended by a line feed but the last.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from pydantic import Field, model_validator

from curation.rules import Bound, Rule
from curation.stage import Batch, Columns, PerGroup, StageParams, stage
from curation.text import UNICODE_VERSION, Utf8, char_class, decode, equal, load64, space_width, trim, zeros_below
from stages.heuristics.sentences import ZEROS, char_table, count_sentences, sentence_table

Marks = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
DATATROVE: dict[str, Any] = {"min_line_words": 3, "min_sentences": 5, "end_marks": (".", "?", "!", '"', "'")}
DEFAULTS: dict[str, dict[str, Any]] = {
    "tfds": {"end_marks": (".", "?", "!", '"')}, "datatrove": DATATROVE, "fineweb": {**DATATROVE, "end_marks": None},
}  # fmt: skip
"""Where a variant's defaults are not those of the paper."""
COUNTS = (
    "c4_lines", "c4_long_word_lines", "c4_unended_lines", "c4_short_lines", "c4_javascript_lines", "c4_policy_lines", "c4_citations",
    "c4_sentences",
)  # fmt: skip
PHRASES = (
    "lorem ipsum", "javascript", "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies",
)  # fmt: skip
LOREM, JAVASCRIPT, POLICY = 1, 2, 4
BRACKET, CURLY, PHRASE = 1, 2, 4


class Params(StageParams):
    """Parameters of c4_quality; see the file's docstring."""

    variant: Literal["paper", "tfds", "datatrove", "fineweb"] = "paper"
    max_word_chars: PerGroup[int | None] = 1000
    end_marks: Marks | None = (".", "!", "?", '"', "\u201d")
    min_line_words: PerGroup[int | None] = 5
    min_sentences: PerGroup[int | None] = 3
    javascript: PerGroup[bool] = True
    policy: PerGroup[bool] = True
    curly_brackets: PerGroup[bool] = True
    lorem_ipsum: PerGroup[bool] = True
    citations: PerGroup[bool] = True

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_variant(cls, values: Any) -> Any:
        return {**DEFAULTS.get(values.get("variant", "paper"), {}), **values}


def _asked(batch: Batch, params: Params, reason: str, param: str) -> Any:
    """Line of what drops a document for this reason, where it is asked for; 0 where there is none."""
    line = pc.fill_null(batch[f"c4_{reason}_line"], 0).to_numpy(zero_copy_only=False)
    return line * (np.asarray(batch.per_row(getattr(params, param))) > 0)


def _has_curly_bracket(batch: Batch, params: Params) -> Any:
    return _asked(batch, params, "curly_bracket", "curly_brackets") > 0


def _has_lorem_ipsum(batch: Batch, params: Params) -> Any:
    lorem, curly = _asked(batch, params, "lorem_ipsum", "lorem_ipsum"), _asked(batch, params, "curly_bracket", "curly_brackets")
    return (lorem > 0) & ~((curly > 0) & (curly < lorem))


BOUNDS = {"max_word_chars": np.inf, "min_line_words": -np.inf, "javascript": 0.0, "policy": 0.0, "citations": 0.0}
"""Bounds of a document's lines, and what is done to them (above 0), with what null is."""
FOUND = ("c4_lorem_ipsum_line", "c4_curly_bracket_line")
RULES = (
    Rule("lorem_ipsum", FOUND, _has_lorem_ipsum, "c4_lorem_ipsum_line > 0, and no { in a line before", ("lorem_ipsum", "curly_brackets")),
    Rule("curly_bracket", FOUND[1:], _has_curly_bracket, "c4_curly_bracket_line > 0", ("curly_brackets",)),
    Bound("too_few_sentences", "c4_sentences", least="min_sentences"),
)


@cache
def _tables() -> tuple[Any, ...]:
    """Phrases one behind the other and where they begin; decimal digits; what `count_sentences` needs."""
    phrases = Utf8.of_strings(list(PHRASES))
    digits = char_table({"".join(chr(zero + k) for zero in ZEROS for k in range(10)): 1})
    return (phrases.data, phrases.offsets, *digits, *sentence_table())


_ONCE, _TOPS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)


@njit(cache=True)
def _run_of(a: Any, b: Any, c: Any, x: Any, y: Any, z: Any) -> Any:
    """Top bits set if the bytes x, y, z follow each other in words read at i, i + 1, i + 2 (and by chance above such a place)."""
    rest = (a ^ (np.uint64(x) * _ONCE)) | (b ^ (np.uint64(y) * _ONCE)) | (c ^ (np.uint64(z) * _ONCE))
    return (rest - _ONCE) & ~rest


@njit(cache=True)
def _traits_at(data: Any, i: Any) -> Any:
    """Top bits set if [, if {, and if three letters of a phrase begin at one of data[i : i + 8]; data has ten."""
    blank = np.uint64(32) * _ONCE
    raw = load64(data, i)
    a, b, c = raw | blank, load64(data, i + 1) | blank, load64(data, i + 2) | blank
    phrase = _run_of(a, b, c, 106, 97, 118) | _run_of(a, b, c, 112, 115, 117)  # jav, psu
    phrase |= _run_of(a, b, c, 97, 99, 121) | _run_of(a, b, c, 102, 32, 117)  # acy, f u
    phrase |= _run_of(a, b, c, 111, 107, 105) | _run_of(a, b, c, 0xE2, 0xA4, 0xAA)  # oki, the sign of Kelvin
    return _run_of(raw, raw, raw, 91, 91, 91), _run_of(raw, raw, raw, 123, 123, 123), phrase


@njit(cache=True)
def _traits(data: Any, i: Any, end: Any) -> Any:
    """BRACKET, CURLY and PHRASE if [, { and a phrase may be in data[i:end]; surely not otherwise."""
    if end - i < 10:
        return BRACKET | CURLY | PHRASE
    square, curly, phrase = _traits_at(data, end - 10)
    while i + 10 <= end:
        one, two, three = _traits_at(data, i)
        square |= one
        curly |= two
        phrase |= three
        i += 8
    for j in range(end - 2, end):
        square |= np.uint64(data[j] == 91) << np.uint64(7)
        curly |= np.uint64(data[j] == 123) << np.uint64(7)
    return BRACKET * (square & _TOPS != 0) | CURLY * (curly & _TOPS != 0) | PHRASE * (phrase & _TOPS != 0)


@njit(cache=True)
def _next_square(data: Any, i: Any, end: Any) -> Any:
    """The next [, `end` if there is none."""
    while i + 8 <= end:
        marks = equal(load64(data, i), 91)
        if marks != 0:
            return i + (zeros_below(marks) >> 3)
        i += 8
    while i < end and data[i] != 91:
        i += 1
    return i


@njit(cache=True)
def _has_curly(data: Any, i: Any, end: Any) -> bool:
    while i < end and data[i] != 123:
        i += 1
    return bool(i < end)


@njit(cache=True)
def _begins(data: Any, i: Any, end: Any, phrase: Any, first: Any, last: Any) -> bool:
    """Whether the phrase is at i, in any case; the sign of Kelvin is a k, as in Python's lower()."""
    for j in range(first, last):
        if i >= end:
            return False
        byte, width = np.int64(data[i]), 1
        if 65 <= byte <= 90:
            byte += 32
        elif byte == 0xE2 and i + 2 < end and data[i + 1] == 0x84 and data[i + 2] == 0xAA:
            byte, width = np.int64(107), 3
        if byte != phrase[j]:
            return False
        i += width
    return True


@njit(cache=True)
def _phrases(data: Any, i: Any, end: Any, phrases: Any, offsets: Any) -> Any:
    """Which of LOREM, JAVASCRIPT and POLICY are in data[i:end], added up."""
    found = np.int64(0)
    if not _traits(data, i, end) & PHRASE:
        return found
    while i < end:
        first = data[i] | 32
        if first == 108 or first == 106 or first == 116 or first == 112 or first == 99 or first == 117:
            for k in range(len(offsets) - 1):
                if _begins(data, i, end, phrases, offsets[k], offsets[k + 1]):
                    found |= 1 << min(k, 2)
        i += 1
    return found


_EDIT, _NEEDED = np.frombuffer(b"edit]", np.uint8), np.frombuffer(b"citation needed]", np.uint8)


@njit(cache=True)
def _is_at(data: Any, i: Any, end: Any, word: Any) -> bool:
    """Whether data[i:end] begins with a word."""
    k = 0
    while k < len(word) and i + k < end and data[i + k] == word[k]:
        k += 1
    return k == len(word)


@njit(cache=True)
def _citation_end(data: Any, i: Any, end: Any, index: Any, blocks: Any) -> Any:
    """Behind the citation whose [ is at i, i if there is none."""
    j = i + 1
    if _is_at(data, j, end, _EDIT):
        return j + len(_EDIT)
    if _is_at(data, j, end, _NEEDED):
        return j + len(_NEEDED)
    while j < end and data[j] != 93:
        code, width = decode(data, j, end)
        if char_class(code, index, blocks) == 0:
            return i
        j += width
    return j + 1 if j < end else i


@njit(cache=True)
def _has_words(data: Any, i: Any, end: Any, need: Any) -> bool:
    """Whether data[i:end] has so many tokens."""
    found, inside = 0, False
    while i < end and found < need:
        width = np.int64(space_width(data, i, end))
        found += width == 0 and not inside
        inside = width == 0
        i += max(width, 1)
    return bool(found >= need)


@njit(cache=True)
def _has_long_word(data: Any, i: Any, end: Any, most: Any) -> bool:
    """Whether data[i:end] has a token of more than `most` characters."""
    # Most lines have a space in every stretch of so many bytes: it is looked for from the stretch's end.
    while end - i > most:
        j = i + np.int64(most)
        while j >= i and data[j] != 32:
            j -= 1
        if j < i:
            break
        i = j + 1
    if end - i <= most:
        return False
    chars = 0
    while i < end:
        width = np.int64(space_width(data, i, end))
        chars = 0 if width > 0 else chars + ((data[i] & 0xC0) != 0x80)
        if chars > most:
            return True
        i += max(width, 1)
    return False


@njit(cache=True)
def _ends_in(data: Any, start: Any, end: Any, marks: Any, offsets: Any) -> bool:
    """Whether data[start:end] ends in one of the marks and not in three full stops."""
    if end - start >= 3 and data[end - 1] == 46 and data[end - 2] == 46 and data[end - 3] == 46:
        return False
    for k in range(len(offsets) - 1):
        size = offsets[k + 1] - offsets[k]
        j = 0
        while j < size and size <= end - start and data[end - size + j] == marks[offsets[k] + j]:
            j += 1
        if j == size:
            return True
    return False


@njit(cache=True)
def _trim_in_place(data: Any, start: Any, end: Any) -> Any:
    """Move data[start:end] without white space at its ends to `start`. Returns: its new end."""
    i, last = trim(data, start, end)
    if i > start:
        for j in range(i, last):
            data[start + j - i] = data[j]
    return start + last - i


@njit(cache=True)
def _clean(data: Any, text: Any, starts: Any, ends: Any, lines: Any, marks: Any, mark_offsets: Any, bounds: Any, paper: bool,
           raw_words: bool, phrases: Any, phrase_offsets: Any, digits: Any, digit_blocks: Any, index: Any, blocks: Any,
           leads: Any) -> Any:  # fmt: skip
    """Clean the lines of each document.

    text: offsets of the documents. starts, ends, lines: lines without white space at their ends, and their offsets.
    bounds: float64 (5, n), of BOUNDS. paper: the whole page is asked for what drops it, and lines are trimmed
    again. raw_words: words are counted before citations go.
    Returns: new text (bytes, offsets), COUNTS int64 (8, n), FOUND int32 (2, n).
    """
    n = len(text) - 1
    out, offsets = np.empty(text[n] - text[0] + 1, np.uint8), np.zeros(n + 1, np.int64)
    counts, there = np.zeros((8, n), np.int64), np.zeros((2, n), np.int32)
    at = np.int64(0)
    for row in range(n):
        max_word, min_words = bounds[0, row], bounds[1, row]
        javascript, policy, cite = bounds[2, row] > 0, bounds[3, row] > 0, bounds[4, row] > 0
        traits = _traits(data, text[row], text[row + 1])
        if paper:
            if traits & PHRASE and _phrases(data, text[row], text[row + 1], phrases, phrase_offsets) & LOREM:
                there[0, row] = 1
            if traits & CURLY and _has_curly(data, text[row], text[row + 1]):
                there[1, row] = 1
        first = at
        counts[0, row] = lines[row + 1] - lines[row]
        for k in range(lines[row], lines[row + 1]):
            start, end = starts[k], ends[k]
            if end - start > max_word and _has_long_word(data, start, end, max_word):
                counts[1, row] += 1
                continue
            # The line is written behind those kept; if it goes, the next one is written over it.
            line = at + (at > first)
            stop, cited = line, counts[6, row]
            i = start
            while i < end:
                j = _next_square(data, i, end) if cite and traits & BRACKET else end
                out[stop : stop + j - i] = data[i:j]
                stop += j - i
                i = j
                if i < end:
                    i = _citation_end(data, j, end, digits, digit_blocks)
                    counts[6, row] += i > j
                    if i == j:
                        out[stop] = data[j]
                        stop += 1
                        i += 1
            cited = counts[6, row] - cited
            if paper and cited > 0:
                stop = _trim_in_place(out, line, stop)
            if len(mark_offsets) > 1 and not _ends_in(out, line, stop, marks, mark_offsets):
                counts[2, row] += 1
                continue
            if not (_has_words(data, start, end, min_words) if raw_words else _has_words(out, line, stop, min_words)):
                counts[3, row] += 1
                continue
            found = 0
            if traits & PHRASE or cited > 0:  # a citation may have parted one
                found = _phrases(out, line, stop, phrases, phrase_offsets)
            if not paper and found & LOREM and there[0, row] == 0:
                there[0, row] = k - lines[row] + 1
            if javascript and found & JAVASCRIPT:
                counts[4, row] += 1
                continue
            if not paper and traits & CURLY and there[1, row] == 0 and _has_curly(out, line, stop):
                there[1, row] = k - lines[row] + 1
            if policy and found & POLICY:
                counts[5, row] += 1
                continue
            counts[7, row] += count_sentences(out, line, stop, index, blocks, leads)
            if line > first:
                out[line - 1] = 10
            at = stop
        at = _trim_in_place(out, first, at)
        offsets[row + 1] = at
    return out[:at], offsets, counts, there


@stage(
    reads=["text"],
    writes={"text": pa.large_string(), **dict.fromkeys((*COUNTS, *FOUND), pa.int32())},
    rules=RULES,
    version=f"3:unicode-{UNICODE_VERSION}",
)
def c4_quality(batch: Batch, params: Params) -> Columns:
    """Return text (large_string) and the columns of the docstring (int32), one value per document."""
    text, variant = batch.utf8(), params.variant
    lines, marks = text.lines("python").trimmed(), Utf8.of_strings(list(params.end_marks or ()))
    data, offsets, counts, there = _clean(
        text.data, text.offsets, lines.starts, lines.ends, lines.offsets, marks.data, marks.offsets, batch.bounds_per_row(params, BOUNDS),
        variant == "paper", variant in ("datatrove", "fineweb"), *_tables(),
    )  # fmt: skip
    columns: dict[str, Any] = {name: counts[k].astype(np.int32) for k, name in enumerate(COUNTS)}
    return columns | {name: there[k] for k, name in enumerate(FOUND)} | {"text": Utf8(data, offsets).to_arrow()}


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    c4_quality(pa.table({"text": pa.array(["the end.\n"], pa.large_string())}))
