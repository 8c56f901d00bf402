"""A pass over one shard: its batches go through the fused row steps, and each exit gets its rows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.documents import record_ids
from curation.errors import AccountError, TaskError
from curation.plan import Step
from curation.shards import LazyShard, conform, footer_hash, value_bytes
from curation.shuffle import DOCUMENT_BLOCK_BYTES, ScatterWriter
from curation.stage import Expanded, Scattered, array_of
from curation.tasks.base import Context
from curation.tasks.fates import also, concat, sized
from curation.tasks.reading import Reading
from curation.tasks.schemas import SHADOW, scattered_schema


class RowTask(Reading):
    """A pass over one shard: head, fused row steps, exits."""

    def __init__(self, context: Context, task: dict[str, Any]) -> None:
        super().__init__(context, task)
        inside = {s.name for s in self.pass_.steps}
        self.exits: dict[str, LazyShard] = {}
        self.shadow_exits: dict[str, LazyShard] = {}
        self.exit_bytes: dict[str, int] = {}
        self.ends: set[str] = set()
        """Exits behind which no step of this pass goes on with the rows, so that their shadows end there."""
        self.leaves = {port for port in self.pass_.exits if self.plan.leaves_text(port)}
        self.parts = self.plan.parts(self.pass_.head)
        self.scattered: ScatterWriter | None = None
        if self.parts:
            schema, added = scattered_schema(self.pass_.head, self.plan), ["_place", "_size", *self.plan.scattered(self.pass_.head)]
            blocks = (len(self.parts) << task["bits"]) * DOCUMENT_BLOCK_BYTES  # a run need not have more than one of each partition
            run_bytes = min(self.plan.recipe.settings.shuffle.spill_bytes // 2, blocks)  # beside the rows that are read
            self.scattered = ScatterWriter(self.path("scattered", "spill"), schema, added, task["bits"], run_bytes)
        for port in self.pass_.exits:
            readers = [r for r in self.plan.consumers(port) if r.name not in inside or r is self.pass_.head]
            if len(readers) == len(self.plan.consumers(port)):
                self.ends.add(port)
            if self.parts:  # its rows go to their places
                continue
            self.exits[port] = LazyShard(self.path(port, "parquet"), self.plan.port_schema(port))
            self.exit_bytes[port] = 0
            if self.plan.whole_shadows or any(r.kind not in ("shards", "regroup", "expand") for r in readers):
                whole = self.plan.port_schema(port, whole=True)
                self.shadow_exits[port] = LazyShard(self.path(f"{port}.shadow", "parquet"), pa.schema([*whole, *SHADOW]))
        for step in self.pass_.steps:
            self.account(step.name)

    # -- the walk -----------------------------------------------------------------------------------

    def run(self) -> None:
        footers = self._footers()
        stream = self._from_source() if self.pass_.head.kind == "source" else self._from_shards()
        steps = self.pass_.steps[1:] if self.pass_.head.kind in ("source", "global", "regroup") else self.pass_.steps
        for live, shadow in stream:
            self._through(steps, live, shadow)
            self.texts.clear()
        if self.only is not None:
            return
        if footers:
            self.head["footers"] = footers
            if self._footers() != footers:
                raise AccountError(f"{self.pass_.name}: an input changed while it was read")
        self._finish()

    def _footers(self) -> list[int]:
        """Of the input files whose texts are not written: they must be the same when these are read again."""
        if self.pass_.head.kind != "source" or not self.leaves:
            return []
        try:
            return [footer_hash(split["path"]) for split in self.task["splits"]]
        except OSError as e:
            raise TaskError(f"{self.pass_.name}: cannot read an input: {e}") from e

    def _finish(self) -> None:
        self.head["outputs"] = {
            port: {**facts, "text_bytes": self.exit_bytes[port]} for port, w in self.exits.items() if (facts := w.close())
        }
        if self.scattered is not None:
            self.head["scattered"] = self.scattered.close()
        self.head["shadow"] = {port: facts for port, w in self.shadow_exits.items() if (facts := w.close())}
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
        if self.scattered is not None:
            self._scatter(self.pass_.head, live, self.scattered)
        if self.only is not None:
            return
        if port in self.exits:
            self.stats.count(self.plan.owner[port], "kept" if "." not in port else f"kept.{port.partition('.')[2]}", live)
            if "text" in live.column_names and live.num_rows:
                self.exit_bytes[port] += int(value_bytes(live["text"]).sum())
            if port in self.leaves and "_text" not in live.column_names:
                live = live.append_column("_text", live["_at"])
            self.exits[port].write(live)
        if shadow is not None and shadow.num_rows:
            if port in self.shadow_exits:
                self.shadow_exits[port].write(shadow)
            elif port in self.ends:
                self.shadows.write(sized(shadow))

    def _scatter(self, step: Step, live: pa.Table, writer: ScatterWriter) -> None:
        """Send rows where the head's stage wants them in an output, some perhaps more than once."""
        account = self.account(step.name)
        started = time.thread_time()

        def scatter(table: pa.Table) -> Scattered:
            return step.stage.scatter(table.drop_columns(["_at"]), step.params)  # type: ignore[union-attr,no-any-return]

        good, failures = self.guarded(step, live, False, scatter)
        self._fail(step, failures)
        account.kept -= sum(f.rows.num_rows for f in failures)
        for table, scattered in good:
            sent = self._sent(step, table, scattered)
            rows = sent["_row"].to_numpy()
            if unsent := int((np.bincount(rows, minlength=table.num_rows) == 0).sum()):
                raise TaskError(f"{step.name}: stage {step.use} keeps {unsent} documents that it sends nowhere")
            account.created += len(rows) - table.num_rows
            account.kept += len(rows) - table.num_rows
            if self.only is None:
                self.stats.count(step.name, "kept", table, rows if len(rows) > table.num_rows else None)
                writer.add(table, sent)
        account.cpu_seconds += time.thread_time() - started

    def _sent(self, step: Step, table: pa.Table, scattered: Scattered) -> pa.Table:
        """What a stage says of where rows go, checked, as `ScatterWriter` wants it."""
        added, most = self.plan.scattered(step), {"_row": table.num_rows, "_part": len(self.parts), "_size": 1 << 63}
        given = {"_row": scattered.rows, "_part": scattered.part, "_place": scattered.place, "_size": scattered.size}
        if set(scattered.columns) != set(added):
            raise TaskError(f"{step.name}: stage {step.use} scatters columns {sorted(scattered.columns)}, it declares {sorted(added)}")
        sent = {name: array_of(value, pa.uint64() if name == "_place" else pa.int64()) for name, value in given.items()}
        sent |= {name: array_of(scattered.columns[name], f.type) for name, f in added.items()}
        for name, column in sent.items():
            said = f"{step.name}: stage {step.use} scatters {len(sent['_row'])} rows, and of {name.strip('_')}"
            if len(column) != len(sent["_row"]):
                raise TaskError(f"{said} gives {len(column)} values")
            if column.null_count and not (name in added and added[name].nullable):
                raise TaskError(f"{said} some values are null")
            if name in most and len(column) and (pc.min(column).as_py() < 0 or pc.max(column).as_py() >= most[name]):
                raise TaskError(f"{said} the values are {pc.min(column)} to {pc.max(column)}")
        return pa.table(sent)

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
                self.shadows.write(sized(ghosts))
        elif step.kind == "keep":
            mask = step.rules[""].mask(rows)
            reason = pc.if_else(mask, pa.scalar(None, pa.string()), pa.scalar("where_false"))
            kept, fresh = self._remove(step, rows, reason)
            if ghosts is not None and ghosts.num_rows:
                wrong = pc.if_else(step.rules[""].mask(ghosts), pa.scalar(None, pa.string()), pa.scalar("where_false"))
                ghosts = also(ghosts, step.name, wrong)
            result = {step.name: (kept, concat(ghosts, fresh))}
            account.kept += kept.num_rows
        else:
            result = {step.name: self._row(step, rows, ghosts)}
        account.cpu_seconds += time.thread_time() - started
        return result

    def _row(self, step: Step, rows: pa.Table, ghosts: pa.Table | None) -> tuple[pa.Table, pa.Table | None]:
        call = lambda table: step.stage(self.batch(step, table), step.params)  # type: ignore[operator, misc]  # noqa: E731
        return self._call(step, rows, ghosts, call)

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
            self.texts.filtered(rows, mask, table)
            label = f"{step.name}.{branch}"
            path = pa.array([f"{b}/{label}" if b else label for b, m in zip(before, mask.tolist(), strict=True) if m], pa.string())
            if "branch" in table.column_names:
                table = table.set_column(table.column_names.index("branch"), pa.field("branch", pa.string()), path)
            else:
                table = table.append_column(pa.field("branch", pa.string()), path)
            result[branch] = table
        self.texts.forget(rows)
        return result

    def _expand(self, step: Step, rows: pa.Table) -> pa.Table:
        account = self.account(step.name)
        call = lambda table: step.stage(self.batch(step, table), step.params)  # type: ignore[operator, misc]  # noqa: E731
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
        reason = array_of(expanded.drop_reason, pa.string())
        has = np.zeros(table.num_rows, dtype=bool)
        has[parents] = True
        dropped = ~np.asarray(pc.is_null(reason).to_numpy(zero_copy_only=False))
        if (has & dropped).any() or (~has & ~dropped).any() or (np.diff(parents) < 0).any():
            raise TaskError(f"{step.name}: stage {step.use} must give each document children or a drop_reason, in order")
        if dropped.any():
            self.drop(step, table.filter(pa.array(dropped)), reason.drop_null())
        self.account(step.name).merged += int(has.sum())
        carried = [name for name in table.column_names if name not in step.writes]  # a book is not copied for each of its chapters
        children = table.select(carried).take(pa.array(parents))
        for name, f in step.writes.items():
            children = children.append_column(pa.field(name, f.type), array_of(expanded.columns[name], f.type))
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
