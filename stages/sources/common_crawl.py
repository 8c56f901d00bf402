"""Read the pages of whole Common Crawl snapshots, from its bucket or a copy.

Source:  https://commoncrawl.org/get-started: `crawl-data/SNAPSHOT/warc.paths.gz` lists the WARC files of
         a snapshot, relative to the bucket. Limits ours.
Units:   as for `warc`; crawl = the snapshot.
Params:  snapshots -- names such as CC-MAIN-2024-10.
         base -- folder, bucket or address under which `crawl-data/` lies (default s3://commoncrawl/;
         needs the extra `s3`). A folder is relative to the recipe, as `paths_file` is.
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

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from stages.sources.opening import is_remote, read_lines
from stages.sources.warc import Limits, Warc
from stages.sources.warc_names import snapshot_in


class Params(Limits):
    """Parameters of the Common Crawl source; see the file's docstring."""

    snapshots: list[str] = Field(default=[], examples=[["CC-MAIN-2024-10"]])
    base: str = "s3://commoncrawl/"
    paths_file: str | None = None
    max_files: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _something_to_read(self) -> Params:
        if not self.snapshots and self.paths_file is None:
            raise ValueError("name `snapshots` (CC-MAIN-2024-10 ...) or a `paths_file`")
        return self


class CommonCrawl(Warc):
    """Source `common_crawl`."""

    name = "common_crawl"
    Params = Params

    def paths(self, params: Any, folder: Path) -> list[str]:
        """Paths of the files, in the order of the lists; relative ones are meant from the recipe's folder.

        Raises: ValueError if a list cannot be read or names no file.
        """
        if params.paths_file is not None:
            files = _listed(params.paths_file, folder)
            if params.snapshots:
                files = [file for file in files if snapshot_in(file) in params.snapshots]
            lists = {params.paths_file: files}
        else:
            places = [f"crawl-data/{name}/warc.paths.gz" for name in params.snapshots]
            lists = {place: _listed(_under(params.base, place), folder) for place in places}
        for place, files in lists.items():
            if not files:
                raise ValueError(f"{place} names no WARC file of {params.snapshots}")
        return [_under(params.base, file) for files in lists.values() for file in files[: params.max_files]]

    def crawl(self, path: str, params: Any) -> str | None:
        return snapshot_in(path)


def _listed(path: str, folder: Path) -> list[str]:
    try:
        return read_lines(path if is_remote(path) else str(folder / path))
    except (OSError, EOFError, ValueError, ImportError) as e:
        raise ValueError(f"the list of WARC files {path} cannot be read: {e}") from e


def _under(base: str, path: str) -> str:
    """A listed path under the base; one that is absolute or a URL stays."""
    if path.startswith("/") or is_remote(path):
        return path
    return f"{base.rstrip('/')}/{path}"


common_crawl = CommonCrawl()
