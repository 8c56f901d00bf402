"""A YAML file, read so that every mistake in it can name its place: file, line, column and key.

YAML 1.2's core schema (so `no` is Norwegian, not false). Each value keeps its line and column, and a
value that a model refuses is reported where it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from curation.errors import Place, RecipeError, did_you_mean

Places = dict[tuple[str, ...], tuple[int, int]]
"""Path of keys -> 1-based line and column."""


@dataclass
class YamlFile:
    """A map read from YAML, and where in the file each key and value stands."""

    file: Path
    """As the user gave it: errors show it so."""
    data: dict[str, Any] = field(repr=False)
    marks: Places = field(repr=False, default_factory=dict)
    values: Places = field(repr=False, default_factory=dict)

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

    def validate(self, model: type[BaseModel], raw: Any, path: tuple[str, ...], what: str = "") -> Any:
        """One map of the file as a pydantic model.

        Args:
            raw: the map, which stands at `path`. what: the stage whose parameters it holds, for the message.
        Raises: RecipeError at the place of the first mistake.
        """
        if not isinstance(raw, dict):
            raise self.error(f"{path[-1]} is a map", *path, value=True)
        known = list(model.model_fields)
        for key in raw:
            if key not in model.model_fields:
                owner = f"{what} has no parameter" if what else "unknown key"
                raise self.error(
                    f"{owner} {key!r}{did_you_mean(key, known)}", *path, key,
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
            raise self.error(message, *path, *spot, value=bool(spot), hint=f"see: curate stages {what}" if what else "") from e


def read_text(file: str | Path, what: str) -> str:
    """Text of a YAML file; `what` is what an error calls it.

    Raises: RecipeError if it cannot be read or is not UTF-8.
    """
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as e:
        raise RecipeError(f"cannot read the {what}: {e.strerror}", Place(str(file), 0, 0)) from e
    except UnicodeDecodeError as e:
        raise RecipeError(f"the {what} is not UTF-8", Place(str(file), 1, 1)) from e


def parse_yaml(text: str, file: str | Path, what: str) -> YamlFile:
    """The one map that a YAML text is; `what` is what an error calls it.

    Raises: RecipeError naming file, line and column.
    """
    marks: Places = {}
    values: Places = {}
    try:
        data = _plain(_compose(text, str(file), what), (), str(file), marks, values)
    except RecursionError as e:
        raise RecipeError("nested too deeply", Place(str(file), 1, 1)) from e
    return YamlFile(Path(file), data, marks, values)


def parse_value(text: str, option: str = "--set") -> Any:
    """One YAML value from the command line (`--set step.param=value`); `option` is what an error calls it."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        return None if node is None else _plain(node, (), option, {}, {})
    except yaml.YAMLError as e:
        raise RecipeError(f"{option}: cannot read {text!r} as YAML") from e


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


def _compose(text: str, name: str, what: str) -> yaml.Node:
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
    if not isinstance(node, yaml.MappingNode):
        raise RecipeError(f"a {what} is a map", Place(name, 1, 1))
    return node


def _say(error: Any) -> str:
    message: str = error["msg"]
    message = message.removeprefix("Value error, ")
    shown = repr(error.get("input"))
    return f"{message[0].lower()}{message[1:]}, got {shown if len(shown) < 80 else shown[:77] + '...'}"
