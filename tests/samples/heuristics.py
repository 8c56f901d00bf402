"""Samples of stages/heuristics."""

from tests.samples.documents import ENGLISH, texts


def gopher_quality():
    from test_gopher_quality import CASES

    yield {}, texts(*[case.values[0] for case in CASES])
    yield {}, texts(*[case.values[0] for case in CASES], lang=lambda n: [("en", "de", "zh", "th")[i % 4] for i in range(n)])


def gopher_repetition():
    """Each rule alone, at 0, so that each has its turn; then all of them as published."""
    from test_gopher_repetition import CASES

    from stages.heuristics.gopher_repetition import Params

    table = texts(*[case.values[0] for case in CASES], ENGLISH * 9, "\n\n".join([ENGLISH, "x", ENGLISH, "x\ny"]))
    yield {}, table
    rules = [name for name in Params.model_fields if name.startswith("max_")]
    for rule in rules:
        yield dict.fromkeys(rules) | {rule: 0.0}, table
