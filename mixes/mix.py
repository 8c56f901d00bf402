"""Sample documents so that each kind has its share of the tokens, under a budget.

Source:  Llama 3 (Dubey et al. 2024, arXiv:2407.21783), section 3.1.2, for the shares in
         mixes/llama3.yaml; the sampling is ours.
Units:   mix_tokens = UTF-8 bytes of `text` / 4, rounded up: an estimate (ours) until the mixer counts
         with a tokenizer. mix_entry = name of the recipe's entry. A share is one of tokens.
Params:  recipe -- YAML file `entries: {NAME: {where: RULE, weight: NUMBER}}`. A document belongs to the
         first entry whose rule matches; weights are relative. Rules say what null does where a column
         may be null; "true" matches every document.
         tokens -- budget of the whole mix; null = as much as the scarcest entry allows.
         seed -- draws the order in which documents are taken.
         short -- when an entry cannot fill its share of `tokens`: "scale" makes the whole mix smaller
         at the same weights, "fail" stops the run.
         empty -- when an entry has no token at all: "fail" stops the run, "leave_out" shares its weight
         among the others.
Drops:   no_entry (no rule matches), not_sampled (the entry's share is full).
Errors:  RecipeError at its place in the YAML file before the run: unknown key, weight not above 0, a rule
         that does not parse or does not fit the columns. TaskError saying what each entry has and needs,
         as `short` and `empty` ask. A null text has 0 tokens.

Documents of an entry are taken in the order of a hash of id and seed, as far as its share goes. So a
smaller mix is a subset of a larger one at the same weights and seed, and new documents move none of
those there were: they only push the last ones out. Documents are never repeated.

Exactness: a share is met to the nearest document where the last bin taken (1/65,536 of the entry) has at
most 4 documents; in larger entries the cut within that bin is by interpolation, off by less than the
bin: 1/65,536 of the entry's tokens on average, typically the square root of the bin's documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.errors import TaskError
from curation.stage import AssetFile, Batch, Columns, GlobalStage, Keyed, Reduced, StageParams, Types, Verdicts, first_true
from mixes.budgets import affordable, available_tokens, keys_of, limits, places, summed, targets, token_counts
from mixes.entries import MixRecipe, load


class Params(StageParams):
    """Parameters of the mix; see the file's docstring."""

    recipe: AssetFile = Field(examples=["llama3.yaml"])
    tokens: int | None = Field(None, gt=0)
    seed: int = 0
    short: Literal["fail", "scale"] = "scale"
    empty: Literal["fail", "leave_out"] = "fail"


class Mix(GlobalStage):
    """Stage `mix`."""

    name = "mix"
    Params = Params
    drops = ("no_entry", "not_sampled")

    def __init__(self) -> None:
        self._last: tuple[Any, Any, Any] | None = None

    def reads(self, params: Any) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("id", "text", *load(params.recipe).columns)))

    def check(self, params: Any, schema: pa.Schema) -> None:
        """Hold the recipe's rules against the columns they will see.

        Raises: RecipeError at the rule, in the YAML file of the mix.
        """
        load(params.recipe).rules(pa.schema([f for f in schema if not (f.metadata or {}).get(b"transient")]))

    def writes(self, params: Any) -> Types:
        return {"mix_entry": pa.string(), "mix_tokens": pa.int64()}

    def payload(self, params: Any) -> Types:
        return {"tokens": pa.int64(), "documents": pa.int64()}

    def verdict(self, params: Any) -> Types:
        return {}

    def emit(self, batch: Batch, params: Any) -> Keyed:  # documents -> histogram of places
        entry = load(params.recipe).assign(batch.table)
        rows = np.flatnonzero(entry >= 0)
        place, tokens = places(batch.utf8("id"), params.seed), token_counts(batch.utf8("text"))
        counted = {"tokens": tokens[rows], "documents": np.ones(len(rows), dtype=np.int64)}
        return Keyed(keys_of(place[rows], entry[rows]), rows, counted)

    def combine(self, rows: pa.Table, params: Any, round_: int) -> pa.Table:
        return summed(rows)

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced:
        return Reduced(state=summed(rows.select(["key", "tokens", "documents"])))

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        for rows in chunks():  # all of one key, hence of one bin: a chunk leaves a row or a few
            yield self.reduce(rows, params, round_)

    def apply(self, batch: Batch, verdicts: Verdicts, params: Any) -> Columns:  # histogram -> who is kept
        recipe = load(params.recipe)
        entry = recipe.assign(batch.table)
        limit = self._limits(verdicts.state, recipe, params)
        kept = places(batch.utf8("id"), params.seed) < np.append(limit, np.uint64(0))[entry]
        names = pa.array(recipe.names, pa.string()).take(pa.array(entry, mask=entry < 0))
        reasons = first_true(no_entry=entry < 0, not_sampled=~kept)
        return {"mix_entry": names, "mix_tokens": token_counts(batch.utf8("text")), "drop_reason": reasons}

    def _limits(self, state: pa.Table | None, recipe: MixRecipe, params: Any) -> Any:
        """`cut`, worked out once for all batches of a task."""
        last = self._last
        if state is None or last is None or last[0] is not state or last[1] != (recipe.entries, params):
            last = (state, (recipe.entries, params), cut(state, recipe, params))
            self._last = last
        return last[2]


def cut(state: pa.Table | None, recipe: MixRecipe, params: Params) -> Any:
    """Place under which each entry's documents are kept: uint64 (entries,).

    Args:
        state: {key, tokens, documents} of all documents; None if no document has an entry.
    Raises: TaskError if an entry is empty or short and the parameters do not allow it.
    """
    names, weights = recipe.names, [e.weight for e in recipe.entries.values()]
    have = available_tokens(state, len(names)) if state is not None else [0] * len(names)
    missing = [name for name, n in zip(names, have, strict=True) if not n]
    if missing and params.empty == "fail":
        raise TaskError(
            f"mix: no document, or only empty ones, for {', '.join(missing)} (entries of {recipe.yaml.file}); "
            "set `empty: leave_out` to share their weight among the others"
        )
    full = [i for i, n in enumerate(have) if n]
    if state is None or not full:
        return np.zeros(len(names), dtype=np.uint64)
    most = affordable([have[i] for i in full], [weights[i] for i in full])
    if params.tokens is not None and params.tokens > most and params.short == "fail":
        wanted = targets(params.tokens, [weights[i] for i in full])
        short = [f"{names[i]} has {have[i]:,} of {n:,}" for i, n in zip(full, wanted, strict=True) if have[i] < n]
        raise TaskError(
            f"mix: {params.tokens:,} tokens cannot be met: {', '.join(short)}; "
            f"these weights allow {most:,} tokens: set `tokens` to no more, or `short: scale`"
        )
    budget = most if params.tokens is None else min(params.tokens, most)
    wanted = [0] * len(names)
    for i, n in zip(full, targets(budget, [weights[i] for i in full]), strict=True):
        wanted[i] = n
    return limits(state, wanted)


mix = Mix()
