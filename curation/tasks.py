"""The task functions every executor runs. Each reads, computes, writes, then records; run twice, a
task gives the same bytes, and the second record is refused.

`rows` runs a pass over one shard, `emit` writes a shard's keyed rows, `reduce` decides about a
range of keys, `output` joins small shards. A task is plain data, so it crosses any process or
network boundary.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation import registry
from curation.documents import CORE, IdSet, record_ids, registrable_domains
from curation.errors import AccountError, FailedShareError, TaskError
from curation.ledger import Account, Ledger, Stats
from curation.plan import Pass, Plan, Step
from curation.shards import LazyShard, column_names, conform, read_batches, value_bytes
from curation.shuffle import Blocks, Range, SpillWriter, VerdictWriter, read_verdicts
from curation.stage import Batch, Expanded, GlobalStage, RegroupStage, Source, Verdicts
from curation.storage import HashedFile, attempt_name
from curation.text import Utf8

SHADOW = [
    pa.field("shadow_step", pa.string()),
    pa.field("shadow_reason", pa.string()),
    pa.field("shadow_later", pa.list_(pa.string())),
]
"""Columns a shadow row carries: where and why it was dropped, and what would have dropped it later."""
SPLIT_BITS = 40
"""`_row` of a source row: ordinal of the split in the task << SPLIT_BITS | row within the split."""
FAILED = pa.schema(
    [pa.field("id", pa.string()), pa.field("url", pa.string()), pa.field("step", pa.string()),
     pa.field("reason", pa.string()), pa.field("detail", pa.string()), pa.field("traceback", pa.string())]
)  # fmt: skip
WANT_ROWS = 1 << 20
"""Rows asked of a source at a time where some must be left out (ours)."""
TEXT_SHARE = 1000
"""One dropped document in so many keeps its text (ours)."""


class NoProgress:
    """Stands in where nobody watches: publishes nothing."""

    def at_step(self, step: str, low: int, high: int, shadow: bool) -> None: ...

    def at_row(self, row: int) -> None: ...


@dataclass
class Context:
    """What a task needs beside itself."""

    plan: Plan
    out: Path
    progress: Any = field(default_factory=NoProgress)


def run(context: Context, task: dict[str, Any]) -> None:
    """Run one task to its record.

    Raises: TaskError, AccountError or FailedShareError.
    """
    kinds: dict[str, Any] = {"rows": RowTask, "emit": EmitTask, "reduce": ReduceTask, "output": OutputTask}
    kinds[task["kind"]](context, task).run()


@dataclass
class Failure:
    """A poison document: the row that could not be processed, and why."""

    rows: pa.Table
    reason: str
    detail: str
    traceback: str = ""


class _Task:
    """What all tasks share: folder, attempt, accounts."""

    def __init__(self, context: Context, task: dict[str, Any]) -> None:
        self.context, self.plan, self.out, self.task = context, context.plan, context.out, task
        self.folder: Path = self.out / "work" / task["folder"]
        self.attempt = attempt_name()
        self.accounts: dict[str, Account] = {}
        self.stats = Stats()
        self.head: dict[str, Any] = {"key": task["key"], "kind": task["kind"]}
        self.masks: dict[tuple[str, bool], set[int]] = {}
        self.causes: dict[tuple[str, bool, int], tuple[str, ...]] = {}
        """(step, shadow, at) -> reason, detail and, where it is known, traceback."""
        for q in task.get("quarantine", []):
            self.masks.setdefault((q["step"], q["shadow"]), set()).add(q["at"])
            self.causes[q["step"], q["shadow"], q["at"]] = (q["reason"], q["detail"])
        self.only: list[tuple[int, int]] | None = task.get("only")

    def path(self, label: str, suffix: str) -> Path:
        """An output of this attempt."""
        return self.folder / label / f"{self.task['key']}.{self.attempt}.{suffix}"

    def account(self, step: str) -> Account:
        return self.accounts.setdefault(step, Account())

    def commit(self) -> None:
        """Check the accounts and write the record."""
        for step, account in self.accounts.items():
            account.check(step)
        self.head["steps"] = {s: a.plain() for s, a in self.accounts.items()}
        Ledger.commit(self.folder, self.task["key"], self.head, self.stats.plain())

    def pieces(self, table: pa.Table) -> Iterator[pa.Table]:
        """The batch itself, or in careful mode the parts of it that are suspected, one by one."""
        if self.only is None:
            yield table
            return
        at = table["_at"].to_numpy()
        for low, high in self.only:
            mask = (at >= low) & (at <= high)
            if mask.any():
                yield table.filter(pa.array(mask))

    def guarded(
        self, step: Step, table: pa.Table, shadow: bool, call: Callable[[pa.Table], Any]
    ) -> tuple[list[tuple[pa.Table, Any]], list[Failure]]:
        """Call a stage; quarantined rows are left out, and a batch that raises is bisected.

        Returns: (rows, result) pairs that cover the good rows in order, and the poison rows.
        """
        failures = []
        mask = self.masks.get((step.name, shadow))
        if mask:
            at = table["_at"].to_numpy()
            bad = np.isin(at, np.fromiter(mask, np.int64, len(mask)))
            for value in np.unique(at[bad]).tolist():
                failures.append(Failure(table.filter(pa.array(at == value)), *self.causes[step.name, shadow, value]))
            table = table.filter(pa.array(~bad))
        good: list[tuple[pa.Table, Any]] = []

        def attempt(rows: pa.Table) -> None:
            at = rows["_at"].to_numpy()
            self.context.progress.at_step(step.name, int(at.min()), int(at.max()), shadow)
            try:
                good.append((rows, call(rows)))
                return
            except (TaskError, AccountError, FailedShareError, KeyboardInterrupt):
                raise
            except BaseException as e:  # noqa: BLE001 - whatever a stage raises (a Rust panic too) costs the document, with its cause
                if rows.num_rows == 1:
                    trace = "".join(traceback.format_exception(e))[-4000:]
                    failures.append(Failure(rows, "error", f"{type(e).__name__}: {e}"[:500], trace))
            if rows.num_rows > 1:
                half = rows.num_rows // 2
                attempt(rows.slice(0, half))
                attempt(rows.slice(half))
            elif not shadow:
                self._early_stop(step, failures)

        if table.num_rows:
            attempt(table)
        found, good = good, []  # `attempt` names itself: what it holds would wait for the collector of cycles
        return found, failures

    def _early_stop(self, step: Step, failures: list[Failure]) -> None:
        """Stop at once when a step has failed ten times as much as allowed."""
        limit, account = self.plan.recipe.settings.max_failed, self.accounts.get(step.name, Account())
        failed = account.failed + len(failures)
        documents = max(account.documents_in, self.task.get("shard", {}).get("rows", 0))
        if failed > 10 * max(limit.least, limit.share * documents):
            raise FailedShareError(f"{step.name}: {failed} documents of one task failed; the last: {failures[-1].detail}")

    def batch(self, table: pa.Table) -> Batch:
        """A batch that publishes which document is being worked on."""
        at: Any = None

        def progress(row: int) -> None:
            nonlocal at
            if at is None:
                at = table["_at"].to_numpy()
            self.context.progress.at_row(int(at[row]))

        return Batch(table, progress)


class RowTask(_Task):
    """A pass over one shard: head, fused row steps, exits, drops, shadows, failures."""

    def __init__(self, context: Context, task: dict[str, Any]) -> None:
        super().__init__(context, task)
        self.pass_: Pass = self.plan.passes[task["pass"]]
        inside = {s.name for s in self.pass_.steps}
        self.exits: dict[str, LazyShard] = {}
        self.shadow_exits: dict[str, LazyShard] = {}
        self.exit_bytes: dict[str, int] = {}
        for port in self.pass_.exits:
            schema = self.plan.port_schema(port)
            self.exits[port] = LazyShard(self.path(port, "parquet"), schema)
            self.exit_bytes[port] = 0
            readers = [r for r in self.plan.consumers(port) if r.name not in inside or r is self.pass_.head]
            if self.plan.whole_shadows or any(r.kind not in ("shards", "regroup", "expand") for r in readers):
                self.shadow_exits[port] = LazyShard(self.path(f"{port}.shadow", "parquet"), pa.schema([*schema, *SHADOW]))
        metrics = dropped_schema(self.plan, self.pass_)
        self.dropped = LazyShard(self.path("dropped", "parquet"), metrics)
        self.shadows = LazyShard(self.path("shadows", "parquet"), pa.schema([*metrics.remove(metrics.get_field_index("text")), *SHADOW]))
        self.failed = LazyShard(self.path("failed", "parquet"), FAILED)
        for step in self.pass_.steps:
            self.account(step.name)
        self.lowest: dict[tuple[str, str], Any] = {}
        """Lowest hash of an id dropped so far, by step and reason."""
        self.safety = {s.name for s in self.pass_.steps if s.kind in ("row", "expand") and registry.is_safety(s.use)}

    # -- the walk -----------------------------------------------------------------------------------

    def run(self) -> None:
        stream = self._from_source() if self.pass_.head.kind == "source" else self._from_shards()
        steps = self.pass_.steps[1:] if self.pass_.head.kind in ("source", "global", "regroup") else self.pass_.steps
        for live, shadow in stream:
            self._through(steps, live, shadow)
        if self.only is not None:
            return
        self._finish()

    def _finish(self) -> None:
        origin = {k: self.task[k] for k in ("input", "splits")}
        self.head["outputs"] = {
            port: {**facts, "text_bytes": self.exit_bytes[port]} for port, w in self.exits.items() if (facts := w.close())
        }
        self.head["shadow"] = {port: facts for port, w in self.shadow_exits.items() if (facts := w.close())}
        self.head["origin"] = origin
        for label, writer in (("dropped", self.dropped), ("shadows", self.shadows), ("failed", self.failed)):
            if facts := writer.close():
                self.head[label] = facts
        self._check_ports()
        self.commit()

    def _check_ports(self) -> None:
        """A step's `in` is what its parents in this pass kept."""
        inside = {s.name for s in self.pass_.steps}
        for step in self.pass_.steps[1:]:
            expected = 0
            for need in step.needs:
                owner = self.plan.owner[need]
                if owner not in inside:
                    return
                account = self.accounts[owner]
                expected += account.branches[need.partition(".")[2]] if "." in need else account.kept
            if expected != self.accounts[step.name].documents_in:
                raise AccountError(f"{step.name}: {self.accounts[step.name].documents_in} in, its parents kept {expected}")

    def _through(self, steps: list[Step], live: pa.Table, shadow: pa.Table | None) -> None:
        """Run the row steps on one batch and hand each exit its rows."""
        head = self.pass_.head
        at: dict[str, tuple[pa.Table, pa.Table | None]] = {}
        if head.kind in ("source", "global", "regroup"):
            at[head.name] = (live, shadow)
        for step in steps:
            tables = [at[n] for n in step.needs if n in at] if step is not head else [(live, shadow)]
            rows = self._joined(step, [t for t, _ in tables])
            ghosts = self._joined(step, [s for _, s in tables if s is not None])
            for port, result in self._step(step, rows, ghosts).items():
                at[port] = result
        for port in self.pass_.exits:
            if port in at:
                self._exit(port, *at[port])

    def _joined(self, step: Step, tables: list[pa.Table]) -> pa.Table | None:
        tables = [t for t in tables if t is not None and t.num_rows] or [t for t in tables if t is not None][:1]
        if not tables:
            return None
        if len(tables) == 1 and len(step.needs) == 1:
            return tables[0]
        names: dict[str, pa.Field] = {}
        for table in tables:
            for f in table.schema:
                names.setdefault(f.name, f.remove_metadata().with_nullable(True))
        for f in self.plan._incoming(step.needs, ())[0]:
            names.setdefault(f.name, f.remove_metadata().with_nullable(True))
        joined = pa.concat_tables([conform(t, pa.schema(list(names.values()))) for t in tables])
        return joined.take(pa.array(np.argsort(joined["_at"].to_numpy(), kind="stable")))

    def _exit(self, port: str, live: pa.Table, shadow: pa.Table | None) -> None:
        if self.only is not None:
            return
        self.stats.count(self.plan.owner[port], "kept" if "." not in port else f"kept.{port.partition('.')[2]}", live)
        if "text" in live.column_names and live.num_rows:
            self.exit_bytes[port] += int(value_bytes(live["text"]).sum())
        self.exits[port].write(live)
        if shadow is not None and shadow.num_rows:
            if port in self.shadow_exits:
                self.shadow_exits[port].write(shadow)
            else:
                self.shadows.write(shadow)

    # -- one step -----------------------------------------------------------------------------------

    def _step(self, step: Step, rows: pa.Table | None, ghosts: pa.Table | None) -> dict[str, tuple[pa.Table, pa.Table | None]]:
        if rows is None:
            return {}
        account = self.account(step.name)
        started = time.thread_time()
        self.entered(step.name, rows)
        result: dict[str, tuple[pa.Table, pa.Table | None]]
        if step.kind == "split":
            result = self._split(step, rows, ghosts)
        elif step.kind == "expand":
            result = {step.name: (self._expand(step, rows), None)}
            if ghosts is not None and ghosts.num_rows and self.only is None:
                self.shadows.write(ghosts)
        elif step.kind == "keep":
            mask = step.rules[""].mask(rows)
            reason = pc.if_else(mask, pa.scalar(None, pa.string()), pa.scalar("where_false"))
            kept, fresh = self._remove(step, rows, reason)
            if ghosts is not None and ghosts.num_rows:
                wrong = pc.if_else(step.rules[""].mask(ghosts), pa.scalar(None, pa.string()), pa.scalar("where_false"))
                ghosts = _also(ghosts, step.name, wrong)
            result = {step.name: (kept, _concat(ghosts, fresh))}
            account.kept += kept.num_rows
        else:
            result = {step.name: self._row(step, rows, ghosts)}
        account.cpu_seconds += time.thread_time() - started
        return result

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

    def _row(self, step: Step, rows: pa.Table, ghosts: pa.Table | None) -> tuple[pa.Table, pa.Table | None]:
        call = lambda table: step.stage(self.batch(table), step.params)  # type: ignore[operator, misc]  # noqa: E731
        return self._call(step, rows, ghosts, call)

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
        shadow = _concat(*fresh_parts)
        if ghosts is not None and ghosts.num_rows:
            passed = []
            for table, columns in self.guarded(step, ghosts, True, call)[0]:
                table, reason = self._with_columns(step, table, columns, check=False)
                passed.append(_also(table, step.name, reason))
            shadow = _concat(*passed, shadow)
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
        reason = _array(reason, pa.string())
        live = pc.is_null(reason)
        for name, declared_field in declared.items():
            value = _array(columns[name], declared_field.type)
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
        if reason.null_count == len(reason):
            return table, None
        keep = pc.is_null(reason)
        gone = table.filter(pc.invert(keep))
        why = reason.drop_null()
        self.drop(step, gone, why)
        shadow = None
        chosen = _hash_share(gone["id"], self.plan.shadow)
        if chosen.any():
            shadow = gone.filter(pa.array(chosen))
            n = shadow.num_rows
            shadow = shadow.append_column(SHADOW[0], pa.array([step.name] * n, pa.string()))
            shadow = shadow.append_column(SHADOW[1], why.filter(pa.array(chosen)))
            shadow = shadow.append_column(SHADOW[2], pa.array([[]] * n, pa.list_(pa.string())))
        return table.filter(keep), shadow

    def drop(self, step: Step, gone: pa.Table, why: Any) -> None:
        """Count dropped rows by reason and write them down."""
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
        row = gone.append_column("step", names).append_column("drop_reason", why)
        if "text" in row.column_names:
            row = row.set_column(row.column_names.index("text"), "text", self._sampled_text(step, gone, why))
        self.dropped.write(row)

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

    def _split(self, step: Step, rows: pa.Table, ghosts: pa.Table | None) -> dict[str, tuple[pa.Table, pa.Table | None]]:
        account = self.account(step.name)
        result = {}
        parts = self._route(step, rows)
        for branch, table in parts.items():
            account.branches[branch] += table.num_rows
            account.kept += table.num_rows
        created = sum(t.num_rows for t in parts.values()) - rows.num_rows
        if created < 0 or (created and not step.copy):
            raise AccountError(f"{step.name}: {rows.num_rows} in, its branches got {rows.num_rows + created}")
        account.created += created
        shadows = self._route(step, ghosts) if ghosts is not None and ghosts.num_rows else {}
        for branch, table in parts.items():
            result[f"{step.name}.{branch}"] = (table, shadows.get(branch))
        return result

    def _route(self, step: Step, rows: pa.Table) -> dict[str, pa.Table]:
        free = np.ones(rows.num_rows, dtype=bool)
        before = rows["branch"].to_pylist() if "branch" in rows.column_names else [None] * rows.num_rows
        parts = {}
        for branch, rule in step.rules.items():
            mask = rule.mask(rows).to_numpy(zero_copy_only=False)
            parts[branch] = mask if step.copy else mask & free
            free &= ~mask
        parts[step.other or ""] = free
        result = {}
        for branch, mask in parts.items():
            table = rows.filter(pa.array(mask))
            label = f"{step.name}.{branch}"
            path = pa.array([f"{b}/{label}" if b else label for b, m in zip(before, mask.tolist(), strict=True) if m], pa.string())
            if "branch" in table.column_names:
                table = table.set_column(table.column_names.index("branch"), pa.field("branch", pa.string()), path)
            else:
                table = table.append_column(pa.field("branch", pa.string()), path)
            result[branch] = table
        return result

    def _expand(self, step: Step, rows: pa.Table) -> pa.Table:
        account = self.account(step.name)
        call = lambda table: step.stage(self.batch(table), step.params)  # type: ignore[operator, misc]  # noqa: E731
        good, failures = self.guarded(step, rows, False, call)
        self._fail(step, failures)
        made = []
        for table, expanded in good:
            made.append(self._children(step, table, expanded))
        hidden = [pa.field(n, pa.int64()) for n in ("_at", "_row") if n in rows.column_names]
        schema = pa.schema([f.remove_metadata().with_nullable(True) for f in step.schema] + hidden)
        children = pa.concat_tables([conform(t, schema) for t in made]) if made else schema.empty_table()
        account.created += children.num_rows
        account.kept += children.num_rows
        return children

    def _children(self, step: Step, table: pa.Table, expanded: Expanded) -> pa.Table:
        parents = np.asarray(expanded.parents, dtype=np.int64)
        reason = _array(expanded.drop_reason, pa.string())
        has = np.zeros(table.num_rows, dtype=bool)
        has[parents] = True
        dropped = ~np.asarray(pc.is_null(reason).to_numpy(zero_copy_only=False))
        if (has & dropped).any() or (~has & ~dropped).any() or (np.diff(parents) < 0).any():
            raise TaskError(f"{step.name}: stage {step.use} must give each document children or a drop_reason, in order")
        if dropped.any():
            self.drop(step, table.filter(pa.array(dropped)), reason.drop_null())
        self.account(step.name).merged += int(has.sum())
        children = table.take(pa.array(parents))
        for name, f in step.writes.items():
            value = _array(expanded.columns[name], f.type)
            i = children.column_names.index(name) if name in children.column_names else None
            children = (
                children.append_column(pa.field(name, f.type), value)
                if i is None
                else children.set_column(i, pa.field(name, f.type), value)
            )
        ids = table["id"].take(pa.array(parents)).to_pylist()
        nth = np.arange(len(parents)) - np.searchsorted(parents, parents)
        children = children.set_column(
            children.column_names.index("id"), pa.field("id", pa.string()),
            record_ids("expand", [f"{step.name}/{p}/{n}" for p, n in zip(ids, nth.tolist(), strict=True)]),
        )  # fmt: skip
        parent_ids = pa.array([[p] for p in ids], pa.list_(pa.string()))
        if "parent_ids" in children.column_names:
            return children.set_column(children.column_names.index("parent_ids"), "parent_ids", parent_ids)
        return children.append_column("parent_ids", parent_ids)

    # -- where rows come from -------------------------------------------------------------------------

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
                    rows = rows.filter(pa.array(_hash_share(rows["id"], self.task["row_share"])))
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
            for table in read_batches(self.out / shard["file"]):
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
            for table in read_batches(self.out / shard["shadow"]):
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
        return table.select([c for c in table.column_names if c in names or c == "_row"])

    def _applied(self, stream: Iterator[tuple[pa.Table, pa.Table | None]]) -> Iterator[tuple[pa.Table, pa.Table | None]]:
        """The head's verdicts on each batch; rows that failed in `emit` are taken out."""
        step = self.pass_.head
        stage = step.stage
        assert isinstance(stage, GlobalStage)
        shard, returns = self.task["shard"], self.task["returns"]
        blocks = Blocks(
            [self.out / f for f in returns["files"]], [self.out / f for f in returns["groups"]], verdict_schema(stage, step.params)
        )
        verdicts = (
            read_verdicts(blocks, shard["ordinal"], shard["expected"], stage.many) if shard.get("file") else blocks.schema.empty_table()
        )
        vrows = verdicts["row"].to_numpy().astype(np.int64)
        table_columns = verdicts.drop_columns(["shard", "row"])
        state = None
        if returns.get("state"):
            with pa.ipc.open_file(pa.memory_map(str(self.out / returns["state"]))) as f:
                state = f.read_all()
        used = 0
        for f in self.task.get("emit_failed", []):
            self.masks.setdefault((step.name, False), set()).add(f["at"])
            self.causes[step.name, False, f["at"]] = (f["reason"], f["detail"], f["traceback"])
        for rows, ghosts in stream:
            started = time.thread_time()

            def call(table: pa.Table) -> Any:
                at = table["_at"].to_numpy()
                low, high = np.searchsorted(vrows, [at[0], at[-1] + 1]) if len(at) else (0, 0)
                hit = vrows[low:high]
                position = np.searchsorted(at, hit)
                present = (position < len(at)) & (at[np.minimum(position, len(at) - 1)] == hit) if len(at) else np.zeros(0, bool)
                mine = table_columns.slice(low, high - low).filter(pa.array(present))
                return stage.apply(self.batch(table), Verdicts(position[present], mine, state), step.params)

            if rows.num_rows:
                at = rows["_at"].to_numpy()
                used += int(np.searchsorted(vrows, at[-1] + 1) - np.searchsorted(vrows, at[0]))
            self.entered(step.name, rows)
            kept, shadow = self._call(step, rows, None, call)
            if ghosts is not None and ghosts.num_rows:
                ghosts = _filled(ghosts, step.writes)
            self.account(step.name).cpu_seconds += time.thread_time() - started
            yield kept, _concat(ghosts, shadow)
        if self.only is None and used != len(vrows):
            raise AccountError(f"{step.name}: {len(vrows)} verdicts for a shard, {used} fell on its rows")

    def _replayed(self, stream: Iterator[tuple[pa.Table, pa.Table | None]]) -> Iterator[tuple[pa.Table, pa.Table | None]]:
        """Rows joined with the source's transient columns, in batches of the source's size."""
        live_parts, ghost_parts = [], []
        for rows, ghosts in stream:
            live_parts.append(rows)
            if ghosts is not None and ghosts.num_rows:
                ghost_parts.append(ghosts)
        live = pa.concat_tables(live_parts) if live_parts else None
        ghosts = _concat(*ghost_parts)
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


def failed_table(step: str, failure: Failure) -> pa.Table:
    """Rows of `failed/`."""
    rows, n = failure.rows, failure.rows.num_rows
    return pa.table({
        "id": rows["id"], "url": rows["url"] if "url" in rows.column_names else pa.nulls(n, pa.string()),
        "step": pa.array([step] * n), "reason": pa.array([failure.reason] * n),
        "detail": pa.array([failure.detail] * n), "traceback": pa.array([failure.traceback] * n),
    })  # fmt: skip


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


def _array(value: Any, kind: Any) -> Any:
    """A stage's column as one contiguous Arrow array of the declared type."""
    if isinstance(value, pa.ChunkedArray):
        value = value.combine_chunks()
        if isinstance(value, pa.ChunkedArray):
            value = pa.array([], kind)
    elif not isinstance(value, pa.Array):
        value = pa.array(value)
    return value if value.type == kind else value.cast(kind)


def _is_metric(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _concat(*tables: pa.Table | None) -> pa.Table | None:
    present = [t for t in tables if t is not None and t.num_rows]
    if not present:
        return None
    return present[0] if len(present) == 1 else pa.concat_tables(present, promote_options="default")


def _also(ghosts: pa.Table, step: str, reason: Any) -> pa.Table:
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


def _hash_share(ids: Any, share: float) -> Any:
    """Which ids fall into a sample of this share, the same on every machine: bool (n,)."""
    if share >= 1:
        return np.ones(len(ids), dtype=bool)
    if share <= 0 or len(ids) == 0:
        return np.zeros(len(ids), dtype=bool)
    return id_hashes(ids) < np.uint64(int(share * 2**64))


def dropped_schema(plan: Plan, p: Pass) -> pa.Schema:
    """Columns of a pass's dropped file: identity, step, reason, every metric, the sampled text."""
    fields: dict[str, pa.Field] = {n: pa.field(n, t) for n, t in CORE.items() if n != "text"}
    fields |= {"step": pa.field("step", pa.string()), "drop_reason": pa.field("drop_reason", pa.string())}
    for schema in [plan.input_schema(p), *(s.schema for s in p.steps)]:
        for f in schema:
            if not pa.types.is_nested(f.type) and f.name != "text" and not (f.metadata or {}).get(b"transient"):
                fields.setdefault(f.name, f.remove_metadata().with_nullable(True))
    fields["text"] = pa.field("text", pa.large_string())
    return pa.schema(list(fields.values()))


# -- shuffle tasks ------------------------------------------------------------------------------------


def payload_schema(step: Step, plan: Plan, shard: bool) -> pa.Schema:
    """Columns of a spill."""
    stage = step.stage
    fields = [pa.field("key", pa.uint64())]
    if shard:
        fields.append(pa.field("shard", pa.uint32()))
    fields.append(pa.field("row", pa.uint32()))
    if isinstance(stage, RegroupStage):
        incoming = plan._incoming(step.needs, ("steps", step.name))[0]
        fields += [f.remove_metadata().with_nullable(True) for f in incoming if not (f.metadata or {}).get(b"transient")]
    else:
        fields += [t if isinstance(t, pa.Field) else pa.field(n, t) for n, t in stage.payload(step.params).items()]  # type: ignore[union-attr]
    return pa.schema(fields)


def verdict_schema(stage: GlobalStage, params: Any) -> pa.Schema:
    """Columns of a verdict."""
    fields = [pa.field("shard", pa.uint32()), pa.field("row", pa.uint32())]
    fields += [t if isinstance(t, pa.Field) else pa.field(n, t) for n, t in stage.verdict(params).items()]
    return pa.schema(fields)


class EmitTask(_Task):
    """The keyed rows of one shard."""

    def run(self) -> None:
        step = self.plan.steps[self.task["step"]]
        stage = step.stage
        schema = payload_schema(step, self.plan, shard=False)
        regroup = isinstance(stage, RegroupStage)
        combine = None if regroup else (lambda rows: stage.combine(rows, step.params))  # type: ignore[union-attr]
        spill = SpillWriter(self.path("spill", "spill"), schema, self.task["bits"], self.plan.recipe.settings.shuffle.spill_bytes, combine)
        failed: list[dict[str, Any]] = []
        failed_file = LazyShard(self.path("failed", "parquet"), FAILED)
        shard = self.task["shard"]
        columns = None if regroup else [*dict.fromkeys(("id", *step.reads))]
        incoming = self.plan._incoming(step.needs, ("steps", step.name))[0]
        present = column_names(self.out / shard["file"])
        started = time.thread_time()
        at = 0
        for table in read_batches(self.out / shard["file"], None if columns is None else [c for c in columns if c in present]):
            for f in incoming:
                if f.name not in table.column_names and (columns is None or f.name in columns) and not (f.metadata or {}).get(b"transient"):
                    table = table.append_column(pa.field(f.name, f.type), pa.nulls(table.num_rows, f.type))
            table = table.append_column("_at", pa.array(np.arange(at, at + table.num_rows, dtype=np.int64)))
            at += table.num_rows
            for piece in self.pieces(table):
                good, failures = self.guarded(step, piece, False, lambda t: stage.emit(self.batch(t), step.params))  # type: ignore[union-attr]
                for rows, keyed in good:
                    spill.add(self._keyed(step, rows, keyed, schema, regroup))
                for f in failures:
                    failed += [
                        {"at": a, "reason": f.reason, "detail": f.detail, "traceback": f.traceback} for a in f.rows["_at"].to_pylist()
                    ]
                    if regroup and self.only is None:  # a global step's are written down when its verdicts are applied
                        failed_file.write(failed_table(step.name, f))
        if self.only is not None:
            return
        if at != shard["rows"]:
            raise AccountError(f"{shard['file']}: {at} rows read, its record says {shard['rows']}")
        if facts := failed_file.close():
            self.head["failed_file"] = facts
        self.head |= {"spill": spill.close(), "rows": at, "failed": failed, "cpu_seconds": round(time.thread_time() - started, 6)}
        self.commit()

    def _keyed(self, step: Step, rows: pa.Table, keyed: Any, schema: pa.Schema, regroup: bool) -> pa.Table:
        at = rows["_at"].to_numpy()
        local = np.asarray(keyed.row, dtype=np.int64)
        columns: dict[str, Any] = {"key": pa.array(np.asarray(keyed.key, dtype=np.uint64)), "row": pa.array(at[local].astype(np.uint32))}
        for f in list(schema)[2:]:
            columns[f.name] = rows[f.name].take(pa.array(local)) if regroup else _array(keyed.columns[f.name], f.type)
        if regroup and (len(local) != rows.num_rows or len(np.unique(local)) != len(local)):
            raise TaskError(f"{step.name}: a regroup stage must give every document exactly one key")
        return pa.table(columns)


class ReduceTask(_Task):
    """Decide about the keys of one range; a regroup step writes its new documents here."""

    def run(self) -> None:
        step = self.plan.steps[self.task["step"]]
        stage = step.stage
        settings = self.plan.recipe.settings.shuffle
        blocks = Blocks(
            [self.out / f for f in self.task["files"]], [self.out / f for f in self.task["groups"]],
            payload_schema(step, self.plan, shard=self.task["round"] > 0),
        )  # fmt: skip
        low, high, sub, sub_bits = self.task["range"]
        rows = Range(blocks, low, high, sub, sub_bits, self.task["bits"], settings.reduce_bytes)
        started = time.thread_time()
        if isinstance(stage, RegroupStage):
            self._regroup(step, stage, rows)
        elif isinstance(stage, GlobalStage):
            self._reduce(step, stage, rows)
        self.head["cpu_seconds"] = round(time.thread_time() - started, 6)
        self.commit()

    def _reduce(self, step: Step, stage: GlobalStage, rows: Range) -> None:
        verdicts = VerdictWriter(self.path("verdicts", "verdicts"), verdict_schema(stage, step.params))
        again_schema = payload_schema(step, self.plan, shard=True)
        again = SpillWriter(
            self.path("again", "spill"), again_schema, self.task["bits"], self.plan.recipe.settings.shuffle.spill_bytes,
            lambda table: stage.combine(table, step.params),
        )  # fmt: skip
        states = []
        more = 0

        def take(result: Any) -> None:
            nonlocal more
            if result.verdicts is not None:
                verdicts.add(result.verdicts)
            if result.again is not None and result.again.num_rows:
                more += result.again.num_rows
                again.add(result.again)
            if result.state is not None:
                states.append(result.state)

        light = rows.light()
        if light is not None and light.num_rows:
            take(stage.reduce(light, step.params, self.task["round"]))
        for key in rows.heavy.tolist():
            try:
                for result in stage.stream(lambda k=key: rows.of_key(k), step.params, self.task["round"]):  # type: ignore[misc]
                    take(result)
            except NotImplementedError as e:
                raise TaskError(f"{step.name}: {e}") from e
        self.head["verdicts"] = verdicts.close()
        self.head["again"] = again.close() if more else None
        if not more:
            again.close()
        if states:
            sink = HashedFile(self.path("state", "arrow"))
            table = pa.concat_tables(states)
            with pa.ipc.new_file(sink, table.schema) as f:
                f.write_table(table)
            sink.close()
            self.head["state"] = sink.facts()

    def _regroup(self, step: Step, stage: RegroupStage, rows: Range) -> None:
        port = step.name
        schema = self.plan.port_schema(port)
        writer = LazyShard(self.path(port, "parquet"), schema)
        account = self.account(step.name)
        light = rows.light()
        text_bytes = 0
        if len(rows.heavy):
            raise TaskError(f"{step.name}: one group is larger than settings.shuffle.reduce_bytes")
        if light is not None and light.num_rows:
            account.documents_in = light.num_rows
            account.bytes_in = int(value_bytes(light["text"]).sum()) if "text" in light.column_names else 0
            made = stage.merge(light.drop_columns(["shard", "row"]), step.params)
            parents = made["parent_ids"].combine_chunks()
            listed = pc.list_flatten(parents).to_pylist()
            if sorted(listed) != sorted(light["id"].to_pylist()):
                raise AccountError(f"{step.name}: {light.num_rows} documents in, {len(listed)} named as parents")
            keys = ["/".join(p) for p in parents.to_pylist()]
            ids = record_ids("regroup", [f"{step.name}/{k}" for k in keys])
            if "id" in made.column_names:
                made = made.drop_columns(["id"])
            made = conform(made.append_column("id", ids), schema)
            account.merged, account.created, account.kept = light.num_rows, made.num_rows, made.num_rows
            self.stats.count(step.name, "in", light)
            self.stats.count(step.name, "kept", made)
            text_bytes = int(value_bytes(made["text"]).sum()) if "text" in made.column_names else 0
            writer.write(made)
        facts = writer.close()
        self.head["outputs"] = {port: {**facts, "text_bytes": text_bytes}} if facts else {}
        self.head["shadow"] = {}
        self.head["origin"] = {"input": None, "splits": []}


class OutputTask(_Task):
    """Join small shards into one of about `output_bytes`."""

    def run(self) -> None:
        schema = pa.schema([pa.field(f["name"], _type(self.plan, self.task["step"], f["name"])) for f in self.task["schema"]])
        writer = LazyShard(self.path("shards", "parquet"), schema)
        rows = 0
        for shard in self.task["shards"]:
            for table in read_batches(self.out / shard["file"]):
                rows += table.num_rows
                writer.write(table)
        expected = sum(s["rows"] for s in self.task["shards"])
        if rows != expected:
            raise AccountError(f"{self.task['step']}: {rows} rows joined, the records say {expected}")
        facts = writer.close()
        self.head["outputs"] = {"shards": facts} if facts else {}
        self.commit()


def _type(plan: Plan, step: str, name: str) -> Any:
    return plan.steps[step].schema.field(name).type


def output_schema(step: Step) -> list[dict[str, str]]:
    """Names of the columns of an output, in order."""
    return [{"name": f.name} for f in step.schema if not (f.metadata or {}).get(b"transient")]
