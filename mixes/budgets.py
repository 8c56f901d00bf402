"""How many tokens each entry of a mix gives in each phase, of what it has.

Entries with `tokens` or `epochs` come first, spread over the phases in proportion; those with weights share what is left of each
phase's budget. All sums are exact fractions, rounded down to whole tokens at the end of each phase, so that a smaller budget
never gives any entry more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from curation.errors import TaskError
from mixes.entries import MixRecipe


@dataclass(frozen=True)
class Budget:
    """What each entry gives, entries in the recipe's order.

    wanted: tokens the recipe asks of it. ends: tokens it gives up to the end of each phase. lacking: a sentence on each thing that is
    short, naming the entry that has too little; others may give less for its sake.
    """

    wanted: list[int]
    ends: list[list[int]]
    lacking: list[str]


def share_out(recipe: MixRecipe, offered: Sequence[int], tokens: int | None, short: str, empty: str, found: Sequence[str] = ()) -> Budget:
    """What each entry gives.

    Args:
        offered: tokens each entry could give: of its epochs, of one epoch, or (short = "repeat") of all it may be used.
        tokens: budget of the run; None = the schedule's or, without one, as much as the scarcest entry with a weight allows.
        short, empty: what if an entry has too little, or nothing; see the stage. found: what each entry that offers nothing has, in words;
            of none: no document.
    Raises: TaskError, at its place in the recipe's file, if that is to fail, if nothing has a weight in a phase, or if entries without
        one ask for more than the budget.
    """
    names, entries, place = recipe.names, list(recipe.entries.values()), recipe.yaml.place
    missing = [i for i, n in enumerate(offered) if not n]
    nothing = [f"{names[i]} has nothing to give: {found[i] if found else 'no document'}" for i in missing]
    if nothing and empty == "fail":
        raise TaskError(
            f"{place('entries', names[missing[0]])}: {'; '.join(nothing)}: set `empty: leave_out` to give its weight to the others"
        )
    planned = [p.tokens for p in recipe.schedule] or [1]
    part = [Fraction(n, sum(planned)) for n in planned]  # of each phase in the whole
    budget = tokens if tokens is not None else sum(planned) if recipe.schedule else None
    fixed = [e.tokens if e.tokens is not None else n if e.epochs is not None else 0 for e, n in zip(entries, offered, strict=True)]
    given = [min(want, n) for want, n in zip(fixed, offered, strict=True)]
    left = None if budget is None else budget - sum(given)
    if left is not None and left < 0:
        more = f"entries with `tokens` and `epochs` give {sum(given):,} tokens, more than the budget of {budget:,}"
        raise TaskError(f"{place('entries')}: {more}")

    # Of what is left: of each phase, the share of each entry with a weight.
    weights = [[Fraction(str(w)) if w and n else Fraction(0) for w, n in zip(of, offered, strict=True)] for of in recipe.weights()]
    shares = []
    for i, (phase, of_phase) in enumerate(zip(recipe.phases, weights, strict=True)):
        if not any(of_phase) and any(any(other) for other in weights):
            raise TaskError(f"{place('schedule', str(i))}: no entry with a weight in phase {phase} has a token to give")
        shares.append([w / (sum(of_phase) or 1) for w in of_phase])
    shares = [list(column) for column in zip(*shares, strict=True)]
    whole = [sum((p * s for p, s in zip(part, of, strict=True)), Fraction(0)) for of in shares]
    most = min((Fraction(n) / s for n, s in zip(offered, whole, strict=True) if s), default=Fraction(0))
    room = most if left is None else min(Fraction(left), most)

    asked = room if left is None else Fraction(left)
    wanted = [want if e.weight is None else int(asked * s) for e, want, s in zip(entries, fixed, whole, strict=True)]
    ends = []
    for n, of in zip(given, shares, strict=True):
        ends.append([int(x) for x in accumulate(p * (n + room * s) for p, s in zip(part, of, strict=True))])

    # What is short: (where it stands in the recipe, a sentence, what would help).
    lacks: list[tuple[tuple[str, ...], str, str]] = [
        (("entries", name, "tokens"), f"{name} has {n:,} of the {want:,} tokens asked of it", f"set its `tokens` to {n:,} or fewer")
        for name, want, n in zip(names, fixed, given, strict=True) if n < want
    ]  # fmt: skip
    fewer = f"set the budget (`tokens` of the step) to {int(sum(given) + room):,} or fewer"
    if left and not any(whole):
        lacks.append((("entries",), f"entries without a weight are all there is and give {sum(given):,} of {budget:,} tokens", fewer))
    elif left is not None and room < left:
        gives = f"entries with weights give {int(room):,} in all, {_percent(room / left)}"
        lacks += [
            (("entries", name), f"{name} has {n:,} tokens, {_percent(s)} of {left:,} are {int(left * s):,}: {gives}", fewer)
            for name, n, s in zip(names, offered, whole, strict=True) if s and Fraction(n) / s == most
        ]  # fmt: skip
    if lacks and short == "fail":
        what = "; ".join(f"{said} ({help_})" for _, said, help_ in lacks)
        raise TaskError(f"{place(*lacks[0][0])}: {what}; or set `short: scale` or `repeat`")
    return Budget(wanted, ends, nothing + [said for _, said, _ in lacks])


def _percent(share: Fraction) -> str:
    return f"{100 * float(share):.3g} %"


def by_temperature(ends: Sequence[int], sizes: Sequence[int], offered: Sequence[int], alpha: float) -> list[list[int]]:
    """What each group of an entry gives up to the end of each phase: its share of size^alpha, what one lacks going to the others.

    Args:
        ends: tokens of the entry. sizes: tokens each group has. offered: tokens it could give.
    Source: Conneau & Lample 2019 (arXiv:1901.07291), section 3.1; Xue et al. 2021 (mT5, arXiv:2010.11934), section 3.2.
    """
    weight = [Fraction(n**alpha) if n else Fraction(0) for n in sizes]
    order = sorted((i for i, w in enumerate(weight) if w), key=lambda i: offered[i] / weight[i])  # those that are full first
    given: list[list[int]] = [[] for _ in sizes]
    for wanted in ends:
        amount, left, rest = [0] * len(sizes), Fraction(wanted), sum(weight, Fraction(0))
        for i in order:
            mine = min(Fraction(offered[i]), left * weight[i] / rest)
            left, rest, amount[i] = left - mine, rest - weight[i], int(mine)
        for of, n in zip(given, amount, strict=True):
            of.append(n)
    return given
