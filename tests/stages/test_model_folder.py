"""Model folders: what is written is read, and what is wrong is said with its file and key."""

import json

import numpy as np
import pytest

from stages.quality.models import model_folder
from stages.quality.models.model_folder import CONFIG, FACTS, FASTTEXT, ONNX, SAFETENSORS, TOKENIZER, ModelFolder

FACTS_OF = {
    "kind": "encoder", "name": "reference", "proxy": False, "task": "classes", "labels": ["other", "good"], "positive": "good",
    "input": {"max_tokens": 16, "windows": 1, "pool": "first", "max_chars": 1_000},
    "calibration": {"x": [0.0, 0.5, 1.0], "y": [0.0, 0.2, 0.2]}, "thresholds": {"kept_0.1": {"*": 0.9, "de": 0.8}},
    "trained": {"seed": 1},
}  # fmt: skip
FILES = {ONNX: b"onnx", TOKENIZER: b"{}"}
FASTTEXT_INPUT = {"max_tokens": None, "windows": 1, "pool": "first", "max_chars": 1_000}


def written(folder, files=FILES, **changed):
    return ModelFolder.write(folder, files=files, card="# A card\n", **{**FACTS_OF, **changed})


def edited(folder, **changed):
    written(folder)
    facts = json.loads((folder / FACTS).read_text())
    (folder / FACTS).write_text(json.dumps({**facts, **changed}))
    return folder


def test_what_is_written_is_read(tmp_path):
    folder = written(tmp_path / "a" / "model")
    assert folder == ModelFolder.read(tmp_path / "a" / "model")
    assert json.loads((folder.path / FACTS).read_text()) == {**FACTS_OF, "format": 1, "files": folder.files}
    assert (folder.path / "CARD.md").read_text() == "# A card\n"
    assert folder.file(ONNX).read_bytes() == b"onnx"
    assert folder.outputs == 2
    assert written(folder.path, {name: folder.file(name) for name in FILES}, proxy=True).proxy  # in its place, with other facts
    regression = written(tmp_path / "b", task="regression", labels=[], positive=None)
    assert regression.outputs == 1


def test_scores_are_calibrated_between_points_and_flat_beyond(tmp_path):
    folder = written(tmp_path)
    assert folder.calibrated(np.array([-1, 0, 0.25, 0.75, 2])).tolist() == [0, 0, 0.1, 0.2, 0.2]
    assert np.isnan(folder.calibrated(np.array([np.nan]))).all()
    assert written(tmp_path, calibration=None).calibrated(np.array([0.3])).tolist() == [0.3]


def test_a_threshold_has_a_name(tmp_path):
    folder = written(tmp_path)
    assert folder.threshold("kept_0.1") == {"*": 0.9, "de": 0.8}
    with pytest.raises(ValueError, match=r"no threshold 'kept'; it has kept_0\.1"):
        folder.threshold("kept")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"format": 2}, "format: Input should be 1"),
        ({"kind": "pickle"}, "kind: Input should be 'fasttext' or 'encoder'"),
        ({"code": "x"}, "code: Extra inputs are not permitted"),
        ({"proxy": "no"}, "proxy: Input should be a valid boolean"),
        ({"labels": ["good"]}, "labels: 1 of them"),
        ({"labels": ["good", "good"]}, "labels: one is named twice"),
        ({"positive": "bad"}, "positive: 'bad' is none of the labels"),
        ({"task": "regression"}, "labels: a regression has none"),
        ({"input": {"max_tokens": 16, "stride": 3}}, "input.stride: Extra inputs"),
        ({"input": {"max_tokens": 16, "windows": 3}}, "input: pool first reads one window"),
        ({"input": {"max_tokens": 16, "pool": "max"}}, "input: pool first reads one window"),
        ({"input": {}}, "input: an encoder needs max_tokens"),
        ({"input": {"max_tokens": 2}}, "input.max_tokens: Input should be greater"),
        ({"calibration": {"x": [0, 1], "y": [0]}}, "calibration: x and y are not of one length"),
        ({"calibration": {"x": [0, 0], "y": [0, 1]}}, "calibration: x must increase"),
        ({"calibration": {"x": [0, 1], "y": [1, 0]}}, "calibration: x must increase, and y never fall"),
        ({"calibration": {"x": [0, float("nan")], "y": [0, 1]}}, "calibration.x.1: Input should be a finite number"),
        ({"thresholds": {"kept_0.1": {"de": 0.5}}}, 'thresholds: kept_0.1 has none for "*"'),
        ({"files": {}}, "files: an encoder has model.onnx and tokenizer.json"),
        ({"files": {"../model.onnx": "0" * 64}}, "files: an encoder has model.onnx and tokenizer.json"),
        ({"files": {ONNX: "abc"}}, "files.model.onnx: String should match"),
        ({"files": dict.fromkeys((ONNX, TOKENIZER, SAFETENSORS), "0" * 64)}, "model.safetensors and config.json come together"),
        ({"files": dict.fromkeys((ONNX, TOKENIZER, CONFIG), "0" * 64)}, "model.safetensors and config.json come together"),
        ({"kind": "fasttext"}, "files: a fastText model is one of model.bin and model.ftz"),
        ({"kind": "fasttext", "files": dict.fromkeys(FASTTEXT, "0" * 64)}, "files: a fastText model is one of"),
        ({"kind": "fasttext", "files": {FASTTEXT[0]: "0" * 64}}, "input: fastText reads all words"),
    ],
)  # fmt: skip
def test_facts_that_cannot_be(tmp_path, changed, problem):
    with pytest.raises(ValueError, match=r"model\.json") as e:
        ModelFolder.read(edited(tmp_path, **changed))
    assert str(tmp_path / FACTS) in str(e.value)
    assert problem in str(e.value)


def test_files_that_are_not_those_named(tmp_path):
    written(tmp_path)
    (tmp_path / ONNX).write_bytes(b"other")
    with pytest.raises(ValueError, match=r"model\.onnx is not the file model\.json names: its sha256 is"):
        ModelFolder.read(tmp_path)
    (tmp_path / ONNX).unlink()
    with pytest.raises(ValueError, match=r"model\.onnx cannot be read"):
        ModelFolder.read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[1", b"\xff\xfe", b"[" * 100_000, b"[]"])
def test_facts_that_are_no_object(tmp_path, content):
    (tmp_path / FACTS).write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.json"):
        ModelFolder.read(tmp_path)
    with pytest.raises(ValueError, match="no model folder"):
        ModelFolder.read(tmp_path / "nothing")


def test_facts_are_not_read_whatever_their_length(tmp_path, monkeypatch):
    written(tmp_path)
    monkeypatch.setattr(model_folder, "MOST_FACTS_BYTES", 100)
    with pytest.raises(ValueError, match=r"model\.json is longer than"):
        ModelFolder.read(tmp_path)


def test_wrong_facts_leave_a_folder_as_it_was_and_half_a_folder_is_none(tmp_path):
    before = written(tmp_path)
    with pytest.raises(ValueError, match="positive: 'x' is none of the labels"):
        written(tmp_path, positive="x")
    assert ModelFolder.read(tmp_path) == before
    with pytest.raises(FileNotFoundError):
        written(tmp_path, {**FILES, ONNX: tmp_path / "nothing"})
    with pytest.raises(ValueError, match="no model folder"):
        ModelFolder.read(tmp_path)


def test_a_fasttext_model(tmp_path):
    folder = written(tmp_path, {FASTTEXT[1]: b"x"}, kind="fasttext", input=FASTTEXT_INPUT)
    assert folder.file(FASTTEXT[1]).read_bytes() == b"x"
    with pytest.raises(ValueError, match="task: fastText gives classes"):
        written(tmp_path, {FASTTEXT[1]: b"x"}, kind="fasttext", input=FASTTEXT_INPUT, task="regression", labels=[], positive=None)
