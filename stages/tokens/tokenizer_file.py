"""Tokenizer files of three kinds, told apart by what is in them, and what each makes of a text.

- `tokenizer.json` of Hugging Face's library `tokenizers`, whatever model is in it.
- Ranks: a line `BASE64 RANK` for each token, as tiktoken's files and Llama 3's `tokenizer.model` are. Such a file does not say how a text
  is split before tokens are merged. That follows from how many there are, or is named: PATTERNS.
- A sentencepiece model.

Text is text: a page that says `<|endoftext|>` or `<s>` gets the tokens of these characters, never the id of a special token, and no special
token is added. What a file calls an added token without calling it special, or user-defined, is part of its vocabulary.

Each kind runs in its own library, and ids are exactly the library's, but for two cases. A tokenizer.json whose model has special tokens
among its pieces (Unigram, WordPiece) would give them for their text: their place takes what the model makes of each character. tiktoken
cannot match a run of some hundred thousand white spaces: such a text is cut, inside runs of white space alone, every RUN characters, as
Llama 3's own tokenizer does with every text.

Source:  patterns: Llama 3's tokenizer.py (Meta, package llama-models 0.3.0), which has RUN too, for any run; openai_public.py of tiktoken
         0.14.0. Llama 4's tokenizer.py has o200k's pattern.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import tokenizers

from curation.assets import content_hash

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # read by `tokenizers` at each call: the engine shares out the cores

Pattern = Literal["llama3", "o200k", "cl100k", "gpt2"]
PATTERNS: dict[Pattern, str] = {
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "cl100k": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
}  # fmt: skip
"""How a text is split before its tokens are merged."""
BY_RANKS: dict[int, Pattern] = {
    128_000: "llama3", 200_000: "o200k", 199_998: "o200k", 100_256: "cl100k", 50_280: "gpt2", 50_256: "gpt2",
}  # fmt: skip
"""Ranks of a file -> its pattern: Llama 3, Llama 4, o200k_base, cl100k_base, p50k_base, r50k_base."""
RUN = 25_000
NO_RANK = 2**32 - 1
"""What tiktoken takes for no rank, the largest number it has room for."""
_RANK_LINE = re.compile(rb"[A-Za-z0-9+/]+=* [0-9]+\r?(\n|$)")


class Tokenizer(Protocol):
    """What all kinds can do. Both raise what the library raises where it cannot tell (a model without an unknown token)."""

    def count(self, text: str) -> int:
        """Tokens of a text."""

    def ids(self, text: str) -> Any:
        """Their ids: a sequence of int, or uint32 (n,)."""

    def size(self) -> int:
        """The largest id there is, and one."""


class Json:
    """A tokenizer.json."""

    def __init__(self, path: str) -> None:
        self._of = load_json(path)
        model = json.loads(Path(path).read_bytes())["model"]
        tokens = self._of.get_added_tokens_decoder().items()
        unknown = {model.get("unk_id"), self._of.token_to_id(model.get("unk_token") or "")}
        special = {i: token.content for i, token in tokens if token.special and i not in unknown}
        try:
            self._plain = {i: [k for c in text for k in self._pieces(c)] for i, text in special.items() if self._pieces(text) == [i]}
            """Special tokens that are pieces of the model: id -> ids of its characters."""
        except Exception as e:
            raise ValueError(f"{path} cannot encode every text: {e}") from e

    def count(self, text: str) -> int:
        return len(self.ids(text)) if self._plain else len(self._encoded(text))

    def ids(self, text: str) -> list[int]:
        ids: list[int] = self._encoded(text).ids
        if not self._plain or self._plain.keys().isdisjoint(ids):
            return ids
        return [part for i in ids for part in self._plain.get(i, (i,))]

    def size(self) -> int:
        return 1 + int(max(self._of.get_vocab().values()))

    def _pieces(self, text: str) -> list[int]:
        return [piece.id for piece in self._of.model.tokenize(text)]

    def _encoded(self, text: str) -> Any:
        return self._of.encode_batch_fast([text], add_special_tokens=False)[0]  # as encode, but does not look for offsets


class Ranks:
    """A file of ranks."""

    def __init__(self, path: str, ranks: dict[bytes, int], pattern: Pattern) -> None:
        import tiktoken

        self._of = tiktoken.Encoding(path, pat_str=PATTERNS[pattern], mergeable_ranks=ranks, special_tokens={})

    def count(self, text: str) -> int:
        return len(self.ids(text))

    def ids(self, text: str) -> Any:
        try:
            return self._of.encode_to_numpy(text, disallowed_special=())
        except ValueError:  # more white space than it can match
            return np.concatenate([self._of.encode_to_numpy(part, disallowed_special=()) for part in cut(text)])

    def size(self) -> int:
        return 1 + int(self._of.max_token_value)


class Pieces:
    """A sentencepiece model."""

    def __init__(self, path: str) -> None:
        self._of = load_pieces(path)

    def count(self, text: str) -> int:
        return len(self.ids(text))

    def ids(self, text: str) -> list[int]:
        ids: list[int] = self._of.encode(text)
        return ids

    def size(self) -> int:
        return int(self._of.vocab_size())


def load(path: str, pattern: Pattern | None = None) -> Tokenizer:
    """The tokenizer in a file.

    Args:
        path: of the file. pattern: how text is split, of a file of ranks.
    Raises: ValueError if the file is no whole tokenizer, the package for it is not installed, or the pattern is missing or has no use.
    """
    return _load(path, pattern, content_hash(Path(path)))


@lru_cache(maxsize=4)  # keyed by the content too: a file may change between two runs of one process
def _load(path: str, pattern: Pattern | None, content: str) -> Tokenizer:
    kind = kind_of(path)
    if kind != "ranks":
        if pattern is not None:
            raise ValueError(f"pattern: {path} says itself how text is split")
        return Json(path) if kind == "json" else Pieces(path)
    ranks = read_ranks(path)
    named = pattern or BY_RANKS.get(len(ranks))
    if named is None:
        raise ValueError(f"pattern: no known tokenizer has the {len(ranks):,} ranks of {path}; name one of {', '.join(PATTERNS)}")
    return Ranks(path, ranks, named)


def check(path: Path) -> None:
    """Read a tokenizer file.

    Raises: ValueError if the file is no whole tokenizer, or the package for it is not installed.
    """
    {"json": load_json, "ranks": read_ranks, "pieces": load_pieces}[kind_of(str(path))](str(path))


def kind_of(path: str) -> Literal["json", "ranks", "pieces"]:
    """Kind of a tokenizer file, by its first bytes.

    Raises: ValueError if it is none.
    """
    with open(path, "rb") as f:
        head = f.read(1_024)
    if head.startswith(b"{"):
        return "json"
    if _RANK_LINE.match(head):
        return "ranks"
    if head.startswith(b"\n"):  # field 1 of a protobuf message: the first piece
        return "pieces"
    raise ValueError(f"{path} is no tokenizer: neither a tokenizer.json, nor lines `BASE64 RANK`, nor a sentencepiece model")


def load_json(path: str) -> Any:
    """A tokenizer of the package `tokenizers`, which takes text whole and as text.

    Raises: ValueError if the file is none.
    """
    try:
        tokenizer = tokenizers.Tokenizer.from_file(path)
    except Exception as e:
        raise ValueError(f"{path} is no tokenizer.json file: {e}") from e
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


def read_ranks(path: str) -> dict[bytes, int]:
    """Rank of each token of a file of ranks.

    Raises: ValueError at the first line that is none or gives a token or a rank again, and if a byte has no token; if tiktoken is not
    installed.
    """
    try:
        import tiktoken  # noqa: F401
    except ImportError as e:
        raise ValueError("a file of ranks needs the package tiktoken: pip install 'curate-pretraining[tokenizer]'") from e
    ranks: dict[bytes, int] = {}
    lines: dict[int, int] = {}
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        try:
            token, digits = line.split(b" ")
            token, rank = base64.b64decode(token, validate=True), int(digits)
        except (binascii.Error, ValueError) as e:
            raise ValueError(f"{path}:{number}: not `BASE64 RANK`: {line[:40]!r}") from e
        if not token or not digits.isdigit() or rank >= NO_RANK:
            raise ValueError(f"{path}:{number}: not `BASE64 RANK` with a rank below {NO_RANK:,}: {line[:40]!r}")
        if token in ranks:
            raise ValueError(f"{path}:{number}: the token of line {lines[ranks[token]]} again: {line[:40]!r}")
        if rank in lines:
            raise ValueError(f"{path}:{number}: the rank of line {lines[rank]} again: {line[:40]!r}")
        ranks[token], lines[rank] = rank, number
    if lacking := sum(bytes([byte]) not in ranks for byte in range(256)):
        raise ValueError(f"{path} is no whole file of ranks: {lacking} bytes have no token")
    return ranks


def load_pieces(path: str) -> Any:
    """A sentencepiece model.

    Raises: ValueError if the package is not installed or the file is no whole model.
    """
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as e:
        raise ValueError("a sentencepiece model needs the package sentencepiece: pip install 'curate-pretraining[tokenizer]'") from e
    data = Path(path).read_bytes()
    try:
        if not _has_settings(data):  # sentencepiece would take its defaults
            raise ValueError("it ends behind its pieces")
        return SentencePieceProcessor(model_proto=data)
    except (IndexError, OSError, RuntimeError, ValueError) as e:
        raise ValueError(f"{path} is no sentencepiece model: {e}") from e


def _has_settings(data: bytes) -> bool:
    """Whether field 2 (the trainer's settings) stands behind the pieces, field 1, of a model."""
    at = 0
    while data[at : at + 1] == b"\n":
        at, size, shift = at + 1, 0, 0
        while data[at] >= 128:
            at, size, shift = at + 1, size | (data[at] & 127) << shift, shift + 7
        at += 1 + (size | data[at] << shift)
    return data[at : at + 1] == b"\x12"


def cut(text: str) -> Iterator[str]:
    """Parts of a text, cut inside runs of white space every RUN characters."""
    start = 0
    for run in re.finditer(r"\s+", text):
        for at in range(run.start() + RUN, run.end(), RUN):
            yield text[start:at]
            start = at
    yield text[start:]
