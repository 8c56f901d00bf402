"""Samples of stages/safety."""

import pyarrow as pa

from tests.samples.documents import ROOT, pages


def valid_records():
    yield {}, pages()
    yield {"keep_truncated": True, "statuses": [200, 404]}, pages()


def block_domains():
    urls = [
        "http://good.example/",
        "http://x.velvet-lantern.example/a",
        None,
        "",
        "http://[::1",
        "HTTP://USER@HOST.TEST:80/?a#b",
        *_listed(),
    ]
    yield {"lists": {"adult": str(ROOT / "examples/lists/adult.txt")}}, pa.table({"url": pa.array(urls, pa.string())})


def _listed():
    lines = (ROOT / "examples/lists/adult.txt").read_text().splitlines()
    hosts = [line.split("#")[0].strip() for line in lines]
    return [f"https://www.{h}/p" for h in hosts if h]
