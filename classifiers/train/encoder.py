"""Train an encoder (DistilRoBERTa, or any other that transformers has) with a head for classes or for a number.

Source:  fine-tuning as in BERT (Devlin et al. 2019): AdamW, a warm-up, a linear fall of the rate; gradients cut at length 1. Rows of about
         the same length go together; the epoch with the least validation loss is the one that stays (ours).
Units:   losses are nats a row for classes; for numbers, squares of standard deviations of the labels.
Errors:  RecipeError if the model cannot be had or does not fit; TaskError if the loss is no finite number.

Weights are read and written as safetensors only; a model's own code is never run. The same rows, seed, threads and versions give the same
weights on one machine's CPU; other numbers of threads, other machines and GPUs are not promised to.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from classifiers.train.spec import Encoder
from curation.errors import RecipeError, TaskError

CHARS_PER_TOKEN = 32
"""Characters of a text that are tokenised for each token that is wanted (ours)."""
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
CHUNK = 50
"""Batches whose rows are sorted by length together (ours)."""


@dataclass(frozen=True)
class Trained:
    """A model on the CPU, ready to score; its tokenizer; (training, validation) losses of each epoch; the epoch it is of, from 1."""

    model: Any
    tokenizer: Any
    losses: list[tuple[float, float]]
    epoch: int


def libraries() -> tuple[Any, Any]:
    """torch and transformers.

    Raises: RecipeError if the extra is not installed.
    """
    try:
        import torch
        import transformers
    except ImportError as e:
        raise RecipeError(f"curate train roberta needs the package {e.name}: pip install 'curate-pretraining[train]'") from e
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return torch, transformers


def load(spec: Encoder, outputs: int, texts: Iterator[str]) -> tuple[Any, Any]:
    """A model with a new head, and its tokenizer: from a folder or the hub, or both made.

    Args:
        outputs: numbers the head gives. texts: what a tokenizer is trained on, if one is.
    Raises: RecipeError if the model cannot be had, is no encoder, or its tokenizer does not fit it.
    """
    torch, transformers = libraries()
    with torch.random.fork_rng():
        torch.manual_seed(spec.seed)
        if spec.model is None:
            return made(spec, outputs, texts)
        return found(spec, outputs, transformers)


def found(spec: Encoder, outputs: int, transformers: Any) -> tuple[Any, Any]:
    """A model and its tokenizer from a folder or the hub."""
    assert spec.model is not None
    where: dict[str, Any] = {"trust_remote_code": False, "revision": spec.revision or "main"}
    if Path(spec.model).is_dir():
        where = {"trust_remote_code": False, "local_files_only": True}
    elif spec.model.startswith((".", "/", "~")) or spec.model.count("/") > 1:
        raise RecipeError(f"model: {spec.model} is no folder")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tokenizer = transformers.AutoTokenizer.from_pretrained(spec.model, use_fast=True, **where)
            model, read = transformers.AutoModelForSequenceClassification.from_pretrained(
                spec.model, num_labels=outputs, use_safetensors=True, ignore_mismatched_sizes=True, attn_implementation="eager",
                output_loading_info=True, **where,
            )  # fmt: skip
    except Exception as e:
        hint = (
            "a folder needs config.json, model.safetensors (no pickle) and tokenizer.json; a hub id needs the network, and a revision that "
            "exists: offline, fetch it elsewhere and name its folder"
        )
        raise RecipeError(f"model: {spec.model} cannot be loaded: {str(e).strip().splitlines()[0]}", hint=hint) from e
    drawn = [*read["missing_keys"], *(key for key, *_ in read["mismatched_keys"])]  # at random: of a new head only it may be so
    if lacking := sorted(key for key in drawn if key.startswith(f"{model.base_model_prefix}.") and "pooler" not in key):
        raise RecipeError(f"model: {spec.model} lacks {len(lacking)} weights of its config.json, or has them in another size: {lacking[0]}")
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise RecipeError(f"model: the tokenizer of {spec.model} is none that one file, tokenizer.json, describes")
    fits(backend, model, spec)
    return model, backend


def made(spec: Encoder, outputs: int, texts: Iterator[str]) -> tuple[Any, Any]:
    """A RoBERTa of random weights, and a byte-level BPE tokenizer trained on texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import AutoModelForSequenceClassification, RobertaConfig

    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=spec.vocabulary, min_frequency=2, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    first, last = SPECIAL.index("<s>"), SPECIAL.index("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", first), ("</s>", last)])
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=spec.hidden, num_hidden_layers=spec.layers, num_attention_heads=spec.heads,
        intermediate_size=4 * spec.hidden, max_position_embeddings=spec.max_tokens + 2, type_vocab_size=1, num_labels=outputs,
        bos_token_id=first, pad_token_id=SPECIAL.index("<pad>"), eos_token_id=last,
    )  # fmt: skip
    return AutoModelForSequenceClassification.from_config(config, attn_implementation="eager"), tokenizer


def fits(tokenizer: Any, model: Any, spec: Encoder) -> None:
    """Refuse a tokenizer or a length the model has no rows for.

    Raises: RecipeError.
    """
    rows, last = model.get_input_embeddings().num_embeddings, max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if not 0 <= last < rows:
        raise RecipeError(f"model: the tokenizer of {spec.model} has a token {last:,}, and the model knows {rows:,}")
    config = model.config
    most = getattr(config, "max_position_embeddings", None)
    if most and config.model_type in ("roberta", "xlm-roberta", "camembert"):
        most -= config.pad_token_id + 1  # their positions begin behind the padding's number
    if most and spec.max_tokens > most:
        raise RecipeError(f"max_tokens: {spec.max_tokens}, and {spec.model} has positions for {most}")


def tokens_of(tokenizer: Any, texts: pa.Array, spec: Encoder) -> list[Any]:
    """The first window of each text: int32 arrays."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(spec.max_tokens)
    tokenizer.encode_special_tokens = True  # a text that spells one is its characters, as where it is scored
    most = min(spec.max_chars, CHARS_PER_TOKEN * spec.max_tokens)
    cut = pc.utf8_slice_codeunits(texts, 0, most)
    ids = []
    for at in range(0, len(cut), 1024):
        ids += [np.array(e.ids, np.int32) for e in tokenizer.encode_batch_fast(cut.slice(at, 1024).to_pylist())]
    return ids


def batches(ids: list[Any], size: int, rng: np.random.Generator | None) -> Iterator[Any]:
    """Rows of each batch; drawn by `rng`, or in the order of their lengths."""
    lengths = np.array([len(row) for row in ids])
    if rng is None:
        order = np.argsort(lengths, kind="stable")
        yield from (order[at : at + size] for at in range(0, len(order), size))
        return
    order = rng.permutation(len(ids))
    found = []
    for at in range(0, len(order), CHUNK * size):
        part = order[at : at + CHUNK * size]
        part = part[np.argsort(lengths[part], kind="stable")]
        found += [part[i : i + size] for i in range(0, len(part), size)]
    yield from (found[i] for i in rng.permutation(len(found)))


def padded(ids: list[Any], rows: Any, pad: int) -> tuple[Any, Any]:
    """(input_ids, attention_mask), int64 (rows, tokens)."""
    width = max(len(ids[row]) for row in rows)
    tokens, mask = np.full((len(rows), width), pad, np.int64), np.zeros((len(rows), width), np.int64)
    for i, row in enumerate(rows):
        tokens[i, : len(ids[row])], mask[i, : len(ids[row])] = ids[row], 1
    return tokens, mask


def train(
    spec: Encoder, texts: pa.Array, labels: Any, outputs: int, weights: Any, held: tuple[pa.Array, Any],
    say: Callable[[str], None] = lambda text: None,
) -> Trained:  # fmt: skip
    """Train on texts.

    Args:
        labels: int64 classes (n,), or float64 where outputs is 1. weights: float (outputs,), of a class's rows.
        held: texts and labels of the validation part. say: gets a line an epoch.
    """
    torch, _ = libraries()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    threads = torch.get_num_threads()
    torch.set_num_threads(spec.threads)
    try:
        with torch.random.fork_rng():
            model, tokenizer = load(spec, outputs, iter(pc.utf8_slice_codeunits(texts, 0, spec.max_chars).to_pylist()))
            torch.manual_seed(spec.seed)
            mean, scale = (0.0, 1.0) if outputs > 1 else (float(np.mean(labels)), float(np.std(labels)) or 1.0)
            data = [(tokens_of(tokenizer, t, spec), _targets(y, outputs, mean, scale)) for t, y in ((texts, labels), held)]
            loop = _Loop(torch, model.to(device), device, spec, np.asarray(weights, np.float32) if outputs > 1 else None)
            losses, epoch = loop.fit(*data[0], *data[1], say)
    finally:
        torch.set_num_threads(threads)
    model.to("cpu").eval()
    if outputs == 1:
        _fold(torch, model, mean, scale)
    return Trained(model, tokenizer, losses, epoch)


def _targets(labels: Any, outputs: int, mean: float, scale: float) -> Any:
    return np.asarray(labels, np.int64) if outputs > 1 else ((np.asarray(labels, np.float64) - mean) / scale).astype(np.float32)


def _fold(torch: Any, model: Any, mean: float, scale: float) -> None:
    """Have the last layer give numbers in the labels' units."""
    head = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m.out_features == 1][-1]
    with torch.no_grad():
        head.weight *= scale
        head.bias *= scale
        head.bias += mean


class _Loop:
    """Steps and epochs of one training."""

    def __init__(self, torch: Any, model: Any, device: str, spec: Encoder, weights: Any) -> None:
        self.torch, self.model, self.device, self.spec = torch, model, device, spec
        self.weights = None if weights is None else torch.tensor(weights, device=device)
        self.pad = model.config.pad_token_id or 0

    def losses(self, ids: list[Any], targets: Any, rows: Any) -> tuple[Any, Any]:
        """(sum of the losses, sum of the weights) of a batch."""
        torch = self.torch
        tokens, mask = (torch.from_numpy(a).to(self.device) for a in padded(ids, rows, self.pad))
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            logits = self.model(input_ids=tokens, attention_mask=mask).logits.float()
        wanted = torch.from_numpy(targets[rows]).to(self.device)
        if self.weights is None:
            return ((logits[:, 0] - wanted) ** 2).sum(), torch.tensor(float(len(rows)), device=self.device)
        each = torch.nn.functional.cross_entropy(logits, wanted, reduction="none") * self.weights[wanted]
        return each.sum(), self.weights[wanted].sum()

    def fit(self, ids: list[Any], targets: Any, held: list[Any], held_targets: Any, say: Callable[[str], None]) -> tuple[Any, int]:
        """Train; the model has the best epoch's weights then. Returns: losses of each epoch, and which was the best."""
        torch, spec, model = self.torch, self.spec, self.model
        rng = np.random.default_rng(spec.seed)
        decayed = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": spec.weight_decay}, {"params": others, "weight_decay": 0.0}]
        steps = spec.epochs * -(-len(ids) // spec.batch)
        rise = max(1, round(spec.warmup * steps))
        optimiser = torch.optim.AdamW(groups, lr=spec.rate)
        losses: list[tuple[float, float]] = []
        best, best_epoch, kept, step = np.inf, 0, None, 0
        for epoch in range(spec.epochs):
            model.train()
            total = weight = 0.0
            for rows in batches(ids, spec.batch, rng):
                rate = spec.rate * min((step + 1) / rise, max(0.0, (steps - step) / max(1, steps - rise)))
                for group in optimiser.param_groups:
                    group["lr"] = rate
                loss, of = self.losses(ids, targets, rows)
                (loss / of).backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
                total, weight, step = total + float(loss.detach()), weight + float(of), step + 1
                if not np.isfinite(total):
                    raise TaskError(f"step {step}: the loss is no finite number: lower the learning rate ({spec.rate:g})")
            model.eval()
            losses.append((total / weight, self.mean_loss(held, held_targets)))
            say(f"epoch {epoch + 1} of {spec.epochs}: loss {losses[-1][0]:.4f}, on validation {losses[-1][1]:.4f}")
            if not np.isfinite(losses[-1][1]):
                raise TaskError(f"epoch {epoch + 1}: the validation loss is no finite number: lower the learning rate ({spec.rate:g})")
            if losses[-1][1] < best:
                best, best_epoch, kept = losses[-1][1], epoch + 1, copy.deepcopy(model.state_dict())
            elif spec.patience is not None and epoch + 1 - best_epoch >= spec.patience:
                break
        model.load_state_dict(kept)
        return losses, best_epoch

    def mean_loss(self, ids: list[Any], targets: Any) -> float:
        """Mean loss of rows that are not trained on."""
        with self.torch.no_grad():
            sums = [self.losses(ids, targets, rows) for rows in batches(ids, self.spec.batch, None)]
        return float(sum(float(a) for a, _ in sums) / sum(float(b) for _, b in sums))


def files(trained: Trained, folder: Path) -> None:
    """Write model.safetensors, config.json and tokenizer.json."""
    config = json.loads(trained.model.config.to_json_string(use_diff=False))
    config.pop("auto_map", None)  # names code of a model's author
    trained.model.save_pretrained(folder, safe_serialization=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    trained.tokenizer.no_padding()
    trained.tokenizer.no_truncation()
    trained.tokenizer.save(str(folder / "tokenizer.json"))
