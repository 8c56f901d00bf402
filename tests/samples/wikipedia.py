"""Samples of stages/wikipedia."""

import pyarrow as pa

from tests.samples.documents import ODD
from tests.stages.wikitext_cases import CASES


def clean_wikitext():
    texts = [case.wikitext.encode() for case in CASES] + [odd.encode() for odd in ODD]
    texts += [None, b"\xff{{", b"#REDIRECT [[A]]", b"{{disambig}}", b"a"]
    n = len(texts)
    table = pa.table({
        "content": pa.array(texts, pa.large_binary()), "namespace": pa.array([0] * (n - 1) + [10], pa.int32()),
        "redirect": pa.nulls(n, pa.string()), "content_model": pa.array([None] + ["wikitext"] * (n - 1), pa.string()),
    })  # fmt: skip
    yield {}, table
    yield {"tables": "rows", "namespaces": [0, 10]}, table
