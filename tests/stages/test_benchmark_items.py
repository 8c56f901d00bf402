"""Benchmark files: formats, fields, and what is wrong with one, by file, line and field."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import RecipeError
from curation.plan import Plan
from curation.recipe import load
from stages.benchmarks.items import items_of, read
from tests.cpu_time import within_cpu_seconds
from tests.engine.engine_kit import recipe

ITEM = {"question": "How many?", "answer": "84", "other": {"solution": "Seven times twelve."}, "options": ["(A)1", "(B)2"], "label": "A"}


def lines(*items):
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


def parts(path, fields=None):
    return [(called, [("?" if asked else "!") + text for asked, text in found]) for called, found in items_of(str(path), fields)]


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "csv", "csv.gz", "tsv", "parquet", "txt", "txt.gz"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"b.{suffix}"
    rows = [{"id": "q1", "question": "Wie viele, „bitte“?", "answer": "84"}, {"id": "q2", "question": "a\tb", "answer": "1"}]
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        sep = {"c": ",", "t": "\t"}[suffix[0]] if suffix[0] in "ct" and suffix[1] == "s" else None
        if suffix.startswith("txt"):
            text = "\n".join(row["question"] for row in rows) + "\n\n"
        elif sep:
            text = sep.join(rows[0]) + "\r\n" + "".join(sep.join(f'"{v}"' for v in row.values()) + "\r\n" for row in rows)
        else:
            text = "\ufeff" + lines(*rows[:1]) + "\n" + lines(*rows[1:])
        data = text.encode()
        path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    if suffix.startswith("txt"):
        assert parts(path) == [("1", ["?Wie viele, „bitte“?"]), ("2", ["?a\tb"])]
    else:
        assert parts(path) == [("q1", ["?Wie viele, „bitte“?", "!84"]), ("q2", ["?a\tb", "!1"])]


def test_fields_by_default_and_by_name(tmp_path):
    path = tmp_path / "b.jsonl"
    path.write_text(lines(ITEM, {"passage": None, "question": "Why?", "answer": 5}))
    assert parts(path) == [
        ("1", ["?How many?\n(A)1\n(B)2", "!84", "!Seven times twelve."]), ("2", ["?Why?", "!5"]),
    ]  # fmt: skip
    path.write_text(lines({"question": None, "answer": ""}, {"question": []}))
    assert parts(path) == [("1", ["!"]), ("2", ["?"])], "they are counted as too short"
    path.write_text(lines(ITEM, {"label": "B", "other": {"solution": None}}))
    assert parts(path, {"question": ("label",), "answer": ("other.solution",)}) == [("1", ["?A", "!Seven times twelve."]), ("2", ["?B"])]


def test_what_is_asked_is_one_text_and_a_passage_is_read_where_it_is_named(tmp_path):
    path = tmp_path / "b.jsonl"
    item = {"context": "A page of Wikipedia.", "question": "Who?", "choices": ["I", "You"], "answer": 0}
    path.write_text(lines(item))
    assert parts(path) == [("1", ["!Who?\nI\nYou", "!0"])], "it is not all that is asked"
    named = {"answer": ("answer",), "choices": ("choices",), "question": ("context", "question")}
    assert parts(path, named) == [("1", ["?A page of Wikipedia.\nWho?\nI\nYou", "!0"])]


def test_numbers_are_taken_as_they_are_written(tmp_path):
    path = tmp_path / "b.jsonl"
    path.write_text('{"id": 7, "answer": 3.10}\n' + '{"answer": [1e22, -0, 12345678901234567890123]}\n{"answer": true}\n')
    assert parts(path) == [("7", ["!3.10"]), ("2", ["!1e22\n-0\n12345678901234567890123"]), ("3", ["!True"])]


def test_half_a_character_is_replaced(tmp_path):
    path = tmp_path / "b.jsonl"
    path.write_text(r'{"id": "a\ud800", "question": "so \udfff"}')
    items = read({"b": str(path)}, {})
    assert items.label(0) == ("b", "a?")
    assert bytes(items.data) == b"so ?"


def test_markup_is_taken_out(tmp_path):
    path = tmp_path / "b.jsonl"
    path.write_text(lines(
        {"text": "<p>Is <b>x</b> &lt; 3 &amp; y&nbsp;&gt; 2?</p>"}, {"text": "if a<b and c>d &amp; so"},
        {"text": "<p class='q' id=7>If a<b and b>c, x<y, y<BR/>z</p>\n"}, {"text": "vector<int> f</T>"},
    ))  # fmt: skip
    assert [found[0].split() for _, found in parts(path)] == [
        ["?", "Is", "x", "<", "3", "&", "y", ">", "2?"],
        ["?if", "a<b", "and", "c>d", "&amp;", "so"],
        ["?", "If", "a<b", "and", "b>c,", "x<y,", "y", "z"],
        ["?vector<int>", "f</T>"],
    ]


def test_hostile_markup_costs_its_length(tmp_path):
    path = tmp_path / "b.jsonl"
    for text in ("<p " + "a=1 " * 500_000, "<p" + " " * 2_000_000, "<p a='" * 300_000, "<p " + "x" * 2_000_000, "<a" * 1_000_000):
        path.write_text(lines({"text": text + "</p>"}))
        within_cpu_seconds(3, parts, path)


@pytest.mark.parametrize(
    ("name", "data", "fields", "said"),
    [
        pytest.param("b.jsonl", b"", None, "b.jsonl: the benchmark b has no item", id="empty"),
        pytest.param("b.jsonl", b"\n\n", None, "has no item", id="blank"),
        pytest.param("b.csv", b"question,answer\n", None, "has no item", id="a header alone"),
        pytest.param("b.jsonl", lines(ITEM).encode() + b'{"question": "a"', None, "b.jsonl:2: not JSON", id="cut"),
        pytest.param("b.jsonl", b"[1]\n", None, "b.jsonl:1: a JSON object a line is wanted, not a list", id="a list"),
        pytest.param("b.jsonl", lines(ITEM).encode() + b'{"question": "\xff"}\n', None, "b.jsonl:2: not JSON", id="not UTF-8"),
        pytest.param("b.jsonl", b"[" * 100_000, None, "b.jsonl:1: not JSON", id="deep"),
        pytest.param("b.jsonl", lines(ITEM, {"answer": "5"}).encode(), {"question": ["question"]},
                     "b.jsonl:2: no field 'question'; there is 'answer'", id="a field that is not there"),
        pytest.param("b.jsonl", lines(ITEM).encode(), {"question": ["other.text"]}, "b.jsonl:1: no field 'other.text'", id="nor inside"),
        pytest.param("b.jsonl", lines({"frage": "Wie?"}).encode(), None, "b.jsonl:1: none of the fields is known", id="no known field"),
        pytest.param("b.csv", b"question,answer\na,b\nc\n", None, "b.csv:3: as many values", id="a row too short"),
        pytest.param("b.csv", b"question,answer\na,b,c\n", None, "b.csv:2: as many values", id="a row too long"),
        pytest.param("b.csv", b"question,answer\na,\xff\n", None, "b.csv:", id="a table not UTF-8"),
        pytest.param("b.parquet", b"PAR1", None, "b.parquet cannot be read", id="no Parquet"),
        pytest.param("b.jsonl.gz", gzip.compress(lines(ITEM).encode() * 999)[:60], None, "b.jsonl.gz cannot be read", id="cut gzip"),
        pytest.param("b.json", b"[]", None, "the suffix names the format", id="another format"),
        pytest.param("b.txt", b"\xff\n", None, "b.txt:1: not UTF-8", id="text not UTF-8"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("use", ["decontaminate", "contamination"])
def test_what_is_wrong_is_said_before_the_run(tmp_path, use, name, data, fields, said):
    (tmp_path / name).write_bytes(data)
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "docs.parquet")
    more = "" if fields is None else f", fields: {json.dumps({'b': fields})}"
    text = f"inputs: {{d: {{use: parquet, paths: docs.parquet}}}}\nsteps: {{it: {{use: {use}, benchmarks: {{b: {name}}}{more}}}}}\n"
    with pytest.raises(RecipeError) as e:
        Plan(load(recipe(tmp_path, text), {}))
    assert said in str(e.value)
    assert "recipe.yaml:" in str(e.value)


def test_a_million_items_are_read_in_little_more_than_their_text(tmp_path):
    path = tmp_path / "b.txt"
    path.write_text("".join(f"item number {i} of the benchmark\n" for i in range(200_000)))
    items = read({"b": str(path)}, {})
    assert len(items.ids) == 200_000
    assert items.label(199_999) == ("b", "200000")
    arrays = items.parts.nbytes + items.offsets.nbytes + items.ids.nbytes + items.asked.nbytes
    assert arrays < 40 * len(items.ids)
