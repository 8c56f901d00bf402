"""kl_outlier beside raw KL, perplexity and alphabetic ratio at equal drop rates: outliers found, good unusual documents lost; cost.

`outliers`: real English documents of the test data in which outliers are planted (bench/kl_corpus.py). Every side scores the same
documents against the same reference texts, of which none is among them, and drops equally many: as many as there are planted
outliers, half as many, and twice as many; ties go to chance. The statistic was chosen on the half
`choosing` (`--half choosing` shows it); kinds of outliers and sources of the half `reporting` are others. Intervals: 2,000 bootstrap
samples of the documents, each side's bound set anew in each.
`speed`: emit and apply on the made-up corpus, words and their hashes there already, since every stage of a pass shares them.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.measure import ROOT, versions

OPTIONS = {
    "data": "folder of the test data (default: ../shared/data)", "half": "reporting (default) or choosing", "seed": "of the documents (1)",
}  # fmt: skip
SAMPLES = 2_000
ORDINARY, EACH_GOOD, PLANTED = 2_000, 100, 440
SPEED_DOCUMENTS = 8_192
SIDES = ("raw KL", "perplexity", "alphabetic ratio")


def measure(scale: float, pairs: int, only: list[str], data: str | None, half: str | None, seed: str | None) -> dict[str, Any]:
    """Run the parts `outliers` and `speed`."""
    folder = Path(data).resolve() if data else ROOT.parent / "shared" / "data"
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    missing = []
    if "outliers" in (only or ["outliers"]):
        if (folder / "multilingual").is_dir():
            parts["outliers"], targets = outliers(folder, half or "reporting", int(seed or 1))
            if "perplexity" not in parts["outliers"]["sides"]:
                missing.append("perplexity not measured: kenlm is not installed (pip install 'curate-pretraining[lm]')")
        else:
            missing.append(f"no test data in {folder}; name the folder with --data")
    if "speed" in (only or ["speed"]):
        parts["speed"], more = speed(max(256, round(SPEED_DOCUMENTS * scale)), pairs)
        targets |= more
    return {"name": "kl", "parts": parts, "targets": targets, "missing": missing, "versions": versions("numba", "numpy", "pyarrow")}


# -- outliers -------------------------------------------------------------------------------------


def outliers(data: Path, half: str, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Score the documents of a half by every side; what each finds and loses, by kind, and the intervals of our lead."""
    import numpy as np

    from bench.kl_corpus import documents

    reference, judged = documents(data, half, seed, ORDINARY, EACH_GOOD, PLANTED)
    scores = scored(reference, [d.text for d in judged])
    label, kind = np.array([d.label for d in judged]), np.array([d.kind for d in judged])
    planted, good, everyday = (label == name for name in ("planted", "good", "ordinary"))
    rates = {
        "half the planted": lambda rows: int(planted[rows].sum()) // 2, "as many as planted": lambda rows: int(planted[rows].sum()),
        "twice the planted": lambda rows: 2 * int(planted[rows].sum()),
    }  # fmt: skip
    every = np.arange(len(judged))
    grids = []
    for title, rate in rates.items():
        rows = []
        for side, score in scores.items():
            out = dropped(score, rate(every))
            rows.append([side, *(f"{100 * out[m].mean():.1f}" for m in (planted, good, everyday))])
        grids.append({
            "title": f"{title}: drop {rate(every)} of {len(judged)}; percent dropped", "rows": rows,
            "columns": ["side", "planted (found)", "good unusual (lost)", "ordinary (lost)"],
        })  # fmt: skip
    for title in ("half the planted", "as many as planted"):
        outs = [dropped(score, rates[title](every)) for score in scores.values()]
        rows = []
        for name in sorted(set(kind[~everyday].tolist()), key=lambda k: (label[kind == k][0], k)):
            mask = kind == name
            rows.append([f"{label[mask][0]} {name}", int(mask.sum()), *(f"{100 * out[mask].mean():.0f}" for out in outs)])
        grids.append({"title": f"{title}, by kind", "columns": ["kind", "documents", *scores], "rows": rows})
    targets: dict[str, Any] = {}
    samples = np.random.default_rng(seed).integers(0, len(judged), (SAMPLES, len(judged)))
    for title in ("half the planted", "as many as planted"):
        for side in (side for side in SIDES if side in scores):
            found, lost = lead(scores["kl_outlier"], scores[side], planted, good, samples, rates[title])
            for what, (middle, low, high) in (("more outliers found than", found), ("fewer good documents lost than", lost)):
                targets[f"{title}: {what} {side}, points"] = (f"{middle:.1f} [{low:.1f}, {high:.1f}]", "interval above 0", low > 0)
    figures = {
        "half": half, "seed": seed, "reference": len(reference), "judged": len(judged), "planted": int(planted.sum()),
        "good unusual": int(good.sum()), "sides": ", ".join(scores), "grids": grids,
    }  # fmt: skip
    return figures, targets


def scored(reference: list[str], texts: list[str]) -> dict[str, Any]:
    """Score of each text by every side, the higher the farther out: {side: float64 (n,)}."""
    import numpy as np
    import pyarrow as pa

    from curation.stage import Batch, Verdicts
    from stages.quality.kl_outlier import Params, kl_outlier
    from stages.quality.word_reference import save

    def batch(of: list[str]) -> Batch:
        return Batch(pa.table({"text": pa.array(of, pa.large_string()), "lang": ["en"] * len(of)}))

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "reference.arrow"
        save(file, pa.table(dict(kl_outlier.emit(batch(reference), Params()).columns)), Params().how)
        nothing = Verdicts(np.empty(0, np.int64), pa.table({}))
        columns = kl_outlier.apply(batch(texts), nothing, Params(reference=str(file)))
        found = {
            "kl_outlier": np.nan_to_num(columns["kl_score"].to_numpy(zero_copy_only=False), nan=-np.inf), "raw KL": columns["kl"],
            "alphabetic ratio": np.array([-sum(map(str.isalpha, t)) / max(1, sum(not c.isspace() for c in t)) for t in texts]),
        }  # fmt: skip
        with contextlib.suppress(ImportError):
            found["perplexity"] = perplexities(reference, batch(texts), Path(folder))
    return found


def perplexities(reference: list[str], batch: Any, folder: Path) -> Any:
    """Perplexity under a 5-gram model of the reference texts.

    Raises: ImportError if kenlm is not installed.
    """
    import kenlm  # noqa: F401
    import numpy as np

    from classifiers.ngram_lm import train, write_arpa
    from stages.quality.ccnet_text import Pieces
    from stages.quality.perplexity import Params, perplexity

    pieces = Pieces("code", None)
    lines = [line for text in reference for line in text.split("\n") if line.strip()]
    with (folder / "en.arpa").open("w", encoding="utf-8") as f:
        write_arpa(*train(pieces.of_lines(lines), 5), f)
    columns = perplexity(batch, Params(models={"en": str(folder / "en.arpa")}))
    return np.nan_to_num(columns["perplexity"].to_numpy(zero_copy_only=False), nan=-np.inf)


def dropped(score: Any, count: int) -> Any:
    """Which documents are among the `count` with the highest scores: bool (n,). Ties: by a fixed shuffle, not by place."""
    import numpy as np

    shuffled = np.array(random.Random(1).sample(range(len(score)), len(score)))
    out = np.zeros(len(score), dtype=bool)
    out[np.lexsort((shuffled, -score))[:count]] = True
    return out


def lead(ours: Any, theirs: Any, planted: Any, good: Any, samples: Any, rate: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(outliers found more, good documents lost fewer) than a side, in points: value, and the bounds of the 95 % bootstrap interval."""
    import numpy as np

    def shares(rows: Any) -> tuple[float, float]:
        count = rate(rows)
        a, b = dropped(ours[rows], count), dropped(theirs[rows], count)
        p, g = planted[rows], good[rows]
        return 100 * (a[p].mean() - b[p].mean()), 100 * (b[g].mean() - a[g].mean())

    whole = shares(np.arange(len(ours)))
    drawn = np.array([shares(rows) for rows in samples])
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return (whole[0], low[0], high[0]), (whole[1], low[1], high[1])


# -- speed ----------------------------------------------------------------------------------------


def speed(documents: int, pairs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """CPU-microseconds a document of 3 kB of emit, combine and apply on shared words; the best of some runs."""
    import numpy as np
    import pyarrow as pa

    from bench.corpus import Spec, tables
    from curation.stage import Batch, Verdicts
    from stages.quality.kl_outlier import Params, kl_outlier

    table = pa.concat_tables(list(tables(Spec(documents=documents, columns=("lang",)), 0, documents))).combine_chunks()
    params, best = Params(), dict.fromkeys(("emit", "combine", "apply"), float("inf"))

    def timed(name: str, call: Any) -> Any:
        started = time.process_time()
        result = call()
        best[name] = min(best[name], (time.process_time() - started) / documents * 1e6)
        return result

    for _ in range(1 + max(3, pairs)):
        batch = Batch(table)
        batch.words().hashes(lower=True)
        keyed = timed("emit", lambda b=batch: kl_outlier.emit(b, params))
        rows = pa.table({"key": keyed.key, "row": keyed.row, **keyed.columns}).take(pa.array(np.argsort(keyed.key, kind="stable")))
        rows = timed("combine", lambda r=rows: kl_outlier.combine(r, params, 0))
        again = kl_outlier.reduce(rows, params, 0).again[1]
        verdicts = Verdicts(np.empty(0, np.int64), pa.table({}), kl_outlier.reduce(again, params, 1).state)
        timed("apply", lambda b=batch, v=verdicts: kl_outlier.apply(b, v, params))
    figures = {"documents": documents, "us_per_document": {name: round(value, 1) for name, value in best.items()}}
    return figures, {f"{name}, CPU-us a document": (round(best[name], 1), "<= 15", best[name] <= 15) for name in ("emit", "apply")}
