"""Put the blocks of a group of mappers together by partition, so that a reducer reads one range of it, not one of each mapper."""

from __future__ import annotations

import time

import pyarrow as pa

from curation.errors import AccountError
from curation.shuffle import BlockFile, Blocks
from curation.tasks.base import Task


class ExchangeTask(Task):
    """The blocks of a range of partitions that a group of mappers wrote, copied as they are."""

    def run(self) -> None:
        started = time.thread_time()
        low, high = self.task["range"]
        whole = Blocks.of(self.out, self.task["blocks"], pa.schema([]))
        group = Blocks(whole.files, [whole.groups[self.task["group"]]], whole.schema)
        pieces = group.pieces(low, high)
        if high - low > 1:  # they fit the memory of a reducer; those of one partition come in their order
            pieces = iter(sorted(pieces, key=lambda piece: (int(piece[0]["part"]), int(piece[0]["mapper"]), int(piece[0]["offset"]))))
        file = BlockFile(self.path("exchanged", "blocks"))
        for entry, _, data in pieces:
            file.copy(entry, data)
        self.head["exchanged"] = facts = file.close()
        if facts["rows"] != self.task["rows"]:
            raise AccountError(f"{self.task['blocks']}: {facts['rows']} rows exchanged, {self.task['rows']} were sent")
        self.head["cpu_seconds"] = round(time.thread_time() - started, 6)
        self.commit()
