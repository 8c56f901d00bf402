"""Read the pages of whole Common Crawl snapshots, from its bucket or a copy.

Source:  https://commoncrawl.org/get-started: `crawl-data/SNAPSHOT/warc.paths.gz` lists the WARC files of
         a snapshot, relative to the bucket. Limits ours.
Units:   as for `warc`; crawl = the snapshot.
Params:  snapshots -- names such as CC-MAIN-2024-10.
         base -- folder, bucket or address under which `crawl-data/` lies (default s3://commoncrawl/;
         needs the extra `s3`).
         paths_file -- a list of files, plain or .gz, to read instead of the snapshots' own: lines as in
         warc.paths; only those of the snapshots named are used, all if none is named.
         max_files -- take so many files of each list, from its start; null (default) = all.
         max_record_bytes -- a longer record is passed over (default 64 MiB).
         max_body_bytes -- bound on the body after each decoding (default 32 MiB), against bombs.
Drops:   broken_record, too_large, duplicate_record: as for `warc`.
Errors:  ValueError before the run if a snapshot's list cannot be read or names no file, or neither
         snapshots nor paths_file is given. TaskError if a file cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from pydantic import Field, model_validator

from curation.stage import Source, Types
from stages.sources.files import read_lines
from stages.sources.warc import COLUMNS, Limits, read_pages
from stages.sources.warc_names import refuse_other_formats, snapshot_in


class Params(Limits):
    """Parameters of the Common Crawl source; see the file's docstring."""

    snapshots: list[str] = Field(default=[])
    base: str = "s3://commoncrawl/"
    paths_file: str | None = None
    max_files: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _something_to_read(self) -> Params:
        if not self.snapshots and self.paths_file is None:
            raise ValueError("name `snapshots` (CC-MAIN-2024-10 ...) or a `paths_file`")
        return self


class CommonCrawl(Source):
    """Source `common_crawl`."""

    name = "common_crawl"
    Params = Params
    transient = frozenset({"content"})
    drops = ("broken_record", "too_large", "duplicate_record")

    def paths(self, params: Any) -> list[str]:
        """Full paths of the files, in the order of the lists.

        Raises: ValueError if a list cannot be read or names no file.
        """
        if params.paths_file is not None:
            files = _listed(params.paths_file)
            if params.snapshots:
                files = [file for file in files if snapshot_in(file) in params.snapshots]
            lists = {params.paths_file: files}
        else:
            places = [f"crawl-data/{name}/warc.paths.gz" for name in params.snapshots]
            lists = {place: _listed(_under(params.base, place)) for place in places}
        for place, files in lists.items():
            if not files:
                raise ValueError(f"{place} names no WARC file of {params.snapshots}")
        return [_under(params.base, file) for files in lists.values() for file in files[: params.max_files]]

    def columns(self, params: Any, example: str | None) -> Types:
        return COLUMNS

    def check(self, path: str, params: Any) -> None:
        """Refuse ARC, CDX and WAT files.

        Raises: ValueError saying what the file is and what to use.
        """
        refuse_other_formats(path)

    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        """Yield the pages of a file.

        Raises: TaskError if the file cannot be read.
        """
        yield from read_pages(path, relative, params, snapshot_in(path), want, progress)


def _listed(path: str) -> list[str]:
    try:
        return read_lines(path)
    except (OSError, EOFError, ValueError, ImportError) as e:
        raise ValueError(f"the list of WARC files {path} cannot be read: {e}") from e


def _under(base: str, path: str) -> str:
    """A listed path under the base; one that is absolute or a URL stays."""
    if path.startswith("/") or "://" in path:
        return path
    return f"{base.rstrip('/')}/{path}"


common_crawl = CommonCrawl()
