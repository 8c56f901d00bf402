"""Fit the letter statistics by which stages/extract/charset.py tells legacy charsets apart.

    python -m classifiers.charset TEXT.jsonl.gz [--out stages/extract/charset.npz]

TEXT holds lines `{"lang": ISO 639-3, "text"}`. The model of a family of charsets is a class bigram over Unicode, of the
languages it served: P(character | character before), where letters are classes of their own and the large scripts of
East Asia are one class each, with P(character | class) beside it. Languages of a family weigh the same, however much
text they have; no word of the text is in the result. It is counting alone, so the same text gives the same file.

Source:  that a charset is judged by the letters it gives is old (Li and Momoi 2001); classes and smoothing are ours.
Units:   costs are -ln P in sixteenths of a nat.
"""

from __future__ import annotations

import argparse
import gzip
import json
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from stages.extract.charset import AFTER_LATIN, BROKEN, FAMILIES, WIDE

LANGUAGES = {
    "western": "deu fra spa por ita nld swe dan nob nno fin isl cat eus glg gle afr ind eng",
    "central": "pol ces slk hun ron slv hrv bos als sqi",
    "baltic": "lit lvs est ekk", "turkish": "tur aze azj", "vietnamese": "vie", "cyrillic": "rus ukr bel bul srp mkd",
    "greek": "ell", "hebrew": "heb", "arabic": "ara arb pes", "thai": "tha", "chinese": "cmn", "japanese": "jpn", "korean": "kor",
}  # fmt: skip
"""Family of charsets -> languages that were written in it on the web (ISO 639-3)."""
MARKS = {100: "’\u00a0", 400: "“”–…©®·•»«", 2000: "„‘‚—™€£§¿¡´№ºª°×½\u00ad", 20_000: "¼¾±¹²³µ¢¥¶†‡‰ˆ˜‹›÷"}
"""Marks that pages use more than plain text does: each stands once in so many characters of any language, and
what stands behind it is the same in all, so that marks alone decide nothing."""
BACKOFF = 0.01
"""Share of what is foreseen by the kind of the character before alone (a Cyrillic letter, a Latin one beyond ASCII ...)."""
UNSEEN = 1e-6
DEAREST = 224
"""No character costs more: a page may hold a few of any kind."""
COMMON = {3: {"gb2312": (0xB0, 0xD7), "euc_jp": (0xB0, 0xCF), "big5": (0xA4, 0xC6)}, 4: {"euc_kr": (0xB0, 0xC8)}}
"""Where charsets keep the common ideographs and syllables: script -> charset -> first and last lead byte."""
RARE = 0.02
"""Prior of another character of such a script beside a common one."""
SCRIPTS = 7


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.charset", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "stages" / "extract" / "charset.npz")
    options = parser.parse_args()
    texts: dict[str, list[str]] = defaultdict(list)
    with gzip.open(options.text, "rt", encoding="utf-8") as f:
        for line in f:
            row = json.loads(line)
            texts[row["lang"]].append(row["text"])
    counted = [count({name: texts[name] for name in LANGUAGES[family].split() if texts[name]}) for family in FAMILIES]
    behind = sum(pairs.sum(axis=0) / pairs.sum() for pairs, _ in counted)
    fitted = [fit(pairs, shares, behind / len(counted)) for pairs, shares in counted]
    pairs, within = (np.stack(tables) for tables in zip(*fitted, strict=True))
    np.savez_compressed(options.out, classes=CLASSES, pairs=pairs, within=within)


def script(character: str) -> int:
    """1 to 6 for a character of a large script, which shares its class; else 0."""
    at = ord(character)
    if 0x3040 <= at < 0x30A0:
        return 1
    if 0x30A0 <= at < 0x3100:
        return 2
    if 0x3400 <= at < 0xA000 or 0xF900 <= at < 0xFB00:
        return 3
    if 0xAC00 <= at < 0xD7B0:
        return 4
    if 0x3000 <= at < 0x3040 or 0xFF00 <= at < 0xFF61:
        return 5
    return 6 if 0xFF61 <= at < 0xFFA0 else 0


def _classes() -> Any:
    """Class of every character of the basic plane, uint16 (65536,).

    0 is everything else, 1 to 6 are `script`, then white space, digits, other ASCII marks, white space behind a Latin
    letter (a vertical tab, see AFTER_LATIN), ASCII letters, and one class for each further character of the charsets of
    one byte that is a letter or one of MARKS.
    """
    table = np.array([script(chr(at)) for at in range(1 << 16)], np.uint16)
    table[:128] = SCRIPTS + 2
    table[[9, 10, 13, 32]] = SCRIPTS
    table[11] = SCRIPTS + 3
    table[ord("0") : ord("9") + 1] = SCRIPTS + 1
    single = [codec for family, codecs in FAMILIES.items() if family not in WIDE for codec in codecs]
    high = {c for codec in single for c in bytes(range(128, 256)).decode(codec, "ignore") if unicodedata.category(c)[0] in "LM"}
    high |= set("".join(MARKS.values()))
    letters = [chr(c) for c in range(65, 123) if chr(c).isalpha()]
    for n, character in enumerate([*letters, *sorted(c for c in high if not script(c))]):
        table[ord(character)] = SCRIPTS + 4 + n
    return table


def _kinds() -> Any:
    """Kind of each class, int64 (classes,): the script of a letter, or that it is none."""
    names: dict[str, int] = {}
    kind = np.zeros(int(CLASSES.max()) + 1, np.int64)
    for at in np.flatnonzero(CLASSES).tolist():
        character = chr(at)
        if at < 128:
            name = "Latin" if character.isalpha() else "ASCII"
        elif unicodedata.category(character)[0] in "LM":
            name = unicodedata.name(character, "").partition(" ")[0]
        else:
            name = "mark"
        kind[CLASSES[at]] = names.setdefault(name, len(names) + 1)
    return kind


CLASSES = _classes()
KINDS = _kinds()


def count(texts: dict[str, list[str]]) -> tuple[Any, dict[str, float]]:
    """What stands beside what in the languages of a family.

    Args:
        texts: lines of each language.
    Returns: share of each pair of classes, summed over languages, float64 (classes, classes); share of each character.
    """
    n = len(KINDS)
    pairs = np.zeros((n, n))
    shares: dict[str, float] = defaultdict(float)
    for language, lines in sorted(texts.items()):
        text = "\n".join(lines)
        if language == "vie":
            text += _windows_1258(text)
        text = AFTER_LATIN.sub(rb"\1\v", text.encode()).decode()
        ids = CLASSES[np.minimum(np.frombuffer(text.encode("utf-32-le"), np.uint32), 0xFFFF)]
        counts = np.zeros((n, n))
        np.add.at(counts, (ids[:-1], ids[1:]), 1.0)
        pairs += counts / counts.sum()
        for character, times in Counter(text).items():
            shares[character] += times / len(text)
    return pairs, shares


def fit(pairs: Any, shares: dict[str, float], behind: Any) -> tuple[Any, Any]:
    """The model of one family.

    Args:
        pairs, shares: of `count`. behind: share of each class in all families, float64 (classes,): what stands behind MARKS.
    Returns: pairs uint8 (classes + 1, classes + 1): cost of a class after another, 0 where both are ASCII, the last class for
        bytes that are no character; within uint8 (65536,): cost of a character in its class.
    """
    n = len(KINDS)
    chance = _smooth(pairs)
    marks = [(CLASSES[ord(mark)], every) for every, some in MARKS.items() for mark in some if not script(mark)]
    for k, _ in marks:
        chance[k] = behind
    for k, every in marks:
        chance[:, k] = 1 / every
    cost = np.full((n + 1, n + 1), BROKEN, np.uint8)
    cost[:n, :n] = _cost(chance)
    cost[:n, 0] = DEAREST
    cost[n, :n] = cost[0, :n]
    ascii_classes = np.unique(CLASSES[:128])
    cost[np.ix_(ascii_classes, ascii_classes)] = 0
    within = np.zeros(1 << 16, np.uint8)
    within[CLASSES == 0] = _cost(1 / (CLASSES == 0).sum())
    for k in range(1, SCRIPTS):
        members = [chr(at) for at in np.flatnonzero(k == CLASSES).tolist()]
        common = _common(k) if k in COMMON else frozenset(members)
        prior = np.array([1.0 if c in common else RARE for c in members])
        share = np.array([shares[c] for c in members])
        within[k == CLASSES] = _cost(0.9 * share / max(share.sum(), 1e-12) + 0.1 * prior / prior.sum())
    return cost, within


def _smooth(pairs: Any) -> Any:
    """P(class | class before), float64 (classes, classes): the pair's own share, and that of its kinds."""
    between = np.zeros((KINDS.max() + 1, KINDS.max() + 1))
    np.add.at(between, (KINDS[:, None], KINDS[None, :]), pairs)
    between += UNSEEN
    alone = pairs.sum(axis=0) + UNSEEN
    by_kind = (between / between.sum(axis=1, keepdims=True))[KINDS][:, KINDS] * (alone / np.bincount(KINDS, weights=alone)[KINDS])
    own = pairs / np.maximum(pairs.sum(axis=1, keepdims=True), 1e-12)
    return (1 - BACKOFF) * own + BACKOFF * by_kind


def _common(k: int) -> frozenset[str]:
    """Members of a large script that text is likely to hold."""
    found: set[str] = set()
    for codec, (first, last) in COMMON[k].items():
        for lead in range(first, last + 1):
            found.update(c for trail in range(0x40, 0xFF) for c in bytes([lead, trail]).decode(codec, "ignore") if script(c) == k)
    return frozenset(found)


def _cost(chance: Any) -> Any:
    return np.clip(np.round(-16 * np.log(np.maximum(chance, 1e-300))), 0, DEAREST).astype(np.uint8)


def _windows_1258(text: str) -> str:
    """Vietnamese as windows-1258 writes it: a letter with its hook or hat, then the tone as a mark of its own."""
    out = []
    for character in unicodedata.normalize("NFC", text):
        parts = unicodedata.normalize("NFD", character)
        tones = "".join(c for c in parts if c in "\u0300\u0301\u0303\u0309\u0323")
        out.append(unicodedata.normalize("NFC", "".join(c for c in parts if c not in tones)) + tones if tones else character)
    return "".join(out)


if __name__ == "__main__":
    main()
