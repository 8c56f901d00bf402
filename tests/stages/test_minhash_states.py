"""dedup_minhash against what earlier runs kept: the same documents go as in one run over all, and no old text is read."""

import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "engine"))
from engine_kit import ran, recipe, rows, run

from curation.errors import RecipeError

TEXT = 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {near: {use: dedup_minhash}}'
WORDS = [f"word{i}" for i in range(400)]
TINY = {"settings.shuffle.reduce_bytes": 6_000, "settings.shuffle.spill_bytes": 20_000}


def texts(seed):
    """Texts of 80 words in families: copies with some words changed, some exact, some a few words long."""
    rng = random.Random(seed)
    shared = random.Random(0)
    families = [[shared.choice(WORDS) for _ in range(80)] for _ in range(12)]
    for _ in range(120):
        words = list(rng.choice(families))
        for _ in range(rng.choice([0, 0, 1, 2, 4, 9])):
            words[rng.randrange(len(words))] = rng.choice(WORDS)
        yield " ".join(words[: rng.choice([80, 80, 80, 70, 3])])


def corpus(folder, seed):
    rows_ = [{"id": f"{seed:016x}{i:016x}", "url": f"https://site.example/{seed}/{i}", "text": t} for i, t in enumerate(texts(seed))]
    stored(folder, seed, rows_)


def stored(folder, name, some):
    schema = pa.schema([("id", pa.string()), ("url", pa.string()), ("text", pa.large_string())])
    (folder / "crawl").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(some, schema=schema), folder / "crawl" / f"{name}.parquet")


def found(out, *folders):
    return {r["id"]: r for folder in folders for r in rows(out, folder)}


@pytest.mark.parametrize("more", [{}, TINY, {"near.verify": "signature"}, {"near.short": "exact"}])
def test_a_new_crawl_against_an_old_one_is_one_run_over_it_and_what_was_left(tmp_path, more):
    for seed in (1, 2, 3):
        corpus(tmp_path / ("old" if seed < 3 else "new"), seed)
    files = {home: recipe(tmp_path / home, TEXT) for home in ("old", "new")}
    run(files["old"], tmp_path / "old" / "out", overrides=more)
    left = found(tmp_path / "old" / "out", "outputs")
    stored(tmp_path / "both", "left", [{k: r[k] for k in ("id", "url", "text")} for r in left.values()])
    corpus(tmp_path / "both", 3)
    run(recipe(tmp_path / "both", TEXT), tmp_path / "both" / "out", overrides=more)
    for i in (1, 2):
        (tmp_path / "old" / "crawl" / f"{i}.parquet").unlink()
    out, against = tmp_path / "new" / "out", {"near.against": ["../old/out/states/near"], **more}
    it = run(files["new"], out, overrides=against)
    wanted = {i: r["duplicate_of"] for i, r in found(tmp_path / "both" / "out", "dropped").items()}
    superseded = {i: r["superseded_by"] for i, r in found(out, "superseded").items()}
    assert {i: r["duplicate_of"] for i, r in found(out, "dropped").items()} | superseded == wanted
    assert set(superseded) <= set(left)
    stays = (set(left) - set(superseded)) | set(found(out, "outputs"))
    assert set(wanted.values()) <= stays, "whoever goes has a twin in an output that nothing supersedes"
    assert len(superseded) >= 3
    assert any(by in left for i, by in wanted.items() if i not in left), "some lose against an old one"
    assert it.accounts["near"].documents_in == 120
    assert ran(run(files["new"], out, overrides=against)) == {}


def test_a_document_that_went_before_takes_nobody_along(tmp_path):
    """A, B and C drift, the larger the better: A and C stayed, B went. F replaces A and is unlike B, which is nowhere and must not win."""
    words = [f"w{i}" for i in range(200)]
    a, b, c = (" ".join([f"x{i}" for i in range(n)] + words[n:] + ["end"] * more) for n, more in ((0, 2), (18, 1), (36, 0)))
    f = a + " " + " ".join(f"f{i}" for i in range(44))
    for home, some in (("old", {"a": a, "b": b, "c": c}), ("new", {"f": f, "e": b})):
        made = [{"id": name * 32, "url": f"https://{name}.example/", "text": text} for name, text in some.items()]
        stored(tmp_path / home, home, made)
    certain = {"near.bands": 60, "near.rows_per_band": 4}
    run(recipe(tmp_path / "old", TEXT), tmp_path / "old" / "out", overrides=certain)
    assert set(found(tmp_path / "old" / "out", "outputs")) == {"a" * 32, "c" * 32}
    out = tmp_path / "new" / "out"
    run(recipe(tmp_path / "new", TEXT), out, overrides={"near.against": ["../old/out/states/near"], **certain})
    assert {i: r["superseded_by"] for i, r in found(out, "superseded").items()} == {"a" * 32: "f" * 32, "c" * 32: "e" * 32}
    assert set(found(out, "outputs")) == {"f" * 32, "e" * 32}


@pytest.mark.parametrize(("key", "value", "said"), [("near.shingle", 4, "shingle 5"), ("near.seed", 9, "seed 1")])
def test_states_of_other_parameters_are_refused(tmp_path, key, value, said):
    corpus(tmp_path, 1)
    run(recipe(tmp_path, TEXT), tmp_path / "out")
    with pytest.raises(RecipeError, match=f"kept with {said}, this step has {value}"):
        run(recipe(tmp_path, TEXT), tmp_path / "new", overrides={"near.against": ["out/states/near"], key: value})


def test_nothing_is_kept_without_verification(tmp_path):
    corpus(tmp_path, 1)
    run(recipe(tmp_path, TEXT), tmp_path / "out", overrides={"near.verify": "none"})
    assert not (tmp_path / "out" / "states").exists()
    with pytest.raises(RecipeError, match="against needs verify"):
        run(recipe(tmp_path, TEXT), tmp_path / "new", overrides={"near.verify": "none", "near.against": ["out/states/near"]})
