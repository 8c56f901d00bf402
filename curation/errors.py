"""Every error the engine raises on purpose, named after what the engine does next.

CurateError
├── RecipeError     nothing has run yet: one message with file, line, column and key; exit code 2
├── DocumentError   one document is bad: it goes to `failed/` with this reason, the run goes on
├── TaskError       a task cannot finish: the run stops, what is done stays done; exit code 3
├── AccountError    documents do not add up: the run stops at once; exit code 4
├── FailedShareError  more documents failed than `max_failed` allows; exit code 5
└── LockedError     another run holds the folder; exit code 6
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class CurateError(Exception):
    """Root of the tree; `exit_code` is what the command line returns for it."""

    exit_code = 1


@dataclass(frozen=True)
class Place:
    """Where in a recipe something stands: file, 1-based line and column, dotted key."""

    file: str
    line: int
    column: int
    key: str = ""

    def __str__(self) -> str:
        head = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{head}: {self.key}" if self.key else head


class RecipeError(CurateError):
    """The recipe, a parameter or a path it names is wrong; raised before any work starts."""

    exit_code = 2

    def __init__(self, message: str, place: Place | None = None, hint: str = "") -> None:
        self.message, self.place, self.hint = message, place, hint
        super().__init__(message)

    def __str__(self) -> str:
        head = f"{self.place}: {self.message}" if self.place else self.message
        return f"{head}\n  {self.hint}" if self.hint else head


class DocumentError(CurateError):
    """One document cannot be processed; a stage raises it `from` the cause."""


class TaskError(CurateError):
    """A task failed and trying again did not help, or an input changed under the run."""

    exit_code = 3


@contextmanager
def said_of(step: str) -> Iterator[None]:
    """Name the step in a TaskError that its stage raises."""
    try:
        yield
    except TaskError as e:
        raise TaskError(f"{step}: {e}") from e


class AccountError(CurateError):
    """in + created differs from kept + dropped + merged + failed, or a verdict went missing."""

    exit_code = 4


class FailedShareError(CurateError):
    """A step failed on more documents than the recipe's `max_failed` allows."""

    exit_code = 5


class LockedError(CurateError):
    """Another run works in the same folder."""

    exit_code = 6


STORAGE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE)
"""What the storage says that no second attempt helps against: full, read-only, forbidden, broken."""


def storage_message(error: OSError) -> str:
    """One message for a file the storage would not take or give."""
    where = f": {error.filename}" if error.filename else ""
    return f"the storage refused: {error.strerror}{where}; put that right and run the same command again: what is done stays done"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message that suggests the nearest known word, if one is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
