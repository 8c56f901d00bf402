"""Samples of mixes."""

from tests.samples.documents import ENGLISH, ROOT, texts


def mix():
    def kinds(n):
        return [("math", "code", "web", "web")[i % 4] for i in range(n)]

    table = texts(*[ENGLISH + str(i) for i in range(60)], profile=kinds, lang=lambda n: ["de" if i % 5 == 0 else "en" for i in range(n)])
    yield {"recipe": str(ROOT / "mixes/llama3.yaml"), "tokens": 2_000, "empty": "leave_out"}, table
    yield {"recipe": str(ROOT / "tests/mix_some.yaml"), "empty": "leave_out"}, table
