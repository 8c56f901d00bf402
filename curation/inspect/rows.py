"""The steps of a run and its rows, read row group by row group, only the columns that are wanted, from a folder or an object store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from pydantic import ValidationError

from curation import registry
from curation.documents import CORE
from curation.errors import RecipeError, did_you_mean
from curation.inspect.show import require_run
from curation.rules import AnyRule, Threshold, thresholds
from curation.shards import conform, opened
from curation.stage import GlobalStage, RowStage
from curation.storage import location
from curation.text import Utf8
from curation.where import WhereError, columns_of, parse

KINDS = {
    "outputs": (None, None), "dropped": ("step", "drop_reason"), "failed": ("step", "reason"), "shadows": ("shadow_step", "shadow_reason"),
}  # fmt: skip
"""What can be read, and the columns that say at which step, and why, a row stands there."""
PLACE = {"_file": pa.string(), "_row": pa.int64()}
"""Columns of every kind that are read only if they are named: the file inside the run, and the number of the row in it, from 0."""


@dataclass(frozen=True)
class OpenStep:
    """One step of a run, with what its stage drops for (`thresholds`).

    kind: source, row, expand, split, keep, global, regroup or shards (an output). writes: columns it writes.
    account: documents_in, created, kept, dropped {reason: documents}, merged, failed, bytes_in, cpu_seconds, branches {branch: documents}.
    report: what a global stage says of its result, such as a mix of its entries; else None.
    """

    name: str
    use: str
    kind: str
    needs: tuple[str, ...]
    params: Mapping[str, Any]
    writes: tuple[str, ...]
    account: Mapping[str, Any]
    notes: tuple[str, ...]
    examples: Mapping[str, Mapping[str, int]]
    pass_: str | None = field(repr=False)
    fingerprint: str = field(repr=False)
    version: str | None = field(repr=False)
    report: Mapping[str, Any] | None = field(repr=False)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> OpenStep:
        """A step as run.json has it."""
        counts = ("documents_in", "created", "kept", "dropped", "merged", "failed", "bytes_in", "cpu_seconds", "branches")
        return cls(
            facts["name"], facts["use"], facts["kind"], tuple(facts["needs"]), facts["params"], tuple(facts["writes"]),
            {name: facts[name] for name in counts}, tuple(facts["notes"]), facts["examples"], facts["pass"], facts["fingerprint"],
            facts["version"], facts.get("report"),
        )  # fmt: skip

    @cached_property
    def stage(self) -> Any:
        """The stage, where it is installed in the version that ran; else, and for the engine's own, None."""
        try:
            return registry.lookup(self.use) if registry.version(self.use) == self.version else None
        except KeyError:
            return None

    @cached_property
    def values(self) -> Any:
        """The parameters as the stage's own object; None where there is no stage, or it does not know them any more."""
        try:
            return None if self.stage is None else self.stage.params.model_validate(self.params)
        except ValidationError:
            return None

    @cached_property
    def rules(self) -> tuple[AnyRule, ...]:
        """What it drops for by columns; nothing where there is no stage, or the model in which a bound stands is not where it was."""
        if self.values is None or not isinstance(self.stage, RowStage | GlobalStage):
            return ()
        rules = self.stage.rules(self.values)
        try:
            for rule in rules:
                rule.values(self.values)
        except ValueError:
            return ()
        return rules

    @property
    def thresholds(self) -> list[Threshold]:
        """The bounds it drops by, each side by itself, in order."""
        return thresholds(self.rules, self.values)


class RunRows:
    """A run's folder, or its URL: its steps and its rows.

    name: of the recipe. status: done, running or failed; rows stand where they can be read once a run is done. manifest: run.json.
    steps: name -> OpenStep, parents first. outputs: their names.
    Raises: RecipeError if the folder holds no run.
    """

    def __init__(self, folder: Any) -> None:
        self.folder = location(folder) if isinstance(folder, str) else folder
        self.manifest = require_run(self.folder)
        self.name, self.status = str(self.manifest["name"]), str(self.manifest["status"])
        self.steps = {s["name"]: OpenStep.of(s) for s in self.manifest["steps"]}
        self.outputs = tuple(name.removeprefix("outputs.") for name, step in self.steps.items() if step.kind == "shards")
        self._schemas: dict[tuple[str, str], pa.Schema] = {}
        self._ways: dict[tuple[str, tuple[str, ...] | None, str | None], tuple[str, ...] | None] = {}

    def __repr__(self) -> str:
        return f"<run {self.name} in {self.folder}, {self.status}: {len(self.steps)} steps>"

    def step(self, name: str) -> OpenStep:
        """A step by its own name, or by its stage's where that is one step.

        Raises: RecipeError if there is no such step, or there are several.
        """
        if name in self.steps:
            return self.steps[name]
        found = [step for step in self.steps.values() if step.use == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise RecipeError(f"{name} is the stage of several steps: name one of {', '.join(s.name for s in found)}")
        raise RecipeError(f"the run in {self.folder} has no step {name!r}{did_you_mean(name, self.steps)}")

    def way(self, port: str, branch: str | None, source: str | None) -> tuple[str, ...] | None:
        """Steps from a source to a port (a step, or STEP.BRANCH of a split) that a row took; None if it cannot have come there.

        It begins at a regroup step, where there is one: what documents were before they became one is not told by the row.

        Args:
            branch: as the row has it, the branches it took from the first to the last. source: as the row has it; it tells nothing
                where it is no input's name, since a file may bring its own.
        """
        labels = tuple(branch.split("/")) if branch else ()
        named = source if source in self.steps and self.steps[source].kind == "source" else None
        return self._way(port, labels, named) or self._way(port, labels, None)

    def _way(self, port: str, labels: tuple[str, ...] | None, source: str | None) -> tuple[str, ...] | None:
        """labels, source: None = any."""
        key = port, labels, source
        if key not in self._ways:
            self._ways[key] = self._found(*key)
        return self._ways[key]

    def _found(self, port: str, labels: tuple[str, ...] | None, source: str | None) -> tuple[str, ...] | None:
        step = self.steps.get(port)
        if step is None:
            step = self.steps[port.partition(".")[0]]
            if labels is not None:
                if labels[-1:] != (port,):
                    return None
                labels = labels[:-1]
        if step.kind == "regroup":
            return (step.name,)
        if step.kind == "source":
            return (step.name,) if not labels and source in (None, step.name) else None
        ways = (self._way(need, labels, source) for need in step.needs)
        found = next((way for way in ways if way is not None), None)
        return None if found is None else (*found, step.name)

    def first_way(self, port: str, source: str | None = None) -> tuple[str, ...]:
        """A way to a port where a row says no branches: one of its source's, if there is one."""
        way = (source and self._way(port, None, source)) or self._way(port, None, None)
        assert way is not None
        return way

    # -- rows ---------------------------------------------------------------------------------------

    def batches(
        self, what: str, columns: Sequence[str] | None = None, where: str | None = None, *, step: str | None = None,
        reason: str | None = None, output: str | None = None,
    ) -> Iterator[pa.RecordBatch]:  # fmt: skip
        """Read rows, at most a row group of a shard at a time.

        Args:
            what: outputs, dropped, failed or shadows.
            columns: which, in this order; None = all. A column that some files lack is null there. `_file` and `_row` say where a
                row stands.
            where: a rule, as in a recipe; a row for which it is null does not match, which need not be said.
            step, reason: rows dropped (or failed) at a step, for a reason; step may be a stage's name. output: rows of one output.
        Raises: RecipeError, before anything is read, if the run is not done, or one of these is not there.
        """
        files = self.files(what, step, output)
        name = None if step is None else self.step(step).name
        self._check_reason(what, name, reason)
        return self._batches(what, files, columns, where, name, reason)

    def _batches(
        self, what: str, files: list[Any], columns: Sequence[str] | None, where: str | None, step: str | None, reason: str | None
    ) -> Iterator[pa.RecordBatch]:
        try:
            asked_for = None if columns is None else {*columns, *(columns_of(where) if where is not None else ())}
            known = self._schema(what, files, asked_for)
            rule = None if where is None or not files else parse(where, pa.schema([f.with_nullable(False) for f in known]))
        except WhereError as e:
            raise RecipeError(f"where: {e.message} (character {e.offset + 1} of {where!r})") from e
        names = list(columns) if columns is not None else known.names
        for name in names:
            if name not in known.names and name not in PLACE:
                raise RecipeError(f"{what} of the run have no column {name!r}{did_you_mean(name, known.names)}")
            if names.count(name) > 1:
                raise RecipeError(f"column {name!r} is named twice")
        at_step, why = KINDS[what]
        equal = {column: value for column, value in ((at_step, step), (why, reason)) if column is not None and value is not None}
        asked = pa.schema([known.field(n) for n in dict.fromkeys([*equal, *(sorted(rule.columns) or ["id"] if rule else ())])])
        read = pa.schema([known.field(n) for n in names if n not in PLACE])
        return self._read(files, asked, equal, rule, read, names)

    def _read(
        self, files: list[Any], asked: pa.Schema, equal: Mapping[str, str], rule: Any, read: pa.Schema, names: list[str]
    ) -> Iterator[pa.RecordBatch]:
        """Row groups: the columns that are `asked` first, the others only of groups in which a row matches."""
        for path in files:
            place, end = str(path.relative_to(self.folder)), 0
            with opened(path) as file:
                for group in range(file.metadata.num_row_groups):
                    base, end = end, end + file.metadata.row_group(group).num_rows
                    rows = np.arange(end - base)
                    if len(asked):
                        rows = np.flatnonzero(_matches(_group(file, group, asked), equal, rule))
                    if not len(rows):
                        continue
                    table = _group(file, group, read)
                    if len(rows) < end - base:
                        table = table.take(pa.array(rows))
                    stands = {"_file": pa.repeat(pa.scalar(place), len(rows)), "_row": pa.array(base + rows, pa.int64())}
                    arrays = [stands[name] if name in PLACE else table[name].combine_chunks() for name in names]
                    yield from pa.table(arrays, names=names).to_batches()

    def files(self, what: str, step: str | None = None, output: str | None = None) -> list[Any]:
        """Paths of the shards that hold outputs, dropped, failed or shadow rows, of one step or output only where that can be known.

        Raises: RecipeError if the run is not done, or there is no such kind, step or output.
        """
        if what not in KINDS:
            raise RecipeError(f"a run has no {what!r}{did_you_mean(what, KINDS)}; it has {', '.join(KINDS)}")
        if what == "outputs" and step is not None:
            raise RecipeError("rows of outputs are not those of a step: name an output")
        if what != "outputs" and output is not None:
            raise RecipeError(f"{what} rows are not in an output: name a step")
        if output is not None and output not in self.outputs:
            raise RecipeError(f"the run has no output {output!r}{did_you_mean(output, self.outputs)}; it has {', '.join(self.outputs)}")
        head = None if step is None else self.step(step).pass_
        self.require_done()
        if what == "outputs":
            names = self.outputs if output is None else (output,)
            return [path for name in names for path in sorted((self.folder / "outputs" / name).glob("*.parquet"))]
        found = sorted((self.folder / what).glob("*.parquet"))
        if what == "dropped" and step is not None:
            found = [path for path in found if group_of(path.name) == head]  # files of a pass begin with its name
        return found

    def require_done(self) -> None:
        """Raises: RecipeError if the run is not done: rows stand where they can be read once it is."""
        if self.status != "done":
            raise RecipeError(f"the run in {self.folder} is {self.status}: finish it, its rows stand in their folders then")

    def schema(self, what: str, output: str | None = None, columns: Collection[str] | None = None) -> pa.Schema:
        """Columns of outputs, dropped, failed or shadow rows: all that any file has, or those of them that are asked for.

        Raises: RecipeError if one of them has two types.
        """
        return self._schema(what, self.files(what, output=output), columns)

    def _schema(self, what: str, files: list[Any], columns: Collection[str] | None = None) -> pa.Schema:
        """Columns of some files; those of one pass, or output, have the same ones, so that one footer of each is read.

        Where columns are asked for, others that have two types do not matter: branches may call two things the same. Where there
        are no files, what any step writes may be asked for, of type null.
        """
        fields: dict[str, tuple[pa.Field, Any]] = {}
        for group, path in {group_of(path.name) if what != "outputs" else path.parent.name: path for path in files}.items():
            if (what, group) not in self._schemas:
                with opened(path) as file:
                    self._schemas[what, group] = file.schema_arrow
            for f in self._schemas[what, group]:
                known, other = fields.setdefault(f.name, (f.remove_metadata().with_nullable(True), path))
                if known.type != f.type and (columns is None or f.name in columns):
                    raise RecipeError(
                        f"column {f.name!r} is {known.type} in {other} and {f.type} in {path}: they cannot be read as one",
                        hint="name a step or an output, or columns without it",
                    )
        if not fields:
            written = dict.fromkeys(("branch", "parent_ids", *(name for step in self.steps.values() for name in step.writes)), pa.null())
            fields = {name: (pa.field(name, kind), None) for name, kind in (written | _always(what)).items()}
        return pa.schema([f for f, _ in fields.values()])

    def _check_reason(self, what: str, step: str | None, reason: str | None) -> None:
        if reason is None or what == "failed":
            return
        if what == "outputs":
            raise RecipeError("rows of outputs were not dropped: they have no reason")
        found = {r for s in self.steps.values() if step in (None, s.name) for r in s.account["dropped"]}
        if reason not in found:
            where = "" if step is None else f" at {step}"
            raise RecipeError(
                f"no document was dropped for {reason!r}{where}{did_you_mean(reason, found)}; "
                + (f"reasons{where}: {', '.join(sorted(found))}" if found else f"none was dropped{where}")
            )

    def table(
        self, what: str, columns: Sequence[str] | None = None, where: str | None = None, *, step: str | None = None,
        reason: str | None = None, output: str | None = None, as_: str = "arrow", limit: int | None = None,
    ) -> Any:  # fmt: skip
        """Rows as one table, which is held in memory: name the columns, or a limit, of a large run.

        Args:
            limit: rows at most. Others as for `batches`.
            as_: arrow (pa.Table), pandas (DataFrame) or duckdb (a relation, to be queried by SQL).
        Raises: RecipeError as `batches` does; or if pandas or duckdb is not installed.
        """
        if as_ not in ("arrow", "pandas", "duckdb"):
            raise RecipeError(f"as_={as_!r}: a table is arrow, pandas or duckdb")
        if limit is not None and limit < 0:
            raise RecipeError(f"limit={limit}: rows at most, 0 or more")
        files = self.files(what, step, output)
        known = self._schema(what, files, columns)
        batches, rows = [], 0
        for batch in self.batches(what, columns, where, step=step, reason=reason, output=output):
            batches.append(batch if limit is None else batch.slice(0, limit - rows))
            rows += batches[-1].num_rows
            if limit is not None and rows >= limit:
                break
        types = {f.name: f.type for f in known} | PLACE
        names = list(columns) if columns is not None else known.names
        table = pa.Table.from_batches(batches, pa.schema([pa.field(name, types[name]) for name in names]))
        return table if as_ == "arrow" else _as(table, as_)

    def rows(self, what: str, places: pa.Table, columns: Collection[str] | None = None, without: Sequence[str] = ()) -> pa.Table:
        """Rows at some places, in that order: some columns, or all that these files have but some, and where the rows stand.

        Args:
            places: {_file, _row}, as `batches` gives them.
        """
        by_file: dict[str, list[int]] = {}
        for at, name in enumerate(places["_file"].to_pylist()):
            by_file.setdefault(name, []).append(at)
        known = self._schema(what, [self.folder / name for name in by_file], columns)
        read = pa.schema([f for f in known if f.name not in without and (columns is None or f.name in columns)])
        numbers = places["_row"].to_numpy()
        parts, order = [], []
        for name, here in by_file.items():
            all_ = np.array(here)
            with opened(self.folder / name) as file:
                end = 0
                for group in range(file.metadata.num_row_groups):
                    base, end = end, end + file.metadata.row_group(group).num_rows
                    mine = all_[(numbers[all_] >= base) & (numbers[all_] < end)]
                    if len(mine):
                        parts.append(_group(file, group, read).take(pa.array(numbers[mine] - base)))
                        order += mine.tolist()
        table = pa.concat_tables(parts) if parts else read.empty_table()
        where = places.take(pa.array(order, pa.int64()))
        for name in PLACE:
            table = table.append_column(name, where[name])
        return table.take(pa.array(np.argsort(np.array(order, np.int64))))


def id_order(ids: Any, seed: int) -> Any:
    """Places of documents in an order that a seed shuffles, by a hash of their ids: uint64 (n,).

    A mix of the hash (splitmix64's, Steele et al. 2014): which texts were stored goes by the hash itself.
    """
    ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    x = Utf8.of(ids).hash() ^ np.uint64(xxhash.xxh3_64_intdigest(f"look {seed}".encode()))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def group_of(name: str) -> str:
    """The pass that wrote a file of dropped, failed or shadow rows, of this name or place."""
    return name.rpartition("/")[2].rpartition("-")[0]


def _always(what: str) -> dict[str, pa.DataType]:
    """Columns of rows of which there are none."""
    known = CORE if what != "failed" else {name: CORE[name] for name in ("id", "url")}
    more = {name: pa.string() for name in KINDS[what] if name is not None}
    return known | more | ({"text": pa.large_string()} if what in ("outputs", "dropped") else {})


def _group(file: Any, group: int, schema: pa.Schema) -> pa.Table:
    """A row group with these columns; those the file lacks are null."""
    there = set(file.schema_arrow.names)
    table = file.read_row_group(group, columns=[name for name in schema.names if name in there], use_threads=False)
    if table.num_columns:
        return conform(table, schema)
    n = file.metadata.row_group(group).num_rows
    return pa.Table.from_arrays([pa.nulls(n, f.type) for f in schema], schema=schema)


def _matches(table: pa.Table, equal: Mapping[str, str], rule: Any) -> Any:
    mask = np.ones(table.num_rows, dtype=bool) if rule is None else rule.mask(table).to_numpy(zero_copy_only=False)
    for name, value in equal.items():
        mask = mask & pc.fill_null(pc.equal(table[name], value), False).to_numpy()
    return mask


def _as(table: pa.Table, kind: str) -> Any:
    try:
        if kind == "pandas":
            return table.to_pandas()
        import duckdb

        return duckdb.from_arrow(table)
    except ImportError as e:
        raise RecipeError(f"as_={kind!r}: {kind} is not installed", hint="pip install 'curate-pretraining[notebook]'") from e
