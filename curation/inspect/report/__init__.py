"""`curate report`: what a run did, as one page that needs nothing but itself."""

from __future__ import annotations

from pathlib import Path

from curation.errors import RecipeError
from curation.inspect.opened import OpenRun
from curation.inspect.report.gather import facts
from curation.inspect.report.page import page
from curation.storage import replace


def write(run: OpenRun, out: Path) -> int:
    """Write the page of a run, or of one that is not done its accounts so far; returns its bytes.

    Raises: RecipeError if the page cannot be put there.
    """
    if out.is_dir() or not out.parent.is_dir():
        raise RecipeError(f"-o {out}: {'it is a folder, name a file' if out.is_dir() else f'there is no folder {out.parent}'}")
    content = page(facts(run)).encode()
    replace(out, content)
    return len(content)
