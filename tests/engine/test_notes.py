"""What a user should know of a run beside its numbers: said by stages before it, and found on the way."""

import json
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from engine_kit import command, environment, run, steps

PLUGIN = """
import numpy as np
import pyarrow as pa
from curation.stage import Batch, PerGroup, StageParams, below, first_true, stage


class Params(StageParams):
    least: PerGroup[int] = 0


def notes(params):
    return [f"{len(params.least)} values"] if isinstance(params.least, dict) else []


@stage(reads=["text"], writes={"letters": pa.int32()}, drops=["few"])
def letters(batch: Batch, params: Params):
    n = batch.utf8().chars_per_row().astype(np.int32)
    return {"letters": n, "drop_reason": first_true(few=below(n, batch.per_row(params.least)))}
"""


@pytest.fixture
def given(tmp_path):
    (tmp_path / "letters.py").write_text(PLUGIN)
    texts = [("en", "four"), ("de", "drei"), ("th", "x"), (None, "y"), ("zh", "z")]
    for i in range(2):
        table = pa.table({"text": [t for _, t in texts], "lang": [lang for lang, _ in texts], "id": [f"{i}{t}" for _, t in texts]})
        (tmp_path / "docs").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "docs" / f"{i}.parquet")
    file = tmp_path / "recipe.yaml"
    file.write_text(
        'name: notes\nplugins: [letters.py]\ninputs: {docs: {use: parquet, paths: "docs/*.parquet", carry: [lang]}}\n'
        "steps: {long: {use: letters, least: {default: 2, en: 5, zh: 1}}, all: {use: keep, where: 'letters > 0'}}\n"
        "outputs: {o: {use: shards}}\n"
    )
    return file


def test_stages_say_what_they_know_and_languages_without_parameters_are_named_once(given, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):  # and again where everything is on record
        run(given, out)
        assert steps(out)["long"]["notes"] == ["3 values", "default parameters for de, th"]
        assert steps(out)["all"]["notes"] == []
    assert steps(out)["long"]["dropped"] == {"few": 6}  # en, th, and the one without a language


def test_notes_are_shown_before_and_after(given, tmp_path):
    def curate(*arguments):
        return subprocess.run(command(*arguments), env=environment(), capture_output=True, text=True, check=False)

    done = curate("run", given, "--out", tmp_path / "out", "-x", "inline")
    assert done.returncode == 0, done.stderr
    assert "long: 3 values" in done.stderr
    assert "long: default parameters for de, th" in done.stdout
    summary = json.loads(curate("stats", tmp_path / "out", "--json").stdout)
    assert summary["steps"][1]["notes"] == ["3 values", "default parameters for de, th"]
