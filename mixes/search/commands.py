"""`curate mix search propose` and `fit`: from files to files, and what is said of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixes.search import candidates, losses, spec
from mixes.search.candidates import csv_text, recipe_text, rounded, weight_columns, write
from mixes.search.proposal import LEVEL, Proposal, choose, interval
from mixes.search.spec import Check, Size


def propose(file: Path, folder: Path) -> tuple[dict[str, Any], str]:
    """Write the specs of the small runs into a folder; a report as data and as text.

    Raises: RecipeError at the first mistake in the file, or if the folder has other runs.
    """
    report = candidates.propose(spec.load(file), folder)
    sizes = [f"  {s['runs']:>4} runs of {s['parameters']:.3g} parameters on {s['tokens']:.3g} tokens" for s in report["sizes"]]
    width = max(map(len, report["range"]))
    spread = [f"  {name:<{width}}  {low:.3f} to {high:.3f}" for name, (low, high) in report["range"].items()]
    lines = [f"{report['runs']} runs of {report['mixes']} mixes, {report['flops']:.2g} FLOPs", *sizes, "weights", *spread]
    lines.append(f"written: {', '.join(report['files'])}; add a column loss:SET for each validation set, then curate mix search fit")
    return report, "\n".join(lines)


def fit(file: Path, losses_file: Path, folder: Path, fitters: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Fit the losses, write the proposed recipe and the check run into a folder; a report as data and as text.

    Files: `proposed.yaml` and `default.yaml`; `candidate.yaml` where the default is proposed, the mix that may still be
    better; `check.csv`, the runs that tell, with the columns of `runs.csv`; `report.json`.

    Raises: RecipeError at the first mistake in a file, if the runs are too few, or if the folder has other content.
    """
    search = spec.load(file)
    found = choose(search, losses.read(losses_file, search), str(losses_file), fitters)
    check, rows, recipes = _check(found)
    report = _report(found, check)
    files = {**recipes, "check.csv": csv_text(rows), "report.json": json.dumps(report, ensure_ascii=False, indent=2) + "\n"}
    write(folder, files)
    report["files"] = [str(folder / name) for name in files]
    return report, _text(report)


def _check(found: Proposal) -> tuple[Check, list[dict[str, Any]], dict[str, str]]:
    """The check run's size, its rows and the recipes they name."""
    search, last = found.search, found.runs.sizes[-1]
    between = np.sqrt([last[0] * found.target.parameters, last[1] * found.target.tokens])
    check = search.spec.check or Check(parameters=float(f"{between[0]:.2g}"), tokens=float(f"{between[1]:.2g}"), seeds=1)
    sure = not found.why_default
    mixes = {"proposed" if sure else "candidate": found.best, "default": rounded(search.default)[0]}
    notes = {
        "default": "The default mix of a mix search.", "proposed": "Proposed by a mix search.",
        "candidate": "A mix that may be better than the default; the check run tells.",
    }  # fmt: skip
    recipes = {f"{name}.yaml": recipe_text(search.recipe.yaml.data, mix, notes[name]) for name, mix in mixes.items()}
    if not sure:
        recipes["proposed.yaml"] = recipe_text(search.recipe.yaml.data, mixes["default"], "Proposed by a mix search: the default.")
    rows = [
        {
            "run": f"check-{name}-{seed}", "recipe": f"{name}.yaml", "parameters": f"{check.parameters:.12g}",
            "tokens": f"{check.tokens:.12g}", "seed": seed, **weight_columns(search.names, mix),
        }
        for name, mix in mixes.items() for seed in range(check.seeds)
    ]  # fmt: skip
    return check, rows, recipes


def _spread(values: Any, digits: int = 5) -> dict[str, float]:
    low, high = interval(values)
    return {"mean": round(float(values.mean()), digits), "low": round(low, digits), "high": round(high, digits)}


def _report(found: Proposal, check: Check) -> dict[str, Any]:
    search, runs = found.search, found.runs
    shares = zip(search.names, found.best, strict=True)
    available = search.spec.available or {}
    epochs = {name: round(float(w) * found.target.tokens / available[name], 3) for name, w in shares if available}

    def entries(mix: Any) -> dict[str, float]:
        return dict(zip(search.names, rounded(mix)[0].tolist(), strict=True))

    def at(size: Size, mix: Any) -> dict[str, Any]:
        default, other = found.losses(search.default, size), found.losses(mix, size)
        of_sets = [
            {"set": name, "importance": round(float(w), 6), "default": _spread(a), "mix": _spread(b), "change": _spread(change)}
            for name, w, a, b, change in zip(runs.sets, found.importance, default.T, other.T, found.changes(size).T, strict=True)
        ]
        return {"parameters": size.parameters, "tokens": size.tokens, "gain": _spread(found.gain(size)), "losses": of_sets}

    noise = [float(np.var(runs.losses[list(same)] @ found.importance, ddof=1)) for same in runs.repeats]
    return {
        "default": entries(search.default), "proposed": entries(found.mix), "best": entries(found.best),
        "is_default": bool(found.why_default), "why_default": found.why_default, "level": LEVEL,
        "target": at(found.target, found.best), "check": at(check, found.best),
        "epochs": epochs, "fitter": found.fitter,
        "fitters": [
            {
                "name": j.name, "parameters": j.parameters, "error": round(j.error, 6), "better_than_constant": bool(j.beats_constant),
                "error_from_smaller_sizes": None if j.smaller is None else round(j.smaller, 6),
            }
            for j in found.judged
        ],
        "left_out": found.left_out, "runs": len(runs.losses), "mixes": int(runs.mix.max()) + 1, "sizes": [list(s) for s in runs.sizes],
        "noise_between_seeds": round(float(np.sqrt(np.mean(noise))), 6) if noise else None, "warnings": list(found.warnings),
    }  # fmt: skip


def _text(report: dict[str, Any]) -> str:
    """The report for people."""
    target, check, other = report["target"], report["check"], "uncertain" if report["is_default"] else "proposed"
    lines = [
        f"{report['runs']} runs of {report['mixes']} mixes at {len(report['sizes'])} sizes",
        f"target {target['parameters']:.3g} parameters, {target['tokens']:.3g} tokens", "",
    ]  # fmt: skip
    lines += _columns(
        ("fitter", "parameters", "error on mixes left out", "largest size from smaller ones"),
        [(f["name"] + " *" * (f["name"] == report["fitter"]), f["parameters"], f"{f['error']:.4f}",
          "-" if f["error_from_smaller_sizes"] is None else f"{f['error_from_smaller_sizes']:.4f}") for f in report["fitters"]],
    )  # fmt: skip
    lines += [f"left out: {name}: {why}" for name, why in report["left_out"].items()]
    if report["noise_between_seeds"] is not None:
        lines.append(f"noise between seeds {report['noise_between_seeds']:.4f}")
    epochs = report["epochs"]
    rows = [(n, f"{w:.4f}", f"{report['best'][n]:.4f}", f"{epochs[n]:.2f}" if epochs else "-") for n, w in report["default"].items()]
    lines += ["", *_columns(("entry", "default", other, "epochs"), rows), ""]
    losses = [(row["set"], f"{row['importance']:.3f}", *(_shown(row[k]) for k in ("default", "mix", "change"))) for row in target["losses"]]
    lines += _columns(("predicted loss", "importance", "default", other, "change"), losses)
    lines.append(f"change is stated by halves of the runs, of mixes the other half chose; it is not {other} less default, by all runs")
    lines += ["", f"predicted gain {_shown(target['gain'])} ({round(100 * report['level'])} % interval)"]
    if report["is_default"]:
        lines.append(f"proposed: the default, since {report['why_default']}")
    sizes = f"{check['parameters']:.3g} parameters, {check['tokens']:.3g} tokens"
    lines.append(f"check run: {sizes}, predicted gain {_shown(check['gain'])}")
    lines += [f"warning: {text}" for text in report["warnings"]]
    return "\n".join([*lines, f"written: {', '.join(report['files'])}"])


def _shown(spread: dict[str, float]) -> str:
    return f"{spread['mean']:.4f} [{spread['low']:.4f}, {spread['high']:.4f}]"


def _columns(head: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> list[str]:
    table = [head, *([str(cell) for cell in row] for row in rows)]
    first, *wide = (max(len(row[i]) for row in table) for i in range(len(head)))
    return ["  ".join([name.ljust(first), *(cell.rjust(w) for cell, w in zip(cells, wide, strict=True))]) for name, *cells in table]
