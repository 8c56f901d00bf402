"""Ray: the same bytes on several nodes, whatever dies; nodes that do not fit are refused.

The nodes are processes of this machine (`ray.cluster_utils.Cluster`), which end with the module's tests.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time

import pytest
from engine_kit import EVERY_PHASE, FULL, command, corpus, documents, environment, parquet, phases, recipe, rows, run, steps, tree

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
ray = pytest.importorskip("ray")

from ray.cluster_utils import Cluster  # noqa: E402

from curation.errors import RecipeError, TaskError  # noqa: E402
from curation.executors import Options  # noqa: E402
from curation.executors import ray as executor  # noqa: E402
from curation.recipe import Resources  # noqa: E402
from curation.run import read_manifest  # noqa: E402
from curation.workers import Quarantine  # noqa: E402

LABELS = ("outputs", "dropped", "failed", "shadows")
STORE_BYTES = 80 << 20
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own: files and processes it leaves to the collector


@pytest.fixture(scope="module")
def deaths(tmp_path_factory):
    return tmp_path_factory.mktemp("deaths")


@pytest.fixture(scope="module")
def cluster(deaths):
    """Two nodes of one CPU; the second says it has a GPU. In each phase of PHASES a watcher is killed, once."""
    given = {"NODE_DEATHS": str(deaths), "NODE_PHASES": ",".join(EVERY_PHASE), "PYTHONPATH": environment()["PYTHONPATH"]}
    old = {name: os.environ.get(name) for name in given}
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        os.environ.update(given)
        head = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "include_dashboard": False, "temp_dir": folder}
        made = Cluster(initialize_head=True, head_node_args=head)
        made.add_node(num_cpus=1, num_gpus=1, object_store_memory=STORE_BYTES)
        for name, value in old.items():  # what this process imports must not die
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        ray.init(made.address, log_to_driver=False, logging_level="error")
        yield made
        ray.shutdown()
        made.shutdown()


def by_ray(plan, out, plan_file):
    return executor.start(plan, out, plan_file, Options())


def test_every_kind_of_step_has_the_bytes_of_inline(cluster, tmp_path):
    file = recipe(corpus(tmp_path), FULL)
    run(file, tmp_path / "inline")
    run(file, tmp_path / "ray", start=by_ray)
    assert tree(tmp_path / "ray", *LABELS) == tree(tmp_path / "inline", *LABELS)


@pytest.mark.slow
def test_a_watcher_dies_in_every_phase(cluster, deaths, tmp_path):
    """And three documents end their worker: processes and ray quarantine the same ones."""
    file = phases(tmp_path)
    run(file, tmp_path / "processes", 2)
    run(file, tmp_path / "ray", start=by_ray)
    assert sorted(os.listdir(deaths)) == sorted(EVERY_PHASE)
    assert steps(tmp_path / "ray")["risky"]["failed"] == 3
    assert tree(tmp_path / "ray", *LABELS) == tree(tmp_path / "processes", *LABELS)


def test_a_model_runs_in_actors_that_keep_it(cluster, tmp_path):
    for i in range(6):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(20, seed=i))
    (tmp_path / "notes").mkdir()
    text = f"""
inputs: {{docs: {{use: parquet, paths: "crawl/*"}}}}
steps:
  before: {{use: measure}}
  model: {{use: stand_in_model, paths: {tmp_path / "notes"}, resources: {{gpus: 0.5}}}}
  after: {{use: shout}}
"""
    it = run(recipe(tmp_path, text), tmp_path / "out", start=by_ray)
    assert {name: total for name, (total, _) in it.tasks.items()} == {"docs": 6, "model": 6, "after": 6, "outputs.after": 1}
    notes = [note.read_text().split() for note in (tmp_path / "notes").iterdir()]
    assert len(notes) == 6
    assert {gpu for _, gpu in notes} == {"0"}
    assert len({process for process, _ in notes}) <= 2


def test_a_document_that_takes_its_watcher_along(cluster, tmp_path):
    """As one does whose memory makes Ray end the node's largest process: it is found by what is published on disk."""
    for i in range(2):
        parquet(tmp_path / "crawl" / f"{i}.parquet", documents(60, seed=i, poison={33} if i else ()), row_group_size=20)
    text = 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {bad: {use: poison, how: take the watcher along}}'
    file = recipe(tmp_path, text)
    run(file, tmp_path / "ray", start=by_ray)
    run(file, tmp_path / "clean", overrides={"bad.hurt": False})
    [failed] = rows(tmp_path / "ray", "failed")
    assert (failed["step"], failed["reason"]) == ("bad", "crashed")
    assert "POISON 33" in next(r["text"] for r in rows(tmp_path / "clean", "outputs") if r["id"] == failed["id"])
    left = [r for r in rows(tmp_path / "clean", "outputs") if r["id"] != failed["id"]]
    assert sorted(map(repr, rows(tmp_path / "ray", "outputs"))) == sorted(map(repr, left))


def slow_recipe(folder, files, n):
    """A recipe in which something can happen meanwhile, and a run of it in which nothing did."""
    for i in range(files):
        parquet(folder / "crawl" / f"{i}.parquet", documents(n, seed=i))
    file = recipe(folder, 'inputs: {docs: {use: parquet, paths: "crawl/*"}}\nsteps: {slow: {use: slow}, twins: {use: first_of_text}}')
    run(file, folder / "calm", 2)
    return file


@pytest.mark.slow
def test_a_node_is_lost_and_another_comes(cluster, tmp_path):
    file = slow_recipe(tmp_path, 8, 60)
    node = cluster.add_node(num_cpus=2, object_store_memory=STORE_BYTES)

    def lose():
        while len(list((tmp_path / "ray").glob("work/docs-*/records/*.json"))) < 2:
            time.sleep(0.01)
        cluster.remove_node(node, allow_graceful=False)

    loser = threading.Thread(target=lose)
    loser.start()
    run(file, tmp_path / "ray", start=by_ray)
    loser.join()
    assert tree(tmp_path / "ray", *LABELS) == tree(tmp_path / "calm", *LABELS)


@pytest.mark.slow
def test_the_driver_dies_and_another_goes_on(cluster, tmp_path):
    file = slow_recipe(tmp_path, 4, 80)
    (tmp_path / "elsewhere").mkdir()
    driver = subprocess.Popen(
        command("run", file, "--out", tmp_path / "ray", "-x", "ray", "--address", cluster.address), cwd=tmp_path / "elsewhere",
        env=environment(), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not list((tmp_path / "ray").glob("work/docs-*/records/*.json")):
        assert driver.poll() is None
        time.sleep(0.01)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    it = run(file, tmp_path / "ray", start=by_ray)
    assert it.tasks["docs"][1] >= 1
    assert tree(tmp_path / "ray", *LABELS) == tree(tmp_path / "calm", *LABELS)


@contextlib.contextmanager
def another_cluster():
    """A cluster of its own: a head without a CPU, and a node."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        head = {"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False, "temp_dir": folder}
        made = Cluster(initialize_head=True, head_node_args=head)
        made.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
        try:
            yield made
        finally:
            made.shutdown()


@pytest.mark.slow
def test_the_head_is_lost_and_another_cluster_goes_on(tmp_path, monkeypatch):
    """Without its head a cluster is none: the driver ends, and the same command goes on elsewhere."""
    file = slow_recipe(tmp_path, 4, 80)
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "3")
    arguments = command("run", file, "--out", tmp_path / "ray", "-x", "ray", "--address")
    with another_cluster() as first:
        driver = subprocess.Popen([*arguments, first.address], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not list((tmp_path / "ray").glob("work/docs-*/records/*.json")):
            assert driver.poll() is None
            time.sleep(0.01)
        first.remove_node(first.head_node, allow_graceful=False)
        assert driver.wait(120)
    assert read_manifest(tmp_path / "ray").get("status") != "done"
    with another_cluster() as second:
        done = subprocess.run([*arguments, second.address], env=environment(), capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "ray", *LABELS) == tree(tmp_path / "calm", *LABELS)


OLD_ARROW = """
from importlib import metadata
real = metadata.version
metadata.version = lambda name: "1.0" if name == "pyarrow" else real(name)
"""
OTHER_DISK = """
from pathlib import Path
real = Path.read_bytes
def read_bytes(self):
    if "/work/ray/" in str(self):
        raise FileNotFoundError(2, "No such file or directory")
    return real(self)
Path.read_bytes = read_bytes
"""


@pytest.mark.parametrize(
    ("patch", "says"),
    [(OLD_ARROW, "pyarrow is 1.0, the run's"), (OTHER_DISK, "cannot read .* local paths on a multi-node cluster")],
    ids=["version", "storage"],
)
def test_a_node_that_does_not_fit_is_refused(cluster, tmp_path, patch, says):
    (tmp_path / "sitecustomize.py").write_text(patch)
    node = cluster.add_node(
        num_cpus=1, object_store_memory=STORE_BYTES, env_vars={"PYTHONPATH": f"{tmp_path}:{environment()['PYTHONPATH']}"}
    )
    try:
        parquet(tmp_path / "crawl" / "0.parquet", documents(5))
        with pytest.raises(RecipeError, match=rf"node \S+ \(\S+\) .*{says}"):
            run(recipe(tmp_path, 'inputs: {docs: {use: parquet, paths: "crawl/*"}}'), tmp_path / "out", start=by_ray)
        assert not list((tmp_path / "out").rglob("*.parquet"))
    finally:
        cluster.remove_node(node)


def test_as_many_tasks_wait_as_an_autoscaler_must_see(cluster, tmp_path):
    made = []

    def start(plan, out, plan_file):
        made.append(by_ray(plan, out, plan_file))
        return made[0]

    parquet(tmp_path / "crawl" / "0.parquet", documents(5))
    run(recipe(tmp_path, 'inputs: {docs: {use: parquet, paths: "crawl/*"}}'), tmp_path / "out", start=start)
    it, waiting = made[0], []
    it._task = ray.remote(lambda probe, resources, message: {"cpu_seconds": 0.0, "node": ""})
    tasks = [{"key": str(i), "kind": "rows", "pass": "docs", "folder": "f"} for i in range(400)]

    for _ in it.map(iter(tasks), Quarantine(tmp_path)):
        waiting.append(len(it._busy))
    assert len(waiting) == 400
    assert max(waiting) in (2 + executor.AHEAD - 1, 2 + executor.AHEAD)


def test_a_task_whose_worker_died_is_tried_on_another_node(cluster, tmp_path):
    asked = []
    while len(alive := sorted(n["NodeID"] for n in ray.nodes() if n["Alive"])) > 2:  # those an earlier test took away
        time.sleep(0.1)
    here, there = alive

    class Recorder:
        """Plays the remote function: the first worker dies on node `here`."""

        def options(self, **options):
            asked.append(options)
            return self

        def remote(self, *arguments):
            where = {"step": "", "low": 0, "high": 0, "row": None, "shadow": False}
            died = {"died": where, "reason": "crashed", "detail": "it died", "node": here}
            return ray.put(died if len(asked) == 1 else {"cpu_seconds": 0.0, "node": there})

    parquet(tmp_path / "crawl" / "0.parquet", documents(5))
    file = recipe(tmp_path, 'inputs: {docs: {use: parquet, paths: "crawl/*"}}')
    made = []

    def start(plan, out, plan_file):
        made.append(by_ray(plan, out, plan_file))
        return made[0]

    run(file, tmp_path / "out", start=start)
    made[0]._task = Recorder()
    list(made[0].map([{"key": "k", "kind": "rows", "pass": "docs", "folder": "f"}], Quarantine(tmp_path)))
    assert len(asked) == 2
    assert all(options["max_retries"] == 0 for options in asked)
    assert "scheduling_strategy" not in asked[0]
    assert (asked[1]["scheduling_strategy"].node_id, asked[1]["scheduling_strategy"].soft) == (there, True)


def test_the_names_a_dashboard_shows():
    splits = [{"relative": "2024/a.warc.gz"}]
    assert executor._name({"kind": "rows", "pass": "text", "key": "k", "splits": splits}) == "text: 2024/a.warc.gz"
    assert executor._name({"kind": "reduce", "step": "near", "key": "0123456789abcdef"}) == "near reduce: 0123456789ab"


def test_an_address_nobody_answers(tmp_path):
    parquet(tmp_path / "crawl" / "0.parquet", documents(5))
    file = recipe(tmp_path, 'inputs: {docs: {use: parquet, paths: "crawl/*"}}')
    arguments = command("run", file, "--out", tmp_path / "out", "-x", "ray", "--address", "nowhere")
    done = subprocess.run(arguments, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "error: --address nowhere: there is no Ray cluster" in done.stderr
    assert "Traceback" not in done.stderr


def test_resources_a_node_has():
    assert executor._fits(Resources(), {"CPU": 1})
    assert not executor._fits(Resources(gpus=0.5), {"CPU": 1})
    assert not executor._fits(Resources(memory_bytes=1 << 40), {"CPU": 1, "memory": 1 << 30})


def test_a_node_without_this_package_is_said(cluster, tmp_path, monkeypatch):
    def fails(*arguments):
        raise ModuleNotFoundError("No module named 'curation'")

    parquet(tmp_path / "crawl" / "0.parquet", documents(5))
    file = recipe(tmp_path, 'inputs: {docs: {use: parquet, paths: "crawl/*"}}')

    def start(plan, out, plan_file):
        made = by_ray(plan, out, plan_file)
        made._task = ray.remote(fails)
        return made

    with pytest.raises(TaskError, match="a node cannot run curate: No module named 'curation'"):
        run(file, tmp_path / "out", start=start)
