"""A line as CCNet's language models see it: its normal form, cut into sentencepiece pieces or words.

Source: CCNet (Wenzek et al. 2020). Normal form `code`, of the published program: lower case, accents off (NFD without marks), digits 0,
typographic and full-width punctuation mapped to ASCII, control characters removed. Normal form `paper`, of section 4.1: lower case,
digits 0, accents off, all Unicode punctuation removed.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache
from typing import Any, Literal

from curation.text import Utf8

_ASCII = {
    ",": ",،、", ".": "。.．", '"': "„“”″«»‹›「」『』《》", "'": "‘’´′`‚", ":": "：∶", "?": "？؟", "!": "！",
    "(": "（", ")": "）", ";": "；؛", "-": "–‐‑‒━─", " - ": "—―", "~": "～", "...": "…", "<": "〈", ">": "〉",
    "[": "【", "]": "】", "%": "％٪", "/": "／", " ": "\u00a0\u3000",
}  # fmt: skip
"""ASCII form -> what is written so (the table is ours; CCNet maps the same kinds)."""


class Pieces:
    """Cuts text into what a language model counts.

    Args:
        variant: normal form. model: path of a sentencepiece model, or None for the words of curation/text.py.
    Raises: ValueError if the model cannot be read.
    """

    def __init__(self, variant: Literal["code", "paper"], model: str | None) -> None:
        self._table = _table(variant)
        self._model = None if model is None else load_sentencepiece(model)

    def normal(self, line: str) -> str:
        """Normal form of a line."""
        line = line.strip().lower()
        if not line.isascii():
            line = unicodedata.normalize("NFD", line)
        return line.translate(self._table)

    def of_line(self, line: str) -> list[str]:
        """Pieces of a line."""
        return self.of_lines([line])[0]

    def of_lines(self, lines: list[str]) -> list[list[str]]:
        """Pieces of each line."""
        normal = [self.normal(line) for line in lines]
        if self._model is not None:
            pieces: list[list[str]] = self._model.encode(normal, out_type=str, num_threads=1)
            return pieces
        words = Utf8.of_strings(list(normal)).words()
        return [words.to_list(row) for row in range(len(lines))]


@cache
def _table(variant: str) -> dict[int, str | None]:
    """What becomes of each character."""
    table: dict[int, str | None] = {}
    mapped = {ord(c): form for form, chars in _ASCII.items() for c in chars}
    for code in range(sys.maxunicode + 1):
        kind = unicodedata.category(chr(code))
        if kind == "Mn" or (kind == "Cc" and chr(code) != "\t"):
            table[code] = None
        elif kind == "Nd":
            table[code] = "0"
        elif kind[0] == "P" and variant == "paper":
            table[code] = None
    if variant == "code":
        table.update(mapped)
    return table


@cache
def load_sentencepiece(path: str) -> Any:
    """A sentencepiece model.

    Raises: ValueError if the package is not installed or the file is no model.
    """
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as e:
        raise ValueError("pieces need the package sentencepiece: pip install 'curate-pretraining[lm]'") from e
    try:
        return SentencePieceProcessor(model_file=path)
    except (OSError, RuntimeError) as e:
        raise ValueError(f"{path} is no sentencepiece model: {e}") from e
