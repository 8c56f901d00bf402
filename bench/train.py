"""Training: fastText's numbers beside the library's own trainer; an encoder's export beside other forms of it.

fasttext: the texts are the Python files of the standard library, cut at 5,000 characters, labelled by whether they stand in a folder of
tests; a fifth of them, by hash of their path, is held out. Both sides have the same settings and one thread; the library's file is shuffled
once, ours in each epoch.
export: a DistilRoBERTa of random weights is trained on pieces of CHARS characters of the same texts (extra `train`) until it tells what
share of a piece is letters, which some hundred steps can teach; then it is exported. Tokens a CPU-second are of eight windows of 256
tokens, one thread; a score's change is that between batches of one and of 64.
"""

from __future__ import annotations

import json
import os
import sysconfig
import time
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.measure import NotInstalledError, peer_script, peer_version, run, scratch, versions

SETTINGS = ({"wordNgrams": 1, "maxn": 0}, {"wordNgrams": 2, "maxn": 0}, {"wordNgrams": 1, "minn": 2, "maxn": 4})
COMMON = {"dim": 100, "lr": 0.5, "epoch": 5, "bucket": 200_000}
LABELS = ("code", "test")
CHARS, TAUGHT, JUDGED = 100, 3_200, 400
"""Of the export: characters of a piece, pieces that are trained on and scored."""
SAME = 1e-4
"""What a probability or its text's loss may differ by."""


def measure(scale: float, pairs: int, only: list[str]) -> dict[str, Any]:
    """Run the parts: fasttext, export."""
    texts, labels, held = corpus(scale)
    parts: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    missing: list[str] = []
    told: dict[str, str] = {}
    if not only or "fasttext" in only:
        try:
            command = peer_script("fasttext", "fasttext_train")
            told["fasttext-numpy2-wheel"] = peer_version("fasttext", "fasttext-numpy2-wheel")
            parts["fasttext"], targets = beside_the_library(texts, labels, held, command)
        except NotInstalledError as e:
            missing.append(f"fasttext not installed: {e}")
    if not only or "export" in only:
        if lacking := [p for p in ("torch", "transformers", "onnx") if find_spec(p) is None]:
            missing.append(f"export: {', '.join(lacking)} not installed")
        else:
            parts["export"], judged = forms_of_an_encoder(texts, held, scale)
            targets |= judged
            told |= versions("torch", "transformers", "onnxruntime")
    return {"name": "train", "parts": parts, "targets": targets, "missing": missing, "versions": {**versions("numba", "numpy"), **told}}


def corpus(scale: float) -> tuple[list[str], Any, Any]:
    """Texts, labels int64 (n,), and which are held out, bool (n,)."""
    folder = Path(sysconfig.get_path("stdlib"))
    files = [path for path in sorted(folder.rglob("*.py")) if "site-packages" not in path.parts]
    chosen = [path for path in files if zlib.crc32(f"size {path.relative_to(folder)}".encode()) < scale * 2**32]
    rows = [(path, text) for path in chosen if (text := path.read_text("utf-8", "replace")[:5_000].strip())]
    labels = np.array([bool({"test", "tests", "idle_test"} & set(path.relative_to(folder).parts)) for path, _ in rows], np.int64)
    held = np.array([zlib.crc32(str(path.relative_to(folder)).encode()) % 5 == 0 for path, _ in rows])
    return [text.replace("</s>", " ") for _, text in rows], labels, held


# fastText


def beside_the_library(texts: list[str], labels: Any, held: Any, command: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Losses, CPU-seconds, and whether the library reads our files as we do."""
    from classifiers.train import fasttext
    from curation.text import Utf8
    from stages.language.fasttext_model import read_model

    fasttext.warm_up()
    lines = [" ".join(text.split()) for text in texts]
    told, judged = Utf8.of_strings([t for t, h in zip(lines, held, strict=True) if h]), labels[held]
    taught, targets = Utf8.of_strings([t for t, h in zip(lines, held, strict=True) if not h]), labels[~held]
    rows: list[list[Any]] = []
    apart = []
    with scratch() as here:
        pairs = list(zip(lines, labels.tolist(), held.tolist(), strict=True))
        for_library = [f"__label__{LABELS[k]} {t}\n" for t, k, h in pairs if not h]
        np.random.default_rng(0).shuffle(for_library)
        (here / "train.txt").write_text("".join(for_library), encoding="utf-8")
        (here / "held.json").write_text(json.dumps([[t, LABELS[k]] for t, k, h in pairs if h]), encoding="utf-8")
        for settings in SETTINGS:
            given = {**COMMON, **settings}
            started = time.process_time()
            made = fasttext.train(
                taught, targets, LABELS, dim=given["dim"], rate=given["lr"], epochs=given["epoch"], word_ngrams=given["wordNgrams"],
                min_n=given.get("minn", 0), max_n=given["maxn"], min_count=1, max_words=10**7, buckets=given["bucket"], weights=[1, 1],
                seed=0,
            )  # fmt: skip
            used = time.process_time() - started
            fasttext.save(made, here / "ours.bin")
            own = read_model(here / "ours.bin").probabilities(told)[np.arange(len(judged)), judged]
            arguments = [str(here / name) for name in ("train.txt", "held.json", "ours.bin")]
            _, out = run([*command, *arguments, json.dumps(given)], {"MALLOC_MMAP_THRESHOLD_": "1"})
            peer = json.loads(out)
            apart.append(float(np.abs(np.array(peer["ours"]) - own).max()))
            words = given["epoch"] * sum(len(t.split()) for t, _, h in pairs if not h) / 1e6
            for name, chances, seconds in (("ours", own, used), ("library", np.array(peer["found"]), peer["cpu_seconds"])):
                loss, right = float(-np.log(np.maximum(chances, 1e-9)).mean()), float((chances > 0.5).mean())
                what = f"{name}: {', '.join(f'{k} {v}' for k, v in settings.items())}"
                rows.append([what, f"{loss:.4f}", f"{right:.4f}", f"{seconds:.1f}", f"{words / seconds:.2f}"])
    grid = {"title": "fastText, held out", "columns": ["side", "loss", "accuracy", "CPU-s", "million words a CPU-s"], "rows": rows}
    worst = max(apart)
    part = {"documents": len(texts), "held": int(held.sum()), "of them tests": int(labels[held].sum()), "grids": [grid]}
    return part, {"the library reads our files as we do, probabilities": (f"{worst:.1e}", f"<= {SAME:g}", worst <= SAME)}


# Export


def _piece(text: str, rng: Any) -> str:
    """CHARS characters of a text, from anywhere in it."""
    at = int(rng.integers(0, max(1, len(text) - CHARS)))
    return text[at : at + CHARS]


def forms_of_an_encoder(texts: list[str], held: Any, scale: float, tokens: int = 256) -> tuple[dict[str, Any], dict[str, Any]]:
    """Speed, size, agreement and change in a batch of an export, the model it is of, and ONNX Runtime's own quantisation."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from classifiers.metrics import DIGITS, spearman
    from classifiers.train import encoder, export, spec

    shape = {"layers": 6, "hidden": 768, "heads": 12, "max_tokens": tokens}
    steps = {"epochs": 1, "batch": 16, "rate": 1e-4, "max_chars": CHARS, "threads": os.cpu_count() or 1}
    asked = spec.load("roberta", "tiny", {**shape, **steps}).spec
    rng = np.random.default_rng(0)
    taught, judged = (rng.choice(np.flatnonzero(of), n, replace=n > of.sum()) for of, n in ((~held, int(TAUGHT * scale)), (held, JUDGED)))
    pieces = [[_piece(texts[row], rng) for row in rows] for rows in (taught, judged)]
    shares = [np.array([sum(c.isalpha() for c in piece) / len(piece) for piece in of]) for of in pieces]
    of_taught, of_judged = (pa.array(of, pa.large_string()) for of in pieces)
    made = encoder.train(asked, of_taught, shares[0], 1, [1], (of_judged.slice(0, 64), shares[1][:64]))
    exact = export.of_torch(made.model)
    ids = encoder.tokens_of(made.tokenizer, of_judged, asked)
    forms = {"32-bit floats": exact, "8-bit, a scale a token (ours)": export.quantised(exact)}
    with scratch() as here:
        (here / "exact.onnx").write_bytes(exact)
        how = {"op_types_to_quantize": ["MatMul"], "extra_options": {"DefaultTensorType": 1}}  # 32-bit floats
        quantize_dynamic(here / "exact.onnx", here / "dynamic.onnx", weight_type=QuantType.QInt8, **how)
        forms["8-bit, a scale a batch (onnxruntime)"] = (here / "dynamic.onnx").read_bytes()
    batch = np.random.default_rng(0).integers(5, made.model.config.vocab_size, (8, tokens))
    given = {"input_ids": batch}
    wanted = np.round(export.scores(export.session(exact), ids, 32), DIGITS)[:, 0]
    torch.set_num_threads(1)

    def by_torch() -> Any:
        with torch.inference_mode():
            return made.model(**{k: torch.from_numpy(v) for k, v in given.items()})

    rows = [["torch", "", f"{batch.size / seconds(by_torch):,.0f}", None, None]]
    figures = {}
    for name, form in forms.items():
        loaded = export.session(form)
        found = np.round(export.scores(loaded, ids, 32), DIGITS)[:, 0]
        agreement, change = spearman(wanted, found), export.change_in_batch(form, ids)
        rate = batch.size / seconds(lambda loaded=loaded: loaded.run(None, given))
        figures[name] = (agreement, change)
        rows.append([name, f"{len(form) / 1e6:.0f}", f"{rate:,.0f}", f"{agreement:.4f}", f"{change:.0e}"])
    grid = {"title": "DistilRoBERTa", "columns": ["form", "MB", "tokens a CPU-s", "Spearman", "change in batch"], "rows": rows}
    agreement, change = figures["8-bit, a scale a token (ours)"]
    learnt = spearman(wanted[64:], shares[1][64:])
    part = {
        "trained on": len(taught), "scored": len(ids), "losses": made.losses[-1], "scores": f"{wanted.min():.3f} to {wanted.max():.3f}",
        "different stored scores": len(np.unique(wanted)), "Spearman of scores and labels, held out": round(learnt, 4),
    }  # fmt: skip
    part["grids"] = [grid]
    return part, {
        "the model has learnt its task, Spearman": (round(learnt, 4), ">= 0.9", learnt >= 0.9),
        "agreement of the export, Spearman": (round(agreement, 4), ">= 0.99", agreement >= 0.99),
        "change of a score in a batch": (f"{change:.0e}", f"<= {export.MOST_CHANGE:g}", change <= export.MOST_CHANGE),
    }


def seconds(call: Any) -> float:
    """Least CPU-seconds of five calls."""
    taken = []
    for _ in range(5):
        started = time.process_time()
        call()
        taken.append(time.process_time() - started)
    return min(taken)
