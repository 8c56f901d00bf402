"""Count the pronouns of each document and the words by which it mentions groups of people.

Source:  Llama 2 (Touvron et al. 2023, arXiv:2307.09288), section 4.1: before training, counts how many documents have pronouns of each
         kind and identity terms of each axis, so that skews are known. The words are ours (mentions.en.yaml), short and for counting.
Units:   mentions_GROUP = matches of the group's words and phrases in `text`, none within another; null where the document's `lang` has no
         list, or one without the group. What matches: stages/safety/phrases.py.
Params:  lists -- {en: file, de: file ...}. A file is a YAML map of group: [word or phrase, ...]; a word may be in several groups.
Drops:   none.
Errors:  RecipeError naming file, line and key before the run: a list that is no such map, a name of a group that is no name of a column, a
         word that is none.

The columns are tallied: the accounts of every step behind this one say how many of its documents mention each group, and how many of
those it drops. So the data card says which filters change who is mentioned, and by how much.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.assets import resolve
from curation.stage import TALLIED, AssetMark, Batch, Columns, StageParams, Types, stage
from curation.text import UNICODE_VERSION
from curation.yaml_file import parse_yaml, read_text
from stages.safety import phrases
from stages.safety.phrases import Lexicon, Phrase, phrase_of

MOST_GROUPS = 64
"""Groups of all lists (ours): each is a column."""
_GROUP = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CODE = re.compile(r"[a-z]{2,3}")
"""Languages that are named where they have no list: a column `lang` of any texts makes no endless note."""


@dataclass(frozen=True)
class Mentions:
    """A list: its groups, their words, and which word belongs to which: float64 (words, groups)."""

    groups: tuple[str, ...]
    words: Lexicon
    belongs: Any


def read(path: Path) -> Mentions:
    """Read a list.

    Raises: RecipeError naming file, line and key.
    """
    return _read(str(path), read_text(path, "list"))


@lru_cache(maxsize=64)  # keyed by the content: a file may change between two runs of one process
def _read(path: str, text: str) -> Mentions:
    yaml = parse_yaml(text, path, "list")
    if not 1 <= len(yaml.data) <= MOST_GROUPS:
        raise yaml.error(f"a list has 1 to {MOST_GROUPS} groups")
    found: dict[str, Phrase] = {}
    members: dict[str, set[str]] = {}
    for name, words in yaml.data.items():
        if not _GROUP.fullmatch(name):
            raise yaml.error("a group's name has lower-case letters, digits and _, and begins with a letter", name)
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            raise yaml.error("a group is a list of words: quote what YAML takes for something else, such as true", name, value=True)
        for n, word in enumerate(words):
            try:
                phrase = phrase_of(word)
            except ValueError as e:
                raise yaml.error(f"{word!r}: {e}", name, str(n), value=True) from e
            found[phrase.text] = phrase
            members.setdefault(phrase.text, set()).add(name)
    lexicon = Lexicon.of({"": found.values()})
    belongs = np.array([[name in members[p.text] for name in yaml.data] for p in lexicon.phrases], np.float64)
    return Mentions(tuple(yaml.data), lexicon, belongs)


def _check(path: Path) -> None:
    read(path)


class Params(StageParams):
    """Parameters of count_mentions; see the file's docstring."""

    lists: Annotated[dict[str, Annotated[str, AssetMark(read=_check)]], Field(min_length=1)] = {"en": "safety/mentions.en.yaml"}


def lists(params: Params) -> dict[str, Mentions]:
    """The lists by language."""
    return {language: read(resolve(file, Path.cwd())) for language, file in params.lists.items()}


def _writes(params: Params) -> Types:
    groups = dict.fromkeys(group for found in lists(params).values() for group in found.groups)
    return {f"mentions_{group}": pa.field(f"mentions_{group}", pa.int32(), metadata=TALLIED) for group in groups}


@stage(reads=["text", "lang"], writes=_writes, version=f"1:unicode-{UNICODE_VERSION}")
def count_mentions(batch: Batch, params: Params) -> Columns:
    """Return a column mentions_GROUP (int32, null where it was not counted) for each group of the lists, one value per document."""
    counts = {name: (np.zeros(len(batch), np.int32), np.ones(len(batch), bool)) for name in _writes(params)}
    lang = np.array(batch["lang"].to_pylist(), object)
    for language, found in lists(params).items():
        mine = lang == language
        every = np.ones((1, len(found.words.phrases)), bool)
        matches = found.words.find(batch.words(), every, np.where(mine, 0, -1), found.belongs)
        for group, number in zip(found.groups, matches[1:-1], strict=True):
            values, missing = counts[f"mentions_{group}"]
            values[mine], missing[mine] = number[mine], False
    others = {str(name) for name in set(lang) if name is not None and name not in params.lists}
    batch.note("not counted, no list", {name if _CODE.fullmatch(name) else "what is no code of a language" for name in others})
    return {name: pa.array(values, mask=missing) for name, (values, missing) in counts.items()}


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of phrases.py."""
    phrases.warm_up()
