"""Read posts from the dump of a Stack Exchange site: Posts.xml, plain, .gz, .bz2 or .zst, or inside a .7z archive.

A post is a document; `content` is its HTML. Questions and answers are kept, wiki pages of tags and the like are not.

Source:  https://archive.org/details/stackexchange; schema at https://meta.stackexchange.com/q/2677. Licences by date at
         https://stackoverflow.com/help/licensing. Sites: Llama 1, section 2.1, took the 28 largest and names none of them.
Units:   record_offset = byte of the row's start in the decompressed file. post_id, parent_id and accepted_answer_id name posts of the same
         site. licence is an SPDX name.
Params:  paths -- files or glob patterns, local or URLs.
         site -- host of the site; default: as the file's or its folder's name says (coffee.stackexchange.com/Posts.xml.gz,
         stackoverflow.com-Posts.7z).
         sites -- hosts whose posts are kept, or largest_28 (the list stands in this file); default: all.
         max_row_bytes -- a longer row is not read (default 16 MiB; a post may have 30,000 characters).
         part_bytes -- a plain XML file is read in parts of about this size (default 256 MiB).
Drops:   broken_record (a row that is no XML, without or with wrong numbers; what lies between rows; a stream damaged or cut from here on),
         too_large (the row), other_post_type (neither question nor answer), other_site (not in `sites`), no_text (a row without a body),
         duplicate_record (by the engine).
Errors:  ValueError before the run if a file is no Posts.xml, its site cannot be told, or an archive is encrypted, a bomb, or has none.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.documents import document_ids
from curation.errors import TaskError
from curation.rules import first_true
from curation.stage import Source, StageParams, Types
from stages.sources.archives.seven_zip import open_member
from stages.sources.dates import utc_dates
from stages.sources.dumps.post_rows import ABSENT, BROKEN, NO_NUMBER, REASONS, Rows, integers, resolved, rows_of
from stages.sources.opening import CODECS, PathList, head, is_remote, open_decompressed

LARGEST_28 = frozenset([
    "stackoverflow.com", "math.stackexchange.com", "superuser.com", "serverfault.com", "askubuntu.com", "ru.stackoverflow.com",
    "tex.stackexchange.com", "unix.stackexchange.com", "english.stackexchange.com", "physics.stackexchange.com",
    "electronics.stackexchange.com", "stats.stackexchange.com", "pt.stackoverflow.com", "apple.stackexchange.com", "mathoverflow.net",
    "gis.stackexchange.com", "gaming.stackexchange.com", "wordpress.stackexchange.com", "softwareengineering.stackexchange.com",
    "sharepoint.stackexchange.com", "salesforce.stackexchange.com", "drupal.stackexchange.com", "magento.stackexchange.com",
    "dba.stackexchange.com", "es.stackoverflow.com", "ell.stackexchange.com", "scifi.stackexchange.com", "codereview.stackexchange.com",
])  # fmt: skip
"""The sites with most questions and answers, by TotalQuestions and TotalAnswers of the dump's Sites.xml of 2 December 2018; sites about
sites (meta) are left out. Llama 1 does not name its 28."""

NUMBERS = ("Id", "PostTypeId", "ParentId", "AcceptedAnswerId", "Score")
TEXTS = ("CreationDate", "Title", "Tags", "ContentLicense", "Body")
BODY = TEXTS.index("Body")
QUESTION, ANSWER = 1, 2
LICENCES = (("2018-05-02", "CC-BY-SA-4.0"), ("2011-04-08", "CC-BY-SA-3.0"), ("", "CC-BY-SA-2.5"))
"""The licence of posts of a day and later, where a row does not tell its own (older dumps)."""
COLUMNS: dict[str, Any] = {
    "site": pa.string(), "post_id": pa.int64(), "post_type": pa.string(),
    **{n: pa.field(n, pa.int64(), nullable=True) for n in ("parent_id", "accepted_answer_id", "score")},
    "title": pa.field("title", pa.string(), nullable=True), "tags": pa.field("tags", pa.list_(pa.string()), nullable=True),
    "licence": pa.field("licence", pa.string(), nullable=True),
}  # fmt: skip

_HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4}")
_POSTS = re.compile(r"(.*?)[-_.]?posts\.xml", re.I)


class Params(StageParams):
    """Parameters of the Stack Exchange source; see the file's docstring."""

    paths: PathList
    site: str | None = None
    sites: list[str] | Literal["largest_28"] | None = None
    max_row_bytes: int = Field(16 << 20, ge=1)
    part_bytes: int = Field(256 << 20, ge=1)


class Stackexchange(Source):
    """Source `stackexchange`."""

    name = "stackexchange"
    Params = Params
    transient = frozenset({"content"})
    drops = (BROKEN, "too_large", "other_post_type", "other_site", "no_text", "duplicate_record")

    def columns(self, params: Any, example: str | None) -> Types:
        return {"content": pa.large_binary(), **COLUMNS}

    def check(self, path: str, params: Any) -> None:
        """Refuse other files than Posts.xml, and archives that are not read.

        Raises: ValueError saying what is wrong.
        """
        if not site_of(path, params.site):
            raise ValueError(f"{path}: its name does not tell the site; say `site: coffee.stackexchange.com`")
        if path.lower().endswith(".7z"):
            if not is_remote(path):
                with contextlib.suppress(OSError, TaskError):  # the run tells it
                    open_member(path, is_posts).close()
            return
        first = head(path)
        if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise ValueError(f"{path} is UTF-16: convert it to UTF-8")
        root = re.search(rb"<([a-z]+)[\s>]", first)
        if root and root[1] not in (b"posts", b"row"):
            raise ValueError(f"{path} has the root element <{root[1].decode()}>, not <posts>: only Posts.xml is read")

    def parts(self, path: str, size_bytes: int, params: Any) -> list[str]:
        if path.lower().endswith((".7z", *CODECS)) or size_bytes <= params.part_bytes:
            return [""]
        count = -(-size_bytes // params.part_bytes)
        cuts = [size_bytes * k // count for k in range(count + 1)]
        return [f"{start}-{'' if stop == size_bytes else stop}" for start, stop in pairwise(cuts)]

    def read(
        self, path: str, relative: str, part: str, params: Any,
        want: Any = None, progress: Callable[[int], None] | None = None,
    ) -> Iterator[pa.Table]:  # fmt: skip
        """Yield one part. Up to SCANNED_ROWS rows are decoded as a whole: `progress` is called with the first of them."""
        site = site_of(path, params.site) or ""
        sites = LARGEST_28 if params.sites == "largest_28" else params.sites
        kept = sites is None or site in sites
        first, _, last = part.partition("-")
        start, end, row = int(first or 0), int(last) if last else None, 0
        with contextlib.ExitStack() as opened:
            stream = opened.enter_context(contextlib.closing(_stream(path)))
            if start:
                stream.seek(start)
            for rows in rows_of(stream, NUMBERS + TEXTS, params.max_row_bytes, start, end):
                numbers = np.arange(row, row + len(rows.offsets))
                row += len(numbers)
                if want is not None:
                    chosen = np.isin(numbers, want)
                    rows, numbers = Rows(rows.data, rows.offsets[chosen], rows.reasons[chosen], rows.values[chosen]), numbers[chosen]
                if len(numbers):
                    if progress is not None:
                        progress(int(numbers[0]))
                    yield _table(rows, numbers, site, relative, kept)


class _Damaged:
    """An archive of which nothing can be read."""

    def read(self, size: int) -> bytes:
        raise OSError("damaged")

    def close(self) -> None:
        """Nothing is open."""


def is_posts(name: str) -> bool:
    """Whether a file of an archive is the table of posts."""
    return name.replace("\\", "/").rpartition("/")[2].lower() == "posts.xml"


def site_of(path: str, given: str | None) -> str | None:
    """Host of the site a file is of: as given, or as its name or its folder's says; None where neither does."""
    if given:
        return given
    folder, _, name = path.replace("\\", "/").rpartition("/")
    name = name.lower()
    found = _POSTS.match(name)
    name = found[1] if found else re.sub(r"[-_.]?posts$", "", name.removesuffix(".7z"))
    hosts = [n for n in (name, folder.rpartition("/")[2].lower()) if _HOST.fullmatch(n)]
    return hosts[0] if hosts else None


def _stream(path: str) -> Any:
    if not path.lower().endswith(".7z"):
        return open_decompressed(path)
    try:
        return open_member(path, is_posts)
    except OSError:
        return _Damaged()


def _table(rows: Rows, row: Any, site: str, relative: str, kept: bool) -> pa.Table:
    """The table of some rows; `kept`: whether the site's posts are wanted."""
    n, k = len(row), len(NUMBERS)
    numbers, absent = integers(rows.data, rows.values[:, :k]), rows.values[:, k:, 0] < 0
    post_id, kind = numbers[:, 0], numbers[:, 1]
    broken = (rows.reasons == 0) & ((post_id < 0) | (kind < 0) | (numbers == NO_NUMBER).any(axis=1))
    reason = np.where(broken, REASONS.index(BROKEN), rows.reasons)
    lost = reason > 0
    unread = {name: reason == number for number, name in enumerate(REASONS) if name}
    other = (kind != QUESTION) & (kind != ANSWER)
    reasons = first_true(**unread, other_site=np.full(n, not kept), other_post_type=other, no_text=absent[:, BODY])
    dropped = ~reasons.is_null().to_numpy(zero_copy_only=False)
    integer = [pa.array(column, mask=lost | (column == ABSENT)) for column in numbers.T]
    short = _strings(rows.data, rows.values[:, k : k + BODY], lost[:, None] | absent[:, :BODY]).cast(pa.string())
    date, title, tags, licence = (short[t * n : (t + 1) * n] for t in range(BODY))
    names = pc.cast(integer[0], pa.string())
    answers = pa.array(kind == ANSWER)
    page = pc.if_else(answers, pa.scalar(f"https://{site}/a/"), pa.scalar(f"https://{site}/questions/"))
    url, given = pc.binary_join_element_wise(page, names, ""), pc.binary_join_element_wise(pa.scalar(site), names, "/")
    dates = utc_dates(pc.if_else(pc.match_substring_regex(date, "^[0-9T:.-]{19,29}$"), pc.binary_join_element_wise(date, "Z", ""), date))
    offset = pa.array(rows.offsets, pa.int64())
    of_day = pa.nulls(n, pa.string())
    for day, name in reversed(LICENCES):
        of_day = pc.if_else(pc.greater_equal(date, day).fill_null(False), name, of_day)
    types = pc.if_else(answers, "answer", pc.if_else(pa.array(kind == QUESTION), "question", pc.cast(integer[1], pa.string())))
    table = {
        "id": document_ids(Stackexchange.name, given, url=url, date=dates, relative=relative, offset=offset), "url": url, "date": dates,
        "record_file": pa.repeat(pa.scalar(relative), n), "record_offset": offset,
        "content": _strings(rows.data, rows.values[:, k + BODY :], dropped[:, None]), "site": pa.repeat(pa.scalar(site), n),
        "post_id": integer[0], "post_type": types, "parent_id": integer[2], "accepted_answer_id": integer[3], "score": integer[4],
        "title": title,
        "tags": pc.split_pattern(pc.replace_substring(pc.utf8_trim(tags, "<>|"), "><", "|"), "|"),
        "licence": pc.coalesce(pc.replace_substring(pc.utf8_trim(licence, " "), " ", "-"), of_day),
    }  # fmt: skip
    return pa.table(table | {"_row": pa.array(row, pa.int64()), "drop_reason": reasons})


def _strings(data: bytes, spans: Any, absent: Any) -> pa.Array:
    """Attributes of rows, all of the first one and so on: large_binary, references resolved, bytes that are no UTF-8 as U+FFFD.

    Args:
        spans: int64 (n, attributes, 2), where they stand in data. absent: bool (n, attributes), which are null.
    """
    absent = absent.T.ravel()
    data, ends = resolved(data, np.where(absent[:, None], -1, spans.transpose(1, 0, 2).reshape(-1, 2)))
    valid = pa.py_buffer(np.packbits(~absent, bitorder="little"))
    values = pa.Array.from_buffers(pa.large_binary(), len(absent), [valid, pa.py_buffer(ends), pa.py_buffer(data)])
    try:
        values.cast(pa.large_string())
    except pa.ArrowInvalid:
        values = pa.array([v and v.decode("utf-8", "replace").encode() for v in values.to_pylist()], pa.large_binary())
    return values


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this source."""
    for rows in rows_of(io.BytesIO(b'<posts><row Id="1" Body="&lt;&#10;" /></posts>'), NUMBERS + TEXTS, 1 << 10):
        _table(rows, np.arange(1), "", "", True)


stackexchange = Stackexchange()
