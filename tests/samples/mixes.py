"""Samples of mixes."""

import numpy as np

from tests.samples.documents import ENGLISH, ROOT, texts


def mix():
    def kinds(n):
        return [("math", "code", "web", "web")[i % 4] for i in range(n)]

    def langs(n):
        return ["de" if i % 5 == 0 else "en" for i in range(n)]

    def counts(n):
        return np.arange(n) % 90 + 10

    table = texts(*[ENGLISH + str(i) for i in range(200)], profile=kinds, lang=langs, n_tokens=counts)
    yield {"recipe": str(ROOT / "mixes/llama3.yaml"), "tokens": 2_000}, table
    more = {"score": lambda n: np.arange(n) % 11 / 10, "cluster_size": lambda n: np.arange(n) % 4 + 1}
    table = texts(*[ENGLISH + str(i) for i in range(200)], profile=kinds, lang=langs, n_tokens=counts, **more)
    table = table.append_column("cluster_id", table["id"])
    yield {"recipe": str(ROOT / "tests/mix_some.yaml"), "short": "repeat"}, table
