"""The command line. Data goes to stdout, talk to stderr; `--json` everywhere.

Exit codes: 0 done; 2 the recipe or an argument is wrong; 3 a task failed; 4 accounts do not balance;
5 too many documents failed; 6 another run holds the folder; 130 interrupted.
"""

from __future__ import annotations

import os
import sys

import typer

from curation.cli import classifying, looking, mixing, running
from curation.cli.app import app, say

__all__ = ["app", "classifying", "looking", "main", "mixing", "running"]


def main() -> None:
    """Entry point: turns the project's errors into one message and an exit code."""
    debug = "--debug" in sys.argv
    try:
        status = app(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except typer.Exit as e:
        sys.exit(e.exit_code)
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as e:  # noqa: BLE001 - the one place that decides what a user sees of an error
        sys.exit(_report(e, debug))


def _report(error: Exception, debug: bool) -> int:
    from curation.errors import STORAGE_ERRORS, CurateError, TaskError, storage_message

    if debug:
        raise error
    if isinstance(error, CurateError):
        say(f"error: {error}")
        for note in getattr(error, "__notes__", []):
            say(note)
        return error.exit_code
    if isinstance(error, OSError) and error.errno in STORAGE_ERRORS:
        say(f"error: {storage_message(error)}")
        return TaskError.exit_code
    show = getattr(error, "show", None)  # click's usage errors
    if show is not None:
        show()
        return int(getattr(error, "exit_code", 2))
    say(f"error: {type(error).__name__}: {error}\n  this is a defect of curate; --debug shows where")
    return 1
