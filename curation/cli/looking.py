"""Commands that look into a run: stats, explain, card, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli.app import Debug, Json, RunFolder, app, data


@app.command(epilog="Example: curate stats runs/pipeline --json")
def stats(
    run_folder: RunFolder,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Documents in, kept and dropped by reason, per step."""
    from curation.inspect.show import Display, require_run, summary
    from curation.storage import location

    folder = location(run_folder)
    manifest = require_run(folder)
    data(summary(manifest, folder), as_json, Display.table(manifest, folder))


@app.command(epilog="Example: curate explain runs/pipeline https://shop.example/terms")
def explain(
    run_folder: RunFolder,
    query: Annotated[str, typer.Argument(help="A URL or a document id.")],
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Why a document is kept, dropped or gone, step by step."""
    from curation.inspect.explain import explain as find
    from curation.inspect.explain import page
    from curation.storage import location

    report = find(location(run_folder), query)
    data(report, as_json, "" if as_json else page(report))
    if not report["documents"]:
        raise typer.Exit(1)


@app.command(epilog="Example: curate card runs/llama3-web --output mix > CARD.md")
def card(
    run_folder: RunFolder,
    output: Annotated[str | None, typer.Option("--output", metavar="NAME", help="Which output, if several have a card.")] = None,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Show the data card of a run's mix: what is in it, from where, what was done to it, what it lacks; Markdown on stdout."""
    from curation.inspect.show import read_card
    from curation.storage import location

    typer.echo(read_card(location(run_folder), output, "json" if as_json else "md"), nl=False)


@app.command(epilog="Example: curate report runs/llama3-web -o report.html")
def report(
    run_folder: RunFolder,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The page, HTML; it is replaced.")] = Path("report.html"),
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Write what a run did as one page: flows, metrics with thresholds, overlap of filters, languages, duplicates, mix, time, samples."""
    from curation.inspect.opened import open_run
    from curation.inspect.report import write

    size = write(open_run(run_folder), out)
    data({"report": str(out), "bytes": size}, as_json, f"{out}: {size:,} bytes")
