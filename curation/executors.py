"""Who runs the tasks: `inline` in this process, `processes` in supervised workers.

An executor has one method, `map(tasks) -> tasks as they finish`; a finished task has its record.
Tasks are idempotent, so executors stay thin: the bytes are the same whichever runs them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Protocol

from curation import errors, tasks
from curation.errors import CurateError, TaskError
from curation.tasks.base import Context
from curation.workers import MAX_DEATHS, RECYCLE_BYTES, Job, Quarantine, Worker

POLL_SECONDS = 0.2


class Executor(Protocol):
    """Runs tasks; see the module."""

    def map(self, work: Iterable[dict[str, Any]], quarantine: Quarantine) -> Iterator[dict[str, Any]]: ...

    def close(self) -> None: ...


class Inline:
    """Runs tasks one after the other in this process: a debugger works."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def map(self, work: Iterable[dict[str, Any]], quarantine: Quarantine) -> Iterator[dict[str, Any]]:
        for task in work:
            tasks.run(self.context, {**task, "quarantine": quarantine.of(task["key"])})
            yield task

    def close(self) -> None:
        """Nothing to stop."""


def machine_memory_bytes() -> int:
    """Memory this process may use: the machine's, or its control group's limit if lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        return min(total, int(text)) if text != "max" else total
    except (OSError, ValueError):
        return total


class Processes:
    """Runs tasks in supervised worker processes; a dead one costs its task, not the pool.

    Args:
        plan_file: the plan every worker loads. workers: how many. limits: of the recipe.
    """

    def __init__(self, plan_file: Path, workers: int, limits: Any) -> None:
        self._plan_file, self._count = plan_file, workers
        share = int(machine_memory_bytes() * 0.8) // workers
        self._limits = {
            "cpu_seconds": limits.cpu_seconds, "idle_seconds": limits.idle_seconds, "memory_bytes": limits.memory_bytes or share
        }  # fmt: skip
        self._stillborn = 0
        """Workers in a row that were killed before they could say anything."""
        self._idle: list[Worker] = []
        self._busy: dict[Any, tuple[Worker, Job]] = {}

    def map(self, work: Iterable[dict[str, Any]], quarantine: Quarantine) -> Iterator[dict[str, Any]]:
        todo = iter(work)
        again: list[Job] = []
        more = True
        while True:
            while len(self._busy) < self._count and (more or again):
                if again:
                    job = again.pop()
                else:
                    task = next(todo, None)
                    if task is None:
                        more = False
                        break
                    job = Job(task, quarantine)
                self._start(job)
            if not self._busy:
                return
            for pipe in wait(list(self._busy), POLL_SECONDS):
                worker, job = self._busy[pipe]
                try:
                    answer = worker.pipe.recv_bytes()
                except (EOFError, OSError):
                    del self._busy[pipe]
                    again.append(self._bury(worker, job))
                    continue
                if not worker.ready:
                    worker.ready = True
                    worker.send(job.message())
                    continue
                del self._busy[pipe]
                self._raise(answer, job)
                self._retire(worker)
                if job.finished():
                    yield job.task
                else:
                    again.append(job)
            for worker, _ in list(self._busy.values()):
                if worker.ready:
                    worker.watch()

    def _start(self, job: Job) -> None:
        worker = self._idle.pop() if self._idle else Worker(self._plan_file, self._limits)
        self._busy[worker.pipe] = (worker, job)
        if worker.ready:
            with contextlib.suppress(OSError):  # it died idle: its pipe reads as ended, and the job is tried again
                worker.send(job.message())

    def _bury(self, worker: Worker, job: Job) -> Job:
        reason, detail = worker.death()
        place = worker.where()
        worker.close()
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= MAX_DEATHS or worker.process.returncode >= 0:
                raise TaskError(f"a worker process could not start, its message is above: {detail}")
            return job
        self._stillborn = 0
        problem = job.died(place, reason, detail)
        if problem:
            raise TaskError(f"task {job.task['key'][:12]} ({job.task['kind']} of {job.task['folder']}): {problem}")
        return job

    def _retire(self, worker: Worker) -> None:
        if worker.resident_bytes() > min(RECYCLE_BYTES, self._limits["memory_bytes"] // 2):
            worker.close()
        else:
            self._idle.append(worker)

    @staticmethod
    def _raise(answer: bytes, job: Job) -> None:
        import json

        said = json.loads(answer)
        if "error" in said:
            kind = getattr(errors, said["error"], TaskError)
            error = kind(said["message"]) if issubclass(kind, CurateError) else TaskError(said["message"])
            if said.get("traceback"):
                error.add_note(said["traceback"])
            raise error

    def close(self) -> None:
        """Stop all workers at once."""
        for worker in [*self._idle, *(w for w, _ in self._busy.values())]:
            worker.close()
        self._idle, self._busy = [], {}
