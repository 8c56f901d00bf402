"""SPDX licence expressions: what fields say, in one form, and whether it is allowed.

Source:  SPDX specification, annex "SPDX license expressions"; short forms of licences' names as package indexes and GitHub write them.
Units:   an expression is ids joined by AND, OR, WITH and parentheses; MAX_TOKENS of them at most.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

MAX_TOKENS = 100
MAX_CHARS = 2000
_TOKEN = re.compile(r"[()]|[A-Za-z0-9.:+-]+|\S")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*\+?")
_JOINS = {"or": 1, "and": 2, "with": 3}
_JOINS_WORDS = {word: word.upper() for word in _JOINS}
ALLOWED = ("Apache-2.0", "MIT", "MIT-0", "0BSD", "BSD", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause")
"""Licences of Llama 1: Apache, MIT and BSD. Named one by one, for BSD-Protection is copyleft and BSD-3-Clause-No-Nuclear-License limits
use. BSD alone is what a field says that does not name the clauses."""


@cache
def _aliases() -> dict[str, str]:
    """What fields call a licence, in lower case -> its id."""
    with (Path(__file__).parent / "licence_names.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: row["licence"] for row in csv.DictReader(file)}


@cache
def _cases() -> dict[str, str]:
    return {name.lower(): name for name in (*_aliases().values(), *ALLOWED)}


def normal(value: str | None) -> str | None:
    """An expression in one form from a field that names a licence, or None where it says nothing that could be read."""
    value = " ".join((value or "")[: MAX_CHARS + 1].split())
    if not value or len(value) > MAX_CHARS:
        return None
    plain = value.lower().strip(" .\"'")
    if plain in _aliases():
        return _aliases()[plain]
    tokens = [_JOINS_WORDS.get(t.lower(), _cases().get(t.lower(), t)) for t in _TOKEN.findall(value.replace("/", " OR "))]
    expression = " ".join(tokens).replace("( ", "(").replace(" )", ")")
    return expression if holds(expression, ()) is not None else None


def joined(expressions: Iterable[str]) -> str | None:
    """All of some expressions, joined by AND; None of none."""
    parts = sorted(set(expressions))
    return parts[0] if len(parts) == 1 else " AND ".join(f"({p})" if " " in p else p for p in parts) or None


def ids(expression: str) -> set[str]:
    """The licences an expression names."""
    return {t for t in _TOKEN.findall(expression) if _ID.fullmatch(t) and t.lower() not in _JOINS}


def holds(expression: str, allowed: Iterable[str]) -> bool | None:
    """Whether who may use only these licences may use what an expression is said of; None where it is no expression.

    An exception (WITH) only adds to what its licence permits; `+` and `-or-later` leave the choice of the licence itself.
    """
    names = {name.lower() for name in allowed}
    tokens = _TOKEN.findall(expression)
    if not tokens or len(tokens) > MAX_TOKENS:
        return None
    values: list[bool] = []
    waiting: list[str] = []

    def join(least: int) -> bool:
        while waiting and waiting[-1] != "(" and _JOINS[waiting[-1]] >= least:
            word = waiting.pop()
            if len(values) < 2:
                return False
            right, left = values.pop(), values.pop()
            values.append(left or right if word == "or" else left if word == "with" else left and right)
        return True

    operand = True  # whether an id or an opening bracket must come next
    for token in tokens:
        word = token.lower()
        if operand:
            if token == "(":
                waiting.append(token)
                continue
            if word in _JOINS or not _ID.fullmatch(token):
                return None
            values.append(word.removesuffix("+").removesuffix("-or-later").removesuffix("-only") in names)
            operand = False
        elif token == ")":
            if not join(0) or not waiting:
                return None
            waiting.pop()
        elif word in _JOINS:
            if not join(_JOINS[word]):
                return None
            waiting.append(word)
            operand = True
        else:
            return None
    if operand or not join(0) or waiting:
        return None
    return values[0]
