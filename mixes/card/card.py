"""The data card of a mix: what is in it, where it comes from, what was done to it and what it lacks; as JSON and as Markdown.

All of it is in the run's accounts: no text and no shard is read. So it takes time by the number of tasks, not of documents. Nothing in
it depends on the time, the machine or the folder: the same run has the same card.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from heapq import nsmallest
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from curation import registry
from curation.ledger import OTHERS
from curation.recipe import above
from mixes.card.gaps import gaps
from mixes.card.mentions import groups, movers
from mixes.card.page import page

SHOWN_VALUES = 1_000
"""Values of a dimension the card has (ours); the rest are one sum."""
COUNTS = ("documents_in", "created", "kept", "dropped", "merged", "failed", "branches", "notes")
USED = ("tokens", "documents", "uses")
SHARDS = ("shards", "bytes", "smallest_bytes", "largest_bytes")
KINDS = {"decontaminate": "decontamination", "contamination": "decontamination", "count_mentions": "mentions", "mix": "mix"}
"""Stage -> kind of step the card tells apart; stages of stages/safety are a kind, too."""


def card(output: str, manifest: Mapping[str, Any], said: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """Files of the card of an output that `mix` makes: name -> content.

    Args:
        output: the step of the output, `outputs.NAME`. manifest: the run's accounts, as in run.json.
        said: the sum of what the records of the mix say of documents (`curation/sums.py`).
        files: name, rows and bytes of the output's shards, and the part a shard is of.
    """
    name = output.removeprefix("outputs.")
    made = gather(name, manifest, said, files)
    plain = json.dumps(made, ensure_ascii=False, indent=1)
    return {f"{name}.json": f"{plain}\n".encode(), f"{name}.md": page(made).encode()}


def gather(name: str, manifest: Mapping[str, Any], said: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The card as plain data: see `card`."""
    steps = {step["name"]: step for step in manifest["steps"]}
    mix = steps[steps[f"outputs.{name}"]["needs"][0]]
    reaching = _reaching(steps, mix["name"])
    entries = mix["report"]["entries"]
    made: dict[str, Any] = {
        "output": name, "run": manifest["name"], "fingerprint": mix["fingerprint"], "sample": manifest["sample"],
        "inputs": {step["name"]: manifest["inputs"][step["name"]] for step in reaching if step["kind"] == "source"},
        "entries": entries, "lacking": mix["report"]["lacking"], "parts": _parts(entries, files), "by": by_value(mix["name"], said),
        "steps": [_step(step) for step in reaching],
        "mentions": {"groups": groups(reaching, mix["name"]), **movers(reaching)},
    }  # fmt: skip
    parts = made["parts"].values()
    made["total"] = {
        "documents": mix["kept"] - mix["created"], "rows": sum(p["uses"] for p in parts), "tokens": sum(p["tokens"] for p in parts),
        "shards": len(files), "bytes": sum(f["bytes"] for f in files), "failed": sum(step["failed"] for step in reaching),
        "read": sum(step["documents_in"] for step in reaching if step["kind"] == "source"),
    }  # fmt: skip
    made["gaps"] = gaps(made, made["steps"])
    return made


def _reaching(steps: Mapping[str, Mapping[str, Any]], last: str) -> list[Mapping[str, Any]]:
    """The steps whose documents reach a step, itself last, in the order of the recipe."""
    wanted = above({name: step["needs"] for name, step in steps.items()}, last)
    return [step for name, step in steps.items() if name in wanted]


def _parts(entries: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """What each part of the output has, of all entries and in its shards."""
    parts: dict[str, dict[str, int]] = {}
    for entry in entries.values():
        for name, given in entry["parts"].items():
            part = parts.setdefault(name, dict.fromkeys((*USED, *SHARDS), 0))
            for what in USED:
                part[what] += given[what]
    for file in files:
        if "part" in file:  # of the stage alone on some files, rows stay in shards of no part
            part = parts[file["part"]]
            sizes = [part["smallest_bytes"], file["bytes"]] if part["shards"] else [file["bytes"]]
            part["shards"], part["bytes"] = part["shards"] + 1, part["bytes"] + file["bytes"]
            part["smallest_bytes"], part["largest_bytes"] = min(sizes), max(part["largest_bytes"], file["bytes"])
    return parts


def by_value(mix: str, said: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Rows and tokens of the mix by language, source, crawl, month, domain and licence.

    Args:
        mix: the step. said: the sum of its records.
    Returns: dimension -> [{value, rows, tokens}], most tokens first, OTHERS last; not what no document has.
    """
    totals: dict[str, dict[str, list[int]]] = {}
    for dimension, values in said.get(mix, {}).get("verdicts", {}).get("kept", {}).get("by", {}).items():
        of = totals.setdefault("license" if dimension == "licence" else dimension, {})
        for value, (documents, _, tokens) in values.items():
            known = of.get(value, (0, 0))
            of[value] = [known[0] + documents, known[1] + tokens]
    result: dict[str, list[dict[str, Any]]] = {}
    for dimension in sorted(totals):
        of = totals[dimension]
        rest = [sum(counts) for counts in zip(*of.values(), strict=True)]
        of.pop(OTHERS, None)
        shown = nsmallest(SHOWN_VALUES, of.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))
        for _, counts in shown:
            rest = [a - b for a, b in zip(rest, counts, strict=True)]
        if rest[0]:
            shown.append((OTHERS, rest))
        result[dimension] = [{"value": value, "rows": documents, "tokens": tokens} for value, (documents, tokens) in shown]
    return result


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    """What the card has of a step: no place, no time."""
    kind = KINDS.get(step["use"]) or ("safety" if registry.is_safety(step["use"]) else step["kind"])
    return {
        "name": step["name"], "use": step["use"], "kind": kind, "version": step["version"], "fingerprint": step["fingerprint"],
        "params": _without_folders(step["params"]), "given": _without_folders(_given(step)), **{what: step[what] for what in COUNTS},
    }  # fmt: skip


def _given(step: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a step that are not its stage's defaults."""
    if step["use"] not in registry.names():
        return dict(step["params"])
    fields = registry.lookup(step["use"]).params.model_fields
    defaults = {name: to_jsonable_python(f.get_default(call_default_factory=True)) for name, f in fields.items() if not f.is_required()}
    return {name: value for name, value in step["params"].items() if name not in defaults or not _is_default(value, defaults[name])}


def _is_default(value: Any, default: Any) -> bool:
    """Whether a value is the default, the place of a file found for its name."""
    if isinstance(value, str) and isinstance(default, str):
        return value == default or value.endswith(f"/{default.rpartition(':')[2]}")
    if isinstance(value, dict) and isinstance(default, dict):
        return value.keys() == default.keys() and all(_is_default(v, default[k]) for k, v in value.items())
    return bool(value == default)


def _without_folders(value: Any) -> Any:
    """Parameters with the names of files for their absolute paths: what is in them, the fingerprint says."""
    if isinstance(value, str):
        return Path(value).name if value.startswith("/") else value
    if isinstance(value, list):
        return [_without_folders(v) for v in value]
    if isinstance(value, dict):
        return {k: _without_folders(v) for k, v in value.items()}
    return value
