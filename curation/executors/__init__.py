"""Who runs the tasks: a file of this folder an executor.

- `inline` in this process.
- `processes` in supervised worker processes.
- `workers` by `curate worker` processes on machines that share the run's folder; `slurm` starts them with `sbatch`.
- `ray` on a Ray cluster whose nodes share the run's folder.

An executor has one method, `map(tasks) -> tasks as they finish`; a finished task has its record.
Tasks are idempotent, so executors stay thin: the bytes are the same whichever runs them.
Each file has `start(plan, out, plan_file, options)`, and is imported when its executor is asked for.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from curation.errors import RecipeError
from curation.storage import remote
from curation.workers import Quarantine

NAMES = ("inline", "processes", "workers", "slurm", "ray")


class Executor(Protocol):
    """Runs tasks; see the module."""

    def map(self, work: Iterable[dict[str, Any]], quarantine: Quarantine) -> Iterator[dict[str, Any]]: ...

    def close(self) -> None: ...


@dataclass
class Options:
    """What the command line says of an executor; each reads what it knows.

    jobs: worker processes on a machine; None: one a core. address: of the Ray cluster. elements: of Slurm's
    job arrays, each a `curate worker`. max_array: elements one array may have. sbatch: further options of `sbatch`.
    patience: seconds of silence after which another machine is taken for dead.
    """

    jobs: int | None = None
    address: str | None = None
    elements: int = 1
    max_array: int = 1_000
    sbatch: list[str] = field(default_factory=list)
    patience: float = 120.0
    say: Any = print
    """Called with what the user should know."""


def start(name: str, plan: Any, out: Path, plan_file: Path, options: Options) -> Executor:
    """The executor of that name, for a run of this plan in folder `out`.

    Raises: RecipeError if what it needs is not there.
    """
    if name in ("workers", "slurm") and remote(out):
        raise RecipeError(
            f"-x {name}: its workers meet in files of the run's folder, and {out} is no folder they can mount",
            hint="use -x ray, or --out on storage that all machines share",
        )
    module = importlib.import_module(f"curation.executors.{name}")
    executor: Executor = module.start(plan, out, plan_file, options)
    return executor


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
