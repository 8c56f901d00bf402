"""Give each document its quantile among the documents of its group, by one score or several.

Source:  CCNet (Wenzek et al. 2020) and DCLM (Li et al. 2024) keep a share of each language's or crawl's documents; the histogram is ours.
Units:   <column>_quantile = share of the group's weight with a lower score, 0 to 1; null where the score is null or NaN, and such
         a document counts for nobody. The column of `into` = largest or mean of a document's quantiles, of those not null.
Params:  columns -- the scores: columns of numbers. by -- columns that name the group: a text or true/false as it is (null is a
         group, too), a number by its power of two (all up to 0 together), so that `by: [lang, word_count]` ranks among documents
         of a language and a like length. weight -- column of numbers to weigh documents by, word_count to rank by words rather
         than documents; rounded to a whole number, null and less than 0 are 0; null = each document weighs 1. combine, into --
         max or mean of the quantiles of all `columns`, and the column it goes to; a quantile of that needs a `rank` of its own.
Drops:   none.
Errors:  ValueError before the run, if a column is of the wrong type. Scores beyond 2**1023, infinite ones too, count as that.

"Keep the tenth that scores best, in each language" is two steps:

    ranked: {use: rank, columns: [quality], by: [lang]}
    best:   {use: keep, where: "quality_quantile is not null and quality_quantile >= 0.9"}

All that share a score share a quantile; if more than a tenth has the best score, none of them has nine tenths below it.

Scores are counted in bins of 1/65,536 of a power of two (0.0015 % of the value), and of a group's bins only those are kept in
which the count passes another 1/1024 of the weight; in between quantiles are interpolated. In a bin that is kept all have the
share below the bin: many documents so close together mostly have one score. *Error*: at most 1/1024 and the share of the group's
weight in the document's own bin. Counts are whole numbers, so quantiles are the same in any order and any division of the documents.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from curation.stage import Batch, Columns, GlobalStage, Keyed, Reduced, StageParams, Types, Verdicts
from curation.text import Utf8

MANTISSA_BITS = 16
"""Bins of a power of two: 2**MANTISSA_BITS."""
PARTS = 1024
"""Parts a group's weight is cut into: `apply` knows of a group no more than three times as many edges, 48 kB."""
ROWS = pa.schema([("group", pa.string()), ("column", pa.int32()), ("bin", pa.int64()), ("weight", pa.int64())])
STATE = pa.schema([("group", pa.string()), ("column", pa.int32()), ("edges", pa.list_(pa.float64())), ("below", pa.list_(pa.float64()))])
_SHIFT = 52 - MANTISSA_BITS
_MAGNITUDE = np.int64(0x7FFFFFFFFFFFFFFF)
_LARGEST = 2.0**1023
_NO_POWER = -2000
"""Stands for the power of two of what has none: less than that of any float64."""


class Params(StageParams):
    """Parameters of rank; see the file's docstring."""

    columns: Annotated[tuple[str, ...], Field(min_length=1, examples=[["quality"]])]
    by: tuple[str, ...] = ()
    weight: str | None = None
    combine: Literal["max", "mean"] | None = None
    into: str = "combined_quantile"

    @model_validator(mode="after")
    def _columns_differ(self) -> Params:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns: one is named twice")
        return self


class Rank(GlobalStage):
    """Global stage `rank`."""

    name = "rank"
    version = "1"
    Params: ClassVar[type[StageParams]] = Params
    _last: tuple[pa.Table | None, dict[tuple[str, int], int]] | None = None

    def check(self, params: Any, schema: pa.Schema) -> None:
        """Refuse columns that are no numbers, and groups that are lists or the like.

        Raises: ValueError.
        """
        for name in (*params.columns, *([params.weight] if params.weight else [])):
            if not _is_number(schema.field(name).type):
                raise ValueError(f"rank needs numbers, column {name!r} is {schema.field(name).type}")
        for name in params.by:
            kind = schema.field(name).type
            if not (_is_number(kind) or pa.types.is_string(kind) or pa.types.is_boolean(kind)):
                raise ValueError(f"rank cannot group by column {name!r}, which is {kind}")

    def reads(self, params: Any) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*params.columns, *params.by, *([params.weight] if params.weight else []))))

    def writes(self, params: Any) -> Types:
        names = [f"{name}_quantile" for name in params.columns] + ([params.into] if params.combine else [])
        return {name: pa.field(name, pa.float32(), nullable=True) for name in names}

    def payload(self, params: Any) -> Types:
        return {f.name: f for f in ROWS}

    def verdict(self, params: Any) -> Types:
        return {}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """Weight of each bin of each group and column, keyed by those and the power of two."""
        label, group = _groups(batch, params.by)
        weight = _weights(batch, params.weight)
        parts = []
        for number, name in enumerate(params.columns):
            score = _scores(batch[name])
            rows = np.flatnonzero(~np.isnan(score) & (weight > 0))
            bins = _bin(score[rows])
            order = rows[np.lexsort((bins, group[rows]))]
            bins, place = _bin(score[order]), group[order]
            first = np.flatnonzero(np.r_[True, (bins[1:] != bins[:-1]) | (place[1:] != place[:-1])][: len(order)])
            sums = np.add.reduceat(weight[order], first) if len(first) else np.empty(0, np.int64)
            parts.append((order[first], place[first], np.full(len(first), number, np.int32), bins[first], sums))
        row, place, column, bins, sums = (np.concatenate(part) for part in zip(*parts, strict=True))
        labels = label.take(pa.array(place))
        return Keyed(
            _key(label, place, column, bins >> MANTISSA_BITS), row,
            {"group": labels, "column": column, "bin": bins, "weight": sums},
        )  # fmt: skip

    def combine(self, rows: pa.Table, params: Any, round_: int) -> pa.Table:
        more = [name for name in rows.column_names if name not in ROWS.names]
        sums = rows.group_by(["group", "column", "bin"], use_threads=False)
        sums = sums.aggregate([("weight", "sum"), *((name, "first") for name in more)])
        return sums.rename_columns([*ROWS.names, *more]).select(rows.column_names)

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced:
        """Round 0 adds up and hands each group to one reducer, round 1 finds its edges: the state."""
        rows = self.combine(rows, params, round_)
        if round_ == 0:
            names = rows["group"].combine_chunks().dictionary_encode()
            place = names.indices.to_numpy(zero_copy_only=False)
            key = _key(names.dictionary, place, rows["column"].to_numpy(), np.zeros(rows.num_rows, np.int64))
            return Reduced(again={1: rows.set_column(rows.column_names.index("key"), "key", pa.array(key))})
        rows = rows.sort_by([("group", "ascending"), ("column", "ascending"), ("bin", "ascending")])
        states = []
        for one in rows.group_by(["group", "column"], use_threads=False).aggregate([("bin", "list"), ("weight", "list")]).to_pylist():
            edges, below = _edges(np.array(one["bin_list"]), np.array(one["weight_list"]))
            states.append({"group": one["group"], "column": one["column"], "edges": edges.tolist(), "below": below.tolist()})
        return Reduced(state=pa.Table.from_pylist(states, schema=STATE))

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        held: pa.Table | None = None
        for chunk in chunks():
            held = self.combine(chunk if held is None else pa.concat_tables([held, chunk.select(held.column_names)]), params, round_)
        if held is not None:
            yield self.reduce(held, params, round_)

    def apply(self, batch: Batch, verdicts: Verdicts, params: Any) -> Columns:
        """The quantile of each document in each column, float32, null where there is none."""
        label, group = _groups(batch, params.by)
        state = verdicts.state if verdicts.state is not None else STATE.empty_table()
        place = self._places(verdicts.state)
        order = np.argsort(group, kind="stable")
        bounds = np.searchsorted(group[order], np.arange(len(label) + 1))
        quantiles = np.full((len(params.columns), len(batch)), np.nan)
        for number, name in enumerate(params.columns):
            score = _scores(batch[name])
            for g, text in enumerate(label.to_pylist()):
                k = place.get((text, number))
                if k is not None:
                    rows = order[bounds[g] : bounds[g + 1]]
                    edges, below = (state[c][k].values.to_numpy() for c in ("edges", "below"))
                    quantiles[number, rows] = np.interp(score[rows], edges, below)
            quantiles[number, np.isnan(score)] = np.nan
        columns = {f"{name}_quantile": _nullable(quantiles[number]) for number, name in enumerate(params.columns)}
        if params.combine == "max":
            columns[params.into] = _nullable(np.fmax.reduce(quantiles))
        elif params.combine == "mean":
            known = ~np.isnan(quantiles)
            count = np.where(known.any(axis=0), known.sum(axis=0), np.nan)
            columns[params.into] = _nullable(np.where(known, quantiles, 0).sum(axis=0) / count)
        return columns

    def _places(self, state: pa.Table | None) -> dict[tuple[str, int], int]:
        """Row of the state of each group and column; found once for all batches of a shard, for there may be millions."""
        if self._last is None or self._last[0] is not state:
            pairs = [] if state is None else zip(state["group"].to_pylist(), state["column"].to_pylist(), strict=True)
            self._last = state, {pair: k for k, pair in enumerate(pairs)}
        return self._last[1]


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _nullable(values: Any) -> Any:
    return pa.array(values.astype(np.float32), mask=np.isnan(values))


def _scores(column: Any) -> Any:
    """A column as finite float64, NaN for null."""
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.clip(values, -_LARGEST, _LARGEST)


def _weights(batch: Batch, name: str | None) -> Any:
    if name is None:
        return np.ones(len(batch), np.int64)
    values = np.nan_to_num(_scores(batch[name]), nan=0.0)
    return np.rint(np.clip(values, 0, 2.0**40)).astype(np.int64)


def _groups(batch: Batch, by: tuple[str, ...]) -> tuple[Any, Any]:
    """(labels of the groups in a batch: string array, group of each document: int64 (n,))."""
    if not by or not len(batch):
        return pa.array(["[]"], pa.string()), np.zeros(len(batch), np.int64)
    codes, names = np.zeros((len(by), len(batch)), np.int64), []
    for k, name in enumerate(by):
        column = batch[name]
        if _is_number(column.type):
            values = _scores(column)
            power = np.where(values > 0, np.frexp(np.abs(values))[1] - 1, _NO_POWER)
            column = pa.array(power, mask=np.isnan(values))
        known = column.dictionary_encode(null_encoding="encode")
        codes[k] = known.indices.to_numpy(zero_copy_only=False)
        names.append(known.dictionary.to_pylist())
    distinct, group = np.unique(codes, axis=1, return_inverse=True)
    labels = [json.dumps([names[k][code] for k, code in enumerate(one)]) for one in distinct.T.tolist()]
    return pa.array(labels, pa.string()), group.reshape(-1).astype(np.int64)


def _key(labels: Any, place: Any, column: Any, power: Any) -> Any:
    mixed = (column.astype(np.uint64) << np.uint64(32)) + power.astype(np.uint64)
    return Utf8.of(labels).hash()[place] ^ (mixed * np.uint64(0x9E3779B97F4A7C15))


def _bin(values: Any) -> Any:
    """Bins of float64 values: int64, in the values' order; a bin begins at its smallest value and ends before the next."""
    bits = np.ascontiguousarray(values, np.float64).view(np.int64)
    magnitude = bits & _MAGNITUDE
    return np.where(bits < 0, -((magnitude + (1 << _SHIFT) - 1) >> _SHIFT), magnitude >> _SHIFT)


def _lower_edge(bins: Any) -> Any:
    """Smallest value of each bin."""
    return np.copysign((np.abs(bins) << _SHIFT).view(np.float64), bins)


def _edges(bins: Any, weight: Any) -> tuple[Any, Any]:
    """Values, and the share of the weight below each, to interpolate between: both float64, increasing.

    Args:
        bins: int64 (k,), increasing. weight: int64 (k,), more than 0.
    """
    below = np.concatenate(([0], np.cumsum(weight)))
    part = below * PARTS // below[-1] if below[-1] < 1 << 50 else (below / below[-1] * PARTS).astype(np.int64)
    heavy = part[1:] > part[:-1]  # bins whose weight passes another part: the share below is that below the bin up to its last value
    first, next_ = _lower_edge(bins[heavy]), _lower_edge(bins[heavy] + 1)
    edges = np.concatenate([first, np.nextafter(next_, -np.inf), next_])
    share = np.concatenate([below[:-1][heavy], below[:-1][heavy], below[1:][heavy]]) / below[-1]
    edges, index = np.unique(edges, return_index=True)
    return edges, share[index]


rank = Rank()
