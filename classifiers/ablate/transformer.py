"""`curate ablate --trainer torch`: small transformers in place of n-gram models, in a folder that any machine with torch can train in.

The folder has the samples, the targets, a spec and a script that needs nothing of the project. Where a GPU is found the script is run; if
not, it is run elsewhere, and the same command again reads what it wrote: results carry a digest of the spec and of all that was trained on.
A model is trained on each sample, so what they differ by is known from `seeds` pairs alone: two at least.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import xxhash
from pydantic import BaseModel, ConfigDict, Field

from classifiers.ablate import commands
from classifiers.ablate.commands import SPECIAL, Say, Settings, Side
from classifiers.ablate.compare import compare
from classifiers.ablate.targets import Target
from curation.errors import RecipeError, TaskError
from curation.storage import digest, replace
from curation.yaml_file import YamlFile

MOST_PARAMETERS = 60_000_000
WIDTHS = (512, 448, 384, 320, 256)
"""Widths that are tried, the largest first, for a model that leaves LEAST_LAYERS of at most MOST_PARAMETERS (ours)."""
LAYERS, LEAST_LAYERS, HEAD = 12, 4, 64
SCRIPT = Path(__file__).with_name("train_transformer.py")
Count = Annotated[int, Field(ge=1)]


class Model(BaseModel):
    """What `--set KEY=VALUE` may change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    hidden: Count | None = Field(None, description="width; the largest that leaves four layers if absent")
    layers: Count | None = Field(None, description="layers; as many as 60 M parameters allow, twelve at most, if absent")
    heads: Count | None = Field(None, description="attention heads; one for each 64 of the width if absent")
    context: Annotated[int, Field(ge=2)] = Field(1_024, description="tokens of a window")
    batch: Count = Field(64, description="windows of a step")
    rate: Annotated[float, Field(gt=0)] = Field(6e-4, description="highest learning rate")
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(0.02, description="share of the steps in which the rate rises")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.1, description="of AdamW")
    steps: Count | None = Field(None, description="steps at most; one pass over the sample if absent")


def shape(model: Model, vocabulary: int) -> dict[str, int]:
    """Sizes of the model, and its number of parameters.

    Raises: RecipeError for what is more than MOST_PARAMETERS, or cannot be.
    """
    def parameters(hidden: int, layers: int) -> int:
        return vocabulary * hidden + layers * (12 * hidden * hidden + 2 * hidden) + hidden

    hidden = model.hidden or next((w for w in WIDTHS if parameters(w, model.layers or LEAST_LAYERS) <= MOST_PARAMETERS), WIDTHS[-1])
    layers = model.layers or max((n for n in range(1, LAYERS + 1) if parameters(hidden, n) <= MOST_PARAMETERS), default=1)
    heads = model.heads or max(1, hidden // HEAD)
    if (total := parameters(hidden, layers)) > MOST_PARAMETERS:
        raise RecipeError(
            f"--set hidden={hidden}, layers={layers}: {total:,} parameters with the {vocabulary:,} tokens of the tokenizer; at most "
            f"{MOST_PARAMETERS:,} are trained here"
        )
    if hidden % heads or hidden // heads % 2:
        raise RecipeError(f"--set heads={heads}: a width of {hidden} is not {heads} even parts")
    return {"hidden": hidden, "layers": layers, "heads": heads, "parameters": total}


def ablate(
    inputs: tuple[str, str], given: Sequence[str], settings: Settings, tokenizer: str | None, folder: Path, sets: Mapping[str, Any],
    device: str, say: Say,
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """Write the folder, train where it can be done, and compare; a report as data and as Markdown, or what is to be run.

    Args:
        sets: keys of Model. device: auto (a GPU if there is one, else nothing is trained), cuda or cpu.
    Raises: RecipeError for what is wrong, before anything is trained; TaskError if the training fails.
    """
    path, by = commands.loaded(inputs, tokenizer)
    vocabulary = by.size() + SPECIAL
    asked, sizes = planned(settings, sets, vocabulary)
    targets, sides = commands.drawn(inputs, given, by, settings, 1, say)
    called = [target.name for target in targets]
    spec = {**asked.model_dump(), **sizes, "vocabulary": vocabulary, "tokens": settings.tokens, "targets": called}
    names = write(folder, sides, targets, spec, settings)
    missing = [name for name in names if not name.exists()]
    if missing and (device != "auto" or _has_gpu()):
        _run(folder, "cuda" if device == "auto" else device)
        missing = [name for name in names if not name.exists()]
    if missing:
        script = f"python {folder / 'train.py'}, on a machine with torch and a GPU, then this command again"
        text = f"written: {folder}; {len(missing)} models are to be trained: {script}"
        return {"folder": str(folder), "to_train": len(missing), "script": str(folder / "train.py")}, text
    ends = np.cumsum([len(target.texts) for target in targets])[:-1]
    bits = [np.stack([np.load(name, allow_pickle=False) for name in some]) for some in (names[: settings.seeds], names[settings.seeds :])]
    results = compare([np.split(side, ends, axis=1) for side in bits], [target.bytes for target in targets], called, settings.seed)
    what = f"a transformer of {sizes['parameters']:,} parameters ({sizes['layers']} layers of {sizes['hidden']})"
    return commands.reported(
        sides, results, settings, settings.seeds, settings.tokens, path, {"trainer": "torch", "what": what, "spec": spec}, folder
    )


def check(side: str, given: Sequence[str], settings: Settings, tokenizer: str | None, sets: Mapping[str, Any]) -> None:
    """As `commands.check`, of what transformers need."""
    planned(settings, sets, commands.check(side, given, settings, tokenizer, 1).size() + SPECIAL)


def planned(settings: Settings, sets: Mapping[str, Any], vocabulary: int) -> tuple[Model, dict[str, int]]:
    """The model that is asked for, and its sizes.

    Raises: RecipeError if it cannot be, or one sample could not say how far it is chance, or has no window.
    """
    if settings.seeds < 2:
        raise RecipeError("--seeds 1: a transformer is trained on each sample: of one, nothing says how far it is chance; 2 at least")
    asked = YamlFile(Path("--set"), dict(sets)).validate(Model, dict(sets), ())
    if settings.tokens < asked.context:
        raise RecipeError(f"--tokens {settings.tokens:,}: fewer than a window has, --set context={asked.context}")
    return asked, shape(asked, vocabulary)


def write(folder: Path, sides: Sequence[Side], targets: Sequence[Target], spec: dict[str, Any], settings: Settings) -> list[Path]:
    """Write samples, targets, spec and script. Returns: files the script will write, those of A first."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{key}-{k}": words for key, side in zip("ab", sides, strict=True) for k, words in enumerate(side.sample.blocks)}
    arrays["targets"] = np.concatenate([target.words for target in targets])
    samples = [{"name": name, "seed": settings.seed + int(name[2:])} for name in arrays if name != "targets"]
    trained_on = {name: xxhash.xxh3_128_hexdigest(words.tobytes()) for name, words in arrays.items()}
    made = digest(spec, samples, trained_on, SCRIPT.read_text("utf-8"))[:12]
    for name, words in arrays.items():
        np.save(folder / f"{name}.npy", words)
    replace(folder / "spec.json", json.dumps({**spec, "samples": samples, "digest": made}, indent=1).encode() + b"\n")
    replace(folder / "train.py", SCRIPT.read_bytes())
    return [folder / f"bits-{sample['name']}-{made}.npy" for sample in samples]


def _has_gpu() -> bool:
    if find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


def _run(folder: Path, device: str) -> None:
    if find_spec("torch") is None:
        raise RecipeError("--trainer torch needs the package torch: pip install 'curate-pretraining[train]'")
    done = subprocess.run([sys.executable, str(folder / "train.py"), device], check=False)
    if done.returncode:
        raise TaskError(f"{folder / 'train.py'} ended with {done.returncode}")
