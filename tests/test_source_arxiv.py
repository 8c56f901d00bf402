"""Reading arXiv's sources: bulk tars and single submissions, identifiers, damage, limits, the same rows every time; a run to text."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from datetime import UTC, datetime

import numpy as np
import pytest

from curation.errors import TaskError
from stages.sources.arxiv import arxiv, identifier
from tests.engine.engine_kit import recipe, rows, run
from tests.samples.arxiv import paper, submission
from tests.test_sources import read, reasons, write

PAPER = gzip.compress(paper("Text of \\x.", "\\def\\x{one}").encode(), mtime=0)
FOLDER = submission({"p.tex": paper("\\input{a}"), "a.tex": "Text of two."})
BULK = {
    "0704/0704.0001.gz": PAPER, "0704/0704.0002.gz": FOLDER, "0704/0704.0003.pdf": b"%PDF-1.4 figures", "0704/hep-th0704999": PAPER,
    "0704/README": b"words",
}  # fmt: skip


def bulk(files=BULK, more=()):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info in more:
            archive.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("0704/0704.0001.gz", ("0704.0001", "", "2007-04-01")),
        ("2101.12345v12.tar.gz", ("2101.12345", "v12", "2021-01-01")),
        ("0001/astro-ph0001001.gz", ("astro-ph/0001001", "", "2000-01-01")),
        ("hep-th/9901001v3", ("hep-th/9901001", "v3", "1999-01-01")),
        ("math.AG/0309136.gz", ("math/0309136", "", "2003-09-01")),
        ("math-ph0309136.gz", ("math-ph/0309136", "", "2003-09-01")),
        ("cs_9301111.tar.gz", ("cs/9301111", "", "1993-01-01")),
        ("0704/0704.0001/0704.0002.gz", ("0704.0002", "", "2007-04-01")),
        ("1313.00001.gz", None),
        ("arXiv_src_0704_001.tar", None),
        ("10704.00011.gz", None),
        ("2101.123456.gz", None),
        ("paper.tex", None),
    ],
)
def test_identifier(name, found):
    assert identifier(name) == found


def test_columns_of_a_bulk_tar(tmp_path):
    link = tarfile.TarInfo("0704/0704.9999.gz")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    folder = tarfile.TarInfo("0704")
    folder.type = tarfile.DIRTYPE
    table = read(arxiv, write(tmp_path, "arXiv_src_0704_001.tar", bulk(more=[folder, link])), "in/arXiv_src_0704_001.tar")
    assert table["arxiv_id"].to_pylist() == ["0704.0001", "0704.0002", "0704.0003", "hep-th/0704999", None]
    assert table["url"].to_pylist()[:2] == ["https://arxiv.org/abs/0704.0001", "https://arxiv.org/abs/0704.0002"]
    assert table["date"].to_pylist() == [*[datetime(2007, 4, 1, tzinfo=UTC)] * 4, None]
    assert table["content"].to_pylist() == [PAPER, FOLDER, None, PAPER, b"words"]
    assert reasons(table) == [None, None, "no_tex", None, None]
    assert table["_row"].to_pylist() == list(range(5))
    assert set(table["record_file"].to_pylist()) == {"in/arXiv_src_0704_001.tar"}
    assert len(set(table["id"].to_pylist())) == 5
    offsets = table["record_offset"].to_pylist()
    assert offsets == sorted(set(offsets))


@pytest.mark.parametrize("name", ["0704.0002.tar.gz", "0704.0002.gz", "0704.0002", "0704.0002.tar", "mine.tar.gz", "mine.tgz"])
def test_single_submission(tmp_path, name):
    (row,) = read(arxiv, write(tmp_path, name, FOLDER)).to_pylist()
    assert (row["content"], row["record_offset"]) == (FOLDER, 0)
    assert row["arxiv_id"] == (None if "mine" in name else "0704.0002")


def test_an_identifier_may_stand_in_the_folders(tmp_path):
    assert read(arxiv, write(tmp_path, "9901001.gz", PAPER), "hep-th/9901001.gz")["arxiv_id"].to_pylist() == ["hep-th/9901001"]


def test_the_id_is_the_papers_whatever_holds_it(tmp_path):
    one = read(arxiv, write(tmp_path, "0704.0001.gz", PAPER))["id"]
    assert one[0] == read(arxiv, write(tmp_path, "arXiv_src_x.tar", bulk()))["id"][0]
    assert one[0] != read(arxiv, write(tmp_path, "0704.0001v2.gz", PAPER))["id"][0]


def test_wanted_rows_alone_are_read(tmp_path):
    path = write(tmp_path, "arXiv_src_1.tar", bulk())
    whole, seen = read(arxiv, path), []
    some = read(arxiv, path, want=np.array([1, 3]), progress=seen.append)
    assert some.equals(whole.take([1, 3]))
    assert seen == [1, 3]
    assert read(arxiv, path, want=np.array([], np.int64)) is None
    assert read(arxiv, write(tmp_path, "0704.0001.gz", PAPER), want=np.array([], np.int64)) is None


def test_too_large(tmp_path):
    path = write(tmp_path, "arXiv_src_1.tar", bulk({"0704.0001": b"x" * 2000, "0704.0002": b"x" * 1000}))
    assert reasons(read(arxiv, path, max_submission_bytes=1000)) == ["too_large", None]
    path = write(tmp_path, "0704.0001.gz", b"x" * 1001)
    assert reasons(read(arxiv, path, max_submission_bytes=1000)) == ["too_large"]
    assert reasons(read(arxiv, path, max_submission_bytes=1001)) == [None]


def test_damage(tmp_path):
    data = bulk()
    assert reasons(read(arxiv, write(tmp_path, "arXiv_src_1.tar", data[:700])))[-1] == "broken_record"
    second = data.index(b"0704/0704.0002.gz")
    broken = data[:second] + b"\xff" * 100 + data[second + 100 :]
    found = read(arxiv, write(tmp_path, "arXiv_src_2.tar", broken))
    assert found["arxiv_id"].to_pylist() == ["0704.0001", None, "0704.0003", "hep-th/0704999", None]
    assert reasons(found) == [None, "broken_record", "no_tex", None, None]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(TaskError, match="cannot be opened"):
        read(arxiv, tmp_path / "0704.0001.gz")


def test_tables_are_bounded(tmp_path):
    """A tar of 100 MB takes the memory of a few tables."""
    content = np.random.default_rng(1).bytes(1 << 20)
    path = write(tmp_path, "arXiv_src_1.tar", bulk({f"0704.{n:04}": content for n in range(100)}))
    tracemalloc.start()
    try:
        rows = sum(len(table) for table in arxiv.read(str(path), "a.tar", "", arxiv.params(paths="x")))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert rows == 100


def test_declared_columns(tmp_path):
    params = arxiv.params(paths="x")
    (table,) = arxiv.read(str(write(tmp_path, "0704.0001.gz", PAPER)), "a", "", params)
    assert set(table.column_names) == {
        *("id", "url", "date", "record_file", "record_offset"), *arxiv.columns(params, None), "_row", "drop_reason",
    }  # fmt: skip
    for heading in ("Source:", "Units:", "Params:", "Drops:", "Errors:", *arxiv.params.model_fields, *arxiv.drops):
        assert heading in arxiv.doc


RECIPE = """
inputs: {papers: {use: arxiv, paths: "*.tar"}}
steps: {text: {use: clean_latex}}
outputs: {final: {use: shards}}
"""


def test_run(tmp_path):
    """Submissions to texts by the engine, every one counted."""
    write(tmp_path, "arXiv_src_0704_001.tar", bulk())
    out = tmp_path / "out"
    run(recipe(tmp_path, RECIPE), out)
    found = {row["arxiv_id"]: row["text"] for row in rows(out, "outputs")}
    one, two = "\\section{S}\nText of one.", "\\section{S}\nText of two."
    assert found == {"0704.0001": one, "0704.0002": two, "hep-th/0704999": one}
    assert sorted(row["drop_reason"] for row in rows(out, "dropped")) == ["no_tex", "no_tex"]
    assert "content" not in rows(out, "outputs")[0]
