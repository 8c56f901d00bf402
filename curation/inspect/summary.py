"""What a run says of its documents without a look at any: counts by verdict and value, histograms of metrics.

The driver leaves it as `stats.json` when a run is done: the sum of the second lines of the records, a part for each folder of records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.errors import AccountError
from curation.inspect.show import require_run
from curation.ledger import COUNTED, NULL_BIN, Ledger, bin_edges
from curation.storage import read_sealed
from curation.sums import STATS_FILE, add_up, groups, read_parts

Counts = list[int]
"""Documents, bytes, tokens; tokens are 0 where they were not counted."""


@dataclass(frozen=True)
class Summary:
    """The counts of a finished run.

    Args:
        manifest: the run's accounts, as in run.json.
        steps: {step: {"verdicts": {verdict: {"documents", "bytes", "tokens", "by": {dimension: {value: [documents, bytes, tokens]}}}},
            "metrics": {column: {bin: [kept, dropped]}}}}; empty while a run is not done. A verdict is a drop reason; `kept`, or for a
            branch `kept.BRANCH`, of a step whose rows were written; `in` of a regroup step. A dimension is one of `ledger.DIMENSIONS`;
            what is not named is the value `ledger.OTHERS`, what has none "". Beside OTHERS the count of a value is the least there are: a
            task names its own most frequent ones.
    """

    manifest: Mapping[str, Any]
    steps: Mapping[str, Mapping[str, Any]]

    def verdicts(self, step: str) -> dict[str, Counts]:
        """Documents, bytes and tokens by verdict of a step."""
        return {verdict: [entry[what] for what in COUNTED] for verdict, entry in self._verdicts(step).items()}

    def kept(self, step: str) -> Counts | None:
        """Documents, bytes and tokens of a step whose rows were written, of all its branches; None of another step."""
        found = [counts for verdict, counts in self.verdicts(step).items() if is_kept(verdict)]
        return added(found) if found else None

    def dropped(self, step: str) -> Counts:
        """Documents, bytes and tokens that a step dropped."""
        return added(counts for verdict, counts in self.verdicts(step).items() if is_dropped(verdict))

    def dimensions(self, step: str | None = None) -> list[str]:
        """What documents were counted by, at a step or at any."""
        names = [step] if step is not None else list(self.steps)
        return sorted({d for name in names for entry in self._verdicts(name).values() for d in entry["by"]})

    def by(self, step: str, verdict: str, dimension: str) -> dict[str, Counts]:
        """Value -> documents, bytes and tokens of a verdict of a step."""
        return dict(self._verdicts(step).get(verdict, {}).get("by", {}).get(dimension, {}))

    def kept_by(self, step: str, dimension: str) -> dict[str, Counts]:
        """Value -> documents, bytes and tokens that a step whose rows were written kept."""
        return added_by(self.by(step, verdict, dimension) for verdict in self._verdicts(step) if is_kept(verdict))

    def dropped_by(self, step: str, dimension: str) -> dict[str, Counts]:
        """Value -> documents, bytes and tokens that a step dropped."""
        return added_by(self.by(step, verdict, dimension) for verdict in self._verdicts(step) if is_dropped(verdict))

    def metrics(self, step: str) -> list[str]:
        """Columns of a step that have a histogram."""
        return sorted(self.steps.get(step, {}).get("metrics", {}))

    def histogram(self, step: str, column: str) -> tuple[list[tuple[float, float, int, int]], tuple[int, int]]:
        """Histogram of a metric.

        Returns: (low, high, kept, dropped) of each bin that is not empty, in order: values from low to below high (below 0: above low to
            high; 0 alone has a bin); and how many kept and dropped documents have no value.
        """
        bins = {int(b): counts for b, counts in self.steps[step]["metrics"][column].items()}
        nothing = bins.pop(NULL_BIN, [0, 0])
        return [(*bin_edges(b), *bins[b]) for b in sorted(bins)], (nothing[0], nothing[1])

    def _verdicts(self, step: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.steps.get(step, {}).get("verdicts", {})
        return found


def is_kept(verdict: str) -> bool:
    """Whether a verdict is that of rows that were written."""
    return verdict == "kept" or verdict.startswith("kept.")


def is_dropped(verdict: str) -> bool:
    """Whether a verdict is a drop reason."""
    return verdict != "in" and not is_kept(verdict)


def added(counts: Iterable[Counts]) -> Counts:
    """Sum of documents, bytes and tokens."""
    return [sum(of) for of in zip([0, 0, 0], *counts, strict=True)]


def added_by(tables: Iterable[Mapping[str, Counts]]) -> dict[str, Counts]:
    """Sums of documents, bytes and tokens by value."""
    total: dict[str, Counts] = {}
    for table in tables:
        for value, counts in table.items():
            total[value] = added([total[value], counts]) if value in total else counts
    return total


def read_summary(folder: Path) -> Summary:
    """What a run says of its documents; of a run that has no `stats.json` of its own the records are added up.

    Raises: RecipeError if the folder holds no run; AccountError if what it says is damaged.
    """
    manifest = require_run(folder)
    if manifest["status"] != "done":
        return Summary(manifest, {})
    parts = read_parts(folder)
    if {name: part["keys"] for name, part in parts.items()} != manifest.get("sums"):  # none, or one beside which an older version ran on
        return Summary(manifest, _steps(_recorded(folder, name) for name in manifest["folders"]))
    return Summary(manifest, _steps(part["steps"] for part in parts.values()))


def _steps(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {step: said for part in parts for step, said in part.items()}


def _recorded(folder: Path, name: str) -> dict[str, Any]:
    """What the records of a work folder say of documents.

    Raises: AccountError if they are gone.
    """
    ledger, current = Ledger(folder / "work" / name), folder / "work" / name / "current.json"
    try:
        keys = read_sealed(current)
    except FileNotFoundError as e:
        raise AccountError(f"{folder} has no {STATS_FILE} of this run, and {current}, of which it could be made, is gone") from e
    places = ledger.places(keys)
    return add_up(add_up(ledger.said(places[of])) for of in groups(len(keys)))
