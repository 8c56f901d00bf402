"""Records: written once, folded into segments, never lost, never overruled by a late attempt."""

import json
import math
import os
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import ledger as module
from curation.errors import AccountError
from curation.ledger import NULL_BIN, Account, Ledger, Stats, bin_edges, histogram_bins


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch):
    monkeypatch.setattr(module, "SEGMENT_RECORDS", 8)


def commit(folder, n, attempt="a"):
    return Ledger.commit(folder, f"{n:04d}", {"key": f"{n:04d}", "file": f"{n}.{attempt}"}, {"n": n})


def files(folder):
    ledger = Ledger(folder)
    return {k: ledger.get(k)["file"] for k in ledger.heads()}


def said(folder, keys=None):
    """The numbers in the stats of some tasks, of all in the order of their keys."""
    ledger = Ledger(folder)
    return [stats["n"] for stats in ledger.said(ledger.places(keys or sorted(ledger.heads())))]


def filled(folder, n):
    ledger = Ledger(folder)
    for i in range(n):
        commit(folder, i)
        ledger.note(f"{i:04d}")
    return ledger


def test_a_record_is_written_once(tmp_path):
    assert commit(tmp_path, 1, "first")
    assert not commit(tmp_path, 1, "second")
    assert files(tmp_path) == {"0001": "1.first"}
    assert os.listdir(tmp_path / "records") == ["0001.json"]


def test_records_are_folded(tmp_path):
    filled(tmp_path, 30)
    assert len(list((tmp_path / "records").iterdir())) == 6
    assert len(list((tmp_path / "segments").glob("*.heads"))) == 3
    assert files(tmp_path) == {f"{i:04d}": f"{i}.a" for i in range(30)}
    assert said(tmp_path) == list(range(30))
    assert said(tmp_path, ["0028", "0003"]) == [28, 3]
    assert Ledger(tmp_path).get("0003") == {"key": "0003", "file": "3.a"}
    assert Ledger(tmp_path).get("none") is None


def test_a_record_that_the_driver_has_not_heard_of_is_not_folded_away(tmp_path):
    """Another worker wrote it while the records of the others were folded."""
    ledger = Ledger(tmp_path)
    ledger.heads()
    commit(tmp_path, 99)
    for i in range(8):
        commit(tmp_path, i)
        ledger.note(f"{i:04d}")
    assert len(list((tmp_path / "segments").glob("*.heads"))) == 1
    assert ledger.note("0099")["file"] == "99.a"
    assert files(tmp_path) == {f"{i:04d}": f"{i}.a" for i in (*range(8), 99)}


@pytest.mark.parametrize("stop_at", range(1, 14))
def test_ended_at_any_write_of_a_compaction(tmp_path, monkeypatch, stop_at):
    """Whatever stands on disk then is all there, once."""
    filled(tmp_path, 15)
    commit(tmp_path, 15)
    calls = [0]

    class Stop(Exception):
        pass

    def counted(real):
        def call(*arguments):
            calls[0] += 1
            if calls[0] == stop_at:
                raise Stop
            return real(*arguments)

        return call

    with monkeypatch.context() as m:
        m.setattr(module, "replace", counted(module.replace))
        m.setattr(module.os, "unlink", counted(os.unlink))
        try:
            Ledger(tmp_path).compact()
        except Stop:
            assert calls[0] == stop_at
        else:
            assert stop_at > 10
    assert files(tmp_path) == {f"{i:04d}": f"{i}.a" for i in range(16)}
    for i in range(16, 30):
        commit(tmp_path, i)
    Ledger(tmp_path).compact()
    assert files(tmp_path) == {f"{i:04d}": f"{i}.a" for i in range(30)}
    assert said(tmp_path) == list(range(30))


def test_a_late_attempt_never_wins(tmp_path):
    filled(tmp_path, 8)
    assert commit(tmp_path, 3, "late")  # its record is gone into a segment, so the name is free
    assert files(tmp_path)["0003"] == "3.a"
    for i in range(8, 16):
        commit(tmp_path, i)
    Ledger(tmp_path).compact()
    assert not list((tmp_path / "records").iterdir())
    assert files(tmp_path)["0003"] == "3.a"
    assert said(tmp_path) == list(range(16))


def test_an_unfinished_write_is_no_record(tmp_path):
    commit(tmp_path, 1)
    (tmp_path / "records" / ".0002.json.abcd").write_text("{")
    assert list(files(tmp_path)) == ["0001"]


NUMBERS = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.integers(-(10**6), 10**6).map(float), st.just(0.0))


@settings(max_examples=200, deadline=None)
@given(values=st.lists(st.one_of(st.none(), NUMBERS), max_size=20))
def test_a_value_lies_in_its_bin(values):
    bins = histogram_bins(pa.array(values, pa.float64())).tolist()
    for value, index in zip(values, bins, strict=True):
        if value is None or not math.isfinite(value):
            assert index == NULL_BIN
            continue
        low, high = bin_edges(index)
        if value == 0 or 2.0**-61 <= abs(value) < 2.0**64:
            assert low <= value <= high
            assert value == 0 or high - low <= abs(value) / 4
        assert (index > 0) == (value > 0)
        assert (index < 0) == (value < 0)


def test_bins_join_without_gaps():
    for index in range(1, 1000):
        assert bin_edges(index)[1] == bin_edges(index + 1)[0]
        assert bin_edges(-index) == tuple(-x for x in reversed(bin_edges(index)))


def test_bins_of_whole_numbers_and_booleans():
    assert len(set(histogram_bins(pa.array(range(9), pa.int32())).tolist())) == 9
    assert histogram_bins(pa.array([True, False, None])).tolist() == [*histogram_bins(pa.array([1.0, 0.0])).tolist(), NULL_BIN]


def test_histograms_add_up():
    rng = random.Random(0)
    values = [rng.random() * 100 for _ in range(500)]
    one, two = Stats(), Stats()
    kept = [v > 20 for v in values]
    one.measure("s", "m", pa.array(values), pa.array(kept).to_numpy(zero_copy_only=False))
    for i in range(0, 500, 50):
        two.measure("s", "m", pa.array(values[i : i + 50]), pa.array(kept[i : i + 50]).to_numpy(zero_copy_only=False))
    assert one.plain() == two.plain()
    assert [sum(side) for side in zip(*one.plain()["s"]["metrics"]["m"].values(), strict=True)] == [sum(kept), 500 - sum(kept)]


def test_counts_by_dimension():
    stats = Stats()
    t = pa.table({"text": ["ab", "c", None], "lang": ["en", None, "en"], "domain": ["a.com", "b.com", "a.com"],
                  "date": pa.array([0, 0, 40 * 86_400_000_000], pa.timestamp("us", tz="UTC")), "n_tokens": [1, 2, None]})  # fmt: skip
    stats.count("s", "kept", t)
    entry = stats.plain()["s"]["verdicts"]["kept"]
    assert (entry["documents"], entry["bytes"], entry["tokens"]) == (3, 3, 3)
    assert entry["by"] == {
        "lang": {"en": [2, 2, 1], "": [1, 1, 2]},
        "domain": {"a.com": [2, 2, 1], "b.com": [1, 1, 2]},
        "date": {"1970-01": [2, 3, 3], "1970-02": [1, 0, 0]},
    }
    stats.count("s", "kept", t, np.array([0, 0, 1]))
    entry = stats.plain()["s"]["verdicts"]["kept"]
    assert (entry["documents"], entry["bytes"], entry["tokens"]) == (6, 8, 7)
    assert entry["by"]["lang"] == {"en": [4, 6, 3], "": [2, 2, 4]}


def test_documents_whose_tokens_change_alone_are_counted_anew():
    stats = Stats()
    for tokens in ([1, 2], [5, 6]):
        stats.count("s", "kept", pa.table({"text": ["a", "b"], "lang": ["en", "en"], "n_tokens": tokens}))
    assert stats.plain()["s"]["verdicts"]["kept"]["by"] == {"lang": {"en": [4, 4, 14]}}


def test_only_the_top_domains_are_named(monkeypatch):
    monkeypatch.setattr(module, "TOP_VALUES", 3)
    stats = Stats()
    stats.count("s", "kept", pa.table({"domain": [f"d{i}" for i in range(9) for _ in range(9 - i)]}))
    named = stats.plain()["s"]["verdicts"]["kept"]["by"]["domain"]
    assert list(named) == ["d0", "d1", "d2", module.OTHERS]
    assert sum(n for n, _, _ in named.values()) == 45


def test_a_value_that_is_called_like_the_others_is_counted_with_them(monkeypatch):
    monkeypatch.setattr(module, "TOP_VALUES", 2)
    stats = Stats()
    stats.count("s", "kept", pa.table({"domain": ["a"] * 4 + [module.OTHERS] * 3 + ["b", "c"]}))
    assert stats.plain()["s"]["verdicts"]["kept"]["by"]["domain"] == {"a": [4, 0, 0], module.OTHERS: [5, 0, 0]}


@pytest.mark.parametrize("column", [
    pa.array([[1], [2]]), pa.array([1, 2]), pa.array([b"\xff", b"\xfe"]), pa.array([{"a": 1}, {"a": 2}]),
])  # fmt: skip
def test_a_licence_that_is_no_text_is_not_counted(column):
    stats = Stats()
    stats.count("s", "kept", pa.table({"text": ["a", "b"], "license": column}))
    assert stats.plain()["s"]["verdicts"]["kept"]["by"] == {}


def test_long_values_are_cut():
    stats = Stats()
    stats.count("s", "kept", pa.table({"licence": ["é" * 5_000 + str(i) for i in range(3)]}))
    [held] = stats.by["s", "kept"]["licence"]._tables
    assert held.nbytes < 3 * 2 * module.VALUE_CHARS + 200, "and before they are held"
    assert stats.plain()["s"]["verdicts"]["kept"]["by"]["licence"] == {"é" * module.VALUE_CHARS: [3, 0, 0]}


@pytest.mark.parametrize("field", ["documents_in", "created", "kept", "merged", "failed"])
def test_an_account_off_by_one(field):
    account = Account(10, created=2, kept=5, merged=3, failed=1)
    account.dropped.update(short=2, odd=1)
    account.check("s")
    setattr(account, field, getattr(account, field) + 1)
    with pytest.raises(AccountError, match="s: "):
        account.check("s")


def test_an_account_whose_branches_do_not_add_up():
    account = Account(3, kept=3)
    account.branches.update(a=2, b=1)
    account.check("s")
    account.branches["b"] = 2
    with pytest.raises(AccountError, match="branches"):
        account.check("s")


def test_accounts_survive_a_record():
    account = Account(10, created=2, kept=5, merged=3, failed=1, bytes_in=7, cpu_seconds=0.5)
    account.dropped.update(short=3)
    account.branches.update(a=5)
    copy = Account()
    copy.add(json.loads(json.dumps(account.plain())))
    assert copy == account


def test_a_batch_counted_twice_in_a_row_is_grouped_once(monkeypatch):
    """A step that drops nothing hands on what came in; other values, order or bytes are another batch."""
    grouped = []
    real = module.counted
    monkeypatch.setattr(module, "counted", lambda values, *of: grouped.append(len(values)) or real(values, *of))
    a = pa.table({"domain": ["x", "y", "x"], "text": ["1", "22", "333"]})
    stats = Stats()
    longer = a.set_column(1, "text", [["1", "22", "4444"]])
    for verdict, table in (("in", a), ("kept", a), ("kept", longer), ("in", a.slice(1))):
        stats.count("s", verdict, table)
    assert grouped == [3, 3, 2]
    by = {v: e["by"]["domain"] for v, e in stats.plain()["s"]["verdicts"].items()}
    assert by == {"in": {"x": [3, 7, 0], "y": [2, 4, 0]}, "kept": {"x": [4, 9, 0], "y": [2, 4, 0]}}


def test_many_records_make_few_segments(tmp_path, monkeypatch):
    """As many segments as a driver can hold open, whatever the number of tasks."""
    monkeypatch.setattr(module, "SEGMENT_RECORDS", 4)
    ledger = Ledger(tmp_path)
    for i in range(3_000):
        Ledger.commit(tmp_path, f"{i:08d}", {"key": f"{i:08d}"}, {})
        ledger.note(f"{i:08d}")
    segments = len(list((tmp_path / "segments").glob("*.heads")))
    assert 30 < segments < 250  # 750 of four
    fresh = Ledger(tmp_path)
    assert len(fresh.heads()) == 3_000
    assert all(fresh.get(f"{i:08d}") == {"key": f"{i:08d}"} for i in range(0, 3_000, 7))
