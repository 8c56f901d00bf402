"""Which licence a text is, and what manifests say.

A licence file is told by the words it shares with the licences of choosealicense.com, which the package `identify` carries: twice the words in
common over the words of both (Dice), words counted as often as they occur, without the lines that name who holds the copyright. A text that adds or leaves
out more than a fortieth is none of them: several licences in one file, or one with conditions added, are not known.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from functools import cache
from typing import Any

from identify.vendor.licenses import LICENSES

from stages.github.spdx import joined, normal

MIN_LIKENESS = 0.95
"""Ours: the two BSD licences share 0.91 of their words, and copies of one in the wild differ in names and wrapping by some 0.03."""
MAX_BYTES = 1 << 16
"""Longer texts are no single licence: the GPL has 35 kB (ours)."""
_COPYRIGHT = re.compile(r"^[ \t*#/;-]{0,40}(?:copyright[ \t]{0,9}(?:\(c\)|©|[0-9<\[{]|by\b)|\(c\)[ \t]|©|all rights reserved)[^\n]*$", re.I | re.M)
_WORD = re.compile(r"\w+")
_APPENDIX = re.compile(r"end of terms and conditions|appendix: how to apply", re.I)
_TAG = re.compile(r"SPDX-License-Identifier:[ \t]{0,9}([^\n]{1,200})")
_NAME = re.compile(r"(?:[\w.]{1,40}[-_])?(?:un)?licen[cs]e(?:s)?(?:[-_.][\w.-]{1,40})?|copying(?:[-_.][\w.-]{1,40})?", re.I)
_TEXTUAL = frozenset(["txt", "md", "rst", "markdown", "text", "html", "mit", "bsd", "apache", "gpl", "lesser", "lib", "apache2", "apl2"])
_HEADER = re.compile(r"^(License-Expression|License|Classifier):[ \t]{0,9}([^\n]{1,300})", re.M)
MANIFESTS = frozenset(["package.json", "composer.json", "cargo.toml", "pyproject.toml", "pkg-info", "metadata"])


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(_COPYRIGHT.sub("", text).lower()))


@cache
def _known() -> tuple[tuple[str, Counter[str], int], ...]:
    """Name, words and number of words of each licence; Apache's also without its appendix."""
    texts = [(name, text) for name, text in LICENSES]
    texts += [(name, text[: end.start()]) for name, text in LICENSES if (end := _APPENDIX.search(text))]
    return tuple((name, words, words.total()) for name, words in ((name, _words(text)) for name, text in texts))


def is_licence_file(name: str) -> bool:
    """Whether a file's name says that it is a licence: LICENSE, COPYING.txt, LICENSE-MIT, MIT-LICENSE; not license.py."""
    name = name[-100:]
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return bool(_NAME.fullmatch(name)) and (not extension or extension in _TEXTUAL or not extension.isalpha())


def licence_of_text(text: str) -> str | None:
    """The licence a text is, by its tag or its words; None where it is none that is known."""
    tag = tagged(text[:2000])
    if tag is not None:
        return tag
    if len(text) > MAX_BYTES:
        return None
    words = _words(text)
    total = words.total()
    best, likeness = None, MIN_LIKENESS
    for name, known, size in _known():
        if 2 * min(size, total) < likeness * (size + total):
            continue
        like = 2 * (words & known).total() / (size + total)
        if like >= likeness:
            best, likeness = name, like
    return best


def tagged(text: str) -> str | None:
    """The expression of all tags SPDX-License-Identifier in a text."""
    found = [normal(tag.split("*/")[0].split("-->")[0].strip(" \t\"'*#/-;")) for tag in _TAG.findall(text)]
    return joined(expression or "unknown" for expression in found)


def licence_of_manifest(name: str, text: str) -> str | None:
    """The licence a manifest declares in its field for it, or None."""
    if len(text) > MAX_BYTES:
        return None
    try:
        match name.lower():
            case "package.json" | "composer.json":
                return _of_json(json.loads(text))
            case "cargo.toml" | "pyproject.toml":
                return _of_toml(tomllib.loads(text))
            case _:
                return _of_headers(text)
    except (ValueError, RecursionError):
        return None


def _of_json(manifest: Any) -> str | None:
    if not isinstance(manifest, dict):
        return None
    value = manifest.get("license", manifest.get("licenses"))
    values = value if isinstance(value, list) else [value]
    values = [v.get("type") if isinstance(v, dict) else v for v in values[:20]]
    found = [expression for v in values if isinstance(v, str) and (expression := normal(v))]
    return " OR ".join(f"({e})" if " " in e else e for e in found) or None


def _of_toml(manifest: dict[str, Any]) -> str | None:
    for place in (("package",), ("project",), ("tool", "poetry")):
        table: Any = manifest
        for key in place:
            table = table.get(key) if isinstance(table, dict) else None
        value = table.get("license") if isinstance(table, dict) else None
        value = value.get("text") if isinstance(value, dict) else value
        if isinstance(value, str):
            return normal(value)
    return None


def _of_headers(text: str) -> str | None:
    fields: dict[str, list[str]] = {}
    for name, value in _HEADER.findall(text.split("\n\n", 1)[0]):
        fields.setdefault(name, []).append(value)
    for name in ("License-Expression", "License"):
        if expression := normal(next(iter(fields.get(name, ())), None)):
            return expression
    classifiers = [value.split("::") for value in fields.get("Classifier", ()) if value.startswith("License ::")]
    return joined(expression or "unknown" for parts in classifiers if len(parts) > 2 for expression in [normal(parts[-1])])
