"""Turn subtitles (SRT, WebVTT) into text: numbers, times, positions and styling gone, cues joined into sentences and paragraphs.

Cues follow each other with a space, since a sentence goes on from one to the next; in Chinese and Japanese, whose subtitles have a space
or a new cue for a full stop, the lines of one cue are joined without one. A dash or `>>` at the start of a line is another speaker: a new
line. A paragraph ends where nobody speaks for a while. Captions that roll repeat the lines above the new one: where a fifth of the cues
do, each line is taken once.

Source:  Llama 3, section 3.1 names subtitles no more than as data; Lison and Tiedemann 2016 (OpenSubtitles) for what is wrong with them.
         Rules and values are ours.
Units:   n_cues = cues of the file, with text or without. duration_seconds = from the first start to the last end.
Params:  keep_sounds -- keep descriptions of sounds and names of speakers in brackets, [door slams], (JOHN), and song marks (default no).
         paragraph_seconds -- silence that ends a paragraph (default 4); four times as long where a sentence runs on.
         credits -- list of phrases whose cues go: who made the subtitles, advertisements (`subtitles/credits.txt` says how).
         max_bytes -- longer files are dropped (default 4 MiB).
Drops:   too_large, not_subtitles (no cue), empty (no text in them).
Errors:  a list without one phrase is an error of the recipe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NamedTuple

import pyarrow as pa
from pydantic import Field

from curation.assets import resolve
from curation.stage import AssetMark, Batch, Columns, StageParams, stage
from stages.extract.charset import decoded
from stages.heuristics.sentences import CLOSERS, TERMINALS
from stages.subtitles.cues import Cue, cues

ROWS = 4
"""Rows a rolling caption has at most (CEA-608)."""
LEAST_ROLLING, ROLLING_SHARE, ROLLING_SECONDS = 3, 0.2, 1.0
RUN_ON = 4
EDGE_CUES = 10
"""Cues at each end of a file among which credits stand."""
_BRACKETED = r"\[[^\[\]]{0,200}\]:?|［[^［］]{0,200}］|【[^【】]{0,200}】|[♪♫♬🎵🎶]+|^[#*]{1,9}[ \n]|[ \n][#*]{1,9}$"
_SOUND = re.compile(rf"^(-? ?)[(（](?![\d ]{{1,20}}[)）])[^()（）]{{0,200}}[)）]:?|{_BRACKETED}", re.MULTILINE)
_MAY_BE_SOUND = re.compile("[][(（［【♪♫♬🎵🎶#*]")
_SPEAKER = re.compile("(?:>{2,3}|[-\u2010-\u2015\u2212]{1,2})(?: +|(?=[^\\W\\d]|[\"'“‘«¿¡.…]))")
_ORNAMENTS = " -–—*#~♪=_<>|•·.([{【（"
_UNSPACED = re.compile("[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff9f\U00020000-\U0003ffff]")
"""Chinese and Japanese characters and their marks."""


class Credits(NamedTuple):
    """anywhere: what no cue may hold. at_edges: what no line may begin with near the ends of a file."""

    anywhere: tuple[str, ...]
    at_edges: tuple[str, ...]


def load_credits(path: Path) -> Credits:
    """Raises: ValueError for a list without one phrase."""
    lines = [line.strip().lower() for line in path.read_text("utf-8").splitlines()]
    phrases = [line for line in lines if line.strip("^ ") and not line.startswith("#")]
    if not phrases:
        raise ValueError(f"{path} has no phrase")
    return Credits(tuple(p for p in phrases if p[0] != "^"), tuple(p[1:].strip() for p in phrases if p[0] == "^"))


class Params(StageParams):
    """Parameters of clean_subtitles; see the file's docstring."""

    keep_sounds: bool = False
    paragraph_seconds: float = Field(default=4.0, ge=0)
    credits: Annotated[str, AssetMark(load_credits)] = "subtitles/credits.txt"
    max_bytes: int = Field(default=4 << 20, ge=1)


WRITES = {"text": pa.large_string(), "n_cues": pa.int32(), "duration_seconds": pa.float32()}


@stage(reads=["content"], writes=WRITES, drops=["too_large", "not_subtitles", "empty"], costly=True)
def clean_subtitles(batch: Batch, params: Params) -> Columns:
    """Return the columns of WRITES and drop_reason, one value per document."""
    rows = [clean(content or b"", params) for _, content in batch.documents("content")]
    types = [*WRITES.values(), pa.string()]
    return {
        name: pa.array([row[n] for row in rows], kind) for n, (name, kind) in enumerate(zip([*WRITES, "drop_reason"], types, strict=True))
    }


def clean(content: bytes, params: Params) -> tuple[str, int, float, str | None]:
    """Text, number of cues, seconds and drop reason of one file."""
    if len(content) > params.max_bytes:
        return "", 0, 0.0, "too_large"
    found = cues(decoded(content, None))
    if not found:
        return "", 0, 0.0, "not_subtitles"
    seconds = max(0.0, max(cue.end for cue in found) - min(cue.start for cue in found))
    spoken = found if params.keep_sounds else [_without_sounds(cue) for cue in found]
    spoken = _unrolled([cue for cue in spoken if cue.lines])
    text = "".join(_joined(_without_credits(spoken, _credits(params.credits)), params.paragraph_seconds))
    return text, len(found), seconds, None if text else "empty"


@cache
def _credits(path: str) -> Credits:
    return load_credits(resolve(path, Path.cwd()))


def _without_sounds(cue: Cue) -> Cue:
    text = "\n".join(cue.lines)
    if not _MAY_BE_SOUND.search(text):
        return cue
    lines = (" ".join(line.split()) for line in _SOUND.sub(r"\1", text).split("\n"))
    return cue._replace(lines=tuple(line for line in lines if line.strip(_ORNAMENTS)))


def _unrolled(found: list[Cue]) -> list[Cue]:
    """Cues without the lines that rolled up from the one before; of files that do not roll, without cues written twice."""
    pairs = list(pairwise(found))
    new = [_new_lines(before, cue) for before, cue in pairs]
    n_rolling = sum(lines != cue.lines for (_, cue), lines in zip(pairs, new, strict=True))
    if n_rolling < max(LEAST_ROLLING, ROLLING_SHARE * len(pairs)):
        new = [() if cue.start == before.start and cue.lines == before.lines else cue.lines for before, cue in pairs]
    return found[:1] + [
        cue if lines is cue.lines else cue._replace(lines=lines) for (_, cue), lines in zip(pairs, new, strict=True) if lines
    ]


def _new_lines(before: Cue, cue: Cue) -> tuple[str, ...]:
    """Lines of a cue but for the first ones, where these are the last ones of the cue before; the last of these may have grown."""
    old, lines = before.lines, cue.lines
    if cue.start - before.end < ROLLING_SECONDS:
        for rows in range(min(len(old), len(lines), ROWS), 0, -1):
            last = lines[rows - 1]
            if last.startswith(old[-1]) and old[-rows:-1] == lines[: rows - 1]:
                grown = last[len(old[-1]) :]
                if not grown or grown[0] == " " or _UNSPACED.match(grown):
                    return ((grown.strip(),) if grown else ()) + lines[rows:]
    return lines


def _without_credits(found: list[Cue], credits: Credits) -> list[Cue]:
    texts = ["\n".join(cue.lines).lower() for cue in found]
    whole = "\n".join(texts)
    anywhere = [phrase for phrase in credits.anywhere if phrase in whole]
    kept = []
    for n, (cue, text) in enumerate(zip(found, texts, strict=True)):
        is_edge = n < EDGE_CUES or n >= len(found) - EDGE_CUES
        if is_edge and any(line.lstrip(_ORNAMENTS).startswith(credits.at_edges) for line in text.split("\n")):
            continue
        if not any(phrase in text for phrase in anywhere):
            kept.append(cue)
    return kept


def _joined(found: list[Cue], paragraph_seconds: float) -> Iterator[str]:
    """The text, in pieces that begin with what parts them."""
    before: Cue | None = None
    said = ""
    for cue in found:
        for n, (is_other_speaker, speech) in enumerate(_speeches(cue.lines)):
            if before is None:
                yield speech
            elif n == 0 and _is_paragraph(before, cue, said, speech, paragraph_seconds):
                yield f"\n\n{speech}"
            elif is_other_speaker:
                yield f"\n{speech}"
            else:
                goes_on = said.endswith(("...", "…")) and speech.startswith(("...", "…"))
                yield f" {speech.lstrip('.… ') or speech if goes_on else speech}"
            before, said = cue, speech


def _is_paragraph(before: Cue, cue: Cue, said: str, speech: str, seconds: float) -> bool:
    """Whether nobody spoke for long enough between two cues, or the clock begins anew."""
    runs_on = speech[0].islower() and said.rstrip(CLOSERS)[-1:] not in TERMINALS
    return cue.start - before.end >= seconds * (RUN_ON if runs_on else 1) or cue.start < before.start - seconds


def _speeches(lines: tuple[str, ...]) -> list[tuple[bool, str]]:
    """(whether another speaker begins, what is said) of the lines of a cue."""
    found: list[tuple[bool, list[str]]] = []
    for line in lines:
        dash = _SPEAKER.match(line)
        said = line[dash.end() :] if dash else line
        if dash or not found:
            found.append((bool(dash), [said]))
        else:
            parts = found[-1][1]
            parts += [said] if _UNSPACED.match(parts[-1][-1]) and _UNSPACED.match(said) else [" ", said]
    return [(is_other, "".join(parts)) for is_other, parts in found]
