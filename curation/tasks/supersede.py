"""The documents of an earlier run that lost against this one: a list by id, for whoever reads the earlier outputs."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from curation.shards import LazyShard, read_rows
from curation.storage import file_of
from curation.tasks.base import Task
from curation.tasks.verdicts import verdicts_of

SUPERSEDED = pa.schema([("id", pa.string()), ("step", pa.string()), ("reason", pa.string()), ("superseded_by", pa.string())])


class SupersedeTask(Task):
    """The verdicts on one shard of an earlier run, written down."""

    def run(self) -> None:
        step, shard = self.plan.steps[self.task["step"]], self.task["shard"]
        verdicts = verdicts_of(self, step)
        lost = verdicts.filter(pc.is_valid(verdicts["drop_reason"]))
        writer = LazyShard(self.path("superseded", "parquet"), SUPERSEDED)
        by = lost["duplicate_of"] if "duplicate_of" in lost.column_names else pa.nulls(lost.num_rows, pa.string())
        rows = lost["row"].to_numpy().astype("int64")
        for low, high, table in read_rows(file_of(self.out, shard["file"]), rows, shard["footer"], shard["numbered"], ["id"]):
            n = high - low
            columns = [table["id"], pa.array([step.name] * n, pa.string()), lost["drop_reason"].slice(low, n), by.slice(low, n)]
            listed = pa.table(columns, schema=SUPERSEDED)
            # A list goes by id: one that names its own survivor would take that one too.
            writer.write(listed.filter(pc.invert(pc.fill_null(pc.equal(listed["id"], listed["superseded_by"]), False))))
        self.head["superseded"] = writer.close()
        self.head["rows"] = (self.head["superseded"] or {"rows": 0})["rows"]
        self.commit()
