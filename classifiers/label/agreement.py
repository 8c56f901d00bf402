"""How far two labellers, or two answers of one, agree on the documents both judged.

Source:  Cohen 1960 (kappa); Cohen 1968 (weighted kappa, here with squared distances, for a scale).
Units:   kappa = agreement beyond what the two shares of each label would give by chance: 1 always, 0 as by chance. Intervals are of 95 %,
         by the bootstrap over documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from classifiers import labels
from curation.errors import RecipeError
from curation.inspect.markdown import code, table

MAX_VALUES = 200
"""Different labels two sets may have: classes, or steps of a scale."""
REPLICATES = 1_000
EXAMPLES = 10


def agreement(first: Sequence[str | Path], second: Sequence[str | Path]) -> dict[str, Any]:
    """Compare two label sets by id.

    Returns: {documents, only_first, only_second, agree, kappa, weighted_kappa (of numbers), labels, table (rows: the first), differ}; a
        kappa is {value, low, high}, or None where one label is all there is.
    Raises: RecipeError if a set is none, the one has classes and the other numbers, they share no document, or the labels are too many.
    """
    one, two = (_labels(files) for files in (first, second))
    if isinstance(next(iter(one.values())), str) != isinstance(next(iter(two.values())), str):
        raise RecipeError("one set has classes, the other numbers")
    shared = [id for id in one if id in two]
    if not shared:
        raise RecipeError("no document stands in both sets: they are compared by id")
    values = sorted({*(one[id] for id in shared), *(two[id] for id in shared)})
    if len(values) > MAX_VALUES:
        raise RecipeError(f"{len(values):,} different labels: kappa is for classes or a scale, of at most {MAX_VALUES}")
    place = {value: n for n, value in enumerate(values)}
    pairs = np.array([(place[one[id]], place[two[id]]) for id in shared])
    counts = np.zeros((len(values), len(values)), np.int64)
    np.add.at(counts, (pairs[:, 0], pairs[:, 1]), 1)
    numbers = not isinstance(values[0], str)
    apart = np.abs(pairs[:, 0] - pairs[:, 1]) if not numbers else np.abs(np.subtract(*np.array(values)[pairs].T))
    order = np.argsort(-apart, kind="stable")[:EXAMPLES]
    differ = [{"id": shared[i], "first": one[shared[i]], "second": two[shared[i]]} for i in order.tolist() if apart[i]]
    found = {
        "documents": len(shared), "only_first": len(one) - len(shared), "only_second": len(two) - len(shared),
        "agree": round(float(np.trace(counts) / counts.sum()), 4), "kappa": _spread(counts, 1 - np.eye(len(values))),
        "labels": values, "table": counts.tolist(), "differ": differ,
    }  # fmt: skip
    if numbers:
        found["weighted_kappa"] = _spread(counts, np.subtract.outer(np.array(values), np.array(values)) ** 2)
    return found


def _labels(files: Sequence[str | Path]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rows in labels.batches(files):
        column = "label" if rows["value"].null_count else "value"
        found.update(zip(rows["id"].to_pylist(), rows[column].to_pylist(), strict=True))
    return found


def kappa(table: Any, weights: Any) -> Any:
    """1 less the weight of what differs, as a share of what it would be by chance; NaN where chance leaves nothing.

    Args:
        table: (..., k, k) documents by both labels. weights: (k, k), 0 on the diagonal.
    """
    total = table.sum((-1, -2))
    chance = (table.sum(-1)[..., :, None] * table.sum(-2)[..., None, :] * weights).sum((-1, -2)) / total
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance > 0, 1 - (table * weights).sum((-1, -2)) / chance, np.nan)


def _spread(table: Any, weights: Any) -> dict[str, float] | None:
    value = float(kappa(table, weights))
    if np.isnan(value):
        return None
    rng, n = np.random.default_rng(0), int(table.sum())
    drawn = [kappa(rng.multinomial(n, table.ravel() / n).reshape(table.shape), weights) for _ in range(REPLICATES)]
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def text(found: dict[str, Any]) -> str:
    """A comparison for people."""
    only = f"{found['only_first']:,} in the first alone, {found['only_second']:,} in the second"
    lines = [f"{found['documents']:,} documents in both sets, {only}", f"agree on {100 * found['agree']:.1f} %"]
    for name in ("kappa", "weighted_kappa"):
        if name in found:
            k = found[name]
            shown = "none: one label is all there is" if k is None else f"{k['value']:.3f} [{k['low']:.3f}, {k['high']:.3f}]"
            lines.append(f"{name.replace('_', ' ')} {shown}")
    names = [f"{v:g}" if isinstance(v, float) else code(v) for v in found["labels"]]
    rows = ([name, *(f"{n:,}" for n in row)] for name, row in zip(names, found["table"], strict=True))
    lines += ["", table(["first, by second", *names], rows)]
    differ = [[v if isinstance(v, float) else code(v) for v in (d["id"], d["first"], d["second"])] for d in found["differ"]]
    return "\n".join([*lines, *([""] if differ else []), *(f"{id}: {first} and {second}" for id, first, second in differ)])
