"""The CSV of the runs that were trained: a row a run, with its size, its mix and its losses.

Columns `run`, `parameters`, `tokens`, `weight:ENTRY` for each entry of the recipe and `loss:SET` for each validation
set are needed, `seed` is read where it is there; others are left alone. That is `runs.csv` as `propose` writes
it, with the losses added. Losses are in nats a token, or in any one unit of which a power law is a fair model.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

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
    try:
        with open(file, encoding="utf-8-sig", newline="") as f:
            return _read(str(file), csv.reader(f, strict=True), search)
    except OSError as e:
        raise RecipeError(f"cannot read the losses: {e.strerror}", Place(str(file), 0, 0)) from e
    except UnicodeDecodeError as e:
        raise RecipeError("the losses are not UTF-8", Place(str(file), 1, 1)) from e
    except csv.Error as e:
        raise RecipeError(f"not valid CSV: {e}", Place(str(file), 0, 0)) from e


def _read(file: str, reader: Any, search: Search) -> Runs:
    columns = _header(file, next(reader, []), search)
    names, sets = search.names, [c.removeprefix(LOSS) for c in columns if c.startswith(LOSS)]
    sizes, mixes, losses = [], [], []
    lines: dict[str, int] = {}
    same: dict[tuple[Any, ...], int] = {}
    for cells in islice(reader, MAX_RUNS + 1):
        if not cells:
            continue
        row = _Row(file, reader.line_num, columns, cells)
        run, seed = row.text("run"), row.text("seed") if "seed" in columns else ""
        if run in lines:
            raise row.error("run", f"{run!r} stands in line {lines[run]}, too")
        lines[run] = row.line
        if len(lines) > MAX_RUNS:
            raise row.error("run", f"more than {MAX_RUNS:,} runs")
        size = (row.positive("parameters"), row.positive("tokens"))
        mix = np.array(list(row.weights(names)))
        twin = (*size, seed, *np.round(mix, DIGITS - 1).tolist())
        if seed and twin in same:
            raise row.error("seed", f"line {same[twin]} has the same mix, size and seed: one run given twice")
        same[twin] = row.line
        sizes.append(size)
        mixes.append(mix / mix.sum())
        losses.append([row.positive(LOSS + s) for s in sets])
    if not lines:
        raise RecipeError("no run in it", Place(file, 1, 1))
    parameters, tokens = np.array(sizes).T
    _, ordinal = np.unique(np.round(mixes, DIGITS - 1), axis=0, return_inverse=True)
    seeds: dict[tuple[Any, ...], list[int]] = {}
    for i, key in enumerate(zip(ordinal.tolist(), sizes, strict=True)):
        seeds.setdefault(key, []).append(i)
    repeats = tuple(tuple(runs) for runs in seeds.values() if len(runs) > 1)
    known = {*NEEDED, "seed", "recipe", *(WEIGHT + n for n in names), *(LOSS + s for s in sets)}
    ignored = tuple(c for c in columns if c not in known)
    return Runs(np.array(mixes), parameters, tokens, np.array(losses), tuple(sets), ordinal, repeats, ignored)


def _header(file: str, header: list[str], search: Search) -> list[str]:
    columns = [c.strip() for c in header]
    weights = [WEIGHT + n for n in search.names]
    for field, column in enumerate(columns, 1):
        place = Place(file, 1, field, column)
        if column in columns[: field - 1]:
            raise RecipeError("this column is given twice", place)
        if column.startswith(WEIGHT) and column not in weights:
            near = did_you_mean(column, weights)
            raise RecipeError(f"{search.recipe.yaml.file} has no entry {column.removeprefix(WEIGHT)!r}{near}", place)
    for column in (*NEEDED, *weights):
        if column not in columns:
            raise RecipeError(f"the column {column!r} is missing{did_you_mean(column, columns)}", Place(file, 1, 1))
    sets = [c.removeprefix(LOSS) for c in columns if c.startswith(LOSS)]
    if not sets:
        raise RecipeError(f"no column {LOSS}SET: the losses are missing", Place(file, 1, 1))
    for name in search.spec.validation:
        if name not in sets:
            near = did_you_mean(name, sets)
            raise RecipeError(f"the column {LOSS + name!r} is missing, whose importance the search gives{near}", Place(file, 1, 1))
    return columns


class _Row:
    """One row, which says where in the file it is wrong."""

    def __init__(self, file: str, line: int, columns: list[str], cells: list[str]) -> None:
        self.file, self.line, self.columns = file, line, columns
        if len(cells) != len(columns):
            raise RecipeError(f"{len(cells)} fields, the header has {len(columns)}", Place(file, line, min(len(cells), len(columns)) + 1))
        self.cells = dict(zip(columns, cells, strict=True))

    def error(self, column: str, message: str) -> RecipeError:
        return RecipeError(message, Place(self.file, self.line, self.columns.index(column) + 1, column))

    def text(self, column: str) -> str:
        found = self.cells[column].strip()
        if not found and column == "run":
            raise self.error(column, "a run has a name")
        return found

    def number(self, column: str) -> float:
        found = self.text(column)
        try:
            value = float(found)
        except ValueError as e:
            raise self.error(column, f"{found[:40]!r} is no number") from e
        if not math.isfinite(value):
            raise self.error(column, f"{found[:40]} is not finite: leave out a run that diverged")
        return value

    def positive(self, column: str) -> float:
        value = self.number(column)
        if value <= 0:
            raise self.error(column, f"{value:g} is not above 0")
        return value

    def weights(self, names: list[str]) -> Iterator[float]:
        total = 0.0
        for name in names:
            weight = self.number(WEIGHT + name)
            if weight < 0:
                raise self.error(WEIGHT + name, f"a weight of {weight:g}")
            total += weight
            yield weight
        if abs(total - 1) > SUM_WITHIN:
            raise self.error(WEIGHT + names[0], f"the weights of this run sum to {total:.4f}, not to 1")
