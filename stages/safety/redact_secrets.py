"""Replace passwords, keys and tokens in files of code.

Source:  The Stack's and StarCoder's treatment (Li et al. 2023, section 4: keys and passwords are redacted); the forms of tokens are those
         their issuers document; values in assignments, and every number of it, are ours.
Units:   secret_count = finds replaced in `text`.
Params:  assigned -- look at strings given to a name such as password, token or api_key, too (default true): of 16 characters or more
         without white space, letters and digits both, and min_entropy bits a character. min_entropy -- Shannon's, of the characters of the
         string.
Drops:   nothing.
Errors:  none of its own; null becomes an empty text.

Found are: private keys in PEM (the lines between BEGIN and END), keys of AWS, Google, Stripe, OpenAI, tokens of GitHub, GitLab, Slack, npm,
PyPI, JSON Web Tokens, and what `assigned` adds. Each becomes <SECRET>. E-mail addresses and the like are redact_pii's.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from curation.stage import Batch, Columns, StageParams, stage

MARK = "<SECRET>"
PEM_CHARS = 16_384
"""Characters between BEGIN and END at most: a key of 16,384 bits has 13,000 (ours)."""
_STARTS = (
    "AKIA", "ASIA", "AIza", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "sk_live_", "rk_live_", "sk-", "npm_",
    "pypi-AgE", "eyJ",
)  # fmt: skip
"""How tokens begin: far quicker to look for than their forms."""
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{35}|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255}|glpat-[\w-]{20,64}|"
    r"xox[abeoprs]-[A-Za-z0-9-]{10,250}|[sr]k_live_[A-Za-z0-9]{24,250}|sk-[A-Za-z0-9_-]{40,250}|npm_[A-Za-z0-9]{36}|"
    r"pypi-AgE[\w-]{50,500}|(?<![\w-])eyJ[\w-]{10,1000}\.eyJ[\w-]{10,4000}\.[\w-]{10,1000})(?![A-Za-z0-9])"
)
_PEM = re.compile(r"-----(BEGIN|END) (?:[A-Z0-9]{1,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----")
_KEY = re.compile(r"[A-Za-z0-9+/]{32}")
"""What no key is without, and code that speaks of both lines is (ours)."""
_STRING = re.compile(r"[=:>][ \t]{0,9}[bru]{0,2}([\"'])([^\s\"'<>${}()]{16,200})(?=\1)", re.I)
_NAME = re.compile(
    r"(?:password|passwd|pwd|secret|token|(?:api|access|account|auth|private|secret)[_-]?key|credentials?)[\"'\]]{0,2}"
    r"[ \t]{0,9}(?:[:=]|:[ \t]{0,9}[\w.]{1,20}[ \t]{0,9})?$",
    re.I,
)
"""What a string is given to, up to the last of `=`, `:`, `:=`, `=>` or `: type =`."""
NAME_CHARS = 50
"""Characters before a string that are looked at for the name it is given to."""


class Params(StageParams):
    """Parameters of redact_secrets; see the file's docstring."""

    assigned: bool = True
    min_entropy: float = 3.5


def entropy(value: str) -> float:
    """Bits a character, by how often each occurs in the string."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


def secrets(text: str, params: Params) -> list[tuple[int, int]]:
    """Where secrets stand, in order and without overlap: (start, end) in characters."""
    found = [*_tokens(text), *_private_keys(text)]
    if params.assigned:
        named = (m for m in _STRING.finditer(text) if _NAME.search(text, max(m.start() - NAME_CHARS, 0), m.start()))
        found += [match.span(2) for match in named if _is_random(match[2], params.min_entropy)]
    spans: list[tuple[int, int]] = []
    for start, stop in sorted(found):
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(stop, spans[-1][1])
        else:
            spans.append((start, stop))
    return spans


def _tokens(text: str) -> Iterator[tuple[int, int]]:
    for start in _STARTS:
        at = text.find(start)
        while at >= 0:
            match = _TOKEN.match(text, at)
            if match:
                yield match.span()
            at = text.find(start, match.end() if match else at + 1)


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    begin = None
    for line in _PEM.finditer(text):
        if line[1] == "BEGIN":
            begin = line.end()
        elif begin is not None:
            if line.start() - begin <= PEM_CHARS and _KEY.search(text, begin, line.start()):
                yield begin, line.start()
            begin = None


def _is_random(value: str, least: float) -> bool:
    """Whether a string looks drawn by chance: both letters and digits, many different characters."""
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value) and entropy(value) >= least


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], MARK]
        at = end
    return "".join([*parts, text[at:]])


@stage(reads=["text"], writes={"text": pa.large_string(), "secret_count": pa.int32()})
def redact_secrets(batch: Batch, params: Params) -> Columns:
    """Return text (large_string) and secret_count (int32), one value per document."""
    texts, counts = [], []
    for _, text in batch.documents("text"):
        spans = secrets(text or "", params)
        texts.append(_without(text or "", spans))
        counts.append(len(spans))
    return {"text": pa.array(texts, pa.large_string()), "secret_count": pa.array(counts, pa.int32())}


def replaced(row: Mapping[str, Any], params: Params) -> dict[str, int]:
    """Secrets replaced in a document, for who looks at it."""
    return {"secret": row["secret_count"]} if row.get("secret_count") else {}


def masked(texts: pa.Array, params: Params) -> pa.Array:
    """Texts as this stage leaves them, for who looks at what they were before it."""
    return redact_secrets(pa.table({"text": texts}), params)["text"]
