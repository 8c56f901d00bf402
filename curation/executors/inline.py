"""Runs tasks one after the other in this process: a debugger works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from curation import tasks
from curation.executors import Options
from curation.tasks.base import Context
from curation.workers import Quarantine


class Inline:
    """The executor `inline`."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def map(self, work: Iterable[dict[str, Any]], quarantine: Quarantine) -> Iterator[dict[str, Any]]:
        for task in work:
            tasks.run(self.context, {**task, "quarantine": quarantine.of(task["key"])})
            yield task

    def close(self) -> None:
        """Nothing to stop."""


def start(plan: Any, out: Path, plan_file: Path, options: Options) -> Inline:
    return Inline(Context(plan, out))
