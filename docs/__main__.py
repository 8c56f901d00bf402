"""`python -m docs` writes the references in this folder from the program itself; a test says when they are stale."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from pydantic import BaseModel

from classifiers.train import spec as training
from curation import cli, recipe, registry, where
from curation.inspect.describe import BUILT_IN, spell, stage_list, stage_page
from mixes import entries
from mixes.search import spec as search

HERE = Path(__file__).resolve().parent
INTRODUCTION = (
    "One YAML file (1.2: `no` is Norwegian, not false) says what is read, what is done to it and what is kept. A mistake in it gets one\n"
    "message with file, line, column and key before any work. A path is relative to the recipe; a model or list may also be package data."
)


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def keys(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, ...]]:
    """Key, type, default and meaning of each field of a model and of the models inside it."""
    for name, field in model.model_fields.items():
        if inspect.isclass(field.annotation) and issubclass(field.annotation, BaseModel):
            yield f"`{above}{name}`", "map", "", field.description or ""
            yield from keys(field.annotation, f"{above}{name}.")
        else:
            default = "required" if field.is_required() else f"{field.default}".replace("None", "null")
            yield f"`{above}{name}`", spell(field.annotation), default, field.description or ""


def own(model: type[BaseModel], base: type[BaseModel]) -> list[tuple[str, ...]]:
    """`keys` of a model that its base does not have."""
    common = list(keys(base))
    return [row for row in keys(model) if row not in common]


def commands(group: Any = None, above: str = "") -> dict[str, Any]:
    """Every command by its whole name, those of groups like `mix search fit`."""
    found: dict[str, Any] = {}
    for name, command in sorted((group or typer.main.get_command(cli.app)).commands.items()):
        found |= commands(command, f"{above}{name} ") if hasattr(command, "commands") else {above + name: command}
    return found


def cli_page() -> str:
    """Every command with its arguments and options."""
    parts = ["# The command line", inspect.getdoc(cli) or ""]
    for name, command in commands().items():
        shown = [p for p in command.params if not getattr(p, "hidden", False)]
        usage = " ".join(["curate", name, *(_name(p) for p in shown if not _is_option(p)), "[OPTIONS]"])
        rows = [(f"`{_name(p)}`", p.help or "", _default(p)) for p in shown]
        parts += [f"## curate {name}", f"`{usage}`", command.help, table(("", "meaning", "default"), rows), f"`{command.epilog}`"]
    return "\n\n".join(parts)


def _is_option(p: Any) -> bool:
    return bool(p.opts[0].startswith("-"))


def _name(p: Any) -> str:
    """A parameter as it is typed: `-j, --jobs N`, or `RECIPE`."""
    if _is_option(p):
        return ", ".join(p.opts) + ("" if p.is_flag else f" {p.metavar}") + (" ..." if p.multiple else "")
    name = p.metavar or p.name.upper()
    return name if p.required else f"[{name}]"


def _default(p: Any) -> str:
    if p.required:
        return "required"
    return "" if p.default in (None, False, ()) else str(p.default)


def stages_page() -> str:
    """Every stage, as `curate stages NAME` describes it."""
    listed = [s for s in stage_list() if s["name"] in {*BUILT_IN, *registry.files()}]  # no plug-ins
    rows = [(f"[{s['name']}](#{s['name']})", s["kind"], s["summary"]) for s in listed]
    pages = (f"## {s['name']}\n\n```text\n{stage_page(s['name'])['text']}\n```" for s in listed)
    return "\n\n".join(["# The stages", table(("stage", "kind", "what it does"), rows), *pages])


def recipe_page() -> str:
    """Every key of a recipe and of a mix's recipe, and the language of rules."""
    header = ("key", "type", "default", "meaning")
    return "\n\n".join([
        "# The recipe", INTRODUCTION,
        "## Keys", table(("key", "meaning"), [(f"`{k}`", text) for k, text in recipe.KEYS.items()]),
        "## An entry of inputs, steps or outputs", table(("key", "meaning"), [(f"`{k}`", text) for k, text in recipe.ENTRY_KEYS.items()]),
        "Every other key is a parameter of the stage: see [stages.md](stages.md).",
        "## resources of an entry", inspect.getdoc(recipe.Resources) or "", table(header, list(keys(recipe.Resources))),
        "## settings", table(header, list(keys(recipe.Settings))),
        "## Rules: where and split", f"```text\n{inspect.getdoc(where)}\n```",
        "## The recipe of a mix", inspect.getdoc(entries) or "",
        table(header, [
            *keys(entries.Document), *keys(entries.Entry, "entries.NAME."), *keys(entries.Quality, "entries.NAME.quality."),
            *keys(entries.Temperature, "entries.NAME.temperature."), *keys(entries.Phase, "schedule.N."),
            *keys(entries.Validation, "validation."),
        ]),
        "## The file of a mix search", inspect.getdoc(search) or "", table(header, [*keys(search.Spec), *keys(search.Runs, "runs.N.")]),
        "## The file of a training", inspect.getdoc(training) or "", "Keys of both kinds:", table(header, list(keys(training.Spec))),
        "Of `curate train fasttext`:", table(header, own(training.FastText, training.Spec)),
        "Of `curate train roberta`:", table(header, own(training.Encoder, training.Spec)),
        "## Example", f"```yaml\n{_readme_recipe()}```",
    ])  # fmt: skip


def _readme_recipe() -> str:
    """The pipeline the README shows."""
    found = re.search(r"```yaml\n(.*?)```", (HERE.parent / "README.md").read_text(encoding="utf-8"), re.S)
    return found[1] if found else ""


PAGES = {"cli.md": cli_page, "stages.md": stages_page, "recipe.md": recipe_page}


def pages() -> dict[str, str]:
    """File name -> text of every reference."""
    note = "<!-- Written by `python -m docs`; change the program, not this page. -->"
    return {name: f"{note}\n\n{page().rstrip()}\n" for name, page in PAGES.items()}


if __name__ == "__main__":
    for file, text in pages().items():
        (HERE / file).write_text(text, encoding="utf-8")
