"""Commands that look into a run: stats, diff, explain, sample, what-if, card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli.app import Debug, Json, RunFolder, Seed, app, data, overrides, say


@app.command(epilog="Example: curate stats runs/pipeline --step quality --by lang")
def stats(
    run_folder: RunFolder,
    step: Annotated[str | None, typer.Option("--step", metavar="STEP", help="One step, with quantiles of its metrics.")] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="WHAT", help="What became of each reason, language, domain, source, crawl, date, license.")
    ] = None,
    against: Annotated[str | None, typer.Option("--against", metavar="RUN", help="Another run: which shares moved most since.")] = None,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """What each step kept and dropped: documents, bytes, tokens, by reason and by what they are; and what it took."""
    from curation.inspect.stats import gather, page
    from curation.inspect.summary import read_summary
    from curation.storage import location

    folder = location(run_folder)
    report = gather(read_summary(folder), folder, step, by, None if against is None else read_summary(location(against)))
    data(report, as_json, "" if as_json else page(report))


@app.command(epilog="Example: curate diff runs/pipeline runs/stricter")
def diff(
    before: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run, or its URL.")],
    after: Annotated[str, typer.Argument(metavar="RUN", help="Another run.")],
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """What two runs were told and judged differently: configuration, funnel, documents by what became of them, with samples."""
    from curation.inspect.diff import diff as compare
    from curation.inspect.diff import page
    from curation.storage import location

    report = compare(location(before), location(after))
    data(report, as_json, "" if as_json else page(report))


@app.command(epilog="Example: curate explain runs/pipeline https://shop.example/terms --reread")
def explain(
    run_folder: RunFolder,
    query: Annotated[str | None, typer.Argument(help="A URL or a document id.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on from survivor to survivor of duplicates, not one step alone.")] = False,
    reread: Annotated[
        bool, typer.Option("--reread", help="Run the row steps again on the source record: what each changed in the text, as a diff.")
    ] = False,
    plugins: Annotated[list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A plug-in that the run's recipe names.")] = None,
    index: Annotated[
        bool, typer.Option("--index", help="Build RUN/lookup first, in which each later call finds a document by a few reads.")
    ] = False,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Why a document is kept, dropped or gone: its way by branch, metrics beside bounds, whose duplicate it is, where it stands.

    Without a lookup every call reads the columns id and url of all rows of the run, a core's 0.3 s a million rows, and again for survivors
    (`--follow`: for each). A lookup takes 2 s a million rows to build and 23 bytes a row (33 more while it is sorted); once the run has
    changed it is not used.
    --reread reads the input file up to the record. It refuses where the recipe, a list, a model or the file is not what it was; it shows
    marks in place of personal data that the run replaces, and no text that a safety step dropped.
    """
    from curation import registry
    from curation.errors import RecipeError
    from curation.inspect import lookup
    from curation.inspect.explain import explain as find
    from curation.inspect.explain import page
    from curation.inspect.opened import open_run

    if query is None and not index:
        raise RecipeError("name a URL or an id, or --index")
    for plugin in plugins or ():
        registry.plug_in(plugin)
    run = open_run(run_folder)
    if index:
        made = lookup.build(run)
        say(f"{run.folder}/lookup: {made['entries']:,} entries for {made['rows']:,} rows, {made['bytes'] / 1e6:,.1f} MB")
        if query is None:
            data(made, as_json)
            return
    look = None
    if reread:
        from curation.inspect.reread import Rereader

        look = Rereader(run)
    report = find(run, str(query), follow, look)
    data(report, as_json, "" if as_json else page(report))
    if not report["documents"]:
        raise typer.Exit(1)


@app.command(epilog="Example: curate sample runs/pipeline --step quality --reason too_short -n 5")
def sample(
    run_folder: RunFolder,
    step: Annotated[str | None, typer.Option("--step", metavar="STEP", help="Dropped at this step, or at that of this stage.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="REASON", help="Dropped for this reason.")] = None,
    output: Annotated[str | None, typer.Option("--output", metavar="NAME", help="Kept, in this output.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Failed, instead of dropped.")] = False,
    n: Annotated[int, typer.Option("-n", metavar="N", min=1, help="Documents.")] = 20,
    seed: Seed = 0,
    chars: Annotated[int, typer.Option("--chars", metavar="N", min=0, help="Characters of each text.")] = 500,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Show some of the documents that were dropped, or that stand in an output: the same ones always, those with a stored text first."""
    from curation.inspect import sample as samples
    from curation.inspect.opened import open_run

    run = open_run(run_folder)
    report = samples.sample(run, "failed" if failed else "dropped", step, reason, output, n, seed)
    data(report, as_json, "" if as_json else samples.page(report, run, chars))


@app.command("what-if", epilog="Example: curate what-if runs/pipeline gopher_quality.min_words=30")
def what_if(
    run_folder: RunFolder,
    changes: Annotated[list[str], typer.Argument(metavar="STEP.PARAM=VALUE...", help="Changes, as `--set` has them; a step or its stage.")],
    examples: Annotated[int, typer.Option("-n", "--examples", metavar="N", min=0, help="Documents shown of each kind.")] = 5,
    plugins: Annotated[list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A stage of your own that is asked about.")] = None,
    seed: Seed = 0, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """What other bounds would have kept and dropped, without a run: documents won and lost."""
    from curation import registry
    from curation.inspect.opened import open_run
    from curation.inspect.what_if import page
    from curation.inspect.what_if import what_if as ask

    for plugin in plugins or ():
        registry.plug_in(plugin)
    report = ask(open_run(run_folder), overrides(changes, "what-if", "STEP.PARAM=VALUE"), examples, seed)
    data(report, as_json, "" if as_json else page(report))


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
