"""Drop documents with many dirty words, by the list of their language.

Source:  Llama 3, section 3.1.1: dirty words are counted to find adult sites that the block lists of domains miss; it gives
         no bound. C4, Raffel et al. 2020, section 2.2: a page with one word of the list goes. No list is built in;
         stages/safety/phrases.py says what a list is and what it matches.
Units:   dirty_words = matches, none within another. dirty_words_per_1000 = of 1,000 words of curation/text.py, where each
         character of Chinese and Japanese, and each letter of Thai, Lao, Khmer and Myanmar, is a word.
Params:  lists -- {en: file, de: file ...}, or a folder of files named for their languages. A document is searched for the
         list of its `lang`, of a language without one for the list `default` if there is one.
         always -- lists every document is searched for beside its own (a word of one language may be a clean one of
         another: none by default).
         variant -- density (the two bounds below, ours) or c4 (one dirty word drops).
         max_count -- so many dirty words never drop. max_per_1000 -- largest density kept; null = no bound. Both ours: a page
         that names a thing now and then stays, and so does a short one with a single word; every tenth word is what dense
         text on medicine, crime or sex education comes to with a common list. A character of Chinese is less
         than a word, so its bound is half, and a letter of Thai a fourth.
Drops:   dirty_words.
Errors:  a list that is missing or has no usable line, and a name in `always` without a list, are errors of the recipe.
         Broken lines of a list are counted and shown before the run, a language without a list is said once.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from curation.rules import AnyRule, Bound, Rule
from curation.stage import Batch, Columns, PerGroup, StageParams, stage
from curation.text import UNICODE_VERSION
from stages.safety import phrases
from stages.safety.phrases import Lists, found, lexicon


class Params(StageParams):
    """Parameters of count_dirty_words; see the file's docstring."""

    lists: Lists = Field(examples=[{"en": "examples/lists/dirty_words.en.txt"}])
    always: tuple[str, ...] = ()
    variant: Literal["density", "c4"] = "density"
    max_count: PerGroup[int] = 2
    max_per_1000: PerGroup[float | None] = {"default": 100, "zh": 50, "ja": 50, "th": 25, "lo": 25, "km": 25, "my": 25}

    @model_validator(mode="after")
    def _lists_named(self) -> Params:
        if isinstance(self.lists, dict) and (lacking := set(self.always) - set(self.lists)):
            raise ValueError(f"always names {sorted(lacking)}, of which `lists` has no list")
        return self


FEW = Bound("few", "dirty_words", least="max_count", drop_at=True)
RULES: dict[str, tuple[AnyRule, ...]] = {
    "density": (Bound("dirty_words", "dirty_words_per_1000", most="max_per_1000", unless=FEW),),
    "c4": (Rule("dirty_words", ("dirty_words",), lambda batch, params: np.asarray(batch["dirty_words"]) > 0, "dirty_words > 0"),),
}


@stage(
    reads=["text", "lang"], writes={"dirty_words": pa.int32(), "dirty_words_per_1000": pa.float32()}, drops=["dirty_words"],
    rules=lambda params: RULES[params.variant], version=f"1:unicode-{UNICODE_VERSION}",
)  # fmt: skip
def count_dirty_words(batch: Batch, params: Params) -> Columns:
    """Return dirty_words (int32) and dirty_words_per_1000 (float32), one value per document."""
    words = lexicon(params.lists)
    count = found(batch, words, params.always, np.ones(len(words.phrases)))[0]
    density = 1000 * count / np.maximum(batch.words().counts(), 1)
    return {"dirty_words": count.astype(np.int32), "dirty_words_per_1000": density.astype(np.float32)}


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of phrases.py."""
    phrases.warm_up()
