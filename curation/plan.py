"""recipe -> DAG of steps -> passes -> tasks, checked before any work.

A *step* is a node; its fingerprint is its configuration and its parents' fingerprints, nothing of
the data. A *port* is where rows leave a step: the step's name, or `step.branch` for a split. A
*pass* is a head (a source, a global or regroup step's verdicts, or a step that reads materialised
rows) and the row steps fused behind it; its *exits* are the ports that are written. A task key is
the fingerprint of a pass and the identity of the shard it reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation import assets, registry
from curation.documents import CORE
from curation.errors import RecipeError, did_you_mean
from curation.recipe import Recipe, Resources, StepSpec, above, build
from curation.stage import AssetMark, GlobalStage, Shuffled, Source, Stage, StageParams, lookup_columns
from curation.storage import digest, file_of, read_sealed
from curation.where import Where, WhereError, normal_form, parse
from curation.yaml_file import YamlFile

FORMAT = 2
"""Version of the engine's own file formats; part of every fingerprint."""
PART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What a part of an output may be called: its files begin so."""
MOST_PARTS = 256
"""Parts of an output (ours): most bits that name a partition are left for the place in a part."""
CHECKED_FILES = 1_000
"""Files of an input that are opened before a run starts."""


@dataclass
class Step:
    """One node of the DAG.

    kind: source, row, expand, split, keep, global, regroup or shards (an output).
    """

    name: str
    use: str
    kind: str
    needs: tuple[str, ...]
    stage: Stage | None
    params: Any
    fingerprint: str = ""
    schema: pa.Schema = None
    rules: dict[str, Where] = field(default_factory=dict)
    """split: branch -> rule; keep: {"": rule}."""
    notes: list[str] = field(default_factory=list)
    """What the user should know of the files its parameters name."""
    contents: dict[str, Any] = field(default_factory=dict)
    """Parameter that names files -> the identity of what is in them."""
    other: str | None = None
    copy: bool = False
    checkpoint: bool = False
    resources: Resources = field(default_factory=Resources)
    transient: frozenset[str] = frozenset()
    """Columns of `schema` that are never written."""
    optional: tuple[str, ...] = ()
    """Columns it reads because a step above has them."""

    @property
    def ports(self) -> list[str]:
        if self.kind != "split":
            return [self.name]
        return [f"{self.name}.{b}" for b in [*self.rules, *([self.other] if self.other else [])]]

    @property
    def writes(self) -> dict[str, pa.Field]:
        if self.kind in ("split", "keep", "shards") or self.stage is None:
            return {}
        if isinstance(self.stage, Source):
            return {}
        return {n: _field(n, t) for n, t in self.stage.writes(self.params).items()}

    @property
    def reads(self) -> tuple[str, ...]:
        if self.kind in ("split", "keep"):
            return tuple(sorted({c for w in self.rules.values() for c in w.columns}))
        if self.stage is None or isinstance(self.stage, Source):
            return ()
        return tuple(dict.fromkeys((*self.stage.reads(self.params), *self.optional)))

    @property
    def drops(self) -> tuple[str, ...]:
        if self.kind == "keep":
            return ("where_false",)
        return tuple(self.stage.drops) if self.stage else ()


STATE_FILE = "state.json"
"""Beside what a stage kept: what two runs must share for one to read what the other kept."""


def state_of(step: Step) -> dict[str, Any]:
    """Content of a step's STATE_FILE, one key a parameter."""
    assert isinstance(step.stage, GlobalStage)
    return {"stage": step.use, "version": registry.version(step.use), **(step.stage.state(step.params) or {})}


@dataclass
class Pass:
    """A head and the row steps fused behind it, in an order parents first."""

    name: str
    steps: list[Step]
    inputs: tuple[str, ...]
    """Ports the head reads; empty for a source."""
    exits: list[str] = field(default_factory=list)
    replay: tuple[str, ...] = ()
    """Transient columns that must be read from the source again."""
    fingerprint: str = ""

    @property
    def head(self) -> Step:
        return self.steps[0]

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.fingerprint[:12]}"

    @property
    def resources(self) -> Resources:
        """What a task needs: the most any of the steps does."""
        return Resources(**{key: max(getattr(s.resources, key) for s in self.steps) for key in Resources.model_fields})


def _field(name: str, kind: Any) -> pa.Field:
    return kind if isinstance(kind, pa.Field) else pa.field(name, kind, nullable=False)


class Plan:
    """A checked recipe.

    Args:
        recipe: as loaded.
        sample: share of the input to take (1 = all).
        annotate: let every dropped document go on as a shadow.
        until: stop after this step.
        fingerprints: read and hash assets and give steps fingerprints; a worker needs none of it.
        examples: a file of each input, where its files need not be listed again (in a worker).
        whole_shadows: keep all columns and the place of shadow rows at the end of their path.
    Raises: RecipeError at the place of the first mistake.
    """

    def __init__(
        self, recipe: Recipe, *, sample: float = 1.0, annotate: bool = False, until: str | None = None,
        fingerprints: bool = True, whole_shadows: bool = False, examples: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.whole_shadows = whole_shadows
        self.examples = dict(examples or {})
        self.recipe, self.sample, self.annotate, self.until = recipe, sample, annotate, until
        self.shadow = 1.0 if annotate else recipe.settings.shadow
        self._fingerprints = fingerprints
        self.steps: dict[str, Step] = {}
        self.owner: dict[str, str] = {}
        specs = self._specs()
        for spec in self._ordered(specs):
            self._add(spec)
        self._outputs()
        self._consumers = self._check_consumers()
        self._check_parts()
        self._check_conflicts()
        self.passes: dict[str, Pass] = {}
        self.pass_of: dict[str, str] = {}
        self._cut()

    # -- steps ------------------------------------------------------------------------------------

    def _specs(self) -> dict[str, StepSpec]:
        specs = {**self.recipe.inputs, **self.recipe.steps}
        for spec in specs.values():
            if spec.use == "split":
                self._check_split(spec)
        ports = self._known_ports(specs)
        for spec in [*specs.values(), *self.recipe.outputs.values()]:
            for need in spec.needs:
                if need not in ports:
                    stem = need.partition(".")[0]
                    branches = [p for p in ports if p.startswith(stem + ".")]
                    hint = f"branches of {stem}: {', '.join(branches)}" if branches else ""
                    raise self.recipe.error(
                        f"needs {need!r}, which is no input, step or branch" + ("" if hint else did_you_mean(need, ports)),
                        spec.section, spec.name, "needs", value=True, hint=hint,
                    )  # fmt: skip
        if self.until is not None:
            if self.until not in specs:
                raise RecipeError(f"--until: there is no step {self.until!r}" + did_you_mean(self.until, specs))
            wanted = above({name: spec.needs for name, spec in specs.items()}, self.until)
            specs = {n: s for n, s in specs.items() if n in wanted}
        return specs

    def _known_ports(self, specs: dict[str, StepSpec]) -> set[str]:
        ports: set[str] = set()
        for spec in specs.values():
            if spec.use == "split":
                branches = list(spec.params.get("to") or {}) if isinstance(spec.params.get("to"), dict) else []
                other = spec.params.get("else")
                ports.update(f"{spec.name}.{b}" for b in [*branches, *([other] if isinstance(other, str) else [])])
            else:
                ports.add(spec.name)
        return ports

    def _ordered(self, specs: dict[str, StepSpec]) -> Iterator[StepSpec]:
        """Steps, parents first, otherwise in the order of the file."""
        done: set[str] = set()
        left = dict(specs)
        while left:
            ready = next((s for s in left.values() if all(n.partition(".")[0] in done for n in s.needs)), None)
            if ready is None:
                name = next(iter(left))
                trail: list[str] = []
                while name not in trail:
                    trail.append(name)
                    name = next(n.partition(".")[0] for n in left[name].needs if n.partition(".")[0] in left)
                loop = [*trail[trail.index(name) :], name]
                raise self.recipe.error(f"the steps form a cycle: {' -> '.join(reversed(loop))}", "steps", name, "needs")
            done.add(ready.name)
            del left[ready.name]
            yield ready

    def _add(self, spec: StepSpec) -> None:
        built_in = spec.section != "inputs" and spec.use in ("split", "keep")
        step = self._built_in(spec) if built_in else self._staged(spec)
        step.checkpoint, step.resources = spec.checkpoint, spec.resources
        if self._fingerprints:
            step.fingerprint = self._fingerprint(step)
        self.steps[step.name] = step
        for port in step.ports:
            self.owner[port] = step.name

    def _staged(self, spec: StepSpec) -> Step:
        at = (spec.section, spec.name)
        try:
            stage = registry.lookup(spec.use)
        except KeyError as e:
            raise self.recipe.error(str(e.args[0]), *at, "use", value=True, hint="curate stages lists them") from e
        if (spec.section == "inputs") != isinstance(stage, Source):
            kind = "is a source: it belongs under inputs" if isinstance(stage, Source) else "is no source: it belongs under steps"
            raise self.recipe.error(f"{spec.use} {kind}", *at, "use", value=True)
        params = self.recipe.validate(stage.params, spec.params, at, spec.use)
        notes: list[str] = []
        params = self._resolved(stage.params, params, at, notes)
        step = Step(spec.name, spec.use, stage.kind, spec.needs, stage, params, notes=notes)
        if isinstance(stage, Source):
            self._source_schema(step, at)
        else:
            self._stage_schema(step, at)
            if isinstance(stage, GlobalStage) and self._fingerprints:
                for folder in stage.against(step.params):
                    self._check_against(step, stage, folder, at)
        return step

    def against(self, step: Step) -> list[tuple[str, str]]:
        """Files of earlier runs a global step competes with: (absolute path, path inside its folder)."""
        folders = step.stage.against(step.params) if isinstance(step.stage, GlobalStage) else ()
        return [found for folder in folders for found in self._parquet_of(folder)]

    def _parquet_of(self, folder: str) -> list[tuple[str, str]]:
        """The Parquet files of a folder the recipe names; FileNotFoundError if it has none."""
        return assets.find([f"{folder}/*.parquet"], self.recipe.asset_folder)

    def _check_against(self, step: Step, stage: GlobalStage, folder: str, at: tuple[str, ...]) -> None:
        """Refuse an earlier run's folder that holds no such files, or what was kept under other parameters."""
        try:
            self._parquet_of(folder)
            if not stage.keeps(step.params):
                return
            found = read_sealed(file_of(self.recipe.asset_folder, folder) / STATE_FILE)
        except FileNotFoundError as e:
            raise self.recipe.error(f"{folder} holds no state of an earlier run ({e})", *at, "against", value=True) from e
        for key, wanted in state_of(step).items():
            if found.get(key) != wanted:
                raise self.recipe.error(
                    f"{folder} was kept with {key} {found.get(key)!r}, this step has {wanted!r}: they cannot be compared",
                    *at,
                    "against",
                    value=True,
                )

    def _built_in(self, spec: StepSpec) -> Step:
        at = (spec.section, spec.name)
        step = Step(spec.name, spec.use, spec.use, spec.needs, None, NoSteps())
        step.schema, step.transient = self._incoming(spec.needs, at)
        if spec.use == "keep":
            self._check_keys(spec, ("where",))
            step.rules = {"": self._rule(spec.params.get("where"), step.schema, *at, "where")}
            return step
        step.rules = {branch: self._rule(rule, step.schema, *at, "to", branch) for branch, rule in spec.params["to"].items()}
        step.other, step.copy = spec.params["else"], spec.params.get("copy", False)
        if "branch" not in step.schema.names:
            step.schema = step.schema.append(pa.field("branch", pa.string(), nullable=True))
        return step

    def _check_keys(self, spec: StepSpec, allowed: tuple[str, ...]) -> None:
        for key in spec.params:
            if key not in allowed:
                raise self.recipe.error(
                    f"{spec.use} has no parameter {key!r}" + did_you_mean(key, allowed),
                    spec.section, spec.name, key, hint=f"parameters: {', '.join(allowed)}",
                )  # fmt: skip

    def _check_split(self, spec: StepSpec) -> None:
        """Refuse a split with a wrong key, no branches, no `else`, or a branch given twice."""
        at = (spec.section, spec.name)
        self._check_keys(spec, ("to", "else", "copy"))
        to, other = spec.params.get("to"), spec.params.get("else")
        if not isinstance(to, dict) or not to:
            raise self.recipe.error("split needs `to: {branch: rule, ...}`", *at)
        if not isinstance(other, str):
            raise self.recipe.error("split needs `else: BRANCH`, so that every document goes somewhere", *at)
        if other in to:
            raise self.recipe.error(f"branch {other!r} is given twice", *at, "else", value=True)
        if not isinstance(spec.params.get("copy", False), bool):
            raise self.recipe.error("copy is true or false", *at, "copy", value=True)

    def _rule(self, text: Any, schema: pa.Schema, *at: str) -> Where:
        if not isinstance(text, str):
            raise self.recipe.error("a rule is a text such as \"lang = 'en'\"", *at, value=True)
        try:
            return parse(text, pa.schema([f for f in schema if f.name not in self._transient_names(schema)]))
        except WhereError as e:
            raise self.recipe.error(f"{e.message} (character {e.offset + 1} of {text!r})", *at, value=True) from e

    @staticmethod
    def _transient_names(schema: pa.Schema) -> set[str]:
        return {f.name for f in schema if (f.metadata or {}).get(b"transient")}

    def _resolved(self, model: type[StageParams], params: Any, at: tuple[str, ...], notes: list[str]) -> Any:
        """Parameters with asset paths made absolute."""

        def walk(value: Any, key: str) -> Any:
            if isinstance(value, str):
                try:
                    folders = any(mark.folder for mark in marks[key])
                    path = assets.resolve(value, self.recipe.asset_folder, folders=folders)
                    for mark in marks[key]:
                        note = mark.read(path) if mark.read is not None and self._fingerprints else None
                        if isinstance(note, str):
                            notes.append(f"{key}: {note}")
                except (FileNotFoundError, ValueError) as e:
                    raise self.recipe.error(str(e), *at, key, value=True) from e
                return str(path)
            if isinstance(value, (list, tuple)):
                return type(value)(walk(v, key) for v in value)
            if isinstance(value, dict):
                return {k: walk(v, key) for k, v in value.items()}
            return value

        marks = _asset_fields(model)
        changed = {key: walk(getattr(params, key), key) for key in marks}
        return params.model_copy(update=changed) if changed else params

    def _source_schema(self, step: Step, at: tuple[str, ...]) -> None:
        stage = step.stage
        assert isinstance(stage, Source)
        try:
            # A remote one if there is any: `leaves_text` asks whether all are local.
            example = self.examples.get(step.name) or min(self.files(step), key=lambda file: "://" not in file[0])[0]
            self.examples[step.name] = example
            extra = stage.columns(step.params, example)
        except (FileNotFoundError, ValueError, OSError) as e:
            raise self.recipe.error(str(e), *at, "paths" if hasattr(step.params, "paths") else "use", value=True) from e
        fields = [pa.field(n, t, nullable=n in ("url", "domain", "date")) for n, t in CORE.items()]
        for name, kind in extra.items():
            column = _field(name, kind)
            if name in stage.transient:
                column = column.with_metadata({"transient": "1"})
            if name in ("source", "domain"):
                continue  # carried: the source's own value stands
            if name in CORE:
                raise self.recipe.error(f"column {name!r} is a core column and cannot be carried", *at)
            fields.append(column)
        step.schema, step.transient = pa.schema(fields), stage.transient & set(extra)

    @cached_property
    def _files(self) -> dict[str, list[tuple[str, str]]]:
        return {}

    def files(self, step: Step) -> list[tuple[str, str]]:
        """(path, relative path) of every file of an input."""
        if step.name not in self._files:
            assert isinstance(step.stage, Source)
            paths, may_leave = step.stage.paths(step.params, self.recipe.folder), step.stage.links_leave_root
            self._files[step.name] = assets.find(paths, self.recipe.folder, leave_root=may_leave)
        return self._files[step.name]

    def check_files(self) -> None:
        """Ask every source whether it can read its files: the first CHECKED_FILES of each, `read` asks again.

        Raises: RecipeError at the input that names a file it cannot read.
        """
        for step in self.sources:
            for path, _ in self.files(step)[:CHECKED_FILES]:
                try:
                    step.stage.check(path, step.params)  # type: ignore[union-attr, misc]
                except (ValueError, OSError) as e:
                    raise self.recipe.error(str(e), "inputs", step.name, "paths", value=True) from e

    @property
    def sources(self) -> list[Step]:
        return [s for s in self.steps.values() if s.kind == "source"]

    def _incoming(self, needs: tuple[str, ...], at: tuple[str, ...]) -> tuple[pa.Schema, frozenset[str]]:
        """Schema of the rows that reach a step: union by name, null where a parent lacks a column."""
        parents = []
        for need in needs:
            if need not in self.owner:
                raise self.recipe.error(f"{need!r} has branches: name one", *at, "needs", value=True)
            parents.append(self.steps[self.owner[need]])
        merged: dict[str, pa.Field] = {}
        for parent in parents:
            for column in parent.schema:
                known = merged.get(column.name)
                if known is not None and known.type != column.type:
                    raise self.recipe.error(
                        f"column {column.name!r} is {known.type} in one parent and {column.type} in {parent.name}", *at, "needs", value=True
                    )  # fmt: skip
                missing = any(column.name not in p.schema.names for p in parents)
                null = missing or column.nullable or (known is not None and known.nullable)
                merged[column.name] = column.with_nullable(null)
        transient = frozenset.intersection(*(p.transient for p in parents)) if parents else frozenset()
        fields = [f for f in merged.values() if not self._transient_names(pa.schema([f])) or f.name in transient]
        return pa.schema(fields), transient

    def _stage_schema(self, step: Step, at: tuple[str, ...]) -> None:
        schema, step.transient = self._incoming(step.needs, at)
        names = set(schema.names)
        if isinstance(step.stage, Shuffled):
            step.optional = tuple(c for c in step.stage.reads_if_there(step.params) if c in names)
        reads = step.reads
        lookups = set(lookup_columns(step.params).values())
        declared = set(step.writes)
        for column in [*reads, *sorted(lookups - declared)]:
            if column not in names:
                raise self.recipe.error(
                    f"{step.use} reads column {column!r}, which no step above it writes{did_you_mean(column, names)}",
                    *at, hint=f"columns here: {', '.join(sorted(names))}",
                )  # fmt: skip
        check = getattr(step.stage, "check", None)
        if check is not None:
            try:
                check(step.params, schema)
            except ValueError as e:
                raise self.recipe.error(str(e), *at) from e
        if step.kind in ("expand", "regroup"):
            schema, step.transient = pa.schema([f for f in schema if f.name not in step.transient]), frozenset()
        for name, column in step.writes.items():
            if name in names:
                if name not in reads:
                    owner = next((s.name for s in self.steps.values() if name in s.writes), "the input")
                    raise self.recipe.error(f"{step.use} creates column {name!r}, which {owner} has created already", *at)
                old = schema.field(name)
                if old.type != column.type:
                    raise self.recipe.error(f"{step.use} replaces column {name!r} ({old.type}) by {column.type}", *at)
                schema = schema.set(schema.get_field_index(name), column)
            else:
                schema = schema.append(column)
        for name, column in self.scattered(step).items():
            if name in schema.names:
                raise self.recipe.error(f"{step.use} creates column {name!r}, which is there already", *at)
            schema = schema.append(column)
        if step.kind in ("expand", "regroup") and "parent_ids" not in schema.names:
            schema = schema.append(pa.field("parent_ids", pa.list_(pa.string()), nullable=True))
        step.schema = schema

    def _fingerprint(self, step: Step) -> str:
        parents = [[n, self.steps[self.owner[n]].fingerprint] for n in step.needs]
        if step.kind in ("split", "keep"):
            rules = [[b, normal_form(w.source)] for b, w in step.rules.items()]
            return digest(FORMAT, step.kind, rules, step.other, step.copy, parents)
        if step.kind == "shards":
            return digest(FORMAT, "shards", self.recipe.settings.output_bytes, parents)
        values = step.params.model_dump(mode="json")
        if isinstance(step.stage, GlobalStage) and step.stage.against(step.params):
            values.pop("against", None)  # what it reads is in the task keys
        step.contents = {key: _checksums(getattr(step.params, key)) for key in _asset_fields(type(step.params))}
        values |= step.contents
        extra: list[Any] = []
        if step.kind == "source":
            values.pop("paths", None)  # what is read is in the task keys, not in the configuration
            extra = [step.name, self.sample, self.shadow]
        return digest(FORMAT, step.use, registry.version(step.use), values, parents, extra)

    # -- outputs and consumers ----------------------------------------------------------------------

    def _outputs(self) -> None:
        specs = {} if self.until else dict(self.recipe.outputs)
        if not specs:
            used = {n for s in self.steps.values() for n in s.needs}
            for port in [p for p in self.owner if p not in used]:
                name = port.replace(".", "-")
                self._output(name, port)
            return
        for spec in specs.values():
            if spec.use == "shards":
                if spec.params:
                    key = next(iter(spec.params))
                    raise self.recipe.error(f"shards has no parameter {key!r}", "outputs", spec.name, key)
                if len(spec.needs) != 1:
                    self._incoming(spec.needs, ("outputs", spec.name))
                self._output(spec.name, *spec.needs)
            else:
                self._add(spec)
                if self.steps[spec.name].kind == "source":
                    raise self.recipe.error(f"{spec.use} is a source", "outputs", spec.name, "use")
                self._output(spec.name, spec.name)

    def _output(self, name: str, *needs: str) -> None:
        step = Step(f"outputs.{name}", "shards", "shards", tuple(needs), None, NoSteps())
        step.schema, step.transient = self._incoming(tuple(needs), ("outputs", name))
        if self._fingerprints:
            step.fingerprint = self._fingerprint(step)
        self.steps[step.name] = step

    def tallied(self, step: Step) -> tuple[str, ...]:
        """Columns that the accounts of a step add up: those a row stage above it has marked so."""
        if step.kind not in ("row", "keep", "global"):
            return ()
        return tuple(f.name for f in step.schema if (f.metadata or {}).get(b"tallied") and f.name not in step.writes)

    def _check_consumers(self) -> dict[str, list[Step]]:
        """Who reads each port; an output shares a port, two steps may not."""
        consumers: dict[str, list[Step]] = {p: [] for p in self.owner}
        for step in self.steps.values():
            for need in step.needs:
                consumers[need].append(step)
        outputs = set(self.recipe.outputs)
        for port, readers in consumers.items():
            working = [s for s in readers if s.kind != "shards" and s.name not in outputs]
            if len(working) > 1:
                raise self.recipe.error(
                    f"{working[0].name} and {working[1].name} both need {port!r}, which would copy every document",
                    "steps", working[1].name, "needs", hint="use a split; with `copy: true` where copies are meant",
                )  # fmt: skip
            if not readers:
                owner = self.owner[port]
                section = "inputs" if owner in self.recipe.inputs else "steps"
                raise self.recipe.error(
                    f"nothing needs {port!r}: its documents would go nowhere", section, owner, hint="add a step or an output that needs it"
                )
        return consumers

    def parts(self, step: Step) -> tuple[str, ...]:
        """Parts of an output a step scatters its documents to; none where rows stay in their shards."""
        if self.whole_shadows or not isinstance(step.stage, GlobalStage):
            return ()
        return step.stage.parts(step.params)

    def scattered(self, step: Step) -> dict[str, pa.Field]:
        """Columns a step adds to rows of an output as it scatters them."""
        if not self.parts(step):
            return {}
        assert isinstance(step.stage, GlobalStage)
        return {n: _field(n, t) for n, t in step.stage.scattered(step.params).items()}

    def _check_parts(self) -> None:
        """Refuse a step that scatters to badly named parts, or whose rows anything but an output of its own needs."""
        for step in self.steps.values():
            parts, section = self.parts(step), "outputs" if step.name in self.recipe.outputs else "steps"
            if not parts:
                continue
            for name in parts:
                if not PART_NAME.fullmatch(name) or parts.count(name) > 1:
                    problem = "twice" if parts.count(name) > 1 else "of which no file's name can be made"
                    raise self.recipe.error(f"{step.use} names a part {name!r}, {problem}", section, step.name)
            if len(parts) > MOST_PARTS:
                raise self.recipe.error(f"{step.use} names {len(parts)} parts; {MOST_PARTS} are the most", section, step.name)
            for reader in self._consumers[step.name]:
                if reader.kind != "shards" or reader.needs != (step.name,):
                    name = reader.name.removeprefix("outputs.")
                    raise self.recipe.error(
                        f"{name} needs {step.name!r}, whose {step.use} puts documents into the order and the parts of an output",
                        "outputs" if name in self.recipe.outputs else "steps", name, "needs",
                        hint="only outputs may need it, and nothing beside it",
                    )  # fmt: skip

    def _check_conflicts(self) -> None:
        """Refuse two steps of one stage that must not be given the same documents and need the same ports; of others it is noted."""
        for second, first in combinations(reversed([s for s in self.steps.values() if isinstance(s.stage, GlobalStage)]), 2):
            if first.use != second.use or (why := second.stage.conflict(second.params, first.params)) is None:  # type: ignore[union-attr]
                continue
            if set(first.needs) & set(second.needs):
                section = "outputs" if second.name in self.recipe.outputs else "steps"
                raise self.recipe.error(f"beside {first.name}, of the same documents: {why}", section, second.name)
            second.notes.append(f"beside {first.name}, where they have documents in common: {why}")

    # -- passes -------------------------------------------------------------------------------------

    def _materialised(self, port: str) -> bool:
        step = self.steps[self.owner[port]]
        return step.checkpoint or step.kind in ("expand", "regroup") or bool(step.stage and step.stage.costly) or step.resources.gpus > 0

    def _cut(self) -> None:
        for step in self.steps.values():
            if step.kind == "shards":
                continue
            homes = {self.pass_of[self.owner[n]] for n in step.needs}
            alone = step.kind in ("source", "global", "regroup") or step.resources.gpus > 0
            new = alone or len(homes) > 1 or any(self._materialised(n) for n in step.needs)
            if new:
                self.passes[step.name] = Pass(step.name, [step], step.needs)
                self.pass_of[step.name] = step.name
            else:
                home = homes.pop()
                self.passes[home].steps.append(step)
                self.pass_of[step.name] = home
        for p in self.passes.values():
            inside = {s.name for s in p.steps}
            for step in p.steps:
                for port in step.ports:
                    readers = self._consumers[port]
                    if any(r.name not in inside or r is p.head for r in readers):
                        p.exits.append(port)
            if p.head.kind != "source":
                wanted = {c for s in p.steps for c in s.reads if c in s.transient or c in self._transient_of(s)}
                p.replay = tuple(sorted(wanted))
        if self._fingerprints:
            for p in self.passes.values():
                flags = [[e, self.keeps_rows(e), *(["no text"] if self.leaves_text(e) else [])] for e in p.exits]
                p.fingerprint = digest(FORMAT, [s.fingerprint for s in p.steps], flags, list(p.replay), self.shadow)

    def _transient_of(self, step: Step) -> frozenset[str]:
        return frozenset().union(*(self.steps[self.owner[n]].transient for n in step.needs)) if step.needs else frozenset()

    def keeps_rows(self, port: str) -> bool:
        """Whether rows of this port must remember their place in the source, to be read again."""
        if self.whole_shadows:
            return True
        seen: set[str] = set()
        queue = [port]
        while queue:
            at = queue.pop()
            for reader in self._consumers.get(at, []):
                if reader.kind == "shards" or reader.name in seen:
                    continue
                seen.add(reader.name)
                home = self.passes.get(self.pass_of[reader.name])
                if home is not None and home.name == reader.name and home.replay:
                    return True
                queue.extend(reader.ports)
        return False

    def leaves_text(self, port: str) -> bool:
        """Whether the text of a port's rows stays in the file it was read from, and its shards say where (`_text`).

        So it is where a pass does nothing but apply verdicts or read local files that give a text again as cheaply as a shard does,
        and a step reads the port: it takes the text from there, and so does an output beside it, which so can be added afterwards.
        """
        p = self.passes[self.pass_of[self.owner[port]]]
        head = p.head
        if self.whole_shadows or len(p.steps) > 1 or head.checkpoint or p.replay:
            return False
        if "text" not in head.schema.names or "text" in head.writes:
            return False
        if all(reader.kind == "shards" for reader in self._consumers[port]):
            return False
        if isinstance(head.stage, Source):
            return head.stage.gives_text_again and "://" not in self.examples[head.name]
        return head.kind == "global"

    @property
    def outputs(self) -> list[Step]:
        return [s for s in self.steps.values() if s.kind == "shards"]

    def input_schema(self, p: Pass) -> pa.Schema:
        """Columns the rows of a pass have when its head sees them."""
        if p.head.kind == "source":
            return p.head.schema
        if p.head.kind == "regroup":
            return p.head.schema
        return self._incoming(p.inputs, ("steps", p.name))[0]

    def port_schema(self, port: str, whole: bool = False) -> pa.Schema:
        """Columns of the shards written at a port; `whole`: with the text it leaves elsewhere, as its shadows have it."""
        step = self.steps[self.owner[port]]
        fields = [f.remove_metadata().with_nullable(True) for f in step.schema if f.name not in self._transient_names(step.schema)]
        if self.keeps_rows(port):
            fields.append(pa.field("_row", pa.int64()))
        if not whole and self.leaves_text(port):
            fields = [*(f for f in fields if f.name != "text"), pa.field("_text", pa.int64())]
        return pa.schema(fields)

    def emitters(self, port: str) -> list[Step]:
        """Global and regroup steps that read a port."""
        return [s for s in self._consumers[port] if s.kind in ("global", "regroup")]

    def consumers(self, port: str) -> list[Step]:
        return self._consumers[port]


def snapshot(plan: Plan) -> dict[str, Any]:
    """Everything a worker needs to rebuild the plan, as plain data; the recipe as text, since the order of its keys counts."""
    recipe = plan.recipe

    def entry(spec: Any) -> dict[str, Any]:
        own = {"checkpoint": spec.checkpoint, "resources": spec.resources.model_dump()}
        return {"use": spec.use, **({"needs": list(spec.needs)} if spec.needs else {}), **own, **spec.params}

    raw = {
        "name": recipe.name, "plugins": [str(p) for p in recipe.plugins], "settings": recipe.settings.model_dump(mode="json"),
        **{s: {n: entry(e) for n, e in getattr(recipe, s).items()} for s in ("inputs", "steps", "outputs")},
    }  # fmt: skip
    options = {"sample": plan.sample, "annotate": plan.annotate, "until": plan.until, "examples": plan.examples}
    return {"recipe": json.dumps(raw), "file": str(recipe.file.resolve()), "options": options}


def plan_file(saved: Mapping[str, Any]) -> str:
    """Place in a run's folder of a plan's snapshot."""
    return f"work/plan-{digest(saved)[:12]}.json"


def plan_of(saved: dict[str, Any]) -> Plan:
    """The plan a snapshot describes, without fingerprints; assets were read when it was made."""
    recipe = build(YamlFile(Path(saved["file"]), json.loads(saved["recipe"])), {})
    return Plan(recipe, **saved["options"], fingerprints=False)


class NoSteps(StageParams):
    """Parameters of the engine's own steps."""


def _asset_fields(model: type[StageParams]) -> dict[str, list[AssetMark]]:
    """Parameters that name files, with their marks."""

    def marks(annotation: Any) -> list[AssetMark]:
        inner = [m for m in getattr(annotation, "__metadata__", ()) if isinstance(m, AssetMark)]
        return inner + [mark for a in getattr(annotation, "__args__", ()) for mark in marks(a)]

    found = {name: [m for m in f.metadata if isinstance(m, AssetMark)] + marks(f.annotation) for name, f in model.model_fields.items()}
    return {name: list(dict.fromkeys(of)) for name, of in found.items() if of}


def _checksums(value: Any) -> Any:
    if isinstance(value, str):
        return assets.identify_asset(Path(value))
    if isinstance(value, (list, tuple)):
        return [_checksums(v) for v in value]
    if isinstance(value, dict):
        return {k: _checksums(v) for k, v in value.items()}
    return value
