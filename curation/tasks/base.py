"""What every task has: its folder and attempt, its accounts, and the search for the document that kills a stage."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation.errors import AccountError, FailedShareError, TaskError, said_of
from curation.ledger import Account, Ledger, Stats
from curation.plan import Plan, Step
from curation.shards import value_bytes
from curation.stage import Batch, Texts
from curation.storage import attempt_name


class NoProgress:
    """Stands in where nobody watches: publishes nothing."""

    def at_step(self, step: str, low: int, high: int, shadow: bool) -> None: ...

    def at_row(self, row: int) -> None: ...


BATCH_BYTES = 8 << 20
"""Text in a batch (ours): words, lines and hashes of it take some ten times as much, in a worker's memory and in the cache."""


@dataclass
class Context:
    """What a task needs beside itself."""

    plan: Plan
    out: Path
    progress: Any = field(default_factory=NoProgress)


@dataclass
class Failure:
    """A poison document: the row that could not be processed, and why."""

    rows: pa.Table
    reason: str
    detail: str
    traceback: str = ""


class Task(ABC):
    """What all tasks share: folder, attempt, accounts."""

    def __init__(self, context: Context, task: dict[str, Any]) -> None:
        self.context, self.plan, self.out, self.task = context, context.plan, context.out, task
        self.folder: Path = self.out / "work" / task["folder"]
        self.attempt = attempt_name()
        self.accounts: dict[str, Account] = {}
        self.stats = Stats()
        self.head: dict[str, Any] = {"key": task["key"], "kind": task["kind"]}
        self.masks: dict[tuple[str, bool], set[int]] = {}
        self.causes: dict[tuple[str, bool, int], tuple[str, ...]] = {}
        """(step, shadow, at) -> reason, detail and, where it is known, traceback."""
        for q in task.get("quarantine", []):
            self.masks.setdefault((q["step"], q["shadow"]), set()).add(q["at"])
            self.causes[q["step"], q["shadow"], q["at"]] = (q["reason"], q["detail"])
        self.only: list[tuple[int, int]] | None = task.get("only")
        self.texts = Texts()
        self.noted: dict[str, dict[str, set[str]]] = {}
        """What stages noted: step -> what -> languages."""
        self.counted: dict[str, Counter[str]] = {}
        self.examples: dict[str, dict[str, dict[str, int]]] = {}
        """step -> kind -> text -> weight."""
        self.tallies: dict[str, dict[str, dict[str, list[int]]]] = {}
        """step -> `in` and `dropped` -> tallied column -> documents of which it is known, of which it is above 0, its sum."""
        self.latest: Batch | None = None
        """The batch a stage is at work on: what it counts holds if it comes to an end."""

    @abstractmethod
    def run(self) -> None:
        """Do it all, the record last."""

    def path(self, label: str, suffix: str) -> Path:
        """An output of this attempt."""
        return self.folder / label / f"{self.task['key']}.{self.attempt}.{suffix}"

    def account(self, step: str) -> Account:
        return self.accounts.setdefault(step, Account())

    def commit(self) -> None:
        """Check the accounts and write the record."""
        for step, account in self.accounts.items():
            account.check(step)
        self.head["steps"] = {s: a.plain() for s, a in self.accounts.items()}
        if noted := {step: {what: sorted(found[what]) for what in sorted(found)} for step, found in sorted(self.noted.items()) if found}:
            self.head["noted"] = noted
        if counted := {step: dict(sorted(found.items())) for step, found in sorted(self.counted.items()) if found}:
            self.head["counted"] = counted
        if self.examples:
            self.head["examples"] = {step: heaviest(found) for step, found in sorted(self.examples.items())}
        if self.tallies:
            self.head["tallies"] = self.tallies
        Ledger.commit(self.folder, self.task["key"], self.head, self.stats.plain())

    def pieces(self, table: pa.Table) -> Iterator[pa.Table]:
        """The rows in batches of BATCH_BYTES of text, or in careful mode the parts that are suspected, one by one."""
        if self.only is None:
            ends = np.cumsum(value_bytes(table["text"])) // BATCH_BYTES if "text" in table.column_names else np.zeros(table.num_rows)
            cuts = [0, *(np.flatnonzero(np.diff(ends)) + 1).tolist(), table.num_rows]
            for low, high in pairwise(cuts):
                yield table.slice(low, high - low)
            return
        at = table["_at"].to_numpy()
        for low, high in self.only:
            mask = (at >= low) & (at <= high)
            if mask.any():
                yield table.filter(pa.array(mask))

    def guarded(
        self, step: Step, table: pa.Table, shadow: bool, call: Callable[[pa.Table], Any]
    ) -> tuple[list[tuple[pa.Table, Any]], list[Failure]]:
        """Call a stage; quarantined rows are left out, and a batch that raises is bisected.

        Returns: (rows, result) pairs that cover the good rows in order, and the poison rows.
        """
        failures = []
        mask = self.masks.get((step.name, shadow))
        if mask:
            at = table["_at"].to_numpy()
            bad = np.isin(at, np.fromiter(mask, np.int64, len(mask)))
            for value in np.unique(at[bad]).tolist():
                failures.append(Failure(table.filter(pa.array(at == value)), *self.causes[step.name, shadow, value]))
            table = table.filter(pa.array(~bad))
        good: list[tuple[pa.Table, Any]] = []

        def attempt(rows: pa.Table) -> None:
            at = rows["_at"].to_numpy()
            self.context.progress.at_step(step.name, int(at.min()), int(at.max()), shadow)
            try:
                with said_of(step.name):
                    good.append((rows, call(rows)))
                self._tally(step, shadow)
                return
            except (TaskError, AccountError, FailedShareError, KeyboardInterrupt):
                raise
            except BaseException as e:  # noqa: BLE001 - whatever a stage raises (a Rust panic too) costs the document, with its cause
                if rows.num_rows == 1:
                    trace = "".join(traceback.format_exception(e))[-4000:]
                    failures.append(Failure(rows, "error", f"{type(e).__name__}: {e}"[:500], trace))
            if rows.num_rows > 1:
                half = rows.num_rows // 2
                attempt(rows.slice(0, half))
                attempt(rows.slice(half))
            elif not shadow:
                self._early_stop(step, failures)

        if table.num_rows:
            attempt(table)
        found, good = good, []  # `attempt` names itself: what it holds would wait for the collector of cycles
        return found, failures

    def _tally(self, step: Step, shadow: bool) -> None:
        """Take over what the last batch counted and showed."""
        batch, self.latest = self.latest, None
        if batch is None or shadow:
            return
        if batch.counted:
            self.counted.setdefault(step.name, Counter()).update(batch.counted)
        for kind, weight, text in batch.examples:
            of_kind = self.examples.setdefault(step.name, {}).setdefault(kind, {})
            of_kind[text] = max(weight, of_kind.get(text, 0))
            if len(of_kind) > 100 * EXAMPLES:
                self.examples[step.name] |= {kind: dict(_first(of_kind))}

    def _early_stop(self, step: Step, failures: list[Failure]) -> None:
        """Stop at once when a step has failed ten times as much as allowed."""
        limit, account = self.plan.recipe.settings.max_failed, self.accounts.get(step.name, Account())
        failed = account.failed + len(failures)
        documents = max(account.documents_in, self.task.get("shard", {}).get("rows", 0))
        if failed > 10 * max(limit.least, limit.share * documents):
            raise FailedShareError(f"{step.name}: {failed} documents of one task failed; the last: {failures[-1].detail}")

    def batch(self, step: Step, table: pa.Table) -> Batch:
        """A batch for a step, which publishes the document that is being worked on."""
        at: Any = None

        def progress(row: int) -> None:
            nonlocal at
            if at is None:
                at = table["_at"].to_numpy()
            self.context.progress.at_row(int(at[row]))

        self.latest = Batch(table, progress, self.texts, self.noted.setdefault(step.name, {}), self.task.get("buckets", 1))
        return self.latest


EXAMPLES = 10
"""Examples of a kind that are shown (ours)."""


def heaviest(examples: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """The heaviest examples of each kind: kind -> text -> weight."""
    return {kind: dict(_first(found)) for kind, found in sorted(examples.items())}


def _first(examples: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(examples.items(), key=lambda e: (-e[1], e[0]))[:EXAMPLES]
