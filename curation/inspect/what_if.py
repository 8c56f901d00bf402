"""`curate what-if`: what other bounds of filters would have kept and dropped, from a run's own columns.

Rules see columns alone (curation/rules.py), and the columns of a changed step stand in `outputs/`, `dropped/` and `shadows/`. So its new
verdict on every document that reached it is exact. A document that is *lost* was in the outputs; one that is *won* was dropped at
a changed step and reaches the outputs. What steps behind say of it is known where none of them drops by itself, or where the run was
annotated; else it is known of the shadows, a simple random sample, and the number won is an estimate with an interval. Global steps
behind would have to run again: they are named, and what they would do is in no number.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from curation import registry
from curation.errors import RecipeError, did_you_mean
from curation.inspect.opened import OpenRun
from curation.inspect.rows import PLACE, OpenStep, group_of, id_order
from curation.inspect.show import plain, safe
from curation.intervals import Z_95 as Z
from curation.intervals import wilson
from curation.recipe import above
from curation.rules import AnyRule, group_column, judge
from curation.shards import value_bytes
from curation.stage import Batch, GlobalStage, RowStage
from curation.where import Where, WhereError, parse

SHOWN = 20
"""Languages the table names."""
LANGUAGES = 1_000
"""Languages told apart; others are one (ours)."""
IDENTITY = ("id", "url", "source", "branch", "lang", "n_tokens")
DECIDES = "looks at all documents: what is won may be dropped there, as a duplicate say, and what is lost may have hidden a twin"
COMPARES = "compares all documents: its columns, such as quantiles, would move"


class Change:
    """A step with other parameters: its verdicts as they were and as they would be.

    columns: what it judges by. measures: reason -> columns of its rules. values: (parameter, old value, new value) of those that change.
    """

    def __init__(self, step: OpenStep, given: Mapping[str, Any], schema: pa.Schema) -> None:
        self.step = step
        if step.kind == "keep":
            self._of_keep(given, schema)
        elif step.kind in ("row", "global"):
            self._of_rules(given)
        else:
            raise RecipeError(f"{step.name}: {step.use} drops nothing by columns: a run is needed")

    def reasons(self, table: pa.Table, new: bool) -> Any:
        """Drop reasons (n,) by the old or the new parameters, null = kept."""
        return self._judges[new](table)

    def _of_rules(self, given: Mapping[str, Any]) -> None:
        step = self.step
        try:
            stage = registry.lookup(step.use)
        except KeyError as e:
            raise RecipeError(f"{step.name}: {e.args[0]}", hint="a plug-in's file is named with --plugin") from e
        assert isinstance(stage, RowStage | GlobalStage)
        model = stage.params
        for name in given:
            if name not in model.model_fields:
                raise RecipeError(f"{step.name}: {step.use} has no parameter {name!r}{did_you_mean(name, model.model_fields)}")
        try:
            params = [model.model_validate(dict(step.params)), model.model_validate({**step.params, **given})]
            rules = [stage.rules(p) for p in params]
            values = [value for p, some in zip(params, rules, strict=True) for rule in some for value in rule.values(p)]
        except ValidationError as e:
            first, at, place = e.errors()[0], {**step.params, **given}, [step.name]
            for part in first["loc"]:  # union branches have names of types in the path: skip those
                if isinstance(at, Mapping) and part in at:
                    at, place = at[part], [*place, str(part)]
            raise RecipeError(f"{'.'.join(place)}: {first['msg']}") from e
        except ValueError as e:
            raise RecipeError(f"{step.name}: {e}") from e
        every = [rule for some in rules for rule in some]
        used = sorted({name for rule in every for name in rule.params})
        for name in given:
            if name not in used:
                said = f"its rules use {', '.join(used)}" if used else "it has no rules over columns"
                raise RecipeError(f"{step.name}.{name}: no rule of {step.use} uses it, so only a run tells its effect; {said}")
        looked_up = {column for value in values if (column := group_column(value))}
        self.measures = {reason: sorted({c for r in every if r.reason == reason for c in r.columns}) for reason in stage.drops}
        self.columns = {column for columns in self.measures.values() for column in columns} | looked_up
        old, new = (json.loads(p.model_dump_json()) for p in params)
        self.values = [(name, old[name], new[name]) for name in given]
        self._judges = [partial(_judged, some, p) for some, p in zip(rules, params, strict=True)]

    def _of_keep(self, given: Mapping[str, Any], schema: pa.Schema) -> None:
        if list(given) != ["where"]:
            raise RecipeError(f"{self.step.name}: keep has one parameter, where")
        old, new = self.step.params["rules"]["where"], str(given["where"])
        try:
            rules = [parse(source, pa.schema([f.with_nullable(False) for f in schema])) for source in (old, new)]
        except WhereError as e:
            raise RecipeError(f"{self.step.name}.where: {e.message} (character {e.offset + 1}); a run's columns are known, no texts") from e
        self.columns, self.values = {column for rule in rules for column in rule.columns}, [("where", old, new)]
        self.measures = {"where_false": sorted(self.columns)}
        self._judges = [partial(_matched, rule) for rule in rules]


def _judged(rules: Sequence[AnyRule], params: Any, table: pa.Table) -> Any:
    return judge(rules, Batch(table), params)


def _matched(rule: Where, table: pa.Table) -> Any:
    return pc.if_else(rule.mask(table), pa.scalar(None, pa.string()), pa.scalar("where_false"))


@dataclass
class Sum:
    """Documents, their bytes and their tokens."""

    documents: int = 0
    bytes: int = 0
    tokens: int = 0

    def add(self, documents: int, size: Any, tokens: Any) -> None:
        self.documents, self.bytes, self.tokens = self.documents + int(documents), self.bytes + int(size), self.tokens + int(tokens)


@dataclass
class Stratum:
    """What is won at one step in one language: `all` of it, a sample of it, and the part of the sample that passes all behind."""

    all: Sum = field(default_factory=Sum)
    sampled: int = 0
    passing: Sum = field(default_factory=Sum)
    squares: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Sums of the squares of bytes and tokens of those that pass."""


class WhatIf:
    """One question to a run; see `what_if`."""

    def __init__(self, run: OpenRun, changes: Mapping[str, Any], examples: int, seed: int) -> None:
        run.require_done()
        self.run, self.examples, self.seed = run, examples, seed
        self.steps = run.steps
        self.upstream = {name: above({n: s.needs for n, s in self.steps.items()}, *self.steps[name].needs) for name in self.steps}
        self.outputs, self.passed_over = self._last_outputs()
        fields = [*(f for name in self.outputs for f in run.schema("outputs", name)), *run.schema("dropped")]
        columns = {f.name: f for f in fields if not pa.types.is_null(f.type)}  # null: of rows there are none of
        schema = pa.schema([f for name, f in columns.items() if name not in ("text", "step", "drop_reason", "document_bytes")])
        self.changes = {name: Change(run.step(name), given, schema) for name, given in self._grouped(changes).items()}
        for name, change in self.changes.items():
            if absent := sorted({column for names in change.measures.values() for column in names} - {*columns}):
                raise RecipeError(f"{name}: the run has no column {absent[0]!r}: another version wrote it, so a run is needed")
        self.inside = set().union(*(self.upstream[f"outputs.{name}"] for name in self.outputs))
        ports = dict.fromkeys(need for name in self.outputs for need in self.steps[f"outputs.{name}"].needs)
        self.homes = {port: self._home(port) for port in ports}
        self.behind = {name: {other for other in self.inside if name in self.upstream[other]} for name in self.changes}
        self._check_behind()
        filters = {n for n in self.inside if self.steps[n].kind != "global" and _may_drop(self.steps[n])}
        self.open = {name: bool(self.behind[name] & filters) for name in self.changes}
        """Whether row steps behind a change may drop what it lets through."""
        self.columns = {*IDENTITY, *(column for change in self.changes.values() for column in change.columns)}
        self.lost: dict[str, Sum] = defaultdict(Sum)
        self.strata: dict[tuple[str, str], Stratum] = defaultdict(Stratum)
        self.counted: Counter[str] = Counter()
        self.differs: Counter[str] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.verdicts: dict[str, Counter[str]] = {name: Counter() for name in self.changes}
        """New drop reasons of each changed step, of the documents that reached it."""
        self.shown: dict[str, list[tuple[Any, ...]]] = {"won": [], "lost": []}

    # -- the question ---------------------------------------------------------------------------------

    def _grouped(self, changes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """step -> parameter -> value, from STEP.PARAM or STEP.PARAM.KEY of a map."""
        found: dict[str, dict[str, Any]] = {}
        for dotted, value in changes.items():
            name, _, rest = dotted.partition(".")
            param, _, key = rest.partition(".")
            if not param:
                raise RecipeError(f"{dotted}: write STEP.PARAM=VALUE")
            step = self.run.step(name)
            given = found.setdefault(step.name, {})
            if key:
                old = given.get(param, step.params.get(param))
                value = {**(old if isinstance(old, dict) else {"default": old}), key: value}
            given[param] = value
        if not found:
            raise RecipeError("what-if: name a change, STEP.PARAM=VALUE")
        return {name: found[name] for name in self.steps if name in found}

    def _last_outputs(self) -> tuple[list[str], list[str]]:
        """Outputs in which each document stands once, and the plain ones whose documents go on to one of these.

        Of the outputs of a port the first; one whose documents a stage samples and orders only if they are in no other.
        """
        plain: dict[tuple[str, ...], str] = {}
        sampled: dict[tuple[str, ...], str] = {}
        for name in self.run.outputs:
            needs = self.steps[f"outputs.{name}"].needs
            sampling = [self.steps[need] for need in needs if need in self.steps and _scatters(self.steps[need])]
            (sampled if sampling else plain).setdefault(tuple(n for step in sampling for n in step.needs) or needs, name)
        inside = set().union(*(self.upstream[f"outputs.{name}"] for name in plain.values()))
        on = {need for name in inside for need in self.steps[name].needs}
        told = on | {need for needs in plain for need in needs}
        last = [name for needs, name in plain.items() if not on.issuperset(needs)]
        last += [name for needs, name in sampled.items() if not told.issuperset(needs)]
        return last, [name for name in plain.values() if name not in last]

    def _home(self, port: str) -> str | None:
        """The pass whose files have the shadows that come out of a port: of several steps that read it (mixes, say) each has all."""
        beside = (step for name, step in self.steps.items() if port in step.needs and step.kind == "global" and name not in self.inside)
        reader = next(beside, None)
        return self.steps[port.partition(".")[0]].pass_ if reader is None else self._home(reader.name)

    def _check_behind(self) -> None:
        """Refuse what cannot be told from columns.

        Raises: RecipeError.
        """
        for name, change in self.changes.items():
            if name not in self.inside:
                raise RecipeError(f"{name}: it makes an output of its own, and what it would choose is known by a run alone")
            for other in sorted(self.behind[name]):
                step = self.steps[other]
                written = {"branch"} if step.kind == "split" else {*step.writes} if step.kind in ("row", "global") else set()
                if step.kind in ("expand", "regroup") or (step.kind == "split" and step.params.get("copy")):
                    raise RecipeError(f"{name}: behind it {other} makes other documents of those it gets: a run is needed")
                if later := sorted(change.columns & written):
                    raise RecipeError(f"{name}: {other}, behind it, writes {later[0]!r}, so what {name} saw is not known: a run is needed")

    # -- the answer -----------------------------------------------------------------------------------

    def answer(self) -> dict[str, Any]:
        for name in self.outputs:
            for table in self._tables("outputs", name):
                self._kept(f"outputs.{name}", table)
        for path, table in self._dropped():
            self._gone(path, table)
        for table in self._tables("shadows"):
            self._shadows(table)
        return self._report()

    def _tables(self, what: str, output: str | None = None) -> Iterator[pa.Table]:
        more = {"outputs": (), "dropped": ("step", "drop_reason", "document_bytes"), "shadows": ("shadow_step", "document_bytes")}[what]
        if what == "shadows":
            more = (*more, "shadow_later")
        there = set(self.run.schema(what, output, self.columns | set(more)).names)
        wanted = sorted((self.columns | set(more)) & there)
        absent = sorted((self.columns | set(more)) - there)
        for batch in self.run.batches(what, [*wanted, "_file", "_row"], output=output):
            table = pa.Table.from_batches([batch])
            for name in absent:
                table = table.append_column(name, pa.nulls(table.num_rows, _TYPES.get(name, pa.float32())))
            yield table

    def _dropped(self) -> Iterator[tuple[str, pa.Table]]:
        """Rows dropped at a changed step or behind one, step by step."""
        wanted = {*self.changes, *(other for names in self.behind.values() for other in names)}
        for table in self._tables("dropped"):
            for name in pc.unique(table["step"]).to_pylist():
                if name in wanted:
                    yield name, table.filter(pc.equal(table["step"], name))

    def _met(self, last: str, table: pa.Table) -> dict[str, Any]:
        """Which rows met each changed step on their way to `last`: name -> bool (n,)."""
        branches, sources = (pc.fill_null(table[name].cast(pa.string()), "") for name in ("branch", "source"))
        codes = pc.binary_join_element_wise(branches, sources, "\n").combine_chunks().dictionary_encode()
        indices = codes.indices.to_numpy()
        found = {name: np.zeros(len(codes.dictionary), bool) for name in self.changes}
        for code, key in enumerate(codes.dictionary.to_pylist()):
            branch, _, source = key.partition("\n")
            ways = self.ways(last, tuple(branch.split("/")) if branch else (), source)
            if not ways and last not in self.homes:
                raise RecipeError(f"no row of source {source!r} and branch {branch!r} can have come to {last}: is run.json this run's?")
            for name in found:
                met = [name in way for way in ways]
                if any(met) and not all(met):
                    raise RecipeError(f"{name}: which rows of source {source!r} came by it is not told by their columns: a run is needed")
                found[name][code] = any(met)
        return {name: mask[indices] for name, mask in found.items()}

    @cache  # noqa: B019 - as long as the question
    def ways(self, port: str, labels: tuple[str, ...], source: str) -> frozenset[tuple[str, ...]]:
        """Steps from a source to a port, by the branches a row took; none if it cannot have come there.

        Several where inputs bring rows that have the source and branches of an earlier run.
        """
        name, _, branch = port.partition(".")
        if port in self.steps:
            name, branch = port, ""
        if branch:
            if not labels or labels[-1] != port:
                return frozenset()
            labels = labels[:-1]
        step = self.steps[name]
        if step.kind == "regroup":  # what a row was before it was made is not told by its branches
            return frozenset([(name,)])
        if step.kind == "source":
            brought = ("source", "branch") if step.use == "rows" else tuple(step.params.get("carry") or ())
            own = source == name or source not in self.steps or "source" in brought
            return frozenset([(name,)] if own and (not labels or "branch" in brought) else [])
        return frozenset((*way, name) for need in step.needs for way in self.ways(need, labels, source))

    def _verdicts(self, table: pa.Table, met: Mapping[str, Any], last: str | None = None, check: bool = True) -> tuple[Any, Any]:
        """Number of the first changed step that drops each row now, -1 for none, and its reasons; steps up to `last`, not with it."""
        first, reason = np.full(table.num_rows, -1), np.full(table.num_rows, None, object)
        for number, (name, change) in enumerate(self.changes.items()):
            if name == last or not met[name].any():
                continue
            new = change.reasons(table, True)
            if check:
                self.differs[name] += int((met[name] & change.reasons(table, False).is_valid().to_numpy(zero_copy_only=False)).sum())
                self._count(name, new.filter(pa.array(met[name])))
            hit = met[name] & new.is_valid().to_numpy(zero_copy_only=False) & (first < 0)
            first[hit] = number
            reason[hit] = np.array(new.to_pylist(), object)[hit]
        return first, reason

    def _count(self, name: str, reasons: Any) -> None:
        for entry in pc.value_counts(reasons.drop_null()).to_pylist():
            self.verdicts[name][entry["values"]] += entry["counts"]

    def _kept(self, last: str, table: pa.Table) -> None:
        """Rows of an output: lost, or not."""
        met = self._met(last, table)
        first, reasons = self._verdicts(table, met)
        self.counted["outputs"] += table.num_rows
        lost = first >= 0
        if not lost.any():
            return
        gone = table.filter(pa.array(lost))
        sizes, names = self._text_bytes(gone), list(self.changes)
        for lang, rows in _by_language(gone, self.lost):
            self.lost[lang].add(len(rows), sizes[rows].sum(), _numbers(gone["n_tokens"])[rows].sum())
        at = [(names[k], reason) for k, reason in zip(first[lost], reasons[lost], strict=True)]
        self.reasons.update(at)
        self._show("lost", gone, at)

    def _gone(self, last: str, table: pa.Table) -> None:
        """Rows dropped at a step: won, dropped somewhere else, or as they were."""
        met = self._met(last, table)
        first, _ = self._verdicts(table, met, last)
        elsewhere = first >= 0
        if last in self.changes:
            change = self.changes[last]
            old, new = change.reasons(table, False), change.reasons(table, True)
            self._count(last, new)
            same = pc.equal(pc.fill_null(old, ""), table["drop_reason"]).to_numpy()
            self.differs[last] += int((~same).sum())
            won = ~elsewhere & new.is_null().to_numpy(zero_copy_only=False) & same
            elsewhere |= ~won & ~pc.equal(pc.fill_null(new, ""), pc.fill_null(old, "")).to_numpy(zero_copy_only=False)
            if won.any():
                chosen = table.filter(pa.array(won))
                sizes, tokens = _numbers(chosen["document_bytes"]), _numbers(chosen["n_tokens"])
                for lang, rows in _by_language(chosen, {lang: None for _, lang in self.strata}):
                    self.strata[last, lang].all.add(len(rows), sizes[rows].sum(), tokens[rows].sum())
                self._show("won", chosen, [(last, reason) for reason in chosen["drop_reason"].to_pylist()])
        self.counted["elsewhere"] += int(elsewhere.sum())

    def _shadows(self, table: pa.Table) -> None:
        """Rows of the sample that are won at a changed step: what becomes of them behind it. All of one file."""
        ports = [port for port, home in self.homes.items() if home == group_of(table["_file"][0].as_py())]
        if not ports:
            return
        for last in set(pc.unique(table["shadow_step"]).to_pylist()) & set(self.changes):
            rows = table.filter(pc.equal(table["shadow_step"], last))
            ends = [self._met(port, rows) for port in ports]
            met = {name: np.logical_or.reduce([end[name] for end in ends]) for name in self.changes}
            before = {name: mask & (name in self.upstream[last]) for name, mask in met.items()}
            stays = met[last] & self.changes[last].reasons(rows, True).is_null().to_numpy(zero_copy_only=False)
            won = stays & (self._verdicts(rows, before, last, check=False)[0] < 0)
            if not won.any():
                continue
            after = {name: mask & (name in self.behind[last]) for name, mask in met.items()}
            passes = self._verdicts(rows, after, last, check=False)[0] < 0
            later = rows["shadow_later"].to_pylist()
            passes &= np.array([all(verdict.partition(":")[0] in self.changes for verdict in verdicts or ()) for verdicts in later], bool)
            chosen, passes = rows.filter(pa.array(won)), passes[won]
            sizes, tokens = _numbers(chosen["document_bytes"]), _numbers(chosen["n_tokens"])
            for lang, here in _by_language(chosen, {lang: None for _, lang in self.strata}):
                stratum, good = self.strata[last, lang], here[passes[here]]
                stratum.sampled += len(here)
                stratum.passing.add(len(good), sizes[good].sum(), tokens[good].sum())
                for k, values in enumerate((sizes[good], tokens[good])):
                    stratum.squares[k] += float((values.astype(np.float64) ** 2).sum())

    def _text_bytes(self, table: pa.Table) -> Any:
        """Bytes of the texts of some rows of outputs: int64 (n,). Reads the text of their row groups alone."""
        if "text" not in self.run.schema("outputs", columns=("text",)).names:
            return np.zeros(table.num_rows, np.int64)
        return value_bytes(self.run.rows("outputs", table.select(list(PLACE)), ("text",))["text"])

    def _show(self, what: str, table: pa.Table, at: list[tuple[str, str]]) -> None:
        """Keep the examples: those of the smallest hash of id."""
        order = id_order(table["id"], self.seed)
        known = self.shown[what]
        for k in np.argsort(order, kind="stable")[: self.examples].tolist():
            row = {name: table[name][k].as_py() for name in ("id", "url", "lang")}
            columns = self.changes[at[k][0]].measures[at[k][1]]
            metrics = {name: plain(table[name][k].as_py()) for name in columns if table[name][k].is_valid}
            known.append((int(order[k]), {**row, "step": at[k][0], "reason": at[k][1], "metrics": metrics}))
        known.sort(key=lambda pair: pair[0])
        del known[self.examples :]

    # -- the report -----------------------------------------------------------------------------------

    def _report(self) -> dict[str, Any]:
        languages = sorted({*self.lost, *(lang for _, lang in self.strata)})
        exact = self._exact
        again = sorted({n for names in self.behind.values() for n in names if self.steps[n].kind == "global"}, key=list(self.steps).index)
        beside = [n for n, s in self.steps.items() if s.kind == "global" and n not in self.inside]
        return {
            "run": str(self.run.folder),
            "changes": [
                {"step": name, "use": change.step.use, "param": param, "old": old, "new": new}
                for name, change in self.changes.items() for param, old, new in change.values
            ],
            "exact": exact,
            "documents": self.counted["outputs"],
            "lost": _total(list(self.lost.values())),
            "won_at_step": sum(s.all.documents for s in self.strata.values()),
            "won": self._won([*self.strata]),
            "dropped_elsewhere": self.counted["elsewhere"],
            "verdicts": {
                name: {reason: {"old": change.step.account["dropped"].get(reason, 0), "new": self.verdicts[name][reason]}
                       for reason in sorted({*change.step.account["dropped"], *self.verdicts[name]})}
                for name, change in self.changes.items()
            },
            "by_lang": [
                {"lang": lang, "lost": _total([self.lost[lang]] if lang in self.lost else []),
                 "won": self._won([key for key in self.strata if key[1] == lang])}
                for lang in languages
            ],
            "reasons": [{"step": step, "reason": reason, "lost": n} for (step, reason), n in sorted(self.reasons.items())],
            "examples": {what: [example for _, example in found] for what, found in self.shown.items()},
            "again": [
                {"step": n, "use": self.steps[n].use, "why": DECIDES if _may_drop(self.steps[n]) else COMPARES} for n in [*again, *beside]
            ],
            "differs": {name: n for name, n in self.differs.items() if n},
            "notes": self._notes(),
        }  # fmt: skip

    @property
    def _exact(self) -> bool:
        return all(s.sampled == s.all.documents for (step, _), s in self.strata.items() if self.open[step])

    def _notes(self) -> list[str]:
        notes = []
        for name, change in self.changes.items():
            step = change.step
            if step.kind != "keep" and (version := registry.version(step.use)) != step.version:
                notes.append(f"{name}: the rules are those of {step.use} {version}, the run was made by {step.version}")
            if n := self.differs[name]:
                notes.append(f"{name}: {n:,} verdicts of the run do not follow from these rules")
        notes += [f"outputs.{name} is in no number: its documents go on to another output" for name in self.passed_over]
        if any(_scatters(self.steps[port.partition(".")[0]]) for port in self.homes):
            notes.append("the run's outputs are samples: what is won may not be in them, and copies are counted")
        unsampled = sum(s.all.documents for (step, _), s in self.strata.items() if self.open[step] and not s.sampled)
        if unsampled and not self._exact:
            notes.append(f"of {unsampled:,} documents let through none is in the shadow sample: `settings.shadow` or --annotate gives more")
        return notes

    def _won(self, keys: list[tuple[str, str]]) -> dict[str, dict[str, float | int | None]]:
        """Documents, bytes and tokens won, each with the interval it lies in; of steps whose strata are those of `keys`."""
        parts = []
        for step in dict.fromkeys(step for step, _ in keys):
            strata = [self.strata[key] for key in keys if key[0] == step]
            parts.append(self._part(step, strata))
        return {what: _added([part[what] for part in parts]) for what in ("documents", "bytes", "tokens")}

    def _part(self, step: str, strata: list[Stratum]) -> dict[str, tuple[float, float, float]]:
        """(estimate, low, high) of one step's strata together."""
        total, sampled = sum(s.all.documents for s in strata), sum(s.sampled for s in strata)
        passing = Sum()
        for s in strata:
            passing.add(s.passing.documents, s.passing.bytes, s.passing.tokens)
        if not self.open[step]:
            documents = (float(total),) * 3
        else:
            low, high = interval(passing.documents, sampled, total)
            documents = (total * passing.documents / sampled if sampled else math.nan, low, high)
        found = {"documents": documents}
        for k, what in enumerate(("bytes", "tokens")):
            known = sum(getattr(s.all, what) for s in strata)
            if not self.open[step] and (what == "bytes" or known):
                found[what] = (float(known),) * 3
                continue
            found[what] = _sized(documents, passing.documents, getattr(passing, what), sum(s.squares[k] for s in strata), sampled == total)
        return found


def interval(passing: int, sampled: int, total: int) -> tuple[float, float]:
    """How many of `total` pass, by a simple random sample of them: Wilson's interval of 95 %, corrected for the finite total.

    Cochran 1977, section 2.6 (the correction), Wilson 1927. Exact where all are sampled; 0 to all where none is.
    """
    if sampled == 0:
        return 0.0, float(total)
    if sampled >= total:
        return float(passing), float(passing)
    n = sampled * (total - 1) / (total - sampled)
    low, high = wilson(passing / sampled * n, n, Z)
    return max(float(passing), total * low), min(float(total - sampled + passing), total * high)


def _sized(documents: tuple[float, float, float], n: int, size: int, squares: float, whole: bool) -> tuple[float, float, float]:
    """(estimate, low, high) of bytes or tokens: documents times the mean of the n that pass, both with their errors.

    The mean's is Student's; of one document there is none, and no upper bound.
    """
    if n == 0:
        return (0.0, 0.0, 0.0) if documents[2] == 0 else (documents[0], 0.0, math.inf)
    mean = size / n
    estimate, low, high = (mean * d for d in documents)
    if whole:
        return estimate, low, high
    if n == 1:
        return estimate, float(size), math.inf
    error = _student(n - 1) * math.sqrt(max(0.0, squares - n * mean * mean) / (n - 1) / n) * documents[0]
    return estimate, max(float(size), estimate - math.hypot(estimate - low, error)), estimate + math.hypot(high - estimate, error)


def _student(freedom: int) -> float:
    """Student's t for an interval of 95 %, by the expansion of Abramowitz and Stegun 1964, 26.7.5: 3 % off at two degrees of freedom."""
    if freedom == 1:
        return 12.706
    terms = ((Z**3 + Z) / 4, (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96, (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384)
    return Z + sum(term / float(freedom) ** k for k, term in enumerate(terms, 1))


def _added(parts: list[tuple[float, float, float]]) -> dict[str, float | int | None]:
    """The sum of independent estimates; its interval by the method of variance estimates recovery (Zou and Donner 2008).

    Where of one nothing was sampled there is no estimate, and the bounds are added up.
    """
    if any(math.isnan(p[0]) for p in parts):
        low, high = sum(p[1] for p in parts), sum(p[2] for p in parts)
        return {"estimate": None, "low": round(low), "high": None if math.isinf(high) else round(high)}
    estimate = sum(p[0] for p in parts)
    low = estimate - math.sqrt(sum((p[0] - p[1]) ** 2 for p in parts))
    high = estimate + math.sqrt(sum((p[2] - p[0]) ** 2 for p in parts))
    return {"estimate": round(estimate), "low": round(max(low, 0)), "high": None if math.isinf(high) else round(high)}


def _total(sums: list[Sum]) -> dict[str, int]:
    return {what: sum(getattr(s, what) for s in sums) for what in ("documents", "bytes", "tokens")}


def _numbers(column: Any) -> Any:
    return pc.fill_null(column, 0).to_numpy().astype(np.int64)


def _by_language(table: pa.Table, known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(language, rows) of each language of a table, `other` of those beyond the first LANGUAGES."""
    codes = pc.fill_null(table["lang"].cast(pa.string()), "und").combine_chunks().dictionary_encode()
    numbers = codes.indices.to_numpy()
    for code, lang in enumerate(codes.dictionary.to_pylist()):
        yield (lang if lang in known or len(known) < LANGUAGES else "other"), np.flatnonzero(numbers == code)


def _may_drop(step: OpenStep) -> bool:
    """Whether a step may drop documents; of a stage that is not known, whether it did, and a row step may."""
    if step.use in registry.names():
        return bool(registry.lookup(step.use).drops)
    return step.kind in ("keep", "row") or bool(step.account["dropped"])


def _scatters(step: OpenStep) -> bool:
    """Whether a step puts its output in an order of its own, some documents more than once."""
    stage = registry.lookup(step.use) if step.kind == "global" and step.use in registry.names() else None
    return isinstance(stage, GlobalStage) and type(stage).scatter is not GlobalStage.scatter


_TYPES = {
    "step": pa.string(), "drop_reason": pa.string(), "shadow_step": pa.string(), "shadow_later": pa.list_(pa.string()),
    "document_bytes": pa.int64(), "n_tokens": pa.int64(),
    **dict.fromkeys(("id", "url", "source", "branch", "lang", "profile"), pa.string()),
}  # fmt: skip


def what_if(run: OpenRun, changes: Mapping[str, Any], examples: int = 5, seed: int = 0) -> dict[str, Any]:
    """What other parameters of filters would have kept and dropped.

    Args:
        changes: STEP.PARAM (or STEP.PARAM.KEY of a map) -> value; a step by its name, or its stage's where that is one step.
        examples: documents shown of each kind. seed: another one shows others.
    Returns: documents (in the outputs now), lost and won {documents, bytes, tokens}, by_lang, examples, again (global steps that would
        have to run again), exact, verdicts (of each changed step on the documents that reached it). What is won is {estimate, low, high};
        where all three are one number it is exact. Its bytes are those it had when it was dropped (exact) or at the end of its way.
    Raises: RecipeError for a change that only a run can answer, or where a stage is not known (see `registry.plug_in`).
    """
    return WhatIf(run, changes, examples, seed).answer()


def page(report: dict[str, Any]) -> str:
    """The report as text."""
    lines = [f"{c['step']}.{c['param']}: {json.dumps(c['old'])} -> {json.dumps(c['new'])}" for c in report["changes"]]
    lost, won = report["lost"], report["won"]
    lines += [
        "",
        f"in the outputs now  {report['documents']:,} documents",
        f"lost                {lost['documents']:,} documents, {lost['bytes']:,} bytes, {lost['tokens']:,} tokens",
        f"won                 {', '.join(f'{_said(won[what])} {what}' for what in ('documents', 'bytes', 'tokens'))}",
        f"                    of {report['won_at_step']:,} that the changed steps let through; "
        + ("exact" if report["exact"] else "estimated by the shadow sample, intervals of 95 %"),
        f"dropped elsewhere   {report['dropped_elsewhere']:,} documents: at another step, or for another reason",
    ]
    if report["by_lang"]:
        lines += ["", f"{'language':<12} {'lost':>12}   won"]
        most = sorted(report["by_lang"], key=lambda entry: -max(entry["lost"]["documents"], entry["won"]["documents"]["high"]))
        lines += [f"{safe(e['lang'])[:12]:<12} {e['lost']['documents']:>12,}   {_said(e['won']['documents'])}" for e in most[:SHOWN]]
        lines += [f"... {len(most) - SHOWN} more languages"] if len(most) > SHOWN else []
    for what, examples in report["examples"].items():
        lines += ["", f"{what}, for example:"] if examples else []
        for e in examples:
            metrics = ", ".join(f"{name} {value}" for name, value in e["metrics"].items())
            lines.append(f"  {safe(e['url'] or e['id'])}  {e['step']}: {e['reason']}   {safe(metrics)}")
    for why in dict.fromkeys(a["why"] for a in report["again"]):
        names = ", ".join(f"{a['step']} ({a['use']})" for a in report["again"] if a["why"] == why)
        lines += ["", f"would run again, which is in no number above: {names}", f"  {why}"]
    return "\n".join([*lines, *report["notes"]])


def _said(value: dict[str, Any]) -> str:
    if value["estimate"] is not None and value["low"] == value["high"]:
        return f"{value['estimate']:,}"
    high = "?" if value["high"] is None else f"{value['high']:,}"
    return f"{'?' if value['estimate'] is None else format(value['estimate'], ',')} ({value['low']:,} to {high})"

