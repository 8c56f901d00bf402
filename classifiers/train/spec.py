"""The YAML file of a training: what `curate train` does where nothing else is said.

    # my.yaml;   curate train fasttext labels.jsonl -o model --preset my.yaml --set seed=1
    positive: good
    word_ngrams: 2
    epochs: 3

A preset is such a file that comes with the project, in `classifiers/train/presets`. What it does not name has the default below.

`curate train roberta` needs the extra `train`. Without a GPU, install torch's CPU build first: PyPI's own brings gigabytes for CUDA.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from curation.errors import Place, RecipeError, did_you_mean
from curation.yaml_file import YamlFile, parse_yaml, read_text

PRESETS = Path(__file__).parent / "presets"
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Spec(BaseModel):
    """What both kinds of models have."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str | None = Field(None, description="what the model is called; default the name of its folder")
    proxy: bool = Field(False, description="a stand-in made of little data, which card and commands say")
    about: str = Field("", description="for the card: what the labels are, what the model is good for and what not")
    columns: dict[str, str] = Field({}, description="key of a label set -> the name the files have for it")
    positive: str | None = Field(None, description="the class whose probability is the score; needed where there are two")
    positive_from: float | None = Field(None, description="of labels that are numbers: from which one on a text is wanted; needed there")
    validation: Share = Field(0.1, description="share of the domains, by hash, that end the training, calibrate and give thresholds")
    test: Share = Field(0.2, description="share of the domains that are only looked at in the report")
    class_weights: Literal["equal", "balanced"] = Field("equal", description="balanced: rows weigh so that classes weigh the same")
    calibration: Literal["isotonic", "platt", "none"] = Field(
        "platt", description="from raw to calibrated scores, by the validation part; of numbers always isotonic"
    )
    precision: list[Share] = Field([0.9], description="precisions there are to be thresholds for, per language")
    recall: list[Share] = Field([0.9], description="recalls there are to be thresholds for")
    kept: list[Share] = Field([0.1], description="kept shares there are to be thresholds for")
    max_chars: Annotated[int, Field(ge=1, le=1 << 24)] = Field(100_000, description="characters of a text that are looked at")
    patience: Count | None = Field(None, description="epochs without a lesser validation loss that end the training; the best one's stays")
    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = Field(0, description="of initial weights and of the order of rows")
    threads: Count = Field(1, description="threads; more than one, and fastText's model is not the same twice")


class FastText(Spec):
    """`curate train fasttext`; defaults are those of fastText's command line where it has one."""

    dim: Annotated[int, Field(ge=1, le=4096)] = Field(100, description="numbers of a vector")
    rate: Positive = Field(0.1, description="learning rate at the beginning; it falls to 0")
    epochs: Count = Field(5, description="times the texts are gone through")
    word_ngrams: Annotated[int, Field(ge=1, le=16)] = Field(1, description="longest n-grams of words")
    min_n: Annotated[int, Field(ge=0, le=64)] = Field(0, description="shortest n-grams of characters")
    max_n: Annotated[int, Field(ge=0, le=64)] = Field(0, description="longest n-grams of characters; 0 = none")
    min_count: Count = Field(1, description="times a word must occur in the training part")
    max_words: Annotated[int, Field(ge=1, le=30_000_000)] = Field(2_000_000, description="words that are known, the most frequent (ours)")
    buckets: Annotated[int, Field(ge=1, le=1 << 30)] = Field(2_000_000, description="rows that n-grams are hashed to")
    compress: bool = Field(False, description="write model.ftz (product quantisation) in place of model.bin")
    keep: Count | None = Field(None, description="of a compressed model: words and n-grams that stay, those of the longest vectors")


class Encoder(Spec):
    """`curate train roberta`."""

    model: str | None = Field(None, description="folder or hub id of an encoder; without it, a RoBERTa is made and its tokenizer trained")
    revision: str | None = Field(None, description="of a hub id: a commit, tag or branch")
    vocabulary: Annotated[int, Field(ge=300, le=1 << 20)] = Field(8_192, description="tokens of a tokenizer that is trained")
    layers: Count = Field(2, description="layers of a model that is made")
    hidden: Count = Field(128, description="numbers of its vectors")
    heads: Count = Field(2, description="its attention heads")
    max_tokens: Annotated[int, Field(ge=3, le=1 << 16)] = Field(512, description="tokens of a window, special ones included")
    windows: Annotated[int, Field(ge=1, le=4096)] = Field(1, description="windows of a text that are scored; the first is trained on")
    pool: Literal["first", "mean", "max"] = Field("first", description="what becomes of several windows' scores")
    epochs: Count = Field(3, description="times the texts are gone through at most")
    batch: Count = Field(32, description="texts a step")
    rate: Positive = Field(2e-5, description="learning rate of AdamW, linear to 0 behind the warm-up")
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(0.06, description="share of the steps in which the rate rises")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.01, description="of AdamW")
    quantise: Literal["int8", "none"] = Field("int8", description="weights and activations of the ONNX model's matrix products")
    min_agreement: Annotated[float, Field(ge=0, le=1)] = Field(
        0.99, description="Spearman correlation with the scores before quantisation that the export must have"
    )


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A spec, the file it is from and what was set beside."""

    spec: Any
    yaml: YamlFile
    sets: dict[str, Any]
    preset: str

    def error(self, message: str, key: str) -> RecipeError:
        """An error at the place where a key was given."""
        if key in self.sets:
            return RecipeError(message, Place(f"--set {key}", 0, 0))
        if (key,) in self.yaml.marks:
            return self.yaml.error(message, key, value=True)
        return RecipeError(message, Place(str(self.yaml.file), 0, 0, key), f"--set {key}=VALUE, or {key} in a file given as --preset")


def names(kind: str) -> list[str]:
    """The presets of a kind."""
    return sorted(path.stem for path in (PRESETS / kind).glob("*.yaml"))


def load(kind: Literal["fasttext", "roberta"], preset: str, sets: dict[str, Any]) -> Loaded:
    """Read a preset, or a file, and what is set beside it.

    Raises: RecipeError naming file, line, column and key of the first mistake.
    """
    model: type[Spec] = FastText if kind == "fasttext" else Encoder
    own = PRESETS / kind / f"{preset}.yaml"
    if preset.endswith((".yaml", ".yml")):
        own = Path(preset)
    elif preset not in names(kind):
        raise RecipeError(f"--preset {preset}: there is {', '.join(names(kind))}, or a .yaml file{did_you_mean(preset, names(kind))}")
    text = read_text(own, "spec")
    yaml = parse_yaml(text, own if own == Path(preset) else f"preset {preset}", "spec")
    for key in sets:
        if key not in model.model_fields:
            known = list(model.model_fields)
            raise RecipeError(f"--set {key}: unknown key{did_you_mean(key, known)}", hint=f"keys: {', '.join(known)}")
    yaml.validate(model, yaml.data, ())
    spec = YamlFile(Path("--set"), sets).validate(model, {**yaml.data, **sets}, ())
    found = Loaded(spec, yaml, sets, preset)
    _agree(found)
    return found


def _agree(found: Loaded) -> None:
    """Refuse keys that contradict each other."""
    spec = found.spec
    if spec.validation + spec.test >= 1:
        raise found.error(f"validation and test are {spec.validation + spec.test:g} of the domains: none is left to train on", "test")
    if isinstance(spec, FastText):
        if spec.max_n and spec.min_n > spec.max_n:
            raise found.error(f"n-grams of {spec.min_n} to {spec.max_n} characters", "min_n")
        if spec.keep and not spec.compress:
            raise found.error("only a compressed model leaves rows out: set compress, too", "keep")
    if isinstance(spec, Encoder):
        if (spec.pool == "first") != (spec.windows == 1):
            raise found.error("pool first reads one window, mean and max read several", "pool")
        if spec.hidden % spec.heads:
            raise found.error(f"{spec.hidden} numbers are not shared by {spec.heads} heads evenly", "heads")
        if spec.revision and not spec.model:
            raise found.error("a revision is one of a hub id: set model, too", "revision")
