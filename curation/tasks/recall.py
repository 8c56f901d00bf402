"""Answer what reducers asked about the documents of one shard, from what the stage kept of them when it emitted."""

from __future__ import annotations

import time

from curation.errors import AccountError
from curation.shards import read_rows
from curation.shuffle import Blocks, read_verdicts
from curation.stage import GlobalStage
from curation.storage import file_of
from curation.tasks.base import Task
from curation.tasks.reduce import again_writer
from curation.tasks.schemas import asked_schema


class RecallTask(Task):
    """The asks of a round that fall on one shard: its kept rows go where the asks say, as rows of the next round."""

    def run(self) -> None:
        step = self.plan.steps[self.task["step"]]
        stage = step.stage
        assert isinstance(stage, GlobalStage)
        asked_in, ordinal = self.task["round"], self.task["ordinal"]
        schema = asked_schema(stage, step.params, asked_in)
        blocks = Blocks.of(self.out, self.task["blocks"], schema)
        started = time.thread_time()
        asks = read_verdicts(blocks, ordinal, self.task["expected"], many=True)
        again = again_writer(self, step, asked_in + 1)
        answered = 0
        rows = asks["row"].to_numpy().astype("int64")
        for low, high, kept in read_rows(file_of(self.out, self.task["kept"]["file"]), rows, self.task["kept"]["footer"]):
            answered += high - low
            again.add(stage.recall(kept.drop_columns(["row"]), asks.slice(low, high - low), step.params, asked_in + 1))
        if answered != self.task["expected"]:
            raise AccountError(f"{step.name}: shard {ordinal} was asked {self.task['expected']} times and answered {answered}")
        self.head["again"] = {str(asked_in + 1): again.close()}
        self.head["cpu_seconds"] = round(time.thread_time() - started, 6)
        self.commit()
