"""What a stage is.

A *row* stage is a module-level function from a batch to new columns, one value per document; the
engine removes the documents whose `drop_reason` is set, a stage never removes a row itself. A
*global* stage looks at all documents through a shuffle: `emit` keyed rows, `reduce` each key,
`apply` the verdicts. An *expand* stage makes several documents of one, a *regroup* stage one of
several that share a key. A *source* reads records from files.

A stage is called in a notebook as it is called by the engine: `gopher_quality(table, min_words=30)`.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from pydantic import AfterValidator, BaseModel, ConfigDict

from curation.errors import TaskError
from curation.rules import PROFILES, AnyRule, group_column, judge
from curation.text import Utf8, Words

T = TypeVar("T")
Columns: TypeAlias = Mapping[str, Any]
"""New columns of a batch: name -> Arrow or numpy array with one value per document."""
Types: TypeAlias = Mapping[str, Any]
"""Column name -> pa.DataType (never null) or pa.Field (to say that nulls may occur)."""

DEFAULTED = "default parameters"
"""Note that a `PerGroup` map has no value of its own for some languages."""
EXAMPLE_CHARS = 200
"""Characters of an example that are kept (ours)."""
TALLIED = {"tallied": "1"}
"""Metadata of a column of whole numbers that a row stage writes: the accounts of every row and global step behind it say of how many
documents it is known and above 0, and its sum, of all that reach the step and of those it drops."""


class StageParams(BaseModel):
    """Base of every stage's parameters: frozen, an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, arbitrary_types_allowed=True)


class NoParams(StageParams):
    """Parameters of a stage that has none."""


def _check_groups(value: Any) -> Any:
    if isinstance(value, dict):
        if "default" not in value:
            raise ValueError('a map per language or profile needs a "default"')
        named = set(value) - {"default"}
        if named & set(PROFILES) and not named <= set(PROFILES):
            raise ValueError("a map is looked up by lang or by profile, not by both")
        if len({name[:1].isupper() for name in named}) > 1:
            raise ValueError("a map is looked up by code_language, whose names begin with a capital, or by lang or profile, not by both")
    return value


PerGroup = Annotated[T | dict[str, T], AfterValidator(_check_groups)]
"""A parameter that is one value, or a map {default: x, zh: y} looked up for each document by `lang`; when its keys are web, code, math by
`profile`; when they begin with a capital, {default: x, HTML: y}, by `code_language`."""


def lookup_columns(params: StageParams) -> dict[str, str]:
    """Column each `PerGroup` map that the user gave is looked up by; a stage's own map does without one, by its default."""
    fields = {name: type(params).model_fields[name] for name in params.model_fields_set}
    marked = [name for name, f in fields.items() if any(getattr(m, "func", None) is _check_groups for m in f.metadata)]
    return {name: column for name in sorted(marked) if (column := group_column(getattr(params, name)))}


@dataclass(frozen=True)
class AssetMark:
    """Marks a parameter as a file whose content, not whose path, is part of the fingerprint.

    read: called with the file before any work; a ValueError it raises is an error of the recipe, a string it
        returns is shown to the user (what it had to leave out, say).
    folder: a folder will do too; its content is that of its files.
    """

    read: Callable[[Path], Any] | None = None
    folder: bool = False


AssetFile = Annotated[str, AssetMark()]
"""Path of a model or a list: relative to the recipe, then to the packages' data;
`package:NAME/PATH` names a file inside an installed package."""


class Texts:
    """Text columns on their way through the steps of a pass, known again by where their bytes stand.

    So words found for one step are there for the next, even where documents between them went.
    """

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Any, Utf8]] = {}
        """By place: the column, held so that its place stays its own, and its view."""

    def of(self, column: Any) -> Utf8:
        """The view of a contiguous string array, made once."""
        place = _place(column)
        if place is None:
            return Utf8.of(column)
        if place not in self._known:
            self._known[place] = column, Utf8.of(column)
        return self._known[place][1]

    def filtered(self, before: pa.Table, mask: Any, after: pa.Table) -> None:
        """Note that `after` holds the documents of `before` where bool (n,) holds."""
        for old, new in zip(before.columns, after.columns, strict=True):
            known = self._known.get(_place(old.chunk(0))) if old.num_chunks == 1 and new.num_chunks == 1 else None
            if known is not None:
                self._known[_place(new.chunk(0))] = new.chunk(0), known[1].of_rows(np.flatnonzero(mask), new.chunk(0))

    def forget(self, table: pa.Table) -> None:
        """Let go of the text of a table that no step will see again."""
        for column in table.columns:
            for chunk in column.chunks:
                known = self._known.pop(_place(chunk), None)
                if known is not None:
                    known[1].forget()

    def clear(self) -> None:
        """Let go of everything."""
        for _, text in self._known.values():
            text.forget()
        self._known.clear()


def _place(column: Any) -> tuple[int, ...] | None:
    """Where the bytes of a string array, and what says which are null, stand; None where it has none."""
    buffers = column.buffers()
    if len(buffers) != 3 or buffers[2] is None or len(column) == 0:
        return None
    return 0 if buffers[0] is None else buffers[0].address, buffers[1].address, buffers[2].address, column.offset, len(column)


class Batch:
    """Some documents: an Arrow table with shared views of its text, each computed once.

    Args:
        table: at least the columns the stage reads.
        progress: called with a row index before that document is worked on, or None.
        texts: views shared with the batches of other steps, or None.
        noted: gathers what stages `note`, or None.
        buckets: how many parts a global stage deals its documents to.
    """

    def __init__(
        self, table: pa.Table, progress: Callable[[int], None] | None = None, texts: Texts | None = None,
        noted: dict[str, set[str]] | None = None, buckets: int = 1,
    ) -> None:  # fmt: skip
        self.table = table
        self._progress = progress
        self._texts = texts or Texts()
        self._noted = {} if noted is None else noted
        self._columns: dict[str, Any] = {}
        self.buckets = buckets
        self.counted: Counter[str] = Counter()
        self.examples: list[tuple[str, int, str]] = []

    def having(self, columns: Columns, types: Types) -> Batch:
        """These documents with columns of a stage beside (or in place of) their own, as they will be stored."""
        batch = Batch(self.table, self._progress, self._texts, self._noted, self.buckets)
        batch._columns = self._columns | {name: array_of(columns[name], getattr(kind, "type", kind)) for name, kind in types.items()}
        return batch

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __getitem__(self, name: str) -> Any:
        """One column as a contiguous Arrow array of len(self) values."""
        if name not in self._columns:
            column = self.table.column(name)
            column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
            self._columns[name] = pa.array([], column.type) if isinstance(column, pa.ChunkedArray) else column
        return self._columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self._columns or name in self.table.column_names

    def utf8(self, name: str = "text") -> Utf8:
        """UTF-8 bytes and offsets of a string column (null = empty)."""
        return self._texts.of(self[name])

    def words(self, name: str = "text") -> Words:
        """Words of a string column, from the one kernel all stages share."""
        return self.utf8(name).words()

    def per_row(self, value: Any) -> Any:
        """A `PerGroup` parameter for this batch.

        Returns: the value itself, or for a map a float64 array (n,), NaN where the map says null. Where
            there is no column to look it up by, the default: of a map the user gives, that is refused before.
        """
        name = group_column(value)
        if name is None:
            return value
        if name not in self:
            return value["default"]
        codes = self[name].dictionary_encode()
        groups = [*codes.dictionary.to_pylist(), "default"]
        if name == "lang":
            self.note(DEFAULTED, {g for g in groups if g not in value})
        table = {k: np.nan if v is None else float(v) for k, v in value.items()}
        values = np.array([table.get(g, table["default"]) for g in groups], dtype=np.float64)
        return values[codes.indices.fill_null(len(groups) - 1).to_numpy(zero_copy_only=False)]

    def bounds_per_row(self, params: Any, null: Mapping[str, float]) -> Any:
        """Parameters for each document: float64 (parameters, n).

        Args:
            null: parameter -> the number that stands for its null, of all documents or of a group's.
        """
        out = np.empty((len(null), len(self)))
        for k, (name, none) in enumerate(null.items()):
            value = self.per_row(getattr(params, name))
            out[k] = none if value is None else value
            out[k][np.isnan(out[k])] = none
        return out

    def note(self, what: str, languages: set[str]) -> None:
        """Keep for the run's accounts that something holds for these languages, such as that a list has nothing for them."""
        if languages:
            self._noted.setdefault(what, set()).update(languages)

    def count(self, what: str, n: int) -> None:
        """Add to a number that the run shows beside the step, such as how many documents a rule could not judge."""
        if n:
            self.counted[what] += int(n)

    def example(self, kind: str, weight: int, text: str) -> None:
        """Offer something worth showing; the heaviest of each kind over the whole run are shown beside the step."""
        self.examples.append((kind, int(weight), text[:EXAMPLE_CHARS]))

    def documents(self, *names: str, rows: Iterable[int] | None = None) -> Iterator[tuple[Any, ...]]:
        """Go through the documents one by one, all or those in `rows`: (row, value of each named column ...).

        A stage that loops over documents in Python uses this, so that a page which hangs or
        crashes is known by its row. Values are Python objects (str, bytes, int, None ...); bytes of a text that are not UTF-8 are U+FFFD.
        """
        columns = [self[name] for name in names]
        for row in range(len(self)) if rows is None else map(int, rows):
            if self._progress is not None:
                self._progress(row)
            yield (row, *(_value(column[row]) for column in columns))


def array_of(value: Any, kind: Any) -> Any:
    """A stage's column as one contiguous Arrow array of the declared type."""
    if isinstance(value, pa.ChunkedArray):
        value = value.combine_chunks()
        if isinstance(value, pa.ChunkedArray):
            value = pa.array([], kind)
    elif not isinstance(value, pa.Array):
        value = pa.array(value)
    return value if value.type == kind else value.cast(kind)


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes().decode("utf-8", "replace")


@dataclass(frozen=True)
class RowStage:
    """A row stage: `function(batch, params) -> columns`, with what it declares.

    `reads`, `writes` and `rules` may be callables of the parameters. A column both read and written is replaced; otherwise it is new.
    A stage that has rules returns measures alone: they give the `drop_reason`.
    """

    name: str
    function: Callable[[Batch, Any], Columns]
    params: type[StageParams]
    reads_: Any
    writes_: Any
    drops: tuple[str, ...]
    rules_: Any = ()
    version: str = "1"
    costly: bool = False
    check: Callable[[Any, pa.Schema], None] | None = None
    kind: ClassVar[str] = "row"

    def reads(self, params: Any) -> tuple[str, ...]:
        return tuple(self.reads_(params) if callable(self.reads_) else self.reads_)

    def writes(self, params: Any) -> Types:
        writes: Types = self.writes_(params) if callable(self.writes_) else self.writes_
        return writes

    def rules(self, params: Any) -> tuple[AnyRule, ...]:
        return tuple(self.rules_(params) if callable(self.rules_) else self.rules_)

    @property
    def doc(self) -> str:
        return (sys.modules[self.function.__module__].__doc__ or "").strip()

    def __call__(self, batch: Batch | pa.Table, params: Any = None, **values: Any) -> Columns:
        """Run the rule on a batch or a plain table; parameters as an object or by keyword."""
        batch = batch if isinstance(batch, Batch) else Batch(batch)
        if params is None:
            params = self.params(**values)
            for name, column in lookup_columns(params).items():
                if column not in batch:
                    raise ValueError(f"{name}: a map by {column} needs a column {column!r}")
        columns = self.function(batch, params)
        if not self.rules_:
            return columns
        types = self.writes(params)
        if "drop_reason" in columns:
            raise TaskError(f"stage {self.name} returned a drop_reason beside its rules")
        if lacking := sorted(set(types) - set(columns)):
            raise TaskError(f"stage {self.name} did not return {lacking}")
        measured = batch.having(columns, types)
        for name in types:
            if len(measured[name]) != len(batch):
                raise TaskError(f"stage {self.name} returned {len(measured[name])} values of {name} for {len(batch)} documents")
        return {**columns, "drop_reason": judge(self.rules(params), measured, params)}


class ExpandStage(RowStage):
    """An expand stage: `function(batch, params) -> Expanded`."""

    kind: ClassVar[str] = "expand"


@dataclass(frozen=True)
class Expanded:
    """What an expand stage returns.

    parents: int64 (m,), for each new document the row it came from, non-decreasing.
    columns: the declared columns, m values each; columns not named are copied from the parent.
    drop_reason: Arrow string (n,), why a document gave none; it must be set where no child is.
    """

    parents: Any
    columns: Columns
    drop_reason: Any


def _declare(
    kind: type[RowStage], reads: Any, writes: Any, drops: Any, rules: Any, keywords: dict[str, Any]
) -> Callable[[Callable[[Batch, Any], Any]], RowStage]:
    def wrap(function: Callable[[Batch, Any], Any]) -> RowStage:
        params = getattr(sys.modules[function.__module__], "Params", NoParams)
        reasons = tuple(drops) or (() if callable(rules) else tuple(dict.fromkeys(rule.reason for rule in rules)))
        return kind(
            name=function.__name__, function=function, params=params,
            reads_=reads, writes_=writes, drops=reasons, rules_=rules, **keywords,
        )  # fmt: skip

    return wrap


def stage(
    *, reads: Any, writes: Any, drops: Any = (), rules: Any = (), **keywords: Any
) -> Callable[[Callable[[Batch, Any], Columns]], RowStage]:
    """Make a row stage of a function; the module's `Params` are its parameters.

    Args:
        reads: columns it needs (or a callable of the parameters).
        writes: column -> type (or a callable of the parameters).
        drops: drop reasons it may give; by default those of `rules`, where that is no callable.
        rules: what it drops for, by its columns and those it reads (curation/rules.py), or a callable of the parameters.
        keywords: version (default "1"; raise it when output changes), costly (materialise after me), check
            (called before a run with the parameters and the schema of what comes in; a ValueError is an
            error of the recipe).
    """
    return _declare(RowStage, reads, writes, drops, rules, keywords)


def expand(*, reads: Any, writes: Any, drops: Any = (), **keywords: Any) -> Callable[[Callable[[Batch, Any], Expanded]], RowStage]:
    """Make an expand stage (1 -> n) of a function; arguments as for `stage`."""
    return _declare(ExpandStage, reads, writes, drops, (), keywords)


@dataclass(frozen=True)
class Keyed:
    """Rows for the shuffle.

    key: uint64 (m,). row: int64 (m,), the document each belongs to, an index into the batch.
    columns: the stage's `payload`, m values each.
    kept: the stage's `keeps`, one value per document of the batch.
    """

    key: Any
    row: Any
    columns: Columns = field(default_factory=dict)
    kept: Columns = field(default_factory=dict)


@dataclass(frozen=True)
class Combined:
    """One mapper's rows after `combine`.

    rows: {key, row, **payload}, sorted by (key, row); what is sent.
    followers: {row: uint32, leader: uint32, **follower}: documents of this shard whose fate is that of another one
        of it, whose row is sent. So a key that fills a third of the corpus makes one row a mapper.
    """

    rows: pa.Table
    followers: pa.Table


@dataclass(frozen=True)
class Reduced:
    """What a reducer returns, each part optional.

    verdicts: table {shard: uint32, row: int64, **verdict}; a document without one is untouched.
    again: rounds ahead (1 = the next) -> table {key: uint64, shard: uint32, row: int64, **message of that round}.
    ask: table {key, shard, row, **asked}: what the stage keeps of these documents comes back by way of
        `recall` as rows of the next round.
    state: a small table, concatenated over all partitions and handed to `apply`.
    counted: numbers the run shows beside the step.
    """

    verdicts: Any = None
    again: Mapping[int, pa.Table] = field(default_factory=dict)
    ask: Any = None
    state: Any = None
    counted: Mapping[str, int] = field(default_factory=dict)


class Verdicts:
    """The verdicts that fall on one batch.

    rows: int64 (k,), index into the batch, non-decreasing. table: k rows of the verdict columns.
    state: the concatenated `state` tables of all reducers, or None.
    kept: of a stage that `applies_kept`, the columns it keeps, a row per document of the batch; else None.
    """

    def __init__(self, rows: Any, table: pa.Table, state: pa.Table | None = None, kept: pa.Table | None = None) -> None:
        self.rows, self.table, self.state, self.kept = rows, table, state, kept

    def aligned(self, name: str, n: int) -> Any:
        """One verdict column spread over the batch: Arrow array (n,), null without a verdict."""
        index = np.full(n, -1, dtype=np.int64)
        index[self.rows] = np.arange(len(self.rows))
        column = self.table.column(name)
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
        if isinstance(column, pa.ChunkedArray):
            column = pa.array([], column.type)
        return column.take(pa.array(index, mask=index < 0))


@dataclass(frozen=True)
class Scattered:
    """Where the documents of a batch go when a stage puts its output in an order of its own.

    rows: int64 (m,), indices into the batch, each of its documents at least once; from the second time on it is a copy.
    part: integers (m,), ordinals of `parts`. place: uint64 (m,), the order within a part: spread over all 64 bits, as hashes are.
    size: int64 (m,), not negative: by which the shards of a part are made equally large (tokens, say).
    columns: the declared `scattered` columns, m values each.
    """

    rows: Any
    part: Any
    place: Any
    size: Any
    columns: Columns = field(default_factory=dict)


class StageClass(ABC):
    """What stages that are objects of a class declare: all but row and expand stages."""

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    Params: ClassVar[type[StageParams]] = NoParams
    drops: ClassVar[tuple[str, ...]] = ()
    costly: ClassVar[bool] = False
    kind: ClassVar[str]

    @property
    def params(self) -> type[StageParams]:
        return self.Params

    @property
    def doc(self) -> str:
        return (sys.modules[type(self).__module__].__doc__ or "").strip()


class Shuffled(StageClass):
    """What global and regroup stages share: `emit`."""

    @abstractmethod
    def reads(self, params: Any) -> tuple[str, ...]:
        """Columns `emit` needs."""

    def reads_if_there(self, params: Any) -> tuple[str, ...]:
        """Columns `emit` reads, or the stage writes anew, where a step above has them; default: none."""
        return ()

    @abstractmethod
    def writes(self, params: Any) -> Types:
        """Columns `apply` (or `merge`) writes."""

    @abstractmethod
    def payload(self, params: Any) -> Types:
        """Columns that travel with a key: name -> type."""

    @abstractmethod
    def emit(self, batch: Batch, params: Any) -> Keyed:
        """Keyed rows of a batch."""


class GlobalStage(Shuffled):
    """A stage that decides about documents by looking at all of them."""

    kind = "global"
    many: ClassVar[bool] = False
    """Whether one document may get several verdicts (removed lines, say)."""
    of_shard: ClassVar[bool] = False
    """Whether verdicts are about a shard: `apply` then sees all of them with every batch, and their rows are -1."""
    applies_kept: ClassVar[bool] = False
    """Whether `apply` is given what the stage keeps of a batch's documents."""

    def verdict(self, params: Any) -> Types:
        """Columns of a verdict; `drop_reason` among them drops the document."""
        return {"drop_reason": pa.string()}

    def keeps(self, params: Any) -> Types:
        """Columns written down for every document beside the spill, for `recall` or `apply`; default: none."""
        return {}

    def message(self, params: Any, round_: int) -> Types:
        """Columns that travel with a key in a round from 1 on; default: the payload."""
        return self.payload(params)

    def asked(self, params: Any, round_: int) -> Types:
        """Columns of what a reducer of this round asks, beside {key, shard, row}; default: none."""
        return {}

    def rules(self, params: Any) -> tuple[AnyRule, ...]:
        """What `apply` drops for, by the columns it writes and reads (curation/rules.py): it calls `judge`; default: none."""
        return ()

    def against(self, params: Any) -> tuple[str, ...]:
        """Folders of earlier runs whose documents compete with the step's: outputs, or states for a stage that `keeps`; default: none.

        Those that lose stand in the run's `superseded/`, by id.
        """
        return ()

    def state(self, params: Any) -> Mapping[str, Any] | None:
        """Parameters two runs must share for one to read what the other kept; None: it is not left behind for later runs."""
        return None

    def conflict(self, params: Any, others: Any) -> str | None:
        """Why two steps of this stage, with these parameters, must not be given the same documents; None: they may. Default: they may."""
        return None

    def emit_kept(self, kept: pa.Table, params: Any) -> Keyed:
        """`emit`, from what an earlier run kept: {row, **keeps}."""
        raise NotImplementedError

    def follower(self, params: Any) -> Types:
        """Columns of a follower beside {row, leader}; default: none."""
        return {}

    def buckets(self, documents: int, params: Any) -> int:
        """How many parts this many documents are dealt to; batches of `emit` and `apply` are told. Default: one."""
        return 1

    def combine(self, rows: pa.Table, params: Any, round_: int) -> pa.Table | Combined:
        """Shrink one mapper's rows, sorted by (key, row), before they are written; default: as they are.

        Args:
            round_: the round that will read them; followers may be named in round 0 alone.
        """
        return rows

    def recall(self, kept: pa.Table, asks: pa.Table, params: Any, round_: int) -> pa.Table:
        """Answer what was asked of one shard's documents.

        Args:
            kept: the `keeps` columns, a row per ask. asks: {key, shard, row, **asked}, sorted by row.
            round_: the round that will read the answers.
        Returns: {key, shard, row, **message of that round}.
        """
        raise NotImplementedError

    def follow(self, followers: pa.Table, leaders: pa.Table, params: Any) -> pa.Table:
        """Verdicts on followers.

        Args:
            followers: {row, leader, **follower}. leaders: {**verdict}, row by row the verdict that drops the
                leader, or nulls where it stays.
        Returns: {row, **verdict}.
        """
        raise NotImplementedError

    def judge(self, documents: int, dropped: Mapping[str, int], params: Any) -> str | None:
        """Look at what became of all documents: a note for the user, or None.

        Raises: ValueError saying what is wrong; the run stops.
        """
        return None

    def report(self, state: pa.Table | None, counted: Mapping[str, int], params: Any) -> tuple[Mapping[str, Any], list[str]] | None:
        """What stands in the run's accounts as the step's `report`, and notes for the user in place of the numbers; default: None.

        Args:
            state: as `apply` had it. counted: the numbers `apply` and the reducers counted, over the whole run.
        """
        return None

    @abstractmethod
    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced | Iterator[Reduced]:
        """Decide about whole keys; in pieces, where it sends more rows than it was given.

        Args:
            rows: {key, shard, row, **payload}, sorted by (key, shard, row); a key is never split.
            round_: 0, then 1, 2 ... while any reducer returns `again`.
        """

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        """`reduce` for one key too large for memory; `chunks()` may be walked more than once.

        Raises: NotImplementedError if the stage cannot; the task then fails with a clear message.
        """
        raise NotImplementedError(f"{self.name} cannot stream one key that exceeds the memory budget")

    def apply(self, batch: Batch, verdicts: Verdicts, params: Any) -> Columns:
        """Columns of a batch after the verdicts; default: the verdict columns as they came."""
        return {name: verdicts.aligned(name, len(batch)) for name in self.verdict(params)}

    def parts(self, params: Any) -> tuple[str, ...]:
        """Names of the parts `scatter` deals the documents to; each part's shards carry its name. Default: none, rows stay where they are.

        Only outputs may need a stage that has parts.
        """
        return ()

    def scattered(self, params: Any) -> Types:
        """Columns `scatter` adds to the rows of an output; default: none."""
        return {}

    def shard_size(self, params: Any) -> int | None:
        """Size, as `scatter` gives it, that a shard of a part has at most, but for one document; None: by `settings.output_bytes`."""
        return None

    def scatter(self, table: pa.Table, params: Any) -> Scattered:
        """Where the documents of a batch go.

        Args:
            table: what `apply` kept of a batch, with all columns.
        """
        raise NotImplementedError


class RegroupStage(Shuffled):
    """A stage that makes one document of several with the same key."""

    kind = "regroup"

    def payload(self, params: Any) -> Types:
        return {}

    @abstractmethod
    def merge(self, rows: pa.Table, params: Any) -> pa.Table:
        """New documents of whole groups.

        Args:
            rows: {key: uint64, **all columns of the documents}, sorted by key, then shard and row.
        Returns: one row per new document: {parent_ids: list<string>, **declared columns, and any
            input column that should live on}; the engine gives ids; a column left out is null.
        """


class Source(StageClass):
    """Reads documents from files.

    `transient` columns (the bytes of a page) are never written: a later pass that needs them
    reads the file again, asking for the rows it still wants.
    """

    transient: ClassVar[frozenset[str]] = frozenset()
    gives_text_again: ClassVar[bool] = False
    """Whether `texts` reads a text again as cheaply as a shard of ours does, so that none need be written."""
    drops: ClassVar[tuple[str, ...]] = ("broken_record", "duplicate_record")
    kind: ClassVar[str] = "source"
    links_leave_root: ClassVar[bool] = True
    """Whether a file that a pattern finds may be a link out of the folder the pattern begins in."""

    def paths(self, params: Any, folder: Path) -> list[str]:
        """Paths, URLs and glob patterns the input names, before they are resolved: its parameter `paths`.

        Args:
            folder: the recipe's; what is relative is meant from there, and may be returned so.
        """
        return [params.paths] if isinstance(params.paths, str) else list(params.paths)

    @abstractmethod
    def columns(self, params: Any, example: str | None) -> Types:
        """Columns beside the core ones it yields; `example` is one of its files, for carried columns."""

    def check(self, path: str, params: Any) -> None:
        """Refuse, before any work, a file this source cannot read.

        Raises: ValueError saying what the file is and what to use instead.
        """

    def parts(self, path: str, size_bytes: int, params: Any) -> list[str]:
        """Names of the parts a large file is split into; [""] = read it whole."""
        return [""]

    @abstractmethod
    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        """Yield the documents of one part, in file order.

        Args:
            path: absolute path or URL of the file. relative: its path inside the input's root.
            part: one of `parts`.
            want: int64, increasing: the rows to yield; others are counted and skipped unread.
            progress: called with a row number before that record is decoded.
        Yields: tables of at most 1,024 rows or about 64 MB with the core columns (`id`, `url`,
            `date`, `record_file`, `record_offset`, and `text` or the transient ones), the declared
            columns, `_row` (int64: 0, 1, 2 ... within the part, the same with and without `want`)
            and `drop_reason` (null, or why this record is dropped; then other columns may be null).
        """

    def texts(self, path: str, part: str, params: Any) -> Iterator[tuple[int, Any]]:
        """Yield the texts of one part again, where `gives_text_again`: (`_row` of the first, large_string (n,)), in file order."""
        raise NotImplementedError


Stage = RowStage | Shuffled | Source
"""Any stage a recipe can name."""
