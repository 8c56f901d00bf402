"""What a report tells, as plain data: accounts, counts and histograms of the whole run; shadows, clusters and samples of some files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.recipe import above
from curation.rules import Threshold


@dataclass
class Shadows:
    """Dropped documents that ran on: how many, and what else would have dropped them."""

    documents: int = 0
    files: int = 0
    of_files: int = 0
    share: float = 0.0
    """Of dropped documents that run on."""
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(step, reason) -> documents."""
    alone: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(step, reason) -> documents that no filter behind it would have dropped."""
    both: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(step, filter behind it) -> documents that both would have dropped."""


@dataclass
class Clusters:
    """Clusters of a step that removes duplicates."""

    sizes: list[tuple[int, int, int]]
    """(documents of a cluster from, to, clusters), by size."""
    note: str


@dataclass
class Sample:
    """A dropped document: its text as far as it was stored, and what it was measured to be."""

    row: Mapping[str, Any]
    metrics: Mapping[str, Any]
    terms: Sequence[str] = ()
    """Words a stage noted as what it objects to."""
    chars: int = 0
    """Of the whole text."""


@dataclass
class Facts:
    """All of a report."""

    manifest: Mapping[str, Any]
    verdicts: Mapping[str, Mapping[str, Any]]
    """step -> verdict -> {"documents", "bytes", "tokens", "by": {dimension: {value: [documents, bytes, tokens]}}}."""
    metrics: Mapping[str, Mapping[str, Mapping[int, Sequence[int]]]]
    """step -> column -> bin -> [kept, dropped]."""
    thresholds: Mapping[str, Sequence[Threshold]] = field(default_factory=dict)
    shadows: Shadows = field(default_factory=Shadows)
    clusters: Mapping[str, Clusters] = field(default_factory=dict)
    samples: Mapping[str, Mapping[str, Sequence[Sample]]] = field(default_factory=dict)
    """step -> reason -> documents."""
    failures: Sequence[Mapping[str, Any]] = ()
    """Some documents that failed: id, url, step, reason, detail."""
    sampled: tuple[int, int] = (0, 0)
    """Files of dropped documents that samples are from, of how many."""

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        """Accounts of the steps as run.json has them, in the order of the recipe."""
        return self.manifest["steps"]  # type: ignore[no-any-return]

    @property
    def outputs(self) -> list[Mapping[str, Any]]:
        """Steps that are outputs."""
        return [step for step in self.steps if step["kind"] == "shards"]

    def above(self, *names: str) -> set[str]:
        """Steps that rows of these steps came through, themselves included."""
        return above({step["name"]: step["needs"] for step in self.steps}, *names)


def gone(step: Mapping[str, Any]) -> int:
    """Documents that leave at a step: dropped, merged into others, or failed."""
    return int(sum(step["dropped"].values()) + step["merged"] + step["failed"])


def ports(output: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(step, verdict of what it kept for it) of each port an output takes."""
    return [(name, f"kept.{branch}" if branch else "kept") for name, _, branch in (port.partition(".") for port in output["needs"])]


def sign(threshold: Threshold) -> str:
    """How what is kept compares with a threshold."""
    return {"least": "≥>", "most": "≤<"}[threshold.side][threshold.drop_at]
