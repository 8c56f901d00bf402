"""Which licence a text is, and what manifests say.

A licence file is told by the words it shares with the licences of choosealicense.com, which the package `identify` carries: twice the words
in common over the words of both (Dice), words counted as often as they occur, without the lines that name who holds the copyright. Several
licences in one file are too unlike each of them; one with a condition added is seen by words of conditions that it has more often than the
licence it is like. A short text names licences rather than being one, or (`see docs`) says nothing.
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

MIN_LIKENESS = 0.9
"""Ours: of 254 texts that packages carry, copies with other names and titles lie above, two licences in one file below."""
CONDITIONS = (
    "not", "must", "shall", "only", "except", "exception", "unless", "commercial", "noncommercial", "prohibited", "restricted", "forbidden",
    "evil", "nuclear", "military", "academic", "required", "fee", "royalty", "patent",
)  # fmt: skip
"""Words of which a copy of a licence has no more than the licence (ours)."""
MAX_SHORT_WORDS = 150
"""Words up to which a text that is no licence may name one: Apache's notice has 90 (ours)."""
MAX_BYTES = 1 << 16
"""Longer texts are no single licence: the GPL has 35 kB (ours)."""
MAX_DOTS = 500
"""Of a line of TOML; the time to read a dotted key is its length squared (ours)."""
_COPYRIGHT = re.compile(
    r"^[ \t*#/;-]{0,40}(?:copyright[ \t]{0,9}(?:\(c\)|©|[0-9<\[{]|by\b)|\(c\)[ \t]|©|all rights reserved)[^\n]*$", re.I | re.M
)
_WORD = re.compile(r"\w+")
_APPENDIX = re.compile(r"end of terms and conditions|appendix: how to apply", re.I)
_TAG = re.compile(r"SPDX-License-Identifier:[ \t]{0,9}([^\n]{1,200})")
_NOTICES: tuple[tuple[str, re.Pattern[str]], ...] = tuple((name, re.compile(pattern)) for name, pattern in (
    ("Apache-2.0", r"apache license,? ?\(?(?:version|v\.?) ?2|apache-2\.0|apache 2\.0 license|licenses/license-2\.0"),
    ("MIT", r"permission is hereby granted, free of charge, to any person obtaining a copy|\bmit[ -](?:style )?licen[cs]e|licenses?/mit\b"),
    ("BSD", r"redistribution and use in source and binary forms, with or without|\bbsd[ -](?:style )?licen[cs]e|\bbsd licen[cs]ed"),
    ("AGPL", r"gnu affero|affero general public|\bagpl"), ("LGPL", r"gnu (?:lesser|library) general public|\blgpl"),
    ("GPL", r"gnu general public licen[cs]e|\bgpl\b|\bgpl ?v?[23]"), ("MPL-2.0", r"mozilla public licen[cs]e"),
    ("EPL", r"eclipse public licen[cs]e"), ("CDDL", r"common development and distribution licen[cs]e"),
    ("MS-PL", r"microsoft public licen[cs]e"),
    ("BSL-1.0", r"boost software licen[cs]e"), ("BUSL-1.1", r"business source licen[cs]e"), ("Elastic-2.0", r"elastic licen[cs]e"),
    ("ISC", r"permission to use, copy, modify,? and(?:/or)? distribute this software"), ("CC", r"creative commons attribution"),
    ("proprietary", r"proprietary and confidential|confidential and proprietary|trade secret|unauthorized copying"),
))  # fmt: skip
"""Licences that a short text names or whose words it has, in lower case with single spaces. Ours."""
_RESERVED = re.compile(r"rights reserved|proprietary|confidential|unlicensed")
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
    """The licence a text is, by its tag or its words; `unknown` where it is none that is known, None where it is none at all."""
    tag = tagged(text[:2000])
    if tag is not None:
        return tag
    if len(text) > MAX_BYTES:
        return "unknown"
    words = _words(text)
    total = words.total()
    best, likeness = None, MIN_LIKENESS
    for name, known, size in _known():
        if 2 * min(size, total) < likeness * (size + total):
            continue
        like = 2 * (words & known).total() / (size + total)
        if like >= likeness:
            likeness, best = like, name if all(words[c] <= known[c] for c in CONDITIONS) else None
    if best is not None or total > MAX_SHORT_WORDS:
        return best or "unknown"
    said = " ".join(text.lower().split())
    return named(said) or ("unknown" if _RESERVED.search(said) else None)


def named(said: str) -> str | None:
    """The licences a short text names, which all must hold; None where it names none. said: in lower case with single spaces."""
    return joined(name for name, pattern in _NOTICES if pattern.search(said))


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
                dots = max(line.count(".") for line in text.split("\n"))
                return _of_toml(tomllib.loads(text)) if dots <= MAX_DOTS else None
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
