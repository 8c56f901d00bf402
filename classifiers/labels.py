"""Label sets: texts that a person or a model has judged. `curate label` writes them, `curate train` learns from them.

A file is JSON Lines (.jsonl, also .gz, .zst, .bz2), Parquet, or CSV or TSV with a header, a document a row:

    text         what was judged; not empty
    label        a class (text) or a number; all rows of a set have the one or the other
    id           default: a hash of the text; no id stands in a set twice
    domain       default: the registrable domain of url, else the source, else the id; what a split keeps on one side
    split        which part of a given split the row belongs to; all rows name one, or none does
    lang, url, source, reason, labelled_by (text), score (a number)    where they are known
    chars_left_out    characters of the text that whoever labelled it was not shown

Memory: a batch of rows is held at a time; beside it some 40 bytes for each id, and the names of the domains where there is a split.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from classifiers.documents import tables
from classifiers.records import is_table, kind_of, records
from curation.documents import IdSet, record_ids
from curation.domains import registrable_domains
from curation.errors import Place, RecipeError, did_you_mean
from curation.shards import ShardWriter
from curation.storage import attempt_name
from stages.sources.batches import without_surrogates

SCHEMA = pa.schema([
    ("id", pa.string()), ("text", pa.large_string()), ("label", pa.string()), ("value", pa.float64()), ("lang", pa.string()),
    ("url", pa.string()), ("domain", pa.string()), ("source", pa.string()), ("split", pa.string()), ("score", pa.float64()),
    ("reason", pa.string()), ("labelled_by", pa.string()), ("chars_left_out", pa.int64()),
])  # fmt: skip
"""Columns of a set as it is read: of a set of classes `value` is null, of one of numbers `label`. `id`, `text` and `domain` never are."""
WORDS = ("lang", "url", "domain", "source", "split", "reason", "labelled_by")
KEYS = ("id", "text", "label", "score", "chars_left_out", *WORDS)
BATCH_ROWS = 4_096
BATCH_CHARS = 16 << 20
MAX_CLASSES = 10_000
"""Classes of a set (ours): more are numbers or texts in the wrong column."""


@dataclass
class Facts:
    """What a label set holds."""

    kind: Literal["classes", "numbers"]
    rows: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    """Rows of each class; of a set of numbers none."""
    low: float = math.inf
    high: float = -math.inf
    """Least and largest number; of a set of classes infinite."""
    splits: Counter[str] = field(default_factory=Counter)
    """Rows of each part of the split; empty where none is given."""
    ignored: set[str] = field(default_factory=set)
    """Keys that were not read."""


def check(files: Sequence[str | Path], columns: Mapping[str, str] | None = None, documents: Sequence[str] = ()) -> Facts:
    """Go through a whole set; arguments and errors are those of `batches`."""
    found: list[Facts] = []
    for _ in batches(files, columns, found, documents):
        pass
    return found[0]


def read(files: Sequence[str | Path], columns: Mapping[str, str] | None = None) -> tuple[pa.Table, Facts]:
    """A whole set in memory, as a table of SCHEMA; arguments and errors are those of `batches`."""
    found: list[Facts] = []
    table = pa.concat_tables(batches(files, columns, found))
    return table, found[0]


def batches(
    files: Sequence[str | Path], columns: Mapping[str, str] | None = None, facts: list[Facts] | None = None, documents: Sequence[str] = ()
) -> Iterator[pa.Table]:  # fmt: skip
    """Go through a set, which may lie in several files, a table of SCHEMA at a time.

    What only the whole set shows (one class, no label at all) is said at its end: whoever must know before work calls `check` first.

    Args:
        columns: key of this module -> the name the files have for it.
        facts: gets one item, at the end.
        documents: files of a sample, in which rows without a text find it, and what else they lack, by id; held in memory are
            the texts found.
    Raises: RecipeError naming file, line (row of Parquet) and key: a text that is missing or empty, a label that is missing, no number
        where the others are, or not finite; an id that stands there twice; a domain on two sides of the split; a set without labels or
        with one only.
    """
    names = {key: key for key in KEYS} | dict(columns or {})
    for key in names:
        if key not in KEYS:
            raise RecipeError(f"a label set has no key {key!r}{did_you_mean(key, KEYS)}", hint=f"keys: {', '.join(KEYS)}")
    whole = _Set(names)
    for file in files:
        rows: list[tuple[Any, ...]] = []
        lines: list[int] = []
        chars = 0
        for line, record in _with_texts(file, names, documents) if documents else records(file):
            row = whole.row(str(file), line, record)
            rows.append(row)
            lines.append(line)
            chars += sum(len(value) for value in row if isinstance(value, str))
            if len(rows) == BATCH_ROWS or chars >= BATCH_CHARS:
                yield whole.table(str(file), lines, rows)
                rows, lines, chars = [], [], 0
        if rows:
            yield whole.table(str(file), lines, rows)
    found = whole.end(", ".join(map(str, files)) or "the label set")
    if facts is not None:
        facts.append(found)


def _with_texts(file: str | Path, names: Mapping[str, str], documents: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file, those without a text as the document of their id has them."""
    lacking = {str(row[names["id"]]) for _, row in records(file) if not row.get(names["text"]) and row.get(names["id"]) is not None}
    found: dict[str, dict[str, Any]] = {}
    keys = ("id", "text", "url", "lang", "domain", "source")
    for sample in documents:
        for table in tables(sample, keys):
            rows = [n for n, id in enumerate(table["id"].to_pylist()) if id in lacking]
            for row in table.take(pa.array(rows, pa.int64())).to_pylist():
                found[row["id"]] = {names[key]: value for key, value in row.items() if key != "id" and value is not None}
    for line, row in records(file):
        more = found.get(str(row.get(names["id"]))) if not row.get(names["text"]) else None
        yield line, row if more is None else {**more, **{key: value for key, value in row.items() if value not in (None, "")}}


class _Set:
    """What is known of a set while it is read, and its rules."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names, self.ids = names, IdSet()
        self.facts: Facts | None = None
        self.first = ""
        self.split_of: dict[str, tuple[str, str]] = {}
        """Domain -> part of the split, and where that was said."""

    def error(self, file: str, line: int, key: str, message: str) -> RecipeError:
        return RecipeError(message, Place(file, line, 1, self.names[key]))

    def row(self, file: str, line: int, record: Mapping[str, Any]) -> tuple[Any, ...]:
        """One row, in the order of SCHEMA; the id may be None still, and the domain."""
        names = self.names
        text = record.get(names["text"])
        if not isinstance(text, str):
            near = did_you_mean(names["text"], record) if text is None else ""
            raise self.error(file, line, "text", f"no text{near}" if text is None else f"a {kind_of(text)}, not a text")
        if not text or text.isspace():
            raise self.error(file, line, "text", "the text is empty")
        label, value = self._label(file, line, record)
        if self.facts is None:
            self.facts, self.first = Facts("classes" if label is not None else "numbers"), f"{file}:{line}"
        facts = self.facts
        if (label is None) != (facts.kind == "numbers"):
            shown = f"{label[:40]!r} is a class" if label is not None else f"{value:g} is a number"
            raise self.error(file, line, "label", f"{shown}, and the set began with {facts.kind} ({self.first})")
        facts.rows += 1
        if label is not None:
            facts.classes[label] += 1
            if len(facts.classes) > MAX_CLASSES:
                raise self.error(file, line, "label", f"more than {MAX_CLASSES:,} classes")
        else:
            assert value is not None
            facts.low, facts.high = min(facts.low, value), max(facts.high, value)
        facts.ignored.update(record.keys() - names.values())
        words = {key: self._word(file, line, key, record) for key in WORDS}
        if (words["split"] is None) != (not facts.splits) and facts.rows > 1:
            raise self.error(file, line, "split", f"{'no split' if facts.splits else 'a split'}, and the row of {self.first} has "
                             f"{'one' if facts.splits else 'none'}: all rows name one, or none does")  # fmt: skip
        if words["split"] is not None:
            facts.splits[words["split"]] += 1
        given = record.get(names["id"])
        if given is not None and (isinstance(given, bool) or not isinstance(given, str | int) or given == ""):
            raise self.error(file, line, "id", "an id is a text or a whole number")
        score = None if record.get(names["score"]) in (None, "") else _number(record[names["score"]])
        if score is not None and not math.isfinite(score):
            raise self.error(file, line, "score", "not a finite number")
        left_out = record.get(names["chars_left_out"]) or 0
        if isinstance(left_out, bool) or not str(left_out).isdecimal():
            raise self.error(file, line, "chars_left_out", "not a whole number of characters")
        return (
            None if given is None else _utf8(str(given)), _utf8(text), label, value, words["lang"], words["url"], words["domain"],
            words["source"], words["split"], score, words["reason"], words["labelled_by"],
            int(left_out),
        )  # fmt: skip

    def _label(self, file: str, line: int, record: Mapping[str, Any]) -> tuple[str | None, float | None]:
        """(class, None) or (None, number)."""
        given = record.get(self.names["label"])
        if given is None or given == "" or (isinstance(given, str) and given.isspace()):
            raise self.error(file, line, "label", f"no label{did_you_mean(self.names['label'], record) if given is None else ''}")
        table = is_table(file)
        if isinstance(given, str) and not (table and _is_number(given)):
            return _utf8(given.strip() if table else given), None
        if isinstance(given, bool) or not isinstance(given, str | int | float):
            raise self.error(file, line, "label", f"a {kind_of(given)}: a label is a text, for a class, or a number")
        value = _number(given)
        if not math.isfinite(value):
            raise self.error(file, line, "label", f"{value} is no label: leave the row out")
        return None, value

    def _word(self, file: str, line: int, key: str, record: Mapping[str, Any]) -> str | None:
        value = record.get(self.names[key])
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.error(file, line, key, f"a {kind_of(value)}, not a text")
        return _utf8(str(value))

    def table(self, file: str, lines: list[int], rows: list[tuple[Any, ...]]) -> pa.Table:
        """Rows with their ids and domains, once these are known to be allowed."""
        columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), SCHEMA.types, strict=True)]
        table = pa.table(columns, schema=SCHEMA)
        own = record_ids("text", table["text"])
        ids = pa.array([b if a is None else a for a, b in zip(table["id"].to_pylist(), own.to_pylist(), strict=True)], pa.string())
        for i, seen in enumerate(self.ids.add(record_ids("label", ids)).tolist()):
            if seen:
                raise self.error(file, lines[i], "id", f"{ids[i].as_py()!r} stands in the set before this line, too")
        domains = pc.coalesce(table["domain"], registrable_domains(table["url"]), table["source"], ids)
        if self.facts is not None and self.facts.splits:
            for i, (domain, split) in enumerate(zip(domains.to_pylist(), table["split"].to_pylist(), strict=True)):
                before, place = self.split_of.setdefault(domain, (split, f"{file}:{lines[i]}"))
                if before != split:
                    raise self.error(file, lines[i], "split", f"the domain {domain!r} is in {split!r} here and in {before!r} at {place}")
        return table.set_column(0, SCHEMA.field("id"), ids).set_column(SCHEMA.get_field_index("domain"), SCHEMA.field("domain"), domains)

    def end(self, files: str) -> Facts:
        """The facts, once all rows were read."""
        facts = self.facts
        if facts is None:
            raise RecipeError(f"{files}: no label in it")
        if facts.kind == "classes" and len(facts.classes) == 1:
            raise RecipeError(f"{files}: every row has the label {next(iter(facts.classes))!r}: there is nothing to tell apart")
        if facts.kind == "numbers" and facts.low == facts.high:
            raise RecipeError(f"{files}: every row has the label {facts.low:g}: there is nothing to tell apart")
        return facts


def _number(value: Any) -> float:
    """A number as a float; infinite if it is none or too large for one."""
    try:
        return math.inf if isinstance(value, bool) else float(value)
    except (OverflowError, TypeError, ValueError):
        return math.inf


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _utf8(text: str) -> str:
    """The text, its lone surrogates as U+FFFD."""
    return text if text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text) else without_surrogates(text)


class Writer:
    """Writes a label set, .jsonl or .parquet, in flat memory; the file is there when it is whole.

    Args:
        file: which is replaced.
        kind: what its labels are.
    Raises: RecipeError for another suffix.
    """

    def __init__(self, file: str | Path, kind: Literal["classes", "numbers"]) -> None:
        self.file, self.rows = Path(file), 0
        if self.file.suffix not in (".jsonl", ".parquet"):
            raise RecipeError("a label set is written as .jsonl or .parquet", Place(str(file), 0, 0))
        self._label = "label" if kind == "classes" else "value"
        self.schema = pa.schema([
            pa.field("label", pa.string() if kind == "classes" else pa.float64()) if f.name == "label" else f
            for f in SCHEMA if f.name != "value"
        ])  # fmt: skip
        self._part = self.file.with_name(f".{self.file.name}.{attempt_name()}")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._shard = ShardWriter(self._part, self.schema) if self.file.suffix == ".parquet" else None
        self._lines = None if self._shard else open(self._part, "w", encoding="utf-8")  # noqa: SIM115 - closed by close()

    def write(self, table: pa.Table) -> None:
        """Append rows: a table of SCHEMA, columns it lacks are null."""
        label = table[self._label].cast(self.schema.field("label").type)
        columns = {f.name: table[f.name] for f in self.schema if f.name != "label" and f.name in table.column_names} | {"label": label}
        self.rows += table.num_rows
        if self._shard is not None:
            self._shard.write(pa.table(columns))
            return
        assert self._lines is not None
        for row in pa.table(columns).select([f.name for f in self.schema if f.name in columns]).to_pylist():
            self._lines.write(json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Finish the file and give it its name."""
        if self._shard is not None:
            self._shard.close()
        else:
            assert self._lines is not None
            self._lines.close()
        os.replace(self._part, self.file)
