"""pipeline.yaml -> validated recipe; every error names the place in the YAML.

The shape of the file is checked here, `Plan` checks what the stages and columns say to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from curation import registry
from curation.errors import RecipeError, did_you_mean
from curation.yaml_file import YamlFile, parse_yaml, read_text

NAME = r"^[A-Za-z][A-Za-z0-9_-]*$"
BUILT_IN = ("split", "keep")
KEYS = {
    "name": "name of the run, whose folder is runs/NAME: letters, digits, - and _; the file's name if absent",
    "inputs": "map of name: entry; sources, where documents come from; at least one",
    "steps": "map of name: entry; stages, each behind the one above unless it says what it needs",
    "outputs": "map of name: entry; what is written to outputs/NAME: `shards` (a step's rows) or a stage; if absent, what no step needs. "
    "A stage that puts documents into an order of its own writes equally large shards PART-NUMBER-KEY.parquet, to be read in the order of "
    "their names; only outputs may need it",
    "settings": "settings of the whole run, below",
    "plugins": "list of Python files whose stages the recipe may use; paths are relative to the recipe",
}
"""Keys of a recipe."""
ENTRY_KEYS = {
    "use": "the stage; required",
    "needs": "a step, an input, a branch (step.branch), or a list of them; the step above if absent; inputs need nothing",
    "checkpoint": "true writes the rows behind this step, so that a change further down starts there; false if absent",
    "resources": "map of what a task of this step needs on a machine, below; only the executor `ray` asks for it",
}
"""Keys of an entry of inputs, steps or outputs; every other key is a parameter of its stage."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MaxFailed(_Frozen):
    """How many documents a step may fail on before the run stops (ours)."""

    share: float = Field(default=0.001, ge=0, le=1, description="share of the step's documents")
    least: int = Field(default=10, ge=0, description="failures that are always allowed")


class Limits(_Frozen):
    """Far backstops for one document; what they catch is quarantined (ours)."""

    cpu_seconds: float = Field(default=60, gt=0, description="CPU time one document may use")
    idle_seconds: float = Field(default=300, gt=0, description="wall time a worker may stand still without using CPU")
    memory_bytes: int | None = Field(default=None, gt=0, description="resident memory of a worker; null = the machine's share")


class Shuffle(_Frozen):
    """Sizes of the shuffle (ours)."""

    partition_bytes: int = Field(default=64 << 20, gt=0, description="bytes of documents per partition of a mix")
    reduce_bytes: int = Field(default=256 << 20, gt=0, description="memory of one reducer's rows")
    spill_bytes: int = Field(default=256 << 20, gt=0, description="memory of one mapper's rows")
    range_reads: int = Field(
        default=1_000_000, gt=0, description="ranges read by all reducers from which on what mappers wrote is first put together in groups"
    )


class Settings(_Frozen):
    """Settings of a whole run."""

    shadow: float = Field(default=0.001, ge=0, le=1, description="share of documents whose path goes on after a drop")
    max_failed: MaxFailed = Field(default=MaxFailed(), description="documents a step may fail on before the run stops")
    limits: Limits = Field(default=Limits(), description="far backstops for one document; what they catch is quarantined")
    shuffle: Shuffle = Field(default=Shuffle(), description="sizes of the shuffle behind global and regroup steps")
    output_bytes: int = Field(
        default=512 << 20, gt=0, description="size small output shards are joined to; in memory, where a stage orders its output"
    )
    pack_bytes: int | None = Field(
        default=None, ge=0, description="join input files smaller than this into one task; null = 64 MiB when there are over 1,000 files"
    )


class Resources(_Frozen):
    """What a task of a step needs on a machine. A step that needs GPUs is a pass of its own, whoever runs it."""

    cpus: float = Field(default=1.0, gt=0, description="cores")
    gpus: float = Field(default=0.0, ge=0, description="GPUs, or a share of one; its tasks run in processes that keep their model")
    memory_bytes: int = Field(default=0, ge=0, description="memory; also the limit of the task's worker, if settings.limits has none")


@dataclass(frozen=True)
class StepSpec:
    """One entry of inputs, steps or outputs as the recipe says it."""

    name: str
    use: str
    needs: tuple[str, ...]
    params: dict[str, Any]
    checkpoint: bool
    resources: Resources
    section: str


@dataclass
class Recipe(YamlFile):
    """A recipe whose YAML is well-formed; `Plan` checks it against the stages."""

    name: str = ""
    inputs: dict[str, StepSpec] = field(default_factory=dict)
    steps: dict[str, StepSpec] = field(default_factory=dict)
    outputs: dict[str, StepSpec] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    plugins: list[Path] = field(default_factory=list)

    @cached_property
    def asset_folder(self) -> Path:
        """Folder that paths of models and lists are relative to: the recipe's, unless it is set."""
        return self.folder


def load(file: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        file: path of the YAML file.
        overrides: dotted key -> value, as `--set` gives them: `step.param`, or `settings.shadow`.
    Raises: RecipeError naming file, line, column and key.
    """
    return build(parse_yaml(read_text(file, "recipe"), file, "recipe"), overrides or {})


def build(source: YamlFile, overrides: Mapping[str, Any]) -> Recipe:
    """Recipe of a file that was read; see `load`."""
    raw = source.data
    recipe = Recipe(source.file, raw, source.marks, source.values)
    for key in raw:
        if key not in KEYS:
            raise recipe.error(f"unknown key {key!r}{did_you_mean(key, KEYS)}", key, hint=f"keys: {', '.join(KEYS)}")
    name = raw.get("name", source.file.stem)
    if not isinstance(name, str) or not re.match(NAME, name):
        raise recipe.error(f"a name is letters, digits, - and _, not {name!r}", "name", value=True)
    recipe.name = name
    recipe.plugins = _plugins(recipe, raw.get("plugins", []))
    for section in ("inputs", "steps", "outputs"):
        setattr(recipe, section, _section(recipe, raw, section))
    if not recipe.inputs:
        raise recipe.error("a recipe needs at least one input", "inputs", hint='inputs: {crawl: {use: warc, paths: "crawl/*.warc.gz"}}')
    _apply_overrides(recipe, raw, overrides)
    recipe.settings = recipe.validate(Settings, raw.get("settings") or {}, ("settings",))
    return recipe


def above(needs: Mapping[str, Sequence[str]], *ports: str) -> set[str]:
    """Steps that rows of some ports (steps, or STEP.BRANCH) came through, those of the ports included; needs: step -> ports."""
    found: set[str] = set()
    queue = list(ports)
    while queue:
        port = queue.pop()
        name = port if port in needs else port.partition(".")[0]  # the name of an output has a dot
        if name in needs and name not in found:
            found.add(name)
            queue += needs[name]
    return found


def _plugins(recipe: Recipe, raw: Any) -> list[Path]:
    if not isinstance(raw, list) or not all(isinstance(p, str) for p in raw):
        raise recipe.error("plugins is a list of paths", "plugins", value=True)
    paths = []
    for i, text in enumerate(raw):
        path = (recipe.folder / text).resolve()
        try:
            registry.plug_in(path)
        except RecipeError as e:
            raise recipe.error(e.message, "plugins", str(i)) from e
        paths.append(path)
    return paths


def _section(recipe: Recipe, raw: dict[str, Any], section: str) -> dict[str, StepSpec]:
    entries = raw.get(section)
    if entries is None:
        return {}
    if not isinstance(entries, dict):
        raise recipe.error(f"{section} is a map of name: {{use: ..., ...}}", section, value=True)
    specs: dict[str, StepSpec] = {}
    above: str | None = None
    for name, entry in entries.items():
        at = (section, name)
        if not re.match(NAME, name):
            raise recipe.error("a name starts with a letter and has letters, digits, - and _ only", *at)
        if not isinstance(entry, dict) or not isinstance(entry.get("use"), str):
            raise recipe.error("needs `use: STAGE`", *at)
        for other in ("inputs", "steps", "outputs"):
            if other != section and name in (getattr(recipe, other) or {}):
                raise recipe.error(f"{name!r} is the name of an entry of {other} too", *at)
        params = {k: v for k, v in entry.items() if k not in ENTRY_KEYS}
        needs = _needs(recipe, entry, section, name, above)
        checkpoint = entry.get("checkpoint", False)
        if not isinstance(checkpoint, bool):
            raise recipe.error("checkpoint is true or false", *at, "checkpoint", value=True)
        resources = recipe.validate(Resources, entry.get("resources", {}), (*at, "resources"))
        specs[name] = StepSpec(name, entry["use"], needs, params, checkpoint, resources, section)
        if section == "steps":
            above = name
    return specs


def _needs(recipe: Recipe, entry: dict[str, Any], section: str, name: str, above: str | None) -> tuple[str, ...]:
    at = (section, name, "needs")
    if section == "inputs":
        if "needs" in entry:
            raise recipe.error("an input needs nothing", *at)
        return ()
    if "needs" in entry:
        needs = entry["needs"]
        needs = [needs] if isinstance(needs, str) else needs
        if not isinstance(needs, list) or not needs or not all(isinstance(n, str) for n in needs):
            raise recipe.error("needs names a step, a branch (step.branch), or a list of them", *at, value=True)
        if len(set(needs)) < len(needs):
            raise recipe.error("names a step twice", *at, value=True)
        return tuple(needs)
    if section == "outputs":
        above = list(recipe.steps)[-1] if recipe.steps else None
    if above is None:
        if len(recipe.inputs) != 1:
            raise recipe.error("say which inputs it needs", section, name, hint=f"needs: [{', '.join(recipe.inputs)}]")
        return (next(iter(recipe.inputs)),)
    return (above,)


def _apply_overrides(recipe: Recipe, raw: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    for dotted, value in overrides.items():
        head, _, rest = dotted.partition(".")
        if not rest:
            raise RecipeError(f"--set {dotted}: write step.param=value")
        if head == "settings":
            target = raw.setdefault("settings", {}) or {}
            raw["settings"] = target
        else:
            spec = recipe.inputs.get(head) or recipe.steps.get(head) or recipe.outputs.get(head)
            if spec is None:
                names = [*recipe.inputs, *recipe.steps, *recipe.outputs, "settings"]
                raise RecipeError(f"--set {dotted}: there is no step {head!r}{did_you_mean(head, names)}")
            target = spec.params
        *parents, last = rest.split(".")
        for key in parents:
            inner = target.get(key)
            inner = dict(inner) if isinstance(inner, dict) else ({} if inner is None else {"default": inner})
            target[key] = inner
            target = inner
        target[last] = value
