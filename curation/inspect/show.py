"""What the terminal shows while a run goes, and what it gives of a finished one: its accounts, its cards."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from curation.errors import RecipeError, did_you_mean
from curation.run import Progress, read_manifest
from curation.storage import entries


def require_run(folder: Path) -> dict[str, Any]:
    """Manifest of a run.

    Raises: RecipeError if the folder holds none.
    """
    manifest = read_manifest(folder)
    if not manifest:
        raise RecipeError(f"{folder} is not the folder of a run (it has no run.json)")
    return manifest


def safe(text: str) -> str:
    """Crawled text for the terminal, on one line: `?` in place of what could write to it (control characters, marks of direction)."""
    return "".join(c if c.isprintable() or c in JOINERS else " " if c.isspace() else "?" for c in text)


JOINERS = "\u200c\u200d"
"""Join or part letters of Arabic and Indic scripts."""


def plain(value: Any) -> Any:
    """A value of a column as JSON has it; floats to six places, what JSON lacks as text, NaN as null."""
    try:
        json.dumps(value)
    except TypeError:
        return str(value)
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def summary(manifest: dict[str, Any], out: Path) -> dict[str, Any]:
    """The public form of a run's accounts."""
    counts = ("documents_in", "created", "kept", "dropped", "merged", "failed", "bytes_in", "cpu_seconds")
    steps = []
    for s in manifest["steps"]:
        step = {k: s[k] for k in ("name", "use", *counts, "notes", "examples")}
        if s["kind"] == "split":
            step["branches"] = s["branches"]
        steps.append(step)
    return {"run": str(out), "status": manifest["status"], "steps": steps}


def read_card(folder: Path, output: str | None, suffix: str) -> str:
    """The card of an output as the run wrote it, `md` or `json`; of the only one there is if none is named.

    Raises: RecipeError if the run is unfinished, has no such card, or several.
    """
    manifest = require_run(folder)
    if manifest["status"] != "done":
        raise RecipeError(f"the run in {folder} is {manifest['status']}: finish it, its cards are written at the end")
    outputs = [s["name"].removeprefix("outputs.") for s in manifest["steps"] if s["kind"] == "shards"]
    found = {entry.name.removesuffix(f".{suffix}"): entry for entry in entries(folder / "cards") if entry.name.endswith(f".{suffix}")}
    if not found:
        made = f"none of its outputs ({', '.join(outputs)}) is made by a stage that writes one, as `mix` does"
        raise RecipeError(f"{folder} has no card: {made}")
    if output is None and len(found) > 1:
        raise RecipeError(f"{folder} has cards of {', '.join(found)}: name one with --output")
    name = output or next(iter(found))
    if name not in found:
        raise RecipeError(f"{folder} has no card of {name!r}{did_you_mean(name, found)}; it has cards of {', '.join(found)}")
    return found[name].read_bytes().decode()


class Display:
    """Progress of a run: bars on a terminal, a plain line per pass elsewhere."""

    def __init__(self, plan: Any, quiet: bool = False) -> None:
        self.plan, self.quiet = plan, quiet
        self._bars: Any = None
        self._bar: Any = None
        self._name = ""
        self._started = 0.0
        self._documents = self._bytes = 0
        self._total: Progress | None = None

    def __enter__(self) -> Display:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bars

            self._bars = Bars(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(), console=Console(stderr=True),
            )  # fmt: skip
            self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._close()
        if self._bars:
            self._bars.stop()

    def notify(self, event: str, value: Any) -> None:
        """Receive an event of `Run`."""
        if event == "pass":
            self._close()
            self._total, self._started, self._documents, self._bytes = value, time.monotonic(), 0, 0
            if self._bars:
                self._bar = self._bars.add_task(value.name, total=value.total, completed=value.done, rate="")
        elif event == "task" and self._total:
            steps = value.get("steps", {})
            first = next(iter(steps.values()), None)
            self._documents += first["documents_in"] if first else value.get("rows", 0)
            self._bytes += first["bytes_in"] if first else 0
            if self._bars:
                self._bars.update(self._bar, completed=self._total.done, rate=self._rate())

    def _rate(self) -> str:
        seconds = max(1e-3, time.monotonic() - self._started)
        return f"{self._documents / seconds:,.0f} documents/s {self._bytes / seconds / 1e6:,.1f} MB/s"

    def _close(self) -> None:
        if self._total is None or self.quiet:
            self._total = None
            return
        t = self._total
        if not self._bars:
            reused = f", {t.reused} reused" if t.reused else ""
            sys.stderr.write(f"{t.name}: {t.done}/{t.total} tasks{reused}, {time.monotonic() - self._started:.1f} s, {self._rate()}\n")
        self._total = None
