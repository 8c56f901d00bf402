"""The command counts files and adds references up."""

import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.quality.word_reference import load


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "classifiers.word_reference", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_it_counts_adds_up_and_refuses_what_does_not_fit(tmp_path):
    for name, text in (("a", "one two two"), ("b", "two three")):
        pq.write_table(pa.table({"text": [text], "lang": ["en"]}), tmp_path / f"{name}.parquet")
        assert command(tmp_path / f"{name}.arrow", tmp_path / f"{name}.parquet").returncode == 0
    assert command(tmp_path / "ab.arrow", tmp_path / "a.arrow", tmp_path / "b.arrow").returncode == 0
    rows, bits, tokens = load(tmp_path / "ab.arrow")
    assert (bits, tokens.split(",")[0]) == (18, "words in lower case")
    counted = rows.filter(pa.compute.less(rows["bucket"], 1 << 18))
    assert sorted(counted["count"].to_pylist()) == [1, 1, 3]
    wrong = command(tmp_path / "x.arrow", tmp_path / "a.arrow", "--bits", "12")
    assert wrong.returncode == 2
    assert "in 2**18 buckets; the others" in wrong.stderr
    assert not (tmp_path / "x.arrow").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [(["--bits", "99"], "invalid choice: 99"), (["--tokenizer", "no.json"], "no.json is no tokenizer.json file"),
     (["--by", "tongue"], "neither Parquet with the columns nor a reference")],
)  # fmt: skip
def test_a_mistake_is_one_message(tmp_path, more, said):
    pytest.importorskip("tokenizers")
    pq.write_table(pa.table({"text": ["one two"], "lang": ["en"]}), tmp_path / "a.parquet")
    wrong = command(tmp_path / "a.arrow", tmp_path / "a.parquet", *more)
    assert wrong.returncode == 2
    assert said in wrong.stderr
    assert "Traceback" not in wrong.stderr
