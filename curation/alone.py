"""`curate stage`: one stage alone on some files, for whoever debugs it.

The files become shards with every column they have; the stage then runs through the engine itself,
inline, in a temporary folder, so that what is seen here is what a run does. Rows come out in the
order they went in.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation import registry
from curation.documents import CORE, record_ids
from curation.errors import RecipeError
from curation.executors.inline import Inline
from curation.plan import Plan
from curation.recipe import build
from curation.run import Run, Shard
from curation.shards import ShardWriter, conform, read_batches
from curation.stage import RegroupStage, Source
from curation.tasks.base import Context
from curation.tasks.texts import SPLIT_BITS
from curation.yaml_file import YamlFile

LINES = 5_000
"""JSONL lines looked at, and written, at a time."""
SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet")


def run_alone(
    name: str, inputs: list[str], out: str, params: dict[str, Any], keep_dropped: bool, prepare: Callable[[Plan], None]
) -> dict[str, Any]:
    """Run one row, expand or global stage on files.

    Args:
        inputs: WARC, WET, HTML, JSONL(.gz/.zst) or Parquet files; "-" is JSONL on stdin.
        out: .jsonl, .jsonl.gz or .parquet; "-" is JSONL on stdout.
        params: the stage's parameters. keep_dropped: leave dropped rows in, with `drop_reason`.
        prepare: called with the plan when all is checked, before it runs.
    Returns: {"stage", "documents_in", "kept", "dropped", "failed", "why_failed", "out"}; why_failed: up to three messages.
    Raises: RecipeError for a wrong stage, parameter, path or column.
    """
    try:
        stage = registry.lookup(name)
    except KeyError as e:
        raise RecipeError(str(e.args[0]), hint="curate stages lists them") from e
    if isinstance(stage, Source | RegroupStage):
        raise RecipeError(f"{name} is a {stage.kind}; only row, expand and global stages run alone")
    if out != "-" and not out.endswith(SUFFIXES):
        raise RecipeError(f"--out {out}: the suffix names the format: {', '.join(SUFFIXES)}")
    with tempfile.TemporaryDirectory(prefix="curate-stage-") as folder:
        home = Path(folder)
        again = _written_anew(stage, params)
        tables = [_ingest(path, home / "in" / f"{n:06d}.parquet", again) for n, path in enumerate(inputs)]
        transient = set().union(*tables)
        step = name.replace(".", "-")
        raw: dict[str, Any] = {
            "name": "stage", "inputs": {"rows": {"use": "rows", "paths": [f"in/{n:06d}.parquet" for n in range(len(inputs))]}},
            "steps": {step: {"use": name, **params}}, "settings": {"max_failed": {"share": 1.0}},
        }  # fmt: skip
        recipe = build(YamlFile(home / "recipe.yaml", raw), {})
        recipe.asset_folder = Path.cwd()
        try:
            plan = Plan(recipe, annotate=True, whole_shadows=True)
        except RecipeError as e:
            _, of_step, parameter = (e.place.key if e.place else "").rpartition(f"steps.{step}.")
            raise RecipeError(f"{parameter}: {e.message}" if of_step else e.message, hint=e.hint) from e
        prepare(plan)
        run = Run(plan, home / "run", Inline(Context(plan, home / "run")))
        run.walk()
        account = run.accounts[step]
        failed = [pq.read_table(f, columns=["detail"])["detail"] for f in sorted((home / "run" / "failed").glob("*.parquet"))]
        why = list(dict.fromkeys(detail for column in failed for detail in column.to_pylist()))[:3]
        columns = [f.name for f in plan.steps[step].schema if f.name not in transient]
        source = _rows(run, plan, step, len(inputs), columns, keep_dropped)
        _write(out, source, plan, step, columns, keep_dropped)
    return {
        "stage": name, "out": out, "documents_in": account.documents_in, "kept": account.kept,
        "dropped": dict(account.dropped), "failed": account.failed, "why_failed": why,
    }  # fmt: skip


def _written_anew(stage: Any, params: dict[str, Any]) -> set[str]:
    """Columns the stage creates: those of an earlier call give way."""
    try:
        values = stage.params.model_validate(params)
        return set(stage.writes(values)) - set(stage.reads(values))
    except ValueError:
        return set()  # the plan says what is wrong with the parameters


def _rows(run: Run, plan: Plan, port: str, files: int, columns: list[str], keep_dropped: bool) -> Iterator[pa.Table]:
    """Rows of the stage in the order they went in, file by file."""
    schema = _schema(plan, port, columns, keep_dropped)
    by_file: dict[str, list[Shard]] = {}
    for shard in run.shards[port]:
        by_file.setdefault(shard.splits[0]["relative"], []).append(shard)
    for n in range(files):
        for shard in by_file.get(f"{n:06d}.parquet", []):
            parts = list(read_batches(run.out / shard.file)) if shard.file else []
            if keep_dropped and shard.shadow:
                parts += [t.append_column("drop_reason", t["shadow_reason"]) for t in read_batches(run.out / shard.shadow)]
            wide = pa.schema([*schema, pa.field("_row", pa.int64())])
            table = pa.concat_tables([conform(t, wide) for t in parts]) if parts else wide.empty_table()
            order = np.argsort(table["_row"].to_numpy() & ((1 << SPLIT_BITS) - 1), kind="stable")
            yield table.take(pa.array(order)).select(schema.names)


def _schema(plan: Plan, port: str, columns: list[str], keep_dropped: bool) -> pa.Schema:
    full = plan.port_schema(port)
    fields = [full.field(c) for c in columns]
    return pa.schema([*fields, pa.field("drop_reason", pa.string())] if keep_dropped else fields)


def _write(out: str, tables: Iterator[pa.Table], plan: Plan, port: str, columns: list[str], keep_dropped: bool) -> None:
    if out.endswith(".parquet"):
        writer = ShardWriter(Path(out), _schema(plan, port, columns, keep_dropped))
        for table in tables:
            writer.write(table)
        writer.close()
        return
    if out == "-":
        _lines(sys.stdout, tables)
        return
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    if out.endswith(".gz"):
        with gzip.GzipFile(out, "wb", mtime=0) as binary, io.TextIOWrapper(binary, encoding="utf-8") as f:
            _lines(f, tables)
    else:
        with open(out, "w", encoding="utf-8") as f:
            _lines(f, tables)


def _lines(f: IO[str], tables: Iterator[pa.Table]) -> None:
    for table in tables:
        for start in range(0, table.num_rows, LINES):
            for row in table.slice(start, LINES).to_pylist():
                f.write(json.dumps(row, ensure_ascii=False, default=_say) + "\n")


def _say(value: Any) -> str:
    return (
        base64.b64encode(value).decode() if isinstance(value, bytes) else value.isoformat() if hasattr(value, "isoformat") else str(value)
    )


# -- reading any file -----------------------------------------------------------------------------


def _ingest(path: str, target: Path, without: set[str]) -> set[str]:
    """Write a file's rows as a shard with the core columns; returns its transient columns."""
    if path != "-" and not Path(path).is_file():
        raise RecipeError(f"--in {path}: {'a folder; name one file of it' if Path(path).is_dir() else 'no such file'}")
    lower = path.lower()
    transient: set[str] = set()
    if path == "-" or ".jsonl" in lower or lower.endswith((".json", ".ndjson")):
        tables = _json_tables(path)
    elif lower.endswith(".parquet"):
        tables = _parquet_tables(path)
    elif lower.endswith((".html", ".htm", ".xhtml")):
        tables, transient = _html_table(path), {"content"}
    elif ".warc" in lower or ".wet" in lower:
        tables, transient = _source_tables(path, "wet" if ".wet" in lower else "warc"), {"content"}
    else:
        raise RecipeError(f"--in {path}: its suffix says no format; .warc(.gz), .wet(.gz), .html, .jsonl(.gz/.zst), .parquet")
    writer: ShardWriter | None = None
    seen = 0
    try:
        for table in tables:
            given = set(table.column_names)
            table = _with_content(table)
            transient |= set(table.column_names) - given
            table = _with_core(table.drop_columns([c for c in table.column_names if c in without]), path, seen)
            seen += table.num_rows
            writer = writer or ShardWriter(target, table.schema)
            writer.write(table)
    except (pa.ArrowInvalid, ValueError, OSError) as e:
        raise RecipeError(f"--in {path}: {e}") from e
    (writer or ShardWriter(target, pa.schema([*(pa.field(n, t) for n, t in CORE.items()), pa.field("text", pa.large_string())]))).close()
    return transient


def _with_core(table: pa.Table, path: str, start: int) -> pa.Table:
    """A table with the core columns; ids that are there are kept, `text` is a large string."""
    n = table.num_rows
    for name, kind in CORE.items():
        if name in table.column_names:
            i = table.column_names.index(name)
            if table.schema.field(name).type != kind:
                table = table.set_column(i, pa.field(name, kind), table.column(name).cast(kind))
        elif name == "id":
            table = table.append_column(pa.field(name, kind), record_ids("row", [f"{Path(path).name}/{start + i}" for i in range(n)]))
        elif name in ("record_file", "source"):
            table = table.append_column(pa.field(name, kind), pa.array([Path(path).name] * n, kind))
        elif name == "record_offset":
            table = table.append_column(pa.field(name, kind), pa.array(np.arange(start, start + n), kind))
        else:
            table = table.append_column(pa.field(name, kind), pa.nulls(n, kind))
    if "text" in table.column_names:
        text = table.column("text").cast(pa.large_string()).fill_null("")
        table = table.set_column(table.column_names.index("text"), pa.field("text", pa.large_string()), text)
    ids = table.column("id")
    if ids.null_count:
        raise ValueError("a row has no id; give every row one, or none")
    for wish in ("drop_reason", "_row", "_at"):
        if wish in table.column_names:
            table = table.drop_columns([wish])
    return table.replace_schema_metadata(None)


def _parquet_tables(path: str) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=LINES):
            yield pa.Table.from_batches([batch])


def _json_tables(path: str) -> Iterator[pa.Table]:
    """JSONL with the types its lines have: all lines are looked at first, then read again."""
    with contextlib.ExitStack() as stack:
        spool: Any = None
        if path == "-":
            spool = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(sys.stdin.buffer, spool)
        schemas = [_inferred(rows) for rows in _json_rows(path, spool)]
        if not schemas:
            return
        schema = pa.unify_schemas(schemas, promote_options="permissive")
        fields = [f.with_type(pa.string()) if pa.types.is_null(f.type) else f for f in schema]
        for rows in _json_rows(path, spool):
            yield pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _inferred(rows: list[dict[str, Any]]) -> pa.Schema:
    names = dict.fromkeys(key for row in rows for key in row)
    return pa.schema([pa.field(name, pa.array([row.get(name) for row in rows]).type) for name in names])


def _json_rows(path: str, spool: Any) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    with _opened(path, spool) as f:
        for number, line in enumerate(f, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as e:
                raise ValueError(f"line {number} is not JSON: {e}") from e
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not a JSON object")
            if b"\\u" in line or b"\xed" in line:  # halves of surrogate pairs may stand here, which UTF-8 cannot hold
                text = json.dumps(row, ensure_ascii=False)
                row = json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
            rows.append(row)
            if len(rows) >= LINES:
                yield rows
                rows = []
    if rows:
        yield rows


def _opened(path: str, spool: Any) -> IO[bytes]:
    if spool is not None:
        spool.seek(0)
        return io.BufferedReader(io.FileIO(spool.fileno(), closefd=False))
    if path.endswith(".gz"):
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.endswith(".zst"):
        return io.BufferedReader(pa.input_stream(path, compression="zstd"))
    return open(path, "rb")


def _html_table(path: str) -> Iterator[pa.Table]:
    yield _with_pages(pa.table({"id": record_ids("html", [path])}), [Path(path).read_bytes()])


def _with_pages(table: pa.Table, contents: list[bytes | None]) -> pa.Table:
    """A table with the columns a crawl's pages have, as far as it lacks them."""
    n = table.num_rows
    columns = {
        "url": pa.nulls(n, pa.string()), "content": pa.array(contents, pa.large_binary()), "http_status": pa.array([200] * n, pa.int16()),
        "mime": pa.array(["text/html"] * n), "http_charset": pa.nulls(n, pa.string()), "warc_type": pa.array(["response"] * n),
        "truncated": pa.nulls(n, pa.string()), "crawl": pa.nulls(n, pa.string()),
        "body_bytes": pa.array([len(content or b"") for content in contents], pa.int64()),
    }  # fmt: skip
    for name, column in columns.items():
        if name not in table.column_names:
            table = table.append_column(name, column)
    return table


def _with_content(table: pa.Table) -> pa.Table:
    """A table whose `html` (text) or `html_b64` (bytes in base64) stands for `content`, if it has one of both."""
    names = {"html", "html_b64"} & set(table.column_names)
    if not names or "content" in table.column_names:
        return table
    texts, coded = (table.column(name).to_pylist() if name in names else [None] * table.num_rows for name in ("html", "html_b64"))
    pages = [base64.b64decode(b) if b is not None else a.encode() if a is not None else None for a, b in zip(texts, coded, strict=True)]
    return _with_pages(table, pages)


def _source_tables(path: str, name: str) -> Iterator[pa.Table]:
    source = registry.lookup(name)
    assert isinstance(source, Source)
    params = source.params.model_validate({"paths": path})
    source.check(path, params)
    for table in source.read(path, Path(path).name, "", params):
        good = table.filter(pc.is_null(table["drop_reason"]))
        yield good.drop_columns(["_row", "drop_reason"])
