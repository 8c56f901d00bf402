"""Reading dumps of Stack Exchange: rows, damage, parts, archives; and threads as a run makes them."""

from __future__ import annotations

import bz2
import collections
import gzip
import io
import random
import threading
import time
import tracemalloc
from concurrent.futures import Future
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from xml.sax.saxutils import quoteattr

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.documents import record_ids
from curation.errors import TaskError
from stages.sources import opening
from stages.sources.archives import seven_zip
from stages.sources.dumps import post_rows
from stages.sources.dumps.post_rows import ABSENT, NO_NUMBER, integers, resolved, rows_of
from stages.sources.dumps.xml_text import xml_text
from stages.sources.stackexchange import LARGEST_28, is_posts, site_of, stackexchange

SHARED = Path(__file__).parents[2] / "shared" / "data" / "stackexchange"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the repository")
BODY = "<p>a &lt; b\n“c”</p>"


def row(post_id, kind=1, body=BODY, **more):
    fields = {"Id": post_id, "PostTypeId": kind, "CreationDate": "2015-01-27T20:09:32.720", "Score": 3, "Body": body, **more}
    entities = {"\n": "&#xA;", ">": "&gt;"}
    return "  <row " + " ".join(f"{name}={quoteattr(str(value), entities)}" for name, value in fields.items() if value is not None) + " />"


def dump(*rows, root="posts", end=True):
    rows = "\n".join(rows)
    return (f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<{root}>\n{rows}' + (f"\n</{root}>" if end else "")).encode()


def file(folder, data, name="Posts.xml", site="a.stackexchange.com"):
    path = folder / site / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def read(path, part="", want=None, progress=None, **params):
    tables = list(stackexchange.read(str(path), "in/" + path.name, part, stackexchange.params(paths=str(path), **params), want, progress))
    for table in tables:
        table.validate(full=True)
        assert 0 < len(table) <= 1024
    return pa.concat_tables(tables).combine_chunks() if tables else None


def reasons(table):
    return table["drop_reason"].to_pylist()


# Rows


def test_columns_of_posts(tmp_path):
    question = row(7, Title="Q &amp; A", Tags="<tea><hot-milk>", AcceptedAnswerId=9, ViewCount=4)
    answer = row(9, 2, ParentId=7, Score=-2, ContentLicense="CC BY-SA 3.0", CreationDate="2020-02-03T00:00:00.000")
    first, second = read(file(tmp_path, dump(question, answer))).to_pylist()
    offset = len(dump()) - len("\n</posts>") + 2
    assert first == {
        "id": record_ids("stackexchange", ["a.stackexchange.com/7"])[0].as_py(), "url": "https://a.stackexchange.com/questions/7",
        "date": datetime(2015, 1, 27, 20, 9, 32, 720_000, tzinfo=UTC), "record_file": "in/Posts.xml", "record_offset": offset,
        "content": BODY.encode(), "site": "a.stackexchange.com", "post_id": 7, "post_type": "question", "parent_id": None,
        "accepted_answer_id": 9, "score": 3, "title": "Q &amp; A", "tags": ["tea", "hot-milk"], "licence": "CC-BY-SA-3.0", "_row": 0,
        "drop_reason": None,
    }  # fmt: skip
    assert {k: second[k] for k in ("url", "post_type", "parent_id", "score", "title", "tags", "licence", "_row")} == {
        "url": "https://a.stackexchange.com/a/9", "post_type": "answer", "parent_id": 7, "score": -2, "title": None, "tags": None,
        "licence": "CC-BY-SA-3.0", "_row": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("date", "licence"),
    [
        ("2011-04-07T23:59:59.999", "CC-BY-SA-2.5"), ("2011-04-08T00:00:00.000", "CC-BY-SA-3.0"),
        ("2018-05-01T23:59:59.999", "CC-BY-SA-3.0"),
        ("2018-05-02T00:00:00.000", "CC-BY-SA-4.0"), (None, None),
    ],
)  # fmt: skip
def test_licence_of_a_day(tmp_path, date, licence):
    assert read(file(tmp_path, dump(row(1, CreationDate=date))))["licence"].to_pylist() == [licence]


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        pytest.param(row(2), [None], id="whole"),
        pytest.param("<row Id='2' PostTypeId='1' Body='a&quot;'/>", [None], id="single quotes"),
        pytest.param('<row\tId = "2"\n PostTypeId="1" Body="a">\n</row>', [None], id="blanks, an end tag"),
        pytest.param('<row Id="2" PostTypeId="1" Body="a > b" />', [None], id="> in a value"),
        pytest.param('<row Id="2" PostTypeId="1" Body="&lol;&#0;&#xD800;" />', [None], id="odd references"),
        pytest.param(row(2, 5), ["other_post_type"], id="a tag's wiki"),
        pytest.param(row(2, body=None), ["no_text"], id="no body"),
        pytest.param(row("2x"), ["broken_record"], id="id is no number"),
        pytest.param(row(-2), ["broken_record"], id="id is negative"),
        pytest.param(row(None), ["broken_record"], id="no id"),
        pytest.param(row(2, Score="9" * 19), ["broken_record"], id="a number too long"),
        pytest.param(row(2, ParentId="x"), ["broken_record"], id="parent is no number"),
        pytest.param('<row Id="2" PostTypeId="1" Body="never closed />', ["broken_record"], id="quote not closed"),
        pytest.param('<row Id="2" Id="3" PostTypeId="1" Body="a" />', ["broken_record"], id="an attribute twice"),
        pytest.param('<row Id="2"PostTypeId="1" Body="a" />', ["broken_record"], id="no blank between"),
        pytest.param('<row Id="2" PostTypeId Body="a" />', ["broken_record"], id="no value"),
        pytest.param('<row Id="2" PostTypeId="1" Body="a <b>" />', ["broken_record"], id="< in a value"),
        pytest.param('<row Id="2" PostTypeId="1" Body="a" /', ["broken_record"], id="tag not closed"),
        pytest.param("stray", [None, "broken_record"], id="text behind a row"),
        pytest.param("<rox Id='2'/> <rox Id='3'/>", ["broken_record"], id="other elements, once"),
        pytest.param("<!-- a comment --> <?target x?>", [], id="comments and instructions"),
        pytest.param(row(2, body="x" * 5_000), ["too_large"], id="too long"),
    ],
)
def test_a_broken_row_costs_itself(tmp_path, broken, expected):
    table = read(file(tmp_path, dump(row(1), broken, row(4))), max_row_bytes=4_000)
    expected = [None, *expected, None] if broken != "stray" else [*expected, None]
    assert reasons(table) == expected
    assert [i for i in table["post_id"].to_pylist() if i in (1, 4)] == [1, 4]
    assert table["_row"].to_pylist() == list(range(len(table)))


@pytest.mark.parametrize("chunk", [1, 3, 64, 1 << 20])
def test_chunks_change_nothing(tmp_path, monkeypatch, chunk):
    rows = [row(i, body="x" * (i * 37 % 300)) for i in range(50)]
    rows[20] = "<rox>" + "y" * 900 + " < " + "z" * 900
    rows[30] = row(30, body="x" * 3_000)
    path = file(tmp_path, dump(*rows))
    whole = read(path, max_row_bytes=1_000)
    monkeypatch.setattr(post_rows, "CHUNK_BYTES", chunk)
    assert read(path, max_row_bytes=1_000).equals(whole)
    assert collections.Counter(reasons(whole)) == {None: 48, "broken_record": 1, "too_large": 1}


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 60), st.sampled_from(b"<a\x00\xff"))
def test_a_byte_is_found_where_it_stands(noise, at, stop, byte):
    """Eight bytes at a time: wherever a search begins and ends."""
    data = noise + b"<;=" + noise
    at, stop = sorted((min(at, len(data)), min(stop, len(data))))
    place = data.find(bytes([byte]), at, stop)
    words = np.frombuffer(data, np.uint64, len(data) // 8)
    assert post_rows._find(np.frombuffer(data, np.uint8), words, at, stop, byte) == (stop if place < 0 else place)


def test_many_rows_in_a_chunk(tmp_path):
    table = read(file(tmp_path, dump(*(row(i, body="a") for i in range(5_000)))))
    assert table["post_id"].to_pylist() == list(range(5_000))


@pytest.mark.parametrize(("end", "expected"), [(True, [None]), (False, [None, "broken_record"])])
def test_a_file_that_ends_between_rows(tmp_path, end, expected):
    assert reasons(read(file(tmp_path, dump(row(1), end=end)))) == expected


def test_invalid_utf8(tmp_path):
    data = dump(row(1, Title="t\ud83c".encode("utf-8", "surrogatepass").decode("latin-1")), row(2)).replace("“".encode(), b"\xff")
    assert read(file(tmp_path, data))["content"].to_pylist() == [BODY.replace("“", "\ufffd").encode()] * 2


def test_billion_laughs_are_not_told(tmp_path):
    lol = '<!DOCTYPE posts [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>'
    data = dump(row(1, body="&b;")).replace(b"<posts>", lol.encode() + b"<posts>")
    table = read(file(tmp_path, data.replace(b"&amp;b;", b"&b;")))
    assert table["content"].to_pylist()[-1] == b"&b;"


# Numbers and references


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.text(), st.sampled_from(["&lt;", "&#10;", "&#x1F600;", "&#xD800;", "&#", "&amp", "&apos;x", "&#0;"]))))
def test_references_as_xml_text_has_them(pieces):
    values = ["".join(pieces).encode("utf-8", "replace"), b"&quot;", b""]
    ends = np.cumsum([0, *map(len, values)])
    spans = np.stack([ends[:-1], ends[1:]], axis=1)
    texts, at = resolved(b"".join(values), spans)
    assert [texts[a:b].tobytes() for a, b in pairwise(at)] == [xml_text(v, attribute=True) for v in values]


@pytest.mark.parametrize(
    ("raw", "number"),
    [(b"0", 0), (b"-12", -12), (b"9" * 18, int("9" * 18)), (b"9" * 19, NO_NUMBER), (b"", NO_NUMBER), (b"-", NO_NUMBER), (b"1 ", NO_NUMBER)],
)
def test_integers(raw, number):
    assert integers(raw + b"7", np.array([[[0, len(raw)], [-1, -1]]], np.int64)).tolist() == [[number, ABSENT]]


# Parts, and rows wanted


def test_parts_have_each_row_once(tmp_path):
    rows = [row(i, body="<" * (i % 5)) for i in range(40)]
    rows[10], rows[25] = "<rox>" + "x" * 300, '<row Id="1" Body="' + "y" * 200
    path = file(tmp_path, dump(*rows))
    size = path.stat().st_size
    whole = read(path).drop_columns(["_row"])
    for cut in range(1, size, 7):
        parts = [read(path, f"0-{cut}"), read(path, f"{cut}-")]
        joined = pa.concat_tables([p for p in parts if p is not None]).drop_columns(["_row"])
        assert joined.equals(whole), cut
    rng = random.Random(1)
    cuts = [0, *sorted(rng.sample(range(1, size), 9)), size]
    names = [f"{a}-{'' if b == size else b}" for a, b in pairwise(cuts)]
    joined = pa.concat_tables([p for name in names if (p := read(path, name)) is not None])
    assert joined.drop_columns(["_row"]).equals(whole)


def test_names_of_parts():
    params = stackexchange.params(paths="x", part_bytes=100)
    assert stackexchange.parts("Posts.xml", 100, params) == [""]
    assert stackexchange.parts("Posts.xml", 250, params) == ["0-83", "83-166", "166-"]
    assert [stackexchange.parts(f"Posts.{end}", 250, params) for end in ("xml.gz", "xml.zst", "7z")] == [[""]] * 3


@pytest.mark.parametrize("name", ["Posts.xml", "Posts.xml.gz", "Posts.7z"])
def test_a_file_that_is_gone_is_not_damaged(tmp_path, name):
    with pytest.raises((FileNotFoundError, TaskError)):
        read(tmp_path / name, site="a.stackexchange.com")


def test_wanted_rows(tmp_path):
    path = file(tmp_path, dump(*(row(i) for i in range(2_000)), "<rox>"))
    whole, seen = read(path), []
    want = np.array([0, 5, 1_999, 2_000])
    assert read(path, want=want, progress=seen.append).equals(whole.take(pa.array(want)))
    assert set(seen) == {0, 1_999}  # the first wanted row of each table
    assert read(path, want=np.array([], np.int64)) is None


# Files


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lambda d: pa.compress(d, "zstd", asbytes=True)], ids=["gz", "bz2", "zst"])
def test_compressed_files(tmp_path, pack):
    rng = random.Random(1)
    rows = [row(i, body=rng.randbytes(200).hex()) for i in range(400)]
    suffix = {gzip.compress: "gz", bz2.compress: "bz2"}.get(pack, "zst")
    whole = file(tmp_path, pack(dump(*rows)), f"Posts.xml.{suffix}")
    assert read(whole)["post_id"].to_pylist() == list(range(400))
    cut = file(tmp_path, whole.read_bytes()[: whole.stat().st_size * 2 // 3], f"Posts.xml.{suffix}", "b.stackexchange.com")
    found = reasons(read(cut))
    assert found[-1] == "broken_record"
    assert found.count(None) == len(found) - 1


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lambda d: pa.compress(d, "zstd", asbytes=True)], ids=["gz", "bz2", "zst"])
def test_files_in_a_row_are_one(tmp_path, pack):
    """One of them is empty, as of a part in which nothing was."""
    data, suffix = dump(*(row(i) for i in range(9))), {gzip.compress: "gz", bz2.compress: "bz2"}.get(pack, "zst")
    packed = pack(data[:99]) + pack(b"") + pack(data[99:])
    found = read(file(tmp_path, packed, f"Posts.xml.{suffix}"))
    assert (found["post_id"].to_pylist(), reasons(found)) == (list(range(9)), [None] * 9)


@pytest.mark.parametrize(
    ("path", "site"),
    [
        ("/d/coffee.stackexchange.com/Posts.xml.gz", "coffee.stackexchange.com"), ("/d/stackoverflow.com-Posts.7z", "stackoverflow.com"),
        ("/d/coffee.stackexchange.com.7z", "coffee.stackexchange.com"), ("/d/x/ru.stackoverflow.com-Posts.xml", "ru.stackoverflow.com"),
        ("s3://b/meta.mathoverflow.net/posts.xml", "meta.mathoverflow.net"), ("/d/Posts.xml", None), ("/d/coffee/Posts.xml", None),
    ],
)  # fmt: skip
def test_site_of_a_file(path, site):
    assert site_of(path, None) == site
    assert site_of(path, "mine.example") == "mine.example"


@pytest.mark.parametrize(
    ("data", "name", "site", "message"),
    [
        (dump(row(1)), "Posts.xml", "coffee", "its name does not tell the site"),
        (dump(row(1), root="users"), "Posts.xml", "a.stackexchange.com", "root element <users>"),
        ("<posts>".encode("utf-16"), "Posts.xml", "a.stackexchange.com", "UTF-16"),
    ],
)
def test_files_that_are_refused(tmp_path, data, name, site, message):
    path = file(tmp_path, data, name, site)
    with pytest.raises(ValueError, match=message):
        stackexchange.check(str(path), stackexchange.params(paths="x"))


def test_sites(tmp_path):
    path = file(tmp_path, dump(row(1), row(2, 5)))
    assert reasons(read(path, sites=["b.example"])) == ["other_site"] * 2
    assert reasons(read(path, sites=["a.stackexchange.com"])) == [None, "other_post_type"]
    assert reasons(read(path, sites="largest_28", site="stackoverflow.com")) == [None, "other_post_type"]
    assert len(LARGEST_28) == 28
    with pytest.raises(ValueError, match="sites"):
        stackexchange.params(paths="x", sites="largest_29")


# 7z


def archive(folder, files, name="a.stackexchange.com.7z", **options):
    py7zr = pytest.importorskip("py7zr")
    path = folder / name
    with py7zr.SevenZipFile(path, "w", **options) as out:
        for member, data in files.items():
            out.writestr(data, member)
    return path


def noise(count):
    rng = random.Random(2)
    return dump(*(row(i, body=rng.randbytes(300).hex()) for i in range(count)))


@pytest.mark.parametrize("method", ["lzma2", "bzip2"])
def test_seven_zip(tmp_path, method):
    py7zr = pytest.importorskip("py7zr")
    filters = {"lzma2": None, "bzip2": [{"id": py7zr.FILTER_BZIP2}]}[method]
    path = archive(tmp_path, {"Users.xml": b"<users/>", "Posts.xml": noise(400), "Votes.xml": b"<votes/>"}, filters=filters)
    stackexchange.check(str(path), stackexchange.params(paths="x"))
    plain = read(file(tmp_path, noise(400)))
    assert read(path).drop_columns(["record_file"]).equals(plain.drop_columns(["record_file"]))
    only = read(path, want=np.array([3]))
    assert only["post_id"].to_pylist() == [3]


@pytest.mark.parametrize("damage", ["cut", "flipped", "junk", "empty"])
def test_damaged_seven_zip(tmp_path, damage):
    path = archive(tmp_path, {"Posts.xml": noise(800)})
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    path.write_bytes({
        "cut": data[:half], "flipped": data[:half] + bytes(60) + data[half + 60 :],
        "junk": data[:6] + random.Random(1).randbytes(90), "empty": b"",
    }[damage])  # fmt: skip
    stackexchange.check(str(path), stackexchange.params(paths="x"))
    found = reasons(read(path))
    assert found[-1] == "broken_record"
    assert found.count("broken_record") == 1


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({"Posts.xml": b"a"}, {"password": "x"}, "is encrypted"),
        ({"Posts.xml": b"a"}, {"password": "x", "header_encryption": True}, "is encrypted"),
        ({"Users.xml": b"a"}, {}, "has 0 such files"), ({"a/Posts.xml": b"a", "b/Posts.xml": b"b"}, {}, "has 2 such files"),
        ({"Posts.xml": bytes(20 << 20)}, {}, "times its size"),
    ],
    ids=["encrypted", "encrypted header", "another table", "two tables", "bomb"],
)  # fmt: skip
def test_seven_zips_that_are_refused(tmp_path, files, options, message):
    path = archive(tmp_path, files, **options)
    with pytest.raises(ValueError, match=message):
        stackexchange.check(str(path), stackexchange.params(paths="x"))


def test_seven_zip_dictionary_is_bounded(tmp_path, monkeypatch):
    path = archive(tmp_path, {"Posts.xml": noise(4)})
    monkeypatch.setattr(seven_zip, "MAX_DICTIONARY_BYTES", 1 << 10)
    with pytest.raises(seven_zip.SevenZipError, match="would ask for"):
        seven_zip.open_member(str(path), is_posts)


def test_seven_zip_of_another_method(tmp_path):
    py7zr = pytest.importorskip("py7zr")
    path = archive(tmp_path, {"Posts.xml": noise(4)}, filters=[{"id": py7zr.FILTER_ZSTD, "level": 3}])
    with pytest.raises(seven_zip.SevenZipError, match="compressed by method"):
        seven_zip.open_member(str(path), is_posts)


def test_seven_zip_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(seven_zip.SevenZipError, match=r"pip install 'curate-pretraining\[archives\]'"):
        seven_zip.open_member(str(tmp_path / "a.7z"), is_posts)


@pytest.mark.parametrize(
    ("method", "properties", "memory"),
    [
        ("00", "", 0), ("040202", "", 0), ("040108", "", 0), ("03", "00", 0), ("03030103", "", 0), ("030101", "5d00000100", 1 << 16),
        ("030101", "5dffffffff", (1 << 32) - 1), ("030101", "5d000001", None), ("21", "", None), ("21", "00", 4 << 10),
        ("21", "01", 6 << 10),
        ("21", "18", 16 << 20), ("21", "27", 3 << 30), ("21", "ff", 3 << 138), ("04f71101", "00", None), ("06f10701", "00", None),
        ("", "", None),
    ],
)  # fmt: skip
def test_memory_of_decoders(method, properties, memory):
    assert seven_zip._memory(bytes.fromhex(method), bytes.fromhex(properties)) == memory


@pytest.mark.parametrize("filters", [["LZMA"], ["DEFLATE"], ["COPY"], ["BZIP2"], ["DELTA", "LZMA2"], ["X86", "LZMA2"]], ids="+".join)
def test_methods_of_seven_zips(tmp_path, filters):
    py7zr = pytest.importorskip("py7zr")
    path = archive(tmp_path, {"Posts.xml": noise(4)}, filters=[{"id": getattr(py7zr, f"FILTER_{name}")} for name in filters])
    assert b"".join(pieces(seven_zip.open_member(str(path), is_posts), 100)) == noise(4)


def pieces(member, size):
    """What a member gives, in pieces of at most `size` bytes; and nothing however often it is asked at its end."""
    try:
        while piece := soon(lambda: member.read(size)):
            assert len(piece) <= size
            yield piece
        assert soon(lambda: member.read(size)) == b""
    finally:
        soon(member.close)


def soon(call):
    """What a call returns or raises, which must not wait for ever."""
    found = Future()

    def run():
        try:
            found.set_result(call())
        except (OSError, AssertionError) as e:
            found.set_exception(e)

    threading.Thread(target=run, daemon=True).start()
    return found.result(20)


def test_a_damage_is_raised_however_often_it_is_met(tmp_path):
    path = archive(tmp_path, {"Posts.xml": noise(800)})
    data = path.read_bytes()
    path.write_bytes(data[:5000] + bytes(60) + data[5060:])
    member = seven_zip.open_member(str(path), is_posts)
    try:
        for _ in range(2):
            with pytest.raises(OSError, match="7z archive"):
                soon(lambda: b"".join(iter(lambda: member.read(1 << 20), b"")))
    finally:
        soon(member.close)


def test_what_counts_as_a_file_of_a_seven_zip(tmp_path):
    py7zr = pytest.importorskip("py7zr")
    path = tmp_path / "a.7z"
    with py7zr.SevenZipFile(path, "w") as out:
        out.write(tmp_path, "a/Posts.xml")
        out.writestr(b"", "Posts.xml")
    assert list(pieces(seven_zip.open_member(str(path), is_posts), 100)) == []


def in_two_folders(tmp_path, one, two, **options):
    """An archive whose second file is compressed by itself."""
    py7zr = pytest.importorskip("py7zr")
    path = archive(tmp_path, {"Users.xml": one}, filters=[{"id": py7zr.FILTER_COPY}] if options else None)
    with py7zr.SevenZipFile(path, "a", **options) as out:
        out.writestr(two, "Posts.xml")
    return path


def test_seven_zip_dictionary_of_any_folder_counts(tmp_path, monkeypatch):
    py7zr = pytest.importorskip("py7zr")
    filters = [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "dict_size": 1 << 20}]
    path = in_two_folders(tmp_path, b"a", b"b", filters=filters)
    monkeypatch.setattr(seven_zip, "MAX_DICTIONARY_BYTES", 1 << 20)
    assert list(pieces(seven_zip.open_member(str(path), is_posts), 9)) == [b"b"]
    monkeypatch.setattr(seven_zip, "MAX_DICTIONARY_BYTES", (1 << 20) - 1)
    with pytest.raises(seven_zip.SevenZipError, match="would ask for 1,048,576 bytes"):
        seven_zip.open_member(str(path), is_posts)


def test_all_folders_of_a_seven_zip_count_as_its_size(tmp_path, monkeypatch):
    path = in_two_folders(tmp_path, bytes(1 << 20), bytes(1 << 20))
    ratio = (2 << 20) // path.stat().st_size
    monkeypatch.setattr(seven_zip, "MAX_RATIO", ratio + 1)
    soon(seven_zip.open_member(str(path), is_posts).close)
    monkeypatch.setattr(seven_zip, "MAX_RATIO", ratio)
    with pytest.raises(seven_zip.SevenZipError, match=f"{2 << 20:,} bytes, {ratio:,} times its size"):
        seven_zip.open_member(str(path), is_posts)


def test_the_largest_size_of_a_folder_counts(tmp_path, monkeypatch):
    """A folder has a size for each of its coders; an archive may say of any of them what it likes, and of their properties nothing."""
    py7zr = pytest.importorskip("py7zr")
    path = archive(tmp_path, {"Posts.xml": b"a"})
    real, sizes, coders = py7zr.SevenZipFile, [], []

    def odd(*args, **options):
        found = real(*args, **options)
        (folder,) = found.header.main_streams.unpackinfo.folders
        found.header.main_streams.unpackinfo.folders = [folder, SimpleNamespace(coders=coders, unpacksizes=sizes)]
        return found

    monkeypatch.setattr(py7zr, "SevenZipFile", odd)
    for size in ([1, 1 << 40], [1 << 40, 1]):
        sizes[:] = size
        with pytest.raises(seven_zip.SevenZipError, match="times its size"):
            seven_zip.open_member(str(path), is_posts)
    sizes.clear()
    soon(seven_zip.open_member(str(path), is_posts).close)
    for coder in ({"method": b"\x21"}, {"method": b"\x21", "properties": None}):
        coders[:] = [coder]
        with pytest.raises(seven_zip.SevenZipError, match="compressed by method 21"):
            seven_zip.open_member(str(path), is_posts)


def test_a_seven_zip_of_empty_files_has_no_folders(tmp_path, monkeypatch):
    """7-Zip writes no streams for them, py7zr does."""
    py7zr = pytest.importorskip("py7zr")
    path = archive(tmp_path, {"Posts.xml": b""})
    real = py7zr.SevenZipFile

    def without(*args, **options):
        found = real(*args, **options)
        found.header.main_streams = None
        return found

    monkeypatch.setattr(py7zr, "SevenZipFile", without)
    soon(seven_zip.open_member(str(path), is_posts).close)


def test_blocks_of_a_seven_zip_are_handed_on_in_pieces():
    """However far one inflates."""
    found = []
    writer = seven_zip._Writer(found.append)
    data = random.Random(1).randbytes(5 * seven_zip.BLOCK_BYTES + 1)
    assert (writer.write(bytearray(data)), writer.write(b""), writer.size()) == (len(data), 0, len(data))
    assert b"".join(found) == data
    assert [len(piece) for piece in found] == [seven_zip.BLOCK_BYTES] * 5 + [1]


def test_a_seven_zip_that_nobody_reads_stops_and_is_closed(tmp_path, monkeypatch):
    """Little is inflated at a time, little waits in memory, and closing ends the thread that fills them."""
    py7zr = pytest.importorskip("py7zr")
    path = archive(tmp_path, {"Posts.xml": random.Random(1).randbytes(16 << 20)}, filters=[{"id": py7zr.FILTER_COPY}])
    files, sizes = [], []

    class Watched(io.FileIO):
        def read(self, size=-1):
            sizes.append(size)
            return super().read(size)

    monkeypatch.setattr(opening, "open_binary", lambda path: files.append(Watched(path)) or files[-1])
    tracemalloc.start()
    member = seven_zip.open_member(str(path), is_posts)
    try:
        assert len(soon(lambda: member.read(10))) == 10
        time.sleep(0.5)
        assert 0 <= min(sizes) <= max(sizes) == seven_zip.BLOCK_BYTES
        assert 16 * seven_zip.BLOCK_BYTES <= tracemalloc.get_traced_memory()[0] < 4 << 20
    finally:
        tracemalloc.stop()
        soon(member.close)
    assert sum(sizes) < 4 << 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("7z")]
    assert files.pop().closed
    path = archive(tmp_path, {"Users.xml": b"a"})
    with pytest.raises(seven_zip.SevenZipError):
        seven_zip.open_member(str(path), is_posts)
    assert files.pop().closed


@pytest.mark.parametrize("good_bytes", [0, 100, 1 << 20])
def test_a_seven_zip_that_cannot_be_read_is_not_damaged(tmp_path, monkeypatch, good_bytes):
    py7zr = pytest.importorskip("py7zr")
    data = dump(*(row(i, body=random.Random(i).randbytes(20_000).hex()) for i in range(100)))
    path = archive(tmp_path, {"Posts.xml": data}, filters=[{"id": py7zr.FILTER_COPY}])
    reads = []

    class Failing(io.FileIO):
        def read(self, size=-1):
            reads.append(size)
            if sum(reads) > good_bytes:
                raise OSError("connection lost")
            return super().read(size)

    monkeypatch.setattr(opening, "open_binary", Failing)
    with pytest.raises(TaskError, match="cannot be read: connection lost"):
        read(path, site="a.stackexchange.com")


# Memory and time


class Endless(io.RawIOBase):
    """A dump of `count` posts, made as it is read."""

    def __init__(self, unit, count):
        self.unit, self.left, self.rest = unit, count, b"<posts>"

    def read(self, size=-1):
        while len(self.rest) < size and self.left:
            n = min(self.left, 1 + size // len(self.unit))
            self.rest += self.unit * n
            self.left -= n
        data, self.rest = self.rest[:size], self.rest[size:]
        return data


@pytest.mark.parametrize("unit", [row(1, body="x" * 1_000).encode(), b"y" * 1_000, b'<row Id="' + b"1" * 1_000], ids=["row", "no", "cut"])
def test_memory_is_flat(unit):
    def peak(megabytes):
        tracemalloc.start()
        for rows in rows_of(Endless(unit, megabytes * 1_000), ("Id", "Body"), 1 << 16):
            del rows
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(8)
    assert peak(96) < peak(24) * 1.2 + (1 << 20)


@needs_shared
@pytest.mark.parametrize("path", sorted(SHARED.glob("*/Posts.xml.gz")), ids=lambda path: path.parent.name)
def test_real_dumps(path):
    """Each row as a parser of XML has it."""
    etree = pytest.importorskip("lxml.etree")
    table = read(path).to_pylist()
    with gzip.open(path) as stream:
        rows = [dict(element.attrib) for _, element in etree.iterparse(stream, tag="row")]
    assert len(table) == len(rows)
    for got, row in zip(table, rows, strict=True):
        assert got["post_id"] == int(row["Id"])
        assert got["drop_reason"] == (None if row["PostTypeId"] in "12" else "other_post_type")
        if got["drop_reason"] is None:
            assert got["content"].decode() == row["Body"]
            assert (got["title"], got["score"]) == (row.get("Title"), int(row["Score"]))
            assert got["tags"] == (row["Tags"][1:-1].split("><") if "Tags" in row else None)
            assert str(got["parent_id"]) == row.get("ParentId", "None")
            assert got["date"] == datetime.fromisoformat(row["CreationDate"] + "+00:00")


def test_documentation_names_everything():
    for heading in ("Source:", "Units:", "Params:", "Drops:", "Errors:"):
        assert heading in stackexchange.doc
    for name in (*stackexchange.params.model_fields, *stackexchange.drops):
        assert name in stackexchange.doc
