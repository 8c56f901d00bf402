"""What people are told about a model: CARD.md, and the report beside it."""

from __future__ import annotations

import json
from typing import Any

from classifiers.train.spec import Loaded
from curation.inspect.markdown import code, table

PROXY = (
    "**This is a proxy model**: a stand-in made of little data, so that a pipeline runs and can be tested. Its scores say little about "
    "pages unlike those it was trained on. Train one on labels of your own before you drop documents by it."
)


def card(name: str, loaded: Loaded, trained: dict[str, Any], auc: dict[str, Any], reached: list[dict[str, Any]], notes: list[str]) -> str:
    """The text of CARD.md.

    Args:
        trained: the facts of model.json. auc: class or number -> (area, interval) on the test part. reached: a row a threshold, what it
            does there. notes: sentences of the report.
    """
    spec, rows = loaded.spec, trained["rows"]
    parts = [f"# {code(name)}"]
    if spec.proxy:
        parts.append(PROXY)
    if spec.about:
        parts.append(spec.about)
    parts.append(
        "## Data\n\n" + table(["part", "rows", "domains", *map(code, trained["classes"])],
        [[part, f"{r['rows']:,}", f"{r['domains']:,}", *(f"{n:,}" for n in r["classes"])] for part, r in rows.items()])
        + "\n\nNo domain is in two parts. " + trained["split"] + " Files: "
        + ", ".join(f"{code(name)} (SHA-256 {code(digest[:16])})" for name, digest in trained["label_files"].items()) + "."
    )  # fmt: skip
    for key in ("languages", "sources"):
        if trained[key]:
            parts.append(f"Most rows by {key}: " + ", ".join(f"{code(k)} {n:,}" for k, n in trained[key].items()) + ".")
    shown = [(k, json.dumps(v, ensure_ascii=False)) for k, v in trained["spec"].items() if k not in ("about", "name", "proxy")]
    parts.append("## Training\n\n" + f"{trained['what']}\n\n" + table(["key", "value "], [(k, code(v)) for k, v in shown]))
    losses = [(f"{i}", f"{a:.4f}", f"{b:.4f}") for i, (a, b) in enumerate(trained["losses"], 1)]
    parts.append(f"The weights are those of epoch {trained['epoch']}.\n\n" + table(["epoch", "training loss", "validation loss"], losses))
    areas = [(code(k), f"{a:.3f}", f"{i[0]:.3f} to {i[1]:.3f}" if i else "–") for k, (a, i) in auc.items()]
    parts += ["## On the test part", table(["score for", "AUC", "95 % interval"], areas), "\n".join(f"- {note}" for note in notes)]
    if reached:
        parts.append(
            "## Thresholds\n\nSet on the validation part; precision, recall and kept share are those of the test part, whose shares of "
            "classes are not those of a crawl.\n\n"
            + table(["name", "language ", "score at least", "precision", "recall", "kept", "rows"], map(_reached, reached))
        )
    if (made := trained.get("export")) is not None:
        parts.append(
            f"## Export\n\n`model.onnx` ({made['quantise']}): scores correlate by {made['spearman']:.4f} (Spearman) with those before "
            f"quantisation, on {made['rows']:,} texts it was not trained on; with what else is in the batch, a score changes by "
            f"{made['change_in_batch']:.0e} at most."
        )  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _reached(row: dict[str, Any]) -> list[str]:
    shares = [_share(row[key]) for key in ("precision", "recall", "kept")]
    return [row["name"], code(row["lang"]), f"{row['threshold']:.3f}", *shares, f"{row['rows']:,}"]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
