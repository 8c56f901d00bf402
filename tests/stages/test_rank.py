import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.executors.inline import Inline
from curation.plan import Plan
from curation.recipe import load
from curation.run import Run
from curation.stage import Batch, Verdicts
from curation.tasks.base import Context
from stages.quality.rank import Params, _bin, _lower_edge, rank
from tests.test_every_stage import apply_global

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def quantiles(table, size=1 << 20, column="score_quantile", **params):
    return apply_global(rank, Params(**{"columns": ["score"], **params}), table, size)[column].to_numpy(zero_copy_only=False)


def scores(values, **columns):
    return pa.table({"score": pa.array(values, pa.float64()), **columns})


def error_bound(values):
    """1/1024 and the share of the document's own bin: what the stage promises."""
    _, inverse, count = np.unique(_bin(values), return_inverse=True, return_counts=True)
    return 1 / 1024 + count[inverse] / len(values) + 1e-6


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda rng, n: rng.random(n), id="uniform"),
        pytest.param(lambda rng, n: rng.standard_normal(n), id="negative too"),
        pytest.param(lambda rng, n: rng.standard_cauchy(n), id="heavy tails"),
        pytest.param(lambda rng, n: np.exp(30 * rng.standard_normal(n)), id="many powers of two"),
        pytest.param(lambda rng, n: 1 - 10 ** -rng.uniform(0, 4, n), id="crowded under one"),
        pytest.param(lambda rng, n: rng.integers(0, 20, n) / 20, id="ties"),
        pytest.param(lambda rng, n: np.full(n, 0.25), id="all alike"),
        pytest.param(lambda rng, n: rng.integers(-20, 20, n) / 4, id="ties, negative too"),
    ],
)
def test_a_quantile_is_the_share_below_within_the_stated_error(draw):
    values = draw(np.random.default_rng(1), 20_000)
    true = np.searchsorted(np.sort(values), values) / len(values)
    assert (np.abs(quantiles(scores(values)) - true) <= error_bound(values)).all()


def test_quantiles_are_the_same_in_any_division_and_any_order():
    rng = np.random.default_rng(2)
    table = scores(rng.standard_normal(3_000), lang=pa.array(rng.choice(["en", "de"], 3_000)))
    whole = quantiles(table, by=["lang"])
    assert (quantiles(table, 700, by=["lang"]) == whole).all()
    order = rng.permutation(len(table))
    assert (quantiles(table.take(pa.array(order)), 450, by=["lang"]) == whole[order]).all()


def test_reducers_of_parts_of_the_keys_agree_with_one_and_chunks_with_the_whole():
    rng = np.random.default_rng(3)
    table, params = scores(rng.standard_normal(2_000), n=pa.array(rng.integers(1, 9, 2_000))), Params(columns=["score", "n"], by=["n"])
    keyed = rank.emit(Batch(table), params)
    rows = pa.table({"key": keyed.key, "row": keyed.row.astype(np.uint32), **keyed.columns}).sort_by("key")
    rows = rows.append_column("shard", pa.array(np.zeros(len(rows), np.uint32)))
    one = rank.reduce(rows, params, 0).again[1].sort_by([("key", "ascending"), ("column", "ascending"), ("bin", "ascending")])
    cut = int(np.searchsorted(rows["key"].to_numpy(), rows["key"].to_numpy()[1_000]))
    two = pa.concat_tables([rank.reduce(part, params, 0).again[1] for part in (rows.slice(0, cut), rows.slice(cut))])
    assert two.sort_by([("key", "ascending"), ("column", "ascending"), ("bin", "ascending")]).select(one.column_names).equals(one)
    whole = rank.reduce(one, params, 1).state
    (streamed,) = rank.stream(lambda: (one.slice(i, 300) for i in range(0, len(one), 300)), params, 1)
    assert streamed.state.equals(whole)


def test_a_group_is_ranked_by_itself_and_a_number_groups_by_its_power_of_two():
    table = scores(
        [1, 2, 3, 4, 10, 20, 30, 40], words=pa.array([4, 7, 4, 7, 8, 15, 8, 15]),
        lang=pa.array(["a", "a", None, None, "a", "a", None, None]),
    )  # fmt: skip
    assert quantiles(table, by=["lang"]).tolist() == [0, 0.25, 0, 0.25, 0.5, 0.75, 0.5, 0.75]
    assert quantiles(table, by=["words"]).tolist() == [0, 0.25, 0.5, 0.75] * 2
    assert quantiles(table, by=["lang", "words"]).tolist() == [0, 0.5] * 4
    powers = scores([1, 2, 3, 4, 5], words=pa.array([0, -3, None, 0.5, 0.9]))
    assert quantiles(powers, by=["words"]).tolist() == [0, 0.5, 0, 0, 0.5]


def test_documents_weigh_what_the_column_says():
    table = scores([1, 2, 3, 4], words=pa.array([10, 0, 30, 60]))
    assert quantiles(table, weight="words") == pytest.approx([0, 0.1, 0.1, 0.4])
    assert quantiles(table) == pytest.approx([0, 0.25, 0.5, 0.75])
    odd = scores([1, 2, 3, 4], words=pa.array([1.4, None, -5.0, 1.0]))
    assert quantiles(odd, weight="words") == pytest.approx([0, 0.5, 0.5, 0.5])


def test_what_has_no_score_has_no_quantile_and_counts_for_nobody():
    values = quantiles(scores([1, None, math.nan, 2, -math.inf, math.inf]))
    assert np.isnan(values[[1, 2]]).all()
    assert values[[4, 0, 3, 5]] == pytest.approx([0, 0.25, 0.5, 0.75])
    assert np.isnan(quantiles(scores([None, None]))).all()


def test_combined_is_the_largest_or_the_mean_of_the_quantiles_there_are():
    table = scores([1, 2, 3, None], other=pa.array([30, 20, None, None], pa.int32()))
    largest = quantiles(table, column="combined_quantile", columns=["score", "other"], combine="max")
    mean = quantiles(table, column="both", columns=["score", "other"], combine="mean", into="both")
    assert largest[:3] == pytest.approx([0.5, 1 / 3, 2 / 3])
    assert mean[:3] == pytest.approx([0.25, 1 / 6, 2 / 3])
    assert np.isnan([largest[3], mean[3]]).all()


def test_all_that_tie_are_above_what_is_less():
    values = [-8.0, -0.25, -0.25, 0.0, -0.0, 3.0, 3.0, 3.0]
    assert quantiles(scores(values)).tolist() == [0, 0.125, 0.125, 0.375, 0.375, 0.625, 0.625, 0.625]


@pytest.mark.parametrize("place", [0, 0.5, 0.97])
@pytest.mark.parametrize("sign", [1, -1])
def test_where_two_fifths_have_the_best_score_none_has_nine_tenths_below_it(place, sign):
    best = 1 + sign * (1000 + place) / 65_536  # somewhere in a bin
    values = np.concatenate([best - 0.1 - np.random.default_rng(6).random(600), np.full(400, best)]) - (0 if sign > 0 else 2)
    assert quantiles(scores(values))[600:] == pytest.approx(0.6)


@given(st.lists(FLOATS, min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_bins_keep_the_order_of_any_numbers(values):
    array = np.clip(np.sort(np.array(values) + 0.0), -(2.0**1023), 2.0**1023)
    bins = _bin(array)
    assert (np.diff(bins) >= 0).all()
    assert (_lower_edge(bins) <= array).all()
    assert (_lower_edge(bins + 1) > array).all()


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"columns": ["lang"]}, "rank needs numbers, column 'lang' is string"),
        ({"columns": ["score"], "weight": "lang"}, "rank needs numbers, column 'lang' is string"),
        ({"columns": ["score"], "by": ["tags"]}, "cannot group by column 'tags'"),
    ],
)
def test_columns_of_a_wrong_type_are_refused(params, problem):
    schema = pa.schema([("score", pa.float32()), ("lang", pa.string()), ("tags", pa.list_(pa.string()))])
    with pytest.raises(ValueError, match=problem):
        rank.check(Params(**params), schema)


def test_a_column_named_twice_is_refused():
    with pytest.raises(ValueError, match="named twice"):
        Params(columns=["score", "score"])


def test_the_groups_of_a_state_are_read_once_for_all_batches_and_again_for_another():
    params, none = Params(columns=["score"], by=["site"]), np.empty(0, np.int64)
    reads = []

    class State:  # counts how often its groups are read
        def __init__(self, table):
            self.table = table

        def __getitem__(self, name):
            reads.extend([name] * (name == "group"))
            return self.table[name]

    for low in (0, 10):
        table = scores([low, low + 1, low + 2], site=pa.array(["a"] * 3))
        rows = pa.table({"key": (keyed := rank.emit(Batch(table), params)).key, **keyed.columns})
        state = State(rank.reduce(rank.reduce(rows, params, 0).again[1], params, 1).state)
        reads.clear()
        for _ in range(3):
            found = rank.apply(Batch(table), Verdicts(none, pa.table({}), state), params)["score_quantile"]
            assert found.to_pylist() == pytest.approx([0, 1 / 3, 2 / 3])
        assert reads == ["group"]


RECIPE = """
name: best
inputs:
  pages: {use: parquet, paths: "pages-*.parquet", carry: [quality, lang]}
steps:
  ranked: {use: rank, columns: [quality], by: [lang]}
  best: {use: keep, where: "quality_quantile is not null and quality_quantile >= 0.9"}
outputs:
  web: {use: shards, needs: best}
"""


def test_a_recipe_keeps_the_best_tenth_of_each_language(tmp_path):
    rng = np.random.default_rng(5)
    table = pa.table({
        "text": [f"page {i}" for i in range(2_000)], "url": [f"https://a.example/{i}" for i in range(2_000)],
        "quality": rng.standard_normal(2_000), "lang": rng.choice(["en", "de"], 2_000, p=[0.8, 0.2]),
    })  # fmt: skip
    for n in range(4):
        pq.write_table(table.slice(500 * n, 500), tmp_path / f"pages-{n}.parquet")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    plan = Plan(load(tmp_path / "recipe.yaml", {}))
    run = Run(plan, tmp_path / "run", Inline(Context(plan, tmp_path / "run")))
    run.walk()
    kept = pq.read_table(next((tmp_path / "run" / "outputs" / "web").glob("*.parquet")).parent)
    for lang in ("en", "de"):
        mine = np.sort(table.filter(pa.compute.equal(table["lang"], lang))["quality"].to_numpy())
        best = kept.filter(pa.compute.equal(kept["lang"], lang))["quality"].to_numpy()
        assert len(best) == pytest.approx(len(mine) / 10, abs=2)
        assert best.min() >= mine[-len(best) - 2]
