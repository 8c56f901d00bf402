"""`curate sample`: some of the documents that a step dropped, or that stand in an output, to be read."""

from __future__ import annotations

from typing import Any

from curation import registry
from curation.errors import RecipeError
from curation.inspect.explain import of_rule
from curation.inspect.judged import judged
from curation.inspect.opened import OpenRun
from curation.inspect.rows import KINDS
from curation.inspect.show import plain, safe

CHARS = 500
"""Characters of a text that are shown, unless asked otherwise (ours)."""
NOT_STORED = "text not stored: that of one dropped document in 1,000 is, and of the first of each shard and reason"
NEVER_STORED = "text not stored: what a safety step drops never is"
IDENTITY = ("id", "url", "lang", "source", "date", "record_file", "record_offset")


def sample(
    run: OpenRun, what: str = "dropped", step: str | None = None, reason: str | None = None, output: str | None = None, n: int = 20,
    seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Documents as `OpenRun.sample` draws them.

    Returns: {"run", "what", "step", "reason", "output", "documents": [{"id", "url", "lang", "source", "date", "record_file",
        "record_offset", "step", "reason", "file", "row", "rules", "text"}]}. rules = those that gave the reason, as in `judged`; text =
        null where it is not stored.
    Raises: RecipeError as `OpenRun.batches` does.
    """
    if output is not None and what != "dropped":
        raise RecipeError(f"--output is for rows that were kept, not for {what} ones")
    what = "outputs" if output is not None else what
    table = run.sample(step, reason, n, seed, output, what)
    at_step, why = KINDS[what]
    documents = []
    for number, row in enumerate(table.to_pylist()):
        name, given = row.get(at_step) if at_step else None, row.get(why) if why else None
        hidden = name is not None and registry.is_safety(run.steps[name].use)
        rules = judged(run.steps[name], table.slice(number, 1)) if name is not None and what == "dropped" else []
        documents.append({
            **{c: plain(row.get(c)) for c in IDENTITY}, "step": name, "reason": given, "file": row["_file"], "row": row["_row"],
            "rules": [rule for rule in rules if rule["broken"] and rule["reason"] == given], "text": None if hidden else row.get("text"),
        })  # fmt: skip
    named = None if step is None else run.step(step).name
    return {"run": str(run.folder), "what": what, "step": named, "reason": reason, "output": output, "documents": documents}


def page(report: dict[str, Any], run: OpenRun, chars: int = CHARS) -> str:
    """The sample as text."""
    lines: list[str] = []
    for d in report["documents"]:
        lines.append(f"{safe(d['id'])}  {safe(d['url'] or '')}")
        facts = [f"lang {safe(d['lang'])}"] if d["lang"] else []
        facts += [f"{d['step']}: {safe(d['reason'] or '')}"] if d["step"] else []
        lines.append(f"  {', '.join([*facts, *map(of_rule, d['rules']), d['file'] + ' row ' + str(d['row'])])}")
        if d["text"] is None:
            kept_away = d["step"] is not None and registry.is_safety(run.steps[d["step"]].use)
            lines.append(f"  ({NEVER_STORED if kept_away else NOT_STORED})")
        else:
            text = d["text"][:chars]
            lines += [f"  | {safe(line)}" for line in text.split("\n") if line.strip()]
            if len(d["text"]) > chars:
                lines.append(f"  | ... ({len(d['text']):,} characters)")
        lines.append("")
    return "\n".join(lines[:-1]) if lines else "no such document"
