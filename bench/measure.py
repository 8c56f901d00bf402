"""Measuring commands: CPU-seconds of a process and all it waited for, wall time, peak memory.

Commands are run in turn, A B A B ..., and medians are taken; start-up (the same command on 64
documents) is measured in the same rounds and subtracted. Every library is held to one thread.
This module and those that drive a benchmark import nothing large: a child's peak memory, as
Linux counts it, begins with that of the process that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
STARTUP_DOCUMENTS = 64
THREADS = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "ARROW_NUM_THREADS",
    "POLARS_MAX_THREADS",
]
Command = Sequence[str]


@dataclass(frozen=True)
class Usage:
    """What one process and its children used."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int


@dataclass
class Result:
    """Runs of one command.

    cpu_seconds, wall_seconds: medians less start-up. peak_bytes: largest of any process.
    """

    runs: list[Usage] = field(default_factory=list)
    startups: list[Usage] = field(default_factory=list)

    @property
    def startup_seconds(self) -> float:
        return median(u.cpu_seconds for u in self.startups) if self.startups else 0.0

    @property
    def cpu_seconds(self) -> float:
        return max(1e-9, median(u.cpu_seconds for u in self.runs) - self.startup_seconds)

    @property
    def wall_seconds(self) -> float:
        return max(
            1e-9, median(u.wall_seconds for u in self.runs) - (median(u.wall_seconds for u in self.startups) if self.startups else 0.0)
        )

    @property
    def peak_bytes(self) -> int:
        return max(u.peak_bytes for u in self.runs)

    @property
    def spread(self) -> float:
        """(largest - smallest) / median of the runs' CPU-seconds."""
        seconds = [u.cpu_seconds for u in self.runs]
        return (max(seconds) - min(seconds)) / median(seconds)

    def rates(self, documents: int, size: float) -> dict[str, Any]:
        """The figures a report shows."""
        return {
            "documents_per_cpu_second": round(documents / self.cpu_seconds, 1),
            "mb_per_cpu_second": round(size / self.cpu_seconds / 1e6, 2),
            "cpu_seconds": round(self.cpu_seconds, 3), "startup_cpu_seconds": round(self.startup_seconds, 3),
            "peak_mb": round(self.peak_bytes / 1e6, 1), "runs": len(self.runs), "spread": round(self.spread, 3),
        }  # fmt: skip


class CommandFailedError(RuntimeError):
    """A measured command ended with an error."""


class NotInstalledError(RuntimeError):
    """A peer's environment cannot be made on this machine."""


def run(command: Command, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> tuple[Usage, str]:
    """Run a command to its end; returns what it used and its standard output.

    Raises: CommandFailedError with the end of its output if it failed.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        process = subprocess.Popen(
            list(command), stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=cwd or ROOT,
            env={**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": str(ROOT), **(env or {})},
        )  # fmt: skip
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - started
        out.seek(0)
        text = out.read().decode("utf-8", "replace")
        if process.returncode:
            err.seek(0)
            message = err.read().decode("utf-8", "replace")
            raise CommandFailedError(f"exit {process.returncode}: {' '.join(command)}\n{(text + message)[-3000:]}")
    return Usage(used.ru_utime + used.ru_stime, wall, used.ru_maxrss << 10), text


@dataclass
class Contender:
    """One side of a comparison.

    Args:
        command: the work, with OUT for a fresh folder. startup: the same on few documents.
        check: given the folder after the work, raises or asserts if it is not done.
    """

    command: Command
    startup: Command | None = None
    check: Any = None
    env: Mapping[str, str] = field(default_factory=dict)

    def once(self, command: Command, check: Any = None) -> Usage:
        with scratch() as out:
            used, _ = run([part.replace("OUT", str(out)) if part.startswith("OUT") else part for part in command], self.env)
            if check is not None:
                check(out)
        return used


def compare(contenders: Mapping[str, Contender], pairs: int = 3) -> dict[str, Result]:
    """Run all contenders in turn, `pairs` times after one run that is not counted; the outputs are checked."""
    results = {name: Result() for name in contenders}
    for contender in contenders.values():
        contender.once(contender.startup or contender.command)  # compiles kernels and bytecode, fills caches
    for _ in range(pairs):
        for name, contender in contenders.items():
            if contender.startup:
                results[name].startups.append(contender.once(contender.startup))
            results[name].runs.append(contender.once(contender.command, contender.check))
    return results


# Folders and files


def cache() -> Path:
    """$CURATE_CACHE, or ~/.cache/curate."""
    return Path(os.environ.get("CURATE_CACHE") or Path.home() / ".cache" / "curate")


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A fresh folder beside the corpora (same file system), removed afterwards."""
    base = cache() / "bench-scratch"
    base.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def corpus(kind: str = "parquet", **spec: Any) -> tuple[Path, dict[str, Any]]:
    """Folder and description of a corpus, made once and kept in the cache; see `bench.corpus.Spec`.

    The cache holds it by its parameters and by the generator's source: another generator, another corpus.
    """
    text = json.dumps(spec, sort_keys=True)
    stamp = zlib.crc32((HERE / "corpus.py").read_bytes())
    folder = cache() / "bench-corpora" / f"{kind}-{zlib.crc32(text.encode()):08x}-{stamp:08x}"
    facts = folder.with_suffix(".json")
    if not facts.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _, out = run([sys.executable, "-m", "bench.corpus", str(folder), text, "--kind", kind])
        facts.write_text(out, encoding="utf-8")
    return folder, json.loads(facts.read_text(encoding="utf-8"))


# The two sides


def curate(*arguments: str) -> list[str]:
    """Command of our side: the working tree beside this folder, in this Python."""
    return [sys.executable, "-m", "curation.cli", *arguments]


def write_recipe(folder: Path, name: str, text: str) -> str:
    """A recipe file; returns its path."""
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def peer_python(name: str) -> str:
    """Python of a peer's own environment, made from `peers/NAME.txt` on first use.

    A first line `# python 3.12` asks for that version.

    Raises: NotInstalledError if there is no such Python or pip fails.
    """
    wanted = (HERE / "peers" / f"{name}.txt").read_bytes()
    folder = cache() / "bench-peers" / name
    stamp = folder / "requirements.txt"
    python = folder / "bin" / "python"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        first = wanted.decode().splitlines()[0]
        base = _python(first.removeprefix("# python ")) if first.startswith("# python ") else sys.executable
        shutil.rmtree(folder, ignore_errors=True)
        print(f"making the environment of {name} (once) ...", file=sys.stderr)
        subprocess.run([base, "-m", "venv", str(folder)], check=True)
        wants = str(HERE / "peers" / f"{name}.txt")
        done = subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", wants], capture_output=True, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.startswith("ERROR")]
            raise NotInstalledError(" ".join(errors[-2:]) or f"pip ended with {done.returncode}")
        stamp.write_bytes(wanted)
    return str(python)


def _python(version: str) -> str:
    """An interpreter of a version ("3.12"): this one, or `python3.12` on the PATH.

    Raises: NotInstalledError.
    """
    say = f"import sys; print(sys.executable); sys.exit(sys.version_info[:2] != ({version.replace('.', ', ')}))"
    for candidate in (sys.executable, f"python{version}"):
        with contextlib.suppress(OSError):
            said = subprocess.run([candidate, "-c", say], capture_output=True, check=False, text=True)
            if not said.returncode:
                return said.stdout.strip()
    raise NotInstalledError(f"it needs Python {version}, and there is no python{version} on the PATH")


def peer_script(name: str, script: str) -> list[str]:
    """Command that runs `peers/SCRIPT.py` in a peer's environment."""
    return [peer_python(name), str(HERE / "peers" / f"{script}.py")]


def peer_version(name: str, package: str) -> str:
    """Installed version of a package in a peer's environment."""
    _, out = run([peer_python(name), "-c", f"from importlib.metadata import version; print(version({package!r}))"])
    return out.strip()


def peer_sides(peers: Mapping[str, str], script: str) -> tuple[dict[str, list[str]], dict[str, str], list[str]]:
    """Commands of peers that run `peers/PEER_SCRIPT.py`, versions by peer, and what is said of those that are not installed.

    Args:
        peers: name -> package.
    """
    sides, told, missing = {}, {}, []
    for peer, package in peers.items():
        try:
            sides[peer] = peer_script(peer, f"{peer}_{script}")
            told[peer] = peer_version(peer, package)
        except NotInstalledError as e:
            missing.append(f"{peer} not installed: {e}")
    return sides, told, missing


def peak_mb() -> float:
    """Peak memory of this process so far, in megabytes."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


def versions(*packages: str) -> dict[str, str]:
    """Versions of packages on our side."""
    return {p: metadata.version(p) for p in packages}


def rows_of(folder: Path, pattern: str = "**/*.parquet") -> int:
    """Rows of all Parquet files in a folder, counted in another process (see the module on memory)."""
    code = "import sys,glob,pyarrow.parquet as q;print(sum(q.read_metadata(f).num_rows for f in glob.glob(sys.argv[1],recursive=True)))"
    _, out = run([sys.executable, "-c", code, str(folder / pattern)])
    return int(out)


def expect_rows(documents: int, pattern: str) -> Any:
    """A check that a run has written this many rows."""

    def check(out: Path) -> None:
        found = rows_of(out, pattern)
        if found != documents:
            raise CommandFailedError(f"{documents} documents expected in {out}/{pattern}, {found} written")

    return check


def machine() -> dict[str, Any]:
    """What the figures were measured on; nothing that names the machine."""
    model = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory / 2**30), "python": platform.python_version(),
        "load_before": [round(x, 2) for x in os.getloadavg()],
    }  # fmt: skip
