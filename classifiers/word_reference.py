"""Count the words of documents into a reference for the stage `kl_outlier`, or add references up.

    python -m classifiers.word_reference 2024-10.arrow runs/2024-10/outputs/web/*.parquet
    python -m classifiers.word_reference both.arrow 2024-10.arrow 2024-18.arrow

Inputs are Parquet files with `text` and the column of `--by`, and references with the same tokens and bits. Counts add up and of sampled
documents those with the smallest hashes stay, so parts may be counted apart, in any order, and give the same file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.stage import Batch
from stages.quality.kl_outlier import BLOCK_BITS, Params, kl_outlier
from stages.quality.word_bags import token_kind
from stages.quality.word_reference import ROWS, combined, load, save

BATCH_ROWS = 8_192


def rows_of_file(path: str, params: Params) -> Iterator[pa.Table]:
    """Rows of a reference, or of the documents of a Parquet file.

    Raises: ValueError if a reference has other tokens or bits, or a file is neither.
    """
    if path.endswith(".arrow"):
        rows, bits, tokens = load(Path(path))
        if (bits, tokens) != (params.bits, token_kind(params.tokenizer)):
            raise ValueError(f"{path} counts {tokens} in 2**{bits} buckets; the others {token_kind(params.tokenizer)} in 2**{params.bits}")
        yield rows
        return
    try:
        columns = list(kl_outlier.reads(params))
        for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS, columns=columns):
            batch = batch.select(columns)  # refuses a file that lacks one
            yield pa.table(dict(kl_outlier.emit(Batch(pa.Table.from_batches([batch])), params).columns))
    except (pa.ArrowException, KeyError, OSError) as e:
        raise ValueError(f"{path} is neither Parquet with the columns nor a reference: {e}") from e


def count(paths: Iterable[str], params: Params) -> pa.Table:
    """Rows of all files together."""
    held: pa.Table | None = None
    for path in paths:
        for rows in rows_of_file(path, params):
            held = combined(rows if held is None else pa.concat_tables([held, rows.select(held.column_names)]), params.how)
    if held is None:
        raise ValueError("no documents")
    return held


def main() -> int:
    """Write a reference; see the head of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m classifiers.word_reference",
        description="Count words for kl_outlier. Example: python -m classifiers.word_reference crawl.arrow run/outputs/web/*.parquet",
    )
    parser.add_argument("out", type=Path, help="reference to write, .arrow")
    parser.add_argument("files", nargs="+", help="Parquet files, references")
    parser.add_argument("--by", default=Params().by, help="column of the language ('' = all are of one)")
    parser.add_argument("--bits", type=int, choices=range(BLOCK_BITS, 25), default=Params().bits)
    parser.add_argument("--tokenizer", help="a tokenizer.json file, in place of words")
    options = parser.parse_args()
    try:
        params = Params(by=options.by or None, bits=options.bits, tokenizer=options.tokenizer)
        kl_outlier.check(params, ROWS)
        rows = count(options.files, params)
        save(options.out, rows, params.how)
    except (OSError, ValueError) as e:
        sys.stderr.write(f"{e}\n")
        return 2
    sys.stderr.write(f"{len(set(rows['lang'].to_pylist()))} languages\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
