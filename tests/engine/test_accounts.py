"""Whatever goes missing is noticed: each test takes one part away."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from engine_kit import FULL, corpus, documents, parquet, ran, recipe, run, tree

from curation import tasks
from curation.errors import AccountError, TaskError
from curation.ledger import Account, Ledger
from curation.shards import LazyShard, ShardWriter
from curation.shuffle import BLOCK, VerdictWriter
from curation.tasks import emit, fates, output, reading


@pytest.fixture
def full(tmp_path):
    return recipe(corpus(tmp_path, files=2, n=80), FULL), tmp_path / "out"


def broken(full, error=AccountError, match=None):
    file, out = full
    with pytest.raises(error, match=match):
        run(file, out)
    assert not (out / "dropped").exists()


def test_undisturbed(full):
    run(*full)


def test_a_batch_loses_a_row_in_a_row_step(full, monkeypatch):
    real = tasks.RowTask._remove
    monkeypatch.setattr(tasks.RowTask, "_remove", lambda self, *a: (lambda kept, fresh: (kept.slice(1), fresh))(*real(self, *a)))
    broken(full, match=r"in \+ .* created != ")


def test_a_split_loses_a_row(full, monkeypatch):
    real = tasks.RowTask._route

    def short(self, step, rows):
        parts = real(self, step, rows)
        return {b: t.slice(1) if b == "rest" else t for b, t in parts.items()}

    monkeypatch.setattr(tasks.RowTask, "_route", short)
    broken(full, match="its branches got")


def test_a_row_is_lost_between_two_steps_of_a_pass(full, monkeypatch):
    real = tasks.RowTask._joined
    monkeypatch.setattr(
        tasks.RowTask,
        "_joined",
        lambda self, step, t: (lambda r: r.slice(1) if step.name == "risky" and r is not None else r)(real(self, step, t)),
    )
    broken(full, match="its parents kept")


def once(monkeypatch, where, name, spoil):
    """Let the first call of where.name for which `spoil(result, *arguments)` gives anything return that; all others are true."""
    real = getattr(where, name)
    spoiled = []

    def call(*arguments, **keywords):
        result = real(*arguments, **keywords)
        if not spoiled and (changed := spoil(result, *arguments)) is not None:
            spoiled.append(True)
            return changed
        return result

    monkeypatch.setattr(where, name, call)


PASSING_FAULTS = {
    "a row step loses a row": (fates.Fates, "_remove", lambda result, *a: (result[0].slice(1), result[1]) if result[0].num_rows else None),
    "a row is lost between two steps": (
        tasks.RowTask, "_joined", lambda result, task, step, tables: result.slice(1) if step.name == "risky" and result else None
    ),
    "a pass reads a row less": (reading, "read_batches", lambda result, *a: (t.slice(i == 0) for i, t in enumerate(list(result)))),
    "emit reads a row less": (emit, "read_batches", lambda result, *a: (t.slice(i == 0) for i, t in enumerate(list(result)))),
    "join reads a row less": (output, "read_batches", lambda result, *a: (t.slice(i == 0) for i, t in enumerate(list(result)))),
}  # fmt: skip


@pytest.mark.parametrize("fault", list(PASSING_FAULTS))
def test_a_fault_that_passes_leaves_no_record(full, fault):
    """The worker itself refuses to record what does not balance, so the next run is as if nothing had happened."""
    file, out = full
    with pytest.MonkeyPatch.context() as patch:
        once(patch, *PASSING_FAULTS[fault])
        with pytest.raises(AccountError):
            run(file, out)
    run(file, out)
    run(file, out.with_name("undisturbed"))
    assert tree(out) == tree(out.with_name("undisturbed"))


@pytest.mark.parametrize("port", ["crawl", "route.rest", "twins", "rare", "parts", "first", "sites"])
def test_a_shard_is_written_with_a_row_less(full, monkeypatch, port):
    real = LazyShard.write
    monkeypatch.setattr(LazyShard, "write", lambda self, t: real(self, t.slice(1) if self.path.parent.name == port else t))
    broken(full, match="kept|hold")


def test_kept_is_counted_wrong(full, monkeypatch):
    real = Account.plain
    monkeypatch.setattr(Account, "plain", lambda self: {**real(self), "kept": self.kept + (self.kept > 0)})
    with pytest.raises(AccountError):
        run(*full)


def test_a_stage_returns_too_few_values(full, monkeypatch):
    monkeypatch.setattr(
        fates, "array_of", lambda value, kind, real=fates.array_of: real(value, kind)[1:] if pa.types.is_int32(kind) else real(value, kind)
    )
    broken(full, TaskError, "values of length for")


def after(monkeypatch, where, name, spoil):
    """Run `spoil(out)` once, before the first call of where.name."""
    real = getattr(where, name)
    spoiled = []

    def late(self, *arguments, **keywords):
        if not spoiled:
            spoiled.append(spoil(self))
        return real(self, *arguments, **keywords)

    monkeypatch.setattr(where, name, late)


def one(folder, pattern):
    return max(folder.glob(pattern), key=lambda p: p.stat().st_size)


@pytest.mark.parametrize("what", ["spill", "index"])
@pytest.mark.parametrize("how", ["gone", "short", "empty"])
def test_a_spill_is_lost(full, monkeypatch, what, how):
    from curation.run import Run

    def spoil(it):
        path = one(it.work, f"twins.emit-*/spill/*.{what}")
        if how == "gone":
            path.unlink()
        else:
            size = {"short": path.stat().st_size - BLOCK.itemsize, "empty": 0}[how]
            path.write_bytes(path.read_bytes()[:size])

    after(monkeypatch, Run, "_rounds", spoil)
    broken(full)


@pytest.mark.parametrize("what", ["verdicts", "index"])
@pytest.mark.parametrize("how", ["gone", "short"])
def test_a_verdict_is_lost_before_the_driver_looks(full, monkeypatch, what, how):
    from curation.run import Run

    def spoil(it):
        path = one(it.work, f"twins.reduce-*/verdicts/*.{what}")
        path.unlink() if how == "gone" else path.write_bytes(path.read_bytes()[: -BLOCK.itemsize])

    after(monkeypatch, Run, "_returns", spoil)
    broken(full)


@pytest.mark.parametrize("how", ["gone", "short"])
def test_a_verdict_is_lost_before_it_is_applied(full, monkeypatch, how):
    def spoil(task):
        path = one(task.out / "work", "twins.reduce-*/verdicts/*.verdicts")
        path.unlink() if how == "gone" else path.write_bytes(path.read_bytes()[:-8])

    after(monkeypatch, tasks.RowTask, "_applied", spoil)
    with pytest.raises(AccountError):
        run(*full)


def test_the_merged_index_of_verdicts_is_short(full, monkeypatch):
    def spoil(task):
        path = one(task.out / "work", "twins.reduce-*/returns-*.group")
        path.write_bytes(path.read_bytes()[: -BLOCK.itemsize])

    after(monkeypatch, tasks.RowTask, "_applied", spoil)
    broken(full, match="verdicts came back")


def test_a_verdict_comes_twice(full, monkeypatch):
    real = VerdictWriter.add
    monkeypatch.setattr(VerdictWriter, "add", lambda self, t: real(self, pa.concat_tables([t, t.slice(0, 1)])))
    broken(full, match="two verdicts")


def test_a_verdict_falls_on_no_row(full, monkeypatch):
    real = VerdictWriter.add
    move = lambda t: t.set_column(t.column_names.index("row"), "row", pa.array(np.asarray(t["row"]) + 1_000_000))  # noqa: E731
    monkeypatch.setattr(VerdictWriter, "add", lambda self, t: real(self, move(t)))
    broken(full, match="fell on its rows")


def test_a_state_is_lost(full, monkeypatch):
    from curation.run import Run

    real = Run._returns

    def spoilt(self, step, *arguments):
        if step.name == "rare":
            one(self.work, "rare.reduce-*/state/*").unlink()
        return real(self, step, *arguments)

    monkeypatch.setattr(Run, "_returns", spoilt)
    with pytest.raises(AccountError, match="is gone"):
        run(*full)


def test_no_record_is_left(full, monkeypatch):
    monkeypatch.setattr(Ledger, "commit", staticmethod(lambda *a: True))
    with pytest.raises((TaskError, FileNotFoundError)):
        run(*full)


def test_a_regroup_stage_forgets_a_parent(full, monkeypatch):
    from curation import registry

    run(*full)  # registers the plug-in
    stage = registry.lookup("by_domain")
    real = stage.merge
    monkeypatch.setattr(type(stage), "merge", lambda self, rows, params: real(rows.slice(1), params))
    with pytest.raises(AccountError, match="named as parents"):
        run(full[0], full[1].with_name("other"))


def test_an_expand_stage_gives_a_document_neither_children_nor_a_reason(full, monkeypatch):
    from curation import registry
    from curation.stage import Expanded

    run(*full)
    stage = registry.lookup("paragraphs")
    real = stage.function

    def fewer(batch, params):
        return (lambda e: Expanded(e.parents[1:], {n: c[1:] for n, c in e.columns.items()}, e.drop_reason))(real(batch, params))

    object.__setattr__(stage, "function", fewer)
    try:
        with pytest.raises((TaskError, AccountError)):
            run(full[0], full[1].with_name("other"), overrides={"first.where": "part < 9"})
    finally:
        object.__setattr__(stage, "function", real)


# Files of a finished run that go missing before the next one.

SPOIL = {
    "gone": lambda p: p.unlink(),
    "short": lambda p: p.write_bytes(p.read_bytes()[:-100]),
    "a row less": lambda p: _rewrite(p),
}


def _rewrite(path):
    table = pq.read_table(path)
    writer = ShardWriter(path, table.schema)
    writer.write(table.slice(1))
    writer.close()


@pytest.mark.parametrize("how", list(SPOIL))
@pytest.mark.parametrize("folder", ["len-*/route.rest", "first-*/first"])
def test_a_materialised_shard_is_lost_before_the_next_run(full, how, folder):
    file, out = full
    run(file, out)
    text = file.read_text()
    path = one(out / "work", f"{folder}/*.parquet")
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)  # no longer the same file as the one in outputs/
    SPOIL[how](path)
    file.write_text(
        text.replace("rare_domains, limit: 2", "rare_domains, limit: 3").replace(
            "needs: [loud, risky, route.rest]}", "needs: [risky, loud, route.rest]}"
        )
    )
    if folder.startswith("first"):
        file.write_text(text.replace("needs: sites}", "needs: first}").replace("  sites:  {use: by_domain}\n", ""))
    with pytest.raises(AccountError):
        run(file, out)


def test_a_loser_never_stands(tmp_path):
    """A second attempt at every task leaves files in work/, none in outputs/ or dropped/."""
    parquet(tmp_path / "crawl" / "0.parquet", documents(80))
    file = recipe(tmp_path, 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {len: {use: measure, limit: 50}}')
    it = run(file, tmp_path / "out")
    before = tree(tmp_path / "out")
    [task] = it._source_tasks(it.plan.passes["docs"])
    tasks.run(it.executor.context, task)
    assert len(list((tmp_path / "out" / "work").glob("docs-*/len/*"))) == 2
    assert ran(run(file, tmp_path / "out")) == {}
    assert tree(tmp_path / "out") == before
