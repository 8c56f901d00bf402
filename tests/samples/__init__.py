"""What each stage is tried on: a generator of (parameters, table) with the stage's name, in the file of the stage's folder.

A stage's samples hold ordinary documents, one for every drop reason, and odd ones.
"""

from tests.samples import (
    arxiv,
    benchmarks,
    books,
    dedup,
    extract,
    github,
    heuristics,
    language,
    mixes,
    quality,
    safety,
    stackexchange,
    subtitles,
    tokens,
    wikipedia,
)

FILES = (
    wikipedia, stackexchange, arxiv, books, subtitles, github,
    safety, extract, language, dedup, heuristics, quality, tokens, benchmarks, mixes,
)  # fmt: skip


def samples_of(name):
    """(parameters, table) pairs of a stage, or None where nobody wrote any."""
    return next((getattr(file, name) for file in FILES if hasattr(file, name)), None)
