"""Read papers from arXiv's TeX sources: one document a submission, its bytes as they came.

Source:  arXiv's bulk data: tars arXiv_src_YYMM_NNN.tar, whose members are ID.gz (one file of TeX, or a tar, in gzip) or ID.pdf (where
         there is no TeX). A submission by itself (ID.tar.gz, ID.gz, ID.tar, ID.tex) is one document, too. Limits ours.
Units:   content = the submission's bytes, opened by clean_latex. arxiv_id = its identifier without version (2101.00001,
         hep-th/9901001), null where the name has none; url with the version, where the name has one; date = first day of the month the
         identifier names. record_offset = start of the member in its tar.
Params:  paths -- files or glob patterns, local or URLs. A name with arXiv_src_, and one in .tar without an identifier, is a bulk tar.
         max_submission_bytes -- a larger submission is not read (default 64 MiB; arXiv takes 50 MB).
Drops:   broken_record (what is lost of a damaged tar), too_large, no_tex (a PDF); duplicate_record (by the engine).
Errors:  TaskError if a file cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa
from pydantic import Field

from curation.stage import Source, StageParams, Types
from stages.sources.archives.members import Member, members, taker
from stages.sources.batches import RowsToTables
from stages.sources.opening import PathList, open_input

_ARCHIVES = (
    "acc-phys adap-org alg-geom ao-sci astro-ph atom-ph bayes-an chao-dyn chem-ph cmp-lg comp-gas cond-mat cs dg-ga funct-an gr-qc hep-ex "
    "hep-lat hep-ph hep-th math math-ph mtrl-th nlin nucl-ex nucl-th patt-sol physics plasm-ph q-alg q-bio quant-ph solv-int supr-con"
)
"""arXiv's archives up to March 2007, parts of the identifiers of that time."""
_MONTH = r"(?P<{0}year>\d\d)(?P<{0}month>0[1-9]|1[0-2])"
_ANY = "|".join(sorted(_ARCHIVES.split(), key=len, reverse=True))
_IDENTIFIER = re.compile(
    rf"(?:(?<![A-Za-z-])(?P<archive>{_ANY})(?:\.[A-Z]{{2}})?[-_./]?{_MONTH.format('old_')}"
    rf"(?P<old_number>\d{{3}})|(?<!\d){_MONTH.format('')}\.(?P<number>\d{{4,5}}))(?P<version>v[1-9]\d{{0,2}})?(?!\d)"
)


class Identifier(NamedTuple):
    """What a name says of the paper: `identifier` without version, `version` ("v2", or ""), `date` as ISO 8601."""

    identifier: str
    version: str
    date: str


def identifier(path: str) -> Identifier | None:
    """The last identifier in a path; None where there is none."""
    found = [*_IDENTIFIER.finditer(path)]
    if not found:
        return None
    archive, old_year, old_month, old_number, year, month, number, version = found[-1].groups()
    if archive:
        year, month, name = old_year, old_month, f"{archive}/{old_year}{old_month}{old_number}"
    else:
        name = f"{year}{month}.{number}"
    return Identifier(name, version or "", f"{19 if archive and year > '90' else 20}{year}-{month}-01")


class Params(StageParams):
    """Parameters of the source arxiv; see the file's docstring."""

    paths: PathList = Field(examples=["arxiv/arXiv_src_*.tar"])
    max_submission_bytes: int = Field(default=64 << 20, ge=1)


class Arxiv(Source):
    """Source `arxiv`."""

    name = "arxiv"
    Params = Params
    transient = frozenset({"content"})
    drops = ("broken_record", "too_large", "no_tex", "duplicate_record")

    def columns(self, params: Any, example: str | None) -> Types:
        return {"content": pa.large_binary(), "arxiv_id": pa.field("arxiv_id", pa.string())}

    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        tables = RowsToTables(self.name, relative, ("content", pa.large_binary()), {"arxiv_id": pa.string()})
        last_wanted = None if want is None else (int(want[-1]) if len(want) else -1)
        for member in _submissions(path, relative, params.max_submission_bytes, taker(want, progress)):
            known = identifier(member.name)
            content = member.content or b""
            reason = member.reason or ("no_tex" if content.startswith(b"%PDF-") else None)
            name, url, date = None, None, None
            if known:
                name, url, date = known.identifier, f"https://arxiv.org/abs/{known.identifier}{known.version}", known.date
            given = known and known.identifier + known.version
            if tables.add((member.ordinal, given, url, date, member.offset, reason, name), None if reason else content):
                yield tables.take()
            if member.ordinal == last_wanted:
                break
        if tables.rows:
            yield tables.take()


def _submissions(path: str, relative: str, max_bytes: int, take: Callable[[int], bool]) -> Iterator[Member]:
    """The members of a bulk tar, or a file as the one that it is."""
    name = path.rpartition("/")[2].lower()
    if "arxiv_src_" in name or (name.endswith(".tar") and identifier(relative) is None):
        yield from members(path, max_member_bytes=max_bytes, take=take)
    elif take(0):
        with open_input(path) as file:
            content = file.read(max_bytes + 1)
        fits = len(content) <= max_bytes
        yield Member(0, 0, relative, len(content), content if fits else None, None if fits else "too_large", None)


arxiv = Arxiv()
