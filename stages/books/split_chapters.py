"""Make a document of each chapter of a book, and one of what stands before the first.

The chapters are those that clean_book named: the last line of the text that is the last heading begins the last chapter, and so on
upwards, so that a table of contents is none, and text that steps between have changed does no harm. A heading whose line is
gone begins nothing: its text stays with the chapter before it.

Source:  ours.
Units:   min_chars in characters.
Params:  min_chars -- what is shorter stays with the chapter above it, or goes to the one below where it is the first (ours). max_chapters
         -- of more, the last one has the rest (ours).
Drops:   empty (a book without text).
Errors:  none.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pyarrow as pa
from pydantic import Field

from curation.stage import Batch, Expanded, StageParams, expand


class Params(StageParams):
    """Parameters of split_chapters; see the file's docstring."""

    min_chars: int = Field(default=200, ge=0)
    max_chapters: int = Field(default=2_000, ge=1)


def pieces(text: str, headings: list[str], params: Params) -> list[tuple[str | None, str]]:
    """(heading, text) of each chapter; the heading is None for what stands before the first. Their texts are the whole text.

    Args:
        headings: first lines of the chapters, in order.
    """
    lines = text.split("\n")
    there = Counter(line.strip() for line in lines)
    left, starts = [heading for heading in headings if there[heading]], []
    for k in range(len(lines) - 1, -1, -1):
        if left and lines[k].strip() == left[-1]:
            left.pop()
            starts.append(k)
    starts.reverse()
    found: list[tuple[str | None, list[str]]] = [(None, lines[: starts[0]] if starts else lines)]
    found += [(lines[first].strip(), lines[first:last]) for first, last in pairwise([*starts, len(lines)])]
    joined: list[tuple[str | None, list[str]]] = []
    for heading, own in found:
        short = bool(joined) and sum(map(len, own)) < params.min_chars
        if joined and (short or len(joined) > params.max_chapters):
            joined[-1][1].extend(own)
        elif joined and joined[-1][0] is None and sum(map(len, joined[-1][1])) < params.min_chars:
            joined[-1] = heading, [*joined[-1][1], *own]
        else:
            joined.append((heading, own))
    return [(heading, "\n".join(own).strip("\n")) for heading, own in joined]


@expand(
    reads=["text", "chapters"], drops=["empty"],
    writes={
        "text": pa.large_string(), "chapters": pa.list_(pa.string()), "chapter": pa.field("chapter", pa.string(), nullable=True),
        "chapter_number": pa.int32(),
    },
)  # fmt: skip
def split_chapters(batch: Batch, params: Params) -> Expanded:
    """Return the chapters of each book: their text, heading and number (from 0, which stands before the first heading)."""
    parents: list[int] = []
    made: list[tuple[str, str | None, int]] = []
    reasons: list[str | None] = []
    for row, text, headings in batch.documents("text", "chapters"):
        found = pieces(text, headings or [], params) if text and text.strip() else []
        reasons.append(None if found else "empty")
        parents += [row] * len(found)
        made += [(own, heading, number) for number, (heading, own) in enumerate(found, 0 if found and found[0][0] is None else 1)]
    columns = {
        "text": pa.array([text for text, _, _ in made], pa.large_string()),
        "chapters": pa.array([[heading] if heading else [] for _, heading, _ in made], pa.list_(pa.string())),
        "chapter": pa.array([heading for _, heading, _ in made], pa.string()),
        "chapter_number": pa.array([number for _, _, number in made], pa.int32()),
    }
    return Expanded(pa.array(parents, pa.int64()).to_numpy(), columns, pa.array(reasons, pa.string()))
