"""What dedup_urls and dedup_exact share: the competition in a mapper, in memory and in chunks; judging."""

import numpy as np
import pyarrow as pa
import pytest

from stages.dedup.dedup_exact import dedup_exact
from stages.dedup.dedup_urls import dedup_urls
from stages.dedup.keep_one import CHECK
from tests.test_every_stage import conformed

PARAMS = dedup_urls.params()
ORDER = [("shard", "ascending"), ("row", "ascending")]


def sent(count, seed, keys=40, checks=3):
    """Rows of `count` documents as a shuffle brings them, with few keys, checks, dates and ids."""
    rng = np.random.default_rng(seed)
    table = pa.table(
        {
            "key": rng.integers(0, keys, count).astype(np.uint64),
            "shard": rng.integers(0, 5, count).astype(np.uint32),
            "row": np.arange(count, dtype=np.uint32),
            CHECK: rng.integers(0, checks, count).astype(np.uint64),
            "date": rng.integers(-1, 2, count),
            "id_high": rng.integers(0, 2, count).astype(np.uint64),
            "id_low": rng.integers(0, 3, count).astype(np.uint64),
        }
    )
    return table.sort_by([("key", "ascending"), *ORDER])


def decided(table):
    """{(shard, row): (reason, survivor)} in Python."""
    groups = {}
    for row in table.to_pylist():
        groups.setdefault((row["key"], row[CHECK]), []).append(row)
    found = {}
    for group in groups.values():
        group.sort(key=lambda r: (r["date"], r["id_high"], r["id_low"], r["shard"], r["row"]))
        ids = [f"{r['id_high']:016x}{r['id_low']:016x}" for r in group]
        for row, own in zip(group[1:], ids[1:], strict=True):
            found[row["shard"], row["row"]] = ("duplicate_record" if own == ids[0] else "duplicate_url", ids[0])
    return found


def listed(verdicts):
    return {(v["shard"], v["row"]): (v["drop_reason"], v["duplicate_of"]) for v in verdicts.to_pylist()}


@pytest.mark.parametrize(("count", "keys", "checks"), [(0, 1, 1), (1, 1, 1), (500, 40, 3), (500, 1, 200), (500, 400, 1)])
def test_a_key_decided_in_memory_in_chunks_and_in_python(count, keys, checks):
    """A collision of keys (other checks) deletes nothing."""
    table = sent(count, count, keys, checks)
    expected = decided(table)
    assert listed(dedup_urls.reduce(table, PARAMS, 0).verdicts) == expected
    for size in (1, 7, 500):
        streamed = {}
        for key in np.unique(table["key"].to_numpy()).tolist():
            part = table.filter(pa.compute.equal(table["key"], pa.scalar(key, pa.uint64())))
            chunks = [part.slice(at, size) for at in range(0, part.num_rows, size)]
            for reduced in dedup_urls.stream(lambda chunks=chunks: iter(chunks), PARAMS, 0):
                streamed |= listed(reduced.verdicts)
        assert streamed == expected


def test_no_chunks():
    assert list(dedup_urls.stream(lambda: iter([]), PARAMS, 0)) == []


def test_a_mapper_sends_one_row_of_a_key_and_the_others_follow_it():
    whole = sent(600, 3)
    expected = decided(whole)
    combined, verdicts = [], {}
    for shard in range(5):
        mine = whole.filter(pa.compute.equal(whole["shard"], shard)).drop_columns(["shard"])
        both = dedup_urls.combine(mine.sort_by([("key", "ascending"), ("row", "ascending")]), PARAMS, 0)
        pairs = list(zip(both.rows["key"].to_pylist(), both.rows[CHECK].to_pylist(), strict=True))
        assert len(set(pairs)) == len(pairs) < mine.num_rows
        assert set(both.followers["leader"].to_pylist()) <= set(both.rows["row"].to_pylist())
        combined.append((both.rows.append_column("shard", pa.array([shard] * len(pairs), pa.uint32())), both.followers))
    rows_sent = pa.concat_tables([r for r, _ in combined]).sort_by([("key", "ascending"), *ORDER])
    verdicts = listed(dedup_urls.reduce(rows_sent, PARAMS, 0).verdicts)
    for shard, (_, followers) in enumerate(combined):
        fates = [verdicts.get((shard, leader), (None, None)) for leader in followers["leader"].to_pylist()]
        leaders = pa.table(
            {"drop_reason": pa.array([f[0] for f in fates], pa.string()), "duplicate_of": pa.array([f[1] for f in fates], pa.string())}
        )
        followers = conformed(followers, dedup_urls.follower(PARAMS), "row", "leader")
        follow = dedup_urls.follow(followers, leaders, PARAMS)
        verdicts |= listed(follow.append_column("shard", pa.array([shard] * followers.num_rows, pa.uint32())))
    assert verdicts == expected


@pytest.mark.parametrize(
    ("documents", "dropped", "values", "found"),
    [
        pytest.param(1_000, 500, {}, None, id="half"),
        pytest.param(1_000, 501, {}, "501 of 1,000 documents (50.1%) are duplicates", id="more than half"),
        pytest.param(1_000, 900, {}, "900 of 1,000 documents (90.0%) are duplicates", id="as many as may be"),
        pytest.param(1_000, 901, {}, ValueError, id="more than may be"),
        pytest.param(999, 998, {}, None, id="too few documents to say"),
        pytest.param(1_000, 999, {"max_drop_share": 1}, "999 of 1,000 documents (99.9%) are duplicates", id="no bound"),
        pytest.param(1_000, 400, {"max_drop_share": 0.3}, ValueError, id="a bound under the note's"),
        pytest.param(0, 0, {}, None, id="nothing"),
    ],
)
@pytest.mark.parametrize("stage", [dedup_urls, dedup_exact])
def test_judging(stage, documents, dropped, values, found):
    counts = {stage.reason: dropped - 1, stage.same_record: 1} if dropped else {}
    params = stage.params(**values)
    if found is ValueError:
        with pytest.raises(ValueError, match=rf"^{dropped} of 1,000 .* more than max_drop_share: {params.max_drop_share}"):
            stage.judge(documents, counts, params)
    else:
        assert stage.judge(documents, counts, params) == found
