"""What the records of many tasks say of their documents, added up: a sum has the form of a record's second line.

A record names up to 1,000 values of a dimension for each step and verdict, so ten thousand of them are gigabytes. They are added up in
groups, each by a task of its own; the driver adds up the groups. What is held and what is written is bounded whatever the records name:
beyond it the values with the fewest documents are one sum, OTHERS. Groups are those of sorted keys, and sums are made in that order, so
the same tasks have the same sum, to the byte, whoever adds up.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from curation.errors import AccountError
from curation.ledger import COUNTED, OTHERS
from curation.storage import read_sealed

STATS_FILE = "stats.json"
SUMS = 1
"""Version of what a sum is."""
GROUP_RECORDS = 256
"""Records a task adds up (ours), more of them where there would be more than MOST_GROUPS."""
MOST_GROUPS = 256
"""Groups of a pass (ours): what the driver adds up is bounded too."""
HELD_VALUES = 1 << 19
"""Values held at a time (ours), some 350 bytes each."""
GIVEN_VALUES = 1 << 16
"""Values a sum names (ours), some 40 bytes each."""


class Sums:
    """Second lines of records, added up."""

    def __init__(self) -> None:
        self._steps: dict[str, dict[str, dict[str, Any]]] = {}
        self._held = 0

    def add(self, stats: Mapping[str, Any]) -> None:
        """Add what a record says of its documents; it is the sum's from then on."""
        for step, said in stats.items():
            known = self._steps.setdefault(step, {"verdicts": {}, "metrics": {}})
            for verdict, entry in said.get("verdicts", {}).items():
                total = known["verdicts"].setdefault(verdict, {**dict.fromkeys(COUNTED, 0), "by": {}})
                for what in COUNTED:
                    total[what] += entry.get(what, 0)
                for dimension, values in entry["by"].items():
                    self._add_values(total["by"].setdefault(dimension, {}), values)
            for column, bins in said.get("metrics", {}).items():
                _add_counts(known["metrics"].setdefault(column, {}), bins)
        if self._held > HELD_VALUES:
            self._cut(HELD_VALUES // 2)

    def _add_values(self, known: dict[str, list[int]], values: dict[str, list[int]]) -> None:
        before = len(known)
        _add_counts(known, values)
        self._held += len(known) - before

    def _cut(self, most: int) -> None:
        """Hold at most so many values: all of the small dimensions, of the others equally many, those with the most documents."""
        dimensions = [values for step in self._steps.values() for total in step["verdicts"].values() for values in total["by"].values()]
        named = max(map(len, dimensions), default=0)
        while sum(min(len(values), named) for values in dimensions) > most and named > 1:
            named //= 2
        for values in dimensions:
            if len(values) > named:
                rest = values.pop(OTHERS, [0, 0, 0])
                for value, counts in sorted(values.items(), key=lambda item: (-item[1][0], item[0]))[named - 1 :]:
                    rest = [a + b for a, b in zip(rest, counts, strict=True)]
                    del values[value]
                values[OTHERS] = rest
        self._held = sum(map(len, dimensions))

    def plain(self) -> dict[str, Any]:
        """The sum, in the form of a record's: step -> {"verdicts", "metrics"}."""
        if self._held > GIVEN_VALUES:
            self._cut(GIVEN_VALUES)
        return self._steps


def _add_counts(known: dict[str, list[int]], more: Mapping[str, list[int]]) -> None:
    """Add lists of counts by name."""
    for name, counts in more.items():
        if (total := known.get(name)) is None:
            known[name] = counts
        else:
            for i, n in enumerate(counts):
                total[i] += n


def add_up(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sum of what some records say of their documents, in their order."""
    sums, collects = Sums(), gc.isenabled()
    gc.disable()  # a million lists in which there are no cycles to find: most of the time went into looking for them
    try:
        for stats in records:
            sums.add(stats)
        return sums.plain()
    finally:
        if collects:
            gc.enable()


def differing(steps: Mapping[str, Any], step: str, dropped: Mapping[str, int]) -> str | None:
    """Where a sum says another number of documents than a step's account has dropped for a reason; None if nowhere."""
    verdicts = steps.get(step, {}).get("verdicts", {})
    for reason, n in dropped.items():
        if n != (said := verdicts.get(reason, {"documents": 0})["documents"]):
            return f"{n} documents dropped for {reason}, {said} by language, source and so on"
    return None


def groups(tasks: int) -> list[slice]:
    """The groups in which so many tasks, in the order of their keys, are added up apart."""
    size = max(GROUP_RECORDS, -(-tasks // MOST_GROUPS))
    return [slice(i, i + size) for i in range(0, tasks, size)]


def read_parts(out: Path) -> dict[str, dict[str, Any]]:
    """The parts of a run's `stats.json`: work folder -> {"keys": a digest of those of its tasks, "steps": their sum}.

    None if there is no such file, or what it holds is not what was written: it can be made again from the records.
    """
    try:
        parts: dict[str, dict[str, Any]] = read_sealed(out / STATS_FILE)["parts"]
    except (FileNotFoundError, AccountError):
        return {}
    return parts
