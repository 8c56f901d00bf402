"""Join small shards into one of about `output_bytes`."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from curation.errors import AccountError
from curation.plan import Plan
from curation.shards import LazyShard, read_batches
from curation.tasks.base import Task
from curation.tasks.texts import with_text


class OutputTask(Task):
    """Join small shards into one of about `output_bytes`."""

    def run(self) -> None:
        schema = pa.schema([pa.field(f["name"], _type(self.plan, self.task["step"], f["name"])) for f in self.task["schema"]])
        writer = LazyShard(self.path("shards", "parquet"), schema)
        rows = 0
        for shard in self.task["shards"]:
            for table in with_text(self, read_batches(self.out / shard["file"], footer=shard["footer"]), shard):
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
