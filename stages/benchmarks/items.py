"""Benchmark files: their items, each with the texts that are looked for.

A file is JSON Lines, CSV or TSV with a header, Parquet, or plain text with an item a line (.txt); all but Parquet may be compressed
(.gz, .zst, .bz2). The fields of an item are *questions*, *choices* or *answers*: which ones, `fields` says, else those of QUESTIONS,
CHOICES and ANSWERS that the file has. What is asked is one text: questions and choices, in this order. A passage (or context) is no
question unless it is named, as those of many benchmarks are of Wikipedia and books; and what is asked about one is not all of it. A dot
goes into a map (`other.solution`), a list of texts is joined line by line, a number is taken as it is written (but in Parquet). Tags of
HTML and entities in a field that closes such a tag (`</p>`) are taken out. An item is called by its field of IDS, else by its line (a
row of Parquet).
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.sources.lines import bounded_lines
from stages.sources.opening import CODECS, open_decompressed

QUESTIONS = ("question", "problem", "prompt", "query", "instruction", "input", "text")
CHOICES = ("options", "choices")
PASSAGES = ("passage", "context")
ANSWERS = ("answer", "answers", "solution", "canonical_solution", "output", "completion", "target", "other.solution")
"""Fields that are looked for where a file has them and nobody says which (ours)."""
IDS = ("task_id", "id", "question_id", "idx")
ROLES = ("question", "choices", "answer")
MAX_LINE_BYTES = 64 << 20
FORMATS = ".jsonl, .csv, .tsv, .txt (each also .gz, .zst, .bz2), .parquet"
_TAGS = (
    "a|abbr|article|b|blockquote|body|br|caption|center|code|col|colgroup|dd|del|div|dl|dt|em|figcaption|figure|font|h[1-6]|head|header|"
    "hr|html|i|img|ins|kbd|li|link|mark|math|m[inos]|mfrac|mrow|msqrt|msub|msup|nobr|ol|p|pre|q|s|samp|section|small|span|strike|strong|"
    "sub|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var|wbr"
)
_TAG = re.compile(rf"</?(?:{_TAGS})(?:\s++[\w:-]++\s*+=\s*+(?:\"[^\"<>]*+\"|'[^'<>]*+'|[^\s<>\"']++))*+\s*+/?>", re.IGNORECASE)
"""A tag, its attributes each with a value: `a<b and b>c` is none."""
_CLOSES = re.compile(rf"</(?:{_TAGS})\s*+>", re.IGNORECASE)


@dataclass(frozen=True)
class Items:
    """The items of some benchmarks; item i has the parts (texts of fields) parts[i] to parts[i + 1].

    names: of the benchmarks, b of them. firsts: int64 (b + 1,), their items. ids: large_string (items,). parts: int64 (items + 1,).
    data: uint8, the texts of all parts; offsets: int64 (parts + 1,) into it. asked: bool (parts,), all that is asked, no answer.
    """

    names: tuple[str, ...]
    firsts: Any
    ids: Any
    parts: Any
    data: Any
    offsets: Any
    asked: Any

    def benchmark_of(self, items: Any) -> Any:
        """Benchmark of each item: int64 (k,)."""
        return np.searchsorted(self.firsts, items, "right") - 1

    def label(self, item: int) -> tuple[str, str]:
        """Benchmark and id of an item."""
        return self.names[int(self.benchmark_of(item))], self.ids[item].as_py()


def read(files: Mapping[str, str], fields: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Items:
    """The items of benchmark files: name -> path.

    Args:
        fields: name -> role (of ROLES) -> fields; a benchmark not named has those of QUESTIONS, CHOICES and ANSWERS.
    Raises: ValueError naming file, line and field: of what is broken, a field that is not there, a benchmark without items.
    """
    ids: list[str] = []
    texts: list[bytes] = []
    asked: list[bool] = []
    firsts, parts = [0], [0]
    for name, path in files.items():
        for called, found in items_of(path, fields.get(name)):
            ids.append(called)
            for question, text in found:
                texts.append(text.encode("utf-8", "replace"))
                asked.append(question)
            parts.append(len(texts))
        if len(ids) == firsts[-1]:
            raise ValueError(f"{path}: the benchmark {name} has no item")
        firsts.append(len(ids))
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in texts], dtype=np.int64)))
    return Items(
        tuple(files), np.array(firsts, np.int64), pa.array(ids, pa.large_string()), np.array(parts, np.int64),
        np.frombuffer(b"".join(texts) or b"\0", np.uint8), offsets, np.array(asked, bool),
    )  # fmt: skip


def items_of(path: str, fields: Mapping[str, tuple[str, ...]] | None) -> Iterator[tuple[str, list[tuple[bool, str]]]]:
    """Go through the items of one file: (what it is called, its texts, each with whether it is all that is asked).

    Raises: ValueError, as `read`.
    """
    for line, record in _records(path):
        wanted = fields or {"question": QUESTIONS, "choices": CHOICES, "answer": ANSWERS}
        asked: list[str] = []
        answers: list[str] = []
        known = False
        for role in ROLES:
            for key in wanted.get(role, ()):
                there, value = _value(record, key)
                known |= there
                if not there and fields is not None:
                    raise ValueError(f"{path}:{line}: no field {key!r}; there is {', '.join(map(repr, record)) or 'none'}")
                if there and value is not None:
                    (answers if role == "answer" else asked).append(_plain(_text(value, f"{path}:{line}: {key}")))
        if not known:
            raise ValueError(f"{path}:{line}: none of the fields is known ({', '.join(map(repr, record))}): say which with `fields`")
        called = next((str(record[key]) for key in IDS if isinstance(record.get(key), str | int)), str(line))
        named = wanted.get("question", ())
        about = any(record.get(key) for key in PASSAGES if key not in named)
        found = [(not about, "\n".join(asked))] if asked else []
        yield called.encode("utf-8", "replace").decode(), [*found, *((False, answer) for answer in answers)]


def _records(path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Line (or row) from 1 and record of each item."""
    stem = path.lower()
    for suffix in CODECS:
        stem = stem.removesuffix(suffix)
    kind = Path(stem).suffix
    if kind not in (".jsonl", ".csv", ".tsv", ".txt", ".parquet"):
        raise ValueError(f"{path}: the suffix names the format of a benchmark: {FORMATS}")
    try:
        if kind == ".parquet":
            yield from _parquet(path)
        elif kind in (".csv", ".tsv"):
            yield from _table(path, "\t" if kind == ".tsv" else ",")
        else:
            yield from _lines(path, json_=kind == ".jsonl")
    except (OSError, pa.ArrowException) as e:
        raise ValueError(f"{path} cannot be read: {e}") from e


def _parquet(path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    row = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(1_000, use_threads=False):
            for record in batch.to_pylist():
                row += 1
                yield row, record


def _table(path: str, delimiter: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with open_decompressed(path) as raw:
        stream = io.TextIOWrapper(io.BufferedReader(raw), "utf-8-sig", newline="")
        rows = csv.DictReader(stream, delimiter=delimiter)
        try:
            for record in rows:
                if None in record or None in record.values():
                    raise ValueError(f"{path}:{rows.line_num}: as many values as the header has names are wanted")
                yield rows.line_num, record
        except (csv.Error, UnicodeDecodeError) as e:
            raise ValueError(f"{path}:{rows.line_num + 1}: {e}") from e


def _lines(path: str, json_: bool) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with open_decompressed(path) as stream:
        for number, (_, line) in enumerate(bounded_lines(stream, MAX_LINE_BYTES), 1):
            if line is None:
                raise ValueError(f"{path}:{number}: a line of more than {MAX_LINE_BYTES >> 20} MiB")
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if not text or text.isspace():
                    continue
                record = json.loads(text, parse_float=str, parse_int=str) if json_ else {"text": text}
            except (ValueError, RecursionError) as e:
                raise ValueError(f"{path}:{number}: {'not JSON' if json_ else 'not UTF-8'}: {e}") from e
            if not isinstance(record, dict):
                raise ValueError(f"{path}:{number}: a JSON object a line is wanted, not a {type(record).__name__}")
            yield number, record


def _value(record: Mapping[str, Any], key: str) -> tuple[bool, Any]:
    """(whether a record has a field, its value)."""
    if key in record:
        return True, record[key]
    first, dot, rest = key.partition(".")
    inner = record.get(first) if dot else None
    return _value(inner, rest) if isinstance(inner, Mapping) else (False, None)


def _text(value: Any, place: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "\n".join(_text(v, place) for v in value if v is not None)
    if isinstance(value, dict):
        return "\n".join(_text(v, place) for v in value.values() if v is not None)
    raise ValueError(f"{place} is a {type(value).__name__}, not a text")


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub(" ", text)) if _CLOSES.search(text) else text
