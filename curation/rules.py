"""What a filter drops a document for: a table of rules over its columns.

A filter measures, then judges. Its measures are columns; its rules say which of their values drop a document, and for which
reason. The first rule that a document breaks gives the reason. Since a rule sees columns alone, what another bound would have
dropped can be told from a run's files, without a text (`curate what-if`).

    RULES = (
        Bound("too_short", "word_count", least="min_words"),
        Bound("symbol_ratio", "hash_ratio", most="max_symbol_ratio"),
    )
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PROFILES = ("web", "code", "math")
Batch: TypeAlias = Any
"""`curation.stage.Batch`, whose file needs this one."""


def group_column(value: Any) -> str | None:
    """Column a `PerGroup` value is looked up by: `lang`, `profile` or `code_language`; None for a plain value."""
    if not isinstance(value, dict):
        return None
    named = set(value) - {"default"}
    if named and all(name[:1].isupper() for name in named):
        return "code_language"
    return "profile" if named and named <= set(PROFILES) else "lang"


def below(values: Any, bound: Any, or_at: bool = False) -> Any:
    """Which values are under a bound (None or NaN: no bound), or at it. Returns bool (n,)."""
    values = np.asarray(values)
    if bound is None:
        return np.zeros(len(values), dtype=bool)
    return values <= bound if or_at else values < bound


def above(values: Any, bound: Any, or_at: bool = False) -> Any:
    """Which values are over a bound (None or NaN: no bound), or at it. Returns bool (n,)."""
    values = np.asarray(values)
    if bound is None:
        return np.zeros(len(values), dtype=bool)
    return values >= bound if or_at else values > bound


def first_true(**reasons: Any) -> Any:
    """Drop reason of each document: the first named mask that holds, null where none does.

    Args:
        reasons: reason -> bool (n,), in order of precedence.
    Returns: Arrow string array (n,).
    """
    return _first(list(reasons), np.vstack([np.asarray(mask, dtype=bool) for mask in reasons.values()]))


def _first(reasons: list[str], masks: Any) -> Any:
    """Of each document the reason of the first mask that holds; masks: bool (reasons, n)."""
    index = pa.array(masks.argmax(axis=0).astype(np.int32), mask=~masks.any(axis=0))
    return pc.take(pa.array(reasons, pa.string()), index)


@dataclass(frozen=True)
class Rule:
    """A rule that is no bound.

    columns: what `breaks` reads. params: parameters it reads; a parameter that measures read, too, is none of them.
    breaks: (batch, params) -> bool (n,), from those columns alone. when: the same in words.
    """

    reason: str
    columns: tuple[str, ...]
    breaks: Callable[[Batch, Any], Any]
    when: str
    params: tuple[str, ...] = ()

    def values(self, params: Any) -> list[Any]:
        """What its parameters hold."""
        return [getattr(params, name) for name in self.params]


@dataclass(frozen=True)
class Bound:
    """A document breaks it where a column is below the parameter `least` or above `most`; a value at a bound is kept.

    A bound is null (none), a value, or a `PerGroup` map. A null in the column breaks nothing. A column of float32 is compared with
    the bound as float32: 1 / 10 is not above 0.1.

    column: numbers or booleans. least, most: names of parameters, either or both.
    drop_at: a value at the bound breaks it, too. unless: documents that break this rule are not asked.
    value: (params, name of the parameter) -> bound, where the parameter holds it in another form.
    """

    reason: str
    column: str
    least: str | None = None
    most: str | None = None
    drop_at: bool = False
    unless: AnyRule | None = None
    value: Callable[[Any, str], Any] = getattr

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns it is judged by."""
        return (self.column, *(self.unless.columns if self.unless else ()))

    @property
    def params(self) -> tuple[str, ...]:
        """Parameters it is judged by."""
        return (*(p for p in (self.least, self.most) if p), *(self.unless.params if self.unless else ()))

    def values(self, params: Any) -> list[Any]:
        """The bounds it is judged by."""
        own = [self.value(params, name) for name in (self.least, self.most) if name]
        return [*own, *(self.unless.values(params) if self.unless else ())]

    @property
    def when(self) -> str:
        """The rule in words: `word_count < min_words`."""
        at = "=" if self.drop_at else ""
        sides = [f"{self.column} {sign}{at} {name}" for sign, name in (("<", self.least), (">", self.most)) if name]
        return " or ".join(sides) + (f", unless {self.unless.when}" if self.unless else "")

    def breaks(self, batch: Batch, params: Any) -> Any:
        """Which documents break it: bool (n,)."""
        column = batch[self.column]
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.uint8())
        values = column.to_numpy(zero_copy_only=False)  # null -> NaN, neither below nor above anything
        over = np.zeros(len(values), dtype=bool)
        for beyond, name in ((below, self.least), (above, self.most)):
            if name is not None:
                bound = batch.per_row(self.value(params, name))
                if values.dtype == np.float32 and bound is not None:
                    bound = np.float32(bound)
                over |= beyond(values, bound, self.drop_at)
        return over & ~np.asarray(self.unless.breaks(batch, params)) if self.unless else over


AnyRule: TypeAlias = Bound | Rule


def judge(rules: Sequence[AnyRule], batch: Batch, params: Any) -> Any:
    """Drop reason of each document: that of the first rule it breaks, null where it breaks none.

    Args:
        batch: documents with the columns of the rules, of the types they are stored with.
    Returns: Arrow string array (n,).
    """
    if not rules:
        return pa.nulls(len(batch), pa.string())
    return _first([rule.reason for rule in rules], np.vstack([np.asarray(rule.breaks(batch, params), dtype=bool) for rule in rules]))


@dataclass(frozen=True)
class Threshold:
    """One side of a bound, as a step's parameters have it.

    side: whether the value is the least or the most that is kept. param: the parameter's name. value: a number, null (no bound), or a
    map with a `default`. by: the column the map is looked up by. drop_at: as `Bound` has it.
    """

    reason: str
    column: str
    side: Literal["least", "most"]
    param: str
    value: float | Mapping[str, float | None] | None
    by: Literal["lang", "profile", "code_language"] | None
    drop_at: bool = False


def thresholds(rules: Sequence[AnyRule], params: Any) -> list[Threshold]:
    """The bounds of some rules, each side by itself, in order.

    Args:
        rules: a stage's, `stage.rules(params)`. params: the step's parameters, an object of `stage.params`.
    """
    found = []
    for rule in rules:
        if isinstance(rule, Bound):
            sides: tuple[tuple[Literal["least", "most"], str | None], ...] = (("least", rule.least), ("most", rule.most))
            for side, name in sides:
                if name is not None:
                    value = rule.value(params, name)
                    by: Any = group_column(value)
                    found.append(Threshold(rule.reason, rule.column, side, name, value, by, rule.drop_at))
    return found
