"""Which rows are learnt from, which end the training, and which are only looked at.

A domain is on one side: by a hash of its name alone, so that it is on the same side in every label set and for every seed; or by the
label set's own split, whose parts are called `train`, `validation` and `test`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from curation.errors import RecipeError, did_you_mean
from curation.text import Utf8

PARTS = ("train", "validation", "test")


def split(table: pa.Table, validation: float, test: float) -> dict[str, Any]:
    """Rows of each part: int64 arrays by name.

    Args:
        table: a label set; see classifiers/labels.py. validation, test: shares of the domains, where the set has no split.
    Raises: RecipeError for another name of a part, or a domain in two parts.
    """
    domains = table["domain"].combine_chunks().dictionary_encode()
    of_row = domains.indices.to_numpy()
    if table["split"].null_count < len(table):
        given = table["split"].to_pylist()
        for name in sorted({str(name) for name in given}):
            if name not in PARTS:
                raise RecipeError(f"the label set has the split {name!r}: parts are {', '.join(PARTS)}{did_you_mean(name, PARTS)}")
        part = np.array([PARTS.index(name) for name in given])
        low, high = np.full(len(domains.dictionary), 3), np.full(len(domains.dictionary), -1)
        np.minimum.at(low, of_row, part)
        np.maximum.at(high, of_row, part)
        if (leaked := np.flatnonzero(low < high)).size:
            name = domains.dictionary[int(leaked[0])].as_py()
            sides = " and in ".join(PARTS[side[leaked[0]]] for side in (low, high))
            raise RecipeError(f"the domain {name!r} is in {sides}: {leaked.size} domains leak")
    else:
        place = Utf8.of(domains.dictionary).hash()[of_row] / 2**64
        part = np.where(place < test, 2, np.where(place < test + validation, 1, 0))
    return {name: np.flatnonzero(part == i) for i, name in enumerate(PARTS)}
