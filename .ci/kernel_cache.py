"""An installed package and its checkout share their compiled kernels, which take CI minutes.

numba names the folder of a file's kernels after where the file lies; this names it after its package. A kernel of other sources is not
found: numba compares the file's content, and `curation/kernels.py` has a folder for each state of all of them.
"""

from pathlib import Path
from typing import Any

from numba.core.caching import UserProvidedCacheLocator


class Locator(UserProvidedCacheLocator):  # type: ignore[misc]
    """For NUMBA_CACHE_LOCATOR_CLASSES."""

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> Any:
        folder, names = Path(py_file).resolve().parent, []
        while (folder / "__init__.py").exists():
            names.append(folder.name)
            folder = folder.parent
        return ".".join(reversed(names)) or super().get_suitable_cache_subpath(py_file)
