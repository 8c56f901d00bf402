"""Sample documents so that each kind has its share of the tokens, in phases, under a budget; put them out in an order by chance.

Source:  Llama 3 (Dubey et al. 2024, arXiv:2407.21783), section 3.1.2, for the shares in mixes/llama3.yaml; the sampling is ours.
Units:   n_tokens = tokens of `text`, as `count_tokens` counts them; all budgets and shares are in these. mix_entry = name of the
         recipe's entry. mix_uses = for each use of the document the part of the output it goes to: "validation", or a phase.
         In the output: mix_phase = the part this row is in; mix_copy = 0 for the first use of the document, 1 for the second ...
Params:  recipe -- YAML file of entries, phases and what is held out: see "The recipe of a mix". tokens -- budget of the whole
         mix; null = that of the recipe's schedule or, without one, as much as the scarcest entry with a weight allows.
         seed -- draws the order in which documents are taken, what is held out, and the order of the output.
         short -- when an entry has too little: "fail" stops the run; "scale" lets entries with weights give less, all in
         proportion; "repeat" uses documents again, up to max_epochs, then scales. empty -- when an entry has no token at all: "fail"
         stops the run, "leave_out" shares its weight among the others. shard_tokens -- tokens of an output shard.
Drops:   no_entry (no rule matches), excluded (a rule of `exclude` matches), held_out (a document like it may be in the validation
         of another entry), not_sampled (its entry gives as much as it shall).
Errors:  RecipeError at its place in the YAML file before the run: unknown key or column, a sum of weights, a rule that does not
         fit the columns, another mix of the same documents that does not hold out the same. ValueError before the run without
         n_tokens. TaskError at its place in that file, saying what each entry has and needs, as `short` and `empty` ask, or if over
         half of an entry would be held out. A null n_tokens is 0; a negative one is a TaskError.

What of an entry is used, and how often, goes by positions that hashes of id and seed give its documents: see mixes/positions.py.
So a smaller mix of the same recipe and seed is a subset of a larger one, phases are taken one behind the other, and new documents
move none of those there were in that order: they only push the last ones out.

Held out for validation are documents by a hash of cluster_id, where a step above wrote it, else of id, before anything is sampled.
So no budget changes what is held out, and no document of a cluster is trained on while another is held out. A document of rate 0 is
not held out. With `validation: {share: S}` this goes by the hash and the seed alone: data may be added, and mixes of one run that have
the same seed and share train on nothing that another of them holds out. (A cluster that gets another survivor is another cluster.)
With `{tokens: N}` each entry has its own share, which falls as data is added: what was held out before is then trained on, and another
mix may train on it too. Documents that may be like one another (cluster_size is not 1) and are under the largest share but not under
their own go nowhere (held_out).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.errors import TaskError
from curation.rules import first_true
from curation.stage import AssetFile, Batch, Columns, GlobalStage, Keyed, Reduced, Scattered, StageParams, Types, Verdicts
from mixes import positions
from mixes.card.card import card as card  # what a run says of an output this stage made
from mixes.entries import VALIDATION, MixRecipe, load
from mixes.limits import STATE, check_groups, end_of, settle, shared, totals_of
from mixes.positions import ALL, HISTOGRAM, HOLD_END, IDLE

ORDER, HOLD = 0, 1
"""Streams of chance: the place in the order of sampling, and that which decides about validation; the others order the output."""


class Params(StageParams):
    """Parameters of the mix; see the file's docstring."""

    recipe: AssetFile = Field(examples=["llama3.yaml"])
    tokens: int | None = Field(None, gt=0)
    seed: int = 0
    short: Literal["fail", "scale", "repeat"] = "scale"
    empty: Literal["fail", "leave_out"] = "fail"
    shard_tokens: int = Field(100_000_000, gt=0)


@dataclass(frozen=True)
class Drawn:
    """The documents of a batch that have an entry, and what chance gives them; each array has m values.

    row: int64, into the batch. entry: int64, ordinals. group: dictionary of strings. tokens: int64.
    place: float64, in the order of sampling. rate: float64, uses in an epoch. held: int16, class of its place for validation.
    mates: bool, whether other documents may be like it.
    """

    row: Any
    entry: Any
    group: pa.DictionaryArray
    tokens: Any
    place: Any
    rate: Any
    held: Any
    mates: Any


class Mix(GlobalStage):
    """Stage `mix`."""

    name = "mix"
    version = "2"
    Params = Params
    drops = ("no_entry", "excluded", "held_out", "not_sampled")

    def __init__(self) -> None:
        self._last: tuple[pa.Table | None, dict[tuple[int, str], int]] = (None, {})

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("id",)

    def reads_if_there(self, params: Any) -> tuple[str, ...]:
        recipe = load(params.recipe)
        return tuple(dict.fromkeys(("n_tokens", *recipe.columns, *(recipe.cluster if recipe.validation else ()))))

    def check(self, params: Any, schema: pa.Schema) -> None:
        """Hold the recipe's rules against the columns they will see, and what it asks for against the budget.

        Raises: RecipeError at its place in the YAML file of the mix; ValueError without n_tokens.
        """
        recipe = load(params.recipe)
        recipe.check(pa.schema([f for f in schema if not (f.metadata or {}).get(b"transient")]), params.tokens)
        if "n_tokens" not in schema.names or not pa.types.is_integer(schema.field("n_tokens").type):
            raise ValueError("mix counts by the column n_tokens, which no step above it writes: add a step {use: count_tokens} above it")

    def conflict(self, params: Any, others: Any) -> str | None:
        """What two mixes hold out must be the same, or one trains on what the other holds out."""
        mine, theirs = _held_out(params), _held_out(others)
        if mine == theirs:
            return None
        held = f"this mix holds out {mine[0]}, the other one {theirs[0]}"
        return f"{held}; one would train on what the other holds out. Give both one share and one seed"

    def writes(self, params: Any) -> Types:
        return {"mix_entry": pa.string(), "mix_uses": pa.list_(pa.string())}

    def payload(self, params: Any) -> Types:
        return HISTOGRAM

    def verdict(self, params: Any) -> Types:
        return {}

    def emit(self, batch: Batch, params: Any) -> Keyed:  # documents -> histogram of positions
        recipe = load(params.recipe)
        drawn, _ = _draw(batch, recipe, params)
        end = np.array([end_of(e, params) for e in recipe.entries.values()])[drawn.entry]
        n = len(drawn.row)
        idle = drawn.rate == 0  # neither sampled nor held out
        of, bins, position = [np.arange(n)], [np.where(idle, IDLE, ALL).astype(np.int32)], [np.zeros(n)]  # all, then copies
        for at, there in _copies(drawn, recipe):
            found = np.flatnonzero(there & (at < end))
            of, bins, position = [*of, found], [*bins, positions.bin_of(at[found])], [*position, at[found]]
        index = np.concatenate(of)
        rows = pa.table({
            "entry": drawn.entry[index].astype(np.int16), "group": drawn.group.take(pa.array(index)).cast(pa.string()),
            "held": np.where(idle, 0, 2 * drawn.held + drawn.mates)[index].astype(np.int16), "bin": np.concatenate(bins),
            "position": np.concatenate(position), "tokens": drawn.tokens[index], "copies": np.ones(len(index), dtype=np.int64),
        })  # fmt: skip
        return Keyed(positions.keys_of(rows), drawn.row[index], {name: rows[name] for name in HISTOGRAM})

    def combine(self, rows: pa.Table, params: Any, round_: int) -> pa.Table:
        return positions.summed(rows)

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Reduced:
        """Round 0 adds up, round 1 has all of it in one place and settles who is used: the state."""
        if round_ == 0:
            rows = positions.summed(rows)
            check_groups(pc.count_distinct(rows["group"]).as_py())
            return Reduced(again={1: rows.set_column(rows.column_names.index("key"), "key", pa.array(np.zeros(rows.num_rows, np.uint64)))})
        return Reduced(state=settle(lambda: iter([rows]), load(params.recipe), params))

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        if round_ == 0:
            for rows in chunks():  # all of one cell: a chunk leaves a few rows
                yield self.reduce(rows, params, round_)
        else:
            yield Reduced(state=settle(chunks, load(params.recipe), params))

    def apply(self, batch: Batch, verdicts: Verdicts, params: Any) -> Columns:  # limits -> who is used, in which phases
        recipe = load(params.recipe)
        drawn, entry = _draw(batch, recipe, params)
        state = verdicts.state
        if state is None:
            if len(batch):  # no document anywhere has an entry
                shared(recipe, [], params)
            state = STATE.empty_table()
        place, groups = self._places(state), drawn.group.dictionary.to_pylist()
        rows = np.array([[place.get((e, group), -1) for group in groups] for e in range(len(recipe.entries))], dtype=np.int64)
        at = rows[drawn.entry, drawn.group.indices.to_numpy()]  # of the state
        phases, parts = len(recipe.phases), recipe.parts
        limits = state["limits"].combine_chunks().flatten().to_numpy().reshape(-1, phases)[at]
        hold = state["hold"].to_numpy()
        may = drawn.rate > 0
        validation = may & (drawn.held < hold[at])
        spared = may & ~validation & ~(drawn.mates & (drawn.held < hold.max(initial=0)))

        used, part = [np.flatnonzero(validation)], [np.zeros(int(validation.sum()), dtype=np.int64)]
        for position, there in _copies(drawn, recipe):
            phase = (position[:, None] >= limits).sum(axis=1)
            found = np.flatnonzero(there & spared & (phase < phases))
            used, part = [*used, found], [*part, phase[found] + (len(parts) - phases)]
        row, part_of = np.concatenate(used), np.concatenate(part)
        order = np.argsort(row, kind="stable")  # copies of a document stay in their order, which is that of the phases
        row, part_of = row[order], part_of[order]
        self._count(batch, recipe, drawn, row, part_of)

        uses = np.bincount(drawn.row[row], minlength=len(batch))
        offsets = pa.array(np.concatenate([[0], np.cumsum(uses)]).astype(np.int32))
        held = np.zeros(len(batch), dtype=bool)
        held[drawn.row[may & ~validation & ~spared]] = True
        return {
            "mix_entry": pa.array(recipe.names, pa.string()).take(pa.array(entry, mask=entry < 0)),
            "mix_uses": pa.ListArray.from_arrays(offsets, pa.array(parts, pa.string()).take(pa.array(part_of))),
            "drop_reason": first_true(excluded=entry == -2, no_entry=entry == -1, held_out=held, not_sampled=uses == 0),
        }

    def _places(self, state: pa.Table) -> dict[tuple[int, str], int]:
        """Row of the state of each entry and group; found once for all batches of a shard."""
        if self._last[0] is not state:
            self._last = state, {pair: k for k, pair in enumerate(zip(state["entry"].to_pylist(), state["group"].to_pylist(), strict=True))}
        return self._last[1]

    @staticmethod
    def _count(batch: Batch, recipe: MixRecipe, drawn: Drawn, row: Any, part: Any) -> None:
        """Count for the report what each entry gives to each part: uses, their tokens, and documents that are used for the first time."""
        parts = recipe.parts
        cell, index = np.unique(drawn.entry[row] * len(parts) + part, return_inverse=True)
        counts = {"uses": np.ones(len(row)), "tokens": drawn.tokens[row], "documents": np.diff(row, prepend=-1) > 0}
        for what, values in counts.items():
            for n, total in zip(cell.tolist(), np.bincount(index, values).tolist(), strict=False):
                batch.count(f"{recipe.names[n // len(parts)]} {parts[n % len(parts)]} {what}", int(total))

    def report(self, state: pa.Table | None, counted: Mapping[str, int], params: Any) -> tuple[Mapping[str, Any], list[str]]:
        """What each entry has, was asked for and gives, in all and to each part; and the same for people."""
        recipe = load(params.recipe)
        groups = [] if state is None else state.to_pylist()
        has = {what: totals_of(groups, what, len(recipe.entries)) for what in ("documents", "tokens", "idle", "held", "offered")}
        budget = shared(recipe, groups, params)
        entries, notes = {}, []
        for n, name in enumerate(recipe.names):
            tokens, wanted, ends = has["tokens"][n], budget.wanted[n], budget.ends[n]
            counts = ("tokens", "uses", "documents")
            parts = {p: {what: counted.get(f"{name} {p} {what}", 0) for what in counts} for p in recipe.parts}
            for phase, low, high in zip(recipe.phases, [0, *ends], ends, strict=False):
                parts[phase]["planned_tokens"] = high - low
            if (validation := recipe.validation) is not None:
                held, may = parts[VALIDATION], has["documents"][n] - has["idle"][n] + has["held"][n]
                if validation.share is not None:
                    held["wanted_documents"], asked = round(validation.share * may), f"{validation.share:g} of {may:,} documents"
                elif validation.tokens is not None:
                    held["wanted_tokens"], asked = validation.tokens, f"{validation.tokens:,} tokens"
                notes.append(f"{name}: {held['tokens']:,} tokens of {held['documents']:,} documents are held out; asked for: {asked}")
            used = sum(parts[phase]["tokens"] for phase in recipe.phases)
            entries[name] = {
                "documents": has["documents"][n], "tokens": tokens, "wanted_tokens": wanted, "planned_tokens": ends[-1],
                "used_tokens": used, "used_documents": sum(parts[phase]["documents"] for phase in recipe.phases),
                "epochs": used / tokens if tokens else 0.0, "short_tokens": max(0, wanted - has["offered"][n]), "parts": parts,
            }  # fmt: skip
        used_of = [f"{n}: {e['used_tokens']:,} of {e['tokens']:,} tokens, {e['epochs']:.2f} epochs" for n, e in entries.items()]
        return {"entries": entries, "lacking": budget.lacking}, [*used_of, *notes, *(f"short: {line}" for line in budget.lacking)]

    def parts(self, params: Any) -> tuple[str, ...]:
        return load(params.recipe).parts

    def scattered(self, params: Any) -> Types:
        return {"mix_phase": pa.string(), "mix_copy": pa.int32()}

    def shard_size(self, params: Any) -> int:
        return int(params.shard_tokens)

    def scatter(self, table: pa.Table, params: Any) -> Scattered:
        """Every use of every document, in an order by hash of (id, copy, seed, part)."""
        batch, parts = Batch(table), load(params.recipe).parts
        uses = batch["mix_uses"]
        times = pc.list_value_length(uses).to_numpy()
        row = np.repeat(np.arange(len(batch)), times)
        copy = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
        phase = uses.flatten()
        part = pc.index_in(phase, pa.array(parts, pa.string())).to_numpy().astype(np.int64)
        place = positions.draw(batch.utf8("id").hash()[row], params.seed, (part + 1) << 32 | copy)
        return Scattered(row, part, place, _tokens(batch)[row], {"mix_phase": phase, "mix_copy": copy.astype(np.int32)})


def _draw(batch: Batch, recipe: MixRecipe, params: Params) -> tuple[Drawn, Any]:
    """The documents that have an entry, and the entry of all: int64 (n,), negative where there is none."""
    entry = recipe.assign(batch.table)
    row = np.flatnonzero(entry >= 0)
    hashes, held, mates = batch.utf8("id").hash(), np.zeros(len(batch), dtype=np.int16), np.zeros(len(batch), dtype=bool)
    if recipe.validation is not None:
        held, mates = _held(batch, recipe, params, hashes)
    return Drawn(
        row, entry[row], recipe.groups(batch.table, entry).take(pa.array(row)), _tokens(batch)[row],
        positions.places(positions.draw(hashes[row], params.seed, ORDER)), recipe.rates(batch.table, entry)[row], held[row], mates[row],
    ), entry  # fmt: skip


def _held_out(params: Params) -> tuple[str, Any]:
    """What a mix holds out: in words, and what else that depends on."""
    recipe = load(params.recipe)
    if recipe.validation is None:
        return "nothing", None
    if recipe.validation.share is not None:
        return f"a share of {recipe.validation.share} by seed {params.seed}", None
    return f"{recipe.validation.tokens:,} tokens of each entry by seed {params.seed}", (recipe.entries, recipe.exclude)


def _held(batch: Batch, recipe: MixRecipe, params: Params, hashes: Any) -> tuple[Any, Any]:
    """(class by which each document is held out: int16 (n,), whether others may be like it: bool (n,))."""
    assert recipe.validation is not None
    share, mates = recipe.validation.share, np.zeros(len(batch), dtype=bool)
    if "cluster_id" in batch:
        hashes = np.where(batch["cluster_id"].is_valid().to_numpy(zero_copy_only=False), batch.utf8("cluster_id").hash(), hashes)
        mates = ~mates
        if "cluster_size" in batch:
            mates = pc.not_equal(batch["cluster_size"], 1).fill_null(True).to_numpy(zero_copy_only=False)
    place = positions.places(positions.draw(hashes, params.seed, HOLD))
    return np.where(place < share, 0, HOLD_END - 1).astype(np.int16) if share is not None else positions.hold_class(place), mates


def _copies(drawn: Drawn, recipe: MixRecipe) -> Iterator[tuple[Any, Any]]:
    """(positions, whether it may be used) of each document's first copy, then of its second ..."""
    most = np.array([e.max_epochs for e in recipe.entries.values()])[drawn.entry]
    for copy in range(most.max(initial=0)):
        yield positions.positions(drawn.place, drawn.rate, copy), copy < most


def _tokens(batch: Batch) -> Any:
    """Tokens of each document: int64 (n,).

    Raises: TaskError naming a document that has fewer than none.
    """
    tokens = batch["n_tokens"].fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    if len(bad := np.flatnonzero(tokens < 0)):
        first = int(bad[0])
        raise TaskError(
            f"n_tokens of document {batch['id'][first].as_py()!r} is {batch['n_tokens'][first].as_py()}, not a number of tokens"
        )
    return tokens


mix = Mix()
