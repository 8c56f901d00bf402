"""The source `files`: folders, archives and plain files; what is taken, what is dropped, and the same rows every time."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pydantic import ValidationError

from curation import assets
from stages.sources.files import files
from tests.engine import engine_kit

TEXTS = {"a.txt": b"alpha", "deep/b.TXT": b"beta", "deep/c.bin": b"\0\1"}


def tar(texts=TEXTS):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in texts.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_700_000_000
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zipped(texts=TEXTS):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in texts.items():
            archive.writestr(name, content)
    return out.getvalue()


def read(path, relative=None, want=None, progress=None, **params):
    tables = list(files.read(str(path), relative or path.name, "", files.Params(paths="x", **params), want, progress))
    return pa.concat_tables(tables).to_pylist() if tables else []


def columns(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_every_column(tmp_path):
    path = write(tmp_path / "x.tar.gz", gzip.compress(tar(), mtime=0))
    (table,) = files.read(str(path), "in/x.tar.gz", "", files.Params(paths="x"))
    core = {"id", "url", "date", "record_file", "record_offset", "_row", "drop_reason"}
    assert set(table.column_names) == core | set(files.columns(None, None))
    for name, kind in files.columns(None, None).items():
        assert table.schema.field(name).type == getattr(kind, "type", kind)
    row = table.to_pylist()[1]
    assert row.pop("id") == table["id"][1].as_py()
    assert row == {
        "url": None, "date": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), "record_file": "in/x.tar.gz", "record_offset": 1024,
        "content": b"beta", "path": "deep/b.TXT", "archive": "in/x.tar.gz", "file_bytes": 4, "_row": 1, "drop_reason": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("in/a.txt", b"alpha", ("in/a.txt", None)),
        ("in/a.txt.gz", gzip.compress(b"alpha"), ("in/a.txt", None)),
        ("in/a.zip", zipped({"in/a.txt": b"alpha"}), ("in/a.txt", "in/a.zip")),
        ("../in/../a.txt", b"alpha", ("in/a.txt", None)),
    ],
)
def test_paths_of_a_file_and_of_its_archive(tmp_path, name, data, expected):
    path = write(tmp_path / "x", data)
    assert columns(read(path, name), "path", "archive", "content") == [(*expected, b"alpha")]


def test_ids_name_the_record(tmp_path):
    path = write(tmp_path / "x.tar", tar())
    ids = [row["id"] for row in read(path, "x.tar")]
    assert len(set(ids)) == 3
    assert ids == [row["id"] for row in read(path, "x.tar", only=["*"])]
    assert not set(ids) & {row["id"] for row in read(path, "y.tar")}
    assert read(path, "x.tar", only=["b.txt"])[0]["id"] == ids[1]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ([], ["a.txt", "deep/b.TXT", "deep/c.bin"]), (["*.txt"], ["a.txt", "deep/b.TXT"]), (["a*", "c.*"], ["a.txt", "deep/c.bin"]),
        (["deep/*"], ["deep/b.TXT", "deep/c.bin"]), (["d*"], []), (["DEEP/?.bin"], ["deep/c.bin"]), (["[!a].txt"], ["deep/b.TXT"]),
    ],
)  # fmt: skip
def test_only(tmp_path, only, expected):
    for path in (write(tmp_path / "x.tar", tar()), write(tmp_path / "x.zip", zipped())):
        rows = read(path, only=only)
        assert [row["path"] for row in rows] == expected
        assert [row["_row"] for row in rows] == list(range(len(rows)))
    assert len(read(write(tmp_path / "a.txt.gz", gzip.compress(b"1")), only=["*.txt"])) == 1
    assert read(write(tmp_path / "a.txt.gz", gzip.compress(b"1")), only=["*.gz"]) == []


def test_a_pattern_of_many_stars_is_quick(tmp_path):
    path = write(tmp_path / "x.zip", zipped({"a" * 1000: b"1"}))
    assert read(path, only=["*a" * 30 + "b"]) == []


DAMAGED = {
    "x.tar.gz": gzip.compress(tar(), mtime=0)[:-20], "x.tar": tar()[:1200], "x.zip": zipped()[:-40], "y.zip": b"no zip", "y.gz": b"no gzip",
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_has_its_reason_and_whatever_is_wanted_the_same_number(tmp_path, name):
    path = write(tmp_path / name, DAMAGED[name])
    rows = read(path)
    assert [row["drop_reason"] for row in rows][-1] == "broken_record"
    assert {row["drop_reason"] for row in rows[:-1]} <= {None}
    seen = []
    for row in rows:
        assert read(path, want=[row["_row"]], progress=seen.append) == [row]
    assert seen == [row["_row"] for row in rows]
    assert read(path, want=[]) == []


def test_a_folder_is_all_below_it_whatever_its_name(tmp_path):
    for name in ("data", "data[1]*"):
        write(tmp_path / name / "deep" / "a.txt", b"1")
        (pattern,) = files.paths(files.Params(paths=f"{name}/"), tmp_path)
        assert assets.find([pattern], tmp_path) == [(str(tmp_path / name / "deep" / "a.txt"), "deep/a.txt")]
    assert files.paths(files.Params(paths=["*.zip", "s3://bucket/a", "none"]), tmp_path) == ["*.zip", "s3://bucket/a", "none"]


def found(paths, folder):
    paths = files.paths(files.Params(paths=paths), folder)
    return [relative for _, relative in assets.find(paths, folder, leave_root=files.links_leave_root)]


def test_links_out_of_the_folder_are_no_documents(tmp_path):
    write(tmp_path / "secret.txt", b"secret")
    write(tmp_path / "data" / "deep" / "a.txt", b"1")
    write(tmp_path / "data" / ".hidden" / "b.txt", b"2")
    for link, target in {
        "out.txt": tmp_path / "secret.txt", "deep/up.txt": "../../secret.txt", "folder": "..", "none": "nowhere",
        "in.txt": "deep/a.txt", "deep/blob.txt": "../.hidden/b.txt", "chain.txt": "out.txt", "same": "deep",
    }.items():  # fmt: skip
        (tmp_path / "data" / link).symlink_to(target)
    inside = ["deep/a.txt", "deep/blob.txt", "in.txt"]
    for pattern in ("data", "data/**/*.txt", "data/**", f"{tmp_path}/data/**/**"):
        assert found(pattern, tmp_path) == inside
    assert found("data/*.txt", tmp_path) == ["in.txt"]
    assert found("data/*/*.txt", tmp_path) == ["deep/a.txt", "deep/blob.txt", "same/a.txt", "same/blob.txt"]
    assert found("data/out.txt", tmp_path) == ["out.txt"]
    assert found("**/*.txt", tmp_path)[-1] == "secret.txt"
    (tmp_path / "linked").symlink_to("data")
    assert found("linked", tmp_path) == inside
    with pytest.raises(FileNotFoundError, match="links out of"):
        found("data/out*", tmp_path)
    assert assets.find(["data/out*"], tmp_path) == [(str(tmp_path / "data" / "out.txt"), "out.txt")]


def test_files_of_one_name_in_two_folders_have_two_paths(tmp_path):
    for name in ("one/x/README", "two/x/README", "two/x/b"):
        write(tmp_path / name, b"1")
    assert found(["one/x", "two/x"], tmp_path) == ["one/x/README", "two/x/README", "two/x/b"]
    assert found(["one/x/README", "two/x/b", "two/x"], tmp_path) == ["one/x/README", "two/x/README", "two/x/b"]
    assert found(["one/x/README", "two/x/b"], tmp_path) == ["README", "b"]
    assert found(["one/x", "one/x/README"], tmp_path) == ["README"]


def test_a_folder_of_links_to_itself_ends(tmp_path):
    write(tmp_path / "data" / "a.txt", b"1")
    for name in "bcd":
        (tmp_path / "data" / name).symlink_to(".")
    assert found("data", tmp_path) == found("data/**/*.txt", tmp_path) == ["a.txt"]


def test_limits(tmp_path):
    path = write(tmp_path / "x.tar", tar({"a": b"1" * 100, "b": b"1" * 101, "c": b"1"}))
    assert columns(read(path, max_file_bytes=100), "path", "drop_reason", "file_bytes") == [
        ("a", None, 100), ("b", "too_large", None), ("c", None, 1),
    ]  # fmt: skip
    assert columns(read(path, max_members=1), "path", "drop_reason") == [("a", None), (None, "too_large")]
    for key in ("max_file_bytes", "max_members", "max_ratio"):
        with pytest.raises(ValidationError, match=key):
            files.Params(paths="x", **{key: 0})


STAGES = """
import pyarrow as pa
import pyarrow.compute as pc

from curation.stage import stage


@stage(reads=["content"], writes={"text": pa.large_string()})
def as_text(batch, params):
    return {"text": batch["content"].cast(pa.large_string())}


@stage(reads=["content"], writes={"length": pa.int64()})
def length(batch, params):
    return {"length": pc.binary_length(batch["content"]).cast(pa.int64())}
"""
RECIPE = """
name: folder
plugins: [stages.py]
inputs:
  docs: {use: files, paths: "data"}
steps:
  as_text: {use: as_text}
  twins: {use: dedup_exact, max_drop_share: 1}
  length: {use: length}
outputs:
  final: {use: shards}
"""


def test_a_run_over_a_folder_reads_contents_again_and_balances(tmp_path):
    data = tmp_path / "data"
    write(data / "plain.txt", b"plain")
    write(data / "deep" / "x.tar.gz", gzip.compress(tar(), mtime=0))
    write(data / "deep" / "cut.tar", tar({"d.txt": b"alpha", "e.txt": b"12"})[:1537])
    write(data / ".git" / "hidden.txt", b"hidden")
    (tmp_path / "stages.py").write_text(STAGES)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    engine_kit.run(tmp_path / "recipe.yaml", tmp_path / "out")
    rows = engine_kit.rows(tmp_path / "out", "outputs")
    assert sorted((r["archive"] or "", r["path"], r["length"], r["file_bytes"]) for r in rows if r["text"] != "alpha") == [
        ("", "plain.txt", 5, 5), ("deep/x.tar.gz", "deep/b.TXT", 4, 4), ("deep/x.tar.gz", "deep/c.bin", 2, 2),
    ]  # fmt: skip
    assert [r["length"] for r in rows if r["text"] == "alpha"] == [5]
    assert "content" not in rows[0]
    steps = engine_kit.steps(tmp_path / "out")
    assert (steps["docs"]["documents_in"], steps["docs"]["dropped"]) == (6, {"broken_record": 1})
