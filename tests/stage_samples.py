"""Documents each stage is tried on: ordinary ones, one for every drop reason, and odd ones."""

import sys
from pathlib import Path

import pyarrow as pa

from curation import assets
from curation.documents import record_ids

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests" / "stages")]

OFFENDERS = [
    ("forgets_a_column", "declares ['length']"),
    ("leaves_nulls", "nulls in length"),
    ("invents_a_reason", "drops for ['long']"),
    ("looks_at_the_batch", "in batches of"),
    ("is_moody", "the second time"),
]
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


def valid_records():
    yield {}, pages()
    yield {"keep_truncated": True, "statuses": [200, 404]}, pages()


def extract_html():
    import stages.extract.extract_html as module

    yield {"max_bytes": 5_000}, pages()
    yield {"format": "markdown"}, pages()
    real, module.read = module.read, _refuse
    try:
        yield {}, pages()
    finally:
        module.read = real


def _refuse(text):
    raise RuntimeError("the parser gives up on nothing we know how to make")


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


def gopher_quality():
    from test_gopher_quality import CASES

    yield {}, texts(*[case.values[0] for case in CASES])
    yield {}, texts(*[case.values[0] for case in CASES], lang=lambda n: [("en", "de", "zh", "th")[i % 4] for i in range(n)])


def gopher_repetition():
    """Each rule alone, at 0, so that each has its turn; then all of them as published."""
    from test_gopher_repetition import CASES

    from stages.heuristics.gopher_repetition import Params

    table = texts(*[case.values[0] for case in CASES], ENGLISH * 9, "\n\n".join([ENGLISH, "x", ENGLISH, "x\ny"]))
    yield {}, table
    rules = [name for name in Params.model_fields if name.startswith("max_")]
    for rule in rules:
        yield dict.fromkeys(rules) | {rule: 0.0}, table


def mix():
    def kinds(n):
        return [("math", "code", "web", "web")[i % 4] for i in range(n)]

    table = texts(*[ENGLISH + str(i) for i in range(60)], profile=kinds, lang=lambda n: ["de" if i % 5 == 0 else "en" for i in range(n)])
    yield {"recipe": str(ROOT / "mixes/llama3.yaml"), "tokens": 2_000, "empty": "leave_out"}, table
    yield {"recipe": str(ROOT / "tests/mix_some.yaml"), "empty": "leave_out"}, table


SAMPLES = {
    f.__name__: f
    for f in (
        valid_records, block_domains, dedup_urls, extract_html, identify_language, gopher_quality, gopher_repetition, dedup_exact, mix,
    )
}  # fmt: skip
