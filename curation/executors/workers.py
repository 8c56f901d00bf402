"""Runs tasks by `curate worker` processes on machines that share the run's folder.

The driver lists a pass's tasks; workers claim them and run them as `processes` does (`serve`). The ledger is
the barrier: a task is done when its record is there, whoever wrote it. When every worker that lives is through
with the list, what has no record was claimed by one that died, and is listed again.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from curation.errors import TaskError
from curation.executors import Options
from curation.executors.dispatch import error_of
from curation.executors.queue import Beat, Listener, Pause, TaskList
from curation.storage import attempt_name
from curation.versions import versions
from curation.workers import MAX_DEATHS, Quarantine


class Workers:
    """The executor `workers`.

    Args:
        out: the run's folder. plan_file: the plan every worker loads. plugins: files of the recipe.
        patience: seconds of silence after which a worker is taken for dead. say: called with what the user should know.
    """

    def __init__(self, out: Path, plan_file: Path, plugins: list[Path], patience: float, say: Callable[[str], None]) -> None:
        self.out, self.patience, self.say = out.resolve(), patience, say
        self._queue = self.out / "work" / "queue"
        shutil.rmtree(self._queue, ignore_errors=True)  # of a driver that died; workers that live beat again
        self._run, self._lists = attempt_name(), 0
        self._list: TaskList | None = None
        self._told = False
        self._heard: dict[str, Listener] = {}
        self._beat = Beat(self._queue / "driver.json", run=self._run, plan=plan_file.name, versions=versions(plugins), list=0)

    def map(self, work: Iterable[dict[str, Any]], quarantine: Quarantine) -> Iterator[dict[str, Any]]:
        waiting: dict[str, list[dict[str, Any]]] = {}
        for task in work:
            waiting.setdefault(task["key"], []).append(task)
        in_vain = 0
        while waiting:
            before = len(waiting)
            self._open(tasks[0] for tasks in waiting.values())
            recorded: list[str] = []
            pause, quiet_since = Pause(), None
            while waiting and (quiet_since is None or time.monotonic() - quiet_since < self.patience / 6):
                pause.wait(bool(recorded))
                through = self._through()  # before the records: what a worker is through with is there
                recorded = self._recorded(waiting)
                for key in recorded:
                    yield from waiting.pop(key)
                quiet_since = (quiet_since or time.monotonic()) if through else None
                if waiting:
                    self.tend(len(waiting))
            in_vain = 0 if len(waiting) < before else in_vain + 1
            if in_vain == MAX_DEATHS:
                task = next(iter(waiting.values()))[0]
                raise TaskError(
                    f"{len(waiting)} tasks were listed {MAX_DEATHS} times and their workers died, the first: "
                    f"{task['key'][:12]} ({task['kind']} of {task['folder']})"
                )
        self._close_list()

    def tend(self, left: int) -> None:
        """Called again and again while this many tasks are left."""
        if not self._heard and not self._told:
            self._told = True
            self.say(f"waiting for workers: on each machine, curate worker {self.out} --rank I --of N")

    def _open(self, tasks: Iterable[dict[str, Any]]) -> None:
        self._close_list()
        self._lists += 1
        self._told = False
        self._list = TaskList(self._queue / f"{self._run}-{self._lists}")
        self._list.write(tasks)
        self._beat.say(list=self._lists)

    def _close_list(self) -> None:
        if self._list is not None:
            self._list.remove()
            self._list = None

    def _through(self) -> bool:
        """Whether somebody lives and all who live are through with the list.

        Raises: the error a worker ended with.
        """
        folder = self._queue / "workers"
        names = {e.name for e in os.scandir(folder) if not e.name.startswith(".")} if folder.exists() else set()
        through = []
        for name in names | {*self._heard}:
            listener = self._heard.setdefault(name, Listener(folder / name))
            said = listener.read()
            if said is not None and said["run"] == self._run and "error" in said:
                raise error_of(said)
            if said is None or listener.silent_seconds() > self.patience:
                if said is not None:
                    self.say(f"worker {name.removesuffix('.json')} has been silent for {self.patience:.0f} s; others do what it had")
                    (folder / name).unlink(missing_ok=True)
                del self._heard[name]
            else:
                through.append(said["run"] == self._run and said["through"] == self._lists)
        return bool(through) and all(through)

    def _recorded(self, waiting: dict[str, Any]) -> list[str]:
        """Keys of tasks whose record has come."""
        folder = self.out / "work" / next(iter(waiting.values()))[0]["folder"] / "records"
        if not folder.exists():
            return []
        return sorted(key for e in os.scandir(folder) if (key := e.name.removesuffix(".json")) in waiting)

    def close(self) -> None:
        """Tell the workers that the run has ended."""
        self._close_list()
        self._beat.end()


def start(plan: Any, out: Path, plan_file: Path, options: Options) -> Workers:
    return Workers(out, plan_file, plan.recipe.plugins, options.patience, options.say)
