"""The bytes of a run do not depend on who runs it."""

import subprocess
import sys

import pytest
from engine_kit import FULL, ROOT, corpus, documents, environment, parquet, recipe, run, steps, tree

from curation.errors import RecipeError
from curation.executors import Options, start
from curation.sums import STATS_FILE


@pytest.fixture(scope="module")
def inline(tmp_path_factory):
    folder = corpus(tmp_path_factory.mktemp("same"))
    file = recipe(folder, FULL)
    run(file, folder / "inline")
    return file, folder / "inline"


def test_every_kind_of_step_does_something(inline):
    out = steps(inline[1])
    assert {s["kind"] for s in out.values()} == {"source", "row", "split", "global", "expand", "keep", "regroup", "shards"}
    assert all(out[name]["dropped"] for name in ("len", "twins", "rare", "first"))
    assert all(n > 0 for n in out["route"]["branches"].values())
    assert out["parts"]["created"] > out["parts"]["documents_in"]
    assert out["sites"]["merged"] > out["sites"]["created"] > 0


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_worker_counts_agree_with_inline(inline, tmp_path, workers):
    file, out = inline
    run(file, tmp_path, workers)
    assert tree(tmp_path, "outputs", "dropped", "failed", "shadows") == tree(out, "outputs", "dropped", "failed", "shadows")
    assert (tmp_path / STATS_FILE).read_bytes() == (out / STATS_FILE).read_bytes()
    assert len(tree(out, "outputs")) >= 2
    assert tree(out, "dropped")


def test_inline_twice(inline, tmp_path):
    file, out = inline
    run(file, tmp_path)
    assert tree(tmp_path) == tree(out)


@pytest.mark.parametrize("how", ["inline", "processes"])
def test_nothing_of_other_executors_is_imported_in_a_local_run(tmp_path, how):
    parquet(tmp_path / "crawl" / "0.parquet", documents(5))
    file = recipe(tmp_path, 'inputs: {docs: {use: parquet, paths: "crawl/*"}}')
    code = (
        "import sys; from curation.cli import app\n"
        f"app(['run', {str(file)!r}, '--out', {str(tmp_path / 'out')!r}, '-x', {how!r}], standalone_mode=False)\n"
        "print([m for m in sys.modules if m == 'ray' or m.startswith(('ray.', 'curation.executors.'))])"
    )
    said = subprocess.run([sys.executable, "-c", code], env=environment(), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(said.splitlines()[-1][1:-1].replace("'", "").split(", ")) == {
        "inline": {"curation.executors.inline"}, "processes": {"curation.executors.processes", "curation.executors.dispatch"}
    }[how]  # fmt: skip


def test_ray_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "curation.executors.ray", raising=False)
    with pytest.raises(RecipeError, match="-x ray needs the package ray"):
        start("ray", None, tmp_path, tmp_path, Options())
