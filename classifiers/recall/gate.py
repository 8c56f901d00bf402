"""How many wanted pages the pipeline's routing of math and code pages would lose, before any filter.

`extract_html` looks for formulas and for code only in pages whose bytes have a mark of one (`may_have_formulas`, `may_have_code`), and
makes a page `math` or `code` by what it finds. What is neither goes by the rules for web pages. So a wanted page is lost to its profile at
the gate, if its bytes have no mark, or behind it, if too little was found. Here every page of some WARC files (as `valid_records` has it)
is extracted and scored, whatever later filters say; of those that are hits, it is counted where they went.

Units:   pages. Intervals are Wilson's of 95 %.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import RecipeError
from curation.intervals import Z_95, wilson
from stages.extract.charset import utf8
from stages.extract.code.code_blocks import may_have_code
from stages.extract.extract_html import Params, extract
from stages.extract.math.formulas import may_have_formulas
from stages.extract.page import TooManyNodesError, read
from stages.safety.valid_records import valid_records
from stages.sources.warc import warc

EXAMPLES = 20


def gate(files: Sequence[str], score: Callable[[Any], Any], threshold: float, params: Params | None = None) -> dict[str, Any]:
    """Count the hits among the pages of WARC files by what the gate and the profile make of them.

    Args:
        score, threshold: what a hit is. params: of extract_html.
    Returns: {pages, hits, profiles: {web, math, code}, gate_closed, behind_gate: {formulas, code, both}, lost, share_lost,
        share_lost_at_gate, examples}: of the hits whose profile is `web`, `gate_closed` had no mark of a formula or of code, `behind_gate`
        had marks of these. A share is {value, low, high}.
    Raises: RecipeError for a file that is no WARC.
    """
    extracting, pages, profiles, why = params or Params(), 0, Counter[str](), Counter[str]()
    examples: list[dict[str, str]] = []
    for content, mime, charset, url in _pages(files):
        found = extract(content, mime, charset, url, extracting)
        if found["drop_reason"] is not None:
            continue
        pages += 1
        if not float(np.asarray(score(pa.array([found["text"]], pa.large_string())))[0]) >= threshold:
            continue
        profiles[found["profile"]] += 1
        if found["profile"] != "web":
            continue
        reason = _marks(utf8(content, charset))
        why[reason] += 1
        if len(examples) < EXAMPLES:
            examples.append({"url": url or "", "why": reason})
    hits, lost = sum(profiles.values()), profiles["web"]
    return {
        "pages": pages, "hits": hits, "profiles": {name: profiles[name] for name in ("web", "math", "code")},
        "gate_closed": why["gate_closed"],
        "behind_gate": {name: why[name] for name in ("formulas", "code", "both")},
        "lost": lost, "share_lost": _share(lost, hits), "share_lost_at_gate": _share(why["gate_closed"], hits), "examples": examples,
    }  # fmt: skip


def _pages(files: Sequence[str]) -> Iterator[tuple[bytes, str | None, str | None, str | None]]:
    """Content, mime, charset and URL of every page."""
    for file in files:
        try:
            params = warc.params.model_validate({"paths": file})
            warc.check(file, params)
        except ValueError as e:
            raise RecipeError(str(e)) from e
        for table in warc.read(file, Path(file).name, "", params):
            whole = table.filter(pc.is_null(table["drop_reason"])).drop_columns(["drop_reason"])
            pages = whole.filter(pc.is_null(valid_records(whole)["drop_reason"]))
            for row in pages.select(["content", "mime", "http_charset", "url"]).to_pylist():
                yield row["content"], row["mime"], row["http_charset"], row["url"]


def _marks(content: bytes) -> str:
    """What a page's bytes have marks of: formulas, code, both, or gate_closed."""
    try:
        source = read(content).tree.source
    except (TooManyNodesError, ValueError, RuntimeError):
        return "gate_closed"
    formulas, code = may_have_formulas(source), may_have_code(source)
    return "both" if formulas and code else "formulas" if formulas else "code" if code else "gate_closed"


def _share(part: int, whole: int) -> dict[str, float] | None:
    """A share with Wilson's interval; None of nothing."""
    if not whole:
        return None
    low, high = wilson(part, whole, Z_95)
    return {"value": round(part / whole, 4), "low": round(low, 4), "high": round(high, 4)}
