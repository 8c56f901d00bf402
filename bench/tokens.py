"""count_tokens beside the tokenizer library's own batch call, in one process and one thread; hostile documents; tokens per byte.

`speed`: made-up documents of 3 kB of several scripts. The library is given a list of Python strings, the stage an Arrow table; all sides in
turn, in slices of SLICE documents; the best CPU-seconds of each side on each slice, added up. For tokenizer.json the faster of encode_batch
and encode_batch_fast is the one to meet.
`hostile`: documents of 1 and 4 MB of one or few characters; a cost that is linear takes four times as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.measure import versions

OPTIONS = {"tokenizer": "a tokenizer file in place of the default", "pattern": "of a file of ranks"}
DOCUMENTS, SLICE = 2_048, 64
HOSTILE = {
    "a": "a", "spaces": " ", "line ends": "\n", "marks": "!", "digits": "0", "emoji": "\U0001f600", "ideographs": "中国人", "AB": "AB",
    "tab and space": "\t ", "<s>": "<s>",
}  # fmt: skip


def measure(scale: float, pairs: int, only: list[str], tokenizer: str | None, pattern: Any) -> dict[str, Any]:
    """Run the parts `speed` and `hostile`."""
    from stages.tokens.count_tokens import Params

    params = Params(**({"tokenizer": str(Path(tokenizer).resolve()), "pattern": pattern} if tokenizer else {}))
    parts, targets = {}, {}
    for name, part in (("speed", speed), ("hostile", hostile)):
        if name in (only or [name]):
            parts[name], more = part(params, scale, pairs)
            targets |= more
    used = versions("numpy", "pyarrow", "sentencepiece", "tiktoken", "tokenizers")
    return {"name": "tokens", "parts": parts, "targets": targets, "versions": used}


def speed(params: Any, scale: float, pairs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """CPU-seconds of both sides on the same documents."""
    import pyarrow as pa

    from bench.corpus import Spec, tables
    from curation.stage import Batch
    from stages.tokens.count_tokens import count_tokens

    documents = max(64, round(DOCUMENTS * scale))
    table = pa.concat_tables(list(tables(Spec(documents=documents, columns=()), 0, documents))).combine_chunks()
    texts = table["text"].to_pylist()
    size = sum(len(text.encode()) for text in texts)
    with_ids = params.model_copy(update={"ids": True})
    sides: dict[str, Callable[[slice], Any]] = {
        "count_tokens": lambda at: count_tokens(Batch(table[at]), params)["n_tokens"].sum(),
        "count_tokens, ids": lambda at: count_tokens(Batch(table[at]), with_ids)["n_tokens"].sum(),
        **{name: lambda at, c=call: sum(map(len, c(texts[at]))) for name, call in library(params).items()},
    }  # fmt: skip
    slices = [slice(at, at + SLICE) for at in range(0, documents, SLICE)]
    seconds = {name: [float("inf")] * len(slices) for name in sides}
    counts = {name: [0] * len(slices) for name in sides}
    for _ in range(1 + max(3, pairs)):
        for number, at in enumerate(slices):
            for name, side in sides.items():
                started = time.process_time()
                counts[name][number] = int(side(at))
                seconds[name][number] = min(seconds[name][number], time.process_time() - started)
    if any(counted != counts["count_tokens"] for counted in counts.values()):
        raise RuntimeError("the sides count differently")
    fastest = {name: sum(taken) for name, taken in seconds.items()}
    best = min(taken for name, taken in fastest.items() if not name.startswith("count_tokens"))
    rows = [[name, f"{size / taken / 1e6:.2f}", f"{documents / taken:,.0f}", f"{best / taken:.2f}"] for name, taken in fastest.items()]
    grid = {"title": "", "columns": ["side", "MB/CPU-s", "documents/CPU-s", "of the library"], "rows": rows}
    figures = {
        "tokenizer": params.tokenizer.rpartition("/")[2], "documents": documents, "mean bytes": size // documents,
        "tokens per byte": round(sum(counts["count_tokens"]) / size, 3), "grids": [grid],
    }  # fmt: skip
    targets = {
        f"{name}: speed beside the library's own": (round(best / fastest[name], 2), ">= 0.9", best / fastest[name] >= 0.9)
        for name in ("count_tokens", "count_tokens, ids")
    }
    return figures, targets


def library(params: Any) -> dict[str, Callable[[list[str]], Any]]:
    """The library's calls on a list of texts."""
    import tokenizers

    from curation.assets import resolve
    from stages.tokens.tokenizer_file import BY_RANKS, PATTERNS, kind_of, read_ranks

    path = str(resolve(params.tokenizer, Path.cwd()))
    kind = kind_of(path)
    if kind == "json":
        model = tokenizers.Tokenizer.from_file(path)
        return {
            "encode_batch": lambda texts: model.encode_batch(texts, add_special_tokens=False),
            "encode_batch_fast": lambda texts: model.encode_batch_fast(texts, add_special_tokens=False),
        }
    if kind == "ranks":
        import tiktoken

        ranks = read_ranks(path)
        split = PATTERNS[params.pattern or BY_RANKS[len(ranks)]]
        encoding = tiktoken.Encoding("", pat_str=split, mergeable_ranks=ranks, special_tokens={})
        return {"encode_ordinary_batch": lambda texts: encoding.encode_ordinary_batch(texts, num_threads=1)}
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=path)
    return {"encode": lambda texts: pieces.encode(texts, num_threads=1)}


def hostile(params: Any, scale: float, pairs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """CPU-seconds of one document of 1 MB and of 4 MB."""
    import pyarrow as pa

    from stages.tokens.count_tokens import count_tokens

    rows, worst = [], 0.0
    for name, unit in HOSTILE.items():
        taken = []
        for size in (1 << 20, 4 << 20):
            table = pa.table({"text": pa.array([unit * (size // len(unit.encode()))], pa.large_string())})
            best = float("inf")
            for _ in range(2):
                started = time.process_time()
                count_tokens(table, params)
                best = min(best, time.process_time() - started)
            taken.append(best)
        rows.append([name, *(f"{seconds:.2f}" for seconds in taken), f"{taken[1] / taken[0]:.1f}"])
        worst = max(worst, taken[1] / taken[0])
    grid = {"title": "", "columns": ["document of", "1 MB, CPU-s", "4 MB, CPU-s", "times"], "rows": rows}
    return {"grids": [grid]}, {"four times the text takes, times as long": (round(worst, 1), "<= 8", worst <= 8)}
