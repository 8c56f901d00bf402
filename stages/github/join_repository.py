"""Join the files of each repository to documents.

Source:  The files of a repository in one document: StarCoder2 (Lozhkov et al. 2024), section 3; the file's path in a comment above each:
         DeepSeek-Coder (Guo et al. 2024), section 2.2. Order, bounds and separator are ours.
Units:   file_count = files a document was made of. text = the files, a blank line between them. licence = the expressions of its files
         joined by AND, where there is that column. What all files of a document share stays; other columns are null.
Params:  path -- column of a file's path in its repository. repository -- column of its repository; null in it: the first folder of the
         path. max_bytes -- a document ends before the file with which its text would pass this (default 1 MiB); one larger file is a
         document by itself. folders -- join by the first so many folders of the path, too (default 0): for repositories over
         settings.shuffle.reduce_bytes, which stop the run. path_comments -- write each file's path above it, as a comment of its language.
Drops:   nothing.
Errors:  none of its own.

In each folder its files come first, then its folders, both by name: what belongs together stands together, README and manifests of the root
come early, and nothing must be understood of any language. Order by imports would need a parser for each of them, and cycles have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.stage import Batch, Keyed, RegroupStage, StageParams, Types
from stages.github.languages import languages
from stages.github.repositories import folder_and_name, keys, repositories
from stages.github.spdx import joined

SEPARATOR = "\n\n"


class Params(StageParams):
    """Parameters of join_repository; see the file's docstring."""

    path: str = "path"
    repository: str = "archive"
    max_bytes: int = Field(1 << 20, ge=1)
    folders: int = Field(0, ge=0, le=64)
    path_comments: bool = True


class JoinRepository(RegroupStage):
    """Regroup stage `join_repository`."""

    name = "join_repository"
    Params = Params

    def reads(self, params: Any) -> tuple[str, ...]:
        return ("id", "text", "code_language", params.path, params.repository)

    def writes(self, params: Any) -> Types:
        return {"text": pa.large_string(), "file_count": pa.int32()}

    def emit(self, batch: Batch, params: Any) -> Keyed:
        """One row per file, keyed by its repository and the folders asked for."""
        names = repositories(batch, params.repository, params.path)
        if params.folders:
            folders = ["/".join(_order(path)[0][: params.folders]) for _, path in batch.documents(params.path)]
            names = pc.binary_join_element_wise(names, pa.array(folders, pa.string()), "\n")
        return Keyed(keys(names)[0], np.arange(len(batch)))

    def merge(self, rows: pa.Table, params: Any) -> pa.Table:
        paths = rows[params.path].to_pylist()
        places = [_order(path) for path in paths]
        group = rows["key"].to_pylist()
        order = sorted(range(rows.num_rows), key=lambda n: (group[n], *_key(*places[n])))
        texts = pc.utf8_rtrim(rows["text"], "\n")
        names = rows["code_language"].to_pylist()
        above = [""] * rows.num_rows
        if params.path_comments:
            above = [_path_above(text.as_py() or "", path, name) for text, path, name in zip(texts, paths, names, strict=True)]
        sizes = [size.as_py() or 0 for size in pc.binary_length(texts)]
        sizes = [size + len(comment.encode()) for size, comment in zip(sizes, above, strict=True)]
        parents, made, members = [], [], []
        for part in _cut(order, group, sizes, params.max_bytes):
            members.append(part)
            made.append(SEPARATOR.join(above[n] + (texts[n].as_py() or "") for n in part))
            parents.append([rows["id"][n].as_py() for n in part])
        columns: dict[str, Any] = {"parent_ids": pa.array(parents, pa.list_(pa.string()))}
        for field in rows.schema:
            if field.name not in ("key", "id", "text", "parent_ids", params.path):
                columns[field.name] = _shared(rows[field.name], members, field)
        columns |= {"text": pa.array(made, pa.large_string()), "file_count": pa.array([len(part) for part in members], pa.int32())}
        return pa.table(columns)


def _order(path: str | None) -> tuple[list[str], str]:
    """Folders and name of a path."""
    folder, name = folder_and_name(path or "")
    return folder.split("/") if folder else [], name


def _key(folders: list[str], name: str) -> tuple[list[tuple[int, str]], str]:
    """Sorts the files of a folder before its folders."""
    return [*((1, folder) for folder in folders), (0, "")], name


def _cut(order: list[int], group: list[int], sizes: list[int], max_bytes: int) -> Iterator[list[int]]:
    """Rows of each document to be made, in order."""
    part: list[int] = []
    size = 0
    for n in order:
        if part and (group[n] != group[part[0]] or size + len(SEPARATOR) + sizes[n] > max_bytes):
            yield part
            part = []
        size = size + len(SEPARATOR) + sizes[n] if part else sizes[n]
        part.append(n)
    if part:
        yield part


def _path_above(text: str, path: str | None, name: str | None) -> str:
    """A line with a file's path, as a comment; nothing where its language has none, or a first line that must stay first."""
    language = languages().get(name or "")
    if language is None or not path or not (language.line or language.open) or text.startswith(("#!", "<?", "<!")):
        return ""
    path = " ".join(path.split())
    return f"{language.line} {path}\n" if language.line else f"{language.open} {path} {language.close}\n"


def _shared(column: pa.ChunkedArray, members: list[list[int]], field: pa.Field) -> pa.Array:
    """The value that all files of each document have, else null; of licences all that occur."""
    values = column.to_pylist()
    if field.name == "licence":
        return pa.array([joined(v for n in part if (v := values[n])) for part in members], field.type)
    return pa.array([values[part[0]] if all(values[n] == values[part[0]] for n in part) else None for part in members], field.type)


join_repository = JoinRepository()
