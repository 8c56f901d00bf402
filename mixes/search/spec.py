"""The YAML file of a mix search: which mixes are looked at, by which small runs, for which large model.

    recipe: mixes/llama3.yaml
    target: {parameters: 8e9, tokens: 1.5e12}
    available: {general: 9e12, math_reasoning: 2e11, code: 8e11, multilingual: 3e12}
    runs:
      - {parameters: 3e7, tokens: 6e8, mixes: 48}
      - {parameters: 1e8, tokens: 2e9, mixes: 16}
      - {parameters: 3e8, tokens: 6e9, mixes: 8}

The weights of the recipe's entries are the default mix, which the search is to beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from curation.errors import did_you_mean
from curation.yaml_file import YamlFile, parse_yaml, read_text
from mixes.entries import MixRecipe
from mixes.entries import load as load_recipe

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
LEAST = 0.001
"""Weight an entry has at least unless `bounds` says otherwise (ours): no entry leaves the mix."""
MAX_RUNS = 2_000
"""Of one search (ours); RegMix has 512."""


class _Map(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Size(_Map):
    """A model and the tokens it is trained on."""

    parameters: Positive = Field(description="parameters of the model")
    tokens: Positive = Field(description="tokens it is trained on")


class Runs(Size):
    """Small runs of one size."""

    mixes: int = Field(ge=1, le=MAX_RUNS, description="candidate mixes trained at this size")


class Check(Size):
    """The check run."""

    seeds: int = Field(1, ge=1, le=100, description="seeds of the proposed mix and of the default")


class Spec(_Map):
    """The whole file."""

    recipe: str = Field(description="recipe of the mix, relative to this file; its weights are the default mix")
    target: Size = Field(description="the large model, whose losses are predicted")
    runs: list[Runs] = Field(min_length=1, max_length=32, description="small runs, a list of {parameters, tokens, mixes}")
    available: dict[str, Positive] | None = Field(None, description="tokens each entry has; the candidates lie around their shares")
    epochs: Positive = Field(4.0, description="how often the large model may see a token of `available` (Muennighoff et al. 2023)")
    bounds: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = Field(
        {}, description="least and most weight of an entry, as shares"
    )
    validation: dict[str, Positive] = Field({}, description="importance of each validation set; none = all sets of the losses, equal")
    concentration: Annotated[list[Positive], Field(min_length=2, max_length=2)] = Field(
        [0.5, 8.0], description="range of the Dirichlet's concentration, per entry: small is wide, large is near the shares"
    )
    temperature: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="power the shares are raised to before candidates are drawn around them; 1 = the shares themselves"
    )
    default_runs: int = Field(2, ge=0, le=100, description="runs of the default mix at each size, of different seeds")
    risk: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        1.0, description="standard deviations of the predicted gain taken off it where mixes are compared"
    )
    check: Check | None = Field(None, description="the check run; without it a size halfway between the largest run and the target")
    seed: int = Field(0, ge=0, description="draws candidates and replicates")


@dataclass(frozen=True)
class Search:
    """A search whose every key was checked."""

    spec: Spec
    recipe: MixRecipe
    default: Any
    """float64 (K,): the recipe's weights as shares, moved into the bounds where they break them."""
    moved: tuple[str, ...]
    """Entries whose default weight the bounds do not allow."""
    centre: Any
    """float64 (K,): what candidates are drawn around."""
    low: Any
    high: Any
    """float64 (K,): least and most weight of each entry."""

    @property
    def names(self) -> list[str]:
        return self.recipe.names


def load(file: str | Path) -> Search:
    """Read the file and the recipe it names.

    Raises: RecipeError naming file, line, column and key of the first mistake.
    """
    yaml = parse_yaml(read_text(file, "mix search"), file, "mix search")
    spec: Spec = yaml.validate(Spec, yaml.data, ())
    recipe = load_recipe(yaml.folder / spec.recipe)
    names = recipe.names
    for key, given in (("available", spec.available), ("bounds", spec.bounds)):
        for name in given or {}:
            if name not in names:
                raise yaml.error(f"{recipe.yaml.file} has no entry {name!r}{did_you_mean(name, names)}", key, name)
    if spec.available is not None and (lacking := [n for n in names if n not in spec.available]):
        raise yaml.error(f"tokens of {', '.join(lacking)} are missing", "available")
    if (runs := sum(size.mixes + spec.default_runs for size in spec.runs)) > MAX_RUNS:
        raise yaml.error(f"{runs:,} runs, {MAX_RUNS:,} are allowed", "runs")
    if spec.concentration[0] > spec.concentration[1]:
        raise yaml.error("the range begins above its end", "concentration", value=True)
    low, high = _bounds(spec, names, yaml)
    weights = default_of(recipe)
    default = within(weights[None], low, high)[0]
    moved = tuple(n for n, a, b, w in zip(names, low, high, weights, strict=True) if not a - 1e-9 <= w <= b + 1e-9)
    centre = weights if spec.available is None else np.array([spec.available[n] for n in names])
    return Search(spec, recipe, default, moved, centre / centre.sum(), low, high)


def default_of(recipe: MixRecipe) -> Any:
    """The weights of a recipe as shares: float64 (K,).

    Raises: RecipeError if an entry has none, or if a phase of a schedule has others: a search is of one mix.
    """
    for name, entry in recipe.entries.items():
        if not entry.weight:
            raise recipe.yaml.error("a search needs a weight above 0", "entries", name)
    for i, phase in enumerate(recipe.yaml.data.get("schedule", ())):
        if phase.get("weights"):
            raise recipe.yaml.error("this phase changes the weights, and a search is of one mix", "schedule", str(i), "weights")
    weights = np.array([entry.weight for entry in recipe.entries.values()])
    return weights / weights.sum()


def _bounds(spec: Spec, names: list[str], yaml: YamlFile) -> tuple[Any, Any]:
    low, high = np.full(len(names), LEAST), np.ones(len(names))
    for i, name in enumerate(names):
        if name in spec.bounds:
            low[i], high[i] = spec.bounds[name]
            if not 1e-4 <= low[i] <= high[i] <= 1:
                raise yaml.error("bounds are [least, most] with 0.0001 <= least <= most <= 1", "bounds", name, value=True)
        if spec.available is not None:
            most = spec.epochs * spec.available[name] / spec.target.tokens
            if most < low[i]:
                raise yaml.error(
                    f"{spec.available[name]:,.0f} tokens seen {spec.epochs:g} times are a weight of {most:.4f} at most, "
                    f"and it must have {low[i]:g}", "available", name, value=True,
                )  # fmt: skip
            high[i] = min(high[i], most)
    if low.sum() > 1:
        raise yaml.error(f"the least weights sum to {low.sum():.3f}, more than 1", "bounds")
    if high.sum() < 1:
        least = "available" if spec.available is not None else "bounds"
        raise yaml.error(f"the largest weights that are allowed sum to {high.sum():.3f}, less than 1: the target cannot be filled", least)
    return low, high


def within(mixes: Any, low: Any, high: Any) -> Any:
    """The nearest mixes within the bounds, by Euclidean distance: (m, K) -> (m, K), each summing to 1.

    That is clip(mix - t) for the t that makes the sum 1; the sum falls with t, which bisection finds.
    """
    below, above = (mixes - high).min(axis=1), (mixes - low).max(axis=1)
    for _ in range(60):
        t = (below + above) / 2
        over = np.clip(mixes - t[:, None], low, high).sum(axis=1) > 1
        below, above = np.where(over, t, below), np.where(over, above, t)
    return np.clip(mixes - above[:, None], low, high)
