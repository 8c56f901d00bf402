# ruff: noqa: E501
"""Every mistake in a recipe: one message with file, line, column and key, before any work."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "engine"))
from engine_kit import PLUGIN, command, documents, environment, jsonl, parquet

from curation.errors import RecipeError
from curation.plan import Plan
from curation.recipe import load

GOOD = """\
name: good
plugins: [PLUGIN]
inputs:
  docs: {use: parquet, paths: "crawl/*.parquet", carry: [score]}
steps:
  len:   {use: measure, limit: 10}
  route: {use: split, to: {long: "length > 100"}, else: short}
  loud:  {use: shout, needs: route.long}
  twins: {use: first_of_text, needs: [loud, route.short]}
outputs:
  out:   {use: shards, needs: twins}
settings: {shadow: 0.1}
"""

ROUTE = GOOD[GOOD.index("  route:") : GOOD.index("outputs:")]

# name: (old text, new text, line:column, key, words of the message)
CASES = {
    "unknown stage": ("use: measure", "use: mesure", "6:16", "steps.len.use", ["'mesure'", "did you mean 'measure'?"]),
    "unknown source": ("use: parquet", "use: parket", "4:15", "inputs.docs.use", ["'parket'", "did you mean 'parquet'?"]),
    "unknown parameter": ("limit: 10", "limt: 10", "6:25", "steps.len.limt", ["no parameter 'limt'", "did you mean 'limit'?"]),
    "unknown parameter of a source": ("carry:", "cary:", "4:50", "inputs.docs.cary", ["did you mean 'carry'?"]),
    "unknown parameter of split": (ROUTE, ROUTE.replace("else", "els").replace(", route.short", ""), "7:51", "steps.route.els", ["no parameter 'els'", "did you mean 'else'?"]),
    "unknown parameter of shards": ("needs: twins}", "needs: twins, size: 3}", "11:38", "outputs.out.size", ["no parameter 'size'"]),
    "unknown key at the top": ("settings:", "setings:", "12:1", "setings", ["did you mean 'settings'?"]),
    "unknown setting": ("shadow: 0.1", "shadows: 0.1", "12:12", "settings.shadows", ["did you mean 'shadow'?"]),
    "wrong type": ("limit: 10", "limit: ten", "6:32", "steps.len.limit", ["integer", "'ten'"]),
    "wrong type of a setting": ("shadow: 0.1", "shadow: 7", "12:20", "settings.shadow", ["less than or equal to 1", "7"]),
    "a list for a map": (GOOD, "name: x\ninputs: [1]\n", "2:9", "inputs", ["is a map"]),
    "a number for a step": ("{use: measure, limit: 10}", "3", "6:3", "steps.len", ["needs `use: STAGE`"]),
    "missing parameter": ('paths: "crawl/*.parquet", ', "", "4:3", "inputs.docs", ["needs 'paths'"]),
    "a cycle": ("use: measure, limit: 10", "use: measure, needs: twins", "", "needs", ["cycle", "len", "twins"]),
    "missing input": ("needs: [loud, route.short]", "needs: [lout, route.short]", "9:38", "steps.twins.needs", ["'lout'", "did you mean 'loud'?"]),
    "missing branch": ("needs: route.long", "needs: route.lang", "8:30", "steps.loud.needs", ["'route.lang'", "route.long"]),
    "a split without a branch": ("needs: route.long", "needs: route", "8:30", "steps.loud.needs", ["route.long"]),
    "needs twice": ("[loud, route.short]", "[loud, loud]", "9:38", "steps.twins.needs", ["twice"]),
    "an input that needs": ("use: parquet,", "use: parquet, needs: len,", "4:24", "inputs.docs.needs", ["needs nothing"]),
    "column nobody writes": ("use: shout, needs: route.long", 'use: keep, needs: route.long, where: "lenght > 3"', "8:48", "steps.loud.where", ["lenght", "length"]),
    "a stage reads a column nobody writes": ("use: shout, needs: route.long", "use: reads_links, needs: route.long", "8:3", "steps.loud", ["'links'", "no step above it writes"]),
    "a column is created twice": ("use: shout, needs: route.long", "use: measure, needs: route.long", "8:3", "steps.loud", ["'length'", "len has created already"]),
    "where on a nullable column": ("length > 100", "score > 0.5", "7:34", "steps.route.to.long", ["score", "may be null", "score is not null and score > 0.5"]),
    "where of a wrong type": ("length > 100", "length > 'x'", "7:34", "steps.route.to.long", ["length"]),
    "where that does not parse": ("length > 100", "length >", "7:34", "steps.route.to.long", ["length >"]),
    "where that is no text": ('{use: shout, needs: route.long}', "{use: keep, needs: route.long, where: 3}", "8:48", "steps.loud.where", ["a rule is a text"]),
    "keep without where": ('{use: shout, needs: route.long}', "{use: keep, needs: route.long}", "8:10", "steps.loud.where", ["a rule is a text"]),
    "split without to": (ROUTE, ROUTE.replace('to: {long: "length > 100"}, ', "").replace("route.long", "route.short").replace(", route.short]", "]"), "7:3", "steps.route", ["to:"]),
    "split without else": (ROUTE, ROUTE.replace(", else: short", "").replace(", route.short", ""), "7:3", "steps.route", ["else"]),
    "a branch twice": (ROUTE, ROUTE.replace("else: short", "else: long").replace(", route.short", ""), "7:57", "steps.route.else", ["twice"]),
    "copy that is no truth value": ("else: short", "else: short, copy: 3", "7:70", "steps.route.copy", ["true or false"]),
    "empty glob": ("crawl/*.parquet", "nowhere/*.parquet", "4:31", "inputs.docs.paths", ["matches nothing"]),
    "a folder": ("crawl/*.parquet", "crawl", "4:31", "inputs.docs.paths", ["it is a folder"]),
    "no such file": ("crawl/*.parquet", "crawl/none.parquet", "4:31", "inputs.docs.paths", ["no such file"]),
    "a file of another format": ("crawl/*.parquet", "extra/*.jsonl", "4:31", "inputs.docs.paths", ["arquet"]),
    "a carried column the file lacks": ("carry: [score]", "carry: [scores]", "4:31", "inputs.docs.paths", ["'scores'"]),
    "a list that is not there": ("use: shout, needs: route.long", "use: banned_words, needs: route.long, words: none.txt", "8:56", "steps.loud.words", ["no file 'none.txt'"]),
    "a list that cannot be read": ("use: shout, needs: route.long", "use: banned_words, needs: route.long, words: bytes.txt", "8:56", "steps.loud.words", ["utf-8"]),
    "a source as a step": ("use: shout", "use: parquet", "8:16", "steps.loud.use", ["belongs under inputs"]),
    "a stage as an input": ("use: parquet", "use: measure", "4:15", "inputs.docs.use", ["belongs under steps"]),
    "broken YAML": ("limit: 10}", "limit: 10", "7:", "", ["not valid YAML"]),
    "a tab": ("  len:", "\tlen:", "6:1", "", ["not valid YAML"]),
    "duplicate key": ("  loud:", "  len: {use: shout}\n  loud:", "8:3", "steps.len", ["'len' is given twice"]),
    "duplicate parameter": ("limit: 10", "limit: 10, limit: 11", "6:36", "steps.len.limit", ["given twice"]),
    "plain fan-out": ("needs: [loud, route.short]}", "needs: [loud, route.short]}\n  more:  {use: shout, needs: loud}", "10:23", "steps.more.needs", ["'loud'", "copy"]),
    "dangling branch": ("needs: [loud, route.short]", "needs: loud", "7:3", "steps.route", ["'route.short'", "nowhere"]),
    "a bad name": ("  loud:", "  lo ud:", "8:3", "steps.lo ud", ["a name starts with a letter"]),
    "a name used twice": ("  out:  ", "  len:  ", "11:3", "outputs.len", ["name of an entry of steps too"]),
    "a bad recipe name": ("name: good", "name: ../good", "1:7", "name", ["a name is letters"]),
    "no inputs": ('inputs:\n  docs: {use: parquet, paths: "crawl/*.parquet", carry: [score]}\n', "", "", "", ["input"]),
    "a plug-in that is not there": ("PLUGIN", "none.py", "2:11", "plugins.0", ["does not exist"]),
    "a plug-in that does not import": ("PLUGIN", "broken.py", "2:11", "plugins.0", ["cannot be imported", "ZeroDivisionError"]),
    "a plug-in that drops for no reason": ("PLUGIN", "kept.py", "2:11", "plugins.0", ["keeper drops for 'kept.web'", "not dropped"]),
    "types that differ in a fan-in": (
        "needs: [loud, route.short]}", "needs: [one, two]}\n  one:   {use: other_length, needs: loud}\n  two:   {use: other_words, needs: route.short}",
        "9:38", "steps.twins.needs", ["'other'", "int32", "string"],
    ),
    "unknown resource": (
        "limit: 10", "limit: 10, resources: {gpu: 1}", "6:48", "steps.len.resources.gpu", ["unknown key 'gpu'", "did you mean 'gpus'?"]
    ),
    "checkpoint that is no truth value": ("limit: 10", "limit: 10, checkpoint: maybe", "6:48", "steps.len.checkpoint", ["true or false"]),
    "a map without default": ("limit: 10", "per: {zh: 3}", "6:30", "steps.len.per", ['needs a "default"']),
    "not a map at all": (GOOD, "- 1\n", "1:1", "", ["a recipe is a map"]),
    "an empty file": (GOOD, "", "1:1", "", ["a recipe is a map"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("recipes")
    parquet(made / "crawl" / "0.parquet", documents(30))
    jsonl(made / "extra" / "0.jsonl", documents(30))
    (made / "bytes.txt").write_bytes(b"\xff\xfe")
    (made / "broken.py").write_text("1 / 0\n")
    (made / "kept.py").write_text(
        'from curation.stage import stage\n\n\n@stage(reads=[], writes={}, drops=["kept.web"])\ndef keeper(batch, params):\n    return {}\n'
    )
    return made


def planned(folder, text, overrides=None):
    file = folder / "recipe.yaml"
    file.write_text(text.replace("PLUGIN", str(PLUGIN)))
    plan = Plan(load(file, overrides or {}))
    plan.check_files()
    return plan


def test_the_good_one_is_good(folder):
    assert list(planned(folder, GOOD).steps) == ["docs", "len", "route", "loud", "twins", "outputs.out"]


@pytest.mark.parametrize("name", list(CASES))
def test_one_message_at_the_place(folder, name):
    old, new, place, key, words = CASES[name]
    assert old in GOOD
    with pytest.raises(RecipeError) as caught:
        planned(folder, GOOD.replace(old, new, 1))
    said = str(caught.value)
    assert said.startswith(f"{folder / 'recipe.yaml'}:{place or ''}"), said
    assert caught.value.place.line
    assert caught.value.place.column
    assert caught.value.exit_code == 2
    assert key in caught.value.place.key, said
    for word in words:
        assert word in said


OVERRIDES = {
    "unknown step": ({"lem.limit": 3}, ["'lem'", "did you mean 'len'?"]),
    "unknown parameter": ({"len.limt": 3}, ["no parameter 'limt'", "did you mean 'limit'?"]),
    "wrong type": ({"len.limit": "x"}, ["integer"]),
    "no parameter": ({"len": 3}, ["write step.param=value"]),
    "unknown setting": ({"settings.shadw": 3}, ["did you mean 'shadow'?"]),
}


@pytest.mark.parametrize("name", list(OVERRIDES))
def test_overrides(folder, name):
    overrides, words = OVERRIDES[name]
    with pytest.raises(RecipeError) as caught:
        planned(folder, GOOD, overrides)
    for word in words:
        assert word in str(caught.value)


def test_until_an_unknown_step(folder):
    planned(folder, GOOD)
    with pytest.raises(RecipeError, match="did you mean 'twins'"):
        Plan(load(folder / "recipe.yaml"), until="twin")


def test_a_recipe_that_is_not_there(folder):
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        load(folder / "none.yaml")


def test_bytes_that_are_not_utf8(folder):
    (folder / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(RecipeError, match="not UTF-8"):
        load(folder / "latin.yaml")


def test_an_unreadable_file(folder, monkeypatch):
    """Root reads everything, so the refusal is the source's."""
    from stages.sources.parquet import Parquet

    def refuse(self, path, params):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Parquet, "check", refuse)
    parquet(folder / "secret" / "0.parquet", documents(3))
    with pytest.raises(RecipeError) as caught:
        planned(folder, GOOD.replace("crawl/*", "secret/*"))
    assert "4:31" in str(caught.value)
    assert "Permission denied" in str(caught.value)


def test_the_command_says_it_once_without_a_traceback(folder):
    import subprocess

    text = GOOD.replace("use: measure", "use: mesure").replace("PLUGIN", str(PLUGIN))
    (folder / "wrong.yaml").write_text(text)
    done = subprocess.run(
        command("run", "wrong.yaml", "--out", "out"), cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: wrong.yaml:6:16: steps.len.use: there is no stage 'mesure' (did you mean 'measure'?)")
    assert "Traceback" not in done.stderr
    assert not (folder / "out").exists()


def test_two_runs_at_once_is_exit_code_6(folder):
    import subprocess

    from curation.storage import run_lock

    (folder / "good.yaml").write_text(GOOD.replace("PLUGIN", str(PLUGIN)))
    with run_lock(folder / "busy"):
        done = subprocess.run(
            command("run", "good.yaml", "--out", "busy"), cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
    assert done.returncode == 6
    assert "another run (process" in done.stderr
    assert "Traceback" not in done.stderr
