"""Put one shard of an output together from what mappers scattered: the rows of a part between two bounds, in the order of their places."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import AccountError, TaskError
from curation.shards import LazyShard, variable_bytes
from curation.shuffle import SLOT_BITS, Blocks, rows_of
from curation.tasks.base import BATCH_BYTES, Task
from curation.tasks.schemas import scattered_schema

ORDER = [("_place", "ascending"), ("id", "ascending")]
"""Of rows in a part; those alike in both come in the order of their mappers, and copies in that in which they were made."""


class GatherTask(Task):
    """The rows of a part that begin at a size from `bounds[0]` to below `bounds[1]`, the sizes of all of the part added up in order.

    Its ranges are read and sorted one after the other. The first and the last one are the neighbours' too: each keeps what begins
    between its own bounds.
    """

    def run(self) -> None:
        started = time.thread_time()
        step = self.plan.steps[self.task["step"]]
        schema = self.plan.port_schema(step.name)
        blocks = Blocks.of(self.out, self.task["blocks"], scattered_schema(step, self.plan))
        writer = LazyShard(self.path("shards", "parquet"), schema)
        low, high = self.task["bounds"]
        begin: int = self.task["before"]
        rows = size = 0
        for place in self.task["ranges"]:
            table = self._read(blocks, place)
            order = pc.sort_indices(table, sort_keys=ORDER).to_numpy()
            sizes = table["_size"].to_numpy()[order]
            begins = begin + np.cumsum(sizes) - sizes
            begin += int(sizes.sum())
            mine = (begins >= low) & (begins < high)
            rows, size = rows + int(mine.sum()), size + int(sizes[mine].sum())
            for piece in pieces(table.select(schema.names), order[mine]):
                writer.write(piece)
        if begin != self.task["after"]:
            raise AccountError(f"{step.name}: sizes of rows in order end at {begin}, those that were sent at {self.task['after']}")
        facts = writer.close()
        self.head |= {"outputs": {"shards": facts} if facts else {}, "rows": rows, "size": size}
        self.head["cpu_seconds"] = round(time.thread_time() - started, 6)
        self.commit()

    def _read(self, blocks: Blocks, place: list[int]) -> pa.Table:
        """All rows of a range, in no order."""
        budget = self.plan.recipe.settings.shuffle.reduce_bytes
        tables, held = [blocks.schema.empty_table()], 0
        low, high, rows = place
        bits = self.task["bits"] + SLOT_BITS
        for table in rows_of(blocks, low, high, rows, "_place", bits, low >> bits << bits):
            tables.append(table.select(blocks.schema.names))
            held += tables[-1].nbytes
            if held > budget and sum(t.num_rows for t in tables) > 1:
                raise TaskError(
                    f"{self.task['step']}: {held >> 20} MB of rows of {self.task['name']} have nearly one place; "
                    "spread the places, or raise settings.shuffle.reduce_bytes"
                )
        return pa.concat_tables(tables).combine_chunks()


def pieces(table: pa.Table, order: Any) -> Iterator[pa.Table]:
    """Rows of a table in an order, some of about BATCH_BYTES at a time."""
    cuts = np.flatnonzero(np.diff(np.cumsum(variable_bytes(table)[order]) // BATCH_BYTES)) + 1
    for rows in np.split(order, cuts):
        yield table.take(pa.array(rows))
