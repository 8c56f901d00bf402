"""What becomes of the documents of a pass: kept, dropped, failed, or carried on as a shadow. Each is counted and written here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation import registry
from curation.errors import TaskError
from curation.ledger import document_bytes
from curation.plan import Pass, Step
from curation.shards import LazyShard, value_bytes
from curation.stage import array_of
from curation.tasks.base import Context, Failure, Task
from curation.tasks.schemas import FAILED, SHADOW, dropped_schema, failed_table
from curation.text import Utf8

TEXT_SHARE = 1000
"""One dropped document in so many keeps its text (ours)."""


class Fates(Task):
    """A task over one shard of a pass: the writers of its dropped, failed and shadow rows, and what a stage's answer means."""

    def __init__(self, context: Context, task: dict[str, Any]) -> None:
        super().__init__(context, task)
        self.pass_: Pass = self.plan.passes[task["pass"]]
        metrics = dropped_schema(self.plan, self.pass_)
        self.dropped = LazyShard(self.path("dropped", "parquet"), metrics)
        self.shadows = LazyShard(self.path("shadows", "parquet"), pa.schema([*metrics.remove(metrics.get_field_index("text")), *SHADOW]))
        self.failed = LazyShard(self.path("failed", "parquet"), FAILED)
        self.lowest: dict[tuple[str, str], Any] = {}
        """Lowest hash of an id dropped so far, by step and reason."""
        self.tallied = {s.name: self.plan.tallied(s) for s in self.pass_.steps}
        self.safety = {s.name for s in self.pass_.steps if registry.is_safety(s.use)}

    def entered(self, step: str, rows: pa.Table) -> None:
        """Count documents that reach a step."""
        account = self.account(step)
        account.documents_in += rows.num_rows
        if rows.num_rows:
            for name in ("text", "content"):
                if name in rows.column_names:
                    account.bytes_in += int(value_bytes(rows[name]).sum())
                    break
            else:
                if "body_bytes" in rows.column_names:
                    account.bytes_in += int(pc.sum(rows["body_bytes"]).as_py() or 0)

    def _call(
        self, step: Step, rows: pa.Table, ghosts: pa.Table | None, call: Callable[[pa.Table], Any]
    ) -> tuple[pa.Table, pa.Table | None]:
        """Call a row stage (or apply verdicts) on live rows, then on shadows."""
        good, failures = self.guarded(step, rows, False, call)
        self._fail(step, failures)
        kept_parts, fresh_parts = [], []
        for table, columns in good:
            table, reason = self._with_columns(step, table, columns)
            kept, fresh = self._remove(step, table, reason)
            kept_parts.append(kept)
            if fresh is not None:
                fresh_parts.append(fresh)
        kept = pa.concat_tables(kept_parts) if kept_parts else self._with_columns(step, rows.slice(0, 0), None)[0]
        self.account(step.name).kept += kept.num_rows
        shadow = concat(*fresh_parts)
        if ghosts is not None and ghosts.num_rows:
            passed = []
            for table, columns in self.guarded(step, ghosts, True, call)[0]:
                table, reason = self._with_columns(step, table, columns, check=False)
                passed.append(also(table, step.name, reason))
            shadow = concat(*passed, shadow)
        return kept, shadow

    def _with_columns(self, step: Step, table: pa.Table, columns: Any, check: bool = True) -> tuple[pa.Table, Any]:
        """The table with a stage's columns, checked against what it declares, and the drop reasons."""
        declared = step.writes
        if columns is None:  # no rows: the columns with their types
            columns = {name: pa.array([], f.type) for name, f in declared.items()}
        reason = columns.get("drop_reason")
        unknown = set(columns) - set(declared) - {"drop_reason"}
        if unknown or set(declared) - set(columns):
            wrong = (
                f"returned undeclared columns {sorted(unknown)}" if unknown else f"did not return {sorted(set(declared) - set(columns))}"
            )
            raise TaskError(f"{step.name}: stage {step.use} {wrong}")
        if reason is None:
            reason = pa.nulls(table.num_rows, pa.string())
        reason = array_of(reason, pa.string())
        live = pc.is_null(reason)
        for name, declared_field in declared.items():
            value = array_of(columns[name], declared_field.type)
            if len(value) != table.num_rows:
                raise TaskError(f"{step.name}: stage {step.use} returned {len(value)} values of {name} for {table.num_rows} documents")
            if check and not declared_field.nullable and value.null_count and pc.any(pc.and_(pc.is_null(value), live)).as_py():
                raise TaskError(f"{step.name}: stage {step.use} left nulls in {name}, which it declares as never null")
            if name in table.column_names:
                table = table.set_column(table.column_names.index(name), pa.field(name, declared_field.type), value)
            else:
                table = table.append_column(pa.field(name, declared_field.type), value)
            if check and self.only is None and _is_metric(declared_field.type) and len(value):
                self.stats.measure(step.name, name, value, live.to_numpy(zero_copy_only=False))
        return table, reason

    def _remove(self, step: Step, table: pa.Table, reason: Any) -> tuple[pa.Table, pa.Table | None]:
        """Take out the dropped rows: counted, written, and a sample of them goes on as shadows."""
        self._tally_columns(step, "in", table)
        if reason.null_count == len(reason):
            return table, None
        keep = pc.is_null(reason)
        gone = table.filter(pc.invert(keep))
        why = reason.drop_null()
        self.drop(step, gone, why)
        shadow = None
        chosen = hash_share(gone["id"], self.plan.shadow)
        if chosen.any():
            shadow = gone.filter(pa.array(chosen))
            n = shadow.num_rows
            shadow = shadow.append_column(SHADOW[0], pa.array([step.name] * n, pa.string()))
            shadow = shadow.append_column(SHADOW[1], why.filter(pa.array(chosen)))
            shadow = shadow.append_column(SHADOW[2], pa.array([[]] * n, pa.list_(pa.string())))
        kept = table.filter(keep)
        self.texts.filtered(table, keep.to_numpy(zero_copy_only=False), kept)
        self.texts.forget(table)
        return kept, shadow

    def drop(self, step: Step, gone: pa.Table, why: Any) -> None:
        """Count dropped rows by reason and write them down."""
        self._tally_columns(step, "dropped", gone)
        account = self.account(step.name)
        for entry in pc.value_counts(why).to_pylist():
            reason, n = entry["values"], entry["counts"]
            if reason not in step.drops:
                raise TaskError(f"{step.name}: stage {step.use} dropped a document for {reason!r}, which it does not declare")
            account.dropped[reason] += n
            self.stats.count(step.name, reason, gone.filter(pc.equal(why, reason)))
        if self.only is not None:
            return
        names = pa.array([step.name] * gone.num_rows, pa.string())
        row = sized(gone).append_column("step", names).append_column("drop_reason", why)
        if "text" in row.column_names:
            row = row.set_column(row.column_names.index("text"), "text", self._sampled_text(step, gone, why))
        self.dropped.write(row)

    def _tally_columns(self, step: Step, verdict: str, table: pa.Table) -> None:
        """Add up the tallied columns of documents that reach a step (`in`), or that it drops (`dropped`)."""
        for name in self.tallied[step.name] if table.num_rows else ():
            column = table[name]
            found = (table.num_rows - column.null_count, pc.sum(pc.greater(column, 0)).as_py() or 0, pc.sum(column).as_py() or 0)
            known = self.tallies.setdefault(step.name, {}).setdefault(verdict, {}).setdefault(name, [0, 0, 0])
            known[:] = [a + b for a, b in zip(known, found, strict=True)]

    def _sampled_text(self, step: Step, gone: pa.Table, why: Any) -> Any:
        """Text of one dropped row in TEXT_SHARE, and of each row whose hash is the task's lowest so far for its reason."""
        text = gone["text"]
        if step.name in self.safety:
            return pa.nulls(len(text), text.type)
        hashes = id_hashes(gone["id"])
        wanted = hashes < np.uint64(2**64 // TEXT_SHARE)
        codes = why.dictionary_encode()
        indices = (codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes).indices.to_numpy()
        for code in np.unique(indices):
            rows = np.flatnonzero(indices == code)
            reason = why[int(rows[0])].as_py()
            lowest = np.minimum.accumulate(hashes[rows])
            known = self.lowest.get((step.name, reason), np.uint64(2**64 - 1))
            fresh = np.minimum(np.concatenate([[known], lowest[:-1]]), known)  # the lowest before each row
            wanted[rows[hashes[rows] < fresh]] = True
            self.lowest[step.name, reason] = min(known, lowest[-1])
        return pc.if_else(pa.array(wanted), text, pa.scalar(None, text.type))

    def _fail(self, step: Step, failures: list[Failure]) -> None:
        for f in failures:
            self.account(step.name).failed += f.rows.num_rows
            if self.only is None:
                self.failed.write(failed_table(step.name, f))


def sized(table: pa.Table) -> pa.Table:
    """The rows with what their documents take, as the accounts count it; a column of that name stays as it is."""
    return table if "document_bytes" in table.column_names else table.append_column("document_bytes", pa.array(document_bytes(table)))


def _is_metric(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def concat(*tables: pa.Table | None) -> pa.Table | None:
    present = [t for t in tables if t is not None and t.num_rows]
    if not present:
        return None
    return present[0] if len(present) == 1 else pa.concat_tables(present, promote_options="default")


def also(ghosts: pa.Table, step: str, reason: Any) -> pa.Table:
    """Note for shadow rows what would have dropped them here too."""
    later = [
        old if why is None else [*(old or []), f"{step}:{why}"]
        for old, why in zip(ghosts["shadow_later"].to_pylist(), reason.to_pylist(), strict=True)
    ]
    i = ghosts.column_names.index("shadow_later")
    return ghosts.set_column(i, SHADOW[2], pa.array(later, pa.list_(pa.string())))


def _filled(ghosts: pa.Table, writes: dict[str, pa.Field]) -> pa.Table:
    """Shadow rows skip a global step: its columns are null."""
    for name, f in writes.items():
        if name not in ghosts.column_names:
            ghosts = ghosts.append_column(pa.field(name, f.type), pa.nulls(ghosts.num_rows, f.type))
    return ghosts


def id_hashes(ids: Any) -> Any:
    """64-bit hash of each id, for samples: uint64 (n,)."""
    ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    return Utf8.of(pa.array([], pa.string()) if isinstance(ids, pa.ChunkedArray) else ids).hash()


def hash_share(ids: Any, share: float) -> Any:
    """Which ids fall into a sample of this share, the same on every machine: bool (n,)."""
    if share >= 1:
        return np.ones(len(ids), dtype=bool)
    if share <= 0 or len(ids) == 0:
        return np.zeros(len(ids), dtype=bool)
    return id_hashes(ids) < np.uint64(int(share * 2**64))
