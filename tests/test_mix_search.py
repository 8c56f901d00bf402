"""Mix search: candidates within bounds, refusals with their place, laws found again, the default where nothing is known."""

import ast
import csv
import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import mix_search as simulated
from curation.cli import app
from curation.errors import RecipeError
from curation.yaml_file import parse_yaml
from mixes.entries import load as load_recipe
from mixes.search import commands, fitters, losses, proposal, spec
from mixes.search.candidates import draw, propose, recipe_text
from mixes.search.fitters import FORMS, fit

ROOT = Path(__file__).resolve().parent.parent
RECIPE = """entries:
  web: {where: "profile = 'web'", weight: 60}
  math: {where: "profile = 'math'", weight: 25}
  code: {where: "profile = 'code'", weight: 15}
"""
SEARCH = """recipe: mix.yaml
target: {parameters: 8e9, tokens: 1e12}
available: {web: 2e12, math: 5e10, code: 2e11}
bounds:
  code: [0.05, 0.4]
runs:
  - {parameters: 3e7, tokens: 6e8, mixes: 24}
  - {parameters: 1e8, tokens: 2e9, mixes: 8}
  - {parameters: 3e8, tokens: 6e9, mixes: 4}
"""
SIZES = ((3e7, 6e8), (1e8, 2e9), (3e8, 6e9))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mix.yaml").write_text(RECIPE)
    (tmp_path / "search.yaml").write_text(SEARCH)
    return tmp_path


def rows_of(file):
    with file.open(newline="") as f:
        return list(csv.DictReader(f))


def trained(folder, law, noise=0.003, seed=0, search="search.yaml"):
    """Propose, then give each run the losses of a law (mix, parameters, tokens) -> {set: loss}, with noise."""
    propose(spec.load(folder / search), folder / "small")
    rng = np.random.default_rng(seed)
    rows = rows_of(folder / "small" / "runs.csv")
    for row in rows:
        mix = np.array([float(v) for k, v in row.items() if k.startswith("weight:")])
        found = law(mix, float(row["parameters"]), float(row["tokens"]))
        row |= {f"loss:{name}": f"{value + noise * rng.normal():.6f}" for name, value in found.items()}
    with (folder / "losses.csv").open("w", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "losses.csv"


def chosen(folder, **changes):
    search = spec.load(folder / "search.yaml")
    search = dataclasses.replace(search, spec=search.spec.model_copy(update=changes))
    return proposal.choose(search, losses.read(folder / "losses.csv", search), "losses.csv")


DEFAULT = np.array([0.6, 0.25, 0.15])
SLOPES = {"web": (-1.0, 0.6, 0.2), "math": (0.5, -3.0, -0.4), "code": (0.3, -0.2, -2.0)}


def of_the_law(mix, parameters, tokens, slopes=SLOPES):
    """Losses of the fitter's own form."""
    return {
        name: 1.4 + 0.9 * (parameters / 1e8) ** -0.34 + 1.0 * (tokens / 2e9) ** -0.3 * np.exp((mix - DEFAULT) @ np.array(t))
        for name, t in slopes.items()
    }


def of_the_size(mix, parameters, tokens):
    """Losses the mix has no part in."""
    return dict.fromkeys(SLOPES, 1.4 + 0.9 * (parameters / 1e8) ** -0.34 + (tokens / 2e9) ** -0.3)


# -- candidates -----------------------------------------------------------------------------------


def test_candidates_keep_the_bounds_and_their_recipes_can_be_mixed(folder):
    report = propose(spec.load(folder / "search.yaml"), folder / "small")
    rows = rows_of(folder / "small" / "runs.csv")
    assert len(rows) == report["runs"] == 24 + 8 + 4 + 3 * 2
    assert len({row["run"] for row in rows}) == len(rows)
    mixes = np.array([[float(row[f"weight:{n}"]) for n in ("web", "math", "code")] for row in rows])
    assert np.abs(mixes.sum(axis=1) - 1).max() < 1e-9
    most = [1, 4 * 5e10 / 1e12, 0.4]  # four epochs of the math there is; the bound of code
    assert (mixes >= np.array([spec.LEAST, spec.LEAST, 0.05]) - 1e-6).all()
    assert (mixes <= np.array(most) + 1e-6).all()
    assert mixes.std(axis=0).min() > 0.03
    for row, mix in zip(rows, mixes, strict=True):
        recipe = load_recipe(folder / "small" / row["recipe"])
        assert [e.weight for e in recipe.entries.values()] == mix.tolist()
        assert [e.where for e in recipe.entries.values()] == ["profile = 'web'", "profile = 'math'", "profile = 'code'"]
    of_default = [row for row in rows if row["recipe"] == "recipes/default.yaml"]
    assert [(row["parameters"], row["seed"]) for row in of_default] == [(f"{n:.0f}", s) for n, _ in SIZES for s in ("0", "1")]


def test_candidates_lie_around_the_shares_as_closely_as_asked(folder):
    def spread(concentration):
        given = "available: {web: 2e12, math: 5e10, code: 2e11}\n"
        (folder / "near.yaml").write_text(SEARCH.replace(given, f"concentration: {concentration}\ntemperature: 1\n"))
        mixes = draw(spec.load(folder / "near.yaml"), 400, np.random.default_rng(0))
        return np.abs(mixes - DEFAULT).mean(), np.abs(mixes.mean(axis=0) - DEFAULT).max()

    (wide, _), (close, off) = spread([0.3, 0.5]), spread([200, 200])
    assert close < 0.03 < 0.1 < wide
    assert off < 0.01


def test_the_same_seed_gives_the_same_files_and_another_one_others(folder):
    def files(name, seed):
        (folder / "seeded.yaml").write_text(SEARCH + f"seed: {seed}\n")
        propose(spec.load(folder / "seeded.yaml"), folder / name)
        return {p.relative_to(folder / name): p.read_bytes() for p in sorted((folder / name).rglob("*.*"))}

    assert files("one", 1) == files("two", 1)
    assert files("one", 1).keys() == files("three", 2).keys()
    assert files("one", 1) != files("three", 2)


def test_losses_that_were_added_to_the_runs_are_not_written_over(folder):
    runs = trained(folder, of_the_size).rename(folder / "small" / "runs.csv")
    before = runs.read_bytes()
    with pytest.raises(RecipeError, match=r"small/runs\.csv: is there already"):
        propose(spec.load(folder / "search.yaml"), folder / "small")
    assert runs.read_bytes() == before


@pytest.mark.parametrize("seed", range(20))
def test_the_nearest_mix_within_bounds(seed):
    """Against conditions that only the nearest point meets: what is not at a bound is moved by one and the same amount."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 9))
    low = rng.uniform(0, 1 / k, k)
    high = np.minimum(1, low + rng.uniform(1 / k, 1, k))
    mixes = rng.dirichlet(np.ones(k), 50)
    near = spec.within(mixes, low, high)
    assert np.abs(near.sum(axis=1) - 1).max() < 1e-9
    assert (near >= low).all()
    assert (near <= high).all()
    for mix, found in zip(mixes, near, strict=True):
        moved = found - mix
        free = (found > low + 1e-9) & (found < high - 1e-9)
        t = moved[free].mean() if free.any() else np.median(moved)
        assert np.abs(moved[free] - t).max(initial=0) < 1e-9
        if free.any():
            assert (moved[found <= low + 1e-9] >= t - 1e-9).all()
            assert (moved[found >= high - 1e-9] <= t + 1e-9).all()


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("recipe: mix.yaml", "recipe: gone.yaml", r"gone\.yaml: cannot read the mix recipe"),
        ("target:", "traget:", r"search\.yaml:2:1: traget: unknown key 'traget' \(did you mean 'target'"),
        ("parameters: 8e9", "parameters: -1", r"search\.yaml:2:\d+: target\.parameters: input should be greater than 0"),
        ("math: 5e10", "maths: 5e10", r"search\.yaml:3:\d+: available\.maths: .*has no entry 'maths' \(did you mean 'math'"),
        (", code: 2e11", "", r"search\.yaml:3:1: available: tokens of code are missing"),
        ("code: [0.05, 0.4]", "cod: [0.05, 0.4]", r"search\.yaml:5:3: bounds\.cod: .*has no entry 'cod'"),
        ("[0.05, 0.4]", "[0.5, 0.4]", r"search\.yaml:5:9: bounds\.code: bounds are \[least, most\]"),
        ("[0.05, 0.4]", "[0, 0.4]", r"search\.yaml:5:9: bounds\.code: bounds are \[least, most\]"),
        ("code: [0.05, 0.4]", "code: [0.6, 0.7]\n  web: [0.6, 0.7]", r"search\.yaml:4:1: bounds: the least weights sum to 1\.201"),
        ("web: 2e12", "web: 9e10", r"search\.yaml:3:1: available: the largest weights .* sum to 0\.\d+, less than 1"),
        ("math: 5e10", "math: 1e8", r"search\.yaml:3:\d+: available\.math: 100,000,000 tokens .* are a weight of 0\.0004 at most"),
        ("mixes: 24", "mixes: 0", r"search\.yaml:7:\d+: runs\.0\.mixes: input should be greater than or equal to 1"),
        ("bounds:", "concentration: [8, 1]\nbounds:", r"search\.yaml:4:16: concentration: the range begins above its end"),
        ("mixes: 24", "mixes: 1999", r"search\.yaml:6:1: runs: 2,017 runs, 2,000 are allowed"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_search_names_its_place(folder, old, new, message):
    assert old in SEARCH
    (folder / "search.yaml").write_text(SEARCH.replace(old, new))
    with pytest.raises(RecipeError, match=message):
        spec.load(folder / "search.yaml")


@pytest.mark.parametrize(
    ("entry", "schedule", "message"),
    [
        ("weight: 0", "", r"mix\.yaml:3:3: entries\.b: a search needs a weight above 0"),
        ("epochs: 1", "", r"mix\.yaml:3:3: entries\.b: a search needs a weight above 0"),
        ("weight: 1", "schedule:\n  - {name: last, weights: {a: 2}}\n", r"mix\.yaml:5:18: schedule\.0\.weights: this phase changes"),
    ],
)  # fmt: skip
def test_a_recipe_without_one_mix_is_refused(entry, schedule, message):
    yaml = parse_yaml(f"entries:\n  a: {{weight: 3}}\n  b: {{{entry}}}\n{schedule}", "mix.yaml", "mix recipe")
    entries = {name: SimpleNamespace(weight=given.get("weight")) for name, given in yaml.data["entries"].items()}
    with pytest.raises(RecipeError, match=message):
        spec.default_of(SimpleNamespace(entries=entries, yaml=yaml))


def test_a_recipe_is_written_with_its_other_keys_and_the_sum_it_wants():
    entries = {"a": {"where": "x = 'é\"'", "weight": 60, "max_epochs": 2}, "no": {"where": "true", "weight": 40}}
    data = {"weights_sum_to": 100, "entries": entries}
    again = parse_yaml(recipe_text(data, [0.123456, 0.876544], "A note."), "mix.yaml", "mix recipe").data
    data["entries"]["a"]["weight"], data["entries"]["no"]["weight"] = 12.3456, 87.6544
    assert again == data


HEADER = "run,parameters,tokens,seed,weight:web,weight:math,weight:code,loss:a,loss:b"
GOOD = "r{},3e7,6e8,{},0.6,0.3,0.1,3.1,2.9"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER.replace("parameters,", "")], r"losses\.csv:1:1: the column 'parameters' is missing"),
        ([HEADER.replace("weight:math,", "")], r"losses\.csv:1:1: the column 'weight:math' is missing"),
        ([HEADER.replace("weight:math", "weight:maths")], r"losses\.csv:1:6: weight:maths: .*mix\.yaml has no entry 'maths' \(did"),
        ([HEADER.replace("loss:", "lost:")], r"losses\.csv:1:1: no column loss:SET"),
        ([HEADER + ",loss:a"], r"losses\.csv:1:10: loss:a: this column is given twice"),
        ([HEADER], r"losses\.csv:1:1: no run in it"),
        ([], r"losses\.csv:1:1: the column 'run' is missing"),
        ([HEADER, GOOD.format(0, 0), GOOD.format(1, 1) + ",7"], r"losses\.csv:3:10: 10 fields, the header has 9"),
        ([HEADER, GOOD.format(0, 0), GOOD.format(0, 1)], r"losses\.csv:3:1: run: 'r0' stands in line 2, too"),
        ([HEADER, GOOD.format(0, 0), GOOD.format(1, 0)], r"losses\.csv:3:4: seed: line 2 has the same mix, size and seed"),
        ([HEADER, GOOD.format(0, 0).replace("0.3", "0.35")], r"losses\.csv:2:5: weight:web: the weights .* sum to 1\.0500, not to 1"),
        ([HEADER, GOOD.format(0, 0).replace("0.3,0.1", "0.6,-0.2")], r"losses\.csv:2:7: weight:code: a weight of -0\.2"),
        ([HEADER, GOOD.format(0, 0).replace("2.9", "nan")], r"losses\.csv:2:9: loss:b: nan is not finite: leave out a run that diverged"),
        ([HEADER, GOOD.format(0, 0).replace("2.9", "inf")], r"losses\.csv:2:9: loss:b: inf is not finite"),
        ([HEADER, GOOD.format(0, 0).replace("2.9", "")], r"losses\.csv:2:9: loss:b: '' is no number"),
        ([HEADER, GOOD.format(0, 0).replace("2.9", "0")], r"losses\.csv:2:9: loss:b: 0 is not above 0"),
        ([HEADER, GOOD.format(0, 0).replace("6e8", "-6e8")], r"losses\.csv:2:3: tokens: -6e\+08 is not above 0"),
        ([HEADER, GOOD.format("", 0).replace("r", "", 1)], r"losses\.csv:2:1: run: a run has a name"),
        ([HEADER, '"r0,3e7'], r"losses\.csv:2:1: not valid CSV"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_losses_names_its_place(folder, lines, message):
    (folder / "losses.csv").write_text("\n".join(lines) + "\n")
    search = spec.load(folder / "search.yaml")
    with pytest.raises(RecipeError, match=message):
        losses.read(folder / "losses.csv", search)


def test_what_a_trainer_adds_to_the_losses_is_left_alone_and_said(folder):
    (folder / "losses.csv").write_text("\n".join([HEADER + ",note", *(GOOD.format(i, i) + ",x" for i in range(3))]) + "\n")
    runs = losses.read(folder / "losses.csv", spec.load(folder / "search.yaml"))
    assert runs.ignored == ("note",)
    assert runs.repeats == ((0, 1, 2),)


def test_losses_that_are_not_text_are_refused(folder):
    for n, lines in ((1, [b"run\xff"]), (2_002, [HEADER.encode(), *(GOOD.format(i, i).encode() for i in range(2_000)), b"\xff"])):
        (folder / "losses.csv").write_bytes(b"\n".join(lines) + b"\n")
        with pytest.raises(RecipeError, match=rf"losses\.csv:{n}:1: not UTF-8"):
            losses.read(folder / "losses.csv", spec.load(folder / "search.yaml"))


def test_a_validation_set_that_is_weighed_must_have_losses(folder):
    trained(folder, of_the_law)
    (folder / "search.yaml").write_text(SEARCH + "validation: {web: 1, cod: 2}\n")
    with pytest.raises(RecipeError, match=r"losses\.csv:1:1: the column 'loss:cod' is missing.*did you mean 'code'"):
        losses.read(folder / "losses.csv", spec.load(folder / "search.yaml"))


def kept(folder, keep):
    """Drop runs from the losses."""
    rows = [row for row in rows_of(folder / "losses.csv") if keep(row)]
    with (folder / "losses.csv").open("w", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_fewer_runs_than_parameters_are_refused_and_a_fitter_too_large_is_left_out(folder):
    trained(folder, of_the_law)
    search = spec.load(folder / "search.yaml")
    three_entries = {"law": 2 + 5, "pairs": 2 + 3 + 5, "linear": 2 + 5}
    assert {n: FORMS[n].parameters(3, 3) for n in three_entries} == three_entries
    few = {f"run-{i:04d}" for i in (0, 2, 3, 4, 5, 26, 28, 36, 38)}
    assert len(kept(folder, lambda row: row["run"] in few)) == 9
    found = chosen(folder)
    assert found.left_out == {"pairs": "10 parameters, 9 runs"}
    with pytest.raises(RecipeError, match=r"losses\.csv:1:1: too few runs: pairs: 10 parameters, 9 runs"):
        proposal.choose(search, losses.read(folder / "losses.csv", search), "losses.csv", ["pairs"])
    kept(folder, lambda row: row["run"] not in ("run-0002", "run-0003", "run-0004"))
    with pytest.raises(RecipeError, match=r"too few runs: law: 7 parameters, 6 runs; pairs: 10 parameters, 6 runs; linear: 7"):
        chosen(folder)


def test_a_fitter_with_more_parameters_of_the_mix_than_distinct_mixes_tell_is_left_out(folder):
    """Seeds and sizes make many runs of few mixes."""
    needed = {"law": 4, "linear": 4, "pairs": 10, "trees": 40}  # 3 slopes of 4 entries, 6 of their pairs, and the level
    entries = "".join(f"  e{i}: {{where: 'true', weight: 1}}\n" for i in range(4))
    (folder / "mix.yaml").write_text(f"entries:\n{entries}")
    size = "parameters: 3e7, tokens: 6e8"
    (folder / "search.yaml").write_text(f"recipe: mix.yaml\ntarget: {{{size}}}\nruns: [{{{size}, mixes: 9}}]\n")
    search = spec.load(folder / "search.yaml")
    for name, least in needed.items():
        for mixes in (least - 1, least):
            runs = runs_of(lambda mix, *size: {"a": 3.0}, sizes=SIZES[:1], count=mixes, copies=6, entries=4)
            if mixes < least:
                with pytest.raises(RecipeError, match=f"too few runs: {name}: {least} distinct mixes needed, {mixes} there"):
                    proposal._possible(search, runs, "losses.csv", [name])
            else:
                forms, _ = proposal._possible(search, runs, "losses.csv", [name])
                assert [form.name for form in forms] == ["constant", name]


def test_a_target_beyond_the_runs_needs_three_sizes(folder):
    trained(folder, of_the_law)
    kept(folder, lambda row: row["parameters"] != "300000000")
    with pytest.raises(RecipeError, match=r"losses\.csv:1:1: the runs have 2 sizes, and a scaling law .* has 3 parameters"):
        chosen(folder)
    found = chosen(folder, target=spec.Size(parameters=1e8, tokens=2e9))  # a size of the runs
    assert found.gain(found.target).mean() > 0


def test_an_unknown_fitter_is_refused(folder):
    trained(folder, of_the_law)
    search = spec.load(folder / "search.yaml")
    with pytest.raises(RecipeError, match=r"there is no fitter 'laws' \(did you mean 'law'"):
        proposal.choose(search, losses.read(folder / "losses.csv", search), "losses.csv", ["laws"])


# -- fitters --------------------------------------------------------------------------------------


def runs_of(law, sizes=SIZES, count=40, noise=0.002, seed=0, entries=3, copies=1):
    rng = np.random.default_rng(seed)
    mixes = np.repeat(rng.dirichlet(np.full(entries, 1.5), count), copies, axis=0)
    size = np.array([sizes[i % len(sizes)] for i in range(len(mixes))])
    found = [law(m, *s) for m, s in zip(mixes, size, strict=True)]
    values = np.array([list(f.values()) for f in found]) + noise * rng.normal(size=(len(mixes), len(found[0])))
    return losses.Runs(mixes, size[:, 0], size[:, 1], values, tuple(found[0]), np.arange(len(mixes)) // copies, (), ())


def test_the_law_finds_its_own_parameters_again():
    runs = runs_of(of_the_law, noise=1e-4, count=80)
    found = fit(FORMS["law"], runs, DEFAULT, np.ones((1, len(runs.losses))))
    for v, slopes in enumerate(SLOPES.values()):
        t = found.theta[v, 0, fitters.SCALING : fitters.SCALING + 3]
        relative = np.array(slopes) - np.mean(slopes)  # weights sum to 1, so a constant in t is none
        assert np.abs(t - t.mean() - relative).max() < 0.1
        assert abs(found.theta[v, 0, 4] - 0.3) < 0.02  # b, the power of the tokens
    mixes = np.random.default_rng(5).dirichlet(np.ones(3), 50)
    for size, within in ((SIZES[0], 0.001), ((8e9, 1e12), 0.05)):
        predicted, true = found.predict(mixes, *size)[0], np.array([list(of_the_law(m, *size).values()) for m in mixes])
        assert np.abs(predicted - true).max() < within


def test_mixes_that_starve_a_set_do_not_spoil_the_fit_of_the_good_ones():
    """The loss of a set rises without bound as its entry vanishes, which no form has."""

    def starved(mix, parameters, tokens):
        return {"a": 1.4 + (parameters / 1e8) ** -0.34 + 0.3 * (tokens / 2e9) ** -0.3 * (mix[0] + 0.001) ** -0.6}

    runs = runs_of(starved, sizes=SIZES[:1], count=120, noise=0.001)
    found = fit(FORMS["law"], runs, DEFAULT, np.ones((1, len(runs.losses))))
    mixes = np.random.default_rng(1).dirichlet([12, 5, 3], 50)
    true = np.array([starved(m, *SIZES[0])["a"] for m in mixes])
    assert np.abs(found.predict(mixes, *SIZES[0])[0, :, 0] - true).max() < 0.12


def test_noise_and_widths_of_priors_come_from_the_data():
    for noise in (0.002, 0.02):
        runs = runs_of(of_the_law, noise=noise, count=150)
        found = fit(FORMS["law"], runs, DEFAULT, np.ones((1, len(runs.losses))))
        assert 0.4 * noise < np.median(found.noise * found.unit[2][:, None]) < 1.2 * noise  # of the best runs; others have more
    flat = fit(FORMS["pairs"], runs_of(of_the_size), DEFAULT, np.ones((1, 40)))
    steep = fit(FORMS["pairs"], runs_of(of_the_law), DEFAULT, np.ones((1, 40)))
    assert flat.width[:, 0, 0].max() < 0.3 * steep.width[:, 0, 0].min()


@pytest.mark.parametrize("name", ["law", "pairs", "linear"])
def test_slopes_are_derivatives(name):
    runs = runs_of(of_the_law)
    form, rng = FORMS[name], np.random.default_rng(1)
    sizes = np.log(runs.parameters / 1e8), np.log(runs.tokens / 2e9)
    x = form.features(runs.mixes - DEFAULT, sizes[1])
    problem = fitters._Problem(form, x, *sizes, runs.losses[:, 0], np.ones((2, len(x))), form.group(3))
    problem.theta = problem.theta + 0.1 * rng.normal(size=problem.theta.shape)
    found, slopes = problem._slopes()
    for p in range(problem.theta.shape[1]):
        step = np.zeros(problem.theta.shape[1])
        step[p] = 1e-6
        up, down = (fitters._losses(form, problem.theta + s * step, x, *problem.sizes) for s in (1, -1))
        assert np.abs((up - down) / 2e-6 - slopes[..., p]).max() < 1e-6 * (1 + np.abs(slopes[..., p]).max())
    assert np.abs(found - fitters._losses(form, problem.theta, x, *problem.sizes)).max() < 1e-12


def test_many_replicates_are_solved_in_parts_with_the_same_result(monkeypatch):
    runs = runs_of(of_the_law)
    weights = np.random.default_rng(0).exponential(size=(12, len(runs.losses)))
    whole = fit(FORMS["pairs"], runs, DEFAULT, weights)
    monkeypatch.setattr(fitters, "SLOPES", 2_000)
    parts = fit(FORMS["pairs"], runs, DEFAULT, weights)
    assert parts.theta.shape == whole.theta.shape
    found, wanted = (f.predict(runs.mixes, 8e9, 1e12) for f in (parts, whole))
    assert np.abs(found / wanted - 1).max() < 1e-3


def test_replicates_differ_where_the_runs_tell_nothing():
    """Runs of one size say nothing of another, and priors alone would be sure of it."""
    runs = runs_of(of_the_law, sizes=SIZES[1:2])
    whole = fit(FORMS["law"], runs, DEFAULT, np.ones((1, len(runs.losses))))
    rng = np.random.default_rng(0)
    found = fit(FORMS["law"], runs, DEFAULT, rng.exponential(size=(64, len(runs.losses))), whole, rng)
    small, large = (found.predict(DEFAULT[None], *size)[:, 0] for size in (SIZES[1], (8e9, 1e12)))
    assert small.std(axis=0).max() < 0.002
    assert large.std(axis=0).min() > 0.05
    true = np.array(list(of_the_law(DEFAULT, 8e9, 1e12).values()))
    low, high = np.quantile(large, [0.02, 0.98], axis=0)
    assert (low < true).all()
    assert (true < high).all()


def test_trees_find_a_step_that_no_law_has():
    pytest.importorskip("lightgbm")

    def step(mix, parameters, tokens):
        return {"a": 1.4 + (parameters / 1e8) ** -0.34 + (tokens / 2e9) ** -0.3 * (1.0 if mix[0] < 0.3 else 0.6)}

    runs = runs_of(step, count=240)
    fitted = {n: fit(FORMS[n], runs, DEFAULT, np.ones((2, len(runs.losses)))) for n in ("law", "trees")}
    mixes = np.random.default_rng(9).dirichlet(np.full(3, 1.5), 200)
    mixes = mixes[np.abs(mixes[:, 0] - 0.3) > 0.03]
    true = np.array([step(m, *SIZES[1])["a"] for m in mixes])
    error = {n: np.abs(f.predict(mixes, *SIZES[1])[0, :, 0] - true).mean() for n, f in fitted.items()}
    assert error["trees"] < 0.3 * error["law"]
    assert (fitted["trees"].predict(mixes, *SIZES[1])[0] == fitted["trees"].predict(mixes, *SIZES[1])[1]).all()


def test_trees_grow_whatever_a_replicate_weighs():
    """LightGBM guesses how many runs a leaf has by their weight, and fails where it guesses none."""
    lightgbm = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(170)
    count = int(rng.integers(25, 60))
    mixes = rng.dirichlet(np.full(5, 0.7), count)
    target = np.log(np.maximum(rng.normal(size=count) * 0.02 + 1 - mixes[:, 0] + mixes[:, 1] ** 2, 0.01))
    rows = lightgbm.Dataset(mixes, label=target, weight=rng.exponential(size=count), params={"verbose": -1})
    assert lightgbm.train(fitters.TREES, rows, fitters.ROUNDS).num_trees() > 0


# -- the proposal ---------------------------------------------------------------------------------


def test_a_better_mix_is_proposed_within_the_bounds(folder):
    trained(folder, of_the_law)
    found = chosen(folder)
    assert not found.why_default
    assert found.fitter in ("law", "pairs")
    assert abs(found.mix.sum() - 1) < 1e-9
    assert (found.mix >= found.search.low - 1e-6).all()
    assert (found.mix <= found.search.high + 1e-6).all()
    assert found.mix[1] > 0.19  # math helps most, and four epochs of it are 0.2
    true = [np.mean(list(of_the_law(m, 8e9, 1e12).values())) for m in (found.search.default, found.mix)]
    assert true[1] < true[0]
    low, high = proposal.interval(found.gain(found.target))
    assert low < true[0] - true[1] < high
    assert found.search.default[1] == pytest.approx(0.2)  # the recipe's 0.25 is more than there is
    assert any("breaks the bounds" in w for w in found.warnings)


def test_the_example_is_valid(tmp_path):
    assert propose(spec.load(ROOT / "examples" / "mix_search.yaml"), tmp_path)["runs"] == 90


def test_importance_decides_what_the_mix_is_for(folder):
    trained(folder, of_the_law)
    code, web = (chosen(folder, validation={name: 1.0}).mix for name in ("code", "web"))
    assert code[2] > web[2] + 0.15
    assert web[0] > code[0] + 0.15


@pytest.mark.parametrize("seed", range(4))
def test_the_default_is_proposed_where_losses_are_noise(folder, seed):
    trained(folder, of_the_size, noise=0.01, seed=seed)
    found = chosen(folder)
    assert found.why_default
    assert (found.mix == found.search.default).all()


def test_the_default_is_proposed_where_it_is_best_already(folder):
    (folder / "mix.yaml").write_text(RECIPE.replace("weight: 25", "weight: 20"))  # what is there
    default = np.array([0.6, 0.2, 0.15]) / 0.95

    def bowl(mix, parameters, tokens):
        away = mix - default
        slope = away @ np.array([2.0, -3.0, 1.0])
        size = 1.4 + (parameters / 1e8) ** -0.34
        return {n: size + (tokens / 2e9) ** -0.3 * np.exp(s * slope + 6 * away @ away) for n, s in (("a", 1), ("b", -1))}

    trained(folder, bowl, noise=0.002)
    found = chosen(folder)
    assert found.judged[1].beats_constant or found.judged[2].beats_constant
    assert "is within its uncertainty" in found.why_default
    assert (found.mix == found.search.default).all()


def test_runs_of_one_mix_are_left_out_together(folder):
    """Each mix has an offset of its own: who has seen a run of a mix knows the others, and nothing of other mixes."""
    offsets = np.random.default_rng(3).normal(size=20) * 0.05
    runs = runs_of(of_the_size, sizes=SIZES[:1], count=20, copies=4, entries=5, noise=1e-4)
    runs.losses[:] += offsets[runs.mix][:, None]
    (folder / "mix.yaml").write_text("entries:\n" + "".join(f"  e{i}: {{where: 'true', weight: 1}}\n" for i in range(5)))
    size = "parameters: 3e7, tokens: 6e8"
    (folder / "search.yaml").write_text(f"recipe: mix.yaml\ntarget: {{{size}}}\nruns: [{{{size}, mixes: 20}}]\n")
    found = proposal.choose(spec.load(folder / "search.yaml"), runs, "losses.csv", ["pairs"])
    assert "no fitter is better than `constant`" in found.why_default


def test_the_gain_that_is_stated_is_not_the_luck_of_the_choice(folder):
    """In noise the best mix seems to gain something; by the half of the runs that did not choose it, it does not."""
    seeming, stated = [], []
    for seed in range(8):
        trained(folder, of_the_size, noise=0.02, seed=seed)
        found = chosen(folder, risk=0.0)
        default, best = (found.losses(mix, found.target) for mix in (found.search.default, found.best))
        seeming.append(np.mean((default - best) @ found.importance))
        stated.append(found.gain(found.target).mean())
    assert np.mean(seeming) > 0
    assert np.mean(stated) < 0.5 * np.mean(seeming)


def test_intervals_hold_a_gain_that_changes_with_size():
    """What the entries do at the large size is half of what they do at the small ones, as where domains have powers of their own."""
    drift = {"web": (-0.1, 0.05, 0.05), "math": (0.05, 0.25, 0.05), "code": (0.05, 0.05, 0.15)}

    def waning(mix, parameters, tokens):
        return of_the_law(mix, parameters, tokens, {n: np.array(t) + np.log(tokens / 2e9) * np.array(drift[n]) for n, t in SLOPES.items()})

    two, large = np.array([DEFAULT, [0.4, 0.35, 0.25]]), (8e9, 1e12)
    default, other = (np.mean(list(waning(mix, *large).values())) for mix in two)
    inside = 0
    for seed in range(6):
        runs, rng = runs_of(waning, count=60, seed=seed), np.random.default_rng(seed)
        whole = fit(FORMS["law"], runs, DEFAULT, np.ones((1, len(runs.losses))))
        found = fit(FORMS["law"], runs, DEFAULT, rng.exponential(size=(64, len(runs.losses))), whole, rng)
        low, high = proposal.interval(-np.diff(found.predict(two, *large).mean(axis=2), axis=1)[:, 0])
        inside += low <= default - other <= high
    assert inside >= 4


def test_the_drift_of_an_entry_is_found_where_sizes_show_it():
    drift = {"web": (-0.6, 0.3, 0.3), "math": (0.4, 0.2, -0.6), "code": (0.0, -0.5, 0.5)}

    def drifting(mix, parameters, tokens):
        return of_the_law(mix, parameters, tokens, {n: np.array(t) + np.log(tokens / 2e9) * np.array(drift[n]) for n, t in SLOPES.items()})

    of_width = []
    for law in (of_the_law, drifting):
        runs = runs_of(law, noise=5e-4, count=80)
        found = fit(FORMS["law"], runs, DEFAULT, np.ones((1, len(runs.losses))))
        of_width.append(found.width[:, 0, 2] / found.width[:, 0, 0])
    assert (of_width[0] < of_width[1]).all()
    for v, slopes in enumerate(drift.values()):
        s = found.theta[v, 0, fitters.SCALING + 3 :]
        assert np.abs(s - s.mean() - slopes).max() < 0.15


def test_risk_keeps_near_what_is_known(folder):
    trained(folder, of_the_law, noise=0.02)
    bold, careful = chosen(folder, risk=0.0), chosen(folder, risk=30.0)
    spread = [(f.losses(f.search.default, f.target) - f.losses(f.best, f.target)).mean(axis=1).std() for f in (bold, careful)]
    assert spread[1] < 0.5 * spread[0]


def test_nothing_is_proposed_beyond_what_was_sampled(folder):
    (folder / "search.yaml").write_text(SEARCH.replace("bounds:", "concentration: [30, 30]\nbounds:"))
    trained(folder, of_the_law, noise=0.001)
    found = chosen(folder, risk=0.0, validation={"code": 1.0})
    sampled = found.runs.mixes[:, 2]
    assert found.search.high[2] > sampled.max() + 0.05
    assert sampled.max() - 0.01 < found.best[2] <= sampled.max() + 1e-6


def test_a_fitter_that_takes_minutes_is_tried_only_if_asked_for(folder):
    runs = runs_of(lambda mix, *size: {"a": 3.0}, count=300, entries=20)
    (folder / "mix.yaml").write_text("entries:\n" + "".join(f"  e{i}: {{where: 'true', weight: 1}}\n" for i in range(20)))
    size = "parameters: 3e7, tokens: 6e8"
    (folder / "search.yaml").write_text(f"recipe: mix.yaml\ntarget: {{{size}}}\nruns: [{{{size}, mixes: 9}}]\n")
    found = proposal.choose(spec.load(folder / "search.yaml"), runs, "losses.csv")
    assert found.left_out == {"pairs": "214 parameters take minutes; ask for it if you have them"}


def test_warnings_say_what_to_be_careful_of(folder):
    trained(folder, of_the_law)
    found = chosen(folder)
    assert any(w.startswith("extrapolation: the target has 27 times the parameters") for w in found.warnings)
    assert any("at the edge of the weights that were sampled" in w for w in found.warnings)
    assert not any("few seeds" in w for w in found.warnings)
    kept(folder, lambda row: row["seed"] == "0")
    found = chosen(folder, target=spec.Size(parameters=3e8, tokens=6e9))
    assert any("few seeds" in w for w in found.warnings)
    assert not any(w.startswith("extrapolation: the target") for w in found.warnings)


# -- commands -------------------------------------------------------------------------------------


def test_the_commands_go_from_files_to_files(folder):
    runner = CliRunner()
    done = runner.invoke(app, ["mix", "search", "propose", str(folder / "search.yaml"), "--out", str(folder / "small"), "--json"])
    assert done.exit_code == 0, done.output
    assert set(json.loads(done.stdout)) == {"runs", "mixes", "flops", "sizes", "range", "files"}
    trained(folder, of_the_law)
    out = folder / "found"
    arguments = ["mix", "search", "fit", str(folder / "search.yaml"), str(folder / "losses.csv"), "--out", str(out)]
    done = runner.invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report == json.loads((out / "report.json").read_text()) | {"files": report["files"]}
    assert {p.name for p in out.iterdir()} == {"proposed.yaml", "default.yaml", "check.csv", "report.json"}
    assert {n: e.weight for n, e in load_recipe(out / "proposed.yaml").entries.items()} == report["proposed"]
    assert {row["set"] for row in report["target"]["losses"]} == set(SLOPES)
    for row in report["target"]["losses"]:
        for side in ("default", "mix", "change"):
            assert row[side]["low"] < row[side]["mean"] < row[side]["high"]
    check = rows_of(out / "check.csv")
    assert [row["recipe"] for row in check] == ["proposed.yaml", "default.yaml"]
    assert {float(check[0][f"weight:{n}"]) for n in report["proposed"]} == set(report["proposed"].values())
    assert 3e8 < float(check[0]["parameters"]) < 8e9
    assert list(check[0]) == list(rows_of(folder / "small" / "runs.csv")[0])
    text = runner.invoke(app, arguments).stdout
    assert f"{report['fitter']} *" in text
    assert "predicted gain" in text
    assert "change is stated by halves of the runs, of mixes the other half chose; it is not proposed less default" in text
    again, _ = commands.fit(folder / "search.yaml", folder / "losses.csv", out, [])  # the same files, byte for byte
    assert again == report
    (folder / "search.yaml").write_text(SEARCH + "seed: 5\n")
    other, _ = commands.fit(folder / "search.yaml", folder / "losses.csv", folder / "other", [])
    assert other["target"]["gain"] != report["target"]["gain"]
    assert sum(abs(other["proposed"][n] - w) for n, w in report["proposed"].items()) < 0.1


def test_where_the_default_is_proposed_the_check_run_trains_the_mix_that_may_be_better(folder):
    trained(folder, of_the_size, noise=0.01)
    report, text = commands.fit(folder / "search.yaml", folder / "losses.csv", folder / "found", [])
    assert report["is_default"]
    assert "proposed: the default, since" in text
    assert report["proposed"] == report["default"]
    assert {n: e.weight for n, e in load_recipe(folder / "found" / "proposed.yaml").entries.items()} == report["default"]
    assert [row["recipe"] for row in rows_of(folder / "found" / "check.csv")] == ["candidate.yaml", "default.yaml"]


# -- simulated problems ---------------------------------------------------------------------------


def test_the_simulator_shares_no_code_with_the_search():
    tree = ast.parse(Path(simulated.__file__).read_text())
    above = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert not [n for n in above if "mixes" in ast.unparse(n)]
    searching = {f.name for f in tree.body if isinstance(f, ast.FunctionDef) and "mixes.search" in ast.unparse(f)}
    assert searching == {"solve"}


def test_the_optimum_of_a_problem_beats_what_chance_finds():
    for seed in range(3):
        world = simulated.problem(seed)
        best = simulated.optimum(world)
        most = np.minimum(1, simulated.EPOCHS * world.available / simulated.LARGE[1])
        drawn = simulated.within(np.random.default_rng(0).dirichlet(np.ones(len(best)), 20_000), most)
        assert abs(best.sum() - 1) < 1e-9
        assert (best <= most + 1e-12).all()
        assert world.objective(best)[0] <= world.objective(drawn).min()


@pytest.mark.slow
def test_simulated_problems_of_another_form_are_solved():
    """A small version of `python -m bench mix_search`."""
    found = [simulated.solve(simulated.problem(seed), []) for seed in range(2_000, 2_005)]
    assert np.median([f["regret"] for f in found]) <= 0.2
    assert sum(f["gain"] < -1e-9 for f in found) <= 1
