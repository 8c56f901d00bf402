"""Samples of stages/dedup."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation.documents import record_ids
from tests.samples.documents import ENGLISH, texts


def dedup_urls():
    urls = [
        "http://a.example/",
        "https://www.a.example/",
        "http://a.example/?utm_source=x",
        "http://b.example/p#f",
        "http://b.example/p",
        None,
        None,
    ]
    ids = [*"abcde", "f", "f"]
    table = pa.table({
        "id": record_ids("url", ids), "url": pa.array(urls, pa.string()), "body_bytes": pa.array(range(7), pa.int64()),
        "date": pa.array([3, 1, None, 2, 2, 1, 1], pa.timestamp("us", tz="UTC")),
    })  # fmt: skip
    for keep in ("newest", "oldest", "longest"):
        yield {"keep": keep}, table


def dedup_exact():
    table = texts(ENGLISH, ENGLISH.upper(), "")
    twins = pa.concat_tables([table, table.slice(table.num_rows - 3, 1)])
    for normalize in ("raw", "folded"):
        yield {"normalize": normalize}, twins


def dedup_minhash():
    near = [ENGLISH * 2 + f"It was {word} then." for word in ("winter", "autumn", "dark")]
    other = " ".join(f"word{i * 37 % 101}" for i in range(300))
    table = texts(*near, ENGLISH.upper(), other, other + " more", "short text", "Short, text")
    again = table.slice(0, 1).set_column(0, "id", record_ids("sample", ["again"]))
    twins = pa.concat_tables([table, table.slice(0, 2), again])
    ways = ({}, {"verify": "signature"}, {"verify": "none"}, {"unit": "char"}, {"short": "exact"}, {"prefer": ["date"], "by": "url"})
    for values in ways:
        yield values, twins


def dedup_books():
    words = [f"word{i * i % 1009}" for i in range(600)]
    volumes = [" ".join(words), " ".join(words[100:400]), " ".join([*words[200:380], "another", "end"]), " ".join(words[::-1])]
    table = texts(*volumes, volumes[1].upper(), " ".join(words[:60]), "".join(chr(0x4E00 + i) for i in range(300)))
    again = table.slice(0, 1).set_column(0, "id", record_ids("sample", ["again"]))
    twins = pa.concat_tables([table, table.slice(0, 2), again])
    for values in ({}, {"unit": "char", "max_bucket": 2}, {"shingle": 2, "more_than": 0.5, "by": "url"}):
        yield {"sample_one_in": 4, "min_shingles": 50, **values}, twins


def dedup_lines():
    line, title = "Sign up for our weekly letter!", "Page 1 of 20"
    bodies = [f"{title}\nWhat document {i} says about number {i * i} alone.\n\n{line}" for i in range(8)]
    domains = {"domain": lambda n: pa.array([("a.example", "b.example", None)[i % 3] for i in range(n)], pa.string())}
    table = texts(*bodies, f"{line}\n", f"{line}\n{line}\n ", "…\n" * 9, "x = f(y);\n" * 9, **domains)
    for values in (
        {}, {"form": "ccnet/code", "more_than": 2, "bucket_docs": 5}, {"form": "raw", "bucket_by": "domain"},
        {"unit": "paragraph", "keep_first": True, "more_than": 1, "skip_code": False}, {"by": "domain", "min_words_left": 5},
    ):  # fmt: skip
        yield values, table


def dedup_spans():
    span = "The mill stands by the river. Its wheel creaks. Rain will come."
    table = texts(ENGLISH, f"Something else. {span} And more.", f"{span} Only here.", span, span, "One. Two.", "a. b. c. " * 20)
    for values in ({}, {"form": "ccnet/paper", "sentences": 2}, {"min_words_left": None, "skip_code": False}):
        yield values, table


def dedup_semantic():
    rng = np.random.default_rng(3)
    kinds = rng.normal(size=(6, 24))
    vectors = [(kinds[i % 6] + rng.normal(size=24) * (0.02, 0.2, 0.5)[i % 3]).tolist() for i in range(60)]
    odd = [None, [], [0.0] * 24, [float("nan")] * 24, [1.0] * 23, [None] * 24, [1e300] * 24, [-1e-300] * 24]
    n = len(vectors) + 6 + len(odd)
    ids = record_ids("sample", [str(i) for i in range(n)])
    table = pa.table({"id": ids, "embedding": pa.array([*vectors, *vectors[:6], *odd], pa.list_(pa.float64()))})
    yield {"centroids": _centroids()}, table
    yield {"centroids": _centroids(), "epsilon": 0.3, "keep": "most_central"}, table


@cache
def _centroids():
    """A file of five centroids."""
    path = Path(tempfile.mkdtemp(prefix="curate-samples-")) / "centroids.npy"
    np.save(path, np.random.default_rng(4).normal(size=(5, 24)).astype(np.float32))
    return str(path)
