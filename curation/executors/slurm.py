"""`workers`, started by Slurm: job arrays whose elements are `curate worker` processes.

A job that depends on the arrays (`afterany`) leaves a file behind when all their elements have ended, however they
ended; if tasks are left then (a time limit, a failed node), arrays are submitted again. Nothing but `sbatch` is called.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from curation.errors import RecipeError, TaskError
from curation.executors import Options
from curation.executors.workers import Workers
from curation.storage import attempt_name
from curation.workers import MAX_DEATHS

SENTINEL = ("--ntasks=1", "--cpus-per-task=1", "--time=10")
"""What the job that depends on the arrays asks for, behind the user's options."""


class Slurm(Workers):
    """The executor `slurm`; see `Options` for its arguments."""

    def __init__(self, out: Path, plan_file: Path, plugins: list[Path], options: Options) -> None:
        super().__init__(out, plan_file, plugins, options.patience, options.say)
        self._options = options
        self._folder = self.out / "work" / "slurm"
        self._ended: Path | None = None
        """Made when all elements submitted last have ended."""
        self._left = self._in_vain = 0

    def tend(self, left: int) -> None:
        """Submit arrays if none is under way."""
        if self._ended is not None and not self._ended.exists():
            return
        if self._ended is not None:
            self._in_vain = self._in_vain + 1 if left == self._left else 0
            if self._in_vain == MAX_DEATHS - 1:
                raise TaskError(f"all elements of Slurm's jobs ended, and {left} tasks are left; their logs are in {self._folder}")
        self._left = left
        jobs = self._submit()
        self.say(f"submitted Slurm jobs {', '.join(jobs)}: {self._options.elements} workers")

    def _submit(self) -> list[str]:
        """Submit the elements in as many arrays as they need, and the job that waits for them; returns the arrays' numbers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name, of = attempt_name(), self._options.elements
        jobs = []
        for first in range(0, of, self._options.max_array):
            last = min(first + self._options.max_array, of) - first - 1
            worker = [
                sys.executable, "-m", "curation.cli", "worker", str(self.out), "--of", str(of), "--patience", str(self.patience),
                *(["--jobs", str(self._options.jobs)] if self._options.jobs else []), "--rank",
            ]  # fmt: skip
            script = self._script(f"{name}-{first}.sh", f"exec {shlex.join(worker)} $(({first} + SLURM_ARRAY_TASK_ID))")
            jobs.append(self._sbatch(f"--array=0-{last}", "--output", f"{self._folder}/%A_%a.log", *self._options.sbatch, script))
        self._ended = self._folder / f"{name}.ended"
        script = self._script(f"{name}-ended.sh", f"touch {shlex.quote(str(self._ended))}")
        self._sbatch(f"--dependency=afterany:{':'.join(jobs)}", "--output", "/dev/null", *self._options.sbatch, *SENTINEL, script)
        return jobs

    def _script(self, name: str, line: str) -> str:
        path = self._folder / name
        path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        return str(path)

    @staticmethod
    def _sbatch(*arguments: str) -> str:
        """Submit; returns the job's number. Raises: TaskError with what sbatch said."""
        done = subprocess.run(["sbatch", "--parsable", "--job-name=curate", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise TaskError(f"sbatch refused ({shlex.join(arguments)}): {done.stderr.strip()}")
        return done.stdout.strip().partition(";")[0]


def start(plan: Any, out: Path, plan_file: Path, options: Options) -> Slurm:
    if shutil.which("sbatch") is None:
        raise RecipeError("-x slurm: there is no sbatch on the PATH; run it where jobs are submitted")
    return Slurm(out, plan_file, plan.recipe.plugins, options)
