"""Reading WARC, WET, Common Crawl, Parquet and JSONL; damage, limits, and the same rows every time."""

from __future__ import annotations

import base64
import bz2
import collections
import csv
import gzip
import hashlib
import io
import json
import random
import re
import tracemalloc
import zlib
from datetime import UTC, date, datetime
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastwarc.stream_io import ZstdWriter, zstd_train_dictionary_from_samples
from pydantic import ValidationError

from curation.documents import record_ids
from curation.errors import TaskError
from stages.sources import opening
from stages.sources import parquet as parquet_module
from stages.sources import superseded as superseded_lists
from stages.sources.common_crawl import common_crawl
from stages.sources.http_body import parse_response
from stages.sources.jsonl import jsonl
from stages.sources.lines import bounded_lines
from stages.sources.parquet import parquet
from stages.sources.warc import warc
from stages.sources.wet import wet

SHARED = Path(__file__).parents[2] / "shared" / "data" / "warc"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the repository")
ALL_SOURCES = [warc, wet, common_crawl, parquet, jsonl]


def read(source, path, relative=None, part="", want=None, progress=None, **params):
    """All rows of one part as one table (None: no table at all)."""
    if source is not common_crawl:
        params["paths"] = str(path)
    tables = list(source.read(str(path), relative or Path(path).name, part, source.params(**params), want, progress))
    for table in tables:
        table.validate(full=True)
        assert 0 < len(table) <= 8192
    return pa.concat_tables(tables).combine_chunks() if tables else None


def reasons(table):
    return [] if table is None else table["drop_reason"].to_pylist()


# WARC files to read


def record(body=b"hello", url="http://a.example/", kind="response", length=None, head=None, **fields):
    """One WARC record; `fields` are more header fields, None takes one away."""
    if head is None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" if kind == "response" else b""
    block = head + body
    header = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{hashlib.md5(url.encode() + block).hexdigest()}>",
        "WARC-Target-URI": url,
        "WARC-Date": "2024-02-21T10:00:00Z",
        "Content-Type": "application/http; msgtype=response" if head else "text/plain",
        "Content-Length": str(len(block) if length is None else length),
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    lines = [b"WARC/1.1", *(f"{k}: {v}".encode() for k, v in header.items() if v is not None)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + block + b"\r\n\r\n"


def pages(count, start=0):
    return [record(b"page %d " % i * 50, f"http://a.example/{i}") for i in range(start, start + count)]


def gz(records):
    return b"".join(gzip.compress(one, mtime=0) for one in records)


def compressed(codec, data):
    return pa.compress(data, codec=codec, asbytes=True)


def write(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


# Every file of the shared pack


def shared_files():
    if not SHARED.is_dir():
        return []
    with open(SHARED / "files.tsv", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


DAMAGED = {  # file: (good documents, broken records)
    "bad/constructed__content-length-missing.warc": (3, 1),
    "bad/constructed__content-length-too-long.warc": (3, 1),
    "bad/constructed__cut-in-gzip-member.warc.gz": (9, 1),
    "bad/constructed__flipped-bytes.warc.gz": (9, 1),
    "bad/constructed__garbage-between-members.warc.gz": (10, 1),
    "bad/constructed__html-not-warc.warc.gz": (0, 1),
    "bad/constructed__lf-only-line-ends.warc": (3, 0),
    "bad/pywb__example.warc": (2, 1),
    "bad/resiliparse__clipped.warc.gz": (0, 1),
    "bad/warcio__example-trunc.warc": (0, 1),
}


@needs_shared
@pytest.mark.parametrize("entry", shared_files(), ids=lambda entry: entry["file"])
def test_shared_archive(entry):
    name = entry["file"]
    path = SHARED / name
    params = warc.params(paths=str(path))
    if name.startswith("arc/") or ".wat" in name:
        with pytest.raises(ValueError, match=r"ARC file|WAT file"):
            warc.check(str(path), params)
        return
    warc.check(str(path), params)
    found = collections.Counter(reasons(read(warc, path, name)))
    counted = json.loads(entry["records_read_by_fastwarc"])
    intact = counted.get("response", 0) + counted.get("conversion", 0)
    good, broken = DAMAGED.get(name, (intact, 0))
    assert found == collections.Counter({None: good, "broken_record": broken})


@needs_shared
@pytest.mark.parametrize("path", sorted(SHARED.glob("real/cdx/*.[ci]*")), ids=lambda path: path.name)
def test_shared_cdx_is_refused(path):
    with pytest.raises(ValueError, match="CDX index"):
        warc.check(str(path), warc.params(paths="x"))


@needs_shared
def test_shared_bodies_are_decoded():
    """The body of each page has the digest the pack lists, after all encodings are undone."""
    wrong = 0
    with open(SHARED / "built/pages.tsv", encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file]
    columns = {name: i for i, name in enumerate(lines[0])}
    by_file = collections.defaultdict(dict)
    for line in lines[1:]:
        by_file[line[columns["file"]]][line[columns["record_id"]].strip("<>")] = line
    for name, listed in by_file.items():
        table = read(warc, SHARED / "built" / name)
        ids = dict(zip(record_ids("warc", list(listed)).to_pylist(), listed.values(), strict=True))
        rows = table.select(["id", "content", "http_status", "truncated", "url", "body_bytes"]).to_pylist()
        for row in rows:
            line = ids.pop(row["id"])
            assert row["http_status"] == int(line[columns["status"]])
            assert row["url"] == line[columns["url"]]
            assert row["body_bytes"] == len(row["content"])
            if hashlib.sha1(row["content"]).hexdigest() != line[columns["body_sha1"]]:
                wrong += 1
                # Bodies cut inside their gzip stream are listed by the digest of the whole body.
                assert row["truncated"] is not None
        assert not ids
    assert wrong <= 4


@needs_shared
def test_shared_wet():
    plain = read(wet, SHARED / "real/commoncrawl__whirlwind.warc.wet")
    packed = read(wet, SHARED / "real/commoncrawl__whirlwind.warc.wet.gz")
    assert plain["text"].equals(packed["text"])
    assert plain["id"].equals(packed["id"])
    assert plain["url"].to_pylist() == ["https://an.wikipedia.org/wiki/Escopete"]
    assert plain["text"][0].as_py().startswith("Escopete")


# What a record becomes


def test_columns_of_a_page(tmp_path):
    page = record(b"<p>hi</p>", "http://a.example/x", WARC_Truncated="length")
    path = write(tmp_path, "CC-MAIN-2024-10-x.warc", page)
    (row,) = read(warc, path).to_pylist()
    assert row == {
        "id": record_ids("warc", [re.search(rb"<(urn:[^>]*)>", page)[1].decode()]).to_pylist()[0],
        "url": "http://a.example/x",
        "date": datetime(2024, 2, 21, 10, tzinfo=UTC),
        "record_file": "CC-MAIN-2024-10-x.warc",
        "record_offset": 0,
        "content": b"<p>hi</p>",
        "http_status": 200,
        "mime": "text/html",
        "http_charset": None,
        "warc_type": "response",
        "truncated": "length",
        "body_bytes": 9,
        "crawl": "CC-MAIN-2024-10",
        "_row": 0,
        "drop_reason": None,
    }


@pytest.mark.parametrize("source", [warc, wet, common_crawl, parquet, jsonl], ids=lambda source: source.name)
def test_declared_columns_are_yielded_and_typed(source, tmp_path):
    values = {"snapshots": ["CC-MAIN-2024-10"]} if source is common_crawl else {"paths": "x"}
    if source is parquet:
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"text": ["a"], "n": [1]}), path)
        values["carry"] = ["n"]
    elif source is jsonl:
        path = write(tmp_path, "a.jsonl", b'{"text": "a", "n": 1}\n')
        values["carry"] = {"n": "int64"}
    else:
        path = write(tmp_path, "a.warc", record() + record(b"text", kind="conversion"))
    params = source.params(**values)
    (table,) = source.read(str(path), "a", "", params)
    core = ["id", "url", "date", "record_file", "record_offset"]
    declared = source.columns(params, str(path))
    assert table.column_names[:5] == core
    assert set(table.column_names) == {*core, *declared, "_row", "drop_reason"}
    for name, kind in declared.items():
        assert table.schema.field(name).type == (kind.type if isinstance(kind, pa.Field) else kind)
    assert source.transient <= set(declared)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"url": "<http://a.example/wget>"}, {"url": "http://a.example/wget"}, id="<> of wget"),
        pytest.param({"url": "http://a.example/a b"}, {"url": "http://a.example/a b"}, id="space in the URL"),
        pytest.param({"WARC_Date": "yesterday"}, {"date": None}, id="bad date"),
        pytest.param({"WARC_Date": None}, {"date": None}, id="no date"),
        pytest.param({"WARC_Date": "2019"}, {"date": datetime(2019, 1, 1, tzinfo=UTC)}, id="a year"),
        pytest.param({"WARC_Date": "2019-03"}, {"date": datetime(2019, 3, 1, tzinfo=UTC)}, id="a month"),
        pytest.param(
            {"WARC_Date": "2019-03-01T00:00:00.5Z"},
            {"date": datetime(2019, 3, 1, microsecond=500000, tzinfo=UTC)},
            id="fractions of a second",
        ),
        pytest.param({"head": b"HTTP/1.0 302\r\n\r\n"}, {"http_status": 302, "mime": None}, id="no reason"),
        pytest.param({"head": b"HTTP/1.1 abc\r\n\r\n"}, {"http_status": None}, id="no status"),
        pytest.param({"head": b"HTTP/1.1 200 OK\nX: y\n\n"}, {"content": b"hello"}, id="LF in the head"),
        pytest.param({"head": b"HTTP/1.1 200 OK\r\nX: y", "body": b""}, {"content": b""}, id="head alone"),
        pytest.param(
            {"head": b'HTTP/1.1 200 OK\r\ncontent-TYPE:Text/HTML ; Charset="KOI8-R"\r\n\r\n'},
            {"mime": "text/html", "http_charset": "koi8-r"},
            id="charset",
        ),
        pytest.param(
            {"kind": "conversion", "body": b"text"},
            {"content": b"text", "mime": "text/plain", "http_status": None, "warc_type": "conversion"},
            id="conversion",
        ),
    ],
)
@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_record(tmp_path, name, fields, expected):
    data = record(**fields)
    table = read(warc, write(tmp_path, name, gz([data]) if name.endswith("gz") else data))
    (row,) = table.to_pylist()
    assert {key: row[key] for key in expected} == expected
    assert row["drop_reason"] is None


@pytest.mark.parametrize("kind", ["request", "metadata", "revisit", "resource", "warcinfo", "unheard-of"])
def test_other_types_are_not_counted(tmp_path, kind):
    data = record(kind=kind) + record(b"page") + record(kind=kind)
    for name, content in (("a.warc", data), ("b.warc.gz", gz([record(kind=kind), record(b"page")]))):
        table = read(warc, write(tmp_path, name, content))
        assert (table["_row"].to_pylist(), table["content"].to_pylist()) == ([0], [b"page"])


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        pytest.param({"WARC_Record_ID": "<urn:uuid:1>"}, "urn:uuid:1", id="record id"),
        pytest.param({"WARC_Record_ID": "urn:uuid:1"}, "urn:uuid:1", id="record id without brackets"),
        pytest.param({"WARC_Record_ID": None}, "http://a.example/ 1708509600000000", id="URL and date"),
        pytest.param({"WARC_Record_ID": None, "WARC_Date": None}, "in/a.warc:0", id="file and offset"),
        pytest.param({"WARC_Record_ID": None, "WARC_Target_URI": None}, "in/a.warc:0", id="no URL"),
    ],
)
def test_what_an_id_is_made_of(tmp_path, fields, key):
    table = read(warc, write(tmp_path, "a.warc", record(**fields)), "in/a.warc")
    assert table["id"].equals(pa.chunked_array([record_ids("warc", [key])]))


def test_records_of_one_gzip_member_have_ids_of_their_own(tmp_path):
    anonymous = [record(b"%d" % i, WARC_Record_ID=None, WARC_Date=None) for i in range(5)]
    table = read(warc, write(tmp_path, "a.warc.gz", gzip.compress(b"".join(anonymous), mtime=0)))
    assert len(set(table["id"].to_pylist())) == 5


@pytest.mark.parametrize(
    ("path", "given", "crawl"),
    [
        ("crawl-data/CC-MAIN-2024-10/x.warc.gz", None, "CC-MAIN-2024-10"),
        ("CC-MAIN-20240517233122-20240518023122-00000.warc.gz", None, None),
        ("CC-MAIN-2024-10/x.warc.gz", "mine", "mine"),
        ("plain.warc.gz", None, None),
    ],
)
def test_crawl(tmp_path, path, given, crawl):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    write(tmp_path, path, gz([record()]))
    assert read(warc, tmp_path / path, crawl=given)["crawl"].to_pylist() == [crawl]


# Containers


CONTAINERS = {
    "plain": ("a.warc", b"".join),
    "gzip, a record a member": ("a.warc.gz", gz),
    "gzip, one member": ("a.warc.gz", lambda records: gzip.compress(b"".join(records), mtime=0)),
    "gzip, seven records a member": (
        "a.warc.gz",
        lambda records: gz(b"".join(records[i : i + 7]) for i in range(0, len(records), 7)),
    ),
    "gzip, members grow later": (
        "a.warc.gz",
        lambda records: gz(records[:9]) + gz(b"".join(records[i : i + 7]) for i in range(9, len(records), 7)),
    ),
    "gzip, members cut anywhere": (
        "a.warc.gz",
        lambda records: gz(b"".join(records)[i : i + 999] for i in range(0, len(b"".join(records)), 999)),
    ),
    "zstd": ("a.warc.zst", lambda records: b"".join(compressed("zstd", one) for one in records)),
    "lz4": ("a.warc.lz4", lambda records: b"".join(compressed("lz4", one) for one in records)),
    "plain with LF": (
        "a.warc",
        lambda records: b"".join(one.replace(b"\r\n", b"\n") for one in records),
    ),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_container(tmp_path, container):
    name, pack = CONTAINERS[container]
    records = [record(b"", kind="warcinfo"), *pages(40)]
    expected = read(warc, write(tmp_path, "expected.warc", b"".join(records)))
    table = read(warc, write(tmp_path, name, pack(records)))
    for column in ("id", "content", "url", "_row", "drop_reason"):
        assert table[column].equals(expected[column]), column


def test_zstd_with_a_dictionary(tmp_path):
    records = pages(300)
    dictionary = zstd_train_dictionary_from_samples(records, 4096)
    writer = ZstdWriter(str(tmp_path / "a.warc.zst"), dictionary=dictionary)
    for one in records:
        writer.write(one)
        writer.finish()
    writer.close()
    frames = (tmp_path / "a.warc.zst").read_bytes()
    head = b"\x5d\x2a\x4d\x18" + len(dictionary).to_bytes(4, "little") + dictionary
    table = read(warc, write(tmp_path, "a.warc.zst", head + frames))
    assert reasons(table) == [None] * 300
    assert table["content"].equals(read(warc, write(tmp_path, "a.warc", b"".join(records)))["content"])


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc"])
def test_offsets_are_those_of_the_records(tmp_path, name):
    records = pages(30)
    packed = [gzip.compress(one, mtime=0) for one in records] if name.endswith("gz") else records
    table = read(warc, write(tmp_path, name, b"".join(packed)))
    offsets = table["record_offset"].to_pylist()
    assert offsets == [sum(map(len, packed[:i])) for i in range(30)]


def test_a_remote_file(tmp_path):
    data = gz(pages(20))
    fsspec.filesystem("memory").pipe("/bucket/a.warc.gz", data)
    local = read(warc, write(tmp_path, "a.warc.gz", data))
    warc.check("memory://bucket/a.warc.gz", warc.params(paths="x"))
    assert read(warc, "memory://bucket/a.warc.gz").equals(local)


# Damage


def damaged(case):
    """(file name, content, good documents, broken records) of one kind of damage."""
    a, b, c = pages(20), pages(20, 100), pages(20, 200)
    noise = random.Random(1).randbytes(3000)
    one = record(noise, "http://a.example/broken")
    member = gzip.compress(one, mtime=0)
    cut_body = b"y" * 300
    return {
        "empty": ("a.warc.gz", b"", 0, 0),
        "empty, plain": ("a.warc", b"", 0, 0),
        "an error page": ("a.warc.gz", b"<!DOCTYPE html><html>Access denied</html>", 0, 1),
        "an error page, plain": ("a.warc", b"<!DOCTYPE html><html>Access denied</html>", 0, 1),
        "an error page, compressed": ("a.warc.gz", gzip.compress(b"<html>Access denied</html>", mtime=0), 0, 1),
        "flipped byte in a member": (
            "a.warc.gz", gz(a) + member[:300] + bytes([member[300] ^ 255]) + member[301:] + gz(b), 40, 1,
        ),
        "garbage between members": ("a.warc.gz", gz(a) + noise + gz(b), 40, 1),
        "garbage at the start": ("a.warc.gz", noise + gz(a), 20, 1),
        "garbage at the end": ("a.warc.gz", gz(a) + noise, 20, 1),
        "garbage between records": ("a.warc", b"".join(a) + noise + b"\r\n" + b"".join(b), 40, 1),
        "member cut at the end": ("a.warc.gz", gz(a) + member[:-30], 20, 1),
        "member cut in its first bytes": ("a.warc.gz", gz(a) + member[:5], 20, 1),
        "member cut in the middle of the file": ("a.warc.gz", gz(a) + member[:-30] + gz(b), 40, 1),
        "two damages": ("a.warc.gz", gz(a) + noise + gz(b) + noise + gz(c), 60, 2),
        "record cut in its body": ("a.warc", b"".join(a) + one[:-100], 20, 1),
        "record cut in its header": ("a.warc", b"".join(a) + one[:40], 20, 1),
        "no Content-Length": (
            "a.warc", b"".join([*a, record(b"z", Content_Length=None), *b]), 40, 1,
        ),
        "Content-Length no number": (
            "a.warc", b"".join([*a, record(b"z", Content_Length="many"), *b]), 40, 1,
        ),
        "Content-Length too long": ("a.warc", b"".join([*a, record(cut_body, length=3000), *b]), 40, 1),
        "Content-Length too short": ("a.warc", b"".join([*a, record(cut_body, length=100), *b]), 40, 1),
        "Content-Length past the end": ("a.warc", b"".join([*a, record(cut_body, length=10**7), *b]), 40, 1),
        "Content-Length of 10 GB": ("a.warc", b"".join([*a, record(cut_body, length=10**10), *b]), 40, 1),
        "too long, gzip": ("a.warc.gz", gz([*a, record(cut_body, length=3000), *b]), 40, 1),
        "too short, gzip": ("a.warc.gz", gz([*a, record(cut_body, length=100), *b]), 40, 1),
        "10 GB, gzip": ("a.warc.gz", gz([*a, record(cut_body, length=10**10), *b]), 40, 1),
        "10 GB, one member": (
            "a.warc.gz", gzip.compress(b"".join([*a, record(cut_body, length=10**10), *b]), mtime=0), 40, 1,
        ),
        "header without end": ("a.warc", b"WARC/1.0\r\n" + b"a: b\r\n" * 20_000 + b"".join(a), 20, 1),
    }[case]  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [
        "empty", "empty, plain", "an error page", "an error page, plain", "an error page, compressed",
        "flipped byte in a member", "garbage between members", "garbage at the start", "garbage at the end",
        "garbage between records", "member cut at the end", "member cut in its first bytes",
        "member cut in the middle of the file", "two damages", "record cut in its body",
        "record cut in its header", "no Content-Length", "Content-Length no number",
        "Content-Length too long", "Content-Length too short", "Content-Length past the end",
        "Content-Length of 10 GB", "too long, gzip", "too short, gzip", "10 GB, gzip", "10 GB, one member",
        "header without end",
    ],
)  # fmt: skip
def test_reading_goes_on_behind_damage(tmp_path, case):
    name, data, good, broken = damaged(case)
    table = read(warc, write(tmp_path, name, data))
    assert collections.Counter(reasons(table)) == collections.Counter({None: good, "broken_record": broken})
    if table is None:
        return
    assert table["_row"].to_pylist() == list(range(good + broken))
    assert len(set(table["id"].to_pylist())) == good + broken
    for row in table.to_pylist():
        if row["drop_reason"]:
            assert row["record_file"] == name
            assert 0 <= row["record_offset"] <= len(data)
            assert row["content"] is None
        else:
            assert re.match(rb"page (\d+) ", row["content"])[1].decode() == row["url"].rpartition("/")[2]


@pytest.mark.parametrize(("name", "codec"), [("a.warc.zst", "zstd"), ("a.warc.lz4", "lz4")])
def test_last_record_shorter_than_it_says(tmp_path, name, codec):
    records = [*pages(5), record(b"short", length=900)]
    data = b"".join(compressed(codec, one) for one in records)
    assert reasons(read(warc, write(tmp_path, name, data))) == [None] * 5 + ["broken_record"]


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
@pytest.mark.parametrize("seed", range(8))
def test_any_damage_costs_only_what_it_touches(tmp_path, name, seed):
    """Bytes flipped, cut out or put in anywhere: all untouched records come, with at most one broken one."""
    rng = random.Random(seed)
    records = [rng.choice([record(kind="request"), *pages(3, i * 3)]) for i in range(40)]
    packed = [gzip.compress(one, mtime=0) for one in records] if name.endswith("gz") else records
    ends = np.cumsum([len(one) for one in packed])
    whole = b"".join(packed)
    everything = read(warc, write(tmp_path, name, whole))
    for _ in range(25):
        at, size = rng.randrange(len(whole)), rng.choice([1, 5, 60, 400, 3000])
        how = rng.choice(["flip", "cut", "insert"])
        middle = {
            "flip": bytes(byte ^ rng.randrange(1, 256) for byte in whole[at : at + size]),
            "cut": b"",
            "insert": whole[at : at + 1] + rng.randbytes(size),
        }[how]
        behind = at + 1 if how == "insert" else min(len(whole), at + size)
        table = read(warc, write(tmp_path, name, whole[:at] + middle + whole[behind:]))
        untouched = {int(one) for one, (start, end) in enumerate(zip([0, *ends], ends, strict=False)) if end <= at or start >= behind}
        is_page = [b"WARC-Type: response" in one for one in records]
        rows = np.cumsum(is_page) - 1
        expected = {everything["id"][int(rows[i])].as_py() for i in untouched if is_page[i]}
        good = {row["id"] for row in table.to_pylist() if row["drop_reason"] is None} if table else set()
        assert expected <= good, (how, at, size)
        assert reasons(table).count("broken_record") <= 1, (how, at, size)


def failing(after):
    """Another `open_binary`: of files that give 4 kB a read, and cannot be read any more after so many."""

    class Failing(io.FileIO):
        reads = 0

        def read(self, size=-1):
            Failing.reads += 1
            if Failing.reads > after:
                raise OSError("connection lost")
            return super().read(min(size, 4096))

    return Failing


def test_a_failing_read_is_not_damage(tmp_path, monkeypatch):
    path = write(tmp_path, "a.warc.gz", gz(pages(2000)))
    monkeypatch.setattr(opening, "open_binary", failing(4))
    with pytest.raises(TaskError, match="connection lost"):
        read(warc, path)


def test_an_arc_file_met_while_reading_fails_the_task(tmp_path):
    path = write(tmp_path, "a.warc", b"filedesc://x.arc 0.0.0.0 20140216050221 text/plain 69\n1 0 x\n")
    with pytest.raises(TaskError, match="ARC file"):
        read(warc, path)


# Bodies


HTML = b"<html>" + b"hello world " * 500 + bytes(range(256)) + b"</html>"
BOMB_BYTES = 8 << 20


def raw_deflate(data):
    encoder = zlib.compressobj(6, zlib.DEFLATED, -15)
    return encoder.compress(data) + encoder.flush()


def brotli(data):
    return compressed("brotli", data)


def zstd(data):
    return compressed("zstd", data)


def chunked(data, size=1000):
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def response(body, encoding=b"", transfer=b"", mime=b"text/html", max_body_bytes=1 << 20):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: " + mime + b"\r\n"
    head += b"Content-Encoding: " + encoding + b"\r\n" if encoding else b""
    head += b"Transfer-Encoding: " + transfer + b"\r\n" if transfer else b""
    return parse_response(head + b"\r\n" + body, max_body_bytes)


@pytest.mark.parametrize(
    ("encoding", "transfer", "body"),
    [
        pytest.param(b"", b"", HTML, id="plain"),
        pytest.param(b"gzip", b"", gzip.compress(HTML, mtime=0), id="gzip"),
        pytest.param(b"X-GZIP", b"", gzip.compress(HTML, mtime=0), id="x-gzip"),
        pytest.param(b"gzip", b"", gzip.compress(HTML[:99], mtime=0) + gzip.compress(HTML[99:], mtime=0), id="gzip members"),
        pytest.param(b"gzip", b"", gzip.compress(HTML, mtime=0) + b"\0\0junk", id="gzip, then junk"),
        pytest.param(b"deflate", b"", zlib.compress(HTML), id="zlib"),
        pytest.param(b"deflate", b"", raw_deflate(HTML), id="raw deflate"),
        pytest.param(b"br", b"", brotli(HTML), id="brotli"),
        pytest.param(b"zstd", b"", zstd(HTML), id="zstd"),
        pytest.param(b"gzip, br", b"", brotli(gzip.compress(HTML, mtime=0)), id="gzip, then brotli"),
        pytest.param(b"gzip", b"chunked", chunked(gzip.compress(HTML, mtime=0)), id="gzip in chunks"),
        pytest.param(b"", b"chunked", chunked(HTML), id="chunks"),
        pytest.param(b"", b"gzip, chunked", chunked(gzip.compress(HTML, mtime=0)), id="gzip as transfer-encoding"),
        pytest.param(b"identity", b"identity", HTML, id="identity"),
        pytest.param(b"gzip", b"", HTML, id="gzip declared, plain"),
        pytest.param(b"deflate", b"", HTML, id="deflate declared, plain"),
        pytest.param(b"br", b"", HTML, id="brotli declared, plain"),
        pytest.param(b"zstd", b"", HTML, id="zstd declared, plain"),
        pytest.param(b"", b"chunked", HTML, id="chunks declared, plain"),
        pytest.param(b"", b"", gzip.compress(HTML, mtime=0), id="gzip not declared"),
    ],
)
def test_body_is_decoded(encoding, transfer, body):
    found = response(body, encoding, transfer)
    assert (bytes(found.content), found.problem) == (HTML, None)


def test_gzip_that_is_not_html_stays():
    data = gzip.compress(HTML, mtime=0)
    assert bytes(response(data, mime=b"application/gzip").content) == data


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"zstd"])
def test_empty_body(encoding):
    assert response(b"", encoding) == (200, "text/html", None, b"", None)


@pytest.mark.parametrize(
    ("encoding", "body", "problem"),
    [
        pytest.param(b"gzip", gzip.compress(HTML, mtime=0)[:-9], "cut", id="gzip"),
        pytest.param(b"deflate", raw_deflate(HTML)[:-9], "cut", id="raw deflate"),
        pytest.param(b"gzip", gzip.compress(HTML, mtime=0)[:11], "undecodable", id="gzip of which nothing comes"),
        pytest.param(b"zstd", zstd(HTML)[:9], "undecodable", id="zstd of which nothing comes"),
        pytest.param(b"br", brotli(HTML)[:2] + b"\xff\x00" * 9, "undecodable", id="brotli, damaged"),
    ],
)
def test_body_is_cut(encoding, body, problem):
    found = response(body, encoding)
    assert found.problem == problem
    assert HTML.startswith(bytes(found.content))
    assert bool(found.content) == (problem == "cut")


def test_chunks_are_cut():
    found = parse_response(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n9\r\nwor", 99)
    assert (bytes(found.content), found.problem) == (b"hellowor", "cut")


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        pytest.param(b"gzip", gzip.compress, id="gzip"),
        pytest.param(b"deflate", zlib.compress, id="zlib"),
        pytest.param(b"deflate", raw_deflate, id="raw deflate"),
        pytest.param(b"br", brotli, id="brotli"),
        pytest.param(b"zstd", zstd, id="zstd"),
        pytest.param(b"gzip, gzip", lambda data: gzip.compress(gzip.compress(data), mtime=0), id="gzip twice"),
        pytest.param(b"", gzip.compress, id="gzip not declared"),
    ],
)
def test_bomb(encoding, encode):
    body = encode(b"\0" * BOMB_BYTES)
    assert len(body) < BOMB_BYTES / 100
    assert response(body, encoding, max_body_bytes=BOMB_BYTES - 1)[3:] == (b"", "too_large")
    assert len(response(body, encoding, max_body_bytes=BOMB_BYTES).content) == BOMB_BYTES


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [(b"gzip", gzip.compress), (b"deflate", raw_deflate), (b"br", brotli), (b"zstd", zstd)],
    ids=["gzip", "deflate", "br", "zstd"],
)
def test_bomb_takes_no_memory(encoding, encode):
    body = encode(b"\0" * (64 << 20))
    tracemalloc.start()
    try:
        assert response(body, encoding, max_body_bytes=1 << 20).problem == "too_large"
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_drops_of_bodies(tmp_path):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n"
    records = [
        record(gzip.compress(HTML, mtime=0), head=head),
        record(gzip.compress(b"\0" * 100_000, mtime=0), head=head),
        record(gzip.compress(HTML, mtime=0)[:-20], head=head),
        record(gzip.compress(HTML, mtime=0)[:11], head=head),
        record(b"x" * 20_001),
        record(b"x" * 20_000),
    ]
    table = read(warc, write(tmp_path, "a.warc.gz", gz(records)), max_body_bytes=20_000)
    assert reasons(table) == [None, "too_large", None, "broken_record", "too_large", None]
    assert table["truncated"].to_pylist() == [None, None, "decode", None, None, None]
    assert [content is None for content in table["content"].to_pylist()] == [reason is not None for reason in reasons(table)]


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz", "one.warc.gz"])
def test_record_over_the_limit_is_passed_over(tmp_path, name):
    records = [*pages(3), record(b"x" * 300_000), *pages(3, 10)]
    one_member = gzip.compress(b"".join(records), mtime=0)
    data = {"a.warc": b"".join(records), "a.warc.gz": gz(records), "one.warc.gz": one_member}[name]
    table = read(warc, write(tmp_path, name, data), max_record_bytes=100_000)
    assert reasons(table) == [None] * 3 + ["too_large"] + [None] * 3
    assert table["url"].to_pylist()[3] == "http://a.example/"


# want and progress


def sources_with_data(folder):
    texts = [record(b"text %d" % i, f"http://t.example/{i}", kind="conversion") for i in range(50)]
    records = pages(50) + texts
    broken = gz(records[:30]) + b"noise" * 99 + gz(records[30:])
    rows = [{"text": f"text {i}", "id": str(i)} for i in range(100)]
    lines = [json.dumps(row) for row in rows]
    lines[17] = "{broken"
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet", row_group_size=13)
    return [
        (warc, write(folder, "a.warc.gz", gz(records))),
        (warc, write(folder, "damaged.warc.gz", broken)),
        (warc, write(folder, "one.warc.gz", gzip.compress(b"".join(records), mtime=0))),
        (warc, write(folder, "a.warc", b"".join(records))),
        (wet, write(folder, "a.wet.gz", gz(records))),
        (parquet, folder / "a.parquet"),
        (jsonl, write(folder, "a.jsonl", "\n".join(lines).encode())),
    ]


def test_want_yields_the_same_rows(tmp_path):
    rng = random.Random(3)
    for source, path in sources_with_data(tmp_path):
        everything = read(source, path)
        assert everything["_row"].to_pylist() == list(range(len(everything)))
        for count in (0, 1, 2, 10, len(everything)):
            want = np.array(sorted(rng.sample(range(len(everything)), count)), np.int64)
            table = read(source, path, want=want)
            if not count:
                assert table is None
                continue
            assert table.equals(everything.take(pa.array(want)).combine_chunks()), (path, want)


def test_progress_names_each_row_read(tmp_path):
    for source, path in sources_with_data(tmp_path):
        seen, some = [], []
        total = len(read(source, path, progress=seen.append))
        read(source, path, want=np.array([5, 60 % total]), progress=some.append)
        if source is parquet:
            assert seen[0] == 0  # a batch is decoded as a whole
            continue
        assert sorted(set(seen)) == list(range(total))
        assert set(some) == {5, 60 % total}


def test_a_wanted_page_is_found_without_decoding_the_others(tmp_path, monkeypatch):
    decoded = []

    def counting(block, limit):
        decoded.append(block)
        return parse_response(block, limit)

    monkeypatch.setattr("stages.sources.warc.parse_response", counting)
    read(warc, write(tmp_path, "a.warc.gz", gz(pages(100))), want=np.array([40]))
    assert len(decoded) == 1


@pytest.mark.parametrize("relative", ["a.warc.gz", "other/b.warc.gz"])
def test_ids_do_not_depend_on_where_the_folder_is(tmp_path, relative):
    tables = []
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        data = gz([record(WARC_Record_ID=None, WARC_Date=None), b"junk"])
        tables.append(read(warc, write(tmp_path / folder, "a.warc.gz", data), relative))
    assert tables[0].equals(tables[1])


# Refusals


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.arc.gz", b"", "ARC file"),
        ("a.warc", b"filedesc://x.arc 0.0.0.0 2014 text/plain 69\n", "ARC file"),
        ("a.warc.gz", gzip.compress(b"filedesc://x.arc 0.0.0.0 2014 text/plain 69\n", mtime=0), "ARC file"),
        ("a.cdx", b"", "CDX index"),
        ("a.cdxj", b"", "CDX index"),
        ("a.txt", b" CDX N b a m s k r M S V g\n", "CDX index"),
        ("a.txt", b'com,example)/ 20140127171200 {"url": "http://example.com"}\n', "CDX index"),
        ("a.warc.wat.gz", b"", "WAT file"),
        ("a.gz", gz([record(kind="warcinfo", WARC_Filename="x.warc.wat.gz")]), "WAT file"),
    ],
)
@pytest.mark.parametrize("source", [warc, wet, common_crawl], ids=lambda source: source.name)
def test_other_formats_are_refused(tmp_path, source, name, content, message):
    values = {"snapshots": ["CC-MAIN-2024-10"]} if source is common_crawl else {"paths": "x"}
    with pytest.raises(ValueError, match=message):
        source.check(str(write(tmp_path, name, content)), source.params(**values))


# Common Crawl


@pytest.fixture
def bucket(tmp_path):
    for snapshot in ("CC-MAIN-2023-50", "CC-MAIN-2024-10"):
        folder = tmp_path / "crawl-data" / snapshot
        folder.mkdir(parents=True)
        names = [f"crawl-data/{snapshot}/segments/1/warc/{i}.warc.gz" for i in range(3)]
        (folder / "warc.paths.gz").write_bytes(gzip.compress("\n".join(names).encode() + b"\n"))
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(gz([record(url=f"http://{snapshot}.example/")]))
    return tmp_path


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ({"snapshots": ["CC-MAIN-2024-10"]}, 3),
        ({"snapshots": ["CC-MAIN-2023-50", "CC-MAIN-2024-10"]}, 6),
        ({"snapshots": ["CC-MAIN-2023-50", "CC-MAIN-2024-10"], "max_files": 2}, 4),
        ({"paths_file": "crawl-data/CC-MAIN-2024-10/warc.paths.gz"}, 3),
        ({"paths_file": "crawl-data/CC-MAIN-2024-10/warc.paths.gz", "max_files": 1}, 1),
    ],
)
def test_common_crawl_paths(bucket, values, count):
    if "paths_file" in values:
        values = {**values, "paths_file": str(bucket / values["paths_file"])}
    paths = common_crawl.paths(common_crawl.params(base=str(bucket), **values), bucket)
    assert len(paths) == count
    for path in paths:
        (row,) = read(common_crawl, path, snapshots=["x"]).to_pylist()
        assert row["url"] == f"http://{row['crawl']}.example/"


def test_common_crawl_is_relative_to_the_recipe(bucket, tmp_path_factory, monkeypatch):
    """Whatever the working folder is: base, lists and files."""
    from curation.plan import Plan
    from curation.recipe import load

    (bucket / "recipe.yaml").write_text(
        "inputs: {cc: {use: common_crawl, base: ., snapshots: [CC-MAIN-2024-10]}}\nsteps: {v: {use: valid_records}}"
    )
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    plan = Plan(load(bucket / "recipe.yaml"))
    assert [path for path, _ in plan.files(plan.steps["cc"])] == sorted(
        str(p) for p in bucket.glob("crawl-data/*2024-10/segments/1/warc/*")
    )
    listed = common_crawl.params(base=".", paths_file="crawl-data/CC-MAIN-2024-10/warc.paths.gz")
    assert len(common_crawl.paths(listed, bucket)) == 3


def test_remote_files_of_a_folder_are_listed_not_asked_for(monkeypatch):
    """One listing for a folder of many; a file alone, or without a tag in the listing, is asked for itself."""
    from fsspec.implementations.memory import MemoryFileSystem

    from curation import assets

    asked, listed = [], []
    info, ls = MemoryFileSystem.info, MemoryFileSystem.ls

    def tagged(entry):
        return {**entry, "ETag": f"tag of {entry['name']}"}

    def see(self, path, **keywords):
        asked.append(path)
        return tagged(info(self, path, **keywords))

    def look(self, path, detail=True, **keywords):
        listed.append(path)
        return [e if e["name"].endswith("5.gz") else tagged(e) for e in ls(self, path, detail=True, **keywords)]

    fsspec.filesystem("memory").pipe({f"/listing/{folder}/{n}.gz": b"x" * n for folder, many in (("a", 20), ("b", 1)) for n in range(many)})
    monkeypatch.setattr(MemoryFileSystem, "info", see)
    monkeypatch.setattr(MemoryFileSystem, "ls", look)
    files = [(f"memory://listing/{f}", f) for f in ("b/0.gz", *(f"a/{n}.gz" for n in range(20)))]
    found = assets.identify(files)
    assert listed == ["/listing/a"]
    assert sorted(asked) == ["/listing/a/15.gz", "/listing/a/5.gz", "/listing/b/0.gz"]
    assert [f.identity for f in found] == [f"{r}|{r[2:-3]}|tag of /listing/{r}" for _, r in files]

    def refuse(self, path, detail=True, **keywords):
        raise PermissionError("no listings here")

    monkeypatch.setattr(MemoryFileSystem, "ls", refuse)
    assert assets.identify(files) == found


def test_common_crawl_gives_the_rows_of_warc(bucket):
    path = bucket / "crawl-data/CC-MAIN-2024-10/segments/1/warc/0.warc.gz"
    assert read(common_crawl, path, snapshots=["CC-MAIN-2024-10"]).equals(read(warc, path))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"snapshots": ["CC-MAIN-1999-01"]}, "cannot be read"),
        (
            {"snapshots": ["CC-MAIN-1999-01"], "paths_file": "crawl-data/CC-MAIN-2024-10/warc.paths.gz"},
            "names no WARC",
        ),
    ],
)
def test_common_crawl_lists_that_are_wrong(bucket, values, message):
    if "paths_file" in values:
        values = {**values, "paths_file": str(bucket / values["paths_file"])}
    with pytest.raises(ValueError, match=message):
        common_crawl.paths(common_crawl.params(base=str(bucket), **values), bucket)


def test_common_crawl_needs_something_to_read():
    with pytest.raises(ValidationError, match="snapshots"):
        common_crawl.params()


# Parquet


def parquet_file(folder, columns, name="a.parquet", **options):
    path = folder / name
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_parquet_columns(tmp_path):
    day = datetime(2020, 1, 2, tzinfo=UTC)
    path = parquet_file(
        tmp_path,
        {
            "body": ["one", None, "three"],
            "key": ["0" * 32, "short", None],
            "link": ["http://a.com/", None, "http://c.com/"],
            "when": pa.array([day, None, day], pa.timestamp("ms")),
            "lang": pa.array(["en", None, "de"]).dictionary_encode(),
            "other": [1, 2, 3],
        },
    )
    names = {"text": "body", "id": "key", "url": "link", "date": "when", "carry": ["lang"]}
    table = read(parquet, path, **names)
    made = record_ids("parquet", ["short", "http://c.com/ 1577923200000000"]).to_pylist()
    assert table.to_pydict() == {
        "id": ["0" * 32, *made],
        "url": ["http://a.com/", None, "http://c.com/"],
        "date": [day, None, day],
        "record_file": ["a.parquet"] * 3,
        "record_offset": [0, 1, 2],
        "text": ["one", None, "three"],
        "lang": ["en", None, "de"],
        "_row": [0, 1, 2],
        "drop_reason": [None, "no_text", None],
    }
    types = parquet.columns(parquet.params(paths="x", **names), str(path))
    assert types == {"text": pa.large_string(), "lang": pa.field("lang", pa.string())}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["2020-01-02T03:04:05Z"]), datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (pa.array(["2020-01-02"]), datetime(2020, 1, 2, tzinfo=UTC)),
        (pa.array(["2020-01-02T03:04:05+02:00"]), datetime(2020, 1, 2, 1, 4, 5, tzinfo=UTC)),
        (pa.array(["20200102030405"]), datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (pa.array(["some day"]), None),
        (pa.array([date(2020, 1, 2)]), datetime(2020, 1, 2, tzinfo=UTC)),
        (pa.array([1577934245], pa.timestamp("s")), datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (pa.array([1577934245], pa.timestamp("s", "Asia/Tokyo")), datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (pa.array([None]), None),
    ],
)
def test_parquet_dates(tmp_path, values, expected):
    table = read(parquet, parquet_file(tmp_path, {"text": ["a"], "date": values}))
    assert table["date"].to_pylist() == [expected]


@pytest.mark.parametrize(
    ("columns", "values", "message"),
    [
        ({"content": ["a"], "n": [1]}, {}, r"no column 'text' .*its columns are: content, n"),
        ({"text": [1]}, {}, "holds int64, not strings"),
        ({"text": ["a"], "date": [5]}, {}, "date column 'date' holds int64"),
        ({"text": ["a"]}, {"id": "key"}, "no column 'key'"),
    ],
)
def test_parquet_check(tmp_path, columns, values, message):
    path = str(parquet_file(tmp_path, columns))
    with pytest.raises(ValueError, match=message):
        parquet.check(path, parquet.params(paths="x", **values))


def test_parquet_check_of_another_format(tmp_path):
    with pytest.raises(ValueError, match="not a readable Parquet file"):
        parquet.check(str(write(tmp_path, "a.parquet", b"{}\n" * 9)), parquet.params(paths="x"))


def test_parquet_carried_column_must_be_in_the_example(tmp_path):
    path = str(parquet_file(tmp_path, {"text": ["a"]}))
    with pytest.raises(ValueError, match="carry: lang"):
        parquet.columns(parquet.params(paths="x", carry=["lang"]), path)
    with pytest.raises(ValidationError, match="core column"):
        parquet.params(paths="x", carry=["url"])
    table = read(parquet, path, carry=["lang"])
    assert table["lang"].to_pylist() == [None]


def test_parquet_parts_give_the_rows_of_the_whole(tmp_path, monkeypatch):
    texts = [random.Random(i).randbytes(200).hex() for i in range(1000)]
    path = parquet_file(tmp_path, {"text": texts}, row_group_size=100)
    monkeypatch.setattr(parquet_module, "SPLIT_BYTES", 100_000)
    monkeypatch.setattr(parquet_module, "PART_BYTES", 60_000)
    parts = parquet.parts(str(path), path.stat().st_size, parquet.params(paths="x"))
    assert len(parts) > 2
    assert parts[0].startswith("row_groups=0-")
    whole = read(parquet, path)
    tables = [read(parquet, path, part=part) for part in parts]
    assert all(table["_row"].to_pylist() == list(range(len(table))) for table in tables)
    joined = pa.concat_tables(tables).drop_columns(["_row"]).combine_chunks()
    assert joined.equals(whole.drop_columns(["_row"]))
    third = read(parquet, path, part=parts[2], want=np.array([1, 3]))
    assert third.equals(tables[2].take([1, 3]).combine_chunks())


def test_parquet_small_file_is_one_part(tmp_path):
    path = parquet_file(tmp_path, {"text": ["a"]})
    assert parquet.parts(str(path), path.stat().st_size, parquet.params(paths="x")) == [""]


def test_parquet_text_that_is_not_utf8(tmp_path):
    raw = pa.array([b"good", b"bad \xff", "größe".encode()], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    table = read(parquet, parquet_file(tmp_path, {"text": text, "url": text}))
    assert reasons(table) == [None, "broken_record", None]
    assert table["url"].to_pylist() == ["good", "bad \ufffd", "größe"]


def test_parquet_damage_fails_the_task(tmp_path):
    path = parquet_file(tmp_path, {"text": ["some text"] * 5000 + [str(i) for i in range(5000)]})
    data = bytearray(path.read_bytes())
    data[200:600] = bytes(400)
    path.write_bytes(data)
    with pytest.raises(TaskError, match=r"a\.parquet"):
        read(parquet, path)


def test_parquet_tables_are_cut_by_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_module, "BATCH_BYTES", 10_000)
    path = parquet_file(tmp_path, {"text": ["x" * 3000] * 10 + ["y" * 50_000] + ["z"] * 500})
    tables = list(parquet.read(str(path), "a", "", parquet.params(paths="x")))
    sizes = [sum(len(text) for text in table["text"].to_pylist()) for table in tables]
    assert sum(len(table) for table in tables) == 511
    assert all(size <= 10_000 or len(table) == 1 for size, table in zip(sizes, tables, strict=True))


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_parquet_text_types(tmp_path, kind):
    table = read(parquet, parquet_file(tmp_path, {"text": pa.array(["a", None]).cast(kind)}))
    assert table["text"].type == pa.large_string()
    assert table["text"].to_pylist() == ["a", None]


# JSONL


@pytest.mark.parametrize(
    ("line", "reason", "text"),
    [
        pytest.param(b'{"text": "a"}', None, "a", id="plain"),
        pytest.param(b' {"text": "a"} \r', None, "a", id="CRLF and blanks"),
        pytest.param(b'{"text": ""}', None, "", id="empty text"),
        pytest.param(b'{"text": null}', "no_text", None, id="null text"),
        pytest.param(b'{"other": "a"}', "no_text", None, id="no text"),
        pytest.param(b'{"text": 5}', "broken_record", None, id="text is a number"),
        pytest.param(b'{"text": "a"', "broken_record", None, id="cut"),
        pytest.param(b"[1, 2]", "broken_record", None, id="not an object"),
        pytest.param(b'{"text": "\xff"}', "broken_record", None, id="not UTF-8"),
        pytest.param(b"[" * 100_000, "broken_record", None, id="nested too deep"),
        pytest.param(b'{"text": "' + b"x" * 200_000 + b'"}', "broken_record", None, id="too long"),
        pytest.param(b'{"text": "\\ud83d\\ude00 \\ud800!"}', None, "\U0001f600 \ufffd!", id="surrogates"),
        pytest.param(b'{"text": "a", "n": 5}', None, "a", id="carried"),
        pytest.param(b'{"text": "a", "n": "5"}', "broken_record", None, id="carried, another type"),
        pytest.param(b'{"text": "a", "n": true}', "broken_record", None, id="a bool is no int64"),
        pytest.param(b'{"text": "a", "n": 18446744073709551615}', "broken_record", None, id="not an int64"),
    ],
)
def test_jsonl_line(tmp_path, line, reason, text):
    first = b'{"text": "first"}\n\n'
    path = write(tmp_path, "a.jsonl", first + line + b'\n{"text": "last"}')
    table = read(jsonl, path, max_line_bytes=150_000, carry={"n": "int64"})
    assert table["text"].to_pylist() == ["first", text, "last"]
    assert reasons(table) == [None, reason, None]
    assert table["record_offset"].to_pylist() == [0, len(first), len(first) + len(line) + 1]


def test_jsonl_columns(tmp_path):
    line = {
        "text": "t", "id": 12, "url": "http://a.com/", "date": "2020-01-02", "lang": "en", "score": 1,
        "tags": ["a", "b"], "ok": True,
    }  # fmt: skip
    path = write(tmp_path, "a.jsonl", b"\xef\xbb\xbf" + json.dumps(line).encode())
    carry = {"lang": "string", "score": "float64", "tags": "list<string>", "ok": "bool", "gone": "int64"}
    (row,) = read(jsonl, path, carry=carry).to_pylist()
    assert row == {
        "id": record_ids("jsonl", ["12"]).to_pylist()[0], "url": "http://a.com/",
        "date": datetime(2020, 1, 2, tzinfo=UTC), "record_file": "a.jsonl", "record_offset": 0, "text": "t",
        "lang": "en", "score": 1.0, "tags": ["a", "b"], "ok": True, "gone": None, "_row": 0,
        "drop_reason": None,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_jsonl_compressed(tmp_path, name):
    lines = b"".join(b'{"text": "%d"}\n' % i for i in range(5000))
    data = {"jsonl": bytes, "gz": gzip.compress, "zst": zstd}[name.rpartition(".")[2]](lines)
    table = read(jsonl, write(tmp_path, name, data))
    assert table["text"].to_pylist() == [str(i) for i in range(5000)]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_jsonl_cut(tmp_path, name):
    texts = [random.Random(i).randbytes(500).hex() for i in range(2000)]
    lines = [json.dumps({"text": text}).encode() + b"\n" for text in texts]
    data = {"gz": gzip.compress, "zst": zstd}[name.rpartition(".")[2]](b"".join(lines))
    table = read(jsonl, write(tmp_path, name, data[: len(data) * 3 // 4]))
    assert reasons(table).count("broken_record") == 1
    assert reasons(table)[-1] == "broken_record"
    assert table["text"].to_pylist()[:-1] == texts[: len(table) - 1]
    if name.endswith("gz"):  # all that can be had of it
        assert len(table) - 1 == zlib.decompressobj(31).decompress(data[: len(data) * 3 // 4]).count(b"\n")
    assert 500 < len(table) < 2000


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.jsonl.bz2"])
def test_a_failing_read_of_lines_is_not_damage(tmp_path, monkeypatch, name):
    lines = b"".join(b'{"text": "%s"}\n' % random.Random(i).randbytes(99).hex().encode() for i in range(2000))
    data = {"jsonl": bytes, "gz": gzip.compress, "zst": zstd, "bz2": bz2.compress}[name.rpartition(".")[2]](lines)
    monkeypatch.setattr(opening, "open_binary", failing(4))
    with pytest.raises(TaskError, match=f"{name} cannot be read: connection lost"):
        read(jsonl, write(tmp_path, name, data))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.json", b'[{"text": "a"}]', "JSON array"),
        ("a.jsonl.gz", gzip.compress(b'\n [{"text": "a"}]', mtime=0), "JSON array"),
        ("a.jsonl", b"PAR1xxxx", "use: parquet"),
    ],
)
def test_jsonl_check(tmp_path, name, data, message):
    with pytest.raises(ValueError, match=message):
        jsonl.check(str(write(tmp_path, name, data)), jsonl.params(paths="x"))


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1 << 20])
def test_bounded_lines(chunk):
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, chunk))

    lines = [b"", b"a", b"toolong", b"four", b"toolong", b"", b"end"]
    expected, offset = [], 0
    for line in lines:
        expected.append((offset, None if len(line) > 4 else line))
        offset += len(line) + 1
    assert list(bounded_lines(Slow(b"\n".join(lines)), 4)) == expected


# All sources


@pytest.mark.parametrize("source", ALL_SOURCES, ids=lambda source: source.name)
def test_documentation_names_everything(source):
    for heading in ("Source:", "Units:", "Params:", "Drops:", "Errors:"):
        assert heading in source.doc
    for name in (*source.params.model_fields, *source.drops):
        assert re.search(rf"\b{name}\b", source.doc), name


@pytest.mark.parametrize(
    ("source", "values"),
    [(warc, {}), (wet, {}), (parquet, {}), (jsonl, {})],
    ids=["warc", "wet", "parquet", "jsonl"],
)
def test_paths(source, values):
    assert source.paths(source.params(paths="a/*.gz", **values), Path()) == ["a/*.gz"]
    assert source.paths(source.params(paths=["a", "b"], **values), Path()) == ["a", "b"]


def test_record_digest_is_not_checked(tmp_path):
    digest = "sha1:" + base64.b32encode(b"0" * 20).decode()
    table = read(warc, write(tmp_path, "a.warc", record(WARC_Payload_Digest=digest)))
    assert reasons(table) == [None]


def superseded(folder, ids, name="a.parquet"):
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({"id": pa.array(ids, pa.string()), "step": pa.array(["urls"] * len(ids), pa.string())}), folder / name)
    return str(folder)


def test_parquet_leaves_out_what_lists_supersede(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    rng = random.Random(3)
    ids = [f"{rng.choice([rng.getrandbits(128), rng.getrandbits(8), rng.getrandbits(8) << 64]):032x}" for _ in range(3_000)]
    gone = rng.sample(ids, 900)
    lists = [superseded(tmp_path / "one", gone[:500]), superseded(tmp_path / "two", gone[400:], "b.parquet")]
    (tmp_path / "none").mkdir()
    path = parquet_file(tmp_path, {"text": [None, *["a"] * 2_999], "id": ids})
    for _ in range(2):  # made, then mapped
        table = read(parquet, path, superseded=[*lists, str(tmp_path / "none")])
        expected = ["superseded" if i in set(gone) else None for i in ids]
        assert table["drop_reason"].to_pylist() == ["no_text", *expected[1:]]
        assert len(list((tmp_path / "cache" / "superseded").iterdir())) == 1
    assert read(parquet, path, superseded=[str(tmp_path / "none")])["drop_reason"].null_count == 2_999
    superseded(tmp_path / "one", [])
    changed = read(parquet, path, superseded=[lists[0]])["drop_reason"].to_pylist()
    assert "superseded" not in changed, "a changed list is read anew"


def test_superseded_ids_where_no_cache_can_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "superseded").touch()
    path = parquet_file(tmp_path, {"text": ["a", "b"], "id": ["0" * 32, "F" * 32]})
    found = read(parquet, path, superseded=[superseded(tmp_path / "one", ["f" * 32, "f" * 32])])
    assert found["drop_reason"].to_pylist() == [None, "superseded"]


def test_superseded_lists_that_are_none(tmp_path):
    assert superseded_lists.check(Path(superseded(tmp_path / "good", ["0" * 32]))) == f"{tmp_path / 'good'} supersedes 1 documents"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").touch()
    with pytest.raises(ValueError, match="holds other things than Parquet files"):
        superseded_lists.check(tmp_path / "run")
    with pytest.raises(ValueError, match="no column 'id'; its columns are: n"):
        superseded_lists.check(parquet_file(tmp_path, {"n": [1]}))
    with pytest.raises(ValueError, match="not a readable Parquet file"):
        superseded_lists.check(tmp_path / "run" / "run.json")
    path = parquet_file(tmp_path, {"text": ["a"]})
    with pytest.raises(TaskError, match="an id is not a string of 32 hex digits"):
        read(parquet, path, superseded=[superseded(tmp_path / "bad", ["x"])])
