"""Say which language each file of code is in, by its name and content; files of no known or no wanted language go.

Source:  The Stack (Kocetkov et al. 2022) and GitHub's Linguist, by extension; which marks tell two languages of one extension apart is ours
         (stages/github/languages.py). The table is stages/github/languages.csv.
Units:   code_language = name of the language; code_kind = code, markup, data or prose (documentation); profile = code, for filters and
         mixes that ask for it.
Params:  path -- column of the file's name or path. languages -- names that stay (null = all of the table). kinds -- kinds that stay.
Drops:   unknown_language, other_language (a language or kind that is not wanted).
Errors:  a language that is not in the table is an error of the recipe.

What file_licence reads (licence files, manifests) is prose and data: it goes first.
"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
from pydantic import field_validator

from curation.errors import did_you_mean
from curation.stage import Batch, Columns, StageParams, stage
from stages.github.languages import HEAD_BYTES, language_of, languages

Kind = Literal["code", "markup", "data", "prose"]


class Params(StageParams):
    """Parameters of code_language; see the file's docstring."""

    path: str = "path"
    languages: tuple[str, ...] | None = None
    kinds: tuple[Kind, ...] = ("code", "markup", "data", "prose")

    @field_validator("languages")
    @classmethod
    def _known(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if name not in languages():
                raise ValueError(f"there is no language {name!r} in stages/github/languages.csv{did_you_mean(name, languages())}")
        return names


@stage(
    reads=lambda params: ("text", params.path),
    writes={
        "code_language": pa.field("code_language", pa.string(), nullable=True),
        "code_kind": pa.field("code_kind", pa.string(), nullable=True), "profile": pa.string(),
    },
    drops=["unknown_language", "other_language"],
)  # fmt: skip
def code_language(batch: Batch, params: Params) -> Columns:
    """Return code_language, code_kind, profile and drop_reason, one value per document."""
    text = batch.utf8()
    names: list[str | None] = []
    for row, path in batch.documents(params.path):
        start, end = text.offsets[row], text.offsets[row + 1]
        names.append(language_of(path or "", text.data[start : min(end, start + HEAD_BYTES)].tobytes()))
    kinds = [languages()[name].kind if name else None for name in names]
    wanted = frozenset(languages() if params.languages is None else params.languages)
    reasons = [
        "unknown_language" if name is None else None if name in wanted and kind in params.kinds else "other_language"
        for name, kind in zip(names, kinds, strict=True)
    ]
    return {
        "code_language": pa.array(names, pa.string()), "code_kind": pa.array(kinds, pa.string()),
        "profile": pa.array(["code"] * len(names), pa.string()), "drop_reason": pa.array(reasons, pa.string()),
    }  # fmt: skip
