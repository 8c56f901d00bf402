"""The documents say what is there: the tree, every command, every stage's headings, parameters and drop reasons."""

import re
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from curation import registry
from curation.cli import app

ROOT = Path(__file__).resolve().parent.parent
HEADINGS = ("Source:", "Units:", "Params:", "Drops:", "Errors:")
COMMANDS = sorted(typer.main.get_command(app).commands)


def missing_from_doc(stage) -> list[str]:
    """What a stage's documentation lacks: headings, parameters, drop reasons."""
    doc = stage.doc
    words = set(re.findall(r"[a-z0-9_]+", doc))
    lacking = [h for h in HEADINGS if h not in doc]
    lacking += [f"parameter {p}" for p in stage.params.model_fields if p not in words]
    return lacking + [f"drop reason {d}" for d in stage.drops if d not in words]


@pytest.mark.parametrize("name", sorted(registry.files()))
def test_stage_documents_itself(name):
    assert missing_from_doc(registry.lookup(name)) == []


def test_the_check_catches_an_offender():
    class Offender:
        doc = "Does things.\n\nSource: none.\nParams: limit."
        params = registry.lookup("identify_language").params
        drops = ("gone",)

    lacking = missing_from_doc(Offender)
    assert "Units:" in lacking
    assert "parameter min_score" in lacking
    assert "drop reason gone" in lacking


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_ends_in_an_example(name):
    command = typer.main.get_command(app).commands[name]
    assert command.help
    assert re.fullmatch(rf"Example: curate {name} .+", command.epilog)
    for option in command.params:
        assert option.name == "help" or getattr(option, "help", None), f"{name}: {option.name} has no help"
    assert "--json" in CliRunner().invoke(app, [name, "--help"]).output


def test_design_names_every_file_of_the_engine():
    """The tree in DESIGN.md is the contents page: no file is missing and none is invented."""
    tree = re.search(r"```\n(curation/.*?)```", (ROOT / "DESIGN.md").read_text(), re.S).group(1)
    engine = tree.split("stages/  ")[0]
    named = set(re.findall(r"\b([a-z_]+)\.py\b", engine))
    real = {p.stem for folder in ("", "tasks") for p in (ROOT / "curation" / folder).glob("*.py")} - {"__init__"}
    assert named == real
    for folder in (p for p in (ROOT / "stages").iterdir() if p.is_dir() and p.name != "__pycache__"):
        assert f"{folder.name}/" in tree


@pytest.mark.parametrize("name", sorted(registry.files()))
def test_every_stage_has_a_test_file(name):
    texts = [p.read_text() for p in (ROOT / "tests").rglob("test_*.py")]
    assert any(re.search(rf"\b{name}\b", t) for t in texts if "registry.files()" not in t)
