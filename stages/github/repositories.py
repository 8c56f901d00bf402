"""Which repository a file is of, and where in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.stage import Batch
from curation.text import Utf8

MAX_PATH_CHARS, MAX_FOLDERS = 4096, 64
"""Of a path so much is looked at (ours); deeper files are taken for files of the folder at that depth."""


def repositories(batch: Batch, column: str, path: str) -> pa.Array:
    """The repository of each document: the column's value or, where that is null (a checkout), the first folder of its path."""
    first = pc.fill_null(pc.list_element(pc.split_pattern(pc.fill_null(batch[path].cast(pa.string()), ""), "/", max_splits=1), 0), "")
    alone = pc.invert(pc.match_substring(pc.fill_null(batch[path].cast(pa.string()), ""), "/"))
    return pc.coalesce(batch[column].cast(pa.string()), pc.if_else(alone, "", first))


def keys(names: pa.Array) -> tuple[Any, Any]:
    """Both halves of the hash of each repository's name: uint64 (n,) each."""
    high, low = Utf8.of(names).hash128()
    return np.asarray(high, np.uint64), np.asarray(low, np.uint64)


def folder_and_name(path: str) -> tuple[str, str]:
    """Folder (without the slash at its end) and name of a file."""
    folder, _, name = path[-MAX_PATH_CHARS:].rpartition("/")
    if folder.count("/") >= MAX_FOLDERS:
        folder = "/".join(folder.split("/", MAX_FOLDERS)[:MAX_FOLDERS])
    return folder, name
