"""Lines of a byte stream, with a bound on their length so that a file without any costs no memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

CHUNK_BYTES = 1 << 20


def bounded_lines(stream: Any, max_line_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    r"""Go through the lines of a stream; a line ends with \n, which is not part of it.

    Args:
        stream: what has `read(n)`; an OSError it raises ends the iteration and comes through, after the
            whole lines before it.
        max_line_bytes: a longer line is skipped without keeping it.
    Yields: (offset of the line's first byte, the line; None in place of one too long).
    """
    pieces: list[bytes] = []  # of the line that is not complete yet
    held, start = 0, 0
    while chunk := stream.read(CHUNK_BYTES):
        first, *others = chunk.split(b"\n")
        held += len(first)
        if held <= max_line_bytes:
            pieces.append(first)
        else:
            pieces.clear()
        if not others:
            continue
        yield start, b"".join(pieces) if held <= max_line_bytes else None
        start += held + 1
        last = others.pop()
        for line in others:
            yield start, line if len(line) <= max_line_bytes else None
            start += len(line) + 1
        pieces, held = [last], len(last)
        if held > max_line_bytes:
            pieces.clear()
    if held:
        yield start, b"".join(pieces) if held <= max_line_bytes else None
