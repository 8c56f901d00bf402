"""What a stage kept of the documents that stayed, for later runs to compete with: a later document must not lose to one that is nowhere."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import AccountError
from curation.shards import LazyShard, read_batches
from curation.stage import GlobalStage
from curation.tasks.base import Task
from curation.tasks.schemas import kept_schema
from curation.tasks.verdicts import verdicts_of


class StateTask(Task):
    """The kept rows of one shard without those of documents that went."""

    def run(self) -> None:
        step = self.plan.steps[self.task["step"]]
        assert isinstance(step.stage, GlobalStage)
        verdicts = verdicts_of(self, step)
        lost = verdicts["row"].filter(pc.is_valid(verdicts["drop_reason"])).to_numpy()
        writer = LazyShard(self.path("state", "parquet"), kept_schema(step.stage, step.params), packed=False)
        kept, gone = self.task["kept"], 0
        for table in read_batches(self.out / kept["file"], footer=kept["footer"]):
            stays = ~np.isin(table["row"].to_numpy(), lost)
            gone += int((~stays).sum())
            writer.write(table.filter(pa.array(stays)))
        if gone != len(lost):
            raise AccountError(f"{step.name}: {len(lost)} documents of a shard went, {gone} of them were kept before")
        self.head["state"] = writer.close()
        self.commit()
