"""Classifiers: documents a CPU-second beside fastText's library and transformers, and what a cascade costs.

The models have random weights of a true architecture (DistilRoBERTa: 6 layers of 768 numbers, 12 heads, 50,265 tokens; tiny: 2 of 128, 2
heads, 8,192 tokens), made here with transformers, and a byte-level BPE tokenizer trained on the corpus. Ours is the scorer of their int8
export, as `curate train roberta` writes it, called in process as a stage does; in float32 too, for comparison. Theirs is the model in
float32 by torch: texts tokenised, sorted by length, in padded batches of 8 or of 32, whichever is faster. Both read the first 512 tokens,
on one thread, of texts of natural lengths; `fixed` is texts of 512 tokens all, reported only. fastText: word bigrams, 100 numbers, trained
here on arbitrary labels; theirs is the library's predict, a text at a time. Loading is not in the figures.

`cascade` needs models that know something: --first and --model, two model folders, and --labelled, JSONL of {text, label}, 1 or 0, that
neither was trained on. It says of bands around the model's threshold what share of the texts goes to the model and what becomes of verdicts
and AUC.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import NotInstalledError, corpus, peer_script, peer_version, run, scratch, versions

OPTIONS = {
    "first": "model folder of the cascade's first model", "model": "model folder of its second one",
    "labelled": "JSONL of {text, label: 1 or 0} for the cascade",
    "threshold": "name of the second model's threshold (default kept_0.1)",
}  # fmt: skip
MAX_TOKENS = 512
SIZES = {"tiny": (2, 128, 2, 8_192), "distilroberta": (6, 768, 12, 50_265)}
"""Layers, numbers, heads, tokens."""
DOCUMENTS = {"fasttext": 20_000, "tiny": 2_000, "distilroberta": 120, "fixed": 60}
SIDES = ("int8", "float32", "transformers 8", "transformers 32")
WANTED = 3.0
BANDS = (0.0, 0.05, 0.1, 0.2, 0.3)
"""Half the width of the undecided band, in calibrated scores."""


def measure(
    scale: float, pairs: int, only: list[str], first: str | None, model: str | None, labelled: str | None, threshold: str | None
) -> dict[str, Any]:  # fmt: skip
    """Run the parts: fasttext, tiny, distilroberta, fixed, cascade."""
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    missing: list[str] = []
    told: dict[str, str] = {}
    with scratch() as here:
        for part, documents in DOCUMENTS.items():
            if only and part not in only:
                continue
            texts, facts = corpus("parquet", documents=int(documents * scale))
            if part == "fasttext":
                parts[part], told["fasttext-predict"] = _fasttext(here, texts, facts, pairs, missing)
                continue
            size = "distilroberta" if part == "fixed" else part
            made = here / size
            if not made.exists():
                run([*_child("make"), size, str(made)])
            parts[part] = _encoders(made, texts, facts, pairs, part == "fixed")
            ratio = round(min(parts[part]["ratios"].values()), 2)
            if part != "fixed":
                targets[f"{part}, natural lengths, int8 beside the faster baseline"] = (ratio, f">= {WANTED}", ratio >= WANTED)
        if (not only or "cascade" in only) and first and model and labelled:
            asked = [str(Path(p).resolve()) for p in (first, model, labelled)]
            parts["cascade"] = json.loads(run([*_child("cascade"), *asked, threshold or "kept_0.1"])[1])
        elif "cascade" in only:
            missing.append("cascade: name --first, --model and --labelled")
    return {
        "name": "score", "parts": parts, "targets": targets, "missing": missing,
        "versions": {**versions("onnxruntime", "tokenizers", "torch", "transformers", "numba"), **told},
    }  # fmt: skip


def _child(*what: str) -> list[str]:
    return [sys.executable, "-m", "bench.score", *what]


def _encoders(made: Path, texts: Path, facts: dict[str, Any], pairs: int, fixed: bool) -> dict[str, Any]:
    """All sides on one corpus, in turn."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(pairs):
        for side in SIDES:
            command = [*_child("side"), side, str(made), str(texts), *(["fixed"] if fixed else [])]
            used, told = run(command)
            runs[side].append({**json.loads(told), "peak_mb": round(used.peak_bytes / 1e6)})
    tokens = {side: found[0]["tokens"] for side, found in runs.items()}
    assert len(set(tokens.values())) == 1, f"sides read different tokens: {tokens}"
    rates = {side: _rates(found) for side, found in runs.items()}
    theirs = [side for side in SIDES if side.startswith("transformers")]
    return {
        "corpus": facts, "tokens": tokens["int8"], "tokens_quantiles": runs["int8"][0]["quantiles"],
        "tokens_per_cpu_second": {side: round(rate["tokens_per_cpu_second"]) for side, rate in rates.items()},
        "ours": rates["int8"], "peers": {side: rates[side] for side in SIDES[1:]},
        "ratios": {side: round(rates[side]["cpu_seconds"] / rates["int8"]["cpu_seconds"], 3) for side in theirs},
    }  # fmt: skip


def _rates(found: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = median(f["cpu_seconds"] for f in found)
    return {
        "documents_per_cpu_second": found[0]["documents"] / seconds, "mb_per_cpu_second": found[0]["bytes"] / seconds / 1e6,
        "tokens_per_cpu_second": found[0]["tokens"] / seconds, "cpu_seconds": round(seconds, 2), "runs": len(found),
        "wall_seconds": round(median(f["wall_seconds"] for f in found), 2), "peak_mb": max(f["peak_mb"] for f in found),
    }  # fmt: skip


def _fasttext(here: Path, texts: Path, facts: dict[str, Any], pairs: int, missing: list[str]) -> tuple[dict[str, Any], str]:
    """Our kernel and the library on one model."""
    made = here / "fasttext"
    lines = here / "texts.jsonl"
    run([*_child("make"), "fasttext", str(made), str(texts), str(lines)])
    sides = {"ours": [*_child("side"), "fasttext", str(made), str(texts)]}
    version = "none"
    try:
        sides["fasttext"] = [*peer_script("fasttext_predict", "fasttext_language"), "0", "1", str(lines), str(made / "model.bin")]
        version = peer_version("fasttext_predict", "fasttext-predict")
    except NotInstalledError as e:
        missing.append(f"fastText's library not installed: {e}")
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for _ in range(pairs):
        for side, command in sides.items():
            used, told = run(command)
            found[side].append({"wall_seconds": 0.0, **json.loads(told), "peak_mb": round(used.peak_bytes / 1e6)})
    ours = found["ours"][0]
    for other in found.get("fasttext", []):
        other |= {k: ours[k] for k in ("documents", "bytes", "tokens")}
        same = sum(a == b for a, (b, _) in zip(ours["found"], other["found"], strict=True))
        assert same >= 0.999 * len(ours["found"]), f"labels agree on {same} texts of {len(ours['found'])}"
    rates = {side: _rates(of) for side, of in found.items()}
    ratios = {side: round(rate["cpu_seconds"] / rates["ours"]["cpu_seconds"], 3) for side, rate in rates.items() if side != "ours"}
    return {"corpus": facts, "ours": rates["ours"], "peers": {s: r for s, r in rates.items() if s != "ours"}, "ratios": ratios}, version


# Children: they import what they measure


def _texts(folder: str, fixed: bool = False) -> list[str]:
    import pyarrow.parquet as pq

    texts: list[str] = pq.read_table(folder, columns=["text"])["text"].to_pylist()
    return [" ".join(texts[(i + k) % len(texts)] for k in range(4)) for i in range(len(texts))] if fixed else texts


def make(size: str, folder: str, *more: str) -> None:
    """Write a model folder: with model.onnx of int8, with the same in float32 in `float32` beside it, and with safetensors for torch."""
    if size == "fasttext":
        return _make_fasttext(folder, *more)
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    from bench.corpus import Spec, tables
    from classifiers.train.export import of_torch, quantised
    from stages.quality.models.model_folder import CONFIG, ONNX, SAFETENSORS, TOKENIZER, ModelFolder

    layers, hidden, heads, tokens = SIZES[size]
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=tokens, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    words.train_from_iterator((t for table in tables(Spec(documents=4_000, seed=7)) for t in table["text"].to_pylist()), trainer)
    words.add_tokens([f"<unused {k}>" for k in range(tokens - words.get_vocab_size())])
    words.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    torch.manual_seed(0)
    config = transformers.RobertaConfig(
        vocab_size=tokens, num_hidden_layers=layers, hidden_size=hidden, num_attention_heads=heads, intermediate_size=4 * hidden,
        max_position_embeddings=MAX_TOKENS + 2, type_vocab_size=1, num_labels=2, bos_token_id=0, pad_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = transformers.AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").eval()
    Path(folder).mkdir(parents=True)
    model.save_pretrained(folder, safe_serialization=True)
    words.save(str(Path(folder, TOKENIZER)))
    exact = of_torch(model)
    facts: dict[str, Any] = {
        "kind": "encoder", "name": size, "proxy": True, "task": "classes", "labels": ["0", "1"], "positive": "1",
        "input": {"max_tokens": MAX_TOKENS}, "card": "random weights\n",
    }  # fmt: skip
    files = {name: Path(folder, name) for name in (TOKENIZER, CONFIG, SAFETENSORS)}
    ModelFolder.write(folder, files={**files, ONNX: quantised(exact)}, **facts)
    ModelFolder.write(Path(folder, "float32"), files={TOKENIZER: files[TOKENIZER], ONNX: exact}, **facts)


def _make_fasttext(folder: str, texts: str, lines: str) -> None:
    import numpy as np

    from classifiers.train import fasttext
    from curation.text import Utf8
    from stages.quality.models.model_folder import ModelFolder

    read = _texts(texts)
    Path(lines).write_text("".join(json.dumps(t) + "\n" for t in read), encoding="utf-8")
    some = read[:2_000]
    made = fasttext.train(
        Utf8.of_strings(list(some)), np.array([len(t) % 2 for t in some]), ("even", "odd"), dim=100, rate=0.1, epochs=1, word_ngrams=2,
        min_n=0, max_n=0, min_count=1, max_words=2_000_000, buckets=200_000, weights=np.ones(2), seed=0,
    )  # fmt: skip
    Path(folder).mkdir(parents=True)
    fasttext.save(made, Path(folder, "model.bin"))
    ModelFolder.write(
        folder, files={"model.bin": Path(folder, "model.bin")}, card="", kind="fasttext", name="bench", proxy=True, task="classes",
        labels=["even", "odd"], positive="odd", input={"max_chars": 1 << 24},
    )  # fmt: skip


def side(which: str, folder: str, texts: str, fixed: str = "") -> None:
    """Score a corpus by one side; what it used, as JSON."""
    read = _texts(texts, bool(fixed))
    work, count = (_by_transformers if which.startswith("transformers") else _by_us)(which, folder)
    work(read[:4])
    cpu, wall = time.process_time(), time.monotonic()
    found = work(read)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    import numpy as np

    assert len(found) == len(read)
    assert np.isfinite(np.array(found[:, 0])).all()
    tokens = np.array(count(read))
    print(json.dumps({
        "cpu_seconds": cpu, "wall_seconds": wall, "documents": len(read), "bytes": sum(len(t.encode()) for t in read),
        "tokens": int(tokens.sum()), "quantiles": {str(q): int(np.quantile(tokens, q)) for q in (0.05, 0.25, 0.5, 0.75, 1.0)},
        "found": [("even", "odd")[k] for k in found.argmax(axis=1)] if which == "fasttext" else [],
    }))  # fmt: skip


Work = tuple[Callable[[list[str]], Any], Callable[[list[str]], list[int]]]
"""What gives the outputs of texts, (n, outputs), and what counts their tokens."""


def _by_us(which: str, folder: str) -> Work:
    import pyarrow as pa

    from stages.quality.models.scorer import load_scorer

    scorer = load_scorer(Path(folder, "float32") if which == "float32" else folder)

    def count(texts: list[str]) -> list[int]:
        if which == "fasttext":
            return [len(t.split()) for t in texts]
        tokenizer = scorer._tokenizer  # type: ignore[attr-defined]
        return [min(len(tokenizer.encode(t).ids), MAX_TOKENS) for t in texts]

    return (lambda texts: scorer.scores(pa.array(texts, pa.large_string()))), count


def _by_transformers(which: str, folder: str) -> Work:
    import numpy as np
    import torch
    import transformers

    torch.set_num_threads(1)
    size = int(which.split()[1])
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(Path(folder, "tokenizer.json")),
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=MAX_TOKENS,
    )
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()

    def work(texts: list[str]) -> Any:
        ids = tokenizer(texts, truncation=True, max_length=MAX_TOKENS)["input_ids"]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        found = np.empty((len(texts), 2))
        with torch.inference_mode():
            for at in range(0, len(order), size):
                rows = order[at : at + size]
                batch = tokenizer.pad({"input_ids": [ids[i] for i in rows]}, return_tensors="pt")
                found[rows] = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.numpy()
        return found

    return work, lambda texts: [len(i) for i in tokenizer(texts, truncation=True, max_length=MAX_TOKENS)["input_ids"]]


def cascade(first: str, model: str, labelled: str, threshold: str) -> None:
    """What bands of several widths around the threshold cost, as JSON."""
    import numpy as np
    import pyarrow as pa

    from classifiers.metrics import auc
    from stages.quality import score_quality
    from stages.quality.models.scorer import load_scorer

    rows = [json.loads(line) for line in Path(labelled).read_text("utf-8").splitlines()]
    texts, good = pa.array([r["text"] for r in rows], pa.large_string()), np.array([int(r["label"]) == 1 for r in rows])
    cheap, costly = load_scorer(first), load_scorer(model)
    at = costly.folder.threshold(threshold)["*"]
    started = time.process_time()
    alone = costly.stored(texts)
    seconds = time.process_time() - started
    table = []
    for half in (None, *BANDS):
        if half is None:
            scores, asked, took = alone, np.ones(len(texts), bool), seconds
        else:
            started = time.process_time()
            scores, asked = score_quality.cascade(texts, cheap, costly, (at - half, at + half))
            took = time.process_time() - started
        kept = scores >= at
        right = kept & good
        table.append([
            "the model alone" if half is None else f"{at - half:.3f} to {at + half:.3f}", f"{asked.mean():.3f}", f"{auc(scores, good):.4f}",
            f"{right.sum() / max(1, kept.sum()):.3f}", f"{right.sum() / max(1, good.sum()):.3f}", f"{(kept != (alone >= at)).mean():.4f}",
            f"{took / seconds:.2f}",
        ])  # fmt: skip
    title = (
        f"{len(texts)} texts, {good.sum()} of them good; first {cheap.folder.name}, model {costly.folder.name}, threshold {threshold}: {at}"
    )
    columns = ["undecided", "asked", "AUC", "precision", "recall", "other verdict", "CPU"]
    print(json.dumps({"texts": len(texts), "grids": [{"title": title, "columns": columns, "rows": table}]}))


if __name__ == "__main__":
    {"make": make, "side": side, "cascade": cascade}[sys.argv[1]](*sys.argv[2:])
