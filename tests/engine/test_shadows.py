"""Dropped documents of the sample go on through the row stages of their path, for metrics alone."""

import pytest
from engine_kit import documents, ids, parquet, recipe, rows, run, steps

from curation.tasks.fates import hash_share

TEXT = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet", carry: [score]}}
steps:
  len:   {use: measure, limit: 60}
  route: {use: split, to: {rich: "score is not null and score >= 0.5"}, else: poor}
  fine:  {use: poison, needs: route.rich, hurt: false}
  long:  {use: keep, where: "length > 100"}
  twins: {use: first_of_text, needs: [long, route.poor]}
  rich:  {use: keep, where: "score is not null and score > 0.2"}
  late:  {use: poison_vector, hurt: false}
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shadow")
    for i in range(2):
        parquet(folder / "crawl" / f"{i}.parquet", documents(300, seed=i))
    file = recipe(folder, TEXT)
    for share in (0, 0.3, 1):
        run(file, folder / f"out-{share}", overrides={"settings.shadow": share})
    run(file, folder / "annotated", annotate=True)
    return file, folder


def test_outputs_do_not_depend_on_the_rate(corpus):
    _, folder = corpus
    for label in ("outputs", "dropped"):
        found = [sorted(map(repr, rows(folder / f"out-{share}", label))) for share in (0, 0.3, 1)]
        assert found[0] == found[1] == found[2] != []
    counts = [{n: (s["documents_in"], s["kept"], s["dropped"]) for n, s in steps(folder / f"out-{share}").items()} for share in (0, 0.3, 1)]
    assert counts[0] == counts[1] == counts[2]


def test_no_shadow_is_ever_output(corpus):
    _, folder = corpus
    for share in (0.3, 1):
        out = folder / f"out-{share}"
        assert not {r["id"] for r in rows(out, "shadows")} & set(ids(out, "outputs"))
        assert all("shadow_step" not in r for r in rows(out, "outputs"))


@pytest.mark.parametrize("run_name", ["out-1", "annotated"])
def test_every_dropped_document_goes_on(corpus, run_name):
    _, folder = corpus
    out = folder / run_name
    dropped = {r["id"]: r for r in rows(out, "dropped")}
    shadows = {r["id"]: r for r in rows(out, "shadows")}
    assert dropped.keys() == shadows.keys()
    assert len(rows(out, "shadows")) == len(shadows)
    for key, row in shadows.items():
        assert (row["shadow_step"], row["shadow_reason"]) == (dropped[key]["step"], dropped[key]["drop_reason"])
        assert row["length"] is not None
        assert row["poisoned_too"] is False  # the last row stage saw it


def test_a_shadow_takes_its_path_and_notes_what_else_would_drop_it(corpus):
    _, folder = corpus
    for row in rows(folder / "out-1", "shadows"):
        later = [s.partition(":") for s in row["shadow_later"] or []]
        rich = row["score"] is not None and row["score"] >= 0.5
        assert row["branch"] == ("route.rich" if rich else "route.poor")
        assert (row["poisoned"] is False) == rich
        expected = []
        order = ["len", "long", "twins", "rich"]
        behind = order[order.index(row["shadow_step"]) + 1 :]
        if "long" in behind and rich and not row["length"] > 100:
            expected.append(("long", ":", "where_false"))
        if "rich" in behind and not (row["score"] is not None and row["score"] > 0.2):
            expected.append(("rich", ":", "where_false"))
        assert later == expected


def test_the_sample_is_by_hash_of_the_id(corpus):
    _, folder = corpus
    shadows, dropped = rows(folder / "out-0.3", "shadows"), rows(folder / "out-0.3", "dropped")
    import pyarrow as pa

    names = [r["id"] for r in dropped]
    wanted = {i for i, m in zip(names, hash_share(pa.array(names), 0.3), strict=True) if m}
    assert {r["id"] for r in shadows} == wanted
    assert 0.2 < len(wanted) / len(names) < 0.4
    full = {r["id"]: r for r in rows(folder / "out-1", "shadows")}
    assert all(full[r["id"]] == r for r in shadows)


def test_no_shadows_at_rate_zero(corpus):
    _, folder = corpus
    assert rows(folder / "out-0", "shadows") == []


def test_dropped_text_is_kept_for_few(corpus):
    _, folder = corpus
    dropped = rows(folder / "out-0", "dropped")
    with_text = [r for r in dropped if r["text"] is not None]
    assert {(r["step"], r["drop_reason"]) for r in with_text} == {(r["step"], r["drop_reason"]) for r in dropped}
    assert len(with_text) < len(dropped) / 2
