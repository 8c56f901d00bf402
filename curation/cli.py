"""The command line. Data goes to stdout, talk to stderr; `--json` everywhere.

Exit codes: 0 done; 2 the recipe or an argument is wrong; 3 a task failed; 4 accounts do not balance;
5 too many documents failed; 6 another run holds the folder; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
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


mix = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Mixes of training data.")
mix_search = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Find the mix for a large model by small ones.")
app.add_typer(mix, name="mix")
mix.add_typer(mix_search, name="search")

label = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Label a sample of documents, by a chat model or by people.")
app.add_typer(label, name="label")

recall = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Find all pages of a corpus that are like a seed set, in rounds.")
app.add_typer(recall, name="recall")


def say(text: str) -> None:
    """Talk to the user, on stderr."""
    typer.echo(text, err=True)


def data(value: Any, as_json: bool, text: str = "") -> None:
    """Give data, on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=None if not sys.stdout.isatty() else 2) if as_json else text)


def _overrides(sets: list[str] | None, option: str = "--set", form: str = "step.param=value") -> dict[str, Any]:
    from curation.errors import RecipeError
    from curation.yaml_file import parse_value

    result = {}
    for item in sets or []:
        key, equals, value = item.partition("=")
        if not equals:
            raise RecipeError(f"{option} {item}: write {form}")
        result[key.strip()] = parse_value(value, option)
    return result


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


def _plan(recipe: Path, sets: list[str] | None, **options: Any) -> Any:
    from curation.plan import Plan
    from curation.recipe import load

    plan = Plan(load(recipe, _overrides(sets)), **options)
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
    from curation.inspect.show import Display, summary
    from curation.run import read_manifest
    from curation.storage import location

    plan = _plan(recipe, sets, sample=sample, annotate=annotate, until=until)
    folder = location(out or f"runs/{plan.recipe.name}")
    options = Options(jobs, address, elements, max_array, shlex.split(sbatch), patience, say)
    _drive(plan, folder, executor, options, as_json, lambda run: run.walk())
    manifest = read_manifest(folder)
    data(summary(manifest, folder), as_json, Display.table(manifest, folder))


def _drive(plan: Any, folder: Any, executor: str, options: Any, quiet: bool, walk: Callable[[Any], Any]) -> Any:
    """Run a plan in a folder: what `walk` makes of its Run, while an executor works for it."""
    from curation import executors
    from curation.errors import RecipeError, did_you_mean
    from curation.inspect.show import Display
    from curation.plan import snapshot
    from curation.run import Run
    from curation.storage import digest, run_lock, write_sealed
    from curation.warm_up import warm_up

    if executor not in executors.NAMES:
        raise RecipeError(f"-x {executor}: there is {', '.join(executors.NAMES)}{did_you_mean(executor, executors.NAMES)}")
    if executor != "inline":  # inline, tasks run here, and what they leave behind must go
        _collect_seldom()
    plan.check_files()
    _say_notes(plan)
    with run_lock(folder):
        warm_up(plan, say)
        saved = snapshot(plan)
        plan_file = folder / "work" / f"plan-{digest(saved)[:12]}.json"
        write_sealed(plan_file, saved)
        worker = executors.start(executor, plan, folder, plan_file, options)
        try:
            with Display(plan, quiet=quiet) as display:
                return walk(Run(plan, folder, worker, display.notify))
        finally:
            worker.close()


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


def _say_notes(plan: Any) -> None:
    for step in plan.steps.values():
        for note in step.notes:
            say(f"{step.name}: {note}")


def _collect_seldom() -> None:
    """A driver of 10^5 tasks holds millions of live objects and few cycles: look for cycles seldom."""
    import gc

    gc.freeze()
    gc.set_threshold(1_000_000, 50, 100)


@app.command(epilog="Example: curate plan pipeline.yaml --json")
def plan(
    recipe: Annotated[Path, typer.Argument(help="The pipeline's YAML file.")],
    out: Out = None, sample: Sample = 1.0, until: Until = None, sets: Sets = None, annotate: Annotate = False,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Say what a run would do, what it would reuse, and why not; computes nothing."""
    from curation.inspect.preview import preview, table
    from curation.storage import location

    _collect_seldom()
    made = _plan(recipe, sets, sample=sample, annotate=annotate, until=until)
    made.check_files()
    _say_notes(made)
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
        _say_notes(plan)
        warm_up(plan, say)

    report = run_alone(name, [*inputs, *(more or [])], out, _overrides(sets), keep_dropped, prepare)
    text = ", ".join(f"{k} {v}" for k, v in report["dropped"].items())
    line = f"{name}: {report['documents_in']} in, {report['kept']} kept" + (f", dropped: {text}" if text else "") + (
        f", {report['failed']} failed ({'; '.join(report['why_failed'])})" if report["failed"] else ""
    )  # fmt: skip
    if as_json and out != "-":
        data(report, True)
    else:
        say(line)


@app.command(epilog="Example: curate stats runs/pipeline --json")
def stats(
    run_folder: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run, or its URL.")],
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
    run_folder: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run, or its URL.")],
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


@app.command(epilog="Example: curate contamination runs/llama3-web/outputs/web --benchmarks gsm8k=gsm8k_test.jsonl")
def contamination(
    inputs: Annotated[list[str], typer.Argument(metavar="RUN|FILE...", help="A run, a folder of its outputs, or Parquet and JSONL files.")],
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
    from curation.errors import RecipeError
    from curation.executors import Options
    from curation.storage import location
    from curation.survey import planned

    stage: Any = registry.lookup("contamination")
    read_scores, report, markdown = (registry.beside(stage, name) for name in ("read_scores", "report", "markdown"))
    of_fields = _overrides(fields, "--fields", "NAME={question: [FIELD, ...]}")
    made = planned("contamination", inputs, {"benchmarks": _named_files(benchmarks), "fields": of_fields})
    params = made.steps["contamination"].params
    try:
        scored = None if scores is None else read_scores(scores, params)
    except ValueError as e:
        raise RecipeError(f"--scores: {e}") from e
    folder = location(out)
    options = Options(jobs, address, elements, max_array, shlex.split(sbatch), patience, say)
    state, documents = _drive(made, folder, executor, options, as_json, lambda run: run.state("contamination"))
    found = report(state, documents, params, scored, folder)
    data(found, as_json, markdown(found))


@app.command(epilog="Example: curate card runs/llama3-web --output mix > CARD.md")
def card(
    run_folder: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run, or its URL.")],
    output: Annotated[str | None, typer.Option("--output", metavar="NAME", help="Which output, if several have a card.")] = None,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Show the data card of a run's mix: what is in it, from where, what was done to it, what it lacks; Markdown on stdout."""
    from curation.inspect.show import read_card
    from curation.storage import location

    typer.echo(read_card(location(run_folder), output, "json" if as_json else "md"), nl=False)


@app.command(epilog="Example: curate gc runs/pipeline --dry-run")
def gc(
    run_folder: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run, or its URL.")],
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
    report, text = commands.train(kind, labels, out, preset, _overrides(sets, form="key=value"), say)
    data(report, as_json, text)


Inputs = Annotated[list[str], typer.Argument(metavar="RUN|FILE...", help="A run, a folder of its outputs, or Parquet and JSONL files.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Another seed, another draw.")]


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
        {"model": model, "seed": seed, "max_answer_tokens": max_answer_tokens, "more": _overrides(body, "--body", "KEY=VALUE")},
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

    columns = {key: str(value) for key, value in _overrides(column, "--column", "KEY=NAME").items()}
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
    report, text = commands.one_round(inputs, seeds, out, settings, preset, _overrides(sets, "--set", "KEY=VALUE"), jobs, say)
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


if __name__ == "__main__":
    main()
