"""The files by which a driver and its workers on other machines speak; all of them under `work/queue/` of the run.

    driver.json        the driver's beat: which run, plan and versions, and the list that is open
    RUN-N.tasks        a list: one sealed line a task;  RUN-N.offsets  where each begins, int64
    RUN-N.claims/I     whoever makes this file runs task I of the list
    workers/NAME.json  a worker's beat: the list it is through with, the error it ended with

Whether a machine lives is judged by what it writes and by the reader's own clock: no clock is compared with another's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from curation.storage import read_sealed, seal, sync, unseal, write_sealed

BEAT_SECONDS = 2.0
"""How often a beat is written (ours)."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two looks at a file (ours)."""


class Beat:
    """A file that says again and again that its writer lives, and the last it said."""

    def __init__(self, file: Path, **facts: Any) -> None:
        self._file, self._facts, self._count = file, facts, 0
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._write()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def say(self, **facts: Any) -> None:
        """Change what it says, at once."""
        self._facts |= facts
        self._write()

    def _write(self) -> None:
        with self._lock:
            self._count += 1
            write_sealed(self._file, {**self._facts, "beat": self._count})

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):  # a storage that is full or gone: whoever works meets it and says so
                self._write()

    def stop(self) -> None:
        """Beat no more; the file stays."""
        self._stop.set()
        self._thread.join()

    def end(self) -> None:
        """Beat no more; readers learn that the writer has left."""
        self.stop()
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)


class Listener:
    """Reads a beat."""

    def __init__(self, file: Path) -> None:
        self._file, self._beat, self._since = file, None, time.monotonic()

    def read(self) -> dict[str, Any] | None:
        """What was said last; None if nobody is there."""
        try:
            said: dict[str, Any] = read_sealed(self._file)
        except FileNotFoundError:
            return None
        if said["beat"] != self._beat:
            self._beat, self._since = said["beat"], time.monotonic()
        return said

    def silent_seconds(self) -> float:
        """For how long nothing new was read."""
        return time.monotonic() - self._since


class TaskList:
    """A list of tasks, and who has claimed which.

    Args:
        stem: path of its files without their endings.
    """

    def __init__(self, stem: Path) -> None:
        self.name = stem.name
        self._tasks, self._offsets, self._claims = (stem.with_name(f"{stem.name}.{end}") for end in ("tasks", "offsets", "claims"))

    def write(self, tasks: Iterable[dict[str, Any]]) -> None:
        """Make the list; whoever is told of it finds it whole."""
        self._claims.mkdir(parents=True)
        offsets = [0]
        with open(self._tasks, "wb") as f:
            for task in tasks:
                offsets.append(offsets[-1] + f.write(seal(task) + b"\n"))
            sync(f)
        with open(self._offsets, "wb") as f:
            f.write(np.array(offsets, dtype="<i8").tobytes())
            sync(f)

    def claimed(self, rank: int, of: int) -> Iterator[dict[str, Any]]:
        """Tasks for one of `of` workers, each claimed as it is asked for.

        First every `of`-th one, its own; then what is left of the others' shares, from the end, up to where
        somebody has come. What a worker claimed and did not do is for the driver to list again.
        """
        offsets = np.fromfile(self._offsets, dtype="<i8").tolist()
        with open(self._tasks, "rb") as f:
            for share in range(of):
                indexes = range((rank + share) % of, len(offsets) - 1, of)
                for index in reversed(indexes) if share else indexes:
                    if self._claim(index):
                        line = os.pread(f.fileno(), offsets[index + 1] - offsets[index] - 1, offsets[index])
                        yield unseal(line, self._tasks)
                    elif share:
                        break

    def _claim(self, index: int) -> bool:
        """Whether nobody has claimed it before. Raises: FileNotFoundError if the driver has closed the list."""
        try:
            os.close(os.open(self._claims / str(index), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True

    def remove(self) -> None:
        shutil.rmtree(self._claims, ignore_errors=True)
        self._tasks.unlink(missing_ok=True)
        self._offsets.unlink(missing_ok=True)


class Pause:
    """Waits between looks: short after something happened, longer while nothing does."""

    def __init__(self) -> None:
        self._seconds = SHORTEST_PAUSE

    def wait(self, happened: bool) -> None:
        self._seconds = SHORTEST_PAUSE if happened else min(2 * self._seconds, LONGEST_PAUSE)
        time.sleep(self._seconds)
