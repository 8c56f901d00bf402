"""The application: what commands share, and how a run is driven from the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="curate", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Turn a web crawl into pretraining data.\n\nExample: curate run pipeline.yaml",
)  # fmt: skip

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Out = Annotated[str | None, typer.Option("--out", metavar="DIR", help="Folder of the run, or its URL; default runs/<recipe name>.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="STEP.PARAM=VALUE", help="Override one parameter (YAML value).")]
Sample = Annotated[float, typer.Option("--sample", metavar="SHARE", min=0.0, max=1.0, help="Share of the input, by hash of its shards.")]
Until = Annotated[str | None, typer.Option("--until", metavar="STEP", help="Stop after this step and write its rows.")]
Annotate = Annotated[bool, typer.Option("--annotate", help="Let every dropped document run on through the row stages, for metrics.")]

Jobs = Annotated[int | None, typer.Option("-j", "--jobs", metavar="N", min=1, help="Worker processes on a machine; default one a core.")]
Patience = Annotated[
    float, typer.Option("--patience", metavar="SECONDS", min=0.1, help="Silence after which another machine is taken for dead.")
]
Address = Annotated[
    str | None, typer.Option("--address", metavar="HOST:PORT", help="ray: the cluster; default $RAY_ADDRESS, else one for this run.")
]
Elements = Annotated[int, typer.Option("--elements", metavar="N", min=1, help="slurm: array elements, each a `curate worker`.")]
MaxArray = Annotated[
    int, typer.Option("--max-array", metavar="N", min=1, help="slurm: elements of one array; the site's MaxArraySize less 1.")
]
Sbatch = Annotated[str, typer.Option("--sbatch", metavar="OPTIONS", help="slurm: further options of sbatch, as typed in a shell.")]
EXECUTORS = "inline (a debugger works), processes, workers (`curate worker`), slurm or ray."
Inputs = Annotated[list[str], typer.Argument(metavar="RUN|FILE...", help="A run, a folder of its outputs, or Parquet and JSONL files.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Another seed, another draw.")]
RunFolder = Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run, or its URL.")]


def say(text: str) -> None:
    """Talk to the user, on stderr; a name of a file, or what a page says, steers no terminal."""
    typer.echo("".join(c if c.isprintable() or c in "\n\t" else "?" for c in text), err=True)


def data(value: Any, as_json: bool, text: str = "") -> None:
    """Give data, on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=None if not sys.stdout.isatty() else 2) if as_json else text)


def overrides(sets: list[str] | None, option: str = "--set", form: str = "step.param=value") -> dict[str, Any]:
    from curation.errors import RecipeError
    from curation.yaml_file import parse_value

    result = {}
    for item in sets or []:
        key, equals, value = item.partition("=")
        if not equals:
            raise RecipeError(f"{option} {item}: write {form}")
        result[key.strip()] = parse_value(value, option)
    return result


def drive(plan: Any, folder: Any, executor: str, options: Any, quiet: bool, walk: Callable[[Any], Any]) -> Any:
    """Run a plan in a folder: what `walk` makes of its Run, while an executor works for it."""
    from curation import executors
    from curation.errors import RecipeError, did_you_mean
    from curation.inspect.show import Display
    from curation.plan import plan_file, snapshot
    from curation.run import Run
    from curation.storage import run_lock, write_sealed
    from curation.warm_up import warm_up

    if executor not in executors.NAMES:
        raise RecipeError(f"-x {executor}: there is {', '.join(executors.NAMES)}{did_you_mean(executor, executors.NAMES)}")
    if executor != "inline":  # inline, tasks run here, and what they leave behind must go
        collect_seldom()
    plan.check_files()
    say_notes(plan)
    with run_lock(folder):
        warm_up(plan, say)
        saved = snapshot(plan)
        file = folder / plan_file(saved)
        write_sealed(file, saved)
        worker = executors.start(executor, plan, folder, file, options)
        try:
            with Display(plan, quiet=quiet) as display:
                return walk(Run(plan, folder, worker, display.notify))
        finally:
            worker.close()


def say_notes(plan: Any) -> None:
    for step in plan.steps.values():
        for note in step.notes:
            say(f"{step.name}: {note}")


def collect_seldom() -> None:
    """A driver of 10^5 tasks holds millions of live objects and few cycles: look for cycles seldom."""
    import gc

    gc.freeze()
    gc.set_threshold(1_000_000, 50, 100)
