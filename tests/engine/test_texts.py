"""Text is written where it changes, not again by each pass that only takes documents away."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from engine_kit import documents, jsonl, parquet, ran, recipe, rows, run, steps, tree

from curation import tasks
from curation.errors import AccountError
from curation.tasks import emit, reading, texts

CHAIN = """
inputs: {{docs: {{use: parquet, paths: "crawl/*", carry: [score]{0}}}}}
steps:
  twins: {{use: first_of_text{0}}}
  like:  {{use: same_opening{0}}}
  rare:  {{use: rare_domains, limit: 2}}
  loud:  {{use: shout}}
settings: {{shadow: 0.5}}
"""
WRITTEN = ", checkpoint: true"
"""A pass that is told to writes everything."""
LEFT = ("docs", "twins", "like")


def corpus(folder, n=200):
    for i in range(3):
        parquet(folder / "crawl" / f"{i}.parquet", documents(n, seed=i, urls=12), row_group_size=37)


def columns(out, port):
    return {name for file in (out / "work").glob(f"*-*/{port}/*.parquet") for name in pq.read_schema(file).names}


def by_id(found):
    return sorted(found, key=lambda row: (row["id"], row.get("step") or ""))


def test_text_that_stays_where_it_is_gives_the_same_documents(tmp_path):
    corpus(tmp_path)
    run(recipe(tmp_path, CHAIN.format("")), tmp_path / "left")
    run(recipe(tmp_path, CHAIN.format(WRITTEN), name="written"), tmp_path / "written")
    for port in LEFT:
        assert "_text" in columns(tmp_path / "left", port)
        assert "text" not in columns(tmp_path / "left", port)
        assert "text" in columns(tmp_path / "left", f"{port}.shadow") or port == "docs"
        assert "text" in columns(tmp_path / "written", port)
    for folder in ("outputs", "dropped", "shadows"):
        assert by_id(rows(tmp_path / "left", folder)) == by_id(rows(tmp_path / "written", folder))
    assert len(rows(tmp_path / "left", "outputs")) > 100
    assert {r["step"] for r in rows(tmp_path / "left", "dropped")} == {"twins", "like", "rare"}
    for name, facts in steps(tmp_path / "left").items():
        assert facts["bytes_in"] == steps(tmp_path / "written")[name]["bytes_in"]


def test_workers_leave_it_too(tmp_path):
    corpus(tmp_path, 50)
    file = recipe(tmp_path, CHAIN.format(""))
    run(file, tmp_path / "here")
    run(file, tmp_path / "there", workers=2)
    assert tree(tmp_path / "here") == tree(tmp_path / "there")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param('inputs: {a: {use: jsonl, paths: "*.jsonl"}}\nsteps: {twins: {use: first_of_text}}', ["a", "twins"], id="lines"),
        pytest.param('inputs: {a: {use: parquet, paths: "*.parquet"}}\nsteps: {twins: {use: first_of_text}}', ["twins"], id="to outputs"),
        pytest.param(
            'inputs: {a: {use: parquet, paths: "*.parquet"}}\nsteps: {len: {use: measure}, twins: {use: first_of_text}}',
            ["len", "twins"], id="behind a row stage",
        ),
        pytest.param(
            'inputs: {a: {use: parquet, paths: "*.parquet"}, b: {use: jsonl, paths: "*.jsonl"}}\n'
            "steps: {twins: {use: first_of_text, needs: [a, b]}, sites: {use: by_domain}}",
            ["b", "sites"], id="two inputs, groups",
        ),
    ],
)  # fmt: skip
def test_what_is_written(tmp_path, text, written):
    parquet(tmp_path / "1.parquet", documents(60))
    jsonl(tmp_path / "2.jsonl", documents(60, seed=1))
    run(recipe(tmp_path, text), tmp_path / "out")
    ports = {p.parent.name for p in (tmp_path / "out" / "work").glob("*/*/*.parquet")} & {"a", "b", "len", "twins", "sites"}
    assert {port for port in ports if "text" in columns(tmp_path / "out", port)} == set(written)
    made = rows(tmp_path / "out", "outputs")
    given = {d["text"] for d in [*documents(60), *documents(60, seed=1)]}
    assert made
    if written[-1] != "sites":
        assert {row["text"] for row in made} <= given
    else:
        assert {line for row in made for line in row["text"].splitlines()} <= {line for t in given for line in t.splitlines()}


@pytest.mark.parametrize("call", [(tasks.EmitTask, "twins"), (tasks.RowTask, "twins"), (tasks.EmitTask, "rare")])
def test_an_input_that_changes_meanwhile_is_noticed(tmp_path, monkeypatch, call):
    kind, step = call
    corpus(tmp_path, 30)
    work = kind.run

    def changed(task):
        if task.task.get("step", task.task.get("pass")) == step:
            for i in range(3):
                parquet(tmp_path / "crawl" / f"{i}.parquet", [{**d, "text": d["text"] + "!"} for d in documents(30, seed=i, urls=12)])
        work(task)

    monkeypatch.setattr(kind, "run", changed)
    with pytest.raises(AccountError, match=r"crawl/\d.parquet has changed since its documents were read"):
        run(recipe(tmp_path, CHAIN.format("")), tmp_path / "out")


def test_an_input_that_changes_while_it_is_read_is_noticed(tmp_path, monkeypatch):
    corpus(tmp_path, 30)
    through = tasks.RowTask._through

    def changed(task, *arguments):
        if task.pass_.name == "docs":
            for i in range(3):
                parquet(tmp_path / "crawl" / f"{i}.parquet", documents(31, seed=i))
        through(task, *arguments)

    monkeypatch.setattr(tasks.RowTask, "_through", changed)
    with pytest.raises(AccountError, match="docs: an input changed while it was read"):
        run(recipe(tmp_path, CHAIN.format("")), tmp_path / "out")


def test_a_shard_that_has_the_text_must_be_there(tmp_path, monkeypatch):
    for i in range(2):
        jsonl(tmp_path / f"{i}.jsonl", documents(60, seed=i))
    text = 'inputs: {a: {use: jsonl, paths: "*.jsonl"}}\nsteps: {twins: {use: first_of_text}, like: {use: same_opening}}'
    work = tasks.EmitTask.run

    def without(task):
        if task.task["step"] == "like":
            for file in (tmp_path / "out" / "work").glob("a-*/a/*.parquet"):
                file.unlink()
        work(task)

    monkeypatch.setattr(tasks.EmitTask, "run", without)
    with pytest.raises(AccountError, match=r"a-.*parquet is gone: rows are lost"):
        run(recipe(tmp_path, text), tmp_path / "out")


def test_what_is_read_along_comes_in_pieces(tmp_path, monkeypatch):
    """Rows without their text are few bytes: a group of them may have the text of 8,192 books."""
    corpus(tmp_path)
    pieces = []

    def noted(task, tables, shard):
        for table in texts.with_text(task, tables, shard):
            if "texts" in shard:
                pieces.append((table.num_rows, table["text"].nbytes))
            yield table

    run(recipe(tmp_path, CHAIN.format("")), tmp_path / "whole")
    monkeypatch.setattr(texts, "BATCH_BYTES", 5_000)
    for module in (emit, reading):
        monkeypatch.setattr(module, "with_text", noted)
    run(recipe(tmp_path, CHAIN.format("")), tmp_path / "pieces")
    assert max(size for _, size in pieces) < 5_000 + 20_000, "and a batch of the file"
    assert min(n for n, _ in pieces) > 0
    assert len(pieces) > 20
    assert tree(tmp_path / "pieces") == tree(tmp_path / "whole")


def test_a_shard_counts_the_text_that_stays_where_it_is(tmp_path):
    corpus(tmp_path)
    left, written = (run(recipe(tmp_path, text), tmp_path / "out").shards for text in (CHAIN.format(""), CHAIN.format(WRITTEN)))
    for port, shards in left.items():
        assert sum(s.bytes for s in shards) >= sum(s.bytes for s in written[port]) > 2_000


def test_a_local_file_beside_a_remote_one(tmp_path):
    """The text of a remote file is not read twice, nor is the footer of one."""
    corpus(tmp_path)
    (tmp_path / "far").mkdir()
    (tmp_path / "crawl" / "2.parquet").rename(tmp_path / "far" / "2.parquet")
    text = CHAIN.format("").replace('"crawl/*"', f'["crawl/*", "file://{tmp_path}/far/2.parquet"]')
    run(recipe(tmp_path, text), tmp_path / "out")
    assert "text" in columns(tmp_path / "out", "docs")
    assert len(rows(tmp_path / "out", "outputs")) > 100


@pytest.mark.parametrize("hurt", ["gone", "damaged"])
def test_an_input_that_cannot_be_read_again_is_named(tmp_path, monkeypatch, hurt):
    corpus(tmp_path, 30)
    file, work = tmp_path / "crawl" / "0.parquet", tasks.EmitTask.run

    def without(task):
        if hurt == "gone":
            file.unlink(missing_ok=True)
        elif file.exists():
            data = file.read_bytes()
            file.write_bytes(b"PAR1" + b"\xff" * (len(data) // 2) + data[4 + len(data) // 2 :])
        work(task)

    monkeypatch.setattr(tasks.EmitTask, "run", without)
    with pytest.raises(AccountError, match=r"crawl/0.parquet cannot be read again"):
        run(recipe(tmp_path, CHAIN.format("")), tmp_path / "out")


def test_an_output_that_is_added_runs_no_step_again(tmp_path):
    corpus(tmp_path, 60)
    run(recipe(tmp_path, CHAIN.format("")), tmp_path / "out")
    ports = {"all": "loud", "read": "docs", "once": "twins"}
    more = CHAIN.format("") + "outputs:\n" + "".join(f"  {name}: {{use: shards, needs: {port}}}\n" for name, port in ports.items())
    assert ran(run(recipe(tmp_path, more), tmp_path / "out")).keys() == {"outputs.all", "outputs.read", "outputs.once"}
    given = {d["text"] for i in range(3) for d in documents(60, seed=i, urls=12)}
    assert {row["text"] for row in rows(tmp_path / "out", "outputs", "once")} == given
    assert len(rows(tmp_path / "out", "outputs", "once")) == len(given)
    assert len(rows(tmp_path / "out", "outputs", "read")) == steps(tmp_path / "out")["docs"]["kept"]


def test_a_row_does_not_hold_the_batch_it_came_from():
    """One document of each batch is kept, say: then pieces of the kept ones must not keep all batches in memory."""
    batch = pa.array(["x" * 1_000] * 1_000, pa.large_string())
    assert texts._rows_of(batch, np.array([500])).get_total_buffer_size() < 10_000
    most = texts._rows_of(batch, np.arange(100, 900))
    assert most.buffers()[2].address == batch.buffers()[2].address, "most of a batch is not copied"
