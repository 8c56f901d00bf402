"""Where the rows of a pass come from: a source's records, or a shard's rows with the head's verdicts applied and
the columns that were never written read again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.documents import IdSet, record_ids
from curation.domains import registrable_domains
from curation.errors import AccountError, TaskError
from curation.plan import Step
from curation.shards import conform, read_batches
from curation.shuffle import read_state
from curation.stage import GlobalStage, Source, Verdicts
from curation.tasks.base import Failure
from curation.tasks.fates import Fates, concat, hash_share
from curation.tasks.schemas import SHADOW
from curation.tasks.texts import SPLIT_BITS, with_text
from curation.tasks.verdicts import verdicts_of

WANT_ROWS = 1 << 20
"""Rows asked of a source at a time where some must be left out (ours)."""


class Reading(Fates):
    """A task over one shard of a pass: its batches, as (rows, shadow rows or None)."""

    def _from_source(self) -> Iterator[tuple[pa.Table, pa.Table | None]]:
        """Records of the task's splits: core columns filled, broken and duplicate records dropped."""
        step = self.pass_.head
        source = step.stage
        assert isinstance(source, Source)
        schema = pa.schema(
            [f.remove_metadata().with_nullable(True) for f in step.schema] + [pa.field("_at", pa.int64()), pa.field("_row", pa.int64())]
        )
        account = self.account(step.name)
        hidden = self.masks.get((step.name, False), set())
        seen: tuple[int, IdSet] | None = None
        for ordinal, split in enumerate(self.task["splits"]):
            base = ordinal << SPLIT_BITS
            here = {at - base for at in hidden if at >> SPLIT_BITS == ordinal}
            if seen is None or seen[0] != split["path"]:
                seen = (split["path"], IdSet())
            for table in self._read(source, step, split, base, here):
                started = time.thread_time()
                rows = self._ingest(step, table, base, schema)
                if self.plan.sample < 1 and self.task.get("row_share", 1) < 1:
                    rows = rows.filter(pa.array(hash_share(rows["id"], self.task["row_share"])))
                reason = (
                    rows["drop_reason"].combine_chunks() if "drop_reason" in rows.column_names else pa.nulls(rows.num_rows, pa.string())
                )
                if isinstance(reason, pa.ChunkedArray):
                    reason = pa.array([], pa.string())
                if "duplicate_record" in source.drops:
                    twice = seen[1].add(rows["id"])
                    reason = pc.if_else(pc.and_(pc.is_null(reason), pa.array(twice)), pa.scalar("duplicate_record"), reason)
                rows = conform(rows, schema)
                self.entered(step.name, rows)
                self.stats.count(step.name, "in", rows)
                keep = pc.is_null(reason)
                if reason.null_count < len(reason):
                    self.drop(step, rows.filter(pc.invert(keep)), reason.drop_null())
                    rows = rows.filter(keep)
                account.kept += rows.num_rows
                account.cpu_seconds += time.thread_time() - started
                for piece in self.pieces(rows):
                    yield piece, None
            for row in sorted(here):
                cause = self.causes[step.name, False, base + row]
                account.documents_in += 1
                name = record_ids("poison", [f"{split['relative']}/{row}"])
                self._fail(step, [Failure(pa.table({"id": name}), *cause)])

    def _read(self, source: Source, step: Step, split: dict[str, Any], base: int, hidden: set[int], want: Any = None) -> Iterator[pa.Table]:
        """Tables of one split, timed, each record published before it is decoded."""
        progress = self.context.progress
        if self.only is not None and want is None:
            want = _within(self.only, base)
        if hidden and want is None:
            yield from self._read_around(source, step, split, base, hidden)
            return
        if hidden:
            want = np.setdiff1d(want, np.fromiter(hidden, np.int64))

        def watch(row: int) -> None:
            progress.at_row(base + row)

        progress.at_step(step.name, base, base, False)
        account = self.account(step.name)
        try:
            tables = source.read(split["path"], split["relative"], split["part"], step.params, want, watch)
            while True:
                started = time.thread_time()
                table = next(tables, None)
                account.cpu_seconds += time.thread_time() - started
                if table is None:
                    return
                yield table
                progress.at_step(step.name, base, base, False)
        except (OSError, pa.ArrowInvalid) as e:
            raise TaskError(f"{step.name}: cannot read {split['path']}: {e}") from e

    def _read_around(self, source: Source, step: Step, split: dict[str, Any], base: int, hidden: set[int]) -> Iterator[pa.Table]:
        """Every row but the quarantined ones, which must not even be decoded; nobody knows how many rows there are."""
        low, count = 0, max(hidden) + 2 + WANT_ROWS
        while True:
            want = np.setdiff1d(np.arange(low, low + count), np.fromiter(hidden, np.int64))
            last = -1
            for table in self._read(source, step, split, base, set(), want):
                last = int(table["_row"][-1].as_py()) if table.num_rows else last
                yield table
            if last < low + count - 1:
                return
            low, count = low + count, 2 * count

    def _ingest(self, step: Step, table: pa.Table, base: int, schema: pa.Schema) -> pa.Table:
        position = pc.add(table["_row"], base)
        table = table.set_column(table.column_names.index("_row"), "_row", position).append_column("_at", position)
        if "source" not in table.column_names:
            table = table.append_column("source", _constant(step.name, table.num_rows))
        if "domain" not in table.column_names:
            urls = table["url"] if "url" in table.column_names else pa.nulls(table.num_rows, pa.string())
            urls = urls.combine_chunks() if isinstance(urls, pa.ChunkedArray) else urls
            table = table.append_column("domain", registrable_domains(urls))
        return table

    def _from_shards(self) -> Iterator[tuple[pa.Table, pa.Table | None]]:
        """Materialised rows, the head's verdicts applied, transient columns read again."""
        stream = self._shard_batches()
        if self.pass_.head.kind == "global":
            stream = self._applied(stream)
        if self.pass_.replay:
            stream = self._replayed(stream)
        yield from stream

    def _shard_batches(self) -> Iterator[tuple[pa.Table, pa.Table | None]]:
        shard = self.task["shard"]
        schema = self.plan.input_schema(self.pass_)
        names = {f.name for f in schema}
        at = 0
        head = self.pass_.head.name
        if shard.get("file"):
            for table in with_text(self, read_batches(self.out / shard["file"], footer=shard["footer"]), shard):
                table = self._conformed(table, schema, names)
                self.stats.count(head, "in", table)
                positions = pa.array(np.arange(at, at + table.num_rows, dtype=np.int64))
                at += table.num_rows
                for piece in self.pieces(table.append_column("_at", positions)):
                    yield piece, None
            if at != shard["rows"]:
                raise AccountError(f"{shard['file']}: {at} rows read, its record says {shard['rows']}")
        if shard.get("shadow"):
            at = -1
            for table in read_batches(self.out / shard["shadow"], footer=shard["shadow_footer"]):
                table = self._conformed(table, schema, names | {f.name for f in SHADOW})
                positions = pa.array(np.arange(at, at - table.num_rows, -1, dtype=np.int64))
                at -= table.num_rows
                table = table.append_column("_at", positions)
                for piece in self.pieces(table):
                    live = piece.select([c for c in piece.column_names if not c.startswith("shadow_")]).slice(0, 0)
                    yield live, piece

    @staticmethod
    def _conformed(table: pa.Table, schema: pa.Schema, names: set[str]) -> pa.Table:
        """Columns a parent of a fan-in lacks, as nulls."""
        for f in schema:
            if f.name not in table.column_names and not (f.metadata or {}).get(b"transient"):
                table = table.append_column(pa.field(f.name, f.type), pa.nulls(table.num_rows, f.type))
        return table.select([c for c in table.column_names if c in names or c in ("_row", "_text")])

    def _applied(self, stream: Iterator[tuple[pa.Table, pa.Table | None]]) -> Iterator[tuple[pa.Table, pa.Table | None]]:
        """The head's verdicts on each batch; rows that failed in `emit` are taken out."""
        step = self.pass_.head
        stage = step.stage
        assert isinstance(stage, GlobalStage)
        returns = self.task["returns"]
        verdicts = verdicts_of(self, step)
        vrows = verdicts["row"].to_numpy().astype(np.int64)
        table_columns = verdicts.drop_columns(["row"])
        state = None
        if returns.get("state"):
            state = read_state(self.out / returns["state"]["file"], returns["state"]["xxh3"])
        held = Kept(self.out, self.task.get("kept")) if stage.applies_kept else None
        used = 0
        for f in self.task.get("emit_failed", []):
            self.masks.setdefault((step.name, False), set()).add(f["at"])
            self.causes[step.name, False, f["at"]] = (f["reason"], f["detail"], f["traceback"])
        for rows, ghosts in stream:
            started = time.thread_time()

            def call(table: pa.Table) -> Any:
                at = table["_at"].to_numpy()
                mine = held.of(at) if held is not None else None
                if stage.of_shard:
                    return stage.apply(self.batch(step, table), Verdicts(np.full(len(vrows), -1), table_columns, state, mine), step.params)
                low, high = np.searchsorted(vrows, [at[0], at[-1] + 1]) if len(at) else (0, 0)
                hit = vrows[low:high]
                position = np.searchsorted(at, hit)
                present = (position < len(at)) & (at[np.minimum(position, len(at) - 1)] == hit) if len(at) else np.zeros(0, bool)
                found = table_columns.slice(low, high - low).filter(pa.array(present))
                return stage.apply(self.batch(step, table), Verdicts(position[present], found, state, mine), step.params)

            if rows.num_rows:
                at = rows["_at"].to_numpy()
                used += int(np.searchsorted(vrows, at[-1] + 1) - np.searchsorted(vrows, at[0]))
                if held is not None:
                    held.reach(at[0], at[-1])
            self.entered(step.name, rows)
            kept, shadow = self._call(step, rows, None, call)
            if ghosts is not None and ghosts.num_rows:
                ghosts = _filled(ghosts, step.writes)
            self.account(step.name).cpu_seconds += time.thread_time() - started
            yield kept, concat(ghosts, shadow)
        if self.only is None and not stage.of_shard and used != len(vrows):
            raise AccountError(f"{step.name}: {len(vrows)} verdicts for a shard, {used} fell on its rows")

    def _replayed(self, stream: Iterator[tuple[pa.Table, pa.Table | None]]) -> Iterator[tuple[pa.Table, pa.Table | None]]:
        """Rows joined with the source's transient columns, in batches of the source's size."""
        live_parts, ghost_parts = [], []
        for rows, ghosts in stream:
            live_parts.append(rows)
            if ghosts is not None and ghosts.num_rows:
                ghost_parts.append(ghosts)
        live = pa.concat_tables(live_parts) if live_parts else None
        ghosts = concat(*ghost_parts)
        if live is None:
            return
        live_rows = live["_row"].to_numpy()
        if (np.diff(live_rows) < 0).any():
            raise TaskError(f"{self.pass_.name}: rows are not in source order")
        if ghosts is not None:
            ghosts = ghosts.take(pa.array(np.argsort(ghosts["_row"].to_numpy(), kind="stable")))
        ghost_rows = ghosts["_row"].to_numpy() if ghosts is not None else np.empty(0, np.int64)
        wanted = np.unique(np.concatenate([live_rows, ghost_rows]))
        step = self.plan.steps[self.task["input"]]
        assert isinstance(step.stage, Source)
        account_name = self.pass_.name
        found = 0
        for ordinal, split in enumerate(self.task["splits"]):
            base = ordinal << SPLIT_BITS
            want = wanted[(wanted >= base) & (wanted < base + (1 << SPLIT_BITS))] - base
            if not len(want):
                continue
            reading = Step(account_name, step.use, "source", (), step.stage, step.params)
            for table in self._read(step.stage, reading, split, base, set(), want):
                position = table["_row"].to_numpy() + base
                found += len(position)
                if not len(position):
                    continue
                columns = {name: table[name] for name in self.pass_.replay}
                rows = _with_transient(live, live_rows, position, columns)
                shadow = _with_transient(ghosts, ghost_rows, position, columns) if ghosts is not None else None
                yield rows, shadow
        if found != len(wanted):
            raise TaskError(f"{self.pass_.name}: {len(wanted)} records wanted from the source, {found} found; did a file change?")


class Kept:
    """What a stage kept of a shard's documents, read along with the shard, a row group or two at a time."""

    def __init__(self, out: Path, facts: dict[str, Any] | None) -> None:
        self._groups = read_batches(out / facts["file"], footer=facts["footer"]) if facts else iter(())
        self._held: list[pa.Table] = []

    def reach(self, low: int, high: int) -> None:
        """Hold what was kept of the rows from low to high, and let go of what is before."""
        self._held = [t for t in self._held if t["row"][-1].as_py() >= low]
        while not self._held or self._held[-1]["row"][-1].as_py() < high:
            group = next(self._groups, None)
            if group is None:
                break
            if group["row"][-1].as_py() >= low:
                self._held.append(group)

    def of(self, at: Any) -> pa.Table:
        """What was kept of some of these rows: int64, increasing.

        Raises: AccountError if it is not there.
        """
        table = pa.concat_tables(self._held) if self._held else pa.table({"row": pa.array([], pa.uint32())})
        rows = table["row"].to_numpy()
        place = np.searchsorted(rows, at)
        if (np.searchsorted(rows, at, "right") == place).any():
            raise AccountError("what a stage kept of a document is lost")
        whole = place[-1] - place[0] + 1 == len(at)
        table = table.slice(place[0], len(at)) if whole else table.take(pa.array(place))
        return table.drop_columns(["row"])


def _within(ranges: list[tuple[int, int]], base: int) -> Any:
    """Rows of one split that lie in any of the suspected ranges."""
    parts = []
    for low, high in ranges:
        low, high = max(low - base, 0), min(high - base, (1 << SPLIT_BITS) - 1)
        if high >= low:
            parts.append(np.arange(low, high + 1, dtype=np.int64))
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def _with_transient(rows: pa.Table, row_numbers: Any, position: Any, columns: dict[str, Any]) -> pa.Table:
    low, high = np.searchsorted(row_numbers, [position[0], position[-1] + 1])
    part = rows.slice(low, high - low)
    index = np.searchsorted(position, row_numbers[low:high])
    for name, column in columns.items():
        part = part.append_column(pa.field(name, column.type), column.take(pa.array(index)))
    return part


def _constant(value: str, n: int) -> Any:
    return pc.take(pa.array([value], pa.string()), pa.array(np.zeros(n, np.int32)))


def _filled(ghosts: pa.Table, writes: dict[str, pa.Field]) -> pa.Table:
    """Shadow rows skip a global step: its columns are null."""
    for name, f in writes.items():
        if name not in ghosts.column_names:
            ghosts = ghosts.append_column(pa.field(name, f.type), pa.nulls(ghosts.num_rows, f.type))
    return ghosts
