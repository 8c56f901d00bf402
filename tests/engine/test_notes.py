"""What a user should know of a run beside its numbers: said of files before it, found in batches on the way."""

import json
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from engine_kit import command, environment, run, steps

from curation.assets import identify_asset
from curation.errors import RecipeError
from curation.plan import Plan, plan_of, snapshot
from curation.recipe import load

PLUGIN = """
from pathlib import Path
from typing import Annotated
import numpy as np
import pyarrow as pa
from curation.rules import below, first_true
from curation.stage import AssetMark, Batch, PerGroup, StageParams, stage


def read(path: Path) -> str | None:
    return f"{path.name} is odd" if (path / "odd").exists() else None


class Params(StageParams):
    words: Annotated[str, AssetMark(read, folder=True)]
    least: PerGroup[int] = 0
    most: PerGroup[int] = {"default": 9, "fr": 8}


@stage(reads=["text"], writes={"letters": pa.int32()}, drops=["few", "many"])
def letters(batch: Batch, params: Params):
    batch.note("no list", {lang for lang in batch["lang"].to_pylist() if lang == "zh"})
    n = batch.utf8().chars_per_row().astype(np.int32)
    few, many = below(n, batch.per_row(params.least)), n > batch.per_row(params.most)
    return {"letters": n, "drop_reason": first_true(few=few, many=many)}
"""
RECIPE = """
name: notes
plugins: [letters.py]
inputs: {docs: {use: parquet, paths: "docs/*.parquet", carry: [lang]}}
steps: {long: {use: letters, words: lists, most: 9, least: {default: 2, en: 5, zh: 1}}, all: {use: keep, where: 'letters > 0'}}
outputs: {o: {use: shards}}
"""
NOTES = ["words: lists is odd", "default parameters for de, th", "no list for zh"]


@pytest.fixture
def given(tmp_path):
    (tmp_path / "letters.py").write_text(PLUGIN)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "odd").write_text("x")
    (tmp_path / "docs").mkdir()
    texts = [("en", "four"), ("de", "drei"), ("th", "x"), (None, "y"), ("zh", "z")]
    for i in range(2):
        table = pa.table({"text": [t for _, t in texts], "lang": [lang for lang, _ in texts], "id": [f"{i}{t}" for _, t in texts]})
        pq.write_table(table, tmp_path / "docs" / f"{i}.parquet")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path / "recipe.yaml"


def test_accounts_hold_what_files_and_batches_had_to_say(given, tmp_path):
    for _ in range(2):  # and again where everything is on record
        run(given, tmp_path / "out")
        assert steps(tmp_path / "out")["long"]["notes"] == NOTES
        assert steps(tmp_path / "out")["all"]["notes"] == []
    assert steps(tmp_path / "out")["long"]["dropped"] == {"few": 6}  # en, th, and the one without a language


def test_the_stages_own_map_is_no_news(given, tmp_path):
    given.write_text(RECIPE.replace("most: 9, least: {default: 2, en: 5, zh: 1}", "least: 2"))
    run(given, tmp_path / "out")
    assert steps(tmp_path / "out")["long"]["notes"] == [NOTES[0], NOTES[2]]


def test_a_map_by_profile_does_not_make_it_news(given, tmp_path):
    for path in (tmp_path / "docs").iterdir():
        table = pq.read_table(path)
        pq.write_table(table.append_column("profile", pa.array(["web"] * len(table))), path)
    recipe = RECIPE.replace("carry: [lang]", "carry: [lang, profile]")
    given.write_text(recipe.replace("most: 9, least: {default: 2, en: 5, zh: 1}", "least: {default: 2, code: 1}"))
    run(given, tmp_path / "out")
    assert steps(tmp_path / "out")["long"]["notes"] == [NOTES[0], NOTES[2]]


def test_a_map_needs_its_column_if_the_user_gives_it(given, tmp_path):
    text = RECIPE.replace(", carry: [lang]", "").replace("words: lists, most: 9, ", "words: lists, ")
    given.write_text(text)
    with pytest.raises(RecipeError, match="letters reads column 'lang'"):
        Plan(load(given, {}))
    (tmp_path / "letters.py").write_text("\n".join(line for line in PLUGIN.splitlines() if "batch.note" not in line))
    given.write_text(text.replace("least: {default: 2, en: 5, zh: 1}", "least: 2"))  # `most` is the stage's own
    run(given, tmp_path / "out", 2)
    assert steps(tmp_path / "out")["long"]["dropped"] == {"few": 6}


def test_notes_are_shown_before_and_after(given, tmp_path):
    def curate(*arguments):
        return subprocess.run(command(*arguments), env=environment(), capture_output=True, text=True, check=False)

    done = curate("run", given, "--out", tmp_path / "out", "-j", 2)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("long:")] == [f"long: {NOTES[0]}"]
    assert [line for line in done.stdout.splitlines() if line.startswith("long:")] == [f"long: {note}" for note in NOTES]
    assert json.loads(curate("stats", tmp_path / "out", "--json").stdout)["steps"][1]["notes"] == NOTES


def test_a_worker_does_not_read_lists_again_to_know_the_plan(given):
    plan = Plan(load(given, {}))
    assert plan.steps["long"].notes == [NOTES[0]]
    again = plan_of(snapshot(plan))
    assert again.steps["long"].params == plan.steps["long"].params
    assert again.steps["long"].notes == []


def test_a_folder_of_lists_is_part_of_the_fingerprint(given, tmp_path):
    def fingerprint():
        return Plan(load(given, {})).steps["long"].fingerprint

    lists = tmp_path / "lists"
    before, one = fingerprint(), identify_asset(lists)
    (lists / "odd").write_text("y")
    other = fingerprint()
    (lists / "odd").rename(lists / "even")
    renamed = fingerprint()
    assert len({before, other, renamed}) == 3
    assert one != identify_asset(lists)
