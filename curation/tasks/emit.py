"""The keyed rows of one shard, for a global or regroup step, and what the stage keeps of its documents."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from curation.errors import AccountError, TaskError
from curation.plan import Step
from curation.shards import LazyShard, column_names, read_batches
from curation.shuffle import SpillWriter
from curation.stage import GlobalStage, RegroupStage, array_of
from curation.storage import file_of
from curation.tasks.base import Task
from curation.tasks.schemas import FAILED, failed_table, follower_schema, kept_schema, payload_schema
from curation.tasks.texts import with_text


class EmitTask(Task):
    """The keyed rows of one shard."""

    def run(self) -> None:
        step = self.plan.steps[self.task["step"]]
        stage = step.stage
        schema = payload_schema(step, self.plan, 0)
        regroup = isinstance(stage, RegroupStage)
        shard = self.task["shard"]
        numbered: bool = shard.get("numbered", False)  # what an earlier run kept, not documents
        combine, kept, followers = None, None, None
        if isinstance(stage, GlobalStage):
            combine = partial(stage.combine, params=step.params, round_=0)
            followers = LazyShard(self.path("followers", "parquet"), follower_schema(stage, step.params))
            if stage.keeps(step.params) and not numbered:
                kept = LazyShard(self.path("kept", "parquet"), kept_schema(stage, step.params), packed=False)
        limit = self.plan.recipe.settings.shuffle.spill_bytes
        spill = SpillWriter(self.path("spill", "spill"), schema, self.task["block_bytes"], limit, combine)
        spill.followers = []
        failed: list[dict[str, Any]] = []
        failed_file = LazyShard(self.path("failed", "parquet"), FAILED)
        columns = None if regroup or numbered else [*dict.fromkeys(("id", *step.reads))]
        incoming = self.plan._incoming(step.needs, ("steps", step.name))[0]
        present = column_names(file_of(self.out, shard["file"]), shard["footer"])
        wanted = None if columns is None else [c for c in columns if c in present]
        left = "texts" in shard and (columns is None or "text" in columns)
        if left and wanted is not None:
            wanted.append("_text")

        def emit(rows: pa.Table) -> Any:
            if numbered:
                return stage.emit_kept(rows.drop_columns(["_at"]), step.params)  # type: ignore[union-attr]
            return stage.emit(self.batch(step, rows), step.params)  # type: ignore[union-attr]

        started = time.thread_time()
        at = 0
        tables = read_batches(file_of(self.out, shard["file"]), wanted, shard["footer"])
        for table in with_text(self, tables, shard) if left else tables:
            for f in incoming if not numbered else ():
                if f.name not in table.column_names and (columns is None or f.name in columns) and not (f.metadata or {}).get(b"transient"):
                    table = table.append_column(pa.field(f.name, f.type), pa.nulls(table.num_rows, f.type))
            places = table["row"].cast(pa.int64()) if numbered else pa.array(np.arange(at, at + table.num_rows, dtype=np.int64))
            table = table.append_column("_at", places)
            at += table.num_rows
            for piece in self.pieces(table):
                good, failures = self.guarded(step, piece, False, emit)
                for rows, keyed in good:
                    spill.add(self._keyed(step, rows, keyed, schema, regroup))
                    if kept is not None and self.only is None:
                        kept.write(_kept(rows, keyed, kept.schema))
                for f in failures:
                    failed += [
                        {"at": a, "reason": f.reason, "detail": f.detail, "traceback": f.traceback} for a in f.rows["_at"].to_pylist()
                    ]
                    if regroup and self.only is None:  # a global step's are written down when its verdicts are applied
                        failed_file.write(failed_table(step.name, f))
                self.texts.clear()
        if self.only is not None:
            return
        if at != shard["rows"]:
            raise AccountError(f"{shard['file']}: {at} rows read, its record says {shard['rows']}")
        if facts := failed_file.close():
            self.head["failed_file"] = facts
        self.head |= {"spill": spill.close(), "rows": at, "failed": failed}
        if kept is not None:
            self.head["kept"] = kept.close()
        if followers is not None:
            for table in spill.followers:
                followers.write(table)
            self.head["followers"] = followers.close()
        self.head["cpu_seconds"] = round(time.thread_time() - started, 6)
        self.commit()

    def _keyed(self, step: Step, rows: pa.Table, keyed: Any, schema: pa.Schema, regroup: bool) -> pa.Table:
        at = rows["_at"].to_numpy()
        local = np.asarray(keyed.row, dtype=np.int64)
        columns: dict[str, Any] = {"key": pa.array(np.asarray(keyed.key, dtype=np.uint64)), "row": pa.array(at[local].astype(np.uint32))}
        for f in list(schema)[2:]:
            columns[f.name] = rows[f.name].take(pa.array(local)) if regroup else array_of(keyed.columns[f.name], f.type)
        if regroup and (len(local) != rows.num_rows or len(np.unique(local)) != len(local)):
            raise TaskError(f"{step.name}: a regroup stage must give every document exactly one key")
        return pa.table(columns)


def _kept(rows: pa.Table, keyed: Any, schema: pa.Schema) -> pa.Table:
    """What a stage keeps of a batch, with the row of each document."""
    columns = [array_of(keyed.kept[f.name], f.type) for f in list(schema)[1:]]
    return pa.Table.from_arrays([rows["_at"].cast(pa.uint32()), *columns], schema=schema)
