"""A page read: bytes to tree, formulas and code found, blocks cut. What follows judges and writes.

Source:  ours.
Units:   a page in UTF-8; nodes of the tree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stages.extract.blocks import Blocks, blocks_of
from stages.extract.code.code_blocks import code_blocks, may_have_code
from stages.extract.math.formulas import formula_atoms, may_have_formulas
from stages.extract.scan import scan
from stages.extract.tree import Atom, Tree, parse

MAX_NODES = 1_000_000
"""Nodes a page may have: a parser's memory for more is out of proportion to any text. Ours."""


class TooManyNodesError(ValueError):
    """A page would take more than MAX_NODES nodes."""


@dataclass(frozen=True)
class Page:
    """A page before anything is judged.

    flattened: elements that lost their tags because they stood too deep.
    title: text of its `title` element, white space collapsed.
    """

    tree: Tree
    atoms: list[Atom]
    blocks: Blocks
    title: str
    flattened: int


def read(text: bytes, left_out: Callable[[Tree], list[Atom]] | None = None, furniture: bool = True) -> Page:
    """Read a page.

    Args:
        text: the page in UTF-8. left_out: finds elements that are no part of it, as atoms of nothing.
        furniture: whether buttons and labels beside a code block are no part of it.
    Raises: TooManyNodesError.
    """
    scanned = scan(text)
    if scanned.nodes > MAX_NODES:
        raise TooManyNodesError(f"about {scanned.nodes:,} nodes")
    tree = parse(scanned.page)
    atoms = code_blocks(tree, furniture) if may_have_code(tree.source) else []
    if may_have_formulas(tree.source):
        atoms = _joined(atoms, formula_atoms(tree))
    if left_out is not None:
        atoms = _joined(atoms, left_out(tree))
    title = next((" ".join(element.text().split()) for element in tree.elements("title")), "")
    return Page(tree, atoms, blocks_of(tree, atoms), title, scanned.flattened)


def _joined(atoms: list[Atom], others: list[Atom]) -> list[Atom]:
    """Both in document order; what lies inside another goes (a formula in a listing, a listing in a formula)."""
    kept: list[Atom] = []
    for atom in sorted([*atoms, *others], key=lambda a: (a.first, -a.last)):
        if not kept or atom.first >= kept[-1].last:
            kept.append(atom)
    return kept
