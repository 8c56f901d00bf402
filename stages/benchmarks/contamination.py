"""Report how much of benchmark items a corpus has; no document changes.

Source:  Llama 3 (Dubey et al. 2024, arXiv:2407.21783), section 5.1.4: an item is contaminated if at least a share T of its tokens is in
         8-grams that the corpus has; T is chosen for each benchmark by the gain of scores. What a token is, and what is too few, are ours.
Units:   tokens are words as stages/benchmarks/words.py has them, of what an item asks (with its choices) and of each answer, where
         these have n words or more; no n-gram goes from one into another. Words of shorter ones are counted apart, in no share.
Params:  benchmarks -- {NAME: FILE}; formats, fields and ids: stages/benchmarks/items.py.
         fields -- {NAME: {question: [FIELD, ...], choices: [...], answer: [...]}} where the fields of a file are not those it knows.
         n -- words of an n-gram: 8 [Llama 3].
Drops:   none.
Errors:  ValueError before the run naming file, line and field: a benchmark that is broken, has no item, or lacks a field.

`curate contamination` runs this step over files or a run's outputs and makes the report. In a recipe, documents pass through, and the
step's notes say how many items are half covered. Items without an n-gram (too short) are counted apart and judged by no threshold.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.csv_file import opened
from curation.stage import Batch, Columns, Reduced, Types, Verdicts
from curation.storage import replace
from stages.benchmarks.matches import BenchmarkMatches, BenchmarkParams
from stages.benchmarks.ngrams import MAX_N, Index, warm_up_index

ITEMS = "items.csv"
TENTHS = range(1, 11)
"""Thresholds of the report, in tenths of an item's words."""
LEAST_ITEMS = 30
"""Items with scores that a clean or contaminated set needs for its mean to be compared (ours)."""
LEVEL = 0.05
"""Share of models without any effect of whom one threshold or more may be called significant (ours)."""
SHUFFLES = 1_999
"""Permutations of the scores: p is a multiple of 1 / 2,000."""
NO_CLAIM = (
    "A share of words says that text of the items is in the corpus, and nothing of how models do on them: "
    "without scores of a model no effect is claimed, and no threshold is better than another."
)


class Params(BenchmarkParams):
    """Parameters of contamination; see the file's docstring."""

    n: int = Field(8, ge=1, le=MAX_N)


class Contamination(BenchmarkMatches):
    """Global stage `contamination`."""

    name = "contamination"
    Params = Params

    def shape(self, params: Any) -> tuple[int, int, int]:
        return params.n, params.n, 0

    def writes(self, params: Any) -> Types:
        return {}

    def concluded(self, grams: Any, documents: Any, total: int, params: Any) -> Reduced:
        """State: covered words of the items that have any."""
        index = self.index(params)
        covered = index.covered(grams)
        items = np.flatnonzero(covered)
        half = index.items.benchmark_of(np.flatnonzero((2 * covered >= index.words_per_item[0]) & (covered > 0)))
        counts = np.bincount(half, minlength=len(index.items.names)).tolist()
        return Reduced(
            state=pa.table({"item": items.astype(np.uint32), "covered": covered[items]}),
            counted={f"{name}: items half covered": n for name, n in zip(index.items.names, counts, strict=True) if n},
        )

    def apply(self, batch: Batch, verdicts: Verdicts, params: Any) -> Columns:
        return {}


contamination = Contamination()


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file."""
    warm_up_index()


def report(state: pa.Table | None, documents: int, params: Params, scored: dict[str, Any] | None, folder: Path) -> dict[str, Any]:
    """What `curate contamination` says, and the file ITEMS with a line for each item.

    Args:
        state: of the step, None if no document was there. documents: of the corpus.
        scored: of `read_scores`, or None. folder: of the run, which ITEMS goes to.
    Returns: {documents, n, note, benchmarks: {NAME: {items, too_short, words, words_too_short, covered, at: {threshold: {items, share}},
        gains: {MODEL: of `gains`}}}}; those only with scores.
    """
    index = contamination.index(params)
    (words, short), covered = index.words_per_item, np.zeros(len(index.items.ids), np.int64)
    if state is not None:
        covered[state["item"].to_numpy()] = state["covered"].to_numpy()
    judged = index.looked_for()
    result: dict[str, Any] = {}
    for number, name in enumerate(index.items.names):
        mine = slice(index.items.firsts[number], index.items.firsts[number + 1])
        long_enough = judged[mine]
        n = int(long_enough.sum())
        over = {t: int(((10 * covered[mine] >= t * words[mine]) & long_enough).sum()) for t in TENTHS}
        result[name] = {
            "items": len(long_enough), "too_short": len(long_enough) - n,
            "words": int(words[mine].sum()), "words_too_short": int(short[mine].sum()), "covered": int(covered[mine].sum()),
            "at": {f"{t / 10:.1f}": {"items": over[t], "share": round(over[t] / n, 4) if n else None} for t in TENTHS},
        }  # fmt: skip
        if scored is not None:
            share = np.where(long_enough, covered[mine] / np.maximum(words[mine], 1), np.nan)
            result[name]["gains"] = {
                model: gains(share, values[mine]) for model, values in scored.items() if not np.isnan(values[mine]).all()
            }
    _write_items(folder / ITEMS, index, words, short, covered, judged)
    note = NO_CLAIM if scored is None else (
        f"Gains compare means of items; sets of fewer than {LEAST_ITEMS} are not compared. p is the share of {SHUFFLES + 1:,} orders of "
        f"the scores in which any threshold does as well; a gain with p above {LEVEL} is none. They show association, not cause."
    )  # fmt: skip
    return {"documents": documents, "n": params.n, "tokens": "words", "note": note, "items_file": str(folder / ITEMS), "benchmarks": result}


def gains(share: Any, score: Any) -> dict[str, Any]:
    """Means of clean and contaminated items at each threshold, and the estimated performance gain.

    The gain is the mean over all items less that over the clean ones. Its standard error is that over all orders of the scores, which
    is what it would be if they had nothing to do with shares. p is that of the largest of all thresholds' gains in standard errors, so that
    it holds for as many as are compared, whatever scores are (Westfall and Young 1993, single-step maxT). The best threshold is that of
    the largest gain that is significant.

    Args:
        share: float64 (items,), of words covered, NaN for an item that is not judged. score: float64 (items,), NaN without one.
    """
    known = ~(np.isnan(share) | np.isnan(score))
    share, score = share[known], score[known]
    order = np.argsort(-share, kind="stable")
    share, score = share[order], score[order]
    rows: list[dict[str, Any]] = []
    for t in TENTHS:
        dirty = int((share >= t / 10 - 1e-9).sum())
        rows.append({"threshold": t / 10, "contaminated": dirty, "clean": len(share) - dirty})
        if min(dirty, len(share) - dirty) < LEAST_ITEMS:
            what = "contaminated" if dirty < LEAST_ITEMS else "clean"
            rows[-1]["why_not"] = f"fewer than {LEAST_ITEMS} {what} items with scores"
    compared = [row for row in rows if "why_not" not in row]
    sizes = np.array([row["contaminated"] for row in compared])
    found, error, p = _permuted(score, sizes)
    for k, row in enumerate(compared):
        row |= {"mean_contaminated": round(float(score[: sizes[k]].mean()), 4), "mean_clean": round(float(score[sizes[k] :].mean()), 4),
                "gain": round(float(found[k]), 4), "standard_error": round(float(error[k]), 4), "p": round(float(p[k]), 4),
                "significant": bool(p[k] <= LEVEL)}  # fmt: skip
    best = max(((found[k], row["threshold"]) for k, row in enumerate(compared) if row["significant"]), default=None)
    return {"items_with_scores": len(share), "best_threshold": best and best[1], "thresholds": rows}


def _permuted(score: Any, sizes: Any) -> tuple[Any, Any, Any]:
    """Gain, standard error and p of each threshold: float64 (k,).

    Args:
        score: float64 (items,), from the most contaminated item on. sizes: int64 (k,), contaminated items of each threshold.
    """
    if not len(sizes):
        return sizes, sizes, sizes
    n, deviations = len(score), score - score.mean()
    part = sizes / n
    error = part * np.sqrt(deviations.var(ddof=1) * (1 / sizes + 1 / (n - sizes)))

    def gain(values: Any) -> Any:
        """Mean of all less that of the clean: 0 less the mean of the last deviations, which add up to less the sum of the first."""
        return np.cumsum(values)[sizes - 1] / (n - sizes)

    found, rng = gain(deviations), np.random.default_rng(0)
    scale = np.where(error > 0, error, 1.0)
    largest = np.array([(gain(rng.permutation(deviations)) / scale).max() for _ in range(SHUFFLES)])
    as_large = (largest[:, None] >= found / scale - 1e-9).sum(axis=0)
    return found, error, (1 + as_large) / (1 + SHUFFLES)


def read_scores(path: str, params: Params) -> dict[str, Any]:
    """Scores of items by model: float64 (items,), NaN where there is none.

    Args:
        path: CSV file with the columns benchmark, item, score and, if there are several, model.
    Raises: RecipeError naming file, line and column: of a broken line, of an item that is not there or not the only one of its name.
    """
    items = contamination.index(params).items
    names = [items.names[b] for b in items.benchmark_of(np.arange(len(items.ids))).tolist()]
    places: dict[tuple[str, str], int] = {}
    for i, called in enumerate(zip(names, items.ids.to_pylist(), strict=True)):
        places[called] = -1 if called in places else i
    found: dict[str, Any] = {}
    with opened(path) as table:
        table.need("benchmark", "item", "score")
        for row in table:
            item = places.get((row["benchmark"], row["item"]))
            if item is None:
                raise row.error("item", f"the benchmark {row['benchmark']!r} has no item {row['item']!r}")
            if item < 0:
                raise row.error("item", f"the benchmark {row['benchmark']!r} has several items {row['item']!r}")
            score = row.number("score")
            if not math.isfinite(score):
                raise row.error("score", f"{score} is no number")
            values = found.setdefault(row.cells.get("model") or "model", np.full(len(names), np.nan))
            if not np.isnan(values[item]):
                raise row.error("item", f"a second score of item {row['item']!r}")
            values[item] = score
    return found


def _write_items(file: Path, index: Index, words: Any, short: Any, covered: Any, judged: Any) -> None:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("benchmark", "item", "words", "words_too_short", "covered", "share"))
    names, ids = index.items.names, index.items.ids.to_pylist()
    of = index.items.benchmark_of(np.arange(len(ids)))
    columns = (x.tolist() for x in (of, words, short, covered, judged))
    for i, (b, w, s, c, known) in enumerate(zip(*columns, strict=True)):
        rows.writerow((names[b], ids[i], w, s, c, f"{c / w:.4f}" if known else ""))
    replace(file, out.getvalue().encode())


def markdown(found: dict[str, Any]) -> str:
    """A report as Markdown."""
    n = found["n"]
    heads = [f"≥ {t / 10:.1f}" for t in TENTHS]
    lines = [
        f"# Contamination: words of benchmark items in {n}-grams that {found['documents']:,} documents have", "",
        f"Share of items (those of at least {n} words in a text) with so much of their words covered:", "",
        *_table(["benchmark", "items", "too short", "words", "in texts too short", "words covered", *heads], (
            [name, *(f"{b[k]:,}" for k in ("items", "too_short", "words", "words_too_short")), _percent(b["covered"], b["words"]),
             *("" if x["share"] is None else f"{100 * x['share']:.1f} %" for x in b["at"].values())]
            for name, b in found["benchmarks"].items()
        )),
        "", found["note"],
    ]  # fmt: skip
    for name, b in found["benchmarks"].items():
        for model, gain in b.get("gains", {}).items():
            best = gain["best_threshold"]
            said = f"largest significant gain at {best:.1f}" if best else "no significant gain"
            lines += ["", f"## {name}, {model}: {said} ({gain['items_with_scores']:,} items with scores)", "", *_table(
                ["threshold", "contaminated", "clean", "mean contaminated", "mean clean", "estimated gain", "standard error", "p"],
                ([f"{r['threshold']:.1f}", f"{r['contaminated']:,}", f"{r['clean']:,}", *(
                    [r["why_not"], "", "", "", ""] if "why_not" in r else
                    [f"{r[k]:.4f}" for k in ("mean_contaminated", "mean_clean", "gain", "standard_error", "p")]
                )] for r in gain["thresholds"]),
            )]  # fmt: skip
    return "\n".join(lines)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _table(header: list[str], rows: Iterable[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]]
