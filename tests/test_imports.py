"""Dependencies point one way: no circles, the engine knows no filter, and nobody takes another file's private names."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("curation", "stages", "mixes", "classifiers")
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imports(text: str) -> set[str]:
    """Every module and name a file imports, at its top, for types alone or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def circle(texts: dict[str, str]) -> list[str]:
    """Modules that import each other in a circle, or nothing."""
    graph = {}
    for name, text in texts.items():
        wanted = {i if i in texts else i.rpartition(".")[0] for i in imports(text)}
        graph[name] = {w for w in wanted if w in texts and w != name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as e:
        return e.args[1]
    return []


def private(text: str) -> list[str]:
    """Private names taken from other files of the project."""
    return [i for i in imports(text) if i.partition(".")[0] in PACKAGES and i.rpartition(".")[2].startswith("_")]


def test_no_circles():
    assert circle({name: path.read_text() for name, path in FILES.items()}) == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_takes_what_it_may(name):
    text = FILES[name].read_text()
    assert private(text) == []
    if name.startswith("curation"):
        assert [i for i in imports(text) if i.partition(".")[0] in PACKAGES[1:]] == []


def test_the_checks_catch_offenders():
    assert set(circle({"a.b": "def f():\n    from a import c", "a.c": "from a.b import f"})) == {"a.b", "a.c"}
    assert private("from curation.where import _parse, parse") == ["curation.where._parse"]
