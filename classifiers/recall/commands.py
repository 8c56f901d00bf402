"""`curate recall round` and `gate`: from files to files, and what is said of them."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from classifiers.documents import files as files_of
from classifiers.recall import rounds
from classifiers.recall.rounds import YES, Recall, Score, Settings
from curation.errors import RecipeError
from curation.storage import replace, run_lock


@dataclass(frozen=True)
class FastText:
    """Learner of `curate train fasttext`."""

    preset: str = "deepseekmath"
    sets: Mapping[str, Any] = field(default_factory=dict)

    def facts(self) -> Any:
        from classifiers.train.spec import load

        return load("fasttext", self.preset, self._sets()).spec.model_dump(mode="json")

    def train(self, labels: Path, folder: Path) -> None:
        from classifiers.train.commands import train

        train("fasttext", [labels], folder, self.preset, self._sets(), lambda text: None)

    def _sets(self) -> dict[str, Any]:
        return {"positive": YES, **self.sets}

    def load(self, folder: Path) -> Score:
        return load(folder)


def load(folder: Path) -> Score:
    """Scores of the model in a folder."""
    from stages.quality.models.scorer import load_scorer

    try:
        scorer = load_scorer(folder)
    except ValueError as e:
        raise RecipeError(str(e)) from e
    return lambda texts: scorer.calibrated(scorer.scores(texts))


def one_round(
    inputs: Sequence[str], seeds: Sequence[str], folder: Path, settings: Settings, preset: str, sets: Mapping[str, Any], jobs: int,
    say: Callable[[str], None],
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """Do the next round of a recall; its figures as data and as text."""
    corpus, wanted, learner = files_of(inputs), files_of(seeds), FastText(preset, dict(sets))
    with run_lock(folder):
        figures = Recall(folder, corpus, wanted, settings, learner, jobs, say).next()
        text = rounds.table(figures)
        replace(folder / "figures.md", text.encode() + b"\n")
        replace(folder / "figures.json", json.dumps(figures, indent=1).encode() + b"\n")
    last = figures[-1]
    ended = last["share_already"] is not None and last["share_already"] >= settings.stop
    file = folder / f"round-{last['round']}" / "prefixes.csv"
    judge = f"judge the {last['prefixes']:,} prefixes of {file}, then" if last["prefixes"] else "there is no new prefix to judge:"
    then = "the recall has ended" if ended else f"{judge} run the same command again"
    return {"rounds": figures, "ended": ended, "prefixes_file": str(file)}, f"{text}\n{then}"


def gate(warcs: Sequence[str], model: Path, threshold: float) -> tuple[dict[str, Any], str]:
    """What the gate of math and code pages loses of what a model wants; as data and as text."""
    from classifiers.recall.gate import gate as count

    files = list(dict.fromkeys(file for given in warcs for file in (sorted(glob.glob(given)) if glob.has_magic(given) else [given])))
    if not files or not all(Path(file).is_file() for file in files):
        raise RecipeError(f"{', '.join(warcs)}: no such file")
    found = count(files, load(model), threshold)
    of = ", ".join(f"{name} {n:,}" for name, n in found["profiles"].items())
    lines = [
        f"{found['hits']:,} hits of {found['pages']:,} pages; their profiles: {of}",
        f"lost at the gate (no mark of a formula or of code in the bytes): {_shown(found['share_lost_at_gate'])}",
        f"lost at the gate or behind it (few formulas, little code): {_shown(found['share_lost'])}",
    ]
    return found, "\n".join(lines)


def _shown(share: dict[str, float] | None) -> str:
    return "no hit" if share is None else f"{100 * share['value']:.1f} % [{100 * share['low']:.1f}, {100 * share['high']:.1f}]"
