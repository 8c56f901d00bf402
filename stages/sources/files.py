"""Read files as they are, one document each: of folders, of archives (tar and zip), compressed by themselves (.gz, .bz2, .xz, .zst).

Source:  archives/members.py. Limits ours.
Units:   content = the file's bytes. path = its name in the archive or, for a file in no archive, inside the input's root, without the
         suffix of its compression; as a relative path without `..` and control characters. archive = path of the archive inside the
         input's root; null for a file in none. file_bytes = length of content. date = when it was changed last, as the archive or the
         gzip header says; null for a plain file. record_offset = start of the member's header, in a compressed tar of the tar.
Params:  paths -- files, glob patterns or folders (all below them but what begins with a dot), local or URLs.
         only -- glob patterns; only files whose path matches one are documents; the last part of it, where the pattern has no `/`.
         Case does not count, `*` matches `/` too. Default: none, all files.
         max_file_bytes -- a longer file is passed over (default 64 MiB).
         max_members -- behind so many files of an archive the rest of it is one record (default 20 million).
         max_ratio -- so many bytes may come out of each byte of an archive, 1 GiB in any case; all behind is one record (default 1,000).
Drops:   broken_record (damaged, cut, encrypted or of a wrong checksum; a stretch of an archive that is, one each; what is no archive
         though its name says so); too_large (over max_file_bytes; over max_members or max_ratio, for all that follows);
         duplicate_record (by the engine).
Errors:  TaskError if a file cannot be read.

Links, devices and folders in archives are no documents. A link beside plain files is one only if it ends in the folder that was named, or
that a pattern begins in: a checkout may link to /etc/passwd. A path that is named itself may be a link to anywhere. An archive in an
archive is one document, as its bytes.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from curation.stage import Source, StageParams, Types
from stages.sources.archives.members import MAX_MEMBER_BYTES, MAX_MEMBERS, MAX_RATIO, members, taker
from stages.sources.batches import RowsToTables
from stages.sources.opening import PathList, is_remote

COLUMNS: dict[str, Any] = {
    "content": pa.large_binary(),
    "path": pa.string(),
    "archive": pa.field("archive", pa.string()),
    "file_bytes": pa.int64(),
}


class Params(StageParams):
    """Parameters of the files source; see the file's docstring."""

    paths: PathList
    only: Annotated[list[str], Field(examples=[["*.txt"]])] = []
    max_file_bytes: int = Field(default=MAX_MEMBER_BYTES, ge=1)
    max_members: int = Field(default=MAX_MEMBERS, ge=1)
    max_ratio: int = Field(default=MAX_RATIO, ge=1)


class Files(Source):
    """Source `files`."""

    name = "files"
    Params = Params
    transient = frozenset({"content"})
    drops = ("broken_record", "too_large", "duplicate_record")
    links_leave_root = False

    def paths(self, params: Any, folder: Path) -> list[str]:
        """The paths as the recipe has them; a folder as the pattern of all below it."""
        return [
            f"{glob.escape(path.rstrip('/'))}/**" if not is_remote(path) and os.path.isdir(folder / path) else path
            for path in super().paths(params, folder)
        ]

    def columns(self, params: Any, example: str | None) -> Types:
        return COLUMNS

    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        """Yield the documents of a file.

        Raises: TaskError if the file cannot be read.
        """
        columns = {"path": pa.string(), "archive": pa.string(), "file_bytes": pa.int64()}
        tables = RowsToTables(self.name, relative, ("content", pa.large_binary()), columns)
        last_wanted = None if want is None else (int(want[-1]) if len(want) else -1)
        found = members(
            path, name=relative, max_member_bytes=params.max_file_bytes, max_members=params.max_members, max_ratio=params.max_ratio,
            only=_matcher(params.only), take=taker(want, progress),
        )  # fmt: skip
        for member in found:
            row = (member.ordinal, None, None, member.modified, member.offset, member.reason)
            size = None if member.content is None else len(member.content)
            if tables.add((*row, member.name or None, None if member.alone else relative, size), member.content):
                yield tables.take()
            if member.ordinal == last_wanted:
                break
        if tables.rows:
            yield tables.take()


def _matcher(patterns: list[str]) -> Callable[[str], bool]:
    """Whether a path matches one of some glob patterns; any path, if there is none."""
    if not patterns:
        return lambda path: True
    whole, last = (
        re.compile("|".join(fnmatch.translate(p) for p in patterns if ("/" in p) == has_folder) or r"\Z.", re.IGNORECASE)
        for has_folder in (True, False)
    )
    return lambda path: bool(whole.match(path) or last.match(path.rpartition("/")[2]))


files = Files()
