"""Runs tasks on a Ray cluster whose nodes share the run's folder: Ray Core tasks, and actors for steps that need GPUs.

What Ray runs is a watcher: it keeps one supervised worker process (`curation.workers`) and sends it the tasks it is
given, so a poison document ends that process and careful mode is what it is on one machine. Ray retries nothing
(`max_retries=0`): the driver does, on another node each time. Only paths and small records cross the object store.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from curation.errors import RecipeError, TaskError
from curation.executors import Options
from curation.executors.dispatch import Dispatch, error_of
from curation.plan import Plan, plan_of
from curation.recipe import Resources
from curation.storage import attempt_name, location, read_sealed, remote, write_sealed
from curation.versions import demand_same, versions
from curation.warm_up import warm_up
from curation.workers import Job, Quarantine, Worker, limits_of, place_of, told

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read by Ray when it is imported: it reports to nobody
try:
    import ray
    from ray.exceptions import RayError, RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as missing:
    raise RecipeError("-x ray needs the package ray", hint="pip install 'curate-pretraining[ray]'") from missing

POLL_SECONDS = 0.2
AHEAD = 256
"""Tasks that wait at Ray beside those that run, so that an autoscaler sees demand (ours)."""
LOOK_SECONDS = 5.0
"""How often the cluster's size is asked for (ours)."""


# What runs on the nodes ----------------------------------------------------------------------------


class Watcher:
    """One supervised worker process of a node, and what it takes to run it.

    Args:
        probe: file the driver wrote in the run's folder. resources: what Ray gave a task.
    """

    def __init__(self, probe: Path, resources: Resources) -> None:
        self.check = checked(probe)
        plan = plan_of(read_sealed(location(self.check["plan"])))
        cpus = next(n["Resources"].get("CPU", 1) for n in ray.nodes() if n["NodeID"] == ray.get_runtime_context().get_node_id())
        limits = plan.recipe.settings.limits
        self._limits = limits_of(limits, max(1, int(cpus / resources.cpus)))
        if limits.memory_bytes is None and resources.memory_bytes:
            self._limits["memory_bytes"] = resources.memory_bytes
        self._worker: Worker | None = None

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """The worker's answer to a message, or its obituary; see `Dispatch`."""
        worker = self._worker or Worker(location(self.check["plan"]), self._limits)
        self._worker = None
        try:
            if not worker.ready:
                worker.pipe.recv_bytes()
                worker.ready = True
            worker.send(message)
            while not worker.pipe.poll(POLL_SECONDS):
                worker.watch()
            said = worker.pipe.recv_bytes()
        except (EOFError, OSError):
            return self._buried(worker)
        if worker.outgrown():
            worker.close()
        else:
            self._worker = worker
        answer: dict[str, Any] = json.loads(said)
        return answer

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()

    @staticmethod
    def _buried(worker: Worker) -> dict[str, Any]:
        answer = worker.obituary()
        if worker.ready:
            return answer
        if worker.process.returncode < 0:
            return {"lost": f"a worker process was ended while it started: {answer['detail']}", "where": None}
        return {"error": "TaskError", "message": f"a worker process could not start, its message is in Ray's logs: {answer['detail']}"}


def checked(probe: Path) -> dict[str, Any]:
    """What the driver wrote for this node to read.

    Raises: RecipeError if the node does not see the file or would write other bytes.
    """
    node = f"node {socket.gethostname()} ({ray.util.get_node_ip_address()})"
    try:
        said: dict[str, Any] = read_sealed(probe)
    except OSError as e:
        raise RecipeError(
            f"{node} cannot read {probe}, which the driver wrote ({e.strerror}): local paths on a multi-node cluster",
            hint="put --out, and what the recipe reads, on storage that all nodes mount under one path",
        ) from e
    demand_same(said["versions"], versions(Path(p) for p in said["plugins"]), node)
    return said


def prepare(probe: str) -> dict[str, Any]:
    """Start-up probe of a node: look at the storage and the versions, compile kernels; {} or an error."""
    try:
        said = checked(location(probe))
        warm_up(plan_of(read_sealed(location(said["plan"]))), lambda text: None)
    except Exception as e:  # noqa: BLE001 - the driver reports it
        return told(e)
    return {}


_watchers: dict[tuple[str, Resources], Watcher] = {}
"""Of this Ray process: one, that of the last task."""


def run_task(probe: str, resources: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """A Ray task: one message, to the worker of this Ray process."""
    name = (probe, Resources(**resources))
    try:
        if name not in _watchers:
            while _watchers:
                _watchers.popitem()[1].close()
            _watchers[name] = Watcher(location(probe), name[1])
        answer = _watchers[name].ask(message)
    except Exception as e:  # noqa: BLE001 - the driver reports it
        answer = told(e)
    return {**answer, "node": ray.get_runtime_context().get_node_id()}


class Holder:
    """A Ray actor: keeps its GPUs, and the worker that has a model on them."""

    def node(self) -> str:
        """The node it was placed on, when it is."""
        return str(ray.get_runtime_context().get_node_id())

    def run_task(self, probe: str, resources: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
        return run_task(probe, resources, message)


# The driver ----------------------------------------------------------------------------------------


class Ray(Dispatch):
    """The executor `ray`.

    Args:
        address: of the cluster; None: $RAY_ADDRESS, or a cluster of one node for this run, with `jobs` CPUs.
        say: called with what the user should know.
    """

    def __init__(
        self, plan: Plan, out: Path, plan_file: Path, address: str | None, jobs: int | None, say: Callable[[str], None]
    ) -> None:  # fmt: skip
        self._plan, self._out, self._say = plan, out if remote(out) else out.resolve(), say
        self._ours = not ray.is_initialized()
        if self._ours:
            address = address or os.environ.get("RAY_ADDRESS") or "local"
            mine = {"num_cpus": jobs, "include_dashboard": False} if address == "local" else {}
            try:
                ray.init(address, log_to_driver=False, logging_level="error", **mine)
            except (ConnectionError, ValueError, RuntimeError) as e:
                raise RecipeError(f"--address {address}: there is no Ray cluster: {e}") from e
        self._task, self._holder, self._prepare = ray.remote(run_task), ray.remote(Holder), ray.remote(prepare)
        self._probe = self._out / "work" / "ray" / f"{attempt_name()}.json"
        plugins = plan.recipe.plugins
        plan_name = str(plan_file if remote(plan_file) else plan_file.resolve())
        said = {"plan": plan_name, "plugins": [str(p) for p in plugins], "versions": versions(plugins)}
        write_sealed(self._probe, said)
        self._busy: dict[Any, tuple[Job, Any]] = {}
        """Reference of an answer -> job, actor that has it."""
        self._idle: list[tuple[Any, str]] = []
        """Actors and their nodes."""
        self._coming: dict[Any, Any] = {}
        """Reference of an actor's node -> actor."""
        self._need = Resources()
        self._looked, self._nodes, self._ahead, self._turn = 0.0, deque[dict[str, Any]](), 0, 0
        self._look()
        self._check_nodes()

    def _check_nodes(self) -> None:
        """Ask every node whether it sees the run's folder and has the run's versions.

        Raises: RecipeError naming the first that does not.
        """
        options = {"num_cpus": 0, "max_retries": 0, "name": "curate: start-up probe"}
        asked = [self._prepare.options(**options, scheduling_strategy=_on(n)).remote(str(self._probe)) for n in self._nodes]
        for reference in asked:
            try:
                answer = ray.get(reference)
            except RayTaskError as e:  # it could not even import this package
                raise RecipeError(f"a node cannot run curate: {e.cause}", hint="install the same version on every node") from e
            except RayError:
                continue  # the node went away; whoever works there later looks again
            if "error" in answer:
                raise error_of(answer)

    def _look(self) -> None:
        """Ask for the cluster's size, now and then."""
        if self._nodes and time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self._nodes = deque(sorted((n for n in ray.nodes() if n["Alive"]), key=lambda n: str(n["NodeID"])))
        cpus = int(sum(n["Resources"].get("CPU", 0) for n in self._nodes))
        self._ahead = max(2 * cpus, cpus + AHEAD)

    # -- tasks ----------------------------------------------------------------------------------------

    def map(self, work: Iterable[dict[str, Any]], quarantine: Quarantine) -> Iterator[dict[str, Any]]:
        tasks = iter(work)
        first = next(tasks, None)
        if first is None:
            return
        self._need = self._plan.passes[first["pass"]].resources if "pass" in first else self._plan.steps[first["step"]].resources
        self._look()
        if not any(_fits(self._need, n["Resources"]) for n in self._nodes):
            self._say(f"{first.get('pass') or first['step']}: no node of the cluster has {self._need}; waiting for one")
        try:
            yield from super().map(chain([first], tasks), quarantine)
        finally:
            self._dismiss()

    def room(self, more: bool) -> bool:
        if self._need.gpus:
            self._staff()
            return bool(self._idle)
        return not more or len(self._busy) < self._ahead

    def begin(self, job: Job) -> None:
        arguments = (str(self._probe), self._need.model_dump(), job.message())
        if self._need.gpus:
            place = next((i for i, (_, node) in enumerate(self._idle) if node != job.node), 0)
            actor, node = self._idle.pop(place)
            self._busy[actor.run_task.options(name=_name(job.task)).remote(*arguments)] = (job, (actor, node))
            return
        options: dict[str, Any] = {"num_cpus": self._need.cpus, "max_retries": 0, "name": _name(job.task)}
        if self._need.memory_bytes:
            options["memory"] = self._need.memory_bytes
        if job.again:  # on another node than where it came to grief
            others = [n for n in self._nodes if n["NodeID"] != job.node and n["Resources"].get("CPU", 0) >= self._need.cpus]
            if others:
                self._turn += 1
                chosen = others[self._turn % len(others)]
                options["scheduling_strategy"] = _on(chosen, soft=True)
                job.node = chosen["NodeID"]
        self._busy[self._task.options(**options).remote(*arguments)] = (job, None)

    def ended(self) -> Iterator[tuple[Job, dict[str, Any]]]:
        self._look()
        waited = [*self._busy, *self._coming]
        if not waited:
            time.sleep(POLL_SECONDS)
            return
        ready, rest = ray.wait(waited, num_returns=1, timeout=POLL_SECONDS, fetch_local=False)
        if rest:
            ready += ray.wait(rest, num_returns=len(rest), timeout=0, fetch_local=False)[0]
        for reference in ready:
            if reference in self._coming:
                actor = self._coming.pop(reference)
                with contextlib.suppress(RayError):
                    self._idle.append((actor, ray.get(reference)))
                continue
            job, holder = self._busy.pop(reference)
            try:
                answer = ray.get(reference)
            except RayTaskError as e:
                raise TaskError(f"a node cannot run curate: {e.cause}") from e
            except RayError as e:
                yield job, {"lost": f"{type(e).__name__}: {str(e).splitlines()[0]}", "where": self._published(job)}
                continue
            if holder:
                self._idle.append(holder)
            if "cpu_seconds" not in answer:
                job.node = answer["node"]
            yield job, answer

    def _published(self, job: Job) -> dict[str, Any] | None:
        """Where the worker of a job was, if it was told to publish it; once, so that no later death is laid to that place."""
        page = b""
        if job.published:
            with contextlib.suppress(FileNotFoundError):
                page = (self._out / job.published).read_bytes()
                (self._out / job.published).unlink()
        return place_of(page) if page else None

    # -- actors ---------------------------------------------------------------------------------------

    def _staff(self) -> None:
        """Ask for as many actors as the cluster's GPUs hold, and one more: an autoscaler sees that it would be used."""
        gpus = sum(n["Resources"].get("GPU", 0) for n in self._nodes)
        working = len(self._idle) + sum(actor is not None for _, actor in self._busy.values())
        while not self._coming or len(self._coming) + working < gpus // self._need.gpus:
            needs = {"num_cpus": self._need.cpus, "num_gpus": self._need.gpus, "max_restarts": 0, "max_task_retries": 0}
            if self._need.memory_bytes:
                needs["memory"] = self._need.memory_bytes
            actor = self._holder.options(**needs).remote()
            self._coming[actor.node.options(name="curate: placement").remote()] = actor

    def _dismiss(self) -> None:
        """Let the actors of a pass go, and their GPUs with them."""
        actors = [a for a, _ in self._idle] + list(self._coming.values()) + [holder[0] for _, holder in self._busy.values() if holder]
        for actor in actors:
            ray.kill(actor)
        self._idle, self._coming = [], {}

    def close(self) -> None:
        """Stop what runs; and Ray, if it was started here."""
        self._dismiss()
        for reference, (_, holder) in self._busy.items():
            if holder is None:
                with contextlib.suppress(RayError):
                    ray.cancel(reference, force=True)
        self._busy = {}
        if self._ours:
            ray.shutdown()


def _on(node: dict[str, Any], soft: bool = False) -> Any:
    return NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=soft)


def _fits(need: Resources, has: dict[str, float]) -> bool:
    return need.cpus <= has.get("CPU", 0) and need.gpus <= has.get("GPU", 0) and need.memory_bytes <= has.get("memory", 0)


def _name(task: dict[str, Any]) -> str:
    """A task's name in Ray's dashboard: pass, or step and what is done for it, and shard."""
    label = task.get("pass") or f"{task['step']} {task['kind']}"
    splits = task.get("splits") or [{"relative": task["key"][:12]}]
    return f"{label}: {splits[0]['relative']}"


def start(plan: Any, out: Path, plan_file: Path, options: Options) -> Ray:
    return Ray(plan, out, plan_file, options.address, options.jobs, options.say)
