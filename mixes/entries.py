"""The recipe of a mix: named entries, each a rule over columns, how much of it, and how often its documents are used.

    entries:
      code:    {where: "profile = 'code'", weight: 17, max_epochs: 4}
      general: {where: "true", weight: 83, rates: {topic: {arts: 0.3}}}

A document belongs to the first entry whose rule matches it. An entry says how much it gives in one of three ways: `weight` (its
share of the tokens that are left), `tokens`, or `epochs`. Only the ratios of weights count, unless `weights_sum_to` says what
they must sum to.

Within an entry a document's *rate* is how often it is used in one epoch: the product of `quality`, `rates` and `repeat_by`, 1
where none is given, never if 0. So `rates: {topic: {arts: 0.3}}` uses three in ten documents on arts in one epoch and six in
ten in two, whatever the budget. No document is used more than `max_epochs` times, over all phases of the schedule.

A schedule is a list of phases, each with `tokens` and, where they change, `weights`:

    schedule:
      - {name: main,   tokens: 900_000_000}
      - {name: anneal, tokens: 100_000_000, weights: {code: 40, general: 60}}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, model_validator

from curation.errors import RecipeError, did_you_mean
from curation.recipe import NAME
from curation.where import Where, WhereError, columns_of, parse
from curation.yaml_file import YamlFile, parse_yaml, read_text

MAX_ENTRIES = 32
"""Entries of one recipe (ours)."""
MAX_PHASES = 64
"""Phases of one schedule (ours)."""
EPOCHS = 4
"""Default of `max_epochs`: up to four epochs are almost as good as new data (Muennighoff et al. 2023, arXiv:2305.16264, section 5)."""
WHOLE = "train"
"""The one phase of a recipe without a schedule."""
VALIDATION = "validation"
"""The part that documents held out for validation go to."""

Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Point = Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], Share], Field(strict=False)]


class Node(BaseModel):
    """A map of the YAML file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Quality(Node):
    """A rate that is a curve over a column of numbers: straight lines between the points, flat beyond the first and last."""

    column: str = Field(description="a column of numbers, a quantile of `rank` say")
    points: Annotated[list[Point], Field(min_length=1, max_length=100, description="pairs [value, rate], values increasing")]
    missing: Share | None = Field(None, description="rate of a document without a value; needed where the column may be null")

    @model_validator(mode="after")
    def _increasing(self) -> Quality:
        values = [value for value, _ in self.points]
        if any(low >= high for low, high in pairwise(values)):
            raise ValueError("values of points must increase")
        return self


class Temperature(Node):
    """Shares of groups, of languages say: a group of n tokens gets its share of n^alpha, as far as `max_epochs` allows."""

    by: str = Field(description="a column of text; null is a group, too")
    alpha: Annotated[float, Field(ge=0, le=1, description="1 = as many tokens as there are, 0 = as many of each group")]


class Entry(Node):
    """One entry as the YAML says it."""

    where: str = Field(description="rule over columns; a document belongs to the first entry whose rule matches")
    weight: Share | None = Field(None, description="share of the tokens that entries with `tokens` and `epochs` leave")
    tokens: Annotated[int, Field(gt=0)] | None = Field(None, description="tokens of the whole run, spread over its phases")
    epochs: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(None, description="epochs of the whole run")
    max_epochs: Annotated[int, Field(ge=1, le=100)] = Field(EPOCHS, description="most times a document is used over all phases")
    quality: Quality | None = Field(None, description="rate by quality: a map of column, points, missing")
    rates: dict[str, dict[str, Share]] = Field({}, description="rates by a column's value: column -> value -> rate; 1 for other values")
    repeat_by: str | None = Field(None, description="a column of numbers that is a rate: cluster_size; from 1 (null, too) to max_epochs")
    temperature: Temperature | None = Field(None, description="shares of groups of the entry: a map of by, alpha")


class Phase(Node):
    """A part of the run, in the order of the schedule."""

    name: str = Field(description="names the phase and its output")
    tokens: Annotated[int, Field(gt=0)] = Field(description="tokens of the phase; in proportion more or fewer if the step has `tokens`")
    weights: dict[str, Share] = Field({}, description="entry -> weight in this phase; the entry's own where it is not named")


class Validation(Node):
    """What is held out of each entry.

    Under a `share` a document is held out or not whatever else there is: data may be added, and all mixes of one seed hold out the same.
    To hold out `tokens`, the share depends on how many tokens the entry has: with more data, or in another mix, some of what was held out
    is trained on.
    """

    share: Annotated[float, Field(gt=0, le=0.5)] | None = Field(None, description="share of the documents: takes no notice of new data")
    tokens: Annotated[int, Field(gt=0)] | None = Field(None, description="tokens of each entry, or an eighth or a cluster more")


class Document(Node):
    """The whole YAML file; the maps inside it are validated one by one, for the place of a mistake."""

    entries: Annotated[dict[str, Any], Field(min_length=1, max_length=MAX_ENTRIES, description="map of name: entry, first match first")]
    exclude: dict[str, str] = Field({}, description="map of name: rule; a document one of them matches belongs to no entry")
    weights_sum_to: Annotated[float, Field(gt=0)] | None = Field(None, description="sum that weights must have in every phase; null = any")
    schedule: Annotated[list[Any], Field(max_length=MAX_PHASES)] = Field([], description="list of phases; none = one phase")
    validation: dict[str, Any] | None = Field(None, description="what is held out of each entry: a map of share or tokens")


@dataclass(frozen=True)
class MixRecipe:
    """A recipe whose every map is valid; entries and phases in the order of the file."""

    entries: dict[str, Entry]
    exclude: dict[str, str]
    schedule: tuple[Phase, ...]
    validation: Validation | None
    yaml: YamlFile
    """Knows where in the file each key stands."""
    columns: tuple[str, ...] = ()
    """Columns it uses, sorted."""
    cluster: ClassVar[tuple[str, ...]] = ("cluster_id", "cluster_size")
    """Columns that say which documents are alike, where a step above writes them."""

    @property
    def names(self) -> list[str]:
        return list(self.entries)

    @property
    def phases(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.schedule) or (WHOLE,)

    @property
    def parts(self) -> tuple[str, ...]:
        """What the mix is put out as: what is held out, if anything is, then the phases."""
        return (*((VALIDATION,) if self.validation else ()), *self.phases)

    def weights(self) -> list[list[float | None]]:
        """Weight of each entry in each phase, None for one that has tokens or epochs."""
        own = {name: e.weight for name, e in self.entries.items()}
        return [[phase.get(name, w) for name, w in own.items()] for phase in ([p.weights for p in self.schedule] or [{}])]

    def check(self, schema: pa.Schema, budget: int | None) -> None:
        """Hold all rules and columns against the columns they will see, and what entries ask for against the budget of the step.

        Raises: RecipeError at the first that does not fit.
        """
        self._checked(schema)
        budget = budget or sum(p.tokens for p in self.schedule) or None
        asked = {name: e.tokens for name, e in self.entries.items() if e.tokens is not None}
        if budget is not None and sum(asked.values()) > budget:
            message = f"entries ask for {sum(asked.values()):,} tokens, the budget is {budget:,}"
            raise self.yaml.error(message, "entries", list(asked)[-1], "tokens", value=True)
        for name, entry in self.entries.items():
            at = ("entries", name)
            if (q := entry.quality) is not None:
                field = self._field(schema, q.column, _is_number, "numbers", *at, "quality", "column")
                if field.nullable and q.missing is None:
                    raise self.yaml.error(f"{q.column!r} may be null: say what rate null has, such as `missing: 1`", *at, "quality")
            for column in entry.rates:
                self._field(schema, column, _is_plain, "text, whole numbers or true and false", *at, "rates", column, value=False)
            if entry.repeat_by is not None:
                self._field(schema, entry.repeat_by, _is_number, "numbers", *at, "repeat_by")
            if entry.temperature is not None:
                self._field(schema, entry.temperature.by, pa.types.is_string, "text", *at, "temperature", "by")
        if self.validation is not None:
            for column, fits, what in (("cluster_id", pa.types.is_string, "text"), ("cluster_size", _is_number, "numbers")):
                if column in schema.names:
                    self._field(schema, column, fits, what, "validation", value=False)

    def _field(self, schema: pa.Schema, column: str, fits: Callable[[Any], bool], what: str, *at: str, value: bool = True) -> pa.Field:
        if column not in schema.names:
            guess = did_you_mean(column, schema.names)
            raise self.yaml.error(f"unknown column {column!r}{guess}; columns: {', '.join(sorted(schema.names))}", *at, value=value)
        field = schema.field(column)
        if not fits(field.type):
            raise self.yaml.error(f"a column of {what} is needed, {column!r} is {field.type}", *at, value=value)
        return field

    @property
    def rules(self) -> list[tuple[bool, str, tuple[str, ...]]]:
        """(whether it excludes, rule, its place in the file), excluding ones first."""
        excluding: list[tuple[bool, str, tuple[str, ...]]] = [(True, rule, ("exclude", name)) for name, rule in self.exclude.items()]
        return excluding + [(False, entry.where, ("entries", name, "where")) for name, entry in self.entries.items()]

    def _checked(self, schema: pa.Schema) -> list[tuple[bool, Where]]:
        """(whether it excludes, rule)."""
        found = []
        for excludes, rule, at in self.rules:
            try:
                found.append((excludes, _parsed(rule, schema)))
            except WhereError as e:
                raise _refused(self.yaml, rule, e, *at) from e
        return found

    def assign(self, table: pa.Table) -> Any:
        """Ordinal of each document's entry, -1 where no rule matches, -2 where one excludes it: int64 (n,)."""
        # Whether a column may be null was judged when the plan was made; shards say nullable of all.
        entry = np.full(table.num_rows, -1, dtype=np.int64)
        ordinal = 0
        for excludes, rule in self._checked(pa.schema([f.with_nullable(False) for f in table.schema])):
            mask = rule.mask(table).to_numpy(zero_copy_only=False)
            entry[mask & (entry == -1)] = -2 if excludes else ordinal
            ordinal += not excludes
        return entry

    def rates(self, table: pa.Table, entry: Any) -> Any:
        """How often each document is used in one epoch of its entry: float64 (n,), 0 where it has none.

        Args:
            entry: as `assign` gives it.
        """
        rate = (entry >= 0).astype(np.float64)
        for ordinal, e in enumerate(self.entries.values()):
            rows = np.flatnonzero(entry == ordinal)
            if not len(rows) or not (e.quality or e.rates or e.repeat_by):
                continue
            own = table.select(list(_rated_by(e))).take(pa.array(rows))
            if e.quality is not None:
                rate[rows] *= _curve(own[e.quality.column], e.quality)
            for column, by_value in e.rates.items():
                rate[rows] *= _looked_up(own[column], by_value)
            if e.repeat_by is not None:
                rate[rows] *= np.clip(np.nan_to_num(_numbers(own[e.repeat_by]), nan=1.0), 1, e.max_epochs)
        return rate

    def groups(self, table: pa.Table, entry: Any) -> pa.Array:
        """Group of each document within its entry: dictionary of strings (n,), "" in an entry without groups and for null."""
        codes, names = np.zeros(table.num_rows, dtype=np.int32), [""]
        for ordinal, e in enumerate(self.entries.values()):
            if e.temperature is not None:
                mask = entry == ordinal
                column = table[e.temperature.by].combine_chunks().dictionary_encode()
                own = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
                codes[mask] = np.where(own < 0, 0, own + len(names))[mask]
                names += column.dictionary.to_pylist()
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string()))


def load(file: str | Path) -> MixRecipe:
    """Read a mix recipe.

    Raises: RecipeError naming file, line, column and key of the first mistake.
    """
    return _load(str(file), read_text(file, "mix recipe"))


@lru_cache(maxsize=16)  # keyed by the content: a file may change between two runs of one process
def _load(file: str, text: str) -> MixRecipe:
    yaml = parse_yaml(text, file, "mix recipe")
    document: Document = yaml.validate(Document, yaml.data, ())
    entries = {name: _entry(yaml, name, given) for name, given in document.entries.items()}
    schedule = [yaml.validate(Phase, given, ("schedule", str(i))) for i, given in enumerate(document.schedule)]
    validation = None
    if document.validation is not None:
        validation = yaml.validate(Validation, document.validation, ("validation",))
        if (validation.share is None) == (validation.tokens is None):
            raise yaml.error("validation needs one of share and tokens", "validation")
    recipe = MixRecipe(entries, document.exclude, tuple(schedule), validation, yaml)
    columns = {column for e in entries.values() for column in (*_rated_by(e), *([e.temperature.by] if e.temperature else []))}
    for _, rule, at in recipe.rules:
        try:
            columns |= columns_of(rule)
        except WhereError as e:
            raise _refused(yaml, rule, e, *at) from e
    recipe = replace(recipe, columns=tuple(sorted(columns)))
    _check_schedule(recipe, document.weights_sum_to)
    return recipe


def _entry(yaml: YamlFile, name: str, given: Any) -> Entry:
    """One entry, its maps validated where they stand."""
    at = ("entries", name)
    if not re.match(NAME, name):
        raise yaml.error("a name starts with a letter and has letters, digits, - and _ only", *at)
    if isinstance(given, dict):
        for key, model in (("quality", Quality), ("temperature", Temperature)):
            if given.get(key) is not None:
                yaml.validate(model, given[key], (*at, key))
    entry: Entry = yaml.validate(Entry, given, at)
    said = [key for key in ("weight", "tokens", "epochs") if getattr(entry, key) is not None]
    if len(said) != 1:
        raise yaml.error(f"an entry needs one of weight, tokens and epochs{', this one has ' + ' and '.join(said) if said else ''}", *at)
    if entry.epochs is not None and entry.epochs > entry.max_epochs:
        raise yaml.error(f"{entry.epochs:g} epochs are more than its max_epochs, {entry.max_epochs}", *at, "epochs", value=True)
    return entry


def _check_schedule(recipe: MixRecipe, wanted: float | None) -> None:
    """Refuse phases of one name, weights of no entry, and weights whose sum is 0 or not the one that is wanted."""
    yaml = recipe.yaml
    for i, phase in enumerate(recipe.schedule):
        at = ("schedule", str(i))
        if not re.match(NAME, phase.name) or phase.name == VALIDATION or phase.name in recipe.phases[:i]:
            raise yaml.error(f"a phase's name starts with a letter, is not {VALIDATION!r} and no other phase's", *at, "name", value=True)
        for name in phase.weights:
            if name not in recipe.entries:
                raise yaml.error(f"there is no entry {name!r}{did_you_mean(name, recipe.names)}", *at, "weights", name)
            if recipe.entries[name].weight is None:
                raise yaml.error(f"entry {name!r} has no weight that a phase could change", *at, "weights", name)
    for name, of_phases in zip(recipe.names, zip(*recipe.weights(), strict=True), strict=True):
        if not any(w is None or w for w in of_phases):
            raise yaml.error("a weight above 0 is needed, here or in a phase", "entries", name, "weight", value=True)
    for i, (phase_name, weights) in enumerate(zip(recipe.phases, recipe.weights(), strict=True)):
        given = [Fraction(str(w)) for w in weights if w is not None]
        total, where = sum(given), f" in phase {phase_name}" if recipe.schedule else ""
        place = ("schedule", str(i), "weights") if recipe.schedule else ("entries",)
        if wanted is not None and given and abs(total - Fraction(str(wanted))) > Fraction(str(wanted)) / 10**6:
            raise yaml.error(f"weights sum to {float(total):g}{where}, not to {wanted:g} (weights_sum_to)", *place)
        if given and not total:
            raise yaml.error(f"no entry has a weight above 0{where}", *place)


def _rated_by(entry: Entry) -> tuple[str, ...]:
    """Columns an entry's rates depend on."""
    more = [entry.quality.column] if entry.quality else []
    return tuple(dict.fromkeys((*more, *entry.rates, *([entry.repeat_by] if entry.repeat_by else []))))


_parsed = lru_cache(maxsize=1024)(parse)
"""Batch after batch has one schema."""


def _refused(yaml: YamlFile, rule: str, error: WhereError, *at: str) -> RecipeError:
    return yaml.error(f"{error.message} (character {error.offset + 1} of {rule!r})", *at, value=True)


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_plain(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _numbers(column: Any) -> Any:
    """float64 (n,), NaN for null."""
    return column.combine_chunks().cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _curve(column: Any, quality: Quality) -> Any:
    values = _numbers(column)
    rate = np.interp(values, [x for x, _ in quality.points], [y for _, y in quality.points])
    return np.where(np.isnan(values), 1.0 if quality.missing is None else quality.missing, rate)


def _looked_up(column: Any, by_value: Mapping[str, float]) -> Any:
    """The rate of each value, 1 where it has none and for null."""
    place = pc.index_in(column.combine_chunks().cast(pa.string()), pa.array(list(by_value), pa.string())).fill_null(len(by_value))
    return np.array([*by_value.values(), 1.0])[place.to_numpy(zero_copy_only=False)]
