"""What a mix is known to lack: steps its recipe does not have, entries that are short, documents that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curation.inspect.markdown import code
from mixes.card.page import NOTE_CHARS, many

DUTIES: dict[tuple[str, ...], str] = {
    ("decontaminate",): "Benchmarks were not searched for: no step `decontaminate`. Scores on public benchmarks may be inflated.",
    ("identify_language",): "Languages were not identified: no step `identify_language`. `lang` is what the sources say, if anything.",
    ("find_pii", "redact_pii", "block_pii_domains"): "Personal data was not looked for: no step `find_pii`, `redact_pii` or "
    "`block_pii_domains`.",
    ("block_domains",): "No list of domains was used: no step `block_domains`. Opt-outs are not respected, and sites known for adult or "
    "harmful content may be there.",
    ("nsfw", "count_dirty_words"): "Adult text was not looked for: no step `nsfw` or `count_dirty_words`.",
    ("dedup_exact", "dedup_minhash"): "Copies of documents were not removed: no step `dedup_exact` or `dedup_minhash`.",
    ("count_mentions",): "Who is mentioned was not counted: no step `count_mentions`.",
}  # fmt: skip
"""Steps of which one at least belongs in a recipe -> what to say if none is there."""
NEAR = {"dedup_minhash", "dedup_books", "dedup_semantic"}


def gaps(card: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences about what the mix lacks, in Markdown.

    Args:
        card: so far. steps: those whose documents reach the mix.
    """
    used = {step["use"] for step in steps}
    said = [text for names, text in DUTIES.items() if not used & set(names)]
    if "dedup_exact" in used and not used & NEAR:
        said.append("Near copies were not looked for: no step `dedup_minhash`, `dedup_books` or `dedup_semantic`.")
    if card["sample"] < 1:
        said.append(f"The run took a sample of {card['sample']:.3g} of its input.")
    if not card["by"].get("license"):
        said.append("Licences of the documents are not recorded: no source has a column `license` or `licence`.")
    said += [f"The mix is short: {code(line, NOTE_CHARS)}" for line in card["lacking"]]
    for entry, e in card["entries"].items():
        if "validation" in e["parts"] and not e["parts"]["validation"]["documents"]:
            said.append(f"Nothing of {code(entry)} is held out for validation.")
    if card["total"]["failed"]:
        said.append(f"{many(card['total']['failed'], 'document')} failed at some step and are not in the mix (`failed/` says why).")
    for dimension, what in (("lang", "language"), ("date", "date")):
        known = card["by"].get(dimension)
        if known is not None and (missing := next((v["tokens"] for v in known if v["value"] == ""), 0)):
            said.append(f"{missing:,} tokens are of documents without a known {what}.")
    for step in steps:
        if step["use"] == "count_tokens":
            own = "" if "tokenizer" in step["given"] else "the small tokenizer of this project, "
            said.append(f"Tokens are those of {own}{code(step['params']['tokenizer'])}: another tokenizer counts others.")
        if step["use"] == "count_mentions":
            seen, counted = step["documents_in"] - step["failed"], max((g["known"] for g in card["mentions"]["groups"]), default=0)
            if counted < seen:
                said.append(f"Who is mentioned was counted in {counted:,} of {seen:,} documents: in languages that have a list.")
    said.append("Shares of languages, sources and domains are of what automatic steps found, errors included.")
    return said
