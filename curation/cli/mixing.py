"""Commands about benchmarks and mixes: contamination, mix search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from curation.cli.app import (
    EXECUTORS,
    Address,
    Debug,
    Elements,
    Inputs,
    Jobs,
    Json,
    MaxArray,
    Patience,
    Sbatch,
    app,
    data,
    drive,
    overrides,
    say,
)  # fmt: skip

mix = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Mixes of training data.")
mix_search = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Find the mix for a large model by small ones.")
app.add_typer(mix, name="mix")
mix.add_typer(mix_search, name="search")


@app.command(epilog="Example: curate contamination runs/llama3-web/outputs/web --benchmarks gsm8k=gsm8k_test.jsonl")
def contamination(
    inputs: Inputs,
    benchmarks: Annotated[list[str], typer.Option("--benchmarks", metavar="[NAME=]FILE", help="A benchmark; give it once for each.")],
    fields: Annotated[
        list[str] | None, typer.Option("--fields", metavar="NAME=YAML", help="Its {question: [FIELD, ...], choices: [...], answer: [...]}.")
    ] = None,
    scores: Annotated[
        str | None, typer.Option("--scores", metavar="CSV", help="Scores of models: benchmark, item, score and, if several, model.")
    ] = None,
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Folder of what was counted; it is used again.")] = "runs/contamination",
    executor: Annotated[str, typer.Option("-x", "--executor", metavar="HOW", help=EXECUTORS)] = "processes",
    jobs: Jobs = None,
    address: Address = None, elements: Elements = 1, max_array: MaxArray = 1_000, sbatch: Sbatch = "", patience: Patience = 120.0,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Report how much of benchmark items a corpus has: shares of items by the share of their words in 8-grams seen; Markdown on stdout."""
    import shlex

    from curation import registry
    from curation.executors import Options
    from curation.storage import location
    from curation.survey import planned

    stage: Any = registry.lookup("contamination")
    read_scores, report, markdown = (registry.beside(stage, name) for name in ("read_scores", "report", "markdown"))
    of_fields = overrides(fields, "--fields", "NAME={question: [FIELD, ...]}")
    made = planned("contamination", inputs, {"benchmarks": _named_files(benchmarks), "fields": of_fields})
    params = made.steps["contamination"].params
    scored = None if scores is None else read_scores(scores, params)
    folder = location(out)
    options = Options(jobs, address, elements, max_array, shlex.split(sbatch), patience, say)
    state, documents = drive(made, folder, executor, options, as_json, lambda run: run.state("contamination"))
    found = report(state, documents, params, scored, folder)
    data(found, as_json, markdown(found))


def _named_files(given: list[str]) -> dict[str, str]:
    """Files of `--benchmarks [NAME=]FILE` by name; that of a file alone is its own up to the first dot."""
    from curation.errors import RecipeError

    named: dict[str, str] = {}
    for item in given:
        name, equals, file = item.partition("=")
        if not equals or "/" in name:
            name, file = Path(item).name.partition(".")[0], item
        if not name or not file:
            raise RecipeError(f"--benchmarks {item}: write NAME=FILE")
        if name in named:
            raise RecipeError(f"--benchmarks {item}: {named[name]} is called {name!r}, too: write NAME=FILE")
        named[name] = file
    return named


SearchFile = Annotated[Path, typer.Argument(metavar="SEARCH", help="YAML file of the search: recipe, target, runs, bounds.")]
SearchOut = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder of what is written; a file that is there with other content is an error.")
]


@mix_search.command(epilog="Example: curate mix search propose search.yaml --out small")
def propose(search: SearchFile, out: SearchOut, as_json: Json = False, debug: Debug = False) -> None:
    """Draw candidate mixes and write the specs of the small runs: `runs.csv`, and a recipe for each mix."""
    from importlib import import_module

    report, text = import_module("mixes.search.commands").propose(search, out)
    data(report, as_json, text)


@mix_search.command(epilog="Example: curate mix search fit search.yaml losses.csv --out found")
def fit(
    search: SearchFile,
    losses: Annotated[Path, typer.Argument(metavar="LOSSES", help="CSV: runs.csv with a column loss:SET for each validation set.")],
    out: SearchOut,
    fitter: Annotated[
        list[str] | None, typer.Option("--fitter", metavar="NAME", help="law, pairs, linear or trees; default the first three, compared.")
    ] = None,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Fit the losses of the small runs and propose the mix of the large one, or the default where it may be as good."""
    from importlib import import_module

    report, text = import_module("mixes.search.commands").fit(search, losses, out, fitter or [])
    data(report, as_json, text)
