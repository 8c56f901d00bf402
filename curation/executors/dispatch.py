"""What `processes` and `ray` share: jobs are begun while there is room, and go on as they say themselves when a worker died."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from curation import errors
from curation.errors import CurateError, TaskError
from curation.workers import Job, Quarantine


class Dispatch(ABC):
    """An executor whose workers answer one message at a time.

    An answer is what `curation.workers.main` says of a message ({"cpu_seconds"} or {"error", "message"}), or
    {"died": place, "reason", "detail"} of a worker that ended on it, {"lost": detail,
    "where": place or None} of one that is gone with whatever watched it, and {"unsent": true} of one that never heard of it.
    """

    @abstractmethod
    def room(self, more: bool) -> bool:
        """Whether a job may be begun; `more`: it is a new one, not one to be tried again."""

    @abstractmethod
    def begin(self, job: Job) -> None:
        """Send the job's next message to a worker."""

    @abstractmethod
    def ended(self) -> Iterable[tuple[Job, dict[str, Any]]]:
        """Jobs whose message was answered, each with the answer; waits a little for the first."""

    def map(self, work: Iterable[dict[str, Any]], quarantine: Quarantine) -> Iterator[dict[str, Any]]:
        todo = (Job(task, quarantine) for task in work)
        again: list[Job] = []
        begun, more = 0, True
        while begun or again or more:
            while (again or more) and self.room(not again):
                job = again.pop() if again else next(todo, None)
                if job is None:
                    more = False
                    break
                self.begin(job)
                begun += 1
            for job, answer in self.ended():
                begun -= 1
                if _goes_on(job, answer):
                    again.append(job)
                else:
                    yield job.task


def _goes_on(job: Job, answer: dict[str, Any]) -> bool:
    """Whether a job is not done with this answer.

    Raises: the error a worker met; TaskError if the task must be given up; FailedShareError.
    """
    if "error" in answer:
        raise error_of(answer)
    if "died" in answer:
        problem = job.died(answer["died"], answer["reason"], answer["detail"])
    elif "lost" in answer:
        problem = job.lost(answer["where"], answer["lost"])
    elif "unsent" in answer:
        return True
    else:
        return not job.finished()
    if problem:
        raise TaskError(f"task {job.task['key'][:12]} ({job.task['kind']} of {job.task['folder']}): {problem}")
    return True


def error_of(answer: dict[str, Any]) -> CurateError:
    """The error a worker told of."""
    kind = getattr(errors, answer["error"], TaskError)
    error: CurateError = kind(answer["message"]) if issubclass(kind, CurateError) else TaskError(answer["message"])
    if answer.get("traceback"):
        error.add_note(answer["traceback"])
    return error
