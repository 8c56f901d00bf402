"""Documents the samples are made of: ordinary prose, odd texts, WARC-like rows; and parameters with their assets found."""

import sys
from pathlib import Path

import pyarrow as pa

from curation import assets
from curation.documents import record_ids

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests" / "stages")]

ODD = ["", " ", "\n\n\n", "a", "\x00", "\u202e\ufeffx\u0301", "é" * 3_000, "\U0001f600 " * 40, "word " * 400, "١٢٣ ٤٥٦", "ไม่มีช่องว่าง" * 20]
ENGLISH = (
    "The keeper of the garden walked along the river every morning, and what she found there went into a small book that nobody "
    "else was allowed to read. In the spring the water stood high and carried branches down from the hills. By the summer it was "
    "slow and clear, so that one could count the stones. People of the village have always said that the old mill knows more about "
    "the weather than any of them, with its wheel that creaks a day before the rain comes to the valley. "
)


def resolved(stage, values):
    """Parameters with asset paths made absolute, as the plan makes them."""
    params = stage.params(**values)
    if "model" in type(params).model_fields and str(params.model).startswith("package:"):
        params = params.model_copy(update={"model": str(assets.resolve(params.model, ROOT))})
    return params


def texts(*more, **columns):
    """A table of texts with ids, URLs and dates; nulls among them."""
    values = [ENGLISH, ENGLISH * 3, *ODD, None, *more]
    n = len(values)
    return pa.table({
        "id": record_ids("sample", [str(i) for i in range(n)]), "text": pa.array(values, pa.large_string()),
        "url": pa.array([f"http://h{i}.example/{i}" for i in range(n)]),
        "date": pa.array([i * 86_400_000_000 for i in range(n)], pa.timestamp("us", tz="UTC")),
        **{name: pa.array(f(n)) for name, f in columns.items()},
    })  # fmt: skip


def pages():
    """WARC-like rows: (content, status, mime, truncated, warc_type)."""
    code = "<pre><code class=language-c>int a;\n  b_c = *p;</code></pre>"
    more = f"{code}<table><tr><th>Day<th>Level<tr><td>Monday<td>3</table><ol><li>one<li>two</ol>"
    article = f"<article><h1>A garden</h1><p>{ENGLISH}</p><p>Here $x_1$ and <script type='math/tex'>x_2</script> hold.</p>{more}</article>"
    menu = "<nav class=menu><a href=/>Home</a> <a href=/a>About</a></nav>"
    page = f"<html lang='en'><head><title>T</title></head><body>{menu}{article}<footer>© 2024</footer></body></html>".encode()
    rows = [
        (page, 200, "text/html", None, "response"), (page, 404, "text/html", None, "response"), (page, 200, "image/png", None, "response"),
        (page, 200, "text/html", "length", "response"), (b"", 200, "text/html", None, "response"), (None, 200, None, None, "response"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), 200, "text/html", None, "response"), (ENGLISH.encode(), None, "text/plain", None, "conversion"),
        (page, None, None, None, "response"), (b"<p>\xff\xfe\x00" * 50, 200, "text/html", None, "response"),
        (page + b"x" * 5_000, 200, "text/html", None, "response"), (b"<div>" * 600 + b"x", 200, "text/html", None, "response"),
        (b"<html><body> </body></html>", 200, "text/html", None, "response"),
    ]  # fmt: skip
    n = len(rows)
    content, status, mime, truncated, kind = zip(*rows, strict=True)
    return pa.table({
        "id": record_ids("page", [str(i) for i in range(n)]), "url": pa.array([f"http://a.example/{i}" for i in range(n)]),
        "content": pa.array(content, pa.large_binary()), "http_status": pa.array(status, pa.int16()), "mime": pa.array(mime, pa.string()),
        "truncated": pa.array(truncated, pa.string()), "warc_type": pa.array(kind, pa.string()),
        "http_charset": pa.nulls(n, pa.string()), "body_bytes": pa.array([len(c or b"") for c in content], pa.int64()),
    })  # fmt: skip
