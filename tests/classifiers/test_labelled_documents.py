"""Documents of runs and files as they are labelled: ids and domains where there are none, bounds, mistakes with their place."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from classifiers import documents, labels, records
from classifiers.documents import tables
from curation import csv_file
from curation.errors import RecipeError


def jsonl(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def ids(file, columns):
    return [id for table in tables(file, columns) for id in table["id"].to_pylist()]


def test_an_id_is_made_where_a_row_has_none_whatever_else_is_read(tmp_path):
    rows = [{"id": "a", "text": "x"}, {"id": None, "text": "y", "url": "http://y.example/"}, {"text": "z"}, {"text": "w"}]
    pq.write_table(pa.Table.from_pylist([{"id": None, "url": None, **row} for row in rows]), tmp_path / "a.parquet")
    files = [jsonl(tmp_path / "a.jsonl", rows), str(tmp_path / "a.parquet")]
    found = [ids(file, columns) for file in files for columns in (["id"], ["id", "url"], ["id", "text", "url", "domain"])]
    assert found[0][0] == "a"
    assert len(set(found[0])) == 4
    assert None not in found[0]
    assert all(of == found[0] for of in found)


def test_a_column_of_another_type_is_named(tmp_path):
    pq.write_table(pa.table({"text": ["a"], "url": [["http://a.example/"]]}), tmp_path / "a.parquet")
    for column in ("id", "domain", "url"):
        with pytest.raises(RecipeError, match=r"a.parquet: the column 'url' holds list.*, not string"):
            list(tables(str(tmp_path / "a.parquet"), [column]))
    file = jsonl(tmp_path / "a.jsonl", [{"text": "x", "id": "a"}, {"text": 7, "id": "b"}])
    assert ids(file, ["id"]) == ["a", "b"]
    with pytest.raises(RecipeError, match=r"a.jsonl:2:1: text: no text"):
        ids(file, ["id", "text"])


def test_what_is_held_is_bounded_by_all_that_is_read_and_by_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "BATCH_BYTES", 10_000)
    monkeypatch.setattr(records, "BATCH_BYTES", 10_000)
    monkeypatch.setattr(labels, "BATCH_CHARS", 10_000)
    rows = [{"id": str(n), "text": f"x{n}", "note": "n" * 4_000, "reason": "r" * 4_000, "label": n % 2} for n in range(20)]
    file = jsonl(tmp_path / "a.jsonl", rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", use_dictionary=False)
    seen = []
    monkeypatch.setattr(documents, "_table", lambda rows, names, made=documents._table: seen.append(rows) or made(rows, names))
    assert [len(table) for table in tables(file, ["id", "text"])] == [20]
    assert {key for row in seen[0] for key in row} == {"id", "text"}
    assert max(len(table) for table in tables(file, ["id", "note"])) == 3
    assert max(len(table) for table in labels.batches([file])) == 3
    with pq.ParquetFile(tmp_path / "a.parquet") as stored:
        assert max(len(batch) for batch in records.parquet_batches(stored, 1_024)) <= 3
    assert len(list(records.records(tmp_path / "a.parquet"))) == 20


def test_a_table_without_line_ends_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_file, "MAX_LINE_BYTES", 1_000)
    (tmp_path / "a.csv").write_text("text,label\nx,a\n" + "y," * 600)
    with pytest.raises(RecipeError, match=r"a.csv:3:1: not valid CSV: a line of more than"):
        list(records.records(tmp_path / "a.csv"))
    (tmp_path / "b.csv").write_text("text,label\n" + "x" * 900 + ",a\n")
    assert len(list(records.records(tmp_path / "b.csv"))) == 1
