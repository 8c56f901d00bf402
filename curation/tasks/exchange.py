"""Put the blocks of a group of mappers together by place, so that a reducer reads one range of it, not one of each mapper."""

from __future__ import annotations

import time
from itertools import chain

import numpy as np
import pyarrow as pa

from curation.errors import AccountError
from curation.shuffle import BlockFile, Blocks
from curation.tasks.base import Task


class ExchangeTask(Task):
    """The blocks of a range of places that a group of mappers wrote, copied as they are."""

    def run(self) -> None:
        started = time.thread_time()
        low, high = self.task["range"]
        group = Blocks.of(self.out, self.task["blocks"], pa.schema([])).of_group(self.task["group"])
        pieces = group.pieces(entries[entries["first"] >= low] for entries in group.entries(low, high))
        file = BlockFile(self.path("exchanged", "blocks"))
        if high - low > 1:  # they fit the memory of a reducer; those of one place come in their order
            found = list(pieces)
            entries = np.concatenate([some for some, _, _ in found])
            blocks = list(chain.from_iterable(of_some for _, _, of_some in found))
            order = np.lexsort((entries["offset"], entries["mapper"], entries["first"]))
            file.copy(entries[order], [blocks[n] for n in order.tolist()])
        else:
            for entries, _, blocks in pieces:
                file.copy(entries, blocks)
        self.head["exchanged"] = facts = file.close()
        if facts["rows"] != self.task["rows"]:
            raise AccountError(f"{self.task['blocks']}: {facts['rows']} rows exchanged, {self.task['rows']} were sent")
        self.head["cpu_seconds"] = round(time.thread_time() - started, 6)
        self.commit()
