"""The engine of `curate`: it runs stages over shards and knows nothing of any particular filter."""

import os
from pathlib import Path

from curation import kernels

if "NUMBA_CACHE_DIR" not in os.environ:  # before numba is imported
    os.environ["NUMBA_CACHE_DIR"] = str(kernels.folder(Path(os.environ.get("CURATE_CACHE") or Path.home() / ".cache" / "curate")))
