"""Prefixes of URLs, which a person judges: `mathoverflow.net/questions/`.

A prefix is the host and the first parts of the path, up to a slash or a question mark, so that it stands for pages and is none itself; a
part of more than MAX_PART characters, or with a control character, ends it. A page has one prefix: `host/` is that of pages with no further
part, not of all the host's. The file has a line for each with the columns of HEADER; a person writes `accept` or `reject` into the first,
or leaves it empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation.csv_file import opened
from curation.errors import did_you_mean
from curation.storage import replace

MAX_PART = 80
HEADER = ("verdict", "prefix", "domain", "pages", "hits", "share", "example")
ACCEPT, REJECT = "accept", "reject"


def prefixes_of(urls: Any, depth: int) -> pa.Array:
    """Prefix of each URL: string array (n,), null where a URL is null or has no host.

    Args:
        depth: parts of the path a prefix has at most.
    """
    host = r"^\s*(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//(?:[^/?#\\]*@)?(?P<host>[^/?#@\\\pZ\pC]{1,260})"
    found = pc.extract_regex(urls, host + rf"(?P<path>(?:(?:/[^/?#\p{{Cc}}]{{1,{MAX_PART}}}){{0,{depth}}}[/?])?)")
    path = pc.struct_field(found, 1)
    return pc.binary_join_element_wise(pc.utf8_lower(pc.struct_field(found, 0)), pc.if_else(pc.equal(path, ""), "/", path), "")


def write(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the file a person edits: rows have the keys of HEADER but `verdict`."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(HEADER)
    for row in rows:
        lines.writerow(["", *(row[name] for name in HEADER[1:])])
    replace(file, out.getvalue().encode())


def read(file: Path, depth: int) -> dict[str, str]:
    """Verdicts by prefix: `accept` or `reject`; those without one are left out. A person may have added lines.

    Raises: RecipeError naming file, line and column.
    """
    found: dict[str, tuple[str, int]] = {}
    with opened(file, may_end_early=True) as table:
        table.need(*HEADER[:2])
        for row in table:
            verdict, prefix = row["verdict"].strip().lower(), row["prefix"].strip()
            if verdict not in ("", ACCEPT, REJECT):
                near = did_you_mean(verdict, (ACCEPT, REJECT))
                raise row.error("verdict", f"{verdict!r}: write {ACCEPT} or {REJECT}, or nothing{near}")
            right = prefixes_of(pa.array(["http://" + prefix]), depth)[0].as_py()
            if prefix != right:
                near = f" (did you mean {right!r}?)" if right else ""
                raise row.error("prefix", f"{prefix!r} is no prefix of at most {depth} parts that ends in / or ?{near}")
            if prefix in found:
                raise row.error("prefix", f"{prefix!r} stands in line {found[prefix][1]}, too")
            found[prefix] = (verdict, row.line)
    return {prefix: verdict for prefix, (verdict, _) in found.items() if verdict}
