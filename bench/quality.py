"""The default proxy models on texts of domains none of them was fitted on: areas under the ROC curve beside what costs nothing.

`quality`: four questions, none of which the models were fitted to answer. `weak labels`: rows of the folder `quality`, prose of Wikipedia,
httpd and the W3C against their menus and lists. `content`: of annotated pages, the main text against what stands around it. `kinds`:
annotated pages that are articles, documentation or forums against listings, products and services, texts as `extract_html` gives them.
`crawl`: pages of httpd and the W3C against pages planted among them whose text is bad (stuffed, filled, repeated).
`content`: code and mathematics, precision at a recall of 90 %, beside the profile `extract_html` gives.

Texts are in two halves by a hash of their domain (page, where there are few domains). The half `choosing` was looked at while sources,
features and sizes were chosen; the half `reporting`, the default, was not. Nothing was chosen by `content`: it has all texts. Intervals:
95 %, by domain. On the annotated pages nothing was ever fitted.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.measure import ROOT, versions

OPTIONS = {
    "data": "folder of the test data (default: ../shared/data)", "half": "reporting (default) or choosing",
    "models": "model folders to score beside, by comma (default: those of the project)",
}  # fmt: skip
PROSE_KINDS = ("article", "documentation", "forum")
FEW_DOMAINS = ("httpd.apache.org", "www.w3.org", "en.wikipedia.org", "")
PLANTED = ("keyword_stuffing", "soft_404", "lorem", "repeated_lines", "symbol_heavy", "all_caps", "tiny_body")
"""What is planted and bad text: other pages are planted for their address, copies or personal data."""
CODE_PACKAGES = (("numpy", "*.py"), ("pyarrow", "*.h"), ("pydantic", "*.py"), ("rich", "*.py"))
"""Code that no model was fitted on."""
STOP_WORDS = frozenset(b"the of and to in is that it for as was with be on by not are this from or have an at which".split())
MUST_BEAT = ("length", "link density", "digits", "symbols")
LEAST_CHARS = 200


class Row(NamedTuple):
    """A text with its label and what a baseline may know of it: share of its page's bytes in links, the extractor's profile."""

    text: str
    wanted: bool
    domain: str
    link_density: float | None = None
    profile: str = ""


def measure(scale: float, pairs: int, only: list[str], data: str | None, half: str | None, models: str | None) -> dict[str, Any]:
    """Run the parts `quality` and `kinds of content`."""
    folder = Path(data).resolve() if data else ROOT.parent / "shared" / "data"
    report: dict[str, Any] = {"name": "quality", "parts": {}, "targets": {}, "missing": [], "versions": versions("numpy", "onnxruntime")}
    if not (folder / "quality").is_dir():
        return report | {"missing": [f"no test data in {folder}; name the folder with --data"]}
    from stages.quality.models.scorer import load_scorer

    defaults = ROOT / "stages" / "quality" / "models" / "defaults"
    paths = [Path(p) for p in models.split(",")] if models else sorted(p for p in defaults.iterdir() if p.is_dir())
    scorers = {path.name: load_scorer(path) for path in paths}
    pages = list(annotated(folder / "extraction"))
    chosen = half or "reporting"
    if "quality" in (only or ["quality"]):
        own = {name: s for name, s in scorers.items() if s.folder.positive == "good"}
        sets = {"weak labels": weak(folder), "content": around(pages), "kinds": kinds(pages), "crawl": crawl(folder / "warc" / "built")}
        report["parts"]["quality"], report["targets"] = quality({k: in_half(v, chosen) for k, v in sets.items()}, own)
    if "content" in (only or ["content"]):
        for what in ("code", "math"):
            own = {name: s for name, s in scorers.items() if s.folder.positive == what}
            sets = {"texts": text_kinds(folder, what), "pages": page_kinds(pages, what)}
            report["parts"][what] = content({k: list(v) for k, v in sets.items()}, own)
    return report


def in_half(rows: Iterator[Row] | list[Row], half: str) -> list[Row]:
    """Rows of a half: by domain, or by page where few domains have most."""
    import xxhash

    names = ((r, r.text[:40] if r.domain in FEW_DOMAINS else r.domain) for r in rows)
    return [r for r, name in names if (xxhash.xxh64_intdigest(name.encode()) % 2 == 0) == (half == "choosing")]


# -- the sets -------------------------------------------------------------------------------------


def weak(data: Path) -> Iterator[Row]:
    """Rows of the folder `quality`, labelled by their source."""
    for line in (data / "quality" / "reference_style.jsonl").read_bytes().strip().split(b"\n"):
        row = json.loads(line)
        source = row["source"]
        yield Row(row["text"], bool(row["label"]), "en.wikipedia.org" if source.startswith("enwiki") else urlsplit(source).netloc or source)


def annotated(folder: Path) -> Iterator[dict[str, Any]]:
    """Annotated pages with what `extract_html` makes of them."""
    from classifiers.defaults.sources import all_lines

    for file in sorted(folder.glob("pages-*.jsonl.gz")):
        for line in gzip.decompress(file.read_bytes()).strip().split(b"\n"):
            row = json.loads(line)
            if row["source"] not in ("adversarial", "cases", "defuddle"):
                row["raw"] = base64.b64decode(row["html_b64"]) if row.get("html_b64") else row["html"].encode()
                row |= extracted(row["raw"], row["url"], None)
                row["lines"] = all_lines(row["raw"])
                yield row


def extracted(raw: bytes, url: str | None, charset: str | None) -> dict[str, Any]:
    """text, link_density, profile of a page."""
    import pyarrow as pa

    from curation.stage import Batch
    from stages.extract.extract_html import extract_html

    page = {"content": [raw], "mime": ["text/html"], "http_charset": pa.array([charset], pa.string()), "url": [url or ""]}
    out = extract_html(Batch(pa.table(page)))
    return {name: out[name][0].as_py() for name in ("text", "link_density", "profile")}


def around(pages: list[dict[str, Any]]) -> Iterator[Row]:
    """The annotated text of a page, wanted, and its other lines, not."""
    for page in pages:
        gold = page["gold"] or ""
        words = " ".join(gold.split())
        rest = "\n".join(line for line in page["lines"] if " ".join(line.split()) not in words)
        if page["gold_kind"] == "human" and min(len(gold), len(rest)) >= LEAST_CHARS:
            yield Row(gold, True, domain_of(page["url"]))
            yield Row(rest, False, domain_of(page["url"]))


def kinds(pages: list[dict[str, Any]]) -> Iterator[Row]:
    """Pages as extracted, wanted by the kind the annotators gave them."""
    for page in pages:
        if page["source"] == "wcxb-dev" and page["text"]:
            yield Row(page["text"], page["page_type"] in PROSE_KINDS, domain_of(page["url"]), page["link_density"])


def crawl(folder: Path) -> Iterator[Row]:
    """Pages of the built crawls, English, each text once."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    lines = (line.split("\t") for line in (folder / "pages.tsv").read_text("utf-8").split("\n"))
    known = {fields[1]: fields for fields in lines if len(fields) > 9}
    seen = set()
    for file in sorted(folder.glob("*.warc.gz")):
        with open(file, "rb") as f:
            for record in ArchiveIterator(f, WarcRecordType.response):
                fields = known.get(record.record_id or "")
                if fields is None or fields[5] != "200" or "html" not in fields[6] or fields[7] != "en":
                    continue
                planted, url = fields[9], record.headers["WARC-Target-URI"]
                if not (planted.startswith(PLANTED) or (not planted and fields[3] in FEW_DOMAINS)):
                    continue
                row = extracted(record.reader.read(), url, record.http_charset)
                if row["text"] and row["text"] not in seen:
                    seen.add(row["text"])
                    yield Row(row["text"], not planted, domain_of(url), row["link_density"])


def text_kinds(data: Path, what: str) -> Iterator[Row]:
    """Rows of the folder `quality` whose source no model was fitted on, and code of installed packages."""
    from classifiers.defaults.sets import piece

    fitted = ("arxiv/monero", "arxiv/ethereum", "matheducators", "coffee")
    for line in (data / "quality" / "reasoning.jsonl").read_bytes().strip().split(b"\n"):
        row = json.loads(line)
        if not row["source"].startswith(fitted):
            yield Row(row["text"], row["label"] == what, row["source"])
    for name, pattern in CODE_PACKAGES:
        spec = find_spec(name)
        files = sorted(Path(spec.submodule_search_locations[0]).rglob(pattern)) if spec and spec.submodule_search_locations else []
        for file in [f for f in files if f.stat().st_size > 2_000][:60]:
            with contextlib.suppress(UnicodeDecodeError):
                import random

                yield Row(piece(file.read_text("utf-8"), random.Random(str(file.name))), what == "code", name)


def page_kinds(pages: list[dict[str, Any]], what: str) -> Iterator[Row]:
    """Pages of code or of mathematics among pages of other kinds."""
    for page in pages:
        kind = page["page_type"] if page["page_type"] in ("code", "math") else "other"
        if page["text"] and not (kind == "other" and (page["page_type"] in ("documentation", "forum") or page["code"] or page["formulas"])):
            yield Row(page["text"], kind == what, domain_of(page["url"]) or page["source"], None, page["profile"])


def domain_of(url: str | None) -> str:
    return urlsplit(url or "").netloc


# -- what is compared -----------------------------------------------------------------------------


def baselines(rows: list[Row]) -> dict[str, Any]:
    """Scores that cost nothing; the more the better."""
    import numpy as np

    texts = [r.text for r in rows]

    def share(holds: Callable[[str], bool]) -> Any:
        return np.array([sum(map(holds, t)) / max(1, len(t)) for t in texts])

    words = [t.lower().encode().split() for t in texts]
    found = {
        "length": np.array([len(t) for t in texts], float), "digits": -share(str.isdigit),
        "symbols": -share(lambda c: not (c.isalnum() or c.isspace())),
        "words a line": np.array([len(w) / (t.count("\n") + 1) for w, t in zip(words, texts, strict=True)]),
        "stop words": np.array([sum(map(STOP_WORDS.__contains__, w)) / max(1, len(w)) for w in words]),
    }  # fmt: skip
    if all(r.link_density is not None for r in rows):
        found["link density"] = -np.array([r.link_density for r in rows])
    return found


def quality(sets: dict[str, list[Row]], scorers: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A table: a row a score, a column a set; and whether each model beats what it must."""
    import numpy as np
    import pyarrow as pa

    from classifiers.metrics import Pairs

    areas: dict[str, dict[str, float]] = {}
    cells: dict[str, dict[str, str]] = {}
    for title, rows in sets.items():
        wanted, domains = np.array([r.wanted for r in rows]), np.array([r.domain or str(n) for n, r in enumerate(rows)])
        texts = pa.array([r.text for r in rows], pa.large_string())
        scores = {name: np.nan_to_num(s.calibrated(s.scores(texts)), nan=0.0) for name, s in scorers.items()} | baselines(rows)
        for name, score in scores.items():
            found = Pairs(score, wanted)
            areas.setdefault(name, {})[title] = found.auc()
            interval = found.interval(domains, samples=300) if name in scorers else None
            cells.setdefault(name, {})[title] = f"{found.auc():.3f}" + (f" ({interval[0]:.2f}-{interval[1]:.2f})" if interval else "")
    heads = [f"{title} {sum(r.wanted for r in rows)}/{len(rows)}" for title, rows in sets.items()]
    grid = {
        "title": "area under the ROC curve; wanted / all texts", "columns": ["score", *heads],
        "rows": [[name, *(own.get(title) for title in sets)] for name, own in cells.items()],
    }  # fmt: skip
    targets = {}
    for name in scorers:
        short = [(b, t) for b in MUST_BEAT for t, area in areas.get(b, {}).items() if areas[name][t] <= area]
        said = "; ".join(f"not {b} on {t}" for b, t in short) or "on all sets"
        targets[f"{name} beats {', '.join(MUST_BEAT)}"] = (said, "on all sets", not short)
    return {"grids": [grid]}, targets


def content(sets: dict[str, list[Row]], scorers: dict[str, Any]) -> dict[str, Any]:
    """A table: area, precision at a recall of 90 %, and both beside the profile's."""
    import numpy as np
    import pyarrow as pa

    from classifiers.metrics import curve

    lines: list[list[Any]] = []
    for title, rows in sets.items():
        wanted, texts = np.array([r.wanted for r in rows]), pa.array([r.text for r in rows], pa.large_string())
        counts = [len(rows), int(wanted.sum())]
        for name, scorer in scorers.items():
            found = curve(np.nan_to_num(scorer.calibrated(scorer.scores(texts)), nan=0.0), wanted)
            at = found.at_recall(0.9)
            lines.append([f"{title}: {name}", *counts, f"{found.auc():.3f}", f"{at.precision:.3f}", f"{at.recall:.3f}"])
            if any(r.profile for r in rows):
                hit = np.array([r.profile == scorer.folder.positive for r in rows])
                recall, precision = (hit & wanted).sum() / wanted.sum(), (hit & wanted).sum() / max(1, hit.sum())
                same = found.at_recall(recall)
                lines.append([f"{title}: profile of extract_html", *counts, None, f"{precision:.3f}", f"{recall:.3f}"])
                lines.append([f"{title}: {name} at that recall", *counts, None, f"{same.precision:.3f}", f"{same.recall:.3f}"])
    return {"grids": [{"title": "precision", "columns": ["score", "texts", "wanted", "AUC", "precision", "recall"], "rows": lines}]}
