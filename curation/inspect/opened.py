"""A run opened to be looked into: its steps, its rows as tables, samples of them.

    run = curation.open_run("runs/llama3-web")
    run.steps["quality"].account["dropped"]
    run.table("dropped", ["lang", "word_count"], step="quality", where="word_count >= 40", as_="pandas")
    run.sample(step="quality", reason="too_short", n=5)

Only `table` holds what it reads, and only as much as is asked for.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation.inspect.explain import explain
from curation.inspect.rows import PLACE, RunRows, id_order
from curation.inspect.summary import Summary, read_summary


class OpenRun(RunRows):
    """A run's folder, or its URL; see `RunRows` for its steps and rows."""

    def sample(
        self, step: str | None = None, reason: str | None = None, n: int = 20, seed: int = 0, output: str | None = None,
        what: str = "dropped",
    ) -> pa.Table:  # fmt: skip
        """Some documents with all their columns, and `_file` and `_row`: the same ones always.

        Those are taken whose hash of id and seed is smallest; of dropped ones, those first whose text was stored (one in 1,000,
        and at least one of each shard and reason; none of what a safety step dropped). A document with several rows is taken once.

        Args:
            what: dropped (default), failed or shadows; outputs where `output` is given. Others as for `batches`.
        """
        what = "outputs" if output is not None else what
        stored = what == "dropped"
        columns = ["id", *(["text"] if stored else []), *PLACE]
        keys, places = np.empty((0, 2), np.uint64), pa.table({name: pa.array([], kind) for name, kind in PLACE.items()})
        for batch in self.batches(what, columns, step=step, reason=reason, output=output):
            none = batch.column("text").is_null().to_numpy(zero_copy_only=False) if stored else np.zeros(batch.num_rows, bool)
            found = np.column_stack([none.astype(np.uint64), id_order(batch.column("id"), seed)])
            keys = np.concatenate([keys, found])
            best = np.lexsort((keys[:, 1], keys[:, 0]))
            best = best[np.sort(np.unique(keys[best, 1], return_index=True)[1])][:n]
            places = pa.concat_tables([places, pa.Table.from_batches([batch.select(list(PLACE))])]).take(pa.array(best))
            keys = keys[best]
        return self.rows(what, places)

    @cached_property
    def summary(self) -> Summary:
        """Counts of documents, bytes and tokens by verdict and by language, domain and so on, histograms of metrics; no row is read."""
        return read_summary(self.folder)

    def explain(self, query: str, follow: bool = False) -> dict[str, Any]:
        """What became of a document, by its id or URL: see `curation.inspect.explain.explain`."""
        return explain(self, query, follow)


def open_run(folder: str | Path) -> OpenRun:
    """Open the folder of a run, or its URL, to look into it.

    Raises: RecipeError if it holds no run.
    """
    return OpenRun(str(folder))
