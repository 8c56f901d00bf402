"""The bytes of a run do not depend on who runs it."""

import pytest
from engine_kit import FULL, corpus, recipe, run, steps, tree


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
    assert len(tree(out, "outputs")) >= 2
    assert tree(out, "dropped")


def test_inline_twice(inline, tmp_path):
    file, out = inline
    run(file, tmp_path)
    assert tree(tmp_path) == tree(out)
