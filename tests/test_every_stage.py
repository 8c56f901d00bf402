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
from curation.shards import conform
from curation.stage import Batch, Combined, Reduced, RowStage, Verdicts
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


def conformed(table, types, *first):
    """The table with the columns a declaration names, behind some others."""
    fields = [(n, pa.uint64() if n == "key" else pa.uint32()) for n in first] + [(n, getattr(t, "type", t)) for n, t in types.items()]
    return conform(table, pa.schema(fields))


def emitted(stage, params, shard, ordinal, buckets):
    """What one shard sends, what is kept of it, and its followers."""
    keyed = stage.emit(Batch(shard, buckets=buckets), params)
    columns = {"key": np.asarray(keyed.key, dtype=np.uint64), "row": np.asarray(keyed.row).astype(np.uint32), **keyed.columns}
    rows = pa.table({c: v if isinstance(v, pa.Array | pa.ChunkedArray) else pa.array(v) for c, v in columns.items()})
    rows = conformed(rows, stage.payload(params), "key", "row")
    combined = stage.combine(rows.take(pa.array(np.argsort(rows["key"].to_numpy(), kind="stable"))), params, 0)
    rows, followers = (combined.rows, combined.followers) if isinstance(combined, Combined) else (combined, None)
    kept = conform(pa.table(dict(keyed.kept)), pa.schema([(n, getattr(t, "type", t)) for n, t in stage.keeps(params).items()]))
    rows = rows.append_column("shard", pa.array(np.full(rows.num_rows, ordinal, dtype=np.uint32)))
    return rows, kept, followers


def judged(stage, params, spills, kept):
    """Verdicts and state of all rounds, one reducer each."""
    waiting, state, verdicts = {0: spills}, None, []
    while waiting:
        number = min(waiting)
        rows = pa.concat_tables(waiting.pop(number))
        order = np.lexsort((rows["row"].to_numpy(), rows["shard"].to_numpy(), rows["key"].to_numpy()))
        if not rows.num_rows:
            continue
        decided = stage.reduce(rows.take(pa.array(order)), params, number)
        for reduced in [decided] if isinstance(decided, Reduced) else decided:
            verdicts += [reduced.verdicts] if reduced.verdicts is not None else []
            state = reduced.state if reduced.state is not None else state
            for ahead, table in reduced.again.items():
                sent = conformed(table, stage.message(params, number + ahead), "key", "shard", "row")
                waiting.setdefault(number + ahead, []).append(sent)
            if reduced.ask is not None:
                asks = conformed(reduced.ask, stage.asked(params, number), "key", "shard", "row").sort_by(
                    [("shard", "ascending"), ("row", "ascending")]
                )
                for ordinal in set(asks["shard"].to_pylist()):
                    mine = asks.filter(pa.compute.equal(asks["shard"], ordinal))
                    answer = stage.recall(kept[ordinal].take(mine["row"]), mine, params, number + 1)
                    waiting.setdefault(number + 1, []).append(conformed(answer, stage.message(params, number + 1), "key", "shard", "row"))
    return verdicts, state


def apply_global(stage, params, table, size):
    """Columns of a global stage: shards of `size` rows, one reducer, verdicts back."""
    shards = [table.slice(s, size) for s in range(0, max(1, table.num_rows), size)]
    buckets = stage.buckets(table.num_rows, params)
    sent = [emitted(stage, params, shard, n, buckets) for n, shard in enumerate(shards)]
    verdicts, state = judged(stage, params, [rows for rows, _, _ in sent], [kept for _, kept, _ in sent])
    parts = []
    for ordinal, shard in enumerate(shards):
        mine = [v.filter(pa.compute.equal(v["shard"], ordinal)) for v in verdicts]
        mine = [conformed(v, stage.verdict(params), "row") for v in mine if v.num_rows]
        empty = conformed(pa.table({"row": pa.array([], pa.uint32())}), stage.verdict(params), "row")
        joined = pa.concat_tables([empty, *mine]).sort_by("row")
        followers = sent[ordinal][2]
        if followers is not None and followers.num_rows:
            final = joined.filter(joined["drop_reason"].is_valid())
            at = {row: n for n, row in enumerate(final["row"].to_pylist())}
            leaders = final.take(pa.array([at.get(row) for row in followers["leader"].to_pylist()], pa.int64()))
            more = stage.follow(conformed(followers, stage.follower(params), "row", "leader"), leaders.drop_columns(["row"]), params)
            joined = pa.concat_tables([joined, conformed(more, stage.verdict(params), "row")]).sort_by("row")
        places = joined["row"].to_numpy().astype(np.int64)
        view = Verdicts(np.full(len(places), -1) if stage.of_shard else places, joined.drop_columns(["row"]), state, sent[ordinal][1])
        parts.append(plain(stage.apply(Batch(shard, buckets=buckets), view, params), shard.num_rows))
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
