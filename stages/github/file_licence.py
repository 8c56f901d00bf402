"""Give each file of code its licence, and drop files whose licence is unknown or not among those wanted.

Source:  Llama 1 (Touvron et al. 2023), section 2.1: Apache, BSD and MIT alone. SPDX licence list and expressions, REUSE. How files, folders
         and fields of a data set are weighed is ours.
Units:   licence = an SPDX expression, null where nothing is known; `unknown` in it is a licence file that could not be told. licence_from =
         header, file (a licence file or manifest) or declared; null as licence is.
Params:  path -- column of the file's path in its repository. repository -- column of its repository; null in it: the first folder of the
         path. declared -- column of what the data set says of the repository's licence, text or a list of which all hold (null = none).
         allowed -- licences that stay (null = all, known or not).
Drops:   licence_unknown, licence_not_allowed.
Errors:  ValueError before the run if `declared` is no text and no list of texts, or behind code_language (which drops licence files and
         manifests) or remove_licence_header.

In this order: what the comments at the file's start say (an SPDX tag, or words of a licence: header.py); the nearest folder, from the
file's own up, that has a licence file or a manifest with a licence (licence_texts.py); what is declared. Of a folder's files all hold, but
where its manifest names all licences of them in one expression, that holds: `MIT OR GPL-2.0` beside both texts. Folders LICENSES, licenses,
X.dist-info and X.egg-info speak for the folder they lie in. Licence files and manifests must be among the documents.

One row a file goes to its repository's reducer, with the name of its folder; a repository of any size is read twice, its files never held.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.stage import Batch, GlobalStage, Keyed, Reduced, StageParams, Types
from stages.github.header import HEAD_CHARS, notice
from stages.github.languages import HEAD_BYTES, language_of, languages
from stages.github.licence_texts import MANIFESTS, is_licence_file, licence_of_manifest, licence_of_text
from stages.github.repositories import folder_and_name, keys, repositories
from stages.github.spdx import ALLOWED, holds, ids, joined, normal

_ASIDE = re.compile(r"licenses|licences|.{1,200}\.(?:dist-info|egg-info)", re.I)
MAX_STATEMENTS = 100
"""Different statements that one folder may make; of more (folders of licences' texts) it is said to be unknown."""
Place = tuple[int, int, str]
"""A folder: both halves of its repository's hash, and its path."""


class Params(StageParams):
    """Parameters of file_licence; see the file's docstring."""

    path: str = "path"
    repository: str = "archive"
    declared: str | None = None
    allowed: tuple[str, ...] | None = ALLOWED


class FileLicence(GlobalStage):
    """Global stage `file_licence`."""

    name = "file_licence"
    Params = Params
    drops = ("licence_unknown", "licence_not_allowed")
    _columns: ClassVar[dict[str, Any]] = {
        name: pa.field(name, pa.string(), nullable=True) for name in ("own", "declared", "by_text", "by_manifest")
    }

    def check(self, params: Any, schema: pa.Schema) -> None:
        """Refuse a declared column of another type, and steps before this one that take away what it reads.

        Raises: ValueError.
        """
        for column, step in (("code_kind", "code_language"), ("header_chars_removed", "remove_licence_header")):
            if column in schema.names:
                raise ValueError(f"file_licence reads what {step} takes away: it must come before it")
        if params.declared is not None:
            kind = schema.field(params.declared).type
            inner = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind
            if not (pa.types.is_string(inner) or pa.types.is_large_string(inner)):
                raise ValueError(f"declared: {params.declared} is {kind}; file_licence needs text or a list of texts")

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("text", params.path, params.repository, *([params.declared] if params.declared else []))

    def writes(self, params: Any) -> Types:
        return {name: pa.field(name, pa.string(), nullable=True) for name in ("licence", "licence_from")}

    def payload(self, params: Any) -> Types:
        return {"check": pa.uint64(), "folder": pa.string(), **self._columns}

    def verdict(self, params: Any) -> Types:
        return {name: pa.field(name, pa.string(), nullable=True) for name in ("licence", "licence_from", "drop_reason")}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """A row per file: its folder, what it says of itself, and what it says of the folder."""
        key, check = keys(repositories(batch, params.repository, params.path))
        rows = [
            _stated(path or "", text or "", declared[0] if declared else None)
            for _, text, path, *declared in batch.documents("text", params.path, *([params.declared] if params.declared else []))
        ]
        names = ("folder", *self._columns)
        columns = {name: pa.array([row[k] for row in rows], pa.string()) for k, name in enumerate(names)}
        return Keyed(key, np.arange(len(batch)), {"check": check, **columns})

    def reduce(self, rows: pa.Table, params: Any, round_: int) -> Iterator[Reduced]:
        return self.stream(lambda: iter([rows]), params, round_)

    def stream(self, chunks: Callable[[], Iterator[pa.Table]], params: Any, round_: int) -> Iterator[Reduced]:
        stated: dict[Place, tuple[set[str], set[str]]] = {}
        for chunk in chunks():
            said = chunk.filter(pc.or_(chunk["by_text"].is_valid(), chunk["by_manifest"].is_valid()))
            for place, text, manifest in zip(_places(said), said["by_text"].to_pylist(), said["by_manifest"].to_pylist(), strict=True):
                texts, manifests = stated.setdefault(place, (set(), set()))
                for found, of in ((text, texts), (manifest, manifests)):
                    if found is not None and len(of) <= MAX_STATEMENTS:
                        of.add(found)
        nearest: dict[Place, str | None] = {place: _of_folder(*both) for place, both in stated.items()}
        del stated
        reasons: dict[str | None, str | None] = {}
        for chunk in chunks():
            table = _verdicts(chunk, nearest, reasons, params.allowed)
            if table.num_rows:
                yield Reduced(verdicts=table)


def _stated(path: str, text: str, declared: Any) -> tuple[str | None, ...]:
    """folder, own, declared, by_text and by_manifest of one file."""
    folder, name = folder_and_name(path)
    words = declared if isinstance(declared, list) else [declared]
    field = joined(expression for word in words if word and (expression := normal(word)))
    if is_licence_file(name):
        return _home(folder), None, field, licence_of_text(text), None
    manifest = licence_of_manifest(name, text) if name.lower() in MANIFESTS else None
    if manifest is not None:
        return _home(folder), None, field, None, manifest
    head = text[:HEAD_CHARS]
    language = language_of(name, head[:HEAD_BYTES].encode("utf-8", "replace"))
    return folder, notice(head, languages().get(language or "")), field, None, None


def _home(folder: str) -> str:
    """The folder that files of a folder for licences speak for."""
    while folder and _ASIDE.fullmatch(folder.rpartition("/")[2]):
        folder = folder.rpartition("/")[0]
    return folder


def _places(rows: pa.Table) -> Iterator[Place]:
    return zip(*(rows[name].to_pylist() for name in ("key", "check", "folder")), strict=True)


def _of_folder(texts: set[str], manifests: set[str]) -> str | None:
    """What the statements of one folder come to."""
    if max(len(texts), len(manifests)) > MAX_STATEMENTS:
        return "unknown"
    named = set().union(*(ids(expression) for expression in manifests))
    open_ = {text for text in texts if not ids(text) <= named}
    return joined(manifests | open_)


def _verdicts(
    rows: pa.Table, nearest: dict[Place, str | None], reasons: dict[str | None, str | None], allowed: tuple[str, ...] | None
) -> pa.Table:
    """Licence and drop reason of each file.

    nearest: of folders that state something. reasons: of licences seen; others are added.
    """
    found = []
    for place, own, declared in zip(_places(rows), rows["own"].to_pylist(), rows["declared"].to_pylist(), strict=True):
        licence, source = own, "header"
        if licence is None:
            licence, source = _looked_up(nearest, place), "file"
        if licence is None:
            licence, source = declared, "declared"
        if licence not in reasons:
            reasons[licence] = _reason(licence, allowed)
        found.append((licence, source if licence is not None else None, reasons[licence]))
    licences, sources, dropped = zip(*found, strict=True) if found else ((), (), ())
    return pa.table({
        "shard": rows["shard"], "row": rows["row"].cast(pa.int64()), "licence": pa.array(licences, pa.string()),
        "licence_from": pa.array(sources, pa.string()), "drop_reason": pa.array(dropped, pa.string()),
    })  # fmt: skip


def _reason(licence: str | None, allowed: tuple[str, ...] | None) -> str | None:
    if allowed is None:
        return None
    if licence is None or "unknown" in ids(licence):
        return "licence_unknown"
    return None if holds(licence, allowed) else "licence_not_allowed"


def _looked_up(nearest: dict[Place, str | None], place: Place) -> str | None:
    """What the nearest folder from this one up states."""
    high, low, folder = place
    while folder and (high, low, folder) not in nearest:
        folder = folder.rpartition("/")[0]
    return nearest.get((high, low, folder))


file_licence = FileLicence()
