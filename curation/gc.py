"""`curate gc`: remove what no record of the last finished run names.

Losing attempts, folders of older configurations, records of inputs that are gone. What stands in
outputs/, dropped/, failed/ and shadows/ are links of their own and stay.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.errors import RecipeError
from curation.ledger import Ledger
from curation.run import read_manifest
from curation.storage import read_sealed, remove


def collect(out: Path, dry_run: bool) -> dict[str, Any]:
    """Remove the files of a run that nothing needs any more.

    Returns: {"files", "bytes", "removed": [paths relative to the run]}.
    Raises: RecipeError if the last run has not finished: its files may still be needed.
    """
    manifest = read_manifest(out)
    if manifest.get("status") != "done":
        raise RecipeError(f"the last run in {out} has not finished; finish it before removing what it may still use")
    work = out / "work"
    current = set(manifest["folders"])
    doomed: list[Path] = []
    for folder in sorted(p for p in work.iterdir() if p.is_dir()):
        doomed += [f for f in sorted(folder.rglob("*")) if f.is_file()] if folder.name not in current else _losers(folder)
    removed, size = [], 0
    for path in doomed:
        size += path.stat().st_size
        removed.append(str(path.relative_to(out)))
    if not dry_run:
        remove(doomed)
        for folder in sorted((p for p in work.rglob("*") if p.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
    return {"files": len(removed), "bytes": size, "removed": removed}


def _losers(folder: Path) -> list[Path]:
    """Files of attempts that no record names, in a folder the run uses."""
    ledger = Ledger(folder)
    wanted = set(read_sealed(folder / "current.json")) if (folder / "current.json").exists() else set(ledger.heads())
    names: set[str] = set()
    for key in wanted:
        head = ledger.get(key)
        if head is not None:
            names |= _named(head)
    result = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.parent == folder or path.parent.name in ("records", "segments"):
            continue
        if path.name not in names:
            result.append(path)
    for name in (folder / "records").glob(".*"):
        result.append(name)
    return result


def _named(value: Any) -> set[str]:
    """Every file name in a record."""
    if isinstance(value, dict):
        here = {v for k, v in value.items() if k in ("file", "index") and isinstance(v, str)}
        return here.union(*(_named(v) for v in value.values())) if value else here
    if isinstance(value, list):
        return set().union(*(_named(v) for v in value)) if value else set()
    return set()
