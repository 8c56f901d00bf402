"""The trainer of the block model: labels, folds, and a model that comes out the same twice."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from classifiers import blocks
from classifiers.blocks import aligned, fold, pages, sample
from stages.extract.block_model import load

ROOT = Path(__file__).resolve().parent.parent.parent


def found(page, gold):
    words = {w: i for i, w in enumerate(sorted({*page.split(), *gold.split()}))}
    hashes = [np.array([words[w] for w in text.split()], np.uint64) for text in (page, gold)]
    return "".join(w if hit else "-" for w, hit in zip(page.split(), aligned(*hashes), strict=True))


@pytest.mark.parametrize(
    ("page", "gold", "expected"),
    [
        pytest.param("a b c", "a b c", "abc", id="all"),
        pytest.param("x a b y c z", "a b c", "-ab-c-", id="in order"),
        pytest.param("a x y a b c", "a b c", "---abc", id="a run beats a scattered word"),
        pytest.param("c a b", "a b c", "-ab", id="order counts"),
        pytest.param("a b", "", "--", id="no gold"),
        pytest.param("", "a", "", id="no page"),
        pytest.param("a a a", "a", "a--", id="each gold word once"),
    ],
)
def test_alignment(page, gold, expected):
    assert found(page, gold) == expected


def test_long_pages_are_cut(monkeypatch):
    monkeypatch.setattr(blocks, "MAX_WORD_PAIRS", 6)
    assert aligned(np.ones(5, np.uint64), np.ones(3, np.uint64)).tolist() == [True, True, False, False, False]


def test_a_fold_is_a_domains():
    assert fold("http://www.a.example/x", "1") == fold("https://a.example/y?z", "2")
    assert {fold(None, str(i)) for i in range(60)} == set(range(5))
    assert {fold(f"http://site{i}.example/", "1") for i in range(60)} == set(range(5))


STORY = "The keeper of the garden walked along the river every morning, and wrote down what she found there. "


def row(number, source="cases"):
    story = f"<p>{STORY * (1 + number % 3)}</p><p>Number {number} of many stories about the river ends here, as it began.</p>"
    menu = "".join(f"<li><a href=/{i}>Entry {i}</a>" for i in range(8))
    body = f"<div class=menu><ul>{menu}</ul></div><div class=entry-content>{story}</div><div class=footer>© {number}</div>"
    html = f"<title>Story {number}</title>{body}"
    gold = STORY * (1 + number % 3) + f"Number {number} of many stories about the river ends here, as it began."
    return {"id": str(number), "url": f"http://site{number}.example/", "source": source, "html": html, "gold": gold}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("pages")
    rows = [*(row(i) for i in range(25)), row(99, source="of-somebody-else"), {**row(98), "gold": None}]
    with gzip.open(made / "pages-00.jsonl.gz", "wt") as f:
        f.writelines(json.dumps(r) + "\n" for r in rows)
    return made


def test_only_the_sources_named_are_read(folder):
    assert [r["id"] for r in pages(folder)] == [str(i) for i in range(25)]
    with pytest.raises(FileNotFoundError, match="no pages"):
        next(pages(folder / "nowhere"))


def test_labels_are_the_share_of_words_in_the_gold(folder):
    one = sample(next(pages(folder)))
    assert one.label.tolist() == [0.0] * 8 + [1.0, 1.0, 0.0]
    assert one.weight.sum() == pytest.approx(100 * blocks.SOURCES["cases"])


def test_the_command_writes_the_same_model_twice(folder, tmp_path):
    for name in ("one", "two"):
        command = [sys.executable, "-m", "classifiers.blocks", str(folder), "--out", str(tmp_path / name), "--rounds", "20"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stderr
        assert done.stderr.startswith("25 pages, 275 blocks")
    first, second = load(tmp_path / "one" / "blocks.npz"), load(tmp_path / "two" / "blocks.npz")
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert (tmp_path / "one" / "blocks.npz").read_bytes() == (tmp_path / "two" / "blocks.npz").read_bytes()
