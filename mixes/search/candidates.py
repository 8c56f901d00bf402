"""Candidate mixes, and the specs of the runs that train on them.

Source: RegMix (Liu et al. 2024, arXiv:2407.01492), section 3.1: mixes from Dirichlet distributions around the
        token shares, of many concentrations, so that some lie near the shares and some near one domain. That
        shares are raised to a power first is from its code. The bounds, and runs of the default, are ours.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from curation.errors import Place, RecipeError
from curation.storage import write_once
from mixes.search.spec import Search, within

DIGITS = 6
"""Of a weight, after the point."""
WEIGHT, LOSS = "weight:", "loss:"
"""What names of columns begin with."""


def draw(search: Search, count: int, rng: np.random.Generator) -> Any:
    """Candidate mixes within the bounds: float64 (count, K).

    One drawn outside is moved inside, some way along the line to the middle of what is allowed; the nearest
    mix inside would often be the same corner.
    """
    spec = search.spec
    shares = search.centre**spec.temperature
    shares /= shares.sum()
    low, high = np.log(spec.concentration)
    concentration = np.exp(rng.uniform(low, high, count)) * len(shares)
    gammas = rng.standard_gamma(np.maximum(concentration[:, None] * shares, 1e-3)) + 1e-12
    middle = within(rng.dirichlet(np.ones(len(shares)), 256), search.low, search.high).mean(axis=0)
    away = gammas / gammas.sum(axis=1, keepdims=True) - middle
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(away > 0, (search.high - middle) / away, np.where(away < 0, (search.low - middle) / away, np.inf)).min(axis=1)
    return middle + np.where(room >= 1, 1, room * rng.uniform(0.5, 1, count))[:, None] * away


def rounded(mixes: Any) -> Any:
    """Mixes of DIGITS digits that still sum to 1: the largest weight takes the rest."""
    mixes = np.round(np.atleast_2d(mixes), DIGITS)
    rows = np.arange(len(mixes))
    mixes[rows, mixes.argmax(axis=1)] += 1 - mixes.sum(axis=1)
    return np.round(mixes, DIGITS)


def recipe_text(data: dict[str, Any], weights: Any, note: str) -> str:
    """A recipe, given as the data of its YAML, with other weights."""
    whole = data.get("weights_sum_to") or 1
    others = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in data.items() if key != "entries")
    lines = [f"# {note}", *others, "entries:"]
    for (name, entry), weight in zip(data["entries"].items(), weights, strict=True):
        lines.append(f"  {name}: {json.dumps({**entry, 'weight': round(float(weight) * whole, 9)}, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV, their keys as its header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def weight_columns(names: list[str], mix: Any) -> dict[str, str]:
    """A mix as columns of a CSV."""
    return {f"{WEIGHT}{name}": f"{w:.{DIGITS}f}" for name, w in zip(names, mix, strict=True)}


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files that must not stand there with other content.

    Raises: RecipeError naming the first file that does; then nothing is written.
    """
    for name, text in files.items():
        path = folder / name
        if path.exists() and (not path.is_file() or path.read_bytes() != text.encode()):
            raise RecipeError("is there already, with other content; name another folder", Place(str(path), 0, 0))
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_once(folder / name, text.encode())


def propose(search: Search, folder: Path) -> dict[str, Any]:
    """Write `runs.csv`, a row a run, and the recipes of their mixes.

    Returns: {runs, mixes, flops, sizes: [{parameters, tokens, runs}], range: {entry: [least, most]}, files};
        flops are 6 x parameters x tokens, summed.
    """
    spec, names = search.spec, search.names
    rng = np.random.default_rng(spec.seed)
    files = {"recipes/default.yaml": recipe_text(search.recipe.yaml.data, rounded(search.default)[0], "The default mix of a mix search.")}
    rows: list[dict[str, Any]] = []
    mixes = [rounded(search.default)[0]]

    def run(recipe: str, mix: Any, size: Any, seed: int) -> None:
        rows.append({
            "run": f"run-{len(rows):04d}", "recipe": recipe, "parameters": f"{size.parameters:.12g}", "tokens": f"{size.tokens:.12g}",
            "seed": seed, **weight_columns(names, mix),
        })  # fmt: skip

    for size in spec.runs:
        for seed in range(spec.default_runs):
            run("recipes/default.yaml", mixes[0], size, seed)
        for mix in rounded(draw(search, size.mixes, rng)):
            file = f"recipes/mix-{len(mixes) - 1:04d}.yaml"
            files[file] = recipe_text(search.recipe.yaml.data, mix, f"Candidate {len(mixes) - 1} of a mix search.")
            mixes.append(mix)
            run(file, mix, size, 0)
    if len(np.unique(mixes, axis=0)) < len(mixes):
        raise RecipeError(f"the bounds leave no room for {len(mixes)} different mixes", search.recipe.yaml.place("entries"))
    files["runs.csv"] = csv_text(rows)
    write(folder, files)
    least, most = np.min(mixes, axis=0), np.max(mixes, axis=0)
    return {
        "runs": len(rows), "mixes": len(mixes),
        "flops": sum(6 * s.parameters * s.tokens * (s.mixes + spec.default_runs) for s in spec.runs),
        "sizes": [{"parameters": s.parameters, "tokens": s.tokens, "runs": s.mixes + spec.default_runs} for s in spec.runs],
        "range": {n: [round(float(a), 4), round(float(b), 4)] for n, a, b in zip(names, least, most, strict=True)},
        "files": [str(folder / "runs.csv"), str(folder / "recipes")],
    }  # fmt: skip
