"""One table over the registry: what every stage declares, it does.

Declared columns are really written, drop reasons really produced, verdicts do not depend on batches
or on the day, an empty batch, nulls and odd Unicode are fine, and the output's hash stands beside
the version: changed output with an unchanged version fails.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import xxhash

from curation import registry
from curation.stage import Batch, RowStage, Verdicts
from tests.samples import samples_of
from tests.samples.documents import resolved

GOLDEN = Path(__file__).parent / "golden.json"
OFFENDERS = [
    ("forgets_a_column", "declares ['length']"),
    ("leaves_nulls", "nulls in length"),
    ("invents_a_reason", "drops for ['long']"),
    ("looks_at_the_batch", "in batches of"),
    ("is_moody", "the second time"),
]
NAMES = sorted(n for n in registry.files() if registry.lookup(n).kind in ("row", "global"))


def plain(columns, n):
    """Columns as Arrow arrays of n values."""
    result = {}
    for name, value in columns.items():
        value = value.combine_chunks() if isinstance(value, pa.ChunkedArray) else value
        result[name] = value if isinstance(value, pa.Array) else pa.array(value)
        assert len(result[name]) == n
    return result


def apply_row(stage, params, table, size):
    """Columns of a row stage, called in batches of `size` rows."""
    parts = []
    for start in range(0, max(1, table.num_rows), size):
        piece = table.slice(start, size)
        parts.append(plain(stage(Batch(piece), params), piece.num_rows))
    types = {n: getattr(t, "type", t) for n, t in stage.writes(params).items()} | {"drop_reason": pa.string()}
    return {n: pa.concat_arrays([p[n].cast(types[n]) for p in parts if n in p]) for n in parts[0]}


def apply_global(stage, params, table, size):
    """Columns of a global stage: shards of `size` rows, one reducer, verdicts back."""
    shards = [table.slice(s, size) for s in range(0, max(1, table.num_rows), size)]
    payload = {n: getattr(t, "type", t) for n, t in stage.payload(params).items()}
    spills = []
    for ordinal, shard in enumerate(shards):
        keyed = stage.emit(Batch(shard), params)
        n = len(np.asarray(keyed.key))
        columns = {"key": np.asarray(keyed.key, dtype=np.uint64), "row": np.asarray(keyed.row).astype(np.uint32), **keyed.columns}
        rows = pa.table({c: v if isinstance(v, pa.Array | pa.ChunkedArray) else pa.array(v) for c, v in columns.items()})
        rows = rows.cast(pa.schema([("key", pa.uint64()), ("row", pa.uint32()), *((c, payload[c]) for c in keyed.columns)]))
        rows = stage.combine(rows.take(pa.array(np.argsort(rows["key"].to_numpy(), kind="stable"))), params)
        spills.append(
            rows.append_column("shard", pa.array(np.full(rows.num_rows, ordinal, dtype=np.uint32))) if n or rows.num_rows else None
        )
    spills = [s for s in spills if s is not None]
    state, verdicts, number = None, [], 0
    while spills:
        rows = pa.concat_tables(spills)
        order = np.lexsort((rows["row"].to_numpy(), rows["shard"].to_numpy(), rows["key"].to_numpy()))
        reduced = stage.reduce(rows.take(pa.array(order)), params, number)
        verdicts += [reduced.verdicts] if reduced.verdicts is not None else []
        state = reduced.state if reduced.state is not None else state
        spills = [reduced.again] if reduced.again is not None and reduced.again.num_rows else []
        number += 1
    parts = []
    schema = pa.schema([(n, getattr(t, "type", t)) for n, t in stage.verdict(params).items()])
    for ordinal, shard in enumerate(shards):
        mine = [v.filter(pa.compute.equal(v["shard"], ordinal)) for v in verdicts]
        mine = [v for v in mine if v.num_rows]
        joined = pa.concat_tables(mine).sort_by("row") if mine else pa.schema([("row", pa.uint32()), *schema]).empty_table()
        view = Verdicts(joined["row"].to_numpy().astype(np.int64), joined.select(schema.names), state)
        parts.append(plain(stage.apply(Batch(shard), view, params), shard.num_rows))
    types = {n: getattr(t, "type", t) for n, t in stage.writes(params).items()} | {"drop_reason": pa.string()}
    return {n: pa.concat_arrays([p[n].cast(types[n]) for p in parts]) for n in parts[0]}


def columns_of(name, params, table, size=1 << 20):
    stage = registry.lookup(name)
    return (apply_row if isinstance(stage, RowStage) else apply_global)(stage, params, table, size)


def check(name, stage, params, table):
    """Problems of one stage on one sample, as a list of sentences."""
    problems = []
    run = apply_row if isinstance(stage, RowStage) else apply_global
    columns = run(stage, params, table, 1 << 20)
    declared = stage.writes(params)
    if set(columns) - {"drop_reason"} != set(declared):
        problems.append(f"declares {sorted(declared)}, returns {sorted(columns)}")
    reasons = columns.get("drop_reason", pa.nulls(table.num_rows, pa.string()))
    for column, kind in declared.items():
        nullable = isinstance(kind, pa.Field) and kind.nullable
        kept = columns[column].filter(reasons.is_null()) if column in columns else pa.nulls(0)
        if kept.null_count and not nullable:
            problems.append(f"nulls in {column}")
    unknown = set(reasons.drop_null().to_pylist()) - set(stage.drops)
    if unknown:
        problems.append(f"drops for {sorted(unknown)}, which it does not declare")
    again = run(stage, params, table, 1 << 20)
    if any(not columns[c].equals(again[c]) for c in columns):
        problems.append("gives other columns the second time")
    for size in (1, 7):
        other = run(stage, params, table, size)
        if any(not columns[c].equals(other[c]) for c in columns):
            problems.append(f"gives other columns in batches of {size}")
    empty = run(stage, params, table.slice(0, 0), 1 << 20)
    if any(len(v) for v in empty.values()):
        problems.append("gives values for no documents")
    return problems


@pytest.mark.parametrize("name", NAMES)
def test_stage_does_what_it_declares(name):
    assert samples_of(name), f"add {name} to the file of its folder in tests/samples"
    stage = registry.lookup(name)
    for values, table in samples_of(name)():
        assert check(name, stage, resolved(stage, values), table) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_drop_reason_is_produced(name):
    stage = registry.lookup(name)
    found = set()
    for values, table in samples_of(name)():
        columns = columns_of(name, resolved(stage, values), table)
        found |= set(columns["drop_reason"].drop_null().to_pylist()) if "drop_reason" in columns else set()
    assert found == set(stage.drops)


@pytest.mark.parametrize("name", NAMES)
def test_output_is_golden(name):
    """Changed output needs a new version; `python -m tests.test_every_stage` writes the file anew."""
    golden = json.loads(GOLDEN.read_text())
    assert golden.get(name) == golden_of(name)


@pytest.mark.parametrize(("name", "problem"), OFFENDERS)
def test_the_checks_catch_an_offender(name, problem):
    registry.plug_in(Path(__file__).parent / "offenders.py")
    stage = registry.lookup(name)
    table = pa.table({"text": ["a", "bb", "ccc", "dddd", "e", "f", "g", "h", "i"]})
    assert any(problem in p for p in check(name, stage, stage.params(), table))


def golden_of(name):
    stage = registry.lookup(name)
    state = xxhash.xxh3_128()
    for values, table in samples_of(name)():
        columns = columns_of(name, resolved(stage, values), table)
        for column in sorted(columns):
            text = json.dumps([round(v, 4) if isinstance(v, float) else str(v) for v in columns[column].to_pylist()])
            state.update(f"{column}={text}\n".encode())
    return {"version": stage.version, "output": state.hexdigest()}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({n: golden_of(n) for n in NAMES}, indent=1) + "\n")
    sys.stdout.write(f"{len(NAMES)} stages\n")
