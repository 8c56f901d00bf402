import random
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from stage_checks import emitted, run_global

from stages.dedup.dedup_urls import dedup_urls


def table(*rows):
    """Rows of (url, year or None, id number[, body bytes])."""
    date = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "url": pa.array([r[0] for r in rows], pa.string()),
            "date": pa.array([r[1] and datetime(r[1], 1, 1, tzinfo=UTC) for r in rows], date),
            "id": pa.array([f"{r[2]:032x}" for r in rows], pa.string()),
            "body_bytes": pa.array([r[3] if len(r) > 3 else None for r in rows], pa.int64()),
        }
    )


def fates(*tables, **values):
    return run_global(dedup_urls, *tables, **values)["drop_reason"]


@pytest.mark.parametrize(
    ("keep", "rows", "expected"),
    [
        pytest.param("newest", [("a.com", 2020, 1), ("b.com", 2020, 2)], "kk", id="different"),
        pytest.param("newest", [("http://a.com/", 2020, 1), ("https://www.a.com", 2021, 2)], "uk", id="canonical"),
        pytest.param("newest", [("a", 2021, 1), ("a", 2022, 2), ("a", 2020, 3)], "uku", id="newest"),
        pytest.param("oldest", [("a", 2021, 1), ("a", 2022, 2), ("a", 2020, 3)], "uuk", id="oldest"),
        pytest.param("newest", [("a", None, 1), ("a", 2000, 2)], "uk", id="undated loses"),
        pytest.param("oldest", [("a", None, 1), ("a", 2000, 2)], "uk", id="undated loses to the oldest too"),
        pytest.param("newest", [("a", None, 2), ("a", None, 1)], "uk", id="ties go to the smallest id"),
        pytest.param("longest", [("a", 2022, 1, 5), ("a", 2020, 2, 9), ("a", 2021, 3, 9)], "uuk", id="longest"),
        pytest.param("longest", [("a", 2022, 1, None), ("a", 2020, 2, 0)], "uk", id="unknown length loses"),
        pytest.param("newest", [("a", 2020, 1), ("a", 2020, 1)], "kr", id="the same record again"),
        pytest.param("newest", [("a", 2020, 1), ("a", 2021, 2), ("a", 2021, 2)], "ukr", id="both reasons"),
        pytest.param("newest", [(None, 2020, 1), (None, 2020, 2), (None, 2020, 1)], "kkr", id="no url"),
        pytest.param("newest", [("", 2020, 1), ("", 2020, 2)], "ku", id="empty url"),
        pytest.param("newest", [("http://a.com/\U0001f600é", 2020, 1), ("x\x00", 2020, 2)], "kk", id="odd"),
    ],
)
def test_fates(keep, rows, expected):
    names = {"k": None, "u": "duplicate_url", "r": "duplicate_record"}
    assert fates(table(*rows), keep=keep) == [names[c] for c in expected]


def test_shards_and_order_do_not_matter():
    rng = random.Random(5)
    years = [None, 2019, 2020, 2021]
    rows = [(f"http://a.com/{rng.randint(0, 40)}", rng.choice(years), i, rng.randint(0, 3)) for i in range(200)]
    for keep in ("newest", "oldest", "longest"):
        whole = dict(zip([r[2] for r in rows], fates(table(*rows), keep=keep), strict=True))
        assert sum(v is None for v in whole.values()) == len({r[0] for r in rows})
        mixed = rng.sample(rows, len(rows))
        parts = [mixed[:50], mixed[50:51], mixed[51:]]
        again = fates(*[table(*part) for part in parts], keep=keep)
        assert dict(zip([r[2] for r in mixed], again, strict=True)) == whole


def test_a_collision_of_64_bits_deletes_nothing():
    params = dedup_urls.Params()
    rows = emitted(dedup_urls, table(("a", 2020, 1), ("b", 2020, 2), ("a", 2020, 3)), params, 0)
    rows = rows.set_column(0, "key", pa.array(np.zeros(3, np.uint64)))
    verdicts = dedup_urls.reduce(rows, params, 0).verdicts
    assert verdicts.column("row").to_pylist() == [2]
    streamed = [r.verdicts.column("row").to_pylist() for r in dedup_urls.stream(lambda: iter([rows]), params, 0)]
    assert streamed == [[2]]
