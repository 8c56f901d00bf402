"""Which blocks are kept, given their probabilities; and the model's file."""

import numpy as np
import pytest

from stages.extract import block_model as m
from stages.extract.block_model import Forest, decide, judge, load
from stages.extract.features import kin
from stages.extract.page import read


@pytest.mark.parametrize(
    ("p", "words", "kept"),
    [
        pytest.param([0.9, 0.1], [100, 100], [True, False], id="clear"),
        pytest.param([0.9, 0.6, 0.5], [100, 100, 100], [True, True, True], id="nothing likely is dropped"),
        pytest.param([0.3, 0.3, 0.3], [100, 100, 100], [True, True, True], id="an unsure page keeps more"),
        pytest.param([0.95, 0.3], [100, 100], [True, False], id="a sure page keeps less"),
        pytest.param([0.19, 0.19], [400, 400], [False, False], id="below the lowest"),
        pytest.param([0.2, 0.15], [200, 100], [True, False], id="the lowest is kept"),
        pytest.param([0.3, 0.3], [40, 43], [False, False], id="too few words expected"),
        pytest.param([0.3, 0.3], [40, 44], [True, True], id="just enough"),
        pytest.param([0.9], [7], [False], id="seven likely words"),
        pytest.param([0.9], [8], [True], id="eight likely words"),
        pytest.param([], [], [], id="no blocks"),
    ],
)
def test_decide(p, words, kept):
    assert decide(np.array(p), np.array(words, np.float64)).keep.tolist() == kept


def test_confidence_is_the_expected_f1():
    judged = decide(np.array([0.8, 0.6]), np.array([100.0, 50.0]))
    assert judged.keep.all()
    assert judged.confidence == pytest.approx(2 * 110 / (150 + 110))


def constant(p):
    """A forest that says p of everything."""
    return Forest(np.zeros((1, 1), np.int32), np.zeros((1, 1), np.float32), np.zeros((1, 2), np.float32), np.float32(np.log(p / (1 - p))))


@pytest.mark.parametrize(
    ("page", "kept"),
    [
        pytest.param("<pre>x = call(1)\ny = call(2)</pre>", True, id="code"),
        pytest.param("<p>some <script type='math/tex'>x_1</script> here", True, id="a formula in a line"),
        pytest.param("<script type='math/tex; mode=display'>x_1</script>", True, id="a formula of its own"),
        pytest.param("<p>some text here", False, id="text"),
    ],
)
def test_code_and_formulas_are_at_least_half_likely(page, kept):
    read_page = read(page.encode())
    judged = judge(read_page.tree, read_page.blocks, "", None, constant(0.1))
    assert (judged.p >= m.HIGHEST).tolist() == [kept]


def test_a_model_is_read_as_it_was_written(tmp_path):
    m.save(constant(0.3), tmp_path / "a.npz")
    assert all(np.array_equal(x, y) for x, y in zip(constant(0.3), load(tmp_path / "a.npz"), strict=True))


def test_blocks_of_a_kind_go_together():
    like, words = np.array([7, 7, 3], np.uint64), np.array([9.0, 29.0, 5.0])
    mean = (0.8 * 10 + 0.2 * 30) / 40
    assert m.smoothed(np.array([0.8, 0.2, 0.5]), words, like) == pytest.approx([0.4 * 0.8 + 0.6 * mean, 0.4 * 0.2 + 0.6 * mean, 0.5])


def test_kin_share_template_and_place():
    page = read(b"<div class=list><p class=a>1</p><p class=a>2</p><p>3</p></div><ul><li class=a><p class=a>4</p></ul>")
    keys = kin(page.tree, page.blocks).tolist()
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda path: path.write_bytes(b"PK nothing"), id="no archive"),
        pytest.param(lambda path: path.write_bytes(b"PK\x03\x04 cut"), id="a broken archive"),
        pytest.param(lambda path: path.write_bytes(b"\x93NUMPY\x01\x00"), id="an array"),
        pytest.param(lambda path: np.savez(path, names=np.array(["x"])), id="other features"),
        pytest.param(lambda path: np.savez(path, names=np.array(m.NAMES)), id="no forest"),
        pytest.param(lambda path: np.savez(path, names=np.array([object()], dtype=object)), id="a pickle"),
        pytest.param(lambda path: None, id="no file"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, write):
    write(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"a\.npz is no block model"):
        load(tmp_path / "a.npz")


def test_the_shipped_model_loads():
    assert len(load().feature) > 50
