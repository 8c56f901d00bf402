"""A compiled kernel is never older than what it calls, and is compiled once."""

import ast
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import numba
import pytest

from curation import kernels, registry, warm_up
from curation.kernels import CONSTANTS, KEPT, PACKAGES, ROOT, folder, sources

CALLEE = "from numba import njit\n@njit(cache=True)\ndef number():\n    return {}\n"
CALLER = "from numba import njit\nfrom stages.callee import number\n@njit(cache=True)\ndef twice():\n    return 2 * number()\n"
RUN = """
import os, sys
from pathlib import Path
from curation import kernels
os.environ["NUMBA_CACHE_DIR"] = {place}
sys.path.insert(0, {root!r})
for name in [name for name in sys.modules if name.partition(".")[0] == "stages"]:
    del sys.modules[name]
from stages.caller import twice
print(twice(), sum(twice.stats.cache_hits.values()))
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "src" / "stages").mkdir(parents=True)
    (tmp_path / "src" / "stages" / "__init__.py").touch()
    (tmp_path / "src" / "stages" / "callee.py").write_text(CALLEE.format(1))
    (tmp_path / "src" / "stages" / "caller.py").write_text(CALLER)
    return tmp_path / "src"


def test_a_changed_callee_in_another_file(root, tmp_path):
    def said(place):
        process = subprocess.run(
            [sys.executable, "-c", RUN.format(place=place, root=str(root))], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        return process.stdout.split()

    ours, numbas = f"str(kernels.folder(Path({str(tmp_path)!r}), Path({str(root)!r})))", repr(str(tmp_path / "fixed"))
    assert [said(place) for place in (ours, ours, numbas)] == [["2", "0"], ["2", "1"], ["2", "0"]]
    (root / "stages" / "callee.py").write_text(CALLEE.format(21))
    assert said(numbas)[0] == "2", "numba itself would serve the old one: this is what the folder is for"
    assert said(ours) == ["42", "0"]


def test_what_a_folder_depends_on(root):
    (root / "stages" / "unicode_tables.py").write_text("LETTER = 1")
    (root / "stages" / "plain.py").write_text("X = 1")
    before = sources(root)
    (root / "stages" / "plain.py").write_text("X = 2")
    assert sources(root) == before
    (root / "stages" / "unicode_tables.py").write_text("LETTER = 2")
    constants = sources(root)
    (root / "stages" / "callee.py").rename(root / "stages" / "called.py")
    assert len({before, constants, sources(root)}) == 3


def test_the_last_used_folders_stay(root, tmp_path):
    made = []
    for n in range(KEPT + 3):
        (root / "stages" / "callee.py").write_text(CALLEE.format(n))
        made.append(folder(tmp_path, root))
        (made[-1] / "kernel").touch()
        os.utime(made[-1], (n, n))
        if n:
            os.utime(made[0], (n + 0.5, n + 0.5))  # another version, used all the time
    assert {f for f in made if f.exists()} == {made[0], *made[-KEPT + 1 :]}
    assert folder(tmp_path, root) == made[-1]
    assert (made[-1] / "kernel").exists()


def test_a_cache_that_cannot_be_written(root, tmp_path):
    (tmp_path / "numba").touch()
    assert folder(tmp_path, root).parent == tmp_path / "numba"


def test_kernels_take_names_from_hashed_files_alone():
    """numba compiles constants in: a file they come from must count."""
    files = {f: f.read_text("utf-8") for package in PACKAGES for f in (ROOT / package).rglob("*.py")}
    hashed = {f for f, text in files.items() if "njit" in text or f.name in CONSTANTS}
    seen = 0
    for file in hashed:
        tree = ast.parse(files[file])
        origin = {}
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES:
                for name in node.names:
                    inner = ROOT / f"{node.module}.{name.name}".replace(".", "/")
                    origin[name.asname or name.name] = next(
                        f for f in (inner.with_suffix(".py"), inner.parent.with_suffix(".py"), inner.parent / "__init__.py") if f.exists()
                    )
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and any(_compiles(d) for d in function.decorator_list):
                names = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)} & origin.keys()
                seen += len(names)
                assert {origin[n] for n in names} <= hashed, f"{function.name} of {file} takes what is not hashed"
    assert seen > 50


def _compiles(decorator):
    return any(word in ast.unparse(decorator) for word in ("njit", "_kernel", "intrinsic"))


SLOW = "import os, time\ndef warm_up():\n    open(f'{os.getpid()}.compiles', 'w').close()\n    time.sleep(120)\n"
ENDED = """
import signal, sys
from curation.warm_up import on_all_cores
if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as `curate run` has it
    on_all_cores(["slow_a", "slow_b", "slow_c"])
"""


def test_what_compiles_ends_with_the_run(tmp_path):
    for name in ("slow_a", "slow_b", "slow_c"):
        (tmp_path / f"{name}.py").write_text(SLOW)
    (tmp_path / "ended.py").write_text(ENDED)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    process = subprocess.Popen([sys.executable, "ended.py"], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    while not (workers := [int(path.stem) for path in tmp_path.glob("*.compiles")]):
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=20) == 143
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_what_was_compiled_is_marked(tmp_path, monkeypatch):
    """No run of these sources on such a machine loads it before its workers do; one that failed leaves no mark."""
    compiled = []

    def compile_(module):
        compiled.append(module)
        if module == broken:
            raise ArithmeticError

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(warm_up, "_of_module", compile_)
    monkeypatch.setattr(warm_up, "on_all_cores", lambda modules: compiled.append(list(map(compile_, modules)) and sorted(modules)))
    shared = ["curation.text", "curation.documents", "curation.domains"]
    plan = plan_of("gopher_quality")
    broken = "curation.domains"
    with pytest.raises(ArithmeticError):
        warm_up.warm_up(plan, print)
    broken, compiled[:] = None, []
    warm_up.warm_up(plan, print)
    assert compiled == [*shared, "stages.heuristics.gopher_quality"]
    warm_up.warm_up(plan, print)
    assert len(compiled) == 4
    warm_up.warm_up(plan_of("gopher_quality", "c4_quality", "fineweb_quality"), print)
    assert sorted(compiled.pop()) == sorted(compiled[4:]) == ["stages.heuristics.c4_quality", "stages.heuristics.fineweb_quality"]
    monkeypatch.setattr(kernels, "newest", lambda root: 1.0)
    warm_up.warm_up(plan, print)
    assert compiled[6:] == [*shared, "stages.heuristics.gopher_quality"]


def plan_of(*names):
    return SimpleNamespace(steps={name: SimpleNamespace(stage=registry.lookup(name)) for name in names})
