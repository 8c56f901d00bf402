import json
import random

import numpy as np
import pyarrow as pa
import pytest

from curation.alone import run_alone
from curation.stage import Batch, Verdicts
from curation.text import Utf8
from stages.safety.block_pii_domains import block_pii_domains
from tests.test_every_stage import apply_global

MUCH, LITTLE = (5, 10.5), (0, 0.0)


def table(*rows):
    """Rows of (domain, finds, finds per 1,000 words)."""
    domain, count, density = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "url": pa.array([d and f"http://www.{d}/" for d in domain], pa.string()),
            "pii_count": pa.array(count, pa.int32()),
            "pii_per_1000_words": pa.array(density, pa.float32()),
        }
    )


def site(domain, documents, much, pii=MUCH):
    return [(domain, *(pii if k < much else LITTLE)) for k in range(documents)]


def fates(rows, size=1 << 20, **values):
    columns = apply_global(block_pii_domains, block_pii_domains.params(**values), table(*rows), size)
    return {name: column.to_pylist() for name, column in columns.items()}


@pytest.mark.parametrize(
    ("rows", "values", "dropped"),
    [
        pytest.param(site("a.example", 20, 4), {}, False, id="the share may be reached"),
        pytest.param(site("a.example", 20, 5), {}, True, id="above the share"),
        pytest.param(site("a.example", 19, 19), {}, False, id="too few documents"),
        pytest.param(site("a.example", 19, 19), {"min_documents": 19}, True, id="as many as asked for"),
        pytest.param(site("a.example", 20, 20, (4, 100.0)), {}, False, id="finds at the bound"),
        pytest.param(site("a.example", 20, 20, (100, 10.0)), {}, False, id="density at the bound"),
        pytest.param(site("a.example", 20, 20, (4, 100.0)), {"max_pii_count": 3}, True, id="another bound of finds"),
        pytest.param(site("a.example", 20, 20, (100, 10.0)), {"max_pii_per_1000_words": 9.5}, True, id="another bound of density"),
        pytest.param(site("a.example", 20, 20), {"max_share": 1}, False, id="no share is too large"),
        pytest.param(site("a.example", 20, 1), {"max_share": 0}, True, id="none is allowed"),
        pytest.param(site(None, 40, 40), {}, False, id="no domain"),
        pytest.param([], {}, False, id="nothing"),
    ],
)
def test_bounds(rows, values, dropped):
    columns = fates(rows, **values)
    assert columns["drop_reason"] == ["pii_domain" if dropped else None] * len(rows)


def test_figures():
    rows = site("bad.example", 25, 10) + site("good.example", 30, 1) + site(None, 3, 3)
    columns = fates(rows)
    assert columns["pii_domain_documents"] == [25] * 25 + [None] * 33
    assert columns["pii_domain_share"][:25] == pytest.approx([0.4] * 25)
    assert columns["pii_domain_share"][25:] == [None] * 33


def test_shards_and_order_do_not_matter():
    rng = random.Random(3)
    rows = [row for k in range(30) for row in site(f"d{k}.example", rng.randint(1, 60), rng.randint(0, 20))] + site(None, 5, 2)
    whole = dict(zip(range(len(rows)), fates(rows)["drop_reason"], strict=True))
    assert {None, "pii_domain"} == set(whole.values())
    for size in (1, 7, 100):
        order = rng.sample(range(len(rows)), len(rows))
        again = fates([rows[k] for k in order], size)["drop_reason"]
        assert dict(zip(order, again, strict=True)) == whole


def test_a_mapper_sends_one_row_a_domain():
    rows = emitted(site("a.example", 50, 5) + site("b.example", 20, 20))
    merged = block_pii_domains.combine(rows, None, 0)
    assert sorted(zip(merged["documents"].to_pylist(), merged["with_pii"].to_pylist(), strict=True)) == [(20, 20), (50, 5)]
    assert merged.schema == rows.schema
    assert block_pii_domains.combine(merged, None, 0).equals(merged)


def emitted(rows, shard=0):
    keyed = block_pii_domains.emit(Batch(table(*rows)), block_pii_domains.params())
    made = {"key": keyed.key, "shard": np.full(len(keyed.key), shard, np.uint32), "row": np.asarray(keyed.row).astype(np.uint32)}
    return pa.table({**made, **keyed.columns}).sort_by([("key", "ascending"), ("row", "ascending")])


def test_a_domain_too_large_for_memory():
    rows = emitted(site("a.example", 60, 30))
    params = block_pii_domains.params()
    chunks = [rows.slice(at, 7) for at in range(0, 60, 7)]
    streamed = [r.state for r in block_pii_domains.stream(lambda: iter(chunks), params, 0)]
    assert pa.concat_tables(streamed).equals(block_pii_domains.reduce(rows, params, 0).state)
    assert list(block_pii_domains.stream(lambda: iter([]), params, 0)) == []


def test_a_collision_of_64_bits_blocks_nobody_else():
    rows = emitted(site("a.example", 30, 30) + site("b.example", 30, 0))
    rows = rows.set_column(0, "key", pa.array(np.full(60, 7, np.uint64)))
    state = block_pii_domains.reduce(rows, block_pii_domains.params(), 0).state
    assert state["documents"].to_pylist() == [30]
    batch = Batch(table(*site("a.example", 1, 1), *site("b.example", 1, 1)))
    high, low = Utf8.of_strings(["a.example", "b.example"]).hash128()

    def reasons(*checks):
        rows = {"key": [high[0]] * len(checks), "check": checks, "documents": range(30, 30 + len(checks)), "with_pii": [30] * len(checks)}
        blocked = pa.table({name: pa.array(values, state.schema.field(name).type) for name, values in rows.items()})
        columns = block_pii_domains.apply(batch, Verdicts(np.zeros(0, np.int64), pa.table({}), blocked), None)
        return list(zip(columns["drop_reason"].to_pylist(), columns["pii_domain_documents"].to_pylist(), strict=True))

    stranger = low[0] ^ np.uint64(1)
    assert reasons(stranger) == [(None, None), (None, None)]
    assert reasons(stranger, low[0]) == [("pii_domain", 31), (None, None)]
    assert reasons(low[0], stranger) == [("pii_domain", 30), (None, None)]


def test_through_the_engine(tmp_path):
    """Documents of one domain in several files: counted over all of them."""
    files = []
    for part in range(3):
        file = tmp_path / f"{part}.jsonl"
        rows = [
            {"url": f"http://www{k}.{name}.com/", "text": "x", "pii_count": 9 * much, "pii_per_1000_words": 99.0 * much}
            for k in range(8)
            for name, much in (("people", k % 2), ("other", 0))
        ]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        files.append(str(file))
    out = tmp_path / "out.jsonl"
    report = run_alone("block_pii_domains", files, str(out), {}, True, lambda stage: None)
    assert report["dropped"] == {"pii_domain": 24}
    dropped = [row for row in map(json.loads, out.read_text().splitlines()) if row["drop_reason"]]
    assert {row["pii_domain_documents"] for row in dropped} == {24}
