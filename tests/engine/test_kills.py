"""kill -9 of everything, at any moment, again and again: the end is the same."""

import os
import random
import signal
import subprocess
import time

import pytest
from engine_kit import FULL, Stop, Stopper, command, corpus, documents, environment, parquet, recipe, run, tree

LABELS = ("outputs", "dropped", "failed", "shadows")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = corpus(tmp_path_factory.mktemp("kills"), files=3, n=150)
    file = recipe(
        folder,
        FULL.replace("  loud:", "  slow: {use: slow, needs: route.small}\n  loud:").replace(
            "loud:   {use: shout, needs: route.small}", "loud:   {use: shout}"
        ),
    )
    run(file, folder / "calm")
    return file, tree(folder / "calm", *LABELS)


def moments(work):
    """Files in work/ say how far a run is, whatever the machine's speed."""
    return sum(len(files) for _, _, files in os.walk(work))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_kill_everything_and_run_again(undisturbed, tmp_path, seed):
    file, wanted = undisturbed
    rng = random.Random(seed)
    out, kills = tmp_path / "out", 0
    arguments = command("run", file, "--out", out, "-j", 2)
    while True:
        target = moments(out) + rng.randrange(1, 60)
        process = subprocess.Popen(arguments, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while process.poll() is None and (kills >= 4 or moments(out) < target):
            time.sleep(0.002)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
            assert not (out / "dropped").exists() or tree(out, "dropped").items() <= wanted.items()
            assert tree(out, "outputs").items() <= wanted.items()
            continue
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()
        break
    assert kills >= 2
    assert tree(out, *LABELS) == wanted


def test_workers_die_with_their_driver(tmp_path):
    for i in range(2):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(30, seed=i, poison={5}))
    file = recipe(tmp_path, 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {bad: {use: poison, how: sleep}}')
    process = subprocess.Popen(
        command("run", file, "--out", tmp_path / "out", "-j", 2), env=environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while len(_alive(process.pid)) < 3 and process.poll() is None:
        time.sleep(0.01)
    time.sleep(2)
    assert len(_alive(process.pid)) == 3
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while _alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(process.pid)


def _alive(session):
    """Processes of a session that are not zombies."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                state, _, _, sid = f.read().rpartition(") ")[2].split()[:4]
        except OSError:
            continue
        if int(sid) == session and state != "Z":
            found.append(pid)
    return found


@pytest.mark.parametrize("place", ["Ledger.commit", "write_json", "write_sealed", "os.link", "HashedFile.close", "replace"])
def test_stopped_between_any_two_writes(undisturbed, tmp_path, monkeypatch, place):
    """The driver ends before, and after, each write of its kind."""
    file, wanted = undisturbed
    out = tmp_path / "out"

    from curation import ledger, shuffle, storage
    from curation import run as run_module

    owner, name = {
        "Ledger.commit": (ledger.Ledger, "commit"), "write_json": (run_module, "write_json"),
        "write_sealed": (run_module, "write_sealed"), "os.link": (storage.os, "link"),
        "HashedFile.close": (storage.HashedFile, "close"), "replace": (shuffle, "replace"),
    }[place]  # fmt: skip
    real = getattr(owner, name)
    rng = random.Random(place)
    stopper = Stopper()
    monkeypatch.setattr(owner, name, staticmethod(stopper.around(real)) if name == "commit" else stopper.around(real))
    stops = 0
    for stopper.before in (True, False, True, False, None):
        stopper.left = rng.randrange(1, 12) if stopper.before is not None else 1 << 30
        try:
            run(file, out)
        except Stop:
            stops += 1
    assert stops >= 2
    assert tree(out, *LABELS) == wanted
