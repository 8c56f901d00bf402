"""Ids, and the set of seen ids."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from curation.documents import (
    CORE,
    IdSet,
    document_ids,
    record_ids,
)
from tests.cpu_time import within_cpu_seconds

HEX = "0123456789abcdef0123456789abcdef"
NO_DATES = pa.nulls(1, CORE["date"])


def ids_of(given, url=None, date=None, offset=7, kind="parquet", relative="a.parquet"):
    return document_ids(
        kind,
        None if given is None else pa.array(given),
        url=pa.array([url], pa.string()),
        date=pa.array([date], CORE["date"]),
        relative=relative,
        offset=pa.array([offset]),
    ).to_pylist()


def test_record_ids_are_the_same_everywhere():
    assert record_ids("warc", ["<urn:uuid:1>", "é"]).to_pylist() == [
        "9d11de6d490d832a5a9b1f42abb6622a",
        "a7e604abf4c2bd69f480aef295d8fb2e",
    ]


@pytest.mark.parametrize("make", [list, pa.array, lambda v: pa.array(v, pa.large_string())])
def test_record_ids_do_not_depend_on_the_container(make):
    keys = ["a", "", "ü" * 100]
    assert record_ids("k", make(keys)).equals(record_ids("k", keys))


def test_record_ids_differ_by_kind_and_key():
    ids = [*record_ids("a", ["x", "y"]).to_pylist(), *record_ids("b", ["x", "y"]).to_pylist()]
    assert len(set(ids)) == 4
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    assert record_ids("a", pa.array(["x", None])).to_pylist()[1] is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([HEX], [HEX], id="32 hex digits stay"),
        pytest.param([HEX.upper()], [HEX], id="upper case becomes lower"),
        pytest.param([HEX[:-1]], record_ids("parquet", [HEX[:-1]]).to_pylist(), id="31 digits are hashed"),
        pytest.param([HEX[:-1] + "g"], record_ids("parquet", [HEX[:-1] + "g"]).to_pylist(), id="not hex"),
        pytest.param([12], record_ids("parquet", ["12"]).to_pylist(), id="a number is hashed as text"),
        pytest.param([None], record_ids("parquet", ["a.parquet:7"]).to_pylist(), id="null: file and offset"),
        pytest.param(None, record_ids("parquet", ["a.parquet:7"]).to_pylist(), id="no ids at all"),
    ],
)
def test_document_ids(given, expected):
    assert ids_of(given) == expected


def test_an_id_is_made_of_url_and_date_where_both_are_known():
    day, url = datetime(2020, 1, 1, tzinfo=UTC), "http://a.com/"
    made = ids_of(None, url, day)
    assert made == ids_of(None, url, day, offset=8, relative="b.parquet")
    assert made != ids_of(None, url, datetime(2020, 1, 2, tzinfo=UTC))
    assert ids_of(None, url, None) == ids_of(None, None, day) == ids_of(None)


def test_document_ids_of_a_mixed_column():
    given = [HEX, None, "x", HEX.upper(), None]
    n = len(given)
    ids = document_ids(
        "jsonl",
        pa.array(given),
        url=pa.nulls(n, pa.string()),
        date=pa.nulls(n, CORE["date"]),
        relative="f",
        offset=pa.array(range(n)),
    ).to_pylist()
    made = record_ids("jsonl", ["f:1", "x", "f:4"]).to_pylist()
    assert ids == [HEX, made[0], made[1], HEX, made[2]]


def test_id_set_finds_what_was_seen():
    seen = IdSet(capacity=1)
    first = record_ids("k", [str(i) for i in range(5000)])
    assert not seen.add(first).any()
    assert seen.add(first).all()
    assert len(seen) == 5000
    again = pa.concat_arrays([record_ids("k", ["new", "new"]), first[:2], record_ids("k", ["new"])])
    assert seen.add(again).tolist() == [False, True, True, True, True]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        pytest.param(["0" * 32, "0" * 32], [False, True], id="all zeros, twice"),
        pytest.param(["0" * 31 + "1", "0" * 32, "1" + "0" * 31], [False] * 3, id="nearly zero"),
        pytest.param([HEX, HEX.upper()], [False, True], id="case does not matter"),
        pytest.param([], [], id="none"),
    ],
)
def test_id_set(ids, expected):
    assert IdSet().add(pa.array(ids, pa.string())).tolist() == expected


@pytest.mark.parametrize("ids", [[None], ["x" * 32], [HEX[:-1]]])
def test_id_set_refuses_what_is_no_id(ids):
    with pytest.raises(ValueError, match="32 hex digits"):
        IdSet().add(pa.array(ids, pa.string()))


def test_id_set_agrees_with_a_python_set():
    random = np.random.default_rng(1)
    seen, model = IdSet(), set()
    for _ in range(20):
        ids = [f"{value:032x}" for value in random.integers(0, 3000, 500)]
        expected = []
        for one in ids:
            expected.append(one in model)
            model.add(one)
        assert seen.add(pa.array(ids)).tolist() == expected
    assert len(seen) == len(model)


def test_ids_of_a_pattern_do_not_crowd():
    """Ids that count up in one half, in the other, or in both with opposite bits: a few probes each, not thousands."""
    n = 100_000
    IdSet().add(record_ids("k", ["compiles the kernels"]))
    for pattern in ("{0:032x}", "{0:016x}" + "0" * 16, "{1:016x}{0:016x}"):
        ids = pa.array([pattern.format(i, i << 1) for i in range(n)])
        assert not IdSet().add(ids).any()
        within_cpu_seconds(2, lambda ids=ids: IdSet().add(ids))
