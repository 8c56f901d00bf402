"""What reducers decided about one shard: their verdicts, and those on followers of its documents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import AccountError
from curation.plan import Step
from curation.shards import conform, read_batches
from curation.shuffle import Blocks, read_verdicts
from curation.stage import GlobalStage
from curation.tasks.base import Task
from curation.tasks.schemas import verdict_schema


def verdicts_of(task: Task, step: Step) -> pa.Table:
    """Verdicts on the task's shard: {row, **verdict}, sorted by row.

    Raises: AccountError if one is lost.
    """
    stage = step.stage
    assert isinstance(stage, GlobalStage)
    shard, returns = task.task["shard"], task.task["returns"]
    schema = verdict_schema(stage, step.params)
    if not shard.get("file"):
        return schema.empty_table().drop_columns(["shard"])
    blocks = Blocks.of(task.out, returns["blocks"], schema)
    verdicts = read_verdicts(blocks, shard["ordinal"], shard["expected"], stage.many).drop_columns(["shard"])
    followers = task.task.get("followers")
    return _followed(task, step, verdicts, followers) if followers else verdicts


def _followed(task: Task, step: Step, verdicts: pa.Table, facts: dict[str, Any]) -> pa.Table:
    """The verdicts with those on followers: what becomes of a leader becomes of them."""
    stage = step.stage
    assert isinstance(stage, GlobalStage)
    followers = pa.concat_tables(list(read_batches(task.out / facts["file"], footer=facts["footer"])))
    if followers.num_rows != facts["rows"]:
        raise AccountError(f"{facts['file']}: {followers.num_rows} followers read, its record says {facts['rows']}")
    final = verdicts.filter(pc.is_valid(verdicts["drop_reason"]))
    rows, wanted = final["row"].to_numpy(), followers["leader"].to_numpy()
    place = np.searchsorted(rows, wanted)
    has = np.zeros(len(wanted), dtype=bool) if not len(rows) else rows[np.minimum(place, len(rows) - 1)] == wanted
    leaders = final.drop_columns(["row"]).take(pa.array(place, mask=~has))
    more = conform(stage.follow(followers, leaders, step.params), verdicts.schema)
    both = pa.concat_tables([verdicts, more])
    return both.take(pa.array(np.argsort(both["row"].to_numpy(), kind="stable")))
