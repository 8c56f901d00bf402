"""Pages and hits of each of any number of keys (domains, prefixes), in the memory of some of them.

What was added is summed up in memory until HELD keys are there, then put out to files by hash of the key; when all is added, each file is
summed up by itself. So memory is that of HELD keys and of one file's: of PER_FILE rows where the number of documents was guessed well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.documents import plain
from curation.text import Utf8

HELD = 1 << 18
PER_FILE = 1 << 22
MAX_FILES = 512
SCHEMA = pa.schema([("key", pa.string()), ("pages", pa.int64()), ("hits", pa.int64()), ("example", pa.string())])


class Counts:
    """Counts under way.

    Args:
        folder: for what is put out; it is removed by whoever made it.
        documents: about how many come.
    """

    def __init__(self, folder: Path, documents: int) -> None:
        self._folder, self._files = folder, max(1, min(MAX_FILES, -(-documents // PER_FILE)))
        self._pending: list[pa.Table] = []
        self._rows = 0
        self._sinks: list[Any] = []
        self._stack = ExitStack()

    def add(self, keys: Any, hits: Any, examples: Any = None) -> None:
        """Count some documents.

        Args:
            keys: string array (n,), null ones are not counted. hits: bool (n,). examples: string array (n,); a key's least one is kept.
        """
        shown = pa.nulls(len(keys), pa.string()) if examples is None else examples
        table = pa.table([keys, np.ones(len(keys), np.int64), np.asarray(hits).astype(np.int64), shown], schema=SCHEMA)
        self._pending.append(_summed(table.filter(pc.is_valid(table["key"]))))
        self._rows += self._pending[-1].num_rows
        if self._rows >= HELD:
            self._pending = [_summed(pa.concat_tables(self._pending))]
            self._rows = self._pending[0].num_rows
            if 2 * self._rows >= HELD:
                self._put_out()

    def _put_out(self) -> None:
        if not self._sinks:
            self._folder.mkdir(parents=True, exist_ok=True)
            for n in range(self._files):
                sink = self._stack.enter_context(pa.OSFile(str(self._folder / f"{n:04d}.arrow"), "wb"))
                self._sinks.append(self._stack.enter_context(pa.ipc.new_stream(sink, SCHEMA)))
        for table in self._pending:
            part = (Utf8.of(plain(table["key"])).hash() >> np.uint64(32)) * np.uint64(self._files) >> np.uint64(32)
            order = np.argsort(part, kind="stable")
            ends = np.searchsorted(part[order], np.arange(self._files + 1))
            for n, sink in enumerate(self._sinks):
                if ends[n] < ends[n + 1]:
                    sink.write_table(table.take(pa.array(order[ends[n] : ends[n + 1]])))
        self._pending, self._rows = [], 0

    def sums(self) -> Iterator[pa.Table]:
        """The sums, each key in one table of SCHEMA; nothing can be added then."""
        if not self._sinks:
            if self._pending:
                yield _summed(pa.concat_tables(self._pending))
            return
        self._put_out()
        self._stack.close()
        for n in range(self._files):
            with pa.OSFile(str(self._folder / f"{n:04d}.arrow")) as source:
                yield _summed(pa.ipc.open_stream(source).read_all())


def _summed(table: pa.Table) -> pa.Table:
    sums = table.group_by("key").aggregate([("pages", "sum"), ("hits", "sum"), ("example", "min")])
    return pa.table([sums["key"], sums["pages_sum"], sums["hits_sum"], sums["example_min"]], schema=SCHEMA)
