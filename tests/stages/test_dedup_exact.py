import random
import unicodedata
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from stages.dedup.dedup_exact import dedup_exact
from tests.test_every_stage import apply_global


def table(*rows):
    """Rows of (text, year or None, id number)."""
    return pa.table(
        {
            "text": pa.array([r[0] for r in rows], pa.large_string()),
            "date": pa.array([r[1] and datetime(r[1], 1, 1, tzinfo=UTC) for r in rows], pa.timestamp("us", "UTC")),
            "id": pa.array([f"{r[2]:032x}" for r in rows], pa.string()),
        }
    )


def fates(rows, size=1 << 20, **values):
    """Reason and survivor of each document, in shards of `size`."""
    columns = apply_global(dedup_exact, dedup_exact.params(**values), table(*rows), size)
    return list(zip(columns["drop_reason"].to_pylist(), columns["duplicate_of"].to_pylist(), strict=True))


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("values", "rows", "expected"),
    [
        pytest.param({}, [("a b", 2020, 1), ("a c", 2020, 2)], "kk", id="different"),
        pytest.param({}, [("a b", 2020, 1), ("a b", 2021, 2), ("a b", 2019, 3)], "2k2", id="newest"),
        pytest.param({"keep": "oldest"}, [("a", 2020, 1), ("a", 2021, 2), ("a", 2019, 3)], "33k", id="oldest"),
        pytest.param({}, [("a", None, 2), ("a", None, 1), ("a", None, 3)], "1k1", id="ties by id"),
        pytest.param({}, [("a b", 2020, 1), ("A  b", 2020, 2)], "kk", id="raw bytes differ"),
        pytest.param({"normalize": "folded"}, [("a b ", 2020, 1), ("\nA \u3000b", 2020, 2)], "k1", id="folded"),
        pytest.param({"normalize": "folded"}, [("e\u0301", 2020, 1), ("É", 2020, 2), ("e", 2020, 3)], "k1k", id="nfc"),
        pytest.param({}, [("", 2020, 1), ("", 2020, 2), (None, 2020, 3)], "kkk", id="empty: each its own"),
        pytest.param({"normalize": "folded"}, [(" ", 2020, 1), ("\n", 2020, 2)], "kk", id="blank: each its own"),
        pytest.param({}, [("a", 2020, 1), ("a", 2020, 1)], "k*", id="the same record"),
        pytest.param({}, [("", 2020, 1), ("", 2020, 1)], "k*", id="the same record without text"),
        pytest.param({}, [("\x00\U0001f600", 2020, 1), ("\x00\U0001f600", 2020, 2)], "k1", id="odd characters"),
    ],
)
def test_fates(values, rows, expected, size):
    """k = kept, a digit = dropped as a duplicate of that id, * = the same record again."""
    found = fates(rows, size, **values)
    assert [r for r, _ in found] == [{"k": None, "*": "duplicate_record"}.get(c, "exact_duplicate") for c in expected]
    assert [of for _, of in found] == [None if c == "k" else f"{1 if c == '*' else int(c):032x}" for c in expected]


@pytest.mark.parametrize("normalize", ["raw", "folded"])
def test_an_oracle_agrees_in_any_order_and_in_any_shards(normalize):
    rng = random.Random(2)
    words = ["É", "e\u0301", "É", "A", "a", " ", "\n", "\u3000", "中文", ""]
    rows = [("".join(rng.choices(words, k=rng.randint(0, 4))), rng.choice([None, 2020, 2021]), rng.randint(1, 900)) for _ in range(2_000)]
    for size in (1 << 20, 300, 7):
        rng.shuffle(rows)
        groups = {}
        for n, (text, _, number) in enumerate(rows):
            form = text if normalize == "raw" else " ".join(unicodedata.normalize("NFC", text).lower().split())
            groups.setdefault(form or number, []).append(n)
        expected = [(None, None)] * len(rows)
        for group in groups.values():
            best, *others = sorted(group, key=lambda n: (rows[n][1] is None, -(rows[n][1] or 0), rows[n][2], n))
            for n in others:
                reason = "duplicate_record" if rows[n][2] == rows[best][2] else "exact_duplicate"
                expected[n] = (reason, f"{rows[best][2]:032x}")
        assert fates(rows, size, normalize=normalize) == expected
    assert {None, "exact_duplicate", "duplicate_record"} == {reason for reason, _ in expected}
