"""Samples of stages/language."""

from tests.samples.documents import texts


def identify_language():
    from crawl_langs import LANGUAGES  # the sample crawl's own prose

    prose = [" ".join(s for s in group[:4]) for group in _sentences(LANGUAGES)]
    yield {"min_score": {"default": 0.5, "ru": 0.9}}, texts(*prose, "qwrt zxcv plmk bnhg wrtq sdfg kjhg")
    yield {"languages": ["en"], "min_score": 0.0}, texts(*prose)


def _sentences(langs):
    for value in langs.values() if isinstance(langs, dict) else langs:
        flat = [s for s in _flat(value) if isinstance(s, str) and len(s) > 20]
        if flat:
            yield flat


def _flat(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from _flat(v)
    elif isinstance(value, list | tuple):
        for v in value:
            yield from _flat(v)
