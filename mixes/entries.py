"""The recipe of a mix: named entries, each a rule over columns and a weight.

    entries:
      code:    {where: "profile = 'code'", weight: 17}
      general: {where: "true", weight: 83}

A document belongs to the first entry whose rule matches it. Weights are shares of tokens; they need
not sum to 1 or 100, only their ratios count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation.errors import RecipeError
from curation.recipe import NAME
from curation.where import Where, WhereError, columns_of, parse
from curation.yaml_file import YamlFile, parse_yaml, read_text

MAX_ENTRIES = 32
"""Entries of one recipe (ours): so many histograms stay under what the engine hands to every `apply`."""


class Entry(BaseModel):
    """One entry as the YAML says it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    where: str = Field(description="rule over columns; a document belongs to the first entry whose rule matches")
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False, description="share of tokens; only the ratios of weights count")]


class Document(BaseModel):
    """The whole YAML file; its entries are validated one by one, for the place of a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: Annotated[dict[str, Any], Field(min_length=1, max_length=MAX_ENTRIES, description="map of name: entry, first match first")]


@dataclass(frozen=True)
class MixRecipe:
    """Entries in the order of the file."""

    entries: dict[str, Entry]
    columns: tuple[str, ...]
    """Columns the rules use, sorted."""
    yaml: YamlFile
    """Knows where in the file each key stands."""

    @property
    def names(self) -> list[str]:
        return list(self.entries)

    def rules(self, schema: pa.Schema) -> list[Where]:
        """The rules, checked against a schema.

        Raises: RecipeError at the first rule that does not fit it.
        """
        found = []
        for name, entry in self.entries.items():
            try:
                found.append(parse(entry.where, schema))
            except WhereError as e:
                raise _refused(self.yaml, name, entry.where, e) from e
        return found

    def assign(self, table: pa.Table) -> Any:
        """Ordinal of each document's entry, -1 where no rule matches: int64 (n,)."""
        # Whether a column may be null was judged when the plan was made; shards say nullable of all.
        schema = pa.schema([table.schema.field(name).with_nullable(False) for name in self.columns])
        entry = np.full(table.num_rows, -1, dtype=np.int64)
        for ordinal, rule in enumerate(self.rules(schema)):
            mask = rule.mask(table).to_numpy(zero_copy_only=False)
            entry[mask & (entry < 0)] = ordinal
        return entry


def load(file: str | Path) -> MixRecipe:
    """Read a mix recipe.

    Raises: RecipeError naming file, line, column and key of the first mistake.
    """
    return _load(str(file), read_text(file, "mix recipe"))


@lru_cache(maxsize=16)  # keyed by the content: a file may change between two runs of one process
def _load(file: str, text: str) -> MixRecipe:
    yaml = parse_yaml(text, file, "mix recipe")
    document = yaml.validate(Document, yaml.data, ())
    entries: dict[str, Entry] = {}
    columns: set[str] = set()
    for name, given in document.entries.items():
        if not re.match(NAME, name):
            raise yaml.error("a name starts with a letter and has letters, digits, - and _ only", "entries", name)
        entries[name] = yaml.validate(Entry, given, ("entries", name))
        try:
            columns |= columns_of(entries[name].where)
        except WhereError as e:
            raise _refused(yaml, name, entries[name].where, e) from e
    return MixRecipe(entries, tuple(sorted(columns)), yaml)


def _refused(yaml: YamlFile, name: str, rule: str, error: WhereError) -> RecipeError:
    return yaml.error(f"{error.message} (character {error.offset + 1} of {rule!r})", "entries", name, "where", value=True)
