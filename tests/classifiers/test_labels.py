"""Label sets: what is read from JSONL, CSV and Parquet, what is refused and where, what is written."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from classifiers import labels
from curation.errors import RecipeError

ROWS = [
    {"id": "a", "text": "The sum of the angles is $\\pi$.", "label": "good", "url": "https://www.uni.example.co.uk/m", "lang": "en"},
    {"id": "b", "text": "Buy, 价格!", "label": "bad", "source": "shops", "reason": "an advertisement", "labelled_by": "ann", "score": 0.25},
    {"text": "nothing known of it", "label": "bad", "colour": "red"},
]


def jsonl(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_the_same_rows_from_every_format(tmp_path):
    jsonl(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    pq.write_table(pa.Table.from_pylist([{"colour": None, **dict.fromkeys(labels.KEYS), **row} for row in ROWS]), tmp_path / "a.parquet")
    keys = [*labels.KEYS, "colour"]
    (tmp_path / "a.csv").write_text(
        "\ufeff" + ",".join(keys) + "\n" + "".join(",".join(f'"{row.get(k, "")}"' for k in keys) + "\n" for row in ROWS)
    )
    (tmp_path / "a.tsv").write_text("\t".join(keys) + "\n" + "".join("\t".join(str(row.get(k, "")) for k in keys) + "\n" for row in ROWS))
    tables = [labels.read([tmp_path / f"a.{s}"]) for s in ("jsonl", "jsonl.gz", "parquet", "csv", "tsv")]
    table, facts = tables[0]
    assert all(t.equals(table) and f == facts for t, f in tables)
    assert table.schema == labels.SCHEMA
    assert table["id"].to_pylist()[:2] == ["a", "b"]
    assert len(table["id"][2].as_py()) == 32
    assert table["domain"].to_pylist() == ["example.co.uk", "shops", table["id"][2].as_py()]
    assert table["score"].to_pylist() == [None, 0.25, None]
    assert facts.kind == "classes"
    assert facts.classes == {"good": 1, "bad": 2}
    assert facts.ignored == {"colour"}


def test_numbers_are_numbers_and_files_add_up(tmp_path):
    one = jsonl(tmp_path / "a.jsonl", [{"text": "x", "label": 3}, {"text": "y", "label": 0.5}])
    two = tmp_path / "b.csv"
    two.write_text("body,rating\nz,4\n")
    table, facts = labels.read([one])
    assert table["value"].to_pylist() == [3.0, 0.5]
    assert table["label"].null_count == 2
    assert (facts.kind, facts.low, facts.high, facts.classes) == ("numbers", 0.5, 3.0, {})
    with pytest.raises(RecipeError, match=r"b.csv:2:1: text: no text"):
        labels.check([one, two])
    two.write_text("text,label\nz,4\n")
    assert labels.check([one, two]).rows == 3
    two.write_text("body,rating\nz,4\nw,5\n")
    assert labels.check([two], {"text": "body", "label": "rating"}).high == 5


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "x"}, r":2:1: label: no label"),
        ({"text": "x", "lable": "a"}, r":2:1: label: no label \(did you mean 'lable'\?\)"),
        ({"text": "x", "label": None}, r":2:1: label: no label"),
        ({"text": "x", "label": "  "}, r":2:1: label: no label"),
        ({"text": "x", "label": True}, r":2:1: label: a true or false"),
        ({"text": "x", "label": ["a"]}, r":2:1: label: a list"),
        ({"text": "x", "label": float("nan")}, r":2:1: label: nan is no label"),
        ({"text": "x", "label": 10**400}, r":2:1: label: inf is no label"),
        ({"text": "x", "label": 1}, r":2:1: label: 1 is a number, and the set began with classes \(.*:1\)"),
        ({"text": " \n", "label": "b"}, r":2:1: text: the text is empty"),
        ({"text": 7, "label": "b"}, r":2:1: text: a number, not a text"),
        ({"text": "x", "label": "b", "id": 1.5}, r":2:1: id: an id is a text or a whole number"),
        ({"text": "x", "label": "b", "score": "much"}, r":2:1: score: not a finite number"),
        ({"text": "x", "label": "b", "url": {}}, r":2:1: url: a map, not a text"),
        ({"text": "x", "label": "b", "split": "test"}, r":2:1: split: a split, and the row of .*:1 has none"),
        ({"text": "first", "label": "b"}, r":2:1: id: '[0-9a-f]{32}' stands in the set before this line, too"),
        ([1], r":2:1: a JSON object a line is wanted, not a list"),
    ],
)
def test_a_row_that_is_wrong_is_named(tmp_path, row, said):
    file = jsonl(tmp_path / "a.jsonl", [{"text": "first", "label": "a"}, row])
    with pytest.raises(RecipeError, match=said):
        labels.check([file])


def test_what_only_the_whole_set_shows(tmp_path):
    one = jsonl(tmp_path / "a.jsonl", [{"text": "x", "label": "a"}])
    with pytest.raises(RecipeError, match="every row has the label 'a'"):
        labels.check([one])
    assert sum(t.num_rows for t in labels.batches([jsonl(tmp_path / "b.jsonl", [*ROWS])])) == 3
    with pytest.raises(RecipeError, match="every row has the label 2: there is nothing to tell apart"):
        labels.check([jsonl(tmp_path / "a.jsonl", [{"text": "x", "label": 2}, {"text": "y", "label": 2.0}])])
    (tmp_path / "a.jsonl").write_text("\n\n")
    with pytest.raises(RecipeError, match="no label in it"):
        labels.check([one])


def test_a_domain_is_on_one_side_of_a_split(tmp_path):
    rows = [
        {"text": "x", "label": "a", "url": "https://en.shop.example/1", "split": "train"},
        {"text": "y", "label": "b", "url": "https://blog.example/", "split": "test"},
        {"text": "z", "label": "b", "url": "https://de.shop.example/2", "split": "train"},
    ]
    assert labels.check([jsonl(tmp_path / "a.jsonl", rows)]).splits == {"train": 2, "test": 1}
    rows[2]["split"] = "test"
    with pytest.raises(RecipeError, match=r":3:1: split: the domain 'shop.example' is in 'test' here and in 'train' at .*a.jsonl:1"):
        labels.check([jsonl(tmp_path / "a.jsonl", rows)])
    del rows[2]["split"]
    with pytest.raises(RecipeError, match=r":3:1: split: no split, and the row of .*:1 has one"):
        labels.check([jsonl(tmp_path / "a.jsonl", rows)])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"text": "x", "label": "a"}\n{"text": ', r"a.jsonl:2:1: not JSON"),
        ("a.jsonl", b'{"text": "x", "label": "a"}\n{"text": "\xff"}', r"a.jsonl:2:1: not UTF-8"),
        ("a.csv", b"text,label\nx,a\ny,b,c\n", r"a.csv:3:3: 3 fields, the header has 2"),
        ("a.csv", b'text,label\n"x\nx",a\n"y,b\n', r"a.csv:4:1: not valid CSV"),
        ("a.csv", b"text,label,text\nx,a,y\n", r"a.csv:1:3: text: this column is given twice"),
        ("a.csv", b"text,label\n" + b"".join(b"b%d,a\n" % i for i in range(5_000)) + b"\xff,a\n", r"a.csv:5002:1: not UTF-8"),
        ("a.csv", b"text,label\nx,4\ny,nan\n", r"a.csv:3:1: label: nan is no label"),
        ("a.csv", b"text,label\nx,4\ny,good\n", r"a.csv:3:1: label: 'good' is a class, and the set began with numbers"),
        ("a.parquet", b"PAR1", r"a.parquet: cannot be read"),
        ("a.parquet.gz", b"", r"the suffix names the format"),
        ("a.txt", b"", r"a.txt: the suffix names the format: .jsonl"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "x", "label": "a"}\n' * 9, mtime=0)[:-9], r"a.jsonl.gz: cannot be read"),
    ],
)
def test_a_file_that_is_broken_is_named(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecipeError, match=said):
        labels.check([tmp_path / name])
    with pytest.raises(RecipeError, match="cannot be read: No such file"):
        labels.check([tmp_path / "none.jsonl"])


def test_an_unknown_key_is_refused():
    with pytest.raises(RecipeError, match=r"no key 'lable' \(did you mean 'label'\?\)"):
        labels.check(["a.jsonl"], {"lable": "x"})


def test_halves_of_surrogate_pairs_do_not_stop_a_set(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a\\ud83d\\ude00\\ud83d", "label": "a"}\n{"text": "b", "label": "b\\udc00"}\n')
    table, _ = labels.read([tmp_path / "a.jsonl"])
    assert table["text"].to_pylist() == ["a\U0001f600\ufffd", "b"]
    assert table["label"].to_pylist() == ["a", "b\ufffd"]


@pytest.mark.parametrize("kind", ["classes", "numbers"])
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_what_is_written_is_read_again(tmp_path, kind, suffix):
    rows = ROWS if kind == "classes" else [row | {"label": float(n)} for n, row in enumerate(ROWS)]
    table, facts = labels.read([jsonl(tmp_path / "a.jsonl", rows)])
    writer = labels.Writer(tmp_path / f"b.{suffix}", kind)
    writer.write(table.slice(0, 1))
    assert not (tmp_path / f"b.{suffix}").exists()
    writer.write(table.slice(1))
    writer.close()
    assert {p.name for p in tmp_path.iterdir()} == {"a.jsonl", f"b.{suffix}"}
    again, read_facts = labels.read([tmp_path / f"b.{suffix}"])
    assert again.equals(table)
    assert (read_facts.classes, read_facts.rows) == (facts.classes, writer.rows)


def test_batches_are_bounded(tmp_path):
    file = jsonl(tmp_path / "a.jsonl", [{"id": n, "text": "x" * 10_000, "label": n % 2} for n in range(3_500)])
    sizes = [t.num_rows for t in labels.batches([file])]
    assert sum(sizes) == 3_500
    assert max(sizes) * 10_000 < labels.BATCH_CHARS + 10_000
