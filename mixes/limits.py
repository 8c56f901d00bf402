"""From the histogram of all documents to what each group of each entry gives: where its phases end, and what is held out.

A *group* is what has limits of its own: an entry or, where it has a `temperature`, a language (say) of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import TaskError
from mixes.budgets import by_temperature, share_out
from mixes.entries import Entry, MixRecipe
from mixes.positions import ALL, BITS, HISTOGRAM, MOST_CELLS, Reach, by_group, coarser, summed

MOST_GROUPS = 4096
"""Groups of a mix (ours): of each `apply` is told a row of STATE."""
STATE = pa.schema({
    "entry": pa.int16(), "group": pa.string(), "documents": pa.int64(), "tokens": pa.int64(), "offered": pa.int64(),
    "hold": pa.int32(), "limits": pa.list_(pa.float64()),
})  # fmt: skip
"""A row a group: what it has that is not held out, what it offers; the class of places under which its entry is held out; the position
at which each phase ends."""


def settle(chunks: Callable[[], Iterator[pa.Table]], recipe: MixRecipe, params: Any) -> pa.Table:
    """The limits of all groups: STATE, sorted by entry and group.

    Args:
        chunks: the rows of the histogram, in any order, with HISTOGRAM's columns and others; walked twice. params: the stage's.
    Raises: TaskError as `share_out` does, if there are too many groups, or if half of an entry would be held out.
    """
    entries = list(recipe.entries.values())
    totals = _gathered((rows.filter(pc.equal(rows["bin"], ALL)) for rows in _plain(chunks)), MOST_CELLS)[0]
    hold = _held_out(totals, recipe)
    copies, bits = _gathered((_trained(rows.filter(pc.not_equal(rows["bin"], ALL)), hold) for rows in _plain(chunks)), MOST_CELLS)
    of_group = {(e, group): rows for e, group, rows in by_group(copies)}
    state: list[dict[str, Any]] = []
    reach: list[Reach] = []
    for e, group, rows in by_group(totals):
        reach.append(Reach(of_group.get((e, group), copies.slice(0, 0)), bits, end_of(entries[e], params)))
        stays = _trained(rows, hold)  # nothing, of a group that is held out whole
        has = {"documents": int(stays["copies"].to_numpy().sum()), "tokens": int(stays["tokens"].to_numpy().sum())}
        offered = reach[-1].tokens_below(_offered_epochs(entries[e], params))
        state.append({"entry": e, "group": group, **has, "offered": offered, "hold": int(hold[e])})
    check_groups(len(state))
    budget = share_out(recipe, totals_of(state, "offered", len(entries)), params.tokens, params.short, params.empty)
    for e, entry in enumerate(entries):
        mine = [k for k, row in enumerate(state) if row["entry"] == e]
        ends = [budget.ends[e]]
        if entry.temperature is not None:
            ends = by_temperature(ends[0], [state[k]["tokens"] for k in mine], [reach[k].whole for k in mine], entry.temperature.alpha)
        for k, of in zip(mine, ends, strict=False):
            state[k]["limits"] = [reach[k].limit(tokens) for tokens in of]
    return pa.Table.from_pylist(state, schema=STATE)


def check_groups(number: int) -> None:
    """Refuse more groups than each batch can be told of.

    Raises: TaskError.
    """
    if number > MOST_GROUPS:
        raise TaskError(f"mix: {number:,} groups or more: `temperature: by` a column of so many values; {MOST_GROUPS:,} are the most")


def end_of(entry: Entry, params: Any) -> float:
    """Position that no copy of an entry's documents reaches: its epochs, or as many as groups of it may need."""
    return float(entry.max_epochs) if entry.temperature is not None else _offered_epochs(entry, params)


def totals_of(state: list[dict[str, Any]], what: str, entries: int) -> list[int]:
    """A column of STATE summed over the groups of each entry."""
    total = [0] * entries
    for row in state:
        total[row["entry"]] += row[what]
    return total


def _offered_epochs(entry: Entry, params: Any) -> float:
    """Epochs an entry gives if asked for enough."""
    if entry.epochs is not None:
        return entry.epochs
    return float(entry.max_epochs) if params.short == "repeat" else 1.0


def _plain(chunks: Callable[[], Iterator[pa.Table]]) -> Iterator[pa.Table]:
    return (rows.select(list(HISTOGRAM)) for rows in chunks())


def _gathered(tables: Iterable[pa.Table], most: int) -> tuple[pa.Table, int]:
    """Tables summed in one of at most so many rows, and the bits of its bins."""
    whole, bits = pa.schema(HISTOGRAM).empty_table(), BITS
    for rows in tables:
        for _ in range(BITS - bits):
            rows = coarser(rows)
        whole = summed(pa.concat_tables([whole, rows]))
        while whole.num_rows > most and bits:
            whole, bits = coarser(whole), bits - 1
    return whole, bits


def _held_out(totals: pa.Table, recipe: MixRecipe) -> Any:
    """Class of places under which documents of each entry are held out: int64 (entries,), 0 where none is.

    Args:
        totals: rows of whole documents, summed.
    """
    hold = np.zeros(len(recipe.entries), dtype=np.int64)
    if recipe.validation is None:
        return hold
    if recipe.validation.tokens is None:
        return hold + 1
    wanted = recipe.validation.tokens
    entry, class_, tokens = totals["entry"].to_numpy(), totals["held"].to_numpy() >> 1, totals["tokens"].to_numpy()
    for e, name in enumerate(recipe.names):
        order = np.flatnonzero(entry == e)[np.argsort(class_[entry == e], kind="stable")]
        ends = np.cumsum(tokens[order])
        if len(ends) and ends[-1]:
            if ends[-1] < 2 * wanted:
                raise TaskError(f"mix: validation.tokens, {wanted:,}, are over half of entry {name}, which has {ends[-1]:,}")
            hold[e] = class_[order[np.searchsorted(ends, wanted)]] + 1
    return hold


def _trained(rows: pa.Table, hold: Any) -> pa.Table:
    """Rows of what is not held out, all of one class."""
    class_, mates = np.divmod(rows["held"].to_numpy(), 2)
    limit = np.maximum(hold[rows["entry"].to_numpy()], mates * hold.max())
    stays = rows.filter(pa.array(class_ >= limit))
    return summed(stays.set_column(stays.column_names.index("held"), "held", pa.array(np.zeros(stays.num_rows, dtype=np.int16))))
