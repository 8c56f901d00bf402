import random
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from stages.dedup.canonical_url import canonical_url
from stages.dedup.dedup_urls import dedup_urls
from tests.test_every_stage import apply_global

REASONS = {"k": None, "u": "duplicate_url", "r": "duplicate_record"}


def table(*rows):
    """Rows of (url, year or None, id number[, body bytes])."""
    return pa.table(
        {
            "url": pa.array([r[0] for r in rows], pa.string()),
            "date": pa.array([r[1] and datetime(r[1], 1, 1, tzinfo=UTC) for r in rows], pa.timestamp("us", "UTC")),
            "id": pa.array([f"{r[2]:032x}" for r in rows], pa.string()),
            "body_bytes": pa.array([r[3] if len(r) > 3 else None for r in rows], pa.int64()),
        }
    )


def fates(rows, size=1 << 20, **values):
    """Reason and survivor of each document, in shards of `size`."""
    columns = apply_global(dedup_urls, dedup_urls.params(**values), table(*rows), size)
    return list(zip(columns["drop_reason"].to_pylist(), columns["duplicate_of"].to_pylist(), strict=True))


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("keep", "rows", "expected"),
    [
        pytest.param("newest", [("a.com", 2020, 1), ("b.com", 2020, 2)], "kk", id="different"),
        pytest.param("newest", [("http://a.com/", 2020, 1), ("https://www.a.com", 2021, 2)], "uk", id="canonical"),
        pytest.param("newest", [("a", 2021, 1), ("a", 2022, 2), ("a", 2020, 3)], "uku", id="newest"),
        pytest.param("oldest", [("a", 2021, 1), ("a", 2022, 2), ("a", 2020, 3)], "uuk", id="oldest"),
        pytest.param("newest", [("a", 1960, 1), ("a", 1969, 2), ("a", 1950, 3)], "uku", id="newest before 1970"),
        pytest.param("oldest", [("a", 1960, 1), ("a", 1980, 2), ("a", 1950, 3)], "uuk", id="oldest before 1970"),
        pytest.param("newest", [("a", None, 1), ("a", 2000, 2)], "uk", id="undated loses"),
        pytest.param("oldest", [("a", None, 1), ("a", 2000, 2)], "uk", id="undated loses to the oldest too"),
        pytest.param("newest", [("a", None, 2), ("a", None, 1)], "uk", id="ties go to the smallest id"),
        pytest.param(
            "newest", [("a", 2020, 2**100), ("a", 2020, 2**90), ("a", 2020, 2**100 + 1)], "uku", id="ties in the high half of ids"
        ),
        pytest.param("longest", [("a", 2022, 1, 5), ("a", 2020, 2, 9), ("a", 2021, 3, 9)], "uuk", id="longest"),
        pytest.param("longest", [("a", 2022, 1, None), ("a", 2020, 2, 0)], "uk", id="unknown length loses"),
        pytest.param("newest", [("a", 2020, 1), ("a", 2020, 1)], "kr", id="the same record again"),
        pytest.param("newest", [("a", 2020, 1), ("a", 2021, 2), ("a", 2021, 2)], "ukr", id="both reasons"),
        pytest.param("newest", [("a", 2020, 1), ("a", 2020, 1), ("a", 2021, 2)], "uuk", id="a record twice, and a newer one"),
        pytest.param("newest", [(None, 2020, 1), (None, 2020, 2), (None, 2020, 1)], "kkr", id="no url"),
        pytest.param("newest", [("", 2020, 1), ("", 2020, 2)], "kk", id="empty url"),
        pytest.param("newest", [("http://a.com/\U0001f600é", 2020, 1), ("x\x00", 2020, 2)], "kk", id="odd"),
        pytest.param("newest", [], "", id="nothing"),
    ],
)
def test_fates(keep, rows, expected, size):
    found = fates(rows, size, keep=keep)
    assert [reason for reason, _ in found] == [REASONS[c] for c in expected]
    kept = {f"{row[2]:032x}" for row, c in zip(rows, expected, strict=True) if c == "k"}
    assert all(survivor in kept if reason else survivor is None for reason, survivor in found)


def oracle(rows, keep):
    """The same in Python: reason and survivor of each row."""
    sign = {"newest": -1, "oldest": 1, "longest": -1}[keep]

    def place(n):
        _, year, number, *length = rows[n]
        by_date = (year is None, sign * (year or 0))
        by_length = (length[0] is None, -(length[0] or 0)) if keep == "longest" else ()
        return (*by_length, *by_date, number, n)

    groups = {}
    for n, row in enumerate(rows):
        groups.setdefault((not row[0], row[2] if not row[0] else canonical_url(row[0])), []).append(n)
    out = [(None, None)] * len(rows)
    for group in groups.values():
        best, *others = sorted(group, key=place)
        for n in others:
            same = rows[n][2] == rows[best][2]
            out[n] = ("duplicate_record" if same else "duplicate_url", f"{rows[best][2]:032x}")
    return out


def made_up(count, seed):
    """Rows whose URLs, dates, lengths and ids meet often, in several spellings of a URL."""
    rng = random.Random(seed)
    spellings = ("http://a.com/%d", "https://www.a.com:443/%d/", "HTTP://A.com/x/../%d?utm_source=q#top", "http://u@a.com/%d")
    for _ in range(count):
        url = rng.choice(spellings) % rng.randint(0, count // 3) if rng.random() < 0.9 else rng.choice([None, "", "no url"])
        yield url, rng.choice([None, 1969, 2020, 2021]), rng.randint(0, 30) << rng.choice([0, 64]), rng.choice([None, 0, 7, 9])


@pytest.mark.parametrize("keep", ["newest", "oldest", "longest"])
def test_an_oracle_agrees_in_any_order_and_in_any_shards(keep):
    rows = list(made_up(3_000, seed=5))
    for size in (1 << 20, 1_000, 7):
        random.Random(size).shuffle(rows)
        found = fates(rows, size, keep=keep)
        assert found == oracle(rows, keep)
    reasons = [reason for reason, _ in found]
    assert min(reasons.count(reason) for reason in (None, "duplicate_url", "duplicate_record")) > 20


def test_dates_of_any_unit_and_none_at_all():
    rows = table(("a", 2020, 1), ("a", 2021, 2), ("a", None, 3))
    for kind in (pa.timestamp("s"), pa.timestamp("ns", "UTC"), pa.timestamp("ms", "Europe/Berlin")):
        other = rows.set_column(
            1, "date", rows["date"].cast(pa.timestamp("us")).cast(kind, safe=False) if kind.tz is None else rows["date"].cast(kind)
        )
        columns = apply_global(dedup_urls, dedup_urls.params(), other, 2)
        assert columns["drop_reason"].to_pylist() == ["duplicate_url", None, "duplicate_url"]
    columns = apply_global(dedup_urls, dedup_urls.params(), rows.set_column(1, "date", pa.nulls(3)), 2)
    assert columns["duplicate_of"].to_pylist() == [None, f"{1:032x}", f"{1:032x}"]


def test_keys_are_spread_where_ids_are_not():
    from curation.stage import Batch

    keys = dedup_urls.emit(Batch(table(*[(None, 2020, n) for n in range(4_096)])), dedup_urls.params()).key
    assert len(np.unique(keys)) == 4_096
    parts = np.bincount((keys >> np.uint64(60)).astype(int), minlength=16)
    assert parts.min() > 180
    assert parts.max() < 340
