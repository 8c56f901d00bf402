"""`curate explain`: the record a document was read from, what it was made of, every row it has in an output."""

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

sys.path.append(str(Path(__file__).parent / "engine"))
from engine_kit import documents, parquet, recipe, rows, run

from curation import shards
from curation.inspect.explain import explain, page

PARTS = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}}
steps:
  words: {use: count_words}
  parts: {use: paragraphs}
outputs: {out: {use: shards, needs: parts}}
"""
MIX = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}}
steps: {words: {use: count_words}}
outputs: {mix: {use: mix, needs: words, recipe: mix.yaml, short: repeat, tokens: 12_000, shard_tokens: 5_000}}
"""
ENTRIES = """
entries:
  rich: {where: "score is not null and score > 0.5", weight: 1, max_epochs: 3}
  rest: {where: "true", weight: 1, max_epochs: 3}
schedule:
  - {name: main, tokens: 8_000}
  - {name: late, tokens: 4_000}
validation: {share: 0.1}
"""


@pytest.fixture
def crawl(tmp_path):
    for i in range(3):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(60, seed=i))
    return tmp_path


def test_every_row_of_a_document_is_named(crawl, monkeypatch):
    monkeypatch.setattr(shards, "ROW_GROUP_ROWS", 7)
    (crawl / "mix.yaml").write_text(ENTRIES)
    text = MIX.replace('crawl/*.parquet"', 'crawl/*.parquet", carry: [score]')
    run(recipe(crawl, text), crawl / "out")
    stands = {}
    for file in sorted((crawl / "out" / "outputs" / "mix").glob("*.parquet")):
        assert pq.ParquetFile(file).num_row_groups > 1
        for number, row in enumerate(pq.read_table(file).to_pylist()):
            stands.setdefault(row["id"], []).append((f"outputs/mix/{file.name}", number, row))
    thrice = [found for found in stands.values() if len(found) == 3]
    assert {row["mix_phase"] for _, _, row in thrice[0]} <= {"main", "late"}
    held = [found for found in stands.values() if found[0][2]["mix_phase"] == "validation"]
    for found in [*thrice[:3], *held[:2]]:
        row = found[0][2]
        (document,) = explain(crawl / "out", row["id"])["documents"]
        assert document["record"] == {"source": "docs", "file": row["record_file"], "offset": row["record_offset"]}
        assert sorted((f["output"], f["row"]) for f in document["fates"]) == sorted(place[:2] for place in found)
        for fate in document["fates"]:
            (here,) = [r for output, number, r in found if (output, number) == (fate["output"], fate["row"])]
            told = fate["steps"][-1]["metrics"]
            assert {name: told[name] for name in ("mix_entry", "mix_phase", "mix_copy")} == {n: here[n] for n in told if n != "mix_uses"}
        source = pq.read_table(crawl / "crawl" / row["record_file"]).to_pylist()[row["record_offset"]]
        assert source["text"] == row["text"]


def test_a_created_document_has_the_place_of_the_one_it_was_made_of(crawl):
    run(recipe(crawl, PARTS), crawl / "out")
    made = rows(crawl / "out", "outputs")
    row = next(r for r in made if r["part"] == 1)
    (document,) = explain(crawl / "out", row["id"])["documents"]
    assert document["parents"] == row["parent_ids"]
    assert document["record"] == {"source": "docs", "file": row["record_file"], "offset": row["record_offset"]}
    source = pq.read_table(crawl / "crawl" / row["record_file"]).to_pylist()[row["record_offset"]]
    assert row["text"] in source["text"]
    (parent,) = explain(crawl / "out", row["parent_ids"][0])["documents"]
    parts = {r["id"] for r in made if r["parent_ids"] == row["parent_ids"]}
    assert {f["output"].partition(" as ")[2] for f in parent["fates"]} == parts
    assert f"made of {row['parent_ids'][0]}" in page(explain(crawl / "out", row["id"]))


def test_a_dropped_document_has_its_record(crawl):
    text = PARTS.replace("  words:", "  len: {use: measure, limit: 60}\n  words:")
    run(recipe(crawl, text), crawl / "out")
    row = rows(crawl / "out", "dropped")[0]
    (document,) = explain(crawl / "out", row["id"])["documents"]
    assert document["record"] == {"source": "docs", "file": row["record_file"], "offset": row["record_offset"]}
    assert [f["row"] for f in document["fates"]] == [None]
    assert f"read from docs: {row['record_file']} at {row['record_offset']}\n  dropped\n" in page(explain(crawl / "out", row["id"]))


def test_nothing_that_was_crawled_writes_to_the_terminal():
    bad = "a\x1b[31mb\r\u202e\n"
    step = {"name": "s", "verdict": "dropped", "reason": bad, "metrics": {"title": bad}, "rules": [], "replaced": {}}
    reread = {"says": bad, "texts": [{"step": "s", "before": 1, "after": 1, "diff": [bad]}]}
    fate = {
        "branch": bad, "fate": "merged", "output": f"outputs/web/x.parquet as {bad}", "row": 3, "steps": [step], "nearest": None,
        "later": [step], "reread": reread,
    }  # fmt: skip
    survivor = {"id": bad, "url": bad, "of": bad, "step": "s", "fates": [{"fate": "dropped", "output": None, "step": "s", "reason": bad}]}
    document = {
        "id": bad, "url": bad, "record": {"source": "s", "file": bad, "offset": 0}, "parents": ["c", bad], "fates": [fate],
        "survivors": [survivor], "uses": {"mix": {bad: 2}},
    }  # fmt: skip
    shown = page({"query": bad, "documents": [document]})
    assert "made of c, a?[31mb ? " in shown
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert len(shown.splitlines()) == len(page({"query": "q", "documents": [clean(document, bad)]}).splitlines())
    assert all(c.isprintable() for c in page({"query": bad, "documents": []}))


def clean(value, bad):
    """The same report with another text in place of a bad one."""
    if isinstance(value, dict):
        return {clean(k, bad): clean(v, bad) for k, v in value.items()}
    if isinstance(value, list):
        return [clean(v, bad) for v in value]
    return value.replace(bad, "x") if isinstance(value, str) else value
