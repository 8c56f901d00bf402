"""Drop pages of hosts and domains that stand on a block list.

Source:  Llama 3, section 3.1.1: domains known for personal data, harmful and adult content. No list is
         built in.
Units:   block_category = category of the entry that matched, block_list = file name of its list (without
         folders and suffixes); null where nothing matched.
Params:  lists -- {category: file or files}, or files alone, whose category is the file's name. A file
             (text or .gz) has one host or domain a line; hosts-file lines ("0.0.0.0 host"), "*." and "."
             in front, and comments after # are understood.
Drops:   blocked_domain.
Errors:  ValueError for a list without one usable entry. A page without a host is never blocked.

An entry blocks the host itself and everything under it; an IP address itself alone. Names are compared
in lower case, punycode, without the final dot. An entry that is a public suffix (`co.uk`, `github.io`),
has a single label or is no host name never matches, since it would block strangers. Where several
entries match, the longest decides, then the earlier list.
"""

from __future__ import annotations

import gzip
import os
import re
from functools import cache, lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from publicsuffixlist import PublicSuffixList
from pydantic import Field

from curation import assets
from curation.domains import host_of
from curation.stage import AssetFile, Batch, Columns, StageParams, stage

_AUTHORITY = r"^\s*(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//(?P<authority>[^/?#\\]*)"
_ADDRESS = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)|\[.*\]")  # as browsers tell: by the last label
_IN_HOSTS_FILES = {"0.0.0.0", "127.0.0.1", "::1", "::", "fe80::1%lo0", "255.255.255.255", "ff02::1", "ff02::2"}

Lists = dict[str, AssetFile | tuple[AssetFile, ...]] | tuple[AssetFile, ...]


class Params(StageParams):
    """Parameters of block_domains; see the file's docstring."""

    lists: Lists = Field(examples=[{"adult": "lists/adult.txt"}])


@stage(
    reads=["url"],
    writes={
        "block_category": pa.field("block_category", pa.string(), nullable=True),
        "block_list": pa.field("block_list", pa.string(), nullable=True),
    },
    drops=["blocked_domain"],
)
def block_domains(batch: Batch, params: Params) -> Columns:
    """Return the list that blocks each document, if any, and drop_reason (null = keep)."""
    blocks = block_list(_named_files(params.lists))
    matched = pc.struct_field(pc.extract_regex(batch["url"], _AUTHORITY), 0).dictionary_encode()
    found = [blocks.match(authority) for authority in matched.dictionary.to_pylist()]
    categories = pa.array([None if f is None else f[0] for f in found], pa.string()).take(matched.indices)
    lists = pa.array([None if f is None else f[1] for f in found], pa.string()).take(matched.indices)
    blocked = pc.is_valid(categories)
    reason = pc.if_else(blocked, pa.scalar("blocked_domain"), pa.scalar(None, pa.string()))
    return {"block_category": categories, "block_list": lists, "drop_reason": reason}


class BlockList:
    """Hosts and domains -> (category, list)."""

    def __init__(self, entries: dict[str, tuple[str, str]]) -> None:
        self.entries = entries
        self.match = lru_cache(1 << 17)(self._match)

    def _match(self, authority: str) -> tuple[str, str] | None:
        """The longest entry that covers the host of one `userinfo@host:port`."""
        host = host_of(authority)
        if host is None:
            return None
        if _ADDRESS.fullmatch(host):
            return self.entries.get(host)
        while host:
            if found := self.entries.get(host):
                return found
            host = host.partition(".")[2]
        return None


def _named_files(lists: Lists) -> tuple[tuple[str, str], ...]:
    """(category, file) of every list, in order."""
    if not isinstance(lists, dict):
        return tuple((list_name(file), file) for file in lists)
    files = {category: (named,) if isinstance(named, str) else tuple(named) for category, named in lists.items()}
    return tuple((category, file) for category, named in files.items() for file in named)


def list_name(file: str) -> str:
    """File name without folders and suffixes."""
    return os.path.basename(file).partition(".")[0]


def block_list(files: tuple[tuple[str, str], ...]) -> BlockList:
    """The block list made of (category, file) pairs, loaded once per process and content size.

    Raises: ValueError for a file without a usable entry, FileNotFoundError for none at all.
    """
    paths = [(category, str(assets.resolve(file, Path.cwd()))) for category, file in files]
    return _loaded(tuple((category, path, os.path.getsize(path)) for category, path in paths))


@cache
def _loaded(files: tuple[tuple[str, str, int], ...]) -> BlockList:
    entries: dict[str, tuple[str, str]] = {}
    for category, path, _ in files:
        hosts = read_list(path)
        if not hosts:
            raise ValueError(f"block list {path} has no usable host or domain")
        where = (category, list_name(path))
        for host in hosts:
            entries.setdefault(host, where)
    return BlockList(entries)


def read_list(path: str) -> list[str]:
    """Usable entries of one file, normalised, in order."""
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    hosts = []
    for line in data.decode("utf-8-sig", "replace").splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1 and words[0] in _IN_HOSTS_FILES:
            words = words[1:]
        hosts += [host for word in words if (host := usable(word)) is not None]
    return hosts


def usable(entry: str) -> str | None:
    """An entry as a normalised host; None where it must not match anything."""
    host = host_of(entry.removeprefix("*").lstrip("."))
    if host is None or host in _IN_HOSTS_FILES:
        return None
    if _ADDRESS.fullmatch(host):
        return host
    if "." not in host or _suffixes().is_public(host):
        return None
    return host


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
