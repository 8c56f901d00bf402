"""Commands that look into a run: stats, explain, card, ablate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli.app import Debug, Jobs, Json, RunFolder, Seed, app, data, drive, overrides, say


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
    commands.named(target or [])
    if without is not None:
        from curation.executors import Options

        plan, folder, b = others.plan_without(a, without)
        others.begin_with(others.run_of(a)[0], folder)
        drive(plan, folder, "processes", Options(jobs, say=say), as_json, lambda run: run.walk())
    if trainer == "torch":
        by_torch = import_module("classifiers.ablate.transformer").ablate
        report, text = by_torch((a, b), target or [], settings, tokenizer, out, overrides(sets, form="key=value"), device, say)
    else:
        report, text = commands.ablate((a, b), target or [], settings, tokenizer, out, say)
    data(report, as_json, text)
