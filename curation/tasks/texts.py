"""The text of rows whose shard has none: it is read where it was last written.

A pass that only takes rows away does not write their text anew. Its shards have a column `_text` in its place: the row in the file
that has the text, a shard of an earlier pass or a part of an input file. Rows keep their order, so both files are read once, in step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from curation.errors import AccountError
from curation.shards import footer_hash, read_batches
from curation.stage import Source
from curation.tasks.base import BATCH_BYTES, Task

SPLIT_BITS = 40
"""`_row` of a source row: ordinal of the split in the task << SPLIT_BITS | row within the split."""


def with_text(task: Task, tables: Iterator[pa.Table], shard: dict[str, Any]) -> Iterator[pa.Table]:
    """The tables of a shard, with the column `text` where they have `_text` instead: then in pieces of about BATCH_BYTES of text.

    Raises: AccountError if a file that has the text is gone, damaged or not the one it was read from.
    """
    if "texts" not in shard:
        yield from tables
        return
    texts = _texts(task, shard["texts"])
    first, text = 0, pa.array([], pa.large_string())
    for table in tables:
        rows = table["_text"].to_numpy()
        parts: list[Any] = []
        begin = low = held = 0
        while low < len(rows):
            while rows[low] >= first + len(text):
                first, text = next(texts, (-1, text))
                if first < 0:
                    raise AccountError(f"{shard['file']}: the text of a row is gone from {shard['texts'][-1]['file']}")
            high = int(np.searchsorted(rows, first + len(text)))
            parts.append(_rows_of(text, rows[low:high] - first))
            low, held = high, held + parts[-1].nbytes
            if held >= BATCH_BYTES // 2 or low == len(rows):
                column = parts[0] if len(parts) == 1 else pa.concat_arrays(parts)
                yield table.slice(begin, low - begin).append_column(pa.field("text", pa.large_string()), column)
                parts, begin, held = [], low, 0


def _rows_of(text: Any, rows: Any) -> Any:
    """Some values of a column, ascending: a slice where they lie together and are most of it, so that what is held is what is counted."""
    if rows[0] < 0:
        raise AccountError("rows of a shard are not in the order of their text")
    if rows[-1] - rows[0] == len(rows) - 1:
        part = text.slice(int(rows[0]), len(rows))
        if 2 * part.nbytes >= text.nbytes:
            return part
    return text.take(pa.array(rows))


def _texts(task: Task, places: list[dict[str, Any]]) -> Iterator[tuple[int, Any]]:
    """(number of the first row, text of some rows) of the files that have it, in order."""
    for ordinal, place in enumerate(places):
        if "input" in place:
            source = task.plan.steps[place["input"]]
            assert isinstance(source.stage, Source)
            try:
                if footer_hash(place["file"]) != place["footer"]:
                    raise AccountError(f"{place['file']} has changed since its documents were read")
                for row, text in source.stage.texts(place["file"], place["part"], source.params):
                    yield (ordinal << SPLIT_BITS) + row, text
            except (OSError, pa.ArrowException) as e:
                raise AccountError(f"{place['file']} cannot be read again for the text of its documents: {e}") from e
            continue
        row = 0
        for table in read_batches(task.out / place["file"], ["text"], place["footer"]):
            yield row, table["text"].combine_chunks()
            row += table.num_rows
