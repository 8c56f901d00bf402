from datetime import UTC, datetime

import pyarrow as pa
import pytest
from stage_checks import run_global

from stages.dedup.dedup_exact import dedup_exact


def table(*rows):
    """Rows of (text, year or None, id number)."""
    return pa.table(
        {
            "text": pa.array([r[0] for r in rows], pa.large_string()),
            "date": pa.array([r[1] and datetime(r[1], 1, 1, tzinfo=UTC) for r in rows], pa.timestamp("us", "UTC")),
            "id": pa.array([f"{r[2]:032x}" for r in rows], pa.string()),
        }
    )


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
def test_fates(values, rows, expected):
    """k = kept, a digit = dropped as a duplicate of that id, * = the same record again."""
    for tables in ([table(*rows)], [table(row) for row in rows]):
        columns = run_global(dedup_exact, *tables, **values)
        assert columns["drop_reason"] == [{"k": None, "*": "duplicate_record"}.get(c, "exact_duplicate") for c in expected]
        survivors = [None if c == "k" else f"{1 if c == '*' else int(c):032x}" for c in expected]
        assert columns["duplicate_of"] == survivors
