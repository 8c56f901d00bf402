"""What the tests of dedup_lines and dedup_spans share: a shuffle over shards, and runs of them that must agree."""

import random
from itertools import pairwise

import numpy as np
import pyarrow as pa

from curation.documents import record_ids
from curation.stage import Batch, Verdicts

ORDER = [("key", "ascending"), ("shard", "ascending"), ("row", "ascending")]


def documents(texts, **columns):
    """A table of texts; the id of each says where it stood."""
    n = len(texts)
    ids = record_ids("test", [str(i) for i in range(n)])
    return pa.table({"id": ids, "text": pa.array(texts, pa.large_string()), **{c: pa.array(v) for c, v in columns.items()}})


def sent(stage, params, table, shard, size, buckets):
    """Rows one mapper sends of a shard, emitted in batches of `size`, what its batches counted, and what is kept of each."""
    tables, counted, kept = [], {}, []
    for start in range(0, max(1, len(table)), size):
        batch = Batch(table.slice(start, size), buckets=buckets)
        keyed = stage.emit(batch, params)
        rows = pa.table({"key": keyed.key, "row": np.asarray(keyed.row + start, np.uint32), **keyed.columns})
        assert {n: rows.schema.field(n).type for n in stage.payload(params)} == dict(stage.payload(params))
        tables.append(rows)
        kept.append(pa.table(dict(keyed.kept), schema=pa.schema(list(stage.keeps(params).items()))))
        for what, n in batch.counted.items():
            counted[what] = counted.get(what, 0) + n
    rows = pa.concat_tables(tables).sort_by([("key", "ascending"), ("row", "ascending")])
    combined = stage.combine(rows, params, 0)
    assert combined.schema == rows.schema
    assert stage.combine(combined, params, 0).equals(combined)
    assert len(set(combined["key"].to_pylist())) == len(combined), "a key is sent once a mapper"
    return combined.append_column("shard", pa.array(np.full(len(combined), shard, np.uint32))), counted, kept


def decided(stage, params, rows, reducers):
    """Verdicts on rows, keys dealt to some reducers."""
    keys = rows["key"].to_numpy()
    parts = [rows.filter(pa.array(keys % np.uint64(reducers) == np.uint64(r))).sort_by(ORDER) for r in range(reducers)]
    reduced = [stage.reduce(part, params, 0) for part in parts]
    found = [r.verdicts for r in reduced if r.verdicts is not None]
    assert sum(sum(r.counted.values()) for r in reduced) == len({u for v in found for u in v["unit"].to_pylist()})
    return pa.concat_tables(found) if found else None


def streamed(stage, params, rows):
    """Verdicts on rows, key by key in chunks of three."""
    rows = rows.sort_by(ORDER)
    keys = rows["key"].to_numpy()
    starts = [*np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))), len(keys)] if len(keys) else [0]
    found = []
    for start, stop in pairwise(starts):
        chunks = [rows.slice(k, min(3, stop - k)) for k in range(start, stop, 3)]
        found += [r.verdicts for r in stage.stream(lambda chunks=chunks: iter(chunks), params, 0) if r.verdicts is not None]
    return pa.concat_tables(found) if found else None


class Shuffled:
    """A global stage run over shards.

    columns: name -> one value a document, in the order of the table. rows: what the mappers sent. verdicts: of all shards.
    counted, examples: of all batches.
    """

    def __init__(self, stage, table, values, shards=1, size=1 << 20, reducers=1):
        params = stage.params(**values)
        buckets = stage.buckets(len(table), params)
        each = -(-max(1, len(table)) // shards)
        parts = [table.slice(s, each) for s in range(0, max(1, len(table)), each)]
        mapped = [sent(stage, params, part, n, size, buckets) for n, part in enumerate(parts)]
        self.rows = pa.concat_tables([rows for rows, _, _ in mapped])
        self.counted = {what: sum(c.get(what, 0) for _, c, _ in mapped) for what in {w for _, c, _ in mapped for w in c}}
        self.verdicts = decided(stage, params, self.rows, reducers)
        again = streamed(stage, params, self.rows)
        by = [(c, "ascending") for c in ("unit", "shard", "row")]
        if self.verdicts is None or not len(self.verdicts):
            assert again is None or not len(again)
        else:
            assert again.sort_by(by).equals(self.verdicts.sort_by(by)), "stream gives other verdicts than reduce"
        types = {n: getattr(t, "type", t) for n, t in stage.writes(params).items()}
        self.columns = {n: [] for n in (*types, "drop_reason")}
        self.examples = {}
        for n, part in enumerate(parts):
            mine = self.verdicts if self.verdicts is not None else pa.schema(
                [("shard", pa.uint32()), ("row", pa.int64()), *stage.verdict(params).items()]).empty_table()  # fmt: skip
            mine = mine.filter(pa.compute.equal(mine["shard"], n)).drop_columns(["shard", "row"])
            for start in range(0, max(1, len(part)), size):
                batch = Batch(part.slice(start, size), buckets=buckets)
                kept = mapped[n][2][start // size]
                given = stage.apply(batch, Verdicts(np.full(len(mine), -1), mine, kept=kept), params)
                assert set(given) == set(self.columns)
                for name, kind in types.items():
                    array = pa.array(given[name])
                    assert array.type == kind
                    assert array.null_count == (given[f"{stage.part}s_removed"] == 0).sum() * name.endswith("words_left")
                    array.validate(full=True)
                    self.columns[name] += array.to_pylist()
                self.columns["drop_reason"] += given["drop_reason"].to_pylist()
                for _, weight, text in batch.examples:
                    self.examples[text] = max(weight, self.examples.get(text, 0))

    def __getitem__(self, name):
        return self.columns[name]


def run(stage, table, **values):
    """A stage over one shard; other shards, batches, reducers and any order of documents must agree."""
    whole = Shuffled(stage, table, values)
    for shards, size, reducers in ((1, 1, 1), (3, 2, 4), (len(table) or 1, 7, 2)):
        parts = Shuffled(stage, table, values, shards, size, reducers)
        assert parts.columns == whole.columns, (shards, size)
    order = list(range(len(table)))
    random.Random(len(table)).shuffle(order)
    mixed = Shuffled(stage, table.take(pa.array(order, pa.int64())), values, 2, 3)
    for name, column in whole.columns.items():
        assert mixed[name] == [column[i] for i in order], f"another order gives another {name}"
    return whole
