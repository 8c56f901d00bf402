"""Stage name -> file, imported on use.

A stage called `gopher_quality` lives in `stages/<folder>/gopher_quality.py` and is the module
attribute of that name. Plug-ins are single files with the same rule relaxed: every stage object in
them is registered. Only registered names may be run; a recipe never names a Python path.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import xxhash

from curation.errors import RecipeError, did_you_mean
from curation.stage import RowStage, Stage

ROOTS = ("stages", "mixes")
_plugins: dict[str, tuple[Stage, str]] = {}


@cache
def files() -> dict[str, str]:
    """Importable module of each file that may hold a stage: stage name -> module name.

    Raises: RecipeError if `stages` or `mixes` on the path is not this project's package.
    """
    home = Path(__file__).resolve().parent.parent
    found = {}
    for root in ROOTS:
        spec = importlib.util.find_spec(root)
        folder = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if folder is None or folder.parent != home:
            raise RecipeError(
                f"the Python package {root!r} at {folder} shadows the one curate installs beside {home}",
                hint="run from another folder, or rename the folder that shadows it",
            )
        for path in sorted(folder.rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            name = re.escape(path.stem)
            if re.search(rf"^{name} = |^@(stage|expand)\((.|\n)*?^def {name}\(", text, re.M):
                found[path.stem] = ".".join(path.relative_to(home).with_suffix("").parts)
    return found


def names() -> list[str]:
    """All stage names, built in and plugged in."""
    return sorted({*files(), *_plugins})


def lookup(name: str) -> Stage:
    """The stage of that name.

    Raises: KeyError with a message that suggests the nearest name.
    """
    if name in _plugins:
        return _plugins[name][0]
    module = files().get(name)
    if module is not None:
        stage = getattr(importlib.import_module(module), name, None)
        if isinstance(stage, Stage):
            return stage
    raise KeyError(f"there is no stage {name!r}{did_you_mean(name, [*names(), 'split', 'keep'])}")


def plug_in(path: Path) -> list[str]:
    """Import a plug-in file and register every stage in it; returns their names.

    The file's content hash becomes part of the version of its stages.

    Raises: RecipeError if the file is missing, does not import, takes a name already in use, or drops for what is no reason.
    """
    if not path.is_file():
        raise RecipeError(f"plug-in {path} does not exist")
    digest = xxhash.xxh3_64_hexdigest(path.read_bytes())
    name = f"curate_plugin_{digest}"
    module = sys.modules.get(name) or _import_file(name, path)
    added = []
    for value in vars(module).values():
        if isinstance(value, Stage) and _defined_in(value, module):
            if value.name in files():
                raise RecipeError(f"plug-in {path} defines {value.name!r}, which is a built-in stage")
            if taken := [reason for reason in value.drops if reason in ("in", "kept") or reason.startswith("kept.")]:
                raise RecipeError(f"plug-in {path}: {value.name} drops for {taken[0]!r}, which accounts call documents not dropped")
            _plugins[value.name] = (value, digest)
            added.append(value.name)
    if not added:
        raise RecipeError(f"plug-in {path} defines no stage")
    return added


def _defined_in(value: Stage, module: ModuleType) -> bool:
    return _owner(value) == module.__name__


def _import_file(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as e:
        del sys.modules[name]
        raise RecipeError(f"plug-in {path} cannot be imported: {type(e).__name__}: {e}") from e
    return module


def version(name: str) -> str:
    """Version of a stage for its fingerprint: its own, and a plug-in's content hash."""
    stage = lookup(name)
    return f"{stage.version}+{_plugins[name][1]}" if name in _plugins else stage.version


def beside(stage: Stage, name: str) -> Any:
    """What the file of a stage has of that name, or None."""
    return getattr(sys.modules[_owner(stage)], name, None)


def _owner(stage: Stage) -> str:
    return stage.function.__module__ if isinstance(stage, RowStage) else type(stage).__module__


def is_safety(name: str) -> bool:
    """Whether the stage lies in `stages/safety`: text it drops is never kept."""
    return files().get(name, "").startswith("stages.safety.")
