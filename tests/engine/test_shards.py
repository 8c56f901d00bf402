"""Same rows, same bytes, however they came."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import shards
from curation.errors import AccountError
from curation.shards import LazyShard, ShardWriter, column_names, conform, read_batches, read_rows

SCHEMA = pa.schema({
    "id": pa.string(), "text": pa.large_string(), "lang": pa.string(), "n": pa.int32(), "score": pa.float64(), "ok": pa.bool_(),
    "date": pa.timestamp("us", tz="UTC"), "tags": pa.list_(pa.string()),
})  # fmt: skip


def table(n, seed=0, size=40):
    rng = np.random.default_rng(seed)
    some = lambda values: [None if rng.random() < 0.1 else v for v in values]  # noqa: E731
    return pa.table({
        "id": [f"{i:032x}" for i in range(n)], "text": some(["x" * int(k) for k in rng.integers(0, size, n)]),
        "lang": some(rng.choice(["en", "de", "zh"], n).tolist()), "n": some(rng.integers(0, 99, n).tolist()),
        "score": some(rng.random(n).tolist()), "ok": some((rng.random(n) < 0.5).tolist()),
        "date": some(rng.integers(0, 10**15, n).tolist()),
        "tags": some([["a", "b"][: i % 3] for i in range(n)]),
    }, schema=SCHEMA)  # fmt: skip


def written(path, parts, schema=SCHEMA):
    writer = ShardWriter(path, schema)
    for part in parts:
        writer.write(part)
    return writer.close()


def cut(t, sizes):
    parts, at = [], 0
    for size in sizes:
        if at >= t.num_rows:
            break
        parts.append(t.slice(at, size))
        at += size
    return [*parts, t.slice(at)]


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 400), max_size=12), shuffle=st.booleans(), rechunk=st.booleans())
def test_chunks_do_not_matter(tmp_path_factory, sizes, shuffle, rechunk):
    folder, t = tmp_path_factory.mktemp("w"), table(900)
    one = written(folder / "one", [t])
    parts = cut(t, sizes)
    if shuffle:
        parts = [p.select(list(reversed(p.column_names))) for p in parts]
    if rechunk:
        parts = [pa.concat_tables(parts), t.slice(0, 0)]
    other = written(folder / "other", parts)
    assert one["xxh3"] == other["xxh3"]
    assert (one["rows"], one["bytes"]) == (900, (folder / "one").stat().st_size)
    assert pa.concat_tables(list(read_batches(folder / "other"))).equals(t)


def test_chunks_of_large_values_do_not_matter(tmp_path):
    t = table(700, size=20_000)
    first = written(tmp_path / "a", [t])
    for sizes in ([1] * 50, [333], [64] * 11, [699]):
        assert written(tmp_path / "b", cut(t, sizes))["xxh3"] == first["xxh3"]


def test_slices_and_absent_validity_bitmaps(tmp_path):
    t = table(200)
    filtered = pa.concat_tables([table(50, seed=9), t]).filter(pa.array([False] * 50 + [True] * 200))
    padded = pa.concat_tables([table(50, seed=9), t]).slice(50)
    assert written(tmp_path / "a", [t])["xxh3"] == written(tmp_path / "b", [filtered])["xxh3"] == written(tmp_path / "c", [padded])["xxh3"]


def groups(path):
    footer = pq.ParquetFile(path).metadata
    return [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]


def test_row_groups_of_many_small_rows(tmp_path):
    t = table(20_000, size=5)
    written(tmp_path / "a", [t])
    assert groups(tmp_path / "a") == [8192, 8192, 3616]
    assert written(tmp_path / "b", cut(t, [5000] * 4))["xxh3"] == written(tmp_path / "a", [t])["xxh3"]


def test_row_groups_of_big_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "ROW_GROUP_BYTES", 1000)
    schema = pa.schema({"text": pa.large_string()})
    sizes = [400, 400, 400, 999, 1, 1, 5000, 10, 1000, 3]
    t = pa.table({"text": ["x" * n for n in sizes]}, schema=schema)
    first = written(tmp_path / "a", [t], schema)
    assert groups(tmp_path / "a") == [2, 1, 2, 1, 1, 1, 1, 1]
    for n in (1, 2, 3, 7):
        assert written(tmp_path / "b", cut(t, [n] * 10), schema)["xxh3"] == first["xxh3"]
    assert pq.read_table(tmp_path / "a").equals(t)


@pytest.mark.slow
def test_a_value_larger_than_a_row_group(tmp_path):
    schema = pa.schema({"text": pa.large_string(), "url": pa.string()})
    t = pa.table({"text": ["a", "b" * (70 << 20), "c"], "url": ["u"] * 3}, schema=schema)
    written(tmp_path / "a", [t], schema)
    assert groups(tmp_path / "a") == [1, 1, 1]
    assert [len(x) for b in read_batches(tmp_path / "a", ["text"]) for x in b["text"].to_pylist()] == [1, 70 << 20, 1]


def test_absent_columns_are_null_and_types_are_cast():
    made = conform(pa.table({"n": [1, 2]}), pa.schema({"n": pa.int32(), "text": pa.large_string()}))
    assert made.schema.types == [pa.int32(), pa.large_string()]
    assert made["text"].null_count == 2


def test_a_file_exists_only_if_a_row_was_written(tmp_path):
    lazy = LazyShard(tmp_path / "lazy", SCHEMA)
    lazy.write(table(3).slice(0, 0))
    assert lazy.close() is None
    assert not (tmp_path / "lazy").exists()


def test_nothing_of_time_host_or_path_is_stored(tmp_path):
    (tmp_path / "x").mkdir()
    assert written(tmp_path / "a", [table(10)])["xxh3"] == written(tmp_path / "x" / "another", [table(10)])["xxh3"]
    assert b"pandas" not in (tmp_path / "a").read_bytes()


def test_a_lost_or_damaged_shard_is_an_account_error(tmp_path):
    written(tmp_path / "a", [table(500)])
    data = (tmp_path / "a").read_bytes()
    with pytest.raises(AccountError, match="is gone"):
        column_names(tmp_path / "nowhere")
    for damaged in (data[:-100], data[: len(data) // 2], b"", data[:4] + bytes(len(data) // 2) + data[4 + len(data) // 2 :]):
        (tmp_path / "b").write_bytes(damaged)
        with pytest.raises(AccountError, match="is damaged"):
            list(read_batches(tmp_path / "b"))


def test_a_document_that_many_ask_for_comes_in_pieces(tmp_path, monkeypatch):
    """What a hub's partners recall of it may be a thousand times what it is."""
    table = pa.table({"row": pa.array([3, 5, 8], pa.uint32()), "set": pa.array([b"a" * 1000, b"b" * 1000, b"c" * 9000], pa.large_binary())})
    writer = ShardWriter(tmp_path / "kept.parquet", table.schema, packed=False)
    writer.write(table)
    footer = writer.close()["footer"]
    monkeypatch.setattr(shards, "ROW_GROUP_BYTES", 5_000)
    wanted = np.array([3] * 7 + [5] * 50 + [8] * 2)
    end, found = 0, []
    for low, high, piece in read_rows(tmp_path / "kept.parquet", wanted, footer):
        assert low == end
        assert high - low == piece.num_rows
        assert piece.num_rows == 1 or sum(map(len, piece["set"].to_pylist())) <= 5_000
        end = high
        found += piece["row"].to_pylist()
    assert found == wanted.tolist()
