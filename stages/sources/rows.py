"""Read Parquet that already has the engine's columns: an earlier run's shards, a stage's output.

Source:  ours.
Units:   one document per row, in file order.
Params:  paths -- files or globs. Ids are kept as they are; every column travels.
Drops:   none: rows with the same id are all kept.
Errors:  a file that is not Parquet, or has no `id` column of strings, is refused before any work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.documents import CORE
from curation.stage import Source, StageParams, Types
from stages.sources.opening import PathList


class Params(StageParams):
    """Parameters of the rows source; see the file's docstring."""

    paths: PathList


class Rows(Source):
    """Source `rows`."""

    name = "rows"
    Params = Params
    drops = ()

    def columns(self, params: Any, example: str | None) -> Types:
        if example is None:
            raise ValueError("the columns are read from a file, and there is none")
        fields = [f for f in pq.read_schema(example) if f.name not in CORE and f.name != "_row"]
        return {f.name: f if f.name != "text" else f.type for f in fields}

    def check(self, path: str, params: Any) -> None:
        try:
            schema = pq.read_schema(path)
        except pa.ArrowInvalid as e:
            raise ValueError(f"{path} is no Parquet file") from e
        if "id" not in schema.names or schema.field("id").type != pa.string():
            raise ValueError(f"{path} has no `id` column of strings: say `use: parquet`")

    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        row = 0
        with pq.ParquetFile(path) as file:
            for group in range(file.metadata.num_row_groups):
                table = file.read_row_group(group, use_threads=False)
                numbers = np.arange(row, row + table.num_rows, dtype=np.int64)
                row += table.num_rows
                if "_row" in table.column_names:
                    table = table.drop_columns(["_row"])
                table = table.append_column("_row", pa.array(numbers))
                if want is not None:
                    table = table.filter(pa.array(np.isin(numbers, want)))
                for name, kind in CORE.items():
                    if name not in table.column_names and name not in ("source", "domain"):
                        blank = pa.nulls(table.num_rows, kind) if name != "record_offset" else pa.array(numbers)
                        table = table.append_column(pa.field(name, kind), blank)
                yield table.append_column(pa.field("drop_reason", pa.string()), pa.nulls(table.num_rows, pa.string()))


rows = Rows()
