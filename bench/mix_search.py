"""Mix search on simulated problems of three forms: regret of the proposed mix, how often the default was better, what intervals hold.

A problem has 3 to 8 domains of unequal size and a validation set of each. What a domain's tokens are worth to a set saturates with their
epochs, some domains help others, domains compete for the model's size, and every run has noise of its seed, part of it common to all sets.

saturating  floor + A N^-a + B U^-b: the fitters' scaling law, but useful tokens U saturate with the share, some domains hurt, and pairs
            have a joint effect.
by_domain   floor + A N^-a + B sum_k w_k (start + D_k)^-b_k: each domain's tokens D_k have a power of their own, so that the best mix
            changes with size (as in D-CPT Law and BiMix; Que et al. 2024, arXiv:2406.01375; Ge et al. 2024, arXiv:2405.14908).
coupled     floor + ((A N^-a)^2 + (B U^-b)^2)^(1/2): what the mix is worth depends on the model's size.

Runs are those that `propose` asks for, at three small sizes; `fit` sees nothing but their CSV. The mix it proposes is judged by the true
loss of the large model: regret = (proposed - optimum) / (default - optimum), where the default is the token shares and the optimum keeps
the same bounds. The search was developed on problems 0 to 99 and is reported on others, from 4000.
"""

from __future__ import annotations

import csv
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import versions

OPTIONS = {
    "problems": "FIRST:LAST of the seeds of problems of each form (4000:4020)",
    "fitters": "comma-separated; default those of the search",
    "mixes": "mixes of each of the three sizes, times domains (12,4,2)",
}  # fmt: skip
FORMS = ("saturating", "by_domain", "coupled")
SIZES = ((3e7, 6e8), (1e8, 2e9), (3e8, 6e9))
"""Parameters and tokens of the small runs."""
MIXES = (12, 4, 2)
"""Mixes of each size, times domains."""
LARGE = (8e9, 1.5e12)
EPOCHS = 4.0
LEAST = 0.002
"""Bounds of the large mix: epochs of a domain at most, weight at least."""


@dataclass(frozen=True)
class Problem:
    """A world in which mixes have true losses."""

    seed: int
    form: str
    shares: Any
    """float64 (K,): tokens of each domain as shares, which is the default mix."""
    available: Any
    """float64 (K,): tokens of each domain."""
    importance: Any
    """float64 (V,): weight of each validation set in what is minimised, sums to 1."""
    floor: Any
    size: Any
    size_power: Any
    data: Any
    data_power: Any
    """float64 (V,): floor + size x parameters**-size_power + data x (useful tokens)**-data_power, at 10^8 parameters and 10^9 tokens."""
    worth: Any
    """float64 (V, K): what a token of each domain is worth to each set; negative where it hurts."""
    half: Any
    """float64 (K,): share of a domain at which half its use is had."""
    joint: Any
    """float64 (V, K, K): effect of pairs."""
    power: Any
    start: Any
    """float64 (V, K): of each domain's tokens, if `by_domain`; tokens as a share of all."""
    crowding: Any
    """float64 (V,): how much the other domains take of the model's size."""
    noise: float

    def losses(self, mixes: Any, parameters: float, tokens: float) -> Any:
        """True loss of each validation set: (m, K) -> (m, V)."""
        epochs = mixes * tokens / self.available
        repeats = np.maximum(epochs - 1, 0)
        fresh = np.where(epochs > 1, (1 + 15 * (1 - np.exp(-repeats / 15))) / np.maximum(epochs, 1), 1)
        used = mixes * fresh
        own = np.zeros((len(mixes), len(self.floor)))
        own[:, : mixes.shape[1]] = mixes[:, : own.shape[1]]
        size = self.size * (parameters / 1e8) ** -self.size_power * (1 + self.crowding * (1 - own))
        if self.form == "by_domain":
            worth = np.maximum(self.worth, 0) + 0.02
            terms = ((used[:, None] + self.start) * tokens / 1e9) ** -self.power
            return self.floor + size + self.data * (terms * worth).sum(axis=2) / worth.sum(axis=1)
        used = used * (1 + self.half) / (used + self.half)
        root = np.sqrt(mixes)
        useful = used @ self.worth.T + np.einsum("mj,vjk,mk->mv", root, self.joint, root)
        useful = 0.03 * np.logaddexp(0, useful / 0.03)  # never below zero
        data = self.data * (useful * tokens / 1e9) ** -self.data_power
        return self.floor + (np.hypot(size, data) if self.form == "coupled" else size + data)

    def measured(self, mix: Any, parameters: float, tokens: float, seed: int) -> Any:
        """Losses of one run, with the noise of its seed: (V,)."""
        rng = np.random.default_rng((self.seed, seed, 7))
        true = self.losses(np.asarray(mix)[None], parameters, tokens)[0]
        return true + self.noise * (true / 3) * (0.7 * rng.normal() + 0.7 * rng.normal(size=len(true)))

    def objective(self, mixes: Any) -> Any:
        """What is minimised, of the large model: (m, K) -> (m,)."""
        return self.losses(np.atleast_2d(mixes), *LARGE) @ self.importance


def problem(seed: int, form: str = FORMS[0]) -> Problem:
    """One world."""
    rng = np.random.default_rng((seed, 1))
    k = int(rng.integers(3, 9))
    shares = rng.dirichlet(np.full(k, 1.5))
    shares = 0.02 + (1 - 0.02 * k) * shares
    worth = np.where(rng.random((k, k)) < 0.55, rng.uniform(0, 0.4, (k, k)), 0)
    worth -= np.where(rng.random((k, k)) < 0.25, rng.uniform(0, 0.15, (k, k)), 0)
    np.fill_diagonal(worth, 1)
    joint = np.where(rng.random((k, k, k)) < 0.15, rng.uniform(-0.1, 0.2, (k, k, k)), 0)
    joint[:, range(k), range(k)] = 0
    importance = rng.dirichlet(np.full(k, 4.0))
    own = np.random.default_rng((seed, 3))
    return Problem(
        seed, form, shares, shares * LARGE[1] * rng.uniform(1, 4), importance,
        floor=rng.uniform(0.8, 2.2, k), size=rng.uniform(0.4, 1.0, k), size_power=rng.uniform(0.28, 0.4, k),
        data=rng.uniform(0.5, 1.2, k), data_power=rng.uniform(0.25, 0.37, k),
        worth=worth, half=rng.uniform(0.2, 2.0, k), joint=joint,
        power=own.uniform(0.12, 0.45, (k, k)), start=own.uniform(0.002, 0.03, (k, k)),
        crowding=rng.uniform(0, 0.15, k), noise=float(rng.uniform(0.002, 0.01)),
    )  # fmt: skip


def within(mixes: Any, most: Any) -> Any:
    """Nearest mixes with LEAST <= weight <= most that sum to 1: (m, K)."""
    low, high = mixes.min(axis=1) - 1.5, mixes.max(axis=1) + 1.5
    for _ in range(60):  # sum of clip(mix - t) falls with t
        middle = (low + high) / 2
        over = np.clip(mixes - middle[:, None], LEAST, most).sum(axis=1) > 1
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return np.clip(mixes - ((low + high) / 2)[:, None], LEAST, most)


def optimum(world: Problem) -> Any:
    """The best mix within the bounds, by search on the true loss: (K,)."""
    rng = np.random.default_rng((world.seed, 2))
    most = np.minimum(1, EPOCHS * world.available / LARGE[1])
    k = len(most)
    best = within(np.concatenate([world.shares[None], rng.dirichlet(np.ones(k), 4_000)]), most)
    best = best[np.argsort(world.objective(best))[:8]]
    for step in np.geomspace(0.1, 2e-4, 60):
        tries = within(np.repeat(best, 40, axis=0) + rng.normal(scale=step, size=(len(best) * 40, k)), most)
        tries = np.concatenate([best, tries])
        best = tries[np.argsort(world.objective(tries))[:8]]
    return best[0]


def measure(scale: float, pairs: int, only: list[str], problems: str | None, fitters: str | None, mixes: str | None) -> dict[str, Any]:
    """Propose, simulate and fit every problem of each form through the files a user would have."""
    first, _, last = (problems or "4000:4020").partition(":")
    seeds = range(int(first), int(first) + round((int(last) - int(first)) * scale))
    counts = tuple(map(int, mixes.split(","))) if mixes else MIXES
    asked = fitters.split(",") if fitters else []
    rows = {form: [solve(problem(seed, form), asked, counts) for seed in seeds] for form in only or FORMS}
    targets: dict[str, Any] = {"problems": (total := sum(map(len, rows.values())), ">= 50", total >= 50)}
    for form, found in rows.items():
        median, better = np.median([r["regret"] for r in found]), np.mean([r["gain"] >= -1e-9 for r in found])
        inside = np.mean([r["low"] <= r["gain"] <= r["high"] for r in found if not r["is_default"]])
        targets |= {
            f"{form}: median regret": (round(float(median), 3), "<= 0.2", bool(median <= 0.2)),
            f"{form}: not worse than the default": (round(float(better), 3), ">= 0.9", bool(better >= 0.9)),
            f"{form}: true gain within the stated 90 % interval": (round(float(inside), 3), ">= 0.9", bool(inside >= 0.9)),
        }
    parts = {form: figures(found) for form, found in rows.items()}
    return {"name": "mix_search", "parts": parts, "rows": rows, "targets": targets, "versions": versions("numpy")}


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the problems of one form say together."""
    regret, changed = [r["regret"] for r in rows], [r for r in rows if not r["is_default"]]
    inside = [r["low"] <= r["gain"] <= r["high"] for r in changed]
    return {
        "problems": len(rows), "domains": f"{min(r['domains'] for r in rows)} to {max(r['domains'] for r in rows)}",
        "runs": f"{min(r['runs'] for r in rows)} to {max(r['runs'] for r in rows)}",
        "FLOPs of the runs, share of the large model's": f"{max(r['flops'] for r in rows):.4f} at most",
        "regret at 25, 50, 75, 90 %": np.round(np.quantile(regret, [0.25, 0.5, 0.75, 0.9]), 3).tolist(),
        "default - optimum at 10, 50, 90 %, nats": np.round(np.quantile([r["room"] for r in rows], [0.1, 0.5, 0.9]), 4).tolist(),
        "default proposed": len(rows) - len(changed), "worse than the default": sum(r["gain"] < -1e-9 for r in rows),
        "loss worse than the default by, worst, nats": round(max(0.0, -min(r["gain"] for r in rows)), 5),
        "fitters chosen": {f: sum(r["fitter"] == f for r in rows) for f in sorted({r["fitter"] for r in rows})},
        "true gain within the stated 90 % interval": f"{sum(inside)} of {len(inside)} mixes that are not the default",
        "true gain below, above it": [sum(r["gain"] < r["low"] for r in changed), sum(r["gain"] > r["high"] for r in changed)],
        "interval's width in stated gains, median": round(float(np.median([(r["high"] - r["low"]) / r["stated"] for r in changed])), 2),
        "CPU-seconds of a fit, median and most": np.round(np.quantile([r["seconds"] for r in rows], [0.5, 1]), 1).tolist(),
    }  # fmt: skip


def solve(world: Problem, fitters: list[str], mixes: tuple[int, ...] = MIXES) -> dict[str, Any]:
    """Search the mix of one problem, and what is true of the mix that is proposed."""
    from mixes.search import candidates, losses, proposal, spec

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        search = spec.load(written(world, folder, mixes))
        report = candidates.propose(search, folder / "small")
        train(world, folder / "small" / "runs.csv", folder / "losses.csv")
        started = time.process_time()
        found = proposal.choose(search, losses.read(folder / "losses.csv", search), "losses.csv", fitters)
        seconds = time.process_time() - started
    best = world.objective(optimum(world))[0]
    default, proposed = world.objective(np.stack([world.shares, found.mix]))
    gain = found.gain(found.target)
    low, high = proposal.interval(gain)
    return {
        "seed": world.seed, "domains": len(world.shares), "runs": report["runs"], "flops": report["flops"] / (6 * LARGE[0] * LARGE[1]),
        "regret": float((proposed - best) / (default - best)), "room": float(default - best), "gain": float(default - proposed),
        "stated": float(gain.mean()), "low": low, "high": high, "none": float(np.mean(gain <= 0)), "fitter": found.fitter,
        "is_default": bool(found.why_default), "seconds": seconds, "errors": {j.name: round(j.error, 5) for j in found.judged},
    }  # fmt: skip


def written(world: Problem, folder: Path, mixes: tuple[int, ...]) -> Path:
    """The search's YAML file and the recipe of the default mix."""
    names = [f"d{j}" for j in range(len(world.shares))]
    entries = [f"  {n}: {{where: \"source = '{n}'\", weight: {w!r}}}" for n, w in zip(names, world.shares.tolist(), strict=True)]
    (folder / "default.yaml").write_text("\n".join(["entries:", *entries]) + "\n")
    lines = [
        "recipe: default.yaml", f"target: {{parameters: {LARGE[0]!r}, tokens: {LARGE[1]!r}}}", f"epochs: {EPOCHS}", f"seed: {world.seed}",
        "runs:",
        *(f"  - {{parameters: {n!r}, tokens: {d!r}, mixes: {m * len(names)}}}" for (n, d), m in zip(SIZES, mixes, strict=True)),
        "available:", *(f"  {n}: {a!r}" for n, a in zip(names, world.available.tolist(), strict=True)),
        "bounds:", *(f"  {n}: [{LEAST}, 1]" for n in names),
        "validation:", *(f"  s{v}: {w!r}" for v, w in enumerate(world.importance.tolist())),
    ]  # fmt: skip
    (folder / "search.yaml").write_text("\n".join(lines) + "\n")
    return folder / "search.yaml"


def train(world: Problem, runs: Path, to: Path) -> None:
    """Add to each run of `runs.csv` the losses it would have."""
    with runs.open(newline="") as f, to.open("w", newline="") as g:
        reader = csv.DictReader(f)
        weights = [c for c in reader.fieldnames or [] if c.startswith("weight:")]
        writer = csv.DictWriter(g, [*(reader.fieldnames or []), *(f"loss:s{v}" for v in range(len(world.importance)))])
        writer.writeheader()
        for i, row in enumerate(reader):
            found = world.measured([float(row[c]) for c in weights], float(row["parameters"]), float(row["tokens"]), i)
            writer.writerow(row | {f"loss:s{v}": f"{x:.6f}" for v, x in enumerate(found)})
