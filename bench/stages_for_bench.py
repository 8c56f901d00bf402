"""Small stages the benchmarks plug in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from curation.stage import Batch, Columns, GlobalStage, Keyed, Reduced, Source, StageParams, Types, stage
from stages.tokens.count_tokens import count_tokens


class Params(StageParams):
    """Parameters of all stages here."""

    rounds: int = 1


@stage(reads=["text"], writes={"spent": pa.int64()})
def busy(batch: Batch, params: Params) -> Columns:
    """Uses CPU: finds and hashes the words of each document `rounds` times."""
    total = np.zeros(len(batch), dtype=np.uint64)
    for _ in range(params.rounds):
        words = Batch(batch.table).words()
        total[words.documents()] ^= words.hashes()
    return {"spent": (total >> np.uint64(1)).astype(np.int64)}


@stage(reads=["text", "n_tokens"], writes={"n_tokens": pa.int64()})
def count_tokens_again(batch: Batch, params: Params) -> Columns:
    """Counts tokens once more, of a text that has changed."""
    return count_tokens(batch)


class FirstText(GlobalStage):
    """Keep one document of those with the same text: that with the smallest 64 bits of its id."""

    name = "first_text"
    Params = Params
    drops = ("twin",)

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("id", "text")

    def writes(self, params: Any) -> Types:
        return {}

    def payload(self, params: Any) -> Types:
        return {"rank": pa.uint64()}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        return Keyed(batch.utf8("text").hash(), np.arange(len(batch)), {"rank": batch.utf8("id").hash()})

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced:
        return self._losers(rows)

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        best = min(int(rows["rank"].to_numpy().min()) for rows in chunks())
        for rows in chunks():
            yield self._verdicts(rows, rows["rank"].to_numpy() != best)

    def _losers(self, rows: pa.Table) -> Reduced:
        key, rank = rows["key"].to_numpy(), rows["rank"].to_numpy()
        starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
        if len(starts) == len(key):
            return Reduced()
        best = np.minimum.reduceat(rank, starts)
        return self._verdicts(rows, rank != np.repeat(best, np.diff(np.r_[starts, len(key)])))

    def _verdicts(self, rows: pa.Table, lost: Any) -> Reduced:
        index = pa.array(np.flatnonzero(lost))
        return Reduced(verdicts=pa.table({
            "shard": rows["shard"].take(index), "row": rows["row"].take(index), "drop_reason": pa.array(["twin"] * len(index), pa.string()),
        }))  # fmt: skip


first_text = FirstText()


class PartsParams(StageParams):
    """Parameters of many_parts."""

    paths: str
    parts: int


class ManyParts(Source):
    """Names many parts of each file, and reads none: for a driver whose executor does no work."""

    name = "many_parts"
    Params = PartsParams

    def columns(self, params: Any, example: str | None) -> Types:
        return {"text": pa.large_string()}

    def parts(self, path: str, size_bytes: int, params: Any) -> list[str]:
        return [str(n) for n in range(params.parts)]

    def read(self, *arguments: Any, **keywords: Any) -> Iterator[pa.Table]:
        raise NotImplementedError


many_parts = ManyParts()
