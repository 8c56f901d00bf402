"""The file of answers: a line for each, added when it came, found again by what was asked.

An answer's key is a hash of everything the model was given: its name, the messages (the requirements and the text in them), the schema, the
seed and the other settings. So the file is what a run goes on from after a kill, and a cache: the same text under another id, in a larger
sample or in another run that names the file is not asked about again, and changed requirements are. In memory are some 140 bytes an answer.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curation.errors import LockedError, Place, RecipeError
from curation.storage import digest


def key_of(body: dict[str, Any]) -> str:
    """The key of a request: 32 hex digits. How the answer's form is enforced is no part of it, and what it is, the messages say."""
    return digest({name: value for name, value in body.items() if name != "response_format"})


_BEGINS = b'{"key": "'


class Answers:
    """An open file of answers; see `answers_in`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._places: dict[bytes, int] = {}
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            os.close(self._file)
            raise LockedError(f"another process adds to {path}") from e
        try:
            self._end = self._read()
        except RecipeError:
            os.close(self._file)
            raise

    def _read(self) -> int:
        """Note where each answer stands; an unfinished last line, of a process that was killed, goes."""
        end = 0
        with open(self.path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n") and (line.startswith(_BEGINS) or _BEGINS.startswith(line)):
                    os.ftruncate(self._file, end)
                    break
                try:
                    self._places[bytes.fromhex(json.loads(line)["key"])] = end
                except (ValueError, KeyError, TypeError) as e:
                    raise RecipeError("damaged: no line of answers", Place(str(self.path), number, 1)) from e
                end += len(line)
        return end

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(self, key: str, answer: dict[str, Any]) -> None:
        """Write an answer: when this returns, a kill of the process does not lose it."""
        line = json.dumps({"key": key, **answer}, ensure_ascii=True).encode() + b"\n"
        at = self._end
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError:  # a full disk; half a line with another behind it would be no line of answers
            os.ftruncate(self._file, at)
            raise
        self._places[bytes.fromhex(key)] = at
        self._end = os.lseek(self._file, 0, os.SEEK_END)

    def get(self, key: str) -> dict[str, Any] | None:
        """The answer to what has this key, if there is one."""
        at = self._places.get(bytes.fromhex(key))
        if at is None:
            return None
        with open(self.path, "rb") as lines:
            lines.seek(at)
            found: dict[str, Any] = json.loads(lines.readline())
        return found

    def close(self) -> None:
        os.fsync(self._file)
        os.close(self._file)


@contextmanager
def answers_in(path: Path) -> Iterator[Answers]:
    """A file of answers, made if there is none, to which this process alone adds.

    Raises: LockedError if another process does; RecipeError naming the line that is none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = Answers(path)
    try:
        yield opened
    finally:
        opened.close()
