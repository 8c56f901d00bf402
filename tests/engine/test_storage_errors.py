"""A storage that is full, read-only or broken: one message, and the run goes on once it is put right."""

import errno
import os
import resource
import subprocess

import pytest
from engine_kit import command, environment, phases, run, tree

LABELS = ("outputs", "dropped", "failed", "shadows")


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calm")
    file = phases(folder, 60)
    run(file, folder / "calm", 2)
    return file, tree(folder / "calm", *LABELS)


def refused(out, arguments, says, env=None, limit_bytes=None):
    """The command ends with this one message."""
    before = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))) if limit_bytes else None
    done = subprocess.run(
        command("run", *arguments, "--out", out), env={**environment(), **(env or {})}, capture_output=True, text=True, preexec_fn=before
    )  # fmt: skip
    errors = done.stderr[done.stderr.index("error: ") :].splitlines()
    assert done.returncode == 3, done.stderr
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith(f"error: the storage refused: {says}")
    assert errors[0].endswith("what is done stays done")


@pytest.mark.parametrize(("how", "limit_bytes"), [("processes", 2_000), ("inline", 6_000)])
def test_files_that_cannot_grow(calm, tmp_path, how, limit_bytes):
    """In the driver (its plan), then in the tasks (a shard); inline, a document that kills would take the driver along."""
    file, wanted = calm
    refused(tmp_path, [file, "-x", how, "-j", 2, "--set", "risky.hurt=false"], os.strerror(errno.EFBIG), limit_bytes=limit_bytes)
    run(file, tmp_path, 2)
    assert tree(tmp_path, *LABELS) == wanted


@pytest.mark.slow
@pytest.mark.parametrize(("number", "broken"), [(errno.ENOSPC, ("emit twins", "rows mix")), (errno.EROFS, ("rows docs",))])
def test_the_storage_refuses_a_record(calm, tmp_path, number, broken):
    file, wanted = calm
    (tmp_path / "marks").mkdir()
    given = {"NODE_DEATHS": str(tmp_path / "marks"), "NODE_ERROR": str(number)}
    for phase in broken:
        refused(tmp_path / "out", [file, "-j", 2], f"{os.strerror(number)}: {tmp_path}", {**given, "NODE_PHASES": phase})
    run(file, tmp_path / "out", 2)
    assert tree(tmp_path / "out", *LABELS) == wanted
