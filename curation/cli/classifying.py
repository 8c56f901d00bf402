"""Commands about classifiers: label, recall, train."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from curation.cli.app import Debug, Inputs, Json, Seed, app, data, overrides, say

label = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Label a sample of documents, by a chat model or by people.")
app.add_typer(label, name="label")
recall = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Find all pages of a corpus that are like a seed set, in rounds.")
app.add_typer(recall, name="recall")
train = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Train classifiers on label sets.")
app.add_typer(train, name="train")
Labels = Annotated[list[Path], typer.Argument(metavar="LABELS...", help="A label set: .jsonl, .parquet, .csv or .tsv files.")]
ModelOut = Annotated[Path, typer.Option("-o", "--out", metavar="MODEL", help="Folder of the model; it is made.")]
Keys = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one key of the preset (YAML value).")]
Preset = Annotated[str, typer.Option("--preset", metavar="NAME|FILE.yaml", help="What is not set: a preset, or such a file of your own.")]


@train.command(epilog="Example: curate train fasttext labels.jsonl -o models/quality --preset dclm --set positive=good")
def fasttext(
    labels: Labels, out: ModelOut, preset: Preset = "wiki_reference", sets: Keys = None, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Train a fastText classifier; presets are wiki_reference, dclm and deepseekmath."""
    _train("fasttext", labels, out, preset, sets, as_json)


@train.command(epilog="Example: curate train roberta labels.jsonl -o models/quality --preset tiny --set positive_from=3")
def roberta(
    labels: Labels, out: ModelOut, preset: Preset = "distilroberta", sets: Keys = None, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Fine-tune an encoder (DistilRoBERTa, or the folder or hub id set as `model`), or make a small one (preset tiny)."""
    _train("roberta", labels, out, preset, sets, as_json)


def _train(kind: str, labels: list[Path], out: Path, preset: str, sets: list[str] | None, as_json: bool) -> None:
    from importlib import import_module

    commands = import_module("classifiers.train.commands")
    report, text = commands.train(kind, labels, out, preset, overrides(sets, form="key=value"), say)
    data(report, as_json, text)


@label.command("sample", epilog="Example: curate label sample runs/web --by lang --by ranked:10 --documents 20000 --out sample.jsonl")
def label_sample(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The sample, .jsonl or .parquet.")],
    documents: Annotated[int, typer.Option("--documents", metavar="N", min=1, help="Documents of the sample.")] = 10_000,
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="COLUMN[:PARTS]", help="Strata: a column's values, or a score's quantiles.")
    ] = None,
    seed: Seed = 0, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Draw a stratified sample: each stratum gives the same number of documents, as far as it has them.

    For one seed it is the same documents, however they lie in files.
    """
    from importlib import import_module

    report, text = import_module("classifiers.label.commands").sample(inputs, out, documents, by or [], seed)
    data(report, as_json, text)


@label.command("ask", epilog="Example: curate label ask s.jsonl --criteria quality --endpoint http://gpu:8000/v1 --model M --out labels")
def label_ask(
    inputs: Inputs,
    criteria: Annotated[
        str, typer.Option("--criteria", metavar="NAME|FILE", help="Requirements, .md or .yaml; or quality, code, reasoning, topic, adult.")
    ],
    endpoint: Annotated[str, typer.Option("--endpoint", metavar="URL", help="Base of an OpenAI-compatible API.")],
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model, as the endpoint calls it.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of labels.jsonl and of what it is made from; used again.")],
    key_env: Annotated[
        str | None, typer.Option("--key-env", metavar="VAR", help="Environment variable of the API key, which is written nowhere.")
    ] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", metavar="N", min=16, help="Tokens of a text: its head and tail.")] = 2_000,
    max_answer_tokens: Annotated[int, typer.Option("--max-answer-tokens", metavar="N", min=1, help="Tokens of an answer.")] = 300,
    form: Annotated[
        str, typer.Option("--format", metavar="HOW", help="json_schema, json, or auto: the first if the server takes it.")
    ] = "auto",
    concurrency: Annotated[int, typer.Option("--concurrency", metavar="N", min=1, max=512, help="Requests at a time.")] = 8,
    requests: Annotated[float, typer.Option("--requests-per-minute", metavar="N", min=0, help="At most; 0 = no limit.")] = 0,
    tokens: Annotated[float, typer.Option("--tokens-per-minute", metavar="N", min=0, help="At most, in and out; 0 = no limit.")] = 0,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Until an answer must be whole.")] = 120.0,
    tries: Annotated[int, typer.Option("--tries", metavar="N", min=1, help="For one document, where the server is busy or fails.")] = 6,
    price_in: Annotated[float | None, typer.Option("--price-in", metavar="PRICE", min=0, help="Of a million tokens in.")] = None,
    price_out: Annotated[float | None, typer.Option("--price-out", metavar="PRICE", min=0, help="Of a million tokens out.")] = None,
    body: Annotated[
        list[str] | None, typer.Option("--body", metavar="KEY=VALUE", help="A key of each request (YAML value); null leaves it out.")
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="Answers, which other runs may share; default answers.jsonl in --out.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to go on once the cost is known.")] = False,
    seed: Seed = 0, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Ask a chat model to judge the documents of a sample by written requirements; first it says what that costs.

    Run it again after any stop and it goes on: no question is asked twice but those that were on their way.
    """
    from importlib import import_module

    from curation.errors import RecipeError

    if form not in ("auto", "json_schema", "json"):
        raise RecipeError(f"--format {form}: auto, json_schema or json")

    def agreed(cost: str) -> bool:
        say(cost)
        if not yes and not sys.stdin.isatty():
            raise RecipeError("nobody is there to agree: --yes says so beforehand, --dry-run only shows the cost")
        return yes or typer.confirm("go on?", err=True)

    commands, endpoints = import_module("classifiers.label.commands"), import_module("classifiers.label.endpoint")
    report, text = commands.label(
        inputs, out, criteria, endpoint,
        {"model": model, "seed": seed, "max_answer_tokens": max_answer_tokens, "more": overrides(body, "--body", "KEY=VALUE")},
        max_tokens=max_tokens, form=form, concurrency=concurrency, pace=endpoints.Pace(requests, tokens), timeout=timeout, tries=tries,
        key_env=key_env, prices=commands.prices_of(price_in, price_out), answers_file=answers, dry_run=dry_run, agreed=agreed, say=say,
    )  # fmt: skip
    data(report, as_json, text)


@label.command("import", epilog="Example: curate label import rated.csv --column label=rating --documents sample.jsonl --out labels.jsonl")
def label_import(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE...", help="JSONL, CSV, TSV or Parquet with a label a row.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The label set, .jsonl or .parquet.")],
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="KEY=NAME", help="What the files call a key of a label set.")
    ] = None,
    documents: Annotated[
        list[str] | None, typer.Option("--documents", metavar="FILE", help="The sample: rows without a text find it there by id.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who labelled, where rows do not say it.")] = None,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Make a label set of what people wrote into a table."""
    from importlib import import_module

    columns = {key: str(value) for key, value in overrides(column, "--column", "KEY=NAME").items()}
    report, text = import_module("classifiers.label.commands").from_people(inputs, out, columns, documents or [], by)
    data(report, as_json, text)


@label.command("agree", epilog="Example: curate label agree labels/labels.jsonl people.jsonl")
def label_agree(
    first: Annotated[str, typer.Argument(help="A label set.")],
    second: Annotated[str, typer.Argument(help="Another of the same documents: of other labellers, or asked with another seed.")],
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Say how far two label sets agree on the documents of both: Cohen's kappa, with its interval, and where they differ."""
    from importlib import import_module

    report, text = import_module("classifiers.label.commands").agree(first, second)
    data(report, as_json, text)


@recall.command("round", epilog="Example: curate recall round runs/web/outputs/web --seeds math.jsonl --out recall")
def recall_round(
    inputs: Inputs,
    seeds: Annotated[list[str], typer.Option("--seeds", metavar="RUN|FILE", help="The seed set: documents that are wanted.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the recall; each call does its next round.")],
    preset: Annotated[str, typer.Option("--preset", metavar="NAME", help="Preset of `curate train fasttext`.")] = "deepseekmath",
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one setting of the preset (YAML value).")
    ] = None,
    threshold: Annotated[float, typer.Option("--threshold", metavar="SCORE", min=0, max=1, help="Least score of a hit.")] = 0.5,
    domain_share: Annotated[
        float, typer.Option("--domain-share", metavar="SHARE", min=0, max=1, help="A domain with a larger share of hits is looked at.")
    ] = 0.1,
    domain_pages: Annotated[int, typer.Option("--domain-pages", metavar="N", min=1, help="Pages such a domain has at least.")] = 10,
    positives: Annotated[int, typer.Option("--positives", metavar="N", min=1, help="Of a round, at most.")] = 500_000,
    negatives: Annotated[int, typer.Option("--negatives", metavar="N", min=1, help="Of a round, at most.")] = 500_000,
    depth: Annotated[int, typer.Option("--depth", metavar="N", min=1, max=4, help="Parts of the path that prefixes have at most.")] = 1,
    stop: Annotated[
        float, typer.Option("--stop", metavar="SHARE", min=0, max=1, help="Share of a round's hits collected before that ends it.")
    ] = 0.98,
    seed: Seed = 0,
    jobs: Annotated[int, typer.Option("-j", "--jobs", metavar="N", min=1, help="Processes that score documents.")] = 1,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Do one round: train on the seed set and on what was accepted, score the corpus, list URL prefixes for a person to judge.

    Between two rounds write accept or reject into the first column of the round's prefixes.csv. The figures of all rounds come out.
    """
    from importlib import import_module

    settings = import_module("classifiers.recall.rounds").Settings(
        threshold, domain_share, domain_pages, positives, negatives, depth, stop, seed
    )
    commands = import_module("classifiers.recall.commands")
    report, text = commands.one_round(inputs, seeds, out, settings, preset, overrides(sets, "--set", "KEY=VALUE"), jobs, say)
    data(report, as_json, text)


@recall.command("gate", epilog="Example: curate recall gate 'crawl/*.warc.gz' --model recall/round-4/model")
def recall_gate(
    warcs: Annotated[list[str], typer.Argument(metavar="WARC...", help="Files of the crawl: a sample will do, each page is extracted.")],
    model: Annotated[Path, typer.Option("--model", metavar="DIR", help="Model folder that says what is wanted.")],
    threshold: Annotated[float, typer.Option("--threshold", metavar="SCORE", min=0, max=1, help="Least score of a hit.")] = 0.5,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Say which share of wanted pages extraction does not take for mathematics or code, so that filters for web pages judge them.

    Counted apart: pages whose bytes have no mark of a formula or of code (the gate), and those in which too little was found.
    """
    from importlib import import_module

    report, text = import_module("classifiers.recall.commands").gate(warcs, model, threshold)
    data(report, as_json, text)
