"""`-x slurm` with a stand-in for sbatch that runs array elements as processes of this machine."""

import os
import signal
import subprocess
import sys
import time

import pytest
from engine_kit import command, environment, phases, run, tree

from curation.errors import RecipeError, TaskError
from curation.executors import Options, start

LABELS = ("outputs", "dropped", "failed", "shadows")
SBATCH = """#!{python}
import os, re, subprocess, sys, time
from pathlib import Path

spool = Path(os.environ["SPOOL"])
log = spool / "submitted"
with open(log, "a") as f:
    f.write(" ".join(sys.argv[1:]) + "\\n")
if "--partition=gone" in sys.argv:
    sys.exit("sbatch: error: invalid partition specified: gone")
job = str(100 + len(log.read_text().splitlines()))
array = next((a for a in sys.argv if a.startswith("--array=")), "--array=0-0")
low, high = map(int, re.findall(r"\\d+", array))
after = next((a.partition(":")[2].split(":") for a in sys.argv if a.startswith("--dependency=afterany:")), [])
print(job + ";cluster", flush=True)
if os.fork():
    os._exit(0)
os.setsid()
for descriptor in (0, 1, 2):
    os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
while not all((spool / f"{{other}}.over").exists() for other in after):
    time.sleep(0.05)
elements = [
    subprocess.Popen(["/bin/sh", sys.argv[-1]], env={{**os.environ, "SLURM_ARRAY_TASK_ID": str(n)}}, start_new_session=True,
                     stderr=open(spool / f"{{job}}_{{n}}.log", "w"))
    for n in range(low, high + 1)
]
for n, element in enumerate(elements):
    (spool / f"{{job}}_{{n}}.pid").write_text(str(element.pid))
for element in elements:
    element.wait()
(spool / f"{{job}}.over").touch()
"""


@pytest.fixture
def spool(tmp_path, monkeypatch):
    """A folder for the stand-in, which is on the PATH."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    (folder / "sbatch").write_text(SBATCH.format(python=sys.executable))
    (folder / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.setenv("SPOOL", str(folder))
    yield folder
    deadline = time.monotonic() + 60
    while (left := _alive(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


def _alive(spool):
    return [p for p in spool.glob("*.pid") if os.path.exists(f"/proc/{p.read_text() or 'x'}")]


def by_slurm(**options):
    options = Options(**{"jobs": 1, "elements": 3, "max_array": 2, "patience": 3.0, **options})
    return lambda plan, out, plan_file: start("slurm", plan, out, plan_file, options)


@pytest.mark.slow
def test_arrays_in_chunks_and_an_element_killed(tmp_path, spool):
    file = phases(tmp_path)
    run(file, tmp_path / "calm", 2)
    arguments = command(
        "run", file, "--out", tmp_path / "out", "-x", "slurm", "-j", 1, "--elements", 3, "--max-array", 2, "--patience", 3,
        "--sbatch", "--partition=cpu --time=4:00:00",
    )  # fmt: skip
    driver = subprocess.Popen(arguments, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not list((tmp_path / "out").glob("work/docs-*/records/*.json")):
        assert driver.poll() is None, driver.stderr.read()
        time.sleep(0.02)
    os.killpg(int((spool / "101_0.pid").read_text()), signal.SIGKILL)
    _, said = driver.communicate(timeout=250)
    assert driver.returncode == 0, said.decode()
    assert "submitted Slurm jobs 101, 102: 3 workers" in said.decode()
    assert tree(tmp_path / "out", *LABELS) == tree(tmp_path / "calm", *LABELS)
    first, second, sentinel = (spool / "submitted").read_text().splitlines()[:3]
    assert "--array=0-1 " in first
    assert "--array=0-0 " in second
    assert first.count("--partition=cpu --time=4:00:00") == second.count("--partition=cpu --time=4:00:00") == 1
    assert "--dependency=afterany:101:102 " in sentinel


def test_elements_that_end_before_the_run_does_are_submitted_again_while_that_helps(tmp_path, spool, monkeypatch):
    """Here they cannot start at all: their Python is none."""
    file = phases(tmp_path, 30)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    with pytest.raises(TaskError, match=r"all elements of Slurm's jobs ended, and 4 tasks are left; their logs are in .*/work/slurm"):
        run(file, tmp_path / "out", start=by_slurm(elements=1))
    submitted = (spool / "submitted").read_text()
    assert submitted.count("--array") == submitted.count("afterany") == 2


def test_what_sbatch_refuses_is_said(tmp_path, spool):
    with pytest.raises(TaskError, match="invalid partition specified: gone"):
        run(phases(tmp_path, 30), tmp_path / "out", start=by_slurm(sbatch=["--partition=gone"]))


def test_a_machine_without_slurm(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RecipeError, match="no sbatch on the PATH"):
        start("slurm", None, tmp_path, tmp_path, Options())
