"""`curate explain`: a document's way through the DAG, from the run's own columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import RecipeError
from curation.inspect.show import require_run, safe
from curation.shards import opened

IDENTITY = ("id", "url", "domain", "source", "date", "record_file", "record_offset", "text", "step", "drop_reason", "branch", "parent_ids")


def explain(out: Path, query: str) -> dict[str, Any]:
    """Find a document by URL or id.

    Returns: {"query", "documents": [{"id", "url", "record": {"source", "file", "offset"}, "parents", "fates": [{"branch", "fate",
        "output", "row", "steps": [{"name", "verdict", "reason", "metrics"}]}]}]}; the list is empty if the run never met it. record = the
        input, the file in it and the place there that the document was read from; row = number in the output's file, from 0, once for
        each time a document stands there.
    Raises: RecipeError if the run is unfinished.
    """
    manifest = require_run(out)
    if manifest["status"] != "done":
        raise RecipeError(f"the run in {out} is {manifest['status']}: finish it, then ask again")
    steps = {s["name"]: s for s in manifest["steps"]}
    documents: dict[str, dict[str, Any]] = {}
    ids = {query}
    for row, _, _, _ in [*_rows(out, "dropped", query), *_rows(out, "failed", query), *_rows(out, "outputs", query)]:
        ids.add(row["id"])
    for row, _, _, _ in _rows(out, "dropped", *ids):
        _fate(documents, row, "dropped", None, _path(steps, row["step"], row.get("branch")), row, row["step"], row["drop_reason"])
    for row, _, _, _ in _rows(out, "failed", *ids):
        _fate(documents, row, "failed", None, _path(steps, row["step"], None), row, row["step"], f"{row['reason']}: {row['detail']}")
    for row, name, file, number in _rows(out, "outputs", *ids):
        branch = row.get("branch")
        _fate(documents, row, "kept", f"outputs/{name}/{file}", _path(steps, f"outputs.{name}", branch), row, None, None, number)
    for row, name, file, number in _rows(out, "outputs", *ids, parents=True):
        for parent in row["parent_ids"]:
            if parent in ids:
                merged = {"id": parent, "url": query if "://" in query else None}
                _fate(
                    documents,
                    merged,
                    "merged",
                    f"outputs/{name}/{file} as {row['id']}",
                    _path(steps, f"outputs.{name}", row.get("branch")),
                    {},
                    None,
                    None,
                    number,
                )
    return {"query": query, "documents": list(documents.values())}


def _fate(
    documents: dict[str, dict[str, Any]], row: dict[str, Any], fate: str, output: str | None, path: list[dict[str, Any]],
    metrics: dict[str, Any], last: str | None, reason: str | None, number: int | None = None,
) -> None:  # fmt: skip
    document = documents.setdefault(row["id"], {"id": row["id"], "url": None, "record": None, "parents": None, "fates": []})
    document["url"] = document["url"] or row.get("url")
    if row.get("record_file") is not None:
        document["record"] = {"source": row["source"], "file": row["record_file"], "offset": row["record_offset"]}
    document["parents"] = document["parents"] or row.get("parent_ids")
    steps = []
    writer = {column: step["name"] for step in path for column in step["writes"]}  # a column written twice tells of the last
    for step in path:
        mine = [c for c in step["writes"] if writer[c] == step["name"] and c not in IDENTITY]
        here = {c: _plain(metrics[c]) for c in mine if metrics.get(c) is not None}
        stop = step["name"] == last
        steps.append({"name": step["name"], "verdict": fate if stop else "kept", "reason": reason if stop else None, "metrics": here})
    document["fates"].append({"branch": row.get("branch"), "fate": fate, "output": output, "row": number, "steps": steps})


def _plain(value: Any) -> Any:
    try:
        json.dumps(value)
    except TypeError:
        return str(value)
    return round(value, 6) if isinstance(value, float) else value


def _path(steps: dict[str, dict[str, Any]], last: str, branch: str | None) -> list[dict[str, Any]]:
    """Steps from a source to `last`; at a fan-in the way its branch says, else the first way."""
    taken = set((branch or "").split("/"))
    path: list[dict[str, Any]] = []
    name: str | None = last
    while name is not None and name in steps:
        step = steps[name]
        if step["kind"] != "shards":
            path.append(step)
        needs = step["needs"]
        chosen = next((n for n in needs if any(n == t or _leads(steps, n, t) for t in taken)), needs[0] if needs else None)
        name = chosen.partition(".")[0] if chosen else None
    return path[::-1]


def _leads(steps: dict[str, dict[str, Any]], port: str, branch: str) -> bool:
    """Whether rows of a port came through a branch."""
    queue = [port]
    while queue:
        here = queue.pop()
        if branch and here == branch:
            return True
        queue += steps.get(here.partition(".")[0], {}).get("needs", [])
    return False


def _rows(out: Path, label: str, *wanted: str, parents: bool = False) -> Iterator[tuple[dict[str, Any], str, str, int]]:
    """(row without its text, output's name, file, number in the file) of every row whose id or URL is wanted."""
    pattern = "*/*.parquet" if label == "outputs" else "*.parquet"
    values = pa.array(list(wanted), pa.string())
    for path in sorted((out / label).glob(pattern)):
        with opened(path) as file:
            names = file.schema_arrow.names
            if parents and "parent_ids" not in names:
                continue
            columns = [n for n in names if n not in ("text", "traceback")]
            first = 0
            for group in range(file.metadata.num_row_groups):
                base, first = first, first + file.metadata.row_group(group).num_rows
                if parents:
                    lists = file.read_row_group(group, columns=["parent_ids"])["parent_ids"].combine_chunks()
                    hits = pc.is_in(pc.list_flatten(lists), values)
                    rows = pc.unique(pc.list_parent_indices(lists).filter(hits))
                else:
                    keys = file.read_row_group(group, columns=["id", "url"])
                    rows = pc.indices_nonzero(pc.or_(pc.is_in(keys["id"], values), pc.is_in(keys["url"], values)))
                if len(rows) == 0:
                    continue
                table = file.read_row_group(group, columns=columns).take(rows)
                for number, row in zip(rows.to_pylist(), table.to_pylist(), strict=True):
                    yield row, path.parent.name, path.name, base + number


def page(report: dict[str, Any]) -> str:
    """The report as text."""
    if not report["documents"]:
        return f"{report['query']}: this run never met a document with that URL or id"
    lines = []
    for d in report["documents"]:
        lines.append(f"{safe(d['id'])}  {safe(d['url'] or '')}")
        if d["record"]:
            lines.append(f"  read from {safe('{source}: {file} at {offset}'.format(**d['record']))}")
        if d["parents"]:
            lines.append(f"  made of {safe(', '.join(d['parents']))}")
        for f in d["fates"]:
            place = "" if f["output"] is None else f" in {safe(f['output'])}" + ("" if f["row"] is None else f" row {f['row']}")
            lines.append(f"  {f['fate']}{place}" + (f" (branch {f['branch']})" if f["branch"] else ""))
            for s in f["steps"]:
                metrics = ", ".join(f"{k} {safe(str(v))}" for k, v in s["metrics"].items())
                lines.append(
                    f"    {s['name']:<16} {s['verdict']}"
                    + (f": {s['reason']}" if s["reason"] else "")
                    + (f"   {metrics}" if metrics else "")
                )
    return "\n".join(lines)
