"""The mix: shares met, budgets, phases, epochs, what is held out, what is short, mistakes in its recipe."""

import json
import re
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from curation.errors import RecipeError, TaskError
from curation.executors.inline import Inline
from curation.plan import Plan
from curation.recipe import load as load_recipe
from curation.run import Run
from curation.tasks.base import Context
from curation.text import Utf8
from mixes import positions
from mixes.entries import load
from mixes.mix import HOLD
from tests.engine.engine_kit import run as run_file

MIXES = Path(__file__).parent.parent / "mixes"
LLAMA3 = MIXES / "llama3.yaml"
SHARES = {"general": 0.50, "math_reasoning": 0.25, "code": 0.17, "multilingual": 0.08}
ONE = 'entries: {all: {where: "true", weight: 1}}'
TWO = "entries:\n  code: {where: \"profile is not null and profile = 'code'\", weight: 1}\n  rest: {where: 'true', weight: 3}\n"


def corpus(n, seed=0, profiles=("web", "web", "math", "code"), **columns):
    """Documents of 0 to 800 tokens in four languages and the given profiles; the first ones of a larger n are the same."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, 1 << 30, (n, 4))
    return pa.table({
        "id": pa.array([f"{seed:08x}{i:024x}" for i in range(n)]),
        "text": pa.array([f"text {seed} {i}" for i in range(n)], pa.large_string()),
        "lang": pa.array([("en", "en", "en", "sw", None)[d % 5] for d in draws[:, 1].tolist()]),
        "profile": pa.array([profiles[d % len(profiles)] for d in draws[:, 2].tolist()], pa.string()),
        "n_tokens": pa.array(draws[:, 0] % 801, pa.int64()),
        "quality_quantile": pa.array((draws[:, 3] % 1000 / 1000).astype(np.float32), mask=draws[:, 3] % 11 == 0),
        **columns,
    })  # fmt: skip


class Result:
    def __init__(self, out):
        shards = sorted((out / "outputs" / "mix").glob("*.parquet"))
        self.bytes = [p.read_bytes() for p in shards]
        self.shards = {p.name: pq.read_table(p) for p in shards}
        self.table = pa.concat_tables(self.shards.values()) if shards else None
        self.account = next(s for s in json.loads((out / "run.json").read_bytes())["steps"] if s["name"] == "mix")
        self.report = self.account["report"]["entries"]
        dropped = sorted((out / "dropped").glob("mix-*.parquet"))
        self.dropped = pa.concat_tables([pq.read_table(p) for p in dropped]) if dropped else None

    @cached_property
    def uses(self):
        """(id, phase) of every use."""
        return sorted(zip(self.table["id"].to_pylist(), self.table["mix_phase"].to_pylist(), strict=True))

    @cached_property
    def ids(self):
        return {i for i, _ in self.uses}

    def tokens(self, phase=None):
        """Tokens used of each entry, of one phase or of all but what is held out."""
        wanted = pc.equal(self.table["mix_phase"], phase) if phase else pc.not_equal(self.table["mix_phase"], "validation")
        sums = self.table.filter(wanted).group_by("mix_entry").aggregate([("n_tokens", "sum")]).to_pydict()
        return dict(zip(sums["mix_entry"], sums["n_tokens_sum"], strict=True))

    @cached_property
    def times(self):
        """id -> how often it is trained on."""
        counts = {}
        for i, p in self.uses:
            counts[i] = counts.get(i, 0) + (p != "validation")
        return counts


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
        carried = [c for c in tables[0].column_names if c not in ("id", "text")]
        text = {
            "name": "test",
            "inputs": {"docs": {"use": "parquet", "paths": paths, "carry": carried}},
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
BIGGEST = 800
SCHEDULE = """
entries:
  code: {where: "profile is not null and profile = 'code'", weight: 1, max_epochs: 3}
  rest: {where: 'true', weight: 3}
schedule:
  - {name: first, tokens: 60_000}
  - {name: late, tokens: 20_000, weights: {code: 3}}
  - {name: anneal, tokens: 20_000, weights: {code: 9, rest: 1}}
"""


def near(wanted, documents=1):
    """Within a thousandth or so many documents."""
    return pytest.approx(wanted, abs=max(0.001 * wanted, documents * BIGGEST))


# -- shares and budgets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [
    pytest.param(4000, id="few documents"), pytest.param(100_000, id="many"), pytest.param(None, id="all it can"),
])  # fmt: skip
def test_each_entry_gets_its_share(run, tokens):
    result = run(TABLES, tokens=tokens)
    budget = tokens or sum(result.tokens().values())
    for name, share in SHARES.items():
        assert result.tokens().get(name, 0) == near(budget * share, 0.5 if tokens else 1)
    assert sum(result.tokens().values()) == near(budget, 2)


def test_without_a_budget_the_scarcest_entry_is_used_up(run):
    result = run(TABLES)
    kept, left = set(result.table["mix_entry"].to_pylist()), set(result.dropped["mix_entry"].to_pylist())
    assert kept == set(SHARES)
    assert len(kept - left) == 1


def test_accounts_and_what_is_written(run):
    tables = [*TABLES, corpus(40, 3, ("slides",))]
    english = sum(lang != "sw" for lang in tables[2]["lang"].to_pylist())
    result = run(tables, tokens=20_000)
    account = result.account
    assert account["documents_in"] == 1240 == account["kept"] + sum(account["dropped"].values())
    assert account["dropped"]["no_entry"] == english
    assert account["dropped"]["not_sampled"] == 1240 - english - len(result.ids)
    assert account["created"] == 0
    assert {name: str(result.table.schema.field(name).type) for name in result.table.column_names if name.startswith("mix_")} == {
        "mix_entry": "string", "mix_uses": "list<element: string>", "mix_phase": "string", "mix_copy": "int32",
    }  # fmt: skip
    assert {p for _, p in result.uses} == {"train"}


def test_the_output_has_a_row_a_use_in_shards_of_a_phase_of_equal_tokens(run):
    recipe = SCHEDULE + "validation: {share: 0.1}\n"
    result = run(TABLES, recipe, tokens=300_000, short="repeat", shard_tokens=9_000, seed=5)
    assert result.account["created"] == result.table.num_rows - len(result.ids) > 0
    assert result.account["kept"] == result.table.num_rows
    seen = {}
    for name, shard in result.shards.items():
        phase, tokens = shard["mix_phase"].unique().to_pylist(), pc.sum(shard["n_tokens"]).as_py()
        assert phase == [name.partition("-")[0]]
        seen.setdefault(phase[0], []).append(tokens)
    assert list(seen) == sorted(seen) == ["anneal", "first", "late", "validation"]
    for of_phase in seen.values():
        assert max(of_phase) <= 9_000 + BIGGEST
        assert max(of_phase) - min(of_phase) <= 2 * BIGGEST
    for i, uses, copy, phase in zip(*(result.table[c].to_pylist() for c in ("id", "mix_uses", "mix_copy", "mix_phase")), strict=True):
        assert uses[copy] == phase, i
    pairs = list(zip(result.table["id"].to_pylist(), result.table["mix_copy"].to_pylist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    first = pa.concat_tables([t for n, t in result.shards.items() if n.startswith("first")])["id"].to_pylist()
    assert sum(a < b for a, b in pairwise(first)) == pytest.approx(len(first) / 2, abs=2 * np.sqrt(len(first)))


def test_the_report_says_what_each_entry_has_wants_and_gives(run):
    result = run(TABLES, SCHEDULE, short="repeat")
    everything = pa.concat_tables(TABLES)
    code = pc.equal(everything["profile"], "code")
    for name, mask in (("code", code), ("rest", pc.invert(code))):
        of, mine = result.report[name], everything.filter(mask)
        assert (of["documents"], of["tokens"]) == (mine.num_rows, pc.sum(mine["n_tokens"]).as_py())
        assert of["used_tokens"] == result.tokens()[name] == sum(of["parts"][p]["tokens"] for p in ("first", "late", "anneal"))
        assert of["used_documents"] == len({i for i in result.ids if i in set(mine["id"].to_pylist())})
        assert of["epochs"] == pytest.approx(of["used_tokens"] / of["tokens"])
        assert sum(part["uses"] for part in of["parts"].values()) == sum(result.times.get(i, 0) for i in mine["id"].to_pylist())
    assert result.report["code"]["wanted_tokens"] == 15_000 + 10_000 + 18_000
    assert any(note.startswith("code: ") and "epochs" in note for note in result.account["notes"])


def test_one_entry_without_a_budget_keeps_everything(run):
    result = run([corpus(90, 4)], ONE)
    assert result.account["kept"] == 90
    assert result.account["dropped"] == {}


def test_the_first_entry_that_matches_takes_a_document(run):
    recipe = 'entries: {english: {where: "lang is not null and lang = \'en\'", weight: 1}, all: {where: "true", weight: 1}}'
    result = run(TABLES, recipe)
    entries = dict(zip(result.table["lang"].to_pylist(), result.table["mix_entry"].to_pylist(), strict=True))
    assert entries == {"en": "english", "sw": "all", None: "all"}


def test_entries_with_weights_share_what_tokens_and_epochs_leave(run):
    recipe = """
entries:
  code: {where: "profile is not null and profile = 'code'", tokens: 7_000}
  math: {where: "profile is not null and profile = 'math'", epochs: 0.5}
  sw:   {where: "lang is not null and lang = 'sw'", weight: 1}
  rest: {where: "true", weight: 3}
"""
    result = run(TABLES, recipe, tokens=90_000)
    left = 90_000 - 7_000 - result.tokens()["math"]
    assert result.tokens() == {"code": near(7_000), "math": result.tokens()["math"], "sw": near(left / 4), "rest": near(left * 3 / 4)}
    assert result.report["math"]["epochs"] == pytest.approx(0.5, abs=0.05)
    math = {i for i, p in zip(*(pa.concat_tables(TABLES)[c].to_pylist() for c in ("id", "profile")), strict=True) if p == "math"}
    assert 0.4 * len(math) < len(math & result.ids) < 0.6 * len(math)


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


@pytest.mark.parametrize(("file", "weights"), [
    ("llama3", {"general": 50, "math_reasoning": 25, "code": 17, "multilingual": 8}),
    ("llama1", {"common_crawl": 67, "c4": 15, "github": 4.5, "wikipedia": 4.5, "books": 4.5, "arxiv": 2.5, "stackexchange": 2}),
])  # fmt: skip
def test_weights_are_the_papers(file, weights):
    assert {name: e.weight for name, e in load(MIXES / f"{file}.yaml").entries.items()} == weights


@pytest.mark.parametrize("file", sorted(p.stem for p in MIXES.glob("*.yaml")))
def test_recipes_fit_the_columns_of_a_pipeline(file):
    schema = pa.schema([
        pa.field("source", pa.string(), nullable=False), pa.field("date", pa.timestamp("us", "UTC")), pa.field("lang", pa.string()),
        pa.field("profile", pa.string()), pa.field("quality_quantile", pa.float32()),
        pa.field("contamination_ngrams", pa.int32(), nullable=False),
    ])  # fmt: skip
    recipe = load(MIXES / f"{file}.yaml")
    recipe.check(schema, None)
    assert set(recipe.columns) <= set(schema.names)
    assert all(sum(w for w in of_phase if w) == pytest.approx(100) for of_phase in recipe.weights())


def test_probe_is_three_tenths_of_the_candidate_and_the_default():
    probe, default = load(MIXES / "probe.yaml").entries, load(LLAMA3).entries
    assert probe["candidate"].weight == 30
    assert {n: (e.where, e.weight) for n, e in default.items()} == {
        n: (e.where, pytest.approx(e.weight / 0.7)) for n, e in probe.items() if n != "candidate"
    }


def test_llama1_repeats_what_is_small_up_to_its_epochs(run):
    sources = {"common_crawl": 600, "c4": 130, "github": 60, "wikipedia": 16, "books": 16, "arxiv": 20, "stackexchange": 16}
    names = [name for name, n in sources.items() for _ in range(n)]
    table = corpus(len(names), 9).append_column("of", pa.array(names))
    recipe = (MIXES / "llama1.yaml").read_text().replace("source = ", "of is not null and of = ")
    once, often = run([table], recipe), run([table], recipe, short="repeat")
    assert max(once.times.values()) == 1
    caps = {name: e.max_epochs for name, e in load(MIXES / "llama1.yaml").entries.items()}
    most = {}
    for i, name in zip(table["id"].to_pylist(), names, strict=True):
        most[name] = max(most.get(name, 0), often.times.get(i, 0))
    assert all(n <= caps[name] for name, n in most.items())
    assert max(most.values()) >= 2
    assert sum(often.tokens().values()) > 1.5 * sum(once.tokens().values())
    whole = sum(often.tokens().values())
    assert often.tokens()["common_crawl"] == near(0.67 * whole, 2)


def test_annealing_takes_the_best_and_no_benchmark(run):
    n = 3000
    names = ["gsm8k_train" if i % 7 == 0 else "math" if i % 7 == 1 else "web" for i in range(n)]
    overlap = pa.array([int(i % 11 == 0) for i in range(n)], pa.int32())
    table = corpus(n, 12, of=pa.array(names), contamination_ngrams=overlap)
    recipe = (MIXES / "annealing.yaml").read_text().replace("source in", "of is not null and of in")
    recipe = recipe.replace("contamination_ngrams >", "contamination_ngrams is not null and contamination_ngrams >")
    result = run([table], recipe, tokens=100_000)
    excluded = sum(name == "gsm8k_train" or o for name, o in zip(names, overlap.to_pylist(), strict=True))
    assert result.account["dropped"]["excluded"] == excluded
    used = table.filter(pc.is_in(table["id"], pa.array(sorted(result.ids))))
    assert set(used["of"].to_pylist()) == {"web", "math"}
    assert set(used["contamination_ngrams"].to_pylist()) == {0}
    assert pc.min(used["quality_quantile"]).as_py() >= 0.5
    assert result.tokens() == {"math": near(40_000), "code": near(40_000), "general": near(20_000)}


# -- the order of sampling ------------------------------------------------------------------------------


def test_a_smaller_mix_is_a_subset(run):
    mixes = [run(TABLES, tokens=tokens).ids for tokens in (500, 5000, 12_345, 100_000, None)]
    assert all(small < large for small, large in pairwise(mixes))


def test_new_documents_push_out_but_do_not_reshuffle(run):
    before = run(TABLES, tokens=60_000).ids
    after = run([*TABLES, corpus(800, 7)], tokens=60_000).ids
    old = {i for table in TABLES for i in table["id"].to_pylist()}
    assert after & old < before
    assert after - old


def test_same_seed_same_bytes_another_seed_another_choice(run):
    first, again, other = run(TABLES, tokens=60_000), run(TABLES, tokens=60_000), run(TABLES, tokens=60_000, seed=1)
    assert first.bytes == again.bytes
    assert first.ids != other.ids
    assert first.tokens() == {name: near(n, 2) for name, n in other.tokens().items()}


def test_order_partitions_spills_and_shards_do_not_matter(run):
    recipe = SCHEDULE + "validation: {tokens: 4_000}\n"
    whole = run([pa.concat_tables(TABLES)], recipe, short="repeat")
    small = {"shuffle": {"partition_bytes": 25_000, "spill_bytes": 2000, "reduce_bytes": 2000}}
    pieces = [t.slice(i, 250) for t in reversed(TABLES) for i in range(0, t.num_rows, 250)]
    assert run(pieces, recipe, more=small, short="repeat").uses == whole.uses


def test_worker_processes_give_the_same_bytes(plan, run, tmp_path):
    inline = run(TABLES, SCHEDULE, tokens=60_000)
    plan(TABLES, SCHEDULE, tokens=60_000)
    run_file(tmp_path / "pipeline.yaml", tmp_path / "processes", workers=2)
    assert Result(tmp_path / "processes").bytes == inline.bytes


class Killed(BaseException):
    """Stands for the end of the process."""


class Stops(Inline):
    """Runs so many tasks, then dies."""

    left = 0

    def map(self, work, quarantine):
        for task in super().map(work, quarantine):
            if not self.left:
                raise Killed
            self.left -= 1
            yield task


def test_a_run_killed_at_any_task_goes_on_to_the_same_bytes(plan, run, tmp_path):
    whole, made = run(TABLES, SCHEDULE, tokens=60_000), plan(TABLES, SCHEDULE, tokens=60_000)
    out, deaths, done = tmp_path / "killed", 0, False
    while not done:
        executor = Stops(Context(made, out))
        executor.left = 1
        try:
            Run(made, out, executor).walk()
            done = True
        except Killed:
            deaths += 1
    assert deaths >= 3
    assert Result(out).bytes == whole.bytes
    assert Result(out).report == whole.report


# -- phases and epochs ----------------------------------------------------------------------------------


def test_phases_have_their_shares_and_are_taken_one_behind_the_other(run):
    result = run(TABLES, SCHEDULE, short="repeat")
    for phase, code, rest in (("first", 15_000, 45_000), ("late", 10_000, 10_000), ("anneal", 18_000, 2_000)):
        assert result.tokens(phase) == {"code": near(code), "rest": near(rest)}
    only = run(TABLES, SCHEDULE.replace("tokens: 20_000", "tokens: 1"), short="repeat")
    assert {i for i, p in only.uses if p == "first"} == {i for i, p in result.uses if p == "first"}


def test_a_smaller_budget_of_a_schedule_is_a_subset_use_by_use(run):
    def of(tokens):
        return run(TABLES, SCHEDULE, tokens=tokens, short="repeat").times

    small, large = of(20_000), of(200_000)
    assert all(n <= large.get(i, 0) for i, n in small.items())
    assert sum(small.values()) < sum(large.values())


def test_no_document_passes_its_cap_over_all_phases(run):
    result = run(TABLES, SCHEDULE, tokens=2_000_000, short="repeat")
    code = {i for i, e in zip(result.table["id"].to_pylist(), result.table["mix_entry"].to_pylist(), strict=True) if e == "code"}
    assert max(result.times[i] for i in code) == 3
    assert {p for i, p in result.uses if i in code} == {"first", "late", "anneal"}
    assert result.report["code"]["short_tokens"] > 0
    assert any(note.startswith("short: code has ") for note in result.account["notes"])


@pytest.mark.parametrize(("epochs", "least", "most"), [(0.64, 0, 1), (1, 1, 1), (2.45, 2, 3)])
def test_epochs(run, epochs, least, most):
    result = run(TABLES, f'entries: {{all: {{where: "true", epochs: {epochs}}}}}')
    times = [result.times.get(i, 0) for table in TABLES for i in table["id"].to_pylist()]
    assert (min(times), max(times)) == (least, most)
    assert np.mean(times) == pytest.approx(epochs, abs=3 * np.sqrt(0.25 / len(times)))
    assert result.report["all"]["epochs"] == pytest.approx(epochs, abs=0.05)


# -- rates ----------------------------------------------------------------------------------------------


def test_a_quality_curve_uses_documents_at_its_rates(run):
    table = corpus(6000, 21)
    curve = "quality: {column: quality_quantile, points: [[0.2, 0], [0.5, 1], [0.9, 3]], missing: 0.5}"
    result = run([table], f'entries: {{all: {{where: "true", epochs: 1, {curve}}}}}')
    times = np.array([result.times.get(i, 0) for i in table["id"].to_pylist()])
    quality = table["quality_quantile"].to_numpy()
    rate = np.where(np.isnan(quality), 0.5, np.interp(quality, [0.2, 0.5, 0.9], [0, 1, 3]))
    assert np.all(times[rate == 0] == 0)
    assert np.all(times[quality > 0.9] == 3)
    assert set(times[np.isnan(quality)].tolist()) == {0, 1}
    for low in np.arange(0, 3, 0.5):
        mine = (rate > low) & (rate <= low + 0.5)
        assert times[mine].mean() == pytest.approx(rate[mine].mean(), abs=4 * np.sqrt(0.25 / mine.sum()))
    assert np.all(np.abs(times - rate) < 1)


def test_topics_are_used_at_their_rates_whatever_the_budget(run):
    topics = ["arts" if i % 3 == 0 else "science" for i in range(4000)]
    table = corpus(4000, 22, topic=pa.array(topics))
    recipe = "entries: {all: {where: 'true', weight: 1, rates: {topic: {arts: 0.25}}}}"
    for tokens, repeat in ((200_000, "scale"), (None, "scale"), (2_000_000, "repeat")):
        result = run([table], recipe, tokens=tokens, short=repeat)
        times = np.array([result.times.get(i, 0) for i in table["id"].to_pylist()])
        arts = np.array(topics) == "arts"
        assert times[arts].mean() / times[~arts].mean() == pytest.approx(0.25, abs=0.05)
        assert tokens is None or sum(result.tokens().values()) == near(tokens)


def test_clusters_are_repeated_by_their_size_up_to_the_cap(run):
    sizes = [(1, 2, 7, None)[i % 4] for i in range(400)]
    table = corpus(400, 23, cluster_size=pa.array(sizes, pa.int64()))
    result = run([table], "entries: {all: {where: 'true', epochs: 1, repeat_by: cluster_size, max_epochs: 3}}")
    times = [result.times.get(i, 0) for i in table["id"].to_pylist()]
    assert times == [(1, 2, 3, 1)[i % 4] for i in range(400)]


@pytest.mark.parametrize("alpha", [1, 0.5, 0])
def test_temperature_sets_the_shares_of_languages(run, alpha):
    langs = [("en", "de", "de", "sw")[min(i % 60, 3)] if i % 60 < 4 else "en" for i in range(6000)]
    table = corpus(6000, 24).set_column(2, "lang", pa.array(langs))
    recipe = f"entries: {{all: {{where: 'true', weight: 1, max_epochs: 4, temperature: {{by: lang, alpha: {alpha}}}}}}}"
    result = run([table], recipe, tokens=100_000)
    tokens, lang = table["n_tokens"].to_numpy(), np.array(langs)
    have = {name: int(tokens[lang == name].sum()) for name in set(langs)}
    want = {name: 100_000 * n**alpha / sum(m**alpha for m in have.values()) for name, n in have.items()}
    times = np.array([result.times.get(i, 0) for i in table["id"].to_pylist()])
    for name in have:
        assert (tokens * times)[lang == name].sum() == near(want[name])


def test_a_language_that_is_used_up_leaves_its_share_to_the_others(run):
    langs = ["sw" if i < 10 else ("en", "de")[i % 2] for i in range(2000)]
    table = corpus(2000, 25).set_column(2, "lang", pa.array(langs))
    recipe = "entries: {all: {where: 'true', weight: 1, max_epochs: 2, temperature: {by: lang, alpha: 0}}}"
    result = run([table], recipe, tokens=300_000)
    times, tokens = np.array([result.times.get(i, 0) for i in table["id"].to_pylist()]), table["n_tokens"].to_numpy()
    assert np.all(times[:10] == 2)
    left = (300_000 - 2 * tokens[:10].sum()) / 2
    for name in ("en", "de"):
        assert (tokens * times)[np.array(langs) == name].sum() == near(left)


# -- held out -------------------------------------------------------------------------------------------


def clustered(n, seed=30, copies=1):
    """Documents in clusters of 1 to some, each in several shards and entries."""
    cluster = np.sort(np.random.default_rng(0).integers(0, n, n))
    size = np.bincount(cluster)[cluster] * copies
    return corpus(n, seed, cluster_id=pa.array([f"c{c}" for c in cluster.tolist()]), cluster_size=pa.array(size, pa.int64()))


@pytest.mark.parametrize("held", ["share: 0.1", "tokens: 9_000"])
def test_validation_is_disjoint_by_cluster_and_no_budget_changes_it(run, held):
    tables = [clustered(1500, seed, 2) for seed in (30, 31)]
    recipe = LLAMA3.read_text() + f"validation: {{{held}}}\n"
    cluster = dict(zip(*(pa.concat_tables(tables)[c].to_pylist() for c in ("id", "cluster_id")), strict=True))
    small, large = run(tables, recipe, tokens=40_000), run(tables, recipe)
    for result in (small, large):
        validation, training = ({cluster[i] for i, p in result.uses if (p == "validation") == v} for v in (True, False))
        assert validation
        assert training
        assert not validation & training
    assert [i for i, p in small.uses if p == "validation"] == [i for i, p in large.uses if p == "validation"]
    assert small.tokens() == {name: near(40_000 * share) for name, share in SHARES.items()}
    for name, n in large.tokens("validation").items():
        whole = large.report[name]["tokens"] + n
        assert n == pytest.approx(whole * 0.1, rel=0.5) if "share" in held else 9_000 <= n < 9_000 * 1.3 + 5 * BIGGEST


def test_with_a_share_nothing_is_lost_between(run):
    result = run([clustered(1500)], LLAMA3.read_text() + "validation: {share: 0.1}\n")
    assert "held_out" not in result.account["dropped"]
    result = run([clustered(1500)], LLAMA3.read_text() + "validation: {tokens: 9_000}\n")
    lost = result.dropped.filter(pc.equal(result.dropped["drop_reason"], "held_out"))
    assert lost.num_rows == result.account["dropped"]["held_out"] > 0
    assert pc.min(lost["cluster_size"]).as_py() >= 2
    alone = clustered(1500).drop_columns(["cluster_id", "cluster_size"])
    assert "held_out" not in run([alone], LLAMA3.read_text() + "validation: {tokens: 9_000}\n").account["dropped"]


def test_a_language_that_is_held_out_whole(run):
    table = corpus(40, 8).set_column(2, "lang", pa.array([f"l{i:02}" for i in range(40)]))
    recipe = "entries: {all: {where: 'true', weight: 1, temperature: {by: lang, alpha: 0.5}}}\nvalidation: {share: 0.5}\n"
    result = run([table], recipe)
    held, used = ({i for i, p in result.uses if (p == "validation") == v} for v in (True, False))
    assert len(held) + len(used) == 40
    assert 10 < len(held) < 30
    assert result.report["all"]["documents"] == len(used)


def test_an_empty_document_is_in_no_phase_without_a_weight(run):
    table = corpus(60, 8).set_column(4, "n_tokens", pa.array([0, 10] * 30, pa.int64()))
    schedule = "schedule: [{name: a, tokens: 100}, {name: b, tokens: 300, weights: {code: 1}}]"
    code = {i for i, p in zip(table["id"].to_pylist(), table["profile"].to_pylist(), strict=True) if p == "code"}
    for seed in range(4):  # in half of the orders one of them is the first
        result = run([table], TWO.replace("weight: 1}", "weight: 0}") + schedule, seed=seed)
        assert {p for i, p in result.uses if i in code} == {"b"}


def test_validation_may_not_take_half_of_an_entry(run):
    message = r"^mix: .*mix.yaml:2:14: validation.tokens: 300,000 tokens .* would take [\d,]+ of the [\d,]+ tokens of entry all, over half"
    with pytest.raises(TaskError, match=message):
        run(TABLES, ONE + "\nvalidation: {tokens: 300_000}\n")


def test_a_document_of_rate_0_is_not_held_out(run):
    table = corpus(1200, 4)
    rated = pc.fill_null(pc.not_equal(table["lang"], "sw"), True)
    whole, unused = table.filter(rated), table.filter(pc.invert(rated)).num_rows
    tokens = pc.sum(whole["n_tokens"]).as_py()
    for held in ("share: 0.5", f"tokens: {tokens * 2 // 5}"):  # of all there is, this would be more than is there at some rate
        recipe = "entries: {all: {where: 'true', weight: 1, rates: {lang: {sw: 0}}}}\nvalidation: {" + held + "}\n"
        result = run([table], recipe)
        alone = run([whole], recipe.replace("rates: {lang: {sw: 0}}", "max_epochs: 1"))
        assert result.uses == alone.uses
        assert result.account["dropped"] == {"not_sampled": unused}
        assert result.report["all"]["parts"] == alone.report["all"]["parts"]
        assert result.report["all"]["documents"] == alone.report["all"]["documents"] + unused


@pytest.mark.parametrize(("held", "asked"), [
    ("share: 0.1", {"wanted_documents": 10}), ("tokens: 5_000", {"wanted_tokens": 5_000}), ("share: 0.001", {"wanted_documents": 0}),
])  # fmt: skip
def test_the_report_says_what_was_to_be_held_out_and_is(run, held, asked):
    result = run([corpus(97, 3)], ONE + f"\nvalidation: {{{held}}}\n")
    part = result.report["all"]["parts"]["validation"]
    mine = result.table.filter(pc.equal(result.table["mix_phase"], "validation"))
    assert (part["documents"], part["tokens"]) == (mine.num_rows, pc.sum(mine["n_tokens"]).as_py() or 0)
    assert {name: n for name, n in part.items() if name.startswith("wanted")} == asked
    said = f"all: {part['tokens']:,} tokens of {part['documents']} documents are held out; asked for: "
    assert any(note.startswith(said) for note in result.account["notes"])
    assert (part["documents"] == 0) == ("0.001" in held)


def test_with_a_share_new_data_and_another_mix_train_on_nothing_that_was_held_out(run):
    tables, best = [clustered(900, seed) for seed in (30, 31)], "{column: quality_quantile, points: [[0.5, 0], [1, 3]], missing: 0}"
    share = "\nvalidation: {share: 0.1}\n"
    recipes = [LLAMA3.read_text() + share, f"entries: {{all: {{where: 'true', weight: 1, quality: {best}}}}}" + share]
    results = [run(tables[:n], recipe) for n, recipe in ((1, recipes[0]), (2, recipes[0]), (2, recipes[1]))]
    held, trained = ([{i for i, p in r.uses if (p == "validation") == v} for r in results] for v in (True, False))
    assert held[0] < held[1]
    assert held[2] & held[1]
    assert not set.union(*held) & set.union(*trained)


TOKENS = "validation: {tokens: 900}"


@pytest.mark.parametrize(("first", "second", "said"), [
    ((ONE, 0), (TWO, 1), None),
    ((ONE + "\nvalidation: {share: 0.1}", 3), (TWO + "validation: {share: 0.1}", 3), None),
    ((TWO + TOKENS, 3), (TWO + TOKENS + "\nschedule: [{name: a, tokens: 900}]", 3), None),
    ((ONE + "\nvalidation: {share: 0.1}", 3), (TWO, 3), "this mix holds out nothing, the other one a share of 0.1 by seed 3; one would"),
    ((ONE, 3), (TWO + "validation: {share: 0.1}", 3), "this mix holds out a share of 0.1 by seed 3, the other one nothing; one would"),
    ((TWO + "validation: {share: 0.1}", 3), (TWO + "validation: {share: 0.2}", 3), "share of 0.2 by seed 3, the other one a share of 0.1"),
    ((TWO + "validation: {share: 0.1}", 3), (TWO + "validation: {share: 0.10000001}", 3), "a share of 0.10000001 by"),
    ((TWO + "validation: {share: 0.1}", 3), (TWO + "validation: {share: 0.1}", 4), "share of 0.1 by seed 4, the other one a share of 0.1"),
    ((ONE + "\n" + TOKENS, 3), (TWO + TOKENS, 3), "900 tokens of each entry by seed 3, the other one 900 tokens of each entry by seed 3"),
])  # fmt: skip
def test_mixes_of_the_same_documents_must_hold_out_the_same(tmp_path, first, second, said):
    pq.write_table(corpus(50), tmp_path / "part.parquet")
    outputs = {}
    for name, (recipe, seed) in (("one", first), ("two", second)):
        (tmp_path / f"{name}.yaml").write_text(recipe, encoding="utf-8")
        outputs[name] = {"use": "mix", "needs": "docs", "recipe": f"{name}.yaml", "seed": seed}
    carried = [c for c in corpus(1).column_names if c not in ("id", "text")]
    recipe = {"name": "t", "inputs": {"docs": {"use": "parquet", "paths": "part.parquet", "carry": carried}}, "outputs": outputs}

    def planned():
        (tmp_path / "pipeline.yaml").write_text(json.dumps(recipe), encoding="utf-8")
        return Plan(load_recipe(tmp_path / "pipeline.yaml"))

    if said is None:
        planned()
    else:
        with pytest.raises(RecipeError, match="outputs.two: beside one, of the same documents: .*" + re.escape(said)):
            planned()
    recipe["steps"] = {"english": {"use": "keep", "needs": "docs", "where": "lang is not null"}}
    outputs["two"]["needs"] = "english"  # it may have some of the documents: that is said
    notes = planned().steps["two"].notes
    assert [note.partition(": ")[0] for note in notes] == ["beside one, where they have documents in common"] * (said is not None)


# -- what is short --------------------------------------------------------------------------------------


def test_an_entry_with_nothing_to_give_says_why(run):
    nulls = pa.nulls(50, pa.float32())
    table = corpus(50, 3).set_column(5, "quality_quantile", nulls)
    recipe = ONE.replace("weight: 1", "weight: 1, quality: {column: quality_quantile, points: [[0.5, 0], [1, 3]], missing: 0}")
    with pytest.raises(TaskError, match=r"^mix: .*mix.yaml:1:11: entries.all: all has nothing to give: 50 documents, all at rate 0: set"):
        run([table], recipe)
    result = run([table], recipe, empty="leave_out")
    assert result.account["dropped"] == {"not_sampled": 50}
    assert result.account["notes"][-1] == "short: all has nothing to give: 50 documents, all at rate 0"


def test_an_entry_whose_only_document_is_held_out(run):
    table = corpus(1, 3)
    seed = next(s for s in range(50) if positions.places(positions.draw(Utf8.of(table["id"].combine_chunks()).hash(), s, HOLD))[0] < 0.5)
    recipe = ONE + "\nvalidation: {share: 0.5}\n"
    with pytest.raises(TaskError, match="all has nothing to give: 1 document, held out"):
        run([table], recipe, seed=seed)
    result = run([table], recipe, seed=seed, empty="leave_out")
    assert [p for _, p in result.uses] == ["validation"]
    assert result.report["all"]["documents"] == 0


def test_a_negative_number_of_tokens_is_refused_before_the_work(run):
    table = corpus(50, 3)
    tokens = table["n_tokens"].to_pylist()
    tokens[17] = -4
    message = f"mix: n_tokens of document '{table['id'][17].as_py()}' is -4, not a number of tokens"
    with pytest.raises(TaskError, match=message):
        run([table.set_column(4, "n_tokens", pa.array(tokens, pa.int64()))], ONE)


def test_a_short_budget_is_scaled_refused_or_repeated(run):
    most = run(TABLES)
    scaled = run(TABLES, tokens=10**9)
    assert scaled.ids == most.ids
    said = r"general has [\d,]+ tokens, 50 % of 1,000,000,000 are 500,000,000: entries with weights give ([\d,]+) in all, 0.0\d+ %"
    short = [note for note in scaled.account["notes"] if note.startswith("short: ")]
    assert len(short) == 1
    assert re.fullmatch(f"short: {said}", short[0])
    assert [name for name, e in scaled.report.items() if e["planned_tokens"] == e["tokens"]] == ["general"]
    assert [name for name, e in scaled.report.items() if e["short_tokens"]] == sorted(SHARES)  # none has as much as is asked of it
    message = rf"entries.general: {said} \(set the budget \(`tokens` of the step\) to \1 or fewer\); or set `short: scale`"
    with pytest.raises(TaskError, match=message):
        run(TABLES, tokens=10**9, short="fail")
    repeated = run(TABLES, tokens=10**9, short="repeat")
    assert max(repeated.times.values()) == 4
    assert sum(repeated.tokens().values()) == pytest.approx(4 * sum(most.tokens().values()), rel=0.01)


def test_short_fail_is_content_with_what_can_be_met(run):
    most = sum(e["planned_tokens"] for e in run(TABLES, TWO).report.values())
    assert sum(run(TABLES, TWO, tokens=most, short="fail").tokens().values()) == near(most, 2)
    with pytest.raises(TaskError, match=r"entries.rest: rest has .*budget .* to [\d,]+ or fewer"):
        run(TABLES, TWO, tokens=most + 5, short="fail")


def test_an_entry_that_lacks_its_tokens_is_said_to(run):
    recipe = TWO.replace("weight: 1}", "tokens: 900_000}")
    result = run(TABLES, recipe, tokens=1_000_000)
    assert result.report["code"]["short_tokens"] == 900_000 - result.tokens()["code"]
    message = r"entries.code.tokens: code has ([\d,]+) of the 900,000 tokens asked of it \(set its `tokens` to \1 or fewer"
    with pytest.raises(TaskError, match=message):
        run(TABLES, recipe, tokens=1_000_000, short="fail")
    with pytest.raises(TaskError, match="entries with `tokens` and `epochs` give"):
        run(TABLES, "entries: {all: {where: 'true', epochs: 1}}", tokens=1_000)


def test_an_empty_entry_is_refused_or_left_out(run):
    tables = [corpus(300, 5, ("web", "code"))]
    with pytest.raises(TaskError, match=r"entries.math_reasoning: math_reasoning has nothing to give: no document: .*`empty: leave_out`"):
        run(tables)
    result = run(tables, empty="leave_out")
    budget = sum(result.tokens().values())
    assert set(result.tokens()) == {"general", "code", "multilingual"}
    for name, n in result.tokens().items():
        assert n == near(budget * SHARES[name] / 0.75)


def test_nothing_matches(run):
    recipe = "entries: {slides: {where: \"profile is not null and profile = 'slides'\", weight: 1}}"
    result = run(TABLES, recipe, empty="leave_out")
    assert (result.account["kept"], result.account["dropped"]) == (0, {"no_entry": 1200})
    with pytest.raises(TaskError, match="slides has nothing to give: no document"):
        run(TABLES, recipe)


def test_a_phase_that_only_empty_entries_have_a_weight_in(run):
    recipe = """
entries:
  slides: {where: "profile is not null and profile = 'slides'", weight: 1}
  rest: {where: 'true', weight: 1}
schedule: [{name: a, tokens: 5_000}, {name: b, tokens: 5_000, weights: {rest: 0}}]
"""
    with pytest.raises(TaskError, match=r"mix.yaml:5:38: schedule.1: no entry with a weight in phase b has a token to give"):
        run(TABLES, recipe, empty="leave_out")


def test_documents_without_text_have_no_tokens(run):
    nothing = pa.array([0] * 50, pa.int64())
    table = corpus(50, 6).set_column(4, "n_tokens", nothing)
    with pytest.raises(TaskError, match="all has nothing to give: 50 documents, all empty or beyond its epochs"):
        run([table], ONE)
    assert run([table, corpus(50, 8)], ONE).account["kept"] == 100


def test_too_many_groups(run):
    table = corpus(5000, 40, host=pa.array([f"h{i}" for i in range(5000)]))
    with pytest.raises(TaskError, match="groups or more"):
        run([table], "entries: {all: {where: 'true', weight: 1, temperature: {by: host, alpha: 0.5}}}")


# -- mistakes -------------------------------------------------------------------------------------------


def whole(text):
    """An entry that is right but for this."""
    return f"entries: {{a: {{where: 'true', weight: 1, {text}}}}}"


@pytest.mark.parametrize(("yaml", "message"), [
    pytest.param("entries: {a: {where: 'true', weight: 0}}", r"mix.yaml:1:38: entries.a.weight: a weight above 0", id="weight 0"),
    pytest.param("entries: {a: {where: 'true', weight: -1}}", r"mix.yaml:1:38: entries.a.weight: .* greater than", id="negative"),
    pytest.param("entries: {a: {where: 'true', weight: .inf}}", "finite number", id="infinite"),
    pytest.param("entries: {a: {where: 'true', weight: true}}", "valid number", id="a weight that is no number"),
    pytest.param("entries: {a: {where: 'true'}}", r"mix.yaml:1:11: entries.a: an entry needs one of weight, tokens", id="no weight"),
    pytest.param(whole("tokens: 5"), "needs one of weight, tokens and epochs, this one has weight and tokens", id="two ways"),
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
    pytest.param("entries: {a: {where: \"tongue = 'en'\", weight: 1}}", r"mix.yaml:1:22: entries.a.where: unknown column", id="column"),
    pytest.param("entries: {a: {where: \"url = 'x'\", weight: 1}}", '"url" may be null: say what null does', id="nullable"),
    pytest.param("entries: [", "not valid YAML", id="broken YAML"),
    pytest.param("entries:\n" + "".join(f"  e{i}: {{where: 'true', weight: 1}}\n" for i in range(33)), "at most 32 items", id="too many"),
    pytest.param(ONE + "\nexclude: {x: \"tongue = 'en'\"}", r"mix.yaml:2:14: exclude.x: unknown column .tongue.", id="exclude"),
    pytest.param(ONE + "\nweights_sum_to: 100", r"mix.yaml:1:1: entries: weights sum to 1, not to 100", id="sum"),
    pytest.param(whole("epochs: 2").replace("weight: 1, ", "").replace("2", "5"), r"5 epochs are more than its max_epochs, 4", id="epochs"),
    pytest.param(whole("max_epochs: 0"), "max_epochs: .*greater than or equal to 1", id="cap"),
    pytest.param(whole("quality: {column: quality, points: [[0, 1]]}"), "quality.column: unknown column 'quality'", id="quality column"),
    pytest.param(whole("quality: {column: lang, points: [[0, 1]]}"), "column of numbers is needed, 'lang' is string", id="quality type"),
    pytest.param(whole("quality: {column: quality_quantile, points: [[0, 1]]}"), "may be null: say what rate null has", id="quality null"),
    pytest.param(whole("quality: {column: n_tokens, points: [[1, 1], [1, 2]]}"), "entries.a.quality: .*must increase", id="points"),
    pytest.param(whole("quality: {column: n_tokens, points: [[1, -1]]}"), "entries.a.quality.points.0.1: .*greater than", id="rate"),
    pytest.param(whole("quality: {column: n_tokens, pionts: [[1, 1]]}"), r"unknown key 'pionts' \(did you mean 'points'", id="curve key"),
    pytest.param(whole("rates: {topic: {arts: 1}}"), r"mix.yaml:1:49: entries.a.rates.topic: unknown column 'topic'", id="rates column"),
    pytest.param(whole("rates: {quality_quantile: {a: 1}}"), "text, whole numbers or true and false is needed", id="rates type"),
    pytest.param(whole("repeat_by: cluster_size"), "entries.a.repeat_by: unknown column 'cluster_size'", id="repeat_by"),
    pytest.param(whole("temperature: {by: n_tokens, alpha: 1}"), "temperature.by: a column of text is needed", id="temperature type"),
    pytest.param(whole("temperature: {by: lang, alpha: 2}"), "temperature.alpha: .*less than or equal to 1", id="alpha"),
    pytest.param(ONE + "\nvalidation: {share: 0.1}", "validation: a column of text is needed, 'cluster_id' is int64", id="cluster_id"),
    pytest.param(ONE + "\nvalidation: {}", "validation needs one of share and tokens", id="validation"),
    pytest.param(ONE + "\nvalidation: {share: 0.9}", "validation.share: .*less than or equal to 0.5", id="validation share"),
    pytest.param(ONE + "\nschedule: [{name: a}]", "schedule.0: needs 'tokens'", id="phase without tokens"),
    pytest.param(ONE + "\nschedule: [{name: a, tokens: 5}, {name: a, tokens: 5}]", r"mix.yaml:2:41: schedule.1.name", id="twice"),
    pytest.param(ONE + "\nschedule: [{name: a, tokens: 5, weights: {al: 1}}]", r"no entry 'al' \(did you mean 'all'", id="phase entry"),
    pytest.param(ONE + "\nschedule: [{name: a, tokens: 5, weights: {all: 0}}]", "a weight above 0 is needed", id="phase of nothing"),
    pytest.param("entries: {a: {where: 'true', tokens: 6}}\nschedule: [{name: a, tokens: 5}]", "6 tokens, the budget is 5", id="over"),
    pytest.param("entries: {a: {where: 'true', tokens: 6}}\nschedule: [{name: p, tokens: 6, weights: {a: 1}}]", "weight", id="fixed"),
])  # fmt: skip
def test_mistakes_in_the_recipe_of_the_mix(plan, yaml, message):
    with pytest.raises(RecipeError, match=message):
        plan([corpus(5, cluster_id=pa.array(range(5)))], yaml)


@pytest.mark.parametrize(("params", "message"), [
    pytest.param({"tokens": 0}, r"outputs.mix.tokens: input should be greater than 0", id="no budget"),
    pytest.param({"short": "sometimes"}, "outputs.mix.short", id="short"),
    pytest.param({"token": 5}, "did you mean 'tokens'", id="unknown parameter"),
    pytest.param({"recipe": "nowhere.yaml"}, "no file 'nowhere.yaml'", id="no such recipe"),
])  # fmt: skip
def test_mistakes_in_the_parameters(plan, params, message):
    with pytest.raises(RecipeError, match=message):
        plan([corpus(5)], **{"recipe": LLAMA3, **{k: Path(v) if k == "recipe" else v for k, v in params.items()}})


def test_without_counted_tokens_there_is_a_hint(plan):
    with pytest.raises(RecipeError, match=r"pipeline.yaml:1:\d+: outputs.mix: .*add a step {use: count_tokens}"):
        plan([corpus(5).drop_columns(["n_tokens"])])


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
