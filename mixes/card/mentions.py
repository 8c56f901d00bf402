"""Who is mentioned, and which steps change that: from the tallied columns in the accounts of each step.

Source: Llama 2 (Touvron et al. 2023, arXiv:2307.09288), section 4.1, counts the documents that have pronouns and identity terms; what
steps do to these shares, and the bounds, are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from math import sqrt
from statistics import NormalDist
from typing import Any

from curation.intervals import wilson

PREFIX = "mentions_"
"""Columns of `count_mentions`."""
CHANCE = 0.05
"""Chance that any interval at all, of all comparisons together, misses what it bounds (ours)."""


def groups(steps: Sequence[Mapping[str, Any]], last: str) -> list[dict[str, Any]]:
    """Documents that mention each group before the first and behind the last of some steps.

    Args:
        steps: of a run's accounts, all whose documents reach the step `last`, which is among them.
    Returns: [{group, known, mention, mentions, kept_known, kept_mention}], most mentioned first: documents counted, those that mention it,
        and matches in them; of these documents those that are left.
    """
    found = []
    by_name = {step["name"]: step for step in steps}
    tallies = by_name[last]["tallies"]
    for column in tallies.get("in", {}):
        if column.startswith(PREFIX):
            reached = tallies["in"][column]
            lost = _dropped(by_name[last], column)
            before = _sum(reached, *(_dropped(step, column) for step in steps if step["name"] != last))
            kept = [a - b for a, b in zip(reached, lost, strict=True)]
            found.append({
                "group": column.removeprefix(PREFIX), "known": before[0], "mention": before[1], "mentions": before[2],
                "kept_known": kept[0], "kept_mention": kept[1],
            })  # fmt: skip
    return sorted(found, key=lambda g: (-g["mention"], g["group"]))


def movers(steps: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What each step drops of the documents that mention a group, beside what it drops of the others.

    Returns: {comparisons, moved: [{step, group, known, mention, dropped_known, dropped_mention, difference, low, high}]}: the comparisons
        whose interval leaves out 0, those furthest from 0 first. difference = share dropped of those that mention it less share dropped
        of the others, with an interval that holds for all comparisons at once.
    """
    pairs = []
    for step in steps:
        for column, reached in step["tallies"].get("in", {}).items():
            dropped = _dropped(step, column)
            known, mention, _ = reached
            if column.startswith(PREFIX) and dropped[0] and 0 < mention < known:
                pairs.append((step["name"], column.removeprefix(PREFIX), known, mention, dropped[0], dropped[1]))
    z = NormalDist().inv_cdf(1 - CHANCE / 2 / max(1, len(pairs)))
    moved = []
    for step_name, group, known, mention, gone, gone_mention in pairs:
        low, high = difference(gone_mention, mention, gone - gone_mention, known - mention, z)
        if low > 0 or high < 0:
            moved.append({
                "step": step_name, "group": group, "known": known, "mention": mention,
                "dropped_known": gone, "dropped_mention": gone_mention,
                "difference": round(gone_mention / mention - (gone - gone_mention) / (known - mention), 6),
                "low": round(low, 6), "high": round(high, 6),
            })  # fmt: skip
    moved.sort(key=lambda m: (-max(m["low"], -m["high"]), m["step"], m["group"]))
    return {"comparisons": len(pairs), "moved": moved}


def difference(a: int, n: int, b: int, m: int, z: float) -> tuple[float, float]:
    """Interval of a/n - b/m at z standard errors, by scores.

    Source: Newcombe 1998, "Interval estimation for the difference between independent proportions", method 10.
    """
    (low_a, high_a), (low_b, high_b) = wilson(a, n, z), wilson(b, m, z)
    p, q = a / n, b / m
    return p - q - sqrt((p - low_a) ** 2 + (high_b - q) ** 2), p - q + sqrt((high_a - p) ** 2 + (q - low_b) ** 2)


def _dropped(step: Mapping[str, Any], column: str) -> list[int]:
    """A column's tallies of what a step dropped."""
    counts: list[int] = step["tallies"].get("dropped", {}).get(column, [0, 0, 0])
    return counts


def _sum(*counts: Sequence[int]) -> list[int]:
    return [sum(of) for of in zip(*chain(counts), strict=True)]
