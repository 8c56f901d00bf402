"""Tallied columns: the accounts of every step behind the one that writes them add up what reaches it and what it drops, once a document."""

import pytest
from engine_kit import documents, parquet, recipe, rows, run, steps

COLUMNS = ("t_words", "tea_words")
STEPS = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}}
steps:
  early: {use: keep, where: "len(text) > 20"}
  count: {use: count_two_words}
  len:   {use: measure, limit: 60}
  route: {use: split, to: {small: "length < 200"}, else: rest}
  few:   {use: keep, needs: route.small, where: "t_words is not null and t_words < 7"}
  risky: {use: poison, needs: route.rest, how: HOW}
  twins: {use: first_of_text, needs: [few, risky]}
outputs: {final: {use: shards, needs: twins}}
settings: {shadow: 0.3, max_failed: {share: 0.5, least: 50}}
"""


def tally(found):
    """Documents of which a column is known, of which it is above 0, and its sum."""
    result = {}
    for column in COLUMNS:
        values = [r[column] for r in found if r[column] is not None]
        result[column] = [len(values), sum(v > 0 for v in values), sum(values)]
    return result


def ways(out):
    """Rows of a run by the last step they reached, dropped there or not."""
    dropped, kept = rows(out, "dropped"), rows(out, "outputs")
    return {name: [r for r in dropped if r["step"] == name] for name in ("len", "few", "twins")}, kept


def corpus(folder, poison=()):
    for i in range(3):
        parquet(folder / "crawl" / f"{i}.parquet", documents(200, seed=i, poison=poison), row_group_size=50)


@pytest.mark.parametrize("workers", [0, 2])
def test_tallies_are_those_of_the_rows(tmp_path, workers):
    corpus(tmp_path)
    file, out = recipe(tmp_path, STEPS.replace("HOW", "raise")), tmp_path / "out"
    run(file, out, workers)
    found = {name: step["tallies"] for name, step in steps(out).items()}
    gone, kept = ways(out)
    assert all(gone.values())
    assert {name for name, tallies in found.items() if tallies} == {"len", "few", "risky", "twins"}
    assert steps(out)["early"]["dropped"] == {"where_false": sum(r["step"] == "early" for r in rows(out, "dropped"))}
    for name, of_step in gone.items():
        assert found[name]["dropped"] == tally(of_step)
    behind = [*kept, *gone["twins"]]
    assert found["twins"]["in"] == tally(behind)
    assert found["few"]["in"] == tally([*gone["few"], *(r for r in behind if r["length"] < 200)])
    assert found["risky"]["in"] == tally([r for r in behind if r["length"] >= 200])
    assert found["len"]["in"] == tally([*gone["len"], *gone["few"], *behind])
    run(file, out, workers)  # nothing left to do
    assert {name: step["tallies"] for name, step in steps(out).items()} == found


@pytest.mark.parametrize(("how", "workers"), [("raise", 0), ("exit", 2)])
def test_documents_looked_at_again_are_tallied_once(tmp_path, how, workers):
    corpus(tmp_path, {40, 41, 150})
    file, out = recipe(tmp_path, STEPS.replace("HOW", how)), tmp_path / "out"
    run(file, out, workers)
    assert len({r["id"] for r in rows(out, "failed") if r["step"] == "risky"}) == 3
    for name in ("len", "few", "risky", "twins"):
        step = steps(out)[name]
        assert step["tallies"]["in"]["t_words"][0] == step["documents_in"] - step["failed"]  # it is known of all
        assert step["tallies"].get("dropped", {"t_words": [0]})["t_words"][0] == sum(step["dropped"].values())


def test_an_added_file_adds_its_own(tmp_path):
    parquet(tmp_path / "crawl" / "0.parquet", documents(80, seed=0))
    file, out = recipe(tmp_path, STEPS.replace("HOW", "raise")), tmp_path / "out"
    run(file, out)
    before = steps(out)["len"]["tallies"]["in"]["t_words"]
    parquet(tmp_path / "crawl" / "1.parquet", documents(80, seed=1))
    run(file, out)
    gone, kept = ways(out)
    after = steps(out)["len"]["tallies"]["in"]["t_words"]
    assert before < after == tally([*kept, *(r for of in gone.values() for r in of)])["t_words"]


def test_a_step_that_nothing_reaches_has_none(tmp_path):
    parquet(tmp_path / "crawl" / "0.parquet", documents(20))
    run(recipe(tmp_path, STEPS.replace("HOW", "raise").replace("> 20", "> 20_000")), tmp_path / "out")
    assert all(not step["tallies"] for step in steps(tmp_path / "out").values())
