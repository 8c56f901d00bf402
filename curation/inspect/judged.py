"""A step's rules beside one document: what was measured, the bound that held for it, how far the one is from the other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from curation.inspect.rows import OpenStep
from curation.inspect.show import plain
from curation.rules import Bound, group_column
from curation.stage import Batch


def judged(step: OpenStep, row: pa.Table, known: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """The rules of a step that can be judged by a row.

    Args:
        row: one document with the columns it is stored with. known: columns that tell of this step, and not of a later one that wrote them
            again; None = all.
    Returns: [{"reason", "column", "value", "side", "param", "bound", "group", "broken", "distance", "when"}], in the order in which they
        give the reason. side = whether the value is the least or the most that is kept; bound = the one that held for this document;
        group = the language or profile whose it is, null where all have one; distance = |value - bound| / |bound|, or |value| where the
        bound is 0; of a rule that is no bound these are null, and `when` says in words when it is broken. A rule without a bound, or one
        that is not asked of the document, is left out.
    """
    params = step.values
    there = set(row.column_names)
    written = set(step.writes)
    batch, found = Batch(row), []
    for rule in step.rules:
        if not set(rule.columns) <= there or (known is not None and not set(rule.columns) & written <= set(known)):
            continue
        broken = bool(rule.breaks(batch, params)[0])
        if not isinstance(rule, Bound):
            found.append(entry(rule.reason, broken, when=rule.when))
            continue
        value = row[rule.column][0].as_py()
        if value is None or not math.isfinite(value) or (rule.unless is not None and bool(rule.unless.breaks(batch, params)[0])):
            continue
        single = pa.types.is_float32(row[rule.column].type)  # as Bound compares it
        for side, name in (("least", rule.least), ("most", rule.most)):
            bound, group = _bound(rule.value(params, name), row) if name else (None, None)
            if bound is not None and math.isfinite(bound):
                held = float(np.float32(bound)) if single else bound
                beyond = value - held if side == "most" else held - value
                over = broken and (beyond > 0 or (rule.drop_at and beyond == 0))
                distance = round(abs(beyond) / (abs(held) or 1.0), 6)
                found.append(entry(rule.reason, over, rule.column, plain(value), side, name, plain(bound), group, distance, rule.when))
    return found


def entry(
    reason: str, broken: bool, column: str | None = None, value: Any = None, side: str | None = None, param: str | None = None,
    bound: Any = None, group: str | None = None, distance: float | None = None, when: str = "",
) -> dict[str, Any]:  # fmt: skip
    """A rule as the report has it; see `judged`."""
    return {
        "reason": reason, "column": column, "value": value, "side": side, "param": param, "bound": bound, "group": group, "broken": broken,
        "distance": distance, "when": when,
    }  # fmt: skip


def _bound(value: Any, row: pa.Table) -> tuple[Any, str | None]:
    """The bound of a parameter for a document, and the group it is of where it is a map."""
    column = group_column(value)
    if column is None:
        return value, None
    group = row[column][0].as_py() if column in row.column_names else None
    return (value[group], group) if group in value else (value["default"], "default")


def nearest(steps: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The bound that a document came nearest to without breaking it: {"step", **entry of `judged`}; None where there is none."""
    kept = [{"step": s["name"], **rule} for s in steps for rule in s["rules"] if not rule["broken"] and rule["distance"] is not None]
    return min(kept, key=lambda rule: rule["distance"], default=None)
