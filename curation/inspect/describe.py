"""What a stage is, for its user: what it does, the columns it reads and writes, drop reasons, parameters, an example."""

from __future__ import annotations

import inspect
import json
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from curation import registry
from curation.errors import CurateError
from curation.stage import AssetMark, GlobalStage, RowStage, Source

BUILT_IN = {
    "keep": (
        "Keep the documents that a rule over their columns matches.\n\n"
        "Params: where -- a rule, e.g. \"lang = 'en' and word_count >= 50\".\nDrops: where_false.\n\n"
        "Example: english: {use: keep, where: \"lang = 'en'\"}"
    ),
    "split": (
        "Send each document to the first branch whose rule matches.\n\nParams: to -- map of branch: rule; else -- the branch of the others;"
        " copy -- true sends a copy to every branch whose rule matches (extra copies count as created).\nDrops: none.\n\n"
        "Example: route: {use: split, to: {math: \"profile = 'math'\", code: \"profile = 'code'\"}, else: web}"
    ),
    "shards": (
        "Write the documents that reach it to outputs/NAME/*.parquet; it stands under `outputs`, the others under `steps`.\n\n"
        "Params: none of its own; settings.output_bytes is the size that small shards are joined to.\nDrops: none.\n\n"
        "Example: web: {use: shards, needs: quality}"
    ),
}
"""The engine's own stages."""


def stage_list() -> list[dict[str, str]]:
    """Name, kind and first line of every stage."""
    rows = [{"name": name, "kind": "built in", "summary": text.splitlines()[0]} for name, text in BUILT_IN.items()]
    for name in registry.names():
        stage = registry.lookup(name)
        rows.append({"name": name, "kind": stage.kind, "summary": stage.doc.splitlines()[0] if stage.doc else ""})
    return sorted(rows, key=lambda r: r["name"])


def stage_page(name: str) -> dict[str, Any]:
    """One stage's documentation: as text and as plain data.

    Raises: KeyError if there is no such stage.
    """
    if name in BUILT_IN:
        return {"name": name, "kind": "built in", "text": BUILT_IN[name]}
    stage = registry.lookup(name)
    parameters = {
        key: {
            "type": spell(Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation),
            "default": None if field.is_required() else field.default,
            "required": field.is_required(),
        }
        for key, field in stage.params.model_fields.items()
    }
    reads, writes, rules = _declared(stage)
    facts = {
        "name": name, "kind": stage.kind, "version": stage.version, "doc": stage.doc, "parameters": parameters,
        "drops": list(stage.drops), "rules": rules, "reads": reads, "writes": writes, "example": example(name),
    }  # fmt: skip
    lines = [stage.doc, ""]
    if not isinstance(stage, Source):
        lines.append(f"Columns read:    {'as the parameters say' if reads is None else ', '.join(reads) or 'none'}")
    written = None if writes is None else ", ".join(f"{n} ({t})" for n, t in writes.items()) or "none"
    lines.append(f"Columns written: {written or 'as the parameters, or the files, say'}")
    lines += [f"Drop reasons:    {', '.join(stage.drops) or 'none'}", ""]
    if rules:
        lines += ["Rules, the first broken one gives the reason:", *(f"  {rule['reason']}: {rule['when']}" for rule in rules), ""]
    lines.append("Parameters:" if parameters else "No parameters.")
    for key, p in parameters.items():
        lines.append(f"  {key}: {p['type']}" + (", required" if p["required"] else f" = {_yaml(p['default'])}"))
    facts["text"] = "\n".join([*lines, "", f"Example: {facts['example']}"])
    return facts


def example(name: str) -> str:
    """An entry of a recipe that uses a stage, as one line of YAML."""
    values = "".join(f", {key}: {_yaml(value)}" for key, value in _example(registry.lookup(name)).items())
    return f"{name}: {{use: {name}{values}}}"


def _example(stage: Any) -> dict[str, Any]:
    """The parameters that have an example, or the first one as it is by default."""
    fields = stage.params.model_fields
    shown = {key: field.examples[0] for key, field in fields.items() if field.examples}
    return shown or {key: field.default for key, field in list(fields.items())[:1] if not field.is_required()}


def _declared(stage: Any) -> tuple[list[str] | None, dict[str, str] | None, list[dict[str, str]]]:
    """Columns read and written, and rules, with the parameters of the example; None, or none, where they hang on more than that."""
    try:
        params = stage.params.model_validate(_example(stage))
        reads = [] if isinstance(stage, Source) else list(stage.reads(params))
        writes = stage.columns(params, None) if isinstance(stage, Source) else stage.writes(params)
        if isinstance(stage, GlobalStage):
            writes = {**writes, **stage.scattered(params)}
        rules = stage.rules(params) if isinstance(stage, RowStage | GlobalStage) else ()
    except (ValueError, OSError, CurateError):
        return None, None, []
    columns = {name: str(getattr(kind, "type", kind)) for name, kind in writes.items()}
    return reads, columns, [{"reason": rule.reason, "when": rule.when} for rule in rules]


NAMES = {str: "text", int: "integer", float: "number", bool: "true | false", NoneType: "null", Any: "anything"}


def spell(annotation: Any) -> str:
    """A type as the author of a recipe reads it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return "file" if any(isinstance(mark, AssetMark) for mark in arguments[1:]) else spell(arguments[0])
    if origin in (Union, UnionType):
        return " | ".join(dict.fromkeys(spell(a) for a in arguments))
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin in (list, tuple, set, frozenset):
        return f"list of {spell(arguments[0])}"
    if origin is dict:
        return f"map of {spell(arguments[0])} to {spell(arguments[1])}"
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return "map"
    return NAMES.get(annotation) or str(getattr(annotation, "__name__", annotation))


def _yaml(value: Any) -> str:
    """A value as YAML on one line; JSON is."""
    return json.dumps(value, ensure_ascii=False)
