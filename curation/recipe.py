"""pipeline.yaml -> validated recipe; every error names the place in the YAML.

The file is YAML 1.2's core schema (so `no` is Norwegian, not false). Each value keeps its line and
column, and a parameter a stage refuses is reported where it stands.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curation import registry
from curation.errors import Place, RecipeError

NAME = r"^[A-Za-z][A-Za-z0-9_-]*$"
BUILT_IN = ("split", "keep")


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

    partition_bytes: int = Field(default=64 << 20, gt=0, description="input bytes per partition")
    reduce_bytes: int = Field(default=256 << 20, gt=0, description="memory of one reducer's rows")
    spill_bytes: int = Field(default=256 << 20, gt=0, description="memory of one mapper's rows")


class Settings(_Frozen):
    """Settings of a whole run."""

    shadow: float = Field(default=0.001, ge=0, le=1, description="share of documents whose path goes on after a drop")
    max_failed: MaxFailed = MaxFailed()
    limits: Limits = Limits()
    shuffle: Shuffle = Shuffle()
    output_bytes: int = Field(default=512 << 20, gt=0, description="size small output shards are joined to")
    pack_bytes: int | None = Field(
        default=None, ge=0, description="join input files smaller than this into one task; null = 64 MiB when there are over 1,000 files"
    )


@dataclass(frozen=True)
class StepSpec:
    """One entry of inputs, steps or outputs as the recipe says it."""

    name: str
    use: str
    needs: tuple[str, ...]
    params: dict[str, Any]
    checkpoint: bool
    section: str


@dataclass
class Recipe:
    """A recipe whose YAML is well-formed; `Plan` checks it against the stages."""

    name: str
    file: Path
    inputs: dict[str, StepSpec]
    steps: dict[str, StepSpec]
    outputs: dict[str, StepSpec]
    settings: Settings
    plugins: list[Path]
    asset_folder: Path | None = None
    """Folder that paths of models and lists are relative to, if not the recipe's."""
    marks: dict[tuple[str, ...], tuple[int, int]] = field(repr=False, default_factory=dict)
    values: dict[tuple[str, ...], tuple[int, int]] = field(repr=False, default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.file.parent

    def place(self, *path: str, value: bool = False) -> Place:
        """Where a key (or its value) stands, or its nearest ancestor."""
        for n in range(len(path), -1, -1):
            spot = (self.values if value else self.marks).get(path[:n]) or self.marks.get(path[:n])
            if spot:
                return Place(str(self.file), spot[0], spot[1], ".".join(path))
        return Place(str(self.file), 1, 1, key=".".join(path))

    def error(self, message: str, *path: str, value: bool = False, hint: str = "") -> RecipeError:
        return RecipeError(message, self.place(*path, value=value), hint)


class _Loader(yaml.SafeLoader):
    """Safe loader with YAML 1.2 booleans, numbers with underscores, no dates, no sexagesimals."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in [
    ("bool", r"^(?:true|false|True|False)$", "tfTF"),
    ("null", r"^(?:~|null|Null|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?(?:0x[0-9a-fA-F_]+|[0-9][0-9_]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+)$", "-+.0123456789"),
    ("float", r"^(?:\.inf|\.nan)$", "."),
]:  # fmt: skip
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _plain(node: yaml.Node, path: tuple[str, ...], recipe_file: str, marks: dict[Any, Any], values: dict[Any, Any]) -> Any:
    """Plain data of a YAML node, noting where every key and value stands."""
    values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        result = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            where = Place(recipe_file, key_node.start_mark.line + 1, key_node.start_mark.column + 1, ".".join((*path, key)))
            if not isinstance(key_node, yaml.ScalarNode):
                raise RecipeError("a key must be a plain word", where)
            if key in result:
                raise RecipeError(f"{key!r} is given twice", where)
            marks[(*path, key)] = (where.line, where.column)
            result[key] = _plain(value_node, (*path, key), recipe_file, marks, values)
        return result
    if isinstance(node, yaml.SequenceNode):
        items = []
        for i, item in enumerate(node.value):
            marks[(*path, str(i))] = (item.start_mark.line + 1, item.start_mark.column + 1)
            items.append(_plain(item, (*path, str(i)), recipe_file, marks, values))
        return items
    loader = _Loader("")
    try:
        if node.tag.endswith(":int") and not node.value.lower().lstrip("+-").startswith("0x"):
            return int(node.value.replace("_", ""))
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError) as e:
        raise RecipeError(f"cannot read {node.value!r}: {e}", Place(recipe_file, values[path][0], values[path][1], ".".join(path))) from e
    finally:
        loader.dispose()


def _compose(text: str, name: str) -> yaml.Node:
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        at = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name, 1, 1)
        raise RecipeError(f"not valid YAML: {e.problem or e.context}", at) from e
    except yaml.YAMLError as e:
        raise RecipeError(f"not valid YAML: {e}", Place(name, 1, 1)) from e
    except RecursionError as e:
        raise RecipeError("nested too deeply", Place(name, 1, 1)) from e
    if not isinstance(node, yaml.MappingNode):
        raise RecipeError("a recipe is a map with name, inputs, steps and outputs", Place(name, 1, 1))
    return node


def parse_value(text: str) -> Any:
    """One YAML value from the command line (`--set step.param=value`)."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        return None if node is None else _plain(node, (), "--set", {}, {})
    except yaml.YAMLError as e:
        raise RecipeError(f"--set: cannot read {text!r} as YAML") from e


def load(file: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        file: path of the YAML file.
        overrides: dotted key -> value, as `--set` gives them: `step.param`, or `settings.shadow`.
    Raises: RecipeError naming file, line, column and key.
    """
    file = Path(file)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as e:
        raise RecipeError(f"cannot read the recipe: {e.strerror}", Place(str(file), 0, 0)) from e
    except UnicodeDecodeError as e:
        raise RecipeError("the recipe is not UTF-8", Place(str(file), 1, 1)) from e
    marks: dict[tuple[str, ...], tuple[int, int]] = {}
    values: dict[tuple[str, ...], tuple[int, int]] = {}
    node = _compose(text, str(file))
    try:
        raw = _plain(node, (), str(file), marks, values)
    except RecursionError as e:
        raise RecipeError("nested too deeply", Place(str(file), 1, 1)) from e
    return build(raw, file, marks, values, overrides or {})


def build(
    raw: dict[str, Any], file: Path,
    marks: dict[tuple[str, ...], tuple[int, int]], values: dict[tuple[str, ...], tuple[int, int]],
    overrides: Mapping[str, Any],
) -> Recipe:  # fmt: skip
    """Recipe of plain data; see `load`."""
    recipe = Recipe("", file.resolve(), {}, {}, {}, Settings(), [], marks=marks, values=values)
    recipe.file = file  # errors show the path as the user gave it
    known = ["name", "inputs", "steps", "outputs", "settings", "plugins"]
    for key in raw:
        if key not in known:
            raise recipe.error(f"unknown key {key!r}{_did_you_mean(key, known)}", key, hint=f"keys: {', '.join(known)}")
    name = raw.get("name", file.stem)
    if not isinstance(name, str) or not re.match(NAME, name):
        raise recipe.error(f"a name is letters, digits, - and _, not {name!r}", "name", value=True)
    recipe.name = name
    recipe.plugins = _plugins(recipe, raw.get("plugins", []))
    for section in ("inputs", "steps", "outputs"):
        setattr(recipe, section, _section(recipe, raw, section))
    if not recipe.inputs:
        raise recipe.error("a recipe needs at least one input", "inputs", hint='inputs: {crawl: {use: warc, paths: "crawl/*.warc.gz"}}')
    _apply_overrides(recipe, raw, overrides)
    recipe.settings = validate(recipe, Settings, raw.get("settings") or {}, ("settings",))
    return recipe


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
        params = {k: v for k, v in entry.items() if k not in ("use", "needs", "checkpoint")}
        needs = _needs(recipe, entry, section, name, above)
        checkpoint = entry.get("checkpoint", False)
        if not isinstance(checkpoint, bool):
            raise recipe.error("checkpoint is true or false", *at, "checkpoint", value=True)
        specs[name] = StepSpec(name, entry["use"], needs, params, checkpoint, section)
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
                raise RecipeError(f"--set {dotted}: there is no step {head!r}{_did_you_mean(head, names)}")
            target = spec.params
        *parents, last = rest.split(".")
        for key in parents:
            inner = target.get(key)
            inner = dict(inner) if isinstance(inner, dict) else ({} if inner is None else {"default": inner})
            target[key] = inner
            target = inner
        target[last] = value


def _did_you_mean(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def validate(recipe: Recipe, model: type[BaseModel], raw: Any, path: tuple[str, ...], what: str = "") -> Any:
    """Validate one map against a pydantic model; the first error becomes a RecipeError at its place."""
    if not isinstance(raw, dict):
        raise recipe.error(f"{path[-1]} is a map", *path, value=True)
    known = list(model.model_fields)
    for key in raw:
        if key not in model.model_fields:
            owner = f"{what} has no parameter" if what else "unknown key"
            raise recipe.error(
                f"{owner} {key!r}{_did_you_mean(key, known)}", *path, key,
                hint=f"parameters: {', '.join(known) or 'none'}" + (f"      see: curate stages {what}" if what else ""),
            )  # fmt: skip
    try:
        return model.model_validate(raw)
    except ValidationError as e:
        first = e.errors()[0]
        spot: list[str] = []
        here: Any = raw
        for part in first["loc"]:  # union branches have names of types in the path: skip those
            if isinstance(here, dict) and str(part) in here:
                spot.append(str(part))
                here = here[str(part)]
            elif isinstance(here, list) and isinstance(part, int) and part < len(here):
                spot.append(str(part))
                here = here[part]
        missing = str(first["loc"][-1]) if first["type"] == "missing" else ""
        message = f"{what + ' ' if what else ''}needs {missing!r}" if missing else _say(first)
        raise recipe.error(message, *path, *spot, value=bool(spot), hint=f"see: curate stages {what}" if what else "") from e


def _say(error: Any) -> str:
    message: str = error["msg"]
    message = message.removeprefix("Value error, ")
    shown = repr(error.get("input"))
    return f"{message[0].lower()}{message[1:]}, got {shown if len(shown) < 80 else shown[:77] + '...'}"
