"""The files in an archive, one after another: tar and zip, files compressed by themselves, and plain files as archives of one.

What a file is, its first bytes say: gzip, bzip2, xz or zstd, and a tar in them or without them. A zip is opened where the name says
`.zip`, since EPUB and office files are zips too and one document each. An archive in an archive is one member; `members_of` opens its
bytes.

Only the member in hand is in memory, and nothing is written anywhere. What an archive says of itself may be meant to do harm: sizes
are bounds at most, names are cleaned, links and devices are passed over, what is inflated is bounded, for a member and in all. What is
damaged, cut, encrypted or has a wrong checksum is a member with a reason, and reading goes on at the next header of a tar or entry of
a zip; a zip without its directory, most often half a download, is read by the headers of its entries. tarfile and zipfile serve
neither end: they stop at a damage, the first reads extended headers of any size, the second keeps an object for each entry.

Source:  POSIX.1-2017 (pax) and GNU tar for tar.py, PKWARE APPNOTE 6.3.10 for zip.py, on top of entries.py and inflate.py. Limits ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from stages.sources.archives.entries import BROKEN, TOO_LARGE, Entry, Only, clean_name, damage, utc_text
from stages.sources.archives.inflate import Budget, Stream, TooMuchError, codec_of
from stages.sources.archives.tar import BLOCK_BYTES, is_tar, tar_entries
from stages.sources.archives.zip import zip_entries
from stages.sources.opening import open_input

MAX_MEMBER_BYTES = 64 << 20
MAX_MEMBERS = 20_000_000
MAX_RATIO = 1000
"""Deflate ends at 1,032, which only zeros and the like come near."""
FREE_BYTES = 1 << 30
"""So much may come out of any file, however small."""
SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zstd")
PACKED_TARS = (".tgz", ".taz", ".tbz", ".tbz2", ".txz", ".tzst")


class Member(NamedTuple):
    """A file in an archive, or a damage.

    ordinal: 0, 1, 2 ..., the same whatever is taken. offset: of its header; in a compressed tar, of the tar. name: cleaned
    (`clean_name`), "" for a damage. size: of the content; without one what the archive says, or None. content: None with a reason.
    reason: None, "broken_record" or "too_large". modified: ISO 8601, None where the archive does not say. alone: whether it is the
    whole file, in no archive (compressed or not).
    """

    ordinal: int
    offset: int
    name: str
    size: int | None
    content: bytes | None
    reason: str | None
    modified: str | None
    alone: bool = False


def taker(want: Any, progress: Callable[[int], None] | None) -> Callable[[int], bool]:
    """What a source's `read` takes of an archive: the rows it is asked for, each told before it is read.

    Args:
        want, progress: of `Source.read`.
    """
    wanted = None if want is None else set(map(int, want))

    def take(ordinal: int) -> bool:
        if wanted is not None and ordinal not in wanted:
            return False
        if progress is not None:
            progress(ordinal)
        return True

    return take


def members(path: str, *, name: str | None = None, **limits: Any) -> Iterator[Member]:
    """The members of a file, local or at a URL; see `members_of`.

    Args:
        name: what it is called, if not the last part of its path.
    Raises: TaskError if it cannot be opened or read.
    """
    with open_input(path) as file:
        yield from members_of(file, path.rpartition("/")[2] if name is None else name, **limits)


def members_of(
    file: Any, name: str, *, max_member_bytes: int = MAX_MEMBER_BYTES, max_members: int = MAX_MEMBERS, max_ratio: int = MAX_RATIO,
    max_total_bytes: int | None = None, only: Only = lambda name: True, take: Callable[[int], bool] = lambda ordinal: True,
) -> Iterator[Member]:  # fmt: skip
    """Go through the members of an open file, in the order they stand in.

    Args:
        file: what has read, seek and tell. name: its own; it says what is a zip, and names the member of a file that is no archive.
        max_member_bytes: a larger one is "too_large".
        max_members: behind so many, the rest is one more, "too_large".
        max_ratio: so many bytes may come out of each byte of the file, but FREE_BYTES in any case. The member with which it is more
            is "too_large", and so is one more for all behind it.
        max_total_bytes: at most so many may come out, ratio or not.
        only: which files are members, by their clean names. A damage always is one.
        take: which members to read and yield.
    """
    size = file.seek(0, 2)
    file.seek(0)
    limit = max(FREE_BYTES, max_ratio * size)
    budget = Budget(limit if max_total_bytes is None else min(limit, max_total_bytes))
    entries, ordinal = _entries(file, name, size, max_member_bytes, budget, only), 0
    while True:
        try:
            entry = next(entries, None)
        except TooMuchError:
            entry = damage(size)._replace(reason=TOO_LARGE)
        if entry is None:
            return
        if ordinal == max_members:
            entry = damage(entry.offset)._replace(reason=TOO_LARGE)
        if take(ordinal):
            yield _member(ordinal, entry)
        if ordinal == max_members:
            return
        ordinal += 1


def _member(ordinal: int, entry: Entry) -> Member:
    content, reason = None, entry.reason
    if reason is None:
        try:
            content = entry.read()
            reason = BROKEN if content is None else None
        except TooMuchError:
            reason = TOO_LARGE
    size = entry.size if content is None else len(content)
    return Member(ordinal, entry.offset, entry.name, size, content, reason, entry.modified, entry.alone)


def _entries(file: Any, name: str, size: int, max_member_bytes: int, budget: Budget, only: Only) -> Iterator[Entry]:
    """Entries of a file, whatever it is."""
    stem, dot, suffix = name.rpartition(".")
    suffix = dot + suffix.lower()
    if suffix == ".zip":
        yield from zip_entries(file, size, max_member_bytes, budget, only)
        return
    is_packed, is_packed_tar = suffix in SUFFIXES, suffix in PACKED_TARS
    inner = stem if is_packed else name
    first = file.read(10)
    file.seek(0)
    codec = codec_of(first)
    lacks_codec = codec is None and (is_packed or is_packed_tar)
    stream = Stream(file, codec, size, budget)
    if is_tar(stream.peek(BLOCK_BYTES)) or (not lacks_codec and (is_packed_tar or inner.lower().endswith(".tar"))):
        yield from tar_entries(stream, max_member_bytes, only)
    elif only(clean_name(inner)):
        told = size if codec is None else None
        reason = TOO_LARGE if told is not None and told > max_member_bytes else BROKEN if lacks_codec else None
        modified = utc_text(int.from_bytes(first[4:8], "little")) if codec == "gzip" else None
        yield Entry(0, clean_name(inner), told, modified, reason, partial(_all, stream, max_member_bytes), alone=True)


def _all(stream: Stream, max_bytes: int) -> bytes | None:
    data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise TooMuchError
    return None if stream.damaged else data
