"""dedup_urls and dedup_exact in whole runs: what is kept by hand, small budgets, against an earlier run."""

import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from engine_kit import recipe, rows, run, steps

from stages.dedup.canonical_url import canonical_url
from stages.dedup.dedup_urls import dedup_urls

TINY = {
    "settings.pack_bytes": 1,
    "settings.shuffle.reduce_bytes": 300,
    "settings.shuffle.spill_bytes": 2_000,
}
RECIPE = 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {urls: {use: dedup_urls}, exact: {use: dedup_exact}}'
BOTH = """
inputs:
  old: {use: parquet, paths: "old/out/outputs/urls/*", superseded: [new/out/superseded]}
  new: {use: parquet, paths: "new/out/outputs/urls/*"}
outputs: {both: {use: shards, needs: [old, new]}}
"""
SCHEMA = pa.schema({"url": pa.string(), "date": pa.timestamp("us", "UTC"), "text": pa.large_string()})


def pages(count, seed):
    """Pages of which 30 % are one URL, in two spellings, and many others meet; some texts are equal."""
    rng = random.Random(seed)
    for n in range(count):
        url = rng.choice(["http://www.a.com/", "https://a.com/#top"]) if rng.random() < 0.3 else f"http://b.com/{rng.randrange(count)}"
        yield {"url": url, "date": rng.choice([None, seed * 10**6 + n]), "text": f"text {rng.randrange(count)}"}


def crawl(folder, seeds, count=300):
    (folder / "crawl").mkdir(parents=True)
    for seed in seeds:
        pq.write_table(
            pa.Table.from_pylist(list(pages(count, seed)), schema=SCHEMA), folder / "crawl" / f"{seed}.parquet", row_group_size=100
        )


def kept_by_hand(documents):
    """Ids that stay after both steps, and the drop rows: id -> (reason, survivor)."""
    dropped = {}
    for name, form, reason in (("url", canonical_url, "duplicate_url"), ("text", str, "exact_duplicate")):
        groups = {}
        for row in documents:
            groups.setdefault(form(row[name]), []).append(row)
        documents = []
        for group in groups.values():
            best, *others = sorted(group, key=lambda r: (r["date"] is None, -(r["date"].timestamp() if r["date"] else 0), r["id"]))
            documents.append(best)
            dropped |= {row["id"]: (reason, best["id"]) for row in others}
    return {row["id"] for row in documents}, dropped


@pytest.mark.parametrize("sizes", [{}, TINY], ids=["default", "tiny"])
def test_a_run_keeps_what_is_kept_by_hand(tmp_path, sizes, monkeypatch):
    crawl(tmp_path, range(1, 13), 75)
    run(recipe(tmp_path, RECIPE.partition("\n")[0], name="all"), tmp_path / "all")
    everything = rows(tmp_path / "all", "outputs")
    streamed = []
    real = type(dedup_urls).stream
    monkeypatch.setattr(
        type(dedup_urls),
        "stream",
        lambda self, chunks, p, r: streamed.append(sum(t.num_rows for t in chunks())) or real(self, chunks, p, r),
    )
    out = tmp_path / "out"
    run(recipe(tmp_path, RECIPE), out, overrides=sizes)
    kept, dropped = kept_by_hand(everything)
    assert {r["id"] for r in rows(out, "outputs")} == kept
    assert {r["id"]: (r["drop_reason"], r["duplicate_of"]) for r in rows(out, "dropped")} == dropped
    assert len(kept) + len(dropped) == len(everything) == 900
    most = max(streamed, default=0)
    assert most == (12 if sizes else 0), "270 documents of one URL are a row of each mapper, and stream where budgets are small"
    assert json.loads((out / "run.json").read_text())["status"] == "done"


def test_against_an_earlier_run(tmp_path):
    """A new crawl against what an old run put out: together they keep what one run over both keeps."""
    for home, seeds in (("all", (1, 2, 3, 4)), ("old", (1, 2)), ("new", (3, 4))):
        crawl(tmp_path / home, seeds)
        text = 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {urls: {use: dedup_urls}}'
        against = {"urls.against": ["../old/out/outputs/urls"]} if home == "new" else {}
        run(recipe(tmp_path / home, text), tmp_path / home / "out", overrides=against)
    kept = {home: {r["id"] for r in rows(tmp_path / home / "out", "outputs")} for home in ("all", "old", "new")}
    superseded = rows(tmp_path / "new" / "out", "superseded")
    gone = {r["id"] for r in superseded}
    assert gone
    assert gone < kept["old"]
    assert (kept["old"] - gone) | kept["new"] == kept["all"]
    assert {r["superseded_by"] for r in superseded} <= kept["new"]
    assert {r["reason"] for r in superseded} == {"duplicate_url"}
    assert steps(tmp_path / "new" / "out")["urls"]["documents_in"] == 600
    run(recipe(tmp_path, BOTH), tmp_path / "both")
    assert {r["id"] for r in rows(tmp_path / "both", "outputs")} == kept["all"]
    assert steps(tmp_path / "both")["old"]["dropped"] == {"superseded": len(gone)}
