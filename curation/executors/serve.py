"""`curate worker`: does its share of whatever the driver of a run on shared storage lists, until the run ends."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from curation.errors import TaskError
from curation.executors.processes import Processes
from curation.executors.queue import Beat, Listener, Pause, TaskList
from curation.plan import plan_of
from curation.storage import attempt_name, read_sealed
from curation.versions import demand_same, versions
from curation.warm_up import warm_up
from curation.workers import Quarantine, told


class Server:
    """One `curate worker`.

    Args:
        out: the run's folder. rank, of: which share of a list it begins with. jobs: its worker processes.
        patience: seconds it waits for a driver that says nothing. say: called with what the user should know.
    """

    def __init__(self, out: Path, rank: int, of: int, jobs: int, patience: float, say: Callable[[str], None]) -> None:
        self.out, self.rank, self.of, self.jobs, self.patience, self.say = out.resolve(), rank, of, jobs, patience, say
        self._queue = self.out / "work" / "queue"
        self._driver = Listener(self._queue / "driver.json")
        self._name = f"{rank}-{attempt_name()}"
        self._tasks = 0

    def serve(self) -> int:
        """Work until the run has ended; returns the number of tasks done.

        Raises: TaskError if there is no run, or its driver fell silent; RecipeError if this machine would write other bytes.
        """
        served, pause = None, Pause()
        while True:
            said = self._driver.read()
            if said is None and served is not None:
                return self._tasks
            if self._driver.silent_seconds() > self.patience:
                silence = f"nothing was heard of a run in {self.out} for {self.patience:.0f} s"
                raise TaskError(f"{silence}: start it (curate run ... -x workers), then its workers")
            if said is None or said["run"] == served:
                pause.wait(False)
                continue
            served = said["run"]
            self._serve_run(said)

    def _serve_run(self, said: dict[str, Any]) -> None:
        """Work for one driver, until it ends or another takes its place."""
        plan_file = self.out / "work" / said["plan"]
        plan = plan_of(read_sealed(plan_file))
        demand_same(said["versions"], versions(plan.recipe.plugins), "this machine")
        warm_up(plan, self.say)
        beat = Beat(self._queue / "workers" / f"{self._name}.json", run=said["run"], through=0)
        processes = Processes(plan_file, self.jobs, plan.recipe.settings.limits)
        through, pause = 0, Pause()
        try:
            while (listed := self._listed(said["run"])) is not None:
                pause.wait(listed > through)
                if listed > through:
                    self._work(said["run"], listed, processes, plan.recipe.settings.max_failed)
                    through = listed
                    beat.say(through=through)
        except Exception as e:
            beat.stop()
            with contextlib.suppress(OSError):
                beat.say(**told(e, f" (worker {self._name})"))
            raise
        except BaseException:
            beat.end()
            raise
        finally:
            processes.close()
        beat.end()

    def _listed(self, run: str) -> int | None:
        """Number of the list that is open; None if this driver has ended or fallen silent."""
        said = self._driver.read()
        if said is None or said["run"] != run or self._driver.silent_seconds() > self.patience:
            return None
        return int(said["list"])

    def _work(self, run: str, number: int, processes: Processes, max_failed: Any) -> None:
        """Do what can be claimed of a list."""
        tasks = self._claimed(run, number)
        first = next(tasks, None)
        if first is None:
            return
        quarantine = Quarantine(self.out / "work" / first["folder"], max_failed, self._name)
        for _ in processes.map(itertools.chain([first], tasks), quarantine):
            self._tasks += 1

    def _claimed(self, run: str, number: int) -> Iterator[dict[str, Any]]:
        try:
            for task in TaskList(self._queue / f"{run}-{number}").claimed(self.rank, self.of):
                if not (self.out / "work" / task["folder"] / "records" / f"{task['key']}.json").exists():
                    yield task
                if self._listed(run) != number:
                    return
        except FileNotFoundError:
            return  # the driver has closed the list
