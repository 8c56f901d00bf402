"""The arithmetic of the mix: positions of copies, limits that give a number of tokens, budgets; against a reckoning by hand."""

import itertools
import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from curation.errors import TaskError
from curation.stage import Batch, Verdicts
from curation.text import Utf8
from curation.yaml_file import YamlFile
from mixes import entries, limits, positions
from mixes.budgets import by_temperature, share_out
from mixes.mix import HOLD, ORDER, mix
from mixes.positions import ALL, BITS, EXACT, HISTOGRAM, Reach, coarser, summed
from tests.test_mix import corpus

NOWHERE = YamlFile(Path("mix.yaml"), {})
many = settings(max_examples=150, deadline=None)


def histogram(position, tokens, entry=0, group="", held=0, bin_=None):
    """A row a copy."""
    position = np.asarray(position, dtype=np.float64)
    n = len(position)
    return pa.table({
        "entry": pa.array(np.full(n, entry, np.int16)), "group": pa.array([group] * n, pa.string()),
        "held": pa.array(np.broadcast_to(np.asarray(held, np.int16), n)),
        "bin": pa.array(positions.bin_of(position) if bin_ is None else np.full(n, bin_, np.int32)),
        "position": position, "tokens": pa.array(np.asarray(tokens, dtype=np.int64)), "copies": pa.array(np.ones(n, np.int64)),
    })  # fmt: skip


# -- positions ------------------------------------------------------------------------------------------


@many
@given(st.floats(0, 1, exclude_max=True), st.floats(0.01, 20), st.floats(0, 30))
def test_a_document_is_used_as_often_as_its_rate_rounded_up_or_down(place, rate, limit):
    used = sum(float(positions.positions(np.array([place]), np.array([rate]), k)[0]) < limit for k in range(1000))
    assert used in (math.floor(rate * limit), math.floor(rate * limit) + 1, math.ceil(rate * limit))
    assert not np.isfinite(positions.positions(np.array([place]), np.array([0.0]), 0)[0])


def test_places_are_uniform_and_independent_of_seeds_streams_and_the_runs_own_samples():
    from curation.tasks.fates import id_hashes

    ids = pa.array([f"{i:032x}" for i in range(20_000)])
    hashes = Utf8.of(ids).hash()
    place = positions.places(positions.draw(hashes, 0, ORDER))
    assert np.all((place >= 0) & (place < 1))
    assert np.histogram(place, 10, (0, 1))[0] == pytest.approx(2000, abs=200)
    assert place[id_hashes(ids) < np.uint64(2**64 // 20)].mean() == pytest.approx(0.5, abs=0.05)
    for seed, stream in ((1, ORDER), (0, HOLD), (-1, ORDER), (2**64 + 5, ORDER)):
        other = positions.places(positions.draw(hashes, seed, stream))
        assert abs(np.corrcoef(place, other)[0, 1]) < 0.03


@many
@given(st.lists(st.floats(0, 100), min_size=1, max_size=20), st.integers(1, BITS))
def test_a_bin_holds_what_lies_between_its_edges(values, bits):
    bins = positions.bin_of(values, bits)
    assert np.all(positions.edge(bins, bits) <= values)
    assert np.all(positions.edge(bins + 1, bits) > values)
    assert np.all(positions.bin_of(values, bits) >> 1 == positions.bin_of(values, bits - 1))


def test_one_cell_one_key():
    kinds = itertools.product((0, 31), ("", "en", "de"), (0, 1, 16383))
    rows = pa.concat_tables([histogram([0.1, 0.1, 0.2], [1, 2, 3], *kind) for kind in kinds])
    keys = positions.keys_of(rows)
    cells = list(zip(*(rows[c].to_pylist() for c in ("entry", "group", "held", "bin")), strict=True))
    assert len(set(keys.tolist())) == len(set(cells)) == len({*zip(cells, keys.tolist(), strict=True)}) == 36


# -- the histogram and its limits -----------------------------------------------------------------------

anywhere = st.one_of(st.floats(0, 4, exclude_max=True), st.floats(0.5, 0.5005))
copies = st.lists(st.tuples(anywhere, st.integers(0, 50)), min_size=1, max_size=80)


@many
@given(copies, st.integers(0, 80), st.integers(0, 60))
def test_summing_early_loses_nothing_and_is_bounded(rows, cut, repeats):
    position, tokens = (list(x) for x in zip(*rows, strict=True))
    position, tokens = position + position[:1] * repeats, tokens + tokens[:1] * repeats
    whole = histogram(position, tokens)
    in_two = summed(pa.concat_tables([summed(whole.slice(0, cut)), summed(whole.slice(cut))]))
    for table in (summed(whole), in_two, coarser(in_two), coarser(coarser(whole))):
        assert table["tokens"].to_numpy().sum() == sum(tokens)
        assert table["copies"].to_numpy().sum() == len(tokens)
        assert np.unique(table["bin"].to_numpy(), return_counts=True)[1].max() <= EXACT
    assert summed(whole).num_rows == in_two.num_rows


@many
@given(copies, st.lists(st.integers(0, 3000), min_size=1, max_size=5), st.floats(0, 4))
def test_a_limit_takes_what_is_wanted_to_the_nearest_copy(rows, wanted, anywhere):
    position, tokens = (np.array(x) for x in zip(*rows, strict=True))
    assume(len(set(position.tolist())) == len(position))
    reach = Reach(summed(histogram(position, tokens)), BITS, 4.0)
    exact = np.unique(positions.bin_of(position), return_counts=True)[1].max() <= 16
    assert reach.whole == tokens.sum() == reach.tokens_below(4.0)
    last = 0.0
    for n in sorted(wanted):
        limit = reach.limit(n)
        taken = int(tokens[position < limit].sum())
        assert limit >= last
        last = limit
        if n >= tokens.sum():
            assert taken == tokens.sum()
        elif exact:
            order = np.argsort(position)
            best = min(abs(n - int(tokens[order][:k].sum())) for k in range(len(tokens) + 1))
            assert abs(taken - n) == best
        else:
            assert abs(taken - n) <= tokens[positions.bin_of(position) == positions.bin_of([np.nextafter(limit, 0)])[0]].sum() + 50
    if exact:
        assert reach.tokens_below(anywhere) == tokens[position < anywhere].sum()


def test_sixteen_copies_in_a_bin_are_cut_to_the_nearest():
    position, tokens = 0.5 + np.arange(16) ** 2 * 1e-6, np.arange(16) + 1
    reach = Reach(summed(histogram(position, tokens)), BITS, 1.0)
    assert [int(tokens[position < reach.limit(n)].sum()) for n in (1, 4, 10, 55, 118)] == [1, 3, 10, 55, 120]


@pytest.mark.parametrize("share", [0.0003, 0.003, 0.08, 0.5, 0.999])
@pytest.mark.parametrize("bits", [BITS, 7])
def test_a_large_entry_is_cut_within_a_thousandth(share, bits):
    """3 M documents of 1 to 223,489 tokens; where many are taken far closer, by interpolation, with fewer bins too."""
    rng = np.random.default_rng(0)
    position = rng.random(3_000_000)
    tokens = np.exp(rng.normal(6, 1.2, len(position))).astype(np.int64) + 1
    table = summed(histogram(position, tokens))
    for _ in range(BITS - bits):
        table = coarser(table)
    wanted = int(tokens.sum() * share)
    got = int(tokens[position < Reach(table, bits, 1.0).limit(wanted)].sum())
    assert table.num_rows <= (EXACT << bits) + (24 << bits)
    assert abs(got - wanted) <= (0.0002 if share >= 0.08 else 0.001) * wanted


def test_of_too_many_cells_two_bins_become_one():
    rng = np.random.default_rng(1)
    tables = [histogram(rng.random(20_000), rng.integers(1, 1000, 20_000), 0, g) for g in ("a", "b", "c")]
    whole, bits = limits._gathered(tables, 5_000)
    assert bits < BITS
    assert whole.num_rows <= 5_000
    assert whole["tokens"].to_numpy().sum() == sum(t["tokens"].to_numpy().sum() for t in tables)
    for _, group, rows in positions.by_group(whole):
        mine = tables["abc".index(group)]
        wanted = mine["tokens"].to_numpy().sum() // 3
        got = mine["tokens"].to_numpy()[mine["position"].to_numpy() < Reach(rows, bits, 1.0).limit(wanted)].sum()
        assert got == pytest.approx(wanted, rel=0.02)


def test_a_reducer_refuses_more_groups_than_can_be_settled():
    rows = pa.concat_tables([histogram([0.1], [1], 0, f"g{i}") for i in range(4097)]).combine_chunks()
    rows = rows.append_column("key", pa.array(positions.keys_of(rows)))
    assert mix.reduce(rows.slice(1), mix.Params(recipe=""), 0).again[1].num_rows == 4096
    with pytest.raises(TaskError, match="4,097 groups or more"):
        mix.reduce(rows, mix.Params(recipe=""), 0)


# -- budgets --------------------------------------------------------------------------------------------


def recipe_of(own, schedule=(), more=None):
    """A recipe of entries that give (weight | tokens | epochs), without a file."""
    made = {f"e{i}": entries.Entry(where="true", **{how: n}) for i, (how, n) in enumerate(own)}
    phases = tuple(entries.Phase(name=f"p{i}", tokens=n, weights=w) for i, (n, w) in enumerate(schedule))
    return entries.MixRecipe(made, {}, phases, None, NOWHERE, (), **(more or {}))


ways = st.one_of(
    st.tuples(st.just("weight"), st.floats(0.125, 100)),
    st.tuples(st.just("tokens"), st.integers(1, 300)),
    st.tuples(st.just("epochs"), st.floats(0.1, 4)),
)


@many
@given(st.lists(st.tuples(ways, st.integers(1, 10_000)), min_size=1, max_size=5), st.lists(st.integers(1, 900), max_size=4), st.data())
def test_what_entries_give_in_each_phase(own, phases, data):
    """Against the definition: shares of what is left, in proportion, as much as the scarcest allows; less for a smaller budget."""
    how, offered = [h for h, _ in own], [n for _, n in own]
    weighted = [i for i, (h, _) in enumerate(how) if h == "weight"]
    schedule = [(n, {f"e{i}": data.draw(st.floats(0.125, 10)) for i in weighted if data.draw(st.booleans())}) for n in phases]
    recipe = recipe_of(how, schedule)
    small, large = sorted(data.draw(st.tuples(st.integers(2_000, 40_000), st.integers(2_000, 40_000))))
    if sum(min(n, o) if h == "tokens" else o for (h, n), o in own if h != "weight") > small:
        with pytest.raises(TaskError, match="more than the budget"):
            share_out(recipe, offered, small, "scale", "fail")
        return
    budgets = [share_out(recipe, offered, n, "scale", "fail") for n in (small, large)]
    for less, more in zip(budgets[0].ends, budgets[1].ends, strict=True):
        assert all(a <= b for a, b in zip(less, more, strict=True))
        assert all(a <= b for a, b in itertools.pairwise(less))
    fixed = [min(n, o) if h == "tokens" else o if h == "epochs" else 0 for (h, n), o in own]
    planned = phases or [1]
    table = recipe.weights()
    share = [sum(Fraction(p, sum(planned)) * Fraction(str(of[i])) / sum(Fraction(str(of[j])) for j in weighted)
                 for p, of in zip(planned, table, strict=True)) for i in weighted]  # fmt: skip
    for budget, whole in zip(budgets, (small, large), strict=True):
        room = min([Fraction(whole - sum(fixed)), *(Fraction(offered[i]) / s for i, s in zip(weighted, share, strict=True))])
        for i, n in enumerate(fixed):
            if i not in weighted:
                assert budget.ends[i][-1] == n
        for i, s in zip(weighted, share, strict=True):
            assert budget.ends[i][-1] == int(room * s)
            assert budget.wanted[i] == int((whole - sum(fixed)) * s)
        if weighted and len(planned) == 1 and room == whole - sum(fixed):
            assert whole - len(own) <= sum(e[-1] for e in budget.ends) <= whole


@pytest.mark.parametrize(("own", "schedule", "offered", "said", "helps"), [
    pytest.param([("weight", 25), ("weight", 25), ("weight", 50)], [], [100, 10_000, 100_000],
                 "e0 has 100 tokens, 25 % of 5,000 are 1,250: entries with weights give 400 in all, 8 %",
                 "entries.e0: .* to 400 or fewer", id="one is the bottleneck of all"),
    pytest.param([("tokens", 1000), ("weight", 1)], [], [400, 10_000],
                 "e0 has 400 of the 1,000 tokens asked of it", "entries.e0.tokens: .*set its `tokens` to 400 or fewer", id="tokens"),
    pytest.param([("tokens", 50)], [(1000, {}), (4000, {})], [100],
                 "entries without a weight are all there is and give 50 of 5,000 tokens", "entries: .* to 50 or fewer", id="no weight"),
    pytest.param([("tokens", 100), ("weight", 1), ("weight", 1)], [(1000, {}), (4000, {"e1": 3})], [100, 1400, 5000],
                 "e1 has 1,400 tokens, 70 % of 4,900 are 3,430: entries with weights give 2,000 in all, 40.8 %",
                 "entries.e1: .*to 2,100 or", id="phases"),
])  # fmt: skip
def test_what_is_short_is_named_with_what_helps(own, schedule, offered, said, helps):
    recipe, budget = recipe_of(own, schedule), None if schedule else 5000
    assert share_out(recipe, offered, budget, "scale", "fail").lacking == [said]
    with pytest.raises(TaskError, match=re.escape(said)) as e:
        share_out(recipe, offered, budget, "fail", "fail")
    assert re.search(rf"mix.yaml:1:1: {helps}", str(e.value))
    if found := re.search(r"budget .* to ([\d,]+) or fewer", str(e.value)):  # what helps does
        assert share_out(recipe, offered, int(found[1].replace(",", "")), "fail", "fail").lacking == []


def test_shares_are_exact():
    recipe = recipe_of([("weight", w) for w in (50, 25, 17, 8)])
    ends = share_out(recipe, [10**19] * 4, 10**18 + 7, "scale", "fail").ends
    assert [e[-1] for e in ends] == [500000000000000003, 250000000000000001, 170000000000000001, 80000000000000000]
    scarce = recipe_of([("weight", 0.1), ("weight", 0.3)])
    assert [e[-1] for e in share_out(scarce, [100, 900], None, "scale", "fail").ends] == [100, 300]
    assert [e[-1] for e in share_out(scarce, [900, 300], None, "scale", "fail").ends] == [100, 300]


@many
@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(1, 4)), min_size=1, max_size=8), st.floats(0, 1), st.floats(0, 1.2))
def test_temperature_fills_what_is_scarce_and_shares_the_rest(groups, alpha, wanted):
    sizes, offered = [n for n, _ in groups], [int(n * more) for n, more in groups]
    wanted = int(wanted * sum(offered))
    half, given_ = (np.array(column) for column in zip(*by_temperature([wanted // 2, wanted], sizes, offered, alpha), strict=True))
    assert np.all(half <= given_)
    assert np.all(given_ <= offered)
    assert sum(given_) == pytest.approx(min(wanted, sum(offered)), abs=len(groups))
    groups_ = [(int(n), size**alpha, n < most - 1) for n, size, most in zip(given_, sizes, offered, strict=True) if size]
    levels = [(n / weight, (n + 1) / weight) for n, weight, not_full in groups_ if not_full]  # whole tokens: each lies in an interval
    if levels:  # all that are not full have one level, and those that are full none above it
        high = min(high for _, high in levels) * (1 + 1e-9)
        assert max(low for low, _ in levels) <= high
        assert all(n / weight <= high for n, weight, not_full in groups_ if not not_full)


# -- the stage, against a reckoning by hand -------------------------------------------------------------

ORACLE = """
entries:
  code: {where: "profile is not null and profile = 'code'", weight: 2, max_epochs: 3,
         quality: {column: quality_quantile, points: [[0.1, 0], [1, 2.5]], missing: 1}}
  math: {where: "profile is not null and profile = 'math'", epochs: 1.5, max_epochs: 2}
  rest: {where: "true", weight: 3, max_epochs: 5, rates: {lang: {sw: 0.5}}}
schedule:
  - {name: a, tokens: 600}
  - {name: b, tokens: 300, weights: {code: 4}}
validation: {share: 0.1}
"""


def sampled(table, params, pieces):
    """mix_uses of each document, from emit to apply, in so many shards."""
    cuts = np.linspace(0, table.num_rows, pieces + 1).astype(int)
    shards = [table.slice(a, b - a) for a, b in itertools.pairwise(cuts)]
    rows = []
    for shard in shards:
        keyed = mix.emit(Batch(shard), params)
        sent = pa.table({"key": keyed.key, "row": keyed.row, **keyed.columns})
        rows.append(mix.combine(sent.take(pa.array(np.argsort(keyed.key, kind="stable"))), params, 0))
    rows = pa.concat_tables(rows)
    again = mix.reduce(rows.take(pa.array(np.argsort(rows["key"].to_numpy(), kind="stable"))), params, 0).again[1]
    state = mix.reduce(again, params, 1).state
    (streamed,) = mix.stream(lambda: iter([again.slice(0, 7), again.slice(7)]), params, 1)
    assert streamed.state.equals(state)
    columns = [mix.apply(Batch(shard), Verdicts(np.empty(0, np.int64), pa.table({}), state), params) for shard in shards]
    return [uses for c in columns for uses in c["mix_uses"].to_pylist()]


def by_hand(table, seed, tokens):
    """mix_uses of ORACLE's mix, document by document, `short: repeat`."""
    rows, hashes = table.to_pylist(), Utf8.of(table["id"].combine_chunks()).hash()
    place, hold = (positions.places(positions.draw(hashes, seed, stream)).tolist() for stream in (ORDER, HOLD))
    uses = [[] for _ in rows]
    standing = {"code": [], "math": [], "rest": []}
    for i, (row, u) in enumerate(zip(rows, place, strict=True)):
        if row["profile"] == "code":
            q = row["quality_quantile"]
            name, rate, most, end = "code", 1.0 if q is None else float(np.interp(q, [0.1, 1], [0, 2.5])), 3, 3.0
        elif row["profile"] == "math":
            name, rate, most, end = "math", 1.0, 2, 1.5
        else:
            name, rate, most, end = "rest", 0.5 if row["lang"] == "sw" else 1.0, 5, 5.0
        if hold[i] < 0.1:
            uses[i] = ["validation"] if rate else []
            continue
        standing[name] += [((u + k) / rate, i, row["n_tokens"]) for k in range(most) if rate and (u + k) / rate < end]
    has = {name: sum(t for _, _, t in found) for name, found in standing.items()}
    part, shares = [Fraction(2, 3), Fraction(1, 3)], {"code": [Fraction(2, 5), Fraction(4, 7)], "rest": [Fraction(3, 5), Fraction(3, 7)]}
    total = {name: sum(p * s for p, s in zip(part, of, strict=True)) for name, of in shares.items()}
    room = min([Fraction(tokens - has["math"]), *(has[name] / s for name, s in total.items())])
    for name, found in standing.items():
        found.sort()
        start = 0
        for n, phase in enumerate("ab"):
            if name == "math":
                wanted = int(sum(part[: n + 1]) * has["math"])
            else:
                wanted = int(room * sum(p * s for p, s in zip(part[: n + 1], shares[name], strict=False)))
            sums = [sum(t for _, _, t in found[:k]) for k in range(len(found) + 1)]
            end = min(range(len(sums)), key=lambda k: (abs(sums[k] - wanted), -k)) if wanted < sums[-1] else len(found)
            for _, i, _ in found[start:end]:
                uses[i].append(phase)
            start = max(start, end)
    return uses


@settings(max_examples=25, deadline=None)
@given(st.integers(30, 120), st.integers(0, 1000), st.integers(0, 3), st.floats(0.05, 2), st.integers(1, 4))
def test_a_mix_is_the_one_made_by_hand(tmp_path_factory, n, seed, chance, share, pieces):
    file = tmp_path_factory.mktemp("mix") / "mix.yaml"
    file.write_text(ORACLE)
    table = corpus(n, seed)
    table = table.set_column(4, "n_tokens", pa.array(table["n_tokens"].to_numpy() + 1))
    whole = int(table["n_tokens"].to_numpy().sum())
    params = mix.Params(recipe=str(file), tokens=whole + int(share * whole), seed=chance, short="repeat", empty="leave_out")
    assume(set(table["profile"].to_pylist()) == {"web", "math", "code"})
    assert sampled(table, params, pieces) == by_hand(table, chance, params.tokens)


def test_every_use_goes_out_once_in_an_order_by_chance(tmp_path):
    (tmp_path / "mix.yaml").write_text(ORACLE)
    params = mix.Params(recipe=str(tmp_path / "mix.yaml"))
    uses = [["a"], ["a", "a", "b"], ["validation"], ["b"]] * 50
    table = corpus(200).append_column("mix_uses", pa.array(uses, pa.list_(pa.string())))
    sent = mix.scatter(table, params)
    parts = mix.parts(params)
    assert parts == ("validation", "a", "b")
    gone = sorted(zip(sent.rows.tolist(), sent.columns["mix_copy"].tolist(), [parts[p] for p in sent.part.tolist()], strict=True))
    assert gone == [(i, k, part) for i, of in enumerate(uses) for k, part in enumerate(of)]
    assert sent.columns["mix_phase"].to_pylist() == [parts[p] for p in sent.part.tolist()]
    assert sent.size.tolist() == table["n_tokens"].to_numpy()[sent.rows].tolist()
    assert len(set(sent.place.tolist())) == len(sent.rows)
    assert np.histogram(sent.place / 2.0**64, 4, (0, 1))[0] == pytest.approx(75, abs=30)
    other = mix.scatter(table, params.model_copy(update={"seed": 1})).place
    assert not set(other.tolist()) & set(sent.place.tolist())
    piece = mix.scatter(table.slice(100), params)
    assert piece.place.tolist() == sent.place[sent.rows >= 100].tolist()


def test_held_out_classes_are_fine_enough(tmp_path):
    one = {"e": entries.Entry(where="true", weight=1)}
    rng = np.random.default_rng(3)
    place, tokens = rng.random(200_000), rng.integers(1, 100, 200_000)
    for wanted in (5_000, 100_000, 2_000_000):
        recipe = entries.MixRecipe(one, {}, (), entries.Validation(tokens=wanted), NOWHERE, ())
        class_ = positions.hold_class(place)
        hold = limits._held_out(summed(histogram(np.zeros(len(place)), tokens, held=2 * class_, bin_=ALL)), recipe)
        got = tokens[class_ < hold[0]].sum()
        assert wanted <= got <= wanted * 1.15 + 200
    assert set(HISTOGRAM) == set(histogram([0.1], [1]).column_names)


@pytest.mark.parametrize(("place", "tokens", "taken"), [
    pytest.param([0.2, 0.5, 0.7], [1_000_000, 500, 500], 1_000_000, id="of three"),
    pytest.param([0.2], [1_000_000], 1_000_000, id="alone"),
    pytest.param([0.001, *np.linspace(0.01, 0.99, 1000)], [900_000] + [100] * 1000, 900_000, id="of many"),
])  # fmt: skip
def test_a_giant_is_not_held_out_in_place_of_a_thousand_tokens(place, tokens, taken):
    recipe = entries.MixRecipe({"e": entries.Entry(where="true", weight=1)}, {}, (), entries.Validation(tokens=1000), NOWHERE, ())
    totals = summed(histogram(np.zeros(len(place)), tokens, held=2 * positions.hold_class(np.array(place)), bin_=ALL))
    with pytest.raises(TaskError, match=f"1,000 tokens for validation would take {taken:,} of the {sum(tokens):,} tokens of entry e"):
        limits._held_out(totals, recipe)
    held = 2 * positions.hold_class(np.linspace(0.01, 0.99, 1001))
    last = summed(histogram(np.zeros(1001), [100] * 1000 + [900_000], held=held, bin_=ALL))
    assert limits._held_out(last, recipe)[0] > 0
