"""dedup_minhash beside its definition, worked out pair by pair; its parts one by one."""

import random
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near_duplicates import SCHEMA, counts_of, documents, expected, fates_of, preference, shingle_sets, similar_pairs, streamed, written
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "engine"))
from engine_kit import recipe, run

from curation.errors import CurateError
from curation.stage import Batch
from curation.text import Utf8
from stages.dedup import greedy
from stages.dedup.addresses import addresses_of, keys_of
from stages.dedup.dedup_minhash import DedupMinhash, _owned, dedup_minhash, found_share
from stages.dedup.preference import LAST, rank_column
from stages.dedup.shingles import Shingles, agreement, band_keys, jaccard, minhash, shingles
from tests.test_every_stage import apply_global

TEXT = """
inputs: {docs: {use: parquet, paths: "docs/*.parquet", carry: [lang, score]}}
steps: {near: {use: dedup_minhash, max_drop_share: 1%s}}
outputs: {kept: {use: shards}}
"""
TINY = {"settings.shuffle.reduce_bytes": 12_000, "settings.shuffle.spill_bytes": 16_000}
MANY = ", bands: 60, rows_per_band: 2"
"""So many bands that no pair over the threshold is missed: 1 - (1 - 0.49) ** 60."""


def result(folder, given, files=3, options="", sizes=None):
    """id -> (reason, survivor, similarity, cluster size) of a run, and the run's folder."""
    written(folder / "docs", given, files)
    run(recipe(folder, TEXT % options), folder / "out", overrides=sizes or {})
    fates = fates_of(folder / "out")
    assert len(fates) == len(given)
    return fates


def counts(folder):
    return counts_of(folder / "out", "near")


def same(found, wanted):
    """Whether fates agree; similarities to what a float32 holds."""
    assert found.keys() == wanted.keys()
    return {i for i in found if found[i][:2] + found[i][3:] != wanted[i][:2] + wanted[i][3:]} | {
        i for i in found if wanted[i][2] is not None and found[i][2] != np.float32(wanted[i][2])
    }


@pytest.mark.parametrize(
    ("files", "order", "sizes"),
    [(1, 1, None), (3, -1, None), (7, 1, TINY)],
    ids=["one shard", "three, backwards", "seven, tiny reducers"],
)
def test_every_pair_over_the_threshold_counts(tmp_path, files, order, sizes):
    given = documents(2_000 if sizes is None else 250, seed=3)
    wanted = expected(given)
    assert {reason for reason, *_ in wanted.values()} == {None, "near_duplicate", "exact_duplicate"}
    assert same(result(tmp_path, given[::order], files, MANY, sizes), wanted) == set()


def sharing_a_band(given, params):
    """Of pairs of documents, whether they share a band."""
    text = Utf8.of_strings([row["text"] for row in given])
    sets = shingles(text, "word", 5, False)
    signatures = minhash(sets, params.bands * params.rows_per_band, params.seed)
    bands = band_keys(signatures, params.bands, np.zeros(len(given), np.uint64))
    return lambda i, j: bool((bands[i] == bands[j]).any())


def test_default_bands_find_what_shares_one(tmp_path):
    given = documents(2_000, seed=5)
    compared = sharing_a_band(given, dedup_minhash.params())
    wanted = expected(given, compared=compared)
    assert same(wanted, expected(given)), "the corpus has no pair that is missed"
    assert same(result(tmp_path, given), wanted) == set()


def test_only_within_a_group(tmp_path):
    given = documents(800, seed=6)
    wanted = expected(given, by="lang")
    assert same(wanted, expected(given))
    assert same(result(tmp_path, given, options=MANY + ", by: lang"), wanted) == set()


def test_preferred_by_columns(tmp_path):
    given = documents(800, seed=7)

    def key(row):
        return (0, -row["score"]) if row["score"] is not None else (1, 0), preference(row)

    wanted = expected(given, key=key)
    assert same(wanted, expected(given))
    assert same(result(tmp_path, given, options=MANY + ", prefer: [-score, -nowhere, -text_bytes, -date]"), wanted) == set()


def test_a_second_run_changes_nothing(tmp_path):
    given = documents(1_000, seed=8)
    fates = result(tmp_path / "first", given)
    left = [row for row in given if fates[row["id"]][0] is None]
    assert 200 < len(left) < 900
    again = result(tmp_path / "second", left)
    assert {fate[0] for fate in again.values()} == {None}


def test_dropped_documents_are_similar_to_a_survivor(tmp_path):
    given = documents(1_500, seed=9)
    fates = result(tmp_path, given, options=", bands: 40, rows_per_band: 3, max_bucket: 5")
    sets = dict(zip((row["id"] for row in given), map(set, shingle_sets(given)), strict=True))
    for one, (reason, survivor, similarity, _) in fates.items():
        if reason is not None:
            assert fates[survivor][0] is None
            true = len(sets[one] & sets[survivor]) / len(sets[one] | sets[survivor])
            assert true >= 0.7
            assert similarity == np.float32(true)


def one_page(n):
    """n documents that differ from one page in a word each."""
    rng = random.Random(0)
    base = [f"w{i}" for i in range(400)]
    given = documents(n, seed=10)
    for row in given:
        words = list(base)
        words[rng.randrange(400)] = f"x{rng.random()}"
        row["text"] = " ".join(words)
    return given


def test_parts_of_a_full_bucket_do_not_depend_on_where_documents_stand(tmp_path, monkeypatch):
    monkeypatch.setattr("stages.dedup.buckets.PART_DOCUMENTS", 50)
    monkeypatch.setattr("stages.dedup.buckets.HUBS", 1)
    given = one_page(300)
    options = ", max_bucket: 20, min_jaccard: 0.952, bands: 60, rows_per_band: 4"  # few pairs are similar enough: parts tell
    one = result(tmp_path / "one", given, options=options)
    assert result(tmp_path / "other", given[::-1], files=3, options=options) == one
    assert 5 < sum(reason is None for reason, *_ in one.values()) < 300


def test_a_full_bucket_compares_with_the_best_and_says_so(tmp_path):
    given = one_page(300)
    fates = result(tmp_path, given, options=", max_bucket: 20")
    reasons = Counter(reason for reason, *_ in fates.values())
    assert reasons[None] == 1
    best = min(given, key=preference)["id"]
    assert fates[best] == (None, None, None, 300)
    counted = counts(tmp_path)
    assert counted["buckets over max_bucket"] >= 10
    assert counted["documents in them"] > 2_000
    assert counted["pairs not compared"] > 100_000
    assert counted["pairs compared"] < 8 * 14 * 300


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("part_documents", [1_000, 15])
def test_hubs_are_the_best_of_a_part(heavy, part_documents, monkeypatch):
    monkeypatch.setattr("stages.dedup.buckets.PART_DOCUMENTS", part_documents)
    rows = np.arange(30)
    bucket = pa.table({
        "key": pa.array(np.full(30, 7), pa.uint64()), "shard": pa.array(rows % 3, pa.uint32()), "row": pa.array(rows, pa.uint32()),
        "id": [f"{i}" for i in rows], "order_0": rows, "order_1": np.zeros(30, np.int64),
    }).sort_by([("shard", "ascending"), ("row", "ascending")])  # fmt: skip
    stage = streamed(DedupMinhash) if heavy else dedup_minhash
    found = stage.reduce(bucket, dedup_minhash.params(), 2)
    owners = addresses_of(found.again[1]["key"].to_numpy())[1].tolist()
    pairs = set(zip(owners, found.again[1]["row"].to_pylist(), strict=True))
    part = Utf8.of_strings([f"{i}" for i in rows]).hash() % np.uint64(-(-30 // part_documents))
    wanted = set()
    for mine in ([i for i in rows.tolist() if part[i] == p] for p in set(part.tolist())):
        wanted |= {(i, hub) for hub in mine[:8] for i in mine if hub < i}
    assert len(set(part.tolist())) == -(-30 // part_documents)
    assert pairs == wanted
    assert found.counted["pairs not compared"] == 30 * 29 // 2 - len(wanted)


@pytest.mark.parametrize("values", [{}, {"bands": 20, "rows_per_band": 3, "max_bucket": 3}, {"verify": "signature"}])
def test_keys_too_large_for_memory_decide_alike(values):
    params = dedup_minhash.params(**values)
    table = pa.Table.from_pylist(documents(250, seed=14), schema=SCHEMA)
    whole, pieces = (apply_global(stage, params, table, 60) for stage in (dedup_minhash, streamed(DedupMinhash)))
    assert whole["drop_reason"].null_count < 200
    for name, column in whole.items():
        assert column.equals(pieces[name]), name


def test_pairs_are_made_in_pieces(monkeypatch):
    params = dedup_minhash.params(bands=20, rows_per_band=3)
    table = pa.Table.from_pylist(documents(250, seed=15), schema=SCHEMA)
    whole = apply_global(dedup_minhash, params, table, 60)
    made = []
    monkeypatch.setattr("stages.dedup.buckets.PAIRS", 10)
    monkeypatch.setattr("stages.dedup.dedup_minhash._owned", lambda left, right, real=_owned: made.append(len(left)) or real(left, right))
    pieces = apply_global(dedup_minhash, params, table, 60)
    assert len(made) > 20
    assert max(made) <= 10 + 50 * 49 // 2
    assert all(column.equals(pieces[name]) for name, column in whole.items())


def test_one_page_in_a_third_of_the_corpus(tmp_path):
    given = documents(900, seed=11)
    page = max(given, key=lambda row: len(row["text"]))["text"]
    for row in given[::3]:
        row["text"] = page
    wanted = expected(given)
    fates = result(tmp_path, given, files=4, options=MANY)
    assert same(fates, wanted) == set()
    assert max(size or 0 for *_, size in fates.values()) >= 300
    assert counts(tmp_path)["pairs compared"] < 5_000


def test_short_documents(tmp_path):
    given = documents(400, seed=12)
    for row, text in zip(given, ["one two", "One, two!", "", "", "three", "!", "!"], strict=False):
        row["text"] = text
    few = {row["id"] for row in given if len(row["text"].split()) < 5}
    fates = result(tmp_path / "keep", given)
    assert {fates[i][0] for i in few} == {None}
    assert counts(tmp_path / "keep")["too short for a shingle"] == len(few)
    fates = result(tmp_path / "exact", given, options=", short: exact")
    assert [fates[row["id"]][0] for row in given[:7]].count("exact_duplicate") == 1
    assert {fates[row["id"]][0] for row in given[2:7]} == {None}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({"rows_per_band": 20}, "14 bands x 20 rows find 1.1% of the pairs", id="bands against the threshold"),
        pytest.param({"bands": 450, "rows_per_band": 20}, "30", id="RefinedWeb's bands at 0.7"),
        pytest.param({"preset": "gopher", "min_jaccard": 0.6}, "min_jaccard 0.6", id="preset and a threshold too low"),
        pytest.param({"bands": 0}, "bands", id="no bands"),
        pytest.param({"rows_per_band": 0}, "rows_per_band", id="no rows"),
        pytest.param({"shingle": 0}, "shingle", id="no words"),
        pytest.param({"min_jaccard": 0}, "min_jaccard", id="everything is similar"),
        pytest.param({"min_jaccard": 1.01}, "min_jaccard", id="nothing is"),
        pytest.param({"preset": "llama"}, "preset", id="unknown preset"),
    ],
)
def test_parameters_that_cannot_work(values, message):
    with pytest.raises(ValidationError, match=message):
        dedup_minhash.params(**values)


def test_presets():
    of = {name: dedup_minhash.params(preset=name) for name in ("fineweb", "refinedweb", "gopher")}
    found = {name: (p.bands, p.rows_per_band, p.shingle, p.min_jaccard) for name, p in of.items()}
    assert found == {"fineweb": (14, 8, 5, 0.7), "refinedweb": (450, 20, 5, 0.8), "gopher": (14, 8, 13, 0.8)}
    assert dedup_minhash.params(preset="gopher", shingle=7).shingle == 7


def test_too_much_would_go(tmp_path):
    given = documents(1_200, seed=13)
    for row in given[: len(given) * 95 // 100]:
        row["text"] = "one text of some more words than five that nearly everything here is"
    written(tmp_path / "docs", given, 2)
    with pytest.raises(CurateError, match="max_drop_share"):
        run(recipe(tmp_path, TEXT.replace("max_drop_share: 1", "max_drop_share: 0.9") % ""), tmp_path / "out")


@pytest.mark.parametrize(
    ("documents", "dropped", "said"),
    [(1_000, 500, None), (1_000, 501, "50.1%"), (999, 998, None), (1_000, 900, "90.0%")],
)
def test_judged(documents, dropped, said):
    note = dedup_minhash.judge(documents, {"near_duplicate": dropped}, dedup_minhash.params())
    assert note is None if said is None else said in note


# The parts


@pytest.mark.parametrize(("bands", "rows_per_band"), [(14, 8), (20, 5), (60, 2), (100, 12)])
def test_pairs_share_a_band_as_theory_says(bands, rows_per_band):
    rng = np.random.default_rng(1)
    size, pairs = 600, 1_500
    for similarity in (0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95):
        shared = round(2 * size * similarity / (1 + similarity))
        true = shared / (2 * size - shared)
        values = rng.integers(0, 2**32, (pairs, 2 * size - shared), dtype=np.uint32)
        both = np.concatenate([values[:, :size], values[:, size - shared :]], axis=1).ravel()
        sets = Shingles(both, np.arange(2 * pairs + 1) * size)
        signatures = minhash(sets, bands * rows_per_band, seed=1)
        left = np.arange(0, 2 * pairs, 2)
        keys = band_keys(signatures, bands, np.zeros(2 * pairs, np.uint64))
        found = (keys[left] == keys[left + 1]).any(axis=1).mean()
        theory = found_share(true, bands, rows_per_band)
        assert abs(found - theory) < 4 * np.sqrt(theory * (1 - theory) / pairs) + 1e-3, (similarity, found, theory)
        whole = Shingles(signatures.ravel(), np.arange(2 * pairs + 1) * signatures.shape[1])
        estimate = agreement(whole, left, left + 1)
        assert abs(estimate.mean() - true) < 5 * np.sqrt(true * (1 - true) / (signatures.shape[1] * pairs))
        spread = true * (1 - true) / signatures.shape[1]
        assert 0.8 < estimate.var() / spread < 1.25, "hash functions depend on each other"


def test_a_signature_is_the_minimum_of_each_function():
    rng = np.random.default_rng(2)
    counts = [0, 1, 2, 63, 64, 65, 200]
    values = rng.integers(0, 2**32, sum(counts), dtype=np.uint32)
    offsets = np.r_[0, np.cumsum(counts)]
    found = minhash(Shingles(values, offsets), 5, seed=3)
    alone = minhash(Shingles(np.repeat(values, 64), np.arange(len(values) + 1) * 64), 5, seed=3)  # 64 at a time are taken
    for row, (a, b) in enumerate(pairwise(offsets)):
        wanted = alone[a:b].min(axis=0) if b > a else np.full(5, 2**32 - 1)
        assert found[row].tolist() == wanted.tolist()
    assert not (minhash(Shingles(values, offsets), 5, seed=4)[1:] == found[1:]).any()


SETS = st.lists(st.lists(st.sampled_from([0, 1, 2, 255, 256, 2**16, 2**31, 2**32 - 1, 7, 8, 9]), max_size=12), min_size=2, max_size=5)


@given(sets=SETS)
def test_jaccard_is_that_of_sets(sets):
    flat = Shingles(np.array([v for s in sets for v in s], np.uint32), np.r_[0, np.cumsum([len(s) for s in sets])])
    pairs = [(i, j) for i in range(len(sets)) for j in range(len(sets))]
    left, right = (np.array(side) for side in zip(*pairs, strict=True))
    again = Shingles.of_arrow(flat.to_arrow())
    for i, j, found in zip(left, right, jaccard(again, left, right), strict=True):
        a, b = set(sets[i]), set(sets[j])
        assert found == (len(a & b) / len(a | b) if a | b else 0.0)


@pytest.mark.parametrize(
    ("unit", "n", "texts", "counts"),
    [
        pytest.param("word", 2, ["a b c", "A, b; c!", "a b", "a", ""], [2, 2, 1, 0, 0], id="words"),
        pytest.param("word", 2, ["中文字", "ไทย", "日本 go"], [2, 2, 2], id="scripts without spaces"),
        pytest.param("char", 3, ["abcd", "A  bcd", "ab", "é文x"], [2, 3, 0, 1], id="characters"),
    ],
)
def test_shingles(unit, n, texts, counts):
    assert shingles(Utf8.of_strings(texts), unit, n, False).counts().tolist() == counts


def test_shingles_are_equal_where_their_words_are():
    texts = ["a b c a b c", "x A b", "b a"]
    found = shingles(Utf8.of_strings(texts), "word", 2, False)
    ab, bc, ca, ab2, bc2, xa, ab3, ba = found.values.tolist()
    assert ab == ab2 == ab3
    assert bc == bc2
    assert len({ab, bc, ca, xa, ba}) == 5


@pytest.mark.parametrize("text", ["a " * 1_000_000, "\x00" * 1_000_000, "文" * 300_000, "é́" * 300_000, "😀 " * 200_000, "a-" * 500_000])
@pytest.mark.parametrize("unit", ["word", "char"])
def test_odd_texts_of_a_megabyte(text, unit):
    table = pa.table({"id": ["1", "2"], "text": pa.array([text, text + " x y z"], pa.large_string())})
    keyed = dedup_minhash.emit(Batch(table), dedup_minhash.params(unit=unit))
    assert len(keyed.key) == len(keyed.row) <= 2


def test_bytes_that_are_not_text():
    raw = np.frombuffer(b"\xff\xfe \xc3 \xe0\x80 a b c d \xf0\x9f" * 3, np.uint8)
    for unit in ("word", "char"):
        assert shingles(Utf8(raw, np.array([0, len(raw)])), unit, 2, False).counts()[0] > 0


@pytest.mark.parametrize(
    ("kind", "values", "smaller_first"),
    [
        (pa.int32(), [3, None, -5, 0], [-5, 0, 3, None]),
        (pa.uint64(), [2**64 - 1, 0, None, 2**63], [0, 2**63, 2**64 - 1, None]),
        (pa.float32(), [1.5, -2.0, None, 0.0, float("inf"), float("-inf")], [float("-inf"), -2.0, 0.0, 1.5, float("inf"), None]),
        (pa.timestamp("ms", tz="UTC"), [5, None, -7], [-7, 5, None]),
        (pa.date32(), [5, None, -7], [-7, 5, None]),
        (pa.bool_(), [True, None, False], [False, True, None]),
        (pa.int64(), [2**63 - 1, -(2**63), None], [-(2**63), 2**63 - 1, None]),
        (pa.null(), [None, None], [None, None]),
    ],
)
def test_ranks_of_columns(kind, values, smaller_first):
    column = pa.array(values, kind)
    wanted = pa.array(smaller_first, kind).to_pylist()
    for larger, order in ((False, wanted), (True, [*reversed(wanted[:-1]), None] if kind != pa.null() else wanted)):
        assert [column.to_pylist()[i] for i in np.argsort(rank_column(column, larger), kind="stable")] == order


def test_ranks_of_what_is_no_number():
    assert rank_column(pa.array([float("nan"), 1.0]), True).tolist()[0] == LAST
    assert len(set(rank_column(pa.array([0.0, -0.0]), False).tolist())) == 1
    with pytest.raises(ValueError, match="string"):
        rank_column(pa.array(["a"]), False)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), max_size=20))
def test_an_address_is_its_key(pairs):
    shard, row = (np.array([p[k] for p in pairs], np.uint32) for k in (0, 1))
    back = addresses_of(keys_of(shard, row))
    assert back[0].tolist() == shard.tolist()
    assert back[1].tolist() == row.tolist()


def greedily(n, pairs):
    """Survivor of each document (itself, or the best surviving better neighbour); 0 is the best."""
    named = {}
    for i in range(n):
        better = [j for j in range(i) if (j, i) in pairs and named[j] == j]
        named[i] = min(better, default=i)
    return named


@settings(max_examples=150, deadline=None)
@given(
    n=st.integers(2, 14), chance=st.sampled_from([0.1, 0.3, 0.7]), seed=st.integers(0, 10**6),
    reducers=st.integers(1, 5), heavy=st.booleans(), twin=st.booleans(),
)  # fmt: skip
def test_survivors_do_not_depend_on_who_reduces_what(n, chance, seed, reducers, heavy, twin):
    rng = random.Random(seed)
    pairs = {(i, j) for i in range(n) for j in range(i + 1, n) if rng.random() < chance}
    order = ["order_0"]
    ends = [
        pa.table({
            "shard": pa.array([i % 3 for i in side], pa.uint32()), "row": pa.array(side, pa.uint32()),
            "id": pa.array([f"d{i}" for i in side], pa.string()), "order_0": pa.array(side, pa.int64()),
        })
        for side in ([i for i, _ in pairs], [j for _, j in pairs])
    ]  # fmt: skip
    waiting = greedy.edges(*ends, pa.array([0.5 + i / 100 + j / 1000 for i, j in pairs], pa.float32()), order)
    if twin:  # of document 1, which leads: document 99
        both = pa.table({
            "shard": pa.array([1, 0], pa.uint32()), "row": pa.array([1, 99], pa.uint32()), "id": ["d1", "d99"],
            "weight": pa.array([3, 2], pa.uint32()),
        })  # fmt: skip
        waiting = pa.concat_tables([waiting, greedy.members(both, both.take([0, 0]), order).select(waiting.column_names)])
    found, behind, rounds = {}, Counter(), 0
    while waiting.num_rows:
        rounds += 1
        assert rounds <= n + 1
        key = waiting["key"].to_numpy()
        parts = []
        for reducer in range(reducers):
            mine = waiting.filter(pa.array((key >> np.uint64(7)) % np.uint64(reducers) == reducer)).sort_by("key")
            if not mine.num_rows:
                continue
            if heavy and len(set(mine["key"].to_pylist())) == 1:
                parts += greedy.resolve_one(lambda mine=mine: (mine.slice(i, 2) for i in range(0, mine.num_rows, 2)), order)
            else:
                parts.append(greedy.resolve(mine, order))
        for verdict in [v for part in parts for v in part.verdicts.to_pylist()]:
            if verdict["drop_reason"] is None:
                behind[verdict["row"]] += verdict["add"]
            else:
                assert verdict["row"] not in found
                found[verdict["row"]] = verdict
        waiting = pa.concat_tables([part.again[1].select(waiting.column_names) for part in parts])
    named = greedily(n, pairs)
    assert {i: int(v["duplicate_of"][1:]) for i, v in found.items() if i != 99} == {i: s for i, s in named.items() if s != i}
    for i, verdict in found.items():
        if i != 99:
            assert verdict["drop_reason"] == "near_duplicate"
            j = int(verdict["duplicate_of"][1:])
            assert verdict["similarity"] == np.float32(0.5 + j / 100 + i / 1000)
    sizes = Counter(s for i, s in named.items() for _ in range(5 if twin and i == 1 else 1))
    assert {i: 1 + behind[i] for i in range(n) if i not in found} == {i: sizes[i] for i in range(n) if named[i] == i}
    if twin:
        wanted = ("exact_duplicate", "d1", 1.0) if named[1] == 1 else ("near_duplicate", "d0", np.float32(0.501))
        assert tuple(found[99][name] for name in ("drop_reason", "duplicate_of", "similarity")) == wanted


def test_similar_pairs_by_hand():
    """The oracle's own arithmetic."""
    assert similar_pairs([[1, 2, 3, 4], [2, 3, 4, 4], [9]], 0.7) == {(0, 1): 0.75}
