"""A global stage run over finished documents for its state alone: a report about a corpus, by any executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.errors import RecipeError
from curation.plan import Plan
from curation.recipe import build
from curation.storage import entries, location, remote
from curation.yaml_file import YamlFile

SOURCES = {".parquet": "parquet", ".jsonl": "jsonl", ".jsonl.gz": "jsonl", ".jsonl.zst": "jsonl", ".jsonl.bz2": "jsonl"}


def planned(stage: str, inputs: list[str], params: dict[str, Any]) -> Plan:
    """The plan of one global step, called by the stage's name, over files.

    Args:
        inputs: Parquet and JSONL files or patterns, runs with one output, folders of Parquet files.
        params: the stage's; relative paths are meant from the working folder.
    Raises: RecipeError for what is none of these, and for a wrong parameter, called as the option of its name.
    """
    paths: dict[str, list[str]] = {}
    for given in inputs:
        pattern = files_named(given)
        source = next((use for suffix, use in SOURCES.items() if pattern.endswith(suffix)), None)
        if source is None:
            raise RecipeError(f"{given} is no run, no folder of Parquet files, and no file of {', '.join(SOURCES)}")
        paths.setdefault(source, []).append(pattern)
    raw = {
        "name": stage, "inputs": {use: {"use": use, "paths": found} for use, found in paths.items()},
        "steps": {stage: {"use": stage, "needs": [*paths], **params}},
    }  # fmt: skip
    file = Path.cwd() / f"{stage}.yaml"  # there is none: paths are relative to its folder
    try:
        return Plan(build(YamlFile(file, raw), {}), until=stage)
    except RecipeError as e:
        if e.place is None or e.place.file != str(file):
            raise
        param = e.place.key.removeprefix(f"steps.{stage}").removeprefix(".").partition(".")[0]
        raise RecipeError(f"--{param}: {e.message}" if param in params else e.message, hint=e.hint) from e


def files_named(given: str) -> str:
    """The files an input names: of a run its output, of a folder its Parquet files."""
    place = location(given)
    if (place / "run.json").exists():
        names = [entry.name for entry in entries(place / "outputs")]
        if len(names) != 1:
            found = f"outputs {', '.join(names)}: name one, {given}/outputs/{names[0]}" if names else "no output"
            raise RecipeError(f"{given} is a run with {found}")
        return f"{given}/outputs/{names[0]}/*.parquet"
    if place.is_dir() if not remote(place) else not given.endswith(tuple(SOURCES)) and entries(place):
        return f"{given}/*.parquet"
    return given
