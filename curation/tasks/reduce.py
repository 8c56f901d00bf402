"""Decide about the keys of one range; a regroup step writes its new documents here."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation.documents import record_ids
from curation.errors import AccountError, TaskError, said_of
from curation.plan import Step
from curation.shards import LazyShard, conform, value_bytes
from curation.shuffle import Blocks, Range, SpillWriter, VerdictWriter
from curation.stage import GlobalStage, Reduced, RegroupStage
from curation.storage import HashedFile
from curation.tasks.base import Task
from curation.tasks.schemas import asked_schema, payload_schema, verdict_schema


def again_writer(task: Task, step: Step, round_: int) -> SpillWriter:
    """Rows for a later round of a global step."""
    stage = step.stage
    assert isinstance(stage, GlobalStage)
    return SpillWriter(
        task.path(f"again-{round_}", "spill"), payload_schema(step, task.plan, round_), task.task["block_bytes"],
        task.plan.recipe.settings.shuffle.spill_bytes, partial(stage.combine, params=step.params, round_=round_),
    )  # fmt: skip


class ReduceTask(Task):
    """Decide about the keys of one range; a regroup step writes its new documents here."""

    def run(self) -> None:
        step = self.plan.steps[self.task["step"]]
        stage = step.stage
        settings = self.plan.recipe.settings.shuffle
        blocks = Blocks.of(self.out, self.task["blocks"], payload_schema(step, self.plan, self.task["round"]))
        low, high = self.task["range"]
        rows = Range(blocks, low, high, settings.reduce_bytes, self.task["rows"])
        started = time.thread_time()
        if isinstance(stage, RegroupStage):
            self._regroup(step, stage, rows)
        elif isinstance(stage, GlobalStage):
            self._reduce(step, stage, rows)
        self.head |= {"taken": rows.taken, "cpu_seconds": round(time.thread_time() - started, 6)}
        self.commit()

    def _reduce(self, step: Step, stage: GlobalStage, rows: Range) -> None:
        round_: int = self.task["round"]
        verdicts = VerdictWriter(self.path("verdicts", "verdicts"), verdict_schema(stage, step.params))
        asks: VerdictWriter | None = None
        again: dict[int, SpillWriter] = {}
        states = []

        def take(result: Any) -> None:
            nonlocal asks
            if result.verdicts is not None:
                verdicts.add(result.verdicts)
            for ahead, table in result.again.items():
                if table.num_rows:
                    if round_ + ahead not in again:
                        again[round_ + ahead] = again_writer(self, step, round_ + ahead)
                    again[round_ + ahead].add(table)
            if result.ask is not None and result.ask.num_rows:
                asks = asks or VerdictWriter(self.path("ask", "asks"), asked_schema(stage, step.params, round_))
                asks.add(result.ask)
            if result.state is not None:
                states.append(result.state)
            if result.counted:
                self.counted.setdefault(step.name, Counter()).update(result.counted)

        with said_of(step.name):
            light = rows.light()
            if light is not None and light.num_rows:
                decided = stage.reduce(light, step.params, round_)
                for result in (decided,) if isinstance(decided, Reduced) else decided:
                    take(result)
            for key in rows.heavy.tolist():
                try:
                    for result in stage.stream(lambda k=key: rows.of_key(k), step.params, round_):  # type: ignore[misc]
                        take(result)
                except NotImplementedError as e:
                    raise TaskError(str(e)) from e
        self.head["verdicts"] = verdicts.close()
        self.head["again"] = {str(number): spill.close() for number, spill in sorted(again.items())}
        self.head["ask"] = asks.close() if asks is not None else None
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
