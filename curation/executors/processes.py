"""Runs tasks in supervised worker processes of this machine; a dead one costs its task, not the pool."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from curation.errors import TaskError
from curation.executors import Options, cores
from curation.executors.dispatch import Dispatch
from curation.workers import MAX_DEATHS, Job, Worker, limits_of

POLL_SECONDS = 0.2


class Processes(Dispatch):
    """The executor `processes`.

    Args:
        plan_file: the plan every worker loads. workers: how many. limits: of the recipe.
    """

    def __init__(self, plan_file: Path, workers: int, limits: Any) -> None:
        self._plan_file, self._count = plan_file, workers
        self._limits = limits_of(limits, workers)
        self._stillborn = 0
        """Workers in a row that were killed before they could say anything."""
        self._idle: list[Worker] = []
        self._busy: dict[Any, tuple[Worker, Job]] = {}

    def room(self, more: bool) -> bool:
        return len(self._busy) < self._count

    def begin(self, job: Job) -> None:
        worker = self._idle.pop() if self._idle else Worker(self._plan_file, self._limits)
        self._busy[worker.pipe] = (worker, job)
        if worker.ready:
            self._send(worker, job)

    @staticmethod
    def _send(worker: Worker, job: Job) -> None:
        with contextlib.suppress(OSError):  # it died idle: its pipe reads as ended, and the job is tried again
            worker.send(job.message())

    def ended(self) -> Iterator[tuple[Job, dict[str, Any]]]:
        for pipe in wait(list(self._busy), POLL_SECONDS):
            worker, job = self._busy[pipe]
            try:
                said = worker.pipe.recv_bytes()
            except (EOFError, OSError):
                del self._busy[pipe]
                yield job, self._bury(worker)
                continue
            if not worker.ready:
                worker.ready = True
                self._send(worker, job)
                continue
            del self._busy[pipe]
            self._retire(worker)
            yield job, json.loads(said)
        for worker, _ in list(self._busy.values()):
            if worker.ready:
                worker.watch()

    def _bury(self, worker: Worker) -> dict[str, Any]:
        answer = worker.obituary()
        if worker.ready:
            self._stillborn = 0
            return answer
        self._stillborn += 1
        if self._stillborn >= MAX_DEATHS or worker.process.returncode >= 0:
            raise TaskError(f"a worker process could not start, its message is above: {answer['detail']}")
        return {"unsent": True}

    def _retire(self, worker: Worker) -> None:
        if worker.outgrown():
            worker.close()
        else:
            self._idle.append(worker)

    def close(self) -> None:
        """Stop all workers at once."""
        for worker in [*self._idle, *(w for w, _ in self._busy.values())]:
            worker.close()
        self._idle, self._busy = [], {}


def start(plan: Any, out: Path, plan_file: Path, options: Options) -> Processes:
    return Processes(plan_file, options.jobs or cores(), plan.recipe.settings.limits)
