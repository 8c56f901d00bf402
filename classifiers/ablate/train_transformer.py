"""Train the transformers of an ablation, one a sample, and score the targets by them. It needs torch and numpy alone, and this folder:

    python train.py [cuda | cpu]

spec.json      sizes, rates and the names of the samples.  NAME.npy: a sample, int32: documents behind each other, each 1, tokens, 2.
targets.npy    the targets' documents, in the same form.
bits-NAME-DIGEST.npy    what is written: what each document costs a model in bits, float64 (documents,); a model that has it is not trained
               again.

Source:  decoder-only with rotary positions (Su et al. 2021, arXiv:2104.09864), RMSNorm before each block (Zhang and Sennrich 2019,
         arXiv:1910.07467), GELU, one matrix for tokens in and out; AdamW, a warm-up and a cosine to a tenth, gradients cut at length 1: as
         GPT-3 and Llama were trained. Each window of a sample is seen once.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, scaled_dot_product_attention

LEAST_RATE = 0.1
SAID = 100


class Block(nn.Module):  # type: ignore[misc]
    """Attention and a layer of 4 times the width, each added to what came in."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.RMSNorm(hidden), nn.RMSNorm(hidden)
        self.asked, self.given = nn.Linear(hidden, 3 * hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.wide, self.narrow = nn.Linear(hidden, 4 * hidden, bias=False), nn.Linear(4 * hidden, hidden, bias=False)

    def forward(self, x: Any, turns: Any) -> Any:
        n, length, hidden = x.shape
        q, k, v = self.asked(self.before(x)).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        said = scaled_dot_product_attention(turned(q, turns), turned(k, turns), v, is_causal=True)
        x = x + self.given(said.transpose(1, 2).reshape(n, length, hidden))
        return x + self.narrow(gelu(self.wide(self.between(x))))


class Transformer(nn.Module):  # type: ignore[misc]
    """Tokens (n, length) -> logits (n, length, vocabulary)."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__()
        self.heads = spec["heads"]
        self.tokens = nn.Embedding(spec["vocabulary"], spec["hidden"])
        self.blocks = nn.ModuleList(Block(spec["hidden"], spec["heads"]) for _ in range(spec["layers"]))
        self.last = nn.RMSNorm(spec["hidden"])
        for name, weights in self.named_parameters():
            if weights.dim() > 1:  # smaller where a sum of all layers grows
                scale = math.sqrt(2 * spec["layers"]) if "given" in name or "narrow" in name else 1.0
                nn.init.normal_(weights, std=0.02 / scale)

    def forward(self, x: Any) -> Any:
        half = self.tokens.embedding_dim // self.heads // 2
        angles = torch.arange(x.shape[1], device=x.device)[:, None] * 10_000.0 ** (-torch.arange(half, device=x.device) / half)
        x = self.tokens(x)
        for block in self.blocks:
            x = block(x, (angles.cos(), angles.sin()))
        return self.last(x) @ self.tokens.weight.T


def turned(x: Any, turns: Any) -> Any:
    """Queries or keys (n, heads, length, width), turned by their positions."""
    a, b = x.chunk(2, -1)
    cos, sin = (t.to(x.dtype) for t in turns)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def train(spec: dict[str, Any], words: Any, seed: int, device: str) -> Any:
    """A model of a sample."""
    torch.manual_seed(seed)
    model = Transformer(spec).to(device)
    context, batch = spec["context"], spec["batch"]
    windows = np.lib.stride_tricks.sliding_window_view(words, context + 1)[::context]
    order = np.random.default_rng(seed).permutation(len(windows))
    steps = max(1, min(len(windows) // batch, spec["steps"] or len(windows)))
    warmup = max(1, int(spec["warmup"] * steps))
    adam = torch.optim.AdamW(model.parameters(), lr=spec["rate"], betas=(0.9, 0.95), weight_decay=spec["weight_decay"])
    for step in range(steps):
        fall = (1 + math.cos(math.pi * max(0, step - warmup) / max(1, steps - warmup))) / 2
        for group in adam.param_groups:
            group["lr"] = spec["rate"] * min((step + 1) / warmup, LEAST_RATE + (1 - LEAST_RATE) * fall)
        rows = torch.from_numpy(windows[order[step * batch : (step + 1) * batch]].astype(np.int64)).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            logits = model(rows[:, :-1])
        loss = cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten())
        adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        if step % SAID == 0 or step == steps - 1:
            print(f"step {step + 1} of {steps}: loss {loss.item():.4f}", file=sys.stderr, flush=True)  # noqa: T201
    return model


@torch.no_grad()
def score(spec: dict[str, Any], model: Any, words: Any, device: str) -> Any:
    """Bits of each document: float64 (documents,)."""
    model.eval()
    starts = np.flatnonzero(words == 1)
    bits = np.zeros(len(starts))
    for some in _batches(starts, np.append(starts[1:], len(words)), spec["context"], spec["batch"]):
        longest = max(end - first for _, first, end in some)
        rows = np.zeros((len(some), longest), np.int64)
        for row, (_, first, end) in zip(rows, some, strict=True):
            row[: end - first] = words[first:end]
        given = torch.from_numpy(rows).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            logits = model(given[:, :-1])
        nats = cross_entropy(logits.float().transpose(1, 2), given[:, 1:], reduction="none").double().cpu().numpy()
        for of_row, (document, first, end) in zip(nats, some, strict=True):
            bits[document] += of_row[: end - first - 1].sum() / math.log(2)
    return bits


def _batches(starts: Any, ends: Any, context: int, batch: int) -> Iterator[list[tuple[int, int, int]]]:
    """Windows (document, first word, end), some of about one length at a time; each begins with the last word of the one before."""
    windows = [
        (document, at, min(at + context + 1, int(end)))
        for document, (first, end) in enumerate(zip(starts, ends, strict=True)) for at in range(int(first), int(end) - 1, context)
    ]  # fmt: skip
    windows.sort(key=lambda window: window[2] - window[1])
    for i in range(0, len(windows), batch):
        yield windows[i : i + batch]


def main() -> int:
    folder = Path(__file__).resolve().parent
    spec = json.loads((folder / "spec.json").read_text())
    device = sys.argv[1] if len(sys.argv) > 1 else "cuda" if torch.cuda.is_available() else "cpu"
    targets = np.load(folder / "targets.npy", allow_pickle=False)
    for sample in spec["samples"]:
        out = folder / f"bits-{sample['name']}-{spec['digest']}.npy"
        if not out.exists():
            print(f"{sample['name']} on {device}", file=sys.stderr, flush=True)  # noqa: T201
            words = np.load(folder / f"{sample['name']}.npy", allow_pickle=False)
            bits = score(spec, train(spec, words, sample["seed"], device), targets, device)
            part = out.with_name(f".{out.name}")
            np.save(part, bits)
            os.replace(part, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
