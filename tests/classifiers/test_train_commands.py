"""`curate train fasttext` from files to files, and every mistake a label set or a spec can have."""

import json

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from classifiers import labels as label_sets
from classifiers import metrics
from classifiers.train import calibration, commands
from classifiers.train.split import split
from curation.cli import app
from curation.errors import CurateError, RecipeError, TaskError
from stages.quality.models.model_folder import ModelFolder
from stages.quality.models.scorer import load_scorer
from tests.classifiers.train_labels import rows, write

FAST = {"dim": 8, "rate": 1.0, "epochs": 6, "buckets": 2_000, "positive": "good", "min_count": 1}


def train(files, out, **sets):
    return commands.train("fasttext", [files], out, "wiki_reference", {**FAST, **sets}, lambda text: None)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    labels = rows(1_200, domains=120)
    report, text = train(write(folder / "labels.jsonl", labels), folder / "model", about="Words of a test.", proxy=True, kept=[0.2])
    return folder / "model", labels, report, text


def test_it_writes_a_model_that_a_stage_can_use(trained):
    folder, labels, report, text = trained
    assert {path.name for path in folder.iterdir()} == {"model.bin", "model.json", "CARD.md", "report.md", "report.json"}
    assert not list(folder.parent.glob(".model.*"))
    model = ModelFolder.read(folder)
    assert (model.name, model.kind, model.labels, model.positive, model.proxy) == ("model", "fasttext", ["bad", "good"], "good", True)
    assert set(model.thresholds) == {"precision_0.9", "recall_0.9", "kept_0.2"}
    scorer, texts = load_scorer(model), pa.array([row["text"] for row in labels], pa.large_string())
    raw, scores = scorer.raw(scorer.scores(texts)), scorer.stored(texts)
    assert np.abs(scores - np.interp(raw, model.calibration.x, model.calibration.y)).max() <= 1e-3
    assert np.abs(scores - raw).max() > 0.01
    good = np.array([row["label"] == "good" for row in labels])
    assert metrics.auc(scores, good) > 0.95
    assert metrics.calibration(scores, good)[1] < 0.1
    assert text.endswith(f"written: {folder}")
    assert report["trained"] == model.trained == json.loads((folder / "model.json").read_text())["trained"]


def test_what_is_said_is_of_the_test_part(trained):
    folder, labels, report, _ = trained
    model = ModelFolder.read(folder)
    parts = {name: part["rows"] for name, part in model.trained["rows"].items()}
    assert sum(parts.values()) == len(labels)
    assert min(parts.values()) > 50
    told = json.loads((folder / "report.json").read_text())["good"]
    assert told["rows"] == parts["test"]
    reached = {(row["name"], row["lang"]): row for row in report["reached"]}
    assert reached["recall_0.9", "*"]["rows"] == parts["test"]
    assert reached["recall_0.9", "*"]["recall"] == pytest.approx(0.9, abs=0.1)
    assert reached["kept_0.2", "*"]["kept"] == pytest.approx(0.2, abs=0.1)
    table, _ = label_sets.read([folder.parent / "labels.jsonl"])
    held = table.take(pa.array(split(table, 0.1, 0.2)["validation"]))
    good = np.array([label == "good" for label in held["label"].to_pylist()])
    found = metrics.thresholds(
        load_scorer(model).stored(held["text"].combine_chunks()), good, held["lang"].to_pylist(), precision=[0.9], recall=[0.9], kept=[0.2]
    )
    assert found.values == model.thresholds
    raw = load_scorer(model).scores(held["text"].combine_chunks())[:, 1]
    assert calibration.platt(raw, good) == (model.calibration.x, model.calibration.y)
    card = (folder / "CARD.md").read_text()
    assert "stand in the training part" not in card
    for said in ("This is a proxy model", "Words of a test.", "## Thresholds", "| train |", "word_ngrams | `2`", "95 % interval"):
        assert said in card
    assert (folder / "report.md").read_text().startswith("# Score for good")


def test_the_same_labels_and_seed_give_the_same_files(trained, tmp_path):
    folder, labels, *_ = trained
    train(write(tmp_path / "labels.jsonl", labels), tmp_path / "model", about="Words of a test.", proxy=True, kept=[0.2])
    for path in folder.iterdir():
        assert (tmp_path / "model" / path.name).read_bytes() == path.read_bytes()


def test_texts_that_are_learnt_and_judged_by_are_said(tmp_path):
    labels = rows(300)
    labels += [{**row, "id": f"copy of {row['id']}", "url": f"http://mirror{i % 50}.example/"} for i, row in enumerate(labels)]
    _, text = train(write(tmp_path / "l.jsonl", labels), tmp_path / "m", epochs=1)
    table, _ = label_sets.read([tmp_path / "l.jsonl"])
    parts = {name: table["text"].take(pa.array(rows)).to_pylist() for name, rows in split(table, 0.1, 0.2).items()}
    copies = sum(t in set(parts["train"]) for t in parts["test"])
    assert copies > 20
    note = f"{copies} texts of the test part stand in the training part, too"
    assert note in text
    assert note in (tmp_path / "m" / "CARD.md").read_text()


def test_a_balanced_training_and_a_compressed_one(tmp_path):
    labels = [row for row in rows(1_500, domains=150) if row["label"] == "bad" or int(row["id"][1:]) % 6 == 0]
    texts, good = pa.array([row["text"] for row in labels], pa.large_string()), np.array([row["label"] == "good" for row in labels])
    mean = {}
    for how in ("equal", "balanced"):
        sets = {"class_weights": how, "compress": True, "keep": 300, "calibration": "none", "epochs": 2, "rate": 0.5}
        report, _ = train(write(tmp_path / "l.jsonl", labels), tmp_path / how, **sets)
        model = ModelFolder.read(tmp_path / how)
        assert list(model.files) == ["model.ftz"]
        assert model.calibration is None
        scores = load_scorer(model).stored(texts)
        assert metrics.auc(scores, good) > 0.9
        assert "300 rows" in report["trained"]["what"]
        mean[how] = scores.mean()
    assert 1.5 * mean["equal"] < mean["balanced"]  # a seventh is good, and weighs a half


def test_numbers_become_two_classes(tmp_path):
    labels = rows(900, numbers=True, domains=120)
    files = [tmp_path / name / "l.jsonl" for name in "ab"]
    for k, file in enumerate(files):
        file.parent.mkdir()
        write(file, labels[k::2])
    commands.train("fasttext", files, tmp_path / "m", "wiki_reference", {**FAST, "positive": None, "positive_from": 3}, lambda text: None)
    model = ModelFolder.read(tmp_path / "m")
    assert list(model.trained["label_files"]) == [str(file) for file in files]  # of one name
    assert (model.task, model.labels, model.positive) == ("classes", ["no", "yes"], "yes")
    assert model.trained["test"]["yes"]["auc"] > 0.85


def test_more_classes_without_a_wanted_one_are_each_reported_on(tmp_path):
    labels = rows(900, numbers=True, domains=120)
    for row in labels:
        row["label"] = "abc"[int(row["label"]) // 2]
    train(write(tmp_path / "l.jsonl", labels), tmp_path / "m", positive=None)
    model = ModelFolder.read(tmp_path / "m")
    assert (model.labels, model.positive, model.calibration, model.thresholds) == (["a", "b", "c"], None, None, {})
    assert min(model.trained["test"][name]["auc"] for name in "ac") > 0.85


def change(found, **by_row):
    for i, row in enumerate(found):
        row |= {key: value(i, row) for key, value in by_row.items()}
    return found


@pytest.mark.parametrize(
    ("labels", "sets", "said"),
    [
        ([], {}, "no label in it"),
        (change(rows(40), label=lambda i, r: "good"), {}, "every row has the label 'good'"),
        (change(rows(40, numbers=True), label=lambda i, r: float("nan") if i == 7 else 1.0), {}, r"l.jsonl:8:1: label: nan is no label"),
        (change(rows(40), text=lambda i, r: " " if i == 3 else r["text"]), {}, r"l.jsonl:4:1: text: the text is empty"),
        (change(rows(40), split=lambda i, r: ("train", "test", "validation")[i % 3]), {}, "split: the domain .* is in .* here and in"),
        (change(rows(40), split=lambda i, r: "train"), {}, "the validation part .* has no row of 'bad'"),
        (rows(40, domains=1), {}, "of 1 domains in all.* has no row of 'bad'"),
        (rows(40), {"positive": None}, "positive: which of the classes 'bad' and 'good' is the wanted one"),
        (rows(40), {"positive": "best"}, "--set positive: the labels have no class 'best'; they have bad, good"),
        (rows(40), {"positive": None, "positive_from": 3.0}, "--set positive_from: the labels are classes, not numbers"),
        (rows(40, numbers=True), {"positive": None}, "positive_from: labels are 0 to 5: say from which one on a text is wanted"),
        (rows(40, numbers=True), {}, "--set positive: the labels are numbers, not classes"),
        (rows(40, numbers=True), {"positive": None, "positive_from": 6.0}, "labels are 0 to 5: all are on one side of this"),
        (change(rows(40), label=lambda i, r: r["label"] + " one"), {"positive": "good one"}, "the class 'bad one' has a blank in it"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_message_and_leaves_nothing(tmp_path, labels, sets, said):
    with pytest.raises(RecipeError, match=said):
        train(write(tmp_path / "l.jsonl", labels), tmp_path / "m", **sets)
    assert [path.name for path in tmp_path.iterdir()] == ["l.jsonl"]


def test_a_training_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(TaskError, match="no finite numbers"):
        train(write(tmp_path / "l.jsonl", rows(300)), tmp_path / "m", rate=1e30)
    assert [path.name for path in tmp_path.iterdir()] == ["l.jsonl"]


def test_what_is_there_already_stays(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "other").write_text("mine")
    with pytest.raises(CurateError, match="m is there already"):
        train(write(tmp_path / "l.jsonl", rows(40)), tmp_path / "m")
    assert (tmp_path / "m" / "other").read_text() == "mine"


def test_the_command_line(tmp_path):
    write(tmp_path / "l.jsonl", rows(600))
    sets = [part for key, value in FAST.items() for part in ("--set", f"{key}={value}")]
    found = CliRunner().invoke(app, ["train", "fasttext", str(tmp_path / "l.jsonl"), "-o", str(tmp_path / "m"), *sets, "--json"])
    assert found.exit_code == 0
    assert json.loads(found.stdout)["folder"] == str(tmp_path / "m")
    assert "epoch 1 of 6: loss" in found.stderr
    with pytest.raises(RecipeError, match="--set positive: write key=value"):
        CliRunner().invoke(app, ["train", "fasttext", "l.jsonl", "-o", "m", "--set", "positive"], catch_exceptions=False)
