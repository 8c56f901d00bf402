import io
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stage_checks import run

from stages.quality.ccnet_text import Pieces
from stages.quality.perplexity import load_cutoffs, load_model, perplexity

ARPA = """\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-2\t<unk>\t0
-99\t<s>\t-0.5
-1\t</s>
-1\tred\t-0.25
-1.5\tfox\t0

\\2-grams:
-0.5\t<s> red
-0.75\tred fox

\\end\\
"""


@pytest.mark.parametrize(
    ("text", "code", "paper"),
    [
        ("  The CAFÉ opened in 1999. ", "the cafe opened in 0000.", "the cafe opened in 0000"),
        ("«Straße» – “no”…", '"straße" - "no"...', "straße  no"),
        ("\u0660\u0661 а\u0301б\x07\u200d", "00 аб\u200d", "00 аб\u200d"),
        ("你好,世界。", "你好,世界.", "你好世界"),
        ("", "", ""),
    ],
)
def test_normal_forms(text, code, paper):
    assert Pieces("code", None).normal(text) == code
    assert Pieces("paper", None).normal(text) == paper


def test_without_a_model_words_are_the_pieces():
    assert Pieces("code", None).of_lines(["Don't stop, 12 men.", " "]) == [["don't", "stop", "00", "men"], []]


def test_sentencepiece_pieces(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    lines = ["the red fox runs over the hill", "the fox is red", "over the red hill runs the fox"] * 20
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(tmp_path / "m"), vocab_size=40, hard_vocab_limit=False, minloglevel=2
    )
    pieces = Pieces("code", str(tmp_path / "m.model")).of_line("The RED fox")
    assert "".join(pieces) == "\u2581the\u2581red\u2581fox"


def test_what_is_no_sentencepiece_model_is_refused(tmp_path):
    pytest.importorskip("sentencepiece")
    (tmp_path / "m").write_bytes(b"no")
    with pytest.raises(ValueError, match="is no sentencepiece model"):
        Pieces("code", str(tmp_path / "m"))


@pytest.fixture
def model(tmp_path):
    pytest.importorskip("kenlm")
    (tmp_path / "m.arpa").write_text(ARPA)
    return str(tmp_path / "m.arpa")


def table(*texts, lang="en"):
    return pa.table({"text": pa.array(texts, pa.large_string()), "lang": [lang] * len(texts)})


def test_perplexity_is_ten_to_the_mean_of_pieces_and_ends(model):
    """red: -0.5; fox after red: -0.75; </s> after fox: back-off 0, -1. A second line: <unk> after <s>: -0.5 - 2; </s>: -1."""
    found = run(perplexity, table("Red FOX", "red fox\n\n  \nzebra", "", None, "\n \n"), models={"en": model})["perplexity"]
    assert found[0] == pytest.approx(10 ** (2.25 / 3), rel=1e-5)
    assert found[1] == pytest.approx(10 ** ((2.25 + 3.5) / 5), rel=1e-5)
    assert found[2:] == [None] * 3


def broken_text():
    """Two documents, of which the first has a byte that is not UTF-8, as a table from another program may."""
    raw = pa.array([b"red \xff fox", b"red fox"], pa.large_binary())
    return pa.Array.from_buffers(pa.large_string(), 2, raw.buffers())


def test_bytes_that_are_not_utf8_are_unknown_characters(model):
    found = run(perplexity, pa.table({"text": broken_text(), "lang": ["en", "en"]}), models={"en": model})["perplexity"]
    assert found[1] == pytest.approx(10 ** (2.25 / 3), rel=1e-5)
    assert found[0] == found[1]  # it is no word


def test_a_language_without_a_model_has_no_perplexity_unless_there_is_a_default(model):
    assert run(perplexity, table("red", lang="de"), models={"en": model})["perplexity"] == [None]
    assert run(perplexity, table("red", lang="de"), models={"default": model})["perplexity"][0] > 0


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [({"max_perplexity": "at"}, None), ({"max_perplexity": "under"}, "high_perplexity"), ({"min_perplexity": "at"}, None),
     ({"min_perplexity": "over"}, "low_perplexity"), ({"max_perplexity": {"default": 0.5, "en": None}}, None)],
)  # fmt: skip
def test_bounds(model, bounds, reason):
    value = run(perplexity, table("red fox"), models={"en": model})["perplexity"][0]
    near = {"at": value, **{name: float(np.nextafter(np.float32(value), np.float32(far))) for name, far in (("under", 0), ("over", 1e9))}}
    values = {name: near.get(bound, bound) if isinstance(bound, str) else bound for name, bound in bounds.items()}
    assert run(perplexity, table("red fox"), models={"en": model}, **values)["drop_reason"] == [reason]


@pytest.mark.parametrize(
    ("variant", "place", "bucket"),
    [("code", 29.9, "head"), ("code", 30, "middle"), ("code", 59.9, "middle"), ("code", 60, "tail"),
     ("paper", 33.3, "head"), ("paper", 33.4, "middle"), ("paper", 66.6, "middle"), ("paper", 66.7, "tail")],
)  # fmt: skip
def test_buckets_by_percentiles(model, tmp_path, variant, place, bucket):
    """The document is at the percentile `place` of its language."""
    value = run(perplexity, table("red fox"), models={"en": model})["perplexity"][0]
    line = [value + (k - place) for k in range(101)]
    (tmp_path / "cutoffs.json").write_text(json.dumps({"en": line}))
    values = {"models": {"en": model}, "cutoffs": str(tmp_path / "cutoffs.json"), "variant": variant}
    assert run(perplexity, table("red fox"), **values)["perplexity_bucket"] == [bucket]
    others = [b for b in ("head", "middle", "tail") if b != bucket]
    assert run(perplexity, table("red fox"), **values, keep=others)["drop_reason"] == ["bucket"]
    assert run(perplexity, table("red fox", lang="de"), **values, keep=others)["drop_reason"] == [None]


def test_files_that_are_no_models_or_cutoffs_are_refused(tmp_path):
    (tmp_path / "x").write_text('{"en": [1, 2]}')
    with pytest.raises(ValueError, match="is no file of cutoffs"):
        load_cutoffs(tmp_path / "x")
    (tmp_path / "y").write_text("[")
    with pytest.raises(ValueError, match="is no file of cutoffs"):
        load_cutoffs(tmp_path / "y")
    pytest.importorskip("kenlm")
    with pytest.raises(ValueError, match="is no ARPA or KenLM file"):
        load_model(str(tmp_path / "x"))


def test_cutoffs_of_a_run(tmp_path):
    rng = np.random.default_rng(1)
    values = rng.permutation(2_000).astype(float)
    lang = ["en"] * 1_500 + ["de"] * 500
    shuffled = rng.permutation(2_000)
    files = []
    for n, rows in enumerate((np.arange(2_000), shuffled)):
        for part in (0, 1):
            mine = rows[part::2]
            found = pa.array([None if v % 10 == 0 else v for v in values[mine]], pa.float32())
            path = tmp_path / f"{n}-{part}.parquet"
            pq.write_table(pa.table({"lang": [lang[i] for i in mine], "perplexity": found}), path)
            files.append(str(path))
    outs = []
    for n in (0, 1):
        out = tmp_path / f"{n}.json"
        call = [sys.executable, "-m", "classifiers.perplexity_cutoffs", str(out), *files[2 * n : 2 * n + 2], "--least", "600"]
        subprocess.run(call, check=True)
        outs.append(out.read_text())
    assert outs[0] == outs[1]
    cutoffs = load_cutoffs(tmp_path / "0.json")
    mine = [v for v, name in zip(values, lang, strict=True) if name == "en" and v % 10]
    assert list(cutoffs) == ["en"]
    assert cutoffs["en"][30] == pytest.approx(np.percentile(mine, 30))


@pytest.mark.parametrize(
    ("name", "said"),
    [("none.parquet", "No such file"), ("text.txt", "is no Parquet with columns"), ("p", 'Field "lang" does not exist')],
)
def test_files_without_perplexity_are_one_message(tmp_path, name, said):
    (tmp_path / "text.txt").write_text("text")
    pq.write_table(pa.table({"perplexity": [1.0]}), tmp_path / "p")
    call = [sys.executable, "-m", "classifiers.perplexity_cutoffs", str(tmp_path / "c.json"), str(tmp_path / name)]
    done = subprocess.run(call, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_of_the_projects_trainer_prefers_its_own_kind(tmp_path):
    pytest.importorskip("kenlm")
    from classifiers.ngram_lm import train, write_arpa

    out = io.StringIO()
    write_arpa(*train(Pieces("code", None).of_lines(["the red fox runs over the hill", "the fox sees the red hill"] * 5), 3), out)
    (tmp_path / "m.arpa").write_text(out.getvalue())
    found = run(perplexity, table("the red fox sees the hill", "hill the over fox fox sees"), models={"en": str(tmp_path / "m.arpa")})
    assert found["perplexity"][0] < found["perplexity"][1] / 3
