"""One flipped bit in any file the engine reads again gives one clear error, or changes nothing; it never passes silently."""

import random

import pyarrow as pa
import pytest
from engine_kit import SCHEMA, documents, parquet, recipe, run, tree

from curation import ledger, storage, tasks
from curation.errors import AccountError, TaskError
from curation.ledger import Ledger
from curation.run import Run
from curation.shards import ShardWriter, column_names, read_batches
from curation.shuffle import BLOCK, Blocks, SpillWriter, read_index, read_state, write_groups
from curation.storage import read_sealed, write_sealed

STEPS = """
inputs: {docs: {use: parquet, paths: "crawl/*"}, more: {use: parquet, paths: "crawl/*"}}
steps:
  len:   {use: measure, needs: docs, limit: 30}
  twins: {use: first_of_text}
  rare:  {use: rare_domains, limit: 2}
  last:  {use: keep, where: "length < 300"}
  like:  {use: same_opening, needs: more}
  words: {use: common_words, limit: 5}
outputs:
  kept:  {use: shards, needs: last}
  dealt: {use: dealt, needs: words, limit: 2_000}
settings: {shadow: 1}
"""
ROWS = [d for d in documents(60) if len(d["text"]) > 50]


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    """A recipe, and the files of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("damage")
    for i in range(2):
        parquet(folder / "crawl" / f"{i}.parquet", documents(40, seed=i, urls=12))
    file = recipe(folder, STEPS)
    run(file, folder / "undisturbed")
    return file, tree(folder / "undisturbed")


def flipped(data: bytes, position: int, bit: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]


def refused(call, *arguments) -> str:
    """What the error says, if the call ends in one."""
    try:
        call(*arguments)
    except (AccountError, TaskError) as e:
        return str(e)
    return ""


def positions(size: int) -> list[int]:
    return [0, size // 4, size // 2, 3 * size // 4, size - 1]


BEFORE = {
    "a shard": (tasks.RowTask, "_shard_batches", "docs-*/len/*.parquet"),
    "a shard emit reads": (tasks.EmitTask, "run", "docs-*/len/*.parquet"),
    "a shadow shard": (tasks.RowTask, "_shard_batches", "docs-*/len.shadow/*.parquet"),
    "a spill": (Run, "_rounds", "twins.emit-*/spill/*.spill"),
    "the index of a spill": (Run, "_rounds", "twins.emit-*/spill/*.index"),
    "the merged index": (tasks.ReduceTask, "run", "twins.reduce-*/round-*.group"),
    "the list of spills": (tasks.ReduceTask, "run", "twins.reduce-*/round-*.files"),
    "a file of verdicts": (tasks.RowTask, "_applied", "twins.reduce-*/verdicts/*.verdicts"),
    "the index of verdicts": (Run, "_returns", "twins.reduce-*/verdicts/*.index"),
    "the merged index of verdicts": (tasks.RowTask, "_applied", "twins.reduce-*/returns-*.group"),
    "a reducer's state": (Run, "_returns", "rare.reduce-*/state/*.arrow"),
    "the merged state": (tasks.RowTask, "_applied", "rare.reduce-*/state.arrow"),
    "what a stage kept": (tasks.RecallTask, "run", "like.emit-*/kept/*.parquet"),
    "what a stage kept for apply": (tasks.RowTask, "_applied", "words.emit-*/kept/*.parquet"),
    "what is asked": (tasks.RecallTask, "run", "like.reduce-*/ask/*.asks"),
    "the index of what is asked": (Run, "_recalls", "like.reduce-*/ask/*.index"),
    "followers": (tasks.RowTask, "_applied", "like.emit-*/followers/*.parquet"),
    "what is scattered": (tasks.GatherTask, "run", "dealt-*/scattered/*.spill"),
    "the index of what is scattered": (Run, "_gather_tasks", "dealt-*/scattered/*.index"),
    "the merged index of what is scattered": (tasks.GatherTask, "run", "dealt.gather-*/scattered-*.group"),
    "rows of another round": (tasks.ReduceTask, "run", "rare.reduce-*/again-1/*.spill"),
}
"""File -> the call before which it is damaged, once it is there."""


@pytest.mark.parametrize("what", list(BEFORE))
def test_a_bit_flips_within_a_run(setting, tmp_path, monkeypatch, what):
    file, wanted = setting
    owner, name, pattern = BEFORE[what]
    real = getattr(owner, name)
    place: list[int] = []

    def late(self, *arguments, **keywords):
        found = [p for p in self.out.glob(f"work/{pattern}") if p.stat().st_size] if place else []
        if found:
            path = max(found, key=lambda p: p.stat().st_size)
            data = path.read_bytes()
            path.write_bytes(flipped(data, positions(len(data))[place.pop()], 3))
        return real(self, *arguments, **keywords)

    monkeypatch.setattr(owner, name, late)
    noticed = 0
    for n in range(5):
        place[:] = [n]
        said = refused(run, file, tmp_path / str(n))
        assert not place, "the file was never there"
        noticed += bool(said)
        if said:
            assert "damaged" in said or "came" in said
        else:
            assert tree(tmp_path / str(n)) == wanted
    assert noticed >= 3


def test_the_merged_index_is_short_before_reducers_are_planned(setting, tmp_path, monkeypatch):
    from curation import run as run_module

    real = run_module.write_groups

    def short(out, folder, stem, *arguments):
        place = real(out, folder, stem, *arguments)
        path = out / folder / f"{stem}-000000.group"
        path.write_bytes(path.read_bytes()[: -BLOCK.itemsize])
        return place

    monkeypatch.setattr(run_module, "write_groups", short)
    assert "rows indexed" in refused(run, setting[0], tmp_path)


BETWEEN = {
    "a record": "docs-*/records/*.json",
    "the record of an emit task": "twins.emit-*/records/*.json",
    "a segment of records": "docs-*/segments/*.heads",
    "what a global step settled on": "twins.reduce-*/settled.json",
    "a shard": "twins-*/twins/*.parquet",
}
"""File of a finished run -> damaged before the next one, which needs it."""


@pytest.mark.parametrize("what", list(BETWEEN))
def test_a_bit_flips_between_two_runs(setting, tmp_path, monkeypatch, what):
    file, _ = setting
    monkeypatch.setattr(ledger, "SEGMENT_RECORDS", 2 if "segment" in what else 1 << 60)
    text = file.read_text().replace("twins: {use: first_of_text}", "twins: {use: first_of_text, checkpoint: true}")
    other = file.with_name("other.yaml")
    noticed = 0
    for n in range(5):
        out = tmp_path / str(n)
        other.write_text(text)
        run(other, out)
        path = max((p for p in (out / "work").glob(BETWEEN[what])), key=lambda p: p.stat().st_size)
        data = path.read_bytes()
        path.write_bytes(flipped(data, positions(len(data))[n], 3))
        other.write_text(text.replace("limit: 2}", "limit: 3}"))
        said = refused(run, other, out)
        noticed += bool(said)
        if said:
            assert f"{path} is damaged" in said
        else:
            run(other, tmp_path / "clean")
            assert tree(out) == tree(tmp_path / "clean")
    assert noticed >= 1


# Each format alone: every byte of a small file, read back.


def shard(path):
    writer = ShardWriter(path, SCHEMA)
    writer.write(pa.Table.from_pylist(ROWS[:8], schema=SCHEMA))
    footer = writer.close()["footer"]
    return lambda: (column_names(path, footer), pa.concat_tables(read_batches(path, None, footer)).to_pylist())


KEYED = pa.schema({"key": pa.uint64(), "row": pa.uint32(), "value": pa.string()})


def shuffle(path, damaged):
    """Rows behind two spills with indexes and a merged index, one of which is to be damaged."""
    files, facts = [], []
    for n in range(2):
        writer = SpillWriter(path.with_name(f"{n}.spill"), KEYED, 2, 1 << 20)
        keys = [(i * 7 + n) % 16 << 60 for i in range(12)]
        columns = {"key": keys, "row": range(12), "value": map(str, keys)}
        writer.add(pa.table({name: pa.array(values, KEYED.field(name).type) for name, values in columns.items()}))
        facts.append(writer.close())
        files.append(path.with_name(facts[-1]["file"]))
    listed = write_groups(path.parent, ".", "g", [f.name for f in files], facts)
    groups = [path.with_name("g-000000.group")]
    {"spill": files[0], "index": files[0].with_suffix(".index"), "group": groups[0]}[damaged].rename(path)
    path.with_name({"spill": "0.spill", "index": "0.index", "group": groups[0].name}[damaged]).symlink_to(path)

    def read():
        if damaged == "index":
            return read_index(files[0], facts[0]).tolist()
        blocks = Blocks.of(path.parent, listed, KEYED)
        total = [t.tolist() for t in blocks.totals.values()]
        rows = [[t.to_pylist() for t in blocks.read(blocks.entries(n << 22, n + 1 << 22))] for n in range(4)]
        if sum(len(t) for part in rows for t in part) != 24:
            raise AccountError("the reducer counts its rows")
        return total, rows

    return read


def record(path):
    Ledger.commit(path.parent, "k", {"key": "k", "kept": 41}, {"step": {"kept": 41}})
    (path.parent / "records" / "k.json").rename(path)
    (path.parent / "records" / "k.json").symlink_to(path)
    return lambda: (Ledger(path.parent).get("k"), list((book := Ledger(path.parent)).said(book.places(["k"]))))


def sealed(path):
    write_sealed(path, {"keys": ["a"], "expected": [1, 22]})
    return lambda: read_sealed(path)


def state(path):
    sink = storage.HashedFile(path)
    table = pa.table({"n": list(range(9))})
    with pa.ipc.new_file(sink, table.schema) as f:
        f.write_table(table)
    sink.close()
    return lambda: read_state(path, sink.facts()["xxh3"]).to_pylist()


FORMATS = {
    "shard": shard, "record": record, "sealed": sealed, "state": state,
    **{kind: (lambda path, kind=kind: shuffle(path, kind)) for kind in ("spill", "index", "group")},
}  # fmt: skip


@pytest.mark.parametrize("kind", list(FORMATS))
def test_every_byte_of_a_file(tmp_path, kind):
    path = tmp_path / "damaged"
    read = FORMATS[kind](path)
    wanted, data = read(), path.read_bytes()
    dice = random.Random(kind)
    noticed = 0
    for position in range(len(data)):
        path.write_bytes(flipped(data, position, dice.randrange(8)))
        found = []
        if refused(lambda found=found: found.append(read())):
            noticed += 1
        else:
            assert found == [wanted], f"byte {position} of {len(data)}"
    assert noticed > 0.9 * len(data)
