"""Drop files of code that nobody wrote here or nobody reads: vendored, generated, minified, encoded, mostly data, or with lines no person
writes.

Source:  The Stack (Kocetkov et al. 2022) and Codex (Chen et al. 2021): mean line over 100, longest over 1,000 characters, alphanumeric
         below 0.25. Ours, after the filters of StarCoder2 (Lozhkov et al. 2024): which languages are exempt from the bounds on lines but
         for 100,000 characters; 100,000 lines; 512 lines of Text, JSON, YAML and Graphviz; words that say a file is generated, in its first
         five lines; encoded data over half of a file, or 1,024 characters in one run. HTML: ours, after StarCoder (Li et al. 2023): visible
         text of 100 characters and a fifth of the file. Names of folders and files, min_space_fraction and what is a dump are ours.
Units:   line_count; mean_line_chars, max_line_chars = characters of its lines without their ends; alnum_fraction = letters, digits and
         marks of any script, of all characters; space_fraction = ASCII white space, of all bytes.
         data_fraction = bytes in encoded runs and dumps, of all bytes: what stages/heuristics/data_lines.py takes for them, and runs of 8
         or more escapes (backslash x41, backslash u0041, 0x41 with commas); max_data_run = bytes of the longest run, in one line.
         visible_fraction, visible_chars = what of a file stands outside tags, scripts, styles and comments of HTML; null for other
         languages. vendored, generated = whether the path or, but in prose, the first lines say so.
Params:  path -- column of the file's path. drop_vendored, drop_generated -- whether those go. max_mean_line_chars, max_line_chars,
         max_lines, min_alnum_fraction, min_space_fraction, max_data_fraction, max_data_run, min_visible_fraction, min_visible_chars --
         bounds; null = none; each may be a map by `code_language`: {default: 100, HTML: null}. A map of yours replaces the stage's own.
         min_minified_line_chars -- files whose mean line is shorter are not asked for min_space_fraction: short lines have little white
         space.
Drops:   vendored, generated, too_many_lines, long_line, long_lines (their mean), few_alnum, minified, data, little_text.
Errors:  a map by a language that is not in the table is an error of the recipe. An empty text has no lines, and shares of 0 or (alnum,
         space) 1.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from pydantic import field_validator

from curation.errors import did_you_mean
from curation.rules import Bound, Rule, group_column
from curation.stage import Batch, Columns, PerGroup, StageParams, stage
from curation.text import CLASS_BLOCKS, CLASS_INDEX, UNICODE_VERSION, char_class, decode
from curation.unicode_tables import CJK, DIGIT, LETTER, MARK, SEA
from stages.github.languages import languages
from stages.heuristics.data_lines import RUN_BYTES, encoded, is_dump

HEAD_LINES, HEAD_CHARS = 5, 2000
"""Where marks of generated files are looked for: so many lines, after StarCoder2, and characters of them (ours)."""
ESCAPES = 8
"""Escapes in a row from which they are encoded data (ours, after StarCoder2)."""
_LONG_LINES = ("HTML", "JSON", "Markdown", "Roff", "SMT", "TeX", "Text", "XML")
_MANY_LINES = ("Text", "JSON", "YAML", "Graphviz")
_MINIFIABLE = ("JavaScript", "CSS", "TypeScript")


class Params(StageParams):
    """Parameters of code_file_quality; see the file's docstring."""

    path: str = "path"
    drop_vendored: bool = True
    drop_generated: bool = True
    max_mean_line_chars: PerGroup[float | None] = {"default": 100, **dict.fromkeys(_LONG_LINES)}
    max_line_chars: PerGroup[int | None] = {"default": 1000, **dict.fromkeys(_LONG_LINES, 100_000)}
    max_lines: PerGroup[int | None] = {"default": 100_000, **dict.fromkeys(_MANY_LINES, 512)}
    min_alnum_fraction: PerGroup[float | None] = 0.25
    min_space_fraction: PerGroup[float | None] = {"default": None, **dict.fromkeys(_MINIFIABLE, 0.05)}
    min_minified_line_chars: float = 60
    max_data_fraction: PerGroup[float | None] = 0.5
    max_data_run: PerGroup[int | None] = 1024
    min_visible_fraction: PerGroup[float | None] = 0.2
    min_visible_chars: PerGroup[int | None] = 100

    @field_validator("*")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if group_column(value) == "code_language":
            for name in set(value) - {"default", *languages()}:
                raise ValueError(f"there is no language {name!r} in stages/github/languages.csv{did_you_mean(name, languages())}")
        return value


def _said(batch: Batch, column: str, drop: bool) -> Any:
    """Whether a column says true of each document, where such documents go: bool (n,)."""
    return pc.fill_null(batch[column], False).to_numpy(zero_copy_only=False) & drop


RULES = (
    Rule(
        "vendored", ("vendored",), lambda batch, params: _said(batch, "vendored", params.drop_vendored),
        "vendored and drop_vendored", ("drop_vendored",),
    ),
    Rule(
        "generated", ("generated",), lambda batch, params: _said(batch, "generated", params.drop_generated),
        "generated and drop_generated", ("drop_generated",),
    ),
    Bound("too_many_lines", "line_count", most="max_lines"),
    Bound("long_line", "max_line_chars", most="max_line_chars"),
    Bound("long_lines", "mean_line_chars", most="max_mean_line_chars"),
    Bound("few_alnum", "alnum_fraction", least="min_alnum_fraction"),
    Bound("minified", "space_fraction", least="min_space_fraction",
          unless=Bound("short_lines", "mean_line_chars", least="min_minified_line_chars")),
    Bound("data", "data_fraction", most="max_data_fraction"),
    Bound("data", "max_data_run", most="max_data_run"),
    Bound("little_text", "visible_fraction", least="min_visible_fraction"),
    Bound("little_text", "visible_chars", least="min_visible_chars"),
)  # fmt: skip


@cache
def _names(file: str) -> tuple[frozenset[str], frozenset[str], tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Of a list of names: folders, files, ends of folders' names, and (start, end) of files' names with a star."""
    lines = (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    folders = [name[:-1] for name in names if name.endswith("/")]
    files = [name for name in names if not name.endswith("/")]
    return (
        frozenset(name for name in folders if "*" not in name), frozenset(name for name in files if "*" not in name),
        tuple(name[1:] for name in folders if "*" in name),
        tuple((start, end) for start, star, end in (name.partition("*") for name in files) if star),
    )  # fmt: skip


def _is_named(path: str, file: str) -> bool:
    """Whether a list has the file's name or one of its folders."""
    folders, files, ends, stars = _names(file)
    *above, name = path[-4096:].lower().split("/")
    if name in files or not folders.isdisjoint(above) or any(folder.endswith(ends) for folder in above if ends):
        return True
    return any(len(name) >= len(s) + len(e) and name.startswith(s) and name.endswith(e) for s, e in stars)


@cache
def _marks() -> re.Pattern[str]:
    lines = (Path(__file__).parent / "generated_marks.txt").read_text(encoding="utf-8").splitlines()
    return re.compile("|".join(re.escape(line) for line in lines if line and not line.startswith("#")))


def _says_generated(head: str) -> bool:
    """Whether the first lines of a file say that a tool wrote it."""
    return bool(_marks().search("\n".join(head.split("\n", HEAD_LINES)[:HEAD_LINES]).lower()))


@njit(cache=True)
def _is_hex(b0: Any) -> bool:
    return bool(48 <= b0 <= 57 or 97 <= b0 <= 102 or 65 <= b0 <= 70)


@njit(cache=True)
def _escape(data: Any, i: Any, end: Any) -> Any:
    r"""Bytes of the escape at i: \x41, \u0041, \101 or 0x41, with a comma and spaces behind; 0 where there is none."""
    j = i
    if i + 3 < end and data[i] == 92 and (data[i + 1] == 120 or data[i + 1] == 117):
        digits = 2 if data[i + 1] == 120 else 4
        j = i + 2
    elif i + 3 < end and data[i] == 48 and (data[i + 1] == 120 or data[i + 1] == 88):
        digits = 1
        j = i + 2
    elif i + 3 < end and data[i] == 92 and 48 <= data[i + 1] <= 55:
        digits = 3
        j = i + 1
    else:
        return 0
    k = j
    while k < end and k - j < 16 and _is_hex(data[k]):
        k += 1
    if k - j < digits:
        return 0
    if data[i] == 92:
        return j + digits - i
    while k < end and (data[k] == 44 or data[k] == 32):
        k += 1
    return k - i


@njit(cache=True)
def _escaped(data: Any, start: Any, end: Any) -> Any:
    """Bytes of a line in runs of ESCAPES escapes or more, and those of the longest run."""
    inside, longest = 0, 0
    i = start
    while i < end:
        if data[i] != 92 and data[i] != 48:
            i += 1
            continue
        begin, count = i, 0
        while i < end:
            size = _escape(data, i, end)
            if size == 0:
                break
            i += size
            count += 1
        if count >= ESCAPES:
            inside += i - begin
            longest = max(longest, i - begin)
        if count == 0:
            i += 1
    return inside, longest


@njit(cache=True)
def _facts(data: Any, starts: Any, ends: Any, line_offsets: Any, offsets: Any, index: Any, blocks: Any) -> Any:
    """Of each document, int64 (6, n): characters, alphanumeric ones, ASCII white space, bytes of data, of its longest run, longest line."""
    rows = len(offsets) - 1
    out = np.zeros((6, rows), np.int64)
    for row in range(rows):
        for i in range(offsets[row], offsets[row + 1]):
            out[2, row] += data[i] == 32 or 9 <= data[i] <= 13
        for line in range(line_offsets[row], line_offsets[row + 1]):
            start, end = starts[line], ends[line]
            before = out[0, row]
            i = start
            while i < end:
                b0 = data[i]
                if b0 < 128:
                    i += 1
                    out[1, row] += 97 <= b0 | 32 <= 122 or 48 <= b0 <= 57
                else:
                    code, width = decode(data, i, end)
                    i += width
                    kind = char_class(code, index, blocks)
                    out[1, row] += kind in (LETTER, DIGIT, MARK, CJK, SEA)
                out[0, row] += 1
            out[5, row] = max(out[5, row], out[0, row] - before)
            escaped, longest = _escaped(data, start, end)
            run = encoded(data, start, end) if end - start >= RUN_BYTES else 0
            out[3, row] += end - start if is_dump(data, start, end) else max(escaped, run)
            out[4, row] = max(out[4, row], longest, run)
    return out


@njit(cache=True)
def _visible(data: Any, i: Any, end: Any) -> Any:
    """Characters of HTML outside tags, comments, scripts and styles, without white space."""
    count = 0
    while i < end:
        b0 = data[i]
        if b0 != 60:
            count += b0 > 32 and (b0 & 0xC0) != 0x80
            i += 1
            continue
        if i + 3 < end and data[i + 1] == 33 and data[i + 2] == 45 and data[i + 3] == 45:
            i += 4
            while i < end and not (data[i] == 62 and data[i - 1] == 45 and data[i - 2] == 45):
                i += 1
            i += 1
            continue
        first = data[i + 1] | 32 if i + 1 < end else 0
        second = data[i + 2] | 32 if i + 2 < end else 0
        script = first == 115 and (second == 99 or second == 116) and i + 6 < end and (data[i + 3] | 32 == 114 or data[i + 3] | 32 == 121)
        while i < end and data[i] != 62:
            i += 1
        i += 1
        if script:  # to the next end tag of a script or style
            while i < end and not (data[i] == 60 and i + 3 < end and data[i + 1] == 47 and data[i + 2] | 32 == 115):
                i += 1
    return count


@njit(cache=True)
def _all_visible(data: Any, offsets: Any, asked: Any) -> Any:
    out = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(out)):
        if asked[row]:
            out[row] = _visible(data, offsets[row], offsets[row + 1])
    return out


@stage(
    reads=lambda params: ("text", "code_language", params.path),
    writes={
        "line_count": pa.int32(), "mean_line_chars": pa.float32(), "max_line_chars": pa.int32(), "alnum_fraction": pa.float32(),
        "space_fraction": pa.float32(), "data_fraction": pa.float32(), "max_data_run": pa.int32(),
        "visible_fraction": pa.field("visible_fraction", pa.float32(), nullable=True),
        "visible_chars": pa.field("visible_chars", pa.int32(), nullable=True), "vendored": pa.bool_(), "generated": pa.bool_(),
    },
    rules=RULES, version=f"1:unicode-{UNICODE_VERSION}",
)  # fmt: skip
def code_file_quality(batch: Batch, params: Params) -> Columns:
    """Return the columns of the docstring, one value per document."""
    text = batch.utf8()
    lines, size = text.lines(), text.bytes_per_row()
    chars, alnum, space, data, run, longest = _facts(
        text.data, lines.starts, lines.ends, lines.offsets, text.offsets, CLASS_INDEX, CLASS_BLOCKS
    )
    count = lines.counts()
    names = batch["code_language"].to_pylist()
    prose = [name in languages() and languages()[name].kind == "prose" for name in names]
    vendored, generated = np.zeros(len(batch), bool), np.zeros(len(batch), bool)
    for row, path in batch.documents(params.path):
        start = text.offsets[row]
        head = text.data[start : min(start + HEAD_CHARS, text.offsets[row + 1])].tobytes().decode("utf-8", "replace")
        vendored[row] = _is_named(path or "", "vendored.txt")
        generated[row] = _is_named(path or "", "generated.txt") or (not prose[row] and _says_generated(head))
    html = np.array([name == "HTML" for name in names], bool)
    visible = _all_visible(text.data, text.offsets, html)
    return {
        "line_count": count.astype(np.int32),
        "mean_line_chars": (chars / np.maximum(count, 1)).astype(np.float32),
        "max_line_chars": longest.astype(np.int32),
        "alnum_fraction": np.where(size > 0, alnum / np.maximum(text.chars_per_row(), 1), 1).astype(np.float32),
        "space_fraction": np.where(size > 0, space / np.maximum(size, 1), 1).astype(np.float32),
        "data_fraction": (data / np.maximum(size, 1)).astype(np.float32),
        "max_data_run": run.astype(np.int32),
        "visible_fraction": pa.array((visible / np.maximum(text.chars_per_row(), 1)).astype(np.float32), mask=~html),
        "visible_chars": pa.array(visible.astype(np.int32), mask=~html),
        "vendored": vendored,
        "generated": generated,
    }


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file and of those it uses."""
    text = pa.array(["<p>Words \\x41 é</p>"], pa.large_string())
    code_file_quality(pa.table({"text": text, "code_language": ["HTML"], "path": ["a/b.html"]}))
