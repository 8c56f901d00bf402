"""The documents say what is there: the tree, every command, every stage's headings, parameters and drop reasons."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main
import yaml
from typer.testing import CliRunner

from classifiers.train import spec as training
from curation import recipe, registry
from curation.cli import app
from curation.inspect.describe import BUILT_IN, stage_list, stage_page
from docs.__main__ import PAGES, commands, keys, pages
from mixes import entries
from mixes.search import spec as search

ROOT = Path(__file__).resolve().parent.parent
HEADINGS = ("Source:", "Units:", "Params:", "Drops:", "Errors:")
COMMANDS = commands()


def missing_from_doc(stage) -> list[str]:
    """What a stage's documentation lacks: headings, parameters, drop reasons."""
    parts = dict(re.findall(r"^([A-Z][a-z]+:)(.*(?:\n .*|\n)*)", stage.doc, re.M))
    words = {heading: set(re.findall(r"[a-z0-9_]+", text)) for heading, text in parts.items()}
    lacking = [h for h in HEADINGS if h not in parts]
    lacking += [f"parameter {p}" for p in stage.params.model_fields if p not in words.get("Params:", ())]
    return lacking + [f"drop reason {d}" for d in stage.drops if d not in words.get("Drops:", ())]


@pytest.mark.parametrize("name", sorted(registry.files()))
def test_stage_documents_itself(name):
    assert missing_from_doc(registry.lookup(name)) == []


def test_the_check_catches_an_offender():
    class Offender:
        doc = "Does things for min_score.\n\nSource: none that is gone.\nParams: limit."
        params = registry.lookup("identify_language").params
        drops = ("gone",)

    lacking = missing_from_doc(Offender)
    assert "Units:" in lacking
    assert "parameter min_score" in lacking
    assert "drop reason gone" in lacking


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_ends_in_an_example(name):
    command = COMMANDS[name]
    assert command.help
    assert re.fullmatch(rf"Example: curate {name} .+", command.epilog)
    for option in command.params:
        assert option.name == "help" or getattr(option, "help", None), f"{name}: {option.name} has no help"
        assert not option.opts[0].startswith("-") or option.is_flag or option.metavar, f"{name}: {option.name} does not name its value"
    assert "--json" in CliRunner().invoke(app, [*name.split(), "--help"]).output


@pytest.mark.parametrize("name", sorted({*registry.files(), *BUILT_IN}))
def test_the_page_of_every_stage_ends_in_an_example_that_is_valid(name):
    example = re.search(r"\nExample: (.+)$", stage_page(name)["text"])[1]
    entry = next(iter(yaml.safe_load(example).values()))
    assert entry.pop("use") == name
    if name not in BUILT_IN:
        registry.lookup(name).params.model_validate(entry)
    assert name in {row["name"] for row in stage_list()}


def test_every_key_of_a_recipe_has_help():
    for text in [*recipe.KEYS.values(), *recipe.ENTRY_KEYS.values()]:
        assert text
    for model in (
        recipe.Settings, recipe.Resources, search.Spec, search.Runs, search.Check,
        training.FastText, training.Encoder,
        entries.Document, entries.Entry, entries.Phase, entries.Quality, entries.Temperature, entries.Validation,
    ):  # fmt: skip
        for key, kind, _, meaning in keys(model):
            assert meaning, f"{key} has no help"
            assert kind


@pytest.mark.parametrize("name", sorted(PAGES))
def test_references_are_fresh(name):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == pages()[name], "stale: run python -m docs"


def test_the_commands_and_examples_of_the_page_on_clusters_are_valid():
    text = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
    commands = typer.main.get_command(app).commands
    found = re.findall(r"\bcurate (run|worker) ([^`]*?)(?=$|`| #|  )", re.sub(r"\\\n *", "", text), re.M)
    assert len(found) >= 5
    for name, arguments in found:
        commands[name].make_context(name, shlex.split(arguments), resilient_parsing=False)
    examples = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.S)]
    for step in examples[0]["steps"].values():
        recipe.Resources(**step["resources"])
    assert examples[1]["kind"] == "RayJob"


def test_design_names_every_file():
    """The tree in DESIGN.md is the contents page: no file is missing and none is invented (sources are not looked at)."""
    tree = re.search(r"```\n(curation/.*?)```", (ROOT / "DESIGN.md").read_text(), re.S).group(1)
    engine, rest = tree.split("stages/  ")
    extractor, shared, trainers = re.split("what stages of a folder share:|mixes/  .*classifiers/  ", rest, flags=re.S)
    folders = ("safety", "language", "dedup", "heuristics", "quality", "tokens", "benchmarks", "stackexchange")
    filters = [f"stages/{name}" for name in folders]
    engines = ["curation", "curation/tasks", "curation/executors", "curation/inspect", "curation/inspect/report", "curation/cli"]
    trained = [f"classifiers{folder}" for folder in ("", "/label", "/recall", "/train", "/ablate", "/defaults")]
    parts = ((engine, engines), (extractor, ["stages/extract"]), (shared, filters), (trainers, trained))
    for named, folders in parts:
        real = {p.stem for folder in folders for p in (ROOT / folder).glob("*.py")} - {"__init__", "__main__"}
        if folders is filters:
            real -= set(registry.files())
        assert set(re.findall(r"\b([a-z_]+)\.py\b", named)) == real
    for folder in (p for parent in ("stages", "stages/extract", "stages/safety") for p in (ROOT / parent).iterdir()):
        assert not folder.is_dir() or folder.name == "__pycache__" or f"{folder.name}/" in tree


@pytest.mark.parametrize("name", sorted(registry.files()))
def test_every_stage_has_a_test_file(name):
    texts = [p.read_text() for p in (ROOT / "tests").rglob("test_*.py")]
    assert any(re.search(rf"\b{name}\b", t) for t in texts if "registry.files()" not in t)
