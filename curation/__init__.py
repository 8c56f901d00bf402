"""The engine of `curate`: it runs stages over shards and knows nothing of any particular filter."""

import os
from pathlib import Path
from typing import Any

from curation import kernels

# Before pyarrow is imported: what one batch frees the next one wants, and giving it back in between costs a tenth of all time.
os.environ.setdefault("MIMALLOC_PURGE_DELAY", "-1")
if "NUMBA_CACHE_DIR" not in os.environ:  # before numba is imported
    os.environ["NUMBA_CACHE_DIR"] = str(kernels.folder(Path(os.environ.get("CURATE_CACHE") or Path.home() / ".cache" / "curate")))


def __getattr__(name: str) -> Any:
    """`curation.open_run`: imported when it is asked for, since it brings pyarrow."""
    if name == "open_run":
        from curation.inspect.opened import open_run

        return open_run
    raise AttributeError(f"module 'curation' has no attribute {name!r}")
