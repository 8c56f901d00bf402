"""The label sets of the default models: `quality` (good, bad), `code` and `math` (the kind, or other), as `curate label` would write them.

Labels are not a person's: a text is good because of where it is from, bad because it was left out by the extractor, or because
damage.py broke or made it. So that the source does not tell, each domain stands on both sides: its texts are good, copies of them bad.

A split keeps domains apart, and by the same measure kinds of damage: some kinds are in the part `test` alone.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from classifiers.defaults.damage import COPIES, PAGES, made
from classifiers.defaults.sources import LEAST_CHARS, Text, shares

PARTS = {
    "validation": ("flask", "pyramid", "nltk", "paper ethereum", "the-importance-of-being-earnest-pg844", "a-tale-of-two-cities-98-0"),
    "test": ("celery", "scrapy", "paper plutus", "meta.mathoverflow.net", "gobyexample.com", "genesis-french", "shakespeare-hamlet"),
}  # fmt: skip
"""Domains that early stopping, calibration and thresholds go by, and those that are only looked at; all others are learnt from (ours)."""
NEW_KINDS = ("thread", "feed", "twice_encoded", "teasers")
"""Kinds of damage that only the part `test` has."""
EACH = {"book": 60, "declaration": 400, "sentences": 500, "code file": 100, "docstring": 300}
"""Pieces a domain of such a source gives at most, others OTHERS (ours): nothing outweighs the rest."""
OTHERS = 220
CHARS = (LEAST_CHARS, 6_000)


def piece(text: str, r: random.Random) -> str:
    """Some paragraphs in a row: as many as fill a length drawn so that short and long ones are alike common."""
    low, high = CHARS
    wanted = low * (high / low) ** r.random()
    parts = [p for p in re.split(r"\n\s*\n", text) if p.strip()]
    at = r.randrange(len(parts)) if parts else 0
    ahead = sum(len(p) for p in parts[at : at + 200])
    while at and ahead < wanted:
        at -= 1
        ahead += len(parts[at])
    out: list[str] = []
    size = 0
    while at < len(parts) and size < wanted:
        out.append(parts[at])
        size += len(parts[at])
        at += 1
    joined = "\n\n".join(out)
    return joined if len(joined) <= high else joined[: high - 200].rsplit(" ", 1)[0]


def pieces(found: Sequence[Text], seed: int = 1) -> list[Text]:
    """Pieces of each domain: of its texts in turn, of long ones several."""
    by_domain: dict[str, list[Text]] = {}
    for text in found:
        by_domain.setdefault(text.domain, []).append(text)
    out = []
    for domain, own in sorted(by_domain.items()):
        r = random.Random(f"{seed} {domain}")
        r.shuffle(own)
        each = EACH.get(own[0].source, OTHERS)
        seen: set[str] = set()
        for n in range(3 * each):
            text = own[n % len(own)]
            if n >= len(own) and len(text.text) < 4 * CHARS[1]:
                continue
            cut = piece(text.text, r)
            if len(cut) >= LEAST_CHARS and cut not in seen:
                seen.add(cut)
                out.append(text._replace(text=cut))
            if len(seen) >= each:
                break
    return out


def part_of(domain: str) -> str:
    """The part of the split a domain is in."""
    return next((part for part, domains in PARTS.items() if domain in domains), "train")


def quality(found: Sequence[Text], seed: int = 1) -> Iterator[dict[str, Any]]:
    """Rows of the label set `quality`."""
    whole = [t for t in found if t.source not in ("code file", "docstring")]
    good = pieces([t for t in whole if t.what != "boilerplate"], seed)
    left_out = pieces([t for t in whole if t.what == "boilerplate"], seed)
    for split in ("train", "validation", "test"):
        own = [t for t in good if part_of(t.domain) == split]
        r = random.Random(f"{seed} {split}")
        kinds = [name for name in COPIES if split == "test" or name not in NEW_KINDS]
        made_kinds = [name for name in PAGES if (split == "test") == (name in NEW_KINDS)]
        by_lang: dict[str, list[str]] = {}
        for t in own:
            by_lang.setdefault(t.lang, []).append(t.text)
        for n, t in enumerate(own):
            yield _row(t, "good", t.what, split)
            kind = kinds[n % len(kinds)]
            others = r.sample(by_lang[t.lang], min(8, len(by_lang[t.lang])))
            broken = COPIES[kind](t.text, r, others).strip()
            if len(broken) >= LEAST_CHARS // 3:
                yield _row(t._replace(text=broken), "bad", kind, split)
        for t in left_out:
            if part_of(t.domain) == split:
                yield _row(t, "bad", "left out by the extractor", split)
        for n in range(len(own) // 3):
            kind = made_kinds[n % len(made_kinds)]
            low, high = CHARS
            text = made(PAGES[kind], r, int(low * (high / low) ** r.random()))
            yield _row(Text(text, "made", "made", f"made {kind} {split}"), "bad", kind, split)


def kind(found: Sequence[Text], positive: str, seed: int = 2) -> Iterator[dict[str, Any]]:
    """Rows of the label sets `code` and `math`: the kind, or other; of what stands between, nothing."""
    files = pieces([t for t in found if t.source == "code file"], seed)
    for t in [*pieces([t for t in found if t.source != "code file"], seed), *files]:
        formulas, code = shares(t.text)
        what = "code" if t.source == "code file" or code > 0.4 else "math" if code < 0.1 and formulas > 4 else "other"
        if what == positive or (what != "other" and t.source != "docstring") or (code < 0.05 and formulas < 0.3):
            yield _row(t, what if what == positive else "other", t.source, part_of(t.domain))


def _row(t: Text, label: str, kind: str, split: str) -> dict[str, Any]:
    return {"text": t.text, "label": label, "lang": t.lang, "domain": t.domain, "source": t.source, "reason": kind, "split": split}


def write(rows: Iterator[dict[str, Any]], path: Path) -> None:
    """JSON Lines, a text once."""

    seen: set[str] = set()
    with open(path, "w", encoding="utf-8") as f:
        for row in rows:
            if row["text"] not in seen:
                seen.add(row["text"])
                f.write(json.dumps(row, ensure_ascii=False) + "\n")
