"""Fits the losses of small runs as functions of mix and size, with uncertainty.

Every fitter has the form of Chinchilla's scaling law (Hoffmann et al. 2022, arXiv:2203.15556, section 3.3), in which the mix acts on
the term of the tokens. For a validation set, a mix r, N parameters and D tokens:

    L(r, N, D) = E + A N^-a + B D^-b m(r)

constant  m = 1: the mix does not matter. What every other one must beat.
law       m = exp(t . r): data-mixing laws (Ye et al. 2024, arXiv:2403.16952), c + k exp(sum_j t_j r_j), at one size.
pairs     m = exp(t . r + r' U r): the same with a term for each pair of entries (ours): entries that help each
          other, and a gain that wears off.
linear    m = 1 + t . r: the linear regression of RegMix (Liu et al. 2024, arXiv:2407.01492), at one size.
trees     m = exp(boosted trees of r): RegMix's LightGBM, on the rest that E, A, a, B and b of `law` leave (extra `trees`).

Here r stands for the difference to the default mix. What an entry does may change with size, as domains have powers of their own: all
but `trees` have t + s ln D in place of t. A few small sizes hardly tell s. Its prior keeps it small, and makes the large model's
intervals as wide as the drift that the sizes make likely (ours).

Parameters are found by maximum a posteriori with Levenberg and Marquardt's method. E, A, a, B and b have weak priors around published
values (Hoffmann et al.; Besiroglu et al. 2024, arXiv:2404.10102), since a few small sizes alone do not tell them. Those of t, U and s are
normal around 0; their widths and the noise come from the data, by MacKay's fixed point for the evidence (1992, "Bayesian Interpolation").

Uncertainty: replicates. Each weighs the mixes anew (Bayesian bootstrap, Rubin 1981: exponential weights, runs of one mix together) and
draws the centres of all priors from those priors, so that what the runs do not tell differs between replicates.
All replicates, and all folds of the cross-validation, are solved at once as one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.errors import RecipeError
from mixes.search.losses import Runs

SCALING = 5
"""Parameters of the scaling law: E, ln A, a, ln B, b; losses as multiples of their mean, sizes of their geometric mean."""
PRIOR_MEAN = np.array([0.45, np.log(0.25), 0.35, np.log(0.3), 0.32])
PRIOR_WIDTH = np.array([0.2, 0.8, 0.08, 0.8, 0.08])
NOISE, WIDTH = 0.01, 2.0
"""Where the noise of a loss, relative to it, and the widths of the priors of t and U begin; that of s begins at its least."""
WIDTHS = (0.05, 20.0)
DRIFTS = (0.04, 0.15)
"""Least and most width of the prior of s, in widths of that of t (ours, chosen on simulated problems: bench/mix_search.py)."""
LEAST_NOISE = 1e-5
NEAR = 0.1
"""How far above the lowest of its size, relative to it, a loss counts half (ours)."""
SLOPES = 1 << 22
"""Derivatives held at once; more replicates are solved one part after the other."""
TREES = {
    "objective": "regression", "learning_rate": 0.05, "num_leaves": 8, "min_data_in_leaf": 3, "min_sum_hessian_in_leaf": 1.0,
    "lambda_l2": 1.0, "verbose": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": 0,
}  # fmt: skip
ROUNDS = 150
LEAST_MIXES_OF_TREES = 40


@dataclass(frozen=True)
class Form:
    """How a fitter lets the mix act; see the head of this file."""

    name: str
    exponential: bool = True
    terms: bool = True
    """Whether it has t."""
    pairs: bool = False
    trees: bool = False

    def features(self, mixes: Any, log_tokens: Any) -> Any:
        """What t, U and s are multiplied with: (m, K), of mixes less the default, and (m,) -> (m, q)."""
        if not self.terms:
            return mixes[:, :0]
        i, j = np.triu_indices(mixes.shape[1] if self.pairs else 0)
        drifts = mixes[:, : 0 if self.trees else None] * log_tokens[:, None]
        return np.concatenate([mixes, 2 * mixes[:, i] * mixes[:, j], drifts], axis=1)

    def group(self, entries: int) -> Any:
        """Which prior each feature has, of t, of U or of s: int64 (q,)."""
        pairs = entries * (entries + 1) // 2
        return np.repeat([0, 1, 2], [entries * self.terms, pairs * self.pairs, entries * (self.terms and not self.trees)])

    def parameters(self, entries: int, sizes: int) -> int:
        """Parameters that data of so many sizes are to tell; entries sum to 1, so one is told by the others. s is held by its prior."""
        return self.of_mix(entries) + (SCALING if sizes > 1 else 2)

    def of_mix(self, entries: int) -> int:
        """Those among them that act on the mix, which distinct mixes alone can tell."""
        free = entries - 1
        return free * self.terms + free * (free + 1) // 2 * self.pairs


FORMS = {
    form.name: form
    for form in (
        Form("constant", terms=False), Form("law"), Form("pairs", pairs=True), Form("linear", exponential=False), Form("trees", trees=True),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """Losses of every validation set as each replicate sees them."""

    form: Form
    default: Any
    unit: tuple[float, float, Any]
    """Geometric mean of parameters and of tokens, and mean loss of each set."""
    theta: Any
    """float64 (V, B, SCALING + q)."""
    noise: Any
    """float64 (V, B), relative to the mean loss."""
    width: Any
    """float64 (V, B, 3): of the priors of t, U and s."""
    forests: Any = None
    """LightGBM's boosters, a list of B for each set, if the form has trees."""

    def predict(self, mixes: Any, parameters: Any, tokens: Any) -> Any:
        """Losses by each replicate: (m, K) and sizes, numbers or (m,) -> (B, m, V)."""
        sizes = [np.broadcast_to(np.log(np.divide(n, unit)), len(mixes)) for n, unit in zip((parameters, tokens), self.unit, strict=False)]
        x = self.form.features(mixes - self.default, sizes[1])
        found = []
        for v, theta in enumerate(self.theta):
            if self.forests is None:
                found.append(_losses(self.form, theta, x, *sizes) * self.unit[2][v])
            else:
                factor = np.exp([forest.predict(mixes, num_threads=1) for forest in self.forests[v]])
                model, data = _terms(theta, *sizes)
                found.append((theta[:, :1] + model + data * factor) * self.unit[2][v])
        return np.stack(found, axis=-1)


def fit(form: Form, runs: Runs, default: Any, weights: Any, start: Fit | None = None, rng: np.random.Generator | None = None) -> Fit:
    """Fit replicates, which weigh the runs differently.

    Args:
        weights: (B, n), 0 leaves a run out. start: a fit of one replicate that tells noise and widths of priors; without it each
        finds its own. rng: draws the centres of the priors; without it they are what they are.
    """
    unit = float(np.exp(np.log(runs.parameters).mean())), float(np.exp(np.log(runs.tokens).mean())), runs.losses.mean(axis=0)
    sizes = np.log(runs.parameters / unit[0]), np.log(runs.tokens / unit[1])
    x = form.features(runs.mixes - default, sizes[1])
    group = form.group(len(default))
    theta: list[Any] = []
    noise: list[Any] = []
    width: list[Any] = []
    at_once = max(1, SLOPES // (x.shape[0] * (SCALING + x.shape[1])))
    for v in range(runs.losses.shape[1]):
        solved = []
        near = nearness(runs, runs.losses[:, v])
        for some in np.split(weights, range(at_once, len(weights), at_once)):
            problem = _Problem(form, x, *sizes, runs.losses[:, v] / unit[2][v], some * near, group)
            if start is None:
                problem.learn()
            else:
                problem.resume(start.theta[v], start.noise[v], start.width[v], rng)
            solved.append((problem.theta, problem.noise, problem.width))
        for kept, parts in zip((theta, noise, width), zip(*solved, strict=True), strict=True):
            kept.append(np.concatenate(parts))
    forests = _grow(runs, unit, np.stack(theta), sizes, weights) if form.trees else None
    return Fit(form, default, unit, np.stack(theta), np.stack(noise), np.stack(width), forests)


def nearness(runs: Runs, loss: Any) -> Any:
    """Weight of each run by how near its loss is to the lowest one of its size, 1 to 0: (n,).

    A mix that starves a set of its data has a loss far above the others, which no form meets and no one would train on.
    """
    _, size = np.unique(np.stack([runs.parameters, runs.tokens]), axis=1, return_inverse=True)
    lowest = np.full(size.max() + 1, np.inf)
    np.minimum.at(lowest, size, loss)
    return 1 / (1 + ((loss / lowest[size] - 1) / NEAR) ** 2)


def _terms(theta: Any, log_parameters: Any, log_tokens: Any) -> tuple[Any, Any]:
    """The terms of model and data without the mix: (B, m) each."""
    return np.exp(theta[:, 1:2] - theta[:, 2:3] * log_parameters), np.exp(theta[:, 3:4] - theta[:, 4:5] * log_tokens)


def _losses(form: Form, theta: Any, x: Any, log_parameters: Any, log_tokens: Any) -> Any:
    """Losses of one set: (B, m)."""
    model, data = _terms(theta, log_parameters, log_tokens)
    return theta[:, :1] + model + data * _factor(form, theta[:, SCALING:] @ x.T)


def _factor(form: Form, exponent: Any) -> Any:
    return np.exp(np.clip(exponent, -20, 20)) if form.exponential else 1 + exponent


class _Problem:
    """The fit of one validation set: B replicates side by side."""

    def __init__(self, form: Form, x: Any, log_parameters: Any, log_tokens: Any, loss: Any, weights: Any, group: Any) -> None:
        self.form, self.x, self.sizes = form, x, (log_parameters, log_tokens)
        self.loss, self.weights, self.group = loss, weights, group
        self.centre = np.tile(np.concatenate([PRIOR_MEAN, np.zeros(x.shape[1])]), (len(weights), 1))
        self.theta = self.centre.copy()
        self.noise = np.full(len(weights), NOISE)
        self.width = np.full((len(weights), 3), WIDTH) * [1, 1, DRIFTS[0]]

    @property
    def prior_width(self) -> Any:
        return np.concatenate([np.tile(PRIOR_WIDTH, (len(self.weights), 1)), self.width[:, self.group]], axis=1)

    def learn(self) -> None:
        """Find parameters, noise and widths of priors, each replicate its own."""
        for _ in range(6):
            inverse = np.linalg.inv(self._solve(40))
            variance = np.einsum("bpp->bp", inverse)
            count = (self.weights > 0).sum(axis=1)
            told = 1 - variance / self.prior_width**2  # how far the data tell each parameter, 0 to 1
            misses = self.loss - _losses(self.form, self.theta, self.x, *self.sizes)
            squares = (self.weights * misses**2).sum(axis=1)
            self.noise = np.maximum(np.sqrt(squares / np.maximum(count - told.sum(axis=1), 0.1 * count)), LEAST_NOISE)
            for g in np.unique(self.group):
                at = SCALING + np.flatnonzero(self.group == g)
                squares = (self.theta[:, at] ** 2).sum(axis=1) / np.maximum(told[:, at].sum(axis=1), 1e-9)
                least, most = WIDTHS if g < 2 else self.width[:, 0] * np.array(DRIFTS)[:, None]
                self.width[:, g] = np.clip(np.sqrt(squares), least, most)
        self._solve(40)

    def resume(self, theta: Any, noise: Any, width: Any, rng: np.random.Generator | None) -> None:
        """Find parameters from those, the noise and the widths of one replicate."""
        self.theta, self.noise, self.width = (np.repeat(a[:1], len(self.weights), axis=0) for a in (theta, noise, width))
        if rng is not None:
            self.centre = self.centre + rng.normal(size=self.centre.shape) * self.prior_width
        self._solve(15)

    def _cost(self, theta: Any, precision: Any, width: Any) -> Any:
        misses = self.loss - _losses(self.form, theta, self.x, *self.sizes)
        return (precision * misses**2).sum(axis=1) + (((theta - self.centre) / width) ** 2).sum(axis=1)

    def _solve(self, steps: int) -> Any:
        """Levenberg and Marquardt's method, from where theta is; returns the last curvature, (B, p, p)."""
        width, precision = self.prior_width, self.weights / self.noise[:, None] ** 2
        diagonal = np.arange(width.shape[1])
        damping = np.full(len(width), 1e-3)
        cost = self._cost(self.theta, precision, width)
        for _ in range(steps):
            found, slopes = self._slopes()
            down = np.matmul((precision * (self.loss - found))[:, None], slopes)[:, 0] + (self.centre - self.theta) / width**2
            curvature = np.matmul(slopes.transpose(0, 2, 1), precision[..., None] * slopes)
            curvature[:, diagonal, diagonal] += 1 / width**2
            damped = curvature.copy()
            damped[:, diagonal, diagonal] *= 1 + damping[:, None]
            tried = self.theta + np.linalg.solve(damped, down[..., None])[..., 0]
            tried_cost = self._cost(tried, precision, width)
            better = tried_cost <= cost
            still = not better.any() or bool((cost - tried_cost < 1e-4 * (1 + cost))[better].all() and better.all())
            self.theta, cost = np.where(better[:, None], tried, self.theta), np.where(better, tried_cost, cost)
            damping = np.clip(np.where(better, damping / 5, damping * 8), 1e-9, 1e6)
            if still and better.all():
                break
        return curvature

    def _slopes(self) -> tuple[Any, Any]:
        """Losses (B, n) and their derivatives (B, n, p)."""
        model, data = _terms(self.theta, *self.sizes)
        factor = _factor(self.form, self.theta[:, SCALING:] @ self.x.T)
        acts = data * factor
        slopes = np.empty((*acts.shape, self.theta.shape[1]))
        slopes[..., 0] = 1
        slopes[..., 1], slopes[..., 2] = model, -model * self.sizes[0]
        slopes[..., 3], slopes[..., 4] = acts, -acts * self.sizes[1]
        slopes[..., SCALING:] = (acts if self.form.exponential else data)[..., None] * self.x
        return self.theta[:, :1] + model + acts, slopes


def _grow(runs: Runs, unit: Any, theta: Any, sizes: Any, weights: Any) -> list[list[Any]]:
    """Boosted trees of the logarithm of each set's factor, for each replicate.

    Raises: RecipeError if LightGBM is not installed.
    """
    try:
        import lightgbm
    except ImportError as e:
        raise RecipeError("the fitter `trees` needs LightGBM", hint="pip install 'curate-pretraining[trees]'") from e
    forests = []
    for v, thetas in enumerate(theta):
        model, data = _terms(thetas, *sizes)
        rest = (runs.losses[:, v] / unit[2][v] - thetas[:, :1] - model) / data
        of_set = []
        for target, weight in zip(np.log(np.maximum(rest, 0.01)), weights, strict=True):
            used = weight > 0
            rows = lightgbm.Dataset(runs.mixes[used], label=target[used], weight=weight[used], params={"verbose": -1})
            of_set.append(lightgbm.train(TREES, rows, ROUNDS))
        forests.append(of_set)
    return forests
