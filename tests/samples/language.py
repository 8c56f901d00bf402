"""Samples of stages/language."""

from tests.samples.documents import texts


def identify_language():
    from crawl_langs import LANGUAGES  # the sample crawl's own prose

    prose = [" ".join(s for s in group[:4]) for group in _sentences(LANGUAGES)]
    yield {"min_score": {"default": 0.5, "ru": 0.9}}, texts(*prose, "qwrt zxcv plmk bnhg wrtq sdfg kjhg")
    yield {"languages": ["en"], "min_score": 0.0}, texts(*prose)
    yield {"languages": ["en"], "exempt_profiles": ["code"]}, texts(*prose, profile=lambda n: [("web", "code")[i % 2] for i in range(n)])
    mixed = [prose[0] * 9 + prose[1] * 9 + prose[2] * 9, prose[1] * 20 + prose[0] * 8]
    code = ["```\nreturn x\n```\n" + prose[0], "self.rows = [x_i for x_i in rows if x_i]\n" * 40, r"\int_0^1 x^n \, dx = $\frac{1}{n+1}$ "]
    yield {"min_score": {"default": 0.5, "und": 0.0}, "max_chars": 5_000}, texts(*mixed, *code)


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
