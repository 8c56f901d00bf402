"""The mix: shares met, budgets, nesting, what is short, mistakes in its recipe."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import RecipeError, TaskError
from curation.executors.inline import Inline
from curation.plan import Plan
from curation.recipe import load as load_recipe
from curation.run import Run
from curation.stage import Batch
from curation.tasks.base import Context
from curation.tasks.fates import id_hashes
from curation.text import Utf8
from mixes.budgets import BINS, EXACT_DOCUMENTS, affordable, bin_of, entry_of, keys_of, limits, places, summed, targets, token_counts
from mixes.entries import load
from mixes.mix import mix

LLAMA3 = Path(__file__).parent.parent / "mixes" / "llama3.yaml"
SHARES = {"general": 0.50, "math_reasoning": 0.25, "code": 0.17, "multilingual": 0.08}
ONE = 'entries: {all: {where: "true", weight: 1}}'
TWO = "entries:\n  code: {where: \"profile is not null and profile = 'code'\", weight: 1}\n  rest: {where: 'true', weight: 3}\n"


def corpus(n, seed=0, profiles=("web", "web", "math", "code")):
    """Documents of 0 to 800 bytes in four languages and the given profiles; the first ones of a larger n are the same."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, 1 << 30, (n, 4))
    return pa.table({
        "id": pa.array([f"{seed:08x}{i:024x}" for i in range(n)]),
        "text": pa.array(["é" * (d % 401) for d in draws[:, 0].tolist()], pa.large_string()),
        "lang": pa.array([("en", "en", "en", "sw", None)[d % 5] for d in draws[:, 1].tolist()]),
        "profile": pa.array([profiles[d % len(profiles)] for d in draws[:, 2].tolist()], pa.string()),
    })  # fmt: skip


class Result:
    def __init__(self, out):
        shards = sorted((out / "outputs" / "mix").glob("*.parquet"))
        self.bytes = [p.read_bytes() for p in shards]
        self.table = pa.concat_tables([pq.read_table(p) for p in shards]) if shards else None
        self.account = next(s for s in json.loads((out / "run.json").read_bytes())["steps"] if s["name"] == "mix")
        dropped = sorted((out / "dropped").glob("mix-*.parquet"))
        self.dropped = pa.concat_tables([pq.read_table(p) for p in dropped]) if dropped else None

    @property
    def ids(self):
        return set(self.table["id"].to_pylist())

    @property
    def tokens(self):
        sums = self.table.group_by("mix_entry").aggregate([("mix_tokens", "sum")]).to_pydict()
        return dict(zip(sums["mix_entry"], sums["mix_tokens_sum"], strict=True))


@pytest.fixture
def plan(tmp_path):
    """Plan a mix over tables, each one file."""

    def make(tables, recipe=LLAMA3, more=None, **params):
        for i, table in enumerate(tables):
            pq.write_table(table, tmp_path / f"part-{i}.parquet", row_group_size=100)
        paths = [f"part-{i}.parquet" for i in range(len(tables))]
        if not isinstance(recipe, Path):
            (tmp_path / "mix.yaml").write_text(recipe, encoding="utf-8")
            recipe = tmp_path / "mix.yaml"
        text = {
            "name": "test",
            "inputs": {"docs": {"use": "parquet", "paths": paths, "carry": ["lang", "profile"]}},
            "outputs": {"mix": {"use": "mix", "needs": "docs", "recipe": str(recipe), **params}},
            "settings": more or {},
        }
        (tmp_path / "pipeline.yaml").write_text(json.dumps(text), encoding="utf-8")
        return Plan(load_recipe(tmp_path / "pipeline.yaml"))

    return make


@pytest.fixture
def run(plan, tmp_path):
    """Plan and run in a folder of its own."""
    count = iter(range(100))

    def go(tables, recipe=LLAMA3, more=None, **params):
        made, out = plan(tables, recipe, more, **params), tmp_path / f"out-{next(count)}"
        Run(made, out, Inline(Context(made, out))).walk()
        return Result(out)

    return go


TABLES = [corpus(700, 1), corpus(500, 2)]


def biggest(result):
    return max(result.table["mix_tokens"].to_pylist())


# -- shares and budgets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [
    pytest.param(1000, id="few documents"), pytest.param(30_000, id="many"), pytest.param(None, id="all it can"),
])  # fmt: skip
def test_each_entry_gets_its_share(run, tokens):
    result = run(TABLES, tokens=tokens)
    budget = tokens or sum(result.tokens.values())
    for name, share in SHARES.items():
        assert result.tokens[name] == pytest.approx(budget * share, abs=biggest(result))
    assert sum(result.tokens.values()) == pytest.approx(budget, abs=2 * biggest(result))


def test_without_a_budget_the_scarcest_entry_is_used_up(run):
    result = run(TABLES)
    kept, left = set(result.table["mix_entry"].to_pylist()), set(result.dropped["mix_entry"].to_pylist())
    assert kept == set(SHARES)
    assert len(kept - left) == 1


def test_accounts_and_what_is_written(run):
    tables = [*TABLES, corpus(40, 3).set_column(3, "profile", pa.array(["slides"] * 40))]
    english = sum(lang != "sw" for lang in tables[2]["lang"].to_pylist())
    result = run(tables, tokens=20_000)
    account = result.account
    assert account["documents_in"] == 1240 == account["kept"] + sum(account["dropped"].values())
    assert account["dropped"]["no_entry"] == english
    assert account["dropped"]["not_sampled"] == 1240 - english - result.table.num_rows
    assert result.table["mix_tokens"].to_pylist() == [-(-len(t.encode()) // 4) for t in result.table["text"].to_pylist()]
    assert result.table.schema.field("mix_entry").type == pa.string()
    assert result.table.schema.field("mix_tokens").type == pa.int64()


def test_one_entry_without_a_budget_keeps_everything(run):
    result = run([corpus(90, 4), corpus(10, 4, ("math",)).slice(0, 0)], ONE)
    assert result.account["kept"] == 90
    assert result.account["dropped"] == {}


def test_the_first_entry_that_matches_takes_a_document(run):
    recipe = 'entries: {english: {where: "lang is not null and lang = \'en\'", weight: 1}, all: {where: "true", weight: 1}}'
    result = run(TABLES, recipe)
    entries = dict(zip(result.table["lang"].to_pylist(), result.table["mix_entry"].to_pylist(), strict=True))
    assert entries == {"en": "english", "sw": "all", None: "all"}


@pytest.mark.parametrize(("lang", "profile", "entry"), [
    pytest.param("en", "web", "general", id="English web"),
    pytest.param("en", "math", "math_reasoning", id="English math"),
    pytest.param("en", "code", "code", id="English code"),
    pytest.param("de", "web", "multilingual", id="other web"),
    pytest.param("de", "code", "multilingual", id="language goes first"),
    pytest.param(None, "math", "math_reasoning", id="no language: by its profile"),
    pytest.param("en", None, "general", id="no profile: web"),
    pytest.param("en", "slides", None, id="unknown profile: no entry"),
])  # fmt: skip
def test_llama3_entries(lang, profile, entry):
    recipe = load(LLAMA3)
    table = pa.table({"lang": pa.array([lang], pa.string()), "profile": pa.array([profile], pa.string())})
    ordinal = int(recipe.assign(table)[0])
    assert (recipe.names[ordinal] if ordinal >= 0 else None) == entry


def test_llama3_weights_are_the_papers():
    weights = {name: e.weight for name, e in load(LLAMA3).entries.items()}
    assert {name: w / sum(weights.values()) for name, w in weights.items()} == SHARES


# -- the order of sampling ------------------------------------------------------------------------------


def test_a_smaller_mix_is_a_subset(run):
    mixes = [run(TABLES, tokens=tokens).ids for tokens in (500, 5000, 12_345, 40_000, None)]
    assert all(small < large for small, large in pairwise(mixes))


def test_new_documents_push_out_but_do_not_reshuffle(run):
    before = run(TABLES, tokens=20_000).ids
    after = run([*TABLES, corpus(800, 7)], tokens=20_000).ids
    old = {i for table in TABLES for i in table["id"].to_pylist()}
    assert after & old < before
    assert after - old


def test_same_seed_same_bytes_another_seed_another_choice(run):
    first, again, other = run(TABLES, tokens=20_000), run(TABLES, tokens=20_000), run(TABLES, tokens=20_000, seed=1)
    assert first.bytes == again.bytes
    assert first.ids != other.ids
    assert first.tokens == {name: pytest.approx(n, abs=2 * biggest(first)) for name, n in other.tokens.items()}


def test_partitions_spills_and_shards_do_not_matter(run):
    whole = run([pa.concat_tables(TABLES)], tokens=20_000)
    small = {"shuffle": {"partition_bytes": 25_000, "spill_bytes": 2000, "reduce_bytes": 2000}}
    assert run([t.slice(i, 250) for t in TABLES for i in range(0, t.num_rows, 250)], more=small, tokens=20_000).ids == whole.ids


def test_order_is_independent_of_the_runs_own_samples():
    ids = corpus(20_000)["id"].combine_chunks()
    place = places(Utf8.of(ids), 0) / 2.0**48
    assert place.mean() == pytest.approx(0.5, abs=0.02)
    assert place[id_hashes(ids) < np.uint64(2**64 // 20)].mean() == pytest.approx(0.5, abs=0.05)
    assert abs(np.corrcoef(place, places(Utf8.of(ids), 1))[0, 1]) < 0.03


def test_any_seed_will_do():
    ids = Utf8.of(pa.array(["a", "b"]))
    assert len({tuple(places(ids, seed).tolist()) for seed in (-1, 0, 1, 2**64 + 5)}) == 4


# -- what is short --------------------------------------------------------------------------------------


def test_a_short_budget_is_scaled_or_refused(run):
    most = run(TABLES)
    assert run(TABLES, tokens=10**9).ids == most.ids
    message = r"1,000,000,000 tokens cannot be met: .*code has [\d,]+ of 170,000,000.*these weights allow [\d,]+ tokens"
    with pytest.raises(TaskError, match=message):
        run(TABLES, tokens=10**9, short="fail")


def test_short_fail_is_content_with_what_can_be_met(run):
    scaled = run(TABLES, TWO)
    most = affordable(*[list(x) for x in zip(*[(available(TWO, name), w) for name, w in (("code", 1.0), ("rest", 3.0))], strict=True)])
    assert run(TABLES, TWO, tokens=most, short="fail").ids == scaled.ids
    with pytest.raises(TaskError, match="cannot be met"):
        run(TABLES, TWO, tokens=most + 4, short="fail")


def available(recipe, name):
    table = pa.concat_tables(TABLES)
    code = np.array([p == "code" for p in table["profile"].to_pylist()])
    tokens = token_counts(Utf8.of(table["text"]))
    return int(tokens[code if name == "code" else ~code].sum())


def test_an_empty_entry_is_refused_or_left_out(run):
    tables = [corpus(300, 5, ("web", "code"))]
    with pytest.raises(TaskError, match=r"no document, or only empty ones, for math_reasoning .*`empty: leave_out`"):
        run(tables)
    result = run(tables, empty="leave_out")
    budget = sum(result.tokens.values())
    assert set(result.tokens) == {"general", "code", "multilingual"}
    for name, n in result.tokens.items():
        assert n == pytest.approx(budget * SHARES[name] / 0.75, abs=biggest(result))


def test_nothing_matches(run):
    recipe = "entries: {slides: {where: \"profile is not null and profile = 'slides'\", weight: 1}}"
    result = run(TABLES, recipe, empty="leave_out")
    assert (result.account["kept"], result.account["dropped"]) == (0, {"no_entry": 1200})


def test_documents_without_text_have_no_tokens(run):
    table = corpus(50, 6).set_column(1, "text", pa.array([""] * 50, pa.large_string()))
    with pytest.raises(TaskError, match="only empty ones, for all"):
        run([table], ONE)
    assert run([table, corpus(50, 8)], ONE).account["kept"] == 100


# -- the histogram --------------------------------------------------------------------------------------


def rows(place, entry, tokens):
    place, entry = np.asarray(place, dtype=np.uint64), np.asarray(entry, dtype=np.int64)
    key = keys_of(place, entry)
    order = np.argsort(key, kind="stable")
    tokens, one = np.asarray(tokens, dtype=np.int64)[order], np.ones(len(key), dtype=np.int64)
    return pa.table({"key": key[order], "tokens": tokens, "documents": one})


def merged(*tables):
    table = pa.concat_tables(tables)
    return summed(table.take(pa.array(np.argsort(table["key"].to_numpy(), kind="stable"))))


bin_starts = st.integers(0, 5).map(lambda b: b << 32)
documents = st.lists(st.tuples(bin_starts, st.integers(0, 2**32 - 1), st.integers(0, 2), st.integers(0, 50)), min_size=1, max_size=60)


@settings(max_examples=150, deadline=None)
@given(documents, st.integers(0, 60))
def test_summing_early_loses_nothing_and_is_bounded(docs, cut):
    bins, within, entry, tokens = (np.array(x, dtype=np.int64) for x in zip(*docs, strict=True))
    place = bins + within
    whole = rows(place, entry, tokens)
    in_two = merged(summed(rows(place[:cut], entry[:cut], tokens[:cut])), summed(rows(place[cut:], entry[cut:], tokens[cut:])))
    for table in (summed(whole), in_two):
        assert np.all(np.diff(table["key"].to_numpy().astype(object)) >= 0)
        group = entry_of(table["key"].to_numpy()) * BINS + bin_of(table["key"].to_numpy())
        assert np.unique(group, return_counts=True)[1].max() <= EXACT_DOCUMENTS
        for e in range(3):
            for name, wanted in (("tokens", tokens[entry == e].sum()), ("documents", (entry == e).sum())):
                assert table.filter(pa.array(entry_of(table["key"].to_numpy()) == e))[name].to_numpy().sum() == wanted


@settings(max_examples=150, deadline=None)
@given(documents, st.lists(st.integers(0, 3000), min_size=2, max_size=5).map(sorted))
def test_limits_grow_with_what_is_wanted_and_are_near(docs, wanted):
    bins, within, _, tokens = (np.array(x, dtype=np.int64) for x in zip(*docs, strict=True))
    place = (bins + within).astype(np.uint64)
    histogram = summed(rows(place, np.zeros(len(docs)), tokens))
    crowded = np.bincount(bin_of(histogram["key"].to_numpy()), weights=histogram["documents"].to_numpy()).max() > EXACT_DOCUMENTS
    last = 0
    for n in wanted:
        limit = int(limits(histogram, [n])[0])
        assert limit >= last
        last = limit
        got = int(tokens[place < limit].sum())
        if n >= tokens.sum():
            assert got == tokens.sum()
        elif not crowded and len(np.unique(place)) == len(place):
            assert abs(got - n) <= tokens.max() / 2


@pytest.mark.parametrize("share", [0.003, 0.08, 0.5, 0.999])
def test_a_large_entry_is_cut_within_a_bin(share):
    """1 M documents, 15 a bin, one in a hundred of them a hundred times as long."""
    rng = np.random.default_rng(0)
    place = rng.integers(0, 1 << 48, 1_000_000).astype(np.uint64)
    tokens = np.where(rng.random(len(place)) < 0.01, 100_000, 1000) + rng.integers(0, 100, len(place))
    histogram = summed(rows(place, np.zeros(len(place)), tokens))
    assert histogram.num_rows <= EXACT_DOCUMENTS * BINS
    wanted = int(tokens.sum() * share)
    got = int(tokens[place < limits(histogram, [wanted])[0]].sum())
    assert abs(got - wanted) <= max(0.001 * wanted, 100_100)


def test_targets_are_exact():
    assert targets(10**18 + 7, [50, 25, 17, 8]) == [500000000000000003, 250000000000000001, 170000000000000001, 80000000000000000]
    assert affordable([100, 30], [0.1, 0.1]) == 60
    assert targets(affordable([7, 100], [1, 3]), [1, 3]) == [7, 21]


def test_one_key_in_chunks_gives_the_same_state():
    table = rows([1, 2, 3, 4, 5, 6, 7, 8], [0] * 8, range(8))
    chunks = list(mix.stream(lambda: iter([table.slice(0, 5), table.slice(5)]), None, 0))
    state = pa.concat_tables([c.state for c in chunks])
    assert state["tokens"].to_numpy().sum() == 28
    assert state["documents"].to_numpy().sum() == 8


def test_no_documents():
    table = corpus(5).slice(0, 0)
    params = mix.Params(recipe=str(LLAMA3))
    assert len(mix.emit(Batch(table), params).key) == 0
    assert summed(rows([], [], [])).num_rows == 0


# -- mistakes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("yaml", "message"), [
    pytest.param("entries: {a: {where: 'true', weight: 0}}", r"mix.yaml:1:38: entries.a.weight: .* greater than 0", id="weight 0"),
    pytest.param("entries: {a: {where: 'true', weight: -1}}", "greater than 0", id="negative"),
    pytest.param("entries: {a: {where: 'true', weight: .inf}}", "finite number", id="infinite"),
    pytest.param("entries: {a: {where: 'true', weight: true}}", "valid number", id="a weight that is no number"),
    pytest.param("entries: {a: {where: 'true'}}", "needs 'weight'", id="no weight"),
    pytest.param("entries: {a: {weight: 1}}", "needs 'where'", id="no rule"),
    pytest.param("entries: {a: {where: true, weight: 1}}", "valid string", id="rule is no text"),
    pytest.param("entries: {a: {where: 'true', wieght: 1}}", r"unknown key 'wieght' \(did you mean 'weight'\?\)", id="unknown key"),
    pytest.param("entrys: {}", r"unknown key 'entrys' \(did you mean 'entries'\?\)", id="unknown key above"),
    pytest.param("entries: {}", "at least 1 item", id="no entry"),
    pytest.param("entries: {a b: {where: 'true', weight: 1}}", "a name starts with a letter", id="name"),
    pytest.param("entries: {a: 5}", "a is a map", id="entry is no map"),
    pytest.param("entries: {a: {where: 'lang =', weight: 1}}", r"entries.a.where: .* \(character 7 of 'lang ='\)", id="broken rule"),
    pytest.param("entries: {a: {where: 'lang = 5', weight: 1}}", 'cannot compare "lang"', id="type"),
    pytest.param("entries: {a: {where: len(text), weight: 1}}", "is no condition", id="no condition"),
    pytest.param("entries: {a: {where: \"tongue = 'en'\", weight: 1}}", "reads column 'tongue', which no step above", id="absent column"),
    pytest.param("entries: {a: {where: \"url = 'x'\", weight: 1}}", '"url" may be null: say what null does', id="nullable"),
    pytest.param("entries: [", "not valid YAML", id="broken YAML"),
    pytest.param("entries:\n" + "".join(f"  e{i}: {{where: 'true', weight: 1}}\n" for i in range(33)), "at most 32 items", id="too many"),
])  # fmt: skip
def test_mistakes_in_the_recipe_of_the_mix(plan, yaml, message):
    with pytest.raises(RecipeError, match=message):
        plan([corpus(5)], yaml)


@pytest.mark.parametrize(("params", "message"), [
    pytest.param({"tokens": 0}, r"outputs.mix.tokens: input should be greater than 0", id="no budget"),
    pytest.param({"short": "repeat"}, "outputs.mix.short", id="short"),
    pytest.param({"token": 5}, "did you mean 'tokens'", id="unknown parameter"),
    pytest.param({"recipe": "nowhere.yaml"}, "no file 'nowhere.yaml'", id="no such recipe"),
])  # fmt: skip
def test_mistakes_in_the_parameters(plan, params, message):
    with pytest.raises(RecipeError, match=message):
        plan([corpus(5)], **{"recipe": LLAMA3, **{k: Path(v) if k == "recipe" else v for k, v in params.items()}})


def test_a_changed_recipe_is_read_again_and_changes_the_fingerprint(plan):
    first = plan([corpus(5)], ONE)
    second = plan([corpus(5)], ONE.replace("weight: 1", "weight: 2"))
    assert first.steps["mix"].fingerprint != second.steps["mix"].fingerprint
    assert first.steps["docs"].fingerprint == second.steps["docs"].fingerprint


def test_an_unreadable_recipe(tmp_path):
    (tmp_path / "mix.yaml").write_bytes(b"entries: \xff")
    with pytest.raises(RecipeError, match="the mix recipe is not UTF-8"):
        load(tmp_path / "mix.yaml")
    with pytest.raises(RecipeError, match="cannot read the mix recipe"):
        load(tmp_path / "none.yaml")
