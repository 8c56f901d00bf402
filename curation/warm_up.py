"""Compiles the kernels of a plan's stages on this machine, before workers start that would each do it.

A mark beside them tells the next run that it need not.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import llvmlite
import numba
import xxhash
from llvmlite import binding

from curation import kernels, registry

SHARED = ("curation.text", "curation.documents", "curation.domains")
"""Modules whose kernels those of stages call."""


def warm_up(plan: Any, say: Callable[[str], None]) -> None:
    """Compile what no run has compiled yet on such a machine; says so when it takes time."""
    started = time.monotonic()
    stages = [step.stage for step in plan.steps.values() if step.stage is not None and registry.beside(step.stage, "warm_up")]
    own = {registry.files()[stage.name] for stage in stages if stage.name in registry.files()}
    marks = _marks([*SHARED, *sorted(own)])
    cold = [module for module, mark in marks.items() if not mark.exists()]
    others = [module for module in cold if module in own]
    for module in cold if len(others) < 2 else [module for module in cold if module in SHARED]:
        _of_module(module)
    if len(others) > 1:
        on_all_cores(others)
    for stage in stages:
        if stage.name not in registry.files():  # of a plug-in, whose file may be another one next time
            registry.beside(stage, "warm_up")()
    for module in cold:
        try:
            marks[module].parent.mkdir(exist_ok=True)
            marks[module].touch()
        except OSError:
            break  # where kernels cannot be kept either
    if time.monotonic() - started > 2:
        say(f"compiled kernels in {time.monotonic() - started:.0f} s (once; kept in the cache)")


def _marks(modules: list[str]) -> dict[str, Path]:
    """Of each module the file that is there when its kernels are in the cache, whose folder is named by all sources.

    Its own name tells what else makes numba compile again.
    """
    config: Any = numba.config
    processor = config.CPU_NAME or binding.get_host_cpu_name(), config.CPU_FEATURES or binding.get_host_cpu_features().flatten()
    machine = (sys.version, numba.__version__, llvmlite.__version__, processor, config.DISABLE_JIT)
    state = repr((machine, kernels.ROOT, kernels.newest(kernels.ROOT))).encode()
    return {module: Path(config.CACHE_DIR, "compiled", f"{module}-{xxhash.xxh3_64_hexdigest(state)}") for module in modules}


def on_all_cores(modules: list[str]) -> None:
    """Call the `warm_up` of modules, each in one of several processes; none of them lives on when this one is told to end."""
    others = active_children()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        try:
            list(pool.map(_of_module, modules))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(active_children()).difference(others):
                child.kill()
            raise


def _of_module(module: str) -> None:
    importlib.import_module(module).warm_up()
