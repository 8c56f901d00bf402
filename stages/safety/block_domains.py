"""Drop pages of hosts and domains that stand on a block list, and of URLs with words of a word list.

Source:  Llama 3, section 3.1.1: domains known for personal data, harmful and adult content. URL words and their weights: RefinedWeb,
         Penedo et al. 2023, appendix G.1. No list is built in.
Units:   block_category = category of the entry or word that matched, block_list = file name of its list (without folders
         and suffixes; for files called domains or urls, as UT1's are, the name of their folder); null where nothing matched.
Params:  lists -- {category: file or files}, or files alone, whose category is their block_list. A file (text or .gz) has one host or
             domain a line; hosts-file lines ("0.0.0.0 host"), "*." and "." in front, and comments after # are understood.
         pages -- the same for files of pages, host and path a line (UT1's `urls`): an entry blocks what lies beneath it.
         opt_out -- the same for hosts that asked to be left out: `host 2024-05-01` blocks captures from that day on (UTC), a line
             without a date all captures. A capture without a date counts as the newest.
         allow -- files of hosts never blocked, by words neither, unless a longer entry of another list covers the URL.
         words, soft_words -- the same for files of URL words, one a line. One of `words` blocks; of `soft_words`, each with a weight
             (`word 0.5`; 1 where none is given), the distinct ones of a URL together must reach min_soft_weight.
         min_soft_weight -- 0.001 to 1,000,000 (default 2, ours).
Drops:   blocked_domain.
Errors:  a missing or damaged list, or one without a usable entry, is an error of the recipe; broken lines and refused entries are
         counted and shown before a run. A page without a host is never blocked.

An entry blocks the host itself and everything under it; an IP address itself alone. Names are compared in lower case, punycode, without
the final dot; only the first 4,096 bytes of a URL are looked at. An entry that is a public suffix (`co.uk`, `github.io`), has a single
label or is no host name (`user@host`) never matches, since it would block strangers. Where several entries match, the longest decides,
then `allow`, `lists`, `pages`, `opt_out`, each in order. Pages are compared with `%7E` and the like as RFC 3986 has it. URL words are
whole runs of letters and digits in host, path and query, in lower case. An opt-out by robots.txt or by contract is a line of `opt_out`
with the day it was given: what was captured before that day stays, as those protocols ask; without a day nothing stays.
"""

from __future__ import annotations

import os
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation import assets
from curation.stage import AssetMark, Batch, Columns, StageParams, stage
from curation.text import Utf8
from stages.safety.lists.match import ANY_DAY, match
from stages.safety.lists.read import WEIGHT_UNIT, check, parse_hosts
from stages.safety.lists.table import Table, sorted_table, table_of

HostFile = Annotated[str, AssetMark(partial(check, "hosts"))]
DatedFile = Annotated[str, AssetMark(partial(check, "dated"))]
PageFile = Annotated[str, AssetMark(partial(check, "pages"))]
WordFile = Annotated[str, AssetMark(partial(check, "words"))]
_UNIX_DAY_MICROSECONDS = 86_400_000_000


class Params(StageParams):
    """Parameters of block_domains; see the file's docstring."""

    lists: dict[str, HostFile | tuple[HostFile, ...]] | tuple[HostFile, ...] = Field(examples=[{"adult": "lists/adult.txt"}])
    pages: dict[str, PageFile | tuple[PageFile, ...]] | tuple[PageFile, ...] = ()
    opt_out: dict[str, DatedFile | tuple[DatedFile, ...]] | tuple[DatedFile, ...] = ()
    allow: tuple[HostFile, ...] = ()
    words: dict[str, WordFile | tuple[WordFile, ...]] | tuple[WordFile, ...] = ()
    soft_words: dict[str, WordFile | tuple[WordFile, ...]] | tuple[WordFile, ...] = ()
    min_soft_weight: float = Field(default=2, ge=0.001, le=1_000_000)


@stage(
    reads=lambda params: ["url", "date"] if params.opt_out else ["url"],
    writes={
        "block_category": pa.field("block_category", pa.string(), nullable=True),
        "block_list": pa.field("block_list", pa.string(), nullable=True),
    },
    drops=["blocked_domain"],
    version="3",
)
def block_domains(batch: Batch, params: Params) -> Columns:
    """Return the category and list that block each document, if any, and drop_reason (null = keep)."""
    hosts = [("", "hosts", file) for file in params.allow]
    hosts += [*_named("hosts", params.lists), *_named("pages", params.pages), *_named("dated", params.opt_out)]
    strict, soft = _named("words", params.words), _named("words", params.soft_words)
    table, words = _table(_paths(hosts)), _table(_paths([*strict, *soft]))
    days = _days(batch["date"]) if params.opt_out else np.full(len(batch), ANY_DAY, np.int32)
    found = match(batch["url"], days, table, bool(params.pages), words, len(strict), round(params.min_soft_weight * WEIGHT_UNIT))
    ordinal = np.where(found.words >= 0, found.words + len(hosts), np.where(found.lists >= len(params.allow), found.lists, -1))
    index = pa.array(ordinal, mask=ordinal < 0)
    every = [*hosts, *strict, *soft]
    return {
        "block_category": pa.array([category for category, _, _ in every], pa.string()).take(index),
        "block_list": pa.array([list_name(file) for _, _, file in every], pa.string()).take(index),
        "drop_reason": pa.array(["blocked_domain"] * len(every), pa.string()).take(index),
    }


def _named(kind: str, lists: Any) -> list[tuple[str, str, str]]:
    """(category, kind, file) of every list of a parameter, in order."""
    if not isinstance(lists, dict):
        return [(list_name(file), kind, file) for file in lists]
    files = {category: (named,) if isinstance(named, str) else named for category, named in lists.items()}
    return [(category, kind, file) for category, named in files.items() for file in named]


def list_name(file: str) -> str:
    """File name without folders and suffixes; the folder's name for UT1's `domains` and `urls`."""
    name = os.path.basename(file).partition(".")[0]
    return os.path.basename(os.path.dirname(file)) or name if name in ("domains", "urls") else name


def _paths(lists: list[tuple[str, str, str]]) -> tuple[tuple[str, str, int, int], ...]:
    """(kind, path, size, time of change) of each list, which tell when a table is out of date."""
    found = []
    for _, kind, file in lists:
        path = assets.resolve(file, Path.cwd())
        stat = path.stat()
        found.append((kind, str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


@lru_cache(8)
def _table(lists: tuple[tuple[str, str, int, int], ...]) -> Table:
    return table_of(tuple((kind, path) for kind, path, _, _ in lists))


def _days(dates: pa.Array) -> Any:
    """Days since 1970 of the captures, ANY_DAY where there is no date: int32 (n,)."""
    microseconds = pc.fill_null(dates.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), np.iinfo(np.int64).max)
    days = microseconds.to_numpy(zero_copy_only=False) // _UNIX_DAY_MICROSECONDS
    return np.clip(days, np.iinfo(np.int32).min, ANY_DAY).astype(np.int32)


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file and of those it uses."""
    names = Utf8.of_strings(["host.example", "host.example"])
    table = sorted_table(names, np.zeros(2, np.int32), np.zeros(2, np.uint16))
    match(pa.array(["http://host.example/"]), np.zeros(1, np.int32), table, True, table, 1, WEIGHT_UNIT)
    parse_hosts(b"host.example", False)
