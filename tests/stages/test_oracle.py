"""What datatrove says of 500 made-up texts, given our words and sentences, as `python -m bench.oracle FILE` recorded it."""

import json
import zlib
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from bench.odd_texts import odd_texts
from curation import registry

RECORD = json.loads((Path(__file__).parent / "oracle_verdicts.json").read_text(encoding="utf-8"))
TEXTS = list(odd_texts(500))


def test_the_texts_are_those_recorded():
    assert zlib.crc32("\0".join(TEXTS).encode()) == RECORD["texts"]


@pytest.mark.parametrize(
    ("recorded", "stage", "variant", "reasons"),
    [
        ("gopher_repetition", "gopher_repetition", "datatrove", 12),
        ("gopher_quality", "gopher_quality", "datatrove", 6),
        ("fineweb_quality", "fineweb_quality", "datatrove", 5),
        ("fineweb_quality_0_2", "fineweb_quality", "datatrove_0_2", 4),
        ("c4_quality", "c4_quality", "datatrove", 3),
        ("c4_quality_fineweb", "c4_quality", "fineweb", 3),
    ],
)
def test_verdicts_are_those_of_datatrove(recorded, stage, variant, reasons):
    columns = registry.lookup(stage)(pa.table({"text": pa.array(TEXTS, pa.large_string())}), variant=variant)
    found = columns["drop_reason"].to_pylist()
    said = RECORD[recorded]
    if "text" in columns:  # what is left of a text is compared where the document stays
        found = [[reason, reason or zlib.crc32(text.encode())] for reason, text in zip(found, columns["text"].to_pylist(), strict=True)]
        said = [[reason, reason or left] for reason, left in said]
    assert found == said
    kinds = Counter(v[0] if isinstance(v, list) else v for v in found)
    assert len(kinds) - 1 >= reasons
    assert kinds[None] >= 50, "too few of the texts pass for this to say much"
