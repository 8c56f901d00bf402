"""The shuffle gives what one pass over all rows in memory would give."""

import numpy as np
import pyarrow as pa
import pytest
from engine_kit import documents, parquet, recipe, rows, run, steps, tree
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import run as run_module
from curation import shuffle, tasks
from curation.errors import AccountError, TaskError
from curation.shuffle import Blocks, Range, SpillWriter, VerdictWriter, block_bytes, plan_reducers, read_verdicts, write_groups

SCHEMA = pa.schema({"key": pa.uint64(), "row": pa.uint32(), "value": pa.string()})
KEYS = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 5), st.just(2**63))


def spill(folder, n, keys, block, limit=1 << 20, combine=None):
    writer = SpillWriter(folder / f"{n}.spill", SCHEMA, block, limit, combine)
    for start in range(0, len(keys), 7):
        part = keys[start : start + 7]
        writer.add(pa.table({
            "key": pa.array(part, pa.uint64()), "row": pa.array(range(start, start + len(part)), pa.uint32()),
            "value": pa.array([f"{n}:{i}" for i in range(start, start + len(part))]),
        }))  # fmt: skip
    return writer.close()


def shuffled(folder, mappers, block=1 << 16, limit=1 << 20):
    facts = [spill(folder, n, keys, block, limit) for n, keys in enumerate(mappers)]
    return Blocks.of(folder, write_groups(folder, ".", "g", [f["file"] for f in facts], facts), SCHEMA)


def readers(blocks, budget):
    tasks = plan_reducers(blocks, budget)
    return [Range(blocks, *task, budget, rows) for task, rows in zip(tasks, blocks.rows(tasks).tolist(), strict=True)]


@settings(max_examples=30, deadline=None)
@given(
    mappers=st.lists(st.lists(KEYS, max_size=40), min_size=1, max_size=4),
    budget=st.sampled_from([1, 300, 2000, 1 << 20]),
    limit=st.sampled_from([50, 1 << 20]),
    block=st.sampled_from([1, 60, 500, shuffle.BLOCK_BYTES]),
    wide=st.sampled_from([3, shuffle.WIDE]),
)
def test_every_row_reaches_one_reducer_with_all_of_its_key(tmp_path_factory, mappers, budget, limit, block, wide):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shuffle, "WIDE", wide)
        blocks = shuffled(tmp_path_factory.mktemp("s"), mappers, block, limit)
    seen, whole = [], {}
    for task, part in enumerate(readers(blocks, budget)):
        light = part.light()
        chunks = [] if light is None else [light]
        if light is not None and light.num_rows:
            order = list(zip(*(light[c].to_pylist() for c in ("key", "shard", "row")), strict=True))
            assert order == sorted(order)
        for key in part.heavy.tolist():
            first, again = list(part.of_key(key)), list(part.of_key(key))
            assert [t.to_pylist() for t in first] == [t.to_pylist() for t in again]
            place = [(r["shard"], r["row"]) for t in first for r in t.to_pylist()]
            assert place == sorted(place)
            chunks += first
        for table in chunks:
            for row in table.to_pylist():
                seen.append((row["key"], row["shard"], row["row"], row["value"]))
                assert whole.setdefault(row["key"], task) == task
    assert sorted(seen) == sorted((k, n, i, f"{n}:{i}") for n, keys in enumerate(mappers) for i, k in enumerate(keys))


def test_blocks_are_small_beside_what_a_reducer_reads_of_a_mapper():
    sizes = [block_bytes(256 << 20, mappers) for mappers in (0, 1, 512, 1024, 10_000, 10**6)]
    assert sizes == [65536, 65536, 65536, 32768, 3355, 1024]


def test_an_oversize_partition_is_split_and_small_ones_are_joined(tmp_path):
    rng = np.random.default_rng(0)
    keys = np.concatenate([rng.integers(0, 2**48, 500), rng.integers(0, 2**64 - 1, 60, dtype=np.uint64)]).astype(np.uint64).tolist()
    blocks = shuffled(tmp_path, [keys], 200)
    sizes = [high - low for low, high in plan_reducers(blocks, 4000)]
    assert min(sizes) < shuffle.SLOTS < max(sizes)


def test_reducers_read_what_was_sent_once_between_them(tmp_path, monkeypatch):
    """Blocks are few where there is little, and small where there is much."""
    rng = np.random.default_rng(0)
    mappers = [rng.integers(0, 2**64 - 1, 40_000, dtype=np.uint64).tolist() for _ in range(2)]
    for folder, block in (("cut", 1 << 13), ("whole", 1 << 30)):
        monkeypatch.setattr(shuffle, "WIDE", shuffle.WIDE if folder == "cut" else shuffle.PLACE_BITS)
        (tmp_path / folder).mkdir()
        facts = [_spilled(tmp_path / folder / f"{n}.spill", keys, block) for n, keys in enumerate(mappers)]
        blocks = Blocks.of(tmp_path, write_groups(tmp_path, folder, "g", [f"{folder}/{f['file']}" for f in facts], facts), SCHEMA)
        sent = sum(f["bytes"] for f in facts)
        read = []
        real = shuffle._read_entries
        monkeypatch.setattr(shuffle, "_read_entries", lambda p, e: read.append(int(e["length"].sum())) or real(p, e))  # noqa: B023
        parts = [part.light() for part in readers(blocks, sent // 10)]
        monkeypatch.setattr(shuffle, "_read_entries", real)
        assert sum(p.num_rows for p in parts) == 80_000
        assert len(parts) >= 10
        if block == 1 << 13:
            assert sum(read) < 1.1 * sent
            assert max(p.num_rows for p in parts) < 9_000
        else:
            assert sum(read) > 9 * sent, "blocks that are not cut are read by every reducer"


POOLS = []
"""Memory pools of tests: what was allocated in one may outlive the test."""


@pytest.fixture
def pool():
    """Has arrow count what it allocates from a moment on."""
    usual = pa.default_memory_pool()

    def count():
        POOLS.append(pa.proxy_memory_pool(usual))
        pa.set_memory_pool(POOLS[-1])
        return POOLS[-1]

    yield count
    pa.set_memory_pool(usual)


def test_rows_are_in_memory_twice_at_most(tmp_path, pool):
    """A run while it is sorted, and a reducer's rows: wide ones, as kept shingles are."""
    counted, path = pool(), tmp_path / "wide.spill"
    rng = np.random.default_rng(0)
    writer = SpillWriter(path, SCHEMA, 1 << 16, 1 << 30)
    for n in range(16):
        wide = pa.array(["x" * 20_000] * 100).take(pa.array(np.arange(100)))
        keys = pa.array(rng.integers(0, 2**64 - 1, 100, dtype=np.uint64))
        writer.add(pa.table({"key": keys, "row": pa.array(np.arange(100 * n, 100 * n + 100, dtype=np.uint32)), "value": wide}))
    sent = counted.bytes_allocated()
    assert sent > 30_000_000
    facts = writer.close()
    assert counted.max_memory() < 2.2 * sent
    blocks = Blocks.of(tmp_path, write_groups(tmp_path, ".", "g", [path.name], [facts]), SCHEMA)
    counted = pool()
    part = readers(blocks, sent // 2)[0].light()
    assert part.nbytes > sent // 3
    assert counted.max_memory() < 2.2 * part.nbytes


def _spilled(path, keys, block):
    writer = SpillWriter(path, SCHEMA, block, 1 << 30)
    n = len(keys)
    writer.add(pa.table({"key": pa.array(keys, pa.uint64()), "row": pa.array(range(n), pa.uint32()), "value": pa.array(["x" * 10] * n)}))
    return writer.close()


def test_one_key_over_the_budget_is_heavy(tmp_path):
    blocks = shuffled(tmp_path, [[7] * 300 + [9], [7] * 300])
    found = readers(blocks, 3000)
    assert [r.heavy.tolist() for r in found if len(r.heavy)] == [[7]]
    assert sum(t.num_rows for r in found for t in r.of_key(7)) == 600


def test_a_mapper_combines_each_run(tmp_path):
    calls = []

    def combine(table):
        calls.append(table.num_rows)
        assert table["key"].to_pylist() == sorted(table["key"].to_pylist())
        return table.slice(0, 1)

    facts = spill(tmp_path, 0, [5] * 70, 2, limit=300, combine=combine)
    assert sum(calls) == 70
    assert facts["rows"] == len(calls) > 1


def test_what_is_combined_comes_in_any_order(tmp_path):
    keys = [k << 56 for k in range(70)]
    facts = spill(tmp_path, 0, keys, 1, combine=lambda table: table.take(pa.array(range(table.num_rows - 1, -1, -1))))
    blocks = Blocks.of(tmp_path, write_groups(tmp_path, ".", "g", [facts["file"]], [facts]), SCHEMA)
    assert [k for part in readers(blocks, 500) for k in part.light()["key"].to_pylist()] == keys


def verdicts(folder, parts):
    schema = pa.schema({"shard": pa.uint32(), "row": pa.uint32(), "why": pa.string()})
    files, facts = [], []
    for n, pairs in enumerate(parts):
        writer = VerdictWriter(folder / f"{n}.verdicts", schema)
        for start in range(0, len(pairs), 5):
            some = pairs[start : start + 5]
            writer.add(pa.table({"shard": [s for s, _ in some], "row": [r for _, r in some], "why": [f"{s}/{r}" for s, r in some]}))
        facts.append(writer.close())
        files.append(f"{n}.verdicts")
    return Blocks.of(folder, write_groups(folder, ".", "v", files, facts), schema)


@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), max_size=60, unique=True), reducers=st.integers(1, 3))
def test_every_verdict_comes_back_to_its_shard(tmp_path_factory, pairs, reducers):
    blocks = verdicts(tmp_path_factory.mktemp("v"), [pairs[i::reducers] for i in range(reducers)])
    for shard in range(5):
        mine = sorted(r for s, r in pairs if s == shard)
        table = read_verdicts(blocks, shard, len(mine), many=False)
        assert table["row"].to_pylist() == mine
        assert table["why"].to_pylist() == [f"{shard}/{r}" for r in mine]
        with pytest.raises(AccountError, match="came back"):
            read_verdicts(blocks, shard, len(mine) + 1, many=False)


def test_two_verdicts_on_one_document(tmp_path):
    blocks = verdicts(tmp_path, [[(0, 3)], [(0, 3)]])
    with pytest.raises(AccountError, match="two verdicts"):
        read_verdicts(blocks, 0, 2, many=False)
    assert read_verdicts(blocks, 0, 2, many=True).num_rows == 2


TEXT = """
inputs: {docs: {use: parquet, paths: "crawl/*.parquet"}}
steps:
  twins: {use: first_of_text}
"""
TINY = {"settings.shuffle.reduce_bytes": 3000, "settings.shuffle.spill_bytes": 2000}


def keepers(given):
    """What first_of_text keeps, in one go."""
    best = {}
    for row in given:
        best[row["text"]] = min(best.get(row["text"], row["id"]), row["id"])
    return best


@pytest.fixture(scope="module")
def docs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shuffle")
    for i in range(3):
        given = documents(200, seed=i)
        for row in given[::3]:
            row["text"] = "one text that a third of all documents share"
        parquet(folder / "crawl" / f"{i}.parquet", given)
    return folder


@pytest.mark.parametrize(
    "sizes",
    [{}, TINY, {"settings.shuffle.reduce_bytes": 1000}],
    ids=["default", "tiny", "stream"],
)
def test_any_sizes_decide_alike(docs, tmp_path, sizes, monkeypatch):
    from curation import registry
    from curation.recipe import load

    file = recipe(docs, TEXT)
    load(file)
    streamed = []
    stage = type(registry.lookup("first_of_text"))
    real = stage.stream
    monkeypatch.setattr(
        stage, "stream", lambda self, chunks, p, r: streamed.append(sum(t.num_rows for t in chunks())) or real(self, chunks, p, r)
    )
    it = run(file, tmp_path, overrides=sizes)
    kept, dropped = rows(tmp_path, "outputs"), rows(tmp_path, "dropped")
    texts = {r["id"]: r["text"] for r in kept}
    assert sorted(texts) == sorted(keepers(kept).values())
    assert len(kept) + len(dropped) == 600
    assert {r["twin_of"] for r in dropped} <= set(texts)
    assert len({r["text"] for r in kept}) == len({d["text"] for i in range(3) for d in _given(i)})
    if "settings.shuffle.reduce_bytes" in sizes:
        assert max(streamed) == 201
        assert it.tasks["twins reduce"][0] > 3


def _given(i):
    given = documents(200, seed=i)
    for row in given[::3]:
        row["text"] = "one text that a third of all documents share"
    return given


def test_sizes_do_not_change_what_is_kept(docs, tmp_path):
    file = recipe(docs, TEXT)
    for n, sizes in enumerate([{}, TINY]):
        run(file, tmp_path / str(n), overrides=sizes)
    assert {k: sorted(map(repr, rows(tmp_path / "0", k))) for k in ("outputs", "dropped")} == {
        k: sorted(map(repr, rows(tmp_path / "1", k))) for k in ("outputs", "dropped")
    }


def test_a_stage_that_cannot_stream_says_so(docs, tmp_path):
    file = recipe(docs, TEXT.replace("first_of_text", "rare_domains"))
    with pytest.raises(TaskError, match=r"rare_domains cannot stream"):
        run(file, tmp_path, overrides={"settings.shuffle.reduce_bytes": 20})


def test_rounds_and_state(docs, tmp_path):
    it = run(recipe(docs, TEXT.replace("first_of_text", "rare_domains, limit: 10")), tmp_path)
    counts = {}
    for i in range(3):
        for d in _given(i):
            counts[d["url"]] = counts.get(d["url"], 0) + 1
    assert steps(tmp_path)["twins"]["dropped"] == {"rare": sum(n for n in counts.values() if n < 10)}
    rounds = {t.name.split("-")[1] for t in (tmp_path / "work").glob("twins.reduce-*/round-*.group")}
    assert rounds == {"0", "1"}
    emitted = sum(h["spill"]["rows"] for h in _heads(it, "twins.emit"))
    assert emitted < 600  # combined in the mapper


def test_rows_between_the_ranges_of_reducers_stop_the_run(docs, tmp_path, monkeypatch):
    real = run_module.plan_reducers
    monkeypatch.setattr(run_module, "plan_reducers", lambda *a: real(*a)[1:])
    with pytest.raises(AccountError, match=r"reducers took \d+ rows of round 0"):
        run(recipe(docs, TEXT), tmp_path / "out", overrides=TINY)


def test_one_more_file_is_emitted_alone(docs, tmp_path, monkeypatch):
    """How large blocks are depends on the number of files; what they hold does not, so no file is emitted again."""
    file, emitted, emit = recipe(docs, TEXT), [], tasks.EmitTask.run
    monkeypatch.setattr(tasks.EmitTask, "run", lambda self: emitted.append(self.task["block_bytes"]) or emit(self))
    monkeypatch.setattr("curation.run.block_bytes", lambda _, mappers: 5_000 // mappers)
    run(file, tmp_path / "out")
    parquet(docs / "crawl" / "3.parquet", _given(3))
    run(file, tmp_path / "out")
    assert emitted == [1666, 1666, 1666, 1250]
    run(file, tmp_path / "whole")
    assert tree(tmp_path / "out", "outputs") == tree(tmp_path / "whole", "outputs")


def _heads(it, prefix):
    from curation.ledger import Ledger

    for folder in it.work.glob(prefix + "*"):
        ledger = Ledger(folder)
        yield from (ledger.get(k) for k in ledger.heads())


def test_no_documents_at_all(docs, tmp_path):
    file = recipe(docs, TEXT.replace("  twins:", "  none: {use: measure, limit: 100000}\n  twins:") + "  sites: {use: by_domain}\n")
    run(file, tmp_path)
    assert tree(tmp_path, "outputs") == {}
    assert steps(tmp_path)["sites"]["documents_in"] == 0


def test_a_column_of_an_index_is_looked_up_where_it_lies():
    """numpy copies a column whose values do not lie on their own size: all of an index, for each partition a reducer wants."""
    assert all(np.zeros(2, shuffle.BLOCK)[name].flags.aligned for name in shuffle.BLOCK.names)


def test_amounts_are_shared_out_whole_among_the_places_of_a_block():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 900, 500).astype(np.uint32)
    last, amounts = first + rng.integers(0, 300, 500).astype(np.uint32), rng.integers(0, 10_000, 500)
    slow = np.zeros(1_300, np.int64)
    for low, high, amount in zip(first.tolist(), last.tolist(), amounts.tolist(), strict=True):
        slow[low : high + 1] += amount // (high - low + 1)
        slow[low] += amount % (high - low + 1)
    for low, count in ((0, 1_300), (256, 256), (512, 256), (0, 256)):
        assert (shuffle._shared_out(first, last, amounts, low, count) == slow[low : low + count]).all()
    assert slow.sum() == amounts.sum()
