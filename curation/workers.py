"""Supervised worker processes, and careful mode.

A worker is a fresh process with one pipe: it takes a task as JSON, runs it, and says so. Where it
is - step, rows, document - stands in a small shared page, so that when it dies, hangs or outgrows
its memory the driver knows which documents to suspect. Those are run again in a fresh worker, piece
by piece (careful mode); what kills that one too is quarantined, and the task then runs normally
without it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from curation.errors import STORAGE_ERRORS, AccountError, CurateError, FailedShareError, storage_message
from curation.storage import append, seal, unseal

PAGE = struct.Struct("<qqqqq96s")
"""Progress page: sequence, low, high, row, shadow, step name."""
NO_ROW = -(1 << 62)
RECYCLE_BYTES = 2 << 30
"""A worker whose resident memory passed this after a task is replaced (ours)."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "ARROW_NUM_THREADS")
"""Library thread pools, all 1 in a worker: the cores are shared out by tasks."""
CHUNKS = 16
"""Pieces a suspected range is cut into in careful mode."""
NOWHERE = {"step": "", "low": 0, "high": 0, "row": None, "shadow": False}
"""Place of a worker that was in no step."""
MAX_DEATHS = 3
"""Deaths of one task without a culprit before the run stops."""
PLAIN_LOSSES = 2
"""Times a task that went down with all that watched it is simply run again, elsewhere (ours)."""


class Progress:
    """Where a worker is, in a page its driver can read after its death."""

    def __init__(self, page: int) -> None:
        self._page = mmap.mmap(page, mmap.PAGESIZE)
        os.close(page)
        self._sequence = 0
        self._file: int | None = None

    def publish(self, file: Path | None) -> None:
        """Write each place to this file too, on disk before the work there begins: for a driver on another machine."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_DSYNC)

    def at_step(self, step: str, low: int, high: int, shadow: bool) -> None:
        self._sequence += 1
        PAGE.pack_into(self._page, 0, self._sequence, low, high, NO_ROW, shadow, step.encode()[:96])
        self._published()

    def at_row(self, row: int) -> None:
        self._sequence += 1
        struct.pack_into("<q", self._page, 24, row)
        struct.pack_into("<q", self._page, 0, self._sequence)
        self._published()

    def _published(self) -> None:
        if self._file is not None:
            os.pwrite(self._file, self._page[: PAGE.size], 0)


def place_of(page: Any) -> dict[str, Any]:
    """What a progress page, or a file of one, says."""
    sequence, low, high, row, shadow, step = PAGE.unpack_from(page, 0)
    return {"sequence": sequence, "low": low, "high": high, "row": None if row == NO_ROW else row,
            "shadow": bool(shadow), "step": step.rstrip(b"\0").decode("utf-8", "replace")}  # fmt: skip


def main(descriptor: int, page: int, plan_file: str, limit_bytes: int, driver: int) -> None:
    """Entry point of a worker process.

    Args:
        descriptor, page: inherited: the pipe, the progress page. driver: process id of the parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: die with the driver
        if os.getppid() != driver:
            return
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(2)
    from curation import tasks
    from curation.plan import plan_of
    from curation.storage import location, read_sealed
    from curation.tasks.base import Context

    file = location(plan_file)
    out = file.parent.parent
    progress = Progress(page)
    context = Context(plan_of(read_sealed(file)), out, progress)
    pipe = Connection(descriptor)
    pipe.send_bytes(b"{}")
    while True:
        try:
            task = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        started = time.process_time()
        try:
            progress.publish(out / task["publish"] if "publish" in task else None)
            progress.at_step("", 0, 0, False)
            tasks.run(context, task)
            answer: dict[str, Any] = {"cpu_seconds": time.process_time() - started}
        except BaseException as e:  # noqa: BLE001 - the driver reports it; the worker lives on
            answer = told(e)
        progress.at_step("", 0, 0, False)
        pipe.send_bytes(json.dumps(answer).encode())


def machine_memory_bytes(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Memory this process may use: the machine's, or the limit of a control group it is in (a container's, a Slurm job's) if lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    folder = groups
    with contextlib.suppress(OSError):
        folder = groups / own.read_text().strip().rpartition("::")[2].lstrip("/")
    for at in (folder, *folder.parents):
        if at.is_relative_to(groups):
            with contextlib.suppress(OSError, ValueError):
                total = min(total, int((at / "memory.max").read_text()))
    return total


def limits_of(limits: Any, workers: int) -> dict[str, Any]:
    """The recipe's limits as a worker's driver wants them, for a worker of so many on this machine."""
    share = int(machine_memory_bytes() * 0.8) // workers
    return {
        "cpu_seconds": limits.cpu_seconds, "idle_seconds": limits.idle_seconds, "memory_bytes": limits.memory_bytes or share
    }  # fmt: skip


def told(error: BaseException, where: str = "") -> dict[str, Any]:
    """An error as the driver is told of it: its name in `curation.errors`, one message, a traceback where that is a defect's."""
    if isinstance(error, CurateError):
        return {"error": type(error).__name__, "message": f"{error}{where}", "traceback": "\n".join(getattr(error, "__notes__", []))}
    if isinstance(error, OSError) and error.errno in STORAGE_ERRORS:
        return {"error": "TaskError", "message": storage_message(error) + where}
    trace = "".join(traceback.format_exception(error))
    return {"error": "TaskError", "message": f"{type(error).__name__}: {error}{where}", "traceback": trace}


class Worker:
    """The driver's side of one worker process."""

    def __init__(self, plan_file: Path, limits: dict[str, Any]) -> None:
        self.limits = limits
        ours, theirs = socket.socketpair()
        path = os.pathsep.join(p for p in sys.path if p)  # the worker finds the very modules the driver has
        threads = dict.fromkeys(THREADS, "1")
        with theirs, tempfile.TemporaryFile(prefix="curate-") as page:
            page.truncate(mmap.PAGESIZE)
            self._page = mmap.mmap(page.fileno(), mmap.PAGESIZE)
            arguments = (theirs.fileno(), page.fileno(), str(plan_file), limits["memory_bytes"] + (1 << 30), os.getpid())
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", f"from curation.workers import main; main{arguments!r}"],
                pass_fds=arguments[:2], env={**os.environ, **threads, "PYTHONPATH": path}, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.pipe = Connection(ours.detach())
        self.ready = False
        self.why = ""
        self._sequence, self._cpu, self._wall = -1, 0.0, time.monotonic()

    def send(self, task: dict[str, Any]) -> None:
        self.pipe.send_bytes(json.dumps(task).encode())
        self._sequence, self._cpu, self._wall = -1, self.cpu_seconds(), time.monotonic()

    def where(self) -> dict[str, Any]:
        """The last published place."""
        return place_of(self._page)

    def cpu_seconds(self) -> float:
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_bytes().rpartition(b") ")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError):
            return 0.0

    def resident_bytes(self) -> int:
        try:
            return int(Path(f"/proc/{self.process.pid}/statm").read_bytes().split()[1]) * mmap.PAGESIZE
        except (OSError, IndexError):
            return 0

    def watch(self) -> None:
        """Kill the worker if the document it is on passed a limit; `why` then says which."""
        if self.resident_bytes() > self.limits["memory_bytes"]:
            self._end("memory_limit")
            return
        place = self.where()
        cpu, now = self.cpu_seconds(), time.monotonic()
        if place["sequence"] != self._sequence:
            self._sequence, self._cpu, self._wall, self._still = place["sequence"], cpu, now, cpu
            return
        documents = 1 if place["row"] is not None else place["high"] - place["low"] + 1
        if place["step"] and cpu - self._cpu > self.limits["cpu_seconds"] * (1 + documents / 50):
            self._end("cpu_limit")
        elif cpu > self._still + 0.05:
            self._still, self._wall = cpu, now
        elif now - self._wall > self.limits["idle_seconds"]:
            self._end("idle_limit")

    def _end(self, why: str) -> None:
        self.why = why
        self.process.kill()

    def close(self) -> None:
        self.pipe.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._page.close()

    def outgrown(self) -> bool:
        """Whether it holds so much memory after a task that another should take its place."""
        return self.resident_bytes() > min(RECYCLE_BYTES, int(self.limits["memory_bytes"]) // 2)

    def obituary(self) -> dict[str, Any]:
        """What a dead worker died of, and where: the answer to what it was sent. It is closed."""
        reason, detail = self._death()
        where = self.where()
        self.close()
        return {"died": where, "reason": reason, "detail": detail}

    def _death(self) -> tuple[str, str]:
        """(reason, detail)."""
        code = self.process.wait()
        if self.why:
            return self.why, {"memory_limit": "the worker outgrew its memory", "cpu_limit": "the document used its CPU time up",
                              "idle_limit": "the worker stood still"}[self.why]  # fmt: skip
        if code < 0:
            return "crashed", f"the worker died of signal {-code} ({signal.Signals(-code).name})"
        return "crashed", f"the worker exited with status {code}"


class Job:
    """One task on its way to its record, through careful mode if a worker dies on it."""

    def __init__(self, task: dict[str, Any], quarantine: Any) -> None:
        self.task, self._quarantine = task, quarantine
        self._suspects: list[tuple[int, int]] = []
        self._deaths = 0
        self._losses = 0
        self._cleared = False
        """A suspected document did no harm on its own: the stage does not say which one it is on."""
        self.again = False
        """It came to grief before, on this `node` if that is known."""
        self.node: str | None = None

    def message(self) -> dict[str, Any]:
        """What to send to a worker next."""
        task = {**self.task, "quarantine": self._quarantine.of(self.task["key"])}
        if self.published:
            task["publish"] = self.published
        return {**task, "only": self._suspects} if self._suspects else task

    @property
    def published(self) -> str | None:
        """The file, relative to the run, in which its worker says where it is: once whatever watched it was lost too often."""
        return f"work/{self.task['folder']}/places/{self.task['key']}" if self._losses >= PLAIN_LOSSES else None

    def lost(self, where: dict[str, Any] | None, detail: str) -> str | None:
        """The worker is gone with whatever watched it; `where` it was, if it has published that. Returns what `died` does."""
        self._losses, self.again = self._losses + 1, True
        return None if self._losses <= PLAIN_LOSSES else self.died(where or NOWHERE, "crashed", detail)

    def finished(self) -> bool:
        """The worker is done with the message; True if that was the task itself."""
        if self._suspects:
            self._suspects, self._cleared = [], True
            return False
        return True

    def died(self, where: dict[str, Any], reason: str, detail: str) -> str | None:
        """The worker died at this place; returns why the task must be given up, or None to go on.

        Raises: FailedShareError if ten times as many documents were quarantined as may fail.
        """
        self.again = True
        named = where["step"] and self.task["kind"] in ("rows", "emit")
        low, high = where["low"], where["high"]
        if where["row"] is not None and not self._cleared:
            low = high = where["row"]
        if not named or not self._suspects:
            self._deaths += 1
            if self._deaths >= MAX_DEATHS:
                place = f" in {where['step']} and no document is to blame" if named else ""
                return f"its worker died {self._deaths} times{place}: {detail}"
            self._suspects = _pieces(low, high) if named else []
            return None
        rest = [r for r in self._suspects if r[0] > high]
        if low < high:
            self._suspects = _pieces(low, high) + rest
            return None
        self._quarantine.add(self.task, {"step": where["step"], "at": low, "shadow": where["shadow"], "reason": reason, "detail": detail})
        self._deaths = 0
        self._suspects = [(low + 1, b) for a, b in self._suspects if a <= low < b] + rest
        return None


def _pieces(low: int, high: int) -> list[tuple[int, int]]:
    """A range of rows cut into at most CHUNKS ranges."""
    step = max(1, -(-(high - low + 1) // CHUNKS))
    return [(a, min(a + step - 1, high)) for a in range(low, high + 1, step)]


class Quarantine:
    """Poison rows of one folder, by task key; every re-run obeys them.

    Args:
        folder: of the tasks. limit: the recipe's `max_failed`, or None to go on whatever happens.
        writer: names the file that is added to, where several machines write; all are read.
    """

    def __init__(self, folder: Path, limit: Any = None, writer: str = "") -> None:
        self._limit = limit
        self._file = folder / (f"quarantine-{writer}.jsonl" if writer else "quarantine.jsonl")
        self._rows: dict[str, list[dict[str, Any]]] = {}
        for file in sorted(folder.glob("quarantine*.jsonl")):
            for line in file.read_bytes().split(b"\n"):
                try:
                    entry = unseal(line, file)
                except AccountError:
                    continue  # a line cut by a kill, or damaged: the document will be found again
                known = self._rows.setdefault(entry.pop("key"), [])
                if not any(entry["at"] == k["at"] and entry["step"] == k["step"] and entry["shadow"] == k["shadow"] for k in known):
                    known.append(entry)  # two machines may have found it

    def of(self, key: str) -> list[dict[str, Any]]:
        return self._rows.get(key, [])

    def add(self, task: dict[str, Any], entry: dict[str, Any]) -> None:
        """Put a row of a task on the list.

        Raises: FailedShareError if that is ten times as many as may fail.
        """
        key = task["key"]
        self._rows.setdefault(key, []).append(entry)
        append(self._file, seal({"key": key, **entry}) + b"\n")
        found = sum(e["step"] == entry["step"] and not e["shadow"] for e in self._rows[key])
        known = task.get("shard", {}).get("rows") or entry["at"] + 1
        if self._limit is not None and found > 10 * max(self._limit.least, self._limit.share * known):
            raise FailedShareError(f"{entry['step']}: {found} documents of one task ended their worker; the last: {entry['detail']}")
