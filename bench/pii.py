"""Personal data: recall and false finds on labelled texts, and speed of find_pii and redact_pii."""

from __future__ import annotations

import json
import zlib
from typing import Any

from bench.measure import ROOT, versions

SPANS = ROOT.parent / "shared" / "data" / "pii" / "spans.jsonl"
TYPES = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "IP_ADDRESS": "ip", "CREDIT_CARD": "card", "IBAN_CODE": "iban", "US_SSN": "ssn",
}  # fmt: skip
FLOORS = {"email": 0.99, "card": 0.98, "iban": 0.98, "ip": 0.97, "ssn": 0.95, "phone": 0.90}
MOST_NEGATIVES = 0.03
LOOK_ALIKES = ("ean13", "time_range", "version", "section_number")
"""Kinds of hard negatives some of which pass the check of another kind: Luhn's digit, the grammar of IPv6 and of IPv4."""


def quality(part: str) -> dict[str, Any]:
    """Recall of each kind, and hard negatives hit.

    A span counts as found where a find of its kind covers it (a phone's `tel:` and first parenthesis may be left out), a hard negative
    as hit where any find touches it.

    Args:
        part: chosen (half of the texts, by a hash of their ids: the rules were written looking at these), held_out, or all.
    """
    import pyarrow as pa

    from stages.safety.find_pii import find_pii

    texts = [json.loads(line) for line in SPANS.read_text(encoding="utf-8").splitlines()]
    parts = {"chosen": (0,), "held_out": (1,), "all": (0, 1)}[part]
    texts = [t for t in texts if zlib.crc32(t["id"].encode()) % 2 in parts]
    found = find_pii(pa.table({"text": pa.array([t["text"] for t in texts], pa.large_string())}), spans=True)["pii_spans"].to_pylist()
    there, met = dict.fromkeys(FLOORS, 0), dict.fromkeys(FLOORS, 0)
    negatives, hit = 0, {}
    for text, finds in zip(texts, found, strict=True):
        for span in text["spans"]:
            kind = TYPES.get(span["type"])
            if kind is None:
                continue
            start = span["start"] + (4 if span["value"].startswith("tel:") else 0)
            start += kind == "phone" and span["value"][0] == "("
            there[kind] += 1
            met[kind] += any(f["kind"] == kind and f["start"] <= start and f["end"] >= span["end"] for f in finds)
        for span in text["hard_negatives"]:
            negatives += 1
            if any(f["start"] < span["end"] and f["end"] > span["start"] for f in finds):
                hit[span["type"]] = hit.get(span["type"], 0) + 1
    alike = {kind: count for kind, count in hit.items() if kind in LOOK_ALIKES}
    return {
        "texts": len(texts), "recall": {kind: round(met[kind] / there[kind], 4) for kind in FLOORS}, "spans": there,
        "hard_negatives": negatives, "hit": sum(hit.values()) - sum(alike.values()), "hit_by_kind": hit, "look_alikes_hit": alike,
    }  # fmt: skip


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: quality, speed."""
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    if (not only or "quality" in only) and SPANS.exists():
        for part in ("chosen", "held_out"):
            parts[part] = facts = quality(part)
            for kind, floor in FLOORS.items():
                recall = facts["recall"][kind]
                targets[f"{part}: recall of {kind}"] = (recall, f">= {floor}", recall >= floor)
            share = facts["hit"] / facts["hard_negatives"]
            targets[f"{part}: hard negatives hit"] = (round(share, 4), f"<= {MOST_NEGATIVES}", share <= MOST_NEGATIVES)
    if not only or "speed" in only:
        parts["speed"] = speed(int(4_000 * scale), pairs)
        x = parts["speed"]["find_us_per_3_kb"]
        targets["find_pii, CPU-us per document of 3 kB, words found before"] = (x, "<= 10", x <= 10)
    return {"name": "pii", "parts": parts, "targets": targets, "versions": versions("pyarrow", "numpy", "numba")}


def speed(documents: int, pairs: int) -> dict[str, Any]:
    """CPU time of both stages on a batch in memory whose words are known, per 3,000 bytes.

    The corpus has no digits, so every 40th word of it gives way to a number, every thousandth to a find: some 20 runs of digits in
    3,000 bytes, where crawled pages (the test crawl's 2,988) have 14.
    """
    import time
    from statistics import median

    import pyarrow as pa

    from bench.corpus import Spec, tables
    from curation.stage import Batch
    from stages.safety.find_pii import find_pii
    from stages.safety.redact_pii import redact_pii

    signs = ["1998", "12", "3.5", "10:30", "1,200", "2019-05-01", "(7)", "§4", "45%", "0.25"]
    finds = ["jo@host.example", "+49 30 23125 920", "192.0.2.17", "4111 1111 1111 1111"]

    def with_numbers(text: str) -> str:
        words = text.split(" ")
        words[::40] = [signs[k % len(signs)] for k in range(len(words[::40]))]
        words[500::1000] = [finds[k % len(finds)] for k in range(len(words[500::1000]))]
        return " ".join(words)

    raw = pa.concat_tables(list(tables(Spec(documents=documents, mean_bytes=3_000), 0, documents)))
    table = pa.table({"text": pa.array([with_numbers(t) for t in raw["text"].to_pylist()], pa.large_string())})
    times: dict[str, list[float]] = {"find": [], "redact": []}
    size = table["text"].nbytes
    found = 0
    for _ in range(pairs + 1):
        batch = Batch(table)
        batch.words()
        for name, stage in (("find", find_pii), ("redact", redact_pii)):
            started = time.process_time()
            columns = stage(batch)
            times[name].append((time.process_time() - started) / size * 3_000 * 1e6)
            found = int(sum(columns["pii_redactions"])) if name == "redact" else found
    return {
        "documents": documents, "bytes": size, "finds": found, "find_us_per_3_kb": round(median(times["find"][1:]), 2),
        "redact_us_per_3_kb": round(median(times["redact"][1:]), 2),
    }  # fmt: skip
