"""join_repository, and a whole pipeline of code: archives, Parquet and JSONL of files to joined repositories."""

import io
import json
import random
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.stage import Batch
from stages.github.join_repository import SEPARATOR, join_repository
from tests.engine.engine_kit import recipe, rows, run, steps
from tests.samples.github import FILES


def joined(files, size=None, **values):
    """Documents made of files (path, text, archive, language, licence)."""
    params = join_repository.params(**values)
    paths, texts, archives, names, licences = zip(*files, strict=True)
    table = pa.table(
        {
            "id": [f"{n}" for n in range(len(files))],
            "text": pa.array(texts, pa.large_string()),
            "path": pa.array(paths, pa.string()),
            "archive": pa.array(archives, pa.string()),
            "code_language": pa.array(names, pa.string()),
            "licence": pa.array(licences, pa.string()),
        }
    )
    key = pa.array(join_repository.emit(Batch(table), params).key)
    keyed = table.add_column(0, "key", key).sort_by("key")
    return join_repository.merge(keyed, params).to_pylist()


def file(path, text="x\n", archive="a", name="Python", licence="MIT"):
    return path, text, archive, name, licence


def test_order_and_paths():
    """A folder's files, then its folders; above each its path, but where a first line must stay first or the language has no comments."""
    files = [
        file("r/b/z.py"),
        file("r/z.py"),
        file("r/a/q.json", "{}\n", name="JSON"),
        file("r/a.py", "#!/usr/bin/python\n"),
        file("r/b.py/x.css", name="CSS"),
    ]
    (document,) = joined(files)
    assert document["text"] == SEPARATOR.join(["#!/usr/bin/python", "# r/z.py\nx", "{}", "# r/b/z.py\nx", "/* r/b.py/x.css */\nx"])
    assert document["parent_ids"] == ["3", "1", "2", "0", "4"]
    assert document["file_count"] == 5
    (document,) = joined(files, path_comments=False)
    assert "z.py" not in document["text"]


@pytest.mark.parametrize(
    ("path", "text", "name", "above"),
    [
        ("r/a.py", "#!/bin/x", "Python", ""), ("r/a.xml", "<?xml?>", "XML", ""), ("r/a.html", "<!DOCTYPE html>", "HTML", ""),
        ("r/a\nimport b.py", "x", "Python", "# r/a import b.py\n"), ("r/a\u2028b.py", "x", "Python", "# r/a b.py\n"),
        (None, "x", "Python", ""), ("", "x", "Python", ""), ("r/a", "x", None, ""), ("r/a", "x", "no such", ""),
        ("r/a.py", None, "Python", "# r/a.py\n"), ("r/a.json", "{}", "JSON", ""),
    ],
)  # fmt: skip
def test_the_path_above_a_file_is_one_comment(path, text, name, above):
    (document,) = joined([file(path, text, name=name)])
    assert document["text"] == above + (text or "")


def test_files_of_one_path_keep_their_order():
    (document,) = joined([file("r/a.py", f"{n}") for n in range(9)])
    assert document["parent_ids"] == [f"{n}" for n in range(9)]


def test_shared_columns_stay():
    (document,) = joined([file("r/a.py"), file("r/b.c", name="C", licence="BSD-2-Clause"), file("r/c.c", name="C", licence=None)])
    assert (document["archive"], document["code_language"], document["licence"]) == ("a", None, "BSD-2-Clause AND MIT")


def test_repositories():
    """An archive each; files in none by their first folder."""
    files = [
        file("r/a.py"),
        file("r/b.py", archive="b"),
        file("r/c.py", archive=None),
        file("q/d.py", archive=None),
        file("r/x/e.py", archive=None),
        file("r/d.py"),
    ]
    assert sorted(document["parent_ids"] for document in joined(files)) == [["0", "5"], ["1"], ["2", "4"], ["3"]]
    deep = [file("r/a/x.py"), file("r/b/x.py"), file("r/a/c/x.py"), file("r/x.py")]
    assert sorted(document["parent_ids"] for document in joined(deep, folders=2)) == [["0", "2"], ["1"], ["3"]]


PATHS = st.sampled_from(["r/a", "r/b/c", "q/a", "q/中中", "r", ""])


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(
    st.lists(st.tuples(PATHS, st.text("ab\n中", max_size=40)), min_size=1, max_size=12),
    st.integers(1, 90),
    st.booleans(),
)
def test_each_file_is_in_one_document_of_bounded_size(files, max_bytes, path_comments):
    """None of which could have held the next one's first file, too."""
    made = joined([file(path, text) for path, text in files], max_bytes=max_bytes, path_comments=path_comments)
    assert sorted(int(n) for document in made for n in document["parent_ids"]) == list(range(len(files)))
    starts = []
    for document in made:
        assert len(document["text"].encode()) <= max_bytes or document["file_count"] == 1
        above = [f"# {files[int(n)][0]}\n" if path_comments and files[int(n)][0] else "" for n in document["parent_ids"]]
        texts = [files[int(n)][1].rstrip("\n") for n in document["parent_ids"]]
        assert document["text"] == SEPARATOR.join(a + t for a, t in zip(above, texts, strict=True))
        starts.append(above[0] + texts[0])
    for document, start in zip(made, starts[1:], strict=False):
        assert len((document["text"] + SEPARATOR + start).encode()) > max_bytes


PIPELINE = """
inputs:
  archives: {use: files, paths: "archives/*"}
  github:
    use: parquet
    paths: "stack/*.parquet"
    text: content
    carry: [max_stars_repo_path, max_stars_repo_name, max_stars_repo_licenses]
steps:
  decoded:  {use: decode_code, needs: archives}
  licensed: {use: file_licence}
  named:    {use: code_language, kinds: [code]}
  written:  {use: code_file_quality}
  bare:     {use: remove_licence_header}
  found:    {use: find_pii}
  redacted: {use: redact_pii, email: tag}
  secret:   {use: redact_secrets}
  once:     {use: dedup_exact}
  near:     {use: dedup_minhash}
  whole:    {use: join_repository}
  slicensed:
    use: file_licence
    needs: github
    path: max_stars_repo_path
    repository: max_stars_repo_name
    declared: max_stars_repo_licenses
  snamed:   {use: code_language, path: max_stars_repo_path}
  swritten: {use: code_file_quality, path: max_stars_repo_path}
  swhole:   {use: join_repository, path: max_stars_repo_path, repository: max_stars_repo_name}
outputs:
  code:  {use: shards, needs: whole}
  stack: {use: shards, needs: swhole}
"""


MAIL = '# Write to a.writer@real-host.org\ntoken = "k3J9xQ2mZ7wL5vT8"\n'


def archive(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files:
            content = text if isinstance(text, bytes) else text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def program(seed, lines=60):
    rng = random.Random(seed)
    return "".join(
        f"def {''.join(rng.choices('abcdefgh', k=8))}({rng.choice('xyz')}):\n    return {rng.randrange(10**6)}\n" for _ in range(lines)
    )


def test_a_pipeline_of_code(tmp_path):
    """What is binary, unlicensed, vendored, generated or a copy in a tarball goes, each with its reason; the rest is one document."""
    (tmp_path / "archives").mkdir()
    near = program(1) + "def one_more(x):\n    return 1\n"
    files = [
        *FILES[:6],
        ("a/logo.png", b"\x89PNG\r\n\x1a\n" + bytes(99)),
        ("a/mail.py", MAIL + program(3)),
        ("a/first.py", program(1)),
        ("a/near.py", near),
        ("a/copy.py", MAIL + program(3)),
    ]
    archive(tmp_path / "archives" / "a-1.0.tar.gz", files)
    archive(tmp_path / "archives" / "b-1.0.tar.gz", [("b/x.py", program(9))])
    stack = pa.table(
        {
            "content": [program(5), program(6), program(7)],
            "max_stars_repo_path": ["x/a.py", "b.py", "c.py"],
            "max_stars_repo_name": ["o/r", "o/r", "o/q"],
            "max_stars_repo_licenses": pa.array([["MIT"], ["Apache-2.0"], ["MIT", "GPL-3.0"]], pa.list_(pa.string())),
        }
    )
    (tmp_path / "stack").mkdir()
    pq.write_table(stack, tmp_path / "stack" / "0.parquet")
    run(recipe(tmp_path, PIPELINE), tmp_path / "out")
    dropped = {name: step["dropped"] for name, step in steps(tmp_path / "out").items() if step["dropped"]}
    assert dropped == {
        "decoded": {"binary": 1},
        "licensed": {"licence_unknown": 1},
        "named": {"other_language": 1},
        "written": {"generated": 1, "vendored": 1},
        "once": {"exact_duplicate": 2},
        "near": {"near_duplicate": 1},
        "slicensed": {"licence_not_allowed": 1},
    }
    (whole,) = rows(tmp_path / "out", "outputs", "code")
    assert whole["archive"] == "a-1.0.tar.gz"
    assert whole["licence"] == "MIT"
    assert whole["file_count"] == 4
    assert '.py\n# Write to <EMAIL>\ntoken = "<SECRET>"\n' in whole["text"]
    assert whole["text"].count("def area") == 1  # without their notices setup.py and area.py are copies
    assert "A. Writer" not in whole["text"]
    (other,) = rows(tmp_path / "out", "outputs", "stack")
    assert (other["max_stars_repo_name"], other["licence"], other["file_count"]) == ("o/r", "Apache-2.0 AND MIT", 2)


JSONL = """
inputs:
  stack:
    use: jsonl
    paths: stack.jsonl
    text: content
    carry: {max_stars_repo_path: string, max_stars_repo_name: string, max_stars_repo_licenses: "list<string>"}
  tables: {use: jsonl, paths: tables.jsonl, text: content, carry: {path: string, repo_name: string, license: string}}
steps:
  licensed: {use: file_licence, needs: stack, path: max_stars_repo_path, repository: max_stars_repo_name, declared: max_stars_repo_licenses}
  others:   {use: file_licence, needs: tables, repository: repo_name, declared: license}
outputs:
  of_lists: {use: shards, needs: licensed}
  of_texts: {use: shards, needs: others}
"""


def test_lines_of_the_stack_and_of_bigquery(tmp_path):
    """Columns of either name; a licence in a list, or as a text."""
    for name, columns, licences in (
        ("stack", ("max_stars_repo_path", "max_stars_repo_name", "max_stars_repo_licenses"), (["MIT"], ["GPL-3.0"], [])),
        ("tables", ("path", "repo_name", "license"), ("mit", "gpl-3.0", None)),
    ):
        lines = [dict(zip(("content", *columns), (program(n), f"{n}.py", "o/r", of), strict=True)) for n, of in enumerate(licences)]
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    run(recipe(tmp_path, JSONL), tmp_path / "out")
    for step, output in (("licensed", "of_lists"), ("others", "of_texts")):
        assert steps(tmp_path / "out")[step]["dropped"] == {"licence_not_allowed": 1, "licence_unknown": 1}
        assert [row["licence"] for row in rows(tmp_path / "out", "outputs", output)] == ["MIT"]
