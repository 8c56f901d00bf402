"""`curate label sample`, `ask`, `import` and `agree`: from files to files, and what is said of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from classifiers import labels
from classifiers.documents import files as files_of
from classifiers.label import agreement, ask, criteria
from classifiers.label import sample as sampling
from classifiers.label.answers import answers_in
from classifiers.label.endpoint import Endpoint, Pace
from classifiers.label.messages import Asking
from curation.assets import resolve
from curation.errors import RecipeError
from curation.inspect.markdown import code

TOKENIZER = "tokens/default.json"
SHOWN = 20
"""Classes, and keys that were not read, that are named (ours)."""


def sample(inputs: Sequence[str], out: Path, documents: int, by: Sequence[str], seed: int) -> tuple[dict[str, Any], str]:
    """Write a stratified sample; a report as data and as text.

    Raises: RecipeError for what cannot be read or sampled.
    """
    found = sampling.take(files_of(inputs), out, documents, [sampling.Stratum.of(text) for text in by], seed)
    strata = f"{found['strata']:,} strata of {found['smallest']:,} to {found['largest']:,}"
    return found, f"{found['sampled']:,} of {found['documents']:,} documents, {strata}, in {out}"


def label(
    inputs: Sequence[str], folder: Path, requirements: str, url: str, request: Mapping[str, Any], *,
    max_tokens: int, form: str, concurrency: int, pace: Pace, timeout: float, tries: int, key_env: str | None,
    prices: tuple[float, float] | None, answers_file: Path | None, dry_run: bool, agreed: Callable[[str], bool], say: Callable[[str], None],
    first_wait: float = 1.0,
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """Ask for the labels of a sample; a report as data and as text.

    Args:
        request: what `ask.Request` takes, without the criteria.
        key_env: environment variable of the key; None sends none, so that a key meant for another endpoint goes nowhere.
        agreed: told what it costs, says whether to go on.
    Raises: RecipeError before work for what is wrong; TaskError if the endpoint refuses, or answers nothing.
    """
    wanted = ask.Request(criteria=criteria.load(requirements), **request)
    asking, stop = Asking(wanted.criteria, max_tokens, str(resolve(TOKENIZER, Path.cwd()))), threading.Event()
    sampled = ask.Sample(files_of(inputs), asking, wanted)
    key = "" if key_env is None else os.environ.get(key_env, "")
    if key_env is not None and not key:
        raise RecipeError(f"--key-env {key_env}: this environment variable is not set")
    endpoint = Endpoint(url, key, timeout, tries, pace, first_wait, stop)
    with endpoint, answers_in(answers_file or folder / "answers.jsonl") as answers:
        cost = sampled.cost(answers, prices)
        if dry_run or (cost.to_ask and not agreed(cost.text())):
            return {"cost": vars(cost)}, cost.text()
        work = ask.Work(endpoint, wanted, answers, form, concurrency, stop, say)
        work.run(sampled)
        found = ask.write(sampled, folder, wanted, answers, work.missing)
    found |= {
        "criteria": wanted.criteria.name, "model": wanted.model, "asked": work.asked, "tried_again": endpoint.tried_again,
        "tokens_in": work.tokens_in, "tokens_out": work.tokens_out, "cost": vars(cost),
    }  # fmt: skip
    if prices is not None:
        found["price"] = round((prices[0] * work.tokens_in + prices[1] * work.tokens_out) / 1e6, 4)
    ask.report(folder, found)
    return found, _text(found, folder)


def _text(found: dict[str, Any], folder: Path) -> str:
    done = f"{found['labelled']:,} of {found['documents']:,} documents labelled"
    lines = [f"{done} ({found['cut']:,} shown in part), {found['asked']:,} asked now"]
    lines += [f"  {name}: {n:,} ({100 * n / found['labelled']:.1f} %)" for name, n in found["labels"].items()]
    lines += [f"no label: {why}: {n:,}" for why, n in found["unlabelled"].items()]
    price = f", price {found['price']:,.2f}" if "price" in found else ""
    lines.append(f"{found['tokens_in']:,} tokens in, {found['tokens_out']:,} out{price}, {found['tried_again']:,} tries again")
    return "\n".join([*lines, f"written: {folder / 'labels.jsonl'}, {folder / 'unlabelled.jsonl'}"])


def from_people(
    files: Sequence[str], out: Path, columns: Mapping[str, str], documents: Sequence[str], by: str | None
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """Make a label set of what people wrote; a report as data and as text.

    Args:
        columns: key of a label set -> the name the files have for it. documents: where texts are found by id, of rows without one.
        by: `labelled_by` of rows that do not say it.
    Raises: RecipeError naming file, line and key.
    """
    texts = files_of(documents)
    facts = labels.check(files, columns, texts)
    writer = labels.Writer(out, facts.kind)
    for table in labels.batches(files, columns, documents=texts):
        if by is not None:
            place = table.schema.get_field_index("labelled_by")
            table = table.set_column(place, "labelled_by", table["labelled_by"].fill_null(by))
        writer.write(table)
    writer.close()
    ignored = sorted(facts.ignored)
    found = {
        "rows": facts.rows, "kind": facts.kind, "classes": dict(facts.classes), "splits": dict(facts.splits), "ignored": ignored,
        "out": str(out),
    }  # fmt: skip
    counts = ", ".join(f"{code(name)} {n:,}" for name, n in facts.classes.most_common(SHOWN)) or f"{facts.low:g} to {facts.high:g}"
    unread = f"; not read: {', '.join(map(code, ignored[:SHOWN]))}{' ...' * (len(ignored) > SHOWN)}" if ignored else ""
    return found, f"{facts.rows:,} rows, {facts.kind}: {counts}{unread}, in {out}"


def agree(first: str, second: str) -> tuple[dict[str, Any], str]:
    """Compare two label sets; a report as data and as text."""
    found = agreement.agreement([first], [second])
    return found, agreement.text(found)


def prices_of(price_in: float | None, price_out: float | None) -> tuple[float, float] | None:
    """Prices of a million tokens, both or none.

    Raises: RecipeError.
    """
    if price_in is None and price_out is None:
        return None
    if price_in is None or price_out is None:
        raise RecipeError("--price-in and --price-out: give both, or none")
    return price_in, price_out
