"""Percentiles of perplexity per language, for the buckets of the stage `perplexity`.

    python -m classifiers.perplexity_cutoffs cutoffs.json runs/NAME/outputs/web/*.parquet

Reads columns `lang` and `perplexity` of Parquet files that a run with the stage wrote; every finite perplexity counts once. A language
with fewer than `--least` documents (1,000: ours) gets no cutoffs. The same documents give the same file in any order.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def _batches(file: str) -> Iterator[Any]:
    try:
        for batch in pq.ParquetFile(file).iter_batches(columns=["lang", "perplexity"]):
            yield batch.select(["lang", "perplexity"])  # refuses a file that lacks one
    except (pa.ArrowException, KeyError) as e:
        raise ValueError(f"{file} is no Parquet with columns `lang` and `perplexity`: {e}") from e


def percentiles(files: Iterable[str], least: int) -> dict[str, list[float]]:
    """Percentiles 0 to 100 of each language: {language: [101 values]}.

    Raises: ValueError if a file is no Parquet with the columns.
    """
    values: dict[str, list[Any]] = {}
    for file in files:
        for batch in _batches(file):
            found = batch.column("perplexity").cast("float64").to_numpy(zero_copy_only=False)
            names = batch.column("lang").to_numpy(zero_copy_only=False)
            for name in {n for n in names.tolist() if n is not None}:
                mine = found[names == name]
                values.setdefault(name, []).append(mine[np.isfinite(mine)])
    joined = {name: np.concatenate(parts) for name, parts in sorted(values.items())}
    return {name: np.percentile(v, range(101)).tolist() for name, v in joined.items() if len(v) >= least}


def main() -> int:
    """Write the file of cutoffs; see the head of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m classifiers.perplexity_cutoffs",
        description="Percentiles of perplexity per language. Example: python -m classifiers.perplexity_cutoffs cutoffs.json run/*.parquet",
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--least", type=int, default=1_000, help="documents a language needs")
    options = parser.parse_args()
    try:
        found = percentiles(options.files, options.least)
        options.out.write_text(json.dumps(found) + "\n", encoding="utf-8")
    except (OSError, ValueError) as e:
        sys.stderr.write(f"{e}\n")
        return 2
    sys.stderr.write(f"{len(found)} languages\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
