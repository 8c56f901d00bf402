"""Samples of stages/heuristics."""

from tests.samples.documents import ENGLISH, texts


def gopher_quality():
    from test_gopher_quality import CASES

    yield {}, texts(*[case.values[0] for case in CASES])
    yield {}, texts(*[case.values[0] for case in CASES], lang=lambda n: [("en", "de", "zh", "th")[i % 4] for i in range(n)])
    yield {"variant": "datatrove"}, texts(*[case.values[0] for case in CASES])


def gopher_repetition():
    """Each rule alone, at 0, so that each has its turn; then all of them as published."""
    from test_gopher_repetition import CASES

    from stages.heuristics.gopher_repetition import Params

    table = texts(*[case.values[0] for case in CASES], ENGLISH * 9, "\n\n".join([ENGLISH, "x", ENGLISH, "x\ny"]))
    yield {}, table
    rules = [name for name in Params.model_fields if name.startswith("max_")]
    for rule in rules:
        yield dict.fromkeys(rules) | {rule: 0.0}, table
    yield {"variant": "datatrove"}, table


def fineweb_quality():
    from test_fineweb_quality import CASES

    table = texts(*[case.values[0] for case in CASES])
    for variant in ("paper", "datatrove", "datatrove_0_2"):
        yield {"variant": variant}, table


def c4_quality():
    from test_c4_quality import CASES, LINE

    lines = [LINE, "See [1] here as [edit] it is.", "We use cookies and javascript."]
    table = texts(*[case.values[0] for case in CASES], "\n".join(lines * 3))
    for variant in ("paper", "tfds", "datatrove", "fineweb"):
        yield {"variant": variant}, table


def repeated_lines():
    from test_repeated_lines import GOES, STAYS, joined

    lines = [joined(case.values[0]) for case in GOES + STAYS]
    table = texts(
        *lines, *[f"{ENGLISH}\n{one}\n\n{ENGLISH}" for one in lines], profile=lambda n: [("web", "web", "code")[i % 3] for i in range(n)]
    )
    yield {}, table
    yield {"max_coverage": 0.2, "min_line_words": 3, "max_own_coverage": 0.4, "min_own_words": 5, "min_words": None}, table


def line_corrections():
    from test_line_corrections import CASES, LINES, page

    table = texts(
        *[case.values[0] for case in CASES], *[page(case.values[0]) for case in LINES],
        page("See it. Read more...", "Sign-in or items in cart"),
        profile=lambda n: [("web", "web", "code")[i % 3] for i in range(n)],
    )  # fmt: skip
    yield {}, table
    yield {"min_line_words": 4, "max_words_lost": None, "ends": ["here.", "stays."], "anywhere": ["is"], "skip_code": False}, table


def code_page_quality():
    from test_code_page_quality import BOUNDS, CODE, PROSE

    yield {}, texts(*[case.values[0] for case in BOUNDS + CODE + PROSE])
    yield {"min_prose_words": None, "max_code_fraction": 0.5}, texts(*[case.values[0] for case in BOUNDS + CODE + PROSE])


def math_page_quality():
    from test_math_page_quality import BOUNDS, FORMULAS, PAIRS, PLAIN

    yield {}, texts(*[case.values[0] for case in BOUNDS + FORMULAS + PAIRS + PLAIN])
    yield {"min_prose_words": None}, texts(*[case.values[0] for case in BOUNDS + FORMULAS + PAIRS + PLAIN])
