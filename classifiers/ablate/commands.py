"""`curate ablate`: from two sides and some targets to a verdict, as data and as Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from classifiers.ablate import sample
from classifiers.ablate.compare import LEVEL, Result, compare
from classifiers.ablate.targets import HeldOut, N, Target, read
from classifiers.ablate.without import run_of
from classifiers.documents import files as files_of
from classifiers.ngram_lm import bits, fit
from curation.assets import identify_asset, resolve
from curation.errors import RecipeError
from curation.inspect.markdown import code, table
from curation.run import read_manifest
from curation.storage import location, replace
from stages.tokens.tokenizer_file import Tokenizer, load

BLOCKS = 8
"""Models of a sample at least: seven degrees of freedom (ours)."""
MODEL_TOKENS = 2_500_000
"""Tokens a model is trained on at most, which bounds memory: some 300 bytes each (ours). Of larger samples there are more models."""
LEAST_TOKENS = 1_000
TOKENIZER = "tokens/default.json"
SPECIAL = 3
"""Numbers of a model that are no token: see `ngram_lm.fit`."""
Say = Callable[[str], None]
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kKMG]?)")


@dataclass(frozen=True)
class Settings:
    """tokens: of a sample. seeds: samples of a side, of different documents. order: of the models. seed: another one, another draw."""

    tokens: int = 20_000_000
    seeds: int = 3
    order: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Side:
    """name: what the user calls it. files: its documents. sample: what was drawn of them, by which key."""

    name: str
    files: list[str]
    key: str
    sample: sample.Sample


def amount(text: str) -> int:
    """20M -> 20,000,000; k, M and G are thousands.

    Raises: RecipeError.
    """
    found = _AMOUNT.fullmatch(text)
    if not found or not float(found[1]):
        raise RecipeError(f"--tokens {text}: write a number, or 500k, 20M, 1G")
    return int(float(found[1]) * {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}[found[2]])


def ablate(
    inputs: tuple[str, str], given: Sequence[str], settings: Settings, tokenizer: str | None, folder: Path | None, say: Say
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """Compare two sides by n-gram models; a report as data and as Markdown.

    Args:
        inputs: A and B. given: targets, NAME=FILE. tokenizer: a file; None: that of the runs' count_tokens, else the default one.
        folder: where the report is written too.
    Raises: RecipeError for what is wrong, before a model is trained.
    """
    blocks = blocks_of(settings)
    path, by = loaded(inputs, tokenizer)
    targets, sides = drawn(inputs, given, by, settings, blocks, say)
    of_sides, grams = [], []
    for side in sides:
        of_models, counts = [], []
        for k, (of_targets, of_orders) in enumerate(trained(side.sample.blocks, targets, by.size() + SPECIAL, settings.order), 1):
            of_models.append(of_targets)
            counts.append(of_orders)
            say(f"{side.name}: {k} of {len(side.sample.blocks)} models")
        of_sides.append([np.array(of_target) for of_target in zip(*of_models, strict=True)])
        grams.append(np.mean(counts, axis=0).round().astype(int).tolist())
    results = compare(of_sides, [target.bytes for target in targets], [target.name for target in targets], settings.seed)
    model: dict[str, Any] = {"trainer": "ngram", "order": settings.order, "ngrams": dict(zip("ab", grams, strict=True))}
    model["what"] = f"{settings.order}-grams by modified Kneser-Ney smoothing"
    return reported(sides, results, settings, blocks * settings.seeds, settings.tokens // blocks, path, model, folder)


def blocks_of(settings: Settings) -> int:
    """Blocks of a sample, an n-gram model each."""
    return max(BLOCKS, -(-settings.tokens // MODEL_TOKENS))


def check(side: str, given: Sequence[str], settings: Settings, tokenizer: str | None, blocks: int) -> Tokenizer:
    """Look at the options and the targets before the other side is made, which may take hours; the tokenizer.

    Raises: RecipeError.
    """
    _tokens_of(settings, blocks)
    _, by = loaded([side], tokenizer)
    read(named(given), by)
    return by


def _tokens_of(settings: Settings, blocks: int) -> int:
    """Tokens of a block."""
    tokens = settings.tokens // blocks
    if tokens < LEAST_TOKENS:
        raise RecipeError(f"--tokens {settings.tokens:,}: {tokens} for each of {blocks} models; {LEAST_TOKENS:,} at least are wanted")
    return tokens


def drawn(
    inputs: tuple[str, str], given: Sequence[str], by: Tokenizer, settings: Settings, blocks: int, say: Say
) -> tuple[list[Target], list[Side]]:  # fmt: skip
    """Read the targets and draw the samples of both sides.

    Args:
        blocks: of the sample of a seed.
    Raises: RecipeError.
    """
    tokens = _tokens_of(settings, blocks)
    files = [files_of([name]) for name in inputs]
    if [location(file) for file in files[0]] == [location(file) for file in files[1]]:
        raise RecipeError(f"A and B are the same files: {files[0][0]}{' ...' * (len(files[0]) > 1)}")
    targets = read(named(given), by)
    held_out = HeldOut(targets)
    surveys = [sample.survey(of_side, blocks * settings.seeds, settings.seed) for of_side in files]
    key, sides = sample.key_of(surveys), []
    for name, of_side, seen in zip(inputs, files, surveys, strict=True):
        found = sample.draw(of_side, name, seen, key, by, held_out, tokens=tokens, seed=settings.seed, say=say)
        sides.append(Side(name, of_side, key, found))
    return targets, sides


def named(given: Sequence[str]) -> dict[str, list[str]]:
    """NAME=FILE, a name once or more often: name -> files.

    Raises: RecipeError.
    """
    found: dict[str, list[str]] = {}
    for item in given:
        name, equals, file = item.partition("=")
        if not equals or not name or not file:
            raise RecipeError(f"--target {item}: write NAME=FILE")
        found.setdefault(name, []).append(file)
    if not found:
        raise RecipeError("--target NAME=FILE is wanted, once or more often: held-out texts that both sides are judged by")
    return found


def loaded(inputs: Sequence[str], given: str | None) -> tuple[str, Tokenizer]:
    """Path of the tokenizer, and the tokenizer.

    Raises: RecipeError if it is none, or if A and B count tokens by different ones and none is given.
    """
    chosen = given
    if chosen is None:
        counted = {name: step["params"] for name in inputs for step in _steps(name) if step["use"] == "count_tokens"}
        kept = {identify_asset(Path(params["tokenizer"])): params["tokenizer"] for params in counted.values()}
        if len(kept) > 1:
            pairs = " and ".join(f"{name} by {params['tokenizer']}" for name, params in counted.items())
            raise RecipeError(f"tokens are counted by different tokenizers, {pairs}", hint="--tokenizer FILE says which counts here")
        chosen = next(iter(kept.values()), TOKENIZER)
    try:
        path = str(resolve(chosen, Path.cwd()))
        return path, load(path)
    except (OSError, ValueError) as e:
        raise RecipeError(f"--tokenizer {chosen}: {e}") from e


def _steps(given: str) -> list[dict[str, Any]]:
    """Steps of the run that a side is, or is an output of."""
    steps: list[dict[str, Any]] = read_manifest(location(run_of(given)[0])).get("steps", [])
    return steps


def trained(blocks: Sequence[Any], targets: Sequence[Target], size: int, order: int) -> Iterator[tuple[list[Any], list[int]]]:
    """Of a model of each block: bits of the documents of each target, float64 (documents,), and its n-grams of each order."""
    for words in blocks:
        grams = fit(words, size, order)
        yield [target.sums(bits(grams, target.words)) for target in targets], [len(of_order.last) for of_order in grams]


def reported(
    sides: Sequence[Side], results: Sequence[Result], settings: Settings, models: int, tokens: int, tokenizer: str,
    model: Mapping[str, Any], folder: Path | None,
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """The report as data and as Markdown, written into a folder if there is one."""
    of_sides = {}
    for key, side in zip("ab", sides, strict=True):
        facts = {f.name: getattr(side.sample, f.name) for f in fields(side.sample) if f.name != "blocks"}
        of_sides[key] = {"name": side.name, "files": len(side.files), **facts}
    found = {
        "format": 1, **of_sides, "drawn_by": sides[0].key,
        "tokens": settings.tokens, "seeds": settings.seeds, "seed": settings.seed, "models": models, "tokens_per_model": tokens,
        "tokenizer": {"file": tokenizer, "hash": identify_asset(Path(tokenizer))}, "model": dict(model),
        "ngram_words": N, "level": LEVEL, "results": [asdict(result) for result in results], "verdict": results[-1].verdict,
    }  # fmt: skip
    text = markdown(found)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / "report.json", json.dumps(found, ensure_ascii=False, indent=1).encode() + b"\n")
        replace(folder / "report.md", text.encode() + b"\n")
    return found, text


def markdown(found: Mapping[str, Any]) -> str:
    """The report for people."""
    rows = [
        [
            code(r["name"]), f"{r['documents']:,}", f"{r['bytes'] / 1e3:,.0f}", f"{r['a']:.4f}", f"{r['b']:.4f}", f"{r['difference']:+.4f}",
            f"{r['low']:+.4f} to {r['high']:+.4f}", f"{100 * r['difference'] / r['b']:+.2f} %", f"{r['adjusted']:.2g}", r["verdict"],
        ]
        for r in found["results"]
    ]  # fmt: skip
    columns = ["target", "documents", "kB", "A", "B", "A - B", "95 % interval", "change", "p", "verdict "]
    a, b, model = found["a"], found["b"], found["model"]
    trained = f"{found['models']} models a side of {found['tokens_per_model']:,} tokens each"
    kind = [trained, model["what"]]
    if "ngrams" in model:
        counts = (f"{key.upper()} {', '.join(f'{n:,}' for n in model['ngrams'][key])}" for key in "ab")
        kind.append(f"n-grams of one by order: {'; '.join(counts)}")
    lines = [
        "# A against B: did the data get better?", "", f"**{found['verdict']}** over all targets.", "",
        f"- A: {code(a['name'], 200)}, {_drawn(a)}", f"- B: {code(b['name'], 200)}, {_drawn(b)}", "",
        "Bits per byte of held-out texts; less is better.", "", table(columns, rows), "",
        f"- {'; '.join(kind)}. Tokenizer: {code(found['tokenizer']['file'], 200)}.",
        f"- {_many(found['seeds'], 'sample')} a side of {found['tokens']:,} tokens, drawn by the hash of a document's {found['drawn_by']}; "
        "no two models of a side have a document in common.",
        f"- Left out of both sides: documents that share {found['ngram_words']} words in a row with a target.",
        "- Intervals: Student's t over pairs of models and a paired bootstrap over the documents of a target, added.",
        f"- *over all* is the mean of the targets, one test at {100 * found['level']:g} %; p and verdicts by target are Holm's for "
        f"{_many(len(rows) - 1, 'target')}.",
    ]  # fmt: skip
    if model["trainer"] == "ngram":
        lines.append("- An n-gram model is a proxy: it favours the side whose words and phrases are those of the target (docs/ablate.md).")
    return "\n".join(lines)


def _many(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _drawn(side: Mapping[str, Any]) -> str:
    left = f"{side['left_out']:,} of {side['looked_at']:,} looked at left out"
    copies = f", {100 * side['repeated']:.2g} % of them copies" if side["repeated"] else ""
    return f"{side['documents']:,} documents drawn of {side['side_documents']:,} ({side['side_bytes'] / 1e6:,.1f} MB{copies}); {left}"
