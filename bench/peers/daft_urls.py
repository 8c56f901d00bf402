"""One document a URL (as written, any one of them) with daft: `daft_urls.py IN OUT`."""

import sys

import daft

if __name__ == "__main__":
    source, out = sys.argv[1:3]
    daft.read_parquet(f"{source}/part-*.parquet").distinct("url").write_parquet(f"{out}/written", compression="zstd")
