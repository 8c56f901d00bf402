"""Parameters of sources whose files name their columns: which one is the text, the URL, the date, and what travels."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator

from curation.stage import StageParams
from stages.sources.opening import PathList

RESERVED = ("id", "url", "date", "text", "record_file", "record_offset", "_row", "drop_reason")


class NamedColumns(StageParams):
    """Files, and the names in them; a source adds `carry` in its own form."""

    paths: PathList
    text: str = "text"
    id: str | None = "id"
    url: str | None = "url"
    date: str | None = "date"

    @field_validator("carry", check_fields=False)
    @classmethod
    def _not_reserved(cls, names: Any) -> Any:
        for name in names:
            if name in RESERVED:
                raise ValueError(f"{name!r} is a core column and is not carried")
        return names
