"""The task functions every executor runs. Each reads, computes, writes, then records; run twice, a
task gives the same bytes, and the second record is refused. A task is plain data, so it crosses any
process or network boundary.

- `rows` runs a pass over one shard: `RowTask`, which stands on `Reading` (where its rows come from),
  that on `Fates` (what becomes of them), that on `Task` (attempt, accounts, poison).
- `emit` writes a shard's keyed rows, `reduce` decides about a range of keys, `recall` answers what it asks; `exchange` puts what many
  wrote together for many readers; `gather` makes a shard of an output of what `rows` has scattered.
- `supersede` lists what lost of an earlier run, `state` is what a later one may read, `output` joins small shards.
- `sum` adds up what many records say of their documents.
- `schemas` says which columns the files of tasks have.
"""

from __future__ import annotations

from typing import Any

from curation.tasks.base import Context, Task
from curation.tasks.emit import EmitTask
from curation.tasks.exchange import ExchangeTask
from curation.tasks.gather import GatherTask
from curation.tasks.output import OutputTask
from curation.tasks.recall import RecallTask
from curation.tasks.reduce import ReduceTask
from curation.tasks.rows import RowTask
from curation.tasks.state import StateTask
from curation.tasks.sum import SumTask
from curation.tasks.supersede import SupersedeTask

KINDS: dict[str, type[Task]] = {
    "rows": RowTask,
    "emit": EmitTask,
    "reduce": ReduceTask,
    "recall": RecallTask,
    "exchange": ExchangeTask,
    "gather": GatherTask,
    "supersede": SupersedeTask,
    "state": StateTask,
    "output": OutputTask,
    "sum": SumTask,
}


def run(context: Context, task: dict[str, Any]) -> None:
    """Run one task to its record.

    Raises: TaskError, AccountError or FailedShareError.
    """
    KINDS[task["kind"]](context, task).run()
