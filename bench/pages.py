"""Rules for repeated lines, pages of code and of mathematics, and lists of words, on real pages and on planted lines.

Parts: planted (what repeated_lines removes of each kind of planted lines, and of good pages that repeat themselves), pages (what
the rules do to ordinary pages: extracted ones, posts of Stack Exchange, documentation from a crawl), lists (matches of real word
lists there), speed. The pages are test data that is not part of the project; parts that need them say so where they are missing.
"""

from __future__ import annotations

import gzip
import importlib
import json
import random
import re
import sys
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from functools import cache
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.corpus import Spec, tables
from bench.measure import ROOT, versions
from curation.stage import Batch
from stages.extract.extract_html import Params, extract
from stages.heuristics.code_page_quality import code_page_quality
from stages.heuristics.math_page_quality import math_page_quality
from stages.heuristics.repeated_lines import repeated_lines
from stages.safety.count_dirty_words import count_dirty_words
from stages.safety.nsfw import nsfw

SHARED = ROOT.parent / "shared" / "data"
WORD_LISTS = SHARED / "lists" / "ldnoobw"
PLANTED_PAGES, SPEED_DOCUMENTS = 200, 4000


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts."""
    parts: dict[str, Any] = {}
    if not only or "planted" in only:
        parts["planted"] = _planted(max(1, int(PLANTED_PAGES * scale)))
    for name, part in (("pages", _pages), ("lists", _lists)):
        if not only or name in only:
            parts[name] = part() if SHARED.is_dir() else {"skipped": f"no {SHARED}"}
    if not only or "speed" in only:
        parts["speed"] = _speed(max(1, int(SPEED_DOCUMENTS * scale)), pairs)
    return {"name": "pages", "parts": parts, "versions": versions("numba", "pyarrow")}


def _planted(pages: int) -> dict[str, Any]:
    """Share of the planted lines' characters that goes, by kind, for some parameters."""
    sys.path.append(str(ROOT / "tests" / "stages"))
    p = importlib.import_module("planted_lines")

    settings: list[dict[str, Any]] = [
        {},
        {"n": 2},
        {"n": 4},
        {"max_coverage": 0.3},
        {"max_coverage": 0.5},
        {"min_lines": 3},
        {"min_lines": 8},
    ]
    grids = []
    for what, families in (("machine output", p.MACHINE), ("good pages", p.GOOD)):
        rows: list[list[Any]] = []
        for family, kinds in families.items():
            shares = []
            for kind in kinds:
                rng = random.Random(7)
                texts, lines = zip(*[p.page(rng, kind) for _ in range(pages)], strict=True)
                table = pa.table({"text": pa.array(texts, pa.large_string()), "profile": ["web"] * pages})
                shares.append([_gone(table, lines, **values) for values in settings])
                rows.append([f"{family}: {kind.__name__}", *(f"{100 * s:.1f}" for s in shares[-1])])
            rows.append([f"{family}: mean", *(f"{100 * s:.1f}" for s in np.mean(shares, axis=0))])
        columns = ["", *(" ".join(f"{k} {v}" for k, v in values.items()) or "default" for values in settings)]
        grids.append({"title": f"{what}: % of characters removed, {pages} pages a kind", "columns": columns, "rows": rows})
    return {"grids": grids}


def _gone(table: pa.Table, lines: Any, **values: Any) -> float:
    left = [set(text.split("\n")) for text in repeated_lines(table, **values)["text"].to_pylist()]
    gone = sum(len(line) for these, kept in zip(lines, left, strict=True) for line in these if line not in kept)
    return gone / sum(len(line) for these in lines for line in these)


@cache
def _real() -> pa.Table:
    """Ordinary pages as text: source, text, profile, lang."""
    rows = []
    for source, lang, content, mime, charset in _contents():
        found = extract(content, mime, charset, None, Params())
        if not found["drop_reason"]:
            rows.append({"source": source, "lang": lang, "text": found["text"], "profile": found["profile"]})
    schema = pa.schema([("source", pa.string()), ("lang", pa.string()), ("text", pa.large_string()), ("profile", pa.string())])
    return pa.Table.from_pylist(rows, schema=schema).combine_chunks()


def _contents() -> Iterator[tuple[str, str, bytes, str | None, str | None]]:
    for path in sorted((SHARED / "extraction").glob("pages-*.jsonl.gz")):
        with gzip.open(path, "rt") as lines:
            for page in map(json.loads, lines):
                if page["source"] != "adversarial":
                    content = b64decode(page["html_b64"]) if page.get("html_b64") else page["html"].encode()
                    yield page["source"], (page["lang"] or "en")[:2], content, None, None
    for path in sorted((SHARED / "stackexchange").rglob("Posts.xml.gz")):
        import xml.etree.ElementTree as ET

        with gzip.open(path) as posts:
            for _, row in ET.iterparse(posts):
                if row.tag == "row" and row.get("PostTypeId") in ("1", "2"):
                    yield "posts", "en", f"<html><body><article>{row.get('Body')}</article></body></html>".encode(), None, None
    yield from _crawled()


def _crawled() -> Iterator[tuple[str, str, bytes, str | None, str | None]]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    header, *pages = (SHARED / "warc" / "built" / "pages.tsv").read_text().splitlines()
    number = {name: i for i, name in enumerate(header.split("\t"))}
    plain = {cells[number["record_id"]]: cells for cells in (line.split("\t") for line in pages) if not cells[number["planted"]]}
    for path in sorted((SHARED / "warc" / "built").glob("*.warc.gz")):
        with open(path, "rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
                page = plain.get(str(record.record_id)) or plain.get(f"<{record.record_id}>")
                if page and record.http_headers.status_code == 200:
                    lang = re.split("[-_]", page[number["language"]])[0]
                    yield "crawl", lang, record.reader.read(), record.http_content_type or None, record.http_charset


def _pages() -> dict[str, Any]:
    """Of ordinary pages of each profile: how many each rule drops or touches."""
    table = _real()
    rows = []
    for profile, stage in (("code", code_page_quality), ("math", math_page_quality)):
        mine = table.filter(pc.equal(table["profile"], profile))
        reasons = Counter(stage(mine)["drop_reason"].to_pylist())
        rows.append([stage.name, len(mine), len(mine) - reasons[None], ", ".join(f"{r} {n}" for r, n in reasons.items() if r)])
    found = repeated_lines(table)
    touched = np.asarray(found["repeated_lines"]) > 0
    lost, bytes_ = (
        int(np.asarray(found["repeated_lines"]).sum()),
        [pc.sum(pc.binary_length(t)).as_py() for t in (table["text"], found["text"])],
    )
    dropped = len(table) - found["drop_reason"].null_count
    rows.append(
        [
            "repeated_lines",
            len(table),
            dropped,
            f"{touched.sum()} touched, {lost} lines, {1e6 * (1 - bytes_[1] / bytes_[0]):.0f} ppm of bytes",
        ]
    )
    return {"grids": [{"title": "ordinary pages", "columns": ["stage", "pages", "dropped", "why"], "rows": rows}]}


def _lists() -> dict[str, Any]:
    """Matches of real word lists in ordinary pages."""
    table, rows = _real(), []
    for stage in (count_dirty_words, nsfw):
        found = stage(table, lists=str(WORD_LISTS))
        values = np.asarray(found["dirty_words_per_1000" if stage is count_dirty_words else "nsfw_score"])
        rows.append([stage.name, len(table), int((values > 0).sum()), f"{values.max():.1f}", len(table) - found["drop_reason"].null_count])
    return {"grids": [{"title": "ordinary pages", "columns": ["stage", "pages", "above 0", "largest", "dropped"], "rows": rows}]}


def _speed(documents: int, pairs: int) -> dict[str, Any]:
    """CPU time of each stage on one batch of made-up documents, beyond the views of the text that all stages share."""
    table = pa.concat_tables(list(tables(Spec(documents=documents), 0, documents)))
    langs = pa.array((["en"] * 8 + ["de", "zh"]) * (documents // 10 + 1))[:documents]
    table = table.append_column("lang", langs).append_column("profile", pa.array(["web"] * documents))
    lists = {"lists": str(WORD_LISTS) if WORD_LISTS.is_dir() else {"en": str(ROOT / "examples" / "lists" / "dirty_words.en.txt")}}
    stages: list[tuple[Any, dict[str, Any]]] = [
        (repeated_lines, {}), (count_dirty_words, lists), (nsfw, lists), (code_page_quality, {}), (math_page_quality, {}),
    ]  # fmt: skip
    seconds: dict[str, list[float]] = {stage.name: [] for stage, _ in stages}
    for _ in range(pairs + 1):
        batch = Batch(table)
        words = batch.words()
        words.hashes(), words.hashes(lower=True), words.chars(), batch.utf8().lines()
        for stage, values in stages:
            started = time.process_time()
            stage(batch, **values)
            seconds[stage.name].append(time.process_time() - started)
    rows = [[name, f"{1e6 * median(times[1:]) / documents:.1f}"] for name, times in seconds.items()]  # the first run compiles
    mean = int(batch.utf8().bytes_per_row().mean())
    return {"grids": [{"title": f"us a document, {documents} documents, mean {mean} bytes", "columns": ["stage", "us"], "rows": rows}]}
