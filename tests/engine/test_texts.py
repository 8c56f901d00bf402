"""Text is written where it changes, not again by each pass that only takes documents away."""

import pyarrow.parquet as pq
import pytest
from engine_kit import documents, jsonl, parquet, recipe, rows, run, steps, tree

from curation import tasks
from curation.errors import AccountError

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
