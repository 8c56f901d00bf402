"""Compiles the kernels of a plan's stages on this machine, before workers start that would each do it."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context
from typing import Any

from curation import documents, domains, registry, text


def warm_up(plan: Any, say: Callable[[str], None]) -> None:
    """Compile all once; says so when it takes time."""
    started = time.monotonic()
    text.warm_up()
    documents.warm_up()
    domains.warm_up()
    stages = [step.stage for step in plan.steps.values() if step.stage is not None and registry.beside(step.stage, "warm_up")]
    if time.monotonic() - started > 2:  # the cache is cold: every stage's kernels will have to be compiled, on all cores
        on_all_cores(sorted({registry.files()[stage.name] for stage in stages if stage.name in registry.files()}))
    for stage in stages:
        registry.beside(stage, "warm_up")()
    if time.monotonic() - started > 2:
        say(f"compiled kernels in {time.monotonic() - started:.0f} s (once; kept in the cache)")


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
