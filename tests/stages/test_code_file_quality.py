import base64
import random
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.stage import Batch
from stages.github.code_file_quality import code_file_quality
from tests.stages.stage_checks import reasons, run

CODE = "def area(width, height):\n    return width * height\n" * 40
VISIBLE = "<p>" + "ab cd " * 40


def table(*files):
    """Rows of (text, language, path)."""
    rows = [(*file, *("Python", "a/b.py")[len(file) - 1 :]) for file in files]
    values, names, paths = zip(*rows, strict=True)
    return pa.table(
        {"text": pa.array(values, pa.large_string()), "code_language": pa.array(names, pa.string()), "path": pa.array(paths, pa.string())}
    )


def hex_array(n):
    return "".join(f"  0x{random.Random(n).randrange(256):02x}, 0xAB, 0x00, 0x7f, 0x10, 0x22, 0x31, 0x9c,\n" for n in range(n))


BOUNDS = [
    pytest.param((CODE,), {}, None, id="code"),
    pytest.param(("",), {}, None, id="empty"),
    pytest.param(("x" * 1000 + "\n" + "x\n" * 99,), {}, None, id="a line of 1,000"),
    pytest.param(("x" * 1001 + "\n" + "x\n" * 99,), {}, "long_line", id="a line of 1,001"),
    pytest.param(("中" * 1000 + "\n" + "x\n" * 99,), {}, None, id="characters, not bytes"),
    pytest.param(("x y " * 25 + "\n",), {}, None, id="mean of 100"),
    pytest.param(("x y " * 25 + "x\n",), {}, "long_lines", id="mean of 101"),
    pytest.param(("x y " * 5000, "Markdown"), {}, None, id="prose has no mean"),
    pytest.param(("x y " * 25_001, "Markdown"), {}, "long_line", id="but 100,000 at most"),
    pytest.param(("x y " * 50, "HTML"), {}, None, id="HTML of long lines"),
    pytest.param(("x y " * 50, "Python"), {"max_mean_line_chars": {"default": 9, "Python": None}}, None, id="a map of yours"),
    pytest.param(
        ("x y " * 50, "HTML"), {"max_mean_line_chars": {"default": 9, "Python": None}}, "long_lines", id="which replaces the stage's"
    ),
    pytest.param(("x\n" * 512, "JSON"), {}, None, id="512 lines of JSON"),
    pytest.param(("x\n" * 513, "JSON"), {}, "too_many_lines", id="513"),
    pytest.param(("x\n" * 513, "C"), {}, None, id="513 lines of C"),
    pytest.param(("x\n" * 100_001, "C"), {}, "too_many_lines", id="100,001 lines of C"),
    pytest.param(("ab##\n###",), {}, None, id="alphanumeric: a quarter"),
    pytest.param(("ab##\n####",), {}, "few_alnum", id="less"),
    pytest.param(("ąé##\n###",), {}, None, id="letters of any script"),
    pytest.param(("a,b;" * 20 + "\n", "JavaScript"), {}, "minified", id="no white space"),
    pytest.param(("a,b;" * 10 + "\n", "JavaScript"), {}, None, id="in short lines"),
    pytest.param(("a,b;" * 20 + "\n", "Python"), {}, None, id="another language"),
    pytest.param(("a, b; " * 13 + "\n", "CSS"), {}, None, id="with white space"),
    pytest.param((hex_array(60) + CODE, "C"), {}, "data", id="an array of hexadecimal"),
    pytest.param((hex_array(10) + CODE, "C"), {}, None, id="a short one"),
    pytest.param(("\\x41" * 20 + "\nshort\n",), {}, "data", id="escapes"),
    pytest.param(("\\x41 " * 20 + "\nshort\n",), {}, None, id="apart"),
    pytest.param(("\\u0041" * 20 + "\nshort\n",), {}, "data", id="Unicode escapes"),
    pytest.param(("\\101" * 20 + "\nshort\n",), {}, "data", id="octal escapes"),
    pytest.param(("k = '" + base64.b64encode(bytes(range(256)) * 2).decode() + "'\n" + CODE,), {}, None, id="a run of 684"),
    pytest.param(
        ("k = '" + base64.b64encode(bytes(range(256)) * 4).decode() + "'\n" + CODE * 9,),
        {"max_line_chars": None},
        "data",
        id="a run of 1,368",
    ),
    pytest.param((VISIBLE[:147], "HTML"), {"max_mean_line_chars": None}, "little_text", id="visible: 96"),
    pytest.param((VISIBLE, "HTML"), {"max_mean_line_chars": None}, None, id="visible: 160"),
    pytest.param((VISIBLE + "<br class='x'>" * 39, "HTML"), {"max_mean_line_chars": None}, None, id="visible: a fifth"),
    pytest.param((VISIBLE + "<br class='x'>" * 40, "HTML"), {"max_mean_line_chars": None}, "little_text", id="visible: less"),
    pytest.param(("<script>" + "x y " * 99 + "</script>", "HTML"), {}, "little_text", id="scripts are not visible"),
    pytest.param(("<!-- " + "x y " * 99 + " -->", "HTML"), {}, "little_text", id="nor comments"),
    pytest.param(("<!-- " + "x y " * 99 + " -->", "XML"), {}, None, id="XML is not asked"),
    pytest.param((CODE, "Python", "a/vendor/b.py"), {}, "vendored", id="a folder"),
    pytest.param((CODE, "Python", "a/Vendor/b.py"), {}, "vendored", id="in capitals"),
    pytest.param((CODE, "Python", "a/vendor.py"), {}, None, id="a file of that name"),
    pytest.param((CODE, "Python", "a/vendored_x/b.py"), {}, None, id="a longer name"),
    pytest.param((CODE, "JavaScript", "a/jquery-3.1.js"), {}, "vendored", id="a file with a star"),
    pytest.param((CODE, "JavaScript", "a/jquery.txt"), {}, None, id="another end"),
    pytest.param((CODE, "Python", "a/vendor/b.py"), {"drop_vendored": False}, None, id="vendored files kept"),
    pytest.param((CODE, "Python", "a/b_pb2.py"), {}, "generated", id="generated by name"),
    pytest.param((CODE, "JSON", "package-lock.json"), {}, "generated", id="a lock file"),
    pytest.param((CODE, "Text", "x/a.egg-info/top_level.txt"), {}, "generated", id="a folder with a star"),
    pytest.param(("\n" * 4 + "# Code generated by x. DO NOT EDIT.\n" + CODE,), {}, "generated", id="a mark in the fifth line"),
    pytest.param(("\n" * 5 + "# Code generated by x. DO NOT EDIT.\n" + CODE,), {}, None, id="in the sixth"),
    pytest.param(("# Do not edit\n" + CODE, "Markdown"), {}, None, id="prose may speak of it"),
    pytest.param(("# Do not edit\n" + CODE,), {"drop_generated": False}, None, id="generated files kept"),
    pytest.param((CODE, None, None), {}, None, id="neither language nor path"),
    pytest.param((None,), {}, None, id="null"),
]


@pytest.mark.parametrize(("file", "values", "reason"), BOUNDS)
def test_bounds(file, values, reason):
    assert reasons(code_file_quality, table(file), **values) == [reason]


def test_columns():
    found = run(code_file_quality, table(("ab1_\n\nxyz é\n", "Python"), ("<p>ab</p>\n<style>x</style>", "HTML")))
    assert found["line_count"] == [3, 2]
    assert found["mean_line_chars"] == pytest.approx([3, 12.5])
    assert found["max_line_chars"] == [5, 16]
    assert found["alnum_fraction"][0] == pytest.approx(7 / 12)
    assert found["space_fraction"][0] == pytest.approx(4 / 13)
    assert found["visible_chars"] == [None, 2]
    assert found["visible_fraction"] == [None, pytest.approx(2 / 26)]
    assert found["data_fraction"] == [0, 0]


def test_one_map_one_column():
    with pytest.raises(ValueError, match=r"max_lines(.|\n)*no language 'Javascript'.*JavaScript"):
        code_file_quality.params(max_lines={"default": 1, "Javascript": 2})
    with pytest.raises(ValueError, match="code_language"):
        code_file_quality.params(max_lines={"default": 1, "HTML": 2, "de": 3})
    with pytest.raises(ValueError, match="code_language"):
        code_file_quality(pa.table({"text": ["x"], "path": ["x"]}), max_lines={"default": 1, "HTML": 2})


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(
    st.lists(st.text(max_size=60) | st.text("\\x410u, <!->/s'\nscript", max_size=80), min_size=1, max_size=5),
    st.sampled_from(["HTML", "C"]),
)
def test_shares_are_shares(values, name):
    found = run(code_file_quality, table(*((value, name) for value in values)))
    for column in ("alnum_fraction", "space_fraction", "data_fraction", "visible_fraction"):
        assert all(v is None or 0 <= v <= 1 for v in found[column]), column
    assert found["line_count"] == [
        len(v.splitlines()) if not set(v) & set("\x0b\x0c\x1c\x1d\x1e\x85") else n for v, n in zip(values, found["line_count"], strict=True)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "<" * 2_000_000,
        "<!--" * 500_000,
        "<script>" * 250_000,
        "\\x4" * 600_000,
        "0x1," * 500_000,
        "\n" * 2_000_000,
        "a1" * 1_000_000,
        "中" * 500_000,
    ],
)
def test_large_odd_files_take_linear_time(text):
    def seconds(size):
        batch = Batch(table((text[:size], "HTML", "a/" * (size // 4))))
        batch.utf8().lines()
        started = time.process_time()
        code_file_quality(batch)
        return time.process_time() - started

    seconds(1000)
    small, large = max(1e-3, min(seconds(len(text) // 8) for _ in range(3))), min(seconds(len(text)) for _ in range(2))
    assert large < 8 * 4 * small + 0.05
