"""What a share of duplicates says: more than half is worth a note, and nearly all means that something else is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

MUCH_DROPPED = 0.5
"""Share of dropped documents that is worth a note (ours)."""
FEW_DOCUMENTS = 1_000
"""Fewer documents say nothing about a share (ours)."""

DropShare = Annotated[float, Field(gt=0, le=1)]
"""Share of dropped documents from which on the run stops."""


def judge(documents: int, dropped: Mapping[str, int], most: float) -> str | None:
    """A note where more than MUCH_DROPPED went.

    Raises: ValueError where more than `most` did.
    """
    gone = sum(dropped.values())
    if documents < FEW_DOCUMENTS or gone <= documents * min(MUCH_DROPPED, most):
        return None
    found = f"{gone:,} of {documents:,} documents ({gone / documents:.1%}) are duplicates"
    if gone > documents * most:
        raise ValueError(f"{found}, more than max_drop_share: {most:g}; see what they are copies of, or raise it")
    return found
