"""Samples of stages/dedup."""

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
