"""Commands that look into a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli.app import Debug, Jobs, Json, RunFolder, Seed, app, data, drive, overrides, say


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


@app.command(epilog="Example: curate ablate runs/new runs/old --target wiki=wiki.jsonl --target books=books.parquet --tokens 20M")
def ablate(
    a: Annotated[str, typer.Argument(metavar="A", help="A run, RUN/outputs/NAME, a folder of Parquet files, or Parquet and JSONL files.")],
    b: Annotated[str | None, typer.Argument(metavar="B", help="Another one; or none, and --without.")] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="NAME=FILE", help="Held-out texts: Parquet, JSONL; .txt, blank lines between.")
    ] = None,
    without: Annotated[
        str | None, typer.Option("--without", metavar="STEP", help="B is A without this step: its recipe is run so, beside it.")
    ] = None,
    tokens: Annotated[str, typer.Option("--tokens", metavar="N", help="Tokens of a sample: 500k, 20M.")] = "20M",
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="Samples of a side, of different documents.")] = 3,
    order: Annotated[int, typer.Option("--order", metavar="N", min=2, max=8, help="Words of the longest n-grams.")] = 5,
    tokenizer: Annotated[
        str | None, typer.Option("--tokenizer", metavar="FILE", help="Default: that of the runs' count_tokens, or the project's small one.")
    ] = None,
    trainer: Annotated[
        str, typer.Option("--trainer", metavar="HOW", help="ngram; or torch: transformers, where a GPU is, else by a script in --out.")
    ] = "ngram",
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="torch: hidden, layers, heads, context, batch, rate, steps ...")
    ] = None,
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="torch: auto, cuda or cpu.")] = "auto",
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for report.md and report.json.")] = None,
    seed: Seed = 0, jobs: Jobs = None, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Say whether the data got better: models of equal samples of A and B, bits per byte on held-out texts; Markdown on stdout.

    An n-gram model is a proxy that favours what looks like the targets: docs/ablate.md says what it can see.
    """
    from importlib import import_module

    from curation.errors import RecipeError

    commands, others = import_module("classifiers.ablate.commands"), import_module("classifiers.ablate.without")
    if trainer not in ("ngram", "torch"):
        raise RecipeError(f"--trainer {trainer}: ngram or torch")
    if device not in ("auto", "cuda", "cpu"):
        raise RecipeError(f"--device {device}: auto, cuda or cpu")
    if trainer == "torch" and out is None:
        raise RecipeError("--trainer torch needs --out DIR, the folder it writes samples, spec and script into")
    if trainer == "ngram" and sets:
        raise RecipeError("--set is of --trainer torch")
    settings = commands.Settings(commands.amount(tokens), seeds, order, seed)
    if (b is None) == (without is None):
        raise RecipeError("two sides are wanted: A and B, or a run and --without STEP")
    by_torch, given = import_module("classifiers.ablate.transformer"), target or []
    if without is not None:
        from curation.executors import Options

        plan, folder, b = others.plan_without(a, without)
        if trainer == "torch":
            by_torch.check(a, given, settings, tokenizer, overrides(sets, form="key=value"))
        else:
            commands.check(a, given, settings, tokenizer, commands.blocks_of(settings))
        others.begin_with(others.run_of(a)[0], folder)
        drive(plan, folder, "processes", Options(jobs, say=say), as_json, lambda run: run.walk())
    if trainer == "torch":
        report, text = by_torch.ablate((a, b), given, settings, tokenizer, out, overrides(sets, form="key=value"), device, say)
    else:
        report, text = commands.ablate((a, b), given, settings, tokenizer, out, say)
    data(report, as_json, text)
