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
from mixes.budgets import Budget, by_temperature, share_out
from mixes.entries import Entry, MixRecipe
from mixes.positions import ALL, BITS, HISTOGRAM, IDLE, MOST_CELLS, Reach, by_group, coarser, summed

MOST_GROUPS = 4096
"""Groups of a mix (ours): of each `apply` is told a row of STATE."""
STATE = pa.schema({
    "entry": pa.int16(), "group": pa.string(), "documents": pa.int64(), "tokens": pa.int64(), "idle": pa.int64(), "held": pa.int64(),
    "offered": pa.int64(), "hold": pa.int32(), "limits": pa.list_(pa.float64()),
})  # fmt: skip
"""A row a group: what it has that is not held out, how many of these documents have the rate 0, how many more are held out; the tokens it
offers; the class of places under which its entry is held out; the position at which each phase ends."""


def settle(chunks: Callable[[], Iterator[pa.Table]], recipe: MixRecipe, params: Any) -> pa.Table:
    """The limits of all groups: STATE, sorted by entry and group.

    Args:
        chunks: the rows of the histogram, in any order, with HISTOGRAM's columns and others; walked twice. params: the stage's.
    Raises: TaskError as `share_out` does, if there are too many groups, or if over half of an entry would be held out.
    """
    entries = list(recipe.entries.values())
    totals = _gathered((rows.filter(pc.less(rows["bin"], 0)) for rows in _plain(chunks)), MOST_CELLS)[0]
    hold = _held_out(totals.filter(pc.equal(totals["bin"], ALL)), recipe)
    copies, bits = _gathered((_trained(rows.filter(pc.greater_equal(rows["bin"], 0)), hold) for rows in _plain(chunks)), MOST_CELLS)
    of_group = {(e, group): rows for e, group, rows in by_group(copies)}
    state: list[dict[str, Any]] = []
    reach: list[Reach] = []
    for e, group, rows in by_group(totals):
        reach.append(Reach(of_group.get((e, group), copies.slice(0, 0)), bits, end_of(entries[e], params)))
        idle, used = (rows.filter(pc.equal(rows["bin"], kind)) for kind in (IDLE, ALL))
        stays = _trained(used, hold)  # nothing, of a group that is held out whole
        has = {name: _sum(idle, of) + _sum(stays, of) for name, of in (("documents", "copies"), ("tokens", "tokens"))}
        has |= {"idle": _sum(idle, "copies"), "held": _sum(used, "copies") - _sum(stays, "copies")}
        offered = reach[-1].tokens_below(_offered_epochs(entries[e], params))
        state.append({"entry": e, "group": group, **has, "offered": offered, "hold": int(hold[e])})
    check_groups(len(state))
    budget = shared(recipe, state, params)
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
        raise TaskError(f"{number:,} groups or more: `temperature: by` a column of so many values; {MOST_GROUPS:,} are the most")


def shared(recipe: MixRecipe, state: list[dict[str, Any]], params: Any) -> Budget:
    """What each entry gives of what all groups have.

    Args:
        state: rows of STATE. params: the stage's.
    Raises: TaskError as `share_out` does.
    """
    has = {what: totals_of(state, what, len(recipe.entries)) for what in ("documents", "idle", "held", "offered")}
    found = [_found(*of) for of in zip(has["documents"], has["idle"], has["held"], strict=True)]
    return share_out(recipe, has["offered"], params.tokens, params.short, params.empty, found)


def _found(documents: int, idle: int, held: int) -> str:
    """What became of the documents of an entry that gives no token."""
    whole = documents + held
    kinds = {"held out": held, "at rate 0": idle, "empty or beyond its epochs": documents - idle}
    parts = [(n, what) for what, n in kinds.items() if n]
    if len(parts) < 2:
        return f"{whole:,} {'documents, all' if whole > 1 else 'document,'} {parts[0][1]}" if parts else "no document"
    return f"{whole:,} documents: {', '.join(f'{n:,} {what}' for n, what in parts)}"


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
        totals: rows of whole documents of a rate above 0, summed.
    Raises: TaskError if that is more than half of its tokens.
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
            hold[e] = class_[order[min(int(np.searchsorted(ends, wanted)), len(order) - 1)]] + 1
            taken = int(tokens[order][class_[order] < hold[e]].sum())
            if 2 * taken > ends[-1]:
                raise TaskError(
                    f"{recipe.yaml.place('validation', 'tokens')}: {wanted:,} tokens for validation would take {taken:,} of the "
                    f"{ends[-1]:,} tokens of entry {name}, over half: whole documents and clusters are held out, by chance; "
                    "ask for fewer, take another seed, or use `share`"
                )
    return hold


def _sum(rows: pa.Table, column: str) -> int:
    return int(rows[column].to_numpy().sum())


def _trained(rows: pa.Table, hold: Any) -> pa.Table:
    """Rows of what is not held out, all of one class."""
    class_, mates = np.divmod(rows["held"].to_numpy(), 2)
    limit = np.maximum(hold[rows["entry"].to_numpy()], mates * hold.max())
    stays = rows.filter(pa.array(class_ >= limit))
    return summed(stays.set_column(stays.column_names.index("held"), "held", pa.array(np.zeros(stays.num_rows, dtype=np.int16))))
