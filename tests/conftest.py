"""Fixtures of all tests."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

import curation  # noqa: F401 - says where compiled kernels are, before the cache below is another one: what tests start shares them

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data" / "warc" / "real"
REAL_FILES = ("commoncrawl__whirlwind.warc.gz", "pywb__iana.warc.gz", "resiliparse__warcfile.warc.gz")
"""Records of Common Crawl, of iana.org and of the Internet Archive."""

settings.register_profile("ci", derandomize=True)  # the same examples on every run; elsewhere new ones each time
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI nothing may be skipped, but for test data that is not part of the project."""
    report = (yield).get_result()
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
    if report.skipped and os.environ.get("CI") and "shared" not in reason and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"


def pytest_make_parametrize_id(val, argname):
    """Bytes that are no text name no test: the time in a gzip header would be another one in each process of pytest-xdist."""
    return argname if isinstance(val, bytes) and not val.isascii() else None


@pytest.fixture(scope="session", autouse=True)
def _private_cache(tmp_path_factory):
    """Content hashes of test files do not go to the user's cache; compiled kernels are shared with it."""
    old = os.environ.get("CURATE_CACHE")
    os.environ["CURATE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if old is None:
        del os.environ["CURATE_CACHE"]
    else:
        os.environ["CURATE_CACHE"] = old


# Runs that many tests look into: each is made once, by the first process of pytest-xdist that asks for it. No test may write to them.


def _made_once(tmp_path_factory, name, *options, text=None, start=None):
    """The folder of a run with these options of `curate run`; what that said is beside it, in NAME.json.

    text: of another recipe than pipeline.yaml. start: the run this one begins with a copy of, so that only what changed is run.
    """
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "runs"
    home.mkdir(exist_ok=True)
    out, said, recipe = home / name, home / f"{name}.json", home / f"{name}.yaml"
    with open(home / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            if start is not None:
                shutil.copytree(start, out, dirs_exist_ok=True)  # which an attempt that was stopped may have left
            if text is not None:
                recipe.write_text(text)
            command = [sys.executable, "-m", "curation.cli", "run", recipe if text else "pipeline.yaml", "-j", "2", "--out", out, "--json"]
            done = subprocess.run(
                [*command, *options],
                cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=900,
            )  # fmt: skip
            said.write_text(done.stdout if done.returncode == 0 else json.dumps({"error": done.stderr}))
    report = json.loads(said.read_text())
    assert "error" not in report, report["error"]
    return out


def _untouched(out):
    """Give a run to the tests of this process, and see that they left it as it was."""
    before = _files(out)
    yield out
    assert _files(out) == before, "a test wrote to a run that is for all of them: it needs a copy"


def _files(out):
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(out.rglob("*"))}


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory):
    """pipeline.yaml on the sample crawl."""
    yield from _untouched(_made_once(tmp_path_factory, "sample_run"))


@pytest.fixture(scope="session")
def stricter_run(sample_run, tmp_path_factory):
    """The same with two parameters changed: fewer short documents stay, more of those that are alike."""
    changes = ("--set", "quality.min_words=80", "--set", "near.min_jaccard=0.85")
    yield from _untouched(_made_once(tmp_path_factory, "stricter_run", *changes, start=sample_run))


@pytest.fixture(scope="session")
def annotated_run(tmp_path_factory):
    """The sample crawl with `--annotate`: every dropped document went on through the row stages as a shadow."""
    yield from _untouched(_made_once(tmp_path_factory, "annotated_run", "--annotate"))


@pytest.fixture(scope="session")
def real_run(tmp_path_factory):
    """pipeline.yaml on records of the real web."""
    if not REAL.is_dir():
        pytest.skip("../shared is not here: no real WARC files")
    text, sample = (ROOT / "pipeline.yaml").read_text(), '"examples/crawl/*.warc.gz"'
    assert text.count(sample) == 1
    files = json.dumps([str(REAL / name) for name in REAL_FILES])
    yield from _untouched(_made_once(tmp_path_factory, "real_run", text=text.replace(sample, files)))


@pytest.fixture(scope="session")
def llama1_run(tmp_path_factory):
    """examples/recipes/llama1.yaml on the samples of all sources."""
    text = (ROOT / "examples" / "recipes" / "llama1.yaml").read_text("utf-8")
    text = text.replace("../../mixes", f"{ROOT}/mixes").replace("../", f"{ROOT}/examples/")
    yield from _untouched(_made_once(tmp_path_factory, "llama1_run", text=text))
