"""The engine of `curate`: it runs stages over shards and knows nothing of any particular filter."""

import os

os.environ.setdefault("NUMBA_CACHE_DIR", os.path.join(os.environ.get("CURATE_CACHE") or os.path.expanduser("~/.cache/curate"), "numba"))
