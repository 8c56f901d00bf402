"""Commands that run pipelines and stages: run, worker, plan, stage, stages, gc."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.cli.app import (
    EXECUTORS,
    Address,
    Annotate,
    Debug,
    Elements,
    Jobs,
    Json,
    MaxArray,
    Out,
    Patience,
    RunFolder,
    Sample,
    Sbatch,
    Sets,
    Until,
    app,
    collect_seldom,
    data,
    drive,
    overrides,
    say,
    say_notes,
)  # fmt: skip


def planned(recipe: Path, sets: list[str] | None, **options: Any) -> Any:
    from curation.plan import Plan
    from curation.recipe import load

    plan = Plan(load(recipe, overrides(sets)), **options)
    return plan


@app.command(epilog="Example: curate run pipeline.yaml -j 8 --set gopher_quality.min_words=30")
def run(
    recipe: Annotated[Path, typer.Argument(help="The pipeline's YAML file.")],
    executor: Annotated[str, typer.Option("-x", "--executor", metavar="HOW", help=EXECUTORS)] = "processes",
    jobs: Jobs = None,
    out: Out = None, sample: Sample = 1.0, until: Until = None, sets: Sets = None, annotate: Annotate = False,
    address: Address = None, elements: Elements = 1, max_array: MaxArray = 1_000, sbatch: Sbatch = "", patience: Patience = 120.0,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Run a recipe; run it again after any stop and it goes on where it was."""
    import shlex

    from curation.executors import Options
    from curation.inspect.show import require_run, summary
    from curation.inspect.stats import gather, page
    from curation.inspect.summary import read_summary
    from curation.storage import location

    plan = planned(recipe, sets, sample=sample, annotate=annotate, until=until)
    folder = location(out or f"runs/{plan.recipe.name}")
    options = Options(jobs, address, elements, max_array, shlex.split(sbatch), patience, say)
    drive(plan, folder, executor, options, as_json, lambda run: run.walk())
    data(summary(require_run(folder), folder), as_json, "" if as_json else page(gather(read_summary(folder), folder)))


@app.command(epilog="Example: curate worker /shared/runs/web --rank 3 --of 16")
def worker(
    run_folder: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run, on storage that all its machines share.")],
    rank: Annotated[int, typer.Option("--rank", metavar="I", min=0, help="Which of the workers this is, from 0.")] = 0,
    of: Annotated[int, typer.Option("--of", metavar="N", min=1, help="How many workers there are.")] = 1,
    jobs: Jobs = None, patience: Patience = 120.0,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Do a share of the tasks of a run that `curate run -x workers` drives elsewhere, until it ends.

    A worker takes a task by making a file, so that rank and number only say where it begins: it helps
    others when its own share is done, and what a dead one leaves is listed again.
    """
    import signal

    from curation.errors import RecipeError
    from curation.executors import cores
    from curation.executors.serve import Server

    if rank >= of:
        raise RecipeError(f"--rank {rank} --of {of}: ranks are 0 to {of - 1}")
    if "://" in run_folder:
        raise RecipeError(f"{run_folder}: workers need a folder that all machines share, as an object store is not one; use -x ray")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a scheduler's way to say that time is up
    done = Server(Path(run_folder), rank, of, jobs or cores(), patience, say).serve()
    data({"tasks": done}, as_json, f"the run has ended; {done} tasks done here")


@app.command(epilog="Example: curate plan pipeline.yaml --json")
def plan(
    recipe: Annotated[Path, typer.Argument(help="The pipeline's YAML file.")],
    out: Out = None, sample: Sample = 1.0, until: Until = None, sets: Sets = None, annotate: Annotate = False,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Say what a run would do, what it would reuse, and why not; computes nothing."""
    from curation.inspect.preview import preview, table
    from curation.storage import location

    collect_seldom()
    made = planned(recipe, sets, sample=sample, annotate=annotate, until=until)
    made.check_files()
    say_notes(made)
    report = preview(made, location(out or f"runs/{made.recipe.name}"))
    data(report, as_json, "" if as_json else table(report))


@app.command(epilog="Example: curate stages gopher_quality")
def stages(
    name: Annotated[str | None, typer.Argument(help="One stage, for its full documentation.")] = None,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """List the stages, or describe one: columns, drop reasons, parameters with defaults and sources."""
    from curation.errors import RecipeError
    from curation.inspect.describe import stage_list, stage_page

    if name is None:
        rows = stage_list()
        width = max(len(r["name"]) for r in rows)
        data(rows, as_json, "\n".join(f"{r['name']:<{width}}  {r['kind']:<8} {r['summary']}" for r in rows))
        return
    try:
        page = stage_page(name)
    except KeyError as e:
        raise RecipeError(str(e.args[0]), hint="curate stages lists them") from e
    data(page, as_json, page["text"])


@app.command(epilog="Example: curate stage gopher_quality --in docs.jsonl --out kept.jsonl --set min_words=30")
def stage(
    name: Annotated[str, typer.Argument(help="Any row or global stage.")],
    inputs: Annotated[list[str], typer.Option("--in", metavar="FILE", help="WARC, HTML, JSONL(.gz/.zst), Parquet; - is JSONL on stdin.")],
    out: Annotated[str, typer.Option("--out", metavar="FILE", help=".jsonl, .jsonl.gz or .parquet; - for JSONL on stdout.")],
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="PARAM=VALUE", help="A parameter of the stage (YAML value).")] = None,
    more: Annotated[list[str] | None, typer.Argument(help="Further input files.", hidden=True)] = None,
    keep_dropped: Annotated[bool, typer.Option("--keep-dropped", help="Leave dropped rows in, with drop_reason.")] = False,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Run one stage alone on some files."""
    from curation.alone import run_alone
    from curation.warm_up import warm_up

    def prepare(plan: Any) -> None:
        say_notes(plan)
        warm_up(plan, say)

    report = run_alone(name, [*inputs, *(more or [])], out, overrides(sets), keep_dropped, prepare)
    text = ", ".join(f"{k} {v}" for k, v in report["dropped"].items())
    line = f"{name}: {report['documents_in']} in, {report['kept']} kept" + (f", dropped: {text}" if text else "") + (
        f", {report['failed']} failed ({'; '.join(report['why_failed'])})" if report["failed"] else ""
    )  # fmt: skip
    if as_json and out != "-":
        data(report, True)
    else:
        say(line)


@app.command(epilog="Example: curate gc runs/pipeline --dry-run")
def gc(
    run_folder: RunFolder,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Remove what no record of the last finished run names: losing attempts, older configurations."""
    from curation.gc import collect
    from curation.inspect.show import require_run
    from curation.storage import location, run_lock

    folder = location(run_folder)
    require_run(folder)
    with run_lock(folder):
        report = collect(folder, dry_run)
    word = "would free" if dry_run else "freed"
    data(report, as_json, f"{word} {report['bytes'] / 1e6:,.1f} MB in {report['files']} files")
