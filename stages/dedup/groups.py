"""The group whose documents are compared with one another: those with one value of a column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from curation.stage import Batch
from curation.text import Utf8


def groups_of(batch: Batch, by: str | None) -> Any:
    """Hash of each document's group: uint64 (n,), 0 without a column; null is a group of its own, and not that of empty values."""
    if by is None:
        return np.zeros(len(batch), np.uint64)
    values = batch[by].cast(pa.large_string())
    return np.where(values.is_null().to_numpy(zero_copy_only=False), np.uint64(1), Utf8.of(values).hash())
