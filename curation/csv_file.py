"""A CSV file, read so that every mistake in it can name its place: file, line, field and column.

UTF-8, with a byte order mark or without one. The first line names the columns. A cell may have line breaks: a row's line is that in which
it begins. Empty lines are no rows.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from curation.errors import Place, RecipeError, did_you_mean

MAX_LINE_BYTES = 64 << 20
csv.field_size_limit(MAX_LINE_BYTES)


@dataclass(frozen=True)
class Row:
    """Cells by column, and where they stand."""

    file: str
    line: int
    columns: list[str]
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def number(self, column: str) -> float:
        """A cell as a number, which may be nan or inf.

        Raises: RecipeError if it is none.
        """
        found = self.cells[column].strip()
        try:
            return float(found)
        except ValueError as e:
            raise self.error(column, f"{found[:40]!r} is no number") from e

    def error(self, column: str, message: str) -> RecipeError:
        return RecipeError(message, Place(self.file, self.line, self.columns.index(column) + 1, column))


class CsvFile:
    """The columns of a file, and its rows when it is walked, once.

    Args:
        text: opened as UTF-8 with newline="" and errors="surrogateescape" (it is read ahead, and could not tell the line). file: what
            errors call it. may_end_early: whether a row may lack its last cells, as one does that a person has added; they are empty then.
    Raises, here and in the walk: RecipeError naming file and line.
    """

    def __init__(self, text: TextIO, file: str, delimiter: str = ",", may_end_early: bool = False) -> None:
        self.file, self._line, self._may_end_early = file, 1, may_end_early
        self._rows = csv.reader(_bounded(text), delimiter=delimiter, strict=True)
        self.columns = [name.strip() for name in self._next() or []]
        for field, name in enumerate(self.columns, 1):
            if name in self.columns[: field - 1]:
                raise RecipeError("this column is given twice", Place(file, 1, field, name))

    def need(self, *columns: str) -> None:
        """Refuse a file that lacks one of these columns."""
        for name in columns:
            if name not in self.columns:
                raise RecipeError(f"the column {name!r} is missing{did_you_mean(name, self.columns)}", Place(self.file, 1, 1))

    def __iter__(self) -> Iterator[Row]:
        wanted = len(self.columns)
        while True:
            self._line = self._rows.line_num + 1
            cells = self._next()
            if cells is None:
                return
            if not cells:
                continue
            if self._may_end_early:
                cells += [""] * (wanted - len(cells))
            if len(cells) != wanted:
                place = Place(self.file, self._line, min(len(cells), wanted) + 1)
                raise RecipeError(f"{len(cells)} fields, the header has {wanted}", place)
            yield Row(self.file, self._line, self.columns, dict(zip(self.columns, cells, strict=True)))

    def _next(self) -> list[str] | None:
        try:
            return next(self._rows, None)
        except UnicodeEncodeError as e:
            raise RecipeError("not UTF-8", Place(self.file, self._line, 1)) from e
        except csv.Error as e:
            raise RecipeError(f"not valid CSV: {e}", Place(self.file, self._line, 1)) from e


@contextmanager
def opened(file: str | Path, may_end_early: bool = False) -> Iterator[CsvFile]:
    """A local file as a CsvFile.

    Raises: RecipeError if it cannot be read.
    """
    try:
        with open(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            yield CsvFile(text, str(file), may_end_early=may_end_early)
    except OSError as e:
        raise RecipeError(f"cannot be read: {e.strerror}", Place(str(file), 0, 0)) from e


def _bounded(text: TextIO) -> Iterator[str]:
    while line := text.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise csv.Error(f"a line of more than {MAX_LINE_BYTES >> 20} Mi characters")
        line.encode()  # raises at what was no UTF-8
        yield line
