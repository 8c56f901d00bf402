"""The CSV of the runs that were trained: a row a run, with its size, its mix and its losses.

Columns `run`, `parameters`, `tokens`, `weight:ENTRY` for each entry of the recipe and `loss:SET` for each validation
set are needed, `seed` is read where it is there; others are left alone. That is `runs.csv` as `propose` writes
it, with the losses added. Losses are in nats a token, or in any one unit of which a power law is a fair model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from curation.csv_file import CsvFile, Row, opened
from curation.errors import Place, RecipeError, did_you_mean
from mixes.search.candidates import DIGITS, LOSS, WEIGHT
from mixes.search.spec import MAX_RUNS, Search

SUM_WITHIN = 0.001
"""By how much the weights of a run may miss 1: they are written with few digits."""
NEEDED = ("run", "parameters", "tokens")


@dataclass(frozen=True)
class Runs:
    """Trained runs."""

    mixes: Any
    """float64 (n, K): each sums to 1."""
    parameters: Any
    tokens: Any
    """float64 (n,)."""
    losses: Any
    """float64 (n, V)."""
    sets: tuple[str, ...]
    """V validation sets."""
    mix: Any
    """int64 (n,): ordinal of the distinct mix; runs that share it stay together in every split."""
    repeats: tuple[tuple[int, ...], ...]
    """Runs of one mix and size, which differ by their seed alone; two or more each."""
    ignored: tuple[str, ...]
    """Columns that were not read."""

    @property
    def sizes(self) -> list[tuple[float, float]]:
        """Distinct (parameters, tokens), from the smallest."""
        return sorted(set(zip(self.parameters.tolist(), self.tokens.tolist(), strict=True)), key=lambda s: (s[0] * s[1], s))


def read(file: str | Path, search: Search) -> Runs:
    """Read the losses of the runs.

    Raises: RecipeError naming file, line, field and column of the first mistake.
    """
    with opened(file) as table:
        return _read(table, search)


def _read(table: CsvFile, search: Search) -> Runs:
    columns = table.columns
    _check_columns(table, search)
    names, sets = search.names, [c.removeprefix(LOSS) for c in columns if c.startswith(LOSS)]
    sizes, mixes, losses = [], [], []
    lines: dict[str, int] = {}
    same: dict[tuple[Any, ...], int] = {}
    for given in islice(table, MAX_RUNS + 1):
        row = _Run(given)
        run, seed = row.text("run"), row.text("seed") if "seed" in columns else ""
        if run in lines:
            raise given.error("run", f"{run!r} stands in line {lines[run]}, too")
        lines[run] = given.line
        if len(lines) > MAX_RUNS:
            raise given.error("run", f"more than {MAX_RUNS:,} runs")
        size = (row.positive("parameters"), row.positive("tokens"))
        mix = np.array(list(row.weights(names)))
        twin = (*size, seed, *np.round(mix, DIGITS - 1).tolist())
        if seed and twin in same:
            raise given.error("seed", f"line {same[twin]} has the same mix, size and seed: one run given twice")
        same[twin] = given.line
        sizes.append(size)
        mixes.append(mix / mix.sum())
        losses.append([row.positive(LOSS + s) for s in sets])
    if not lines:
        raise RecipeError("no run in it", Place(table.file, 1, 1))
    parameters, tokens = np.array(sizes).T
    _, ordinal = np.unique(np.round(mixes, DIGITS - 1), axis=0, return_inverse=True)
    seeds: dict[tuple[Any, ...], list[int]] = {}
    for i, key in enumerate(zip(ordinal.tolist(), sizes, strict=True)):
        seeds.setdefault(key, []).append(i)
    repeats = tuple(tuple(runs) for runs in seeds.values() if len(runs) > 1)
    known = {*NEEDED, "seed", "recipe", *(WEIGHT + n for n in names), *(LOSS + s for s in sets)}
    ignored = tuple(c for c in columns if c not in known)
    return Runs(np.array(mixes), parameters, tokens, np.array(losses), tuple(sets), ordinal, repeats, ignored)


def _check_columns(table: CsvFile, search: Search) -> None:
    file, columns = table.file, table.columns
    weights = [WEIGHT + n for n in search.names]
    for field, column in enumerate(columns, 1):
        if column.startswith(WEIGHT) and column not in weights:
            near = did_you_mean(column, weights)
            said = f"{search.recipe.yaml.file} has no entry {column.removeprefix(WEIGHT)!r}{near}"
            raise RecipeError(said, Place(file, 1, field, column))
    table.need(*NEEDED, *weights)
    sets = [c.removeprefix(LOSS) for c in columns if c.startswith(LOSS)]
    if not sets:
        raise RecipeError(f"no column {LOSS}SET: the losses are missing", Place(file, 1, 1))
    for name in search.spec.validation:
        if name not in sets:
            near = did_you_mean(name, sets)
            raise RecipeError(f"the column {LOSS + name!r} is missing, whose importance the search gives{near}", Place(file, 1, 1))


class _Run:
    """One row, whose cells are numbers."""

    def __init__(self, row: Row) -> None:
        self.row = row

    def text(self, column: str) -> str:
        found = self.row[column].strip()
        if not found and column == "run":
            raise self.row.error(column, "a run has a name")
        return found

    def number(self, column: str) -> float:
        value = self.row.number(column)
        if not math.isfinite(value):
            raise self.row.error(column, f"{value} is not finite: leave out a run that diverged")
        return value

    def positive(self, column: str) -> float:
        value = self.number(column)
        if value <= 0:
            raise self.row.error(column, f"{value:g} is not above 0")
        return value

    def weights(self, names: list[str]) -> Iterator[float]:
        total = 0.0
        for name in names:
            weight = self.number(WEIGHT + name)
            if weight < 0:
                raise self.row.error(WEIGHT + name, f"a weight of {weight:g}")
            total += weight
            yield weight
        if abs(total - 1) > SUM_WITHIN:
            raise self.row.error(WEIGHT + names[0], f"the weights of this run sum to {total:.4f}, not to 1")
