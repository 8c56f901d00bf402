"""Chooses a fitter, and the mix it would train the large model on, unless the default may be as good.

Fitters are compared by the error of what is minimised, the weighted loss of the validation sets, on mixes they have not seen. One is
taken only if it beats `constant`, which says that the mix does not matter, by more than a standard error; otherwise the default is
proposed. Mixes are compared by their predicted gain over the default less `risk` standard deviations of it.

The best of many mixes owes some of its predicted gain to errors of the prediction. So the gain that is stated is another one: the mixes
that were run are split into halves, each half chooses a mix by itself, and the other half says what that one gains. Where more than
CHANCE of the replicates see no gain, the default is proposed.

Source: the gain by halves is cross-fitting (Chernozhukov et al. 2018, arXiv:1608.00060); minimising what the fitted form predicts,
        Ye et al. 2024 and Liu et al. 2024; the check run, Llama 3 (Dubey et al. 2024, arXiv:2407.21783), section 3.1.2.
        Choice of the fitter and bounds are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from curation.errors import Place, RecipeError, did_you_mean
from mixes.search.candidates import rounded
from mixes.search.fitters import FORMS, LEAST_MIXES_OF_TREES, Fit, Form, fit, nearness
from mixes.search.losses import Runs
from mixes.search.spec import Search, Size, within

FITTERS = ("law", "pairs", "linear")
"""Those that are compared unless others are asked for."""
MOST_PARAMETERS = 200
"""Of a fitter nobody asked for: more take minutes (ours)."""
FOLDS = 5
REPLICATES = 48
"""Of all runs, and of each half of them."""
LEVEL = 0.9
"""Of intervals."""
CHANCE = 0.1
"""Of no gain, above which the default is proposed (ours)."""
SCALING_SIZES = 3
"""Sizes that a scaling law needs: E, A and a."""
DRAWN = 2_000
"""Mixes looked at for each of SPREADS, concentrations of Dirichlet distributions around the default."""
SPREADS = (1.0, 3.0, 10.0, 30.0, 100.0)
STEPS = (0.05, 0.02, 0.01, 0.005, 0.002)
"""Widths of the steps away from the BEST mixes so far, of which each takes TRIES."""
BEST, TRIES = 10, 60


@dataclass(frozen=True)
class Judged:
    """What the cross-validation says of a fitter."""

    name: str
    parameters: int
    error: float
    """Root mean square of the weighted loss's error on mixes left out, nats; runs far above the best of their size count less."""
    better: float
    better_error: float
    """Mean squared error less than that of `constant`, and its standard error over mixes."""
    smaller: float | None
    """The same error for the runs of the largest size, predicted from the smaller ones; None of fewer than three sizes."""

    @property
    def beats_constant(self) -> bool:
        return self.better > self.better_error


@dataclass(frozen=True)
class Proposal:
    """The mix proposed, and all that is said of it."""

    search: Search
    runs: Runs
    target: Size
    judged: tuple[Judged, ...]
    left_out: dict[str, str]
    """Fitters that were not tried, and why."""
    fitter: str
    mix: Any
    """float64 (K,)."""
    best: Any
    """float64 (K,): what would be proposed if its gain were certain; the same unless the default is proposed."""
    why_default: str
    """Empty, or why the default is proposed."""
    importance: Any
    """float64 (V,): sums to 1."""
    fitted: Fit
    """Replicates on all runs."""
    halves: tuple[tuple[Any, Fit], ...]
    """A mix that one half of the runs chose, and replicates on the other half."""
    warnings: tuple[str, ...]

    def losses(self, mix: Any, size: Size) -> Any:
        """Losses of a mix by each replicate: (B, V)."""
        return self.fitted.predict(mix[None], size.parameters, size.tokens)[:, 0]

    def changes(self, size: Size) -> Any:
        """How the loss of each set changes from the default to a mix that is chosen so, by replicates that did not choose it: (2 B, V)."""
        found = []
        for mix, fitted in self.halves:
            default, chosen = np.moveaxis(fitted.predict(np.stack([self.search.default, mix]), size.parameters, size.tokens), 1, 0)
            found.append(chosen - default)
        return np.concatenate(found)

    def gain(self, size: Size) -> Any:
        """By how much the weighted loss falls, by each replicate: (2 B,)."""
        return -self.changes(size) @ self.importance


def interval(values: Any) -> tuple[float, float]:
    """The middle LEVEL of replicates."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def choose(search: Search, runs: Runs, file: str, fitters: Sequence[str] = ()) -> Proposal:
    """Fit the runs and propose a mix.

    Args:
        file: where the runs stand, for errors. fitters: names; none = FITTERS.
    Raises: RecipeError if there are fewer runs than parameters, or too few sizes for the target.
    """
    for name in fitters:
        if name not in FORMS:
            raise RecipeError(f"there is no fitter {name!r}{did_you_mean(name, FORMS)}", hint=f"there is {', '.join(FORMS)}")
    target = search.spec.target
    sizes = runs.sizes
    if (target.parameters, target.tokens) not in sizes and len(sizes) < SCALING_SIZES:
        raise RecipeError(
            f"the runs have {len(sizes)} size{'s' * (len(sizes) > 1)}, and a scaling law that predicts the target has 3 parameters",
            Place(file, 1, 1), hint=f"train at {SCALING_SIZES} sizes, or give a size of the runs as `target`",
        )  # fmt: skip
    importance = np.array([search.spec.validation.get(s, 0.0 if search.spec.validation else 1.0) for s in runs.sets])
    importance /= importance.sum()
    forms, left_out = _possible(search, runs, file, fitters)
    rng = np.random.default_rng(search.spec.seed)
    judged = _cross_validate(forms, search, runs, importance, rng)
    best = min(judged[1:], key=lambda j: j.error)
    form = FORMS[best.name]
    count = int(runs.mix.max()) + 1
    half = rng.permutation(np.arange(count) % 2)
    fits = [_replicates(form, search, runs, some, rng) for some in (np.ones(count), half == 0, half == 1)]
    all_of_them, *of_halves = (rounded(_least_risk(search, runs, f, importance, rng))[0] for f in fits)
    halves = ((of_halves[0], fits[2]), (of_halves[1], fits[1]))
    found = Proposal(search, runs, target, judged, left_out, best.name, all_of_them, all_of_them, "", importance, fits[0], halves, ())
    gain = found.gain(target)
    why = ""
    if not best.beats_constant:
        why = "no fitter is better than `constant` by a standard error on mixes left out: the runs do not show that the mix matters"
    elif np.mean(gain <= 0) > CHANCE:
        why = f"the predicted gain of another mix, {gain.mean():.4f}, is within its uncertainty"
    mix = search.default if why else all_of_them
    return replace(found, mix=mix, why_default=why, warnings=_warnings(search, runs, mix))


def _replicates(form: Form, search: Search, runs: Runs, mixes: Any, rng: np.random.Generator) -> Fit:
    """Replicates on the runs of some mixes, bool (mixes,)."""
    whole = fit(form, runs, search.default, mixes[None, runs.mix].astype(float))
    weights = rng.exponential(size=(REPLICATES, len(mixes))) * mixes
    return fit(form, runs, search.default, weights[:, runs.mix], whole, rng)


def _possible(search: Search, runs: Runs, file: str, asked: Sequence[str]) -> tuple[list[Form], dict[str, str]]:
    """Fitters with no more parameters than runs, and fewer of the mix than distinct mixes; `constant` first."""
    count, mixes, entries = len(runs.losses), int(runs.mix.max()) + 1, len(search.default)
    forms, left_out = [FORMS["constant"]], {}
    for name in asked or FITTERS:
        form = FORMS[name]
        needed = form.parameters(entries, len(runs.sizes))
        if count < needed:
            left_out[name] = f"{needed} parameters, {count} runs"
        elif needed > MOST_PARAMETERS and not asked:
            left_out[name] = f"{needed} parameters take minutes; ask for it if you have them"
        elif mixes < (least := max(form.of_mix(entries) + 1, LEAST_MIXES_OF_TREES * form.trees)):
            left_out[name] = f"{least} distinct mixes needed, {mixes} there"
        elif form.terms:
            forms.append(form)
    if len(forms) == 1 or (asked and left_out):
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise RecipeError(f"too few runs: {reasons}" if reasons else "`constant` alone proposes no mix", Place(file, 1, 1))
    return forms, left_out


def _cross_validate(forms: list[Form], search: Search, runs: Runs, importance: Any, rng: np.random.Generator) -> tuple[Judged, ...]:
    """Judge fitters on mixes left out, FOLDS times a part of them."""
    count = int(runs.mix.max()) + 1
    folds = min(FOLDS, count)
    fold = rng.permutation(np.arange(count) % folds)[runs.mix]
    weights = np.array([fold != k for k in range(folds)], dtype=float)
    largest = (runs.parameters == runs.sizes[-1][0]) & (runs.tokens == runs.sizes[-1][1])
    smaller_first = len(runs.sizes) >= SCALING_SIZES
    if smaller_first:
        weights = np.concatenate([weights, ~largest[None]])
    judged: list[Judged] = []
    constant: Any = None
    for form in forms:
        found = fit(form, runs, search.default, weights).predict(runs.mixes, runs.parameters, runs.tokens)
        misses = (found - runs.losses) @ importance
        held = misses[fold, np.arange(len(fold))] ** 2 * nearness(runs, runs.losses @ importance)
        constant = held if constant is None else constant
        by_mix = np.bincount(runs.mix, constant - held) / np.bincount(runs.mix)
        judged.append(Judged(
            form.name, form.parameters(len(search.default), len(runs.sizes)), float(np.sqrt(held.mean())), float(by_mix.mean()),
            float(by_mix.std(ddof=1) / np.sqrt(count)), float(np.sqrt((misses[-1, largest] ** 2).mean())) if smaller_first else None,
        ))  # fmt: skip
    return tuple(judged)


def _least_risk(search: Search, runs: Runs, fitted: Fit, importance: Any, rng: np.random.Generator) -> Any:
    """The mix whose gain less `risk` standard deviations is largest, within the bounds and within what was sampled: (K,)."""
    target, default = search.spec.target, search.default
    low = np.maximum(search.low, np.minimum(runs.mixes.min(axis=0), default))
    high = np.minimum(search.high, np.maximum(runs.mixes.max(axis=0), default))
    at_default = fitted.predict(default[None], target.parameters, target.tokens)[:, 0] @ importance

    def best_of(mixes: Any) -> Any:
        gains = at_default[:, None] - fitted.predict(mixes, target.parameters, target.tokens) @ importance
        return mixes[np.argsort(-(gains.mean(axis=0) - search.spec.risk * gains.std(axis=0)), kind="stable")[:BEST]]

    drawn = [rng.dirichlet(np.maximum(c * len(default) * default, 1e-2), DRAWN) for c in SPREADS]
    best = best_of(within(np.concatenate([default[None], runs.mixes, *drawn]), low, high))
    for step in STEPS:
        moved = np.repeat(best, TRIES, axis=0)
        best = best_of(np.concatenate([best, within(moved + rng.normal(scale=step, size=moved.shape), low, high)]))
    return best[0]


def _warnings(search: Search, runs: Runs, mix: Any) -> tuple[str, ...]:
    """What should make a reader careful."""
    found = []
    target = search.spec.target
    least, most = runs.mixes.min(axis=0), runs.mixes.max(axis=0)
    edge = [n for n, w, a, b in zip(search.names, mix, least, most, strict=True) if w <= a + 1e-4 or w >= b - 1e-4]
    if edge:
        found.append(f"at the edge of the weights that were sampled, beyond which nothing is predicted: {', '.join(edge)}")
    distinct = np.unique(runs.mixes, axis=0)
    nearest = [np.partition(np.abs(distinct - one).sum(axis=1), 1)[1] for one in distinct] if len(distinct) > 1 else [0]
    if np.abs(distinct - mix).sum(axis=1).min() > max(nearest):
        found.append("extrapolation: the mix is farther from every sampled one than any of those is from its neighbour")
    parameters, tokens = max(runs.parameters), max(runs.tokens)
    if target.parameters > 30 * parameters or target.tokens > 30 * tokens:
        found.append(
            f"extrapolation: the target has {target.parameters / parameters:,.0f} times the parameters and {target.tokens / tokens:,.0f} "
            "times the tokens of the largest run; train the check run before you rely on it"
        )
    repeated = sum(len(r) for r in runs.repeats)
    if repeated < 4:
        found.append(f"few seeds: {repeated} runs repeat another one's mix and size, so noise is told from the misses of the fit alone")
    if search.moved:
        found.append(f"the recipe's weight of {', '.join(search.moved)} breaks the bounds: the default here is the nearest mix within them")
    if search.spec.available is None:
        found.append("`available` is not given: epochs are not bounded")
    if runs.ignored:
        found.append(f"columns not read: {', '.join(runs.ignored)}")
    return tuple(found)
