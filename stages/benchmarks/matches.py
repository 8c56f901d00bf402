"""Which n-grams of benchmarks a corpus has, and in how many documents: the base of decontaminate and contamination.

Mappers send an n-gram once for all their documents that have it; reducers add up. What they have found goes to one reducer, for whom it is
no more than the benchmarks themselves are: what it makes of it is the state that `apply` sees.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from curation.errors import TaskError
from curation.stage import AssetFile, Batch, GlobalStage, Keyed, Reduced, StageParams, Types
from curation.text import UNICODE_VERSION
from stages.benchmarks.items import ROLES, items_of, read
from stages.benchmarks.ngrams import MAX_N, NO_GRAM, Found, Index
from stages.benchmarks.words import WHOLE

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class BenchmarkParams(StageParams):
    """Parameters of both stages; see their files' docstrings."""

    benchmarks: Annotated[dict[str, AssetFile], Field(min_length=1, examples=[{"gsm8k": "gsm8k_test.jsonl"}])]
    fields: dict[str, dict[str, list[str]]] = {}

    @model_validator(mode="after")
    def _fields_of_benchmarks(self) -> BenchmarkParams:
        for name, roles in self.fields.items():
            if name not in self.benchmarks:
                raise ValueError(f"fields: there is no benchmark {name!r}")
            if not roles.get("question") or set(roles) - {*ROLES}:
                raise ValueError(f"fields: {name} needs `question: [FIELD, ...]` and may have `choices: [...]` and `answer: [...]`")
        return self


class BenchmarkMatches(GlobalStage):
    """Base class."""

    version = f"2 unicode {UNICODE_VERSION}"

    @abstractmethod
    def shape(self, params: Any) -> tuple[int, int, int]:
        """(n, words of the shortest question looked for as a whole, least proper words), of `Index.of`."""

    @abstractmethod
    def concluded(self, grams: Any, documents: Any, total: int, params: Any) -> Reduced:
        """The end of the last round: state and counts.

        Args:
            grams: uint32 (k,), all that were found, ascending. documents: int64 (k,), that have each. total: documents of the corpus.
        """

    def index(self, params: Any) -> Index:
        """The n-grams of the benchmarks, read once per process.

        Raises: TaskError if a file has gone or changed for the worse since it was checked.
        """
        fields = tuple((name, tuple((role, tuple(keys)) for role, keys in roles.items())) for name, roles in params.fields.items())
        try:
            files = tuple((name, path, Path(path).stat().st_mtime_ns) for name, path in params.benchmarks.items())
            return _index(files, fields, *self.shape(params))
        except (OSError, ValueError) as e:
            raise TaskError(f"{self.name}: {e}") from e

    def check(self, params: Any, schema: pa.Schema) -> None:
        """Read all benchmarks through.

        Raises: ValueError naming file, line and field.
        """
        for name, path in params.benchmarks.items():
            if not sum(1 for _ in items_of(path, params.fields.get(name))):
                raise ValueError(f"{path}: the benchmark {name} has no item")

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("text",)

    def payload(self, params: Any) -> Types:
        return {"gram": pa.uint32(), "documents": pa.int64()}

    def verdict(self, params: Any) -> Types:
        return {}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """A row for each n-gram of the batch, and one with the number of its documents."""
        found = self.index(params).find(batch.utf8())
        rows = np.repeat(np.arange(len(batch)), np.diff(found.offsets))
        pairs = np.unique((rows << 32) | found.grams)  # once a document
        row, gram = pairs >> 32, pairs & NO_GRAM
        grams, first, documents = np.unique(gram, return_index=True, return_counts=True)
        rows = row[first]
        if len(batch):
            grams, rows, documents = np.append(grams, NO_GRAM), np.append(rows, 0), np.append(documents, len(batch))
        sent = {"gram": grams.astype(np.uint32), "documents": documents}
        return Keyed(grams.astype(np.uint64) * _SPREAD, rows, sent, self.kept(found, params))

    def kept(self, found: Found, params: Any) -> Mapping[str, Any]:
        """What `keeps` names, of the documents of a batch."""
        return {}

    def combine(self, rows: pa.Table, params: Any, round_: int) -> pa.Table:
        """Add up the documents of an n-gram; the last round has each once."""
        return rows if round_ else _summed(rows)

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced:
        if not round_:
            sums = _summed(rows)
            return Reduced(again={1: sums.set_column(sums.column_names.index("key"), "key", pa.array(np.zeros(len(sums), np.uint64)))})
        return self._last(rows["gram"].to_numpy(), rows["documents"].to_numpy(), params)

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        if round_:
            grams, documents = (np.concatenate([rows[name].to_numpy() for rows in chunks()]) for name in ("gram", "documents"))
            yield self._last(grams, documents, params)
            return
        held: pa.Table | None = None
        for rows in chunks():
            held = _summed(rows if held is None else pa.concat_tables([held, rows.select(held.column_names)]))
        if held is not None:
            yield self.reduce(held, params, round_)

    def _last(self, grams: Any, documents: Any, params: Any) -> Reduced:
        order = np.argsort(grams, kind="stable")
        grams, documents = grams[order], documents[order]
        real = grams != NO_GRAM
        return self.concluded(grams[real], documents[real], int(documents[~real].sum()), params)


def _summed(rows: pa.Table) -> pa.Table:
    """Rows sorted by key, those of a key as one."""
    keys = rows["key"].to_numpy()
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))[: len(keys)])
    if len(starts) == len(keys):
        return rows
    sums = pa.array(np.add.reduceat(rows["documents"].to_numpy(), starts))
    one = rows.take(pa.array(starts))
    return one.set_column(one.column_names.index("documents"), "documents", sums)


@lru_cache(maxsize=2)
def _index(files: tuple[tuple[str, str, int], ...], fields: tuple[Any, ...], n: int, least: int, proper: int) -> Index:
    named = {name: dict(roles) for name, roles in fields}
    return Index.of(read({name: path for name, path, _ in files}, named), n, least, proper)


assert MAX_N * WHOLE < 256  # sizes are bytes
