"""What every stage's test asks: declared columns, batch sizes that agree, empty batches, whole reductions."""

import numpy as np
import pyarrow as pa

from curation.stage import Batch, Keyed, Verdicts


def field_of(name, kind):
    """Declared field of a column: not nullable unless it says so."""
    return kind if isinstance(kind, pa.Field) else pa.field(name, kind, nullable=False)


def columns(stage, table, params):
    """Columns a row stage gives for a table, checked against what it declares."""
    declared = {name: field_of(name, kind) for name, kind in stage.writes(params).items()}
    for name in stage.reads(params):
        assert name in table.column_names, f"the test table lacks {name}"
    given = dict(stage(Batch(table), params))
    reasons = given.pop("drop_reason", None)
    kept = pa.array([True] * table.num_rows, pa.bool_()) if reasons is None else pa.array(reasons).is_null()
    assert set(given) == set(declared)
    out = {}
    for name, values in given.items():
        array = values if isinstance(values, pa.Array) else pa.array(values)
        assert array.type == declared[name].type, (name, array.type)
        assert len(array) == table.num_rows
        assert declared[name].nullable or array.filter(kept).null_count == 0, f"{name} has nulls"
        out[name] = array.to_pylist()
    out["drop_reason"] = [None] * table.num_rows if reasons is None else pa.array(reasons).to_pylist()
    assert set(out["drop_reason"]) - {None} <= set(stage.drops)
    return out


def run(stage, table, **values):
    """Columns (as lists) of a row stage; batches of 1, 7 and all rows, and sliced ones, must agree."""
    params = stage.params(**values)
    whole = columns(stage, table, params)
    again = columns(stage, table, params)
    assert str(whole) == str(again)
    for size in (1, 7):
        parts = [columns(stage, table.slice(i, size), params) for i in range(0, table.num_rows, size)]
        joined = {name: [v for part in parts for v in part[name]] for name in whole}
        assert str(joined) == str(whole), f"batches of {size} differ"
    empty = columns(stage, table.slice(0, 0), params)
    assert all(values == [] for values in empty.values())
    return whole


def reasons(stage, table, **values):
    """Drop reasons of a row stage."""
    return run(stage, table, **values)["drop_reason"]


def emitted(stage, table, params, shard):
    """Rows of one shard as the shuffle would carry them."""
    keyed: Keyed = stage.emit(Batch(table), params)
    payload = stage.payload(params)
    assert set(keyed.columns) == set(payload)
    assert np.asarray(keyed.key).dtype == np.uint64
    rows = {
        "key": pa.array(keyed.key, pa.uint64()),
        "shard": pa.array(np.full(len(keyed.key), shard), pa.uint32()),
        "row": pa.array(keyed.row, pa.int64()),
    }
    for name, kind in payload.items():
        column = keyed.columns[name]
        column = column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.array(column)
        assert column.type == (kind.type if isinstance(kind, pa.Field) else kind), name
        rows[name] = column
    return pa.table(rows)


def verdicts_of(stage, rows, params):
    """Verdicts over sorted rows: the reducer's, which its streaming form must repeat key by key."""
    verdicts = stage.reduce(rows, params, 0).verdicts
    streamed = []
    keys = rows.column("key").to_numpy()
    for key in dict.fromkeys(keys.tolist()):
        at = np.flatnonzero(keys == key)
        part = rows.slice(at[0], len(at))
        chunks = [part.slice(i, 2) for i in range(0, len(at), 2)]
        streamed += [r.verdicts for r in stage.stream(lambda chunks=chunks: iter(chunks), params, 0)]
    order = [("shard", "ascending"), ("row", "ascending")]
    tables = [t for t in streamed if t is not None]
    if verdicts is None or not len(verdicts):
        assert not sum(len(t) for t in tables)
    else:
        assert pa.concat_tables(tables).sort_by(order).equals(verdicts.sort_by(order))
    return verdicts


def run_global(stage, *tables, **values):
    """Columns (as one list each) of a global stage over shards, whatever the batch size."""
    params = stage.params(**values)
    parts = [emitted(stage, table, params, shard) for shard, table in enumerate(tables)]
    for shard, table in enumerate(tables):
        ones = [emitted(stage, table.slice(i, 1), params, shard) for i in range(table.num_rows)]
        assert [r for t in ones for r in t.drop(["row"]).to_pylist()] == parts[shard].drop(["row"]).to_pylist()
        assert len(emitted(stage, table.slice(0, 0), params, shard)) == 0
    rows = pa.concat_tables(parts).sort_by([(c, "ascending") for c in ("key", "shard", "row")])
    verdicts = verdicts_of(stage, rows, params)
    schema = {name: pa.field(name, pa.string()) for name in stage.verdict(params)}
    out = {name: [] for name in schema}
    for shard, table in enumerate(tables):
        mine = pa.table({"row": pa.array([], pa.int64()), **{n: pa.array([], pa.string()) for n in schema}})
        if verdicts is not None:
            mine = verdicts.filter(pa.compute.equal(verdicts.column("shard"), shard)).sort_by("row")
        result = stage.apply(Batch(table), Verdicts(mine.column("row").to_numpy(), mine), params)
        for name in schema:
            out[name] += result[name].to_pylist()
    assert set(out["drop_reason"]) - {None} <= set(stage.drops)
    return out
